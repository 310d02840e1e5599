"""Lemmas of Clinton et al. 2025 that put one expression in place of another, as printed, on random numbers."""

import numpy as np
import pytest


def first_14(n, total, cost, error):
    rest, x = total - 2 * n, np.sqrt(total / (8 * n))
    lemma_8 = np.exp(-(x**2)) * (1 / x - 1 / (2 * x**3)) / np.sqrt(np.pi)
    first = 4 * np.sqrt(n / total) * (-1 + 4 * total / rest - 16 * cost * n**2 * total / (rest * error))
    return first - np.exp(x**2) * np.sqrt(2 * np.pi) * (-1 + 4 * (1 + total / n) * n / total) * lemma_8


def second_14(n, total, cost, error):
    top = -64 * n**1.5 * (cost * n * total**3 + (2 * n**2 - total**2) * error)
    return top / (total**2.5 * (total - 2 * n) * error)


def first_18(n, total, a, cost, error, under):
    top = a * (16 * cost * n**2 * total * a**2 + (n * (total - 2 * n) - 4 * total * a**2) * error)
    return total / (n * under) * (2 * cost * n**2 + error + top / (-n * total * a + 4 * (n + total) * a**3))


def second_18(n, total, a, cost, error, under):
    top = 4 * cost * n**2 * total**3 - 2 * n**2 * total * error - n * total**2 * error
    added = top / ((n + total) * (-n * total + 4 * n * a**2 + 4 * total * a**2) * under)
    return total * (2 * cost * n**2 + 6 * cost * n * total + error) / ((n + total) * under) + added


def second_20(n, total, cost, error, under):
    return 2 * total * (cost * n * (4 * n + 11 * total) + error) / ((4 * n + 3 * total) * under)


@pytest.fixture(scope="module")
def numbers():
    generator = np.random.default_rng(0)
    n, cost, error = np.exp(generator.normal(0, 1, (3, 1000)))
    return n, n * (2 + np.exp(generator.normal(size=1000))), cost, error


def test_lemma_14(numbers):
    """With T − 2n in (12)'s third term, as (11) and the lemma's proof have it; (12) prints its square."""
    np.testing.assert_allclose(first_14(*numbers), second_14(*numbers), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("free", [True, False], ids=["18 and 20", "19 and 21"])
def test_lemmas_18_to_21(numbers, free):
    n, total, cost, error = numbers
    under = 2 * cost * n * total + error if free else error
    for a in (np.sqrt(n), 1.3 * np.sqrt(n), 20 * np.sqrt(n)):
        both = [side(n, total, a, cost, error, under) for side in (first_18, second_18)]
        np.testing.assert_allclose(*both, rtol=1e-9)
    there = second_18(n, total, np.sqrt(n), cost, error, under)
    np.testing.assert_allclose(there, second_20(n, total, cost, error, under), rtol=1e-9)

"""Whose mean stands apart: the liar is named and not those whose comparison she spoils; honest data raise no alarm."""

import numpy as np
import pytest
from scipy.stats import norm

from jaxmech.exchange._apart import SELDOM, standing_apart


def draw(generator, counts, off=None, sigma=2.0):
    off = np.zeros(len(counts)) if off is None else np.asarray(off, float)
    return [5 + sigma * (shift + generator.normal(size=n)) for n, shift in zip(counts, off, strict=True)]


def test_one_who_is_off_is_named_alone_however_many_points_she_has():
    generator = np.random.default_rng(0)
    for many in (9, 40, 200):
        found = standing_apart(draw(generator, [many, 7, 8, 9, 10, 0, 6], [4, 0, 0, 0, 0, 0, 0]), 2.0)
        assert [one.party for one in found] == [0]
        assert found[0].partner is None


def test_numbers_are_those_of_the_two_sample_test():
    generator = np.random.default_rng(1)
    columns = draw(generator, [12, 9, 20, 15], [0, 6, 0, 0])
    [one] = standing_apart(columns, 2.0)
    others = np.concatenate([columns[0], columns[2], columns[3]])
    errors = abs(columns[1].mean() - others.mean()) / 2.0 / np.sqrt(1 / 9 + 1 / len(others))
    assert one.party == 1
    assert one.errors == pytest.approx(errors, rel=1e-12)
    assert one.mean == pytest.approx(columns[1].mean())
    assert one.other == pytest.approx(others.mean())
    assert one.chance == pytest.approx(4 * 2 * norm.sf(errors), rel=1e-9)


def test_two_who_differ_are_both_named_and_each_says_it_may_be_the_other():
    generator = np.random.default_rng(2)
    found = standing_apart(draw(generator, [50, 0, 48], [0, 0, 3]), 2.0)
    assert [(one.party, one.partner) for one in found] == [(0, 2), (2, 0)]
    assert found[0].errors == pytest.approx(found[1].errors)
    assert found[0].other == pytest.approx(found[1].mean)


def test_several_are_named_and_the_rest_is_not():
    generator = np.random.default_rng(3)
    found = standing_apart(draw(generator, [30, 25, 9, 9, 9, 9, 9], [5, -6, 0, 0, 0, 0, 0]), 2.0)
    assert sorted(one.party for one in found) == [0, 1]
    assert all(one.chance < SELDOM for one in found)


@pytest.mark.parametrize("sigma", [2.0, 0.5, np.nan])
def test_honest_data_raise_no_alarm_though_sigma_is_a_quarter_of_what_it_is(sigma):
    generator = np.random.default_rng(4)
    for _ in range(400):
        assert standing_apart(draw(generator, [*generator.integers(0, 30, size=8).tolist(), 15, 12]), sigma) == []


def test_nothing_to_compare():
    assert standing_apart([np.zeros(0), np.array([3.0])], 1.0) == []
    assert standing_apart([np.zeros(0), np.zeros(0)], 1.0) == []
    assert standing_apart([np.array([3.0]), np.array([9e9])], np.nan) == []  # nobody knows the spread


def test_names_do_not_matter():
    generator = np.random.default_rng(5)
    columns, order = draw(generator, [9, 8, 30, 10], [0, 0, 4, 0]), [2, 0, 3, 1]
    [one], [other] = standing_apart(columns, 2.0), standing_apart([columns[j] for j in order], 2.0)
    assert order[other.party] == one.party == 2
    assert other.errors == pytest.approx(one.errors)

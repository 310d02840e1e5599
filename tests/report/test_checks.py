"""Chances beside checks: of normal data and of a spread that was estimated, against SciPy and by simulation."""

import math

import numpy as np
import pytest
from scipy import stats

from jaxmech.report._checks import checks_in_words, expected_in_words, honest_chance


def check(**more):
    return {
        "name": "x", "role": "checked", "count": 5, "compared_count": 12, "discrepancy": 1.3, "noise_variance": 0.0,
        "limit": 2.0, "passed": True, "follows": "nothing", "withheld": 0, **more,
    }  # fmt: skip


def test_of_an_agreed_spread_it_is_the_normal_law():
    error = 2.5 * math.sqrt(1 / 5 + 1 / 12)
    assert honest_chance(check(), 1.3, 2.5) == pytest.approx(2 * stats.norm.sf(1.3 / error), rel=1e-12)
    _, [row] = checks_in_words([{"party": "A", "checks": [check()]}], [2.5])
    assert row.chance == honest_chance(check(), 1.3, 2.5)
    assert row.fails == pytest.approx(2 * stats.norm.sf(2.0 / error), rel=1e-12)


@pytest.mark.parametrize("freedom", [3, 10, 48])
def test_of_an_estimated_spread_it_is_students(freedom):
    generator = np.random.default_rng(freedom)
    size = 40_000
    apart = math.sqrt(1 / 5 + 1 / 12) * np.abs(generator.normal(size=size))
    spread = np.sqrt(generator.chisquare(freedom, size=size) / freedom)
    told = ((check(sigma=s, freedom=freedom), d) for d, s in zip(apart, spread, strict=True))
    found = np.array([honest_chance(one, d, 9.9) for one, d in told])
    for level in (0.001, 0.01, 0.1, 0.5):
        share = np.mean(found < level)
        assert abs(share - level) < 4 * math.sqrt(level * (1 - level) / size)


def test_of_a_median_it_is_that_of_the_agreed_spread():
    told = check(sigma=0.1, freedom=3)
    _, [row] = checks_in_words([{"party": "A", "checks": [told]}], [2.5], robust=True)
    assert row.chance == honest_chance(check(), 1.3, 2.5)


def test_what_is_not_compared_or_without_spread():
    assert math.isnan(honest_chance(check(count=0), 1.0, 1.0))
    assert math.isnan(honest_chance(check(), math.nan, 1.0))
    assert honest_chance(check(), 0.0, 0.0) == 1.0
    assert honest_chance(check(), 0.1, 0.0) == 0.0


def test_missing_files_are_no_failed_checks_and_are_not_expected_to_pass():
    missing = check(count=0, discrepancy="inf", passed=False, noise_variance="inf", follows="withheld", withheld=7)
    other = check(role="receives", compared_count=0, discrepancy=None, noise_variance="inf", passed=None, withheld=4)
    headers, rows = checks_in_words([{"party": "A", "checks": [check(), missing, other]}], [2.5, 2.5, 2.5])
    assert [row.failed for row in rows] == [False, False, False]
    assert [row.cells[headers.index("check")] for row in rows] == ["passed", "no data", "not compared"]
    assert rows[2].cells[-1] == "4 points withheld: another of her checks failed"
    assert expected_in_words(rows).startswith("If all were honest, ")
    assert " of 1 would fail" in expected_in_words(rows)

"""Moments of measurements against scipy."""

import numpy as np
import pytest
from scipy import stats

from jaxmech.numerics import law_of


def test_moments_are_scipys():
    cells = np.random.default_rng(0).lognormal(0.3, 0.7, (500, 3)) * [1.0, 10.0, 0.1]
    found = law_of(cells)
    np.testing.assert_allclose(found.sigma, np.std(cells, axis=0))
    np.testing.assert_allclose(found.skewness, stats.skew(cells))
    np.testing.assert_allclose(found.kurtosis, stats.kurtosis(cells))
    np.testing.assert_allclose(found.log_skewness, stats.skew(np.log(cells)), atol=1e-12)


def test_where_there_are_no_logarithms_they_have_no_skewness():
    found = law_of(np.array([[1.0, -1.0], [2.0, 3.0], [4.0, 5.0]]))
    assert np.isnan(found.log_skewness).tolist() == [False, True]
    assert found.skewness[1] == pytest.approx(stats.skew([-1.0, 3.0, 5.0]))

"""Observation 1: what is left of mechanisms if agents can fake data, against linear programs."""

import itertools

import numpy as np
import pytest
from scipy.optimize import linprog

from jaxmech.catalog.experiments import over_reports
from jaxmech.multiparty import Linear, TypeSpace, market_growth
from tests.oracles import multiparty as oracle

LEVELS = [0.0, 1.0, 2.0, 3.0]
EFFECTS = [[1.0, -0.6], [-0.3, 0.8]]
MARKETS = {
    "growing": (market_growth(-0.7, 2, 3), oracle.growing_market(-0.7), oracle.best_for_all(lambda size: size)),
    "linear": (
        TypeSpace(LEVELS, Linear(EFFECTS), "linear"),
        oracle.linear_market(EFFECTS),
        oracle.best_where_harmless(lambda size: size, EFFECTS),
    ),
}


@pytest.mark.parametrize("name", MARKETS)
def test_truthful_payments_leave_all_types_the_same(name):
    space, earn, hand_out = MARKETS[name]
    market = oracle.Market(2, earn, lambda size: size, hand_out)
    found = over_reports(space)
    k, sums = len(LEVELS), np.zeros((len(LEVELS), len(LEVELS)))
    for i, other in itertools.product((0, 1), range(k)):
        profiles = [[level, LEVELS[other]] if i == 0 else [LEVELS[other], level] for level in LEVELS]
        value = np.array([market.value(i, profile, profile) for profile in profiles])
        most = [market.exploitation(i, profile) for profile in profiles]
        rows, limits = [], []
        for own, faked in itertools.permutations(range(k), 2):  # upwards as well
            rows.append(np.eye(k)[own] - np.eye(k)[faked])
            limits.append(value[own] - value[faked])
        best = linprog(-np.ones(k), A_ub=rows, b_ub=limits, bounds=[(None, bound) for bound in most], method="highs")
        assert best.status == 0
        assert np.ptp(value - best.x) < 1e-8  # equal final utility
        np.testing.assert_allclose(np.take(found.payment[i], other, axis=1 - i), best.x, atol=1e-8)
        np.moveaxis(sums, i, 0)[:, other] += best.x
    assert found.revenue == pytest.approx(sums.min(), abs=1e-8)
    assert found.spread < 1e-8

"""A whole plan of "corrupt based on leverage" for one instance, by CVXPY with Clarabel, a loop, and brentq."""

import numpy as np
from scipy.optimize import brentq
from scipy.special import erfcx

from benchmarks.bench_divisions import by_cvxpy
from tests.oracles import enforceable as oracle


def plan(costs: np.ndarray) -> float:
    """Return the social penalty of the plan over the rational optimum, σ = 1."""
    _, samples, _, _ = by_cvxpy(costs)
    samples = np.where(samples < 1e-6 * samples.sum(axis=0), 0.0, samples)
    amounts, roles, total, _ = oracle.recommended(costs, np.ones(costs.shape[1]), samples)
    penalties = np.zeros_like(costs)
    for (i, k), amount in np.ndenumerate(amounts):
        if roles[i, k] == oracle.ALONE:
            penalties[i, k] = 1 / amount + costs[i, k] * amount
        elif roles[i, k] == oracle.RECEIVES:
            penalties[i, k] = 1 / amounts[:, k].sum()
        else:
            penalties[i, k] = _checked(total[k] / amount, costs[i, k] * amount**2) / amount
    return float(penalties.sum())


def _checked(tau: float, kappa: float) -> float:
    """Penalty of an agent who is checked, in units of σ²/n*: the root of the condition on her noise, by brentq."""
    right = tau**2 * (1 - 4 * kappa) / (tau - 2)

    def defect(logarithm: float) -> float:
        y = np.exp(logarithm)
        r = np.sqrt(np.pi) * y * erfcx(y)
        return (tau + 1) * r + 2 * y * y * (1 - r) - right

    y = np.exp(brentq(defect, -25.0, 12.0, xtol=1e-14, rtol=1e-14))
    return 0.5 - 0.5 * (1 - 2 / tau) * np.sqrt(np.pi) * y * erfcx(y) + kappa

"""What an agent gains who knows how the values of a panel are correlated. Host: NumPy, from measurements."""

from typing import NamedTuple

import numpy as np

from jaxmech.collaboration._panels import Values
from jaxmech.collaboration._plan import Plan, Role
from jaxmech.collaboration._problem import Problem

_SINGULAR = 1e8
"""Values that determine each other, as calculated ones do, are left out: no precision could be told from rounding."""
_DRAWS, _STEPS = 4096, 37
_LEAST, _MOST = 0.3, 1.2


class Joint(NamedTuple):
    """The best that an agent can do by estimating all values of a panel together, beside each on its own.

    Attributes:
        saving: part of her penalty for the panel.
        samples: what she then collects, in parts of what she is asked for.
    """

    saving: float
    samples: float


def joint_estimation(tau: float, kappa: float, ratio: float, worth: np.ndarray, correlation: np.ndarray) -> Joint:
    """Return what a checked agent gains by knowing the correlation of a panel's values, the others being honest.

    In units of n* and of each σ_k: what she collects and is compared with (n and 1 points) has the covariance R of the
    values; given the discrepancies δ = √(1/n + 1) L g, R = L Lᵀ, each of the τ − 2 other points has R + diag(α² δ_k²).
    Together all tell the means with the precision matrix (n + 1) R⁻¹ + (τ − 2)(R + diag(α² δ²))⁻¹, whose inverse holds
    the squared errors; apart she has 1/(n + 1 + (τ − 2)/(1 + α² δ_k²)). Averaged over fixed draws of g, the same for
    both, and minimised over a grid of n.

    Args:
        tau: T/n*.
        kappa: c n*²/Σ_k w_k σ_k².
        ratio: α²/n*.
        worth: (values,) w_k σ_k², in any unit.
        correlation: (values, values) R, not singular.

    Source: this package; generalised least squares.

    Example:
        >>> alike = np.array([[1.0, 0.9], [0.9, 1.0]])
        >>> found = joint_estimation(10.0, 0.1, 2.57573664058, np.ones(2), alike)
        >>> 0.11 < found.saving < 0.12, round(found.samples, 1)
        (True, 0.8)
    """
    share, root = worth / worth.sum(), np.linalg.cholesky(correlation)
    inverse, size = np.linalg.inv(correlation), len(worth)
    lots = np.random.default_rng(0).standard_normal((_DRAWS // 2, size))
    lots = np.concatenate([lots, -lots]) @ root.T

    def noise(n: float) -> np.ndarray:
        return np.asarray(ratio * (1 / n + 1) * lots**2)

    def together(n: float) -> float:
        spread = correlation + noise(n)[:, :, None] * np.eye(size)
        precision = (n + 1) * inverse + (tau - 2) * np.linalg.inv(spread)
        errors = np.diagonal(np.linalg.inv(precision), axis1=1, axis2=2).mean(axis=0)
        return float(share @ errors + kappa * n)

    apart = float(share @ (1 / (2 + (tau - 2) / (1 + noise(1.0)))).mean(axis=0) + kappa)
    grid = np.geomspace(_LEAST, _MOST, _STEPS)
    paid = [together(float(n)) for n in grid]
    best = int(np.argmin(paid))
    return Joint(max(0.0, 1 - paid[best] / apart), float(grid[best]))


def joint_gains(problem: Problem, values: Values, plan: Plan, measured: np.ndarray) -> dict[str, tuple[int, Joint]]:
    """Return :func:`joint_estimation` by panel, with the agent that it is about: of who is checked, who is asked most.

    Args:
        problem: by draw, without limits.
        values: which values each draw measures.
        plan: of the published rule.
        measured: (rows, values), from which correlations are taken.

    Source: this package; see :func:`joint_estimation`.

    Example:
        >>> from jaxmech.collaboration import solve
        >>> values = Values(("LDL", "HDL"), (0, 0), np.ones(2), np.ones(2), {"lipids": ("LDL", "HDL")})
        >>> problem = Problem([[0.01]] * 10, 1.0, 2.0, distributions=["lipids"])
        >>> rows = np.random.default_rng(0).standard_normal((400, 2)) @ np.linalg.cholesky([[1, 0.9], [0.9, 1]]).T
        >>> plan = solve(problem, mechanism="c3d").value
        >>> i, found = joint_gains(problem, values, plan, rows)["lipids"]
        >>> i, 0.1 < found.saving < 0.13
        (0, True)
    """
    samples, checked = np.asarray(plan.samples, float), np.asarray(plan.role) == Role.CHECKED
    told = {}
    for panel, names in values.panels.items():
        assert problem.distributions is not None
        k, places = problem.distributions.index(panel), [values.names.index(name) for name in names]
        correlation = np.corrcoef(measured[:, places], rowvar=False)
        if not checked[:, k].any() or np.linalg.cond(correlation) > _SINGULAR:
            continue
        i = int(np.argmax(np.where(checked[:, k], samples[:, k], -1)))
        n, worth = samples[i, k], values.price[..., places] * values.sigma[places] ** 2
        own = worth[i] if worth.ndim > 1 else worth
        kappa = float(problem.costs[i, k]) * n**2 / own.sum()
        ratio = float(plan.alpha[i, k]) ** 2 / n
        told[panel] = (i, joint_estimation(float(plan.total[k]) / n, kappa, ratio, own, correlation))
    return told

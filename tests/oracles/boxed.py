"""What one agent can do about a threshold within least and most: every whole amount, and SciPy for all others."""

import itertools
import math

import numpy as np
from scipy import optimize

from tests.oracles import design as oracle

FAR = 4.0
"""Where there is no most, amounts up to so many n_IND are gone through: more costs more than anything saves."""


def ends(costs, error, least, most):
    """Between which amounts she can choose, by distribution; 0 where she cannot sample."""
    own = np.sqrt(error / np.where(np.isfinite(costs), costs, np.inf))
    last = np.minimum(np.where(np.isfinite(costs), most, 0.0), np.maximum(FAR * own, least) + 1)
    return np.where(np.isfinite(costs), least, 0.0), last


def paid(amounts, offer):
    """What she pays; ∞ without a point. 1/n must not overflow."""
    with np.errstate(divide="ignore"):
        return float(oracle.linked_penalty(np.where(amounts < 1e-300, 0.0, amounts), *offer))


def least_whole(offer, least, most):
    """The least penalty over all whole amounts in the box. ``offer``: comparison, rest, limit, costs, error, kept."""
    costs, error = offer[3:5]
    low, high = ends(costs, error, least, most)
    axes = [np.arange(math.ceil(a - 1e-9), math.floor(b + 1e-9) + 1) for a, b in zip(low, high, strict=True)]
    return min(paid(np.array(point, float), offer) for point in itertools.product(*axes))


def least_real(offer, least, most, starts=25, seed=0):
    """The least penalty over real amounts in the box: SciPy's bounded descent from its corners and random points."""
    costs, error = offer[3:5]
    low, high = ends(costs, error, least, most)
    rng = np.random.default_rng(seed)
    corners = [np.array(point) for point in itertools.product(*zip(low, high, strict=True))]
    points = corners + [low + (high - low) * rng.uniform(0, 1, len(low)) ** 2 for _ in range(starts)]
    bounds, best = list(zip(low, high, strict=True)), math.inf

    def inside(amounts):
        return paid(np.clip(amounts, low, high), offer)

    for point in points:
        best = min(best, inside(point))
        if math.isfinite(best):
            best = min(best, optimize.minimize(inside, point, method="Nelder-Mead", bounds=bounds).fun)
    return best


def alone_whole(costs, error, least, most):
    """What an agent pays on her own, in whole points: every amount is tried."""
    low, high = ends(costs, error, least, most)
    total = 0.0
    for k, (a, b) in enumerate(zip(low, high, strict=True)):
        if not np.isfinite(costs[k]) or b < 1:
            return math.inf
        total += min(error[k] / n + costs[k] * n for n in range(max(math.ceil(a - 1e-9), 1), math.floor(b + 1e-9) + 1))
    return total


def least_checked(slope, total, most):
    """Least penalty less ``slope`` times what she collects, over all thresholds among T points, n up to ``most``.

    In units of n_IND and √(e c); on a fine grid of levels and of points known.
    """
    level = np.linspace(0.05, 7, 1400)[:, None]
    both = 1 / (1 / total + np.geomspace(1e-6, 1e3, 3000)[None, :])
    s = oracle.special.erf(level / math.sqrt(2))
    lever = level * oracle.stats.norm.pdf(level) * (1 / both - 1 / total)
    worth = 1 - (1 - s) / both**2 - s / total**2
    with np.errstate(invalid="ignore", divide="ignore"):
        count = np.where(worth > 0, lever * both / (worth * both + lever), np.nan)
    paid = np.where(count <= most, count * (1 - slope) + (1 - s) / both + s / total, np.nan)
    return float(np.nanmin(paid))

"""Thresholds on the discrepancy, from their definitions, in NumPy, SciPy and mpmath: slow and plain.

An agent collects n, gets z points of others clean and D more, clean if |N(0, σ²(1/n + 1/z))| ≤ t, else with noise that
leaves the part ``kept`` of their precision. ``error`` is price σ²; limits are in units of σ unless said.
"""

import itertools
import math

import mpmath
import numpy as np
from scipy import integrate, optimize, special, stats

# One agent, all distributions.


def passing(amounts, comparison, limit):
    """Chance to pass where a limit is set, by distribution."""
    chances = np.ones(len(amounts))
    for k, (n, z, t) in enumerate(zip(amounts, comparison, limit, strict=True)):
        if np.isfinite(t):
            chances[k] = 0.0 if n <= 0 else special.erf(t / math.sqrt(2 * (1 / n + 1 / z)))
    return chances


def linked_penalty(amounts, comparison, rest, limit, costs, error, kept=0.0):
    """Expected penalty if failing anywhere spoils the rest of all."""
    s, total = float(np.prod(passing(amounts, comparison, limit))), 0.0
    for n, z, rest_k, c, e in zip(amounts, comparison, rest, costs, error, strict=True):
        failing, passed = n + z + kept * rest_k, n + z + rest_k
        if s < 1:
            total += (1 - s) * (e / failing if failing > 0 else math.inf if e > 0 else 0.0)
        total += (s * e / passed if s > 0 and e > 0 else 0.0) + (c * n if n > 0 else 0.0)
    return total


def linked_penalty_mp(amounts, comparison, rest, limit, costs, error, kept=0):
    """The same in mpmath, every distribution checked; differentiable by ``mpmath.diff``."""
    s = mpmath.mpf(1)
    for n, z, t in zip(amounts, comparison, limit, strict=True):
        s *= mpmath.erf(t / mpmath.sqrt(2 * (1 / n + 1 / mpmath.mpf(z))))
    parts = zip(amounts, comparison, rest, costs, error, strict=True)
    return mpmath.fsum((1 - s) * e / (n + z + kept * r) + s * e / (n + z + r) + c * n for n, z, r, c, e in parts)


def drawn_penalty(amounts, comparison, rest, limit, costs, error, draws, seed, kept=0.0):
    """Monte Carlo from the estimates themselves: mean and standard error; σ = 1, so that ``error`` is the price."""
    rng = np.random.default_rng(seed)
    n, z, rest = (np.asarray(row, float) for row in (amounts, comparison, rest))
    own, clean, others = (rng.standard_normal((draws, len(n))) / np.sqrt(count) for count in (n, z, rest))
    passed = np.all(np.abs(own - clean) <= limit, axis=1, keepdims=True)
    noise = 0.0 if kept == 0 else 1 / kept - 1
    noisy = others + np.sqrt(np.where(passed, 0.0, noise) / rest) * rng.standard_normal(own.shape)
    weight = np.where(passed, 1.0, kept) * rest
    estimate = (n * own + z * clean + weight * noisy) / (n + z + weight)
    paid = np.sum(np.asarray(error) * estimate**2 + np.asarray(costs) * n, axis=1)
    return paid.mean(), paid.std(ddof=1) / math.sqrt(draws)


def least_linked(comparison, rest, limit, costs, error, kept=0.0, starts=30, seed=0):
    """The least expected penalty over all amounts, zeros included: every support, many starts, polished."""
    d, rng = len(costs), np.random.default_rng(seed)
    arguments = (comparison, rest, limit, costs, error, kept)
    unit = np.sqrt(np.asarray(error) / np.where(np.isfinite(costs), costs, 1.0))
    able = [k for k in range(d) if np.isfinite(costs[k])]
    best = math.inf
    for size in range(len(able) + 1):
        for support in itertools.combinations(able, size):

            def paid(logs, support=support):
                amounts = np.zeros(d)
                amounts[list(support)] = unit[list(support)] * np.exp(np.clip(logs, -60, 20))
                return linked_penalty(amounts, *arguments)

            if not support:
                best = min(best, paid(np.zeros(0)))
                continue
            points = rng.uniform(-9, 1, (starts * 10, size))
            values = np.array([paid(point) for point in points])
            for start in points[np.argsort(values)[: max(3, starts // 10)]]:
                options = {"xatol": 1e-9, "fatol": 1e-14, "maxiter": 600 * size}
                best = min(best, optimize.minimize(paid, start, method="Nelder-Mead", options=options).fun)
    return best


def lagrangian_minimum(multiplier, success, offer):
    """B_μ(s) = μ log s + Σ_k min_n (f_k(n; s) − μ log P_k(n)) to 40 digits; every distribution checked.

    ``offer``: comparison, rest, limit in σ, costs and error, one number per distribution.
    """
    with mpmath.workdps(40):
        mu, s = mpmath.mpf(multiplier), mpmath.mpf(success)
        total = mu * mpmath.log(s)
        for z, rest, t, c, e in zip(*([mpmath.mpf(float(x)) for x in row] for row in offer), strict=True):

            def slope(n, z=z, rest=rest, t=t, c=c, e=e):
                level = t * mpmath.sqrt(n * z / (n + z))
                pull = level * mpmath.npdf(level) / mpmath.erf(level / mpmath.sqrt(2))
                return c - (1 - s) * e / (n + z) ** 2 - s * e / (n + z + rest) ** 2 - mu * pull * z / (n * (n + z))

            low, high = mpmath.mpf(10) ** -30, 4 * (mpmath.sqrt(e / c) + mu / c)
            for _ in range(160):
                middle = mpmath.sqrt(low * high)
                low, high = (middle, high) if slope(middle) < 0 else (low, middle)
            chance = mpmath.erf(t * mpmath.sqrt(low * z / (2 * (low + z))))
            total += (1 - s) * e / (low + z) + s * e / (low + z + rest) + c * low - mu * mpmath.log(chance)
        return total


# Any rule of one distribution, by its noise table.


def noise_at(places, values, apart):
    """η²/σ² at one discrepancy: linear between entries, the first of two at a jump, the last one beyond."""
    for place, value in zip(places, values, strict=True):
        if apart == place:
            return value
    if apart < places[0]:
        return values[0]
    if apart > places[-1]:
        return values[-1]
    i = max(j for j in range(len(places)) if places[j] < apart)
    if math.isinf(values[i]) or math.isinf(values[i + 1]):
        return math.inf
    return values[i] + (apart - places[i]) / (places[i + 1] - places[i]) * (values[i + 1] - values[i])


def rule_penalty(n, z, rest, cost, error, noise, breaks):
    """Expected penalty with noise η²/σ² = noise(|discrepancy|), by quadrature between the breaks."""
    spread = math.sqrt(1 / n + 1 / z)
    top = max(breaks[-1], 12 * spread) + 40 * spread

    def integrand(x):
        return error / (n + z + rest / (1 + noise(x))) * stats.norm.pdf(x, scale=spread)

    edges = sorted({0.0, *breaks, *(min(top, j * spread) for j in (1, 2, 4, 8, 12))})
    nodes, weights = np.polynomial.legendre.leggauss(40)
    total = 0.0
    for low, high in itertools.pairwise(edges):
        places = low + (high - low) * (nodes + 1) / 2
        total += (high - low) / 2 * sum(w * integrand(x) for w, x in zip(weights, places, strict=True))
    beyond = 2 * stats.norm.sf(edges[-1], scale=spread) * error / (n + z + rest / (1 + noise(edges[-1] + 1)))
    return 2 * total + beyond + cost * n


def threshold_penalty_by_quadrature(n, z, rest, limit, cost, error, kept=0.0):
    """Expected penalty of a threshold, by SciPy's quadrature of the squared error over the discrepancy."""
    spread = math.sqrt(1 / n + 1 / z)

    def density(x):
        return 2 * stats.norm.pdf(x, scale=spread)

    inside = integrate.quad(density, 0, limit, epsabs=1e-14, epsrel=1e-13)[0]
    outside = integrate.quad(density, limit, limit + 40 * spread, epsabs=1e-14, epsrel=1e-13)[0]
    return inside * error / (n + z + rest) + outside * error / (n + z + kept * rest) + cost * n


# What the family can reach: equal agents, cost 1, error 1.


def best_thresholds(total, count):
    """ψ(n, T): least penalty among T points, by brute force over levels and sizes of the comparison set."""
    level = np.linspace(0.3, 5.5, 261)[:, None]
    share = np.geomspace(1e-5, 0.999, 500)[None, :]
    s = special.erf(level / math.sqrt(2))
    pull = level * stats.norm.pdf(level) / s
    z = share * (total - count)
    both = count + z
    if_failed, if_passed = 1 / both, 1 / total
    slope = 1 - (1 - s) * if_failed**2 - s * if_passed**2  # cost less what a sample is worth apart from the check
    gap = pull * s * (if_failed - if_passed) * z / (count * both) - slope
    paid = (1 - s) * if_failed + s * if_passed + count
    crossing = gap[:, :-1] * gap[:, 1:] < 0
    part = gap[:, :-1] / np.where(crossing, gap[:, :-1] - gap[:, 1:], 1.0)
    at_root = paid[:, :-1] + part * (paid[:, 1:] - paid[:, :-1])
    return float(np.min(np.where(crossing, at_root, np.inf)))


def least_lagrangian(slope, total):
    """Least penalty less ``slope`` times what she collects, over all thresholds among T points, on a fine grid."""
    level = np.linspace(0.05, 7, 1400)[:, None]
    both = 1 / (1 / total + np.geomspace(1e-6, 1e3, 3000)[None, :])  # n + z
    s, incentive = special.erf(level / math.sqrt(2)), level * stats.norm.pdf(level)
    worth = 1 - (1 - s) / both**2 - s / total**2  # cost less what a sample is worth apart from the check
    lever = incentive * (1 / both - 1 / total)
    with np.errstate(invalid="ignore"):
        # lever z = worth n (n + z) with z = both − n
        count = np.where(worth > 0, lever * both / (worth * both + lever), np.nan)
    return float(np.nanmin(count * (1 - slope) + (1 - s) / both + s / total))


def family_bound_equal(agents, totals, counts=60):
    """min_T of agents times the convex hull of ψ(·, T) at T/agents; alone and receiving included."""

    def reached(total):
        count = np.geomspace(1e-3, 1.0, counts)
        points = [(n, best_thresholds(total, n)) for n in count if n < total]
        points += [(0.0, 1 / total), (1.0, 2.0)]
        points = [point for point in points if np.isfinite(point[1])]
        wanted, best = total / agents, math.inf
        for (n, a), (k, b) in itertools.combinations_with_replacement(points, 2):
            if min(n, k) <= wanted <= max(n, k):
                part = 0.5 if n == k else (wanted - n) / (k - n)
                best = min(best, a + part * (b - a))
        return agents * best

    return min(reached(total) for total in totals)

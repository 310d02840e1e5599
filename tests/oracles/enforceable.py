"""Algorithms 1 and 2 of Clinton et al. 2025, line by line, in plain Python and SciPy, one agent at a time.

The first loop's order, which the paper leaves free, is: cheapest first, then by index, in passes until nobody joins.
Roles: 0 alone, 1 receives, 2 checked.
"""

import math

import numpy as np
from scipy import integrate, optimize, special

ALONE, RECEIVES, CHECKED = 0, 1, 2


def alone_amount(cost, sigma):
    return 0.0 if math.isinf(cost) else sigma / math.sqrt(cost)


def spent(cost, amount):
    return 0.0 if amount == 0 else cost * amount


def algorithm_1(costs, sigma, n, slack=1e-7, together=False):
    """Compute-n-Approx: amounts, the sets V_k as truth values, the totals T_k.

    ``together``: agents of one cost are tried under the total that was before all of them.
    """
    m, d = costs.shape
    amounts, in_v, totals = n.astype(float).copy(), np.zeros((m, d), bool), np.zeros(d)
    for k in range(d):
        order = sorted(range(m), key=lambda i: (costs[i, k], i))
        somebody_joined = True
        while somebody_joined:
            somebody_joined = False
            before = {}
            for i in order:
                total = before.setdefault(costs[i, k], amounts[:, k].sum()) if together else amounts[:, k].sum()
                if in_v[i, k] or math.isinf(costs[i, k]):
                    continue
                alone = 2 * sigma[k] * math.sqrt(costs[i, k])
                error = math.inf if total == 0 else sigma[k] ** 2 / total
                if alone <= 4 * (error + spent(costs[i, k], amounts[i, k])) * (1 + slack):
                    amounts[i, k] = alone_amount(costs[i, k], sigma[k])
                    in_v[i, k] = somebody_joined = True
        totals[k] = amounts[:, k].sum()
        for i in range(m):
            own = alone_amount(costs[i, k], sigma[k])
            if not in_v[i, k] and amounts[i, k] > 0 and amounts[i, k] * totals[k] < own**2:
                amounts[i, k] = own**2 / totals[k]
    return amounts, in_v, totals


def condition_8(costs, sigma, n):
    """The margin 1 − shared/alone at every agent and distribution; 1 where an agent cannot sample."""
    margins = np.ones(costs.shape)
    for i, k in np.ndindex(*costs.shape):
        if not math.isinf(costs[i, k]):
            shared = sigma[k] ** 2 / n[:, k].sum() + spent(costs[i, k], n[i, k])
            margins[i, k] = 1 - shared / (2 * sigma[k] * math.sqrt(costs[i, k]))
    return margins


def recommended(costs, sigma, n):
    """Equation (9) with the roles of lines 11 to 29: amounts, roles, totals, whether (8) holds."""
    if condition_8(costs, sigma, n).min() >= -1e-7:
        amounts, in_v, totals = algorithm_1(costs, sigma, n)
        roles = np.where(in_v, ALONE, np.where(amounts == 0, RECEIVES, CHECKED))
        return amounts, roles, totals, True
    amounts, roles = np.zeros(costs.shape), np.full(costs.shape, RECEIVES)
    for k in range(costs.shape[1]):
        for i in np.flatnonzero(costs[:, k] == costs[:, k].min()):
            amounts[i, k], roles[i, k] = alone_amount(costs[i, k], sigma[k]), ALONE
    return amounts, roles, amounts.sum(axis=0), False


def coefficient(n_star, total, cost, sigma):
    """α: the root of equation (11) with 4α²/T in its second bracket."""
    d = total - 2 * n_star

    def equation(log_alpha):
        a = math.exp(log_alpha)
        first = 4 * a**2 * total / (d * n_star) - 1 - cost * 16 * a**2 * total * n_star / (sigma**2 * d)
        second = 4 * a**2 / total * (total / n_star + 1) - 1
        tail = math.sqrt(2 * math.pi) * special.erfcx(math.sqrt(total / (8 * a**2)))
        # as printed, over 4α/√T · α², which changes no root
        return (first - second * tail * math.sqrt(total) / (4 * a)) / a**2

    low, high = 0.5 * math.log(n_star) - 1e-9, 0.5 * math.log(n_star) + 40
    return math.exp(optimize.brentq(equation, low, high, xtol=1e-13, rtol=1e-13))


def checked_penalty(n, n_star, total, alpha, cost, sigma):
    """Expectation (64) over x ~ N(0, 1), by quadrature."""

    def risk(x):
        noise = alpha**2 * (1 / n + 1 / n_star) * x * x
        return sigma**2 / ((total - 2 * n_star) / (1 + noise) + n + n_star)

    # u = asinh(x / w) resolves the peak of width w about x = 0
    width = 1 / (alpha * math.sqrt(1 / n + 1 / n_star))
    value, _ = integrate.quad(
        lambda u: (
            2 * risk(width * math.sinh(u)) * width * math.cosh(u)
            * math.exp(-0.5 * (width * math.sinh(u)) ** 2) / math.sqrt(2 * math.pi)
        ),
        0,
        math.asinh(40 / width),
        epsabs=0,
        epsrel=1e-12,
        limit=500,
    )  # fmt: skip
    return value + cost * n


def penalties(costs, sigma, amounts, roles, totals):
    """What each agent pays per distribution when all comply, with the coefficients α (NaN where none is needed)."""
    paid, alphas = np.zeros(costs.shape), np.full(costs.shape, np.nan)
    for i, k in np.ndindex(*costs.shape):
        n, c, s = amounts[i, k], costs[i, k], sigma[k]
        if roles[i, k] == ALONE:
            paid[i, k] = s**2 / n + c * n
        elif roles[i, k] == RECEIVES:
            paid[i, k] = s**2 / (amounts[:, k].sum() - n) + spent(c, n)
        else:
            alphas[i, k] = coefficient(n, totals[k], c, s)
            paid[i, k] = checked_penalty(n, n, totals[k], alphas[i, k], c, s)
    return paid, alphas


def algorithm_2(rng, data, amounts, roles, alphas, totals, sigma):
    """Lines 9 to 29 for one distribution: the estimate I_i of every agent; ``data`` is a list of arrays."""
    estimates = []
    for i, own in enumerate(data):
        theirs = np.concatenate([points for j, points in enumerate(data) if j != i] or [np.empty(0)])
        if roles[i] == ALONE:
            estimates.append(own.mean())
        elif roles[i] == RECEIVES:
            estimates.append(theirs.mean())
        else:
            drawn = rng.permutation(theirs)[: round(totals - amounts[i])]
            compared = max(1, min(len(drawn), round(amounts[i])))
            z, rest = drawn[:compared], drawn[compared:]
            eta2 = alphas[i] ** 2 * (own.mean() - z.mean()) ** 2
            noisy = rest + rng.normal(0, math.sqrt(eta2), len(rest))
            clean = np.concatenate([own, z])
            weights = np.array([len(clean) / sigma**2, len(noisy) / (sigma**2 + eta2)])
            sums = np.array([clean.sum() / sigma**2, noisy.sum() / (sigma**2 + eta2)])
            estimates.append(sums.sum() / weights.sum())
    return np.array(estimates)

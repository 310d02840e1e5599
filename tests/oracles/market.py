"""Slow and obvious answers for the data marketplace: integrals, brute force, a mixed-integer program, printed rules.

Nothing here imports jaxmech.
"""

import itertools

import mpmath
import networkx as nx
import numpy as np
from scipy.optimize import Bounds, LinearConstraint, linprog, milp


def value_of_error(kind, scale, value, error):
    """v^e at one error."""
    if kind == "threshold":
        return value if error <= scale else 0.0
    if kind == "exponential":
        return value * mpmath.exp(-error / scale)
    return value * max(1 - error / scale, 0.0)


def value_by_integral(kind, scale, value, sigma, points):
    """v^d(m) = E v^e(|Z| σ/√m) by mpmath, split where v^e has a kink or a jump."""
    spread = mpmath.mpf(sigma) / mpmath.sqrt(points)
    kink = mpmath.mpf(scale) / spread

    def integrand(z):
        return value_of_error(kind, scale, value, spread * z) * mpmath.exp(-(z**2) / 2)

    cuts = sorted({mpmath.mpf(0), kink / 2, kink, 2 * kink, mpmath.mpf(12)} | {mpmath.mpf(k) for k in (1, 3, 6)})
    if kind == "threshold":
        cuts = [cut for cut in cuts if cut <= kink]
    with mpmath.workdps(30):
        return float(mpmath.sqrt(2 / mpmath.pi) * mpmath.quad(integrand, cuts))


def largest_prices(values, sizes):
    """Largest envy-free prices of an allocation by linear programming; None where there are none."""
    types = len(sizes)
    own = values[np.arange(types), sizes]
    rows, limits = [], []
    for j, k in itertools.permutations(range(types), 2):
        row = np.zeros(types)
        row[j], row[k] = 1, -1
        rows.append(row)
        limits.append(own[j] - values[j, sizes[k]])
    bounds = [(None, limit) for limit in own]
    found = linprog(-np.ones(types), A_ub=np.array(rows) if rows else None, b_ub=limits or None, bounds=bounds)
    return found.x if found.status == 0 else None


def best_allocation(values, counts, cost, least=0):
    """Profit and sizes by trying every allocation."""
    types, columns = values.shape
    best = (0.0, (0,) * types) if least == 0 else (-np.inf, None)
    for sizes in itertools.product(range(columns), repeat=types):
        prices = largest_prices(values, sizes)
        if prices is not None:
            profit = counts @ prices - cost * max(*sizes, least)
            best = max(best, (profit, sizes), key=lambda pair: pair[0])
    return best


def best_of_any(values, counts, cost):
    """Profit by trying every allocation, whatever values look like; prices by relaxing envy until nothing changes."""
    types, columns = values.shape
    sizes = np.array(list(itertools.product(range(columns), repeat=types)))
    own = values[np.arange(types), sizes]
    price = own.copy()
    for _ in range(types + 1):
        before = price.copy()
        for j, k in itertools.permutations(range(types), 2):
            price[:, j] = np.minimum(price[:, j], price[:, k] + own[:, j] - values[j, sizes[:, k]])
    feasible = np.abs(price - before).max(axis=1) < 1e-12
    profit = price @ counts - cost * sizes.max(axis=1)
    return max(0.0, profit[feasible].max())


def buys(row, curve, slack=1e-9):
    """The largest of the sizes that maximise v(m) − q(m)."""
    gains = row - np.asarray(curve)
    return max(m for m in range(len(row)) if gains[m] >= gains.max() - slack)


def curve_revenue(values, counts, curve):
    """Revenue of a posted price curve, buyer by buyer."""
    return sum(count * curve[buys(row, curve)] for count, row in zip(counts, values, strict=True))


def best_curve(values, counts, cost, steps):
    """Profit by trying every posted price curve with prices in {0, 1/steps, …, 1}.

    Where all values are multiples of 1/steps an optimal curve is among them: the largest solutions of difference
    constraints with whole numbers are whole.
    """
    columns = values.shape[1]
    best = 0.0
    for prices in itertools.product(range(steps + 1), repeat=columns - 1):
        curve = np.array([0, *prices]) / steps
        bought = [buys(row, curve) for row in values]
        revenue = sum(count * curve[m] for count, m in zip(counts, bought, strict=True))
        best = max(best, revenue - cost * max(bought))
    return best


def milp_pricing(values, counts, cost, time_limit=None):
    """Unit-demand envy-free pricing as a mixed-integer program: profit, sizes, and whether it was solved.

    Variables: x[j, m] whether j buys m; pay[j, m] what she pays for it; q[m] the posted price; t the largest size.
    """
    types, columns = values.shape
    block = types * columns
    total = 2 * block + columns + 1
    x, pay, q, t = 0, block, 2 * block, 2 * block + columns
    rows, lows, highs = [], [], []

    def add(entries, low, high):
        row = np.zeros(total)
        for place, factor in entries:
            row[place] += factor
        rows.append(row)
        lows.append(low)
        highs.append(high)

    for j in range(types):
        every = range(columns)
        own = [(x + j * columns + m, values[j, m]) for m in every] + [(pay + j * columns + m, -1.0) for m in every]
        add([(x + j * columns + m, 1.0) for m in every], 1, 1)
        for m in every:
            add([(pay + j * columns + m, 1.0), (x + j * columns + m, -1.0)], -np.inf, 0)
            add([(pay + j * columns + m, 1.0), (q + m, -1.0)], -np.inf, 0)
            # Whoever buys m pays its posted price, no less: a discount of one's own would be envied.
            add([(pay + j * columns + m, 1.0), (q + m, -1.0), (x + j * columns + m, -1.0)], -1, np.inf)
            add([*own, (q + m, 1.0)], values[j, m], np.inf)
            add([(t, 1.0), (x + j * columns + m, -float(m))], 0, np.inf)
    objective = np.zeros(total)
    for j in range(types):
        objective[pay + j * columns : pay + (j + 1) * columns] = -counts[j]
    objective[t] = cost
    upper = np.ones(total)
    upper[q] = 0.0
    upper[t] = columns
    whole = np.zeros(total)
    whole[:block] = 1
    options = {"mip_rel_gap": 1e-9} | ({"time_limit": time_limit} if time_limit else {})
    found = milp(
        objective, constraints=LinearConstraint(np.array(rows), lows, highs), integrality=whole,
        bounds=Bounds(0, upper), options=options,
    )  # fmt: skip
    sizes = None if found.x is None else np.argmax(found.x[:block].reshape(types, columns), axis=1)
    return (np.nan if found.x is None else -found.fun), sizes, found.status == 0


def potentials(bound, weight):
    """Largest solution of x_j <= bound_j, x_j <= x_k + weight[j, k] by networkx; None where there is none."""
    graph = nx.DiGraph()
    for j, limit in enumerate(bound):
        graph.add_edge("root", j, weight=limit)
    for j, k in itertools.permutations(range(len(bound)), 2):
        graph.add_edge(k, j, weight=weight[j][k])
    try:
        lengths = nx.single_source_bellman_ford_path_length(graph, "root")
    except nx.NetworkXUnbounded:
        return None
    return np.array([lengths[j] for j in range(len(bound))])


def settle(data, samples, costs, sigma, counts, sizes, expected):
    """Equations (14) and (15) for two contributors, as printed: realised prices and payments.

    Args:
        data: two lists of numbers.
        samples, costs: N_1, N_2 and c_1, c_2.
        counts, sizes, expected: of the types of buyers; who buys nothing is left out of the market.
    """
    first, second = (np.asarray(points, float) for points in data)
    total = sum(samples)
    buyers = sum(count for count, size in zip(counts, sizes, strict=True) if size > 0)
    welfare = sum(c * q for c, q in zip(counts, expected, strict=True)) - sum(
        c * n for c, n in zip(costs, samples, strict=True)
    )
    gap = (first.mean() - second.mean()) ** 2
    weights = [c * n**2 / sigma**2 for c, n in zip(costs, samples, strict=True)]
    right = [len(points) == n for points, n in zip((first, second), samples, strict=True)]
    payments, prices = [], []
    for i in range(2):
        mine, theirs = samples[i], samples[1 - i]
        fixed = welfare * mine / total + costs[i] * mine + weights[i] * sigma**2 * (1 / theirs + 1 / mine)
        payments.append(right[i] * fixed - weights[i] * gap)
    for size, q in zip(sizes, expected, strict=True):
        if size == 0:
            prices.append(0.0)
            continue
        price = 0.0
        for i in range(2):
            mine, theirs = samples[i], samples[1 - i]
            noise = weights[i] * sigma**2 / buyers * (1 / theirs + 1 / mine)
            price += right[i] * (q * mine / total + noise) - weights[i] / buyers * gap
        prices.append(price)
    return np.array(prices), np.array(payments)


def contributor_gain(asked, others, cost, sigma, factor, collected):
    """What a contributor gains by collecting another amount and submitting its mean, by the paper's payments.

    She is paid a sum that does not depend on what she collects, less f d (σ²/n + σ²/(N − N_i)), d = c N_i²/σ².
    """

    def pays(n):
        return factor * cost * asked**2 / sigma**2 * (sigma**2 / n + sigma**2 / others) + cost * n

    return pays(asked) - pays(collected)


def offer_gain(values, sizes, prices, j):
    """The most that buyer j gains by another's offer, or by none, over her own."""
    own = values[j][sizes[j]] - prices[j]
    return max([0.0, *(values[j][size] - price for size, price in zip(sizes, prices, strict=True))]) - own

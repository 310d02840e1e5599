"""Payments for competitors by linear programs, shortest paths and enumeration: slow, obvious, plain Python.

A market is described by ``earn(qualities) -> list`` of earnings, ``quality(size) -> float`` and
``hand_out(reports, present) -> list`` of models.
"""

import functools
import itertools
import math

import networkx as nx
import numpy as np
from scipy import sparse
from scipy.optimize import linprog


def logistic(size):
    return (1 - math.exp(-size)) / (1 + math.exp(-size))


def growing_market(growth):
    def earn(qualities):
        total = sum(qualities)
        return [total**growth * q if total > 0 else 0.0 for q in qualities]

    return earn


def linear_market(table):
    def earn(qualities):
        return [sum(a * q for a, q in zip(row, qualities, strict=True)) for row in table]

    return earn


def best_for_all(quality):
    def hand_out(reports, present):
        best = quality(sum(r for r, here in zip(reports, present, strict=True) if here))
        return [best if here else 0.0 for here in present]

    return hand_out


def best_where_harmless(quality, table):
    def hand_out(reports, present):
        best = quality(sum(r for r, here in zip(reports, present, strict=True) if here))
        effects = [sum(row[j] for row in table) for j in range(len(table))]
        return [best if here and effect >= 0 else 0.0 for here, effect in zip(present, effects, strict=True)]

    return hand_out


class Market:
    """Everything that payments are made of, by definition."""

    def __init__(self, agents, earn, quality, hand_out):
        self.agents, self.earn, self.quality, self.hand_out = agents, earn, quality, hand_out

    def earned(self, used, types):
        """What all earn with the models in use; what they have counts through these only."""
        return self.earn(used)

    def value(self, i, reports, types):
        """v_i(x(reports), types)."""
        handed = self.hand_out(reports, [True] * self.agents)
        return self.earned([max(x, self.quality(t)) for x, t in zip(handed, types, strict=True)], types)[i]

    def away(self, i, types):
        """v_i(x(∅, t_−i), t)."""
        handed = self.hand_out(types, [j != i for j in range(self.agents)])
        return self.earned([max(x, self.quality(t)) for x, t in zip(handed, types, strict=True)], types)[i]

    def exploitation(self, i, reports):
        return self.value(i, reports, reports) - self.away(i, reports)

    def gap(self, i, types, lie):
        """What honesty earns over a lie, payments apart."""
        reports = [lie if j == i else t for j, t in enumerate(types)]
        return self.value(i, types, types) - self.value(i, reports, types)


class Seeing(Market):
    """A market whose ``earn(qualities, types)`` sees what all truly have."""

    def earned(self, used, types):
        return self.earn(used, types)


def best_ends(quality, earn):
    """The best of all ways of giving the best model or none, by what is reported; who is away counts as having nothing.

    Exact where welfare is linear in every quality. ``earn(qualities, types)``.
    """

    def hand_out(reports, present):
        said = [r if here else 0.0 for r, here in zip(reports, present, strict=True)]
        best, own = quality(sum(said)), [quality(r) for r in said]
        ways = itertools.product(*[[best, 0.0] if here else [0.0] for here in present])
        return list(max(ways, key=lambda way: sum(earn([max(pair) for pair in zip(way, own, strict=True)], said))))

    return hand_out


def among(market, members):
    """The market when only these take part: the others have no data and no model."""

    def everybody(entries):
        whole = [0.0] * market.agents
        for member, entry in zip(members, entries, strict=True):
            whole[member] = entry
        return whole

    def earn(qualities, *types):
        earned = market.earn(everybody(qualities), *map(everybody, types))
        return [earned[member] for member in members]

    def hand_out(reports, present):
        there = [False] * market.agents
        for member, here in zip(members, present, strict=True):
            there[member] = here
        handed = market.hand_out(everybody(reports), there)
        return [handed[member] for member in members]

    return type(market)(len(members), earn, market.quality, hand_out)


def readings(market, levels):
    """Largest least revenue with everybody present, and with any two or more present: one linear program each."""
    everybody = exists(market, levels)
    parts = [everybody]
    for size in range(2, market.agents):
        parts += [
            exists(among(market, members), levels) for members in itertools.combinations(range(market.agents), size)
        ]
    return everybody, min(parts)


def tabulated_market(grid, values):
    """Earnings from nested lists, linear between entries of the grid, one axis per agent."""

    def between(table, qualities):
        if not qualities:
            return table
        q, rest = qualities[0], qualities[1:]
        if q >= grid[-1]:
            return between(table[-1], rest)
        k = max(i for i, entry in enumerate(grid) if entry <= q)
        share = (q - grid[k]) / (grid[k + 1] - grid[k])
        return (1 - share) * between(table[k], rest) + share * between(table[k + 1], rest)

    return lambda qualities: [between(table, qualities) for table in values]


def best_of_all_ways(quality, earn, grid=()):
    """The models that bring most, of all ways of handing out the best one, none, or a quality on the grid."""

    @functools.cache
    def best_way(reports, present):
        best = quality(sum(r for r, here in zip(reports, present, strict=True) if here))
        own = [quality(r) if here else 0.0 for r, here in zip(reports, present, strict=True)]
        choices = [
            [best, *(g for g in grid if q < g < best), 0.0] if here else [0.0]
            for q, here in zip(own, present, strict=True)
        ]
        # The first of the best: ties go to better models.
        return list(max(itertools.product(*choices), key=lambda way: round(welfare(way, own), 12)))

    def welfare(way, own):
        return sum(earn([max(x, q) for x, q in zip(way, own, strict=True)]))

    return lambda reports, present: best_way(tuple(reports), tuple(present))


def constraints(market, i, others, levels):
    """Upper bounds on payments at each level, and on differences: (low, high, gap)."""
    profiles = [[*others[:i], level, *others[i:]] for level in levels]
    bounds = [market.exploitation(i, profile) for profile in profiles]
    edges = [(a, b, market.gap(i, profiles[b], levels[a])) for a, b in itertools.combinations(range(len(levels)), 2)]
    return bounds, edges


def by_linear_program(market, i, others, levels):
    """The largest payments at all levels, maximising their sum with HiGHS."""
    bounds, edges = constraints(market, i, others, levels)
    rows = np.zeros((len(edges), len(levels)))
    for k, (a, b, _) in enumerate(edges):
        rows[k, a], rows[k, b] = -1.0, 1.0
    found = linprog(
        -np.ones(len(levels)),
        A_ub=rows if edges else None,
        b_ub=[gap for *_, gap in edges] if edges else None,
        bounds=[(None, bound) for bound in bounds],
        method="highs",
    )
    assert found.status == 0
    return found.x


def graph(bounds, edges):
    """The paper's graph: a base vertex that stands for no payment, one vertex per level."""
    network = nx.DiGraph()
    network.add_weighted_edges_from(("base", level, bound) for level, bound in enumerate(bounds))
    network.add_weighted_edges_from(edges)
    return network


def by_shortest_paths(market, i, others, levels):
    """The same by Bellman and Ford."""
    lengths = nx.single_source_bellman_ford_path_length(graph(*constraints(market, i, others, levels)), "base")
    return np.array([lengths[level] for level in range(len(levels))])


def exists(market, levels):
    """Whether any payments are rational, truthful and never lose money: one linear program over all of them."""
    n, k = market.agents, len(levels)
    profiles = list(itertools.product(range(k), repeat=n))
    place = {(i, profile): i * len(profiles) + p for p, profile in enumerate(profiles) for i in range(n)}
    rows, columns, entries, limits = [], [], [], []

    def limit(terms, bound):
        for variable, factor in terms:
            rows.append(len(limits))
            columns.append(variable)
            entries.append(factor)
        limits.append(bound)

    upper = [0.0] * (n * len(profiles))
    for profile in profiles:
        types = [levels[index] for index in profile]
        limit([(place[i, profile], -1.0) for i in range(n)], 0.0)
        for i in range(n):
            upper[place[i, profile]] = market.exploitation(i, types)
            for lie in range(profile[i]):
                other = (*profile[:i], lie, *profile[i + 1 :])
                limit([(place[i, profile], 1.0), (place[i, other], -1.0)], market.gap(i, types, levels[lie]))
    # The largest least revenue: a margin, so that rounding does not decide.
    slack = len(upper)
    for row in range(len(limits)):
        if entries[rows.index(row)] < 0 and limits[row] == 0.0:
            rows.append(row)
            columns.append(slack)
            entries.append(1.0)
    table = sparse.coo_matrix((entries, (rows, columns)), shape=(len(limits), slack + 1))
    cost = np.zeros(slack + 1)
    cost[slack] = -1.0
    found = linprog(cost, A_ub=table, b_ub=limits, bounds=[(None, u) for u in upper] + [(None, 1.0)], method="highs")
    assert found.status == 0
    return found.x[slack]


def best_lie(market, levels, payment):
    """Largest gain of anybody from a lower report or another model, by looking at each: (gain, agent, types, lie)."""
    n = market.agents
    worst = (-math.inf, None, None, None)
    for index in itertools.product(range(len(levels)), repeat=n):
        types = [levels[k] for k in index]
        for i in range(n):
            honest = market.value(i, types, types) - payment[(i, *index)]
            for lie in range(index[i] + 1):
                reports = [levels[lie] if j == i else t for j, t in enumerate(types)]
                handed = market.hand_out(reports, [True] * n)
                used = [max(x, market.quality(t)) for x, t in zip(handed, types, strict=True)]
                own = market.quality(types[i])
                for choice in {handed[i] if handed[i] > 0 else own, own}:
                    used[i] = choice
                    charged = payment[(i, *index[:i], lie, *index[i + 1 :])]
                    gain = market.earned(used, types)[i] - charged - honest
                    worst = max(worst, (gain, i, tuple(types), levels[lie]), key=lambda entry: entry[0])
    return worst


def left_with_all(growth, agents, largest):
    """What one agent must be left at sizes 0..largest when the others have nothing, by the definition, in long double.

    Enumerates every misreport of every size: g(t) = max(t^(1+α), g(y) + f(y, t) − f(y, y)).
    """
    growth = np.longdouble(growth)
    sizes = np.arange(largest + 1, dtype=np.longdouble)
    left = np.zeros(largest + 1, dtype=np.longdouble)
    for t in range(1, largest + 1):
        y = sizes[1:t]
        lies = left[1:t] + ((agents - 1) * y + t) ** growth * t - (agents * y) ** growth * y
        left[t] = max(np.longdouble(t) ** (1 + growth), lies.max(initial=-np.inf))
    return left


def left_with_others(growth, agents, others, largest):
    """The same when the others have ``others`` between them and the best model is shared with all."""
    growth = np.longdouble(growth)
    left = np.zeros(largest + 1, dtype=np.longdouble)
    for t in range(largest + 1):
        total = np.longdouble((agents - 1) * others + t)
        left[t] = total**growth * t if total > 0 else 0.0
        for lie in range(t):
            handed = lie + others
            own = max(handed, t)
            honest = np.longdouble(agents * handed) ** growth * handed if handed else np.longdouble(0)
            lied = np.longdouble((agents - 1) * handed + own) ** growth * own
            left[t] = max(left[t], left[lie] + lied - honest)
    return left


def best_report(market, i, types, charge, steps):
    """Largest gain of one agent over honesty by a report of so many steps and either model: (gain, report)."""
    n = market.agents
    own = market.quality(types[i])
    honest = market.value(i, types, types) - charge(i, types)
    worst = (0.0, types[i])
    for step in range(steps + 1):
        said = types[i] * step / steps
        reports = [said if j == i else t for j, t in enumerate(types)]
        handed = market.hand_out(reports, [True] * n)
        used = [max(x, market.quality(t)) for x, t in zip(handed, types, strict=True)]
        for choice in (handed[i] if handed[i] > 0 else own, own):
            used[i] = choice
            worst = max(
                worst, (market.earned(used, types)[i] - charge(i, reports) - honest, said), key=lambda entry: entry[0]
            )
    return worst

"""Divisions of work in many digits: Newton's method with mpmath on the optimality conditions of a given support."""

import mpmath
import numpy as np

from tests.oracles import convex

DIGITS = 60


def exact(division, costs, sigma):
    """Amounts to 1e-16 relative, started from Clarabel's; support and binding rows are read off its answer.

    Unknowns are the amounts on the support and the weights v_i of the agents who collect; equations are
    v_i c_ik S_k² = w_k Σv on the support and what the division says about p. An instance whose support is not as
    clear as 1e-4 of S_k is no use here.
    """
    costs, sigma = np.asarray(costs, float), np.broadcast_to(np.asarray(sigma, float), np.shape(costs)[1:])
    start = getattr(convex, division)(costs, sigma)
    share = start.samples / start.samples.sum(axis=0)
    pairs = [tuple(pair) for pair in np.argwhere(share > 1e-4)]
    bound = convex.alone_penalty(costs, sigma)
    binding = np.isfinite(bound) & (1 - start.penalties / bound < 1e-6)
    with mpmath.workdps(DIGITS):
        problem = _Conditions(division, costs, sigma, pairs, binding)
        found = mpmath.findroot(problem, problem.start(start.samples), tol=mpmath.mpf(10) ** (-DIGITS), maxsteps=60)
        return problem.amounts(list(found))


class _Conditions:
    """The equations as a function of the unknowns, each in units of its start."""

    def __init__(self, division, costs, sigma, pairs, binding):
        self.division, self.pairs = division, pairs
        self.costs = [[mpmath.mpf(float(c)) for c in row] for row in costs]
        self.sigma = [mpmath.mpf(float(s)) for s in sigma]
        self.shape = costs.shape
        # whose weight is an unknown: those who gain nothing, or everybody who has to pay the same
        rows = binding if division == "rational" else np.ones(len(costs), bool)
        self.rows = [int(i) for i in np.flatnonzero(rows)] if division != "nash" else []

    def start(self, samples):
        """Amounts in units of their start, and the weights that the amounts ask for, 1 for who is not bound."""
        self.unit = [mpmath.mpf(float(samples[i, k])) for i, k in self.pairs]
        totals = samples.sum(axis=0)
        ask = {i: float((self.sigma[k] / totals[k]) ** 2 / self.costs[i][k]) for i, k in self.pairs}
        one = next((ask[i] for i in ask if i not in self.rows), sum(ask.values()))
        return [mpmath.mpf(1)] * len(self.pairs) + [mpmath.mpf(ask.get(i, one) / one) for i in self.rows]

    def amounts(self, x):
        table = np.zeros(self.shape)
        for (i, k), unit, value in zip(self.pairs, self.unit, x, strict=False):
            table[i, k] = float(unit * value)
        return table

    def __call__(self, *x):
        m, d = self.shape
        n = {pair: unit * value for pair, unit, value in zip(self.pairs, self.unit, x, strict=False)}
        total = [mpmath.fsum(n[i, k] for i in range(m) if (i, k) in n) for k in range(d)]
        worth = [s**2 for s in self.sigma]
        shared = mpmath.fsum(w / t for w, t in zip(worth, total, strict=True))
        paid = [shared + mpmath.fsum(self.costs[i][k] * n[i, k] for k in range(d) if (i, k) in n) for i in range(m)]
        own = [2 * mpmath.fsum(s * mpmath.sqrt(c) for s, c in zip(self.sigma, row, strict=True)) for row in self.costs]
        free = dict(zip(self.rows, x[len(self.pairs) :], strict=True))
        if self.division == "nash":
            weight = [1 / (own[i] - paid[i]) for i in range(m)]
        else:
            weight = [free.get(i, mpmath.mpf(1)) for i in range(m)]
        everybody = mpmath.fsum(weight)
        equations = [weight[i] * self.costs[i][k] * total[k] ** 2 / (worth[k] * everybody) - 1 for i, k in self.pairs]
        if self.division == "rational":
            return equations + [paid[i] / own[i] - 1 for i in self.rows]
        if self.division == "egalitarian":
            return equations[:-1] + [paid[i] / paid[0] - 1 for i in self.rows[1:]] + [everybody - 1, equations[-1]]
        return equations

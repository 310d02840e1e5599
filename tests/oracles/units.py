"""Agents who differ, by cvxpy and Clarabel: precision and worth written down as they are, in everybody's own points.

Penalty p_i(n) = Σ_k w_ik/(Σ_j n_jk/σ_jk²) + c_ik n_ik: the precision-weighted mean of all points has that variance.
Amounts n are each agent's own points; costs are inf where an agent cannot sample, and σ is ignored there.
"""

import warnings

import cvxpy as cp
import numpy as np
from scipy.optimize import linprog


def penalties(samples, costs, sigma, price):
    """p_i(n) in plain NumPy."""
    able = np.isfinite(costs)
    precision = (samples / np.where(able, sigma, 1.0) ** 2).sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        error = np.where(price > 0, price / precision, 0.0)
    return error.sum(axis=1) + np.where(able, np.where(able, costs, 0) * samples, 0).sum(axis=1)


def alone(costs, sigma, price):
    """2 Σ_k σ_ik √(w_ik c_ik): 0 where nothing is worth anything, inf where she cannot measure what she wants."""
    wanted = price > 0
    able = np.isfinite(costs)
    each = 2 * np.where(able, sigma, 1.0) * np.sqrt(price * np.where(wanted, costs, 1.0))
    return np.where(wanted, each, 0.0).sum(axis=1)


def _model(costs, sigma, price):
    """Variables in the amounts at which everybody works alone, and the penalties that they bring."""
    costs, sigma, price = (np.asarray(table, float) for table in (costs, sigma, price))
    able = np.isfinite(costs)
    spread = np.where(able, sigma, 1.0)
    money = np.where(able, costs, 1.0)
    unit = spread / np.sqrt(money) * np.sqrt(price.max())
    n = cp.Variable(costs.shape, nonneg=True)
    told = cp.sum(cp.multiply(np.where(able, unit / spread**2, 0.0), n), axis=0)
    needed = price.max(axis=0) > 0
    spent = cp.sum(cp.multiply(np.where(able, unit * money, 0.0), n), axis=1)
    error = sum(cp.inv_pos(told[k]) * price[:, k] for k in np.flatnonzero(needed))
    return n, unit, error + spent, [cp.multiply(~able, n) == 0, cp.multiply(np.ones((len(costs), 1)) * ~needed, n) == 0]


def solve(kind, costs, sigma, price):
    """Amounts of a division: "social", "rational", "egalitarian", "nash" or "kalai-smorodinsky"."""
    costs, sigma, price = (np.asarray(table, float) for table in (costs, sigma, price))
    own = alone(costs, sigma, price)
    n, unit, paid, rules = _model(costs, sigma, price)
    rows = [paid[i] <= own[i] for i in np.flatnonzero(np.isfinite(own))]
    if kind == "social":
        goal = cp.Minimize(cp.sum(paid))
    elif kind == "rational":
        goal, rules = cp.Minimize(cp.sum(paid)), rules + rows
    elif kind == "leverage":
        goal, rules = cp.Minimize(cp.sum(paid)), rules + _each_by_itself(n, costs, sigma, price)
    elif kind == "egalitarian":
        goal = cp.Minimize(cp.max(paid))
    elif kind == "nash":
        some = np.flatnonzero(own > 0)
        goal, rules = cp.Maximize(sum(cp.log(own[i] - paid[i]) for i in some)), rules + rows
    else:
        ideal = np.array([_run(cp.Minimize(paid[i]), rules + rows) for i in range(len(own))])
        share = cp.Variable()
        goal = cp.Maximize(share)
        rules = [*rules, *(paid[i] <= own[i] - share * (own[i] - ideal[i]) for i in range(len(own)))]
    _run(goal, rules)
    return np.maximum(n.value, 0) * unit


def ideals(costs, sigma, price):
    """The least that each agent can pay while nobody pays more than alone."""
    costs, sigma, price = (np.asarray(table, float) for table in (costs, sigma, price))
    own = alone(costs, sigma, price)
    _, _, paid, rules = _model(costs, sigma, price)
    rows = [paid[i] <= own[i] for i in np.flatnonzero(np.isfinite(own))]
    return np.array([_run(cp.Minimize(paid[i]), rules + rows) for i in range(len(own))])


def rational_conditions(samples, costs, sigma, price, accuracy=1e-7):
    """Whether amounts are the rational optimum, σ being the same for all: are there weights v = 1 + λ, λ >= 0?

    The conditions are linear in v, with s_k = Σ_i v_i w_ik/S_k²: v_i c_ik >= s_k everywhere, with equality where
    n_ik > 0, and λ_i = 0 where a row has room. Solved as a linear program, within ``accuracy`` of either side.
    """
    own, paid = alone(costs, sigma, price), penalties(samples, costs, sigma, price)
    if np.any(paid > own * (1 + 1e-9)):
        return False
    totals = samples.sum(axis=0)
    worth = price * sigma**2
    told = (own > 0)[:, None] & (totals > 0)[None]
    rows, limits = [], []
    for i, k in np.argwhere(told):
        push = worth[:, k] / totals[k] ** 2
        rows.append(push * (1 - accuracy) - costs[i, k] * (np.arange(len(own)) == i))
        limits.append(0.0)
        if samples[i, k] > 0:
            rows.append(costs[i, k] * (1 - accuracy) * (np.arange(len(own)) == i) - push)
            limits.append(0.0)
    free = (paid >= own * (1 - accuracy)) & (own > 0)
    scale = np.array([max(np.abs(row).max(), 1e-300) for row in rows])
    found = linprog(
        np.zeros(len(own)), np.array(rows) / scale[:, None], limits, bounds=[(1, None if held else 1) for held in free]
    )
    return found.status == 0


def _each_by_itself(n, costs, sigma, price):
    """Nobody regrets sharing any one distribution: σ²w/S + c n at most what it costs alone."""
    able = np.isfinite(costs)
    spread, money = np.where(able, sigma, 1.0), np.where(able, costs, 1.0)
    unit = spread / np.sqrt(money) * np.sqrt(price.max())
    told = cp.sum(cp.multiply(np.where(able, unit / spread**2, 0.0), n), axis=0)
    return [
        cp.inv_pos(told[k]) * price[i, k] + money[i, k] * unit[i, k] * n[i, k]
        <= 2 * spread[i, k] * np.sqrt(price[i, k] * money[i, k])
        if price[i, k] > 0
        else n[i, k] == 0
        for i, k in np.argwhere(able)
    ]


def worth_of(kind, paid, costs, sigma, price):
    """What a division optimises, at these penalties; Kalai and Smorodinsky's least share but for the ideals."""
    own = alone(costs, sigma, price)
    if kind in ("social", "rational", "leverage"):
        return paid.sum()
    if kind == "egalitarian":
        return paid.max()
    return np.log((own - paid)[own > 0]).sum()


def _run(goal, rules):
    problem = cp.Problem(goal, rules)
    for tolerance in (1e-11, 1e-10, 1e-9, 1e-8):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # that the tolerance was not reached: the next one is
            problem.solve(
                solver=cp.CLARABEL, tol_gap_abs=tolerance, tol_gap_rel=tolerance, tol_feas=tolerance, max_iter=200
            )
        if problem.status == cp.OPTIMAL:
            return problem.value
    raise RuntimeError(problem.status)

"""What agents within most, least and budget do: by bisection, by cvxpy, and from the optimality conditions. NumPy."""

import cvxpy
import numpy as np


def alone(costs, error, most, least, budget):
    """One agent's best amounts on her own: clip(√(e/(c(1 + μ)))), μ by bisection."""
    able = np.isfinite(costs)
    price = np.where(able, costs, 1.0)

    def at(mu):
        return np.where(able, np.clip(np.sqrt(error / (price * (1 + mu))), least, most), 0.0)

    if price @ at(0.0) <= budget:
        return at(0.0)
    low, high = 1.0, 1e16
    for _ in range(400):
        middle = np.sqrt(low * high)
        low, high = (middle, high) if price @ at(middle - 1) > budget else (low, middle)
    return at(high - 1)


def division(kind, costs, error, bounds, most, least, budget):
    """Objective of a division by Clarabel: "rational", "leverage", "social", "egalitarian" or "nash"."""
    m, d = costs.shape
    able = np.isfinite(costs)
    price, upper = np.where(able, costs, 0.0), np.where(able, most, 0.0)
    n = cvxpy.Variable((m, d))
    totals = cvxpy.sum(n, axis=0)
    pays = [
        sum(error[i, k] * cvxpy.inv_pos(totals[k]) for k in range(d) if error[i, k] > 0) + price[i] @ n[i]
        for i in range(m)
    ]
    rules = [n >= least] + [price[i] @ n[i] <= budget[i] for i in range(m) if np.isfinite(budget[i])]
    rules += [n[i, k] <= upper[i, k] for i in range(m) for k in range(d) if np.isfinite(upper[i, k])]
    if kind == "rational":
        rules += [pays[i] <= bounds[i] for i in range(m) if np.isfinite(bounds[i])]
    if kind == "leverage":  # bounds are agents x distributions
        rules += [
            error[i, k] * cvxpy.inv_pos(totals[k]) + price[i, k] * n[i, k] <= bounds[i, k]
            for i, k in np.argwhere(np.isfinite(bounds))
        ]
    if kind == "egalitarian":
        goal = cvxpy.Minimize(cvxpy.max(cvxpy.hstack(pays)))
    elif kind == "nash":
        goal = cvxpy.Maximize(sum(cvxpy.log(bounds[i] - pays[i]) for i in range(m)))
    else:
        goal = cvxpy.Minimize(sum(pays))
    return cvxpy.Problem(goal, rules).solve(solver="CLARABEL")


def social_conditions(costs, error, most, least, budget, samples):
    """How far amounts are from the best for all together, from the amounts alone; relative.

    With s_k = Σ_i e_ik/S_k², what one more point of k is worth, agent i has a price r >= 1 of money, 1 unless she
    spends all, with r c >= s_k unless n = most and r c <= s_k unless n = least. So r lies between two limits.
    """
    able, slack = np.isfinite(costs), 1e-9
    worth = np.where(able, error.sum(axis=0) / samples.sum(axis=0) ** 2 / np.where(able, costs, 1.0), np.nan)
    spent = np.where(able, np.where(able, costs, 0.0) * samples, 0.0).sum(axis=1)
    free = spent < budget * (1 - slack)
    scale = samples.sum(axis=0)
    # below most she must not want more: s/c <= r; above least not less: s/c >= r
    lower = np.nanmax(np.where(samples < most - slack * scale, worth, -np.inf), axis=1, initial=-np.inf)
    upper = np.nanmin(np.where(samples > least + slack * scale, worth, np.inf), axis=1, initial=np.inf)
    lower, upper = np.maximum(lower, 1.0), np.where(free, np.minimum(upper, np.inf), upper)
    missed = np.maximum(lower / upper - 1, 0.0)
    missed = np.where(free, np.maximum(missed, lower - 1), missed)
    missed = np.maximum(missed, np.maximum(1 / upper - 1, 0.0))
    over = np.maximum(spent / budget - 1, 0.0)
    outside = np.maximum(samples / np.where(able, most, np.inf) - 1, (least - samples) / scale)
    return max(missed.max(), over.max(), np.max(outside))


def penalty(role, n, n_star, total, alpha, cost, error, others):
    """What an agent pays on one distribution who collects n points: of an agent alone, who receives, or is checked."""
    if role == "alone":
        return error / n + cost * n if n > 0 else (np.inf if error > 0 else 0.0)
    if role == "receives":
        return error / (others + n) + cost * n if others + n > 0 else np.inf
    if n <= 0:
        return error / n_star
    nodes = np.linspace(-9, 9, 2001)
    weights = np.exp(-(nodes**2) / 2)
    noisy, clean = total - 2 * n_star, n + n_star
    extra = alpha**2 * (1 / n + 1 / n_star) * nodes**2
    risk = error * weights @ (1 / (clean + noisy / (1 + extra))) / weights.sum()
    return risk + cost * n


def best_by_force(roles, n_star, totals, alphas, costs, errors, others, most, least, budget, steps=60):
    """The least that one agent can pay within her limits, over a grid of two distributions and its refinements."""
    low = np.array(least, float)
    high = np.minimum(np.array(most, float), budget / costs)
    high = np.where(np.isfinite(high), high, 8 * n_star + 10)
    best, at = np.inf, n_star
    for _ in range(4):
        axes = [
            np.unique(np.append(np.linspace(a, b, steps), point)) for a, b, point in zip(low, high, at, strict=True)
        ]
        paid = [
            np.array(
                [penalty(roles[k], n, n_star[k], totals[k], alphas[k], costs[k], errors[k], others[k]) for n in axis]
            )
            for k, axis in enumerate(axes)
        ]
        bills = costs[0] * axes[0][:, None] + costs[1] * axes[1][None]
        together = np.where(bills <= budget * (1 + 1e-12), paid[0][:, None] + paid[1][None], np.inf)
        i, j = np.unravel_index(np.argmin(together), together.shape)
        best, at = min(best, together[i, j]), np.array([axes[0][i], axes[1][j]])
        width = (high - low) / steps * 2
        low, high = np.maximum(low, at - width), np.minimum(high, at + width)
    return best

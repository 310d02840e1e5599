"""Divisions of work by cvxpy and Clarabel: the convex programs written down as they stand in the paper.

Notation: costs (m, d) with inf where an agent cannot sample; sigma a number or one per distribution, the square root
of the price folded in; penalty p_i(n) = Σ_k σ_k²/S_k + c_ik n_ik with S_k = Σ_i n_ik; bounds are the right-hand sides
of p_i(n) <= bounds_i (default p_IND = 2 Σ_k σ_k √c_ik; inf: no such row).

Source of the programs: Clinton, Chen, Zhu, Kandasamy 2025, equations (4) to (8) and appendix C.
"""

import dataclasses
import warnings

import cvxpy as cp
import numpy as np

TOLERANCES = (1e-11, 1e-10, 1e-9, 1e-8, 1e-7)


@dataclasses.dataclass(frozen=True)
class Division:
    """A division of work with the penalties of compliant agents; ``value`` is what its program optimises."""

    samples: np.ndarray
    penalties: np.ndarray
    objective: float
    status: str
    multipliers: np.ndarray | None = None

    @property
    def social_penalty(self):
        return float(self.penalties.sum())


def alone_penalty(costs, sigma):
    """2 Σ_k σ_k √c_ik; inf for an agent who cannot sample everything."""
    costs, sigma = _arrays(costs, sigma)
    return 2 * (sigma * np.sqrt(costs)).sum(axis=1)


def penalties(samples, costs, sigma):
    """p_i(n), in plain NumPy, with inf · 0 = 0."""
    costs, sigma = _arrays(costs, sigma)
    with np.errstate(divide="ignore"):
        error = (sigma**2 / samples.sum(axis=0)).sum()
    return error + np.where(samples > 0, np.where(samples > 0, costs, 0) * samples, 0).sum(axis=1)


def dual_bound(costs, sigma, multipliers, weights=None, bounds=None):
    """Lower bound on Σ_i ω_i p_i(n) over all n with p_i(n) <= bounds_i, from any multipliers λ >= 0.

    Weak duality: the Lagrangian's minimum over n is Σ_k 2σ_k √(Λ min_i (ω_i + λ_i) c_ik) − Σ_i λ_i u_i with
    Λ = Σ_i (ω_i + λ_i). Rows without a bound (u_i = inf) must have λ_i = 0.
    """
    costs, sigma = _arrays(costs, sigma)
    weights = np.ones(len(costs)) if weights is None else np.asarray(weights, float)
    bounds = alone_penalty(costs, sigma) if bounds is None else np.asarray(bounds, float)
    multipliers = np.asarray(multipliers, float)
    if (multipliers < 0).any() or (multipliers[np.isinf(bounds)] > 0).any():
        raise ValueError("multipliers must be >= 0, and 0 on rows without a bound")
    total = weights + multipliers
    with np.errstate(invalid="ignore"):
        cheapest = np.where(np.isinf(costs), np.inf, total[:, None] * costs).min(axis=0)
    rows = np.isfinite(bounds)
    return float(2 * (sigma * np.sqrt(total.sum() * cheapest)).sum() - multipliers[rows] @ bounds[rows])


def rational(costs, sigma, bounds=None, weights=None):
    """Minimise Σ_i ω_i p_i(n) subject to p_i(n) <= bounds_i (equation (7))."""
    costs, sigma = _arrays(costs, sigma)
    if bounds is None and (point := _only_point(costs, sigma)) is not None:
        return _division(point, costs, sigma, "optimal", weights=weights)
    model = _Model(costs, sigma, bounds)
    weights = np.ones(len(costs)) if weights is None else np.asarray(weights, float)
    status = model.minimise(weights @ model.penalty / weights.sum())
    multipliers = np.zeros(len(costs))
    if model.individual:
        # A row is p_i / u_i <= 1 and the objective is divided by unit · Σω, which the multipliers have to undo.
        duals = np.array([row.dual_value for row in model.individual.values()])
        multipliers[list(model.individual)] = np.maximum(duals, 0) * weights.sum() / model.scaled_bounds
    return _division(model.samples(), costs, sigma, status, multipliers, weights)


def nash(costs, sigma, bounds=None):
    """Maximise Σ_i log(bounds_i − p_i(n)); every bound must be finite."""
    costs, sigma = _arrays(costs, sigma)
    model = _Model(costs, sigma, bounds)
    _needs_finite(model.bounds)
    if bounds is None and (point := _only_point(costs, sigma)) is not None:
        return dataclasses.replace(_division(point, costs, sigma, "optimal"), objective=-np.inf)
    gains = [1 - model.penalty[i] / bound for i, bound in zip(model.individual, model.scaled_bounds, strict=True)]
    status = model.minimise(-cp.sum(cp.log(cp.hstack(gains))), free=True)
    division = _division(model.samples(), costs, sigma, status)
    return dataclasses.replace(division, objective=float(np.log(model.bounds - division.penalties).sum()))


def egalitarian(costs, sigma):
    """Minimise max_i p_i(n).

    Individual rationality needs no row: by duality the optimum is max_θ Σ_k 2σ_k √(min_i θ_i c_ik) over the simplex,
    at most 2 Σ_k σ_k √c_jk for every j.
    """
    costs, sigma = _arrays(costs, sigma)
    model = _Model(costs, sigma, np.full(len(costs), np.inf))
    status = model.minimise(cp.max(model.penalty))
    division = _division(model.samples(), costs, sigma, status)
    return dataclasses.replace(division, objective=float(division.penalties.max()))


def ideal_penalties(costs, sigma):
    """The least penalty of each agent over the feasible set p(n) <= p_IND: one program per agent."""
    costs, sigma = _arrays(costs, sigma)
    return np.array([_ideal(costs, sigma, i) for i in range(len(costs))])


def _ideal(costs, sigma, i):
    """The least p_i, scaled anew until its own value is the unit: it may be a thousandth of the others' penalties."""
    if _only_point(costs, sigma) is not None:
        return alone_penalty(costs, sigma)[i]
    model = _Model(costs, sigma, None)
    scale = alone_penalty(costs, sigma)[i] / model.unit
    for _ in range(3):
        model.minimise(model.penalty[i] / scale)
        value = penalties(model.samples(), costs, sigma)[i] / model.unit
        if value > 0.5 * scale:
            break
        scale = value
    return value * model.unit


def kalai_smorodinsky(costs, sigma):
    """The largest t with p_i(n) <= p_IND[i] − t (p_IND[i] − ideal_i); ``objective`` is t (1 where nobody can gain)."""
    costs, sigma = _arrays(costs, sigma)
    model = _Model(costs, sigma, None)
    _needs_finite(model.bounds)
    if (point := _only_point(costs, sigma)) is not None:
        return dataclasses.replace(_division(point, costs, sigma, "optimal"), objective=1.0)
    gain = model.bounds - ideal_penalties(costs, sigma)
    t = cp.Variable()
    limits = (model.bounds - cp.multiply(t, gain)) / model.unit
    status = model.minimise(-t, [model.penalty <= limits])
    return dataclasses.replace(_division(model.samples(), costs, sigma, status), objective=float(t.value))


def leverage(costs, sigma):
    """Minimise P(n) subject to σ_k²/S_k + c_ik n_ik <= 2σ_k √c_ik for every finite c_ik (condition (8))."""
    costs, sigma = _arrays(costs, sigma)
    columns = [_leverage_column(costs[:, k], sigma[k]) for k in range(costs.shape[1])]
    statuses = [status for _, status in columns]
    status = "optimal" if set(statuses) == {"optimal"} else " ".join(statuses)
    return _division(np.stack([samples for samples, _ in columns], axis=1), costs, sigma, status)


def _leverage_column(costs, sigma):
    finite = np.isfinite(costs)
    if finite.sum() == 1:  # the feasible set is the point n_IND
        return np.where(finite, sigma / np.sqrt(costs), 0.0), "optimal"
    model = _Model(costs[:, None], np.array([sigma]), np.full(len(costs), np.inf))
    bounds = 2 * sigma * np.sqrt(costs[finite])
    rows = cp.multiply(model.unit / bounds, model.penalty[np.flatnonzero(finite)]) <= 1
    status = model.minimise(cp.sum(model.penalty) / len(costs), [rows])
    return model.samples()[:, 0], status


class _Model:
    """The variables x = n / n_IND (finite costs only) and the scaled penalties p / unit as cvxpy expressions."""

    def __init__(self, costs, sigma, bounds):
        self.costs, self.sigma = costs, sigma
        m, d = costs.shape
        self.bounds = alone_penalty(costs, sigma) if bounds is None else np.asarray(bounds, float)
        self.pairs = np.argwhere(np.isfinite(costs))
        i, k = self.pairs.T
        root = np.sqrt(costs[i, k])
        self.unit = float((2 * sigma * np.sqrt(m * costs.min(axis=0))).sum()) / m  # mean penalty at the social optimum
        cheapest = np.sqrt(costs.min(axis=0))
        self.x = cp.Variable(len(self.pairs), nonneg=True)
        # S_k in units of the cheapest agent's n_IND, so that every coefficient lies in (0, 1].
        gather = np.zeros((d, len(self.pairs)))
        gather[k, np.arange(len(k))] = cheapest[k] / root
        error = (sigma * cheapest / self.unit) @ cp.inv_pos(gather @ self.x)
        pay = np.zeros((m, len(self.pairs)))
        pay[i, np.arange(len(i))] = sigma[k] * root / self.unit
        self.penalty = error + pay @ self.x
        rows = np.flatnonzero(np.isfinite(self.bounds))
        self.scaled_bounds = self.bounds[rows] / self.unit
        self.individual = {
            int(row): self.penalty[row] / bound <= 1 for row, bound in zip(rows, self.scaled_bounds, strict=True)
        }

    def minimise(self, objective, constraints=None, free=False):
        if constraints is None:
            constraints = [] if free else list(self.individual.values())
        return _solve(cp.Problem(cp.Minimize(objective), constraints))

    def samples(self):
        samples = np.zeros(self.costs.shape)
        i, k = self.pairs.T
        if self.x.value is None:
            raise RuntimeError("the oracle found no point")
        samples[i, k] = np.maximum(self.x.value, 0) * self.sigma[k] / np.sqrt(self.costs[i, k])
        return samples


def _solve(problem):
    """Solve at the tightest tolerance that Clarabel reaches; the status names it where it is not the first."""
    for tolerance in TOLERANCES:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # "may be inaccurate": that is what the next, looser tolerance is for
            problem.solve(
                solver=cp.CLARABEL,
                max_iter=500,
                tol_gap_abs=tolerance,
                tol_gap_rel=tolerance,
                tol_feas=tolerance,
            )
        if problem.status == cp.OPTIMAL:
            return "optimal" if tolerance == TOLERANCES[0] else f"optimal to {tolerance:.0e}"
    return problem.status


def _arrays(costs, sigma):
    costs = np.asarray(costs, float)
    return costs, np.broadcast_to(np.asarray(sigma, float), costs.shape[1:]).copy()


def _only_point(costs, sigma):
    """n_IND where one agent alone can sample anything: then nothing else satisfies her row, and no interior exists.

    In every other case the set p(n) <= p_IND has an interior: n_IND of everybody, or n_IND of the only one who can
    sample everything plus a little of somebody else's data.
    """
    able = np.isfinite(costs)
    if able.any(axis=1).sum() != 1 or not able.any(axis=1)[able.all(axis=1)].any():
        return None
    return np.where(able, sigma / np.sqrt(costs), 0.0)


def _needs_finite(bounds):
    if np.isinf(bounds).any():
        raise ValueError(f"agents {np.flatnonzero(np.isinf(bounds))} have no finite penalty alone")


def _division(samples, costs, sigma, status, multipliers=None, weights=None):
    paid = penalties(samples, costs, sigma)
    objective = float(paid.sum() if weights is None else np.asarray(weights) @ paid)
    return Division(samples, paid, objective, status, multipliers)

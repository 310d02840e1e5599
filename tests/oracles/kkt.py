"""Is this division of work optimal? Judged by the optimality conditions, per distribution and per agent, in NumPy.

Every division minimises Σ_i v_i p_i(n) over n >= 0 for some weights v >= 0 of the agents, with
p_i(n) = Σ_k w_k/S_k + c_ik n_ik and w = σ². With u = v/Σv and e_k = w_k/S_k² that is

    e_k <= u_i c_ik for all i, k, with equality where n_ik > 0,        Σ_i u_i = 1,

so amounts alone reveal the weight of everybody who collects something, and bound it from below for everybody else. What
a division is decides which weights are allowed, with b_i = p_IND[i] and x = 1/Σv:

    rational       u_i = x where p_i < b_i, u_i >= x where p_i = b_i (ω_i x in place of x for an objective Σ ω_i p_i)
    social         the same without bounds; leverage: every distribution is a rational problem of its own
    egalitarian    u_i = 0 where p_i < max_j p_j
    Kalai–Smorodinsky    the same with (p_i − b_i)/(b_i − ideal_i) in place of p_i
    Nash           u_i is proportional to 1/(b_i − p_i)

x = 0 is allowed: it means that the bounds leave no choice. Nothing is solved for, no multiplier is asked for, and the
sum over distributions never decides about one of them.

How exact must it be? All conditions hold within ``TOLERANCE``. A row p_i <= b_i within that of b_i and, where that is
less, within what a change of ``AMOUNT`` of S_k, or of anybody's penalty, through an amount of hers would do to it; but
not finer than the rounding of the amounts allows, for which b_i − p_i is formed as
Σ_k c_ik r_ik − (σ_k − √c_ik S_k)²/S_k with r the amounts of the others, which does not cancel.
Arrays are (instances, agents, distributions) throughout.
"""

import dataclasses

import numpy as np

TOLERANCE = 1e-8
AMOUNT = 1e-6
ROUNDING = 64 * 2.0**-52


@dataclasses.dataclass(frozen=True)
class Verdict:
    """How far each instance is from each condition, in units of what is allowed: above 1 is wrong."""

    parts: dict[str, np.ndarray]

    @property
    def worst(self):
        return np.max(list(self.parts.values()), axis=0)

    @property
    def right(self):
        return self.worst <= 1

    def reasons(self, instance):
        """The conditions that an instance violates, worst first."""
        found = {name: float(part[instance]) for name, part in self.parts.items() if not part[instance] <= 1}
        return dict(sorted(found.items(), key=lambda item: -item[1]))


def judge(division, costs, scale, samples, ideal_samples=None):
    """Judge amounts of a division by name.

    ``ideal_samples`` (instances, agents, agents, distributions), for Kalai–Smorodinsky: for every agent the amounts
    that are best for her among those that leave nobody worse off than alone; they are judged too.
    """
    with np.errstate(all="ignore"):  # what is no number becomes a violation
        return _judge(division, *_arrays(costs, scale, samples), ideal_samples)


def _judge(division, costs, scale, samples, ideal_samples):
    if division in ("social", "leverage"):
        return _separately(costs, scale, samples, bounded=division == "leverage")
    if division == "alone":
        return _alone(costs, scale, samples)
    state = _State(costs, scale, samples)
    if division == "rational":
        return weighted(state, np.ones(costs.shape[:2]))
    if division == "egalitarian":
        return _level(state, -state.penalty, state.penalty, np.ones(costs.shape[:2]), {})
    if division == "nash":
        return _product(state)
    if division == "kalai-smorodinsky":
        return _kalai_smorodinsky(state, ideal_samples)
    raise ValueError(division)


def weighted(state, weights):
    """min Σ ω_i p_i(n) subject to p_i <= b_i."""
    gain, allowed = state.gain, state.row_tolerance(state.bound)
    binding = np.isfinite(state.bound) & (gain <= allowed)
    parts = state.common()
    parts["row"] = _largest(np.where(np.isfinite(state.bound), -gain / allowed, 0.0), 1)
    low, high = state.low, state.high
    # the range that x may have
    heavy = weights > 0
    safe = np.where(heavy, weights, 1.0)
    least = np.max(np.where(~binding & heavy, low / safe, 0.0), axis=1)
    most = np.min(np.where(heavy, high / safe, np.inf), axis=1)
    parts["weights"] = np.where(most < np.inf, least / np.where(most < np.inf, most, 1.0) - 1, 0.0) / TOLERANCE
    parts["idle"] = _largest(np.where(~binding & ~heavy & (low > 0), np.inf, 0.0), 1)
    at_least = np.where(binding, np.maximum(low, weights * least[:, None]), weights * least[:, None]).sum(axis=1)
    free = np.where(heavy & ~binding, weights * most[:, None], 0.0)
    at_most = np.where(binding, high, free).sum(axis=1)
    parts["sum"] = np.maximum(at_least - 1, 1 - at_most) / TOLERANCE
    return Verdict(_clean(parts))


def _level(state, negated, penalty, unit, more):
    """min τ subject to p_i <= b_i + a_i τ, with ``negated`` = (b_i − p_i)/a_i and a = ``unit``."""
    allowed = state.row_tolerance(penalty) / unit + TOLERANCE * more.get("relative", 0.0) * np.abs(negated)
    needed = state.low > 0
    parts = state.common()
    top = np.min(np.where(needed, -negated + allowed, np.inf), axis=1)
    slack = (-negated - top[:, None]) / allowed
    parts["level"] = _largest(slack, 1)
    at_least, at_most = state.low.sum(axis=1), np.where(needed, state.high, 0.0).sum(axis=1)
    parts["sum"] = np.maximum(at_least - 1, 1 - at_most) / TOLERANCE
    return Verdict(_clean(parts))


def _kalai_smorodinsky(state, ideal_samples):
    m = state.costs.shape[1]
    parts, most = {}, np.empty(state.gain.shape)
    for i in range(m):
        ideal = _State(state.costs, state.scale, ideal_samples[:, i])
        found = weighted(ideal, np.broadcast_to(np.eye(m)[i], state.gain.shape)).parts
        # equal agents are not treated alike where only one of them counts
        parts[f"ideal {i}"] = np.max([found[name] for name in found if name != "equal rows"], axis=0)
        most[:, i] = ideal.gain[:, i]
    inner = _level(state, state.gain / most, state.bound, most, {"relative": 1.0})
    return Verdict(inner.parts | _clean(parts))


def _product(state):
    """max Σ log(b_i − p_i)."""
    parts = state.common()
    gain = np.where(state.gain > 0, state.gain, np.nan)
    error = state.row_tolerance(state.bound, relative_to=gain) / gain
    weight = 1 / gain
    weight = weight / weight.sum(axis=1, keepdims=True)
    error = TOLERANCE + error + np.sum(weight * error, axis=1, keepdims=True)
    parts["row"] = np.where(np.isnan(gain).any(axis=1), np.inf, 0.0)
    parts["weight"] = _largest((state.low / weight - 1) / error, 1)
    parts["weight of who collects"] = _largest((1 - state.high / weight) / error, 1)
    return Verdict(_clean(parts))


def _alone(costs, scale, samples):
    able = np.isfinite(costs)
    right = np.where(able, scale[:, None] / np.sqrt(costs), 0.0)
    error = np.where(able, np.abs(samples / np.where(able, right, 1.0) - 1), np.where(samples == 0, 0.0, np.inf))
    return Verdict(_clean({"amount": _largest(error, (1, 2)) / TOLERANCE}))


def _separately(costs, scale, samples, bounded):
    """Every distribution by itself; p_IND of one distribution is the bound of condition (8)."""
    count, m, d = costs.shape

    def columns(table):
        return np.moveaxis(table, 2, 1).reshape(count * d, m, 1)

    state = _State(columns(costs), scale.reshape(-1, 1), columns(samples), bounded=bounded)
    found = weighted(state, np.ones((count * d, m)))
    return Verdict({name: part.reshape(count, d).max(axis=1) for name, part in found.parts.items()})


class _State:
    """What amounts say about weights and rows."""

    def __init__(self, costs, scale, samples, bounded=True):
        self.costs, self.scale, self.samples = costs, scale, samples
        self.able = np.isfinite(costs)
        m = costs.shape[1]
        self.total = samples.sum(axis=1)
        self.others = np.einsum("ij,bjk->bik", 1 - np.eye(m), samples)
        self.root = np.sqrt(np.where(self.able, costs, 0.0))
        self.paid = np.where(self.able, costs, 0.0) * np.where(self.able, samples, 0.0)
        self.shared = (scale**2 / self.total).sum(axis=1, keepdims=True)
        self.penalty = self.shared + self.paid.sum(axis=2)
        own = (2 * scale[:, None] * self.root).sum(axis=2)
        self.bound = np.where(self.able.all(axis=2) & bounded, own, np.inf)
        self.worth = (scale / self.total) ** 2
        ask = self.worth[:, None] / np.where(self.able, costs, np.inf)
        self.low = ask.max(axis=2)
        self.support = self.able & (samples > 0)
        self.high = np.where(self.support, ask, np.inf).min(axis=2)
        self.gain = self._gain()

    def _gain(self):
        """b_i − p_i without cancellation; and the rounding that the amounts themselves put into it."""
        short = self.scale[:, None] - self.root * self.total[:, None]
        help_of_others = np.where(self.able, self.costs, 0.0) * self.others
        lost = short**2 / self.total[:, None]
        self.rounding = ROUNDING * (help_of_others + 2 * np.abs(short) * self.root + lost).sum(axis=2)
        self.rounding += ROUNDING**2 * self.penalty
        return (help_of_others - lost).sum(axis=2)

    def row_tolerance(self, scale, relative_to=None):
        """What p_i may be off: see the module's head."""
        change = np.where(self.support, self.penalty[:, :, None] / self.costs, np.inf).min(axis=1)
        change = np.minimum(change, self.total)
        effect = np.where(self.support, self.costs * change[:, None], np.inf).min(axis=2)
        coarse = TOLERANCE * (scale if relative_to is None else relative_to)
        return np.maximum(np.minimum(coarse, AMOUNT * effect), self.rounding)

    def common(self):
        """Conditions of every division: zeros, equal treatment, and one weight for all that an agent collects."""
        bad = ~np.isfinite(self.samples) | (self.samples < 0) | (~self.able & (self.samples != 0))
        bad = bad.any(axis=(1, 2)) | ~(self.total > 0).all(axis=1)
        stationarity = np.where(self.high < np.inf, 1 - self.high / self.low, 0.0)
        twins = (self.costs[:, :, None] == self.costs[:, None]).all(axis=3)
        apart = np.abs(self.samples[:, :, None] - self.samples[:, None]) / self.total[:, None, None]
        uneven = np.where(twins, apart.max(axis=3), 0.0)
        return {
            "amounts": np.where(bad, np.inf, 0.0),
            "stationarity": _largest(stationarity, 1) / TOLERANCE,
            "equal rows": _largest(uneven, (1, 2)) / AMOUNT,
        }


def _largest(values, axis):
    return np.max(values, axis=axis)


def _clean(parts):
    """What is not a number is a violation."""
    return {name: np.where(np.isnan(part), np.inf, np.maximum(part, 0.0)) for name, part in parts.items()}


def _arrays(costs, scale, samples):
    costs, samples = np.asarray(costs, float), np.asarray(samples, float)
    return costs, np.broadcast_to(np.asarray(scale, float), (len(costs), costs.shape[2])), samples

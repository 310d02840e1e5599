"""What is certain about incentives under steady weights and calibrated noise: kernels, and a host shell that tells."""

import dataclasses
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxmech._errors import ProblemError
from jaxmech._extremes import highest, lowest
from jaxmech._kept import jit
from jaxmech._tolerances import without_dust
from jaxmech._types import Agents, Array, ArrayLike
from jaxmech._words import figure
from jaxmech.collaboration._calibration import admissible
from jaxmech.collaboration._guarantee import spread_ally, strategies_regret
from jaxmech.collaboration._penalty import collection_cost
from jaxmech.collaboration._plan import Plan, Role
from jaxmech.collaboration._problem import Problem, alone_samples
from jaxmech.collaboration._robust import is_told, planned_freedom
from jaxmech.collaboration._roles import coefficients, role_penalty
from jaxmech.collaboration._rule import Rule
from jaxmech.collaboration._units import in_equivalent_points
from jaxmech.mechanism import NASH, SEARCHED, Audit

ADMISSIBLE = "sigma_range admissible"
"""The fact that tells whether noise can keep everybody honest in all of the range that was asked for."""

LIFTED = "no ally can lift the check"
"""The fact that tells what one other saves an agent who hands in points that spread far: σ̂ is then without bound."""

SIGMA_RANGE = (0.5, 2.0)
"""Factors of the assumed σ between which calibrated rules are certified, unless others are asked for."""

CALIBRATED_TOLERANCE = 0.01
"""A calibrated rule claims that no strategy gains more than this part of the penalty, as far as κ̂ is admissible."""

ANY_LAW = "every law with variance at most σ²"
_GRID = 9
"""Values of σ at which a calibrated rule is certified."""


def check_sigma_range(sigma_range: tuple[float, float]) -> tuple[float, float]:
    """Return two factors of the assumed σ, refusing what is no range around 1. Host only.

    Raises:
        ProblemError: naming them.

    Source: none; programming.

    Example:
        >>> check_sigma_range((0.8, 1.25))
        (0.8, 1.25)
    """
    low, high = sigma_range
    if not 0 < low <= 1 <= high < np.inf:
        rule = "must be two factors of sigma around 1, the smaller one first"
        raise ProblemError("sigma_range", list(sigma_range), rule)
    return low, high


class Worth(NamedTuple):
    """Penalties of a plan under one true σ.

    Attributes:
        paid: by compliant agents.
        bound: no strategy gains more, in the same unit; ∞ where nothing can be said.
        known: the same of a rule with these weights that knows σ; 0 where weights follow the noise that was drawn.
    """

    paid: Agents
    bound: Agents
    known: Agents


@partial(jit, static_argnames="whole")
def worth(problem: Problem, plan: Plan, whole: bool) -> Worth:
    """Return what compliant agents pay, and what no strategy gains more than, under the problem's σ."""
    told = (problem, plan.samples, plan.role, plan.alpha, plan.total, plan.rule)
    bound = jnp.sum(strategies_regret(*told, whole=whole).bound, axis=-1)
    return Worth(jnp.sum(role_penalty(*told), axis=-1), bound, bound)


@jit
def worth_by_sigma(problem: Problem, plan: Plan, factors: Array) -> Worth:
    """Return what a calibrated plan is worth where the true σ is these multiples of the assumed one, (factors, agents).

    Bounds are those of agents who are checked: the others collect for themselves, what σ is told them by their data.
    """
    checked, weights = plan.role == Role.CHECKED, Rule(plan.estimate)

    def one(factor: Array) -> Worth:
        there = _rescaled(problem, factor)

        def bound(alpha: Array, rule: Rule) -> Array:
            found = strategies_regret(there, plan.samples, plan.role, alpha, plan.total, rule).bound
            return jnp.sum(jnp.where(checked, found, 0), axis=-1)

        paid = jnp.sum(role_penalty(there, plan.samples, plan.role, plan.alpha, plan.total, plan.rule), axis=-1)
        known = jnp.zeros_like(paid)
        if weights.steady:
            known = bound(coefficients(there, plan.samples, checked, plan.total, weights).value, weights)
        return Worth(paid, bound(plan.alpha, plan.rule), known)

    found: Worth = jax.lax.map(one, factors)
    return found


@in_equivalent_points()
def sigma_limits(problem: Problem, plan: Plan) -> tuple[Array, Array]:
    """Return the least and the largest factor of σ at which κ is admissible for every checked agent.

    Below it noise is weaker than what would keep her honest, above it n* is less than she wants whatever the noise.

    Source: this package; a noise level exists for 1/τ² < κ < 1/4, and κ falls with σ².

    Example:
        >>> from jaxmech.collaboration import solve
        >>> problem = Problem([[0.001]] * 10, 1.0)
        >>> [round(float(s), 3) for s in sigma_limits(problem, solve(problem, mechanism="c3d", calibrated=True).value)]
        [0.649, 3.162]
    """
    checked = plan.role == Role.CHECKED
    safe = jnp.where(checked, plan.samples, 1)
    share = jnp.where(checked, safe / jnp.where(checked, alone_samples(problem), 1), 1)
    few, many = admissible(jnp.where(checked, plan.total / safe, 10))
    low, high = share / jnp.sqrt(many), share / jnp.sqrt(few)
    return highest(jnp.where(checked, low, 0)), lowest(jnp.where(checked, high, jnp.inf))


@jit
@in_equivalent_points()
def lifted_check(problem: Problem, plan: Plan) -> Agents:
    """Return what each agent saves who knows that another's points spread far: σ̂² = ∞, κ̂ = 0, and no noise is added.

    She then gets T − n* clean points whatever she hands in, and pays min_n σ²/(n + T − n*) + c n on every distribution
    on which she is checked. Her ally's mean, her cost and what she herself gets back stay as they are. Under a robust
    rule one ally alone moves the median by a rank, and she pays min_n E q(n; α(σ̂)) over its law then.

    Source: this package; elementary.

    Example:
        >>> from jaxmech.collaboration import solve
        >>> problem = Problem([[0.001]] * 10, 1.0)
        >>> plan = solve(problem, mechanism="c3d", calibrated=True).value
        >>> round(float(lifted_check(problem, plan)[0] / plan.penalty[0]), 3)  # 1/90 instead of 0.0344
        0.677
    """
    checked = plan.role == Role.CHECKED
    told = (problem, plan.samples, plan.role, plan.alpha, plan.total, plan.rule)
    if plan.rule.robust:
        least, follows = spread_ally(problem, plan, checked), is_told(planned_freedom(plan.samples, plan.total))
        return jnp.sum(jnp.where(checked & follows, role_penalty(*told) - least, 0), axis=-1)
    clean = jnp.where(checked, plan.total - plan.samples, 1)
    n = jnp.where(checked, jnp.maximum(alone_samples(problem) - clean, 0), 0)
    least = problem.error / (clean + n) + collection_cost(problem, n)
    return jnp.sum(jnp.where(checked, role_penalty(*told) - least, 0), axis=-1)


def _rescaled(problem: Problem, factor: Array) -> Problem:
    return Problem.unchecked(
        problem.costs, problem.sigma * factor, problem.price, problem.agents, problem.distributions, problem.precision
    )


@dataclasses.dataclass(frozen=True)
class Approximate:
    """Certifies a plan whose rule is not the published one.

    Attributes:
        problem: the problem.
        plan: of a rule that is steady, calibrated, or both.
        whole: whether agents are held against whole numbers of samples.
        amounts: (agents,) what collecting another amount, weighed as recommended, gains at most, as a part.
        slack: what counts as nothing, as a part.
        sigma_range: factors of the assumed σ, for calibrated rules.
    """

    problem: Problem
    plan: Plan
    whole: bool
    amounts: np.ndarray
    slack: float
    sigma_range: tuple[float, float]

    def audits(self) -> tuple[Audit, ...]:
        """Return the claim, and facts about other values of σ where the rule is calibrated."""
        return self._calibrated() if self.plan.calibrated else (self._steady(),)

    def _steady(self) -> Audit:
        found: Worth = jax.device_get(worth(self.problem, self.plan, self.whole))
        relative = _parts(found.bound, found.paid)
        excess = np.maximum(self.amounts - self.slack, 0)
        worst = int(np.argmax(excess if excess.max() > 0 else relative))
        witness = (
            f"{self.problem.agent_name(worst)} could save at most {found.bound[worst]:.3g} of "
            f"{figure(found.paid[worst])} ({100 * relative[worst]:.2f} %), whatever she does, in the worst case of "
            f"{ANY_LAW}; by another amount alone {self.amounts[worst]:.1g} of it"
        )
        # any excess fails, whoever has it: a larger bound of another agent leaves her no room
        return Audit.judged(NASH, -(relative.max() + excess.max()), relative.max(), witness, _STEADY)

    def _calibrated(self) -> tuple[Audit, ...]:
        least, most = (float(limit) for limit in sigma_limits(self.problem, self.plan))
        low, high = self.sigma_range
        inside = np.clip([low, high], least, most) if max(low, least) <= min(high, most) else np.array([1.0, 1.0])
        factors = np.unique(np.concatenate([np.geomspace(low, high, _GRID), inside, [1.0]]))
        dtype = np.dtype(self.plan.samples.dtype)
        found: Worth = jax.device_get(worth_by_sigma(self.problem, self.plan, jnp.asarray(factors, dtype)))
        parts = _parts(found.bound, found.paid)
        reached = (factors >= inside[0] * (1 - self.slack)) & (factors <= inside[1] * (1 + self.slack))
        # each agent at each σ is held to what the same weights would leave if σ were known
        known = _parts(found.known, found.paid)
        room = float(known[reached].max())
        about = f"where σ is {inside[0]:.3g} to {inside[1]:.3g} times the assumed one"
        claim = self._told(NASH, parts[reached], known[reached], room, about, claimed=True)
        whole_range = f"where σ is {low:g} to {high:g} times the assumed one"
        fact = self._told("incentives over sigma_range", parts, known, room, whole_range, claimed=False)
        covered = min(low / least if least > 0 else np.inf, most / high) - 1
        witness = f"noise can keep all honest where σ is {least:.3g} to {most:.3g} times the assumed one"
        if most == np.inf:
            witness = "nobody is checked, whatever σ is"
        limits = Audit.judged(ADMISSIBLE, covered, 0.0, witness, _LIMITS, claimed=False)
        return claim, fact, limits, self._lifted()

    def _lifted(self) -> Audit:
        """What the spread of one other's points can do, which nothing bounds."""
        saved, paid = (np.asarray(table, float) for table in (lifted_check(self.problem, self.plan), self.plan.penalty))
        parts = _parts(saved, paid)
        worst = int(np.argmax(parts))
        follows = "nobody's data get any noise then"
        effort = "σ̂ → ∞, in closed form; jaxmech run names whose points spread twice as much as agreed"
        if self.plan.rule.robust:
            follows = "the median of the others' spreads moves by one rank"
            effort = "one other's spread → ∞: expected penalty by quadrature over σ̂, its minimum by convexity"
        witness = (
            f"{self.problem.agent_name(worst)} saves {parts[worst]:.0%} of her penalty if one other hands in points "
            f"that spread far, and she knows: {follows}"
        )
        if parts[worst] == 0:
            witness = "nobody is checked, so that nobody's data get any noise"
        return Audit.judged(LIFTED, -float(parts[worst]), self.slack, witness, effort, claimed=False)

    def _told(
        self, claim: str, parts: np.ndarray, known: np.ndarray, room: float, about: str, *, claimed: bool
    ) -> Audit:
        worst = int(np.argmax(parts.max(axis=0)))
        most = without_dust(float(parts.max()), 1.0)
        witness = f"{self.problem.agent_name(worst)} could save at most {most:.2g} of her penalty {about}"
        effort = f"{_CALIBRATED_STEADY if self.plan.rule.steady else _CALIBRATED}, at {len(parts)} values of σ"
        margin = -(room + (parts - known).max())
        # bounded at each of these σ, and at none between them
        how = SEARCHED if len(parts) > 1 else ""
        return Audit.judged(claim, margin, CALIBRATED_TOLERANCE + room, witness, effort, claimed=claimed, known=how)


def _parts(gain: ArrayLike, paid: ArrayLike) -> np.ndarray:
    """Gains as parts of penalties; ∞ for what cannot be computed, 0 of who wants nothing and is asked for nothing."""
    above, below = np.asarray(gain, float), np.asarray(paid, float)
    sound = np.isfinite(above) & np.isfinite(below) & (below > 0)
    parts = np.where(sound, above / np.where(sound, below, 1), np.inf)
    return np.where((above <= 0) & (below == 0), 0, parts)


_STEADY = (
    f"penalties by second moments alone, exact for {ANY_LAW}; no strategy pays less than the best against normal data, "
    "which are among them, by convexity; the tolerance is what lies between, the largest over agents"
)
_CALIBRATED = "for normal data: expected penalty by quadrature over σ̂, its minimum over amounts by convexity"
_CALIBRATED_STEADY = (
    "for normal data only, nothing is promised for other laws, since σ̂ depends on the means there: expected penalty by "
    "quadrature over σ̂, its minimum over amounts by convexity"
)
_LIMITS = "1/τ² < κ < 1/4 for every checked agent, with the upper limit clipped"

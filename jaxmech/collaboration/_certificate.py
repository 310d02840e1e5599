"""Certificates of a plan that need no search: formulas evaluated, and theorems whose premises are checked."""

import dataclasses
from typing import NamedTuple, SupportsFloat

import jax
import jax.numpy as jnp
import numpy as np

from jaxmech._kept import jit
from jaxmech._tolerances import tolerances, without_dust
from jaxmech._types import Amounts, Array, ArrayLike
from jaxmech._words import figure
from jaxmech.collaboration._approximate import SIGMA_RANGE, Approximate, check_sigma_range
from jaxmech.collaboration._efficiency import FACTOR, OPTIMUM, Efficiency, efficiency
from jaxmech.collaboration._enforceable import Condition, leverage_condition
from jaxmech.collaboration._integer import IntegerPlan
from jaxmech.collaboration._penalty import collection_cost, penalty, risk
from jaxmech.collaboration._plan import Plan
from jaxmech.collaboration._problem import Problem, alone_penalty
from jaxmech.collaboration._regret import GRID_DECADES, GRID_POINTS, Regret, regret, whole_points
from jaxmech.collaboration._roles import role_penalty
from jaxmech.collaboration._units import in_equivalent_points
from jaxmech.mechanism import EFFICIENT, NASH, PROMISED, RATIONAL, Audit


@in_equivalent_points("optimum")
def certify(
    problem: Problem,
    plan: Plan | IntegerPlan,
    optimum: Amounts | None = None,
    *,
    sigma_range: tuple[float, float] = SIGMA_RANGE,
) -> tuple[Audit, ...]:
    """Return what is certain about a plan, claims first.

    - "individually rational": nobody pays more than p_IND. A fact about compliant agents in the pools.
    - "Nash incentive compatible": truthful submission is optimal for any amount by theorem, and no other amount gains:
      see :func:`regret`, which looks at what is within her limits. The margin is minus the largest regret bound,
      relative to the agent's penalty. In the pools
      it is a fact, and false: the margin tells what the best free-rider gains. Steady weights and calibrated noise
      make it approximate: the tolerance is then what is proven that no strategy gains more than, as a part of the
      penalty, the largest over agents; see :class:`Approximate`.
    - "penalties as promised": the plan's penalties are those that its roles, amounts and coefficients bring.
    - "efficient": the social penalty is at most the theorem's bound times P(n_OPT); left out where there is no bound.
    - "at most 8 times the division's penalty": for each agent, where cbl has leverage, and agents no limits.
    - "at most 8 times on each distribution": a fact, likewise, where there are several.
    - "condition (8)": a fact about the division that cbl starts from.

    Args:
        problem: the problem.
        plan: from :func:`solve`; or from :func:`integer_plan`, which is held against whole numbers of samples and for
            which the first three are told.
        optimum: n_OPT, computed if it is needed and not given.
        sigma_range: factors of the assumed σ between which a calibrated rule is certified.

    Returns:
        Audits with relative margins. Host only.

    Source: Clinton et al. 2025, Theorems 1 and 5, Lemma 5; Chen, Zhu and Kandasamy 2023, Theorem 1.

    Example:
        >>> from jaxmech.collaboration import solve
        >>> problem = Problem(costs=[[0.033], [0.066], [0.1]], sigma=10.0)
        >>> all(audit.holds for audit in certify(problem, solve(problem).value))
        True
    """
    check_sigma_range(sigma_range)
    if isinstance(plan, IntegerPlan):
        facts = _measure(problem, plan.plan, plan.alone_penalty)
        return _Certifier(problem, plan.plan, facts, sigma_range, whole=True).about_agents()
    certifier = _Certifier(problem, plan, _measure(problem, plan, None), sigma_range)
    audits = [*certifier.about_agents(), *certifier.efficient(efficiency(problem, plan, optimum))]
    if plan.mechanism == "cbl":
        if certifier.facts.leverage and problem.capacity is None:
            audits.append(certifier.within_factor())
            audits += [certifier.on_each()] if problem.shape[1] > 1 else []  # of one it says the same
        audits.append(certifier.condition())
    return tuple(sorted(audits, key=lambda audit: not audit.claimed))


class _Facts(NamedTuple):
    """Numbers behind all certificates, computed in one compiled call."""

    leverage: Array
    own: Array
    recomputed: Array
    target: Array
    on_each: Array
    regret: Regret
    condition: Condition


def _measure(problem: Problem, plan: Plan, whole_alone: Array | None) -> _Facts:
    """All facts on the host. The division's name is static, so it is left out of what is compiled."""
    nameless = dataclasses.replace(plan, division="")
    facts: _Facts = jax.device_get(_facts(problem, nameless, whole_alone))
    return facts


@jit
def _facts(problem: Problem, plan: Plan, whole_alone: Array | None) -> _Facts:
    if plan.pooled:
        recomputed, ratio = penalty(problem, plan.samples), jnp.ones_like(plan.samples)
    else:
        paid = role_penalty(problem, plan.samples, plan.role, plan.alpha, plan.total, plan.rule)
        recomputed, ratio = jnp.sum(paid, axis=-1), _over_target(problem, plan.target, paid)
    return _Facts(
        leverage=plan.leverage,
        own=alone_penalty(problem) if whole_alone is None else whole_alone,
        recomputed=recomputed,
        target=penalty(problem, plan.target),
        on_each=ratio,
        regret=regret(problem, plan, whole=whole_alone is not None),
        condition=leverage_condition(problem, plan.target),
    )


def _over_target(problem: Problem, target: Amounts, paid: Amounts) -> Amounts:
    """What is paid for each distribution over what compliant agents would pay for it under a division."""
    pooled = risk(problem.error, jnp.sum(target, axis=0)) + collection_cost(problem, target)
    return jnp.where(pooled > 0, paid / jnp.where(pooled > 0, pooled, 1), jnp.where(paid > 0, jnp.inf, 0))


@dataclasses.dataclass(frozen=True)
class _Certifier:
    """Turns facts into audits, in words."""

    problem: Problem
    plan: Plan
    facts: _Facts
    sigma_range: tuple[float, float]
    whole: bool = False

    def about_agents(self) -> tuple[Audit, ...]:
        """Return the certificates that hold agent by agent, and what is told beside them."""
        if self.plan.rule.published:
            return self.individually_rational(), self.incentive_compatible(), self.as_promised()
        return self.individually_rational(), *self.approximately_compatible(), self.as_promised()

    def individually_rational(self) -> Audit:
        paid = np.fmax(np.asarray(self.plan.penalty), self.facts.recomputed)
        paid = np.where(np.isnan(self.plan.penalty), np.nan, paid)
        bounded = np.isfinite(self.facts.own)
        margins = np.where(bounded, 1 - _ratio(paid, self.facts.own), np.inf)
        worst = int(np.argmin(margins))
        witness = "nobody can work alone on everything, so nobody has a bound"
        if bounded.any():
            who = self.problem.agent_name(worst)
            witness = f"{who} pays {figure(paid[worst])}, and {figure(self.facts.own[worst])} alone"
        effort = "penalties of compliant agents in closed form, compared for every agent"
        return self._audit(RATIONAL, margins[worst], witness, effort)

    def incentive_compatible(self) -> Audit:
        facts = self.facts.regret
        paid = self.facts.recomputed
        relative = _ratio(np.sum(_no_nan(facts.bound), axis=1), paid)
        worst = int(np.argmax(relative))
        k = int(np.argmax(_no_nan(facts.bound[worst])))
        who = self.problem.agent_name(worst)
        what = self.problem.distribution_name(k)
        gain = without_dust(float(facts.gain[worst, k]), float(paid[worst]))
        if gain > 0:
            # a least amount may be a negative zero
            best, asked = (amounts / whole_points(self.problem) + 0.0 for amounts in (facts.best, self.plan.samples))
            change = f"{figure(best[worst, k])} samples of {what} instead of {figure(asked[worst, k])}"
            witness = f"{who} would save {gain:.3g} of {figure(paid[worst])} with {change}"
        else:
            most = without_dust(float(facts.bound[worst, k]), float(paid[worst]))
            witness = f"{who} could save at most {most:.1g} of {figure(paid[worst])} on {what}"
        effort = "the best free-rider in closed form" if self.plan.pooled else _NASH_EFFORT
        if self.problem.capacity is not None:
            effort += "; of amounts within most, least and budget"
        return self._audit(NASH, -relative[worst], witness, effort)

    def approximately_compatible(self) -> tuple[Audit, ...]:
        amounts = _ratio(np.sum(_no_nan(self.facts.regret.bound), axis=1), self.facts.recomputed)
        slack = tolerances(self.plan.samples.dtype).claim
        plan = dataclasses.replace(self.plan, division="")
        return Approximate(self.problem, plan, self.whole, amounts, slack, self.sigma_range).audits()

    def as_promised(self) -> Audit:
        promised, paid = np.asarray(self.plan.penalty), self.facts.recomputed
        gap = np.where(promised == paid, 0, _ratio(np.abs(promised - paid), paid))
        worst = int(np.argmax(gap))
        who = self.problem.agent_name(worst)
        witness = f"{who} is promised {figure(promised[worst])} and pays {figure(paid[worst])}"
        effort = "penalties recomputed from roles, amounts and coefficients"
        return self._audit(PROMISED, -gap[worst], witness, effort)

    def efficient(self, theory: Efficiency) -> tuple[Audit, ...]:
        """Nothing where nothing is proven: what no plan can fail is no certificate."""
        if np.isinf(theory.bound):
            return ()
        witness = f"social penalty {theory.ratio:.4g} times {OPTIMUM} ({figure(theory.baseline)}), "
        witness += f"at most {theory.bound:.4g} times allowed"
        effort = "the theorem's bound, compared with the exact ratio"
        return (self._audit(EFFICIENT, 1 - theory.ratio / theory.bound, witness, effort),)

    def within_factor(self) -> Audit:
        paid, target = np.asarray(self.plan.penalty), self.facts.target
        margins = 1 - _ratio(paid, FACTOR * target)
        worst = int(np.argmin(margins))
        who = self.problem.agent_name(worst)
        witness = f"{who} pays {figure(paid[worst])}, {paid[worst] / target[worst]:.3g} times {figure(target[worst])}"
        effort = "both penalties in closed form, compared for every agent"
        return self._audit("at most 8 times the division's penalty", margins[worst], witness, effort, claimed=True)

    def on_each(self) -> Audit:
        i, k = np.unravel_index(np.argmax(_no_nan(self.facts.on_each)), self.facts.on_each.shape)
        most = float(_no_nan(self.facts.on_each)[i, k])
        who, what = self.problem.agent_name(int(i)), self.problem.distribution_name(int(k))
        witness = f"{who} pays {most:.3g} times as much for {what} as under the division"
        effort = "both in closed form, compared for every agent and distribution"
        return self._audit("at most 8 times on each distribution", 1 - most / FACTOR, witness, effort)

    def condition(self) -> Audit:
        found = self.facts.condition
        i, k = (int(index) for index in found.worst)
        who, what = self.problem.agent_name(i), self.problem.distribution_name(k)
        more = f"{100 * abs(float(found.margin)):.2f} % {'less' if found.margin >= 0 else 'more'}"
        witness = f"{who} would pay {more} than alone if only {what} were shared"
        if not np.isfinite(float(found.margin)):
            witness = f"{who} has no use for {what}, and would collect it for nothing if only that were shared"
        effort = "evaluated for every agent and distribution"
        tolerance = tolerances(self.plan.samples.dtype).condition
        return Audit.judged("condition (8)", found.margin, tolerance, witness, effort, claimed=False)

    def _audit(
        self, claim: str, margin: SupportsFloat, witness: str, effort: str, claimed: bool | None = None
    ) -> Audit:
        tolerance = tolerances(self.plan.samples.dtype).claim
        claimed = claim in self.plan.claims if claimed is None else claimed
        return Audit.judged(claim, margin, tolerance, witness, effort, claimed=claimed)


_NASH_EFFORT = (
    "truthful submission by theorem (Hardy–Littlewood); amounts by a regret bound from convexity, with the slope "
    f"checked to increase at {GRID_POINTS} amounts over {2 * GRID_DECADES} decades"
)


def _no_nan(values: ArrayLike) -> np.ndarray:
    """What cannot be computed counts as an unbounded failure."""
    numbers = np.asarray(values)
    return np.where(np.isnan(numbers), np.inf, numbers)


def _ratio(part: ArrayLike, whole: ArrayLike) -> np.ndarray:
    """Quotient; ∞, an unbounded failure, where a number is not finite."""
    above, below = np.asarray(part), np.asarray(whole)
    sound = np.isfinite(above) & np.isfinite(below) & (below != 0)
    if not sound.all():  # nothing of nothing: of who wants nothing and is asked for nothing
        whole = np.where((above <= 0) & (below == 0), 1, below)
        below, sound = whole, np.isfinite(above) & np.isfinite(whole) & (whole != 0)
    return np.divide(above, below, out=np.full(above.shape, np.inf, dtype=below.dtype), where=sound)

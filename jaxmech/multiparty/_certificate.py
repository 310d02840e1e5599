"""Certificates of a plan at one profile of types: theorems whose premises are checked, and reports that are tried."""

import dataclasses
from functools import partial
from typing import NamedTuple, SupportsFloat

import jax
import jax.numpy as jnp
import numpy as np

from jaxmech._kept import jit
from jaxmech._tolerances import tolerances
from jaxmech._types import Array
from jaxmech._words import figure
from jaxmech.mechanism import PROVEN, Audit
from jaxmech.mechanism import SEARCHED as TRIED
from jaxmech.multiparty._interdependent import known
from jaxmech.multiparty._largest import CLAIM
from jaxmech.multiparty._problem import Problem
from jaxmech.multiparty._search import SEARCHED
from jaxmech.multiparty._solve import Plan, allocate, departures, follows, outside_value
from jaxmech.multiparty._valuation import Linear
from jaxmech.multiparty._welfare import FINER, closed_form, most_welfare, tries

REPORTS = 257
"""Downward reports that are tried for each agent, evenly from nothing to her type."""

FIELDS = (*("allocation", "payment", "quality", "value", "utility", "outside", "alone", "welfare", "revenue", "best"),)
"""Fields of a plan that are recomputed."""

_CHOICES = ("the model she is handed", "her own model")


def certify(problem: Problem, plan: Plan) -> tuple[Audit, ...]:
    """Return what is certain about a plan, claims first.

    Everything is recomputed from the models that the plan hands out, from its payments and from the types.

    - "as the mechanism prescribes": models and payments are the mechanism's, all other figures follow from them.
    - "incentive compatible": nobody gains by a lower report, or by another model than the better of the two that she
      has, while the others report their types. For quasi-monotone valuations with exploitation payments by theorem;
      here 257 reports and both choices of model are tried for each agent.
    - "individually rational": nobody would rather stay away.
    - "efficient": no other allocation brings more welfare. Claimed where the most is known in closed form, for linear
      valuations, growing markets, and valuations of one's own that know it (:class:`Efficient`); for others a fact,
      told by a search finer than the one that found the plan. "free" claims it only where nobody is harmed.
    - "weakly budget balanced": revenue is not negative. Exploitation payments promise it only where nobody is harmed;
      elsewhere it is a fact about these types.
    - "largest revenue", of "exploitation" only: nobody could be charged more by any rational mechanism with this
      allocation, truthful or not, for she has no more than if she stayed away.

    Args:
        problem: the problem.
        plan: from :func:`solve`.

    Returns:
        Audits with margins relative to what is at stake. Host only.

    Source: Chen et al. 2020, Theorem 1, Corollary 1 and Theorem 4.

    Example:
        >>> from jaxmech.multiparty import Linear, solve
        >>> problem = Problem([0.5, 1.0], Linear([[1.0, 0.2], [0.1, 1.0]]))
        >>> [audit.holds for audit in certify(problem, solve(problem).value)]
        [True, True, True, True, True, True]
    """
    facts: _Facts = jax.device_get(_facts(problem, plan, plan.mechanism))
    certifier = _Certifier(problem, plan, facts)
    most = (certifier.largest_revenue(),) if plan.mechanism == "exploitation" else ()
    audits = (
        certifier.as_prescribed(),
        certifier.incentive_compatible(),
        certifier.individually_rational(),
        certifier.efficient(),
        certifier.budget_balanced(),
        *most,
    )
    return tuple(sorted(audits, key=lambda audit: not audit.claimed))


class _Facts(NamedTuple):
    """Numbers behind the certificates, all from the models handed out, the payments and the types.

    ``gain`` and ``lie`` are (agents,): the largest relative gain and which report and choice bring it; ``harm`` is the
    worst effect on anybody of another's model, (agents, agents), at this profile; ``off`` is by how much each field of
    the plan is off, in the order of ``FIELDS``.
    """

    off: Array
    value: Array
    utility: Array
    outside: Array

    gain: Array
    lie: Array
    rational: Array
    welfare: Array
    most: Array
    harm: Array


@partial(jit, static_argnames="mechanism")
def _facts(problem: Problem, plan: Plan, mechanism: str) -> _Facts:
    n, earning = problem.types.shape[0], known(problem.valuation, problem.types)
    wanted = follows(problem, plan, mechanism)
    value, utility, outside = wanted["value"], wanted["utility"], wanted["outside"]
    stake = jnp.abs(value) + jnp.abs(outside) + jnp.abs(plan.payment)
    stake = jnp.where(stake > 0, stake, 1.0)
    found = [_lies(problem, plan, i, mechanism) - utility[i] for i in range(n)]
    off = departures(problem, plan, mechanism)
    gains = jnp.stack([gain.reshape(-1) / stake[i] for i, gain in enumerate(found)])
    return _Facts(
        off=jnp.stack([off[field] for field in FIELDS]),
        value=value,
        utility=utility,
        outside=outside,
        gain=jnp.max(gains, axis=1),
        lie=jnp.argmax(gains, axis=1),
        rational=(utility - outside) / stake,
        welfare=wanted["welfare"],
        most=most_welfare(earning, problem.quality(problem.types), wanted["best"]),
        harm=jax.jacfwd(earning)(wanted["quality"]),
    )


def _lies(problem: Problem, plan: Plan, agent: int, mechanism: str) -> Array:
    """(reports, choices) what one agent is left; the last report is the honest one, with the plan as it is."""
    valuation, quality, types = problem.valuation, problem.quality, problem.types
    here = jnp.arange(types.shape[0]) == agent
    alone, earning = quality(types), known(valuation, types)

    def left(handed: Array, paid: Array) -> Array:
        used = jnp.maximum(handed, alone)
        received = jnp.where(handed[agent] > 0, handed[agent], alone[agent])
        choices = [earning.of(agent, jnp.where(here, own, used)) for own in (received, alone[agent])]
        return jnp.stack(choices) - paid

    def lie(share: Array) -> Array:
        reports = jnp.where(here, share * types, types)
        handed = allocate(valuation, quality, reports, jnp.ones_like(here), mechanism)
        believed = jnp.maximum(handed, quality(reports))
        paid = jnp.zeros_like(types[agent])
        if mechanism == "exploitation":
            paid = known(valuation, reports).of(agent, believed) - outside_value(valuation, quality, agent, reports)
        return left(handed, paid)

    lies = jax.vmap(lie)(jnp.linspace(0.0, 1.0, REPORTS, dtype=types.dtype)[:-1])
    return jnp.concatenate([lies, left(plan.allocation, plan.payment[agent])[None]])


@dataclasses.dataclass(frozen=True)
class _Certifier:
    """Turns facts into audits, in words."""

    problem: Problem
    plan: Plan
    facts: _Facts

    def as_prescribed(self) -> Audit:
        worst = int(np.argmax(np.where(np.isnan(self.facts.off), np.inf, self.facts.off)))
        off = float(self.facts.off[worst])
        witness = "models, payments and every figure agree with the mechanism's rules"
        if not off <= self._tolerance:
            witness = f"{FIELDS[worst]} is off by {off:.3g} of the largest"
        claim = "as the mechanism prescribes"
        return self._audit(
            claim, 0.0 - off, witness, f"{len(FIELDS)} fields recomputed from models, payments and types"
        )

    def incentive_compatible(self) -> Audit:
        gain = self.facts.gain
        agent = int(np.argmax(gain))
        report, choice = divmod(int(self.facts.lie[agent]), 2)
        who, type_ = self.problem.agent_name(agent), float(self.problem.types[agent])
        said = type_ * report / (REPORTS - 1)
        act = f"she reports {said:.4g} instead of {type_:.4g} and uses {_CHOICES[choice]}"
        if report == REPORTS - 1:
            act = f"she uses {_CHOICES[choice]}"
        worst = float(gain[agent])
        witness = "nobody gains by any report or choice of model that was tried"
        if worst > self._tolerance:
            witness = f"{who} gains {worst:.3g} of what is at stake if {act}" + self._reason(agent)
        how = PROVEN if self._by_theorem and worst <= self._tolerance else TRIED
        return self._audit("incentive compatible", 0.0 - worst, witness, self._proof(), how=how)

    def individually_rational(self) -> Audit:
        worst = int(np.argmin(self.facts.rational))
        who = self.problem.agent_name(worst)
        have, away = float(self.facts.utility[worst]), float(self.facts.outside[worst])
        witness = f"{who} has {figure(have)}, and {figure(away)} if she stays away"
        claimed = self.plan.mechanism == "exploitation" or self._harmless
        return self._audit(
            "individually rational", self.facts.rational[worst], witness, "both computed, for every agent", claimed
        )

    def efficient(self) -> Audit:
        most, welfare = float(self.facts.most), float(self.facts.welfare)
        scale = max(float(np.abs(self.facts.value).sum()), abs(most), 1e-300)
        proof = closed_form(known(self.problem.valuation, self.problem.types))
        if proof:
            witness, effort = f"welfare {figure(welfare)}, at most {figure(most)}", f"closed form: {proof}"
        else:
            tried = f"{tries(self.problem.count):,}"
            witness = f"welfare {figure(welfare)}, best of {tried} allocations tried {figure(most)}"
            effort = f"{FINER}; the plan's allocation by {SEARCHED}"
        claimed = bool(proof) and (self.plan.mechanism == "exploitation" or self._harmless)
        how = PROVEN if proof else TRIED
        return self._audit("efficient", (welfare - most) / scale, witness, effort, claimed, how)

    def budget_balanced(self) -> Audit:
        paid = np.asarray(self.plan.payment, float)
        scale = float(np.abs(paid).sum()) or 1.0
        least = int(np.argmin(paid))
        witness = f"revenue {figure(paid.sum())}"
        if paid[least] < 0:
            witness += f"; {self.problem.agent_name(least)} is paid {figure(-paid[least])}"
        claimed = self.plan.mechanism == "free" or self._harmless
        effort = "at these types" if not claimed else "nobody is harmed by others' models, so no payment is negative"
        effort = "nobody pays anything" if self.plan.mechanism == "free" else effort
        return self._audit("weakly budget balanced", paid.sum() / scale, witness, effort, claimed)

    def largest_revenue(self) -> Audit:
        most = int(np.argmax(self.facts.rational))
        spare = float(self.facts.utility[most] - self.facts.outside[most])
        revenue = float(np.asarray(self.plan.payment, float).sum())
        witness = f"revenue {figure(revenue)}; charged more, each would rather stay away"
        if self.facts.rational[most] > self._tolerance:
            witness = f"{self.problem.agent_name(most)} could be charged {figure(spare)} more"
        effort = "for this allocation at these types, by what staying away brings: every rational mechanism"
        return self._audit(CLAIM, 0.0 - np.maximum(self.facts.rational[most], 0.0), witness, effort)

    @property
    def _harmless(self) -> bool:
        """Whether better models harm nobody: for linear valuations everywhere, for others at these qualities."""
        return bool(np.all(np.asarray(self.facts.harm) >= 0))

    def _reason(self, agent: int) -> str:
        own = float(self.facts.harm[agent, agent])
        return f": her own model harms her (coefficient {own:.3g})" if own < 0 else ""

    @property
    def _by_theorem(self) -> bool:
        """Whether a theorem covers every report; that nobody is harmed at any quality is known of linear valuations."""
        if self.plan.mechanism == "exploitation":
            return bool(getattr(self.problem.valuation, "quasi_monotone", False))
        return self._harmless and isinstance(self.problem.valuation, Linear)

    def _proof(self) -> str:
        tried = f"{REPORTS} reports and both models tried for every agent"
        if self.plan.mechanism == "exploitation" and bool(getattr(self.problem.valuation, "quasi_monotone", False)):
            return f"by theorem for quasi-monotone valuations; {tried}"
        if self.plan.mechanism == "free" and self._harmless:
            return f"by theorem where nobody is harmed; {tried}"
        return tried

    @property
    def _tolerance(self) -> float:
        found = tolerances(self.plan.payment.dtype)
        return 16 * found.root * found.eps

    def _audit(
        self, claim: str, room: SupportsFloat, witness: str, effort: str, claimed: bool = True, how: str = ""
    ) -> Audit:
        return Audit.judged(claim, room, self._tolerance, witness, effort, claimed=claimed, known=how)

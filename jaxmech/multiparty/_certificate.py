"""Certificates of a plan at one profile of types: theorems whose premises are checked, and reports that are tried."""

import dataclasses
import math
from functools import partial
from typing import NamedTuple, SupportsFloat

import jax
import jax.numpy as jnp
import numpy as np

from jaxmech._tolerances import tolerances
from jaxmech._types import Array
from jaxmech.mechanism import Audit
from jaxmech.multiparty._problem import Problem
from jaxmech.multiparty._search import MAX_AGENTS, SEARCHED
from jaxmech.multiparty._solve import Plan, allocate, outside_value, without_names
from jaxmech.multiparty._valuation import Linear, MarketGrowth, QuasiMonotone

REPORTS = 257
"""Downward reports that are tried for each agent, evenly from nothing to her type."""

_CHOICES = ("the model she is handed", "her own model")


def certify(problem: Problem, plan: Plan) -> tuple[Audit, ...]:
    """Return what is certain about a plan, claims first.

    - "incentive compatible": nobody gains by a lower report, or by another model than the better of the two that she
      has, while the others report their types. For quasi-monotone valuations with exploitation payments by theorem;
      here 257 reports and both choices of model are tried for each agent.
    - "individually rational": nobody would rather stay away.
    - "efficient": no other allocation brings more welfare. "free" claims it only where nobody is harmed.
    - "weakly budget balanced": revenue is not negative. Exploitation payments promise it only where nobody is harmed;
      elsewhere it is a fact about these types.

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
        [True, True, True, True]
    """
    facts: _Facts = jax.device_get(_facts(without_names(problem), plan, plan.mechanism))
    certifier = _Certifier(problem, plan, facts)
    audits = (
        certifier.incentive_compatible(),
        certifier.individually_rational(),
        certifier.efficient(),
        certifier.budget_balanced(),
    )
    return tuple(sorted(audits, key=lambda audit: not audit.claimed))


class _Facts(NamedTuple):
    """Numbers behind the certificates.

    ``gain`` and ``lie`` are (agents,): the largest relative gain and which report and choice bring it; ``harm`` is the
    worst effect on anybody of another's model, (agents, agents), at this profile.
    """

    gain: Array
    lie: Array
    rational: Array
    welfare: Array
    most: Array
    harm: Array


@partial(jax.jit, static_argnames="mechanism")
def _facts(problem: Problem, plan: Plan, mechanism: str) -> _Facts:
    n = problem.types.shape[0]
    stake = jnp.abs(plan.value) + jnp.abs(plan.outside) + jnp.abs(plan.payment)
    stake = jnp.where(stake > 0, stake, 1.0)
    found = [_lies(problem, plan, i, mechanism) for i in range(n)]
    gains = jnp.stack([gain.reshape(-1) / stake[i] for i, gain in enumerate(found)])
    return _Facts(
        gain=jnp.max(gains, axis=1),
        lie=jnp.argmax(gains, axis=1),
        rational=(plan.utility - plan.outside) / stake,
        welfare=plan.welfare,
        most=_most_welfare(problem, plan),
        harm=jax.jacfwd(problem.valuation)(plan.quality),
    )


def _lies(problem: Problem, plan: Plan, agent: int, mechanism: str) -> Array:
    """(reports, choices) gains of one agent over honesty."""
    valuation, quality, types = problem.valuation, problem.quality, problem.types
    here = jnp.arange(types.shape[0]) == agent
    alone = quality(types)

    def gains(share: Array) -> Array:
        reports = jnp.where(here, share * types, types)
        handed = allocate(valuation, quality, reports, jnp.ones_like(here), mechanism)
        used = jnp.maximum(handed, alone)
        believed = jnp.maximum(handed, quality(reports))
        paid = jnp.zeros_like(types[agent])
        if mechanism == "exploitation":
            paid = valuation.of(agent, believed) - outside_value(valuation, quality, agent, reports)
        received = jnp.where(handed[agent] > 0, handed[agent], alone[agent])
        choices = [valuation.of(agent, jnp.where(here, own, used)) for own in (received, alone[agent])]
        return jnp.stack(choices) - paid - plan.utility[agent]

    return jax.vmap(gains)(jnp.linspace(0.0, 1.0, REPORTS, dtype=types.dtype))


def _most_welfare(problem: Problem, plan: Plan) -> Array:
    """Most welfare of all ways of giving the best model or none, or a bound where those are too many."""
    own = problem.quality(problem.types)
    best = jnp.maximum(plan.best, own)
    n = own.shape[0]
    if isinstance(problem.valuation, Linear):
        weight = jnp.sum(problem.valuation.externality, axis=0)
        return jnp.sum(jnp.maximum(weight * own, weight * best))
    if isinstance(problem.valuation, MarketGrowth) or n > MAX_AGENTS:
        return jnp.sum(problem.valuation(best))
    ways = (jnp.arange(2**n)[:, None] >> jnp.arange(n)) & 1
    return jnp.max(jax.vmap(lambda way: jnp.sum(problem.valuation(jnp.where(way == 1, best, own))))(ways))


@dataclasses.dataclass(frozen=True)
class _Certifier:
    """Turns facts into audits, in words."""

    problem: Problem
    plan: Plan
    facts: _Facts

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
        return self._audit("incentive compatible", 0.0 - worst, witness, self._proof())

    def individually_rational(self) -> Audit:
        worst = int(np.argmin(self.facts.rational))
        who = self.problem.agent_name(worst)
        have, away = float(self.plan.utility[worst]), float(self.plan.outside[worst])
        witness = f"{who} has {have:.6g}, and {away:.6g} if she stays away"
        claimed = self.plan.mechanism == "exploitation" or self._harmless
        return self._audit(
            "individually rational", self.facts.rational[worst], witness, "both computed, for every agent", claimed
        )

    def efficient(self) -> Audit:
        most, welfare = float(self.facts.most), float(self.facts.welfare)
        scale = max(float(np.abs(np.asarray(self.plan.value)).sum()), abs(most), 1e-300)
        witness = f"welfare {welfare:.6g}, at most {most:.6g}"
        valuation = self.problem.valuation
        effort = f"compared with all ways of giving the best model or none; allocation by {SEARCHED}"
        if isinstance(valuation, Linear):
            effort = "closed form: welfare is linear in each model's quality"
        elif isinstance(valuation, MarketGrowth):
            effort = "closed form: the market grows with every model's quality"
        claimed = self.plan.mechanism == "exploitation" or self._harmless
        return self._audit("efficient", (welfare - most) / scale, witness, effort, claimed)

    def budget_balanced(self) -> Audit:
        paid = np.asarray(self.plan.payment, float)
        scale = float(np.abs(paid).sum()) or 1.0
        least = int(np.argmin(paid))
        witness = f"revenue {paid.sum():.6g}"
        if paid[least] < 0:
            witness += f"; {self.problem.agent_name(least)} is paid {-paid[least]:.6g}"
        claimed = self.plan.mechanism == "free" or self._harmless
        effort = "at these types" if not claimed else "nobody is harmed by others' models, so no payment is negative"
        effort = "nobody pays anything" if self.plan.mechanism == "free" else effort
        return self._audit("weakly budget balanced", paid.sum() / scale, witness, effort, claimed)

    @property
    def _harmless(self) -> bool:
        """Whether better models harm nobody: for linear valuations everywhere, for others at these qualities."""
        return bool(np.all(np.asarray(self.facts.harm) >= 0))

    def _reason(self, agent: int) -> str:
        own = float(self.facts.harm[agent, agent])
        return f": her own model harms her (coefficient {own:.3g})" if own < 0 else ""

    def _proof(self) -> str:
        tried = f"{REPORTS} reports and both models tried for every agent"
        valuation = self.problem.valuation
        own_part = isinstance(valuation, QuasiMonotone) or (
            isinstance(valuation, Linear) and bool(np.all(np.diag(np.asarray(valuation.externality)) >= 0))
        )
        if self.plan.mechanism == "exploitation" and own_part:
            return f"by theorem for quasi-monotone valuations; {tried}"
        if self.plan.mechanism == "free" and self._harmless:
            return f"by theorem where nobody is harmed; {tried}"
        return tried

    @property
    def _tolerance(self) -> float:
        found = tolerances(self.plan.payment.dtype)
        return 16 * found.root * found.eps

    def _audit(self, claim: str, room: SupportsFloat, witness: str, effort: str, claimed: bool = True) -> Audit:
        margin = -math.inf if math.isnan(float(room)) else float(room)
        return Audit(claim, bool(margin >= -self._tolerance), margin, self._tolerance, witness, effort, claimed)

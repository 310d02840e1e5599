"""Finite tables of reports, audited by looking at every misreport, and exported for other tools."""

import dataclasses
import itertools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxmech._errors import ProblemError
from jaxmech._kept import jit
from jaxmech._types import Array, ArrayLike
from jaxmech.mechanism import COMPUTED, PROVEN, SEARCHED, Audit
from jaxmech.multiparty._existence import rounding, settled
from jaxmech.multiparty._interdependent import known
from jaxmech.multiparty._quality import pooled
from jaxmech.multiparty._reports import ReportTable, profiles, types_of, used_models, valued
from jaxmech.multiparty._welfare import closed_form, most_welfare

MAX_LIES = 200_000_000
"""Most combinations of agent, profile and misreport that an audit looks at."""

_SHARES = (0.25, 0.5, 0.55, 0.6, 0.65, 0.75, 0.9)
"""Shares of a type that are tried as reports where not all can be."""

_CHOICES = ("uses the model she is handed", "uses her own model")


def audit_table(table: ReportTable, *, claimed: bool = True, looks: int = MAX_LIES) -> tuple[Audit, ...]:
    """Look at every profile, every downward misreport (or the most telling ones) and both choices of model.

    - "incentive compatible": no agent gains by reporting less than she has, or by using another model than the better
      of the one that she is handed and her own, while the others report their types.
    - "individually rational": nobody would rather stay away.
    - "efficient": no other allocation brings more welfare, where the most is known in closed form (linear valuations
      and growing markets); for others, no other way of giving the best model or none.
    - "weakly budget balanced": payments never sum to less than nothing.

    Args:
        table: the mechanism.
        claimed: whether the mechanism claims to be budget balanced; the largest payments do only if one can be.
        looks: combinations of agent, profile and misreport up to which all are looked at. Beyond, each type is tried
            with the reports next to it, with nothing, and with fractions of it: the certificate says so.

    Returns:
        Audits; margins are relative to what is at stake for the agent, or for all, in the profile. Host only.

    Source: Chen et al. 2020, Definitions 3 to 7.

    Example:
        >>> from jaxmech.multiparty import market_growth, report_table
        >>> [audit.holds for audit in audit_table(report_table(market_growth(-0.7, 2, 5)))]
        [True, True, True, True]
    """
    n, k = table.space.levels.shape
    lies = every_lie(k) if n * k ** (n + 1) <= looks else telling_lies(k)
    facts: TableFacts = jax.device_get(table_facts(table, lies))
    auditor = _Auditor(table, facts, lies)
    return (
        auditor.incentive_compatible(),
        auditor.individually_rational(),
        auditor.efficient(),
        auditor.budget_balanced(claimed),
    )


def finite_tables(table: ReportTable) -> dict[str, Any]:
    """Return a mechanism as plain tables that audit tools for finite direct mechanisms read, such as MechAudit.

    An outcome is a profile of reports. That nobody can report more than she has, which such tools do not know, is part
    of the values: an outcome with an agent's report above her type is worth to her less than she could ever gain.

    Args:
        table: the mechanism.

    Returns:
        ``agents`` (name to levels), ``profiles`` (tuples of levels, the last agent's changing fastest), ``allocation``
        (profiles × outcomes, one 1 per row), ``payments`` (profiles × agents, what agents pay), ``values`` (agents ×
        true profiles × outcomes) and ``outside`` (agents × true profiles), as lists. Host only.

    Raises:
        ProblemError: for more than 2,000 profiles, for the values grow with their square.

    Source: Chen et al. 2020, Definitions 1 and 2; Assumption 2.

    Example:
        >>> from jaxmech.multiparty import market_growth, report_table
        >>> finite_tables(report_table(market_growth(-1.0, 2, 1)))["agents"]
        {'agent 1': [0.0, 1.0], 'agent 2': [0.0, 1.0]}
    """
    space = table.space
    n, k = space.levels.shape
    if k**n > 2000:
        raise ProblemError("levels", k, f"{k**n:,} profiles are too many for tables of values (at most 2,000)")
    indices = list(itertools.product(range(k), repeat=n))
    levels = np.asarray(space.levels)
    values = np.array(_values(table, jnp.asarray(indices)), float)
    # More than any difference of utilities, so that no gain makes up for it.
    forbidden = -10.0 * (1.0 + np.abs(values).max() + np.abs(np.asarray(table.payment)).max())
    reports = np.array(indices)
    for i in range(n):
        values[i][reports[None, :, i] > reports[:, None, i]] = forbidden
    return {
        "agents": {space.agent_name(i): levels[i].tolist() for i in range(n)},
        "profiles": [tuple(float(levels[i, index[i]]) for i in range(n)) for index in indices],
        "allocation": np.eye(len(indices)).tolist(),
        "payments": np.asarray(table.payment, float).reshape(n, -1).T.tolist(),
        "values": values.tolist(),
        "outside": np.asarray(table.outside, float).reshape(n, -1).tolist(),
    }


class TableFacts(NamedTuple):
    """Numbers behind the audits: (agents,) or scalar worst cases, with the flat index of each."""

    gain: Array
    lie: Array
    rational: Array
    rational_at: Array
    efficient: Array
    efficient_at: Array
    budget: Array
    budget_at: Array


def every_lie(levels: int) -> np.ndarray:
    """(lies, 2) all reports not above a type, with the type."""
    types, reports = np.tril_indices(levels)
    return np.stack([reports, types], axis=1)


def telling_lies(levels: int) -> np.ndarray:
    """(lies, 2) a few reports for each type: honest, next below, nothing, and shares by which chains go down."""
    types = np.arange(levels)
    reports = [types, types - 1, types - 2, 0 * types, *(np.floor(share * types).astype(int) for share in _SHARES)]
    pairs = np.concatenate([np.stack([np.maximum(report, 0), types], axis=1) for report in reports])
    return np.unique(pairs, axis=0)


@jit
def table_facts(table: ReportTable, lies: ArrayLike) -> TableFacts:
    space, n = table.space, table.space.levels.shape[0]
    trained, used = space.quality(types_of(space)), used_models(table)
    value = valued(space, used)
    utility = value - table.payment
    stake = jnp.abs(value) + jnp.abs(table.outside)
    stake = jnp.where(stake > 0, stake, 1.0)
    most = jnp.maximum(jnp.max(jnp.abs(value)), jnp.max(jnp.abs(table.outside)))
    honest = (utility, stake, most)
    gains, found = zip(*[_best_lie(table, i, used, *honest, jnp.asarray(lies)) for i in range(n)], strict=True)
    rational = settled(utility - table.outside, most) / stake
    all_at_stake = jnp.sum(stake, axis=0)
    efficient = settled(jnp.sum(value, axis=0) - _most(table, trained), most) / all_at_stake
    # Where nobody has data nothing is at stake, and nothing is the least revenue: it says nothing.
    budget = settled(jnp.sum(table.payment, axis=0), most) / all_at_stake
    told = jnp.where(jnp.sum(jnp.abs(value), axis=0) > 0, budget, jnp.where(budget < 0, budget, jnp.inf))
    return TableFacts(
        *(jnp.stack(gains), jnp.stack(found)),
        *(jnp.min(rational), jnp.argmin(rational)),
        *(jnp.min(efficient), jnp.argmin(efficient)),
        *(jnp.min(told), jnp.argmin(told)),
    )


def _most(table: ReportTable, trained: Array) -> Array:
    """(*levels of each) most welfare: in closed form, or of all ways of giving the best model or none."""
    space, n = table.space, trained.shape[0]
    types = profiles(space)
    best = pooled(space.quality, types)
    if closed_form(known(space.valuation, types[0])):
        own = trained.reshape(n, -1).T

        def most_at(own: Array, best: Array, types: Array) -> Array:
            return most_welfare(known(space.valuation, types), own, best)

        return jax.vmap(most_at)(own, best, types).reshape(space.shape)
    most = jnp.full(space.shape, -jnp.inf, trained.dtype)
    for way in itertools.product((True, False), repeat=n):
        given = [jnp.maximum(best.reshape(space.shape) if give else 0.0, trained[i]) for i, give in enumerate(way)]
        most = jnp.maximum(most, jnp.sum(valued(space, jnp.stack(given)), axis=0))
    return most


def _best_lie(
    table: ReportTable, agent: int, used: Array, utility: Array, stake: Array, most: Array, lies: Array
) -> tuple[Array, Array]:
    """Largest relative gain of one agent from a lie, and which: lie, choice and the others' types, flat.

    Lies are gone through one at a time, all profiles of the others at once.
    """
    space = table.space
    n, k = space.levels.shape
    alone = space.quality(space.levels[agent])
    # The agent's axis first, the others flat behind it.
    honest, scale = (jnp.moveaxis(array[agent], agent, 0).reshape(k, -1) for array in (utility, stake))
    handed, paid = (jnp.moveaxis(array[agent], agent, 0).reshape(k, -1) for array in (table.allocation, table.payment))
    rest = jnp.moveaxis(used, agent + 1, 1).reshape(n, k, -1)
    types = jnp.moveaxis(types_of(space), agent + 1, 1).reshape(n, k, -1)
    here = (jnp.arange(n) == agent)[:, None]

    def earns(report: Array, t: Array, own: Array) -> Array:
        qualities = jnp.where(here, own, rest[:, report])
        return jax.vmap(lambda q, t: known(space.valuation, t).of(agent, q), in_axes=1)(qualities, types[:, t])

    def of_lie(lie: Array) -> tuple[Array, Array]:
        report, t = lie
        own = jnp.broadcast_to(alone[t], handed[report].shape)
        received = jnp.where(handed[report] > 0, handed[report], own)
        gains = jnp.stack([earns(report, t, received), earns(report, t, own)]) - paid[report] - honest[t]
        gains = settled(gains, most) / scale[t]
        return jnp.max(gains), jnp.argmax(gains)

    gains, where = jax.lax.map(of_lie, lies)
    lie = jnp.argmax(gains)
    return gains[lie], jnp.stack([lie, where[lie]])


@jit
def _values(table: ReportTable, indices: Array) -> Array:
    """(agents, true profiles, outcomes) what each outcome is worth at each true profile, over-reports included."""
    space, n = table.space, table.space.levels.shape[0]
    handed = table.allocation.reshape(n, -1).T
    types = jnp.stack([space.levels[i][indices[:, i]] for i in range(n)], axis=1)

    def one(types: Array) -> Array:
        earning = known(space.valuation, types)
        return jax.vmap(lambda x: earning(jnp.maximum(x, space.quality(types))))(handed)

    return jnp.moveaxis(jax.lax.map(one, types), -1, 0)


@dataclasses.dataclass(frozen=True)
class _Auditor:
    """Turns facts into audits, in words."""

    table: ReportTable
    facts: TableFacts
    lies: np.ndarray

    def incentive_compatible(self) -> Audit:
        space, facts = self.table.space, self.facts
        n, k = space.levels.shape
        agent = int(np.argmax(facts.gain))
        lie, rest = (int(entry) for entry in facts.lie[agent])
        report, own = (int(entry) for entry in self.lies[lie])
        choice, others = divmod(rest, k ** (n - 1))
        place = list(np.unravel_index(others, (k,) * (n - 1)))
        profile = [*place[:agent], own, *place[agent:]]
        gain = float(facts.gain[agent])
        who, what = space.agent_name(agent), f"{float(space.levels[agent, report]):.6g}"
        act = f"reports {what} and {_CHOICES[choice]}"
        if report == own:
            act = f"is honest and {_CHOICES[choice]}"
        worth = f"gains {gain:.3g} of what is at stake" if gain > self._slack else "gains nothing"
        witness = f"at types {self._types(profile)}, {who} {worth} if she {act}"
        looked, every = len(self.lies), k * (k + 1) // 2
        effort = f"all {n * k ** (n - 1) * every:,} downward reports in all {k**n:,} profiles, both models"
        if looked < every:
            effort = (
                f"{n * k ** (n - 1) * looked:,} of {n * k ** (n - 1) * every:,} downward reports in all {k**n:,} "
                "profiles, both models: for each type the two next below, nothing, and fractions of it; that no other "
                "gains rests on the pass over the types"
            )
        how = SEARCHED if looked < every else COMPUTED
        return self._audit("incentive compatible", 0.0 - gain, witness, effort, how=how)

    def individually_rational(self) -> Audit:
        k, n = self.table.space.shape[0], len(self.table.space.shape)
        agent, *profile = np.unravel_index(int(self.facts.rational_at), (n, *self.table.space.shape))
        who = self.table.space.agent_name(int(agent))
        margin = float(self.facts.rational)
        worth = (
            "has as much as if she stayed away" if abs(margin) <= self._slack else _more(margin, "if she stayed away")
        )
        witness = f"at types {self._types(profile)}, {who} {worth}"
        return self._audit("individually rational", margin, witness, f"all agents in all {k**n:,} profiles")

    def efficient(self) -> Audit:
        profile = np.unravel_index(int(self.facts.efficient_at), self.table.space.shape)
        n, count = len(self.table.space.shape), int(np.prod(self.table.space.shape))
        margin = float(self.facts.efficient)
        worth = "no other way" if margin >= -self._slack else "another way"
        space = self.table.space
        proof = closed_form(known(space.valuation, space.levels[:, 0]))
        what = "handing out models" if proof else "giving the best model or none"
        witness = f"at types {self._types(profile)}, {worth} of {what} brings more welfare"
        effort = f"all {2**n} ways of giving the best model or none in all {count:,} profiles"
        effort = f"closed form in all {count:,} profiles: {proof}" if proof else effort
        return self._audit("efficient", margin, witness, effort, how=PROVEN if proof else SEARCHED)

    def budget_balanced(self, claimed: bool) -> Audit:
        profile = np.unravel_index(int(self.facts.budget_at), self.table.space.shape)
        paid = np.array([amounts[profile] for amounts in np.asarray(self.table.payment)])
        revenue = float(paid.sum())
        names = [self.table.space.agent_name(i) for i in range(len(paid))]
        each = ", ".join(f"{name} {amount:.4g}" for name, amount in zip(names[:6], paid.tolist()[:6], strict=True))
        witness = f"at types {self._types(profile)}, payments sum to {revenue:.4g} ({each})"
        effort = f"all {int(np.prod(self.table.space.shape)):,} profiles"
        return self._audit("weakly budget balanced", float(self.facts.budget), witness, effort, claimed)

    @property
    def _slack(self) -> float:
        return 16 * rounding(self.table.payment.dtype)

    def _types(self, profile: Any) -> str:
        levels = np.asarray(self.table.space.levels)
        return "(" + ", ".join(f"{levels[i, int(level)]:.6g}" for i, level in enumerate(profile)) + ")"

    def _audit(
        self, claim: str, margin: float, witness: str, effort: str, claimed: bool = True, how: str = ""
    ) -> Audit:
        return Audit.judged(claim, margin, self._slack, witness, effort, claimed=claimed, known=how)


def _more(margin: float, than: str) -> str:
    return f"has {abs(margin):.3g} of what is at stake {'more' if margin > 0 else 'less'} than {than}"

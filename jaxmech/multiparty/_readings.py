"""The two readings of Algorithm 1: the others always take part, or some of them may stay away."""

import dataclasses
import itertools
from collections.abc import Iterator

import jax.numpy as jnp
import numpy as np
from jaxtyping import Int

from jaxmech._errors import ProblemError
from jaxmech._pytree import pytree
from jaxmech._status import Solution
from jaxmech._types import Agents, Array, Scalar
from jaxmech.mechanism import Audit
from jaxmech.multiparty._existence import Existence, existence, rounding
from jaxmech.multiparty._interdependent import AnyValuation, SeesTypes
from jaxmech.multiparty._problem import TypeSpace
from jaxmech.multiparty._quality import among
from jaxmech.multiparty._reports import report_table
from jaxmech.multiparty._table import MAX_LIES, audit_table
from jaxmech.multiparty._valuation import MarketGrowth, Valuation

READINGS = ("present", "absent")
"""Algorithm 1 loops over the others' types from ∅ on: ∅ is a firm without data that takes part, or one that is away."""

MOST_AGENTS = 8
"""Most agents of whom every coalition is looked at."""


@pytree
@dataclasses.dataclass(frozen=True)
class Among:
    """A market of which only some take part; the others have neither data nor a model.

    Models are handed out for the good of all, of those who are away too, as everywhere.

    Attributes:
        valuation: of all agents.
        members: (members,) who takes part.
    """

    valuation: Valuation
    members: Int[Array, " members"]

    @property
    def agents(self) -> int:
        """How many take part."""
        return int(self.members.shape[-1])

    def __call__(self, qualities: Agents) -> Agents:
        """Return what each member earns."""
        return self.valuation(self._all(qualities))[self.members]

    def of(self, agent: int | Array, qualities: Agents) -> Scalar:
        """Return what one member earns."""
        return self.valuation(self._all(qualities))[self.members[agent]]

    def allocate(self, best: Scalar, own: Agents, present: Array) -> Agents:
        """Return the models that an efficient mechanism hands out to members."""
        return self.valuation.allocate(best, self._all(own), self._all(present))[self.members]

    def _all(self, entries: Array) -> Array:
        return _spread(self, entries)


@pytree
@dataclasses.dataclass(frozen=True)
class AmongTyped:
    """The same for a valuation that sees types: those who are away have none.

    Attributes:
        valuation: of all agents.
        members: (members,) who takes part.
    """

    valuation: SeesTypes
    members: Int[Array, " members"]

    @property
    def agents(self) -> int:
        """How many take part."""
        return int(self.members.shape[-1])

    def at(self, types: Agents) -> Among:
        """Return the market of members that holds for their types."""
        return Among(self.valuation.at(_spread(self, types)), self.members)


def _spread(part: Among | AmongTyped, entries: Array) -> Array:
    """(agents,) entries of members, nothing for the others."""
    return jnp.zeros(part.valuation.agents, entries.dtype).at[part.members].set(entries)


@dataclasses.dataclass(frozen=True)
class Coalition:
    """What is known when exactly these agents take part.

    Attributes:
        members: who takes part, by number.
        space: the grid of their types.
        solution: the verdict on it.
    """

    members: tuple[int, ...]
    space: TypeSpace
    solution: Solution[Existence]

    @property
    def first(self) -> int:
        """The least largest level of a profile that fails, or the number of levels where none does."""
        return first_failure(self.solution.value)


def coalitions(space: TypeSpace, reading: str = "absent") -> tuple[Coalition, ...]:
    """Decide about every coalition that may take part, as Algorithm 1 is read with ∅ as a firm that stays away.

    A profile of the others with ∅ in it is the market of those who remain: payments in it bind each other and nothing
    else, so that every coalition is decided on its own. One who is alone pays nothing and has no constraint.

    Args:
        space: the grid of types.
        reading: "absent": all coalitions of two or more, everybody first; "present": everybody only.

    Returns:
        The verdicts; where agents differ in name only, of one coalition of each number. Host only.

    Raises:
        ProblemError: for more than eight agents whose coalitions are not all alike.

    Source: Chen et al. 2020, Algorithm 1 (the loop over t_−i from (∅, …, ∅) on).

    Example:
        >>> from jaxmech.multiparty import market_growth
        >>> [(c.members, bool(c.solution.value.exists)) for c in coalitions(market_growth(-0.9, 3, 2))]
        [((0, 1, 2), False), ((0, 1), False)]
    """
    n = space.levels.shape[0]
    found = [(tuple(range(n)), space)]
    if reading == "absent":
        found += [(members, _within(space, members)) for members in _fewer(space)]
    return tuple(Coalition(members, part, existence(part)) for members, part in found)


def deciding(found: tuple[Coalition, ...]) -> Coalition:
    """Return the coalition that decides: the one that fails first, or the one with the least room.

    Args:
        found: from :func:`coalitions`.

    Source: Chen et al. 2020, Algorithm 1.

    Example:
        >>> from jaxmech.multiparty import market_growth
        >>> deciding(coalitions(market_growth(-0.9, 3, 2))).members
        (0, 1)
    """
    return min(found, key=lambda one: (one.first, float(one.solution.value.margin)))


def first_failure(found: Existence) -> int:
    """Return the least largest level of a profile that fails, or the number of levels.

    Args:
        found: from :func:`existence`.
    """
    failing = np.asarray(found.by_level) < -rounding(found.margin.dtype)
    return int(np.argmax(failing)) if failing.any() else len(failing)


def _fewer(space: TypeSpace) -> Iterator[tuple[int, ...]]:
    """All coalitions of two or more but not of all, the larger ones first; one of each number of agents alike."""
    n = space.levels.shape[0]
    alike = _alike(space)
    if n > MOST_AGENTS and not alike:
        raise ProblemError("agents", n, f"at most {MOST_AGENTS} for the reading absent: each coalition is looked at")
    for size in range(n - 1, 1, -1):
        yield from [tuple(range(size))] if alike else itertools.combinations(range(n), size)


def _alike(space: TypeSpace) -> bool:
    return space.shared and isinstance(space.valuation, MarketGrowth)


def _within(space: TypeSpace, members: tuple[int, ...]) -> TypeSpace:
    """The grid of some agents' types, the others being away."""
    if isinstance(space.valuation, MarketGrowth):
        valuation: AnyValuation = MarketGrowth(space.valuation.growth, len(members))
    elif isinstance(space.valuation, SeesTypes):
        valuation = AmongTyped(space.valuation, jnp.asarray(members))
    else:
        valuation = Among(space.valuation, jnp.asarray(members))
    levels = space.levels[0] if space.shared else space.levels[jnp.asarray(members)]
    return TypeSpace(levels, valuation, among(space.quality, members), [space.agent_name(i) for i in members])


def audit_coalitions(found: tuple[Coalition, ...], looks: int = MAX_LIES) -> tuple[Audit, ...]:
    """Look at the largest payments of every coalition: :func:`audit_table`, the worst of all coalitions for each claim.

    What is handed out serves those who are away as well, so that efficiency is looked at among everybody only.

    Args:
        found: from :func:`coalitions`.
        looks: misreports up to which all are looked at, in each coalition.

    Returns:
        Audits. That payments are balanced is claimed where a desirable mechanism exists. Host only.

    Source: Chen et al. 2020, Definitions 3 to 7 and Algorithm 1.

    Example:
        >>> from jaxmech.multiparty import market_growth
        >>> [audit.holds for audit in audit_coalitions(coalitions(market_growth(-0.7, 3, 3)))]
        [True, True, True, True]
    """
    exists = all(bool(one.solution.value.exists) for one in found)
    audited = [
        audit_table(report_table(one.space, one.solution.value.payment), claimed=exists, looks=looks) for one in found
    ]
    chosen = []
    for place, record in enumerate(audited[0]):
        among = [0] if record.claim == "efficient" else range(len(found))
        worst = min(among, key=lambda k: audited[k][place].margin)
        chosen.append(_placed(audited[worst][place], found, worst, len(among)))
    return tuple(chosen)


def _placed(record: Audit, found: tuple[Coalition, ...], worst: int, among: int) -> Audit:
    """A record with the coalition in which it was found, where there are several."""
    if among == 1:
        return record
    one = found[worst]
    names = " and ".join(one.space.agent_name(i) for i in range(len(one.members)))
    who = "if all take part" if worst == 0 else f"if only {names} take part"
    return dataclasses.replace(
        record, witness=f"{who}: {record.witness}", effort=f"{record.effort}, in each of {among} coalitions"
    )

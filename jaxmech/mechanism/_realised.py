"""What a mechanism brought in many runs, beside what was promised, whatever the system."""

import dataclasses

import numpy as np

from jaxmech._tolerances import STANDARD_ERRORS
from jaxmech._words import figure, rough
from jaxmech.mechanism._record import Audit

PLATFORM = "platform"
"""The role of who runs a mechanism, for sums over all agents."""


@dataclasses.dataclass(frozen=True)
class Quantity:
    """An average over runs.

    Attributes:
        agent: whose.
        role: what she is, such as "buyer".
        quantity: what is averaged, such as "price".
        promised: its expectation; NaN where nothing is promised.
        realised: its average.
        standard_error: of that average.
    """

    agent: str
    role: str
    quantity: str
    promised: float
    realised: float
    standard_error: float


@dataclasses.dataclass(frozen=True)
class Chance:
    """How often something happened.

    Attributes:
        agent: to whom.
        role: what she is.
        event: what happened, such as "price above value".
        chance: share of the runs.
        standard_error: of that share.
        excluded: whether the mechanism claims that it never happens.
    """

    agent: str
    role: str
    event: str
    chance: float
    standard_error: float
    excluded: bool = False


@dataclasses.dataclass(frozen=True)
class Realised:
    """What came of one way of running a mechanism many times.

    Attributes:
        name: which data or types, such as "normal data".
        replications: how many runs.
        quantities: averages.
        chances: how often what happened.
    """

    name: str
    replications: int
    quantities: tuple[Quantity, ...]
    chances: tuple[Chance, ...]


def averaged(agent: str, role: str, quantity: str, promised: float, runs: np.ndarray) -> Quantity:
    """Return an average over runs with its standard error; of one run alone it is 0.

    Args:
        agent: whose.
        role: what she is.
        quantity: what it is.
        promised: its expectation, or NaN.
        runs: (runs,) what came out.

    Source: elementary: s/√n.

    Example:
        >>> averaged("Ann", "buyer", "price", 2.0, np.array([1.0, 3.0])).standard_error
        1.0
    """
    error = float(np.std(runs, ddof=1) / np.sqrt(len(runs))) if len(runs) > 1 else 0.0
    return Quantity(agent, role, quantity, float(promised), float(np.mean(runs)), error)


def counted(agent: str, role: str, event: str, runs: np.ndarray, *, excluded: bool = False) -> Chance:
    """Return the share of runs in which something happened; never seen is not impossible: one run more would be it.

    Args:
        agent: to whom.
        role: what she is.
        event: what it is.
        runs: (runs,) whether it happened.
        excluded: whether the mechanism claims that it never does.

    Source: elementary: √(p(1 − p)/n), with p at least 1/n for the error.

    Example:
        >>> counted("Ann", "buyer", "price below 0", np.array([True, False, False, False])).chance
        0.25
    """
    chance, least = float(np.mean(runs)), 1 / len(runs)
    spread = min(max(chance, least), 1 - least) if len(runs) > 1 else 0.0
    return Chance(agent, role, event, chance, float(np.sqrt(spread * (1 - spread) / len(runs))), excluded)


def as_promised(found: Realised, slack: float) -> Audit:
    """Return whether all averages are what was promised, up to five standard errors and rounding.

    Args:
        found: what came of the runs.
        slack: how much rounding may be off, relative to the largest promise of a kind.

    Source: this package: the judgement of a simulation.

    Example:
        >>> row = averaged("Ann", "buyer", "price", 2.0, np.array([1.0, 2.5]))
        >>> as_promised(Realised("two runs", 2, (row,), ()), 1e-9).holds
        True
    """
    told = [row for row in found.quantities if not np.isnan(row.promised)]
    largest: dict[str, float] = {}
    for row in told:
        largest[row.quantity] = max(largest.get(row.quantity, 0.0), abs(row.promised))
    scale = np.array([largest[row.quantity] or 1.0 for row in told])
    off = np.array([abs(row.realised - row.promised) for row in told]) / scale
    allowed = STANDARD_ERRORS * np.array([row.standard_error for row in told]) / scale + slack
    worst = int(np.argmax(off / allowed))
    row = told[worst]
    witness = (
        f"{row.quantity} of {row.agent}: promised {figure(row.promised)}, on average {figure(row.realised)} "
        f"(standard error {rough(row.standard_error)})"
    )
    loose = [row.quantity for row, width in zip(told, allowed, strict=True) if width > 1]
    if loose:
        witness += f"; {', '.join(dict.fromkeys(loose))}: too few runs to tell from nothing"
    effort = f"{found.replications:,} runs on {found.name}, {STANDARD_ERRORS:g} standard errors"
    return Audit.judged("averages as promised", 0.0 - off[worst], allowed[worst], witness, effort)


def never(found: Realised) -> tuple[Audit, ...]:
    """Return for every event that it never happened: claims where a mechanism excludes it, else facts.

    Args:
        found: what came of the runs.

    Source: this package: the judgement of a simulation.

    Example:
        >>> row = counted("Ann", "buyer", "price below 0", np.array([True, False]))
        >>> never(Realised("two runs", 2, (), (row,)))[0].margin
        -0.5
    """
    records = []
    for event in dict.fromkeys(row.event for row in found.chances):
        rows = [row for row in found.chances if row.event == event]
        worst = max(rows, key=lambda row: row.chance)
        witness = f"{worst.agent}: in {100 * worst.chance:.3g} % of the runs"
        witness += f" (standard error {rough(100 * worst.standard_error)} %)"
        witness = witness if worst.chance > 0 else "in no run, to nobody"
        effort = f"{found.replications:,} runs on {found.name}"
        claimed = all(row.excluded for row in rows)
        records.append(Audit.judged(f"never {event}", 0.0 - worst.chance, 0.0, witness, effort, claimed=claimed))
    return tuple(records)

"""Host: the best lie of every agent of a finite mechanism, in the profile in which it brings most."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxmech.multiparty._existence import rounding
from jaxmech.multiparty._interdependent import known
from jaxmech.multiparty._reports import ReportTable
from jaxmech.multiparty._table import MAX_LIES, TableFacts, every_lie, table_facts, telling_lies


class Lie(NamedTuple):
    """The best lie of one agent of a table, in the profile in which it brings most, relative to what is at stake.

    Where none brings anything it is the truth, in the profile in which all have most.

    Attributes:
        gain: over honesty, in money; not below 0.
        report: what she says.
        type: what she has.
        choice: 0 for the model that she is handed, 1 for her own.
        honest: what she has if she is honest.
        stake: what she earns, and has elsewhere, in absolute numbers.
        bound: what is proven of the gain where none was found: 0 if all lies in all profiles were looked at, else ∞.
    """

    gain: float
    report: float
    type: float
    choice: int
    honest: float
    stake: float
    bound: float


def table_gains(table: ReportTable, looks: int = MAX_LIES) -> tuple[Lie, ...]:
    """Return the best lie of every agent: the lies of :func:`audit_table`, agent by agent.

    Args:
        table: the mechanism.
        looks: as of :func:`audit_table`.
    """
    n, k = table.space.levels.shape
    complete = n * k ** (n + 1) <= looks
    lies = every_lie(k) if complete else telling_lies(k)
    facts: TableFacts = jax.device_get(table_facts(table, lies))
    levels, rows = np.asarray(table.space.levels, float), []
    for i in range(n):
        report, own, choice, profile = k - 1, k - 1, 0, (k - 1,) * n
        if float(facts.gain[i]) > 16 * rounding(table.payment.dtype):
            lie, rest = (int(entry) for entry in facts.lie[i])
            report, own = (int(entry) for entry in lies[lie])
            choice, others = divmod(rest, k ** (n - 1))
            place = list(np.unravel_index(others, (k,) * (n - 1)))
            profile = tuple(int(entry) for entry in (*place[:i], own, *place[i:]))
        types = jnp.asarray([levels[j, level] for j, level in enumerate(profile)], table.space.levels.dtype)
        used = jnp.maximum(table.allocation[(slice(None), *profile)], table.space.quality(types))
        value, away = float(known(table.space.valuation, types).of(i, used)), float(table.outside[(i, *profile)])
        stake = (abs(value) + abs(away)) or 1.0
        honest = value - float(table.payment[(i, *profile)])
        gain = max(float(facts.gain[i]), 0.0) * stake
        rows.append(
            Lie(
                gain,
                float(levels[i, report]),
                float(levels[i, own]),
                choice,
                honest,
                stake,
                0.0 if complete else np.inf,
            )
        )
    return tuple(rows)

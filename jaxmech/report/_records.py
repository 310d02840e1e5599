"""Claims with margin and witness, and how a solve ended: in words, as a table, for JSON."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np
from rich.box import Box
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from jaxmech._status import Status
from jaxmech._words import brief
from jaxmech.mechanism import Audit
from jaxmech.report._meanings import how_known, meanings_of
from jaxmech.report._numbers import INFINITY
from jaxmech.report._tables import make_table


@runtime_checkable
class Certified(Protocol):
    """What an answer with certificates has."""

    @property
    def certificates(self) -> tuple[Audit, ...]:
        """Every claim and fact, with margin and witness."""
        ...

    @property
    def status(self) -> Status:
        """How the solve ended."""
        ...


_COLUMNS = (
    "Witness: the case that is nearest to failing. Margin: by what part it is on the safe side; if negative, by what "
    "part it fails."
)
_WITHIN = "Within: it falls short by so much, and so much is allowed for."

_ALL_HOLD = {1: "The one claim holds.", 2: "Both claims hold."}


class Judged:
    """Base of answers with certificates: what is claimed, what is a fact, and whether all is well."""

    @property
    def claims(self: Certified) -> tuple[Audit, ...]:
        """What the mechanism claims."""
        return tuple(record for record in self.certificates if record.claimed)

    @property
    def facts(self: Certified) -> tuple[Audit, ...]:
        """What is true or false, but not claimed."""
        return tuple(record for record in self.certificates if not record.claimed)

    @property
    def solved(self: Certified) -> bool:
        """Whether the solve ended well and every claim holds. That no mechanism exists is an answer too."""
        return self.status is Status.OK and all(record.holds for record in self.certificates if record.claimed)


def explained(status: Status, remedies: Mapping[Status, str] | None = None) -> str:
    """Return what a status means, with what helps in this system if anything does."""
    remedy = (remedies or {}).get(status, "")
    return f"{status.message}: {remedy}" if remedy else status.message


def status_document(status: Status, residual: float, remedies: Mapping[Status, str] | None = None) -> dict[str, Any]:
    """Return how a solve ended, for a JSON document."""
    return {"name": status.name, "message": explained(status, remedies), "residual": residual}


def record_document(record: Audit) -> dict[str, Any]:
    """Return a claim or fact for a JSON document."""
    fields = ("claim", "holds", "margin", "tolerance", "witness", "effort")
    return {**{field: getattr(record, field) for field in fields}, "known": record.known or None}


def claims_in_words(claims: Sequence[Audit]) -> str:
    """Return the verdict on all claims together, one sentence."""
    failed = [record.claim for record in claims if not record.holds]
    if failed:
        return f"Fails: {', '.join(failed)}."
    if not claims:
        return ""
    return _ALL_HOLD.get(len(claims), f"All {len(claims)} claims hold.")


def records_table(records: Sequence[Audit], box: Box) -> Table:
    """Return claims or facts as a table: verdict, how it is known, margin, witness."""
    table = make_table(box)
    table.add_column("claim", ratio=3, overflow="fold")
    table.add_column("holds")
    table.add_column("known")
    table.add_column("margin", justify="right")
    table.add_column("witness", ratio=6, overflow="fold")
    for record in records:
        verdict = Text("yes", style="green") if record.holds else Text("NO", style="bold red")
        table.add_row(record.claim, verdict, record.known, _margin(record), record.witness)
    return table


def records_section(
    records: Sequence[Audit], box: Box, *, explained: bool = True, above: Sequence[Audit] = ()
) -> list[RenderableType]:
    """Return claims or facts as a table, and below it what the words in it mean.

    Args:
        records: the rows.
        box: the lines to draw.
        explained: whether there is room for that; what the columns are is said below claims, which come first.
        above: rows of tables above on the same page, below which their words are explained already.
    """
    said = set(_words(above))
    words = [word for word in _words(records) if word not in said] if explained else []
    return [records_table(records, box), *([Text(" ".join(words), style="dim")] if words else [])]


def _words(records: Sequence[Audit]) -> list[str]:
    """What columns, verdicts and names of these rows mean."""
    columns = [_COLUMNS] if any(record.claimed for record in records) else []
    within = [_WITHIN] if any(_margin(record).startswith("within") for record in records) else []
    return [*columns, *within, *how_known(records), *meanings_of(records)]


def _margin(record: Audit) -> str:
    """Rounding errors are no margin; what is missing and still holds is within the error that is allowed for."""
    if not np.isfinite(record.margin):
        return INFINITY if record.margin > 0 else f"−{INFINITY}"
    if abs(record.margin) < 1e-6 * max(record.tolerance, 1e-6):
        return "0"
    return f"within {brief(-record.margin)}" if record.holds and record.margin < 0 else brief(record.margin)

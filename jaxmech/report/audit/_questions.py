"""What nobody promises: for the document, and who is pivotal as a table."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from rich.box import Box
from rich.table import Table
from rich.text import Text

from jaxmech.collaboration import Questions
from jaxmech.mechanism import Audit
from jaxmech.report._numbers import INFINITY, decimals, single
from jaxmech.report._records import record_document
from jaxmech.report._tables import new_table

_MOST = 8
"""Agents of a table that is shown whole; of more, those whose absence costs the others most."""


def questions_document(answers: Questions, weaknesses: Sequence[Audit]) -> dict[str, Any]:
    """Return what the JSON document says about what nobody promises.

    Args:
        answers: numbers.
        weaknesses: the same as facts.
    """
    said, names, core, pivotal = answers.misreport, answers.second_name, answers.core, answers.pivotal
    return {
        "facts": [record_document(fact) for fact in weaknesses],
        "misreport": None if said is None else {"gain": said.gain, "report": said.report, "samples": said.amount},
        "second_name": {
            "gain": names.gain,
            "standard_error": names.standard_error,
            "measures_nothing": names.unable,
            "samples": names.collected,
            "spread": names.spread,
        },
        "allies": [] if answers.groups is None else _groups(answers),
        "core": {
            "share": core.share,
            "group": list(core.group),
            "samples": core.samples,
            "least": list(core.least),
            "bound": core.bound,
            "groups": core.groups,
            "complete": core.complete,
        },
        "pivotal": {"absent": pivotal.absent, "half": pivotal.short, "anew": pivotal.anew},
        "unavoidable": {
            "dominant": answers.unavoidable.dominant,
            "each": answers.unavoidable.each,
            "social": answers.unavoidable.social,
        },
    }


def pivotal_table(answers: Questions, names: Sequence[str], box: Box, *, full: bool = False) -> list[Table | Text]:
    """Return what everybody pays, one row for each agent who leaves; of many agents, the most pivotal ones first.

    Args:
        answers: numbers.
        names: of the agents.
        box: frame of the table.
        full: whether to leave nobody out.
    """
    pays, absent = answers.pays, np.asarray(answers.pivotal.absent, float)
    if not full and len(names) > _MOST:
        return most_pivotal(pays, absent, names, box)
    table = new_table(box, "without", *names)
    places = decimals(pays)
    for row in [None, *range(len(names))]:
        paid = pays if row is None else absent[row]
        table.add_row("(nobody)" if row is None else names[row], *[single(amount, places) for amount in paid])
    return [table]


def most_pivotal(pays: np.ndarray, absent: np.ndarray, names: Sequence[str], box: Box) -> list[Table | Text]:
    """Return the agents whose absence costs the others most, the worst first, with whoever each hits hardest.

    Args:
        pays: (agents,) what each pays under the plan.
        absent: (agents, agents) what each pays if the agent of the row leaves.
        names: of the agents.
        box: frame of the table.
    """
    others = ~np.eye(len(names), dtype=bool)
    rise = np.where(others & np.isfinite(pays), absent - np.where(np.isfinite(pays), pays, 0.0), 0.0)
    lost, dearer = np.isinf(rise).sum(axis=1), np.where(np.isfinite(rise), rise, 0.0).sum(axis=1)
    places = decimals(np.array([pays[np.isfinite(pays)].sum()]))
    headers = "the others pay", "instead of", "know too little", "hit hardest", "pays", "instead of"
    table = new_table(box, "without", *headers)
    for j in np.lexsort((-dearer, -lost))[:_MOST].tolist():
        told = others[j] & np.isfinite(rise[j]) & np.isfinite(pays)
        i = int(np.argmax(np.where(others[j], rise[j] / np.where(pays > 0, pays, 1.0), -np.inf)))
        both = [single(float(amounts[told].sum()), places) for amounts in (absent[j], pays)]
        hit = [names[i], single(float(absent[j, i]), places), single(float(pays[i]), places)]
        table.add_row(names[j], *both, f"{lost[j]:,}", *(hit if rise[j, i] > 0 else ["–", "–", "–"]))
    note = (
        f"The {_MOST} whose absence costs the others most, the worst first; the others pay: all who still learn "
        f"something about everything they need; know too little: those who then pay {INFINITY}. "
        f"Not shown: {len(names) - _MOST:,} more agents; --verbose shows all, --json FILE has all numbers (questions)."
    )
    return [table, Text(note, style="dim")]


def _groups(answers: Questions) -> list[dict[str, Any]]:
    groups = answers.groups
    assert groups is not None
    return [
        {
            "members": list(members),
            "pays": groups.pays[i],
            "gain": groups.found.gain[i],
            "standard_error": groups.found.standard_error[i],
            "samples": groups.found.collected[i],
            "spread": groups.found.spread[i],
        }
        for i, members in enumerate(groups.members)
    ]

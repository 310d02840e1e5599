"""What nobody promises: for the document, and who is pivotal as a table."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from rich.box import Box
from rich.table import Table

from jaxmech.collaboration import Questions
from jaxmech.mechanism import Audit
from jaxmech.report._numbers import decimals, single
from jaxmech.report._records import record_document
from jaxmech.report._tables import new_table

_MOST = 8
"""Agents of a table that is shown whole; of more, those who matter most to somebody."""


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


def pivotal_table(answers: Questions, names: Sequence[str], box: Box, *, full: bool = False) -> Table:
    """Return what everybody pays, one row for each agent who leaves.

    Args:
        answers: numbers.
        names: of the agents.
        box: frame of the table.
        full: whether to leave nobody out.
    """
    pays, absent = answers.pays, np.asarray(answers.pivotal.absent, float)
    shown = list(range(len(names)))
    if not full and len(shown) > _MOST:
        others = np.where(np.eye(len(names), dtype=bool), -np.inf, absent)
        shown = sorted(np.argsort(-np.max(others, axis=1), kind="stable")[:_MOST].tolist())
    table = new_table(box, "without", *[names[i] for i in shown])
    places = decimals(pays)
    for row in [None, *shown]:
        paid = pays if row is None else absent[row]
        table.add_row("(nobody)" if row is None else names[row], *[single(paid[i], places) for i in shown])
    return table


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
        }
        for i, members in enumerate(groups.members)
    ]

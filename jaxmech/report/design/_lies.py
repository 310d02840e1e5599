"""What a lie costs the liar of a design, agent by agent: half, nothing, numbers that she made up."""

from typing import Any

import numpy as np
from rich.box import Box
from rich.console import RenderableType

from jaxmech.design import Lies
from jaxmech.report._numbers import decimals, short, single
from jaxmech.report._tables import make_paragraphs, new_table
from jaxmech.report.design._answer import Answer

_KNOWN = 1.0
"""A mean that is known within so many σ is known roughly by all who work in the field."""

MAX_ROWS = 40
"""Tables of more agents show those whom lying costs least."""


def lies_section(answer: Answer, told: Lies, box: Box, *, full: bool = False) -> list[RenderableType]:
    """Return what each agent pays in all who lies about one distribution, where that costs her least; and what it says.

    Args:
        answer: a design.
        told: from :func:`jaxmech.design.lies`.
        box: frame of the table.
        full: whether to leave nobody out.
    """
    several = len(answer.distributions) > 1
    headers = "honest", "half", "none, or far off", "right within (σ)"
    table = new_table(box, "", *["lies about"] * several, *headers)
    places = _closest(told)
    least = _least(told)
    order = sorted(places, key=lambda i: least[i, places[i]] / told.honest[i])
    shown = order if full else order[:MAX_ROWS]
    digits = decimals(told.honest)
    for i in sorted(shown):
        k, guess = places[i], float(told.within[i, places[i]])
        table.add_row(
            answer.agents[i],
            *[answer.distributions[k]] * several,
            single(float(told.honest[i]), digits),
            "–" if np.isnan(told.half[i, k]) else single(float(told.half[i, k]), digits),
            single(float(told.nothing[i, k]), digits),
            "–" if np.isnan(guess) else short(guess, 2),
        )
    left = len(order) - len(shown)
    more = [f"Not shown: {left:,} more agents, whom it costs more; --verbose shows all."] if left else []
    return [table, *make_paragraphs([_words(answer, told, several), *more])]


def lies_document(told: Lies) -> dict[str, Any]:
    """Return what the JSON document says: (agents, distributions) what she then pays in all, and how near a guess.

    Args:
        told: from :func:`jaxmech.design.lies`.
    """
    return {"half": told.half, "nothing": told.nothing, "within": told.within}


def has_rows(told: Lies) -> bool:
    """Return whether anybody is asked for something that she could lie about.

    Args:
        told: from :func:`jaxmech.design.lies`.
    """
    return bool(_closest(told))


def _closest(told: Lies) -> dict[int, int]:
    """By agent who can lie, the distribution on which collecting less costs her least."""
    able = np.flatnonzero(~np.isnan(told.nothing).all(axis=1))
    least = _least(told)
    return {int(i): int(np.argmin(np.where(np.isnan(least[i]), np.inf, least[i]))) for i in able}


def _least(told: Lies) -> np.ndarray:
    """What half costs her, or nothing where she is asked for one point."""
    return np.where(np.isnan(told.half), told.nothing, told.half)


def _words(answer: Answer, told: Lies, several: bool) -> str:
    where = "; of several distributions the one where half costs her least" if several else ""
    text = (
        f"What she pays in all, the others being honest: as agreed; if she collects half and hands that in (–: there "
        f"is no half of one point){where}; if she collects nothing, and hands in nothing or numbers that are far off. "
    )
    if np.isnan(told.within).all():
        return f"{text}–: nobody checks her, so that made-up numbers cost her what nothing costs."
    best = float(np.nanmax(told.within))
    near = (
        f"{text}Right within: made-up numbers save her something only if their mean is as near to the true one (–: "
        "nobody checks her, so that they cost her what nothing costs)."
    )
    if best < _KNOWN:
        return near
    return (
        f"{near} Within {_KNOWN:g} σ whoever knows the mean roughly makes numbers up that pass: where all know it so "
        "well, do not sign this, but take cbl, or larger amounts."
    )

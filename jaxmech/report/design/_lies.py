"""What a lie costs the liar of a design, agent by agent: half, nothing, numbers that she made up."""

from typing import Any

import numpy as np
from rich.box import Box
from rich.console import RenderableType

from jaxmech.design import Lies
from jaxmech.report._numbers import decimals, short, single
from jaxmech.report._tables import make_paragraphs, new_table
from jaxmech.report.design._answer import Answer

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
    order = sorted(places, key=lambda i: told.half[i, places[i]] / told.honest[i])
    shown = order if full else order[:MAX_ROWS]
    digits = decimals(told.honest)
    for i in sorted(shown):
        k, guess = places[i], float(told.within[i, places[i]])
        table.add_row(
            answer.agents[i],
            *[answer.distributions[k]] * several,
            single(float(told.honest[i]), digits),
            single(float(told.half[i, k]), digits),
            single(float(told.nothing[i, k]), digits),
            "–" if np.isnan(guess) else "0" if guess == 0 else short(guess, 2),
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
    """By agent who can lie, the distribution on which half costs her least."""
    half = np.where(np.isnan(told.half), np.inf, told.half)
    able = np.flatnonzero(~np.isnan(told.half).all(axis=1))
    return {int(i): int(np.argmin(half[i])) for i in able}


def _words(answer: Answer, told: Lies, several: bool) -> str:
    where = "; of several distributions the one where half costs her least" if several else ""
    text = (
        f"What she pays in all, the others being honest: as agreed; if she collects half and hands that in{where}; if "
        "she collects nothing, and hands in nothing or numbers that are far off. "
    )
    if np.isnan(told.within).all():
        return f"{text}–: nobody checks her, so that made-up numbers cost her what nothing costs."
    best = float(np.nanmax(told.within))
    if best == 0:
        return f"{text}Right within: made-up numbers cost her more than honest ones even with the true mean (0)."
    return (
        f"{text}Right within: made-up numbers save her something only if their mean is as near to the true one (0: not "
        "even then; –: nobody checks her, so that they cost her what nothing costs)."
    )

"""A plot of an audit: who would gain how much by departing, as it was found and as it is bounded."""

from typing import TYPE_CHECKING

import numpy as np

from jaxmech.mechanism import PENALTY
from jaxmech.report._figure import COLOURS, GREY, RED, STYLE, entitle, in_unit, legend_above, other
from jaxmech.report._labels import short_names
from jaxmech.report._numbers import short
from jaxmech.report.audit._answer import Answer

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MAX_ROWS = 24
"""Plots of more agents show those who could gain most, and the others in one row."""

_LEAST = 0.1
"""In %: where less than this is gained nothing is to be seen, as nothing is to be feared."""


def plot(answer: Answer) -> "Figure":
    """Draw a row per agent: the gain that a search found, its interval, and the bound that is proven, with the numbers.

    Args:
        answer: one audited mechanism.

    Returns:
        A matplotlib figure, not attached to any window.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure

    rows = _rows(answer)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(8.6, 1.9 + 0.26 * len(rows)), layout="constrained")
        axis = figure.subplots()
        _draw(axis, answer, rows)
        entitle(figure, answer.title or answer.source, f"{answer.mechanism}: what departing from the plan would bring")
    return figure


def _rows(answer: Answer) -> list[tuple[str, list[int]]]:
    """Agents by what they could gain, each in a row of her own, and who is left in one."""
    found = answer.found
    bound = np.where(np.isfinite(found.bound), found.bound / found.stake, np.inf)
    order = np.lexsort((np.arange(len(bound)), -bound, -answer.gain)).tolist()
    names = short_names(found.names, 32)
    own = order if len(order) <= MAX_ROWS else order[: MAX_ROWS - 1]
    rest = order[len(own) :]
    return [(names[i], [i]) for i in own] + ([(other(len(rest)), rest)] if rest else [])


def _draw(axis: "Axes", answer: Answer, rows: list[tuple[str, list[int]]]) -> None:
    found = answer.found
    gain, width, bound = (
        100 * np.array([float(np.max((part / found.stake)[who])) for _, who in rows])
        for part in (found.found, *(answer.settled(part) for part in (found.half_width, found.bound)))
    )
    places, proven = np.arange(len(rows)), np.isfinite(bound)
    seen = max(float(np.max(gain)), float(np.max(width)))
    end = max(seen, min(float(np.max(bound, initial=0.0, where=proven)), 4 * seen or np.inf), _LEAST)
    if np.any(gain > 0):
        axis.barh(places, gain, 0.66, color=RED, label="gain found")
    if np.any(width > 0):
        axis.errorbar(
            gain, places, xerr=[np.minimum(width, gain), width], fmt="none", ecolor=GREY, capsize=2, linewidth=1,
            label="confidence interval of the search, 99.9 %",
        )  # fmt: skip
    inside = proven & (bound <= end)
    if np.any(inside):
        axis.plot(bound[inside], places[inside], "|", color=COLOURS[0], markersize=12, mew=2.2, label="proven bound")
    if not np.all(inside):
        beyond = np.full(int(np.sum(~inside)), 1.04 * end)
        axis.plot(beyond, places[~inside], ">", color=COLOURS[0], markersize=5, label="bound beyond, or none")
    for place, (_, who) in zip(places.tolist(), rows, strict=True):
        axis.annotate(_words(answer, who), (1.09 * end, place), va="center", fontsize=8, annotation_clip=False)
    axis.set_xlim(0, 1.06 * end)
    axis.set_yticks(places, [name for name, _ in rows], fontsize=8)
    axis.set_ylim(len(rows) - 0.5, -0.5)
    axis.tick_params(axis="y", length=0)
    of = "penalty" if found.measure == PENALTY else "what is at stake for her"
    axis.set_xlabel(f"gain in % of {'the promised ' if of == 'penalty' else ''}{of}")
    heading = in_unit("gain", answer.currency)
    axis.annotate(
        f"{heading} found; bound", (1.09 * end, -0.85), va="center", fontsize=8, color=GREY, annotation_clip=False
    )
    legend_above(axis)


def _words(answer: Answer, who: list[int]) -> str:
    """What was found, and what is proven, in the unit of the penalty; of several agents the most."""
    found = answer.found
    gain, bound = (float(np.max(part[who])) for part in (found.found, found.bound))
    most = "each at most " if len(who) > 1 else ""
    told = f"{most}{short(gain, 3)}" if gain > 0 else "nothing found"
    return f"{told}; {f'at most {short(bound, 3)}' if np.isfinite(bound) else 'no bound'}"

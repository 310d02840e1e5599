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
"""In %: where nobody gains so much, gains and bounds cannot be seen, and what is at stake is drawn beside them."""


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
    gain, width, bound = (
        100 * _most(part / answer.found.stake, rows)
        for part in (answer.found.found, answer.settled(answer.found.half_width), answer.settled(answer.found.bound))
    )
    seen = max(float(np.max(gain)), float(np.max(width)))
    furthest = float(np.max(bound, initial=0.0, where=np.isfinite(bound)))
    if max(seen, furthest) < _LEAST:
        end = _draw_stakes(axis, answer, rows)
    else:
        end = max(seen, min(furthest, 4 * seen or np.inf), _LEAST)
        _draw_gains(axis, answer, (gain, width, bound), end)
    for place, (_, who) in enumerate(rows):
        axis.annotate(_words(answer, who), (1.09 * end, place), va="center", fontsize=8, annotation_clip=False)
    axis.set_xlim(0, 1.06 * end)
    axis.set_yticks(np.arange(len(rows)), [name for name, _ in rows], fontsize=8)
    axis.set_ylim(len(rows) - 0.5, -0.5)
    axis.tick_params(axis="y", length=0)
    heading = in_unit("gain", answer.currency)
    axis.annotate(
        f"{heading} found; bound", (1.09 * end, -0.85), va="center", fontsize=8, color=GREY, annotation_clip=False
    )
    legend_above(axis)


def _most(values: np.ndarray, rows: list[tuple[str, list[int]]]) -> np.ndarray:
    """The largest value of the agents of each row."""
    return np.array([float(np.max(values[who])) for _, who in rows])


def _draw_stakes(axis: "Axes", answer: Answer, rows: list[tuple[str, list[int]]]) -> float:
    """What is at stake beside the bounds, where these are too small to be seen by themselves; return the largest."""
    places, stake = np.arange(len(rows)), _most(np.asarray(answer.found.stake, float), rows)
    bound = _most(answer.settled(answer.found.bound), rows)
    pays = answer.found.measure == PENALTY
    axis.barh(places, stake, 0.66, color=GREY, alpha=0.45, label="promised to pay" if pays else "at stake")
    proven = np.isfinite(bound)
    if np.any(proven):
        label = "proven bound of what cheating gains"
        axis.plot(bound[proven], places[proven], "|", color=COLOURS[0], markersize=12, mew=2.2, label=label)
    axis.set_xlabel(in_unit("promised penalty" if pays else "at stake", answer.currency))
    return float(np.max(stake)) or 1.0


def _draw_gains(axis: "Axes", answer: Answer, told: tuple[np.ndarray, np.ndarray, np.ndarray], end: float) -> None:
    """Gains, their intervals and bounds, in % of what is at stake; what lies beyond the end is an arrow."""
    gain, width, bound = told
    places = np.arange(len(gain))
    if np.any(gain > 0):
        axis.barh(places, gain, 0.66, color=RED, label="gain found")
    if np.any(width > 0):
        axis.errorbar(
            gain, places, xerr=[np.minimum(width, gain), width], fmt="none", ecolor=GREY, capsize=2, linewidth=1,
            label="confidence interval of the search, 99.9 %",
        )  # fmt: skip
    inside = np.isfinite(bound) & (bound <= end)
    if np.any(inside):
        axis.plot(bound[inside], places[inside], "|", color=COLOURS[0], markersize=12, mew=2.2, label="proven bound")
    if not np.all(inside):
        beyond = np.full(int(np.sum(~inside)), 1.04 * end)
        axis.plot(beyond, places[~inside], ">", color=COLOURS[0], markersize=5, label="bound beyond, or none")
    of = "promised penalty" if answer.found.measure == PENALTY else "what is at stake for her"
    axis.set_xlabel(f"gain in % of {'the ' if of == 'promised penalty' else ''}{of}")


def _words(answer: Answer, who: list[int]) -> str:
    """What was found, and what is proven, in the unit of the penalty; of several agents the most."""
    found = answer.found
    gain, bound = (float(np.max(part[who])) for part in (found.found, found.bound))
    most = "each at most " if len(who) > 1 else ""
    told = f"{most}{short(gain, 3)}" if gain > 0 else "nothing found"
    return f"{told}; {f'at most {short(bound, 3)}' if np.isfinite(bound) else 'no bound'}"

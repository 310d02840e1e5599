"""A plot of a design: who collects what, and the social penalty among its neighbours."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from jaxmech.collaboration import Role
from jaxmech.report._figure import COLOURS, GREY, RED, STYLE, entitle, in_unit, legend_above, other
from jaxmech.report._labels import short_names
from jaxmech.report._numbers import short
from jaxmech.report.design._answer import Answer

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MAX_DISTRIBUTIONS = 30
"""Plots of more distributions show the first ones."""

_COLOUR = {Role.ALONE: COLOURS[4], Role.CHECKED: COLOURS[0]}
_WORDS = {Role.ALONE: "alone: gets back only her own", Role.CHECKED: "checked against the others"}
_LETTER = 0.0105
"""Width of a letter, as a part of the width of the bars."""


def plot(answer: Answer) -> "Figure":
    """Draw a bar per distribution, cut into what each agent collects, above the social penalties of the alternatives.

    Args:
        answer: one designed mechanism.

    Returns:
        A matplotlib figure, not attached to any window.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure

    d = min(len(answer.distributions), MAX_DISTRIBUTIONS)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(8.6, 3.7 + 0.42 * d), layout="constrained")
        above, below = figure.subplots(2, 1, height_ratios=[0.5 + 0.42 * d, 2.1])
        _draw_samples(above, answer, d)
        _draw_penalties(below, answer)
        entitle(figure, answer.title or answer.source, f"designed: {answer.origin}")
    return figure


def _draw_samples(axis: "Axes", answer: Answer, d: int) -> None:
    top = float(answer.samples[:, :d].sum(axis=0).max())
    for role, colour in _COLOUR.items():
        label: str | None = _WORDS[role]
        for k in range(d):
            pieces = list(_pieces(answer, role, k))
            for i, start in pieces:
                width = float(answer.samples[i, k])
                axis.barh(
                    k, width, 0.66, left=start, color=colour, hatch="" if role is Role.ALONE else "////",
                    edgecolor="white", linewidth=min(0.8, 80 * width / top), label=label,
                )  # fmt: skip
                label = None
            _name_pieces(axis, answer, k, pieces, _LETTER * top)
    axis.set_yticks(np.arange(d), short_names(answer.distributions[:d]))
    axis.set_ylim(d - 0.5, -0.64)
    axis.set_xlim(0, 1.02 * top)
    axis.tick_params(axis="y", length=0)
    axis.set_xlabel("samples collected")
    legend_above(axis)


def _name_pieces(axis: "Axes", answer: Answer, k: int, pieces: list[tuple[int, float]], letter: float) -> None:
    """Write names into pieces from the largest on; from the first that has no room for one on, all are "other"."""
    names = short_names(answer.agents)
    widths = [float(answer.samples[i, k]) for i, _ in pieces]
    fitting = [width > letter * (len(names[i]) + 2) for (i, _), width in zip(pieces, widths, strict=True)]
    count = fitting.index(False) if False in fitting else len(pieces)
    words = [(names[i], start, width) for (i, start), width in zip(pieces[:count], widths, strict=False)]
    if count < len(pieces):
        together = other(len(pieces) - count) if count or len(pieces) > 1 else names[pieces[0][0]]
        words.append((together, pieces[count][1], sum(widths[count:])))
    box = {"facecolor": "white", "edgecolor": "none", "pad": 1.0, "alpha": 0.85}
    for text, start, width in words:
        if width > letter * (len(text) + 2):
            axis.text(start + width / 2, k, text, ha="center", va="center", fontsize=7, bbox=box)
        else:
            axis.text(start, k - 0.36, text, ha="left", va="bottom", fontsize=6, color=GREY)


def _pieces(answer: Answer, role: Role, k: int) -> Iterator[tuple[int, float]]:
    """Agent, and where her piece of the bar starts: who is alone first, then by amount."""
    amounts = answer.samples[:, k]
    order = np.lexsort((-amounts, answer.role[:, k] != Role.ALONE))
    starts = np.cumsum(amounts[order]) - amounts[order]
    for i, start in zip(order.tolist(), starts.tolist(), strict=True):
        if amounts[i] > 0 and Role(int(answer.role[i, k])) is role:
            yield i, start


def _draw_penalties(axis: "Axes", answer: Answer) -> None:
    alone = float(answer.alone_penalty.sum())
    bars = {
        "first best:\nif nobody could refuse": (answer.first_best, GREY),
        "P(n_OPT): compliant,\nnobody worse off than alone": (answer.baseline, GREY),
        "designed": (answer.social_penalty, RED),
        f"best published\n({answer.rival})": (answer.published, COLOURS[1]),
        "everybody alone": (alone, GREY),
    }
    values = np.array([value for value, _ in bars.values()])
    # No bar can be drawn at infinity: its number stands at the left.
    drawn = np.where(np.isfinite(values), values, 0.0)
    places = np.arange(len(bars))
    axis.barh(places, drawn, 0.66, color=[colour for _, colour in bars.values()])
    for place, value in zip(places.tolist(), values.tolist(), strict=True):
        words = short(value, 4) if np.isfinite(value) else "∞: not everybody could know everything"
        axis.annotate(
            words, (value if np.isfinite(value) else 0.0, place), (3, 0), textcoords="offset points", va="center",
            fontsize=8,
        )  # fmt: skip
    axis.set_yticks(places, list(bars), fontsize=8)
    axis.invert_yaxis()
    axis.set_xlim(0, 1.12 * float(drawn.max()))
    axis.tick_params(axis="y", length=0)
    axis.set_xlabel(in_unit("social penalty", answer.currency))

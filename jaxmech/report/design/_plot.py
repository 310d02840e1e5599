"""A plot of a design: who collects what, and the social penalty among its neighbours."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from jaxmech.collaboration import Role
from jaxmech.report._figure import COLOURS, GREY, RED, STYLE, entitle, short_names
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
        first = True
        for k, i, start in _pieces(answer, role, d):
            width = float(answer.samples[i, k])
            axis.barh(
                k, width, 0.66, left=start, color=colour, hatch="" if role is Role.ALONE else "////",
                edgecolor="white", linewidth=0.8, label=_WORDS[role] if first else None,
            )  # fmt: skip
            first = False
            name = answer.agents[i]
            if width > _LETTER * (len(name) + 2) * top:
                box = {"facecolor": "white", "edgecolor": "none", "pad": 1.0, "alpha": 0.85}
                axis.text(start + width / 2, k, name, ha="center", va="center", fontsize=7, bbox=box)
    axis.set_yticks(np.arange(d), short_names(answer.distributions[:d]))
    axis.set_ylim(d - 0.5, -0.5)
    axis.set_xlim(0, 1.02 * top)
    axis.tick_params(axis="y", length=0)
    axis.set_xlabel("samples collected")
    axis.legend(loc="lower left", bbox_to_anchor=(0, 1.0), ncols=2, frameon=False, fontsize=8)


def _pieces(answer: Answer, role: Role, d: int) -> Iterator[tuple[int, int, float]]:
    """Distribution, agent, and where her piece of the bar starts: who is alone first, then by amount."""
    for k in range(d):
        amounts = answer.samples[:, k]
        order = np.lexsort((-amounts, answer.role[:, k] != Role.ALONE))
        starts = np.cumsum(amounts[order]) - amounts[order]
        for i, start in zip(order.tolist(), starts.tolist(), strict=True):
            if amounts[i] > 0 and Role(int(answer.role[i, k])) is role:
                yield k, i, start


def _draw_penalties(axis: "Axes", answer: Answer) -> None:
    alone = float(answer.alone_penalty.sum())
    bars = {
        "first best": (answer.first_best, GREY),
        "P(n_OPT)": (answer.baseline, GREY),
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
    axis.set_xlabel("social penalty")

"""A plot of an audit: the regret interval of every agent."""

from typing import TYPE_CHECKING

import numpy as np

from jaxmech.mechanism import PENALTY
from jaxmech.report._figure import COLOURS, GREY, RED, STYLE, entitle, plain_powers
from jaxmech.report.audit._answer import Answer

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MAX_AGENTS = 60
"""Plots of more agents show those who could gain most."""

_FLOOR = 1e-9
"""Smaller regrets, relative to the promised penalty, are drawn here."""


def plot(answer: Answer) -> "Figure":
    """Draw, for every agent, what a search found, its confidence interval and the proven bound, on a logarithmic axis.

    Args:
        answer: one audited mechanism.

    Returns:
        A matplotlib figure, not attached to any window.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure

    found = answer.found
    shown = np.arange(len(answer.found.names))
    if len(shown) > MAX_AGENTS:
        shown = np.sort(np.argsort(-answer.gain, kind="stable")[:MAX_AGENTS])
    gain, bound, width = (
        np.maximum(values[shown] / answer.found.stake[shown], _FLOOR)
        for values in (found.found, np.where(np.isfinite(found.bound), found.bound, np.nan), found.half_width)
    )
    x = np.arange(len(shown))
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(float(np.clip(3.0 + 0.34 * len(x), 5.0, 16.0)), 4.2), layout="constrained")
        axis = figure.subplots()
        axis.set_yscale("log")
        plain_powers(axis.yaxis)
        axis.bar(x, width - _FLOOR, 0.8, bottom=_FLOOR, color="#E6E6E6", label="confidence interval of the search")
        detected = found.found[shown] > 0
        if detected.any():
            axis.plot(x[detected], gain[detected], "o", color=RED, markersize=7, label="gain found")
        proven = np.isfinite(bound)
        if proven.any():
            axis.plot(
                x[proven],
                bound[proven],
                "_",
                color=COLOURS[0],
                markersize=14,
                mew=2.2,
                label="proven bound",
                clip_on=False,
            )
        if not proven.all():
            place = np.full(int(np.sum(~proven)), 1.0)
            axis.plot(x[~proven], place, "^", color=COLOURS[0], label="no bound (∞)", clip_on=False)
        axis.axhline(0.005, color=GREY, linewidth=0.8, linestyle=":")
        axis.set_ylim(_FLOOR, 1.5)
        axis.set_ylabel("regret / promised penalty" if answer.found.measure == PENALTY else "regret / what is at stake")
        names = [answer.found.names[i] for i in shown]
        upright = sum(len(name) for name in names) > 60
        axis.set_xticks(x, names, rotation=90 if upright else 0, fontsize=8)
        axis.tick_params(axis="x", length=0)
        axis.set_xlim(-0.7, len(x) - 0.3)
        axis.legend(loc="lower left", bbox_to_anchor=(0, 1.0), ncols=4, frameon=False, fontsize=8)
        axis.set_xlabel("at the bottom: 1e-9 or less; dotted: 0.5 %", fontsize=7, color=GREY, loc="right")
        entitle(figure, answer.title or answer.source, answer.mechanism)
    return figure

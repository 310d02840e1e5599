"""A plot of a simulation: realised penalties beside promised ones."""

from typing import TYPE_CHECKING

import numpy as np

from jaxmech.report._figure import COLOURS, GREY, STYLE, entitle, legend_above, legend_label, name_agents
from jaxmech.report._numbers import relative
from jaxmech.report.simulation._answer import Answer

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MAX_AGENTS = 60
"""Plots of more agents show those whose penalty differs most."""


def plot(answer: Answer) -> "Figure":
    """Draw, for every agent, by how much the realised penalty differs from the promised one, with two standard errors.

    Args:
        answer: one simulated mechanism.

    Returns:
        A matplotlib figure, not attached to any window.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure

    shown = np.arange(len(answer.agents))
    if len(shown) > MAX_AGENTS:
        shown = np.sort(np.argsort(-np.abs(answer.plays[-1].change), kind="stable")[:MAX_AGENTS])
    with mpl.rc_context(STYLE):
        width = float(np.clip(3.0 + 0.34 * len(shown), 5.0, 16.0))
        figure = Figure(figsize=(width, 4.0), layout="constrained")
        axis = figure.subplots()
        axis.axhline(0.0, color=GREY, linewidth=0.8)
        for position, play in enumerate(answer.plays):
            x = np.arange(len(shown)) + 0.24 * (position - (len(answer.plays) - 1) / 2)
            axis.errorbar(
                x, 100 * play.change[shown], yerr=200 * relative(play.standard_error, play.promised)[shown],
                fmt="os^"[position % 3], color=COLOURS[position], markersize=4, capsize=2, linewidth=1,
                label=legend_label(f"{play.name}, {play.replications:,} replications"),
            )  # fmt: skip
        axis.set_xlim(-0.7, len(shown) - 0.3)
        axis.set_ylabel("realised − promised, % of promised")
        names = [answer.agents[i] for i in shown]
        name_agents(axis, names)
        axis.set_xlabel("bars: two standard errors to each side", fontsize=8, color=GREY, loc="right")
        legend_above(axis)
        entitle(figure, answer.title or answer.source, answer.mechanism)
    return figure

"""A plot of many runs: how often what averages hide happened, agent by agent."""

from typing import TYPE_CHECKING

import numpy as np

from jaxmech.report._figure import COLOURS, GREY, STYLE, entitle, legend_above, legend_label, name_agents
from jaxmech.report.runs._answer import Answer

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MAX_AGENTS = 60
"""Plots of more agents show the first ones."""


def plot(answer: Answer) -> "Figure":
    """Draw, for every agent and event, in which share of the runs it happened, with two standard errors.

    Args:
        answer: one mechanism that was run.

    Returns:
        A matplotlib figure, not attached to any window.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure

    chances = answer.plays[-1].chances
    names = list(dict.fromkeys(row.agent for row in chances))[:MAX_AGENTS]
    events = list(dict.fromkeys(row.event for row in chances))
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(float(np.clip(3.0 + 0.5 * len(names), 5.0, 16.0)), 4.2), layout="constrained")
        axis = figure.subplots()
        axis.axhline(0.0, color=GREY, linewidth=0.8)
        for position, event in enumerate(events):
            rows = [row for row in chances if row.event == event and row.agent in names]
            x = np.array([names.index(row.agent) for row in rows]) + 0.7 * ((position + 0.5) / len(events) - 0.5)
            error = [200 * row.standard_error for row in rows]
            axis.errorbar(
                x, [100 * row.chance for row in rows], yerr=error, fmt="os^Dv"[position % 5], markersize=4, capsize=2,
                linewidth=1, color=COLOURS[position % len(COLOURS)], label=legend_label(event),
            )  # fmt: skip
        axis.set_xlim(-0.7, len(names) - 0.3)
        axis.set_ylabel("% of runs")
        name_agents(axis, names)
        axis.set_xlabel("bars: two standard errors to each side", fontsize=8, color=GREY, loc="right")
        legend_above(axis)
        entitle(figure, answer.title or answer.source, answer.mechanism)
    return figure

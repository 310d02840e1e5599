"""Plots in the manner of the paper's Figure 1: blue columns for data collected, red ones for penalties."""

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from jaxmech.collaboration import Role
from jaxmech.report._figure import (
    COLOURS,
    GREY,
    RED,
    STYLE,
    entitle,
    in_unit,
    legend_above,
    legend_label,
    name_agents,
    other,
)
from jaxmech.report._labels import short_names
from jaxmech.report.collaboration._answer import Answer

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MAX_AGENTS = 60
"""Plots of more agents show those who collect most and lump the others together."""

_OTHERS = COLOURS[-1]
"""Of distributions beyond those that have a colour of their own: of the others less is collected."""

_DASHES: tuple[Any, ...] = ("-", "--", ":", "-.", (0, (5, 1, 1, 1, 1, 1)), (0, (1, 3)))


@dataclasses.dataclass(frozen=True)
class Panel:
    """One division of the work, as a panel of a figure.

    Attributes:
        title: its name.
        samples: one total per agent.
        penalty: one per agent.
    """

    title: str
    samples: np.ndarray
    penalty: np.ndarray


def plot(answer: Answer) -> "Figure":
    """Draw who collects what (stacked by distribution) above what everybody pays, alone and together.

    Args:
        answer: one solved problem.

    Returns:
        A matplotlib figure, not attached to any window.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure

    shown = _shown(answer)
    with mpl.rc_context(STYLE):
        width = float(np.clip(2.5 + 0.42 * len(shown), 5.0, 16.0))
        figure = Figure(figsize=(width, 6.4), layout="constrained")
        above, below = figure.subplots(2, 1, sharex=True)
        _draw_samples(above, answer, shown)
        _draw_penalties(below, answer, shown)
        below_title = f"{answer.division} division, mechanism {answer.mechanism}"
        entitle(figure, answer.title or answer.source, below_title)
        name_agents(below, [answer.agents[i] for i in shown])
        if len(shown) < len(answer.agents):
            below.set_xlabel(f"the {len(shown)} of {len(answer.agents):,} agents who collect most", color=GREY)
    return figure


def plot_panels(panels: Sequence[Panel], alone: np.ndarray, agents: Sequence[str]) -> "Figure":
    """Draw divisions side by side, like the paper's Figure 1.

    Args:
        panels: one per division.
        alone: the penalty of working alone per agent, drawn as grey lines through every panel.
        agents: names, for the axis.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(2.6 * len(panels) + 0.6, 3.4), layout="constrained")
        axes = np.atleast_1d(figure.subplots(1, len(panels)))
        most = 1.12 * max(float(panel.samples.max()) for panel in panels)
        dearest = 1.18 * max(float(alone.max()), *(float(panel.penalty.max()) for panel in panels))
        for position, (axis, panel) in enumerate(zip(axes, panels, strict=True)):
            _draw_panel(axis, panel, alone, agents, (most, dearest), position, len(panels))
    return figure


def _shown(answer: Answer) -> list[int]:
    m = len(answer.agents)
    if m <= MAX_AGENTS:
        return list(range(m))
    most = np.argsort(-np.nan_to_num(answer.samples.sum(axis=1)), kind="stable")[:MAX_AGENTS]
    return sorted(int(i) for i in most)


def _draw_samples(axis: "Axes", answer: Answer, shown: Sequence[int]) -> None:
    x, bottom = np.arange(len(shown)), np.zeros(len(shown))
    samples = np.nan_to_num(answer.samples[list(shown)])
    checked = answer.is_role(Role.CHECKED)[list(shown)] & (samples > 0) & (not answer.pooled)
    colours, _ = _colours(answer)
    for k, colour in enumerate(colours):
        # Hatching says "checked" in print and to readers who see no colours.
        for mask, hatch in ((~checked[:, k], ""), (checked[:, k], "////")):
            axis.bar(
                x[mask], samples[mask, k], 0.72, bottom=bottom[mask], color=colour, hatch=hatch,
                edgecolor="white", linewidth=0.4,
            )  # fmt: skip
        bottom += samples[:, k]
    axis.set_ylabel("samples collected")
    axis.set_xlim(-0.7, len(shown) - 0.3)
    _legend_samples(axis, answer, bool(checked.any()))


def _colours(answer: Answer) -> tuple[list[str], int]:
    """A colour for each distribution, and how many share the last one: those of which least is collected."""
    d = len(answer.distributions)
    if d <= len(COLOURS):
        return list(COLOURS[:d]), 0
    own = len(COLOURS) - 1
    totals = np.nan_to_num(answer.samples).sum(axis=0)
    colours = [_OTHERS] * d
    for colour, k in zip(COLOURS, sorted(np.argsort(-totals, kind="stable")[:own].tolist()), strict=False):
        colours[k] = colour
    return colours, d - own


def _legend_samples(axis: "Axes", answer: Answer, checked: bool) -> None:
    from matplotlib.patches import Patch

    entries = []
    if len(answer.distributions) > 1:
        colours, together = _colours(answer)
        names = short_names(answer.distributions, 40)
        named = [(c, name) for c, name in zip(colours, names, strict=True) if c != _OTHERS or not together]
        entries = [Patch(color=colour, label=legend_label(name)) for colour, name in named]
        if together:
            entries.append(Patch(color=_OTHERS, label=other(together)))
    if checked:
        entries.append(Patch(facecolor=GREY, hatch="////", edgecolor="white", label="checked"))
    if entries:
        legend_above(axis, entries)


def _draw_penalties(axis: "Axes", answer: Answer, shown: Sequence[int]) -> None:
    rows = list(shown)
    x, alone, penalty = np.arange(len(rows)), answer.alone_penalty[rows], answer.penalty[rows]
    finite = np.isfinite(alone)
    axis.bar(x, np.nan_to_num(penalty, posinf=0.0), 0.72, color=RED, label="together")
    axis.hlines(alone[finite], x[finite] - 0.46, x[finite] + 0.46, color="#333333", linewidth=1.6, label="alone")
    top = 1.15 * float(np.nan_to_num(np.concatenate([alone[finite], penalty]), posinf=0.0).max(initial=0.0))
    axis.set_ylim(0, top or 1.0)
    if not finite.all():
        # No line could be drawn at infinity: an arrow at the top stands for it.
        height = np.full(int(np.sum(~finite)), 0.97 * (top or 1.0))
        axis.plot(x[~finite], height, "^", color="#333333", markersize=5, label="alone: impossible (∞)", clip_on=False)
    axis.set_ylabel(in_unit("penalty", answer.currency))
    legend_above(axis)


def _draw_panel(
    axis: "Axes",
    panel: Panel,
    alone: np.ndarray,
    agents: Sequence[str],
    tops: tuple[float, float],
    position: int,
    count: int,
) -> None:
    x = np.arange(len(agents))
    twin = axis.twinx()
    twin.spines["right"].set_visible(True)
    blue = axis.bar(x - 0.2, panel.samples, 0.38, color=COLOURS[0])
    red = twin.bar(x + 0.2, panel.penalty, 0.38, color=RED)
    white: Any = {"facecolor": "white", "edgecolor": "none", "pad": 0.4}  # grey lines must not strike numbers out
    twin.bar_label(red, [f"{value:.2f}" for value in panel.penalty], fontsize=7, padding=2, bbox=white)
    axis.bar_label(blue, [f"{value:.0f}" for value in panel.samples], fontsize=7, padding=2, bbox=white)
    for i, value in enumerate(alone * tops[0] / tops[1]):  # on the axes below, so that nothing is struck out
        axis.axhline(value, color=GREY, linewidth=1.0, linestyle=_DASHES[i % len(_DASHES)], zorder=0)
    axis.set_ylim(0, tops[0])
    twin.set_ylim(0, tops[1])
    axis.set_title(f"({'abcdefghij'[position % 10]}) {panel.title}", fontsize=9)
    axis.set_xticks(x, agents, fontsize=8)
    axis.set_xlabel("agent", fontsize=8)
    axis.tick_params(axis="x", length=0)
    axis.tick_params(axis="y", colors=COLOURS[0], labelleft=position == 0)
    twin.tick_params(axis="y", colors=RED, labelright=position == count - 1)
    if position == 0:
        axis.set_ylabel("samples collected", color=COLOURS[0])
    if position == count - 1:
        twin.set_ylabel("penalty", color=RED)

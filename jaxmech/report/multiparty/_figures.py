"""The figures of Chen et al. 2020, redrawn."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from jaxmech.report._figure import COLOURS, GREY, STYLE, legend_above, plain_powers

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Curve = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Where, how much, and its standard error."""


_LINES = ("-", "--", ":", "-.")
"""Curves that coincide are both seen."""

_AVERAGES = "mean over random markets"


def plot_curves(
    panels: Mapping[str, Mapping[str, Curve]],
    labels: str | Sequence[str],
    values: str = _AVERAGES,
    *,
    logarithmic: bool = False,
) -> "Figure":
    """Draw curves, with bands of two standard errors where there are errors, one panel beside the other.

    Args:
        panels: title to the name of each curve to its points.
        labels: of the horizontal axis, or of each.
        values: what is drawn.
        logarithmic: whether horizontal axes are.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(5.2 * len(panels), 3.8), layout="constrained")
        axes = np.atleast_1d(figure.subplots(1, len(panels)))
        each = [labels] * len(panels) if isinstance(labels, str) else labels
        for axis, label, (title, curves) in zip(axes, each, panels.items(), strict=True):
            _draw_curves(axis, curves, logarithmic)
            axis.set_title(title, fontsize=9, pad=6 + 14 * legend_above(axis))
            axis.set_xlabel(label)
        axes[0].set_ylabel(values)
        if any(np.any(error > 0) for curves in panels.values() for _, _, error in curves.values()):
            axes[-1].annotate(
                "bands: two standard errors to each side", (1.0, -0.16), xycoords="axes fraction", ha="right",
                va="top", fontsize=8, color=GREY,
            )  # fmt: skip
    return figure


def _draw_curves(axis: "Axes", curves: Mapping[str, Curve], logarithmic: bool) -> None:
    from matplotlib.ticker import MaxNLocator

    for k, (name, (x, y, error)) in enumerate(curves.items()):
        axis.plot(x, y, _LINES[k % len(_LINES)], color=COLOURS[k], linewidth=1.6, label=name)
        axis.fill_between(x, y - 2 * error, y + 2 * error, color=COLOURS[k], alpha=0.2, linewidth=0)
        if np.issubdtype(x.dtype, np.integer) and not logarithmic:
            axis.xaxis.set_major_locator(MaxNLocator("auto", integer=True))
    if logarithmic:
        axis.set_xscale("log")
        plain_powers(axis.xaxis)


def plot_boundaries(
    boundaries: Mapping[int, Sequence[tuple[float, int | None]]], critical: Mapping[int, float], published: float
) -> "Figure":
    """Draw the largest disparity against the growth rate, for each number of agents.

    Args:
        boundaries: number of agents to pairs of growth rate and largest disparity (None: none failed).
        critical: number of agents to the growth rate at which every disparity becomes possible.
        published: growth rate at which the published figure ends.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(6.8, 4.4), layout="constrained")
        axis = figure.subplots()
        for k, (agents, pairs) in enumerate(boundaries.items()):
            found = [(rate, largest) for rate, largest in pairs if largest is not None]
            rates, sizes = zip(*found, strict=True)
            axis.semilogy(rates, sizes, color=COLOURS[k], linewidth=1.6, label=f"{agents} agents")
            _mark(axis, critical[agents], COLOURS[k])
        axis.axvline(published, color=GREY, linewidth=0.8, linestyle=":", label="published up to here (2 agents)")
        axis.plot([], [], color="#333333", linewidth=0.8, linestyle="--", label="from here on, every disparity")
        plain_powers(axis.yaxis)
        axis.set_xlabel("market growth rate")
        axis.set_ylabel("largest disparity")
        legend_above(axis)
    return figure


def _mark(axis: "Axes", rate: float, colour: str) -> None:
    axis.axvline(rate, color=colour, linewidth=0.8, linestyle="--")
    axis.annotate(
        f"{rate:.4f}", (rate, 1.0), xycoords=("data", "axes fraction"), xytext=(3, -2), textcoords="offset points",
        rotation=90, va="top", fontsize=7, color=colour,
    )  # fmt: skip

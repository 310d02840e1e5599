"""The figures of Chen et al. 2020, redrawn."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from jaxmech.report._figure import COLOURS, GREY, STYLE, legend_above

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Curve = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Where, how much, and its standard error."""


def plot_curves(panels: Mapping[str, Mapping[str, Curve]], label: str) -> "Figure":
    """Draw curves with bands of two standard errors, one panel beside the other.

    Args:
        panels: title to the name of each curve to its points.
        label: of the horizontal axis.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(5.2 * len(panels), 3.8), layout="constrained")
        axes = np.atleast_1d(figure.subplots(1, len(panels)))
        for axis, (title, curves) in zip(axes, panels.items(), strict=True):
            for k, (name, (x, y, error)) in enumerate(curves.items()):
                axis.plot(x, y, color=COLOURS[k], linewidth=1.6, label=name)
                axis.fill_between(x, y - 2 * error, y + 2 * error, color=COLOURS[k], alpha=0.2, linewidth=0)
                if np.issubdtype(x.dtype, np.integer):
                    axis.xaxis.get_major_locator().set_params(integer=True)
            axis.set_title(title, fontsize=9, pad=20)
            axis.set_xlabel(label)
            legend_above(axis)
        axes[0].set_ylabel("mean over random markets")
        axes[-1].annotate(
            "bands: two standard errors to each side", (1.0, -0.16), xycoords="axes fraction", ha="right", va="top",
            fontsize=8, color=GREY,
        )  # fmt: skip
    return figure


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

"""Plots of a market: the price curve with the buyers on it, and who gets what of the surplus."""

from typing import TYPE_CHECKING

import numpy as np

from jaxmech.report._figure import COLOURS, GREY, RED, STYLE, entitle, short_names
from jaxmech.report.market._answer import Answer

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MAX_CURVES = 8
"""Value curves of more types would hide each other: the types that pay most are drawn."""


def plot(answer: Answer) -> "Figure":
    """Draw the posted prices with what each type values and buys, above how the surplus is split.

    Without trade there is no surplus, and only the values are drawn.

    Args:
        answer: one solved problem.

    Returns:
        A matplotlib figure, not attached to any window.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(7.6, 6.6 if answer.trades else 4.4), layout="constrained")
        if answer.trades:
            above, below = figure.subplots(2, 1, height_ratios=(3, 1.6))
            _draw_surplus(below, answer)
        else:
            above = figure.subplots()
            above.text(0.98, 0.04, "no trade", transform=above.transAxes, ha="right", color=RED)
        _draw_curve(above, answer)
        entitle(figure, answer.title or answer.source)
    return figure


def _draw_curve(axis: "Axes", answer: Answer) -> None:
    sizes = answer.curve_sizes
    paid = answer.counts * answer.prices
    drawn = np.sort(np.argsort(-paid, kind="stable")[:MAX_CURVES])
    names = short_names(answer.buyers)
    for j, colour in zip(drawn.tolist(), COLOURS, strict=False):
        label = f"worth to {names[j]}"
        axis.plot(sizes, answer.curve_values[j], color=colour, linewidth=1.3, label=label)
        if answer.sizes[j] > 0:
            x, price, worth = (float(part[j]) for part in (answer.sizes, answer.prices, answer.values))
            axis.plot([x, x], [price, worth], color=colour, linewidth=1.0, linestyle=":")
            axis.plot(x, price, "o", color=colour, markersize=7, markeredgecolor="white", zorder=5)
    if answer.trades:
        label = "posted price (dots: who buys; dotted: what she gains)"
        offered = sizes <= answer.total
        axis.step(sizes[offered], answer.curve_prices[offered], where="pre", color=RED, linewidth=1.8, label=label)
    axis.set_xscale("symlog", linthresh=1)
    axis.set_xlim(0, float(sizes[-1]))
    axis.set_ylim(0, None)
    axis.set_xlabel("points in the data set")
    axis.set_ylabel("value, price")
    from matplotlib.ticker import FuncFormatter

    axis.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:,.0f}"))
    axis.legend(loc="upper left", frameon=False, fontsize=8)


def _draw_surplus(axis: "Axes", answer: Answer) -> None:
    """One bar each for what buyers pay and keep, and for what contributors spend and gain."""
    names = [*answer.buyers, *answer.contributors]
    spent = answer.costs * answer.samples
    paid = [*(answer.counts * answer.prices), *spent]
    kept = [*(answer.counts * answer.utility), *answer.gain]
    used = [i for i in range(len(names)) if paid[i] or kept[i]][:20]
    y = np.arange(len(used))
    money, gain = np.array([paid[i] for i in used]), np.array([kept[i] for i in used])
    buyer = np.array([i < len(answer.buyers) for i in used], bool)
    colours = np.where(buyer, RED, GREY)
    axis.barh(y, money, 0.66, color=colours)
    axis.barh(y, gain, 0.66, left=money, color=COLOURS[2])
    axis.set_yticks(y, short_names([names[i] for i in used]), fontsize=8)
    axis.invert_yaxis()
    axis.tick_params(axis="y", length=0)
    axis.set_xlabel("money, all of a type together")
    from matplotlib.patches import Patch

    handles = [
        Patch(color=RED, label="buyers pay"),
        Patch(color=GREY, label="contributors spend"),
        Patch(color=COLOURS[2], label="gain"),
    ]
    axis.legend(handles=handles, loc="lower left", bbox_to_anchor=(0, 1.0), ncols=3, frameon=False, fontsize=8)

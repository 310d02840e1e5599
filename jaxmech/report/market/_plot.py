"""Plots of a market: the price curve with the buyers on it, and who gets what of the surplus."""

from typing import TYPE_CHECKING

import numpy as np

from jaxmech.report._figure import COLOURS, GREY, RED, STYLE, entitle, in_unit, legend_above, other
from jaxmech.report._labels import short_names, wrapped_names
from jaxmech.report.market._answer import Answer

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MAX_CURVES = 8
"""Value curves of more types would hide each other: the types that pay most are drawn."""


MAX_ROWS = 12
"""Of more buyers or contributors those are drawn together who have least."""


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
        if answer.trades:
            rows = _surplus(answer)
            figure = Figure(figsize=(9.4, 5.2 + 0.22 * len(rows)), layout="constrained")
            above, below = figure.subplots(2, 1, height_ratios=(4, 0.8 + 0.22 * len(rows)))
            _draw_surplus(below, answer, rows)
        else:
            figure = Figure(figsize=(9.4, 4.4), layout="constrained")
            above = figure.subplots()
            above.text(0.98, 0.04, "no trade", transform=above.transAxes, ha="right", color=RED)
        _draw_curve(above, answer)
        entitle(figure, answer.title or answer.source)
    return figure


def _draw_curve(axis: "Axes", answer: Answer) -> None:
    sizes = answer.curve_sizes
    paid = answer.counts * answer.prices
    drawn = np.sort(np.argsort(-paid, kind="stable")[:MAX_CURVES])
    labels = wrapped_names([f"worth to {name}" for name in answer.buyers], 32, 2)
    for j, colour in zip(drawn.tolist(), COLOURS, strict=False):
        axis.plot(sizes, answer.curve_values[j], color=colour, linewidth=1.3, label=labels[j])
        if answer.sizes[j] > 0:
            x, price, worth = (float(part[j]) for part in (answer.sizes, answer.prices, answer.values))
            axis.plot([x, x], [price, worth], color=colour, linewidth=1.0, linestyle=":")
            axis.plot(x, price, "o", color=colour, markersize=7, markeredgecolor="white", zorder=5)
    if answer.trades:
        label = "posted price\n(dots: who buys;\ndotted: what she gains)"
        offered = sizes <= answer.total
        axis.step(sizes[offered], answer.curve_prices[offered], where="pre", color=RED, linewidth=1.8, label=label)
    axis.set_xscale("symlog", linthresh=1)
    axis.set_xlim(0, float(sizes[-1]))
    axis.set_ylim(0, None)
    axis.set_xlabel("points in the data set")
    axis.set_ylabel(in_unit("value, price", answer.unit))
    from matplotlib.ticker import FuncFormatter

    axis.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:,.0f}"))
    types = len(answer.buyers)
    shown = f"the {len(drawn)} of {types:,} types\nwho pay most" if len(drawn) < types else None
    axis.legend(
        loc="upper left", bbox_to_anchor=(1.01, 1.0), frameon=False, fontsize=8, title=shown, title_fontsize=8,
        alignment="left",
    )  # fmt: skip


def _surplus(answer: Answer) -> list[tuple[str, str, float, float]]:
    """Name, colour, money and gain of buyers, then of contributors; those with least are drawn together."""
    sides = (
        (answer.buyers, RED, answer.counts * answer.prices, answer.counts * answer.utility),
        (answer.contributors, GREY, answer.costs * answer.samples, answer.gain),
    )
    rows = []
    for names, colour, money, gain in sides:
        used = np.flatnonzero((money != 0) | (gain != 0))
        most = used[np.argsort(-(money + gain)[used], kind="stable")]
        own = np.sort(most if len(most) <= MAX_ROWS else most[: MAX_ROWS - 1])
        rest, short = most[len(own) :], short_names(names, 40)
        rows += [(short[i], colour, float(money[i]), float(gain[i])) for i in own]
        rows += [(other(len(rest)), colour, float(money[rest].sum()), float(gain[rest].sum()))] if len(rest) else []
    return rows


def _draw_surplus(axis: "Axes", answer: Answer, rows: list[tuple[str, str, float, float]]) -> None:
    """One bar each for what buyers pay and keep, and for what contributors spend and gain."""
    y, money = np.arange(len(rows)), np.array([row[2] for row in rows])
    axis.barh(y, money, 0.66, color=[row[1] for row in rows])
    axis.barh(y, [row[3] for row in rows], 0.66, left=money, color=COLOURS[2])
    axis.set_yticks(y, [row[0] for row in rows], fontsize=8)
    axis.set_ylim(len(rows) - 0.5, -0.5)
    axis.tick_params(axis="y", length=0)
    axis.set_xlabel(in_unit("money, all of a type together", answer.unit))
    from matplotlib.patches import Patch

    handles = [
        Patch(color=RED, label="buyers pay"),
        Patch(color=GREY, label="contributors spend"),
        Patch(color=COLOURS[2], label="gain"),
    ]
    legend_above(axis, handles)

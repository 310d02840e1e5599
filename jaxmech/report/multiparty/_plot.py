"""Plots of answers: utilities and payments, a map of revenue, or revenue against disparity."""

import textwrap
from typing import TYPE_CHECKING

import numpy as np

from jaxmech._printable import printable
from jaxmech.report._figure import COLOURS, GREY, RED, STYLE, entitle, legend_above, name_agents, plain_powers
from jaxmech.report.multiparty._answer import Answer, BoundaryAnswer, ExistenceAnswer, PlanAnswer
from jaxmech.report.multiparty._words import describe

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MAX_AGENTS = 60
"""Plots of more agents show the first ones."""


def plot(answer: Answer) -> "Figure":
    """Draw an answer.

    Args:
        answer: a plan (earnings, payments and what is left, per agent), a verdict (revenue by the sizes of the first
            two agents) or a boundary (revenue against disparity).

    Returns:
        A matplotlib figure, not attached to any window.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context(STYLE):
        below_title = ""
        if isinstance(answer, PlanAnswer):
            figure = Figure(
                figsize=(float(np.clip(3.5 + 0.8 * len(answer.agents), 5.5, 16.0)), 6.0), layout="constrained"
            )
            above, below = figure.subplots(2, 1, sharex=True)
            _draw_models(above, answer)
            _draw_money(below, answer)
        elif isinstance(answer, ExistenceAnswer):
            figure = Figure(figsize=(11.6, 4.8), layout="constrained")
            left, right = figure.subplots(1, 2)
            _draw_map(left, answer)
            _draw_row(right, answer)
            verdict = "a desirable mechanism exists" if answer.exists else "no desirable mechanism exists"
            below_title = f"{describe(answer)}: {verdict}"
            if answer.disparity is not None and answer.reading == "present":
                below_title = f"growth {answer.growth:g}, disparity {answer.disparity}: {verdict}"
        else:
            figure = Figure(figsize=(6.4, 4.0), layout="constrained")
            _draw_boundary(figure.subplots(), answer)
        entitle(figure, answer.title or answer.source, below_title)
    return figure


def _draw_models(axis: "Axes", answer: PlanAnswer) -> None:
    shown = slice(0, MAX_AGENTS)
    x = np.arange(len(answer.agents[shown]))
    axis.bar(x - 0.2, answer.own[shown], 0.38, color=GREY, label="own model")
    axis.bar(x + 0.2, answer.quality[shown], 0.38, color=COLOURS[0], label="model in use")
    axis.axhline(answer.best, color="#333333", linewidth=0.8, linestyle="--", label="best model")
    axis.set_ylabel("quality")
    axis.set_xlim(-0.6, len(x) - 0.4)
    legend_above(axis)


def _draw_money(axis: "Axes", answer: PlanAnswer) -> None:
    shown = slice(0, MAX_AGENTS)
    names = answer.agents[shown]
    x = np.arange(len(names))
    parts = (("nobody shares", answer.alone, GREY), ("earns", answer.value, COLOURS[0]),
             ("pays", answer.payment, RED), ("is left", answer.utility, COLOURS[2]))  # fmt: skip
    for k, (label, values, colour) in enumerate(parts):
        axis.bar(x + 0.2 * (k - 1.5), values[shown], 0.19, color=colour, label=label)
    axis.axhline(0.0, color="#333333", linewidth=0.8)
    axis.set_ylabel("earnings and payments\n(unit of the file)")
    name_agents(axis, names)
    if len(names) < len(answer.agents):
        axis.set_xlabel(f"the first {len(names)} of {len(answer.agents):,} agents", color=GREY)
    legend_above(axis)


def _draw_map(axis: "Axes", answer: ExistenceAnswer) -> None:
    """Revenue over welfare for the first two members, the others at their least; the deciding profile is marked."""
    from matplotlib.colors import CenteredNorm

    k = answer.levels.shape[1]
    earn, revenue = (table.reshape(k, k, -1)[:, :, 0] for table in (answer.welfare, answer.revenue))
    share = revenue / np.where(earn != 0, np.abs(earn), np.nan)
    # By its middle, not its extremes: where hardly anybody has data revenue is all or nothing.
    middle = np.abs(share)[np.isfinite(share)]
    norm = CenteredNorm(0.0, max(1.5 * float(np.median(middle)) if middle.size else 0.0, 1e-3))
    image = axis.imshow(share.T, origin="lower", cmap="RdBu", norm=norm, aspect="equal", interpolation="nearest")
    assert axis.figure is not None
    axis.figure.colorbar(image, ax=axis, shrink=0.85, extend="both")
    axis.set_title("colour: largest revenue / what all earn", loc="right", fontsize=8)
    _mark_levels(axis, answer)
    label = "least room" if answer.exists else "fails first"
    axis.plot(*answer.profile[:2], "o", color=RED, markeredgecolor="white", clip_on=False, label=label, zorder=3)
    axis.set_xlabel(_wrap(f"size of {answer.members[0]}"))
    others = f" (all others at {'0' if answer.disparity is not None else 'their least'})"
    axis.set_ylabel(_wrap(f"size of {answer.members[1]}{others if len(answer.members) > 2 else ''}"))
    axis.legend(loc="lower left", bbox_to_anchor=(0, 1.0), frameon=False, fontsize=8)


def _wrap(words: str) -> str:
    """Words of an axis on as many lines as they take."""
    return "\n".join(textwrap.wrap(printable(words), 48))


def _mark_levels(axis: "Axes", answer: ExistenceAnswer) -> None:
    """Ticks at levels, named by their sizes; at whole sizes where those are counted."""
    from matplotlib.ticker import MaxNLocator

    k = answer.levels.shape[1]
    every = max(1, -(-k // 9))
    for i, direction in enumerate((axis.xaxis, axis.yaxis)):
        if answer.disparity is not None:
            direction.set_major_locator(MaxNLocator("auto", integer=True))
        else:
            places = np.arange(0, k, every)
            direction.set_ticks(places, [f"{answer.levels[i, place]:.3g}" for place in places])


def _draw_row(axis: "Axes", answer: ExistenceAnswer) -> None:
    """What the members earn and must be left as the deciding one's size grows, with the chain that binds."""
    from matplotlib.ticker import MaxNLocator

    sizes = answer.levels[answer.agent]
    profiles = np.tile(answer.profile, (len(sizes), 1))
    profiles[:, answer.agent] = np.arange(len(sizes))
    earn, revenue = (
        np.array([table[tuple(index)] for index in profiles]) for table in (answer.welfare, answer.revenue)
    )
    axis.plot(sizes, earn, color=COLOURS[0], label="all earn")
    axis.plot(sizes, earn - revenue, color=RED, label="all must be left")
    chain = answer.chain.levels
    label = "sizes whose misreports bind"
    axis.plot(sizes[chain], (earn - revenue)[chain], "o", color=RED, markersize=4, label=label)
    who = answer.members[answer.agent]
    rest = ", ".join(
        f"{name} at {size:.6g}" for name, size in zip(answer.members, answer.sizes, strict=True) if name != who
    )
    axis.set_xlabel(_wrap(f"size of {who} ({rest})"))
    axis.set_ylabel("sum over all who take part")
    if answer.disparity is not None:
        axis.xaxis.set_major_locator(MaxNLocator("auto", integer=True))
    legend_above(axis)


def _draw_boundary(axis: "Axes", answer: BoundaryAnswer) -> None:
    sizes = np.arange(1, answer.searched_to + 1)
    axis.semilogx(sizes, answer.revenue[1 : answer.searched_to + 1], color=COLOURS[0], linewidth=1.4)
    plain_powers(axis.xaxis)
    axis.axhline(0.0, color="#333333", linewidth=0.8)
    if answer.largest is not None:
        beyond = answer.searched_to
        axis.plot(beyond, answer.revenue[beyond], "o", color=RED, label=f"fails first: {beyond:,}", clip_on=False)
        axis.plot([], [], " ", label=f"largest disparity: {answer.largest:,}")
        legend_above(axis)
    axis.set_xlabel("size of the agent who has all data")
    axis.set_ylabel("revenue / market")
    words = f"growth {answer.growth:g}, {len(answer.agents)} agents"
    axis.set_title(words, fontsize=8, color=GREY, loc="right", pad=22 if answer.largest is not None else 6)

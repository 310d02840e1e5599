"""Algorithms of Table 1: what they miss of the optimum, against the processor time that they take."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from jaxmech.report._figure import COLOURS, GREY, STYLE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_LEAST = 1e-5
"""Shortfalls below this are drawn as 0."""

_MARKERS = "os^vDP"


def plot_quality(
    algorithms: Sequence[str],
    types: np.ndarray,
    seconds: np.ndarray,
    short: np.ndarray,
    promised: float,
    mixed: tuple[Sequence[str], np.ndarray, np.ndarray, np.ndarray],
) -> "Figure":
    """Draw the shortfall of every algorithm against its processor time, and both against the number of types.

    Args:
        algorithms: their names.
        types: numbers of types.
        seconds: (types, algorithms) processor time; NaN where it is out of reach.
        short: (types, algorithms) below the optimum, per buyer; NaN likewise.
        promised: ε of those that approximate.
        mixed: of types in no order: names, numbers of types, (types, algorithms) below the optimum or a bound of it,
            and (types,) whether the optimum is known.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(14.4, 4.4), layout="constrained")
        left, right, third = figure.subplots(1, 3)
        for a, name in enumerate(algorithms):
            look = _look(a)
            left.plot(seconds[:, a], np.maximum(short[:, a], 0.0), label=name, markersize=5, **look)
            right.plot(types, seconds[:, a], label=name, markersize=5, **look)
        left.axhline(promised, color=GREY, linewidth=0.9, linestyle="--", label=f"ε = {promised:g}, promised")
        left.set_xscale("log")
        left.set_yscale("symlog", linthresh=_LEAST)
        left.set_ylim(-0.3 * _LEAST, 4 * promised)
        left.set_xlabel("processor time of one call (s)")
        left.set_ylabel("below the optimum, per buyer")
        left.legend(frameon=False, fontsize=8, loc="center right")
        right.set_xscale("log")
        right.set_yscale("log")
        for axis in (left.xaxis, left.yaxis, right.yaxis):
            axis.set_major_formatter("{x:g}")
        right.set_xticks(types, [f"{count}" for count in types])
        right.minorticks_off()
        right.set_xlabel("types of buyers")
        right.set_ylabel("processor time of one call (s)")
        left.set_title("types in an order", fontsize=9)
        right.set_title("types in an order; a line ends where its algorithm is out of reach", fontsize=9)
        _draw_mixed(third, mixed, promised)
    return figure


def _look(place: int) -> dict[str, Any]:
    return {
        "color": COLOURS[place % len(COLOURS)], "marker": _MARKERS[place % len(_MARKERS)], "linewidth": 1.2
    }  # fmt: skip


def _draw_mixed(axis: "Axes", mixed: tuple[Sequence[str], np.ndarray, np.ndarray, np.ndarray], promised: float) -> None:
    """Shortfall by the number of types; an open marker where it is counted from a bound."""
    names, types, short, known = mixed
    for a in range(len(names)):
        found = np.maximum(short[:, a], 0.0)
        axis.plot(types, found, markersize=5, **_look(a))
        axis.plot(types[~known], found[~known], markersize=5, markerfacecolor="white", linestyle="", **_plain(a))
    axis.axhline(promised, color=GREY, linewidth=0.9, linestyle="--")
    axis.set_xscale("log")
    axis.set_yscale("symlog", linthresh=_LEAST)
    axis.set_ylim(-0.3 * _LEAST, 4 * promised)
    axis.yaxis.set_major_formatter("{x:g}")
    axis.set_xticks(types, [f"{count}" for count in types])
    axis.minorticks_off()
    axis.set_xlabel("types of buyers")
    axis.set_ylabel("below the optimum, per buyer")
    axis.set_title("types in no order; open: below a bound of the optimum", fontsize=9)


def _plain(place: int) -> dict[str, Any]:
    return {key: value for key, value in _look(place).items() if key != "linewidth"}

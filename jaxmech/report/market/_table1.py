"""Algorithms of Table 1: what they miss of the optimum, against the processor time that they take."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from jaxmech.report._figure import COLOURS, GREY, STYLE

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_LEAST = 1e-5
"""Shortfalls below this are drawn as 0."""

_MARKERS = "os^vDP"


def plot_quality(
    algorithms: Sequence[str], types: np.ndarray, seconds: np.ndarray, short: np.ndarray, promised: float
) -> "Figure":
    """Draw the shortfall of every algorithm against its processor time, and the time against the number of types.

    Args:
        algorithms: their names.
        types: numbers of types.
        seconds: (types, algorithms) processor time; NaN where it is out of reach.
        short: (types, algorithms) below the optimum, per buyer; NaN likewise.
        promised: ε of those that approximate.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(10.4, 4.4), layout="constrained")
        left, right = figure.subplots(1, 2)
        for a, name in enumerate(algorithms):
            look = {"color": COLOURS[a % len(COLOURS)], "marker": _MARKERS[a % len(_MARKERS)], "linewidth": 1.2}
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
        right.set_title("a line ends where its algorithm is out of reach", fontsize=9)
    return figure

"""What all plots share: colours, style, and how they are written."""

import io
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from jaxmech._printable import printable
from jaxmech.report._labels import wrapped_names

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

FORMATS = ("png", "svg", "pdf")
"""What a plot can be written as."""

# Okabe and Ito's palette: eight colours that colour-blind readers tell apart, blue first.
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#F0E442", "#000000", "#999999")
RED = "#D55E00"
GREY = "#7F7F7F"
_LETTERS = 14.0
"""Letters of the small font in an inch."""
_LINE = 0.14
"""Height of its lines in inches."""
_MOST_LINES = 3
"""Of a name below an axis."""
_UPRIGHT = 26
"""Letters of a line that stands upright."""
_WORDS: Any = {"text.parse_math": False}  # names are names, whatever dollars and backslashes they hold
STYLE: Any = {
    "font.size": 9.0, "svg.fonttype": "none", "axes.spines.top": False, "axes.spines.right": False, **_WORDS,
}  # fmt: skip


def entitle(figure: "Figure", title: str, below: str = "") -> None:
    """Write above a figure what it is of, which may be anybody's text, and perhaps a second line.

    Args:
        figure: what to entitle.
        title: of the problem.
        below: what was done with it.
    """
    room = int(figure.get_figwidth() * _LETTERS * 0.8)
    lines = [line for text in (printable(title), below) for line in textwrap.wrap(text, room)]
    figure.suptitle("\n".join(lines), fontsize=10)


def legend_label(name: str) -> str:
    """Return a name such that a legend shows it: matplotlib hides those that begin with an underscore."""
    shown = printable(name)
    return f" {shown}" if shown.startswith("_") else shown


def other(count: int) -> str:
    """Return what those are called who are drawn together.

    Example:
        >>> other(12)
        'other (12)'
    """
    return f"other ({count:,})"


def in_unit(words: str, unit: str) -> str:
    """Return what an axis shows, with its unit where there is one.

    Example:
        >>> in_unit("penalty", "EUR"), in_unit("penalty", "")
        ('penalty (EUR)', 'penalty')
    """
    return f"{words} ({printable(unit)})" if unit else words


def name_agents(axis: "Axes", names: Sequence[str]) -> None:
    """Write names below an axis with a place for each, on some lines, upright where they would run into each other.

    Args:
        axis: whose places are 0, 1, ….
        names: in their order.
    """
    each = 0.88 * _width(axis) / max(len(names), 1)  # inches
    letters = int(each * _LETTERS)
    words = [word for name in names for word in printable(name).split()]
    level = letters >= 10 and max(map(len, words), default=0) <= letters
    labels = wrapped_names(names, letters, _MOST_LINES) if level else []
    if not level or any("…" in label for label in labels):
        level = False
        labels = wrapped_names(names, _UPRIGHT, max(1, min(_MOST_LINES, int(each / _LINE))))
    axis.set_xticks(range(len(labels)), labels, rotation=0 if level else 90, fontsize=8)
    axis.tick_params(axis="x", length=0)


def _width(axis: "Axes") -> float:
    """Of the figure, in inches."""
    assert axis.figure is not None
    return float(axis.figure.bbox.width / axis.figure.dpi)


def legend_above(axis: "Axes", handles: Sequence[Any] | None = None) -> int:
    """Put the legend above the axes, where it covers nothing, in as many columns as there is room for.

    Args:
        axis: what it is of.
        handles: what it shows, if not what was drawn.

    Returns:
        How many lines it has.
    """
    shown = list(axis.get_legend_handles_labels()[0]) if handles is None else list(handles)
    if not shown:
        return 0
    longest = max(len(str(handle.get_label())) for handle in shown) + 6
    room = _width(axis) * _LETTERS * 0.85
    columns = max(1, min(len(shown), int(room // longest)))
    axis.legend(
        handles=shown, loc="lower left", bbox_to_anchor=(0, 1.0), ncols=columns, frameon=False, fontsize=8,
        borderaxespad=0.2,
    )  # fmt: skip
    return -(-len(shown) // columns)


def plain_powers(axis: "Axis") -> None:
    """Label a logarithmic axis in plain text, for formulas are not set."""
    axis.set_major_formatter(lambda value, _: f"{value:,.0f}" if 1 <= value <= 1e6 else f"{value:g}")
    axis.set_minor_formatter(lambda value, _: "")


def render(figure: "Figure", suffix: str) -> bytes:
    """Return a figure as PNG, SVG or PDF; the same figure gives the same bytes.

    Args:
        figure: what to render.
        suffix: one of :data:`FORMATS`.
    """
    import warnings

    import matplotlib as mpl

    buffer = io.BytesIO()
    # Dates and random identifiers would make every file differ from the last.
    metadata: dict[str, Any] = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}.get(suffix, {})
    settings: Any = {"svg.hashsalt": "jaxmech", "svg.fonttype": "none", "pdf.fonttype": 42, **_WORDS}
    with mpl.rc_context(settings), warnings.catch_warnings():
        # Of names in scripts that the font lacks: SVG and PDF viewers have fonts of their own, PNG shows boxes.
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        figure.savefig(buffer, format=suffix, dpi=160, metadata=metadata)
    return buffer.getvalue()

"""What all plots share: colours, style, and how they are written."""

import io
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FORMATS = ("png", "svg", "pdf")
"""What a plot can be written as."""

# Okabe and Ito's palette: eight colours that colour-blind readers tell apart, blue first.
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#F0E442", "#000000", "#999999")
RED = "#D55E00"
GREY = "#7F7F7F"
STYLE: Any = {"font.size": 9.0, "svg.fonttype": "none", "axes.spines.top": False, "axes.spines.right": False}


def render(figure: "Figure", suffix: str) -> bytes:
    """Return a figure as PNG, SVG or PDF; the same figure gives the same bytes.

    Args:
        figure: what to render.
        suffix: one of :data:`FORMATS`.
    """
    import matplotlib as mpl

    buffer = io.BytesIO()
    # Dates and random identifiers would make every file differ from the last.
    metadata: dict[str, Any] = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}.get(suffix, {})
    settings: Any = {"svg.hashsalt": "jaxmech", "svg.fonttype": "none", "pdf.fonttype": 42}
    with mpl.rc_context(settings):
        figure.savefig(buffer, format=suffix, dpi=160, metadata=metadata)
    return buffer.getvalue()

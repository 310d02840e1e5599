"""From a document to HTML: one page, nothing loaded from elsewhere, and no name obeyed by anything."""

import functools
import re
from typing import TYPE_CHECKING, Any

from jaxmech._printable import printable
from jaxmech.report._figure import render as render_figure
from jaxmech.report.html._document import Document

if TYPE_CHECKING:
    import jinja2
    from matplotlib.figure import Figure


def render(document: Document) -> str:
    """Return a report as HTML.

    Texts may be anybody's: they are escaped, and what would be invisible or change the direction of writing is spelt
    out. The page forbids scripts and everything from elsewhere by its own policy.

    Args:
        document: what it holds.
    """
    return _environment().get_template("page.html.j2").render(page=document, svg=_trusted(document.figure))


def svg(figure: "Figure") -> str:
    """Return a plot as SVG that can stand in a page and shrinks with it.

    Args:
        figure: of matplotlib, which escapes the texts in it.
    """
    figure.suptitle("")  # the page has it already
    text = render_figure(figure, "svg").decode("utf-8")
    body = text[text.index("<svg") :]
    body = re.sub(r"<metadata>.*?</metadata>", "", body, count=1, flags=re.DOTALL)
    head, rest = body.split(">", 1)
    head = re.sub(r'\s(?:width|height|xmlns:\w+)="[^"]*"', "", head)
    size = f"{1.5 * 72 * figure.get_figwidth():.0f}px"
    # old names for links within the picture; without its namespace the prefix would mean nothing
    return printable(f'{head} role="img" style="max-width: {size}">{rest}'.replace("xlink:href", "href"), "\n")


@functools.cache
def _environment() -> "jinja2.Environment":
    import jinja2

    return jinja2.Environment(
        loader=jinja2.PackageLoader("jaxmech.report.html", "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=_spelt_out,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _spelt_out(value: Any) -> Any:
    return printable(value) if type(value) is str else value


def _trusted(text: str) -> Any:
    from markupsafe import Markup

    return Markup(text)  # of our own making: see svg

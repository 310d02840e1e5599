"""``jaxmech reproduce``: the papers' tables and figures, published and computed side by side."""

import dataclasses
import functools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import click
import numpy as np

from jaxmech._words import one_of
from jaxmech.cli._group import DONE, SOLVED_BADLY
from jaxmech.cli._jax import quick_compilation, settings, use_precision
from jaxmech.cli._options import Output, examples_of, render_text, shared
from jaxmech.cli._reproduce_competitors import COMPETITORS, reproduce_competitors
from jaxmech.cli._reproduce_selling import SELLING, reproduce_selling
from jaxmech.cli._reproduce_sharing import SHARING, reproduce_sharing

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from rich.console import Console

    from jaxmech.catalog import Published

NAMES = ("appendix-c", "figure-1", *SHARING, *SELLING, *COMPETITORS)
_STEP = {"samples": 1.0, "penalty": 0.01}
"""One unit of the last digit that the paper prints: it rounds some values, cuts others off and rounds a few up."""

_TITLES = {
    "alone": "working alone",
    "social": "social penalty",
    "rational": "… nobody worse off",
    "nash": "Nash bargaining",
    "egalitarian": "egalitarian",
}


@dataclasses.dataclass(frozen=True)
class Value:
    """A number that the paper prints, and what it is when computed.

    Attributes:
        division: of the work.
        agent: from 1.
        quantity: "samples" or "penalty".
        printed: as the paper has it, misprints included.
        published: as the paper means it.
        computed: by this program.
        difference: computed less published.
        agrees: whether they differ by no more than the last printed digit.
        note: how the printed digits come about, where they are not simply rounded.
    """

    division: str
    agent: int
    quantity: str
    printed: str
    published: float
    computed: float
    difference: float
    agrees: bool
    note: str


_EXAMPLES = (
    "jaxmech reproduce",
    "jaxmech reproduce appendix-c --csv appendix-c.csv",
    "jaxmech reproduce figure-1 --plot figure-1.png",
    "jaxmech reproduce talk-equals --plot equals.png",
    "jaxmech reproduce competitors-figure-3 --plot boundary.png",
)


@click.command(
    epilog=examples_of(*_EXAMPLES),
    short_help="Regenerate a paper's table and figure, published and computed side by side.",
)
@click.argument("name", required=False)
@shared("json", "csv", "plot", "dtype", "quiet", "verbose")
def reproduce(name: str | None, **options: Any) -> int:
    """Recompute what a paper prints: appendix-c (a table) or figure-1 (a figure); without NAME, both.

    They are of Clinton, Chen, Zhu, Kandasamy, Collaborative Mean Estimation Among Heterogeneous Strategic Agents, 2025.
    hard-instance is its Theorem 4. talk-equals and talk-cheating are of the talk on Chen, Zhu, Kandasamy, Mechanism
    Design for Collaborative Normal Mean Estimation, 2023: ratio and equilibrium of equals, naive mechanisms cheated.
    table-1 runs the algorithms that Chen, Clinton, Kandasamy, 2025, list for selling data, as types of buyers grow.
    competitors-figure-1, -2 and -3 are of Chen, Liu, Shen, Shen, Tang, Yang, Mechanism Design for Multi-Party Machine
    Learning, 2020. The exit code is 1 if a value differs from the published one by more than its last digit, or a
    figure from what the paper says of it. Takes 10 seconds, table-1 a minute and a half.
    """
    output = Output(**options)
    from jaxmech import catalog
    from jaxmech._errors import ProblemError

    if name is not None:
        one_of("name", name, NAMES)
    if name in COMPETITORS:
        return reproduce_competitors(name, output)
    if name in SELLING:
        return reproduce_selling(name, output)
    if name in SHARING:
        return reproduce_sharing(name, output)
    if output.plot_path and name == "appendix-c":
        raise ProblemError("--plot", output.plot_path, "appendix-c is a table; figure-1 is the one to draw")
    use_precision(output.dtype)
    with output.timed("compile + solve"), quick_compilation():
        computed = _solve_all(output.dtype)
    values = [value for published in catalog.APPENDIX_C for value in _compare(published, *computed[published.division])]
    output.deliver(
        document=lambda: {**_document(values), "settings": settings(output.dtype)},
        rows=lambda: [dataclasses.asdict(value) for value in values],
        figure=lambda: _figure(computed),
        text=lambda: render_text(lambda console: _print(console, values, name, output)),
    )
    return DONE if all(value.agrees for value in values) else SOLVED_BADLY


def _solve_all(dtype: str) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Amounts and penalties of every division that the paper prints."""
    from jaxmech import catalog, collaboration

    costs = np.array(catalog.COSTS, dtype)[:, None]
    problem = collaboration.Problem(costs=costs, sigma=np.asarray(catalog.SIGMA, dtype))
    found, pays = _solver()(problem)
    return {
        name: (np.asarray(solution.raise_for_status().value, float)[:, 0], np.asarray(pays[name], float))
        for name, solution in found.items()
    }


@functools.cache
def _solver() -> Callable[..., Any]:
    """All divisions in one compiled call."""
    import jax

    from jaxmech import collaboration

    divisions: dict[str, Callable[[collaboration.Problem], Any]] = {
        "alone": collaboration.alone,
        "social": collaboration.social_optimum,
        "rational": collaboration.rational_optimum,
        "nash": collaboration.nash_bargaining,
        "egalitarian": collaboration.egalitarian_bargaining,
    }

    @jax.jit
    def solve(problem: collaboration.Problem) -> tuple[dict[str, Any], dict[str, Any]]:
        found = {name: division(problem) for name, division in divisions.items()}
        pays = {name: collaboration.penalty(problem, solution.value) for name, solution in found.items()}
        # Alone means alone: the other agents' data are not pooled.
        return found, pays | {"alone": collaboration.alone_penalty(problem)}

    solver: Callable[..., Any] = solve
    return solver


def _compare(published: "Published", samples: np.ndarray, penalties: np.ndarray) -> list[Value]:
    values = []
    pairs = {"samples": (published.samples, samples), "penalty": (published.penalties, penalties)}
    for quantity, (meant, found) in pairs.items():
        for i, (value, other) in enumerate(zip(meant, found.tolist(), strict=True)):
            printed = f"{value:.2f}" if quantity == "penalty" else f"{value}"
            note = _how_printed(float(value), other, _STEP[quantity])
            for misprint in published.misprints:
                if misprint.where == f"{quantity} of agent {i + 1}":
                    printed, note = misprint.printed, f"misprint for {misprint.corrected}: {misprint.reason}"
            agrees = abs(other - value) <= _STEP[quantity]
            row = (published.division, i + 1, quantity, printed, float(value), other, other - value, agrees, note)
            values.append(Value(*row))
    return values


def _how_printed(published: float, computed: float, step: float) -> str:
    slack = 1e-3 * step
    if abs(computed - published) <= 0.5 * step + slack:
        return ""
    if abs(computed - published) > step:
        return "differs"
    return "printed cut off" if computed > published else "printed rounded up"


def _document(values: Sequence[Value]) -> dict[str, Any]:
    from jaxmech import catalog

    return {
        "kind": "reproduction",
        "source": catalog.SOURCE,
        "agrees": all(value.agrees for value in values),
        "values": [dataclasses.asdict(value) for value in values],
        "misprints": [dataclasses.asdict(error) for entry in catalog.APPENDIX_C for error in entry.misprints],
    }


def _figure(computed: dict[str, tuple[np.ndarray, np.ndarray]]) -> "Figure":
    from jaxmech import report

    panels = [report.collaboration.Panel(_TITLES[name], *computed[name]) for name in _TITLES]
    return report.collaboration.plot_panels(panels, computed["alone"][1], ("1", "2", "3"))


def _print(console: "Console", values: Sequence[Value], name: str | None, output: Output) -> None:
    from jaxmech import catalog, report

    say = [catalog.SOURCE, ""]
    report.print_plain(console, "\n".join(say))
    report.print_plain(console, _table(console, values))
    misprints = [error for entry in catalog.APPENDIX_C for error in entry.misprints]
    lines = ["", "Misprints in the paper:"]
    lines += [f"  {error.where}: {error.printed} should be {error.corrected} ({error.reason})." for error in misprints]
    wrong = [value for value in values if not value.agrees]
    verdict = (
        f"{len(wrong)} of {len(values)} differ by more than" if wrong else f"All {len(values)} values agree within"
    )
    lines += ["", f"{verdict} the last digit that the paper prints."]
    if name != "appendix-c":
        drawn = (
            f"Figure 1 is drawn in {output.plot_path}." if output.plot_path else "--plot figure-1.png draws figure 1."
        )
        lines += [drawn]
    report.print_plain(console, "\n".join(lines))


def _table(console: "Console", values: Sequence[Value]) -> Any:
    from jaxmech import report

    table = report.make_table(report.make_box(console.is_terminal))
    table.keys = 3  # rows are of a division, an agent and a quantity
    table.add_column("division", no_wrap=True)
    for header in ("agent", "quantity", "published", "computed", "difference"):
        table.add_column(header, justify="left" if header == "quantity" else "right", no_wrap=True)
    table.add_column("", overflow="fold", ratio=1)
    for value in values:
        places = 2 if value.quantity == "samples" else 4
        numbers = [f"{value.computed:.{places}f}", f"{value.difference:+.{places}f}"]
        style = "" if value.agrees else "red"
        table.add_row(
            value.division, str(value.agent), value.quantity, value.printed, *numbers, value.note, style=style
        )
    return table

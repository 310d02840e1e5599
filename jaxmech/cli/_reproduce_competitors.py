"""``jaxmech reproduce competitors-figure-…``: the experiments of the paper on competitors, recomputed."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from jaxmech.cli._group import DONE, SOLVED_BADLY
from jaxmech.cli._jax import quick_compilation, settings, use_precision
from jaxmech.cli._options import Output, render_text

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from rich.console import Console

    from jaxmech.catalog.experiments import Averages

COMPETITORS = ("competitors-figure-1", "competitors-figure-2", "competitors-figure-3")
"""Names of the figures."""

_VARIANTS = {False: "own effects in [-1, 1], as printed", True: "own effects in [0, 1]"}


@dataclasses.dataclass(frozen=True)
class Statement:
    """What the paper says of a figure, and what comes out when it is recomputed. The figure's numbers are not printed.

    Attributes:
        published: in the paper's words.
        computed: what was found.
        agrees: whether that is what the paper says.
        note: what to know about it.
    """

    published: str
    computed: str
    agrees: bool
    note: str = ""


@dataclasses.dataclass(frozen=True)
class Recomputed:
    """A recomputed figure: statements, its points as rows, and how it is drawn."""

    statements: Sequence[Statement]
    rows: Sequence[Mapping[str, Any]]
    draw: "Callable[[], Figure]"


def reproduce_competitors(name: str, output: Output) -> int:
    """Recompute a figure and compare it with what the paper says of it.

    Args:
        name: one of :data:`COMPETITORS`.
        output: where to.
    """
    from jaxmech.catalog import experiments

    use_precision(output.dtype)
    with output.timed("compile + solve"), quick_compilation():
        found = {"1": _by_agents, "2": _by_type, "3": _by_growth}[name[-1]]()
    return deliver_figure(name, experiments.COMPETITORS_SOURCE, found, output, f", figure {name[-1]}")


def deliver_figure(name: str, source: str, found: Recomputed, output: Output, place: str = "") -> int:
    """Write and print what was recomputed, beside what was said; return the exit code.

    Args:
        name: of the experiment.
        source: where the statements were printed.
        found: statements, points and a drawing.
        output: where to.
        place: where in the source.
    """
    agrees = all(statement.agrees for statement in found.statements)
    output.deliver(
        document=lambda: {
            "kind": "reproduction",
            "source": source,
            "figure": name,
            "agrees": agrees,
            "statements": [dataclasses.asdict(statement) for statement in found.statements],
            "points": list(found.rows),
            "settings": settings(output.dtype),
        },
        rows=lambda: found.rows,
        figure=found.draw,
        text=lambda: render_text(lambda console: _print(console, found, name, source + place, output)),
    )
    return DONE if agrees else SOLVED_BADLY


def _by_agents() -> Recomputed:
    from jaxmech.catalog import experiments
    from jaxmech.report import multiparty as report

    found = {harmless: experiments.payments_by_agents(own_harmless=harmless) for harmless in (False, True)}
    plain, own = found[False], found[True]
    twelve = float(plain.mean["quality"][plain.axis == 12][0])
    above = float(plain.mean["revenue above welfare"].max())
    rises = all(_rises(entry, "revenue") for entry in found.values())
    statements = [
        Statement(
            "more agents bring the platform more revenue",
            f"{_ends(plain, 'revenue')} from 2 to 20 agents; with own effects in [0, 1] {_ends(own, 'revenue')}",
            rises,
        ),
        Statement(
            "over 12 agents the model is close to optimal", f"mean quality {twelve:.4f} of 1 with 12", twelve > 0.99
        ),
        Statement(
            "revenue may surpass welfare",
            f"in up to {above:.0%} of the markets of one size; on average {_ends(plain, 'revenue')} against welfare "
            f"{_ends(plain, 'welfare')}",
            above > 0,
            "not on average: models go to those whose models are good for the others, who have them anyway",
        ),
    ]

    def draw() -> "Figure":
        panels = {
            _VARIANTS[harmless]: {part: _curve(entry, part) for part in ("revenue", "welfare", "quality")}
            for harmless, entry in found.items()
        }
        return report.plot_curves(panels, "number of agents")

    return Recomputed(statements, _rows(found, "agents"), draw)


_BY_TYPE = {"welfare": "welfare", "revenue": "revenue", "uti_1": "agent 1 is left", "uti_2": "agent 2 is left"}
"""What the second figure shows, and what its curves are called."""


def _by_type() -> Recomputed:
    from jaxmech.catalog import experiments
    from jaxmech.report import multiparty as report

    found = {harmless: experiments.payments_by_type(own_harmless=harmless) for harmless in (False, True)}
    own, plain = found[True], found[False]
    gain = _change(own, "welfare")
    steady = max(abs(_change(own, part)) for part in ("revenue", "uti_1"))
    note = 'with own effects in [0, 1], as the paper\'s text asks ("α_ii should always be positive")'
    statements = [
        Statement(
            "welfare and the opponent's utility increase with her type",
            f"welfare {_ends(own, 'welfare')}, utility {_ends(own, 'uti_2')}, from type 0 to 2",
            _rises(own, "welfare") and _rises(own, "uti_2"),
            f"{note}; with [-1, 1] her utility stays at 0: {_ends(plain, 'uti_2')}",
        ),
        Statement(
            "revenue and the other's utility are almost not affected",
            f"revenue {_ends(own, 'revenue')}, utility {_ends(own, 'uti_1')}",
            steady < gain / 4,
            f"{note}; both change by less than a quarter of what welfare does",
        ),
    ]

    def draw() -> "Figure":
        panels = {
            _VARIANTS[harmless]: {name: _curve(entry, part) for part, name in _BY_TYPE.items()}
            for harmless, entry in found.items()
        }
        return report.plot_curves(panels, "type of agent 2 (agent 1 has type 1)")

    return Recomputed(statements, _rows(found, "type"), draw)


def _by_growth() -> Recomputed:
    from jaxmech.catalog import experiments
    from jaxmech.multiparty import critical_growth
    from jaxmech.report import multiparty as report

    boundaries = {agents: experiments.boundaries_by_growth(agents) for agents in (2, 3)}
    critical = {agents: float(critical_growth(agents)) for agents in boundaries}
    two = dict(boundaries[2])
    last = two[experiments.LAST_PUBLISHED_GROWTH]
    beyond = [(rate, largest) for rate, largest in two.items() if largest is not None and largest > 10_000]
    sizes = [np.inf if largest is None else largest for _, largest in boundaries[2]]
    assert last is not None
    statements = [
        Statement(
            "a market that grows faster tolerates a larger disparity",
            f"{sizes[0]:,.0f} at growth -1, {last:,} at {experiments.LAST_PUBLISHED_GROWTH}; never falls in between",
            bool(np.all(np.diff(np.nan_to_num(sizes, posinf=1e300)) >= 0)),
        ),
        Statement(
            "near -0.67 the boundary grows very fast",
            f"{two[-0.68]:,} at -0.68, {two[-0.67]:,} at -0.67, {two[-0.664]:,} at -0.664",
            (two[-0.67] or 0) > 5 * (two[-0.68] or 0),
        ),
        Statement(
            "close to -0.66 it is over 10,000",
            f"{beyond[0][1]:,} at {beyond[0][0]}" if beyond else "not found",
            bool(beyond) and beyond[0][0] > -0.67,
            f"and every disparity is possible from growth {critical[2]:.6f} on (3 agents: {critical[3]:.6f})",
        ),
        Statement("up to -0.668 it is within reach", f"{last:,} at {experiments.LAST_PUBLISHED_GROWTH}", last < 10_000),
        Statement(
            "where the market does not grow no such mechanism exists",
            f"largest disparity {sizes[0]:,.0f} at growth -1",
            sizes[0] <= 1,
            "with sizes 0 and 1 only, one does exist",
        ),
        _faked(),
    ]

    def draw() -> "Figure":
        return report.plot_boundaries(boundaries, critical, experiments.LAST_PUBLISHED_GROWTH)

    rows = [
        {"agents": agents, "growth": rate, "largest disparity": largest, "searched to": experiments.UP_TO}
        for agents, pairs in boundaries.items()
        for rate, largest in pairs
    ]
    return Recomputed(statements, rows, draw)


def _faked() -> Statement:
    """Observation 1, on the largest grid that has a desirable mechanism as long as nobody can fake data."""
    from jaxmech import multiparty
    from jaxmech.catalog import experiments

    found = experiments.over_reports(multiparty.market_growth(-0.7, 2, 38))
    return Statement(
        "if agents could fake data, any truthful mechanism would make them gain equal final utility (Observation 1)",
        f"at growth -0.7 and disparity 38, faking gains up to {found.gain:.3f} from a desirable mechanism; truthful "
        f"payments leave an agent the same whatever she has, and lose up to {-found.revenue:.3f}",
        found.gain > 0 and found.spread < 1e-3 and found.revenue < 0,
        "which is why nobody can report more than she has (Assumption 2)",
    )


def _curve(entry: "Averages", part: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return entry.axis, entry.mean[part], entry.error[part]


def _rises(entry: "Averages", part: str) -> bool:
    """Whether a mean never falls by more than five standard errors, and rises in all by more."""
    mean, error = entry.mean[part], entry.error[part]
    steps = np.diff(mean) > -5 * np.maximum(error[1:], error[:-1])
    return bool(steps.all() and mean[-1] - mean[0] > 5 * (error[0] + error[-1]))


def _change(entry: "Averages", part: str) -> float:
    return float(entry.mean[part].max() - entry.mean[part].min())


def _ends(entry: "Averages", part: str) -> str:
    mean, error = entry.mean[part], entry.error[part]
    return f"{mean[0]:.3f} → {mean[-1]:.3f} (± {error[-1]:.3f})"


def _rows(found: "Mapping[bool, Averages]", label: str) -> list[dict[str, Any]]:
    return [
        {
            "variant": _VARIANTS[harmless],
            label: entry.axis[k],
            **{part: values[k] for part, values in entry.mean.items()},
            **{f"{part}: standard error": values[k] for part, values in entry.error.items()},
        }
        for harmless, entry in found.items()
        for k in range(len(entry.axis))
    ]


def _print(console: "Console", found: Recomputed, name: str, heading: str, output: Output) -> None:
    from jaxmech import report

    report.print_plain(console, f"{heading}\n")
    table = report.make_table(report.make_box(console.is_terminal))
    for header, ratio in (("the paper says", 4), ("computed", 5), ("agrees", None), ("", 4)):
        table.add_column(header, ratio=ratio, overflow="fold", no_wrap=header == "agrees")
    for statement in found.statements:
        style = "" if statement.agrees else "red"
        verdict = "yes" if statement.agrees else "NO"
        table.add_row(statement.published, statement.computed, verdict, statement.note, style=style)
    report.print_plain(console, table)
    held = sum(statement.agrees for statement in found.statements)
    drawn = f"The figure is drawn in {output.plot_path}." if output.plot_path else f"--plot {name}.png draws it."
    report.print_plain(console, f"\n{held} of {len(found.statements)} statements agree. {drawn} --csv has its points.")

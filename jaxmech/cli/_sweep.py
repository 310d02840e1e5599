"""``jaxmech sweep``: many instances of one problem, resumable on disk."""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from jaxmech._progress import farewell, tell
from jaxmech.cli._group import DONE, SOLVED_BADLY
from jaxmech.cli._jax import settings, use_precision
from jaxmech.cli._options import Output, examples_of, render_text, shared

if TYPE_CHECKING:
    from rich.console import Console

    from jaxmech.files import SweepCase
    from jaxmech.sweep import Progress, Summary, Sweep

_FILE = (
    "\b\n"
    "The file has a section [sweep] and, below it, [sweep.parameters]:\n"
    "  problem       a file or a shipped problem, of any kind\n"
    "  draws, seed   random draws at every point of the grid\n"
    "  instances     a table (CSV or .xlsx), one row per instance, columns as the keys below\n"
    "  keep          columns by agent: penalty alone samples target alpha role;\n"
    "                of markets samples sizes prices utility; of competitors payment\n"
    "                utility value quality allocation outside alone regret; witness\n"
    "  division, mechanism, shard (instances in a file of results),\n"
    "  sizes         on the menu of a market  [default: 257]\n"
    "  work          what is done with every problem of sharing data: solve  [default],\n"
    "                audit (also the best deviations found; seconds each), design\n"
    "                (a mechanism of its own, proven)\n"
    "Parameters are costs, costs[AGENT], costs[AGENT][DISTRIBUTION], sigma, price,\n"
    "sigma[DISTRIBUTION], price[DISTRIBUTION]; where the problem gives sigma or price\n"
    "as a table, with [AGENT] and [AGENT][DISTRIBUTION], as costs; so too most and\n"
    "least, and budget with [AGENT], where it has them; of markets contributor_costs,\n"
    "sigma, count, scale, value, also with [NAME]; of competitors types, externality,\n"
    "with [AGENT] and [AGENT][AGENT]; growth. Each has one of\n"
    "  [1.0, 2.0]                                    a grid\n"
    '  { from = 1.0, to = 20.0, steps = 20 }         a grid; spacing = "log"\n'
    '  { distribution = "lognormal", spread = 0.3 }  around the problem\'s value\n'
    '  { distribution = "uniform", from = 1, to = 2 }  or loguniform'
)
_GOES_ON = "interrupted: the same command goes on from here"
_EXAMPLES = (
    "jaxmech sweep uncertain-costs -o results",
    "jaxmech examples uncertain-costs > mine.toml",
    "jaxmech sweep mine.toml -o results --json summary.json",
    "jaxmech sweep mine.toml -o results --scheduler tcp://10.0.0.1:8786",
)


@click.command(
    epilog=f"{_FILE}\n\n{examples_of(*_EXAMPLES)}",
    short_help="Solve many instances of a problem; killed, it resumes.",
)
@click.argument("file")
@click.option("-o", "--output", "directory", required=True, metavar="DIR", help="Directory of the results (Parquet).")
@click.option(
    "--scheduler",
    metavar="ADDRESS",
    help="Compute on a Dask cluster: its scheduler's address, or the file that it wrote (extra dask).",
)
@shared("json", "dtype", "quiet", "verbose")
def sweep(file: str, directory: str, scheduler: str | None, **options: Any) -> int:
    """Solve many instances of one problem: grids, random draws, or a table of instances.

    Results are Parquet files in DIR, one row per instance, failures included. Run the same command again after it was
    stopped or killed: it goes on where it was, and ends with the same bytes. The exit code is 1 only if every instance
    failed; how many did is counted by status. Takes 10 seconds on the shipped one. With --scheduler the workers of a
    Dask cluster compute, every file for itself, with the same bytes; it waits until there is one.
    """
    output = Output(**options)
    with output.timed("import"):
        from jaxmech import ProblemError, files
        from jaxmech import sweep as sweeps
    sweeps.require_pyarrow()
    use_precision(output.dtype)
    with output.timed("read"):
        case = files.read_sweep(file, output.dtype)
        output.spare([*case.inputs, Path(directory)])
        try:
            many = _make(case)
        except ProblemError as error:
            raise ProblemError(f"{case.source}: {error.argument}", error.value, error.rule) from None
    output.warn(getattr(case.case, "warnings", ()))
    try:
        farewell(_GOES_ON)
        with output.timed("compile + solve"):
            summary = sweeps.run(many, directory, _report, scheduler=scheduler)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(_GOES_ON) from None
    output.deliver(
        document=lambda: {**_document(case, many, summary), "settings": settings(output.dtype, many.seed)},
        text=lambda: render_text(lambda console: _print(console, case, many, summary)),
    )
    return SOLVED_BADLY if summary.failed == summary.instances else DONE


def _make(case: "SweepCase") -> "Sweep":
    from jaxmech.sweep import Sweep

    table = case.table
    return Sweep(
        _problem(case.case),
        case.parameters,
        columns=table.columns if table else (),
        table=table.cells if table else None,
        **{**case.options, **_solved_by(case.case, case.options.get("work"))},
    )


def _problem(case: Any) -> Any:
    """What is swept: the problem, or the grid of types where a mechanism is to exist."""
    from jaxmech import ProblemError, files
    from jaxmech.cli._solve_multiparty import space_of

    if not isinstance(case, (files.GrowthCase, files.LevelsCase)):
        return case.problem
    if case.reading != "present":
        raise ProblemError(
            f"{case.source}: reading", case.reading, 'a sweep reads Algorithm 1 with all others "present"'
        )
    return space_of(case)


def _solved_by(case: Any, work: str | None) -> dict[str, Any]:
    """How the file says that its problem is solved."""
    from jaxmech import ProblemError, files

    if isinstance(case, files.MarketCase):
        if case.method != "exact":
            raise ProblemError(f"{case.source}: method", case.method, "a sweep solves markets exactly, on a menu")
        if case.chances:
            rule = "bounds on chances are not swept: give second, the points of the second contributor, instead"
            raise ProblemError(f"{case.source}: chances", dict(case.chances), rule)
        for name, valuation in zip(case.problem.buyers, case.problem.valuations, strict=True):
            if not valuation.monotone:
                rule = "values that may fall with size are not swept: a sweep sells the sizes of a menu"
                raise ProblemError(f"{case.source}: value of {name}", "monotone = false", rule)
        return {"second": case.second, "limit": case.limit, "most": math.inf if case.unit else 1.0}
    designed = getattr(case, "mechanism", None) == files.DESIGNED
    if designed and work not in (None, "design"):
        raise ProblemError("work", work, 'must be "design" where the problem\'s mechanism is "designed"')
    if designed or work == "design":
        return {"work": "design"}
    return {name: getattr(case, name) for name in ("division", "mechanism") if hasattr(case, name)}


def _report(state: "Progress") -> None:
    tell("instances", state.done, state.instances)


def _document(case: "SweepCase", many: "Sweep", summary: "Summary") -> dict[str, Any]:
    return {
        "kind": "sweep",
        "source": case.source,
        "title": case.title or None,
        "problem": case.case.source,
        "work": many.kind.work or "solve",
        "division": many.division,
        "mechanism": many.mechanism,
        "parameters": list(many.parameter_names),
        "directory": str(summary.directory),
        "fingerprint": many.fingerprint,
        "instances": summary.instances,
        "failed": summary.failed,
        "found": summary.found,
        "shards": summary.shards,
        "seconds": summary.seconds,
        "statuses": summary.statuses,
        "quantiles": {
            name: [{"fraction": fraction, "value": value} for fraction, value in pairs]
            for name, pairs in summary.quantiles.items()
        },
        "worst": summary.worst,
        "leverage": summary.leverage,
        "shares": summary.shares,
    }


def _print(console: "Console", case: "SweepCase", many: "Sweep", summary: "Summary") -> None:
    from jaxmech import Status, report

    box = report.make_box(console.is_terminal)
    by = many.kind.title
    title = f"{case.title}\n" if case.title else ""
    head = f"{title}{report.counted(summary.instances, 'instance')} of {case.case.source} ({by}), seed {many.seed}"
    files = f"{report.counted(summary.shards, 'file')} of results in {summary.directory}"
    left = f", {summary.found:,} instances from an earlier run" if summary.found else ""
    report.print_plain(console, f"{head}\n{files}{left}.\n")

    table = report.make_table(box)
    table.add_column("status", no_wrap=True)
    table.add_column("instances", justify="right", no_wrap=True)
    table.add_column("", overflow="fold", ratio=1)
    for name, count in summary.statuses.items():
        table.add_row(name, f"{count:,}", "" if name == "OK" else Status[name].message)
    report.print_plain(console, table)
    report.print_plain(console, "")

    labels = dict(many.kind.labels)
    table = report.new_table(box, "quantile", *labels.values())
    columns = [report.column([value for _, value in summary.quantiles[name]]) for name in labels]
    for (fraction, _), *cells in zip(next(iter(summary.quantiles.values())), *columns, strict=True):
        table.add_row({0.0: "least", 1.0: "largest"}.get(fraction, f"{100 * fraction:.0f} %"), *cells)
    report.print_plain(console, table)
    told = [f"{name}: {report.percent(share)} of those with status OK" for name, share in _told(many, summary)]
    if summary.worst is not None:
        name, end = many.kind.worst
        told.append(f"The {end} {name} is that of the instance with index {summary.worst:,}")
    if told:
        report.print_plain(console, "\n" + ". ".join(told) + ".")


def _told(many: "Sweep", summary: "Summary") -> list[tuple[str, float]]:
    """Shares that a reader looks for; those of plans with leverage are in the document."""
    return [(name, share) for name, share in summary.shares.items() if name != "leverage"]

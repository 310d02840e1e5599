"""``jaxmech run``: carry out a signed plan on the files that the parties handed in."""

import json
import sys
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from jaxmech._errors import ProblemError
from jaxmech.cli._group import BAD_INPUT, DONE, note, say
from jaxmech.cli._options import durations, examples_of, make_console, render_text, timed
from jaxmech.cli._report import check_page, exchange_page

_EXAMPLES = (
    "jaxmech solve clinics --json agreement.json",
    "jaxmech run agreement.json handed-in -o returns",
    "jaxmech run agreement.json handed-in --check",
    "jaxmech run agreement.json handed-in -o returns --secret secret.json --points",
    "jaxmech solve data-market --json market.json      (or competitors: the same two steps)",
)


@click.command(epilog=examples_of(*_EXAMPLES), short_help="Carry out a signed plan: files in, what each is owed out.")
@click.argument("agreement")
@click.argument("submissions")
@click.option("-o", "--output", metavar="RETURNS", help="Folder to write; it must not exist.")
@click.option("--check", is_flag=True, help="Only tell what is wrong or odd about files: nothing is drawn.")
@click.option("--secret", metavar="FILE", help="Secret that was committed to; else a new one is drawn.")
@click.option("--seed", type=int, metavar="N", help="Fixed noise, for rehearsals: parties who know N can cheat.")
@click.option("--points", is_flag=True, help="Return the points themselves, beside counts, means and variances.")
@click.option("--report", metavar="PAGE.html", help="Write one page for the arbiter: who handed in and is owed what.")
@click.option("--quiet", is_flag=True, help="Print nothing but errors.")
@click.option("--verbose", is_flag=True, help="Print where the time goes, step by step.")
def run(
    agreement: str,
    submissions: str,
    output: str | None,
    check: bool,
    secret: str | None,
    seed: int | None,
    points: bool,
    report: str | None,
    quiet: bool,
    verbose: bool,
) -> int:
    """Carry out AGREEMENT, the JSON of jaxmech solve or jaxmech design, on the files in the folder SUBMISSIONS.

    SUBMISSIONS holds NAME.csv, NAME.xlsx or NAME.parquet for each party, one column per distribution (one called value
    for each contributor of a market, and for each competitor); a party without a file submits nothing. RETURNS gets a
    folder per party with what she is owed and nothing else, public.json for everybody, and operator.json for the
    arbiter alone. Every fault in the files is told, one per line, before anything is written; what is merely odd
    is reported, with --check before anything is drawn. Takes some 2 seconds for two dozen parties.
    """
    from jaxmech import exchange, files

    if quiet and verbose:
        raise ProblemError("--quiet --verbose", "both", "only one of the two can be asked for")
    if check:
        given = {"-o": output, "--secret": secret, "--seed": seed, "--report": report, "--points": points or None}
        return _look(agreement, submissions, given, quiet=quiet)
    if output is None:
        raise ProblemError("-o", None, "is needed: the folder to write; with --check nothing is written")
    seconds: dict[str, float] = {}
    target = Path(output)
    exchange.check_absent("-o", target)
    if report is not None:
        check_page(report, [Path(name) for name in (agreement, submissions, output, secret) if name])
    with timed(seconds, "read the agreement"):
        document = read_json("agreement", agreement)
        plan = exchange.read_agreement(document, agreement)
    chosen = _secret(secret, seed)
    try:
        with timed(seconds, "read and check what was handed in"):
            handed, remarks = exchange.read_submissions(Path(submissions), plan)
    except exchange.FaultyError as error:
        return _faults(error)
    for remark in remarks:
        if remark.kind == "misnamed":
            note(remark.text)  # before anything is drawn: it is nearly always a slip
    with timed(seconds, "carry out"):
        done = exchange.carry_out(plan, handed, remarks, chosen, seed)
    with timed(seconds, "put returns together"):
        returned = exchange.returned_files(done, points=points)
        page = None if report is None else exchange_page(document, returned)
    with timed(seconds, "write"):
        exchange.write_folder("-o", target, returned, private=(exchange.OPERATOR,))
        if page is not None:
            files.write("--report", str(report), page, private=True)
    if not quiet:
        say(_page(done, output, _checks(done.agreement, returned), drawn=secret is None and seed is None))
    if verbose:
        note(durations(seconds))
    return DONE


def _faults(error: Any) -> int:
    sys.stderr.write("".join(f"jaxmech: {fault}\n" for fault in error.faults))
    return BAD_INPUT


def _look(agreement: str, submissions: str, given: Mapping[str, Any], *, quiet: bool) -> int:
    """Say what is wrong with the files, or odd about them, before any secret is used."""
    from jaxmech import exchange

    for name, value in given.items():
        if value is not None:
            raise ProblemError(f"--check {name}", value, "cannot be given: with --check nothing is drawn or written")
    plan = exchange.read_agreement(read_json("agreement", agreement), agreement)
    try:
        handed, remarks = exchange.read_submissions(Path(submissions), plan)
    except exchange.FaultyError as error:
        return _faults(error)
    present = sum(one.file is not None for one in handed)
    lines = [f"{present} {'file' if present == 1 else 'files'} of {len(plan.parties)} parties can be carried out."]
    lines += [f"- {remark.text}" for remark in remarks] if remarks else ["Nothing about them is odd."]
    if not quiet:
        say("\n".join(_fitted(lines)) + "\n")
    return DONE


def read_json(argument: str, name: str) -> dict[str, Any]:
    """Return the JSON object in a file.

    Args:
        argument: what the file was given for.
        name: its path.

    Raises:
        ProblemError: if it cannot be read, or is no JSON object.
    """
    try:
        document = json.loads(Path(name).read_bytes(), parse_constant=_no_number)
    except (OSError, ValueError, RecursionError) as error:
        why = getattr(error, "strerror", None) or "is not valid JSON, as jaxmech solve and design write it"
        raise ProblemError(argument, name, f"cannot be read: {why[:1].lower()}{why[1:]}") from None
    if not isinstance(document, dict):
        raise ProblemError(argument, name, "must be a JSON object")
    return document


def _no_number(text: str) -> float:
    raise ValueError(f"{text} is no number of JSON")


def _secret(secret: str | None, seed: int | None) -> str:
    from jaxmech import exchange

    if secret is not None and seed is not None:
        raise ProblemError("--secret --seed", "both", "only one of the two can be given")
    if secret is not None:
        return exchange.read_secret(Path(secret))
    if seed is None:
        return exchange.new_secret()
    if seed < 0:
        raise ProblemError("--seed", seed, "must not be negative")
    return exchange.seeded_secret(seed)


_MOST_CHECKS = 32
"""So many are listed; of more, those alone that change what somebody gets."""


def _checks(agreement: Any, returned: Mapping[str, bytes]) -> str:
    """Every check against a limit, as a table; where the rule has no limits, means that honest data explain badly."""
    from jaxmech import exchange, report

    paths = [f"{folder}/receipt.json" for folder in exchange.file_names(agreement.parties)]
    told = (json.loads(returned[path]) for path in paths)
    robust = bool(getattr(agreement, "robust", False))  # of agreements to share data
    headers, rows = report.checks_in_words(told, agreement.sigma.tolist(), robust=robust)
    if "limit" not in headers:
        return _far_apart(rows)
    listed = rows if len(rows) <= _MOST_CHECKS else [row for row in rows if row.failed or row.changed]
    left = (
        f"; the other {len(rows) - len(listed):,} passed or had nothing to compare" if len(listed) < len(rows) else ""
    )
    heading = f"Checks: {report.counted_checks(rows)} (apart and limits in the units of the data{left})."
    heading += f" {_BY_CHANCE} {'' if _together(agreement) else report.expected_in_words(rows)}".rstrip()

    def show(console: Any) -> None:
        table = report.new_table(report.make_box(console.is_terminal), *headers, keys=2)
        table.columns[1].justify = table.columns[-1].justify = table.columns[-2].justify = "left"
        for row in listed:
            table.add_row(*row.cells)
        report.print_plain(console, heading)
        if listed:
            report.print_plain(console, table)

    return render_text(show).rstrip()


def _far_apart(rows: Sequence[Any]) -> str:
    """Whose means are so far from those that they were compared with as honest data seldom are; or an empty text."""
    far = [row for row in rows if row.chance < _SELDOM]
    if not far:
        return ""
    told = [f"- {row.cells[0]}, {row.cells[1]}: {row.cells[2]} apart, by chance {row.cells[3]}" for row in far]
    heading = (
        f"{len(far):,} of {len(rows):,} means are so far from those of the others' points as one in "
        f"{1 / _SELDOM:,.0f} is by chance. Hers is odd, or that of those whom she was compared with:"
    )
    return "\n".join(_fitted([heading, *told]))


_SELDOM = 1e-3
"""Chances below this are told where the rule has no limits."""

_BY_CHANCE = "By chance: how often honest normal data would be farther apart."


def _together(agreement: Any) -> bool:
    """Whether values pass or fail together, so that each has no limit of her own."""
    return agreement.noise is not None and bool(agreement.noise.ellipsoid)


_TURNED = (
    "Less than 0 is charged: means of contributors were so far apart that they pay, and buyers are paid. On average "
    "over many exchanges all is as promised."
)


def _page(done: Any, output: str, checks: str, *, drawn: bool) -> str:
    """What the operator is told."""
    from jaxmech import exchange

    agreement = done.agreement
    lines = [
        _headline(done, output),
        f"Agreement   {agreement.fingerprint}",
        f"Commitment  {exchange.commitment(done.secret)}",
    ]
    if getattr(done, "money", {}).get("charged", 0.0) < 0:
        lines.append(_TURNED)
    if drawn:
        lines.append("The secret was drawn now; with jaxmech commit before data are handed in, nobody need trust that.")
    if done.seed is not None:
        lines.append(exchange.WARNING)
    before, lines = _fitted(lines), []
    taken = [remark.text for remark in done.remarks if remark.kind in exchange.ABOUT_DATA]
    others = [remark.text for remark in done.remarks if remark.kind not in exchange.ABOUT_DATA]
    if taken:
        lines += ["", "Look at this before estimates are used; data are in everybody's means as they were handed in:"]
        lines += [f"- {text}" for text in taken]
    if others:
        lines += [
            "",
            "Odd; nothing follows but what the agreement says of it:",
        ]
        lines += [f"- {text}" for text in others]
    lines += ["", f"Give each party her folder and {exchange.PUBLIC}; keep {exchange.OPERATOR} for the arbiter."]
    return "\n".join([*before, *(["", checks] if checks else []), *_fitted(lines)]) + "\n"


def _fitted(lines: Sequence[str]) -> list[str]:
    """Lines that break between words on a terminal; elsewhere, where programs may read them, none breaks."""
    if not sys.stdout.isatty():
        return list(lines)
    width = make_console(file=sys.stdout).width
    wrapper = textwrap.TextWrapper(width, break_long_words=False, break_on_hyphens=False)
    broken = []
    for line in lines:
        wrapper.subsequent_indent = "  " * line.startswith("- ")
        broken.append(wrapper.wrap(line))
    return [part for parts in broken for part in (parts or [""])]


def _headline(done: Any, output: str) -> str:
    from jaxmech import exchange

    agreement = done.agreement
    present = sum(one.file is not None for one in done.handed)
    parties = f"{present} {'file' if present == 1 else 'files'} of {len(agreement.parties)}"
    if isinstance(done, exchange.Exchange):
        return f"Carried out {agreement.mechanism} on {parties} parties in {output}."
    least = 1e-9 * max(map(abs, done.money.values()))  # what is left by rounding is nothing
    unit = f" {agreement.unit}" if getattr(agreement, "unit", "") else ""
    sums = {what: amount if abs(amount) > least else 0.0 for what, amount in done.money.items()}
    money = ", ".join(f"{what} {amount:.6g}{unit}" for what, amount in sums.items())
    if isinstance(done, exchange.Sale):
        buyers = int(agreement.counts.sum())
        return f"Carried out a market on {parties} contributors for {buyers:,} buyers in {output}: {money}."
    handed = sum(model == "best" for model in done.allotment.model)
    return f"Carried out {agreement.mechanism} on {parties} parties, {handed} get the best model, in {output}: {money}."

"""``jaxmech verify``: recompute what ``jaxmech run`` returned, by a program that shares no code with it."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import click

from jaxmech._errors import ProblemError
from jaxmech.cli._group import BAD_INPUT, DONE, SOLVED_BADLY, say
from jaxmech.cli._options import examples_of
from jaxmech.cli._report import check_page
from jaxmech.cli._run import read_json

_EXAMPLES = (
    "jaxmech verify agreement.json",
    "jaxmech verify returns agreement.json",
    "jaxmech verify returns agreement.json --submissions handed-in --secret secret.json",
    "jaxmech verify returns agreement.json --party Ashford --submissions mine --report mine.html",
)

_NO_FILES = "No file was compared with what was used of it: --submissions DIR does that."
_OWN = (
    "That is what {party} holds; means and spread of the others' points, and that\n"
    "draws and noise were made of the secret, are for the arbiter to verify."
)


@click.command(epilog=examples_of(*_EXAMPLES), short_help="Recompute independently what run returned.")
@click.argument("returns")
@click.argument("agreement", required=False)
@click.option("--submissions", metavar="DIR", help="The files that were handed in: everything is recomputed from them.")
@click.option("--secret", metavar="FILE", help="The secret that was committed to: the noise must be made of it.")
@click.option("--party", metavar="NAME", help="Only what she can check with her folder, public.json and her own file.")
@click.option("--report", metavar="PAGE.html", help="With --party: her estimates, and all that she was told.")
def verify(
    returns: str,
    agreement: str | None,
    submissions: str | None,
    secret: str | None,
    party: str | None,
    report: str | None,
) -> int:
    """Recompute fingerprints, draws, noise, estimates, receipts, promises and incentives of RETURNS under AGREEMENT.

    The program is one file that imports nothing of jaxmech, jaxmech/verify.py; it runs by itself, too. The exit code is
    0 if all agrees, 1 with one line per disagreement, 2 on what cannot be read. If all agrees, the fingerprint of
    AGREEMENT is printed, which parties compare with each other, and the commitment to the secret of the noise, which
    they compare with what was published before data were handed in.

    Given AGREEMENT alone, before anybody signs: whether it is sound by its own numbers, and its fingerprint.

    With --party, RETURNS need only hold her folder and public.json, and DIR her own file: her receipt is the one in
    public, her file was used as it is, counts are as agreed and as totals allow, and discrepancy, outcome, noise,
    estimate and bill follow from the means that she was told. Those means, draws and noise the arbiter alone can check.
    """
    from jaxmech import _party, files
    from jaxmech.verify import UnreadableError, said
    from jaxmech.verify import verify as recompute

    _check_options(returns, agreement, {"--submissions": submissions, "--secret": secret, "--party": party})
    folder, file = (None if name is None else Path(name) for name in (submissions, secret))
    where, signed = (None, Path(returns)) if agreement is None else (Path(returns), Path(agreement))
    if report is not None:
        if party is None:
            raise ProblemError("--report", report, "is the page of one party: say whose with --party")
        check_page(report, [signed])
    try:
        if party is not None and where is not None:
            lines = _party.verify_own(where, signed, party, folder)
        else:
            lines = recompute(where, signed, folder, file)
    except UnreadableError as error:
        sys.stderr.write(f"jaxmech: {error}\n")
        return BAD_INPUT
    if report is not None and party is not None and where is not None:
        files.write("--report", report, _page(signed, where, party, lines), private=True)
    say(said(where, signed, lines, party))
    if not lines and where is not None and submissions is None:
        say(f"{_NO_FILES}\n")
    if party is not None and not lines:
        say(f"{_OWN.format(party=party)}\n")
    return SOLVED_BADLY if lines else DONE


def _page(signed: Path, returns: Path, party: str, lines: Sequence[str]) -> str:
    """What came back to her, as one page."""
    from jaxmech import exchange
    from jaxmech.report import html

    agreement, public = read_json("agreement", str(signed)), read_json("returns", str(returns / exchange.PUBLIC))
    folders = dict(zip(agreement["agents"], exchange.file_names(agreement["agents"]), strict=True))
    hers = returns / folders[party]
    estimate, receipt = (read_json("returns", str(hers / f"{name}.json")) for name in ("estimate", "receipt"))
    return html.render(html.own(agreement, estimate, receipt, public, lines))


def _check_options(returns: str, agreement: str | None, given: Mapping[str, str | None]) -> None:
    """Refuse what does not go together."""
    named = [name for name, value in given.items() if value is not None]
    if agreement is None and (named or Path(returns).is_dir()):
        raise ProblemError("verify", returns, "needs the agreement, too: jaxmech verify RETURNS AGREEMENT")
    if {"--party", "--secret"} <= set(named):
        raise ProblemError("--party --secret", "both", "no party may have the secret: only one of the two can be given")

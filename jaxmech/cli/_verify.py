"""``jaxmech verify``: recompute what ``jaxmech run`` returned, by a program that shares no code with it."""

import sys
from pathlib import Path

import click

from jaxmech._errors import ProblemError
from jaxmech.cli._group import BAD_INPUT, DONE, SOLVED_BADLY, say
from jaxmech.cli._options import examples_of

_EXAMPLES = (
    "jaxmech verify returns agreement.json",
    "jaxmech verify returns agreement.json --submissions handed-in --secret secret.json",
    "jaxmech verify returns agreement.json --party Ashford --submissions mine",
)

_OWN = (
    "That is what {party} holds; means and spread of the others' points, and that\n"
    "draws and noise were made of the secret, are for the arbiter to verify."
)


@click.command(epilog=examples_of(*_EXAMPLES), short_help="Recompute independently what run returned.")
@click.argument("returns")
@click.argument("agreement")
@click.option("--submissions", metavar="DIR", help="The files that were handed in: everything is recomputed from them.")
@click.option("--secret", metavar="FILE", help="The secret that was committed to: the noise must be made of it.")
@click.option("--party", metavar="NAME", help="Only what she can check with her folder, public.json and her own file.")
def verify(returns: str, agreement: str, submissions: str | None, secret: str | None, party: str | None) -> int:
    """Recompute fingerprints, draws, noise, estimates, receipts, promises and incentives of RETURNS under AGREEMENT.

    The program is one file that imports nothing of jaxmech, jaxmech/verify.py; it runs by itself, too. The exit code is
    0 if all agrees, 1 with one line per disagreement, 2 on what cannot be read. If all agrees, the fingerprint of
    AGREEMENT is printed, which parties compare with each other, and the commitment to the secret of the noise, which
    they compare with what was published before data were handed in.

    With --party, RETURNS need only hold her folder and public.json, and DIR her own file: her receipt is the one in
    public, her file was used as it is, counts are as agreed and as totals allow, and discrepancy, outcome, noise,
    estimate and bill follow from the means that she was told. Those means, draws and noise the arbiter alone can check.
    """
    from jaxmech import _party
    from jaxmech.verify import UnreadableError, said
    from jaxmech.verify import verify as recompute

    folder, file = (None if name is None else Path(name) for name in (submissions, secret))
    if party is not None and secret is not None:
        raise ProblemError("--party --secret", "both", "no party may have the secret: only one of the two can be given")
    try:
        if party is not None:
            lines = _party.verify_own(Path(returns), Path(agreement), party, folder)
        else:
            lines = recompute(Path(returns), Path(agreement), folder, file)
    except UnreadableError as error:
        sys.stderr.write(f"jaxmech: {error}\n")
        return BAD_INPUT
    say(said(Path(returns), Path(agreement), lines, party))
    if party is not None and not lines:
        say(f"{_OWN.format(party=party)}\n")
    return SOLVED_BADLY if lines else DONE

"""``jaxmech commit``: bind oneself to a secret, or to a file, before anybody else has moved."""

from pathlib import Path

import click

from jaxmech._errors import ProblemError
from jaxmech.cli._group import DONE, note, say
from jaxmech.cli._options import examples_of

_EXAMPLES = (
    "jaxmech commit -o secret.json          draw a secret, print its commitment",
    "jaxmech commit handed-in/Ashford.csv   print the hash that seals a file",
)


@click.command(epilog=examples_of(*_EXAMPLES), short_help="Draw a secret, or seal a file: hash first, rest later.")
@click.argument("submission", required=False)
@click.option("-o", "--output", metavar="FILE", help="Where the secret goes; the file must not exist.")
def commit(submission: str | None, output: str | None) -> int:
    """Draw a secret and print the SHA-256 that commits to it; or print the SHA-256 of the file SUBMISSION.

    Publish the commitment before data are handed in: then nobody can have chosen the noise by the data. A party who
    publishes the hash of her file before she hands it in cannot change it by what others do. The hash of a short file
    of round numbers can be guessed; keep it to yourself until all have handed in. A secret is for one run: two runs
    with the same noise on different data would tell what the noise hides.
    """
    if (submission is None) == (output is None):
        raise ProblemError("commit", submission, "needs a file to seal, or -o FILE for a new secret: one of the two")
    say(f"{_seal(submission) if submission is not None else _draw(Path(str(output)))}\n")
    return DONE


def _seal(submission: str) -> str:
    from jaxmech import exchange

    try:
        return exchange.seal(Path(submission).read_bytes())
    except OSError as error:
        raise ProblemError("submission", submission, f"cannot be read: {(error.strerror or '').lower()}") from None


def _draw(target: Path) -> str:
    """Write a new secret, which only the owner of the file may read; return its commitment."""
    from jaxmech import exchange

    secret = exchange.new_secret()
    exchange.write_secret("-o", target, secret)
    note(
        f"publish this line before anybody hands in data; show {target} to no party, then or later: it takes noise off"
    )
    return exchange.commitment(secret)

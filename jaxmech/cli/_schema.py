"""``jaxmech schema``: the JSON Schema of every document."""

import click

from jaxmech.cli._group import DONE, say
from jaxmech.cli._options import examples_of

_EXAMPLES = (
    "jaxmech schema                  list the documents",
    "jaxmech schema estimate         what a party is owed",
)


@click.command(epilog=examples_of(*_EXAMPLES), short_help="The JSON Schema of every document.")
@click.argument("name", required=False)
def schema(name: str | None) -> int:
    """Print the JSON Schema (draft 2020-12) of the document NAME, or list all documents."""
    from jaxmech import schemas

    if name is not None:
        say(schemas.text(name))
        return DONE
    say("".join(f"{entry:<16}{schemas.title(entry)}\n" for entry in schemas.names()))
    return DONE

"""``jaxmech examples``: the shipped problems and sweeps, to look at and to start from."""

import textwrap
import tomllib
from pathlib import Path
from typing import Any

import click

from jaxmech._words import one_of
from jaxmech.cli._group import DONE, note
from jaxmech.cli._options import Output, examples_of, render_text, shared

_EXAMPLES = (
    "jaxmech examples",
    "jaxmech examples three-agents > mine.toml",
    "jaxmech examples clinics.csv > clinics.csv    a file that a problem refers to",
)


@click.command(epilog=examples_of(*_EXAMPLES), short_help="List the shipped problems, or print one, ready to edit.")
@click.argument("name", required=False)
@shared("json", "csv", "quiet", "verbose")
def examples(name: str | None, **options: Any) -> int:
    """List the shipped problems and sweeps, or print the one called NAME, ready to edit."""
    from jaxmech import catalog

    output = Output(**options)
    shipped = {key: Path(catalog.path(key)) for key in (*catalog.names(), *catalog.sweeps())}
    output.spare([*shipped.values(), *(path.parent / file for path in shipped.values() for file in _companions(path))])
    described = [_describe(key, path) for key, path in shipped.items()]
    if name is None:
        output.deliver(
            lambda: {"kind": "examples", "examples": described},
            rows=lambda: [{key: entry[key] for key in ("name", "section", "title")} for entry in described],
            text=lambda: render_text(lambda console: _print(described, console)),
        )
        return DONE
    companions = {file: path.parent / file for path in shipped.values() for file in _companions(path)}
    key = one_of("name", name, (*shipped, *companions), "must be one of the shipped problems or their files")
    text = (companions[key] if key in companions else shipped[key]).read_text(encoding="utf-8")
    output.deliver(
        lambda: {"kind": "example", "name": key, "text": text},
        rows=lambda: [{"name": key, "text": text}],
        text=lambda: text,
    )
    if output.prints and key in shipped:
        for file in _companions(shipped[key]):
            note(f"it reads {file}, so save that beside it, too: jaxmech examples {file} > {file}")
    return DONE


def _describe(name: str, path: Path) -> dict[str, Any]:
    sections = tomllib.loads(path.read_text(encoding="utf-8"))
    kind = next((key for key, value in sections.items() if isinstance(value, dict)), "")
    title = sections.get("title") or sections.get(kind, {}).get("title") or ""
    return {"name": name, "section": kind, "title": title, "files": _companions(path)}


def _companions(path: Path) -> list[str]:
    """Files that a problem refers to and that lie beside it."""
    sections = tomllib.loads(path.read_text(encoding="utf-8"))
    values = [value for section in sections.values() if isinstance(section, dict) for value in section.values()]
    names = [value for value in values if isinstance(value, str) and value.endswith(".csv")]
    return [file for file in dict.fromkeys(names) if (path.parent / file).is_file()]


def _print(described: list[dict[str, Any]], console: Any) -> None:
    console.print(_listing(described, console.width), markup=False, highlight=False, soft_wrap=True)


def _listing(described: list[dict[str, Any]], columns: int) -> str:
    """A line for each, which goes on below its title where the terminal is narrow."""
    width = max(len(entry["name"]) for entry in described) + 2
    below = " " * width
    titles = [f"{entry['name']:<{width}}{entry['title']}".rstrip() for entry in described]
    lines = [textwrap.fill(title, columns, subsequent_indent=below) for title in titles]
    hint = "jaxmech solve NAME solves one; jaxmech examples NAME > mine.toml gives you one to edit."
    return "\n".join([*lines, "", textwrap.fill(hint, columns)])

"""The options that commands share, declared once, and where output goes."""

import contextlib
import dataclasses
import os
import re
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from jaxmech._errors import ProblemError
from jaxmech._progress import stage
from jaxmech._targets import check_spared, check_targets
from jaxmech._words import one_of
from jaxmech.cli._group import note, say

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from rich.console import Console

    from jaxmech.files import Case

Command = TypeVar("Command", bound=Callable[..., Any])

_OPTIONS = {
    "json": click.option("--json", "json_path", metavar="PATH|-", help="Write everything as JSON; - for stdout."),
    "csv": click.option("--csv", "csv_path", metavar="PATH|-", help="Write the table as CSV; - for stdout."),
    "xlsx": click.option("--xlsx", "xlsx_path", metavar="PATH", help="Write the table as a spreadsheet."),
    "plot": click.option("--plot", "plot_path", metavar="PATH", help="Draw; PNG, SVG or PDF by suffix."),
    "report": click.option(
        "--report", "report_path", metavar="PAGE.html", help="Write one page to read, print and sign."
    ),
    "dtype": click.option(
        "--dtype",
        default="float64",
        show_default=True,
        metavar="float64|float32",
        help="Precision of the computation.",
    ),
    "quiet": click.option("--quiet", is_flag=True, help="Print nothing but errors."),
    "verbose": click.option("--verbose", is_flag=True, help="Print everything, and where the time goes."),
}
_TOGETHER = {"csv": ("csv", "xlsx")}
"""A table goes out in either form, from every command that has one."""
_NO_CACHE = click.option(  # read where the process begins
    "--no-cache", is_flag=True, expose_value=False, help="Compile anew, and keep nothing of it."
)

DTYPES = ("float64", "float32")


def to_number(value: str | float) -> float:
    """Return what an option says that takes a number, which never becomes infinity or zero unnoticed.

    Raises:
        click.BadParameter: for anything else; click adds the name of the option.
    """
    from jaxmech import files

    try:
        number, wrong = float(value), files.out_of_range(str(value))
    except ValueError:
        raise click.BadParameter(f"{value!r} is not a number") from None
    if wrong:
        raise click.BadParameter(f"{value!r} {wrong}")
    return number


@dataclasses.dataclass(frozen=True)
class Output:
    """Where the output of a command goes, and how much of it there is to be.

    Attributes:
        json_path: file for the JSON document, ``-`` for standard output, or None.
        csv_path: the same for the table.
        xlsx_path: file for the table as a spreadsheet, or None.
        plot_path: file for the plot, or None.
        report_path: file for the HTML page, or None.
        dtype: precision of the computation.
        quiet: print nothing but errors.
        verbose: print everything, and where the time goes.
        seconds: how long each part took, filled in by :meth:`timed`.
        warnings: what the user should know, filled in by :meth:`warn`.
    """

    json_path: str | None = None
    csv_path: str | None = None
    xlsx_path: str | None = None
    plot_path: str | None = None
    report_path: str | None = None
    dtype: str = "float64"
    quiet: bool = False
    verbose: bool = False
    seconds: dict[str, float] = dataclasses.field(default_factory=dict)
    warnings: list[str] = dataclasses.field(default_factory=list)

    def __post_init__(self) -> None:
        """Refuse, before any work is done, what could not be delivered after it."""
        one_of("--dtype", self.dtype, DTYPES)
        if self.quiet and self.verbose:
            raise ProblemError("--quiet --verbose", "both", "only one of the two can be asked for")
        check_targets(self.targets)
        if self.xlsx_path is not None:
            check_suffix("--xlsx", self.xlsx_path, "xlsx")
            from jaxmech import files

            files.workbook([])  # says now what is missing for it
        if self.csv_path is not None and self.csv_path.lower().endswith(".xlsx"):
            raise ProblemError(
                "--csv", self.csv_path, f"is a spreadsheet by its name: --xlsx {self.csv_path} writes one"
            )
        if self.plot_path is not None:
            one_of("--plot", self.suffix, ("png", "svg", "pdf"), f'"{self.plot_path}" must end in one of')
        if self.report_path is not None:
            check_report(self.report_path)
        if sys.stdout is None and (self.prints or "-" in self.targets.values()):
            raise ProblemError("standard output", "closed", "must be open, unless --quiet leaves all to files")

    @property
    def targets(self) -> dict[str, str]:
        """Paths by the options that name them."""
        given = {
            "--json": self.json_path,
            "--csv": self.csv_path,
            "--xlsx": self.xlsx_path,
            "--plot": self.plot_path,
            "--report": self.report_path,
        }
        return {option: path for option, path in given.items() if path is not None}

    def spare(self, inputs: Iterable[Path]) -> None:
        """Refuse, before any work is done, to write over what is read.

        Args:
            inputs: files that are read, and directories that hold nothing but results.
        """
        check_spared(self.targets, inputs)

    def read(self, file: str) -> "Case":
        """Read a problem, which no output may replace.

        Args:
            file: a path or the name of a shipped problem.

        Raises:
            ProblemError: one line that names the file, the key, the value and the rule.
        """
        from jaxmech import files

        with self.timed("read"):
            case = files.read(file, self.dtype)
            self.spare(case.inputs)
        return case

    @property
    def suffix(self) -> str:
        """Format of the plot, by the suffix of its file."""
        return Path(self.plot_path or "").suffix.lstrip(".").lower()

    @property
    def prints(self) -> bool:
        """Whether a report for a person is to go to standard output."""
        return not self.quiet and "-" not in self.targets.values()

    @contextlib.contextmanager
    def timed(self, part: str) -> Iterator[None]:
        """Note how long a part of the work takes."""
        with timed(self.seconds, part):
            yield

    def warn(self, sentences: Iterable[str]) -> None:
        """Keep what is no error but should be known; said with the answer, for an error is to stand alone."""
        self.warnings.extend(sentences)

    def deliver(
        self,
        document: Callable[[], Mapping[str, Any]],
        rows: Callable[[], Sequence[Mapping[str, Any]]] | None = None,
        figure: "Callable[[], Figure] | None" = None,
        text: Callable[[], str] | None = None,
        html: Callable[[], str] | None = None,
    ) -> None:
        """Warn, write the files, then print: whoever sees the report can rely on the files being there.

        Args:
            document: makes the JSON document.
            rows: makes the rows of the table, for CSV and spreadsheet.
            figure: makes the plot.
            text: makes the report for a person.
            html: makes the page to print and sign.
        """
        for sentence in () if self.quiet else self.warnings:
            note(f"warning: {sentence}")
        with self.timed("write"):
            if self.plot_path is not None and figure:
                self._draw(figure())
            if self.report_path is not None and html:
                self._publish(html())
            if self.csv_path is not None and rows:
                self._put("--csv", self.csv_path, "csv", rows())
            if self.xlsx_path is not None and rows:
                self._save(rows())
            sealed: Mapping[str, Any] = {}
            if self.json_path is not None:
                sealed = document()
                # a document that is sealed already holds its warnings
                self._put("--json", self.json_path, "json", {"warnings": self.warnings, **sealed})
            if self.prints and text:
                say(text())
                _print_fingerprint(document() if self.report_path is not None and not sealed else sealed)
        if self.verbose:
            note(durations(self.seconds))

    def _put(self, option: str, target: str, kind: str, content: Any) -> None:
        from jaxmech import files

        text = files.json_text(content) if kind == "json" else files.csv_text(content)
        if target == "-":
            say(text, exact=True)
        else:
            files.write(option, target, text)

    def _save(self, rows: Iterable[Mapping[str, Any]]) -> None:
        from jaxmech import files

        assert self.xlsx_path is not None
        files.write("--xlsx", self.xlsx_path, files.workbook(rows))

    def _publish(self, page: str) -> None:
        from jaxmech import files

        assert self.report_path is not None
        files.write("--report", self.report_path, page)

    def _draw(self, figure: "Figure") -> None:
        from jaxmech import files, report

        assert self.plot_path is not None
        files.write("--plot", self.plot_path, report.render(figure, self.suffix))


def _print_fingerprint(document: Mapping[str, Any]) -> None:
    """Print what a document that was sealed is known by; nobody signs one with parts of samples."""
    if not document or document.get("integer_plan", True) is None:
        return
    from jaxmech import files

    if files.FINGERPRINT in document:
        say(f"\n{files.spoken(document[files.FINGERPRINT])}\n")


@contextlib.contextmanager
def timed(seconds: dict[str, float], part: str) -> Iterator[None]:
    """Add how long a part of the work takes.

    Args:
        seconds: by part; changed.
        part: what is done meanwhile.
    """
    start = time.perf_counter()
    with stage(part):
        yield
    seconds[part] = seconds.get(part, 0.0) + time.perf_counter() - start


def durations(seconds: Mapping[str, float]) -> str:
    """Return how long the parts took, in one line.

    Example:
        >>> durations({"read": 0.25, "write": 1.0})
        'read 0.25 s; write 1.00 s'
    """
    return "; ".join(f"{part} {taken:.2f} s" for part, taken in seconds.items())


def check_report(path: str) -> None:
    """Refuse a page that no browser would take for one.

    Args:
        path: where it is to go.

    Raises:
        ProblemError: naming the path.
    """
    check_suffix("--report", path, "html", "htm")


def check_suffix(option: str, path: str, *suffixes: str) -> None:
    """Refuse a file whose name says that it is of another kind.

    Args:
        option: that names the file.
        path: where it is to go.
        suffixes: what its name may end in, without the point.

    Raises:
        ProblemError: naming the path.
    """
    one_of(option, Path(path).suffix.lstrip(".").lower(), suffixes, f'"{path}" must end in one of')


def shared(*names: str) -> Callable[[Command], Command]:
    """Return a decorator that adds shared options to a command, which receives them as ``Output(**options)``.

    All get ``--no-cache``, of which they are not told.

    Args:
        names: which of json, csv, plot, report, dtype, quiet and verbose.
    """

    def decorate(command: Command) -> Command:
        command = _NO_CACHE(command)
        for name in reversed([part for given in names for part in _TOGETHER.get(given, (given,))]):
            command = _OPTIONS[name](command)
        return command

    return decorate


def examples_of(*lines: str) -> str:
    """Return the examples below a help text, which click is not to rewrap."""
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines)


def render_text(print_to: Callable[[Any], None], width: int | None = None) -> str:
    """Return what is printed to a console: for a terminal with colours, else plain.

    Args:
        print_to: receives the console.
        width: of the page; by default the terminal's, or 100 in a pipe unless COLUMNS says otherwise.
    """
    terminal = sys.stdout is not None and sys.stdout.isatty()
    if not terminal and width is None:
        columns = _environment().get("COLUMNS", "100")
        width = max(40, int(columns))
    if terminal and width is None:
        width = make_console(file=sys.stdout).width
    assert width is not None
    return rendered(print_to, width, terminal=terminal)


def rendered(print_to: Callable[[Any], None], width: int, *, terminal: bool) -> str:
    """Return what is printed to a console of this width.

    Args:
        print_to: receives the console.
        width: of the page, in characters.
        terminal: whether with colours and lines.
    """
    import io

    buffer = io.StringIO()
    dumb = os.environ.get("TERM", "") in ("dumb", "unknown") or "NO_COLOR" in os.environ
    print_to(make_console(file=buffer, width=width, force_terminal=terminal, no_color=dumb or None))
    return buffer.getvalue()


def make_console(**options: Any) -> "Console":
    """Return a console of rich; a size in the environment that is no sensible number counts as none.

    Args:
        options: as :class:`rich.console.Console` takes them.
    """
    from rich.console import Console

    return Console(legacy_windows=False, _environ=_environment(), **options)


def _environment() -> dict[str, str]:
    """The environment without sizes like ², which Python takes for a digit and not for a number, and 10⁹."""
    kept = dict(os.environ)
    for name in ("COLUMNS", "LINES"):
        if not re.fullmatch("[1-9][0-9]{0,2}", kept.get(name, "1")):
            del kept[name]
    return kept

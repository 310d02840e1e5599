"""What was typed into the form, as a problem file: a host shell that leaves all checks to ``jaxmech.files``."""

import csv
import dataclasses
import io
import json
import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from jaxmech import ProblemError, files
from jaxmech._sheets import is_workbook

PROBLEM, COSTS, MEASUREMENTS = "problem.toml", "costs.csv", "measurements.csv"
"""What files are called, in messages and downloads: names of uploaded files are not repeated."""

_DECIMAL = re.compile(r"[+-]?\d+(?:\.\d+)?(?:e[+-]?\d+)?", re.ASCII | re.IGNORECASE)


@dataclasses.dataclass(frozen=True)
class Draft:
    """A form as it stands: texts as they were typed, right or wrong.

    Attributes:
        agents: names.
        distributions: names.
        costs: of one measurement, by agent and distribution.
        sigma: standard deviations of one measurement, by distribution; not used if there are measurements.
        price: of a unit of squared error, by distribution.
        title: one line.
        currency: of costs and prices.
        division: name of the division of work.
        mechanism: name of the mechanism.
        measurements: a table (CSV or .xlsx) from which standard deviations are estimated, or None.
    """

    agents: tuple[str, ...]
    distributions: tuple[str, ...]
    costs: tuple[tuple[str, ...], ...]
    sigma: tuple[str, ...]
    price: tuple[str, ...]
    title: str = ""
    currency: str = ""
    division: str = "rational"
    mechanism: str = "cbl"
    measurements: bytes | None = None

    @property
    def measured(self) -> str:
        """What the file of measurements is called; by what it is, however it was called before."""
        return named_for(MEASUREMENTS, self.measurements or b"")


def read(draft: Draft) -> files.CollaborationCase:
    """Return the problem, checked as ``jaxmech solve`` checks files.

    Args:
        draft: the form.

    Raises:
        ProblemError: one line that names the table, the entry, the value and the rule.
    """
    with read_typed(draft) as path:
        try:
            case = files.read(str(path))
        except ProblemError as error:
            argument = error.argument.removeprefix(f"{files.locate(str(path))[1]}: ")
            raise ProblemError(argument, error.value, error.rule) from None
    assert isinstance(case, files.CollaborationCase)
    return dataclasses.replace(case, source=PROBLEM)


@contextmanager
def read_typed(draft: Draft) -> Iterator[Path]:
    """Write a form as a problem file with its tables beside it; they are gone afterwards.

    Args:
        draft: the form.

    Yields:
        The path of the problem file.
    """
    with tempfile.TemporaryDirectory(prefix="jaxmech-app-") as folder:
        path = Path(folder, PROBLEM)
        Path(folder, COSTS).write_text(_costs_text(draft), encoding="utf-8")
        if draft.measurements is not None:
            Path(folder, draft.measured).write_bytes(draft.measurements)
        path.write_text(_section({"costs": _text(COSTS), **_settings(draft)}), encoding="utf-8")
        yield path


def named_for(name: str, content: bytes) -> str:
    r"""Return the name of a table with the ending of what it is.

    Example:
        >>> named_for("costs.csv", b"agent,x"), named_for("costs.csv", b"PK\x03\x04")
        ('costs.csv', 'costs.xlsx')
    """
    return str(Path(name).with_suffix(".xlsx")) if is_workbook(content) else name


def read_costs(content: bytes) -> tuple[tuple[str, ...], tuple[str, ...], tuple[tuple[str, ...], ...]]:
    r"""Return agents, distributions and cells of an uploaded table of costs, as they are to stand in the form.

    Args:
        content: of a table (CSV or .xlsx) with names in the first row and column.

    Raises:
        ProblemError: naming row and column.

    Example:
        >>> read_costs(b"clinic,glucose\nAshford,3.50\nCalder,inf\n")
        (('Ashford', 'Calder'), ('glucose',), (('3.5',), ('inf',)))
    """
    with tempfile.TemporaryDirectory(prefix="jaxmech-app-") as folder:
        path = Path(folder, named_for(COSTS, content))
        path.write_bytes(content)
        table = files.read_table(path, path.name, "costs", row_names=True, blank=files.NO_COST)
    cells = tuple(tuple(repr(float(cell)).removesuffix(".0") for cell in row) for row in table.cells)
    return table.rows, table.columns, cells


def toml(draft: Draft, case: files.CollaborationCase) -> str:
    """Return the problem file that says what the form says, with the costs in it.

    Args:
        draft: the form.
        case: what was read from it.
    """
    problem = case.problem
    m, d = problem.shape
    rows = ",\n".join(f"    [{', '.join(map(_number, row))}]" for row in np.asarray(problem.costs, float).tolist())
    found = {
        "agents": _texts([problem.agent_name(i) for i in range(m)]),
        "distributions": _texts([problem.distribution_name(k) for k in range(d)]),
        "costs": f"[  # of one measurement: agents x distributions; inf: cannot measure it\n{rows},\n]",
    }
    return _section({**found, **_settings(draft)})


def _settings(draft: Draft) -> dict[str, str]:
    """Everything but names and costs, as TOML writes it."""
    sigma = _numbers(draft.sigma) if draft.measurements is None else _text(draft.measured)
    # one price that was typed for all is one price: only then the library warns of different units
    one = len({price.strip() for price in draft.price}) == 1
    return {
        "title": _text(draft.title),
        "sigma": sigma,
        "price": _literal(draft.price[0]) if one else _numbers(draft.price),
        **({"currency": _text(draft.currency)} if draft.currency.strip() else {}),
        "division": _text(draft.division),
        "mechanism": _text(draft.mechanism),
    }


def _section(entries: Mapping[str, str]) -> str:
    return "".join(["[collaboration]\n", *(f"{key} = {value}\n" for key, value in entries.items())])


def _costs_text(draft: Draft) -> str:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(["agent", *draft.distributions])
    writer.writerows([name, *row] for name, row in zip(draft.agents, draft.costs, strict=True))
    return buffer.getvalue()


def _text(value: str) -> str:
    """A string of TOML: what JSON writes, but for the one control character that JSON leaves alone."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _texts(values: Sequence[str]) -> str:
    return f"[{', '.join(map(_text, values))}]"


def _numbers(values: Sequence[str]) -> str:
    return f"[{', '.join(map(_literal, values))}]"


def _literal(typed: str) -> str:
    """A number as TOML writes it; what is none stays a text, for the library to refuse."""
    text = typed.strip()
    try:
        value, wrong = float(text), files.out_of_range(text)
    except ValueError:
        return _text(text)
    if wrong:
        return text if _DECIMAL.fullmatch(text) else _text(text)
    return _number(value)


def _number(value: float) -> str:
    return repr(value).removesuffix(".0")

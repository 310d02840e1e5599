"""``--population``: laws by name, or measurements in a file, on which commands look beside normal data."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import click
import numpy as np

from jaxmech._errors import ProblemError
from jaxmech._sheets import is_table
from jaxmech._words import suggestion
from jaxmech.cli._options import Output
from jaxmech.cli._play import Carried

AUDIT_RUNS = 16_384
"""Runs that judge the gain of every agent, unless ``--replications`` says otherwise."""

population_option: Callable[..., Any] = click.option(
    "--population",
    "population",
    multiple=True,
    metavar="LAW|CSV",
    help="Also on data of another law: normal, laplace, student-t:3, lognormal:1, or measurements. Can be repeated.",
)


class Named(NamedTuple):
    """A population with its name and the moments of its data.

    Attributes:
        name: as it was asked for.
        people: where data come from.
        law: their moments, per distribution: a :class:`jaxmech.numerics.Law`.
    """

    name: str
    people: Any
    law: Any


def check_populations(given: Sequence[str], output: Output) -> None:
    """Refuse, before any work is done, unknown laws, and to write over measurements that are read.

    Args:
        given: what was asked for.
        output: knows what is written.

    Raises:
        ProblemError: for unknown laws and parameters that they do not take, and what is asked for twice.
    """
    output.spare([Path(text) for text in given if is_file(text)])
    for text in given:
        if given.count(text) > 1:
            raise ProblemError("--population", text, "must be given once")
        if not is_file(text):
            _of_law(text, np.ones(1))


def populations(given: Iterable[str], case: Any, output: Output) -> list[Named]:
    """Return populations: named laws have the standard deviations of the problem, measurements those that they have.

    Args:
        given: what was asked for.
        case: of the collaboration; says how measurements are written down.
        output: takes warnings.

    Raises:
        ProblemError: for files that cannot be read.
    """
    sigma = case.value_sigma
    return [_measured(text, case, output) if is_file(text) else _of_law(text, sigma) for text in given]


def read_measurements(option: str, data: str, case: Any, output: Output) -> Any:
    """Return a table of measurements, one column per distribution.

    Args:
        option: that names the file.
        data: its path.
        case: whose distributions the columns are, and how measurements are written down.
        output: takes warnings.
    """
    from jaxmech import files
    from jaxmech.deviation import Empirical

    if case.columns is None:
        rule = "needs a problem that names its distributions, to find the columns"
        raise ProblemError(option, data, rule)
    table = files.measurements(Path(data), data, case.columns, option, case.reading)
    Empirical.of(table.cells, data)
    output.warn(files.measurement_warnings(table))
    output.warn(files.dependence_warnings(files.dependences(table)))
    return table


def measure(carried: Carried, asked: list[Named], seed: int, replications: int | None, output: Output) -> list[Any]:
    """Return what agents could gain on each population by departing from the plan in whole samples.

    Args:
        carried: the problem and its mechanism.
        asked: the populations.
        seed: of all random draws.
        replications: how many runs judge.
        output: notes how long it takes.
    """
    if not asked:
        return []
    from jaxmech import deviation
    from jaxmech._precision import seed_key
    from jaxmech.report.audit import OnPopulation

    plan, mechanism = carried.whole(output)
    promised = np.asarray(plan.penalty, float)
    told = []
    for one in asked:
        with output.timed(f"search on {one.name}"):
            found = deviation.robustness_of_all(
                mechanism, carried.case.problem, one.people, seed_key(seed), replications or AUDIT_RUNS
            )
        told.append(OnPopulation(one.name, promised, found))
    return told


def is_file(text: str) -> bool:
    """Return whether a population is measurements in a file, and no law by name."""
    return is_table(text) or Path(text).suffix.lower() == ".parquet" or Path(text).is_file()


def _measured(text: str, case: Any, output: Output) -> Named:
    from jaxmech import deviation
    from jaxmech.numerics import law_of

    cells = np.asarray(read_measurements("--population", text, case, output).cells, float)
    return Named(Path(text).name, deviation.Empirical.of(cells, text), law_of(cells))


def _of_law(text: str, sigma: np.ndarray) -> Named:
    from jaxmech import deviation
    from jaxmech.numerics import Law

    law = text.partition(":")[0]
    if law not in deviation.LAWS:
        known = ", ".join(deviation.LAWS)
        rule = f"must be one of {known}, or a file of measurements (.csv, .xlsx){suggestion(law, deviation.LAWS)}"
        raise ProblemError("--population", text, rule)
    try:
        people = deviation.population(text, sigma)
    except ProblemError as error:
        raise ProblemError("--population", error.value, error.rule) from None
    skewness, kurtosis = deviation.moments(people)
    like = np.ones_like(sigma)
    return Named(text, people, Law(sigma, skewness * like, kurtosis * like, np.full_like(sigma, np.nan)))

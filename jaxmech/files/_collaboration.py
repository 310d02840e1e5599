"""Problems of sharing data without money: the section ``[collaboration]``."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from jaxmech._errors import ProblemError
from jaxmech._words import joined, one_of, some, suggestion
from jaxmech.collaboration import (
    CHECKING,
    DIVISIONS,
    ESTIMATES,
    ROBUST,
    SIGMA_RANGE,
    TARGET,
    Problem,
    Rule,
    Values,
    check_sigma_range,
    reduce_panels,
)
from jaxmech.collaboration import MECHANISMS as PUBLISHED
from jaxmech.files._by_agent import by_agent
from jaxmech.files._capacity import KEYS as LIMITS
from jaxmech.files._capacity import read_capacity
from jaxmech.files._costs import Costs, read_costs
from jaxmech.files._dependence import Dependence, dependence_warnings, dependences
from jaxmech.files._division import target_of
from jaxmech.files._keys import cast, check_keys, name_of, positive_numbers, reading_of, text_of
from jaxmech.files._panels import by_value, read_panels
from jaxmech.files._read import AS_WRITTEN, Reading, Table, column_names
from jaxmech.files._sigma import Estimate, dropped_warnings, estimate, measurements
from jaxmech.files._suspicious import suspicions

KEYS = (
    *("sigma", "agents", "distributions", "panels", "costs", "price", "division", "target", "mechanism"),
    *LIMITS,
    *("estimate", "calibrated", "sigma_range"),
    *("missing", "incomplete", "ignore", "surplus"),
    *("title", "notes", "data", "currency"),
)
"""Keys of ``[collaboration]``: what defines the problem, and what describes it."""

MAX_CURRENCY = 12
_UNITS = np.log(5.0)
"""Standard deviations that differ by more than this, in logarithms, look like different units."""

SURPLUS = ("drop", "use")
"""What becomes of points that nobody asked for when a plan is carried out; the default first."""

DESIGNED = "designed"
MECHANISMS = (*PUBLISHED, DESIGNED)
_MEANT_FOR = {"estimate": CHECKING, "calibrated": (*CHECKING, DESIGNED)}
"""What a file may name: the published mechanisms, and the better one that ``jaxmech design`` finds."""


@dataclasses.dataclass(frozen=True)
class CollaborationCase:
    """A problem of sharing data without money, read and checked.

    Attributes:
        problem: the problem.
        division: name of the division of work; the default is "rational"; "target" where amounts are given.
        mechanism: name of the mechanism; the default is "cbl".
        source: the file, or the name of the shipped problem.
        title: one line that says what it is, or an empty text.
        notes: where the numbers come from, or an empty text.
        estimates: the standard deviations, if they were estimated from measurements; else empty.
        data: measurements of the same distributions that come with the problem, or None.
        currency: in which costs and price are counted, as "EUR", or an empty text.
        one_price: whether one price was given for all distributions.
        dependences: columns of the measurements, those for ``sigma`` and those of ``data``, that others determine.
        inputs: files that were read, none of which output may replace.
        estimate: how the recommended estimate weighs noisy points; the default is "drawn".
        calibrated: whether the noise level follows the spread of the data, "robust" if the median of the spreads.
        sigma_range: factors of sigma between which a calibrated rule is certified.
        reading: how measurements are written down.
        measured: sentences about rows that were left out of the measurements and values that look wrong.
        surplus: what becomes of points that nobody asked for, when a plan is carried out: one of :data:`SURPLUS`.
        target: how many points each agent collects under the division, where the file gives that.
        values: what is measured, value by value, where one draw measures several; else None, and distributions are it.
    """

    problem: Problem
    division: str
    mechanism: str
    source: str
    title: str
    notes: str
    estimates: tuple[Estimate, ...]
    data: Table | None
    currency: str = ""
    one_price: bool = False
    dependences: tuple[Dependence, ...] = ()
    inputs: tuple[Path, ...] = ()
    estimate: str = ESTIMATES[0]
    calibrated: bool | str = False
    sigma_range: tuple[float, float] = SIGMA_RANGE
    reading: Reading = AS_WRITTEN
    measured: tuple[str, ...] = ()
    surplus: str = SURPLUS[0]
    target: np.ndarray | None = None
    values: Values | None = None

    @property
    def divisions(self) -> tuple[str, ...]:
        """Names of the divisions that there are to choose from."""
        return DIVISIONS if self.target is None else (*DIVISIONS, TARGET)

    def dividing(self, division: str) -> str | np.ndarray:
        """Return what a division's name stands for: the given amounts, or itself.

        Args:
            division: one of :attr:`divisions`.
        """
        return self.target if division == TARGET and self.target is not None else division

    @property
    def columns(self) -> tuple[str, ...] | None:
        """Names of what is measured, which columns of measurements have: values of panels, else distributions."""
        return self.problem.distributions if self.values is None else self.values.names

    @property
    def value_sigma(self) -> np.ndarray:
        """Standard deviations of what is measured, value by value (of an equivalent point where agents differ)."""
        alike = self.problem.in_equivalent_points().sigma if self.values is None else self.values.sigma
        return np.asarray(alike, float)

    def rule(self, mechanism: str, estimate: str | None = None) -> Rule:
        """Return how a mechanism sets the noise and weighs noisy points; as published where it adds no noise.

        Args:
            mechanism: the one that is solved for, the file's or another.
            estimate: weights instead of the file's.
        """
        if mechanism not in CHECKING:
            return Rule(calibrated=bool(self.calibrated) and mechanism == DESIGNED)
        return Rule(self.estimate if estimate is None else estimate, self.calibrated)

    def unused_by(self, mechanism: str) -> tuple[str, ...]:
        """Return a sentence for every key of the file that says how to check, if a mechanism does not check that way.

        Args:
            mechanism: the one that is solved for.
        """
        if mechanism in CHECKING:
            return ()
        follows = bool(self.calibrated) and mechanism != DESIGNED
        given = {"estimate": self.estimate != ESTIMATES[0], "calibrated": follows}
        return tuple(
            f"{key} in the file means nothing for {mechanism}: it is for {', '.join(_MEANT_FOR[key])}"
            for key, said in given.items()
            if said
        )

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a user should know, though the problem is valid: one sentence each."""
        sigma = self.value_sigma
        units = [_units_warning(self, sigma)] if self.one_price and np.ptp(np.log(sigma)) > _UNITS else []
        return (*self.measured, *dependence_warnings(self.dependences), *units, *_needless(self.problem))


def read_collaboration(
    section: Mapping[str, Any], folder: Path, source: str, dtype: np.dtype[Any]
) -> CollaborationCase:
    """Read and check the section ``[collaboration]`` of a problem file.

    Args:
        section: keys and values as TOML gives them.
        folder: where tables lie that the section refers to.
        source: the file, or the name of the shipped problem.
        dtype: of the problem's arrays.

    Raises:
        ProblemError: naming the key, the value and the rule.
    """
    check_keys(section, KEYS, required=("costs", "sigma"), here="collaboration")
    costs = read_costs(section, folder)
    panels = read_panels(section.get("panels"), costs)
    asked = by_value(costs, panels)
    names = asked.distributions
    reading = reading_of(section)
    sigma, estimates, measured = _sigma(section["sigma"], asked, folder, reading)
    priced = section.get("price", 1.0)
    price = by_agent("price", priced, asked, folder, zero=True)
    if price is None:
        price = positive_numbers("price", priced, asked.table.shape[1], asked.each)
    values = _numbers(panels, sigma, price)
    if values is not None:
        sigma, price = (np.asarray(part) for part in reduce_panels(values.sigma, values.price, values.draws))
    data = _data(section.get("data"), names, folder, reading)
    _check_ignored(reading.ignore, section, names, folder)
    mechanism = one_of("mechanism", section.get("mechanism", "cbl"), MECHANISMS)
    limits = {key: cast(key, told, dtype) for key, told in read_capacity(section, costs, folder).items()}
    rule, sigma_range = _rule(section, mechanism)
    target = target_of(section, costs, folder)
    problem = Problem(
        costs=cast("costs", costs.table, dtype),
        sigma=cast("sigma", sigma, dtype),
        price=cast("price", price, dtype),
        agents=costs.agents,
        distributions=costs.distributions,
        most=limits.get("most"),
        least=limits.get("least"),
        budget=limits.get("budget"),
    )
    return CollaborationCase(
        problem=problem,
        division=one_of("division", section.get("division", "rational"), DIVISIONS) if target is None else TARGET,
        mechanism=mechanism,
        source=source,
        title=" ".join(text_of("title", section).split()),
        notes=text_of("notes", section),
        estimates=estimates,
        data=data,
        currency=_currency(section.get("currency")),
        one_price=isinstance(section.get("price", 1.0), (int, float)),
        dependences=_dependences(values, measured, data),
        reading=reading,
        measured=measurement_warnings(*_tables(measured, data)),
        estimate=rule.estimate,
        calibrated=rule.calibrated,
        sigma_range=sigma_range,
        surplus=one_of("surplus", section.get("surplus", SURPLUS[0]), SURPLUS),
        target=target,
        values=values,
    )


def _numbers(panels: Values | None, sigma: np.ndarray, price: np.ndarray) -> Values | None:
    """What is measured, with its numbers; σ by agent says nothing of a panel, whose values need not be alike."""
    if panels is None:
        return None
    if sigma.ndim > 1:
        raise ProblemError("sigma", "a table by agent", "must be one number per value measured where there are panels")
    shape = (len(panels.names),)
    prices = np.broadcast_to(price, (*price.shape[:-1], *shape))
    return dataclasses.replace(panels, sigma=np.broadcast_to(sigma, shape), price=prices)


def _rule(section: Mapping[str, Any], mechanism: str) -> tuple[Rule, tuple[float, float]]:
    """How noise is set and noisy points are weighed, and between which factors of sigma that is certified."""
    estimate = one_of("estimate", section.get("estimate", ESTIMATES[0]), ESTIMATES)
    calibrated = section.get("calibrated", False)
    if not isinstance(calibrated, bool) and calibrated != ROBUST:
        raise ProblemError("calibrated", calibrated, f'must be true or false, or "{ROBUST}"')
    rule = Rule(estimate, calibrated)
    if rule.robust and mechanism == DESIGNED:
        raise ProblemError("calibrated", calibrated, "is for c3d and cbl: write calibrated = true for a design")
    for name, said in (("calibrated", calibrated), ("estimate", rule.steady)):
        if said and mechanism not in _MEANT_FOR[name]:
            meant = joined(_MEANT_FOR[name])
            raise ProblemError(name, section[name], f"means nothing for {mechanism}: it is for {meant}")
    if "sigma_range" not in section:
        return rule, SIGMA_RANGE
    given = section["sigma_range"]
    if not calibrated:
        raise ProblemError("sigma_range", given, "means nothing without calibrated = true")
    if not isinstance(given, list) or len(given) != len(SIGMA_RANGE):
        raise ProblemError("sigma_range", given, "must be two factors of sigma, as [0.5, 2.0]")
    low, high = positive_numbers("sigma_range", given, len(SIGMA_RANGE)).tolist()
    return rule, check_sigma_range((low, high))


def _sigma(
    given: object, costs: Costs, folder: Path, reading: Reading
) -> tuple[np.ndarray, tuple[Estimate, ...], Table | None]:
    """Numbers, a table by agent, or what measurements tell."""
    names = costs.distributions
    matrix = by_agent("sigma", given, costs, folder)
    if matrix is not None:
        return matrix, (), None
    if not isinstance(given, str):
        return positive_numbers("sigma", given, costs.table.shape[1], costs.each), (), None
    if not Path(given).suffix and not (folder / given).exists():
        rule = "must be a number, a list of one number per distribution, or the name of a file with measurements"
        raise ProblemError("sigma", given, f"{rule}, and there is no such file")
    if names is None:
        raise ProblemError("sigma", given, "needs the names of the distributions, to find the columns in the file")
    table = measurements(folder / given, given, names, "sigma", reading)
    estimates = estimate(table)
    return np.array([entry.sigma for entry in estimates]), estimates, table


def _data(given: object, names: tuple[str, ...] | None, folder: Path, reading: Reading) -> Table | None:
    if given is None:
        return None
    if not isinstance(given, str):
        raise ProblemError("data", given, "must be the name of a table (CSV or .xlsx)")
    if names is None:
        raise ProblemError("data", given, "needs the names of the distributions, to find the columns in the file")
    return measurements(folder / given, given, names, "data", reading)


def _currency(given: object) -> str:
    """A short printable text, as EUR or $; empty where none is given."""
    if given is None:
        return ""
    name = name_of("currency", given)
    if len(name) > MAX_CURRENCY:
        raise ProblemError("currency", given, f'must be at most {MAX_CURRENCY} characters, as "EUR"')
    return name


def _needless(problem: Problem) -> list[str]:
    """Who needs nothing, and what nobody needs."""
    if problem.valued_alike:
        return []
    price = np.asarray(problem.price)
    agents = [problem.agent_name(int(i)) for i in np.flatnonzero(price.max(axis=1) <= 0)]
    tests = [problem.distribution_name(int(k)) for k in np.flatnonzero(price.max(axis=0) <= 0)]
    found = (
        [f"{some(agents)}: the price is 0 everywhere, and who needs nothing can be asked for nothing"] if agents else []
    )
    return found + (
        [f"{some(tests)}: the price is 0 for everybody, and nobody is asked to measure it"] if tests else []
    )


def _units_warning(case: CollaborationCase, sigma: np.ndarray) -> str:
    small, large = int(np.argmin(sigma)), int(np.argmax(sigma))
    factor = (sigma[large] / sigma[small]) ** 2
    names = case.columns or [case.problem.distribution_name(k) for k in range(len(sigma))]
    return (
        f"one price is used for all distributions, though σ is {sigma[small]:.3g} for "
        f"{names[small]} and {sigma[large]:.3g} for {names[large]}: a single "
        f"measurement's error counts {factor:.3g} times as much there; if their units differ, give one price per "
        "distribution, or measure in standard deviations"
    )


def measurement_warnings(*tables: Table) -> tuple[str, ...]:
    """Return what a user should know about tables of measurements: rows that were left out, values that look wrong.

    Args:
        tables: measurements, finite.

    Example:
        >>> measurement_warnings(Table("a.csv", ("x",), ("2",), np.ones((1, 1)), dropped=2))
        ('a.csv: 2 of 3 rows were left out, because a value is missing',)
    """
    return (*dropped_warnings(*tables), *(sentence for table in tables for sentence in suspicions(table)))


def _check_ignored(
    ignore: tuple[str, ...], section: Mapping[str, Any], names: tuple[str, ...] | None, folder: Path
) -> None:
    """Refuse to leave out what is needed, and what none of the files of measurements has."""
    for i, name in enumerate(ignore):
        if name in (names or ()):
            raise ProblemError(f"ignore[{i}]", name, "is one of the distributions: its measurements are needed")
    files = [given for key in ("sigma", "data") if isinstance(given := section.get(key), str)]
    if not files or not ignore:
        return  # measurements that come on the command line are read by the same keys
    columns = [column for given in files for column in column_names(folder / given, given)]
    for i, name in enumerate(ignore):
        if name not in columns:
            others = [column for column in columns if column not in (names or ())]
            rule = f"is no column of {' or '.join(dict.fromkeys(files))}"
            hint = f": the others are {some(others)}" if others else ": it has none beside the distributions"
            raise ProblemError(f"ignore[{i}]", name, f"{rule}{hint}{suggestion(name, others)}")


def _tables(*tables: Table | None) -> tuple[Table, ...]:
    """The tables that there are; a file that is named twice counts once."""
    return tuple({table.source: table for table in tables if table is not None}.values())


def _dependences(values: Values | None, *tables: Table | None) -> tuple[Dependence, ...]:
    """What the measurements' columns have to do with each other, but for those that one draw measures together."""
    found = [record for table in _tables(*tables) for record in dependences(table)]
    return tuple(one for one in found if values is None or not values.in_one_draw((one.column, *one.on)))

"""Problems of selling data: the section ``[market]``."""

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from jaxmech import market
from jaxmech._errors import ProblemError
from jaxmech._words import one_of
from jaxmech.files._functions import entry_point, function_of, is_reference
from jaxmech.files._keys import cast, check_keys, name_of, names_of, positive_numbers, text_of
from jaxmech.files._read import number

KEYS = (
    *("sigma", "contributor_costs", "contributors", "buyers", "method", "epsilon", "grid", "second", "chances"),
    *("limit", "unit", "title", "notes", "means"),
)
"""Keys of ``[market]``: what defines the problem, how to solve it, and what describes it."""

GROUP = "jaxmech.pricing"
"""Entry points of installed packages that are pricing algorithms."""

BUYER_KEYS = ("name", "count", "valuation", "scale", "value", "values", "monotone")
"""Keys of each ``[[market.buyers]]``."""

MAX_TYPES = 1_000
"""Most types of buyers: each is compiled on its own, and buyers alike are one type with a count."""

_SCALED: dict[str, Callable[..., market.Valuation]] = {
    "threshold": market.threshold,
    "exponential": market.exponential,
    "linear": market.linear,
}


@dataclasses.dataclass(frozen=True)
class MarketCase:
    """A problem of selling data, read and checked.

    Attributes:
        problem: the problem.
        method: how to find sizes and prices; the default is "exact". Or the reference of a pricing algorithm.
        rule: the pricing algorithm of one's own, or None.
        epsilon: of the approximate method, or what the algorithm promises; None if it promises nothing.
        grid: of the approximate method.
        second: points of the second cheapest contributor; the default is 1.
        chances: bounds by name that decide about the second sample instead; empty where it is given.
        unit: of costs and values, which may then exceed 1; or an empty text.
        limit: collect at most so many points, or None.
        source: the file, or the name of the shipped problem.
        title: one line that says what it is, or an empty text.
        notes: where the numbers come from, or an empty text.
        inputs: files that were read, none of which output may replace.
    """

    problem: market.Problem
    method: str
    rule: Callable[..., Any] | None
    epsilon: float | None
    grid: str
    second: int
    limit: int | None
    source: str
    title: str
    notes: str
    inputs: tuple[Path, ...] = ()
    chances: Mapping[str, float] = dataclasses.field(default_factory=dict)
    unit: str = ""

    @property
    def shortfall(self) -> float | None:
        """ε per buyer: the file's, or the default in the unit of the values; None where nothing is promised."""
        if self.epsilon is not None or self.rule is not None:
            return self.epsilon
        return market.EPSILON * max(1.0, *(float(valuation.largest) for valuation in self.problem.valuations))


def read_market(section: Mapping[str, Any], folder: Path, source: str, dtype: np.dtype[Any]) -> MarketCase:
    """Read and check the section ``[market]`` of a problem file.

    Args:
        section: keys and values as TOML gives them.
        folder: where the file lies; a pricing algorithm of one's own is looked for there.
        source: the file, or the name of the shipped problem.
        dtype: of the problem's arrays.

    Raises:
        ProblemError: naming the key, the value and the rule.
    """
    check_keys(section, KEYS, required=("sigma", "contributor_costs", "buyers"), here="market")
    costs = _costs(section["contributor_costs"])
    given = section["buyers"]
    if not isinstance(given, list) or not given or not all(isinstance(entry, dict) for entry in given):
        raise ProblemError("buyers", given, "must be tables: a line [[market.buyers]] for each type of buyer")
    if len(given) > MAX_TYPES:
        rule = f"must be at most {MAX_TYPES:,} types: buyers who are alike are one, with their count"
        raise ProblemError("number of buyers", len(given), rule)
    sigma, means = section["sigma"], section.get("means")
    several = isinstance(sigma, list)
    if means is not None and not several:
        raise ProblemError("means", means, "are named where there are several: give a list of their sigma")
    unit = " ".join(text_of("unit", section).split())
    most = np.inf if unit else 1.0
    problem = market.Problem(
        contributor_costs=cast("contributor_costs", costs, dtype),
        sigma=_by_mean("sigma", sigma, dtype),
        buyers=[_buyer(i, entry, dtype, most, len(sigma) if several else 1) for i, entry in enumerate(given)],
        contributors=names_of("contributors", section.get("contributors"), len(costs), "one for each of the costs"),
        means=names_of("means", means, len(sigma), "one for each sigma") if several else None,
    )
    limit = section.get("limit")
    case = MarketCase(
        problem=problem,
        method="exact",
        rule=None,
        epsilon=float(positive_numbers("epsilon", section["epsilon"], 1)) if "epsilon" in section else None,
        grid=one_of("grid", section.get("grid", "levels"), market.GRIDS),
        second=_whole("second", section.get("second", 1)),
        limit=None if limit is None else _whole("limit", limit, least=market.LEAST),
        source=source,
        title=" ".join(text_of("title", section).split()),
        notes=text_of("notes", section),
        chances=_chances(section),
        unit=unit,
    )
    return priced_by(case, "method", section.get("method", "exact"), folder)


def priced_by(case: MarketCase, key: str, given: object, folder: Path) -> MarketCase:
    """Return a case with a method of ours, or with a pricing algorithm of one's own.

    Args:
        case: the problem.
        key: where the method stands.
        given: its name; the reference of a function, as ``module.py:function``; or the name under which an installed
            package offers one (entry points of the group ``jaxmech.pricing``).
        folder: where the function's file is looked for.

    Raises:
        ProblemError: for what is none of these.
    """
    rule = None
    if isinstance(given, str) and is_reference(given):
        rule = function_of(key, given, folder)
    elif isinstance(given, str) and given and given not in market.METHODS:
        rule = entry_point(key, given, GROUP, market.METHODS, folder)
    else:
        one_of(key, given, market.METHODS)
    if rule is not None:
        rule.__name__ = str(given)
    return dataclasses.replace(case, method=str(given), rule=rule)


def _costs(given: object) -> np.ndarray:
    if not isinstance(given, list) or not given:
        raise ProblemError("contributor_costs", given, "must be a list of numbers, one per contributor")
    values = np.array([number(f"contributor_costs[{i}]", entry) for i, entry in enumerate(given)])
    for i in np.flatnonzero(~(np.isfinite(values) & (values > 0))):
        raise ProblemError(f"contributor_costs[{i}]", float(values[i]), "must be positive and finite")
    return values


def _by_mean(key: str, given: object, dtype: np.dtype[Any], *, zero: bool = False) -> np.ndarray:
    """A positive number, or a list of them, one for each mean; 0 for what a buyer does not need."""
    if not isinstance(given, list):
        return cast(key, positive_numbers(key, given, 1), dtype)
    if not given:
        raise ProblemError(key, given, "must be a number, or a list with one for each mean")
    values = np.array([number(f"{key}[{k}]", entry) for k, entry in enumerate(given)])
    for k in np.flatnonzero(~(np.isfinite(values) & ((values > 0) | (zero & (values == 0))))):
        raise ProblemError(
            f"{key}[{k}]", float(values[k]), f"must {'not be negative' if zero else 'be positive'}, and finite"
        )
    return np.asarray(cast(key, values, dtype))


def _buyer(i: int, entry: Mapping[str, Any], dtype: np.dtype[Any], most: float, means: int) -> market.Buyer:
    name = entry.get("name")
    where = f"buyers[{i}]"
    try:
        check_keys(entry, BUYER_KEYS, required=("valuation",), here="market.buyers")
        if name is not None:
            name = name_of("name", name)
        valuation = _valuation(entry, dtype, most).of_means(means)
        return market.Buyer(valuation, _whole("count", entry.get("count", 1)), name)
    except ProblemError as error:
        raise ProblemError(f"{where}.{error.argument}", error.value, error.rule) from None


def _valuation(entry: Mapping[str, Any], dtype: np.dtype[Any], most: float) -> market.Valuation:
    kind = one_of("valuation", entry["valuation"], market.KINDS)
    wanted, unwanted = (("values",), ("scale", "value")) if kind == "table" else (("scale",), ("values", "monotone"))
    for key in wanted:
        if key not in entry:
            raise ProblemError(key, "nothing", f"must be given for the valuation {kind}")
    for key in unwanted:
        if key in entry:
            raise ProblemError(key, entry[key], f"means nothing for the valuation {kind}")
    if kind == "table":
        given = entry["values"]
        if not isinstance(given, list):
            raise ProblemError("values", given, "must be a list of numbers, by size from 0 on")
        monotone = entry.get("monotone", True)
        if not isinstance(monotone, bool):
            raise ProblemError("monotone", monotone, "must be true or false")
        values = np.array([number(f"values[{m}]", value) for m, value in enumerate(given)], dtype)
        return market.table(values, monotone=monotone, most=most)
    numbers = [_by_mean(key, entry.get(key, 1.0), dtype, zero=key == "value") for key in ("scale", "value")]
    return _SCALED[kind](*numbers, most)


def _chances(section: Mapping[str, Any]) -> dict[str, float]:
    """Bounds that the second sample is to keep."""
    given = section.get("chances", {})
    if not isinstance(given, dict):
        raise ProblemError("chances", given, "must be a table of bounds, such as { negative_price = 0.01 }")
    if given and "second" in section:
        raise ProblemError("second", section["second"], "means nothing beside chances, which decide about it")
    found = {}
    for name, bound in given.items():
        one_of("chances", name, market.BOUNDS)
        found[name] = number(f"chances.{name}", bound)
        if not found[name] >= 0:
            raise ProblemError(f"chances.{name}", bound, "must not be negative")
    return found


def _whole(key: str, given: object, least: int = 1) -> int:
    if isinstance(given, bool) or not isinstance(given, int) or given < least:
        raise ProblemError(key, given, f"must be a whole number, at least {least}")
    return given

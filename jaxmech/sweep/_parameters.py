"""What varies in a sweep: which entries of a problem, and the values that they take."""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

from jaxmech._errors import ProblemError
from jaxmech._words import one_of, suggestion
from jaxmech.sweep._kind import DISTRIBUTIONS, POSITIVE, Kind, Rule

SPACINGS = ("linear", "log")
MAX_STEPS = 1_000_000

_FORMS = (
    "must be a list of numbers (a grid), a range { from = 1.0, to = 2.0, steps = 5 }, or a distribution such as "
    '{ distribution = "lognormal", spread = 0.3 }'
)


@dataclasses.dataclass(frozen=True)
class Target:
    """Entries of a problem that vary together.

    Attributes:
        key: what the file calls them, e.g. ``costs[A]``.
        leaf: the field of the problem, such as costs.
        depth: how many names the key has: more of them win over fewer.
        single: whether the key names one entry.
        mask: which entries of the field; entries that cannot be sampled only if the key names them singly.
        names: of these entries, in their order.
    """

    key: str
    leaf: str
    depth: int
    single: bool
    mask: np.ndarray
    names: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Grid:
    """Values that are all tried; every entry of the target gets the same one.

    Attributes:
        values: in the order in which they are tried.
    """

    values: tuple[float, ...]


@dataclasses.dataclass(frozen=True)
class Draw:
    """A distribution from which every entry of the target is drawn independently.

    Attributes:
        distribution: "lognormal": the problem's own value times e^(spread z) with z standard normal, so that the own
            value is the median; "uniform" and "loguniform": between two values.
        low: spread of the lognormal distribution; else the least value.
        high: the largest value; 0 for the lognormal distribution.
    """

    distribution: str
    low: float
    high: float = 0.0


Values: TypeAlias = Grid | Draw


def targets(kind: Kind, keys: Sequence[str], where: str) -> tuple[Target, ...]:
    """Return what the keys mean, in their order.

    Args:
        kind: the problem, as a sweep sees it.
        keys: such as ``costs``, ``costs[A]``, ``costs[A][glucose]``, ``sigma`` or ``price[glucose]``.
        where: what messages put before a key.

    Raises:
        ProblemError: for a key that means nothing, with the nearest one that does.
    """
    known = _known(kind)
    for key in keys:
        if key not in known:
            near = suggestion(key, known) if len(known) < 10_000 else ""
            raise ProblemError(where, key, f"cannot vary; what can is {kind.keys}{near}")
    return tuple(_target(kind, key, *known[key]) for key in keys)


def read_values(parameters: Mapping[str, Any], kind: Kind) -> dict[str, Values]:
    """Return the values of every parameter, from what TOML gives.

    Args:
        parameters: by key.
        kind: the problem, as a sweep sees it.

    Raises:
        ProblemError: naming the key, the value and the rule.
    """
    return {key: _values(f"parameters.{key}", given, kind.rule(key)) for key, given in parameters.items()}


def check_value(where: str, value: float, rule: Rule) -> None:
    """Refuse what no problem may hold.

    Raises:
        ProblemError: naming where it stands.
    """
    if not rule.allows(value):
        raise ProblemError(where, value, rule.words)


def _known(kind: Kind) -> dict[str, tuple[str, tuple[int, ...]]]:
    """All keys, with the field and the position that they mean: those of a whole field, then of rows, then entries."""
    known: dict[str, tuple[str, tuple[int, ...]]] = {leaf: (leaf, ()) for leaf in kind.axes}
    for leaf, axes in kind.axes.items():
        never = kind.fixed(leaf)
        for depth in range(1, len(axes) + 1):
            for position in np.ndindex(*(len(names) for names in axes[:depth])):
                if not np.all(never[position]):
                    known[_name(leaf, axes, position)] = (leaf, position)
    return known


def _target(kind: Kind, key: str, leaf: str, position: tuple[int, ...]) -> Target:
    axes = kind.axes[leaf]
    mask = np.zeros(tuple(len(names) for names in axes), bool)
    mask[position] = True
    single = len(position) == len(axes)
    mask &= ~kind.fixed(leaf) if single else kind.movable(leaf)
    names = [_name(leaf, axes, tuple(index)) for index in np.argwhere(mask).tolist()]
    if not names:
        raise ProblemError("parameters", key, kind.nothing)
    return Target(key, leaf, len(position), single, mask, (key,) if len(names) == 1 else tuple(names))


def _name(leaf: str, axes: tuple[tuple[str, ...], ...], position: Sequence[int]) -> str:
    return leaf + "".join(f"[{names[place]}]" for names, place in zip(axes, position, strict=False))


def _values(where: str, given: object, rule: Rule) -> Values:
    if isinstance(given, list):
        if not given:
            raise ProblemError(where, given, "must hold one value at least")
        entries = [_number(f"{where}[{i}]", entry) for i, entry in enumerate(given)]
        for i, value in enumerate(entries):
            check_value(f"{where}[{i}]", value, rule)
        return Grid(tuple(entries))
    if not isinstance(given, Mapping):
        short = isinstance(given, (int, float)) and abs(given) < 1e15  # of longer ones digits would fill the line
        hint = f"; for this value alone write [{given}]" if short else ""
        raise ProblemError(where, given, f"{_FORMS}{hint}")
    if "distribution" in given:
        return _draw(where, given, rule)
    if not set(given) & {"from", "to", "steps"}:
        raise ProblemError(where, dict(given), _FORMS)
    return _range(where, given, rule)


def _range(where: str, given: Mapping[str, Any], rule: Rule) -> Grid:
    _only(where, given, ("from", "to", "steps"), ("spacing",))
    logarithms = given.get("spacing") == "log"
    low, high = _between(where, given, rule, positive=logarithms)
    steps = given["steps"]
    if isinstance(steps, bool) or not isinstance(steps, int) or not 2 <= steps <= MAX_STEPS:
        raise ProblemError(
            f"{where}.steps", steps, f"must be a whole number from 2 to {MAX_STEPS:,}, both ends included"
        )
    spacing = one_of(f"{where}.spacing", given.get("spacing", "linear"), SPACINGS)
    space = np.geomspace if spacing == "log" else np.linspace
    values = space(low, high, steps).tolist()
    for value in values:
        check_value(where, value, rule)
    return Grid(tuple(values))


def _draw(where: str, given: Mapping[str, Any], rule: Rule) -> Draw:
    positive = "" if rule.allows(0.0) or rule.allows(-1.0) else " of positive numbers"
    words = f"must be a distribution{positive}:"
    name = one_of(f"{where}.distribution", given["distribution"], DISTRIBUTIONS, words)
    if name not in rule.draws:
        other = f"; what can be is {', '.join(rule.draws)}" if rule.draws else ": give a list"
        raise ProblemError(f"{where}.distribution", name, f"these values cannot be drawn so ({rule.words}){other}")
    if name == "lognormal":
        _only(where, given, ("distribution", "spread"))
        spread = _number(f"{where}.spread", given["spread"])
        if not 0 < spread <= 10:
            raise ProblemError(f"{where}.spread", spread, "must be positive and at most 10: spread of the logarithm")
        return Draw(name, spread)
    _only(where, given, ("distribution", "from", "to"))
    return Draw(name, *_between(where, given, rule, positive=name == "loguniform"))


def _between(where: str, given: Mapping[str, Any], rule: Rule, *, positive: bool) -> tuple[float, float]:
    low, high = (_number(f"{where}.{end}", given[end]) for end in ("from", "to"))
    for end, value in (("from", low), ("to", high)):
        if not math.isfinite(value) or (positive and value <= 0):
            raise ProblemError(f"{where}.{end}", value, POSITIVE.words)
        check_value(f"{where}.{end}", value, rule)
    if not low < high:
        raise ProblemError(f"{where}.to", high, f"must be larger than from ({low:g})")
    return low, high


def _only(where: str, given: Mapping[str, Any], required: Sequence[str], optional: Sequence[str] = ()) -> None:
    known = (*required, *optional)
    for name, value in given.items():
        if name not in known:
            rule = f"unknown key; the keys here are {', '.join(known)}{suggestion(name, known)}"
            raise ProblemError(f"{where}.{name}", value, rule)
    for name in required:
        if name not in given:
            raise ProblemError(f"{where}.{name}", "nothing", f"must be given, beside {', '.join(given)}")


def _number(where: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ProblemError(where, value, "must be a number")
    try:
        return float(value)
    except OverflowError as error:  # of an integer, or of a number that its file keeps as it is written
        rule = "is too large a number: at most 1.8e308" if isinstance(value, int) else str(error)
        raise ProblemError(where, value, rule) from None

"""Whether a desirable mechanism exists on a grid of types: the section ``[multiparty]`` with the key ``levels``."""

import dataclasses
import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxmech._errors import ProblemError
from jaxmech._words import one_of
from jaxmech.files._functions import code_of, function_of
from jaxmech.files._keys import cast, names_of
from jaxmech.files._read import number
from jaxmech.multiparty import (
    QUALITIES,
    READINGS,
    General,
    Interdependent,
    Linear,
    MarketGrowth,
    Quality,
    QuasiMonotone,
    SeesTypes,
    Tabulated,
    TypeSpace,
    Valuation,
    quality_function,
    weighted,
)

LEVEL_KEYS = ("levels", "reading", "quality", "weights", "agents")
"""Keys of every grid of types."""

KEYS_OF = {
    "linear": ("externality",),
    "market-growth": ("growth",),
    "quasi-monotone": ("own", "others"),
    "table": ("qualities", "values"),
    "general": ("function",),
    "interdependent": ("function",),
}
"""Valuations of a grid of types, and the keys of each."""


@dataclasses.dataclass(frozen=True)
class LevelsCase:
    """The question whether a desirable mechanism exists on a grid of types, read and checked.

    Attributes:
        space: the grid, with valuations and quality.
        valuation: its name, one of those of ``KEYS_OF``.
        quality: name of the quality function.
        weights: what each firm's data count in the model of all, or None.
        reading: of Algorithm 1: "present", the default, or "absent".
        given: keys of the valuation as the file gives them.
        code: files with functions of one's own, and the SHA-256 of each.
        source: the file, or the name of the shipped problem.
        title: one line that says what it is, or an empty text.
        notes: where the numbers come from, or an empty text.
        inputs: files that were read, none of which output may replace.
    """

    space: TypeSpace
    valuation: str
    quality: str
    weights: tuple[float, ...] | None
    reading: str
    given: Mapping[str, Any]
    source: str
    title: str
    notes: str
    inputs: tuple[Path, ...] = ()
    code: Mapping[str, str] = dataclasses.field(default_factory=dict)


def read_levels(
    section: Mapping[str, Any], valuation: str, folder: Path, dtype: np.dtype[Any], described: Mapping[str, Any]
) -> LevelsCase:
    """Read and check the section ``[multiparty]`` of a problem file that asks about a grid of types.

    Args:
        section: keys and values as TOML gives them.
        valuation: its name.
        folder: where the file lies; functions of one's own are looked for there.
        dtype: of the problem's arrays.
        described: source, title and notes.

    Raises:
        ProblemError: naming the key, the value and the rule.
    """
    quality = one_of("quality", section.get("quality", _quality(valuation)), QUALITIES)
    levels = _levels(section["levels"], dtype)
    names = None if isinstance(section.get("agents"), int) else names_of("agents", section.get("agents"))
    agents = _number_of_agents(section, valuation, levels, names)
    weights = weights_of(section, agents)
    most = levels.max() * (agents if weights is None else max(*weights, 1.0, sum(weights)))
    best = float(quality_function(quality)(jnp.asarray(most, dtype)))
    value = _valuation(section, valuation, folder, dtype, agents, best)
    if value.agents != agents:
        raise ProblemError("agents", agents, f"must be {value.agents}, as the table of {KEYS_OF[valuation][-1]} has")
    return LevelsCase(
        space=TypeSpace(levels, value, weighed(quality, weights), names),
        valuation=valuation,
        quality=quality,
        weights=weights,
        reading=one_of("reading", section.get("reading", READINGS[0]), READINGS),
        given={key: section[key] for key in KEYS_OF[valuation]},
        code=code_of([section[key] for key in KEYS_OF[valuation]], folder),
        **described,
    )


def _quality(valuation: str) -> str:
    return "linear" if valuation == "market-growth" else "logistic"


def _levels(given: object, dtype: np.dtype[Any]) -> np.ndarray:
    """(levels,) or (agents, levels) data sizes."""
    rule = "must be a list of data sizes, or one such list for each agent, all of one length"
    if not isinstance(given, list) or not given:
        raise ProblemError("levels", given, rule)
    nested = [isinstance(entry, list) for entry in given]
    if not any(nested):
        return cast("levels", np.array([number(f"levels[{k}]", entry) for k, entry in enumerate(given)]), dtype)
    if not all(nested):
        raise ProblemError(f"levels[{nested.index(False)}]", given[nested.index(False)], rule)
    for i, row in enumerate(given):
        if not row or len(row) != len(given[0]):
            raise ProblemError(f"levels[{i}]", row, f"must have {len(given[0])} data sizes, as the first list has")
    rows = [[number(f"levels[{i}][{k}]", entry) for k, entry in enumerate(row)] for i, row in enumerate(given)]
    return cast("levels", np.array(rows), dtype)


def _number_of_agents(
    section: Mapping[str, Any], valuation: str, levels: np.ndarray, names: tuple[str, ...] | None
) -> int:
    """Of names, of a number, of lists of levels, or of what tables have an entry for each agent of."""
    given = section.get("agents")
    if isinstance(given, bool) or (isinstance(given, int) and given < 2):
        raise ProblemError("agents", given, "must be names, or a whole number, at least 2")
    known = [len(names)] if names is not None else [given] if isinstance(given, int) else []
    if levels.ndim == 2:
        known.append(len(levels))
    table = {"linear": "externality", "table": "values"}.get(valuation)
    if table and isinstance(section[table], list):
        known.append(len(section[table]))
    if not known and valuation == "market-growth":
        known.append(2)
    if not known:
        raise ProblemError("agents", "nothing", f'must be names, or their number, with valuation = "{valuation}"')
    if len(set(known)) > 1:
        counts = " and ".join(str(count) for count in dict.fromkeys(known))
        raise ProblemError("agents", given if given is not None else counts, f"counted differently: {counts} agents")
    return int(known[0])


def _valuation(
    section: Mapping[str, Any], valuation: str, folder: Path, dtype: np.dtype[Any], agents: int, best: float
) -> Valuation | SeesTypes:
    if valuation == "linear":
        return Linear(_numbers("externality", section["externality"], dtype))
    if valuation == "market-growth":
        return MarketGrowth(dtype.type(number("growth", section["growth"])), agents)
    if valuation == "table":
        grid = _numbers("qualities", section["qualities"], dtype)
        if grid.ndim == 1 and len(grid) and grid[-1] < best * (1 - 1e-6):
            rule = f"must reach {best:.6g}, the quality of the model that all data make"
            raise ProblemError("qualities", grid.tolist(), rule)
        return Tabulated(grid, _numbers("values", section["values"], dtype))
    inputs = 2 if valuation == "interdependent" else 1
    functions = [_earnings(key, section[key], folder, dtype, agents, inputs) for key in KEYS_OF[valuation]]
    if valuation == "interdependent":
        return Interdependent(functions[0], agents)
    if valuation == "general":
        return General(functions[0], agents)
    return QuasiMonotone(functions[0], functions[1], agents, largest=best)


def _earnings(
    key: str, given: object, folder: Path, dtype: np.dtype[Any], agents: int, inputs: int
) -> Callable[..., jax.Array]:
    """A function of one's own from (agents,) qualities, and types, to earnings, traced to see that it can be."""
    function = function_of(key, given, folder)
    takes = _inputs(function)
    if takes is not None and takes != inputs:
        words = {1: "the qualities of all models", 2: "the qualities of all models and what all have"}
        rule = f"takes {takes} {'input' if takes == 1 else 'inputs'}; it is given {inputs}: {words[inputs]}"
        if (takes, inputs) == (2, 1) and key == "function":
            rule += '. With valuation = "interdependent" it is given what all have as well'
        raise ProblemError(key, given, rule)

    def earnings(qualities: jax.Array, *types: jax.Array) -> jax.Array:
        return jnp.asarray(function(qualities, *types), qualities.dtype)

    found = jax.eval_shape(earnings, *[jnp.zeros(agents, dtype)] * inputs)
    if found.shape != (agents,):
        raise ProblemError(key, given, f"must return one number for each of the {agents} agents, not {found.shape}")
    return earnings


def _inputs(function: Callable[..., Any]) -> int | None:
    """How many inputs a function must be given, or None where that cannot be told."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return None
    if any(one.kind in (one.VAR_POSITIONAL, one.VAR_KEYWORD) for one in parameters):
        return None
    return sum(one.default is one.empty and one.kind != one.KEYWORD_ONLY for one in parameters)


def weights_of(section: Mapping[str, Any], agents: int) -> tuple[float, ...] | None:
    """Return what each firm's data count in the model of all, or None where the file does not say.

    Args:
        section: ``[multiparty]``.
        agents: their number.

    Raises:
        ProblemError: if there is not one positive number for each.
    """
    if "weights" not in section:
        return None
    given = section["weights"]
    if not isinstance(given, list) or len(given) != agents:
        raise ProblemError("weights", given, f"must be a list of {agents} positive numbers, one for each agent")
    found = tuple(number(f"weights[{i}]", entry) for i, entry in enumerate(given))
    for i, weight in enumerate(found):
        if not 0 < weight < np.inf:
            raise ProblemError(f"weights[{i}]", given[i], "must be a positive number: what her data count")
    return found


def weighed(quality: str, weights: tuple[float, ...] | None) -> Quality:
    """Return a quality function, weighted or not.

    Args:
        quality: its name.
        weights: of each firm's data, or None.
    """
    return quality_function(quality) if weights is None else weighted(quality, weights)


def _numbers(key: str, given: object, dtype: np.dtype[Any]) -> np.ndarray:
    """Nested lists of numbers as an array; what is no number, or a list of another length, is named with its place."""
    if not isinstance(given, list):
        raise ProblemError(key, given, "must be a list, or lists of lists, of numbers")

    def part(where: str, entry: object) -> Any:
        if not isinstance(entry, list):
            return number(where, entry)
        return [part(f"{where}[{i}]", one) for i, one in enumerate(entry)]

    rows = part(key, given)
    try:
        return cast(key, np.array(rows, float), dtype)
    except ValueError:
        raise ProblemError(key, given, "must be a table: lists of one length, at every depth") from None

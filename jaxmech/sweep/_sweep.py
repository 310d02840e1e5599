"""A sweep: one problem, what varies in it, and which instance has which values."""

import dataclasses
import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from jaxmech._checks import plain_array
from jaxmech._errors import ProblemError
from jaxmech._words import one_of
from jaxmech.collaboration import Problem as Sharing
from jaxmech.market import Problem as Selling
from jaxmech.multiparty import Problem as Competing
from jaxmech.multiparty import TypeSpace
from jaxmech.sweep._collaboration import Collaboration, plain_numbers
from jaxmech.sweep._kind import Kind, Rule, refuse
from jaxmech.sweep._market import Market
from jaxmech.sweep._multiparty import Competitors, Growth
from jaxmech.sweep._parameters import Draw, Grid, Target, Values, check_value, read_values, targets
from jaxmech.sweep._work import SOLVE, sharing

KEEP = Collaboration.keep
"""Columns by agent that can be kept of problems to share data: penalties under the plan and alone; amounts;
coefficients; roles. Those of other kinds are ``keep`` of their class."""

MAX_INSTANCES = 200_000_000
"""Most instances of one sweep: its summary holds some thirty bytes of each in memory."""

MAX_SEED = 2**32 - 1
MAX_SHARD = 4_194_304
SHARD, SHARD_ENTRIES, SMALLEST_SHARD = 16_384, 2_097_152, 16
"""Instances in a file where nothing else is said, and costs in all of them: a kill loses at most one file's work."""

_PLAIN_COLUMNS = 10  # number, status, penalties and the like, beside what varies and what is kept


@dataclasses.dataclass(frozen=True, init=False, eq=False)
class Sweep:
    """Many instances of one problem.

    The instances are all combinations of: the rows of ``table`` (outermost), the values of every grid in the order
    given (the last one fastest), and ``draws`` random draws (innermost). So a grid crossed with a distribution gives
    every point of the grid ``draws`` draws of its own. Instances are numbered from 0 in this order; the random numbers
    of an instance depend on the seed, its number and the key of the parameter, and on nothing else.

    Keys are those of the problem: ``costs``, ``costs[AGENT]``, ``costs[AGENT][DISTRIBUTION]``, ``sigma``,
    ``sigma[DISTRIBUTION]``, ``price`` and ``price[DISTRIBUTION]`` of a collaboration, of tables by agent with
    ``[AGENT][DISTRIBUTION]``; ``contributor_costs``, ``sigma``
    and the buyers' ``count``, ``scale`` and ``value`` of a market, also by name; ``types`` and ``externality`` of
    competitors, likewise, and ``growth`` of a grid of types. The more special one wins. A grid gives one value to all
    entries that the key means; a distribution draws each of them independently. Costs that are infinite stay so, unless
    the key names the single entry.

    Args:
        problem: with the values of all that does not vary: of a collaboration, a market, competitors with linear
            effects, or a grid of types in a growing market.
        parameters: for each key a list of numbers (a grid), ``{"from": 1, "to": 2, "steps": 5}`` (a grid as well, with
            ``"spacing": "log"`` a geometric one), ``{"distribution": "lognormal", "spread": 0.3}`` (the problem's own
            value times e^(0.3 z)), or ``{"distribution": "uniform", "from": 1, "to": 2}``, likewise "loguniform".
        draws: random draws; needed if there is a distribution, and only then.
        seed: of the random numbers.
        division: name of the division of work of a collaboration; by default "rational".
        mechanism: name of the mechanism; by default "cbl", or "exploitation" for competitors.
        columns: keys that vary by row of ``table``.
        table: (rows, columns) numbers.
        keep: which columns by agent to keep: of :data:`KEEP` of a collaboration, by default penalties; of samples,
            sizes, prices and utility of a market; of payment, utility, value, quality, allocation, outside, alone and
            regret of competitors; witness of a grid.
        shard: instances in a file of results; by default 16,384, fewer of large problems.
        sizes: how many sizes are on the menu of a market.
        second: points of a market's second cheapest contributor.
        limit: most points that a market collects.
        most: no value of a market's buyer may exceed it: by default 1; ∞ where money has a unit.
        work: what is done with every problem of a collaboration: "solve" by default; "audit", which also searches for
            every agent's best deviation; "design", which looks for a mechanism of its own and proves it.

    Raises:
        ProblemError: naming the key, the value and the rule.

    Example:
        >>> problem = Sharing(costs=[[0.033], [0.066], [0.1]], sigma=10.0)
        >>> varies = {"sigma": [5.0, 10.0], "costs": {"distribution": "lognormal", "spread": 0.3}}
        >>> Sweep(problem, varies, draws=100).instances
        200
    """

    kind: Kind
    fixed: tuple[Target, ...]
    grids: tuple[tuple[float, ...], ...]
    drawn: tuple[tuple[Target, Draw], ...]
    table: np.ndarray
    draws: int
    seed: int
    keep: tuple[str, ...]
    shard: int

    def __init__(
        self,
        problem: Sharing | Selling | Competing | TypeSpace,
        parameters: Mapping[str, Any],
        *,
        draws: int | None = None,
        seed: int = 0,
        division: str | None = None,
        mechanism: str | None = None,
        columns: Sequence[str] = (),
        table: np.ndarray | None = None,
        keep: Sequence[str] | None = None,
        shard: int | None = None,
        sizes: int | None = None,
        second: int | None = None,
        limit: int | None = None,
        most: float | None = None,
        work: str | None = None,
    ) -> None:
        kind = _kind(problem, division, mechanism, sizes, second, limit, most, work)
        values = read_values(parameters, kind)
        cells = np.ones((1, 0)) if table is None else plain_array("table", table).astype(float)
        _check_table(cells, columns, values, kind)
        rows = targets(kind, columns, "instances: column")
        found = dict(zip(values, targets(kind, tuple(values), "parameters"), strict=True))
        grids = {key: value for key, value in values.items() if isinstance(value, Grid)}
        drawn = tuple((found[key], value) for key, value in values.items() if isinstance(value, Draw))
        if not values and not columns:
            raise ProblemError("parameters", "nothing", "must name what varies (or instances a table of it)")
        fields = {
            "kind": kind,
            "fixed": (*rows, *(found[key] for key in grids)),
            "grids": tuple(grid.values for grid in grids.values()),
            "drawn": drawn,
            "table": cells,
            "draws": _draws(draws, [target.key for target, _ in drawn]),
            "seed": _whole("seed", seed, 0, MAX_SEED),
            "keep": tuple(
                one_of(f"keep[{i}]", name, kind.keep) for i, name in enumerate(kind.kept if keep is None else keep)
            ),
            "shard": _shard(kind) if shard is None else _whole("shard", shard, 1, MAX_SHARD),
        }
        for name, value in fields.items():
            object.__setattr__(self, name, value)
        self._check()

    @property
    def instances(self) -> int:
        """How many there are."""
        return len(self.table) * math.prod(len(grid) for grid in self.grids) * self.draws

    @property
    def division(self) -> str | None:
        """Name of the division of work; None where there is none to choose."""
        return self.kind.division

    @property
    def mechanism(self) -> str | None:
        """Name of the mechanism; None where there is none to choose."""
        return self.kind.mechanism

    @property
    def shards(self) -> int:
        """How many files of results there will be."""
        return -(-self.instances // self.shard)

    @property
    def parameter_names(self) -> tuple[str, ...]:
        """Columns of what varies: one per key that is not random, one per entry that is."""
        drawn = (name for target, _ in self.drawn for name in target.names)
        return tuple(dict.fromkeys((*(target.key for target in self.fixed), *drawn)))

    def fixed_values(self, index: np.ndarray) -> np.ndarray:
        """Return the values that are not random, (instances, keys), for instances with these numbers."""
        shape = (len(self.table), *(len(grid) for grid in self.grids), self.draws)
        row, *points, _ = np.unravel_index(index, shape)
        chosen = [np.asarray(grid)[point] for grid, point in zip(self.grids, points, strict=True)]
        return np.concatenate([self.table[row], *(values[:, None] for values in chosen)], axis=1)

    def description(self) -> dict[str, Any]:
        """Return everything that the results depend on, in what JSON knows; infinity as the text "inf"."""
        return {
            **self.kind.description(),
            "dtype": self.kind.dtype.name,
            "instances": self.instances,
            "draws": self.draws,
            "seed": self.seed,
            "shard": self.shard,
            "keep": list(self.keep),
            "table": {
                "columns": [target.key for target in self.fixed[: self.table.shape[1]]],
                "rows": len(self.table),
                "sha256": hashlib.sha256(np.ascontiguousarray(self.table, "<f8").tobytes()).hexdigest(),
            },
            "grids": dict(zip(self._grid_keys, map(list, plain_numbers(self.grids)), strict=True)),
            "distributions": {target.key: dataclasses.asdict(draw) for target, draw in self.drawn},
        }

    @property
    def bytes_each(self) -> int:
        """Room that the row of an instance takes on disk, at most: random numbers cannot be compressed."""
        kept = sum(self.kind.kept_size(name) for name in self.keep)
        return 8 * (len(self.parameter_names) + _PLAIN_COLUMNS + kept)

    @property
    def fingerprint(self) -> str:
        """Digest of :meth:`description`: two sweeps with the same one have the same results."""
        return hashlib.sha256(json.dumps(self.description(), sort_keys=True).encode()).hexdigest()

    @property
    def _grid_keys(self) -> list[str]:
        return [target.key for target in self.fixed[self.table.shape[1] :]]

    def _check(self) -> None:
        if len(set(self.keep)) < len(self.keep):
            raise ProblemError("keep", list(self.keep), "must not name the same twice")
        if not 1 <= self.instances <= MAX_INSTANCES:
            rule = f"too many instances: at most {MAX_INSTANCES:,} (more: several sweeps, each with another seed)"
            raise ProblemError("sweep", self.instances, rule)
        self._check_range()
        self.kind.check(self.fixed, self.drawn)

    def _check_range(self) -> None:
        """Refuse numbers that the type of the problem's arrays cannot hold."""
        dtype = self.kind.dtype
        columns = [target.key for target in self.fixed[: self.table.shape[1]]]
        given: list[tuple[str, Any]] = [(f"instances: column {key}", self.table[:, k]) for k, key in enumerate(columns)]
        given += [(f"parameters.{key}", grid) for key, grid in zip(self._grid_keys, self.grids, strict=True)]
        given += [(f"parameters.{target.key}", (draw.low, draw.high or draw.low)) for target, draw in self.drawn]
        for where, numbers in given:
            values = np.asarray(numbers, float)
            with np.errstate(over="ignore", under="ignore"):
                cast = values.astype(dtype)
            for i in np.flatnonzero(np.isfinite(values) & ~(np.isfinite(cast) & ((cast != 0) | (values == 0)))):
                raise ProblemError(where, float(values[i]), f"is outside the range of {dtype.name}")


def _kind(
    problem: Sharing | Selling | Competing | TypeSpace,
    division: str | None,
    mechanism: str | None,
    sizes: int | None,
    second: int | None,
    limit: int | None,
    most: float | None,
    work: str | None,
) -> Kind:
    """The problem as a sweep sees it; options of other kinds are refused."""
    if not isinstance(problem, Sharing) and work not in (None, SOLVE):
        raise ProblemError("work", work, "is for problems of sharing data: leave it out")
    if isinstance(problem, Selling):
        refuse("division", division, "market")
        refuse("mechanism", mechanism, "market")
        return Market(problem, sizes, 1 if second is None else second, limit, 1.0 if most is None else most)
    other = "collaboration" if isinstance(problem, Sharing) else "multiparty"
    for name, given in (("sizes", sizes), ("second", second), ("limit", limit), ("most", most)):
        refuse(name, given, other)
    if isinstance(problem, Sharing):
        return sharing(problem, SOLVE if work is None else work, division, mechanism)
    refuse("division", division, other)
    if isinstance(problem, Competing):
        return Competitors(problem, mechanism)
    refuse("mechanism", mechanism, other)
    return Growth(problem)


def _check_table(cells: np.ndarray, columns: Sequence[str], values: Mapping[str, Values], kind: Kind) -> None:
    if cells.ndim != 2 or not len(cells) or cells.shape[1] != len(columns):
        raise ProblemError("instances", cells.shape, f"must have one row at least, and {len(columns)} columns")
    for k, key in enumerate(columns):
        if key in values or key in columns[:k]:
            raise ProblemError(f"parameters.{key}", key, "varies already in the table of instances")
        rule: Rule = kind.rule(key)
        for row, value in enumerate(cells[:, k].tolist()):
            check_value(f"instances: row {row + 1}, column {key}", value, rule)


def _shard(kind: Kind) -> int:
    return kind.shard or max(SMALLEST_SHARD, min(SHARD, SHARD_ENTRIES // kind.size))


def _draws(draws: int | None, random: Sequence[str]) -> int:
    if random and draws is None:
        raise ProblemError("draws", "nothing", f"must be given: {random[0]} is drawn so often at every grid point")
    if not random and draws is not None:
        raise ProblemError("draws", draws, "must not be given: no parameter has a distribution")
    return 1 if draws is None else _whole("draws", draws, 1, MAX_INSTANCES)


def _whole(name: str, value: object, low: int, high: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise ProblemError(name, value, f"must be a whole number from {low} to {high:,}")
    return value

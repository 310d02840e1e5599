"""A sweep: one problem, what varies in it, and which instance has which values."""

import dataclasses
import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np

from jaxmech._checks import plain_array
from jaxmech._errors import ProblemError
from jaxmech._words import one_of
from jaxmech.collaboration import DIVISIONS, MECHANISMS, Problem
from jaxmech.collaboration._bargaining import require_everybody_able
from jaxmech.collaboration._c3d import check_equal_costs
from jaxmech.sweep._parameters import LEAVES, Draw, Grid, Target, Values, check_value, read_values, targets

KEEP = ("penalty", "alone", "samples", "target", "alpha", "role")
"""Columns by agent that can be kept: penalties under the plan and alone; amounts; coefficients; roles."""

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

    Keys are ``costs``, ``costs[AGENT]``, ``costs[AGENT][DISTRIBUTION]``, ``sigma``, ``sigma[DISTRIBUTION]``, ``price``
    and ``price[DISTRIBUTION]``; the more special one wins. A grid gives one value to all entries that the key means; a
    distribution draws each of them independently. Costs that are infinite stay so, unless the key names the single
    entry.

    Args:
        problem: with the values of all that does not vary.
        parameters: for each key a list of numbers (a grid), ``{"from": 1, "to": 2, "steps": 5}`` (a grid as well, with
            ``"spacing": "log"`` a geometric one), ``{"distribution": "lognormal", "spread": 0.3}`` (the problem's own
            value times e^(0.3 z)), or ``{"distribution": "uniform", "from": 1, "to": 2}``, likewise "loguniform".
        draws: random draws; needed if there is a distribution, and only then.
        seed: of the random numbers.
        division: name of the division of work.
        mechanism: name of the mechanism.
        columns: keys that vary by row of ``table``.
        table: (rows, columns) numbers.
        keep: which columns by agent to keep, of :data:`KEEP`.
        shard: instances in a file of results; by default 16,384, fewer of large problems.

    Raises:
        ProblemError: naming the key, the value and the rule.

    Example:
        >>> problem = Problem(costs=[[0.033], [0.066], [0.1]], sigma=10.0)
        >>> varies = {"sigma": [5.0, 10.0], "costs": {"distribution": "lognormal", "spread": 0.3}}
        >>> Sweep(problem, varies, draws=100).instances
        200
    """

    problem: Problem
    fixed: tuple[Target, ...]
    grids: tuple[tuple[float, ...], ...]
    drawn: tuple[tuple[Target, Draw], ...]
    table: np.ndarray
    draws: int
    seed: int
    division: str
    mechanism: str
    keep: tuple[str, ...]
    shard: int

    def __init__(
        self,
        problem: Problem,
        parameters: Mapping[str, Any],
        *,
        draws: int | None = None,
        seed: int = 0,
        division: str = "rational",
        mechanism: str = "cbl",
        columns: Sequence[str] = (),
        table: np.ndarray | None = None,
        keep: Sequence[str] = ("penalty",),
        shard: int | None = None,
    ) -> None:
        values = read_values(parameters)
        cells = np.ones((1, 0)) if table is None else plain_array("table", table).astype(float)
        _check_table(cells, columns, values)
        rows = targets(problem, columns, "instances: column")
        found = dict(zip(values, targets(problem, tuple(values), "parameters"), strict=True))
        grids = {key: value for key, value in values.items() if isinstance(value, Grid)}
        drawn = tuple((found[key], value) for key, value in values.items() if isinstance(value, Draw))
        if not values and not columns:
            raise ProblemError("parameters", "nothing", "must name what varies (or instances a table of it)")
        fields = {
            "problem": problem,
            "fixed": (*rows, *(found[key] for key in grids)),
            "grids": tuple(grid.values for grid in grids.values()),
            "drawn": drawn,
            "table": cells,
            "draws": _draws(draws, [target.key for target, _ in drawn]),
            "seed": _whole("seed", seed, 0, MAX_SEED),
            "division": one_of("division", division, DIVISIONS),
            "mechanism": one_of("mechanism", mechanism, MECHANISMS),
            "keep": tuple(one_of(f"keep[{i}]", name, KEEP) for i, name in enumerate(keep)),
            "shard": _shard(problem) if shard is None else _whole("shard", shard, 1, MAX_SHARD),
        }
        for name, value in fields.items():
            object.__setattr__(self, name, value)
        self._check()

    @property
    def instances(self) -> int:
        """How many there are."""
        return len(self.table) * math.prod(len(grid) for grid in self.grids) * self.draws

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
        problem = self.problem
        return {
            "problem": {
                "agents": [problem.agent_name(i) for i in range(problem.shape[0])],
                "distributions": [problem.distribution_name(k) for k in range(problem.shape[1])],
                **{leaf: _plain(np.asarray(getattr(problem, leaf), float).tolist()) for leaf in LEAVES},
            },
            "division": self.division,
            "mechanism": self.mechanism,
            "dtype": problem.costs.dtype.name,
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
            "grids": dict(zip(self._grid_keys, map(list, _plain(self.grids)), strict=True)),
            "distributions": {target.key: dataclasses.asdict(draw) for target, draw in self.drawn},
        }

    @property
    def bytes_each(self) -> int:
        """Room that the row of an instance takes on disk, at most: random numbers cannot be compressed."""
        (m, d), tables = self.problem.shape, {"penalty", "alone"}
        kept = sum(m if name in tables else m * d for name in self.keep)
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
        for target, draw in self.drawn:
            own = np.asarray(getattr(self.problem, target.leaf))[target.mask]
            if draw.distribution == "lognormal" and not np.isfinite(own).all():
                raise ProblemError(f"parameters.{target.key}", np.inf, "no spread around a cost that is infinite")
        if self.mechanism == "c3d":
            self._check_equal_costs()
        elif self.division in ("nash", "kalai-smorodinsky"):
            self._check_everybody_able()

    def _check_range(self) -> None:
        """Refuse numbers that the type of the problem's arrays cannot hold."""
        dtype = self.problem.costs.dtype
        columns = [target.key for target in self.fixed[: self.table.shape[1]]]
        given: list[tuple[str, Any]] = [(f"instances: column {key}", self.table[:, k]) for k, key in enumerate(columns)]
        given += [(f"parameters.{key}", grid) for key, grid in zip(self._grid_keys, self.grids, strict=True)]
        given += [(f"parameters.{target.key}", (draw.low, draw.high or draw.low)) for target, draw in self.drawn]
        for where, numbers in given:
            values = np.asarray(numbers, float)
            with np.errstate(over="ignore", under="ignore"):
                cast = values.astype(dtype)
            for i in np.flatnonzero(np.isfinite(values) & ~(np.isfinite(cast) & (cast > 0))):
                raise ProblemError(where, float(values[i]), f"is outside the range of {dtype.name}")

    def _check_equal_costs(self) -> None:
        """Traced costs are not checked any more: c3d would answer a question that nobody asked."""
        drawn = [target.key for target, _ in self.drawn if target.leaf == "costs"]
        fixed = [target.key for target in self.fixed if target.leaf == "costs"]
        for key in (*drawn, *(key for key in fixed if key != "costs")):
            raise ProblemError(f"parameters.{key}", key, 'c3d needs equal costs: only "costs" may vary, on a grid')
        if not fixed:
            check_equal_costs(self.problem)

    def _check_everybody_able(self) -> None:
        """Refuse infinite costs, all but those that the sweep itself puts in place entry by entry."""
        costs = np.array(self.problem.costs)
        for target in self.fixed:
            if target.leaf == "costs" and target.single:
                costs[target.mask] = 1.0
        require_everybody_able(dataclasses.replace(self.problem, costs=jnp.asarray(costs)), self.division)


def _check_table(cells: np.ndarray, columns: Sequence[str], values: Mapping[str, Values]) -> None:
    if cells.ndim != 2 or not len(cells) or cells.shape[1] != len(columns):
        raise ProblemError("instances", cells.shape, f"must have one row at least, and {len(columns)} columns")
    for k, key in enumerate(columns):
        if key in values or key in columns[:k]:
            raise ProblemError(f"parameters.{key}", key, "varies already in the table of instances")
        for row in np.flatnonzero(~(np.isfinite(cells[:, k]) & (cells[:, k] > 0))):
            check_value(f"instances: row {row + 1}, column {key}", float(cells[row, k]), key)


def _shard(problem: Problem) -> int:
    return max(SMALLEST_SHARD, min(SHARD, SHARD_ENTRIES // problem.costs.size))


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


def _plain(values: Any) -> Any:
    if isinstance(values, (list, tuple)):
        return [_plain(value) for value in values]
    return "inf" if values == math.inf else values

"""Menus: which sizes to consider, what they are worth, and the checks that theorems rest on."""

import dataclasses

import jax.numpy as jnp
import numpy as np

from jaxmech._errors import ProblemError
from jaxmech._kept import jit
from jaxmech._tolerances import tolerances
from jaxmech._types import Array
from jaxmech.market._problem import Problem, most_useful
from jaxmech.market._search import Menu, padded
from jaxmech.market._valuation import Valuation, check_values

MAX_SIZES = 4_000_000
"""Sizes that are put into one table; beyond, only a coarser menu will do."""

GRIDS = ("levels", "smooth", "diminishing")
"""Coarser menus with a guarantee: for monotone values, for smooth ones, for diminishing returns."""


@dataclasses.dataclass(frozen=True)
class Shape:
    """How values grow with size, type by type, measured over every size up to ``largest``.

    Attributes:
        largest: the last size looked at.
        steepest: largest rise per point, max v(m+1) − v(m).
        returns: J, the least constant with v(m+1) − v(m) <= J/m for all m >= 1.
        diminishing: whether no point is worth more than the one before.
        error: largest estimated error of the values (0 where they are closed forms).
    """

    largest: int
    steepest: np.ndarray
    returns: np.ndarray
    diminishing: np.ndarray
    error: np.ndarray


def every_size(problem: Problem, limit: int | None = None) -> Menu:
    """Return every size that could pay for itself.

    Args:
        problem: the problem.
        limit: at most so many points, if given.

    Raises:
        ProblemError: for values that decrease or leave [0, 1], and for more than :data:`MAX_SIZES` sizes.
    """
    largest = _largest(problem, limit)
    if largest > MAX_SIZES:
        rule = f"sizes could pay for themselves, more than {MAX_SIZES:,}: use the method approximate, or set a limit"
        raise ProblemError("N", largest, rule)
    sizes = np.arange(largest + 1)
    return _menu(problem, sizes, tabulate(problem, sizes))


def full_menu(problem: Problem, limit: int | None = None) -> Menu:
    """Return every size that could pay for itself, except those that are worth no more than one point less to anybody.

    Args:
        problem: the problem.
        limit: at most so many points, if given.

    Raises:
        ProblemError: for values that decrease or leave [0, 1], and for more than :data:`MAX_SIZES` sizes.
    """
    menu = every_size(problem, limit)
    rises = np.concatenate([[True], np.any(np.diff(menu.values, axis=1) != 0, axis=0)])
    return dataclasses.replace(menu, sizes=menu.sizes[rises], values=menu.values[:, rises])


def coarse_menu(problem: Problem, delta: float, grid: str = "levels", limit: int | None = None) -> Menu:
    """Return few sizes, so dense that every other one is worth at most ``delta`` more than the next smaller one.

    - levels: for each type the sizes at which its value first reaches δ, 2δ, 3δ, …: at most 1/δ per type, whatever the
      values look like. They are found by bisection, so that the largest size may be huge.
    - smooth: multiples of δ/L, where L is the steepest rise per point.
    - diminishing: steps that grow in proportion to the size, s·δ/J, where v(m+1) − v(m) <= J/m.

    Args:
        problem: the problem.
        delta: by how much a value may rise between two sizes, unless it does so in one point.
        grid: one of :data:`GRIDS`.
        limit: at most so many points, if given.

    Raises:
        ProblemError: for values that decrease or leave [0, 1]; and for the last two, which need all values in a table,
            for more than :data:`MAX_SIZES` sizes.

    Source: the rows of Table 1 of Chen, Clinton and Kandasamy 2025 (after Chen, Huh and Kandasamy 2024); levels need
    neither of the two assumptions.
    """
    require_monotone(problem)
    largest = _largest(problem, limit)
    if grid == "levels":
        sizes = _levels(problem, delta, largest)
    else:
        found = shape(problem, limit)
        if grid == "smooth":
            step = max(1, int(delta / max(float(found.steepest.max()), 1e-300)))
            sizes = np.arange(0, largest + 1, step)
        else:
            sizes = _geometric(largest, delta / max(float(found.returns.max()), 1e-300))
    return _menu(problem, sizes, tabulate(problem, sizes))


def shape(problem: Problem, limit: int | None = None) -> Shape:
    """Return how values grow: steepest rise, and whether returns diminish. Checked at every size, not assumed.

    Args:
        problem: the problem.
        limit: look at so many points at most.

    Raises:
        ProblemError: for values that decrease or leave [0, 1], and for more than :data:`MAX_SIZES` sizes.

    Source: this package: sizes of the search, for an honest refusal before it begins.

    Example:
        >>> from jaxmech.market import Buyer, exponential, table
        >>> buyers = [Buyer(exponential(0.3)), Buyer(table([0.0, 0.1, 0.5]))]
        >>> shape(Problem([0.01], 1.0, buyers)).diminishing.tolist()
        [True, False]
    """
    largest = _largest(problem, limit)
    if largest > MAX_SIZES:
        raise ProblemError("N", largest, f"too many sizes to look at each: at most {MAX_SIZES:,}")
    sizes = np.arange(largest + 1)
    values, error = _tabulate(problem, sizes)
    rise = np.diff(values, axis=1, append=values[:, -1:])
    slack = 4 * error.max(axis=1) + 8 * tolerances(values.dtype).eps
    bend = np.max(np.diff(rise[:, :-1], axis=1), axis=1, initial=-np.inf)
    return Shape(
        largest=largest,
        steepest=rise.max(axis=1),
        returns=np.max(rise[:, 1:] * sizes[1:], axis=1, initial=0.0),
        diminishing=bend <= slack,
        error=error.max(axis=1),
    )


def tabulate(problem: Problem, sizes: np.ndarray) -> np.ndarray:
    """Return what sizes are worth, (types, sizes), checked: monotone, within [0, 1], 0 for nothing.

    Raises:
        ProblemError: naming the buyer, the size and the rule.
    """
    return _tabulate(problem, sizes)[0]


def _tabulate(problem: Problem, sizes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    parts = [_worth_of(valuation, sizes, problem.sigma) for valuation in problem.valuations]
    values, error = (np.stack([part[i] for part in parts]) for i in (0, 1))
    eps = tolerances(values.dtype).eps
    for name, valuation, row, doubt in zip(problem.buyers, problem.valuations, values, error, strict=True):
        if valuation.kind in ("table", "function") and len(row) > 1:
            most = max(1.0, float(valuation.largest))
            slack = float(doubt.max()) + 16 * eps * most
            check_values(f"value of {name}", row, slack, monotone=valuation.monotone, most=most)
    largest = np.array([[max(1.0, float(valuation.largest))] for valuation in problem.valuations], values.dtype)
    values = np.clip(values, 0.0, largest)
    # Rounding must not make a value fall where mathematics says that it rises.
    rising = np.array([valuation.monotone for valuation in problem.valuations])
    return np.where(rising[:, None], np.maximum.accumulate(values, axis=1), values), error


def require_monotone(problem: Problem) -> None:
    """Refuse values that may fall with the number of points: only the exact search is for them.

    Raises:
        ProblemError: naming the buyer.
    """
    for j, valuation in enumerate(problem.valuations):
        if not valuation.monotone:
            name = problem.buyers[j] if problem.buyers else f"buyer {j + 1}"  # a traced problem has lost its names
            rule = (
                "may fall with the number of points: only the method exact, without a menu of sizes, is for such values"
            )
            raise ProblemError(f"value of {name}", "monotone = false", rule)


def _worth_of(valuation: Valuation, sizes: np.ndarray, sigma: Array) -> tuple[np.ndarray, np.ndarray]:
    """Values and errors on the host; padded, so that menus of similar length share one compilation."""
    room = np.pad(sizes, (0, padded(len(sizes)) - len(sizes)), mode="edge")
    values, error = _worth(valuation, jnp.asarray(room), sigma)
    return np.asarray(values)[: len(sizes)], np.asarray(error)[: len(sizes)]


@jit
def _worth(valuation: Valuation, sizes: Array, sigma: Array) -> tuple[Array, Array]:
    return valuation.with_error(sizes, sigma)


def _largest(problem: Problem, limit: int | None) -> int:
    return most_useful(problem) if limit is None else min(limit, most_useful(problem))


def _menu(problem: Problem, sizes: np.ndarray, values: np.ndarray) -> Menu:
    cost = float(np.min(np.asarray(problem.contributor_costs)))
    rising = all(valuation.monotone for valuation in problem.valuations)
    return Menu(sizes, values, np.asarray(problem.counts), cost, monotone=rising)


def _levels(problem: Problem, delta: float, largest: int) -> np.ndarray:
    """Return 0 and 1, and for each type the first sizes that reach δ, 2δ, 3δ and so on."""
    cuts = [np.array([0, min(1, largest)])]
    for valuation in problem.valuations:
        top = float(_worth_of(valuation, np.array([largest]), problem.sigma)[0][0])
        levels = np.arange(1, int(np.floor(top / delta)) + 1) * delta
        cuts.append(_first_to_reach(valuation, problem.sigma, levels, largest))
    return np.unique(np.concatenate(cuts))


def _first_to_reach(valuation: Valuation, sigma: Array, levels: np.ndarray, largest: int) -> np.ndarray:
    """Bisection for all levels at once; the value at the largest size reaches all of them."""
    below, reached = np.zeros(len(levels), np.int64), np.full(len(levels), largest, np.int64)
    while np.any(reached - below > 1):
        middle = (below + reached) // 2
        enough = _worth_of(valuation, middle, sigma)[0] >= levels
        below, reached = np.where(enough, below, middle), np.where(enough, middle, reached)
    return reached


def _geometric(largest: int, growth: float) -> np.ndarray:
    """Return 0, 1, … with steps of at most growth times the size, and at least one point."""
    sizes = [0]
    while sizes[-1] < largest:
        sizes.append(sizes[-1] + max(1, int(sizes[-1] * growth)))
    return np.minimum(np.array(sizes), largest)

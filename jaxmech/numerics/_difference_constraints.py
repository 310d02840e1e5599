"""Difference constraints: the largest numbers that respect upper bounds and bounds on their differences."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxmech._extremes import lowest
from jaxmech._tolerances import tolerances
from jaxmech._types import Array, ArrayLike, Bool, Float, Int

ROOT = -1
"""Predecessor of a number that its own upper bound holds down."""


class Potentials(NamedTuple):
    """The largest solution of a system of difference constraints.

    Attributes:
        value: x; NaN where the system has no solution.
        predecessor: which constraint holds each number down: ``k`` for x_j = x_k + weight[j, k], :data:`ROOT` for
            x_j = bound_j. Following them from any j ends at a number with the predecessor ROOT. In a system without a
            solution they lead into a negative cycle instead: see :func:`negative_cycle`.
        feasible: whether there is a solution.
    """

    value: Float[Array, "... nodes"]
    predecessor: Int[Array, "... nodes"]
    feasible: Bool[Array, "..."]


def difference_constraints(bound: ArrayLike, weight: ArrayLike) -> Potentials:
    """Return the largest x with x_j <= bound_j and x_j <= x_k + weight[j, k]: shortest paths from a root.

    Every solution lies below this one in every component. Bellman and Ford's method, at most as many rounds as there
    are nodes; leading axes are a batch. It may be differentiated: the derivative follows the tight path (at ties of
    several paths, a mean of theirs).

    Args:
        bound: (..., nodes) upper bounds.
        weight: (..., nodes, nodes) bounds on differences; the diagonal is ignored.

    Returns:
        Potentials. A gain along a cycle below the rounding error of its weights does not count as negative.

    Source: Cormen, Leiserson, Rivest and Stein, Introduction to Algorithms, section 22.4 (third edition 24.4).

    Example:
        >>> found = difference_constraints([5.0, 9.0], [[0.0, 1.0], [2.0, 0.0]])
        >>> found.value.tolist(), found.predecessor.tolist()
        ([5.0, 7.0], [-1, 0])
    """
    start, edges = jnp.asarray(bound, dtype=float), jnp.asarray(weight, dtype=float)
    if isinstance(bound, jax.Array) and jnp.issubdtype(bound.dtype, jnp.floating):
        start, edges = bound, jnp.asarray(weight, bound.dtype)
    nodes = start.shape[-1]
    shape = jnp.broadcast_shapes(start.shape, edges.shape[:-1])
    start, edges = jnp.broadcast_to(start, shape), jnp.broadcast_to(edges, (*shape, nodes))
    edges = jnp.where(jnp.eye(nodes, dtype=bool), jnp.inf, edges)
    slack = _slack(start, edges)

    def relax(state: tuple[Array, Array, Array], _: None) -> tuple[tuple[Array, Array, Array], None]:
        value, predecessor, _moved = state
        through = value[..., None, :] + edges
        better = lowest(through, -1)
        # Only strict gains move a predecessor: equalities would tie cycles of weight zero into knots.
        moved = better < value - slack[..., None]
        predecessor = jnp.where(moved, jnp.argmin(through, axis=-1), predecessor)
        return (jnp.where(moved, better, value), predecessor, jnp.any(moved, axis=-1)), None

    first = (start, jnp.full(shape, ROOT), jnp.zeros(shape[:-1], bool))
    (value, predecessor, moved), _ = jax.lax.scan(relax, first, None, length=nodes)
    feasible = ~moved
    return Potentials(jnp.where(feasible[..., None], value, jnp.nan), predecessor, feasible)


def potentials(bound: Array, weight: Array) -> tuple[Array, Array]:
    """Return the largest x with x_j <= bound_j and x_j <= x_k + weight[j, k], and whether there is one, along lanes.

    The same as :func:`difference_constraints` for very many small systems: nodes lead, lanes trail.

    Args:
        bound: (nodes, *lanes).
        weight: (nodes, nodes, *lanes); a diagonal that is not negative does not matter.

    Source: Cormen, Leiserson, Rivest and Stein, Introduction to Algorithms, section 24.4.

    Example:
        >>> potentials(jnp.array([5.0, 9.0]), jnp.array([[0.0, 1.0], [2.0, 0.0]]))[0].tolist()
        [5.0, 7.0]
    """
    slack = 4 * tolerances(bound.dtype).eps * (jnp.max(jnp.abs(weight), axis=(0, 1)) + jnp.max(jnp.abs(bound), axis=0))
    value = moved = bound
    for _ in range(len(bound)):
        value, moved = jnp.minimum(value, lowest(value[None] + weight, 1)), value
    return value, jnp.all(moved - value <= slack, axis=0)


def tight_path(predecessor: ArrayLike, node: int) -> tuple[int, ...]:
    """Return why one number is not larger: the nodes from ``node`` to the one whose own bound binds.

    Args:
        predecessor: (nodes,) of a system with a solution.
        node: where to start.

    Source: Cormen, Leiserson, Rivest and Stein, Introduction to Algorithms, section 24.4.

    Example:
        >>> tight_path([-1, 0, 1], 2)
        (2, 1, 0)
    """
    links = np.asarray(predecessor)
    path = [node]
    while links[path[-1]] != ROOT:
        path.append(int(links[path[-1]]))
        if len(path) > len(links):
            raise ValueError("predecessors of a system without a solution lead in a circle")
    return tuple(path)


def negative_cycle(predecessor: ArrayLike) -> tuple[int, ...] | None:
    """Return nodes whose constraints contradict each other: x_a <= x_b + …, x_b <= x_c + …, …, x_z <= x_a + ….

    Args:
        predecessor: (nodes,) of a system.

    Returns:
        The nodes of a cycle of negative weight, each followed by its predecessor, or None if there is none.

    Source: Cormen, Leiserson, Rivest and Stein, Introduction to Algorithms, section 24.4.

    Example:
        >>> found = difference_constraints([1.0, 1.0], [[0.0, -2.0], [1.0, 0.0]])
        >>> negative_cycle(found.predecessor)
        (0, 1)
    """
    links = np.asarray(predecessor)
    for start in range(len(links)):
        seen: list[int] = []
        node = start
        while node != ROOT and node not in seen:
            seen.append(node)
            node = int(links[node])
        if node != ROOT:
            cycle = seen[seen.index(node) :]
            turn = cycle.index(min(cycle))
            return tuple(cycle[turn:] + cycle[:turn])
    return None


def _slack(bound: Array, weight: Array) -> Array:
    """Rounding error of a path: what must not count as a gain."""
    sizes = jnp.abs(jnp.where(jnp.isfinite(weight), weight, 0.0))
    largest = jnp.max(sizes, axis=(-2, -1), initial=0.0) + jnp.max(
        jnp.abs(jnp.where(jnp.isfinite(bound), bound, 0.0)), axis=-1, initial=0.0
    )
    return jax.lax.stop_gradient(4 * tolerances(bound.dtype).eps * largest)

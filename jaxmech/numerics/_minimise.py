"""Minimisation of a smooth function that is infinite where it has no meaning: L-BFGS with backtracking."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxmech._loops import as_different_as
from jaxmech._tolerances import tolerances
from jaxmech._types import Array, Float

_SUFFICIENT = 1e-4
"""Share of the decrease promised by the slope that a step must bring (Armijo)."""
_SHRINK = 0.4
_BACKTRACKS = 30
_LONGEST = 2.0
"""Largest change of a variable in one step; variables are logarithms of what is looked for."""
_FIRST = 0.1
_SMALLEST = 1e-37
_PATIENCE = 6
"""Steps in a row without progress after which the search ends; a line search in vain counts as two."""


class Minimum(NamedTuple):
    """Where a minimisation ended.

    Attributes:
        point: the last iterate, the best one.
        value: of the function there.
        slope: largest entry of the gradient there, relative to the value; ∞ where the value is not finite.
        steps: iterations used.
    """

    point: Float[Array, " n"]
    value: Float[Array, ""]
    slope: Float[Array, ""]
    steps: Array


class _State(NamedTuple):
    point: Array
    value: Array
    gradient: Array
    direction: Array
    length: Array
    moves: Array
    changes: Array
    stalled: Array
    backtracks: Array
    steps: Array


def minimise(
    function: Callable[[Array], Array], start: Float[Array, " n"], steps: Array | int = 300, memory: int = 12
) -> Minimum:
    """Return a local minimum of a smooth function, by L-BFGS.

    The function may be infinite or NaN: such points are stepped back from, so that a barrier or the edge of what has a
    meaning needs no constraint. (optax's line searches take the last trial when they run out of trials, finite or not.)
    It jits and vmaps: lanes that have ended wait. It is not differentiated through.

    Args:
        function: of one vector; finite at ``start``.
        start: of variables in which a change of 1 is large.
        steps: at most so many.
        memory: pairs of differences kept.

    Returns:
        The best point found. Where the function is not finite at the start, the start.

    Source: Nocedal and Wright, Numerical Optimization, 2nd edition, algorithms 3.1 and 7.4.

    Example:
        >>> found = minimise(lambda x: jnp.sum((x - jnp.arange(3.0)) ** 2), jnp.zeros(3))
        >>> found.point.round(4).tolist()
        [0.0, 1.0, 2.0]
    """
    both = jax.value_and_grad(function)
    accuracy = tolerances(start.dtype)

    def going(state: _State) -> Array:
        return (state.stalled < _PATIENCE) & (state.steps < steps)

    def advance(state: _State) -> _State:
        """Evaluate once: take the trial and turn to a new direction, or come back on the old one."""
        trial = state.point + state.length * state.direction
        value, gradient = both(trial)
        slope = jnp.vdot(state.direction, state.gradient)
        sound = jnp.isfinite(value) & jnp.all(jnp.isfinite(gradient))
        taken = sound & (value <= state.value + _SUFFICIENT * state.length * slope)
        backtracks = jnp.where(taken, 0, state.backtracks + 1)
        blind = ~taken & jnp.isinf(state.value)
        # a line search without success means that the differences mislead: start afresh from the gradient
        lost = backtracks > _BACKTRACKS
        move, change = state.length * state.direction, gradient - state.gradient
        curved = taken & (jnp.vdot(move, change) > accuracy.eps * _norm(move) * _norm(change))
        moves = jnp.where(curved, jnp.roll(state.moves, -1, axis=0).at[-1].set(move), state.moves)
        changes = jnp.where(curved, jnp.roll(state.changes, -1, axis=0).at[-1].set(change), state.changes)
        moves, changes = jnp.where(lost, 0.0, moves), jnp.where(lost, 0.0, changes)
        progress = state.value - value > accuracy.iterate * jnp.abs(value)
        still = jnp.where(progress, 0, state.stalled + 1)
        new = state._replace(
            point=jnp.where(taken, trial, state.point),
            value=jnp.where(taken, value, state.value),
            gradient=jnp.where(taken, gradient, state.gradient),
            moves=moves,
            changes=changes,
            stalled=jnp.where(taken, still, jnp.where(blind, _PATIENCE, state.stalled + jnp.where(lost, 2, 0))),
            backtracks=jnp.where(lost, 0, backtracks),
            steps=state.steps + 1,
        )
        turned = _downhill(new)
        return new._replace(
            direction=jnp.where(taken | lost, turned, state.direction),
            length=jnp.where(taken | lost, 1.0, state.length * _SHRINK),
        )

    nothing, zero = jnp.zeros((memory, *start.shape), start.dtype), jnp.zeros((), jnp.int32)
    flat, nowhere = jnp.zeros_like(start), jnp.asarray(jnp.inf, start.dtype)
    # The first evaluation is a step of length 0 that improves on ∞, or else the end.
    first = _State(start, nowhere, flat, flat, jnp.ones_like(nowhere), nothing, nothing, zero, zero, zero)
    end = jax.lax.while_loop(going, advance, as_different_as(start, first))
    steepest, level = jnp.max(jnp.abs(end.gradient)), jnp.abs(end.value)
    slope = jnp.where(steepest > 0, steepest / level, 0.0)
    return Minimum(end.point, end.value, jnp.where(jnp.isfinite(level), slope, jnp.inf), end.steps)


def _downhill(state: _State) -> Array:
    """A direction in which the function falls, of bounded length."""
    direction = -_two_loops(state)
    falls = jnp.vdot(direction, state.gradient) < 0
    steepest = -state.gradient * _FIRST / _largest(state.gradient)
    direction = jnp.where(falls, direction, steepest)
    return direction * jnp.minimum(1.0, _LONGEST / _largest(direction))


def _two_loops(state: _State) -> Array:
    """The gradient times the inverse Hessian that the differences describe; rows of zeros are no differences."""
    products = jnp.sum(state.moves * state.changes, axis=-1)
    known = products > 0
    safe = jnp.where(known, products, 1.0)

    def down(vector: Array, row: tuple[Array, Array, Array, Array]) -> tuple[Array, Array]:
        move, change, product, used = row
        weight = jnp.where(used, jnp.vdot(move, vector) / product, 0.0)
        return vector - weight * change, weight

    def up(vector: Array, row: tuple[Array, Array, Array, Array, Array]) -> tuple[Array, None]:
        move, change, product, used, weight = row
        back = jnp.where(used, weight - jnp.vdot(change, vector) / product, 0.0)
        return vector + back * move, None

    rows = (state.moves, state.changes, safe, known)
    vector, weights = jax.lax.scan(down, state.gradient, rows, reverse=True)
    latest = jnp.vdot(state.changes[-1], state.changes[-1])
    scale = jnp.where(known[-1], safe[-1] / jnp.where(latest > 0, latest, 1.0), _FIRST / _largest(state.gradient))
    vector, _ = jax.lax.scan(up, vector * scale, (*rows, weights))
    return vector


def _largest(vector: Array) -> Array:
    return jnp.maximum(jnp.max(jnp.abs(vector)), _SMALLEST)


def _norm(vector: Array) -> Array:
    return jnp.sqrt(jnp.vdot(vector, vector))

"""Spend equal budgets best: one instance or many, and the implicit derivative."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxmech._tolerances import tolerances
from jaxmech._types import Amounts, Array, Distributions
from jaxmech.numerics._equal_budgets import (
    Budgets,
    Guess,
    Point,
    advance,
    begin,
    factor,
    going,
    improve,
    proximal,
    start,
    unverified,
)
from jaxmech.numerics._lanes import total
from jaxmech.numerics._rows import through_rows
from jaxmech.numerics._stream import Method, lanes_for, stream

_RAISED_ROOT = 0.3  # eps to this power: what z on the support is in the factors of a derivative


class EqualBudgets(NamedTuple):
    """The best way to spend equal budgets.

    Attributes:
        share: f, of everybody's budget, (agents, distributions); exactly zero off the support.
        steps: interior-point steps and those on the support.
    """

    share: Amounts
    steps: Array


def spend_equal_budgets(output: Amounts, error: Distributions) -> EqualBudgets:
    """Minimise Σ_k w_k/σ_k with σ_k = Σ_i a_ik f_ik over shares f >= 0 with Σ_k f_ik = 1.

    A primal-dual interior-point method that ends on the exact support; a step costs O(m d²). Derivatives come from the
    optimality conditions on that support: shares that are zero stay zero.

    Args:
        output: a, non-negative; 0 where an agent cannot. Every distribution needs somebody who can; a row of zeros is
            an agent without a budget.
        error: w, positive.

    Returns:
        Shares and steps; how good the shares are is for the caller to judge by the optimality conditions.

    Source: this package: a dual of one number per distribution, where the paper has a convex program.
    """
    able = output > 0
    unit = jax.lax.stop_gradient(jnp.max(output, axis=0))
    scaled = jnp.where(able, output / unit, 0.0)
    worth = error / unit
    point, steps = _optimum(Budgets(scaled, worth / jax.lax.stop_gradient(jnp.max(worth))))
    return EqualBudgets(point.share, steps.astype(jnp.int32))


@jax.custom_jvp
def _optimum(data: Budgets) -> tuple[Point, Array]:
    point, steps = _rows(data)
    return point, steps.astype(data.error.dtype)


@_optimum.defjvp
def _optimum_jvp(primals: tuple[Budgets], tangents: tuple[Budgets]) -> tuple[Any, Any]:
    """Differentiate budgets, supplies and, on the support, μ_i = s_k a_ik."""
    (data,), (moved,) = primals, tangents
    point, steps = _optimum(data)
    support = point.share > 0
    outputs = jnp.where(support, moved.output / jnp.where(support, data.output, 1.0), 0.0)
    totals = jnp.sqrt(data.error / point.price)
    supply = data.output / totals
    ratio = point.share / tolerances(totals.dtype).eps ** _RAISED_ROOT
    factors = factor(supply, jnp.ones_like(ratio), ratio, data.error / totals)
    supplied = moved.error / data.error / 2 - total(supply * point.share * outputs, 0)
    change, prices, values = proximal(factors, ratio * outputs, jnp.zeros_like(point.value), supplied)
    tangent = Point(change, point.price * prices, point.value * values)
    return (point, steps), (tangent, jnp.zeros_like(steps))


def _solve_many(data: Budgets) -> tuple[Point, Array]:
    """Solve a batch (instances, ...)."""
    instances, m, d = data.output.shape
    lanes = lanes_for(max(m, d), d, data.output.dtype.itemsize)
    if lanes == 1 or instances == 1:
        return jax.lax.map(_solve_one, data)
    nobody = jnp.zeros(instances, bool)
    inside = Method(start, advance, going, lambda state: state)
    interior = stream(inside, data, nobody, lanes)
    end = Method(
        start=lambda row: begin(*row),
        advance=lambda row, state, active: improve(row[0], state, active),
        going=unverified,
        result=lambda state: state,
    )
    found = stream(end, (data, interior), nobody, lanes)
    return found.point, interior.steps + found.steps


def _blank(data: Budgets) -> tuple[Point, Array]:
    """Something of the same shapes and types."""
    return Point(data.output, data.error, data.output[:, 0]), jnp.zeros((), jnp.int32)


_rows = through_rows(_solve_many, like=_blank)


def _solve_one(data: Budgets) -> tuple[Point, Array]:
    always = jnp.array(True)
    interior = jax.lax.while_loop(going, lambda state: advance(data, state, always), start(data))
    found: Guess = jax.lax.while_loop(unverified, lambda state: improve(data, state, always), begin(data, interior))
    return found.point, interior.steps + found.steps

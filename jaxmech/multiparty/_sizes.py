"""One pass over data sizes finds the largest disparity at which a desirable mechanism exists: a pure kernel."""

import dataclasses
import math
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.dtypes import float0
from jaxtyping import Float, Int

from jaxmech._errors import ProblemError
from jaxmech._kept import jit
from jaxmech._pytree import pytree
from jaxmech._status import Solution, Status
from jaxmech._types import Array, ArrayLike
from jaxmech.multiparty._existence import rounding
from jaxmech.multiparty._growth import market_share
from jaxmech.multiparty._valuation import growth_rate, number_of_agents

MAX_SIZE = 10_000_000
"""Largest size that is searched to."""

_BLOCK = 256
"""Types that are worked on together."""


@pytree
@dataclasses.dataclass(frozen=True)
class Boundary:
    """Where desirable mechanisms end.

    Attributes:
        largest: largest disparity D/ε at which one exists; −1 if none failed up to ``searched_to``.
        searched_to: largest disparity that was looked at.
        margin: (2,) revenue relative to the whole market where one agent has all data: at the largest disparity (or
            where it is least, if none failed), and one step beyond (NaN if none failed).
        revenue: (searched_to + 1,) the same at every size; NaN beyond the first failure.
        left: (searched_to + 1,) what each size must be left; NaN beyond the first failure.
    """

    largest: Int[Array, ""]
    searched_to: Int[Array, ""]
    margin: Float[Array, " two"]
    revenue: Array
    left: Array


def largest_disparity(growth: ArrayLike, agents: int = 2, up_to: int = 100_000) -> Solution[Boundary]:
    """Return the largest D/ε at which a desirable mechanism exists in the paper's market, v_i = (Σ_j q_j)^α q_i.

    From one pass over sizes t = 1, 2, …: with the others at 0, type t must be left
    g(t) = max over 0 ≤ y < t of g(y) − n^α y^(1+α) + f(y, t), f(y, t) = ((n−1)y + t)^α t, and a desirable mechanism
    exists up to D if and only if g(t) ≤ (n t)^(1+α) for all t ≤ D. Why no other profile fails first:

    - Where nobody holds more than all others together, no misreport leaves an agent better off with her own model:
      g_i = f(s_i, t_i) with s_i = Σ_{j≠i} t_j. At a given total T that is convex in t_i, so the sum is largest with two
      agents at T/2, where it is 2^(1−α) (n T/2)^(1+α) / (n 2^(−α)) ≤ (n T)^(1+α).
    - Otherwise one has t > s, and by convexity the others are left most if one of them has all of s. Revenue is then
      r(t, s) = (n t)^(1+α) + H_s(t) − g_s(t), H_s(t) = n^(1+α)((t+s)^(1+α) − t^(1+α)) − f(t, s). By induction over t,
      g_s(t) ≤ g_0(t) + min(0, H_s(t)) and so r(t, s) ≥ r(t, 0): it is true of f(s, t); a lie t' of type t > t' + s
      gains f(t'+s, t) − f(t'+s, t'+s), as does the lie t'+s with s = 0; and min(0, H_s) does not decrease in t ≥ s
      (:func:`concentration_holds`): a premise that is checked numerically, at 4,000 values, not proven between them.

    Sizes are worked on in blocks. In t, f is concave and lies below its tangent, so that whole blocks of reports y are
    proven worse than a known one by two comparisons each, and skipped: about t²/512 powers instead of t²/2.

    Args:
        growth: α, at least −1; may be traced. Revenue and what must be left differentiate in it, forward and reverse,
            along the reports that bind; sizes are whole numbers and do not move.
        agents: n, at least two.
        up_to: largest disparity to look at.

    Returns:
        Solution around the boundary. The status is ALMOST if at some size revenue is so near to nothing that rounding
        could decide, as it is in float32 for disparities beyond a few dozen. The residual is that of the recursion at
        the last size that was looked at, with no block skipped, relative to the market.

    Raises:
        ProblemError: for numbers out of range.

    Source: Chen et al. 2020, section 6.2 and Figure 3; the argument is this package's.

    Example:
        >>> found = largest_disparity(-0.7, up_to=100).value
        >>> int(found.largest)
        38
    """
    rate, n = growth_rate(growth), number_of_agents(agents)
    if isinstance(up_to, bool) or not isinstance(up_to, (int, np.integer)) or not 1 <= up_to <= MAX_SIZE:
        raise ProblemError("up_to", up_to, f"must be a whole number from 1 to {MAX_SIZE:,}")
    solution: Solution[Boundary] = _differentiable(rate, n, int(up_to))
    return solution


@partial(jax.custom_jvp, nondiff_argnums=(1, 2))
def _differentiable(growth: Array, agents: int, up_to: int) -> Solution[Boundary]:
    return _search(growth, agents, up_to)


@_differentiable.defjvp
def _slope(agents: int, up_to: int, growth: tuple[ArrayLike], change: tuple[ArrayLike]) -> tuple[Any, Any]:
    """One number goes in: its slope, in forward mode, serves reverse mode as well."""
    rate = jnp.asarray(growth[0])
    solution, slopes = jax.jvp(lambda rate: _search(rate, agents, up_to), (rate,), (jnp.ones_like(rate),))
    return solution, jax.tree.map(lambda slope: slope if slope.dtype == float0 else slope * change[0], slopes)


@partial(jit, static_argnames=("agents", "up_to"))
def _search(growth: Array, agents: int, up_to: int) -> Solution[Boundary]:
    size = _BLOCK * math.ceil((up_to + 1) / _BLOCK)
    dtype = growth.dtype
    state = _State(
        block=jnp.zeros((), jnp.int32),
        left=jnp.zeros(size, dtype),
        guess=jnp.zeros((), jnp.int32),
        failed=jnp.asarray(size, jnp.int32),
    )
    blocks = size // _BLOCK

    def goes_on(state: _State) -> Array:
        return (state.block < blocks) & (state.failed == size)

    def advance(state: _State) -> _State:
        return _block(state, growth, agents, up_to)

    state = jax.lax.while_loop(goes_on, advance, state)
    return _conclude(state, growth, agents, up_to)


class _State(NamedTuple):
    """Everything known below the block that comes next.

    ``left[t]`` is what type t must be left, ``guess`` a report that nearly binds the next size, ``failed`` the first
    size at which the market does not suffice.
    """

    block: Array
    left: Array
    guess: Array
    failed: Array


def _whole(size: Array, growth: Array, agents: int) -> Array:
    """(n t)^(1+α), the whole market if one agent has all data; nothing without data."""
    positive = jnp.where(size > 0, size, 1.0)
    return jnp.where(size > 0, jnp.exp((1 + growth) * jnp.log(agents * positive)), 0.0)


def _block(state: _State, growth: Array, agents: int, up_to: int) -> _State:
    """The next sizes: first what earlier ones imply, then what they imply for each other."""
    dtype = state.left.dtype
    start = state.block * _BLOCK
    sizes = start + jnp.arange(_BLOCK, dtype=jnp.int32)
    t = sizes.astype(dtype)
    # Any known report will do to compare with; the one that binds the first size, moved along, is nearly the best.
    y = state.guess.astype(dtype)
    known = gain_of_report(state.left[state.guess], y, growth, agents) + market_share(y, t, growth, agents)
    known = jnp.where(state.block > 0, known, -jnp.inf)
    none = jnp.asarray(-jnp.inf, dtype), jnp.zeros((), jnp.int32)

    def against(chunk: Array, carry: tuple[Array, tuple[Array, Array]]) -> tuple[Array, tuple[Array, Array]]:
        best, leader = carry
        first = chunk * _BLOCK
        y = (first + jnp.arange(_BLOCK, dtype=jnp.int32)).astype(dtype)
        gain = gain_of_report(jax.lax.dynamic_slice(state.left, (first,), (_BLOCK,)), y, growth, agents)
        reached, worse = _compare(y, gain, (known[0], known[-1]), (t[0], t[-1]), growth, agents)
        top, where = jnp.max(reached), first + jnp.argmax(reached).astype(jnp.int32)
        leader = jnp.where(top > leader[0], top, leader[0]), jnp.where(top > leader[0], where, leader[1])
        best = jax.lax.cond(
            jnp.all(worse), lambda best: best, lambda best: _improve(best, y, gain, t, growth, agents), best
        )
        return best, leader

    best, (_, leader) = jax.lax.fori_loop(0, state.block, against, (known, none))
    best = jnp.where((state.block == 0) & (jnp.arange(_BLOCK) == 0), 0.0, best)
    best = _settle(best, t, growth, agents)
    whole = _whole(t, growth, agents)
    fails = (best > whole * (1 + rounding(dtype))) & (sizes <= up_to)
    moved = (leader.astype(dtype) * (t[-1] + 1) / jnp.maximum(t[0], 1.0)).astype(jnp.int32)
    return _State(
        block=state.block + 1,
        left=jax.lax.dynamic_update_slice(state.left, best, (start,)),
        guess=jnp.clip(moved, 0, start + _BLOCK - 1),
        failed=jnp.where(jnp.any(fails), sizes[jnp.argmax(fails)], state.failed),
    )


def _settle(best: Array, t: Array, growth: Array, agents: int) -> Array:
    """Let the sizes of a block report each other until nothing improves: as many rounds as a chain has links there."""
    earned = jnp.where(t[:, None] < t, market_share(t[:, None], t, growth, agents), -jnp.inf)

    def improve(carry: tuple[Array, Array]) -> tuple[Array, Array]:
        best, _ = carry
        top = jnp.max(gain_of_report(best, t, growth, agents)[:, None] + earned, axis=0)
        return jnp.maximum(best, top), jnp.any(top > best)

    settled, _ = jax.lax.while_loop(lambda carry: carry[1], improve, (best, jnp.asarray(True)))
    return settled


def gain_of_report(left: Array, y: Array, growth: Array, agents: int) -> Array:
    """g(y) − n^α y^(1+α): what reporting y brings beyond one's share of the market; 0 for staying away, y = 0."""
    return left - market_share(y, y, growth, agents)


def _compare(
    y: Array, gain: Array, known: tuple[Array, Array], ends: tuple[Array, Array], growth: Array, agents: int
) -> tuple[Array, Array]:
    """What reports y leave the first size of a block, and whether they are proven no better than a known one for all.

    In t the known one is concave, so above its chord; the others are concave too, so below their tangents at the first
    size. Linear functions compare by their ends.
    """
    first, last = ends
    total = (agents - 1) * y + first
    power = jnp.exp(growth * jnp.log(total))
    start = gain + power * first
    slope = power * ((agents - 1) * y + (1 + growth) * first) / total
    return start, (start <= known[0]) & (start + slope * (last - first) <= known[1])


def _improve(best: Array, y: Array, gain: Array, t: Array, growth: Array, agents: int) -> Array:
    """Compare every report of a chunk with every size of a block."""
    reached = gain[:, None] + jnp.exp(growth * jnp.log((agents - 1) * y[:, None] + t)) * t
    return jnp.maximum(best, jnp.max(reached, axis=0))


def _conclude(state: _State, growth: Array, agents: int, up_to: int) -> Solution[Boundary]:
    dtype = state.left.dtype
    sizes = jnp.arange(up_to + 1, dtype=jnp.int32)
    t = sizes.astype(dtype)
    left = state.left[: up_to + 1]
    whole = _whole(t, growth, agents)
    decided = sizes <= state.failed
    revenue = jnp.where(decided, jnp.where(sizes > 0, 1 - left / jnp.where(sizes > 0, whole, 1.0), jnp.inf), jnp.nan)
    failed = state.failed <= up_to
    beyond = jnp.minimum(state.failed, up_to)
    margin = jnp.where(
        failed,
        jnp.stack([revenue[beyond - 1], revenue[beyond]]),
        jnp.stack([jnp.nanmin(revenue), jnp.asarray(jnp.nan, dtype)]),
    )
    # Revenue that is nothing exactly is no accident: a market that does not grow is used up by one unit of data.
    unsure = jnp.any((jnp.abs(revenue) <= rounding(dtype)) & (revenue != 0))
    # The last size once more, against every report.
    last = beyond.astype(dtype)
    reached = jnp.where(
        t < last, gain_of_report(left, t, growth, agents) + market_share(t, last, growth, agents), -jnp.inf
    )
    wrong = jnp.abs(jnp.max(reached) - left[beyond]) / whole[beyond]
    sound = jnp.all(jnp.where(decided, jnp.isfinite(left), True))
    found = Boundary(
        largest=jnp.where(failed, state.failed - 1, -1),
        searched_to=beyond,
        margin=margin,
        revenue=revenue,
        left=jnp.where(decided, left, jnp.nan),
    )
    return Solution(
        value=found,
        status=jnp.where(sound, jnp.where(unsure, int(Status.ALMOST), int(Status.OK)), int(Status.NONFINITE)).astype(
            jnp.int32
        ),
        residual=jax.lax.stop_gradient(wrong),
        steps=state.block,
    )

"""Where desirable mechanisms end, without a table of profiles: what is known of a growth rate, and what proves it."""

import dataclasses
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Int

from jaxmech._kept import jit
from jaxmech._pytree import pytree
from jaxmech._status import Status
from jaxmech._types import Array, ArrayLike, Scalar
from jaxmech.mechanism import PROVEN, SEARCHED, Audit
from jaxmech.multiparty._existence import rounding
from jaxmech.multiparty._growth import concentration_holds, market_share, never_fails
from jaxmech.multiparty._sizes import Boundary, gain_of_report, largest_disparity
from jaxmech.multiparty._valuation import growth_rate, number_of_agents

LINKS = 64
"""Longest chain of binding constraints that is kept: reports fall by a constant factor where there are many sizes."""


@pytree
@dataclasses.dataclass(frozen=True)
class Verdict:
    """What is known of a growth rate. The fields are arrays; the properties read them, on the host.

    Attributes:
        found: the pass over sizes.
        growth: α.
        never: whether a desirable mechanism exists at every disparity, by proof.
        premise: whether revenue is least where one agent has all data, which the pass rests on.
        links: (LINKS,) sizes whose constraints bind at the first failure, largest first, then zeros.
        code: of the pass: OK, or ALMOST where rounding could decide or neither proof nor premise holds.
        error: its residual.
        agents: n.
    """

    found: Boundary
    growth: Scalar
    never: Bool[Array, ""]
    premise: Bool[Array, ""]
    links: Int[Array, " links"]
    code: Int[Array, ""]
    error: Scalar
    agents: int = dataclasses.field(metadata={"static": True})

    @property
    def largest(self) -> int | None:
        """Largest disparity at which a desirable mechanism exists, or None."""
        largest = int(self.found.largest)
        return largest if largest >= 0 else None

    @property
    def unbounded(self) -> bool:
        """Whether one exists at every disparity, by proof."""
        return bool(self.never)

    @property
    def searched_to(self) -> int:
        """Largest disparity that was looked at."""
        return int(self.found.searched_to)

    @property
    def chain(self) -> tuple[int, ...]:
        """Sizes whose constraints bind at the first failure, least first; empty if nothing failed."""
        return tuple(int(size) for size in np.asarray(self.links)[::-1] if size)

    @property
    def status(self) -> Status:
        """Of the pass: OK, or ALMOST where rounding could decide."""
        return Status.of(int(self.code))

    @property
    def residual(self) -> float:
        """Of the pass."""
        return float(self.error)

    @property
    def argument(self) -> str:
        """Why this is true of all profiles."""
        return _argument(float(self.growth), self.unbounded, bool(self.premise))


def boundary(growth: ArrayLike, agents: int = 2, up_to: int = 100_000) -> Verdict:
    """Search for the largest disparity and say what is proven about larger ones.

    Args:
        growth: α, at least −1; may be traced, and differentiates as :func:`largest_disparity`.
        agents: n, at least two.
        up_to: largest disparity to look at.

    Raises:
        ProblemError: for numbers out of range.

    Source: Chen et al. 2020, section 6.2; see :func:`largest_disparity` and :func:`never_fails`.

    Example:
        >>> boundary(-0.9).largest, boundary(-0.5, up_to=100).unbounded
        (1, True)
        >>> jax.vmap(lambda growth: boundary(growth, up_to=50).found.largest)(jnp.array([-0.9, -0.7])).tolist()
        [1, 38]
    """
    rate, n = growth_rate(growth), number_of_agents(agents)
    solution = largest_disparity(rate, n, up_to)
    found = solution.value
    many = jnp.asarray(n, rate.dtype)
    never, premise = never_fails(rate, n), concentration_holds(rate, many)
    # Where the premise of the pass fails, and nothing else says more, its answer is not to be relied on.
    doubt = (solution.status == Status.OK) & ~(never | premise)
    return Verdict(
        found=found,
        growth=rate,
        never=never,
        premise=premise,
        links=_chain(jax.lax.stop_gradient(found.left), found.largest + 1, jax.lax.stop_gradient(rate), n),
        code=jnp.where(doubt, int(Status.ALMOST), solution.status),
        error=solution.residual,
        agents=n,
    )


def boundary_audits(verdict: Verdict) -> tuple[Audit, ...]:
    """Return the two halves of a verdict with their margins: that mechanisms exist so far, and that none does beyond.

    Args:
        verdict: from :func:`boundary`.

    Returns:
        Audits; margins are revenue relative to the whole market. Host only.

    Source: Chen et al. 2020, section 6.2.

    Example:
        >>> [audit.holds for audit in boundary_audits(boundary(-0.7))]
        [True, True]
    """
    within, beyond = (float(margin) for margin in verdict.found.margin)
    slack = rounding(verdict.found.margin.dtype)
    reach = f"up to {verdict.searched_to if verdict.largest is None else verdict.largest:,}"
    size = int(np.nanargmin(np.asarray(verdict.found.revenue))) if verdict.largest is None else verdict.largest
    told = f"with {size:,} against 0, revenue is {within:.3g} of the market"
    claim = f"a desirable mechanism exists {'everywhere' if verdict.unbounded else reach}"
    known = PROVEN if verdict.unbounded or bool(verdict.premise) else SEARCHED
    audits = [Audit.judged(claim, within, slack, told, verdict.argument, known=known)]
    if verdict.largest is not None:
        told = f"with {verdict.largest + 1:,} against 0, revenue is {beyond:.3g} of the market"
        effort = "the chain of misreports that binds; one profile is enough"
        audits.append(Audit.judged("none exists beyond", -beyond, slack, told, effort, claimed=False))
    return tuple(audits)


@partial(jit, static_argnames="agents")
def _chain(left: Array, size: Array, growth: Array, agents: int) -> Array:
    """(LINKS,) the sizes from which binding constraints lead to this one, itself first, then zeros."""
    sizes = jnp.arange(left.shape[0], dtype=jnp.int32)
    y = jnp.maximum(sizes, 1).astype(left.dtype)

    def before(t: Array) -> Array:
        """The report that binds type t, or 0 where staying away does."""
        own = t.astype(left.dtype)
        reached = gain_of_report(left, y, growth, agents) + market_share(y, own, growth, agents)
        reached = jnp.where((sizes > 0) & (sizes < t), reached, -jnp.inf)
        binds = jnp.max(reached) > market_share(jnp.zeros_like(own), own, growth, agents)
        return jnp.where(binds, jnp.argmax(reached), 0).astype(jnp.int32)

    def follow(state: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
        links, link, t = state
        return links.at[link].set(t), link + 1, before(t)

    start = jnp.zeros(LINKS, jnp.int32), jnp.zeros((), jnp.int32), size.astype(jnp.int32)
    links, _, _ = jax.lax.while_loop(lambda state: (state[2] > 0) & (state[1] < LINKS), follow, start)
    return links


def _argument(growth: float, unbounded: bool, premise: bool) -> str:
    if growth >= 0:
        return "nobody is harmed by others' models, so that giving everybody the best one for nothing is desirable"
    least = (
        "revenue is least where one agent has all data (convexity and induction; its premise was checked "
        "numerically, at 4,000 values), so that one pass over her types decides for all profiles"
    )
    if unbounded and not premise:
        return "what one agent must be left is at most a constant times her own market, which revenue covers"
    if unbounded:
        return f"{least}, and what she must be left stays below the whole market however large she is"
    if not premise:
        return "not proven: revenue need not be least where one agent has all data, which is all that was looked at"
    return least

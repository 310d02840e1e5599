"""Whether some group of agents would rather leave together: all groups, or a descent through them. A host shell."""

import dataclasses
from typing import Any, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
import numpy as np

from jaxmech._batch import batch
from jaxmech._kept import jit
from jaxmech._tolerances import tolerances
from jaxmech._types import Array
from jaxmech.collaboration._blocking import Blocking, blocking
from jaxmech.collaboration._problem import Problem
from jaxmech.collaboration._units import in_equivalent_points

EVERY, EVERY_LIMITED = 16, 12
"""Up to so many agents all groups are looked at, 65,535 of them; with most, least or budget 4,095."""


@runtime_checkable
class Paid(Protocol):
    """Anything that says what agents pay if they stay."""

    @property
    def penalty(self) -> Any:
        """(agents,)."""
        ...


@dataclasses.dataclass(frozen=True)
class Core:
    """What groups who trust each other could save by leaving with their data, each compared with what the plan asks.

    Attributes:
        share: the largest part of her penalty that a group saves every member at least; negative if none does.
        group: that group, by index.
        samples: (agents, distributions) how its members then divide the work.
        least: the smallest group found that leaves, and of those the one that saves most; empty if none was found.
        bound: no group that was looked at can save all its members more.
        groups: how many were looked at.
        complete: whether these were all groups, and of each it is proven that it leaves or that it does not.
    """

    share: float
    group: tuple[int, ...]
    samples: np.ndarray
    least: tuple[int, ...]
    bound: float
    groups: int
    complete: bool

    @property
    def blocked(self) -> bool:
        """Whether some group leaves."""
        return bool(self.least)


@in_equivalent_points(returns=("samples",))
def core(problem: Problem, plan: Paid, *, whole: bool = False) -> Core:
    """Look for a group S and a division n_S with p_i(n_S) < p_i(plan) for all i in S, who then pool unchecked.

    Members trust each other: nobody is checked. That is another question than whether a group could run a mechanism of
    its own. Up to 16 agents, 12 with most, least or budget, all groups are looked at. Above, the search starts from
    everybody and leaves out one agent after the other, whoever's going leaves the most to the rest: of equal agents
    that misses nothing, of others finding none proves none.

    Args:
        problem: the problem.
        plan: what the agents pay if they stay.
        whole: whether groups that leave collect whole samples, as of a plan in whole samples; of fractions that would
            help everybody the nearest whole ones are looked at, which may miss some.

    Source: this package; the core of cooperative games, with the penalties of Clinton et al. 2025, Fact 2.

    Example:
        >>> from jaxmech.collaboration import solve
        >>> problem = Problem(costs=[[0.01]] * 5, sigma=1.0)
        >>> found = core(problem, solve(problem, mechanism="c3d").value)
        >>> len(found.least), round(found.share, 4), found.complete  # three of five, but best all of them
        (3, 0.354, True)
    """
    m, _ = problem.shape
    every = m <= (EVERY if problem.capacity is None else EVERY_LIMITED)
    masks, found = _every_group(problem, plan) if every else _fewer_and_fewer(problem, plan)
    if whole:
        found = _in_whole_samples(problem, np.asarray(plan.penalty, float), masks, found)
    share, bound = np.asarray(found.share), np.asarray(found.bound)
    slack = tolerances(problem.costs.dtype).claim
    best = int(np.nanargmax(share))
    leaves = np.flatnonzero(share > slack)
    sizes = masks.sum(axis=1)
    least = min(leaves, key=lambda at: (sizes[at], -share[at]), default=None)
    proven = (share > slack) | (bound <= slack)
    return Core(
        share=float(share[best]),
        group=_names(masks[best]),
        samples=np.asarray(found.samples[best]),
        least=() if least is None else _names(masks[least]),
        bound=float(np.max(bound)),
        groups=len(masks),
        complete=every and bool(proven.all()),
    )


def _in_whole_samples(problem: Problem, pays: np.ndarray, masks: np.ndarray, found: Blocking) -> Blocking:
    """The same groups with whole samples, rounded one by one so that the worst off of them pays least; bounds stay."""
    share, samples = np.array(found.share, float), np.array(found.samples, float)
    for at in np.flatnonzero(share > 0):
        share[at], samples[at] = _rounded(problem, pays, masks[at], samples[at])
    return Blocking(jnp.asarray(share), found.bound, jnp.asarray(samples))


def _rounded(problem: Problem, pays: np.ndarray, mask: np.ndarray, amounts: np.ndarray) -> tuple[float, np.ndarray]:
    """Down everywhere, then one more at a time where that leaves the worst off with most, up to so many as before."""
    price = np.broadcast_to(np.asarray(problem.price, float) * np.asarray(problem.sigma, float) ** 2, amounts.shape)
    costs = np.where(np.isfinite(problem.costs), np.asarray(problem.costs, float), 0.0)

    def saves(n: np.ndarray) -> float:
        with np.errstate(divide="ignore", invalid="ignore"):
            error = np.where(price > 0, price / n.sum(axis=0), 0.0)
            return float(np.min((1 - (error + costs * n).sum(axis=1) / pays)[mask], initial=np.inf))

    n = np.floor(amounts + _DUST)
    places = [(int(i), int(k)) for i, k in zip(*np.nonzero(amounts > n + _DUST), strict=True)]
    best = saves(n), n
    for _ in range(len(places)):
        more = [(n + _one(n.shape, place), place) for place in places]
        n, place = max(more, key=lambda one: saves(one[0]))
        places.remove(place)
        best = max(best, (saves(n), n), key=lambda one: one[0])
    return best


def _one(shape: tuple[int, ...], place: tuple[int, int]) -> np.ndarray:
    table = np.zeros(shape)
    table[place] = 1.0
    return table


_DUST = 1e-9


def _names(mask: np.ndarray) -> tuple[int, ...]:
    return tuple(int(i) for i in np.flatnonzero(mask))


def _every_group(problem: Problem, plan: Paid) -> tuple[np.ndarray, Blocking]:
    """All groups but the empty one, on all cores."""
    m, _ = problem.shape
    masks = (np.arange(1, 2**m)[:, None] >> np.arange(m)) % 2 == 1
    same = (problem.costs, problem.sigma, problem.price, problem.capacity, plan.penalty)
    # repeated, not closed over, so that one compilation serves all problems of a size
    repeated = jax.tree.map(lambda part: np.broadcast_to(np.asarray(part), (len(masks), *part.shape)), same)
    return masks, batch(_judged, (*repeated, masks))


def _judged(told: tuple[Any, ...]) -> Blocking:
    """One group of one problem."""
    costs, sigma, price, capacity, pays, members = told
    found: Blocking = blocking(Problem.unchecked(costs, sigma, price, capacity=capacity), pays, members)
    return found


@jit
def _without_each(problem: Problem, pays: Array, members: Array) -> Blocking:
    """The group without each of the agents, in turn, and last the group itself."""
    leaves = jnp.eye(len(members) + 1, len(members), dtype=bool)
    found: Blocking = jax.vmap(lambda gone: blocking(problem, pays, members & ~gone))(leaves)
    return found


def _fewer_and_fewer(problem: Problem, plan: Paid) -> tuple[np.ndarray, Blocking]:
    """Everybody, then without whoever leaves most to the others, down to one: every group on the way, and beside it."""
    m, _ = problem.shape
    told = Problem.unchecked(problem.costs, problem.sigma, problem.price, capacity=problem.capacity)
    members = np.ones(m, bool)
    masks: list[np.ndarray] = []
    parts: list[Blocking] = []
    while members.sum() > 1:
        found = jax.device_get(_without_each(told, plan.penalty, jnp.asarray(members)))
        looked = np.append(np.flatnonzero(members), [] if masks else [m]).astype(int)
        masks.append(members & ~np.eye(m + 1, m, dtype=bool)[looked])
        parts.append(jax.tree.map(lambda leaf, at=looked: leaf[at], found))
        fewer = masks[-1].sum(axis=1) < members.sum()
        shares = np.where(fewer & ~np.isnan(parts[-1].share), parts[-1].share, -np.inf)
        members = masks[-1][int(np.argmax(shares))]
    together: Blocking = jax.tree.map(lambda *leaves: np.concatenate(leaves), *parts)
    return np.concatenate(masks), together

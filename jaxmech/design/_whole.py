"""Designs in whole samples: roundings of a candidate, with comparison sets and levels of their own."""

from collections.abc import Callable, Iterable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxmech._types import Array
from jaxmech.collaboration import Plan, Role, best_whole_alone
from jaxmech.design._candidates import Candidate, Kinds
from jaxmech.design._improve import Crowd, Layout, others, slacks
from jaxmech.design._scheme import Settled, Terms, settle
from jaxmech.design._wishes import Wishes

HOWS: tuple[Callable[[np.ndarray], np.ndarray], ...] = (np.round, np.ceil, np.floor)
"""Ways to round."""
_LEAST = np.array([1.0, 2.0, 4.0, 8.0, 16.0, 32.0])
"""Sizes of comparison sets to begin with; a few points are not enough where failing would cost everything."""
_SWEEPS = 4
_SETTLED = 1e-9


def rounded(kinds: Kinds, candidate: Candidate, wishes: Wishes) -> list[Candidate]:
    """Return whole numbers near a candidate, with levels of their own.

    Amounts are rounded in several ways, to at least 1 where agents are checked; once more with those let off who are
    asked for less than half a sample.
    """
    fewer = candidate.checked & (np.round(candidate.samples) >= 1)
    supports = [(candidate.checked, how) for how in HOWS]
    if np.any(fewer != candidate.checked):
        supports.append((fewer, np.round))
    return [_whole(kinds, candidate._replace(checked=checked), wishes, how) for checked, how in supports]


def from_published(kinds: Kinds, plans: Iterable[Plan], wishes: Wishes) -> list[Candidate]:
    """Return thresholds, linked ones too where that is allowed, for the amounts and roles of plans in whole samples."""
    linked = (False, True) if wishes.linked and kinds.costs.shape[1] > 1 else (False,)
    return [_whole(kinds, _of_plan(kinds, plan, link), wishes, np.round) for plan in plans for link in linked]


def _of_plan(kinds: Kinds, plan: Plan, linked: bool) -> Candidate:
    """A plan's amounts and roles, with as many points compared as each collects; the rest is to be settled."""
    samples, role = np.zeros(kinds.costs.shape), np.full(kinds.costs.shape, int(Role.RECEIVES))
    # where a plan treats equal agents differently, the last of them stands for her kind
    samples[kinds.kind], role[kinds.kind] = np.asarray(plan.samples, float), np.asarray(plan.role)
    some, alone = samples > 0, role == Role.ALONE
    return Candidate(
        samples=samples,
        comparison=samples,
        rest=np.zeros_like(samples),
        level=np.full_like(samples, np.inf),
        success=np.ones_like(samples),
        penalty=np.full(len(samples), np.nan),
        alone=alone & some,
        checked=some & ~alone,
        social=np.inf,
        linked=linked,
        origin="amounts of a published plan, linked thresholds"
        if linked
        else "amounts of a published plan, thresholds",
    )


def whole_samples(
    kinds: Kinds, samples: np.ndarray, roles: tuple[np.ndarray, np.ndarray], how: Callable[[np.ndarray], np.ndarray]
) -> np.ndarray:
    """Round what checked agents collect, to at least 1; who is alone takes the whole number that is best for her.

    Args:
        kinds: of all distributions in question.
        samples: n, by kind.
        roles: who is alone, who is checked.
        how: to round.
    """
    alone, checked = roles
    own = np.asarray(best_whole_alone(kinds.problem))
    return np.where(alone, own, np.where(checked, np.maximum(how(samples), 1.0), 0.0))


def _whole(kinds: Kinds, candidate: Candidate, wishes: Wishes, how: Callable[[np.ndarray], np.ndarray]) -> Candidate:
    checked, alone = candidate.checked, candidate.alone
    samples = whole_samples(kinds, candidate.samples, (alone, checked), how)
    theirs = np.where(alone, 0.0, others(kinds.weight, samples))
    tied = checked.any(axis=1, keepdims=True) if candidate.linked else checked
    changing = np.broadcast_to(tied & ~alone, checked.shape)
    comparison = np.where(changing, np.minimum(np.maximum(np.round(candidate.comparison), 1.0), theirs), theirs)
    level, success = np.full(samples.shape, np.inf), np.ones(samples.shape)
    penalty, sound = np.zeros(len(level)), True
    for column in _columns(candidate):
        settling = _Settling(kinds.crowd(wishes, column), alone[:, column], checked[:, column], samples[:, column])
        comparison[:, column] = settling.best(comparison[:, column], changing[:, column], theirs[:, column])
        found, good = settling.at(comparison[None, :, column], theirs[:, column])
        level[:, column], success[:, column] = found.level[0], np.asarray(found.success)[0, :, None]
        penalty += np.asarray(found.penalty)[0]
        sound &= bool(np.all(good))
    return candidate._replace(
        samples=samples,
        comparison=comparison,
        rest=theirs - comparison,
        level=level,
        success=success,
        penalty=penalty,
        origin=f"{candidate.origin}, whole samples",
        social=float(np.sum(np.where(kinds.weight > 0, kinds.weight * penalty, 0.0))) if sound else np.inf,
    )


def _columns(candidate: Candidate) -> list[slice]:
    """Distributions whose levels belong together."""
    d = candidate.samples.shape[1]
    return [slice(None)] if candidate.linked else [slice(k, k + 1) for k in range(d)]


class _Settling(NamedTuple):
    """What fixes the levels apart from comparison sets."""

    crowd: Crowd
    alone: np.ndarray
    checked: np.ndarray
    samples: np.ndarray

    def at(self, comparison: np.ndarray, theirs: np.ndarray) -> tuple[Settled, np.ndarray]:
        """Levels for several tables of comparison sets, and for which kinds everything is so that a design needs."""
        layout = Layout(jnp.asarray(self.alone), jnp.asarray(self.checked))
        found, good = _settle(self.crowd, layout, jnp.asarray(self.samples), jnp.asarray(comparison), theirs)
        return found, np.asarray(good)

    def best(self, comparison: np.ndarray, changing: np.ndarray, theirs: np.ndarray) -> np.ndarray:
        """Return the comparison sets that cost each kind least: they concern nobody else, so all are sought at once."""
        tables = np.minimum(np.maximum(comparison, _LEAST[:, None, None]), theirs)
        best = self._better(comparison, np.where(changing, tables, comparison), theirs)
        for _ in range(_SWEEPS):
            before = best
            for k in range(best.shape[1]):
                tables = np.tile(best, (len(_LEAST), 1, 1))
                tables[:, :, k] = np.clip(_near(best[:, k]), 1.0, np.maximum(theirs[:, k], 1.0))
                best = self._better(best, np.where(changing, np.minimum(tables, theirs), best), theirs)
            if np.array_equal(best, before):
                break
        return best

    def _better(self, best: np.ndarray, tables: np.ndarray, theirs: np.ndarray) -> np.ndarray:
        """Of every kind the table that costs her least; the first of those that cost the same."""
        tables = np.concatenate([best[None], tables])
        found, good = self.at(tables, theirs)
        place = np.argmin(np.where(good, np.asarray(found.penalty), np.inf), axis=0)
        return np.asarray(tables[place, np.arange(len(best))])


def _near(comparison: np.ndarray) -> np.ndarray:
    """Numbers of points to try instead of these."""
    up, down = np.round(1.3 * comparison), np.round(comparison / 1.3)
    return np.stack([2 * comparison, np.round(comparison / 2), up, down, comparison + 1, comparison - 1])


@jax.jit
def _settle(crowd: Crowd, layout: Layout, samples: Array, comparison: Array, theirs: Array) -> tuple[Settled, Array]:
    """Levels, and for which kinds everything that a design needs is so, for tables of comparison sets side by side."""

    def one(comparison: Array) -> tuple[Settled, Array]:
        terms = Terms(samples, comparison, theirs - comparison, layout.checked)
        found = settle(terms, crowd.stake)
        # whoever gets all that she can get compares whole numbers: one more sample pays if T (T + 1) < e/c
        free = ~layout.checked & ~layout.alone & (terms.rest <= 0)
        enough = crowd.stake.finite_costs * comparison * (comparison + 1) >= crowd.stake.error * (1 - _SETTLED)
        found = found._replace(spare=jnp.where(free, jnp.where(enough, 1.0, -1.0), found.spare))
        room = jnp.all(slacks(crowd, layout, terms, found) > 0, axis=-1)
        return found, (crowd.weight <= 0) | (room & (found.residual < _SETTLED))

    result: tuple[Settled, Array] = jax.vmap(one)(comparison)
    return result

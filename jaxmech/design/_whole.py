"""Designs in whole samples: roundings of a candidate, with levels of their own, improved sample by sample."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from jaxmech._types import Array
from jaxmech.collaboration import best_whole_alone
from jaxmech.design._candidates import Candidate, Kinds
from jaxmech.design._improve import Crowd, Layout, others, slacks
from jaxmech.design._scheme import Settled, Terms, settle
from jaxmech.design._wishes import Wishes

HOWS: tuple[Callable[[np.ndarray], np.ndarray], ...] = (np.round, np.ceil, np.floor)
"""Ways to round."""
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
    theirs = others(kinds.weight, samples)
    clean = np.where(checked, np.maximum(np.round(candidate.comparison), 1.0), np.round(candidate.comparison))
    tied = checked.any(axis=1, keepdims=True) if candidate.linked else checked
    comparison = np.where(alone, 0.0, np.where(tied, np.minimum(clean, theirs), theirs))
    rest = np.where(alone, 0.0, theirs - comparison)
    terms = Terms(*(jnp.asarray(part) for part in (samples, comparison, rest, checked)))
    return settled(kinds, candidate, wishes, terms)


def settled(kinds: Kinds, candidate: Candidate, wishes: Wishes, terms: Terms) -> Candidate:
    """Return the candidate with other terms and the levels that belong to them; its social penalty is ∞ if none do."""
    d = terms.samples.shape[1]
    columns = [slice(None)] if candidate.linked else [slice(k, k + 1) for k in range(d)]
    level, success = np.full(terms.samples.shape, np.inf), np.ones(terms.samples.shape)
    penalty, sound = np.zeros(len(level)), True
    for column in columns:
        part = jax.tree.map(lambda table, column=column: table[:, column], terms)
        layout = Layout(jnp.asarray(candidate.alone[:, column]), part.checked)
        found, good = _settle(kinds.crowd(wishes, column), layout, part)
        level[:, column], success[:, column] = found.level, np.asarray(found.success)[:, None]
        penalty += np.asarray(found.penalty)
        sound &= bool(good)
    samples, comparison, rest, checked = (np.asarray(getattr(terms, name)) for name in _TERMS)
    return candidate._replace(
        samples=samples,
        comparison=comparison,
        rest=rest,
        level=level,
        success=success,
        penalty=penalty,
        checked=checked,
        origin=f"{candidate.origin}, whole samples",
        social=float(np.sum(np.where(kinds.weight > 0, kinds.weight * penalty, 0.0))) if sound else np.inf,
    )


_TERMS = ("samples", "comparison", "rest", "checked")


@jax.jit
def _settle(crowd: Crowd, layout: Layout, terms: Terms) -> tuple[Settled, Array]:
    """Levels, and whether everything that a design needs is so."""
    found = settle(terms, crowd.stake)
    # whoever gets all that she can get compares whole numbers: one more sample pays if T (T + 1) < e/c
    given = terms.comparison
    free = ~terms.checked & ~layout.alone & (terms.rest <= 0)
    enough = crowd.stake.finite_costs * given * (given + 1) >= crowd.stake.error * (1 - _SETTLED)
    found = found._replace(spare=jnp.where(free, jnp.where(enough, 1.0, -1.0), found.spare))
    there = crowd.weight[:, None] > 0
    room = jnp.where(there, slacks(crowd, layout, terms, found), 1.0)
    return found, jnp.all(room > 0) & (jnp.max(jnp.where(there[:, 0], found.residual, 0.0)) < _SETTLED)

"""Who is pivotal under a design: what everybody pays if one agent leaves or delivers half. A host shell."""

import dataclasses

import jax.numpy as jnp
import numpy as np

from jaxmech._progress import tell
from jaxmech.collaboration import Pivotal, Problem, alone_penalty
from jaxmech.design._misstated import Making
from jaxmech.design._plan import Design
from jaxmech.design._signed import signed


def absent_penalties(problem: Problem, design: Design) -> np.ndarray | None:
    """Return what everybody pays if one agent hands in nothing and the others do as agreed, (agents, agents).

    Row j is about agent j's absence, column i is what i pays, in closed form; her own entry is NaN. What is left is
    given out as :func:`jaxmech.design.designed_mechanism` does: first |Z′| is smaller, then |Z|; limits stay as signed.

    Args:
        problem: the problem.
        design: whose rule is a threshold.

    Returns:
        None where limits follow the data, checks lie in an ellipsoid, agents differ in precision, or there are too
        many of them.

    Source: this package.

    Example:
        >>> from jaxmech.design import design
        >>> three = Problem([[0.033], [0.066], [0.1]], 10.0)
        >>> absent_penalties(three, design(three).value).round(2).tolist()  # agent 1 collects for all
        [[nan, inf, inf], [3.63, nan, 1.82], [3.63, 1.82, nan]]
    """
    terms = signed(problem, design)
    if terms is None or len(terms.n) ** 2 * terms.n.shape[1] > _MOST:
        return None
    theirs = terms.n.sum(axis=0) - terms.n
    table = np.array([terms.left(theirs - given).penalty() for given in terms.n])
    np.fill_diagonal(table, np.nan)
    return table


_MOST = 200_000
"""So many pairs of agents, times distributions, are gone through, and no more."""


def absent_from(
    problem: Problem, design: Design, make: Making, share: float = 0.5, anew: frozenset[int] | None = None
) -> Pivotal:
    """Return p_i for every agent i and every agent j who leaves, delivers less, or is replaced by a new design.

    With fewer points of the others the design hands out what is there: first |Z′| is smaller, then |Z|; limits stay as
    signed, so that the chance to keep one is that of the smaller |Z|. All are expected penalties in closed form.

    Args:
        problem: the problem.
        design: whose rule is a threshold.
        make: makes the design of the others.
        share: of her points that agent j delivers in ``short``.
        anew: without whom a new design is made; without all others it is not known, NaN. None: without each.

    Source: :func:`jaxmech.collaboration.pivotal`, with designs for plans.
    """
    terms = signed(problem, design)
    assert terms is not None
    m = len(terms.n)
    alone, pays = np.asarray(alone_penalty(problem), float), terms.penalty()
    absent, short, others = np.empty((m, m)), np.empty((m, m)), np.full((m, m), np.nan)
    theirs = terms.n.sum(axis=0) - terms.n
    for j in range(m):
        tell("agents who leave", j, m)
        absent[j] = terms.left(theirs - terms.n[j]).penalty()
        short[j] = terms.left(theirs - (1 - share) * terms.n[j]).penalty()
        half = np.where(np.arange(m)[:, None] == j, share * terms.n, terms.n)
        short[j, j] = dataclasses.replace(terms, n=half).penalty()[j]
        if anew is None or j in anew:
            others[j] = _anew(problem, j, make)
        absent[j, j] = others[j, j] = alone[j]
    return Pivotal(*(jnp.asarray(table) for table in (pays, absent, short, others)))


def _anew(problem: Problem, j: int, make: Making) -> np.ndarray:
    """What the others pay under a design of their own; ∞ where nobody can measure something, NaN without a proof."""
    costs = np.delete(np.asarray(problem.costs, float), j, axis=0)
    if not len(costs) or not np.isfinite(costs).any(axis=0).all():
        return np.full(len(costs) + 1, np.inf)
    made = make(costs)
    paid = np.full(len(costs), np.nan) if made is None else np.asarray(made.penalty, float)
    return np.insert(paid, j, 0.0)

"""What becomes of a design where σ is not as agreed, or one agent does half or makes numbers up: a host shell."""

import dataclasses
import functools
import math
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from jaxmech.collaboration import Harm, Problem
from jaxmech.design._plan import Design
from jaxmech.design._signed import Signed, signed

_PARTS = (0.0, *np.geomspace(0.1, 4.0, 38).tolist())
"""Parts of the agreed amount that a tempted agent may collect instead."""

_MOST = 20_000
"""So many pairs of agents, times distributions, are gone through one by one, and no more."""


class Otherwise(NamedTuple):
    """What a design brings under another σ than it was made for, all do as agreed; (agents,) arrays.

    Attributes:
        penalty: what each agent pays.
        saving: what each could save, who knows σ, by another amount of one distribution on which she is checked; a
            lower bound by a grid.
        failure: (agents, distributions) chance that an honest agent's rest is not clean.
    """

    penalty: np.ndarray
    saving: np.ndarray
    failure: np.ndarray


def otherwise(problem: Problem, design: Design, factor: float) -> Otherwise | None:
    """Return what each agent pays, and could save, where every σ is ``factor`` times what a design takes it for.

    Limits stay as signed, in the unit of the data: so an honest agent keeps one with the chance P(|N| ≤ t/(sσ√(1/n +
    1/z))), and errors grow by s², weighed for the agreed σ.

    Args:
        problem: the problem.
        design: whose rule is a threshold, as :func:`design` makes them.
        factor: s, positive.

    Returns:
        None where limits follow the data, checks lie in an ellipsoid, or agents differ in precision.

    Source: the module ``_account`` for penalties at the agreed σ; the rest is this package's.
    """
    terms = signed(problem, design)
    if terms is None:
        return None
    paid, checked, limits = terms.penalty(factor), np.isfinite(terms.limit), problem.capacity
    best = paid
    for k in np.flatnonzero(checked.any(axis=0)):
        for part in _PARTS:
            change = np.where((np.arange(terms.n.shape[1]) == k) & checked, part, 1.0)
            other = dataclasses.replace(terms, n=terms.n * change)
            allowed = limits is None or np.asarray(limits.allows(problem.costs, jnp.asarray(other.n)))
            best = np.where(allowed, np.minimum(best, other.penalty(factor)), best)
    return Otherwise(paid, paid - best, 1 - terms.clean(terms.passes(factor)))


def harm_of_design(problem: Problem, design: Design, off: float = 1.0) -> Harm | None:
    """Return what the others lose by each agent who hands in half, or numbers that she made up; see ``harm``.

    Half: others' points are drawn from fewer, so that |Z′|, and then |Z|, can be smaller. Made up, off by δσ: h of her
    points are among the z that j is compared with, hypergeometric, so that ȳ − z̄ ~ N(−hδσ/z, σ²(1/n + 1/z)) sets the
    chance to pass; h′ more are in her rest. With N points her error is σ²/N + E(h + h′)² δ²σ²/N², or without the rest.

    Args:
        problem: the problem.
        design: in whole samples, whose rule is a threshold.
        off: δ, by how many σ the mean of her made-up numbers is off.

    Returns:
        Arrays (agents, distributions); None where numbers of points are no whole ones, limits follow the data, checks
        lie in an ellipsoid, agents differ in precision, or there are too many of them.

    Source: Clinton et al. 2025, section 3.2, for the question of what others rely on; the sums are this package's.
    """
    terms = signed(problem, design)
    if terms is None or terms.n.shape[0] ** 2 * terms.n.shape[1] > _MOST:
        return None
    if any(not np.array_equal(part, np.rint(part)) for part in (terms.n, terms.z, terms.rest)):
        return None
    fewer, invented = np.zeros(terms.n.shape), np.zeros(terms.n.shape)
    for i, k in zip(*np.nonzero(terms.n), strict=True):
        fewer[i, k] = _fewer(terms, int(i), int(k))
        invented[i, k] = sum(_invented(terms, int(i), j, int(k), off) for j in range(len(terms.n)) if j != i)
    return Harm(jnp.asarray(fewer), jnp.asarray(invented))


def _fewer(terms: Signed, i: int, k: int) -> float:
    """What all others lose where half of her points are missing."""
    left = terms.n[:, k].sum() - terms.n[:, k] - terms.n[i, k] / 2
    z, rest = terms.z.copy(), terms.rest.copy()
    z[:, k] = np.minimum(z[:, k], left)
    rest[:, k] = np.minimum(rest[:, k], left - z[:, k])
    lost = dataclasses.replace(terms, z=z, rest=rest).penalty() - terms.penalty()
    return float(np.delete(lost, i).sum())


def _invented(terms: Signed, i: int, j: int, k: int, off: float) -> float:
    """What one other loses where hers on one distribution are off."""
    n, z, rest, limit = (float(part[j, k]) for part in (terms.n, terms.z, terms.rest, terms.limit))
    if z + rest == 0:
        return 0.0
    hers, everything = int(terms.n[i, k]), int(terms.n[:, k].sum() - n)
    clean, other = terms.errors()
    passes = terms.passes(1.0)[j]
    rest_of = float(np.delete(passes, k).prod()) if terms.linked else 1.0
    kept, found, chance = 1 / (1 + terms.beyond), 0.0, 0.0
    for h, weight in _hypergeometric(everything, hers, int(z)):
        ok = _keeps(limit, h * off / z if z else 0.0, n, z)
        left = everything - z
        rate = (hers - h) / left if left else 0.0
        more = rest * rate
        spread = more * (1 - rate) * (left - rest) / (left - 1) if left > 1 else 0.0
        passing = clean[j, k] + off**2 * ((h + more) ** 2 + spread) / (n + z + rest) ** 2
        sure = n + z + rest * kept
        failing = other[j, k] + (off**2 * ((h + kept * more) ** 2 + kept**2 * spread) / sure**2 if sure else 0.0)
        success = ok * rest_of
        found += weight * (success * passing + ((1 - success) * failing if success < 1 else 0.0))
        chance += weight * ok
    honest = terms.clean(terms.passes(1.0))[j]
    base = honest[k] * clean[j, k] + ((1 - honest[k]) * other[j, k] if honest[k] < 1 else 0.0)
    lost = terms.worth[j, k] * (found - base) if terms.worth[j, k] > 0 else 0.0
    if terms.linked:  # whose limit is missed here loses the rest of all
        elsewhere = np.delete(np.where(terms.worth[j] > 0, terms.worth[j] * (other[j] - clean[j]), 0.0), k)
        lost += (passes[k] - chance) * rest_of * float(elsewhere.sum())
    return float(lost)


def _keeps(limit: float, shift: float, n: float, z: float) -> float:
    """Chance that a discrepancy about ``shift`` is within the limit, in σ."""
    if math.isinf(limit):
        return 1.0
    scale = math.sqrt(2 * (1 / n + 1 / z))
    return (math.erf((limit - shift) / scale) + math.erf((limit + shift) / scale)) / 2


@functools.lru_cache(1024)
def _hypergeometric(everything: int, marked: int, drawn: int) -> tuple[tuple[int, float], ...]:
    """How many of the marked are among those drawn, with its chance."""
    total = math.comb(everything, drawn)
    every = range(max(0, drawn - (everything - marked)), min(marked, drawn) + 1)
    return tuple((h, math.comb(marked, h) * math.comb(everything - marked, drawn - h) / total) for h in every)

"""What an agent gains by misstating her costs to whoever designs: designs made anew for what she says. A host shell."""

import dataclasses
from collections.abc import Callable, Iterator

import jax.numpy as jnp
import numpy as np

from jaxmech._tolerances import tolerances
from jaxmech.collaboration import Misreport, Problem
from jaxmech.design._plan import Design
from jaxmech.design._signed import Signed, signed

Making = Callable[[np.ndarray], Design | None]
"""The design for costs, (agents, distributions); None where nothing was proven or nobody can measure something."""

FARTHEST = 32.0
"""Costs are reported up to so many times too high or too low."""

_GRID, _ZOOMS, _POINTS = 96, 6, 17
"""Amounts that are tried for a distribution, and how often, and how finely, the surroundings of the best are."""


@dataclasses.dataclass(frozen=True)
class Effort:
    """How many reports are tried, in one direction: an odd number of factors, the truth among them, and ∞; then more.

    Attributes:
        factors: in the first scan, from 1/32 to 32 evenly in their logarithm.
        closer: about the best one, between its neighbours; 0 for none.
    """

    factors: int
    closer: int

    @property
    def designs(self) -> int:
        """How many designs are made at most: none for the truth."""
        return self.factors + self.closer

    @staticmethod
    def within(designs: int) -> "Effort":
        """Return the widest search in one direction with about so many designs, five at least."""
        factors = max(5, min(17, designs * 2 // 3)) | 1
        return Effort(factors, max(0, min(16, designs - factors)))


def misstated(
    problem: Problem, honest: Design, agent: int, make: Making, effort: Effort, *, whole: bool, together: bool = False
) -> Misreport:
    """Search for the report of her costs that serves an agent best: min over ĉ of p_i at her true c under design(ĉ).

    The others say the truth and follow the design that is made for all reports. She follows it too, or collects what is
    best for her at her true costs and hands that in as it is, whichever is less. Her reports: the same factor on one
    of her costs or on all of them, or ∞, "cannot"; the surroundings of the best factor are looked at again. What it
    finds is a lower bound.

    Args:
        problem: with the true costs.
        honest: the design for these.
        agent: her index.
        make: makes the others.
        effort: how many reports.
        whole: whether she collects whole samples.
        together: whether her costs are misstated all together alone, and not each of them by itself.

    Source: :func:`jaxmech.collaboration.cost_misreport`, with designs for plans.
    """
    truth = np.asarray(problem.costs, float)[agent]
    judge = _Judge(problem, honest, agent, make, whole)
    directions = list(_directions(truth))[-1:] if together else _directions(truth)
    first = [report for which in directions for report in _reports(truth, which, _factors(effort.factors))]
    found = [judge.judged(report) for report in first]
    every = list(zip(first, found, strict=True))
    if effort.closer:
        step = np.log(FARTHEST) * 2 / (effort.factors - 1)
        report, _ = min(every, key=lambda one: one[1].least)
        every += [(again, judge.judged(again)) for again in _closer(truth, report, step, effort.closer)]
    pays = judge.judged(truth).obeying
    report, best = min(every, key=lambda one: one[1].least)
    if not best.least < pays * (1 - tolerances(problem.costs.dtype).optimality):
        report, best = truth, _Judged(pays, pays, np.asarray(honest.samples, float)[agent])
    reports = np.array([one for one, _ in every])
    obeying, least = (np.array([getattr(one, name) for _, one in every]) for name in ("obeying", "least"))
    known = np.isfinite(least) | np.isfinite(obeying)
    return Misreport(
        gain=jnp.asarray(pays - best.least),
        pays=jnp.asarray(pays),
        report=jnp.asarray(report),
        amount=jnp.asarray(best.amount),
        reports=jnp.asarray(reports),
        obeying=jnp.asarray(np.where(known, obeying, np.nan)),
        least=jnp.asarray(np.where(known, least, np.nan)),
    )


@dataclasses.dataclass(frozen=True)
class _Judged:
    """Of one report: what she pays if she obeys, and at best; how much she collects then. ∞ without a design."""

    obeying: float
    least: float
    amount: np.ndarray


@dataclasses.dataclass(frozen=True)
class _Judge:
    problem: Problem
    honest: Design
    agent: int
    make: Making
    whole: bool

    def judged(self, report: np.ndarray) -> _Judged:
        said = np.array(self.problem.costs, float)
        truth = said[self.agent].copy()
        said[self.agent] = report
        made = self.honest if np.array_equal(report, truth) else self._made(said)
        if made is None:
            return _Judged(np.inf, np.inf, truth * np.nan)
        terms = signed(self.problem, made)  # at her true costs
        assert terms is not None
        asked = terms.n[self.agent]
        obeying = float(terms.of(self.agent, asked[None]).penalty()[0])
        least, amount = best_amounts(terms, self.agent, whole=self.whole)
        return _Judged(obeying, min(least, obeying), amount if least < obeying else asked)

    def _made(self, said: np.ndarray) -> Design | None:
        return self.make(said) if np.isfinite(said).any(axis=0).all() else None


def best_amounts(terms: Signed, agent: int, *, whole: bool) -> tuple[float, np.ndarray]:
    """Return the least that an agent pays by other amounts that she hands in as they are, and these; by search.

    One distribution after the other, from what she is asked for and from nothing: of checks that are not linked the
    parts of the penalty add up, so that this is each one's best up to the grid; of linked ones it may miss some.

    Args:
        terms: the design, at her true costs.
        agent: her index.
        whole: whether only whole numbers of points count.

    Source: this package.
    """
    able = np.isfinite(terms.costs[agent])
    asked = np.where(able, terms.n[agent], 0.0)
    starts = [asked, np.zeros_like(asked)] if terms.linked else [asked]
    ends = [_descended(terms, agent, start, able, whole) for start in starts]
    return min(ends, key=lambda end: end[0])


def _descended(terms: Signed, agent: int, start: np.ndarray, able: np.ndarray, whole: bool) -> tuple[float, np.ndarray]:
    amount, value = start.copy(), np.inf
    for _ in range(3 if terms.linked else 1):
        for k in np.flatnonzero(able):
            value, amount = _along(terms, agent, amount, int(k), whole)
    if not able.any():
        value = float(terms.of(agent, amount[None]).penalty()[0])
    return value, amount


def _along(terms: Signed, agent: int, amount: np.ndarray, k: int, whole: bool) -> tuple[float, np.ndarray]:
    """The best of one amount, the others as they are."""
    worth, cost = terms.worth[agent, k], terms.costs[agent, k]
    top = 1.05 * max(float(terms.n[agent, k]), np.sqrt(worth / cost), 1.0)
    tried = np.unique(np.append(np.linspace(0, top, _GRID), [amount[k], terms.n[agent, k]]))
    for zoom in range(_ZOOMS + 1):
        tried = np.unique(np.round(tried)) if whole else tried
        candidates = np.repeat(amount[None], len(tried), axis=0)
        candidates[:, k] = tried
        paid = terms.of(agent, candidates).penalty()
        at = int(np.argmin(paid))
        if zoom < _ZOOMS:
            low, high = tried[max(at - 1, 0)], tried[min(at + 1, len(tried) - 1)]
            tried = np.append(np.linspace(low, high, _POINTS), tried[at])
    return float(paid[at]), candidates[at]


def _directions(truth: np.ndarray) -> Iterator[np.ndarray]:
    """Which of her costs are misstated: each by itself, then all; what she cannot measure she does not offer."""
    able = np.isfinite(truth)
    for k in np.flatnonzero(able):
        yield np.arange(len(truth)) == k
    if able.sum() > 1:
        yield able


def _factors(count: int) -> np.ndarray:
    return np.append(np.exp(np.linspace(-1, 1, count) * np.log(FARTHEST)), np.inf)


def _reports(truth: np.ndarray, which: np.ndarray, factors: np.ndarray) -> Iterator[np.ndarray]:
    for factor in factors:
        yield truth.copy() if abs(factor - 1) < _TRUE else np.where(which, factor * truth, truth)


def _closer(truth: np.ndarray, report: np.ndarray, step: float, count: int) -> Iterator[np.ndarray]:
    """The best report's surroundings, up to its neighbours, without itself; nothing about ∞, or about the truth."""
    changed = report != truth
    if not changed.any() or np.isinf(report[changed]).any():
        return
    centre = np.log(report[changed][0] / truth[changed][0])
    for shift in np.delete(np.linspace(-1, 1, count + 1 + count % 2), (count + 1) // 2)[:count]:
        yield np.where(changed, truth * np.exp(centre + shift * step), truth)


_TRUE = 1e-12

"""Certificates of a design that do not come from the optimiser: proven bounds over all amounts, in plain numpy."""

import dataclasses
import functools
import math
from typing import NamedTuple

import numpy as np

from jaxmech._errors import ProblemError
from jaxmech._tolerances import tolerances
from jaxmech.collaboration import Problem, Role
from jaxmech.design._best_response import Offer, honest_penalty, least_penalty
from jaxmech.design._carried_out import carried_out, is_whole
from jaxmech.design._plan import Design, Rule
from jaxmech.design._published import best_published
from jaxmech.design._tangent import tangents
from jaxmech.mechanism import Audit

_NOTHING = (0.0, 1.0, 0.0, np.inf, np.inf, 0.0)
"""Samples, comparison, rest, limit, costs and error of a distribution that does not matter to somebody."""
_TARGET = 1e-8
"""Relative gain that a certificate leaves open."""
_HOPELESS = 0.01
"""Where more must be left open, no bound is searched for: nothing is proven."""
DEPARTURE = 0.03
"""What agents pay on whole data may differ from what they are promised by so much, relatively."""


class Proven(NamedTuple):
    """What is proven about every agent, in numpy.

    Attributes:
        honest: penalties of compliant agents, recomputed.
        least: no amounts cost less.
        failure: chance that honest agents' rest is not clean, recomputed, (agents, distributions).
        intervals: how many intervals the proof took at most; 0 if it took tangents.
    """

    honest: np.ndarray
    least: np.ndarray
    failure: np.ndarray
    intervals: int


def prove(problem: Problem, design: Design) -> Proven:
    """Recompute penalties and prove bounds on what any amounts can bring, one row per different agent.

    Linked distributions are proven together; others one at a time, whose bounds add up. Whoever works alone, or gets
    all that she gets in any case, has a closed form; if all numbers of the design are whole, her best whole number.
    Thresholds are proven by duality, other rules of one distribution at a time by tangents.

    Args:
        problem: the problem.
        design: from :func:`design`.

    Raises:
        ProblemError: for linked distributions with another rule than a threshold.
    """
    rows = _rows(problem, design, whole=is_whole(design))
    if _is_threshold(design.rule):
        offer = _offer(design, rows.numbers)
        honest, success = honest_penalty(offer, rows.numbers[0])
        proof = least_penalty(offer, honest * (1 - _TARGET), _HOPELESS)
        least, intervals = proof.bound, int(proof.intervals.max())
    else:
        (honest, success, least), intervals = tangents(design.rule, np.concatenate(rows.numbers, axis=1)), 0
    return Proven(
        honest=rows.total(honest) + rows.paid,
        least=rows.total(least) + rows.least,
        failure=_failure(design, rows, success),
        intervals=intervals,
    )


def realise(problem: Problem, design: Design) -> np.ndarray:
    """Return what compliant agents pay when the design is carried out on data sets, in whole numbers of points.

    With everything rounded as its mechanism rounds it, see :func:`jaxmech.design.carried_out`; ∞ where no point is left
    that an agent could be compared with.
    """
    whole = carried_out(design)
    rows = _rows(problem, whole, whole=True)
    if _is_threshold(design.rule):
        honest, _ = honest_penalty(_offer(whole, rows.numbers), rows.numbers[0])
    else:
        honest = tangents(design.rule, np.concatenate(rows.numbers, axis=1)).honest
    lost = np.isfinite(np.asarray(whole.limit)) & (np.asarray(whole.comparison) <= 0)
    return np.where(lost.any(axis=1), np.inf, rows.total(honest) + rows.paid)


def departure(problem: Problem, design: Design, realised: np.ndarray | None = None) -> float:
    """Return by how much what agents pay on whole data differs from what they are promised, relatively, at most."""
    paid = realise(problem, design) if realised is None else realised
    gap = np.abs(paid / np.asarray(design.penalty, float) - 1)
    return float(np.max(np.where(np.isnan(gap), np.inf, gap)))


class _Rows(NamedTuple):
    """Different agents (linked) or agents and distributions, and what is had apart from all checks.

    Attributes:
        numbers: samples, comparison, rest, limit in σ, costs and error, (rows, distributions of a row) each.
        back: the row of every agent, or agent and distribution.
        shape: (agents, rows per agent).
        paid: (agents,) what compliant agents pay apart from these rows.
        least: (agents,) the least that could be paid there.
    """

    numbers: tuple[np.ndarray, ...]
    back: np.ndarray
    shape: tuple[int, int]
    paid: np.ndarray
    least: np.ndarray

    def total(self, values: np.ndarray) -> np.ndarray:
        """Sum of the rows of every agent."""
        return np.asarray(values[self.back].reshape(self.shape).sum(axis=1))


def _rows(problem: Problem, design: Design, *, whole: bool) -> _Rows:
    """Gather what is to be proven, equal rows once.

    Raises:
        ProblemError: for linked distributions with another rule than a threshold.
    """
    if design.linked and not _is_threshold(design.rule):
        raise ProblemError("design.rule", design.rule.variance, "must be a threshold if distributions are linked")
    m, d = problem.shape
    columns = _columns(problem, design)
    paid, least, free = _apart(columns, np.asarray(design.role) == Role.ALONE, whole)
    # nothing that she does there has to do with the rest
    columns = tuple(np.where(free, blank, column) for blank, column in zip(_NOTHING, columns, strict=True))
    if not design.linked:
        columns = tuple(column.reshape(m * d, 1) for column in columns)
    _, first, back = np.unique(np.concatenate(columns, axis=1), axis=0, return_index=True, return_inverse=True)
    numbers = tuple(column[first] for column in columns)
    return _Rows(numbers, back.reshape(-1), (m, 1 if design.linked else d), paid, least)


def _offer(design: Design, numbers: tuple[np.ndarray, ...]) -> Offer:
    _, comparison, rest, limit, costs, error = numbers
    kept = 1 / (1 + float(design.rule.variance[-1]))
    return Offer(comparison, rest, np.full(len(rest), kept), limit, costs, error)


def _failure(design: Design, rows: _Rows, success: np.ndarray) -> np.ndarray:
    rest = np.asarray(design.rest)
    failure = np.broadcast_to((1 - success)[rows.back].reshape(rows.shape), rest.shape)
    return np.where(rest > 0, failure, 0.0)


def _apart(
    columns: tuple[np.ndarray, ...], alone: np.ndarray, whole: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What agents pay where nothing depends on checks, the least that they could, by agent; and where that is."""
    samples, comparison, rest, limit, costs, error = columns
    free = alone | ((rest <= 0) & ~np.isfinite(limit))
    given = np.where(alone, 0.0, comparison)
    spent = np.where(samples > 0, np.where(np.isfinite(costs), costs, np.inf), 0.0) * np.where(samples > 0, samples, 1)
    with np.errstate(divide="ignore"):
        paid = np.where(free, error / (samples + given) + spent, 0.0)
    least = np.where(free, _least_apart(given, costs, error, whole), 0.0)
    return paid.sum(axis=1), least.sum(axis=1), free


def _least_apart(given: np.ndarray, costs: np.ndarray, error: np.ndarray, whole: bool) -> np.ndarray:
    """min_n (e/(N + n) + cn) with N points given, over whole numbers or all; e/N where she cannot sample."""
    able = np.isfinite(costs)
    safe = np.where(able, costs, 1.0)
    best = np.where(able, np.maximum(np.sqrt(error / safe) - given, 0.0), 0.0)

    def paid(samples: np.ndarray) -> np.ndarray:
        with np.errstate(divide="ignore"):
            return np.asarray(error / (given + samples) + safe * samples)

    if not whole:
        return paid(best)
    down = np.floor(best)
    return np.where(able, np.minimum(paid(down), paid(down + 1)), paid(down))


def _is_threshold(rule: Rule) -> bool:
    """Whether the rest is clean up to the limit, and equally noisy beyond."""
    places, variance = np.asarray(rule.discrepancy), np.asarray(rule.variance)
    return np.array_equal(places, [0, 1, 1]) and not variance[:2].any()


def proven_least(problem: Problem, design: Design) -> np.ndarray:
    """Return what no strategy can pay less than, by agent: see :func:`prove`."""
    return prove(problem, design).least


def certify(problem: Problem, design: Design, proven: Proven | None = None) -> tuple[Audit, ...]:
    """Return what is certain about a design, claims first.

    - "individually rational": nobody pays more than alone; in whole samples if all numbers of the design are whole.
    - "Nash incentive compatible": truthful submission is optimal for any amounts by theorem, and no amounts, in all
      distributions at once, gain: proven by duality between all grid points.
    - "penalties as promised": recomputed from amounts, limits and the rule, without the optimiser.
    - "feasible": nobody is given more points of others than there are.
    - "no worse than the published mechanisms": their least social penalty on this problem, in whole samples if all
      numbers of the design are whole.
    - "kept on whole data": carried out on data sets, in whole numbers of points, nobody pays more or less than she is
      promised by more than 3 %. Nothing else is proven for data sets unless all numbers of the design are whole.
    - "honest agents pass": a fact: how often their data are withheld.
    - "Nash incentive compatible on whole data up to rounding": a fact about designs in fractions: what is left to gain.

    Args:
        problem: the problem.
        design: from :func:`design`.
        proven: from :func:`prove`, if it is known.

    Returns:
        Audits with relative margins. Host only.
    """
    judge = _Judge(problem, design, prove(problem, design) if proven is None else proven)
    facts = [judge.withheld()] if judge.whole else [judge.withheld(), judge.left_to_gain()]
    return (*judge.claims(), *facts)


def holds(problem: Problem, design: Design, proven: Proven) -> bool:
    """Whether everything holds that is claimed; facts, which take longer, are left out."""
    return all(audit.holds for audit in _Judge(problem, design, proven).claims() if audit.claimed)


def _columns(problem: Problem, design: Design) -> tuple[np.ndarray, ...]:
    """Samples, comparison, rest, limit in σ, costs and error, (agents, distributions) each."""
    sigma = np.asarray(problem.sigma, float)
    error = np.broadcast_to(np.asarray(problem.price, float) * sigma**2, problem.shape)
    limit = np.asarray(design.limit, float) / sigma
    samples, comparison, rest = (np.asarray(part, float) for part in (design.samples, design.comparison, design.rest))
    return samples, comparison, rest, limit, np.asarray(problem.costs, float), error


@dataclasses.dataclass(frozen=True)
class _Judge:
    """Turns numbers into audits, in words."""

    problem: Problem
    design: Design
    proven: Proven

    @functools.cached_property
    def whole(self) -> bool:
        """Whether the design is the same on data sets: then everything holds there."""
        return is_whole(self.design)

    def claims(self) -> tuple[Audit, ...]:
        """Return everything that a design claims."""
        return (
            self.individually_rational(),
            self.incentive_compatible(),
            self.as_promised(),
            self.feasible(),
            self.no_worse(),
            self.kept_on_whole_data(),
        )

    def individually_rational(self) -> Audit:
        *_, costs, error = _columns(self.problem, self.design)
        nothing = np.zeros_like(costs)
        alone = np.sum(np.where(np.isfinite(costs), _least_apart(nothing, costs, error, self.whole), np.inf), axis=1)
        paid = np.fmax(np.asarray(self.design.penalty, float), self.proven.honest)
        with np.errstate(invalid="ignore"):
            margins = np.where(np.isfinite(alone), 1 - paid / alone, np.inf)
        worst = int(np.argmin(margins))
        witness = "nobody can work alone on everything, so nobody has a bound"
        if np.isfinite(alone).any():
            witness = f"{self._name(worst)} pays {paid[worst]:.6g}, and {alone[worst]:.6g} alone"
        effort = f"penalties in closed form, for every agent{self._scope}"
        return self._audit("individually rational", margins[worst], witness, effort)

    def incentive_compatible(self) -> Audit:
        open_gain = 1 - self.proven.least / self.proven.honest
        worst = int(np.argmax(np.where(np.isnan(open_gain), np.inf, open_gain)))
        paid = self.proven.honest[worst]
        witness = f"{self._name(worst)} could save at most {paid * open_gain[worst]:.1g} of {paid:.6g}"
        by_duality = f"convex duality, valid between grid points: {self.proven.intervals} intervals at most"
        how = by_duality if self.proven.intervals else "tangents, because penalties are convex in amounts"
        effort = f"truthful submission by theorem (Anderson's inequality); amounts by {how}{self._scope}"
        return self._audit("Nash incentive compatible", -open_gain[worst], witness, effort)

    def as_promised(self) -> Audit:
        promised, paid = np.asarray(self.design.penalty, float), self.proven.honest
        gap = np.abs(promised / paid - 1)
        chance = np.abs(np.asarray(self.design.failure, float) - self.proven.failure)
        worst = int(np.argmax(np.where(np.isnan(gap), np.inf, gap)))
        total = abs(float(self.design.social_penalty) / float(np.sum(paid)) - 1)
        room = float(np.max([gap[worst], np.max(chance), total]))  # NaN if one of them is
        witness = f"{self._name(worst)} is promised {promised[worst]:.6g} and pays {paid[worst]:.6g}"
        effort = f"penalties and chances recomputed from amounts, limits and the rule{self._scope}"
        return self._audit("penalties as promised", -room, witness, effort)

    def feasible(self) -> Audit:
        samples = np.asarray(self.design.samples, float)
        theirs = np.maximum(samples.sum(axis=0) - samples, 0.0)
        given = np.asarray(self.design.comparison, float) + np.asarray(self.design.rest, float)
        alone = np.asarray(self.design.role) == Role.ALONE
        least = np.minimum(np.asarray(self.design.comparison, float), np.asarray(self.design.rest, float))
        uncompared = np.isfinite(np.asarray(self.design.limit, float)) & (np.asarray(self.design.comparison) <= 0)
        excess = np.maximum(np.where(alone, given, given - theirs), -least) / np.maximum(samples.sum(axis=0), 1e-300)
        excess = np.where(uncompared, np.inf, excess)
        i, k = np.unravel_index(int(np.argmax(excess)), excess.shape)
        witness = (
            f"{self._name(int(i))} is given {given[i, k]:.6g} points of {self.problem.distribution_name(int(k))}; "
            f"the others have {theirs[i, k]:.6g}"
        )
        return self._audit("feasible", -max(float(excess[i, k]), 0.0), witness, "compared for every agent")

    def no_worse(self) -> Audit:
        """Recomputed, not taken from the design; whole numbers against whole numbers."""
        name, published = best_published(self.problem, whole=self.whole)
        paid = float(np.sum(self.proven.honest))
        witness = f"social penalty {paid:.6g}, {paid / published:.4g} times that of {name} ({published:.6g})"
        effort = f"social penalties in closed form, {'both in whole samples' if self.whole else 'both in fractions'}"
        return self._audit("no worse than the published mechanisms", 1 - paid / published, witness, effort)

    def kept_on_whole_data(self) -> Audit:
        """What a plan promises is what is paid when it is carried out, point by point."""
        paid, promised = realise(self.problem, self.design), np.asarray(self.design.penalty, float)
        gap = np.abs(paid / promised - 1)
        worst = int(np.argmax(np.where(np.isnan(gap), np.inf, gap)))
        witness = f"{self._name(worst)} is promised {promised[worst]:.6g} and pays {paid[worst]:.6g} on whole data"
        effort = "penalties with all numbers of points rounded as the mechanism rounds them, for every agent"
        if self.whole:
            effort = "all numbers of points are whole: everything above holds for data sets"
        return self._audit("kept on whole data", -gap[worst], witness, effort, tolerance=DEPARTURE)

    def withheld(self) -> Audit:
        chance = self.proven.failure
        i, k = np.unravel_index(int(np.argmax(chance)), chance.shape)
        witness = f"{self._name(int(i))} on {self.problem.distribution_name(int(k))}: {chance[i, k]:.3%} of the time"
        effort = "chance that honest data lie beyond the limit, in closed form"
        return self._audit("honest agents pass", -float(chance[i, k]), witness, effort, False, 1.0)

    def left_to_gain(self) -> Audit:
        """Rounding moves the best amounts: what there is to gain by other amounts when points are whole."""
        proven = prove(self.problem, carried_out(self.design))
        gain = 1 - proven.least / proven.honest
        worst = int(np.argmax(np.where(np.isnan(gain), np.inf, gain)))
        paid = proven.honest[worst]
        witness = f"{self._name(worst)} could save at most {100 * gain[worst]:.2g} % of {paid:.6g}"
        if not gain[worst] <= _HOPELESS:
            witness = f"{self._name(worst)} could save more than {100 * _HOPELESS:.2g} % of {paid:.6g}"
        effort = "the same proof with all numbers of points rounded as the mechanism rounds them"
        claim = "Nash incentive compatible on whole data up to rounding"
        return self._audit(claim, -gain[worst], witness, effort, False, _HOPELESS)

    @property
    def _scope(self) -> str:
        """What a proof about fractions has to say."""
        return "" if self.whole else "; for amounts in fractions, as they stand"

    def _name(self, i: int) -> str:
        return self.problem.agent_name(i)

    def _audit(
        self, claim: str, room: float, witness: str, effort: str, claimed: bool = True, tolerance: float | None = None
    ) -> Audit:
        slack = tolerances(self.problem.costs.dtype).claim if tolerance is None else tolerance
        margin = -math.inf if math.isnan(float(room)) else float(room)
        return Audit(claim, bool(margin >= -slack), margin, slack, witness, effort, claimed)

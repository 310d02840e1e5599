"""What is certain about penalties: recomputed, and bounded over all amounts; a host shell around the two proofs."""

from typing import NamedTuple

import numpy as np

from jaxmech._errors import ProblemError
from jaxmech.collaboration import Problem, Role
from jaxmech.design._carried_out import carried_out, is_whole
from jaxmech.design._plan import Design, Rule
from jaxmech.design.proof._columns import apart, box, columns, outside, whole_points
from jaxmech.design.proof._duality import Offer, honest_penalty, least_penalty
from jaxmech.design.proof._ellipsoid import nothing_known
from jaxmech.design.proof._follow import follow
from jaxmech.design.proof._tangent import tangents

_NOTHING = (0.0, 1.0, 0.0, np.inf, np.inf, 0.0, 0.0, 0.0)
"""Samples, comparison, rest, limit, costs, error, least and most of a distribution that does not matter to somebody."""
_TARGET = 1e-8
"""Relative gain that a certificate leaves open."""
HOPELESS = 0.01
"""Where more must be left open, no bound is searched for: nothing is proven."""


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
    Thresholds are proven by duality, other rules of one distribution at a time by tangents, limits that follow the data
    by tangents and chords at the assumed σ.

    Args:
        problem: the problem.
        design: from :func:`design`.

    Raises:
        ProblemError: for linked distributions with another rule than a threshold.

    Source: this package; convex duality in ``proof/_duality.py``, tangents in ``proof/_tangent.py``.
    """
    if design.calibration is not None:
        return Proven(*follow(problem, design), 0)
    rows = _rows(problem, design, whole=is_whole(design))
    if _is_threshold(design.rule):
        offer = _offer(design, rows.numbers)
        honest, success = honest_penalty(offer, rows.numbers[0])
        proof = least_penalty(offer, honest * (1 - _TARGET), HOPELESS)
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

    Source: this package.
    """
    whole = carried_out(design)
    if design.calibration is not None:
        return follow(problem, whole).honest
    rows = _rows(problem, whole, whole=True)
    if _is_threshold(design.rule):
        honest, _ = honest_penalty(_offer(whole, rows.numbers), rows.numbers[0])
    else:
        honest = tangents(design.rule, np.concatenate(rows.numbers, axis=1)).honest
    lost = np.isfinite(np.asarray(whole.limit)) & (np.asarray(whole.comparison) <= 0)
    if bounds := box(problem):
        lost |= outside(np.asarray(whole.samples, float), bounds) > 0
    return np.where(lost.any(axis=1), np.inf, rows.total(honest) + rows.paid)


def departure(problem: Problem, design: Design, realised: np.ndarray | None = None) -> float:
    """Return by how much what agents pay on whole data differs from what they are promised, relatively, at most.

    Source: this package.
    """
    paid = realise(problem, design) if realised is None else realised
    gap = np.abs(ratio(paid, np.asarray(design.penalty, float)) - 1)
    return float(np.max(np.where(np.isnan(gap), np.inf, gap)))


def ratio(paid: np.ndarray, promised: np.ndarray) -> np.ndarray:
    """Return one penalty over another; 1 where both are 0, as they are for who has no use for anything.

    Source: this package.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.where((paid == 0) & (promised == 0), 1.0, paid / promised))


class _Rows(NamedTuple):
    """Different agents (linked) or agents and distributions, and what is had apart from all checks.

    Attributes:
        numbers: samples, comparison, rest, limit in σ, costs and error, and least and most within limits, (rows,
            distributions of a row) each.
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
        ProblemError: for linked distributions with another rule than a threshold, and for that within limits.
    """
    if not _is_threshold(design.rule):
        problem.without_limits("only thresholds are proven within them")
    if design.linked and not _is_threshold(design.rule):
        raise ProblemError("design.rule", design.rule.variance, "must be a threshold if distributions are linked")
    m, d = problem.shape
    table = (*columns(problem, design), *box(problem))
    alone = np.asarray(design.role) == Role.ALONE
    paid, least, free = apart(table, alone, whole_points(design, whole=whole))
    # nothing that she does there has to do with the rest
    table = tuple(np.where(free, blank, column) for blank, column in zip(_NOTHING, table, strict=False))
    if not design.linked:
        table = tuple(column.reshape(m * d, 1) for column in table)
    _, first, back = np.unique(np.concatenate(table, axis=1), axis=0, return_index=True, return_inverse=True)
    numbers = tuple(column[first] for column in table)
    return _Rows(numbers, back.reshape(-1), (m, 1 if design.linked else d), paid, least)


def _offer(design: Design, numbers: tuple[np.ndarray, ...]) -> Offer:
    _, comparison, rest, limit, costs, error, *bounds = numbers
    kept = 1 / (1 + float(design.rule.variance[-1]))
    offer = Offer(comparison, rest, np.full(len(rest), kept), limit, costs, error, None, *bounds)
    return offer._replace(majorant=nothing_known(limit)) if design.ellipsoid else offer


def _failure(design: Design, rows: _Rows, success: np.ndarray) -> np.ndarray:
    rest = np.asarray(design.rest)
    failure = np.broadcast_to((1 - success)[rows.back].reshape(rows.shape), rest.shape)
    return np.where(rest > 0, failure, 0.0)


def _is_threshold(rule: Rule) -> bool:
    """Whether the rest is clean up to the limit, and equally noisy beyond."""
    places, variance = np.asarray(rule.discrepancy), np.asarray(rule.variance)
    return np.array_equal(places, [0, 1, 1]) and not variance[:2].any()


def proven_least(problem: Problem, design: Design) -> np.ndarray:
    """Return what no strategy can pay less than, by agent: see :func:`prove`.

    Source: this package; convex duality in ``proof/_duality.py``, tangents in ``proof/_tangent.py``.
    """
    return prove(problem, design).least

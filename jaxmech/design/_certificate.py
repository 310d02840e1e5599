"""Certificates of a design that do not come from the optimiser: proven bounds over all amounts, in plain numpy."""

import dataclasses
import math
from typing import NamedTuple

import numpy as np

from jaxmech._errors import ProblemError
from jaxmech._tolerances import tolerances
from jaxmech.collaboration import Problem, Role
from jaxmech.design._best_response import Offer, honest_penalty, least_penalty
from jaxmech.design._plan import Design, Rule
from jaxmech.design._published import published_plans
from jaxmech.design._tangent import tangents
from jaxmech.mechanism import Audit

_NOTHING = (0.0, 1.0, 0.0, np.inf, np.inf, 0.0)
"""Samples, comparison, rest, limit, costs and error of a distribution that does not matter to somebody."""
_TARGET = 1e-8
"""Relative gain that a certificate leaves open."""
_HOPELESS = 0.01
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

    Linked distributions are proven together; others one at a time, whose bounds add up. Whoever works alone has a
    closed form; if all amounts of the design are whole numbers, her best whole number. Thresholds are proven by
    duality, other rules of one distribution at a time by tangents.

    Raises:
        ProblemError: for linked distributions with another rule than a threshold.
    """
    m, d = problem.shape
    columns = _columns(problem, design)
    alone = np.asarray(design.role) == Role.ALONE
    apart, apart_least = _alone(columns, alone)
    # nothing that she does there has to do with the rest
    columns = tuple(np.where(alone, blank, column) for blank, column in zip(_NOTHING, columns, strict=True))
    if not design.linked:
        columns = tuple(column.reshape(m * d, 1) for column in columns)
    table = np.concatenate(columns, axis=1)
    _, first, back = np.unique(table, axis=0, return_index=True, return_inverse=True)
    back = back.reshape(-1)
    samples, comparison, rest, limit, costs, error = (column[first] for column in columns)
    if _is_threshold(design.rule):
        kept = 1 / (1 + float(design.rule.variance[-1]))
        offer = Offer(comparison, rest, np.full(len(first), kept), limit, costs, error)
        honest, success = honest_penalty(offer, samples)
        proof = least_penalty(offer, honest * (1 - _TARGET), _HOPELESS)
        least, intervals = proof.bound, int(proof.intervals.max())
    elif design.linked:
        raise ProblemError("design.rule", design.rule.variance, "must be a threshold if distributions are linked")
    else:
        (honest, success, least), intervals = tangents(design.rule, table[first]), 0
    shape = (m, 1 if design.linked else d)
    failure = np.broadcast_to((1 - success)[back].reshape(shape), (m, d))
    return Proven(
        honest=honest[back].reshape(shape).sum(axis=1) + apart,
        least=least[back].reshape(shape).sum(axis=1) + apart_least,
        failure=np.where(np.asarray(design.rest) > 0, failure, 0.0),
        intervals=intervals,
    )


def _alone(columns: tuple[np.ndarray, ...], alone: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What agents pay for what they do alone, and the least that they could, summed over distributions."""
    samples, _, _, _, costs, error = columns
    safe, price = np.where(alone, samples, 1.0), np.where(alone, costs, 1.0)
    paid = np.where(alone, error / safe + price * safe, 0.0)
    least = np.where(alone, _least_alone(price, error, _is_whole(samples)), 0.0)
    return paid.sum(axis=1), least.sum(axis=1)


def _least_alone(costs: np.ndarray, error: np.ndarray, whole: bool) -> np.ndarray:
    """min_n (e/n + cn) = 2√(ec), or over whole numbers; ∞ where she cannot sample."""
    if not whole:
        return 2 * np.sqrt(error * costs)
    safe = np.where(np.isfinite(costs), costs, 1.0)
    down = np.maximum(np.floor(np.sqrt(error / safe)), 1.0)
    return np.where(
        np.isfinite(costs), np.minimum(error / down + safe * down, error / (down + 1) + safe * (down + 1)), np.inf
    )


def _is_whole(samples: np.ndarray) -> bool:
    """Whether the design asks for whole numbers: then agents alone are held to whole numbers, too."""
    return bool(np.all(samples == np.round(samples)))


def _is_threshold(rule: Rule) -> bool:
    """Whether the rest is clean up to the limit, and equally noisy beyond."""
    places, variance = np.asarray(rule.discrepancy), np.asarray(rule.variance)
    return np.array_equal(places, [0, 1, 1]) and not variance[:2].any()


def proven_least(problem: Problem, design: Design) -> np.ndarray:
    """Return what no strategy can pay less than, by agent: see :func:`prove`."""
    return prove(problem, design).least


def certify(problem: Problem, design: Design, proven: Proven | None = None) -> tuple[Audit, ...]:
    """Return what is certain about a design, claims first.

    - "individually rational": nobody pays more than alone.
    - "Nash incentive compatible": truthful submission is optimal for any amounts by theorem, and no amounts, in all
      distributions at once, gain: proven by duality between all grid points.
    - "penalties as promised": recomputed from amounts, limits and the rule, without the optimiser.
    - "feasible": nobody is given more points of others than there are.
    - "no worse than the published mechanisms": their least social penalty on this problem.
    - "honest agents withheld data": a fact: how often.

    Args:
        problem: the problem.
        design: from :func:`design`.
        proven: from :func:`prove`, if it is known.

    Returns:
        Audits with relative margins. Host only.
    """
    judge = _Judge(problem, design, prove(problem, design) if proven is None else proven)
    return (
        judge.individually_rational(),
        judge.incentive_compatible(),
        judge.as_promised(),
        judge.feasible(),
        judge.no_worse(),
        judge.withheld(),
    )


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

    def individually_rational(self) -> Audit:
        samples, _, _, _, costs, error = _columns(self.problem, self.design)
        alone = np.sum(_least_alone(costs, error, _is_whole(samples)), axis=1)
        paid = np.fmax(np.asarray(self.design.penalty, float), self.proven.honest)
        with np.errstate(invalid="ignore"):
            margins = np.where(np.isfinite(alone), 1 - paid / alone, np.inf)
        worst = int(np.argmin(margins))
        witness = "nobody can work alone on everything, so nobody has a bound"
        if np.isfinite(alone).any():
            witness = f"{self._name(worst)} pays {paid[worst]:.6g}, and {alone[worst]:.6g} alone"
        return self._audit(
            "individually rational", margins[worst], witness, "penalties in closed form, for every agent"
        )

    def incentive_compatible(self) -> Audit:
        open_gain = 1 - self.proven.least / self.proven.honest
        worst = int(np.argmax(np.where(np.isnan(open_gain), np.inf, open_gain)))
        paid = self.proven.honest[worst]
        witness = f"{self._name(worst)} could save at most {paid * open_gain[worst]:.1g} of {paid:.6g}"
        by_duality = f"convex duality, valid between grid points: {self.proven.intervals} intervals at most"
        how = by_duality if self.proven.intervals else "tangents, because penalties are convex in amounts"
        effort = f"truthful submission by theorem (Anderson's inequality); amounts by {how}"
        return self._audit("Nash incentive compatible", -open_gain[worst], witness, effort)

    def as_promised(self) -> Audit:
        promised, paid = np.asarray(self.design.penalty, float), self.proven.honest
        gap = np.abs(promised / paid - 1)
        chance = np.abs(np.asarray(self.design.failure, float) - self.proven.failure)
        worst = int(np.argmax(np.where(np.isnan(gap), np.inf, gap)))
        total = abs(float(self.design.social_penalty) / float(np.sum(paid)) - 1)
        room = float(np.max([gap[worst], np.max(chance), total]))  # NaN if one of them is
        witness = f"{self._name(worst)} is promised {promised[worst]:.6g} and pays {paid[worst]:.6g}"
        effort = "penalties and chances recomputed from amounts, limits and the rule"
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
        """Recomputed, not taken from the design; in whole numbers a fact, for the published plans are in real ones."""
        plans = published_plans(self.problem)
        name = min(plans, key=lambda rival: plans[rival][1])
        paid, published = float(np.sum(self.proven.honest)), plans[name][1]
        witness = f"social penalty {paid:.6g}, {paid / published:.4g} times that of {name} ({published:.6g})"
        claimed = not _is_whole(np.asarray(self.design.samples))
        effort = "social penalties in closed form" if claimed else "whole numbers against real ones"
        return self._audit("no worse than the published mechanisms", 1 - paid / published, witness, effort, claimed)

    def withheld(self) -> Audit:
        chance = self.proven.failure
        i, k = np.unravel_index(int(np.argmax(chance)), chance.shape)
        witness = f"{self._name(int(i))} on {self.problem.distribution_name(int(k))}: {chance[i, k]:.3%} of the time"
        effort = "chance that honest data lie beyond the limit, in closed form"
        return self._audit("honest agents pass", -float(chance[i, k]), witness, effort, False, 1.0)

    def _name(self, i: int) -> str:
        return self.problem.agent_name(i)

    def _audit(
        self, claim: str, room: float, witness: str, effort: str, claimed: bool = True, tolerance: float | None = None
    ) -> Audit:
        slack = tolerances(self.problem.costs.dtype).claim if tolerance is None else tolerance
        margin = -math.inf if math.isnan(float(room)) else float(room)
        return Audit(claim, bool(margin >= -slack), margin, slack, witness, effort, claimed)

"""The certificate of limits that follow the data: incentives by true σ, and what lifts the check. Host only."""

from typing import NamedTuple

import numpy as np

from jaxmech.collaboration import ADMISSIBLE, CALIBRATED_TOLERANCE, LIFTED, Problem
from jaxmech.design._plan import Design
from jaxmech.design.proof._columns import columns
from jaxmech.design.proof._duality import over
from jaxmech.design.proof._follow import follow, sigma_limits
from jaxmech.mechanism import NASH, SEARCHED, Audit

_GRID = 9
"""Values of σ at which it is certified."""

_SLACK = 1e-9


class Incentives(NamedTuple):
    """What is certain about incentives.

    Attributes:
        claim: nobody gains more than 1 % of her penalty, where limits can make that so.
        facts: the same in all of the range that was asked for; whether limits reach all of it; what one ally can do.
    """

    claim: Audit
    facts: tuple[Audit, ...]


def incentives(problem: Problem, design: Design) -> Incentives:
    """Return what is certain about incentives where limits follow the data.

    Args:
        problem: the problem, with the assumed σ.
        design: with a calibration.
    """
    rule = design.calibration
    assert rule is not None
    (low, high), (least, most) = rule.sigma_range, sigma_limits(problem, design)
    inside = np.clip([low, high], least, most) if max(low, least) <= min(high, most) else np.ones(2)
    factors = np.unique(np.concatenate([np.geomspace(low, high, _GRID), inside, [1.0]]))
    found = [follow(problem, design, float(factor)) for factor in factors]
    parts = np.array([1 - _part(one.least, one.honest) for one in found])
    reached = (factors >= inside[0] * (1 - _SLACK)) & (factors <= inside[1] * (1 + _SLACK))
    about = f"where σ is {inside[0]:.3g} to {inside[1]:.3g} times the assumed one"
    everywhere = f"where σ is {low:g} to {high:g} times the assumed one"
    covered = min(low / least if least > 0 else np.inf, most / high) - 1
    witness = f"limits can keep all honest where σ is {least:.3g} to {most:.3g} times the assumed one"
    if not np.isfinite(np.asarray(design.limit)).any():
        witness = "nobody is checked, whatever σ is"
    return Incentives(
        _told(problem, NASH, parts[reached], about, claimed=True),
        (
            _told(problem, "incentives over sigma_range", parts, everywhere, claimed=False),
            Audit.judged(ADMISSIBLE, covered, 0.0, witness, _LIMITS, claimed=False),
            _lifted(problem, design),
        ),
    )


def _part(least: np.ndarray, honest: np.ndarray) -> np.ndarray:
    """Return one penalty over another; 1 where both are 0, −∞ where nothing is proven."""
    sound = np.isfinite(least) & np.isfinite(honest)
    with np.errstate(divide="ignore", invalid="ignore"):
        part = np.where((least == 0) & (honest == 0), 1.0, least / honest)
    return np.where(sound, part, -np.inf)


def _told(problem: Problem, claim: str, parts: np.ndarray, about: str, *, claimed: bool) -> Audit:
    worst = int(np.argmax(parts.max(axis=0)))
    gain = 100 * max(float(parts.max()), 0.0)
    witness = f"{problem.agent_name(worst)} could save at most {gain:.2g} % of her penalty {about}"
    effort = f"{_EFFORT}, at {len(parts)} values of σ"
    # bounded at each of these σ, and at none between them
    how = SEARCHED if len(parts) > 1 else ""
    return Audit.judged(claim, -gain / 100, CALIBRATED_TOLERANCE, witness, effort, claimed=claimed, known=how)


def _lifted(problem: Problem, design: Design) -> Audit:
    """What the spread of one other's points can do, which nothing bounds."""
    samples, comparison, rest, limit, costs, error = columns(problem, design)
    checked = np.isfinite(limit)
    points, cost = np.where(checked, comparison + rest, 1.0), np.where(checked, costs, 1.0)
    own = np.maximum(np.sqrt(error / cost) - points, 0.0)
    paid = follow(problem, design).honest
    unchecked = np.where(checked, over(error, points + own) + cost * own, 0.0)
    chance, both = 1 - np.asarray(design.failure, float), samples + comparison
    hers = (1 - chance) * over(error, both) + chance * over(error, both + rest) + cost * samples
    saved = np.sum(np.where(checked, hers - unchecked, 0.0), axis=1)
    parts = 1 - _part(paid - saved, paid)
    worst = int(np.argmax(parts))
    witness = (
        f"{problem.agent_name(worst)} saves {100 * parts[worst]:.2g} % of her penalty if one other hands in points "
        "that spread far, and she knows: everybody is then within her limits"
    )
    if not checked.any():
        witness = "nobody is checked, so that there is no limit to be lifted"
    return Audit.judged(LIFTED, -float(parts[worst]), _SLACK, witness, "σ̂ → ∞, in closed form", claimed=False)


_EFFORT = (
    "for normal data: truthful submission by theorem (Anderson's inequality) for every σ̂, hidden until she has handed "
    "in; expected penalty by quadrature over σ̂, its minimum over amounts by tangents and chords, valid between them"
)
_LIMITS = "whether some level makes every n* stationary, σ being known"

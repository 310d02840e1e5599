"""From a problem to a certified design: one distribution at a time, then linked, then proven."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from jaxmech._status import Solution, Status
from jaxmech.collaboration import Problem, Role
from jaxmech.design._candidates import Candidate, Kinds, bound_in_whole_samples, joined, kinds_of, linked, safe
from jaxmech.design._certify import rival
from jaxmech.design._plan import Design, Rule
from jaxmech.design._published import best_published, published_plans
from jaxmech.design._whole import from_published, rounded
from jaxmech.design._wishes import Wishes
from jaxmech.design.proof import DEPARTURE, departure, holds, prove


def design(problem: Problem, wishes: Wishes | None = None) -> Solution[Design]:
    """Return a mechanism that is better than the published ones, with everything proven that it claims.

    Noise rules that grow with the discrepancy are all truthful; thresholds are the best among them. For every
    distribution a dual problem tells who collects how much; a descent with exact gradients does the rest; for two and
    more distributions the rules are linked. Candidates that would bring somebody more than 3 % more or less than
    promised when they are carried out, with whole numbers of points, are rounded, and get levels of their own. The
    candidates are proven, the cheapest first, and the first one for which everything holds is returned.

    Args:
        problem: the problem.
        wishes: bounds on noise and on honest failures, whole amounts, no linking.

    Returns:
        Solution around the design. The status is OK if everything is proven, ALMOST if no candidate could be: then
        the cheapest one is returned, and :func:`certify` tells what fails. The residual is the largest
        gain left open, relatively.

    Raises:
        ProblemError: for wishes that make no sense.

    Example:
        >>> found = design(Problem(costs=[[1.0]] * 10, sigma=100.0)).raise_for_status().value
        >>> round(float(found.social_penalty) / (200 * 10**0.5), 3)  # the published mechanism: 1.698
        1.214
    """
    wishes = wishes or Wishes()
    kinds = kinds_of(problem)
    plans = [plan for plan, _ in published_plans(problem).values()]
    first, family = joined(problem, kinds, plans, wishes)
    candidates = [first]
    if wishes.linked and problem.shape[1] > 1:
        candidates += linked(problem, kinds, first, wishes)
    candidates.append(safe(kinds))
    found = first_that_holds(problem, _made(problem, kinds, candidates, family, wishes))
    assert found is not None
    return found


def first_that_holds(problem: Problem, designs: Iterable[Design]) -> Solution[Design] | None:
    """Return the first design for which everything holds, OK; else the first one, ALMOST; None if there is none."""
    best: tuple[Design, float] | None = None
    held, tried = False, 0
    for made in designs:
        proven = prove(problem, made)
        held = holds(problem, made, proven, rival(problem, made))
        tried += 1
        if best is None or held:
            best = made, max(float(np.max(1 - proven.least / proven.honest)), 0.0)
        if held:
            break
    if best is None:
        return None
    status = jnp.asarray(Status.OK if held else Status.ALMOST, jnp.int32)
    return Solution(best[0], status, jnp.asarray(best[1]), jnp.asarray(tried, jnp.int32))


def _made(
    problem: Problem, kinds: Kinds, candidates: list[Candidate], family: float, wishes: Wishes
) -> Iterator[Design]:
    """Designs, the cheapest first; in whole numbers where that is wished for, or where fractions are not kept."""

    def designs(candidates: list[Candidate], whole: bool) -> list[Design]:
        bound = bound_in_whole_samples(kinds, wishes) if whole and not wishes.whole else family
        told = Told(*best_published(problem, whole=whole), bound)
        return [build(problem, kinds, candidate, told, wishes) for candidate in _different(candidates)]

    made = [] if wishes.whole else designs(candidates, whole=False)
    kept = [one for one in made if departure(problem, one) <= DEPARTURE]
    if len(kept) < max(len(made), 1):
        whole = [one for candidate in candidates for one in rounded(kinds, candidate, wishes)]
        whole += from_published(kinds, (plan for plan, _ in published_plans(problem, whole=True).values()), wishes)
        kept += designs(whole, whole=True)
    yield from sorted(kept, key=lambda one: float(one.social_penalty))


class Told(NamedTuple):
    """What a design is compared with: the best published mechanism, its social penalty, and the family's bound."""

    rival: str
    published: float
    family: float


def _different(candidates: list[Candidate]) -> list[Candidate]:
    """Candidates that are solved, the cheapest first, equal ones once."""
    solved = [candidate for candidate in candidates if np.isfinite(candidate.social)]
    equal = {(candidate.linked, f"{candidate.social:.9g}"): candidate for candidate in reversed(solved)}
    return sorted(equal.values(), key=lambda candidate: candidate.social)


def build(problem: Problem, kinds: Kinds, candidate: Candidate, told: Told, wishes: Wishes) -> Design:
    """The design of a candidate, agent by agent."""
    dtype = problem.costs.dtype
    tables = {name: part[kinds.kind] for name, part in candidate._asdict().items() if isinstance(part, np.ndarray)}
    per_agent = candidate._replace(**tables)
    samples, comparison, checked = per_agent.samples, per_agent.comparison, per_agent.checked
    safe_n, safe_z = np.where(checked, samples, 1.0), np.where(checked, comparison, 1.0)
    spread = np.asarray(problem.sigma, float) * np.sqrt(1 / safe_n + 1 / safe_z)
    role = np.where(per_agent.alone, Role.ALONE, np.where(checked, Role.CHECKED, Role.RECEIVES))
    failing = np.where(per_agent.rest > 0, 1 - per_agent.success, 0.0)
    return Design(
        samples=jnp.asarray(samples, dtype),
        comparison=jnp.asarray(comparison, dtype),
        rest=jnp.asarray(per_agent.rest, dtype),
        limit=jnp.asarray(np.where(checked, per_agent.level * spread, np.inf), dtype),
        role=jnp.asarray(role, jnp.int32),
        rule=Rule(jnp.asarray([0.0, 1.0, 1.0], dtype), jnp.asarray([0.0, 0.0, wishes.noise], dtype)),
        failure=jnp.asarray(failing, dtype),
        penalty=jnp.asarray(per_agent.penalty, dtype),
        social_penalty=jnp.asarray(per_agent.penalty.sum(), dtype),
        published=jnp.asarray(told.published, dtype),
        family=jnp.asarray(told.family, dtype),
        linked=candidate.linked,
        origin=candidate.origin,
        rival=told.rival,
    )

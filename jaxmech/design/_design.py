"""From a problem to a certified design: one distribution at a time, then linked, then proven."""

import jax.numpy as jnp
import numpy as np

from jaxmech._status import Solution, Status
from jaxmech.collaboration import Problem, Role
from jaxmech.design._candidates import Candidate, Kinds, joined, kinds_of, linked, rounded, safe
from jaxmech.design._certificate import certify, prove
from jaxmech.design._plan import Design, Rule
from jaxmech.design._published import published_plans
from jaxmech.design._wishes import Wishes


def design(problem: Problem, wishes: Wishes | None = None) -> Solution[Design]:
    """Return a mechanism that is better than the published ones, with everything proven that it claims.

    Noise rules that grow with the discrepancy are all truthful; thresholds are the best among them. For every
    distribution a dual problem tells who collects how much; a descent with exact gradients does the rest; for two and
    more distributions the rules are linked. The candidates are proven, the cheapest first, and the first one for which
    everything holds is returned.

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
        >>> found = design(Problem(costs=[[1.0]] * 10, sigma=1.0)).raise_for_status().value
        >>> round(float(found.social_penalty) / (2 * 10**0.5), 3)  # the published mechanism: 1.698
        1.214
    """
    wishes = wishes or Wishes()
    kinds = kinds_of(problem)
    rivals = published_plans(problem)
    rival = min(rivals, key=lambda name: rivals[name][1])
    first, family = joined(problem, kinds, [plan for plan, _ in rivals.values()], wishes)
    candidates = [first]
    if wishes.linked and problem.shape[1] > 1:
        candidates += linked(problem, kinds, first, wishes)
    candidates.append(safe(problem, kinds))
    if wishes.whole:
        candidates = [whole for candidate in candidates for whole in rounded(problem, kinds, candidate, wishes)]
    tried, best, holds, gain = 0, None, False, np.inf
    for candidate in _different(candidates):
        made = build(problem, kinds, candidate, (rival, rivals[rival][1], family), wishes)
        proven = prove(problem, made)
        holds = all(audit.holds for audit in certify(problem, made, proven) if audit.claimed)
        tried += 1
        if best is None or holds:
            best, gain = made, float(np.max(1 - proven.least / proven.honest))
        if holds:
            break
    assert best is not None
    status = jnp.asarray(Status.OK if holds else Status.ALMOST, jnp.int32)
    return Solution(best, status, jnp.asarray(max(gain, 0.0)), jnp.asarray(tried, jnp.int32))


def _different(candidates: list[Candidate]) -> list[Candidate]:
    """Candidates that are solved, the cheapest first, equal ones once."""
    solved = [candidate for candidate in candidates if np.isfinite(candidate.social)]
    equal = {(candidate.linked, f"{candidate.social:.9g}"): candidate for candidate in reversed(solved)}
    return sorted(equal.values(), key=lambda candidate: candidate.social)


def build(
    problem: Problem, kinds: Kinds, candidate: Candidate, told: tuple[str, float, float], wishes: Wishes
) -> Design:
    """The design of a candidate, agent by agent."""
    rival, published, family = told
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
        published=jnp.asarray(published, dtype),
        family=jnp.asarray(family, dtype),
        linked=candidate.linked,
        origin=candidate.origin,
        rival=rival,
    )

"""Every claim about a mechanism: what a search found, what is proven, and the verdict between the two."""

import dataclasses
from collections.abc import Collection
from typing import Any

import jax
import numpy as np

from jaxmech._errors import ProblemError
from jaxmech._precision import seed_key
from jaxmech._types import Array
from jaxmech._words import one_of
from jaxmech.audit._claims import Judge
from jaxmech.audit._record import Examination
from jaxmech.deviation import (
    BestResponse,
    DataSetDeviation,
    Deviation,
    SearchSettings,
    best_responses,
    compiled,
    inspect_mechanism,
    noise_is_known,
)
from jaxmech.mechanism import (
    CLAIMS,
    NASH,
    RATIONAL,
    Audit,
    Claiming,
    Guarantee,
    Guaranteed,
    Stakes,
    Target,
    claims_what_is_proven,
    only_whole_points,
)


def audit(
    mechanism: Any,
    problem: Any,
    key: Any = None,
    *,
    claims: Collection[str] | None = None,
    agents: Collection[int] | None = None,
    target: Target | None = None,
    settings: SearchSettings | None = None,
) -> tuple[Audit, ...]:
    """Return the verdict on every claim about a mechanism; see :func:`examine`, which also tells the numbers.

    Args:
        mechanism: any :class:`~jaxmech.mechanism.Mechanism`, one that a user wrote included.
        problem: anything with costs, sigma and price.
        key: random key; the same key gives the same audit.
        claims: which of ``CLAIMS`` the mechanism makes, the others being told as facts; by default what it says itself
            (:class:`~jaxmech.mechanism.Claiming`), else that it is incentive compatible and individually rational.
        agents: indices of those for whom to search; all by default.
        target: what counts as efficient; by default what the mechanism says, else the best that compliant agents could
            do together.
        settings: how widely to search.

    Returns:
        Claims first, then facts.

    Raises:
        ProblemError: for a mechanism that cannot be right (see :func:`~jaxmech.deviation.inspect_mechanism`), unknown
            claims and agents.

    Example:
        >>> from jaxmech import collaboration
        >>> problem = collaboration.Problem([[0.01]] * 5, 1.0)
        >>> plan = collaboration.solve(problem, mechanism="c3d").value
        >>> quick = SearchSettings(draws=16, steps=2, polish_draws=16, polish_steps=2, batches=4, batch=64)
        >>> records = audit(collaboration.mechanism(problem, plan), problem, agents=[0], settings=quick)
        >>> [record.holds for record in records if record.claimed]
        [True, True, True]
    """
    return examine(mechanism, problem, key, claims=claims, agents=agents, target=target, settings=settings).audits


def examine(
    mechanism: Any,
    problem: Any,
    key: Any = None,
    *,
    claims: Collection[str] | None = None,
    agents: Collection[int] | None = None,
    target: Target | None = None,
    baseline: Target | None = None,
    settings: SearchSettings | None = None,
) -> Examination:
    """Search for profitable deviations, take what is proven, and judge every claim.

    - "Nash incentive compatible": refuted where the search found a gain beyond its confidence interval; proven where
      the mechanism brings a bound (:class:`~jaxmech.mechanism.Guaranteed`) below the tolerance. Without a bound it
      holds as far as was searched, and the record says so: the tolerance is then the width of the confidence interval.
      A mechanism that claims incentives as far as is proven (:class:`~jaxmech.mechanism.Approximate`) is held to that.
    - "individually rational": nobody pays more than alone.
    - "efficient": the social penalty against a target.
    - "penalties as promised": simulated penalties of honest agents against the proven ones.
    - "noise that nobody knows": told only where noise is announced that does not depend on the key.

    A mechanism that is a registered pytree (``jax.tree_util.register_dataclass``) is traced and compiled once for all
    audits of its kind. A plain class is traced anew in every audit, since nobody can tell what else it reads, which
    takes seconds; what comes to the same program is compiled once.

    Args:
        mechanism: any :class:`~jaxmech.mechanism.Mechanism`, one that a user wrote included.
        problem: anything with costs, sigma and price; names of ``agents``, if it has them, are used.
        key: random key; the same key gives the same audit.
        claims: which of ``CLAIMS`` the mechanism makes, the others being told as facts; by default what it says itself
            (:class:`~jaxmech.mechanism.Claiming`), else that it is incentive compatible and individually rational.
        agents: indices of those for whom to search; all by default.
        target: what counts as efficient; by default what the mechanism says, else the best that compliant agents could
            do together.
        baseline: what the social penalty is compared with, as a fact, where nobody says what is efficient; by default
            the first best of agents without limits.
        settings: how widely to search.

    Raises:
        ProblemError: as :func:`audit`.

    Example: see :func:`audit`.
    """
    stakes = Stakes.of(problem)
    if claims is None:
        claims = mechanism.claims if isinstance(mechanism, Claiming) else (NASH, RATIONAL)
    for claim in claims:
        one_of("claims", claim, CLAIMS)
    if agents is not None and not agents:
        raise ProblemError("agents", [], "must name at least one")
    inspect_mechanism(mechanism, problem)
    key = seed_key(0) if key is None else key
    response = best_responses(mechanism, problem, key, None if agents is None else list(agents), settings)
    found = _found(mechanism, problem, stakes, response)
    judge = Judge(found, np.asarray(stakes.costs).dtype, frozenset(claims), claims_what_is_proven(mechanism))
    audits = [judge.incentive_compatible(), judge.individually_rational()]
    if len(found.examined) == len(found.agents):
        if target is None and isinstance(mechanism, Claiming):
            target = mechanism.target(stakes)
        audits.append(judge.efficient(target or baseline or _first_best(stakes), told=target is not None))
    if found.certain:
        audits.append(judge.as_promised())
    if noise_is_known(mechanism, problem):
        audits.append(judge.noise_known())
    return dataclasses.replace(found, audits=tuple(sorted(audits, key=lambda record: not record.claimed)))


def _found(mechanism: Any, problem: Any, stakes: Stakes, response: BestResponse) -> Examination:
    """The numbers, before any verdict."""
    rows = np.asarray(response.agents)
    m = stakes.costs.shape[0]
    names = getattr(problem, "agents", None) or [f"agent {i + 1}" for i in range(m)]
    promised, bound = np.asarray(response.honest, float), np.full(len(rows), np.inf)
    certain = isinstance(mechanism, Guaranteed)
    whole = only_whole_points(mechanism) or isinstance(response.deviation, DataSetDeviation)
    alone = stakes.alone_in_whole_points() if whole else stakes.alone
    if isinstance(mechanism, Guaranteed):
        proven = compiled(_guarantee, mechanism)(stakes)
        promised, bound = np.asarray(proven.promised, float)[rows], np.asarray(proven.regret, float)[rows]
    return Examination(
        agents=tuple(str(name) for name in names),
        examined=tuple(int(i) for i in rows),
        promised=promised,
        certain=certain,
        honest=np.asarray(response.honest, float),
        honest_error=np.asarray(response.honest_error, float),
        alone=np.asarray(alone, float)[rows],
        found=np.asarray(response.found, float),
        bound=np.where(np.isnan(bound), np.inf, bound),
        half_width=np.asarray(response.half_width, float),
        standard_error=np.asarray(response.standard_error, float),
        family=response.family,
        deviation=_in_own_points(response.deviation, stakes, rows),
        audits=(),
        effort=response.effort,
    )


def _in_own_points(deviation: Deviation, stakes: Stakes, rows: np.ndarray) -> Deviation:
    """Strategies that count in each agent's own points: everything in them is relative to the unit."""
    if stakes.precision is None:
        return deviation

    def own(one: Deviation, precision: Array) -> Deviation:
        return dataclasses.replace(one, unit=one.unit / precision, whole=one.whole / precision)

    told: Deviation = jax.vmap(own)(deviation, stakes.precision[rows])
    return told


def _guarantee(mechanism: Guaranteed, stakes: Stakes) -> Guarantee:
    return mechanism.guarantee(stakes)


def _first_best(stakes: Stakes) -> Target:
    """Σ_k 2σ_k √(price_k m min_i c[i, k]): the least social penalty of compliant agents who pool."""
    name = "the first best of compliant agents"
    if stakes.capacity is not None:  # what no amounts beat, within limits or not
        stakes, name = dataclasses.replace(stakes, capacity=None), f"{name} without limits"
    costs, price = np.asarray(stakes.costs, float), np.asarray(stakes.price, float)
    together = price.sum(axis=0) if price.ndim > 1 else price * len(costs)
    least = 2 * np.asarray(stakes.sigma, float) * np.sqrt(together * costs.min(axis=0))
    return Target(float(np.sum(np.where(together > 0, least, 0.0))), 1.0, name)

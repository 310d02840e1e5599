"""From a problem to a certified design: the host shell that orders, builds and proves what the kernels find."""

import dataclasses
from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import numpy as np

from jaxmech._errors import ProblemError
from jaxmech._kept import jit
from jaxmech._progress import stage
from jaxmech._status import Solution, Status
from jaxmech.collaboration import Problem
from jaxmech.design._build import Told, blank, build, departure_of
from jaxmech.design._candidates import among_kinds, candidates, safe
from jaxmech.design._certify import proven_design
from jaxmech.design._family import Dual, choices, proven_value
from jaxmech.design._kinds import Candidate, Kinds, everybody, kinds_of
from jaxmech.design._plan import Design, Rule, alike
from jaxmech.design._published import Rivals, published
from jaxmech.design._rules import check_rule, threshold_rule
from jaxmech.design._whole import in_whole_samples
from jaxmech.design._wishes import Bounds, Wishes
from jaxmech.design.proof import DEPARTURE

Tree = TypeVar("Tree")


def design(problem: Problem, wishes: Wishes | None = None) -> Solution[Design]:
    """Return a mechanism that is better than the published ones, with everything proven that it claims.

    Noise rules that grow with the discrepancy are all truthful; thresholds are the best among them. For every
    distribution a dual problem tells who collects how much; a descent with exact gradients does the rest; for two and
    more distributions the rules are linked. Candidates that would bring somebody more than 3 % more or less than
    promised when they are carried out, with whole numbers of points, are rounded, and get levels of their own. The
    candidates are proven, the cheapest first, and the first one for which everything holds is returned.

    Inside jit, vmap and :func:`jaxmech.batch` nothing is proven, since proofs are programs of the host: the cheapest
    candidate is returned, its status is UNPROVEN, the family's bound is NaN, and :func:`certify` proves it afterwards.

    Args:
        problem: the problem. Inside a transformation it may hold tracers.
        wishes: bounds on noise and on honest failures, whole amounts, no linking; static.

    Returns:
        Solution around the design. The status is OK if everything is proven, UNPROVEN if no candidate could be: then
        the cheapest one is returned, and :func:`certify` tells what fails. The residual is the largest
        gain left open, relatively; inside a transformation by how much recomputed penalties differ from promises.

    Raises:
        ProblemError: for wishes that make no sense, and for limits that a design does not take: a budget for several
            amounts, tables of σ or prices, an ellipsoid, and any inside a transformation.

    Source: this package; theorems and derivations in the notebook ``design.ipynb``.

    Example:
        >>> found = design(Problem(costs=[[1.0]] * 10, sigma=100.0)).raise_for_status().value
        >>> round(float(found.social_penalty) / (200 * 10**0.5), 3)  # the published mechanism: 1.698
        1.214
    """
    wishes = wishes or Wishes()
    if _is_traced(problem):
        problem.without_limits("inside a transformation a design has none")
        return _unproven(problem, wishes)
    if problem.capacity is not None:
        _check_limited(problem, wishes)
    found = _first_that_holds(problem, _Search(problem, wishes, None).designs())
    assert found is not None
    return found


def smooth_design(problem: Problem, rule: Rule, wishes: Wishes | None = None) -> Solution[Design]:
    """Return the best mechanism that the descent finds with a noise rule of this shape, proven.

    One distribution at a time; every agent has a limit of her own, so only the shape is given. Roles are those of the
    best thresholds; amounts and comparison sets are optimised anew, with exact gradients through the limits.

    Args:
        problem: the problem.
        rule: noise by the discrepancy, never falling.
        wishes: bounds; distributions are never linked.

    Returns:
        Solution around the design, OK if everything is proven, UNPROVEN if not. INFEASIBLE, with NaN, if no start has
        limits at which these roles are best responses. Amounts are rounded if they are not kept on whole data, as in
        :func:`design`. The residual is the largest gain left open, relatively.

    Raises:
        ProblemError: for a rule that falls, or has more noise than is wished for.

    Source: this package; the theorem is in ``design/_table_penalty.py``.

    Example:
        >>> from jaxmech.design import ramp_rule
        >>> equals = Problem(costs=[[1.0]] * 10, sigma=100.0)
        >>> found = smooth_design(equals, ramp_rule(0.3, 100.0)).raise_for_status().value
        >>> round(float(found.social_penalty) / (200 * 10**0.5), 3)  # a threshold: 1.214
        1.217
    """
    problem.without_limits("a rule of given shape has none; a design by thresholds keeps within most and least")
    wishes, rule = dataclasses.replace(wishes or Wishes(), linked=False, ellipsoid=False), check_rule(rule)
    if float(rule.variance[-1]) > wishes.noise:
        raise ProblemError("rule.variance", rule.variance[-1], f"is more noise than is wished for ({wishes.noise:g})")
    search = _Search(problem, wishes, Rule(jnp.asarray(rule.discrepancy, float), jnp.asarray(rule.variance, float)))
    found = _first_that_holds(problem, search.designs())
    return search.infeasible() if found is None else found


def unproven(problem: Problem, wishes: Wishes) -> Solution[Design]:
    """Return the cheapest candidate for a design by thresholds, not proven: a pure function of arrays.

    Args:
        problem: the problem; its numbers may be tracers.
        wishes: static.
    """
    kinds, rivals = everybody(problem), published(problem, whole=False)
    wholes = published(problem, whole=True)
    table, rule = choices(wishes.kept, wishes.failure), threshold_rule(wishes.noise)
    found, _ = candidates(kinds, rivals, table, None, wishes.bounds)
    rounded = in_whole_samples(kinds, found, wholes, None, wishes.bounds)
    nothing = jnp.asarray(jnp.nan)
    make = jax.vmap(build, in_axes=(None, None, 0, None, None))
    fractions = make(problem, kinds, found, Told(*rivals.best, nothing), rule)
    whole = make(problem, kinds, rounded, Told(*wholes.best, nothing), rule)
    solved = jnp.isfinite(found.social) & (not wishes.whole)
    kept = solved & (jax.vmap(partial(departure_of, problem, wishes.kept))(fractions) <= DEPARTURE)
    asked = ~jnp.all(kept | ~solved) | ~jnp.any(solved)
    values = jnp.concatenate([jnp.where(kept, found.social, jnp.inf), jnp.where(asked, rounded.social, jnp.inf)])
    place = jnp.argmin(values)
    one = jax.tree.map(lambda *leaves: jnp.concatenate(leaves)[place], fractions, whole)
    fine = jnp.isfinite(values[place])
    status = jnp.where(fine, int(Status.UNPROVEN), int(Status.INFEASIBLE)).astype(jnp.int32)
    residual = departure_of(problem, wishes.kept, one, exactly=True)
    one = jax.tree.map(lambda leaf: jnp.where(fine, leaf, blank(leaf)), one)
    return Solution(one, status, residual, jnp.asarray(len(values), jnp.int32))


@dataclasses.dataclass(frozen=True)
class _Search:
    """The search on the host: sizes, order, and what is built."""

    problem: Problem
    wishes: Wishes
    rule: Rule | None

    def designs(self) -> Iterator[Design]:
        """Designs, the cheapest first; in whole numbers where that is wished for, or where fractions are not kept."""
        wishes, kinds = self.wishes, kinds_of(self.problem)
        rivals, table = published(self.problem, whole=False), choices(wishes.kept, wishes.failure)
        with stage("design, part 1 of 4: thresholds by descent from many starts"):
            plans = _among_kinds(kinds, rivals)
            found, duals = _finished(_candidates(kinds.themselves, plans, table, self.rule, self._bounds))
        with stage("design, part 2 of 4: what no rule of the family gets below"):
            bound = self._family(kinds, duals, whole=wishes.whole)
        made = [] if wishes.whole else self._built(kinds, found, rivals, bound)
        kept = [one for one in made if float(_departure(self.problem, self._kept, one)) <= DEPARTURE]
        if len(kept) < max(len(made), 1):
            wholes = published(self.problem, whole=True)
            bound = bound if wishes.whole else self._family(kinds, duals, whole=True)
            with stage("design, part 3 of 4: whole samples"):
                plans = _among_kinds(kinds, wholes)
                rounded = _finished(_in_whole_samples(kinds.themselves, found, plans, self.rule, self._bounds))
            kept += self._built(kinds, rounded, wholes, bound)
        yield from sorted(kept, key=lambda one: float(one.social_penalty))

    def infeasible(self) -> Solution[Design]:
        """NaN for a design."""
        kinds = kinds_of(self.problem)
        told = Told(*published(self.problem, whole=False).best, jnp.asarray(jnp.nan))
        nothing = jax.tree.map(blank, build(self.problem, kinds, safe(kinds), told, self._rule))
        status = jnp.asarray(Status.INFEASIBLE, jnp.int32)
        return Solution(nothing, status, jnp.asarray(jnp.inf), jnp.asarray(0, jnp.int32))

    def _built(self, kinds: Kinds, found: Candidate, rivals: Rivals, bound: float) -> list[Design]:
        """Designs of candidates that are solved, equal ones once."""
        told = Told(*rivals.best, jnp.asarray(bound))
        socials, linked = np.asarray(found.social), np.asarray(found.linked)
        inside = np.zeros_like(linked) if found.ellipsoid is None else np.asarray(found.ellipsoid)
        order = [i for i in np.argsort(socials, kind="stable") if np.isfinite(socials[i])]
        different = {(bool(linked[i]), bool(inside[i]), f"{socials[i]:.9g}"): i for i in reversed(order)}
        chosen = sorted(different.values(), key=order.index)
        made = jax.device_get(_build(self.problem, kinds, found, told, self._rule))
        return [jax.device_put(jax.tree.map(lambda leaf, i=i: leaf[i], made)) for i in chosen]

    def _family(self, kinds: Kinds, duals: Dual, *, whole: bool) -> float:
        """The proven bound of the social penalty, over all distributions."""
        if whole:
            kinds = kinds.in_whole_points
        parts, limits = (kinds.costs, kinds.weight, kinds.error, kinds.unit), kinds.limits
        costs, weight, error, unit = (np.asarray(part, float) for part in parts)
        bounds = None if limits is None else (np.asarray(limits.least, float), np.asarray(limits.most, float))
        fails, duals = self.wishes.failure, jax.device_get(duals)
        return sum(
            proven_value(
                jax.tree.map(lambda leaf, k=k: leaf[k], duals),
                costs[:, k],
                weight,
                error[:, k],
                fails,
                unit[:, k] if whole else None,
                None if bounds is None else (bounds[0][:, k], bounds[1][:, k]),
            )
            for k in range(costs.shape[1])
        )

    @property
    def _bounds(self) -> Bounds:
        """What is wished for; one distribution has nothing to link, and is compiled once for both."""
        bounds = self.wishes.bounds
        several = self.problem.shape[1] > 1
        return dataclasses.replace(bounds, linked=bounds.linked and several, ellipsoid=bounds.ellipsoid and several)

    @property
    def _kept(self) -> float | None:
        return self.wishes.kept if self.rule is None else None

    @property
    def _rule(self) -> Rule:
        return threshold_rule(self.wishes.noise) if self.rule is None else self.rule


def _first_that_holds(problem: Problem, designs: Iterable[Design]) -> Solution[Design] | None:
    """Return the first design for which everything holds, OK; else the first one, UNPROVEN; None if there is none."""
    best: Solution[Design] | None = None
    for tried, made in enumerate(designs, start=1):
        with stage("design, part 4 of 4: the proof"):
            found = proven_design(problem, made)
        held = int(found.status) == Status.OK
        best = found if best is None or held else best
        best = dataclasses.replace(best, steps=jnp.asarray(tried, jnp.int32))
        if held:
            break
    return best


_unproven = jit(unproven, "wishes")  # all numbers are tracers in there, whichever were from outside
_candidates, _in_whole_samples, _among_kinds = jit(candidates), jit(in_whole_samples), jit(among_kinds)


@jit
def _build(problem: Problem, kinds: Any, found: Any, told: Any, rule: Any) -> Any:
    """Every candidate as a design."""
    made: Any = jax.vmap(build, in_axes=(None, None, 0, None, None))(problem, kinds, found, told, rule)
    return made


_departure = jit(departure_of)


def _finished(found: Tree) -> Tree:
    """The same, computed: what is told to be done is done."""
    done: Tree = jax.tree.map(lambda leaf: leaf.block_until_ready(), found)
    return done


def _check_limited(problem: Problem, wishes: Wishes) -> None:
    """Refuse what limits do not go with, before any search."""
    alike(problem)
    if wishes.ellipsoid:
        raise ProblemError(
            "ellipsoid", True, "is for agents who collect as they like: leave it, or most and least, out"
        )


def _is_traced(problem: Problem) -> bool:
    return any(isinstance(leaf, jax.core.Tracer) for leaf in jax.tree.leaves(problem))

"""Designs on data sets, whose points are whole: what is promised is what is paid, or the certificate says that not."""

import contextlib
import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxmech import Status
from jaxmech.audit import examine
from jaxmech.collaboration import Problem, Role, integer_plan
from jaxmech.collaboration import solve as published
from jaxmech.design import (
    Wishes,
    carried_out,
    certify,
    departure,
    design,
    designed_mechanism,
    is_whole,
    prove,
    ramp_rule,
    realise,
    smooth_design,
)
from jaxmech.design._certify import rival
from jaxmech.design._kinds import Candidate, kinds_of
from jaxmech.design._linked import Threshold
from jaxmech.design._plan import Origin
from jaxmech.design._published import published as published_plans
from jaxmech.design._terms import Stake, Terms
from jaxmech.design._whole import in_whole_samples
from jaxmech.design.proof._certificate import Judge
from jaxmech.deviation import Normal, SearchSettings, simulate
from tests.design.test_mechanism import made_by_hand
from tests.oracles import design as oracle

pytestmark = pytest.mark.usefixtures("compile_quickly")

KEPT = 0.03


def played(problem, made, replications=4000):
    """What honest agents pay on data sets, point by point, with standard errors."""
    d = problem.shape[1]
    people = Normal(jnp.zeros(d), jnp.broadcast_to(problem.sigma, (d,)))
    found = simulate(
        designed_mechanism(problem, made, np.zeros(problem.shape[0])), problem, people, jax.random.key(0),
        replications=replications,
    )  # fmt: skip
    return np.asarray(found.penalty), np.asarray(found.standard_error)


@contextlib.contextmanager
def optimised():
    """Compile for speed what computes more than it is compiled."""
    name = "jax_disable_most_optimizations"
    before = jax.config.read(name)
    jax.config.update(name, False)
    try:
        yield
    finally:
        jax.config.update(name, before)


def verdicts(problem, made, proven=None):
    return {audit.claim: audit for audit in certify(problem, made, proven)}


@pytest.fixture
def proofs(monkeypatch):
    """What :func:`design` proves, (design, proof): a proof takes as long as a search."""
    made = []

    def noted(problem, one):
        made.append((one, prove(problem, one)))
        return made[-1][1]

    monkeypatch.setattr("jaxmech.design._certify.prove", noted)
    return made


def assert_kept(problem, solution, proofs):
    """OK, and realised within 3 % of what is promised and five standard errors."""
    assert int(solution.status) == Status.OK
    made = solution.value
    paid, error = played(problem, made)
    promised = np.asarray(made.penalty)
    assert np.all(np.abs(paid - promised) <= KEPT * promised + 5 * error)
    assert np.all(np.abs(paid - realise(problem, made)) <= 5 * error + 1e-9 * promised)
    # facts are told elsewhere, and take a proof of their own
    (proof,) = [proof for proven, proof in proofs if proven is made]
    assert all(audit.holds for audit in Judge(problem, made, proof, rival(problem, made)).claims())
    return made


def changed(made, **changes):
    return dataclasses.replace(made, **{name: jnp.asarray(value) for name, value in changes.items()})


def fractional():
    """A sound design of amounts far below one point."""
    problem, made = made_by_hand(samples=4.0, comparison=2.0)
    less = {name: getattr(made, name) / 12 for name in ("samples", "comparison", "rest")}
    made = changed(made, **less, limit=made.limit * 12**0.5, published=made.published * 12)
    return Problem(problem.costs * 12**2, 1.0), changed(
        made, penalty=made.penalty * 12, social_penalty=made.social_penalty * 12
    )


def test_what_is_realised_is_recomputed_with_rounded_numbers():
    """By the oracle, with numbers rounded by hand; and by the mechanism itself."""
    problem, made = made_by_hand(samples=4.4, comparison=1.7)
    whole = carried_out(made)
    assert np.all(np.asarray(whole.samples) == 4)
    assert np.all(np.asarray(whole.comparison) == 2)
    assert np.all(np.asarray(whole.rest) == 10)  # of 12 points of the others, though 13.2 were promised
    limit = np.asarray(made.limit[0])
    by_hand = oracle.linked_penalty([4, 4], [2, 2], [10, 10], limit, [0.01, 0.01], [1.0, 1.0])
    assert realise(problem, made) == pytest.approx(by_hand, rel=1e-12)
    paid, error = played(problem, made)
    assert np.all(np.abs(paid - by_hand) <= 5 * error)
    assert departure(problem, made) == pytest.approx(abs(by_hand / float(made.penalty[0]) - 1))


@pytest.mark.long
def test_a_design_of_fractions_is_not_kept_and_says_so():
    """Everything is proven for fractions; on data sets nobody collects anything, and the certificate fails."""
    problem, made = fractional()
    found = verdicts(problem, made)
    assert found["Nash incentive compatible"].holds
    assert "for amounts in fractions" in found["Nash incentive compatible"].effort
    assert found["penalties as promised"].holds
    kept = found["kept on whole data"]
    assert kept.claimed
    assert not kept.holds
    assert kept.tolerance == KEPT
    assert "on whole data" in kept.witness
    assert not found["Nash incentive compatible on whole data up to rounding"].holds


def test_a_whole_design_is_what_it_is():
    problem, made = made_by_hand()
    assert is_whole(made)
    assert realise(problem, made) == pytest.approx(np.asarray(made.penalty), rel=1e-9)
    found = verdicts(problem, made)
    assert found["kept on whole data"].holds
    assert "fractions" not in "".join(audit.effort for audit in found.values() if audit.claimed)
    assert "up to rounding" not in "".join(found)
    assert not is_whole(changed(made, rest=made.rest + 0.5))
    assert not is_whole(changed(made, samples=made.samples * 2.0**60))  # no number is told from the next


@pytest.mark.long
def test_what_rounding_leaves_to_gain_is_told():
    problem, made = made_by_hand(samples=4.4, comparison=2.2)
    fact = verdicts(problem, made)["Nash incentive compatible on whole data up to rounding"]
    assert not fact.claimed
    proven = prove(problem, carried_out(made))
    assert fact.margin == pytest.approx(-float(np.max(1 - proven.least / proven.honest)))


@pytest.mark.slow
def test_who_is_alone_is_held_to_whole_samples_by_mechanism_certificate_and_audit():
    problem = Problem([[0.9], [1.1]], 3.0)
    made = design(problem).raise_for_status().value
    assert is_whole(made)
    alone = np.asarray(made.role[:, 0]) == Role.ALONE
    n = np.asarray(made.samples[:, 0])
    paid = 9 / n[alone] + np.asarray(problem.costs)[alone, 0] * n[alone]
    np.testing.assert_allclose(np.asarray(made.penalty)[alone], paid)
    mechanism = designed_mechanism(problem, made)
    assert mechanism.whole
    for least in (prove(problem, made).least, mechanism.least):
        np.testing.assert_allclose(np.asarray(least)[alone], paid, rtol=1e-7)
    # fractions would bring her a little: 6 √c
    assert np.all(6 * np.asarray(problem.costs)[alone, 0] ** 0.5 < paid * (1 - 1e-5))
    settings = SearchSettings(batch=1 << 12, batches=4)
    found = examine(mechanism, problem, jax.random.key(0), settings=settings)
    holds = {audit.claim: audit.holds for audit in found.audits}
    assert holds["Nash incentive compatible"], found.audits
    assert holds["individually rational"], found.audits
    best = np.asarray(jax.vmap(lambda one: one.samples)(found.deviation))
    np.testing.assert_array_equal(best, np.round(best))
    assert found.effort.endswith("whole numbers of points only")


@pytest.mark.slow
@pytest.mark.parametrize("sigma", [10.0, 2.0])
def test_small_amounts_are_kept(sigma, proofs):
    """From one point to a dozen for each; the shape is that of other tests."""
    costs = np.random.default_rng(5).uniform(0.5, 1.5, (4, 2))
    problem = Problem(costs, sigma)
    made = assert_kept(problem, design(problem), proofs)
    rival = min(
        float(integer_plan(problem, published(problem, division=name).value).social_penalty)
        for name in ("rational", "leverage")
    )
    assert float(made.social_penalty) <= rival * (1 + 1e-9)
    assert float(made.published) <= rival * (1 + 1e-9)
    assert float(made.family) <= float(made.social_penalty) or made.linked


@pytest.mark.slow
def test_the_design_that_collapsed(proofs):
    """Costs of a design that asked for a third of a point of some, and compared with a hundredth of a point."""
    rng = np.random.default_rng(11)
    np.exp(0.3 * rng.normal(size=(6, 2)))
    problem = Problem(np.exp(0.15 * rng.normal(size=(6, 2))), 10.0)
    made = assert_kept(problem, design(problem), proofs)
    assert float(made.social_penalty) < 110 < 0.98 * 112.5459  # the published plan, in fractions


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("wishes", [{}, {"whole": True}, {"linked": False}, {"noise": 20.0}], ids=str)
def test_random_designs_are_kept(seed, wishes, proofs):
    rng = np.random.default_rng(seed)
    problem = Problem(np.exp(rng.uniform(0.1, 0.6) * rng.normal(size=(4, 2))), 10 ** rng.uniform(0, 1.7))
    made = assert_kept(problem, design(problem, Wishes(**wishes)), proofs)
    if "whole" in wishes:
        assert is_whole(made)


@pytest.mark.slow
def test_ordinary_designs_stay_in_fractions(proofs):
    problem = Problem(np.random.default_rng(5).uniform(0.5, 1.5, (4, 2)), 300.0)
    made = assert_kept(problem, design(problem), proofs)
    assert not is_whole(made)


@pytest.mark.slow
@pytest.mark.parametrize("sigma", [4.0, 100.0])
def test_other_rules_are_kept_too(sigma, proofs):
    problem = Problem([[1.0]] * 8, sigma)
    made = assert_kept(problem, smooth_design(problem, ramp_rule(0.3, 100.0)), proofs)
    assert is_whole(made) == (sigma == 4.0)


@pytest.mark.slow
def test_linked_rules_survive_rounding(proofs):
    """In fractions they compare with a fifth of a point; with whole points next to nothing is lost."""
    problem = Problem(10 ** (0.3 * np.random.default_rng(7).standard_normal((12, 3))), 100.0)
    found = design(problem)
    with optimised():  # a hundred million points are sorted
        made = assert_kept(problem, found, proofs)
    assert made.linked
    assert is_whole(made)
    assert float(made.social_penalty) < 1465 < float(made.family)  # 1463.64 in fractions


@pytest.mark.long
def test_comparison_sets_are_sought_for_every_agent():
    """Equal agents, two distributions: no pair of whole comparison sets is cheaper by one in a thousand."""
    problem = Problem([[1.0, 1.0]] * 4, 100.0)
    tables = {name: np.full((4, 2), value) for name, value in (("samples", 60.0), ("comparison", 0.1), ("level", 3.0))}
    nothing = np.zeros((4, 2), bool)
    start = Candidate(
        **tables, rest=180 - tables["comparison"], success=np.ones((4, 2)), penalty=np.ones(4), alone=nothing,
        checked=~nothing, social=1.0, linked=True, origin=int(Origin.LINKED),
    )  # fmt: skip
    one = jax.tree.map(lambda leaf: jnp.asarray(leaf)[None], start)
    ends = in_whole_samples(kinds_of(problem), one, published_plans(problem, whole=True), None, Wishes().bounds)
    rounded = int(jnp.argmin(ends.social[:4]))  # before those of published plans
    end = jax.tree.map(lambda leaf: np.asarray(leaf[rounded]), ends)
    assert np.all(end.comparison >= 1)
    assert np.all(end.comparison == np.round(end.comparison))
    limit = end.level[0] * np.sqrt(1 / 60 + 1 / end.comparison[0])
    by_hand = oracle.linked_penalty(end.samples[0], end.comparison[0], end.rest[0], limit, [1.0, 1.0], [1e4, 1e4])
    assert end.penalty[0] == pytest.approx(by_hand, rel=1e-9)
    pairs = np.stack(np.meshgrid(np.arange(1.0, 12.0), np.arange(1.0, 12.0)), axis=-1).reshape(-1, 2)
    terms = Terms(*(jnp.asarray(part) for part in (np.full_like(pairs, 60.0), pairs, 180 - pairs, pairs > 0)))
    stake, rule = Stake(jnp.ones_like(terms.samples), jnp.full(2, 1e4)), Threshold(jnp.asarray(0.0))
    found = rule.settle(terms, stake)
    sound = np.asarray((found.room > 0).all(axis=1) & (found.residual < 1e-9))
    sound = sound & np.asarray(rule.walking_away(terms, stake) > found.penalty)
    assert sound.any()
    assert end.penalty[0] <= np.asarray(found.penalty)[sound].min() * 1.001

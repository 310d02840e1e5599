"""Designs within most, least and budget: every amount by force, limits that do not bind, and what is refused."""

import dataclasses
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import erf

from jaxmech import ProblemError, Status
from jaxmech.collaboration import Problem, Role, first_best
from jaxmech.design import (
    Wishes,
    certify,
    design,
    designed_mechanism,
    is_whole,
    otherwise,
    prove,
    ramp_rule,
    refuse_differing,
    smooth_design,
)
from jaxmech.design._certify import rival
from jaxmech.design._kinds import kinds_of
from jaxmech.design.proof._certificate import Judge
from jaxmech.mechanism import Capacity, Stakes
from tests.oracles import boxed, capacity

pytestmark = pytest.mark.usefixtures("compile_quickly")

INF = np.inf
COSTS = [[0.001], [0.002], [0.003], [0.004]]
ONE = {
    "two at their most": {"most": [5, 7, 40, 40]},
    "all at their most": {"most": 4},
    "one who must": {"least": [0, 0, 0, 12]},
    "both": {"most": [6, 9, INF, 20], "least": [2, 0, 3, 12]},
    "held": {"most": [8, 5, INF, INF], "least": [8, 5, 0, 0]},
    "one cannot": {"most": [0, 9, INF, 20]},
    "money": {"budget": [0.006, INF, 0.03, INF]},
    "far away": {"most": 10000, "budget": 1e4},
}
TWO_COSTS = [[0.03, 0.2], [0.07, 0.1], [0.1, 0.15], [0.05, INF]]
TWO = {
    "caps": {"most": [[10, 12], [12, 6], [7, 7], [20, 0]]},
    "floors": {"least": [[5, 0], [0, 0], [0, 3], [0, 0]]},
    "both": {"most": [[9, 20], [15, 9], [INF, 7], [25, 0]], "least": [[3, 0], [0, 0], [0, 3], [2, 0]]},
}


def one(name):
    return Problem(COSTS, 1.0, **ONE[name])


def two(name):
    return Problem(TWO_COSTS, [6.0, 8.0], **TWO[name])


def bounds_of(problem):
    """Least and most, with what a budget buys of one distribution."""
    limits, costs = problem.capacity, np.asarray(problem.costs)
    most, least = np.asarray(limits.most), np.asarray(limits.least)
    if problem.shape[1] == 1:
        most = np.minimum(most, np.where(np.isfinite(costs), np.asarray(limits.budget)[:, None] / costs, most))
    return least, most


def offers_of(problem, made, i):
    """What an agent meets: one offer of all distributions if they are linked, else one of each."""
    error = np.broadcast_to(np.asarray(problem.price * problem.sigma**2), problem.shape)[i]
    table = [np.asarray(part[i], float) for part in (made.comparison, made.rest, made.limit / problem.sigma)]
    table = [np.where(np.asarray(made.role[i]) == Role.ALONE, 0.0, part) for part in table[:2]] + table[2:]
    kept = 1 / (1 + float(made.rule.variance[-1]))
    d = problem.shape[1]
    for at in [slice(None)] if made.linked else [slice(k, k + 1) for k in range(d)]:
        yield at, (*(part[at] for part in table), np.asarray(problem.costs[i])[at], error[at], kept)


def assert_keeps(problem, made, found=None):
    """Within the limits, everything proven, every whole amount by force and real ones by SciPy; penalties by hand."""
    assert found is None or int(found.status) == Status.OK
    assert all(audit.holds for audit in certify(problem, made) if audit.claimed)
    least, most = bounds_of(problem)
    samples = np.asarray(made.samples)
    assert np.all(samples <= most * (1 + 1e-9))
    assert np.all(samples >= least * (1 - 1e-9))
    assert float(made.social_penalty) <= float(made.published) * (1 + 1e-6)
    for i in range(problem.shape[0]):
        paid = 0.0
        for at, offer in offers_of(problem, made, i):
            honest = boxed.paid(samples[i][at], offer)
            if is_whole(made):
                assert boxed.least_whole(offer, least[i][at], most[i][at]) >= honest * (1 - 1e-7)
            else:
                assert boxed.least_real(offer, least[i][at], most[i][at], starts=6) >= honest * (1 - 1e-7)
            paid += honest
        assert float(made.penalty[i]) == pytest.approx(paid, rel=1e-6)
        costs, error = np.asarray(problem.costs[i]), np.broadcast_to(problem.price * problem.sigma**2, problem.shape)[i]
        if is_whole(made):
            assert paid <= boxed.alone_whole(costs, error, least[i], most[i]) * (1 + 1e-6)
        else:
            own = capacity.alone(costs, error, most[i], least[i], INF)
            with np.errstate(divide="ignore"):
                assert paid <= np.sum(error / own + np.where(own > 0, costs, 0.0) * own) * (1 + 1e-6)
    return made


@pytest.mark.long
@pytest.mark.parametrize("whole", [False, True], ids=["fractions", "whole"])
@pytest.mark.parametrize("name", ONE)
def test_nobody_gains_by_any_amount_that_she_can_collect(name, whole):
    problem = one(name)
    found = design(problem, Wishes(whole=whole))
    made = assert_keeps(problem, found.value, found)
    least, most = bounds_of(problem)
    error = np.asarray(problem.price * problem.sigma**2) * np.ones(problem.shape)
    optimum = capacity.division("social", np.asarray(problem.costs), error, None, most, least, np.full(4, INF))
    assert float(made.social_penalty) >= optimum * (1 - 1e-6)
    assert float(made.social_penalty) >= float(made.family) * (1 - 1e-9)
    assert optimum == pytest.approx(float(first_best(problem)), rel=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("whole", [False, True], ids=["fractions", "whole"])
@pytest.mark.parametrize("name", [*TWO])
def test_linked_distributions_within_limits(name, whole):
    problem = two(name)
    found = design(problem, Wishes(whole=whole))
    assert_keeps(problem, found.value, found)
    apart = design(problem, Wishes(whole=whole, linked=False)).raise_for_status().value
    assert_keeps(problem, apart)
    assert float(apart.social_penalty) >= float(apart.family) * (1 - 1e-9)
    assert float(found.value.social_penalty) <= float(apart.social_penalty) * (1 + 1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("wishes", [{"failure": 0.02}, {"noise": 20.0}], ids=["failure", "noise"])
def test_wishes_within_limits(wishes):
    problem = one("two at their most")
    found = design(problem, Wishes(**wishes))
    made = assert_keeps(problem, found.value, found)
    assert float(jnp.max(made.failure)) <= wishes.get("failure", 1.0) * (1 + 1e-6)


@pytest.mark.long
def test_limits_that_do_not_bind_change_nothing():
    free = design(Problem(COSTS, 1.0)).raise_for_status().value
    for bounds in ({"most": 1e5}, {"least": 0.0}, {"budget": 1e9}, {"most": np.asarray(free.samples) + 900.0}):
        made = design(Problem(COSTS, 1.0, **bounds)).raise_for_status().value
        assert float(made.social_penalty) == pytest.approx(float(free.social_penalty), rel=1e-6)
        assert np.asarray(made.samples) == pytest.approx(np.asarray(free.samples), rel=1e-3, abs=1e-3)
        assert float(made.family) == pytest.approx(float(free.family), rel=1e-3)


@pytest.mark.long
def test_where_nobody_has_enough_all_collect_all_they_can():
    """Σ most < n_IND: everybody wants more than there is, nothing is checked, and the first best is reached."""
    problem = Problem(COSTS, 1.0, most=[3, 4, 2, 5])
    made = design(problem).raise_for_status().value
    assert made.samples[:, 0].tolist() == [3, 4, 2, 5]
    assert np.all(made.role == Role.RECEIVES)
    assert float(made.social_penalty) == pytest.approx(float(first_best(problem)), rel=1e-12)
    assert float(made.social_penalty) == pytest.approx(4 / 14 + 0.003 + 0.008 + 0.006 + 0.02, rel=1e-12)
    assert float(made.family) == pytest.approx(float(made.social_penalty), rel=1e-3)


@pytest.mark.long
def test_where_nothing_can_be_chosen_it_is_what_must_be():
    held = [9, 8, 7, 30]
    made = design(Problem(COSTS, 1.0, most=held, least=held)).raise_for_status().value
    assert made.samples[:, 0].tolist() == held
    paid = 4 / sum(held) + sum(c[0] * n for c, n in zip(COSTS, held, strict=True))
    assert float(made.social_penalty) == pytest.approx(paid, rel=1e-12)


@pytest.mark.long
def test_a_budget_for_one_amount_is_a_most():
    priced = design(one("money")).raise_for_status().value
    bounded = design(Problem(COSTS, 1.0, most=[6, INF, 10, INF])).raise_for_status().value
    assert np.asarray(priced.samples) == pytest.approx(np.asarray(bounded.samples), rel=1e-5)
    assert float(priced.social_penalty) == pytest.approx(float(bounded.social_penalty), rel=1e-7)


@pytest.mark.long
def test_tighter_limits_raise_the_first_best_but_may_help_a_design():
    """No law for designs: who cannot reach n_IND needs no check. Two agents, c = 1 and 100: 300 alone, 301 − 1/99."""
    costs, values, floors = [[1.0], [100.0]], [], []
    for most in (INF, 99.0, 60.0, 40.0):
        problem = Problem(costs, 100.0, most=[[most], [INF]])
        made = design(problem).raise_for_status().value
        values.append(float(made.social_penalty))
        floors.append(float(first_best(problem)))
        assert values[-1] >= floors[-1] * (1 - 1e-9)
    assert floors == sorted(floors)
    assert values[0] == pytest.approx(300.0, rel=1e-6)
    assert values[1] == pytest.approx(99 + 2e4 / 99, rel=1e-6)
    assert values[2] > values[1]
    least = design(Problem([[1.0]] * 4, 100.0, least=45.0)).raise_for_status().value  # all must: no check
    free = design(Problem([[1.0]] * 4, 100.0)).raise_for_status().value
    assert float(least.social_penalty) < float(free.social_penalty)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(3))
def test_scale_and_order_change_nothing(seed):
    rng = np.random.default_rng(seed)
    costs, most = rng.uniform(0.5, 1.5, (4, 1)), np.rint(rng.uniform(8e4, 4e5, (4, 1)))
    least = np.rint(most * rng.choice([0.0, 0.5], (4, 1)))
    wishes = Wishes(failure=0.2)  # without it some compare with less than a point, which whole data do not keep
    made = design(Problem(costs, 3e5, most=most, least=least), wishes).raise_for_status().value
    order = rng.permutation(4)
    moved = design(Problem(costs[order], 3e5, most=most[order], least=least[order]), wishes).raise_for_status().value
    assert np.asarray(moved.samples) == pytest.approx(np.asarray(made.samples)[order], rel=1e-6)
    t, u = 4.0, 6.0  # c → tc, e → u²e: n → (u/√t) n, penalties → u√t
    size = u / t**0.5
    larger = Problem(t * costs, u * 3e5, most=size * most, least=size * least)
    scaled = design(larger, wishes).raise_for_status().value
    assert np.asarray(scaled.samples) == pytest.approx(size * np.asarray(made.samples), rel=1e-6)
    assert float(scaled.social_penalty) == pytest.approx(u * t**0.5 * float(made.social_penalty), rel=1e-8)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(6))
def test_random_limits(seed):
    rng = np.random.default_rng([seed, 1])
    costs = rng.uniform(0.3, 2.0, (4, 1))
    own = 30.0 / np.sqrt(costs)
    most = np.ceil(own * rng.choice([0.2, 0.5, 1.0, INF], (4, 1)))
    least = np.floor(np.minimum(own * rng.choice([0.0, 0.0, 0.3, 1.2], (4, 1)), most))
    problem = Problem(costs, 30.0, most=most, least=least)
    found = design(problem)
    assert_keeps(problem, found.value, found)
    whole = design(problem, Wishes(whole=True))
    assert_keeps(problem, whole.value, whole)


@pytest.mark.slow
def test_many_agents_are_grouped_by_their_limits():
    most = [6.0] * 20 + [INF] * 25
    problem = Problem([[1.0]] * 45, 100.0, most=most)
    kinds = kinds_of(problem)
    assert sorted(np.asarray(kinds.weight)[np.asarray(kinds.weight) > 0].tolist()) == [1, 1, 19, 24]
    found = design(problem)
    made = found.value
    assert int(found.status) == Status.OK
    assert np.all(made.samples[:20, 0] <= 6)
    assert all(audit.holds for audit in certify(problem, made) if audit.claimed)
    assert float(made.social_penalty) < float(made.published)


@pytest.mark.long
def test_claims_fall_with_the_limits():
    """What is proven in a box is not true in a larger one, and amounts outside it are noticed."""
    problem = one("two at their most")
    made = design(problem).raise_for_status().value

    def failing(about, what=made):
        judge = Judge(about, what, prove(about, what), rival(about, what))
        return {audit.claim for audit in judge.claims() if not audit.holds}

    assert not failing(problem)
    assert "Nash incentive compatible" in failing(Problem(COSTS, 1.0, most=[9, 7, 40, 40]))
    assert "Nash incentive compatible" in failing(Problem(COSTS, 1.0))
    assert "feasible" in failing(Problem(COSTS, 1.0, most=[4, 7, 40, 40]))
    assert "feasible" in failing(Problem(COSTS, 1.0, most=[5, 7, 40, 40], least=[0, 0, 0, 30]))
    more = dataclasses.replace(made, samples=made.samples.at[0, 0].add(0.5))
    claims = {audit.claim: audit for audit in certify(problem, more)}
    assert not claims["feasible"].holds
    assert "agent 1 is asked for 5.5 points" in claims["feasible"].witness
    assert not claims["kept on whole data"].holds


@pytest.mark.long
def test_the_guarantee_is_for_these_limits():
    problem = one("money")
    made = design(problem).raise_for_status().value
    mechanism, stakes = designed_mechanism(problem, made), Stakes.of(problem)
    assert np.all(np.asarray(mechanism.guarantee(stakes).least) > 0)
    other = [None, Capacity(stakes.capacity.most, stakes.capacity.least, 2 * stakes.capacity.budget)]
    for limits in other:
        least = mechanism.guarantee(dataclasses.replace(stakes, capacity=limits)).least
        assert np.all(np.asarray(least) == -INF)
    off = otherwise(problem, made, 1.3)
    assert np.all(off.saving >= 0)
    assert float(off.saving[0]) == 0  # who is not checked


REFUSED = {
    "budget": (lambda: Problem([[1.0, 1.0], [1.0, 2.0]], 9.0, budget=[3.0, INF]), {}, r"budget\[0\] .*several amounts"),
    "sigma": (lambda: Problem([[1.0], [2.0]], [[9.0], [8.0]], most=4), {}, "sigma .*most or least"),
    "price": (lambda: Problem([[1.0], [2.0]], 9.0, [[1.0], [2.0]], most=4), {}, "price .*most or least"),
    "whole": (lambda: Problem([[1.0], [2.0]], 9.0, most=4.9, least=4.1), {}, r"most\[0\]\[0\] .*whole number .*5"),
    "ellipsoid": (lambda: Problem([[1.0], [2.0]], 9.0, most=4), {"ellipsoid": True}, "ellipsoid .*most and least"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_goes_with_no_limits_is_refused(name):
    make, wishes, told = REFUSED[name]
    with pytest.raises(ProblemError) as error:
        design(make(), Wishes(**wishes))
    line = str(error.value)
    assert re.search(told, line), line
    assert "\n" not in line


def test_what_has_no_limits_refuses_them():
    problem = Problem([[1.0]] * 3, 9.0, most=4)
    with pytest.raises(ProblemError, match=r"most .*rule of given shape"):
        smooth_design(problem, ramp_rule(0.3, 10.0))
    with pytest.raises(ProblemError, match=r"most .*follow the data"):
        refuse_differing(problem)
    with pytest.raises(ProblemError, match="transformation"):
        jax.jit(lambda costs: design(Problem(costs, 9.0, most=jnp.full(3, 4.0))).value.samples)(problem.costs)


@pytest.mark.slow
def test_rules_that_hold_for_whole_amounts_alone_may_cost_less_than_the_bound():
    """What limits.md says of the bound: a rule, checked over all whole amounts, that costs 4 % less."""
    costs, error = np.array([2.6, 0.82, 2.51, 2.53]), 7.909509588534027**2
    most, least, samples = np.array([3, 2, 1, 5]), np.array([0, 1, 0, 0]), np.array([1, 2, 1, 4])
    clean, level = np.array([5.8711, 6.0, 5.8711, 0.0348]), np.array([7.0, 0.4, 7.0, 0.9308])
    paid = []
    for c, n, z, t, low, high in zip(costs, samples, clean, level, least, most, strict=True):
        theirs, limit = samples.sum() - n, t * np.sqrt(1 / n + 1 / z)

        def pays(k, c=c, z=z, theirs=theirs, limit=limit):
            passes = erf(limit / np.sqrt(2 * (1 / k + 1 / z))) if k else 0.0
            return passes * error / (k + theirs) + (1 - passes) * error / (k + z) + c * k

        others = [pays(k) for k in range(low, high + 1) if k != n]
        assert pays(n) < min(others, default=np.inf)
        assert pays(n) < min(error / k + c * k for k in range(max(low, 1), high + 1))  # alone
        paid.append(pays(n))
    problem = Problem(costs[:, None], error**0.5, most=most[:, None], least=least[:, None])
    found = design(problem, Wishes(whole=True)).value
    assert sum(paid) < 0.96 * float(found.family)

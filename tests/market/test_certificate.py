"""Certificates hold where theory says so, and fail where a plan has been tampered with."""

import dataclasses
import re
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxmech import deviation, market
from jaxmech._precision import seed_key
from jaxmech._pytree import pytree
from jaxmech.market import _certificate
from jaxmech.market._certificate import REALISATIONS
from jaxmech.market._spread import honest_runs
from jaxmech.mechanism import Information, Statistics, Strategy
from tests.market.problems import lab_market, rough, with_tables

pytestmark = pytest.mark.usefixtures("compile_quickly")

CLAIMS = (
    "individually rational for buyers",
    "envy-free",
    "individually rational for contributors",
    "Nash incentive compatible for contributors",
    "budget balanced",
    "deliverable",
    "profit-optimal",
)


@pytest.fixture(scope="module")
def solved():
    problem = lab_market((0.004, 0.006))
    return problem, market.solve(problem).value


def certificates(problem, plan):
    return {audit.claim: audit for audit in market.certify(problem, plan)}


@pytest.mark.parametrize("seed", range(3))
def test_all_claims_hold(seed):
    problem = with_tables(rough(seed, 3, 12), [2, 1, 3], [0.02, 0.03, 0.05])
    found = market.certify(problem, market.solve(problem).value)
    claims = [audit for audit in found if audit.claimed]
    assert tuple(audit.claim for audit in claims) == CLAIMS
    assert [audit.holds for audit in claims] == [True] * 7
    assert all(np.isfinite(audit.margin) or audit.margin > 0 for audit in found)
    assert not [audit.witness for audit in found if re.search(r"e-1[4-9]", audit.witness)]  # rounding is no money
    assert found == tuple(sorted(found, key=lambda audit: not audit.claimed))


@pytest.mark.parametrize(
    ("claim", "change"),
    [
        ("individually rational for buyers", lambda plan: {"prices": plan.prices + 0.5}),
        ("envy-free", lambda plan: {"prices": plan.prices.at[1].add(0.05)}),
        ("individually rational for contributors", lambda plan: {"prices": 0.05 * plan.prices}),
        ("profit-optimal", lambda plan: {"prices": 0.5 * plan.prices}),
        ("profit-optimal", lambda plan: {"samples": 0.5 * plan.samples}),
        ("profit-optimal", lambda plan: {"samples": plan.samples[::-1]}),
        ("profit-optimal", lambda plan: {"sizes": 0 * plan.sizes, "prices": 0 * plan.prices}),
        ("profit-optimal", lambda plan: {"profit": 0.9 * plan.profit}),
        ("profit-optimal", lambda plan: {"profit": 1.1 * plan.profit}),
        ("profit-optimal", lambda plan: {"revenue": 0.9 * plan.revenue}),
        ("profit-optimal", lambda plan: {"profit_bound": 0.9 * plan.profit_bound}),
        ("profit-optimal", lambda plan: {"profit_bound": 1.1 * plan.profit_bound}),
        ("profit-optimal", lambda plan: {"optimum": 0.9 * plan.optimum}),
        ("profit-optimal", lambda plan: {"optimum": 1.1 * plan.optimum}),
        ("profit-optimal", lambda plan: {"optimum_bound": 0.9 * plan.optimum_bound}),
        ("profit-optimal", lambda plan: {"allowance": plan.allowance * jnp.nan}),
        ("deliverable", lambda plan: {"samples": plan.samples.at[:].set(jnp.array([10.0, 1.0]))}),
        ("deliverable", lambda plan: {"samples": plan.samples.at[:].set(jnp.array([plan.total, 0.0]))}),
        ("deliverable", lambda plan: {"samples": plan.samples + jnp.array([0.5, -0.5])}),
        ("deliverable", lambda plan: {"samples": plan.samples + jnp.array([2.0, -2.0])}),
        ("deliverable", lambda plan: {"samples": 0 * plan.samples}),
        ("deliverable", lambda plan: {"samples": jnp.nan * plan.samples}),
        ("deliverable", lambda plan: {"total": plan.total + 1}),
        ("deliverable", lambda plan: {"sizes": 2 * plan.sizes}),
        ("deliverable", lambda plan: {"sizes": plan.sizes - 0.5}),
        ("deliverable", lambda plan: {"sizes": 0 * plan.sizes}),
    ],
)
def test_tampering_is_found(solved, claim, change):
    problem, plan = solved
    found = certificates(problem, dataclasses.replace(plan, **change(plan)))
    assert not found[claim].holds
    assert found[claim].margin < -1e-3


@pytest.mark.parametrize("factor", [0.0, 0.5, 0.9, 1.5, 3.0])
def test_other_weights_of_discrepancies_are_not_incentive_compatible(solved, factor):
    """With f d_i the best amount is √f N_i, and brings c_i N_i (1 − √f)² more; nothing is collected at f = 0."""
    problem, plan = solved
    fooled = _Scaled(**vars(market.mechanism(problem, plan)), factor=jnp.asarray(factor))
    found = {audit.claim: audit for audit in market.certify(problem, plan, broker=fooled)}
    nash = found["Nash incentive compatible for contributors"]
    assert not nash.holds
    assert nash.margin == pytest.approx(-((1 - np.sqrt(factor)) ** 2), rel=0.2)
    assert "would gain" in nash.witness
    others = [audit for audit in found.values() if audit.claimed and audit is not nash]
    assert all(audit.holds for audit in others)


def test_a_broker_who_pays_for_any_number_of_points_is_not_incentive_compatible(solved):
    problem, plan = solved
    fooled = _Miscounting(**vars(market.mechanism(problem, plan)), extra=jnp.asarray(0.01))
    found = {audit.claim: audit for audit in market.certify(problem, plan, broker=fooled)}
    nash = found["Nash incentive compatible for contributors"]
    assert not nash.holds
    assert "by submitting" in nash.witness


def test_a_broker_who_keeps_money_is_found(solved):
    problem, plan = solved
    greedy = _Miscounting(**vars(market.mechanism(problem, plan)), extra=jnp.asarray(-1.0))
    found = {audit.claim: audit for audit in market.certify(problem, plan, broker=greedy)}
    nash = found["Nash incentive compatible for contributors"]
    assert not nash.holds  # leaving is better than paying
    assert "by submitting 0 points" in nash.witness
    assert not found["budget balanced"].holds
    assert not found["individually rational for contributors"].holds


def test_what_rounding_leaves_of_a_budget_is_in_no_certificate(solved):
    """Rounding differs between compilations of the same program; documents and their fingerprints must not."""
    problem, plan = solved
    balanced = certificates(problem, plan)["budget balanced"]
    prices, payments = honest_runs(market.mechanism(problem, plan), seed_key(0), REALISATIONS)
    paid = float(np.asarray(prices)[0] @ np.asarray(problem.counts, float))
    assert balanced.margin == 0.0
    assert balanced.witness == f"in one run buyers paid {paid:.6g} and contributors got {payments[0].sum():.6g}"


def test_no_margin_is_minus_zero(solved):
    problem, plan = solved
    assert not any(audit.margin == 0 and np.signbit(audit.margin) for audit in market.certify(problem, plan))


@pytree
@dataclasses.dataclass(frozen=True)
class _Scaled(market.Broker):
    """Weighs discrepancies otherwise."""

    factor: Any

    @property
    def weight(self):
        return self.factor * super().weight


@pytree
@dataclasses.dataclass(frozen=True)
class _Miscounting(market.Broker):
    """Pays so much more, and the fixed part for whatever number of points."""

    extra: Any

    def settle(self, submission):
        asked = jnp.where(self.asked, self.samples, submission.count[:, 0])
        prices, payments = super().settle(dataclasses.replace(submission, count=asked[:, None]))
        more = self.extra * (1 + (submission.count[:, 0] > self.samples))
        return prices, payments + more


def test_envious_buyer_is_named(solved):
    problem, plan = solved
    found = certificates(problem, dataclasses.replace(plan, prices=plan.prices.at[1].add(0.05)))
    assert "most tempting: authority would gain" in found["envy-free"].witness


def test_facts(solved):
    problem, plan = solved
    found = certificates(problem, plan)
    assert found["a price list sells as well"].holds
    assert not found["budget balanced off the equilibrium path"].holds
    chance = market.spread(problem, plan).negative_price.max()
    assert found["prices never negative"].margin == pytest.approx(-chance)
    assert not any(found[claim].claimed for claim in found if claim not in CLAIMS)


@pytest.mark.parametrize("costs", [(0.004, 0.006), (0.004, 0.004)])
@pytest.mark.slow
def test_search_finds_no_profitable_deviation(costs):
    problem = lab_market(costs)
    plan = market.solve(problem, second=3).value
    few = deviation.SearchSettings(steps=30, polish_steps=10, batches=4, batch=4096)
    found = market.certify(problem, plan, jax.random.key(0), few)
    (searched,) = [audit for audit in found if audit.claim == "no profitable deviation found"]
    assert searched.holds
    assert searched.claimed
    assert searched.tolerance < 0.05
    assert "families" in searched.effort


@pytest.mark.slow
def test_search_finds_what_a_broker_without_comparison_invites():
    """With d_i = 0 the payment is fixed, and collecting nothing is best: the search must see it."""
    problem = lab_market((0.004, 0.006))
    plan = market.solve(problem, second=3).value
    broker = market.mechanism(problem, plan)
    fooled = _Fixed(broker.samples, broker.settle(Statistics(broker.samples[:, None], broker.samples[:, None] * 0))[1])
    few = deviation.SearchSettings(steps=30, polish_steps=10, batches=4, batch=4096)
    found = deviation.best_responses(fooled, broker.stakes, jax.random.key(0), [0, 1], few)
    assert np.all(np.asarray(found.gain) > 0.9 * np.asarray(broker.costs * broker.samples))


@dataclasses.dataclass(frozen=True)
class _Fixed:
    """Pays whoever submits as many points as asked, whatever they say."""

    samples: Any
    payment: Any

    @property
    def recommended(self):
        return Strategy(self.samples[:, None])

    def respond(self, submission, key):
        right = submission.count[:, 0] == self.samples
        nothing = jnp.zeros_like(submission.mean)
        return Information(
            nothing, nothing, nothing, nothing, jnp.ones_like(nothing), jnp.where(right, self.payment, 0.0)
        )


@pytest.mark.long
def test_methods_without_a_promise_claim_no_optimum():
    problem = with_tables(rough(0, 2, 12), [2, 1], [0.02, 0.03])
    heuristic = certificates(problem, market.solve(problem, "heuristic").value)["profit-optimal"]
    assert not heuristic.claimed
    approximate = certificates(problem, market.solve(problem, "approximate", epsilon=0.05).value)["profit-optimal"]
    assert approximate.claimed
    assert approximate.holds


CHANCES = ("prices never negative", "prices never above value", "payments never below cost")


@pytest.mark.parametrize(
    ("chance", "doubt", "holds", "told"),
    [
        (0.0, 0.0, True, "probability less than 1e-15"),
        (6e-17, 0.0, True, "probability less than 1e-15"),
        (2e-15, 0.0, False, "probability 2e-15"),
        (0.25, 0.002, False, "probability 0.25 (standard error 0.002)"),
        (0.0, 0.002, True, "probability 0 (standard error 0.002)"),
    ],
)
def test_chances_are_told_as_exactly_as_they_are_known(solved, monkeypatch, chance, doubt, holds, told):
    """What is less than rounding of prices is none; never seen in a simulation is not less than rounding."""
    problem, plan = solved
    found = market.spread(problem, plan)
    fields = ("negative_price", "price_above_value", "payment_below_cost")
    as_told = {field: np.where(np.arange(len(getattr(found, field))) == 0, chance, 0.0) for field in fields}
    changed = dataclasses.replace(found, **as_told, standard_error=doubt)
    monkeypatch.setattr(_certificate, "spread", lambda problem, plan: changed)
    audits = certificates(problem, plan)
    assert [audits[claim].holds for claim in CHANCES] == [holds] * 3
    assert [audits[claim].margin for claim in CHANCES] == [pytest.approx(-chance if not holds else 0.0, abs=0)] * 3
    for claim in CHANCES[:2]:
        assert audits[claim].witness.endswith(told)
    assert audits[CHANCES[2]].witness.endswith(told.split(" (")[0] if chance else "probability less than 1e-15")

"""Plans for one profile of types: against definitions in plain Python; certificates, conditions and bad input."""

import dataclasses
import itertools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxmech import ProblemError, Status
from jaxmech._pytree import pytree
from jaxmech.multiparty import (
    MECHANISMS,
    DirectMechanism,
    General,
    Linear,
    MarketGrowth,
    Problem,
    QuasiMonotone,
    TypeSpace,
    allocation,
    audit_table,
    certify,
    check_conditions,
    exploitation_mechanism,
    mechanism,
    report_table,
    solve,
)
from jaxmech.multiparty._certificate import FIELDS
from jaxmech.multiparty._search import search_allocation
from tests.oracles import multiparty as oracle

RNG = np.random.default_rng(3)
PRESCRIBED, IC, IR, EFFICIENT, BALANCED = (
    "as the mechanism prescribes",
    "incentive compatible",
    "individually rational",
    "efficient",
    "weakly budget balanced",
)


def draw(n, *, own_harmless=True):
    table = RNG.uniform(-1, 1, (n, n))
    if own_harmless:
        np.fill_diagonal(table, np.abs(np.diag(table)))
    return table, RNG.uniform(0, 1, n)


def market(table):
    rows = table.tolist()
    return oracle.Market(
        len(rows), oracle.linear_market(rows), oracle.logistic, oracle.best_where_harmless(oracle.logistic, rows)
    )


def told(problem, plan):
    return {audit.claim: audit for audit in certify(problem, plan)}


@pytest.mark.parametrize("n", [2, 3, 5])
@pytest.mark.parametrize("own_harmless", [True, False])
def test_exploitation_payments_are_those_of_the_definition(n, own_harmless):
    for _ in range(4):
        table, types = draw(n, own_harmless=own_harmless)
        solution = solve(Problem(types, Linear(table)))
        assert int(solution.status) == Status.OK
        assert float(solution.residual) < 1e-15
        plan, reference = solution.value, market(table)
        for i in range(n):
            assert float(plan.value[i]) == pytest.approx(reference.value(i, types, types), abs=1e-14)
            assert float(plan.outside[i]) == pytest.approx(reference.away(i, types), abs=1e-14)
            assert float(plan.payment[i]) == pytest.approx(reference.exploitation(i, types), abs=1e-14)
        np.testing.assert_allclose(plan.utility, plan.outside, atol=1e-14)
        assert float(plan.revenue) == pytest.approx(float(jnp.sum(plan.payment)))
        assert float(plan.welfare) == pytest.approx(float(jnp.sum(plan.value)))
        assert float(plan.best) == pytest.approx(oracle.logistic(types.sum()))


def test_efficient_allocation_is_the_best_of_all():
    """Linear: every mixture of models on a grid brings no more welfare."""
    for _ in range(5):
        table, types = draw(3)
        plan = solve(Problem(types, Linear(table))).value
        own = [oracle.logistic(t) for t in types]
        best = oracle.logistic(types.sum())
        grids = [np.linspace(q, best, 9) for q in own]
        most = max(sum(oracle.linear_market(table.tolist())(q)) for q in itertools.product(*grids))
        assert float(plan.welfare) >= most - 1e-12


def test_who_harms_more_than_she_gains_gets_no_model():
    plan = solve(Problem([1.0, 1.0], Linear([[1.0, -2.0], [0.5, 1.0]]), "linear")).value
    assert plan.allocation.tolist() == [2.0, 0.0]
    assert plan.quality.tolist() == [2.0, 1.0]


def test_rounding_does_not_decide_where_effects_cancel():
    """−0.4 + 0.5 − 0.1 is below 0 in floating point."""
    market = Linear([[1.0, -0.4, 0.0], [0.0, 0.5, 0.0], [0.0, -0.1, 1.0]])
    assert solve(Problem([1.0, 1.0, 1.0], market, "linear")).value.allocation.tolist() == [3.0, 3.0, 3.0]


class TestSearch:
    def test_finds_the_closed_form(self):
        for _ in range(5):
            table, types = draw(4)
            own, best, present = jnp.tanh(types / 2), jnp.tanh(types.sum() / 2), jnp.ones(4, bool)
            exact = Linear(table).allocate(best, own, present)
            np.testing.assert_allclose(search_allocation(Linear(table), best, own, present), exact, atol=1e-14)

    def test_finds_a_quality_between_none_and_the_best(self):
        """Welfare q_1(1.4 − q_1) + q_2 is largest at q_1 = 0.7, which is on the grid of qualities."""
        value = General(lambda q: jnp.stack([q[0] * (1.4 - q[0]), q[1]]), 2)
        found = search_allocation(value, jnp.array(1.0), jnp.array([0.2, 0.2]), jnp.array([True, True]))
        np.testing.assert_allclose(found, [0.7, 1.0], atol=1e-12)

    def test_who_stays_away_gets_nothing(self):
        value = General(lambda q: q, 3)
        found = search_allocation(value, jnp.array(1.0), jnp.full(3, 0.1), jnp.array([True, False, True]))
        assert found.tolist() == [1.0, 0.0, 1.0]

    def test_equal_welfare_gives_the_best_to_all(self):
        found = search_allocation(General(lambda q: 0 * q, 2), jnp.array(1.0), jnp.zeros(2), jnp.ones(2, bool))
        assert found.tolist() == [1.0, 1.0]

    def test_refuses_many_agents(self):
        with pytest.raises(ProblemError, match="at most 10"):
            search_allocation(General(lambda q: q, 11), jnp.array(1.0), jnp.zeros(11), jnp.ones(11, bool))


class TestCertificates:
    @pytest.mark.parametrize("n", [2, 4])
    def test_theorem_1(self, n):
        """Own effects not negative: truthful, rational and efficient."""
        for _ in range(3):
            table, types = draw(n)
            problem = Problem(types, Linear(table))
            audits = told(problem, solve(problem).value)
            for claim in (IC, IR, EFFICIENT):
                assert audits[claim].holds
                assert audits[claim].claimed
                assert abs(audits[claim].margin) < 1e-13
            assert audits[BALANCED].claimed == bool(np.all(table >= 0))
            assert "theorem" in audits[IC].effort

    def test_corollary_1(self):
        """Nobody harmed: weakly budget balanced as well."""
        problem = Problem([0.4, 1.0, 0.2], Linear(RNG.uniform(0, 1, (3, 3))))
        audits = told(problem, solve(problem).value)
        assert all(audit.holds and audit.claimed for audit in audits.values())

    def test_an_own_effect_below_zero_breaks_truthfulness(self):
        """Hiding everything: exploitation charges as if she could do nothing alone."""
        table = np.array([[-0.5, 0.4], [0.9, 1.0]])
        types = np.array([0.8, 1.5])
        problem = Problem(types, Linear(table))
        plan = solve(problem).value
        audit = told(problem, plan)[IC]
        assert not audit.holds
        assert "agent 1" in audit.witness
        assert "her own model harms her" in audit.witness
        levels = [[0.8 * k / 256 for k in range(257)], [1.5]]
        reference = market(table)
        best = max(
            reference.earn(used)[0] - reference.exploitation(0, [lie, 1.5]) - reference.away(0, types)
            for lie in levels[0]
            for handed in [reference.hand_out([lie, 1.5], [True, True])]
            for own in (handed[0], oracle.logistic(0.8))
            for used in [[own, max(handed[1], oracle.logistic(1.5))]]
        )
        stake = sum(abs(float(part[0])) for part in (plan.value, plan.outside, plan.payment))
        assert -audit.margin == pytest.approx(best / stake, rel=1e-12)

    def test_negative_revenue_is_told(self):
        """The third profits from the second's model whether she joins or not; the first would be harmed by it."""
        harm = [[1.0, -1.0, 0.0], [0.0, 0.1, 0.0], [0.0, 1.0, 0.1]]
        problem = Problem([5.0, 0.1, 0.1], Linear(harm), "linear")
        audit = told(problem, solve(problem).value)[BALANCED]
        assert not audit.holds
        assert not audit.claimed
        assert "agent 1 is paid 4.8" in audit.witness

    def test_free_is_desirable_where_nobody_is_harmed(self):
        """Theorem 4."""
        problem = Problem([0.4, 1.0, 0.2], Linear(RNG.uniform(0, 1, (3, 3))))
        plan = solve(problem, mechanism="free").value
        assert np.all(np.asarray(plan.payment) == 0)
        assert np.all(np.asarray(plan.allocation) == plan.best)
        assert all(audit.holds and audit.claimed for audit in certify(problem, plan))

    def test_free_among_competitors_claims_no_more_than_is_true(self):
        problem = Problem([1.0, 0.5], MarketGrowth(-0.9, 2), "linear")
        audits = told(problem, solve(problem, mechanism="free").value)
        assert not audits[IC].holds
        assert not audits[IR].holds
        assert not audits[IR].claimed
        assert audits[BALANCED].holds

    def test_spoilt_plans_fail(self):
        table, types = draw(3)
        problem = Problem(types, Linear(np.abs(table)))
        plan = solve(problem).value
        dear = dataclasses.replace(
            plan, payment=plan.payment + 0.1, utility=plan.utility - 0.1, revenue=plan.revenue + 0.3
        )
        assert not told(problem, dear)[IR].holds
        generous = dataclasses.replace(plan, payment=plan.payment - 1, revenue=plan.revenue - 3)
        assert not told(problem, generous)[BALANCED].holds
        poor = dataclasses.replace(plan, allocation=plan.allocation * 0.5)
        assert not told(problem, poor)[EFFICIENT].holds

    @pytest.mark.parametrize("mechanism", MECHANISMS)
    @pytest.mark.parametrize("field", FIELDS)
    def test_no_field_can_be_changed_unseen(self, field, mechanism):
        problem = Problem([0.4, 1.0, 0.2], Linear([[1.0, 0.2, 0.1], [0.3, 0.9, 0.1], [0.2, 0.1, 1.0]]))
        plan = solve(problem, mechanism=mechanism).value
        for change in (lambda x: 0.9 * x - 1e-3, lambda x: 10 * x + 1.0, lambda x: jnp.full_like(x, jnp.nan)):
            audit = told(problem, dataclasses.replace(plan, **{field: change(getattr(plan, field))}))[PRESCRIBED]
            assert not audit.holds
            assert audit.claimed

    def test_utilities_are_not_believed(self):
        """Payments ten times as high, and what agents are left kept as it was: nobody would come."""
        problem = Problem([0.4, 1.0], Linear([[1.0, -0.2], [-0.1, 1.0]]))
        plan = solve(problem).value
        audits = told(problem, dataclasses.replace(plan, payment=10 * plan.payment))
        assert not audits[IR].holds
        assert not audits[IC].holds
        audits = told(problem, dataclasses.replace(plan, outside=plan.outside - 5, utility=plan.utility - 4))
        assert audits[IR].margin == pytest.approx(0.0, abs=1e-14)

    @pytest.mark.long
    def test_most_welfare_of_a_function_of_ones_own_is_a_fact(self):
        """Welfare is most, 1, where agent 1's model has quality 0.7123, between two qualities that solve tries."""
        value = General(lambda q: jnp.stack([-100 * (q[0] - 0.7123) ** 2, q[1]]), 2)
        problem = Problem([0.2, 0.8], value, "linear")
        audit = told(problem, solve(problem).value)[EFFICIENT]
        assert not audit.claimed
        assert not audit.holds
        assert "allocations tried 1" in audit.witness
        assert "at most" not in audit.witness

    @pytest.mark.long
    def test_quasi_monotone(self):
        value = QuasiMonotone(own=jnp.sqrt, others=lambda q: -0.3 * q[::-1] ** 2, agents=2)
        problem = Problem([0.2, 0.9], value, "linear")
        audits = told(problem, solve(problem).value)
        assert all(audits[claim].holds for claim in (IC, IR))
        assert "theorem" in audits[IC].effort
        # The second best: qualities are searched in steps of 1/16, sqrt(q) - 0.3 q^2 is largest at q = 0.8855.
        most = 2 * (np.sqrt((5 / 6) ** (2 / 3)) - 0.3 * (5 / 6) ** (4 / 3))
        own = max(0.9, (5 / 6) ** (2 / 3))
        most = most / 2 + np.sqrt(own) - 0.3 * own**2
        assert f"tried {most:.6g}" in audits[EFFICIENT].witness
        assert not audits[EFFICIENT].claimed
        assert "search" in audits[EFFICIENT].effort

    @pytest.mark.long
    def test_a_valuation_of_ones_own_that_knows_the_most_claims_efficiency(self):
        problem = Problem([0.3, 0.9], Rivals(jnp.array([1.0, 0.4])))
        audits = told(problem, solve(problem).value)
        assert all(audits[claim].holds and audits[claim].claimed for claim in (IC, IR, EFFICIENT))
        assert audits[EFFICIENT].effort == "closed form: everybody's own model is worth more than it harms"
        assert audits[IC].effort.startswith("by theorem")
        assert "own model" in audit_table(report_table(TypeSpace([0.0, 0.5, 1.0], problem.valuation)))[2].effort

    def test_a_wrong_claim_of_ones_own_is_seen(self):
        problem = Problem([0.3, 0.9], Rivals(jnp.array([1.0, -0.4])))
        audits = told(problem, solve(problem).value)
        assert not audits[EFFICIENT].holds
        assert audits[EFFICIENT].claimed


@pytree
@dataclasses.dataclass(frozen=True)
class Rivals:
    """Agents who gain by their own model what is given, and harm each other by a third of it."""

    gains: Any

    @property
    def agents(self):
        return self.gains.shape[-1]

    @property
    def proof(self):
        return "everybody's own model is worth more than it harms"

    @property
    def quasi_monotone(self):
        return jnp.all(self.gains >= 0)

    def __call__(self, qualities):
        harm = self.gains * qualities / 3
        return self.gains * qualities - (jnp.sum(harm) - harm) / (self.agents - 1)

    def of(self, agent, qualities):
        return self(qualities)[agent]

    def allocate(self, best, own, present):
        return jnp.where(present, best, jnp.zeros_like(own))

    def most_welfare(self, own, best):
        return jnp.sum(jnp.maximum(self.gains * own, self.gains * best)) * 2 / 3


class TestMechanism:
    @pytest.mark.parametrize("name", ["exploitation", "free"])
    def test_it_is_the_plan_at_the_types(self, name):
        table, types = draw(4)
        problem = Problem(types, Linear(table))
        plan = solve(problem, mechanism=name).value
        found, everybody = mechanism(problem, plan), jnp.ones(4, bool)
        np.testing.assert_allclose(found.allocate(problem.types, everybody), plan.allocation)
        np.testing.assert_allclose(found.charge(problem.types, everybody), plan.payment, atol=1e-14)

    def test_it_batches_and_differentiates(self):
        types = jnp.array([0.4, 0.9])

        def charged(table):
            problem = Problem(types, Linear(table))
            return jnp.sum(mechanism(problem, solve(problem).value).charge(types, jnp.array([True, True])))

        tables = jnp.array([[[1.0, 0.3], [0.2, 1.0]], [[0.5, -0.1], [0.1, 1.0]]])
        together = jax.jit(jax.vmap(jax.value_and_grad(charged)))(tables)
        for k, table in enumerate(tables):
            revenue, slope = jax.value_and_grad(lambda a: solve(Problem(types, Linear(a))).value.revenue)(table)
            np.testing.assert_allclose(together[0][k], revenue, rtol=1e-12)
            np.testing.assert_allclose(together[1][k], slope, rtol=1e-12)


class TestConditions:
    SPACE = TypeSpace(np.linspace(0.5, 0.9, 5), Linear([[1.0, -0.3], [0.4, 1.0]]), "linear")

    def test_exploitation_meets_them_where_misreports_do_not_matter(self):
        """With sizes within a factor of two no one can do better alone, and (6) is met with equality."""
        audits = check_conditions(self.SPACE, exploitation_mechanism(self.SPACE))
        assert [audit.claim for audit in audits] == [f"condition ({k})" for k in (1, 2, 5, 6)]
        assert all(audit.holds for audit in audits)
        assert abs(audits[3].margin) < 1e-12
        assert audits[1].margin > 0

    def test_integrals_are_differences_of_earnings(self):
        """(2) by the second way: here x(s', t_−i) serves type s' as well, so that w integrates to v(t) − v(t')."""
        plain = DirectMechanism(exploitation_mechanism(self.SPACE).allocate, lambda r, _: 2.0 * r)
        audit = check_conditions(self.SPACE, plain)[1]
        earned = [self.SPACE.valuation(jnp.full(2, t + 0.5)) for t in (0.5, 0.6, 0.7, 0.8, 0.9)]
        rises = np.diff(np.array(earned), axis=0) - 2.0 * 0.1
        # The largest violation adds up over all cells; earnings are linear in the total.
        largest = max(float(jnp.max(jnp.abs(self.SPACE.valuation(jnp.full(2, 1.8))))), 0.0)
        assert audit.margin == pytest.approx(4 * rises.min() / largest, abs=1e-12)
        assert not audit.holds

    def test_too_dear_an_entry_breaks_the_first(self):
        charged = exploitation_mechanism(self.SPACE)
        dear = DirectMechanism(charged.allocate, lambda r, p: charged.charge(r, p) + 0.5)
        audits = {audit.claim: audit for audit in check_conditions(self.SPACE, dear)}
        assert not audits["condition (1)"].holds
        assert audits["condition (6)"].holds

    def test_sufficient_is_not_necessary(self):
        """Exploitation payments are truthful by theorem 1, also where (5) fails: an agent can do better alone."""
        space = TypeSpace(np.linspace(0.1, 2.0, 6), Linear([[1.0, 0.2], [0.1, 1.0]]), "linear")
        audits = {audit.claim: audit for audit in check_conditions(space, exploitation_mechanism(space))}
        assert not audits["condition (5)"].holds
        problem = Problem([2.0, 0.1], space.valuation, "linear")
        assert told(problem, solve(problem).value)[IC].holds


class TestTransformations:
    def test_batch_equals_loop(self):
        tables, types = zip(*[draw(3) for _ in range(6)], strict=True)

        def revenue(table, sizes):
            return solve(Problem(sizes, Linear(table))).value.revenue

        together = jax.jit(jax.vmap(revenue))(jnp.array(tables), jnp.array(types))
        alone = [float(revenue(table, sizes)) for table, sizes in zip(tables, types, strict=True)]
        np.testing.assert_allclose(together, alone, rtol=1e-13)

    @pytest.mark.parametrize("mechanism", MECHANISMS)
    def test_derivatives_are_finite_differences(self, mechanism):
        table, types = draw(3)

        def utility(sizes):
            return solve(Problem(sizes, Linear(table)), mechanism=mechanism).value.utility

        slope, step = jax.jacobian(utility)(jnp.array(types)), 1e-6
        for j in range(3):
            change = np.eye(3)[j] * step
            expected = (utility(jnp.array(types + change)) - utility(jnp.array(types - change))) / (2 * step)
            np.testing.assert_allclose(slope[:, j], expected, atol=1e-8)

    def test_agents_can_be_renamed(self):
        table, types = draw(4)
        order = np.array([2, 0, 3, 1])
        plain, renamed = (
            solve(Problem(t, Linear(a))).value.payment
            for a, t in ((table, types), (table[np.ix_(order, order)], types[order]))
        )
        np.testing.assert_allclose(renamed, plain[order], atol=1e-14)

    def test_float32(self):
        table, types = draw(3)
        plan = solve(Problem(types.astype(np.float32), Linear(table.astype(np.float32)))).value
        assert plan.payment.dtype == jnp.float32
        np.testing.assert_allclose(plan.payment, solve(Problem(types, Linear(table))).value.payment, atol=1e-6)

    def test_one_bad_instance_fails_alone(self):
        solution = jax.vmap(lambda t: solve(Problem(t, Linear([[1.0, 0.1], [0.1, 1.0]]))))(
            jnp.array([[0.5, 0.5], [jnp.nan, 0.5]])
        )
        assert solution.status.tolist() == [Status.OK, Status.NONFINITE]
        assert np.all(np.isnan(solution.value.payment[1]))
        assert np.all(np.isfinite(solution.value.payment[0]))


def test_without_data_nothing_happens():
    plan = solve(Problem([0.0, 0.0], MarketGrowth(-1.0, 2), "linear")).value
    assert plan.payment.tolist() == [0.0, 0.0]
    assert float(plan.welfare) == 0.0


def test_allocation_looks_at_reports():
    problem = Problem([1.0, 1.0], Linear([[1.0, 0.0], [0.0, 1.0]]), "linear")
    found = allocation(problem, jnp.array([0.25, 1.0]), jnp.array([True, False]))
    assert found.tolist() == [0.25, 0.0]


TWO = Linear([[1.0, 0.0], [0.0, 1.0]])


@pytest.mark.parametrize(
    ("make", "parts"),
    [
        (lambda: Problem([0.3, -0.1], TWO), ("types[1] = -0.1", "not negative")),
        (lambda: Problem([0.3, float("inf")], TWO), ("types[1] = inf", "finite")),
        (lambda: Problem([0.3], TWO), ("types = (1,)", "each of the 2 agents")),
        (lambda: Problem([0.3, 0.4], TWO, "logistc"), ("quality", 'did you mean "logistic"')),
        (lambda: Problem([0.3, 0.4], TWO, agents=["A"]), ("agents = 1", "each of the 2")),
        (lambda: Problem([0.3, 0.4], TWO, agents=["A", "A"]), ("agents[1] = 'A'", "twice")),
        (lambda: Problem([0.3, 0.4], TWO, agents=["A", ""]), ("agents[1]", "not empty")),
        (lambda: Linear([[1.0, 0.2]]), ("externality = (1, 2)", "square")),
        (lambda: Linear([[1.0, 0.2], [0.1]]), ("externality", "equal lengths")),
        (lambda: Linear([[1.0, float("nan")], [0.1, 1.0]]), ("externality[0][1] = nan", "finite")),
        (lambda: Linear([["a", "b"], ["c", "d"]]), ("externality", "numbers")),
        (lambda: solve(Problem([0.3, 0.4], TWO), mechanism="fre"), ("mechanism", 'did you mean "free"')),
        (lambda: General(lambda q: q[:1], 2), ("function = (1,)", "each of the 2 agents")),
        (
            lambda: QuasiMonotone(own=lambda q: q * (1 - q), others=lambda q: 0 * q, agents=2),
            ("own[0] at quality 0.5", "must not be below its value 0.25"),
        ),
        (
            lambda: QuasiMonotone(own=lambda q: q * jnp.sum(q), others=lambda q: 0 * q, agents=2),
            ("own[", "own model only", "changes with agent"),
        ),
        (
            lambda: QuasiMonotone(own=lambda q: q, others=lambda q: -jnp.sum(q) * jnp.ones(2), agents=2),
            ("others[0]", "must not depend on agent 0's own model"),
        ),
        (lambda: Problem([0.3, 0.4], TWO, lambda t: jnp.sum(t)), ("quality = ()", "elementwise")),
        (lambda: Problem([0.3, 0.4], TWO, lambda t: t / (t - t)), ("quality(0) = nan", "finite")),
    ],
)
def test_bad_input_is_one_clear_line(make, parts):
    with pytest.raises(ProblemError) as caught:
        make()
    message = str(caught.value)
    assert "\n" not in message
    for part in parts:
        assert part in message

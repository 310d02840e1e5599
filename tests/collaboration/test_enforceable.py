"""Compute-n-Approx and condition (8) against a loop-by-loop transcription, and the laws they must obey."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxmech import Status
from jaxmech.collaboration import (
    Problem,
    Role,
    alone_samples,
    c3d_plan,
    cbl_plan,
    enforceable,
    leverage_condition,
)
from jaxmech.collaboration._regret import regret
from jaxmech.collaboration._roles import role_penalty
from tests.oracles import enforceable as oracle

SHAPE = (9, 3)
FAMILIES = ("even", "decades", "infinite", "ties")


def instance(family, seed, shape=SHAPE):
    """Costs, σ and a division of work with zeros, some far too large and some far too small."""
    rng = np.random.default_rng([*family.encode(), seed])
    spread = {"even": 0.1, "decades": 7.0, "infinite": 1.0, "ties": 0.5}[family]
    costs = np.exp(spread * rng.uniform(-1, 1, shape))
    if family == "infinite":
        costs[rng.uniform(size=shape) < 0.4] = np.inf
        costs[rng.integers(shape[0])] = 1.0
    if family == "ties":
        costs = np.round(costs, 1)
    sigma = 10.0 ** rng.uniform(-2, 2, shape[1])
    cheapest = np.sqrt(shape[0] / costs.min(axis=0))
    division = sigma * cheapest * rng.dirichlet(np.full(shape[0], 0.7), shape[1]).T * rng.uniform(0.3, 3, shape[1])
    division[(rng.uniform(size=shape) < 0.3) | np.isinf(costs)] = 0.0
    return costs, sigma, division


enforce = jax.jit(
    lambda costs, sigma, n, together=False: enforceable(Problem(costs, sigma), n, together=together),
    static_argnames="together",
)
condition = jax.jit(lambda costs, sigma, n: leverage_condition(Problem(costs, sigma), n))


@pytest.mark.parametrize("together", [False, True])
@pytest.mark.parametrize("family", FAMILIES)
def test_equals_the_algorithm_as_printed(family, together):
    for seed in range(50):
        costs, sigma, n = instance(family, seed)
        amounts, in_v, totals = oracle.algorithm_1(costs, sigma, n, together=together)
        found = enforce(costs, sigma, n, together=together)
        np.testing.assert_array_equal(found.alone, in_v, err_msg=f"seed {seed}")
        np.testing.assert_allclose(found.samples, amounts, rtol=1e-13)
        np.testing.assert_allclose(found.total, totals, rtol=1e-13)


@pytest.mark.parametrize("family", FAMILIES)
def test_what_the_proofs_rely_on(family):
    """Lemmas 9 and 10: whoever is not in V_k has T_k > 2 n_IND; and the loops have run to their ends."""
    for seed in range(50):
        costs, sigma, n = instance(family, seed)
        found = jax.device_get(enforce(costs, sigma, n))
        own = np.asarray(alone_samples(Problem(costs, sigma)))
        others = ~found.alone & np.isfinite(costs)
        assert np.all((found.total > 2 * own)[others])
        np.testing.assert_allclose(found.samples[found.alone], own[found.alone], rtol=1e-14)
        assert not np.any(found.alone & np.isinf(costs))
        kept_zero = (n == 0) & ~found.alone
        assert np.all(found.samples[kept_zero] == 0.0)
        assert np.all((found.samples >= n)[~found.alone])
        checked = others & (found.samples > 0)
        assert np.all((found.samples * found.total >= own**2 * (1 - 1e-14))[checked])


def test_sixteen_equal_agents_meet_the_inequality_with_equality():
    """2σ√c = 4 · 2σ√c/√m at m = 16: the printed ≤ puts the first agent, and then nobody else, into V."""
    for cost in (1.0, 0.3, 7e-5):
        costs = np.full((16, 1), cost)
        found = enforce(costs, np.ones(1), np.full((16, 1), (16 * cost) ** -0.5))
        assert found.alone[:, 0].tolist() == [True] + 15 * [False]


def test_if_nobody_collects_the_cheapest_agent_works_alone():
    found = enforce(np.array([[4.0], [1.0], [100.0], [np.inf]]), np.ones(1), np.zeros((4, 1)))
    assert found.alone[:, 0].tolist() == [True, True, False, False]
    np.testing.assert_allclose(found.samples[:, 0], [0.5, 1.0, 0.0, 0.0])


@pytest.mark.parametrize("family", FAMILIES)
def test_condition_8_at_every_agent_and_distribution(family):
    for seed in range(20):
        costs, sigma, n = instance(family, seed)
        n[np.argmin(costs, axis=0), range(SHAPE[1])] += 0.1 * sigma
        margins = oracle.condition_8(costs, sigma, n)
        found = condition(costs, sigma, n)
        np.testing.assert_allclose(found.margin, margins.min(), rtol=1e-12, atol=1e-14)
        assert tuple(found.worst) == np.unravel_index(np.argmin(margins), margins.shape)
        assert bool(found.holds) == (margins.min() >= -1e-7)


def test_condition_8_holds_with_equality_alone_and_fails_just_beyond():
    costs = np.array([[0.3], [0.7], [np.inf]])
    n = np.asarray(alone_samples(Problem(costs, 2.0)))
    lonely = np.array([[0.3]])
    assert bool(condition(lonely, np.full(1, 2.0), n[:1]).holds)
    capped = condition(costs, np.full(1, 2.0), np.array([[0.0], [0.0], [1.0]]))
    assert not bool(capped.holds)
    assert float(capped.margin) == -np.inf
    assert capped.worst.tolist() == [2, 0]
    beyond = n[:1] * (1 + 1e-3)
    assert not bool(condition(lonely, np.full(1, 2.0), beyond).holds)


def test_permuting_agents_permutes_the_answer():
    costs, sigma, n = instance("even", 3)
    order = np.random.default_rng(0).permutation(len(costs))
    plain, shuffled = enforce(costs, sigma, n), enforce(costs[order], sigma, n[order])
    np.testing.assert_array_equal(plain.alone[order], shuffled.alone)
    np.testing.assert_allclose(plain.samples[order], shuffled.samples, rtol=1e-13)


def test_scaling_costs_and_sigma_scales_amounts():
    costs, sigma, n = instance("decades", 5)
    plain = enforce(costs, sigma, n)
    dear = enforce(costs * 1e6, sigma, n / 1e3)
    wide = enforce(costs, sigma * 1e5, n * 1e5)
    np.testing.assert_array_equal(plain.alone, dear.alone)
    np.testing.assert_array_equal(plain.alone, wide.alone)
    np.testing.assert_allclose(dear.samples, plain.samples / 1e3, rtol=1e-12)
    np.testing.assert_allclose(wide.samples, plain.samples * 1e5, rtol=1e-12)


def test_vmap_is_a_loop_and_jit_is_eager():
    batch = [np.stack(parts) for parts in zip(*(instance("infinite", seed) for seed in range(6)), strict=True)]
    together = jax.jit(jax.vmap(lambda c, s, n: enforceable(Problem(c, s), n)))(*batch)
    for row in range(6):
        one = enforce(*(part[row] for part in batch))
        np.testing.assert_array_equal(together.alone[row], one.alone)
        np.testing.assert_allclose(together.samples[row], one.samples, rtol=1e-15)
    costs, sigma, n = (jnp.asarray(part[0]) for part in batch)
    eager = enforceable(Problem(costs, sigma), n)
    np.testing.assert_allclose(eager.samples, together.samples[0], rtol=1e-15)


def test_float32_stays_float32():
    costs, sigma, n = (np.asarray(part, np.float32) for part in instance("even", 1))
    found = enforce(costs, sigma, n)
    assert found.samples.dtype == found.total.dtype == np.float32


@pytest.mark.parametrize("shape", [(100_000, 1), (1000, 200)])
def test_large_problems_run(shape):
    costs, sigma, n = instance("even", 0, shape)
    found = enforce(costs, sigma, n)
    assert np.all((found.total > 2 * alone_samples(Problem(costs, sigma))) | found.alone)


class TestEqualsTogether:
    """Agents of one cost visited at once: equals are treated equally, and the theorems stand."""

    @staticmethod
    def groups(seed, shape=(24, 2)):
        """Costs of a few kinds, and a division alike for equals in which nobody collects more than alone."""
        rng = np.random.default_rng([17, seed])
        kinds = rng.integers(1, 5)
        kind = np.sort(rng.integers(kinds, size=shape[0]))
        costs = np.exp(rng.uniform(-1.5, 1.5, (kinds, shape[1])))[kind]
        part = rng.uniform(size=(kinds, shape[1])) ** rng.integers(1, 5)
        part[rng.uniform(size=part.shape) < 0.2] = 0.0
        return costs, part[kind] / np.sqrt(costs)

    @staticmethod
    @jax.jit
    def judged(costs, n):
        """The plan, its status, what agents pay for each distribution, and the most that another amount gains."""
        problem = Problem(costs, 1.0)
        solution = cbl_plan(problem, n, together=True)
        plan = solution.value
        paid = role_penalty(problem, plan.samples, plan.role, plan.alpha, plan.total)
        return plan, solution.status, paid, regret(problem, plan).bound

    def test_equals_get_one_role_and_lemma_5_holds(self):
        leveraged = 0
        for seed in range(100):
            costs, n = self.groups(seed)
            if not n.any(axis=0).all():
                continue
            plan, status, paid, gain = jax.device_get(self.judged(costs, n))
            same = np.all(costs[1:] == costs[:-1], axis=1) & np.all(n[1:] == n[:-1], axis=1)
            assert np.all((plan.role[1:] == plan.role[:-1])[same])
            np.testing.assert_array_equal(plan.samples[1:][same], plan.samples[:-1][same])
            if plan.leverage:
                leveraged += 1
                assert status == Status.OK
                assert np.all(paid <= 8 * (1 / n.sum(axis=0) + costs * n) * (1 + 1e-9))
                assert np.all(np.nan_to_num(gain, nan=np.inf) <= 1e-7 * paid)
        assert leveraged >= 50

    @pytest.mark.parametrize(("m", "together", "ratio"), [(10, True, 10**0.5), (10, False, 2.23)])
    def test_up_to_16_equals_all_work_alone(self, m, together, ratio):
        """One at a time, four of ten do, and the others make up for it."""
        problem = Problem([[1.0]] * m, 1.0)
        plan = cbl_plan(problem, jnp.full((m, 1), m**-0.5), together=together).value
        assert np.sum(plan.role == Role.ALONE) == (m if together else 4)
        assert float(plan.social_penalty) / (2 * m**0.5) == pytest.approx(ratio, rel=3e-3)

    @pytest.mark.long
    def test_from_17_equals_on_it_is_c3d(self):
        problem = Problem([[1.0]] * 17, 1.0)
        plan = cbl_plan(problem, jnp.full((17, 1), 17**-0.5), together=True).value
        assert np.all(plan.role == Role.CHECKED)
        assert float(plan.social_penalty) == pytest.approx(float(c3d_plan(problem).value.social_penalty), rel=1e-12)

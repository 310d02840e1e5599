"""What others lose by one agent who measures little or invents, against points drawn one by one."""

import jax.numpy as jnp
import numpy as np
import pytest

from jaxmech import collaboration
from jaxmech.collaboration import Plan, Problem, Role, harm


def of_roles(samples, role, alpha, total, mechanism="cbl"):
    """A plan for one distribution that need not be an equilibrium: what others lose needs none."""
    samples = jnp.asarray(samples, float)[:, None]
    return Plan(
        samples=samples, role=jnp.asarray(role, jnp.int32)[:, None], alpha=jnp.asarray(alpha, float)[:, None],
        total=jnp.asarray([total], float), leverage=jnp.asarray(True), penalty=samples[:, 0],
        social_penalty=jnp.sum(samples), target=samples, division="leverage", mechanism=mechanism,
    )  # fmt: skip


MIXED = of_roles(
    [30, 8, 6, 4, 0], [Role.ALONE, Role.CHECKED, Role.CHECKED, Role.CHECKED, Role.RECEIVES],
    [np.nan, 5.0, 4.0, 3.0, np.nan], 46,
)  # fmt: skip
PROBLEM = Problem(costs=[[0.01]] * 5, sigma=2.0, price=3.0)


def squared_errors(plan, who, handed, off, runs, seed):
    """(runs,) what all others' squared errors are worth when ``who`` hands in so many numbers, off by so many σ."""
    draw = np.random.default_rng(seed)
    counts = np.asarray(plan.samples)[:, 0].astype(int).copy()
    asked = counts.copy()
    counts[who] = handed
    owner = np.repeat(np.arange(len(counts)), counts)
    points = draw.normal(0.0, 2.0, (runs, len(owner))) + np.where(owner == who, 2.0 * off, 0.0)
    found = np.zeros(runs)
    for j, role in enumerate(np.asarray(plan.role)[:, 0]):
        if j == who or role == Role.ALONE:
            continue
        if role == Role.RECEIVES:
            found += points.mean(axis=1) ** 2
            continue
        n, alpha = asked[j], float(plan.alpha[j, 0])
        others = draw.permuted(points[:, owner != j], axis=1)
        rest = others[:, n : min(int(plan.total[0]) - n, others.shape[1])]
        own, compared = points[:, owner == j].mean(axis=1), others[:, :n].mean(axis=1)
        spread = alpha * np.abs(own - compared)
        noisy = rest.mean(axis=1) + spread * draw.normal(size=runs) / np.sqrt(rest.shape[1])
        clean, dirty = 2 * n / 4.0, rest.shape[1] / (4.0 + spread**2)
        found += ((clean * (own + compared) / 2 + dirty * noisy) / (clean + dirty)) ** 2
    return 3.0 * found


@pytest.mark.parametrize("who", [0, 1])
def test_what_others_lose_is_what_drawn_points_cost_them(who):
    """Somebody unchecked and somebody checked: half as many points, and made-up numbers off by 1.5 σ."""
    runs, asked = 30_000, int(MIXED.samples[who, 0])
    found = harm(PROBLEM, MIXED, MIXED.samples / 2, 1.5)
    honest = squared_errors(MIXED, who, asked, 0.0, runs, 1)
    for told, cheating in (
        (found.fewer, squared_errors(MIXED, who, asked // 2, 0.0, runs, 2)),
        (found.invented, squared_errors(MIXED, who, asked, 1.5, runs, 3)),
    ):
        error = np.sqrt((honest.var() + cheating.var()) / runs)
        assert abs(float(told[who, 0]) - (cheating.mean() - honest.mean())) < 4 * error
    assert found.invented[who, 0] > 5 * error


def test_whom_nobody_hears_costs_nobody_anything():
    """Who collects nothing, and a number that is not off: then made-up points are as good as measured ones."""
    nothing = harm(PROBLEM, MIXED, MIXED.samples, 0.0)
    assert np.allclose(np.concatenate(nothing), 0.0, atol=1e-12)
    found = harm(PROBLEM, MIXED, MIXED.samples / 2, 2.0)
    assert [float(part[4, 0]) for part in found] == [0.0, 0.0]
    alone = of_roles([10, 8], [Role.ALONE, Role.ALONE], [np.nan, np.nan], 18)
    pair = Problem(costs=[[0.01]] * 2, sigma=2.0)
    assert np.array_equal(np.concatenate(harm(pair, alone, alone.samples / 2)), np.zeros((4, 1)))


def test_a_pool_loses_by_the_mean_of_all_points():
    """(σδa/S)² and σ²/(S − a/2) − σ²/S for each of the others, whatever rule says how much everybody collects."""
    pool = of_roles([10, 5, 5], [Role.RECEIVES] * 3, [np.nan] * 3, 20, "pool")
    problem = Problem(costs=[[0.01]] * 3, sigma=2.0)
    found = harm(problem, pool, pool.samples / 2, 2.0)
    part = np.array([10, 5, 5]) / 20
    assert np.ravel(found.invented) == pytest.approx(2 * (2.0 * 2.0 * part) ** 2)
    assert np.ravel(found.fewer) == pytest.approx(2 * (4 / (20 - 20 * part / 2) - 4 / 20))


@pytest.mark.parametrize("more", [{"calibrated": True}, {"estimate": "steady"}])
def test_other_rules_are_not_told(more):
    problem = Problem(costs=[[0.004]] * 10, sigma=1.0)
    plan = collaboration.solve(problem, division="social", mechanism="c3d", **more).value
    assert np.isnan(np.concatenate(harm(problem, plan, plan.samples / 2))).all()


def test_where_too_few_points_are_left_nothing_is_noisy_and_fewer_are_compared():
    """Only one agent checked, against 30 points of one other: without them she has her own eight."""
    plan = of_roles([30, 8], [Role.ALONE, Role.CHECKED], [np.nan, 5.0], 38)
    problem = Problem(costs=[[0.01]] * 2, sigma=1.0)
    error = [float(harm(problem, plan, jnp.array([[left], [8.0]]), 1.0).fewer[0, 0]) for left in (30.0, 4.0, 0.0)]
    assert error[0] == pytest.approx(0, abs=1e-15)
    assert error[2] - error[1] == pytest.approx(1 / 8 - 1 / 12, rel=1e-12)


def test_where_no_points_are_left_to_be_noisy_inventing_has_a_price_too():
    plan = of_roles([8, 8], [Role.CHECKED] * 2, [5.0, 5.0], 16)
    found = harm(Problem(costs=[[0.01]] * 2, sigma=1.0), plan, plan.samples, 2.0)
    # half of what each has is off by two σ: the mean of all by one
    np.testing.assert_allclose(found.invented, 1.0, rtol=1e-9)

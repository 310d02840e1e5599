"""Divisions of work against cvxpy with Clarabel, closed forms, and the laws they must obey."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxmech import ProblemError, SolveError, Status, collaboration
from tests.oracles import convex
from tests.problems import CASES, Case, cases, hard_instance

SOLVERS = {
    "rational": (collaboration.rational_optimum, convex.rational),
    "leverage": (collaboration.leverage_optimum, convex.leverage),
    "egalitarian": (collaboration.egalitarian_bargaining, convex.egalitarian),
    "nash": (collaboration.nash_bargaining, convex.nash),
    "kalai-smorodinsky": (collaboration.kalai_smorodinsky_bargaining, convex.kalai_smorodinsky),
}
NEEDS_FINITE = ("nash", "kalai-smorodinsky")


@functools.cache
def compiled(function):
    """One program per function and shape, for all tests here."""
    return jax.jit(function)


def solve(name, costs, sigma=10.0):
    """Solve without names and host checks, compiled once per shape."""
    problem = collaboration.Problem(jnp.asarray(costs), jnp.asarray(sigma))
    return compiled(SOLVERS[name][0])(problem)


def value(name, costs, sigma, penalties):
    """What each division optimises, from penalties alone, in a form where 1e-6 relative is meaningful."""
    alone = convex.alone_penalty(costs, sigma)
    if name in ("rational", "leverage") or len(costs) == 1:
        return penalties.sum()
    if name == "egalitarian":
        return penalties.max()
    if name == "nash":
        return np.exp(np.mean(np.log(alone - penalties)))
    return np.min((alone - penalties) / (alone - convex.ideal_penalties(costs, sigma)))


def assert_honest(name, problem, solution):
    """The residual may be large, but it may not be smaller than what the returned amounts show."""
    samples = np.asarray(solution.value)
    assert (samples >= 0).all()
    assert (samples[np.isinf(problem.costs)] == 0).all()
    if name == "egalitarian":
        return
    penalties = convex.penalties(samples, problem.costs, problem.sigma)
    alone = convex.alone_penalty(problem.costs, problem.sigma)
    bounded = np.isfinite(alone)
    if bounded.any():
        assert (penalties[bounded] / alone[bounded] - 1).max() <= float(solution.residual) + 1e-12


def assert_converged(solution, family):
    """OK below 1e-9; only costs a million apart may end ALMOST, where a gain can be too small for float64."""
    if family in ("six decades", "six-decades"):
        assert Status.of(int(solution.status)) in (Status.OK, Status.ALMOST)
        assert float(solution.residual) <= 1e-7
        return
    assert Status.of(int(solution.status)) == Status.OK
    assert float(solution.residual) <= 1e-9


def compare(name, case):
    solution = solve(name, case.costs, case.sigma)
    assert_converged(solution, case.family)
    assert_honest(name, case, solution)
    oracle = SOLVERS[name][1](case.costs, case.sigma)
    penalties = convex.penalties(np.asarray(solution.value), case.costs, case.sigma)
    ours = value(name, case.costs, case.sigma, penalties)
    theirs = value(name, case.costs, case.sigma, oracle.penalties)
    assert ours == pytest.approx(theirs, rel=1e-6), (name, str(case), oracle.status)


# every shape is compiled once per division: all of them where that is cheap, some where it is not
SHAPES = {
    "rational": None,
    "leverage": None,
    "egalitarian": {(3, 1), (2, 2), (4, 2), (3, 2), (8, 3), (30, 6)},
    "nash": {(3, 1), (3, 2), (8, 3), (30, 6)},
    "kalai-smorodinsky": {(3, 1), (3, 2), (8, 3)},
}


def selected(name):
    chosen = [case for case in CASES if SHAPES[name] is None or case.shape in SHAPES[name]]
    return [case for case in chosen if name not in NEEDS_FINITE or case.has_finite_bounds]


def marks(name, shape):
    """Where a shape takes seconds to compile, one or two are for everybody and the others for CI."""
    usual = {"rational": {(3, 1), (3, 2)}, "nash": {(3, 1), (3, 2)}, "kalai-smorodinsky": {(3, 1)}}
    dear = name in usual and shape not in usual[name]
    return [pytest.mark.long] * dear


TABLE = [pytest.param(name, case, marks=marks(name, case.shape)) for name in SOLVERS for case in selected(name)]


@pytest.mark.parametrize(("name", "case"), TABLE, ids=lambda x: str(x))
def test_equals_clarabel(name, case):
    compare(name, case)


RANDOM = {(3, 2): 25, (8, 3): 15}  # shapes of the table: compiled already
MAKERS = {
    "binding": lambda rng, m, d: np.exp(
        0.3 * rng.standard_normal((m, 1)) + 0.5 * rng.standard_normal(d) + 0.05 * rng.standard_normal((m, d))
    ),
    "easy": lambda rng, m, d: 10 ** rng.uniform(-3, 0, (m, d)),
    "six decades": lambda rng, m, d: 10 ** rng.uniform(-6, 0, (m, d)),
}


@pytest.mark.parametrize("family", MAKERS)
@pytest.mark.parametrize(
    ("name", "shape"),
    [
        pytest.param(name, shape, marks=marks(name, shape))
        for name in ("rational", "egalitarian", "nash")
        for shape in RANDOM
    ],
    ids=str,
)
def test_equals_clarabel_on_random_problems(name, family, shape):
    rng = np.random.default_rng([*family.encode(), *shape])
    for trial in range(RANDOM[shape]):
        costs = MAKERS[family](rng, *shape)
        compare(name, Case(family, f"{trial}", costs, 10 ** rng.uniform(-1, 1, shape[1]), "random"))


@pytest.mark.long
def test_hundreds_of_agents_of_whom_some_carry_most():
    """Without a limit on how much s_k may change in a step most of these ended STALLED."""
    for agents, seeds in ((320, (3, 4, 9)), (640, (0, 1, 3))):
        for seed in seeds:
            costs = MAKERS["binding"](np.random.default_rng(seed), agents, 10)
            if (agents, seed) == (320, 3):
                compare("rational", Case("binding", "many", costs, np.ones(10), "random"))
            solution = solve("rational", costs, np.ones(10))
            assert Status.of(int(solution.status)) == Status.OK, (agents, seed, float(solution.residual))


PAPER = [[0.033], [0.066], [0.1]]
PUBLISHED = {  # Clinton et al. 2025, appendix C, with more digits from an independent solver
    "alone": ([55.048188, 38.924947, 31.622777], None),
    "social_optimum": ([95.346259, 0, 0], [4.195235, 1.048809, 1.048809]),
    "rational_optimum": ([71.171429, 6.678465, 0], [3.633180, 1.725302, 1.284523]),
    "leverage_optimum": ([71.171429, 6.678465, 0], [3.633180, 1.725302, 1.284523]),
    "nash_bargaining": ([35.318183, 23.418096, 15.731530], [2.508362, 2.888456, 2.916015]),
    "egalitarian_bargaining": ([40.692792, 20.346396, 13.428621], [2.685724, 2.685724, 2.685724]),
    "kalai_smorodinsky_bargaining": ([27.935323, 24.550553, 21.981933], [2.264728, 2.963199, 3.541055]),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_appendix_c(name):
    problem = collaboration.Problem(PAPER, 10.0)
    samples, penalties = PUBLISHED[name]
    found = compiled(getattr(collaboration, name))(problem).raise_for_status().value
    assert np.asarray(found).ravel() == pytest.approx(samples, rel=1e-7, abs=1e-9)
    if penalties:
        assert np.asarray(collaboration.penalty(problem, found)) == pytest.approx(penalties, abs=1e-6)


def test_egalitarian_closed_form_in_one_distribution():
    costs = np.array([0.3, 0.7, 2.0, 11.0])
    problem = collaboration.Problem(costs[:, None], 3.0)
    expected = 3.0 / (costs * np.sqrt((1 / costs).sum()))
    assert np.asarray(collaboration.egalitarian_bargaining(problem).value).ravel() == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("m", [4, *(pytest.param(m, marks=pytest.mark.long) for m in (16, 100))])
def test_hard_instance(m):
    problem = collaboration.Problem(hard_instance(m), 1.0)
    optimum = compiled(collaboration.rational_optimum)(problem).raise_for_status().value
    gamma = float(np.min(hard_instance(m)))
    assert float(collaboration.social_penalty(problem, optimum)) == pytest.approx(4 * np.sqrt(m * gamma), rel=1e-9)
    assert np.ptp(np.asarray(optimum)[1:, 1]) <= 1e-9


@pytest.mark.long
def test_zeros_are_exact_and_equal_rows_get_equal_amounts():
    for case in cases("ties"):
        for name in ("rational", "leverage", "egalitarian", "nash"):
            samples = np.asarray(solve(name, case.costs, case.sigma).value)
            groups = {row.tobytes(): np.flatnonzero((case.costs == row).all(axis=1)) for row in case.costs}
            for members in groups.values():
                spread = np.ptp(samples[members], axis=0)
                assert (spread <= 1e-7 * samples.sum(axis=0)).all(), (name, str(case))
            small = samples[samples > 0].min() / samples.max()
            assert small > 1e-10, (name, str(case))


@pytest.mark.long
def test_one_agent_works_alone_whatever_the_division():
    problem = collaboration.Problem([[0.04, 1.0]], [10.0, 3.0])
    expected = np.array([[50.0, 3.0]])
    for name in [*PUBLISHED]:
        solution = getattr(collaboration, name)(problem)
        assert int(solution.status) == Status.OK
        assert np.asarray(solution.value) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("name", SOLVERS)
def test_laws(name):
    """Scaling c -> tc and σ -> uσ, the price, and the order of agents and distributions."""
    costs = cases("binding")[3 if name == "nash" else 1].costs
    base = np.asarray(solve(name, costs, 2.0).value)
    assert np.asarray(solve(name, costs * 9, 2.0).value) == pytest.approx(base / 3, rel=1e-6, abs=1e-7)
    assert np.asarray(solve(name, costs, 8.0).value) == pytest.approx(base * 4, rel=1e-6, abs=1e-7)
    order, columns = np.arange(len(costs))[::-1], np.arange(costs.shape[1])[::-1]
    turned = np.asarray(solve(name, costs[order][:, columns], 2.0).value)
    assert turned[order][:, columns] == pytest.approx(base, rel=1e-6, abs=1e-7)
    priced = collaboration.Problem(costs, 2.0, price=16.0)
    assert np.asarray(compiled(SOLVERS[name][0])(priced).value) == pytest.approx(base * 4, rel=1e-6, abs=1e-7)


@pytest.mark.long
@pytest.mark.parametrize("name", SOLVERS)
def test_batch_equals_loop_and_jit_equals_eager(name):
    function = SOLVERS[name][0]
    rng = np.random.default_rng(3)
    batch = jnp.asarray(np.stack([MAKERS[f](rng, 3, 2) for f in ("binding", "easy", "binding", "easy")]))
    many = jax.jit(jax.vmap(lambda costs: function(collaboration.Problem(costs, 2.0))))(batch)
    for i, costs in enumerate(batch):
        one = function(collaboration.Problem(costs, jnp.full(2, 2.0)))
        assert np.asarray(many.value[i]) == pytest.approx(np.asarray(one.value), rel=1e-6, abs=1e-6)
        assert int(many.status[i]) == int(one.status) == Status.OK


@pytest.mark.long
def test_a_bad_instance_fails_alone():
    good = jnp.asarray(PAPER)
    bad = [good.at[1, 0].set(bad) for bad in (jnp.nan, -1.0, 0.0)]
    hopeless = jnp.full_like(good, jnp.inf)
    batch = jnp.stack([good, *bad, hopeless, good])
    functions = [SOLVERS[name][0] for name in ("rational", "leverage", "egalitarian", "nash")]
    for function in (*functions, collaboration.social_optimum):
        many = jax.vmap(lambda c, f=function: f(collaboration.Problem(c, 10.0)))(batch)
        assert [Status.of(int(s)).name for s in many.status] == ["OK", *["NONFINITE"] * 4, "OK"], function
        assert np.isnan(np.asarray(many.value[1:5])).all()
        assert np.asarray(many.value[5]) == pytest.approx(np.asarray(many.value[0]))


@pytest.mark.parametrize("division", [collaboration.alone, collaboration.social_optimum])
def test_a_price_of_one_agent_that_is_no_price_is_not_passed_over(division):
    prices = jnp.asarray([[[1.0], [2.0]], [[1.0], [jnp.nan]], [[1.0], [0.0]]])
    costs = jnp.asarray([[1.0], [3.0]])
    many = jax.vmap(lambda w: division(collaboration.Problem(costs, 1.0, w)))(prices)
    assert [Status.of(int(s)).name for s in many.status] == ["OK", "NONFINITE", "OK"]


def test_working_alone_fails_only_where_a_cost_is_no_cost():
    bad = jnp.asarray([[[1.0]], [[jnp.nan]], [[-1.0]], [[jnp.inf]]])
    many = jax.vmap(lambda c: collaboration.alone(collaboration.Problem(c, 1.0)))(bad)
    assert [Status.of(int(s)).name for s in many.status] == ["OK", "NONFINITE", "NONFINITE", "OK"]


@pytest.mark.long
def test_own_bounds():
    problem = collaboration.Problem(PAPER, 10.0)
    bounds = np.array([3.0, np.inf, np.inf])
    solution = collaboration.rational_optimum(problem, bounds).raise_for_status()
    oracle = convex.rational(PAPER, 10.0, bounds=bounds)
    penalties = convex.penalties(np.asarray(solution.value), PAPER, 10.0)
    assert penalties.sum() == pytest.approx(oracle.social_penalty, rel=1e-6)
    assert penalties[0] == pytest.approx(3.0, rel=1e-8)


def test_bounds_that_nothing_satisfies():
    problem = collaboration.Problem(PAPER, 10.0)
    solution = collaboration.rational_optimum(problem, jnp.full(3, 1.0))
    assert int(solution.status) == Status.INFEASIBLE
    assert np.isnan(np.asarray(solution.value)).all()
    with pytest.raises(SolveError, match="INFEASIBLE"):
        solution.raise_for_status()


def test_bargaining_names_the_agent_who_cannot_work_alone():
    problem = collaboration.Problem([[1.0, 2.0], [1.0, np.inf]], 1.0, agents=["A", "B"], distributions=["x", "y"])
    for function in (collaboration.nash_bargaining, collaboration.kalai_smorodinsky_bargaining):
        with pytest.raises(ProblemError, match=r"costs\[1\]\[1\] = inf: .* B cannot sample y"):
            function(problem)


@pytest.mark.long
def test_float32_has_its_own_accuracy():
    problem = collaboration.Problem(jnp.asarray(PAPER, jnp.float32), jnp.float32(10))
    for name in PUBLISHED:
        solution = getattr(collaboration, name)(problem)
        assert solution.value.dtype == jnp.float32
        assert int(solution.status) in (Status.OK, Status.ALMOST), name
        assert np.asarray(solution.value).ravel() == pytest.approx(PUBLISHED[name][0], rel=2e-3, abs=2e-2), name


def test_arrays_that_hold_no_real_numbers_are_refused():
    for costs in (jnp.array([[True]]), jnp.array([[1 + 2j]])):
        with pytest.raises(ProblemError, match=r"costs = .*must be (real )?numbers"):
            collaboration.Problem(costs, 1.0)
    with pytest.raises(ProblemError, match=r"sigma = .*must be (real )?numbers"):
        collaboration.Problem([[1.0]], jnp.array(True))


@pytest.mark.parametrize("m", [2, 3, 8])
def test_one_distribution_over_six_decades(m):
    """The rational optimum is exact there, however small the gains."""
    rng = np.random.default_rng(m)
    for _ in range(40):
        costs = 10 ** rng.uniform(-6, 0, (m, 1))
        solution = collaboration.rational_optimum(collaboration.Problem(costs, 10.0))
        assert float(solution.residual) <= 1e-7
        oracle = convex.rational(costs, 10.0)
        penalties = convex.penalties(np.asarray(solution.value), costs, 10.0)
        assert penalties.sum() == pytest.approx(oracle.social_penalty, rel=1e-6)


@pytest.mark.long
def test_nash_finds_the_smallest_gains():
    """Three agents over six decades: the cheapest gains a thousandth of what she pays."""
    rng = np.random.default_rng(0)
    many = jnp.asarray(10 ** rng.uniform(-6, 0, (300, 3, 1)))
    solutions = jax.jit(jax.vmap(lambda c: collaboration.nash_bargaining(collaboration.Problem(c, 10.0))))(many)
    assert np.asarray(solutions.status).tolist() == [Status.OK] * 300
    costs = np.array([[1.2565096061564725e-06], [0.07579166280107814], [0.29959424297045656]])
    compare("nash", Case("six decades", "3x1", costs, 10.0, "p_1 binds within a thousandth"))


@pytest.mark.parametrize("absurd", [np.inf, np.nan, 0.0, -1.0])
def test_absurd_sigma_fails_alone_in_closed_form(absurd):
    """In a batch nothing can be refused, and the closed form works in units of σ."""
    costs = jnp.array([[0.033, 0.5], [0.066, 0.2], [0.1, 0.1]])
    problem = collaboration.Problem
    sigmas = jnp.array([[10.0, 1.0], [10.0, absurd]])
    for distributions in (1, 2):
        batch = sigmas[:, -distributions:]
        found = jax.vmap(lambda s: collaboration.leverage_optimum(problem(costs[:, : s.shape[0]], s)))(batch)
        assert found.status.tolist() == [Status.OK, Status.NONFINITE]
        assert np.isnan(found.value[1]).all()

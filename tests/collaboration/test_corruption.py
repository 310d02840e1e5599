"""The corruption coefficient against the paper's own equation in many digits, with its derivatives and laws."""

import doctest

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import jaxmech.collaboration._corruption as module
from jaxmech import Solution, SolveError, Status
from jaxmech.collaboration import checked_penalty, corruption_root, deviation_penalty
from tests.oracles import corruption as oracle

DTYPES = [np.float64, np.float32]
PUBLISHED = [
    (4.5, 0.23, 111.92070514616),
    (10.0, 0.1, 2.57573664058),
    (100.0, 0.01, 1.09210473579),
    (100.0, 0.1, 34.8271074237),
    (1e4, 0.2, 74088.932229),
    (1e4, 1e-4, 1.00090014087),
]
EQUAL_COSTS = [(5, 1.547926), (10, 1.697948), (20, 1.815833), (100, 1.953802)]
# Both ends of κ at small, middling and huge τ.
HARD = [
    (2.0001, 0.249999),
    (3.0, 0.1112),
    (5.0, 0.2),
    (10.0, 0.1),
    (100.0, 0.0100001),
    (100.0, 0.2499999),
    (1e4, 1.0001e-8),
    (1e4, 0.01),
    (1e4, 0.24999999),
    (1e8, 1.00001e-16),
    (1e8, 1e-10),
    (1e8, 0.2),
]
COLLECT = {"n_star": 3.0, "total": 20.0, "cost": 0.02, "scale": 1.3}
VALUE = jax.jit(lambda tau, kappa: corruption_root(tau, kappa).value)
GRADIENT = jax.jit(jax.grad(VALUE, (0, 1)))
HESSIAN = jax.jit(lambda tau, kappa: jnp.array(jax.hessian(VALUE, (0, 1))(tau, kappa)))
REVERSE_OVER_FORWARD = jax.jit(lambda tau, kappa: jnp.array(jax.jacrev(jax.jacfwd(VALUE, (0, 1)), (0, 1))(tau, kappa)))
PENALTY = jax.jit(deviation_penalty)
SLOPE = jax.jit(jax.grad(deviation_penalty))


def q(n, alpha):
    return deviation_penalty(n, alpha=alpha, **COLLECT)


Q_SLOPE = jax.jit(jax.grad(q, (0, 1)))
Q_BEND = jax.jit(jax.hessian(q, (0, 1)))


def columns(rows):
    return [jnp.array(column) for column in zip(*rows, strict=True)]


def admissible(size, seed=0):
    """τ − 2 from 1e-4 to 1e8; κ even, even in its logarithm, and down to 1e-9 of either end."""
    generator = np.random.default_rng(seed)
    tau = 2 + 10 ** generator.uniform(-4, 8, size)
    low, place = 1 / tau**2, generator.uniform(0, 1, size)
    tiny = 10 ** generator.uniform(-9, 0, (2, size))
    ways = [low + (0.25 - low) * place, low * (0.25 / low) ** place, low * (1 + tiny[0]), 0.25 * (1 - 0.99 * tiny[1])]
    kappa = np.choose(generator.integers(0, len(ways), size), ways)
    inside = (kappa > low * (1 + 1e-9)) & (kappa < 0.25 * (1 - 1e-9))
    return tau[inside], kappa[inside]


def assert_close(value, reference, tolerance):
    assert abs(float(value) / float(reference) - 1) < tolerance, (float(value), float(reference))


@pytest.mark.parametrize(("tau", "kappa", "value"), PUBLISHED)
def test_published_values(tau, kappa, value):
    assert float(corruption_root(tau, kappa).value) == pytest.approx(value, rel=5e-12)


@pytest.mark.parametrize(("agents", "ratio"), EQUAL_COSTS)
def test_published_ratios_for_equal_costs(agents, ratio):
    kappa = 1 / agents
    penalty = checked_penalty(agents, kappa, corruption_root(agents, kappa).value)
    first_best = 2 * kappa
    assert float(penalty / first_best) == pytest.approx(ratio, abs=5e-7)


def test_no_root_for_four_agents_of_equal_costs():
    agents = jnp.arange(1.0, 9.0)
    exists = corruption_root(agents, 1 / agents).status == Status.OK
    assert exists.tolist() == [m >= 5 for m in range(1, 9)]


@pytest.mark.parametrize("dtype", DTYPES)
def test_root_is_exact_for_a_kappa_within_a_few_units_in_the_last_place(dtype):
    tau, kappa = (x.astype(dtype) for x in admissible(700))
    solution = corruption_root(tau, kappa)
    solved = np.flatnonzero(np.asarray(solution.status) == Status.OK)
    # Rounded to float32 some κ fall on an end of the range.
    assert len(solved) > 0.8 * len(tau)
    assert np.isin(np.asarray(solution.status), [Status.OK, Status.NO_ROOT]).all()
    eps = float(np.finfo(dtype).eps)
    value = np.asarray(solution.value, float)
    wrong = [i for i in solved if not oracle.brackets(float(tau[i]), float(kappa[i]), value[i], 8, eps)]
    assert not wrong, (tau[wrong], kappa[wrong])


def test_oracle_notices_a_wrong_digit():
    tau, kappa = 1e4, 1e-3
    value = float(oracle.root(tau, kappa))
    assert oracle.brackets(tau, kappa, value, 4, 2.0**-52)
    assert not oracle.brackets(tau, kappa, value * (1 + 1e-14), 4, 2.0**-52)
    assert not oracle.brackets(tau, kappa, value * (1 - 1e-14), 4, 2.0**-52)


@pytest.mark.parametrize(("tau", "kappa"), HARD)
def test_root_agrees_with_the_oracle_where_kappa_is_well_conditioned(tau, kappa):
    gap = min(kappa * tau**2 - 1, 1 - 4 * kappa)
    assert_close(corruption_root(tau, kappa).value, oracle.root(tau, kappa), 1e-15 * max(8, 8 / gap))


def test_paper_equation_vanishes_at_the_root():
    total, n_star, cost, sigma = 40.0, 4.0, 0.25, 8.0
    ratio = float(corruption_root(total / n_star, cost * n_star**2 / sigma**2).value)
    with mpmath.workdps(30):
        below, at, above = (
            oracle.paper_equation(mpmath.sqrt(ratio * n_star * factor), total, n_star, cost, sigma)
            for factor in (0.99, 1, 1.01)
        )
    assert below < 0 < above
    assert abs(at) < 1e-12 * (above - below)


@pytest.mark.parametrize("dtype", DTYPES)
def test_residual_is_the_backward_error(dtype):
    tau, kappa = (x.astype(dtype) for x in admissible(150, seed=3))
    solution = corruption_root(tau, kappa)
    eps = float(np.finfo(dtype).eps)
    for i in np.flatnonzero(np.asarray(solution.status) == Status.OK):
        exact = oracle.exact_kappa(float(tau[i]), float(solution.value[i]))
        assert abs(float(exact / float(kappa[i]) - 1)) < float(solution.residual[i]) + 8 * eps


def test_residual_does_not_flatter():
    arguments = columns(PUBLISHED)[:2]
    for factor in (1 + 1e-9, 0.5, 1e3):
        moved = factor * VALUE(*arguments)
        claimed = module._backward_error(*arguments, moved)
        for tau, kappa, value, error in zip(*arguments, moved, claimed, strict=True):
            exact = oracle.exact_kappa(float(tau), float(value)) / float(kappa) - 1
            assert float(error) == pytest.approx(abs(float(exact)), rel=1e-5)


@pytest.mark.parametrize("dtype", DTYPES)
def test_statuses(dtype):
    nan, inf = np.nan, np.inf
    expected = [
        (10.0, 0.1, Status.OK),
        (4.0, 0.0625, Status.NO_ROOT),
        (10.0, 0.25, Status.NO_ROOT),
        (10.0, 0.3, Status.NO_ROOT),
        (10.0, 0.0099, Status.NO_ROOT),
        (10.0, 0.0, Status.NO_ROOT),
        (10.0, -0.1, Status.NO_ROOT),
        (2.0, 0.25, Status.NO_ROOT),
        (1.5, 0.1, Status.NO_ROOT),
        (0.0, 0.1, Status.NO_ROOT),
        (-3.0, 0.2, Status.NO_ROOT),
        (10.0, inf, Status.NO_ROOT),
        (-inf, 0.1, Status.NO_ROOT),
        (nan, 0.1, Status.NONFINITE),
        (10.0, nan, Status.NONFINITE),
        (nan, 0.3, Status.NONFINITE),
        (inf, 0.1, Status.NONFINITE),
    ]
    tau, kappa, codes = columns(expected)
    solution = corruption_root(tau.astype(dtype), kappa.astype(dtype))
    assert solution.status.tolist() == codes.tolist()
    assert (np.isnan(solution.value) == (codes != Status.OK)).all()
    assert (np.isnan(solution.residual) == (codes != Status.OK)).all()
    assert (np.asarray(solution.steps > 0) == (codes == Status.OK)).all()
    with pytest.raises(SolveError, match=r"16 of 17 failed, first at index \(1,\): NO_ROOT"):
        solution.raise_for_status()


@pytest.mark.parametrize("tau", [2.0, 2.5, 10.0, 1e4])
def test_range_ends_exactly_at_a_quarter(tau):
    inside = np.nextafter(0.25, 0)
    assert int(corruption_root(tau, 0.25).status) == Status.NO_ROOT
    assert (int(corruption_root(tau, inside).status) == Status.OK) == (tau > 2)


def test_broadcasting_and_types():
    assert corruption_root(10, 0.1).value.dtype == np.float64
    mixed = corruption_root(jnp.ones((3, 1), np.float32) * 10, jnp.array([0.1, 0.2], np.float32))
    assert isinstance(mixed, Solution)
    assert [leaf.shape for leaf in jax.tree.leaves(mixed)] == [(3, 2)] * 4
    assert mixed.value.dtype == np.float32
    assert mixed.status.dtype == mixed.steps.dtype == np.int32
    assert corruption_root(jnp.ones((0, 4)), 0.1).value.shape == (0, 4)


def test_batch_equals_loop_and_compiled_equals_eager():
    tau, kappa = admissible(30, seed=5)
    batch = corruption_root(tau, kappa).value
    np.testing.assert_allclose(batch, [VALUE(*pair) for pair in zip(tau, kappa, strict=True)], rtol=1e-13)
    np.testing.assert_allclose(batch, jax.vmap(VALUE)(tau, kappa), rtol=1e-13)
    with jax.disable_jit():
        residual = corruption_root(tau, kappa).residual
    assert float(residual.max()) < 20 * 2.0**-52


INTERVAL = st.floats(0.001, 0.999)
TAU = st.floats(-3, 8).map(lambda exponent: 2 + 10**exponent)


def between(tau, place):
    low = 1 / tau**2
    return low * (0.25 / low) ** place


@settings(derandomize=True, deadline=None, max_examples=100)
@given(tau=TAU, places=st.tuples(INTERVAL, INTERVAL))
def test_root_increases_with_the_cost(tau, places):
    low, high = sorted(between(tau, place) for place in places)
    first, second = (float(VALUE(tau, kappa)) for kappa in (low, high))
    # Equal up to rounding where the two costs are.
    assert first <= second * (1 + 1e-13 / (1 - 4 * high) + 1e-13 / (low * tau**2 - 1))
    if high > low * (1 + 1e-6):
        assert first < second


@settings(derandomize=True, deadline=None, max_examples=100)
@given(tau=st.floats(np.log10(4.1), 8).map(lambda exponent: 10**exponent), place=INTERVAL)
def test_noise_is_strong_enough_for_efficiency_when_the_cost_is_shared(tau, place):
    kappa = (1 / tau) * (0.25 * tau) ** place
    assert float(VALUE(tau, kappa)) > 1


@settings(derandomize=True, deadline=None, max_examples=60)
@given(tau=TAU, place=INTERVAL)
def test_collecting_n_star_is_the_best_response(tau, place):
    kappa = between(tau, place)
    alpha = jnp.sqrt(VALUE(tau, kappa))
    n = jnp.concatenate([jnp.ones(1), jnp.geomspace(0.01, 100, 41), jnp.array([1 - 1e-3, 1 + 1e-3])])
    penalties = np.asarray(PENALTY(n, 1.0, tau, alpha, kappa, 1.0))
    assert (penalties[0] <= penalties * (1 + 1e-14)).all()
    assert penalties[0] == pytest.approx(float(checked_penalty(tau, kappa, alpha**2)), rel=1e-13)
    slope = float(SLOPE(1.0, 1.0, tau, alpha, kappa, 1.0))
    assert abs(slope) < 1e-14


@pytest.mark.parametrize(("tau", "kappa"), HARD)
def test_first_derivatives(tau, kappa):
    gap = min(kappa * tau**2 - 1, 1 - 4 * kappa)
    found = GRADIENT(tau, kappa)
    for slope, order in zip(found, [(1, 0), (0, 1)], strict=True):
        assert_close(slope, oracle.derivative(tau, kappa, order), 1e-14 * max(1, 1 / gap))


# Where the root is nearly linear in an argument, second derivatives in log y are differences of far larger numbers.
NEARLY_LINEAR = [
    (100.0, 1e-4 * (1 + 1e-9)),
    (1e5, 1e-10 * (1 + 1e-9)),
    (1e5, 0.01),
    (1e6, 1e-6),
    (1e12, 1e-6),
    (2.001, 0.2499),
]


@pytest.mark.long
@pytest.mark.parametrize(("tau", "kappa"), HARD + NEARLY_LINEAR)
def test_second_derivatives(tau, kappa):
    twice_tau, both, twice_kappa = (oracle.derivative(tau, kappa, order) for order in ((2, 0), (1, 1), (0, 2)))
    for hessian in (HESSIAN, REVERSE_OVER_FORWARD):
        by_tau, by_kappa = hessian(tau, kappa)
        assert_close(by_tau[0], twice_tau, 1e-12)
        assert_close(by_tau[1], both, 1e-12)
        assert_close(by_kappa[0], both, 1e-12)
        assert_close(by_kappa[1], twice_kappa, 1e-12)


def test_totals_up_to_the_largest_number():
    """For large τ the root is τ x(κ)/4 + O(1), with x from (1 + 1/τ) p + q/τ = 4(κ − 1/τ²)/(1 − 2/τ)."""
    limit = float(corruption_root(1e15, 0.1).value) / 1e15
    for tau in (1e60, 1e100, 1e155, 1e300):
        solution = corruption_root(tau, 0.1)
        assert int(solution.status) == Status.OK
        assert float(solution.value) / tau == pytest.approx(limit, rel=1e-14)
    for tau in (1e60, 1e140):  # κ τ² = 10: x = 36/τ² nearly
        solution = corruption_root(tau, 10 / tau / tau)
        assert int(solution.status) == Status.OK
        assert float(solution.value) * tau == pytest.approx(9, rel=1e-14)
        slopes = np.array(GRADIENT(tau, 10 / tau / tau))
        np.testing.assert_allclose(slopes / [1 / tau**2, tau], [11, 1], rtol=1e-14)
    by_tau, by_kappa = np.asarray(HESSIAN(1e100, 1e-50))
    np.testing.assert_allclose(by_tau, [-2e-300, 1.0], rtol=1e-13)
    np.testing.assert_allclose(by_kappa[1] / 1e100, 24.0, rtol=1e-13)


def test_penalty_of_the_checked_bends_where_the_noise_is_hardly_felt():
    """½(1 − 2/τ) p''(x) (4/τ)² with p'' = −6 + 90x at x = 4 ratio/τ; in log y the same is lost among rounding."""
    bend = jax.jit(jax.grad(jax.grad(checked_penalty, 2), 2))
    for tau in (1e9, 1e12, 1e30):
        assert_close(bend(tau, 0.1, 1.0), 0.5 * (1 - 2 / tau) * (-6 + 360 / tau) * 16 / tau / tau, 1e-14)


def test_forward_reverse_and_differences_agree():
    tau, kappa = columns([row[:2] for row in PUBLISHED])
    forward = jax.jit(jax.vmap(jax.jacfwd(VALUE, (0, 1))))(tau, kappa)
    reverse = jax.jit(jax.vmap(jax.jacrev(VALUE, (0, 1))))(tau, kappa)
    np.testing.assert_allclose(forward, reverse, rtol=1e-14)
    h = 1e-6
    differences = [
        (VALUE(tau * (1 + h), kappa) - VALUE(tau * (1 - h), kappa)) / (2 * h * tau),
        (VALUE(tau, kappa * (1 + h)) - VALUE(tau, kappa * (1 - h))) / (2 * h * kappa),
    ]
    np.testing.assert_allclose(forward, differences, rtol=1e-6)


def test_lanes_without_root_do_not_poison_gradients():
    tau = jnp.array([10.0, 10.0, 2.0, 1.0, np.nan, np.inf, 10.0])
    kappa = jnp.array([0.1, 0.3, 0.25, 0.1, 0.1, 0.1, np.nan])

    def total(tau, kappa):
        solution = corruption_root(tau, kappa)
        return jnp.sum(jnp.where(solution.status == Status.OK, solution.value, 0))

    for by in jax.jit(jax.grad(total, (0, 1)))(tau, kappa):
        assert np.isfinite(by).all()
        assert (np.asarray(by) != 0).tolist() == [True] + [False] * 6


@pytest.mark.parametrize("comparison", [3.0, 1.0, 9.0, 17.0])
@pytest.mark.parametrize("alpha", [1e-3, 0.3, 1.5, 40.0, 1e4])
def test_deviation_penalty_is_the_expected_penalty(alpha, comparison):
    for n in (0.01, 1.0, 3.0, 50.0):
        found = PENALTY(n, alpha=alpha, comparison=comparison, **COLLECT)
        exact = oracle.expected_penalty(
            n, COLLECT["n_star"], COLLECT["total"], alpha, COLLECT["cost"], COLLECT["scale"], comparison
        )
        assert_close(found, exact, 3e-15)


def test_deviation_penalty_between_full_trust_and_none():
    n, everything = 2.0, 19.0
    price = COLLECT["scale"] ** 2
    trusting = deviation_penalty(n, alpha=0.0, **COLLECT)
    assert_close(trusting, price / everything + n * COLLECT["cost"], 1e-15)
    wary = deviation_penalty(n, alpha=np.inf, **COLLECT)
    assert_close(wary, price / (n + 3) + n * COLLECT["cost"], 1e-15)
    nobody_else = deviation_penalty(n, alpha=1.0, comparison=17.0, **COLLECT)
    assert_close(nobody_else, price / everything + n * COLLECT["cost"], 1e-15)


def test_deviation_penalty_scales_with_its_unit():
    n = jnp.geomspace(0.1, 30, 7)
    once = deviation_penalty(n, 3.0, 20.0, 1.5, 0.02, 1.3)
    np.testing.assert_allclose(deviation_penalty(n, 3.0, 20.0, 1.5, 0.08, 2.6), 4 * once, rtol=1e-15)


@pytest.mark.parametrize("alpha", [0.0, 0.5, 2.0, 100.0])
def test_derivatives_of_deviation_penalty(alpha):
    found = np.array(Q_SLOPE(2.0, alpha))
    bends = np.array(Q_BEND(2.0, alpha))

    def exact(n, alpha):
        if alpha == 0:
            return mpmath.mpf(COLLECT["scale"]) ** 2 / (n + 17) + mpmath.mpf(COLLECT["cost"]) * n
        return oracle.expected_penalty(n, 3.0, 20.0, abs(alpha), COLLECT["cost"], COLLECT["scale"], 3.0)

    with mpmath.workdps(30):
        h = mpmath.mpf("1e-6")
        table = {(i, j): exact(2 + i * h, alpha + j * h) for i in (-1, 0, 1) for j in (-1, 0, 1)}
        by_n = (table[1, 0] - table[-1, 0]) / (2 * h)
        by_alpha = (table[0, 1] - table[0, -1]) / (2 * h)
        twice_n = (table[1, 0] + table[-1, 0] - 2 * table[0, 0]) / h**2
        twice_alpha = (table[0, 1] + table[0, -1] - 2 * table[0, 0]) / h**2
        both = (table[1, 1] + table[-1, -1] - table[1, -1] - table[-1, 1]) / (4 * h**2)
    np.testing.assert_allclose(found, [float(by_n), float(by_alpha)], rtol=1e-9, atol=1e-12)
    expected = [[float(twice_n), float(both)], [float(both), float(twice_alpha)]]
    np.testing.assert_allclose(bends, expected, rtol=1e-7, atol=1e-10)


def test_deviation_penalty_maps_over_anything():
    n = jnp.array([1.0, 2.0, 3.0])
    alpha = jnp.array([[0.5], [2.0]])
    grid = jax.jit(q)(n, alpha)
    mapped = jax.jit(jax.vmap(jax.vmap(q, (0, None)), (None, 0)))(n, alpha[:, 0])
    np.testing.assert_allclose(grid, mapped, rtol=1e-14)
    assert deviation_penalty(np.float32(1.0), np.float32(2.0), *np.float32([10, 1, 0.1, 1])).dtype == np.float32


def test_examples():
    assert doctest.testmod(module).failed == 0

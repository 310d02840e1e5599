"""Noise that follows the median of the spreads within the others' submissions: law, plans, mechanism."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxmech import ProblemError, verify
from jaxmech.collaboration import (
    LIFTED,
    Calibrated,
    Problem,
    allies,
    certify,
    integer_plan,
    lifted_check,
    mechanism,
    pivotal,
    solve,
)
from jaxmech.collaboration._calibration import QUANTILES, QUANTILES_TO
from jaxmech.collaboration._corruption import corruption_root
from jaxmech.collaboration._robust import median_law, robust_levels
from jaxmech.collaboration._roles import checked_levels
from jaxmech.collaboration._rule import Rule
from jaxmech.mechanism import (
    NASH,
    Stakes,
    Statistics,
    Submission,
    each_of_points,
    freedom_each,
    median_rank,
    median_unit,
    median_within,
)
from jaxmech.mechanism._subsets import draw_parts
from tests.oracles import robust as oracle
from tests.oracles.calibrated import noise_level

pytestmark = pytest.mark.usefixtures("compile_quickly")

M, N = 10, 6
COST = 1 / (M * N**2)
EQUAL = Problem([[COST]] * M, 1.0)


@pytest.fixture(scope="module")
def plan():
    return solve(EQUAL, mechanism="c3d", calibrated="robust").raise_for_status().value


@pytest.mark.parametrize("freedom", [[2, 3, 5], [1, 4, 4, 7], [3] * 9])
def test_law_of_the_median_against_sums_over_all_sets(freedom):
    each, places = jnp.asarray(freedom, float)[:, None, None], jnp.linspace(-1.5, 1.5, 7)[:, None, None]
    count = jnp.full((1, 1), len(freedom))
    unit = median_unit(each, count)
    np.testing.assert_allclose(unit[:, 0, 0], [oracle.unit(nu, len(freedom)) for nu in freedom], rtol=1e-12)
    law = jax.jit(lambda v: median_law(v, each, median_rank(count), unit))
    below, above, density = law(places)
    expected = np.array([oracle.below(float(v), freedom) for v in places.ravel()])
    np.testing.assert_allclose(below.ravel(), expected, rtol=1e-10)
    np.testing.assert_allclose(above.ravel(), 1 - expected, rtol=1e-8)
    slopes = (law(places + 1e-5)[0] - law(places - 1e-5)[0]) / 2e-5
    np.testing.assert_allclose(density, slopes, rtol=1e-6, atol=1e-10)
    # of half of all exchanges σ̂ is larger than σ, up to what the units leave
    assert abs(float(law(jnp.zeros((1, 1, 1)))[0][0, 0, 0]) - 0.5) < 0.03


def test_quadrature_has_the_moments_of_the_law():
    """Where κ̂ is nowhere clipped: against draws of χ², whose median is taken by sorting."""
    each = freedom_each(jnp.array([[9.0], [12.0], [12.0], [20.0], [40.0]]), jnp.full((5, 1), 2.0))
    ratio, weight = robust_levels(corruption_root, jnp.full((5, 1), 100.0), jnp.full((5, 1), 0.02), each)
    level = np.asarray(jnp.sum(ratio * weight, axis=0))[0, 0]
    generator, freedom = np.random.default_rng(0), np.array([10, 10, 18, 38])
    scaled = generator.chisquare(freedom, (20_000, 4)) / (freedom * [oracle.unit(nu, 4) for nu in freedom])
    drawn = np.sort(scaled, axis=1)[:, 1]
    grid = np.geomspace(drawn.min(), drawn.max(), 60)
    found = np.interp(drawn, grid, [noise_level(100, min(0.02 / v, 0.95 / 4)) for v in grid])
    assert level == pytest.approx(found.mean(), abs=4 * found.std() / 20_000**0.5 + 1e-3 * level)


def test_plan_and_guarantee_promise_the_expectation(plan):
    expected = oracle.expected_penalty(1.0, M, 1 / M, N - 2.0, 0.95) / N
    assert float(plan.penalty[0]) == pytest.approx(expected, rel=1e-7)
    known = float(solve(EQUAL, mechanism="c3d").value.penalty[0])
    pooled = float(solve(EQUAL, mechanism="c3d", calibrated=True).value.penalty[0])
    assert known < pooled < expected < 1.02 * pooled
    claim = mechanism(EQUAL, plan).guarantee(Stakes.of(EQUAL))
    assert float(claim.promised[0]) == pytest.approx(expected, rel=1e-7)
    best = min(oracle.expected_penalty(n, M, 1 / M, N - 2.0, 0.95) / N for n in (1.02, 1.04, 1.06))
    assert 0 < float(claim.least[0]) <= best < expected
    assert float(claim.least[0]) == pytest.approx(best, rel=1e-4)
    assert float(pivotal(EQUAL, plan, 1.0).short[0, 1]) == pytest.approx(expected, rel=1e-7)


@pytest.mark.parametrize(("m", "n"), [(10, 50), (20, 10)])
def test_many_points_and_many_agents_are_promised_as_exactly(m, n):
    """The law is narrow there beside the range over which it is added up."""
    problem = Problem([[1 / (m * n**2)]] * m, 1.0)
    expected = oracle.expected_penalty(1.0, m, 1 / m, n - 2.0, 0.95) / n
    found = solve(problem, mechanism="c3d", calibrated="robust").value
    assert float(found.penalty[0]) == pytest.approx(expected, rel=2e-7)


def test_who_is_left_with_two_others_by_rounding_gets_the_agreed_noise():
    """In whole samples of 100, 100, 4, 3, 3 all parts of 209 leave the third two others with a spread."""
    samples, alpha = jnp.array([[100.0], [100.0], [4.0], [3.0], [3.0]]), jnp.full((5, 1), 3.0)
    checked = jnp.array([[False], [False], [True], [False], [False]])
    problem, rule = Problem([[0.01]] * 5, 1.0), Rule("drawn", "robust")
    levels = checked_levels(problem, samples, checked, alpha, jnp.array([209.0]), rule)
    np.testing.assert_allclose(levels.ratio[:, 2, 0], 9 / 4)
    np.testing.assert_allclose(jnp.sum(levels.weight, axis=0)[2, 0], 1)
    asked, told = np.asarray(samples), {"calibrated": True, "robust": True, "levels": {}}
    z, rest = np.full((5, 1), 4.0), np.full((5, 1), 201.0)
    signed = object.__new__(verify.Agreement)
    vars(signed).update(told, asked=asked, alpha=np.asarray(alpha), z=z, rest=rest, kappa=asked)
    assert verify.noise_levels(signed, 2, 0)[0].tolist() == [9.0]


def test_noise_levels_that_settle_are_quantiles_of_the_median(plan):
    machine = mechanism(EQUAL, plan)
    assert isinstance(machine, Calibrated)
    places = np.linspace(-QUANTILES_TO, QUANTILES_TO, QUANTILES)
    for at in (20, 40, 60):
        share = float(jax.scipy.special.ndtr(places[at]))
        level = noise_level(M, min(1 / M / oracle.quantile(share, N - 2.0, M - 1), 0.95 / 4))
        assert float(machine.levels[at, 0, 0]) ** 2 / N == pytest.approx(level, rel=2e-3)


def test_one_who_spreads_her_points_saves_a_friend_little(plan):
    """The least over amounts, where one of nine is beyond all, and that it is twenty times more by the pooled rule."""
    amounts = np.linspace(0.85, 1.05, 9)
    least = min(oracle.expected_penalty(n, M, 1 / M, N - 2.0, 0.95, beyond=1) for n in amounts) / N
    saved = float(plan.penalty[0]) - float(lifted_check(EQUAL, plan)[0])
    assert saved == pytest.approx(least, rel=1e-3)
    pooled = solve(EQUAL, mechanism="c3d", calibrated=True).value
    assert 10 * (float(plan.penalty[0]) - saved) < float(lifted_check(EQUAL, pooled)[0])


@pytest.mark.long
def test_certificate_of_a_robust_rule(plan):
    found = {record.claim: record for record in certify(EQUAL, plan, sigma_range=(0.8, 1.25))}
    assert found[NASH].holds
    assert -5e-3 < found[NASH].margin < 0
    assert not found[LIFTED].holds
    assert 0.02 < -found[LIFTED].margin < 0.07
    assert "moves by one rank" in found[LIFTED].witness


@pytest.mark.long
def test_allies_find_less_than_under_the_pooled_rule(plan):
    pair, key = jnp.array([[0, 1]]), jax.random.key(0)
    pooled = solve(EQUAL, mechanism="c3d", calibrated=True).value
    robust, lifted = (float(allies(EQUAL, one, pair, key, 1024).gain[0]) for one in (plan, pooled))
    assert robust < 0.75 * lifted


@pytest.mark.long
@pytest.mark.parametrize("given", ["points", "statistics", "variances"])
def test_robust_mechanism_pays_its_quadrature(given, plan):
    """Data sets, their statistics, and statistics with variances, at a true σ that is half as large again."""
    there = Problem([[COST]] * M, 1.5)
    machine = mechanism(there, integer_plan(EQUAL, plan).plan)
    expected = float(machine.guarantee(Stakes.of(there)).promised[0])
    kappa = 1 / M / 1.5**2
    assert expected == pytest.approx(oracle.expected_penalty(1.0, M, kappa, N - 2.0, 0.95) * 1.5**2 / N, rel=1e-6)

    def once(key):
        data_key, key = jax.random.split(key)
        shape = (M, 1, N)
        points = Submission(1.5 * jax.random.normal(data_key, shape), jnp.ones(shape, bool))
        told = {"points": points, "variances": points.statistics}.get(given)
        told = Statistics(points.count, points.mean) if told is None else told
        return machine.respond(told, key).estimate(there.sigma**2) ** 2

    error = np.asarray(jax.lax.map(once, jax.random.split(jax.random.key(5), 20_000), batch_size=1000)).mean(axis=1)
    paid = error + COST * N
    assert paid.mean() == pytest.approx(expected, abs=4 * paid.std() / np.sqrt(len(paid)))


def _data(counts):
    shape = (len(counts), 1, max(counts))
    values = jax.random.normal(jax.random.key(2), shape) + jnp.arange(float(len(counts)))[:, None, None]
    return Submission(values, jnp.arange(max(counts)) < jnp.asarray(counts)[:, None, None])


def test_squares_within_submissions_are_those_of_the_definition():
    """By hand, for data sets of several sizes where not all points are drawn: every freedom is points less parts."""
    counts = [6, 5, 4, 7, 2]
    data, clean, total = _data(counts), jnp.full((5, 1), 3.0), jnp.full((5, 1), 14.0)
    measure = jax.jit(lambda key: each_of_points(data, clean, total, key))
    for seed in range(4):
        key = jax.random.key(seed)
        each = measure(key)
        keys = jax.random.split(key, 5)
        for i in range(5):
            parts = draw_parts(data, jnp.array(i), clean[i], total[i], jax.random.split(keys[i])[0])
            groups = [np.asarray(part)[0].reshape(5, -1) for part in parts]
            for j in range(5):
                hers = [np.asarray(data.values[j, 0])[group[j]] for group in groups]
                fullest = max(range(3), key=lambda part: len(hers[part]))
                hers[fullest] = hers[fullest][sum(len(points) == 0 for points in hers) :]
                freedom = counts[j] - 3 if j != i and counts[j] > 3 else 0
                squares = sum(np.var(points) * len(points) for points in hers if len(points)) if freedom else 0.0
                assert float(each.freedom[j, i, 0]) == freedom
                assert float(each.squares[j, i, 0]) == pytest.approx(squares, rel=1e-9, abs=1e-12)
    within = median_within(each)
    variances = np.sort([float(each.squares[j, 4, 0]) / (f * oracle.unit(f, 4)) for j, f in enumerate((3, 2, 1, 4))])
    assert float(within.freedom[4, 0]) == 10
    assert float(within.squares[4, 0]) == pytest.approx(10 * variances[1], rel=1e-9)


def test_points_without_end_move_the_median_by_one_rank():
    counts = [6] * 6
    data, key = _data(counts), jax.random.key(3)
    drawn = jnp.full((6, 1), 6.0), jnp.full((6, 1), 30.0), key
    known = each_of_points(data, *drawn)
    wide = Submission(data.values.at[2].multiply(1e6), data.mask)
    moved = median_within(each_of_points(wide, *drawn))
    for i in (0, 1, 3, 4, 5):
        others = [j for j in range(6) if j != i]
        unit = oracle.unit(4, 5) * 4
        ordered = np.sort([float(known.squares[j, i, 0]) / unit for j in others])
        found = float(moved.squares[i, 0] / moved.freedom[i, 0])
        assert min(abs(found - ordered[rank]) for rank in (2, 3)) < 1e-9


def test_two_others_tell_nothing():
    data = _data([9, 9, 9])
    within = median_within(each_of_points(data, jnp.full((3, 1), 4.0), jnp.full((3, 1), 18.0), jax.random.key(0)))
    assert np.asarray(within.freedom).ravel().tolist() == [0, 0, 0]


@pytest.mark.parametrize(
    ("m", "cost", "arguments", "words"),
    [
        (10, 0.004, {}, r"needs 32 degrees of freedom within .* against 27, which 5 points more"),
        (10, 0.001, {"calibrated": "rubust"}, 'must be true or false, or "robust"'),
        (10, 0.001, {"mechanism": "pool"}, "adds no noise"),
        (201, 0.00001, {}, "at most 200 agents: write calibrated = true"),
    ],
)
def test_what_cannot_follow_a_median_is_refused(m, cost, arguments, words):
    with pytest.raises(ProblemError, match=words):
        solve(Problem([[cost]] * m, 1.0), **{"mechanism": "c3d", "calibrated": "robust", **arguments})


def test_fewer_than_three_others_are_refused():
    """Two collect nearly everything; the others are checked against them."""
    amounts = np.array([[30.0], [30.0], [2.0], [2.0], [2.0]])
    with pytest.raises(ProblemError, match=r"needs 3 others .* against 2: a median of fewer is no protection"):
        solve(Problem([[0.0002]] * 2 + [[0.02]] * 3, 1.0), division=amounts, calibrated="robust")


@pytest.mark.long
def test_robust_rules_are_pure():
    def paid(cost):
        return solve(Problem(jnp.full((6, 1), cost), 1.0), mechanism="c3d", calibrated="robust").value.penalty[0]

    many = jax.jit(jax.vmap(paid))(jnp.array([0.001, 0.002, 0.001 * (1 + 1e-5), 0.001 * (1 - 1e-5)]))
    np.testing.assert_allclose(jax.grad(paid)(0.001), (many[2] - many[3]) / 2e-8, rtol=1e-5)
    np.testing.assert_allclose(many[0], paid(0.001), rtol=1e-12)

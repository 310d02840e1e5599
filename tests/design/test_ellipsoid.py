"""Linked checks that add up squares, against quadrature, drawn data, and a search that shares no code."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import quad
from scipy.optimize import brentq, minimize
from scipy.special import erf
from scipy.stats import chi2, norm

from jaxmech import ProblemError, collaboration
from jaxmech.design import Wishes, design
from jaxmech.design._ellipsoid import Ellipsoid
from jaxmech.design._linked import Threshold
from jaxmech.design._squares import within
from jaxmech.design._terms import Stake, Terms
from jaxmech.design.proof._duality import Offer, honest_penalty, least_penalty
from jaxmech.design.proof._ellipsoid import inside as proven_inside
from jaxmech.design.proof._ellipsoid import majorant, nothing_known
from jaxmech.verify import chance_inside as ruben

N, Z, REST = np.array([[0.32, 0.4], [0.3, 0.3]]), np.full((2, 2), 0.6), np.full((2, 2), 3.0)
COSTS = np.array([[1.0, 1.0], [1.2, 0.9]])


def inside(first, second):
    """P((N₁/τ₁)² + (N₂/τ₂)² ≤ 1): over the first coordinate by angle, the second one in closed form."""

    def along(angle):
        x, room = first * np.sin(angle), second * np.cos(angle)
        return np.exp(-(x**2) / 2) / np.sqrt(2 * np.pi) * first * np.cos(angle) * erf(room / np.sqrt(2))

    return quad(along, -np.pi / 2, np.pi / 2, epsabs=1e-13, epsrel=1e-13)[0]


def paid(amounts, z, rest, limit, costs):
    """What an agent pays who collects these amounts, with prices and σ of 1, and limits in σ."""
    success = inside(*(limit * np.sqrt(amounts * z / (amounts + z))))
    both = amounts + z
    return np.sum((1 - success) / both + success / (both + rest) + costs * amounts)


def searched(begun, *row):
    """The least that a search from these amounts finds."""
    return minimize(lambda log: paid(np.exp(log), *row), np.log(begun) - 0.1, method="Nelder-Mead").fun


@pytest.fixture(scope="module")
def settled():
    terms = Terms(*(jnp.asarray(part) for part in (N, Z, REST)), jnp.ones((2, 2), bool))
    stake = Stake(jnp.asarray(COSTS), jnp.ones(2))
    found = Ellipsoid(jnp.asarray(0.0)).settle(terms, stake)
    return terms, stake, found, np.asarray(found.level) / np.sqrt(N * Z / (N + Z))


@pytest.mark.parametrize("squares", [1, 2, 3, 10])
@pytest.mark.parametrize("weight", [1e-3, 0.05, 0.5])
def test_equal_weights_are_a_chi_square(squares, weight):
    expected = chi2.cdf(1 / weight, squares)
    weights = np.full((1, squares), weight)
    assert float(within(jnp.asarray(weights)).chance[0]) == pytest.approx(expected, abs=1e-11)
    proven = proven_inside(weights**-0.5, np.ones_like(weights, bool))
    assert abs(proven.chance[0] - expected) <= proven.unsure[0] + 1e-14 < 1e-11


def test_bounds_of_the_error_hold_against_a_series_of_positive_terms():
    """Ruben's mixture of χ² chances, as the independent program has it, and the majorants that rest on the bounds."""
    generator = np.random.default_rng(3)
    for squares in (1, 2, 3, 7, 12):
        levels = np.exp(generator.uniform(-0.3, 2.0, (6, squares)))
        checked, series = np.ones(levels.shape, bool), np.array([ruben(row) for row in levels])
        found = proven_inside(levels, checked)
        assert np.all(np.abs(found.chance - series) <= found.unsure + 1e-13)
        assert np.all(found.unsure < 1e-11)
        anchor = np.exp(generator.uniform(-0.3, 1.5, (6, squares)))
        above = majorant(anchor, np.maximum(levels, 8.0), checked, np.full(6, 0.8))
        bound = np.sum(above.offset + above.slope * np.log(levels), axis=1)
        assert np.all(np.log(series) <= bound)
        largest = np.array([brentq(lambda x, row=row: ruben(row * x) - 0.8, 0.1, 20) for row in anchor])
        exact = np.sum(above.offset + above.slope * np.log(anchor * largest[:, None]), axis=1)
        np.testing.assert_allclose(exact, np.log(0.8), atol=1e-8)


def test_beyond_its_condition_an_ellipsoid_is_the_worst_region():
    """Two levels of 0.9 have Σ 1/τ² = 2.5: boxes for which the same amounts are stationary pass more often."""
    asked = 0.9**2 * np.exp(-(0.9**2) / 2) / 2  # ∂S/∂log τ_k, at S = 1 − exp(−τ²/2)

    def steep(level):
        return 2 * level * norm.pdf(level) * erf(level / np.sqrt(2)) - asked

    for low, high in ((0.1, 1.2), (1.2, 5.0)):
        assert erf(brentq(steep, low, high) / np.sqrt(2)) ** 2 > 1 - np.exp(-(0.9**2) / 2)


@pytest.mark.parametrize("levels", [(1.0, 2.5), (3.0, 30.0), (0.2, 0.9)])
def test_chances_and_slopes_by_quadrature(levels):
    weights, step = np.array(levels) ** -2.0, 1e-4
    found, proven = within(jnp.asarray(weights)), proven_inside(np.array([levels]), np.ones((1, 2), bool))
    expected = inside(*levels)
    assert float(found.chance) == pytest.approx(expected, abs=1e-12)
    assert abs(proven.chance[0] - expected) <= proven.unsure[0] + 1e-13
    for k in range(2):
        up, down = (
            inside(*np.where(np.arange(2) == k, np.array(levels) * np.exp(sign * step), levels)) for sign in (1, -1)
        )
        rise = (up - down) / (2 * step)
        assert float(proven.rise[0, k]) == pytest.approx(rise, rel=1e-6, abs=1e-9)
        assert 2 * float(found.fall[k]) == pytest.approx(rise, rel=1e-6, abs=1e-9)
    bend = -jax.hessian(lambda log: within(jnp.exp(log)).chance)(jnp.log(jnp.asarray(weights)))
    np.testing.assert_allclose(found.bend, bend, atol=1e-11)


def test_amounts_are_stationary_and_agents_fail_less_than_in_a_box(settled):
    terms, stake, found, limit = settled
    for i in range(2):
        row = Z[i], REST[i], limit[i], COSTS[i]
        assert float(found.penalty[i]) == pytest.approx(paid(N[i], *row), rel=1e-11)
        for k in range(2):
            step = 1e-4 * (np.arange(2) == k)
            assert abs(paid(N[i] + step, *row) - paid(N[i] - step, *row)) / 2e-4 < 1e-6
    bend, weights = np.asarray(Threshold(jnp.asarray(0.0)).pull(terms, stake).bend), np.asarray(found.level) ** -2.0
    assert np.sum(weights, axis=1).max() > 1  # which would be enough
    assert np.all(np.sum(weights * (1 - 2 * bend), axis=1) < 1)  # so that it is the best region
    box = Threshold(jnp.asarray(0.0)).settle(terms, stake)
    assert np.all(np.asarray(box.residual) < 1e-9)
    assert np.all(1 - np.asarray(found.success) < 0.99 * (1 - np.asarray(box.success)))


def test_one_distribution_is_a_threshold():
    terms = Terms(*(jnp.asarray(part)[:, :1] for part in (N, Z, REST)), jnp.ones((2, 1), bool))
    stake = Stake(jnp.asarray(COSTS)[:, :1], jnp.ones(1))
    one, other = (shape(jnp.asarray(0.0)).settle(terms, stake) for shape in (Ellipsoid, Threshold))
    np.testing.assert_allclose(one.level, other.level, rtol=1e-9)


def test_derivatives_pass_through_the_levels(settled):
    terms, stake, *_ = settled

    def penalty(size):
        moved = Terms(terms.samples.at[0, 0].set(size), *(terms.comparison, terms.rest, terms.checked))
        return Ellipsoid(jnp.asarray(0.0)).settle(moved, stake).penalty[0]

    at, step = float(N[0, 0]), 1e-5
    slope = (penalty(at + step) - penalty(at - step)) / (2 * step)
    assert float(jax.grad(penalty)(at)) == pytest.approx(float(slope), rel=1e-6)


def test_penalties_and_shifted_reports_by_monte_carlo(settled):
    """Data are drawn, compared and combined; a report that is shifted passes less often (Anderson's inequality)."""
    *_, found, limit = settled
    rng, draws, i = np.random.default_rng(5), 400_000, 1
    own, clean, rest = (rng.normal(size=(draws, 2)) / np.sqrt(part[i]) for part in (N, Z, REST))

    def errors(shift):
        passed = np.sum(((own + shift - clean) / limit[i]) ** 2, axis=1, keepdims=True) <= 1
        without = (N[i] * own + Z[i] * clean) / (N[i] + Z[i])
        whole = ((N[i] + Z[i]) * without + REST[i] * rest) / (N[i] + Z[i] + REST[i])
        return np.sum(np.where(passed, whole, without) ** 2, axis=1)

    honest = errors(0.0)
    error = honest.std() / np.sqrt(draws)
    assert abs(honest.mean() + np.sum(COSTS[i] * N[i]) - float(found.penalty[i])) < 5 * error
    for shift in (np.array([0.5, 0.0]), np.array([-0.4, 0.6])):
        loss = errors(shift) - honest
        assert loss.mean() > 5 * loss.std() / np.sqrt(draws)


@pytest.mark.long
def test_nothing_is_proven_that_a_search_refutes(settled):
    """What is optimal is proven; at other limits what a search finds is, and nothing above."""
    *_, limit = settled

    def offer(factor):
        rows = Z[:1], REST[:1], np.zeros(1), factor * limit[:1], COSTS[:1], np.ones((1, 2))
        return Offer(*rows, nothing_known(limit[:1]))

    honest, _ = honest_penalty(offer(1.0), N[:1])
    (proven,) = least_penalty(offer(1.0), honest * (1 - 1e-8), 0.1).bound
    row = Z[0], REST[0], limit[0], COSTS[0]
    assert honest[0] == pytest.approx(paid(N[0], *row), rel=1e-11)
    assert proven == pytest.approx(honest[0], rel=1e-7)
    assert proven <= searched(N[0], *row) + 1e-9
    least = searched(N[0], Z[0], REST[0], 1.15 * limit[0], COSTS[0])
    assert least < honest_penalty(offer(1.15), N[:1])[0][0] * (1 - 1e-5)
    below, above = (
        least_penalty(offer(1.15), np.array([least * factor]), 1e-6).bound[0] for factor in (0.9999, 1.0001)
    )
    assert below == pytest.approx(least, rel=2e-4)
    assert above == -np.inf


def test_wishes_that_contradict_each_other_are_refused():
    with pytest.raises(ProblemError, match="needs linked distributions"):
        Wishes(linked=False, ellipsoid=True)


@pytest.mark.slow
@pytest.mark.usefixtures("compile_quickly")
def test_a_design_in_an_ellipsoid_costs_less_than_in_a_box_and_is_proven():
    """Ten equal agents and three distributions: 2238.54 with linked limits, each for itself; found by SciPy alone."""
    solved = design(collaboration.Problem([[1.0] * 3] * 10, 100.0), Wishes(ellipsoid=True)).raise_for_status()
    assert solved.value.origin == "linked thresholds in an ellipsoid"
    assert float(solved.value.social_penalty) == pytest.approx(2215.483, rel=1e-5)
    assert float(solved.residual) < 1e-7

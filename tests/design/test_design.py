"""Designs: what they reach, that everything holds that they claim, and that every claim can fail."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxmech import ProblemError, Status
from jaxmech.collaboration import Problem, Role
from jaxmech.design import Wishes, certify, design, family_bound, prove
from jaxmech.design._certify import rival
from jaxmech.design.proof._certificate import Judge
from tests.oracles import barter
from tests.oracles import design as oracle

pytestmark = pytest.mark.usefixtures("compile_quickly")

SIGMA = 1000.0
"""Such that agents collect hundreds of points: rounding does next to nothing."""
COSTS = np.random.default_rng(0).uniform(0.5, 1.5, (4, 2))
REACHED = {3: 1.1199, 5: 1.17449, 10: 1.21357, 100: 1.14831, 1000: 1.09409}


@pytest.fixture(scope="module")
def linked():
    problem = Problem(COSTS, SIGMA)
    return problem, design(problem).raise_for_status().value


def failing(problem, made, proven=None):
    """Claims that fail; facts, which take a proof of their own, are left out."""
    judge = Judge(problem, made, prove(problem, made) if proven is None else proven, rival(problem, made))
    return {audit.claim for audit in judge.claims() if not audit.holds}


def changed(made, **changes):
    return dataclasses.replace(made, **{name: jnp.asarray(value) for name, value in changes.items()})


def assert_sound(problem, wishes=None):
    """Certified, no worse than published, and penalties by the oracle."""
    found = design(problem, wishes)
    made = found.value
    assert int(found.status) == Status.OK
    assert not failing(problem, made)
    assert float(made.social_penalty) <= float(made.published) * (1 + 1e-6)
    kept = 1 / (1 + float(made.rule.variance[-1]))
    sigma = np.asarray(problem.sigma)
    errors = np.broadcast_to(problem.price * problem.sigma**2, problem.shape)
    for i in range(problem.shape[0]):
        parts = [np.asarray(part[i]) for part in (made.samples, made.comparison, made.rest, made.limit / sigma)]
        columns = [slice(None)] if made.linked else [slice(k, k + 1) for k in range(problem.shape[1])]
        costs, error = np.asarray(problem.costs[i]), errors[i]
        paid = sum(oracle.linked_penalty(*(x[k] for x in parts), costs[k], error[k], kept) for k in columns)
        assert float(made.penalty[i]) == pytest.approx(paid, rel=1e-6)
        assert paid <= 2 * np.sum(np.sqrt(costs[error > 0] * error[error > 0])) * (1 + 1e-6)
    return made


@pytest.mark.parametrize(
    "agents", [3, *(pytest.param(agents, marks=pytest.mark.slow) for agents in (5, 10, 100, 1000))]
)
def test_equal_agents(agents):
    problem = Problem([[1.0]] * agents, SIGMA)
    made = assert_sound(problem) if agents < 100 else design(problem).raise_for_status().value
    first_best = 2 * SIGMA * agents**0.5
    assert float(made.social_penalty) / first_best == pytest.approx(REACHED[agents], abs=1e-4)
    assert (1 - 2.5e-3) * float(made.social_penalty) <= float(made.family) <= float(made.social_penalty)


@pytest.mark.long
def test_a_linked_design_holds(linked):
    problem, made = linked
    assert made.linked
    assert all(audit.holds for audit in certify(problem, made))
    assert float(made.social_penalty) < float(made.family)  # better than any rule of one distribution at a time
    assert float(made.social_penalty) < float(made.published)
    given = np.asarray(made.comparison + made.rest)
    theirs = np.asarray(made.samples).sum(axis=0) - np.asarray(made.samples)
    assert np.all(given <= theirs * (1 + 1e-9))


@pytest.mark.long
def test_every_claim_can_fail(linked):
    """Tampering with what is told: each claim falls by what it is about."""
    problem, made = linked
    proven = prove(problem, made)

    def broken(**changes):
        return failing(problem, changed(made, **changes), proven)

    assert not broken()
    assert "penalties as promised" in broken(penalty=made.penalty * (1 + 1e-5))
    assert broken(social_penalty=made.social_penalty * 0.9) == {"penalties as promised"}
    assert broken(failure=made.failure + 1e-4) == {"penalties as promised"}
    assert "feasible" in broken(rest=made.rest * 1.1)
    assert "feasible" in broken(comparison=made.comparison + 0.01)
    alone = jnp.sum(2 * problem.sigma * jnp.sqrt(problem.costs[0]))
    assert "individually rational" in broken(penalty=made.penalty.at[0].set(1.001 * alone))
    assert "individually rational" not in broken(penalty=made.penalty.at[0].set(0.999 * alone))
    assert not broken(published=made.social_penalty * 0.99)  # what others reach is recomputed
    dearer = proven._replace(honest=2 * proven.honest)
    assert "no worse than the published mechanisms" in failing(problem, made, dearer)
    for name in ("penalty", "social_penalty", "failure"):
        assert "penalties as promised" in broken(**{name: getattr(made, name) * jnp.nan})


@pytest.mark.slow
def test_amounts_and_limits_that_do_not_fit_are_noticed(linked):
    problem, made = linked
    both = {"Nash incentive compatible", "penalties as promised"}
    assert both <= failing(problem, changed(made, limit=made.limit * 3))
    assert "Nash incentive compatible" in failing(problem, changed(made, limit=made.limit / 2))
    assert both <= failing(problem, changed(made, samples=made.samples * 1.05))


@pytest.mark.long
def test_other_rules_are_refused(linked):
    """The proof is about thresholds: it says so instead of overlooking what else a rule does."""
    problem, made = linked
    for places, values in (([0.0, 2.0, 2.0], [0.0, 0.0, np.inf]), ([0.0, 1.0, 1.0], [0.0, 3.0, np.inf])):
        rule = dataclasses.replace(made.rule, discrepancy=jnp.asarray(places), variance=jnp.asarray(values))
        with pytest.raises(ProblemError, match=r"rule = .*must be a threshold"):
            prove(problem, dataclasses.replace(made, rule=rule))


@pytest.mark.slow
def test_the_order_of_agents_does_not_matter(linked):
    _, made = linked
    other = design(Problem(COSTS[[2, 0, 3, 1]], SIGMA)).raise_for_status().value
    assert float(other.social_penalty) == pytest.approx(float(made.social_penalty), rel=1e-9)


def with_infinity(*places):
    costs = COSTS.copy()
    for place in places:
        costs[place] = np.inf
    return costs


@pytest.mark.slow
@pytest.mark.parametrize(
    ("costs", "sigma", "price"),
    [
        (with_infinity((0, 0), (3, 1)), SIGMA, 1.0),
        (with_infinity(0), SIGMA, 1.0),  # measures nothing
        (with_infinity((slice(0, 3), 1)), SIGMA, 1.0),  # one agent alone is able
        (COSTS, [1000.0, 3000.0], [2.0, 0.1]),
        (COSTS[:2], SIGMA, 1.0),
        (COSTS[:1], 2 * SIGMA, 1.0),
        (10 ** np.random.default_rng(3).uniform(-6, 0, (4, 2)), SIGMA, 1.0),
        (np.ones((4, 2)), SIGMA, 1.0),
    ],
    ids=["some unable", "one unable", "one able", "units", "two", "one", "decades", "equal"],
)
def test_awkward_problems(costs, sigma, price):
    assert_sound(Problem(costs, sigma, price))


@pytest.mark.slow
def test_units(linked):
    """Costs times t and σ times u: everything in its unit, with the same roles."""
    _, made = linked
    other = design(Problem(COSTS * 4, 3 * SIGMA)).raise_for_status().value
    assert float(other.social_penalty) == pytest.approx(6 * float(made.social_penalty), rel=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("wishes", [{"noise": 4.0}, {"failure": 0.05}, {"failure": 0.001}, {"linked": False}], ids=str)
def test_wishes_cost_something_and_are_kept(linked, wishes):
    problem, free = linked
    made = assert_sound(problem, Wishes(**wishes))
    assert float(made.social_penalty) >= float(free.social_penalty) * (1 - 1e-6)
    assert float(made.failure.max()) <= wishes.get("failure", 1.0) * (1 + 1e-9)
    assert float(made.rule.variance[-1]) == wishes.get("noise", np.inf)
    if "linked" in wishes:
        assert not made.linked


@pytest.mark.slow
def test_whole_amounts(linked):
    made = assert_sound(Problem(COSTS, SIGMA), Wishes(whole=True))
    assert np.all(np.asarray(made.samples) == np.round(made.samples))
    assert float(made.social_penalty) + windfall(*linked, made) >= float(linked[1].social_penalty) * (1 - 1e-6)


def windfall(problem, real, whole):
    """What rounding up who works alone is worth to all others: 0.4 of a point that she gives away for nothing.

    Her amount is her own best response, σ/√c, and among whole numbers the best of those, which may be more.
    """
    own = SIGMA / np.sqrt(np.asarray(problem.costs))
    more = np.where(np.asarray(whole.role) == Role.ALONE, np.maximum(np.asarray(whole.samples) - own, 0), 0).sum(axis=0)
    least = np.asarray(real.samples).sum(axis=0)
    return float(np.sum(more * (problem.shape[0] - 1) * SIGMA**2 / least**2))


@pytest.mark.slow
def test_single_precision_is_carried_through(linked):
    found = design(Problem(COSTS.astype(np.float32), SIGMA)).raise_for_status().value
    assert found.samples.dtype == found.penalty.dtype == jnp.float32
    assert float(found.social_penalty) == pytest.approx(float(linked[1].social_penalty), rel=1e-5)


@pytest.mark.parametrize(
    ("wishes", "rule"),
    [
        ({"noise": 0.0}, "noise = 0.0: must be positive"),
        ({"noise": -1.0}, "noise = -1.0: must be positive"),
        ({"noise": np.nan}, "noise = nan: must be positive"),
        ({"failure": 0.0}, "failure = 0.0: must be a chance"),
        ({"failure": 1.5}, "failure = 1.5: must be a chance"),
        ({"failure": np.nan}, "failure = nan: must be a chance"),
    ],
)
def test_wishes_without_sense_are_refused(wishes, rule):
    with pytest.raises(ProblemError, match=rule):
        Wishes(**wishes)


@pytest.mark.long
def test_roles_and_limits_agree(linked):
    _, made = linked
    role = np.asarray(made.role)
    assert np.all(np.isfinite(made.limit) == (role == Role.CHECKED))
    assert np.all(np.asarray(made.comparison)[role == Role.ALONE] == 0)
    assert np.all(np.asarray(made.rest)[role == Role.ALONE] == 0)


# Barter: who needs one mean, and is cheap in the other. It is compiled for the shapes of the design above.

NEEDED = [[1.0, 0.0]] * 2 + [[0.0, 1.0]] * 2


def two_groups(half, dear=10.0):
    price = np.repeat([[1.0, 0.0], [0.0, 1.0]], half, axis=0)
    return Problem(1 + (dear - 1) * price, SIGMA, price)


@pytest.fixture(scope="module")
def bartered():
    problem = two_groups(2)
    return problem, design(problem).raise_for_status().value


def deal(problem, made, i):
    parts = made.comparison, made.rest, made.limit, problem.costs, problem.price
    return barter.Deal(*(np.asarray(part[i]) for part in parts), SIGMA)


def assert_bartered(problem, made):
    """Everybody supplies what she has no use for, at what a search over one number says."""
    half = problem.shape[0] // 2
    unit = 4 * SIGMA * half**0.5
    wanted = np.asarray(problem.price) > 0
    assert np.all((np.asarray(made.samples) > 0) == ~wanted)
    assert np.all((np.asarray(made.role) == Role.CHECKED) == ~wanted)
    assert float(made.social_penalty) / unit == pytest.approx(barter.symmetric_ratio(2 * half, 10.0), rel=1e-5)
    apart = family_bound(np.full(half, 10.0), np.ones(half), SIGMA**2).value  # either group for itself
    assert float(made.family) == pytest.approx(2 * apart, rel=1e-3)
    assert float(made.social_penalty) < 0.4 * float(made.family)
    assert float(made.family) < float(made.published)


def test_barter(bartered):
    problem, made = bartered
    assert_bartered(problem, made)
    assert not failing(problem, made)
    assert float(made.published) == pytest.approx(4 * 2 * SIGMA * 10**0.5)  # no published rule brings anything


@pytest.mark.long
def test_barter_of_many(bartered):
    problem = two_groups(50)
    assert_bartered(problem, design(problem).raise_for_status().value)


@pytest.mark.parametrize("i", [0, 3])
def test_nothing_gains_in_barter(bartered, i):
    """Amounts of both means and shifted submissions, by brute force; chances by quadrature."""
    problem, made = bartered
    met, needed = deal(problem, made, i), int(problem.price[i, 1])
    asked, promised = np.asarray(made.samples[i]), float(made.penalty[i])
    assert met.penalty(asked) == pytest.approx(promised, rel=1e-9)
    assert promised * (1 - 1e-6) < met.least(asked, needed) <= promised * (1 + 1e-9)
    wide = dataclasses.replace(met, limit=3 * met.limit)
    assert wide.least(asked, needed) < 0.99 * wide.penalty(asked)  # nothing is left to collect for


def test_barter_by_monte_carlo(bartered):
    """Means are drawn, compared and combined: honest, with nothing of what she does not need, less, and lies."""
    problem, made = bartered
    met, asked, promised = deal(problem, made, 0), np.asarray(made.samples[0]), float(made.penalty[0])
    still, lie = np.zeros(2), np.array([0.0, SIGMA / asked[1] ** 0.5])
    ways = [
        (asked, still),
        (asked * 0.0, still),
        (asked / 2, still),
        (asked, lie),
        (asked + np.array([20.0, 0.0]), still),
    ]
    for seed, (amounts, shifts) in enumerate(ways):
        mean, error = met.drawn(amounts, shifts, 400_000, seed)
        assert abs(mean - met.penalty(amounts, shifts)) < 4 * error
        assert mean > promised - 4 * error


def test_a_table_of_equal_prices_changes_nothing(linked):
    _, made = linked
    other = design(Problem(COSTS, SIGMA, np.ones((4, 2)))).raise_for_status().value
    assert float(other.social_penalty) == pytest.approx(float(made.social_penalty), rel=1e-5)


@pytest.mark.parametrize(
    ("costs", "price"),
    [
        (COSTS, [[1, 1], [1, 1], [0, 0], [1, 1]]),
        (COSTS, [[1, 0.5], [2, 1], [0.3, 0], [1, 3]]),
        ([[1.0, 2.0]] * 4, [[1, 0.5], [2, 1], [0.3, 0], [1, 3]]),
        pytest.param([[np.inf, 1], [np.inf, 1], [1, np.inf], [1, np.inf]], NEEDED, marks=pytest.mark.slow),
    ],
    ids=["needs nothing", "different worth", "equal costs of different worth", "cannot sample what they need"],
)
def test_prices_by_agent(costs, price):
    made = assert_sound(Problem(costs, SIGMA, price))
    needs_nothing = ~np.any(price, axis=1)
    assert not np.any(np.asarray(made.samples)[needs_nothing])
    assert not np.any(np.asarray(made.penalty)[needs_nothing])


def test_a_table_of_prices_inside_a_transformation():
    """c3d, which is for agents who are equal, is no rival there, whatever the costs turn out to be."""
    shapes = jax.eval_shape(lambda costs: design(Problem(costs, SIGMA, NEEDED)), jnp.ones((4, 2)))
    assert shapes.value.samples.shape == (4, 2)


def test_a_table_of_equal_standard_deviations_changes_nothing(linked):
    _, made = linked
    other = design(Problem(COSTS, np.full((4, 2), SIGMA))).raise_for_status().value
    assert float(other.social_penalty) == pytest.approx(float(made.social_penalty), rel=1e-9)
    np.testing.assert_allclose(other.samples, made.samples, rtol=1e-6)

"""What allies find together, against whole data sets simulated by themselves; alone they find what one agent does."""

import jax
import jax.numpy as jnp
import pytest

from jaxmech import collaboration
from jaxmech.deviation import group_response
from jaxmech.mechanism import Information, Strategy
from tests.oracles import allies as oracle

pytestmark = pytest.mark.usefixtures("compile_quickly")


@pytest.fixture(scope="module")
def ten():
    problem = collaboration.Problem([[0.004]] * 10, 1.0)
    return problem, collaboration.solve(problem, mechanism="c3d").value


@pytest.fixture(scope="module")
def respond(ten):
    problem, plan = ten
    c3d = collaboration.mechanism(problem, plan)
    return jax.jit(lambda members, key: group_response(c3d, problem, members, key))


def test_two_allies_find_most_of_what_the_best_estimate_of_whole_data_sets_brings(ten, respond):
    _, plan = ten
    alpha, promised = float(plan.alpha[0, 0]), float(plan.penalty[0])
    best, error = min(
        oracle.pays(10, 5, alpha, 0.004, collected, 2, copies) for collected, copies in ((5, True), (10, False))
    )
    found = respond(jnp.array([2, 7]), jax.random.key(1))
    each, spread = float(found.pays) / 2, float(found.standard_error) / 2
    assert each >= best - 5 * (spread**2 + error**2) ** 0.5
    # of counts and means nobody can tell which points are an ally's
    assert promised - each >= 0.85 * (promised - best) - 5 * spread
    assert promised - each > 5 * spread


@pytest.mark.slow
def test_who_has_no_ally_finds_nothing(ten, respond):
    _, plan = ten
    found = respond(jnp.array([4]), jax.random.key(2))
    assert abs(float(found.pays - plan.penalty[4])) <= 5 * float(found.standard_error)
    assert float(found.collected[0]) == pytest.approx(float(plan.samples[4, 0]))


@pytest.mark.slow
def test_names_of_one_agent_have_one_error_and_everybody_else_hers():
    problem = collaboration.Problem([[0.01], [0.02], [0.04]], 1.0)
    plan = collaboration.solve(problem, division="egalitarian", mechanism="pool").value
    pool = collaboration.mechanism(problem, plan)
    total, n = float(plan.total[0]), plan.samples[:, 0]

    def least(estimators, others, unit):
        shares = (0.0, 0.25, 0.5, 0.75, 1.0, 1.25)
        return min(estimators / (others + share * unit) + 0.01 * share * unit for share in shares)

    for one in (False, True):
        found = group_response(pool, problem, jnp.array([0, 2]), jax.random.key(3), 1024, one=one)
        expected = least(1 if one else 2, float(n[1]), float(n[0] + n[2]))
        assert abs(float(found.pays) - expected) <= 5 * float(found.standard_error)
    assert total == pytest.approx(float(n.sum()))


class Echo:
    """Gives back what was submitted as if it were many points."""

    recommended = Strategy(jnp.full((3, 1), 4.0))

    def respond(self, submission, key):
        nothing = jnp.zeros_like(submission.mean)
        return Information(nothing + 1e6, submission.mean, nothing, nothing, nothing + 1)


def test_a_mean_of_nothing_is_no_knowledge_of_the_truth():
    problem = collaboration.Problem([[0.01]] * 3, 1.0)
    found = group_response(Echo(), problem, jnp.array([0, 1]), jax.random.key(0), 256)
    # whatever they hand in, they know what they collected: two errors and the points
    best = min(2 / (share * 8) + 0.01 * share * 8 for share in (0.25, 0.5, 0.75, 1.0, 1.25))
    assert float(found.pays) >= best - 5 * float(found.standard_error)

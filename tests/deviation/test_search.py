"""The search finds what is there: analytic best responses, exact minima in one dimension, nothing where nothing is."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxmech import ProblemError
from jaxmech.deviation import SearchSettings, best_response, best_responses
from jaxmech.deviation._response import gentlest
from jaxmech.deviation._strategy import Deviation
from jaxmech.mechanism import Stakes
from tests.deviation.mechanisms import QUICK, Hidden, corrupted, different, equal, permuted
from tests.oracles import deviation as oracle

# a program for each size and rule, most of whose time is compilation
pytestmark = pytest.mark.usefixtures("compile_quickly")


def gain_of_best_free_rider(problem, plan, i):
    samples, costs = np.asarray(plan.samples)[:, 0], np.asarray(problem.costs)[:, 0]
    least, _ = oracle.best_free_rider(samples.sum() - samples[i], costs[i], 1.0)
    return float(plan.penalty[i]) - least


def assert_finds_free_riding(agents, mechanism, seeds):
    problem, plan, machine = different(agents, mechanism, seed=agents, spread=0.3)
    for seed in seeds:
        i = seed % agents
        found = best_response(machine, i, problem, jax.random.key(seed))
        assert float(found.found[0]) == pytest.approx(gain_of_best_free_rider(problem, plan, i), rel=0.01)


@pytest.mark.long
def test_free_riding_is_found():
    assert_finds_free_riding(10, "counted-pool", seeds=(0, 1))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("agents", "mechanism"), [(3, "pool"), (4, "counted-pool"), (6, "pool"), (12, "counted-pool"), (50, "pool")]
)
def test_free_riding_is_found_from_every_seed(agents, mechanism):
    assert_finds_free_riding(agents, mechanism, seeds=range(2, 7))


def assert_finds_wrong_coefficient(agents, factor, seeds, rel):
    problem, plan, machine = equal(agents, "c3d")
    machine = corrupted(machine, factor)
    n_star, total, alpha = (float(value) for value in (plan.samples[0, 0], plan.total[0], machine.alpha[0, 0]))
    least, _ = oracle.best_checked(n_star, total, alpha, 0.01, 1.0)
    gain = oracle.checked_penalty(n_star, n_star, total, alpha, 0.01, 1.0) - least
    for seed in seeds:
        found = best_response(machine, 0, problem, jax.random.key(seed))
        assert abs(float(found.gain[0]) - gain) < rel * gain + float(found.half_width[0])
        assert float(found.found[0]) > 0
        assert float(found.gain[0] - found.half_width[0]) <= gain * (1 + 1e-6)


@pytest.mark.parametrize("factor", [0.5, 2.0])
@pytest.mark.slow
def test_a_wrong_coefficient_is_found(factor):
    assert_finds_wrong_coefficient(10, factor, seeds=(0, 1, 2), rel=0.01)


@pytest.mark.slow
@pytest.mark.parametrize("factor", [0.5, 2.0])
@pytest.mark.parametrize("agents", [5, 20])
def test_a_wrong_coefficient_is_found_from_every_seed(agents, factor):
    assert_finds_wrong_coefficient(agents, factor, seeds=range(5), rel=0.02)


@pytest.mark.slow
def test_permuted_roles_are_found():
    """Rows of a cbl plan dealt to other agents: the gain is what the certified minimum says, agent by agent."""
    problem, _, machine = different(10, spread=0.3, seed=2)
    machine = permuted(machine, np.roll(np.arange(10), 3))
    proven = machine.guarantee(Stakes.of(problem))
    found = best_responses(machine, problem, jax.random.key(1))
    large = np.asarray(proven.regret / proven.promised) > 2e-3
    assert large.sum() >= 3
    np.testing.assert_allclose(
        np.asarray(found.found)[large], np.asarray(proven.regret)[large], rtol=0.02, atol=float(found.half_width.max())
    )
    assert np.all(np.asarray(found.gain - found.half_width) <= np.asarray(proven.regret) + 1e-9)


@pytest.mark.long
@pytest.mark.parametrize("published", [("c3d", 0), ("cbl", 0), ("c3d", 1)], ids=str)
def test_nothing_is_found_in_published_mechanisms(published):
    name, seed = published
    problem, plan, machine = equal(10, "c3d") if name == "c3d" else different(10)
    found = best_responses(machine, problem, jax.random.key(seed))
    assert np.all(np.asarray(found.found) == 0)
    assert np.max(found.half_width / plan.penalty) < 0.005
    assert np.all(np.abs(found.honest - plan.penalty) < 5 * found.honest_error)
    assert np.max(machine.guarantee(Stakes.of(problem)).regret / plan.penalty) < 1e-6


@pytest.mark.slow
def test_the_plain_protocol_is_enough():
    """Without what our mechanisms offer beside it: counted pool, all means drawn, the same gain."""
    problem, plan, machine = equal(4, "counted-pool")
    found = best_response(Hidden(machine), 1, problem, jax.random.key(0))
    assert float(found.found[0]) == pytest.approx(gain_of_best_free_rider(problem, plan, 1), rel=0.01)


@pytest.mark.long
def test_the_same_key_gives_the_same_search():
    problem, _, machine = equal(10, "c3d")
    first, again, other = (best_responses(machine, problem, jax.random.key(k), [2]) for k in (3, 3, 4))
    assert float(first.gain[0]) == float(again.gain[0])
    assert first.family == again.family
    assert float(first.gain[0]) != float(other.gain[0])


@pytest.mark.parametrize("agent", [-1, 5])
def test_agents_must_exist(agent):
    problem, _, machine = equal(5, "c3d")
    with pytest.raises(ProblemError, match="below the number of agents"):
        best_response(machine, agent, problem, jax.random.key(0), QUICK)


@pytest.mark.long
def test_settings_are_told():
    problem, _, machine = equal(10, "c3d")
    found = best_responses(machine, problem, jax.random.key(0), [0], dataclasses.replace(SearchSettings(), batches=4))
    assert "60 + 40 gradient steps" in found.effort
    assert "4 × 16,384 fresh draws" in found.effort


@pytest.mark.parametrize(("gentle", "chosen"), [(0.99905, 0), (0.999005, 1), (0.998, 1)])
def test_of_equally_good_strategies_the_one_that_invents_least_is_returned_and_no_gain_is_hidden(gentle, chosen):
    """The first gains a thousandth with an offset; the second, without one, is as good only within 1 % of that gain."""
    truth = Deviation.truth(jnp.array([4.0]))
    bold = dataclasses.replace(truth, offset=jnp.array([1e4]))
    both = jax.tree.map(lambda *leaves: jnp.stack(leaves), bold, truth)
    assert int(gentlest(jnp.array([0.999, gentle, 1.0]), both)) == chosen


def test_points_that_were_never_collected_are_invented():
    truth = Deviation.truth(jnp.array([4.0]))
    pretends = dataclasses.replace(truth, log_report=jnp.log(jnp.array([3.0])))
    both = jax.tree.map(lambda *leaves: jnp.stack(leaves), pretends, truth)
    assert int(gentlest(jnp.array([0.5, 0.5, 1.0]), both)) == 1

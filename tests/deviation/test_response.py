"""The search is a pure function: batches are loops, problems and mechanisms are batched, names come afterwards."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxmech as jm
from jaxmech import collaboration, deviation
from jaxmech.deviation._families import sketches, spread_sketches, starts_for
from jaxmech.deviation._pieces import in_pieces
from jaxmech.mechanism import Stakes
from tests.deviation.mechanisms import QUICK, equal

# a program for each size and rule, most of whose time is compilation
pytestmark = pytest.mark.usefixtures("compile_quickly")


def responses(costs):
    """Gains of all agents of a counted pool with these costs, of one program."""
    problem = collaboration.Problem(costs, 1.0)
    samples = jnp.full_like(costs, 4.0)
    machine = collaboration.mechanism(problem, pool(samples))
    return deviation.best_responses(machine, problem, jax.random.key(3), [0, 1], QUICK)


def pool(samples):
    problem = collaboration.Problem([[0.01]] * samples.shape[0], 1.0)
    plan = collaboration.solve(problem, division="social", mechanism="pool").value
    return plan.__class__(**{**vars(plan), "samples": samples})


@pytest.mark.slow
def test_one_program_for_agents_and_problems_finds_what_the_loop_finds():
    costs = jnp.array([[[0.01], [0.02], [0.03]], [[0.02], [0.01], [0.01]]])
    found = jm.batch(responses, costs, chunk=1)
    assert found.gain.shape == (2, 2)
    for i, table in enumerate(costs):
        one = responses(table)
        assert len(jax.tree.map(lambda leaf, i=i: leaf[i], found).family) == 2
        exact = 1 / 12 + 4 * np.asarray(table[:2, 0]) - 1 / 8  # all 12 points at 4 of her own, or 8 points for nothing
        assert np.all(found.gain[i] > 0.9 * exact)
        np.testing.assert_allclose(found.gain[i], one.gain, atol=5e-3)


@pytest.mark.slow
def test_batched_agents_are_those_of_a_loop_under_the_same_numbers():
    problem, _, machine = equal(3, "pool")
    stakes = Stakes.of(problem)
    numbers = deviation.spread_randomness(jax.random.key(0), 1, 1, QUICK)
    run = jax.jit(lambda i: deviation.search(machine, QUICK, stakes, i, numbers))
    together = jax.jit(jax.vmap(lambda i: deviation.search(machine, QUICK, stakes, i, numbers)))(jnp.arange(3))
    for i in range(3):
        for name in ("honest", "penalty", "gain"):
            np.testing.assert_allclose(getattr(together, name)[i], getattr(run(i), name), rtol=1e-6, err_msg=name)


@pytest.mark.parametrize("count", [1, 7, 8, 9])
def test_pieces_are_put_together_in_order(count):
    done = in_pieces(lambda x: x**2, jnp.arange(count), at_once=4)
    assert done.tolist() == [x**2 for x in range(count)]


def test_sketches_are_there_where_a_network_may_move():
    for drawn in (sketches(5, 2), spread_sketches(jax.random.key(0), 2)):
        for name in ("submission", "estimation"):
            moved = [bool(np.any(leaf != 0)) for leaf in getattr(drawn, name).inner]
            assert moved == [name in start.free for start in starts_for(2)]

"""Strategies across distributions: what is submitted on one depends on the others, or all are shifted together."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxmech import audit, collaboration
from jaxmech.deviation import Deviation, SearchSettings, best_response
from jaxmech.deviation._families import families_for, starts_for
from jaxmech.deviation._loss import far_apart
from jaxmech.mechanism import Stakes
from tests.deviation.across import PROBLEM, linked
from tests.oracles import across as oracle

FEW = SearchSettings(
    draws=32, steps=4, polished=1, polish_draws=64, polish_steps=2, scan_draws=512, batches=8, batch=4096
)

# a program for each size and rule, most of whose time is compilation
pytestmark = pytest.mark.usefixtures("compile_quickly")


@pytest.mark.long
def test_opposite_shifts_are_found_where_noise_is_a_product():
    machine, alpha = linked(product=1.0)
    true = oracle.opposite_gain(alpha)
    found = best_response(machine, 0, PROBLEM, jax.random.key(0), FEW)
    assert 0.9 * true < float(found.found[0]) < true + 2 * float(found.half_width[0])
    offset = np.asarray(found.deviation.offset[0])
    assert offset[0] * offset[1] < 0


@pytest.mark.long
def test_a_copied_column_is_found_where_noise_is_a_difference():
    machine, alpha = linked(between=1.0)
    true = oracle.copy_gain(alpha)
    found = best_response(machine, 0, PROBLEM, jax.random.key(0), FEW)
    assert 0.9 * true < float(found.found[0]) < true + 2 * float(found.half_width[0])
    assert "copy a column" in found.family[0]
    np.testing.assert_allclose(audit.parameters(found.deviation, 0)["mix"], [[0, 0], [1, -1]])


def test_nothing_is_found_where_every_distribution_has_its_own_noise():
    found = best_response(linked(product=-1.0)[0], 0, PROBLEM, jax.random.key(0), FEW)
    assert float(found.found[0]) == 0
    assert float(found.half_width[0]) < 0.02 * float(found.honest[0])


@pytest.mark.slow
def test_nothing_is_found_in_cbl_on_two_distributions():
    costs = [[0.01, 0.013], [0.012, 0.011], [0.011, 0.012], [0.013, 0.01], [0.01, 0.01], [0.011, 0.011], [0.012, 0.012]]
    problem = collaboration.Problem(costs, [1.0, 2.0])
    plan = collaboration.solve(problem, division="egalitarian", mechanism="cbl").raise_for_status().value
    found = best_response(collaboration.mechanism(problem, plan), 1, problem, jax.random.key(1), FEW)
    assert float(found.found[0]) == 0


def test_true_means_have_nothing_to_do_with_each_other():
    stakes = Stakes.of(collaboration.Problem([[0.01] * 9] * 2, 1.0))
    means = np.asarray(far_apart(jnp.array([0.0, 3.0]), stakes))
    assert np.all(means[0] == 0)
    assert means[1, 0] == 3
    apart = np.abs(means[1][:, None] - means[1]) + np.eye(9)
    assert np.min(apart) > 0.1
    assert np.all(np.abs(means[1]) >= 3)


def test_a_mixed_submission_is_what_it_says():
    truth = Deviation.truth(jnp.array([4.0, 9.0]))
    mixed = dataclasses.replace(truth, mix=jnp.array([[0.0, 0.5], [1.0, -1.0]]))
    told = mixed.submit(jnp.array([2.0, 6.0]), jnp.zeros(2), jnp.ones(2))
    assert told.mean.tolist() == [[5.0, 2.0]]


def test_one_distribution_is_searched_as_before():
    assert len(starts_for(1)) == 55
    assert set(families_for(2)) - set(families_for(1)) == {"opposite shifts", "mix columns"}

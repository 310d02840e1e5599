"""Verdicts on what was found, made by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxmech.audit import Examination
from jaxmech.audit._claims import Judge
from jaxmech.deviation import Deviation

BOUND = np.array([0.03, 0.12])


def judged(found, half_width=0.001):
    two = np.ones(2)
    truth = jax.tree.map(lambda leaf: jnp.stack([leaf, leaf]), Deviation.truth(jnp.ones(1)))
    record = Examination(
        agents=("a", "b"), examined=(0, 1), promised=two, certain=True, honest=two, honest_error=0 * two, alone=2 * two,
        found=np.asarray(found), bound=BOUND, half_width=half_width * two, standard_error=0 * two,
        family=("other amount",) * 2, deviation=truth, audits=(), effort="by hand",
    )  # fmt: skip
    return Judge(record, np.dtype(float), frozenset(), approximate=True).incentive_compatible()


@pytest.mark.parametrize("found", [[0.0, 0.0], [0.03, 0.12], [0.0305, 0.1205]])
def test_gains_within_what_is_proven_for_each_are_no_broken_claim(found):
    record = judged(found)
    assert record.holds
    assert record.known == "proven"  # by the bounds, whatever was found within them
    assert record.tolerance == BOUND.max()


def test_a_gain_beyond_ones_own_bound_breaks_it_though_others_are_allowed_more():
    record = judged([0.08, 0.0])
    assert not record.holds
    assert record.witness.startswith("a would save 0.08")
    assert record.margin == pytest.approx(-0.17)
    assert not judged([0.0, 0.13]).holds


def test_what_was_found_is_searched_and_what_is_bounded_proven():
    assert (judged([0.08, 0.0]).known, judged([0.0, 0.0]).known) == ("searched", "proven")


def test_members_are_those_of_other_audits():
    record = Examination(
        ("a", "b", "c"), (2,), np.ones(1), True, *(np.zeros(1) for _ in range(7)), ("other amount",),
        jax.tree.map(lambda leaf: leaf[None], Deviation.truth(jnp.ones(1))), (), "",
    )  # fmt: skip
    assert record.names == ("c",)
    assert record.stake is record.promised
    assert record.told == ("other amount (collects 1, submits 1 points)",)

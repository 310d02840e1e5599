"""The shared vocabulary: ragged data, estimates, transformations."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxmech import ProblemError
from jaxmech.mechanism import SEARCHED, Audit, Information, Mechanism, Stakes, Strategy, Submission, secret_key
from jaxmech.mechanism._known import KNOWN, usually_known


def test_ragged_data_become_a_masked_array():
    data = Submission.from_ragged([[[1.0, 3.0], []], [[-2.0], [4.0, 5.0, 9.0]]])
    assert data.values.shape == (2, 2, 3)
    assert data.count.tolist() == [[2.0, 0.0], [1.0, 3.0]]
    assert data.mean.tolist() == [[2.0, 0.0], [-2.0, 6.0]]


def test_nobody_submits_anything():
    data = Submission.from_ragged([[[]], [[]]])
    assert data.values.shape == (2, 1, 1)
    assert data.count.tolist() == [[0.0], [0.0]]


@pytest.mark.parametrize("data", [[[[1.0]], [[1.0], [2.0]]], [[], []]])
def test_agents_need_one_list_per_distribution(data):
    with pytest.raises(ProblemError, match="one list per distribution"):
        Submission.from_ragged(data)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_points_must_be_finite(bad):
    with pytest.raises(ProblemError, match=r"data\[1\]\[0\]"):
        Submission.from_ragged([[[1.0]], [[2.0, bad]]])


def test_what_lies_outside_the_mask_is_ignored():
    data = Submission(jnp.array([[[1.0, jnp.nan]]]), jnp.array([[[True, False]]]))
    assert float(data.mean[0, 0]) == 1.0


def test_estimate_is_the_precision_weighted_mean():
    one = jnp.ones((1, 1))
    information = Information(2 * one, 5 * one, 3 * one, 8 * one, 6 * one)
    assert float(information.estimate(jnp.full(1, 2.0))[0, 0]) == pytest.approx((1.0 * 5 + 0.5 * 8) / 1.5)
    silent = Information(0 * one, 0 * one, 0 * one, 0 * one, one)
    assert np.isnan(silent.estimate(jnp.ones(1))[0, 0])
    infinite_noise = Information(one, 5 * one, 0 * one, 0 * one, jnp.inf * one)
    assert float(infinite_noise.estimate(jnp.ones(1))[0, 0]) == 5.0


def test_records_can_be_batched():
    many = jax.vmap(Strategy)(jnp.ones((4, 3, 2)))
    assert many.samples.shape == (4, 3, 2)
    paths = [jax.tree_util.keystr(path) for path, _ in jax.tree_util.tree_leaves_with_path(many)]
    assert paths == [".samples"]


def test_a_users_class_is_a_mechanism_if_it_has_the_two_members():
    class Mine:
        recommended = Strategy(jnp.ones((1, 1)))

        def respond(self, submission, key):
            raise NotImplementedError

    assert isinstance(Mine(), Mechanism)
    assert not isinstance(object(), Mechanism)


def test_audits_are_claims_unless_told_otherwise():
    assert Audit("individually rational", True, 0.1, 1e-6, "nobody", "a formula").claimed


def test_secret_keys_are_keys_and_differ():
    first, second = secret_key(), secret_key()
    assert first.dtype == jax.random.key(0).dtype
    assert first.shape == ()
    assert not np.array_equal(jax.random.key_data(first), jax.random.key_data(second))
    assert np.isfinite(jax.random.normal(first))
    with jax.enable_x64(False):
        assert secret_key().dtype == first.dtype


def test_alone_in_whole_points_is_the_best_whole_number():
    rng = np.random.default_rng(3)
    costs, sigma, price = rng.uniform(0.05, 3, (6, 4)), rng.uniform(0.3, 4, 4), rng.uniform(0, 2, 4)
    costs[0, 1], price[2] = np.inf, 0.0
    n = np.arange(1, 400)[:, None, None]
    paid = np.where(price > 0, (price * sigma**2 / n + costs * n), 0.0).min(axis=0).sum(axis=-1)
    stakes = Stakes(jnp.asarray(costs), jnp.asarray(sigma), jnp.asarray(price))
    np.testing.assert_allclose(stakes.alone_in_whole_points(), paid, rtol=1e-14)
    assert np.isinf(paid[0])
    assert np.all(np.asarray(stakes.alone) <= paid)


def test_how_a_claim_is_known_is_known_of_its_name_unless_a_record_says_otherwise():
    for start, word in KNOWN.items():
        assert usually_known(f"{start} …") == word, f"{start!r} stands below a shorter beginning"
    told = Audit.judged("Nash incentive compatible", 0.0, 0.0, "agent 1", "tried")
    assert (told.known, Audit.judged("of her own", 0.0, 0.0, "agent 1", "tried").known) == ("proven", "")
    assert Audit.judged("Nash incentive compatible", 0.0, 0.0, "agent 1", "tried", known=SEARCHED).known == "searched"
    # that she could save at most 1 % is no proof that she can
    assert Audit.judged("Nash incentive compatible", -0.01, 0.0, "agent 1", "a bound").known == "computed"

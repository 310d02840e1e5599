"""Mechanisms that cannot be right are refused in one clear line."""

import dataclasses
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxmech
from jaxmech import ProblemError, collaboration
from jaxmech.deviation import check_mechanism, inspect_mechanism, noise_is_known
from jaxmech.deviation._loss import senders
from jaxmech.mechanism import Statistics
from tests.deviation.mechanisms import Naive, equal

PROBLEM = collaboration.Problem([[0.01, 0.02]] * 4, 1.0)
SAMPLES = np.full((4, 2), 5.0)


class Changed(Naive):
    """The naive mechanism, with one field of its answer replaced."""

    def __init__(self, change):
        super().__init__(SAMPLES, 1.0)
        self.change = change

    def respond(self, submission, key):
        answer = super().respond(submission, key)
        return SimpleNamespace(**{**vars(answer), **self.change(answer, submission)})


class Unfit(Naive):
    """What people write who have not used JAX: each of these works on plain numbers."""

    def __init__(self, way):
        super().__init__(SAMPLES, 1.0)
        self.way = way

    def respond(self, submission, key):
        return SimpleNamespace(**{**vars(super().respond(submission, key)), **self.way(submission)})


class Points(Naive):
    """Reads the data sets themselves."""

    def respond(self, submission, key):
        count = jnp.sum(submission.mask, axis=-1).astype(float)
        total = jnp.sum(jnp.where(submission.mask, submission.values, 0.0), axis=-1)
        return super().respond(Statistics(count, total / jnp.maximum(count, 1)), key)


class Shrunk(Points):
    """The same, believing in means near 0."""

    def respond(self, submission, key):
        answer = super().respond(submission, key)
        return dataclasses.replace(answer, noisy_mean=0.9 * answer.noisy_mean)


class Neither(Naive):
    """Reads what is neither."""

    def respond(self, submission, key):
        return super().respond(submission.values.count, key)


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        (lambda a, s: {"clean_mean": jnp.full_like(a.clean_mean, 3.0)}, "knows the true mean from elsewhere"),
        (lambda a, s: {"clean_mean": 0.9 * a.clean_mean + 0.3}, "moved by 7.2 where all data moved by 8, not by 8"),
        (lambda a, s: {"noisy_count": a.noisy_count + 100}, "nobody submitted anything"),
        (lambda a, s: {"payment": -jnp.abs(s.mean[:, 0] - 3.0)}, "payment.*knows the true mean"),
        (lambda a, s: {"clean_mean": a.clean_mean[:, :1]}, r"clean_mean = \(4, 1\): must be .* = \(4, 2\)"),
        (lambda a, s: {"payment": a.clean_mean}, r"payment = \(4, 2\): must be \(agents,\) = \(4,\)"),
        (lambda a, s: {"noisy_mean": a.noisy_mean * jnp.nan}, r"noisy_mean\[0\]\[0\] = nan: must be finite"),
        (lambda a, s: {"clean_count": -a.clean_count}, "must be 0 or more"),
    ],
)
def test_answers_that_cannot_be_right(change, rule):
    with pytest.raises(ProblemError, match=rule) as caught:
        inspect_mechanism(Changed(change), PROBLEM)
    assert "\n" not in str(caught.value)


UNFIT = {
    "float32": (
        lambda s: {"clean_mean": s.mean.astype("float32")},
        "clean_mean = 'float32': answers in float32: must be float64",
    ),
    "hidden float32": (
        lambda s: {"clean_mean": s.mean.astype("float32").astype(float)},
        "about seven digits only: something in respond is computed in float32",
    ),
    "if": (lambda s: {"payment": 1.0 if s.count[0, 0] > 3 else 0.0}, "uses `if`.*use jnp.where"),
    "numpy": (lambda s: {"clean_mean": np.asarray(s.mean)}, "uses NumPy.*use jax.numpy"),
    "float": (lambda s: {"payment": jnp.full(4, float(s.count[0, 0]))}, "Python number.*leave it an array"),
    "mask": (lambda s: {"payment": s.count[s.count > 3]}, "selects entries by a mask.*jnp.where"),
    "range": (lambda s: {"payment": jnp.zeros([4, 5][s.count[0, 0].astype(int)])}, "index or a length"),
    "mistake": (lambda s: {"payment": {}["price"]}, "KeyError: 'price'"),
    "negative variance": (
        lambda s: {"noisy_variance": -1 - s.count},
        r"noisy_variance\[0\]\[0\] = -6.0: must be positive",
    ),
    "complex": (lambda s: {"clean_mean": s.mean + 0j}, "must be real numbers"),
    "text": (lambda s: {"clean_mean": "none"}, "TypeError"),
    "negative far away": (
        lambda s: {"noisy_variance": jnp.where(s.count > 100, -1.0, 1.0)},
        "must be positive where agent 1 submits 100 times",
    ),
}


@pytest.mark.parametrize("case", UNFIT)
def test_code_that_does_not_fit_is_told_what_is_wrong_with_it(case):
    way, rule = UNFIT[case]
    with pytest.raises(ProblemError, match=rule) as caught:
        inspect_mechanism(Unfit(way), PROBLEM)
    assert "\n" not in str(caught.value)
    assert "true mean" not in str(caught.value)


@pytest.mark.parametrize("given", [SAMPLES.tolist(), SAMPLES, None], ids=["list", "array", "nothing"])
def test_recommended_is_a_strategy(given):
    machine = Naive(SAMPLES, 1.0)
    machine.recommended = given
    with pytest.raises(ProblemError, match=r"must be a Strategy.*mechanism.Strategy\("):
        inspect_mechanism(machine, PROBLEM)


def test_samples_may_be_a_list():
    machine = Naive(SAMPLES, 1.0)
    machine.recommended = SimpleNamespace(samples=SAMPLES.tolist())
    inspect_mechanism(machine, PROBLEM)
    assert senders(machine) == 4


def test_noise_that_needs_no_key_is_known():
    class Keyless(Naive):
        def respond(self, submission, key):
            return super().respond(submission, jax.random.key(7))

    assert noise_is_known(Keyless(SAMPLES, 1.0), PROBLEM)
    assert not noise_is_known(Naive(SAMPLES, 1.0), PROBLEM)
    assert not noise_is_known(Naive(SAMPLES, 0.0), PROBLEM)  # no noise, nothing to know


def test_a_mechanism_reads_counts_and_means_or_data_sets():
    with pytest.raises(ProblemError, match=r"reading nothing but count and mean, or Submission\(values, mask\)"):
        inspect_mechanism(Neither(SAMPLES, 1.0), PROBLEM)
    inspect_mechanism(Points(SAMPLES, 1.0), PROBLEM)
    with pytest.raises(ProblemError, match="knows the true mean from elsewhere"):
        inspect_mechanism(Shrunk(SAMPLES, 1.0), PROBLEM)
    assert not noise_is_known(Points(SAMPLES, 1.0), PROBLEM)


@pytest.mark.parametrize(
    ("samples", "rule"),
    [
        (SAMPLES[:3], r"must have the shape of the costs, \(4, 2\)"),
        (-SAMPLES, r"samples\[0\]\[0\] = -5.0: must be 0 or more"),
        (SAMPLES * np.nan, "must be 0 or more, and finite"),
    ],
)
def test_recommendations_must_make_sense(samples, rule):
    with pytest.raises(ProblemError, match=rule):
        inspect_mechanism(Naive(samples, 1.0), PROBLEM)


def test_nobody_is_asked_for_what_she_cannot_sample():
    costs = np.array(PROBLEM.costs)
    costs[1, 1] = np.inf
    with pytest.raises(ProblemError, match=r"samples\[1\]\[1\] = 5.0: must be 0"):
        inspect_mechanism(Naive(SAMPLES, 1.0), collaboration.Problem(costs, 1.0))


def test_what_is_no_mechanism():
    with pytest.raises(ProblemError, match="must have recommended"):
        inspect_mechanism(object(), PROBLEM)
    with pytest.raises(ProblemError, match="must have price"):
        inspect_mechanism(Naive(SAMPLES, 1.0), dataclasses.make_dataclass("Bad", ["costs", "sigma"])(1, 2))


@pytest.mark.parametrize("mechanism", collaboration.MECHANISMS)
def test_published_mechanisms_pass(mechanism):
    problem, _, machine = equal(6, mechanism)
    inspect_mechanism(machine, problem)
    inspect_mechanism(Naive(SAMPLES, 1.0), PROBLEM)


class Remembering(Naive):
    """A mechanism with a memory, in one of the ways in which people give it one."""

    def __init__(self, way):
        super().__init__(SAMPLES, 1.0)
        self.way, self.calls, self.last = way, 0, jnp.zeros_like(jnp.asarray(SAMPLES))

    def respond(self, submission, key):
        answer = super().respond(submission, key)
        if self.way == "last":
            answer = SimpleNamespace(**{**vars(answer), "noisy_mean": answer.noisy_mean + 0 * self.last})
            self.last = submission.mean
        else:
            self.calls += 1
        return answer


@pytest.mark.parametrize("way", ["calls", "last"])
def test_a_state_is_called_a_state(way):
    with pytest.raises(ProblemError, match=f"mechanism.{way} = .*must have no state"):
        inspect_mechanism(Remembering(way), PROBLEM)


class Counting(Naive):
    """Counts its calls where nobody looks, so that the same key does not give the same answer."""

    def __init__(self):
        super().__init__(SAMPLES, 1.0)
        self.calls = []

    def respond(self, submission, key):
        self.calls.append(key)
        answer = super().respond(submission, key)
        return SimpleNamespace(**{**vars(answer), "noisy_variance": answer.noisy_variance + len(self.calls)})


def test_checks_pass_for_a_mechanism_that_keeps_to_the_protocol():
    assert len(check_mechanism(Naive(SAMPLES, 1.0), PROBLEM)) == 5
    assert jaxmech.check_mechanism is check_mechanism


def test_an_answer_that_changes_by_itself_is_refused():
    with pytest.raises(ProblemError, match=r"twice = .*same submission and key"):
        check_mechanism(Counting(), PROBLEM)

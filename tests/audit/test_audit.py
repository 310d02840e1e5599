"""Verdicts between what a search finds and what is proven."""

import dataclasses

import jax
import numpy as np
import pytest

from jaxmech import ProblemError, audit, collaboration
from jaxmech.mechanism import Stakes
from tests.deviation.mechanisms import QUICK, Naive, corrupted, equal

pytestmark = pytest.mark.usefixtures("compile_quickly")


def by_claim(records):
    return {record.claim: record for record in records}


@pytest.mark.long
def test_published_mechanism_is_proven_and_nothing_is_found():
    problem, plan, machine = equal(10, "c3d")
    found = audit.examine(
        machine, problem, jax.random.key(0), claims=audit.CLAIMS, target=audit.Target(1.0, 9.0, "one")
    )
    records = by_claim(found.audits)
    assert set(records) == set(audit.CLAIMS)
    assert all(record.holds and record.claimed for record in found.audits)
    assert found.proven
    assert np.all(found.found == 0)
    assert np.all(found.bound < 1e-6 * found.promised)
    assert np.all(found.half_width < 0.005 * found.promised)
    assert "proven bound" in records[audit.NASH].effort
    assert records[audit.RATIONAL].margin == pytest.approx(float(np.min(1 - plan.penalty / Stakes.of(problem).alone)))
    assert records[audit.EFFICIENT].margin == pytest.approx(1 - float(plan.social_penalty) / 9)


def test_a_wrong_coefficient_fails_with_a_witness():
    problem, _, machine = equal(10, "c3d")
    machine = corrupted(machine, 0.5)
    record = by_claim(audit.audit(machine, problem, jax.random.key(0), agents=[3]))[audit.NASH]
    assert not record.holds
    assert record.claimed
    assert record.margin == pytest.approx(-0.0396, rel=0.02)
    assert "agent 4 would save" in record.witness
    assert "collects" in record.witness


@pytest.mark.slow
def test_pools_fail_and_facts_come_last():
    problem, plan, machine = equal(10, "pool")
    names = ("A", "B", "C", "D", "E", "F", "G", "H", "I", "J")
    named = collaboration.Problem(problem.costs, 1.0, agents=names)
    found = audit.examine(machine, named, jax.random.key(1), claims=(audit.RATIONAL,), agents=[1, 4])
    assert found.examined == (1, 4)
    assert found.agents == names
    assert [record.claimed for record in found.audits] == sorted(
        (record.claimed for record in found.audits), reverse=True
    )
    record = by_claim(found.audits)[audit.NASH]
    assert not record.claimed
    assert record.margin == pytest.approx(-4 / 9, rel=0.01)
    assert audit.EFFICIENT not in by_claim(found.audits)  # not everybody was examined
    np.testing.assert_allclose(found.promised, plan.penalty[:2])
    numbers = audit.parameters(found.deviation, 0)
    assert numbers["samples"][0] < 0.01


@pytest.mark.long
def test_a_users_mechanism_has_no_bound_and_its_flaw_is_found():
    """Twenty lines of a user: noise by the discrepancy, but too little of it."""
    problem = collaboration.Problem([[0.01]] * 4, 1.0)
    machine = Naive(np.full((4, 1), 5.0), 0.1)
    found = audit.examine(machine, problem, jax.random.key(0), settings=dataclasses.replace(QUICK, steps=12, draws=64))
    assert not found.certain
    assert not found.proven
    assert np.all(np.isinf(found.bound))
    records = by_claim(found.audits)
    assert audit.PROMISED not in records
    assert not records[audit.NASH].holds
    # Honest agents know about all 20 points, and alone would collect 10.
    np.testing.assert_allclose(found.honest, 1 / 20 + 0.05, rtol=0.1)
    assert records[audit.RATIONAL].holds
    assert "simulated" in records[audit.RATIONAL].effort


@pytest.mark.slow
def test_without_a_bound_a_clean_search_says_that_it_is_only_a_search():
    """Everybody keeps to herself: nothing to be gained beyond the confidence interval, but nothing proven either."""

    class Alone(Naive):
        def respond(self, submission, key):
            answer = super().respond(submission, key)
            return dataclasses.replace(answer, noisy_count=0 * answer.noisy_count)

    problem = collaboration.Problem([[0.01]] * 3, 1.0)
    machine = Alone(np.full((3, 1), 10.0), 1.0)
    settings = dataclasses.replace(QUICK, batch=512)
    record = by_claim(audit.audit(machine, problem, jax.random.key(0), agents=[0], settings=settings))[audit.NASH]
    assert record.holds
    assert record.margin == 0
    assert "search only" in record.effort
    assert "nothing proven" in record.witness


@pytest.mark.long
def test_noise_that_depends_on_no_key_is_told_as_a_fact():
    problem = collaboration.Problem([[0.01]] * 4, 1.0)
    records = audit.audit(_Keyless(np.full((4, 1), 5.0), 1.0), problem, agents=[0], settings=QUICK)
    record = by_claim(records)[audit.SECRET]
    assert not record.holds
    assert not record.claimed
    assert "subtracts the noise" in record.witness
    with pytest.raises(ProblemError, match="claims"):
        audit.audit(_Keyless(np.full((4, 1), 5.0), 1.0), problem, claims=(audit.SECRET,))


def test_unknown_claims_and_agents_are_refused():
    problem, _, machine = equal(10, "pool")
    with pytest.raises(ProblemError, match="did you mean"):
        audit.audit(machine, problem, claims=("Nash incentive compatibel",))
    with pytest.raises(ProblemError, match="at least one"):
        audit.audit(machine, problem, agents=[])
    with pytest.raises(ProblemError, match="knows the true mean"):
        audit.audit(_Peeking(np.full((10, 1), 3.0), 1.0), problem)


class _Keyless(Naive):
    def respond(self, submission, key):
        return super().respond(submission, jax.random.key(1))


class _Peeking(Naive):
    def respond(self, submission, key):
        answer = super().respond(submission, key)
        return dataclasses.replace(answer, clean_mean=0 * answer.clean_mean + 2.0)

"""Counts and means of sites in, what each gets back out; and what a rule of agreement loses to honest ones."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxmech import ProblemError, audit, collaboration, federated
from jaxmech.collaboration import Problem
from jaxmech.deviation import SearchSettings, check_mechanism
from jaxmech.mechanism import Statistics, Submission

pytestmark = pytest.mark.usefixtures("compile_quickly")

SITES = ("Ashford", "Birchwood", "Calder", "Dunmore")
PROBLEM = Problem([[0.01]] * 4, 1.0, agents=SITES, distributions=["glucose"])
ASKED = jnp.full((4, 1), 5.0)


@pytest.fixture(scope="module")
def pool():
    plan = collaboration.pool_plan(PROBLEM, ASKED).value
    return federated.Operator(PROBLEM, collaboration.mechanism(PROBLEM, plan))


def points(seed=0):
    draw = np.random.default_rng(seed)
    return {site: {"glucose": draw.normal(7.0, 1.0, 5 + i)} for i, site in enumerate(SITES)}


def test_reports_give_what_the_points_would(pool):
    """No point moves, and the answer is that of all points together."""
    data = points()
    everything = np.concatenate([data[site]["glucose"] for site in SITES])
    found = pool.answer({site: federated.summarise(data[site]) for site in SITES})
    for site in SITES:
        told = found[site]["glucose"]
        assert told.estimate == pytest.approx(everything.mean())
        assert told.standard_error == pytest.approx(1 / np.sqrt(len(everything)))
        assert told.clean_count == len(everything)


def test_statistics_are_those_of_data_sets(pool):
    data = points(1)
    submission = Submission.from_ragged([[data[site]["glucose"]] for site in SITES])
    found = pool.statistics({site: federated.summarise(data[site]) for site in SITES})
    for part in ("count", "mean", "variance"):
        np.testing.assert_allclose(getattr(found, part), getattr(submission.statistics, part), rtol=1e-12)


def test_sites_who_report_nothing_have_no_points_and_variances_may_be_left_out(pool):
    found = pool.statistics({"Calder": {"glucose": {"count": 3, "mean": 1.0}}, "Ashford": {}})
    assert np.asarray(found.count)[:, 0].tolist() == [0, 0, 3, 0]
    assert found.variance is None
    assert np.isnan(pool.answer({})["Ashford"]["glucose"].estimate)


def whole_plan(problem, mechanism):
    return collaboration.integer_plan(problem, collaboration.solve(problem, mechanism=mechanism).value).plan


def test_who_delivers_what_she_was_asked_for_is_paid_for_it():
    equals = Problem([[0.01]] * 10, 1.0)
    operator = federated.Operator(equals, collaboration.mechanism(equals, whole_plan(equals, "counted-pool")))
    asked = operator.asked()
    reports = {site: {name: {"count": n, "mean": 2.0} for name, n in asked[site].items()} for site in operator.sites}
    total = sum(n for wanted in asked.values() for n in wanted.values())
    for returned in operator.answer(reports).values():
        assert returned["distribution 1"].clean_count == total
        assert returned["distribution 1"].estimate == pytest.approx(2.0)


def test_fractions_of_points_and_sites_that_differ_are_refused():
    equals = Problem([[0.01]] * 10, 1.0)
    plan = collaboration.solve(equals, mechanism="counted-pool").value
    with pytest.raises(ProblemError, match="must be whole: carry out integer_plan"):
        federated.Operator(equals, collaboration.mechanism(equals, plan))
    differ = Problem([[0.01], [0.01]], [[1.0], [2.0]])
    plan = collaboration.solve(differ, mechanism="pool").value
    with pytest.raises(ProblemError, match="must be one number per distribution"):
        federated.Operator(differ, collaboration.mechanism(differ, plan))


def test_everybody_is_asked_for_whole_points(pool):
    assert pool.asked() == {site: {"glucose": 5} for site in SITES}


def test_checked_sites_get_noise_by_the_key_alone():
    equals = Problem([[0.01]] * 10, 1.0)
    operator = federated.Operator(equals, collaboration.mechanism(equals, whole_plan(equals, "c3d")))
    reports = {name: {operator.distributions[0]: {"count": 3, "mean": float(i)}} for i, name in
               enumerate(operator.sites)}  # fmt: skip
    one, same, other = (operator.answer(reports, jax.random.key(seed)) for seed in (0, 0, 1))
    assert one == same
    assert one != other
    assert operator.answer(reports) != operator.answer(reports)


@pytest.mark.parametrize(("reports", "message"), [
    ({"Ashfort": {}}, r"site = 'Ashfort': must be one of .* did you mean \"Ashford\""),
    ({"Ashford": 5}, r"reports\[Ashford\] = 5: must be a dictionary"),
    ({"Ashford": {"glucose": 3}}, r"reports\[Ashford\]\[glucose\] = 3: must be a dictionary"),
    ({"Ashford": {"glucos": {}}}, r"reports\[Ashford\] = 'glucos': must be one of glucose"),
    ({"Ashford": {"glucose": {"count": 2}}}, r"reports\[Ashford\]\[glucose\] = .*must have a mean"),
    ({"Ashford": {"glucose": {"count": 2.5, "mean": 1.0}}}, r"\[count\] = 2.5: must be whole"),
    ({"Ashford": {"glucose": {"count": -1, "mean": 1.0}}}, r"\[count\] = -1: must be 0 or more"),
    ({"Ashford": {"glucose": {"count": 2, "mean": float("nan")}}}, r"\[mean\] = nan: must be a finite number"),
    ({"Ashford": {"glucose": {"count": 2, "mean": "6"}}}, r"\[mean\] = '6': must be a finite number"),
    ({"Ashford": {"glucose": {"count": 2, "mean": 1.0, "var": 2}}}, r"= 'var': must be one of count, mean, variance"),
], ids=range(10))  # fmt: skip
def test_what_is_wrong_is_told_in_one_line(pool, reports, message):
    with pytest.raises(ProblemError, match=message) as refused:
        pool.answer(reports)
    assert "\n" not in str(refused.value)


def test_points_that_are_no_numbers():
    with pytest.raises(ProblemError, match=r"points\[x\]\[1\] = nan"):
        federated.summarise({"x": [1.0, float("nan")]})
    assert federated.summarise({"x": []}) == {"x": {"count": 0.0, "mean": 0.0, "variance": 0.0}}


class TestAgreement:
    rule = federated.PeerWeighted(ASKED, jnp.array([1.0]))

    def test_weights_against_a_loop(self):
        draw = np.random.default_rng(3)
        count, mean = draw.integers(0, 6, (5, 2)).astype(float), draw.normal(size=(5, 2))
        found = federated.agreement_weights(jnp.asarray(count), jnp.asarray(mean), jnp.array([1.0, 4.0]), 2.0)
        for i in range(5):
            for k, variance in enumerate((1.0, 4.0)):
                n, peers = count[i, k], count[:, k].sum() - count[i, k]
                if n == 0 or peers == 0:
                    expected = float(n > 0)
                else:
                    theirs = ((count * mean)[:, k].sum() - n * mean[i, k]) / peers
                    distance = (mean[i, k] - theirs) ** 2 / (variance / n + variance / peers)
                    expected = 1 / (1 + distance / 2.0)
                assert float(found[i, k]) == pytest.approx(expected, rel=1e-12)

    def test_is_pooling_where_everything_is_tolerated(self):
        count, mean = jnp.array([[2.0], [3.0]]), jnp.array([[1.0], [4.0]])
        pooled, effective = federated.agreed_mean(count, mean, jnp.array([1.0]), 1e12)
        assert float(pooled[0]) == pytest.approx((2 + 12) / 5)
        assert float(effective[0]) == pytest.approx(5)

    def test_keeps_to_the_protocol(self):
        assert check_mechanism(self.rule, PROBLEM)

    def test_honest_sites_are_worse_off_than_with_a_plain_mean(self):
        """Weights that depend on the data add error: what damping costs where nobody errs."""
        draws = 40_000
        means = jax.random.normal(jax.random.key(0), (draws, 4, 1)) / jnp.sqrt(5.0)

        def error(count, mean):
            return federated.agreed_mean(count, mean, jnp.array([1.0]))[0][0] ** 2

        errors = jax.jit(jax.vmap(error, in_axes=(None, 0)))
        found = np.asarray(errors(ASKED, means))
        nothing = np.asarray(errors(ASKED.at[0].set(0.0), means))
        assert 1 - nothing.mean() / (found.mean() + 0.05) == pytest.approx(0.29, abs=0.015)  # 5 points at 0.01
        plain = np.asarray(means.mean(axis=1)[:, 0] ** 2)
        apart = found - plain
        assert apart.mean() > 5 * apart.std() / np.sqrt(draws)
        assert found.mean() / plain.mean() == pytest.approx(1.08, abs=0.01)  # as the guide says

    def test_who_hands_in_nothing_gets_as_much(self):
        count = ASKED.at[0].set(0.0)
        told = self.rule.respond(Statistics(count, jnp.ones((4, 1))), jax.random.key(0))
        assert float(told.clean_count[0, 0]) == float(told.clean_count[1, 0]) == pytest.approx(15)


@pytest.mark.slow
def test_the_audit_finds_that_agreement_pays_free_riders():
    """At the optimum of pooling everybody would save by measuring nothing; the checked rule leaves nothing to find."""
    lean = SearchSettings(draws=64, steps=20, polished=1, polish_draws=512, polish_steps=10, scan_draws=128, batch=4096)
    rule = federated.PeerWeighted(ASKED, jnp.array([1.0]))
    found = audit.examine(rule, PROBLEM, agents=[0], settings=lean)
    record = next(one for one in found.audits if one.claim == audit.NASH)
    assert record.holds is False
    share = found.found[0] / found.stake[0]
    assert share == pytest.approx(0.354, abs=0.01)  # as the guide says: more than measuring nothing brings
    assert share < 1 - (1 / 15) / found.stake[0] + 0.01  # what the plain mean of the others would save

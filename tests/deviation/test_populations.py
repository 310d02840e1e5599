"""Laws by name, and what all agents of a mechanism could gain on one."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats

from jaxmech import ProblemError, collaboration
from jaxmech.deviation import LAWS, Empirical, Laplace, Normal, moments, population, robustness, robustness_of_all
from tests.deviation.mechanisms import Hidden, equal

KEY = jax.random.key(4)
ASKED = {
    "normal": scipy.stats.norm(),
    "laplace": scipy.stats.laplace(scale=0.5**0.5),
    "student-t": scipy.stats.t(3, scale=(1 / 3) ** 0.5),
    "student-t:9": scipy.stats.t(9, scale=(7 / 9) ** 0.5),
    "lognormal:0.5": scipy.stats.lognorm(0.5),
}


@pytest.mark.parametrize("name", ASKED)
def test_laws_by_name_are_scipys_standardised(name):
    people, law = population(name, [2.0]), ASKED[name]
    drawn = np.asarray(people.sample(KEY, (20_000,)))[:, 0] / 2
    assert scipy.stats.kstest(drawn * law.std() + law.mean(), law.cdf).pvalue > 1e-5
    assert people.sigma.tolist() == [2.0]
    assert people.mean.tolist() == [0.0]
    if name != "student-t":
        np.testing.assert_allclose(moments(people), law.stats("sk"), rtol=1e-9, atol=1e-12)


def test_heavy_tails_have_no_kurtosis_and_measurements_are_no_law():
    assert moments(population("student-t:3", 1.0)) == (0.0, np.inf)
    with pytest.raises(ProblemError, match="must be of one of the laws"):
        moments(Empirical.of([[0.0], [1.0]] * 4))


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("student-t:2", "variance is infinite"),
        ("student-t:1", "variance is infinite"),
        ("student-t:", "finite number after the colon"),
        ("student-t:inf", "finite number after the colon"),
        ("lognormal:0", "above 0 and at most 3"),
        ("lognormal:4", "above 0 and at most 3"),
        ("laplace:1", "takes no parameter"),
        ("studentt:3", 'did you mean "student-t"'),
        ("", "must name one of normal"),
    ],
)
def test_unknown_laws_and_parameters_are_refused(name, rule):
    with pytest.raises(ProblemError, match=rule) as caught:
        population(name, 1.0)
    assert "\n" not in str(caught.value)
    assert LAWS[0] == "normal"


@pytest.mark.long
def test_who_is_alike_is_measured_once_and_who_is_not_is_not():
    problem = collaboration.Problem([[0.01]] * 3 + [[0.02]] * 2, 1.0)
    plan = collaboration.solve(problem, division="social", mechanism="pool").value
    pool = collaboration.mechanism(problem, collaboration.integer_plan(problem, plan).plan)
    found = robustness_of_all(pool, problem, population("laplace", 1.0), KEY, 64)
    assert found[3] is found[4]
    assert found[0] is not found[3]
    assert len(robustness_of_all(pool, problem, population("laplace", 1.0), KEY, 64, [4, 3])) == 2


@pytest.mark.long
@pytest.mark.parametrize("sigma", [1.0, 2.0])
def test_in_a_pool_only_the_variance_matters(sigma):
    """Everybody pays σ²/T + c n, and most is gained by who stops collecting as far as is tried, at half of n."""
    problem, plan, _ = equal(4, "pool")
    plan = collaboration.integer_plan(problem, plan).plan
    found = robustness(collaboration.mechanism(problem, plan), problem, population("lognormal", sigma), 0, KEY, 4096)
    n, total = float(plan.samples[0, 0]), float(plan.total[0])
    assert abs(found.honest - (sigma**2 / total + 0.01 * n)) < 5 * found.honest_error + 1e-9
    half = np.round(n / 2)
    gain = (sigma**2 / total + 0.01 * n) - (sigma**2 / (total - n + half) + 0.01 * half)
    if sigma == 1.0:
        assert abs(found.regret - gain) < 5 * found.regret_error + 1e-9
        assert found.found == found.regret


@pytest.mark.long
@pytest.mark.parametrize("name", ["student-t:3", "lognormal:1"])
def test_the_published_rule_leaves_much_to_gain_on_heavy_tails(name):
    """20 agents who are asked for 5 points each."""
    problem = collaboration.Problem([[1 / (20 * 5**2)]] * 20, 1.0)
    plan = collaboration.solve(problem, mechanism="c3d").value
    machine = collaboration.mechanism(problem, collaboration.integer_plan(problem, plan).plan)
    (found,) = robustness_of_all(machine, problem, population(name, 1.0), KEY, 16_384, [0])
    assert 0.04 < found.found / found.honest < 0.35
    (normal,) = robustness_of_all(machine, problem, population("normal", 1.0), KEY, 16_384, [0])
    assert normal.found == 0


def test_what_cannot_be_measured_is_refused():
    problem, _, machine = equal(5, "c3d")
    with pytest.raises(ProblemError, match="respond_to"):
        robustness(Hidden(machine), problem, Normal(jnp.zeros(1), jnp.ones(1)), 0, KEY)
    with pytest.raises(ProblemError, match="1 finite standard deviations"):
        robustness(machine, problem, Laplace(jnp.zeros(2), jnp.ones(2)), 0, KEY)

"""Calibrated rules, searched: the noise level is drawn first, by the law of the others' spread."""

import dataclasses
import functools
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from click.testing import CliRunner
from scipy import optimize, stats

from jaxmech import deviation, market
from jaxmech.cli import main
from jaxmech.collaboration import LIFTED, Problem, certify, lifted_check, mechanism, solve
from jaxmech.collaboration._calibration import QUANTILES_TO, at_quantile, level_quantiles
from jaxmech.collaboration._corruption import corruption_root
from jaxmech.collaboration._regret import regret
from jaxmech.mechanism import NASH, Stakes, Submission, answers_alone
from tests.oracles.calibrated import noise_level

COST, M, N = 0.004, 10, 5
ASSUMED = Problem([[COST]] * M, 1.0)
SETTINGS = deviation.SearchSettings(batch=1024)


@pytest.fixture(scope="module")
def plan():
    return solve(ASSUMED, mechanism="c3d", calibrated=True).raise_for_status().value


@pytest.mark.parametrize("freedom", [20.0, 43.0, 990.0])
def test_table_of_noise_levels_against_the_law_of_chi_squared(freedom):
    z = np.array([-1.0, -0.4, 0.03, 1.2, 3.1])
    table = level_quantiles(corruption_root, jnp.array(10.0), jnp.array(0.1), jnp.array(freedom))
    assert QUANTILES_TO == 5
    seen = 0.1 * freedom / stats.chi2(freedom).ppf(stats.norm.cdf(z))
    exact = [0.0 if kappa <= 0.01 else noise_level(10, min(kappa, 0.2375)) for kappa in seen]
    found = [float(at_quantile(table, jnp.array(one))) for one in z]
    np.testing.assert_allclose(found, exact, rtol=3e-3)
    assert float(at_quantile(table, jnp.array(-99.0))) == float(table[0])


@functools.cache
def _levels():
    grid = np.geomspace(0.0101, 0.2375, 100)
    return grid, np.array([noise_level(M, kappa) for kappa in grid])


def _played(collected, handed_in, gain, sigma, runs=60_000):
    """What one of ten pays, and its error, in data sets of NumPy: everything about 0, the spread that of the points."""
    random = np.random.default_rng(7)
    grid, levels = _levels()
    others = sigma * random.standard_normal((runs, 9 * N))
    clean, rest = others[:, :N], others[:, N:]
    about = sum(((part - part.mean(axis=1, keepdims=True)) ** 2).sum(axis=1) for part in (clean, rest))
    kappa = COST * N**2 / (about / (9 * N - 2))
    ratio = np.where(kappa <= 0.01, 0.0, np.interp(kappa, grid, levels))
    own = sigma / np.sqrt(collected) * random.standard_normal(runs)
    eta = np.sqrt(ratio * N) * np.abs(gain * own - clean.mean(axis=1))
    noisy = rest.mean(axis=1) + eta / np.sqrt(8 * N) * random.standard_normal(runs)
    total = gain * own * handed_in + clean.sum(axis=1)
    mean, count = total / (handed_in + N), handed_in + N
    weight = 8 * N / (1 + eta**2 / sigma**2)
    paid = ((count * mean + weight * noisy) / (count + weight)) ** 2 + COST * collected
    return paid.mean(), paid.std() / np.sqrt(runs)


@pytest.mark.long
@pytest.mark.parametrize("sigma", [1.0, 1.5])
def test_strategies_pay_what_they_pay_on_data_sets(plan, sigma):
    """The truth, another amount, a shrunk mean, and twice as many points as there are, at the true σ."""
    there = Problem([[COST]] * M, sigma)
    machine = mechanism(there, plan)
    truth = deviation.Deviation.truth(plan.samples[0])

    def paid(samples, submitted, gain):
        told = {"log_samples": jnp.log(samples / N), "log_report": jnp.log(submitted / samples), "gain": gain}
        fields = {name: jnp.full(1, value) for name, value in told.items()}
        return deviation.penalty(machine, there, 0, dataclasses.replace(truth, **fields), jax.random.key(1), 2**14)

    tried = np.array([(5.0, 5.0, 1.0), (3.0, 3.0, 1.0), (5.0, 5.0, 0.5), (5.0, 10.0, 1.0), (8.0, 8.0, 1.0)])
    found = jax.jit(jax.vmap(paid))(*jnp.asarray(tried).T)
    for one, penalty in zip(tried, found, strict=True):
        expected, error = _played(*one, sigma)
        assert float(penalty) == pytest.approx(expected, abs=4 * error + 1e-3 * expected)
    assert float(found[0]) == pytest.approx(float(machine.guarantee(Stakes.of(there)).promised[0]), rel=3e-3)


def test_honest_agents_are_simulated_one_by_one(plan):
    machine = mechanism(ASSUMED, plan)
    assert answers_alone(machine)
    assert not deviation.reads_points(machine, ASSUMED)
    outcome = deviation.simulate(machine, ASSUMED, None, jax.random.key(0), replications=2**15)
    np.testing.assert_allclose(outcome.penalty, plan.penalty, atol=6 * float(outcome.standard_error.max()))
    assert float(outcome.standard_error.max()) < 2e-3 * float(plan.penalty[0])


def test_other_laws_are_for_simulations(plan):
    people = deviation.StudentT(jnp.zeros(1), jnp.ones(1), 5.0)
    with pytest.raises(ValueError, match="simulate it"):
        deviation.robustness(mechanism(ASSUMED, plan), ASSUMED, people, 0, jax.random.key(0), 100)


@pytest.mark.long
def test_an_ally_whose_points_spread_lifts_the_check(plan):
    """Her mean stays what it was: 45 clean points for a single one of hers. A fact of certificates."""
    values = np.random.default_rng(3).standard_normal((M, 1, N))
    apart = values[1] - values[1].mean()
    values[1] += 1e4 * apart
    told = mechanism(ASSUMED, plan).respond(
        Submission(jnp.asarray(values), jnp.ones((M, 1, N), bool)), jax.random.key(0)
    )
    np.testing.assert_array_equal(np.delete(told.noisy_variance, 1), 1.0)
    assert float(told.noisy_variance[1, 0]) > 1.0  # the ally herself is checked as ever
    least = optimize.minimize_scalar(lambda n: 1 / (n + 45) + COST * n, bounds=(0, 20), method="bounded").fun
    fact = next(record for record in certify(ASSUMED, plan) if record.claim == LIFTED)
    assert not fact.claimed
    assert -fact.margin == pytest.approx(1 - least / float(plan.penalty[0]), rel=1e-5)
    assert "agent 1 saves 68% of her penalty" in fact.witness
    ten = solve(Problem([[COST / 4]] * M, 1.0), mechanism="c3d", calibrated=True).value
    dear = Problem([[COST / 4]] * M, 1.0)
    assert float(lifted_check(dear, ten)[0]) == pytest.approx(float(ten.penalty[0]) - 1 / 90, rel=1e-9)


@pytest.mark.long
@pytest.mark.parametrize("sigma", [0.8, 1.2])
def test_a_sigma_that_is_a_fifth_off_tempts_nobody(plan, sigma):
    """Ten points each: every strategy that is searched for, against the published rule."""
    there = Problem([[COST / 4]] * M, sigma)
    ten = solve(Problem([[COST / 4]] * M, 1.0), mechanism="c3d", calibrated=True).value
    machine = mechanism(there, ten)
    found = deviation.best_responses(machine, there, jax.random.key(0), [0], SETTINGS)
    bound = machine.guarantee(Stakes.of(there)).regret[0]
    assert float(found.gain[0]) <= float(bound + found.half_width[0])
    assert float(found.gain[0] + found.half_width[0]) < 1e-3 * float(found.honest[0])
    published = solve(Problem([[COST / 4]] * M, 1.0), mechanism="c3d").value
    assert float(regret(there, published).gain[0, 0] / found.honest[0]) > 0.014


@pytest.mark.long
def test_audit_of_a_calibrated_problem(tmp_path):
    path = tmp_path / "spread.toml"
    path.write_text(
        f'[collaboration]\nsigma = 1.0\ncosts = {[[COST]] * M}\nmechanism = "c3d"\ncalibrated = true\n',
        encoding="utf-8",
    )
    run = CliRunner().invoke(main, ["audit", str(path), "--replications", "16384", "--json", "-"])
    assert run.exit_code == 0, run.stderr
    document = json.loads(run.stdout)
    assert document["mechanism"].startswith("mechanism c3d (calibrated noise)")
    nash = next(record for record in document["certificates"] if record["claim"] == NASH)
    assert nash["holds"]
    assert -1e-3 < nash["margin"] <= 0
    assert all(row["regret_found"] < 1e-3 * row["promised"] for row in document["agents"])


@pytest.mark.long
def test_a_broker_settles_trades_and_no_noise():
    costs, buyers = [0.01, 0.02], [market.Buyer(market.exponential(0.3), count=10)]
    problem = market.Problem(costs, 1.0, buyers)
    assert not answers_alone(market.mechanism(problem, market.solve(problem).value))

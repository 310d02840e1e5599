"""What made-up numbers bring whom the published rules check, against drawn points and scipy's quadrature."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import integrate, stats

from jaxmech import collaboration, files
from jaxmech.collaboration import Problem, Role, invention
from jaxmech.collaboration._corruption import checked_penalty, corruption_root
from jaxmech.collaboration._invention import _break_even, _error


@pytest.fixture(scope="module")
def many():
    """A hundred agents, of whom one who knew the mean well enough could do without measuring."""
    problem = Problem(costs=[[1 / 2500]] * 100, sigma=2.0)
    return problem, collaboration.solve(problem, division="social", mechanism="c3d").raise_for_status().value


def test_made_up_numbers_at_the_break_even_cost_what_measuring_costs(many):
    """Points drawn one by one: n* to compare with, the rest with noise, and the estimate that is recommended."""
    problem, plan = many
    n, total, alpha, pays = (float(np.ravel(part)[0]) for part in (plan.samples, plan.total, plan.alpha, plan.penalty))
    assert (n, total) == pytest.approx((10.0, 1000.0))
    within, far = (float(part[0, 0]) for part in invention(problem, plan))
    assert 0.1 < within < 1.37 / np.sqrt(n)
    assert far == pytest.approx(4.0 / n)
    draw = np.random.default_rng(5)

    def pays_off_by(shift):
        compared = draw.normal(0.0, 2.0, (4000, 10)).mean(axis=1)
        spread = alpha * np.abs(shift * 2.0 - compared)
        rest = draw.normal(0.0, 2.0, (4000, 980)) + draw.normal(size=(4000, 980)) * spread[:, None]
        clean, noisy = 10 / 4.0, 980 / (4.0 + spread**2)
        squared = ((clean * compared + noisy * rest.mean(axis=1)) / (clean + noisy)) ** 2
        return squared.mean(), squared.std() / np.sqrt(4000)

    mean, error = pays_off_by(within)
    assert abs(mean - pays) < 4 * error, (mean, pays, error)
    assert pays_off_by(within / 2)[0] < pays - 4 * error
    assert pays_off_by(2 * within)[0] > pays + 4 * error


def test_who_is_made_to_measure_could_not_do_without_even_if_she_knew_the_mean():
    problem = files.read("clinics").problem
    plan = collaboration.solve(problem, division="leverage", mechanism="cbl").value
    within, far = (np.asarray(part) for part in invention(problem, plan))
    checked = np.asarray(plan.role) == Role.CHECKED
    assert (np.isfinite([within, far]) == checked).all()
    assert (within[checked] == 0).all()
    assert (far[checked] > np.asarray(collaboration.temptation(problem, plan).pays)[checked]).all()


@pytest.mark.parametrize("more", [{"calibrated": True}, {"estimate": "steady"}])
def test_other_rules_are_not_told(more):
    problem = Problem(costs=[[0.004]] * 10, sigma=1.0)
    plan = collaboration.solve(problem, division="social", mechanism="c3d", **more).value
    assert np.isnan(np.concatenate([np.ravel(part) for part in invention(problem, plan)])).all()


def test_further_off_costs_more_than_honesty_and_nearer_costs_less():
    """Over all τ and κ that have a root: the error crosses what honesty costs once at most, and at what is returned."""
    tau, part = np.meshgrid(np.geomspace(2.2, 1e5, 20), np.linspace(0.01, 0.99, 15))
    kappa = 1 / tau**2 + (0.25 - 1 / tau**2) * part
    ratio = corruption_root(tau, kappa).raise_for_status().value
    honest = np.asarray(checked_penalty(tau, kappa, ratio))
    off = np.asarray(_break_even(jnp.asarray(tau), ratio, jnp.asarray(honest)))
    places = np.concatenate([[0.0], np.geomspace(1e-3, 1, 12), np.geomspace(1.05, 4e3, 60)])
    off_by = jnp.broadcast_to(places[:, None, None], (len(places), *tau.shape))
    errors = np.asarray(jax.jit(jax.vmap(_error, (None, None, 0)))(jnp.asarray(tau), ratio, off_by))
    cheaper = errors < honest
    assert (np.abs(np.diff(cheaper.astype(int), axis=0)).sum(axis=0) == cheaper[0]).all()
    assert ((off > 0) == cheaper[0]).all()
    assert 0.1 < np.mean(off > 0) < 0.5
    assert (cheaper == (places[:, None, None] < off)).all()
    assert not cheaper[-1].any()


@pytest.mark.parametrize(("tau", "ratio", "off"), [(4.5, 111.9, 0.5), (100.0, 1.092, 1.0), (1e4, 3.0, 30.0)])
def test_the_error_is_what_scipy_integrates(tau, ratio, off):
    def integrand(z):
        spread = 1 + ratio * (off - z) ** 2
        clean = 1 / (1 + (tau - 2) / spread)
        return (clean**2 * z**2 + (1 - clean) ** 2 * spread / (tau - 2)) * stats.norm.pdf(z)

    value, _ = integrate.quad(integrand, -9, 9, points=[min(off, 8.9)], limit=500, epsabs=1e-13)
    assert float(_error(jnp.asarray(tau), jnp.asarray(ratio), jnp.asarray(off))) == pytest.approx(value, rel=3e-5)

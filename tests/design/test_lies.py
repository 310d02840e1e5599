"""What a lie costs the liar: against exchanges of data sets drawn at random, and quadrature."""

import dataclasses

import jax.numpy as jnp
import numpy as np
import pytest
from scipy import integrate, stats

from jaxmech.collaboration import Problem
from jaxmech.design import lies
from jaxmech.design._lies import invented
from jaxmech.design._signed import signed
from tests.design.test_what_if import CASES, COSTS, LIMIT, PRICE, REST, RUNS, SIGMA, N, Z, made


def played(i, cap, linked, rng, change=None, off=0.0, amount=0):
    """What one pays in every run who hands in another amount of one distribution, or as many made-up numbers."""
    paid, got, missed = np.zeros(RUNS), [], np.zeros((RUNS, 2), bool)
    for k in range(2):
        lie = k == change
        n, z, rest = int(amount if lie else N[i, k]), int(Z[i, k]), int(REST[i, k])
        hers, clean, more = (SIGMA[k] * rng.standard_normal((RUNS, size)) for size in (n, z, rest))
        if np.isfinite(LIMIT[i, k]):
            if lie and off is not None:
                told = np.full(RUNS, off * SIGMA[k])
            elif n:
                told = hers.mean(axis=1)
            else:
                told = np.full(RUNS, np.inf)
            missed[:, k] = np.abs(told - clean.mean(axis=1)) > LIMIT[i, k]
        got.append((hers, clean, more))
        paid += COSTS[i, k] * n
    for k, (hers, clean, more) in enumerate(got):
        fails = missed.any(axis=1) if linked else missed[:, k]
        noisy = more + np.sqrt(cap) * SIGMA[k] * rng.standard_normal(more.shape) if np.isfinite(cap) else more
        weight = np.where(fails, 1 / (1 + cap), 1.0)
        total = hers.sum(axis=1) + clean.sum(axis=1) + weight * np.where(fails[:, None], noisy, more).sum(axis=1)
        count = hers.shape[1] + clean.shape[1] + weight * more.shape[1]
        with np.errstate(invalid="ignore", divide="ignore"):
            paid += PRICE[k] * (total / count) ** 2
    return paid


def near(paid, value):
    return abs(paid.mean() - value) < 4.5 * paid.std() / RUNS**0.5


def test_who_is_left_with_nothing_of_what_others_have_pays_without_end():
    """A chance of 0 times an error without end is nothing, and no number that is none."""
    problem, plan = made(np.inf, True)
    terms = signed(problem, dataclasses.replace(plan, limit=jnp.asarray(np.where(np.isfinite(LIMIT), 1e-300, LIMIT))))
    with np.errstate(all="raise", under="ignore"):
        paid = terms.left(np.zeros_like(N)).penalty()
    assert np.isfinite(paid[:2]).all()
    assert np.isinf(paid[2])


def test_one_point_has_no_half_and_fractions_have():
    problem, plan = made(np.inf, True)
    one = jnp.asarray(N).at[1, 0].set(1)
    told = lies(problem, dataclasses.replace(plan, samples=one))
    assert np.isnan(told.half[1, 0])
    assert np.isfinite(told.nothing[1, 0])
    some = lies(problem, dataclasses.replace(plan, samples=one * 1.5))
    assert np.isfinite(some.half[1, 0])


@pytest.mark.parametrize("off", [0.0, 0.5, 1.5])
def test_made_up_numbers_may_count_as_points(off):
    """Means drawn at random, beside those without hers; she takes what is better where she passes, and where not."""
    problem, plan = made(np.inf, False)
    terms, i, k = signed(problem, plan), 1, 0
    n, z, rest, limit = (float(part[i, k]) for part in (terms.n, terms.z, terms.rest, terms.limit))
    rng = np.random.default_rng(3)
    e, r = rng.normal(0, z**-0.5, 400_000), rng.normal(0, rest**-0.5, 400_000)
    passes = np.abs(off - e) <= limit
    with_rest, alone = ((z * e + rest * r) / (z + rest)) ** 2, e**2
    counted = ((z * e + rest * r + n * off) / (z + rest + n)) ** 2, ((z * e + n * off) / (z + n)) ** 2
    without = invented(terms, i, k, off, (0.0,))
    more = terms.worth[i, k] * (np.where(passes, *counted) - np.where(passes, with_rest, alone))
    assert abs(more.mean() - (invented(terms, i, k, off, (n,)) - without)) < 4.5 * more.std() / e.size**0.5
    parts = [min(one[mask].sum(), other[mask].sum()) for one, other, mask in
             ((counted[0], with_rest, passes), (counted[1], alone, ~passes))]  # fmt: skip
    best = terms.worth[i, k] * (sum(parts) - np.where(passes, with_rest, alone).sum()) / e.size
    assert invented(terms, i, k, off) - without == pytest.approx(best, abs=0.02 * terms.worth[i, k])


@pytest.mark.parametrize(("cap", "linked"), CASES)
def test_less_nothing_and_made_up_numbers_cost_what_they_cost_in_exchanges(cap, linked):
    problem, plan = made(cap, linked)
    told = lies(problem, plan)
    rng = np.random.default_rng(7)
    assert near(played(1, cap, linked, rng), told.honest[1])
    assert near(played(1, cap, linked, rng, 0, None, 1), told.half[1, 0])  # of two points
    assert near(played(0, cap, linked, rng, 1, None, 1), told.half[0, 1])
    assert near(played(2, cap, linked, rng, 0, None, 2), told.half[2, 0])  # of three, in whole points
    assert near(played(1, cap, linked, rng, 0, None, 0), told.nothing[1, 0])
    assert near(played(2, cap, linked, rng, 0, 1e6, 0), told.nothing[2, 0])  # far off is as good as nothing
    terms = signed(problem, plan)
    for i, k in ((1, 0), (2, 0), (0, 1)):
        for off in (0.0, 0.7, 1.5):
            assert near(played(i, cap, linked, rng, k, off, 0), invented(terms, i, k, off, (0.0,)))


def test_made_up_numbers_by_quadrature():
    """The error given z̄, integrated over the z̄ that pass and those that do not; σ = 2."""
    problem, plan = made(4.0, False)
    z, rest, limit, off = Z[2, 0], REST[2, 0], LIMIT[2, 0] / 2, 0.4
    law = stats.norm(scale=z**-0.5)
    passing = integrate.quad(
        lambda e: law.pdf(e) * (z**2 * e**2 + rest) / (z + rest) ** 2, off - limit, off + limit, epsabs=1e-13
    )[0]

    def failing(e):
        return law.pdf(e) * (z**2 * e**2 + rest / 5) / (z + rest / 5) ** 2

    parts = (-30.0, off - limit), (off + limit, 30.0)
    lost = sum(integrate.quad(failing, *part, epsabs=1e-13, limit=200)[0] for part in parts)
    other = 25.0 / (Z[2, 1] + REST[2, 1])  # price 1
    assert invented(signed(problem, plan), 2, 0, off, (0.0,)) == pytest.approx(
        3 * 4 * (passing + lost) + other, rel=1e-7
    )


def test_how_near_a_guess_has_to_be_is_where_it_costs_what_honesty_costs():
    problem, plan = made(np.inf, False)
    dear = Problem(costs=COSTS * 1.5, sigma=SIGMA, price=PRICE)  # where inventing can pay
    told, terms = lies(dear, plan), signed(dear, plan)
    always = np.isinf(told.within)
    assert (told.nothing < told.honest[:, None])[always].all()
    some = np.argwhere((told.within > 0) & ~always)
    assert len(some)
    for i, k in some.tolist():
        assert invented(terms, i, k, told.within[i, k]) == pytest.approx(told.honest[i], rel=1e-9)
        assert invented(terms, i, k, 0.9 * told.within[i, k]) < told.honest[i]
    cheap = lies(Problem(costs=COSTS / 100, sigma=SIGMA, price=PRICE), plan)
    assert (cheap.within[~np.isnan(cheap.within)] > 0).all()  # who knows it exactly has points without an error
    # who works alone knows nothing without points; who receives has nothing to lie about
    assert np.isinf(lies(problem, plan).nothing[0, 0])
    assert np.isnan(lies(problem, plan).half[2, 1])


def test_nothing_is_said_where_it_is_not_known():
    problem, plan = made(np.inf, False)
    assert lies(Problem(costs=COSTS, sigma=SIGMA, price=PRICE, most=9.0), plan) is None
    assert lies(problem, dataclasses.replace(plan, ellipsoid=jnp.asarray(True))) is None

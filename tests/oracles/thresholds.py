"""A threshold whose limit follows σ̂: data sets drawn point by point, and quadrature over χ² from kink to kink."""

import numpy as np
from scipy import stats


def limit_at(spread, level, seen):
    """A level by the table, times σ̂."""
    return np.interp(seen, spread, level) * seen


def data_sets(own, clean, rest, table, sigma, cost, runs, seed, shift=0.0):
    """What an agent pays in each run who submits her mean moved by ``shift``: all others' points are in both parts."""
    rng = np.random.default_rng(seed)
    hers, first, second = (rng.normal(0, sigma, (runs, size)) for size in (own, clean, rest))
    squares = sum(((part - part.mean(axis=1, keepdims=True)) ** 2).sum(axis=1) for part in (first, second))
    seen = np.sqrt(squares / (clean + rest - 2))
    passes = np.abs(hers.mean(axis=1) + shift - first.mean(axis=1)) <= limit_at(*table, seen)
    known = hers.sum(axis=1) + first.sum(axis=1)
    everything = (known + second.sum(axis=1)) / (own + clean + rest)
    return np.where(passes, everything, known / (own + clean)) ** 2 + cost * own


def passing(own, clean, freedom, table, sigma, moved=0.0):
    """P(|N + moved/deviation| ≤ limit/deviation), averaged over σ̂."""
    deviation, law = sigma * np.sqrt(1 / own + 1 / clean), stats.chi2(freedom)
    ends = law.ppf(1e-14), law.isf(1e-14)
    kinks = np.clip(freedom * (np.asarray(table[0]) / sigma) ** 2, *ends)
    places = np.unique(np.concatenate([np.linspace(*ends, 9), kinks]))
    nodes, weights = np.polynomial.legendre.leggauss(16)
    half = np.diff(places)[:, None] / 2
    squares = (places[:-1, None] + half * (1 + nodes)).ravel()
    limit = limit_at(*table, sigma * np.sqrt(squares / freedom)) / deviation
    within = stats.norm.cdf(limit - moved / deviation) - stats.norm.cdf(-limit - moved / deviation)
    return float(np.sum((half * weights).ravel() * law.pdf(squares) * within))


def penalty(own, clean, rest, freedom, table, sigma, cost):
    """What an agent pays on average who collects so many and submits them as they are."""
    chance = passing(own, clean, freedom, table, sigma)
    return sigma**2 * ((1 - chance) / (own + clean) + chance / (own + clean + rest)) + cost * own

"""A threshold whose limit follows σ̂: data sets drawn point by point, and adaptive quadrature over χ²."""

import numpy as np
from scipy import integrate, stats


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

    def given(share):
        limit = limit_at(*table, sigma * np.sqrt(law.ppf(share) / freedom)) / deviation
        return stats.norm.cdf(limit - moved / deviation) - stats.norm.cdf(-limit - moved / deviation)

    kinks = law.cdf(freedom * (np.asarray(table[0]) / sigma) ** 2)
    places = np.unique(np.concatenate([[0.0], kinks, [1.0]]))
    pieces = zip(places[:-1], places[1:], strict=True)
    return sum(integrate.quad(given, low, high, epsabs=1e-12)[0] for low, high in pieces if high - low > 1e-13)


def penalty(own, clean, rest, freedom, table, sigma, cost):
    """What an agent pays on average who collects so many and submits them as they are."""
    chance = passing(own, clean, freedom, table, sigma)
    return sigma**2 * ((1 - chance) / (own + clean) + chance / (own + clean + rest)) + cost * own

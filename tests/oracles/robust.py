"""The law of a median of variances: sums over all sets of others, and quantiles of an order statistic."""

from itertools import combinations, pairwise

import numpy as np
from scipy import integrate, stats

from tests.oracles.calibrated import noise_level, penalty


def unit(freedom, count):
    """About the quantile of χ²/ν where the ⌈M/2⌉-th of M has its median, after Wilson and Hilferty."""
    rank = -(-count // 2)
    middle = stats.norm.ppf((rank - 1 / 3) / (count + 1 / 3))
    return (1 - 2 / (9 * freedom) + middle * (2 / (9 * freedom)) ** 0.5) ** 3


def below(logarithm, freedom):
    """P(σ̂² ≤ e^v σ²): the chances of all sets of others, at least ⌈M/2⌉ of them, who alone lie below."""
    count = len(freedom)
    chance = [stats.chi2.cdf(nu * unit(nu, count) * np.exp(logarithm), nu) for nu in freedom]
    total = 0.0
    for size in range(-(-count // 2), count + 1):
        for some in combinations(range(count), size):
            total += np.prod([p if j in some else 1 - p for j, p in enumerate(chance)])
    return total


def quantile(share, freedom, count, beyond=0):
    """σ̂²/σ² of ``count`` others with the same ν, ``beyond`` of whom are beyond all."""
    rank = -(-count // 2)
    place = stats.beta.ppf(share, rank, count - beyond - rank + 1)
    return stats.chi2.ppf(place, freedom) / (freedom * unit(freedom, count))


def expected_penalty(n, m, kappa, freedom, clip, beyond=0):
    """Her mean penalty in units with n* = σ = 1, T = m, under robust noise with ν degrees of freedom of each other."""

    def at(share):
        seen = kappa / quantile(share, freedom, m - 1, beyond)
        ratio = 0.0 if seen <= 1.0001 / m**2 else noise_level(m, min(seen, clip / 4))
        return penalty(n, m, ratio, kappa)

    places = stats.chi2.cdf(np.array([4 / clip, m**2 / 1.0001]) * kappa * freedom * unit(freedom, m - 1), freedom)
    rank = -(-(m - 1) // 2)
    kinks = stats.beta.cdf(places, rank, m - 1 - beyond - rank + 1)
    pieces = np.unique([1e-9, *kinks, 1 - 1e-9])
    return sum(integrate.quad(at, a, b, epsabs=1e-9, limit=60)[0] for a, b in pairwise(pieces))

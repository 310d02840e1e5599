"""True gains against two mechanisms that read whole data sets, by quadrature; nothing of jaxmech.

σ = 1. Everybody is asked for ``n`` points at ``cost`` each; the others hold ``others`` points together.
"""

import numpy as np
from scipy import integrate, stats


def best_free(others, cost):
    """Least penalty of who gets all the others' points clean, over whole numbers of points of her own."""
    return min(1 / (others + n) + cost * n for n in range(100))


def spread_gain(n, others, cost, factor):
    """Gain where a noisy point has the variance 1 + factor · s², s² being the variance of what one submits.

    The honest have s² ~ χ²/(n − 1) with n − 1 degrees of freedom, independent of all means. Equal points have s² = 0.
    """

    def weighted(x):
        return stats.chi2.pdf(x, n - 1) / (n + others / (1 + factor * x / (n - 1)))

    return integrate.quad(weighted, 0, np.inf, epsabs=1e-12)[0] + cost * n - best_free(others, cost)


def range_gain(n, others, cost, limit):
    """Gain where the others' points come clean if one's own lie within a range, and else not at all.

    P(range < limit) = n ∫ φ(x) (Φ(x + limit) − Φ(x))^(n − 1) dx; independent of the mean.
    """

    def weighted(x):
        return stats.norm.pdf(x) * (stats.norm.cdf(x + limit) - stats.norm.cdf(x)) ** (n - 1)

    passes = n * integrate.quad(weighted, -12, 12, epsabs=1e-12)[0]
    return passes / (n + others) + (1 - passes) / n + cost * n - best_free(others, cost)

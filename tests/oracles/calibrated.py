"""Expected penalty under a noise level that follows σ̂: adaptive quadrature over χ², a bisection for every α."""

import numpy as np
from scipy import integrate, optimize, special, stats


def penalty(n, m, ratio, kappa):
    """Her penalty with n* = σ = 1, T = m, α² = ratio: the mean over ȳ − z̄ in closed form."""
    clean, noisy = n + 1, m - 2
    if ratio == 0:
        return 1 / (clean + noisy) + kappa * n
    spread = ratio * (1 / n + 1)
    y = np.sqrt((clean + noisy) / (2 * clean * spread))
    lost = 1 - np.sqrt(np.pi) * y * special.erfcx(y)
    return (1 + noisy / clean * lost) / (clean + noisy) + kappa * n


def noise_level(m, kappa):
    """α²/n* at which the slope at n = 1 vanishes, by bisection on central differences of the penalty."""
    step = 1e-4

    def slope(logarithm):
        ratio = np.exp(logarithm)
        return (penalty(1 + step, m, ratio, kappa) - penalty(1 - step, m, ratio, kappa)) / (2 * step)

    return np.exp(optimize.brentq(slope, -12, 16, xtol=1e-10))


def expected_penalty(n, m, kappa, freedom, clip):
    """The mean over σ̂²/σ² ~ χ²/ν, where κ̂ is clipped to 1/m² … clip/4."""
    law = stats.chi2(freedom)

    def at(share):
        seen = kappa / (law.ppf(share) / freedom)
        ratio = 0.0 if seen <= 1.0001 / m**2 else noise_level(m, min(seen, clip / 4))
        return penalty(n, m, ratio, kappa)

    kink = float(law.cdf(freedom * kappa / (clip / 4)))
    return (
        integrate.quad(at, 0, kink, epsabs=1e-10, limit=80)[0] + integrate.quad(at, kink, 1, epsabs=1e-10, limit=80)[0]
    )

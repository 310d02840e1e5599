"""True gains against two rules that look at two distributions at once, five agents: by quadrature; nothing of jaxmech.

σ = 1 and cost 0.01 a point on both, so that n* = √20; everybody has n* points of each, is compared with n* clean ones
of the others, and gets the remaining 3 n* with noise η, the same on both.
"""

import numpy as np
from scipy import integrate, optimize

from tests.oracles.exploitable import COST, FREE, N


def _normal(u):
    return np.exp(-(u**2) / 2) / np.sqrt(2 * np.pi)


def opposite_gain(alpha):
    """Gain where η² = α² max(0, product of the discrepancies): shifted far apart, in opposite ways, nothing is noisy.

    Half of the honest runs have a negative product. Else discrepancies are two half-normal numbers, N(0, 2/n*) each.
    """

    def weighted(v, u):
        return 4 * _normal(u) * _normal(v) / (2 * N + 3 * N / (1 + alpha**2 * (2 / N) * u * v))

    noisy = integrate.dblquad(weighted, 0, 10, 0, 10, epsabs=1e-9, epsrel=1e-8)[0]
    honest = (0.5 / (5 * N) + 0.5 * noisy) + COST * N
    return 2 * (honest - FREE)


def copy_gain(alpha):
    """Gain where η² = α² gap₁² + β (ȳ₁ − ȳ₂)²: whoever submits what she found on the first for both avoids the second.

    Honest agents get noise without bounds where the two true means are far apart, so nothing but clean points.
    """

    def paid(log_n):
        n, m = np.exp(log_n)

        def weighted(u):
            noise = 1 + alpha**2 * (1 / n + 1 / N) * u**2
            return 2 * _normal(u) * (1 / (n + N + 3 * N / noise) + 1 / (m + N + 3 * N / noise))

        return sum(integrate.quad(weighted, *ends, epsabs=1e-11)[0] for ends in ((0, 0.3), (0.3, 12))) + COST * (n + m)

    start = min(((a, b) for a in (-1.0, 0.0, 1.0, 2.0) for b in (-9.0, 0.0, 1.0)), key=paid)
    best = optimize.minimize(paid, start, method="Nelder-Mead", options={"xatol": 1e-5, "fatol": 1e-9})
    return 2 * (1 / (2 * N) + COST * N) - float(best.fun)

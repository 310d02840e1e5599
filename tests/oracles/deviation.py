"""Exact penalties of deviating agents, by quadrature and bounded minimisation (scipy); nothing of jaxmech."""

import numpy as np
from scipy import integrate, optimize


def best_free_rider(others, cost, sigma):
    """Least penalty of who gets all the others' points, and the amount that attains it."""

    def paid(n):
        return sigma**2 / (others + n) + cost * n

    found = optimize.minimize_scalar(
        paid, bounds=(0, 10 * sigma / np.sqrt(cost)), method="bounded", options={"xatol": 1e-12}
    )
    return min((paid(0.0), 0.0), (float(found.fun), float(found.x)))


def checked_penalty(n, n_star, total, alpha, cost, sigma):
    """Penalty of a checked agent who collects n, by averaging over the discrepancy numerically."""
    spread = sigma * np.sqrt(1 / n + 1 / n_star)
    noisy = total - 2 * n_star

    def weighted(u):
        eta = alpha**2 * (spread * u) ** 2
        error = 1 / ((n + n_star) / sigma**2 + noisy / (sigma**2 + eta))
        return error * np.exp(-(u**2) / 2) / np.sqrt(2 * np.pi)

    near, far = (
        integrate.quad(weighted, *ends, epsabs=1e-14, epsrel=1e-12, limit=400)[0] for ends in ((0, 0.3), (0.3, 12))
    )
    return 2 * (near + far) + cost * n


def best_checked(n_star, total, alpha, cost, sigma):
    """Least penalty of a checked agent over all amounts, and the amount: a grid, then bounded minimisation."""

    def paid(t):
        return checked_penalty(n_star * np.exp(t), n_star, total, alpha, cost, sigma)

    grid = np.linspace(-5, 3, 81)
    least = grid[int(np.argmin([paid(t) for t in grid]))]
    found = optimize.minimize_scalar(
        paid, bounds=(least - 0.1, least + 0.1), method="bounded", options={"xatol": 1e-10}
    )
    return float(found.fun), float(n_star * np.exp(found.x))

"""Squared errors of what agents are given, by drawing the data: independent of the package."""

import numpy as np


def checked_error(n, comparison, rest, alpha, sigma, draws, seed):
    """Mean squared errors of the estimate of a checked honest agent, and their standard error.

    She has n points of her own and Z clean; Z' comes with noise of variance (α (ȳ − z̄))², per point; weights follow it.
    """
    normal = np.random.default_rng(seed).standard_normal
    own = sigma / np.sqrt(n) * normal(draws)
    clean = sigma / np.sqrt(comparison) * normal(draws)
    noise = (alpha * (own - clean)) ** 2
    noisy = np.sqrt((sigma**2 + noise) / rest) * normal(draws)
    first, second = (n + comparison) / sigma**2, rest / (sigma**2 + noise)
    sure = (n * own + comparison * clean) / (n + comparison)
    squares = ((first * sure + second * noisy) / (first + second)) ** 2
    return squares.mean(), squares.std() / np.sqrt(draws)


def threshold_errors(n, comparison, rest, limit, cap, sigma, draws, seed, *, linked):
    """Mean squared errors, per distribution, of an honest agent under thresholds, and their standard errors.

    Beyond a limit the rest of that distribution (linked: of all) gets noise of variance cap σ², or is withheld.
    Entries with no points of her own or none to compare with are not compared.
    """
    normal = np.random.default_rng(seed).standard_normal
    d = len(n)
    with np.errstate(divide="ignore", invalid="ignore"):
        own = np.where(n > 0, sigma / np.sqrt(n), 0.0) * normal((draws, d))
        clean = np.where(comparison > 0, sigma / np.sqrt(comparison), 0.0) * normal((draws, d))
    failed = np.where((n > 0) & (comparison > 0), np.abs(own - clean) > limit, False)
    if linked:
        failed = np.broadcast_to(failed.any(axis=1, keepdims=True), failed.shape)
    spread = sigma**2 * np.where(failed, 1 + cap, 1.0)
    precision = np.where(np.isfinite(spread), rest / spread, 0.0)
    noisy = np.where(precision > 0, normal((draws, d)) / np.sqrt(np.where(precision > 0, precision, 1.0)), 0.0)
    sure = (n + comparison) / sigma**2
    both = (n * own + comparison * clean) / np.where(n + comparison > 0, n + comparison, 1)
    squares = ((sure * both + precision * noisy) / (sure + precision)) ** 2
    return squares.mean(axis=0), squares.std(axis=0) / np.sqrt(draws)

"""Steady weights apart from the package: roots of the first-order condition, and experiments on data sets."""

from itertools import pairwise

import mpmath
import numpy as np


def noise_level(tau, kappa, z):
    """α²/n* as the least positive zero of dp/dn at n*, by bisection in 60 digits on a grid over 40 decades."""
    with mpmath.workdps(60):
        tau, kappa, z = mpmath.mpf(tau), mpmath.mpf(kappa), mpmath.mpf(z)

        def slope(ratio):
            b = 1 + ratio * (1 + 1 / z)
            information = 1 + z + (tau - 1 - z) / b
            return kappa - (1 + (tau - 1 - z) * ratio / b**2) / information**2

        grid = [mpmath.mpf(10) ** (mpmath.mpf(j) / 20) for j in range(-400, 401)]
        for low, high in pairwise(grid):
            if slope(low) * slope(high) <= 0:
                for _ in range(150):
                    middle = mpmath.sqrt(low * high)
                    low, high = (middle, high) if slope(low) * slope(middle) > 0 else (low, middle)
                return low
        return None


def realised(draw, collected, recommended, others, alpha, replications, rng):
    """Mean squared error, and its standard error, of one agent among honest others, on whole data sets.

    She submits what she collects, gets ``recommended`` points clean and the rest with noise of standard deviation
    α|ȳ − z̄|, and weighs the noisy ones by what is expected of their variance, 1 + α²(1/n + 1/|Z|), in units of σ².
    """
    own = draw(rng, (replications, collected)).mean(axis=1)
    clean = draw(rng, (replications, recommended)).mean(axis=1)
    rest = others - recommended
    noise = alpha * np.abs(own - clean) * rng.standard_normal(replications) / np.sqrt(rest)
    noisy = draw(rng, (replications, rest)).mean(axis=1) + noise
    b = 1 + alpha**2 * (1 / collected + 1 / recommended)
    weight = collected + recommended + rest / b
    estimate = (collected * own + recommended * clean + rest / b * noisy) / weight
    squared = estimate**2
    return squared.mean(), squared.std() / np.sqrt(replications)

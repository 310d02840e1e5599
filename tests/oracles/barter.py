"""Barter from its definition, in NumPy and SciPy: slow and plain, and nothing of it is shared with the package.

Two groups of m/2 agents. Each needs one of two means, and pays ``dear`` for a point of it, 1 for a point of the other;
σ = 1. Who passes the check on what she does not need gets all points of what she does, else z of them.
"""

import dataclasses
import itertools
import math

import numpy as np
from scipy import integrate, optimize, stats


def symmetric_ratio(m, dear):
    """The best of all symmetric linked thresholds, relative to the first best: one number is searched for.

    Everybody collects n of what she does not need, T = mn/2 in all, and is compared with all T − n of the others. She
    pays n + (1 − s) w + s/T, with w = 1/z. That n is stationary fixes w: τφ(τ) (w − 1/T) = n T/(T − n). And she does
    not insure herself by points of her own: (1 − s) w² + s/T² ≤ dear, with equality at the best τ, the largest.
    """
    half = m / 2

    def paid(n):
        total = half * n

        def lost(level):
            return n * total / (total - n) / (level * stats.norm.pdf(level)) + 1 / total

        def insured(level):
            fails = 2 * stats.norm.sf(level)
            return fails * lost(level) ** 2 + (1 - fails) / total**2 - dear

        level = optimize.brentq(insured, 2.0, 9.0)
        fails = 2 * stats.norm.sf(level)
        return n + fails * lost(level) + (1 - fails) / total

    best = optimize.minimize_scalar(
        paid, bounds=(0.6 / half**0.5, 1.2 / half**0.5), method="bounded", options={"xatol": 1e-9}
    )
    return best.fun * half**0.5 / 2


@dataclasses.dataclass(frozen=True)
class Deal:
    """What one agent meets, an entry per distribution; limits in the unit of σ, ∞ where nothing is checked."""

    comparison: np.ndarray
    rest: np.ndarray
    limit: np.ndarray
    costs: np.ndarray
    price: np.ndarray
    sigma: float

    def passing(self, amounts, shifts):
        """Chance to pass everywhere with means shifted by so much, by quadrature of the discrepancy's density."""
        chance = 1.0
        for n, z, limit, shift in zip(amounts, self.comparison, self.limit, shifts, strict=True):
            if np.isfinite(limit):
                chance *= _within(limit, shift, self.sigma * (1 / n + 1 / z) ** 0.5) if n > 0 else 0.0
        return chance

    def penalty(self, amounts, shifts=(0.0, 0.0)):
        """Expected penalty; nobody submits anything where she has collected nothing."""
        passes, total = self.passing(amounts, shifts), 0.0
        for k, n in enumerate(amounts):
            total += self.costs[k] * n if n > 0 else 0.0
            if self.price[k] > 0:
                failing, passing = n + self.comparison[k], n + self.comparison[k] + self.rest[k]
                total += self.price[k] * self.sigma**2 * ((1 - passes) / failing + passes / passing)
        return total

    def drawn(self, amounts, shifts, draws, seed):
        """The same from means that are drawn, compared and combined: average and standard error."""
        rng = np.random.default_rng(seed)
        passed, errors = np.ones(draws, bool), np.zeros((draws, 2))
        for k, n in enumerate(amounts):
            z, rest = self.comparison[k], self.rest[k]
            own, clean, others = (
                rng.standard_normal(draws) * self.sigma / np.sqrt(count) if count > 0 else np.zeros(draws)
                for count in (n, z, rest)
            )
            if np.isfinite(self.limit[k]):
                passed &= (np.abs(own + shifts[k] - clean) <= self.limit[k]) & (n > 0)
            if self.price[k] > 0:
                failing = (n * own + z * clean) / (n + z)
                passing = (n * own + z * clean + rest * others) / (n + z + rest)
                errors[:, 0] += self.price[k] * passing**2
                errors[:, 1] += self.price[k] * failing**2
        spent = sum(cost * n for cost, n in zip(self.costs, amounts, strict=True) if n > 0)
        paid = np.where(passed, errors[:, 0], errors[:, 1]) + spent
        return paid.mean(), paid.std(ddof=1) / draws**0.5

    def least(self, amounts, needed):
        """The least penalty over amounts of both and a shift: a grid, and Nelder and Mead from its best places.

        Args:
            amounts: what she is asked for.
            needed: the distribution that she needs; the other one is the one on which she is checked.
        """
        other = 1 - needed
        alone = self.sigma * np.sqrt(self.price[needed] / self.costs[needed])
        found = []
        for share in (0.0, 0.02, 0.2, 0.5, 0.8, 1.0, 1.3):
            for own in (0.0, 0.003, 0.03, 0.3, 0.7, 1.0):
                for shift in (0.0, 1.0) if share else (0.0,):
                    place = np.array([share * amounts[other], own * alone, shift * self.sigma / amounts[other] ** 0.5])
                    found.append((self._at(place, needed), tuple(place)))
        found.sort()
        polished = [
            optimize.minimize(
                lambda place: self._at(np.abs(place), needed), start, method="Nelder-Mead", options={"maxfev": 120}
            ).fun
            for _, start in found[:3]
        ]
        return min(found[0][0], *polished)

    def _at(self, place, needed):
        amounts, shifts = np.zeros(2), np.zeros(2)
        amounts[1 - needed], amounts[needed], shifts[1 - needed] = place
        return self.penalty(amounts, shifts)


def _within(limit, shift, spread):
    """P(|shift + spread N| ≤ limit), by quadrature piece by piece."""
    edges = [-limit, *(min(max(shift + spread * x, -limit), limit) for x in (-6, -2, 2, 6)), limit]
    pieces = (integrate.quad(_normal, a, b, (shift, spread), epsabs=1e-14)[0] for a, b in itertools.pairwise(edges))
    return sum(pieces)


def _normal(x, shift, spread):
    return math.exp(-(((x - shift) / spread) ** 2) / 2) / (spread * math.sqrt(2 * math.pi))

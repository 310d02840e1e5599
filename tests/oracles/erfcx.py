"""erfcx, its remainders and their Chebyshev tables, in many digits with mpmath.

``python -m tests.oracles.erfcx`` prints the two tables of ``jaxmech/numerics/_erfcx.py``.
"""

from collections.abc import Callable

import mpmath

MAP = 3
"""A of the map t = (x − A)/(x + A) from [0, ∞) to [−1, 1)."""
TERMS = {"erfcx": 26, "remainder": 32}
_NODES = 96
_DIGITS = 120


def erfcx(x: float) -> mpmath.mpf:
    """exp(x²) erfc(x), in the working precision of the caller."""
    x = mpmath.mpf(x)
    return mpmath.exp(x * x) * mpmath.erfc(x)


def remainder(y: float, k: int) -> mpmath.mpf:
    """q_k(y): q_1 = 1 − √π y erfcx(y), q_{k+1} = 1 − 2y² q_k/(2k − 1)."""
    y = mpmath.mpf(y)
    q = 1 - mpmath.sqrt(mpmath.pi) * y * erfcx(y)
    for j in range(1, k):
        q = 1 - 2 * y * y * q / (2 * j - 1)
    return q


def chebyshev(function: Callable[[mpmath.mpf], mpmath.mpf], terms: int) -> list[float]:
    """First coefficients of the Chebyshev series of x ↦ function(x) in t (the one of T_0 not halved again)."""
    with mpmath.workdps(_DIGITS):
        angles = [mpmath.pi * (2 * j + 1) / (2 * _NODES) for j in range(_NODES)]
        nodes = [mpmath.cos(angle) for angle in angles]
        values = [function(MAP * (1 + t) / (1 - t)) for t in nodes]
        sums = [
            sum(v * mpmath.cos(k * angle) for v, angle in zip(values, angles, strict=True)) * 2 / _NODES
            for k in range(terms)
        ]
        return [float(sums[0] / 2), *(float(s) for s in sums[1:])]


def table(name: str) -> list[float]:
    """The committed table ``name``: (1 + 2x) erfcx(x), or (1 + 2x²/7) q_4(x)."""
    scaled = {
        "erfcx": lambda x: (1 + 2 * x) * erfcx(x),
        "remainder": lambda x: (1 + 2 * x * x / 7) * remainder(x, 4),
    }
    return chebyshev(scaled[name], TERMS[name])


if __name__ == "__main__":
    for name in TERMS:
        print(name, *table(name), sep="\n    ")

"""Tolerances by dtype, of all verdicts: solved or not, holds or not.

What only guides a method, such as where a search begins, stands with the method.
"""

import dataclasses

import jax.numpy as jnp
from jax.typing import DTypeLike

STANDARD_ERRORS = 5.0
"""How many standard errors a simulated average may be off what is promised."""


@dataclasses.dataclass(frozen=True)
class Tolerances:
    """Tolerances of one floating-point type, all relative.

    Attributes:
        eps: spacing of the numbers at 1.
        optimality: duality gap and constraint violation at which a convex program counts as solved (OK).
        iterate: residual at which an iteration stops, well below ``optimality`` so that the answer keeps it.
        almost: the same at which it still counts as ALMOST.
        root: residual of a scalar root at which it counts as solved, in units of ``eps``.
        condition: slack allowed in inequalities that hold with equality in exact arithmetic, such as condition (8).
        claim: margin by which a certificate may fall short and still hold.
        max_steps: iterations of an interior-point solve.
    """

    eps: float
    optimality: float
    iterate: float
    almost: float
    root: float
    condition: float
    claim: float
    max_steps: int

    @property
    def whole(self) -> float:
        """The largest number up to which every whole number can be told from the next: 2^53 in float64."""
        return 2 / self.eps


_FLOAT64 = Tolerances(
    eps=2.0**-52, optimality=1e-9, iterate=1e-12, almost=1e-6, root=64.0, condition=1e-7, claim=1e-6, max_steps=150
)
_FLOAT32 = Tolerances(
    eps=2.0**-23, optimality=1e-4, iterate=2e-6, almost=1e-2, root=64.0, condition=1e-3, claim=1e-2, max_steps=60
)


def tolerances(dtype: DTypeLike) -> Tolerances:
    """Return the tolerances for ``dtype`` (float32 or float64).

    Raises:
        TypeError: for any other type.

    Example:
        >>> tolerances("float64").eps == 2.0**-52
        True
    """
    name = jnp.dtype(dtype).name
    if name not in ("float32", "float64"):
        raise TypeError(f"dtype = {name}: must be float32 or float64")
    return _FLOAT64 if name == "float64" else _FLOAT32


def without_dust(amount: float, scale: float, dtype: DTypeLike = "float64") -> float:
    """Return an amount for a sentence: 0 where it is what rounding leaves of numbers as large as ``scale``.

    Example:
        >>> without_dust(4.4e-16, 0.3), without_dust(4.4e-16, 1e-15)
        (0.0, 4.4e-16)
    """
    return 0.0 if abs(amount) <= tolerances(dtype).iterate * abs(scale) else amount

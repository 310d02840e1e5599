"""Steady weights: noisy points are weighed by the noise that is expected, so that only variances matter. Pure kernels.

An agent who collects n points is compared with |Z| clean points of others; D = T − n* − |Z| others reach her with
noise of expected variance (b − 1)σ², b = 1 + α²(1/n + 1/|Z|). If she weighs them by b instead of by the noise that was
drawn, her error depends on second moments alone: her penalty is ::

    p(n) = σ²/I(n) + c n,    I(n) = n + |Z| + D/b,

for every law with variance σ². I is concave in n, so p is convex and its slope at n* decides.
"""

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from jaxmech._kept import jit
from jaxmech._status import Solution, Status
from jaxmech._tolerances import tolerances
from jaxmech._types import Array, Float
from jaxmech.collaboration._corruption import broadcast_floats


def steady_root(tau: ArrayLike, kappa: ArrayLike, comparison: ArrayLike = 1.0) -> Solution[Float[Array, "..."]]:
    """Return α²/n*, the noise level that makes collecting n* optimal for who weighs by expected noise, elementwise.

    In units of n*, with z = |Z|, A = 1 + z, D = τ − A, g = 1 + 1/z and x = b − 1 = g α²/n*, the slope of p vanishes if
    1 + D x/(g b²) = κ (A + D/b)², which is the quadratic ::

        (1 − κA²) x² + (2(1 − κAτ) + D/g) x = κτ² − 1.

    For 1/τ² < κ < 1/A² it has exactly one positive root. For κ ≥ 1/A² it can have two, if z > 2; the smaller noise is
    returned. Differentiable in all arguments, any number of times.

    Args:
        tau: T/n*, points behind a distribution over points recommended, > 1 + comparison.
        kappa: c n*²/σ², squared ratio of n* to what the agent would collect alone.
        comparison: z = |Z|/n*, clean points she is compared with over points recommended.

    Returns:
        Solution whose value, status, residual and steps have the common shape of the arguments. ``residual`` is the
        relative change of κ that makes the returned value an exact root. The status is NO_ROOT where no positive root
        exists and NONFINITE where an argument is not a number or the value overflows; there the value is NaN.

    Source: the bounded-variance theorem of Chen, Zhu and Kandasamy 2023, with the noise level solved for exactly.

    Example:
        >>> round(float(steady_root(10.0, 0.1).value), 6)
        1.274852
    """
    solution: Solution[Array] = _solve(*broadcast_floats(tau, kappa, comparison))
    return solution


def steady_penalty(
    n: ArrayLike,
    n_star: ArrayLike,
    total: ArrayLike,
    alpha: ArrayLike,
    cost: ArrayLike,
    scale: ArrayLike,
    comparison: ArrayLike | None = None,
) -> Float[Array, "..."]:
    """Penalty p(n) = σ²/(n + |Z| + D/b) + c n of who submits n points truthfully and weighs by expected noise.

    The same for every law of the data with standard deviation σ.

    Args:
        n: points she collects, > 0.
        n_star: points she is recommended to collect, n*.
        total: T, points behind the distribution if everybody complies.
        alpha: corruption coefficient α ≥ 0; α² counts points.
        cost: c, price of one of her points.
        scale: σ√price, standard deviation of one point in the unit in which penalties are counted.
        comparison: |Z|, n* by default.

    Returns:
        Her expected penalty, of the common shape, in the unit of the costs.

    Source: see :func:`steady_root`.

    Example:
        >>> float(steady_penalty(2.0, 2.0, 10.0, 0.0, 0.5, 1.0))
        1.1
    """
    compared = n_star if comparison is None else comparison
    n, n_star, total, alpha, cost, scale, z = broadcast_floats(n, n_star, total, alpha, cost, scale, compared)
    # n z / (n z + α²(n + z)) = 1/b, which also holds at n = 0
    share = n * z / (n * z + alpha**2 * (n + z))
    return scale**2 / (n + z + (total - n_star - z) * share) + cost * n


@jit
def _solve(tau: Array, kappa: Array, z: Array) -> Solution[Array]:
    """The root where there is one; elsewhere an ordinary point takes its place, so that no NaN meets a derivative."""
    sound = (z > 0) & (tau > 1 + z) & (kappa * tau * tau > 1) & jnp.isfinite(tau + kappa + z)
    tau_, kappa_, z_ = jnp.where(sound, tau, 10), jnp.where(sound, kappa, 0.1), jnp.where(sound, z, 1)
    square, linear, missing = _quadratic(tau_, kappa_, z_)
    discriminant = linear**2 + 4 * square * missing
    inside = sound & (discriminant >= 0) & ((square > 0) | (linear > 0))
    root = jnp.sqrt(jnp.where(inside, discriminant, 1))
    # of the two forms of a root of a quadratic the one in which nothing cancels
    summed = jnp.where(inside & (linear > 0), linear + root, 1)
    spread = jnp.where(inside & (linear <= 0), root - linear, 1)
    x = jnp.where(linear > 0, 2 * missing / summed, spread / (2 * jnp.where(square > 0, square, 1)))
    value = x / (1 + 1 / z_)
    residual = _backward_error(*jax.lax.stop_gradient((tau_, kappa_, z_, x)))
    finite = jnp.isfinite(value) & jnp.isfinite(residual)
    accuracy = tolerances(tau.dtype)
    solved = jnp.where(residual <= accuracy.root * accuracy.eps, Status.OK, Status.ALMOST)
    undefined = ~jnp.isfinite(tau + kappa + z) | (inside & ~finite)
    status = jnp.where(undefined, Status.NONFINITE, jnp.where(inside, solved, Status.NO_ROOT))
    answered = inside & finite
    return Solution(
        value=jnp.where(answered, value, jnp.nan),
        status=status.astype(jnp.int32),
        residual=jnp.where(answered, residual, jnp.nan),
        steps=jnp.zeros(tau.shape, jnp.int32),
    )


def _quadratic(tau: Array, kappa: Array, z: Array) -> tuple[Array, Array, Array]:
    """Coefficients of square·x² + linear·x = missing."""
    clean = 1 + z
    square = (1 - jnp.sqrt(kappa) * clean) * (1 + jnp.sqrt(kappa) * clean)
    linear = 2 * (1 - kappa * clean * tau) + (tau - clean) * z / clean
    root = jnp.sqrt(kappa) * tau
    return square, linear, (root - 1) * (root + 1)


def _backward_error(tau: Array, kappa: Array, z: Array, x: Array) -> Array:
    """|κ' − κ|/κ with κ' such that x solves the quadratic for κ' exactly: κ' = (b² + D x/g)/(A b + D)²."""
    clean, b = 1 + z, 1 + x
    noisy = tau - clean
    exact = (1 + noisy * z / clean * x / b**2) / (clean + noisy / b) ** 2
    return jnp.abs(exact / kappa - 1)

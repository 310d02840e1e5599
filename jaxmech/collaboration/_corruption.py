"""The corruption coefficient: how much noise makes collecting the recommended amount optimal."""

import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from jaxmech._kept import jit
from jaxmech._status import Solution, Status
from jaxmech._tolerances import tolerances
from jaxmech._types import Array, Float
from jaxmech.numerics import Remainders, remainders, tails

# From the start below, at most 14 % off, three cubically convergent steps reach rounding level everywhere.
_STEPS = 3


def corruption_root(tau: ArrayLike, kappa: ArrayLike) -> Solution[Float[Array, "..."]]:
    """Return α²/n*, the squared corruption coefficient that makes collecting n* optimal, elementwise.

    With τ = T/n*, κ = c n*²/σ², y² = τ/(8 α²/n*), r = √π y erfcx(y) and s = 2y²(1 − r), the first-order condition of
    the checked agent is ::

        (τ + 1) r(y) + s(y) = τ²(1 − 4κ)/(τ − 2).

    Its left side increases from 0 to τ + 2, so that a root exists, and is unique, if and only if τ > 2 and
    1/τ² < κ < 1/4. Over the whole of that range the value is the exact root for a κ within 10 units in the last
    place of the given one. It can be differentiated in both arguments, forward and reverse, twice, by the implicit
    function theorem: to rounding level over the whole of that range too.

    Args:
        tau: T/n*, points behind a distribution over points recommended; broadcasts with ``kappa``.
        kappa: c n*²/σ², squared ratio of n* to what the agent would collect alone.

    Returns:
        Solution whose value, status, residual and steps have the common shape of the arguments. ``residual`` is the
        backward error, the relative change of κ that makes the returned value an exact root (computed with rounding,
        so itself good to a few units in the last place). The status is NO_ROOT where no root exists and NONFINITE
        where an argument is NaN or the value would overflow; there value and residual are NaN.

    Source: Clinton et al. 2025, Lemma 15 and equation (11), whose second bracket is to read 4α²/T.

    Example:
        >>> round(float(corruption_root(100.0, 0.1).value), 8)
        34.82710742
    """
    solution: Solution[Array] = _solve(*broadcast_floats(tau, kappa))
    return solution


def checked_penalty(tau: ArrayLike, kappa: ArrayLike, ratio: ArrayLike) -> Float[Array, "..."]:
    """Penalty of a checked agent who complies, in units of σ²/n*: ½ − ½(1 − 2/τ) r(y) + κ, y² = τ/(8 ratio).

    Args:
        tau: T/n*.
        kappa: c n*²/σ².
        ratio: α²/n*, as from :func:`corruption_root`; the arguments broadcast.

    Returns:
        q(n*)/(σ²/n*), of the common shape.

    Source: Clinton et al. 2025, Lemma 16 (the penalty of M_CBL, as integrated there).

    Example:
        >>> float(checked_penalty(10.0, 0.1, jnp.inf))
        0.6
    """
    tau, kappa, ratio = broadcast_floats(tau, kappa, ratio)
    return 1 / tau + (0.5 - 1 / tau) * tails(4 * (ratio / tau)).p + kappa


def deviation_penalty(
    n: ArrayLike,
    n_star: ArrayLike,
    total: ArrayLike,
    alpha: ArrayLike,
    cost: ArrayLike,
    scale: ArrayLike,
    comparison: ArrayLike | None = None,
) -> Float[Array, "..."]:
    """Penalty q(n) of a checked agent who collects n points instead of n*, and submits them truthfully.

    Her mean is compared with that of |Z| clean points, and the D = T − n* − |Z| other points reach her with extra
    variance η² = α²(ȳ − z̄)². Averaging 1/((n + |Z|)/σ² + D/(σ² + η²)) over ȳ − z̄ ~ N(0, σ²(1/n + 1/|Z|)) gives ::

        q(n) = σ²/(N + D) · (1 + D/N · (1 − r(y))) + c n,   N = n + |Z|,   y² = (N + D)/(2 N α² (1/n + 1/|Z|)),

    which equals σ²/(N + D), all points pooled, at α = 0 and σ²/N, all noisy points discarded, at α = ∞.
    Twice differentiable in every argument; all arguments broadcast.

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

    Source: Clinton et al. 2025, equation (64) (there |Z| = n*); for any |Z| by the same integral.

    Example:
        >>> float(deviation_penalty(2.0, 2.0, 10.0, 0.0, 0.5, 1.0))
        1.1
    """
    compared = n_star if comparison is None else comparison
    n, n_star, total, alpha, cost, scale, z = broadcast_floats(n, n_star, total, alpha, cost, scale, compared)
    clean = n + z
    noisy = total - n_star - z
    spread = alpha**2 * (1 / n + 1 / z)
    share = clean / (clean + noisy)
    lost = tails(share * spread).p
    return scale**2 / (clean + noisy) * (1 + noisy / clean * lost) + cost * n


def broadcast_floats(*arguments: ArrayLike) -> list[Array]:
    """Give all arguments one shape and one floating-point type."""
    dtype = jnp.result_type(float, *arguments)
    return list(jnp.broadcast_arrays(*(jnp.asarray(argument, dtype) for argument in arguments)))


@jit
def _solve(tau: Array, kappa: Array) -> Solution[Array]:
    """The root where there is one; elsewhere an arbitrary point takes its place, so that no NaN meets a derivative."""
    low, high = _bounds(tau, kappa)
    inside = (tau > 2) & (low > 0) & (high > 0)
    safe_tau, safe_kappa = jnp.where(inside, tau, 10), jnp.where(inside, kappa, 0.1)
    root = _root(safe_tau, safe_kappa)
    residual = _backward_error(*jax.lax.stop_gradient((safe_tau, safe_kappa, root)))
    finite = jnp.isfinite(root) & jnp.isfinite(residual)
    accuracy = tolerances(tau.dtype)
    solved = jnp.where(residual <= accuracy.root * accuracy.eps, Status.OK, Status.MAX_STEPS)
    undefined = jnp.isnan(kappa) | jnp.isnan(tau) | (tau == jnp.inf) | (inside & ~finite)
    status = jnp.where(undefined, Status.NONFINITE, jnp.where(inside, solved, Status.NO_ROOT))
    answered = inside & finite
    return Solution(
        value=jnp.where(answered, root, jnp.nan),
        status=status.astype(jnp.int32),
        residual=jnp.where(answered, residual, jnp.nan),
        steps=jnp.where(inside, _STEPS, 0).astype(jnp.int32),
    )


@jax.custom_jvp
def _root(tau: Array, kappa: Array) -> Array:
    """α²/n* by Halley's method in y; r and s give their own derivatives, so a step costs one series."""
    low, high = _bounds(tau, kappa)
    y = _start(tau, low / high)
    for _ in range(_STEPS):
        about_y = remainders(y)
        slope = about_y.r1 + (about_y.r1 + about_y.s1) / tau
        bend = about_y.r2 + (about_y.r2 + about_y.s2) / tau - slope
        newton = _defect(tau, low, high, about_y) / slope
        y = y - y * newton / (1 - 0.5 * newton * (bend / slope))
    return tau * (0.125 / y / y)


@_root.defjvp
def _root_jvp(primals: tuple[Any, Any], tangents: tuple[Any, Any]) -> tuple[Array, Array]:
    root = _root(*primals)
    by_tau, by_kappa = _gradient(*primals, root)
    return root, by_tau * tangents[0] + by_kappa * tangents[1]


class _Curve(NamedTuple):
    """The root as x = 4 α²/T, which solves (1 + ε) p(x) + ε q(x) = h with ε = 1/τ and h = 1 + 2ε − (1 − 4κ)/g.

    x is smooth in ε and κ over the whole range, ends included, which log y is not.

    Attributes:
        inverse: ε.
        gap: g = 1 − 2ε.
        x: the solution.
        slope: derivative of the left side by x.
        bend: its second derivative.
        by_inverse: dx/dε.
        by_kappa: dx/dκ.
    """

    inverse: Array
    gap: Array
    x: Array
    slope: Array
    bend: Array
    by_inverse: Array
    by_kappa: Array


def _curve(tau: Array, kappa: Array, root: Array) -> _Curve:
    inverse, gap, room = 1 / tau, (tau - 2) / tau, 1 - 4 * kappa
    x = 4 * (root / tau)
    tail, about_y = tails(x), remainders(_argument(tau, root))
    slope, bend = tail.p1 + inverse * (tail.p1 + tail.q1), tail.p2 + inverse * (tail.p2 + tail.q2)
    # dh/dε = 2 − 2(1 − 4κ)/g², in the form that does not cancel; near α = ∞ less p + q, both of which are near 1 there
    risen = jnp.where(tau > 4, 8 * (kappa - inverse * (1 - inverse)) / gap**2, 2 - 2 * room / gap**2)
    left = jnp.where(about_y.far, risen - (tail.p + tail.q), about_y.r + about_y.s - 2 * room / gap**2)
    return _Curve(inverse, gap, x, slope, bend, left / slope, 4 / gap / slope)


@jax.custom_jvp
def _gradient(tau: Array, kappa: Array, root: Array) -> tuple[Array, Array]:
    """Derivatives of the root in τ and κ, by the implicit function rule; ``root`` is that of τ and κ."""
    curve = _curve(tau, kappa, root)
    return (curve.x - curve.inverse * curve.by_inverse) / 4, tau * curve.by_kappa / 4


@_gradient.defjvp
def _gradient_jvp(
    primals: tuple[Any, Any, Any], tangents: tuple[Any, Any, Any]
) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
    """The same rule once more. The change of the root is that of τ and κ: its tangent says nothing new."""
    (tau, kappa, root), (dtau, dkappa, _) = primals, tangents
    twice_tau, both, twice_kappa = _second_derivatives(tau, kappa, root)
    changes = (twice_tau * dtau + both * dkappa, both * dtau + twice_kappa * dkappa)
    return _gradient(tau, kappa, root), changes


def _second_derivatives(tau: Array, kappa: Array, root: Array) -> tuple[Array, Array, Array]:
    """By τ twice, by τ and κ, and by κ twice."""
    inverse, gap, _, slope, bend, by_inverse, by_kappa = curve = _curve(tau, kappa, root)
    tail = tails(curve.x)
    mixed = tail.p1 + tail.q1
    twice_inverse = (-8 * (1 - 4 * kappa) / gap**3 - 2 * mixed * by_inverse - bend * by_inverse**2) / slope
    both = (8 / gap**2 - mixed * by_kappa - bend * by_kappa * by_inverse) / slope
    twice_kappa = -bend * by_kappa**2 / slope
    return inverse**3 * twice_inverse / 4, (by_kappa - inverse * both) / 4, tau * twice_kappa / 4


def _bounds(tau: Array, kappa: Array) -> tuple[Array, Array]:
    """ρ/τ with ρ = τ²(1 − 4κ)/(τ − 2), and 1 + 2/τ − ρ/τ = 4(κτ² − 1)/(τ(τ − 2)), each accurate where it is small.

    κτ² − 1 is taken as κ(τ² − 4) − (1 − 4κ): τ − 2 and 1 − 4κ are exact near τ = 2 and κ = 1/4, where it vanishes too.
    """
    excess, room = tau - 2, 1 - 4 * kappa
    return tau / excess * room, 4 * (kappa * ((tau + 2) / tau) - room / tau / excess)


def _start(tau: Array, odds: Array) -> Array:
    """Solve a y + b y² = odds, which has the right slope at both ends of odds = left side/(τ + 2 − left side)."""
    a = math.sqrt(math.pi) * (tau + 1) / (tau + 2)
    b = 2 * (tau + 2) / (tau + 4)
    return 2 * odds / (a + jnp.sqrt(a * a + 4 * b * odds))


def _argument(tau: Array, ratio: Array) -> Array:
    return math.sqrt(0.125) / jnp.sqrt(ratio / tau)


def _defect(tau: Array, low: Array, high: Array, about_y: Remainders) -> Array:
    """Left side less right side over τ, from the equation or from its complement."""
    near = about_y.r + (about_y.r + about_y.s) / tau - low
    far = high - (about_y.p + (about_y.p + about_y.q) / tau)
    return jnp.where(about_y.far, far, near)


def _backward_error(tau: Array, kappa: Array, root: Array) -> Array:
    """|κ' − κ|/κ with κ' such that ``root`` solves the equation for κ' exactly."""
    low, high = _bounds(tau, kappa)
    defect = _defect(tau, low, high, remainders(_argument(tau, root)))
    return jnp.abs(defect) * ((tau - 2) / tau) / (4 * kappa)

"""The scaled complementary error function, and what is left of it after its leading terms."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike, DTypeLike

from jaxmech._kept import jit
from jaxmech._types import Array, Bool, Float

# Chebyshev series in t = (x - A)/(x + A), as in Shepherd and Laframboise 1981; tests/oracles/erfcx.py generates them.
_MAP = 3.0
# fmt: off
_ERFCX = (
    # (1 + 2x) erfcx(x)
    1.17756257419656, 0.005353904539615676, -0.09377550342284209, 0.05436652555744322,
    -0.018976596707845208, 0.004453426061462712, -0.0006335531710553147, 1.7661719523171593e-05,
    1.2841532864056671e-05, -2.0072285659059913e-06, -1.807522790414837e-07, 7.549828343825093e-08,
    1.885668523838603e-09, -2.699519049798364e-09, -1.460079119939105e-11, 1.0361607445969489e-10,
    1.475715976623473e-12, -4.277340064396911e-12, -2.07922492859799e-13, 1.8134502003176963e-13,
    1.973425574544739e-14, -7.287943737592673e-15, -1.5169878690228116e-15, 2.3514112258781403e-16,
    1.0006111691821667e-16, -2.0572528169538546e-18,
)
_REMAINDER = (
    # (1 + 2x^2/7) q_4(x)
    0.9797980806662508, 0.008039261463386104, 0.027202042188649713, -0.013553629365682402,
    -0.006674503233134302, 0.006560521670218925, -0.0007479847744588427, -0.001066467981622682,
    0.00048322218777605697, 5.3547041574051014e-06, -6.244001869668971e-05, 1.6225380143180627e-05,
    1.554332176176303e-06, -1.3466745962993219e-06, 3.44768377922273e-08, 8.588583556196672e-08,
    -6.238476757606642e-09, -5.417896843377636e-09, 4.3120425982431007e-10, 3.590638525880754e-10,
    -1.807721296480193e-11, -2.4555751299254604e-11, -1.7684776514775313e-13, 1.6442977665803338e-12,
    1.4415985466689195e-13, -1.0004217849627976e-13, -2.017183289703781e-14, 4.791687317892571e-15,
    2.0088207398539653e-15, -8.494554495429135e-17, -1.5734072196794712e-16, -1.6615890333166236e-17,
)
# fmt: on
_TERMS = {"float64": (26, 32), "float32": (13, 16)}
# Below it 1 - r is formed by subtraction, above it r is: here either loses about the same.
_SWITCH = 1.125
# Of x = 1/(2y²): below it the recurrence, started from nothing, reach rounding level.
_SMALL = 1e-3
_LAST = 14
# Both float types overflow in exp(x^2) well before.
_FAR = 30.0


def erfcx(x: ArrayLike) -> Float[Array, "..."]:
    """Scaled complementary error function, exp(x²) erfc(x).

    Relative error below 1e-15 (float64) or 4e-7 (float32) as long as the result is a
    normal number. It falls like 1/(√π x) for large x, and overflows to ∞ below about −26.6 (−9.4).
    Differentiable in forward and reverse mode, any number of times.

    Args:
        x: any shape, float32 or float64 (other numbers become the default float type).

    Returns:
        Same shape; 0 at ∞, NaN at NaN.

    Source: Shepherd and Laframboise 1981, "Chebyshev approximation of (1 + 2x)exp(x²)erfc x in 0 ≤ x < ∞".

    Example:
        >>> float(erfcx(0.0))
        1.0
    """
    value: Array = _compiled_erfcx(jnp.asarray(x, dtype=jnp.result_type(float, x)))
    return value


@jax.custom_jvp
def _erfcx(x: Array) -> Array:
    positive = _erfcx_positive(jnp.where(x < 0, -x, x))
    return jnp.where(x < 0, 2 * _exp_square(x) - positive, positive)


_compiled_erfcx = jax.jit(_erfcx)


class Remainders(NamedTuple):
    """r = √π y erfcx(y) and s = 2y²(1 − r), their complements and their logarithmic derivatives.

    Every field has full relative accuracy, also where subtracting one from another would cancel.

    Attributes:
        far: whether y lies where r and s are nearer to 1 than to 0, so that the complements are the accurate pair.
        r: √π y erfcx(y), increasing from 0 to 1.
        s: 2y²(1 − r), increasing from 0 to 1.
        p: 1 − r, about 1/(2y²) for large y.
        q: 1 − s, about 3/(2y²) for large y.
        r1: y dr/dy.
        s1: y ds/dy.
        r2: (y d/dy)² r.
        s2: (y d/dy)² s.
    """

    far: Bool[Array, "..."]
    r: Float[Array, "..."]
    s: Float[Array, "..."]
    p: Float[Array, "..."]
    q: Float[Array, "..."]
    r1: Float[Array, "..."]
    s1: Float[Array, "..."]
    r2: Float[Array, "..."]
    s2: Float[Array, "..."]


@jax.custom_jvp
def remainders(y: Float[Array, "..."]) -> Remainders:
    """What is left of √π y erfcx(y) after each term of its asymptotic series.

    With q_1 = 1 − √π y erfcx(y) and q_{k+1} = 1 − 2y² q_k/(2k − 1), every q_k falls from 1 to 0 and
    y q_k' = (2k − 1)(q_k − q_{k+1}). Upwards the recurrence is stable for small y, downwards for large y, so erfcx
    starts it at the one end and a Chebyshev series of q_4 at the other.

    Args:
        y: any shape, y ≥ 0.

    Returns:
        :class:`Remainders`, each field of the shape of ``y``.

    Source: the convergent form of the asymptotic series of erfc, Abramowitz and Stegun 1964, 7.1.23.

    Example:
        >>> float(remainders(jnp.array(1e9)).p)
        5e-19
    """
    found: Remainders = _remainders(y)
    return found


@jit
def _remainders(y: Array) -> Remainders:
    far = y >= _SWITCH
    # Each branch sees only arguments it can take, or its derivatives would put NaN into the other.
    near_y, far_y = jnp.where(far, _SWITCH, y), jnp.where(far, y, _SWITCH)
    series = _chebyshev(_blend(far, y.dtype), y) / jnp.where(far, 1 + 2 * far_y**2 / 7, 1 + 2 * near_y)
    r, q1, q2, *near = _upwards(near_y, series)
    p1, p2, *beyond = _downwards(far_y, series)
    d1, d2, d3 = (jnp.where(far, b, a) for a, b in zip(near, beyond, strict=True))
    return Remainders(
        far=far,
        r=jnp.where(far, 1 - p1, r),
        s=jnp.where(far, 1 - p2, 2 * near_y**2 * q1),
        p=jnp.where(far, p1, q1),
        q=jnp.where(far, p2, q2),
        r1=d1,
        s1=3 * d2,
        r2=d1 - 3 * d2,
        s2=9 * d2 - 15 * d3,
    )


class Tails(NamedTuple):
    """p = 1 − r and q = 1 − s of :class:`Remainders` as functions of x = 1/(2y²), with two derivatives in x.

    They start as p = x − 3x² + …, q = 3x − 15x² + …, so that near x = 0, where y is ∞, everything is smooth in x.
    Every field has full relative accuracy.

    Attributes:
        p: 1 − r, increasing from 0 to 1.
        q: 1 − s, increasing from 0 to 1.
        p1: dp/dx.
        q1: dq/dx.
        p2: d²p/dx².
        q2: d²q/dx².
    """

    p: Float[Array, "..."]
    q: Float[Array, "..."]
    p1: Float[Array, "..."]
    q1: Float[Array, "..."]
    p2: Float[Array, "..."]
    q2: Float[Array, "..."]


@jax.custom_jvp
def tails(x: Float[Array, "..."]) -> Tails:
    """What √π y erfcx(y) and its first remainder lack to 1, as functions of x = 1/(2y²), with two derivatives.

    Args:
        x: any shape, x ≥ 0.

    Returns:
        :class:`Tails`, each field of the shape of ``x``.

    Source: as for :func:`remainders`; q_k = (2k − 1) x (1 − q_{k+1}) downwards converges at once for small x.

    Example:
        >>> [float(field) for field in tails(jnp.array(0.0))]
        [0.0, 0.0, 1.0, 3.0, -6.0, -30.0]
    """
    found: Tails = _tails(x)
    return found


@jit
def _tails(x: Array) -> Tails:
    small = x < _SMALL
    near, beyond = _tails_near_zero(jnp.where(small, x, 0)), _tails_from_remainders(jnp.where(small, 1, x))
    return Tails(*(jnp.where(small, a, b) for a, b in zip(near, beyond, strict=True)))


def _tails_near_zero(x: Array) -> Tails:
    q = {_LAST + 1: jnp.zeros_like(x)}
    for k in range(_LAST, 0, -1):
        q[k] = (2 * k - 1) * x * (1 - q[k + 1])
    # (q_{k+1} − q_k)/x
    rise = {k: 2 - (2 * k + 1) * q[k + 2] + (2 * k - 1) * q[k + 1] for k in range(1, 5)}
    p2, q2 = 0.75 * (rise[2] - 5 * rise[3]), 3.75 * (3 * rise[3] - 7 * rise[4])
    return Tails(q[1], q[2], 0.5 * rise[1], 1.5 * rise[2], p2, q2)


def _tails_from_remainders(x: Array) -> Tails:
    about = remainders(math.sqrt(0.5) / jnp.sqrt(x))
    d1, d2, d3 = about.r1, about.s1 / 3, (3 * about.s1 - about.s2) / 15
    return Tails(about.p, about.q, 0.5 * d1 / x, 1.5 * d2 / x, 0.75 * (d2 - d1) / x / x, 3.75 * (d3 - d2) / x / x)


@tails.defjvp
def _tails_jvp(primals: tuple[Any], tangents: tuple[Any]) -> tuple[Tails, Tails]:
    (x,), (dx,) = primals, tangents
    value = tails(x)
    _, tangent = jax.jvp(_tails, (x,), (dx,))  # third derivatives only
    return value, tangent._replace(p=value.p1 * dx, q=value.q1 * dx, p1=value.p2 * dx, q1=value.q2 * dx)


def _upwards(y: Array, erfcx_y: Array) -> tuple[Array, ...]:
    """r, q_1, q_2 and the differences q_{k+1} − q_k, k = 1, 2, 3, each written so that it does not cancel."""
    square = y**2
    r = math.sqrt(math.pi) * y * erfcx_y
    q1 = 1 - r
    q2 = 1 - 2 * square * q1
    d2 = 2 * square * (q1 - q2 / 3)
    d3 = 2 * square * (q2 / 3 - (q2 + d2) / 5)
    return r, q1, q2, r - 2 * square * q1, d2, d3


def _downwards(y: Array, q4: Array) -> tuple[Array, ...]:
    """q_1, q_2 and the differences q_{k+1} − q_k, k = 1, 2, 3."""
    half = 0.5 / y / y
    q3 = 5 * half * (1 - q4)
    q2 = 3 * half * (1 - q3)
    q1 = half * (1 - q2)
    return q1, q2, q2 - q1, q3 - q2, q4 - q3


def _blend(far: Array, dtype: DTypeLike) -> Sequence[Array]:
    """Coefficients chosen lane by lane: one pass over one series costs half of two."""
    near_count, far_count = _terms(dtype)
    near = (*_ERFCX[:near_count], *[0.0] * (far_count - near_count))
    pairs = zip(near, _REMAINDER[:far_count], strict=True)
    return [jnp.where(far, jnp.asarray(b, dtype), jnp.asarray(a, dtype)) for a, b in pairs]


@remainders.defjvp
def _remainders_jvp(primals: tuple[Any], tangents: tuple[Any]) -> tuple[Remainders, Remainders]:
    (y,), (dy,) = primals, tangents
    value = remainders(y)
    # Only third derivatives reach the tangents of r2 and s2, and only there is the series itself differentiated.
    _, tangent = jax.jvp(_remainders, (y,), (dy,))
    zero = y == 0
    log_dy = dy / jnp.where(zero, 1, y)
    dr = jnp.where(zero, math.sqrt(math.pi) * dy, value.r1 * log_dy)
    ds = value.s1 * log_dy
    return value, tangent._replace(r=dr, s=ds, p=-dr, q=-ds, r1=value.r2 * log_dy, s1=value.s2 * log_dy)


@_erfcx.defjvp
def _erfcx_jvp(primals: tuple[Any], tangents: tuple[Any]) -> tuple[Array, Array]:
    (x,), (dx,) = primals, tangents
    value = _erfcx(x)
    below = x < 0
    # 2x erfcx(x) - 2/√π cancels for x > 0, where it is -2/√π (1 - r).
    unit = 2 / math.sqrt(math.pi)
    left = 2 * jnp.where(below, x, 0) * jnp.where(below, value, 0) - unit
    right = -unit * remainders(jnp.where(below, 0, x)).p
    return value, jnp.where(below, left, right) * dx


def _erfcx_positive(x: Array) -> Array:
    count, _ = _terms(x.dtype)
    return _chebyshev([jnp.asarray(c, x.dtype) for c in _ERFCX[:count]], x) / (1 + 2 * x)


def _terms(dtype: DTypeLike) -> tuple[int, int]:
    name = jnp.dtype(dtype).name
    if name not in _TERMS:
        raise TypeError(f"dtype = {name}: must be float32 or float64")
    return _TERMS[name]


def _exp_square(x: Array) -> Array:
    """exp(x²); squaring in one go would lose as many digits as x² has before the point."""
    size = jnp.minimum(jnp.abs(x), _FAR)
    coarse = jnp.floor(16 * size) / 16
    # As a product of two exponentials it would be compiled into the exponential of the sum.
    return jnp.exp(coarse * coarse) * (1 + jnp.expm1((size - coarse) * (size + coarse)))


def _chebyshev(coefficients: Sequence[Array], x: Array) -> Array:
    """Clenshaw's recurrence in t = (x − A)/(x + A), written so that x = ∞ is t = 1."""
    t = 1 - 2 * _MAP / (x + _MAP)
    ahead, after = jnp.zeros_like(t), jnp.zeros_like(t)
    for coefficient in reversed(coefficients[1:]):
        ahead, after = 2 * t * ahead + (coefficient - after), ahead
    return t * ahead + (coefficients[0] - after)

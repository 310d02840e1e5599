"""What data is worth to a buyer: by the error of her estimate, and hence by how many points she gets."""

import dataclasses
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import erf, erfc

from jaxmech._checks import numbers, positive
from jaxmech._errors import ProblemError
from jaxmech._extremes import highest
from jaxmech._pytree import pytree
from jaxmech._tolerances import tolerances
from jaxmech._types import Array, ArrayLike, Float, Scalar
from jaxmech.numerics import erfcx, half_normal_expectation

KINDS = ("threshold", "exponential", "linear", "table")
"""Names of the valuations that a problem file can ask for."""

_BLOCK = 2048  # sizes per block where an expectation is integrated: bounds the memory


@pytree
@dataclasses.dataclass(frozen=True)
class Valuation:
    """What a buyer would pay for m points: v^d(m) = E v^e(|Z| σ/√m) for standard normal Z, v^d(0) = 0.

    Made by :func:`threshold`, :func:`exponential`, :func:`linear`, :func:`table` or :func:`by_error`. Of several means
    values add up: Σ_k v_k(m), each from the error of its mean in the unit of its σ_k.

    Attributes:
        scale: of the error, in the unit of σ; 1 for tables and functions; (means,) where there are several.
        value: the largest value, v^e(0); (means,) where there are several.
        values: of a table, by size; empty otherwise.
        kind: which form.
        function: v^e of a user, elementwise.
        monotone: whether more points are never worth less; only tables may say no.

    Source: Chen, Clinton and Kandasamy 2025, section 3.1, equation (11).
    """

    scale: Scalar | Float[Array, " means"]
    value: Scalar | Float[Array, " means"]
    values: Float[Array, " table"]
    kind: str = dataclasses.field(metadata={"static": True})
    function: Callable[[Array], Array] | None = dataclasses.field(metadata={"static": True})
    monotone: bool = dataclasses.field(default=True, metadata={"static": True})

    def by_size(self, sizes: ArrayLike, sigma: Array | float) -> Array:
        """Return v^d at sizes (any shape): in closed form, from the table, or by quadrature."""
        return self.with_error(sizes, sigma)[0]

    def with_error(self, sizes: ArrayLike, sigma: Array | float) -> tuple[Array, Array]:
        """Return v^d at sizes (any shape), and an estimate of its absolute error; 0 where the form is closed.

        Args:
            sizes: whole numbers.
            sigma: of a point; (means,) where it measures several.
        """
        dtype = self.value.dtype
        if self.kind == "table":
            last = self.values.shape[-1] - 1
            found = self.values[jnp.clip(jnp.asarray(sizes).astype(int), 0, last)]
            return found, jnp.zeros_like(found)
        sizes = jnp.asarray(sizes, dtype)
        spread: Array = sigma / jnp.sqrt(jnp.maximum(sizes[..., None] if jnp.ndim(sigma) else sizes, 1))
        if self.function is not None:
            found, error = _integrate(self.function, spread)
        else:
            found = self.added(self.value * _CLOSED[self.kind](spread / self.scale))
            error = jnp.zeros_like(found)
        nothing = sizes < 1
        return jnp.where(nothing, 0.0, found), jnp.where(nothing, 0.0, error)

    def of_error(self, error: ArrayLike) -> Array:
        """Return v^e at errors (any shape; of several means (…, means)); NaN for a table, which knows sizes only."""
        error = jnp.asarray(error, self.value.dtype)
        if self.kind == "table":
            return jnp.full(error.shape, jnp.nan, error.dtype)
        if self.function is not None:
            return self.function(error)
        ratio = error / self.scale
        shapes = {
            "threshold": lambda: (ratio <= 1).astype(ratio.dtype),
            "exponential": lambda: jnp.exp(-ratio),
            "linear": lambda: jnp.maximum(1 - ratio, 0.0),
        }
        return self.added(self.value * shapes[self.kind]())

    def of_estimate(self, bias: ArrayLike, spread: ArrayLike) -> Array:
        """Return E v^e(|b + s Z|) for standard normal Z: what an estimate with bias b and deviation s is worth.

        Args:
            bias: b, any shape; of several means (…, means).
            spread: s, positive; broadcasts with the bias.

        Returns:
            The expectations, of several means mean by mean; NaN for a table, which knows sizes only.
        """
        bias, spread = jnp.broadcast_arrays(*(jnp.asarray(part, self.value.dtype) for part in (bias, spread)))
        if self.kind == "table":
            return jnp.full(bias.shape, jnp.nan, bias.dtype)
        if self.function is not None:
            return _both_sides(self.function, bias, spread)
        return self.value * _BIASED[self.kind](jnp.abs(bias) / self.scale, spread / self.scale)

    def of_means(self, means: int) -> "Valuation":
        """Return the valuation where a point measures several means; a number is the same for all, a value is shared.

        Args:
            means: how many.

        Raises:
            ProblemError: for lists of another length, and for functions of one error.
        """
        listed = [part.shape[0] for part in (self.scale, self.value) if part.ndim]
        if self.kind == "function" and means > 1:
            raise ProblemError("valuation", "by_error", "is a function of one error: sell one mean, or give a list")
        for length in listed:
            if length != means or means == 1:
                rule = f"must be a number, or a list with one for each of {means} means"
                raise ProblemError("scale and value", f"a list of {length}", rule)
        if means == 1 or self.kind == "table":
            return self
        value = self.value if self.value.ndim else jnp.full((means,), self.value / means)
        return dataclasses.replace(self, scale=jnp.broadcast_to(self.scale, (means,)), value=value)

    def added(self, values: Array) -> Array:
        """Return values (…, means) added up over several means; those of one as they are."""
        return jnp.sum(values, axis=-1) if jnp.ndim(self.value) else values

    def times(self, factor: float) -> "Valuation":
        """Return the valuation with all values times a positive factor."""
        own = self.function
        scaled = None if own is None else (lambda error: factor * own(error))
        return dataclasses.replace(self, value=self.value * factor, values=self.values * factor, function=scaled)

    @property
    def largest(self) -> Scalar:
        """The value that no amount of data exceeds."""
        return jnp.sum(self.value) if jnp.ndim(self.value) else self.value


def threshold(scale: ArrayLike, value: ArrayLike = 1.0, most: float = 1.0) -> Valuation:
    """v^e(e) = value if e <= scale, else 0; hence v^d(m) = value·erf(scale √m / (σ√2)).

    Args:
        scale: the largest error that is good enough, positive, in the unit of σ; of several means a list.
        value: largest value, in (0, most]; of several means a list of what each is worth, 0 for what she does not need.
        most: the largest value that is allowed; ∞ where values are in a unit of money.

    Raises:
        ProblemError: for numbers out of range.

    Source: this package: a valuation of the class of Chen, Clinton and Kandasamy 2025, section 3.1.

    Example:
        >>> round(float(threshold(1.0).by_size(jnp.array(1), 1.0)), 4)  # within one standard deviation
        0.6827
    """
    return _closed("threshold", scale, value, most)


def exponential(scale: ArrayLike, value: ArrayLike = 1.0, most: float = 1.0) -> Valuation:
    """v^e(e) = value·exp(−e/scale); hence v^d(m) = value·erfcx(σ / (scale √(2m))).

    Args:
        scale: the error at which the value has fallen to 1/e, positive, in the unit of σ; of several means a list.
        value: largest value, in (0, most]; of several means a list of what each is worth, 0 for what she does not need.
        most: the largest value that is allowed; ∞ where values are in a unit of money.

    Raises:
        ProblemError: for numbers out of range.

    Source: this package: a valuation of the class of Chen, Clinton and Kandasamy 2025, section 3.1.

    Example:
        >>> round(float(exponential(0.5).by_size(jnp.array(8), 1.0)), 6)
        0.61569
    """
    return _closed("exponential", scale, value, most)


def linear(scale: ArrayLike, value: ArrayLike = 1.0, most: float = 1.0) -> Valuation:
    """v^e(e) = value·max(1 − e/scale, 0); hence v^d(m) = value·(erf(b/√2) − √(2/π)(1 − exp(−b²/2))/b), b = scale √m/σ.

    Args:
        scale: the error from which on data is worth nothing, positive, in the unit of σ; of several means a list.
        value: largest value, in (0, most]; of several means a list of what each is worth, 0 for what she does not need.
        most: the largest value that is allowed; ∞ where values are in a unit of money.

    Raises:
        ProblemError: for numbers out of range.

    Source: this package: a valuation of the class of Chen, Clinton and Kandasamy 2025, section 3.1.

    Example:
        >>> round(float(linear(1.0).by_size(jnp.array(100), 1.0)), 4)  # nearly 1 − E|Z|/10
        0.9202
    """
    return _closed("linear", scale, value, most)


def table(values: ArrayLike, *, monotone: bool = True, most: float = 1.0) -> Valuation:
    """v^d(m) = values[m]; beyond the end of the table its last entry.

    Args:
        values: by size from 0 on: the first one 0, none decreasing, all in [0, 1].
        monotone: False where more points may be worth less, as to who must work through them and cannot leave any out.
        most: the largest value that is allowed; ∞ where values are in a unit of money.

    Raises:
        ProblemError: naming the entry and the rule.

    Source: Chen, Clinton and Kandasamy 2025, section 3.1: values by size.

    Example:
        >>> table([0.0, 0.5, 0.8]).by_size(jnp.array([0, 1, 2, 7]), 1.0).tolist()
        [0.0, 0.5, 0.8, 0.8]
    """
    entries = numbers("values", values, 1)
    if not isinstance(entries, jax.core.Tracer):
        check_values("values", np.asarray(entries), monotone=monotone, most=most)
    largest = entries[-1] if monotone else highest(entries)
    return Valuation(jnp.ones((), entries.dtype), largest, entries, "table", None, monotone)


def by_error(function: Callable[[Array], Array], most: float = 1.0) -> Valuation:
    """v^e = function, any JAX function of the error; v^d by adaptive quadrature with an error estimate.

    Args:
        function: elementwise, non-increasing, with values in [0, 1]. That is checked where the valuation is used.
        most: the largest value that is allowed; ∞ where values are in a unit of money.

    Raises:
        ProblemError: if the value without any error is not in (0, 1].

    Source: Chen, Clinton and Kandasamy 2025, section 3.1: values fall with the error.

    Example:
        >>> bell = by_error(lambda error: jnp.exp(-(error**2)))
        >>> round(float(bell.by_size(jnp.array(2), 1.0)), 6)  # 1/√(1 + 2σ²/m)
        0.707107
    """
    value = positive("function(0)", numbers("function(0)", function(jnp.zeros(())), 0), largest=most)
    empty = jnp.zeros((0,), value.dtype)
    return Valuation(jnp.ones((), value.dtype), value, empty, "function", function)


def check_values(
    name: str, values: np.ndarray, slack: float = 0.0, *, monotone: bool = True, most: float = 1.0
) -> None:
    """Refuse values by size that do not start at 0, decrease, leave [0, 1], or never rise.

    Args:
        name: what messages call them.
        values: (sizes,).
        slack: how far rounding or quadrature may be off.
        monotone: whether they must not decrease.
        most: the largest value that is allowed.

    Raises:
        ProblemError: naming the first entry that breaks a rule.
    """
    for i in np.flatnonzero(~np.isfinite(values)):
        raise ProblemError(f"{name}[{i}]", float(values[i]), "must be finite")
    for i in np.flatnonzero((values < -slack) | (values > most + slack)):
        raise ProblemError(f"{name}[{i}]", float(values[i]), f"must be in [0, {most:g}]")
    if abs(values[0]) > slack:
        raise ProblemError(f"{name}[0]", float(values[0]), "must be 0: no data is worth nothing")
    for i in np.flatnonzero(np.diff(values) < -slack) if monotone else ():
        rule = f"must not be below the value of less data ({values[i]:g})"
        raise ProblemError(f"{name}[{i + 1}]", float(values[i + 1]), rule)
    if np.max(values) <= 0:
        raise ProblemError(f"{name}[{len(values) - 1}]", float(values[-1]), "must be positive: a buyer wants something")


def _closed(kind: str, scale: ArrayLike, value: ArrayLike, most: float) -> Valuation:
    size = positive("scale", numbers("scale", scale, min(np.ndim(scale), 1)))
    if not np.ndim(value):
        largest = positive("value", numbers("value", value, 0), largest=most).astype(size.dtype)
    else:
        largest = _shares(numbers("value", value, 1), most).astype(size.dtype)
    if size.ndim and largest.ndim and size.shape != largest.shape:
        raise ProblemError(
            "value", f"a list of {len(largest)}", f"must have as many entries as there are scales, {len(size)}"
        )
    if size.ndim and not largest.ndim:
        largest = jnp.full(size.shape, largest / size.shape[0])
    if largest.ndim and not size.ndim:
        size = jnp.broadcast_to(size, largest.shape)
    return Valuation(size, largest, jnp.zeros((0,), size.dtype), kind, None)


def _shares(values: Array, most: float) -> Array:
    """Values of several means: none negative, at least one positive, at most ``most`` together."""
    if isinstance(values, jax.core.Tracer):
        return values
    host = np.asarray(values, float)
    for k in np.flatnonzero(~(np.isfinite(host) & (host >= 0))):
        raise ProblemError(f"value[{k}]", float(host[k]), "must not be negative, and finite")
    if not 0 < host.sum() <= most * (1 + 1e-12):
        raise ProblemError("value", host.tolist(), f"must add up to a number in (0, {most:g}]")
    return values


def _linear(a: Array) -> Array:
    b = 1 / a
    return erf(b / np.sqrt(2)) + np.sqrt(2 / np.pi) * jnp.expm1(-(b**2) / 2) * a


_CLOSED: dict[str, Callable[[Array], Array]] = {
    "threshold": lambda a: erf(1 / (a * np.sqrt(2))),
    "exponential": lambda a: erfcx(a / np.sqrt(2)),
    "linear": _linear,
}
"""v^d for value 1 as a function of the standard deviation of the estimate in units of the scale."""


def _within(low: float, high: float, bias: Array, spread: Array) -> Array:
    """Chance that b + s Z lies between two numbers, with no loss where both are far on one side."""
    ends = [(edge - bias) / (spread * np.sqrt(2)) for edge in (low, high)]
    return jnp.where(
        ends[0] > 0, (erfc(ends[0]) - erfc(ends[1])) / 2, (erf(ends[1]) - erf(jnp.minimum(ends[0], 0.0))) / 2
    )


def _biased_linear(bias: Array, spread: Array) -> Array:
    """E (1 − |b + s Z|)₊ with the mean on either side of 0 by partial expectations of a normal number."""

    def density(edge: float) -> Array:
        return jnp.exp(-(((edge - bias) / spread) ** 2) / 2) / np.sqrt(2 * np.pi)

    right = (1 - bias) * _within(0.0, 1.0, bias, spread) - spread * (density(0.0) - density(1.0))
    left = (1 + bias) * _within(-1.0, 0.0, bias, spread) + spread * (density(-1.0) - density(0.0))
    return jnp.maximum(right + left, 0.0)


def _biased_exponential(bias: Array, spread: Array) -> Array:
    """E exp(−|b + s Z|) for b ≥ 0: two one-sided integrals; the scaled erfc where its argument is not negative."""
    damp = jnp.exp(-((bias / spread) ** 2) / 2)

    def side(edge: Array, power: Array) -> Array:
        x = edge / np.sqrt(2)
        plain = jnp.exp(jnp.minimum(power, 0.0)) * erfc(jnp.minimum(x, 0.0)) / 2
        return jnp.where(x >= 0, damp * erfcx(jnp.maximum(x, 0.0)) / 2, plain)

    right = side(spread - bias / spread, spread**2 / 2 - bias)
    return right + side(spread + bias / spread, spread**2 / 2 + bias)


_BIASED: dict[str, Callable[[Array, Array], Array]] = {
    "threshold": lambda bias, spread: _within(-1.0, 1.0, bias, spread),
    "exponential": _biased_exponential,
    "linear": _biased_linear,
}
"""E v^e(|b + s Z|) for value 1, with bias and standard deviation in units of the scale."""


def _both_sides(function: Callable[[Array], Array], bias: Array, spread: Array) -> Array:
    """E f(|b + s Z|) = E (f(|b + s|Z||) + f(|b − s|Z||))/2."""

    def one(pair: tuple[Array, Array]) -> Array:
        b, s = pair
        found: Array = half_normal_expectation(lambda e: (function(jnp.abs(b + e)) + function(jnp.abs(b - e))) / 2, s)[
            0
        ]
        return found

    flat = (jnp.ravel(bias), jnp.ravel(spread))
    return jax.lax.map(one, flat, batch_size=min(_BLOCK, max(1, bias.size))).reshape(bias.shape)


def _integrate(function: Callable[[Array], Array], spread: Array) -> tuple[Array, Array]:
    flat = jnp.ravel(spread)
    found = jax.lax.map(
        lambda one: half_normal_expectation(function, one), flat, batch_size=min(_BLOCK, max(1, flat.size))
    )
    floor = tolerances(spread.dtype).eps  # the rules agree better than the arithmetic is accurate
    return found.value.reshape(spread.shape), jnp.maximum(found.error, floor).reshape(spread.shape)

"""How often honest data lie inside an ellipsoid, and majorants of that which are sums over amounts; in plain NumPy.

With h_k = n_k z_k/(n_k + z_k) and t_k = log(limit_k √h_k) an agent passes with the chance
S = P(Σ_k e^(−2 t_k) N_k² ≤ 1). Its logarithm is concave in all t_k together: with |N_k| = e^(u_k), S is the integral
over u of the indicator of Σ_k e^(2(u_k − t_k)) ≤ 1, a convex set of (u, t), times Π_k √(2/π) exp(u_k − e^(2 u_k)/2),
which is log-concave; so Prékopa's theorem applies. Each t_k rises with n_k and is concave. So log S lies below its
tangent at any anchor t°, a sum of concave functions of one amount each:

    log S(n) ≤ log S° + Σ_k g_k (t_k(n_k) − t°_k),    g_k = ∂log S/∂t_k at t°,    0 ≤ g_k ≤ 1.

g_k and S° are known within bounds. With p_k not above g_k, and w_k by how much it may be below, g_k (t_k − t°_k) is at
most p_k (t_k − t°_k) + w_k max(T_k − t°_k, 0), where T_k is t_k at n_k = ∞.

**Bounds.** E e^(−pQ) of Q = Σ_k v_k N_k² is G(p) = Π_k (1 + 2 p v_k)^(−1/2), so S = (1/2πi) ∫ e^p G(p)/p dp along the
parabola p = μ(1 + iu)², which winds about the negative real axis with all singularities: S = ∫ f(u) du with
f = e^p G/(π(1 + iu)). ∂S/∂t_k has one factor 2 p v_k/(1 + 2 p v_k) more. f is analytic for Im u < 1. By residues the
midpoint rule of step h over all u is off by at most M(c)/(e^(2π|1 − c|/h) − 1), added up for one c in (0, 1) and one
above 1, where M(c) is the integral of |f| over Im u = 1 − c. There p = μ(c + ix)². While |x| ≤ c, Re p ≥ 0, and beyond
|1 + p/q| ≥ |sin arg p| = 2c|x|/(c² + x²) ≥ c/|x| for all q > 0; the further factor is 1/|1 + q/p|, so all factors
are at most max(1, |x|/c)^m with m = d/2 + 1 for d squares, and

    M(c) ≤ e^(μc²)/(c √(πμ)) (1 + Γ((m + 1)/2)/(√π (c√μ)^m)).

Places beyond the last one, b, add at most 2/π e^(μ(1 − b²)) b^(m − 1)/(2μb − (m − 1)/b). Rounding is counted by place,
in the size of the terms. All of it holds whatever the weights v_k are.
"""

from typing import NamedTuple

import numpy as np
import scipy

_NODES = 24
_SPACING, _MU = 3.0 / _NODES, np.pi * _NODES / 12
"""As Weideman and Trefethen (2007), Math. Comp. 76, section 3, choose them; the bounds hold for any."""
_TURN = 1 + 1j * _SPACING * (np.arange(_NODES) + 0.5)
_PLACE = _MU * _TURN**2
_WEIGHT = 2 * _SPACING * np.exp(_PLACE) / (np.pi * _TURN)
_ABOVE, _BELOW = np.linspace(0.02, 0.9, 89), 4.0
_EPS = float(np.finfo(float).eps)
_MOST_SQUARES = 100
"""From more on the sum beyond the last place is not bounded by what is written above."""
_SPAN, _HALVINGS = 4.0, 40
_LEAST = 1e-3
"""Chances below are too small for a majorant."""
_SURE = 1e-6
"""Of chances that may be off by more nothing is used."""
_LEAST_LEVEL = 1e-150


class Inside(NamedTuple):
    """The chance of an ellipsoid, and what is certain about it.

    Attributes:
        chance: (rows,) S.
        rise: (rows, distributions) ∂S/∂log τ; 0 if unchecked.
        unsure: (rows,) by how much each of these may be off.
    """

    chance: np.ndarray
    rise: np.ndarray
    unsure: np.ndarray


class Majorant(NamedTuple):
    """Slopes p and offsets b with log S ≤ Σ_k (b_k + p_k log τ_k), (rows, distributions); 0 if unchecked."""

    slope: np.ndarray
    offset: np.ndarray

    @property
    def size(self) -> np.ndarray:
        """Of its terms, apart from that of their sum, for what rounding may do."""
        return 1 + 2 * np.abs(self.offset)

    def of(self, rows: np.ndarray) -> "Majorant":
        """Return some rows of it."""
        return Majorant(self.slope[rows], self.offset[rows])

    def where(self, better: np.ndarray, other: "Majorant") -> "Majorant":
        """Return another one with the rows of this where it is better."""
        return Majorant(*(np.where(better[:, None], *pair) for pair in zip(self, other, strict=True)))


def inside(level: np.ndarray, checked: np.ndarray) -> Inside:
    """Return how often Σ_k (N_k/τ_k)² ≤ 1 over the checked distributions, and bounds of the error.

    Args:
        level: (rows, distributions) τ.
        checked: which of them count.

    Source: this package; Weideman and Trefethen (2007) for the places.
    """
    weights = np.where(checked, np.maximum(np.where(checked, level, 1.0), _LEAST_LEVEL) ** -2.0, 0.0)
    growth = 2 * weights[..., None] * _PLACE
    terms = _WEIGHT * np.exp(-0.5 * np.sum(np.log1p(growth), axis=-2))
    share = growth / (1 + growth)
    squares = np.sum(checked, axis=1)
    off = _EPS * (32 + 4 * np.abs(_PLACE) + 8 * squares[:, None])
    # the factor of a slope is at most max(1, x) there
    rounding = np.sum(off * np.abs(terms) * np.maximum(1.0, _TURN.imag), axis=-1)
    some = squares > 0
    chance, rise = terms.sum(axis=-1).real, (terms[..., None, :] * share).sum(axis=-1).real
    unsure = np.array([_method(int(number)) for number in squares]) + rounding
    return Inside(np.where(some, chance, 1.0), rise, np.where(some, unsure, 0.0))


def majorant(anchor: np.ndarray, most: np.ndarray, checked: np.ndarray, success: np.ndarray) -> Majorant:
    """Return a majorant of log S, nearly exact where levels are in proportion to ``anchor`` and S is ``success``.

    Args:
        anchor: (rows, distributions) levels, up to a common factor, where checked.
        most: levels that no amounts exceed.
        checked: where a limit is set.
        success: (rows,) S at the anchor, nearly.
    """
    anchor = np.where(checked, np.clip(anchor, 1e-100, 1e100), 1.0)
    anchor = np.where(checked, anchor * _factor(anchor, checked, success)[:, None], 1.0)
    found = inside(anchor, checked)
    known = (found.chance > _LEAST) & (found.unsure < _SURE)  # else log S ≤ 0 has to do
    sure = known[:, None] & checked
    least, largest = ((found.chance + sign * found.unsure)[:, None] for sign in (-1, 1))
    least = np.where(sure, least, 1.0)
    slope = np.clip(np.where(sure, (found.rise - found.unsure[:, None]) / largest, 0.0), 0.0, 1.0)
    width = np.where(sure, (found.rise + found.unsure[:, None]) / least, 0.0) - slope
    beyond = np.maximum(np.log(np.where(checked, most, 1.0) / anchor), 0.0)
    whole = np.log(np.where(sure, largest, 1.0)) / np.maximum(checked.sum(axis=1, keepdims=True), 1)
    return Majorant(slope, np.where(sure, whole + width * beyond - slope * np.log(anchor), 0.0))


def nothing_known(limit: np.ndarray) -> Majorant:
    """Return the majorant 0: chances are at most 1."""
    return Majorant(np.zeros_like(limit), np.zeros_like(limit))


def _method(squares: int) -> float:
    """What the midpoint rule and its end may do to a chance or a slope; of very many squares too much to be used."""
    if squares > _MOST_SQUARES:
        return 1.0
    m = squares / 2 + 1
    sides = [np.min(_line(_ABOVE, m)), _line(np.array(_BELOW), m)]
    end = 3 - _SPACING / 2
    tail = 2 / np.pi * np.exp(_MU * (1 - end**2)) * end ** (m - 1) / (2 * _MU * end - (m - 1) / end)
    return float(np.sum(sides) + tail)


def _line(c: np.ndarray, m: float) -> np.ndarray:
    """M(c)/(e^(2π|1 − c|/h) − 1)."""
    bend = scipy.special.gammaln((m + 1) / 2) - m * np.log(c * np.sqrt(_MU)) - np.log(np.pi) / 2
    size = _MU * c**2 - np.log(c * np.sqrt(np.pi * _MU)) + np.logaddexp(0, bend)
    return np.asarray(np.exp(size) / np.expm1(2 * np.pi * np.abs(1 - c) / _SPACING))


def _factor(level: np.ndarray, checked: np.ndarray, success: np.ndarray) -> np.ndarray:
    """By what all levels are to be multiplied for S to be so large, nearly."""
    middle = -np.log(np.min(np.where(checked, level, 1e100), axis=1, initial=1e100))
    low, high = middle - _SPAN, middle + _SPAN
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        short = inside(level * np.exp(middle)[:, None], checked).chance < success
        low, high = np.where(short, middle, low), np.where(short, high, middle)
    return np.asarray(np.exp(middle))

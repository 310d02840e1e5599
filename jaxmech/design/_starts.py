"""Where descents begin: who does what, from the dual of one distribution, from published plans, and from the costs."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxmech.design._family import Shares
from jaxmech.design._improve import BARRIERS, Crowd, Layout, Variables, others, social

_POWERS = (1.0, 2.0, 4.0)
_SUPPLIERS = (2, 3, 4, 6, 10, 10**9)
_SIZES = (1.0, 0.8, 0.6, 0.45)
_RATIOS = (1.0, 2.0, 4.0)
_CLEAN = (0.1, 0.3, 0.6)
_IDLE = 0.3


class Start(NamedTuple):
    """A start of a descent; its leaves may be numpy arrays."""

    layout: Layout
    variables: Variables


def stack(starts: Sequence[Start]) -> Start:
    """Starts on a leading axis."""
    stacked: Start = jax.tree.map(lambda *leaves: jnp.stack([jnp.asarray(leaf) for leaf in leaves]), *starts)
    return stacked


def from_shares(shares: Shares) -> Start:
    """A start for one distribution, as the dual has it."""
    checked = (shares.samples > 0) & ~shares.alone
    share = np.clip(shares.share, 1e-5, 0.95)
    return Start(
        _layout(shares.alone[:, None], checked[:, None]),
        _variables(np.where(checked, shares.samples, 1.0)[:, None], share[:, None]),
    )


def from_amounts(crowd: Crowd, samples: np.ndarray, alone: np.ndarray, ratio: float) -> Start:
    """A start from amounts, with ``ratio`` points in the comparison for each of hers."""
    theirs = others(np.asarray(crowd.weight), samples)
    some = samples > 0
    share = np.where(some, ratio * samples, _IDLE * theirs) / np.where(theirs > 0, theirs, 1.0)
    share = np.clip(share, 1e-6, 0.8)
    return Start(_layout(alone, some & ~alone), _variables(np.where(some, samples, 1.0), share))


def from_columns(
    crowd: Crowd, samples: np.ndarray, comparison: np.ndarray, alone: np.ndarray, checked: np.ndarray
) -> Iterator[Start]:
    """Starts of linked rules from what is best one distribution at a time; idle agents get more or less clean."""
    theirs = others(np.asarray(crowd.weight), samples)
    safe = np.where(theirs > 0, theirs, 1.0)
    for clean in _CLEAN:
        share = np.where(checked, np.clip(comparison / safe, 1e-6, 0.7), clean)
        yield Start(_layout(alone, checked), _variables(np.where(checked, samples, 1.0), share))


def from_costs(crowd: Crowd, largest: int) -> list[Start]:
    """Starts in which those who collect cheaply collect more, the best of each pattern of roles; the best first.

    Amounts are in proportion to c^(−p) among the j cheapest, with and without the cheapest alone, in all sizes.
    """
    costs, weight = np.asarray(crowd.stake.costs), np.asarray(crowd.weight)
    unit = np.sqrt(np.asarray(crowd.stake.error) / np.where(np.isfinite(costs), costs, 1.0))
    unit = np.where(np.isfinite(costs), unit, 0.0)
    patterns: list[list[Start]] = []
    for alone in (np.zeros(costs.shape, bool), _cheapest(costs)):
        for power in _POWERS:
            for suppliers in sorted({min(j, len(costs) - int(alone.any())) for j in _SUPPLIERS} - {0}):
                amounts = _by_costs(np.where(alone, np.inf, costs), weight, unit, power, suppliers)
                both = [
                    from_amounts(crowd, np.where(alone, unit, size * amounts), alone, ratio)
                    for size in _SIZES
                    for ratio in _RATIOS
                ]
                patterns.append(both)
    flat = stack([start for pattern in patterns for start in pattern])
    values = np.asarray(_rank(crowd, flat)).reshape(len(patterns), -1)
    best, order = values.argmin(axis=1), np.argsort(values.min(axis=1))
    return [patterns[i][best[i]] for i in order if np.isfinite(values[i].min())][:largest]


def _layout(alone: np.ndarray, checked: np.ndarray) -> Layout:
    return Layout(jnp.asarray(alone), jnp.asarray(checked))


def _variables(samples: np.ndarray, share: np.ndarray) -> Variables:
    return Variables(jnp.asarray(np.log(samples)), jnp.asarray(np.log(share) - np.log1p(-share)))


@jax.jit
def _rank(crowd: Crowd, starts: Start) -> jax.Array:
    barrier = jnp.asarray(BARRIERS[0], crowd.weight.dtype)
    values: jax.Array = jax.vmap(lambda start: social(crowd, start.layout, start.variables, barrier))(starts)
    return values


def _cheapest(costs: np.ndarray) -> np.ndarray:
    """The cheapest agent of every distribution."""
    return np.arange(len(costs))[:, None] == np.argmin(costs, axis=0)


def _by_costs(costs: np.ndarray, weight: np.ndarray, unit: np.ndarray, power: float, suppliers: int) -> np.ndarray:
    """Amounts in proportion to c^(−p) among the cheapest, of the size of the first best in total."""
    rank = np.argsort(np.argsort(costs, axis=0), axis=0)
    parts = np.where(np.isfinite(costs) & (rank < suppliers), costs, np.inf) ** -power
    total = np.sum(weight[:, None] * parts, axis=0)
    parts = parts / np.where(total > 0, total, 1.0)
    parts = np.where(parts < 1e-4 / max(1.0, float(weight.max())), 0.0, parts)
    return parts * np.sqrt(weight.sum()) * np.sum(weight[:, None] * parts * unit, axis=0)

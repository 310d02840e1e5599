"""Strategies in words, and as plain numbers."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxmech.deviation._data_sets import DataSetDeviation
from jaxmech.deviation._strategy import Deviation

_SHOWN = 3


def parameters(deviation: Deviation, row: int) -> dict[str, Any]:
    """Return the parameters of one strategy that differ from the truth, per distribution.

    ``samples`` and ``submitted`` are numbers of points and always there; ``gain``, ``mix`` (a row per distribution),
    ``offset`` (in σ/√unit), ``jitter`` (in σ/√s), ``discards``, ``keeps``, ``heeds``, ``weight_own`` and
    ``weight_noisy`` are as in :class:`~jaxmech.deviation.Deviation`; ``selected``, ``direction``, ``resampled``,
    ``invented``, ``limit``, ``stretch``, ``apart``, ``moved`` and ``ordered`` as in
    :class:`~jaxmech.deviation.DataSetDeviation`.

    Args:
        deviation: strategies on a leading axis.
        row: which one.
    """
    one = jax.tree.map(lambda leaf: np.asarray(leaf)[row], deviation)
    numbers = {"samples": np.asarray(one.samples), "submitted": submitted(one)}
    neutral = {"gain": 1.0, "offset": 0.0, "jitter": 0.0, "discards": 0.0, "keeps": 0.0, "heeds": 0.0}
    for name, value in neutral.items():
        if np.any(np.asarray(getattr(one, name)) != value):
            numbers[name] = np.asarray(getattr(one, name))
    if np.any(np.asarray(one.mix) != 0):
        numbers["mix"] = np.asarray(one.mix)
    if isinstance(one, DataSetDeviation):
        numbers |= one.handled
    for name, column in (("weight_own", 0), ("weight_noisy", 1)):
        if np.any(np.asarray(one.log_weights)[:, column] != 0):
            numbers[name] = np.exp(np.asarray(one.log_weights)[:, column])
    return {name: np.asarray(values, float).tolist() for name, values in numbers.items()}


def in_words(family: str, deviation: Deviation, row: int) -> str:
    """Return one strategy as a person would tell it."""
    numbers = parameters(deviation, row)
    told = [f"collects {_list(numbers['samples'])}", f"submits {_list(numbers['submitted'])}"]
    return f"{family} ({', '.join(told)} points)"


def submitted(one: Deviation) -> np.ndarray:
    """How many points one strategy submits, per distribution."""
    nothing = jnp.zeros_like(jnp.asarray(one.unit))
    return np.asarray(one.submit(nothing, nothing, jnp.ones_like(nothing)).count)[0]


def _list(values: list[float]) -> str:
    shown = ", ".join(f"{value:.3g}" for value in values[:_SHOWN])
    return shown + (f" and {len(values) - _SHOWN} more" if len(values) > _SHOWN else "")

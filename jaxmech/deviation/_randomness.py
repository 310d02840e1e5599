"""Host, and its twin for programs that are being traced: all random numbers of a search, from one key."""

from collections.abc import Sequence
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from jaxmech._kept import jit
from jaxmech._types import Array
from jaxmech.deviation._draws import draw
from jaxmech.deviation._families import Sketches, sketches, spread_sketches
from jaxmech.deviation._response import Randomness
from jaxmech.deviation._scan import KEYS
from jaxmech.deviation._settings import SearchSettings
from jaxmech.deviation._spread import spread_draws


def host_randomness(
    key: Array, agents: int, senders: int, distributions: int, who: Sequence[int], settings: SearchSettings
) -> tuple[Randomness, dict[int, Sketches]]:
    """Return the random numbers of a search, by scrambled Sobol sequences, and the sketches of every agent.

    Args:
        key: random key.
        agents: how many there are.
        senders: how many means of others a draw needs.
        distributions: how many.
        who: indices of the agents who are searched for.
        settings: how many numbers.
    """
    (first, second, check, fresh, scanned), bits, probes = _parts(key, agents=agents)
    seeds = np.asarray(bits)
    size = (senders, distributions)
    sketched = {i: sketches(int(seeds[i]), distributions) for i in who}
    return Randomness(
        first=draw(first, settings.draws, *size),
        second=draw(second, settings.polish_draws, *size),
        scanned=draw(scanned, settings.scan_draws, *size),
        check=draw(check, settings.batch, *size),
        fresh=draw(fresh, settings.batch, *size, batches=settings.batches),
        probes=probes,
        sketches=sketched[who[0]],
    ), sketched


@partial(jit, static_argnames="agents")
def _parts(key: Array, agents: int) -> tuple[tuple[Array, ...], Array, Array]:
    """Keys of all draws, a number for the sketches of every agent, and keys for the probes: one program for all."""
    start_key, first, second, check, fresh, scan_key = jax.random.split(key, 6)
    probe_key, scanned = jax.random.split(scan_key)
    bits = jax.random.bits(start_key, (agents,), jnp.uint32)
    return (first, second, check, fresh, scanned), bits, jax.random.split(probe_key, KEYS)


def spread_randomness(key: Array, senders: int, distributions: int, settings: SearchSettings) -> Randomness:
    """Return the random numbers of a search made by a pure function; every agent has the same sketches.

    Args:
        key: random key, which may be traced.
        senders: how many means of others a draw needs: 1 where a mechanism answers one agent alone.
        distributions: how many.
        settings: how many numbers, static.

    Source: see :func:`~jaxmech.deviation._spread.spread_draws`.

    Example:
        >>> spread_randomness(jax.random.key(0), 1, 2, SearchSettings(batch=64)).fresh.own.shape
        (16, 64, 2)
    """
    start, first, second, check, fresh, probes, scanned = jax.random.split(key, 7)
    size = (senders, distributions)
    return Randomness(
        first=spread_draws(first, settings.draws, *size),
        second=spread_draws(second, settings.polish_draws, *size),
        scanned=spread_draws(scanned, settings.scan_draws, *size),
        check=spread_draws(check, settings.batch, *size),
        fresh=jax.vmap(lambda one: spread_draws(one, settings.batch, *size))(jax.random.split(fresh, settings.batches)),
        probes=jax.random.split(probes, KEYS),
        sketches=spread_sketches(start, distributions),
    )

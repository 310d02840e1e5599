"""Small sweeps, and how to look at what they left."""

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from jaxmech.collaboration import Problem
from jaxmech.sweep import Sweep

COSTS = np.array([[0.033], [0.066], [0.1]])
SPREAD = 0.3
RANDOM = {"costs": {"distribution": "lognormal", "spread": SPREAD}}


def small(parameters=None, *, costs=COSTS, sigma=10.0, names=("A", "B", "C"), distributions=("x",), **options):
    """A sweep of three agents who share one mean by pooling, which compiles in a moment."""
    problem = Problem(costs=costs, sigma=sigma, agents=names, distributions=distributions)
    random = parameters is None or any("distribution" in value for value in parameters.values())
    options = {"mechanism": "pool", "shard": 64, **({"draws": 200} if random else {}), **options}
    return Sweep(problem, RANDOM if parameters is None else parameters, **options)


def frame(directory: Path) -> dict[str, np.ndarray]:
    """All columns of all shards; nulls of numbers are NaN."""
    tables = [pq.read_table(path) for path in sorted(directory.glob("*.parquet"))]
    return {name: np.concatenate([table[name].to_numpy() for table in tables]) for name in tables[0].schema.names}


def content(directory: Path) -> dict[str, bytes]:
    """The bytes of every file."""
    return {path.name: path.read_bytes() for path in sorted(directory.iterdir())}

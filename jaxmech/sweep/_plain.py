"""A sweep as a text, and the same sweep from it, for workers on other machines. Host shell.

Nothing is pickled: the text is JSON, numbers keep all their bits, and only records that stand here are made from it.
"""

import base64
import dataclasses
import json
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxmech._errors import ProblemError
from jaxmech.collaboration import Problem as Sharing
from jaxmech.market import Problem as Selling
from jaxmech.market import Valuation
from jaxmech.mechanism import Capacity
from jaxmech.multiparty import Linear, MarketGrowth, TypeSpace, quality_function
from jaxmech.multiparty import Problem as Competing
from jaxmech.multiparty._quality import QUALITIES, Weighted
from jaxmech.sweep._parameters import Draw
from jaxmech.sweep._sweep import Sweep

_RECORDS = {
    f"{record.__module__.split('.')[1]}.{record.__name__}": record
    for record in (Sharing, Selling, Competing, TypeSpace, Capacity, Valuation, Linear, MarketGrowth, Weighted)
}


def to_text(sweep: Sweep) -> str:
    """Return a sweep as JSON.

    Args:
        sweep: any whose problem holds no function of a user.

    Raises:
        ProblemError: for a function that has no name, which other machines do not know.

    Example:
        >>> sweep = Sweep(Sharing(costs=[[1.0], [1.0]], sigma=1.0), {"sigma": [1.0, 2.0]})
        >>> from_text(to_text(sweep)).fingerprint == sweep.fingerprint
        True
    """
    keys = [target.key for target in sweep.fixed]
    width = sweep.table.shape[1]
    grids = dict(zip(keys[width:], map(list, sweep.grids), strict=True))
    drawn = {target.key: _told(draw) for target, draw in sweep.drawn}
    options = {
        **sweep.kind.options(),
        "draws": sweep.draws if sweep.drawn else None,
        "seed": sweep.seed,
        "keep": list(sweep.keep),
        "shard": sweep.shard,
        "columns": keys[:width],
    }
    table = _encoded(sweep.table) if width else None
    problem = _encoded(sweep.kind.problem)
    return json.dumps({"problem": problem, "parameters": {**grids, **drawn}, "table": table, "options": options})


def from_text(text: str) -> Sweep:
    """Return the sweep of a text.

    Args:
        text: of :func:`to_text`, of the same version.
    """
    told = json.loads(text)
    table = None if told["table"] is None else _bits(told["table"])
    return Sweep(_decoded(told["problem"]), told["parameters"], table=table, **told["options"])


def _told(draw: Draw) -> dict[str, Any]:
    """A distribution as a sweep is asked for it."""
    if draw.distribution == "lognormal":
        return {"distribution": draw.distribution, "spread": draw.low}
    return {"distribution": draw.distribution, "from": draw.low, "to": draw.high}


def _encoded(value: Any) -> Any:
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, tuple):
        return [_encoded(entry) for entry in value]
    if isinstance(value, (np.ndarray, jax.Array)):
        array = np.ascontiguousarray(value)
        return {"dtype": array.dtype.str, "shape": np.shape(value), "bits": base64.b64encode(array.tobytes()).decode()}
    for name, record in _RECORDS.items():
        if type(value) is record:
            fields = {field.name: _encoded(getattr(value, field.name)) for field in dataclasses.fields(record)}
            return {"record": name, "fields": fields}
    for name in QUALITIES:
        if value is quality_function(name):
            return {"quality": name}
    name = getattr(value, "__qualname__", type(value).__name__)
    raise ProblemError("problem", name, "other machines do not know a function of your own: leave the scheduler out")


def _decoded(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(_decoded(entry) for entry in value)
    if not isinstance(value, dict):
        return value
    if "bits" in value:
        return jnp.asarray(_bits(value))
    if "quality" in value:
        return quality_function(value["quality"])
    record = _RECORDS[value["record"]]
    made = object.__new__(record)  # checked already, and to the last bit the same
    for name, entry in value["fields"].items():
        object.__setattr__(made, name, _decoded(entry))
    return made


def _bits(value: dict[str, Any]) -> np.ndarray:
    data = base64.b64decode(value["bits"])
    return np.frombuffer(data, np.dtype(value["dtype"])).reshape(value["shape"])

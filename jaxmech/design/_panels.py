"""A design where one draw measures several values: found by draw, carried out value by value."""

import dataclasses
from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np

from jaxmech._errors import ProblemError
from jaxmech.collaboration import Problem, Values, problem_by_value
from jaxmech.design._mechanism import Designed, designed_mechanism
from jaxmech.design._plan import Design

_BY_DISTRIBUTION = ("samples", "comparison", "rest", "limit", "role", "failure")


def companions(draws: Sequence[int]) -> np.ndarray:
    """Return on which values the rest of a value hangs in linked designs: itself, and one of every other draw.

    All values of a draw at once would not do: how often an honest agent is within all their limits depends on how they
    are correlated, and so does what one more draw is worth to her. Different draws are independent, so that with one
    value of each, every value passes with the chance that the design was made for, whatever the joint law within a
    draw. Values stand beside those at the same place of other draws, counted round where these measure fewer.

    Args:
        draws: for every value the number of the distribution whose draw measures it, in increasing order.

    Returns:
        (values, values) truth values: the rest of the row's value hangs on the column's. All, where draws measure one.

    Source: this package.

    Example:
        >>> companions((0, 1, 1)).astype(int).tolist()
        [[1, 1, 0], [1, 1, 0], [1, 0, 1]]
    """
    of = np.asarray(draws)
    place = np.arange(len(of)) - np.searchsorted(of, of)
    beside = place[None, :] == place[:, None] % np.bincount(of)[of][None, :]
    return np.where(of[:, None] == of[None, :], np.eye(len(of), dtype=bool), beside)


def designed_by_value(problem: Problem, design: Design, values: Values) -> tuple[Design, Designed]:
    """Return a design with a column per value, limits in each value's own unit, and the mechanism that carries it out.

    Every value is compared by itself, and its rest released or withheld by what :func:`companions` says. So the risk
    of value k is σ_k² h(n) with one h for all values of a draw, and a draw costs an agent Σ_k w_k σ_k² h(n) + c n: what
    the design was found and proven for. The mechanism guarantees nothing by itself, since proofs are about draws, all
    of whose values are collected together.

    Args:
        problem: by distribution; a panel has σ = 1 and the price Σ_k w_k σ_k².
        design: of it.
        values: what each draw measures.

    Source: this package; see :func:`jaxmech.collaboration.reduce_panels`.
    """
    told = {name: getattr(design, name)[..., np.asarray(values.draws)] for name in _BY_DISTRIBUTION}
    told["limit"] = told["limit"] * jnp.asarray(values.scale, design.limit.dtype)
    wide, unproven = dataclasses.replace(design, **told), np.full(problem.shape[0], -np.inf)
    machine = designed_mechanism(problem_by_value(problem, values), wide, unproven)
    if not isinstance(machine, Designed):
        raise ProblemError(
            "calibrated", True, "is for draws that measure one value each: leave panels or calibrated out"
        )
    return wide, dataclasses.replace(machine, companions=jnp.asarray(companions(values.draws)))

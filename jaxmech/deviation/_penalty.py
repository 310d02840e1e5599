"""Kernel: what a strategy costs one agent, as a pure function of everything that is a number."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxmech._checks import whole
from jaxmech._errors import ProblemError
from jaxmech._pytree import indexable
from jaxmech._types import Array, ArrayLike, Scalar
from jaxmech.deviation._data_sets import DataSetDeviation
from jaxmech.deviation._draws import Draws, PointDraws
from jaxmech.deviation._loss import losses, senders
from jaxmech.deviation._size import check_draws, check_points
from jaxmech.deviation._spread import spread_draws
from jaxmech.deviation._strategy import Deviation
from jaxmech.mechanism import Stakes


def penalty(
    mechanism: Any,
    problem: Any,
    agent: int | Array,
    strategy: Deviation,
    key: Array,
    draws: int = 4096,
    *,
    mean: ArrayLike = 0.0,
) -> Scalar:
    """Return what one agent pays on average if she plays a strategy and all others comply.

    p = E[Σ_k price_k (estimate_k − μ_k)² + Σ_k c_k n_k − payment], averaged over normal data and over ``draws`` common
    random numbers made from the key: strategies, mechanisms and problems compared under one key differ by less than
    either errs. Where a mechanism answers one agent alone (:class:`~jaxmech.mechanism.Separate`), its noise is averaged
    over exactly. The standard error is what several keys show.

    It jits, batches over every argument, and differentiates in everything that is a number: the strategy's amounts,
    offsets and weights, the mechanism's coefficients, the problem's costs, σ and price. Codes, counts that a strategy
    rounds, and thresholds that a mechanism compares with have no derivative: jumps are not seen.

    Args:
        mechanism: any :class:`~jaxmech.mechanism.Mechanism`; to differentiate it, a pytree.
        problem: anything with costs, sigma and price.
        agent: her index; one that is traced is not checked.
        strategy: what she does; ``Deviation.truth`` of what is recommended is compliance. A
            :class:`DataSetDeviation` is played on whole data sets, in numbers of points that are not traced.
        key: random key.
        draws: how many common random numbers, static; powers of two are spread best.
        mean: the true means in σ, a number or one per distribution. Who submits what her data say pays the same
            everywhere; who invents pays the supremum over all means.

    Returns:
        The penalty, in the unit of the costs.

    Raises:
        ProblemError: for an agent who does not exist, a strategy of another number of distributions, and a number of
            draws that is not whole or does not fit into memory.

    Source: Clinton et al. 2025, section 2, the penalty p_i; Chen, Zhu and Kandasamy 2023, equation (2), without its
        supremum.

    Example:
        >>> from jaxmech import collaboration
        >>> problem = collaboration.Problem([[0.01]] * 4, 1.0)
        >>> plan = collaboration.solve(problem, division="social", mechanism="pool").value
        >>> pool, truth = collaboration.mechanism(problem, plan), Deviation.truth(plan.samples[0])
        >>> round(float(penalty(pool, problem, 0, truth, jax.random.key(0))), 3)  # 1/20 + 0.01 · 5
        0.1
    """
    mechanism, stakes = indexable(mechanism), indexable(Stakes.of(problem))
    m, d = stakes.costs.shape
    if not isinstance(agent, jax.core.Tracer) and not 0 <= int(agent) < m:
        raise ProblemError("agent", int(agent), f"must be an index below the number of agents ({m})")
    if strategy.unit.shape != (d,):
        raise ProblemError("strategy", np.shape(strategy.unit), f"must be a strategy for {d} distributions")
    count = whole("draws", draws)
    check_draws(mechanism, count)
    places = jnp.broadcast_to(jnp.asarray(mean, stakes.costs.dtype), (count, d))
    numbers: Draws | PointDraws
    if isinstance(strategy, DataSetDeviation):
        stakes.of_agents_alike("strategies on data sets are for points that are alike")
        numbers = _whole_data(mechanism, strategy, key, count, (m, d))
    else:
        numbers = spread_draws(key, count, senders(mechanism), d)
    rows = losses(mechanism, stakes, jnp.asarray(agent), strategy, numbers, places)
    return jnp.mean(jnp.sum(rows.parts, axis=-1) - rows.payment)


def _whole_data(
    mechanism: Any, strategy: DataSetDeviation, key: Array, count: int, shape: tuple[int, int]
) -> PointDraws:
    """Numbers for data sets, with room for the largest: how many points there are has to be known."""
    asked = np.round(np.asarray(mechanism.recommended.samples, float))
    largest = max(float(np.max(table)) for table in (asked, strategy.samples, strategy.submitted))
    capacity = max(1, int(np.ceil(largest)))
    check_points(np.full(shape, capacity), count)
    return PointDraws.of(key, count, *shape, capacity)

"""Host: what buyers have and pay when a contributor misreports, equations (8) to (10); and what it costs her."""

import dataclasses
import math
from collections.abc import Iterator

import jax
import jax.numpy as jnp
import numpy as np
import scipy

from jaxmech._checks import whole
from jaxmech._errors import ProblemError
from jaxmech._kept import jit
from jaxmech._tolerances import without_dust
from jaxmech._types import Array
from jaxmech.market._broker import Broker
from jaxmech.market._plan import Plan
from jaxmech.market._prices import gains
from jaxmech.market._problem import Problem
from jaxmech.market._solve import mechanism
from jaxmech.market._valuation import Valuation
from jaxmech.mechanism import Audit

MOST_SHARES = 4096
"""Numbers of the misreporter's points among a buyer's that are told apart; of more, these stand for all."""

_FAR, _DISTANCES, _REACH = 1e9, 201, 10.0
_NEGLIGIBLE = 1e-16


@dataclasses.dataclass(frozen=True)
class Misreport:
    """What a contributor does instead of collecting what she is asked for and handing it in.

    She collects some points, moves their mean by a shift, and hands in points about it: their residuals are drawn from
    a normal law and centred, so that their mean is as she wants it. Without any points of her own she chooses a mean
    that has nothing to do with the true one.

    Attributes:
        contributor: her index.
        collected: points that she collects, 0 for none.
        submitted: points that she hands in.
        shift: added to her mean, in σ; to all of several means.
        scatter: standard deviation of her residuals, in σ: 1 looks like data, 0 is copies of one number.
        told: the misreport in words.
    """

    contributor: int
    collected: int
    submitted: int
    shift: float = 0.0
    scatter: float = 1.0
    told: str = ""


@dataclasses.dataclass(frozen=True)
class Misreported:
    """What everybody has of a misreport, the others being honest: (types,) for buyers.

    Attributes:
        value: v^ms, least expected value over all true means (8); NaN for tables, which know sizes only.
        price: largest expected price over all true means.
        utility: their difference (9).
        together: least of expected value less expected price, at one true mean (10); at least (9).
        gain: of the contributor, least over all true means: expected payment less what she collects.
    """

    value: np.ndarray
    price: np.ndarray
    utility: np.ndarray
    together: np.ndarray
    gain: float


def misreported(problem: Problem, plan: Plan, act: Misreport) -> Misreported:
    """Return what a misreport does to buyers, exactly: a mixture over how many of her points each is sold.

    Of m points drawn from all that are handed in, k are hers with hypergeometric chances. Then the estimate has bias
    k/m times the shift and a variance that adds up what she knows, what the draw of her residuals leaves, and the
    others' points. Expected prices are taken from the broker's own rule, which is quadratic in the means. Infima over
    the true mean matter only where she collects nothing: far from what she made up, points are worth nothing unless
    none of them is hers. Of several means, each has its own infimum: values and what is paid for distances add up.

    Args:
        problem: the problem.
        plan: from :func:`solve`, with trade.
        act: what she does.

    Raises:
        ProblemError: for amounts that make no sense, and for plans without trade.

    Source: Chen, Clinton and Kandasamy 2025, equations (7) to (10).

    Example:
        >>> from jaxmech.market import Buyer, exponential, solve
        >>> problem = Problem([0.01, 0.02], 1.0, [Buyer(exponential(0.3), count=10)])
        >>> plan = solve(problem).value
        >>> found = misreported(problem, plan, Misreport(1, collected=0, submitted=1))
        >>> bool(found.value[0] < problem.value_of(plan.sizes)[0] / 10)
        True
    """
    broker = mechanism(problem, plan)
    _check(broker, act)
    far = np.array([0.0]) if act.collected else np.append(0.0, np.geomspace(1e-3, _FAR, _DISTANCES))
    distances = (far + act.shift) * float(np.sqrt(broker.level))
    worth = np.stack([_values(problem, broker, act, j, distances) for j in range(problem.types)])
    prices, payment = (np.asarray(part, float) for part in _paid(broker, act, distances))
    value, price = worth.min(axis=1).sum(axis=-1), prices.max(axis=0)
    dearer = (prices - prices[:1]).T / problem.dimension  # of each mean
    together = (worth - dearer[..., None]).min(axis=1).sum(axis=-1) - prices[0]
    least = float(payment.min()) if act.collected or payment[-1] >= payment[0] else -math.inf  # the farther, the less
    gain = least - float(broker.costs[act.contributor]) * act.collected
    return Misreported(value, price, value - price, together, gain)


def misreports(broker: Broker, contributor: int) -> Iterator[Misreport]:
    """Yield what a contributor might do: make up everything, or most, or half; move her mean; hand in too much.

    Args:
        broker: what she is asked for.
        contributor: her index.

    Source: the strategies that Chen, Clinton and Kandasamy 2025, section 3.1, have in mind.

    Example:
        >>> from jaxmech.market import Buyer, exponential, solve
        >>> problem = Problem([0.01, 0.02], 1.0, [Buyer(exponential(0.3), count=10)])
        >>> [act.told for act in misreports(mechanism(problem, solve(problem).value), 1)][-1]
        'made up a point too many'
    """
    n = int(broker.samples[contributor])
    yield Misreport(contributor, 0, n, told=f"made up {_points(n)} about a number that means nothing")
    if n > 1:
        yield Misreport(contributor, 1, n, told="collected 1 point and made up the others about it")
        yield Misreport(contributor, 1, n, scatter=0.0, told=f"handed in {n:,} copies of 1 point")
    if n > 3:
        yield Misreport(contributor, n // 2, n, told=f"collected {n // 2:,} points and made up the others about them")
    yield Misreport(contributor, n, n, shift=1.0, told="added σ to all her points")
    yield Misreport(contributor, n, n + 1, told="made up a point too many")


def buyers_protected(problem: Problem, plan: Plan, broker: Broker) -> Iterator[Audit]:
    """Yield a fact: whether buyers would still not regret the trade if a contributor misreported; they may.

    Tables of values by size say nothing of errors. Types that have one are left out, and named; where all who buy have
    one nothing is known, and there is no fact.

    Args:
        problem: the problem.
        plan: from :func:`solve`, with trade.
        broker: who is asked for what.
    """
    buys = [j for j in range(problem.types) if float(plan.sizes[j]) > 0]
    unknown = [problem.buyers[j] for j in buys if problem.valuations[j].kind == "table"]
    if len(unknown) == len(buys):
        return
    worst, told = math.inf, ""
    tried, honest = 0, gains(problem, plan.sizes, plan.prices)
    for i in np.flatnonzero(np.asarray(plan.samples) > 0).tolist():
        for act in misreports(broker, i):
            found, tried = misreported(problem, plan, act), tried + 1
            served = np.where(np.asarray(plan.sizes) > 0, found.together, np.inf)
            j = int(np.nanargmin(served))
            if not served[j] < worst:
                continue
            worst = without_dust(float(served[j]), float(problem.valuations[j].largest), plan.prices.dtype)
            told = (
                f"if {problem.contributors[i]} {act.told}, {problem.buyers[j]} would be left {worst:.4g} instead of "
                f"{honest[j]:.4g} on average at the worst true mean, and the contributor {_gain(found.gain)}"
            )
    scale = max(float(valuation.largest) for valuation in problem.valuations)
    effort = f"{tried} misreports, values and prices exact, worst true means"
    if unknown:
        effort += f"; without {', '.join(unknown)}, whose values are tables by size, which say nothing of errors"
    yield Audit.judged("buyers not hurt by a misreport", worst / scale, 0.0, told, effort, claimed=False)


def _points(number: int) -> str:
    return f"{number:,} point{'' if number == 1 else 's'}"


def _gain(gain: float) -> str:
    return "might lose any amount" if math.isinf(gain) else f"would have {gain:.4g}"


def _check(broker: Broker, act: Misreport) -> None:
    if not 0 <= act.contributor < len(broker.samples) or not broker.samples[act.contributor] > 0:
        raise ProblemError("contributor", act.contributor, "must be the index of one who is asked for points")
    whole("submitted", act.submitted)
    if act.collected != 0:
        whole("collected", act.collected)
    if not act.scatter >= 0:
        raise ProblemError("scatter", act.scatter, "must not be negative")


def _known(act: Misreport) -> float:
    """Variance of the misreporter's mean in σ²: none where it is made up."""
    return 1 / act.collected if act.collected else 0.0


def _paid(broker: Broker, act: Misreport, distances: np.ndarray) -> tuple[Array, Array]:
    dtype = broker.samples.dtype
    numbers = (jnp.asarray(part, dtype) for part in (act.submitted, _known(act), distances))
    found: tuple[Array, Array] = _expected(broker, jnp.asarray(act.contributor), *numbers)
    return found


def _values(problem: Problem, broker: Broker, act: Misreport, j: int, distances: np.ndarray) -> np.ndarray:
    """(distances, means) expected values of a buyer, where the misreporter's mean is off by so much on average."""
    others = int(np.asarray(broker.samples, float).sum() - float(broker.samples[act.contributor]))
    size = min(int(broker.sizes[j]), others + act.submitted)
    if size == 0:
        return np.zeros((len(distances), problem.dimension))
    hers, chance = _hypergeometric(act.submitted, others, size)
    part = hers / size
    drawn = np.maximum(1 / np.maximum(hers, 1) - 1 / act.submitted, 0.0)
    own = np.where(hers > 0, _known(act) + act.scatter**2 * drawn, 0.0)
    theirs = np.where(hers < size, 1 / np.maximum(size - hers, 1), 0.0)
    variance = part**2 * own + (1 - part) ** 2 * theirs
    spread = np.sqrt(float(broker.level) * np.maximum(variance, _NEGLIGIBLE))
    bias = np.outer(distances, part)
    if problem.dimension > 1:
        unit = np.asarray(broker.unit, float)
        bias, spread = bias[..., None] * unit, spread[:, None] * unit
    found = np.asarray(_worth(problem.valuations[j], jnp.asarray(bias), jnp.asarray(spread)), float)
    return np.tensordot(chance, found.reshape(*found.shape[:2], -1), (0, 1))


def _hypergeometric(hers: int, others: int, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Numbers k of her points among those drawn, and their chances; of very many, evenly spread ones stand for all."""
    low, high = max(0, size - others), min(size, hers)
    k = np.arange(low, high + 1) if high - low < 64 * MOST_SHARES else np.linspace(low, high, 64 * MOST_SHARES).round()

    def choose(total: int, some: np.ndarray) -> np.ndarray:
        gammaln = scipy.special.gammaln
        logarithm: np.ndarray = gammaln(total + 1) - gammaln(some + 1) - gammaln(total - some + 1)
        return logarithm

    weight = choose(hers, k) + choose(others, size - k)
    chance = np.exp(weight - weight.max())
    chance /= chance.sum()
    if len(k) > MOST_SHARES:
        edges = np.linspace(0, len(k), MOST_SHARES + 1).astype(int)[:-1]
        total = np.add.reduceat(chance, edges)
        mean = np.add.reduceat(chance * k, edges) / np.where(total > 0, total, 1.0)
        k, chance = mean[total > 0], total[total > 0]
    return k.astype(float), chance


@jit
def _worth(valuation: Valuation, bias: Array, spread: Array) -> Array:
    return valuation.of_estimate(bias, spread)


@jit
def _expected(broker: Broker, who: Array, submitted: Array, known: Array, distances: Array) -> tuple[Array, Array]:
    """(distances, types) expected prices and (distances,) payments of the misreporter; both quadratic in the means."""
    samples, size = broker.samples, broker.samples.shape[0]
    hers, asked = jnp.arange(size) == who, samples > 0
    count = jnp.where(hers, submitted, samples)
    variance = broker.level * jnp.where(hers, known, jnp.where(asked, 1 / jnp.where(asked, samples, 1.0), 0.0))
    step = _REACH * jnp.sqrt(broker.level)

    def settled(mean: Array) -> Array:
        prices, payments = broker.settle(broker.alike(count, mean))
        return jnp.append(prices, payments[who])

    def bend(direction: Array) -> Array:
        sides = settled(step * direction) + settled(-step * direction)
        return (sides / 2 - settled(0 * direction)) / step**2

    bends = jax.vmap(bend)(jnp.eye(size, dtype=samples.dtype))
    found = jax.vmap(lambda distance: settled(jnp.where(hers, distance, 0.0)))(distances) + variance @ bends
    return found[:, :-1], found[:, -1]

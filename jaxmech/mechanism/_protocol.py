"""The vocabulary that every system and every user-written mechanism shares."""

import dataclasses
from typing import Any, Protocol, runtime_checkable

import jax.numpy as jnp

from jaxmech._pytree import pytree
from jaxmech._types import Agents, Amounts, Array
from jaxmech.mechanism._record import Target
from jaxmech.mechanism._stakes import Stakes
from jaxmech.mechanism._submission import Statistics, Submission


@pytree
@dataclasses.dataclass(frozen=True)
class Information:
    """What each agent gets back, per distribution. Counts are 0 where she gets nothing.

    Attributes:
        clean_count: points returned as they were submitted, her own included where the mechanism mixes them in.
        clean_mean: their mean.
        noisy_count: points returned with noise added.
        noisy_mean: their mean, noise included.
        noisy_variance: variance of each noisy point, given the noise that was drawn (σ² + η²).
        payment: money that the mechanism pays to each agent, negative where she pays; 0 if it is left out.
        expected_variance: variance by which the recommended estimate weighs a noisy point; ``noisy_variance`` if it is
            left out. Rules with steady weights put here what is expected before anything is drawn.
    """

    clean_count: Amounts
    clean_mean: Amounts
    noisy_count: Amounts
    noisy_mean: Amounts
    noisy_variance: Amounts
    payment: Agents = None  # type: ignore[assignment]
    expected_variance: Amounts = None  # type: ignore[assignment]

    def __post_init__(self) -> None:
        """No payment is a payment of 0, in the type of the counts; what is drawn is what is expected."""
        if self.payment is None:
            object.__setattr__(self, "payment", jnp.zeros_like(self.clean_count[..., 0]))
        if self.expected_variance is None:
            object.__setattr__(self, "expected_variance", self.noisy_variance)

    def estimate(self, variance: Array) -> Amounts:
        """Return the precision-weighted mean of clean and noisy points, NaN where there are none.

        This is the estimate that an agent who follows the recommendation accepts.

        Args:
            variance: σ² of a clean point, a number or one per distribution.
        """
        clean = self.clean_count / variance
        noisy = self.noisy_count / self.expected_variance
        return (clean * self.clean_mean + noisy * self.noisy_mean) / (clean + noisy)


@pytree
@dataclasses.dataclass(frozen=True)
class Strategy:
    """What the mechanism recommends: collect this many, submit them as they are, accept the estimate.

    Attributes:
        samples: how many points to collect.
    """

    samples: Amounts


@runtime_checkable
class Mechanism(Protocol):
    """Pure functions of submissions and a key, for all agents at once."""

    @property
    def recommended(self) -> Strategy:
        """The strategy that the mechanism asks of every agent."""
        ...

    def respond(self, submission: Submission | Statistics, key: Array) -> Information:
        """Return what each agent gets back for these submissions.

        The key must be secret, and fresh for every exchange: an agent who knows it subtracts the noise, and nothing
        that is proven holds for her. Take it from :func:`~jaxmech.mechanism.secret_key` when data are exchanged for
        real; seeds are for simulations.

        Args:
            submission: what all agents hand in.
            key: random key for whatever the mechanism draws.
        """
        ...


@runtime_checkable
class Separate(Protocol):
    """What a mechanism may offer beside the protocol: an answer to one agent alone, the others being honest.

    It makes simulation and search fast: instead of all submissions, only the clean points that reach her are drawn.
    Given those, the mean of the noisy points of honest others is independent and normal around the true mean, with
    variance ``noisy_variance / noisy_count``.
    """

    @property
    def clean_others(self) -> Amounts:
        """How many points of honest others reach each agent clean: |Z|, or all of theirs."""
        ...

    def respond_to(self, agent: Array, own: Statistics, others: Array) -> Information:
        """Return what one agent gets back, in one row; its ``noisy_mean`` is left at 0.

        Args:
            agent: her index.
            own: what she submits, one row.
            others: mean of the ``clean_others`` points of hers, one row.
        """
        ...


@runtime_checkable
class Settling(Protocol):
    """What a mechanism may offer instead of :class:`Separate`: that it answers one agent alone once something is drawn.

    What is drawn depends on the others' data and on the key, and on nothing that she does, such as a noise level that
    follows the spread of the others' points; it is independent of the means of these points.
    """

    def settle_noise(self, agent: Array, key: Array) -> Separate:
        """Return the mechanism as it is for one agent in one exchange, the others being honest.

        Args:
            agent: her index.
            key: random key for what is drawn.
        """
        ...


def answers_alone(mechanism: Any) -> bool:
    """Return whether a mechanism answers one agent alone, at once or after something is drawn.

    Source: none; a question to a mechanism.

    Example:
        >>> answers_alone(object())
        False
    """
    return isinstance(mechanism, Separate | Settling)


def settled(mechanism: Any, agent: Array, key: Array) -> Any:
    """Return what answers one agent alone in one exchange.

    Args:
        mechanism: one that :func:`answers_alone`.
        agent: her index.
        key: random key for what is drawn, if anything is.

    Source: none; programming.

    Example:
        >>> settled("draws nothing", jnp.array(0), jnp.array(0))
        'draws nothing'
    """
    return mechanism.settle_noise(agent, key) if isinstance(mechanism, Settling) else mechanism


@runtime_checkable
class Whole(Protocol):
    """What a mechanism may say beside the protocol: that points are whole, and that what is proven holds for these.

    Searches then look at whole numbers only, and who works alone collects the best of them.
    """

    @property
    def whole(self) -> bool:
        """Whether only whole numbers of points count."""
        ...


def only_whole_points(mechanism: Any) -> bool:
    """Whether a mechanism says that points are whole.

    Source: none; a question to a mechanism.

    Example:
        >>> only_whole_points(object())
        False
    """
    return isinstance(mechanism, Whole) and mechanism.whole is True


@pytree
@dataclasses.dataclass(frozen=True)
class Guarantee:
    """What is proven about every agent's penalty while the others comply.

    Attributes:
        promised: what she pays if she complies too.
        least: no strategy whatsoever costs her less; −∞ where nothing is proven.
        samples: an amount per distribution that costs her nearly the least, if she submits it truthfully.
    """

    promised: Agents
    least: Agents
    samples: Amounts

    @property
    def regret(self) -> Agents:
        """No strategy gains more than this."""
        return jnp.maximum(self.promised - self.least, 0.0)


@runtime_checkable
class Guaranteed(Protocol):
    """What a mechanism may offer beside the protocol: proven bounds on what any strategy can gain."""

    def guarantee(self, stakes: Stakes) -> Guarantee:
        """Return what is proven for these costs, standard deviations and prices."""
        ...


@runtime_checkable
class Approximate(Protocol):
    """What a mechanism may say beside its guarantee: that incentives are claimed as far as is proven, and no further.

    The tolerance of the claim is then the proven bound on what any strategy gains, as a part of the penalty, the
    largest over agents.
    """

    @property
    def approximate(self) -> bool:
        """Whether that is so."""
        ...


def claims_what_is_proven(mechanism: Any) -> bool:
    """Return whether a mechanism claims incentives as far as is proven.

    Source: none; a question to a mechanism.

    Example:
        >>> claims_what_is_proven(object())
        False
    """
    return isinstance(mechanism, Approximate) and mechanism.approximate is True


@runtime_checkable
class Claiming(Protocol):
    """What a mechanism may say beside the protocol: what it claims, and for which data."""

    @property
    def claims(self) -> tuple[str, ...]:
        """Which of :data:`~jaxmech.mechanism.CLAIMS` it makes; the others are told as facts."""
        ...

    @property
    def any_law(self) -> bool:
        """Whether its promises hold for data of any law with the standard deviations that are assumed."""
        ...

    def target(self, stakes: Stakes) -> Target | None:
        """Return what counts as efficient; None for the best that compliant agents could do together."""
        ...

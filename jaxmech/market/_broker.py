"""The broker: pays contributors, and charges buyers, by how well the contributors' data agree."""

import dataclasses

import jax
import jax.numpy as jnp

from jaxmech._pytree import pytree
from jaxmech._types import Array, Bool, Float, Scalar
from jaxmech.mechanism import Guarantee, Information, Stakes, Statistics, Strategy, Submission


@pytree
@dataclasses.dataclass(frozen=True)
class Trade:
    """What happened in one round of the market.

    Attributes:
        prices: (types,) what a buyer of each type pays; the same for all of her type.
        payments: (contributors,) what each contributor gets; negative where she pays.
        bought: (types,) points that a buyer of each type gets.
        estimates: (types,) mean of those points, drawn at random from all; NaN for who buys nothing. Of several means
            (types, means).
        surplus: what buyers pay less what contributors get: 0 if everybody submits as many points as asked.
    """

    prices: Float[Array, " types"]
    payments: Float[Array, " contributors"]
    bought: Float[Array, " types"]
    estimates: Float[Array, " types"] | Float[Array, "types means"]
    surplus: Scalar


@pytree
@dataclasses.dataclass(frozen=True)
class Broker:
    """Prices and payments that vary with the discrepancy between each contributor's mean and that of the others.

    Contributor i, asked for N_i of the N points, is paid 1[|Y_i| = N_i] (W N_i/N + c_i N_i + d_i s_i²) − d_i Δ_i²,
    where Δ_i is her mean less that of the others, s_i² = σ²/N_i + σ²/(N − N_i) its variance, and d_i = c_i N_i²/σ². A
    buyer of type j pays Σ_i (1[|Y_i| = N_i] (q_j N_i/N + d_i s_i²/B) − d_i Δ_i²/B), where B is the number of buyers
    that buy anything. So a contributor loses by whatever makes her mean a worse estimate, and expected prices are q_j.
    If a contributor who was asked for points submits none, there is no trade. The paper's rule is that of two
    contributors; each is compared with all others that are asked here.

    Where a point measures several means, Δ_i² is the average over the means of (Δ_ik/σ_k)², and σ = 1 elsewhere. Its
    expectation is that of one mean whatever a contributor does alike in all of them, and the sample mean is minimax for
    this sum of squares whatever the correlation of a point's numbers: no data of others is known to her. So all that is
    proven of one mean holds. A point of the second contributor is one number for each mean, as many as there are
    degrees of freedom.

    Attributes:
        samples: N_i, points that each contributor is asked for.
        costs: c_i, of a point.
        sizes: points that a buyer of each type gets.
        prices: q_j, expected prices.
        counts: buyers of each type.
        variance: σ² of a point; (means,) where it measures several.

    Source: Chen, Clinton and Kandasamy 2025, Algorithm 2 and equations (14) and (15).
    """

    samples: Float[Array, " contributors"]
    costs: Float[Array, " contributors"]
    sizes: Float[Array, " types"]
    prices: Float[Array, " types"]
    counts: Float[Array, " types"]
    variance: Scalar | Float[Array, " means"]

    @property
    def recommended(self) -> Strategy:
        """Collect what is asked for."""
        return Strategy(self.samples[:, None])

    @property
    def asked(self) -> Bool[Array, " contributors"]:
        """Who is asked for points."""
        return self.samples > 0

    @property
    def buyers(self) -> Scalar:
        """B, how many buyers buy anything, at least 1."""
        return jnp.maximum(jnp.sum(jnp.where(self.sizes > 0, self.counts, 0.0)), 1.0)

    @property
    def profit(self) -> Scalar:
        """W, what contributors gain together: revenue less the cost of collecting."""
        return jnp.sum(self.counts * self.prices) - jnp.sum(self.costs * self.samples)

    @property
    def level(self) -> Scalar:
        """σ² in which discrepancies are counted: that of the one mean; 1 of several, each in its own σ."""
        return self.variance if jnp.ndim(self.variance) == 0 else jnp.ones((), self.variance.dtype)

    @property
    def unit(self) -> Float[Array, " means"]:
        """What a discrepancy of 1 is in each mean: σ_k of several means, 1 of one."""
        return jnp.sqrt(self.variance) if jnp.ndim(self.variance) else jnp.ones((1,), self.variance.dtype)

    @property
    def as_one(self) -> "Broker":
        """The broker of one mean with the same expectations, whatever contributors do alike in several ones."""
        return dataclasses.replace(self, variance=self.level)

    @property
    def stakes(self) -> Stakes:
        """What contributors have at stake: costs and payments. They do not care for the mean itself: price 0.

        Several means are one distribution here, as for :attr:`as_one`: a point measures them all.
        """
        level = self.level
        return Stakes(self.costs[:, None], jnp.sqrt(level)[None], jnp.zeros_like(level)[None])

    def alike(self, count: Float[Array, " contributors"], mean: Float[Array, " contributors"]) -> Statistics:
        """Return submissions whose means are off by as many units in all means.

        Args:
            count: points that each submits.
            mean: of them; of several means in σ_k.
        """
        return Statistics(jnp.broadcast_to(count[:, None], (*count.shape, *self.unit.shape)), mean[:, None] * self.unit)

    @property
    def weight(self) -> Float[Array, " contributors"]:
        """d_i = c_i N_i²/σ²: what a unit of squared discrepancy costs contributor i."""
        return self.costs * self.samples**2 / self.level

    @property
    def discrepancy_variance(self) -> Float[Array, " contributors"]:
        """s_i² = σ²/N_i + σ²/(N − N_i), the variance of an honest discrepancy; 0 for who is not asked."""
        own = jnp.where(self.asked, self.samples, 1.0)
        others = jnp.where(self.asked, jnp.sum(self.samples) - own, 1.0)
        return jnp.where(self.asked, self.level / own + self.level / others, 0.0)

    def respond(self, submission: Submission | Statistics, key: Array) -> Information:
        """Return what each contributor is paid; nobody gets any data back, and the key is not used.

        Example:
            >>> broker = Broker(*map(jnp.array, ([1.0, 1.0], [0.1, 0.1], [2.0], [0.5], [1.0], 1.0)))
            >>> agreeing = Statistics(jnp.ones((2, 1)), jnp.zeros((2, 1)))
            >>> broker.respond(agreeing, jax.random.key(0)).payment.round(9).tolist()
            [0.45, 0.45]
        """
        del key
        nothing = jnp.zeros_like(submission.mean)
        payment = self.settle(submission)[1]
        return Information(nothing, nothing, nothing, nothing, jnp.ones_like(nothing), payment.astype(nothing.dtype))

    def settle(
        self, submission: Submission | Statistics
    ) -> tuple[Float[Array, " types"], Float[Array, " contributors"]]:
        """Return what a buyer of each type pays, and what each contributor is paid.

        Source: Chen, Clinton and Kandasamy 2025, equations (14) and (15).
        """
        count = submission.count[:, 0]
        right = self.asked & jnp.all(submission.count == self.samples[:, None], axis=1)
        opens = self._opens(submission.count)
        share = self.samples / jnp.maximum(jnp.sum(self.samples), 1.0)
        noise = self.weight * self.discrepancy_variance
        penalty = self.weight * self._squared_discrepancy(count, submission.mean)
        payment = jnp.where(right, self.profit * share + self.costs * self.samples + noise, 0.0) - penalty
        common = (jnp.sum(jnp.where(right, noise, 0.0)) - jnp.sum(penalty)) / self.buyers
        price = jnp.where(self.sizes > 0, self.prices * jnp.sum(jnp.where(right, share, 0.0)) + common, 0.0)
        return jnp.where(opens, price, 0.0), jnp.where(opens, payment, 0.0)

    def trade(self, submission: Submission, key: Array) -> Trade:
        """Carry out the whole round on data sets: prices, payments, and what a buyer of each type estimates.

        Each buyer gets a random subset, drawn without replacement from the points of the contributors who were asked.
        If they submit fewer points than she is to get, she gets them all.

        Args:
            submission: data sets of all contributors: one distribution, or as many as there are means, point by point.
            key: random key for the draws.

        Source: Chen, Clinton and Kandasamy 2025, Algorithm 2.

        Example:
            >>> broker = Broker(*map(jnp.array, ([2.0, 1.0], [0.1, 0.1], [3.0, 0.0], [0.5, 0.0], [4.0, 1.0], 1.0)))
            >>> data = Submission.from_ragged([[[1.0, 3.0]], [[2.0]]])
            >>> trade = broker.trade(data, jax.random.key(0))
            >>> trade.estimates.tolist(), round(float(trade.surplus), 12)
            ([2.0, nan], 0.0)
        """
        prices, payments = self.settle(submission)
        mask = (submission.mask[:, 0] & self.asked[:, None]).ravel()
        values = jnp.moveaxis(submission.values, 1, 0).reshape(self.unit.shape[0], -1)
        takes = jnp.minimum(self.sizes, jnp.sum(mask))
        takes = jnp.where(self._opens(submission.count), takes, 0.0)

        def estimate(entry: tuple[Array, Array]) -> Array:
            size, lot = entry
            lots = jnp.where(mask, jax.random.uniform(lot, mask.shape), jnp.inf)
            drawn = jnp.argsort(jnp.argsort(lots)) < size
            found = jnp.sum(jnp.where(drawn, values, 0.0), axis=1) / jnp.where(size > 0, size, jnp.nan)
            return found if jnp.ndim(self.variance) else found[0]

        estimates = jax.lax.map(estimate, (takes, jax.random.split(key, self.sizes.shape[0])))
        surplus = jnp.sum(self.counts * prices) - jnp.sum(payments)
        return Trade(prices, payments, takes, estimates, surplus)

    def guarantee(self, stakes: Stakes) -> Guarantee:
        """Return what is proven: the least that a contributor can lose is what she is promised, or nothing.

        Who submits N_i points does best with the mean of what she collected, for the sample mean is minimax; then
        collecting n brings her W N_i/N − c_i (n − N_i)²/n, largest at n = N_i. Who submits another number of points is
        paid −d_i Δ_i² at most, and who submits none is paid nothing: leaving is best if W < 0. Holds for these stakes
        alone.

        Source: Chen, Clinton and Kandasamy 2025, Theorem 5.1 (Lemmas 7 to 9).

        Example:
            >>> broker = Broker(*map(jnp.array, ([1.0, 1.0], [0.1, 0.1], [2.0], [0.5], [1.0], 1.0)))
            >>> broker.guarantee(broker.stakes).regret.tolist()
            [0.0, 0.0]
            >>> dear = Broker(*map(jnp.array, ([1.0, 1.0], [1.0, 1.0], [2.0], [0.5], [1.0], 1.0)))  # W = −1.5
            >>> dear.guarantee(dear.stakes).regret.tolist()
            [0.75, 0.75]
        """
        promised = -self.profit * self.samples / jnp.maximum(jnp.sum(self.samples), 1.0)
        own = self.stakes
        same = jnp.all(stakes.costs == own.costs) & jnp.all(stakes.sigma == own.sigma) & jnp.all(stakes.price == 0)
        least, best = jnp.minimum(promised, 0.0), jnp.where(promised > 0, 0.0, self.samples)
        return Guarantee(promised, jnp.where(same, least, -jnp.inf), best[:, None])

    def _opens(self, count: Array) -> Array:
        """Whether everybody who was asked submits anything; otherwise there is nothing to compare, and no trade."""
        return jnp.all(jnp.where(self.asked[:, None], count > 0, True)) & jnp.any(self.asked)

    def _squared_discrepancy(self, count: Array, mean: Array) -> Array:
        """Δ_i²: each mean less that of all other points of contributors who were asked; 0 for who was not.

        Of (contributors, means) the average over means, each in its unit.
        """
        heard = jnp.where(self.asked, count, 0.0)[:, None]
        others = jnp.sum(heard, axis=0) - heard
        theirs = (jnp.sum(heard * mean, axis=0) - heard * mean) / jnp.maximum(others, 1.0)
        squared = jnp.mean(((mean - theirs) / self.unit) ** 2, axis=1)
        return jnp.where(self.asked, squared, 0.0)


def contributor_utility(broker: Broker, samples: Float[Array, " contributors"]) -> Float[Array, " contributors"]:
    """Return what each contributor gains by collecting another amount and submitting N_i points with its mean.

    The others comply. W N_i/N − c_i (n − N_i)²/n; −∞ for n = 0, for a mean that is made up may lie anywhere; −c_i n for
    who is not asked. It is concave in n and largest at N_i: exact incentive compatibility in n.

    Args:
        broker: from :func:`mechanism`.
        samples: n, an amount for each contributor.

    Source: Chen, Clinton and Kandasamy 2025, Lemma 9.

    Example:
        >>> broker = Broker(*map(jnp.array, ([4.0, 4.0], [0.1, 0.1], [8.0], [2.0], [1.0], 1.0)))
        >>> [round(float(gain), 9) for gain in contributor_utility(broker, jnp.array([4.0, 2.0]))]
        [0.6, 0.4]
    """
    share = broker.profit * broker.samples / jnp.maximum(jnp.sum(broker.samples), 1.0)
    some = jnp.where(samples > 0, samples, 1.0)
    loss = broker.costs * (samples - broker.samples) ** 2 / some
    asked = jnp.where(samples > 0, share - loss, -jnp.inf)
    return jnp.where(broker.asked, asked, -broker.costs * samples)

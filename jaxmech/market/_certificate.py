"""Certificates of a market's plan: nobody wants to leave, to swap or to cheat, and nothing is left over."""

import dataclasses
import math
from collections.abc import Iterator
from typing import SupportsFloat

import jax
import jax.numpy as jnp
import numpy as np

from jaxmech._kept import jit
from jaxmech._tolerances import tolerances, without_dust
from jaxmech._types import Array
from jaxmech._words import figure, rough
from jaxmech.deviation import BestResponse, SearchSettings, best_responses
from jaxmech.market._broker import Broker
from jaxmech.market._curve import largest_best
from jaxmech.market._expectation import expected_settlement
from jaxmech.market._margins import (
    FACTORS,
    REALISATIONS,
    Margins,
    amounts,
    budget_gaps,
    margins,
    relative_changes,
    shortfalls,
)
from jaxmech.market._menu import tabulate
from jaxmech.market._misreport import buyers_protected
from jaxmech.market._plan import Plan
from jaxmech.market._premises import premises
from jaxmech.market._prices import most_tempting_swap, utility
from jaxmech.market._problem import Problem
from jaxmech.market._solve import mechanism
from jaxmech.market._spread import Spread, expect, spread
from jaxmech.mechanism import COMPUTED, PROVEN, SEARCHED, SIMULATED, Audit


def certify(
    problem: Problem,
    plan: Plan,
    search: Array | None = None,
    settings: SearchSettings | None = None,
    broker: Broker | None = None,
) -> tuple[Audit, ...]:
    """Return what is certain about a plan, claims first.

    - "individually rational for buyers": nobody pays more than her points are worth to her, in expectation.
    - "envy-free": nobody prefers another's size and price, or nothing. The witness is the most tempting swap.
    - "individually rational for contributors": expected payments cover what collecting costs.
    - "Nash incentive compatible for contributors": the broker's expected payments, exact, at other amounts collected
      and another number of points submitted; that no other number than the sample mean is better is a theorem (it is
      minimax), checked on request by a search that knows no theorem.
    - "deliverable": at least two contributors collect, whole points, and no fewer than anybody buys.
    - "budget balanced": in every realisation, if everybody submits as many points as asked; a fact tells what happens
      otherwise.
    - "profit-optimal": the profit that prices and samples make is not above the most that any equilibrium of a market
      that is envy-free and rational for buyers can bring (one that may discriminate can bring more), and at most as
      far below as the method promises, and a second sample of more than one point costs. A fact for methods that
      promise nothing.
    - facts, where the plan is deliverable: whether a price can turn out negative or above value, or a payment below
      cost, whether a posted price list would
      sell the same, what a market
      earns that may discriminate, what honesty costs if the others are not honest, and what misreports do to buyers.

    Args:
        problem: the problem.
        plan: from :func:`solve`.
        search: a random key to search for profitable deviations of contributors with
            :func:`jaxmech.deviation.best_responses`, which takes a while; None to leave it out.
        settings: how widely to search.
        broker: whose prices and payments are judged; by default the plan's :func:`mechanism`.

    Returns:
        Audits with relative margins. Host only.

    Source: Chen, Clinton and Kandasamy 2025, section 3.2, Theorems 4 and 5.1.

    Example:
        >>> from jaxmech.market import Buyer, solve, table
        >>> buyers = [Buyer(table([0.0, 0.5, 0.6])), Buyer(table([0.0, 0.7, 1.0]))]
        >>> problem = Problem([0.1, 0.15], 1.0, buyers)
        >>> all(audit.holds for audit in certify(problem, solve(problem).value) if audit.claimed)
        True
    """
    broker = mechanism(problem, plan) if broker is None else broker
    found = None
    if search is not None and float(plan.total) > 0:
        found = best_responses(broker.as_one, broker.stakes, search, asked_of(plan), settings)
    return certificates(problem, plan, broker, found)


def asked_of(plan: Plan) -> list[int]:
    """Return who is asked for points."""
    return np.flatnonzero(np.asarray(plan.samples) > 0).tolist()


def certificates(problem: Problem, plan: Plan, broker: Broker, found: BestResponse | None) -> tuple[Audit, ...]:
    """Return the claims and facts of :func:`certify`.

    Args:
        problem: the problem.
        plan: from :func:`solve`.
        broker: whose prices and payments are judged.
        found: what a search found for those who are asked, or None.
    """
    judge = _Judge(problem, plan, broker, jax.device_get(margins(problem, plan, broker)))
    deliverable = judge.deliverable()
    with np.errstate(invalid="ignore", over="ignore"):  # what is no number fails, whatever is compared with it
        audits = [
            judge.rational_for_buyers(),
            judge.envy_free(),
            judge.rational_for_contributors(),
            judge.incentive_compatible(),
            judge.budget_balanced(),
            deliverable,
            judge.profit_optimal(),
        ]
    if float(plan.total) > 0 and deliverable.holds:  # else there is nothing to simulate
        if found is not None:
            audits.append(judge.nothing_found(found))
        audits += [judge.posted_prices(), judge.budget_off_path(), *judge.chances()]
        audits += [*premises(problem, plan, broker), *buyers_protected(problem, plan, broker)]
    return tuple(sorted(audits, key=lambda audit: not audit.claimed))


@dataclasses.dataclass(frozen=True)
class _Judge:
    """Turns numbers into audits, in words."""

    problem: Problem
    plan: Plan
    broker: Broker
    margins: Margins

    @property
    def scale(self) -> float:
        """Largest value of any buyer: what margins about buyers are relative to."""
        return max(float(valuation.largest) for valuation in self.problem.valuations)

    @property
    def claim(self) -> float:
        """By how much a margin may fall short and the claim still hold."""
        return tolerances(self.plan.prices.dtype).claim

    @property
    def _published(self) -> bool:
        """Whether payments are those of the theorem."""
        return type(self.broker) is Broker

    def rational_for_buyers(self) -> Audit:
        gains = np.asarray(utility(self.problem, self.plan.sizes, self.plan.prices), float)
        worst = int(np.argmin(gains))
        paid = float(self.plan.prices[worst])
        witness = (
            f"{self.problem.buyers[worst]} pays {figure(paid)} for what is worth {figure(paid + gains[worst])} to her"
        )
        effort = "values in closed form or by quadrature, compared for every type"
        return self._audit("individually rational for buyers", self.margins.rational_for_buyers, witness, effort)

    def envy_free(self) -> Audit:
        swap = most_tempting_swap(self.problem, self.plan.sizes, self.plan.prices)
        who = self.problem.buyers[swap.buyer]
        if swap.other < 0:
            what = "buying nothing"
        else:
            size, paid = float(self.plan.sizes[swap.other]), float(self.plan.prices[swap.other])
            what = f"the {size:,.0f} points of {self.problem.buyers[swap.other]} for {figure(paid)}"
        if math.isinf(swap.loss):
            witness = "there is one offer only, and no other to swap it for"
        else:
            small = abs(swap.loss) <= tolerances(self.plan.prices.dtype).iterate
            change = "gain nothing" if small else f"{'lose' if swap.loss > 0 else 'gain'} {abs(swap.loss):.3g}"
            witness = f"most tempting: {who} would {change} by {what}"
        return self._audit("envy-free", self.margins.envy_free, witness, "all pairs of types compared")

    def rational_for_contributors(self) -> Audit:
        claim = "individually rational for contributors"
        known = expected_settlement(self.broker)
        gain, spent, payment = (np.asarray(part, float) for part in (known.gain, known.spent, known.payment))
        asked = np.asarray(self.plan.samples) > 0
        if not asked.any():
            return self._audit(claim, math.inf, _NO_TRADE, "nobody is asked")
        gains = np.where(asked, gain / np.where(asked, spent, 1.0), np.inf)
        worst = int(np.argmin(gains))
        who = self.problem.contributors[worst]
        witness = f"{who} is paid {figure(payment[worst])} for points that cost {figure(spent[worst])}"
        effort = "what the broker pays in expectation, exact, compared for every contributor"
        return self._audit(claim, self.margins.rational_for_contributors, witness, effort)

    def incentive_compatible(self) -> Audit:
        claim = "Nash incentive compatible for contributors"
        samples = np.asarray(self.broker.samples, float)
        if not np.any(samples > 0):
            return self._audit(claim, 0.0, _NO_TRADE, "nobody is asked")
        known = expected_settlement(self.broker)
        tries = amounts(known)
        gains, *others = (np.asarray(change, float) for change in relative_changes(known, tries))
        scale = np.asarray(self.broker.costs, float) * np.maximum(samples, 1.0)
        row, worst = np.unravel_index(int(np.argmax(gains)), gains.shape)
        best, instead = float(gains[row, worst]), f"collecting {float(tries[row, worst]):,.6g} points"
        for told, relative in zip((samples + 1, 0 * samples), others, strict=True):
            if not np.max(relative) <= best:
                worst = np.argmax(relative)
                best, instead = float(relative[worst]), f"submitting {told[worst]:,.0f} points"
        who, change = self.problem.contributors[worst], "gain" if best > 0 else "lose"
        amount = abs(best) * scale[worst]
        witness = f"{who} would {change} {amount:.3g} by {instead} instead of {samples[worst]:,.0f}"
        known = PROVEN if self._published else SEARCHED
        return self._audit(claim, self.margins.incentive_compatible, witness, _NASH_EFFORT, known=known)

    def nothing_found(self, found: BestResponse) -> Audit:
        """What a search over amounts, submissions and made-up data finds: a lower bound, beside the proof."""
        asked = asked_of(self.plan)
        spent = expect(self.broker).spent[asked]
        gains = np.asarray(found.gain, float) / spent
        worst = int(np.argmax(gains))
        doubt = float(found.half_width[worst]) / spent[worst]
        who = self.problem.contributors[asked[worst]]
        change = f"{abs(gains[worst]) * spent[worst]:.3g} {'more' if gains[worst] > 0 else 'less'}"
        witness = f"best found: {who} would gain {change} by the family {found.family[worst]}"
        if not abs(gains[worst]) > doubt:
            witness = f"nothing found for {who} that gains more than honesty"
        claim = "no profitable deviation found"
        return self._audit(claim, -max(0.0, gains[worst]), witness, found.effort, tolerance=max(doubt, self.claim))

    def budget_balanced(self) -> Audit:
        gap, paid, got = (np.asarray(part, float) for part in _budget_gaps(self.problem, self.broker))
        worst = int(np.argmax(gap))
        witness = f"in one run buyers paid {figure(paid[worst])} and contributors got {figure(got[worst])}"
        if not float(self.plan.total):
            witness = _NO_TRADE
        effort = f"an identity of (14) and (15), recomputed in {REALISATIONS} runs of honest contributors"
        known = PROVEN if self._published else SIMULATED
        return self._audit("budget balanced", self.margins.budget_balanced, witness, effort, known=known)

    def deliverable(self) -> Audit:
        """Is what is sold collected, by contributors who can be checked against each other?"""
        samples, sizes, prices = (np.asarray(p, float) for p in (self.plan.samples, self.plan.sizes, self.plan.prices))
        asked, total = int(np.sum(samples > 0)), float(self.plan.total)
        collected, largest = float(samples.sum()), float(sizes.max())
        broken = np.abs(samples - np.round(samples)).max() + np.abs(sizes - np.round(sizes)).max()
        unsold = np.abs(np.where(sizes > 0, 0.0, prices))
        told = [
            f"{largest:,.6g} points are sold at most, {collected:,.6g} collected",
            f"the plan's total is {total:,.6g}, its samples are {collected:,.6g}",
            f"points are not whole, by {broken:.3g}",
            f"a number of points is negative: {figure(min(float(samples.min()), float(sizes.min()), 0.0))}",
            f"points are sold, and {asked} collect any",
            f"{self.problem.buyers[int(np.argmax(unsold))]} gets no points for {figure(unsold.max())}",
        ]
        room = np.asarray(shortfalls(self.plan, jnp.asarray(self.scale, self.plan.prices.dtype)), float)
        witness, margin = told[int(np.argmin(room))], float(self.margins.deliverable)  # NaN is the least of all
        if not asked and margin >= 0:
            witness = _NO_TRADE
        return self._audit("deliverable", margin, witness, "sizes, samples, total and prices of the plan compared")

    def profit_optimal(self) -> Audit:
        """The profit is that of prices and samples, and what the plan says of it must agree."""
        plan, counts, costs = self.plan, self.problem.counts, self.problem.contributor_costs
        revenue = float(np.asarray(counts, float) @ np.asarray(plan.prices, float))
        profit = revenue - float(np.asarray(costs, float) @ np.asarray(plan.samples, float))
        bound, promised = float(plan.profit_bound), not math.isinf(float(plan.allowance))
        witness = (
            f"profit {figure(profit)}; no equilibrium of an envy-free, rational market brings more than {figure(bound)}"
        )
        effort = f"{plan.method}: {plan.guarantee}; the profit recomputed from prices and samples"
        return self._audit("profit-optimal", self.margins.profit_optimal, witness, effort, claimed=promised)

    def posted_prices(self) -> Audit:
        """At the offers as a price list, do buyers choose what they were given, or something dearer?"""
        sizes, prices = (np.asarray(part, float) for part in (self.plan.sizes, self.plan.prices))
        offers = np.unique(np.append(sizes, 0.0))
        posted = np.array([prices[sizes == size].min() if size > 0 else 0.0 for size in offers])
        gain = tabulate(self.problem, offers) - posted
        sold = float(np.asarray(self.problem.counts, float) @ posted[largest_best(gain)])
        revenue = float(self.plan.revenue)
        margin = sold / max(revenue, 1e-300) - 1
        witness = f"left to choose from the price list, buyers pay {figure(sold)} instead of {figure(revenue)}"
        return self._audit("a price list sells as well", margin, witness, "demand (4) of every type", claimed=False)

    def budget_off_path(self) -> Audit:
        """What is short or left over if one contributor submits a point too few or too many."""
        asked = np.flatnonzero(np.asarray(self.plan.samples) > 0)
        revenue = float(self.plan.revenue)
        gaps = np.array(
            [without_dust(float(gap), revenue) for gap in np.asarray(_surplus_off_path(self.broker))[asked]]
        )
        worst = int(np.argmin(gaps))
        who = self.problem.contributors[asked[worst]]
        lacking = max(0.0, -gaps[worst])
        witness = f"if {who} submits a wrong number of points, {lacking:.3g} is missing"
        if max(gaps) > 0:
            other = self.problem.contributors[asked[int(np.argmax(gaps))]]
            witness += f"; {max(gaps):.3g} is left over if {other} does"
        effort = "prices and payments recomputed with one point too many, contributor by contributor"
        margin = gaps[worst] / max(revenue, 1e-300)
        return self._audit("budget balanced off the equilibrium path", margin, witness, effort, claimed=False)

    def chances(self) -> Iterator[Audit]:
        """What averages hide, with everybody honest."""
        found = spread(self.problem, self.plan)
        doubt = f" (standard error {rough(float(found.standard_error))})" if found.standard_error else ""
        known = SIMULATED if found.standard_error else COMPUTED
        yield self._prices_positive(found, doubt, known)
        effort, buyers, contributors = _CHANCES, self.problem.buyers, self.problem.contributors
        worst = int(np.argmax(found.price_above_value))
        chance = _chance(found.price_above_value[worst])
        told = (
            f"{buyers[worst]} pays more than her points are worth on average with probability {_likely(chance, doubt)}"
        )
        yield self._audit("prices never above value", -chance, told, effort, claimed=False, tolerance=0.0, known=known)
        worst = int(np.argmax(found.payment_below_cost))
        chance = _chance(found.payment_below_cost[worst])
        told = f"{contributors[worst]} is paid less than collecting costs with probability {_likely(chance)}"
        yield self._audit("payments never below cost", -chance, told, effort, claimed=False, tolerance=0.0)

    def _prices_positive(self, found: Spread, doubt: str, known: str) -> Audit:
        worst = int(np.argmax(found.negative_price))
        chance = _chance(found.negative_price[worst])
        who = self.problem.buyers[worst]
        witness = (
            f"{who} pays {found.price[worst]:.4g} on average, give or take {found.price_deviation[worst]:.4g}, and is "
            f"paid instead with probability {_likely(chance, doubt)}"
        )
        claim = "prices never negative"
        return self._audit(claim, -chance, witness, _CHANCES, claimed=False, tolerance=0.0, known=known)

    def _audit(
        self,
        claim: str,
        margin: SupportsFloat,
        witness: str,
        effort: str,
        claimed: bool = True,
        tolerance: float | None = None,
        known: str = "",
    ) -> Audit:
        allowed, room = self.claim if tolerance is None else tolerance, float(margin) + 0.0  # never −0
        return Audit.judged(claim, room, allowed, witness, effort, claimed=claimed, known=known)


_budget_gaps = jit(budget_gaps)

_NEVER = 1e-15
"""A chance that is smaller is nothing: prices are not computed as exactly as that."""


def _chance(found: SupportsFloat) -> float:
    """A chance, 0 where it is less than rounding of prices can tell from none."""
    return float(found) if float(found) >= _NEVER else 0.0


def _likely(chance: float, doubt: str = "") -> str:
    return f"{chance:.3g}{doubt}" if chance > 0 or doubt else f"less than {_NEVER:g}"


@jit
def _surplus_off_path(broker: Broker) -> Array:
    """What is left over if one contributor submits a point too many, contributor by contributor."""

    def surplus(extra: Array) -> Array:
        count = broker.samples + extra
        prices, payments = broker.settle(broker.alike(count, jnp.zeros_like(count)))
        return jnp.sum(broker.counts * prices) - jnp.sum(payments)

    return jax.vmap(surplus)(jnp.eye(broker.samples.shape[0], dtype=broker.samples.dtype))


_CHANCES = "distribution of the discrepancies of honest contributors"
_NO_TRADE = "no trade: nobody collects, buys or pays anything"
_NASH_EFFORT = (
    "submissions by theorem (the sample mean is minimax); amounts collected, a wrong number of points and none by what "
    f"the broker pays in expectation, at {len(FACTORS) + 2} amounts"
)

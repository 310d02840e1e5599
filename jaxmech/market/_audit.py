"""Host: what every contributor and every buyer could gain by departing, found and proven."""

from collections.abc import Callable

import numpy as np

from jaxmech._progress import tracked
from jaxmech._tolerances import tolerances, without_dust
from jaxmech._types import Array
from jaxmech.deviation import BestResponse, SearchSettings, best_responses, in_words, parameters
from jaxmech.market._broker import Broker
from jaxmech.market._certificate import asked_of, certificates
from jaxmech.market._expectation import ExpectedSettlement, expected_settlement
from jaxmech.market._margins import amounts, relative_changes
from jaxmech.market._plan import Plan
from jaxmech.market._prices import gains, swap_losses
from jaxmech.market._problem import Buyer, Problem
from jaxmech.market._solve import mechanism
from jaxmech.mechanism import Audit, Departure, Examined

CONTRIBUTOR, BUYER = "contributor", "buyer"
TRUTH = "the truth"
"""The family of who does best by complying."""

MOST_TYPES = 4
"""Most types of buyers for whom the market is solved again with every type in place of every other."""


def examine(
    problem: Problem,
    plan: Plan,
    key: Array | None = None,
    *,
    settings: SearchSettings | None = None,
    broker: Broker | None = None,
    solve_again: Callable[[Problem], Plan] | None = None,
) -> Examined:
    """Search for the best departure of every contributor and every buyer, and judge the plan's claims.

    - A contributor may collect another amount, submit another number of points, or none, which is compared exactly;
      with a key, :func:`jaxmech.deviation.best_responses` searches over made-up, shifted, scaled and repeated points as
      well. Regret is bounded where the broker's payments are those of the theorem.
    - A buyer may say that she is of another type, or leave: every offer is compared, so that what is found is all.
    - A fact, with ``solve_again``: what a buyer gains by another type's name if the market is solved for it.

    Args:
        problem: the problem.
        plan: from :func:`solve`.
        key: random key of the search; None to leave it out.
        settings: how widely to search.
        broker: whose payments are judged; by default the plan's :func:`mechanism`.
        solve_again: the plan of another problem, to tell what misreported types do to sizes and prices.

    Returns:
        Gains, regrets and verdicts, contributors first. Host only.

    Source: Chen, Clinton and Kandasamy 2025, sections 2 and 3.2, Theorem 5.1.

    Example:
        >>> from jaxmech.market import Buyer, solve, table
        >>> buyers = [Buyer(table([0.0, 0.5, 0.6])), Buyer(table([0.0, 0.7, 1.0]))]
        >>> problem = Problem([0.1, 0.15], 1.0, buyers)
        >>> examine(problem, solve(problem).value).found.tolist()
        [0.0, 0.0, 0.0, 0.0]
    """
    broker = mechanism(problem, plan) if broker is None else broker
    searched = None
    if key is not None and float(plan.total) > 0:
        searched = best_responses(broker.as_one, broker.stakes, key, asked_of(plan), settings)
    audits = list(certificates(problem, plan, broker, searched))
    if solve_again is not None and 1 < problem.types <= MOST_TYPES:
        audits.append(_renamed(problem, plan, solve_again))
    rows = [*_contributors(problem, broker, searched), *_buyers(problem, plan)]
    return Examined.of(rows, audits, _effort(searched))


def _effort(searched: BestResponse | None) -> str:
    exact = "contributors' amounts and counts by what the broker pays in expectation, exact; every offer to every buyer"
    return exact if searched is None else f"{exact}; {searched.effort}"


def _contributors(problem: Problem, broker: Broker, searched: BestResponse | None) -> list[Departure]:
    known = expected_settlement(broker)
    tries = amounts(known)
    exact = [np.asarray(change, float) for change in relative_changes(known, tries)]
    stake = np.asarray(known.costs, float) * np.maximum(np.asarray(known.samples, float), 1.0)
    bound = _bound(broker)
    place = {} if searched is None else {int(i): row for row, i in enumerate(np.asarray(searched.agents))}
    rows = []
    for i in range(len(stake)):
        row = _by_amount(known, np.asarray(tries, float), exact, i, stake[i])
        row = row._replace(name=problem.contributors[i], bound=bound[i])
        rows.append(row if searched is None or i not in place else _with_search(row, searched, place[i]))
    return rows


def _by_amount(
    known: ExpectedSettlement, tries: np.ndarray, exact: list[np.ndarray], i: int, stake: float
) -> Departure:
    """The best other amount or number of points, with what the broker pays in expectation."""
    asked = float(known.samples[i])
    collected, more, none = exact
    best = int(np.argmax(collected[:, i]))
    options = [
        (collected[best, i], "other amount", (float(tries[best, i]), asked)),
        (more[i], "other count", (asked, asked + 1)),
        (none[i], "leaves", (asked, 0.0)),
    ]
    gain, family, (samples, submitted) = max(options, key=lambda option: option[0])
    scale = tolerances(np.asarray(known.samples).dtype).claim
    promised = float(known.gain[i])
    if not gain > scale:
        samples, submitted, gain, family = asked, asked, 0.0, TRUTH
    told = f"{family} (collects {samples:,.6g}, submits {submitted:,.6g} points)"
    numbers = {"samples": [samples], "submitted": [submitted]}
    return Departure(
        name="",
        role=CONTRIBUTOR,
        promised=promised,
        honest=np.nan,
        honest_error=np.nan,
        alone=0.0,
        stake=stake,
        found=gain * stake,
        bound=np.inf,
        half_width=0.0,
        standard_error=0.0,
        family=family,
        parameters=numbers,
        told=told,
    )


def _with_search(row: Departure, searched: BestResponse, place: int) -> Departure:
    """The same with what a search found, where that is more."""
    found = float(np.asarray(searched.found)[place])
    row = row._replace(
        honest=-float(np.asarray(searched.honest)[place]), honest_error=float(np.asarray(searched.honest_error)[place])
    )
    if row.found > found:
        return row
    family = searched.family[place]
    return row._replace(
        found=found,
        half_width=float(np.asarray(searched.half_width)[place]),
        standard_error=float(np.asarray(searched.standard_error)[place]),
        family=family,
        parameters=dict(parameters(searched.deviation, place)),
        told=in_words(family, searched.deviation, place),
    )


def _bound(broker: Broker) -> np.ndarray:
    """Regret that is proven, for the payments of the theorem and no others."""
    if type(broker) is not Broker:
        return np.full(broker.samples.shape[0], np.inf)
    return np.asarray(broker.guarantee(broker.stakes).regret, float)


def _buyers(problem: Problem, plan: Plan) -> list[Departure]:
    sizes, prices = np.asarray(plan.sizes, float), np.asarray(plan.prices, float)
    losses = np.asarray(swap_losses(problem, plan.sizes, plan.prices), float)
    honest = gains(problem, plan.sizes, plan.prices)
    rows = []
    for j in range(problem.types):
        largest = float(problem.valuations[j].largest)
        best = int(np.argmin(losses[j]))
        gain = -float(losses[j, best])
        family, told, offer = TRUTH, "says who she is", j
        if gain > tolerances(plan.prices.dtype).claim * largest:
            offer = best
            leaves = best == problem.types
            family = "leaves" if leaves else "another type"
            told = "buys nothing" if leaves else f"says that she is a {problem.buyers[best]}"
        bought = offer < problem.types
        numbers = {
            "reported": problem.buyers[offer] if bought else None,
            "size": float(sizes[offer]) if bought else 0.0,
            "price": float(prices[offer]) if bought else 0.0,
        }
        found = 0.0 if family == TRUTH else gain
        row = Departure(
            name=problem.buyers[j],
            role=BUYER,
            promised=honest[j],
            honest=np.nan,
            honest_error=np.nan,
            alone=0.0,
            stake=largest,
            found=found,
            bound=max(gain, 0.0) + 0.0,  # never −0
            half_width=0.0,
            standard_error=0.0,
            family=family,
            parameters=numbers,
            told=told,
        )
        rows.append(row)
    return rows


def _renamed(problem: Problem, plan: Plan, solve_again: Callable[[Problem], Plan]) -> Audit:
    """What one buyer gains by another type's name if sizes and prices are found for what is said."""
    honest = gains(problem, plan.sizes, plan.prices)
    worst, witness = -np.inf, "nobody can take another's name"
    for j in tracked(range(problem.types), "types of buyers", problem.types):
        largest = float(problem.valuations[j].largest)
        for k in (k for k in range(problem.types) if k != j):
            said = _taken_for(problem, j, k)
            other, place = solve_again(said), said.buyers.index(problem.buyers[k])
            size, price = float(other.sizes[place]), float(other.prices[place])
            worth = float(problem.valuations[j].by_size(other.sizes[place], problem.sigma))
            change = (worth - price - honest[j]) / largest
            if change > worst:
                # What rounding leaves of equal offers is no gain.
                worst = without_dust(change, 1.0, plan.prices.dtype)
                change = worst
                does = f"{'gain' if change > 0 else 'lose'} {abs(change) * largest:.3g}"
                offer = f"{size:,.0f} points for {price:.6g}"
                witness = f"one {problem.buyers[j]} taken for a {problem.buyers[k]} would {does}: she is sold {offer}"
    effort = "the market solved again with one buyer of every type in the name of every other"
    slack = tolerances(plan.prices.dtype).claim
    return Audit.judged("types need not be known", 0.0 - worst, slack, witness, effort, claimed=False)


def _taken_for(problem: Problem, buyer: int, other: int) -> Problem:
    """The market in which one buyer counts as another type; a type that nobody is of any more is left out."""
    counts = np.asarray(problem.counts, int)
    told = counts + (np.arange(len(counts)) == other) - (np.arange(len(counts)) == buyer)
    types = zip(problem.valuations, told.tolist(), problem.buyers, strict=True)
    buyers = [Buyer(valuation, count, name) for valuation, count, name in types if count > 0]
    return Problem(problem.contributor_costs, problem.sigma, buyers, problem.contributors, problem.means)

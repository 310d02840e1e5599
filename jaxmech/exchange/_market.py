"""Selling data: an agreement of contributors and buyers, what each gets and pays. A pure kernel, and its reader."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from jaxmech._errors import ProblemError
from jaxmech._printable import one_line
from jaxmech.exchange._draws import Subset, Words, draw_subset
from jaxmech.exchange._reader import Reader

BROKER = "broker"
"""The mechanism of every market."""

VALUE = "value"
"""What the one column of a file is called where there is one mean to learn."""

POINT = "point"
"""What measures all means of a market that sells several: a row of a file."""

DELIVERY = "delivery"
"""Purpose of the stream that draws what a buyer gets."""

MOST_BUYERS = 100_000


@dataclasses.dataclass(frozen=True)
class MarketAgreement:
    """What contributors and buyers have signed.

    Attributes:
        fingerprint: of the document.
        parties: names of the contributors, who hand in files.
        costs: (contributors,) c_i, of a point.
        samples: (contributors, means) N_i, points that each is asked for, the same of all means.
        sigma: (means,) standard deviation of a point.
        payment: (contributors,) what each is promised on average.
        types: names of the types of buyers.
        counts: (types,) buyers of each.
        sizes: (types,) points that a buyer of each type gets.
        prices: (types,) q_j, what she pays on average.
        unit: of the money, or an empty text.
        means: names of several means that a point measures, the columns of a file; none where there is one.
    """

    fingerprint: str
    parties: tuple[str, ...]
    costs: np.ndarray
    samples: np.ndarray
    sigma: np.ndarray
    payment: np.ndarray
    types: tuple[str, ...]
    counts: np.ndarray
    sizes: np.ndarray
    prices: np.ndarray
    unit: str = ""
    means: tuple[str, ...] = ()

    @property
    def distributions(self) -> tuple[str, ...]:
        """The columns of a file."""
        return self.means or (VALUE,)

    @property
    def draws(self) -> tuple[str, ...]:
        """For every column what measures it: the same for all, so that rows must be whole."""
        return (POINT,) * len(self.distributions)

    @property
    def asked(self) -> np.ndarray:
        """(contributors,) points."""
        return self.samples[:, 0]

    @property
    def level(self) -> float:
        """σ² in which discrepancies are counted: that of the one mean; 1 of several, each in its own σ."""
        return 1.0 if self.means else float(self.sigma[0]) ** 2

    @property
    def measure(self) -> np.ndarray:
        """(means,) what a discrepancy of 1 is in each."""
        return self.sigma if self.means else np.ones(1)

    @property
    def buyers(self) -> list[tuple[str, int]]:
        """Every buyer and the number of her type: NAME if she is the only one of it, else NAME 1, NAME 2 and so on."""
        found = []
        for j, (name, count) in enumerate(zip(self.types, self.counts.tolist(), strict=True)):
            found += [(name if count == 1 else f"{name} {number}", j) for number in range(1, count + 1)]
        return found


def read_market(document: Mapping[str, Any]) -> MarketAgreement:
    """Return what a document of kind "market" says about carrying it out.

    Args:
        document: the JSON of ``jaxmech solve``.

    Raises:
        ProblemError: if it cannot be carried out, or was changed after it was signed.
    """
    reader = Reader(document)
    seal, problem = reader.check_seal(), reader.section("problem")
    contributors, buyers = reader.rows("contributors"), reader.rows("buyers")
    n, types = len(contributors), len(buyers)
    means = reader.names("problem.means", problem["means"]) if problem.get("means") else ()
    samples = reader.counts("contributors.samples", [row.get("samples") for row in contributors], (n,))
    sigma = reader.finite("problem.sigma", problem.get("sigma"), (len(means),) if means else ())
    counts = reader.counts("buyers.count", [row.get("count") for row in buyers], (types,))
    if counts.sum() > MOST_BUYERS:
        raise ProblemError("buyers.count", int(counts.sum()), f"must be at most {MOST_BUYERS:,} buyers")
    return MarketAgreement(
        fingerprint=seal,
        parties=reader.names("contributors.name", [row.get("name") for row in contributors]),
        costs=reader.finite("contributors.cost", [row.get("cost") for row in contributors], (n,)),
        samples=np.repeat(samples[:, None], max(len(means), 1), axis=1),
        sigma=np.atleast_1d(sigma),
        payment=reader.finite("contributors.payment", [row.get("payment") for row in contributors], (n,)),
        types=reader.names("buyers.name", [row.get("name") for row in buyers]),
        counts=counts,
        sizes=reader.counts("buyers.size", [row.get("size") for row in buyers], (types,)),
        prices=reader.finite("buyers.price", [row.get("price") for row in buyers], (types,)),
        unit=one_line(str(problem.get("unit") or "")),
        means=means,
    )


@dataclasses.dataclass(frozen=True)
class Settlement:
    """Who pays and gets what.

    Attributes:
        trade: whether there is any: everybody who was asked handed in something.
        complete: (contributors,) who was asked and handed in as many points as asked.
        discrepancy: (contributors, means) |Δ_i|, her mean beside that of the others; NaN where nothing was compared.
        share: (contributors,) W N_i/N, hers of the profit; 0 where she is not complete, as the next two.
        refund: (contributors,) c_i N_i, of her costs.
        allowance: (contributors,) d_i s_i², what honest discrepancies cost on average.
        deduction: (contributors,) d_i Δ_i².
        payment: (contributors,) what she gets in all; negative where she pays.
        delivered: share of the points that came from who is complete, of which buyers pay.
        correction: what is added to every buyer's price, for discrepancies.
        prices: (types,) what a buyer of each type pays.
    """

    trade: bool
    complete: np.ndarray
    discrepancy: np.ndarray
    share: np.ndarray
    refund: np.ndarray
    allowance: np.ndarray
    deduction: np.ndarray
    payment: np.ndarray
    delivered: float
    correction: float
    prices: np.ndarray


def settle(agreement: MarketAgreement, counts: np.ndarray, sums: np.ndarray) -> Settlement:
    """Return who pays and gets what.

    Contributor i, asked for N_i of N points, gets 1[|Y_i| = N_i] (W N_i/N + c_i N_i + d_i s_i²) − d_i Δ_i², with Δ_i
    her mean less that of all others who were asked, s_i² = σ²/N_i + σ²/(N − N_i), and d_i = c_i N_i²/σ². A buyer of
    type j pays Σ_i (1[|Y_i| = N_i] (q_j N_i/N + d_i s_i²/B) − d_i Δ_i²/B), B being the number of those who buy
    anything. If anybody who was asked hands in nothing, there is no trade: no data, no money. Of several means Δ_i² is
    the average of (Δ_ik/σ_k)², and σ = 1 elsewhere.

    Args:
        agreement: what was signed.
        counts: (contributors,) points handed in.
        sums: (contributors, means) their sums.

    Source: Chen, Clinton and Kandasamy 2025, Algorithm 2, equations (14) and (15).
    """
    n, variance = agreement.asked.astype(float), agreement.level
    asked, total, sums = n > 0, float(n.sum()), np.reshape(sums, (len(n), -1))
    trade = bool(asked.any() and (counts[asked] > 0).all())
    complete = asked & (counts == n) & trade
    bought = agreement.sizes > 0
    profit = float(agreement.counts @ agreement.prices - agreement.costs @ n)
    weight = agreement.costs * n**2 / variance
    discrepancy = _discrepancies(asked, counts, sums) if trade else np.full(sums.shape, np.nan)
    apart = np.mean((discrepancy / agreement.measure) ** 2, axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        honest = np.where(asked, variance / n + variance / (total - n), 0.0)
    fraction = np.where(complete, n / max(total, 1.0), 0.0)
    refund, allowance = (np.where(complete, part, 0.0) for part in (agreement.costs * n, weight * honest))
    deduction = np.where(np.isnan(apart), 0.0, weight * np.nan_to_num(apart))
    correction = float(allowance.sum() - deduction.sum()) / max(float(agreement.counts[bought].sum()), 1.0)
    delivered = float(fraction.sum())
    return Settlement(
        trade=trade,
        complete=complete,
        discrepancy=discrepancy,
        share=profit * fraction,
        refund=refund,
        allowance=allowance,
        deduction=deduction,
        payment=profit * fraction + refund + allowance - deduction,
        delivered=delivered,
        correction=correction if trade else 0.0,
        prices=np.where(bought & trade, agreement.prices * delivered + correction, 0.0),
    )


def _discrepancies(asked: np.ndarray, counts: np.ndarray, sums: np.ndarray) -> np.ndarray:
    heard, total = np.where(asked, counts, 0), np.where(asked[:, None], sums, 0.0)
    found = np.full(sums.shape, np.nan)
    for i in np.flatnonzero(asked):
        others = np.arange(len(counts)) != i  # added up without hers, so that nothing cancels
        if heard[others].sum() > 0:
            found[i] = np.abs(total[i] / heard[i] - total[others].sum(axis=0) / heard[others].sum())
    return found


@dataclasses.dataclass(frozen=True)
class Delivery:
    """What one buyer gets.

    Attributes:
        subset: which of the points that were handed in by who was asked.
        count: how many.
        mean: (means,) of them; NaN where there are none.
        everything: (points, means) all points that could be drawn, the same for all buyers.
    """

    subset: Subset
    count: int
    mean: np.ndarray
    everything: np.ndarray

    @property
    def values(self) -> np.ndarray:
        """(points, means) in increasing order of the first mean, so that nothing tells whose they were."""
        mine = self.everything[self.subset.members]
        return mine[np.lexsort(mine.T[::-1])]


def deliver(agreement: MarketAgreement, points: np.ndarray, secret: str) -> list[Delivery]:
    """Return what every buyer gets: a subset of her own, drawn apart from those of all others; all if they are too few.

    Args:
        agreement: what was signed.
        points: (points, means) of all contributors who were asked, in the agreement's order; none without trade.
        secret: of which all draws are made.

    Source: Chen, Clinton and Kandasamy 2025, Algorithm 2.
    """
    found = []
    for buyer, j in agreement.buyers:
        size = min(int(agreement.sizes[j]), len(points))
        words = Words(secret, agreement.fingerprint, buyer, VALUE, DELIVERY)
        subset = draw_subset(words, size, len(points))
        drawn = np.ascontiguousarray(points[subset.members].T)  # one sum over a column, whatever else is measured
        mean = np.array([float(np.sum(column)) / size if size else np.nan for column in drawn])
        found.append(Delivery(subset, size, mean, points))
    return found


def sold(agreement: MarketAgreement, data: Sequence[np.ndarray], *, trade: bool) -> np.ndarray:
    """Return the points that deliveries are drawn from, contributor after contributor.

    Args:
        agreement: what was signed.
        data: (points, means) by contributor.
        trade: whether there is any.
    """
    taken = [points for points, asked in zip(data, agreement.asked > 0, strict=True) if asked and trade]
    return np.concatenate([np.zeros((0, len(agreement.distributions))), *taken])

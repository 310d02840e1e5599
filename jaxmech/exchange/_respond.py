"""What each party gets back: the mechanisms on whole data sets, one party and distribution at a time. A pure kernel."""

import dataclasses
import math
from collections.abc import Iterator, Sequence

import numpy as np

from jaxmech.exchange._agreement import ALONE, CHECKED, CHECKING, POOLS, RECEIVES, Agreement
from jaxmech.exchange._calibration import ASSUMED, BY_DATA, Level, calibrated_level, median_within, spread_within
from jaxmech.exchange._draws import CLEAN, NOISE, REST, Subset, Words, draw_subset, normal

Data = Sequence[Sequence[np.ndarray]]
"""Data sets by party and distribution."""


@dataclasses.dataclass(frozen=True)
class Part:
    """Some points of the others.

    Attributes:
        subset: which, by their numbers among the others' points.
        count: how many.
        mean: of them; NaN where there are none.
    """

    subset: Subset
    count: int
    mean: float


@dataclasses.dataclass(frozen=True)
class Response:
    """What a party gets back for one distribution, and how it came about.

    Attributes:
        own_count: points that she handed in.
        own_mean: their mean; NaN where there are none.
        available: points that all others handed in.
        clean: Z, others' points that she gets as they are, or None where nothing was drawn.
        rest: Z', those that she gets with noise; or None.
        discrepancy: |ȳ − z̄| where she is checked; ∞ if she handed in nothing; NaN where nothing was compared.
        normal: g₀, of which the noise of Z' is made.
        added: η², variance of the noise; ∞: withheld; 0 where nothing is checked.
        clean_count: points that she gets clean, her own included where the mechanism mixes them in, and Z' of a design
            that adds no noise.
        clean_mean: their mean; NaN where there are none.
        noisy_count: points that she gets with noise.
        noisy_mean: their mean, noise included; NaN where there are none.
        noisy_variance: of each of them, σ² + η²; NaN where there are none.
        mixed: whether the clean points include her own.
        expected_variance: by which her estimate weighs a noisy point: ``noisy_variance``, or under steady weights what
            is expected of it, σ²(1 + α²(1/n + 1/|Z|)); NaN where there are none.
        level: of a calibrated rule, where she is checked: the noise level, and the σ̂ that takes the place of σ.
    """

    own_count: int
    own_mean: float
    available: int
    clean: Part | None
    rest: Part | None
    discrepancy: float
    normal: float
    added: float
    clean_count: int
    clean_mean: float
    noisy_count: int
    noisy_mean: float
    noisy_variance: float
    mixed: bool
    expected_variance: float
    level: Level | None = None

    def variance(self, sigma: float) -> float:
        """Return σ² of a clean point: σ̂² where a calibrated rule was told it by the others' data.

        Args:
            sigma: the agreed one.
        """
        told = None if self.level is None else self.level.variance
        return sigma**2 if told is None else told

    def estimate(self, variance: float) -> tuple[float, float]:
        """Return the recommended estimate and its standard error: every point weighted by its (expected) variance.

        Args:
            variance: σ² of a clean point.
        """
        clean = self.clean_count / variance
        noisy = self.noisy_count / self.expected_variance if self.noisy_count else 0.0
        if clean + noisy == 0:
            return math.nan, math.inf
        total = (clean * self.clean_mean if clean else 0.0) + (noisy * self.noisy_mean if noisy else 0.0)
        return total / (clean + noisy), (clean + noisy) ** -0.5


class Others:
    """The points that all but one party handed in for one distribution, numbered from 0."""

    def __init__(self, everything: "Pooled", party: int) -> None:
        start, self._own = int(everything.starts[party]), int(everything.counts[party])
        self._ends = everything.starts + everything.counts
        self._values, self._start = everything.values, start
        self.count = len(everything.values) - self._own
        self.total = float(np.sum(everything.sums[:party]) + np.sum(everything.sums[party + 1 :]))

    def at(self, numbers: np.ndarray) -> np.ndarray:
        """Return the points with these numbers."""
        return self._values[np.where(numbers >= self._start, numbers + self._own, numbers)]

    def owners(self, numbers: np.ndarray) -> np.ndarray:
        """Return whose the points with these numbers are."""
        places = np.where(numbers >= self._start, numbers + self._own, numbers)
        return np.searchsorted(self._ends, places, side="right")


class Pooled:
    """All points of one distribution, party after party."""

    def __init__(self, columns: Sequence[np.ndarray]) -> None:
        self.values = np.concatenate(columns) if columns else np.zeros(0)
        self.counts = np.array([len(column) for column in columns])
        self.starts = np.cumsum(self.counts) - self.counts
        self.sums = np.array([float(np.sum(column)) for column in columns])


def respond(agreement: Agreement, data: Data, secret: str) -> list[list[Response]]:
    """Carry out an agreement.

    - Pools: everybody gets all points; in the counted pool, who handed in as many as she was asked for.
    - c3d and cbl: who works alone gets her own points back, who receives those of all others, together with her own
      where limits ask her for some. Who is checked gets Z clean together with her own, and Z' with noise of variance
      α²(ȳ − z̄)²; who hands in nothing gets Z alone.
    - Designs: Z clean together with her own, and Z' with them where the rule adds nothing for |ȳ − z̄|/t; else Z' with
      noise of the variance that it says, or not.

    If the others handed in fewer points than planned, there are fewer in Z' first, then in Z. More points than asked
    for are left out or used like the others, as the agreement says. If there is nothing to compare with, nothing is
    added, and a design counts it as 0.

    Args:
        agreement: what was signed.
        data: by party and distribution, in the agreement's order.
        secret: of which all draws are made.

    Returns:
        By party and distribution.

    Source: Clinton et al. 2025, Algorithm 2, with the precision-weighted mean that its proof uses.
    """
    data = [agreement.used(i, rows) for i, rows in enumerate(data)]
    pooled = [Pooled([rows[k] for rows in data]) for k in range(len(agreement.distributions))]
    return [
        list(_one_party(agreement, [Others(everything, i) for everything in pooled], data[i], i, secret))
        for i in range(len(agreement.parties))
    ]


@dataclasses.dataclass(frozen=True)
class _Drawn:
    """What was drawn for a party on one distribution, and by how much her mean differs from that of Z."""

    clean: Part
    rest: Part
    normal: float
    discrepancy: float
    alpha: float
    level: Level | None


def _one_party(
    agreement: Agreement, others: Sequence[Others], own: Sequence[np.ndarray], i: int, secret: str
) -> Iterator[Response]:
    if agreement.mechanism in POOLS:
        yield from (_pool(agreement, others[k], own[k], i, k) for k in range(len(own)))
        return
    drawn = [_draw(agreement, others[k], own[k], i, k, secret) for k in range(len(own))]
    added = _noise(agreement, drawn, i)
    for k, points in enumerate(own):
        role = agreement.role[i, k]
        if role == ALONE:
            yield _plain(points, others[k], len(points), _mean(points), mixed=True)
        elif role == RECEIVES and agreement.mechanism in CHECKING:
            mixed = bool(agreement.samples[i, k] > 0)
            count, total = others[k].count, others[k].total
            if mixed:
                count, total = count + len(points), total + float(np.sum(points))
            yield _plain(points, others[k], count, total / count if count else math.nan, mixed=mixed)
        else:
            yield _mix(agreement, points, others[k], drawn[k], added[k], k)


def _pool(agreement: Agreement, others: Others, own: np.ndarray, i: int, k: int) -> Response:
    admitted = agreement.mechanism == "pool" or len(own) >= int(agreement.samples[i, k])
    count = len(own) + others.count if admitted else 0
    mean = (float(np.sum(own)) + others.total) / count if count else math.nan
    return _plain(own, others, count, mean, mixed=admitted)


def _plain(own: np.ndarray, others: Others, count: int, mean: float, *, mixed: bool) -> Response:
    """Nothing drawn and nothing added."""
    return Response(
        own_count=len(own),
        own_mean=_mean(own),
        available=others.count,
        clean=None,
        rest=None,
        discrepancy=math.nan,
        normal=math.nan,
        added=0.0,
        clean_count=count,
        clean_mean=mean,
        noisy_count=0,
        noisy_mean=math.nan,
        noisy_variance=math.nan,
        mixed=mixed,
        expected_variance=math.nan,
    )


def _draw(agreement: Agreement, others: Others, own: np.ndarray, i: int, k: int, secret: str) -> _Drawn | None:
    """Z, Z' and what her mean is compared with; None where nothing is drawn."""
    role = agreement.role[i, k]
    if role == ALONE or (role == RECEIVES and agreement.mechanism in CHECKING):
        return None

    def words(purpose: str) -> Words:
        what = (agreement.distributions if purpose == NOISE else agreement.draws)[k]
        return Words(secret, agreement.fingerprint, agreement.parties[i], what, purpose)

    z = min(int(agreement.comparison[i, k]), others.count)
    rest = min(int(agreement.rest[i, k]), others.count - z)
    chosen = draw_subset(words(CLEAN), z, others.count)
    left = draw_subset(words(REST), rest, others.count - z)
    clean_sum, left_sum = _sums(others, chosen)
    clean = Part(chosen, z, clean_sum / z if z else math.nan)
    listed = float(np.sum(others.at(chosen.others.numbers(left.listed))))
    rest_sum = left_sum - listed if left.inverted else listed
    noisy = Part(left, rest, rest_sum / rest if rest else math.nan)
    compared = role == CHECKED and z > 0
    discrepancy = (abs(_mean(own) - clean.mean) if len(own) else math.inf) if compared else math.nan
    level = _level(agreement, others, chosen, left, (i, k))
    alpha = float(agreement.alpha[i, k]) if level is None else level.alpha
    return _Drawn(clean, noisy, float(normal(words(NOISE).take(1))[0]), discrepancy, alpha, level)


def _level(agreement: Agreement, others: Others, clean: Subset, rest: Subset, place: tuple[int, int]) -> Level | None:
    """The noise level that the others' points ask for; None where it is agreed, or nothing is checked."""
    if not agreement.calibrated or agreement.role[place] != CHECKED:
        return None
    left = clean.others
    parts = (clean.members, left.numbers(rest.members), left.numbers(rest.others.members))
    points = [others.at(part) for part in parts]
    if agreement.kappa is None:
        return _limit(agreement, place, *spread_within(points))
    samples, owners = float(agreement.samples[place]), [others.owners(part) for part in parts]
    within = median_within(points, owners) if agreement.robust else spread_within(points)
    return calibrated_level(
        *within,
        sigma=float(agreement.sigma[place[1]]),
        kappa=float(agreement.kappa[place]),
        tau=2 + float(agreement.rest[place]) / samples,
        samples=samples,
        planned=float(agreement.alpha[place]),
        steady=agreement.estimate == "steady",
    )


def _limit(agreement: Agreement, place: tuple[int, int], squares: float, freedom: int) -> Level:
    """The limit of a design that the others' points ask for; the agreed one where nothing tells σ̂."""
    assert agreement.follows is not None
    if freedom < 1:
        return Level(math.nan, freedom, math.nan, ASSUMED, float(agreement.limit[place]))
    sigma = math.sqrt(squares / freedom)
    limit = agreement.follows.at(place, sigma / float(agreement.sigma[place[1]])) * sigma
    return Level(sigma, freedom, math.nan, BY_DATA, limit)


def _sums(others: Others, chosen: Subset) -> tuple[float, float]:
    """Sums of the points in a subset and of all the others; what is listed is added up, so that little cancels."""
    listed = float(np.sum(others.at(chosen.listed)))
    return (others.total - listed, listed) if chosen.inverted else (listed, others.total - listed)


def _noise(agreement: Agreement, drawn: Sequence[_Drawn | None], i: int) -> list[float]:
    """η² by distribution; ∞ where the rest is withheld."""
    if agreement.noise is None:
        return [
            0.0 if one is None or math.isnan(one.discrepancy) else _added(one.alpha, one.discrepancy) for one in drawn
        ]
    apart = [
        0.0 if one is None or math.isnan(one.discrepancy) else _in_limits(one, float(agreement.limit[i, k]))
        for k, one in enumerate(drawn)
    ]
    apart = agreement.noise.together(apart)
    return [agreement.noise.at(u) * float(agreement.sigma[k]) ** 2 for k, u in enumerate(apart)]


def _in_limits(drawn: _Drawn, agreed: float) -> float:
    """Her discrepancy in limits; data without spread have the limit 0, and only what is equal lies within it."""
    limit = agreed if drawn.level is None else drawn.level.limit
    return drawn.discrepancy / limit if limit > 0 else math.inf if drawn.discrepancy > 0 else 0.0


def _added(alpha: float, apart: float) -> float:
    """η² = α²(ȳ − z̄)²; ∞ of who handed in nothing, whatever α is."""
    return (alpha * apart) ** 2 if math.isfinite(apart) else math.inf


def _expected(agreement: Agreement, drawn: _Drawn | None, count: int) -> float | None:
    """What is expected of η²/σ² before anything is drawn, α²(1/n + 1/|Z|); None where weights follow what was drawn."""
    if agreement.estimate != "steady" or drawn is None or not math.isfinite(drawn.discrepancy):
        return None
    return drawn.alpha**2 * (1 / count + 1 / drawn.clean.count)


def _mix(agreement: Agreement, own: np.ndarray, others: Others, drawn: _Drawn | None, added: float, k: int) -> Response:
    """Her own points and Z as they are, Z' with noise; or Z' as it is, too, of a design whose limits are kept."""
    assert drawn is not None
    sigma, expected = float(agreement.sigma[k]), _expected(agreement, drawn, len(own))
    whole = agreement.noise is not None and added == 0
    told = None if drawn.level is None else drawn.level.variance
    variance = sigma**2 if told is None else told
    clean, rest = drawn.clean, drawn.rest
    parts = [part for part in (clean, *([rest] if whole else [])) if part.count]
    both = len(own) + sum(part.count for part in parts)
    total = float(np.sum(own)) + sum(part.count * part.mean for part in parts)
    released = rest.count > 0 and math.isfinite(added) and not whole
    return Response(
        own_count=len(own),
        own_mean=_mean(own),
        available=others.count,
        clean=clean,
        rest=rest,
        discrepancy=drawn.discrepancy,
        normal=drawn.normal,
        added=added,
        clean_count=both,
        clean_mean=total / both if both else math.nan,
        noisy_count=rest.count if released else 0,
        noisy_mean=rest.mean + math.sqrt(added / rest.count) * drawn.normal if released else math.nan,
        noisy_variance=variance + added if released else math.nan,
        mixed=True,
        expected_variance=math.nan if not released else variance + (added if expected is None else variance * expected),
        level=drawn.level,
    )


def points_of(
    agreement: Agreement, others: Others, own: np.ndarray, secret: str, place: tuple[int, int], response: Response
) -> np.ndarray:
    """Return the points that a party gets for one distribution, (points, 2): value and variance, in sorted order.

    The variance is that by which her estimate weighs them, the expected one under steady weights.

    Sorted, so that nothing tells whose they were.

    Args:
        agreement: what was signed.
        others: what the others handed in.
        own: what she handed in.
        secret: of which the draws were made.
        place: party and distribution.
        response: hers, from :func:`respond`.
    """
    i, k = place
    clean, noisy = _clean_points(others, own, response), np.zeros(0)
    if response.noisy_count and response.clean and response.rest:
        numbers = response.clean.subset.others.numbers(response.rest.subset.members)
        words = Words(secret, agreement.fingerprint, agreement.parties[i], agreement.distributions[k], NOISE)
        lots = normal(words.take(response.noisy_count + 1))
        noise = lots[1:] - np.mean(lots[1:]) + lots[0] / math.sqrt(response.noisy_count)
        noisy = others.at(numbers) + math.sqrt(response.added) * noise
    variance = response.variance(float(agreement.sigma[k]))
    spread = [np.full(len(clean), variance), np.full(len(noisy), response.expected_variance)]
    table = np.stack([np.concatenate([clean, noisy]), np.concatenate(spread)], axis=1)
    return np.asarray(table[np.lexsort((table[:, 0], table[:, 1]))])


def _clean_points(others: Others, own: np.ndarray, response: Response) -> np.ndarray:
    theirs = np.zeros(0)
    if response.clean is not None:
        clean = response.clean.subset
        theirs = others.at(clean.members)
        if response.rest is not None and response.clean_count > response.own_count + response.clean.count:
            theirs = np.concatenate([theirs, others.at(clean.others.numbers(response.rest.subset.members))])
    elif response.clean_count > (response.own_count if response.mixed else 0):
        theirs = others.at(np.arange(others.count))
    return np.concatenate([own, theirs]) if response.mixed else theirs


def _mean(points: np.ndarray) -> float:
    return float(np.sum(points)) / len(points) if len(points) else math.nan

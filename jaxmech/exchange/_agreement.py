"""An agreement to share data: the document that parties sign, read and checked. A host shell; it solves nothing."""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from jaxmech._errors import ProblemError
from jaxmech._words import one_of
from jaxmech.exchange._reader import Reader

POOLS = ("pool", "counted-pool")
CHECKING = ("c3d", "cbl")
DESIGNED = "designed"
MECHANISMS = (*POOLS, *CHECKING, DESIGNED)
"""Mechanisms that can be carried out."""

ESTIMATES = ("drawn", "steady")
ROBUST = "robust"
SURPLUS = ("use", "drop")
"""What becomes of points that nobody asked for; agreements that do not say it use them like all others."""

ROLES = ("alone", "receives", "checked")
ALONE, RECEIVES, CHECKED = ROLES


class Noise(NamedTuple):
    """The noise rule of a design: a table, linear between entries, the last one holding beyond.

    Attributes:
        discrepancy: (entries,) in limits.
        variance: (entries,) η²/σ²; ∞: withheld.
        linked: whether the largest of all discrepancies counts for every distribution.
        hangs_on: (values, values) truth values: which of them count, where one draw measures several; None: all.
        ellipsoid: whether instead of the largest the root of the sum of their squares counts.
    """

    discrepancy: np.ndarray
    variance: np.ndarray
    linked: bool
    hangs_on: np.ndarray | None = None
    ellipsoid: bool = False

    def together(self, apart: list[float]) -> list[float]:
        """Return the discrepancies that count, by value: its own, or the largest of those on which its rest hangs.

        In an ellipsoid it is the root of the sum of their squares.

        Example:
            >>> Noise(np.zeros(1), np.zeros(1), True, np.eye(2, dtype=bool)).together([0.5, 2.0])
            [0.5, 2.0]
            >>> Noise(np.zeros(1), np.zeros(1), True, ellipsoid=True).together([0.6, 0.8])
            [1.0, 1.0]
        """
        if not self.linked:
            return apart
        rows = np.ones((len(apart),) * 2, bool) if self.hangs_on is None else self.hangs_on
        counted = [[apart[j] for j in np.flatnonzero(row)] for row in rows]
        return [math.hypot(*some) if self.ellipsoid else max(some) for some in counted]

    def at(self, apart: float) -> float:
        """Return η²/σ² at a discrepancy; left-continuous at jumps, ∞ from a finite entry up to one that is ∞.

        Example:
            >>> rule = Noise(np.array([0.0, 1.0, 1.0]), np.array([0.0, 0.0, np.inf]), False)
            >>> rule.at(0.5), rule.at(1.0), rule.at(1.5)
            (0.0, 0.0, inf)
        """
        places, values = self.discrepancy, self.variance
        right = int(np.searchsorted(places, apart, side="left"))
        if right == len(places):
            return float(values[-1])
        if right == 0 or places[right] == apart:
            return float(values[right])
        low, high = float(values[right - 1]), float(values[right])
        if not np.isfinite([low, high]).all():
            return np.inf
        return float(low + (apart - places[right - 1]) / (places[right] - places[right - 1]) * (high - low))


class Follows(NamedTuple):
    """How limits of a design follow the spread of the others' data: a table, linear between entries, constant beyond.

    Attributes:
        spread: (entries,) σ̂, in units of the agreed σ; rising.
        level: (parties, distributions, entries) the limit, in σ̂.
    """

    spread: np.ndarray
    level: np.ndarray

    def at(self, place: tuple[int, int], spread: float) -> float:
        """Return a limit in σ̂, where that is ``spread`` times the agreed σ.

        Example:
            >>> Follows(np.array([1.0, 2.0]), np.array([[[1.0, 3.0]]])).at((0, 0), 1.5)
            2.0
        """
        return float(np.interp(spread, self.spread, self.level[place]))


class Limits(NamedTuple):
    """What parties can and must collect, and can spend: they hold in whole samples as the plan does.

    Attributes:
        most: (parties, distributions) she can collect no more.
        least: (parties, distributions) she must collect as much.
        budget: (parties,) what she can spend.
    """

    most: np.ndarray
    least: np.ndarray
    budget: np.ndarray

    def said(self, place: tuple[int, int], count: int) -> str:
        """Return which limit of hers a number of points breaks, in words; an empty text if none.

        Example:
            >>> Limits(np.array([[5.0]]), np.array([[2.0]]), np.array([np.inf])).said((0, 0), 6)
            ', and at most 5 by her limits'
        """
        most, least = float(self.most[place]), float(self.least[place])
        if count > most:
            return f", and at most {most:g} by her limits"
        return f", and at least {least:g} by her limits" if count < least else ""


@dataclasses.dataclass(frozen=True)
class Agreement:
    """What parties who share data without money have signed, in whole samples.

    Tables are (parties, distributions). Where one draw measures several values, each value has a column of its own, and
    the draw's cost stands in that of the first.

    Attributes:
        fingerprint: of the document.
        mechanism: one of :data:`MECHANISMS`.
        parties: their names.
        distributions: their names, or those of the values that are measured.
        costs: of a point; ∞ where a party cannot sample.
        sigma: standard deviation of a point, by distribution.
        price: of a unit of squared error, by distribution; or (parties, distributions) where they differ in that.
        samples: n*, points that each party is asked for.
        role: :data:`ROLES`.
        comparison: |Z|, where she is checked (in designs wherever she is given points).
        rest: |Z'|, likewise.
        alpha: noise level of c3d and cbl; NaN where nothing is corrupted.
        limit: discrepancy that a design's rule counts in; ∞ where nothing is checked.
        noise: a design's rule, or None.
        penalty: what each party is promised to pay.
        draws: for every column whose draw measures it: the same where one draw measures several values.
        estimate: :data:`ESTIMATES`: noisy points are weighed by the noise that was drawn, or by what is expected of it.
        limits: what parties can and must collect, and can spend; None without limits.
        kappa: c n*²/(price σ²) of the draw, at the agreed σ, where the noise level follows the spread of the others'
            data; None where it is agreed. 0 where nobody is checked.
        follows: of a design whose limits follow the spread of the others' data; None where limits are agreed.
        robust: whether that spread is the median of those within the others' submissions.
        drops: whether points that nobody asked for are left out, instead of used like all others.
    """

    fingerprint: str
    mechanism: str
    parties: tuple[str, ...]
    distributions: tuple[str, ...]
    costs: np.ndarray
    sigma: np.ndarray
    price: np.ndarray
    samples: np.ndarray
    role: np.ndarray
    comparison: np.ndarray
    rest: np.ndarray
    alpha: np.ndarray
    limit: np.ndarray
    noise: Noise | None
    penalty: np.ndarray
    draws: tuple[str, ...]
    estimate: str = "drawn"
    limits: Limits | None = None
    kappa: np.ndarray | None = None
    follows: Follows | None = None
    robust: bool = False
    drops: bool = False

    def used(self, i: int, columns: Sequence[np.ndarray]) -> tuple[np.ndarray, ...]:
        """Return those of a party's points that are used: the first as many as she was asked for, or all.

        To leave out what exceeds n* takes strategies away and adds none (to hand in more is to hand in the first n*):
        whoever gains nothing by departing where all are used gains nothing by it here.

        Args:
            i: the party.
            columns: her points by distribution.
        """
        if not self.drops:
            return tuple(columns)
        return tuple(column[:asked] for column, asked in zip(columns, self.samples[i].tolist(), strict=True))

    @property
    def calibrated(self) -> bool:
        """Whether what keeps parties honest follows the spread of the others' data."""
        return self.kappa is not None or self.follows is not None


def read_plan(document: Mapping[str, Any]) -> Agreement:
    """Return what a document of kind "collaboration" says about carrying it out.

    Args:
        document: the JSON of ``jaxmech solve`` or ``jaxmech design``.

    Raises:
        ProblemError: if it cannot be carried out, or was changed after it was signed.
    """
    return _Plan(document).agreement()


class _Plan(Reader):
    """Reads a plan to share data."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        super().__init__(document)
        self.plan: Mapping[str, Any] = {}

    def agreement(self) -> Agreement:
        seal = self.check_seal()
        problem = self.section("problem")
        mechanism = one_of("mechanism", problem.get("mechanism"), MECHANISMS)
        estimate = one_of("problem.estimate", problem.get("estimate", ESTIMATES[0]), ESTIMATES)
        if estimate != ESTIMATES[0] and mechanism not in CHECKING:
            raise ProblemError(
                "problem.estimate", estimate, f"means nothing for {mechanism}, which adds no noise to weigh"
            )
        calibrated = problem.get("calibrated", False)
        robust = calibrated == ROBUST and mechanism in CHECKING
        if not (isinstance(calibrated, bool) or robust) or (calibrated and mechanism in POOLS):
            rule = f'must be true or false, or "{ROBUST}" for c3d and cbl, and not true for {mechanism}'
            rule = f"{rule}, which checks nobody" if mechanism in POOLS else rule
            raise ProblemError("problem.calibrated", calibrated, rule)
        self._check_alike(problem, mechanism)
        if self.document.get("integer_plan") is None:
            hint = " (jaxmech design FILE --whole)" if mechanism == DESIGNED else ""
            raise ProblemError("integer_plan", None, f"only a plan in whole samples can be carried out{hint}")
        self.plan = self.section("integer_plan")
        parties, drawn = (self.names(f"problem.{key}", problem.get(key)) for key in ("agents", "distributions"))
        if self.document.get("agents", list(parties)) != list(parties):
            raise ProblemError("agents", self.document["agents"], "must be those of problem.agents")
        m, d = len(parties), len(drawn)
        values = self._values(drawn)
        of = [drawn.index(draw) for _, draw in values]
        size = (len(of),)
        costs = self.numbers("problem.costs", problem.get("costs"), (m, d))
        pooled, designed = mechanism in POOLS, mechanism == DESIGNED
        role = np.array(self.plan.get("role"), dtype=object)
        if role.shape != (m, d) or not all(entry in ROLES for entry in role.flat):
            raise ProblemError("integer_plan.role", self.plan.get("role"), f"must be {m} x {d} of {', '.join(ROLES)}")
        sigma = self.numbers("problem.sigma", problem.get("sigma"), size)
        price = self.numbers("problem.price", problem.get("price"), (m, d) if _by_party(problem, "price") else size)
        samples = self._whole("samples", (m, d))
        comparison, rest = (
            np.zeros((m, d), int) if pooled else self._whole(key, (m, d)) for key in ("comparison", "rest")
        )
        self._check_there_are(parties, samples, np.where(role == "alone", 0, comparison + rest))
        return Agreement(
            fingerprint=seal,
            mechanism=mechanism,
            parties=parties,
            distributions=self.names("problem.panels", [name for name, _ in values]),
            costs=np.where([j not in of[:k] for k, j in enumerate(of)], costs[:, of], 0.0),
            sigma=sigma,
            price=price,
            samples=samples[:, of],
            role=role[:, of],
            comparison=comparison[:, of],
            rest=rest[:, of],
            alpha=(self._planned("alpha", (m, d)) if mechanism in CHECKING else np.full((m, d), np.nan))[:, of],
            limit=(self._planned("limit", (m, d)) if designed else np.full((m, d), np.inf))[:, of]
            * np.where(np.bincount(of)[of] > 1, sigma, 1.0),  # of a panel it is in σ
            noise=self._noise(values) if designed else None,
            penalty=self._planned("penalty", (m,)),
            draws=tuple(draw for _, draw in values),
            estimate=estimate,
            limits=self._limits((m, d), of),
            kappa=_kappa(costs, samples, role == CHECKED, _worth(price * sigma**2, of))[:, of]
            if calibrated and not designed
            else None,
            follows=self._follows((m, d), values) if calibrated and designed else None,
            robust=robust,
            drops=one_of("problem.surplus", problem.get("surplus", SURPLUS[0]), SURPLUS) == "drop",
        )

    def _check_there_are(self, parties: tuple[str, ...], samples: np.ndarray, given: np.ndarray) -> None:
        """Refuse points of the others that nobody is asked for: somebody changed the numbers."""
        others = samples.sum(axis=0) - samples
        for i, k in np.argwhere(given > others):
            rule = f"{parties[i]} is promised more points of the others than they are asked for, {others[i, k]:,}"
            raise ProblemError(f"integer_plan.comparison and rest[{i}][{k}]", int(given[i, k]), rule)

    def _check_alike(self, problem: Mapping[str, Any], mechanism: str) -> None:
        """Refuse parties who differ in what cannot be carried out."""
        rule = "must be one number per distribution: a plan for parties who differ in it cannot be carried out yet"
        if _by_party(problem, "sigma"):
            raise ProblemError("problem.sigma", "a table by agent", rule)
        if _by_party(problem, "price") and (mechanism == DESIGNED or problem.get("panels")):
            what = "a design" if mechanism == DESIGNED else "panels"
            raise ProblemError("problem.price", "a table by agent", f"{rule}, with {what}")

    def _limits(self, shape: tuple[int, int], of: list[int]) -> Limits | None:
        """Bounds on what parties collect, by value; None where the problem has none."""
        problem = self.section("problem")
        if all(problem.get(key) is None for key in Limits._fields):
            return None
        most, least = (self.numbers(f"problem.{key}", problem.get(key), shape)[:, of] for key in ("most", "least"))
        return Limits(most, least, self.numbers("problem.budget", problem.get("budget"), shape[:1]))

    def _values(self, drawn: tuple[str, ...]) -> list[tuple[str, str]]:
        """What is measured, with the distribution whose draw measures it."""
        panels = self.section("problem").get("panels") or {}
        if not isinstance(panels, Mapping) or not set(panels) <= set(drawn):
            raise ProblemError("problem.panels", panels, "must be lists of names, by distribution")
        of = {draw: self.names(f"problem.panels.{draw}", panels.get(draw, [draw])) for draw in drawn}
        return [(name, draw) for draw in drawn for name in of[draw]]

    def _follows(self, shape: tuple[int, int], values: list[tuple[str, str]]) -> Follows:
        """How limits follow the data: levels by party and distribution."""
        told = self.plan.get("calibration")
        if not isinstance(told, Mapping) or not isinstance(told.get("spread"), list) or len(values) != shape[1]:
            rule = "must hold spread and level, of distributions whose draws measure one value each"
            raise ProblemError("integer_plan.calibration", told, rule)
        size = len(told["spread"])
        spread = self.numbers("integer_plan.calibration.spread", told["spread"], (size,))
        if not (size and (spread > 0).all() and (np.diff(spread) > 0).all()):
            raise ProblemError("integer_plan.calibration.spread", told["spread"], "must be positive and rise")
        level = self.numbers("integer_plan.calibration.level", told.get("level"), (*shape, size))
        if not (level > 0).all():
            raise ProblemError("integer_plan.calibration.level", float(level.min()), "must be positive")
        return Follows(spread, level)

    def _noise(self, values: list[tuple[str, str]]) -> Noise:
        entries = self.plan.get("discrepancy")
        size = len(entries) if isinstance(entries, list) else 0
        table = [self._planned(key, (size,)) for key in ("discrepancy", "variance")]
        linked = self.plan.get("linked") is True
        ellipsoid = linked and self.plan.get("ellipsoid") is True
        return Noise(table[0], table[1], linked, self._hangs_on(values) if linked else None, ellipsoid)

    def _hangs_on(self, values: list[tuple[str, str]]) -> np.ndarray | None:
        """On which values the rest of each hangs: itself, and one of every other draw."""
        names, draws = [name for name, _ in values], [draw for _, draw in values]
        told = self.plan.get("hangs_on")
        if len(set(draws)) == len(draws):
            return None
        rows = told if isinstance(told, list) and all(isinstance(row, list) for row in told) else []
        table = np.array([[name in row for name in names] for row in rows], bool)
        each = [[draws[j] for j in np.flatnonzero(row)] for row in table]
        itself = len(table) == len(names) and np.diagonal(table).all()
        if not itself or any(sorted(one) != sorted(set(draws)) for one in each):
            rule = "must name, for every value, itself and one value of every other draw"
            raise ProblemError("integer_plan.hangs_on", told, rule)
        return table

    def _planned(self, key: str, shape: tuple[int, ...]) -> np.ndarray:
        return self.numbers(f"integer_plan.{key}", self.plan.get(key), shape)

    def _whole(self, key: str, shape: tuple[int, ...]) -> np.ndarray:
        return self.counts(f"integer_plan.{key}", self.plan.get(key), shape)


def _by_party(problem: Mapping[str, Any], key: str) -> bool:
    """Whether parties differ in it."""
    table = problem.get(key)
    return isinstance(table, list) and any(isinstance(row, list) for row in table)


def _worth(worth: np.ndarray, of: list[int]) -> np.ndarray:
    """Σ price σ² of what a draw measures; of parties who differ in the price, who have no panels, as it is."""
    return worth if worth.ndim == 2 else np.bincount(of, worth)


def _kappa(costs: np.ndarray, samples: np.ndarray, checked: np.ndarray, worth: np.ndarray) -> np.ndarray:
    """Return c n*²/(price σ²) by draw, whose worth is Σ price σ² of all values that it measures."""
    return np.where(checked, np.where(checked, costs, 0.0) * samples**2 / np.where(worth > 0, worth, 1.0), 0.0)

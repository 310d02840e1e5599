"""An agreement: the document that parties sign, read and checked. A host shell; nothing is solved here."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from jaxmech._errors import ProblemError
from jaxmech._json import FINGERPRINT, fingerprint
from jaxmech._words import one_of

POOLS = ("pool", "counted-pool")
CHECKING = ("c3d", "cbl")
DESIGNED = "designed"
MECHANISMS = (*POOLS, *CHECKING, DESIGNED)
"""Mechanisms that can be carried out."""

ROLES = ("alone", "receives", "checked")
ALONE, RECEIVES, CHECKED = ROLES


class Noise(NamedTuple):
    """The noise rule of a design: a table, linear between entries, the last one holding beyond.

    Attributes:
        discrepancy: (entries,) in limits.
        variance: (entries,) η²/σ²; ∞: withheld.
        linked: whether the largest of all discrepancies counts for every distribution.
    """

    discrepancy: np.ndarray
    variance: np.ndarray
    linked: bool

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


@dataclasses.dataclass(frozen=True)
class Agreement:
    """What parties who share data without money have signed, in whole samples.

    Tables are (parties, distributions).

    Attributes:
        fingerprint: of the document.
        mechanism: one of :data:`MECHANISMS`.
        parties: their names.
        distributions: their names.
        costs: of a point; ∞ where a party cannot sample.
        sigma: standard deviation of a point, by distribution.
        price: of a unit of squared error, by distribution.
        samples: n*, points that each party is asked for.
        role: :data:`ROLES`.
        comparison: |Z|, where she is checked (in designs wherever she is given points).
        rest: |Z'|, likewise.
        alpha: noise level of c3d and cbl; NaN where nothing is corrupted.
        limit: discrepancy that a design's rule counts in; ∞ where nothing is checked.
        noise: a design's rule, or None.
        penalty: what each party is promised to pay.
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


def read_agreement(document: Mapping[str, Any], source: str) -> Agreement:
    """Return what a document says about carrying it out.

    Args:
        document: the JSON of ``jaxmech solve`` or ``jaxmech design``.
        source: what messages call it.

    Raises:
        ProblemError: if it is no agreement of a kind that can be carried out, or was changed after it was signed.
    """
    try:
        return _Reader(document).agreement()
    except ProblemError as error:
        raise ProblemError(f"{source}: {error.argument}", error.value, error.rule) from None


class _Reader:
    """Reads entries, and names the one that is wrong."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self.document = document
        self.plan: Mapping[str, Any] = {}

    def agreement(self) -> Agreement:
        self._check_seal()
        problem = self._section("problem")
        mechanism = one_of("mechanism", problem.get("mechanism"), MECHANISMS)
        if problem.get("estimate", "drawn") != "drawn" or problem.get("calibrated", False):
            raise ProblemError("problem", "estimate or calibrated", "steady and calibrated rules cannot be carried out")
        if self.document.get("integer_plan") is None:
            hint = " (jaxmech design FILE --whole)" if mechanism == DESIGNED else ""
            raise ProblemError("integer_plan", None, f"only a plan in whole samples can be carried out{hint}")
        self.plan = self._section("integer_plan")
        parties, distributions = self._names(problem, "agents"), self._names(problem, "distributions")
        m, d = len(parties), len(distributions)
        pooled, designed = mechanism in POOLS, mechanism == DESIGNED
        nothing = np.zeros((m, d), int)
        role = np.array(self.plan.get("role"), dtype=object)
        if role.shape != (m, d) or not all(entry in ROLES for entry in role.flat):
            raise ProblemError("integer_plan.role", self.plan.get("role"), f"must be {m} x {d} of {', '.join(ROLES)}")
        return Agreement(
            fingerprint=self.document[FINGERPRINT],
            mechanism=mechanism,
            parties=parties,
            distributions=distributions,
            costs=self._numbers("problem.costs", problem.get("costs"), (m, d)),
            sigma=self._numbers("problem.sigma", problem.get("sigma"), (d,)),
            price=self._numbers("problem.price", problem.get("price"), (d,)),
            samples=self._counts("samples", (m, d)),
            role=role,
            comparison=nothing if pooled else self._counts("comparison", (m, d)),
            rest=nothing if pooled else self._counts("rest", (m, d)),
            alpha=self._plan_numbers("alpha", (m, d)) if mechanism in CHECKING else np.full((m, d), np.nan),
            limit=self._plan_numbers("limit", (m, d)) if designed else np.full((m, d), np.inf),
            noise=self._noise() if designed else None,
            penalty=self._plan_numbers("penalty", (m,)),
        )

    def _check_seal(self) -> None:
        kind, seal = self.document.get("kind"), self.document.get(FINGERPRINT)
        if kind != "collaboration":
            raise ProblemError("kind", kind, "only agreements to share data (collaboration) can be carried out so far")
        if not isinstance(seal, str) or "problem" not in self.document:
            raise ProblemError(FINGERPRINT, seal, "must be the JSON that jaxmech solve or jaxmech design wrote")
        found = fingerprint(self.document)
        if found != seal:
            raise ProblemError(FINGERPRINT, seal, f"the document has been changed: its fingerprint is {found}")

    def _section(self, key: str) -> Mapping[str, Any]:
        found = self.document[key]
        if not isinstance(found, Mapping):
            raise ProblemError(key, found, "must be an object")
        return found

    def _names(self, problem: Mapping[str, Any], key: str) -> tuple[str, ...]:
        found = problem.get(key)
        if not isinstance(found, list) or not found or not all(isinstance(name, str) for name in found):
            raise ProblemError(f"problem.{key}", found, "must be a list of names")
        if len(set(found)) < len(found):
            raise ProblemError(f"problem.{key}", found, "names must not occur twice")
        return tuple(found)

    def _noise(self) -> Noise:
        entries = self.plan.get("discrepancy")
        size = len(entries) if isinstance(entries, list) else 0
        table = [self._plan_numbers(key, (size,)) for key in ("discrepancy", "variance")]
        return Noise(table[0], table[1], self.plan.get("linked") is True)

    def _plan_numbers(self, key: str, shape: tuple[int, ...]) -> np.ndarray:
        return self._numbers(f"integer_plan.{key}", self.plan.get(key), shape)

    def _counts(self, key: str, shape: tuple[int, ...]) -> np.ndarray:
        found = self._plan_numbers(key, shape)
        if not ((found >= 0) & (found == np.round(found)) & (found < 2**53)).all():
            raise ProblemError(f"integer_plan.{key}", self.plan.get(key), "must be whole numbers, none negative")
        return found.astype(int)

    def _numbers(self, key: str, value: object, shape: tuple[int, ...]) -> np.ndarray:
        try:
            found = np.array(_floats(value), float)
        except (TypeError, ValueError):
            found = np.zeros(0)
        if found.shape != shape:
            raise ProblemError(key, value, f"must be numbers, {' x '.join(map(str, shape))}")
        return found


def _floats(value: object) -> Any:
    """Numbers as documents hold them: null is NaN, the text "inf" is infinity."""
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_floats(entry) for entry in value]
    if value is None:
        return np.nan
    if isinstance(value, bool) or (isinstance(value, str) and value != "inf"):
        raise ValueError(value)
    return float(value)  # type: ignore[arg-type]

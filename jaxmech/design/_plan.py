"""What a design returns: what is asked of everybody, the rule that keeps them honest, and what it costs."""

import dataclasses
import enum
from collections.abc import Mapping
from typing import ClassVar

import jax.numpy as jnp

from jaxmech._pytree import pytree
from jaxmech._show import Tabular
from jaxmech._types import Agents, Amounts, Array, Codes, Scalar
from jaxmech.collaboration import Problem, Role
from jaxmech.design._limits import within_box

__all__ = ["RIVALS", "Calibration", "Design", "Origin", "Role", "Rule"]

RIVALS = (
    "cbl over the rational division",
    "cbl over the leverage division",
    "cbl over the social division",
    "c3d",
    "cbl over the alone division",
)
"""Published mechanisms by their codes."""


def alike(problem: Problem) -> Problem:
    """Return a problem in points that are alike, which a design compares, its limits bounds on each amount.

    Raises:
        ProblemError: naming the argument; see :func:`~jaxmech.design._limits.within_box`.
    """
    return problem.in_equivalent_points() if problem.capacity is None else within_box(problem)


class Origin(enum.IntEnum):
    """Where a design comes from: a code, with words. ``WHOLE`` is added if its amounts were rounded."""

    THRESHOLDS = 0
    LINKED = 1
    SAFE = 2
    PUBLISHED = 3
    PUBLISHED_LINKED = 4
    SHAPE = 5
    ELLIPSOID = 6
    WHOLE = 8


_WORDS = {
    Origin.THRESHOLDS: "thresholds, one distribution at a time",
    Origin.LINKED: "linked thresholds",
    Origin.SAFE: "some work alone, the others receive",
    Origin.PUBLISHED: "amounts of a published plan, thresholds",
    Origin.PUBLISHED_LINKED: "amounts of a published plan, linked thresholds",
    Origin.ELLIPSOID: "linked thresholds in an ellipsoid",
    Origin.SHAPE: "a noise rule of given shape, one distribution at a time",
}


_WHOLE = ", whole samples"


def origin_of(words: str) -> int:
    """Return the code of an origin in words, ``WHOLE`` included; that of thresholds for words that are none.

    Source: this package.

    Example:
        >>> origin_of("linked thresholds, whole samples") == Origin.LINKED + Origin.WHOLE
        True
    """
    bare = words.removesuffix(_WHOLE)
    code = next((code for code, told in _WORDS.items() if told == bare), Origin.THRESHOLDS)
    return int(code) + (int(Origin.WHOLE) if words != bare else 0)


@pytree
@dataclasses.dataclass(frozen=True)
class Rule:
    """How noisy the rest is, by the discrepancy: linear between entries, the last one holding beyond.

    Two entries at one place are a jump. Units are each agent's own limit, and σ².

    Attributes:
        discrepancy: (entries,) in limits t; for linked distributions the largest of all |ȳ − z̄|/t, or in an ellipsoid
            the root of the sum of their squares.
        variance: (entries,) η²/σ² of the noise added to every point of the rest; ∞: withheld.
    """

    discrepancy: Array
    variance: Array


@pytree
@dataclasses.dataclass(frozen=True)
class Calibration:
    """Limits that follow the spread σ̂ of the others' data: a level times σ̂, whatever σ is taken for.

    σ̂² is the variance within Z, within Z' and within what was not drawn of the others' points, about the mean of each.

    Attributes:
        spread: (entries,) values of σ̂, in units of the assumed σ; rising.
        level: (agents, distributions, entries) the limit at these, in σ̂: linear between entries, constant beyond; 1
            where nothing is checked.
        sigma_range: factors of the assumed σ between which the design is certified; static.
    """

    spread: Array
    level: Array
    sigma_range: tuple[float, float] = dataclasses.field(metadata={"static": True})


@pytree
@dataclasses.dataclass(frozen=True)
class Design(Tabular):
    """A mechanism of the family: every agent's rest is the noisier the farther her data lie from others'.

    Where agents differ in precision, points of others are equivalent points (``Problem.in_equivalent_points``).

    Attributes:
        samples: n*, what each agent collects (real numbers; rounded when data sets are collected), in her own points.
        comparison: |Z|, points of others that she gets clean in any case and is compared with.
        rest: |Z'|, points of others that she gets with noise by the rule.
        limit: t, the discrepancy that the rule's entries are multiples of; ∞ where she is not checked. Of limits that
            follow the data, the one at the assumed σ.
        role: :class:`Role` codes.
        rule: the noise, by the discrepancy.
        failure: chance that an honest agent's discrepancy is beyond the limit: so often her rest is not clean.
        penalty: equilibrium penalty per agent.
        social_penalty: their sum.
        published: least social penalty of the published mechanisms on this problem; in whole samples if all numbers of
            the design are whole.
        family: proven bound of the social penalty, for rules of one distribution at a time that hold for fractions of
            samples, too, also of a design in whole samples; NaN inside a
            transformation, where nothing is proven: :func:`family_bound` proves it on the host.
        linked: whether failing on one distribution spoils the rest of all.
        origin_code: where the design comes from, an :class:`Origin`.
        rival_code: which of :data:`RIVALS` is behind ``published``.
        precision: how many equivalent points one of each agent's own counts, where agents differ in precision.
        calibration: how limits follow the spread of the others' data; None where σ is taken to be known.
        ellipsoid: whether linked discrepancies count together, by the sum of their squares; None: they do not.
    """

    AXES: ClassVar[Mapping[str, tuple[str, ...]]] = {
        **dict.fromkeys(("samples", "comparison", "rest", "limit", "role", "failure"), ("agents", "distributions")),
        "penalty": ("agents",),
    }

    samples: Amounts
    comparison: Amounts
    rest: Amounts
    limit: Amounts
    role: Codes
    rule: Rule
    failure: Amounts
    penalty: Agents
    social_penalty: Scalar
    published: Scalar
    family: Scalar
    linked: Array
    origin_code: Array
    rival_code: Array
    precision: Amounts | None = None
    calibration: Calibration | None = None
    ellipsoid: Array | None = None

    @property
    def equivalent(self) -> Amounts:
        """n* in points that are alike."""
        return self.samples if self.precision is None else self.samples * self.precision

    @property
    def origin(self) -> str:
        """Where the design comes from, in words. Host only."""
        whole, code = divmod(int(self.origin_code), int(Origin.WHOLE))
        return _WORDS[Origin(code)] + (_WHOLE if whole else "")

    @property
    def rival(self) -> str:
        """Name of the published mechanism behind ``published``. Host only."""
        return RIVALS[int(self.rival_code)]

    @property
    def checked(self) -> Array:
        """Where agents are checked."""
        return jnp.isfinite(self.limit)

    @property
    def freedom(self) -> Amounts:
        """Degrees of freedom of σ̂²: points of the others less one for each part of them that has a mean of its own."""
        theirs = jnp.maximum(jnp.sum(self.equivalent, axis=0) - self.equivalent, 0)
        parts = (self.comparison, self.rest, theirs - self.comparison - self.rest)
        return jnp.maximum(theirs - sum(jnp.clip(part, 0, 1) for part in parts), 0)

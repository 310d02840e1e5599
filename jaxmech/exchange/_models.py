"""Sharing models among competitors: who is handed which model, and what each pays. A pure kernel, and its reader."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from jaxmech._errors import ProblemError
from jaxmech._words import one_of
from jaxmech.exchange._market import VALUE
from jaxmech.exchange._reader import Reader

EXPLOITATION, FREE = "exploitation", "free"
SHARING = (EXPLOITATION, FREE)
"""Mechanisms by which models are shared."""

BEST, OWN, NONE = "best", "own", "none"
"""The model on everybody's data, on her own, or none, for who stayed away."""

QUALITIES: Mapping[str, Callable[[np.ndarray], np.ndarray]] = {
    "logistic": lambda size: np.tanh(0.5 * size),
    "linear": lambda size: size,
}
ROUNDING: Mapping[str, float] = {"float64": 4 * 2.0**-52, "float32": 4 * 2.0**-23}
"""Effects that add up to no less than this much below 0, relative, do no harm: rounding must not decide."""


@dataclasses.dataclass(frozen=True)
class ModelAgreement:
    """What competitors have signed.

    Attributes:
        fingerprint: of the document.
        mechanism: one of :data:`SHARING`.
        parties: their names.
        types: (parties,) t_i, data sizes that they say they have.
        points: how many points a data size of 1 is.
        samples: (parties, 1) points that each says she has.
        quality: name of a quality function.
        externality: (parties, parties) a_ij, what j's model does to i.
        payment: (parties,) what each pays if all hand in what they said.
        rounding: one of :data:`ROUNDING`, by the precision of the plan.
    """

    fingerprint: str
    mechanism: str
    parties: tuple[str, ...]
    types: np.ndarray
    points: float
    samples: np.ndarray
    quality: str
    externality: np.ndarray
    payment: np.ndarray
    rounding: float

    @property
    def distributions(self) -> tuple[str, ...]:
        """The columns of a file."""
        return (VALUE,)

    @property
    def sigma(self) -> np.ndarray:
        """(1,) unknown: nothing is compared with it."""
        return np.array([np.nan])


def read_models(document: Mapping[str, Any]) -> ModelAgreement:
    """Return what a document of kind "multiparty" says about carrying it out.

    Args:
        document: the JSON of ``jaxmech solve``.

    Raises:
        ProblemError: if it cannot be carried out, or was changed after it was signed.
    """
    reader = Reader(document)
    if "allocation" not in document:
        rule = "answers whether a mechanism exists; there is nothing to carry out"
        raise ProblemError("valuation", document.get("valuation"), rule)
    seal, problem = reader.check_seal(), reader.section("problem")
    if "weights" in problem:
        rule = (
            "cannot be carried out: the model that is handed out is made of everybody's points alike; leave weights out"
        )
        raise ProblemError("problem.weights", problem["weights"], rule)
    parties = reader.names("problem.agents", problem.get("agents"))
    n = len(parties)
    types = reader.finite("problem.types", problem.get("types"), (n,))
    points = float(reader.finite("problem.points", problem.get("points"), ()))
    asked = types * points
    if not points > 0 or (np.abs(asked - np.round(asked)) > 1e-6 * np.maximum(1.0, asked)).any():
        rule = "must make whole numbers of the types: how many points is a data size of 1 (points = 1000)"
        raise ProblemError("problem.points", points, rule)
    return ModelAgreement(
        fingerprint=seal,
        mechanism=one_of("mechanism", problem.get("mechanism"), SHARING),
        parties=parties,
        types=types,
        points=points,
        samples=reader.counts("problem.types", np.round(asked).tolist(), (n,))[:, None],
        quality=one_of("quality", problem.get("quality"), tuple(QUALITIES)),
        externality=reader.finite("problem.externality", problem.get("externality"), (n, n)),
        payment=reader.finite("payment", document.get("payment"), (n,)),
        rounding=ROUNDING[one_of("settings.dtype", reader.section("settings").get("dtype"), tuple(ROUNDING))],
    )


@dataclasses.dataclass(frozen=True)
class Allotment:
    """Who is handed which model, and pays what.

    Attributes:
        present: (parties,) who handed in a file; the others stay away, contribute nothing and get nothing.
        sizes: (parties,) t', points handed in as data sizes.
        model: (parties,) :data:`BEST`, :data:`OWN` or :data:`NONE`.
        quality: (parties,) of the model that each has in the end.
        best: of the model on everybody's data.
        value: (parties,) what each earns with the models that all have.
        outside: (parties,) what she would earn if she stayed away.
        payment: (parties,) what she pays; negative where she is paid.
    """

    present: np.ndarray
    sizes: np.ndarray
    model: tuple[str, ...]
    quality: np.ndarray
    best: float
    value: np.ndarray
    outside: np.ndarray
    payment: np.ndarray


def allot(agreement: ModelAgreement, counts: np.ndarray, present: np.ndarray) -> Allotment:
    """Return who is handed which model, and pays what: p_i = v_i(x(t'), t') − v_i(x(∅, t'_−i), t'), v = A q.

    "exploitation": the model on all data goes to everybody j whose using it does no harm on the whole, Σ_i a_ij ≥ 0.
    "free": it goes to all who are present, and nobody pays. Everybody uses the better of it and her own.

    Args:
        agreement: what was signed.
        counts: (parties,) points handed in.
        present: (parties,) who handed in a file.

    Source: Chen et al. 2020, Definition 9 and Theorem 4.
    """
    sizes = np.where(present, counts / agreement.points, 0.0)
    own, n = QUALITIES[agreement.quality](sizes), len(counts)
    effect = agreement.externality.sum(axis=0)
    harmless = effect >= -agreement.rounding * np.abs(agreement.externality).sum(axis=0)
    gets = present & (harmless if agreement.mechanism == EXPLOITATION else True)

    def used(there: np.ndarray) -> np.ndarray:
        best = QUALITIES[agreement.quality](np.sum(np.where(there, sizes, 0.0)))
        return np.where(gets & there, np.maximum(best, own), own)

    quality = used(present)
    away = np.array([float(agreement.externality[i] @ used(present & (np.arange(n) != i))) for i in range(n)])
    value = agreement.externality @ quality
    pays = present & (agreement.mechanism == EXPLOITATION)
    return Allotment(
        present=present,
        sizes=sizes,
        model=tuple(BEST if handed else OWN if there else NONE for handed, there in zip(gets, present, strict=True)),
        quality=quality,
        best=float(QUALITIES[agreement.quality](np.sum(sizes))),
        value=value,
        outside=away,
        payment=np.where(pays, value - away, 0.0),
    )

"""Verify returns: recompute everything that ``jaxmech run`` wrote, by the standard library and NumPy alone.

One file to be read by whoever trusts nobody; it shares no code with the program that it checks, and runs by itself:

    python verify.py [RETURNS] AGREEMENT [--submissions DIR] [--secret FILE]

It builds every document anew, from the agreement, the secret and the files that were handed in, and compares each entry
with what was returned. Without the files it takes from operator.json what only they can tell (hashes and counts of
files; means and variances of what was handed in and drawn), and recomputes the rest. Then it asks whether the agreement
itself is sound. Sharing data: whether penalties are as promised and limits kept, nobody is worse off than alone, nobody
gains by collecting another amount, and the division of work meets the conditions of its optimum (without limits).
Selling data: whether values and payments are as promised, no buyer would rather have another's offer or none, and no
contributor gains by collecting another amount. Sharing models: whether payments are as promised, nobody would rather
stay away or report less. Numbers agree if they differ by less than 1e-9 of their size or of σ, promises and gains by
less than 1e-6 (1e-2 for an agreement in single precision; gains by 1e-2 where the noise level follows the data). If all
agrees, it says how much was delivered of what was agreed, and what became of checks.

Sections: 1 documents, 2 draws; sharing data: 3 what each party is owed, 4 documents anew, 5 the agreement itself;
6 selling data, 7 sharing models (each with 1, 2 and 4 alone), 8 all together.
"""

import sys

if __name__ == "__main__" and sys.path and sys.path[0] and __file__.startswith(sys.path[0]):
    del sys.path[0]  # beside this file lie others that the standard library would take for its own, as _json.py

import argparse
import copy
import csv
import hashlib
import io
import json
import math
import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise, product
from pathlib import Path
from statistics import NormalDist
from typing import Any, NamedTuple

import numpy as np

__all__ = ["UnreadableError", "main", "said", "verify"]

DIGITS = 1e-9
GAIN = {"float64": 1e-6, "float32": 1e-2}
NOTHING = {"estimate": math.nan, "standard_error": math.inf}
CALIBRATED = 0.01  # what collecting another amount may gain where the noise level follows the data
OPTIMUM = {"float64": 1e-4, "float32": 1e-1}
Levels = tuple[np.ndarray, np.ndarray]  # values, and their chances
Given = Path | None


class UnreadableError(Exception):
    """Something that is missing, or is not what it should be, so that nothing can be said."""


# 1 --- documents: reading and comparing ------------------------------------------------------------------------------


def load(path: Path) -> tuple[dict[str, Any], bytes]:
    """Return a JSON document, and the bytes that it was read from."""
    try:
        content = Path(path).read_bytes()
        document = json.loads(content)
    except (OSError, ValueError, RecursionError) as error:
        raise UnreadableError(f"{path} cannot be read: {getattr(error, 'strerror', None) or 'no valid JSON'}") from None
    if not isinstance(document, dict):
        raise UnreadableError(f"{path} is not a JSON object")
    return document, content


def sha256(content: bytes) -> str:
    """Return 64 hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


def fingerprint(document: dict[str, Any]) -> str:
    """Return the hash of a document without its fingerprint: keys sorted, no white space, shortest numbers."""
    rest = {key: value for key, value in document.items() if key != "fingerprint"}
    return sha256(json.dumps(rest, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode("utf-8"))


def spoken(seal: str, what: str = "Fingerprint: ") -> str:
    """Return a fingerprint or a commitment in one line and in groups, so that two people can compare it aloud."""
    return what + " ".join(seal[k : k + 16] for k in range(0, len(seal), 16))


def numbers(value: Any) -> np.ndarray:
    """Return a table as an array: null is NaN, the text "inf" infinity."""
    return np.array(value, float)


def plain(value: Any) -> Any:
    """Return a document as it is written: NaN as null, infinity as a text."""
    if isinstance(value, dict):
        return {key: plain(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [plain(entry) for entry in value]
    if not isinstance(value, float):
        return value
    return None if math.isnan(value) else "inf" if value == math.inf else value


def differences(where: str, found: Any, expected: Any, size: float | dict[str, float] = 0.0) -> Iterator[str]:
    """Yield one line for every entry that is not as expected; numbers to nine digits, or those of size (by key)."""
    if isinstance(expected, dict) and isinstance(found, dict):
        for key in [*expected, *(key for key in found if key not in expected)]:
            if key not in found or key not in expected:
                yield f"{where}: {key} is {'missing' if key in expected else 'not expected'}"
            else:
                sizes = size if isinstance(size, dict) and not isinstance(expected[key], dict | list) else {"": size}
                yield from differences(f"{where}: {key}", found[key], expected[key], sizes.get(key, sizes[""]))
    elif isinstance(expected, list) and isinstance(found, list) and len(expected) == len(found):
        for place, (one, other) in enumerate(zip(found, expected, strict=True)):
            name = other["name"] if isinstance(other, dict) and "name" in other else place
            yield from differences(f"{where}[{name}]", one, other, size)
    elif not agree(found, expected, size[""] if isinstance(size, dict) else size):
        hashes = isinstance(expected, str) and len(expected) == 64  # either side may be the forged one
        right = "follows from the files as they are: they were changed, or this was" if hashes else "is right"
        yield f"{where} is {found!r}, but {expected!r} {right}"


def agree(found: Any, expected: Any, size: float) -> bool:
    """Whether two entries are equal, or numbers that are equal up to rounding."""
    if isinstance(expected, float) and isinstance(found, float):
        return abs(found - expected) <= DIGITS * (max(abs(found), abs(expected)) + size)
    return isinstance(expected, bool | int | str | None) and type(found) is type(expected) and found == expected


# 2 --- draws: the definition is that of the package's documentation (jaxmech.exchange._draws) -------------------------


def stream(*texts: str) -> np.random.Philox:
    """Return the generator of a stream: Philox4x64-10, with the first 16 bytes of a hash of all texts as its key."""
    parts = [text.encode("utf-8") for text in ("jaxmech exchange 1", *texts)]
    key = hashlib.sha256(b"".join(len(part).to_bytes(8, "big") + part for part in parts)).digest()
    return np.random.Philox(key=int.from_bytes(key[:16], "little"))


def subset(words: np.random.Philox, size: int, limit: int) -> tuple[np.ndarray, np.ndarray]:
    """Return which of the numbers below the limit are drawn, and which were listed: these, or those left out."""
    few, drawn = (size if 2 * size <= limit else limit - size), np.zeros(limit, bool)
    while np.count_nonzero(drawn) < few:
        found = words.random_raw(few - np.count_nonzero(drawn))
        found = found[found <= np.uint64(2**64 - 1 - 2**64 % limit)]  # the others would make small numbers likelier
        drawn[found % np.uint64(limit)] = True
    return (drawn, drawn) if 2 * size <= limit else (~drawn, drawn)


def normal(words: np.random.Philox, count: int) -> np.ndarray:
    """Return standard normal numbers, one per word: Φ⁻¹ by the standard library's own, which has all digits, too."""
    return np.array([NormalDist().inv_cdf(((word >> 12) + 0.5) / 2**52) for word in words.random_raw(count).tolist()])


# 3 --- sharing data: what each party is owed -------------------------------------------------------------------------


class Signed:
    """What agreements of all kinds answer, unless they have something of their own to say."""

    drops = False
    read: Callable[[dict[str, Any]], None]

    def __init__(self, document: dict[str, Any]) -> None:
        """Read what is needed; what is missing is told by its name."""
        try:
            self.read(document)
        except (KeyError, TypeError, ValueError) as error:
            raise UnreadableError(f"the agreement lacks what it takes to carry it out: {error}") from None

    def more(self, owed: Any) -> Any:
        """Return what operator.json holds beside the parties; of the exchange as a whole; of a distribution."""
        return {}

    odd = told = more


class Agreement(Signed):
    """What the parties signed who share data, in arrays: parties × distributions."""

    def read(self, document: dict[str, Any]) -> None:
        """Read what is needed."""
        self.document, self.money, self.kappa, self.levels = document, 0.0, np.zeros(0), dict[Any, Levels]()
        problem, plan = document["problem"], document["integer_plan"]
        if plan is None:
            raise UnreadableError("the agreement is in fractions: only one in whole samples can be carried out")
        self.gain = GAIN[document["settings"]["dtype"]]
        self.seal, self.mechanism, self.target = document["fingerprint"], problem["mechanism"], document["target"]
        self.parties, self.names, panels = problem["agents"], problem["distributions"], problem.get("panels") or {}
        self.costs, self.sigma, self.price = (numbers(problem[key]) for key in ("costs", "sigma", "price"))
        self.asked, self.role, self.penalty = numbers(plan["samples"]), plan["role"], numbers(plan["penalty"])
        shape: tuple[int, ...] = self.asked.shape
        self.pooled, self.designed = self.mechanism in ("pool", "counted-pool"), self.mechanism == "designed"
        self.z, self.rest = (np.zeros(shape) if self.pooled else numbers(plan[key]) for key in ("comparison", "rest"))
        self.alpha = np.zeros(shape) if self.pooled or self.designed else numbers(plan["alpha"])
        self.steady = problem.get("estimate", "drawn") == "steady"
        self.drops = {"drop": True, "use": False}[problem.get("surplus", "use")]
        self.calibrated, self.robust = bool(problem.get("calibrated")), problem.get("calibrated") == "robust"
        follows = self.designed and self.calibrated and plan["calibration"]
        self.follows = [numbers(follows[key]) for key in ("spread", "level")] if follows else []
        self.rule = "limit" if follows else "alpha"
        self.limit = numbers(plan["limit"]) if self.designed else np.full(shape, math.inf)
        self.table = [numbers(plan[key]) for key in ("discrepancy", "variance")] if self.designed else []
        self.linked = self.designed and plan["linked"] is True
        # Of linked discrepancies, in limits.
        self.norm = 2 if self.linked and plan.get("ellipsoid") is True else math.inf
        self.most, self.least, self.budget = np.full(shape, math.inf), np.zeros(shape), np.full(shape[:1], math.inf)
        if any(problem.get(key) is not None for key in ("most", "least", "budget")):
            self.most, self.least, self.budget = (numbers(problem[key]) for key in ("most", "least", "budget"))
        if self.costs.shape != (len(self.parties), len(self.names)) or shape != self.costs.shape:
            raise UnreadableError("the agreement's tables do not fit its names")
        if [self.most.shape, self.least.shape, self.budget.shape] != [shape, shape, shape[:1]]:
            raise UnreadableError("the agreement's most, least and budget do not fit its names")
        self.everybody, self.hangs_on = self.parties, [list(range(len(self.names)))] * len(self.names)
        self.by_draw, self.draws = self, self.names
        if panels:
            self._widen(panels)
        worth = self.by_draw.price * self.by_draw.sigma**2
        costs = np.where(self.by_draw.asked > 0, self.by_draw.costs, 0.0)  # who is asked for nothing may be unable to
        self.by_draw.kappa = kappa = costs * self.by_draw.asked**2 / np.where(worth > 0, worth, 1)
        self.kappa = kappa[:, [self.by_draw.names.index(draw) for draw in self.draws]]

    def _widen(self, panels: dict[str, list[str]]) -> None:
        """Where one draw measures several values, give each a column; keep the tables by draw, with Σ price σ²."""
        self.by_draw = copy.copy(self)
        groups = [panels.get(name, [name]) for name in self.names]
        of = np.repeat(np.arange(len(groups)), [len(group) for group in groups])
        self.names, self.draws = [name for group in groups for name in group], [self.by_draw.names[j] for j in of]
        if len(self.sigma) != len(of) or self.price.shape != (len(of),) or len(set(self.names)) < len(of):
            raise UnreadableError("the agreement's panels do not fit its sigma and price")
        self.by_draw.sigma, self.by_draw.price = np.ones(len(groups)), np.bincount(of, self.price * self.sigma**2)
        self.costs = np.where(np.diff(of, prepend=-1) > 0, self.costs[:, of], 0.0)  # a draw is paid for once
        for table in ("asked", "z", "rest", "alpha", "limit", "most", "least"):
            setattr(self, table, getattr(self, table)[:, of])
        self.limit = self.limit * np.where(np.bincount(of)[of] > 1, self.sigma, 1.0)  # of a panel it is in σ
        self.by_draw.limit = (self.limit / self.sigma)[:, np.searchsorted(of, range(len(groups)))]
        if self.linked:
            told = self.document["integer_plan"].get("hangs_on") or []
            self.hangs_on = [[j for j, name in enumerate(self.names) if name in row] for row in told]
            sound = [k in row and [of[j] for j in row] == sorted(set(of)) for k, row in enumerate(self.hangs_on)]
            if sound != [True] * len(of):
                raise UnreadableError("the agreement's hangs_on must name each value and one of every other draw")
        self.role = [[row[j] for j in of] for row in self.role]

    def owed(self, secret: str, handed: list["Handed"], told: list[dict[str, Any]]) -> list["Owed"]:
        """Return what the returns should hold of every party."""
        entries = [owed(self, secret, handed, i, part["distributions"]) for i, part in enumerate(told)]
        return [documents(self, secret, part, entries[i], i, doubtful(self, entries, i)) for i, part in enumerate(told)]

    def soundness(self) -> Iterator[str]:
        """Say where the agreement is not sound."""
        signed, off = self.document, optimality(self.document) or 0.0
        if off > OPTIMUM[signed["settings"]["dtype"]]:
            yield f"agreement: the division misses the conditions of the {signed['division']} optimum by {off:.2g}"
        yield from ["agreement: agents are not its problem's"] * (self.parties != signed.get("agents", self.parties))
        yield from soundness(self)

    def told(self, entries: list[dict[str, Any]]) -> dict[str, Any]:
        """Return what everybody may see of a distribution beside its counts: σ̂, and for how many noise was cut off."""
        kinds = [entry.get("level") for entry in entries]
        sigma = [entry["sigma"] for entry in entries if entry.get("sigma") is not None]
        cut = {kind: kinds.count(kind) for kind in ("none", "most", "assumed")}
        noise = {"sigma": [min(sigma), max(sigma)] if sigma else None, "checked": len(kinds) - kinds.count(None), **cut}
        return {"noise": noise} if self.calibrated else {}

    def limit_at(self, i: int, k: int, spread: Any) -> Any:
        """Return a limit that follows σ̂, at values of σ̂: a level of the table, times σ̂."""
        return spread * np.interp(spread / self.sigma[k], self.follows[0], self.follows[1][i, k])

    def allows(self, i: int, amounts: np.ndarray) -> bool:
        """Whether a party can and must collect these amounts, and can pay for them, up to rounding."""
        spent = sum(float(self.costs[i, k] * n) for k, n in enumerate(amounts) if n > 0)
        within = (amounts <= self.most[i] * (1 + DIGITS)) & (amounts >= self.least[i] * (1 - DIGITS))
        return bool(within.all() and spent <= self.budget[i] * (1 + DIGITS))

    def noise(self, apart: float) -> float:
        """η²/σ² of a design: linear between entries, the earlier one at jumps, the last one beyond."""
        places, values = self.table
        right = int(np.searchsorted(places, apart))
        if right == len(places) or right == 0 or places[right] == apart:
            return float(values[min(right, len(places) - 1)])
        (u, v), (low, high) = places[right - 1 : right + 1], values[right - 1 : right + 1]
        return float(low + (apart - u) / (v - u) * (high - low)) if np.isfinite([low, high]).all() else math.inf


class Handed(NamedTuple):
    """What all handed in for one distribution, by party: counts, means, and the points if they are known."""

    counts: Sequence[int]
    means: Sequence[float]
    columns: Sequence[np.ndarray] | None
    left: Sequence[int] = ()  # out, because nobody asked for them

    def others(self, i: int) -> tuple[int, float, np.ndarray | None]:
        """How many points the others handed in, their mean, and the points, party after party."""
        rest = [j for j in range(len(self.counts)) if j != i and self.counts[j]]
        count = sum(self.counts[j] for j in rest)
        total = sum(self.counts[j] * self.means[j] for j in rest)
        points = None if self.columns is None else np.concatenate([np.zeros(0), *(self.columns[j] for j in rest)])
        return count, total / count if count else math.nan, points


class Drawn:
    """Z and Z' of a party and distribution, the first normal number, and how far her mean is from that of Z."""

    def __init__(self, agreement: Agreement, secret: str, handed: Handed, i: int, k: int, told: dict[str, Any]) -> None:
        """Draw; nothing in pools, for who works alone or only receives. Means are as told where points are unknown."""
        self.clean: dict[str, Any] | None = None
        self.rest: dict[str, Any] | None = None
        self.points: tuple[np.ndarray, np.ndarray] | None = None
        self.normal = self.discrepancy = math.nan
        self.level: dict[str, Any] = {"sigma": math.nan, "freedom": 0, agreement.rule: math.nan, "level": None}
        role, (count, _, points) = agreement.role[i][k], handed.others(i)
        if agreement.pooled or role == "alone" or (role == "receives" and not agreement.designed):
            return
        texts = (secret, agreement.seal, agreement.parties[i], agreement.draws[k])
        z = int(min(agreement.z[i, k], count))
        size = int(min(agreement.rest[i, k], count - z))
        clean, clean_listed = subset(stream(*texts, "clean"), z, count)
        left, left_listed = subset(stream(*texts, "rest"), size, count - z)
        rest = np.flatnonzero(~clean)[left]
        if points is not None:
            self.points = points[clean], points[rest]
        hers, noisy = self.points or (None, None)
        if role == "checked":
            groups = [np.flatnonzero(clean), rest, np.flatnonzero(~clean)[~left]]
            self.level = level_of(agreement, handed, i, k, groups, told)
        self.clean = part_of(clean, clean_listed, hers, told.get("clean"))
        self.rest = part_of(left, left_listed, noisy, told.get("rest"))
        self.lots = stream(*texts[:3], agreement.names[k], "noise")
        self.normal = float(normal(self.lots, 1)[0])
        if role == "checked" and z > 0:
            self.discrepancy = abs(handed.means[i] - self.clean["mean"]) if handed.counts[i] else math.inf


def level_of(agreement: Agreement, handed: Handed, i: int, k: int, groups: list[Any], told: Any) -> dict[str, Any]:
    """Return σ̂ within what was drawn and what was not, each about its mean (as told if unknown), and its noise."""
    n, agreed = float(agreement.asked[i, k]), agreement.limit if agreement.follows else agreement.alpha
    owners = np.repeat(np.arange(len(handed.counts)), [size * (j != i) for j, size in enumerate(handed.counts)])
    points = handed.others(i)[2]
    values = np.zeros(len(owners)) if points is None else points
    squares, freedom = spread_of(values, [group for group in groups if len(group)], owners, agreement.robust)
    level = {"sigma": math.nan, "freedom": freedom, agreement.rule: float(agreed[i, k]), "level": "assumed"}
    if not agreement.calibrated or freedom < 1:
        return level
    spread = float(numbers(told["sigma"])) if points is None else math.sqrt(squares / freedom)
    if agreement.follows:
        return {**level, "sigma": spread, "limit": float(agreement.limit_at(i, k, spread)), "level": "data"}
    tau = 2 + float(agreement.rest[i, k]) / n
    seen = float(agreement.kappa[i, k] * (agreement.sigma[k] / spread) ** 2) if spread > 0 else math.inf
    (low, high), ratio = admissible(tau), float(noise_ratio(tau, np.array([seen]), agreement.steady)[0])
    kind = "none" if seen <= low else "most" if seen >= high else "data"
    return {**level, "sigma": spread, "alpha": math.sqrt(ratio * n), "level": kind}


def spread_of(values: np.ndarray, groups: list[Any], owners: np.ndarray, robust: bool) -> tuple[float, int]:
    """Return the sum of squares within groups, about the mean of each, and its degrees of freedom, points − groups.

    Robust: the ⌈M/2⌉-th of the variances of M ≥ 3 owners, times all their degrees of freedom; of the first points in an
    owner's fullest group as many are left out as groups hold none of hers.
    """
    if not robust:
        return squares_within(values, groups), sum(map(len, groups)) - len(groups)
    each = []
    for owner in np.unique(owners):
        hers = sorted((group[owners[group] == owner] for group in groups), key=len, reverse=True)
        freedom = sum(map(len, hers)) - len(hers)
        hers[0] = hers[0][sum(len(group) == 0 for group in hers) :]
        if freedom > 0:
            each.append((squares_within(values, hers), freedom))
    if len(each) < 3:
        return 0.0, 0
    ordered = sorted(squares / (freedom * unit_of(freedom, len(each))) for squares, freedom in each)
    total = sum(freedom for _, freedom in each)
    return ordered[(len(each) - 1) // 2] * total, total


def squares_within(values: np.ndarray, groups: list[Any]) -> float:
    """Return the sum of squares within groups, about the mean of each."""
    return float(sum(np.var(values[group]) * len(group) for group in groups if len(group)))


def unit_of(freedom: Any, count: int) -> float:
    """Return what variances are divided by, so that the ⌈M/2⌉-th of M has about the median 1 (Wilson and Hilferty)."""
    rough, place = 2 / (9 * freedom), ((count + 1) // 2 - 1 / 3) / (count + 1 / 3)
    return float((1 - rough + NormalDist().inv_cdf(place) * math.sqrt(rough)) ** 3)


def admissible(tau: float) -> tuple[float, float]:
    """Return between which values κ̂ is cut off: no noise at the first, much at the second."""
    return 1 / tau**2, max(1 / tau**2, 0.95 / 4)


def noise_ratio(tau: float, seen: np.ndarray, steady: bool) -> np.ndarray:
    """Return the root ρ = α²/n* of κ = E(1 + D ρ x²/b²)/(2 + D/b)², b = 1 + 2 ρ x², D = τ − 2; x is normal, or 1."""
    (least, most), rest = admissible(tau), tau - 2
    seen, low, high = np.clip(seen, least, most), np.full(seen.shape, 1e-9), np.full(seen.shape, 1e9)
    for _ in range(50):
        ratio = np.sqrt(low * high)
        width = np.sqrt((1 + rest / 2) / (2 * ratio))
        x, weight = (np.ones((len(seen), 1)), np.ones((1, 1))) if steady else normal_grid(width, 161)
        b, noise = 1 + 2 * ratio[:, None] * x**2, ratio[:, None] * x**2
        slope = np.sum(weight * (1 + rest * noise / b**2) / (2 + rest / b) ** 2, axis=1)
        low, high = np.where(slope < seen, ratio, low), np.where(slope < seen, high, ratio)
    return np.where(seen <= least, 0.0, np.sqrt(low * high))


def normal_grid(width: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Return places, closest together within ``width``, and weights of a standard normal number, (widths, size)."""
    steps, h = np.linspace(-1, 1, size, retstep=True)
    reach, width = np.arcsinh(12 / width)[:, None], width[:, None]
    x = width * np.sinh(reach * steps)
    return x, np.exp(-(x**2) / 2) / math.sqrt(2 * math.pi) * width * np.cosh(reach * steps) * reach * h


def part_of(drawn: np.ndarray, listed: np.ndarray, points: np.ndarray | None, told: Any) -> dict[str, Any]:
    """Return how many points were drawn, their mean (as told if they are unknown), and a hash of the listed numbers."""
    count = int(np.count_nonzero(drawn))
    mean = float(numbers((told or {}).get("mean")) if points is None else np.mean(points)) if count else math.nan
    digest = sha256(np.flatnonzero(listed).astype("<u8").tobytes())
    return {"count": count, "mean": mean, "inverted": 2 * count > len(drawn), "listed": digest}


def owed(agreement: Agreement, secret: str, handed: list[Handed], i: int, told: list[Any]) -> list[dict[str, Any]]:
    """Return what operator.json should say of a party, by distribution; under "points", what points.csv should hold."""
    every = range(len(agreement.names))
    parts = [Drawn(agreement, secret, handed[k], i, k, told[k]) for k in every]
    apart = [0.0 if math.isnan(part.discrepancy) else part.discrepancy for part in parts]
    if agreement.designed:
        limits = [part.level.get("limit", agreement.limit[i, k]) for k, part in enumerate(parts)]
        apart = [x and (x / limit if limit > 0 else math.inf) for x, limit in zip(apart, limits, strict=True)]
        if agreement.linked:
            apart = [float(np.linalg.norm([apart[j] for j in row], agreement.norm)) for row in agreement.hangs_on]
    found = []
    for k, part in enumerate(parts):
        variance, added = float(agreement.sigma[k]) ** 2, 0.0
        if agreement.designed and part.clean is not None:
            added = agreement.noise(apart[k]) * variance
        elif part.clean is not None and apart[k] > 0:
            added = (part.level["alpha"] * apart[k]) ** 2 if math.isfinite(apart[k]) else math.inf
        variance = part.level["sigma"] ** 2 if part.level["sigma"] > 0 else variance
        found.append(_entry(agreement, part, handed[k], (i, k), added, variance))
    return found


def _entry(agreement: Agreement, part: Drawn, handed: Handed, place: Any, added: float, variance: float) -> Any:
    """Clean and noisy points, the estimate that weighs each by its variance, and how it came about."""
    i, k = place
    own, mean, role = handed.counts[i], handed.means[i], agreement.role[i][k]
    count, theirs, points = handed.others(i)
    mine = np.zeros(0) if handed.columns is None else handed.columns[i]
    others = np.zeros(0) if points is None else points
    noisy, noisy_mean, noisy_variance, noise = 0, math.nan, math.nan, np.zeros(0)
    if part.clean is not None and part.rest is not None:  # drawn: hers and Z clean; Z' clean, noisy or withheld
        chosen, left = part.points or (others, others)
        parts = [(own, mean, mine), (part.clean["count"], part.clean["mean"], chosen)]
        if agreement.designed and added == 0:
            parts.append((part.rest["count"], part.rest["mean"], left))
        elif part.rest["count"] and math.isfinite(added):
            noisy = part.rest["count"]
            noisy_mean = part.rest["mean"] + math.sqrt(added / noisy) * part.normal
            noisy_variance = variance + added
            if part.points:
                lots = normal(part.lots, noisy)
                noise = left + math.sqrt(added) * (lots - np.mean(lots) + part.normal / math.sqrt(noisy))
    else:  # who only receives is asked for none, but for limits
        admitted = agreement.mechanism != "counted-pool" or own >= agreement.asked[i, k]
        hers = agreement.pooled or role == "alone" or agreement.asked[i, k] > 0
        parts = [(own, mean, mine)] if admitted and hers else []
        parts += [(count, theirs, others)] if admitted and role != "alone" else []
    clean = sum(size for size, _, _ in parts)
    clean_mean = sum(size * middle for size, middle, _ in parts if size) / clean if clean else math.nan
    expected = noisy_variance
    if agreement.steady and noisy and part.clean is not None and math.isfinite(part.discrepancy):
        expected = variance * (1 + part.level["alpha"] ** 2 * (1 / own + 1 / part.clean["count"]))
    weight = clean / variance + (noisy / expected if noisy else 0.0)
    total = (clean / variance * clean_mean if clean else 0.0) + (noisy / expected * noisy_mean if noisy else 0.0)
    error, mixed = (weight**-0.5, total / weight) if weight else (math.inf, math.nan)
    table = [(value, variance) for _, _, values in parts for value in values] + [(value, expected) for value in noise]
    compared = (part.clean["count"], part.clean["mean"]) if role == "checked" and part.clean else (0, math.nan)
    hers = (agreement.names[k], mixed, error, clean, clean_mean, noisy, noisy_mean, noisy_variance)
    check = (agreement.names[k], role, int(agreement.asked[i, k]), own, mean, *compared, part.discrepancy, added)
    return {
        **dict(zip(OWED, hers, strict=True)),
        **dict(zip(CHECKS, check, strict=True)),
        "available": count,
        "clean": part.clean,
        "rest": part.rest,
        "normal": part.normal,
        "points": sorted(table, key=lambda row: (row[1], row[0])),
        **({"left_out": handed.left[i]} if agreement.drops else {}),
        **(part.level if agreement.calibrated else {}),
        **(judged(agreement, part, added, place) if agreement.designed else {}),
    }


def judged(agreement: Agreement, part: Drawn, added: float, place: Any) -> dict[str, Any]:
    """Of a design: the limit in the units of the data, whether it is kept, and what becomes of the rest."""
    limit = float(part.level.get("limit", agreement.limit[place]))
    inside = added == 0 if agreement.norm == 2 else part.discrepancy <= limit  # in an ellipsoid all pass together
    passed = None if math.isnan(part.discrepancy) else inside
    follows = "nothing" if added == 0 else "noise" if math.isfinite(added) else "withheld"
    withheld = part.rest["count"] if part.rest and added == math.inf else 0
    return dict(zip(JUDGED, (limit if math.isfinite(limit) else math.nan, passed, follows, withheld), strict=True))


# 4 --- documents anew ------------------------------------------------------------------------------------------------

OWED = ("name", *NOTHING, "clean_count", "clean_mean", "noisy_count", "noisy_mean", "noisy_variance")
CHECKS = ("name", "role", "asked", "count", "mean", "compared_count", "compared_mean", "discrepancy", "noise_variance")
DOUBTS = "failed the check", "more than asked for, compared with the rest", "not asked for, not checked"
JUDGED = ("limit", "passed", "follows", "withheld")
SEEDED = "The noise was made from a fixed seed: parties who know it can predict the noise, remove it, and cheat."


def named_after(folder: str, name: str) -> bool:
    """Whether a folder is called as a party is, but for letters that became ``_`` and one at the end."""
    name = unicodedata.normalize("NFC", name)
    same = all(letter in (other, "_") for letter, other in zip(folder, name, strict=False))
    return same and folder[len(name) :] in ("", "_") and len(folder) >= len(name) and not set(folder) & set("/\\")


def read_columns(path: Path, names: list[str]) -> list[np.ndarray]:
    """Return a party's points by distribution from a CSV file, however it is written; blank cells end shorter columns.

    Read with the first encoding and separator by which its first row names a distribution and all rows are as long, and
    with the decimal point, or else comma, by which all cells are numbers. Who ran it has refused what is in doubt.
    """
    content = path.read_bytes()
    for code, sign, mark in product(("utf-8-sig", "utf-16", "utf-32", "utf-16-be"), (",", ";", "\t"), ".,"):
        try:
            text = content.decode(code)
            if said := re.match(r'\s*"?sep=(.)"?[^\S\n]*\n', text):  # spreadsheets may name the separator themselves
                text, sign = text[said.end() :], said[1]
            found = [row for row in csv.reader(io.StringIO(text, newline=""), delimiter=sign) if "".join(row).strip()]
            header = [cell.strip() for cell in found[0]]
            if set(header) & set(names) and all(len(row) == len(header) for row in found):
                columns = {name: [row[k] for row in found[1:] if row[k].strip()] for k, name in enumerate(header)}
                return [np.array([number(cell, mark) for cell in columns.get(name, [])]) for name in names]
        except (ValueError, IndexError, csv.Error):  # of bytes, cells and empty files: then in another way
            continue
    raise UnreadableError(f"{path.name} cannot be read as CSV: save it in UTF-8, with commas and decimal points")


def number(cell: str, mark: str) -> float:
    """Return a number with this decimal mark; digits before it may stand in groups of three."""
    whole, point, part = cell.strip().replace("\u2212", "-").partition(mark)
    if re.fullmatch(r"[+-]?[1-9]\d{0,2}([., \u00a0\u2009\u202f'\u2019])\d{3}(\1\d{3})*", whole):
        whole = re.sub(r"[^\d+-]", "", whole)
    return float(whole + point.replace(mark, ".") + part)


def left_out(agreement: Any, name: str, counts: Sequence[int]) -> list[int]:
    """Return how many of a party's points, by distribution, are left out because nobody asked for them."""
    asked = agreement.asked[agreement.parties.index(name)].tolist() if agreement.drops else counts
    return [max(n - int(most), 0) for n, most in zip(counts, asked, strict=True)]


def handed_in(folder: Path | None, agreement: Any, told: list[dict[str, Any]], lines: list[str]) -> list[Handed]:
    """Return what was handed in, from the files or else from operator.json; complain about files that do not fit."""
    every = range(len(agreement.names))
    if folder is None:
        tables = [[part["distributions"][k] for part in told] for k in every]
        means = [[numbers(row["mean"]).item() for row in one] for one in tables]
        counts = [[int(row["count"]) + int(row.get("left_out", 0)) for row in part["distributions"]] for part in told]
        left = [left_out(agreement, part["name"], row) for part, row in zip(told, counts, strict=True)]
        used = np.array(counts) - np.array(left)
        return [Handed(used[:, k].tolist(), means[k], None, [row[k] for row in left]) for k in every]
    columns, left, present = [], [], {unicodedata.normalize("NFC", path.name): path for path in folder.iterdir()}
    for party in told:
        name = f"{party['folder']}.csv"
        if {f"{party['folder']}.parquet", f"{party['folder']}.xlsx"} & set(present):
            why = "only CSV is read here: verify without --submissions, and let her hand in CSV next time"
            raise UnreadableError(f"submissions of {party['name']}: {why}")
        path = present.get(name)
        seal = None if path is None else sha256(path.read_bytes())
        expected = {"file": None if path is None else name, "submission": seal}
        where, found = f"operator.json: parties[{party['name']}]", {key: party[key] for key in expected}
        lines += differences(where, found, expected)
        columns.append([np.zeros(0) for _ in every] if path is None else read_columns(path, agreement.names))
        if len(set(zip(agreement.draws, map(len, columns[-1]), strict=True))) > len(set(agreement.draws)):
            lines.append(f"submissions of {party['name']}: a draw must give all the values that it measures")
        left.append(left_out(agreement, party["name"], [len(column) for column in columns[-1]]))
        columns[-1] = [column[: len(column) - more] for column, more in zip(columns[-1], left[-1], strict=True)]
    means = [[float(np.mean(rows[k])) if len(rows[k]) else math.nan for rows in columns] for k in every]
    tables = [[rows[k] for rows in columns] for k in every]
    return [Handed([len(one) for one in tables[k]], means[k], tables[k], [row[k] for row in left]) for k in every]


class Owed(NamedTuple):
    """What the returns should hold of one party: files, part of operator.json, points; and the size of roundings."""

    files: dict[str, dict[str, Any]]
    part: dict[str, Any]
    points: list[dict[str, Any]]
    size: float | dict[str, float]


def nonce_of(agreement: Any, secret: str, name: str) -> str:
    """Return the number that only a party knows, so that nobody guesses her data from a hash in public."""
    return sha256("\n".join(("jaxmech receipt", secret, agreement.seal, name)).encode("utf-8"))


def returned(agreement: Any, secret: str, told: Any, papers: Any, rest: dict[str, Any], *more: Any) -> Owed:
    """Return what the returns should hold of a party: papers in her folder, by kind, and the rest of operator.json."""
    keys = ("name", "folder") if rest.get("side") == "buyer" else ("name", "folder", "file", "submission")
    nonce, head = nonce_of(agreement, secret, told["name"]), {"party": told["name"], "agreement": agreement.seal}
    files = {f"{kind}.json": plain({"kind": kind, **head, **paper}) for kind, paper in papers.items()}
    return Owed(files, plain({**{key: told[key] for key in keys}, "nonce": nonce, **rest}), *more)


def receipt_of(agreement: Any, secret: str, told: dict[str, Any], checks: list[dict[str, Any]], cost: float) -> Any:
    """Return what a party's receipt should say."""
    return {
        "cost": cost,
        "nonce": nonce_of(agreement, secret, told["name"]),
        "remarks": remarks_of(agreement, told, checks),
        **{key: told[key] for key in ("submission", "file")},
        "checks": checks,
        "counts": [entry["count"] + entry.get("left_out", 0) for entry in checks],
    }


def doubtful(agreement: Agreement, every: list[list[dict[str, Any]]], i: int) -> list[dict[str, Any]]:
    """Return whose points, of those that a party's were taken from, failed a check, or nobody had asked for."""
    found = []
    for hers, *column in zip(every[i], *every, strict=True):
        gets = agreement.mechanism != "counted-pool" or hers["count"] >= hers["asked"]
        for name, entry in zip(agreement.parties, column, strict=True):
            kind = 0 if entry.get("passed") is False else 1 if entry["compared_count"] else 2
            points = entry["count"] - (entry["asked"] if kind else 0)
            if points > 0 and entry is not hers and gets and hers["role"] != "alone":
                found.append({"party": name, "name": entry["name"], "points": points, "why": DOUBTS[kind]})
    return found


def documents(agreement: Agreement, secret: str, told: Any, entries: list[Any], i: int, doubts: list[Any]) -> Owed:
    """Return what a party's estimate and receipt, and her part of operator.json, should be."""
    cost = float(sum(agreement.costs[i, k] * entry["count"] for k, entry in enumerate(entries) if entry["count"]))
    money = {"penalty_promised": float(agreement.penalty[i]), "cost": cost, "payment": 0.0}
    more = ("sigma", "freedom", agreement.rule, "level") * agreement.calibrated
    parts = ((*OWED, *more), (*CHECKS, *("left_out",) * agreement.drops, *JUDGED * agreement.designed, *more))
    hers, checks = ([{key: one[key] for key in keys} for one in entries] for keys in parts)
    known = [{key: value for key, value in entry.items() if key != "points"} for entry in entries]
    papers = {
        "estimate": {**money, "distributions": hers},
        "receipt": {**receipt_of(agreement, secret, told, checks, cost), "estimate": None, "doubtful": doubts},
    }
    rest, size = {**money, "distributions": known}, float(np.max(agreement.sigma))
    return returned(agreement, secret, told, papers, rest, entries, size)


def remarks_of(agreement: Any, told: dict[str, Any], entries: list[dict[str, Any]]) -> list[str]:
    """Return what a party is told about how much she handed in."""
    name = told["name"]
    if told["file"] is None and any(entry["asked"] for entry in entries):
        return [f"{name} handed in nothing"]
    lines = []
    for k, entry in enumerate(entries):
        n, asked, said = entry["count"] + entry.get("left_out", 0), entry["asked"], ""
        if isinstance(agreement, Agreement):
            i = agreement.parties.index(name)
            most, least = agreement.most[i, k], agreement.least[i, k]
            said = f", and at most {most:g} by her limits" if n > most else ""
            said = f", and at least {least:g} by her limits" if n < least else said
            if agreement.drops and n > asked:
                said += f": {n - asked:,} left out"
            elif not (asked or said):
                said = ": nobody checks them"
        points = f"{n:,} point{'s' * (n != 1)} of {entry['name']}"
        lines += [f"{name} handed in {points}; asked for {asked:,}{said}"] * (n != asked)
    return lines


def check_points(path: Path, where: str, entries: list[dict[str, Any]], known: bool) -> Iterator[str]:
    """Compare points with what they should be; or, where these are not known, their numbers and the estimate."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))[1:]
    for entry in entries:
        found = np.array([(float(value), float(variance)) for name, value, variance in rows if name == entry["name"]])
        found, count = found.reshape(-1, 2), entry["clean_count"] + entry["noisy_count"]
        label = f"{where}: {entry['name']}"
        if len(found) != count or len(rows) != sum(one["clean_count"] + one["noisy_count"] for one in entries):
            yield f"{label}: holds {len(found)} points, but {count} are owed"
        elif known:
            right = np.array(entry["points"]).reshape(-1, 2)
            off = np.abs(found - right) > DIGITS * (np.abs(right) + np.sqrt(right[:, 1:]))
            for row in np.flatnonzero(off.any(axis=1)):
                yield f"{label}: point {row + 1} is {found[row].tolist()}, but {right[row].tolist()} is right"
        elif count:
            weights = 1 / np.where(found[:, 1] > 0, found[:, 1], 1.0)  # a single point has no variance
            mean = float(np.average(found[:, 0], weights=weights))
            yield from differences(f"{label}: weighted mean", mean, entry["estimate"], float(found[0, 1]) ** 0.5)


# 5 --- sharing data: the agreement itself ----------------------------------------------------------------------------


def penalty(agreement: Agreement, i: int, amounts: np.ndarray) -> float:
    """Return what a party pays on average if she collects these amounts and the others what they are asked for."""
    others = agreement.asked.sum(axis=0) - agreement.asked[i]
    worth = np.broadcast_to(agreement.price * agreement.sigma**2, agreement.costs.shape)[i]
    spent = sum(float(agreement.costs[i, k] * n) for k, n in enumerate(amounts) if n > 0)
    published = (published_error(agreement, i, k, float(n), float(others[k])) for k, n in enumerate(amounts))
    errors = designed_errors(agreement, i, amounts) if agreement.designed else list(published)
    return spent + sum(float(w) * error for w, error in zip(worth, errors, strict=True) if w > 0)


def published_error(agreement: Agreement, i: int, k: int, n: float, others: float) -> float:
    """Return her squared error in σ² for pools, c3d and cbl; if she is checked, the mean over ȳ − z̄ and σ̂."""
    role, z, rest = agreement.role[i][k], float(agreement.z[i, k]), float(agreement.rest[i, k])
    if agreement.pooled or role != "checked":
        total = n if role == "alone" and not agreement.pooled else others + n
        return 1 / total if total > 0 else math.inf
    if n == 0:
        return 1 / z
    alpha2, chance = noise_levels(agreement, i, k)
    scale = alpha2 * (1 / n + 1 / z)  # η²/σ² = scale x², x standard normal
    if agreement.steady:  # weighed by its expectation, so that second moments alone enter
        return float(chance @ (1 / (n + z + rest / (1 + scale))))
    x, weight = normal_grid(np.sqrt((1 + rest / (n + z)) / np.maximum(scale, 1e-12)), 241)
    return float(chance @ np.sum(weight / (n + z + rest / (1 + scale[:, None] * x**2)), axis=1))


def noise_levels(agreement: Agreement, i: int, k: int) -> Levels:
    """Return the values of α² and their chances: one, or those of a calibrated rule: σ̂²/σ² = e^v is χ²/ν, κ̂ = κ/e^v."""
    agreed = np.array([float(agreement.alpha[i, k]) ** 2]), np.ones(1)
    if not agreement.calibrated:
        return agreed
    if (i, k) not in agreement.levels:
        n, others = float(agreement.asked[i, k]), float(agreement.asked[:, k].sum() - agreement.asked[i, k])
        tau, left = 2 + float(agreement.rest[i, k]) / n, others - agreement.z[i, k] - agreement.rest[i, k]
        each = [v for j, v in enumerate(agreement.asked[:, k] - 2 - (left > 0)) if j != i and v >= 1]
        freedom = sum(each) / 2 if agreement.robust else others - 2 - (left > 0)
        if freedom < 1 or (agreement.robust and len(each) < 3):
            return agreed
        far, kappa = 74 / freedom, float(agreement.kappa[i, k])
        kinks = [math.log(kappa / limit) for limit in reversed(admissible(tau))]
        # quadrature over v in three pieces, between which κ̂ is cut off or not
        places = np.clip([-math.inf, *kinks, math.inf], -(math.sqrt(2 * far) + far), math.sqrt(2 * far))
        nodes, weights = np.polynomial.legendre.leggauss(32)
        v = np.concatenate([a + (b - a) / 2 * (1 + nodes) for a, b in pairwise(places)])
        mass = np.concatenate([(b - a) / 2 * weights for a, b in pairwise(places)])
        if agreement.robust:
            mass = mass * (median_chance(v + 1e-5, each) - median_chance(v - 1e-5, each))
        else:
            mass = mass * np.exp(-freedom / 2 * (np.expm1(v) - v))
        levels = noise_ratio(tau, kappa * np.exp(-v), agreement.steady) * n
        agreement.levels[i, k] = levels, mass / mass.sum()
    return agreement.levels[i, k]


def median_chance(v: np.ndarray, each: list[Any]) -> np.ndarray:
    """Return P(σ̂² ≤ e^v σ²) of the median of variances with so many degrees of freedom: half of them lie below."""
    number = np.eye(len(each) + 1, 1) * np.ones_like(v)  # chances that so many lie below
    for freedom in each:
        x, odd = freedom / 2 * unit_of(freedom, len(each)) * np.exp(v), freedom % 2 == 1
        below = np.array([math.erf(math.sqrt(y)) for y in x]) if odd else -np.expm1(-x)
        for a in np.arange(0.5 if odd else 1.0, freedom / 2):  # P(a + 1, x) = P(a, x) − x^a e^(−x)/Γ(a + 1)
            below = below - np.exp(a * np.log(x) - x - math.lgamma(a + 1))
        number = number - below * np.diff(number, axis=0, prepend=0.0)
    return number[(len(each) + 1) // 2 :].sum(axis=0)


def designed_errors(agreement: Agreement, i: int, amounts: np.ndarray) -> list[float]:
    """Return her squared errors in σ² for a design: means over |ȳ − z̄|/t, or the norm of all if they are linked."""
    grid, noise = table_of_noise(agreement)
    chances, levels = np.ones((len(amounts), len(grid))), list[float]()
    for k, n in enumerate(amounts):
        if agreement.role[i][k] == "checked":
            z = float(agreement.z[i, k])
            level = [(w, x * math.sqrt(n * z / (n + z) / 2)) for w, x in limits_of(agreement, i, k)]
            chances[k] = [sum(w * math.erf(u * x) for w, x in level) for u in grid]  # of a distance below u limits
            levels.append(level[0][1] * math.sqrt(2))
    if agreement.norm == 2 and levels:
        chances[:] = [chance_inside(u * np.array(levels)) for u in grid]
    elif agreement.linked:
        chances[:] = np.prod(chances, axis=0)
    errors = []
    for k, n in enumerate(amounts):
        z, rest = (0.0, 0.0) if agreement.role[i][k] == "alone" else (agreement.z[i, k], agreement.rest[i, k])
        mass = np.array([chances[k, 0], *np.diff(chances[k]), 1 - chances[k, -1]])
        total = (n + z + rest / (1 + noise))[mass > 0]
        errors.append(float(np.sum(mass[mass > 0] / total)) if np.all(total > 0) else math.inf)
    return errors


def chance_inside(levels: np.ndarray) -> float:
    """Return P(Σ_k N_k²/τ_k² < 1), by Ruben's series of χ² chances (1962): all its terms are positive.

    0 where a level is absurd, so that its penalty is not as promised: the series has τ²/2 terms.
    """
    if not np.all(levels < 1e3):
        return 0.0
    squares, half = levels**2, len(levels) / 2
    most = max(float(np.max(squares)), 1e-9)
    share, taken, parts = 1 - squares / most, np.zeros(len(levels)), [float(np.prod(np.sqrt(squares / most)))]
    for j in range(1, int(most / 2 + 8 * math.sqrt(most) + 50)):
        taken = share * (taken + parts[-1])
        parts.append(float(np.sum(taken)) / (2 * j))
    size = [(half + j) * math.log(most / 2) - most / 2 - math.lgamma(half + j + 1) for j in range(len(parts))]
    return float(np.exp(size) @ np.cumsum(parts))


def limits_of(agreement: Agreement, i: int, k: int) -> list[tuple[float, float]]:
    """Return chances and limits of a design, in σ: one, or those of limits that follow σ̂: σ̂²/σ² = e^v is χ²/ν."""
    others, z, rest = agreement.asked[:, k].sum() - agreement.asked[i, k], agreement.z[i, k], agreement.rest[i, k]
    freedom = float(others - (z > 0) - (rest > 0) - (others > z + rest))
    if not agreement.follows or freedom < 1:
        return [(1.0, float(agreement.limit[i, k] / agreement.sigma[k]))]
    v = np.linspace(-9, 9, 513) * math.sqrt(2 / freedom)
    mass, spread = np.exp(-freedom / 2 * (np.expm1(v) - v)), np.exp(v / 2) * agreement.sigma[k]
    return list(zip(mass / mass.sum(), agreement.limit_at(i, k, spread) / agreement.sigma[k], strict=True))


def table_of_noise(agreement: Agreement) -> tuple[np.ndarray, np.ndarray]:
    """Return places from 0 on, in limits, and η²/σ² at 0, between each two of them, and beyond the last."""
    places, values = agreement.table
    pieces = [np.array([0.0]), places]
    for (left, right), (low, high) in zip(pairwise(places), pairwise(values), strict=True):
        if high != low and np.isfinite([low, high]).all():
            pieces.append(np.linspace(left, right, 401))
    grid = np.unique(np.concatenate(pieces))
    between = [agreement.noise((left + right) / 2) for left, right in pairwise(grid)]
    return grid, np.array([agreement.noise(0.0), *between, values[-1]])


def soundness(agreement: Agreement) -> Iterator[str]:
    """Say where a penalty is not as promised, or a party is worse off than alone, or gains by another amount."""
    agreement = agreement.by_draw
    table = np.broadcast_to(agreement.price * agreement.sigma**2, agreement.costs.shape)  # prices may be by party
    room = CALIBRATED if agreement.calibrated else agreement.gain
    for i, (name, worth) in enumerate(zip(agreement.parties, table, strict=True)):
        promised, honest = float(agreement.penalty[i]), penalty(agreement, i, agreement.asked[i])
        if not (honest == promised or abs(honest - promised) <= agreement.gain * promised):
            yield f"agreement: {name} is promised a penalty of {promised:.9g}, but pays {honest:.9g}"
        if agreement.pooled:
            continue  # pools promise nothing more
        if not agreement.allows(i, agreement.asked[i]):
            yield f"agreement: {name} is asked for more or less than most, least and budget allow"
        given = (np.array(agreement.role[i]) != "alone") * (agreement.z[i] + agreement.rest[i]) + agreement.asked[i]
        if (given > agreement.asked.sum(axis=0)).any():
            yield f"agreement: {name} is promised more points of the others than they are asked for"
        alone = best_alone(agreement, i, worth)
        if honest > alone * (1 + agreement.gain):
            yield f"agreement: {name} pays {honest:.9g}, more than {alone:.9g} alone"
        for k in np.flatnonzero(np.isfinite(agreement.costs[i]) & (worth > 0)):
            n, own = float(agreement.asked[i, k]), math.sqrt(worth[k] / agreement.costs[i, k])
            others = {0.0, max(n - 1, 0.0), n + 1, *np.round(np.geomspace(1, 2 * own + n + 1, 12)).tolist()}
            for amount in sorted(others - {n}):
                amounts = np.where(np.arange(len(worth)) == k, amount, agreement.asked[i])
                if agreement.allows(i, amounts) and (paid := penalty(agreement, i, amounts)) < honest * (1 - room):
                    where = f"collecting {amount:g} instead of {n:g} points of {agreement.names[k]}"
                    yield f"agreement: {name} gains by {where}: {paid:.9g} instead of {honest:.9g}"
                    break


def optimality(document: dict[str, Any]) -> float | None:
    """Return by how much the division of work misses the KKT conditions of the rational or the social optimum.

    Multipliers λ ≥ 0 of who pays as much as alone, with sum Λ: (1 + λ_i) c_ik ≥ (m + Λ) e_k/S_k², with equality where
    n_ik > 0; relative. None for other divisions, where amounts are limited or prices differ by party, and where the
    multipliers are not unique or need not exist.
    """
    limited = document.get("problem", {}).get("budget") is not None or numbers(document["price"]).ndim > 1
    if document.get("division") not in ("rational", "social") or not document.get("target") or limited:
        return None
    costs, samples = numbers(document["costs"]), numbers(document["target"]["samples"])
    worth, m = numbers(document["price"]) * numbers(document["sigma"]) ** 2, len(costs)
    able, total = np.isfinite(costs), samples.sum(axis=0)
    if (able.sum(axis=0) < 2).any() or (worth <= 0).any() or (total <= 0).any():
        return None
    finite = np.where(able, costs, 1.0)
    pull = np.where(able, worth / (total**2 * finite), 0.0)
    room = 1 - np.sum(worth / total + finite * samples, axis=1) / np.sum(2 * np.sqrt(worth * finite), axis=1)
    room = np.where(able.all(axis=1) & (document["division"] == "rational"), room, 1.0)
    works, tight = (samples > 0).any(axis=1), room < 1e-6
    free, bound, most = works & ~tight, works & tight, pull.max(axis=1)
    if not free.any() and ((tight & ~works).any() or most[bound].sum() >= 1):
        return None
    weight = float(np.median(1 / most[free])) if free.any() else (m - bound.sum()) / (1 - most[bound].sum())
    multiplier = np.where(bound, weight * most - 1, np.where(tight, np.maximum(weight * most - 1, 0.0), 0.0))
    slope = weight * pull / (1 + multiplier[:, None]) - 1
    left = weight - m - multiplier.sum()  # for who is bound and does not collect
    missing = max(-left, 0.0) if (tight & ~works).any() else abs(left)
    off = np.where(samples > 0, np.abs(slope), np.maximum(slope, 0.0))
    return float(max(off.max(), missing / weight, -room.min(), -multiplier.min()))


def best_alone(agreement: Agreement, i: int, worth: np.ndarray) -> float:
    """Return the least Σ_k worth/n + cost n of whole numbers in her limits; with a budget, as found one by one."""
    costs, most, least = agreement.costs[i], np.floor(agreement.most[i] * (1 + DIGITS)), agreement.least[i]
    able, least = np.isfinite(costs) & (most > 0), np.ceil(least * (1 - DIGITS))
    if (~able & (worth > 0)).any():
        return math.inf
    c = np.where(able, costs, 1.0)

    def amounts(dear: float) -> np.ndarray:
        low = np.maximum(np.floor(np.sqrt(worth / (c * dear))), 1.0)
        best = np.where(worth / (c * dear) > low * (low + 1), low + 1, low)
        return np.where(able, np.clip(np.where(worth > 0, best, 0.0), least, most), 0.0)

    dear = 1.0
    while not agreement.allows(i, amounts(dear)) and dear < 1e30:
        dear *= 1.01
    n = amounts(dear)
    while dear > 1:  # something is left
        more = [n + (np.arange(len(n)) == k) for k in range(len(n))]
        saved = [worth[k] / (n[k] * (n[k] + 1)) / c[k] - 1 if n[k] and able[k] else -1.0 for k in range(len(n))]
        fits = [k for k in range(len(n)) if saved[k] > 0 and agreement.allows(i, more[k])]
        if not fits:
            break
        n = more[max(fits, key=saved.__getitem__)]
    errors = np.divide(worth, n, out=np.zeros(len(n)), where=worth > 0)
    return float(np.sum(errors + c * n)) if agreement.allows(i, n) else math.inf


# 6 --- selling data -------------------------------------------------------------------------------------------------

SOLD, BOUGHT = ("cost", "samples", "payment"), ("count", "size", "price")


class Market(Signed):
    """What contributors and buyers signed, in arrays."""

    def read(self, document: dict[str, Any]) -> None:
        """Read what is needed."""
        problem, sellers, buyers = document["problem"], document["contributors"], document["buyers"]
        self.document, self.seal, self.mechanism = document, document["fingerprint"], "broker"
        self.gain, self.means = GAIN[document["settings"]["dtype"]], problem.get("means") or []
        self.names, self.sigma = self.means or ["value"], numbers(problem["sigma"]).reshape(-1)
        if len(self.names) != len(self.sigma):
            raise ValueError("means do not fit sigma")
        self.parties, self.types = [row["name"] for row in sellers], [row["name"] for row in buyers]
        self.valuations, self.draws = problem["buyers"], ["point"] * len(self.sigma)
        self.costs, self.n, self.promised = numbers([[row[key] for row in sellers] for key in SOLD])
        self.counts, self.sizes, self.prices = numbers([[row[key] for row in buyers] for key in BOUGHT])
        self.buyers = [
            (name if count == 1 else f"{name} {number + 1}", j)
            for j, (name, count) in enumerate(zip(self.types, self.counts.tolist(), strict=True))
            for number in range(int(count))
        ]
        self.everybody = [*self.parties, *(name for name, _ in self.buyers)]
        self.unit = {key: " ".join(str(problem[key]).split()) for key in ("unit",) if problem.get(key)}  # of the money
        self.total, self.profit = float(self.n.sum()), float(self.counts @ self.prices - self.costs @ self.n)
        self.level = 1.0 if self.means else float(self.sigma[0]) ** 2  # σ², or 1: several means are counted in theirs
        self.weight = self.costs * self.n**2 / self.level  # d
        self.honest = [self.level * (1 / n + 1 / (self.total - n)) if n else 0.0 for n in self.n.tolist()]  # s²
        self.customers = max(float(self.counts[self.sizes > 0].sum()), 1.0)  # B
        self.money = float(self.weight @ self.honest) + float(self.counts @ np.abs(self.prices))

    def owed(self, secret: str, handed: list[Handed], told: list[dict[str, Any]]) -> list[Owed]:
        """Return what the returns should hold of every contributor and of every buyer."""
        hers, asked = handed[0], self.n > 0
        trade = bool(asked.any()) and all(n > 0 for n, on in zip(hers.counts, asked, strict=True) if on)
        counts = [n if on else 0 for n, on in zip(hers.counts, asked, strict=True)]
        heard = [Handed(counts, one.means, one.columns) for one in handed]
        paid = [self.paid(heard, i, trade) for i in range(len(self.n))]
        found = [self.contributor(secret, handed, entry, told[i], i) for i, entry in enumerate(paid)]
        correction = sum(entry["allowance"] - entry["deduction"] for entry in paid) / self.customers
        delivered = float(sum(self.n[i] for i, entry in enumerate(paid) if entry["complete"])) / max(self.total, 1.0)
        points = None
        if hers.columns is not None:
            if any([len(column) for column in one.columns or ()] != list(hers.counts) for one in handed):
                raise UnreadableError("submissions: a point must give all the means that it measures")
            rows = [np.stack(columns, axis=1) for columns in zip(*(one.columns or () for one in handed), strict=True)]
            points = np.concatenate([np.zeros((0, len(handed))), *(rows[i] for i in np.flatnonzero(asked & trade))])
        available = sum(counts) if trade else 0
        for (name, j), part in zip(self.buyers, told[len(self.n) :], strict=True):
            buys, price = trade and self.sizes[j] > 0, float(self.prices[j])
            invoice = {"type": self.types[j], "size": int(self.sizes[j]), "price": price, "delivered": delivered}
            invoice["correction"] = correction if buys else 0.0
            invoice["due"] = price * delivered + correction if buys else 0.0
            found.append(self.buyer(secret, name, invoice, part, available, points))
        return found

    def paid(self, heard: list[Handed], i: int, trade: bool) -> dict[str, Any]:
        """Return what a contributor gets: Chen, Clinton and Kandasamy 2025, equation (15); she is compared with all."""
        compared = trade and self.n[i] > 0 and heard[0].others(i)[0] > 0
        apart = [abs(one.means[i] - one.others(i)[1]) if compared else math.nan for one in heard]
        squared = float(np.mean((np.array(apart) / (self.sigma if self.means else 1.0)) ** 2))
        complete = bool(trade and self.n[i] > 0 and heard[0].counts[i] == self.n[i])
        earned = {
            "share": self.profit * float(self.n[i]) / self.total if complete else 0.0,
            "refund": float(self.costs[i] * self.n[i]) if complete else 0.0,
            "allowance": float(self.weight[i] * self.honest[i]) if complete else 0.0,
        }
        deduction = float(self.weight[i]) * squared if compared else 0.0
        paid = {"deduction": deduction, "discrepancy": apart, "payment": sum(earned.values()) - deduction}
        return {"trade": trade, "complete": complete, "payment_promised": float(self.promised[i]), **earned, **paid}

    def contributor(self, secret: str, handed: list[Handed], paid: Any, told: dict[str, Any], i: int) -> Owed:
        """Return what the returns should hold of a contributor."""
        cost, spread = float(self.costs[i] * handed[0].counts[i]), float(np.max(self.sigma))
        check = {"asked": int(self.n[i]), "count": handed[0].counts[i]}
        checks = [
            {"name": name, **check, "mean": one.means[i], "discrepancy": apart}
            for name, one, apart in zip(self.names, handed, paid["discrepancy"], strict=True)
        ]
        money = {**{key: value for key, value in paid.items() if key != "discrepancy"}, "cost": cost}
        papers = {"payment": {**money, **self.unit}, "receipt": receipt_of(self, secret, told, checks, cost)}
        rest = {"side": "contributor", **money, "distributions": checks}
        size = {"": float(self.weight[i] * self.honest[i]), "mean": spread, "discrepancy": spread}
        return returned(self, secret, told, papers, rest, [], size)

    def buyer(self, secret: str, name: str, invoice: Any, told: Any, available: int, points: Any) -> Owed:
        """Return what the returns should hold of a buyer: a subset of her own, apart from those of all others."""
        size = min(invoice["size"], available)
        drawn, listed = subset(stream(secret, self.seal, name, "value", "delivery"), size, available)
        mine = None if points is None else points[drawn]
        entries = []
        for k, (name_of, sigma) in enumerate(zip(self.names, self.sigma.tolist(), strict=True)):
            seen = told if not self.means else told["estimates"][k]
            rows = [] if mine is None else [(row[k], sigma**2) for row in sorted(mine.tolist())]
            mean = float(numbers(seen["estimate"]) if mine is None else np.mean(mine[:, k])) if size else math.nan
            error = {"estimate": mean, "standard_error": sigma / size**0.5} if size else NOTHING
            entries.append({"name": name_of, **error, "clean_count": size, "noisy_count": 0, "points": rows})
        found = [{key: entry[key] for key in ("name", *NOTHING)} for entry in entries]
        got = {"count": size, **({"estimates": found} if self.means else {key: found[0][key] for key in NOTHING})}
        which = {"inverted": 2 * size > available, "listed": sha256(np.flatnonzero(listed).astype("<u8").tobytes())}
        bill = {**invoice, **self.unit, "nonce": nonce_of(self, secret, name)}
        papers = {"invoice": bill, "delivery": {"type": invoice["type"], **got}}
        size_of = {"": float(self.weight @ self.honest) / self.customers, "estimate": float(np.max(self.sigma))}
        return returned(self, secret, told, papers, {"side": "buyer", **invoice, **got, **which}, entries, size_of)

    def left(self, i: int, amount: float) -> float:
        """Return what a contributor is left on average who collects an amount and hands in as many points as asked."""
        n = float(self.n[i])
        apart = self.level / amount + self.level / (self.total - n)  # of her mean and that of the others
        more = self.costs[i] * (n - amount) + self.weight[i] * (self.honest[i] - apart)
        return self.profit * n / self.total + float(more)

    def more(self, owed: list[Owed]) -> dict[str, Any]:
        """Return what operator.json holds beside the parties."""
        charged = sum(one.part["due"] for one in owed if one.part["side"] == "buyer")
        paid = sum(one.part["payment"] for one in owed if one.part["side"] == "contributor")
        return {"money": {"charged": float(charged), "paid": float(paid), "surplus": float(charged - paid)}}

    def odd(self, owed: list[Owed]) -> list[str]:
        """Return what is said of the exchange as a whole."""
        void = self.n.any() and not owed[0].part["trade"]
        return ["there is no trade: somebody who was asked for points handed in none"] if void else []

    def value(self, j: int, size: float) -> float:
        """Return what so many points are worth to a buyer: the mean of her valuation over normal errors."""
        it = self.valuations[j]
        if it["valuation"] == "table":
            return float(it["values"][min(int(size), len(it["values"]) - 1)])
        if size < 1:
            return 0.0
        shapes: dict[str, Callable[[float], float]] = {
            "threshold": lambda b: math.erf(b / math.sqrt(2)),
            "exponential": lambda b: erfcx(1 / (b * math.sqrt(2))),
            "linear": lambda b: math.erf(b / math.sqrt(2)) + math.sqrt(2 / math.pi) * math.expm1(-(b**2) / 2) / b,
        }
        reach = (numbers(it["scale"]) * math.sqrt(size) / self.sigma).tolist()  # of several means values add up
        each = zip(numbers(it["value"]).reshape(-1).tolist(), reach, strict=True)
        return float(sum(worth * shapes[it["valuation"]](b) for worth, b in each))

    def soundness(self) -> Iterator[str]:
        """Say where figures are not as promised, somebody is worse off, envies, or gains by another amount."""
        told = self.document
        costs, size = self.costs * self.n, float(np.abs(self.prices) @ self.counts) + float(self.costs @ self.n)
        if told["sigma"] != told["problem"]["sigma"]:
            yield "agreement: sigma is not that of the problem"
        for key, value in {
            "total": self.total,
            "revenue": float(self.counts @ self.prices),
            "profit": self.profit,
        }.items():
            if abs(told[key] - value) > self.gain * (abs(value) + size * (key != "total")):
                yield f"agreement: {key} is {told[key]!r}, but {value!r} is right"
        if told["problem"]["contributor_costs"] != self.costs.tolist():
            yield "agreement: costs of contributors are not those of the problem"
        meant, named = ([(row["name"], row["count"]) for row in rows] for rows in (self.valuations, told["buyers"]))
        if meant != named:
            yield "agreement: buyers are not those of the problem"
        for i in np.flatnonzero(self.n).tolist():
            name, gets = self.parties[i], self.profit * float(self.n[i]) / self.total + float(costs[i])
            if abs(self.promised[i] - gets) > self.gain * size:
                yield f"agreement: {name} is promised {self.promised[i]:.9g}, but gets {gets:.9g}"
            if gets < costs[i] - self.gain * size:
                yield f"agreement: {name} gets {gets:.9g} for points that cost {costs[i]:.9g}"
            for amount in {1.0, float(self.n[i]) - 1, float(self.n[i]) + 1, 2 * float(self.n[i])} - {0.0}:
                if self.left(i, amount) > self.left(i, float(self.n[i])) + self.gain * size:
                    yield f"agreement: {name} gains by collecting {amount:g} instead of {self.n[i]:g} points"
        if (self.sizes > self.total).any():
            yield "agreement: more points are sold than collected"
        for j, name in enumerate(self.types):
            worth = [self.value(j, float(size)) for size in self.sizes]
            gains = [value - float(price) for value, price in zip(worth, self.prices, strict=True)]
            if abs(worth[j] - (promised := told["buyers"][j]["value"])) > self.gain:
                yield f"agreement: {name} is promised a value of {promised:.9g}, but has {worth[j]:.9g}"
            if gains[j] < -self.gain:
                yield f"agreement: {name} pays {self.prices[j]:.9g} for what is worth {worth[j]:.9g} to her"
            best = int(np.argmax(gains))
            if gains[best] > gains[j] + self.gain:
                yield f"agreement: {name} would rather have the offer to {self.types[best]}"


def erfcx(x: float) -> float:
    """Return exp(x²) erfc(x), x ≥ 0; beyond 25 by its first terms, the next of which is below 1e-8 of them."""
    if x < 25:
        return math.exp(x * x) * math.erfc(x)
    return (1 - 1 / (2 * x * x) + 3 / (4 * x**4)) / (x * math.sqrt(math.pi))


# 7 --- sharing models ------------------------------------------------------------------------------------------------


class Models(Signed):
    """What competitors signed, in arrays."""

    def read(self, document: dict[str, Any]) -> None:
        """Read what is needed."""
        problem = document["problem"]
        if "weights" in problem:
            raise ValueError("data that count unequally are not carried out")
        self.document, self.seal, self.mechanism = document, document["fingerprint"], problem["mechanism"]
        self.dtype, self.names, self.draws = document["settings"]["dtype"], ["value"], ["value"]
        self.gain, self.parties = GAIN[self.dtype], problem["agents"]
        self.types, self.effects = numbers(problem["types"]), numbers(problem["externality"])
        self.points, self.promised = float(problem["points"]), numbers(document["payment"])
        self.quality_name, self.asked = problem["quality"], np.round(self.types * self.points)
        self.everybody, self.exploits = self.parties, self.mechanism == "exploitation"
        self.money = float(np.abs(self.effects).sum())
        slack = 4 * float(np.finfo(self.dtype).eps) * np.abs(self.effects).sum(axis=0)
        self.harmless = self.effects.sum(axis=0) >= -slack  # whose better model does no harm on the whole

    def quality(self, size: Any) -> Any:
        """Return how good a model is that is made of data of this size."""
        return np.tanh(size / 2) if self.quality_name == "logistic" else size

    def handed_out(self, sizes: np.ndarray, there: np.ndarray) -> np.ndarray:
        """Return the models that are handed out to those who are there, by their reports; 0 where none is."""
        gets = there & self.harmless if self.exploits else there
        return np.where(gets, self.quality(np.sum(np.where(there, sizes, 0.0))), 0.0)

    def pays(self, sizes: np.ndarray, there: np.ndarray, i: int) -> tuple[float, float, float]:
        """Return what a party earns by the reports, what she would earn if she stayed away, and what she pays."""
        own, away = self.quality(sizes), there & (np.arange(len(sizes)) != i)
        value = float(self.effects[i] @ np.maximum(self.handed_out(sizes, there), own))
        outside = float(self.effects[i] @ np.maximum(self.handed_out(sizes, away), own))
        return value, outside, value - outside if self.exploits and there[i] else 0.0

    def owed(self, secret: str, handed: list[Handed], told: list[dict[str, Any]]) -> list[Owed]:
        """Return what the returns should hold of every competitor."""
        hers = handed[0]
        there = np.array([part["file"] is not None for part in told])
        sizes = np.where(there, np.array(hers.counts) / self.points, 0.0)
        gets, qualities = self.handed_out(sizes, there), self.quality(sizes)
        best = there & self.harmless if self.exploits else there
        found = []
        for i in range(len(self.parties)):
            model = "best" if best[i] else "own" if there[i] else "none"
            made, entry = self.made_of(hers, model, i, told[i])
            made = {"model": model, "quality": float(max(gets[i], qualities[i])), **made}
            money = dict(zip(("value", "outside", "due"), self.pays(sizes, there, i), strict=True))
            money |= {"size": float(sizes[i]), "payment_promised": float(self.promised[i])}
            checks = [{"name": "value", "asked": int(self.asked[i]), "count": hers.counts[i], "mean": hers.means[i]}]
            papers = {"model": made, "invoice": money, "receipt": receipt_of(self, secret, told[i], checks, 0.0)}
            rest = {"side": "competitor", "present": bool(there[i]), **money, **made, "distributions": checks}
            spread = made["variance"] ** 0.5 if made["variance"] >= 0 else 0.0
            scale = float(np.abs(self.effects[i]) @ np.maximum(gets, qualities))
            found.append(returned(self, secret, told[i], papers, rest, [entry], {"": scale, "mean": spread}))
        return found

    def made_of(self, hers: Handed, model: str, i: int, told: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return what is told of her model's points, and the points; their variance is as told if they are unknown."""
        chosen = [j for j, n in enumerate(hers.counts) if n and (model == "best" or (model == "own" and j == i))]
        count = sum(hers.counts[j] for j in chosen)
        mean = sum(hers.counts[j] * hers.means[j] for j in chosen) / count if count else math.nan
        data = np.sort(np.concatenate([np.zeros(0), *(hers.columns[j] for j in chosen if hers.columns)]))
        known = numbers(told["variance"]) if hers.columns is None else np.var(data, ddof=1) if count > 1 else math.nan
        spread = float(known) if count > 1 else math.nan
        rows = [(value, 0.0 if math.isnan(spread) else spread) for value in data.tolist()]
        entry = {"name": "value", "clean_count": count, "noisy_count": 0, "estimate": mean, "points": rows}
        return {"count": count, "mean": mean, "variance": spread}, entry

    def more(self, owed: list[Owed]) -> dict[str, Any]:
        """Return what operator.json holds beside the parties."""
        due = [float(one.part["due"]) for one in owed]
        charged, paid = float(sum(x for x in due if x > 0)), float(-sum(x for x in due if x < 0) or 0.0)
        return {"money": {"charged": charged, "paid": paid, "surplus": charged - paid}}

    def soundness(self) -> Iterator[str]:
        """Say where figures are not as promised, somebody would rather stay away, or gains by a lower report."""
        there, own = np.ones(len(self.types), bool), self.quality(self.types)
        gets = self.handed_out(self.types, there)
        promise = self.exploits or bool((self.effects >= 0).all())  # "free" promises where nobody is harmed
        for i, name in enumerate(self.parties):
            size = float(np.abs(self.effects[i]) @ np.maximum(gets, own)) or 1.0
            value, outside, due = self.pays(self.types, there, i)
            right = {"allocation": gets[i], "quality": max(gets[i], own[i]), "value": value, "outside": outside}
            for key, entry in {**right, "payment": due, "utility": value - due}.items():
                if abs(self.document[key][i] - entry) > self.gain * size:
                    yield f"agreement: {name} is promised {key} {self.document[key][i]:.9g}, but {entry:.9g} is right"
            if promise and value - due < outside - self.gain * size:
                yield f"agreement: {name} has {value - due:.9g}, and {outside:.9g} if she stays away"
            for part in np.linspace(0, 1, 65) if promise else []:
                left, report = self.lie(i, float(part))
                if left > value - due + self.gain * size:
                    true = f"{self.types[i]:.9g}"
                    yield f"agreement: {name} gains by reporting {report:.9g}, having {true}, and choosing her model"
                    break
        for key in ("welfare", "revenue"):
            total = sum(self.document["value" if key == "welfare" else "payment"])
            if abs(self.document[key] - total) > self.gain * max(1.0, np.abs(self.effects).sum()):
                yield f"agreement: {key} is {self.document[key]!r}, but {total!r} is right"

    def lie(self, i: int, part: float) -> tuple[float, float]:
        """Return what a party is left who reports a part of her data, with the better of two models; and the report."""
        reports, own, there = self.types.copy(), self.quality(self.types), np.ones(len(self.types), bool)
        reports[i] *= part
        gets, paid = self.handed_out(reports, there), self.pays(reports, there, i)[2]
        used = np.maximum(gets, own)
        choices = [np.where(np.arange(len(used)) == i, hers, used) for hers in (gets[i] or own[i], own[i])]
        return max(float(self.effects[i] @ used) for used in choices) - paid, float(reports[i])


# 8 --- all together --------------------------------------------------------------------------------------------------


def verify(returns: Given, agreement: Path, submissions: Given = None, secret: Given = None) -> list[str]:
    """Return one line for everything that does not agree; UnreadableError for what is missing or cannot be read.

    Submissions and secret are the folder that was handed in, and the file of ``jaxmech commit``, if they are at hand.
    Without returns the agreement alone is looked at, as before it is signed.
    """
    try:
        signed, seal, lines = opened(Path(agreement))
        found = _verify(Path(returns), signed, seal, submissions, secret) if returns else signed.soundness()
        return list(dict.fromkeys([*lines, *found]))
    except (KeyError, TypeError, ValueError, IndexError, OSError, AttributeError) as error:
        what = "the returns are not what jaxmech run writes" if returns else "the agreement cannot be recomputed"
        raise UnreadableError(f"{what} ({' '.join(f'{type(error).__name__}: {error}'.split())})") from error


KINDS: dict[str, Any] = {"collaboration": Agreement, "market": Market, "multiparty": Models}


def opened(signed: Path) -> tuple[Any, str, list[str]]:
    """Return an agreement, its fingerprint, and a line if that is not the one that stands in it."""
    document, _ = load(signed)
    if document.get("kind") not in KINDS:
        raise UnreadableError(f"the agreement is of kind {document.get('kind')!r}, of which nothing is known")
    told, seal = document.get("fingerprint"), fingerprint(document)
    changed = f"agreement: fingerprint is {told}, but {seal} is right: it was changed"
    return KINDS[document["kind"]](document), seal, [changed] * (told != seal)


def _verify(returns: Path, agreement: Any, seal: str, submissions: Path | None, secret_file: Path | None) -> list[str]:
    operator, _ = load(returns / "operator.json")
    public, _ = load(returns / "public.json")
    lines = list[str]()
    if agreement.seal == seal != operator["agreement"] == public["agreement"]:
        other = f"the returns are of another agreement, {public['agreement']}; this one is {seal}"
        return [other, *agreement.soundness()]
    secret, seed = operator["secret"], operator["seed"]
    if secret_file is not None and load(Path(secret_file))[0]["secret"] != secret:
        lines.append("operator.json: secret is not the one in the file")
    if seed is not None and sha256(f"jaxmech seed {seed}".encode()) != secret:
        lines.append(f"operator.json: secret is not the one of seed {seed}")
    told = operator["parties"]
    if [part["name"] for part in told] != agreement.everybody:
        return [*lines, "operator.json: parties are not those of the agreement"]
    for part in told:
        if not named_after(part["folder"], part["name"]):
            return [*lines, f"operator.json: parties[{part['name']}]: folder {part['folder']!r} is not named after her"]
    folder, files = None if submissions is None else Path(submissions), dict[str, bytes]()
    handed = handed_in(folder, agreement, told[: len(agreement.parties)], lines)
    every = agreement.owed(secret, handed, told)
    for part, right in zip(told, every, strict=True):
        for name, expected in right.files.items():
            where = f"{part['folder']}/{name}"
            found, files[where] = load(returns / where)
            if name == "receipt.json" and "estimate" in expected:  # the file that she was given
                expected["estimate"] = sha256(files[f"{part['folder']}/estimate.json"])
            lines += differences(where, found, expected, right.size)
        where = f"{part['folder']}/points.csv"
        if right.points and (returns / where).is_file():
            files[where] = (returns / where).read_bytes()
            lines += check_points(returns / where, where, right.points, handed[0].columns is not None)
        elif right.points and public["points"]:
            lines.append(f"{where} is missing")
        lines += differences(f"operator.json: parties[{part['name']}]", part, right.part, right.size)
    lines += _shared(agreement, every, handed, files, returns)
    return lines + list(agreement.soundness())


def _shared(agreement: Any, every: list[Owed], handed: list[Handed], files: dict[str, bytes], where: Path) -> list[str]:
    """Check public.json, the rest of operator.json, and that every file is the one that was written."""
    (operator, _), (public, files["public.json"]) = (load(where / f"{name}.json") for name in ("operator", "public"))
    commitment, seeded = sha256(operator["secret"].encode("ascii")), operator["seed"] is not None
    hashes = {name: sha256(content) for name, content in files.items()}
    parts = [one.part for one in every]
    seals = [hashes[f"{part['folder']}/{'receipt' if 'file' in part else 'invoice'}.json"] for part in parts]
    expected_public = {
        "kind": "public",
        "agreement": agreement.seal,
        "mechanism": agreement.mechanism,
        "commitment": commitment,
        "seeded": seeded,
        "warning": SEEDED if seeded else None,
        "version": operator["version"],
        "points": any(name.endswith("/points.csv") for name in files),
        "parties": [{"name": part["name"], "receipt": seal} for part, seal in zip(parts, seals, strict=True)],
        "totals": [
            {
                "name": name,
                "points": sum(one.counts),
                "parties": sum(count > 0 for count in one.counts),
                **agreement.told([part["distributions"][k] for part in parts if "file" in part]),
            }
            for k, (name, one) in enumerate(zip(agreement.names, handed, strict=True))
        ],
    }
    expected_operator = {
        **{key: operator[key] for key in ("secret", "seed", "version", "parties", "remarks")},
        "kind": "operator",
        "agreement": agreement.seal,
        "commitment": commitment,
        "files": hashes,
        **agreement.more(every),
    }
    size = agreement.money + abs(agreement.more(every).get("money", {}).get("charged", 0.0))  # what is left is rounding
    there = {path.relative_to(where).as_posix() for path in where.rglob("*") if path.is_file()}
    kinds = ("missing", "fewer", "more", "unasked", "void")
    own = {remark["text"] for remark in operator["remarks"] if remark["kind"] in kinds}
    asked = {text for part in parts if "file" in part for text in remarks_of(agreement, part, part["distributions"])}
    asked |= set(agreement.odd(every))
    return [
        *differences("public.json", public, expected_public),
        *differences("operator.json", operator, expected_operator, size),
        *(f"{name} does not belong here" for name in sorted(there - set(files) - {"operator.json"})),
        *(f"operator.json: remarks: {text!r} is not so" for text in sorted(own - asked)),
        *(f"operator.json: remarks: {text!r} is missing" for text in sorted(asked - own)),
    ]


def delivered(receipts: list[dict[str, Any]], draws: Sequence[str], party: str | None) -> Iterator[str]:
    """Yield what was handed in of what was agreed, and what became of checks, by receipts that were recomputed."""
    by, of = (f" by {party}", f" of what {party} handed in") if party else ("", "")
    first = [draws.index(draw) for draw in dict.fromkeys(draws)]  # the values of a draw are one point
    points = [receipt["checks"][k] for receipt in receipts for k in first]
    asked, count = (sum(one[key] for one in points) for key in ("asked", "count"))
    more = sum(max(one["count"] - one["asked"], 0) for one in points)
    left = sum(one.get("left_out", 0) for one in points)
    besides = f", and {more or left:,} that nobody asked for" if more or left else ""
    besides += ", which are left out" if left else ""
    yield f"Handed in{by}: {count - more:,} of the {asked:,} points that were agreed{besides}."
    every = [check for receipt in receipts for check in receipt["checks"] if "role" in check]
    made = [check for check in every if check["compared_count"]]
    if made:
        noise, left = numbers([one["noise_variance"] for one in every]), sum(one.get("withheld", 0) for one in every)
        there = np.array([one.get("withheld") != 0 for one in every])  # something that can be withheld
        noisy, held = (int(np.sum(kind)) for kind in ((noise > 0) & (noise < math.inf), there & (noise == math.inf)))
        failed = f", {sum(one['passed'] is False for one in made):,} failed" if "passed" in made[0] else ""
        what = f" ({left:,} points)" if left else ""
        noise_in = f"noise in {noisy:,} case{'s' * (noisy != 1)}"
        yield f"Checks{of}: {len(made):,} made{failed}; {noise_in}, the rest withheld in {held:,}{what}."
    elif every:
        yield f"Checks{of}: none" + ("." if party else "; nobody's points were compared with the others'.")


def said(returns: Path | None, agreement: Path, lines: list[str], party: str | None = None) -> str:
    """Return what a person reads: one line per disagreement; or what was delivered, by all or by one party."""
    if lines:
        return "".join(f"{line}\n" for line in lines)
    if returns is None:
        return f"The agreement is sound by its own numbers.\n{spoken(fingerprint(load(agreement)[0]))}\n"
    document, receipts = load(agreement)[0], [load(path)[0] for path in Path(returns).glob("*/receipt.json")]
    kept = [receipt for receipt in receipts if party in (None, receipt["party"])]
    told = delivered(kept, KINDS[document["kind"]](document).draws, party)
    made = spoken(load(Path(returns) / "public.json")[0]["commitment"], "Commitment:  ")
    right = "Published before data came in, that shows that nobody chose the noise by them."
    return "\n".join(("All agrees.", *told, spoken(fingerprint(document)), made, right, ""))


def main(arguments: Sequence[str] | None = None) -> int:
    """Verify as a program: 0 if all agrees, 1 and one line per disagreement, 2 on what cannot be read."""
    parser = argparse.ArgumentParser(prog="verify", description="Recompute what jaxmech run returned.")
    parser.add_argument("returns", type=Path, nargs="?")  # left out, the agreement alone is looked at
    parser.add_argument("agreement", type=Path)
    parser.add_argument("--submissions", type=Path, metavar="DIR")
    parser.add_argument("--secret", type=Path, metavar="FILE")
    given = parser.parse_args(arguments)
    try:
        lines = verify(given.returns, given.agreement, given.submissions, given.secret)
    except UnreadableError as error:
        sys.stderr.write(f"verify: {error}\n")
        return 2
    sys.stdout.write(said(given.returns, given.agreement, lines))
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main())

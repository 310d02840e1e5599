"""A folder of submissions: everything that is wrong with it, or what was handed in and what is odd about it."""

import dataclasses
import difflib
import re
import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np

from jaxmech._errors import ProblemError
from jaxmech.exchange._agreement import Agreement
from jaxmech.exchange._apart import standing_apart
from jaxmech.exchange._names import file_names
from jaxmech.exchange._regular import common_steps, copied, too_regular
from jaxmech.exchange._tables import SUFFIXES, Fault, Handed, read_handed

FAR, WIDE, FEWEST = 8.0, 2.0, 10
"""Odd: farther than so many σ from the median of all points; a spread of so many times σ or less than σ by this
factor; spreads are judged from so many points on."""

ROBUST = 1.482602218505602
"""Median distance from the median to σ, for normal points: where nobody has agreed on σ."""

_ALIKE, _TELLING = 0.6, 3
"""A file may be meant for a party whose name it has in so large a part (of matching letters); or wholly, from so many
letters on."""

_LOOKED_UP = 16
"""So many of a party's points are looked up among all."""


@runtime_checkable
class Asked(Protocol):
    """What every agreement says about files."""

    @property
    def parties(self) -> tuple[str, ...]:
        """Who hands in files."""
        ...

    @property
    def distributions(self) -> tuple[str, ...]:
        """The columns of a file."""
        ...

    @property
    def samples(self) -> np.ndarray:
        """(parties, distributions) points asked for."""
        ...

    @property
    def sigma(self) -> np.ndarray:
        """(distributions,) standard deviation of a point; NaN where nobody has agreed on one."""
        ...


class FaultyError(ProblemError):
    """Submissions that break rules; ``faults`` has all of them.

    Args:
        faults: at least one.
    """

    def __init__(self, faults: Sequence[Fault]) -> None:
        self.faults = tuple(faults)
        rule = f"{len(self.faults)} fault{'s' * (len(self.faults) > 1)}; the first: {self.faults[0]}"
        super().__init__("submissions", self.faults[0].file, rule)


ABOUT_DATA = ("apart", "far", "spread", "regular", "duplicate")
"""Kinds of remarks about points that are in the means of all who receive them."""


@dataclasses.dataclass(frozen=True)
class Remark:
    """Something odd that is reported and changes nothing.

    Attributes:
        party: whom it concerns.
        kind: "missing", "fewer", "more", "unasked", "apart", "far", "spread", "regular", "duplicate",
            "format", "extra", "misnamed" or "void".
        text: one sentence.
        distribution: whose points it is about; None where it is about a file, or their number.
    """

    party: str | None
    kind: str
    text: str
    distribution: str | None = None


def read_submissions(folder: Path, agreement: Asked) -> tuple[list[Handed], list[Remark]]:
    """Read every party's file; one who handed in none submitted nothing.

    Args:
        folder: ``NAME.csv``, ``.xlsx`` or ``.parquet`` for each party, named by :func:`~jaxmech.exchange.file_names`.
        agreement: what was signed.

    Returns:
        What was handed in, in the order of the parties, and what is odd about it.

    Raises:
        FaultyError: with every fault of every file.
        ProblemError: if the folder cannot be read, or holds no party's file although points are asked for.
    """
    try:
        entries = [entry for entry in sorted(folder.iterdir()) if not entry.name.startswith(".")]
    except OSError as error:
        raise ProblemError("submissions", str(folder), f"must be a folder: {(error.strerror or '').lower()}") from None
    present = {unicodedata.normalize("NFC", entry.name): entry for entry in entries}
    handed: list[Handed] = []
    faults: list[Fault] = []
    names = file_names(agreement.parties)
    for i, name in enumerate(names):
        found = [present.pop(name + suffix) for suffix in SUFFIXES if name + suffix in present]
        if len(found) > 1:
            faults.append(Fault(found[1].name, 0, "", f"was handed in twice: there is {found[0].name}, too"))
        elif not found:
            handed.append(Handed(None, None, tuple(np.zeros(0) for _ in agreement.distributions)))
        else:
            read, wrong = read_handed(found[0], agreement.distributions, (agreement.samples[i] > 0).tolist())
            faults += wrong + _incomplete(agreement, read)
            handed += [read] if read else []
    if faults:
        raise FaultyError(faults)
    if (agreement.samples > 0).any() and all(one.file is None for one in handed):
        wanted = " or ".join(names[int(np.argmax((agreement.samples > 0).any(axis=1)))] + suffix for suffix in SUFFIXES)
        raise ProblemError("submissions", str(folder), f"holds no file of any party, such as {wanted}")
    missing = {name: party for name, party, one in zip(names, agreement.parties, handed, strict=True) if not one.file}
    extra = [_extra(name, missing) for name in present]
    return handed, [*remarks(agreement, handed), *_not_recomputed(agreement, handed), *extra]


def _extra(file: str, missing: Mapping[str, str]) -> Remark:
    """What belongs to nobody; perhaps it is that of a party who is missing, whose name it nearly has, or holds.

    Args:
        file: its name.
        missing: parties without a file, by what their files are called.
    """
    names = {name.casefold(): name for name in missing}
    stem = file.partition(".")[0].casefold()
    inside = [name for name in names if len(name) >= _TELLING and _holds(stem, name)]
    near = [name for name in names if _letters(name) != _letters(stem) or name == stem]  # other numbers, other parties
    meant = difflib.get_close_matches(stem, near, n=1, cutoff=_ALIKE) or sorted(inside, key=len, reverse=True)
    if not meant:
        return Remark(None, "extra", f"{file} belongs to nobody and was not read")
    name = names[meant[0]]
    text = f"did you mean {missing[name]}? Her file would be {name}{SUFFIXES[0]}; as it is, {missing[name]} handed in"
    return Remark(None, "misnamed", f"{file} belongs to nobody and was not read: {text} nothing")


def _holds(stem: str, name: str) -> bool:
    """Whether a name stands in another by itself, not within a word or a number."""
    return re.search(rf"(?<![^\W_]){re.escape(name)}(?![^\W_])", stem) is not None


def _letters(name: str) -> str:
    return re.sub(r"\d+", "#", name)


def _not_recomputed(agreement: Asked, handed: Sequence[Handed]) -> list[Remark]:
    """Files that ``verify``, which reads CSV alone, cannot compare with the returns."""
    files = [(party, str(one.file)) for party, one in zip(agreement.parties, handed, strict=True) if one.file]
    return [
        Remark(
            party, "format", f"{file}: jaxmech verify reads CSV alone, and cannot compare this file with the returns"
        )
        for party, file in files
        if not file.lower().endswith(".csv")
    ]


def _incomplete(agreement: Asked, handed: Handed | None) -> list[Fault]:
    """Values that are missing where one draw measures several: every row of a panel must be whole."""
    if handed is None:
        return []
    draws: Sequence[str] = getattr(agreement, "draws", agreement.distributions)
    counts: dict[str, tuple[str, int]] = {}
    found = []
    for draw, name, column in zip(draws, agreement.distributions, handed.columns, strict=True):
        first, count = counts.setdefault(draw, (name, len(column)))
        if len(column) != count:
            rule = f"has {len(column):,} values, but {first} {count:,}: each draw of {draw} must give both"
            found.append(Fault(str(handed.file), 0, name, rule))
    return found


def remarks(agreement: Asked, handed: Sequence[Handed]) -> list[Remark]:
    """Return what is odd about submissions that break no rule.

    Args:
        agreement: what was signed.
        handed: by party.
    """
    found = []
    for i, party in enumerate(agreement.parties):
        if handed[i].file is None and (agreement.samples[i] > 0).any():
            found.append(Remark(party, "missing", f"{party} handed in nothing"))
        else:
            found += _counts(agreement, handed[i], i)
    handed = used(agreement, handed)
    for k in range(len(agreement.distributions)):
        found += _apart(agreement, handed, k)
    for k in range(len(agreement.distributions)):
        found += _values(agreement, handed, k)
    for k in range(len(agreement.distributions)):
        found += _regular(agreement, handed, k)
    return found


def used(agreement: Asked, handed: Sequence[Handed]) -> list[Handed]:
    """Return what was handed in without the points that the agreement leaves out.

    Args:
        agreement: what was signed.
        handed: by party.
    """
    if not (isinstance(agreement, Agreement) and agreement.drops):
        return list(handed)
    return [one.keep(agreement.used(i, one.columns)) for i, one in enumerate(handed)]


def _counts(agreement: Asked, handed: Handed, i: int) -> list[Remark]:
    limits = agreement.limits if isinstance(agreement, Agreement) else None
    party, found = agreement.parties[i], []
    for k, name in enumerate(agreement.distributions):
        asked, count = int(agreement.samples[i, k]), handed.counts[k]
        if count != asked:
            kind = "fewer" if count < asked else "more" if asked else "unasked"
            said = limits.said((i, k), count) if limits else ""
            if count > asked and isinstance(agreement, Agreement):  # to share data, not to sell
                unchecked = ": nobody checks them" if kind == "unasked" and not said else ""
                said += f": {count - asked:,} left out" if agreement.drops else unchecked
            points = f"{count:,} point{'s' * (count != 1)} of {name}"
            found.append(Remark(party, kind, f"{party} handed in {points}; asked for {asked:,}{said}"))
    return found


def _apart(agreement: Asked, handed: Sequence[Handed], k: int) -> list[Remark]:
    """Means that are too far from the others', of who is checked and of who is not."""
    name, found = agreement.distributions[k], []
    for one in standing_apart([each.columns[k] for each in handed], float(agreement.sigma[k])):
        whose, doubt = "that of all who agree", ""
        if one.partner is not None:
            whose, doubt = f"{agreement.parties[one.partner]}'s", "; it may as well be hers that is off"
        party = agreement.parties[one.party]
        far = f"{one.errors:.2g} standard errors from {whose}, {one.other:.6g} (by chance {one.chance:.1g}){doubt}"
        found.append(Remark(party, "apart", f"{party}, {name}: her mean, {one.mean:.6g}, is {far}", name))
    return found


def _values(agreement: Asked, handed: Sequence[Handed], k: int) -> list[Remark]:
    """Points far from all others, and spreads that are not what the plan rests on."""
    columns = [one.columns[k] for one in handed]
    everything = np.concatenate(columns)
    if len(everything) == 0:
        return []
    middle, agreed, found = float(np.median(everything)), float(agreement.sigma[k]), []
    sigma = _spread(everything, agreed)
    if sigma == 0:
        return []  # more than half of all points are the same number
    for party, column in zip(agreement.parties, columns, strict=True):
        where = f"{party}, {agreement.distributions[k]}"
        far = np.abs(column - middle) > FAR * sigma
        if far.any():
            worst = float(column[np.argmax(np.abs(column - middle))])
            points = "1 point" if far.sum() == 1 else f"{int(far.sum()):,} points, each"
            text = f"{where}: {points} more than {FAR:g} σ from the median of all, e.g. {worst:.6g}"
            found.append(Remark(party, "far", text, agreement.distributions[k]))
        ratio = float(np.std(column, ddof=1)) / agreed if len(column) >= FEWEST else np.nan
        if ratio >= WIDE or ratio <= 1 / WIDE:  # neither, where nobody has agreed on a spread
            much = f"{ratio:.3g} times as much as agreed" if ratio else "not at all: all are the same"
            found.append(Remark(party, "spread", f"{where}: points spread {much}", agreement.distributions[k]))
    return found


def _spread(everything: np.ndarray, agreed: float) -> float:
    """σ as agreed, or where nobody has agreed on one by all points."""
    return ROBUST * float(np.median(np.abs(everything - np.median(everything)))) if np.isnan(agreed) else agreed


def _regular(agreement: Asked, handed: Sequence[Handed], k: int) -> list[Remark]:
    """Constants, two values, equal steps, and points that are somebody else's: measured ones are not so by chance."""
    columns, name, found = [one.columns[k] for one in handed], agreement.distributions[k], []
    everything = np.concatenate(columns)
    if len(everything) == 0:
        return []
    sigma = _spread(everything, float(agreement.sigma[k])) or float(np.std(everything))
    steps, pairs = common_steps(columns), max(len(columns) * (len(columns) - 1) // 2, 1)
    owners = np.repeat(np.arange(len(columns)), [len(column) for column in columns])
    order = np.argsort(everything, kind="stable")
    everything, owners = everything[order], owners[order]
    for i, (party, column) in enumerate(zip(agreement.parties, columns, strict=True)):
        if odd := too_regular(column, sigma, steps[i]):
            text = f"{party}, {name}: {odd.what}; of measured points rounded to {odd.step:g} the chance is at most"
            found.append(Remark(party, "regular", f"{text} {odd.chance:.1g}", name))
            continue
        for j in _perhaps(column, everything, owners):
            size = len(columns[j])
            if (len(column), -i) < (size, -j) and (odd := copied(column, columns[j], sigma, steps[i], pairs)):
                text = f"{party} and {agreement.parties[j]} {odd.what} of {name}"
                found.append(Remark(party, "duplicate", text, name))
                break
    return found


def _perhaps(column: np.ndarray, everything: np.ndarray, owners: np.ndarray) -> list[int]:
    """Return who has the one of a party's first points that fewest have, all points being sorted with their owners."""
    some = column[:_LOOKED_UP]
    left, right = (np.searchsorted(everything, some, side) for side in ("left", "right"))
    if not len(some):
        return []
    rarest = int(np.argmin(right - left))
    return np.unique(owners[left[rarest] : right[rarest]]).tolist()

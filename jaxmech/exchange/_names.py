"""Names of parties as names of files."""

import unicodedata
from collections.abc import Sequence

from jaxmech._errors import ProblemError

PUBLIC, OPERATOR = "public.json", "operator.json"
_REFUSED = frozenset('<>:"/\\|?*')
_RESERVED = frozenset(
    ["con", "prn", "aux", "nul", *(f"{port}{number}" for port in ("com", "lpt") for number in range(10))]
)
_MOST_BYTES = 200


def file_names(parties: Sequence[str]) -> tuple[str, ...]:
    r"""Return what each party's file (without suffix) and folder are called: her name, made safe for file systems.

    Spaces stay; what some file system refuses becomes ``_``: the characters ``< > : " / \ | ? *``, what cannot be
    printed, a full stop at either end, a space at the end, and the names of devices get one more.

    Raises:
        ProblemError: if two parties would share a name, also where they differ in case alone, or one is too long.

    Example:
        >>> file_names(["Northgate", "A/B: ward 1", "nul", ".."])
        ('Northgate', 'A_B_ ward 1', 'nul_', '__')
    """
    found = tuple(_safe(party) for party in parties)
    seen = {PUBLIC: PUBLIC, OPERATOR: OPERATOR}
    for party, name in zip(parties, found, strict=True):
        folded = unicodedata.normalize("NFKC", name).casefold()
        if folded in seen:
            raise ProblemError("agents", party, f'would share the file name "{name}" with "{seen[folded]}"')
        if len(name.encode("utf-8")) > _MOST_BYTES:
            raise ProblemError("agents", party, f"is too long for a file name: at most {_MOST_BYTES} bytes")
        seen[folded] = party
    return found


def _safe(party: str) -> str:
    composed = unicodedata.normalize("NFC", party)  # some systems take letters with accents apart
    name = "".join("_" if letter in _REFUSED or not letter.isprintable() else letter for letter in composed)
    start, end = len(name) - len(name.lstrip(".")), len(name.rstrip(". "))
    name = "_" * len(name) if end <= start else "_" * start + name[start:end] + "_" * (len(name) - end)
    return f"{name}_" if name.partition(".")[0].lower() in _RESERVED else name

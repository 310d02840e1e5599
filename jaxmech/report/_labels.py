"""Names on plots: whole where there is room for some lines, else shorter, and never two alike."""

import textwrap
from collections.abc import Callable, Sequence

from jaxmech._printable import printable


def short_names(names: Sequence[str], limit: int = 24) -> list[str]:
    """Return names that fit: long ones without their end, their middle or what all share, but never two alike.

    Where nothing of that tells them apart, they are numbered in their order.

    Args:
        names: of agents, buyers or distributions, all different.
        limit: characters of a name, at least 10.

    Example:
        >>> short_names(["Ashford", "clinic of the north, site 1", "clinic of the north, site 2"], 16)
        ['Ashford', 'clinic … site 1', 'clinic … site 2']
    """
    shown = [printable(name) for name in names]
    long = [name for name in shown if len(name) > limit]
    shared = _shared(long)
    cuts: tuple[Callable[[str], str], ...] = (
        lambda name: f"{name[: limit - 1]}…",
        lambda name: _between_words(name, limit),
        lambda name: _from(name, shared, limit),
        lambda name: _middle(name, limit),
    )
    for cut in cuts:
        labels = [name if len(name) <= limit else cut(name) for name in shown]
        if len(set(labels)) == len(set(names)):
            return labels
    numbers = [f"… ({place})" for place in range(1, len(shown) + 1)]
    return [
        name if len(name) <= limit else f"{name[: limit - len(number)]}{number}"
        for name, number in zip(shown, numbers, strict=True)
    ]


def wrapped_names(names: Sequence[str], width: int, lines: int) -> list[str]:
    r"""Return names on a few lines each, whole if there is room, else as long as there is.

    Args:
        names: all different.
        width: characters of a line, at least 10.
        lines: of a name, at most.

    Example:
        >>> wrapped_names(["Ashford", "University Hospital of Northgate A"], 20, 2)
        ['Ashford', 'University Hospital\nof Northgate A']
    """
    longest = max([len(printable(name)) for name in names], default=0)
    for limit in (longest, *range(width * lines, width, -(width // 4))):
        labels = short_names(names, max(limit, width))
        texts = ["\n".join(textwrap.wrap(label, width)) or label for label in labels]
        if max((text.count("\n") for text in texts), default=0) < lines and len(set(texts)) == len(set(names)):
            return texts
    return short_names(names, width)


def _between_words(name: str, limit: int) -> str:
    """The first word and as many of the last ones as fit, with a sign for those between."""
    first, *rest = name.split()
    last = ""
    while rest and len(first) + len(rest[-1]) + len(last) + 3 <= limit:
        last = f" {rest.pop()}{last}"
    return f"{first} …{last}" if last else _middle(name, limit)


def _middle(name: str, limit: int) -> str:
    return f"{name[: limit - limit // 2 - 1]}…{name[-(limit // 2) :]}"


def _shared(names: Sequence[str]) -> int:
    """How many letters all begin with; 0 of fewer than two names."""
    if len(names) < 2:
        return 0
    first, last = min(names), max(names)  # what these two share all between them share
    differ = (place for place, pair in enumerate(zip(first, last, strict=False)) if pair[0] != pair[1])
    return next(differ, min(len(first), len(last)))


def _from(name: str, differ: int, limit: int) -> str:
    """What fits, from a word or some letters before the place on where names begin to differ."""
    start = max(differ - limit // 4, 0)
    blank = name.find(" ", start, differ)
    start = blank + 1 if start and blank >= 0 else start
    before = "…" if start else ""
    after = "…" if len(name) - start > limit - len(before) else ""
    return f"{before}{name[start : start + limit - len(before) - len(after)]}{after}"

"""Words in messages: unknown ones are refused with the nearest that is known; long lists are cut; rough numbers."""

import difflib
from collections.abc import Iterable, Sequence
from typing import SupportsFloat

from jaxmech._errors import ProblemError


def one_of(argument: str, value: object, words: Iterable[str], rule: str = "must be one of") -> str:
    """Return ``value`` if it is one of ``words``.

    Args:
        argument: what the value was given for, as it appears in the message.
        value: what was given.
        words: the valid words.
        rule: how the message introduces them.

    Raises:
        ProblemError: listing the valid words, the nearest one first where one is near.

    Example:
        >>> one_of("division", "nash", ("nash", "rational"))
        'nash'
    """
    known = tuple(words)
    if isinstance(value, str) and value in known:
        return value
    raise ProblemError(argument, value, f"{rule} {', '.join(known)}{suggestion(value, known)}")


def suggestion(value: object, words: Iterable[str]) -> str:
    """Return ``'; did you mean "nash"?'`` for the word nearest to ``value``, or an empty text if none is near."""
    lower = {word.lower(): word for word in words}
    near = difflib.get_close_matches(str(value).strip().lower(), lower, n=1, cutoff=0.6)
    return f'; did you mean "{lower[near[0]]}"?' if near else ""


def some(names: Sequence[str], limit: int = 8) -> str:
    """Return names in a list that stays short.

    Example:
        >>> some(("a", "b", "c"), limit=2)
        'a, b and 1 more'
    """
    return ", ".join(names[:limit]) + (f" and {len(names) - limit} more" if len(names) > limit else "")


def joined(names: Sequence[str]) -> str:
    """Return names as a sentence lists them, at least one.

    Example:
        >>> joined(("a",)), joined(("a", "b", "c"))
        ('a', 'a, b and c')
    """
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last


def rough(value: float) -> str:
    """Return one digit of a number, as of an error: without powers of ten where it is of ordinary size.

    Example:
        >>> rough(12.3), rough(0.00912), rough(3e-8)
        ('10', '0.009', '3e-08')
    """
    return f"{float(f'{value:.1g}'):g}"


def brief(value: SupportsFloat) -> str:
    """Return two digits of a number; one of ordinary size, or a large one, without a power of ten.

    Example:
        >>> brief(132.4), brief(0.00912), brief(99.7), brief(3.14e-8)
        ('130', '0.0091', '100', '3.1e-08')
    """
    return figure(float(f"{float(value):.2g}"))


def figure(value: SupportsFloat) -> str:
    """Return a number with six digits; a large one with all before the point, instead of a power of ten.

    Example:
        >>> figure(1779.2412), figure(12345678.9), figure(1.5e-9)
        ('1779.24', '12,345,679', '1.5e-09')
    """
    number = float(value)
    return f"{number:,.0f}" if 999_999.5 <= abs(number) < 1e15 else f"{number:.6g}"

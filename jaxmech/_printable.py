"""Text from people, made safe to show and to compare: what a terminal would obey becomes a visible escape."""

import re
import unicodedata

_BLANKS = re.compile(r"[ \t\r\n]+")


def printable(text: str, keep: str = "") -> str:
    r"""Return a text with everything that is not printable escaped as Python would write it; odd blanks become blanks.

    Escape sequences, NUL, carriage returns, marks that change the direction of writing and characters without width
    could hide or forge what is around them on a terminal, and are illegal in XML.

    Args:
        text: anything.
        keep: characters that are left as they are.

    Example:
        >>> printable("\x1b[31mred\u202e\xa0\u200b")
        '\\x1b[31mred\\u202e \\u200b'
    """
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() or char in keep else _escape(char) for char in text)


def one_line(text: str) -> str:
    r"""Return a text on one line, printable.

    Example:
        >>> one_line("a\n  b\x00")
        'a b\\x00'
    """
    return printable(" ".join(text.split()))


def clean_name(text: str) -> str:
    r"""Return a name as names are compared: composed (NFC), any run of blanks one blank, none at the ends.

    Example:
        >>> clean_name(" Zu\u0308rich\n(mg/dl)\xa0") == "Z\xfcrich (mg/dl)"
        True
    """
    composed = unicodedata.normalize("NFC", text)
    if not composed.isascii():
        composed = "".join(" " if unicodedata.category(char) == "Zs" else char for char in composed)
    return _BLANKS.sub(" ", composed).strip(" ")


def _escape(char: str) -> str:
    if unicodedata.category(char) == "Zs":
        return " "
    return char.encode("unicode_escape").decode("ascii")

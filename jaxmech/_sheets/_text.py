"""Bytes as text, in the encodings in which spreadsheets save."""

import codecs

from jaxmech._sheets._fault import SheetError

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # begins as UTF-16 does
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


def decoded(content: bytes) -> str:
    r"""Return the text of a file: UTF-8, UTF-16 and UTF-32 with their marks, and UTF-16 that shows by its zeros.

    Args:
        content: of the file.

    Raises:
        SheetError: naming the first line that is not text.

    Example:
        >>> decoded(b"\xef\xbb\xbfa,b"), decoded("a,b".encode("utf-16")), decoded("a,b".encode("utf-16-le"))
        ('a,b', 'a,b', 'a,b')
    """
    mark, encoding = next(
        ((mark, name) for mark, name in _MARKS if content.startswith(mark)), (b"", _unmarked(content))
    )
    try:
        return content[len(mark) :].decode(encoding)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, len(mark) + error.start) + 1
        raise SheetError(line, "", f"must be UTF-8 text (line {line} is not)") from None


def _unmarked(content: bytes) -> str:
    """The encoding of text without a mark: most second bytes of Latin text are zero in UTF-16, none in UTF-8."""
    start = content[:1024]
    even, odd = start[0::2].count(0), start[1::2].count(0)
    if len(content) % 2 == 0 and 2 * max(even, odd) >= len(start) // 2 > 0 == min(even, odd):
        return "utf-16-le" if odd else "utf-16-be"
    return "utf-8"

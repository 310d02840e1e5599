"""One exception tree. Every message is one line: which argument, which index, which value, which rule."""

from jaxmech._printable import one_line


class JaxmechError(Exception):
    """Anything that jaxmech raises on purpose."""


class ProblemError(JaxmechError, ValueError):
    """Input that breaks a rule, refused where a person hands it in.

    Args:
        argument: the name of the argument or the key, with its index, e.g. ``costs[2][0]``.
        value: what was given.
        rule: what is asked for.
    """

    def __init__(self, argument: str, value: object, rule: str) -> None:
        self.argument, self.value, self.rule = argument, value, rule
        super().__init__(f"{_cut(argument, 400)} = {_short(_shown(value), 66)}: {_cut(rule, 2000)}")


class SolveError(JaxmechError, RuntimeError):
    """A solve that did not end with status OK, raised by ``Solution.raise_for_status``."""


def reason(error: Exception) -> str:
    """Return in a few words why the operating system refused."""
    if isinstance(error, FileNotFoundError):
        return "no such file"
    if isinstance(error, IsADirectoryError):
        return "is a directory"
    return " ".join(str(getattr(error, "strerror", None) or error).split()).lower()


def _shown(value: object) -> str:
    try:
        return repr(value)
    except (RecursionError, ValueError):  # nested thousands deep; an integer of more than 4,300 digits
        return f"(a value of type {type(value).__name__}, too large to print)"


def _short(text: str, limit: int) -> str:
    """A value with its closing quotation mark; a fingerprint fits in whole."""
    cut = _cut(text, limit)
    return f"{cut}{text[0]}" if cut.endswith("…") and text[:1] in ("'", '"') else cut


def _cut(text: str, limit: int) -> str:
    text = one_line(text)
    return text if len(text) <= limit else text[: limit - 1] + "…"

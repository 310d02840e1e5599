"""One exception tree. Every message is one line: which argument, which index, which value, which rule."""


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
        super().__init__(f"{argument} = {_short(value)}: {rule}")


class SolveError(JaxmechError, RuntimeError):
    """A solve that did not end with status OK, raised by ``Solution.raise_for_status``."""


def _short(value: object, limit: int = 60) -> str:
    text = " ".join(repr(value).split())
    return text if len(text) <= limit else text[: limit - 1] + "…"

"""The command group: one line for every error, exit codes as promised."""

import io
import os
import sys
import traceback
from collections.abc import Sequence
from typing import Any

import click

from jaxmech._errors import JaxmechError, ProblemError
from jaxmech.cli._jax import prepare_process

DONE, SOLVED_BADLY, BAD_INPUT = 0, 1, 2
_TOO_LARGE = "the problem does not fit into memory"
"""Exit codes: done; a status other than OK or a claim that fails; bad input or usage."""


class Group(click.Group):
    """A group whose commands return their exit code, and whose errors are one line on standard error."""

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        **extra: Any,
    ) -> Any:
        """Run, and end the process with the exit code."""
        _soften(sys.stdout)
        _soften(sys.stderr)
        if args is None:  # a process of its own, not a test or a notebook
            prepare_process()
        given = list(sys.argv[1:] if args is None else args)
        code = self._run(given, prog_name or "jaxmech", complete_var, extra)
        if not standalone_mode:
            return code
        _flush()
        sys.exit(code)

    def _run(self, args: list[str], name: str, complete_var: str | None, extra: dict[str, Any]) -> int:
        try:
            code = super().main(args, name, complete_var, standalone_mode=False, **extra)
            return code if isinstance(code, int) else DONE
        except click.ClickException as error:
            return _complain(_usage(error), BAD_INPUT)
        except ProblemError as error:
            return _complain(str(error), BAD_INPUT)
        except JaxmechError as error:
            return _complain(str(error), SOLVED_BADLY)
        except BrokenPipeError:
            return DONE  # the reader has seen enough
        except (KeyboardInterrupt, click.Abort):
            return _complain("interrupted", SOLVED_BADLY)
        except MemoryError:
            return _complain(_TOO_LARGE, BAD_INPUT)
        except Exception as error:
            if "RESOURCE_EXHAUSTED" in str(error):
                return _complain(_TOO_LARGE, BAD_INPUT)
            if "--verbose" in args:
                traceback.print_exc()
            hint = "" if "--verbose" in args else " (--verbose shows where)"
            return _complain(f"internal error, please report it: {type(error).__name__}: {error}{hint}", SOLVED_BADLY)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command, or name the nearest one."""
        from jaxmech._words import one_of

        names = self.list_commands(ctx)
        if args and not args[0].startswith("-"):
            one_of("command", args[0], names)
        return super().resolve_command(ctx, args)


def say(text: str) -> None:
    """Write to standard output; a reader who has closed it has seen enough."""
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        _close()


def _complain(message: str, code: int) -> int:
    sys.stderr.write(f"jaxmech: {' '.join(message.split())}\n")
    return code


def _usage(error: click.ClickException) -> str:
    message = error.format_message()
    context = getattr(error, "ctx", None)
    if context is None:
        return message
    return f"{message.rstrip('.')}; try {context.command_path} --help"


def _soften(stream: Any) -> None:
    """Let a stream that knows no Greek print a question mark, rather than fail."""
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="replace")


def _flush() -> None:
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        _close()


def _close() -> None:
    """Send what is still buffered nowhere: Python flushes again when it ends, and would complain."""
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (OSError, io.UnsupportedOperation):
        return

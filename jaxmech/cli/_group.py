"""The command group: one line for every error, exit codes as promised."""

import codecs
import contextlib
import io
import os
import sys
import traceback
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

import click

from jaxmech import _progress
from jaxmech._errors import JaxmechError, ProblemError, reason
from jaxmech._printable import one_line
from jaxmech.cli._cache import keep_nothing, keep_programs
from jaxmech.cli._jax import prepare_process
from jaxmech.cli._waiting import LINE, wait_for

DONE, SOLVED_BADLY, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130
"""Exit codes: done; a status other than OK or a claim that fails; bad input or usage; interrupted."""

_TOO_LARGE = "the problem does not fit into memory"
_PLAIN = str.maketrans({
    "✓": "*", "∞": "inf", "−": "-", "–": "-", "…": "...", "·": ".", "±": "+-", "²": "^2", "₁": "_1", "₂": "_2",
    "√": "sqrt", "≤": "<=", "≥": ">=", "→": "->", "×": "x", "σ": "sigma", "α": "alpha", "ε": "epsilon",
})  # fmt: skip
"""The program's own signs, where the encoding of a terminal has none of them."""


class _Interrupted(JaxmechError):
    """The user has had enough."""


class Group(click.Group):
    """A group whose commands return their exit code, and whose errors are one line on standard error.

    Args:
        lines: by the name of a command what the help says of it. The command is imported, from the module of its name,
            when somebody asks for it: help and a command need not wait for what the others import.
        settings: those of `click.Group`.
    """

    def __init__(self, *, lines: Mapping[str, str], **settings: Any) -> None:
        super().__init__(**settings)
        self.lines = lines

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, in the order of the help."""
        return sorted(self.lines)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, imported the first time."""
        if cmd_name in self.lines and cmd_name not in self.commands:
            self.add_command(getattr(import_module(f"jaxmech.cli._{cmd_name}"), cmd_name))
        return super().get_command(ctx, cmd_name)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the lines of the commands, importing none."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, self.lines[name]) for name in self.list_commands(ctx)])

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
        given = list(sys.argv[1:] if args is None else args)
        if args is None:  # a process of its own, not a test or a notebook
            prepare_process()
            keep_nothing() if "--no-cache" in given else keep_programs(given[:2])
        name = prog_name or "jaxmech"
        if args is None and not _serves(given):
            code = wait_for(
                lambda: self._run(given, name, complete_var, extra),
                quiet="--quiet" in given,
                interrupted=lambda: _complain(_progress.farewell(), INTERRUPTED),
            )
        else:
            code = self._run(given, name, complete_var, extra)
        if not standalone_mode:
            return code
        sys.exit(max(code, _flush()))

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; click would print a line of its own about an interruption."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as error:
            raise _Interrupted(str(error) or "interrupted") from None

    def _run(self, args: list[str], name: str, complete_var: str | None, extra: dict[str, Any]) -> int:
        try:
            code = super().main(args, name, complete_var, standalone_mode=False, **extra)
            return code if isinstance(code, int) else DONE
        except click.ClickException as error:
            return _complain(_usage(error), BAD_INPUT)
        except ProblemError as error:
            return _complain(str(error), BAD_INPUT)
        except (_Interrupted, KeyboardInterrupt, click.Abort) as error:
            return _complain(str(error) or "interrupted", INTERRUPTED)
        except JaxmechError as error:
            return _complain(str(error), SOLVED_BADLY)
        except BrokenPipeError:
            return DONE  # the reader has seen enough
        except MemoryError:
            return _complain(_TOO_LARGE, BAD_INPUT)
        except Exception as error:
            return _explain(error, verbose="--verbose" in args)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command, or name the nearest one."""
        from jaxmech._words import one_of

        names = self.list_commands(ctx)
        if args and not args[0].startswith("-"):
            one_of("command", args[0], names)
        return super().resolve_command(ctx, args)


def _serves(args: Sequence[str]) -> bool:
    """Whether the command serves the form, which looks after interrupts itself, in the first thread."""
    return "app" in args[:1]


def say(text: str, *, exact: bool = False) -> None:
    """Write to standard output; a reader who has closed it has seen enough.

    Args:
        text: what to write.
        exact: whether it is for programs: UTF-8, whatever the encoding of the terminal.

    Raises:
        ProblemError: if the operating system refuses, because a disk is full for example.
    """
    if _progress.is_stopped():
        return
    LINE.finish()
    try:
        if exact and hasattr(sys.stdout, "buffer"):
            sys.stdout.flush()
            sys.stdout.buffer.write(text.encode("utf-8"))
        else:
            sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        _close(sys.stdout)
    except OSError as error:
        _close(sys.stdout)
        raise ProblemError("standard output", reason(error), "cannot be written") from None


def note(text: str) -> None:
    """Write one line to standard error, if anybody listens."""
    if sys.stderr is None or _progress.is_stopped():
        return
    LINE.hide()
    try:
        sys.stderr.write(f"jaxmech: {one_line(text)}\n")
        sys.stderr.flush()
    except OSError:
        _close(sys.stderr)


def _complain(message: str, code: int) -> int:
    note(message)
    return code


def _explain(error: Exception, *, verbose: bool) -> int:
    """Say in one line what the machine lacks, or that the program has a fault."""
    if "RESOURCE_EXHAUSTED" in str(error):
        return _complain(_TOO_LARGE, BAD_INPUT)
    if isinstance(error, OSError) and error.filename is None:
        _close(sys.stdout)
        return _complain(f"standard output cannot be written: {reason(error)}", BAD_INPUT)
    platforms = os.environ.get("JAX_PLATFORMS", "")
    if platforms and not _starts():
        return _complain(f"JAX_PLATFORMS = {platforms!r}: JAX finds no such device here; cpu is one", BAD_INPUT)
    if verbose:
        traceback.print_exc()
    hint = "" if verbose else " (--verbose shows where)"
    return _complain(f"internal error, please report it: {type(error).__name__}: {error}{hint}", SOLVED_BADLY)


def _starts() -> bool:
    """Whether JAX can start on this machine as the environment asks for."""
    import jax

    try:
        return bool(jax.devices())
    except Exception:  # of many types, even assertions
        return False


def _usage(error: click.ClickException) -> str:
    message = error.format_message()
    context = getattr(error, "ctx", None)
    if context is None:
        return message
    return f"{message.rstrip('.')}; try {context.command_path} --help"


def _spell_out(error: UnicodeError) -> tuple[str, int]:
    """Replace what an encoding lacks: signs by words, letters of names by their numbers."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = error.object[error.start : error.end].translate(_PLAIN)
    return text.encode("ascii", "backslashreplace").decode("ascii"), error.end


codecs.register_error("jaxmech", _spell_out)


def _soften(stream: Any) -> None:
    """Let a stream that knows no Greek spell it out, rather than fail."""
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="jaxmech")


def _flush() -> int:
    """Write out what is still buffered; return an exit code."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except BrokenPipeError:
        _close(sys.stdout)
    except OSError as error:
        _close(sys.stdout)
        return _complain(f"standard output cannot be written: {reason(error)}", BAD_INPUT)
    return DONE


def _close(stream: Any) -> None:
    """Send what is still buffered nowhere: Python flushes again when it ends, and would complain."""
    with contextlib.suppress(OSError, io.UnsupportedOperation):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())

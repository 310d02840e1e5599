"""Work in a thread of its own: an interrupt reaches the one that waits, and never lands within compiled code."""

import os
import sys
import threading
import time
from collections.abc import Callable

from jaxmech import _progress

PATIENCE = 2.0
"""Seconds of work before anything is shown."""

_TICK = 0.1
_GRACE = 0.4
"""Seconds that the work has to put its files in order; whatever it computes is then left where it is."""

_STACK = 64 * 2**20


class _Line:
    """The line on standard error that says how far the work is; nothing where nobody sees it."""

    def __init__(self) -> None:
        self.begun = time.monotonic()
        self.wanted = False
        self._shown = False
        self._lock = threading.Lock()

    def show(self) -> None:
        """Write it anew."""
        seconds = time.monotonic() - self.begun
        if not self.wanted or seconds < PATIENCE:
            return
        words = f"jaxmech: {clock(seconds)} so far; {_progress.state()}"
        with self._lock:
            self._put(f"\r{words[: _width() - 1]}\x1b[K")
            self._shown = True

    def finish(self) -> None:
        """Take it away for good: the answer is there."""
        self.wanted = False
        self.hide()

    def hide(self) -> None:
        """Take it away, before anything else is written."""
        with self._lock:
            if self._shown:
                self._put("\r\x1b[K")
                self._shown = False

    def _put(self, text: str) -> None:
        try:
            sys.stderr.write(text)
            sys.stderr.flush()
        except (OSError, ValueError):
            self.wanted = False


LINE = _Line()
"""The one of this process."""


def clock(seconds: float) -> str:
    """Return a time as a person reads it.

    Example:
        >>> clock(34.2), clock(3700.0)
        ('34 s', '61:40 min')
    """
    whole = int(seconds)
    return f"{whole} s" if whole < 100 else f"{whole // 60}:{whole % 60:02d} min"


def wait_for(work: Callable[[], int], *, quiet: bool, interrupted: Callable[[], int]) -> int:
    """Do the work in another thread, show how far it is, and return its exit code.

    Args:
        work: what to do.
        quiet: whether to show nothing.
        interrupted: says so, and returns the exit code; the process ends with it.
    """
    LINE.wanted = not quiet and sys.stderr is not None and sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
    codes: list[int] = []
    _progress.start()
    before = threading.stack_size(_STACK)
    worker = threading.Thread(target=lambda: codes.append(work()), name="jaxmech", daemon=True)
    try:
        worker.start()  # within, for an interrupt may come as soon as there is work
        threading.stack_size(before)
        while worker.is_alive():
            worker.join(_TICK)
            LINE.show()
        LINE.finish()
    except KeyboardInterrupt:
        _leave(worker, interrupted)
    return codes[0] if codes else 1


def _leave(worker: threading.Thread, interrupted: Callable[[], int]) -> None:
    """End the process, whatever the worker does: nothing can break into compiled code and be sure to come out well."""
    code = 130
    try:
        LINE.finish()
        code = interrupted()
        _progress.stop()
        worker.join(_GRACE)
    finally:
        os._exit(code)


def _width() -> int:
    try:
        return max(20, os.get_terminal_size(sys.stderr.fileno()).columns or 80)
    except (OSError, ValueError):
        return 80

"""How far long work is: told by whoever does it, shown by whoever listens. Host; nothing happens unless somebody does.

What is told are the points, too, at which the work may be broken off.
"""

import contextlib
import dataclasses
import threading
from collections.abc import Iterable, Iterator
from typing import TypeVar

Item = TypeVar("Item")


@dataclasses.dataclass(frozen=True)
class State:
    """What is being done.

    Attributes:
        stage: a part of the whole, in words.
        what: things of which there are several, in words; empty where there are none.
        done: how many of them are done.
        total: how many there are.
    """

    stage: str = ""
    what: str = ""
    done: int = 0
    total: int = 0

    def __str__(self) -> str:
        """As a person reads it, what is left included."""
        if not self.total:
            return self.stage or "working"
        counts = f"{self.done:,} of {self.total:,} {self.what} done, {self.total - self.done:,} left"
        return f"{self.stage}: {counts}" if self.stage else counts


FAREWELL = "interrupted"
"""What is said where work is broken off, unless whoever does it knows better."""


class _Board:
    """The last that was told, by whichever thread."""

    def __init__(self) -> None:
        self.state = State()
        self.stopped = threading.Event()
        self.held = False
        self.farewell = FAREWELL


_BOARD = _Board()


def state() -> State:
    """Return what is being done now."""
    return _BOARD.state


def stop() -> None:
    """Ask whatever runs to end where it next tells how far it is."""
    _BOARD.stopped.set()


def is_stopped() -> bool:
    """Whether whatever runs has been asked to end."""
    return _BOARD.stopped.is_set()


def start() -> None:
    """Forget what was told and asked before."""
    _BOARD.state, _BOARD.farewell, _BOARD.held = State(), FAREWELL, False
    _BOARD.stopped.clear()


def farewell(words: str | None = None) -> str:
    """Return what is to be said if the work is broken off now.

    Args:
        words: to be said instead, from now on.
    """
    _BOARD.farewell = words or _BOARD.farewell
    return _BOARD.farewell


def tell(what: str, done: int, total: int) -> None:
    """Tell how many things of one kind are done.

    Args:
        what: in words, as "agents".
        done: how many are done.
        total: how many there are.

    Raises:
        KeyboardInterrupt: if whoever listens has had enough.
    """
    if _BOARD.stopped.is_set():
        raise KeyboardInterrupt
    if _BOARD.held:
        return
    _BOARD.state = dataclasses.replace(_BOARD.state, what=what, done=done, total=total)


@contextlib.contextmanager
def stage(words: str) -> Iterator[None]:
    """Tell which part of the work is being done.

    Args:
        words: as "certificates".
    """
    before = _BOARD.state
    if not _BOARD.held:
        _BOARD.state = State(words)
    try:
        yield
    finally:
        _BOARD.state = before


@contextlib.contextmanager
def held() -> Iterator[None]:
    """Go on telling what is told now, whatever the work within says of its own parts; it may be broken off as ever.

    Example:
        >>> start()
        >>> with stage("new designs"), held(), stage("design, part 1 of 4"):
        ...     str(state())
        'new designs'
    """
    before, _BOARD.held = _BOARD.held, True
    try:
        yield
    finally:
        _BOARD.held = before


def tracked(items: Iterable[Item], what: str, total: int) -> Iterator[Item]:
    """Yield items, telling how many are done whenever the next one is asked for.

    Args:
        items: any.
        what: in words, as "agents".
        total: how many there are.

    Example:
        >>> start()  # whatever was told before
        >>> sum(tracked([1, 2, 3], "numbers", 3)), str(state())
        (6, 'working')
    """
    before = _BOARD.state
    try:
        for done, item in enumerate(items):
            tell(what, done, total)
            yield item
    finally:
        _BOARD.state = before

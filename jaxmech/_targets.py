"""Where output may go: regular files that can be written, that are no input, and that differ from each other."""

import contextlib
import itertools
import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from jaxmech._errors import ProblemError, reason
from jaxmech._printable import clean_name
from jaxmech._sheets import split_sheet


def check_targets(targets: Mapping[str, str]) -> None:
    """Refuse, before any work is done, what cannot be written, and one file for two outputs.

    A target is a regular file, or a name that is free in a directory that can be written to; ``-`` is standard output,
    and the null device takes anything. Pipes and other devices are refused: they may never take it.

    Args:
        targets: paths by the options that name them.

    Raises:
        ProblemError: naming the option, the path and what is wrong.
    """
    for option, target in targets.items():
        if not _goes_nowhere(target):
            _check(option, target)
    for (first, one), (second, other) in itertools.combinations(targets.items(), 2):
        if one == other == "-":
            raise ProblemError(f"{first} {second}", "-", "only one of the two can go to standard output")
        if not (_goes_nowhere(one) or _goes_nowhere(other)) and _same(one, other):
            raise ProblemError(second, other, f"must not be the file that {first} writes")


def check_spared(targets: Mapping[str, str], inputs: Iterable[Path]) -> None:
    """Refuse, before any work is done, to write over what is read, however the two are spelt.

    Args:
        targets: paths by the options that name them.
        inputs: files that are read, and directories with nothing to be written into.

    Raises:
        ProblemError: naming the option, the path and the input.
    """
    read = [Path(split_sheet(str(path))[0]) for path in inputs]
    for option, target in targets.items():
        for path in () if _goes_nowhere(target) else read:
            if _same(target, path):
                raise ProblemError(option, target, f"would destroy {path}, which this command needs")
            if path.is_dir() and _real(path) in _real(target).parents:
                raise ProblemError(option, target, f"must not be in {path}, which is for the results alone")


def is_null(target: str) -> bool:
    """Whether this is the device that forgets everything."""
    return os.path.realpath(target) == os.path.realpath(os.devnull)


def _goes_nowhere(target: str) -> bool:
    """Whether no file is written: standard output or the null device."""
    return target == "-" or ("\0" not in target and is_null(target))


def _check(option: str, target: str) -> None:
    found, mode = None, 0
    try:
        found = os.stat(target)
        mode = found.st_mode
    except (FileNotFoundError, NotADirectoryError):
        pass
    except (OSError, ValueError) as error:
        raise ProblemError(option, target, f"cannot be written: {reason(error)}") from None
    if stat.S_ISDIR(mode) or not target:
        raise ProblemError(option, target, "must be a file, not a directory")
    if mode and not stat.S_ISREG(mode):
        raise ProblemError(option, target, "must be a regular file, no pipe and no device (- is standard output)")
    if found and any(os.path.samestat(found, stream) for stream in _streams()):
        # As /dev/stdout is where a shell has sent it to a file: replacing the file would lose what is printed.
        raise ProblemError(option, target, "is where this command prints already (- is standard output)")
    if mode and not os.access(target, os.W_OK):
        raise ProblemError(option, target, "must be a file that can be written to")
    parent = _real(target).parent
    if not parent.is_dir():
        raise ProblemError(option, target, "must be in a directory that exists")
    if not os.access(parent, os.W_OK | os.X_OK):
        raise ProblemError(option, target, "must be in a directory that can be written to")


def _streams() -> Iterator[os.stat_result]:
    """Standard output and standard error, as far as they are open."""
    for number in (1, 2):
        with contextlib.suppress(OSError):
            yield os.fstat(number)


def _real(path: str | Path) -> Path:
    return Path(os.path.realpath(path))


def _same(one: str | Path, other: str | Path) -> bool:
    """Whether two paths name one file; of two that do not exist yet, whether some file systems would think so."""
    first, second = _real(one), _real(other)
    if first == second:
        return True
    if first.exists() or second.exists():
        # Hard links, and file systems that do not tell a from A.
        return first.exists() and second.exists() and first.samefile(second)
    return first.parent == second.parent and _folded(first.name) == _folded(second.name)


def _folded(name: str) -> str:
    return clean_name(name.casefold())

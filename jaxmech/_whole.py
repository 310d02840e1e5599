"""Files that are written whole: under a temporary name first, then renamed."""

import os
import re
import socket
import sys
import tempfile
import zlib
from pathlib import Path

TEMPORARY = ".part"
"""How temporary names end; they begin with a dot and the name of the file to be."""


def write_whole(path: Path, data: bytes, *, private: bool = False) -> None:
    """Write a file such that it holds, at any moment, either all of the data or what it held before.

    Args:
        path: the file; a symbolic link is written through, not replaced.
        data: its new content.
        private: whether the owner of the file alone may read it.

    Raises:
        OSError: if the operating system refuses.
    """
    path = Path(os.path.realpath(path))
    prefix = f"{_prefix(path)}{_host()}-{os.getpid()}-"
    handle, temporary = tempfile.mkstemp(prefix=prefix, suffix=TEMPORARY, dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())  # a machine that stops must not leave the name without the content
        os.chmod(temporary, 0o600 if private else _mode(path))
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def remove_stale(path: Path) -> None:
    """Remove what processes of this machine left that were killed while they wrote this file.

    Args:
        path: the file. What cannot be listed or removed stays.
    """
    path = Path(os.path.realpath(path))
    pattern = re.compile(rf"{re.escape(_prefix(path))}{_host()}-(\d+)-\w+{re.escape(TEMPORARY)}")
    try:
        names = os.listdir(path.parent)
    except OSError:
        return
    for name in names:
        found = pattern.fullmatch(name)
        if found and not _alive(int(found[1])):
            (path.parent / name).unlink(missing_ok=True)


def _prefix(path: Path) -> str:
    return f".{path.name[:32]}."


def _host() -> str:
    """A name for this machine: process numbers mean nothing on another one that shares the directory."""
    return f"{zlib.crc32(socket.gethostname().encode()):08x}"


def _alive(process: int) -> bool:
    """Whether there is such a process; where asking would end it, it is taken to live."""
    if sys.platform == "win32":
        return True
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:
        return True  # somebody else's
    return True


def _mode(path: Path) -> int:
    """The permissions that the file has, or that a new one would get: temporary files are private."""
    if path.exists():
        return path.stat().st_mode & 0o777
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask

"""Files that are written whole: under a temporary name first, then renamed."""

import os
import tempfile
from pathlib import Path

TEMPORARY = ".part"
"""How temporary names end; they begin with a dot and the name of the file to be."""


def write_whole(path: Path, data: bytes) -> None:
    """Write a file such that it holds, at any moment, either all of the data or what it held before.

    Args:
        path: the file; a symbolic link is written through, not replaced.
        data: its new content.

    Raises:
        OSError: if the operating system refuses.
    """
    path = path.resolve()
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name[:32]}.", suffix=TEMPORARY, dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())  # a machine that stops must not leave the name without the content
        os.chmod(temporary, _mode(path))
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def _mode(path: Path) -> int:
    """The permissions that the file has, or that a new one would get: temporary files are private."""
    if path.exists():
        return path.stat().st_mode & 0o777
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask

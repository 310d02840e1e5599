"""A folder that is written whole: under a temporary name first, then renamed."""

import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from jaxmech._errors import ProblemError
from jaxmech._whole import TEMPORARY

PRIVATE = 0o600


def check_absent(option: str, folder: Path) -> None:
    """Refuse, before any work is done, a folder that exists: nothing is overwritten.

    Raises:
        ProblemError: if it exists, or its parent does not or cannot be written to.
    """
    if os.path.lexists(folder):
        raise ProblemError(option, str(folder), "exists already, and nothing is overwritten")
    if not folder.parent.is_dir() or not os.access(folder.parent, os.W_OK):
        raise ProblemError(option, str(folder), "must be in a directory that exists and can be written to")


def write_folder(option: str, folder: Path, content: Mapping[str, bytes], private: tuple[str, ...] = ()) -> None:
    """Write a folder such that at any moment it is there with everything in it, or not at all.

    What is killed on the way may leave a hidden folder whose name ends in ``.part``, and nothing else.

    Args:
        option: the option that named it, for messages.
        folder: which must not exist.
        content: bytes by path, with at most one folder in between.
        private: paths that only the owner may read.

    Raises:
        ProblemError: if it exists, or the operating system refuses.
    """
    check_absent(option, folder)
    try:
        temporary = Path(tempfile.mkdtemp(prefix=f".{folder.name[:32]}.", suffix=TEMPORARY, dir=folder.parent))
        try:
            _fill(temporary, content, private)
            os.chmod(temporary, 0o777 & ~_mask())
            os.rename(temporary, folder)
            _settle(folder.parent)
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            raise
    except OSError as error:
        raise ProblemError(option, str(folder), f"cannot be written: {(error.strerror or '').lower()}") from None


def _fill(folder: Path, content: Mapping[str, bytes], private: tuple[str, ...]) -> None:
    for path, data in content.items():
        target = folder / path
        target.parent.mkdir(exist_ok=True)
        with open(target, "xb", opener=lambda name, flags: os.open(name, flags, 0o666)) as file:
            if path in private:
                os.chmod(target, PRIVATE)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())  # a machine that stops must not leave the name without the content
    for inner in {(folder / path).parent for path in content}:
        _settle(inner)


def _settle(folder: Path) -> None:
    """Let the names in a directory reach the disk, where the system allows it."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(handle)
    except OSError:
        return
    finally:
        os.close(handle)


def _mask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask

"""Compiled programs, kept from one run of the program to the next: in the user's own folder, bounded in size.

A problem of a size that was solved before on this machine is not compiled again. JAX keeps the programs and finds them
by content, versions and options; here is only where, and how much of it.
"""

import contextlib
import hashlib
import os
import platform
import sys
import time
import warnings
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from jaxmech import _source

LARGEST = 1 << 28
"""Bytes that the folder may hold when a run begins; beyond, what was not used for longest goes, down to half of it."""

_QUICKEST = "0"  # seconds: everything has a file, single operations too, which are read three times as fast
_BEING_WRITTEN = 60.0  # seconds after which an empty file is not one that somebody just begins to write
_KEPT: list[tuple[Path, str]] = []
_FOLDER, _SHORTEST = "JAX_COMPILATION_CACHE_DIR", "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"


def keep_programs(asked: Sequence[str] = ()) -> None:
    """Let JAX keep what it compiles, unless the environment says already where. Before JAX is imported.

    A folder that cannot be made, or that is not the user's alone, is not used: what lies in it is run. Whole programs
    are kept where nothing but this command line runs: a script that calls it may have changed what functions compute.

    Args:
        asked: command and file: the next process that is asked for the same needs the same programs. Of a command
            alone none are kept whole.
    """
    # another process may be writing a file, may have removed it, or have been killed: then it is compiled again
    warnings.filterwarnings("ignore", message="Error (reading|writing) persistent compilation cache")
    if _FOLDER in os.environ:
        return
    folder = cache_folder()
    if not _is_private(folder):
        return
    _bound(folder)
    if len(asked) > 1 and _runs_by_itself() and _source.readable():
        # The source is read before the modules are loaded: where it has changed by then, or later, nothing is kept.
        _KEPT[:] = [(folder, " ".join((_source.source(), *asked)))]
    for name, value in ((_FOLDER, str(folder)), (_SHORTEST, _QUICKEST)):
        os.environ.setdefault(name, value)  # read when JAX is imported, here and in processes that this one starts


def keep_nothing() -> None:
    """Let JAX neither take nor keep anything, wherever the environment says. Before JAX is imported."""
    os.environ["JAX_ENABLE_COMPILATION_CACHE"] = "false"


def programs_folder() -> tuple[Path | None, str]:
    """Where whole programs are kept, ready to run, and what was asked for; None where none are."""
    return _KEPT[0] if _KEPT else (None, "")


def cache_folder() -> Path:
    """Where programs for this version of jaxlib and this processor are kept."""
    kind = hashlib.sha256(_processor().encode()).hexdigest()[:8]
    return _user_caches() / "jaxmech" / f"programs-jaxlib-{version('jaxlib')}-{platform.machine().lower()}-{kind}"


def size_of(folder: Path) -> tuple[int, int]:
    """How many files a folder holds, and their bytes."""
    sizes = [status.st_size for _, status in _files(folder)]
    return len(sizes), sum(sizes)


def _user_caches() -> Path:
    if given := os.environ.get("XDG_CACHE_HOME"):
        return Path(given)
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", Path.home()))
    return Path.home() / ("Library/Caches" if sys.platform == "darwin" else ".cache")


def _processor() -> str:
    """What programs are compiled for: a home folder may be shared by machines with other instructions."""
    with contextlib.suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
        told = {line.partition(":")[0].strip(): line for line in reversed(lines)}
        found = [told[key] for key in ("model name", "flags", "Features") if key in told]
        if found:
            return "".join(found)
    return platform.processor()


def _runs_by_itself() -> bool:
    """Whether this process was started as ``jaxmech`` or ``python -m jaxmech``."""
    module = getattr(sys.modules.get("__main__"), "__spec__", None)
    name = Path(sys.argv[0]).stem if module is None else module.name.partition(".")[0]
    return name.removesuffix("-script") == "jaxmech"


def _is_private(folder: Path) -> bool:
    """Make the folder; whether nobody else can write to it."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = folder.stat()
    except OSError:
        return False
    alone = not hasattr(os, "getuid") or (status.st_uid == os.getuid() and not status.st_mode & 0o022)
    return alone and os.access(folder, os.W_OK)


def _bound(folder: Path) -> None:
    """Remove what was not used for longest, if there is too much; and what a full disk left empty."""
    files = sorted(_files(folder), key=lambda file: max(file[1].st_atime, file[1].st_mtime))
    for path, status in files:
        if status.st_size == 0 and time.time() - status.st_mtime > _BEING_WRITTEN:
            with contextlib.suppress(OSError):
                path.unlink()
    left = sum(status.st_size for _, status in files)
    if left <= LARGEST:
        return
    for path, status in files:
        if left <= LARGEST // 2:
            return
        with contextlib.suppress(OSError):
            path.unlink()
            left -= status.st_size


def _files(folder: Path) -> list[tuple[Path, os.stat_result]]:
    found = []
    with contextlib.suppress(OSError):
        for path in folder.iterdir():
            with contextlib.suppress(OSError):
                found.append((path, path.stat()))
    return found

"""Host: the source of this package as it was when the process first asked, and whether it still is. Imports no JAX."""

import functools
import hashlib
from pathlib import Path

_ROOT = Path(__file__).parent


def readable(root: Path = _ROOT) -> bool:
    """Whether there is source to read: not so in an archive, nor where only what was compiled of it is installed."""
    return Path(__file__).suffix == ".py" and (root / "__init__.py").is_file()


@functools.cache
def source(root: Path = _ROOT) -> str:
    """Return what tells this source from any other: names, times of change and contents of all modules, as SHA-256."""
    found = hashlib.sha256()
    for path, size, changed in _known(root):
        found.update(f"{path.relative_to(root)} {size} {changed} ".encode() + path.read_bytes())
    return found.hexdigest()


def is_as_read(root: Path = _ROOT) -> bool:
    """Whether no module has changed since :func:`source` was first asked: what is loaded now may be another one."""
    try:
        return all(_state(path) == (path, size, changed) for path, size, changed in _known(root))
    except OSError:  # one is gone
        return False


@functools.cache
def _known(root: Path) -> list[tuple[Path, int, int]]:
    return [_state(path) for path in sorted(root.rglob("*.py"))]


def _state(path: Path) -> tuple[Path, int, int]:
    state = path.stat()
    return path, state.st_size, state.st_mtime_ns

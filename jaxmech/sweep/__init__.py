"""Sweeps: many instances of one problem, resumable on disk."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jaxmech.sweep._kind import DISTRIBUTIONS
    from jaxmech.sweep._run import Progress, Summary, run
    from jaxmech.sweep._store import require_pyarrow
    from jaxmech.sweep._sweep import KEEP, Sweep

__all__ = ["DISTRIBUTIONS", "KEEP", "Progress", "Summary", "Sweep", "require_pyarrow", "run"]

_WHERE = {
    "DISTRIBUTIONS": "_kind",
    "KEEP": "_sweep",
    "Progress": "_run",
    "Summary": "_run",
    "Sweep": "_sweep",
    "require_pyarrow": "_store",
    "run": "_run",
}


def __getattr__(name: str) -> Any:
    """Import what is asked for: a worker on another machine chooses the settings of JAX before JAX is imported."""
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f"{__name__}.{_WHERE[name]}"), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

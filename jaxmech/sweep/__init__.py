"""Sweeps: many instances of one problem, resumable on disk."""

from jaxmech.sweep._kind import DISTRIBUTIONS
from jaxmech.sweep._run import Progress, Summary, run
from jaxmech.sweep._store import require_pyarrow
from jaxmech.sweep._sweep import KEEP, Sweep

__all__ = ["DISTRIBUTIONS", "KEEP", "Progress", "Summary", "Sweep", "require_pyarrow", "run"]

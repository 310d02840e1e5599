"""jaxmech: design, certify and stress-test mechanisms for sharing and selling data.

Settings of JAX: ``jax_numpy_dtype_promotion = "strict"`` and any ``jax_default_prng_impl`` may be set, as seeds always
mean the same generator. ``jax_numpy_rank_promotion = "raise"`` may not: arrays of agents × distributions meet arrays of
distributions everywhere, so wrap calls in ``jax.numpy_rank_promotion("allow")``. NaN is an answer here (the coefficient
of an agent whom nobody checks, the plan of an instance that failed), so wrap calls in ``jax.debug_nans(False)`` where
``jax_debug_nans`` is set. A process that was forked after JAX had been used may hang, as with JAX itself: start workers
with ``multiprocessing.get_context("spawn")``.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jaxmech._batch import batch
    from jaxmech._errors import JaxmechError, ProblemError, SolveError
    from jaxmech._precision import enable_x64
    from jaxmech._status import Solution, Status
    from jaxmech.deviation import check_mechanism
    from jaxmech.numerics import erfcx

__all__ = [
    "JaxmechError",
    "ProblemError",
    "Solution",
    "SolveError",
    "Status",
    "batch",
    "check_mechanism",
    "enable_x64",
    "erfcx",
]

_WHERE = {
    "JaxmechError": "_errors",
    "ProblemError": "_errors",
    "Solution": "_status",
    "SolveError": "_errors",
    "Status": "_status",
    "batch": "_batch",
    "check_mechanism": "deviation",
    "enable_x64": "_precision",
    "erfcx": "numerics",
}

_PACKAGES = (
    "audit", "catalog", "collaboration", "deviation", "design", "exchange", "files", "market", "mechanism",
    "multiparty", "numerics", "report", "sweep",
)  # fmt: skip


def __getattr__(name: str) -> Any:
    """Import what is asked for: JAX takes most of a second, which ``jaxmech --help`` need not wait for."""
    if name in _PACKAGES:
        return import_module(f"{__name__}.{name}")
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f"{__name__}.{_WHERE[name]}"), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *_PACKAGES})

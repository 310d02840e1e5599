"""What the program, unlike the library, sets in JAX: precision, and how much work goes into compiling."""

import contextlib
import gc
import os
from collections.abc import Iterator
from importlib.metadata import version
from typing import Any

from jaxmech.cli._cache import programs_folder

SMALL = 30_000
"""Costs in a problem up to which quick compilation saves more time than optimised code would."""

_FAST_EMITTERS = "--xla_cpu_use_fusion_emitters=false"


def prepare_process() -> None:
    """Choose the code generator for the CPU that compiles three times faster and runs as fast, and keep XLA quiet.

    To be called before JAX is imported. What XLA logs is not for users: releases before 0.10 take every program that
    they kept for one of another machine. What fails raises all the same. XLA ends the process if it meets a flag that
    it does not know, and later versions have dropped this one: so only where it is known to exist. Traces make many
    small objects that stay: Python looks for garbage among them less often, which took up to a tenth of the time.
    """
    gc.set_threshold(100_000, 20, 20)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    flags = os.environ.get("XLA_FLAGS", "")
    if version("jaxlib").startswith("0.10.") and "fusion_emitters" not in flags:
        os.environ["XLA_FLAGS"] = f"{flags} {_FAST_EMITTERS}".strip()


def use_precision(dtype: str) -> None:
    """Switch JAX to float64 if asked for: only a program may do so, never a library."""
    from jaxmech import enable_x64
    from jaxmech._kept import keep_in

    keep_in(*programs_folder())
    if dtype == "float64":
        enable_x64()


@contextlib.contextmanager
def quick_compilation(entries: int = 0) -> Iterator[None]:
    """Compile a small problem quickly: optimised code would save milliseconds and take seconds to make.

    Args:
        entries: how many costs the problem has; nothing is changed beyond :data:`SMALL`.
    """
    import jax

    name = "jax_disable_most_optimizations"
    before = bool(jax.config.read(name))  # type: ignore[no-untyped-call]
    jax.config.update(name, entries <= SMALL or before)  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        jax.config.update(name, before)  # type: ignore[no-untyped-call]


def settings(dtype: str, seed: int | None = None) -> dict[str, Any]:
    """Return what the numbers depend on beside the problem: for every output of the program."""
    import jax

    device = jax.devices()[0]
    return {
        "version": version("jaxmech"),
        "jax": jax.__version__,
        "device": f"{device.platform}: {device.device_kind}",
        "dtype": dtype,
        "seed": seed,
    }

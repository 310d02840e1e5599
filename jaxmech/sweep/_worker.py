"""What a worker on another machine does: a file of a sweep, from plain data to its bytes. Host shell.

JAX is not imported with this module: the settings that it reads when it starts are those of whoever asks.
"""

import functools
import os
import sys
import threading
from collections.abc import Callable, Mapping
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jaxmech.sweep._sweep import Sweep

PACKAGES = ("jaxmech", "jax", "jaxlib", "pyarrow")
"""What the bytes of results depend on."""

FLAGS = "XLA_FLAGS"
_SETTINGS = ("jax_enable_x64", "jax_disable_most_optimizations", "jax_default_matmul_precision")

_ONE = threading.Lock()
"""A file is computed on all cores: the threads of a worker take turns."""


def settings() -> dict[str, Any]:
    """Return what numbers depend on in this process, beside the sweep: what a worker is asked to have as well."""
    import jax

    return {
        "versions": {name: version(name) for name in PACKAGES},
        FLAGS: os.environ.get(FLAGS, ""),
        "jax": {name: jax.config.values[name] for name in _SETTINGS},
    }


def platform(wanted: Mapping[str, Any]) -> dict[str, str]:
    """Return on what this worker computes, or why it cannot.

    Args:
        wanted: the settings of whoever asks.

    Returns:
        {"platform": "cpu", "gpu" or "tpu"}, or {"refused": why}.
    """
    with _ONE:
        why = _prepare(wanted)
        if why:
            return {"refused": why}
        import jax

        return {"platform": jax.default_backend()}


def part(text: str, number: int, wanted: Mapping[str, Any]) -> bytes | str:
    """Return the bytes of one file of results, or why this worker cannot compute it.

    Args:
        text: the sweep.
        number: of the file.
        wanted: the settings of whoever asks, with the platform and the fingerprint of the sweep.
    """
    with _ONE:
        why = _prepare(wanted)
        if why:
            return why
        import jax

        from jaxmech.sweep._run import compute
        from jaxmech.sweep._store import file_bytes

        if jax.default_backend() != wanted["platform"]:
            return f"computes on {jax.default_backend()}, others on {wanted['platform']}: start all on one kind"
        sweep, instance, fingerprint = _made(text)
        if fingerprint != wanted["fingerprint"]:
            return "makes another sweep of the same file: install the same jaxmech there and here"
        return file_bytes(sweep, fingerprint, number, compute(sweep, instance, number, lambda done, seconds: None))


def differing(wanted: Mapping[str, str], found: Mapping[str, str]) -> str:
    """Return in words how versions differ; nothing if they do not.

    Example:
        >>> differing({"jax": "0.10.2"}, {"jax": "0.9.2"})
        'has jax 0.9.2, here is 0.10.2: install the same there and here, and start the workers again'
    """
    rule = "install the same there and here, and start the workers again"
    for name, here in wanted.items():
        there = found.get(name)
        if there != here:
            return f"has {name} {there}, here is {here}: {rule}" if there else f"has no {name}: {rule} ({here})"
    return ""


def _prepare(wanted: Mapping[str, Any]) -> str:
    """Take over settings; return why it cannot be done."""
    why = differing(wanted["versions"], {name: version(name) for name in wanted["versions"]})
    if why:
        return why
    if os.environ.get(FLAGS, "") != wanted[FLAGS]:
        if "jax" in sys.modules:
            return f"has started with other {FLAGS}: start the workers again, with {wanted[FLAGS] or 'none'!r}"
        os.environ[FLAGS] = wanted[FLAGS]
    import jax

    for name, value in wanted["jax"].items():
        jax.config.update(name, value)  # type: ignore[no-untyped-call]
    return ""


@functools.lru_cache(maxsize=1)
def _made(text: str) -> tuple["Sweep", Callable[[Any], Any], str]:
    from jaxmech.sweep._instance import make_instance
    from jaxmech.sweep._plain import from_text

    sweep = from_text(text)
    return sweep, make_instance(sweep), sweep.fingerprint

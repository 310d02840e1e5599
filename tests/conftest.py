"""Strict by default: float64, warnings are errors, shape annotations executed."""

import os

from jaxtyping import install_import_hook

os.environ.setdefault("JAX_ENABLE_X64", "1")
install_import_hook("jaxmech", "beartype.beartype")


def pytest_configure():
    """Most of the time of these tests is compilation: choose the code generator that compiles quickly."""
    from jaxmech.cli._jax import prepare_process

    prepare_process()

"""Strict by default: float64, warnings are errors, shape annotations executed."""

import os

os.environ.setdefault("JAX_ENABLE_X64", "1")

from jaxtyping import install_import_hook

install_import_hook("jaxmech", "beartype.beartype")

from jaxmech.cli._jax import prepare_process

# most of the time of these tests is compilation
prepare_process()

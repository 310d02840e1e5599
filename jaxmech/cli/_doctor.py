"""``jaxmech doctor``: versions, devices, precision, and a self-test with known answers."""

import dataclasses
import os
import platform
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import click
import numpy as np

from jaxmech._printable import one_line
from jaxmech.cli._cache import size_of
from jaxmech.cli._group import DONE, SOLVED_BADLY
from jaxmech.cli._jax import quick_compilation, use_precision
from jaxmech.cli._options import Output, examples_of, shared

# Known answers, found by quadrature and by independent solvers.
_COSTS, _SIGMA = [[0.033], [0.066], [0.1]], 10.0
_RATIONAL = [71.17, 6.68, 0.0]
_NASH = [35.318, 23.418, 15.732]
_ALPHA = (10.0, 0.1, 2.57573664058)
_ERFCX = {0.5: 0.61569034419292587, 5.0: 0.11070463773306863, 26.6: 0.021195178159166478}


@dataclasses.dataclass(frozen=True)
class Check:
    """One line of the doctor's report."""

    name: str
    ok: bool
    detail: str


_EXAMPLES = (
    "jaxmech doctor",
    "jaxmech doctor --dtype float32",
)


@click.command(epilog=examples_of(*_EXAMPLES), short_help="Versions, devices, precision, a self-test.")
@shared("json", "csv", "dtype", "quiet", "verbose")
def doctor(**options: Any) -> int:
    """Print versions and devices, and test that known answers come out right.

    The exit code is 1 if one does not.
    """
    output = Output(**options)
    use_precision(output.dtype)
    versions = _versions()
    with output.timed("self-test"), quick_compilation():
        checks = list(_checks(output.dtype))
    healthy = all(check.ok for check in checks)
    output.deliver(
        lambda: {
            "kind": "doctor",
            "healthy": healthy,
            "versions": versions,
            "checks": [dataclasses.asdict(check) for check in checks],
        },
        rows=lambda: [dataclasses.asdict(check) for check in checks],
        text=lambda: _text(versions, checks),
    )
    return DONE if healthy else SOLVED_BADLY


def _versions() -> dict[str, str]:
    from importlib.metadata import version

    return {
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
        **{name: version(name) for name in ("jaxmech", "jax", "jaxlib", "numpy")},
        "compiled programs": _kept(),
    }


def _kept() -> str:
    """Where compiled programs are kept between runs, and how much of it there is."""
    folder = os.environ.get("JAX_COMPILATION_CACHE_DIR")
    if folder is None:
        return "not kept"
    count, size = size_of(Path(folder))
    return one_line(f"{count} files, {size / 1e6:.0f} MB, in {folder}")


def _checks(dtype: str) -> Iterator[Check]:
    loose = dtype == "float32"
    yield _checked("devices", _devices)
    yield _checked("precision", lambda: _precision(dtype))
    yield _checked("erfcx", lambda: _erfcx(dtype, 1e-5 if loose else 1e-13))
    yield _checked("noise level α", lambda: _alpha(dtype, 1e-2 if loose else 1e-10))
    for division, expected in (("rational", _RATIONAL), ("nash", _NASH)):
        yield _checked(f"{division} division", partial(_division, division, expected, dtype))


def _checked(name: str, check: Callable[[], tuple[bool, str]]) -> Check:
    """Run a check; whatever goes wrong in it is what it is there to find."""
    try:
        return Check(name, *check())
    except Exception as error:
        return Check(name, False, one_line(f"{type(error).__name__}: {error}")[:200])


def _devices() -> tuple[bool, str]:
    import jax

    devices = jax.devices()
    kinds = ", ".join(sorted({f"{device.platform} ({device.device_kind})" for device in devices}))
    return bool(devices), f"{len(devices)} x {kinds}"


def _precision(dtype: str) -> tuple[bool, str]:
    import jax
    import jax.numpy as jnp

    one = jax.jit(lambda x: (1 + x) - 1)(jnp.asarray(2.0**-20 if dtype == "float32" else 2.0**-50, dtype))
    return bool(one > 0) and one.dtype == dtype, f"{one.dtype} computes in {one.dtype}"


def _erfcx(dtype: str, tolerance: float) -> tuple[bool, str]:
    from jaxmech.numerics import erfcx

    x = np.array(list(_ERFCX), dtype)
    found = np.asarray(erfcx(x), float)
    return _near(found, np.array(list(_ERFCX.values())), tolerance)


def _alpha(dtype: str, tolerance: float) -> tuple[bool, str]:
    from jaxmech import collaboration

    tau, kappa, expected = _ALPHA
    solution = collaboration.corruption_root(np.asarray(tau, dtype), np.asarray(kappa, dtype))
    return _near(np.asarray(solution.value, float), np.asarray(expected), tolerance)


def _division(division: str, expected: list[float], dtype: str) -> tuple[bool, str]:
    import jax

    from jaxmech import collaboration

    problem = collaboration.Problem(costs=np.array(_COSTS, dtype), sigma=np.asarray(_SIGMA, dtype))
    solve = {"rational": collaboration.rational_optimum, "nash": collaboration.nash_bargaining}[division]
    solution = jax.jit(solve)(problem).raise_for_status()
    found = np.asarray(solution.value, float)[:, 0]
    ok = bool(np.allclose(found, expected, atol=0.3 if dtype == "float32" else 0.006))
    shown, known = (", ".join(f"{value:.2f}" for value in values) for values in (found, expected))
    return ok, f"{shown}, expected {known}"


def _near(found: np.ndarray, expected: np.ndarray, tolerance: float) -> tuple[bool, str]:
    error = float(np.max(np.abs(found / expected - 1)))
    return bool(error <= tolerance), f"relative error {error:.0e}, at most {tolerance:.0e} allowed"


def _text(versions: dict[str, str], checks: list[Check]) -> str:
    width = max(len(name) for name in [*versions, *(check.name for check in checks)])
    lines = [f"      {name:<{width}}  {value}" for name, value in versions.items()]
    lines += [f"{'OK' if check.ok else 'FAIL':<4}  {check.name:<{width}}  {check.detail}" for check in checks]
    failed = sum(not check.ok for check in checks)
    verdict = f"{failed} of {len(checks)} checks fail." if failed else f"All {len(checks)} checks pass."
    return "\n".join([*lines, "", verdict, ""])

"""The rational optimum of many instances by a solver that QOCOGEN writes in C for one size, compiled with GCC."""

import ctypes
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np
import qocogen
from scipy import sparse

from benchmarks.bench_divisions import conic_form

_LOOP = r"""
#include <stdlib.h>
#include "qoco_custom.h"

/* Solves `count` instances one after the other: new numbers in, solutions and multipliers out. */
int solve_many(int count, double tolerance, double *A, double *G, double *c, double *h,
               double *x, double *z, unsigned char *status) {
    Workspace *work = malloc(sizeof(Workspace));
    if (!work) return 1;
    set_default_settings(work);
    load_data(work);
    work->settings.verbose = 0;
    work->settings.abstol = work->settings.reltol = tolerance;
    for (int i = 0; i < count; ++i) {
        update_A(work, A + (size_t)i * %(A)d);
        update_G(work, G + (size_t)i * %(G)d);
        update_c(work, c + (size_t)i * %(n)d);
        update_h(work, h + (size_t)i * %(m)d);
        qoco_custom_solve(work);
        for (int j = 0; j < %(n)d; ++j) x[(size_t)i * %(n)d + j] = work->sol.x[j];
        for (int j = 0; j < %(m)d; ++j) z[(size_t)i * %(m)d + j] = work->sol.z[j];
        status[i] = work->sol.status;
    }
    free(work);
    return 0;
}
"""
_SOLVED = 1


class Prepared(NamedTuple):
    """A solver for one size.

    Attributes:
        solve: samples, multipliers and how many were not solved, on all cores that this process may use.
        generation_s: how long writing the C took.
        compilation_s: how long GCC took.
    """

    solve: Callable[[], tuple[np.ndarray, np.ndarray, int]]
    generation_s: float
    compilation_s: float


def prepare(costs: np.ndarray, tolerance: float, flags: tuple[str, ...] = ()) -> Prepared:
    """Write and compile the solver, and make the conic forms: none of it is part of the call.

    Args:
        costs: (instances, agents, distributions).
        tolerance: of gap and feasibility, absolute and relative.
        flags: of GCC, beside -O3 -march=native.

    Raises:
        RuntimeError: without a C compiler.
    """
    if shutil.which("gcc") is None:
        raise RuntimeError("this benchmark compiles C: GCC is needed on the path")
    instances, m, d = costs.shape
    forms = [_split(table, d) for table in costs]
    first = forms[0]
    rows, variables = first.G.shape
    folder = Path(tempfile.mkdtemp(prefix="qocogen-"))
    start = time.perf_counter()
    qocogen.generate_solver(
        *(variables, rows, d + 1, None, first.c, first.A, first.b, first.G, first.h),
        *(m + m * d, d, np.full(d, 3), str(folder), "solver"),
    )
    generated = time.perf_counter()
    counts = {"A": first.A.nnz, "G": first.G.nnz, "n": variables, "m": rows}
    library = _compile(folder / "solver", _LOOP % counts, flags)
    compiled = time.perf_counter()
    shutil.rmtree(folder)
    data = [
        np.ascontiguousarray([form.A.data for form in forms]),
        np.ascontiguousarray([form.G.data for form in forms]),
        np.ascontiguousarray([form.c for form in forms]),
        np.ascontiguousarray([form.h for form in forms]),
    ]
    root = np.sqrt(costs.min(axis=1, keepdims=True))
    workers = len(os.sched_getaffinity(0))

    def solve() -> tuple[np.ndarray, np.ndarray, int]:
        x, z = np.empty((instances, variables)), np.empty((instances, rows))
        status = np.zeros(instances, np.uint8)

        def part(places: np.ndarray) -> int:
            low, high = int(places[0]), int(places[-1]) + 1
            arrays = [array[low:high] for array in (*data, x, z)]
            done: int = library.solve_many(
                high - low,
                ctypes.c_double(tolerance),
                *(array.ctypes.data_as(ctypes.c_void_p) for array in arrays),
                status[low:high].ctypes.data_as(ctypes.c_void_p),
            )
            return done

        with ThreadPoolExecutor(workers) as pool:
            if any(pool.map(part, np.array_split(np.arange(instances), workers))):
                raise MemoryError
        samples = np.maximum(x[:, : m * d].reshape(costs.shape), 0) / root
        return samples, np.maximum(z[:, :m], 0), int(np.sum(status != _SOLVED))

    return Prepared(solve, generated - start, compiled - generated)


class _Form(NamedTuple):
    """minimise c·x subject to Ax = b and h − Gx in the cone; sparse matrices by columns."""

    c: np.ndarray
    A: sparse.csc_matrix
    b: np.ndarray
    G: sparse.csc_matrix
    h: np.ndarray


def _split(costs: np.ndarray, d: int) -> _Form:
    """The conic form with its equalities apart."""
    _, c, matrix, right, _ = conic_form(costs)
    table = matrix.tocsr()
    return _Form(c, table[: d + 1].tocsc(), right[: d + 1], table[d + 1 :].tocsc(), right[d + 1 :])


def _compile(folder: Path, loop: str, flags: tuple[str, ...]) -> ctypes.CDLL:
    """The shared library of all C files of a folder and the loop."""
    (folder / "loop.c").write_text(loop, encoding="ascii")
    sources = [str(path) for path in folder.glob("*.c") if path.name != "runtest.c"]
    target = folder / "solver.so"
    command = ["gcc", "-O3", "-march=native", *flags, "-shared", "-fPIC", "-o", str(target), *sources, "-lm"]
    subprocess.run(command, check=True, cwd=folder, capture_output=True)
    return ctypes.CDLL(str(target))

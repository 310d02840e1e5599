"""The rational optimum of many instances by Moreau, the batched conic solver."""

from collections.abc import Callable

import moreau
import numpy as np

from benchmarks.bench_divisions import conic_form


def prepare(costs: np.ndarray, tolerance: float) -> Callable[[], tuple[np.ndarray, np.ndarray]]:
    """Return what solves the whole batch in one call and gives samples and multipliers.

    Making the conic form is not part of the call; handing its numbers over is, as in any use with new costs.

    Args:
        costs: (instances, agents, distributions).
        tolerance: of gap and feasibility, absolute and relative.
    """
    instances, m, d = costs.shape
    forms = [conic_form(table) for table in costs]
    matrices = [form[2].tocsr().sorted_indices() for form in forms]
    shared = matrices[0]
    values = np.array([matrix.data for matrix in matrices])
    objectives, right = (np.array([form[part] for form in forms]) for part in (1, 3))
    accuracy = moreau.IPMSettings(tol_gap_abs=tolerance, tol_gap_rel=tolerance, tol_feas=tolerance)
    solver = moreau.CompiledSolver(
        n=shared.shape[1],
        m=shared.shape[0],
        P_row_offsets=[0] * (shared.shape[1] + 1),
        P_col_indices=[],
        A_row_offsets=shared.indptr.tolist(),
        A_col_indices=shared.indices.tolist(),
        cones=moreau.Cones(num_zero_cones=d + 1, num_nonneg_cones=m + m * d, so_cone_dims=[3] * d),
        settings=moreau.Settings(device="cpu", batch_size=instances, ipm_settings=accuracy),
    )
    nothing = np.zeros((instances, 0))
    root = np.sqrt(costs.min(axis=1, keepdims=True))

    def solve() -> tuple[np.ndarray, np.ndarray]:
        solver.setup(nothing, values)
        solution = solver.solve(objectives, right)
        samples = np.maximum(np.asarray(solution.x)[:, : m * d].reshape(costs.shape), 0) / root
        return samples, np.maximum(np.asarray(solution.z)[:, d + 1 : d + 1 + m], 0)

    return solve

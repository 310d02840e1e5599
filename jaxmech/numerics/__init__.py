"""Mathematics without economics: special functions, roots, quadrature, structured convex programs, differences."""

from jaxmech.numerics._difference_constraints import (
    ROOT,
    Potentials,
    difference_constraints,
    negative_cycle,
    tight_path,
)
from jaxmech.numerics._erfcx import Remainders, Tails, erfcx, remainders, tails
from jaxmech.numerics._minimise import Minimum, minimise
from jaxmech.numerics._program import Kind
from jaxmech.numerics._quadrature import Expectation, half_normal_expectation
from jaxmech.numerics._sharing import SharingOptimum, solve_sharing

__all__ = [
    "ROOT",
    "Expectation",
    "Kind",
    "Minimum",
    "Potentials",
    "Remainders",
    "SharingOptimum",
    "Tails",
    "difference_constraints",
    "erfcx",
    "half_normal_expectation",
    "minimise",
    "negative_cycle",
    "remainders",
    "solve_sharing",
    "tails",
    "tight_path",
]

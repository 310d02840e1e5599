"""Mathematics without economics: special functions, roots, structured convex programs."""

from jaxmech.numerics._erfcx import Remainders, erfcx, remainders
from jaxmech.numerics._program import Kind
from jaxmech.numerics._sharing import SharingOptimum, solve_sharing

__all__ = ["Kind", "Remainders", "SharingOptimum", "erfcx", "remainders", "solve_sharing"]

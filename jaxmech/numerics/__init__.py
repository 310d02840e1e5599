"""Mathematics without economics: special functions, roots, structured convex programs."""

from jaxmech.numerics._erfcx import Remainders, erfcx, remainders

__all__ = ["Remainders", "erfcx", "remainders"]

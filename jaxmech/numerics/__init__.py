"""Mathematics without economics: special functions, roots, quadrature, structured convex programs, differences."""

from jaxmech.numerics._difference_constraints import (
    ROOT,
    Potentials,
    difference_constraints,
    negative_cycle,
    potentials,
    tight_path,
)
from jaxmech.numerics._equal_budgets_solver import EqualBudgets, spend_equal_budgets
from jaxmech.numerics._erfcx import Remainders, Tails, erfcx, remainders, tails
from jaxmech.numerics._law import Law, law_of
from jaxmech.numerics._limited import MOST_UNKNOWNS, LimitedOptimum, solve_limited
from jaxmech.numerics._limited_program import Limits
from jaxmech.numerics._minimise import Minimum, minimise
from jaxmech.numerics._program import Kind
from jaxmech.numerics._quadrature import NORMAL_NODES, NORMAL_WEIGHTS, Expectation, half_normal_expectation
from jaxmech.numerics._rows import through_rows
from jaxmech.numerics._sharing import SharingOptimum, solve_sharing
from jaxmech.numerics._spread import Spread, spread
from jaxmech.numerics._stream import Method, lanes_that_fit, stream

__all__ = [
    "MOST_UNKNOWNS",
    "NORMAL_NODES",
    "NORMAL_WEIGHTS",
    "ROOT",
    "EqualBudgets",
    "Expectation",
    "Kind",
    "Law",
    "LimitedOptimum",
    "Limits",
    "Method",
    "Minimum",
    "Potentials",
    "Remainders",
    "SharingOptimum",
    "Spread",
    "Tails",
    "difference_constraints",
    "erfcx",
    "half_normal_expectation",
    "lanes_that_fit",
    "law_of",
    "minimise",
    "negative_cycle",
    "potentials",
    "remainders",
    "solve_limited",
    "solve_sharing",
    "spend_equal_budgets",
    "spread",
    "stream",
    "tails",
    "through_rows",
    "tight_path",
]

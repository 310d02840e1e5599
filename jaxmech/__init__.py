"""jaxmech: design, certify and stress-test mechanisms for sharing and selling data."""

from jaxmech._batch import batch
from jaxmech._errors import JaxmechError, ProblemError, SolveError
from jaxmech._precision import enable_x64
from jaxmech._status import Solution, Status
from jaxmech.numerics import erfcx

__all__ = ["JaxmechError", "ProblemError", "Solution", "SolveError", "Status", "batch", "enable_x64", "erfcx"]

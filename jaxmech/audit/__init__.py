"""Claims with margin and witness: incentive compatibility, individual rationality, efficiency, promises kept."""

from jaxmech.audit._claims import SECRET
from jaxmech.audit._examination import audit, examine
from jaxmech.audit._record import Examination
from jaxmech.deviation import in_words, parameters
from jaxmech.mechanism import CLAIMS, EFFICIENT, NASH, PROMISED, RATIONAL, Target

__all__ = [
    "CLAIMS",
    "EFFICIENT",
    "NASH",
    "PROMISED",
    "RATIONAL",
    "SECRET",
    "Examination",
    "Target",
    "audit",
    "examine",
    "in_words",
    "parameters",
]

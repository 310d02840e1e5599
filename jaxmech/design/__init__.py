"""Better mechanisms than the published ones, and their certificates."""

from jaxmech.design._certificate import Proven, certify, prove, proven_least
from jaxmech.design._design import design
from jaxmech.design._family import FamilyBound, family_bound
from jaxmech.design._mechanism import Designed, designed_mechanism, noise_at
from jaxmech.design._plan import Design, Rule
from jaxmech.design._wishes import Wishes

__all__ = [
    "Design",
    "Designed",
    "FamilyBound",
    "Proven",
    "Rule",
    "Wishes",
    "certify",
    "design",
    "designed_mechanism",
    "family_bound",
    "noise_at",
    "prove",
    "proven_least",
]

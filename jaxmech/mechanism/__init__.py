"""The shared vocabulary: mechanisms, what agents submit, what they get back, and the record of an audited claim."""

from jaxmech.mechanism._protocol import Information, Mechanism, Strategy, Submission
from jaxmech.mechanism._record import Audit

__all__ = ["Audit", "Information", "Mechanism", "Strategy", "Submission"]

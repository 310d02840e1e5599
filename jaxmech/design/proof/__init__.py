"""Proofs about a design, in plain numpy on purpose: they share no code with the search, and solve nothing."""

from jaxmech.design.proof._bound import Side, proven_bound
from jaxmech.design.proof._certificate import DEPARTURE, Published, certificate, holds
from jaxmech.design.proof._prove import Proven, departure, prove, proven_least, ratio, realise

__all__ = [
    "DEPARTURE",
    "Proven",
    "Published",
    "Side",
    "certificate",
    "departure",
    "holds",
    "prove",
    "proven_bound",
    "proven_least",
    "ratio",
    "realise",
]

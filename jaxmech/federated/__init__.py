"""Federated statistics: counts, means and variances of sites in, what each site gets back out; no data point moves."""

from jaxmech.federated._agreement import PeerWeighted, agreed_mean, agreement_weights
from jaxmech.federated._operator import Operator, Returned, summarise

__all__ = [
    "Operator",
    "PeerWeighted",
    "Returned",
    "agreed_mean",
    "agreement_weights",
    "summarise",
]

"""Sharing data without money: who collects how much, and which noise keeps everybody honest."""

from jaxmech.collaboration._corruption import checked_penalty, corruption_root, deviation_penalty
from jaxmech.collaboration._penalty import penalty, social_penalty
from jaxmech.collaboration._plan import DIVISIONS, MECHANISMS, Plan, Role
from jaxmech.collaboration._problem import Problem, alone_penalty, alone_samples

__all__ = [
    "DIVISIONS",
    "MECHANISMS",
    "Plan",
    "Problem",
    "Role",
    "alone_penalty",
    "alone_samples",
    "checked_penalty",
    "corruption_root",
    "deviation_penalty",
    "penalty",
    "social_penalty",
]

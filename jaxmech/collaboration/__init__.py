"""Sharing data without money: who collects how much, and which noise keeps everybody honest."""

from jaxmech.collaboration._bargaining import egalitarian_bargaining, kalai_smorodinsky_bargaining, nash_bargaining
from jaxmech.collaboration._corruption import checked_penalty, corruption_root, deviation_penalty
from jaxmech.collaboration._division import alone, first_best, rational_optimum, social_optimum
from jaxmech.collaboration._leverage import leverage_optimum
from jaxmech.collaboration._penalty import penalty, social_penalty
from jaxmech.collaboration._plan import DIVISIONS, MECHANISMS, Plan, Role
from jaxmech.collaboration._problem import Problem, alone_penalty, alone_samples

__all__ = [
    "DIVISIONS",
    "MECHANISMS",
    "Plan",
    "Problem",
    "Role",
    "alone",
    "alone_penalty",
    "alone_samples",
    "checked_penalty",
    "corruption_root",
    "deviation_penalty",
    "egalitarian_bargaining",
    "first_best",
    "kalai_smorodinsky_bargaining",
    "leverage_optimum",
    "nash_bargaining",
    "penalty",
    "rational_optimum",
    "social_optimum",
    "social_penalty",
]

"""Better mechanisms than the published ones, and their certificates."""

from jaxmech.design._account import account
from jaxmech.design._best_rule import best_rule
from jaxmech.design._calibrate import calibrate, refuse_differing
from jaxmech.design._carried_out import carried_out, is_whole
from jaxmech.design._certify import certify, proven_design
from jaxmech.design._design import design, smooth_design
from jaxmech.design._equals import cost_among_equals
from jaxmech.design._family import FamilyBound, family_bound
from jaxmech.design._following import Following
from jaxmech.design._mechanism import Designed, designed_mechanism, noise_at
from jaxmech.design._panels import companions, designed_by_value
from jaxmech.design._plan import Calibration, Design, Origin, Rule
from jaxmech.design._rules import monotone_rule, power_rule, ramp_rule, threshold_rule
from jaxmech.design._table_penalty import Deal, Level, Paid, stationary_level, table_penalty
from jaxmech.design._what_if import Otherwise, harm_of_design, otherwise
from jaxmech.design._wishes import Wishes
from jaxmech.design.proof import Proven, departure, prove, proven_least, realise

__all__ = [
    "Calibration",
    "Deal",
    "Design",
    "Designed",
    "FamilyBound",
    "Following",
    "Level",
    "Origin",
    "Otherwise",
    "Paid",
    "Proven",
    "Rule",
    "Wishes",
    "account",
    "best_rule",
    "calibrate",
    "carried_out",
    "certify",
    "companions",
    "cost_among_equals",
    "departure",
    "design",
    "designed_by_value",
    "designed_mechanism",
    "family_bound",
    "harm_of_design",
    "is_whole",
    "monotone_rule",
    "noise_at",
    "otherwise",
    "power_rule",
    "prove",
    "proven_design",
    "proven_least",
    "ramp_rule",
    "realise",
    "refuse_differing",
    "smooth_design",
    "stationary_level",
    "table_penalty",
    "threshold_rule",
]

"""Sharing data without money: who collects how much, and which noise keeps everybody honest."""

from jaxmech.collaboration._account import Account, account, account_alone, account_of_error
from jaxmech.collaboration._advice import Advice, advise, has_equal_costs
from jaxmech.collaboration._approximate import (
    ADMISSIBLE,
    CALIBRATED_TOLERANCE,
    LIFTED,
    SIGMA_RANGE,
    check_sigma_range,
    lifted_check,
    sigma_limits,
)
from jaxmech.collaboration._bargaining import egalitarian_bargaining, kalai_smorodinsky_bargaining, nash_bargaining
from jaxmech.collaboration._blocking import Blocking, blocking
from jaxmech.collaboration._c3d import c3d_plan
from jaxmech.collaboration._calibrated import Calibrated
from jaxmech.collaboration._calibration import FEWEST, calibrated_penalty, degrees_of_freedom
from jaxmech.collaboration._cbl import cbl_plan
from jaxmech.collaboration._certificate import certify
from jaxmech.collaboration._checking import Checked
from jaxmech.collaboration._core import Core, core
from jaxmech.collaboration._corruption import checked_penalty, corruption_root, deviation_penalty
from jaxmech.collaboration._divide import divide
from jaxmech.collaboration._division import alone, first_best, social_optimum
from jaxmech.collaboration._efficiency import Efficiency, efficiency
from jaxmech.collaboration._enforceable import Condition, Enforceable, enforceable, leverage_condition
from jaxmech.collaboration._harm import Harm, harm
from jaxmech.collaboration._impossible import Unavoidable, unavoidable
from jaxmech.collaboration._integer import IntegerPlan, integer_plan
from jaxmech.collaboration._invention import Invention, invention
from jaxmech.collaboration._joint import Joint, joint_estimation, joint_gains
from jaxmech.collaboration._leverage import leverage_optimum
from jaxmech.collaboration._misjudged import Misjudged, misjudged
from jaxmech.collaboration._misreport import Misreport, cost_misreport
from jaxmech.collaboration._names import Allies, SecondName, allies, second_names
from jaxmech.collaboration._panels import Reduced, Values, mechanism_by_value, problem_by_value, reduce_panels
from jaxmech.collaboration._penalty import penalty, social_penalty
from jaxmech.collaboration._pivotal import Pivotal, pivotal
from jaxmech.collaboration._plan import CHECKING, DIVISIONS, MECHANISMS, POOLS, REMEDIES, TARGET, Plan, Role
from jaxmech.collaboration._pooling import CountedPool, Pool, pool_plan
from jaxmech.collaboration._price import price_of_decision, price_of_standard_error, rescaled, with_price
from jaxmech.collaboration._problem import Problem, alone_penalty, alone_samples
from jaxmech.collaboration._questions import Groups, Questions, facts, questions
from jaxmech.collaboration._rational import rational_optimum
from jaxmech.collaboration._regret import best_whole_alone
from jaxmech.collaboration._rule import ESTIMATES, ROBUST, Rule
from jaxmech.collaboration._solve import mechanism, solve
from jaxmech.collaboration._steady import steady_penalty, steady_root
from jaxmech.collaboration._temptation import FreeRiding, Temptation, free_riding, temptation, truthful_penalty

__all__ = [
    "ADMISSIBLE",
    "CALIBRATED_TOLERANCE",
    "CHECKING",
    "DIVISIONS",
    "ESTIMATES",
    "FEWEST",
    "LIFTED",
    "MECHANISMS",
    "POOLS",
    "REMEDIES",
    "ROBUST",
    "SIGMA_RANGE",
    "TARGET",
    "Account",
    "Advice",
    "Allies",
    "Blocking",
    "Calibrated",
    "Checked",
    "Condition",
    "Core",
    "CountedPool",
    "Efficiency",
    "Enforceable",
    "FreeRiding",
    "Groups",
    "Harm",
    "IntegerPlan",
    "Invention",
    "Joint",
    "Misjudged",
    "Misreport",
    "Pivotal",
    "Plan",
    "Pool",
    "Problem",
    "Questions",
    "Reduced",
    "Role",
    "Rule",
    "SecondName",
    "Temptation",
    "Unavoidable",
    "Values",
    "account",
    "account_alone",
    "account_of_error",
    "advise",
    "allies",
    "alone",
    "alone_penalty",
    "alone_samples",
    "best_whole_alone",
    "blocking",
    "c3d_plan",
    "calibrated_penalty",
    "cbl_plan",
    "certify",
    "check_sigma_range",
    "checked_penalty",
    "core",
    "corruption_root",
    "cost_misreport",
    "degrees_of_freedom",
    "deviation_penalty",
    "divide",
    "efficiency",
    "egalitarian_bargaining",
    "enforceable",
    "facts",
    "first_best",
    "free_riding",
    "harm",
    "has_equal_costs",
    "integer_plan",
    "invention",
    "joint_estimation",
    "joint_gains",
    "kalai_smorodinsky_bargaining",
    "leverage_condition",
    "leverage_optimum",
    "lifted_check",
    "mechanism",
    "mechanism_by_value",
    "misjudged",
    "nash_bargaining",
    "penalty",
    "pivotal",
    "pool_plan",
    "price_of_decision",
    "price_of_standard_error",
    "problem_by_value",
    "questions",
    "rational_optimum",
    "reduce_panels",
    "rescaled",
    "second_names",
    "sigma_limits",
    "social_optimum",
    "social_penalty",
    "solve",
    "steady_penalty",
    "steady_root",
    "temptation",
    "truthful_penalty",
    "unavoidable",
    "with_price",
]

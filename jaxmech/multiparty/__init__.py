"""Sharing models among competitors: who gets which model, what each pays, and whether a desirable mechanism exists."""

from jaxmech.multiparty._any_allocation import exploitation_of, table_of
from jaxmech.multiparty._assumptions import check_assumptions
from jaxmech.multiparty._audit import examine, examine_table
from jaxmech.multiparty._boundary import Verdict, boundary, boundary_audits
from jaxmech.multiparty._certificate import certify
from jaxmech.multiparty._conditions import check_conditions
from jaxmech.multiparty._existence import Chain, Existence, binding_chain, existence, maximal_payments
from jaxmech.multiparty._growth import critical_growth, never_fails
from jaxmech.multiparty._interdependent import Interdependent, SeesTypes
from jaxmech.multiparty._largest import largest_payments, largest_revenue
from jaxmech.multiparty._mechanism import DirectMechanism, Sharing, exploitation_mechanism, mechanism
from jaxmech.multiparty._misreport import Misreports, misreports
from jaxmech.multiparty._play import play, play_table
from jaxmech.multiparty._problem import Problem, TypeSpace, market_growth
from jaxmech.multiparty._quality import QUALITIES, Quality, Weighted, linear, logistic, quality_function, weighted
from jaxmech.multiparty._readings import READINGS, Coalition, audit_coalitions, coalitions, deciding
from jaxmech.multiparty._reports import ReportTable, earnings, report_table
from jaxmech.multiparty._sizes import Boundary, largest_disparity
from jaxmech.multiparty._solve import MECHANISMS, Plan, allocation, solve
from jaxmech.multiparty._table import audit_table, finite_tables
from jaxmech.multiparty._tabulated import Tabulated
from jaxmech.multiparty._valuation import Efficient, General, Linear, MarketGrowth, QuasiMonotone, Valuation

__all__ = [
    "MECHANISMS",
    "QUALITIES",
    "READINGS",
    "Boundary",
    "Chain",
    "Coalition",
    "DirectMechanism",
    "Efficient",
    "Existence",
    "General",
    "Interdependent",
    "Linear",
    "MarketGrowth",
    "Misreports",
    "Plan",
    "Problem",
    "Quality",
    "QuasiMonotone",
    "ReportTable",
    "SeesTypes",
    "Sharing",
    "Tabulated",
    "TypeSpace",
    "Valuation",
    "Verdict",
    "Weighted",
    "allocation",
    "audit_coalitions",
    "audit_table",
    "binding_chain",
    "boundary",
    "boundary_audits",
    "certify",
    "check_assumptions",
    "check_conditions",
    "coalitions",
    "critical_growth",
    "deciding",
    "earnings",
    "examine",
    "examine_table",
    "existence",
    "exploitation_mechanism",
    "exploitation_of",
    "finite_tables",
    "largest_disparity",
    "largest_payments",
    "largest_revenue",
    "linear",
    "logistic",
    "market_growth",
    "maximal_payments",
    "mechanism",
    "misreports",
    "never_fails",
    "play",
    "play_table",
    "quality_function",
    "report_table",
    "solve",
    "table_of",
    "weighted",
]

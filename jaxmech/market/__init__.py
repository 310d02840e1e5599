"""Selling data: how much to collect, whom to sell how much at which price, and what keeps contributors honest."""

from jaxmech.market._audit import examine
from jaxmech.market._broker import Broker, Trade, contributor_utility
from jaxmech.market._certificate import certify
from jaxmech.market._curve import demand, posted_curve, revenue, revenues
from jaxmech.market._margins import Margins, margins
from jaxmech.market._menu import GRIDS, Shape, shape
from jaxmech.market._misreport import Misreport, Misreported, misreported, misreports
from jaxmech.market._on_menu import DEFAULT_LARGEST, LEAST, PriceRule
from jaxmech.market._plan import Plan
from jaxmech.market._play import play
from jaxmech.market._premises import Discrimination, discrimination
from jaxmech.market._prices import EnvyFreePrices, Swap, envy_free_prices, most_tempting_swap, utility
from jaxmech.market._pricing import EPSILON, GRID_OF, METHODS, Pricing, price
from jaxmech.market._problem import Buyer, Problem, most_useful
from jaxmech.market._sensitivity import Sensitivity, profit, sensitivity
from jaxmech.market._solve import divide_work, mechanism, solve
from jaxmech.market._spread import BOUNDS, Frontier, Spread, frontier, second_within, simulate, spread
from jaxmech.market._valuation import KINDS, Valuation, by_error, exponential, linear, table, threshold

__all__ = [
    "BOUNDS",
    "DEFAULT_LARGEST",
    "EPSILON",
    "GRIDS",
    "GRID_OF",
    "KINDS",
    "LEAST",
    "METHODS",
    "Broker",
    "Buyer",
    "Discrimination",
    "EnvyFreePrices",
    "Frontier",
    "Margins",
    "Misreport",
    "Misreported",
    "Plan",
    "PriceRule",
    "Pricing",
    "Problem",
    "Sensitivity",
    "Shape",
    "Spread",
    "Swap",
    "Trade",
    "Valuation",
    "by_error",
    "certify",
    "contributor_utility",
    "demand",
    "discrimination",
    "divide_work",
    "envy_free_prices",
    "examine",
    "exponential",
    "frontier",
    "linear",
    "margins",
    "mechanism",
    "misreported",
    "misreports",
    "most_tempting_swap",
    "most_useful",
    "play",
    "posted_curve",
    "price",
    "profit",
    "revenue",
    "revenues",
    "second_within",
    "sensitivity",
    "shape",
    "simulate",
    "solve",
    "spread",
    "table",
    "threshold",
    "utility",
]

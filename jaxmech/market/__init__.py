"""Selling data."""
from jaxmech.market._problem import Buyer, Problem, most_useful
from jaxmech.market._valuation import *
from jaxmech.market._valuation import threshold, exponential, linear, table, by_error

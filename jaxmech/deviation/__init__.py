"""What one agent can gain by departing: simulation, strategy families, best response, gradient search."""

from jaxmech.deviation._check import check_mechanism
from jaxmech.deviation._compiled import compiled
from jaxmech.deviation._data_sets import DataSetDeviation
from jaxmech.deviation._group import HANDED_IN, SPREADS, Group, group_response
from jaxmech.deviation._inspect import inspect_mechanism, noise_is_known
from jaxmech.deviation._penalty import penalty
from jaxmech.deviation._play import playable
from jaxmech.deviation._population import Empirical, Laplace, LogNormal, Normal, Population, StudentT
from jaxmech.deviation._populations import LAWS, moments, population, robustness_of_all
from jaxmech.deviation._randomness import spread_randomness
from jaxmech.deviation._reading import reads_points
from jaxmech.deviation._response import Randomness, Response, honest, search
from jaxmech.deviation._robustness import Robustness, robustness
from jaxmech.deviation._search import BestResponse, best_response, best_responses
from jaxmech.deviation._settings import SearchSettings
from jaxmech.deviation._simulate import check_replications, simulate
from jaxmech.deviation._size import check_draws, check_points, most_draws
from jaxmech.deviation._strategy import Deviation
from jaxmech.deviation._words import in_words, parameters

__all__ = [
    "HANDED_IN",
    "LAWS",
    "SPREADS",
    "BestResponse",
    "DataSetDeviation",
    "Deviation",
    "Empirical",
    "Group",
    "Laplace",
    "LogNormal",
    "Normal",
    "Population",
    "Randomness",
    "Response",
    "Robustness",
    "SearchSettings",
    "StudentT",
    "best_response",
    "best_responses",
    "check_draws",
    "check_mechanism",
    "check_points",
    "check_replications",
    "compiled",
    "group_response",
    "honest",
    "in_words",
    "inspect_mechanism",
    "moments",
    "most_draws",
    "noise_is_known",
    "parameters",
    "penalty",
    "playable",
    "population",
    "reads_points",
    "robustness",
    "robustness_of_all",
    "search",
    "simulate",
    "spread_randomness",
]

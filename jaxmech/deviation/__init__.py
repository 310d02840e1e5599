"""What one agent can gain by departing: strategy families, best response, gradient search."""

from jaxmech.deviation._descent import SearchSettings
from jaxmech.deviation._search import BestResponse, best_response, best_responses
from jaxmech.deviation._strategy import Deviation

__all__ = ["BestResponse", "Deviation", "SearchSettings", "best_response", "best_responses"]

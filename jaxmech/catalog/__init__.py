"""The shipped problems as plain files, and the values that the papers publish for their instances."""

from jaxmech.catalog._appendix_c import APPENDIX_C, COSTS, SIGMA, SOURCE, Misprint, Published
from jaxmech.catalog._competitors import (
    COMPETITORS_SOURCE,
    DRAWS,
    LAST_PUBLISHED_GROWTH,
    PUBLISHED_DRAWS,
    UP_TO,
    Averages,
    boundaries_by_growth,
    payments_by_agents,
    payments_by_type,
)
from jaxmech.catalog._shipped import describe, names, path, text

__all__ = [
    "APPENDIX_C",
    "COMPETITORS_SOURCE",
    "COSTS",
    "DRAWS",
    "LAST_PUBLISHED_GROWTH",
    "PUBLISHED_DRAWS",
    "SIGMA",
    "SOURCE",
    "UP_TO",
    "Averages",
    "Misprint",
    "Published",
    "boundaries_by_growth",
    "describe",
    "names",
    "path",
    "payments_by_agents",
    "payments_by_type",
    "text",
]

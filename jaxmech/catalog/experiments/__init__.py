"""Experiments of the papers, to be run again. They need JAX, which the rest of the catalog does without."""

from jaxmech.catalog.experiments._competitors import (
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
from jaxmech.catalog.experiments._sharing import (
    EQUALS,
    HARD,
    HARDNESS_SOURCE,
    SHARES,
    TALK_SOURCE,
    Cheated,
    Equals,
    Hard,
    equals_by_agents,
    hardness_by_agents,
    pools_by_agents,
)

__all__ = [
    "COMPETITORS_SOURCE",
    "DRAWS",
    "EQUALS",
    "HARD",
    "HARDNESS_SOURCE",
    "LAST_PUBLISHED_GROWTH",
    "PUBLISHED_DRAWS",
    "SHARES",
    "TALK_SOURCE",
    "UP_TO",
    "Averages",
    "Cheated",
    "Equals",
    "Hard",
    "boundaries_by_growth",
    "equals_by_agents",
    "hardness_by_agents",
    "payments_by_agents",
    "payments_by_type",
    "pools_by_agents",
]

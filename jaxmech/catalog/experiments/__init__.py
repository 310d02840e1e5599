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

__all__ = [
    "COMPETITORS_SOURCE",
    "DRAWS",
    "LAST_PUBLISHED_GROWTH",
    "PUBLISHED_DRAWS",
    "UP_TO",
    "Averages",
    "boundaries_by_growth",
    "payments_by_agents",
    "payments_by_type",
]

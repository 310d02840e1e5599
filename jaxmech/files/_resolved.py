"""A problem with everything that its file says, in numbers: what an agreement holds of it."""

from typing import Any

import numpy as np

from jaxmech import collaboration, market, multiparty
from jaxmech.collaboration import Problem
from jaxmech.files._collaboration import CollaborationCase
from jaxmech.files._levels import LevelsCase
from jaxmech.files._market import MarketCase
from jaxmech.files._multiparty import MultipartyCase, ProfileCase


def resolved(
    case: CollaborationCase, division: str | None, mechanism: str, estimate: str | None = None
) -> dict[str, Any]:
    """Return all keys of a problem file, tables from other files and estimates resolved to numbers.

    Args:
        case: the problem, read.
        division: the one that was solved for; None where the mechanism has its own.
        mechanism: likewise.
        estimate: how noisy points are weighed, if not as the file says.

    Returns:
        The keys of ``[collaboration]``, defaults and names included, with numpy arrays for the writer to convert.
    """
    problem, rule = case.problem, case.rule(mechanism, estimate)
    m, d = problem.shape
    return {
        "title": case.title,
        "notes": case.notes,
        "agents": [problem.agent_name(i) for i in range(m)],
        "distributions": [problem.distribution_name(k) for k in range(d)],
        "costs": np.asarray(problem.costs, float),
        **_by_value(case),
        **_limits(problem),
        "division": None if division == collaboration.TARGET else division,
        **({"target": case.target} if division == collaboration.TARGET else {}),
        "mechanism": mechanism,
        "estimate": rule.estimate,
        "calibrated": rule.calibrated,
        "sigma_range": list(case.sigma_range) if rule.calibrated else None,
        "surplus": case.surplus,
        "currency": case.currency or None,
        "data": case.data.source if case.data else None,
    }


def _by_value(case: CollaborationCase) -> dict[str, Any]:
    """σ and price, of every value where one draw measures several; and which these are."""
    problem, values = case.problem, case.values
    if values is None:
        return {"sigma": problem.measured_sigma, "price": np.asarray(problem.price, float)}
    panels = {name: list(coordinates) for name, coordinates in values.panels.items()}
    return {"panels": panels, "sigma": values.sigma, "price": values.price}


def _limits(problem: Problem) -> dict[str, Any]:
    """Bounds on what agents collect, where there are any."""
    if problem.capacity is None:
        return {}
    return {key: np.asarray(getattr(problem.capacity, key), float) for key in ("most", "least", "budget")}


def resolved_market(case: MarketCase, method: str, second: int | None = None) -> dict[str, Any]:
    """Return all keys of a problem file about a market.

    Args:
        case: the problem, read.
        method: how sizes and prices were found.
        second: points of the second cheapest contributor, if not as the file says.

    Returns:
        The keys of ``[market]``, defaults and names included, with numpy arrays for the writer to convert.
    """
    problem = case.problem
    counts = np.asarray(problem.counts).astype(int).tolist()
    rows = zip(problem.buyers, counts, problem.valuations, strict=True)
    return {
        "title": case.title,
        "notes": case.notes,
        "sigma": np.asarray(problem.sigma, float).tolist(),
        **({"means": list(problem.means)} if problem.dimension > 1 else {}),
        "contributors": list(problem.contributors),
        "contributor_costs": np.asarray(problem.contributor_costs, float),
        "buyers": [{"name": name, "count": count, **_valuation(valuation)} for name, count, valuation in rows],
        "method": method,
        "epsilon": case.shortfall,
        "grid": market.GRID_OF.get(method, case.grid),
        "second": case.second if second is None else second,
        "limit": case.limit,
        **({"unit": case.unit} if case.unit else {}),
    }


def _valuation(valuation: market.Valuation) -> dict[str, Any]:
    closed = valuation.kind != "table"
    return {
        "valuation": valuation.kind,
        "scale": np.asarray(valuation.scale, float).tolist() if closed else None,
        "value": np.asarray(valuation.value, float).tolist() if closed else None,
        "values": None if closed else np.asarray(valuation.values, float),
        **({} if valuation.monotone else {"monotone": False}),
    }


def resolved_multiparty(case: MultipartyCase, mechanism: str | None, reading: str | None = None) -> dict[str, Any]:
    """Return all keys of a problem file about competitors.

    Args:
        case: the problem, read, in any form.
        mechanism: the one that was solved for; None for grids of types.
        reading: of Algorithm 1, if not as the file says.

    Returns:
        The keys of ``[multiparty]``, defaults and names included, with numpy arrays for the writer to convert.
    """
    described: dict[str, Any] = {"title": case.title, "notes": case.notes}
    if isinstance(case, LevelsCase):
        space = case.space
        return {
            **described,
            "valuation": case.valuation,
            **case.given,
            "agents": [space.agent_name(i) for i in range(len(space.shape))],
            "levels": np.asarray(space.levels[0] if space.shared else space.levels, float),
            "quality": case.quality,
            **_weights(case),
            "reading": case.reading if reading is None else reading,
            **({"code": case.code} if case.code else {}),
        }
    if not isinstance(case, ProfileCase):
        valuation = case.valuation
        growth: dict[str, Any] = {"growth": float(valuation.growth), "agents": valuation.agents}
        growth |= {"disparity": case.disparity, "reading": case.reading if reading is None else reading}
        return {**described, "valuation": "market-growth", **growth}
    problem, effects = case.problem, case.problem.valuation
    assert isinstance(effects, multiparty.Linear)
    return {
        **described,
        "valuation": "linear",
        "agents": [problem.agent_name(i) for i in range(problem.count)],
        "types": np.asarray(problem.types, float),
        "points": case.points,
        "quality": case.quality,
        **_weights(case),
        "externality": np.asarray(effects.externality, float),
        "mechanism": mechanism,
    }


def _weights(case: ProfileCase | LevelsCase) -> dict[str, Any]:
    """What data count, where the file says so."""
    return {} if case.weights is None else {"weights": list(case.weights)}

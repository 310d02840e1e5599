"""Answers of every kind for any number of agents, as far as plots look at them."""

import re
from types import SimpleNamespace

import numpy as np

from jaxmech import Status, report
from jaxmech.mechanism import PENALTY
from tests.report import examples

TOWNS = re.findall(
    r"\w+",
    "Ashford Birchwood Calder Dunmore Eastvale Fairfield Glenrock Harwick Inverness Kingsbridge Langley Marlow "
    "Northgate Oakhurst Pembury Queensferry Redhill Stanmore Thornbury Upton Ventnor Westbrook Yarm Zeal",
)
SIZES = (3, 24, 60)
KINDS = ("solve", "design", "audit", "simulate", "runs", "market", "multiparty")


def names(m):
    """The towns, then their northern and southern sites."""
    return tuple(TOWNS[i % 24] + ("", " North", " South")[i // 24] for i in range(m))


def hospitals(m):
    """Names that begin alike, as they are."""
    return tuple(f"University Hospital of {TOWNS[i // 3 % 24]} {'ABC'[i % 3]}" for i in range(m))


def figure(kind, m, named=names):
    """The plot of a made-up answer with m agents."""
    draw = np.random.default_rng(m)
    return getattr(report, _MODULES[kind]).plot(_ANSWERS[kind](m, named(m), draw))


def _made(kind, **attributes):
    """An answer of a type, of which plots look at these attributes alone."""
    answer = object.__new__(kind)
    for name, value in attributes.items():
        object.__setattr__(answer, name, value)
    return answer


def _audit(m, agents, draw):
    gain, stake = np.where(draw.random(m) < 0.3, draw.lognormal(-4, 1, m), 0), draw.lognormal(6, 0.5, m)
    gain[0] = 0.05
    bound = np.where(draw.random(m) < 0.1, np.inf, gain + draw.lognormal(-4, 1, m))
    found = SimpleNamespace(
        names=agents, found=gain * stake, bound=bound * stake, half_width=2e-3 * stake, stake=stake, measure=PENALTY
    )
    return _made(
        report.audit.Answer,
        found=found,
        title="Clinics that share",
        source="",
        mechanism="cbl, fair",
        currency="EUR",
        settings={"dtype": "float64"},
    )


def _simulate(m, agents, draw):
    plays = [
        SimpleNamespace(
            change=0.01 * draw.standard_normal(m), standard_error=np.full(m, 0.003), promised=np.ones(m), name=name,
            replications=1000,
        )
        for name in ("normal data", "measurements", "student-t:3")
    ]  # fmt: skip
    return _made(
        report.simulation.Answer, agents=agents, plays=plays, title="Clinics that share", source="", mechanism="cbl"
    )


def _runs(m, agents, draw):
    chances = [
        SimpleNamespace(agent=agent, event=event, chance=float(draw.random()), standard_error=0.02)
        for agent in agents
        for event in ("pays more than alone", "is checked and fails", "gets nothing")
    ]
    play = SimpleNamespace(chances=chances)
    return _made(report.runs.Answer, plays=[play], title="Clinics that share", source="", mechanism="counted-pool")


def _market(m, agents, draw):
    sizes, curve = np.round(np.linspace(5, 400, m)), np.arange(600.0)
    worth = (1 - np.exp(-curve / np.linspace(20, 200, m)[:, None])) * np.linspace(1, 4, m)[:, None]
    values = np.array([np.interp(size, curve, row) for size, row in zip(sizes, worth, strict=True)])
    prices = np.minimum(np.linspace(0.4, 2.6, m), 0.9 * values)
    samples, costs = np.where(np.arange(m) <= m // 2, 100.0, 0.0), np.linspace(0.1, 0.2, m)
    return _made(
        report.market.Answer, curve_sizes=curve, curve_values=worth, curve_prices=np.interp(curve, sizes, prices),
        counts=np.full(m, 10), prices=prices, sizes=sizes, values=values, total=400, settings={"dtype": "float64"},
        buyers=tuple(f"{name} laboratory" for name in agents), contributors=agents, costs=costs, samples=samples,
        spread=SimpleNamespace(payment=costs * samples + np.linspace(0, 5, m)), unit="EUR",
        title="Selling glucose data", source="",
    )  # fmt: skip


def _multiparty(m, agents, draw):
    own = np.sort(draw.random(m))
    return report.multiparty.PlanAnswer(
        source="", title="Banks that share a model", agents=agents, certificates=(), status=Status.OK, residual=0.0,
        settings={}, types=own, externality=np.eye(m), quality_name="", mechanism="mep", own=0.8 * own,
        allocation=np.full(m, 0.9), quality=np.full(m, 0.9), value=3 * own, payment=1.5 * own - 0.7,
        utility=1.5 * own + 0.7, outside=own, alone=own, welfare=1.0, revenue=1.0, best=0.95,
    )  # fmt: skip


_MODULES = {kind: kind for kind in KINDS} | {"solve": "collaboration", "simulate": "simulation"}
_ANSWERS = {
    "solve": lambda m, agents, draw: examples.answer(m, 2 if m == 3 else 4, agents=agents),
    "design": lambda m, agents, draw: examples.design(m, 2 if m == 3 else 4, agents=agents),
    "audit": _audit,
    "simulate": _simulate,
    "runs": _runs,
    "market": _market,
    "multiparty": _multiparty,
}

"""``jaxmech reproduce talk-…`` and ``hard-instance``: sharing data among equals and in the worst case."""

from typing import TYPE_CHECKING

import numpy as np

from jaxmech.cli._jax import quick_compilation, use_precision
from jaxmech.cli._options import Output
from jaxmech.cli._reproduce_competitors import Recomputed, Statement, deliver_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SHARING = ("talk-equals", "talk-cheating", "hard-instance")
"""Names of what is recomputed here."""


def reproduce_sharing(name: str, output: Output) -> int:
    """Recompute what the talk or the paper on sharing data says, and compare.

    Args:
        name: one of :data:`SHARING`.
        output: where to.
    """
    from jaxmech.catalog import experiments

    use_precision(output.dtype)
    with output.timed("compile + solve"), quick_compilation():
        found = {"talk-equals": _equals, "talk-cheating": _cheating, "hard-instance": _hardness}[name]()
    source = experiments.HARDNESS_SOURCE if name == "hard-instance" else experiments.TALK_SOURCE
    return deliver_figure(name, source, found, output)


def _equals() -> Recomputed:
    from jaxmech.catalog import experiments
    from jaxmech.report import multiparty as report

    found = experiments.equals_by_agents()
    best = experiments.SHARES[found.curves.argmin(axis=1)]
    saved = float((1 - found.curves.min(axis=1)).max())
    rounding = 1e-5 if found.ratio.dtype == np.float32 else 1e-12
    statements = [
        Statement(
            "the social penalty is at most twice the global minimum",
            f"{found.ratio[0]:.4f} times with 5 agents, {found.ratio[-1]:.5f} with 10,000",
            bool(np.all(found.ratio <= 2)),
            "it rises towards 2 with the number of agents",
        ),
        Statement(
            "nobody does better than with n* = σ/√(cm) points",
            f"best of {len(experiments.SHARES)} amounts from n*/10 to 10 n*: {best.min():.3g} to {best.max():.3g} n*",
            saved < rounding,
            f"with another amount she saves at most {max(saved, 0.0):.1g} of her penalty",
        ),
        Statement(
            "the noise level satisfies α² ≥ n*",
            f"α²/n* is {found.alpha[0]:.3f} with 5 agents and {found.alpha[-1]:.3f} with 10,000",
            bool(np.all(found.alpha >= 1)),
        ),
    ]

    def draw() -> "Figure":
        none = np.zeros(len(found.agents))
        chosen = [int(np.flatnonzero(found.agents == m)[0]) for m in (5, 10, 100, 10_000)]
        flat = np.zeros(len(experiments.SHARES))
        curves = {f"{found.agents[k]:,} agents": (experiments.SHARES, found.curves[k], flat) for k in chosen}
        panels = {
            "social penalty / first best": {"c3d": (found.agents, found.ratio, none)},
            "penalty / that of collecting n* points": curves,
        }
        return report.plot_curves(panels, ("agents", "points collected / n*"), "ratio of penalties", logarithmic=True)

    rows = [
        {"agents": int(m), "ratio": float(ratio), "alpha squared over n": float(alpha)}
        for m, ratio, alpha in zip(found.agents, found.ratio, found.alpha, strict=True)
    ]
    return Recomputed(statements, rows, draw)


def _cheating() -> Recomputed:
    from jaxmech.catalog import experiments
    from jaxmech.report import multiparty as report

    found = experiments.pools_by_agents()
    parts = {"pool": found.pool, "counted pool": found.counted, "the others": found.victims}
    statements = [
        Statement(
            "who collects nothing in a pool pays about half",
            f"{found.pool[0]:.4f} of what honesty costs with 5 agents, {found.pool[-1]:.4f} with 100",
            bool(np.all(found.pool < 1) and abs(found.pool[-1] - 0.5) < 0.01),
            f"the others pay {found.victims[0]:.4f} and {found.victims[-1]:.4f} times as much",
        ),
        Statement(
            "made-up data defeat a pool that asks for as many points",
            f"{found.counted[0]:.4f} with 5 agents, {found.counted[-1]:.4f} with 100",
            bool(np.allclose(found.counted, found.pool, rtol=1e-4)),
            "she takes her invention out of the mean that she gets back: counting is no defence",
        ),
    ]

    def draw() -> "Figure":
        none = np.zeros(len(found.agents))
        curves = {name: (found.agents, part, none) for name, part in parts.items()}
        return report.plot_curves({"who invents data, and the others": curves}, "agents", "penalty / that of honesty")

    names = list(parts)
    rows = [{"agents": int(m), **{name: float(parts[name][k]) for name in names}} for k, m in enumerate(found.agents)]
    return Recomputed(statements, rows, draw)


def _hardness() -> Recomputed:
    from jaxmech.catalog import experiments
    from jaxmech.report import multiparty as report

    found = experiments.hardness_by_agents()
    root = np.sqrt(found.agents)
    statements = [
        Statement(
            "P(n_OPT) is 4σ√(mγ)",
            f"{found.optimum[0]:.4f} with {found.agents[0]} agents, {found.optimum[-1]:.4f} with {found.agents[-1]}",
            bool(np.allclose(found.optimum, 4 * root, rtol=1e-4)),
        ),
        Statement(
            "no equilibrium of any mechanism comes within √m/4 of it",
            f"at least {found.least[0]:.3f} with {found.agents[0]} agents, {found.least[-1]:.3f} with "
            f"{found.agents[-1]} (√m/4: {root[-1] / 4:.0f})",
            bool(np.all(found.least >= root / 4)),
            "who alone can sample a mean collects what she would for herself",
        ),
        Statement(
            "the mechanism is √m-efficient",
            f"{found.cbl[0]:.3f} with {found.agents[0]} agents, {found.cbl[-1]:.3f} with {found.agents[-1]}",
            bool(np.all(found.cbl <= root)),
            f"√m: {root[-1]:.0f}",
        ),
    ]

    def draw() -> "Figure":
        none = np.zeros(len(found.agents))
        curves = {
            "cbl": (found.agents, found.cbl, none),
            "least of any equilibrium": (found.agents, found.least, none),
            "√m/4": (found.agents, root / 4, none),
        }
        return report.plot_curves({"the hard instance": curves}, "agents", "social penalty / P(n_OPT)")

    rows = [
        {"agents": int(m), "optimum": float(best), "least": float(least), "cbl": float(cbl), "√m/4": float(m**0.5 / 4)}
        for m, best, least, cbl in zip(*found, strict=True)
    ]
    return Recomputed(statements, rows, draw)

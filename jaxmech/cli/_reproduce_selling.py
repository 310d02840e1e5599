"""``jaxmech reproduce table-1``: the algorithms that the paper on selling data lists, run as types of buyers grow."""

from typing import TYPE_CHECKING, Any

import numpy as np

from jaxmech.cli._jax import quick_compilation, use_precision
from jaxmech.cli._options import Output
from jaxmech.cli._reproduce_competitors import Recomputed, Statement, deliver_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from jaxmech.catalog.experiments import Compared

SELLING = ("table-1",)
"""Names of what is recomputed here."""

_PUBLISHED = {
    "exact": "no assumption: Õ(2^N ε^−N) to be within |B|O(ε)",
    "monotone": "monotone, K types: Õ(N^K ε^−K) to be within |B|O(ε)",
    "smooth": "smooth as well: Õ(ε^−2K)",
    "diminishing": "diminishing returns as well: Õ(ε^−3K log^K N)",
}


def reproduce_selling(name: str, output: Output) -> int:
    """Run the algorithms of Table 1 and compare them with what the paper says of them.

    Args:
        name: one of :data:`SELLING`.
        output: where to.
    """
    from jaxmech.catalog import experiments

    use_precision(output.dtype)
    with output.timed("compile + solve"), quick_compilation():
        found = experiments.compare_algorithms()
        algorithms = [algorithm for algorithm in experiments.ALGORITHMS if algorithm != "ordered"]
        mixed = experiments.compare_algorithms(experiments.MIXED, algorithms, mixed=True)
    return deliver_figure(name, experiments.SELLING_SOURCE, recomputed(found, mixed), output, ", Table 1")


def recomputed(found: "Compared", mixed: "Compared") -> Recomputed:
    """Return what was found beside what was printed.

    Args:
        found: from :func:`jaxmech.catalog.experiments.compare_algorithms`, of types in an order.
        mixed: the same of types in no order.
    """
    from jaxmech.catalog import experiments

    def draw() -> "Figure":
        from jaxmech.report import market as report

        parts = (mixed.algorithms, mixed.types, mixed.short, mixed.known)
        ordered = (found.algorithms, found.types, found.seconds, found.short)
        return report.plot_quality(*ordered, experiments.SHORTFALL, parts)

    rows = [*_rows(found, "ordered"), *_rows(mixed, "mixed")]
    statements = [
        _statement(part, a, name, among)
        for part, among in ((found, ""), (mixed, "types in no order, "))
        for a, name in enumerate(part.algorithms)
        if np.isfinite(part.short[:, a]).any()
    ]
    return Recomputed(statements, rows, draw)


def _rows(found: "Compared", market: str) -> list[dict[str, Any]]:
    return [
        {
            "market": market,
            "types": int(count),
            "algorithm": name,
            "promised per buyer": _promise(name),
            "optimum known": bool(found.known[k]),
            "below the optimum per buyer": float(found.short[k, a]),
            "share lost": float(found.lost[k, a]),
            "processor seconds": float(found.seconds[k, a]),
        }
        for k, count in enumerate(found.types)
        for a, name in enumerate(found.algorithms)
    ]


def _promise(name: str) -> float:
    """What is promised per buyer: nothing lost, ε, or nothing at all."""
    from jaxmech.catalog import experiments

    return {"exact": 0.0, "ordered": 0.0, "heuristic": float("inf")}.get(name, experiments.SHORTFALL)


def _statement(found: "Compared", a: int, name: str, among: str) -> Statement:
    from jaxmech.catalog import experiments

    solved = np.isfinite(found.short[:, a])
    most, promised = float(np.max(found.short[solved, a])), _promise(name)
    reach, slowest = int(found.types[solved].max()), float(np.nanmax(found.seconds[:, a]))
    published = _PUBLISHED.get(name, "not in the table")
    what = "the optimum" if found.known[solved].all() else "the optimum, or what none can exceed"
    computed = f"{among}{name}: at most {max(most, 0.0):.2g} per buyer below {what}, up to {reach} types"
    kept = "no promise" if np.isinf(promised) else f"promised: {promised:g}"
    beyond = _out_of_reach(found.types[~solved].tolist())
    timed = f"{slowest:.2g} s of processor time{', compilation included' if slowest >= experiments.LONG else ''}"
    return Statement(published, computed, most <= promised + 1e-6, f"{kept}; {timed}{beyond}")


def _out_of_reach(types: list[int]) -> str:
    """With how many types an algorithm gave up; those with more were not tried."""
    from jaxmech.catalog.experiments import GIVEN_UP

    if not types:
        return ""
    tried, more = " and ".join(map(str, types[:GIVEN_UP])), ", with more not tried" if types[GIVEN_UP:] else ""
    return f"; beyond, out of reach within 20,000 boxes with {tried} types{more}"

"""Host: what every competitor could gain by a lower report or another model, found and proven."""

from collections.abc import Sequence

import jax
import numpy as np

from jaxmech.mechanism import Audit, Departure, Examined
from jaxmech.multiparty._certificate import certify
from jaxmech.multiparty._mechanism import mechanism
from jaxmech.multiparty._misreport import GRID, PEAKS, PIECES, ZOOMS, Misreports, misreports
from jaxmech.multiparty._problem import Problem
from jaxmech.multiparty._reports import ReportTable
from jaxmech.multiparty._solve import Plan
from jaxmech.multiparty._table import MAX_LIES, audit_table
from jaxmech.multiparty._table_lies import Lie, table_gains

COMPETITOR, TRUTH, LESS, OTHER = "competitor", "the truth", "reports less", "another model"
"""The role of everybody, and what she may do."""

_MODELS = ("the model she is handed", "her own model")


def examine(problem: Problem, plan: Plan) -> Examined:
    """Search for every competitor's best report and choice of model, and judge the plan's claims.

    Args:
        problem: the problem.
        plan: from :func:`solve`.

    Returns:
        Gains, regrets with their proven bounds, and the verdicts of :func:`certify`. Host only.

    Source: Chen et al. 2020, Definition 3 and Theorem 1.

    Example:
        >>> from jaxmech.multiparty import Linear, solve
        >>> problem = Problem([0.5, 1.0], Linear([[1.0, 0.2], [0.1, 1.0]]))
        >>> found = examine(problem, solve(problem).value)
        >>> found.found.tolist(), found.bound.tolist()
        ([0.0, 0.0], [0.0, 0.0])
    """
    found: Misreports = jax.device_get(misreports(problem, mechanism(problem, plan)))
    effort = (
        f"{GRID} reports of each, then {ZOOMS} times the surroundings of the best {PEAKS}, and both models; bounds by "
        f"theorem where her own model does not harm her, else by {PIECES:,} intervals of reports"
    )
    names = [problem.agent_name(i) for i in range(problem.count)]
    columns = (found.gain, found.report, problem.types, found.own, found.honest, found.stake, found.bound)
    rows = [Lie(*row) for row in zip(*(np.asarray(column).tolist() for column in columns), strict=True)]
    return _examined(names, rows, certify(problem, plan), effort, np.asarray(plan.alone, float))


def examine_table(table: ReportTable, *, claimed: bool = True, looks: int = MAX_LIES) -> Examined:
    """Look at every misreport in every profile of a finite mechanism.

    Args:
        table: the mechanism.
        claimed: whether it claims to be budget balanced.
        looks: as of :func:`audit_table`; where not all misreports are looked at, nothing bounds the regret.

    Returns:
        Gains in the profile in which a lie brings an agent most, or where all have most if none does, regrets, and the
        verdicts of :func:`audit_table`. Host only.

    Source: Chen et al. 2020, Definitions 3 to 7.

    Example:
        >>> from jaxmech.multiparty import market_growth, report_table
        >>> examine_table(report_table(market_growth(-0.7, 2, 5))).found.tolist()
        [0.0, 0.0]
    """
    gains = table_gains(table, looks)
    audits = audit_table(table, claimed=claimed, looks=looks)
    names = [table.space.agent_name(i) for i in range(len(table.space.shape))]
    unknown = np.full(len(names), np.nan)
    return _examined(names, gains, audits, audits[0].effort, unknown)


def _examined(
    names: Sequence[str], lies: Sequence[Lie], audits: Sequence[Audit], effort: str, alone: np.ndarray
) -> Examined:
    slack = next(record.tolerance for record in audits if record.claim == "incentive compatible")
    rows = [
        _departure(name, lie, gains=lie.gain > slack * lie.stake)._replace(alone=float(away))
        for name, lie, away in zip(names, lies, alone, strict=True)
    ]
    return Examined.of(rows, audits, effort)


def _departure(name: str, lie: Lie, *, gains: bool) -> Departure:
    family, found = TRUTH, lie.gain if gains else 0.0
    report, model, told = lie.type, "the better of her two models", "reports her type"
    if gains:
        family, report, model = LESS if lie.report < lie.type else OTHER, lie.report, _MODELS[lie.choice]
        told = f"reports {report:.4g} instead of {lie.type:.4g} and uses {model}"
    return Departure(
        name=name,
        role=COMPETITOR,
        promised=lie.honest,
        honest=np.nan,
        honest_error=np.nan,
        alone=np.nan,
        stake=lie.stake,
        found=found,
        bound=max(lie.bound, found),
        half_width=0.0,
        standard_error=0.0,
        family=family,
        parameters={"report": report, "type": lie.type, "model": model},
        told=told,
    )

"""What the page asks of the library: to solve a form, and to search how one agent could cheat. A host shell."""

import dataclasses
import threading
from typing import Any

from jaxmech import files
from jaxmech.app._draft import Draft, read, read_typed, toml
from jaxmech.cli._choice import Choice
from jaxmech.cli._jax import use_precision
from jaxmech.cli._options import Output
from jaxmech.cli._play import carry_out
from jaxmech.cli._report import html_page
from jaxmech.cli._solve import agreement, solve_case
from jaxmech.report import html

_ONE_AT_A_TIME = threading.Lock()
"""Streamlit serves every tab of a browser from a thread of its own; executions that call LAPACK must not overlap."""

_WIDTH = 96
_CLAIMED = "Search, not proof: what was not tried is not excluded."


@dataclasses.dataclass(frozen=True)
class Found:
    """A solved form, and all that is shown of it or handed out.

    Attributes:
        draft: the form that was solved.
        document: the report, in words and tables; its first sections are shown.
        agents: names as the library cleaned them.
        warnings: what should be known though nothing is wrong.
        picture: the plot as PNG, or None where there is nothing to draw.
        agreement: the JSON text to sign.
        report: the HTML page.
        toml: the problem file.
        honest: for every agent why cheating does not pay, in sentences; empty beyond the pages of the report.
    """

    draft: Draft
    document: html.Document
    agents: tuple[str, ...]
    warnings: tuple[str, ...]
    picture: bytes | None
    agreement: str
    report: str
    toml: str
    honest: tuple[tuple[str, ...], ...]


def solve(draft: Draft) -> Found:
    """Solve a form as ``jaxmech solve`` solves the file that says the same.

    Args:
        draft: the form.

    Raises:
        ProblemError: if the form breaks a rule, or the problem has no answer of this kind.
    """
    with _ONE_AT_A_TIME:
        use_precision("float64")
        case, output = read(draft), Output(quiet=True)
        answer, kind = solve_case(case, Choice(), output)
        return _found(draft, case, answer, kind, output.warnings)


def cheat(draft: Draft, agent: int) -> tuple[str, ...]:
    """Search for the best that one agent could do while the others comply, and tell it in sentences.

    Args:
        draft: the form.
        agent: her index.

    Raises:
        ProblemError: if the form breaks a rule.
        SolveError: if there is no plan.
    """
    from jaxmech import deviation
    from jaxmech._precision import seed_key

    with _ONE_AT_A_TIME:
        use_precision("float64")
        with read_typed(draft) as path:
            carried = carry_out(str(path), Choice(), Output(quiet=True))
        problem = carried.case.problem
        best = deviation.best_response(carried.mechanism, agent, problem, seed_key(0))
        return _told(problem.agent_name(agent), best)


def _told(name: str, best: Any) -> tuple[str, ...]:
    from jaxmech.audit import in_words
    from jaxmech.report import percent, short

    honest, penalty, gain = float(best.honest[0]), float(best.penalty[0]), float(best.found[0])
    tried = in_words(best.family[0], best.deviation, 0)
    if gain > 0:
        verdict = (
            f"{name} would pay {short(penalty)} instead of {short(honest)} ({percent(gain / honest)} less): {tried}."
        )
    else:
        verdict = f"Nothing was found that pays. Honest, {name} pays {short(honest)}; the best other try: {tried}."
    return verdict, f"{_CLAIMED} Tried: {best.effort}."


def _found(draft: Draft, case: files.CollaborationCase, answer: Any, kind: Any, warnings: list[str]) -> Found:
    from jaxmech import report

    document = agreement(case, answer, kind.document(answer), warnings)
    page = kind.page(answer, _WIDTH, report.make_box(False), full=True)
    drawn = not answer.status.is_failure
    parties = html.parties(answer) if drawn else ()
    honest = tuple(party.honest for party in parties)
    return Found(
        draft=draft,
        document=html.from_page(page, good=answer.solved),
        agents=answer.agents,
        warnings=tuple(warnings),
        picture=report.render(kind.plot(answer), "png") if drawn else None,
        agreement=files.json_text(document),
        report=html_page(kind, answer, document, warnings),
        toml=toml(draft, case),
        honest=honest if len(honest) == len(answer.agents) else ((),) * len(answer.agents),
    )

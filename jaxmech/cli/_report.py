"""The page to read, print and sign, of everything that can write one."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jaxmech._errors import ProblemError

_WIDTH = 96
"""Characters of a line: what fits on A4."""


def html_page(kind: Any, answer: Any, document: Mapping[str, Any], warnings: Sequence[str] = ()) -> str:
    """Return the HTML page of an answer.

    Args:
        kind: the part of ``report`` that presents the answer.
        answer: of ``solve``, ``design`` or ``audit``.
        document: its JSON document; if it is sealed, the page carries its fingerprint.
        warnings: what should be known though nothing is wrong.
    """
    from jaxmech import report
    from jaxmech.report import html

    box = report.make_box(False)
    shared = isinstance(answer, report.collaboration.Arrangement)
    good = answer.solved  # as the exit code has it: what rounding to whole samples alone breaks is told
    if isinstance(answer, report.collaboration.Answer):
        answer = report.collaboration.signed(answer)
    page = kind.page(answer, _WIDTH, box) if shared else kind.page(answer, box, full=True)
    audited, told = isinstance(answer, report.audit.Answer), answer if shared else None
    found = dataclasses.replace(
        html.from_page(page, good=good),
        limits=html.audit_limits(answer.kind) if audited else html.limits_of(document["kind"], told),
        warnings=tuple(warnings),
        fingerprint=document.get("fingerprint", ""),
        footer=_footer(document),
    )
    if answer.status.is_failure:
        return html.render(found)
    if shared:
        bounds = html.limits_in_words(document.get("problem", {}))
        pages = tuple(
            dataclasses.replace(page, summary=f"{page.summary} Agreed for you: {bounds[i]}.") if i in bounds else page
            for i, page in enumerate(html.parties(answer))
        )
        agreed = html.terms(answer, document.get("division"))
        if bounds:
            agreed = (*agreed, ("Limits", "; ".join(f"{answer.agents[i]}: {bound}" for i, bound in bounds.items())))
        sections = (html.stated_section(answer), html.steps(answer), *_leaving(answer), *found.sections)
        left = len(answer.agents) - len(pages)
        found = dataclasses.replace(found, terms=agreed, sections=sections, parties=pages, left=left)
        signs = bool(found.fingerprint) and len(pages) > 0 and not any(page.unsigned for page in pages)
        found = dataclasses.replace(found, signed=signs)
    return html.render(dataclasses.replace(found, figure=html.svg(kind.plot(answer))))


def _leaving(answer: Any) -> tuple[Any, ...]:
    """What becomes of an agreement if somebody leaves; nothing where there is no exchange."""
    from jaxmech.report import html

    return () if answer.by_agent else (html.leaving_section(answer),)


def exchange_page(agreement: Mapping[str, Any], returned: Mapping[str, bytes]) -> str:
    """Return the HTML page of an exchange.

    Args:
        agreement: what was signed.
        returned: every file of RETURNS by its path.

    Raises:
        ProblemError: for agreements of other kinds.
    """
    from jaxmech.report import html

    if agreement.get("kind") != "collaboration":
        raise ProblemError("--report", agreement.get("kind"), "pages of exchanges are for agreements to share data")
    return html.render(html.carried_out(agreement, returned))


def check_page(path: str, inputs: Sequence[Path]) -> None:
    """Refuse, before any work is done, a page that cannot be written, or that would replace what is read.

    Args:
        path: where it is to go.
        inputs: files and folders that are read or made.

    Raises:
        ProblemError: naming the path and what is wrong.
    """
    from jaxmech import files
    from jaxmech.cli._options import check_report

    check_report(path)
    files.check_targets({"--report": path})
    files.check_spared({"--report": path}, inputs)


def _footer(document: Mapping[str, Any]) -> str:
    settings = document["settings"]
    seed = "" if settings.get("seed") is None else f", seed {settings['seed']}"
    return f"jaxmech {settings['version']}, jax {settings['jax']}, {settings['device']}, {settings['dtype']}{seed}"

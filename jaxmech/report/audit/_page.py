"""A page about an audit: verdict first, then what each agent could gain, and the certificates."""

from collections.abc import Iterator

import numpy as np
from rich.box import Box
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from jaxmech._status import Status
from jaxmech._words import brief, rough
from jaxmech.mechanism import PENALTY
from jaxmech.report._numbers import counted, decimals, percent, short, single
from jaxmech.report._records import claims_in_words, records_section
from jaxmech.report._tables import Page, headed, make_box, make_page, make_paragraphs, new_table, print_plain
from jaxmech.report.audit._answer import Answer
from jaxmech.report.audit._populations import populations_in_words, populations_table
from jaxmech.report.audit._questions import pivotal_table

MAX_ROWS = 40
"""Tables of more agents show those who could gain most."""


def print_page(answer: Answer, console: Console, *, full: bool = False) -> None:
    """Print everything about an audit.

    Args:
        answer: one audited mechanism.
        console: where to; colours and lines on a terminal, plain aligned text elsewhere.
        full: whether to leave nothing out, however many agents there are.
    """
    print_plain(console, page(answer, make_box(console.is_terminal), full=full))


def page(answer: Answer, box: Box, *, full: bool = False) -> Page:
    """Return the page as one renderable."""
    return make_page(_head(answer), _sections(answer, box, full), box)


def _sections(answer: Answer, box: Box, full: bool) -> Iterator[tuple[str, list[RenderableType]]]:
    yield (
        "Regret: what each agent could gain (found by search, proven at most)",
        [
            _table(answer, box, full),
            *make_paragraphs([_IN_FRACTIONS] if answer.fractions else []),
        ],
    )
    yield "The best that was found", make_paragraphs(_best(answer))
    if answer.populations:
        most = len(answer.found.names) if full else MAX_ROWS
        measured = answer.populations, answer.found.names
        told = make_paragraphs(populations_in_words(*measured))
        yield "Regret found on other laws", [populations_table(*measured, box, most), *told]
    if answer.claims:
        yield "Certificates", records_section(answer.claims, box)
    if answer.facts:
        yield "Facts, not claimed", records_section(answer.facts, box, above=answer.claims)
    if answer.questions is not None:
        tried = [f"Tried for misstated costs: {answer.questions.tried}."] if answer.questions.tried else []
        told = records_section(answer.weaknesses, box, above=answer.found.audits)
        yield "What nobody promises", [*told, *make_paragraphs(tried)]
        yield (
            "Who is pivotal: what everybody pays if one agent leaves and the others follow the plan",
            list(pivotal_table(answer.questions, answer.found.names, box, full=full)),
        )


_IN_FRACTIONS = (
    "Audited is the plan in fractions of samples. The plan that is signed, on the page of jaxmech solve, is rounded "
    "from it to whole samples: what the two promise differs by that rounding."
)


def _head(answer: Answer) -> RenderableType:
    what = f"{answer.mechanism}; {counted(len(answer.found.names), 'agent')} searched"
    if answer.kind != "multiparty":  # whose agents share models
        what += f", {counted(len(answer.distributions), 'distribution')}"
    what += f"; money in {answer.currency}" if answer.currency else ""
    verdict = Text(_verdict(answer), style="green" if answer.solved else "bold red")
    return Group(*headed(answer.title, answer.source, what), Text(), verdict)


def _verdict(answer: Answer) -> str:
    found, parts = answer.found, []
    if answer.status is not Status.OK:
        parts.append(f"{answer.status.name}: {answer.status.message} (residual {answer.residual:.1e}).")
    tempted = int(np.sum(found.found > 0))
    relative = answer.settled(found.bound) / answer.found.stake
    if tempted:
        i = int(np.argmax(answer.gain))
        parts.append(
            f"{tempted:,} of {len(answer.found.names):,} would gain by cheating, most of all {answer.found.names[i]}: "
            f"{_small_percent(answer.gain[i])} of what {_basis(answer)}."
        )
    elif np.all(np.isfinite(relative)):
        least = float(relative.max())
        most = f"nobody gains more than {rough(100 * least)} %" if least > 0 else "nobody can"
        parts.append(
            f"Nobody was found to gain by cheating, and it is proven that {most}, as long as the others comply."
        )
    else:
        width = float(np.max(found.half_width / answer.found.stake))
        parts.append(
            f"Nobody was found to gain by cheating, within ± {rough(100 * width)} % of what {_basis(answer)}; "
            "nothing is proven about what was not tried."
        )
    parts += [answer.trust, _claims(answer, tempted)]
    if weak := [record.witness.split("; ")[0] for record in answer.weaknesses if not record.holds]:
        parts.append(f"No claim rules out what follows: {'; '.join(weak)}.")
    elif answer.kind == "collaboration" and answer.questions is None:
        parts.append("Misstated costs, second names and allies are not looked at: --questions asks for them.")
    return " ".join(part for part in parts if part)


def _claims(answer: Answer, tempted: int) -> str:
    """The verdict on what is claimed; where agents gain and honesty is not claimed, that is said with it."""
    words = claims_in_words(answer.claims)
    if not tempted or not words or not all(record.holds for record in answer.claims):
        return words
    return f"What is promised holds ({counted(len(answer.claims), 'claim')}). That nobody gains is no part of it."


def _table(answer: Answer, box: Box, full: bool) -> Table:
    found = answer.found
    shown = list(range(len(answer.found.names)))
    if not full and len(shown) > MAX_ROWS:
        shown = sorted(np.argsort(-answer.gain, kind="stable")[: MAX_ROWS // 2].tolist())
    base = "of promised" if answer.found.measure == PENALTY else "of stake"
    ran = not np.isnan(found.honest).all()
    table = new_table(box, "", "promised", *["simulated"] * ran, "found", "± (99.9 %)", "bound", base)
    places = decimals(found.promised)
    error, bound = answer.settled(found.half_width), answer.settled(found.bound)
    for i in shown:
        table.add_row(
            answer.found.names[i],
            single(found.promised[i], places),
            *["–" if np.isnan(found.honest[i]) else single(found.honest[i], places)] * ran,
            _found(found.found[i], places),
            short(error[i], 1),
            _small(bound[i]),
            f"[{_small_percent(answer.gain[i])}, {_small_percent(bound[i] / answer.found.stake[i])}]",
            style="red" if found.found[i] > 0 else "",
        )
    return table


def _best(answer: Answer) -> list[str]:
    found = answer.found
    i = int(np.argmax(answer.gain))
    lines = []
    if found.found[i] > 0:
        pays = answer.found.measure == PENALTY
        after = short(found.promised[i] + (-found.found[i] if pays else found.found[i]), 4)
        verb = "pays" if pays else "is left with"
        how = f"{answer.found.names[i]}: {answer.found.told[i]}"
        lines.append(f"{how}, and {verb} {after} instead of {short(found.promised[i], 4)}.")
    elif np.any(found.half_width > 0):
        lines.append("No strategy gains more than the confidence interval (± at 99.9 %) allows for.")
    else:
        lines.append("No departure that was tried gains anything.")
    lines.append(f"Searched: {found.effort}.")
    return lines


def _basis(answer: Answer) -> str:
    return "she is promised to pay" if answer.found.measure == PENALTY else "she has at stake"


def _found(value: float, places: int) -> str:
    """As many decimals as beside it, or two digits where these would hide whether it is below the bound."""
    return single(value, places) if value == 0 or abs(value) >= 10.0 ** (1 - places) else _small(value)


def _small(value: float) -> str:
    return "∞" if not np.isfinite(value) else "0" if value == 0 else brief(value)


def _small_percent(value: float) -> str:
    if not np.isfinite(value):
        return "∞"
    return percent(value) if value > 5e-4 or value == 0 else f"{100 * value:.1g} %"

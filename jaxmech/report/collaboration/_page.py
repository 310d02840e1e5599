"""A page about one solved problem: verdict first, then who collects what, what it brings, and why it holds."""

from collections.abc import Iterator, Mapping

import numpy as np
from rich.box import Box
from rich.console import Console, Group, RenderableType
from rich.text import Text

from jaxmech._status import Status
from jaxmech._words import brief
from jaxmech.collaboration import REMEDIES, Efficiency
from jaxmech.report._numbers import column, counted, percent, short
from jaxmech.report._records import claims_in_words, explained, records_section
from jaxmech.report._tables import Page, headed, make_box, make_page, make_paragraphs, make_table, print_plain
from jaxmech.report.collaboration._accounts import Accounts, error_tables, money_table
from jaxmech.report.collaboration._advice import WORTH_TELLING, among_equals, suggestions
from jaxmech.report.collaboration._answer import Answer, Arrangement, Whole
from jaxmech.report.collaboration._panels import errors_by_value, panels_section
from jaxmech.report.collaboration._reasons import reasons
from jaxmech.report.collaboration._rule import misjudged_sentences, rule_in_words, rule_sentences
from jaxmech.report.collaboration._signed import signed
from jaxmech.report.collaboration._signing import better_design, signing_sentences
from jaxmech.report.collaboration._tables import MAX_ROWS, collection_tables, gain_table, penalties_of
from jaxmech.report.collaboration._trust import nobody_checked, trust_sentence, trusted


def print_page(answer: Answer, console: Console, *, full: bool = False) -> None:
    """Print everything about an answer: like every page, about the plan in whole samples, which is signed.

    Args:
        answer: one solved problem.
        console: where to; colours and lines on a terminal, plain aligned text elsewhere.
        full: whether to leave nothing out, however many agents there are.
    """
    print_plain(console, page(answer, console.width, make_box(console.is_terminal), full=full))


def page(answer: Answer, width: int, box: Box, *, full: bool = False) -> Page:
    """Return the page as one renderable: about the plan in whole samples if there is one."""
    answer = signed(answer)
    return make_page(_head(answer), _sections(answer, width, box, full), box)


def _sections(answer: Answer, width: int, box: Box, full: bool) -> Iterator[tuple[str, list[RenderableType]]]:
    if answer.status.is_failure:
        return
    if answer.estimates:
        yield "Standard deviations, estimated from measurements", sigma_table(answer, box)
    not_whole = make_paragraphs([] if answer.accounts is None or answer.accounts.whole else [_NOT_WHOLE])
    yield "Who collects what (samples)", [*collection_tables(answer, width, box, full=full), *not_whole]
    yield f"Alone against together ({penalties_of(answer)})", list(gain_table(answer, box, full=full))
    if answer.values and answer.accounts:
        yield "What one draw measures", panels_section(answer, box)
    if answer.accounts:
        elsewhere, designable = _elsewhere(answer), _designable(answer)
        yield from board_sections(
            answer, answer.accounts, width, box, elsewhere=elsewhere, designable=designable, full=full
        )
    yield reasons_title(answer), make_paragraphs([*reasons(answer, full=full), *rule_sentences(answer)])
    if other := misjudged_sentences(answer):
        yield "If σ is not what it is taken for", make_paragraphs(other)
    target = answer.fractions
    if target is None and answer.efficiency:
        yield "How good the plan is", make_paragraphs(_efficiency(answer))
    few = full or len(answer.agents) <= MAX_ROWS
    if answer.claims:
        yield "Certificates", records_section(answer.claims, box, explained=few)
    if answer.facts:
        yield "Facts, not claimed", records_section(answer.facts, box, explained=few, above=answer.claims)
    advice = suggestions(answer) if target is None else []
    if answer.efficiency and not answer.pooled and _designable(answer):
        least = answer.efficiency.any_equilibrium
        advice.append(better_design(answer.social_penalty, least, answer.source, answer.currency))
    if advice:
        yield "Worth considering", make_paragraphs(advice)
    if target is not None:
        yield "The target, in fractions of samples", _target(answer, target, width, box, full)


def reasons_title(answer: Arrangement) -> str:
    """Return the title above why nobody cheats, which says so if that is not all there is to say, or not at all."""
    if answer.pooled:
        return "Who would cheat"
    relied = trusted(answer).any()
    if nobody_checked(answer):
        return "What nobody checks" if relied else "Why there is nothing to check"
    return "Why nobody cheats, and what is not checked" if relied else "Why nobody cheats"


def _designable(answer: Answer) -> bool:
    """Whether a design could cost noticeably less: not with limits, or below any."""
    if answer.limited or answer.efficiency is None:
        return False
    return answer.efficiency.any_equilibrium < answer.social_penalty * (1 - WORTH_TELLING)


def board_sections(
    answer: Arrangement,
    accounts: Accounts,
    width: int,
    box: Box,
    *,
    elsewhere: Mapping[str, np.ndarray] | None = None,
    designable: bool = False,
    full: bool = False,
) -> Iterator[tuple[str, list[RenderableType]]]:
    """Yield what a board asks: money apart from error, standard errors, who carries the work and why each should sign.

    Args:
        answer: names, and the mechanism.
        accounts: the books.
        width: of the page, in characters.
        box: the lines to draw.
        elsewhere: what each agent would gain under cbl, as a fraction, by division; those that were solved for.
        designable: whether a design could bring more.
        full: whether to leave nothing out, however many agents there are.
    """
    whole = "in whole samples" if accounts.whole else "in fractions of samples"
    yield (
        f"Money apart from error ({whole})",
        list(money_table(accounts, answer.agents, box, price=_price(answer), full=full)),
    )
    names, errors = errors_by_value(answer, accounts)
    standard = answer.values is None and bool(np.all(np.asarray(answer.sigma) == 1))
    tables = error_tables(errors, answer.agents, names, width, box, standard=standard, full=full)
    yield f"Standard errors, together and alone ({whole})", list(tables)
    saved = answer.gain, answer.alone_penalty
    sentences = signing_sentences(accounts, answer.agents, elsewhere or {}, designable=designable, saved=saved)
    yield f"Who carries the work ({whole}), and why each should sign", make_paragraphs(sentences)


def _price(answer: Arrangement) -> str:
    """What a squared error of 1 costs; nothing where values of a panel have prices of their own, told elsewhere."""
    if answer.values is not None:
        return ""
    low, high = (short(float(find(answer.price))) for find in (np.min, np.max))
    return (low if low == high else f"{low} to {high}") + f" {answer.currency}".rstrip()


def _head(answer: Answer) -> RenderableType:
    m, d = answer.samples.shape
    what = (
        f"{counted(m, 'agent')}, {counted(d, 'distribution')}; division {answer.division}, mechanism {answer.mechanism}"
        f"{rule_in_words(answer.estimate, answer.calibrated)}"
    )
    well = answer.solved if answer.fractions is None else answer.fractions.solved
    style = "bold red" if not well else "yellow" if trusted(answer).any() or not answer.solved else "green"
    verdict = Text(_verdict(answer), style=style)
    first = [part for sentence in among_equals(answer) for part in (Text(), Text(sentence, style="yellow"))]
    what += "" if answer.fractions is None else "; in whole samples"
    return Group(*headed(answer.title, answer.source, what), Text(), verdict, *first)


def _verdict(answer: Answer) -> str:
    if answer.status.is_failure:
        return f"Not solved. {answer.status.name}: {explained(answer.status, REMEDIES)}."
    able = np.isfinite(answer.alone_penalty)
    alone, together = answer.alone_penalty[able].sum(), answer.penalty[able].sum()
    saved = (alone - together) / alone if able.any() else 0.0
    small = 1e-6 * np.where(able, answer.alone_penalty, 1.0)
    winners = int(np.sum(answer.gain > small))
    losers = int(np.sum(answer.gain < -small))
    parts, trust = [], trust_sentence(answer)
    if answer.status is not Status.OK:
        warning = f"{answer.status.name}: {explained(answer.status, REMEDIES)} (residual {answer.residual:.1e})."
        parts.append(f"{warning} What follows is true of the plan as it stands.")
    if answer.mechanism == "cbl" and nobody_checked(answer) and trusted(answer).any():
        parts.append(f"{trust} {_check_instead(answer)}")
        trust = ""
    if able.any():
        who = "they pay" if able.all() else f"the {able.sum():,} who could work alone pay"
        parts.append(f"Together {who} {short(together, 4)} instead of {short(alone, 4)} alone: {_change(saved)}.")
    rest = f"{losers:,} {'loses' if losers == 1 else 'lose'}" if losers else "nobody loses"
    parts.append(f"{winners:,} of {len(able):,} gain, {rest}.")
    if not able.all():
        unable = int(np.sum(~able))
        parts.append(f"{unable:,} could not know everything on {'their' if unable > 1 else 'her'} own.")
    parts += [trust, _claims(answer)]
    return " ".join(part for part in parts if part)


def _check_instead(answer: Answer) -> str:
    """What to use instead of a rule that checks nobody."""
    text = f"Among these {len(answer.agents):,} agents cbl finds nobody to check"
    if not _designable(answer):
        return f"{text}."
    return f"{text}; jaxmech design {answer.source} looks for a mechanism that does, and says how much it checks."


def _claims(answer: Answer) -> str:
    """The verdict on all claims; what rounding to whole samples alone breaks is told apart, with its size."""
    broken = answer.by_rounding
    if not broken or len(broken) < sum(not record.holds for record in answer.claims):
        return claims_in_words(answer.claims)
    told = "; ".join(f"{one.claim}, by {brief(-100 * one.margin)} % ({one.witness})" for one in broken)
    kept = claims_in_words(answer.fractions.claims) if answer.fractions else ""
    fails = "one fails" if len(broken) == 1 else f"{len(broken)} fail"
    return f"{kept[:-1]} in fractions of samples. Rounded to whole samples {fails}, by rounding alone: {told}."


def _change(saved: float) -> str:
    if abs(saved) < 5e-4:
        return "no difference"
    return f"{percent(abs(saved))} {'less' if saved > 0 else 'more'}"


def _efficiency(answer: Answer) -> list[str]:
    found = answer.efficiency
    assert found is not None
    text = (
        f"All pay {short(answer.social_penalty, 4)} together. Compliant agents who pool and whom nothing leaves worse "
        f"off than alone could do with {short(found.baseline, 4)}"
    )
    ratio = short(found.ratio, 4)
    if answer.pooled:
        text += f": this division costs {ratio} times as much." if found.ratio > 1.0005 else ": this division does."
    else:
        text += f", so honesty costs a factor {ratio}"
        text += f"; the mechanism guarantees at most {short(found.bound, 4)}." if np.isfinite(found.bound) else "."
    best = f"First best: {short(found.first_best, 4)}, the least if all did as told, whoever lost by it."
    return [text, best, *_impossible(found)]


def _impossible(found: Efficiency) -> list[str]:
    """What no mechanism can do for these costs."""
    lines = []
    if found.any_equilibrium > found.first_best * (1 + 1e-6):
        lines.append(
            f"No mechanism without money costs less than {short(found.any_equilibrium, 4)} in equilibrium: what one "
            "agent alone can measure, she measures for her own needs."
        )
    if found.dominant > found.first_best:
        lines.append(
            "A mechanism in dominant strategies, or one that never leaves anybody worse off than alone whatever others "
            f"do, costs at least {short(found.dominant, 4)}."
        )
    return lines


_NOT_WHOLE = "The amounts are too large to be whole numbers of samples: count in a larger unit."


def _whole(answer: Answer) -> list[str]:
    whole = answer.whole
    assert whole is not None
    change = f"{percent(abs(whole.loss))} {'more' if whole.loss > 0 else 'less'} than"
    change = "as much as" if abs(whole.loss) < 5e-4 else change
    text = f"Rounded to whole samples, all pay {short(whole.social_penalty, 4)} together, {change} in fractions."
    return [text, *_left_over(answer, whole), _worse_off(answer, whole)]


def _left_over(answer: Answer, whole: Whole) -> list[str]:
    """To whom of agents who are alike goes what rounding leaves over, and how many samples that makes."""
    apart = [answer.costs, *(table for table in (answer.sigma, answer.price) if np.ndim(table) > 1)]
    alike: dict[bytes, list[int]] = {}
    for i, row in enumerate(np.concatenate(apart, axis=1)):
        alike.setdefault(row.tobytes() + np.asarray(whole.role[i]).tobytes(), []).append(i)
    first = [group for group in alike.values() if (np.diff(whole.samples[group], axis=0) <= 0).all()]
    counts = whole.samples.sum(axis=1)
    most = max(first, key=lambda group: counts[group[0]] - counts[group[-1]], default=[0])
    high, low = counts[most[0]], counts[most[-1]]
    if high == low or answer.limited:
        return []
    every = ", on every distribution" if len(answer.distributions) > 1 else ""
    return [
        f"Among those like {answer.agents[most[0]]} who is named first collects what rounding leaves over{every}: "
        f"{answer.agents[most[0]]} collects {high:,.0f} in all, {answer.agents[most[-1]]} {low:,.0f}."
    ]


def _target(answer: Answer, target: Answer, width: int, box: Box, full: bool) -> list[RenderableType]:
    """The plan in fractions that the signed one was rounded from: the only place of a signed page that has its numbers.

    Args:
        answer: about the plan in whole samples.
        target: about the one in fractions.
        width: of the page, in characters.
        box: the lines to draw.
        full: whether to leave nothing out.
    """
    assert answer.whole is not None
    note = (
        "Everything else on this page is about the plan in whole samples, which is signed and carried out. It was "
        "rounded from this one, whose parts of samples nobody can measure; nobody owes the numbers of this section."
    )
    shown = (full or len(answer.agents) <= MAX_ROWS) and not np.array_equal(target.samples, answer.samples)
    tables = collection_tables(target, width, box, full=full) if shown else []
    good = [*_efficiency(target), *(f"{record.claim}: {record.witness}." for record in target.facts)]
    promised = f"In fractions all would pay {short(target.social_penalty, 4)}. {claims_in_words(target.claims)}".strip()
    texts = [promised, *_whole(target), *(good if target.efficiency else ()), *suggestions(target)]
    return [*make_paragraphs([note]), *tables, *make_paragraphs(texts)]


def _elsewhere(answer: Answer) -> dict[str, np.ndarray]:
    """What each agent would gain under cbl, as a fraction of what she pays alone, by division; all in fractions."""
    alone = (answer.fractions or answer).alone_penalty
    own = np.where(alone > 0, alone, 1.0)
    tried = answer.advice.penalties if answer.advice else {}
    return {name: np.where(alone > 0, 1 - penalty / own, 0.0) for name, penalty in tried.items()}


def _worse_off(answer: Answer, whole: Whole) -> str:
    """Who pays more than alone; or else who pays more than the plan promised."""
    losers = np.flatnonzero(whole.worse_off > 1e-9 * np.abs(whole.penalty))
    if len(losers):
        i = int(np.argmax(whole.worse_off))
        more = f" and {len(losers) - 6:,} more" if len(losers) > 6 else ""
        names = ", ".join(answer.agents[j] for j in losers[:6].tolist()) + more
        case = f"{answer.agents[i]} pays {short(whole.penalty[i], 5)}, alone {short(whole.alone_penalty[i], 5)}"
        return f"Rounding leaves worse off than with the best whole numbers alone: {names} ({case})."
    with np.errstate(divide="ignore", invalid="ignore"):
        rise = np.nan_to_num(whole.change / answer.penalty, nan=0.0, posinf=0.0)
    i = int(np.argmax(rise))
    text = "Nobody pays more than with the best whole numbers alone"
    if rise[i] < 5e-4:
        return f"{text}, nor noticeably more than in fractions."
    return f"{text}. Rounding costs {answer.agents[i]} most: {percent(float(rise[i]))} more."


def sigma_table(answer: Arrangement, box: Box) -> list[RenderableType]:
    """Return how the standard deviations were estimated, and what follows for all numbers."""
    table = make_table(box)
    table.add_column("")
    for header in ("σ", "standard error", "measurements"):
        table.add_column(header, justify="right")
    for entry in answer.estimates:
        pair = column([entry.sigma, entry.standard_error])
        table.add_row(entry.distribution, *pair, f"{entry.count:,}")
    largest = max(entry.standard_error / entry.sigma for entry in answer.estimates)
    error = f"standard error up to {percent(largest)}"
    note = f"Amounts and penalties are proportional to σ and inherit its uncertainty ({error})."
    if dropped := answer.estimates[0].dropped:
        note = f"{note} Rows left out because a value is missing: {dropped:,}."
    return [table, Text(note, style="dim")]

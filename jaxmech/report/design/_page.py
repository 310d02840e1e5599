"""A page about a design: how much better it is, who is asked what, what everybody gets back and when."""

from collections.abc import Iterator

import numpy as np
from rich.box import Box
from rich.console import Console, Group, RenderableType
from rich.text import Text

from jaxmech._status import Status
from jaxmech._words import brief, some
from jaxmech.collaboration import Role
from jaxmech.report._numbers import column, counted, percent, short
from jaxmech.report._records import claims_in_words, records_section
from jaxmech.report._tables import Page, headed, make_box, make_page, make_paragraphs, new_table, print_plain
from jaxmech.report.collaboration import (
    board_sections,
    collection_tables,
    disclosed,
    gain_table,
    panels_section,
    penalties_of,
    reasons_title,
    sigma_table,
    trust_sentence,
    trusted,
    unchecked,
    used_unasked,
)
from jaxmech.report.design._answer import Answer
from jaxmech.report.design._following import following_sentences, limits_section
from jaxmech.report.design._lies import has_rows, lies_section
from jaxmech.report.design._otherwise import harm_sentences, misjudged_sentences
from jaxmech.report.design._table import rule_table

_FEW = 2.5
"""Means of fewer points than this are hardly normal unless the points are."""
_NAMED = 4
_SAME = 5e-4
"""Penalties that differ by less than this part are the same to a reader."""


def print_page(answer: Answer, console: Console, *, full: bool = False) -> None:
    """Print everything about a design.

    Args:
        answer: one designed mechanism.
        console: where to; colours and lines on a terminal, plain aligned text elsewhere.
        full: whether to leave nothing out, however many agents there are.
    """
    print_plain(console, page(answer, console.width, make_box(console.is_terminal), full=full))


def page(answer: Answer, width: int, box: Box, *, full: bool = False) -> Page:
    """Return the page as one renderable."""
    return make_page(_head(answer), _sections(answer, width, box, full), box)


def _sections(answer: Answer, width: int, box: Box, full: bool) -> Iterator[tuple[str, list[RenderableType]]]:
    if answer.estimates:
        yield "Standard deviations, estimated from measurements", sigma_table(answer, box)
    yield "Who collects what (samples)", list(collection_tables(answer, width, box, full=full))
    yield "What each gets back, and when", list(rule_table(answer, box, full=full))
    if answer.offered.followed is not None and np.isfinite(answer.offered.limit).any():
        yield "How limits follow the spread of the others' data", limits_section(answer, box, full=full)
    if answer.values is not None and answer.accounts:
        yield "What one draw measures", panels_section(answer, box)
    yield f"Alone against together ({penalties_of(answer)})", list(gain_table(answer, box, full=full))
    if answer.accounts:
        yield from board_sections(answer, answer.accounts, width, box, full=full)
    yield reasons_title(answer), make_paragraphs([*_reasons(answer), *harm_sentences(answer)])
    if answer.lies is not None and has_rows(answer.lies):
        yield f"What a lie costs the liar ({penalties_of(answer)})", lies_section(answer, answer.lies, box, full=full)
    if other := misjudged_sentences(answer):
        yield "If σ is not what it is taken for", make_paragraphs(other)
    yield "How good the design is", _comparison(answer, box)
    yield "Certificates", records_section(answer.claims, box)
    if answer.facts:
        yield "Facts, not claimed", records_section(answer.facts, box, above=answer.claims)


def _head(answer: Answer) -> RenderableType:
    m, d = answer.samples.shape
    what = f"{counted(m, 'agent')}, {counted(d, 'distribution')}; designed: {answer.origin}"
    what += "" if answer.offered.followed is None else ", limits that follow the data"
    style = "bold red" if not answer.solved else "yellow" if trusted(answer).any() else "green"
    verdict = Text(_verdict(answer), style=style)
    return Group(*headed(answer.title, answer.source, what), Text(), verdict)


def _verdict(answer: Answer) -> str:
    parts = []
    if answer.status is not Status.OK:
        warning = f"{answer.status.name}: {answer.status.message} (residual {answer.residual:.1e})."
        parts.append(f"{warning} What follows is true of the design as it stands.")
    parts.append(
        f"All pay {short(answer.social_penalty, 4)} together: {_against_published(answer)}, "
        f"{short(answer.social_penalty / answer.first_best, 4)} times the first best ({short(answer.first_best, 4)})."
    )
    parts.append(_failures(answer))
    parts += [trust_sentence(answer), claims_in_words(answer.claims)]
    if answer.accounts is None or not answer.accounts.whole:
        parts.append("These are fractions of samples, which nobody can sign: jaxmech design --whole makes whole ones.")
    return " ".join(part for part in parts if part)


def _against_published(answer: Answer) -> str:
    change = answer.social_penalty / answer.published - 1
    rival = f"the best published mechanism ({answer.rival}, {short(answer.published, 4)})"
    if abs(change) < _SAME:
        return f"as much as with {rival}"
    return f"{percent(abs(change))} {'less' if change < 0 else 'more'} than with {rival}"


def _by_itself(answer: Answer) -> str:
    """Of what the chance is, where not all that is hers fails together."""
    if answer.values is not None:
        return ", for each value by itself"
    apart = len(answer.distributions) > 1 and not answer.offered.linked
    return ", on each distribution by itself" if apart else ""


def _failures(answer: Answer) -> str:
    if answer.fails == 0:
        return "Honest agents always get their data clean."
    chance = f"{brief(100 * answer.fails)} %{_by_itself(answer)}"
    if np.isinf(answer.offered.cap):
        return f"The chance that an honest agent's data are withheld is at most {chance}."
    return f"The chance that an honest agent's data are noisy (by {short(answer.offered.cap)} σ²) is at most {chance}."


def _reasons(answer: Answer) -> list[str]:
    offered = answer.offered
    sentences = []
    if answer.is_role(Role.ALONE).any():
        sentences.append("Alone: gets back only what she collects, so her own best is what she is asked for.")
    clean = answer.is_role(Role.RECEIVES) & (offered.rest == 0)
    if np.any(clean & (answer.samples > 0)):
        sentences.append(
            "Receives everything clean and collects some all the same: all that she can, and would not want less, or "
            "what she must, and would not want more. Nothing has to be made unattractive."
        )
    if np.any(clean & (answer.samples <= 0)):
        used = any(used_unasked(answer, i) for i in range(len(answer.agents)))
        rest = ". What she hands in all the same is used unchecked." if used else ", so there is nothing to fake."
        sentences.append(f"Receives everything clean: is asked for nothing{rest}")
    if np.isfinite(offered.limit).any():
        together = offered.linked and answer.values is None
        scope = "on every distribution" if together else "on all that this hangs on" if offered.linked else "there"
        rest = "all of the rest" if together else "the rest"
        within = _in_ellipsoid(answer) if offered.ellipsoid else f"lies within her limit t {scope}"
        price = "is withheld" if np.isinf(offered.cap) else f"gets noise of variance {short(offered.cap)} σ²"
        sentences.append(
            "Checked: her mean is compared with that of |Z| points of the others, which she gets in any case. If it "
            f"{within}, she gets {rest}, |Z′| points, clean as well; if not, it {price}. Her "
            "mean passes most often as it is, and the limit is such that another number of points, none included, "
            "would cost her more. Her own points go to the others as they are, whether she passes or not; receipts "
            "say whose failed."
        )
    if seen := disclosed(answer):
        sentences.append(seen.strip())
    few = answer.is_role(Role.CHECKED) & (np.minimum(answer.samples, answer.compared) < _FEW)
    if few.any():
        whom = some([answer.agents[i] for i in np.flatnonzero(few.any(axis=1)).tolist()], _NAMED)
        sentences.append(
            f"Means of one or two points are compared, for {whom}: of skewed data these are far from normal, and "
            "honest ones fail more often than is said here. jaxmech simulate FILE --mechanism designed --population "
            "lognormal:0.7 shows it."
        )
    sentences += following_sentences(answer)
    if answer.values is not None and np.isfinite(offered.limit).any():
        sentences.append(_OF_VALUES + (_LINKED_VALUES if offered.linked else "by itself."))
    if np.any((answer.samples > 0) & (np.broadcast_to(answer.price, answer.samples.shape) == 0)):
        sentences.append(
            "Barter: who has no use for a distribution collects it all the same, because the rest of what she does "
            "need hangs on the check there; linking is what makes her."
        )
    return [*sentences, *unchecked(answer), _whole_data(answer)]


def _in_ellipsoid(answer: Answer) -> str:
    whose = "all her discrepancies" if answer.values is None else "her discrepancies on all that this hangs on"
    return f"is so near that the squares of {whose}, each divided by its limit t, add up to at most 1"


_OF_VALUES = (
    "Where one draw measures several values, each is compared by itself, within a limit in proportion to its σ, and "
    "its rest is released or not "
)
_LINKED_VALUES = (
    "by that value's own discrepancy and that of one of every other draw, which the page of each party names, so that "
    "nothing rests on how the values of a draw are correlated."
)


def _whole_data(answer: Answer) -> str:
    if answer.departure is None:
        if np.ndim(answer.sigma) > 1:
            return (
                "Everybody collects whole samples. What she is given of others' is counted in points of whoever "
                "measures most precisely, and a sample can be split in two: what is proven holds for data sets."
            )
        return "All numbers of points are whole: what is proven holds for data sets."
    return (
        "Numbers of points are fractions, and what is proven is proven for fractions. On data sets they are rounded: "
        f"then nobody pays more or less than is promised by more than {brief(100 * answer.departure)} %. Only whole "
        "numbers can be signed and carried out: jaxmech design --whole finds them."
    )


def _comparison(answer: Answer, box: Box) -> list[RenderableType]:
    alone = float(answer.alone_penalty.sum())
    penalties = {
        "first best, if nobody could refuse": answer.first_best,
        "P(n_OPT): compliant agents, nobody worse off than alone": answer.baseline,
        "this design": answer.social_penalty,
        f"best published: {answer.rival}": answer.published,
        "everybody alone": alone,
    }
    unit = f" ({answer.currency})" if answer.currency else ""
    table = new_table(box, "", f"social penalty{unit}", "times first best")
    values = np.array(list(penalties.values()))
    columns = column(values), column(values / answer.first_best)
    for name, *cells in zip(penalties, *columns, strict=True):
        table.add_row(name, *cells, style="bold" if name == "this design" else "")
    return [table, *make_paragraphs([_rivals(answer), _family(answer), _NOT_THE_ONLY_ONE])]


def _rivals(answer: Answer) -> str:
    """Which published mechanisms were compared, and which were not."""
    costs = answer.costs if np.ndim(answer.sigma) <= 1 else answer.costs * np.asarray(answer.sigma) ** 2
    with np.errstate(invalid="ignore"):
        equal = bool(np.all(np.isfinite(costs)) and np.allclose(costs, costs[:1], rtol=1e-6, atol=0))
    also = ", and c3d" if equal else ""
    return (
        f"Published mechanisms that were compared: cbl over the divisions rational, leverage and social{also}. cbl "
        "over other divisions (nash, egalitarian, kalai-smorodinsky, amounts of your own) was not."
    )


_NOT_THE_ONLY_ONE = (
    "Designs that cost nearly the same may divide the work otherwise: a σ or a cost that is a little different can "
    "lead to another of them. Everything here is true of this one; agree on the division, not only on its cost."
)


def _family(answer: Answer) -> str:
    whole = answer.accounts is not None and answer.accounts.whole
    bound = (
        f"No rule for one distribution at a time gets below {short(answer.family, 4)} by comparing means, whether it "
        f"adds noise or withholds data{', if it also holds for fractions of samples' if whole else ''}: that is proven"
    )
    if answer.social_penalty < answer.family * (1 - _SAME):
        saved = percent(1 - answer.social_penalty / answer.family)
        return f"{bound}. Linking the distributions saves {saved} on that."
    return f"{bound}."

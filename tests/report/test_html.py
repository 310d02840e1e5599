"""HTML reports: whole, readable, and deaf to what names say."""

import dataclasses
import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

from jaxmech import ProblemError, collaboration, files, report
from jaxmech.cli._report import exchange_page, html_page
from jaxmech.report import html
from jaxmech.report.html import _parties, _words
from tests.report.examples import answer, design
from tests.report.pages import Read

SHOWN = {
    "html", "head", "meta", "title", "style", "body", "header", "main", "footer", "nav", "section", "div", "h1", "h2",
    "h3", "p", "ul", "li", "dl", "dt", "dd", "a", "table", "thead", "tbody", "tr", "th", "td",
}  # fmt: skip
DRAWN = {"svg", "g", "path", "defs", "use", "text", "rect", "clippath", "title", "pattern", "image"} - {"image"}
EVIL = (
    "<script>alert(1)</script>",
    "\"'><img src=x onerror=alert(1)>",
    "</title></style></svg><b>",
    "{{ 7 * 7 }}{% raw %}",
    "$\\frac{1}$",
    "a\u202eb\u200bc\x1b[5m",
    "&lt;i&gt; &amp;",
    "javascript:alert(1)",
)


def page_of(made):
    kind = report.design if isinstance(made, report.design.Answer) else report.collaboration
    return html_page(kind, made, files.sealed(kind.document(made)))


def hostile(made):
    """The same answer with names that try everything."""
    m, d = made.samples.shape
    names = tuple(f"{EVIL[i % len(EVIL)]} {i}" for i in range(m))
    columns = tuple(f"{EVIL[-1 - k % len(EVIL)]} {k}" for k in range(d))
    records = tuple(
        dataclasses.replace(one, witness=EVIL[0], claim=f"{one.claim} {EVIL[1]}") for one in made.certificates
    )
    accounts = dataclasses.replace(made.accounts, currency=EVIL[0][:12])
    return dataclasses.replace(
        made, agents=names, distributions=columns, title=EVIL[2], source=EVIL[0], certificates=records,
        accounts=accounts, currency=EVIL[0][:12],
    )  # fmt: skip


MADE = {
    "cbl": lambda: answer(8, 3),
    "pool": lambda: answer(8, 3, mechanism="pool"),
    "counted-pool": lambda: answer(3, 1, mechanism="counted-pool"),
    "designed": lambda: design(8, 3),
    "linked": lambda: design(8, 3, linked=True, cap=5.0),
}


@pytest.fixture(scope="module", params=[*MADE, "hostile", "hostile design"])
def page(request):
    found = {"hostile": lambda: hostile(answer(8, 3)), "hostile design": lambda: hostile(design(8, 3))}
    return page_of({**MADE, **found}[request.param]())


def test_a_page_is_whole_and_has_only_the_elements_of_its_template(page):
    read = Read(page)
    assert page.lstrip().lower().startswith("<!doctype html>")
    assert (read.open, read.broken) == ([], [])
    assert set(read.tags) <= SHOWN | DRAWN
    assert not [entry for entry in read.attributes if entry[1].startswith("on")]


def test_nothing_is_loaded_from_elsewhere_and_nothing_could_be(page):
    read = Read(page)
    targets = [value for _, name, value in read.attributes if name in ("href", "src", "action", "xlink:href", "data")]
    assert targets
    assert all(target.startswith("#") for target in targets)
    assert not re.findall(r"url\((?!#)", page)
    assert "@import" not in page
    (policy,) = [value for tag, name, value in read.attributes if name == "content" and "default-src" in value]
    assert "default-src 'none'" in policy
    assert "script" not in policy
    ids = [value for _, name, value in read.attributes if name == "id"]
    assert len(ids) == len(set(ids))
    assert {target[1:] for target in targets} <= set(ids)


@pytest.mark.parametrize("make", [answer, design])
def test_hostile_names_are_shown_as_they_are_and_marks_are_spelt_out(make):
    read = Read(page_of(hostile(make(8, 3))))
    for name in EVIL:
        shown = name.replace("\u202e", "\\u202e").replace("\u200b", "\\u200b").replace("\x1b", "\\x1b")
        assert " ".join(shown.split()) in read.text
    assert "49" not in re.findall(r"\{\{ 7 \* 7 \}\}|49 raw", read.text)


@pytest.mark.parametrize("name", list(MADE))
def test_every_party_has_a_page_with_her_samples_money_and_errors(name):
    made = MADE[name]()
    text = page_of(made)
    parts = text.split('<section class="party"')[1:]
    assert len(parts) == len(made.agents)
    books = made.accounts
    for i, part in enumerate(parts):
        read = Read(f"<section{part[: part.index('</section>')]}</section>").text
        assert made.agents[i] in read
        assert f"for {made.agents[i]} place and date signature" in read
        total = books.plan.samples[i].sum()
        if total:
            bill = report.short(books.plan.bill[i].sum(), 4)
            noun = "sample, which costs" if total == 1 else "samples, which cost"
            assert f"You hand in {total:,.0f} {noun} you {bill}" in read
        for k, distribution in enumerate(made.distributions):
            assert distribution in read
            assert f"{books.plan.standard_error[i, k]:.3f}"[:5] in read


def test_the_page_names_the_agreement_and_what_is_not_promised():
    made = answer(4, 2)
    document = files.sealed(report.collaboration.document(made))
    text = Read(html_page(report.collaboration, made, document, ["Something odd."])).text
    assert text.count(document["fingerprint"]) == 2 + len(made.agents)  # at the top, above the signatures, on sheets
    assert "Something odd." in text
    for sentence in html.limits_of("collaboration", made):
        assert sentence in text
    assert set(html.AGREEMENT_LIMITS) < set(html.limits_of("collaboration", made))
    for record in made.certificates:
        assert record.witness in text


def test_what_was_stated_stands_on_the_page_and_on_every_sheet():
    """Everybody's costs, σ and prices with their unit: what the plan was computed from, and what can be misstated."""
    made = answer(4, 2)
    costs = np.array([[1.5, 2.5], [1.5, 2.5], [3.25, np.inf], [1234.5, 0.75]])
    made = dataclasses.replace(made, costs=costs, sigma=np.array([1.0, 2.0]), price=np.array([100.0, 100.0]))
    section = html.stated_section(made)
    assert section.parts[0].startswith("What one sample costs each party, as she stated it (EUR; ∞: she cannot")
    (table,) = section.parts[1:]
    assert table.headers == ("", "glucose", "total cholesterol")
    assert [cells for cells, _ in table.rows] == [
        ("Clinic 1, Clinic 2", "1.5", "2.5"), ("Clinic 3", "3.25", "∞"), ("Clinic 4", "1,234.5", "0.75"),
    ]  # fmt: skip
    sheet = (
        "Computed from what you stated a sample costs (EUR): glucose 1,234.5, total cholesterol 0.75; σ: glucose 1, "
    )
    sheet += "total cholesterol 2; price of a squared error: 100 each."
    assert html.stated_by(made, 3) == sheet
    page = page_of(made)
    assert all(words in Read(page).text for words in (section.parts[0], sheet, "Money in EUR"))
    assert page.index("What it was computed from") < page.index('<section class="party"') < page.index(sheet)
    theirs = dataclasses.replace(made, price=np.outer([1.0, 2, 3, 4], [10.0, 20]), sigma=np.ones((4, 2)))
    assert [part for part in html.stated_section(theirs).parts if isinstance(part, str)][1:] == [
        "σ, by party:", "What a unit of squared error costs each party (EUR):",
    ]  # fmt: skip
    assert html.stated_by(theirs, 3).endswith("error: glucose 40, total cholesterol 80.")


def test_what_must_stay_secret_is_said_of_the_rule_that_is_signed():
    """Designs withhold, unless noise is asked for; where nobody is compared there is neither draw nor noise."""
    noisy, drawn = "Noise, and which points a party is compared with", "Which points a party is compared with is drawn"

    def told(made):
        return " ".join(html.limits_of("collaboration", made))

    assert noisy in told(answer(4, 2))
    assert noisy in told(design(4, 2, cap=20.0))
    assert drawn in told(design(4, 2))
    assert "noise" not in page_of(design(4, 2)).lower().replace("adds noise or withholds data", "")
    alone = dataclasses.replace(answer(4, 2), role=np.zeros((4, 2), int))
    for made in (alone, answer(4, 2, mechanism="pool")):
        assert "secret" not in told(made)


def test_a_failed_solve_has_a_page_too():
    from jaxmech import Status

    made = answer(3, 1, status=Status.NO_ROOT)
    text = page_of(made)
    assert 'class="verdict bad"' in text
    assert 'class="party"' not in text


@pytest.mark.long
def test_thousands_of_parties_are_cut_and_it_is_said():
    text = page_of(answer(_parties.MOST + 7, 1))
    assert text.count('class="party"') == _parties.MOST
    assert "7 more parties have no page of their own here." in text


def test_every_division_and_mechanism_is_explained():
    assert set(_words.DIVISIONS) == set(collaboration.DIVISIONS)
    assert set(_words.MECHANISMS) == set(files.MECHANISMS)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("cbl", "the more noise is added"), ("pool", "Nothing is counted or compared"),
        ("counted-pool", "Who handed in fewer than agreed"), ("designed", "differ by more than her limit"),
    ],
)  # fmt: skip
def test_the_exchange_is_told_step_by_step(name, words):
    text = Read(page_of(MADE[name]())).text
    told = text.partition("The exchange, step by step")[2]
    places = [told.index(step) for step in ("1. ", "2. ", "3. ", words, "5. ", "6. ")]
    assert places == sorted(places)
    assert "jaxmech verify" in told
    assert set(_words._CHECKS) == set(_words.MECHANISMS)


def test_pooling_promises_nobody_that_cheating_does_not_pay():
    text = Read(page_of(MADE["pool"]())).text
    assert "Nobody checks you, and nobody checks the others" in text


def test_figures_are_valid_and_say_nothing_about_who_made_them():
    drawn = html.svg(report.collaboration.plot(hostile(answer(4, 2))))
    ElementTree.fromstring(drawn)
    assert "metadata" not in drawn
    assert "http" not in drawn.replace('xmlns="http://www.w3.org/2000/svg"', "")


def test_bars_are_to_scale():
    made = answer(4, 2)
    for i, party in enumerate(html.parties(made)):
        alone, together = party.bars
        books = made.accounts
        if np.isfinite(books.alone.penalty[i]):
            longest = max(books.alone.penalty[i], books.plan.penalty[i])
            assert alone.bill + alone.error == pytest.approx(books.alone.penalty[i] / longest)
            assert together.bill == pytest.approx(books.plan.bill[i].sum() / longest)
        else:
            assert (alone.bill, alone.error) == (0, 0)
            assert "∞" in alone.words


def test_exchanges_of_other_kinds_have_no_page_yet():
    with pytest.raises(ProblemError, match="--report"):
        exchange_page({"kind": "market"}, {})

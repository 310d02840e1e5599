"""What is typed becomes the problem file that says the same, or is refused in the library's words."""

import dataclasses
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxmech import ProblemError, files
from jaxmech._printable import clean_name
from jaxmech.app import MEASUREMENTS, Draft, frame_of, inert, read, read_costs, toml
from jaxmech.report import html

DRAFT = Draft(
    agents=("Ashford", "Birchwood"),
    distributions=("glucose", "HDL"),
    costs=(("3.93", "8.19"), ("3.5", "inf")),
    sigma=("1", "1.5"),
    price=("100", "100"),
    title="Two clinics",
    currency="EUR",
)
HOSTILE = (
    '<img src=x onerror="alert(1)">',
    "=cmd|' /C calc'!A0",
    "![x](http://evil.example)",
    'a"\nb = "c',
    "\\u0041 $x$",
)
MEASURED = b"glucose,HDL\n" + b"".join(b"%d,%d\n" % (k % 7, k % 5) for k in range(40))


def reread(draft, folder):
    """The problem that is downloaded, read as ``jaxmech solve`` does."""
    path = folder / "mine.toml"
    path.write_text(toml(draft, read(draft)), encoding="utf-8")
    return files.read(str(path))


def same(one, other):
    assert (one.title, one.currency, one.division, one.mechanism) == (
        other.title,
        other.currency,
        other.division,
        other.mechanism,
    )
    assert (one.problem.agents, one.problem.distributions) == (other.problem.agents, other.problem.distributions)
    assert one.warnings == other.warnings
    for field in ("costs", "sigma", "price"):
        np.testing.assert_array_equal(getattr(one.problem, field), getattr(other.problem, field))


@pytest.mark.parametrize("change", [
    {}, {"currency": ""}, {"price": ("100", "1e-3")}, {"division": "nash", "mechanism": "pool"},
    {"measurements": MEASURED, "sigma": ("", "")}, {"sigma": ("1", "1e5")}, {"title": 'said "no"\\\x7f'},
])  # fmt: skip
def test_the_file_that_is_downloaded_says_what_the_form_says(change, tmp_path):
    draft = dataclasses.replace(DRAFT, **change)
    (tmp_path / MEASUREMENTS).write_bytes(MEASURED)
    same(read(draft), reread(draft, tmp_path))


def test_the_form_is_read_in_numbers():
    case = read(DRAFT)
    assert case.problem.costs.tolist() == [[3.93, 8.19], [3.5, float("inf")]]
    assert case.problem.sigma.tolist() == [1.0, 1.5]
    assert case.problem.price.tolist() == [100.0, 100.0]


def test_one_price_for_unlike_units_is_warned_of():
    assert any(
        "one price is used" in warning for warning in read(dataclasses.replace(DRAFT, sigma=("1", "1e5"))).warnings
    )
    unlike = dataclasses.replace(DRAFT, sigma=("1", "1e5"), price=("100", "1"))
    assert read(unlike).warnings == ()


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_come_through_as_names(name, tmp_path):
    draft = dataclasses.replace(DRAFT, agents=(name, "B"), distributions=("A", name))
    case = reread(draft, tmp_path)
    assert case.problem.agents == (clean_name(name), "B")
    assert case.problem.distributions == ("A", clean_name(name))
    same(read(draft), case)


@settings(max_examples=30, deadline=None)
@given(st.text(min_size=1, max_size=20), st.text(max_size=20), st.floats(1e-300, 1e300))
def test_any_text_is_read_back_or_refused_in_one_line(name, typed, cost):
    draft = dataclasses.replace(
        DRAFT, agents=(name, "another agent"), title=typed, currency=typed, costs=((repr(cost), typed), ("1", "1"))
    )
    refused = ""
    try:
        assert float(read(draft).problem.costs[0, 0]) == cost
    except ProblemError as error:
        refused = str(error)
    assert "\n" not in refused
    assert "jaxmech-app" not in refused


@pytest.mark.parametrize(("change", "message"), [
    ({"costs": (("3,5", "8.5"), ("3", "9"))},
     "costs.csv: line 2, column glucose = '3,5': must have the decimal mark, a point or a comma, that 8.5 in"),
    ({"costs": (("1,234", "8"), ("3", "9"))}, "costs.csv: line 2, column glucose = '1,234': may mean 1234 or 1.234"),
    ({"costs": (("3.5", ""), ("3", "9"))}, "costs.csv: costs[Ashford][HDL] = '': must not be left empty"),
    ({"costs": (("-1", "8"), ("3", "9"))}, "costs.csv: costs[Ashford][glucose] = -1.0: must be positive"),
    ({"agents": ("Ashford", "Ashford")}, "costs.csv: row 2 = 'Ashford': must not occur twice"),
    ({"agents": ("Ashford", "")}, "costs.csv: row 2 = '': must have a name"),
    ({"distributions": ("HDL", "HDL")}, "costs.csv: column 2 = 'HDL': must not occur twice"),
    ({"sigma": ("11,5", "1")}, "sigma[0] = '11,5': must be a number"),
    ({"sigma": ("1e400", "1")}, "sigma[0] = 1e400: is too large a number"),
    ({"price": ("0", "1")}, "price[0] = 0.0: must be positive and finite"),
    ({"price": ("", "")}, "price = '': must be a number"),
    ({"currency": "a very long currency"}, "currency = 'a very long currency': must be at most 12 characters"),
    ({"measurements": b"glucose\n1\n"}, "measurements.csv: columns = 'glucose': must include \"HDL\""),
    ({"agents": (), "costs": ()}, "costs = 'costs.csv': has no rows of numbers"),
    ({"distributions": (), "sigma": (), "price": (), "costs": ((), ())},
     "costs.csv: first row = 'agent': must name at least one"),
])  # fmt: skip
def test_wrong_input_is_refused_in_the_words_of_the_library(change, message):
    with pytest.raises(ProblemError) as refused:
        read(dataclasses.replace(DRAFT, **change))
    assert str(refused.value).startswith(message)


def test_an_upload_is_read_as_files_are():
    assert read_costs(b"clinic,glucose\n'=x,3.50\nB,inf\n") == (("=x", "B"), ("glucose",), (("3.5",), ("inf",)))
    assert read_costs(b"clinic;glucose\nA;3,5\n") == (("A",), ("glucose",), (("3.5",),))
    assert read_costs(files.workbook([{"clinic": "A", "glucose": 3.5}])) == (("A",), ("glucose",), (("3.5",),))
    with pytest.raises(ProblemError, match=r"costs.csv: line 2, column glucose = '1,234': may mean 1234 or 1.234"):
        read_costs(b"clinic;glucose\nA;1,234\n")


@given(st.text(alphabet="ab *_`[](){}<>#+-.!|~:$\\&@/", max_size=30))
def test_every_sign_of_markdown_is_taken_as_a_letter(text):
    """What is left without the escaped signs are letters and single blanks, and without the escapes it is the text."""
    shown = inert(text).replace("\u2060", "")
    assert re.fullmatch(r"[ab ]*", re.sub(r"\\.", "", shown))
    assert re.sub(r"\\(.)", r"\1", shown) == " ".join(text.split())


@pytest.mark.parametrize(
    "address", ["http://evil.example", "HTTPS://evil.example", "www.evil.example", "WWW.e.x", "a@evil.example"]
)
def test_addresses_are_not_recognised(address):
    """By the patterns of GitHub's Markdown, which are applied to the text that escapes have left."""
    shown = re.sub(r"\\(.)", r"\1", inert(address))
    assert not re.search(r"(?i)https?://|www(?=\.)|[-.\w+]@[-\w]", shown)
    assert shown.replace("\u2060", "") == address


def test_tables_with_equal_headers_have_distinct_columns():
    table = html.Table(("", "alone", "alone", "alone"), (False,) * 4, ((("a", "1", "2", "3"), ""),))
    frame = frame_of(table)
    assert frame.columns.is_unique
    assert frame.to_numpy().tolist() == [["a", "1", "2", "3"]]

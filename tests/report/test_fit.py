"""Tables fit any page, and hold all that they were given, whatever the width."""

import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from jaxmech.report._labels import short_names, wrapped_names
from jaxmech.report._tables import PLAIN, make_table, new_table, print_plain

NAMES = st.text(st.sampled_from("abc 京"), min_size=1, max_size=40).map(lambda text: f"n{' '.join(text.split())}")
NUMBERS = st.integers(0, 10**12).map("{:,}".format)


def lines(table, width):
    buffer = io.StringIO()
    print_plain(Console(file=buffer, width=width), table)
    return buffer.getvalue().splitlines()


@st.composite
def tables(draw):
    columns = draw(st.integers(1, 8))
    headers = draw(st.lists(NAMES, min_size=columns, max_size=columns))
    rows = draw(st.lists(st.tuples(NAMES, *[NUMBERS] * columns), min_size=1, max_size=4))
    return headers, rows


@settings(deadline=None, max_examples=60)
@given(tables(), st.sampled_from([61, 80, 200]))
def test_nothing_is_lost(content, width):
    headers, rows = content
    table = new_table(PLAIN, "", *headers)
    for row in rows:
        table.add_row(*row)
    page = lines(table, width)
    assert all(cell_len(line) <= width for line in page)
    assert "…" not in "".join(page)
    words = [word for line in page for word in line.split()]
    for _, *numbers in rows:
        for number in numbers:
            assert words.count(number) >= numbers.count(number)


def test_headings_wrap_before_columns_go_below_each_other():
    table = new_table(PLAIN, "", "standard errors of all", "worth to everybody", "bill")
    table.add_row("Ashford", "0.1234", "123,456", "1,234")
    assert len(lines(table, 80)) == 3
    narrow = lines(table, 46)
    assert sum(line.startswith("Ashford") for line in narrow) == 1
    assert "standard errors" not in narrow[0]
    assert narrow[-1].split() == ["Ashford", "0.1234", "123,456", "1,234"]
    split = lines(table, 26)
    assert sum(line.startswith("Ashford") for line in split) == 3
    assert all(len(line) <= 26 for line in split)


def test_sentences_wrap_and_stay_in_one_table():
    table = make_table(PLAIN)
    table.add_column("claim", ratio=1)
    table.add_column("margin", justify="right")
    table.add_column("witness", ratio=2)
    table.add_row("nobody gains", "0.25", "a long sentence that says which case is the nearest one, and by how much")
    page = lines(table, 40)
    assert len([line for line in page if line.startswith("claim")]) == 1
    assert all(len(line) <= 40 for line in page)
    assert " ".join(" ".join(page).split()).count("0.25") == 1


PLACES = st.text(st.sampled_from("ab "), min_size=1, max_size=60).map(lambda text: f"n{' '.join(text.split())}n")


@pytest.mark.parametrize("limit", [10, 24])
def test_short_names_stay_apart(limit):
    names = ["Ashford", *(f"hospital of the northern district, site {i}" for i in range(3))]
    for made in (names, [f"{'x' * 30}{i}{'y' * 30}" for i in range(2)]):
        short = short_names(made, limit)
        assert len(set(short)) == len(made)
        assert max(map(len, short)) <= limit
    assert short_names(names, 24)[1:] == [f"hospital … site {i}" for i in range(3)]


@settings(deadline=None)
@given(st.lists(PLACES, min_size=1, max_size=30, unique=True), st.integers(10, 30), st.integers(1, 3))
def test_no_two_names_look_the_same(names, width, lines):
    assert len(set(short_names(names, width))) == len(names)
    texts = wrapped_names(names, width, lines)
    assert len(set(texts)) == len(names)
    assert all(len(line) <= width for text in texts for line in text.split("\n"))
    assert all(text.count("\n") < lines for text in texts)


def test_what_rows_are_of_is_repeated_below():
    """Of several rows of one agent, each says in every run of columns what it is of."""
    table = new_table(PLAIN, "", "distribution", "collects", "limit", "fails", keys=2)
    for row in (("Ashford", "glucose", "9", "3.4", "3 %"), ("Ashford", "HDL", "12", "0.7", "1 %")):
        table.add_row(*row)
    page = lines(table, 41)
    assert [line.split() for line in page if line.endswith("%")] == [
        ["Ashford", "glucose", "3", "%"],
        ["Ashford", "HDL", "1", "%"],
    ]
    assert sum(line.startswith("Ashford") for line in page) == 4
    assert all(len(line) <= 41 for line in page)

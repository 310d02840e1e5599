"""Folders of submissions: every fault at once, what is odd, and two readers that agree."""

import dataclasses

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxmech import ProblemError, exchange
from jaxmech._json import fingerprint
from jaxmech._sheets import workbook_bytes
from jaxmech.exchange import _tables
from tests.exchange import agreements as example

NAMES = ("first", "second")


def read(content, tmp_path, needed=(True, True), name="Ada.csv"):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return exchange.read_handed(path, NAMES, needed)


GOOD = [
    ("first,second\n1.5,2\n-3e-2,.5\n", [[1.5, -0.03], [2.0, 0.5]]),
    ("second,first\r\n2,1.5\r\n", [[1.5], [2.0]]),
    ("\ufefffirst,second\n1,2\n", [[1.0], [2.0]]),
    ("first,second\n1,2\n3,\n4,\n", [[1.0, 3.0, 4.0], [2.0]]),
    ("first,second\n,2\n,3\n", [[], [2.0, 3.0]]),
    ("first,second\n", [[], []]),
    (" first , second \n 1 , 2 \n\n", [[1.0], [2.0]]),
    ('"first","second"\n"1","2"\n', [[1.0], [2.0]]),
    ("first,second\n+1,2\n", [[1.0], [2.0]]),
    ("first,second\n1,2", [[1.0], [2.0]]),
    ("first;second\n1;2\n", [[1.0], [2.0]]),
    ("first;second\r\n1,5;2\r\n1.234,5;\r\n", [[1.5, 1234.5], [2.0]]),
    ("sep=;\nfirst;second\n1,5;2\n", [[1.5], [2.0]]),
    ("first\tsecond\n1.5\t2\n".encode("utf-16"), [[1.5], [2.0]]),
    ('first,second\n"1,500.5",2\n', [[1500.5], [2.0]]),
    (workbook_bytes([{"second": 2.0, "first": 1.234}, {"second": None, "first": 3}]), [[1.234, 3.0], [2.0]]),
]


@pytest.mark.parametrize(("content", "columns"), GOOD, ids=range(len(GOOD)))
@pytest.mark.parametrize("arrow", [True, False])
def test_what_is_read(content, columns, arrow, tmp_path, monkeypatch):
    if not arrow:
        monkeypatch.setattr(_tables, "_arrow", lambda module: None)
    found, faults = read(content, tmp_path)
    assert faults == []
    assert [column.tolist() for column in found.columns] == columns


FAULTS = [
    ("", ["Ada.csv: row 1: is empty"]),
    (
        "first,third\n1,2\n",
        ["Ada.csv: row 1: column third must be the name of a distribution (first, second); column second must be"],
    ),
    ("first,first\n1,2\n", ["Ada.csv: row 1: column first must not occur twice; column second must be there"]),
    ("a,b\n1,2\n", ["row 1: columns a, b must be names of distributions (first, second); columns first, second must"]),
    ("first\n1\n", ["Ada.csv: row 1, column second: must be there, even if it is empty"]),
    ("first,second\n1,x\ny,2\n", ["row 2, column second: must be a number, not 'x'", "row 3, column first"]),
    ("first,second\n1,\n1,2\n1,\n1,3\n", ["Ada.csv: row 2, column second: must not be left empty above numbers"]),
    ("first,second\n1,2,3\n1\n", ["row 2: must have 2 cells, but has 3", "row 3: must have 2 cells, but has 1"]),
    ("first,second\nnan,2\n1,inf\n1,1e999\n", ["row 2, column first", "row 3, column second", "row 4, column second"]),
    ("first;second\n1,234;2\n", ["Ada.csv: row 2, column first: '1,234' may mean 1234 or 1.234: write 1234"]),
    ("first;second\n1,5;2\n;\n2,5;3\n", ["row 3, column first: must not be left empty", "row 3, column second"]),
    (
        "first,second\n1,1_000\n1,0x10\n1,1d5\n",
        ["row 2, column second", "row 3, column second", "row 4, column second"],
    ),
    ('first,second\n1,"2\n', ["Ada.csv: row 2: is not valid CSV"]),
    (b"first,second\n1,\xff\n", ["Ada.csv: row 2: must be UTF-8 text"]),
]


@pytest.mark.parametrize(("content", "starts"), FAULTS)
@pytest.mark.parametrize("arrow", [True, False])
def test_every_fault_is_told_with_its_place(content, starts, arrow, tmp_path, monkeypatch):
    if not arrow:
        monkeypatch.setattr(_tables, "_arrow", lambda module: None)
    found, faults = read(content, tmp_path)
    assert found is None
    assert len(faults) == len(starts)
    for fault, start in zip(faults, starts, strict=True):
        assert start in str(fault)
        assert "\n" not in str(fault)


@pytest.mark.parametrize("arrow", [True, False])
def test_a_blank_line_in_one_column_is_a_missing_value(arrow, tmp_path, monkeypatch):
    if not arrow:
        monkeypatch.setattr(_tables, "_arrow", lambda module: None)
    _, faults = read("first\n1\n\n2\n", tmp_path, (True, False))
    assert [str(fault) for fault in faults] == ["Ada.csv: row 3, column first: must not be left empty above numbers"]
    found, faults = read("first\n1\n2\n\n\n", tmp_path, (True, False))
    assert (found.columns[0].tolist(), faults) == ([1.0, 2.0], [])


@given(
    rows=st.lists(
        st.tuples(
            *[st.one_of(st.floats(width=64), st.sampled_from(["", " ", "x", "1e5", "-0", "1.", ".5", "1 2"]))] * 2
        ),
        max_size=6,
    )
)
@settings(max_examples=150, deadline=None)
def test_both_readers_agree(rows):
    """Whatever the quick reader takes, the careful one takes too, and finds the same numbers."""
    text = "\n".join(["first,second", *(",".join(map(str, row)) for row in rows)]) + "\n"
    quick = _tables._quick(text.encode(), NAMES)
    careful, faults = _tables._careful(text.encode(), "Ada.csv", NAMES, (False, False))
    if quick is not None:
        assert faults == []
        assert {name: column.tolist() for name, column in quick.items()} == {
            name: column.tolist() for name, column in careful.items()
        }


def test_decimal_commas_without_quotation_marks_are_one_fault(tmp_path):
    """They part cells: the one at fault may stand where no column is."""
    _, faults = read('first,second\n,-2.5\n3,25,"3,5"\n', tmp_path)
    assert [str(fault) for fault in faults] == [
        "Ada.csv: row 3, column 3: '3,5' must have the decimal mark, a point or a comma, that -2.5 in line 2 has"
    ]


def test_a_file_in_another_format_has_not_endless_faults(tmp_path):
    _, faults = read("first,second\n" + "a,b\n" * 5000, tmp_path)
    assert 1000 < len(faults) < 1010
    assert "there may be more" in str(faults[-1])


class TestParquet:
    def write(self, tmp_path, **columns):
        path = tmp_path / "Ada.parquet"
        pyarrow.parquet.write_table(pyarrow.table(columns), path)
        return exchange.read_handed(path, NAMES, (True, True))

    def test_is_read_like_csv(self, tmp_path):
        found, faults = self.write(tmp_path, second=[1.0, None], first=[1, 2])
        assert faults == []
        assert [column.tolist() for column in found.columns] == [[1.0, 2.0], [1.0]]

    def test_has_faults_too(self, tmp_path):
        _, faults = self.write(tmp_path, first=["a"], second=[None, 1.0][:1])
        assert "must hold numbers" in str(faults[0])
        _, faults = self.write(tmp_path, first=[None, 1.0], second=[1.0, 2.0])
        assert "empty cells at the end alone" in str(faults[0])
        (tmp_path / "Ada.parquet").write_bytes(b"no")
        assert "not a valid Parquet" in str(exchange.read_handed(tmp_path / "Ada.parquet", NAMES, (True, True))[1][0])

    def test_needs_pyarrow(self, tmp_path, monkeypatch):
        monkeypatch.setattr(_tables, "_arrow", lambda module: None)
        assert "pip install 'jaxmech[exchange]'" in str(self.write(tmp_path, first=[1.0], second=[1.0])[1][0])


class TestFolder:
    signed = property(lambda self: example.agreement("cbl"))  # not solved before a test asks

    @pytest.fixture
    def folder(self, tmp_path):
        return example.write(self.signed, example.draw(self.signed, np.random.default_rng(0)), tmp_path / "in")

    def kinds(self, folder):
        return sorted((remark.kind, remark.party) for remark in exchange.read_submissions(folder, self.signed)[1])

    def test_honest_files_are_not_odd(self, folder):
        handed, remarks = exchange.read_submissions(folder, self.signed)
        assert remarks == []
        assert [[len(column) for column in one.columns] for one in handed] == self.signed.samples.tolist()
        assert handed[7].file is None

    def test_all_faults_of_all_files_are_told(self, folder):
        for name in ("Ada", "Cleo", "Gus"):
            path = folder / f"{name}.csv"
            path.write_text(path.read_text(encoding="utf-8") + "x,y\n", encoding="utf-8")
        with pytest.raises(exchange.FaultyError) as refused:
            exchange.read_submissions(folder, self.signed)
        assert [fault.file for fault in refused.value.faults if "x" in fault.rule] == ["Ada.csv", "Cleo.csv", "Gus.csv"]

    def test_files_that_are_missing_or_of_nobody(self, folder):
        (folder / "Gus.csv").rename(folder / "notes.csv")
        (folder / ".hidden").write_text("", encoding="utf-8")
        assert self.kinds(folder) == [("extra", None), ("missing", "Gus")]

    @pytest.mark.parametrize(
        "name", ["gus.csv", "Guss.csv", "Gsu.csv", "Gus (1).csv", "data-gus-2026.csv", "Gus.csv.txt"]
    )
    def test_a_file_that_nearly_has_the_name_of_a_missing_party_is_likely_hers(self, folder, name):
        (folder / "Gus.csv").rename(folder / name)
        texts = {remark.kind: remark.text for remark in exchange.read_submissions(folder, self.signed)[1]}
        hers = "did you mean Gus? Her file would be Gus.csv; as it is, Gus handed in nothing"
        assert texts == {
            "missing": "Gus handed in nothing",
            "misnamed": f"{name} belongs to nobody and was not read: {hers}",
        }

    @pytest.mark.parametrize("name", ["Augustus.csv", "notes.csv"])
    def test_a_name_within_a_word_is_nobodys(self, folder, name):
        (folder / "Gus.csv").rename(folder / name)
        assert self.kinds(folder) == [("extra", None), ("missing", "Gus")]

    def test_who_handed_in_is_not_looked_for(self, folder):
        (folder / "Adda.csv").write_text("", encoding="utf-8")
        assert self.kinds(folder) == [("extra", None)]

    def test_what_cannot_be_verified_is_said(self, folder):
        (folder / "Gus.csv").unlink()
        openpyxl = pytest.importorskip("openpyxl")
        book = openpyxl.Workbook()
        for row in (("first", "second"), *((float(i), float(i)) for i in range(10))):
            book.active.append(row)
        book.save(folder / "Gus.xlsx")
        assert ("format", "Gus") in self.kinds(folder)

    def test_other_numbers_of_points(self, folder):
        (folder / "Gus.csv").write_text("first,second\n1,2\n2,3\n", encoding="utf-8")
        (folder / "Hal.csv").write_text("first,second\n1,2\n", encoding="utf-8")
        assert self.kinds(folder) == [("fewer", "Gus"), ("unasked", "Hal"), ("unasked", "Hal")]
        for drops, said in ((True, "1 left out"), (False, "nobody checks them")):
            signed = dataclasses.replace(self.signed, drops=drops)
            texts = [remark.text for remark in exchange.read_submissions(folder, signed)[1]]
            assert f"Hal handed in 1 point of first; asked for 0: {said}" in texts

    def test_values_out_of_any_range_and_spreads(self, folder):
        rows = "".join(f"{'' if i >= 2 else 3 + i},{3 + 90 * (i == 4) + 0.01 * i}\n" for i in range(10))
        (folder / "Gus.csv").write_text(f"first,second\n{rows}", encoding="utf-8")
        assert self.kinds(folder) == [("far", "Gus"), ("spread", "Gus")]

    def test_the_same_data_under_two_names(self, folder):
        lines = (folder / "Cleo.csv").read_text(encoding="utf-8").splitlines()
        (folder / "Dr. D.csv").write_text("\n".join([lines[0], *lines[3:0:-1], *lines[4:]]) + "\n", encoding="utf-8")
        assert self.kinds(folder) == [("duplicate", "Dr. D"), ("duplicate", "Dr. D")]

    def test_a_file_that_is_handed_in_twice(self, folder):
        pyarrow.parquet.write_table(pyarrow.table({"first": [1.0]}), folder / "Ada.parquet")
        with pytest.raises(exchange.FaultyError, match="was handed in twice"):
            exchange.read_submissions(folder, self.signed)

    def test_names_whose_accents_were_taken_apart(self, folder, tmp_path):
        document = example.document("cbl")
        document["problem"]["agents"][6] = document["agents"][6] = "Zo\u00eb"
        signed = exchange.read_agreement({**document, "fingerprint": fingerprint(document)}, "signed.json")
        (folder / "Gus.csv").rename(folder / "Zoe\u0308.csv")
        handed, remarks = exchange.read_submissions(folder, signed)
        assert remarks == []
        assert handed[6].file == "Zo\u00eb.csv"

    def test_a_directory_in_place_of_a_file(self, folder):
        (folder / "Hal.csv").mkdir()
        with pytest.raises(exchange.FaultyError, match="must be a file"):
            exchange.read_submissions(folder, self.signed)

    def test_a_folder_without_any_party_is_the_wrong_one(self, tmp_path):
        (tmp_path / "notes.csv").write_text("first,second\n", encoding="utf-8")
        with pytest.raises(ProblemError, match=r"holds no file of any party, such as Ada\.csv or Ada\.xlsx or"):
            exchange.read_submissions(tmp_path, self.signed)
        (tmp_path / "Ada.csv").write_text("first,second\n", encoding="utf-8")  # she has none, but it is a file of hers
        assert len(exchange.read_submissions(tmp_path, self.signed)[0]) == len(self.signed.parties)

    def test_a_folder_that_is_none(self, folder):
        with pytest.raises(ProblemError, match="must be a folder"):
            exchange.read_submissions(folder / "Ada.csv", self.signed)


class TestNames:
    @pytest.mark.parametrize(
        ("party", "name"),
        [
            ("A B", "A B"),
            ("Zoë", "Zoë"),
            ("a/b\\c:d", "a_b_c_d"),
            ("..", "__"),
            (".x", "_x"),
            ("x. ", "x__"),
            ("CON.1", "CON.1_"),
        ],
    )
    def test_are_safe(self, party, name):
        assert exchange.file_names([party]) == (name,)

    @pytest.mark.parametrize("parties", [("a/b", "a:b"), ("Ada", "ADA"), ("x", "public.json"), ("x", "Operator.JSON")])
    def test_collisions_are_refused(self, parties):
        with pytest.raises(ProblemError, match="would share the file name"):
            exchange.file_names(parties)

    def test_long_ones_are_refused(self):
        with pytest.raises(ProblemError, match="too long"):
            exchange.file_names(["x" * 201])

    @given(st.lists(st.text(min_size=1, max_size=20), min_size=1, max_size=3, unique=True))
    @settings(max_examples=200, deadline=None)
    def test_never_leave_the_folder(self, parties):
        try:
            found = exchange.file_names(parties)
        except ProblemError:
            return
        assert len(set(found)) == len(parties)
        for name in found:
            assert name
            assert not set(name) & set('<>:"/\\|?*\0\n')
            assert name not in (".", "..")
            assert not name.startswith(".")

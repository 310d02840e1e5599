"""Tables as people keep them: what separates cells and decimals is read, or refused, and never guessed."""

import io
import sys

import numpy as np
import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxmech import ProblemError, files
from jaxmech._sheets import SheetError, canonical, decimal_mark, decoded, open_sheet, workbook_bytes
from tests.files.bad_inputs import GOOD


def table(folder, content, name="costs.csv", sheet=""):
    (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    found = files.read_table(folder / f"{name}{sheet}", name, "costs", row_names=True)
    return found.rows, found.columns, found.cells.tolist()


def book(*sheets):
    """A spreadsheet with sheets of these titles and cells."""
    made = openpyxl.Workbook()
    made.remove(made.active)
    for title, rows in sheets:
        sheet = made.create_sheet(title)
        for row in rows:
            sheet.append(row)
    buffer = io.BytesIO()
    made.save(buffer)
    return buffer.getvalue()


COSTS = [["clinic", "x", "y"], ["A", 1234.5, 2.5], ["B", 3, "inf"]]
EXPECTED = (("A", "B"), ("x", "y"), [[1234.5, 2.5], [3.0, np.inf]])
WRITTEN = (
    "clinic,x,y\nA,1234.5,2.5\nB,3,inf\n",
    'clinic,x,y\nA,"1,234.5",2.5\nB,3,inf\n',
    'clinic,x,y\nA,"1.234,5","2,5"\nB,3,inf\n',
    "clinic;x;y\r\nA;1234,5;2,5\r\nB;3;inf\r\n",
    "clinic;x;y\nA;1.234,5;2,5\nB;3;inf\n",
    "clinic;x;y\nA;1 234,5;2,5\nB;3;inf\n",
    "clinic;x;y\nA;1\u202f234,5;2,5\nB;3;inf\n",
    "clinic;x;y\nA;1'234.5;2.5\nB;3;inf\n",
    'sep=;\n"clinic";"x";"y"\n"A";"1234,5";"2,5"\n"B";"3";"inf"\n',
    "clinic\tx\ty\nA\t1,234.5\t2.5\nB\t3\tinf\n",
)


@pytest.mark.parametrize("text", WRITTEN, ids=range(len(WRITTEN)))
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_one_table_in_many_dialects(text, encoding, tmp_path):
    assert table(tmp_path, text.encode(encoding)) == EXPECTED


def test_semicolons_in_names_of_a_table_with_commas(tmp_path):
    found = table(tmp_path, "clinic;site,x;y\nA,1.5\n")
    assert found == (("A",), ("x;y",), [[1.5]])


def test_one_column_of_decimal_commas_needs_no_quotation_marks(tmp_path):
    (tmp_path / "a.csv").write_text("x\n3,51\n1.234,5\n7\n", encoding="utf-8")
    found = files.read_table(tmp_path / "a.csv", "a.csv", "a", row_names=False)
    assert found.cells.tolist() == [[3.51], [1234.5], [7.0]]


@pytest.mark.parametrize("mark", [".", ","])
@given(numbers=st.lists(st.floats(-1e12, 1e12).map(lambda x: round(x, 4)), min_size=1, max_size=6))
@settings(max_examples=60, deadline=None)
def test_numbers_with_groups_are_read_as_they_were_written_or_refused(mark, numbers):
    """Never another number; and refused only where both readings exist."""
    other = "," if mark == "." else "."
    written = [f"{x:,.4f}".rstrip("0").rstrip(".") for x in numbers]
    written = [text.translate(str.maketrans({",": other, ".": mark})) for text in written]
    cells = [(k, 0, text) for k, text in enumerate(written)]
    readings = [(canonical(text, "."), canonical(text, ",")) for text in written]
    doubtful = any(None not in pair and float(pair[0]) != float(pair[1]) for pair in readings)
    if doubtful and not any(None in pair for pair in readings):
        with pytest.raises(SheetError, match="may mean"):
            decimal_mark(cells, ";")
        return
    found = decimal_mark(cells, ";")
    assert [float(canonical(text, found)) for text in written] == numbers


@given(st.text(alphabet="0123456789.,'e+- ", max_size=12))
@settings(max_examples=300, deadline=None)
def test_what_python_reads_is_read_alike(text):
    plain = canonical(text, ".")
    strict = text.strip()
    if strict and set(strict) <= set("0123456789.") and strict.count(".") <= 1 and strict != ".":
        assert float(plain) == float(strict)
    if plain is not None:
        float(plain)


def test_a_file_that_is_half_text(tmp_path):
    with pytest.raises(ProblemError, match=r"costs = 'costs.csv': must be UTF-8 text \(line 2 is not\)"):
        table(tmp_path, b"clinic,x\nA,\xff\n")
    with pytest.raises(SheetError, match="must be UTF-8 text"):
        decoded(b"\xff\xfea")


class TestSpreadsheets:
    def test_are_read_like_csv(self, tmp_path):
        assert table(tmp_path, book(("Costs", COSTS)), "costs.xlsx") == EXPECTED
        assert table(tmp_path, book(("Costs", [[], *COSTS, [], [None]]), ("Notes", [])), "costs.xlsx") == EXPECTED

    def test_numbers_are_numbers_and_texts_are_looked_at(self, tmp_path):
        exact = book(("Costs", [["clinic", "x"], ["A", 1.234]]))
        assert table(tmp_path, exact, "a.xlsx")[2] == [[1.234]]
        assert table(tmp_path, book(("Costs", [["clinic", "x"], ["A", "1,5"]])), "a.xlsx")[2] == [[1.5]]
        with pytest.raises(ProblemError, match=r"line 2, column x = '1,234': may mean 1234 or 1.234"):
            table(tmp_path, book(("Costs", [["clinic", "x"], ["A", "1,234"]])), "a.xlsx")

    def test_a_sheet_of_several_is_named_or_refused(self, tmp_path):
        content = book(("Costs", COSTS), ("Other", [["a"], [1]]))
        assert table(tmp_path, content, "a.xlsx", "#Costs") == EXPECTED
        with pytest.raises(ProblemError, match=r"has 2 sheets: write FILE.xlsx#SHEET for one of Costs, Other"):
            table(tmp_path, content, "a.xlsx")
        with pytest.raises(ProblemError, match=r'must be the name of a sheet \("Costs", "Other"\)'):
            table(tmp_path, content, "a.xlsx", "#costs")

    def test_a_formula_counts_by_its_saved_value_or_is_refused(self, tmp_path):
        with pytest.raises(ProblemError, match=r"a.xlsx: line 2 = '=1\+1': is a formula whose value was not saved"):
            table(tmp_path, book(("Costs", [["clinic", "x"], ["A", "=1+1"]])), "a.xlsx")

    @pytest.mark.parametrize(("value", "found"), [(True, "True"), ("#N/A", "#N/A"), (None, "")])
    def test_what_is_no_number_is_refused(self, value, found, tmp_path):
        with pytest.raises(ProblemError, match=r"costs\[A\]\[x\]") as refused:
            table(tmp_path, book(("Costs", [["clinic", "x", "y"], ["A", value, 1]])), "a.xlsx")
        assert refused.value.value == found

    def test_damaged_old_and_huge_files_are_refused_in_one_line(self, tmp_path, monkeypatch):
        content = book(("Costs", COSTS))
        for bad, rule in ((content[:200], "not a valid .xlsx"), (b"\xd0\xcf\x11\xe0" + b"x" * 99, "the old format")):
            with pytest.raises(ProblemError, match=rule):
                table(tmp_path, bad, "a.xlsx")
        monkeypatch.setattr("jaxmech._sheets._workbook.MAX_UNPACKED", 10)
        with pytest.raises(SheetError, match="too large"):
            open_sheet(content)

    def test_where_openpyxl_is_missing_one_line_says_what_to_do(self, tmp_path, monkeypatch):
        content = book(("Costs", COSTS))
        monkeypatch.setitem(sys.modules, "openpyxl", None)
        with pytest.raises(ProblemError, match=r"pip install 'jaxmech\[excel\]'") as refused:
            table(tmp_path, content, "a.xlsx")
        assert "\n" not in str(refused.value)
        with pytest.raises(ProblemError, match=r"pip install 'jaxmech\[excel\]'"):
            files.workbook([{"a": 1}])

    def test_a_problem_in_one_spreadsheet_and_its_inputs(self, tmp_path):
        rows = [["x", "y"], *([k + 0.5, k * k] for k in range(12))]
        (tmp_path / "all.xlsx").write_bytes(book(("Costs", COSTS), ("Measured", rows)))
        text = '[collaboration]\ncosts = "all.xlsx#Costs"\nsigma = "all.xlsx#Measured"\n'
        (tmp_path / "mine.toml").write_text(text, encoding="utf-8")
        case = files.read(str(tmp_path / "mine.toml"))
        np.testing.assert_array_equal(case.problem.costs, EXPECTED[2])
        np.testing.assert_allclose(case.problem.sigma, np.std(np.array(rows[1:], float), axis=0, ddof=1))
        assert [path.name for path in case.inputs] == ["mine.toml", "all.xlsx"]
        with pytest.raises(ProblemError, match="would destroy"):
            files.check_spared({"--xlsx": str(tmp_path / "all.xlsx")}, [tmp_path / "all.xlsx#Costs"])

    def test_tables_by_agent_may_be_spreadsheets(self, tmp_path):
        rows = [["clinic", "x", "y"], ["A", 1, 2], ["B", 3, 4]]
        (tmp_path / "s.xlsx").write_bytes(book(("Sigma", rows)))
        (tmp_path / "mine.toml").write_text(
            "[collaboration]\n" + GOOD.replace("10.0", '"s.xlsx"').replace("inf", "0.5"), encoding="utf-8"
        )
        case = files.read(str(tmp_path / "mine.toml"))
        np.testing.assert_array_equal(case.problem.measured_sigma, [[1.0, 2.0], [3.0, 4.0]])

    @given(
        st.lists(
            st.fixed_dictionaries(
                {"agent": st.text(alphabet="=+-@'aé ", min_size=1, max_size=5), "gain": st.floats(-1e300, 1e300)}
            ),
            min_size=1,
            max_size=4,
        )
    )
    @settings(max_examples=25, deadline=None)
    def test_what_is_written_is_read_back(self, rows):
        """Numbers to 16 digits, texts as texts, whatever they begin with."""
        rows = [{"agent": row["agent"], "gain": row["gain"]} for row in rows]
        found = list(open_sheet(files.workbook(rows)).rows())
        assert found[0][1] == ["agent", "gain"]
        assert [row[0] for _, row in found[1:]] == [row["agent"] for row in rows]
        np.testing.assert_allclose([float(row[1]) for _, row in found[1:]], [row["gain"] for row in rows], rtol=1e-15)

    def test_is_easy_to_read(self):
        sheet = openpyxl.load_workbook(io.BytesIO(workbook_bytes([{"agent": "A", "n": 3}]))).active
        assert sheet.freeze_panes == "A2"
        assert sheet["A1"].font.bold
        assert sheet["B2"].value == 3

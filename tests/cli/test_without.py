"""``jaxmech solve FILE --without NAME``: what somebody's leaving does to all who remain."""

import csv
import io
import json

import jsonschema
import pytest
from click.testing import CliRunner

from jaxmech import schemas
from jaxmech._json import fingerprint
from jaxmech.cli import main

FIVE = """[collaboration]
sigma = [10.0, 5.0]
agents = ["Ada", "Bo", "Cleo", "Dora", "Eve"]
distributions = ["mean", "other"]
division = "leverage"
costs = [[0.03, 0.05], [0.033, 0.06], [0.036, inf], [0.04, 0.06], [0.05, 0.07]]
"""


def call(*arguments):
    found = CliRunner().invoke(main, ["solve", *(str(argument) for argument in arguments)])
    return found.exit_code, found.stdout, found.stderr


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The problem, and the same without Ada and Dora written by hand."""
    folder = tmp_path_factory.mktemp("five")
    (folder / "five.toml").write_text(FIVE, encoding="utf-8")
    three = FIVE.replace('"Ada", ', "").replace('"Dora", ', "")
    three = three.replace("[0.03, 0.05], ", "").replace("[0.04, 0.06], ", "")
    (folder / "three.toml").write_text(three, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def left(folder):
    """Both documents: --without, and the problem without them."""
    code, out, error = call(folder / "five.toml", "--without", "Ada", "--without", "Dora", "--json", "-")
    assert (code, error) == (0, "")
    return json.loads(out), json.loads(call(folder / "three.toml", "--json", "-")[1])


@pytest.mark.long
def test_is_the_answer_to_the_problem_without_them(left):
    document, alone = left
    without = document["without"]
    assert without["agents"] == alone["agents"] == ["Bo", "Cleo", "Eve"]
    for key in ("samples", "role", "penalty", "social_penalty"):
        assert without["plan"][key] == alone["plan"][key]
    kept = [document["plan"]["penalty"][i] for i in (1, 2, 4)]
    assert without["penalty"] == kept
    changes = [after - before for after, before in zip(alone["plan"]["penalty"], kept, strict=True)]
    assert without["change"] == pytest.approx(changes, abs=1e-9)
    assert [entry["name"] for entry in without["left_out"]] == ["Ada", "Dora"]
    assert without["left_out"][0]["penalty"] == document["plan"]["penalty"][0]
    assert without["left_out"][0]["alone"] == document["alone"]["penalty"][0]


@pytest.mark.long
def test_the_document_is_the_agreement_of_all_still(left, folder):
    document, _ = left
    jsonschema.validate(document, schemas.load("collaboration"))
    assert document["fingerprint"] == fingerprint(document)
    everybody = json.loads(call(folder / "five.toml", "--json", "-")[1])
    assert {key: document[key] for key in ("plan", "problem", "integer_plan")} == {
        key: everybody[key] for key in ("plan", "problem", "integer_plan")}  # fmt: skip


@pytest.mark.long
def test_the_page_and_the_rows_say_who_pays_what(left, folder):
    code, page, error = call(folder / "five.toml", "--without", "Ada")
    assert (code, error) == (0, "")
    assert "Without Ada, the 4 who remain pay " in page
    assert "Ada pays " in page
    assert "alone she would pay" in page
    _, out, _ = call(folder / "five.toml", "--without", "Ada", "--without", "Ada", "--without", "Dora", "--csv", "-")
    rows = list(csv.DictReader(io.StringIO(out)))
    document, _ = left
    assert [row["agent"] for row in rows] == document["without"]["agents"]
    assert [float(row["penalty without"]) for row in rows] == document["without"]["plan"]["penalty"]
    assert float(rows[0]["mean: samples without"]) == document["without"]["plan"]["samples"][0][0]


@pytest.mark.long
def test_who_could_not_know_everything_alone_is_told(folder):
    assert "Cleo pays" in (page := call(folder / "five.toml", "--without", "Cleo")[1])
    assert "alone she could not know everything" in page


@pytest.mark.parametrize(
    ("file", "names", "words"),
    [
        ("five", ["Adda"], 'did you mean "Ada"?'),
        ("five", ["Ada", "Bo", "Cleo", "Dora", "Eve"], "--without = 'Ada, Bo, Cleo, Dora, Eve': leaves nobody"),
        ("five", ["Ada", "Bo", "Dora", "Eve"], "leaves nobody who can measure other"),
        ("data-market", ["university"], "--without = 'university': means nothing"),
        ("competitors", ["Copycat"], "--without = 'Copycat': means nothing"),
        ("market-growth", ["agent 1"], "--without = 'agent 1': means nothing"),
    ],
)
def test_refusals_are_one_line(folder, file, names, words):
    source = folder / "five.toml" if file == "five" else file
    options = [part for name in names for part in ("--without", name)]
    code, out, error = call(source, *options, "--json", "-")
    assert (code, out, error.count("\n")) == (2, "", 1)
    assert words in error


@pytest.mark.long
def test_one_who_remains_is_alone(folder):
    options = [part for name in ("Ada", "Bo", "Cleo", "Dora") for part in ("--without", name)]
    _, out, _ = call(folder / "five.toml", *options, "--json", "-")
    document = json.loads(out)
    assert document["without"]["plan"]["penalty"] == pytest.approx([document["alone"]["penalty"][4]])


@pytest.mark.slow
def test_of_a_design(tmp_path):
    (tmp_path / "six.toml").write_text(
        f'[collaboration]\nsigma = 1.0\nmechanism = "designed"\ncosts = {[[0.01]] * 6}\n',
        encoding="utf-8",
    )
    code, out, _ = call(tmp_path / "six.toml", "--without", "agent 2", "--json", "-")
    document = json.loads(out)
    assert code == 0
    jsonschema.validate(document, schemas.load("design"))
    assert len(document["without"]["plan"]["penalty"]) == 5
    assert min(document["without"]["change"]) >= 0
    assert max(document["without"]["change"]) > 0

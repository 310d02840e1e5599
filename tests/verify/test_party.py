"""What a party verifies with what she holds: every honest folder is accepted, what is changed in it is named."""

import ast
import copy
import json
import re
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from jaxmech import _party, exchange, verify
from jaxmech._party import verify_own
from jaxmech.cli import main
from tests.exchange import agreements as example
from tests.verify.test_verify import Case, without_points

QUICK = ("cbl", *example.STORED)
NAMES = (
    *QUICK,
    *(
        pytest.param(name, marks=pytest.mark.long)  # each has to be solved
        for name in (*example.COMMANDS, "calibrated", "robust", "bounded")
        if name not in QUICK
    ),
)


def alone(case, party, folder):
    """A folder that holds what she was given, and one with what she handed in."""
    [name] = exchange.file_names([party])
    own, mine = folder / "own", folder / "mine"
    shutil.copytree(case.returns / name, own / name)
    shutil.copy(case.returns / "public.json", own)
    mine.mkdir()
    if (case.submissions / f"{name}.csv").exists():
        shutil.copy(case.submissions / f"{name}.csv", mine)
    return own, mine


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("change", [False, True], ids=["as agreed", "otherwise"])
def test_everybody_finds_an_honest_exchange_right(name, change, tmp_path, monkeypatch):
    monkeypatch.setattr(verify.Agreement, "soundness", lambda self: iter(()))  # the same for all: tested beside verify

    def changed(data):
        if change and name == "designed-panel":
            data[3] = [column + 40 for column in data[3]]
            data[5] = [column[: len(column) // 2] for column in data[5]]
        elif change:
            data[3] = [column + 40 for column in data[3]]
            without_points(data)

    case = Case(tmp_path, name, change=changed)
    for number, party in enumerate(example.agreement(name).parties):
        own, mine = alone(case, party, tmp_path / str(number))
        assert verify_own(own, case.agreement, party, mine) == []
        assert verify_own(own, case.agreement, party) == []


@pytest.fixture(scope="module")
def cases(tmp_path_factory):
    """What Cleo holds: by a published rule that checks her on the first, and by a design whose check she failed."""

    def far(data):
        data[2] = [data[2][0] + 1, data[2][1] + 40]

    found = {}
    for name in ("cbl", "designed"):
        folder = tmp_path_factory.mktemp(name)
        case = Case(folder, name, change=far)
        found[name] = (case.agreement, *alone(case, "Cleo", folder))
    return found


def put(key, value):
    """Change an entry of the second distribution, or of the first where the second is not checked."""

    def change(document):
        rows = document.get("checks") or document["distributions"]
        k = 1 if rows[1].get("role", "checked") == "checked" else 0
        rows[k][key] = value(rows[k][key]) if callable(value) else value

    return change


DOUBT = {"party": "Ada", "points": 10**6, "why": "not asked for, not checked"}


def doubt(*rows, **change):
    def written(document):
        first = {**DOUBT, "points": 1, "name": document["checks"][0]["name"], **change}
        document.update(doubtful=[{**first, **row} for row in rows or ({},)])

    return written


FORGED = {
    "receipt.json": {
        "count": put("count", lambda n: n + 1),
        "mean": put("mean", lambda x: x + 0.01),
        "clean_mean": put("compared_mean", lambda x: x + 0.01),  # as told, but her clean points tell it too
        "compared_count": put("compared_count", lambda n: n - 1),
        "discrepancy": put("discrepancy", lambda x: x * 0.9),
        "asked": put("asked", lambda n: n + 1),
        "cost": lambda document: document.update(cost=document["cost"] * 1.01),
        "submission": lambda document: document.update(submission="0" * 64),
        "remarks": lambda document: document.update(remarks=["Cleo handed in nothing"]),
        "doubtful": lambda document: document.update(doubtful=[{**DOUBT, "name": document["checks"][0]["name"]}]),
        "doubtful by nobody's name": doubt(name="zzz"),
        "doubtful for no reason": doubt(why="bad"),
        "doubtful against each other": doubt({"points": 3}, {"points": -3}),
    },
    "estimate.json": {
        "estimate": put("estimate", lambda x: x + 0.01),
        "standard_error": put("standard_error", lambda x: x * 0.9),
        "clean_count": put("clean_count", lambda n: n - 1),
        "clean_mean": put("clean_mean", lambda x: x + 0.01),
        "penalty_promised": lambda document: document.update(penalty_promised=0.1),
        "payment": lambda document: document.update(payment=1.0),
    },
}
OF_RULES = {
    "cbl": {"noise_variance": put("noise_variance", lambda x: x * 1.1)},
    "designed": {
        "passed": put("passed", True),
        "limit": put("limit", lambda x: 2 * x),
        "follows": put("follows", "nothing"),
        "withheld": put("withheld", lambda n: n - 1),
    },
}
CHANGES = [
    (name, file, key, change)
    for name in ("cbl", "designed")
    for file, changes in FORGED.items()
    for key, change in [*changes.items(), *(OF_RULES[name].items() if file == "receipt.json" else ())]
]


@pytest.mark.parametrize(("name", "file", "key", "change"), CHANGES, ids=lambda it: it if isinstance(it, str) else "")
def test_what_is_changed_in_her_folder_is_named(name, file, key, change, cases, tmp_path, monkeypatch):
    """Although the hashes in the receipt and in public are made to agree."""
    monkeypatch.setattr(verify.Agreement, "soundness", lambda self: iter(()))
    agreement, own, mine = cases[name]
    own = shutil.copytree(own, tmp_path / "own")
    path = own / "Cleo" / file
    document = json.loads(path.read_text(encoding="utf-8"))
    change(document)
    path.write_text(json.dumps(document), encoding="utf-8")
    if file == "estimate.json":
        receipt = json.loads((own / "Cleo" / "receipt.json").read_text(encoding="utf-8"))
        receipt["estimate"] = verify.sha256(path.read_bytes())
        (own / "Cleo" / "receipt.json").write_text(json.dumps(receipt), encoding="utf-8")
    public = json.loads((own / "public.json").read_text(encoding="utf-8"))
    public["parties"][2]["receipt"] = verify.sha256((own / "Cleo" / "receipt.json").read_bytes())
    (own / "public.json").write_text(json.dumps(public), encoding="utf-8")
    lines = verify_own(own, agreement, "Cleo", mine)
    assert any(key.split(" ")[0] in line for line in lines)
    assert all("\n" not in line and "operator.json" not in line for line in lines)


def test_a_receipt_that_is_not_the_one_in_public_and_another_file(cases, tmp_path):
    agreement, own, mine = cases["designed"]
    own = shutil.copytree(own, tmp_path / "own")
    path = own / "Cleo" / "receipt.json"
    path.write_text(path.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    assert any("public.json: the hash of her receipt" in line for line in verify_own(own, agreement, "Cleo"))
    lines = verify_own(own, agreement, "Cleo", cases["cbl"][2])
    assert any("Cleo/receipt.json: submission" in line for line in lines)
    [line] = verify_own(cases["cbl"][1], agreement, "Cleo", mine)
    assert "public.json is of another agreement" in line


def test_an_estimate_that_is_not_the_one_in_her_receipt_is_named(cases, tmp_path):
    """A mean of others that she cannot recompute, moved in her copy alone together with what rests on it."""
    agreement, own, mine = cases["cbl"]
    own = shutil.copytree(own, tmp_path / "own")
    path = own / "Cleo" / "estimate.json"
    path.write_text(path.read_text(encoding="utf-8") + " ", encoding="utf-8")
    [line] = verify_own(own, agreement, "Cleo", mine)
    assert line.startswith("Cleo/receipt.json: estimate is")


def test_an_unsound_or_changed_agreement_is_named(cases, tmp_path):
    agreement, own, _ = cases["designed"]
    document = json.loads(agreement.read_text(encoding="utf-8"))
    changed = copy.deepcopy(document)
    changed["integer_plan"]["penalty"][0] *= 0.9
    (tmp_path / "changed.json").write_text(json.dumps(changed), encoding="utf-8")
    lines = verify_own(own, tmp_path / "changed.json", "Cleo")
    assert any("fingerprint" in line for line in lines)
    assert any("promised" in line for line in lines)


def test_what_cannot_be_checked_is_refused_in_one_line(cases, tmp_path):
    agreement, own, _ = cases["designed"]
    (tmp_path / "market.json").write_text('{"kind": "market"}', encoding="utf-8")
    for signed, returns, party, words in (
        (agreement, own, "Zoe", "none of the parties: Ada, "),
        (agreement, own, "Ada", "holds no folder of Ada"),
        (tmp_path / "market.json", own, "Ada", "for agreements to share data"),
        (agreement, tmp_path, "Ada", "cannot be read"),
    ):
        with pytest.raises(verify.UnreadableError, match=words):
            verify_own(returns, signed, party)


def test_at_the_command_line(cases):
    agreement, own, mine = map(str, cases["designed"])
    found = CliRunner().invoke(main, ["verify", own, agreement, "--party", "Cleo", "--submissions", mine])
    assert found.exit_code == 0
    assert found.stdout.startswith("All agrees.\nHanded in by Cleo: ")
    assert "for the arbiter to verify" in found.stdout
    found = CliRunner().invoke(main, ["verify", own, agreement, "--party", "Cleo", "--secret", "secret.json"])
    assert (found.exit_code, found.stderr.count("\n")) == (2, 1)


class TestPage:
    """What came back to her, to read."""

    def page(self, cases, tmp_path, change=None):
        agreement, own, mine = cases["designed"]
        if change:
            own = shutil.copytree(own, tmp_path / "own")
            change(own)
        file = tmp_path / "mine.html"
        options = ["--party", "Cleo", "--submissions", str(mine), "--report", str(file)]
        found = CliRunner().invoke(main, ["verify", str(own), str(agreement), *options])
        return found.exit_code, " ".join(re.sub("<[^>]*>", " ", file.read_text(encoding="utf-8")).split()), own

    def test_it_has_her_estimates_and_all_that_she_was_told(self, cases, tmp_path):
        code, told, own = self.page(cases, tmp_path)
        assert code == 0
        assert "All that Cleo can recompute agrees." in told
        for entry in json.loads((own / "Cleo" / "estimate.json").read_text(encoding="utf-8"))["distributions"]:
            shown = re.search(rf"{entry['name']} (\d\S*) (\d\S*) [\d–]", told).groups()
            assert [*map(float, shown)] == pytest.approx([entry["estimate"], entry["standard_error"]], rel=6e-3)
        receipt = json.loads((own / "Cleo" / "receipt.json").read_text(encoding="utf-8"))
        assert receipt["submission"] in told
        assert receipt["agreement"] in told
        assert json.loads((own / "public.json").read_text(encoding="utf-8"))["commitment"] in told
        assert not any(f" {other} " in told for other in ("Fay", "Gus", "Eve/E"))

    def test_it_says_what_does_not_follow(self, cases, tmp_path):
        def change(own):
            path = own / "Cleo" / "estimate.json"
            document = json.loads(path.read_text(encoding="utf-8"))
            document["distributions"][0]["estimate"] += 1.0
            path.write_text(json.dumps(document), encoding="utf-8")

        code, told, _ = self.page(cases, tmp_path, change)
        assert code == 1
        assert "do not follow from what Cleo holds" in told
        assert "All that Cleo can recompute agrees" not in told

    def test_it_is_of_one_party(self, cases, tmp_path):
        agreement, own, _ = map(str, cases["designed"])
        found = CliRunner().invoke(main, ["verify", own, agreement, "--report", str(tmp_path / "page.html")])
        assert (found.exit_code, found.stderr.count("\n")) == (2, 1)
        assert "say whose with --party" in found.stderr
        found = CliRunner().invoke(main, ["verify", own, agreement, "--party", "Cleo", "--report", agreement])
        assert (found.exit_code, found.stderr.count("\n")) == (2, 1)


def test_it_rests_on_the_independent_program_alone():
    tree = ast.parse(Path(_party.__file__).read_text(encoding="utf-8"))
    modules = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert modules == {"pathlib", "typing", "jaxmech", "jaxmech.verify"}


def test_a_spread_that_nobody_has_and_missing_points_are_named(tmp_path, monkeypatch):
    """Limits follow σ̂, which a party cannot recompute: public.json says between what values all of them lie."""
    monkeypatch.setattr(verify.Agreement, "soundness", lambda self: iter(()))
    case = Case(tmp_path, "following")
    own, mine = alone(case, "Cleo", tmp_path / "cleo")
    assert verify_own(own, case.agreement, "Cleo", mine) == []
    (own / "Cleo" / "points.csv").unlink()
    assert verify_own(own, case.agreement, "Cleo", mine) == ["Cleo/points.csv is missing"]
    for file, entries in (("receipt.json", "checks"), ("estimate.json", "distributions")):
        document = json.loads((own / "Cleo" / file).read_text(encoding="utf-8"))
        for entry in document[entries]:
            entry["sigma"] = entry["sigma"] and 0.01 * entry["sigma"]
        (own / "Cleo" / file).write_text(json.dumps(document), encoding="utf-8")
    assert any("sigma is 0.0" in line and "public.json" in line for line in verify_own(own, case.agreement, "Cleo"))

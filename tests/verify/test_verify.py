"""The independent program: accepts every honest exchange, and names whatever is changed."""

import ast
import copy
import json
import shutil
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxmech import collaboration, exchange, verify
from jaxmech.cli import main
from tests.exchange import agreements as example
from tests.verify.exchanged import Exchanged

SOURCE = Path(verify.__file__)


class Case(Exchanged):
    example = example

    def receipts(self, hashes):
        return [hashes[f"{name}/receipt.json"] for name in exchange.file_names(example.agreement("cbl").parties)]


def without_points(data):
    data[2] = [np.zeros(0)] * 2
    data[5] = [column[: len(column) // 2] for column in data[5]]
    data[6] = [np.concatenate([column, [3.0]]) for column in data[6]]


@pytest.mark.parametrize("name", example.COMMANDS)
@pytest.mark.parametrize("change", [None, without_points], ids=["as agreed", "otherwise"])
def test_honest_exchanges_are_accepted(name, change, tmp_path):
    case = Case(tmp_path, name, change=change)
    assert case.verify() == []
    assert case.verify(known=False) == []


@pytest.mark.slow
@pytest.mark.parametrize("name", example.COMMANDS)
def test_many_honest_exchanges_are_accepted(name, tmp_path):
    for seed in range(25):
        (tmp_path / str(seed)).mkdir()
        case = Case(
            tmp_path / str(seed), name, seed=seed, points=bool(seed % 2), change=[None, without_points][seed % 3 > 1]
        )
        assert case.verify() == []
        assert case.verify(known=False) == []


@pytest.fixture(scope="module")
def honest(tmp_path_factory):
    """One exchange, to be copied and changed."""
    return Case(tmp_path_factory.mktemp("honest"), "cbl")


@pytest.fixture
def case(honest, tmp_path):
    copied = object.__new__(Case)
    for name in ("agreement", "submissions", "secret", "returns"):
        path = getattr(honest, name)
        target = tmp_path / path.name
        (shutil.copytree if path.is_dir() else shutil.copy)(path, target)
        setattr(copied, name, target)
    return copied


def scale(*path):
    """Change the sixth digit of a number, or a count by one."""

    def change(document):
        for key in path[:-1]:
            document = document[key]
        value = document[path[-1]]
        document[path[-1]] = value + 1 if isinstance(value, int) else value * (1 + 1e-6)

    return change


def put(value, *path):
    def change(document):
        for key in path[:-1]:
            document = document[key]
        assert document[path[-1]] != value
        document[path[-1]] = value

    return change


def drop(*path):
    def change(document):
        for key in path[:-1]:
            document = document[key]
        del document[path[-1]]

    return change


def swap(*places):
    """Exchange two entries of a list under a key."""

    def change(document):
        *path, i, j = places
        for key in path:
            document = document[key]
        document[i], document[j] = document[j], document[i]

    return change


CHECKED, RECEIVES = ("distributions", 0), ("distributions", 1)  # Bo is checked on the first; Ada receives the second
BO, FOLDER, ADA = "Bo, B.", "Bo, B_", "Ada"
OWED = ("estimate", "standard_error", "clean_count", "clean_mean", "noisy_count", "noisy_mean", "noisy_variance")
CHECKS = ("asked", "count", "mean", "compared_count", "compared_mean", "discrepancy", "noise_variance")
HER = ("parties", 1)
ZERO = "0" * 64

TAMPERED = [
    *((f"{FOLDER}/estimate.json", scale(*CHECKED, key), key) for key in OWED),
    *((f"{ADA}/estimate.json", scale(*RECEIVES, key), key) for key in OWED[:4]),
    *((f"{FOLDER}/estimate.json", scale(key), key) for key in ("penalty_promised", "cost")),
    (f"{FOLDER}/estimate.json", put(1.0, "payment"), "payment"),
    (f"{FOLDER}/estimate.json", put("Ada", "party"), "party"),
    (f"{FOLDER}/estimate.json", put(ZERO, "agreement"), "agreement"),
    (f"{FOLDER}/estimate.json", put("receipt", "kind"), "kind"),
    (f"{FOLDER}/estimate.json", put("third", *CHECKED, "name"), "name"),
    (f"{FOLDER}/estimate.json", drop(*CHECKED, "noisy_mean"), "noisy_mean is missing"),
    (f"{FOLDER}/estimate.json", lambda it: it.update(bonus=1), "bonus is not expected"),
    (f"{FOLDER}/estimate.json", swap("distributions", 0, 1), "name"),
    (f"{FOLDER}/estimate.json", put("3.1", *CHECKED, "estimate"), "estimate"),
    (f"{FOLDER}/estimate.json", put(None, *CHECKED, "estimate"), "estimate"),
    (f"{FOLDER}/estimate.json", put("inf", *CHECKED, "standard_error"), "standard_error"),
    *((f"{FOLDER}/receipt.json", scale("checks", 0, key), key) for key in CHECKS),
    (f"{FOLDER}/receipt.json", put("alone", "checks", 0, "role"), "role"),
    (f"{FOLDER}/receipt.json", put(ZERO, "submission"), "submission"),
    (f"{FOLDER}/receipt.json", put("Ada.csv", "file"), "file"),
    (f"{FOLDER}/receipt.json", scale("counts", 0), "counts"),
    (f"{FOLDER}/receipt.json", scale("cost"), "cost"),
    (f"{FOLDER}/receipt.json", put(ZERO, "nonce"), "nonce"),
    (f"{FOLDER}/receipt.json", put(["handed in nothing"], "remarks"), "remarks"),
    (f"{FOLDER}/receipt.json", put([{"party": "Ada"}], "doubtful"), "doubtful"),
    *(("operator.json", scale(*HER, *CHECKED, key), key) for key in (*OWED, *CHECKS, "available", "normal")),
    *(("operator.json", scale(*HER, *CHECKED, part, "count"), "count") for part in ("clean", "rest")),
    *(("operator.json", scale(*HER, *CHECKED, part, "mean"), "mean") for part in ("clean", "rest")),
    *(("operator.json", put(ZERO, *HER, *CHECKED, part, "listed"), "listed") for part in ("clean", "rest")),
    ("operator.json", put(True, *HER, *CHECKED, "clean", "inverted"), "inverted"),
    ("operator.json", put(None, *HER, *CHECKED, "rest"), "rest"),
    *(("operator.json", scale(*HER, key), key) for key in ("penalty_promised", "cost")),
    ("operator.json", put(5.0, *HER, "payment"), "payment"),
    ("operator.json", put(ZERO, *HER, "submission"), "submission"),
    ("operator.json", put(None, *HER, "file"), "file"),
    ("operator.json", put("Ada", *HER, "folder"), "folder"),
    ("operator.json", put("../Bo, B_", *HER, "folder"), "folder"),
    ("operator.json", put(ZERO, *HER, "nonce"), "nonce"),
    ("operator.json", swap("parties", 1, 2), "parties"),
    ("operator.json", put("f" * 64, "secret"), "secret"),
    ("operator.json", put(ZERO, "commitment"), "commitment"),
    ("operator.json", put(7, "seed"), "seed"),
    ("operator.json", put(ZERO, "agreement"), "agreement"),
    ("operator.json", put(ZERO, "files", f"{FOLDER}/points.csv"), "points.csv"),
    ("operator.json", drop("files", f"{FOLDER}/points.csv"), "points.csv"),
    ("operator.json", lambda it: it["remarks"].append(
        {"party": BO, "kind": "fewer", "text": "Bo handed in too little"}), "remarks"),
    ("public.json", put(ZERO, "commitment"), "commitment"),
    ("public.json", put(ZERO, "agreement"), "agreement"),
    ("public.json", put("pool", "mechanism"), "mechanism"),
    ("public.json", put(True, "seeded"), "seeded"),
    ("public.json", put("nothing to fear", "warning"), "warning"),
    ("public.json", put(False, "points"), "points"),
    ("public.json", put("9.9", "version"), "version"),
    ("public.json", put(ZERO, "parties", 1, "receipt"), "receipt"),
    ("public.json", swap("parties", 0, 1), "name"),
    ("public.json", scale("totals", 0, "points"), "points"),
    ("public.json", scale("totals", 1, "parties"), "parties"),
    ("public.json", drop("totals"), "totals is missing"),
]  # fmt: skip
"""A file, a change, and a word of the line that must name it."""

SIGNED = [
    (scale("integer_plan", "alpha", 1, 0), "alpha"),
    (scale("integer_plan", "samples", 1, 0), "samples"),
    (scale("integer_plan", "comparison", 1, 0), "comparison"),
    (scale("integer_plan", "rest", 1, 0), "rest"),
    (scale("integer_plan", "penalty", 1), "penalty"),
    (put("alone", "integer_plan", "role", 1, 0), "role"),
    (scale("problem", "sigma", 0), "sigma"),
    (scale("problem", "price", 0), "price"),
    (scale("problem", "costs", 1, 0), "costs"),
    (put("Zoë", "problem", "agents", 1), "agents"),
    (put("third", "problem", "distributions", 0), "distributions"),
    (scale("plan", "social_penalty"), "what is not carried out"),
]
"""Changes of the agreement after it was signed: a stale one is no other."""


def test_there_are_more_than_sixty_kinds_of_tampering():
    assert len(TAMPERED) + len(SIGNED) > 60


@pytest.mark.parametrize(("file", "change", "word"), TAMPERED)
@pytest.mark.parametrize("careful", [False, True], ids=["", "hashes made to agree"])
def test_tampering_is_named(case, file, change, word, careful):
    case.edit(file, change)
    if careful and file != "operator.json":
        case.rehash()
    if careful and file == "public.json" and word == "receipt":
        case.edit(file, change)
    lines = case.verify()
    assert any(word in line and (file in line or word == "points.csv" or "operator.json" in file) for line in lines)
    assert all("\n" not in line for line in lines)


@pytest.mark.parametrize(("change", "word"), SIGNED, ids=[word for _, word in SIGNED])
def test_an_agreement_that_is_not_the_signed_one_is_named(case, change, word):
    case.edit("agreement.json", change)
    assert any("fingerprint" in line for line in case.verify()), word
    case.edit("agreement.json", lambda it: None, signed=True)
    assert any("agreement" in line for line in case.verify(known=False)), word


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda it: it["integer_plan"]["penalty"].__setitem__(1, it["integer_plan"]["penalty"][1] * 0.99), "promised"),
        (lambda it: it["integer_plan"]["alpha"][1].__setitem__(0, 0.3), "gains by collecting"),
        (lambda it: it["integer_plan"]["alpha"][1].__setitem__(0, 30.0), "gains by collecting"),
        (lambda it: it["integer_plan"]["samples"][1].__setitem__(1, 400), "alone"),
    ],
)
def test_an_unsound_agreement_is_named_although_everybody_signed_it(change, words):
    document = example.document("cbl")
    change(document)
    lines = list(verify.soundness(verify.Agreement(document)))
    assert any(words in line for line in lines)


@pytest.mark.parametrize("name", example.COMMANDS)
def test_every_agreement_is_sound(name):
    assert list(verify.soundness(verify.Agreement(example.document(name)))) == []


THREE = {
    "division": "rational", "costs": [[0.033], [0.066], [0.1]], "sigma": [10.0], "price": [1.0],
    "target": {"samples": [[71.17142930455991], [6.678465111592387], [0.0]]},
}  # fmt: skip
"""The published example of a rational division."""


class TestOptimality:
    """The division of work against the conditions of its optimum."""

    def test_of_the_published_example(self):
        assert verify.optimality(THREE) < 1e-12

    @pytest.mark.parametrize(
        "samples", [[[71.2], [6.678465], [0.0]], [[71.171429], [0.0], [6.678465]], [[80], [0], [0]]]
    )
    def test_of_other_divisions(self, samples):
        assert verify.optimality({**THREE, "target": {"samples": samples}}) > 1e-4

    def test_of_the_social_optimum(self):
        best = 10 * (3 / 0.033) ** 0.5
        other = {**THREE, "division": "social", "target": {"samples": [[best], [0.0], [0.0]]}}
        assert verify.optimality(other) < 1e-12
        assert verify.optimality({**other, "division": "rational"}) > 0.1

    def test_is_not_asked_of_other_divisions_and_single_suppliers(self):
        assert verify.optimality({**THREE, "division": "nash"}) is None
        assert verify.optimality({**THREE, "costs": [[0.033], ["inf"], ["inf"]]}) is None

    @pytest.mark.parametrize(("agents", "distributions"), [(3, 2), (8, 1), (6, 3)])
    def test_of_what_is_solved(self, agents, distributions):
        generator = np.random.default_rng(agents)
        shape = ((agents, 1), (1, distributions), (agents, distributions))
        spread = [
            factor * generator.standard_normal(size) for factor, size in zip((0.3, 0.5, 0.05), shape, strict=True)
        ]
        costs = np.exp(sum(spread))
        solved = collaboration.rational_optimum(collaboration.Problem(costs, 1.0)).raise_for_status().value
        document = {
            "division": "rational", "costs": costs.tolist(), "sigma": [1.0] * distributions,
            "price": [1.0] * distributions, "target": {"samples": np.asarray(solved).tolist()},
        }  # fmt: skip
        assert verify.optimality(document) < 1e-9


def test_returns_of_another_agreement_are_told_so_in_one_line(case):
    """Of a sound agreement, that is all; where but one of the two files names another, that file is wrong."""
    case.agreement.write_text(example.text("pool"), encoding="utf-8")
    (line,) = case.verify()
    seals = example.document("cbl")["fingerprint"], example.document("pool")["fingerprint"]
    assert line == "the returns are of another agreement, {}; this one is {}".format(*seals)
    case.agreement.write_text(example.text("cbl"), encoding="utf-8")
    case.edit("public.json", lambda it: it.update(agreement="0" * 64))
    assert any(line.startswith("public.json: agreement is") for line in case.verify())


def test_an_agreement_over_another_division_is_named(case):
    def change(document):
        document["division"] = "social"

    case.edit("agreement.json", change, signed=True)
    assert any("misses the conditions of the social optimum" in line for line in case.verify(known=False))


def test_a_design_with_another_limit_or_rule_is_unsound():
    for key, factor in (("limit", 1.3), ("limit", 0.7), ("rest", 0.5)):
        document = example.document("designed")
        plan = document["integer_plan"]
        plan[key] = [[entry if entry == "inf" else entry * factor for entry in row] for row in plan[key]]
        assert list(verify.soundness(verify.Agreement(document)))


FORGED = {
    "passed": lambda check: check.update(passed=True),
    "limit": lambda check: check.update(limit=2 * check["limit"]),
    "discrepancy": lambda check: check.update(discrepancy=check["limit"] / 2),
    "follows": lambda check: check.update(follows="nothing"),
    "withheld": lambda check: check.update(withheld=0),
}


@pytest.fixture(scope="module")
def failing(tmp_path_factory):
    """A design in which Cleo's mean of the second distribution is far off."""

    def change(data):
        data[2][1] = data[2][1] + 40

    return Case(tmp_path_factory.mktemp("failing"), "designed", change=change)


@pytest.mark.parametrize("key", FORGED)
def test_a_receipt_that_lies_about_a_check_of_a_design_is_named(failing, key, tmp_path):
    shutil.copytree(failing.returns, tmp_path / "returns")
    case = copy.copy(failing)
    case.returns = tmp_path / "returns"
    assert case.verify() == case.verify(known=False) == []
    case.edit("Cleo/receipt.json", lambda it: FORGED[key](it["checks"][1]))
    case.rehash()
    for known in (True, False):
        assert any(f"Cleo/receipt.json: checks[second]: {key}" in line for line in case.verify(known=known))


class TestFiles:
    """Changes of what was handed in, of points, of folders."""

    def test_a_digit_of_a_point_that_was_handed_in(self, case):
        path = case.submissions / f"{FOLDER}.csv"
        text = path.read_text(encoding="utf-8").splitlines()
        text[1] = text[1].replace(text[1][-1], "1" if text[1][-1] != "1" else "2")
        path.write_text("\n".join(text) + "\n", encoding="utf-8")
        assert any("submission" in line for line in case.verify())

    def test_files_that_were_swapped(self, case):
        one, other = case.submissions / "Gus.csv", case.submissions / f"{FOLDER}.csv"
        first, second = one.read_bytes(), other.read_bytes()
        one.write_bytes(second)
        other.write_bytes(first)
        lines = case.verify()
        assert sum("submission" in line for line in lines) >= 2

    def test_a_file_that_was_left_out(self, case):
        (case.submissions / "Hal.csv").write_text("first,second\n1.0,2.0\n", encoding="utf-8")
        assert any("operator.json: parties[Hal]: file" in line for line in case.verify())

    def test_a_file_that_is_gone(self, case):
        (case.submissions / "Gus.csv").unlink()
        assert any("parties[Gus]: file" in line for line in case.verify())

    @pytest.mark.parametrize("known", [True, False])
    def test_a_point_that_was_returned(self, case, known):
        path = case.returns / FOLDER / "points.csv"
        lines = path.read_text(encoding="utf-8").splitlines()
        name, value, variance = lines[1].split(",")
        lines[1] = f"{name},{float(value) + 0.01!r},{variance}"
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        case.rehash()
        assert any("points.csv: first" in line for line in case.verify(known=known))

    @pytest.mark.parametrize("known", [True, False])
    def test_a_point_that_was_left_out(self, case, known):
        path = case.returns / FOLDER / "points.csv"
        lines = path.read_text(encoding="utf-8").splitlines()
        path.write_text("\n".join(lines[:-1]) + "\n", encoding="utf-8")
        case.rehash()
        assert any("points.csv" in line and "are owed" in line for line in case.verify(known=known))

    def test_points_that_are_gone(self, case):
        (case.returns / FOLDER / "points.csv").unlink()
        assert any("points.csv" in line for line in case.verify())

    def test_a_stranger(self, case):
        (case.returns / FOLDER / "of-others.csv").write_text("1.0\n", encoding="utf-8")
        assert case.verify() == [f"{FOLDER}/of-others.csv does not belong here"]

    def test_another_secret(self, case):
        case.secret.write_text(json.dumps({"secret": "1" * 64}), encoding="utf-8")
        assert case.verify() == ["operator.json: secret is not the one in the file"]

    def test_noise_that_was_chosen(self, case):
        """A careful forger draws another secret and makes everything agree: only the commitment gives it away."""
        signed = example.agreement("cbl")
        handed, remarks = exchange.read_submissions(case.submissions, signed)
        shutil.rmtree(case.returns)
        done = exchange.carry_out(signed, handed, remarks, "a" * 64)
        exchange.write_folder("-o", case.returns, exchange.returned_files(done))
        assert case.verify(known=False) == []
        assert case.verify() == ["operator.json: secret is not the one in the file"]

    @pytest.mark.parametrize("file", ["operator.json", "public.json", f"{FOLDER}/estimate.json", f"{ADA}/receipt.json"])
    @pytest.mark.parametrize("content", [None, b"", b"{", b"[]", b"{}", b"\xff", b'{"parties": 3}'])
    def test_what_cannot_be_read_is_no_verdict_or_named(self, case, file, content):
        path = case.returns / file
        path.unlink() if content is None else path.write_bytes(content)
        try:
            lines = case.verify()
        except verify.UnreadableError as error:
            lines = [f"{file} {error}"]
        assert any(file in line for line in lines)
        assert all("\n" not in line for line in lines)


def test_an_agreement_in_single_precision_is_held_to_single_precision():
    document = example.document("cbl")
    document["integer_plan"]["penalty"][1] *= 1 + 1e-4
    assert len(list(verify.soundness(verify.Agreement(document)))) == 1
    document["settings"]["dtype"] = "float32"
    assert list(verify.soundness(verify.Agreement(document))) == []


def test_it_imports_nothing_but_numpy_and_the_standard_library():
    tree = ast.parse(SOURCE.read_text(encoding="utf-8"))
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {name.partition(".")[0] for name in names} - set(sys.stdlib_module_names) == {"numpy"}


@pytest.mark.parametrize("options", [["-I"], []], ids=["a copy", "where it lies"])
def test_it_runs_by_itself(honest, tmp_path, options):
    """Where it lies, its neighbours are called as modules of the standard library, which must not find them."""
    alone = shutil.copy(SOURCE, tmp_path / "verify.py") if options else SOURCE
    command = [sys.executable, *options, str(alone), str(honest.returns), str(honest.agreement)]
    options = ["--submissions", str(honest.submissions), "--secret", str(honest.secret)]
    found = subprocess.run([*command, *options], capture_output=True, text=True, timeout=120, cwd=tmp_path, check=False)
    seals = ((honest.agreement, "fingerprint"), (honest.returns / "public.json", "commitment"))
    groups = [" ".join(textwrap.wrap(json.loads(path.read_text(encoding="utf-8"))[key], 16)) for path, key in seals]
    told = ["All agrees.", f"Fingerprint: {groups[0]}", f"Commitment:  {groups[1]}"]
    lines = found.stdout.splitlines()
    assert (found.returncode, [lines[0], *lines[3:5]], found.stderr) == (0, told, "")
    assert (lines[1].startswith("Handed in: "), lines[2].startswith("Checks: ")) == (True, True)


def test_its_exit_codes(case, capsys):
    arguments = [str(case.returns), str(case.agreement)]
    assert verify.main(arguments) == 0
    case.edit("public.json", put(ZERO, "commitment"))
    assert verify.main(arguments) == 1
    assert "commitment" in capsys.readouterr().out
    (case.returns / "public.json").unlink()
    assert verify.main(arguments) == 2
    assert capsys.readouterr().err.count("\n") == 1


class TestAgreementAlone:
    """Before anybody signs: sound by its own numbers or not, and its fingerprint."""

    def test_a_sound_one(self, honest, capsys):
        assert verify.verify(None, honest.agreement) == []
        assert verify.main([str(honest.agreement)]) == 0
        seal = json.loads(honest.agreement.read_text(encoding="utf-8"))["fingerprint"]
        groups = " ".join(textwrap.wrap(seal, 16))
        assert capsys.readouterr().out == f"The agreement is sound by its own numbers.\nFingerprint: {groups}\n"

    def test_one_that_was_changed_or_promises_too_much(self, case):
        case.edit("agreement.json", put(0.001, "integer_plan", "penalty", 1))
        assert "it was changed" in verify.verify(None, case.agreement)[0]
        case.edit("agreement.json", lambda it: None, signed=True)
        [line] = verify.verify(None, case.agreement)
        assert "is promised a penalty of" in line

    def test_one_whose_agents_are_others_than_in_its_problem(self, case):
        case.edit("agreement.json", lambda it: it["agents"].__setitem__(0, "Eve"), signed=True)
        assert verify.verify(None, case.agreement) == ["agreement: agents are not its problem's"]

    def test_what_is_none_is_refused_in_one_line(self, case, tmp_path):
        document = json.loads(case.agreement.read_text(encoding="utf-8"))
        for change, words in (
            ({"integer_plan": None}, "only one in whole samples can be carried out"),
            ({"kind": "audit"}, "of which nothing is known"),
            ({"problem": {}}, "lacks what it takes"),
            ({"problem": {**document["problem"], "surplus": "nonsense"}}, "lacks what it takes"),
        ):
            case.agreement.write_text(json.dumps({**document, **change}), encoding="utf-8")
            with pytest.raises(verify.UnreadableError, match=words):
                verify.verify(None, case.agreement)

    def test_at_the_command_line(self, honest, tmp_path):
        found = CliRunner().invoke(main, ["verify", str(honest.agreement)])
        assert (found.exit_code, found.stdout.splitlines()[0]) == (0, "The agreement is sound by its own numbers.")
        for arguments in ([str(honest.returns)], [str(honest.agreement), "--party", "Ada"]):
            found = CliRunner().invoke(main, ["verify", *arguments])
            assert (found.exit_code, found.stdout, found.stderr.count("\n")) == (2, "", 1)
            assert "needs the agreement, too" in found.stderr


EITHER = ["", " ", "1", "-17", '"7"', "1e3"]
POINTS = ["-2.5", "1,234.5", "1\u202f234.5", "1'234", "+.5", "1.5e-2", '"1,234.5"', "2.", "1 234.5", "\u22121.5"]
COMMAS = ["3,25", "1.234,5", "1 234,5", "\u22121,5", ",5", "2,", "1,5e-2", '"3,5"', "1.234", "12,34"]


@given(
    rows=st.sampled_from([POINTS, COMMAS, POINTS + COMMAS]).flatmap(
        lambda cells: st.lists(st.lists(st.sampled_from(EITHER + cells), min_size=2, max_size=2), max_size=5)
    ),
    columns=st.sampled_from([("first", "second"), ("second", "first"), ("first",), ("second",)]),
    sign=st.sampled_from([",", ";", "\t", "sep=;", "sep=|"]),
    code=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"]),
    end=st.sampled_from(["\n", "\r\n"]),
)
@settings(max_examples=400, deadline=None)
def test_every_file_that_run_reads_is_read_alike(rows, columns, sign, code, end):
    """Whatever the other reader takes, in whatever dialect, this one takes too, and finds the same numbers."""
    between = sign[-1]
    lines = [between.join(columns), *(between.join(row[: len(columns)]) for row in rows)]
    lines = [sign, *lines] if sign.startswith("sep=") else lines
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "Ada.csv"
        path.write_bytes((end.join(lines) + end).encode(code))
        handed, faults = exchange.read_handed(path, ("first", "second"), (False, False))
        if faults:
            return
        found = verify.read_columns(path, ["first", "second"])
    assert [column.tolist() for column in found] == [column.tolist() for column in handed.columns]


WRITTEN = {
    "semicolons and decimal commas": "first;second\n{0};{1}\n",
    "tabs": "first\tsecond\n{0}\t{1}\n",
    "a byte order mark": "\ufefffirst;second\n{0};{1}\n",
    "a separator that is said": "sep=|\nfirst|second\n{0}|{1}\n",
}


@pytest.mark.parametrize("how", WRITTEN)
def test_an_exchange_of_files_in_other_dialects_is_verified(how, tmp_path):
    def rewrite(data):
        data[2] = [np.array([1.5]), np.array([2.25])]

    def written(folder, name):
        text = WRITTEN[how].format(*("1,5", "2,25") if "comma" in how or "mark" in how else ("1.5", "2.25"))
        (folder / f"{name}.csv").write_text(text, encoding="utf-8")

    case = Case(tmp_path, "pool", change=rewrite, rewrite=lambda folder: written(folder, "Cleo"))
    assert case.verify() == []
    written(case.submissions, "Dr. D")
    assert any("Dr. D" in line for line in case.verify())


@pytest.mark.parametrize("content", [b"", b"other;third\n1;2\n", b"first,second\n1,x\n", b"\xff\xfe\x00"], ids=range(4))
def test_what_is_no_table_is_refused_in_one_line(content, tmp_path):
    (tmp_path / "Ada.csv").write_bytes(content)
    with pytest.raises(verify.UnreadableError, match=r"Ada.csv cannot be read as CSV: save it in UTF-8, with commas"):
        verify.read_columns(tmp_path / "Ada.csv", ["first", "second"])


def test_spreadsheets_are_not_read_and_one_line_says_what_to_do(case):
    (case.submissions / "Ada.csv").rename(case.submissions / "Ada.xlsx")
    with pytest.raises(verify.UnreadableError, match=r"submissions of Ada: only CSV is read here: verify without"):
        case.verify()


def test_points_that_nobody_is_asked_for_cannot_be_promised():
    """Ada is promised 900 clean points where the others collect 17, and a penalty that would follow from them."""
    document = example.document("designed")
    plan = document["integer_plan"]
    plan["role"][0], plan["samples"][0], plan["rest"][0] = ["receives"] * 2, [0, 0], [0, 0]
    plan["comparison"][0], plan["limit"][0] = [900, 900], ["inf", "inf"]
    changed = verify.Agreement(document)
    plan["penalty"][0] = float(verify.penalty(changed, 0, changed.asked[0]))
    lines = list(verify.soundness(verify.Agreement(document)))
    assert "agreement: Ada is promised more points of the others than they are asked for" in lines

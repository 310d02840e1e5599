"""Hostile input, the same for every command: one line, exit code 2, no work done, and nothing destroyed."""

import json
import os
import sys

import numpy as np
import pytest
from click.testing import CliRunner, Result

from jaxmech.cli import main

GOOD = 'sigma = "rows.csv"\ncosts = "costs.csv"\ntitle = "T"\ndata = "rows.csv"\n'
COSTS = "name,x,y\nA,0.1,0.2\nB,0.3,inf\n"
ROWS = "x,y\n" + "".join(f"{i}.5,{i * i}.25\n" for i in range(1, 12))
SWEPT = (
    '[sweep]\nproblem = "mine.toml"\ndraws = 4\ninstances = "table.csv"\n'
    '[sweep.parameters]\ncosts = { distribution = "lognormal", spread = 0.3 }\n'
)
COMMANDS = ("solve", "audit", "simulate", "design", "sweep")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A problem with its tables, and a program that fails if it starts to work."""
    monkeypatch.chdir(tmp_path)
    files = {"mine.toml": f"[collaboration]\n{GOOD}", "costs.csv": COSTS, "rows.csv": ROWS, "sweep.toml": SWEPT}
    for name, text in {**files, "table.csv": "sigma\n1.0\n", "more.csv": ROWS}.items():
        (tmp_path / name).write_text(text)

    def work(*_, **__):
        raise AssertionError("began to work")

    # what is imported first while something is replaced would keep the replacement: so what others import comes last
    for name in ("cli._solve_design.solve_design", "sweep.run", "deviation.simulate", "collaboration.solve"):
        monkeypatch.setattr(f"jaxmech.{name}", work)
    monkeypatch.setattr("jaxmech.cli._solve_collaboration.compute", work)
    return tmp_path


def run(*args: object, **environment: str) -> Result:
    return CliRunner().invoke(main, list(map(str, args)), env=environment)


def command(name: str, file: str = "mine.toml") -> list[str]:
    return [
        name,
        "sweep.toml" if (name, file) == ("sweep", "mine.toml") else file,
        *(["-o", "out"] * (name == "sweep")),
    ]


def assert_refused(result: Result, *parts: str) -> None:
    assert (result.exit_code, result.stdout) == (2, ""), result.output
    assert result.stderr.startswith("jaxmech: ")
    assert result.stderr.count("\n") == 1
    assert result.stderr[:-1].isprintable()
    for part in parts:
        assert part in result.stderr


@pytest.mark.parametrize("name", COMMANDS)
def test_the_fixture_begins_to_work(name, folder):
    assert "began to work" in run(*command(name)).stderr


@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize("target", ["mine.toml", "./costs.csv", "../{}/rows.csv", "link.csv", "hard.csv"])
def test_no_input_is_destroyed(name, target, folder):
    (folder / "link.csv").symlink_to("rows.csv")
    os.link(folder / "costs.csv", folder / "hard.csv")
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    for option in ("--json",) if name == "sweep" else ("--json", "--csv"):
        result = run(*command(name), option, target.format(folder.name))
        assert_refused(result, option, "would destroy")
    assert before == {path.name: path.read_bytes() for path in folder.iterdir()}


def test_what_only_one_command_reads_is_spared_too(folder):
    assert_refused(run("simulate", "mine.toml", "--data", "more.csv", "--csv", "./more.csv"), "would destroy more.csv")
    assert_refused(run(*command("sweep"), "--json", "table.csv"), "would destroy")
    assert_refused(run(*command("sweep"), "--json", "out"), "would destroy")
    (folder / "out").mkdir()
    assert_refused(run(*command("sweep"), "--json", "out/summary.json"), "for the results alone")


@pytest.mark.parametrize("name", [*COMMANDS, "reproduce", "doctor", "examples"])
@pytest.mark.parametrize("target", ["pipe", "round", "no/out.json", "a\udcffb/x", "/dev/zero"])
def test_targets_that_cannot_be_written_are_refused_by_every_command(name, target, folder):
    os.mkfifo(folder / "pipe")
    (folder / "round").symlink_to("round")
    given = command(name) if name in COMMANDS else [name]
    assert_refused(run(*given, "--json", target), "--json")


@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize(
    ("file", "parts"),
    [
        ("pipe", ["must be a regular file"]), ("/dev/zero", ["must be a regular file"]),
        ("round", ["no such file"]), ("./round", ["symbolic links"]), (".", ["is a directory"]), ("x" * 5000, ["file"]),
        ("no\x1b[31m.toml", [r"no\x1b[31m.toml"]), ("no\u202e/x", [r"no\u202e/x"]), ("no\udcff/x", [r"no\udcff/x"]),
        ("digits.toml", ["digits.toml: line 2", "too many digits"]),
        ("\x1b[2J.toml", [r"\x1b[2J.toml", r"b\x1b]0;c\x07", "unknown key"]),
    ],
)  # fmt: skip
def test_files_that_cannot_be_read(name, file, parts, folder):
    os.mkfifo(folder / "pipe")
    (folder / "round").symlink_to("round")
    section = "[sweep]\n" if name == "sweep" else "[collaboration]\n"
    (folder / "digits.toml").write_text(f"{section}seed = {'9' * 5000}\n")
    (folder / "\x1b[2J.toml").write_text(f'{section}"b\\u001b]0;c\\u0007" = 1\n')
    assert_refused(run(*command(name, file)), *parts)


@pytest.mark.parametrize(
    ("line", "parts"),
    [
        (f"sigma = 0x{'f' * 5000}", ["parameters.sigma", "too large to print", "a grid"]),
        ("sigma = [1e400]", ["parameters.sigma[0] = 1e400", "too large a number"]),
        ("sigma = { from = 1e-400, to = 2.0, steps = 3 }", ["parameters.sigma.from = 1e-400", "too small a number"]),
        ("sigma = [1.0]\n'sigma ' = [2.0]", ["parameters.sigma", "must not be given twice"]),
        ("'costs[\\u001b[31m]' = [1.0]".replace("'", '"'), [r"costs[\x1b[31m]", "cannot vary"]),
    ],
)
def test_sweeps_of_hostile_numbers(line, parts, folder):
    (folder / "bad.toml").write_text(f'[sweep]\nproblem = "three-agents"\n[sweep.parameters]\n{line}\n')
    assert_refused(run("sweep", "bad.toml", "-o", "out"), *parts)


@pytest.mark.parametrize(
    ("given", "part"), [("1e400", "too large a number"), ("1e-400", "too small a number"), ("²", "is not a number")]
)
def test_options_that_are_no_numbers(given, part, folder):
    for option in ("--noise", "--failure"):
        assert_refused(run("design", "mine.toml", option, given), option, part)
    assert_refused(run("solve", "market-growth", "--boundary", "--up-to", "9" * 5000), "--up-to")
    assert_refused(run("simulate", "mine.toml", "--seed", "9" * 5000), "--seed")


@pytest.mark.parametrize("name", ["solve", "audit", "simulate"])
@pytest.mark.parametrize("option", ["--division", "--mechanism"])
def test_an_empty_word_is_a_word(name, option, folder):
    assert_refused(run(name, "mine.toml", option, ""), f"{option} = ''", "must be one of")


@pytest.mark.parametrize(
    ("file", "option"), [("data-market", "--method"), ("competitors", "--mechanism"), ("mine.toml", "--plot")]
)
def test_an_empty_word_for_other_kinds(file, option, folder):
    assert_refused(run("solve", file, option, ""), f"{option} = ''")


@pytest.mark.parametrize("columns", ["²", "9" * 5000, "1000000000", "-5", "0", ""])
def test_widths_that_are_none(columns):
    for name in ("COLUMNS", "LINES"):
        result = run("reproduce", "appendix-c", **{name: columns})
        assert (result.exit_code, result.stderr) == (0, "")
        assert max(map(len, result.stdout.splitlines())) <= 100


def test_names_composed_and_apart_are_the_same_on_the_command_line(tmp_path):
    (tmp_path / "mine.toml").write_text(
        '[collaboration]\nsigma = 1.0\nagents = ["Z\u00fcrich", "B"]\ncosts = [[1.0], [2.0]]\nmechanism = "pool"\n',
        encoding="utf-8",
    )
    found = [run("simulate", tmp_path / "mine.toml", "--cheat", name).stderr for name in ("Zurich", "Zu\u0308ric")]
    assert all('did you mean "Z\u00fcrich"' in text for text in found)
    swept = '[sweep]\nproblem = "mine.toml"\n[sweep.parameters]\n"costs[Zu\u0308rich]" = [1.0, 2.0]\n'
    (tmp_path / "sweep.toml").write_text(swept, encoding="utf-8")
    result = run("sweep", tmp_path / "sweep.toml", "-o", tmp_path / "out", "--json", "-")
    assert result.exit_code == 0, result.stderr
    assert json.loads(result.stdout)["parameters"] == ["costs[Z\u00fcrich]"]


HOSTILE = "\x1b[31m\x9b2J\0\u202e\u200b\r\x07[bold]$\\frac{1}$_^%&<"


@pytest.fixture(scope="module")
def solved(tmp_path_factory):
    """A problem with a hostile title, and names as hostile as names may be, solved with every output."""
    folder = tmp_path_factory.mktemp("hostile")
    names = ["=1+1", "$\\frac{1}$", "_[b]&<x>%s{0}"]
    title = json.dumps(HOSTILE)
    text = f"[collaboration]\nsigma = 1.0\ncosts = [[0.01, 0.02], [0.02, 0.03], [0.03, 0.04]]\ntitle = {title}\n"
    text += f"agents = {json.dumps(names)}\ndistributions = {json.dumps(['-$x$', '_東京'])}\nmechanism = 'pool'\n"
    (folder / "mine.toml").write_text(text, encoding="utf-8")
    targets = [part for kind in ("json", "csv") for part in (f"--{kind}", folder / f"out.{kind}")]
    result = run("solve", folder / "mine.toml", *targets, "--plot", folder / "out.svg")
    assert (result.exit_code, result.stderr) == (0, "")
    return folder, result.stdout


@pytest.mark.long
def test_nothing_hostile_reaches_a_terminal(solved):
    _, page = solved
    assert page.replace("\n", "").isprintable()
    assert r"\x1b[31m\x9b2J" in page
    assert "[bold]$\\frac{1}$_^%&<" in page


@pytest.mark.long
def test_files_keep_what_was_written(solved):
    folder, _ = solved
    text = (folder / "out.json").read_text(encoding="utf-8")
    assert text.replace("\n", "").isprintable()
    assert json.loads(text)["title"] == " ".join(HOSTILE.split())
    assert json.loads(text)["agents"][0] == "=1+1"
    rows = (folder / "out.csv").read_text(encoding="utf-8").splitlines()
    assert rows[0].split(",")[1] == "'-$x$: samples"
    assert rows[1].startswith("'=1+1,")


@pytest.mark.long
def test_names_are_drawn_as_they_are(solved):
    from xml.etree import ElementTree

    folder, _ = solved
    drawn = "".join(ElementTree.fromstring((folder / "out.svg").read_text(encoding="utf-8")).itertext())
    for name in ("=1+1", "$\\frac{1}$", "_[b]&<x>%s{0}", "-$x$", "_東京", r"\x1b[31m"):
        assert name in drawn


def test_an_interruption_ends_with_its_own_code(folder, monkeypatch):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("jaxmech.cli._solve_collaboration.compute", interrupt)
    monkeypatch.setattr("jaxmech.sweep.run", interrupt)
    result = run("solve", "mine.toml", "--json", "-")
    assert (result.exit_code, result.output) == (130, "jaxmech: interrupted\n")
    result = run(*command("sweep"))
    assert (result.exit_code, result.output) == (130, "jaxmech: interrupted: the same command goes on from here\n")


def test_data_sets_without_end_are_refused_before_they_are_drawn(tmp_path):
    (tmp_path / "rows.csv").write_text("x\n" + "".join(f"{i}.5\n" for i in range(50)))
    for price, parts in (("1e20", ["data sets = ", "at most 16,777,216 each"]), ("1e10", ["replications", "at most"])):
        text = f"[collaboration]\nsigma = 1.0\ncosts = [[0.1], [0.2]]\nprice = {price}\nmechanism = 'pool'\n"
        (tmp_path / "mine.toml").write_text(f"{text}distributions = ['x']\ndata = 'rows.csv'\n")
        assert_refused(
            run("simulate", tmp_path / "mine.toml", "--replications", 10**8 if price == "1e10" else 2000), *parts
        )
    for name in ("simulate", "audit"):
        result = run(name, tmp_path / "mine.toml", "--replications", 10**9)
        assert_refused(result, "replications", "to fit into memory")


def test_gains_that_rounding_leaves_are_nothing():
    from tests.report.examples import answer

    made = answer(3, 1)
    alone = np.array([0.3, 0.3, np.inf])
    dusty = answer(3, 1, alone_penalty=alone, penalty=np.array([0.3 - 4e-16, 0.2, 0.1]))
    assert dusty.gain.tolist() == [0.0, 0.3 - 0.2, np.inf]
    coarse = {**made.settings, "dtype": "float32"}
    assert answer(3, 1, alone_penalty=alone, penalty=dusty.penalty + 1e-7, settings=coarse).gain[0] == 0.0


def test_a_page_without_listeners(folder, monkeypatch):
    for stream in ("stdout", "stderr"):
        monkeypatch.setattr(sys, stream, None)
    assert main(["solve", "mine.toml"], standalone_mode=False) == 2
    assert main(["solve", "mine.toml", "--json", "-", "--quiet"], standalone_mode=False) == 2

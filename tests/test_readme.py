"""Python in the README and the guides runs, console blocks show what is printed, and tables are complete."""

import contextlib
import functools
import io
import json
import os
import re
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

import jax
import pytest

from jaxmech import collaboration, files
from jaxmech.files._market import BUYER_KEYS
from jaxmech.files._sweep import SWEEP_KEYS

ROOT = Path(__file__).parents[1]
PAGES = {
    path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
    for path in (ROOT / "README.md", *sorted((ROOT / "notebooks").glob("*.md")))
}
README = PAGES["README.md"]
ALL = "\n".join(PAGES.values())
WIDTH = "110"


def blocks(language, text=ALL):
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def run(command, folder):
    """Run a jaxmech command line as a shell would, in a terminal of fixed width."""
    program, *arguments = shlex.split(command)
    assert program == "jaxmech"
    code = "import sys; from jaxmech.cli import main; sys.argv[0] = 'jaxmech'; main()"
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        env={**os.environ, "COLUMNS": WIDTH, "PYTHONPATH": str(ROOT), "PYTHONUTF8": "1"},
    )


@functools.cache
def run_once(command):
    """Run a command that reads shipped problems alone, and writes no file: guides show parts of one page."""
    with tempfile.TemporaryDirectory() as empty:
        return run(command, empty)


def alone(command):
    """Whether a command needs no files, and leaves none."""
    return not re.search(r"\s(-o|--json|--csv|--xlsx|--plot|--report)\s|\.(toml|json)\b|handed-in", command)


def console():
    """Stories: commands, one after the other in one folder, each with the lines that it is said to print."""
    stories = []
    for block in blocks("console"):
        assert block.startswith("$ ")
        story = []
        for line in block.splitlines():
            if line.startswith("$ "):
                story.append((line[2:], []))
            elif line.strip() not in ("", "…"):
                story[-1][1].append(line)
        stories.append(story)
    return stories


def hand_in(folder):
    """Patients' values for every party, as many as she has signed for."""
    signed, table = json.loads((folder / "agreement.json").read_text(encoding="utf-8")), files.read("clinics").data
    (folder / "handed-in").mkdir()
    rows = iter(range(10**6))
    for name, counts in zip(signed["agents"], signed["integer_plan"]["samples"], strict=True):
        patients = [table.cells[next(rows) % len(table.cells)] for _ in range(max(counts))]
        lines = [[str(value) if j < n else "" for value, n in zip(row, counts, strict=True)]
                 for j, row in enumerate(patients)]  # fmt: skip
        if lines:
            text = "\n".join(",".join(line) for line in [table.columns, *lines])
            (folder / "handed-in" / f"{name}.csv").write_text(f"{text}\n", encoding="utf-8")


def cheat(folder):
    """Ashford invents triglycerides: what run reports, what she gets, and that all agrees, as the README says."""
    path = folder / "handed-in" / "Ashford.csv"
    run("jaxmech run agreement.json handed-in -o honest --seed 1", folder)  # the page's own secret may be another
    path.write_text(re.sub("^,,[^,]*", ",,2.2", path.read_text(encoding="utf-8"), flags=re.MULTILINE), encoding="utf-8")
    told = run("jaxmech run agreement.json handed-in -o cheated --seed 1", folder).stdout
    assert "- Ashford, triglycerides: points spread not at all: all are the same" in told
    means = []
    assert run("jaxmech verify returns agreement.json", folder).stdout.startswith("All agrees.\nHanded in: ")
    for returns in ("cheated", "honest"):
        assert run(f"jaxmech verify {returns} agreement.json", folder).stdout.startswith("All agrees.\nHanded in: ")
        owed = json.loads((folder / returns / "Ashford" / "estimate.json").read_text(encoding="utf-8"))
        entry = owed["distributions"][2]
        means.append(entry["clean_mean"])
    assert means[0] > means[1] + 0.1  # half of these points are hers


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "bad.toml").write_text('[collaboration]\nsigma = 1.0\ncosts = [[1.0]]\ndivison = "nash"\n')
    return tmp_path


def shown(story):
    """A story as a parameter: those that search for cheaters, sweep or carry out an agreement take long."""
    dear = re.compile("audit|--without|--secret|--estimate|sweep|agreement.json")
    marks = [pytest.mark.long] if any(dear.search(command) for command, _ in story) else []
    return pytest.param(story, id=f"{story[0][0]}: {story[0][1][0][:40] if story[0][1] else ''}", marks=marks)


@pytest.mark.parametrize("story", [shown(story) for story in console()])
def test_console_blocks_show_what_is_printed(story, folder):
    for command, lines in story:
        found = run_once(command) if alone(command) else run(command, folder)
        printed = iter([" ".join(line.split()) for line in (found.stdout + found.stderr).splitlines()])
        for line in lines:
            assert " ".join(line.split()) in printed, f"{line!r} is not printed, or not in this order"
        if (folder / "agreement.json").is_file() and not (folder / "handed-in").is_dir():
            hand_in(folder)
    if (folder / "returns").is_dir():
        cheat(folder)


@functools.cache
def executed(name):
    """What the Python blocks of a page define, run one after the other, and what they print."""
    defined, printed = {}, io.StringIO()
    with contextlib.redirect_stdout(printed):
        for block in blocks("python", PAGES[name]):
            exec(compile(block, name, "exec"), defined)
    return defined, printed.getvalue().splitlines()


def calls(text=ALL):
    """What the Python blocks of a text print, with the comments that say what comes out."""
    return [f"print{call}" for call in re.findall(r"^ *print(.*)$", "".join(blocks("python", text)), re.MULTILINE)]


def numbers(text):
    return [float(number) for number in re.findall(r"-?\d+\.\d*", text)]


@pytest.mark.slow
@pytest.mark.usefixtures("compile_quickly")
@pytest.mark.parametrize("name", [name for name, text in PAGES.items() if blocks("python", text)])
def test_python_blocks_print_what_their_comments_say(name):
    stated, (_, printed) = calls(PAGES[name]), executed(name)
    assert len(stated) == len(printed)
    for call, line in zip(stated, printed, strict=True):
        comment = call.partition("  # ")[2]
        found = numbers(line)
        assert numbers(comment)[: len(found)] == pytest.approx(found, abs=5e-5), call


def test_pages_print_something():
    assert len(calls()) >= 8


@pytest.mark.slow
def test_python_blocks_have_the_shapes_they_say():
    names, _ = executed("README.md")
    assert names["many"].shape == (100,)
    assert names["slope"].shape == (3, 1)


@pytest.mark.slow
def test_slope_is_that_of_finite_differences():
    names, _ = executed("README.md")
    function, costs, step = names["social_penalty"], names["costs"], 1e-5
    for i in range(2):
        shift = jax.numpy.zeros_like(costs).at[i].set(step)
        slope = float(function(costs + shift) - function(costs - shift)) / (2 * step)
        assert float(names["slope"][i, 0]) == pytest.approx(slope, rel=1e-5)


def test_first_problem_file_is_the_one_described(tmp_path):
    (tmp_path / "mine.toml").write_text(blocks("toml", README)[0], encoding="utf-8")
    problem = files.read(str(tmp_path / "mine.toml")).problem
    assert problem.shape == (3, 2)


@pytest.mark.parametrize("block", [block for block in blocks("toml") if not block.startswith("[sweep]")])
def test_every_problem_file_is_valid(block, tmp_path):
    (tmp_path / "mine.toml").write_text(block, encoding="utf-8")
    assert files.read(str(tmp_path / "mine.toml")).source


def test_the_readme_stays_short():
    assert len(README.splitlines()) <= 200
    assert all(len(line) <= 120 or line.startswith(("|", "jaxmech: ")) for line in README.splitlines())


def test_the_site_has_every_page():
    index = PAGES["notebooks/index.md"]
    for name in PAGES:
        stem = Path(name).stem
        assert stem in ("README", "index") or f"\n{stem}\n" in index


def test_every_key_of_every_section_is_explained():
    told = PAGES["notebooks/problem-files.md"].split("\n## Keys of ")[1:]
    keys = {name: known for name, (_, known) in files.KINDS.items()} | {"sweep": SWEEP_KEYS}
    assert len(told) == len(keys)
    for text in told:
        section = re.match(r"`\[(\w+)\]`", text)[1]
        first = "".join(re.findall(r"^\| (.*?) \|", text, re.MULTILINE))
        explained = set(re.findall(r"`\[?(?:sweep\.)?(\w+)\]?`", first))
        buyers = set(BUYER_KEYS) if section == "market" else set()
        assert explained == {*keys[section], *buyers} - {"buyers"}, section


def test_tables_name_every_division_and_mechanism():
    for name in (*collaboration.DIVISIONS, *collaboration.MECHANISMS):
        assert f"\n| `{name}` |" in ALL


def test_tables_name_every_command_and_option():
    listed = run("jaxmech --help", ROOT).stdout
    commands = re.findall(r"^  (\w+)  +[A-Z]", listed.partition("Commands:")[2], re.MULTILINE)
    assert len(commands) >= 4
    for command in commands:
        assert f"| `jaxmech {command}" in README
    options = set(re.findall(r"--[a-z]+", run("jaxmech solve --help", ROOT).stdout.partition("Options:")[2]))
    for option in options - {"--help"}:
        assert f"`{option}" in ALL


def test_links_lead_somewhere():
    for name, text in PAGES.items():
        for target in re.findall(r"\]\(([^)#]+)\)", text):
            assert target.startswith("https://") or ((ROOT / name).parent / target).exists(), (name, target)


def test_first_screen_holds_the_two_commands():
    assert "```\npip install . && jaxmech solve clinics\n```" in README
    assert "```\npip install '.[test]' && python -m pytest\n```" in README


def test_few_agents_cannot_check_each_other():
    problem = collaboration.Problem(costs=[[0.033], [0.066], [0.1]], sigma=10.0)
    for division in ("rational", "nash", "egalitarian"):
        role = collaboration.solve(problem, division=division).value.role
        assert not (role == collaboration.Role.CHECKED).any()


def test_plans_differentiate_in_forward_mode():
    """Penalties grow like the root of a factor on all costs."""

    def pays(factor):
        problem = collaboration.Problem(jax.numpy.full((6, 1), 0.04) * factor, sigma=1.0)
        return collaboration.solve(problem, division="leverage").value.social_penalty

    assert float(jax.jacfwd(pays)(1.0)) == pytest.approx(float(pays(1.0)) / 2, rel=1e-6)


def test_skewness_as_stated():
    data = files.read("clinics").data
    values = data.cells[:, data.columns.index("triglycerides")]
    centred = values - values.mean()
    assert (centred**3).mean() / centred.std() ** 3 == pytest.approx(2, abs=0.1)


def test_architecture_is_that_of_the_package():
    packages = {path.parent.name for path in (ROOT / "jaxmech").glob("*/__init__.py")}
    picture = PAGES["notebooks/architecture.md"]
    for package in packages:
        assert f"{package}/" in picture

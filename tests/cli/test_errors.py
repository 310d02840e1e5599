"""Bad input and usage: exit code 2, exactly one line on standard error, nothing on standard output."""

import pytest
from click.testing import CliRunner, Result

from jaxmech import ProblemError, SolveError
from jaxmech.cli import main
from tests.files.bad_inputs import BAD_INPUTS, GOOD, Bad

pytestmark = pytest.mark.usefixtures("no_solving")


@pytest.fixture
def no_solving(monkeypatch):
    """Whatever is refused must be refused before any work is done."""

    def compute(*_):
        raise AssertionError("was solved")

    monkeypatch.setattr("jaxmech.cli._solve_collaboration.compute", compute)


def _run(*args: str) -> Result:
    return CliRunner().invoke(main, list(args))


def _assert_refused(result: Result, *parts: str) -> None:
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    assert result.stderr.startswith("jaxmech: ")
    assert result.stderr.endswith("\n")
    assert result.stderr.count("\n") == 1
    for part in parts:
        assert part in result.stderr


@pytest.mark.parametrize("bad", BAD_INPUTS, ids=lambda bad: bad.name)
def test_bad_input(bad: Bad, tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(bad.text)
    for name, text in bad.files:
        (tmp_path / name).write_text(text)
    _assert_refused(_run("solve", str(path), "--json", "-"), str(path), *bad.parts)


@pytest.mark.parametrize(
    ("args", "parts"),
    [
        (["slove"], ["command", "'slove'", 'did you mean "solve"']),
        (["solve"], ["Missing argument 'FILE'"]),
        (["solve", "clinics", "more"], ["unexpected extra argument"]),
        (["solve", "clinics", "--jsn", "-"], ["--jsn", "--json"]),
        (["--jsn"], ["--jsn"]),
        (["solve", "clinics", "--json"], ["--json", "requires an argument"]),
        (["solve", "clincs"], ["'clincs'", 'did you mean "clinics"']),
        (["solve", "no.toml"], ["'no.toml'", "no such file"]),
        (["solve", "."], ["is a directory"]),
        (["solve", "clinics", "--division", "nahs"], ["--division", "'nahs'", 'did you mean "nash"']),
        (["solve", "clinics", "--mechanism", "cbll"], ["--mechanism", "'cbll'", 'did you mean "cbl"']),
        (["solve", "clinics", "--dtype", "float46"], ["--dtype", "'float46'", 'did you mean "float64"']),
        (["solve", "clinics", "--plot", "a.jpg"], ["--plot", "a.jpg", "png, svg, pdf"]),
        (["solve", "clinics", "--plot", "plot"], ["--plot", "plot", "png, svg, pdf"]),
        (["solve", "clinics", "--json", "no/such/dir.json"], ["--json", "no/such/dir.json", "directory that exists"]),
        (["solve", "clinics", "--csv", "."], ["--csv", "'.'", "must be a file"]),
        (["solve", "clinics", "--json", "-", "--csv", "-"], ["--json --csv", "only one of the two"]),
        (["solve", "clinics", "--quiet", "--verbose"], ["--quiet --verbose", "only one of the two"]),
        (["examples", "clinic"], ["'clinic'", 'did you mean "clinics"']),
        (["reproduce", "apendix-c"], ["'apendix-c'", 'did you mean "appendix-c"']),
        (["reproduce", "appendix-c", "--plot", "a.png"], ["--plot", "figure-1"]),
        (["doctor", "--plot", "a.png"], ["--plot"]),
    ],
    ids=lambda value: " ".join(value) if len(value) and " " not in value[0] else "",
)
def test_bad_usage(args, parts):
    _assert_refused(_run(*args), *parts)


@pytest.mark.parametrize(
    ("error", "code", "text"),
    [
        (ProblemError("costs[2]", 1, "must be\ntwo"), 2, "costs[2] = 1: must be two"),
        (SolveError("STALLED: too short"), 1, "STALLED: too short"),
        (RuntimeError("a\nb"), 1, "internal error, please report it: RuntimeError: a b (--verbose shows where)"),
        (MemoryError(), 2, "does not fit into memory"),
        (RuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 8 bytes"), 2, "does not fit into memory"),
    ],
)
def test_exceptions_end_in_one_line(error, code, text, tmp_path, monkeypatch):
    def compute(*_):
        raise error

    monkeypatch.setattr("jaxmech.cli._solve_collaboration.compute", compute)
    (tmp_path / "mine.toml").write_text(f"[collaboration]\n{GOOD}")
    result = _run("solve", str(tmp_path / "mine.toml"), "--json", "-")
    assert result.exit_code == code
    assert result.stdout == ""
    assert result.stderr.strip() == f"jaxmech: {text}" or text in result.stderr
    assert result.stderr.count("\n") == 1


def test_traceback_only_if_asked_for(tmp_path, monkeypatch):
    monkeypatch.setattr("jaxmech.cli._solve_collaboration.compute", lambda *_: 1 / 0)
    (tmp_path / "mine.toml").write_text(f"[collaboration]\n{GOOD}")
    assert "Traceback" in _run("solve", str(tmp_path / "mine.toml"), "--verbose").stderr

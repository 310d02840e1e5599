"""The program as a process: pipes, warnings, and answering without starting a backend. Each call takes seconds."""

import json
import os
import subprocess
import sys

import pytest

COMMAND = [sys.executable, "-W", "error", "-c", "from jaxmech.cli import main; main()"]
PLAIN = {key: value for key, value in os.environ.items() if key not in ("JAX_ENABLE_X64", "XLA_FLAGS", "COLUMNS")}


@pytest.mark.long
def test_json_on_standard_output_is_one_document_in_float64():
    found = subprocess.run(
        [*COMMAND, "solve", "three-agents", "--division", "nash", "--json", "-"],
        capture_output=True, text=True, env=PLAIN, timeout=120, check=True,
    )  # fmt: skip
    document = json.loads(found.stdout)
    assert found.stderr == ""
    assert [round(row[0], 2) for row in document["target"]["samples"]] == [35.32, 23.42, 15.73]
    assert document["status"]["name"] == "OK"
    assert document["settings"]["dtype"] == "float64"


def test_a_reader_who_leaves_early_is_no_error():
    program = f"{sys.executable} -c 'from jaxmech.cli import main; main()'"
    script = f"{program} examples clinics | head -1; echo ${{PIPESTATUS[0]}}"
    found = subprocess.run(["bash", "-c", script], capture_output=True, text=True, env=PLAIN, timeout=120, check=True)
    assert found.stderr == "" or found.stderr.startswith("jaxmech: it reads ")
    assert found.stdout.splitlines() == ["# Two dozen clinics share four laboratory measurements.", "0"]


def test_a_closed_standard_output_is_no_error():
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "w") as closed:
        found = subprocess.run(
            [*COMMAND, "examples"], stdout=closed, stderr=subprocess.PIPE, text=True, env=PLAIN, timeout=120
        )
    assert (found.returncode, found.stderr) == (0, "")


@pytest.mark.long
def test_a_terminal_that_knows_no_greek(tmp_path):
    environment = {**PLAIN, "PYTHONIOENCODING": "ascii"}
    found = subprocess.run(
        [*COMMAND, "examples", "no"], capture_output=True, text=True, env=environment, timeout=120
    )  # fmt: skip
    assert found.returncode == 2
    found = subprocess.run([*COMMAND, "doctor"], capture_output=True, text=True, env=environment, timeout=120)
    assert found.returncode == 0, found.stdout
    assert found.stderr == ""
    assert "FAIL" not in found.stdout


def test_help_and_examples_load_nothing_that_takes_its_time():
    code = (
        "import sys\nfrom jaxmech.cli import main\n"
        "for command in ('--help', '--version', 'examples', 'schema'):\n"
        "    main([command], standalone_mode=False)\n"
        "assert not {'jax', 'numpy', 'matplotlib', 'urllib.request', 'jaxmech.cli._solve'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, env=PLAIN, timeout=120)


@pytest.mark.parametrize(
    ("command", "redirection"),
    [
        ("examples", ">&-"), ("examples --json -", ">/dev/full"),
        ("examples", ">/dev/full 2>/dev/full"), ("examples --json -", ">&- 2>&-"),
    ],
)  # fmt: skip
def test_standard_output_that_takes_nothing(command, redirection):
    script = f"{sys.executable} -c 'from jaxmech.cli import main; main()' {command} {redirection}"
    found = subprocess.run(["bash", "-c", script], capture_output=True, text=True, env=PLAIN, timeout=120, check=False)
    assert (found.returncode, found.stdout) == (2, "")
    if "2>" not in redirection:
        assert found.stderr.startswith("jaxmech: standard output")
        assert found.stderr.count("\n") == 1


def test_help_on_a_full_disk():
    script = f"{sys.executable} -c 'from jaxmech.cli import main; main()' --help >/dev/full"
    found = subprocess.run(["bash", "-c", script], capture_output=True, text=True, env=PLAIN, timeout=120, check=False)
    assert found.returncode == 2
    assert found.stderr == "jaxmech: standard output cannot be written: no space left on device\n"


def test_a_device_that_is_not_there():
    found = subprocess.run(
        [*COMMAND, "solve", "three-agents", "--json", "-"],
        capture_output=True, text=True, env={**PLAIN, "JAX_PLATFORMS": "cuda,nonsense"}, timeout=120, check=False,
    )  # fmt: skip
    assert (found.returncode, found.stdout) == (2, "")
    assert found.stderr.startswith("jaxmech: JAX_PLATFORMS = 'cuda,nonsense'")
    assert found.stderr.count("\n") == 1


@pytest.mark.long
def test_names_survive_every_encoding(tmp_path):
    """JSON and CSV are UTF-8; a page spells out what the terminal has no letters for."""
    names = ["Zürich", "Łódź", "東京"]
    text = f"[collaboration]\nagents = {json.dumps(names)}\ncosts = [[0.033], [0.066], [0.1]]\nsigma = 10.0\n"
    (tmp_path / "mine.toml").write_text(f"{text}mechanism = 'pool'\n", encoding="utf-8")
    script = (
        "import sys\nfrom jaxmech.cli import main\n"
        "for out in (['--json', '-'], ['--csv', '-'], []):\n"
        f"    main(['solve', {str(tmp_path / 'mine.toml')!r}, *out], standalone_mode=False)\n"
        "    sys.stdout.buffer.write(b'\\0')\n"
    )
    environment = {**PLAIN, "PYTHONIOENCODING": "cp1252"}
    found = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, env=environment, timeout=120, check=True
    )
    assert found.stderr == b""
    document, table, page, _ = found.stdout.split(b"\0")
    assert json.loads(document)["agents"] == names
    assert [row.split(",")[0] for row in table.decode("utf-8").splitlines()] == ["agent", *names]
    assert "Zürich".encode("cp1252") in page
    assert rb"\u0141\xf3d\u017a".replace(rb"\xf3", b"\xf3") in page
    assert b"?" not in page

"""The program as a process: pipes, warnings, and answering without starting a backend. Each call takes seconds."""

import json
import os
import subprocess
import sys

COMMAND = [sys.executable, "-W", "error", "-c", "from jaxmech.cli import main; main()"]
PLAIN = {key: value for key, value in os.environ.items() if key not in ("JAX_ENABLE_X64", "XLA_FLAGS", "COLUMNS")}


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
    assert found.stderr == "" or found.stderr.startswith("jaxmech: it refers to")
    assert found.stdout.splitlines() == ["# Two dozen clinics share four laboratory measurements.", "0"]


def test_a_closed_standard_output_is_no_error():
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "w") as closed:
        found = subprocess.run(
            [*COMMAND, "examples"], stdout=closed, stderr=subprocess.PIPE, text=True, env=PLAIN, timeout=120
        )
    assert (found.returncode, found.stderr) == (0, "")


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


def test_help_starts_no_backend_and_loads_no_plotting():
    code = (
        "import sys\nfrom jaxmech.cli import main\n"
        "main(['examples'], standalone_mode=False)\nmain(['--version'], standalone_mode=False)\n"
        "assert 'matplotlib' not in sys.modules\n"
        "from jax._src import xla_bridge\nassert not xla_bridge.backends_are_initialized()\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, env=PLAIN, timeout=120)

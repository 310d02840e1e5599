"""An interrupt ends a process at once, also within compiled code, and progress is shown to people alone."""

import os
import pty
import signal
import subprocess
import sys

import pytest

from jaxmech.cli import _waiting
from jaxmech.cli._waiting import clock

ENDLESS = """
import signal
import sys
import jax
from jaxmech.cli import _group, _waiting

signal.signal(signal.SIGINT, signal.default_int_handler)  # whoever started the tests may ignore it

def work():
    print("begun", flush=True)
    {loop}
    return 0

def interrupted():
    return _group._complain("interrupted", _group.INTERRUPTED)

sys.exit(_waiting.wait_for(work, quiet=True, interrupted=interrupted))
"""
LOOPS = {
    "compiled": "jax.jit(lambda: jax.lax.while_loop(lambda x: x >= 0, lambda x: (x + 1) % 7, 0))().block_until_ready()",
    "python": "\n    while True: pass",
    "swallowing": "\n    while True:\n        try: sum(range(1000))\n        except BaseException: pass",
}


@pytest.mark.parametrize("loop", LOOPS.values(), ids=LOOPS)
def test_an_interrupt_ends_endless_work(loop):
    arguments = [sys.executable, "-c", ENDLESS.format(loop=loop)]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "begun\n"
        process.send_signal(signal.SIGINT)
        try:
            _, said = process.communicate(timeout=60)
        finally:
            process.kill()  # or leaving this would wait for ever
    assert (process.returncode, said) == (130, "jaxmech: interrupted\n")


TOLD = """
import sys, time
from jaxmech import _progress
from jaxmech.cli import _group, _waiting

_waiting.PATIENCE = 0.0

def work():
    with _progress.stage("search"):
        for _ in _progress.tracked(range(3), "agents", 3):
            time.sleep(0.25)
    _group.note("done")
    return 0

sys.exit(_waiting.wait_for(work, quiet={quiet}, interrupted=lambda: 130))
"""


@pytest.mark.parametrize(("quiet", "shown"), [(False, True), (True, False)], ids=["shown", "quiet"])
def test_progress_on_a_terminal(quiet, shown):
    reader, terminal = pty.openpty()
    arguments = [sys.executable, "-c", TOLD.format(quiet=quiet)]
    with subprocess.Popen(arguments, stderr=terminal, env={**os.environ, "TERM": "xterm"}) as process:
        os.close(terminal)
        text = b""
        try:
            while part := os.read(reader, 10_000):
                text += part
        except OSError:  # so Linux tells the end of a terminal
            os.close(reader)
    assert process.returncode == 0
    assert (b"s so far; search: 1 of 3 agents done, 2 left\x1b[K" in text) == shown
    assert (b"\r\x1b[Kjaxmech: done\r\n" in text) == shown
    assert text.endswith(b"\r\x1b[K") if shown else text == b"jaxmech: done\r\n"


def test_no_progress_in_a_pipe():
    found = subprocess.run(
        [sys.executable, "-c", TOLD.format(quiet=False)], capture_output=True, check=True, timeout=60
    )  # fmt: skip
    assert found.stderr == b"jaxmech: done\n"


def test_what_was_asked_of_earlier_work_is_forgotten():
    codes = [_waiting.wait_for(code.__int__, quiet=True, interrupted=lambda: 130) for code in (0, 2)]
    assert codes == [0, 2]
    assert [clock(seconds) for seconds in (1.9, 99.9, 100.0)] == ["1 s", "99 s", "1:40 min"]

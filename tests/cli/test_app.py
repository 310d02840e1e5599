"""``jaxmech app``: what it refuses, and to whom it listens. Pages are tested in tests/app."""

import socket
import sys
from pathlib import Path

import pytest

from jaxmech.cli import _app as command
from jaxmech.cli import main


def ran(capsys, *args):
    code = main(["app", *args], standalone_mode=False)
    return code, capsys.readouterr()


def test_without_the_extra_it_is_one_line(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "streamlit.web.cli", None)
    code, told = ran(capsys)
    assert code == 2
    assert told.out == ""
    assert told.err == "jaxmech: streamlit = 'missing': jaxmech app needs it: pip install 'jaxmech[app]'\n"


@pytest.mark.parametrize("port", ["-1", "65536"])
def test_a_port_that_is_none(port, capsys):
    code, told = ran(capsys, "--port", port)
    assert (code, told.err) == (2, f"jaxmech: --port = {port}: must be a whole number from 0 to 65535\n")


def test_a_port_that_is_taken(capsys):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        code, told = ran(capsys, "--port", str(taken.getsockname()[1]))
    assert code == 2
    assert told.err.count("\n") == 1
    assert "0 takes a free one" in told.err


def test_it_listens_on_loopback_only_and_reports_nothing(monkeypatch, capsys):
    given = []
    monkeypatch.setattr("streamlit.web.cli.main", lambda args, standalone_mode: given.extend(args))
    monkeypatch.setattr(command, "_welcome", lambda address, browser: given.append((address, browser)))
    code, told = ran(capsys, "--port", "0", "--no-browser")
    assert (code, told.err) == (0, "")
    assert "--server.address=127.0.0.1" in given
    assert "--browser.gatherUsageStats=false" in given
    assert "--server.headless=true" in given  # no question for an e-mail address
    page = next(arg for arg in given if str(arg).endswith("_page.py"))
    assert Path(page).is_file()
    address, browser = next(entry for entry in given if isinstance(entry, tuple))
    assert f"--server.port={address.rpartition(':')[2]}" in given
    assert not browser


@pytest.mark.skipif("sys.platform in ('win32', 'darwin')")
def test_no_browser_is_opened_where_it_would_have_no_window(monkeypatch):
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    assert not command._has_display()
    monkeypatch.setenv("WAYLAND_DISPLAY", "wayland-0")
    assert command._has_display()

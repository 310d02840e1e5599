"""``jaxmech app``: serve the local form, to this machine only."""

import os
import socket
import sys
import threading
import time
import urllib.error
import urllib.request
from importlib.resources import files as resources
from pathlib import Path

import click

from jaxmech._errors import ProblemError
from jaxmech.cli._group import DONE, say
from jaxmech.cli._options import examples_of, shared

_HOST, _PORT = "127.0.0.1", 8501
_PATIENCE = 60.0  # seconds until a server that does not answer is given up
_QUIET = (
    "--server.headless=true",  # neither a browser of its own choice nor a question for an e-mail address
    "--browser.gatherUsageStats=false",
    "--logger.hideWelcomeMessage=true",
    "--logger.level=warning",
    "--server.fileWatcherType=none",
    "--server.maxUploadSize=128",
    "--client.toolbarMode=minimal",
    "--client.showErrorDetails=type",
    "--global.developmentMode=false",
    "--runner.magicEnabled=false",  # no text of the page's program becomes one of the page
)
_EXAMPLES = ("jaxmech app", "jaxmech app --no-browser --port 0")


@click.command(epilog=examples_of(*_EXAMPLES), short_help="A form in the browser, for people who write no TOML.")
@click.option("--port", type=int, metavar="N", help=f"Port; 0 takes a free one.  [default: {_PORT}, or a free one]")
@click.option("--no-browser", is_flag=True, help="Only print the address.")
@shared()
def app(port: int | None, no_browser: bool) -> int:
    """Serve a form on this machine: costs and measurements in, plan, pictures, agreement and report out.

    Needs the extra app. Nobody else on the network can reach it, and it sends nothing anywhere. Ctrl-C ends it.
    """
    try:
        from streamlit.web.cli import main as streamlit
    except ImportError:
        raise ProblemError("streamlit", "missing", "jaxmech app needs it: pip install 'jaxmech[app]'") from None
    chosen = _free_port(port)
    address = f"http://{_HOST}:{chosen}"
    threading.Thread(target=_welcome, args=(address, not no_browser and _has_display()), daemon=True).start()
    where = (f"--server.address={_HOST}", f"--server.port={chosen}")
    streamlit(["run", str(_page()), *where, *_QUIET], standalone_mode=False)
    return DONE


def _page() -> Path:
    return Path(str(resources("jaxmech"))) / "app" / "_page.py"


def _free_port(wanted: int | None) -> int:
    """The port that was asked for, or else the usual one, or else any that is free."""
    if wanted is not None and not 0 <= wanted < 2**16:
        raise ProblemError("--port", wanted, "must be a whole number from 0 to 65535")
    for port in (_PORT, 0) if wanted is None else (wanted,):
        try:
            with socket.create_server((_HOST, port)) as found:
                return int(found.getsockname()[1])
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
    raise ProblemError("--port", wanted, f"cannot be used: {reason}; 0 takes a free one")


def _has_display() -> bool:
    """Whether a browser would have a window: in a terminal one would take the terminal."""
    elsewhere = sys.platform in ("win32", "darwin")
    return elsewhere or any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))


def _welcome(address: str, browser: bool) -> None:
    """Say where the page is, once it is there."""
    if not _answers(address):
        return
    say(f"jaxmech app: {address} (Ctrl-C ends it)\n")
    if browser:
        import webbrowser

        webbrowser.open(address)


def _answers(address: str) -> bool:
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    end = time.monotonic() + _PATIENCE
    while time.monotonic() < end:
        try:
            with direct.open(f"{address}/_stcore/health", timeout=5):
                return True
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    return False

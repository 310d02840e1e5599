"""The form in a real browser: upload, type, solve, download; on a desk and on a phone. Nothing leaves the machine."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import sync_playwright

from tests.browser.test_browser import browser

pytestmark = pytest.mark.slow

PROGRAM = [sys.executable, "-c", "from jaxmech.cli import main; main()"]
COSTS = (
    "clinic,glucose,HDL\nNorthgate,3.5,7.3\n"
    + "".join(f"{name},3.93,8.19\n" for name in "ABCDEF")
    + "Greystone,5.9,inf\n"
)
HOSTILE = (
    'clinic,"<img src=http://evil.example/a onerror=document.title=1>",$x$\n"![x](http://evil.example/b)",1,2\n'
    + "".join(f":red[{k}] www.evil.example,1,2\n" for k in range(6))
)
PATIENCE = 100_000  # milliseconds


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """A form that is served, by its address; Ctrl-C ends it."""
    with subprocess.Popen(
        [*PROGRAM, "app", "--no-browser", "--port", "0"], stdout=subprocess.PIPE, text=True,
        cwd=tmp_path_factory.mktemp("served"), env={**os.environ, "HOME": str(tmp_path_factory.mktemp("home"))},
    ) as process:  # fmt: skip
        try:
            told = process.stdout.readline()
            yield re.fullmatch(r"jaxmech app: (http://127\.0\.0\.1:\d+) \(Ctrl-C ends it\)\n", told)[1]
            process.send_signal(signal.SIGINT)
            assert process.wait(30) == 0
        finally:
            process.kill()


@contextlib.contextmanager
def opened(address, width=1280):
    """A page, and where it asked for anything."""
    with sync_playwright() as player:
        chromium = player.chromium.launch(executable_path=browser(), args=["--no-sandbox", "--disable-dev-shm-usage"])
        try:
            page = chromium.new_page(viewport={"width": width, "height": 900})
            page.set_default_timeout(PATIENCE)
            asked = []
            page.on("request", lambda request: asked.append(request.url))
            page.goto(address)
            page.get_by_role("button", name="Work out the plan").wait_for()
            yield page
            hosts = {urlsplit(url).hostname for url in asked if url.startswith(("http", "ws"))}
            assert hosts == {"127.0.0.1"}
        finally:
            chromium.close()


def settle(page):
    """Wait until the page has been made anew, from what was typed or uploaded."""
    page.wait_for_timeout(500)
    page.locator('[data-testid="stApp"][data-test-script-state="notRunning"]').wait_for()


def upload(page, text, which=0):
    page.locator('input[type="file"]').nth(which).set_input_files(
        {"name": "mine.csv", "mimeType": "text/csv", "buffer": text.encode()}
    )
    settle(page)


def type_into(page, table, row, column, text):
    """Type into a cell by the keyboard: tables are drawn, not made of elements."""
    canvas = page.locator('[data-testid="stDataFrame"] canvas[data-testid="data-grid-canvas"]').nth(table)
    canvas.evaluate("grid => grid.scrollIntoView({block: 'center'})")
    page.wait_for_timeout(300)
    box = canvas.bounding_box()
    for y in (
        52,
        87,
        52,
    ):  # the first click may only take the focus from another table, a second one on a cell edits it
        page.mouse.click(box["x"] + 60, box["y"] + y)  # below the header, beside the row's mark
        page.wait_for_timeout(200)
    for key in ["ArrowDown"] * row + ["ArrowRight"] * column:
        page.keyboard.press(key)
    page.keyboard.press("Enter")
    editor = page.locator("#portal textarea, #portal input").first
    editor.wait_for()
    editor.fill(text)
    page.keyboard.press("Enter")
    editor.wait_for(state="detached")
    settle(page)


def solve(page):
    page.get_by_role("button", name="Work out the plan").click()
    settle(page)


def downloaded(page, label):
    with page.expect_download() as found:
        page.get_by_role("button", name=label).click()
    return found.value.path().read_text(encoding="utf-8")


def solved_by_command(folder, text):
    (folder / "problem.toml").write_text(text, encoding="utf-8")
    command = [*PROGRAM, "solve", "problem.toml", "--json", "-"]
    return json.loads(subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout)


def test_from_an_upload_to_an_agreement(address, tmp_path):
    with opened(address) as page:
        upload(page, COSTS)
        type_into(page, table=0, row=0, column=2, text="200000")
        type_into(page, table=1, row=0, column=1, text="3,4")
        solve(page)
        refused = page.get_by_text(
            "costs.csv: line 2, column glucose = '3,4': must have the decimal mark, a point or a comma, that 7.3 in "
            "line 2 has"
        )
        refused.wait_for()
        type_into(page, table=1, row=0, column=1, text="3.4")
        solve(page)
        page.get_by_text("claims hold").first.wait_for()
        assert refused.count() == 0
        agreement, toml = json.loads(downloaded(page, "Agreement (JSON)")), downloaded(page, "Problem (TOML)")
        report = downloaded(page, "Report (HTML)")
    assert agreement["problem"]["costs"][0] == [3.4, 7.3]
    assert agreement["problem"]["price"] == [200000.0, 100000.0]
    assert agreement["problem"]["agents"][-1] == "Greystone"
    assert agreement["fingerprint"] in report
    assert solved_by_command(tmp_path, toml) == agreement


@pytest.mark.parametrize("width", [1280, 390])
def test_no_page_is_wider_than_its_window_and_names_stay_names(address, width):
    with opened(address, width) as page:
        upload(page, HOSTILE)
        for row in (0, 1):
            type_into(page, table=0, row=row, column=1, text="1")
        solve(page)
        page.get_by_text("claims hold").first.wait_for()
        for tab in ("Picture", "What if I cheat?", "Report", "Plan"):
            page.get_by_role("tab", name=tab).click()
            page.wait_for_timeout(300)
            wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
            assert page.evaluate(wide) == 0
        evil = "document.querySelectorAll('[href*=evil], [src*=evil], .katex').length"
        assert [frame.evaluate(evil) for frame in page.frames] == [0] * len(page.frames)
        assert page.title() == "jaxmech"

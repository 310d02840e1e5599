"""Reports in a real browser: on a desk, on a phone, on paper. Chromium is found by its path and must be there."""

import re
import shutil
import subprocess
from html import escape
from pathlib import Path

import pytest

from tests.report.examples import answer, design
from tests.report.test_html import hostile, page_of

pytestmark = pytest.mark.slow

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")


def browser():
    found = next((path for path in map(shutil.which, NAMES) if path), None)
    assert found, "these tests need Chromium, as .ci/run installs it: apt-get install chromium"
    return found


def drive(folder, page, *options):
    """Open a page and return what Chromium prints."""
    (folder / "page.html").write_text(page, encoding="utf-8")
    command = [browser(), "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars",
               f"--user-data-dir={folder / 'profile'}", *options, (folder / "page.html").as_uri()]  # fmt: skip
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=120, cwd=folder).stdout


def measured(folder, page, width, expression):
    """Evaluate JavaScript in a copy of the page without its policy, which forbids it; return the result."""
    allowed = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", page)
    assert allowed != page
    script = f"<script>parent.document.title = 'found ' + ({expression})</script>"
    inner = escape(allowed.replace("</body>", f"{script}</body>"), quote=True)
    # a headless window is 500 pixels wide at least, a frame as narrow as a phone
    frame = f'<iframe style="border:0" width="{width}" height="900" srcdoc="{inner}"></iframe>'
    dom = drive(folder, f"<!DOCTYPE html><title></title>{frame}", "--window-size=1400,1000", "--dump-dom")
    return re.search(r"<title>found (.*?)</title>", dom, re.DOTALL)[1]


PAGES = {"cbl": lambda: answer(24, 5), "designed": lambda: design(24, 5), "hostile": lambda: hostile(answer(8, 3))}


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("name", list(PAGES))
def test_no_page_is_wider_than_its_window(name, width, tmp_path):
    page = page_of(PAGES[name]())
    assert measured(tmp_path, page, width, "window.innerWidth") == str(width)
    wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert int(measured(tmp_path, page, width, wide)) == 0


@pytest.mark.parametrize("name", list(PAGES))
def test_names_become_no_elements_even_without_the_policy(name, tmp_path):
    page = page_of(PAGES[name]())
    count = "document.scripts.length + document.images.length + document.querySelectorAll('b, i, iframe').length"
    assert measured(tmp_path, page, 1280, count) == "1"  # the script that counts


def test_the_policy_of_the_page_forbids_scripts(tmp_path):
    page = page_of(answer(3, 1)).replace("</body>", "<script>document.title = 'obeyed'</script></body>")
    assert "<title>obeyed" not in drive(tmp_path, page, "--dump-dom")


def pages_of(folder, page):
    drive(folder, page, "--no-pdf-header-footer", f"--print-to-pdf={folder / 'page.pdf'}")
    return len(re.findall(rb"/Type\s*/Page\b", (folder / "page.pdf").read_bytes()))


@pytest.mark.parametrize("name", ["cbl", "designed"])
def test_on_paper_every_party_has_one_sheet(name, tmp_path):
    page = page_of(PAGES[name]())
    start = page.index('<section class="party"')
    without = page[:start] + "</main></body></html>"
    assert pages_of(tmp_path, page) == pages_of(tmp_path, without) + 24


@pytest.mark.parametrize("width", [1280, 390])
def test_a_page_can_be_photographed(width, tmp_path):
    drive(tmp_path, page_of(answer(24, 5)), f"--window-size={width},2000", f"--screenshot={tmp_path / 'shot.png'}")
    from matplotlib.image import imread

    shot = imread(Path(tmp_path / "shot.png"))
    inked = (shot[..., :3].min(axis=-1) < 0.9).mean()
    assert 0.02 < inked < 0.5

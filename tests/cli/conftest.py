"""Whatever page any test of a command prints is looked at on terminals of 60, 80 and 200 columns as well."""

import re

import pytest

from jaxmech.cli import _options

WIDTHS = (60, 80, 200)
_STYLES = re.compile(r"\x1b\[[0-9;]*m")
_DUST = re.compile(r"(?<!residual\s)(?<![\d.])\d(\.\d+)?e-1[3-9]\b")
"""Rounding errors, but for residuals, which are made of them; other numbers on the pages of tests are larger."""


@pytest.fixture(autouse=True)
def _nothing_is_cut_off(monkeypatch):
    plain = _options.rendered

    def rendered(print_to, width, *, terminal):
        for columns in WIDTHS:
            page = _STYLES.sub("", plain(print_to, columns, terminal=True))
            assert "…" not in page
            assert max(map(len, page.splitlines())) <= columns
            assert not _DUST.search(page), page
        return plain(print_to, width, terminal=terminal)

    monkeypatch.setattr(_options, "rendered", rendered)

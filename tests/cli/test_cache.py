"""Compiled programs are kept between runs, in the user's own folder, and never too much of them."""

import json
import os
import subprocess
import sys

import pytest

from jaxmech.cli import _cache
from tests.cli.test_own_pricing import MARKET

COMMAND = [sys.executable, "-W", "error", "-c", "from jaxmech.cli import main; main()"]


def environment(folder):
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("JAX_COMPILATION", "JAX_PERSIST"))}
    # everything is kept: what is worth a file by its time is another set in every run
    return {**kept, "XDG_CACHE_HOME": str(folder), "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0"}


def solve(folder, *more, problem="three-agents"):
    arguments = [*COMMAND, "solve", str(problem), "--json", "-", *more]
    found = subprocess.run(arguments, env=environment(folder), capture_output=True, text=True, timeout=300, check=True)
    assert found.stderr == ""
    return json.loads(found.stdout)


@pytest.mark.long
def test_a_second_run_finds_what_the_first_compiled_and_a_damaged_file_is_compiled_again(tmp_path):
    first = solve(tmp_path)
    (folder,) = (tmp_path / "jaxmech").iterdir()
    programs, compiled = sorted(folder.glob("*.program")), sorted(folder.glob("*-cache"))
    assert programs
    assert compiled
    assert len(list(folder.glob("*.recent"))) == 1
    assert folder.stat().st_mode & 0o077 == 0
    before = {path: path.stat().st_mtime_ns for path in programs}
    assert solve(tmp_path) == first
    assert {path: path.stat().st_mtime_ns for path in sorted(folder.glob("*.program"))} == before
    assert sorted(folder.glob("*-cache")) == compiled
    for path in (*programs, *compiled):
        path.write_bytes(path.read_bytes()[:100])
    assert solve(tmp_path) == first
    assert all(path.stat().st_size > 100 for path in programs)  # compiled again, and kept again


OWN = """
import numpy as np

def single(values, counts, total):
    return np.concatenate([[0.0], np.full(total, {price})])
"""


@pytest.mark.long
def test_code_of_ones_own_is_never_taken_from_what_was_kept(tmp_path):
    """It may change anything, this package too: once it runs, what is known by the source of this package is not."""
    path = tmp_path / "market.toml"
    path.write_text(MARKET.format(keys='method = "price.py:single"'), encoding="utf-8")
    for price in (0.4, 0.1):
        (tmp_path / "price.py").write_text(OWN.format(price=price), encoding="utf-8")
        found = solve(tmp_path / "caches", problem=path)
        assert {buyer["price"] for buyer in found["buyers"] if buyer["size"]} == {price}
    assert list((tmp_path / "caches").rglob("*.program")) == []


@pytest.mark.long
def test_nothing_is_kept_where_that_is_not_wanted_or_not_possible(tmp_path):
    solve(tmp_path, "--no-cache")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "jaxmech").write_text("in the way")
    solve(tmp_path)


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="folders of others are told apart by their owner")
def test_a_folder_that_others_can_write_to_is_not_used(tmp_path, monkeypatch):
    monkeypatch.delenv("JAX_COMPILATION_CACHE_DIR")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    folder = _cache.cache_folder()
    folder.mkdir(parents=True)
    folder.chmod(0o777)
    _cache.keep_programs()
    assert "JAX_COMPILATION_CACHE_DIR" not in os.environ


def test_what_was_not_used_for_longest_goes_first(tmp_path, monkeypatch):
    monkeypatch.setattr(_cache, "LARGEST", 1000)
    for age in range(12):
        (tmp_path / f"{age}").write_bytes(b"x" * 100)
        os.utime(tmp_path / f"{age}", (10_000 - age, 10_000 - age))
    _cache._bound(tmp_path)
    assert sorted(int(path.name) for path in tmp_path.iterdir()) == [0, 1, 2, 3, 4]
    assert _cache.size_of(tmp_path) == (5, 500)

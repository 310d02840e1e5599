"""Compiled programs are kept between runs, in the user's own folder, and never too much of them."""

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from jaxmech.cli import _cache
from tests.cli.test_own_pricing import MARKET

COMMAND = [sys.executable, "-W", "error", "-m", "jaxmech"]


def environment(folder):
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("JAX_COMPILATION", "JAX_PERSIST"))}
    # everything is kept: what is worth a file by its time is another set in every run
    return {**kept, "XDG_CACHE_HOME": str(folder), "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0"}


def solve(folder, *more, problem="three-agents", command=COMMAND, where=None, **variables):
    arguments = [*command, "solve", str(problem), "--json", "-", *more]
    told = environment(folder) | variables
    found = subprocess.run(arguments, env=told, cwd=where, capture_output=True, text=True, timeout=300, check=True)
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
    caches, of_jax = tmp_path / "caches", tmp_path / "of JAX"
    solve(caches, "--no-cache", JAX_COMPILATION_CACHE_DIR=str(of_jax))
    assert list(tmp_path.iterdir()) == []
    solve(caches, JAX_ENABLE_COMPILATION_CACHE="false")
    assert not any(path.is_file() for path in caches.rglob("*"))
    (tmp_path / "jaxmech").write_text("in the way")
    solve(tmp_path)


PATCHED = """
from jaxmech.collaboration import _account

honest = _account._account_of
_account._account_of = lambda *given: honest(*given)._replace(bill=2 * honest(*given).bill)

from jaxmech.cli import main

main(prog_name="jaxmech")
"""


@pytest.mark.long
def test_a_script_that_calls_the_command_line_keeps_and_takes_no_whole_programs(tmp_path):
    """It may have changed what functions compute: once it had, every later run was given what it had kept."""
    (tmp_path / "script.py").write_text(PATCHED)
    right = solve(tmp_path / "caches", "--no-cache")
    changed = solve(tmp_path / "caches", command=[sys.executable, str(tmp_path / "script.py")])
    assert changed["accounts"] != right["accounts"]
    assert not list((tmp_path / "caches").rglob("*.program"))
    assert solve(tmp_path / "caches") == right


DOUBLED = """
honest = _account_of
_account_of = lambda *given: honest(*given)._replace(bill=2 * honest(*given).bill)
"""


@pytest.mark.long
def test_source_that_changes_while_it_runs_is_not_mistaken_for_what_ran(tmp_path):
    package = tmp_path / "copy" / "jaxmech"
    shutil.copytree(Path(_cache.__file__).parents[1], package, ignore=shutil.ignore_patterns("__pycache__"))
    account = package / "collaboration" / "_account.py"
    late = f"""
import pathlib, runpy, sys

import jaxmech._source

jaxmech._source.source()  # as it is asked before the modules are loaded

import jaxmech.collaboration

with pathlib.Path({str(account)!r}).open("a", encoding="utf-8") as module:
    module.write({DOUBLED!r})
sys.argv[0] = "jaxmech"
runpy.run_module("jaxmech", run_name="__main__", alter_sys=True)
"""
    caches, copied = tmp_path / "caches", {"where": package.parent, "PYTHONPATH": str(package.parent)}
    first = solve(caches, command=[sys.executable, "-c", late], **copied)
    assert not list(caches.rglob("*.program"))
    changed = solve(caches, **copied)
    assert list(caches.rglob("*.program"))
    assert changed == solve(caches, "--no-cache", **copied)
    assert changed["accounts"] != first["accounts"]


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="folders of others are told apart by their owner")
def test_a_folder_that_others_can_write_to_is_not_used(tmp_path, monkeypatch):
    monkeypatch.delenv("JAX_COMPILATION_CACHE_DIR")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    folder = _cache.cache_folder()
    folder.mkdir(parents=True)
    folder.chmod(0o777)
    _cache.keep_programs()
    assert "JAX_COMPILATION_CACHE_DIR" not in os.environ


def test_what_a_full_disk_left_empty_goes_but_for_what_is_just_begun(tmp_path):
    for name, age in (("old", 3600), ("new", 0)):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (time.time() - age,) * 2)
    (tmp_path / "whole").write_bytes(b"x")
    _cache._bound(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["new", "whole"]


def test_what_was_not_used_for_longest_goes_first(tmp_path, monkeypatch):
    monkeypatch.setattr(_cache, "LARGEST", 1000)
    for age in range(12):
        (tmp_path / f"{age}").write_bytes(b"x" * 100)
        os.utime(tmp_path / f"{age}", (10_000 - age, 10_000 - age))
    _cache._bound(tmp_path)
    assert sorted(int(path.name) for path in tmp_path.iterdir()) == [0, 1, 2, 3, 4]
    assert _cache.size_of(tmp_path) == (5, 500)

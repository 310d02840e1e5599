"""Sweeps on a Dask cluster: the same bytes as on one machine, whatever fails on the way."""

import os
import signal
import socket
import subprocess
import sys

import distributed
import jax
import numpy as np
import pytest
from click.testing import CliRunner

from jaxmech import ProblemError, market, multiparty
from jaxmech.cli import main
from jaxmech.collaboration import Problem
from jaxmech.sweep import Sweep, _cluster, _run, _worker, run
from jaxmech.sweep._plain import from_text, to_text
from tests.sweep.sweeps import RANDOM, content, small

LOGNORMAL = {"distribution": "lognormal", "spread": 0.3}


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    directory = tmp_path_factory.mktemp("alone")
    run(small(shard=20), directory)
    return content(directory)


@pytest.fixture(scope="module")
def scheduler():
    """A cluster of one thread in this process, which is spoken to as any other."""
    options = {"n_workers": 1, "threads_per_worker": 1, "processes": False, "dashboard_address": ":0"}
    with distributed.LocalCluster(protocol="tcp", **options) as cluster:
        yield cluster.scheduler_address


def refused(directory, scheduler, *parts):
    with pytest.raises(ProblemError) as caught:
        run(small(shard=20), directory, scheduler=scheduler)
    for part in ("scheduler", *parts):
        assert part in str(caught.value)
    assert "\n" not in str(caught.value)


class TestCluster:
    def test_goes_on_and_leaves_the_same_bytes(self, scheduler, alone, tmp_path):
        for name in ("_manifest.json", "part-00001.parquet"):
            (tmp_path / name).write_bytes(alone[name])
        seen = []
        summary = run(small(shard=20), tmp_path, seen.append, scheduler=scheduler)
        assert (summary.found, summary.instances, summary.statuses) == (20, 200, {"OK": 200})
        assert [state.done for state in seen] == list(range(40, 201, 20))
        assert content(tmp_path) == alone

    def test_address_in_a_file(self, scheduler, alone, tmp_path):
        (tmp_path / "scheduler.json").write_text(f'{{"address": "{scheduler}"}}')
        run(small(shard=20), tmp_path / "out", scheduler=str(tmp_path / "scheduler.json"))
        assert content(tmp_path / "out") == alone

    def test_what_cannot_be_done_holds_up_nothing_else(self, scheduler, alone, tmp_path, monkeypatch):
        whole = _run.compute

        def broken(sweep, instance, shard, report):
            if shard == 3:
                raise ValueError("no luck")
            return whole(sweep, instance, shard, report)

        monkeypatch.setattr(_run, "compute", broken)
        why = "a file could not be computed, part-00003.parquet for one: ValueError: no luck; what is done is kept"
        refused(tmp_path, scheduler, why)
        assert content(tmp_path) == {name: data for name, data in alone.items() if name != "part-00003.parquet"}
        monkeypatch.undo()
        assert run(small(shard=20), tmp_path, scheduler=scheduler).found == 180
        assert content(tmp_path) == alone

    def test_a_worker_that_refuses_everything_is_asked_three_times(self, scheduler, tmp_path, monkeypatch):
        monkeypatch.setattr(_cluster, "FEWEST", 1)
        monkeypatch.setattr(_worker, "part", lambda *_: "has no luck")
        refused(tmp_path, scheduler, "files could not be computed, part-00000.parquet for one: a worker has no luck")
        assert list(content(tmp_path)) == ["_manifest.json"]

    def test_damaged_on_the_way(self, scheduler, tmp_path, monkeypatch):
        monkeypatch.setattr(_worker, "part", lambda *_: b"PAR1")
        with pytest.raises(ProblemError, match="came damaged from a worker"):
            run(small(shard=20), tmp_path, scheduler=scheduler)
        assert list(content(tmp_path)) == ["_manifest.json"]

    def test_interrupt_keeps_what_is_done(self, scheduler, alone, tmp_path):
        def enough(state):
            if state.done == 60:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            run(small(shard=20), tmp_path, enough, scheduler=scheduler)
        assert len(content(tmp_path)) == 4
        run(small(shard=20), tmp_path, scheduler=scheduler)
        assert content(tmp_path) == alone

    def test_other_versions(self, scheduler, tmp_path, monkeypatch):
        own = _worker.settings()
        other = {**own, "versions": {**own["versions"], "jaxmech": "9.9"}}
        monkeypatch.setattr(_worker, "settings", lambda: other)
        refused(tmp_path / "new", scheduler, "its worker tcp://", "has jaxmech 0.", "here is 9.9: install the same")
        assert not (tmp_path / "new").exists()


class TestWorker:
    def test_refuses_other_settings(self, monkeypatch):
        own = _worker.settings()
        assert _worker.platform(own) == {"platform": "cpu"}
        for wanted, part in (
            ({**own, "versions": {"jax": "0.1"}}, "here is 0.1"),
            ({**own, "XLA_FLAGS": "--xla_other"}, "has started with other XLA_FLAGS"),
        ):
            assert part in _worker.platform(wanted)["refused"]
            assert part in _worker.part("", 0, wanted)
        told = to_text(small())
        assert "computes on cpu, others on gpu" in _worker.part(told, 0, {**own, "platform": "gpu"})
        wanted = {**own, "platform": "cpu", "fingerprint": small(seed=1).fingerprint}
        assert "makes another sweep" in _worker.part(told, 0, wanted)

    def test_comes_without_jax(self):
        """Settings that JAX reads when it starts have to come first."""
        code = "import sys, jaxmech.sweep._worker; assert not {'jax', 'numpy'} & set(sys.modules)"
        subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def _sweeps():
    limits = Problem([[1.0, np.inf], [2.0, 3.0]], [1.0, 2.0], agents=["A", "B"], most=[[5.0, 0.0], [np.inf, 7.0]])
    yield Sweep(limits, {"costs[B]": LOGNORMAL, "sigma": [1.0, 2.0], "price": [3.0]}, draws=2, keep=["samples", "role"])
    tables = small({"price": [1.0]}, columns=("sigma",), table=np.array([[1 / 3], [np.pi]]), division="leverage")
    yield tables
    buyers = [market.Buyer(market.exponential(0.3), 3, "lab"), market.Buyer(market.table([0.0, 0.5, 0.8]), 2)]
    selling = market.Problem([0.01, 0.02], 1.0, buyers)
    yield Sweep(selling, {"scale[lab]": {"distribution": "uniform", "from": 0.1, "to": 0.4}}, draws=3, sizes=20)
    yield Sweep(selling, {"sigma": [1.0, 2.0]}, second=2, limit=30, most=np.inf)
    effects = multiparty.Linear([[1.0, -0.2], [0.1, 1.0]])
    for quality in ("linear", multiparty.weighted("logistic", [1.0, 0.5])):
        competing = multiparty.Problem([0.3, 0.8], effects, quality)
        yield Sweep(competing, {"types[agent 1]": [0.1, 0.2]}, keep=["regret"])
    yield Sweep(multiparty.market_growth(-0.7, 2, 3), {"growth": [-0.5]})
    single = Problem(np.array([[1.0], [2.0]], np.float32), 1.0)
    yield Sweep(single, RANDOM, draws=3, seed=7)


def test_text_is_of_the_same_sweep():
    for sweep in _sweeps():
        again = from_text(to_text(sweep))
        assert again.fingerprint == sweep.fingerprint
        assert type(again.kind) is type(sweep.kind)
        assert jax.tree.structure(again.kind.problem) == jax.tree.structure(sweep.kind.problem)
        for one, other in zip(*map(jax.tree.leaves, (again.kind.problem, sweep.kind.problem)), strict=True):
            assert one.dtype == other.dtype
            assert np.asarray(one).tobytes() == np.asarray(other).tobytes()
        np.testing.assert_array_equal(again.fixed_values(np.arange(1)), sweep.fixed_values(np.arange(1)))


def test_functions_of_ones_own_stay_here(scheduler, tmp_path):
    competing = multiparty.Problem([0.3, 0.8], multiparty.Linear(np.eye(2)), lambda size: size / (1 + size))
    sweep = Sweep(competing, {"types[agent 1]": [0.1, 0.2]})
    with pytest.raises(ProblemError, match="other machines do not know a function of your own"):
        run(sweep, tmp_path, scheduler=scheduler)


def test_no_scheduler_there_is_one_line(tmp_path):
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{held.getsockname()[1]}"
        found = CliRunner().invoke(
            main, ["sweep", "uncertain-costs", "-o", str(tmp_path / "out"), "--scheduler", address]
        )
    assert (found.exit_code, found.stdout, found.stderr.count("\n")) == (2, "", 1)
    for part in (address, "no scheduler answers there", "dask scheduler"):
        assert part in found.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("address", ["nonsense", "http://127.0.0.1:1", "tcp://127.0.0.1", "pyproject.toml"])
def test_what_is_no_address(address, tmp_path, monkeypatch):
    monkeypatch.setattr(_cluster, "PATIENCE", 0.3)
    refused(tmp_path, address, "no scheduler answers there")


def test_something_else_answers(tmp_path, monkeypatch):
    monkeypatch.setattr(_cluster, "PATIENCE", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as server:
        refused(tmp_path, f"tcp://127.0.0.1:{server.getsockname()[1]}", "no scheduler answers there")


def test_without_dask(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    refused(tmp_path, "tcp://127.0.0.1:1", "pip install 'jaxmech[dask]'")


def test_one_of_several_processes(tmp_path, monkeypatch):
    monkeypatch.setattr(jax, "process_count", lambda: 2)
    with pytest.raises(ProblemError, match=r"process_count\(\) = 2: all would write the same files"):
        run(small(shard=20), tmp_path / "new")
    assert not (tmp_path / "new").exists()


@pytest.mark.slow
def test_two_processes_one_of_which_is_killed(tmp_path, compile_quickly):
    """While it computes; the other one does its work, and the bytes are those of one machine."""
    del compile_quickly
    killed = []

    options = {"n_workers": 2, "threads_per_worker": 1, "processes": True, "dashboard_address": ":0"}
    with distributed.LocalCluster(**options) as cluster:

        def kill(state):
            del state
            at_work = [worker for worker in cluster.scheduler.workers.values() if worker.processing]
            if at_work and not killed:
                killed.append(at_work[0].address)
                nanny = next(worker for worker in cluster.workers.values() if worker.worker_address == killed[0])
                os.kill(nanny.process.pid, signal.SIGKILL)

        summary = run(small(shard=10), tmp_path / "far", kill, scheduler=cluster.scheduler_address)
    run(small(shard=10), tmp_path / "near")
    assert len(killed) == 1
    assert (summary.instances, summary.failed) == (200, 0)
    assert content(tmp_path / "far") == content(tmp_path / "near")

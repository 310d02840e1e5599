"""jm.batch: any shape, any chunk, all devices; and two processes that solve one batch together."""

import os
import subprocess
import sys
import textwrap

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxmech as jm
from jaxmech import _batch, collaboration


def _leverage(costs):
    return collaboration.leverage_optimum(collaboration.Problem(costs, 10.0))


def _costs(*batch):
    return np.random.default_rng(0).uniform(0.1, 1.0, (*batch, 3, 1))


@pytest.mark.parametrize("instances", [1, 7, 8192, 20_000, 100_001])
@pytest.mark.parametrize("numbers", [1, 50, 3000, 10**7])
@pytest.mark.parametrize("workers", [1, 2, 3])
def test_chunks_are_alike_and_hardly_anything_is_filled_up(instances, numbers, workers):
    """Of 20,000 instances on two cores one did 16,384, and of 8,192 in the last chunk 3,616 were meant."""
    shape = jax.ShapeDtypeStruct((numbers,), np.float64)
    size = _batch._chunk_size(instances, [shape], 0, workers)
    assert 1 <= size <= _batch.LARGEST_CHUNK
    assert size == 1 or size * numbers * 8 <= _batch.CHUNK_BYTES
    fair = -(-instances // workers)
    rounds = -(-fair // size)
    assert rounds * size - fair < rounds
    assert size == fair or (size + 1) * numbers * 8 > _batch.CHUNK_BYTES / 2 or 2 * size >= _batch.LARGEST_CHUNK


def test_chunks_are_small_where_what_an_instance_makes_on_its_way_is_large(monkeypatch):
    """A search for best responses makes megabytes of numbers out of a few costs: a thousand at once took gigabytes."""

    def through(size):
        def function(x):
            def step(total, _):
                return total + jnp.sum(jnp.sin(x * jnp.arange(float(size)))), None

            return jax.lax.scan(step, 0.0, None, length=2)[0]

        return function

    sizes = []
    monkeypatch.setattr(_batch, "WORK_BYTES", 10 * 8 * 1000)
    run = _batch._run_chunks
    monkeypatch.setattr(_batch, "_run_chunks", lambda *given: sizes.append(given[3]) or run(*given))
    x = np.linspace(0.0, 1.0, 100)
    for size, most in ((1000, 10), (10, 1000)):
        expected = 2 * np.sin(np.outer(x, np.arange(size))).sum(axis=1)
        np.testing.assert_allclose(jm.batch(through(size), x), expected, rtol=1e-12, atol=1e-12)
        fair = -(-100 // (os.cpu_count() or 1))
        assert min(fair, most // 2) <= sizes.pop() <= min(fair, most)


@pytest.mark.parametrize("chunk", [None, 1, 4, 100])
def test_batch_is_vmap_whatever_the_chunk(chunk):
    costs = _costs(11)
    expected = jax.vmap(_leverage)(costs)
    found = jm.batch(_leverage, costs, chunk=chunk)
    np.testing.assert_allclose(found.value, expected.value, rtol=1e-12)
    assert isinstance(found, jm.Solution)
    assert isinstance(found.value, np.ndarray)
    found.raise_for_status()


def test_several_leading_axes_and_a_problem_with_batched_leaves():
    costs = _costs(2, 5)
    problems = jax.vmap(jax.vmap(lambda c: collaboration.Problem(c, 10.0)))(jnp.asarray(costs))
    found = jm.batch(collaboration.leverage_optimum, problems, dims=2, chunk=3)
    assert found.value.shape == (2, 5, 3, 1)
    np.testing.assert_allclose(found.value[1, 2], _leverage(costs[1, 2]).value, rtol=1e-12)


def test_precision_of_the_caller_reaches_the_threads():
    costs = _costs(6)
    with jax.enable_x64(False):
        single = jm.batch(_leverage, costs.astype(np.float32), chunk=2)
    with jax.enable_x64(True):
        double = jm.batch(_leverage, costs, chunk=2)
    assert (single.value.dtype, double.value.dtype) == (np.float32, np.float64)
    np.testing.assert_allclose(single.value, double.value, rtol=1e-4)


def test_progress_ends_at_the_whole():
    seen = []
    jm.batch(lambda x: x * 2, np.arange(10.0), chunk=3, progress=seen.append)
    assert [state.done for state in seen][-1] == 10
    assert sorted(state.done for state in seen) == [state.done for state in seen]
    assert "10 of 10" in str(seen[-1])


def test_progress_in_words_goes_to_standard_error(capsys):
    jm.batch(lambda x: x * 2, np.arange(4.0), progress=True)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "4 of 4" in captured.err


@pytest.mark.parametrize(
    ("problems", "parts"),
    [
        ({}, ("problems", "must hold arrays")),
        ((np.ones((3, 2)), np.ones((4, 2))), ("problems[1]", "(4, 2)", "(3,)")),
        (np.ones((0, 2)), ("problems", "at least")),
        (np.float64(1.0), ("problems", "leading axes")),
    ],
)
def test_bad_input(problems, parts):
    with pytest.raises(jm.ProblemError) as error:
        jm.batch(lambda x: x, problems)
    for part in parts:
        assert part in str(error.value)


_PROGRAM = """
    import sys
    import jax
    import numpy as np
    import jaxmech as jm
    from jaxmech import collaboration

    jm.enable_x64()
    process, port, path = int(sys.argv[1]), sys.argv[2], sys.argv[3]
    if process >= 0:
        jax.distributed.initialize(f"127.0.0.1:{port}", num_processes=2, process_id=process)
    costs = np.random.default_rng(0).uniform(0.1, 1.0, (11, 3, 2))
    solve = lambda c: collaboration.rational_optimum(collaboration.Problem(c, 10.0))
    found = jm.batch(solve, costs, chunk=2)
    total = lambda c: collaboration.leverage_optimum(collaboration.Problem(c, 10.0)).value.sum()
    slopes = jm.batch(jax.grad(total), costs)
    print(jax.device_count(), jax.process_count())
    np.savez(f"{path}/{process}.npz", value=found.value, status=found.status, slopes=slopes)
"""


def _run(tmp_path, processes, flags=""):
    program = tmp_path / "program.py"
    program.write_text(textwrap.dedent(_PROGRAM))
    environment = {**os.environ, "XLA_FLAGS": f"{os.environ.get('XLA_FLAGS', '')} {flags}", "NPROC": "8"}
    port = str(20_000 + os.getpid() % 20_000)
    started = [
        subprocess.Popen(
            [sys.executable, str(program), str(process), port, str(tmp_path)],
            env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for process in processes
    ]  # fmt: skip
    ends = [process.communicate(timeout=300) for process in started]
    assert all(process.returncode == 0 for process in started), ends
    return [np.load(tmp_path / f"{process}.npz") for process in processes], [out for out, _ in ends]


@pytest.fixture(scope="module")
def expected():
    costs = np.random.default_rng(0).uniform(0.1, 1.0, (11, 3, 2))
    return jm.batch(lambda c: collaboration.rational_optimum(collaboration.Problem(c, 10.0)), costs)


@pytest.mark.long
def test_four_devices(tmp_path, expected):
    (found,), (said,) = _run(tmp_path, [-1], "--xla_force_host_platform_device_count=4")
    assert said.split() == ["4", "1"]
    np.testing.assert_allclose(found["value"], expected.value, rtol=1e-9, atol=1e-12)
    np.testing.assert_array_equal(found["status"], expected.status)


@pytest.mark.long
def test_two_processes_share_one_batch_and_both_have_all_of_it(tmp_path, expected):
    found, said = _run(tmp_path, [0, 1])
    assert [line.splitlines()[-1] for line in said] == ["2 2", "2 2"]
    for part in found:
        np.testing.assert_allclose(part["value"], expected.value, rtol=1e-9, atol=1e-12)
        np.testing.assert_array_equal(part["status"], expected.status)
        assert np.isfinite(part["slopes"]).all()


_INTERRUPTED = """
    import os, signal, sys, threading, time
    import jax.numpy as jnp
    import numpy as np
    import jaxmech as jm

    def slow(x):
        return jnp.sum(jnp.sin(x + jnp.arange(20_000.0)))

    def interrupt(state):
        os.kill(os.getpid(), signal.SIGINT)

    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
    try:
        jm.batch(slow, np.arange(1e6), chunk=100, progress=interrupt)
    except KeyboardInterrupt:
        print("interrupted,", threading.active_count(), "thread")
    print(jm.batch(slow, np.arange(3.0)).shape)
"""


@pytest.mark.parametrize("devices", [1, 4])
def test_an_interrupt_ends_a_batch_and_leaves_no_threads(tmp_path, devices):
    """The whole would take hours."""
    program = tmp_path / "program.py"
    program.write_text(textwrap.dedent(_INTERRUPTED))
    flags = f"{os.environ.get('XLA_FLAGS', '')} --xla_force_host_platform_device_count={devices}"
    environment = {**os.environ, "XLA_FLAGS": flags}
    found = subprocess.run([sys.executable, str(program)], env=environment, capture_output=True, text=True, timeout=300)
    assert (found.returncode, found.stdout) == (0, "interrupted, 1 thread\n(3,)\n"), found.stderr


def test_one_program_serves_batches_of_one_kind_on_four_devices(tmp_path):
    program = tmp_path / "program.py"
    program.write_text(textwrap.dedent(_STALE))
    environment = {**os.environ, "XLA_FLAGS": "--xla_force_host_platform_device_count=4"}
    found = subprocess.run([sys.executable, str(program)], env=environment, capture_output=True, text=True, timeout=300)
    assert found.returncode == 0, found.stderr
    assert found.stdout.splitlines() == ["4", "[10.0, 20.0, 30.0]", "[20.0, 40.0, 60.0]", "[20.0, 40.0, 60.0]"]


_STALE = """
    import jax
    import numpy as np
    import jaxmech as jm

    SCALE = 10.0
    print(jax.device_count())
    print(jm.batch(lambda x: x * SCALE, np.arange(1.0, 4.0)).tolist())
    SCALE = 20.0
    for chunk in (None, 1):
        print(jm.batch(lambda x: x * SCALE, np.arange(1.0, 4.0), chunk=chunk).tolist())
"""

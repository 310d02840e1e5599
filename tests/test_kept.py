"""Programs that outlive the process: found by what decides them, the same numbers, and never what is damaged."""

import contextlib
import dataclasses
import enum
import functools
import json
import os
import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.experimental.compilation_cache import compilation_cache

from jaxmech import _kept, _program_files, _source, _structure, collaboration
from jaxmech._content import content
from jaxmech._pytree import pytree
from jaxmech.collaboration._divide import _divide
from jaxmech.files._functions import function_of

TRACED = []


@_kept.jit
def scaled(x, by=2.0):
    TRACED.append(x.shape)
    return {"all": jnp.sin(x) * by, "sum": jnp.sum(x)}


@functools.partial(_kept.jit, static_argnames="power")
def raised(x, power, *, more=0.0):
    TRACED.append(power)
    return x**power + more


@_kept.jit
def drawn(key, x):
    one, two = jax.random.split(key)
    return two, x + jax.random.normal(one, x.shape, x.dtype)


@pytree
@dataclasses.dataclass(frozen=True)
class Named:
    numbers: jax.Array
    name: str = dataclasses.field(metadata={"label": ""})
    kind: str = dataclasses.field(metadata={"static": True})


@_kept.jit
def doubled(one):
    TRACED.append(one.kind)
    return dataclasses.replace(one, numbers=2 * one.numbers)


class Two(NamedTuple):
    one: jax.Array
    other: jax.Array | None


class Way(enum.Enum):
    UP = "up"


@pytree
@dataclasses.dataclass(frozen=True)
class Directed:
    numbers: jax.Array
    way: Way = dataclasses.field(metadata={"static": True})
    steps: tuple[int | float | bool | None, ...] = dataclasses.field(metadata={"static": True})


@_kept.jit
def nested(x):
    TRACED.append(x.shape)
    return [Two(x + 1, None), {"b": (x,), "a": Directed(2 * x, Way.UP, (1, 1.0, True, None))}, 3.0]


@_kept.jit
def factor(x):
    TRACED.append(x.shape)
    return jnp.linalg.cholesky(x)


@_kept.jit
def called_back(x):
    return jax.pure_callback(lambda x: x + 1, jax.ShapeDtypeStruct(x.shape, x.dtype), x)


FUNCTIONS = (scaled, raised, drawn, doubled, nested, factor, called_back, _divide)


CACHE_OF_JAX = (
    "jax_enable_compilation_cache",
    "jax_compilation_cache_dir",
    "jax_persistent_cache_min_compile_time_secs",
)


@contextlib.contextmanager
def cache_of_jax(*values):
    """JAX's own, as these settings say."""
    before = [jax.config.values[name] for name in CACHE_OF_JAX]
    _set_cache_of_jax(values)
    try:
        yield
    finally:
        _set_cache_of_jax(before)


def _set_cache_of_jax(values):
    for name, value in zip(CACHE_OF_JAX, values, strict=True):
        jax.config.update(name, value)
    compilation_cache.reset_cache()


@pytest.fixture
def folder(tmp_path, tmp_path_factory, monkeypatch):
    """A folder of programs, and functions that know nothing yet; those of this file pass for the package's."""
    monkeypatch.setattr(_program_files.AHEAD, "_promised", {})
    monkeypatch.setattr(_kept, "_OVER", [])
    for module in (_kept, _structure):
        monkeypatch.setattr(module, "PACKAGES", (*module.PACKAGES, __name__.partition(".")[0]))
    with cache_of_jax(True, str(tmp_path_factory.mktemp("empty")), float("inf")):  # what it hands out is not kept again
        _kept.keep_in(tmp_path)
        forget()
        yield tmp_path
        _kept.keep_in(None)
        forget()


def forget():
    TRACED.clear()
    for function in FUNCTIONS:
        function._ready.clear()
        function._jitted.clear_cache()
        function._whole.clear_cache()


def files(folder):
    return sorted(folder.glob("*.program"))


def assert_same(one, other):
    assert jax.tree.structure(one) == jax.tree.structure(other)
    for left, right in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True):
        assert (left.dtype, left.weak_type, left.committed) == (right.dtype, right.weak_type, right.committed)
        np.testing.assert_array_equal(left, right)


def test_without_a_folder_all_is_jit_and_nothing_is_written(tmp_path):
    forget()
    np.testing.assert_array_equal(scaled(jnp.arange(3.0))["sum"], 3.0)
    assert scaled._ready == {}
    assert list(tmp_path.iterdir()) == []


def test_what_was_kept_is_not_traced_again_and_says_the_same(folder):
    x = jnp.linspace(0.0, 1.0, 7)
    first = scaled(x, 3.0)
    assert len(files(folder)) == 1
    forget()
    again = scaled(x, 3.0)
    assert TRACED == []
    assert_same(again, first)
    assert_same(again, jax.jit(scaled.__wrapped__)(x, 3.0))


def test_records_tuples_constants_and_weak_types_come_back_as_they_were(folder):
    x = jnp.arange(3.0)
    first = nested(x)
    forget()
    again = nested(x)
    assert TRACED == []
    assert len(files(folder)) == 1
    assert_same(again, first)
    assert_same(again, jax.jit(nested.__wrapped__)(x))
    assert again[2].weak_type
    assert again[1]["a"].way is Way.UP
    assert list(map(type, again[1]["a"].steps)) == [int, float, bool, type(None)]


@pytest.mark.parametrize("given", [3, 2.5, True, np.float32(1.5), np.arange(4), np.ones((2, 2), np.float32)])
def test_numbers_that_are_no_arrays_yet_are_taken_as_by_jit(folder, given):
    first = raised(given, 2)
    forget()
    assert_same(raised(given, 2), first)
    assert TRACED == []
    assert_same(first, jax.jit(raised.__wrapped__, static_argnames="power")(given, 2))


def test_an_array_of_numpy_may_change_after_the_call(folder):
    x = np.arange(64.0).reshape(8, 8) + 100 * np.eye(8)
    for _ in range(2):
        forget()
        given = x.copy()
        found = factor(given)
        given[:] = 0.0
        np.testing.assert_allclose(found @ found.T, (x + x.T) / 2, rtol=1e-5)


def test_shapes_types_and_static_arguments_are_different_programs(folder):
    x = jnp.ones(3)
    calls = [
        lambda: raised(x, 2),
        lambda: raised(x, 3),
        lambda: raised(x, 2.0),
        lambda: raised(x, power=2),
        lambda: raised(x, 2, more=1.0),
        lambda: raised(jnp.ones(4), 2),
        lambda: raised(x.astype(jnp.int32), 2),
        lambda: raised(x, 2, more=x),
    ]
    found = [np.asarray(call()) for call in calls]
    assert len(files(folder)) == len(calls)
    forget()
    for call, expected in zip(calls, found, strict=True):
        value = np.asarray(call())
        assert value.dtype == expected.dtype
        np.testing.assert_array_equal(value, expected)
    assert TRACED == []


def test_precision_and_other_settings_are_different_programs(folder):
    x = np.linspace(0.1, 1.0, 5)
    for precise in (True, False, True, False):
        with jax.enable_x64(precise):
            assert raised(x, 2).dtype == (np.float64 if precise else np.float32)
    assert len(files(folder)) == 2
    forget()
    before = jax.config.read("jax_disable_most_optimizations")
    jax.config.update("jax_disable_most_optimizations", not before)
    try:
        raised(x, 2)
    finally:
        jax.config.update("jax_disable_most_optimizations", before)
    assert len(files(folder)) == 3


def test_source_versions_flags_and_folder_are_different_programs(folder, monkeypatch):
    """The key of a program holds what :func:`_process` says, which holds them all."""
    x = jnp.ones(3)
    raised(x, 2)
    told = _kept._process()
    source, python, libraries, machine, flags = told
    others = [
        ("0" * 64, *told[1:]),
        (source, "3.99", *told[2:]),
        (source, python, ("0", *libraries[1:]), machine, flags),
        (source, python, libraries, (*machine[:-1], 99), flags),
        (source, python, libraries, machine, flags + " --xla"),
    ]
    for count, other in enumerate(others, 2):
        forget()
        monkeypatch.setattr(_kept, "_process", lambda other=other: other)
        raised(x, 2)
        assert TRACED
        assert len(files(folder)) == count


def test_what_is_said_of_a_process_changes_with_source_version_flags_and_processor(tmp_path, monkeypatch):
    def said():
        _source._known.cache_clear()
        return _kept._process.__wrapped__()

    package = tmp_path / "jaxmech"
    (package / "inner").mkdir(parents=True)
    (package / "inner" / "_one.py").write_text("x = 1")
    whole = _source.source.__wrapped__
    monkeypatch.setattr(_source, "source", lambda: whole(package))
    seen = [said()]
    assert said() == seen[0]
    (package / "inner" / "_one.py").write_text("x = 2")
    seen.append(said())
    state = (package / "inner" / "_one.py").stat()
    os.utime(
        package / "inner" / "_one.py", ns=(state.st_atime_ns, state.st_mtime_ns + 1)
    )  # what ran was compiled of it
    seen.append(said())
    (package / "inner" / "_one.py").rename(package / "inner" / "_two.py")
    seen.append(said())
    monkeypatch.setenv("XLA_FLAGS", os.environ.get("XLA_FLAGS", "") + " --another")
    seen.append(said())
    monkeypatch.setattr(_kept, "version", lambda name: "99")
    seen.append(said())
    monkeypatch.setattr(os, "cpu_count", lambda: 99)
    seen.append(said())
    assert len(set(seen)) == len(seen) == 7


def test_code_of_others_is_never_kept(folder, monkeypatch):
    x = jnp.ones(3)
    for module in (_kept, _structure):
        monkeypatch.setattr(module, "PACKAGES", ("jaxmech",))
    raised(x, 2)
    doubled(Named(x, "", "a"))
    problem = collaboration.Problem([[0.1, 0.2], [0.3, 0.1]], 10.0)
    assert files(folder) == []

    class Mine(collaboration.Problem):
        pass

    kept = _kept.jit(collaboration.alone_penalty)
    kept(problem)
    assert len(files(folder)) == 1
    mine = pytree(Mine)([[0.1, 0.2], [0.3, 0.1]], 10.0)
    kept(mine)
    kept(dataclasses.replace(problem, costs=jnp.ones((2, 2))))
    assert len(files(folder)) == 1


def test_once_code_of_others_runs_nothing_is_kept_or_taken(folder, tmp_path):
    x = jnp.ones(3)
    raised(x, 2)
    (tmp_path / "mine.py").write_text("def price(x):\n    return x\n")
    function_of("method", "mine.py:price", tmp_path)
    forget()
    _kept.keep_in(tmp_path)
    raised(x, 2)
    raised(x, 3)
    assert TRACED == [2, 3]
    assert len(files(folder)) == 1


def test_what_calls_back_is_not_kept(folder):
    assert called_back(jnp.ones(2)).tolist() == [2.0, 2.0]
    assert files(folder) == []


def test_with_settings_that_look_into_programs_nothing_is_kept(folder):
    with jax.debug_nans(True):
        scaled(jnp.ones(2))
    assert files(folder) == []


def test_where_jax_is_to_keep_nothing_nothing_is_kept_whole(folder):
    with cache_of_jax(False, None, 0.0):
        scaled(jnp.ones(2))
    assert files(folder) == []


def test_what_is_made_after_the_source_has_changed_is_not_kept(folder, monkeypatch):
    monkeypatch.setattr(_source, "is_as_read", lambda: False)
    scaled(jnp.ones(2))
    assert files(folder) == []


def test_where_there_is_no_source_to_read_nothing_is_kept(folder, tmp_path, monkeypatch):
    """All versions that are installed without sources would pass for one."""
    assert _source.readable()
    assert not _source.readable(tmp_path)
    monkeypatch.setattr(_source, "__file__", str(tmp_path / "_source.pyc"))
    _kept._is_told.cache_clear()
    try:
        scaled(jnp.ones(2))
    finally:
        _kept._is_told.cache_clear()
    assert files(folder) == []


def test_random_keys_go_in_and_come_out(folder):
    key, x = jax.random.key(5), jnp.zeros(4)
    first = drawn(key, x)
    forget()
    again = drawn(key, x)
    assert len(files(folder)) == 1
    assert jax.random.key_data(again[0]).tolist() == jax.random.key_data(first[0]).tolist()
    np.testing.assert_array_equal(again[1], first[1])
    np.testing.assert_array_equal(again[1], jax.random.normal(jax.random.split(key)[0], (4,), x.dtype))


def test_labels_decide_nothing_and_are_not_handed_to_others(folder):
    first = doubled(Named(jnp.ones(2), "hers", "a"))
    forget()
    again = doubled(Named(jnp.array([3.0, 3.0]), "his", "a"))
    assert len(files(folder)) == 1
    assert TRACED == []
    assert (first.name, again.name, again.kind) == ("", "", "a")
    assert again.numbers.tolist() == [6.0, 6.0]
    assert doubled(Named(jnp.ones(2), "hers", "b")).kind == "b"
    assert len(files(folder)) == 2


@pytest.mark.parametrize("damage", [lambda data: data[:40], lambda data: data[:-1] + b"?", lambda data: b""])
def test_a_damaged_file_is_compiled_and_written_again(folder, damage):
    x = jnp.arange(4.0)
    first = scaled(x)
    (path,) = files(folder)
    path.write_bytes(damage(path.read_bytes()))
    forget()
    assert_same(scaled(x), first)
    assert TRACED
    forget()
    scaled(x)
    assert TRACED == []


def test_a_whole_file_under_another_name_is_no_program_of_that_name(folder):
    x = jnp.arange(4.0)
    raised(x, 2)
    raised(x, 3)
    one, two = files(folder)
    one.write_bytes(two.read_bytes())
    forget()
    assert (raised(x, 2).tolist(), raised(x, 3).tolist()) == ([0.0, 1.0, 4.0, 9.0], [0.0, 1.0, 8.0, 27.0])
    assert len(TRACED) == 1


@pytest.mark.parametrize("data", [b"", b"{}", b"\xff" * 99, (9).to_bytes(4, "little") + b"[1, 2, 3]" + b"code"])
def test_a_file_that_vouches_for_nonsense_is_made_anew(folder, data):
    x = jnp.arange(4.0)
    first = scaled(x)
    (path,) = files(folder)
    path.write_bytes(_program_files._check(path, data) + data)
    forget()
    assert_same(scaled(x), first)
    assert TRACED
    assert path.stat().st_size > 200


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="files have no owner")
def test_a_file_of_somebody_else_is_not_taken(folder, monkeypatch):
    x = jnp.arange(4.0)
    first = scaled(x)
    forget()
    owner = os.getuid()
    with monkeypatch.context() as patched:
        patched.setattr(os, "getuid", lambda: owner + 1)
        assert_same(scaled(x), first)
        assert TRACED
    (path,) = files(folder)
    for mode, taken in ((0o666, False), (0o600, True)):
        path.chmod(mode)
        forget()
        assert_same(scaled(x), first)
        assert (not TRACED) == taken
        path.chmod(mode)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes among files")
def test_what_is_no_regular_file_is_not_read(folder):
    x = jnp.arange(4.0)
    first = scaled(x)
    (path,) = files(folder)
    path.unlink()
    os.mkfifo(path)
    forget()
    assert_same(scaled(x), first)
    assert TRACED


def test_a_file_that_says_less_than_the_program_returns_is_made_anew(folder):
    x = jnp.arange(4.0)
    first = scaled(x)
    (path,) = files(folder)
    data = path.read_bytes()[_program_files._CHECK :]
    start = 4 + int.from_bytes(data[:4], "little")
    said = json.loads(data[4:start])
    head = json.dumps(said | {"leaves": said["leaves"][:-1]}).encode()
    data = len(head).to_bytes(4, "little") + head + data[start:]
    path.write_bytes(_program_files._check(path, data) + data)
    forget()
    assert_same(scaled(x), first)
    assert TRACED


NONSENSE = [
    ["named", "os:stat_result", ["*"]],
    ["named", "jaxmech.nowhere:Pair", ["*"]],
    ["named", "jaxmech.collaboration._divide:_divide", ["*"]],
    ["record", "builtins:object", [], ["tuple", []], ["tuple", []]],
    ["record", "jaxmech._status:Status", [], ["tuple", []], ["tuple", []]],
    ["__import__", "os", ["*"]],
    ["record", "jaxmech._kept:Path", [], ["tuple", []], ["tuple", []]],
]


@pytest.mark.parametrize("value", NONSENSE)
def test_a_structure_names_only_records_of_this_package(value):
    with pytest.raises((_structure.UntoldError, KeyError)):
        _structure.structure_from(value)


def test_what_a_module_has_imported_is_not_found_in_it():
    for name in ("jaxmech._kept:os", "jaxmech._kept:os.system", "jaxmech._kept:Path", "jaxmech._kept:jax.jit"):
        assert _structure._found(name) is None
    assert _structure._found("jaxmech._kept:Kept") is _kept.Kept


def test_inside_transformations_nothing_is_kept(folder):
    x = jnp.arange(3.0)
    slope = jax.grad(lambda x: scaled(x)["sum"])(x)
    several = jax.vmap(lambda x: raised(x, 2))(x)
    within = jax.jit(lambda x: raised(x, 3))(x)
    constant = jax.jit(lambda: raised(np.arange(3.0), 3))()
    assert files(folder) == []
    assert slope.tolist() == [1.0, 1.0, 1.0]
    assert several.tolist() == [0.0, 1.0, 4.0]
    assert within.tolist() == constant.tolist() == [0.0, 1.0, 8.0]


@pytest.mark.long
def test_a_function_of_the_library_is_the_same_kept_or_not(folder):
    problem = collaboration.Problem([[0.1, 0.2], [0.3, 0.1], [0.2, 0.4]], 10.0)
    kept = [collaboration.divide(problem, name) for name in ("rational", "nash")]
    assert len(files(folder)) >= 2
    _kept.keep_in(None)
    plain = [collaboration.divide(problem, name) for name in ("rational", "nash")]
    jax.tree.map(np.testing.assert_array_equal, kept, plain)


def test_what_is_in_the_folder_of_jax_itself_is_left_alone(folder):
    name = "jax_persistent_cache_min_compile_time_secs"
    before = jax.config.values[name]
    with _kept._ONLY_HERE:
        with _kept._ONLY_HERE:
            assert jax.config.values[name] == float("inf")
        assert jax.config.values[name] == float("inf")
    assert jax.config.values[name] == before


def test_functions_are_pickled_by_name_and_read_like_those_of_jax():
    assert pickle.loads(pickle.dumps(_divide)) is _divide
    assert content(lambda x: scaled(x)) is not None
    assert content(lambda x: scaled(x)) != content(lambda x: raised(x, 2))


PROGRAM = """
import sys, pathlib
import jax.numpy as jnp
from jaxmech import _kept, _program_files, enable_x64
from jaxmech.collaboration import Problem, divide
import jax
enable_x64()
_kept.keep_in(pathlib.Path(sys.argv[1]), "the same")
lowered = []
def note(name, taken, **more):
    if "mlir" in name:
        lowered.append(more["fun_name"])
jax.monitoring.register_event_duration_secs_listener(note)
problem = Problem([[0.1, 0.2], [0.3, 0.1]], 10.0)
found = divide(problem, "rational").value
print(found.tolist(), lowered.count("jit(_divide)"), len(_program_files.AHEAD._promised))
"""


@pytest.mark.long
def test_another_process_finds_it_and_reads_ahead_what_the_last_one_used(tmp_path):
    environment = {name: value for name, value in os.environ.items() if not name.startswith("JAX_COMPILATION")}

    def run():
        command = [sys.executable, "-W", "error", "-c", PROGRAM, str(tmp_path)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=True)
        assert done.stderr == ""
        numbers, lowered, left = done.stdout.rsplit(maxsplit=2)
        return numbers, int(lowered), int(left)

    numbers, lowered, _ = run()
    assert lowered > 0
    (record,) = tmp_path.glob("*.recent")
    assert set(record.read_text().split()) == {path.name for path in files(tmp_path)}
    assert run() == (numbers, 0, 0)
    record.write_text("../../elsewhere.program no-program " + record.read_text())
    assert run()[:2] == (numbers, 0)
    for path in files(tmp_path):
        path.unlink()
    assert run()[0] == numbers


LAPACK = """
import sys, pathlib
import jax.numpy as jnp
from jaxmech import _kept
_kept.PACKAGES += ("__main__",)
_kept.keep_in(pathlib.Path(sys.argv[1]))
traced = []
@_kept.jit
def factor(x):
    traced.append(x.shape)
    return jnp.linalg.cholesky(x)
print(factor(jnp.full((2, 2), 0.5) + jnp.eye(2)).tolist(), len(traced))
"""


def test_another_process_finds_lapack_without_lowering_what_calls_it(tmp_path):
    """Where nothing was lowered, JAX has not looked for LAPACK: the program would jump to nowhere."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("JAX_COMPILATION")}
    command = [sys.executable, "-W", "error", "-c", LAPACK, str(tmp_path)]
    said = [
        subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=True).stdout.split()
        for _ in range(2)
    ]
    assert said[0][-1] == "1"
    assert said[1] == [*said[0][:-1], "0"]


def test_a_program_may_be_prepared_by_another_thread(folder):
    problem = collaboration.Problem([[0.1, 0.2], [0.3, 0.1]], 10.0)
    expected = jax.jit(collaboration.alone_penalty)(problem)
    for _ in range(2):
        kept = _kept.jit(collaboration.alone_penalty)
        with ThreadPoolExecutor(1) as worker:
            program = worker.submit(kept.prepared, problem).result()
        np.testing.assert_array_equal(program(problem), expected)
        assert len(files(folder)) == 1
    _kept.keep_in(None)
    np.testing.assert_array_equal(_kept.jit(collaboration.alone_penalty).prepared(problem)(problem), expected)


def test_programs_from_the_cache_of_jax_are_not_written_again(folder, tmp_path_factory):
    """Written, they would be read without an error, and fail when they run."""
    x = jnp.arange(5.0)
    with cache_of_jax(True, str(tmp_path_factory.mktemp("programs")), 0.0):
        first = jax.jit(scaled.__wrapped__, keep_unused=True)(x)
        forget()
        assert_same(scaled(x), first)
        assert files(folder) == []
        raised(x, 2)
        assert len(files(folder)) == 1

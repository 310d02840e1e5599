"""Strict by default: float64, warnings are errors, shape annotations executed."""

import ast
import ctypes
import dataclasses
import functools
import gc
import os
import threading
from importlib.metadata import version
from pathlib import Path

import pytest
from jaxtyping import _import_hook, install_import_hook

os.environ.setdefault("JAX_ENABLE_X64", "1")
# Most of the time of these tests is compilation: both workers, and the processes that they start, share what they have
# compiled, and so does the next run. JAX finds programs by content, so that nothing in there is ever stale.
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(Path(__file__).parents[1] / ".pytest_cache" / "programs"))
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")


def _outermost_functions(self, node, visit=_import_hook.JaxtypingTransformer.visit_FunctionDef):
    """Check annotations of functions and methods, but not of functions that a function defines anew in every call.

    Each would be wrapped and compiled anew as well: that took up to half of the time of tests that trace much.
    """
    if any(isinstance(parent, ast.FunctionDef) for parent in self._parents):
        return node
    own = len(node.decorator_list)
    visited = visit(self, node)
    if len(visited.decorator_list) > own and _is_plain(node, _shapes_of(self._parents[0])):
        visited.decorator_list[-1] = ast.copy_location(_checker_of_types(self._typechecker), node)
    return visited


def _checker_of_types(typechecker):
    """The checker itself, for functions whose annotations name no shape: it checks the same of them.

    jaxtyping binds arguments and calls it twice in every call, to compare the sizes of one array with another's.
    """
    (keyword,) = typechecker.get_ast().keywords
    return keyword.value


def _classes(self, node, visit=_import_hook.JaxtypingTransformer.visit_ClassDef):
    """Check fields of dataclasses whose annotations name no shape as functions without one: by the checker alone."""
    own = len(node.decorator_list)
    visited = visit(self, node)
    fields = [part.annotation for part in node.body if isinstance(part, ast.AnnAssign)]
    made_by_hand = any(isinstance(part, ast.FunctionDef) and part.name == "__init__" for part in node.body)
    plain = not node.bases and not made_by_hand and not _names_a_shape(fields, _shapes_of(self._parents[0]))
    if len(visited.decorator_list) > own and plain:
        parse = ast.parse("jaxtyping._import_hook.checked_fields", mode="eval").body
        visited.decorator_list[0].func = ast.copy_location(parse, node)
        ast.fix_missing_locations(visited.decorator_list[0])
    return visited


def _checked_fields(typechecker):
    """What jaxtyping makes of a class, a dataclass with a checked ``__init__``, without its own wrapper."""

    def decorate(made):
        if dataclasses.is_dataclass(made):
            made.__init__ = typechecker(made.__init__)
        return made

    return decorate


@functools.lru_cache(maxsize=1)
def _shapes_of(module):
    """The names of arrays with a shape that a module imports."""
    imports = [node for node in ast.walk(module) if isinstance(node, ast.ImportFrom)]
    told = [name for node in imports if node.module in ("jaxmech._types", "jaxtyping") for name in node.names]
    names = {name.asname or name.name for name in told} - {"Array", "ArrayLike"}
    for node in module.body:  # names of a module's own for them
        value = node.value if isinstance(node, ast.Assign | ast.AnnAssign) else None
        if value is not None and any(isinstance(part, ast.Name) and part.id in names for part in ast.walk(value)):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names |= {target.id for target in targets if isinstance(target, ast.Name)}
    return names


def _is_plain(function, shapes):
    """Whether annotations name no shape, and nothing in quotes, which may be a class that is not made yet."""
    hints = [function.returns, *(part.annotation for part in ast.walk(function.args) if isinstance(part, ast.arg))]
    return not _names_a_shape(hints, shapes)


def _names_a_shape(hints, shapes):
    """Whether annotations name a shape, or hold anything in quotes."""
    parts = [part for hint in hints if hint is not None for part in ast.walk(hint)]
    return any(
        (isinstance(part, ast.Name) and part.id in shapes)
        or (isinstance(part, ast.Constant) and isinstance(part.value, str))
        for part in parts
    )


_import_hook.JaxtypingTransformer.visit_FunctionDef = _outermost_functions
_import_hook.JaxtypingTransformer.visit_ClassDef = _classes
_import_hook.checked_fields = _checked_fields
install_import_hook("jaxmech", "beartype.beartype")
# Traces make many small objects that stay: by default a tenth of the time goes into looking for garbage among them.
# What holds itself is rare, so that it waits for the end of a module that leaves much behind.
gc.disable()


QUICKLY_COMPILED = ("not slow and not long", "long")
"""Selections of tests by their marks: the ordinary ones, and those that take seconds."""


def pytest_configure(config):
    """Choose the code generator that compiles quickly, and for all but the slow tests the least optimised code.

    The command line does both for small problems. Slow tests run what users run, but for modules that compile more than
    they compute, which use the fixture ``compile_quickly``. Programs of tests are small: cut into pieces for several
    threads, as XLA cuts all, they take up to a quarter more to compile, and both workers have their core already. JAX
    keeps programs by these flags as well: with the same ones everywhere slow tests find what the others have compiled.
    """
    from jaxmech.cli._jax import prepare_process

    prepare_process()
    if version("jaxlib").startswith("0.10."):  # XLA ends the process if it meets a flag that it does not know
        os.environ["XLA_FLAGS"] += " --xla_cpu_parallel_codegen_split_count=1"
    if config.option.markexpr in QUICKLY_COMPILED:
        os.environ["JAX_DISABLE_MOST_OPTIMIZATIONS"] = "1"  # for the processes that tests start
        import jax  # not above: JAX reads its settings when it is imported

        jax.config.update("jax_disable_most_optimizations", True)


def pytest_collection_finish():
    """What is imported by now stays: nothing of it is garbage to look for."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="module", autouse=True)
def _forget_what_was_compiled():
    """Compiled code of a whole run takes gigabytes: once it does, a module's end is the time to drop it.

    What holds itself goes there as well, and where a module alone has left half a gigabyte.
    """
    before = _resident_gigabytes()
    yield
    after = _resident_gigabytes()
    if after > 2.5:
        import jax  # not above: JAX reads its settings when it is imported

        jax.clear_caches()
    if after > min(2.5, before + 0.5):
        gc.collect()
        # Without it the freed memory stays with the process, and every later module's end would drop everything again.
        _give_back_memory()


def _give_back_memory():
    """Return what was freed to the system, where the C library can (glibc)."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


@pytest.fixture(scope="module", autouse=True)
def _one_context_of_mlir():
    """Programs of a module share the context of MLIR in which JAX writes them, as MLIR allows.

    JAX makes one for every program and loads all dialects into it: a quarter of what a small program takes from its
    call to its code. A program that is written while another one is, or by another thread, gets its own as ever.
    """
    from jax._src.interpreters import mlir  # not above: JAX reads its settings when it is imported

    new = getattr(mlir, "make_ir_context", None)
    if new is None:
        yield
        return
    common, main = new(), threading.get_ident()

    def context():
        return common if threading.get_ident() == main and mlir.ir.Context.current is None else new()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mlir, "make_ir_context", context)
        yield


@pytest.fixture(scope="module")
def compile_quickly():
    """Compile as the command line compiles small problems: for modules that compile more than they compute."""
    from jaxmech.cli._jax import quick_compilation

    with quick_compilation():
        yield


def _resident_gigabytes():
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except (OSError, ValueError):
        return 0.0  # not Linux: nothing is dropped
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**30

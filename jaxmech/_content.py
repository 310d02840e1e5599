"""What a function reads, as one digest: a program that was compiled for it serves while that stays the same."""

import builtins
import enum
import functools
import hashlib
import sys
import types
from collections.abc import Iterable
from copyreg import _slotnames  # type: ignore[attr-defined]
from typing import Any

import jax
import numpy as np

from jaxmech._code import BOOKKEEPING, DYNAMIC, FILES, REFLECTION, is_impure, is_pure, loads

MOST_BYTES, MOST_PARTS = 64 << 20, 20_000
"""Beyond so many bytes of arrays, or so many parts, content is not looked at: it cannot be told."""

MOST_CALLABLES = 200
"""Beyond so many functions it is not asked which of them has changed."""

_ATOMS = (type(None), bool, int, float, complex, str, bytes, type(...), type(NotImplemented), range)
_C_MEMBERS = (
    types.MethodDescriptorType,
    types.WrapperDescriptorType,
    types.MemberDescriptorType,
    types.GetSetDescriptorType,
    types.ClassMethodDescriptorType,
)


class _UntoldError(Exception):
    """Something whose content cannot be told."""


def content(*things: Any) -> bytes | None:
    """Return a digest of all that functions read and data hold, or None where that cannot be told.

    Of a function: its code, constants, closure, defaults, the globals, modules and attributes that it names, the
    object that it is bound to, and the same of all functions that it can reach; numbers, containers, arrays and
    instances by value. Installed libraries of pure functions (JAX, NumPy, this one) count as constant. Chance, time,
    files, reflection and objects of unknown libraries in C cannot be told.

    Example:
        >>> content(lambda x: x + 1) == content(lambda x: x + 1), content(lambda x: x + 1) == content(lambda x: x + 2)
        (True, False)
    """
    reader = _walk(things)
    return reader.digest.digest() if reader.told else None


def callables(function: Any) -> list[Any] | None:
    """Return whatever a function can reach that can be called and is no library's, or None where that is too much.

    The function itself is left out unless it can reach itself.
    """
    reader = _walk((function,))
    if len(reader.kept) > MOST_PARTS or len(reader.called) > MOST_CALLABLES:
        return None
    return [part for part in reader.called if part is not function or reader.recursive]


def _walk(things: Iterable[Any]) -> "_Reader":
    names: set[str] = set()
    while True:
        known, reader = len(names), _Reader(names)
        try:
            for thing in things:
                reader.read(thing)
        except Exception:  # too deep, deleted arrays, properties that fail: whatever foreign objects may raise
            reader.told = False
        if len(names) == known:  # attributes of modules and classes count where anything reached names them
            return reader


class _Reader:
    """One walk over everything that can be reached."""

    def __init__(self, names: set[str]) -> None:
        self.digest = hashlib.blake2b(digest_size=20)
        self.told, self.recursive = True, False
        self.names = names
        self.seen: dict[int, int] = {}
        self.kept: list[Any] = []  # while a number in ``seen`` is in use, the object must live
        self.called: list[Any] = []
        self.bytes = 0

    def note(self, *parts: object) -> None:
        for part in parts:
            data = part if isinstance(part, bytes) else str(part).encode("utf-8", "surrogatepass")
            self.digest.update(b"%d:" % len(data) + data)

    def read(self, value: Any) -> None:
        if type(value) in _ATOMS:
            return self._atom(value)
        if id(value) in self.seen:
            self.recursive |= self.seen[id(value)] == 0
            return self.note("again", self.seen[id(value)])
        self.seen[id(value)] = len(self.seen)
        self.kept.append(value)
        self.note(type(value).__name__)
        try:
            if len(self.kept) > MOST_PARTS:
                raise _UntoldError
            if not self._of_a_library(value):
                if callable(value) and not isinstance(value, type):
                    self.called.append(value)
                self._read_parts(value)
        except _UntoldError:
            self.told = False  # and go on: what else can be reached is asked for as well
        return None

    def _read_all(self, values: Iterable[Any]) -> None:
        for value in values:
            self.read(value)

    def _atom(self, value: Any) -> None:
        self.note(type(value).__name__, hex(value) if type(value) is int else repr(value))
        if isinstance(value, str) and value.isidentifier():
            self.names.add(value)

    def _of_a_library(self, value: Any) -> bool:
        """Note and return whether the value is a named part of a library that does not change."""
        module, name = getattr(value, "__module__", None), _name(value)
        if isinstance(value, np.ufunc):
            module = "numpy" if getattr(np, value.__name__, None) is value else "scipy.special"
        if not (isinstance(module, str) and isinstance(name, str) and is_pure(module)):
            return False
        found: Any = sys.modules.get(module)
        for part in name.split("."):
            found = getattr(found, "__dict__", {}).get(part)
        if isinstance(found, staticmethod):
            found = found.__func__
        if found is not value:
            return False
        if name in {"builtins": DYNAMIC, "numpy": FILES}.get(module, ()):
            raise _UntoldError
        self.note(module, name)
        return True

    def _read_parts(self, value: Any) -> None:
        for kinds, read in _READERS:
            if isinstance(value, kinds):
                return read(self, value)
        wrapped = getattr(value, "__wrapped__", None)
        if wrapped is not None and type(value).__module__.split(".")[0] in ("jaxlib", "functools", "jaxmech"):
            return self.read(wrapped)  # jax.jit, functools.lru_cache, jaxmech._kept
        return self._instance(value)

    def _array(self, array: np.ndarray) -> None:
        self.bytes += array.nbytes
        if self.bytes > MOST_BYTES:
            raise _UntoldError
        self.note(array.dtype.name, array.dtype.descr, array.shape)
        if array.dtype.hasobject:
            self._read_all(array.ravel().tolist())
        else:
            self.note(np.ascontiguousarray(array).tobytes())
        if type(array) is not np.ndarray:
            self.read(type(array))
            self._read_all(getattr(array, "__dict__", {}).values())  # a mask

    def _jax_array(self, array: jax.Array) -> None:
        if isinstance(array, jax.core.Tracer) or not array.is_fully_addressable:
            raise _UntoldError
        self.note(array.dtype, array.sharding, getattr(array, "weak_type", False))
        is_key = jax.dtypes.issubdtype(array.dtype, jax.dtypes.prng_key)
        self._array(np.asarray(jax.random.key_data(array) if is_key else array))

    def _mapping(self, value: Any) -> None:
        self.note(len(value))
        for key, entry in value.items():
            self.read(key)
            self.read(entry)
        self._subclass(value, (dict, types.MappingProxyType))
        self.read(getattr(value, "default_factory", None))

    def _sequence(self, value: Any) -> None:
        self.note(len(value))
        self._read_all(value)
        self._subclass(value, (list, tuple))

    def _set(self, value: Any) -> None:
        digests = []
        for entry in value:  # in no order: each by itself
            reader = _Reader(self.names)
            reader.read(entry)
            digests.append(reader.digest.digest())
            self.told &= reader.told
            self.called += reader.called
        self.note(*sorted(digests))
        self._subclass(value, (set, frozenset))

    def _subclass(self, value: Any, plain: tuple[type, ...]) -> None:
        if type(value) not in plain:
            self.read(type(value))
            self._read_all(getattr(value, "__dict__", {}).items())

    def _function(self, function: types.FunctionType) -> None:
        if _only_checks(function):
            return self.read(function.__wrapped__)  # type: ignore[attr-defined]
        self._code(function.__code__)
        self._read_all((function.__defaults__, function.__kwdefaults__))
        for cell in function.__closure__ or ():
            self.read(cell.cell_contents if _is_filled(cell) else "empty")
        module = function.__globals__.get("__name__")
        if isinstance(module, str) and is_pure(module):
            return None  # made by a library from what its closure holds: jax.grad, jax.vmap
        self.read({name: part for name, part in function.__dict__.items() if name != "__wrapped__"})
        for chain in loads(function.__code__):
            self._global(function.__globals__, *chain)
        return None

    def _code(self, code: types.CodeType) -> None:
        self.note(code.co_code, code.co_exceptiontable, code.co_flags, code.co_argcount, code.co_posonlyargcount)
        self.note(code.co_kwonlyargcount, code.co_names, code.co_freevars, code.co_cellvars, code.co_varnames)
        self.told &= not REFLECTION & set(code.co_names)
        self.names.update(code.co_names)
        for constant in code.co_consts:
            self._code(constant) if isinstance(constant, types.CodeType) else self.read(constant)

    def _global(self, space: dict[str, Any], root: str, *attributes: str) -> None:
        """A global that code names, with the attributes that it asks of it; of modules the last one counts."""
        if root == "import":
            return self._import(attributes[0])
        self.note(root, *attributes)
        value = space.get(root, getattr(builtins, root, _Missing))
        for name in attributes:
            if not isinstance(value, types.ModuleType):
                break
            value = value.__dict__.get(name, _Missing)
        return self.read(value)

    def _import(self, name: str) -> None:
        """A module that code imports, and the packages that hold it."""
        parts = name.split(".")
        for i in range(len(parts)):
            module = sys.modules.get(".".join(parts[: i + 1]))
            if module is None:
                self.told = False  # what an import runs is not known before
            self.read(module)

    def _module(self, module: types.ModuleType) -> None:
        self.note(module.__name__)
        if is_impure(module.__name__) or (module is np and "random" in self.names):
            self.told = False
        elif not is_pure(module.__name__):
            self._named(module.__dict__, ("__getattr__",))

    def _class(self, cls: type) -> None:
        if not cls.__flags__ & _HEAP:
            raise _UntoldError  # written in C
        self.note(cls.__qualname__)
        self._read_all((type(cls), *cls.__bases__))
        methods = [name for name in cls.__dict__ if name.startswith("__") and name not in BOOKKEEPING]
        self._named(cls.__dict__, (*methods, "tree_flatten", "tree_unflatten", "tree_flatten_with_keys"))

    def _named(self, space: Any, always: Iterable[str]) -> None:
        """Those entries of a module or class that anything names."""
        chosen = {*always, *self.names}
        for name in sorted(chosen & set(space)):
            self.note(name)
            self.read(space[name])

    def _bound(self, method: Any) -> None:
        """A method in Python or C, with its object; a function of a module in C that is not known cannot be told."""
        owner = getattr(method, "__self__", None)
        if owner is None or isinstance(owner, types.ModuleType):
            raise _UntoldError
        self.read(owner)
        self._atom(method.__name__)
        self.read(getattr(method, "__func__", None))

    def _member(self, member: Any) -> None:
        self.note(member.__objclass__.__module__, member.__objclass__.__qualname__, member.__name__)

    def _partial(self, value: functools.partial[Any]) -> None:
        self._read_all((type(value), value.func, value.args, value.keywords))

    def _property(self, value: Any) -> None:
        self._read_all(getattr(value, name, None) for name in ("fget", "fset", "fdel", "__func__", "func"))

    def _enum(self, member: enum.Enum) -> None:
        self.note(type(member).__module__, type(member).__qualname__, member.name)
        self._read_all((type(member), member.value))

    def _tree(self, tree: Any) -> None:
        self._read_all((tree.node_data(), *tree.children()))

    def _instance(self, value: Any) -> None:
        cls = type(value)
        slots = _slotnames(cls)
        words = 2 + len(slots) + (cls.__dictoffset__ > 0) + (cls.__weakrefoffset__ > 0)
        if cls.__basicsize__ > words * _WORD or cls.__itemsize__:
            raise _UntoldError  # holds something that Python does not see
        self.read(cls)
        self.note(*slots)
        self._read_all(getattr(value, name, _Missing) for name in slots)
        self._read_all(_items(value))


class _Missing:
    """What is not there."""


_HEAP, _WORD = 1 << 9, object.__basicsize__ // 2

_READERS: tuple[tuple[Any, Any], ...] = (
    (np.generic, lambda reader, value: reader.note(value.dtype.name, value.dtype.descr, value.tobytes())),
    (np.dtype, lambda reader, value: reader.note(value.name, value.descr)),
    (np.ndarray, _Reader._array),
    (jax.Array, _Reader._jax_array),
    (enum.Enum, _Reader._enum),
    (type, _Reader._class),
    (types.FunctionType, _Reader._function),
    (types.CodeType, _Reader._code),
    ((types.MethodType, types.BuiltinFunctionType, types.MethodWrapperType), _Reader._bound),
    (_C_MEMBERS, _Reader._member),
    (functools.partial, _Reader._partial),
    ((property, staticmethod, classmethod, functools.cached_property), _Reader._property),
    (types.ModuleType, _Reader._module),
    ((dict, types.MappingProxyType), _Reader._mapping),
    ((list, tuple), _Reader._sequence),
    ((set, frozenset), _Reader._set),
    (slice, lambda reader, value: reader._read_all((value.start, value.stop, value.step))),
    (jax.tree_util.PyTreeDef, _Reader._tree),
    (jax.Device, lambda reader, value: reader.note(value.platform, value.id)),
)


def _items(value: Any) -> Iterable[Any]:
    for name, entry in getattr(value, "__dict__", {}).items():
        yield name
        yield entry


def _only_checks(function: types.FunctionType) -> bool:
    """Whether jaxtyping or beartype made a function to check the types of another: it computes what that does."""
    made = function.__globals__.get("__name__") == "jaxtyping._decorator"
    return hasattr(function, "__wrapped__") and (made or function.__code__.co_filename.startswith("<@beartype("))


def _name(value: Any) -> str | None:
    return getattr(value, "__qualname__", None) or getattr(value, "__name__", None)


def _is_filled(cell: types.CellType) -> bool:
    try:
        return cell.cell_contents is not None or True
    except ValueError:
        return False

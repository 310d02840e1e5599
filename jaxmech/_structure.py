"""Host: how nested records are put together, as JSON and back: only of what this package defines, by name.

A name is looked up among the classes that have been imported already; nothing is imported or evaluated.
"""

import dataclasses
import enum
import sys
import types
from typing import Any

import jax

from jaxmech._pytree import RECORDS, Labels

_ATOMS = (type(None), bool, int, float, str)
PACKAGES = (__name__.partition(".")[0],)
"""Whose classes and functions are told by name."""
_LEAF = "*"


class UntoldError(Exception):
    """Something that has no text of its own, as code of a user."""


def structure_told(tree: Any, *, labels: bool = True) -> Any:
    """Return the structure of a pytree as what JSON can hold.

    Args:
        tree: a structure as JAX returns it.
        labels: False to leave out what decides nothing: labels of records that hold arrays.

    Raises:
        UntoldError: for classes and static values of others.

    Example:
        >>> structure_told(jax.tree.structure((1.0, [2.0], None)))
        ['tuple', None, ['*', ['list', None, ['*']], None]]
    """
    node = tree.node_data()
    if node is None:
        return _LEAF
    kind, beside = node
    parts = [structure_told(child, labels=labels) for child in tree.children()]
    if kind is type(None):
        return None
    if kind in (tuple, list):
        return [kind.__name__, None, parts]
    if kind is dict:
        if not all(type(key) is str for key in beside):
            raise UntoldError(beside)
        return ["dict", beside, parts]
    if kind in RECORDS:
        *static, others = beside
        kept = told(others.values) if labels or not tree.num_leaves else None
        return ["record", _name_of(kind), parts, told(tuple(static)), kept]
    if issubclass(kind, tuple):
        return ["named", _name_of(kind), parts]
    raise UntoldError(kind)


def structure_from(value: Any) -> Any:
    """Return the structure that :func:`structure_told` tells.

    Args:
        value: from JSON.

    Raises:
        UntoldError: if it names what is not there.

    Example:
        >>> structure_from(["tuple", None, ["*", ["dict", ["a"], ["*"]], None]])
        PyTreeDef((*, {'a': *}, None))
    """
    return jax.tree.structure(_example(value))


def told(value: Any) -> Any:
    """Return a static value as what JSON can hold: numbers, texts, tuples, and what this package defines.

    Args:
        value: any.

    Raises:
        UntoldError: for anything else.

    Example:
        >>> told((1, "two", None))
        ['tuple', [1, 'two', None]]
    """
    if type(value) in _ATOMS:
        return value
    if type(value) is tuple:
        return ["tuple", [told(part) for part in value]]
    if isinstance(value, enum.Enum) and type(value).__members__.get(value.name) is value:
        return ["enum", _name_of(type(value)), value.name]
    if isinstance(value, type | types.FunctionType):
        return ["is", _name_of(value)]
    if dataclasses.is_dataclass(value):
        fields = [told(getattr(value, field.name)) for field in dataclasses.fields(value)]
        return ["static", _name_of(type(value)), fields]
    if isinstance(value, tuple):
        return ["static tuple", _name_of(type(value)), [told(part) for part in value]]
    raise UntoldError(value)


def _name_of(thing: Any) -> str:
    """The name of a class or function by which it is found again."""
    name = f"{thing.__module__}:{thing.__qualname__}"
    if _found(name) is not thing:
        raise UntoldError(name)
    return name


def _found(name: str) -> Any:
    """What this package has under a name, in a module that has been imported."""
    module, _, path = name.partition(":")
    found: Any = sys.modules.get(module) if module.partition(".")[0] in PACKAGES else None
    for part in path.split("."):
        found = getattr(found, "__dict__", {}).get(part)
    # a module also has what it imported from elsewhere
    return found if str(getattr(found, "__module__", "")).partition(".")[0] in PACKAGES else None


def _class(name: str, kind: Any) -> Any:
    found = _found(name)
    if not (isinstance(found, type) and issubclass(found, kind)):
        raise UntoldError(name)
    return found


def _example(value: Any) -> Any:
    """Something of such a structure; its leaves are numbers."""
    if value is None:
        return None
    if value == _LEAF:
        return 0
    kind, name, parts, *rest = value
    children = [_example(part) for part in parts]
    if kind == "record":
        made = _class(name, object)
        static, others = map(_static, rest)
        return RECORDS[made]((*static, Labels(others)), children)
    if kind == "named":
        return _class(name, tuple)(*children)
    if kind == "dict":
        return dict(zip(name, children, strict=True))
    return {"tuple": tuple, "list": list}[kind](children)


def _static(value: Any) -> Any:
    """The static value of :func:`told`."""
    if type(value) in _ATOMS:
        return value
    kind, name, *rest = value
    if kind == "tuple":
        return tuple(map(_static, name))
    if kind == "enum":
        return _class(name, enum.Enum)[rest[0]]
    if kind == "is":
        return _found(name)
    if kind == "static tuple":
        return _class(name, tuple)(*map(_static, rest[0]))
    cls = _class(name, object)
    made = object.__new__(cls)  # as it was: checked already
    for field, part in zip(dataclasses.fields(cls), rest[0], strict=True):
        object.__setattr__(made, field.name, _static(part))
    return made

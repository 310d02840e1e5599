"""What code names, and which libraries count as constant."""

import dis
import functools
import types


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_PURE = _words(
    "builtins math cmath operator _operator functools _functools itertools collections dataclasses typing abc _abc "
    "enum numbers types copy reprlib contextlib warnings jax jaxlib numpy scipy optax jaxtyping beartype jaxmech"
)
"""Libraries whose functions and classes count as constant."""

_IMPURE = ("numpy.random", "scipy.stats", "scipy.io", "scipy.datasets")
FILES = _words("load loadtxt genfromtxt fromfile memmap")
DYNAMIC = _words("eval exec compile globals locals vars dir open input id __import__ getattr setattr delattr")
REFLECTION = _words("__dict__ __globals__ __builtins__ __closure__ __code__ __getattribute__ f_back f_locals")
"""Parts of these libraries, and attributes, that may read anything."""

BOOKKEEPING = _words(
    "__dict__ __weakref__ __doc__ __module__ __annotations__ __firstlineno__ __static_attributes__ _abc_impl "
    "__abstractmethods__ __dataclass_fields__ __dataclass_params__ __orig_bases__ __parameters__"
)
"""Entries of a class that no computation reads."""


def is_impure(module: str) -> bool:
    """Whether a module of such a library draws or reads something that is not among its arguments."""
    return module.startswith(_IMPURE)


def is_pure(module: str) -> bool:
    """Whether what a module holds counts as constant."""
    return module.split(".")[0] in _PURE and not is_impure(module)


@functools.lru_cache(maxsize=4096)
def loads(code: types.CodeType) -> tuple[tuple[str, ...], ...]:
    """The globals that code names, each with the attributes that follow at once; and what it imports.

    Example:
        >>> loads((lambda x: np.sin(x) * S).__code__)
        (('np', 'sin'), ('S',))
    """
    chains: list[tuple[str, ...]] = []
    follows = False
    steps = list(dis.get_instructions(code))
    for place, step in enumerate(steps):
        name, what = step.opname, step.argval
        if name in ("STORE_GLOBAL", "DELETE_GLOBAL"):
            chains.append(("import", ""))  # changes what it reads
        elif name in ("LOAD_GLOBAL", "LOAD_NAME"):
            chains.append((what,))
        elif name == "IMPORT_NAME":
            relative = steps[place - 2].argval != 0  # to a package that is not known here
            chains.append(("import", "" if relative else what))
        elif name in ("LOAD_ATTR", "LOAD_METHOD") and follows:
            chains[-1] += (what,)
        follows = name in ("LOAD_GLOBAL", "LOAD_NAME") or (follows and name in ("LOAD_ATTR", "LOAD_METHOD"))
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            chains += loads(constant)
    return tuple(dict.fromkeys(chains))

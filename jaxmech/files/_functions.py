"""Functions of one's own that a file or the command line names: ``module.py:function``, ``package.module:function``."""

import functools
import hashlib
import importlib
import importlib.metadata
import importlib.util
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from jaxmech._errors import ProblemError
from jaxmech._kept import keep_no_more
from jaxmech._words import suggestion


def function_of(key: str, given: object, folder: Path) -> Callable[..., Any]:
    """Return the function that a reference names. Reading it runs the module that it stands in.

    Args:
        key: where the reference stands.
        given: ``module.py:function``, a file beside the problem file, or ``package.module:function``, as entry points
            are written.
        folder: of the problem file.

    Returns:
        The function; an error inside it becomes one line that names the reference and the line of its code.

    Raises:
        ProblemError: for what is no such reference, no such file or module, no such function, and code that fails.

    Example:
        >>> function_of("method", "math:hypot", Path("."))(3.0, 4.0)
        5.0
    """
    if not isinstance(given, str) or not is_reference(given):
        rule = 'must name a function: "module.py:function", or "package.module:function"'
        raise ProblemError(key, given, rule)
    keep_no_more()
    where, name = (part.strip() for part in given.rsplit(":", 1))
    module = _run(key, given, folder / where) if where.endswith(".py") else _imported(key, given, where)
    found = getattr(module, name, None)
    if not callable(found):
        names = [other for other, value in vars(module).items() if callable(value) and not other.startswith("_")]
        what = "is no function there" if found is not None else "has no such function"
        raise ProblemError(key, given, f"{where} {what}{suggestion(name, names)}")
    return _guarded(key, given, found)


def is_reference(given: str) -> bool:
    """Return whether a text is a reference to a function, and no name of ours.

    Args:
        given: the text.

    Example:
        >>> is_reference("mine.py:price"), is_reference("exact")
        (True, False)
    """
    where, _, name = given.rpartition(":")
    module = where.strip()
    dotted = module.replace(".", "_").isidentifier() and not module.startswith(".")
    return name.strip().isidentifier() and (module.endswith(".py") or dotted)


def code_of(references: Sequence[object], folder: Path) -> dict[str, str]:
    """Return the files that references name, and the SHA-256 of each: which code an answer rests on.

    Args:
        references: what a section holds; what names no file is passed over.
        folder: of the problem file.
    """
    found = {}
    for given in references:
        where = given.rpartition(":")[0].strip() if isinstance(given, str) else ""
        if where.endswith(".py") and (folder / where).is_file():
            found[where] = hashlib.sha256((folder / where).read_bytes()).hexdigest()
    return found


def entry_point(key: str, name: str, group: str, known: Sequence[str], folder: Path) -> Callable[..., Any]:
    """Return the function that an installed package offers under a name.

    Args:
        key: where the name stands.
        name: of the entry point.
        group: of entry points, such as "jaxmech.pricing".
        known: names that are no entry points, for the message.
        folder: of the problem file.

    Raises:
        ProblemError: if no package offers one of this name, with the nearest word.
    """
    offered = {point.name: point.value for point in importlib.metadata.entry_points(group=group)}
    if name not in offered:
        words = [*known, *offered]
        rule = f'must be one of {", ".join(words)}, or a function, "module.py:function"{suggestion(name, words)}'
        raise ProblemError(key, name, rule)
    return function_of(key, offered[name], folder)


def _run(key: str, given: str, path: Path) -> Any:
    """The module in a file, run once."""
    if not path.is_file():
        raise ProblemError(key, given, f"no such file: {path.name} must lie beside what names it")
    spec = importlib.util.spec_from_file_location(f"_jaxmech_of_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    written = sys.dont_write_bytecode
    sys.dont_write_bytecode = True  # reading a problem leaves nothing beside it
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise ProblemError(key, given, f"fails when it is read: {_told(error)}") from None
    finally:
        sys.dont_write_bytecode = written
    return module


def _imported(key: str, given: str, name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        raise ProblemError(key, given, f"no module of this name is installed: {error.name}") from None
    except Exception as error:
        raise ProblemError(key, given, f"fails when it is imported: {_told(error)}") from None


def _guarded(key: str, given: str, function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def guarded(*args: Any) -> Any:
        try:
            return function(*args)
        except Exception as error:
            raise ProblemError(key, given, f"fails when it is called: {_told(error)}") from None

    return guarded


def _told(error: Exception) -> str:
    """What went wrong and where in the user's own code, on one line."""
    frames = traceback.extract_tb(error.__traceback__)
    place = next((f", line {frame.lineno}" for frame in reversed(frames) if "site-packages" not in frame.filename), "")
    line = getattr(error, "lineno", None) if isinstance(error, SyntaxError) else None
    first = next(iter(str(error).strip().splitlines()), "")
    return f"{type(error).__name__}{f', line {line}' if line else place}: {first}".rstrip(": ")

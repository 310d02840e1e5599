"""How records show themselves: in one line, in a notebook, and as tables of pandas and xarray where these are there."""

import dataclasses
import html
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import jax
import numpy as np

from jaxmech._errors import ProblemError

if TYPE_CHECKING:
    import pandas
    import xarray

_ROWS = 24
"""Longer tables in notebooks show the first rows, and say how many are left."""

_FEW = 6
"""Arrays of so many numbers are shown as they are."""

_NOUNS = {"agents": "agent", "distributions": "distribution", "contributors": "contributor", "types": "buyer"}
"""Axes, and what one thing on them is called where it has no name."""


def brief(record: Any) -> str:
    """Return a record in one line: numbers as they are, arrays by type and shape. As ``__repr__`` of records.

    Args:
        record: a dataclass.

    Example:
        >>> @dataclasses.dataclass
        ... class Pair:
        ...     count: int
        ...     rows: np.ndarray
        >>> brief(Pair(3, np.zeros((24, 4))))
        'Pair(count=3, rows=float64[24,4])'
    """
    told = getattr(record, "_told", None)
    parts = told() if told else [f"{name}={in_short(value)}" for name, value in _fields(record).items()]
    return f"{type(record).__name__}({', '.join(parts)})"


def in_html(record: Any) -> str:
    """Return a record as HTML for notebooks: single numbers first, then a table with a row for each agent.

    Args:
        record: a dataclass.
    """
    values = _fields(record)
    rows = {name: np.asarray(value) for name, value in values.items() if _rank(value) in (1, 2)}
    sizes: dict[int, int] = {}
    for array in rows.values():
        sizes[len(array)] = sizes.get(len(array), 0) + array.size
    count = max(sizes, key=lambda length: sizes[length]) if sizes else 0
    together = {name: array for name, array in rows.items() if len(array) == count and count > 0}
    words = {name: value if isinstance(value, str) else in_short(value) for name, value in values.items()}
    single = [(name, told) for name, told in words.items() if name not in together]
    parts = [f"<b>{html.escape(type(record).__name__)}</b>", _table([list(pair) for pair in single])]
    if together:
        columns = dict(_columns(together))
        names = values.get("agents") or values.get("contributors") or ()
        names = [str(i + 1) for i in range(count)] if len(names) != count else names
        body = [[names[i], *(_number(array[i]) for array in columns.values())] for i in range(min(count, _ROWS))]
        parts.append(_table(body, ["", *columns]))
    if count > _ROWS:
        parts.append(f"<small>and {count - _ROWS:,} more rows</small>")
    return "".join(parts)


class Tabular:
    """What a record with named axes offers: tables of other libraries.

    A subclass says which fields have which axes; batches are further axes in front.
    """

    AXES: ClassVar[Mapping[str, tuple[str, ...]]] = {}

    def to_dataframe(self, problem: Any = None) -> "pandas.DataFrame":
        """Return a table of pandas: a row for each place on the axes, a column for each field.

        Args:
            problem: whose names the rows get; numbered from 1 without it.

        Raises:
            ProblemError: if pandas is not installed, or this is a batch.

        Source: none; a view of the record.

        Example:
            >>> from jaxmech import collaboration
            >>> problem = collaboration.Problem([[0.1], [0.2]], 1.0, agents=["A", "B"], distributions=["x"])
            >>> plan = collaboration.solve(problem, mechanism="pool").value
            >>> plan.to_dataframe(problem).index.tolist()
            [('A', 'x'), ('B', 'x')]
        """
        pandas = _library("pandas", "to_dataframe")
        arrays = {name: np.asarray(getattr(self, name)) for name in self.AXES}
        for name, array in arrays.items():
            if array.ndim != len(self.AXES[name]):
                raise ProblemError(
                    name, array.shape, "is a batch: take one instance, or to_xarray, which has more axes"
                )
        names = _names(self.AXES, arrays, problem)
        blocks = dict.fromkeys(axes for axes in self.AXES.values() if not _is_part(axes, self.AXES.values()))
        frames = []
        for axes in blocks:
            index = pandas.MultiIndex.from_product(
                [names[axis] for axis in axes], names=[_NOUNS[axis] for axis in axes]
            )
            fields = [name for name, own in self.AXES.items() if set(own) <= set(axes)]
            columns = {name: _spread(arrays[name], self.AXES[name], axes, names).ravel() for name in fields}
            single = index if len(axes) > 1 else index.get_level_values(0)
            frames.append(pandas.DataFrame(columns, index=single))
        return frames[0] if len(frames) == 1 else pandas.concat(frames, names=["side"], keys=[a[0] for a in blocks])

    def to_xarray(self, problem: Any = None) -> "xarray.Dataset":
        """Return a data set of xarray: every field with its axes, names as coordinates.

        Args:
            problem: whose names the coordinates are; numbered from 1 without it.

        Raises:
            ProblemError: if xarray is not installed.

        Source: none; a view of the record.

        Example:
            >>> from jaxmech import collaboration
            >>> problem = collaboration.Problem([[0.1], [0.2]], 1.0, agents=["A", "B"], distributions=["x"])
            >>> plan = collaboration.solve(problem, mechanism="pool").value
            >>> float(plan.to_xarray(problem).samples.sel(agent="A", distribution="x")) > 0
            True
        """
        xarray = _library("xarray", "to_xarray")
        arrays = {name: np.asarray(getattr(self, name)) for name in self.AXES}
        variables = {}
        for name, array in arrays.items():
            front = [f"batch_{k}" for k in range(array.ndim - len(self.AXES[name]))]
            variables[name] = ([*front, *(_NOUNS[axis] for axis in self.AXES[name])], array)
        names = _names(self.AXES, arrays, problem)
        return xarray.Dataset(variables, {_NOUNS[axis]: list(words) for axis, words in names.items()})


def _is_part(axes: tuple[str, ...], others: Any) -> bool:
    return any(set(axes) < set(other) for other in others)


def _spread(array: np.ndarray, own: tuple[str, ...], axes: tuple[str, ...], names: Mapping[str, Any]) -> np.ndarray:
    """An array with values repeated along the axes that it lacks."""
    shape = [len(names[axis]) if axis in own else 1 for axis in axes]
    return np.broadcast_to(array.reshape(shape), [len(names[axis]) for axis in axes])


def _names(
    axes: Mapping[str, tuple[str, ...]], arrays: Mapping[str, np.ndarray], problem: Any
) -> dict[str, tuple[str, ...]]:
    """Names of the places on every axis: the problem's, or numbers."""
    found: dict[str, tuple[str, ...]] = {}
    for field, own in axes.items():
        for place, axis in enumerate(reversed(own), start=1):
            count = arrays[field].shape[-place]
            given = getattr(problem, "buyers" if axis == "types" else axis, None)
            if given is not None and len(given) != count:
                raise ProblemError(
                    "problem", f"{len(given)} {axis}", f"must be the one of the record, which has {count}"
                )
            numbered = tuple(f"{_NOUNS[axis]} {i + 1}" for i in range(count))
            found[axis] = numbered if given is None else tuple(str(name) for name in given)
    return found


def _library(name: str, method: str) -> Any:
    """Return a library that only this needs."""
    import importlib

    try:
        return importlib.import_module(name)
    except ImportError:
        raise ProblemError(name, "missing", f"{method} needs it: pip install {name}") from None


def _fields(record: Any) -> dict[str, Any]:
    return {field.name: getattr(record, field.name) for field in dataclasses.fields(record)}


def _rank(value: Any) -> int:
    return np.ndim(value) if hasattr(value, "shape") and not isinstance(value, jax.core.Tracer) else -1


def in_short(value: Any) -> str:
    """Return a value for a line: small arrays as they are, others by type and shape."""
    if isinstance(value, jax.core.Tracer) or not hasattr(value, "dtype"):
        return repr(value)
    if np.ndim(value) == 0 and not jax.dtypes.issubdtype(value.dtype, jax.dtypes.extended):
        return _number(np.asarray(value)[()])
    if np.size(value) <= _FEW and not jax.dtypes.issubdtype(value.dtype, jax.dtypes.extended):
        return _listed(np.asarray(value).tolist())
    return f"{value.dtype}[{','.join(str(size) for size in value.shape)}]"


def _listed(values: Any) -> str:
    return f"[{' '.join(map(_listed, values))}]" if isinstance(values, list) else _number(values)


def _number(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, (float, np.floating)) else str(value)


def _columns(arrays: Mapping[str, np.ndarray]) -> Iterator[tuple[str, np.ndarray]]:
    """Arrays with one axis; those with two by their columns."""
    for name, array in arrays.items():
        if array.ndim == 1:
            yield name, array
        else:
            yield from ((f"{name} {k + 1}" if array.shape[1] > 1 else name, array[:, k]) for k in range(array.shape[1]))


def _table(rows: Sequence[Sequence[str]], headers: Sequence[str] = ()) -> str:
    head = f"<tr>{''.join(f'<th>{html.escape(cell)}</th>' for cell in headers)}</tr>" if headers else ""
    body = "".join(f"<tr>{''.join(f'<td>{html.escape(cell)}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table>{head}{body}</table>"

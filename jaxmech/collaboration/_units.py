"""Where functions of a problem meet agents who differ in precision: equivalent points inside, everybody's own outside.

All mathematics of this package is about points that are alike. A function of a problem is written for those; decorated
with :func:`in_equivalent_points`, it takes amounts and plans in each agent's own points and returns them so.
"""

import dataclasses
import functools
import inspect
from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec, TypeVar

import numpy as np

from jaxmech._status import Solution
from jaxmech._types import Amounts
from jaxmech.collaboration._plan import Plan
from jaxmech.collaboration._problem import Problem

P = ParamSpec("P")
R = TypeVar("R")

ITSELF = "itself"
"""What a function returns is amounts, not a record that holds some."""

_PLANNED = ("samples", "target")


def in_equivalent_points(
    *amounts: str, returns: tuple[str, ...] = ()
) -> Callable[[Callable[Concatenate[Problem, P], R]], Callable[Concatenate[Problem, P], R]]:
    """Decorate a function of a problem so that it sees equivalent points only, and its callers each agent's own.

    Plans are converted wherever they occur, α and totals excepted: they stay in equivalent points. Where all points are
    alike, nothing is done.

    Args:
        amounts: names of arguments, (agents, distributions), that count points.
        returns: fields of the result, or of what a Solution holds, that do; or :data:`ITSELF`.
    """

    def decorate(function: Callable[Concatenate[Problem, P], R]) -> Callable[Concatenate[Problem, P], R]:
        names = list(inspect.signature(function).parameters)[1:]

        @functools.wraps(function)
        def converted(problem: Problem, /, *args: P.args, **kwargs: P.kwargs) -> R:
            if problem.counted_alike:
                return function(problem, *args, **kwargs)
            told = problem.in_equivalent_points()
            precision = told.precision
            assert precision is not None
            given: dict[str, Any] = {**dict(zip(names, args, strict=False)), **kwargs}
            inside = {name: _times(value, precision, name in amounts) for name, value in given.items()}
            if returns == (ITSELF,):  # real numbers, whatever a whole point counts: as where points are alike
                named = told.agents, told.distributions
                told = Problem.unchecked(told.costs, told.sigma, told.price, *named, capacity=told.capacity)
            return _own(function(told, **inside), 1 / precision, returns)  # type: ignore[call-arg]

        return converted

    return decorate


def plan_times(plan: Plan, factor: Amounts) -> Plan:
    """Return a plan with its amounts multiplied.

    Args:
        plan: the plan.
        factor: by agent and distribution.
    """
    return dataclasses.replace(plan, **{name: getattr(plan, name) * factor for name in _PLANNED})


def _times(value: Any, factor: Amounts, counts: bool) -> Any:
    """An argument in equivalent points."""
    if isinstance(value, Plan):
        return plan_times(value, factor)
    if isinstance(getattr(value, "plan", None), Plan):  # a plan in whole samples
        return dataclasses.replace(
            value, plan=plan_times(value.plan, factor), alone_samples=value.alone_samples * factor
        )
    return value * factor if counts and not (value is None or isinstance(value, str)) else value


def _alike(old: Any, new: Any) -> Any:
    """An array of the kind that it was: NumPy's on the host."""
    return np.asarray(new) if isinstance(old, np.ndarray) else new


def _own(result: Any, factor: Amounts, returns: tuple[str, ...]) -> Any:
    """A result in everybody's own points."""
    if isinstance(result, Solution):
        return result.map(lambda value: _own(value, factor, returns))
    if isinstance(result, Plan):
        return plan_times(result, factor)
    if returns == (ITSELF,):
        return result * factor
    fields = {name: _alike(getattr(result, name), getattr(result, name) * factor) for name in returns}
    if not fields:
        return result
    return result._replace(**fields) if hasattr(result, "_replace") else dataclasses.replace(result, **fields)

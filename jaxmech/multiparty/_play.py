"""Host: competitors' mechanisms run at their own types, and at many types drawn as in the paper's experiment."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxmech._kept import jit
from jaxmech._tolerances import tolerances
from jaxmech._types import Array
from jaxmech.mechanism import PLATFORM, Chance, Quantity, Realised, averaged, counted
from jaxmech.multiparty._audit import COMPETITOR
from jaxmech.multiparty._interdependent import known
from jaxmech.multiparty._mechanism import Sharing, mechanism
from jaxmech.multiparty._misreport import left_with
from jaxmech.multiparty._problem import Problem, TypeSpace
from jaxmech.multiparty._reports import ReportTable
from jaxmech.multiparty._solve import Plan

LOSES, LIES, PAID = "better off staying away", "a lower report gained", "paid instead of paying"
DEFICIT = "payments below 0 in sum"
"""What may happen in a run."""

_AT_ONCE = 256


class Profiles(NamedTuple):
    """What happened, run by run: (runs, agents) each.

    Attributes:
        payment: what each paid.
        utility: what she was left with.
        quality: of the model that she used.
        outside: what staying away would have left her.
        lied: what a lower report, drawn at random, would have left her, with the better of the two models.
        stake: what she had at stake.
    """

    payment: Any
    utility: Any
    quality: Any
    outside: Any
    lied: Any
    stake: Any


def play(problem: Problem, plan: Plan, key: Array, replications: int) -> tuple[Realised, ...]:
    """Run a mechanism at the agents' types, once, and at types drawn evenly from nothing to theirs, many times.

    Nothing in the model is random but the types: in the paper's experiment they are drawn evenly and independently, and
    so they are here, with the problem's types as the largest. In every run each agent also tries one lower report,
    drawn evenly from [0, t_i], while the others are honest (Assumption 2).

    Args:
        problem: the problem.
        plan: from :func:`solve`.
        key: random key.
        replications: how many draws of types.

    Returns:
        At the problem's types, beside what the plan promises; and at drawn types, where nothing but participation and
        truth is promised. Host only.

    Source: Chen et al. 2020, section 6.1 and Assumption 2.

    Example:
        >>> from jaxmech.multiparty import Linear, solve
        >>> problem = Problem([0.5, 1.0], Linear([[1.0, -0.2], [0.1, 1.0]]))
        >>> here, drawn = play(problem, solve(problem).value, jax.random.key(0), 100)
        >>> [row.chance for row in drawn.chances if row.event == LOSES]
        [0.0, 0.0]
    """
    rules, n = mechanism(problem, plan), problem.count
    shares = jax.random.uniform(key, (2, replications, n), problem.types.dtype)
    here = _runs(problem, rules, jnp.ones((1, n), shares.dtype), jnp.ones((1, n), shares.dtype))
    drawn = _runs(problem, rules, *shares)
    names = [problem.agent_name(i) for i in range(n)]
    fields = ("payment", "utility", "quality")
    promised = {field: np.asarray(getattr(plan, field), float) for field in fields}
    promised["revenue"] = np.asarray(plan.revenue, float)
    unknown = {field: np.full(n, np.nan) for field in fields} | {"revenue": np.asarray(np.nan)}
    harmless = bool(np.all(np.asarray(jax.jacfwd(known(problem.valuation, problem.types))(plan.quality)) >= 0))
    claims = (LOSES, LIES) if plan.mechanism == "exploitation" or harmless else (LIES,)
    types = "types drawn evenly from nothing to these"
    return (
        Realised("these types", 1, _quantities(names, here, promised), ()),
        Realised(
            types, replications, _quantities(names, drawn, unknown), _chances(names, drawn, claims, problem.types.dtype)
        ),
    )


def play_table(table: ReportTable, key: Array, replications: int) -> tuple[Realised, ...]:
    """Run a finite mechanism at types drawn evenly from its levels.

    Expected are the means over all profiles. In every run each agent also tries a lower level, drawn evenly.

    Args:
        table: the mechanism.
        key: random key.
        replications: how many draws.

    Source: Chen et al. 2020, section 6.2: types are multiples of ε up to D.

    Example:
        >>> from jaxmech.multiparty import market_growth, report_table
        >>> (drawn,) = play_table(report_table(market_growth(-0.7, 2, 5)), jax.random.key(0), 100)
        >>> {row.chance for row in drawn.chances if row.event == DEFICIT}
        {0.0}
    """
    space = table.space
    n, k = space.levels.shape
    where_key, lie_key = jax.random.split(key)
    where = np.asarray(jax.random.randint(where_key, (replications, n), 0, k))
    lower = np.floor(np.asarray(jax.random.uniform(lie_key, where.shape)) * (where + 1)).astype(int)
    every = np.stack(np.unravel_index(np.arange(k**n), (k,) * n), axis=1)
    whole, drawn = _of_table(table, every, every), _of_table(table, where, lower)
    names = [space.agent_name(i) for i in range(n)]
    promised = {field: getattr(whole, field).mean(axis=0) for field in ("payment", "utility", "quality")}
    promised["revenue"] = whole.payment.sum(axis=1).mean()
    claims = (LOSES, LIES, DEFICIT)
    found = _quantities(names, drawn, promised)
    return (
        Realised(
            "types drawn evenly from all levels",
            replications,
            found,
            _chances(names, drawn, claims, space.levels.dtype),
        ),
    )


@jit
def _runs(problem: Problem, rules: Sharing, shares: Array, lies: Array) -> Profiles:
    """One run per row of (runs, agents) shares of the types, with (runs, agents) shares of those as lies."""
    n = problem.types.shape[0]
    present = jnp.ones(n, bool)

    def once(row: tuple[Array, Array]) -> tuple[Array, ...]:
        types, lie = problem.types * row[0], row[1]
        one = Problem(types, problem.valuation, problem.quality)
        alone, earning = problem.quality(types), known(problem.valuation, types)
        used, paid = jnp.maximum(rules.allocate(types, present), alone), rules.charge(types, present)
        value = earning(used)
        away = [jnp.maximum(rules.allocate(types, jnp.arange(n) != i), alone) for i in range(n)]
        outside = jnp.stack([earning.of(i, away[i]) for i in range(n)])
        lied = jax.lax.map(lambda i: jnp.max(left_with(one, rules, i, lie[i])), jnp.arange(n))
        stake = jnp.abs(value) + jnp.abs(outside) + jnp.abs(paid)
        return paid, value - paid, used, outside, lied, stake

    return Profiles(*jax.lax.map(once, (shares, lies), batch_size=min(_AT_ONCE, len(shares))))


def _of_table(table: ReportTable, where: np.ndarray, lower: np.ndarray) -> Profiles:
    """Runs at (runs, agents) levels, with lower ones as lies."""
    space, n = table.space, where.shape[1]
    levels = np.asarray(space.levels, float)
    allocation, payment, outside = map(np.asarray, (table.allocation, table.payment, table.outside))

    def at(part: np.ndarray, places: np.ndarray) -> np.ndarray:
        return np.stack([part[(i, *places.T)] for i in range(n)], axis=1)

    types = np.stack([levels[i, where[:, i]] for i in range(n)], axis=1)
    alone = np.asarray(space.quality(jnp.asarray(types)), float)
    used, paid = np.maximum(at(allocation, where), alone), at(payment, where)
    value, away = _valued(space, used, types), at(outside, where)
    lied = np.empty_like(value)
    for i in range(n):
        told = where.copy()
        told[:, i] = lower[:, i]
        handed, charged = at(allocation, told), payment[(i, *told.T)]
        left = [np.maximum(handed, alone) for _ in range(2)]
        left[0][:, i] = np.where(handed[:, i] > 0, handed[:, i], alone[:, i])
        left[1][:, i] = alone[:, i]
        lied[:, i] = np.maximum(*(_valued(space, choice, types)[:, i] for choice in left)) - charged
    return Profiles(paid, value - paid, used, away, lied, np.abs(value) + np.abs(away) + np.abs(paid))


def _valued(space: TypeSpace, used: np.ndarray, types: np.ndarray) -> np.ndarray:
    dtype = space.levels.dtype
    return np.asarray(_values(space, jnp.asarray(used, dtype), jnp.asarray(types, dtype)), float)


@jit
def _values(space: TypeSpace, used: Array, types: Array) -> Array:
    return jax.vmap(lambda q, t: known(space.valuation, t)(q))(used, types)


def _quantities(names: list[str], runs: Profiles, promised: dict[str, Any]) -> tuple[Quantity, ...]:
    paid = np.asarray(runs.payment, float)
    rows = [averaged("all", PLATFORM, "revenue", float(promised["revenue"]), paid.sum(axis=1))]
    for i, name in enumerate(names):
        for field in ("payment", "utility", "quality"):
            found = np.asarray(getattr(runs, field), float)[:, i]
            rows.append(averaged(name, COMPETITOR, field, promised[field][i], found))
    return tuple(rows)


def _chances(names: list[str], runs: Profiles, claims: tuple[str, ...], dtype: Any) -> tuple[Chance, ...]:
    paid, utility, outside, lied, stake = (
        np.asarray(part, float) for part in (runs.payment, runs.utility, runs.outside, runs.lied, runs.stake)
    )
    slack = 16 * tolerances(dtype).root * tolerances(dtype).eps * np.where(stake > 0, stake, 1.0)
    events = {LOSES: utility < outside - slack, LIES: lied > utility + slack, PAID: paid < -slack}
    rows = [
        counted(name, COMPETITOR, event, happened[:, i], excluded=event in claims)
        for event, happened in events.items()
        for i, name in enumerate(names)
    ]
    deficit = paid.sum(axis=1) < -slack.sum(axis=1)
    return (*rows, counted("all", PLATFORM, DEFICIT, deficit, excluded=DEFICIT in claims))

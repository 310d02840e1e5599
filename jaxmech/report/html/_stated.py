"""What a plan was computed from, as the parties stated it: costs, σ and prices, for the page that is signed."""

from collections.abc import Sequence

import numpy as np

from jaxmech.report._numbers import INFINITY
from jaxmech.report._tables import blocks
from jaxmech.report.collaboration import Arrangement
from jaxmech.report.html._document import Section, Table

_WIDTH = 90
"""Characters of a table that fits on A4."""

_NAMES = 30


def stated_section(answer: Arrangement) -> Section:
    """Return the costs of all parties, and σ and prices where these differ by party: one row for those who are alike.

    Args:
        answer: what was solved.
    """
    unit = answer.currency or "the unit of all money here"
    unable = "" if np.isfinite(answer.costs).all() else f"; {INFINITY}: she cannot measure it"
    told = (
        f"What one sample costs each party, as she stated it ({unit}{unable}). Nobody checked that, and misstating it "
        "can pay: jaxmech audit --questions says whom."
    )
    parts: list[str | Table] = [told, *_tables(answer, np.asarray(answer.costs), answer.distributions)]
    values, price, names = answer.values, answer.price, answer.distributions
    if values is not None:
        price, names = values.price, values.names
    if np.ndim(answer.sigma) > 1:
        parts += ["σ, by party:", *_tables(answer, np.asarray(answer.sigma), answer.distributions)]
    if np.ndim(price) > 1:
        parts += [
            f"What a unit of squared error costs each party ({unit}):",
            *_tables(answer, np.asarray(price), names),
        ]
    return Section("What it was computed from", tuple(parts))


def stated_by(answer: Arrangement, i: int) -> str:
    """Return what a plan was computed from, of one party: her costs, σ and prices, in a sentence.

    Args:
        answer: what was solved.
        i: her index.
    """
    values = answer.values
    names, sigma, price = answer.distributions, answer.sigma, answer.price
    if values is not None:
        names, sigma, price = values.names, values.sigma, values.price
    unit = f" ({answer.currency})" if answer.currency else ""
    costs = _listed(answer.distributions, np.asarray(answer.costs)[i])
    own = (np.asarray(table)[i] if np.ndim(table) > 1 else table for table in (sigma, price))
    spread, worth = (_listed(names, np.broadcast_to(entries, len(names))) for entries in own)
    return (
        f"Computed from what you stated a sample costs{unit}: {costs}; σ: {spread}; price of a squared error: {worth}."
    )


def _listed(names: Sequence[str], entries: np.ndarray) -> str:
    """Each with its name, or one number where all are the same."""
    numbers = [_number(value) for value in entries.tolist()]
    if len(set(numbers)) == 1:
        return numbers[0] if len(numbers) == 1 else f"{numbers[0]} each"
    return ", ".join(f"{name} {number}" for name, number in zip(names, numbers, strict=True))


def _number(value: float) -> str:
    return f"{value:,.5g}" if np.isfinite(value) else INFINITY


def _tables(answer: Arrangement, values: np.ndarray, names: Sequence[str]) -> list[Table]:
    """Rows of numbers with the names of all whose numbers they are, as many columns beside each other as fit."""
    alike: dict[tuple[str, ...], list[str]] = {}
    for agent, row in zip(answer.agents, values.tolist(), strict=True):
        alike.setdefault(tuple(_number(value) for value in row), []).append(agent)
    found = []
    for block in blocks([max(8, len(name)) for name in names], _WIDTH - _NAMES):
        headers = "", *(names[k] for k in block)
        rows = tuple(((", ".join(who), *(row[k] for k in block)), "") for row, who in alike.items())
        found.append(Table(headers, (False, *[True] * len(block)), rows))
    return found

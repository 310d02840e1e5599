"""Where one draw measures several values: tables, documents and prices value by value."""

import dataclasses
from typing import Any

import numpy as np
from rich.box import Box
from rich.console import RenderableType
from rich.text import Text

from jaxmech.collaboration import Role
from jaxmech.report._numbers import column, percent, short
from jaxmech.report._tables import make_paragraphs, new_table
from jaxmech.report.collaboration._accounts import Accounts, Books
from jaxmech.report.collaboration._answer import Arrangement, Values


def errors_by_value(answer: Arrangement, accounts: Accounts) -> tuple[tuple[str, ...], Accounts]:
    """Return names and accounts whose standard errors are by value; other tables of theirs stay by distribution.

    Args:
        answer: says which draws measure several values.
        accounts: by distribution.
    """
    values = answer.values
    if values is None:
        return answer.distributions, accounts
    plan, alone = (_scaled(books, values) for books in (accounts.plan, accounts.alone))
    return values.names, dataclasses.replace(accounts, plan=plan, alone=alone)


def draws_of(answer: Arrangement, names: tuple[str, ...]) -> list[tuple[str, int]]:
    """Return every value that is measured with the place of the distribution whose draw measures it.

    Args:
        answer: says which draws measure several values.
        names: of the values, from :func:`errors_by_value`.
    """
    values = answer.values
    return list(zip(names, range(len(names)) if values is None else values.draws, strict=True))


def _scaled(books: Books, values: Values) -> Books:
    return dataclasses.replace(books, standard_error=values.of(books.standard_error) * values.scale)


def panels_document(answer: Arrangement) -> list[dict[str, Any]]:
    """Return every panel for a JSON document: its coordinates with σ, price and promised standard errors.

    Args:
        answer: with values.
    """
    values = answer.values
    assert values is not None
    errors = None if answer.accounts is None else errors_by_value(answer, answer.accounts)[1]

    def told(name: str) -> dict[str, Any]:
        k = values.names.index(name)
        plan, alone = (None, None) if errors is None else (errors.plan, errors.alone)
        return {
            "name": name,
            "sigma": float(values.sigma[k]),
            "price": values.price[..., k],
            "standard_error": None if plan is None else plan.standard_error[:, k],
            "alone": None if alone is None else alone.standard_error[:, k],
        }

    return [
        {"name": panel, "coordinates": [told(name) for name in names], "joint": _joint(answer, panel)}
        for panel, names in values.panels.items()
    ]


def _joint(answer: Arrangement, panel: str) -> dict[str, Any] | None:
    if panel not in answer.joint:
        return None
    agent, found = answer.joint[panel]
    return {"agent": agent, "saving": found.saving, "samples": found.samples}


def panels_section(answer: Arrangement, box: Box) -> list[RenderableType]:
    """Return what each panel measures, and how well everybody knows it in the end.

    Args:
        answer: with values and accounts.
        box: the lines to draw.
    """
    values, accounts = answer.values, answer.accounts
    assert values is not None
    assert accounts is not None
    errors = errors_by_value(answer, accounts)[1].plan.standard_error
    table = new_table(box, "", "panel", "σ", "price", "least error", "largest", justify="right")
    for panel, names in values.panels.items():
        for name in names:
            k = values.names.index(name)
            low, high = np.min(values.price[..., k]), np.max(values.price[..., k])
            price = short(float(low)) if low == high else f"{short(float(low))} to {short(float(high))}"
            own = column([float(errors[:, k].min()), float(errors[:, k].max())], 3)
            table.add_row(name, panel, short(float(values.sigma[k])), price, *own)
    checks = "a limit" if answer.mechanism == "designed" else "noise"
    checked = not answer.pooled and answer.is_role(Role.CHECKED).any()
    how = f"; who is checked is checked on every value, with {checks} in proportion to its σ" if checked else ""
    note = (
        "One draw of a panel measures all its values at one cost, so the same number of draws is behind each. Amounts "
        f"follow from Σ price σ², errors are in the unit of each value{how}."
    )
    facts = [
        f"A fact, not a claim: who knows how the values of {panel} are correlated, as the measurements have it, can "
        f"estimate them together. So {agent} would save {percent(found.saving)} of her penalty for it, collecting "
        f"{short(found.samples, 2)} times what she is asked for."
        for panel, (agent, found) in answer.joint.items()
    ]
    return [table, Text(note, style="dim"), *make_paragraphs(facts)]

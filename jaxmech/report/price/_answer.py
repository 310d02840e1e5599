"""What a report about the choice of a price is made of, as a document and as rows."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from jaxmech._status import Status
from jaxmech.report._records import status_document
from jaxmech.report.collaboration import Accounts, accounts_document


@dataclasses.dataclass(frozen=True)
class Rung:
    """What all prices times one factor would bring.

    Attributes:
        factor: of all prices.
        price: one per distribution.
        standard_error: the largest of all agents, by distribution.
        bill: of all laboratories.
    """

    factor: float
    price: np.ndarray
    standard_error: np.ndarray
    bill: float


@dataclasses.dataclass(frozen=True)
class Answer:
    """A price that was looked for, and what it brings.

    Attributes:
        source: the file or the shipped problem.
        title: one line that says what it is, or an empty text.
        agents: their names.
        distributions: their names.
        division: name of the division of work.
        mechanism: name of the mechanism.
        before: the file's price, one per distribution.
        price: the one that was found; the same where nothing was asked for.
        wanted: what was asked for: standard_error, wrong_decision, margin, distribution; None where it was not.
        accounts: the books at that price.
        ladder: what other prices would bring.
        status: how the search ended.
        residual: of the wanted standard error, relative.
        settings: version, jax, device, dtype, seed.
    """

    source: str
    title: str
    agents: tuple[str, ...]
    distributions: tuple[str, ...]
    division: str
    mechanism: str
    before: np.ndarray
    price: np.ndarray
    wanted: Mapping[str, float | str | None]
    accounts: Accounts
    ladder: tuple[Rung, ...]
    status: Status
    residual: float
    settings: Mapping[str, Any]

    @property
    def line(self) -> str:
        """The line to write into the file."""
        values = [repr(float(f"{value:.12g}")) for value in self.price.tolist()]
        return f"price = {values[0]}" if len(set(values)) == 1 else f"price = [{', '.join(values)}]"


def document(answer: Answer) -> dict[str, Any]:
    """Return the JSON document, with numpy arrays for the writer to convert.

    Args:
        answer: a price that was looked for.
    """
    return {
        "kind": "price",
        "status": status_document(answer.status, answer.residual),
        "settings": dict(answer.settings),
        "source": answer.source,
        "title": answer.title or None,
        "agents": list(answer.agents),
        "distributions": list(answer.distributions),
        "division": answer.division,
        "mechanism": answer.mechanism,
        "wanted": dict(answer.wanted),
        "price_before": answer.before,
        "price": answer.price,
        "line": answer.line,
        "accounts": accounts_document(answer.accounts),
        "ladder": [dataclasses.asdict(rung) for rung in answer.ladder],
    }


def rows(answer: Answer) -> list[dict[str, Any]]:
    """Return one row per price of the ladder: its factor, prices, standard errors and all bills."""
    return [
        {
            "factor": rung.factor,
            **{f"{name}: price": rung.price[k] for k, name in enumerate(answer.distributions)},
            **{f"{name}: standard error": rung.standard_error[k] for k, name in enumerate(answer.distributions)},
            "bill": rung.bill,
        }
        for rung in answer.ladder
    ]

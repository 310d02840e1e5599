"""What agents could gain where data are not normal: as a table, in words, and for the document."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
from rich.box import Box
from rich.table import Table

from jaxmech.deviation import Robustness
from jaxmech.report._numbers import percent, short
from jaxmech.report._tables import new_table


@dataclasses.dataclass(frozen=True)
class OnPopulation:
    """What every agent pays, and could gain, on data of one law, in whole samples.

    Attributes:
        name: of the population.
        promised: what the plan in whole samples promises, agent by agent.
        found: what was measured.
    """

    name: str
    promised: np.ndarray
    found: tuple[Robustness, ...]

    @property
    def gain(self) -> np.ndarray:
        """Regret found, relative to what is paid there if all comply; 0 within the confidence interval."""
        return np.array([one.found / one.honest for one in self.found])

    @property
    def half_width(self) -> np.ndarray:
        """Half of the confidence interval, likewise."""
        return np.array([one.half_width / one.honest for one in self.found])


def populations_document(populations: tuple[OnPopulation, ...], names: Sequence[str]) -> list[dict[str, Any]]:
    """Return what the JSON document says about populations.

    Args:
        populations: what was measured.
        names: of the agents.
    """
    return [
        {
            "name": each.name,
            "replications": each.found[0].replications,
            "agents": [
                {
                    "name": name,
                    "promised": each.promised[i],
                    "penalty": one.honest,
                    "penalty_standard_error": one.honest_error,
                    "regret_found": one.found,
                    "half_width": one.half_width,
                    "gain": one.regret,
                    "standard_error": one.regret_error,
                    "steady_penalty": one.steady,
                    "amount": one.amount,
                }
                for i, (name, one) in enumerate(zip(names, each.found, strict=True))
            ],
        }
        for each in populations
    ]


def populations_table(populations: tuple[OnPopulation, ...], names: Sequence[str], box: Box, most: int) -> Table:
    """Return regrets by agent and population, in per cent of what she pays there; those who could gain most.

    Args:
        populations: what was measured.
        names: of the agents.
        box: lines of the table.
        most: rows to show.
    """
    shown = list(range(len(names)))
    if len(shown) > most:
        largest = np.max([each.gain for each in populations], axis=0)
        shown = sorted(np.argsort(-largest, kind="stable")[: most // 2].tolist())
    table = new_table(box, "", *(head for each in populations for head in (each.name, "± ")))
    for i in shown:
        cells = [text for each in populations for text in (percent(each.gain[i]), _percent(each.half_width[i]))]
        table.add_row(names[i], *cells, style="red" if any(each.gain[i] > 0 for each in populations) else "")
    return table


def populations_in_words(populations: tuple[OnPopulation, ...], names: Sequence[str]) -> list[str]:
    """Return a sentence for every population."""
    return [_sentence(each, names) for each in populations] + [
        "Measured on the plan in whole samples: seven amounts and nine ways to submit and to estimate, chosen by some "
        "runs and judged by fresh ones. Found gains are in per cent of what she pays there."
    ]


def _sentence(each: OnPopulation, names: Sequence[str]) -> str:
    tempted = int(np.sum(each.gain > 0))
    if not tempted:
        return f"On {each.name} nobody was found to gain, within ± {_percent(float(each.half_width.max()))}."
    i = int(np.argmax(each.gain))
    one = each.found[i]
    return (
        f"On {each.name} {tempted:,} of {len(names):,} would gain by cheating, most of all {names[i]}: "
        f"{percent(each.gain[i])} of the {short(one.honest, 4)} that she pays if all comply "
        f"(promised {short(each.promised[i], 4)})."
    )


def _percent(part: float) -> str:
    return f"{short(100 * part, 1)} %"

"""Tables: who collects what, and alone against together."""

from collections.abc import Sequence

import numpy as np
from rich.box import Box
from rich.table import Table
from rich.text import Text

from jaxmech.collaboration import Role
from jaxmech.report._numbers import INFINITY, column, decimals, percent, relative, settle, single
from jaxmech.report._tables import blocks, new_table
from jaxmech.report.collaboration._answer import Arrangement

MAX_ROWS = 40
"""Tables of more agents show the :data:`SHOWN` most important ones."""

SHOWN = 12
MAX_BLOCKS = 4
"""At most so many tables beside each other's columns: beyond, the CSV file has the rest."""

_NO_GAIN = 1e-9
"""A gain of less than this part of the penalty alone is a rounding error, and printed as 0."""

_MARK = {Role.ALONE: " ", Role.RECEIVES: "+", Role.CHECKED: "✓"}
_STYLE = {Role.ALONE: "", Role.RECEIVES: "dim", Role.CHECKED: "cyan"}


def collection_tables(answer: Arrangement, width: int, box: Box, *, full: bool = False) -> list[Table | Text]:
    """Return who collects what: one row per agent, one column per distribution, in blocks that fit the width.

    Args:
        answer: who collects what.
        width: of the page, in characters.
        box: the lines to draw.
        full: whether to show every agent and distribution, however many there are.
    """
    shown = _shown(np.nan_to_num(_spent(answer)).sum(axis=1), full)
    names = [answer.agents[i] for i in shown]
    headers, cells, totals = _columns(answer, shown)
    runs = blocks([len(header) for header in headers], width - max(5, *map(len, names)) - 3)
    cut = len(runs) if full else MAX_BLOCKS
    parts: list[Table | Text] = []
    for block in runs[:cut]:
        parts += [Text()] if parts else []
        table = new_table(box, "", *(headers[k] for k in block), justify="left")
        for row, i in enumerate(shown):
            marks = [Text(cells[k][row], style=_STYLE[Role(int(answer.role[i, k]))]) for k in block]
            table.add_row(names[row], *marks, end_section=row == len(shown) - 1)
        table.add_row("total", *(totals[k] for k in block), style="bold")
        parts.append(table)
    left = sum(len(block) for block in runs[cut:])
    return [*parts, Text(_legend(answer, shown), style="dim"), *_left(answer, shown, left)]


def penalties_of(answer: Arrangement) -> str:
    """Return what a table of penalties is about: the word, with their unit where it is known."""
    return f"penalties, {answer.currency}" if answer.currency else "penalties"


def gain_table(answer: Arrangement, box: Box, *, full: bool = False) -> list[Table | Text]:
    """Return what each agent pays alone and together, and what she gains; the smallest gains if there are many."""
    shown = _shown(-np.nan_to_num(answer.gain, posinf=1e300), full)
    table = new_table(box, "", "alone", "together", "gain", "gain in %")
    places = decimals(np.concatenate([answer.alone_penalty, answer.penalty]))
    for row, i in enumerate(shown):
        alone, together, gain = (float(values[i]) for values in (answer.alone_penalty, answer.penalty, answer.gain))
        table.add_row(
            answer.agents[i],
            single(alone, places),
            single(together, places),
            single(0.0 if abs(gain) < _NO_GAIN * alone else gain, places) if np.isfinite(gain) else "–",
            percent(float(relative(gain, alone))) if np.isfinite(alone) else "only together",
            style=_gain_style(gain, alone),
            end_section=row == len(shown) - 1,
        )
    able = np.isfinite(answer.alone_penalty)
    alone, together = float(answer.alone_penalty[able].sum()), float(answer.penalty[able].sum())
    if able.any():
        label = "all" if able.all() else f"the {able.sum():,} who can work alone"
        saved = float(settle(np.array(alone - together), np.array(alone), answer.settings["dtype"]))
        table.add_row(label, *column([alone, together, saved]), percent(saved / alone), style="bold")
    if not able.all():
        everybody = ["all", INFINITY, *column([answer.social_penalty]), "–", "only together"]
        table.add_row(*everybody, style="bold")
    note = Text(f"The {len(shown)} agents with the least to gain.") if len(shown) < len(answer.agents) else None
    return [table, *([note] if note else []), *_left(answer, shown, 0)]


def _columns(answer: Arrangement, shown: Sequence[int]) -> tuple[list[str], list[list[str]], list[str]]:
    """Headers, cells and totals of every column, padded so that digits line up whatever mark follows them."""
    headers, cells, totals = [], [], []
    for k, name in enumerate(answer.distributions):
        amounts, places = _amounts(answer.samples[:, k])
        entries = [_cell(answer, i, k, amounts[i]) for i in shown]
        header = f"{name} "
        total = f"{single(float(answer.samples[:, k].sum()), places)} "
        width = max(map(len, (header, total, *entries)))
        headers.append(header.rjust(width))
        totals.append(total.rjust(width))
        cells.append([entry.rjust(width) for entry in entries])
    return headers, cells, totals


def _amounts(samples: np.ndarray) -> tuple[list[str], int]:
    """Amounts as texts, and their decimals: none where all are whole."""
    places = 0 if np.array_equal(samples, np.round(samples)) else decimals(samples)
    return [single(value, places) for value in samples.tolist()], places


def _cell(answer: Arrangement, i: int, k: int, amount: str) -> str:
    role = Role(int(answer.role[i, k]))
    if answer.samples[i, k] == 0:
        return "· " if np.isfinite(answer.costs[i, k]) else "– "
    return f"{amount}{' ' if answer.pooled else _MARK[role]}"


def _legend(answer: Arrangement, shown: Sequence[int]) -> str:
    samples, role = answer.samples[shown], answer.role[shown]
    able = np.isfinite(answer.costs[shown])
    entries = []
    if not answer.pooled:
        if np.any((samples > 0) & (role == Role.CHECKED)):
            entries.append("✓ checked against the others")
        if np.any((samples > 0) & (role == Role.ALONE)):
            entries.append("no mark: alone, gets back only her own")
        if np.any((samples > 0) & (role == Role.RECEIVES)):
            entries.append("+ not checked, receives all")
    if np.any((samples == 0) & able):
        entries.append("· collects nothing, receives" if not answer.pooled else "· collects nothing")
    if np.any((samples == 0) & ~able):
        entries.append("– cannot measure it, receives" if not answer.pooled else "– cannot measure it")
    return "; ".join(entries)


def _spent(answer: Arrangement) -> np.ndarray:
    return np.where(answer.samples > 0, np.where(np.isfinite(answer.costs), answer.costs, 0.0) * answer.samples, 0.0)


def _shown(importance: np.ndarray, full: bool) -> list[int]:
    """Indices of the agents to show, in their order."""
    if full or len(importance) <= MAX_ROWS:
        return list(range(len(importance)))
    most = np.argsort(-importance, kind="stable")[:SHOWN]
    return sorted(int(i) for i in most)


def _left(answer: Arrangement, shown: Sequence[int], columns: int) -> list[Text]:
    agents = len(answer.agents) - len(shown)
    left = [f"{agents:,} more agents"] if agents else []
    left += [f"{columns:,} more distributions"] if columns else []
    return [Text(f"Not shown: {' and '.join(left)}; --csv FILE writes them all.", style="dim")] if left else []


def _gain_style(gain: float, alone: float) -> str:
    if not np.isfinite(alone):
        return "green"
    return "red" if gain < -1e-6 * alone else ""

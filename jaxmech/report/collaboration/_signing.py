"""Who carries the work, why each should sign, and where those who gain nothing would: in sentences."""

from collections.abc import Mapping

import numpy as np

from jaxmech.report._numbers import percent, short
from jaxmech.report.collaboration._accounts import Accounts

_MOST_NAMES = 6


def signing_sentences(
    accounts: Accounts, agents: tuple[str, ...], elsewhere: Mapping[str, np.ndarray], *, designable: bool
) -> list[str]:
    """Return who carries the work and why each should sign; who gains nothing is named.

    Args:
        accounts: the books.
        agents: their names.
        elsewhere: what each agent would gain under cbl, as a fraction of what she pays alone, by division.
        designable: whether a design could bring more; not where the plan is one, or where there are none.
    """
    return [
        _work(accounts, agents),
        _winners(accounts, agents),
        *_without_gain(accounts, agents, elsewhere, designable=designable),
    ]


def better_design(social: float, least: float, source: str, currency: str) -> str:
    """Return the pointer to the better mechanisms that ``solve`` does not look for, with what they could save at most.

    Args:
        social: what all pay under the plan.
        least: what no mechanism can fall below in equilibrium.
        source: the file.
        currency: the unit of the two, or an empty text.
    """
    unit = f" {currency}" if currency else ""
    return (
        f"jaxmech design {source}: looks for a mechanism that costs all together less than {short(social, 4)}{unit}, "
        "in a larger family and with proof (seconds for a few agents, minutes for many). None can get below "
        f"{short(least, 4)}{unit}, {percent(1 - least / social)} less."
    )


def _work(accounts: Accounts, agents: tuple[str, ...]) -> str:
    """The fewest agents who carry half of all bills."""
    share = accounts.share
    order = np.argsort(-share, kind="stable")
    half = int(np.searchsorted(np.cumsum(share[order]), 0.5 - 1e-9)) + 1
    collecting = int(np.sum(accounts.plan.samples.sum(axis=1) > 0))
    bills = accounts.money(float(accounts.plan.bill.sum()))
    who = f"{collecting:,} of {len(agents):,} collect something, for {bills} in all"
    if half > _MOST_NAMES:
        return f"{who}; it takes {half:,} of them to carry half of that, none more than {percent(float(share.max()))}."
    named = ", ".join(f"{agents[i]} ({percent(float(share[i]))})" for i in order[:half].tolist())
    return f"{who}; half of that or more is carried by {named}."


def _winners(accounts: Accounts, agents: tuple[str, ...]) -> str:
    """The range of what is gained, and that nobody loses."""
    gain, alone = accounts.gain, accounts.alone.penalty
    able = np.isfinite(alone)
    winners = np.flatnonzero(able & (gain > 0))
    parts = []
    if len(winners):
        relative = gain[winners] / alone[winners]
        low, high = (int(winners[f(relative)]) for f in (np.argmin, np.argmax))
        least, most = (f"{accounts.money(float(gain[i]))} ({percent(float(gain[i] / alone[i]))})" for i in (low, high))
        text = f"{agents[low]} saves least by signing, {least}; {agents[high]} most, {most}"
        if low == high or abs(relative.max() - relative.min()) < 5e-4:
            text = f"{_listed(agents, winners)} {'saves' if len(winners) == 1 else 'save'} {least} by signing"
            text += "" if len(winners) == 1 else " each" if np.ptp(gain[winners]) < 5e-4 * gain[winners].max() else ""
        parts.append(f"{text}.")
    if not able.all():
        only = np.flatnonzero(~able)
        knows = "gets" if len(only) == 1 else "get"
        parts.append(f"{_listed(agents, only)} {knows} what no money buys alone: an answer on every distribution.")
    losers = np.flatnonzero(able & (gain < 0))
    if len(losers):
        verb = "loses" if len(losers) == 1 else "lose"
        parts.append(f"{_listed(agents, losers)} {verb} by signing, and {'has' if len(losers) == 1 else 'have'} no "
                     "reason to.")  # fmt: skip
    return " ".join(parts) or "Nobody gains by signing, and nobody loses."


def _without_gain(
    accounts: Accounts, agents: tuple[str, ...], elsewhere: Mapping[str, np.ndarray], *, designable: bool
) -> list[str]:
    """Everybody who gains 0 %, with what would change that."""
    idle = np.flatnonzero(accounts.gain == 0)
    if not len(idle):
        return []
    better = {name: [i for i in idle.tolist() if gain[i] > _WORTH] for name, gain in elsewhere.items()}
    verb = "gains" if len(idle) == 1 else "gain"
    sentences = [f"{_listed(agents, idle)} {verb} 0 %: signing costs nothing and brings nothing."]
    for name, winners in better.items():
        if winners:
            best = max(float(elsewhere[name][i]) for i in winners)
            who = _listed(agents, np.array(winners))
            sentences.append(f"With --division {name} --mechanism cbl {who} would gain up to {percent(best)}.")
    if not any(better.values()):
        tried = f" In no division that was tried ({', '.join(elsewhere)}) would that change." if elsewhere else ""
        remedy = (
            " A design may find a check for her where the published mechanisms have none: jaxmech design."
            if designable
            else " What is agreed apart and in advance, a fixed sum that the others pay, changes nobody's incentives."
        )
        sentences.append(f"{tried}{remedy}".strip())
    return sentences


_WORTH = 1e-3
"""Gains below this fraction are not worth a sentence."""


def _listed(agents: tuple[str, ...], which: np.ndarray) -> str:
    names = [agents[i] for i in which[:_MOST_NAMES].tolist()]
    rest = len(which) - len(names)
    if rest:
        return f"{', '.join(names)} and {rest:,} more"
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"

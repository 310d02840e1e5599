"""Who carries the work, why each should sign, and where those who gain nothing would: in sentences."""

from collections.abc import Mapping
from typing import TypeAlias

import numpy as np

from jaxmech._words import joined
from jaxmech.report._numbers import percent, short
from jaxmech.report.collaboration._accounts import Accounts

_MOST_NAMES = 6

Saved: TypeAlias = tuple[np.ndarray, np.ndarray]
"""(agents,) what each saves, and what she pays alone."""


def signing_sentences(
    accounts: Accounts,
    agents: tuple[str, ...],
    elsewhere: Mapping[str, np.ndarray],
    *,
    designable: bool,
    saved: Saved | None = None,
) -> list[str]:
    """Return who carries the work and why each should sign; who gains nothing is named first, then the range of gains.

    Args:
        accounts: the books.
        agents: their names.
        elsewhere: what each agent would gain under cbl, as a fraction of what she pays alone, by division.
        designable: whether a design could bring more; not where the plan is one, or where there are none.
        saved: gain and penalty alone as the table of the same page has them, which may be of the plan in fractions;
            else those of the books.
    """
    saved = saved or (accounts.gain, accounts.alone.penalty)
    return [
        _work(accounts, agents),
        *_without_gain(accounts, saved[0], agents, elsewhere, designable=designable),
        _winners(accounts, agents, saved),
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
    """The fewest agents who carry half of all bills, unless those who collect carry about the same."""
    share = accounts.share
    some = share[share > 0]
    order = np.argsort(-share, kind="stable")
    half = int(np.searchsorted(np.cumsum(share[order]), 0.5 - 1e-9)) + 1
    collecting = int(np.sum(accounts.plan.samples.sum(axis=1) > 0))
    bills = accounts.money(float(accounts.plan.bill.sum()))
    who = f"{collecting:,} of {len(agents):,} collect{'s' * (collecting == 1)} something, for {bills} in all"
    if collecting == 1:
        return f"{who}: {agents[int(np.argmax(accounts.plan.samples.sum(axis=1)))]}."
    if len(some) and some.max() < _EVEN * some.min():
        low, high = percent(float(some.min())), percent(float(some.max()))
        return f"{who}, each {low if low == high else f'{low} to {high}'} of that."
    if half > _MOST_NAMES:
        return f"{who}; it takes {half:,} of them to carry half of that, none more than {percent(float(share.max()))}."
    named = ", ".join(f"{agents[i]} ({percent(float(share[i]))})" for i in order[:half].tolist())
    return f"{who}; half of that or more is carried by {named}."


def _winners(accounts: Accounts, agents: tuple[str, ...], saved: Saved) -> str:
    """The range of what is gained by those who gain, and that nobody loses."""
    gain, alone = saved
    able = np.isfinite(alone)
    winners = np.flatnonzero(able & (gain > 0))
    parts = []
    if len(winners):
        relative = gain[winners] / alone[winners]
        low, high = (int(winners[f(relative)]) for f in (np.argmin, np.argmax))
        least, most = (f"{accounts.money(float(gain[i]))} ({percent(float(gain[i] / alone[i]))})" for i in (low, high))
        if low == high or abs(relative.max() - relative.min()) < _TIE:
            text = f"{_listed(agents, winners)} {'saves' if len(winners) == 1 else 'save'} {least} by signing"
            text += "" if len(winners) == 1 else " each" if np.ptp(gain[winners]) < _TIE * gain[winners].max() else ""
        else:
            of = "Of those who gain, " if np.any(gain == 0) else ""
            tied = winners[(relative < relative.min() + _TIE) & (abs(gain[winners] - gain[low]) < _TIE * gain[low])]
            text = f"{of}{_listed(agents, tied, 2)} {'saves' if len(tied) == 1 else 'save'} least by signing, {least}"
            text += f"{' each' if len(tied) > 1 else ''}; {agents[high]} most, {most}"
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
    accounts: Accounts,
    gain: np.ndarray,
    agents: tuple[str, ...],
    elsewhere: Mapping[str, np.ndarray],
    *,
    designable: bool,
) -> list[str]:
    """Everybody who gains 0 %, with what would change that."""
    idle = np.flatnonzero(gain == 0)
    if not len(idle):
        return []
    better = {name: [i for i in idle.tolist() if there[i] > _WORTH] for name, there in elsewhere.items()}
    verb = "gains" if len(idle) == 1 else "gain"
    sentences = [f"{_listed(agents, idle)} {verb} 0 %: signing costs nothing and brings nothing."]
    for name, winners in better.items():
        if winners:
            best = max(float(elsewhere[name][i]) for i in winners)
            who = _listed(agents, np.array(winners))
            sentences.append(f"With --division {name} --mechanism cbl {who} would gain up to {percent(best)}.")
    left = np.array([i for i in idle.tolist() if not any(i in winners for winners in better.values())], int)
    if len(left):
        names = joined(tuple(elsewhere)) if elsewhere else ""
        tried = f"Under none of the divisions that were compared ({names}) would {_listed(agents, left)} gain under "
        tried += "cbl; others were not tried. "
        whom = "her" if len(left) == 1 else "them"
        design = f"A design may find a check for {whom} where the published mechanisms have none: jaxmech design. "
        fixed = _fixed_sum(accounts, gain, whom)
        told = f"{tried if elsewhere else ''}{design if designable else ''}{fixed}".rstrip()
        sentences += [told] if told else []
    return sentences


def _fixed_sum(accounts: Accounts, gain: np.ndarray, whom: str) -> str:
    """What can be agreed beside any plan, with what there is to share; nothing where nobody gains anything."""
    there = float(gain[np.isfinite(gain) & (gain > 0)].sum())
    if not np.any(gain > 0):
        return ""
    out = f" out of the {accounts.money(there)} that they gain" if there > 0 else ""
    return f"A fixed sum that others pay {whom}{out}, agreed apart and in advance, changes nobody's incentives."


_WORTH = 1e-3
"""Gains below this fraction are not worth a sentence."""

_EVEN = 1.1
"""Shares that differ by less than this factor are about the same: half of them is half of the heads."""

_TIE = 5e-4
"""Gains that differ by less, as a fraction, are said to be the same."""


def _listed(agents: tuple[str, ...], which: np.ndarray, most: int = _MOST_NAMES) -> str:
    names = [agents[i] for i in which[:most].tolist()]
    rest = len(which) - len(names)
    if rest:
        return f"{', '.join(names)} and {rest:,} more"
    return joined(names)

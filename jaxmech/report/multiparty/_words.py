"""Verdicts and reasons in sentences."""

import numpy as np

from jaxmech._status import Status
from jaxmech._tolerances import tolerances
from jaxmech.report._numbers import counted, short
from jaxmech.report._records import claims_in_words
from jaxmech.report.multiparty._answer import Answer, BoundaryAnswer, ExistenceAnswer, PlanAnswer

_LINKS = 12
"""Most steps of a chain that are told one by one."""

_READ_AS = {
    "present": "Algorithm 1 with all others present",
    "absent": "Algorithm 1 with others present or absent",
}


def describe(answer: Answer) -> str:
    """Return what the problem is, in a few words."""
    who = counted(len(answer.agents), "agent")
    if isinstance(answer, PlanAnswer):
        return f"{who}, {answer.quality_name} quality{_weighed(answer)}; mechanism {answer.mechanism}"
    if isinstance(answer, ExistenceAnswer):
        market = f"{answer.valuation} valuations" if answer.growth is None else f"market growth {answer.growth:g}"
        grid = f"{answer.quality_name} quality{_weighed(answer)}, {counted(answer.every_level.shape[1], 'level')}"
        size = grid if answer.disparity is None else f"disparity {answer.disparity:,}"
        return f"{who}, {market}, {size}; {_READ_AS[answer.reading]}"
    asked = f"largest disparity, up to {_end(answer):,}"
    return f"{who}, market growth {answer.growth:g}; {asked}; {_READ_AS[answer.reading]}"


def _weighed(answer: PlanAnswer | ExistenceAnswer) -> str:
    """What data count in the model of all, where not everybody's count in full."""
    if answer.weights is None:
        return ""
    if isinstance(answer, PlanAnswer):
        return " of weighted data"
    return f" of data weighted {', '.join(f'{weight:g}' for weight in answer.weights)}"


def verdict(answer: Answer) -> str:
    """Return the verdict, two or three sentences."""
    if answer.status.is_failure:
        return f"Not solved. {answer.status.name}: {answer.status.message}."
    warning = "" if answer.status is Status.OK else f"{answer.status.name}: {answer.status.message}. "
    if isinstance(answer, PlanAnswer):
        return warning + _plan_verdict(answer)
    return warning + (_existence_verdict(answer) if isinstance(answer, ExistenceAnswer) else _boundary_verdict(answer))


def plan_reasons(answer: PlanAnswer) -> list[str]:
    """Return why nobody hides data, and who is left without a model."""
    if answer.mechanism == "free":
        text = "Everybody gets the best model for nothing. More data make it better for all; whether that is good for "
        return [text + "who contributes depends on what the others' better models do to her."]
    sentences = [
        "Each pays exactly what sharing brings her: what she earns less what she would have if she stayed away while "
        "the others shared. So she loses nothing by joining in, and whoever hides data gets a worse model, and is "
        "charged as one who could do worse alone."
    ]
    effects = answer.externality.sum(axis=0)
    for j in np.flatnonzero(effects < 0)[:6]:
        own = answer.externality[j, j]
        text = f"{answer.agents[j]} is handed no model: a better one would bring her {short(own)} per unit of quality"
        sentences.append(f"{text} and cost the others {short(own - effects[j])}.")
    paid = np.flatnonzero(answer.payment < 0)
    if len(paid):
        i = int(paid[np.argmin(answer.payment[paid])])
        text = f"{answer.agents[i]} is paid {short(-answer.payment[i])}: others' better models harm her more than"
        sentences.append(f"{text} her own brings her, and she would rather stay away.")
    return sentences


def chain_sentences(answer: ExistenceAnswer) -> list[str]:
    """Return the profile that decides, with the chain of constraints that binds, in words."""
    chain, who = answer.chain, answer.members[answer.agent]
    index = tuple(int(size) for size in answer.profile)
    paid = answer.paid(index)
    place = ", ".join(f"{name} {size_text(size)}" for name, size in zip(answer.members, answer.sizes, strict=True))
    verb = "fails first" if not answer.exists else "has the least room"
    away = _away(answer)
    earned = short(float(answer.welfare[index]), 5)
    first = f"{'the' if away else 'The'} profile {place} {verb}. Together they earn {earned}; "
    left = short(float(answer.welfare[index] - answer.revenue[index]), 5)
    first += f"what they must be left sums to {left}."
    sentences = [f"{away}{first}"]
    sizes = answer.levels[answer.agent][chain.levels].tolist()
    steps = list(zip(sizes, chain.utility.tolist(), chain.payment.tolist(), strict=True))
    size, utility, payment = steps[0]
    told = f"Why {who} must be left so much: with {size_text(size)} she has {short(utility)} if she stays away, so "
    told += f"that she {_charged(payment)}."
    # Where valuations see her data, a lie can pay by these alone.
    own = "" if answer.valuation == "interdependent" else " and use her own model"
    for size, utility, payment in steps[1:][:_LINKS]:
        told += f" With {size_text(size)} she could report that{own}, so that she must be left"
        told += f" {short(utility)} and {_charged(payment)}."
    sentences.append(told)
    rest = [f"{name} {_charged(float(paid[j]))}" for j, name in enumerate(answer.members) if j != answer.agent]
    sentences.append(f"There, {', '.join(rest)}: in all {short(float(answer.revenue[index]))}.")
    return sentences


def boundary_reasons(answer: BoundaryAnswer) -> list[str]:
    """Return why the boundary is where it is, and what is known beyond the search."""
    sentences = [f"Why no other profile fails first: {answer.argument}."]
    if answer.largest is not None:
        sizes = ", ".join(f"{size:,}" for size in answer.chain)
        sentences.append(
            f"At {answer.searched_to:,} the agent with all data must be left {1 - answer.margin[1]:.8f} of the whole "
            f"market, at {answer.largest:,} she must be left {1 - answer.margin[0]:.8f}. Binding: with "
            f"{answer.chain[0]} she could as well stay away, with each of the following report the one before: {sizes}."
        )
    sentences.append(
        f"With {counted(len(answer.agents), 'agent')}, a desirable mechanism exists at every disparity from growth "
        f"{answer.critical:.6f} on."
    )
    return sentences


def _charged(payment: float) -> str:
    return f"pays at most {short(payment)}" if payment >= 0 else f"must be paid at least {short(-payment)}"


def _plan_verdict(answer: PlanAnswer) -> str:
    alone = float(answer.alone.sum())
    text = f"Sharing earns them {short(answer.welfare, 4)} together instead of {short(alone, 4)} alone"
    text += f"; the platform {'collects' if answer.revenue >= 0 else 'pays out'} {short(abs(answer.revenue), 4)}."
    left = float(answer.utility.sum())
    if left < alone - tolerances(answer.settings["dtype"]).optimality * max(abs(alone), abs(answer.welfare)):
        text += f" Together they lose: they are left with {short(left, 4)}, less than if nobody shared."
    handed = int(np.sum((answer.allocation > 0) & (answer.allocation == answer.best)))
    who = f"{handed:,} of {len(answer.agents):,} get the best model."
    return f"{text} {who} {claims_in_words(answer.claims)}"


def size_text(size: float) -> str:
    """Return a data size as it is written in sentences and tables.

    Args:
        size: not negative.
    """
    return f"{int(size):,}" if float(size).is_integer() else f"{size:.6g}"


def _away(answer: ExistenceAnswer) -> str:
    """Who is away in the coalition that decides."""
    if len(answer.members) == len(answer.agents):
        return ""
    return f"If only {' and '.join(answer.members)} take part: "


def _existence_verdict(answer: ExistenceAnswer) -> str:
    if answer.boundary:
        return _level_verdict(answer)
    many = sum(part.revenue.size for part in answer.parts)
    profiles = f"{many:,} profiles" + (f" of {len(answer.parts)} coalitions" if len(answer.parts) > 1 else "")
    if answer.exists:
        text = f"A desirable mechanism exists: the largest payments that incentives allow cover all {profiles}."
        return f"{text} {claims_in_words(answer.claims)}"
    return f"No desirable mechanism exists: {_failure(answer)}"


def _failure(answer: ExistenceAnswer) -> str:
    place = ", ".join(size_text(size) for size in answer.sizes)
    who = f"if only {' and '.join(answer.members)} take part, " if _away(answer) else ""
    revenue = float(answer.revenue[tuple(int(level) for level in answer.profile)])
    text = f"{who}at sizes ({place}) the largest payments that incentives allow sum to {short(revenue)}"
    return f"{text}, less than nothing."


def _level_verdict(answer: ExistenceAnswer) -> str:
    """How far up the levels one exists."""
    last = answer.every_level.shape[1] - 1
    if answer.reach == last:
        top = size_text(float(answer.every_level.max()))
        return f"A desirable mechanism exists up to the largest level, {top}; beyond, nothing is known."
    if answer.reach < 0:
        return f"None exists even at the lowest level: {_failure(answer)}"
    sizes = [size_text(size) for size in dict.fromkeys(answer.every_level[:, answer.reach].tolist())]
    level = f"level {answer.reach + 1} of {last + 1}"
    return f"A desirable mechanism exists up to {', '.join(sizes)} ({level}), and not beyond: {_failure(answer)}"


def _boundary_verdict(answer: BoundaryAnswer) -> str:
    if answer.largest is not None:
        few = f"if {counted(answer.present, 'agent')} take part, " if answer.present < len(answer.agents) else ""
        return (
            f"A desirable mechanism exists up to disparity {answer.largest:,}, and not beyond: {few}with "
            f"{answer.searched_to:,} against 0, the market does not suffice to keep the larger one honest."
        )
    if answer.unbounded:
        return "A desirable mechanism exists at every disparity, however large."
    return f"None failed up to disparity {answer.searched_to:,}; beyond, nothing is known: --up-to searches further."


def _end(answer: BoundaryAnswer) -> int:
    return len(answer.revenue) - 1

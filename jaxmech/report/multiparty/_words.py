"""Verdicts and reasons in sentences."""

import numpy as np

from jaxmech._status import Status
from jaxmech._tolerances import tolerances
from jaxmech.report._numbers import counted, short
from jaxmech.report._records import claims_in_words
from jaxmech.report.multiparty._answer import Answer, BoundaryAnswer, ExistenceAnswer, PlanAnswer

_LINKS = 12
"""Most steps of a chain that are told one by one."""


def describe(answer: Answer) -> str:
    """Return what the problem is, in a few words."""
    who = counted(len(answer.agents), "agent")
    if isinstance(answer, PlanAnswer):
        return f"{who}, {answer.quality_name} quality; mechanism {answer.mechanism}"
    if isinstance(answer, ExistenceAnswer):
        return f"{who}, market growth {answer.growth:g}, disparity {answer.disparity:,}"
    return f"{who}, market growth {answer.growth:g}; largest disparity, up to {_end(answer):,}"


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
    chain, who = answer.chain, answer.agents[answer.agent]
    index = tuple(int(size) for size in answer.profile)
    paid = answer.paid(index)
    place = ", ".join(f"{name} {size}" for name, size in zip(answer.agents, index, strict=True))
    verb = "fails first" if not answer.exists else "has the least room"
    first = f"The profile {place} {verb}. Together they earn {short(float(answer.welfare[index]), 5)}; "
    left = short(float(answer.welfare[index] - answer.revenue[index]), 5)
    first += f"what they must be left sums to {left}."
    sentences = [first]
    steps = list(zip(chain.levels.tolist(), chain.utility.tolist(), chain.payment.tolist(), strict=True))
    size, utility, payment = steps[0]
    told = f"Why {who} must be left so much: with {size:,} she has {short(utility)} if she stays away, so that she"
    told += f" {_charged(payment)}."
    for size, utility, payment in steps[1:][:_LINKS]:
        told += f" With {size:,} she could report that and use her own model, so that she must be left"
        told += f" {short(utility)} and {_charged(payment)}."
    sentences.append(told)
    rest = [f"{name} {_charged(float(paid[j]))}" for j, name in enumerate(answer.agents) if j != answer.agent]
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


def _existence_verdict(answer: ExistenceAnswer) -> str:
    profiles = f"{answer.revenue.size:,} profiles"
    if answer.exists:
        text = f"A desirable mechanism exists: the largest payments that incentives allow cover all {profiles}."
        return f"{text} {claims_in_words(answer.claims)}"
    place = ", ".join(str(int(size)) for size in answer.profile)
    text = f"No desirable mechanism exists: at sizes ({place}) the largest payments that incentives allow sum to"
    index = tuple(int(size) for size in answer.profile)
    return f"{text} {short(float(answer.revenue[index]))}, less than nothing."


def _boundary_verdict(answer: BoundaryAnswer) -> str:
    if answer.largest is not None:
        return (
            f"A desirable mechanism exists up to disparity {answer.largest:,}, and not beyond: with "
            f"{answer.searched_to:,} against 0, the market does not suffice to keep the larger one honest."
        )
    if answer.unbounded:
        return "A desirable mechanism exists at every disparity, however large."
    return f"None failed up to disparity {answer.searched_to:,}; beyond, nothing is known: --up-to searches further."


def _end(answer: BoundaryAnswer) -> int:
    return len(answer.revenue) - 1

"""A page for each party: what she does, what she gets, why it is fair, why cheating does not pay."""

from collections.abc import Callable

import numpy as np

from jaxmech._words import brief
from jaxmech.collaboration import Role
from jaxmech.design import companions
from jaxmech.report._numbers import INFINITY, decimals, percent, relative, settle, short, single
from jaxmech.report.collaboration import (
    Accounts,
    Answer,
    Arrangement,
    draws_of,
    errors_by_value,
    reasons_of,
    relied_upon,
    signed,
    used_unasked,
)
from jaxmech.report.design import Answer as DesignAnswer
from jaxmech.report.html._document import Bar, Line, Party, Table
from jaxmech.report.html._stated import stated_by
from jaxmech.report.html._words import DIVISIONS, GIVEN

MOST = 500
"""More parties than this have no pages of their own: the page would be too large for a browser."""


def parties(answer: Arrangement) -> tuple[Party, ...]:
    """Return the pages of all parties, or of the first :data:`MOST`: about the plan in whole samples if there is one.

    Args:
        answer: a plan or a design, with accounts.
    """
    if answer.accounts is None:
        return ()
    if isinstance(answer, Answer):
        answer = signed(answer)
    assert answer.accounts is not None
    return tuple(_party(answer, answer.accounts, i) for i in range(min(len(answer.agents), MOST)))


def _party(answer: Arrangement, accounts: Accounts, i: int) -> Party:
    gets = _gets_from_design if isinstance(answer, DesignAnswer) else _gets_published
    return Party(
        name=answer.agents[i],
        summary=_summary(accounts, i),
        lines=tuple(_line(answer, accounts, i, k, gets) for k in range(len(answer.distributions))),
        money=_money(accounts, i),
        bars=_bars(accounts, i),
        fair=tuple(_fair(answer, accounts, i)),
        honest=tuple(_honest(answer, i)),
        why=_WHY
        if (answer.is_role(Role.CHECKED) & (answer.samples > 0))[i].any() and not answer.pooled
        else _UNCHECKED,
        stated=stated_by(answer, i),
        unsigned="" if accounts.whole else _UNSIGNED,
    )


_WHY, _UNCHECKED = "Why cheating does not pay", "Who checks you, and whom you rely on"
"""What is written above her reasons, where she is checked on anything, and where she is not."""

_UNSIGNED = (
    "There is nothing to sign: only a plan in whole samples can be carried out, and this one is in fractions. Its "
    "fingerprint is"
)


def _samples(value: float) -> str:
    return f"{value:,.0f}" if value == round(value) else short(value, 4)


def _points(value: float) -> str:
    return f"{_samples(value)} point{'' if value == 1 else 's'}"


def _summary(accounts: Accounts, i: int) -> str:
    samples = float(accounts.plan.samples[i].sum())
    bill = accounts.money(float(accounts.plan.bill[i].sum()))
    noun = "sample, which costs" if samples == 1 else "samples, which cost"
    does = f"You hand in {_samples(samples)} {noun} you {bill}" if samples else "You hand in nothing"
    gain, alone = float(accounts.gain[i]), float(accounts.alone.penalty[i])
    if not np.isfinite(alone):
        return f"{does}, and learn what you could not know on your own."
    if gain == 0:
        return f"{does}, and pay exactly what you would pay alone: signing costs you nothing and brings you nothing."
    verb = "save" if gain > 0 else "lose"
    part = percent(float(relative(abs(gain), alone)))
    return f"{does}, and {verb} {accounts.money(abs(gain))} ({part}) against working alone."


def _line(
    answer: Arrangement, accounts: Accounts, i: int, k: int, gets: Callable[[Arrangement, int, int], str]
) -> Line:
    samples, able = float(accounts.plan.samples[i, k]), bool(np.isfinite(answer.costs[i, k]))
    names, errors = errors_by_value(answer, accounts)
    pairs = [
        (name, plan, own)
        for (name, draw), plan, own in zip(
            draws_of(answer, names), errors.plan.standard_error[i], errors.alone.standard_error[i], strict=True
        )
        if draw == k
    ]
    return Line(
        distribution=answer.distributions[k],
        samples=_samples(samples) if samples else "none" if able else "none (cannot measure it)",
        bill=accounts.money(float(accounts.plan.bill[i, k])) if samples else "–",
        gets=gets(answer, i, k),
        error=_each([(name, _error(plan, own)) for name, plan, own in pairs]),
        alone=_each([(name, _error(own, plan)) for name, plan, own in pairs]),
    )


def _error(value: float, beside: float) -> str:
    """A standard error with as many decimals as the larger of two."""
    if not np.isfinite(value):
        return f"{INFINITY} (not known)"
    pair = np.array([value, beside])
    return single(float(value), decimals(pair[np.isfinite(pair)].max(keepdims=True), 3))


def _each(told: list[tuple[str, str]]) -> str:
    """One text, or one for each value of a panel."""
    return told[0][1] if len(told) == 1 else "; ".join(f"{name}: {text}" for name, text in told)


def _gets_published(answer: Arrangement, i: int, k: int) -> str:
    """What the published mechanisms give her."""
    assert isinstance(answer, Answer)
    samples, role = answer.samples, Role(int(answer.role[i, k]))
    everything, own = float(samples[:, k].sum()), float(samples[i, k])
    if answer.pooled:
        condition = f", if you hand in at least {_samples(own)}" if answer.mechanism == "counted-pool" and own else ""
        return f"the mean of all {_points(everything)}{condition}"
    if role is Role.ALONE:
        return "your own data and their mean: the others know too little to check you"
    if role is Role.RECEIVES and own > 0:
        return f"the mean of all {_points(everything)}, yours included, as it is"
    if role is Role.RECEIVES:
        return f"the mean of the {_points(everything - own)} of the others, as it is"
    return (
        f"{_points(own)} of the others as handed in, with whose mean yours is compared, and "
        f"{_samples(float(answer.total[k]) - 2 * own)} with noise whose standard deviation is "
        f"{short(float(answer.alpha[i, k]))} times the difference between the two means"
    )


def _gets_from_design(answer: Arrangement, i: int, k: int) -> str:
    assert isinstance(answer, DesignAnswer)
    offered, role = answer.offered, Role(int(answer.role[i, k]))
    if role is Role.ALONE:
        return "your own data and their mean"
    clean, rest = float(offered.comparison[i, k]), float(offered.rest[i, k])
    unit = " (counted as points of whoever measures most precisely)" if np.ndim(answer.sigma) > 1 else ""
    parts = [f"{_points(clean)} of the others{unit} in any case"]
    if role is Role.CHECKED:
        alone = " if all your others are equal" if offered.ellipsoid else ""
        most = f"the two may differ by at most {_limits(answer, i, k)}{alone}"
        parts[0] += f", with whose mean yours is compared ({most})"
    if rest:
        scope = _within(answer, k) if offered.ellipsoid else _scope(answer, offered.linked, k)
        otherwise = "withheld" if np.isinf(offered.cap) else f"returned with noise of variance {short(offered.cap)} σ²"
        chance = float(offered.failure[i, k])
        missed = f"; honest parties miss that with a chance of {brief(100 * chance)} %" if chance > 0 else ""
        parts.append(f"{_samples(rest)} more {scope}, else {otherwise}{missed}")
    return ", and ".join(parts)


def _limits(answer: DesignAnswer, i: int, k: int) -> str:
    """Her limit; of a panel, whose own is in σ, the limits of its values."""
    limit, values = float(answer.offered.limit[i, k]), answer.values
    if answer.offered.followed is not None:
        level = answer.offered.followed.at((i, k), 1.0)
        return f"{level:.2f} times the others' spread, {short(limit)}, if that is as agreed; else as the agreement says"
    if values is None or answer.distributions[k] not in values.panels:
        return short(limit)
    scale = dict(zip(values.names, values.scale.tolist(), strict=True))
    return ", ".join(f"{short(limit * scale[name])} in {name}" for name in values.panels[answer.distributions[k]])


def _scope(answer: DesignAnswer, linked: bool, k: int) -> str:
    """When the rest is clean."""
    if answer.values is None:
        return "if you are within your limits on every distribution" if linked else "if the two agree"
    several = answer.distributions[k] in answer.values.panels
    if not linked:
        return "of each value on which the two agree" if several else "if the two agree"
    beside = _companions(answer, k)
    if not several:
        return f"if you are within your limits here{beside[0]}"
    if len(set(beside)) == 1:
        return f"of each value if you are within your limits on it{beside[0]}"
    names = answer.values.panels[answer.distributions[k]]
    each = (f"{name}{more}" for name, more in zip(names, beside, strict=True))
    return f"of each value if you are within your limits on it and on what stands with it ({'; '.join(each)})"


def _within(answer: DesignAnswer, k: int) -> str:
    """When the rest is clean in an ellipsoid."""
    together = "each divided by its limit, add up to at most 1"
    if answer.values is None:
        return f"if the squares of all your differences, {together}"
    beside = _companions(answer, k)
    if answer.distributions[k] not in answer.values.panels:
        return f"if the squares of your differences here{beside[0]}, {together}"
    names = answer.values.panels[answer.distributions[k]]
    each = "; ".join(f"{name}{more}" for name, more in zip(names, beside, strict=True))
    return f"of each value if the squares of your differences on it and on what stands with it ({each}), {together}"


def _companions(answer: DesignAnswer, k: int) -> list[str]:
    """On what each value of a draw hangs beside itself, in words."""
    values = answer.values
    assert values is not None
    draws = np.asarray(values.draws)
    rows = companions(values.draws)[draws == k] & (draws != k)
    return ["".join(f" and on {values.names[j]}" for j in np.flatnonzero(row)) for row in rows]


def _money(accounts: Accounts, i: int) -> Table:
    books = accounts.alone, accounts.plan
    bills, errors = ([float(part[i].sum()) for part in parts] for parts in (
        [one.bill for one in books], [one.error for one in books]))  # fmt: skip
    sums = [bill + error for bill, error in zip(bills, errors, strict=True)]
    places = decimals(np.array([*bills, *errors]))
    gain = float(accounts.gain[i])

    def row(label: str, pair: list[float], saved: float, style: str = "") -> tuple[tuple[str, ...], str]:
        cells = [single(value, places) for value in pair]
        return (label, *cells, single(saved, places) if np.isfinite(saved) else "–"), style

    pairs = np.array([bills, errors])
    known = np.where(np.isfinite(pairs), pairs, 0.0)
    saved = settle(known[:, 0] - known[:, 1], known[:, 0], accounts.dtype)
    difference = np.where(np.isfinite(pairs).all(axis=1), saved, np.inf).tolist()
    unit = f" ({accounts.unit})"
    return Table(
        (f"What you pay{unit}", "alone", "with the agreement", "you save"),
        (False, True, True, True),
        (
            row("your laboratory's bill", bills, difference[0]),
            row("what your remaining error is worth", errors, difference[1]),
            row("together", sums, gain, "bold"),
        ),
    )


def _bars(accounts: Accounts, i: int) -> tuple[Bar, ...]:
    """Alone above together; what is infinite is not drawn."""
    pairs = [
        (label, float(books.bill[i].sum()), float(books.error[i].sum()))
        for label, books in (("alone", accounts.alone), ("with the agreement", accounts.plan))
    ]
    longest = max((bill + error for _, bill, error in pairs if np.isfinite(error)), default=0.0)
    bars = []
    for label, bill, error in pairs:
        if np.isfinite(error) and longest > 0:
            bars.append(Bar(label, bill / longest, error / longest, accounts.money(bill + error)))
        else:
            bars.append(Bar(label, 0.0, 0.0, f"{INFINITY}: not everything can be known alone"))
    return tuple(bars)


def _fair(answer: Arrangement, accounts: Accounts, i: int) -> list[str]:
    sentences = []
    division = getattr(answer, "division", None)
    if division in DIVISIONS and answer.mechanism != "c3d":
        sentences.append(f"The work is divided by the rule “{division}”: {DIVISIONS[division]}.")
    elif division is not None and answer.mechanism != "c3d":
        sentences.append(f"The work is divided by {GIVEN}.")
    alone, gain = accounts.alone.penalty, accounts.gain
    able = np.isfinite(alone)
    if able.any():
        parts = relative(gain[able], alone[able])
        low, high = percent(float(parts.min())), percent(float(parts.max()))
        yours = f"yours is {percent(float(relative(gain[i], alone[i])))}" if able[i] else "you could not work alone"
        sentences.append(f"Gains of those who could work alone are between {low} and {high} of what they pay alone; "
                         f"{yours}.")  # fmt: skip
    share = percent(float(accounts.share[i]))
    sentences.append(
        f"Your laboratory's bill is {share} of all bills; {int(np.sum(accounts.plan.bill.sum(axis=1) > 0))} of "
        f"{len(answer.agents)} parties have one."
    )
    rational = next((record for record in answer.claims if record.claim == "individually rational"), None)
    if rational is not None:
        words = "Nobody pays more than alone" if rational.holds else "NOT everybody pays as little as alone"
        sentences.append(f"{words}; the closest case: {rational.witness}.")
    return sentences


def _honest(answer: Arrangement, i: int) -> list[str]:
    if answer.pooled:
        return ["Nobody checks you, and nobody checks the others: this plan holds only among parties who comply for "
                "other reasons than their own gain."]  # fmt: skip
    sentences = reasons_of(answer, i) if isinstance(answer, Answer) else _design_reasons(answer, i)
    if relied := relied_upon(answer, i):
        sentences.append(f"You rely on what {relied} in where nobody checks them.")
    for record in answer.claims:
        if "incentive compatible" in record.claim:
            verdict = "holds" if record.holds else "does NOT hold"
            sentences.append(f"Certificate “{record.claim}” {verdict}; the closest case: {record.witness}.")
    return sentences


def _design_reasons(answer: Arrangement, i: int) -> list[str]:
    assert isinstance(answer, DesignAnswer)
    roles = {Role(int(code)) for code in answer.role[i]}
    sentences = []
    if Role.ALONE in roles:
        sentences.append("Where you work alone you get back only what you collect: the agreed amount is your own best.")
    if Role.CHECKED in roles:
        sentences.append(
            "Where you are compared, your true mean passes most often as it is: changing it makes it differ more, and "
            "a guess has to be near. The limits are such that another number of points, none included, costs you more."
        )
    if any(role is not Role.ALONE for role in roles) and np.isfinite(answer.offered.limit).any():
        sentences.append(
            "Points of others who fail a check reach you all the same; your receipt says whose, and how many."
        )
    if Role.RECEIVES in roles:
        used = used_unasked(answer, i)
        rest = "what you hand in is used unchecked" if used else "there is nothing to fake"
        sentences.append(f"Where you only receive nothing is asked for; {rest}.")
    return sentences

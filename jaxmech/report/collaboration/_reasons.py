"""Why nobody cheats, or who would: sentences with the numbers of the agent concerned."""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

from jaxmech.collaboration import FreeRiding, Harm, Role
from jaxmech.report._numbers import percent, short
from jaxmech.report.collaboration._answer import Answer, Arrangement
from jaxmech.report.collaboration._trust import saved_by_departing, trusted, used_unasked

EVERYBODY = 6
"""Up to so many agents each gets her own sentences; beyond, each role is explained by its tightest case."""


@dataclasses.dataclass(frozen=True)
class Temptation:
    """What agent i could do instead about distribution k, and what it would do to her.

    Attributes:
        agent: index i.
        distribution: index k.
        pays: what the plan costs her there.
        instead: what the nearest temptation would cost her there.
    """

    agent: int
    distribution: int
    pays: float
    instead: float

    @property
    def loss(self) -> float:
        """By how much the temptation would raise what she pays, as a fraction."""
        return (self.instead - self.pays) / self.pays if self.pays > 0 else float("inf")


def reasons(answer: Answer, *, full: bool = False) -> list[str]:
    """Return why nobody cheats, one sentence per role, or per agent and role where there are few agents.

    Args:
        answer: one solved problem.
        full: whether every agent is to have her own sentences, however many there are.
    """
    if answer.free is not None:
        return _temptations_of_pooling(answer, answer.free)
    if full or len(answer.agents) <= EVERYBODY:
        sentences = [sentence for i in range(len(answer.agents)) for sentence in reasons_of(answer, i)]
    else:
        sentences = [sentence for role in Role for sentence in _of_role(answer, role)]
        if len(sentences) > 1 and len(answer.distributions) > 1:
            sentences.insert(0, _SEVERAL_ROLES)
    return [*sentences, *unchecked(answer)]


def unchecked(answer: Arrangement) -> list[str]:
    """Return what nobody compares although others receive it; nothing where all that is received is checked.

    Args:
        answer: of a mechanism that checks.
    """
    found = trusted(answer)
    if not found.any():
        return []
    checked = answer.is_role(Role.CHECKED).any(axis=0)
    head = "" if checked.any() else "Nobody is checked under this plan. "
    by_herself = np.where(found, answer.samples, 0.0).sum()
    share = f"{short(float(by_herself))} of {short(float(answer.samples.sum()))} samples"
    only = np.flatnonzero(found.any(axis=0) & ~checked).tolist()
    if checked.any() and only:
        head = f"{_listed(answer, only)}: all that is collected comes from who is compared with nobody. "
    whose = "who works alone" if answer.is_role(Role.ALONE)[found].all() else "who is not checked"
    return [
        f"{head}What is handed in by {whose} ({share}) is compared with nothing: to invent it would gain "
        f"and cost her nothing. Whoever receives it trusts that she has no other reason to{_worst(answer, found)}."
    ]


def _worst(answer: Arrangement, found: np.ndarray) -> str:
    """What those lose who rely on her whose made-up numbers would cost them most; nothing where that is not known."""
    lost = _harm(answer)
    if lost is None:
        return ""
    each = np.where(found, lost.invented, 0.0).sum(axis=1)
    i = int(np.argmax(each))
    cost = _money(answer, each[i])
    return f": numbers of {answer.agents[i]}'s that are off by σ, as one person's are, would cost the others {cost}"


def _harm(answer: Arrangement) -> Harm | None:
    return answer.what_if.harm if isinstance(answer, Answer) and answer.what_if is not None else None


def _money(answer: Arrangement, amount: Any) -> str:
    return f"{short(float(amount), 4)} {answer.currency}".rstrip()


def reasons_of(answer: Answer, i: int) -> list[str]:
    """Return why one agent does not cheat, one sentence per role that she has.

    Args:
        answer: one solved problem, of a mechanism that checks.
        i: her index.
    """
    sentences = []
    for role, explain in _EXPLAIN.items():
        places = np.flatnonzero(answer.is_role(role)[i]).tolist()
        if places:
            tightest = min((_temptation(answer, i, k) for k in places), key=lambda case: case.loss)
            sentences.append(f"{answer.agents[i]} {explain(answer, _names(answer, places), tightest)}")
    return sentences


def _of_role(answer: Answer, role: Role) -> list[str]:
    cases = [_temptation(answer, int(i), int(k)) for i, k in _sample(np.argwhere(answer.is_role(role)))]
    if not cases:
        return []
    tightest = min(cases, key=lambda case: case.loss)
    where = answer.distributions[tightest.distribution]
    count = int(answer.is_role(role).any(axis=1).sum())
    head = f"{role.name.capitalize()}, {_agents(count)}{'; the closest case' if count > 1 else ''}: "
    return [f"{head}{answer.agents[tightest.agent]} {_EXPLAIN[role](answer, where, tightest)}"]


def _temptation(answer: Answer, i: int, k: int) -> Temptation:
    return Temptation(i, k, float(answer.pays[i, k]), float(answer.instead[i, k]))


def _amount(answer: Answer, case: Temptation) -> str:
    """Her samples, whole ones without decimals."""
    n = float(answer.samples[case.agent, case.distribution])
    return f"{n:,.0f}" if n == round(n) else short(n)


def _explain_alone(answer: Answer, where: str, case: Temptation) -> str:
    name, n = answer.distributions[case.distribution], _amount(answer, case)
    of = "" if where == name else f" of {name}"
    less = _fewer(answer, case, "half of it")
    if not less:
        return (
            f"is alone on {where}: gets back only what she collects, {n}{of}, no less than she must. A check makes "
            "nobody collect more than half of what she would collect for herself, and this is more."
        )
    told = f"{less} would cost her {short(case.instead, 4)} instead of {short(case.pays, 4)}"
    place = case.agent, case.distribution
    bill = float(answer.costs[place] * answer.samples[place])
    most = answer.limited and case.pays - bill > bill * (1 + 1e-6)  # an error that is worth more than its samples
    best = "as many as her limits allow" if most else "her own best"
    return f"is alone on {where}: gets back only what she collects, and {n}{of} is {best} ({told})."


def _explain_receives(answer: Answer, where: str, case: Temptation) -> str:
    name = answer.distributions[case.distribution]
    if answer.samples[case.agent, case.distribution] > 0:
        return (
            f"receives {where}: her {_amount(answer, case)} samples are as few as she must, or as many as she can "
            "collect, so nothing is checked, and she gets all that the others collect."
        )
    used = " (what she hands in all the same is used unchecked)"
    rest = used if used_unasked(answer, case.agent) else ", so there is nothing to fake"
    text = f"receives {where}: is asked for nothing{rest}"
    cost = float(answer.costs[case.agent, case.distribution])
    if not np.isfinite(cost):
        return f"{text}, and she cannot measure {name if where != name else 'it'} herself."
    saved = case.pays + cost - case.instead
    own = "a sample of her own" if where == name else f"a sample of her own of {name}"
    return f"{text}; {own} would cost {short(cost)} and save her {short(saved)}."


def _explain_checked(answer: Answer, where: str, case: Temptation) -> str:
    name = answer.distributions[case.distribution]
    on = "there" if where == name else f"on {name}"
    noise = "whatever makes her data differ from the others' adds noise to what she gets"
    less = _fewer(answer, case, f"half of her {_amount(answer, case)} samples")
    made_up = _made_up(answer, case)
    if not less:
        return f"is checked on {where}: {noise}. {made_up}".strip()
    return (
        f"is checked on {where}: {less} would cost her {short(case.instead, 4)} {on} instead of "
        f"{short(case.pays, 4)}, and {noise}. {made_up}".strip()
    )


def _made_up(answer: Answer, case: Temptation) -> str:
    """What it would bring her to measure nothing and invent numbers; nothing where that is not known."""
    if answer.what_if is None or answer.what_if.invented is None:
        return ""
    within, far = (float(part[case.agent, case.distribution]) for part in answer.what_if.invented)
    pays, lost, others = short(case.pays, 4), short(far, 4), _others(answer, case)
    if within == 0:
        return f"Numbers that she made up would cost her more than {pays} whatever they are, {lost} if far off{others}."
    return (
        f"Numbers that she made up would cost her {lost} if they are far off, and less than {pays} only if their mean "
        f"is within {short(within, 2)} σ of the true one{others}."
    )


def _others(answer: Answer, case: Temptation) -> str:
    """What the others lose by it; nothing where that is not known."""
    lost = _harm(answer)
    if lost is None:
        return ""
    fewer, invented = (_money(answer, part[case.agent, case.distribution]) for part in lost)
    half = f", and {fewer} by the half" if _fewer(answer, case, "half") == "half" else ""
    return f"; the others would lose {invented} by numbers that are off by σ{half}"


def _fewer(answer: Answer, case: Temptation, half: str) -> str:
    """The amount that she is tempted to collect, in words; nothing where limits leave her no other."""
    place = case.agent, case.distribution
    less, asked = float(answer.nearest[place]), float(answer.samples[place])
    if less >= asked * (1 - 1e-9):
        return ""
    return half if abs(less - asked / 2) <= 1e-6 * asked else f"{short(less)} samples, as few as she must collect,"


_EXPLAIN: dict[Role, Callable[[Answer, str, Temptation], str]] = {
    Role.ALONE: _explain_alone,
    Role.CHECKED: _explain_checked,
    Role.RECEIVES: _explain_receives,
}


def _temptations_of_pooling(answer: Answer, free: FreeRiding) -> list[str]:
    """Pooling checks nobody: who would gain most by collecting less than the plan says."""
    best, pays, instead = (np.asarray(part) for part in free)
    saved = saved_by_departing(free)
    tempted = int(np.sum(saved > 0))
    if tempted == 0:
        return ["Pooling checks nobody, but in this plan nobody could save anything by collecting less."]
    i = int(np.argmax(saved))
    every = "Everybody" if tempted == len(answer.agents) else f"{tempted:,} of {len(answer.agents):,}"
    checks = "Pooling checks nobody."
    if answer.mechanism == "counted-pool":
        checks = "Counting is no check: made-up points are as easily counted, and subtracted again afterwards."
    less, asked = short(float(best[i].sum())), short(float(answer.samples[i].sum()))
    saving = percent(float(saved[i] / pays[i]))
    return [
        f"{checks} {every} would save by departing from the plan; most of all {answer.agents[i]}: "
        f"with {less} samples instead of {asked} she would pay {short(float(instead[i]))} instead of "
        f"{short(float(pays[i]))} ({saving} less), while the others pay {_more(answer, i)}.",
        "A plan that rests on pooling holds only among agents who comply for other reasons; "
        "--mechanism cbl makes honesty everybody's own best.",
    ]


def _more(answer: Answer, i: int) -> str:
    """How much more the others pay together if one member of a pool thinks of herself alone."""
    lost = _harm(answer)
    return "more" if lost is None else f"{_money(answer, lost.fewer[i].sum())} more"


_SEVERAL_ROLES = "An agent can have one role on one distribution and another on the next: she is counted in each."


def _names(answer: Answer, places: list[int]) -> str:
    return "everything" if len(places) == len(answer.distributions) > 1 else _listed(answer, places)


def _listed(answer: Arrangement, places: list[int], limit: int = 6) -> str:
    names = [answer.distributions[k] for k in places[:limit]]
    rest = len(places) - limit
    return ", ".join(names) + (f" and {rest} more" if rest > 0 else "")


def _agents(count: int) -> str:
    return "1 agent" if count == 1 else f"{count:,} agents"


def _sample(places: np.ndarray, limit: int = 2000) -> np.ndarray:
    """Spread over at most so many cases: a report of a huge problem must not take longer than its solution."""
    step = max(1, -(-len(places) // limit))
    return places[::step]

"""Who is relied upon although nobody checks what she hands in: told in the headline of every plan. A host shell."""

import dataclasses

import numpy as np

from jaxmech._words import joined, some
from jaxmech.collaboration import FreeRiding, Role
from jaxmech.report._numbers import percent
from jaxmech.report.collaboration._answer import Answer, Arrangement

_NAMED = 3
"""More agents than this are counted instead of named."""


@dataclasses.dataclass(frozen=True)
class Duties:
    """Who hands in what in which role: what of a plan decides who is relied upon, where there is no page of its own.

    Attributes:
        agents: their names.
        distributions: their names.
        samples: (agents, distributions) what each collects.
        role: :class:`~jaxmech.collaboration.Role` codes.
        pooled: whether the mechanism pools everything.
    """

    agents: tuple[str, ...]
    distributions: tuple[str, ...]
    samples: np.ndarray
    role: np.ndarray
    pooled: bool

    def is_role(self, role: Role) -> np.ndarray:
        """(agents, distributions) truth values: who has this role in what."""
        return np.asarray(np.equal(self.role, int(role)))


def trusted(answer: Arrangement | Duties) -> np.ndarray:
    """Return (agents, distributions) truth values: she hands something in, others get it, and nothing is compared.

    Args:
        answer: who collects what, in which role.
    """
    handed = answer.samples > 0
    if not answer.pooled:
        handed &= ~answer.is_role(Role.CHECKED)
    return handed & _others(_gets(answer))


def nobody_checked(answer: Arrangement | Duties) -> bool:
    """Return whether nobody's data are compared with the others'.

    Args:
        answer: who collects what, in which role.
    """
    return answer.pooled or not bool((answer.is_role(Role.CHECKED) & (answer.samples > 0)).any())


def relying(answer: Arrangement | Duties) -> np.ndarray:
    """Return (agents,) truth values: she gets something that another hands in and nothing is compared with.

    Args:
        answer: who collects what, in which role.
    """
    return np.asarray((_gets(answer) & _others(trusted(answer))).any(axis=1))


def relied_upon(answer: Arrangement | Duties, i: int) -> str:
    """Return whom one agent relies on without any check, with what they do; an empty text where she relies on nobody.

    Args:
        answer: who collects what, in which role.
        i: her index.
    """
    hers = trusted(answer) & _gets(answer)[i]
    hers[i] = False
    whom = np.flatnonzero(hers.any(axis=1))
    return f"{_named(answer, whom)} {'hands' if len(whom) == 1 else 'hand'}" if len(whom) else ""


def used_unasked(answer: Arrangement, i: int) -> bool:
    """Return whether others would get what an agent hands in where she only receives, and is asked for nothing.

    Not where the agreement leaves out what nobody asked for.

    Args:
        answer: who collects what, in which role.
        i: her index.
    """
    idle = answer.is_role(Role.RECEIVES)[i] & (answer.samples[i] == 0)
    return answer.surplus == "use" and bool((idle & _others(_gets(answer))[i]).any())


def disclosed(answer: Arrangement) -> str:
    """Return who is given a single point of others as it is, with a blank before it; an empty text where nobody is.

    A mean of one point is that point; what she is compared with she gets, or, where she only receives and another check
    of hers fails, what is not withheld.

    Args:
        answer: who collects what, in whole samples.
    """
    others = answer.samples.sum(axis=0) - answer.samples
    given = np.where(answer.is_role(Role.CHECKED) | (answer.compared > 0), answer.compared, others)
    single = _gets(answer) & (given == 1)
    if not single.any():
        return ""
    whom, what = (np.flatnonzero(single.any(axis=axis)).tolist() for axis in (1, 0))
    who, names = some([answer.agents[i] for i in whom], _NAMED), some([answer.distributions[k] for k in what], _NAMED)
    return f" {who} may see a single person's value: a mean of one point, of {names}."


def trust_sentence(answer: Arrangement | Duties) -> str:
    """Return who relies on whom without any check, or that nothing is shared; nothing where all that counts is checked.

    Args:
        answer: who collects what, in which role.
    """
    if not (_gets(answer) & _others(answer.samples > 0)).any():
        return "Nothing is shared: everybody gets back only what she collects herself, so there is nothing to check."
    found = trusted(answer)
    if not found.any():
        return ""
    hands = np.flatnonzero(found.any(axis=1))
    theirs = f"what {_named(answer, hands)} {'hands' if len(hands) in (1, len(answer.agents)) else 'hand'} in"
    who = relying(answer)
    rely = (
        f"{_named(answer, np.flatnonzero(who), everybody=True)} {'relies' if who.sum() == 1 or who.all() else 'rely'}"
    )
    if nobody_checked(answer):
        return f"Nobody is checked: {rely} on {theirs}, made up or not{_tempted(answer)}."
    share = percent(float(answer.samples[found].sum() / answer.samples.sum()))
    by = _named(answer, hands, everybody=True)  # each of them may be checked on something else
    what = f"{share} of all samples, handed in by {by}"
    return f"Nobody checks {what}: {rely} on them, made up or not{_entirely(answer, found)}."


def saved_by_departing(free: FreeRiding) -> np.ndarray:
    """Return (agents,) what each member of a pool would save by her own best amounts, 0 where that is rounding.

    Args:
        free: what she would do if she thought of herself alone.
    """
    pays, instead = np.asarray(free.pays), np.asarray(free.instead)
    with np.errstate(invalid="ignore"):
        saved = np.nan_to_num(pays - instead, nan=0.0, posinf=0.0)
    return np.where(saved > 1e-6 * np.abs(pays), saved, 0.0)


def _gets(answer: Arrangement | Duties) -> np.ndarray:
    """(agents, distributions) who gets anything that others hand in."""
    if answer.pooled:
        return np.ones(answer.samples.shape, bool)
    return answer.is_role(Role.RECEIVES) | answer.is_role(Role.CHECKED)


def _others(entries: np.ndarray) -> np.ndarray:
    """(agents, distributions) whether an entry of another agent is true."""
    return np.asarray(entries.sum(axis=0) - entries > 0)


def _tempted(answer: Arrangement | Duties) -> str:
    """How many of those who pool would rather collect less; nothing where none would, or the mechanism checks."""
    if not isinstance(answer, Answer) or answer.free is None:
        return ""
    count = int(np.sum(saved_by_departing(answer.free) > 0))
    return f", and {count:,} of {len(answer.agents):,} would save by collecting less" if count else ""


def _entirely(answer: Arrangement | Duties, found: np.ndarray) -> str:
    """What nothing else is known of, where that is some of the distributions."""
    only = np.flatnonzero(np.where(found, answer.samples, 0.0).sum(axis=0) >= answer.samples.sum(axis=0) * (1 - 1e-9))
    only = only[found[:, only].any(axis=0)]
    if not len(only) or len(only) == len(answer.distributions):
        return ""
    names = answer.distributions
    listed = joined([names[k] for k in only.tolist()]) if len(only) <= _NAMED else f"{len(only):,} of {len(names):,}"
    return f", and on nothing else for {listed}"


def _named(answer: Arrangement | Duties, which: np.ndarray, *, everybody: bool = False) -> str:
    """Agents by name, or how many of all they are."""
    if len(which) == len(answer.agents):
        return "everybody" if everybody else "everybody else"
    if len(which) <= _NAMED:
        return joined([answer.agents[i] for i in which.tolist()])
    return f"{len(which):,} of {len(answer.agents):,}"

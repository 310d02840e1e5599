"""Who ends worse off than alone: her average penalty beside what she would pay alone on the same data."""

import dataclasses

import numpy as np

from jaxmech.report._numbers import percent, short
from jaxmech.report.simulation._answer import Answer, Play

_ERRORS = 3.0
"""Standard errors beyond which a difference is told."""

_LEAST = 1e-6
"""Differences below this part are rounding."""

_NAMED = 4


@dataclasses.dataclass(frozen=True)
class Worse:
    """A party that would have paid less alone.

    Attributes:
        agent: her name.
        penalty: what she pays on average.
        standard_error: of that.
        alone: what she would pay alone on the same data.
    """

    agent: str
    penalty: float
    standard_error: float
    alone: float

    @property
    def share(self) -> float:
        """By which part of what she would pay alone she pays more."""
        return self.penalty / self.alone - 1


def worse_off(answer: Answer, play: Play) -> tuple[Worse, ...]:
    """Return the parties that end worse off than alone, beyond the error, the worst first.

    Args:
        answer: one simulated mechanism.
        play: on which data.
    """
    if play.alone is None:
        return ()
    more, slack = play.penalty - play.alone, np.maximum(_ERRORS * play.standard_error, _LEAST * play.alone)
    places = np.flatnonzero(np.isfinite(play.alone) & (play.alone > 0) & (more > slack))
    found = [_of(answer, play, int(i)) for i in places]
    return tuple(sorted(found, key=lambda one: -one.share))


def alone_in_words(answer: Answer, play: Play) -> list[str]:
    """Return who ends worse off than alone, by how much; or that nobody does, and who is nearest to it.

    Of normal data on which all are honest only the first is told: that nobody is, is what a plan promises.

    Args:
        answer: one simulated mechanism.
        play: on which data.
    """
    found = worse_off(answer, play)
    if found:
        who = "; ".join(
            f"{one.agent} pays {short(one.penalty, 4)} (standard error {short(one.standard_error, 1)}), and would pay "
            f"{short(one.alone, 4)} alone: {percent(one.share)} more"
            for one in found[:_NAMED]
        )
        rest = f"; and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
        return [f"Worse than alone on these data: {who}{rest}. {_WHAT_ALONE_IS}"]
    told = play is not answer.plays[0] or bool(answer.cheat)
    if play.alone is None or not told:
        return []
    known = np.isfinite(play.alone) & (play.alone > 0)
    if not known.any():
        return []
    share = np.where(known, play.penalty / np.where(known, play.alone, 1.0), -np.inf)
    near = _of(answer, play, int(np.argmax(share)))
    return [
        f"Nobody ends worse than alone by more than {_ERRORS:g} standard errors; nearest to it is {near.agent}, who "
        f"pays {short(near.penalty, 4)} (standard error {short(near.standard_error, 1)}), and would pay "
        f"{short(near.alone, 4)} alone. {_WHAT_ALONE_IS}"
    ]


def worse_in_short(answer: Answer, play: Play) -> str:
    """Return how many end worse off than alone, for the headline; an empty text where nobody does.

    Args:
        answer: one simulated mechanism.
        play: on which data.
    """
    found = worse_off(answer, play)
    if not found:
        return ""
    verb = "ends" if len(found) == 1 else "end"
    error = percent(found[0].standard_error / found[0].alone)
    return (
        f"{len(found)} of {len(answer.agents)} {verb} worse than alone on {play.name}, {found[0].agent} by "
        f"{percent(found[0].share)} (standard error {error})."
    )


def _of(answer: Answer, play: Play, i: int) -> Worse:
    assert play.alone is not None
    numbers = (float(part[i]) for part in (play.penalty, play.standard_error, play.alone))
    return Worse(answer.agents[i], *numbers)


_WHAT_ALONE_IS = "Alone: what she would then collect, with the mean of it as her estimate, on data of the same spread."

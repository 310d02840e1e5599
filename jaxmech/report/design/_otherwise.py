"""What is said of a design where σ is not as agreed, or somebody does half or makes numbers up. A host shell."""

import numpy as np

from jaxmech._words import brief
from jaxmech.collaboration import Role
from jaxmech.report._numbers import percent, relative, short
from jaxmech.report.collaboration import OFF
from jaxmech.report.design._answer import Answer

_WORTH = 5e-4
"""Savings below this part of a penalty are not worth a sentence."""


def misjudged_sentences(answer: Answer) -> list[str]:
    """Return what happens under the design where σ is smaller or larger than agreed; nothing if that is not known.

    Args:
        answer: a design.
    """
    lines, rest = [], "withheld" if np.isinf(answer.offered.cap) else "noisy"
    for factor, found in zip(OFF, answer.otherwise, strict=False):
        paid, fails = float(found.penalty.sum()), float(found.failure.max())
        text = (
            f"{percent(abs(factor - 1))} {'larger' if factor > 1 else 'smaller'}: all pay {short(paid, 4)} instead of "
            f"{short(answer.social_penalty, 4)} if they do as agreed"
        )
        if np.isfinite(answer.offered.limit).any():
            text += f"; limits stay as signed, and an honest agent's rest is {rest} with a chance of at most "
            text += f"{brief(100 * fails)} %"
        saved = relative(np.asarray(found.saving), np.asarray(found.penalty))
        i = int(np.argmax(saved))
        if saved[i] > _WORTH:
            text += f". Who sees it could save by another amount: {answer.agents[i]} {percent(float(saved[i]))}"
        lines.append(f"{text}.")
    return lines


def harm_sentences(answer: Answer) -> list[str]:
    """Return what the others lose by the half of one agent's work, or by numbers that she made up, where it is most.

    Args:
        answer: a design.
    """
    if answer.harm is None or not np.any(np.asarray(answer.harm.invented) > 0):
        return []
    told = []
    for part in (answer.harm.invented, answer.harm.fewer):
        i, k = np.unravel_index(int(np.argmax(part)), part.shape)
        watched = Role(int(answer.role[i, k])) is Role.CHECKED
        where = f" on {answer.distributions[k]}" if len(answer.distributions) > 1 else ""
        cost = f"{short(float(part[i, k]), 4)} {answer.currency}".rstrip()
        told.append((f"{answer.agents[i]}{where}, who is {'' if watched else 'not '}checked there", cost))
    (invents, most), (lazy, less) = told
    every = np.asarray(answer.harm.invented).sum(axis=1)
    worst = int(np.argmax(every))
    both = f" (for all that she collects about {short(float(every[worst]), 4)}: by {answer.agents[worst]})"
    both = both if len(answer.distributions) > 1 else ""
    return [
        f"Numbers that an agent made up, off by σ as one person's are, would cost the others {most} at most: by "
        f"{invents}{both}. Half of an agent's samples would cost them {less} at most: by {lazy}."
    ]

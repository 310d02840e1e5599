"""What the names of claims mean, in a sentence each: said under the table that uses them."""

from collections.abc import Sequence

from jaxmech.mechanism import Audit

MEANINGS = (
    ("individually rational for buyers", "nobody pays more than her points are worth to her on average."),
    ("individually rational for contributors", "nobody is paid less than collecting costs on average."),
    ("individually rational", "nobody is worse off than without the others."),
    (
        "Nash incentive compatible",
        "as long as the others do as they are asked, nobody gains by collecting another amount or by handing in "
        "anything else than what she measured.",
    ),
    ("incentive compatible", "nobody gains by reporting anything but the truth, whatever the others are like."),
    ("penalties as promised", "recomputed from the rule, amount by amount, everybody pays what the plan says."),
    ("condition (8)", "the condition of that number in Clinton et al. (2025): everybody would share each distribution "
     "even if it were the only one."),
    ("envy-free", "nobody would rather have what another is offered, at its price."),
    ("weakly budget balanced", "payments add up to no loss: nobody has to put money in."),
    ("budget balanced off the equilibrium path", "where somebody departs from what she is asked."),
    ("budget balanced", "what buyers pay is what contributors get, to the cent."),
    ("deliverable", "what is sold is collected, by at least two who check each other."),
    ("discriminate", "a market that discriminates asks different prices for the same points."),
)  # fmt: skip
"""What a claim, or a word in it, means; the first entry that is found in a claim explains it."""


def meanings_of(records: Sequence[Audit]) -> list[str]:
    """Return what the names of claims or facts mean, one sentence for each that needs one.

    Args:
        records: the rows of the table.

    Example:
        >>> meanings_of([Audit.judged("envy-free", 0.1, 0.0, "agent 1", "all swaps")])
        ['Envy-free: nobody would rather have what another is offered, at its price.']
    """
    found = {}
    for record in records:
        entry = next(((name, text) for name, text in MEANINGS if name in record.claim), None)
        if entry is not None:
            found[entry[0]] = entry[1]
    return [f"{name[:1].upper()}{name[1:]}: {text}" for name, text in found.items()]

"""What the names of claims mean, in a sentence each: said under the table that uses them."""

from collections.abc import Sequence

from jaxmech.mechanism import COMPUTED, PROVEN, SEARCHED, SIMULATED, Audit

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
    ("penalties as promised", "if all do as agreed, everybody pays on average what the plan says."),
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

HOW = {
    PROVEN: "by theorem, or by a bound that leaves nothing out.",
    COMPUTED: "from the plan's numbers, for everybody.",
    SEARCHED: "by trying, so that more is not excluded.",
    SIMULATED: "in random runs, up to their standard errors.",
}
"""What is said of how claims are known."""


def how_known(records: Sequence[Audit]) -> list[str]:
    """Return what the words for how claims are known mean, one sentence for each that is used.

    Args:
        records: the rows of the table.

    Example:
        >>> how_known([Audit.judged("envy-free", 0.1, 0.0, "agent 1", "all swaps")])
        ["Computed: from the plan's numbers, for everybody."]
    """
    used = {record.known for record in records}
    return [f"{word.capitalize()}: {text}" for word, text in HOW.items() if word in used]


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

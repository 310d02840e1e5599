"""How each claim is known, unless a record says otherwise: words, and one table."""

PROVEN, COMPUTED, SEARCHED, SIMULATED = "proven", "computed", "searched", "simulated"
"""By theorem or a bound that leaves nothing out; from the plan's numbers, for everybody; by trying; in random runs."""

KNOWN = {
    # before those that begin alike
    "prices never": COMPUTED,
    "payments never": COMPUTED,
    "never": SIMULATED,
    "averages as promised": SIMULATED,
    "Nash incentive compatible": PROVEN,
    "incentive compatible": SEARCHED,
    "incentives over sigma_range": SEARCHED,
    "sigma_range admissible": COMPUTED,
    "no ally can lift the check": COMPUTED,
    "individually rational": COMPUTED,
    "penalties as promised": COMPUTED,
    "efficient": COMPUTED,
    "at most 8 times": COMPUTED,
    "condition (": COMPUTED,
    "feasible": COMPUTED,
    "no worse than the published mechanisms": COMPUTED,
    "kept on whole data": COMPUTED,
    "honest agents pass": COMPUTED,
    "noise that nobody knows": SEARCHED,
    "nobody gains by": SEARCHED,
    "no group would rather leave": SEARCHED,
    "nobody is pivotal": COMPUTED,
    "envy-free": COMPUTED,
    "no profitable deviation found": SEARCHED,
    "budget balanced": COMPUTED,
    "weakly budget balanced": COMPUTED,
    "deliverable": COMPUTED,
    "profit-optimal": PROVEN,
    "a price list sells as well": COMPUTED,
    "buyers not hurt by a misreport": SEARCHED,
    "the most even of markets that discriminate": SEARCHED,
    "best whatever the others do": COMPUTED,
    "types need not be known": COMPUTED,
    "as the mechanism prescribes": COMPUTED,
    "largest revenue": COMPUTED,
    "a desirable mechanism exists": PROVEN,
    "none exists beyond": COMPUTED,
    "more data never harm": SEARCHED,
    "own model never harms": SEARCHED,
    "growing market": SEARCHED,
    "non-competitive market": SEARCHED,
}
"""The first entry that a claim begins with; what is known in another way says so in its record."""


def usually_known(claim: str, *, holds: bool = True) -> str:
    """Return how a claim is known where its record says nothing else; an empty text for a claim of somebody's own.

    A bound that is not small enough proves nothing: where it fails, what is usually proven is computed.
    """
    word = next((word for start, word in KNOWN.items() if claim.startswith(start)), "")
    return COMPUTED if word == PROVEN and not holds else word

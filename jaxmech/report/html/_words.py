"""What mechanisms and divisions mean, and what is not promised: sentences for people who sign."""

import numpy as np

from jaxmech._words import some
from jaxmech.collaboration import Role
from jaxmech.report.collaboration import Answer, Arrangement, disclosed, rule_in_words
from jaxmech.report.design import Answer as DesignAnswer
from jaxmech.report.html._document import Section

DIVISIONS = {
    "alone": "everybody collects for herself",
    "social": "the amounts with the least sum of all penalties, whoever loses by it",
    "rational": "the amounts with the least sum of all penalties at which nobody pays more than alone",
    "leverage": "the amounts with the least sum of all penalties at which nobody pays more than alone on any single "
    "distribution",
    "nash": "the amounts with the largest product of all gains",
    "egalitarian": "the amounts with the smallest largest penalty",
    "kalai-smorodinsky": "equal shares of the largest gain that each could have",
}
"""How much everybody collects, before anybody is checked."""
GIVEN = "the amounts that the parties gave themselves"
"""Likewise, where no rule made them."""

MECHANISMS = {
    "pool": "everybody gets the mean of all data; nobody is checked",
    "counted-pool": "everybody who hands in as many points as agreed gets the mean of all data; nobody is checked",
    "c3d": "everybody collects the same, is compared with the others, and gets noisier data the more she differs",
    "cbl": "who holds much data works alone, who holds some is compared with the others and gets noisier data the more "
    "she differs, who holds none receives",
    "designed": "everybody gets some points of the others in any case; the rest if her own agree with them",
}
"""What happens to the data."""

_COMPARED = "The mean of a party who is checked is compared with that of some of the others' points, drawn at random; "
_WITHOUT_CHECKS = (
    "Who works alone gets her own points back, who collects nothing those of all others; neither is compared."
)
_CHECKS = {
    "pool": "All points of a distribution are put together. Nothing is counted or compared.",
    "counted-pool": "Points are counted, one distribution at a time, and put together. Who handed in fewer than agreed "
    "gets nothing of that distribution back. Nothing is compared.",
    "c3d": _COMPARED + "the further apart the two are, the more noise is added to the rest of the others' points.",
    "cbl": _COMPARED
    + "the further apart the two are, the more noise is added to the rest of the others' points. "
    + _WITHOUT_CHECKS,
    "designed": _COMPARED
    + "if they differ by more than her limit, the rest of the others' points is kept from her, or blurred, as her page "
    "says. Her own points go to the others as they are, whether she passes or not.",
}
"""What is done with the files, by mechanism."""

_SURPLUS = {
    "drop": "Of more points than agreed the first as many as agreed are used and the rest left out, everywhere: nobody "
    "gets them, hers are not compared by them, and her receipt says how many they were.",
    "use": "More points than agreed are used like all others, also of who is asked for none; receipts say whose.",
}
"""What becomes of points that nobody asked for."""

_NAMED = 8
"""Columns that are named in a sentence."""

AGREEMENT_LIMITS = (
    "Costs, errors and gains are expectations: what happens in one exchange scatters around them.",
    "Incentives are those of single parties while the others comply. Parties who cheat together are not considered.",
    "Data are taken as independent and normal, with the standard deviations that are stated. Heavy tails, drifts and "
    "batches that share an error are not covered.",
    "Distributions are taken as measured independently of each other. Who can compute one from others, or knows the "
    "answer already, is not noticed.",
    "Whether the stated costs are true is not checked, and no money changes hands by this agreement.",
    "What a party does with what she gets back, and the privacy of the people measured, are matters of a contract.",
)
"""What an agreement to share data does not promise."""

AUDIT_LIMITS = (
    "What a search finds is a lower bound of what cheating can bring: what was not tried is not excluded by it.",
    "Where a bound is stated as proven, it holds for the model: independent normal data with the stated standard "
    "deviations, costs as stated, others who comply.",
    "Parties who cheat together are not considered.",
)
"""What an audit does not promise."""

_OTHER_LIMITS = {
    "market": (
        "Values, costs and standard deviations are taken as stated; buyers' values are not observed.",
        "Profits and prices are expectations. Parties who act together are not considered.",
    ),
    "multiparty": (
        "Effects of the models on each other's owners are taken as stated, and so is the quality that data bring.",
        "Firms who misreport together are not considered.",
    ),
}


def limits_of(kind: str, answer: Arrangement | None = None) -> tuple[str, ...]:
    """Return what is not promised, by the kind of the problem.

    Args:
        kind: "collaboration", "market" or "multiparty".
        answer: who collects what, if data are shared: what is drawn, if anything is, stays secret.

    Example:
        >>> len(limits_of("market"))
        2
    """
    return _OTHER_LIMITS.get(kind, (*AGREEMENT_LIMITS, *([] if answer is None else _secrets(answer))))


def _secrets(answer: Arrangement) -> list[str]:
    """What must stay secret: which points are drawn, and noise where there is any; nothing where nobody is checked."""
    if answer.pooled or not (answer.is_role(Role.CHECKED) & (answer.samples > 0)).any():
        return []
    if not _has_noise(answer):
        drawn = "Which points a party is compared with is drawn from a secret: the check protects"
    else:
        drawn = "Noise, and which points a party is compared with, are drawn from a secret: they protect"
    return [f"{drawn} only as long as no party knows it, before or after the exchange (jaxmech commit)."]


def _has_noise(answer: Arrangement) -> bool:
    """Whether noise is ever added: designs withhold, unless their noise is bounded."""
    return not isinstance(answer, DesignAnswer) or bool(np.isfinite(answer.offered.cap))


def audit_limits(kind: str) -> tuple[str, ...]:
    """Return what an audit does not promise, by the kind of the problem.

    Args:
        kind: "collaboration", "market" or "multiparty".

    Example:
        >>> audit_limits("multiparty")[0] == AUDIT_LIMITS[0]
        True
    """
    return (AUDIT_LIMITS[0], *_OTHER_LIMITS[kind]) if kind in _OTHER_LIMITS else AUDIT_LIMITS


def terms(answer: Arrangement, division: str | None) -> tuple[tuple[str, str], ...]:
    """Return what was agreed: names and texts.

    Args:
        answer: who collects what.
        division: its name, or None where the mechanism has its own.
    """
    unit = f" {answer.currency}".rstrip()
    values, names = answer.values, answer.distributions
    sigma, price = (np.atleast_2d(table) for table in (answer.sigma, answer.price))
    if values is not None:
        names, sigma, price = values.names, np.atleast_2d(values.sigma), np.atleast_2d(values.price)
    each = [
        f"σ {_range(sigma[:, k], '.5g')}, {_range(price[:, k], ',.6g')}{unit} per unit of squared error"
        for k in range(len(names))
    ]
    prices = ", ".join(f"{name}: {told}" for name, told in zip(names, each, strict=True))
    if len(each) > 1 and len(set(each)) == 1:
        prices = f"each: {each[0]}"
    found = [("Parties", str(len(answer.agents))), ("Money in", answer.currency or "the unit of the costs")]
    if division is not None and answer.mechanism != "c3d":
        found.append(("Division of the work", f"{division}: {DIVISIONS.get(division, GIVEN)}"))
    rule = rule_in_words(answer.estimate, answer.calibrated) if isinstance(answer, Answer) else ""
    found.append(("What happens to the data", f"{answer.mechanism}{rule}: {MECHANISMS[answer.mechanism]}"))
    found.append(("Standard deviations and prices", prices))
    return tuple(found)


def _checks(answer: Arrangement) -> str:
    """What is done with the files: nothing is compared where nobody has that role."""
    if isinstance(answer, Answer) and answer.mechanism == "cbl" and not answer.is_role(Role.CHECKED).any():
        return f"Nobody is compared with the others under this plan. {_WITHOUT_CHECKS}"
    return _CHECKS[answer.mechanism]


def _range(values: np.ndarray, digits: str) -> str:
    """One number, or from the least to the largest where agents differ."""
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    return f"{low:{digits}}" if low == high else f"{low:{digits}} to {high:{digits}} by agent"


_NOT_CARRIED_OUT = (
    "A plan for agents who differ in precision, or a design or panels with prices by agent, cannot be carried out yet: "
    "this page tells who would collect what and what that brings."
)


def steps(answer: Arrangement) -> Section:
    """Return the exchange step by step: who hands in what, what is checked, what comes back; or that there is none.

    Args:
        answer: who collects what.
    """
    if answer.by_agent:
        return Section("The exchange", (_NOT_CARRIED_OUT,))
    values = answer.values
    columns = some(answer.distributions if values is None else values.names, _NAMED)
    asked, checked = answer.surplus == "drop", isinstance(answer, DesignAnswer)
    why = " or ".join(["nobody had asked for"] * (not asked) + ["failed a check"] * checked)
    doubtful = f", and whose points, of those that hers were taken from, {why}" if why else ""
    told = (
        "All sign this agreement, which its fingerprint identifies. Whoever carries it out draws a secret and "
        "publishes the commitment to it, before any data are handed in (jaxmech commit).",
        "Each party measures as many points as her page says, and hands in one file named after her, with one column "
        f"per distribution ({columns}). Without a file she hands in nothing.",
        "All files are read and checked together: faults are told with file, row and column, and nothing goes "
        "on before there is none (jaxmech run). What is merely odd, such as fewer points than agreed, is "
        f"reported and has no consequence but what the mechanism does by itself. {_SURPLUS[answer.surplus]}",
        _checks(answer),
        "Each party gets a folder of her own: her estimates with standard errors, the counts, means and variances that "
        "they rest on, and a receipt: what she handed in, how it was checked, what it cost "
        f"her{doubtful}. Everybody gets fingerprints and "
        "totals, without data; the arbiter alone keeps the full record.",
        "Anybody who is given all returns, the arbiter's record included, and this agreement can recompute all of it "
        "(jaxmech verify).",
        "Who sees what: whoever carries it out sees every file; the arbiter's record has hashes, counts, means and "
        "draws, and no list of values (the mean of one point is that point); a party sees her own folder. All trust "
        "these two to keep that, and the secret, to themselves; what they compute need not be taken on trust."
        f"{disclosed(answer)}",
    )
    return Section("The exchange, step by step", tuple(f"{i}. {text}" for i, text in enumerate(told, 1)))

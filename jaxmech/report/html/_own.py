"""The page of one party: her estimates, and all that she was told. She alone is given it."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from jaxmech._words import some
from jaxmech.report._numbers import decimals, single
from jaxmech.report.html._carried_out import party_of, promised_errors
from jaxmech.report.html._document import Document, Section, Table

_MOST = 12
"""So many disagreements stand on the page; the command prints all."""

_LIMITS = (
    "Estimates are those of the rule that all signed, for who weighs as it says; the standard error is that of one "
    "exchange, and holds if the data are honest and of the agreed spread.",
    "Recomputed from what she holds: fingerprint, receipt, her own counts, means and bill, the outcome of each check, "
    "and her estimates from the numbers that she was told.",
    "For the arbiter alone to recompute: the means and the spread of the others' points, and that draws and noise were "
    "made of the secret.",
    "Whether the others measured what they handed in: that is what the rule makes their own best, and nobody observes. "
    "What looked odd in anybody's points stands on the arbiter's page: ask for it.",
)


def own(
    agreement: Mapping[str, Any],
    estimate: Mapping[str, Any],
    receipt: Mapping[str, Any],
    public: Mapping[str, Any],
    disagreements: Sequence[str],
) -> Document:
    """Return the page of what came back to one party.

    Args:
        agreement: what was signed, the JSON of ``jaxmech solve`` or ``jaxmech design``.
        estimate: her ``estimate.json``.
        receipt: her ``receipt.json``.
        public: ``public.json``.
        disagreements: what does not follow from what she holds, one line each.
    """
    verdict = (
        f"{len(disagreements):,} of these numbers do not follow from what {receipt['party']} holds: "
        f"{some(tuple(disagreements), _MOST)}."
        if disagreements
        else f"All that {receipt['party']} can recompute agrees."
    )
    hers = party_of(agreement, estimate, receipt)
    return Document(
        title=str(agreement.get("title") or agreement.get("source") or "An exchange"),
        what=f"What came back to {receipt['party']}, for her alone; {public['mechanism']}",
        verdict=(
            verdict,
            f"The commitment to the secret of all draws is {public['commitment']}: it must be the published one.",
        ),
        good=not disagreements and not public["seeded"],
        sections=(Section("Estimates", (_estimates(agreement, estimate),)),),
        parties=(dataclasses.replace(hers, summary=hers.summary.replace("in estimate.json", "above")),),
        limits=_LIMITS,
        warnings=(public["warning"],) if public["warning"] else (),
        fingerprint=receipt["agreement"],
        footer=f"jaxmech {public['version']}",
    )


def _estimates(agreement: Mapping[str, Any], estimate: Mapping[str, Any]) -> Table:
    """Each with its standard error, and the one that was promised."""
    rows = []
    promised = promised_errors(agreement, str(estimate["party"]))
    for owed, expected in zip(estimate["distributions"], promised, strict=True):
        error = np.inf if owed["standard_error"] == "inf" else float(owed["standard_error"])
        pair = np.array([error, expected])
        places = decimals(pair[np.isfinite(pair)], 3) if np.isfinite(pair).any() else 0
        value = "nothing to tell it" if owed["estimate"] is None else single(float(owed["estimate"]), places)
        told = ("–" if not np.isfinite(one) else single(float(one), places) for one in pair)
        rows.append(((owed["name"], value, *told), ""))
    return Table(("", "estimate", "standard error", "as promised"), (False, True, True, True), tuple(rows))

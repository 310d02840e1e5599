"""What one party can verify with what she holds: her folder, public.json, the agreement, and the file she handed in.

Like ``jaxmech.verify``, on whose functions it rests, it shares no code with the program that it checks. She knows
neither the secret nor the others' data, so some things are taken as she was told them: the mean of the points that she
was compared with (or was given), the mean of those that came with noise, and where the rule follows it the others'
spread σ̂, as long as it lies where public.json says that all do; and whose points are doubtful, as long as they are as
many as totals allow. All else is recomputed: counts from the agreement and the totals in public, her own mean and hash
from her file, discrepancy, outcome and variance of the noise by the rule, estimate and standard error by the weights,
and her bill.
"""

import math
from pathlib import Path
from typing import Any

from jaxmech import verify
from jaxmech.verify import Agreement, Handed, Owed, UnreadableError, differences, load, sha256

KEPT = "receipt.json", "estimate.json"


def verify_own(returns: Path, agreement: Path, party: str, submissions: Path | None = None) -> list[str]:
    """Return one line for everything that does not agree with what a party holds; UnreadableError as ``verify``.

    Args:
        returns: a folder with hers in it, and public.json; operator.json is not asked for.
        agreement: what was signed.
        party: her name.
        submissions: a folder with the file that she handed in; without it, what the receipt says of it is believed.
    """
    try:
        return list(dict.fromkeys(_verify(returns, agreement, party, submissions)))
    except (KeyError, TypeError, ValueError, IndexError, OSError, AttributeError) as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise UnreadableError(f"these are not the returns that jaxmech run writes for {party} ({reason})") from error


def _verify(returns: Path, signed: Path, party: str, submissions: Path | None) -> list[str]:
    document, _ = load(signed)
    if document.get("kind") != "collaboration":
        raise UnreadableError("--party is for agreements to share data: for others, ask the arbiter to verify")
    agreement, seal = Agreement(document), verify.fingerprint(document)
    if party not in agreement.parties:
        raise UnreadableError(f"{party!r} is none of the parties: {', '.join(agreement.parties)}")
    lines = []
    if agreement.seal != seal:
        lines.append(f"agreement: fingerprint is {agreement.seal}, but {seal} is right: it was changed")
    public, _ = load(returns / "public.json")
    if public["agreement"] != agreement.seal:
        return [f"public.json is of another agreement, {public['agreement']}; this one is {agreement.seal}"]
    folder = _folder(returns, party)
    (receipt, content), (estimate, owed) = (load(folder / name) for name in KEPT)
    known = {one["name"]: one["receipt"] for one in public["parties"]}
    lines += differences("public.json: the hash of her receipt", known.get(party), sha256(content))
    rows = zip(receipt["checks"], estimate["distributions"], strict=True)
    told = {**receipt, "folder": folder.name, "distributions": [{**check, **owed} for check, owed in rows]}
    odd: list[str] = []
    right = _owed(agreement, public, told, submissions, odd)
    right.files["receipt.json"]["estimate"] = sha256(owed)
    lines += [line.replace(f"operator.json: parties[{party}]", f"{folder.name}/receipt.json") for line in odd]
    for total, part in zip(public["totals"], told["distributions"], strict=True):
        lines += _spread(f"{folder.name}/receipt.json: checks[{part['name']}]: sigma", part.get("sigma"), total)
    lines += _doubtful(f"{folder.name}/receipt.json: doubtful", agreement, public, told)
    for name, found in zip(KEPT, (receipt, estimate), strict=True):
        lines += differences(f"{folder.name}/{name}", found, right.files[name], right.size)
    points = folder / "points.csv"
    if points.is_file():
        lines += verify.check_points(points, f"{folder.name}/points.csv", right.points, known=False)
    elif right.points and public["points"]:
        lines.append(f"{folder.name}/points.csv is missing")
    return [*lines, *agreement.soundness()]


def _doubtful(where: str, agreement: Agreement, public: Any, told: Any) -> list[str]:
    """What is wrong with the points of others that nobody asked for, or that failed a check, as she was told them.

    Whoever handed in more than she was asked for is among them: they are at least what exceeds all that was asked for.
    """
    others, lines = set(agreement.parties) - {told["party"]}, []
    asked = agreement.asked.sum(axis=0) - agreement.asked[agreement.parties.index(told["party"])]
    for total, part, agreed in zip(public["totals"], told["distributions"], asked.tolist(), strict=True):
        here = [one for one in told["doubtful"] if one["name"] == part["name"]]
        counts = {one["party"]: one["points"] for one in here}
        theirs = total["points"] - part["count"]
        short = agreement.mechanism == "counted-pool" and part["count"] < part["asked"]
        nothing = part["role"] == "alone" or short  # of theirs is hers
        least, most = (0, 0) if nothing else (max(theirs - agreed, 0), theirs)
        kinds = verify.DOUBTS[0 if agreement.designed else 1 : 1 if agreement.drops else 3]
        possible = set(kinds) >= {one["why"] for one in here}
        possible = possible and len(here) == len(counts) and all(type(n) is int and n > 0 for n in counts.values())
        if not (possible and least <= sum(counts.values()) <= most and others >= set(counts)):
            lines.append(f"{where}: has {sum(counts.values())} points of {part['name']}, but must be {least} to {most}")
    strange = {str(one["name"]) for one in told["doubtful"]} - {str(part["name"]) for part in told["distributions"]}
    return [*lines, *(f"{where}: nothing is called {name!r}" for name in sorted(strange))]


def _spread(where: str, found: Any, total: Any) -> list[str]:
    """What is wrong with the σ̂ that she was told: public.json says between what values those of all parties lie."""
    if found is None:
        return []
    low, high = total["noise"]["sigma"]
    if low * (1 - verify.DIGITS) <= found <= high * (1 + verify.DIGITS):
        return []
    return [f"{where} is {found!r}, but public.json says that all lie between {low!r} and {high!r}"]


def _folder(returns: Path, party: str) -> Path:
    """Hers: the only one that is called as she is."""
    found = [path for path in returns.iterdir() if path.is_dir() and verify.named_after(path.name, party)]
    if len(found) != 1:
        raise UnreadableError(f"{returns} holds {'no folder' if not found else 'several folders'} of {party}")
    return found[0]


def _owed(agreement: Agreement, public: Any, told: Any, submissions: Path | None, lines: list[str]) -> Owed:
    """What her folder should hold, the others being one party, whose data have the mean that she was told."""
    i, size = agreement.parties.index(told["party"]), len(agreement.parties)
    own = {**told, "name": told["party"]}
    mine = verify.handed_in(submissions, agreement, [own], lines)
    handed, parts = [], []
    for k, (hers, total, part) in enumerate(zip(mine, public["totals"], told["distributions"], strict=True)):
        count, mean, rest = hers.counts[0], hers.means[0], max(int(total["points"]) - hers.counts[0], 0)
        mixed = agreement.pooled or agreement.designed or part["role"] != "receives" or part["asked"] > 0
        theirs = _mean_of_theirs(part, count if mixed else 0, mean)
        counts, means = [0] * size, [math.nan] * size
        counts[i], means[i] = count, mean
        dealt = _dealt(agreement, (i, k), rest, part.get("freedom") or 0)
        for step, count in enumerate(dealt, 1):
            counts[i - step], means[i - step] = count, theirs
        handed.append(Handed(counts, means, None, [hers.left[0] if j == i else 0 for j in range(size)]))
        clean = part["compared_mean"] if part["compared_count"] else theirs
        parts.append({**part, "clean": {"mean": clean}, "rest": {"mean": 0.0}})
    for part, entry in zip(parts, verify.owed(agreement, "", handed, i, parts), strict=True):
        kind = "noisy" if entry["noisy_count"] else "clean"  # of a design that was kept within its limits
        off = verify.numbers(part[f"{kind}_mean"]) - entry[f"{kind}_mean"]  # with the noise of no secret at all
        mixed = entry["rest"] and entry["rest"]["count"] and kind == "clean"
        part["rest"] = {"mean": off * entry["clean_count"] / entry["rest"]["count"] if mixed else off}
    entries = verify.owed(agreement, "", handed, i, parts)
    found = verify.documents(agreement, "", own, entries, i, told["doubtful"])
    found.files["receipt.json"]["nonce"] = told["nonce"]  # made of the secret
    return found


def _dealt(agreement: Agreement, place: tuple[int, int], rest: int, freedom: int) -> list[int]:
    """How many points each other has: they are one, but for a median, whose freedom, as told, must be theirs.

    Three have as much freedom together, points less parts; what is left is dealt so that nobody else has any. Where
    that cannot be, nobody's points can be as she was told, and one has them all.
    """
    clean = min(int(agreement.z[place]), rest)
    noisy = min(int(agreement.rest[place]), rest - clean)
    parts = (clean > 0) + (noisy > 0) + (rest > clean + noisy)
    left, others = rest - freedom - 3 * parts, len(agreement.parties) - 4
    if not agreement.robust or freedom < 3 or not 0 <= left <= parts * others:
        return [rest]
    few = [min(parts, max(left - parts * step, 0)) for step in range(others)]
    return [freedom - 2 + parts, 1 + parts, 1 + parts, *few]


def _mean_of_theirs(part: Any, count: int, mean: float) -> float:
    """The mean of the others' points that she was given as they are, from that of all she has."""
    others = part["clean_count"] - count
    if others <= 0:
        return math.nan
    total = part["clean_count"] * float(verify.numbers(part["clean_mean"]))
    return float(total - (count * mean if count else 0.0)) / others

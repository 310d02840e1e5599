"""Draws and noise, written down so that any program redraws them bit by bit. A shell around one published generator.

No stream of a library is used that another version may change. What follows is the whole definition.

1. Text. ``e(x)`` is the length of x in UTF-8 as 8 bytes, most significant first, followed by these bytes.
2. Key. ``H = SHA-256(e("jaxmech exchange 1") e(secret) e(agreement) e(party) e(distribution) e(purpose))``, where the
   secret is a text of 64 hexadecimal digits and the agreement its fingerprint. k₀ and k₁ are the first and the second 8
   bytes of H, least significant byte first.
3. Words. Philox4x64-10 (Salmon, Moraes, Dror and Shaw 2011) with key (k₀, k₁) and counters (1, 0, 0, 0), (2, 0, 0, 0),
   …; the four words of each block in order.
4. Numbers below N. A word w counts if w < 2⁶⁴ − (2⁶⁴ mod N), and is then the number w mod N; other words are skipped.
5. A subset of m out of N. If 2m ≤ N: the first m distinct numbers below N. Otherwise: all but a subset of N − m.
6. Points. The others' points are numbered from 0, in the order of the parties in the agreement, each party's in the
   order of her file. Purpose "clean": a subset of z out of all N is Z. Purpose "rest": the N − z others are numbered
   anew, in the same order; a subset of r out of them is Z′. Where one draw measures several values, a point is a row of
   them, the same for all: these two purposes take the panel's name as the distribution, "noise" that of the value.
7. Normal numbers. Word w gives Φ⁻¹((⌊w/2¹²⌋ + ½)/2⁵²) by the rational approximation PPND16 (Wichura 1988, AS 241).
   Purpose "noise": g₀, g₁, …, one per word. With ḡ the mean of g₁, …, g_r, the noise of the j-th point of Z′ is
   η(g_j − ḡ + g₀/√r): independent normal numbers of variance η², whose mean η g₀/√r needs only the first word.
"""

import dataclasses
import hashlib

import numpy as np

DOMAIN = "jaxmech exchange 1"
CLEAN, REST, NOISE = "clean", "rest", "noise"
"""Purposes of streams."""

_CENTRE = (
    (3.3871328727963666080, 133.14166789178437745, 1971.5909503065514427, 13731.693765509461125,
     45921.953931549871457, 67265.770927008700853, 33430.575583588128105, 2509.0809287301226727),
    (1.0, 42.313330701600911252, 687.18700749205790830, 5394.1960214247511077,
     21213.794301586595867, 39307.895800092710610, 28729.085735721942674, 5226.4952788528545610),
)  # fmt: skip
_MIDDLE = (
    (1.42343711074968357734, 4.63033784615654529590, 5.76949722146069140550, 3.64784832476320460504,
     1.27045825245236838258, 0.241780725177450611770, 0.0227238449892691845833, 7.74545014278341407640e-4),
    (1.0, 2.05319162663775882187, 1.67638483018380384940, 0.689767334985100004550,
     0.148103976427480074590, 0.0151986665636164571966, 5.47593808499534494600e-4, 1.05075007164441684324e-9),
)  # fmt: skip
_TAIL = (
    (6.65790464350110377720, 5.46378491116411436990, 1.78482653991729133580, 0.296560571828504891230,
     0.0265321895265761230930, 0.00124266094738807843860, 2.71155556874348757815e-5, 2.01033439929228813265e-7),
    (1.0, 0.599832206555887937690, 0.136929880922735805310, 0.0148753612908506148525,
     7.86869131145613259100e-4, 1.84631831751005468180e-5, 1.42151175831644588870e-7, 2.04426310338993978564e-15),
)  # fmt: skip


class Words:
    """The words of one stream, in order."""

    def __init__(self, secret: str, agreement: str, party: str, distribution: str, purpose: str) -> None:
        parts = (text.encode("utf-8") for text in (DOMAIN, secret, agreement, party, distribution, purpose))
        key = hashlib.sha256(b"".join(len(part).to_bytes(8, "big") + part for part in parts)).digest()
        self._generator = np.random.Philox(key=np.frombuffer(key[:16], "<u8").astype(np.uint64))

    def take(self, count: int) -> np.ndarray:
        """Return the next words."""
        return np.asarray(self._generator.random_raw(count), np.uint64)

    def below(self, limit: int, count: int) -> np.ndarray:
        """Return the numbers that the next words stand for, fewer than ``count`` if some are skipped."""
        words = self.take(count)
        unbiased = np.uint64(2**64 - 1 - 2**64 % limit)
        return words[words <= unbiased] % np.uint64(limit)


@dataclasses.dataclass(frozen=True)
class Subset:
    """Some of the numbers below a limit: those that are listed, or all the others.

    Attributes:
        limit: N.
        listed: in increasing order.
        inverted: whether the subset is what is not listed.
    """

    limit: int
    listed: np.ndarray
    inverted: bool

    @property
    def size(self) -> int:
        """How many are in it."""
        return self.limit - len(self.listed) if self.inverted else len(self.listed)

    @property
    def members(self) -> np.ndarray:
        """All of them, in increasing order."""
        if not self.inverted:
            return self.listed
        kept = np.ones(self.limit, bool)
        kept[self.listed] = False
        return np.flatnonzero(kept)

    @property
    def others(self) -> "Subset":
        """What is not in it."""
        return dataclasses.replace(self, inverted=not self.inverted)

    def numbers(self, places: np.ndarray) -> np.ndarray:
        """Return the members at these places in increasing order, without listing all of them."""
        if not self.inverted:
            return self.listed[places]
        before = self.listed - np.arange(len(self.listed))
        return places + np.searchsorted(before, places, side="right")

    @property
    def digest(self) -> str:
        """SHA-256 of the listed numbers, 8 bytes each, least significant first."""
        return hashlib.sha256(self.listed.astype("<u8").tobytes()).hexdigest()


def draw_subset(words: Words, size: int, limit: int) -> Subset:
    """Return a subset of ``size`` of the numbers below ``limit``, all subsets being equally likely.

    Example:
        >>> draw_subset(Words("00", "", "A", "mean", CLEAN), 3, 3).members.tolist()
        [0, 1, 2]
    """
    inverted = 2 * size > limit
    listed = _first_distinct(words, limit - size if inverted else size, limit)
    return Subset(limit, listed, inverted)


def normal(words: np.ndarray) -> np.ndarray:
    """Return one standard normal number per word: PPND16 of (⌊w/2¹²⌋ + ½)/2⁵², good to 16 digits.

    Source: Wichura 1988, Algorithm AS 241.

    Example:
        >>> [round(float(x), 9) for x in normal(np.array([2**63, 2**62], np.uint64))]
        [0.0, -0.67448975]
    """
    p = ((words >> np.uint64(12)).astype(float) + 0.5) * 2.0**-52
    q = p - 0.5
    centre = q * _ratio(_CENTRE, 0.180625 - q * q)
    root = np.sqrt(-np.log(np.minimum(p, 1 - p)))
    outside = np.where(root <= 5, _ratio(_MIDDLE, root - 1.6), _ratio(_TAIL, root - 5))
    return np.where(np.abs(q) <= 0.425, centre, np.copysign(outside, q))


def _first_distinct(words: Words, count: int, limit: int) -> np.ndarray:
    """The first distinct numbers, sorted. No more are drawn at a time than are missing, so that none is too many."""
    drawn = np.zeros(limit, bool)
    missing = count
    while missing > 0:
        drawn[words.below(limit, missing)] = True
        missing = count - int(np.count_nonzero(drawn))
    return np.flatnonzero(drawn)


def _ratio(coefficients: tuple[tuple[float, ...], tuple[float, ...]], x: np.ndarray) -> np.ndarray:
    above, below = (np.polynomial.polynomial.polyval(x, row) for row in coefficients)
    return np.asarray(above / below)

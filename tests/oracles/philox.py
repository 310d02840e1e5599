"""Philox4x64-10 and the draws of an exchange, by plain integers: slow, and straight from their definitions.

Source: Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3" (2011), and its test vectors.
"""

import hashlib

_MASK = 2**64 - 1
_MULTIPLIERS = (0xD2E7470EE14C6C93, 0xCA5A826395121157)
_WEYL = (0x9E3779B97F4A7C15, 0xBB67AE8584CAA73B)


def block(counter, key):
    """Four words."""
    words, key = list(counter), list(key)
    for turn in range(10):
        if turn:
            key = [(part + step) & _MASK for part, step in zip(key, _WEYL, strict=True)]
        low, high = _MULTIPLIERS[0] * words[0], _MULTIPLIERS[1] * words[2]
        words = [
            (high >> 64) ^ words[1] ^ key[0], high & _MASK, (low >> 64) ^ words[3] ^ key[1], low & _MASK,
        ]  # fmt: skip
    return words


def words(*texts):
    """The words of a stream, without end."""
    parts = [text.encode("utf-8") for text in ("jaxmech exchange 1", *texts)]
    digest = hashlib.sha256(b"".join(len(part).to_bytes(8, "big") + part for part in parts)).digest()
    key = [int.from_bytes(digest[place : place + 8], "little") for place in (0, 8)]
    place = 1
    while True:
        yield from block((place, 0, 0, 0), key)
        place += 1


def subset(stream, size, limit):
    """The first distinct numbers below the limit, or all but those."""
    few = size if 2 * size <= limit else limit - size
    drawn = set()
    while len(drawn) < few:
        word = next(stream)
        if word < 2**64 - 2**64 % limit:
            drawn.add(word % limit)
    return sorted(drawn if 2 * size <= limit else set(range(limit)) - drawn)

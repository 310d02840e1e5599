"""Draws: the published generator, the subset rule, the normal numbers; two implementations and an oracle agree."""

import itertools
import math
from collections import Counter

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxmech import verify
from jaxmech.exchange import Words, draw_subset, normal
from tests.oracles import philox

FULL = 2**64 - 1


def stream(purpose="clean", secret="00" * 32):
    return secret, "agreement", "Zoë, Ltd.", "glucose", purpose


@pytest.mark.parametrize(
    ("counter", "key", "words"),
    [
        ((0,) * 4, (0, 0), "16554d9eca36314c db20fe9d672d0fdc d7e772cee186176b 7e68b68aec7ba23b"),
        ((FULL,) * 4, (FULL, FULL), "87b092c3013fe90b 438c3c67be8d0224 9cc7d7c69cd777b6 a09caebf594f0ba0"),
        (
            (0x243F6A8885A308D3, 0x13198A2E03707344, 0xA4093822299F31D0, 0x082EFA98EC4E6C89),
            (0x452821E638D01377, 0xBE5466CF34E90C6C),
            "a528f45403e61d95 38c72dbd566e9788 a5a1610e72fd18b5 57bd43b5e52b7fe6",
        ),
    ],
)
def test_the_oracle_gives_the_published_test_vectors(counter, key, words):
    assert " ".join(f"{word:016x}" for word in philox.block(counter, key)) == words


def test_words_are_those_of_the_definition():
    expected = list(itertools.islice(philox.words(*stream()), 11))
    assert Words(*stream()).take(11).tolist() == expected
    assert verify.stream(*stream()).random_raw(11).tolist() == expected


def test_words_do_not_depend_on_how_many_are_taken_at_a_time():
    words = Words(*stream())
    assert np.concatenate([words.take(3), words.take(1), words.take(6)]).tolist() == Words(*stream()).take(10).tolist()


@pytest.mark.parametrize("place", range(5))
def test_every_part_of_the_key_counts_and_parts_do_not_run_into_each_other(place):
    texts = list(stream())
    texts[place] += "x"
    assert Words(*texts).take(1) != Words(*stream()).take(1)
    assert Words("a", "bc", "", "", "").take(1) != Words("ab", "c", "", "", "").take(1)


@given(limit=st.integers(1, 300), share=st.floats(0, 1), secret=st.integers(0, 10**6))
@settings(max_examples=60, deadline=None)
def test_subsets_are_those_of_the_definition(limit, share, secret):
    size, texts = round(share * limit), stream(secret=f"{secret:064x}")
    expected = philox.subset(philox.words(*texts), size, limit)
    found = draw_subset(Words(*texts), size, limit)
    assert found.members.tolist() == expected
    assert found.size == len(expected) == size
    assert np.flatnonzero(verify.subset(verify.stream(*texts), size, limit)[0]).tolist() == expected
    assert found.numbers(np.arange(size)).tolist() == expected
    assert sorted([*expected, *found.others.members.tolist()]) == list(range(limit))


def test_all_subsets_are_equally_likely():
    counts = Counter(
        tuple(draw_subset(Words(*stream(secret=str(i))), 3, 5).members.tolist()) for i in range(5000)
    )  # fmt: skip
    assert len(counts) == math.comb(5, 3)
    assert sum((count - 500) ** 2 / 500 for count in counts.values()) < 27.9  # 0.1 % of χ² with 9 degrees


def test_words_that_would_favour_small_numbers_are_skipped():
    words, limit = Words(*stream()), 2**63 + 1
    taken = Words(*stream()).take(64)
    assert words.below(limit, 64).tolist() == [word for word in taken.tolist() if word < limit]


def test_normal_numbers_are_good_to_sixteen_digits():
    words = np.concatenate([Words(*stream()).take(200), np.array([0, 1 << 12, 2**45, 2**57, FULL, 2**63], np.uint64)])
    found = normal(words)
    with mpmath.workdps(40):
        for word, value in zip(words.tolist(), found.tolist(), strict=True):
            p = (mpmath.mpf(word >> 12) + mpmath.mpf("0.5")) / 2**52
            exact = mpmath.sqrt(2) * mpmath.erfinv(2 * p - 1)
            assert abs(value - exact) <= 4e-15 * max(abs(exact), mpmath.mpf("1e-15"))


def test_both_programs_make_the_same_normal_numbers():
    found = normal(Words(*stream("noise")).take(500))
    assert verify.normal(verify.stream(*stream("noise")), 500) == pytest.approx(found, rel=1e-14)

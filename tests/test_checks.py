"""One check of arrays, wherever they come in: masks are not forgotten, orders of bytes do not matter."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxmech as jm
from jaxmech import ProblemError, collaboration, market, multiparty
from jaxmech._checks import plain_array, real_numbers, whole
from jaxmech.deviation import Empirical
from jaxmech.mechanism import Submission
from jaxmech.sweep import Sweep

TABLE = np.array([[0.1, 0.2], [0.3, 0.4]])
PROBLEM = collaboration.Problem(TABLE, 1.0)
BUYER = market.Buyer(market.threshold(0.1))


def _four_times(table):
    return np.ma.concatenate([table] * 4) if np.ma.isMA(table) else np.tile(table, (4, 1))


ENTRIES = {
    "batch": lambda table: jm.batch(lambda one: one["x"] * 2, {"x": table}),
    "costs": lambda table: collaboration.Problem(table, 1.0),
    "costs, rows": lambda table: collaboration.Problem(list(table), 1.0),
    "sigma": lambda table: collaboration.Problem(TABLE, table[0]),
    "price": lambda table: collaboration.Problem(TABLE, 1.0, table[0]),
    "contributor_costs": lambda table: market.Problem(table[0], 1.0, [BUYER]),
    "scale": lambda table: market.threshold(table[0][1]),
    "values": lambda table: market.table(table[0] - 0.1),
    "types": lambda table: multiparty.Problem(table[0], multiparty.Linear(np.eye(2))),
    "externality": lambda table: multiparty.Linear(table),
    "levels": lambda table: multiparty.TypeSpace(table[0], multiparty.MarketGrowth(-0.7, 2), "linear"),
    "growth": lambda table: multiparty.MarketGrowth(table[0][1], 2),
    "data": lambda table: Submission.from_ragged([[table[0]], [table[1]]]),
    "measurements": lambda table: Empirical.of(_four_times(table)),
    "instances": lambda table: Sweep(PROBLEM, {}, columns=("sigma", "price"), table=table),
}


@pytest.mark.parametrize("entry", ENTRIES)
def test_masked_entries_are_refused(entry):
    with pytest.raises(jm.ProblemError, match="masked: must be a number, but the mask hides it"):
        ENTRIES[entry](np.ma.array(TABLE, mask=[[False, True], [False, False]]))


@pytest.mark.parametrize("entry", ENTRIES)
def test_masks_that_hide_nothing_and_orders_of_bytes_do_not_matter(entry):
    plain = ENTRIES[entry](TABLE)
    for same in (TABLE.astype(">f8"), TABLE.astype("<f8"), np.ma.array(TABLE, mask=False)):
        found = ENTRIES[entry](same)
        if entry != "instances":
            assert jax.tree.all(jax.tree.map(np.array_equal, found, plain))


@pytest.mark.parametrize("name", ["chunk", "dims"])
@pytest.mark.parametrize("value", [-1, 0, True])
def test_chunk_and_dims_are_whole_numbers(name, value):
    with pytest.raises(jm.ProblemError, match=f"{name} = {value}: must be a whole number, at least 1"):
        jm.batch(lambda x: x * 2, np.ones((2, 3)), **{name: value})


@pytest.mark.parametrize(
    "leaf", [np.ones(2, np.longdouble), np.array(["a", "b"]), np.array([1, None]), jax.random.split(jax.random.key(0))]
)
def test_types_that_jax_does_not_compute_with_are_refused(leaf):
    with pytest.raises(jm.ProblemError, match=r"problems\[0\] = .*must be"):
        jm.batch(lambda x: x, (leaf,))


def test_where_a_masked_entry_stands_is_told():
    with pytest.raises(jm.ProblemError, match=r"costs\[1\]\[0\] = masked"):
        collaboration.Problem([[1.0, 2.0], [np.ma.masked, 3.0]], 1.0)


def test_numbers_keep_their_type_where_jax_has_it():
    given = (np.float32(1), jax.numpy.float32(1), 1, np.float16(1), np.array(1.0, ">f4"), np.longdouble(1))
    names = ["float32", "float32", "float64", "float64", "float32", "float64"]
    assert [real_numbers("x", one).dtype.name for one in given] == names
    assert plain_array("x", np.array([1], ">i4")).dtype == np.int32


@pytest.mark.parametrize("value", [[True], ["a"], [1j], [[1], [1, 2]], jax.numpy.array([True])])
def test_what_is_no_number_is_refused(value):
    with pytest.raises(jm.ProblemError, match="x = "):
        real_numbers("x", value)


@pytest.mark.parametrize("value", [1.5, True, "1", 0, -1, np.nan, 2.0**60])
def test_what_is_no_whole_number_is_refused(value):
    with pytest.raises(jm.ProblemError, match="x = "):
        whole("x", value)


def test_what_is_known_is_checked_inside_jit_too():
    """Lists and arrays that are not traced are numbers, whatever is being compiled around them."""
    table = [[1.0, 0.5], [0.5, 1.0]]

    @jax.jit
    def revenue(types):
        return multiparty.solve(multiparty.Problem(types, multiparty.Linear(table))).value.revenue

    @jax.jit
    def refused(table):
        return multiparty.solve(multiparty.Problem([0.5, -1.0], multiparty.Linear(table))).value.revenue

    assert float(revenue(jnp.array([0.5, 1.0]))) > 0
    with pytest.raises(ProblemError, match=r"types\[1\] = -1.0"):
        refused(jnp.array(table))


def test_a_fingerprint_is_shown_in_whole_and_longer_texts_keep_their_quotation_marks():
    whole = str(jm.ProblemError("agreement", "a1" * 32, "must be another"))
    assert whole == f"agreement = '{'a1' * 32}': must be another"
    assert str(jm.ProblemError("key", "b" * 100, "is too long")) == f"key = '{'b' * 64}…': is too long"

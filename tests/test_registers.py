"""The kernel that keeps its state in registers, interpreted: the same answers as the queue of lanes, to rounding."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from benchmarks.accelerator import binding
from benchmarks.bench_registers import problems
from benchmarks.registers import Block, _branchless, _programs, block_for, in_registers
from benchmarks.registers._entries import ACROSS, LANES, constants, entries_in, leaves_of
from benchmarks.registers._kernel import stream_in_registers
from benchmarks.registers._unrolled import entries_of
from jaxmech.numerics import Kind
from jaxmech.numerics._active_set import Interior
from jaxmech.numerics._many import _by_rows
from jaxmech.numerics._stream import Method, stream

LANES_TRIED = 4
EPS = np.finfo(np.float64).eps


CASES = pytest.mark.parametrize(("kind", "m", "d"), [(Kind.WEIGHTED, 3, 2), (Kind.MINIMAX, 2, 3), (Kind.PRODUCT, 3, 2)])


def _split(shapes, values):
    """Arrays (..., lanes) as entries, the axis across padded with what must not matter."""

    def one(shape, value):
        front = jnp.moveaxis(value, -1, 0)
        if ACROSS not in shape.shape:
            front = front[..., None]
        else:
            front = jnp.moveaxis(front, 1 + shape.shape.index(ACROSS), -1)
            front = jnp.concatenate([front, jnp.full_like(front[..., :1], 7)], axis=-1)
        return entries_in(front.shape[1:-1], [front[:, *place] for place in np.ndindex(front.shape[1:-1])])

    return jax.tree.map(one, shapes, values)


def _joined(shape, entries, across):
    """Entries as an array (..., lanes)."""
    width = across if ACROSS in shape.shape else 1
    lines = [np.broadcast_to(entry, (LANES_TRIED, across + 1))[:, :width] for entry in entries.flat]
    whole = np.stack(lines).reshape(*entries.shape, LANES_TRIED, width)
    return np.moveaxis(whole, -1, shape.shape.index(ACROSS)) if ACROSS in shape.shape else whole[..., 0]


@pytest.mark.long
@CASES
def test_steps_entry_by_entry_are_those_of_arrays(kind, m, d):
    rows = problems(kind, binding(jax.random.key(0), LANES_TRIED, m, d))
    program = jax.tree.map(lambda leaf: jnp.moveaxis(leaf, 0, -1), rows)
    inside, end = _programs._methods(kind)
    lanes, mask = _programs._in_lanes(rows), jax.ShapeDtypeStruct((LANES,), bool)
    active = jnp.arange(LANES_TRIED) != 2

    def assert_same(function, shapes, *arguments):
        wanted = function(*arguments)
        found = entries_of(Block(3, LANES_TRIED, 1), function, shapes, *_split(shapes, arguments))
        names = jax.tree.leaves(jax.eval_shape(function, *shapes))
        for shape, mine, theirs in zip(names, leaves_of(found), jax.tree.leaves(wanted), strict=True):
            np.testing.assert_allclose(_joined(shape, mine, 3), theirs, rtol=1e-10, atol=1e-11)
        return wanted

    state = assert_same(inside.start, (lanes,), program)
    states = jax.eval_shape(inside.start, lanes)
    state = assert_same(inside.advance, (lanes, states, mask), program, state, active)
    for _ in range(8):  # to where the exact end begins
        state = inside.advance(program, state, active)
    interior, interiors = (Interior(data, *inside.result(one)[:3]) for data, one in ((program, state), (lanes, states)))
    guess = assert_same(end.start, (interiors,), interior)
    assert_same(end.advance, (interiors, jax.eval_shape(end.start, interiors), mask), interior, guess, active)


def test_kernel_is_a_queue_for_any_method():
    """Instances that end after different steps, some skipped, no multiple of a block, both kinds of entries."""

    def start(data):
        table, vector = data
        count = jnp.zeros(vector.shape[1:], jnp.int32)
        return table * 0 + 1, vector, vector[0] + 1, count

    def advance(data, state, active):
        guess, vector, _, steps = state
        new = jnp.where(active, (guess + data[0] / guess) / 2, guess)
        change = jnp.max(jnp.max(jnp.abs(new - guess), axis=0), axis=0)
        added = vector + jnp.where(active, jnp.sum(guess, axis=0), 0.0)
        return new, added, jnp.where(active, change, state[2]), steps + active

    def going(state):
        return (state[2] > 1e-3) & (state[3] < 9)

    method = Method(start, advance, going, lambda state: (state[0][:, 0], *state))
    rng = np.random.default_rng(0)
    rows = (
        jnp.asarray(10 ** rng.uniform(0, 4, (13, 1, 1)) * rng.uniform(1, 2, (13, 3, 2))),
        jnp.asarray(rng.uniform(1, 2, (13, 2))),
    )
    skip = jnp.arange(13) % 5 == 2
    lanes = jax.ShapeDtypeStruct((ACROSS, 2, LANES), float), jax.ShapeDtypeStruct((2, LANES), float)
    found = stream_in_registers(method, rows, skip, lanes, Block(3, 4, 1), interpret=True)
    wanted = stream(method, rows, skip, 5)
    assert len(set(np.asarray(wanted[4]).tolist())) > 3
    for mine, theirs in zip(found, wanted, strict=True):
        assert mine.dtype == theirs.dtype
        np.testing.assert_allclose(mine, theirs, rtol=1e-13)


@pytest.mark.long
@CASES
def test_answers_are_those_of_the_queue(kind, m, d):
    instances = 21  # no multiple of a block
    program = problems(kind, binding(jax.random.key(0), instances, m, d))
    if kind is Kind.MINIMAX:  # who cannot sample
        mask = program.able.at[4, 0, 1].set(False)
        program = jax.tree.unflatten(
            jax.tree.structure(program), [mask if leaf is program.able else leaf for leaf in jax.tree.leaves(program)]
        )
    skip = jnp.arange(instances) % 7 == 3
    block = Block(3, 8, 1)
    found = jax.jit(lambda program, skip: in_registers(kind, program, skip, block, interpret=True))(program, skip)
    other = jax.jit(lambda program, skip: _by_rows(kind, program, skip, 16))(program, skip)
    scale = np.max(other.iterate.amount, axis=(1, 2), keepdims=True)
    assert np.max(np.abs(found.iterate.amount - other.iterate.amount) / scale) < 1e-12
    for name in ("multiplier", "value", "level"):
        np.testing.assert_allclose(getattr(found.iterate, name), getattr(other.iterate, name), rtol=1e-10, atol=1e-12)
    assert np.all(found.verified)
    assert np.all(other.verified)
    assert np.max(np.abs(found.steps - other.steps)) <= 1
    assert np.all(np.asarray(found.iterate.amount)[np.asarray(skip)] == 1)
    assert np.all(np.asarray(found.steps)[~np.asarray(skip)] > 3)


@pytest.mark.slow
@pytest.mark.parametrize(("m", "d"), [(3, 2), (10, 5)])
def test_lowers_for_a_graphics_processor(m, d):
    """Triton's lowering runs without a card, and knows everything that the kernels consist of."""
    shapes = jax.eval_shape(lambda costs: problems(Kind.WEIGHTED, costs), jax.ShapeDtypeStruct((64, m, d), float))
    solve = jax.jit(lambda program, skip: in_registers(Kind.WEIGHTED, program, skip, block_for(m, d)))
    module = solve.trace(shapes, jax.ShapeDtypeStruct((64,), bool)).lower(lowering_platforms=("cuda",)).as_text()
    assert module.count("in_registers") >= 2
    assert "triton" in module


def test_numbers_without_branches_are_right_to_units_in_the_last_place():
    rng = np.random.default_rng(0)
    numbers = np.exp(rng.uniform(-700, 700, 100_000))
    for ours, theirs in (
        (_branchless.reciprocal, lambda x: 1 / x),
        (_branchless.root, np.sqrt),
        (_branchless.reciprocal_root, lambda x: 1 / np.sqrt(x)),
    ):
        assert np.max(np.abs(np.asarray(ours(numbers)) / theirs(numbers) - 1)) <= 2 * EPS
    over = rng.permutation(numbers[np.abs(np.log(numbers)) < 300])
    by = rng.permutation(over)
    found = _branchless.quotient(over, by, _branchless.reciprocal(by))
    assert np.max(np.abs(np.asarray(found) / (over / by) - 1)) <= 2 * EPS


def test_numbers_without_branches_at_the_ends():
    ends = np.array([0.0, np.inf, np.nan, -1.0, -np.inf, 1.0, 4.0, -2.5])
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(_branchless.reciprocal(ends), 1 / ends)
        np.testing.assert_array_equal(_branchless.root(ends), np.sqrt(ends))
        np.testing.assert_array_equal(_branchless.reciprocal_root(ends), 1 / np.sqrt(ends))
    # a divided by what is extreme
    over, by = np.array([1.0, np.inf, 0.0, 1.0]), np.array([0.0, 2.0, 5.0, np.nan])
    found = _branchless.quotient(over, by, _branchless.reciprocal(by))
    np.testing.assert_array_equal(found, [np.inf, np.inf, 0.0, np.nan])


def test_entries_are_those_of_the_array():
    """Reductions over agents and the rest, broadcasting, a loop, a choice, constants; padding counts for nothing."""
    block = Block(3, 4, 1)

    def function(table, vector):
        scaled = jax.lax.fori_loop(0, 2, lambda k, kept: kept * vector[None] + k, table)
        middle = jnp.where(jnp.eye(2, dtype=bool)[None, :, :, None], scaled[:, None], vector[:, None])
        best = jnp.min(jnp.max(middle, axis=1), axis=0)
        chosen = jax.lax.cond(jnp.any(table > 3), lambda: best / vector, lambda: best)
        return chosen, jnp.sum(jnp.sqrt(table), axis=(0, 1)), jnp.swapaxes(table, 0, 1)[1]

    rng = np.random.default_rng(1)
    table, vector = rng.uniform(1, 2, (3, 2, 4)), rng.uniform(1, 2, (2, 4))
    shapes = jax.ShapeDtypeStruct((ACROSS, 2, LANES), float), jax.ShapeDtypeStruct((2, LANES), float)
    for top in (1.0, 4.0):
        table[2, 1, 3] = top
        padded = np.concatenate([table, np.full((1, 2, 4), 99.0)])
        columns, rows = np.empty(2, object), np.empty(2, object)
        for k in range(2):
            columns[k], rows[k] = jnp.asarray(padded[:, k].T), jnp.asarray(vector[k][:, None])
        if top < 3:
            rows_constant = constants(np.array([1.5, 1.25]))
            assert entries_of(block, function, shapes, columns, rows_constant)[0].shape == (2,)
        chosen, sums, second = entries_of(block, function, shapes, columns, rows)
        wanted = function(jnp.asarray(table), jnp.asarray(vector))
        for k in range(2):
            np.testing.assert_allclose(chosen[k][:, 0], wanted[0][k], rtol=1e-14)
        np.testing.assert_allclose(sums[()][:, 0], wanted[1], rtol=1e-14)
        np.testing.assert_allclose(second[()][:, :3].T, wanted[2], rtol=1e-14)


def test_what_is_no_number_stays_none():
    block = Block(3, 2, 1)
    shape = (jax.ShapeDtypeStruct((ACROSS, LANES), float),)
    column = np.empty((), object)
    column[()] = jnp.asarray([[1.0, np.nan, 2.0, 0.0], [1.0, 3.0, 2.0, np.nan]])
    for reduce in (jnp.max, jnp.min):
        found = entries_of(block, lambda values, reduce=reduce: reduce(values, axis=0), shape, column)[()]
        assert list(np.isfinite(np.asarray(found)[:, 0])) == [False, True]


def test_what_it_cannot_do_it_refuses():
    shape = (jax.ShapeDtypeStruct((ACROSS, LANES), float),)
    column = np.empty((), object)
    column[()] = jnp.ones((2, 4))
    for function in (lambda values: jnp.sort(values, axis=0), lambda values: jnp.sum(values, axis=1)):
        with pytest.raises(NotImplementedError, match="must"):
            entries_of(Block(3, 2, 1), function, shape, column)

"""Existence from files, in both readings of Algorithm 1: against linear programs without code of the package."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.interpolate import RegularGridInterpolator

from jaxmech import ProblemError, files
from jaxmech.multiparty import (
    Linear,
    MarketGrowth,
    Tabulated,
    TypeSpace,
    audit_coalitions,
    coalitions,
    deciding,
    existence,
    market_growth,
)
from jaxmech.multiparty._readings import Among
from tests.oracles import multiparty as oracle

CODE = """
import jax.numpy as jnp

def crowded(q):
    return q * (2.0 - 0.9 * jnp.sum(q))

def own(q):
    return jnp.array([1.0, 0.7, 0.4]) * jnp.sqrt(q)

def others(q):
    return 0.6 * (q - jnp.sum(q))
"""


def crowded(q):
    return [x * (2.0 - 0.9 * sum(q)) for x in q]


def rivals(q):
    return [a * x**0.5 + 0.6 * (x - sum(q)) for a, x in zip((1.0, 0.7, 0.4), q, strict=True)]


def written(tmp_path, **keys):
    """A problem file, and the code that it may name beside it."""
    (tmp_path / "mine.py").write_text(CODE, encoding="utf-8")
    path = tmp_path / "space.toml"
    path.write_text("[multiparty]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in keys.items()))
    return path


def linear(table, levels):
    hand_out = oracle.best_where_harmless(oracle.logistic, table)
    market = oracle.Market(len(table), oracle.linear_market(table), oracle.logistic, hand_out)
    return {"levels": levels, "externality": table}, market


def tabulated(grid, values, levels):
    earn = oracle.tabulated_market(grid, values)
    market = oracle.Market(len(values), earn, oracle.logistic, oracle.best_of_all_ways(oracle.logistic, earn, grid))
    return {"levels": levels, "qualities": grid, "values": values}, market


def by_code(keys, earn, levels):
    market = oracle.Market(3, earn, oracle.logistic, oracle.best_of_all_ways(oracle.logistic, earn))
    return {"levels": levels, "agents": 3, **keys}, market


def growing(rate, levels):
    market = oracle.Market(3, oracle.growing_market(rate), lambda t: t, oracle.best_for_all(lambda t: t))
    return {"levels": levels, "agents": 3, "growth": rate}, market


def agrees(tmp_path, keys, market):
    """Whether a mechanism exists by the file in either reading; where rounding decides nothing is said."""
    found = coalitions(files.read(str(written(tmp_path, **keys))).space)
    verdicts = bool(found[0].solution.value.exists), all(bool(one.solution.value.exists) for one in found)
    for verdict, least in zip(verdicts, oracle.readings(market, keys["levels"]), strict=True):
        assert verdict == (least >= -1e-9) or abs(least) < 1e-7
    return verdicts


@pytest.mark.long
def test_two_hundred_spaces_from_files_in_both_readings(tmp_path):
    generator, verdicts = np.random.default_rng(5), []
    for k in range(200):
        levels = np.sort(generator.uniform(0.1, 2.5, 3)).round(6).tolist()
        if k % 20 == 0:
            keys, market = growing(float(generator.uniform(-1, -0.6)), [0.0, *levels])
        elif k % 2:
            keys, market = linear(generator.uniform(-1, 1, (3, 3)).tolist(), levels[:2])
        else:
            # Own models help, more or less; those of others do anything, and depend on each other.
            values = generator.uniform(-1, 1, (3, 2, 2, 2))
            values = [np.sort(table, axis=i).tolist() for i, table in enumerate(values)]
            keys, market = tabulated([0.0, 1.0], values, levels[:2])
        verdicts.append(agrees(tmp_path, keys, market))
    present, absent = np.array(verdicts).T
    assert 40 < present.sum() < 186
    assert (present & ~absent).sum() >= 5  # the readings differ
    assert not (absent & ~present).any()


@pytest.mark.long
@pytest.mark.parametrize(
    ("keys", "earn"),
    [
        ({"valuation": "general", "function": "mine.py:crowded"}, crowded),
        ({"own": "mine.py:own", "others": "mine.py:others"}, rivals),
    ],
    ids=["general", "quasi-monotone"],
)
def test_functions_from_files(tmp_path, keys, earn):
    agrees(tmp_path, *by_code(keys, earn, [0.0, 2.5]))


@pytest.fixture(scope="module")
def found():
    return coalitions(TypeSpace([0.5, 2.0], Linear(TestCoalitions.TABLE)))


class TestCoalitions:
    TABLE = ((0.0, 0.1, 0.6), (-0.2, 0.5, 0.4), (0.9, -0.8, 0.5))

    def test_the_readings_differ_where_the_third_pays_for_the_others(self, found):
        """She gains so much that all three can be made to share; without her the other two cannot."""
        exists = {one.members: bool(one.solution.value.exists) for one in found}
        keys, market = linear([list(row) for row in self.TABLE], [0.5, 2.0])
        present, absent = oracle.readings(market, keys["levels"])
        assert present >= -1e-12 > absent
        assert exists == {(0, 1, 2): True, (0, 1): False, (0, 2): True, (1, 2): True}
        assert deciding(found).members == (0, 1)

    def test_who_is_away_has_no_model(self):
        """A growing market of two of three is the growing market of two."""
        two_of_three = TypeSpace(range(3), Among(MarketGrowth(-0.8, 3), jnp.array([0, 2])), "linear")
        found, named = (existence(space).value.payment for space in (two_of_three, market_growth(-0.8, 2, 2)))
        np.testing.assert_allclose(found, named, atol=1e-12)

    def test_audits_are_the_worst_of_all_coalitions(self, found):
        records = {record.claim: record for record in audit_coalitions(found)}
        least = min(float(one.solution.value.revenue.min()) for one in found)
        assert least < 0
        assert not records["weakly budget balanced"].holds
        assert records["weakly budget balanced"].witness.startswith("if only agent 1 and agent 2 take part: ")
        assert records["incentive compatible"].holds
        assert records["individually rational"].holds

    def test_too_many(self):
        space = TypeSpace([0.0, 1.0], Linear(np.eye(9)))
        with pytest.raises(ProblemError, match="agents = 9: at most 8"):
            coalitions(space)


def test_rounding_is_not_at_stake():
    """Earnings that cancel to 1e-17 are nothing: neither fails a mechanism on them, nor is a lie a gain."""
    table = [[1.0, -0.4, -0.7], [-0.3, 1.0, -0.6], [0.1, -0.1, 0.9]]
    (found,) = coalitions(TypeSpace([0.0, 2.0], Linear(table)), "present")
    assert bool(found.solution.value.exists)
    assert all(record.holds for record in audit_coalitions((found,)))


class TestByLevel:
    def test_existence_on_fewer_levels_is_read_off(self):
        """Reports lead downwards only, so that the payments of a smaller grid are those of the larger one."""
        whole = existence(market_growth(-0.9, 2, 4)).value
        for k in (2, 3):
            part = existence(market_growth(-0.9, 2, k - 1)).value
            assert bool(part.exists) == bool(np.all(np.asarray(whole.by_level)[:k] >= -1e-12))
            np.testing.assert_allclose(part.payment, whole.payment[:, :k, :k], atol=1e-12)


class TestTables:
    GRID = (0.0, 0.3, 0.5, 1.0)

    def market(self, seed, n=2):
        return Tabulated(self.GRID, np.random.default_rng(seed).uniform(-1, 1, (n, *(4,) * n)))

    def test_values_between_entries(self):
        market = self.market(0, 3)
        points = np.random.default_rng(1).uniform(0, 1, (20, 3))
        for i in range(3):
            between = RegularGridInterpolator((self.GRID,) * 3, np.asarray(market.values[i]))
            np.testing.assert_allclose(jax.vmap(market)(points)[:, i], between(points), atol=1e-12)

    @pytest.mark.parametrize("seed", range(3))
    def test_no_allocation_on_a_fine_grid_brings_more(self, seed):
        market, own = self.market(seed), jnp.array([0.1, 0.35])
        best = jnp.asarray(0.8)
        handed = market.allocate(best, own, jnp.array([True, True]))
        most = float(jnp.sum(market(jnp.maximum(handed, own))))
        assert most == pytest.approx(float(market.most_welfare(own, jnp.maximum(best, own))), abs=1e-12)
        points = np.stack(np.meshgrid(np.linspace(0.1, 0.8, 41), np.linspace(0.35, 0.8, 41)), axis=-1).reshape(-1, 2)
        tried = jax.vmap(market)(points).sum(axis=1)
        assert most >= float(tried.max()) - 1e-12

    @pytest.mark.parametrize(
        ("qualities", "values", "message"),
        [
            ([0.1, 1.0], np.zeros((2, 2, 2)), r"qualities = \[0\.1, 1\.0\]: must be a list .* the first one 0"),
            ([0.0, 1.0, 1.0], np.zeros((2, 3, 3)), r"qualities\[2\] = 1\.0: must be finite and above"),
            ([0.0, 1.0], np.zeros((2, 3, 3)), "values = .*: must have an entry per agent"),
            ([0.0, 1.0], [[[0.0, 1.0], [1.0, np.nan]], [[0.0, 0.0], [0.0, 0.0]]], r"values\[0\]\[1\]\[1\] = nan"),
            (np.arange(30.0), np.zeros((3, 30, 30, 30)), "number of qualities = 30: make 32,768 allocations"),
        ],
        ids=["start", "order", "shape", "finite", "size"],
    )
    def test_refused(self, qualities, values, message):
        with pytest.raises(ProblemError, match=message):
            Tabulated(qualities, values)

"""Exact pricing against brute force and a mixed-integer program; the other methods against what they promise."""

import numpy as np
import pytest

from jaxmech import ProblemError, market
from jaxmech.market._menu import coarse_menu, full_menu, tabulate
from jaxmech.market._search import Menu, search
from tests.market.problems import lab_market, rough, smooth, with_tables
from tests.oracles.market import best_allocation, best_curve, largest_prices, milp_pricing

COUNTS = np.array([3.0, 1.0, 2.0, 4.0, 1.0, 2.0])


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize(("types", "largest"), [(1, 9), (2, 6), (3, 4)])
def test_exact_equals_every_allocation(types, largest, seed):
    make = (rough, smooth)[seed % 2]
    values, counts = make(seed, types, largest), COUNTS[:types]
    cost = (0.001, 0.05, 0.2)[seed % 3]
    found = search(Menu(np.arange(largest + 1), values, counts, cost))
    expected, _ = best_allocation(values, counts, cost)
    assert found.finished
    assert found.profit == pytest.approx(expected, abs=1e-9)
    assert found.bound == pytest.approx(expected, abs=1e-9)
    prices = largest_prices(values, found.places)
    assert counts @ prices - cost * found.places.max() == pytest.approx(found.profit, abs=1e-9)


@pytest.mark.parametrize("seed", range(6))
def test_exact_equals_every_posted_curve(seed):
    """Values are multiples of 1/8, so that the best of all 6,561 curves with such prices is the best of all."""
    values, counts = rough(seed, 3, 4, steps=8), COUNTS[:3]
    found = search(Menu(np.arange(5), values, counts, 0.05))
    assert found.profit == pytest.approx(best_curve(values, counts, 0.05, 8), abs=1e-9)


@pytest.mark.parametrize("seed", range(4))
def test_points_that_must_be_collected_anyway_are_paid_for(seed):
    values, counts = rough(seed, 2, 5), COUNTS[:2]
    found = search(Menu(np.arange(6), values, counts, 0.15, least=4))
    expected, _ = best_allocation(values, counts, 0.15, least=4)
    assert found.profit == pytest.approx(max(expected, 0.0), abs=1e-9)


@pytest.mark.parametrize("make", [rough, smooth])
@pytest.mark.parametrize(("types", "largest", "cost"), [(2, 30, 0.02), (3, 16, 0.01), (4, 10, 0.03)])
def test_exact_equals_the_mixed_integer_program(make, types, largest, cost):
    values, counts = make(1, types, largest), COUNTS[:types]
    found = search(Menu(np.arange(largest + 1), values, counts, cost))
    expected, sizes, solved = milp_pricing(values, counts, cost)
    assert solved
    assert found.profit == pytest.approx(expected, abs=1e-5)  # the program allows violations of 1e-6
    assert largest_prices(values, sizes) is not None


@pytest.mark.slow
@pytest.mark.parametrize("make", [rough, smooth])
@pytest.mark.parametrize(("types", "largest"), [(4, 60), (6, 30)])
def test_exact_equals_the_mixed_integer_program_at_size(make, types, largest):
    """Where the program does not finish in its time, its best must not be better."""
    values, counts = make(2, types, largest), COUNTS[:types]
    found = search(Menu(np.arange(largest + 1), values, counts, 0.01))
    assert found.finished
    expected, _, solved = milp_pricing(values, counts, 0.01, time_limit=120)
    if solved:
        assert found.profit == pytest.approx(expected, abs=1e-6)
    else:
        assert found.profit >= expected - 1e-6


@pytest.mark.parametrize("grid", market.GRIDS)
@pytest.mark.parametrize("epsilon", [0.05, 0.2])
def test_approximate_stays_within_its_epsilon(grid, epsilon):
    for seed in range(3):
        values, counts = smooth(seed, 2, 120), COUNTS[:2]
        problem = with_tables(values, counts, [0.004])
        best = market.price(problem, limit=120)
        found = market.price(problem, "approximate", epsilon=epsilon, grid=grid, limit=120)
        assert best.profit - epsilon * counts.sum() <= found.profit <= best.profit + 1e-9
        assert found.bound >= best.profit - 1e-9
        assert found.allowance == pytest.approx(epsilon * counts.sum())


@pytest.mark.parametrize("seed", range(3))
def test_levels_need_no_assumption(seed):
    values, counts = rough(seed, 3, 100), COUNTS[:3]
    problem = with_tables(values, counts, [0.002])
    best = market.price(problem)
    found = market.price(problem, "approximate", epsilon=0.1)
    assert best.profit - 0.1 * counts.sum() <= found.profit <= best.profit + 1e-9


@pytest.mark.parametrize("grid", market.GRIDS)
def test_coarse_menus_keep_their_promise(grid):
    """Between two sizes of the menu no value rises by more than δ."""
    problem = lab_market()
    full = full_menu(problem)
    delta = 0.02
    menu = coarse_menu(problem, delta, grid)
    last_of_cell = np.append(menu.sizes[1:] - 1, full.sizes[-1])
    rise = tabulate(problem, last_of_cell) - menu.values
    assert rise.max() <= delta + 1e-12
    assert grid == "smooth" or len(menu.sizes) < 0.05 * len(full.sizes)  # nothing is smooth near no data at all
    assert menu.sizes[0] == 0
    assert np.all(np.diff(menu.sizes) > 0)


def test_huge_sizes_need_no_table():
    problem = market.Problem([1e-9, 1e-9], 1.0, lab_buyers())
    found = market.price(problem, "approximate", epsilon=0.05)
    assert found.sizes.max() > 10**5
    assert 0 < found.profit <= found.bound
    with pytest.raises(ProblemError, match="use the method approximate"):
        market.price(problem)


def lab_buyers():
    return [market.Buyer(market.exponential(0.01), 3), market.Buyer(market.linear(0.02, 0.5), 5)]


@pytest.mark.long
@pytest.mark.parametrize("seed", range(2))
def test_heuristic_is_near_the_optimum_and_its_bound_above(seed):
    values, counts = (rough, smooth)[seed % 2](seed, 4, 60), COUNTS[:4]
    problem = with_tables(values, counts, [0.01])
    best = market.price(problem)
    found = market.price(problem, "heuristic", seed=seed)
    assert found.profit <= best.profit + 1e-9
    assert best.profit <= found.bound + 1e-9
    assert found.profit >= 0.97 * best.profit
    assert np.isinf(found.allowance)


@pytest.mark.long
def test_heuristic_for_many_types():
    generator = np.random.default_rng(5)
    forms = (market.exponential, market.linear, market.threshold)
    buyers = [market.Buyer(forms[j % 3](10 ** generator.uniform(-1, 0), 0.9)) for j in range(11)]
    problem = market.Problem([0.01, 0.01], 1.0, buyers)
    found = market.price(problem, "heuristic")
    worth = np.asarray(problem.values(np.arange(300)))
    one_price = max(
        price * np.sum(worth[:, size] >= price) - 0.01 * size for size in range(300) for price in worth[:, size]
    )
    assert one_price <= found.profit + 1e-9
    assert found.profit <= found.bound
    assert found.bound < 1.5 * found.profit
    again = market.price(problem, "heuristic")
    assert again.profit == found.profit


def test_a_rule_of_the_users_own():
    """The paper's Algorithm 1 with one price for everything: the best total is found, envy-free by construction."""
    values, counts = rough(0, 3, 20), COUNTS[:3]
    problem = with_tables(values, counts, [0.02])

    def best_single_price(values, counts, total):
        worth = values[:, -1]
        price = max(worth, key=lambda p: p * counts[worth >= p].sum())
        return np.concatenate([[0.0], np.full(total, price)])

    found = market.price(problem, best_single_price)
    expected = max(max(p * counts[values[:, n] >= p].sum() for p in values[:, n]) - 0.02 * n for n in range(1, 21))
    assert found.profit == pytest.approx(expected)
    assert found.method == "best_single_price"
    assert found.profit <= market.price(problem).profit <= found.bound


def single(values, counts, total):
    """One price for everything: the best there is."""
    worth = values[:, -1]
    price = max(worth, key=lambda p: p * counts[worth >= p].sum())
    return np.concatenate([[0.0], np.full(total, price)])


class TestPromises:
    """What a rule promises is in the guarantee, and is held against the exact optimum where that is within reach."""

    def problem(self):
        return with_tables(rough(0, 3, 20), COUNTS[:3], [0.02])

    def test_lemma_2_is_judged_by_the_exact_optimum(self):
        problem, buyers = self.problem(), float(COUNTS[:3].sum())
        best = market.price(problem)
        short = (best.profit - market.price(problem, single).profit) / buyers
        assert short > 0
        kept, broken = (market.price(problem, single, epsilon=factor * short) for factor in (1.01, 0.5))
        for found, holds in ((kept, True), (broken, False)):
            assert found.bound == pytest.approx(best.profit, rel=1e-9)
            assert (found.profit >= found.bound - found.allowance) == holds
            assert f"{short:.3g} per buyer below it, as the exact search says" in found.guarantee
        assert kept.guarantee.startswith(f"within {1.01 * short:g} per buyer of the optimum, as the rule promises")

    def test_a_rule_with_four_parameters_is_given_the_epsilon(self):
        seen = set()

        def rule(values, counts, total, epsilon):
            seen.add(epsilon)
            return single(values, counts, total)

        market.price(self.problem(), rule, epsilon=0.25)
        assert seen == {0.25}
        with pytest.raises(ProblemError, match="epsilon = 'nothing': must be given: rule takes it"):
            market.price(self.problem(), rule)
        with pytest.raises(ProblemError, match=r"epsilon = 0\.0: must be positive"):
            market.price(self.problem(), single, epsilon=0.0)

    def test_what_cannot_be_checked_is_no_claim(self):
        found = market.price(self.problem(), single, epsilon=0.5, max_boxes=1)
        assert found.allowance == np.inf
        assert "not checked: the optimum itself is out of reach here" in found.guarantee


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        (lambda values, counts, total: np.zeros(3), ("must return a price for every size",)),
        (lambda values, counts, total: np.ones(total + 1), ("0 for nothing",)),
        (lambda values, counts, total: np.full(total + 1, np.nan), ("finite",)),
    ],
)
def test_bad_rules(rule, words):
    problem = with_tables(rough(0, 2, 8), [1, 1], [0.02])
    with pytest.raises(ProblemError) as error:
        market.price(problem, rule)
    assert all(word in str(error.value) for word in words)


def test_a_search_that_is_too_large_says_what_it_would_take():
    buyers = [market.Buyer(market.exponential(0.05 * (j + 1), 1 - 0.1 * j), 3) for j in range(5)]
    problem = market.Problem([1e-4, 1e-4], 3.0, buyers)
    with pytest.raises(ProblemError) as error:
        market.price(problem, max_boxes=20_000)
    message = str(error.value)
    assert "\n" not in message
    assert all(part in message for part in ("5 types", "allocations", "approximate", "optimum lies between"))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"method": "exakt"}, ("method", "exakt", 'did you mean "exact"')),
        ({"method": "approximate", "epsilon": 0.0}, ("epsilon", "positive")),
        ({"method": "approximate", "epsilon": 1e-12}, ("epsilon", "1e-12", "at least 2.8e-06", "4,000,000 sizes")),
        ({"method": "approximate", "epsilon": 1e-7}, ("epsilon", "at least")),
        ({"method": "approximate", "grid": "level"}, ("grid", 'did you mean "levels"')),
    ],
)
def test_bad_options(options, words):
    with pytest.raises(ProblemError) as error:
        market.price(lab_market(), **options)
    assert all(word in str(error.value) for word in words), str(error.value)

"""A market's report on numbers that no solver has to find first: many buyers, odd names, no trade."""

import dataclasses
import io

import numpy as np
import pytest
from rich.console import Console

from jaxmech import Status
from jaxmech.market import Frontier, Spread
from jaxmech.mechanism import Audit
from jaxmech.report import market


def answer(types=3, **changes):
    draw = np.random.default_rng(types)
    sizes = np.sort(draw.integers(1, 900, types))
    values = np.sort(draw.uniform(0.2, 1.0, types))
    prices = 0.9 * values
    counts = draw.integers(1, 9, types).astype(float)
    total, cost = int(sizes.max()), np.array([0.001, 0.002, 0.005])
    samples = np.array([total - 1, 1, 0])
    revenue = float(counts @ prices)
    profit = revenue - float(cost @ samples)
    second = np.arange(1, total // 2)
    made = market.Answer(
        source="example", title="Points for sale",
        sigma=np.ones(1), means=("mean 1",), contributors=("one", "[two]", "three"), costs=cost,
        samples=samples, buyers=tuple(f"[bold]buyer {j}" for j in range(types)), counts=counts, sizes=sizes,
        prices=prices, values=values, predecessor=np.arange(types) - 1, total=total, revenue=revenue, profit=profit,
        optimum=profit + 0.001, optimum_bound=profit + 0.001, profit_bound=profit, method="exact", guarantee="optimal",
        spread=Spread(
            prices, np.full(types, 7.0), np.full(types, 0.3), np.full(types, 0.6), np.array([profit, 0.1, 0.0]),
            np.array([3.0, 0.1, 0.0]), np.array([0.2, 0.0, 0.0]), np.array([0.3, 0.1, 0.0]), 0.0,
        ),
        frontier=Frontier(
            second, profit - 0.001 * (second - 1), 7.0 / second, 0.3 / second, 0.6 / second, 0.3 / second,
        ),
        changes=(market.Change("σ", 1.0, -2.0),), diminishing=np.ones(types, bool),
        curve_sizes=np.array([0.0, 1.0, 900.0]), curve_values=np.outer(values, [0.0, 0.3, 1.0]),
        curve_prices=np.array([0.0, 0.5, 0.8]),
        certificates=(Audit("envy-free", True, 0.0, 1e-6, "most tempting: nobody", "all pairs"),),
        status=Status.OK, residual=0.0, settings={"seed": 0, "dtype": "float64"},
    )  # fmt: skip
    return dataclasses.replace(made, **changes)


def text(shown, width=100, full=False):
    console = Console(file=io.StringIO(), width=width, force_terminal=False)
    market.print_page(shown, console, full=full)
    return console.file.getvalue()


def test_brackets_in_names_are_no_markup():
    page = text(answer())
    assert "[bold]buyer 0" in page
    assert "[two]" in page


def test_whose_the_profit_is_and_how_much_prices_vary():
    page = " ".join(text(answer()).split())
    assert "All that buyers pay is handed on to those who collect: the profit is theirs." in page
    head, loud = "What a buyer pays in one run varies by more than her price.", answer()
    assert head in page  # ± 7 around less than 1
    calm = dataclasses.replace(loud, spread=dataclasses.replace(loud.spread, price_deviation=0.5 * loud.prices))
    assert head not in " ".join(text(calm).split())
    nothing = dataclasses.replace(loud, total=0, samples=0 * loud.samples, sizes=0 * loud.sizes, frontier=None)
    assert "the profit is theirs" not in text(nothing)


@pytest.mark.parametrize("width", [60, 100, 140])
def test_page_keeps_its_width(width):
    assert max(map(len, text(answer(), width).splitlines())) <= max(width, 95)


def test_many_types_are_cut_unless_all_are_asked_for():
    shown = answer(60)
    page, full = text(shown), text(shown, full=True)
    assert "Not shown: 20 more; --csv FILE writes them all." in page
    assert "And 48 more" in page
    assert "more: --csv" not in full
    assert all(name in full for name in shown.buyers)
    assert len(market.rows(shown)) == 63


def test_suggestion_costs_what_it_says():
    (sentence,) = market.suggestions(answer())
    assert "second = " in sentence
    assert market.suggestions(answer(frontier=None)) == []
    assert market.suggestions(answer(bounded=True)) == []  # a file with chances may not have second
    calm = answer()
    assert market.suggestions(dataclasses.replace(calm, samples=np.array([5, 5, 0]), total=10, frontier=None)) == []


def test_a_failed_claim_comes_first():
    failed = Audit("envy-free", False, -0.1, 1e-6, "buyer 1 would gain 0.1", "all pairs")
    shown = answer(certificates=(failed,))
    assert not shown.solved
    assert "Fails: envy-free." in text(shown).split("Who collects")[0]


def test_document_holds_every_promised_key():
    document = market.document(answer())
    assert {"contributors", "buyers", "total", "revenue", "profit", "optimum", "profit_bound", "method"} <= set(
        document
    )
    assert document["buyers"][1]["held_by"] == "[bold]buyer 0"
    assert document["buyers"][0]["held_by"] is None


def test_price_line_ends_at_the_largest_offer():
    shown = answer(total=500)
    (line,) = [line for line in market.plot(shown).axes[0].lines if line.get_drawstyle().startswith("steps")]
    assert line.get_xdata().tolist() == [0.0, 1.0]


def test_plot_without_trade_shows_values_only():
    nothing = np.zeros(3)
    shown = answer(total=0, samples=np.zeros(3, int), sizes=np.zeros(3, int), prices=nothing, values=nothing)
    (axis,) = market.plot(shown).axes
    assert "no trade" in [text.get_text() for text in axis.texts]
    assert axis.get_xlim() == (0, 900)
    assert axis.get_ylim()[1] > 0.5


def test_plot_has_one_dot_per_offer():
    figure = market.plot(answer())
    above, below = figure.axes
    assert sum(line.get_marker() == "o" for line in above.lines) == 3
    assert len(below.patches) == 2 * (3 + 2)
    assert market.plot(answer(60)).axes

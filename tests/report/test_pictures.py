"""Pictures fit for a board: at 3, 24 and 60 agents nothing covers anything, nothing is cut off, nobody is lost."""

import itertools

import numpy as np
import pytest

from jaxmech import report
from tests.report import pictures

pytestmark = pytest.mark.long


@pytest.fixture(
    scope="module",
    params=[
        *itertools.product(pictures.KINDS, pictures.SIZES, [pictures.names]),
        *itertools.product(pictures.KINDS, [60], [pictures.hospitals]),
    ],
    ids=lambda p: f"{p[0]}-{p[1]}-{p[2].__name__}",
)
def drawn(request):
    """A figure laid out as it is written, and who is in it."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    kind, m, named = request.param
    figure = pictures.figure(kind, m, named)
    FigureCanvasAgg(figure).draw()
    return kind, named(m), figure


def ticks(axis, direction):
    """Labels of the ticks that are in sight."""
    part = getattr(axis, f"{direction}axis")
    low, high = sorted(part.get_view_interval())
    return [tick.label1 for tick in part.get_major_ticks() if low <= tick.get_loc() <= high]


def boxes(texts):
    return [text.get_window_extent() for text in texts if text.get_visible() and text.get_text().strip()]


def overlap(one, other, slack=0.5):
    return (min(one.x1, other.x1) - max(one.x0, other.x0) > slack
            and min(one.y1, other.y1) - max(one.y0, other.y0) > slack)  # fmt: skip


def test_names_stay_apart(drawn):
    for axis in drawn[2].axes:
        for direction in "xy":
            assert not any(overlap(*pair) for pair in itertools.pairwise(boxes(ticks(axis, direction))))


def test_legends_cover_nothing(drawn):
    for axis in drawn[2].axes:
        if (legend := axis.get_legend()) is not None:
            box = legend.get_window_extent()
            assert not any(overlap(box, other.get_window_extent()) for other in drawn[2].axes)
            assert not any(overlap(box, text, 2.0) for text in boxes(axis.texts))


def test_nothing_is_cut_off(drawn):
    figure = drawn[2]
    for axis in figure.axes:
        legend = axis.get_legend()
        words = boxes([*axis.texts, *ticks(axis, "x"), *ticks(axis, "y")])
        for box in [*words, *([legend.get_window_extent()] if legend else [])]:
            assert box.x0 >= figure.bbox.x0 - 1
            assert box.x1 <= figure.bbox.x1 + 1


def test_words_of_axes_stay_beside_them(drawn):
    axes = drawn[2].axes
    for axis, other in itertools.permutations(axes, 2):
        words = boxes([axis.xaxis.label, axis.yaxis.label])
        theirs = boxes([other.xaxis.label, other.yaxis.label, *ticks(other, "y")])
        assert not any(overlap(*pair) for pair in itertools.product(words, theirs))


def test_axes_say_what_and_in_which_unit(drawn):
    kind, _, figure = drawn
    words = " ".join(f"{axis.get_xlabel()} {axis.get_ylabel()}" for axis in figure.axes)
    assert all(axis.get_xlabel() or axis.get_ylabel() for axis in figure.axes)
    if kind in ("solve", "design", "market"):
        assert "(EUR)" in words
    if kind in ("simulate", "runs"):
        assert "two standard errors" in words


def test_everybody_is_named_or_counted_among_the_others(drawn):
    kind, names, figure = drawn
    axis = figure.axes[-1]
    if kind in ("solve", "simulate", "runs", "multiparty"):
        texts = [text.get_text() for text in axis.get_xticklabels()]
        assert tuple(map(whom(names), texts)) == names
    if kind == "audit":
        texts = [text.get_text() for text in axis.get_yticklabels()]
        named = [text for text in texts if not text.startswith("other (")]
        others = [int(text[7:-1]) for text in texts if text.startswith("other (")]
        assert len({whom(names)(text) for text in named}) == len(named)
        assert len(named) + sum(others) == len(names)


def whom(names):
    """Who alone is meant by a label, which may be on several lines and leave something out."""

    def meant(label):
        parts = [" ".join(part.split()) for part in label.split("…")]
        fits = [name for name in names if name.startswith(parts[0]) and name.endswith(parts[-1])]
        fits = [name for name in fits if len(parts) > 1 or name == parts[0]]
        assert len(fits) == 1, (label, fits)
        return fits[0]

    return meant


def test_the_audit_says_who_would_gain_how_much():
    figure = pictures.figure("audit", 24)
    made = pictures._audit(24, pictures.names(24), np.random.default_rng(24))
    (axis,) = figure.axes
    rows = [label.get_text() for label in axis.get_yticklabels()]
    assert [made.found.names.index(name) for name in rows[:2]] == np.argsort(-made.gain)[:2].tolist()
    bars = [100 * made.gain[made.found.names.index(name)] for name in rows]
    assert [bar.get_width() for bar in axis.patches] == pytest.approx(bars)
    told = [text.get_text() for text in axis.texts]
    for name, words in zip(rows, told, strict=False):
        i = made.found.names.index(name)
        assert ("nothing found" in words) == (made.gain[i] == 0)
        assert ("no bound" in words) == np.isinf(made.found.bound[i])


@pytest.mark.parametrize("width", [5.0, 8.6, 16.0])
def test_long_titles_are_wrapped(width):
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    from jaxmech.report._figure import entitle

    figure = Figure(figsize=(width, 3.0), layout="constrained")
    entitle(figure, "Many clinics measure the glucose, and more, of very many patients " * 4, "and what they pay " * 9)
    FigureCanvasAgg(figure).draw()
    (title,) = figure.texts
    box = title.get_window_extent()
    assert box.x0 >= 0
    assert box.x1 <= figure.bbox.x1


def test_figures_of_curves_are_labelled():
    x = np.arange(2, 6)
    curve = (x, np.linspace(0, 1, 4), np.full(4, 0.01))
    panels = {"own model harmless": {"revenue": curve}, "as published": {"revenue": curve}}
    figure = report.multiparty.plot_curves(panels, "number of agents")
    assert [axis.get_xlabel() for axis in figure.axes] == ["number of agents"] * 2
    assert figure.axes[0].get_ylabel()
    assert "two standard errors" in " ".join(text.get_text() for axis in figure.axes for text in axis.texts)


def test_figures_of_papers_say_what_their_axes_are():
    """Titles stay above legends, powers of ten are no formulas, and bands are explained where there are any."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    x, none = np.array([5, 10, 1000]), np.zeros(3)
    names = ("cbl", "least of any equilibrium", "a bound below")
    curves = {name: (x, np.linspace(0, 1, 3), none) for name in names}
    figure = report.multiparty.plot_curves({"the hard instance": curves}, "agents", "ratio", logarithmic=True)
    FigureCanvasAgg(figure).draw()
    (axis,) = figure.axes
    (title,) = boxes([axis.title])
    assert not overlap(title, axis.get_legend().get_window_extent())
    assert (axis.get_xlabel(), axis.get_ylabel(), list(axis.texts)) == ("agents", "ratio", [])
    assert {label.get_text() for label in ticks(axis, "x")} == {"10", "100", "1,000"}
    pairs = {2: [(-0.9, 1), (-0.7, 1000)], 3: [(-0.9, 2), (-0.75, 10_000)]}
    figure = report.multiparty.plot_boundaries(pairs, {2: -0.66, 3: -0.71}, -0.67)
    FigureCanvasAgg(figure).draw()
    assert {"1", "1,000"} <= {label.get_text() for label in ticks(figure.axes[0], "y")}


def test_an_audit_without_gains_draws_what_is_at_stake_and_rounding_is_no_gain():
    made = pictures._audit(3, pictures.names(3), np.random.default_rng(3))
    found = made.found
    found.found, found.bound, found.half_width = np.zeros(3), np.zeros(3), 4e-15 * found.stake
    (axis,) = report.audit.plot(made).axes
    assert axis.get_xlim()[1] > 0.1
    told = {text.get_text() for text in axis.get_legend().get_texts()}
    assert told == {"promised to pay", "proven bound of what cheating gains"}
    assert sorted(bar.get_width() for bar in axis.patches) == pytest.approx(sorted(found.stake))

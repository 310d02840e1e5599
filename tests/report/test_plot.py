"""Plots: files of the right type, the same bytes every time, whatever the problem."""

import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

from jaxmech import report
from tests.report import pictures
from tests.report.examples import answer

MAGIC = {"png": b"\x89PNG\r\n", "svg": b"<?xml", "pdf": b"%PDF-"}


@pytest.mark.parametrize("suffix", report.FORMATS)
def test_type_and_reproducibility(suffix):
    first, second = (report.render(report.collaboration.plot(answer(3, 2)), suffix) for _ in range(2))
    assert first.startswith(MAGIC[suffix])
    assert first == second


@pytest.mark.parametrize("shape", [(1, 1), (24, 5), (300, 2)])
def test_everything_is_drawn(shape):
    figure = report.collaboration.plot(answer(*shape))
    above, below = figure.axes
    bars = sum(len(container) for container in below.containers if hasattr(container, "patches"))
    assert bars == min(shape[0], 60)
    assert above.get_ylabel() == "samples collected"


def test_text_in_an_svg_is_text():
    made = answer(24, 5)
    svg = report.render(report.collaboration.plot(made), "svg").decode()
    ElementTree.fromstring(svg)
    for word in (*made.agents, *made.distributions, "alone: impossible (∞)", "checked"):
        assert word in svg


def test_infinite_penalties_alone_are_marked_not_drawn():
    made = answer(24, 5)
    below = report.collaboration.plot(made).axes[1]
    marks = [line for line in below.lines if "∞" in str(line.get_label())]
    assert len(marks[0].get_xdata()) == int(np.sum(~np.isfinite(made.alone_penalty)))
    assert np.isfinite(below.get_ylim()).all()


def test_panels_like_figure_1():
    alone = np.array([3.633, 5.138, 6.325])
    panels = [
        report.collaboration.Panel(title, np.array([55.0, 39.0, 32.0]), alone) for title in ("working alone", "Nash")
    ]
    svg = report.render(report.collaboration.plot_panels(panels, alone, ("1", "2", "3")), "svg").decode()
    assert "(a) working alone" in svg
    assert "(b) Nash" in svg


@pytest.mark.parametrize("name", ["$\\frac{1}$", "$x", "_hidden", "a & <b>", "100 %", "\\", "東京", "{0}"])
def test_names_are_drawn_as_they_are(name):
    """Not as formulas, and none is left out; scripts that the font lacks are no reason to warn."""
    made = answer(3, 2, agents=(name, "B", "C"), distributions=(name, "y"), title=f"{name}\x1b\0\ufffe")
    for suffix in report.FORMATS:
        drawn = report.render(report.collaboration.plot(made), suffix)
        assert drawn.startswith(MAGIC[suffix])
        if suffix == "svg":
            words = [text.strip() for text in ElementTree.fromstring(drawn.decode()).itertext()]
            assert words.count(name) == 2
            assert f"{name}\\x1b\\x00\\ufffe" in words


def test_logarithmic_axes_are_labelled_without_formulas():
    from matplotlib.figure import Figure

    from jaxmech.report._figure import plain_powers

    axis = Figure().subplots()
    axis.set_yscale("log")
    axis.set_ylim(1e-9, 1.5)
    plain_powers(axis.yaxis)
    svg = report.render(axis.figure, "svg").decode()
    assert "1e-08" in svg
    assert "mathdefault" not in svg


def test_an_audit_that_finds_nothing_shows_what_is_at_stake_beside_the_bounds():
    """Bars of nothing say nothing: where gains and bounds are too small to be seen, promised penalties are drawn."""
    made = pictures._audit(3, pictures.names(3), np.random.default_rng(3))
    found = made.found
    (axis,) = report.audit.plot(made).axes
    assert axis.get_xlabel() == "gain in % of the promised penalty"
    found.found, found.bound, found.half_width = np.zeros(3), 1e-5 * found.stake, 1e-9 * found.stake
    (axis,) = report.audit.plot(made).axes
    assert axis.get_xlabel() == "promised penalty (EUR)"
    assert sorted(bar.get_width() for bar in axis.patches) == pytest.approx(sorted(found.stake))
    assert np.sort(axis.lines[0].get_xdata()) == pytest.approx(np.sort(found.bound))
    assert sum(text.get_text().startswith("nothing found; at most") for text in axis.texts) == 3
    found.bound = np.full(3, np.inf)
    (axis,) = report.audit.plot(made).axes
    assert len(axis.patches) == 3
    assert sum(text.get_text() == "nothing found; no bound" for text in axis.texts) == 3

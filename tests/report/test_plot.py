"""Plots: files of the right type, the same bytes every time, whatever the problem."""

import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

from jaxmech import report
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

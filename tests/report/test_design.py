"""Pages, documents and plots of designs, on numbers that no solver has to find first."""

import dataclasses
import io
import json
import re

import numpy as np
import pytest
from rich.cells import cell_len
from rich.console import Console

from jaxmech import Status, report
from jaxmech.collaboration import ADMISSIBLE, LIFTED, Harm, Role, Values
from jaxmech.design import Lies, Otherwise
from jaxmech.files import json_text
from jaxmech.mechanism import NASH, Audit
from jaxmech.report._tables import PLAIN
from jaxmech.report.design import Followed
from jaxmech.report.design._table import rule_table
from jaxmech.report.html import leaving_section
from jaxmech.report.html._parties import parties
from tests.report.examples import design


def _print(made, width=100, *, full=False):
    buffer = io.StringIO()
    report.design.print_page(made, Console(file=buffer, width=width), full=full)
    return buffer.getvalue()


def _rule_lines(text):
    """The rows of the table of what each gets back."""
    part = text.split("What each gets back")[1].split("|Z|, of others: clean")[0]
    lines = part.splitlines()
    return [line for line in lines[next(i for i, line in enumerate(lines) if line.startswith("---")) + 1 :] if line]


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("shape", [(3, 1), (24, 5), (200, 12)])
def test_page_fits(shape, width):
    text = _print(design(*shape), width)
    assert all(len(line) <= width for line in text.splitlines())
    assert "\x1b" not in text
    assert not any(line.endswith(" ") for line in text.splitlines())


def test_small_page_has_a_row_for_every_agent_and_distribution():
    made = design(3, 2)
    rows = _rule_lines(_print(made))
    assert len(rows) == 6
    for k, name in enumerate(made.distributions):
        for i, agent in enumerate(made.agents):
            (row,) = (line for line in rows if line.startswith(agent) and f" {name} " in line)
            assert Role(int(made.role[i, k])).name.lower() in row
            checked = bool(made.is_role(Role.CHECKED)[i, k])
            assert ("1.500" in row) == checked
            assert (row.split()[-1] != "–") == checked


@pytest.mark.parametrize(("sigma", "unit"), [(1.0, "σ"), (2.0, "unit")])
def test_every_column_has_one_unit_and_says_which(sigma, unit):
    """Samples, points, the limit in its unit, a chance in percent; cells are numbers alone."""
    made = dataclasses.replace(design(3, 2), sigma=np.full(2, sigma))
    (table, _), comparison = rule_table(made, PLAIN), _print(made)
    headers = [str(column.header) for column in table.columns]
    units = ["samples", "points |Z|", "points |Z′|", f"limit t ({unit})", "fails (%)"]
    assert headers == ["", "distribution", "role", *units]
    for column in table.columns[3:]:
        assert all(re.fullmatch(r"[\d.,]+|–", str(cell)) for cell in column.cells)
    assert "social penalty (EUR)" in comparison


def _following():
    """A design whose limits follow the data, with what its certificate would say."""
    made = design(8, 2)
    spread = np.array([0.25, 1.0, 4.0])
    level = np.broadcast_to([0.5, 1.5, 4.5], (8, 2, 3))
    offered = dataclasses.replace(made.offered, followed=Followed(spread, level, np.full((8, 2), 31.0)))
    told = [(NASH, -2e-4, True), (ADMISSIBLE, -0.1, False), (LIFTED, -0.3, False)]
    records = [Audit.judged(name, margin, 1e-2 if claimed else 0.0, f"witness of {name}", "", claimed=claimed)
               for name, margin, claimed in told]  # fmt: skip
    return dataclasses.replace(made, offered=offered, certificates=tuple(records))


def test_limits_that_follow_the_data_are_told_in_both_units():
    made, wide = _following(), 200
    text = " ".join(_print(made, wide).split())
    assert "limits that follow the data" in text
    sigma = float(made.sigma[0])
    # halfway between 0.25 and 1, and at 1: levels 0.83 and 1.5, times σ̂
    assert f"0.83 σ̂ = {0.5 * (0.5 + 1 / 3) * sigma:.3g}" in text
    assert f"1.50 σ̂ = {1.5 * sigma:.3g}" in text
    assert "31 degrees of freedom or more behind it" in text
    assert "saves her at most 0.02 % on normal data" in text
    assert f"Not all of sigma_range is covered by that: witness of {ADMISSIBLE}." in text
    assert f"One party can undo it: witness of {LIFTED}." in text
    sheets = " ".join(line.gets for party in parties(made) for line in party.lines)
    assert "1.50 times the others' spread" in sheets
    table = report.design.document(made)["rule"][1]["calibration"]
    assert np.array_equal(table["level"], made.offered.followed.level[:, 1])
    assert "follow" not in _print(design(8, 2), wide)
    assert "calibration" not in report.design.document(design(8, 2))["rule"][0]
    assert all(cell_len(line) <= 80 for line in _print(made, 80).splitlines())


def _of_a_panel(*, linked):
    """A design whose second draw measures two values, in whole samples."""
    made = design(8, 2, linked=linked)
    values = Values(("glucose", "a", "b"), (0, 1, 1), np.array([1.0, 2.0, 0.5]), np.ones(3), {"panel": ("a", "b")})
    offered = {name: np.round(getattr(made.offered, name)) for name in ("comparison", "rest")}
    return dataclasses.replace(
        made,
        values=values,
        distributions=("glucose", "panel"),
        samples=np.round(made.samples),
        offered=dataclasses.replace(made.offered, **offered),
    )


@pytest.mark.parametrize("linked", [True, False])
def test_every_value_of_a_panel_has_its_own_limit(linked):
    made = _of_a_panel(linked=linked)
    text = " ".join(_print(made).split())
    assert "What one draw measures" in text
    assert "with a limit in proportion to its σ" in text
    assert "%, for each value by itself" in text
    assert ("on which it hangs" in text) == linked
    assert "t of a panel is in σ of each of its values" in text
    assert ("one of every other draw" in text) == linked
    document = json.loads(json_text(report.design.document(made)))
    (panel,) = document["panels"]
    assert panel["joint"] is None
    told = {one["name"]: one["limit"] for one in panel["coordinates"]}
    place = np.argwhere(made.is_role(Role.CHECKED)[:, 1])[0, 0]
    assert [told[name][place] for name in "ab"] == [3.0, 0.75]
    whole = document["integer_plan"]
    assert whole.get("hangs_on") == ([["glucose", "a"], ["glucose", "a"], ["glucose", "b"]] if linked else None)
    sheet = next(line for line in parties(made)[place].lines if line.distribution == "panel")
    assert "(the two may differ by at most 3.00 in a, 0.750 in b)" in sheet.gets
    when = "if you are within your limits on it and on glucose" if linked else "the two agree"
    assert when in sheet.gets


def test_equal_agents_share_a_row_where_there_are_many():
    made = design(12, 4)
    receives = made.is_role(Role.RECEIVES)
    rows = _rule_lines(_print(made))
    assert len(rows) < 40
    for k, name in enumerate(made.distributions):
        (row,) = (row for row in rows if f" {name} " in row and "receives" in row)
        assert f"and {receives[:, k].sum() - 1} more" in row
    assert len(_rule_lines(_print(made, full=True))) == 48


def test_very_many_rows_are_cut_and_counted():
    text = _print(design(200, 3))
    assert len(_rule_lines(text)) == 20
    assert re.search(r"Not shown: [\d,]+ more rows, least likely to fail", text)


def test_verdict_compares():
    said = " ".join(_print(design(5, 1)).split())
    assert "20 % less than with the best published mechanism (cbl over the leverage division" in said
    assert "1.500 times the first best" in said
    assert "data are withheld is at most" in said
    assert "by itself" not in said
    assert "No rule for one distribution at a time gets below" in said
    assert "Linking the distributions saves 9.1 %" in said


def test_words_follow_the_rule():
    capped = " ".join(_print(design(24, 5, cap=20.0, linked=True)).split())
    assert "data are noisy (by 20.0 σ²) is at most" in capped
    assert "gets noise of variance 20.0 σ²" in capped
    assert "withheld" not in capped
    assert "all discrepancies are within their limits" in capped
    social = design(5, 1).social_penalty
    same = " ".join(_print(design(5, 1, published=social, family=social)).split())
    assert "together: as much as with the best published mechanism" in same
    assert "Linking" not in same


def test_the_page_says_whether_proofs_are_about_fractions():
    whole = " ".join(_print(design(5, 1)).split())
    assert "All numbers of points are whole: what is proven holds for data sets." in whole
    said = " ".join(_print(design(5, 1, departure=0.0123)).split())
    assert "what is proven is proven for fractions" in said
    assert "more or less than is promised by more than 1.2 %" in said
    kept = report.design.document(design(5, 1, departure=0.0123))["whole_data"]
    assert kept == {"exact": False, "departure": 0.0123}


def test_a_design_that_is_not_proven_says_so():
    said = _print(design(5, 1, status=Status.ALMOST))
    assert "ALMOST" in said
    assert "What follows is true of the design as it stands." in " ".join(said.split())


def test_document_is_json_with_infinity_as_text():
    made = design(4, 2, linked=True)
    found = json.loads(json_text(report.design.document(made)))
    assert [rule["distribution"] for rule in found["rule"]] == list(made.distributions)
    for k, rule in enumerate(found["rule"]):
        assert rule["variance"] == [0, 0, "inf"]
        assert rule["linked"] is True
        for i, limit in enumerate(rule["limit"]):
            assert limit == (1.5 if made.is_role(Role.CHECKED)[i, k] else "inf")
    assert found["plan"]["alpha"] == [[None, None]] * 4
    assert found["division"] is found["plan"]["leverage"] is found["efficiency"]["bound"] is None
    assert found["published"] == {"name": made.rival, "social_penalty": pytest.approx(made.published)}


def test_rows_say_what_each_is_offered():
    made = design(4, 2)
    rows = report.design.rows(made)
    assert [row["agent"] for row in rows] == list(made.agents)
    assert [row["glucose: comparison"] for row in rows] == made.offered.comparison[:, 0].tolist()
    assert [row["gain"] for row in rows] == made.gain.tolist()


@pytest.mark.parametrize("shape", [(3, 1), (24, 5), (6, 33)])
def test_plot_has_a_piece_for_everybody_who_collects(shape):
    made = design(*shape)
    above, below = report.design.plot(made).axes
    d = min(shape[1], 30)
    assert len(above.patches) == int(np.sum(made.samples[:, :d] > 0))
    for k in range(d):
        ends = [bar.get_x() + bar.get_width() for bar in above.patches if abs(bar.get_y() + 0.33 - k) < 0.1]
        assert max(ends) == pytest.approx(made.samples[:, k].sum())
    drawn = [bar.get_width() for bar in below.patches]
    alone = made.alone_penalty.sum()
    expected = [made.first_best, made.baseline, made.social_penalty, made.published, alone if alone < np.inf else 0]
    assert drawn == pytest.approx(expected)


def test_plot_is_written():
    assert report.render(report.design.plot(design(3, 2)), "png").startswith(b"\x89PNG")


def test_what_another_spread_and_an_agent_who_invents_would_cost_is_told():
    made = design(3, 2)
    paid, failure = np.array([5.0, 6.0, 7.0]), np.full((3, 2), 0.017)
    told = Otherwise(paid, np.array([0.0, 0.3, 0.0]), failure), Otherwise(2 * paid, np.zeros(3), failure)
    harm = Harm(np.array([[1.0, 2.0], [3.0, 9.0], [5.0, 0.0]]), np.array([[10.0, 80.0], [0.0, 7.0], [5.0, 0.0]]))
    text = " ".join(_print(dataclasses.replace(made, otherwise=told, harm=harm, currency="")).split())
    assert "20 % smaller: all pay 18.00 instead of" in text
    assert "with a chance of at most 1.7 %. Who sees it could save by another amount:" in text
    assert f"{made.agents[1]} 5.0 %." in text
    assert f"would cost the others 80.00 at most: by {made.agents[0]} on {made.distributions[1]}, who is" in text
    assert f"would cost them 9.000 at most: by {made.agents[1]} on {made.distributions[1]}, who is" in text
    assert "If σ is not" not in _print(made)


def test_what_a_lie_costs_the_liar_is_a_table_of_who_can_lie():
    made = design(3, 2)
    nan = np.nan
    half = np.array([[7.0, 6.0], [9.0, nan], [nan, nan]])
    nothing, within = np.array([[8.0, np.inf], [99.0, nan], [nan, nan]]), np.array([[0.0, nan], [1.25, nan], [nan] * 2])
    told = dataclasses.replace(made, lies=Lies(np.array([5.0, 8.0, 3.0]), half, nothing, within))
    text = _print(told, 80)
    part = text.split("What a lie costs the liar")[1].split("What she pays in all")[0]
    rows = [line.split("  ") for line in part.splitlines() if line.startswith(made.agents[0][:6])]
    cells = [[cell.strip() for cell in row if cell.strip()] for row in rows]
    assert cells[0][1:] == [made.distributions[1], "5.000", "6.000", "∞", "–"]  # where half costs her least
    assert made.agents[2] not in part
    assert "1.2" in part
    assert json.loads(json_text(report.design.document(told)))["lies"]["within"][0][0] == 0.0
    assert "lies" not in report.design.document(made)
    assert "What a lie costs" not in _print(made)


def test_the_page_to_sign_says_what_happens_if_somebody_leaves():
    made = design(3, 2)
    pays = made.penalty
    made = dataclasses.replace(made, alone_penalty=2 * pays)
    alone = made.alone_penalty
    (general,) = leaving_section(made).parts
    assert "the exchange goes on by this agreement with the points that there are" in general
    assert "does not hold then, nor that honesty is best" in general
    (only,) = np.argwhere((made.samples > 0) & ((made.samples > 0).sum(axis=0) == 1))
    assert f"Hit hardest: without {made.agents[only[0]]} nobody collects {made.distributions[only[1]]}: this" in general
    assert "jaxmech solve FILE --mechanism designed --without NAME" in general
    table = np.tile(pays, (3, 1))
    np.fill_diagonal(table, np.nan)

    def told(changed):
        return leaving_section(dataclasses.replace(made, absent=changed)).parts[0]

    assert "nobody who remains would pay more, whoever leaves" in told(table)
    more = table.copy()
    more[2, 1] = alone[1] * 1.5
    name = made.agents
    assert f"Hit hardest: without {name[2]}, {name[1]} pays" in told(more)
    assert "1 of 3 has somebody whose leaving would leave her worse off than alone" in told(more)
    assert f": {name[1]} most, if {name[2]} leaves." in told(more)
    more[2, 1] = (pays[1] + alone[1]) / 2
    assert "Nobody would be worse off than alone" in told(more)
    more[0, 1] = np.inf
    assert f"without {name[0]}, {name[1]} learns nothing of something that she needs to know" in told(more)


@pytest.mark.parametrize(("alike", "also"), [(True, True), (False, False)])
def test_the_published_mechanisms_that_were_compared_are_named(alike, also):
    made = design(3, 2)
    made = dataclasses.replace(made, costs=np.ones((3, 2)) if alike else np.arange(1.0, 7).reshape(3, 2))
    text = " ".join(_print(made).split())
    assert "compared: cbl over the divisions rational, leverage and social" in text
    assert ("and social, and c3d." in text) == also

"""Records show themselves in one line, in notebooks, and as tables with names."""

import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxmech import ProblemError, Solution, Status, collaboration, market, multiparty

NAMES = {"agents": ["A & Co", "B"], "distributions": ["x", "y", "z"]}
PROBLEM = collaboration.Problem([[0.1, 0.2, 0.4], [0.2, 0.1, 0.3]], 1.0, **NAMES)


@pytest.fixture(scope="module")
def plan():
    return collaboration.solve(PROBLEM, division="social", mechanism="pool").value


def test_one_line(plan):
    assert "\n" not in repr(plan)
    assert repr(plan).startswith("Plan(samples=[[")
    status = jnp.array([Status.OK, Status.OK, Status.STALLED], jnp.int32)
    many = Solution(jnp.zeros((3, 2)), status, jnp.array([0, 0, 0.25]), jnp.zeros(3, int))
    assert repr(many) == "Solution(2 OK, 1 STALLED, residual=0.25, value=[[0 0] [0 0] [0 0]])"
    assert "costs=float64[7,2]" in repr(collaboration.Problem(np.ones((7, 2)), 1.0))


def test_one_line_inside_a_transformation():
    shown = []

    def show(costs):
        problem = collaboration.Problem(costs, 1.0)
        shown.append(repr(problem))
        return collaboration.alone(problem).value

    jax.jit(show)(jnp.ones((2, 2)))
    assert shown[0].startswith("Problem(costs=")


@pytest.mark.long
def test_notebooks_show_names_as_text(plan):
    page = plan._repr_html_()
    assert page.count("<tr>") >= 3 + len(PROBLEM.agents)
    assert "<th>samples 3</th>" in page
    assert "A &amp; Co" in PROBLEM._repr_html_()
    (verdict, *_) = collaboration.certify(PROBLEM, plan)
    assert f"<td>{verdict.claim}</td>" in verdict._repr_html_()
    wide = collaboration.Problem(np.ones((8, 4)), [1.0, 2.0, 3.0, 4.0], agents=[f"site {i}" for i in range(8)])
    assert wide._repr_html_().count("<td>site ") == 8  # costs are what most of it is, and sigma stands beside
    assert "<td>[1 2 3 4]</td>" in wide._repr_html_()


def test_tables_of_pandas(plan):
    table = plan.to_dataframe(PROBLEM)
    assert table.loc[("B", "y"), "samples"] == float(plan.samples[1, 1])
    assert table.loc[("A & Co", "z"), "penalty"] == float(plan.penalty[0])
    assert plan.to_dataframe().index[0] == ("agent 1", "distribution 1")
    firms = multiparty.Problem([1.2, 0.8], multiparty.Linear([[1.0, -0.4], [-0.3, 1.0]]), agents=["F", "G"])
    found = multiparty.solve(firms).value
    assert found.to_dataframe(firms).loc["G", "payment"] == float(found.payment[1])


@pytest.mark.long
def test_tables_of_a_market():
    buyers = [market.Buyer(market.threshold(0.5), 3, "lab")]
    problem = market.Problem([0.01, 0.02], 1.0, buyers)
    plan = market.solve(problem, sizes=range(20)).value
    table = plan.to_dataframe(problem)
    assert table.loc[("types", "lab"), "prices"] == float(plan.prices[0])
    assert table.loc[("contributors", "contributor 2"), "samples"] == float(plan.samples[1])
    assert plan.to_xarray(problem).prices.dims == ("buyer",)


def test_data_sets_of_xarray(plan):
    found = plan.to_xarray(PROBLEM)
    assert float(found.samples.sel(agent="B", distribution="y")) == float(plan.samples[1, 1])
    batch = jax.tree.map(lambda leaf: jnp.stack([leaf, leaf]), plan)
    assert batch.to_xarray().samples.dims == ("batch_0", "agent", "distribution")
    with pytest.raises(ProblemError, match="is a batch"):
        batch.to_dataframe()


def test_names_of_another_problem_are_refused(plan):
    with pytest.raises(ProblemError, match="must be the one of the record, which has 2"):
        plan.to_dataframe(collaboration.Problem([[1.0]] * 3, 1.0, agents=["a", "b", "c"]))


@pytest.mark.parametrize(("library", "method"), [("pandas", "to_dataframe"), ("xarray", "to_xarray")])
def test_without_the_library_one_line_says_what_to_install(plan, library, method, monkeypatch):
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(ProblemError, match=f"{method} needs it: pip install {library}"):
        getattr(plan, method)()

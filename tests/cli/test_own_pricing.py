"""Markets priced by an algorithm of one's own, named by the file or by the command line."""

import json
import sys

import pytest

from tests.cli.test_multiparty import document, run

CODE = """
import numpy as np

def single(values, counts, total):
    worth = values[:, -1]
    price = max(worth, key=lambda p: p * counts[worth >= p].sum())
    return np.concatenate([[0.0], np.full(total, price)])

def greedy(values, counts, total, epsilon):
    assert epsilon == 0.3
    return single(values, counts, total)

def fails(values, counts, total):
    return values[9]

number = 3
"""

MARKET = """
[market]
sigma = 1.0
contributor_costs = [0.1, 0.12]
{keys}
[[market.buyers]]
valuation = "table"
values = [0.0, 0.4, 0.42, 0.43]
count = 5
[[market.buyers]]
valuation = "table"
values = [0.0, 0.1, 0.5, 0.95]
count = 5
"""


def written(folder, keys=""):
    (folder / "price.py").write_text(CODE, encoding="utf-8")
    path = folder / "market.toml"
    path.write_text(MARKET.format(keys=keys), encoding="utf-8")
    return path


@pytest.mark.long
def test_an_algorithm_beside_the_file(tmp_path):
    found = document("solve", written(tmp_path, 'method = "price.py:greedy"\nepsilon = 0.3'))
    assert found["method"] == found["problem"]["method"] == "price.py:greedy"
    assert found["problem"]["epsilon"] == 0.3
    (record,) = [one for one in found["certificates"] if one["claim"] == "profit-optimal"]
    assert record["holds"]
    assert record["effort"].startswith("price.py:greedy: within 0.3 per buyer of the optimum, as the rule promises")


@pytest.mark.long
def test_the_command_line_names_one_beside_itself(tmp_path, monkeypatch):
    """Without ε nothing is promised; a promise that is broken is a claim that fails."""
    path = written(tmp_path)
    monkeypatch.chdir(tmp_path)
    page = " ".join(run("solve", path, "--method", "price.py:single").stdout.split())
    assert "The method price.py:single: none: a rule of the user's own." in page
    path.write_text(path.read_text().replace("[market]", "[market]\nepsilon = 1e-4"))
    assert "Fails: profit-optimal." in " ".join(
        run("solve", path, "--method", "price.py:single", code=1).stdout.split()
    )


@pytest.mark.long
def test_an_installed_package_offers_one(tmp_path, monkeypatch):
    """By the name of its entry point in the group jaxmech.pricing, or by its own name."""
    site = tmp_path / "site"
    information = site / "pricers-1.0.dist-info"
    information.mkdir(parents=True)
    (site / "pricers.py").write_text(CODE, encoding="utf-8")
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: pricers\nVersion: 1.0\n", encoding="utf-8")
    (information / "entry_points.txt").write_text("[jaxmech.pricing]\none-price = pricers:single\n", encoding="utf-8")
    monkeypatch.syspath_prepend(str(site))
    monkeypatch.delitem(sys.modules, "pricers", raising=False)
    path = written(tmp_path)
    by_name, by_module = (document("solve", path, "--method", name) for name in ("one-price", "pricers:single"))
    assert by_name["buyers"] == by_module["buyers"]
    assert json.dumps(by_name["method"]) == '"one-price"'


@pytest.mark.parametrize(
    ("method", "message"),
    [
        ("price.py:singel", 'price.py has no such function; did you mean "single"?'),
        ("price.py:number", "price.py is no function there"),
        ("price.py:fails", "fails when it is called: IndexError, line 14"),
        ("prize.py:single", "no such file: prize.py must lie beside what names it"),
        ("exat", 'did you mean "exact"?'),
        ("price.py", "must be one of exact"),
        ("price.py:greedy", "epsilon = 'nothing': must be given: price.py:greedy takes it as its fourth parameter"),
    ],
)
def test_refused(tmp_path, method, message):
    result = run("solve", written(tmp_path, f'method = "{method}"'), code=2)
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1
    assert message in result.stderr

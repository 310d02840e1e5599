"""Data that count unequally, ``weights`` in a file of competitors: plans, grids of types, documents, refusals."""

import tomllib

import numpy as np
import pyarrow.parquet as pq
import pytest

from tests.cli.test_multiparty import document, run
from tests.oracles import multiparty as oracle

PLAN = """
[multiparty]
agents = ["A", "B", "C"]
types = [1.2, 0.8, 0.5]
weights = [1, 0.5, 1.5]
externality = [[1.0, -0.4, 0.1], [-0.3, 1.0, 0.0], [0.2, -0.1, 1.0]]
"""
GRID = """
[multiparty]
agents = ["A", "B"]
levels = [0.2, 0.9, 1.6]
weights = [1.0, 0.4]
externality = [[0.9, -0.6], [-0.7, 1.0]]
"""


def written(folder, text, name="w.toml"):
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def weighed(table, weights):
    """The market in plain Python: the model of all is made of weighted data, one's own of data in full."""

    def hand_out(reports, present):
        said = [r * w if here else 0.0 for r, w, here in zip(reports, weights, present, strict=True)]
        effects = [sum(row[j] for row in table) for j in range(len(table))]
        best = oracle.logistic(sum(said))
        return [best if here and effect >= 0 else 0.0 for here, effect in zip(present, effects, strict=True)]

    return oracle.Market(len(table), oracle.linear_market(table), oracle.logistic, hand_out)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("weights")


class TestPlan:
    def test_document(self, folder):
        found, keys = document("solve", written(folder, PLAN)), tomllib.loads(PLAN)["multiparty"]
        market, types = weighed(keys["externality"], keys["weights"]), keys["types"]
        for i in range(3):
            assert found["value"][i] == pytest.approx(market.value(i, types, types), abs=1e-12)
            assert found["payment"][i] == pytest.approx(market.exploitation(i, types), abs=1e-12)
        assert found["weights"] == found["problem"]["weights"] == [1.0, 0.5, 1.5]

    def test_page_and_rows(self, folder):
        path = written(folder, PLAN)
        page = " ".join(run("solve", path, "--csv", folder / "rows.csv").stdout.split())
        assert "logistic quality of weighted data" in page
        assert "counts" in page
        header = (folder / "rows.csv").read_text().splitlines()[0]
        assert header.endswith("weight")

    def test_ones_change_nothing(self, folder):
        plain = document("solve", written(folder, PLAN.replace("weights = [1, 0.5, 1.5]\n", "")))
        ones = document("solve", written(folder, PLAN.replace("0.5, 1.5]\next", "1, 1]\next")))
        np.testing.assert_allclose(ones["payment"], plain["payment"], atol=1e-15)
        assert "weights" not in plain["problem"]

    @pytest.mark.long
    def test_audit_and_simulate(self, folder):
        path = written(folder, PLAN)
        assert all(record["holds"] for record in document("audit", path)["certificates"])
        assert document("simulate", path, "--replications", "50")["status"]["name"] == "OK"

    def test_is_not_carried_out(self, folder):
        agreement, data = folder / "agreement.json", folder / "data"
        run("solve", written(folder, PLAN), "--json", agreement)
        data.mkdir()
        error = run("run", agreement, data, "-o", folder / "returns", code=2).stderr
        assert "leave weights out" in error
        assert len(error.strip().splitlines()) == 1


class TestGrid:
    def test_against_linear_programs(self, folder):
        found, keys = document("solve", written(folder, GRID)), tomllib.loads(GRID)["multiparty"]
        market = weighed(keys["externality"], keys["weights"])
        least = oracle.exists(market, keys["levels"])
        assert found["exists"] == (least >= -1e-9)
        assert np.min(found["revenue"]) == pytest.approx(least, abs=1e-8)
        assert found["weights"] == [1.0, 0.4]

    def test_coalitions_keep_their_weights(self, folder):
        text = PLAN.replace("types = [1.2, 0.8, 0.5]", 'levels = [0.2, 1.0]\nreading = "absent"')
        found, keys = document("solve", written(folder, text)), tomllib.loads(text)["multiparty"]
        market = weighed(keys["externality"], keys["weights"])
        both = oracle.readings(market, keys["levels"])
        assert found["coalitions"][0]["exists"] == (both[0] >= -1e-9)
        assert found["exists"] == (both[1] >= -1e-9)


class TestRefusals:
    @pytest.mark.parametrize(
        ("weights", "told"),
        [
            ("[1.0, 0.5]", "must be a list of 3 positive numbers"),
            ("[1.0, 0.5, 0]", "weights[2] = 0: must be a positive number"),
            ('[1.0, 0.5, "x"]', "weights[2]"),
            ("2", "must be a list of 3 positive numbers"),
        ],
    )
    def test_one_line(self, folder, weights, told):
        error = run("solve", written(folder, PLAN.replace("[1, 0.5, 1.5]", weights)), code=2).stderr
        assert told in error
        assert len(error.strip().splitlines()) == 1

    def test_growing_market_without_levels(self, folder):
        path = written(folder, "[multiparty]\ngrowth = -0.7\ndisparity = 4\nweights = [1.0, 2.0]\n")
        assert "give levels instead" in run("solve", path, code=2).stderr

    def test_a_sweep_keeps_them(self, folder):
        written(folder, PLAN, "weighted.toml")
        text = '[sweep]\nproblem = "weighted.toml"\n[sweep.parameters]\n"types[A]" = [1.2, 2.0]\n'
        run("sweep", written(folder, text, "s.toml"), "-o", folder / "out")
        found = pq.read_table(next((folder / "out").glob("*.parquet")))
        plan = document("solve", folder / "weighted.toml")
        assert found["revenue"][0].as_py() == pytest.approx(plan["revenue"])

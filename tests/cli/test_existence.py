"""``jaxmech solve`` on grids of types from files: pages, documents, proofs that can be checked, wrong files."""

import json

import numpy as np
import pytest

from tests.cli.test_multiparty import document, run
from tests.oracles import multiparty as oracle

RIVALS = [[0.0, 0.1, 0.6], [-0.2, 0.5, 0.4], [0.9, -0.8, 0.5]]
CODE = """
def earnings(q):
    return q * (2 - 0.6 * q.sum())

def few(q):
    return q[:1]

def looks(q):
    return [1.0, 2.0] if q[0] > 0 else [0.0, 0.0]
"""


def written(tmp_path, **keys):
    (tmp_path / "mine.py").write_text(CODE, encoding="utf-8")
    path = tmp_path / "space.toml"
    path.write_text("[multiparty]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in keys.items()))
    return path


@pytest.fixture(scope="module")
def rivals(tmp_path_factory):
    return written(
        tmp_path_factory.mktemp("rivals"),
        agents=["A", "B", "C"],
        levels=[0.5, 2.0],
        externality=RIVALS,
        reading="absent",
    )


@pytest.fixture(scope="module")
def found(rivals):
    return document("solve", rivals)


class TestDocuments:
    def test_verdict_and_coalitions(self, found):
        assert found["reading"] == "absent"
        assert found["exists"] is False
        assert [part["members"] for part in found["coalitions"]] == [
            ["A", "B", "C"],
            ["A", "B"],
            ["A", "C"],
            ["B", "C"],
        ]
        assert [part["exists"] for part in found["coalitions"]] == [True, False, True, True]
        assert found["deciding"]["members"] == ["A", "B"]
        assert found["witness"][2] is None
        assert found["problem"]["reading"] == "absent"
        assert found["problem"]["levels"] == [0.5, 2.0]

    def test_chains_prove_that_none_exists(self, found):
        """Every link against the definitions: what staying away allows, then what one more report allows."""
        hand_out = oracle.best_where_harmless(oracle.logistic, RIVALS)
        market = oracle.Market(3, oracle.linear_market(RIVALS), oracle.logistic, hand_out)
        market, deciding = oracle.among(market, (0, 1)), found["deciding"]
        charged = []
        for i, chain in enumerate(deciding["chains"]):
            profiles = [[size if j == i else t for j, t in enumerate(deciding["types"])] for size in chain["types"]]
            assert chain["payment"][0] == pytest.approx(market.exploitation(i, profiles[0]), abs=1e-12)
            for k, profile in enumerate(profiles[1:]):
                step = chain["payment"][k + 1] - chain["payment"][k]
                assert step == pytest.approx(market.gap(i, profile, chain["types"][k]), abs=1e-12)
            assert chain["types"][-1] == deciding["types"][i]
            charged.append(chain["payment"][-1])
        assert sum(charged) == pytest.approx(deciding["revenue"], abs=1e-12)
        assert sum(charged) < 0

    def test_the_command_line_chooses_the_reading(self, rivals):
        found = document("solve", rivals, "--reading", "present", "--boundary")
        assert found["exists"] is True
        assert found["coalitions"] is None
        assert found["problem"]["reading"] == "present"
        assert found["largest_disparity"] is None
        assert found["searched_to"] == 4.0
        assert found["largest_level"] == [2.0, 2.0, 2.0]


@pytest.mark.long
def test_page(rivals):
    page = " ".join(run("solve", rivals, "--boundary").stdout.split())
    assert "Algorithm 1 with others present or absent" in page
    assert "None exists even at the lowest level: if only A and B take part, at sizes (0.5, 0.5)" in page
    assert "take part exists least revenue / at stake" in page
    assert "If only A and B take part: the profile A" in page


def test_boundary_over_levels_is_that_of_the_growing_market(tmp_path):
    """At growth −0.9 and disparity 1 a mechanism exists, at 2 none; counted in any unit."""
    path = written(tmp_path, growth=-0.9, levels=[0.0, 0.5, 1.0], agents=2)
    found = document("solve", path, "--boundary")
    assert found["largest_disparity"] == 1
    assert found["searched_to"] == 2
    assert found["witness"] == [1.0, 0.0]
    assert np.sign(found["margin_by_level"]).tolist() == [0, 1, -1]


@pytest.mark.long
def test_growing_markets_read_with_absent_others(tmp_path):
    path = tmp_path / "growth.toml"
    path.write_text('[multiparty]\ngrowth = -0.9\nagents = 3\nreading = "absent"\n', encoding="utf-8")
    found = document("solve", path, "--boundary", "--up-to", 20)
    two, three = (
        next(d for d in range(30) if left[d + 1] > n**-0.9 * n * (d + 1) ** 0.1 + 1e-9)
        for n, left in ((n, oracle.left_with_all(-0.9, n, 30)) for n in (2, 3))
    )
    assert found["largest_disparity"] == min(two, three)
    assert found["present"] == (3 if three <= two else 2)


@pytest.mark.long
def test_code_beside_the_file(tmp_path):
    path = written(tmp_path, levels=[0.0, 1.0], agents=2, valuation="general", function="mine.py:earnings")
    found = document("solve", path)
    assert found["exists"] is True
    assert found["problem"]["function"] == "mine.py:earnings"
    assert list(found["problem"]["code"]) == ["mine.py"]
    assert run("solve", path, "--json", tmp_path / "mine.py", code=2).stderr.count("\n") == 1


LEVELS = {"levels": [0, 1]}
PAIR = {"externality": [[1.0, 0.1], [0.2, 1.0]]}


@pytest.mark.parametrize(
    ("keys", "options", "message"),
    [
        ({"function": "mine.py:earning", "agents": 2}, (), "mine.py has no such function; did you mean"),
        ({"function": "mine.py:few", "agents": 2}, (), "must return one number for each of the 2 agents"),
        ({"function": "mine.py:looks", "agents": 2}, (), "fails when it is called: TracerBoolConversionError, line 9"),
        ({"function": "yours.py:earnings", "agents": 2}, (), "no such file: yours.py"),
        ({"function": "no_such_module:earnings", "agents": 2}, (), "no module of this name is installed"),
        ({"function": "mine", "agents": 2}, (), 'must name a function: "module.py:function"'),
        ({"function": "mine.py:earnings"}, (), "must be names, or their number"),
        ({**PAIR, "types": [1, 2]}, (), "means nothing with valuation"),
        ({**PAIR, "agents": ["A", "B", "C"]}, (), "counted differently: 3 and 2 agents"),
        ({**PAIR, "reading": "absnt"}, (), 'must be one of present, absent; did you mean "absent"?'),
        ({**PAIR, "levels": [[0, 1], [0]]}, (), "levels[1]"),
        ({**PAIR, "levels": [0, 1, 1]}, (), "levels[2]"),
        (PAIR, ("--reading", "none"), "must be one of present, absent"),
        (PAIR, ("--boundary", "--up-to", 5), "levels say how far --boundary looks"),
        ({"qualities": [0, 0.1], "values": [[[0, 1], [0, 1]]] * 2}, (), "must reach 0.761594"),
        ({"qualities": [0, 1], "values": [[[0, 1], [0]]] * 2}, (), "lists of one length"),
    ],
    ids=[
        *(
            "misspelt",
            "few",
            "traced",
            "no file",
            "no module",
            "no reference",
            "how many",
            "types",
            "counted",
            "reading",
        ),
        *("ragged", "order", "option", "up to", "short grid", "ragged table"),
    ],
)
def test_refused(tmp_path, keys, options, message):
    result = run("solve", written(tmp_path, **{**LEVELS, **keys}), *options, code=2)
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1
    assert message in result.stderr


def test_plans_have_no_reading():
    assert (
        "asks whether a mechanism exists on a grid of types"
        in run("solve", "competitors", "--reading", "absent", code=2).stderr
    )

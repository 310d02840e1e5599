"""Points that nobody asked for: left out, or used like all others, as the agreement says."""

import copy
import dataclasses
import json
import shutil

import numpy as np
import pytest

from jaxmech import ProblemError, exchange
from jaxmech._json import fingerprint
from jaxmech._party import verify_own
from tests.exchange import agreements as example
from tests.verify.test_verify import Case

NAMES = (*example.COMMANDS, *(pytest.param(name, marks=pytest.mark.long) for name in ("panel", "limited", "robust")))


def with_more(data):
    """The same with three points more of everything, far off, by everybody who can name the column."""
    return [[np.append(column, [40.0, 41.0, 42.0]) for column in columns] for columns in data]


def returned(signed, data):
    done = exchange.carry_out(signed, example.handed(data), [], example.SECRET)
    return exchange.returned_files(done, points=True)


@pytest.mark.parametrize("name", NAMES)
def test_what_is_left_out_changes_nothing_but_the_receipts(name):
    signed = dataclasses.replace(example.agreement(name), drops=True)
    data = example.draw(signed, np.random.default_rng(5))
    as_agreed, more = returned(signed, data), returned(signed, with_more(data))
    for path, content in as_agreed.items():
        if not path.endswith(("receipt.json", "public.json", "operator.json")):
            assert more[path] == content, path
    totals = [json.loads(found["public.json"])["totals"] for found in (as_agreed, more)]
    assert totals[0] == totals[1]
    for path in (path for path in more if path.endswith("receipt.json")):
        hers, told = json.loads(as_agreed[path]), json.loads(more[path])
        assert [check["left_out"] for check in hers["checks"]] == [0] * len(signed.distributions)
        assert [check["left_out"] for check in told["checks"]] == [3] * len(signed.distributions)
        assert told["counts"] == [check["count"] + 3 for check in told["checks"]]
        assert told["doubtful"] == hers["doubtful"]
        for check in (*hers["checks"], *told["checks"]):
            del check["left_out"]
        assert hers["checks"] == told["checks"]
        assert hers["cost"] == told["cost"]


@pytest.mark.parametrize("name", example.COMMANDS)
def test_what_is_used_moves_what_everybody_gets(name):
    signed = dataclasses.replace(example.agreement(name), drops=False)
    data = example.draw(signed, np.random.default_rng(5))
    as_agreed, more = returned(signed, data), returned(signed, with_more(data))
    moved = [path for path in as_agreed if path.endswith("estimate.json") and more[path] != as_agreed[path]]
    assert len(moved) == len(signed.parties)


def test_to_hand_in_fewer_is_the_same_either_way():
    signed = example.agreement("cbl")
    data = example.draw(signed, np.random.default_rng(6))
    data[1] = [column[:-1] for column in data[1]]
    found = [
        exchange.carry_out(dataclasses.replace(signed, drops=drops), example.handed(data), [], example.SECRET)
        for drops in (True, False)
    ]
    assert [exchange.estimate_document(found[0], i) for i in range(8)] == [
        exchange.estimate_document(found[1], i) for i in range(8)
    ]


def test_agreements_that_do_not_say_it_use_all_points_and_others_say_which():
    document = example.document("cbl")
    assert document["problem"]["surplus"] == "drop"
    assert exchange.read_agreement(document, "it").drops
    assert not example.agreement("steady").drops  # it says so
    del document["problem"]["surplus"]
    assert not exchange.read_agreement({**document, "fingerprint": fingerprint(document)}, "it").drops
    document["problem"]["surplus"] = "refuse"
    with pytest.raises(ProblemError, match=r"problem.surplus = 'refuse': must be one of use, drop"):
        exchange.read_agreement({**document, "fingerprint": fingerprint(document)}, "it")


@pytest.fixture(scope="module")
def more(tmp_path_factory):
    """An exchange in which all but one hand in more than they were asked for."""

    def change(data):
        data[:] = with_more(data)
        data[3] = [column[:2] for column in data[3]]

    return Case(tmp_path_factory.mktemp("more"), "cbl", change=change)


class TestVerify:
    """The independent program leaves out what the agreement does, and names an operator who does not."""

    def test_an_honest_exchange_is_accepted(self, more):
        assert more.verify() == []
        assert more.verify(known=False) == []

    def test_every_party_finds_it_right(self, more, tmp_path):
        for number, party in enumerate(example.agreement("cbl").parties):
            [name] = exchange.file_names([party])
            own, mine = tmp_path / f"{number}" / "own", tmp_path / f"{number}" / "mine"
            shutil.copytree(more.returns / name, own / name)
            shutil.copy(more.returns / "public.json", own)
            mine.mkdir()
            shutil.copy(more.submissions / f"{name}.csv", mine)
            assert verify_own(own, more.agreement, party, mine) == []
            assert verify_own(own, more.agreement, party) == []

    @pytest.mark.parametrize("known", [True, False])
    @pytest.mark.parametrize(
        "change",
        [
            lambda check: check.update(count=check["count"] + check["left_out"], left_out=0),
            lambda check: check.update(left_out=check["left_out"] + 1),
            lambda check: check.pop("left_out"),
        ],
        ids=["all of them used", "another number", "not told"],
    )
    def test_an_operator_who_does_otherwise_is_named(self, more, change, known, tmp_path):
        shutil.copytree(more.returns, tmp_path / "returns")
        case = copy.copy(more)
        case.returns = tmp_path / "returns"
        case.edit("operator.json", lambda it: change(it["parties"][1]["distributions"][0]))
        assert any("operator.json" in line and "first" in line for line in case.verify(known=known))

    def test_doubts_that_there_cannot_be_are_named(self, more, tmp_path):
        [name] = exchange.file_names([example.agreement("cbl").parties[1]])
        shutil.copytree(more.returns / name, tmp_path / name)
        shutil.copy(more.returns / "public.json", tmp_path)
        path = tmp_path / name / "receipt.json"
        receipt = json.loads(path.read_text(encoding="utf-8"))
        why = "more than asked for, compared with the rest"
        receipt["doubtful"] = [{"party": "Cleo", "name": "first", "points": 3, "why": why}]
        path.write_text(json.dumps(receipt), encoding="utf-8")
        lines = verify_own(tmp_path, more.agreement, example.agreement("cbl").parties[1])
        assert any("doubtful" in line for line in lines)

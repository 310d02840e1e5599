"""Whole exchanges of a design whose linked checks add up squares, and the independent program that verifies them."""

import jsonschema
import numpy as np
import pytest

from jaxmech import exchange, schemas
from tests.exchange import agreements as example
from tests.verify.exchanged import Exchanged


class Case(Exchanged):
    example = example

    def receipts(self, hashes):
        return [hashes[f"{name}/receipt.json"] for name in exchange.file_names(example.agreement("ellipsoid").parties)]


def fewer(data):
    data[2] = [np.zeros(0)] * 2
    data[5] = [column[: len(column) // 2] for column in data[5]]


def test_the_agreement_is_valid_by_its_schema():
    document = example.document("ellipsoid")
    jsonschema.validate(document, schemas.load("design"))
    assert document["integer_plan"]["ellipsoid"] is True
    assert all(rule["ellipsoid"] for rule in document["rule"])


@pytest.mark.parametrize("change", [None, fewer], ids=["as agreed", "otherwise"])
def test_an_honest_exchange_is_accepted(change, tmp_path):
    case = Case(tmp_path, "ellipsoid", change=change)
    assert case.verify() == []
    assert case.verify(known=False) == []


def test_an_agreement_that_is_called_a_box_breaks_its_promises(tmp_path):
    """The independent program has the chances of both regions: those of a box are larger, so penalties are lower."""
    case = Case(tmp_path, "ellipsoid")
    case.edit("agreement.json", lambda it: it["integer_plan"].pop("ellipsoid"), signed=True)
    assert any("is promised a penalty" in line for line in case.verify(known=False))


@pytest.mark.parametrize("limit", [1e4, 1e9])
def test_absurd_limits_break_their_promises_at_once(limit, tmp_path):
    """The series of chances has as many terms as a limit has squares: of such ones nothing is added up."""
    case = Case(tmp_path, "ellipsoid")
    case.edit("agreement.json", lambda it: it["integer_plan"]["limit"][0].__setitem__(0, limit), signed=True)
    assert any("is promised a penalty" in line for line in case.verify(known=False))


def test_discrepancies_within_their_limits_fail_together(tmp_path):
    """Cleo's means are moved to 0.8 limits from those that they are compared with: 0.8² + 0.8² > 1."""
    signed = example.agreement("ellipsoid")
    data = example.draw(signed, np.random.default_rng(0))
    done = exchange.carry_out(signed, example.handed(data), [], example.SECRET)
    for k, one in enumerate(done.responses[2]):
        data[2][k] = data[2][k] + one.clean.mean - np.mean(data[2][k]) + 0.8 * signed.limit[2, k]

    def moved(rows):
        rows[:] = data

    case = Case(tmp_path, "ellipsoid", change=moved)
    assert case.verify() == []
    done = exchange.carry_out(signed, example.handed(data), [], example.SECRET)
    for check in exchange.receipt_document(done, 2)["checks"]:
        assert check["discrepancy"] == pytest.approx(0.8 * check["limit"])
        assert (check["passed"], check["follows"]) == (False, "withheld")
    data[2][1] = data[2][1] - 0.3 * signed.limit[2, 1]  # 0.8² + 0.5² < 1
    done = exchange.carry_out(signed, example.handed(data), [], example.SECRET)
    assert all(check["passed"] for check in exchange.receipt_document(done, 2)["checks"])

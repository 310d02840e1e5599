"""Whole exchanges of parties to whom accuracy is worth different amounts, and the program that verifies them."""

import jax
import numpy as np
import pytest

from jaxmech import ProblemError, collaboration, exchange, verify
from jaxmech._json import fingerprint
from jaxmech.mechanism import Submission
from tests.exchange import agreements as example
from tests.verify.exchanged import Exchanged

pytestmark = pytest.mark.long


class Case(Exchanged):
    example = example

    def receipts(self, hashes):
        return [hashes[f"{name}/receipt.json"] for name in exchange.file_names(example.agreement("priced").parties)]


def otherwise(data):
    data[1][0] = np.concatenate([data[1][0], np.ones(12)])


@pytest.mark.parametrize("change", [None, otherwise], ids=["as agreed", "otherwise"])
def test_an_honest_exchange_is_accepted(change, tmp_path):
    case = Case(tmp_path, "priced", change=change)
    assert case.verify() == []
    assert case.verify(known=False) == []
    assert list(verify.soundness(verify.Agreement(example.document("priced")))) == []


def test_what_is_signed_and_handed_out_is_that_of_the_mechanism_in_memory():
    signed = example.agreement("priced")
    told = collaboration.Problem(signed.costs, signed.sigma, signed.price)
    whole = collaboration.integer_plan(told, collaboration.solve(told, division="leverage").value).plan
    assert np.array_equal(whole.samples, signed.samples)
    checked = signed.role == "checked"
    assert checked.any()
    np.testing.assert_allclose(np.asarray(whole.alpha)[checked], signed.alpha[checked], rtol=1e-9)
    np.testing.assert_allclose(whole.penalty, signed.penalty, rtol=1e-9)
    # nothing is drawn for who receives, so that the mechanism of the library is an independent answer
    data = example.draw(signed, np.random.default_rng(3))
    answer = collaboration.mechanism(told, whole).respond(Submission.from_ragged(data), jax.random.key(0))
    done = exchange.carry_out(signed, example.handed(data), [], example.SECRET)
    for i, k in np.argwhere(signed.role == "receives").tolist():
        entry = exchange.estimate_document(done, i)["distributions"][k]
        assert entry["clean_count"] == answer.clean_count[i, k]
        assert entry["clean_mean"] == pytest.approx(float(answer.clean_mean[i, k]), rel=1e-12)


def test_promises_are_kept_on_average():
    example.promises_are_kept("priced", runs=600, within=0.1)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda it: it["price"][1].__setitem__(0, 9.0), "is promised a penalty of"),
        (lambda it: it["price"][1].__setitem__(0, 0.01), "gains by collecting"),
        (lambda it: it["price"][1].__setitem__(1, 0.01), "alone"),
    ],
)
def test_another_price_of_one_party_makes_the_agreement_unsound(change, words):
    document = example.document("priced")
    change(document["problem"])
    lines = [line for line in verify.soundness(verify.Agreement(document)) if words in line]
    assert lines
    assert all("Bo, B." in line for line in lines)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda it: it["price"].pop(), "problem.price"),
        (lambda it: it["price"][0].pop(), "problem.price"),
        (lambda it: it.__setitem__("sigma", [[1.0, 2.0]] * 8), "problem.sigma"),
        (lambda it: it.__setitem__("panels", {"second": ["second"]}), "with panels"),
        (lambda it: it.__setitem__("mechanism", "designed"), "with a design"),
    ],
)
def test_tables_that_cannot_be_carried_out_are_refused_in_one_line(change, words):
    document = example.document("priced")
    change(document["problem"])
    with pytest.raises(ProblemError, match=words) as refused:
        exchange.read_agreement({**document, "fingerprint": fingerprint(document)}, "signed.json")
    assert "\n" not in str(refused.value)

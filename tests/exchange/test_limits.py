"""Whole exchanges of parties with most, least and budget, and the independent program that verifies them."""

import itertools

import jax
import numpy as np
import pytest

from jaxmech import ProblemError, collaboration, exchange, verify
from jaxmech._json import fingerprint
from jaxmech.mechanism import Submission
from tests.exchange import agreements as example
from tests.verify.exchanged import Exchanged


class Case(Exchanged):
    example = example

    def receipts(self, hashes):
        return [hashes[f"{name}/receipt.json"] for name in exchange.file_names(example.agreement("limited").parties)]


def otherwise(data):
    data[0][0] = np.concatenate([data[0][0], np.ones(12)])
    data[3] = [column[:5] for column in data[3]]


@pytest.mark.parametrize("name", example.BOUNDED)
@pytest.mark.parametrize("change", [None, otherwise], ids=["as agreed", "otherwise"])
def test_an_honest_exchange_is_accepted(name, change, tmp_path):
    case = Case(tmp_path, name, change=change)
    assert case.verify() == []
    assert case.verify(known=False) == []
    assert list(verify.soundness(verify.Agreement(example.document(name)))) == []


def test_who_must_collect_and_receives_gets_all_points_and_her_own():
    """Nothing is drawn for her, so that the mechanism of the library is an independent answer."""
    signed, document = example.agreement("bounded"), example.document("bounded")
    data = example.draw(signed, np.random.default_rng(3))
    data[5] = [np.zeros(0)] * 2
    ((i, k),) = np.argwhere((signed.role == "receives") & (signed.samples > 0)).tolist()
    problem = document["problem"]
    limits = {key: np.array([[float(entry) for entry in row] for row in problem[key]]) for key in ("most", "least")}
    told = collaboration.Problem(signed.costs, signed.sigma, signed.price, **limits)
    whole = collaboration.integer_plan(told, collaboration.solve(told, mechanism="c3d").value).plan
    assert np.array_equal(whole.samples, signed.samples)
    answer = collaboration.mechanism(told, whole).respond(Submission.from_ragged(data), jax.random.key(0))
    done = exchange.carry_out(signed, example.handed(data), [], example.SECRET)
    entry = exchange.estimate_document(done, i)["distributions"][k]
    assert entry["clean_count"] == answer.clean_count[i, k] == sum(len(row[k]) for row in data)
    assert entry["clean_mean"] == pytest.approx(float(answer.clean_mean[i, k]), rel=1e-12)
    points = exchange.returned_files(done, points=True)[f"{exchange.file_names(signed.parties)[i]}/points.csv"]
    rows = [line for line in points.decode().splitlines() if line.startswith(f"{entry['name']},")]
    assert len(rows) == entry["clean_count"]


@pytest.mark.long
def test_promises_are_kept_on_average():
    example.promises_are_kept("bounded", runs=600, within=0.1)


def test_other_numbers_than_limits_allow_are_said(tmp_path):
    case = Case(tmp_path, "limited", change=otherwise)
    signed = example.agreement("limited")
    told = {remark.text for remark in exchange.read_submissions(case.submissions, signed)[1]}
    assert "Dr. D handed in 5 points of first; asked for 15, and at least 15 by her limits" in told
    assert any("Dr. D handed in 5 points of second" in text and "limits" not in text for text in told)

    def silent(document):
        document["remarks"] = [text.partition(", and")[0] for text in document["remarks"]]

    case.edit("Dr. D/receipt.json", silent)
    case.rehash()
    assert any("receipt.json: remarks" in line for line in case.verify())


UNSOUND = {
    "more than she can": (lambda it: it["most"][3].__setitem__(0, 14.0), "most, least and budget allow"),
    "less than she must": (lambda it: it["least"][0].__setitem__(1, 30.0), "most, least and budget allow"),
    "more than she can pay": (lambda it: it["budget"].__setitem__(5, 0.2), "most, least and budget allow"),
    "she could do better": (lambda it: it["least"][3].__setitem__(0, 0.0), "gains by collecting"),
    "she could do better alone": (lambda it: it["least"][3].__setitem__(0, 0.0), "alone"),
}


@pytest.mark.parametrize("name", UNSOUND)
def test_an_agreement_that_breaks_its_limits_is_unsound(name):
    change, words = UNSOUND[name]
    document = example.document("limited")
    change(document["problem"])
    assert any(words in line for line in verify.soundness(verify.Agreement(document)))


def test_alone_within_limits_is_the_best_of_all_whole_numbers():
    """Against all pairs of whole numbers; with a budget but for less than the price of one point that is left."""
    document, generator = example.document("limited"), np.random.default_rng(0)
    for _ in range(40):
        agreement = verify.Agreement(document)
        agreement.costs[0] = generator.uniform(0.02, 0.2, 2)
        agreement.most[0], agreement.least[0] = generator.uniform(2, 9, 2), generator.uniform(0, 2, 2)
        agreement.budget[0] = generator.choice([np.inf, float(agreement.costs[0] @ [3, 4])])
        worth = generator.uniform(0.2, 4, 2)
        pairs = [np.array(pair, float) for pair in itertools.product(range(1, 10), repeat=2)]
        paid = [float(np.sum(worth / n) + agreement.costs[0] @ n) for n in pairs if agreement.allows(0, n)]
        found = verify.best_alone(agreement, 0, worth)
        if np.isinf(agreement.budget[0]):
            assert found == pytest.approx(min(paid), rel=1e-12)
        else:
            assert min(paid, default=np.inf) <= found * (1 + 1e-12)
            assert found <= min(paid, default=np.inf) * 1.15


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda it: it["problem"].pop("budget"), "problem.budget"),
        (lambda it: it["problem"]["most"].pop(), "problem.most"),
        (lambda it: it["problem"]["least"][0].pop(), "problem.least"),
    ],
)
def test_limits_that_do_not_fit_are_refused_in_one_line(change, words):
    document = example.document("limited")
    change(document)
    with pytest.raises(ProblemError, match=words) as refused:
        exchange.read_agreement({**document, "fingerprint": fingerprint(document)}, "signed.json")
    assert "\n" not in str(refused.value)
    with pytest.raises(verify.UnreadableError):
        verify.Agreement(document)

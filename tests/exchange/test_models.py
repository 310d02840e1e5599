"""Models shared among competitors: the library's plan is an independent answer, at whatever is handed in."""

import json
import re

import numpy as np
import pytest

from jaxmech import ProblemError, exchange, multiparty
from jaxmech._json import fingerprint
from tests.exchange import trades as example

pytestmark = pytest.mark.usefixtures("compile_quickly")


def honest(name="models", seed=0):
    return example.draw(example.agreement(name), np.random.default_rng(seed))


def files(done, *, points=False):
    found = exchange.returned_files(done, points=points)
    return {path: json.loads(content) for path, content in found.items() if path.endswith(".json")}


def library(signed, sizes):
    problem = multiparty.Problem(sizes, multiparty.Linear(signed.externality), signed.quality)
    return multiparty.solve(problem, mechanism=signed.mechanism).raise_for_status().value


@pytest.mark.parametrize("name", ["models", "free"])
class TestAllotment:
    """Who gets which model and pays what."""

    def test_is_as_promised_if_all_hand_in_what_they_said(self, name):
        done, document = example.carry_out(name, honest(name)), example.document(name)
        assert done.allotment.payment == pytest.approx(document["payment"], rel=1e-12, abs=1e-15)
        assert done.allotment.quality == pytest.approx(document["quality"], rel=1e-12)
        assert done.allotment.outside == pytest.approx(document["outside"], rel=1e-12)
        assert done.money["surplus"] == pytest.approx(document["revenue"], rel=1e-12, abs=1e-15)

    @pytest.mark.parametrize("seed", range(3))
    def test_is_that_of_the_library_for_whatever_is_handed_in(self, name, seed):
        signed, generator = example.agreement(name), np.random.default_rng(seed)
        counts = generator.integers(0, 40, 4)
        found = exchange.allot(signed, counts, np.ones(4, bool))
        plan = library(signed, counts / signed.points)
        for field in ("quality", "value", "outside", "payment"):
            assert getattr(found, field) == pytest.approx(np.asarray(getattr(plan, field)), rel=1e-9, abs=1e-12)

    def test_leaves_out_who_stays_away(self, name):
        """She contributes nothing, gets nothing and pays nothing; to the others she is as if she were not there."""
        signed, data = example.agreement(name), honest(name)
        done = example.carry_out(name, [data[0], None, *data[2:]])
        assert done.allotment.model[1] == "none"
        assert done.allotment.payment[1] == 0
        assert files(done)["Bo, B_/model.json"] | {"agreement": ""} == {
            "kind": "model", "party": "Bo, B.", "agreement": "", "model": "none", "quality": 0.0, "count": 0,
            "mean": None, "variance": None,
        }  # fmt: skip
        sizes = np.array([1.2, 0.0, 0.3, 0.5])
        plan = library(signed, sizes)
        others = np.array([0, 2, 3])
        best = float(plan.best)
        assert done.allotment.best == pytest.approx(best)
        assert done.allotment.quality[others] == pytest.approx(np.asarray(plan.quality)[others])
        # What the absent one's model does to others is the same in both terms of a payment.
        used = np.where(np.arange(4) == 1, 0.0, np.asarray(plan.quality))
        assert done.allotment.value == pytest.approx(signed.externality @ used)

    def test_an_empty_file_is_not_to_stay_away(self, name):
        data = honest(name)
        data[1] = [np.zeros(0)]
        done = example.carry_out(name, data)
        assert done.allotment.model[1] == "best"
        assert (done.allotment.payment[1] != 0) == (name == "models")


def test_who_hides_data_gets_a_worse_model_and_gains_nothing():
    signed, data = example.agreement("models"), honest()
    types = signed.types
    true = np.array([float(np.tanh(size / 2)) for size in types])
    plan = example.carry_out("models", data).allotment
    for i in range(4):
        for share in (0.0, 0.25, 0.5, 0.75):
            fewer = [[row[0][: int(share * len(row[0]))]] if j == i else row for j, row in enumerate(data)]
            found = example.carry_out("models", fewer).allotment
            used = np.where(np.arange(4) == i, np.maximum(found.quality, true), found.quality)
            left = float(signed.externality[i] @ used) - found.payment[i]
            assert left <= plan.value[i] - plan.payment[i] + 1e-12


def test_a_model_is_made_of_everybodys_data_or_of_ones_own():
    data = honest()
    found = files(example.carry_out("models", data))
    everything = np.concatenate([row[0] for row in data])
    assert found["Ada/model.json"]["mean"] == pytest.approx(everything.mean(), rel=1e-12)
    assert found["Ada/model.json"]["variance"] == pytest.approx(everything.var(ddof=1), rel=1e-12)
    assert found["Cleo/model.json"]["model"] == "own"
    assert found["Cleo/model.json"]["mean"] == pytest.approx(data[2][0].mean(), rel=1e-12)


@pytest.mark.parametrize("points", [False, True])
@pytest.mark.parametrize("name", ["models", "free"])
def test_no_value_of_another_reaches_a_party_but_by_her_model(name, points):
    data = honest(name, 5)
    done = example.carry_out(name, data)
    found = exchange.returned_files(done, points=points)
    folders = exchange.file_names(done.agreement.parties)
    for i, folder in enumerate(folders):
        text = "".join(content.decode() for path, content in found.items() if path.startswith(f"{folder}/"))
        seen = set(re.findall(r"-?\d+\.\d+(?:e[+-]\d+)?", text + found["public.json"].decode()))
        others = {repr(value) for j, row in enumerate(data) if j != i for value in row[0].tolist()}
        given = {repr(value) for value in done.data(i).tolist()} if points else set()
        assert seen & others == given & others
        for j, other in enumerate(done.agreement.parties):
            assert j == i or f'"{other}"' not in text
        assert example.SECRET not in text


def test_a_model_of_one_point_has_no_variance():
    found = exchange.returned_files(example.carry_out("free", [[np.array([2.5])], None, None, None]), points=True)
    assert json.loads(found["Ada/model.json"])["variance"] is None
    assert found["Ada/points.csv"] == b"distribution,value,variance\nvalue,2.5,0.0\n"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda it: it["problem"].update(points=0.7), "problem.points = 0.7"),
        (lambda it: it["problem"].update(points=0), "problem.points = 0"),
        (lambda it: it["problem"].update(quality="cubic"), "quality = 'cubic'"),
        (lambda it: it["problem"].update(mechanism="exploit"), "mechanism = 'exploit'"),
        (lambda it: it["problem"].update(externality=[[1.0]]), "problem.externality"),
        (lambda it: it["problem"].update(agents=["Ada"] * 4), "must not occur twice"),
        (lambda it: it.pop("allocation"), "there is nothing to carry out"),
        (lambda it: it["settings"].update(dtype="float16"), "settings.dtype"),
    ],
)
def test_what_cannot_be_carried_out_is_refused_in_one_line(change, words):
    document = example.document("models")
    change(document)
    with pytest.raises(ProblemError, match=r"^signed\.json: ") as refused:
        exchange.read_agreement({**document, "fingerprint": fingerprint(document)}, "signed.json")
    assert words in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.slow
@pytest.mark.parametrize("name", example.PROBLEMS)
def test_stored_agreements_are_found_anew(name):
    found, kept = json.loads(example.made(name)), example.document(name)
    assert found["problem"] == kept["problem"]
    if name not in example.MARKETS:
        for key in ("payment", "utility", "allocation"):
            assert found[key] == pytest.approx(kept[key], rel=1e-9, abs=1e-12)
        return
    for side, keys in (("contributors", ("samples", "payment")), ("buyers", ("size", "price", "value"))):
        for one, other in zip(found[side], kept[side], strict=True):
            assert [one[key] for key in keys] == pytest.approx([other[key] for key in keys], rel=1e-6)

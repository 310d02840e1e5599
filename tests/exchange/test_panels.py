"""Whole exchanges where one draw measures several values, and the independent program that verifies them."""

import jsonschema
import numpy as np
import pytest

from jaxmech import ProblemError, exchange, schemas, verify
from jaxmech._json import fingerprint
from tests.exchange import agreements as example
from tests.verify.exchanged import Exchanged


class Case(Exchanged):
    example = example

    def receipts(self, hashes):
        return [hashes[f"{name}/receipt.json"] for name in exchange.file_names(example.agreement("panel").parties)]


def fewer(data):
    data[2] = [np.zeros(0)] * 4
    data[5] = [column[: len(column) // 2] for column in data[5]]


@pytest.mark.parametrize("name", example.PANELS)
@pytest.mark.parametrize("change", [None, fewer], ids=["as agreed", "otherwise"])
def test_an_honest_exchange_is_accepted(change, name, tmp_path):
    case = Case(tmp_path, name, change=change)
    assert case.verify() == []
    assert case.verify(known=False) == []


@pytest.fixture(scope="module")
def done():
    signed = example.agreement("panel")
    data = example.draw(signed, np.random.default_rng(0))
    return exchange.carry_out(signed, example.handed(data), [], example.SECRET)


def test_values_of_a_draw_share_the_points_that_are_drawn(done):
    for row in done.responses:
        first, *panel = ((one.clean.subset.digest, one.rest.subset.digest) for one in row)
        assert len(set(panel)) == 1
        assert first not in panel
        assert len({one.normal for one in row}) == 4  # noise is drawn for each


def test_noise_is_in_proportion_to_each_spread(done):
    signed = done.agreement
    assert np.array_equal(signed.alpha[:, 1], signed.alpha[:, 3])
    for i, row in enumerate(done.responses):
        for k, one in enumerate(row):
            assert one.added == pytest.approx((signed.alpha[i, k] * one.discrepancy) ** 2)


def test_a_draw_is_paid_for_once(done):
    owed = exchange.estimate_document(done, 0)
    count = done.agreement.samples[0]
    assert owed["cost"] == pytest.approx(0.01 * count[0] + 0.02 * count[1])
    assert [entry["name"] for entry in owed["distributions"]] == ["first", "a", "b", "c"]


@pytest.mark.long
@pytest.mark.parametrize(("name", "runs"), [("panel", 150), ("designed-panel", 600)])
def test_promises_are_kept_whatever_the_correlation(name, runs):
    """Coordinates that are equal up to their σ, the strongest dependence there is."""
    signed, generator = example.agreement(name), np.random.default_rng(1)
    paid = []
    for run in range(runs):
        data = []
        for counts in signed.samples:
            rows = generator.standard_normal((2, counts.max()))
            data.append([3.0 + signed.sigma[k] * rows[min(k, 1), : counts[k]] for k in range(4)])
        found = exchange.carry_out(signed, example.handed(data), [], f"{run:064x}")
        paid.append(example.penalties(found).sum())
    error = np.std(paid, ddof=1) / runs**0.5
    assert abs(np.mean(paid) - signed.penalty.sum()) < 3.5 * error
    assert error < 0.05 * signed.penalty.sum()


def test_rows_that_lack_a_value_are_refused(tmp_path):
    signed = example.agreement("panel")
    data = example.draw(signed, np.random.default_rng(0))
    data[1][2] = data[1][2][:-1]
    with pytest.raises(exchange.FaultyError) as refused:
        exchange.read_submissions(example.write(signed, data, tmp_path / "in"), signed)
    (fault,) = refused.value.faults
    assert "each draw of second must give both" in str(fault)
    assert fault.column == "b"


TAMPERED = {
    "estimate of a value": (
        "Ada/estimate.json",
        lambda it: it["distributions"][2].update(estimate=3.0),
        "b]: estimate",
    ),
    "which points": (
        "operator.json",
        lambda it: it["parties"][0]["distributions"][3]["clean"].update(listed="0" * 64),
        "c]: clean: listed",
    ),
    "cost": ("Ada/receipt.json", lambda it: it.update(cost=it["cost"] * 3), "cost is"),
}


@pytest.mark.parametrize("name", TAMPERED)
def test_what_is_changed_is_named(name, tmp_path):
    file, change, words = TAMPERED[name]
    case = Case(tmp_path, "panel")
    case.edit(file, change)
    case.rehash()
    assert any(words in line for line in case.verify()), case.verify()


def test_agreements_whose_panels_do_not_fit_are_refused(tmp_path):
    document = example.document("panel")
    document["problem"]["panels"]["second"] = ["a", "b"]
    with pytest.raises(verify.UnreadableError, match="do not fit"):
        verify.Agreement(document)
    sound = verify.Agreement(example.document("panel"))
    assert list(verify.soundness(sound)) == []
    document = example.document("panel")
    document["problem"]["price"][2] *= 2
    assert any("is promised a penalty" in line for line in verify.soundness(verify.Agreement(document)))


def test_a_designed_agreement_is_that_of_every_value():
    document = example.document("designed-panel")
    jsonschema.validate(document, schemas.load("design"))
    signed = example.agreement("designed-panel")
    by_draw = np.array(document["integer_plan"]["limit"], float)  # "inf" where nothing is checked
    np.testing.assert_allclose(signed.limit, by_draw[:, [0, 1, 1, 1]] * [1, 2, 0.5, 4])
    told = {one["name"]: one["limit"] for panel in document["panels"] for one in panel["coordinates"]}
    np.testing.assert_allclose(np.array([told[name] for name in "abc"], float).T, signed.limit[:, 1:])
    assert [np.flatnonzero(row).tolist() for row in signed.noise.hangs_on] == [[0, 1], [0, 1], [0, 2], [0, 3]]


def test_a_value_is_withheld_for_what_it_hangs_on_alone():
    """One party's values of one draw are far off: what hangs on them is withheld, and nothing else."""
    signed = example.agreement("designed-panel")
    i = next(i for i, row in enumerate(signed.role) if (row == "checked").all() and signed.rest[i, 1] > 0)
    for far, withheld in ((1, {"a"}), (2, {"b"}), (0, {"a", "b", "c"})):
        data = [[np.full(count, 3.0) for count in counts] for counts in signed.samples]
        data[i][far] = data[i][far] + 100
        found = exchange.carry_out(signed, example.handed(data), [], example.SECRET).responses[i]
        added = {
            name: one.added
            for name, one in zip(signed.distributions, found, strict=True)
            if one.rest and one.rest.count
        }
        assert {name for name, one in added.items() if np.isinf(one)} == withheld
        assert set(added) == {"a", "b", "c"}


@pytest.mark.parametrize(
    "hangs_on", [None, [["first", "a"]], [["first"], ["a"], ["b"], ["c"]], [["first", "a", "b"]] * 4]
)
def test_agreements_that_hang_on_other_values_are_refused(hangs_on):
    document = example.document("designed-panel")
    document["integer_plan"]["hangs_on"] = hangs_on
    document["fingerprint"] = fingerprint(document)
    with pytest.raises(ProblemError, match="itself and one value of every other draw"):
        exchange.read_agreement(document, "it")
    with pytest.raises(verify.UnreadableError, match="hangs_on"):
        verify.Agreement(document)

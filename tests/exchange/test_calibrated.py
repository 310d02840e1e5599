"""Exchanges whose noise level follows the spread of the data, and the independent program that verifies them."""

import json

import jsonschema
import numpy as np
import pytest

from jaxmech import exchange, schemas, verify
from tests.exchange import agreements as example
from tests.oracles import calibrated as oracle
from tests.verify.exchanged import Exchanged


class Case(Exchanged):
    example = example

    def receipts(self, hashes):
        return [hashes[f"{name}/receipt.json"] for name in exchange.file_names(example.agreement("both").parties)]


def fewer(data):
    data[2] = [np.zeros(0) for _ in data[2]]
    data[5] = [column[:3] for column in data[5]]


def narrow(data):
    for row in data:
        row[:] = [3 + 0.2 * (column - 3) for column in row]


def wide(data):
    for row in data:
        row[:] = [3 + 20 * (column - 3) for column in row]


def nobody(data):
    data[1:] = [[column[:0] for column in row] for row in data[1:]]


CHANGES = {"as agreed": None, "fewer": fewer, "narrow": narrow, "wide": wide, "nobody else": nobody}


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("calibrated", "as agreed"),
        ("calibrated", "wide"),
        ("calibrated", "nobody else"),
        pytest.param("both", "fewer", marks=pytest.mark.long),
        pytest.param("both", "narrow", marks=pytest.mark.long),
        pytest.param("calibrated panel", "fewer", marks=pytest.mark.long),
    ],
)
def test_an_honest_exchange_is_accepted(name, change, tmp_path):
    case = Case(tmp_path, name, change=CHANGES[change], points=change != "wide")
    assert case.verify() == []
    assert case.verify(known=False) == []
    for path in case.returns.rglob("*.json"):
        document = json.loads(path.read_text(encoding="utf-8"))
        jsonschema.validate(document, schemas.load(document["kind"]))


@pytest.mark.parametrize("name", example.CALIBRATED)
def test_every_agreement_is_sound_and_another_is_not(name):
    document = example.document(name)
    assert list(verify.soundness(verify.Agreement(document))) == []
    document["integer_plan"]["penalty"][1] *= 1 + 1e-5
    assert any("is promised" in line for line in verify.soundness(verify.Agreement(document)))
    document = example.document(name)
    for key in ("samples", "comparison"):
        document["integer_plan"][key][1] = [2 * count for count in document["integer_plan"][key][1]]
    assert any("gains by collecting" in line for line in verify.soundness(verify.Agreement(document)))


def carried(name, change=None, seed=0):
    signed = example.agreement(name)
    data = example.draw(signed, np.random.default_rng(seed))
    if change:
        change(data)
    return data, exchange.carry_out(signed, example.handed(data), [], example.SECRET)


def test_the_noise_level_is_that_of_the_spread_of_what_the_others_handed_in():
    """σ̂ from numbers of points alone; α by bisection on differences of the penalty, T/n* points being in question."""
    data, done = carried("calibrated")
    signed, cost = done.agreement, (0.001, 0.003)
    for i, k in np.ndindex(8, 2):
        one, n = done.responses[i][k], signed.samples[i, k]
        others = np.concatenate([row[k] for j, row in enumerate(data) if j != i])
        clean = one.clean.subset.members
        rest = np.setdiff1d(np.arange(len(others)), clean)[one.rest.subset.members]
        left = np.setdiff1d(np.arange(len(others)), [*clean, *rest])
        groups = [others[part] for part in (clean, rest, left) if len(part)]
        freedom = len(others) - len(groups)
        spread = sum(np.var(part) * len(part) for part in groups) / freedom
        assert (one.level.freedom, one.level.level) == (freedom, "data")
        assert one.level.sigma == pytest.approx(spread**0.5, rel=1e-12)
        kappa = cost[k] * n**2 / (signed.price[k] * spread)
        tau = 2 + signed.rest[i, k] / n
        assert one.level.alpha**2 / n == pytest.approx(oracle.noise_level(tau, kappa), rel=1e-5)
        assert one.added == pytest.approx((one.level.alpha * one.discrepancy) ** 2, rel=1e-12)


def test_noise_is_cut_off_where_the_agreed_spread_is_far_off():
    for change, level in ((narrow, "most"), (wide, "none"), (nobody, "assumed")):
        _, done = carried("calibrated", change)
        told = exchange.public_document(done, ["0" * 64] * 8, points=False)["totals"]
        assert all(total["noise"][level] >= 1 for total in told)
        assert {row[0].level.level for row in done.responses[:1]} == {level}
        assert (done.responses[0][0].level.alpha == 0) == (level == "none")
        owed = exchange.estimate_document(done, 0)["distributions"][0]
        assert np.isfinite(owed["estimate"])
        assert (owed["noisy_variance"] == owed["sigma"] ** 2) == (level == "none")


def test_standard_errors_follow_the_data_and_not_the_agreed_spread():
    """Of steady weights: σ̂ (clean + noisy/b)^(−½), b = 1 + α²(1/n + 1/|Z|)."""
    _, done = carried("both", lambda data: [row.__setitem__(0, 1.5 * row[0]) for row in data])
    for i, row in enumerate(done.responses):
        owed, one = exchange.estimate_document(done, i)["distributions"][0], row[0]
        b = 1 + one.level.alpha**2 * (1 / one.own_count + 1 / one.clean.count)
        points = owed["clean_count"] + owed["noisy_count"] / b
        assert owed["standard_error"] == pytest.approx(one.level.sigma / points**0.5, rel=1e-12)
        assert one.level.sigma == pytest.approx(1.5, rel=0.25)


def test_nothing_of_her_own_moves_her_noise_level():
    data, done = carried("calibrated")
    data[3] = [100 * column[:4] for column in data[3]]
    other = exchange.carry_out(done.agreement, example.handed(data), [], example.SECRET)
    assert [one.level for one in other.responses[3]] == [one.level for one in done.responses[3]]
    assert other.responses[2][0].level != done.responses[2][0].level


@pytest.mark.long
def test_promises_are_kept_on_average():
    example.promises_are_kept("both", runs=100, within=0.15)


def first(key, value):
    return lambda it: it["distributions"][0].update({key: value})


TAMPERED = {
    "spread": ("Ada/estimate.json", first("sigma", 1.0), "estimate.json: distributions[first]: sigma"),
    "coefficient": ("Ada/estimate.json", first("alpha", 1.0), "estimate.json: distributions[first]: alpha"),
    "freedom": ("Ada/estimate.json", first("freedom", 9), "freedom"),
    "level": ("Ada/receipt.json", lambda it: it["checks"][0].update(level="none"), "level"),
    "for all": ("public.json", lambda it: it["totals"][0]["noise"].update(most=3), "noise: most"),
    "range": ("public.json", lambda it: it["totals"][1]["noise"]["sigma"].reverse(), "noise: sigma"),
    "left out": ("public.json", lambda it: it["totals"][0].pop("noise"), "noise is missing"),
}


@pytest.mark.parametrize("name", TAMPERED)
def test_what_is_changed_is_named(name, tmp_path):
    file, change, words = TAMPERED[name]
    case = Case(tmp_path, "both")
    case.edit(file, change)
    if file != "public.json":
        case.rehash()
    assert any(words in line for line in case.verify()), case.verify()


def test_a_spread_that_the_data_do_not_have_is_named(tmp_path):
    """Without what was handed in, σ̂ is taken as told; with it, it is not."""
    case = Case(tmp_path, "both", points=False)
    case.edit("operator.json", lambda it: it["parties"][0]["distributions"][0].update(sigma=1.0))
    assert any("parties[Ada]: distributions[first]: sigma" in line for line in case.verify())
    assert any("alpha" in line for line in case.verify(known=False))

"""Exchanges whose noise level follows the spread of the data, and the independent program that verifies them."""

import json
from itertools import pairwise

import jsonschema
import numpy as np
import pytest
from scipy.integrate import quad

from jaxmech import ProblemError, exchange, schemas, verify
from jaxmech._json import fingerprint
from tests.exchange import agreements as example
from tests.oracles import calibrated as oracle
from tests.oracles import robust
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
        pytest.param("robust", "as agreed", marks=pytest.mark.long),
        pytest.param("robust", "fewer", marks=pytest.mark.long),
        pytest.param("robust", "nobody else", marks=pytest.mark.long),
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


@pytest.mark.parametrize("factor", [1e-3, 0.3, 1.0, 50.0])
def test_what_an_agreement_promises_is_the_mean_over_normal_discrepancies(factor):
    """E[1/(n + z + rest/(1 + α² (1/n + 1/z) x²))] by adaptive quadrature, averaged over the noise levels."""
    signed = verify.Agreement(example.document("calibrated"))
    assert signed.role[1][0] == "checked"
    n, z, rest = factor * float(signed.asked[1, 0]), float(signed.z[1, 0]), float(signed.rest[1, 0])
    levels, chances = verify.noise_levels(signed, 1, 0)

    def mean(scale):
        def density(x):
            return 2 * np.exp(-(x**2) / 2) / np.sqrt(2 * np.pi) / (n + z + rest / (1 + scale * x**2))

        return sum(
            quad(density, a, b, epsabs=0, epsrel=1e-12, limit=200)[0] for a, b in pairwise([0, 0.01, 0.3, 3, 12])
        )

    expected = sum(chance * mean(level * (1 / n + 1 / z)) for level, chance in zip(levels, chances, strict=True))
    others = float(signed.asked[:, 0].sum() - signed.asked[1, 0])
    assert verify.published_error(signed, 1, 0, n, others) == pytest.approx(expected, rel=1e-11)


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


def test_robust_noise_is_that_of_the_median_of_the_others_spreads():
    """σ̂ by the definition, part by part; one who spreads her points a thousand times as far moves it by one rank."""
    data, done = carried("robust")
    for i, k in np.ndindex(8, 2):
        one, each = done.responses[i][k], []
        others = np.concatenate([row[k] for j, row in enumerate(data) if j != i])
        owners = np.concatenate([np.full(len(row[k]), j) for j, row in enumerate(data) if j != i])
        clean = one.clean.subset.members
        rest = np.setdiff1d(np.arange(len(others)), clean)[one.rest.subset.members]
        left = np.setdiff1d(np.arange(len(others)), [*clean, *rest])
        parts = [np.sort(part) for part in (clean, rest, left) if len(part)]
        for j in np.unique(owners):
            hers = [others[part][owners[part] == j] for part in parts]
            fullest = max(range(len(parts)), key=lambda part: len(hers[part]))
            hers[fullest] = hers[fullest][sum(len(points) == 0 for points in hers) :]
            freedom = np.sum(owners == j) - len(parts)
            squares = sum(np.var(points) * len(points) for points in hers if len(points))
            each.append(squares / (freedom * robust.unit(freedom, 7)))
        assert one.level.sigma == pytest.approx(np.sort(each)[3] ** 0.5, rel=1e-12)
        assert (one.level.freedom, one.level.level) == (len(others) - 7 * len(parts), "data")
    data[5] = [3 + 1000 * (column - 3) for column in data[5]]
    wide = exchange.carry_out(done.agreement, example.handed(data), [], example.SECRET)
    spreads = [[row[0].level.sigma for row in one.responses] for one in (done, wide)]
    assert max(spreads[1]) < 1.5 * max(spreads[0])


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


@pytest.mark.parametrize(
    ("name", "signed"), [*((name, "both") for name in TAMPERED), ("spread", "robust"), ("coefficient", "robust")]
)
def test_what_is_changed_is_named(name, signed, tmp_path):
    file, change, words = TAMPERED[name]
    case = Case(tmp_path, signed)
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


@pytest.mark.parametrize("change", ["as agreed", "fewer", "narrow", "wide", "nobody else"])
def test_an_exchange_whose_limits_follow_the_data_is_accepted(change, tmp_path):
    case = Case(tmp_path, "following", change=CHANGES[change], points=change == "as agreed")
    assert case.verify() == []
    assert case.verify(known=False) == []
    for path in case.returns.rglob("*.json"):
        document = json.loads(path.read_text(encoding="utf-8"))
        jsonschema.validate(document, schemas.load(document["kind"]))


def test_limits_are_those_of_the_spread_of_what_the_others_handed_in():
    """σ̂ from numbers of points alone; the limit by the table of the document."""
    data, done = carried("following")
    signed, told = done.agreement, example.document("following")["integer_plan"]["calibration"]
    assert signed.calibrated
    for i, k in np.ndindex(8, 2):
        one = done.responses[i][k]
        if signed.role[i, k] != "checked":
            assert one.level is None
            continue
        others = np.concatenate([row[k] for j, row in enumerate(data) if j != i])
        clean = one.clean.subset.members
        rest = np.setdiff1d(np.arange(len(others)), clean)[one.rest.subset.members]
        left = np.setdiff1d(np.arange(len(others)), [*clean, *rest])
        groups = [others[part] for part in (clean, rest, left) if len(part)]
        spread = (sum(np.var(part) * len(part) for part in groups) / (len(others) - len(groups))) ** 0.5
        limit = spread * np.interp(spread / signed.sigma[k], told["spread"], told["level"][i][k])
        assert (one.level.level, one.level.freedom) == ("data", len(others) - len(groups))
        assert one.level.limit == pytest.approx(limit, rel=1e-12)
        assert (one.clean_count > one.own_count + one.clean.count) == (one.discrepancy <= limit)
        assert one.variance(signed.sigma[k]) == pytest.approx(spread**2, rel=1e-12)


def test_limits_grow_with_the_spread_and_are_agreed_where_nothing_tells_it():
    def left(data):
        data[:] = [row if i == 3 else [column[:0] for column in row] for i, row in enumerate(data)]

    changes = {"as agreed": None, "narrow": narrow, "wide": wide, "nobody else": left}
    known = {name: carried("following", change)[1].responses[3][0] for name, change in changes.items()}
    limit = {name: one.level.limit for name, one in known.items()}
    assert limit["narrow"] < 0.3 * limit["as agreed"] < 3 * limit["as agreed"] < limit["wide"]
    assert known["nobody else"].level.level == "assumed"
    agreed = example.document("following")["integer_plan"]["limit"][3][0]
    assert limit["nobody else"] == agreed
    data, done = carried("following")
    data[3] = [100 * column[:2] for column in data[3]]
    other = exchange.carry_out(done.agreement, example.handed(data), [], example.SECRET)
    assert [one.level for one in other.responses[3]] == [one.level for one in done.responses[3]]


def test_equal_means_of_data_that_do_not_spread_lie_within_their_limit():
    def flat(data):
        for row in data:
            row[:] = [np.full(len(column), 3.0) for column in row]

    _, done = carried("following", flat)
    one = done.responses[3][0]
    assert (one.level.limit, one.discrepancy, one.added) == (0.0, 0.0, 0.0)


@pytest.mark.long
def test_promises_of_limits_that_follow_are_kept_on_average():
    example.promises_are_kept("following", runs=150, within=0.15)


@pytest.mark.parametrize(
    ("file", "key", "value"), [("estimate.json", "limit", 9.0), ("receipt.json", "sigma", 1.0)], ids=["limit", "spread"]
)
def test_what_is_changed_of_limits_is_named(file, key, value, tmp_path):
    case, name = Case(tmp_path, "following"), "checks" if file == "receipt.json" else "distributions"
    folder = exchange.file_names(example.agreement("following").parties)[3]
    case.edit(f"{folder}/{file}", lambda it: it[name][0].update({key: value}))
    case.rehash()
    assert any(f"{name}[first]: {key}" in line for line in case.verify()), case.verify()


def test_levels_that_do_not_keep_anybody_honest_are_named():
    document = example.document("following")
    assert list(verify.soundness(verify.Agreement(document))) == []
    for row in document["integer_plan"]["calibration"]["level"][3]:
        row[:] = [2 * level for level in row]
    assert any("is promised" in line for line in verify.soundness(verify.Agreement(document)))
    lines = list(verify.soundness(verify.Agreement(document)))
    assert any("gains by collecting" in line for line in lines), lines


def test_an_agreement_whose_others_tell_no_spread_is_judged_by_the_agreed_limit():
    document = example.document("following")
    plan = document["integer_plan"]
    for row in plan["samples"]:
        row[:] = [1.0] * len(row)
    for key in ("comparison", "rest"):
        plan[key] = [[1.0 * (role == "checked") for role in row] for row in plan["role"]]
    agreement = verify.Agreement(document)
    i, k = next((i, k) for i, row in enumerate(plan["role"]) for k, role in enumerate(row) if role == "checked")
    agreement.asked[:, k] = [1.0 * (j in (i, i - 1, i - 2)) for j in range(len(agreement.parties))]
    assert verify.limits_of(agreement, i, k) == [(1.0, agreement.limit[i, k] / agreement.sigma[k])]


BROKEN = {
    "nothing": (lambda plan: plan.pop("calibration"), "integer_plan.calibration"),
    "falling": (lambda plan: plan["calibration"]["spread"].reverse(), "must be positive and rise"),
    "short": (lambda plan: plan["calibration"]["level"].pop(), "integer_plan.calibration.level"),
    "negative": (
        lambda plan: plan["calibration"]["level"][3][0].__setitem__(7, -1.0),
        "level = -1.0: must be positive",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_tables_that_are_none_are_refused(name):
    change, words = BROKEN[name]
    document = example.document("following")
    change(document["integer_plan"])
    document["fingerprint"] = fingerprint(document)
    with pytest.raises(ProblemError, match=words):
        exchange.read_agreement(document, "following")

"""Markets carried out: the library's broker is an independent answer; deliveries are every buyer's own."""

import dataclasses
import json
import re

import jax.numpy as jnp
import numpy as np
import pytest

from jaxmech import ProblemError, exchange, market
from jaxmech._json import fingerprint
from jaxmech.mechanism import Statistics
from tests.exchange import trades as example

RUNS = 4000


def honest(seed=0):
    return example.draw(example.agreement("market"), np.random.default_rng(seed))


def broker(signed):
    parts = (signed.samples[:, 0], signed.costs, signed.sizes, signed.prices, signed.counts, signed.sigma[0] ** 2)
    return market.Broker(*(jnp.asarray(part, float) for part in parts))


def files(done, *, points=False):
    found = exchange.returned_files(done, points=points)
    return {path: json.loads(content) for path, content in found.items() if path.endswith(".json")}


class TestSettlement:
    """Prices and payments against those of the broker, on and off the path of equilibrium."""

    @pytest.mark.parametrize("counts", [(111, 20, 0), (110, 20, 0), (111, 21, 5), (50, 3, 0), (0, 20, 0), (111, 0, 9)])
    @pytest.mark.parametrize("seed", range(3))
    def test_is_that_of_the_library(self, counts, seed):
        signed, means = example.agreement("market"), np.random.default_rng(seed).normal(3, 0.5, 3)
        counts = np.array(counts)
        found = exchange.settle(signed, counts, counts * means)
        statistics = Statistics(jnp.asarray(counts, float)[:, None], jnp.asarray(means)[:, None])
        prices, payments = broker(signed).settle(statistics)
        assert found.payment == pytest.approx(np.asarray(payments), rel=1e-9, abs=1e-12)
        assert found.prices == pytest.approx(np.asarray(prices), rel=1e-9, abs=1e-12)

    def test_of_three_who_are_asked_and_types_that_buy_nothing(self):
        signed = dataclasses.replace(
            example.agreement("market"),
            samples=np.array([[50], [30], [51]]),
            sizes=np.array([131, 0, 100, 4]),
            prices=np.array([0.5, 0.0, 0.4, 0.3]),
        )
        counts, means = np.array([50, 29, 51]), np.array([3.0, 3.2, 2.7])
        found = exchange.settle(signed, counts, counts * means)
        statistics = Statistics(jnp.asarray(counts, float)[:, None], jnp.asarray(means)[:, None])
        prices, payments = broker(signed).settle(statistics)
        assert found.payment == pytest.approx(np.asarray(payments), rel=1e-9)
        assert found.prices == pytest.approx(np.asarray(prices), rel=1e-9)
        assert found.prices[1] == 0

    def test_balances_if_all_hand_in_what_they_are_asked_for(self):
        for seed in range(20):
            money = example.carry_out("market", honest(seed)).money
            assert abs(money["surplus"]) < 1e-12 * (abs(money["charged"]) + 1)

    def test_explains_every_amount(self):
        found = files(example.carry_out("market", honest()))
        payment, invoice = found["Ada/payment.json"], found["office 2/invoice.json"]
        parts = payment["share"] + payment["refund"] + payment["allowance"] - payment["deduction"]
        assert payment["payment"] == pytest.approx(parts, rel=1e-12)
        assert invoice["due"] == pytest.approx(invoice["delivered"] * invoice["price"] + invoice["correction"])
        assert found["Cleo/payment.json"]["payment"] == 0


class TestDeliveries:
    """What buyers get."""

    def test_every_buyer_has_a_subset_of_her_own(self):
        done = example.carry_out("market", honest())
        subsets = {
            name: tuple(delivery.subset.members.tolist())
            for (name, _), delivery in zip(done.agreement.buyers, done.deliveries, strict=True)
        }
        assert list(subsets) == [
            "lab/x 1", "lab/x 2", "lab/x 3", "office 1", "office 2", "authority", "school 1", "school 2"]  # fmt: skip
        assert subsets["office 1"] != subsets["office 2"]
        assert subsets["school 1"] != subsets["school 2"]
        assert subsets["lab/x 1"] == tuple(range(131))
        assert [len(subsets[name]) for name in ("office 1", "school 1", "authority")] == [44, 4, 131]

    def test_subsets_of_buyers_alike_are_independent_and_cover_all_points_evenly(self):
        data, shared, drawn = honest(), [], np.zeros(131)
        for run in range(300):
            done = example.carry_out("market", data, f"{run:064x}")
            one, other = (set(done.deliveries[place].subset.members.tolist()) for place in (3, 4))
            shared.append(len(one & other))
            drawn[sorted(one)] += 1
        assert np.mean(shared) == pytest.approx(44 * 44 / 131, abs=3 * np.std(shared) / 300**0.5)
        assert np.abs(drawn / 300 - 44 / 131).max() < 4.5 * (44 / 131 * 87 / 131 / 300) ** 0.5

    def test_are_drawn_from_what_was_asked_for_alone(self):
        data = honest()
        data[2] = [np.full(50, 1e6)]  # nobody asked Cleo for points
        assert max(delivery.values.max() for delivery in example.carry_out("market", data).deliveries) < 100

    def test_hold_all_points_if_these_are_too_few(self):
        data = [[np.arange(3.0)], [np.arange(2.0)], [np.zeros(0)]]
        done = example.carry_out("market", data)
        assert [len(delivery.values) for delivery in done.deliveries] == [5, 5, 5, 5, 5, 5, 4, 4]
        assert (done.settlement.prices <= 0).all()  # nobody handed in as many as asked: buyers pay for nothing

    def test_without_a_contributor_who_was_asked_there_is_no_trade(self):
        done = example.carry_out("market", [*honest()[:1], [np.zeros(0)], [np.zeros(0)]])
        assert not done.settlement.trade
        assert done.money == {"charged": 0.0, "paid": 0.0, "surplus": 0.0}
        assert all(len(delivery.values) == 0 for delivery in done.deliveries)
        assert [remark.kind for remark in done.remarks] == ["void"]
        assert files(done)["office 1/delivery.json"]["estimate"] is None


def promises_are_kept(runs):
    signed, generator = example.agreement("market"), np.random.default_rng(3)
    value = {buyer["name"]: buyer for buyer in example.document("market")["problem"]["buyers"]}
    paid, charged, worth, squared = [], [], [], []
    for run in range(runs):
        done = example.carry_out("market", example.draw(signed, generator), f"{run:064x}")
        paid.append(done.settlement.payment)
        charged.append(done.settlement.prices)
        errors = np.array([abs(delivery.mean[0] - 3.0) for delivery in done.deliveries])
        squared.append(errors**2)
        worth.append([
            0.8 * np.exp(-errors[0] / value["lab/x"]["scale"]),
            0.5 * max(1 - errors[3] / value["office"]["scale"], 0),
            0.5 * max(1 - errors[4] / value["office"]["scale"], 0),
            float(errors[5] <= value["authority"]["scale"]),
        ])  # fmt: skip
    promised = [row["value"] for row in example.document("market")["buyers"]]
    for found, expected in (
        (paid, signed.payment),
        (charged, signed.prices),
        (squared, 4.0 / signed.sizes[[j for _, j in signed.buyers]]),
        (worth, [promised[0], promised[1], promised[1], promised[2]]),
    ):
        mean, error = np.mean(found, axis=0), np.std(found, axis=0, ddof=1) / runs**0.5
        assert (np.abs(mean - expected) <= 3 * error + 1e-12).all()


def test_prices_payments_and_values_are_as_promised_on_average():
    promises_are_kept(200)


@pytest.mark.slow
def test_prices_payments_and_values_are_as_promised_on_four_thousand_exchanges():
    promises_are_kept(RUNS)


class TestSecrecy:
    """A folder holds what is owed to its party, and nothing else."""

    NUMBER = re.compile(r"-?\d+\.\d+(?:e[+-]\d+)?")

    @pytest.mark.parametrize("points", [False, True])
    def test_no_value_of_a_contributor_reaches_anybody_but_by_delivery(self, points):
        data = honest(5)
        done = example.carry_out("market", data)
        found = exchange.returned_files(done, points=points)
        sent = {repr(value) for row in data for value in row[0].tolist()}
        own = {
            name: {repr(value) for value in row[0].tolist()}
            for name, row in zip(done.agreement.parties, data, strict=True)
        }
        owed = {
            name: {repr(value) for value in delivery.values[:, 0].tolist()} if points else set()
            for (name, _), delivery in zip(done.agreement.buyers, done.deliveries, strict=True)
        }
        names = [*done.agreement.parties, *owed]
        for name, folder in zip(names, exchange.file_names(names), strict=True):
            content = "".join(text.decode() for path, text in found.items() if path.startswith(f"{folder}/"))
            seen = set(self.NUMBER.findall(content + found["public.json"].decode()))
            assert seen & sent <= owed.get(name, own.get(name, set()))
            if points and name in owed:
                assert seen & sent == owed[name]

    def test_nothing_names_another_party_or_tells_the_secret(self):
        done = example.carry_out("market", honest())
        names = [*done.agreement.parties, *(name for name, _ in done.agreement.buyers)]
        for path, content in exchange.returned_files(done, points=True).items():
            text = content.decode()
            assert path == "operator.json" or example.SECRET not in text
            for name, folder in zip(names, exchange.file_names(names), strict=True):
                hers = "/" not in path or path.startswith(f"{folder}/")
                assert hers or f'"party": "{name}"' not in text


class TestAgreement:
    """Documents that are refused."""

    @pytest.mark.parametrize(
        ("change", "words"),
        [
            (lambda it: it["contributors"][0].update(samples=1.5), "contributors.samples"),
            (lambda it: it["contributors"][0].update(cost=None), "contributors.cost"),
            (lambda it: it["buyers"][0].update(price="inf"), "buyers.price"),
            (lambda it: it["buyers"][0].update(count=10**6), "must be at most 100,000 buyers"),
            (lambda it: it["buyers"][0].update(name="office"), "must not occur twice"),
            (lambda it: it.update(buyers=[]), "buyers = []"),
            (lambda it: it.pop("problem"), "must be the JSON that jaxmech solve"),
        ],
    )
    def test_that_cannot_be_carried_out(self, change, words):
        document = example.document("market")
        change(document)
        with pytest.raises(ProblemError, match=r"^signed\.json: ") as refused:
            exchange.read_agreement({**document, "fingerprint": fingerprint(document)}, "signed.json")
        assert words in str(refused.value)

    def test_that_was_changed(self):
        document = example.document("market")
        document["buyers"][0]["price"] *= 1.001
        with pytest.raises(ProblemError, match="the document has been changed"):
            exchange.read_agreement(document, "signed.json")

    def test_whose_buyer_is_called_as_a_contributor(self):
        signed = dataclasses.replace(example.agreement("market"), types=("Ada", "office", "lab", "school"))
        signed = dataclasses.replace(signed, counts=np.array([1, 2, 1, 2]))
        done = exchange.carry_out(signed, example.handed(honest()), [], example.SECRET)
        with pytest.raises(ProblemError, match="would share the file name"):
            exchange.returned_files(done)

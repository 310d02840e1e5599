"""Carrying out an agreement: what the mechanisms do, promise, and keep from each party."""

import dataclasses
import json
import re

import jax
import numpy as np
import pytest

from jaxmech import collaboration, exchange
from jaxmech.exchange._respond import Others, Pooled, _one_party, points_of
from jaxmech.mechanism import Submission
from tests.exchange import agreements as example

RUNS = 2000


def carry_out(name, seed=0, data=None, secret=example.SECRET):
    signed = example.agreement(name)
    data = example.draw(signed, np.random.default_rng(seed)) if data is None else data
    return exchange.carry_out(signed, example.handed(data), [], secret)


def entries(done, i):
    return exchange.estimate_document(done, i)["distributions"]


def promises_are_kept(name, runs):
    signed, generator = example.drawn_alike(name), np.random.default_rng(1)
    data = (example.handed(example.draw(signed, generator)) for _ in range(runs))
    done = (exchange.carry_out(signed, handed, [], f"{run:064x}") for run, handed in enumerate(data))
    paid = np.stack([example.penalties(one) for one in done])
    error = np.std(paid, axis=0, ddof=1) / runs**0.5
    together = paid.sum(axis=1)
    assert abs(together.mean() - signed.penalty.sum()) < 3 * np.std(together, ddof=1) / runs**0.5
    assert (np.abs(paid.mean(axis=0) - signed.penalty) < 3 * error).all()


@pytest.mark.parametrize("name", ["cbl", "designed"])
def test_promises_are_kept_on_average(name):
    promises_are_kept(name, 100)


@pytest.mark.slow
@pytest.mark.parametrize("name", example.COMMANDS)
def test_promises_are_kept_on_two_thousand_exchanges(name):
    promises_are_kept(name, RUNS)


@pytest.mark.parametrize("name", ["pool", "counted-pool", "cbl"])
def test_what_is_not_drawn_is_what_the_library_gives(name):
    """Where there is neither a draw nor noise, the mechanism of the library is an independent answer."""
    signed = example.agreement(name)
    data = example.draw(signed, np.random.default_rng(3))
    data[1] = [column[:-1] for column in data[1]]  # one point too few
    data[3] = [np.zeros(0) for _ in data[3]]
    plan = example.document(name)["integer_plan"]
    problem = collaboration.Problem(signed.costs, signed.sigma, signed.price)
    roles = [[collaboration.Role[role.upper()] for role in row] for row in plan["role"]]
    made = collaboration.solve(problem, division="leverage", mechanism=name).value
    whole = collaboration.integer_plan(problem, made).plan
    assert np.array_equal(whole.role, roles)
    machine = collaboration.mechanism(problem, whole)
    told = machine.respond(Submission.from_ragged(data), jax.random.key(0))
    done = carry_out(name, data=data)
    for i, k in np.ndindex(signed.samples.shape):
        entry = entries(done, i)[k]
        assert entry["clean_count"] == told.clean_count[i, k]
        if signed.role[i, k] != "checked" and entry["clean_count"]:
            assert entry["clean_mean"] == pytest.approx(float(told.clean_mean[i, k]), rel=1e-12)
        assert entry["noisy_count"] == told.noisy_count[i, k]


def test_noise_is_that_of_the_discrepancy():
    done = carry_out("c3d")
    signed = done.agreement
    for i, k in np.ndindex(signed.samples.shape):
        one = done.responses[i][k]
        apart = abs(one.own_mean - one.clean.mean)
        assert one.added == pytest.approx((signed.alpha[i, k] * apart) ** 2, rel=1e-12)
        assert one.noisy_variance == pytest.approx(signed.sigma[k] ** 2 + one.added, rel=1e-12)
        assert one.noisy_mean == pytest.approx(one.rest.mean + (one.added / one.noisy_count) ** 0.5 * one.normal)


def test_estimates_weigh_points_by_their_variance():
    for i in range(8):
        for entry, sigma in zip(entries(carry_out("c3d"), i), [1.0, 2.0], strict=True):
            weights = entry["clean_count"] / sigma**2, entry["noisy_count"] / entry["noisy_variance"]
            mean = np.average([entry["clean_mean"], entry["noisy_mean"]], weights=weights)
            assert entry["estimate"] == pytest.approx(mean)
            assert entry["standard_error"] == pytest.approx(sum(weights) ** -0.5)


def variance_expected(signed, i, k, apart):
    """Of a noisy point before anything is drawn: by it steady estimates weigh, and so do the points say."""
    return signed.sigma[k] ** 2 + signed.sigma[k] ** 2 * (signed.alpha[i, k] ** 2 * apart)


@pytest.mark.parametrize("name", example.COMMANDS)
def test_points_have_the_counts_means_and_variances_that_are_told(name):
    done = carry_out(name)
    found = exchange.returned_files(done, points=True)
    for i, folder in enumerate(exchange.file_names(done.agreement.parties)):
        lines = found[f"{folder}/points.csv"].decode().splitlines()[1:]
        for k, entry in enumerate(entries(done, i)):
            rows = np.array([line.split(",")[1:] for line in lines if line.startswith(f"{entry['name']},")], float)
            rows = rows.reshape(-1, 2)
            assert len(rows) == entry["clean_count"] + entry["noisy_count"]
            for kind in ("clean", "noisy"):
                variance = entry["noisy_variance"] if kind == "noisy" else done.agreement.sigma[k] ** 2
                if kind == "noisy" and done.agreement.estimate == "steady" and entry["noisy_count"]:
                    own = done.responses[i][k]
                    apart = 1 / own.own_count + 1 / own.clean.count
                    variance = variance_expected(done.agreement, i, k, apart)
                part = rows[rows[:, 1] == variance, 0]
                if entry[f"{kind}_count"] and entry["noisy_variance"] != done.agreement.sigma[k] ** 2:
                    assert len(part) == entry[f"{kind}_count"]
                    assert part.mean() == pytest.approx(entry[f"{kind}_mean"], rel=1e-12)


def test_noise_of_points_is_independent_and_normal():
    """Noise of variance η² on every point: uncorrelated, although their mean is made first."""
    signed, found = example.agreement("c3d"), []
    data = example.draw(signed, np.random.default_rng(0))
    others, own = Others(Pooled([row[0] for row in data]), 0), data[0][0]
    for run in range(300):
        secret = f"{run:064x}"
        one = next(iter(_one_party(signed, [others, others], data[0], 0, secret)))
        noisy = points_of(signed, others, own, secret, (0, 0), one)
        kept = others.at(one.clean.subset.others.numbers(one.rest.subset.members))
        noise = noisy[noisy[:, 1] != 1.0, 0]
        found.append(((noise.mean() - kept.mean()) ** 2 * len(kept) / one.added, noise.var() - kept.var(), one.added))
    mean, spread, added = np.mean(found, axis=0)
    assert mean == pytest.approx(1, abs=0.3)  # 300 squares of a standard normal number: ± 0.08
    # a ratio of averages: the average of ratios has no variance, for η² may be next to nothing
    assert spread / added == pytest.approx(19 / 20, abs=0.3)


class TestUnderDelivery:
    """If the others hand in less, the rest shrinks first, then Z."""

    def test_of_half(self):
        data = example.draw(example.agreement("c3d"), np.random.default_rng(0))
        data = [data[0], *([column[: len(column) // 2] for column in row] for row in data[1:])]
        one = carry_out("c3d", data=data).responses[0][0]
        assert (one.clean.count, one.rest.count) == (4, one.available - 4)

    def test_of_nearly_all(self):
        data = [[column[: (3 if i == 1 else 0) if i else None] for column in row] for i, row in enumerate(
            example.draw(example.agreement("c3d"), np.random.default_rng(0)))]  # fmt: skip
        one = carry_out("c3d", data=data).responses[0][0]
        assert (one.clean.count, one.rest.count, one.noisy_count) == (3, 0, 0)

    @pytest.mark.parametrize("name", example.COMMANDS)
    def test_of_everything_is_no_error(self, name):
        signed = example.agreement(name)
        done = carry_out(name, data=[[np.zeros(0)] * 2 for _ in signed.parties])
        for content in exchange.returned_files(done, points=True).values():
            assert b"NaN" not in content
        assert all(entry["estimate"] is np.nan or np.isnan(entry["estimate"]) for entry in entries(done, 0))

    @pytest.mark.parametrize("name", ["c3d", "designed", "unlinked"])
    def test_of_her_own_costs_her_the_rest(self, name):
        signed = example.agreement(name)
        data = example.draw(signed, np.random.default_rng(0))
        data[7] = [np.zeros(0)] * 2
        for k, entry in enumerate(entries(carry_out(name, data=data), 7)):
            assert entry["clean_count"] == signed.comparison[7, k]
            expected = signed.rest[7, k] if name == "unlinked" else 0  # noise there is bounded
            assert entry["noisy_count"] == expected


def test_a_linked_design_withholds_all_for_one_bad_distribution():
    data = example.draw(example.agreement("designed"), np.random.default_rng(0))
    kept = carry_out("designed", data=data).responses[2][1]
    data[2] = [data[2][0] + 50.0, data[2][1]]
    assert (kept.clean_count, kept.noisy_count) == (kept.own_count + kept.clean.count + 13, 0)
    missed = carry_out("designed", data=data).responses[2][1]
    assert (missed.clean_count, missed.noisy_count) == (missed.own_count + missed.clean.count, 0)


def test_a_pool_that_counts_refuses_one_point_too_few():
    data = example.draw(example.agreement("counted-pool"), np.random.default_rng(0))
    data[1] = [data[1][0], data[1][1][:-1]]
    first, second = carry_out("counted-pool", data=data).responses[1]
    assert (first.clean_count, second.clean_count) == (sum(len(row[0]) for row in data), 0)


def test_the_order_of_a_file_does_not_move_what_is_not_drawn_and_a_shift_moves_everything():
    signed = example.agreement("cbl")
    data = example.draw(signed, np.random.default_rng(0))
    before, after = carry_out("cbl", data=data), carry_out("cbl", data=[[c + 10.0 for c in row] for row in data])
    for i in range(len(signed.parties)):
        for one, other in zip(entries(before, i), entries(after, i), strict=True):
            assert other["estimate"] == pytest.approx(one["estimate"] + 10, rel=1e-12)


@pytest.mark.parametrize("name", example.COMMANDS)
@pytest.mark.parametrize("points", [False, True])
def test_a_party_gets_no_value_of_another_beyond_what_the_mechanism_gives_her(name, points):
    signed = example.agreement(name)
    data = example.draw(signed, np.random.default_rng(5))
    done = carry_out(name, data=data)
    found = exchange.returned_files(done, points=points)
    for i, folder in enumerate(exchange.file_names(signed.parties)):
        seen = set(re.findall(r"-?\d+\.\d+(?:e[+-]\d+)?", "".join(
            content.decode() for path, content in found.items() if path.startswith(f"{folder}/"))))  # fmt: skip
        seen |= set(re.findall(r"-?\d+\.\d+(?:e[+-]\d+)?", found["public.json"].decode()))
        for k in range(2):
            others = {repr(float(value)) for j, row in enumerate(data) if j != i for value in row[k]}
            one = done.responses[i][k]
            given = one.clean_count - (one.own_count if one.mixed else 0)
            clean = given + (one.noisy_count if one.added == 0 else 0) if points else 0
            single = 1 if not points and given == 1 and not (one.mixed and one.own_count) else 0
            compared = 1 if one.clean is not None and one.clean.count == 1 and not points else 0
            assert len(seen & others) <= clean + single + compared
            if points:
                assert len(seen & others) == clean


def test_nothing_names_another_party_or_tells_the_secret():
    done = carry_out("cbl")
    found = exchange.returned_files(done, points=True)
    names = exchange.file_names(done.agreement.parties)
    for path, content in found.items():
        if path != "operator.json":
            assert example.SECRET not in content.decode()
        for i, name in enumerate(names):
            if "/" in path and not path.startswith(f"{name}/"):
                assert f'"{done.agreement.parties[i]}"' not in content.decode()


def test_public_hashes_cannot_be_guessed_from_the_files():
    """A receipt holds a number that only its owner knows; the hash of her file is not in public."""
    done = carry_out("cbl")
    found = exchange.returned_files(done)
    nonces = {json.loads(content)["nonce"] for path, content in found.items() if path.endswith("receipt.json")}
    assert len(nonces) == 8
    public = found["public.json"].decode()
    assert not any(nonce in public for nonce in nonces)
    assert "0" * 64 not in public  # what stands for the hashes of files here


def test_returns_depend_on_the_secret_alone():
    data = example.draw(example.agreement("c3d"), np.random.default_rng(0))
    one, same = (exchange.returned_files(carry_out("c3d", data=data)) for _ in range(2))
    other = exchange.returned_files(carry_out("c3d", data=data, secret="1" * 64))
    assert one == same
    assert one["Ada/estimate.json"] != other["Ada/estimate.json"]


@pytest.mark.parametrize("name", ["pool", "counted-pool", "cbl", "designed"])
def test_receipts_name_the_points_of_others_that_nobody_asked_for_or_that_failed(name):
    """Everybody hands in two points more of the first distribution, to be used; somebody checked there is far off."""
    signed = dataclasses.replace(example.agreement(name), drops=False)
    data = example.draw(signed, np.random.default_rng(3))
    far = next((i for i in range(len(data)) if signed.role[i, 0] == "checked" and signed.samples[i, 0]), None)
    data = [[np.append(row[0], [3.0, 3.1]), *row[1:]] for row in data]
    if far is not None:
        data[far][0] = data[far][0] + 99.0 * signed.sigma[0]
    if name == "counted-pool":
        data[0][0] = np.zeros(0)  # who gets nothing relies on nobody
    done = exchange.carry_out(signed, example.handed(data), [], example.SECRET)
    for i, party in enumerate(signed.parties):
        told = exchange.receipt_document(done, i)["doubtful"]
        assert all(one["party"] != party and one["name"] == signed.distributions[0] for one in told)
        gets = signed.role[i, 0] != "alone" and not (name == "counted-pool" and i == 0 and signed.samples[0, 0])
        expected = {}
        for j in set(range(len(data))) - {i} if gets else ():
            watched = signed.role[j, 0] == "checked" and signed.comparison[j, 0] > 0
            why = "more than asked for, compared with the rest" if watched else "not asked for, not checked"
            expected[signed.parties[j]] = (2, why)
            clean = done.responses[j][0].clean
            apart = abs(np.mean(data[j][0]) - clean.mean) if clean and watched else 0.0
            if name == "designed" and apart > signed.limit[j, 0]:  # also by the points of who is far off
                expected[signed.parties[j]] = (len(data[j][0]), "failed the check")
            if name == "counted-pool" and j == 0:
                del expected[signed.parties[j]]
        assert {one["party"]: (one["points"], one["why"]) for one in told} == expected

"""Sweeps that audit plans and sweeps of designs: rows against one problem at a time, proofs, and what is refused."""

import jax
import numpy as np
import pytest

from jaxmech import ProblemError, Status, design
from jaxmech.collaboration import Problem
from jaxmech.sweep import Sweep, run
from jaxmech.sweep._plain import from_text, to_text
from tests.sweep.sweeps import COSTS, RANDOM, content, frame, small

SIGMA = 10.0


def at(row, index):
    """The problem of an instance."""
    return Problem([[row[f"costs[{name}][x]"][index]] for name in "ABC"], SIGMA)


class TestDesigns:
    @pytest.fixture(scope="class")
    @classmethod
    def swept(cls, tmp_path_factory):
        directory, handed = tmp_path_factory.mktemp("designs"), []
        sweep = small(mechanism=None, work="design", draws=5, shard=3, keep=["penalty", "alone", "samples", "limit"])
        finish = type(sweep.kind).finish

        def watched(kind, rows):
            handed.append(rows)
            return finish(kind, rows)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(type(sweep.kind), "finish", watched)
            summary = run(sweep, directory)
        return sweep, directory, summary, handed

    @pytest.mark.long
    def test_are_those_of_the_host_and_proven(self, swept):
        _, directory, summary, _ = swept
        rows = frame(directory)
        assert summary.statuses == {"OK": 5}
        for index in range(5):
            alone = design.design(at(rows, index)).raise_for_status().value
            assert rows["social_penalty"][index] == pytest.approx(float(alone.social_penalty), rel=1e-6)
            assert rows["published"][index] == pytest.approx(float(alone.published), rel=1e-9)
            for i, name in enumerate("ABC"):
                assert rows[f"penalty[{name}]"][index] == pytest.approx(float(alone.penalty[i]), rel=1e-5)
                cost, paid = rows[f"costs[{name}][x]"][index], rows[f"alone_penalty[{name}]"][index]
                best = 2 * SIGMA * np.sqrt(cost)
                if design.is_whole(alone):
                    best = min(SIGMA**2 / n + cost * n for n in range(1, 400))
                assert paid == pytest.approx(best, rel=1e-12)
                assert rows[f"penalty[{name}]"][index] <= paid * (1 + 1e-9)
        assert np.all((rows["ratio"] <= 1) & (rows["open"] <= 1.1e-8))
        assert np.all(rows["first_best"] <= rows["baseline"])

    @pytest.mark.long
    def test_resumed_ends_with_the_same_bytes(self, swept):
        sweep, directory, *_ = swept
        before = content(directory)
        (directory / "part-00001.parquet").unlink()
        assert run(sweep, directory).found == 3
        assert content(directory) == before

    @pytest.mark.long
    def test_what_does_not_hold_stays_unproven(self, swept):
        """Half the limit: honest agents fail more often than promised."""
        sweep, _, _, handed = swept
        rows = jax.tree.map(lambda leaf: np.asarray(leaf)[:2], handed[0])
        made = rows["design"]
        spoilt = np.where(np.arange(2)[:, None, None] == 1, made.limit / 2, made.limit)
        changed = jax.tree.map(lambda leaf: spoilt if leaf is made.limit else leaf, made)
        finished = sweep.kind.finish({**rows, "design": changed})
        assert finished["status"].tolist() == [Status.OK, Status.UNPROVEN]
        assert finished["open"][1] >= 0

    def test_have_no_division_mechanism_or_limits(self):
        problem = Problem(COSTS, SIGMA)
        for name in ("division", "mechanism"):
            with pytest.raises(ProblemError, match=f"{name} = .*which finds its own"):
                Sweep(problem, RANDOM, draws=2, work="design", **{name: "cbl" if name == "mechanism" else "nash"})
        limited = Problem(COSTS, SIGMA, most=50.0)
        with pytest.raises(ProblemError, match="a sweep of designs has none"):
            Sweep(limited, RANDOM, draws=2, work="design")


@pytest.mark.slow
def test_audits_find_what_a_free_rider_gains(tmp_path):
    """Who collects nothing where all is pooled: the least of σ²/(n + rest) + c n over n, in closed form."""
    summary = run(small(work="audit", draws=4, shard=2, keep=["gain", "gain_error", "honest", "samples"]), tmp_path)
    rows = frame(tmp_path)
    assert summary.statuses == {"OK": 4}
    largest = []
    for index in range(4):
        shares = np.zeros(3)
        for i, name in enumerate("ABC"):
            cost, own = rows[f"costs[{name}][x]"][index], rows[f"samples[{name}][x]"][index]
            rest = sum(rows[f"samples[{other}][x]"][index] for other in "ABC" if other != name)
            best = max(0.0, SIGMA / np.sqrt(cost) - rest)
            honest, least = (SIGMA**2 / (n + rest) + cost * n for n in (own, best))
            room = 5 * rows[f"gain_error[{name}]"][index] + 1e-6 * honest
            assert rows[f"gain[{name}]"][index] == pytest.approx(honest - least, abs=room)
            shares[i] = rows[f"gain[{name}]"][index] / rows[f"honest[{name}]"][index]
        largest.append(shares.max())
    np.testing.assert_allclose(rows["regret"], largest)
    assert summary.worst == int(np.argmax(largest))
    assert np.all(rows["gaining"] >= 1)


def test_work_is_part_of_a_sweep():
    plain, audited = small(mechanism="cbl"), small(mechanism="cbl", work="audit")
    assert small(mechanism="cbl", work="solve").fingerprint == plain.fingerprint
    assert audited.fingerprint != plain.fingerprint
    told = from_text(to_text(audited))
    assert (told.kind.work, told.fingerprint) == ("audit", audited.fingerprint)
    assert (audited.kind.title, plain.kind.title) == ("rational, cbl, audited", "rational, cbl")
    with pytest.raises(ProblemError, match="work = 'audits': must be one of solve, audit, design"):
        small(work="audits")

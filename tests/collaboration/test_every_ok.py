"""Every OK is right: random problems of every family, judged by optimality conditions written apart from the solver.

``python -m tests.collaboration.test_every_ok`` prints the table for all divisions.
"""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxmech import Status, collaboration
from jaxmech.numerics import Kind, solve_sharing
from tests.collaboration.families import FAMILIES, WITH_GAPS, draw
from tests.oracles import kkt

pytestmark = pytest.mark.usefixtures("compile_quickly")

# division: instances per family and shape
COUNTS = {
    "rational": {
        (1, 1): 100,
        (2, 1): 200,
        (3, 1): 200,
        (2, 2): 500,
        (3, 2): 500,
        (3, 5): 400,
        (5, 3): 400,
        (6, 2): 300,
        (8, 3): 200,
        (12, 6): 50,
        (20, 4): 50,
        (40, 8): 25,
    },
    "leverage": {(1, 1): 50, (2, 1): 100, (3, 2): 200, (8, 3): 100, (40, 8): 25},
    "social": {(1, 1): 50, (3, 2): 100, (40, 8): 25},
    "alone": {(1, 1): 50, (3, 2): 50},
    "egalitarian": {(2, 1): 300, (3, 2): 500, (5, 3): 200, (40, 8): 15},
    "nash": {(2, 1): 300, (3, 2): 500, (5, 3): 200, (40, 8): 15},
    "kalai-smorodinsky": {(2, 1): 100, (3, 2): 200, (5, 3): 100},
}
NEEDS_FINITE = ("nash", "kalai-smorodinsky")
# The largest share that may be other than OK, in every family: nothing of what has a closed form, 1 in 1,000 else.
LIMITS = dict.fromkeys(COUNTS, 1e-3) | dict.fromkeys(("leverage", "social", "alone"), 0.0)
# Of Kalai–Smorodinsky none may be wrong, and that is all that is asked of it over costs of six decades and more: data
# are rounded, and multipliers of 10⁹ make of that more than a gain may be off.
UNLIMITED = {("kalai-smorodinsky", f"costs over {width} decades") for width in (6, 12, 20)}
SOLVERS = {
    "rational": collaboration.rational_optimum,
    "leverage": collaboration.leverage_optimum,
    "social": collaboration.social_optimum,
    "alone": collaboration.alone,
    "egalitarian": collaboration.egalitarian_bargaining,
    "nash": collaboration.nash_bargaining,
    "kalai-smorodinsky": collaboration.kalai_smorodinsky_bargaining,
}


@dataclasses.dataclass
class Line:
    """What came out of one family, all shapes together."""

    drawn: int = 0
    unsolved: int = 0
    infeasible: int = 0
    wrong: list = dataclasses.field(default_factory=list)
    worst: float = 0.0
    steps: int = 0


def families_of(division):
    return [family for family in FAMILIES if division not in NEEDS_FINITE or family not in WITH_GAPS]


def instances(division, family, shape):
    rng = np.random.default_rng([*division.encode(), *family.encode(), *shape])
    return draw(family, rng, COUNTS[division][shape], *shape)


@functools.cache
def compiled(division):
    return jax.jit(jax.vmap(lambda *data: SOLVERS[division](collaboration.Problem(*data))))


@jax.jit
@jax.vmap
def ideals(costs, scale):
    """For every agent the amounts that are best for her while nobody is worse off than alone; to be judged as well."""
    own = 2 * jnp.sum(scale * jnp.sqrt(costs), axis=-1)

    def ideal(weights):
        return solve_sharing(Kind.IDEAL, costs, scale**2, weights=weights, bounds=own).amount

    return jax.lax.map(ideal, jnp.eye(len(costs), dtype=costs.dtype), batch_size=len(costs))


def survey(division, families=None):
    """Solve and judge all instances of a division; one :class:`Line` per family."""
    lines = {family: Line() for family in families or families_of(division)}
    for shape in COUNTS[division]:
        for family, line in lines.items():
            costs, sigma, price = instances(division, family, shape)
            found = compiled(division)(costs, sigma, price)
            scale = sigma * np.sqrt(price)
            best = np.asarray(ideals(costs, scale)) if division == "kalai-smorodinsky" and shape[0] > 1 else None
            verdict = kkt.judge(division, costs, scale, np.asarray(found.value), best)
            solved = np.asarray(found.status) == Status.OK
            wrong = np.flatnonzero(solved & ~verdict.right)
            line.drawn += len(costs)
            line.steps += int(np.sum(found.steps))
            line.unsolved += int((~solved).sum())
            line.infeasible += int((np.asarray(found.status) == Status.INFEASIBLE).sum())
            line.wrong += [(shape, int(i), verdict.reasons(i)) for i in wrong]
            line.worst = max(line.worst, verdict.worst[solved & verdict.right].max(initial=0.0))
    return lines


def table(division, lines):
    """The survey as text: drawn, not OK, OK and wrong, how near the right ones come to what is allowed, mean steps."""
    head = f"{division:<34}{'drawn':>7}{'not OK':>8}{'share':>10}{'wrong':>7}{'nearest':>10}{'steps':>8}"
    rows = [
        f"  {family:<32}{line.drawn:>7}{line.unsolved:>8}{line.unsolved / line.drawn:>10.2%}"
        f"{len(line.wrong):>7}{line.worst:>10.1e}{line.steps / line.drawn:>8.2f}"
        for family, line in lines.items()
    ]
    return "\n".join([head, *rows])


def check(division):
    lines = survey(division)
    print(table(division, lines))
    wrong = {family: line.wrong[:3] for family, line in lines.items() if line.wrong}
    assert not wrong, f"{division}: OK and wrong (shape, instance, conditions in units of what is allowed): {wrong}"
    infeasible = {family: line.infeasible for family, line in lines.items() if line.infeasible}
    assert not infeasible, f"{division}: working alone satisfies every bound, yet INFEASIBLE: {infeasible}"
    shares = {f: line.unsolved / line.drawn for f, line in lines.items() if (division, f) not in UNLIMITED}
    unsolved = {f: share for f, share in shares.items() if share > LIMITS[division]}
    assert not unsolved, f"{division}: too many are not OK: {unsolved}"


@pytest.mark.slow
class TestRational:
    def test_every_ok_is_right_and_nearly_all_are_ok(self):
        check("rational")


@pytest.mark.slow
class TestOthers:
    @pytest.mark.parametrize("division", [division for division in COUNTS if division != "rational"])
    def test_every_ok_is_right_and_nearly_all_are_ok(self, division):
        check(division)


def test_a_hundred_thousand_instances():
    drawn = sum(count * len(families_of(division)) for division in COUNTS for count in COUNTS[division].values())
    assert drawn >= 100_000
    assert len({shape for division in COUNTS for shape in COUNTS[division]}) <= 12
    assert len(FAMILIES) >= 17


@pytest.mark.slow
@pytest.mark.parametrize("division", ["rational", "leverage", "egalitarian", "nash"])
def test_alone_and_in_a_batch_are_the_same_answer(division):
    """The same status, and amounts that differ by no more than 1e-9 of S_k, zeros included.

    Costs that are tied but for the last digit do not determine who of the tied collects how much: there the social
    penalty is the same.
    """
    shape, many = (3, 2), 8
    single = jax.jit(lambda *data: SOLVERS[division](collaboration.Problem(*data)))
    for family in families_of(division):
        data = instances(division, family, shape)
        batch = compiled(division)(*data)
        for i in range(many):
            one = single(*(part[i] for part in data))
            assert int(one.status) == int(batch.status[i]), (family, i)
            a, b = np.asarray(one.value), np.asarray(batch.value[i])
            if family == "ties to 1e-15":
                costs, scale = data[0][i], data[1][i] * np.sqrt(data[2][i])
                social = [(len(n) * scale**2 / n.sum(axis=0)).sum() + (costs * n).sum() for n in (a, b)]
                assert social[0] == pytest.approx(social[1], rel=1e-9), (family, i)
            elif int(one.status) == Status.OK:
                assert ((a > 0) == (b > 0)).all(), (family, i)
                assert (np.abs(a - b) <= 1e-9 * a.sum(axis=0)).all(), (family, i)


if __name__ == "__main__":
    jax.config.update("jax_enable_x64", True)
    for name in COUNTS:
        print(table(name, survey(name)), flush=True)

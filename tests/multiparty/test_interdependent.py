"""Valuations that see types, v_i(x, t): against linear programs, enumeration and quadrature."""

import dataclasses
import itertools
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import quad

from jaxmech import ProblemError, Status, files
from jaxmech._pytree import pytree
from jaxmech.multiparty import (
    DirectMechanism,
    Interdependent,
    Linear,
    MarketGrowth,
    Problem,
    SeesTypes,
    TypeSpace,
    audit_coalitions,
    audit_table,
    binding_chain,
    certify,
    check_assumptions,
    check_conditions,
    coalitions,
    earnings,
    examine,
    examine_table,
    existence,
    exploitation_mechanism,
    exploitation_of,
    finite_tables,
    largest_payments,
    largest_revenue,
    mechanism,
    misreports,
    play,
    play_table,
    report_table,
    solve,
    table_of,
)
from tests.oracles import multiparty as oracle

LEVELS = [0.2, 0.9, 1.6]


@pytree
@dataclasses.dataclass(frozen=True)
class Served:
    """v_i = Σ_j effect_ij (1 + by_ij t_i) q_j + base_i t_i: what models do depends on whom it is done to."""

    effect: jax.Array
    by: jax.Array
    base: jax.Array

    @property
    def agents(self):
        return self.base.shape[-1]

    def at(self, types):
        return Based(self.effect * (1 + self.by * types[:, None]), self.base * types)


@pytree
@dataclasses.dataclass(frozen=True)
class Based:
    """Linear effects at known types, and what data earn without a model."""

    effect: jax.Array
    base: jax.Array

    @property
    def agents(self):
        return self.base.shape[-1]

    def __call__(self, qualities):
        return self.effect @ qualities + self.base

    def of(self, agent, qualities):
        return self.effect[agent] @ qualities + self.base[agent]

    def allocate(self, best, own, present):
        return Linear(self.effect).allocate(best, own, present)


def drawn(generator, agents):
    """Coefficients of :class:`Served`: rivals and friends, some harmed by their own models."""
    shape = (agents, agents)
    return generator.uniform(-1, 1, shape), generator.uniform(-0.5, 2, shape), generator.uniform(0, 0.5, agents)


def seen(effect, by, base):
    """The same market in plain Python."""
    n = len(base)

    def earn(q, t):
        return [sum(effect[i][j] * (1 + by[i][j] * t[i]) * q[j] for j in range(n)) + base[i] * t[i] for i in range(n)]

    return oracle.Seeing(n, earn, oracle.logistic, oracle.best_ends(oracle.logistic, earn))


def served(q, t):
    """As JAX function, with one set of numbers."""
    return q * (1 + 0.5 * t) - 0.6 * (jnp.sum(q) - q) * (1 + 0.2 * t)


MARKET = oracle.Seeing(
    2,
    earn := lambda q, t: [q[i] * (1 + 0.5 * t[i]) - 0.6 * q[1 - i] * (1 + 0.2 * t[i]) for i in range(2)],
    oracle.logistic,
    oracle.best_ends(oracle.logistic, earn),
)
SPACE = TypeSpace(LEVELS, Interdependent(served, 2))


@pytest.fixture(scope="module")
def table():
    return report_table(SPACE)


def every(levels=LEVELS, agents=2):
    return itertools.product(range(len(levels)), repeat=agents)


class TestExistence:
    @pytest.mark.parametrize("agents", [2, pytest.param(3, marks=pytest.mark.long)])
    def test_random_spaces_against_one_linear_program_each(self, agents):
        generator, verdicts = np.random.default_rng(agents), []
        for _ in range(100 if agents == 2 else 40):
            numbers = drawn(generator, agents)
            solution = existence(TypeSpace(LEVELS, Served(*map(jnp.asarray, numbers))))
            assert int(solution.status) == Status.OK
            least = oracle.exists(seen(*numbers), LEVELS)
            verdicts.append(bool(solution.value.exists))
            assert verdicts[-1] == (least >= -1e-9) or abs(least) < 1e-7
            assert float(jnp.min(solution.value.revenue)) == pytest.approx(least, abs=1e-7)
        assert 5 < sum(verdicts) < len(verdicts) - 5

    @pytest.mark.long
    def test_payments_are_shortest_paths(self, table):
        for i, other in itertools.product(range(2), range(3)):
            lengths = oracle.by_shortest_paths(MARKET, i, [LEVELS[other]], LEVELS)
            mine = table.payment[0, :, other] if i == 0 else table.payment[1, other]
            np.testing.assert_allclose(mine, lengths, atol=1e-14)

    @pytest.mark.long
    def test_more_levels_than_are_worked_on_together(self):
        """Reports in blocks: none may be skipped because the model is as good as her own."""
        levels = np.linspace(0.1, 3.0, 40).tolist()
        found = existence(TypeSpace(levels, Interdependent(served, 2)))
        assert float(found.residual) < 1e-13
        for other in (0, 17, 39):
            lengths = oracle.by_shortest_paths(MARKET, 0, [levels[other]], levels)
            np.testing.assert_allclose(found.value.payment[0, :, other], lengths, atol=1e-12)

    @pytest.mark.long
    def test_chain_starts_with_staying_away_and_adds_up(self):
        space = TypeSpace(LEVELS, Interdependent(lambda q, t: q * (1 + t) - 0.9 * (jnp.sum(q) - q) * (2 - t), 2))
        chain, payment = binding_chain(space, 0, (2, 0)), existence(space).value.payment
        assert chain.levels[-1] == 2
        np.testing.assert_allclose(chain.payment, payment[0, chain.levels, 0], atol=1e-14)

    @pytest.mark.long
    def test_readings(self):
        generator = np.random.default_rng(4)
        for _ in range(4):
            numbers = drawn(generator, 3)
            found = coalitions(TypeSpace(LEVELS, Served(*map(jnp.asarray, numbers))))
            both = bool(found[0].solution.value.exists), all(bool(one.solution.value.exists) for one in found)
            for verdict, least in zip(both, oracle.readings(seen(*numbers), LEVELS), strict=True):
                assert verdict == (least >= -1e-9) or abs(least) < 1e-7
            assert audit_coalitions(found)[1].holds  # nobody would rather stay away, in any coalition

    def test_slopes_of_revenue(self):
        numbers = [jnp.asarray(part) for part in drawn(np.random.default_rng(1), 2)]

        def revenue(factor):
            return jnp.sum(
                existence(TypeSpace(LEVELS, Served(numbers[0], factor * numbers[1], numbers[2]))).value.revenue
            )

        step = 1e-5
        between = (float(revenue(1.0 + step)) - float(revenue(1.0 - step))) / (2 * step)
        assert float(jax.grad(revenue)(1.0)) == pytest.approx(between, rel=1e-6)

    def test_batches(self):
        numbers = [
            jnp.stack(part) for part in zip(*[drawn(np.random.default_rng(k), 2) for k in range(3)], strict=True)
        ]

        def least(*numbers):
            return jnp.min(existence(TypeSpace(LEVELS, Served(*numbers))).value.revenue)

        together = jax.vmap(least)(*numbers)
        np.testing.assert_allclose(together, [least(*(part[k] for part in numbers)) for k in range(3)], atol=1e-14)


class TestTables:
    def test_earnings_and_values_of_every_outcome(self, table):
        found, told = np.asarray(earnings(table)), finite_tables(table)
        profiles = list(every())
        for p, index in enumerate(profiles):
            types = [LEVELS[k] for k in index]
            for i in range(2):
                assert found[(i, *index)] == pytest.approx(MARKET.value(i, types, types), abs=1e-14)
                assert table.outside[(i, *index)] == pytest.approx(MARKET.away(i, types), abs=1e-14)
                for o, said in enumerate(profiles):
                    if said[i] <= index[i]:
                        handed = MARKET.hand_out([LEVELS[k] for k in said], [True, True])
                        used = [max(x, oracle.logistic(t)) for x, t in zip(handed, types, strict=True)]
                        assert told["values"][i][p][o] == pytest.approx(MARKET.earned(used, types)[i], abs=1e-14)

    def test_every_lie(self, table):
        payment = np.asarray(table.payment)
        assert oracle.best_lie(MARKET, LEVELS, payment)[0] < 1e-12
        assert all(audit.holds for audit in audit_table(table, claimed=False)[:3])
        assert examine_table(table, claimed=False).found.max() == 0
        dear = payment.copy()
        dear[0, 2] += 0.3  # whoever has most would rather have less
        gain, agent, types, _ = oracle.best_lie(MARKET, LEVELS, dear)
        stake = abs(MARKET.value(agent, types, types)) + abs(MARKET.away(agent, types))
        told = audit_table(report_table(SPACE, dear))[0]
        assert not told.holds
        assert -told.margin >= gain / stake - 1e-12
        assert examine_table(report_table(SPACE, dear)).found.max() >= 0.15

    def test_runs_of_the_table(self, table):
        (run,) = play_table(table, jax.random.key(0), 400)
        promised = {(row.agent, row.quantity): row.promised for row in run.quantities}
        value = np.mean([MARKET.value(0, t, t) for t in itertools.product(LEVELS, repeat=2)])
        mean = value - float(jnp.mean(table.payment[0]))
        assert promised["agent 1", "utility"] == pytest.approx(mean, abs=1e-13)
        assert all(row.chance == 0 for row in run.chances if row.excluded and "sum" not in row.event)

    @pytest.mark.parametrize("share", [0.0, 0.5])
    def test_exploitation_of_any_allocation(self, share):
        def allocate(reports, present):
            return jnp.where(present, jnp.tanh(0.5 * (reports + share * (jnp.sum(reports) - reports))), 0.0)

        def hand_out(reports, present):
            said = [r if here else 0.0 for r, here in zip(reports, present, strict=True)]
            return [
                oracle.logistic(r + share * (sum(said) - r)) if here else 0.0
                for r, here in zip(said, present, strict=True)
            ]

        market = oracle.Seeing(2, MARKET.earn, oracle.logistic, hand_out)
        table = table_of(SPACE, exploitation_of(SPACE, allocate))
        for i, index in itertools.product(range(2), every()):
            types = [LEVELS[k] for k in index]
            assert table.payment[(i, *index)] == pytest.approx(market.exploitation(i, types), abs=1e-14)
        most = largest_payments(table)
        for other in range(3):
            lengths = oracle.by_shortest_paths(market, 0, [LEVELS[other]], LEVELS)
            np.testing.assert_allclose(most[0, :, other], lengths, atol=1e-14)
        assert largest_revenue(dataclasses.replace(table, payment=most)).holds
        assert not largest_revenue(dataclasses.replace(table, payment=0.9 * most - 0.01)).holds


class TestOneProfile:
    PROBLEM = Problem([1.6, 0.9], Interdependent(served, 2))

    def test_plan_and_certificates(self):
        solution = solve(self.PROBLEM)
        plan, types = solution.value, [1.6, 0.9]
        assert float(solution.residual) < 1e-15
        for i in range(2):
            assert plan.value[i] == pytest.approx(MARKET.value(i, types, types), abs=1e-15)
            assert plan.payment[i] == pytest.approx(MARKET.exploitation(i, types), abs=1e-15)
        told = {audit.claim: audit for audit in certify(self.PROBLEM, plan)}
        assert told["as the mechanism prescribes"].holds
        assert told["individually rational"].holds
        charged = mechanism(self.PROBLEM, plan).charge(jnp.array([0.4, 0.9]), jnp.array([True, True]))
        assert charged[0] == pytest.approx(MARKET.exploitation(0, [0.4, 0.9]), abs=1e-15)

    def test_best_reports(self):
        found = misreports(self.PROBLEM, mechanism(self.PROBLEM, solve(self.PROBLEM).value))
        for i in range(2):
            gain, _ = oracle.best_report(MARKET, i, [1.6, 0.9], MARKET.exploitation, 400)
            assert float(found.gain[i]) >= gain - 1e-12
            assert float(found.gain[i]) == pytest.approx(gain, abs=1e-4)
            assert np.isinf(found.bound[i])  # Theorem 1 is about valuations that do not see types
        examined = examine(self.PROBLEM, solve(self.PROBLEM).value)
        np.testing.assert_allclose(examined.found, found.gain, atol=1e-12)

    def test_runs(self):
        here, run = play(self.PROBLEM, solve(self.PROBLEM).value, jax.random.key(1), 200)
        assert all(row.realised == pytest.approx(row.promised, abs=1e-12) for row in here.quantities)
        assert {row.chance for row in run.chances if row.event == "better off staying away"} == {0.0}


class TestAssumptions:
    def test_more_data_never_harm(self):
        harmed = TypeSpace(LEVELS, Interdependent(lambda q, t: q * (1 + t) - 0.6 * (jnp.sum(q) - q) * (1 + 3 * t), 2))
        assert [audit.holds for audit in check_assumptions(harmed)] == [False, True, False, False]
        told = {audit.claim: audit for audit in check_assumptions(harmed)}
        assert "earns" in told["more data never harm"].witness
        kind = TypeSpace(LEVELS, Interdependent(lambda q, t: q * (1 + t) + 0.1 * jnp.sum(q), 2))
        assert all(audit.holds for audit in check_assumptions(kind))

    def test_the_step_that_harms_most_is_found(self):
        (record, *_) = check_assumptions(SPACE)
        best = oracle.logistic(2 * LEVELS[-1])
        worst, largest, models = np.inf, 0.0, np.linspace(0.0, best, 31).tolist()
        for t, x in itertools.product(itertools.product(LEVELS, repeat=2), itertools.product(models, repeat=2)):
            for i in range(2):
                used = [max(a, oracle.logistic(b)) for a, b in zip(x, t, strict=True)]
                largest = max(largest, abs(MARKET.earned(used, t)[i]))
                if t[i] < LEVELS[-1]:
                    more = list(t)
                    more[i] = LEVELS[LEVELS.index(t[i]) + 1]
                    higher = [max(a, oracle.logistic(b)) for a, b in zip(x, more, strict=True)]
                    worst = min(worst, MARKET.earned(higher, more)[i] - MARKET.earned(used, t)[i])
        assert worst / largest - 1e-3 <= record.margin <= worst / largest + 0.01

    def test_conditions_of_theorem_3_by_quadrature(self):
        """v_i = q_i (1 + t_i), no externalities, everybody handed the best model, payment c·t_i of one's own report."""
        space = TypeSpace(LEVELS, Interdependent(lambda q, t: q * (1 + t), 2))

        flat = DirectMechanism(
            lambda r, here: jnp.where(here, jnp.tanh(0.5 * jnp.sum(jnp.where(here, r, 0.0))), 0.0),
            lambda r, here: 0.05 * r,
        )
        told = {audit.claim: audit for audit in check_conditions(space, flat)}

        def slope(s, other):
            return 0.5 / np.cosh(0.5 * (s + other)) ** 2 * (1 + s)  # ∂/∂s' of tanh((s' + t_j)/2) (1 + s), at s' = s

        def spared(s):
            return 0.5 / np.cosh(0.5 * s) ** 2 * (1 + s) + np.tanh(0.5 * s)

        margins = [
            quad(slope, a, b, args=(other,))[0] - quad(spared, a, b)[0] - 0.05 * (b - a)
            for a, b in itertools.combinations(LEVELS, 2)
            for other in LEVELS
        ]
        scale = np.tanh(0.5 * 2 * LEVELS[-1]) * (1 + LEVELS[-1])
        assert told["condition (6)"].margin == pytest.approx(min(margins) / scale, abs=1e-9)

        def effect(said, true, other):
            return 0.5 / np.cosh(0.5 * (said + other)) ** 2 * (1 + true) * (said + other > true)

        steps = [
            effect(a, b, other) - effect(a, a, other) for a, b in itertools.combinations(LEVELS, 2) for other in LEVELS
        ]
        assert told["condition (5)"].margin == pytest.approx(min(steps) / scale, abs=1e-9)

    def test_exploitation_conditions_run(self):
        assert len(check_conditions(SPACE, exploitation_mechanism(SPACE))) == 4


class TestFiles:
    CODE = "def served(q, t):\n    return q * (1 + 0.5 * t) - 0.6 * (q.sum() - q) * (1 + 0.2 * t)\n"

    def written(self, folder, **keys):
        (folder / "mine.py").write_text(self.CODE, encoding="utf-8")
        path = folder / "space.toml"
        path.write_text("[multiparty]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in keys.items()))
        return str(path)

    def test_a_function_that_sees_types(self, tmp_path, table):
        keys = {"function": "mine.py:served", "levels": LEVELS, "agents": 2}
        case = files.read(self.written(tmp_path, valuation="interdependent", **keys))
        np.testing.assert_allclose(existence(case.space).value.payment, table.payment, atol=1e-14)
        assert isinstance(case.space.valuation, SeesTypes)
        with pytest.raises(ProblemError, match=r'takes 2 inputs; .* valuation = "interdependent"'):
            files.read(self.written(tmp_path, **keys))

    def test_one_input_is_not_enough(self, tmp_path):
        path = self.written(tmp_path, valuation="interdependent", function="mine.py:one", levels=LEVELS, agents=2)
        (tmp_path / "mine.py").write_text("def one(q):\n    return q\n", encoding="utf-8")
        with pytest.raises(ProblemError, match="takes 1 input; it is given 2"):
            files.read(path)


def test_wrong_shape_is_refused():
    with pytest.raises(ProblemError, match="one number for each of the 3 agents"):
        Interdependent(lambda q, t: q[:2] + t[:2], 3)
    assert not isinstance(MarketGrowth(-0.5, 2), SeesTypes)

"""Questions about a design: against exchanges drawn at random, quadrature, enumeration, and designs made one by one."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import integrate, optimize, stats

from jaxmech import Solution, Status, _progress, collaboration
from jaxmech._errors import ProblemError
from jaxmech.collaboration import Problem, Role, SecondName
from jaxmech.design import (
    Calibration,
    Design,
    Wishes,
    absent_penalties,
    design,
    designed_mechanism,
    questions_of_design,
    ramp_rule,
    threshold_rule,
)
from jaxmech.design import _questions as module
from jaxmech.design._absent import absent_from
from jaxmech.design._misstated import Effort, best_amounts, misstated
from jaxmech.design._signed import signed
from jaxmech.mechanism import Statistics
from tests.design.test_what_if import COSTS, LIMIT, PRICE, REST, SIGMA, N, Z, made, penalties

RUNS = 40_000


def by_quadrature(n, z, rest, limit, cap):
    """The squared error of one checked distribution, σ = 1: the estimate given the discrepancy, integrated over it."""
    spread = np.sqrt(1 / n + 1 / z)
    passes = integrate.quad(lambda x: stats.norm.pdf(x, scale=spread), -limit, limit)[0]
    kept = 1 / (1 + cap)
    return passes / (n + z + rest) + (1 - passes) / (n + z + rest * kept)


@pytest.mark.parametrize(("cap", "linked"), [(np.inf, False), (4.0, False), (4.0, True)])
def test_her_best_amounts_are_those_of_an_oracle(cap, linked):
    problem, plan = made(cap, linked)
    terms = signed(problem, plan)
    least, amounts = best_amounts(terms, 2, whole=False)  # checked on the first, receives the second

    def paid(n):
        got = []
        for k in range(2):
            n_k = max(n[k], 1e-12)
            kept = 1 / (1 + cap)
            clean, other = 1 / (n_k + Z[2, k] + REST[2, k]), 1 / (n_k + Z[2, k] + REST[2, k] * kept)
            got.append((clean, other))
        spread = SIGMA[0] * np.sqrt(1 / max(n[0], 1e-12) + 1 / Z[2, 0])
        chance = 2 * stats.norm.cdf(LIMIT[2, 0] / spread) - 1
        chances = (chance, chance) if linked else (chance, 1.0)
        error = [PRICE[k] * SIGMA[k] ** 2 * (c * got[k][0] + (1 - c) * got[k][1]) for k, c in enumerate(chances)]
        return sum(error) + COSTS[2] @ n

    grid = optimize.brute(paid, ((0, 20), (0, 20)), Ns=81, finish=None)
    bounds, exact = [(0, 20)] * 2, {"xatol": 1e-9, "fatol": 1e-12}
    polished = optimize.minimize(paid, grid, method="Nelder-Mead", bounds=bounds, options=exact).fun
    assert least == pytest.approx(min(polished, paid(grid)), rel=1e-5)
    assert paid(amounts) == pytest.approx(least, rel=1e-9)
    fewest, whole = best_amounts(terms, 2, whole=True)
    every = min(paid(np.array([a, b])) for a in range(21) for b in range(21))
    assert fewest == pytest.approx(every, rel=1e-9)
    assert np.array_equal(whole, np.rint(whole))


def test_what_a_checked_distribution_costs_is_its_integral():
    problem, plan = made(4.0, False)
    told = signed(problem, plan).of(2, np.array([[5.0, 0.0]])).penalty()[0]
    error = SIGMA[0] ** 2 * by_quadrature(5.0, Z[2, 0], REST[2, 0], LIMIT[2, 0] / SIGMA[0], 4.0)
    receives = PRICE[1] * SIGMA[1] ** 2 / (Z[2, 1] + REST[2, 1])
    assert told == pytest.approx(PRICE[0] * error + receives + COSTS[2, 0] * 5, rel=1e-9)


@pytest.mark.parametrize(("cap", "linked"), [(np.inf, True), (4.0, False)])
def test_half_of_ones_points_costs_everybody_what_exchanges_cost(cap, linked):
    """Oracle: exchanges of data sets; she herself, with half of her points, is compared as she is."""
    problem, plan = made(cap, linked)
    found = absent_from(problem, plan, lambda costs: None)
    paid = penalties(plan, cap, linked, np.random.default_rng(5), half=(0,))
    assert (np.abs(paid.mean(axis=0) - np.asarray(found.short)[0]) < 4.5 * paid.std(axis=0) / RUNS**0.5).all()
    np.testing.assert_allclose(found.pays, signed(problem, plan).penalty(), rtol=1e-12)


def test_who_leaves_leaves_the_others_what_remains():
    problem, plan = made(np.inf, False)
    found = absent_from(problem, plan, lambda costs: None)
    for j in range(3):
        for i in np.delete(np.arange(3), j):
            left = np.delete(N, [i, j], axis=0).sum(axis=0)
            pays = 0.0
            for k in range(2):
                z = min(Z[i, k], left[k])
                rest = min(REST[i, k], left[k] - z)
                chance = 1.0
                if np.isfinite(LIMIT[i, k]):
                    spread = SIGMA[k] * np.sqrt(1 / N[i, k] + 1 / z) if z else np.inf
                    chance = 2 * stats.norm.cdf(LIMIT[i, k] / spread) - 1
                n = N[i, k]
                with np.errstate(divide="ignore"):
                    error = chance / (n + z + rest) + (1 - chance) / (n + z) if n + z + rest else np.inf
                pays += PRICE[k] * SIGMA[k] ** 2 * error + COSTS[i, k] * n
            assert found.absent[j, i] == pytest.approx(pays, rel=1e-9)
            assert absent_penalties(problem, plan)[j, i] == pytest.approx(pays, rel=1e-9)


def test_what_the_mechanism_gives_where_one_hands_in_nothing():
    """Oracle: the mechanism itself, answering counts and means in random draws."""
    problem, plan = made(4.0, True)
    machine = designed_mechanism(problem, plan, np.zeros(3))
    table, rng = absent_penalties(problem, plan), np.random.default_rng(3)
    for j in (0, 2):
        count = np.where(np.arange(3)[:, None] == j, 0.0, N)
        safe = np.where(count > 0, count, 1.0)
        means = np.where(count > 0, rng.standard_normal((4000, 3, 2)) * SIGMA / np.sqrt(safe), 0.0)

        def answered(mean, key, count=count, machine=machine):
            told = machine.respond(Statistics(jnp.asarray(count), mean), key)
            weight = told.noisy_count * SIGMA**2 / told.noisy_variance
            everything = told.clean_count * told.clean_mean + weight * told.noisy_mean
            return (everything / (told.clean_count + weight)) ** 2

        errors = jax.vmap(answered)(jnp.asarray(means), jax.random.split(jax.random.key(j), 4000))
        paid = np.asarray((PRICE * errors).sum(axis=2) + (COSTS * count).sum(axis=1))
        for i in np.delete(np.arange(3), j):
            if np.isfinite(table[j, i]):
                mean, error = np.nanmean(paid[:, i]), np.nanstd(paid[:, i]) / 4000**0.5
                assert abs(mean - table[j, i]) < 5 * error


def test_of_many_kinds_those_who_pay_most_are_asked(monkeypatch):
    """Eight unlike agents with five costs each: 40 costs, so about 24 designs, and all costs are misstated together."""
    costs = 0.01 * (1 + np.arange(8))[:, None] * np.ones((8, 5))
    problem, designer = Problem(costs, 1.0), Stated()

    def by_hand(told, wishes):
        found = designer(np.asarray(told.costs))
        return Solution(found, jnp.asarray(int(Status.OK)), jnp.zeros(()), jnp.zeros((), int))

    monkeypatch.setattr(module, "make_design", by_hand)
    plan = dataclasses.replace(designer(costs), penalty=jnp.arange(8.0) + 1, social_penalty=jnp.asarray(36.0))
    asked = module._Asked(problem, plan, Wishes(), whole=False)
    found, tried = asked.misreports()
    assert asked.designs == 24
    assert "on all her costs together" in tried
    assert "of the 9 who" not in tried  # all eight
    assert np.isfinite(np.asarray(found.gain)).all()
    reports = np.asarray(found.reports)[3]
    known = np.isfinite(reports).all(axis=1)
    assert np.ptp(reports[known] / costs[3], axis=1).max() < 1e-12  # one factor for all
    assert asked.dearest(2).tolist() == [6, 7]
    names = [SecondName(*(jnp.asarray(x) for x in (gain, 0.1, True, [1.0], [1.0]))) for gain in (1.0, 2.0)]
    some = module._for_all(names, np.array([6, 7]), asked.first)
    assert np.isnan(some.gain[:6]).all()
    assert some.gain[6:].tolist() == [1.0, 2.0]
    assert some.unable.tolist() == [False] * 6 + [True] * 2
    assert some.collected.shape == (8, 1)
    assert module._only(2, 8) == "; of the 2 who pay most, and who are like them"
    assert module._only(8, 8) == ""


class Stated:
    """A designer by hand: whoever says that hers is cheapest works alone at √(1/ĉ), all others receive that."""

    def __call__(self, costs):
        m, d = costs.shape
        i = int(np.argmin(costs[:, 0]))
        n = np.zeros((m, d))
        n[i] = costs[i] ** -0.5
        others = np.where(np.arange(m)[:, None] == i, 0.0, n[i])
        role = np.where(np.arange(m)[:, None] == i, int(Role.ALONE), int(Role.RECEIVES)) + 0 * n.astype(int)
        one, code = jnp.ones(()), jnp.asarray(0)
        tables = [jnp.asarray(part) for part in (n, others, 0 * others, np.full((m, d), np.inf), role)]
        return Design(
            *tables, threshold_rule(), jnp.zeros((m, d)), jnp.zeros(m), one, one, one, jnp.asarray(False), code, code
        )


def test_misstated_costs_bring_what_the_design_for_them_brings():
    """The cheapest says that she is dearer than the next: then she receives and adds a little."""
    costs, make = np.array([[0.01], [0.02], [0.05]]), Stated()
    problem = Problem(costs, 1.0)
    found = misstated(problem, make(costs), 0, make, Effort(17, 16), whole=False)
    assert float(found.pays) == pytest.approx(2 * 0.01**0.5, rel=1e-9)
    theirs = 0.02**-0.5  # she collects what is missing to her own 10
    expected = 1 / 10 + 0.01 * (10 - theirs)
    assert float(found.pays - found.gain) == pytest.approx(expected, rel=1e-6)
    assert float(found.report[0]) > 0.02
    assert float(found.amount[0]) == pytest.approx(10 - theirs, rel=1e-3)
    # the next cheapest receives and collects nothing; what she would, were she to say less, costs her more
    other = misstated(problem, make(costs), 1, make, Effort(17, 16), whole=False)
    assert float(other.gain) == 0.0
    assert float(other.report[0]) == 0.02
    assert np.isnan(float(other.reports[-1, 0])) or float(other.reports[-1, 0]) > 0


def test_what_nobody_else_can_measure_cannot_be_disowned():
    costs = np.array([[0.01], [np.inf]])
    found = misstated(Problem(costs, 1.0), Stated()(costs), 0, Stated(), Effort(5, 0), whole=False)
    assert np.isnan(np.asarray(found.least)[np.isinf(np.asarray(found.reports)[:, 0])]).all()
    assert float(found.gain) == 0.0


@pytest.mark.parametrize(("designs", "expected"), [(1, 5), (14, 14), (100, 33)])
def test_few_reports_where_there_are_many_agents(designs, expected):
    effort = Effort.within(designs)
    assert effort.factors % 2 == 1
    assert effort.designs == expected


def groups_in_whole_samples(problem, pays):
    """The best share that any group can save every member, all whole divisions of its work tried."""
    costs, m = np.asarray(problem.costs)[:, 0], problem.shape[0]
    best = {}
    for mask in range(1, 2**m):
        who = [i for i in range(m) if mask >> i & 1]
        ways = np.array(np.meshgrid(*[np.arange(25)] * len(who), indexing="ij")).reshape(len(who), -1)
        with np.errstate(divide="ignore"):
            error = float(np.asarray(problem.sigma)[0]) ** 2 / ways.sum(axis=0)
        shares = np.min([1 - (error + costs[i] * ways[a]) / pays[i] for a, i in enumerate(who)], axis=0)
        best[tuple(who)] = shares.max()
    return best


@dataclasses.dataclass
class Promised:
    """What agents pay if they stay."""

    penalty: jax.Array


def test_groups_leave_in_whole_samples_only_where_these_help():
    problem = Problem([[0.1], [0.15], [0.2]], 3.0)
    for pays in ([2.2, 1.7, 1.4], [1.6, 1.4, 1.3], [1.9, 2.4, 2.7]):
        found = collaboration.core(problem, Promised(jnp.asarray(pays)), whole=True)
        best = groups_in_whole_samples(problem, pays)
        most = max(best.values())
        assert found.share <= most + 1e-12  # never more than can be had
        assert found.blocked == (most > 1e-6)
        if found.blocked:
            assert found.share >= most - 0.02
            assert np.array_equal(found.samples, np.rint(found.samples))


FOLLOWING = Calibration(jnp.ones(1), jnp.ones((3, 2, 1)), (1.0, 1.0))
EVERYTHING = [
    ("ellipsoid", {"ellipsoid": jnp.asarray(True)}),
    ("calibrated", {"calibration": FOLLOWING}),
    ("threshold", {"rule": ramp_rule(0.3, 10.0)}),
]


@pytest.mark.parametrize(("word", "change"), EVERYTHING)
def test_designs_without_answers_are_refused(word, change):
    problem, plan = made(np.inf, False)
    with pytest.raises(ProblemError, match=word):
        questions_of_design(problem, dataclasses.replace(plan, **change), jax.random.key(0))


@pytest.mark.parametrize("key", ["sigma", "price", "most"])
def test_agents_who_differ_and_limits_are_refused(key):
    given = {"sigma": SIGMA, key: np.full((3, 2), 9.0) + np.arange(3)[:, None]}
    _, plan = made(np.inf, False)
    with pytest.raises(ProblemError, match=key):
        questions_of_design(Problem(COSTS, **given), plan, jax.random.key(0))


def test_progress_stays_with_the_question():
    _progress.start()
    with _progress.stage("misstated costs"):
        _progress.tell("agents", 1, 3)
        with _progress.held(), _progress.stage("design, part 1 of 4"):
            _progress.tell("intervals", 0, 9)
            assert str(_progress.state()) == "misstated costs: 1 of 3 agents done, 2 left"
            _progress.stop()
            with pytest.raises(KeyboardInterrupt):
                _progress.tell("intervals", 1, 9)
    _progress.start()


@pytest.fixture(scope="module")
def asked():
    problem = Problem([[0.033], [0.066], [0.1]], 10.0)
    plan = design(problem).raise_for_status().value
    return problem, plan, questions_of_design(problem, plan, jax.random.key(0), Wishes())


@pytest.mark.slow
@pytest.mark.usefixtures("compile_quickly")
class TestThreeAgents:
    """One works alone for all: what a pair, a name and a leaver bring is a closed form."""

    def test_allies_save_what_pooling_behind_ones_back_saves(self, asked):
        _, plan, answers = asked
        asked_for, pays = float(plan.samples[0, 0]), np.asarray(plan.penalty)
        found = answers.groups.found
        for members, gain, error in zip(answers.groups.members, found.gain, found.standard_error, strict=True):
            if 0 not in members:  # they get everything already
                assert gain < 5 * error
                continue
            size = len(members)
            # the search tries quarters of what they are asked for
            tried = asked_for * np.array([0.25, 0.5, 0.75, 1.0, 1.25])
            best = pays[list(members)].sum() - np.min(size * 100 / tried + 0.033 * tried)
            most = pays[list(members)].sum() - 2 * (size * 100 * 0.033) ** 0.5
            assert best - 5 * error <= gain <= most + 5 * error

    def test_misstated_costs_and_names_are_those_of_designs_made_by_hand(self, asked):
        problem, plan, answers = asked
        for i in range(3):
            said = np.asarray(problem.costs).copy()
            said[i] = np.asarray(answers.misreport.report)[i]
            anew = design(Problem(said, 10.0)).raise_for_status().value
            others = float(anew.samples.sum() - anew.samples[i, 0])
            assert not np.isfinite(np.asarray(anew.limit)[i]).any()  # she works alone, or receives
            alone = int(anew.role[i, 0]) == Role.ALONE
            c = float(problem.costs[i, 0])
            best = 2 * 10 * c**0.5 if alone else None
            if not alone:
                n = max(0.0, (100 / c) ** 0.5 - others)
                best = 100 / (others + n) + c * n
            gained = float(plan.penalty[i]) - best
            assert float(answers.misreport.gain[i]) == pytest.approx(max(gained, 0.0), abs=1e-5)
        assert answers.misreport_share[0] > 0.3

    def test_a_second_name_that_measures_nothing(self, asked):
        problem, plan, answers = asked
        costs = np.vstack([np.asarray(problem.costs), [[np.inf]]])
        anew = design(Problem(costs, 10.0)).raise_for_status().value
        for i in range(3):
            if not answers.second_name.unable[i]:
                continue
            others = float(anew.samples[:3].sum() - anew.samples[i, 0])
            c = float(problem.costs[i, 0])
            n = max(0.0, (100 / c) ** 0.5 - others)
            most = float(plan.penalty[i]) - (100 / (others + n) + c * n)
            assert answers.second_name.gain[i] <= max(most, 0.0) + 5 * answers.second_name.standard_error[i]

    def test_sentences(self, asked):
        problem, _, answers = asked
        facts = collaboration.facts(problem, answers)
        told = " | ".join(fact.witness for fact in facts)
        assert "agent 1 saves 37 % by saying that her cost is" in told
        assert "without agent 1 nobody tells agent 2 something" in told
        assert "new designs" in facts[0].effort
        assert "other wishes" not in facts[0].effort

    def test_a_new_plan_without_her_is_the_design_of_the_others(self, asked):
        problem, _, answers = asked
        for j in range(3):
            anew = design(Problem(np.delete(np.asarray(problem.costs), j, axis=0), 10.0)).value
            np.testing.assert_allclose(np.delete(np.asarray(answers.pivotal.anew)[j], j), anew.penalty, rtol=1e-9)

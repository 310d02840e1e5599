"""Finite tables of reports: audits against enumeration in plain Python and against MechAudit."""

import dataclasses
import itertools

import jax.numpy as jnp
import numpy as np
import pytest

from jaxmech import ProblemError
from jaxmech.multiparty import (
    Linear,
    MarketGrowth,
    TypeSpace,
    audit_table,
    finite_tables,
    market_growth,
    report_table,
)
from tests.oracles import multiparty as oracle

CLAIMS = ["incentive compatible", "individually rational", "efficient", "weakly budget balanced"]
SPACES = {
    "exists": market_growth(-0.8, 2, 3),
    "does not exist": market_growth(-0.9, 2, 4),
    "three agents": market_growth(-0.9, 3, 2),
    "linear": TypeSpace([0.0, 0.5, 1.5], Linear([[1.0, -0.4], [-0.9, 0.8]]), "linear"),
}
PERVERSE = TypeSpace([0.0, 0.4, 0.9, 1.5], Linear([[-0.5, 0.6], [0.7, 1.0]]), "linear")


def market_of(space):
    n = space.levels.shape[0]
    if isinstance(space.valuation, MarketGrowth):
        return oracle.Market(n, oracle.growing_market(float(space.valuation.growth)), float, oracle.best_for_all(float))
    rows = np.asarray(space.valuation.externality).tolist()
    return oracle.Market(n, oracle.linear_market(rows), float, oracle.best_where_harmless(float, rows))


def shifts(space):
    """Payments that are right, too high, too low, unfair, and free."""
    right = np.asarray(report_table(space).payment)
    noise = np.random.default_rng(2).normal(0, 0.05, right.shape)
    return {"right": right, "high": right + 0.01, "low": right - 0.01, "noisy": right + noise, "free": 0 * right}


CASES = [(name, kind) for name in SPACES for kind in ("right", "high", "low", "noisy", "free")]


@pytest.fixture(scope="module", params=CASES, ids="-".join)
def case(request):
    name, kind = request.param
    space = SPACES[name]
    table = report_table(space, shifts(space)[kind])
    return space, table, dict(zip(CLAIMS, audit_table(table), strict=True))


def test_audits_are_those_of_enumeration(case):
    space, table, audits = case
    market, levels = market_of(space), np.asarray(space.levels[0]).tolist()
    n, payment = market.agents, np.asarray(table.payment)
    gain, *_ = oracle.best_lie(market, levels, payment)
    assert audits["incentive compatible"].holds == (gain <= 1e-11)
    rational, revenue = [], []
    for index in itertools.product(range(len(levels)), repeat=n):
        types = [levels[k] for k in index]
        rational += [market.exploitation(i, types) - payment[(i, *index)] for i in range(n)]
        revenue.append(sum(payment[(i, *index)] for i in range(n)))
    assert audits["individually rational"].holds == (min(rational) >= -1e-11)
    assert audits["weakly budget balanced"].holds == (min(revenue) >= -1e-11)
    assert audits["efficient"].holds
    for audit in audits.values():
        assert audit.holds == (audit.margin >= -audit.tolerance)


def test_verdict_is_that_of_mechaudit(case):
    """An audit tool by others, on the tables that are exported for it."""
    import mechaudit

    _, table, audits = case
    tables = finite_tables(table)
    profiles = tables["profiles"]
    names = list(tables["agents"])
    place = {profile: k for k, profile in enumerate(profiles)}
    values, outside = np.array(tables["values"]), np.array(tables["outside"])

    def at(types):
        return place[tuple(types[name] for name in names)]

    environment = mechaudit.FiniteEnvironment(
        agents=tables["agents"],
        outcomes=[str(profile) for profile in profiles],
        values=mechaudit.InterdependentValues(
            lambda agent, types, outcome: float(
                values[names.index(agent), at(types), [str(p) for p in profiles].index(outcome)]
            )
        ),
    )
    mechanism = mechaudit.DirectMechanism.from_arrays(
        np.array(tables["allocation"]), np.array(tables["payments"]), environment=environment
    )
    requirements = (
        mechaudit.ExPostIC(),
        mechaudit.ExPostIR(lambda agent, types: float(outside[names.index(agent), at(types)])),
        mechaudit.WeakBudgetBalance(),
    )
    for requirement, claim in zip(requirements, (CLAIMS[0], CLAIMS[1], CLAIMS[3]), strict=True):
        report = environment.audit(mechanism, [requirement])
        assert report.passed == audits[claim].holds, claim


@pytest.mark.long
def test_a_few_lies_of_many_find_what_is_wrong():
    """Where not all misreports can be looked at, the certificate says how many were; a wrong payment still shows."""
    table = report_table(market_growth(-0.7, 2, 9))
    audits = audit_table(table, looks=100)
    assert [audit.claim for audit in audits] == CLAIMS
    assert all(audit.holds for audit in audits)
    assert " of 1,100 downward reports in all 100 profiles" in audits[0].effort
    for place, amount in (((0, 4, 2), -0.5), ((1, 2, 9), 0.5)):
        wrong = dataclasses.replace(table, payment=table.payment.at[place].add(amount))
        few, all_of_them = audit_table(wrong, looks=100)[0], audit_table(wrong)[0]
        assert not few.holds
        assert few.margin >= all_of_them.margin
    dear = dataclasses.replace(table, payment=table.payment.at[1, 2, 9].add(0.5))
    assert not audit_table(dear, looks=100)[1].holds


def test_witnesses_can_be_checked():
    space = SPACES["exists"]
    table = report_table(space)
    wrong = dataclasses.replace(table, payment=table.payment.at[0, 2, 1].add(2.0))
    audit = audit_table(wrong)[0]
    assert not audit.holds
    assert audit.witness.startswith("at types (2, 1), agent 1 gains")
    assert "if she reports" in audit.witness
    cheap = dataclasses.replace(table, payment=table.payment.at[1, 0, 2].add(-0.5))
    assert "at types (0, 3), agent 2 gains" in audit_table(cheap)[0].witness
    assert "agent 1" in audit_table(wrong)[1].witness


def test_a_worse_allocation_is_not_efficient():
    table = report_table(SPACES["exists"])
    poor = dataclasses.replace(table, allocation=table.allocation.at[:, 2, 1].multiply(0.9))
    audit = audit_table(poor)[2]
    assert not audit.holds
    assert "at types (2, 1), another way" in audit.witness


def test_both_choices_of_model_are_looked_at():
    """An agent whose own model harms her would rather not use the better one, whatever she reports."""
    audit = audit_table(report_table(PERVERSE))[0]
    assert not audit.holds
    assert "agent 1" in audit.witness
    assert "uses her own model" in audit.witness
    gain, agent, *_ = oracle.best_lie(
        market_of(PERVERSE), np.asarray(PERVERSE.levels[0]).tolist(), np.asarray(report_table(PERVERSE).payment)
    )
    assert gain > 0
    assert agent == 0


def test_over_reports_are_worth_less_than_anything():
    tables = finite_tables(report_table(SPACES["exists"]))
    values = np.array(tables["values"])
    profiles = np.array(tables["profiles"])
    over = profiles[None, :, 0] > profiles[:, None, 0]
    assert values[0][over].max() < values[0][~over].min() - np.ptp(tables["payments"])


@pytest.mark.parametrize(
    ("make", "parts"),
    [
        (lambda: report_table(SPACES["exists"], jnp.zeros((2, 3, 3))), ("payment = (2, 3, 3)", "(2, 4, 4)")),
        (lambda: finite_tables(report_table(market_growth(-0.5, 2, 50))), ("levels = 51", "2,601 profiles")),
    ],
)
def test_bad_input_is_one_clear_line(make, parts):
    with pytest.raises(ProblemError) as caught:
        make()
    assert all(part in str(caught.value) for part in parts)

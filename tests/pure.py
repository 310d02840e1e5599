"""The list of pure functions: what each takes here, how it differentiates, and which public names are no kernels.

A pure function takes arrays and pytrees and returns them: it runs under jit, vmap and their nesting, differentiates or
says why not, and lowers for accelerators. ``tests/test_pure_functions.py`` runs all of that for every entry.
"""

import dataclasses
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from jaxmech import collaboration, design, deviation, federated, market, mechanism, multiparty, numerics

COSTS = np.array([[0.03, 0.5], [0.07, 0.2], [0.1, 0.4]])
AMOUNTS = np.array([[40.0, 12.0], [25.0, 18.0], [20.0, 15.0]])
EQUAL = np.full((5, 1), 0.2)


@dataclasses.dataclass(frozen=True)
class Pure:
    """One function of arrays.

    Attributes:
        function: takes ``arguments``, floats all of them, and returns a pytree.
        arguments: what it is called with; batches are made of multiples of them.
        derivative: reverse (then forward too), or the reason why it has none.
        slow: whether compiling it takes long.
        within: to what its answers are determined, relative.
        calls: functions of libraries that its program may call, each with its reason.
    """

    function: Callable
    arguments: tuple
    derivative: str = "reverse"
    slow: bool = False
    within: float = 1e-9
    calls: dict = dataclasses.field(default_factory=dict)


def of_problem(function, costs=COSTS, **more):
    """Return an entry for a function of a problem."""
    return Pure(lambda c: function(collaboration.Problem(c, 10.0)), (costs,), **more)


def of_amounts(function, **more):
    """Return an entry for a function of a problem and amounts."""
    return Pure(lambda c, n: function(collaboration.Problem(c, 10.0), n), (COSTS, AMOUNTS), **more)


def of_plan(function, **more):
    """Return an entry for a function of a problem and a plan of the pool, whose numbers are amounts."""

    def applied(costs, amounts):
        problem = collaboration.Problem(costs, 10.0)
        return function(problem, collaboration.pool_plan(problem, amounts).value)

    return Pure(applied, (COSTS, AMOUNTS), **more)


def _checked_plan(problem, amounts):
    """Everybody checked against a hundred times as much."""
    plan = collaboration.pool_plan(problem, amounts).value
    role = jnp.full(amounts.shape, collaboration.Role.CHECKED)
    return dataclasses.replace(plan, mechanism="cbl", role=role, alpha=1.1 * jnp.sqrt(amounts), total=100 * plan.total)


def _market(costs, values):
    buyers = [market.Buyer(market.table(row), count=2) for row in (values, values * jnp.linspace(0.3, 0.6, 9))]
    return market.Problem(costs, 1.0, buyers)


MARKET = (np.array([0.03, 0.04]), np.linspace(0, 1, 9) ** 0.5)
SIZES, PRICES = jnp.array([8.0, 3.0]), jnp.array([0.5, 0.2])


def of_market(function, **more):
    """Return an entry for a function of a market with two types of buyers."""
    return Pure(lambda costs, values: function(_market(costs, values)), MARKET, **more)


DEAL = tuple(np.array(row) for row in ([3.0, 5.0], [3.0, 4.0], [20.0, 30.0], [0.01, 0.012], [2.0, 2.5]))
TYPES = np.array([0.3, 0.8, 1.2])
EXTERNALITY = np.array([[1.0, -0.2, 0.1], [0.0, 1.0, -0.5], [0.3, 0.1, 1.0]])


def _shared(types, externality):
    return multiparty.solve(multiparty.Problem(types, multiparty.Linear(externality)))


def _charged(types, externality):
    problem = multiparty.Problem(types, multiparty.Linear(externality))
    return multiparty.mechanism(problem, multiparty.solve(problem).value).charge(types, jnp.ones(3, bool))


def _lied(types, externality):
    problem = multiparty.Problem(types, multiparty.Linear(externality))
    return multiparty.misreports(
        problem, multiparty.mechanism(problem, multiparty.solve(problem, mechanism="free").value)
    )


def _fabricated(problem, plan):
    """What an agent of the pool pays who collects half of what she should."""
    strategy = deviation.Deviation.truth(plan.samples[0] / 2)
    return deviation.penalty(collaboration.mechanism(problem, plan), problem, 0, strategy, jax.random.key(0), 64)


def _searched(problem, plan):
    quick = deviation.SearchSettings(draws=16, steps=2, polish_draws=16, polish_steps=2, batches=4, batch=64)
    numbers = deviation.spread_randomness(jax.random.key(0), 1, 2, quick)
    pool, stakes = collaboration.mechanism(problem, plan), mechanism.Stakes.of(problem)
    return deviation.search(pool, quick, stakes, 1, numbers).gain


def _allied(problem, plan):
    """What two agents of the pool pay who share everything; it is all the same to them who hands in what."""
    pool = collaboration.mechanism(problem, plan)
    return deviation.group_response(pool, problem, jnp.array([0, 2]), jax.random.key(0), 64).pays


def _designed(costs):
    """What a design asks of agents and promises them; the bound of its family is the host's."""
    plan = design.design(collaboration.Problem(costs, 100.0)).value
    return plan.samples, plan.penalty


def _checked(costs):
    """Everybody's answer from the mechanism c3d, on statistics that are fixed."""
    problem = collaboration.Problem(costs, 10.0)
    plan = collaboration.c3d_plan(problem).value
    rules = collaboration.mechanism(problem, plan)
    drawn = mechanism.Statistics(count=plan.samples, mean=jnp.linspace(-1, 1, 5)[:, None])
    return rules.respond(drawn, jax.random.key(0))


def _pairs(amounts):
    return mechanism.subset_variance(amounts / 4, amounts, jnp.asarray(1.0))


def _within_means(amounts):
    told = mechanism.Statistics(amounts, jnp.sqrt(amounts), amounts / 9)
    rest = mechanism.of_others(amounts)
    return mechanism.draw_means_within(told, amounts / 4, rest * 0.8, jnp.ones(2), jax.random.key(0))


def _within_points(values):
    data = mechanism.Submission(values, jnp.ones(values.shape, bool))
    most = jnp.ones(values.shape[:2])
    return mechanism.within_points(data, mechanism.draw_points(data, 3 * most, 7 * most, jax.random.key(0)))


PURE = {
    "numerics.erfcx": Pure(numerics.erfcx, (np.array([-1.0, 0.3, 7.0]),)),
    "numerics.tails": Pure(numerics.tails, (np.array([0.2, 3.0]),)),
    "numerics.remainders": Pure(numerics.remainders, (np.array([0.2, 3.0]),)),
    "numerics.half_normal_expectation": Pure(
        lambda scale: numerics.half_normal_expectation(lambda z: 1 / (1 + z**2), scale), (np.array([0.5, 2.0]),)
    ),
    "numerics.minimise": Pure(
        lambda start: numerics.minimise(lambda x: jnp.sum((x - 1) ** 4 + x**2), start, 60),
        (np.array([3.0, -2.0]),),
        derivative="the minimum is found by a loop that reverse mode cannot follow; the optimum's own rules are in use",
    ),
    "numerics.difference_constraints": Pure(
        numerics.difference_constraints,
        (np.array([1.0, 2.0, 0.5]), np.array([[0.0, 1.0, 2.0], [0.5, 0.0, 1.0], [1.0, 0.3, 0.0]])),
    ),
    "numerics.potentials": Pure(
        numerics.potentials,
        (np.array([1.0, 2.0, 0.5]), np.array([[0.0, 1.0, 2.0], [0.5, 0.0, 1.0], [1.0, 0.3, 0.0]])),
    ),
    "numerics.solve_sharing": Pure(
        lambda costs, error: numerics.solve_sharing(
            numerics.Kind.WEIGHTED, costs, error, weights=jnp.ones(3), bounds=2 * jnp.sqrt(costs) @ jnp.sqrt(error)
        ),
        (COSTS, np.array([100.0, 100.0])),
        slow=True,
    ),
    "collaboration.alone_samples": of_problem(collaboration.alone_samples),
    "collaboration.alone_penalty": of_problem(collaboration.alone_penalty),
    "collaboration.alone": of_problem(collaboration.alone),
    "collaboration.reduce_panels": Pure(
        lambda sigma, price: collaboration.reduce_panels(sigma, price, (0, 1, 1)),
        (np.array([2.0, 1.0, 3.0]), np.array([5.0, 1.0, 2.0])),
    ),
    "collaboration.social_optimum": of_problem(collaboration.social_optimum),
    "collaboration.first_best": of_problem(collaboration.first_best),
    "collaboration.leverage_optimum": of_problem(collaboration.leverage_optimum),
    "collaboration.rational_optimum": of_problem(collaboration.rational_optimum, slow=True),
    "collaboration.nash_bargaining": of_problem(collaboration.nash_bargaining, slow=True),
    "collaboration.egalitarian_bargaining": of_problem(collaboration.egalitarian_bargaining, slow=True),
    "collaboration.kalai_smorodinsky_bargaining": of_problem(collaboration.kalai_smorodinsky_bargaining, slow=True),
    "collaboration.divide": of_problem(lambda p: collaboration.divide(p, "leverage")),
    "collaboration.solve": of_problem(lambda p: collaboration.solve(p, division="leverage"), slow=True),
    "collaboration.cost_misreport": of_problem(
        lambda p: collaboration.cost_misreport(p, 1, division="leverage", mechanism="pool"),
        derivative="the best report is chosen by comparisons",
    ),
    "collaboration.penalty": of_amounts(collaboration.penalty),
    "collaboration.social_penalty": of_amounts(collaboration.social_penalty),
    "collaboration.leverage_condition": of_amounts(collaboration.leverage_condition),
    "collaboration.account_alone": of_amounts(collaboration.account_alone),
    "collaboration.account": of_plan(collaboration.account),
    "collaboration.account_of_error": of_amounts(lambda p, n: collaboration.account_of_error(p, n, 1 / n)),
    "collaboration.best_whole_alone": of_problem(
        collaboration.best_whole_alone, derivative="whole numbers do not change with what is differentiated by"
    ),
    "collaboration.integer_plan": of_plan(
        collaboration.integer_plan, derivative="whole numbers do not change with what is differentiated by"
    ),
    "collaboration.pool_plan": of_amounts(collaboration.pool_plan),
    "collaboration.c3d_plan": of_problem(collaboration.c3d_plan, EQUAL),
    "collaboration.cbl_plan": of_amounts(collaboration.cbl_plan, slow=True),
    "collaboration.enforceable": of_amounts(collaboration.enforceable),
    "collaboration.corruption_root": Pure(collaboration.corruption_root, (np.array([5.0, 40.0]), np.array([0.1, 0.2]))),
    "collaboration.checked_penalty": Pure(
        collaboration.checked_penalty, (np.array([5.0, 40.0]), np.array([0.1, 0.2]), np.array([1.0, 2.0]))
    ),
    "collaboration.deviation_penalty": Pure(
        lambda n, alpha, cost: collaboration.deviation_penalty(n, 5.0, 50.0, alpha, cost, 1.0),
        (np.array([3.0, 6.0]), np.array([2.0, 1.0]), np.array([0.01, 0.02])),
    ),
    "collaboration.steady_root": Pure(collaboration.steady_root, (np.array([5.0, 40.0]), np.array([0.1, 0.2]))),
    "collaboration.steady_penalty": Pure(
        lambda n, alpha, cost: collaboration.steady_penalty(n, 5.0, 50.0, alpha, cost, 1.0),
        (np.array([3.0, 6.0]), np.array([2.0, 1.0]), np.array([0.01, 0.02])),
    ),
    "collaboration.calibrated_penalty": Pure(
        lambda n, cost: collaboration.calibrated_penalty(n, 5.0, 50.0, cost, 1.0, 43.0),
        (np.array([3.0, 6.0]), np.array([0.003, 0.004])),
        slow=True,
    ),
    "collaboration.degrees_of_freedom": Pure(
        lambda n: collaboration.degrees_of_freedom(n, 0.9 * jnp.sum(n, axis=0)), (AMOUNTS,)
    ),
    "collaboration.lifted_check": of_problem(
        lambda p: collaboration.lifted_check(p, collaboration.c3d_plan(p).value), EQUAL
    ),
    "collaboration.sigma_limits": of_problem(
        lambda p: collaboration.sigma_limits(p, collaboration.c3d_plan(p).value), EQUAL
    ),
    "collaboration.mechanism": of_problem(lambda p: _checked(p.costs), EQUAL),
    "federated.agreement_weights": Pure(
        lambda n, mean: federated.agreement_weights(n, mean, jnp.array([1.0, 2.0])), (AMOUNTS, COSTS)
    ),
    "federated.agreed_mean": Pure(
        lambda n, mean: federated.agreed_mean(n, mean, jnp.array([1.0, 2.0])), (AMOUNTS, COSTS)
    ),
    "mechanism.equivalent_points": Pure(mechanism.equivalent_points, (COSTS, AMOUNTS)),
    "mechanism.of_others": Pure(mechanism.of_others, (AMOUNTS,)),
    "mechanism.priced": Pure(lambda error: mechanism.priced(error, jnp.array([1.0, 2.0])), (AMOUNTS,)),
    "mechanism.subset_variance": Pure(_pairs, (AMOUNTS,)),
    "mechanism.draw_means_within": Pure(_within_means, (AMOUNTS,)),
    "mechanism.median_unit": Pure(
        lambda freedom: mechanism.median_unit(freedom, jnp.array(3)), (np.array([3.0, 5.0, 9.0]),)
    ),
    "mechanism.within_points": Pure(_within_points, (np.linspace(-1, 3, 24).reshape(4, 2, 3) ** 3,)),
    "mechanism.best_whole": Pure(
        mechanism.best_whole, (AMOUNTS + 0.3,), derivative="whole numbers do not change with what is differentiated by"
    ),
    "collaboration.temptation": of_plan(collaboration.temptation),
    "collaboration.harm": of_amounts(lambda p, n: collaboration.harm(p, _checked_plan(p, n), n / 2)),
    "collaboration.invention": of_amounts(lambda p, n: collaboration.invention(p, _checked_plan(p, n))),
    "collaboration.misjudged": of_amounts(lambda p, n: collaboration.misjudged(p, _checked_plan(p, n), 1.2)),
    "collaboration.free_riding": of_plan(collaboration.free_riding),
    "collaboration.truthful_penalty": of_amounts(
        lambda p, n: collaboration.truthful_penalty(p, collaboration.pool_plan(p, n).value, n)
    ),
    "collaboration.blocking": of_problem(
        lambda p: collaboration.blocking(p, collaboration.alone_penalty(p), jnp.array([True, False, True])),
        derivative="the least of the members' savings, which are tied at the optimum: a kink",
        slow=True,
    ),
    "collaboration.unavoidable": of_problem(collaboration.unavoidable),
    "collaboration.pivotal": of_problem(
        lambda p: collaboration.pivotal(p, collaboration.solve(p, division="leverage", mechanism="pool").value),
    ),
    "deviation.penalty": of_plan(_fabricated),
    "deviation.group_response": of_plan(_allied, derivative="the winner is chosen by comparisons", slow=True),
    "deviation.search": of_plan(_searched, derivative="the winner is chosen by comparisons", slow=True),
    "market.solve": of_market(lambda p: market.solve(p, sizes=range(9))),
    "market.price": of_market(lambda p: market.price(p, sizes=range(9))),
    "market.spread": of_market(lambda p: market.spread(p, market.solve(p, sizes=range(9)).value)),
    "market.margins": of_market(
        lambda p: market.margins(p, market.solve(p, sizes=range(9)).value),
        derivative="least values over swaps and misreports: at an optimum several are tied, a kink",
    ),
    "market.divide_work": of_market(lambda p: market.divide_work(p, 8, 2)),
    "market.mechanism": of_market(lambda p: market.mechanism(p, market.solve(p, sizes=range(9)).value)),
    "market.contributor_utility": of_market(
        lambda p: market.contributor_utility(
            market.mechanism(p, market.solve(p, sizes=range(9)).value), jnp.array([4.0, 1.0])
        )
    ),
    "market.utility": of_market(lambda p: market.utility(p, SIZES, PRICES)),
    "market.envy_free_prices": of_market(lambda p: market.envy_free_prices(p, SIZES)),
    "market.profit": of_market(lambda p: market.profit(p, market.solve(p, sizes=range(9)).value)),
    "market.revenue": Pure(
        lambda values, curve: market.revenue(values, jnp.array([1.0, 2.0]), curve),
        (np.array([[0.0, 0.5, 0.8], [0.0, 0.3, 0.9]]), np.array([0.0, 0.2, 0.45])),
    ),
    "market.demand": Pure(
        lambda values, curve: market.demand(values, curve),
        (np.array([[0.0, 0.5, 0.8], [0.0, 0.3, 0.9]]), np.array([0.0, 0.2, 0.45])),
        derivative="sizes are whole numbers",
    ),
    "market.posted_curve": Pure(
        lambda prices: market.posted_curve(SIZES, prices, jnp.arange(9.0)), (np.array([0.5, 0.2]),)
    ),
    "multiparty.existence": Pure(
        lambda growth: multiparty.existence(multiparty.market_growth(growth, 2, 6)), (np.array(-0.7),)
    ),
    "multiparty.earnings": Pure(
        lambda effects: multiparty.earnings(
            multiparty.report_table(multiparty.TypeSpace([0.2, 0.5, 1.0], multiparty.Linear(effects), "linear"))
        ),
        (np.array([[1.0, -0.6], [-0.3, 0.8]]),),
    ),
    "multiparty.largest_payments": Pure(
        lambda effects: multiparty.largest_payments(
            multiparty.report_table(multiparty.TypeSpace([0.2, 0.5, 1.0], multiparty.Linear(effects), "linear"))
        ),
        (np.array([[1.0, -0.6], [-0.3, 0.8]]),),
    ),
    "multiparty.maximal_payments": Pure(
        lambda growth: multiparty.maximal_payments(multiparty.market_growth(growth, 2, 6)), (np.array(-0.7),)
    ),
    "multiparty.largest_disparity": Pure(lambda growth: multiparty.largest_disparity(growth, 2, 40), (np.array(-0.7),)),
    "multiparty.boundary": Pure(lambda growth: multiparty.boundary(growth, 2, 40), (np.array(-0.7),)),
    "multiparty.never_fails": Pure(multiparty.never_fails, (np.array(-0.62),), derivative="yes or no"),
    "multiparty.solve": Pure(_shared, (TYPES, EXTERNALITY)),
    "multiparty.mechanism": Pure(_charged, (TYPES, EXTERNALITY)),
    "multiparty.misreports": Pure(_lied, (TYPES, EXTERNALITY), derivative="the best report is chosen by comparisons"),
    "multiparty.logistic": Pure(multiparty.logistic, (np.array([0.3, 2.0]),)),
    "multiparty.linear": Pure(multiparty.linear, (np.array([0.3, 2.0]),)),
    "design.design": Pure(
        _designed,
        (np.array([[0.1], [0.15], [0.2]]),),
        derivative="a search that ends in a while loop; the levels' own rules are in use",
        slow=True,
        within=1e-6,  # amounts at an optimum that is flat: rounding in the penalty moves them by its root
    ),
    "design.table_penalty": Pure(
        lambda n, z, d, c, level: design.table_penalty(
            design.ramp_rule(0.5, 9.0), design.Deal(n, z, d, c, jnp.asarray(1.0)), level
        ),
        DEAL,
    ),
    "design.stationary_level": Pure(
        lambda n, z, d, c: design.stationary_level(
            design.ramp_rule(0.5, 9.0), design.Deal(n, z, d, c, jnp.asarray(1.0))
        ),
        DEAL[:4],
    ),
    "design.noise_at": Pure(
        lambda apart: design.noise_at(design.ramp_rule(0.5, 9.0), apart), (np.array([0.9, 1.2, 4.0]),)
    ),
}

_BUILDS = "builds a record from what a person writes, sizes and functions included"
_WORDS = "judges what a person reads: names, sentences, numbers of Python"
_PROVES = "a proof: NumPy on the host, on purpose"
_CHOOSES = "chooses sizes from values, or loops over pieces"

HOST = {
    "federated.summarise": "sums of a site's own points, checked and named, in NumPy",
    "deviation.check_mechanism": "asks a mechanism questions, and answers in words",
    "numerics.lanes_that_fit": _CHOOSES,
    "numerics.negative_cycle": _WORDS,
    "numerics.tight_path": _WORDS,
    "numerics.stream": "takes a method, which is code; every division runs through it under vmap",
    "numerics.through_rows": "turns a function into another; every division runs through it under vmap",
    "numerics.solve_limited": "takes a record; tests of divisions with limits compile, batch and differentiate it",
    "numerics.spend_equal_budgets": "the last stage of solve_sharing's egalitarian kind, listed there",
    "numerics.law_of": "moments of a table of measurements, in NumPy",
    "numerics.spread": "takes arrays of NumPy or of JAX: a sum of powers, used on measurements",
    "collaboration.advise": _WORDS,
    "collaboration.has_equal_costs": _CHOOSES,
    "collaboration.check_sigma_range": "checks what a person writes, and gives it back",
    "collaboration.joint_estimation": "a fact about measurements, in NumPy",
    "collaboration.joint_gains": "a fact about measurements, in NumPy",
    "collaboration.mechanism_by_value": "takes names of values on the host and gives a mechanism, listed by its class",
    "collaboration.problem_by_value": "takes names of values on the host and gives a problem",
    "collaboration.certify": _WORDS,
    "collaboration.core": _CHOOSES,
    "collaboration.efficiency": _WORDS,
    "collaboration.facts": _WORDS,
    "collaboration.questions": _CHOOSES,
    "collaboration.price_of_decision": _BUILDS,
    "collaboration.price_of_standard_error": _CHOOSES,
    "collaboration.rescaled": _BUILDS,
    "collaboration.with_price": _BUILDS,
    "mechanism.draw_means": "takes a key and Statistics: runs inside every mechanism's respond, listed as such",
    "mechanism.draw_points": "takes a key and data sets: runs inside every mechanism's respond",
    "mechanism.draw_means_each": "takes a key and Statistics: inside a robust mechanism's respond, run under vmap",
    "mechanism.each_of_points": "takes a key and data sets: runs inside a robust mechanism's respond, run under vmap",
    "mechanism.freedom_each": "degrees of freedom: whole numbers",
    "mechanism.median_rank": "a rank: whole numbers",
    "mechanism.median_within": "takes a record: runs inside a robust mechanism's respond, run under vmap",
    "mechanism.split_points": "takes a key and data sets: its moments are tested under jit and vmap",
    "mechanism.claims_what_is_proven": _WORDS,
    "mechanism.only_whole_points": _WORDS,
    "mechanism.answers_alone": _WORDS,
    "mechanism.settled": "chooses by the class of a mechanism",
    "mechanism.secret_key": "asks the system for entropy",
    "deviation.best_response": _CHOOSES,
    "deviation.best_responses": _CHOOSES,
    "deviation.check_draws": _CHOOSES,
    "deviation.check_points": _CHOOSES,
    "deviation.check_replications": _CHOOSES,
    "deviation.compiled": _BUILDS,
    "deviation.honest": _CHOOSES,
    "deviation.in_words": _WORDS,
    "deviation.inspect_mechanism": _WORDS,
    "deviation.moments": _WORDS,
    "deviation.most_draws": _CHOOSES,
    "deviation.noise_is_known": _WORDS,
    "deviation.parameters": _WORDS,
    "deviation.playable": _WORDS,
    "deviation.reads_points": _WORDS,
    "deviation.population": _BUILDS,
    "deviation.robustness": _CHOOSES,
    "deviation.robustness_of_all": _CHOOSES,
    "deviation.simulate": _CHOOSES,
    "deviation.spread_randomness": "takes a key: runs inside deviation.search, listed as such",
    "market.by_error": _BUILDS,
    "market.certify": _WORDS,
    "market.discrimination": _CHOOSES,
    "market.misreported": _CHOOSES,
    "market.misreports": _BUILDS,
    "market.second_within": _CHOOSES,
    "market.examine": _WORDS,
    "market.exponential": _BUILDS,
    "market.linear": _BUILDS,
    "market.table": _BUILDS,
    "market.threshold": _BUILDS,
    "market.frontier": _CHOOSES,
    "market.play": _CHOOSES,
    "market.most_tempting_swap": _WORDS,
    "market.most_useful": _CHOOSES,
    "market.revenues": _CHOOSES,
    "market.sensitivity": _WORDS,
    "market.shape": _CHOOSES,
    "market.simulate": _CHOOSES,
    "multiparty.audit_table": _WORDS,
    "multiparty.audit_coalitions": _WORDS,
    "multiparty.coalitions": "chooses coalitions of different sizes: multiparty.existence decides about each",
    "multiparty.deciding": _CHOOSES,
    "multiparty.allocation": "takes who is present as well: multiparty.solve runs it",
    "multiparty.binding_chain": _WORDS,
    "multiparty.boundary_audits": _WORDS,
    "multiparty.certify": _WORDS,
    "multiparty.check_assumptions": _WORDS,
    "multiparty.check_conditions": _WORDS,
    "multiparty.exploitation_of": _BUILDS,
    "multiparty.largest_revenue": "a certificate, in words; multiparty.largest_payments is what it compares with",
    "multiparty.table_of": _CHOOSES,
    "multiparty.weighted": _BUILDS,
    "mechanism.as_promised": _WORDS,
    "mechanism.averaged": _WORDS,
    "mechanism.counted": _WORDS,
    "mechanism.never": _WORDS,
    "multiparty.examine": _WORDS,
    "multiparty.play": _CHOOSES,
    "multiparty.play_table": _CHOOSES,
    "multiparty.examine_table": _WORDS,
    "multiparty.critical_growth": "takes a whole number of agents",
    "multiparty.exploitation_mechanism": _BUILDS,
    "multiparty.finite_tables": _WORDS,
    "multiparty.market_growth": _BUILDS,
    "multiparty.quality_function": _BUILDS,
    "multiparty.report_table": _CHOOSES,
    "design.account": _WORDS,
    "design.best_rule": _CHOOSES,
    "design.calibrate": _BUILDS,
    "design.carried_out": _CHOOSES,
    "design.certify": _PROVES,
    "design.cost_among_equals": _PROVES,
    "design.companions": "truth values from whole numbers, in NumPy",
    "design.departure": _WORDS,
    "design.designed_by_value": _BUILDS,
    "design.designed_mechanism": _BUILDS,
    "design.family_bound": _PROVES,
    "design.harm_of_design": "sums over whole numbers of points, in NumPy",
    "design.is_whole": _WORDS,
    "design.monotone_rule": _BUILDS,
    "design.otherwise": "chances of limits that were signed, in NumPy",
    "design.power_rule": _BUILDS,
    "design.prove": _PROVES,
    "design.proven_design": _PROVES,
    "design.proven_least": _PROVES,
    "design.ramp_rule": _BUILDS,
    "design.realise": _CHOOSES,
    "design.refuse_differing": _BUILDS,
    "design.smooth_design": _CHOOSES,
    "design.threshold_rule": _BUILDS,
    "audit.audit": _WORDS,
    "audit.examine": _WORDS,
    "audit.in_words": _WORDS,
    "audit.parameters": _WORDS,
}

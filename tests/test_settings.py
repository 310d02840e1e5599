"""Settings of JAX: what works under them, and what they leave as it is."""

import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxmech as jm
from jaxmech import collaboration, market, multiparty
from jaxmech._precision import seed_key

PROBLEM = collaboration.Problem([[0.1, 0.2], [0.3, 0.1], [0.2, np.inf]], 10.0)
MARKET = market.Problem([0.001, 0.002], 1.0, [market.Buyer(market.exponential(0.3), 20)])
COMPETITORS = multiparty.Problem([0.3, 0.8], multiparty.Linear([[1.0, -0.2], [0.0, 1.0]]))

CALLS = {
    "penalty": lambda: collaboration.penalty(PROBLEM, jnp.ones((3, 2))),
    "alone": lambda: collaboration.alone(PROBLEM),
    "social": lambda: collaboration.social_optimum(PROBLEM),
    "rational": lambda: collaboration.rational_optimum(PROBLEM),
    "leverage": lambda: collaboration.leverage_optimum(PROBLEM),
    "cbl": lambda: collaboration.solve(PROBLEM),
    "root": lambda: collaboration.corruption_root(jnp.array(10.0), jnp.array(0.1)),
    "market": lambda: market.solve(MARKET),
    "competitors": lambda: multiparty.solve(COMPETITORS),
    "erfcx": lambda: jm.erfcx(jnp.array([0.0, 30.0])),
}


@pytest.mark.parametrize("call", CALLS)
def test_strict_promotion_works(call):
    with jax.numpy_dtype_promotion("strict"):
        strict = CALLS[call]()
    for found, expected in zip(jax.tree.leaves(strict), jax.tree.leaves(CALLS[call]()), strict=True):
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("call", ["rational", "cbl", "competitors"])
def test_the_documented_way_out_of_the_other_settings_works(call):
    with jax.numpy_rank_promotion("raise"), jax.debug_nans(True):
        with jax.numpy_rank_promotion("allow"), jax.debug_nans(False):
            found = CALLS[call]()
        assert jax.tree.leaves(found)
    assert 'jax.numpy_rank_promotion("allow")' in jm.__doc__
    assert "jax.debug_nans(False)" in jm.__doc__
    assert '"spawn"' in jm.__doc__


def test_seeds_mean_the_same_generator():
    expected = jax.random.normal(seed_key(7))
    assert expected == jax.random.normal(jax.random.key(7, impl="threefry2x32"))
    with jax.default_prng_impl("rbg"):
        assert jax.random.normal(seed_key(7)) == expected


def test_no_module_takes_its_seeds_from_elsewhere():
    sources = Path(jm.__file__).parent.rglob("*.py")
    code = {
        path.name: [line for line in path.read_text(encoding="utf-8").splitlines() if ">>>" not in line]
        for path in sources
    }
    found = [name for name, lines in code.items() if any("random.key(" in line or "PRNGKey(" in line for line in lines)]
    assert found == ["_precision.py"]


def test_the_package_runs_as_a_module():
    for arguments, expected in ((["--version"], "jaxmech "), (["solve", "--help"], "Usage: jaxmech solve")):
        found = subprocess.run(
            [sys.executable, "-m", "jaxmech", *arguments], capture_output=True, text=True, timeout=120
        )
        assert (found.returncode, found.stderr) == (0, "")
        assert found.stdout.startswith(expected)


@pytest.mark.parametrize("arguments", [[], [1.0, ["a", "b", "c"]], [1.0, None, ["x", "y"]]])
def test_problems_can_be_compared(arguments):
    costs = [[0.1, 0.2], [0.3, 0.1], [0.2, np.inf]]
    one, other = (collaboration.Problem(costs, 10.0, *arguments) for _ in range(2))
    assert one == other
    assert hash(one) == hash(other)
    assert one != collaboration.Problem(np.array(costs) + 1e-9, 10.0, *arguments)
    assert one != collaboration.Problem(costs[:2], 10.0)
    assert one != "a problem"
    assert (one == PROBLEM) is (not arguments)


def test_all_records_can_be_compared():
    """Every record of arrays, a plan with NaN as well."""
    for call in CALLS.values():
        found, again = call(), call()
        if not isinstance(found, jax.Array):
            assert found == again
            assert len({found, again}) == 1
    assert market.Problem([0.001, 0.002], 1.0, [market.Buyer(market.exponential(0.3), 20)]) == MARKET
    assert market.Problem([0.001, 0.002], 1.0, [market.Buyer(market.exponential(0.3), 21)]) != MARKET
    assert multiparty.Problem([0.3, 0.9], COMPETITORS.valuation) != COMPETITORS

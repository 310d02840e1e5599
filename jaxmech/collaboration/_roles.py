"""What each role asks of an agent and what it costs her, for any amounts: shared by c3d, cbl and whole-number plans."""

import jax.numpy as jnp

from jaxmech._status import Solution, Status, worst_status
from jaxmech._types import Amounts, Codes, Distributions, Support
from jaxmech.collaboration._corruption import checked_penalty, corruption_root
from jaxmech.collaboration._penalty import collection_cost
from jaxmech.collaboration._plan import Role
from jaxmech.collaboration._problem import Problem
from jaxmech.mechanism import of_others


def coefficients(problem: Problem, samples: Amounts, checked: Support, total: Distributions) -> Solution[Amounts]:
    """Return α for every checked agent, such that collecting ``samples`` is optimal for her; NaN elsewhere.

    Args:
        problem: the problem.
        samples: n*, recommended amounts.
        checked: who is checked on what; amounts are positive there.
        total: T_k.

    Returns:
        Solution of one instance: the worst status and the largest residual of all roots.

    Source: Clinton et al. 2025, equation (11), in the dimensionless numbers τ = T/n* and κ = (n*/n_IND)².
    """
    tau, kappa = _dimensionless(problem, samples, total)
    root = corruption_root(jnp.where(checked, tau, 10), jnp.where(checked, kappa, 0.1))
    return Solution(
        value=jnp.where(checked, jnp.sqrt(jnp.where(checked, root.value * samples, 1)), jnp.nan),
        status=worst_status(jnp.where(checked, root.status, Status.OK)),
        residual=jnp.max(jnp.where(checked, root.residual, 0)),
        steps=jnp.max(jnp.where(checked, root.steps, 0)),
    )


def role_penalty(problem: Problem, samples: Amounts, role: Codes, alpha: Amounts, total: Distributions) -> Amounts:
    """Return what each agent pays for each distribution if everybody complies.

    Alone: σ²/n + cn. Receives: σ²/Σ_{j≠i} n_j + cn. Checked: Lemma 15's penalty at n = n*.

    Source: Clinton et al. 2025, appendix E.4.
    """
    error = problem.scale**2
    tau, kappa = _dimensionless(problem, samples, total)
    checked = role == Role.CHECKED
    safe_samples = jnp.where(samples > 0, samples, 1)
    ratio = jnp.where(checked, jnp.where(checked, alpha, 1) ** 2 / safe_samples, 1)
    unit = checked_penalty(jnp.where(checked, tau, 10), jnp.where(checked, kappa, 0.1), ratio)
    # no division by zero even where its result is not used: reverse mode multiplies it with zero
    theirs = of_others(samples)
    by_others = jnp.where(theirs > 0, error / jnp.where(theirs > 0, theirs, 1), jnp.inf)
    by_herself = jnp.where(samples > 0, error / safe_samples, jnp.inf)
    unchecked = jnp.where(role == Role.ALONE, by_herself, by_others) + collection_cost(problem, samples)
    return jnp.where(checked, unit * error / safe_samples, unchecked)


def _dimensionless(problem: Problem, samples: Amounts, total: Distributions) -> tuple[Amounts, Amounts]:
    """τ = T/n and κ = c n²/σ²; arbitrary where n = 0."""
    safe = jnp.where(samples > 0, samples, 1)
    return total / safe, collection_cost(problem, samples) * safe / problem.scale**2

"""Money apart from error under a design."""

from jaxmech.collaboration import Account, Problem, account_of_error
from jaxmech.design._plan import Design, alike


def account(problem: Problem, design: Design) -> Account:
    """Take apart what a threshold design costs each honest agent.

    With chance f her rest D is noisy: her expected squared error is (1 − f) σ²/(n + z + D) + f σ²/(n + z + D/(1 + v)),
    with v the noise beyond the limit in σ². Whether she passes tells nothing about her error: the mean of n and z
    points is independent of the difference between the two means.

    Args:
        problem: the problem.
        design: whose rule is a threshold, as :func:`design` makes them.

    Returns:
        Arrays (agents, distributions).

    Source: Clinton et al. 2025, section 2, for the penalty; the module ``_linked`` for the chance of failing.
    """
    told = alike(problem)
    sure = design.equivalent + design.comparison
    kept = design.rest / (1 + design.rule.variance[-1])
    chance = design.failure
    precision_lost = (1 - chance) / (sure + design.rest) + chance / (sure + kept)
    return account_of_error(told, design.equivalent, told.error * precision_lost)

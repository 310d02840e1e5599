"""A table of problems by family and size, each with the reason why it is hard. Seeded: the same in every run.

``CASES`` is the whole table, ``cases("binding", "ties")`` a part of it, to be used with ``pytest.mark.parametrize`` and
``ids=str``. Nothing here imports jaxmech, so that oracles and package see the same plain arrays.
"""

import dataclasses

import numpy as np

SIZES = ((2, 1), (3, 2), (5, 1), (8, 3), (12, 6), (30, 6))


@dataclasses.dataclass(frozen=True)
class Case:
    """Costs (agents, distributions), inf where an agent cannot sample; sigma a number or one per distribution."""

    family: str
    label: str
    costs: np.ndarray
    sigma: float | np.ndarray
    why: str

    def __str__(self):
        return f"{self.family}-{self.label}"

    @property
    def shape(self):
        return self.costs.shape

    @property
    def has_finite_bounds(self):
        """Whether every agent can work alone, as Nash and Kalai–Smorodinsky need."""
        return bool(np.isfinite(self.costs).all())


def _generator(family, m, d):
    return np.random.default_rng([*family.encode(), m, d])


def _uniform(m, d):
    return _generator("uniform", m, d).uniform(0.5, 1.5, (m, d))


def _decades(m, d, decades=3, family="decades"):
    return 10 ** _generator(family, m, d).uniform(-decades, 0, (m, d))


def _binding(m, d):
    rng = _generator("binding", m, d)
    agent, distribution, pair = (rng.standard_normal(shape) for shape in ((m, 1), (1, d), (m, d)))
    return np.exp(0.3 * agent + 0.5 * distribution + 0.05 * pair)


def _ties(m, d):
    """Half of the agents share one row, and the cheapest row occurs twice."""
    costs = _binding(m, d)
    costs[: m // 2] = costs[0]
    cheapest = costs.min(axis=0)
    costs[-2:] = 0.9 * cheapest
    return costs


def _infinite(m, d):
    """A third of the entries cannot be sampled; the first agent can do everything, so no column is empty."""
    rng = _generator("infinite", m, d)
    costs = np.where(rng.uniform(size=(m, d)) < 1 / 3, np.inf, _binding(m, d))
    costs[0] = _binding(m, d)[0]
    return costs


def _spectators(m, d):
    """The last third of the agents can measure nothing."""
    costs = _binding(m, d)
    costs[m - m // 3 :] = np.inf
    return costs


def _monopoly(m, d):
    """One agent alone can measure the first distribution; everybody can measure the others."""
    costs = _binding(m, d)
    costs[np.arange(m) != m // 2, 0] = np.inf
    return costs


def _only_one(m, d):
    """One agent alone can measure anything."""
    costs = np.full((m, d), np.inf)
    costs[0] = _binding(m, d)[0]
    return costs


def hard_instance(m, gamma=0.01):
    """Section 4's lower bound: agent 1 alone can measure one distribution, everybody else only the other one."""
    costs = np.full((m, 2), np.inf)
    costs[0, 0] = gamma
    costs[1:, 1] = gamma
    return costs


def _touching():
    """Costs for which the social optimum makes agent 1 pay exactly p_IND.

    Each agent supplies one distribution. Agent 1 pays √c_11 (√2 + 1/√2) + √(c_22 / 2) and has 2 (√c_11 + √c_12) alone.
    """
    own, other = 1.0, 0.05
    root = (own * (1.5 * np.sqrt(2) - 2) + other / np.sqrt(2)) / 2
    return np.array([[own**2, root**2], [4.0, other**2]])


def _per_distribution_sigma(m, d):
    return 10 ** _generator("sigmas", m, d).uniform(-2, 2, d)


def _sized(family, make, why, sizes=SIZES, sigma=lambda m, d: 10.0):
    return [Case(family, f"{m}x{d}", make(m, d), sigma(m, d), why) for m, d in sizes]


def _hand_made():
    return [
        Case("paper", "appendix-c", np.array([[0.033], [0.066], [0.1]]), 10.0, "published answers; one row binds"),
        Case("paper", "equal", np.full((10, 1), 0.01), 1.0, "all optima tie: only the even one is the answer"),
        Case("single", "1x1", np.array([[0.04]]), 10.0, "the feasible set is one point without interior"),
        Case("single", "1x3", np.array([[0.04, 1.0, 25.0]]), 10.0, "one point without interior, in three dimensions"),
        Case(
            "hard", "2", hard_instance(2), 1.0, "nobody can work alone: no rows at all, each distribution one supplier"
        ),
        Case(
            "hard",
            "16",
            hard_instance(16),
            1.0,
            "no rows; fifteen tied suppliers of one distribution, one of the other",
        ),
        Case(
            "near-ties",
            "4x1",
            np.array([[1.0], [1.0 + 1e-6], [1.0 + 2e-6], [2.0]]),
            1.0,
            "nearly flat along the split between three agents",
        ),
        Case(
            "near-ties",
            "4x2",
            np.array([[1.0, 2.0], [1.0, 2.0 + 1e-6], [1.0 + 1e-6, 2.0], [3.0, 6.0]]),
            1.0,
            "near-ties that differ by distribution: which agent supplies which is decided by the seventh digit",
        ),
        Case(
            "proportional",
            "4x3",
            np.outer([1.0, 1.3, 1.7, 2.2], [0.1, 1.0, 10.0]),
            5.0,
            "rows are multiples of each other: who supplies which distribution is not determined, only the sums are",
        ),
        Case(
            "touching",
            "2x2",
            _touching(),
            1.0,
            "the social optimum meets agent 1's row with equality: row and multiplier both vanish",
        ),
    ]


CASES = tuple(
    _hand_made()
    + _sized("uniform", _uniform, "easy: bounded costs, well conditioned")
    + _sized("decades", _decades, "easy: the social optimum is mostly individually rational, but costs spread")
    + _sized("binding", _binding, "many rows bind at once, and rows are nearly proportional: many Newton steps")
    + _sized("ties", _ties, "identical rows must get identical amounts; the optimum is not unique", SIZES[1:])
    + _sized("infinite", _infinite, "variables are missing; agents who cannot work alone have no row")
    + _sized("spectators", _spectators, "agents who can measure nothing pay only errors", SIZES[1:])
    + _sized("monopoly", _monopoly, "one agent is the only supplier of a distribution", SIZES[1:4])
    + _sized("only-one", _only_one, "the feasible set is the point n_IND, without interior", SIZES[:4])
    + _sized("six-decades", lambda m, d: _decades(m, d, 6, "six"), "costs a million apart: badly scaled amounts")
    + _sized(
        "sigmas", _binding, "σ per distribution over four decades: badly scaled columns", SIZES, _per_distribution_sigma
    )
)

FAMILIES = tuple(dict.fromkeys(case.family for case in CASES))


def cases(*families, largest=None):
    """The part of the table in these families (all by default) with at most ``largest`` agents."""
    unknown = set(families) - set(FAMILIES)
    if unknown:
        raise KeyError(f"no such families: {sorted(unknown)}")
    chosen = families or FAMILIES
    return [case for case in CASES if case.family in chosen and (largest is None or case.shape[0] <= largest)]

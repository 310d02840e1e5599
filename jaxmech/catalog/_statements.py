"""Every numbered statement of the four papers: where it lives here, how it is checked, and what is not computable."""

from typing import NamedTuple


class Numbered(NamedTuple):
    """One numbered statement of a paper.

    Attributes:
        number: as printed.
        says: what it states, in short.
        where: public names that compute it, separated by blanks.
        checked: tests that check it, separated by blanks.
        left: what of it is not computed, and why; empty if nothing is left.
    """

    number: str
    says: str
    where: str
    checked: str
    left: str = ""


_PROOF = "a step of a proof: nothing is computed from it"
_MIND = "an argument about all mechanisms: no program can try them; what follows from it is computed"
_C, _M, _P = "tests/collaboration/", "tests/market/", "tests/multiparty/"
_ALPHA, _SHARE = "collaboration.corruption_root", "collaboration.enforceable"

SHARING = (
    Numbered("Fact 1", "p_IND = 2σΣ√c alone", "collaboration.alone_penalty", f"{_C}test_closed_forms.py"),
    Numbered(
        "Fact 2, (5)",
        "pooling is best for given amounts",
        "collaboration.social_penalty collaboration.Pool",
        f"{_C}test_closed_forms.py",
        f"that no mechanism is better: {_MIND}",
    ),
    Numbered("Figure 1", "five divisions of three agents", "catalog.APPENDIX_C", "tests/cli/test_commands.py"),
    Numbered(
        "(1) to (3)",
        "costs, strategies, penalties",
        "collaboration.Problem deviation.penalty",
        "tests/deviation/test_penalty.py",
    ),
    Numbered(
        "(6), (7)", "n_OPT: least sum, nobody worse off", "collaboration.rational_optimum", f"{_C}test_division.py"
    ),
    Numbered(
        "(8)",
        "no distribution costs anybody more than alone",
        "collaboration.leverage_condition",
        f"{_C}test_enforceable.py",
    ),
    Numbered("(9)", "recommended strategies", "collaboration.mechanism", f"{_C}test_mechanisms.py"),
    Numbered(
        "(10)",
        "any rational division may be the target",
        "collaboration.solve collaboration.cbl_plan",
        f"{_C}test_target.py tests/cli/test_target.py",
    ),
    Numbered("(11), (12)", "G(α) = 0 and its bound", _ALPHA, f"{_C}test_corruption.py"),
    Numbered(
        "Algorithm 1",
        "Compute-n-Approx",
        _SHARE,
        f"{_C}test_enforceable.py",
        "the order of the first loop is free in the paper: cheapest first, equals by index, or equals together",
    ),
    Numbered(
        "Algorithm 2",
        "corrupt based on leverage",
        "collaboration.cbl_plan collaboration.mechanism",
        f"{_C}test_mechanisms.py",
    ),
    Numbered(
        "Theorem 1",
        "cbl: truthful, rational, 8- or √m-efficient",
        "collaboration.certify collaboration.efficiency",
        f"{_C}test_certificate.py",
    ),
    Numbered(
        "Theorem 2", "always rational: at least p_IND/2", "collaboration.unavoidable", f"{_C}test_impossible.py", _MIND
    ),
    Numbered(
        "Theorem 3",
        "dominant strategies: at least p_IND/2",
        "collaboration.unavoidable",
        f"{_C}test_impossible.py",
        _MIND,
    ),
    Numbered(
        "Theorem 4",
        "price of stability of at least √m/4",
        "collaboration.unavoidable catalog.experiments",
        "tests/cli/test_reproduce_sharing.py",
        _MIND,
    ),
    Numbered(
        "Theorem 5", "at most 8 times any division that meets (8)", "collaboration.certify", f"{_C}test_certificate.py"
    ),
    Numbered(
        "Appendix C",
        "bargaining solutions",
        "collaboration.nash_bargaining collaboration.egalitarian_bargaining collaboration.kalai_smorodinsky_bargaining",
        f"{_C}test_exact_divisions.py",
    ),
    Numbered("Lemma 1", "a root α ≥ √n* exists", _ALPHA, f"{_C}test_corruption.py notebooks/papers.ipynb"),
    Numbered(
        "Lemmas 2 to 4",
        "truth is optimal, then the amount",
        "collaboration.certify audit.audit",
        f"{_C}test_guarantee.py",
        f"that no function is better than the identity: {_PROOF}; the search finds none",
    ),
    Numbered(
        "Lemma 5",
        "factor 8 per agent and distribution",
        "collaboration.certify",
        f"{_C}test_target.py {_C}test_enforceable.py notebooks/papers.ipynb",
    ),
    Numbered(
        "Lemmas 6, 7",
        "made-up data cost agent 1 nothing",
        "collaboration.unavoidable",
        f"{_C}test_impossible.py",
        _MIND,
    ),
    Numbered("Remarks 1, 2", "notation of Lemma 6", "", "", _PROOF),
    Numbered("Lemma 8", "a bound of erfc", "erfcx", "notebooks/papers.ipynb"),
    Numbered("Lemma 9", "T > 2 n_IND where the first loop leaves an agent", _SHARE, "notebooks/papers.ipynb"),
    Numbered("Lemmas 10 to 13", "amounts against n_IND and n_B under (8)", _SHARE, "notebooks/papers.ipynb"),
    Numbered("Lemma 14", "G's bound at √n*", "", f"{_C}test_lemmas.py"),
    Numbered("Lemma 15", "derivative of the penalty", "collaboration.deviation_penalty", f"{_C}test_corruption.py"),
    Numbered("Lemma 16", "penalty of a checked agent", "collaboration.checked_penalty", "notebooks/papers.ipynb"),
    Numbered("Lemma 17", "the same at the root", "collaboration.checked_penalty", "notebooks/papers.ipynb"),
    Numbered("Lemmas 18 to 21", "expressions that are equal", "", f"{_C}test_lemmas.py"),
    Numbered("Lemma 22", "expectations keep convexity", "", "", _PROOF),
    Numbered("Lemma 23", "Hardy-Littlewood", "", "tests/design/test_mechanism.py", f"{_PROOF}; designs rest on it"),
    Numbered("Lemma 24", "two Gaussian integrals", "collaboration.deviation_penalty", f"{_C}test_corruption.py"),
)
"""Clinton, Chen, Zhu, Kandasamy 2025 (heterogeneous agents)."""

TALK = (
    Numbered(
        "Theorem 1",
        "c3d: truthful, rational, 2-efficient",
        "collaboration.c3d_plan catalog.experiments",
        "tests/cli/test_reproduce_sharing.py",
    ),
    Numbered(
        "Theorem 2",
        "bounded variance: O(1/m)-equilibrium, 2 + O(1/m)",
        "collaboration.steady_root",
        f"{_C}test_steady.py",
        "high dimensions: one panel per distribution; see the problem file's keys",
    ),
    Numbered(
        "Algorithm",
        "noise by the squared difference, minimax estimate",
        "collaboration.mechanism",
        f"{_C}test_mechanisms.py",
    ),
    Numbered(
        "Naive mechanisms",
        "pools are cheated",
        "collaboration.free_riding catalog.experiments",
        "tests/cli/test_reproduce_sharing.py",
    ),
    Numbered(
        "Theorems of the extension",
        "8√m, and that Ω(√m) is needed",
        "collaboration.cbl_plan",
        "tests/cli/test_reproduce_sharing.py",
    ),
    Numbered("Future work", "learning values online, supervised learning", "", "", "announced there, not worked out"),
)
"""Kandasamy's talk on Chen, Zhu, Kandasamy 2023 (equal agents)."""

SELLING = (
    Numbered("Figure 1", "who deals with whom", "", "", "a drawing without numbers"),
    Numbered("(1) to (3)", "OPT", "market.price", f"{_M}test_pricing.py"),
    Numbered("Definition 1, (4), (5)", "ordered item pricing", "market.demand market.revenue", f"{_M}test_prices.py"),
    Numbered(
        "Table 1, row 1",
        "values of any shape",
        "market.table market.price",
        f"{_M}test_any_values.py",
        "solved exactly, by branch and bound, instead of within ε by trying all curves",
    ),
    Numbered(
        "Table 1, row 2",
        "monotone, any number of types",
        "market.price",
        f"{_M}test_pricing.py {_M}test_ordered.py",
        "N^O(ε⁻² log ε⁻¹) is no program for a computer; exact for types in an order, else a heuristic with a bound",
    ),
    Numbered(
        "Table 1, rows 3 to 5",
        "K types: monotone, smooth, diminishing",
        "market.price market.GRID_OF market.shape catalog.experiments.compare_algorithms",
        f"{_M}test_any_values.py {_M}test_pricing.py tests/cli/test_reproduce_selling.py",
    ),
    Numbered(
        "Lemma 1",
        "price curves are as good as envy-free schemes",
        "market.posted_curve market.envy_free_prices",
        f"{_M}test_prices.py",
    ),
    Numbered(
        "Algorithm 1, Lemma 2",
        "any pricing algorithm, for every N",
        "market.PriceRule market.solve",
        f"{_M}test_solve.py {_M}test_pricing.py tests/cli/test_own_pricing.py",
        "its ε is the user's to promise: the exact search judges it where it can, else nothing is claimed",
    ),
    Numbered("(6), (7)", "utility of contributors", "market.contributor_utility", f"{_M}test_broker.py"),
    Numbered(
        "(8) to (10)",
        "what buyers have of a misreport",
        "market.misreported market.misreports market.play",
        f"{_M}test_misreport.py",
    ),
    Numbered("(11)", "values by the number of points", "market.by_error market.Valuation", f"{_M}test_valuation.py"),
    Numbered("(12)", "profit", "market.profit", f"{_M}test_solve.py"),
    Numbered("Algorithm 2, (13) to (15)", "the broker", "market.Broker market.divide_work", f"{_M}test_broker.py"),
    Numbered("Theorem 3", "in dominant strategies nobody collects", "market.certify", f"{_M}test_premises.py", _MIND),
    Numbered(
        "Theorem 4",
        "no equilibrium above OPT − (c₂ − c₁)",
        "market.Plan market.discrimination",
        f"{_M}test_premises.py",
        f"for envy-free, rational markets only; {_MIND}",
    ),
    Numbered("Lemma 5, Claim 6", "alone, one makes data up", "market.certify", f"{_M}test_premises.py", _MIND),
    Numbered(
        "Theorem 5.1", "five properties, and the profit", "market.certify market.margins", f"{_M}test_certificate.py"
    ),
    Numbered("Lemmas 7 to 9", "counts, means, amounts", "market.Broker market.examine", f"{_M}test_audit.py"),
    Numbered(
        "Section 6",
        "beyond one mean: the second sample by degrees of freedom",
        "market.Problem market.Broker",
        f"{_M}test_several_means.py",
        "an expectation there, without a mechanism; of several means that a point measures at once it is built and "
        "proven here: a point of the second contributor has a number for each; other learning tasks are not",
    ),
)
"""Chen, Clinton, Kandasamy 2025 (marketplace)."""

COMPETING = (
    Numbered(
        "Observation 1",
        "over-reports would make all utilities equal",
        "catalog.experiments.over_reports",
        f"{_P}test_over_reports.py",
        "shown on grids of types; everything else excludes over-reports, by Assumption 2",
    ),
    Numbered("Assumption 1", "quality rises with data", "multiparty.quality_function", f"{_P}test_solve.py"),
    Numbered("Assumption 2", "nobody reports more than she has", "multiparty.misreports", f"{_P}test_audit.py"),
    Numbered(
        "Assumption 3",
        "values rise with one's type",
        "multiparty.check_assumptions",
        f"{_P}test_any_allocation.py {_P}test_interdependent.py",
        "for many outcomes, from each level of the grid to the next; through models in use alone, by their slopes",
    ),
    Numbered(
        "Assumption 4",
        "the market grows",
        "multiparty.check_assumptions",
        f"{_P}test_any_allocation.py",
        "at many qualities, not at all of them",
    ),
    Numbered(
        "Definitions 1, 2",
        "mechanisms and valuations; contributions with weights",
        "multiparty.DirectMechanism multiparty.General multiparty.Interdependent multiparty.weighted",
        f"{_P}test_table.py {_P}test_interdependent.py {_P}test_weights.py tests/cli/test_weights.py",
        "what is handed out counts through the models in use, max(x, Q(t)), as the paper has it below Definition 2",
    ),
    Numbered(
        "Definitions 3 to 7",
        "truthful, rational, efficient, balanced",
        "multiparty.certify multiparty.audit_table",
        f"{_P}test_solve.py {_P}test_table.py",
    ),
    Numbered(
        "Definition 8, Example 1",
        "quasi-monotone and linear values",
        "multiparty.QuasiMonotone multiparty.Linear",
        f"{_P}test_solve.py",
    ),
    Numbered(
        "Definition 9",
        "exploitation payments",
        "multiparty.exploitation_mechanism multiparty.exploitation_of",
        f"{_P}test_solve.py {_P}test_any_allocation.py",
    ),
    Numbered(
        "Definition 10, Theorem 4",
        "where nobody is harmed the best model is free",
        "multiparty.solve multiparty.check_assumptions",
        f"{_P}test_solve.py {_P}test_any_allocation.py",
        "at many qualities, not at all of them",
    ),
    Numbered(
        "Theorem 1, Corollary 1",
        "exploitation is truthful and earns most",
        "multiparty.exploitation_of multiparty.largest_revenue multiparty.certify",
        f"{_P}test_any_allocation.py {_P}test_largest.py",
        "truth is a theorem for quasi-monotone values only: for others lies are searched",
    ),
    Numbered(
        "Theorems 2, 3",
        "necessary and sufficient conditions",
        "multiparty.check_conditions",
        f"{_P}test_existence.py {_P}test_interdependent.py",
        "by quadrature between levels of a grid, for given valuations instead of all",
    ),
    Numbered(
        "Algorithm 1, Theorem 5",
        "largest payments by shortest paths",
        "multiparty.existence multiparty.coalitions",
        f"{_P}test_existence.py {_P}test_readings.py {_P}test_interdependent.py tests/cli/test_existence.py",
        "what ∅ is in its loop is left open: both readings, all others present, or any absent without data",
    ),
    Numbered("Figures 1 to 3", "experiments", "catalog.experiments", "tests/cli/test_multiparty.py"),
)
"""Chen, Liu, Shen, Shen, Tang, Yang 2020 (competitors)."""

STATEMENTS = {
    "Sharing, different costs (Clinton et al. 2025)": SHARING,
    "Sharing, equal costs (the talk on Chen et al. 2023)": TALK,
    "Selling (Chen et al. 2025)": SELLING,
    "Competing (Chen et al. 2020)": COMPETING,
}
"""All numbered statements, by paper."""

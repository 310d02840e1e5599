"""The shared vocabulary: mechanisms, what agents submit, what they get back, and the record of an audited claim."""

from jaxmech.mechanism._key import secret_key
from jaxmech.mechanism._outcome import Outcome, priced
from jaxmech.mechanism._protocol import (
    Approximate,
    Claiming,
    Guarantee,
    Guaranteed,
    Information,
    Mechanism,
    Separate,
    Strategy,
    Whole,
    claims_what_is_proven,
    only_whole_points,
)
from jaxmech.mechanism._record import CLAIMS, EFFICIENT, NASH, PROMISED, RATIONAL, Audit, Target
from jaxmech.mechanism._stakes import Stakes, best_whole
from jaxmech.mechanism._submission import Statistics, Submission, subset_variance
from jaxmech.mechanism._subsets import (
    Drawn,
    Within,
    draw_means,
    draw_means_within,
    draw_points,
    of_others,
    within_points,
)

__all__ = [
    "CLAIMS",
    "EFFICIENT",
    "NASH",
    "PROMISED",
    "RATIONAL",
    "Approximate",
    "Audit",
    "Claiming",
    "Drawn",
    "Guarantee",
    "Guaranteed",
    "Information",
    "Mechanism",
    "Outcome",
    "Separate",
    "Stakes",
    "Statistics",
    "Strategy",
    "Submission",
    "Target",
    "Whole",
    "Within",
    "best_whole",
    "claims_what_is_proven",
    "draw_means",
    "draw_means_within",
    "draw_points",
    "of_others",
    "only_whole_points",
    "priced",
    "secret_key",
    "subset_variance",
    "within_points",
]

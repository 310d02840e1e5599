"""The shared vocabulary: mechanisms, what agents submit, what they get back, and the record of an audited claim."""

from jaxmech.mechanism._capacity import Capacity
from jaxmech.mechanism._equivalent import Equivalent, equivalent_points
from jaxmech.mechanism._examined import GAIN, PENALTY, Departure, Examined
from jaxmech.mechanism._key import secret_key
from jaxmech.mechanism._known import COMPUTED, PROVEN, SEARCHED, SIMULATED
from jaxmech.mechanism._outcome import Outcome, priced
from jaxmech.mechanism._protocol import (
    Approximate,
    Claiming,
    Guarantee,
    Guaranteed,
    Information,
    Mechanism,
    Separate,
    Settling,
    Strategy,
    Whole,
    answers_alone,
    claims_what_is_proven,
    only_whole_points,
    settled,
)
from jaxmech.mechanism._realised import PLATFORM, Chance, Quantity, Realised, as_promised, averaged, counted, never
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
    split_points,
    within_points,
)

__all__ = [
    "CLAIMS",
    "COMPUTED",
    "EFFICIENT",
    "GAIN",
    "NASH",
    "PENALTY",
    "PLATFORM",
    "PROMISED",
    "PROVEN",
    "RATIONAL",
    "SEARCHED",
    "SIMULATED",
    "Approximate",
    "Audit",
    "Capacity",
    "Chance",
    "Claiming",
    "Departure",
    "Drawn",
    "Equivalent",
    "Examined",
    "Guarantee",
    "Guaranteed",
    "Information",
    "Mechanism",
    "Outcome",
    "Quantity",
    "Realised",
    "Separate",
    "Settling",
    "Stakes",
    "Statistics",
    "Strategy",
    "Submission",
    "Target",
    "Whole",
    "Within",
    "answers_alone",
    "as_promised",
    "averaged",
    "best_whole",
    "claims_what_is_proven",
    "counted",
    "draw_means",
    "draw_means_within",
    "draw_points",
    "equivalent_points",
    "never",
    "of_others",
    "only_whole_points",
    "priced",
    "secret_key",
    "settled",
    "split_points",
    "subset_variance",
    "within_points",
]

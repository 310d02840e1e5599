"""How widely a search looks: one record for all mechanisms."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class SearchSettings:
    """How widely to search: one setting for all mechanisms.

    Attributes:
        draws: common random numbers in the first stage.
        steps: of Adam, from every start.
        rate: its first step length; it falls to 0 as a cosine.
        polished: how many families of each agent go on to the second stage.
        polish_draws: common random numbers there.
        polish_steps: steps there.
        polish_rate: step length there.
        scan_draws: common random numbers for every submission that the scan of answers proposes.
        batches: independent sets of draws for the final verdict.
        batch: draws in each.
        guesses: true means among which the adversary chooses during the search, in σ.
        means: and in the final verdict.
        errors: width of the confidence interval in standard errors; 4.1 is 99.9 % of Student's law with 15 degrees.
    """

    draws: int = 128
    steps: int = 60
    rate: float = 0.15
    polished: int = 4
    polish_draws: int = 4096
    polish_steps: int = 40
    polish_rate: float = 0.03
    scan_draws: int = 1024
    batches: int = 16
    batch: int = 16384
    guesses: tuple[float, ...] = (0.0, 3.0, -30.0)
    means: tuple[float, ...] = (0.0, -10.0, 1000.0)
    errors: float = 4.1

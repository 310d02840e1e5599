"""Markets to test with, seeded. Values are plain tables where an oracle needs them."""

import numpy as np

from jaxmech import market


def rough(seed, types, largest, steps=None):
    """Monotone values with jumps at random sizes, (types, largest + 1); multiples of 1/steps if given."""
    generator = np.random.default_rng([seed, types, largest])
    rises = generator.exponential(size=(types, largest)) * (generator.uniform(size=(types, largest)) < 0.5)
    rises[:, -1] += 0.1
    values = np.cumsum(rises, axis=1)
    values *= (generator.uniform(0.4, 1.0, types) / values[:, -1])[:, None]
    if steps:
        values = np.round(values * steps) / steps
        values[:, -1] = np.maximum(values[:, -1], 1 / steps)
    return np.concatenate([np.zeros((types, 1)), values], axis=1)


def smooth(seed, types, largest):
    """Values of a closed form, from the families of the paper's setting, (types, largest + 1)."""
    generator = np.random.default_rng([seed, types, largest])
    forms = (market.exponential, market.linear, market.threshold)
    chosen = [forms[(seed + j) % 3](10 ** generator.uniform(-1.3, 0), generator.uniform(0.3, 1)) for j in range(types)]
    sizes = np.arange(largest + 1)
    return np.stack([np.asarray(valuation.by_size(sizes, 1.0)) for valuation in chosen])


def with_tables(values, counts, costs):
    """A market whose buyers value sizes as the tables say."""
    buyers = [market.Buyer(market.table(row), int(count)) for row, count in zip(values, counts, strict=True)]
    return market.Problem(costs, 1.0, buyers)


def lab_market(costs=(0.001, 0.002)):
    """Three types with closed forms."""
    buyers = [
        market.Buyer(market.exponential(0.5, 0.3), 20, "lab"),
        market.Buyer(market.threshold(0.15, 0.9), 4, "authority"),
        market.Buyer(market.linear(0.4, 0.6), 8, "office"),
    ]
    return market.Problem(costs, 1.0, buyers)

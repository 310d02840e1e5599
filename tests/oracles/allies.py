"""What allies pay under c3d who share everything, by simulating whole data sets; nothing of jaxmech.

σ = 1 and equal agents. The allies know which points are theirs, drop them from what comes back clean, and weigh all
means by generalised least squares: for normal data, and noise whose variance they are told, nothing is better.
"""

import numpy as np


def pays(agents, asked, alpha, cost, collected, allies, copies, runs=8000, seed=0):
    """Return what each of the allies pays, and the standard error of that.

    Args:
        agents: how many there are.
        asked: n*, whole; |Z| is the same.
        alpha: noise coefficient.
        cost: of a point.
        collected: points that the allies collect together, a multiple of their number unless they hand in copies.
        allies: how many they are.
        copies: whether each hands in the mean of all their points as ``asked`` points, else her own share.
    """
    random = np.random.default_rng(seed)
    honest = random.standard_normal((runs, (agents - allies) * asked))
    own = random.standard_normal((runs, collected))
    shares = own.reshape(runs, allies, -1) if not copies else np.repeat(own[:, None], allies, axis=1)
    means, added = [own.mean(axis=1)], [np.zeros(runs)]
    for j in range(allies):
        sent = shares[:, j].mean(axis=1)
        friends = np.delete(shares, j, axis=1).reshape(runs, -1)
        if copies:  # filled up to what is asked
            friends = np.tile(own, (1, -(-asked * (allies - 1) // collected)))[:, : asked * (allies - 1)]
        others = np.concatenate([honest, friends], axis=1)
        order = np.argsort(random.random(others.shape), axis=1)
        clean, noisy = order[:, :asked], order[:, asked:]
        foreign = clean < honest.shape[1]
        drawn = np.take_along_axis(others, clean, axis=1)
        noise = alpha**2 * (sent - drawn.mean(axis=1)) ** 2 / noisy.shape[1]
        means += [
            (drawn * foreign).sum(axis=1) / foreign.sum(axis=1).clip(1),
            others[np.arange(runs)[:, None], noisy].mean(axis=1),
        ]
        added += [np.zeros(runs), noise]
    table, variance = np.array(means).T, np.array(added).T
    covariance = np.cov(table.T, bias=True) + 1e-9 * np.eye(table.shape[1])
    systems = covariance + variance[:, :, None] * np.eye(table.shape[1])
    weights = np.linalg.solve(systems, np.ones((runs, table.shape[1], 1)))[..., 0]
    weights /= weights.sum(axis=1, keepdims=True)
    squared = ((weights * table).sum(axis=1)) ** 2 + (weights**2 * variance).sum(axis=1)
    return squared.mean() + cost * collected / allies, squared.std() / runs**0.5

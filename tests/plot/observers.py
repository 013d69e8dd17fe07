"""Trial tables of simulated observers."""

from __future__ import annotations

import numpy as np
from scipy.special import expit

COHERENCES = np.array([0, 3.2, 6.4, 12.8, 25.6, 51.2])


def table(n=2000, seed=0, slope=0.1, correct_pull=(), error_pull=(), missed=0.05, lanes=1, shift=0.0):
    """An observer of two choices (actions 1 and 2), pulled by its choices before (log odds, by lag)."""
    rng = np.random.default_rng(seed)
    side, coh = rng.integers(0, 2, n), rng.choice(COHERENCES, n)
    lane, block = np.arange(n) % lanes, np.arange(n) // lanes // 50 % 2
    evidence = np.where(side == 1, coh, -coh)
    choice, correct = np.zeros(n, int), np.zeros(n, bool)
    for i in range(n):
        z = slope * evidence[i] + shift * (block[i] - 0.5)
        for pulls, hit in ((correct_pull, True), (error_pull, False)):
            for lag, pull in enumerate(pulls, 1):
                j = i - lag * lanes
                if j >= 0 and choice[j] and correct[j] == hit:
                    z += pull * (2 * choice[j] - 3)
        if rng.random() >= missed:
            choice[i] = 1 + (rng.random() < expit(z))
        correct[i] = choice[i] == side[i] + 1
    time = np.where(choice == 0, np.nan, 300 + 700 / (1 + coh / 10) + 200 * ~correct + 50 * rng.random(n))
    columns = {"trial": np.arange(n), "lane": lane, "ground_truth": side, "coh": coh, "block": block}
    outcome = {"choice": choice, "gt": side + 1, "correct": correct, "performance": correct * 1.0, "reaction_time": time}
    return {**columns, **outcome, "reward": correct * 1.0, "delay": rng.choice([0.0, 500, 1000], n)}

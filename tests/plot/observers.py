"""Trial tables of simulated observers, activity of simulated units, and random runs."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
from scipy.special import expit

COHERENCES = np.array([0, 3.2, 6.4, 12.8, 25.6, 51.2])


def table(n=2000, seed=0, slope=0.1, after_correct=(), after_error=(), missed=0.05, lanes=1, shift=0.0):
    """An observer of two choices (actions 1 and 2), biased by its previous choices (log odds, by lag)."""
    rng = np.random.default_rng(seed)
    side, coh = rng.integers(0, 2, n), rng.choice(COHERENCES, n)
    lane, block = np.arange(n) % lanes, np.arange(n) // lanes // 50 % 2
    evidence = np.where(side == 1, coh, -coh)
    choice, correct = np.zeros(n, int), np.zeros(n, bool)
    for i in range(n):
        z = slope * evidence[i] + shift * (block[i] - 0.5)
        for weights, outcome in ((after_correct, True), (after_error, False)):
            for lag, weight in enumerate(weights, 1):
                j = i - lag * lanes
                if j >= 0 and choice[j] and correct[j] == outcome:
                    z += weight * (2 * choice[j] - 3)
        if rng.random() >= missed:
            choice[i] = 1 + (rng.random() < expit(z))
        correct[i] = choice[i] == side[i] + 1
    time = np.where(choice == 0, np.nan, 300 + 700 / (1 + coh / 10) + 200 * ~correct + 50 * rng.random(n))
    columns = {"trial": np.arange(n), "lane": lane, "ground_truth": side, "coh": coh, "block": block}
    outcome = {"choice": choice, "gt": side + 1, "correct": correct, "performance": correct * 1.0, "reaction_time": time}
    return {**columns, **outcome, "reward": correct * 1.0, "delay": rng.choice([0.0, 500, 1000], n)}


def recording(n=40, units=12, jitter=True, **changes):
    """Unit u peaks at step 2 u; side 1 adds 1 to even units during the stimulus, of 4 or 8 steps."""
    rng = np.random.default_rng(0)
    stimulus = rng.choice([4, 8], n) if jitter else np.full(n, 8)
    side = rng.integers(0, 2, n)
    edges = {"fixation": (0 * stimulus, 0 * stimulus + 3), "stimulus": (0 * stimulus + 3, 3 + stimulus)}
    edges["decision"] = (3 + stimulus, 5 + stimulus)
    steps = np.arange(13)
    mask = steps < edges["decision"][1][:, None]
    activity = np.exp(-((steps[:, None] - 2 * np.arange(units)) ** 2) / 2.0) + np.zeros((n, 1, 1))
    shown = (steps >= 3) & (steps < 3 + stimulus[:, None])
    activity = activity + (shown & (side == 1)[:, None])[:, :, None] * (np.arange(units) % 2 == 0)
    parts = {
        "activity": np.where(mask[:, :, None], activity, 99.0),  # what lies outside of trials must not show
        "mask": mask,
        "start": {name: start for name, (start, _) in edges.items()},
        "end": {name: end for name, (_, end) in edges.items()},
        "conditions": {"ground_truth": side, "coh": rng.random(n)},
        "dt": 20.0,
    }
    return SimpleNamespace(**{**parts, **changes})


def random_run(steps=60, **changes):
    """Keywords of `visualize_run`; a trial ends every 10 steps."""
    rng = np.random.default_rng(0)
    data = {"ob": rng.random((steps, 3)), "actions": rng.integers(0, 3, steps), "gt": rng.integers(0, 3, steps)}
    data |= {"rewards": rng.choice([0, 1.0, -0.1], steps), "performance": np.where(np.arange(steps) % 10 == 9, 1.0, np.nan)}
    return {**data, **changes}

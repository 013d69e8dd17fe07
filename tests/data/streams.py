"""Steps that rows of a data set deliver, and tasks whose trials are stored in either form."""

from __future__ import annotations

from unittest.mock import patch

import numpy as np

import ngym_core as ngym
from ngym_core.trials import observations


def stream(dataset, steps):
    """The first steps that each row delivers, (rows, steps, ...)."""
    axis = 1 if dataset.batch_first else 0
    batches = [dataset() for _ in range(-(-steps // dataset.seq_len))]
    inputs, target = (np.concatenate(part, axis=axis) for part in zip(*batches, strict=True))
    if not dataset.batch_first:
        inputs, target = inputs.swapaxes(0, 1), target.swapaxes(0, 1)
    return inputs[:, :steps], target[:, :steps]


class ChangingStorage(ngym.TrialEnv):
    """A task whose trials are stored by segments at first, and densely from some call on."""

    default_timing = {"wait": ("uniform", (300, 900)), "go": 400}
    rule = ngym.Rule()

    def __init__(self, by_periods=0):
        super().__init__()
        self.by_periods = by_periods
        self.observation_space = ngym.spaces.Box(-np.inf, np.inf, {"cue": range(5)}, shape=(5,))
        self.action_space = ngym.spaces.Discrete(3)

    def _new_trials(self, trials):
        side = trials.choice("side", [1, 2])
        trials.add_period(["wait", "go"])
        trials.add_ob(side[:, None] * np.arange(1, 6), "go", where="cue")
        self.by_periods -= trials.n > 100
        if self.by_periods < 0:
            trials.gt[:] = 0
        trials.set_groundtruth(side, "go")


def dense():
    """Store all trials densely, so that each step has its own value."""
    return patch.object(observations, "MIN_TRIALS_TO_ENCODE", 2**62)


def steps_of(dataset, steps):
    """The first steps of each part of the batches that each row delivers, (rows, steps, ...)."""
    batches = [dataset() for _ in range(-(-steps // dataset.seq_len))]
    return joined(batches, steps, 1 if dataset.batch_first else 0)


def joined(parts, steps, axis):
    """The first steps of consecutive batches, the rows first."""
    if isinstance(parts[0], dict):
        return {name: joined([part[name] for part in parts], steps, axis) for name in parts[0]}
    if isinstance(parts[0], tuple):
        return tuple(joined(list(part), steps, axis) for part in zip(*parts, strict=True))
    whole = np.concatenate(parts, axis=axis)
    return (whole if axis else whole.swapaxes(0, 1))[:, :steps]


def same(one, other):
    """Whether two samples, batches or states hold the same, bit for bit."""
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[name], other[name]) for name in one)
    if isinstance(one, (tuple, list)):
        return len(one) == len(other) and all(same(a, b) for a, b in zip(one, other, strict=True))
    numbers = isinstance(one, np.ndarray) and one.dtype.kind == "f"
    return np.array_equal(one, other, equal_nan=numbers)

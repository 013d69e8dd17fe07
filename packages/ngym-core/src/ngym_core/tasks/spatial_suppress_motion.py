"""Spatial suppression of motion: large stimuli of high contrast are at first seen in the opposite direction."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ngym_core.arguments import Number
from ngym_core.env import Rewards, Timing, TrialEnv
from ngym_core.rules import Rule
from ngym_core.spaces import Box
from ngym_core.trials import Trials

Array = NDArray[Any]
# Probability of reporting the direction and its opposite, by the number of steps of 8.3 ms seen (after Tadin et al. 2003).
STEPS = [*range(10), 12, 14, 17, 20, 27, 35, 36, 37, 38]
HIGH_DIRECTION = [0.249] * 10 + [0.27, 0.32, 0.4583, 0.65, 0.85, 0.99, 0.99, 0.99, 0.99]
HIGH_OPPOSITE = [0.249] * 8 + [0.29, 0.31, 0.4, 0.475, 0.4167, 0.3083, 0.075, 0.04, 0.04, 0.03, 0.03]
LOW_DIRECTION = [0.249] * 7 + [0.25, 0.26, 0.2583, 0.325, 0.45, 0.575, 0.875, 0.933, 0.99, 0.99, 0.99, 0.99]
LOW_OPPOSITE = [0.249] * 7 + [0.25, 0.26, 0.2583, 0.267, 0.1417, 0.1167, 0.058, 0.016, 0.003, 0.003, 0.003, 0.003]


class MatchProbabilities(Rule):
    """Report four probabilities at each step; reward and performance measure their agreement with the ground truth.

    The agreement is 1 minus half the sum of the absolute differences. A step earns `correct` times this, and
    performance is its mean over the trial.
    """

    def prepare(self, task: Any, trials: Trials) -> dict[str, Any]:
        """Return the number of steps."""
        return {"steps": trials.lengths, "right": 0.0}

    def step_one(self, task: Any, now: Any, action: Array) -> tuple[float, bool]:
        """Evaluate one action."""
        right = float(_agreement(action, now.gt))
        now.right += right
        now.performance = now.right / now.steps
        return task.rewards["correct"] * right, False

    def step_many(self, task: Any, now: Any, action: Array) -> tuple[Array, NDArray[np.bool_]]:
        """Evaluate one action in each of N lanes."""
        right = _agreement(action, now.gt)
        now.right += right
        now.performance = now.right / now.steps
        return task.rewards["correct"] * right, np.zeros(len(action), bool)


def _agreement(action: Array, gt: Array) -> Any:
    return np.maximum(1 - np.abs(action.astype(float) - gt.astype(float)).sum(axis=-1) / 2, 0.0)


class SpatialSuppressMotion(TrialEnv):
    """Report the probabilities of four directions of motion, as they develop over the first 300 ms.

    Channels:
        direction{i}: 8 * i to 8 * i + 7. Strength of motion in direction i (left, right, up, down) on a line from the
            center outward: (1 + cos(distance to the direction)) * contrast / 2 within the stimulus, 0 outside.

    Actions:
        probability: 0 to 3. That of each direction.

    Periods (ms):
        stimulus: 300.

    Conditions:
        direction: 1 to 4. Direction of the motion.
        contrast: 0.05 or 0.99. Another one, from 0 to 1, may be forced.
        diameter: 1 (low contrast) or 8 (high). Another one, from 0 to 8, may be forced.

    Rewards:
        abort: -0.1. Not used.
        correct: 1.0. In each step, times how much of the probabilities is right.
        fail: 0.0. Not used.

    The ground truth follows human reports: large stimuli of high contrast are seen in the opposite
    direction at first. Performance is the mean over the trial of 1 minus half the sum of absolute differences.

    Args:
        dt: Time step in ms.
        timing: Durations (ms) that replace the defaults.
        rewards: Values that replace the defaults.
        **kwargs: Arguments of `TrialEnv`.
    """

    metadata = {
        "paper_name": "Perceptual consequences of centre-surround antagonism in visual motion processing",
        "paper_link": "https://www.nature.com/articles/nature01800",
        "tags": ["perceptual", "plaid", "motion", "center-surround"],
    }
    default_timing = {"stimulus": 300}
    default_rewards = {"abort": -0.1, "correct": 1.0, "fail": 0.0}
    rule = MatchProbabilities()

    def __init__(self, dt: float = 8.3, timing: Timing = None, rewards: Rewards = None, **kwargs: Any) -> None:
        super().__init__(dt, rewards=rewards, timing=timing, **kwargs)
        self.theta = np.array([-np.pi / 2, np.pi / 2, 0, np.pi])
        self.directions = [1, 2, 3, 4]
        self.opposite = np.array([1, 0, 3, 2])
        names = {f"direction{i}": range(8 * i, 8 * i + 8) for i in range(4)}
        self.observation_space = Box(0, np.inf, names, shape=(32,))
        self.action_space = Box(0, 1, {"probability": range(4)}, shape=(4,))

    def _new_trials(self, trials: Trials) -> None:
        direction, contrast = self._motion(trials)
        diameter = trials.condition("diameter", np.where(contrast < 0.5, 1, 8), Number(0, 8))
        strength = (np.cos(self.theta - self.theta[direction][:, None]) + 1) * contrast[:, None] / 2
        covered = np.arange(8) < diameter[:, None]
        trials.add_ob((strength[:, :, None] * covered[:, None]).reshape(-1, 32))

    def _motion(self, trials: Trials) -> tuple[Array, Array]:
        """Draw direction (from 0) and contrast, (n,) each, and set the ground truth that follows from them."""
        direction = trials.choice("direction", self.directions) - 1
        contrast = trials.choice("contrast", [0.05, 0.99], allow=Number(0, 1))
        trials.add_period("stimulus")
        trials.set_groundtruth(self._reports(direction, contrast, trials.gt.shape[1]))
        return direction, contrast

    def _reports(self, direction: Array, contrast: Array, steps: int) -> Array:
        """Return the probabilities of the four directions, (n, steps, 4)."""
        reports = np.empty((2, 4, steps, 4))
        for high, curves in enumerate(((LOW_DIRECTION, LOW_OPPOSITE), (HIGH_DIRECTION, HIGH_OPPOSITE))):
            seen, opposite = (np.interp(np.arange(steps), STEPS, curve) for curve in curves)
            reports[high] = (np.maximum(1 - seen - opposite, 0) / 2)[:, None]
            for shown in range(4):
                reports[high, shown, :, shown] = seen
                reports[high, shown, :, self.opposite[shown]] = opposite
        reports /= reports.sum(axis=-1, keepdims=True)
        return np.asarray(reports.astype(np.float32)[(contrast >= 0.5).astype(int), direction])

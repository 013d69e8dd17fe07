"""Small tasks for tests: one with three periods, one of them random, and noise on a ring; one with two choices at once."""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium.spaces import MultiDiscrete

import ngym_core as ngym


class Toy(ngym.TrialEnv):
    metadata = {"tags": ["perceptual"], "paper_name": None, "paper_link": None}
    default_timing = {"fixation": 100, "stimulus": 300, "delay": (100, 200, 300), "decision": 200}
    default_rewards = {"abort": -0.1, "correct": 1.0, "fail": 0.0}
    rule = ngym.FixateThenChoose()

    def __init__(self, dt: float = 100, rewards=None, timing=None, sigma: float = 0.5, **kwargs: Any) -> None:
        super().__init__(dt, rewards=rewards, timing=timing, **kwargs)
        self.sigma = sigma
        self.choices = [0, 1]
        self.observation_space = ngym.spaces.Box(-np.inf, np.inf, {"fixation": 0, "stimulus": [1, 2]}, shape=(3,))
        self.action_space = ngym.spaces.Discrete(3, {"fixation": 0, "choice": [1, 2]})

    def _new_trials(self, trials: ngym.Trials) -> None:
        side = trials.choice("ground_truth", self.choices)
        strength = trials.choice("strength", [0.5, 1.0], allow="any")
        trials.add_period(["fixation", "stimulus", "delay", "decision"])
        trials.add_ob(1, ["fixation", "stimulus", "delay"], where="fixation")
        trials.add_ob(np.eye(2)[side] * strength[:, None], "stimulus", where="stimulus")
        trials.add_randn(0, self.sigma, ["stimulus", "delay"], where="stimulus")
        trials.set_groundtruth(side, "decision", where="choice")


class PayBoth(ngym.Rule):
    """Pays both choices together, in the last step of three."""

    def step_one(self, task, now, action):
        right = now.step == 2 and bool(np.all(np.asarray(action) == now.gt))
        now.performance = float(right)
        return float(right), False

    def step_many(self, task, now, action):
        right = (np.asarray(action) == now.gt).all(axis=-1) & (now.step == 2)
        now.performance = right.astype(float)
        return right.astype(float), np.zeros(len(right), bool)


class TwoChoices(ngym.TrialEnv):
    """Two choices at once."""

    metadata = {"tags": [], "paper_name": None, "paper_link": None}
    default_timing = {"stimulus": 200, "decision": 100}
    default_rewards = {"correct": 1.0, "fail": 0.0}
    rule = PayBoth()

    def __init__(self, dt: float = 100, rewards=None, timing=None, **kwargs: Any) -> None:
        super().__init__(dt, rewards=rewards, timing=timing, **kwargs)
        self.observation_space = ngym.spaces.Box(-np.inf, np.inf, {"light": [0, 1]}, shape=(2,))
        self.action_space = MultiDiscrete([2, 3])

    def _new_trials(self, trials: ngym.Trials) -> None:
        side = trials.choice("side", [0, 1])
        trials.add_period(["stimulus", "decision"])
        trials.add_ob(np.eye(2)[side], "stimulus", where="light")
        trials.set_groundtruth(np.stack([side, side + 1], axis=-1), "decision")


def equal_trials(n: int = 4) -> ngym.Trials:
    """Trials to be painted by a test, whose periods have the same edges: fixation (2 steps), stimulus (3 steps)."""
    trials = ngym.Trials(Toy(timing={"fixation": 200, "stimulus": 300}), n, ngym.Draws(0))
    trials.add_period(["fixation", "stimulus"])
    return trials


def ragged_trials(n: int = 4) -> ngym.Trials:
    """Trials to be painted by a test: fixation (1 step), delay (1, 3, 2, 1 steps), decision (2 steps)."""
    delays = iter([100, 300, 200, 100] * n)
    trials = ngym.Trials(Toy(timing={"delay": lambda: next(delays)}), n, ngym.Draws(0))
    trials.add_period(["fixation", "delay", "decision"])
    return trials

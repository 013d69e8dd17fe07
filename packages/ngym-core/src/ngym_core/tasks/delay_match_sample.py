"""Delayed match to sample: compare a stimulus with one that is remembered."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ngym_core.env import TrialEnv
from ngym_core.rules import FixateThenChoose
from ngym_core.spaces import Box, Discrete
from ngym_core.tasktools import ring, tuning
from ngym_core.trials import Trials


class DelayMatchSample(TrialEnv):
    """Report whether a test stimulus equals a sample shown before a delay.

    Channels:
        fixation: 0. 1 until the decision.
        stimulus: 1 to dim_ring. 0.5 + 0.5 * cos(distance to the shown direction), with noise.

    Actions:
        fixation: 0.
        match: 1. The test equals the sample.
        non-match: 2. It is the opposite direction.

    Periods (ms):
        fixation: 300.
        sample: 500.
        delay: 1000.
        test: 500.
        decision: 900.

    Conditions:
        ground_truth: 1 (match) or 2 (non-match).
        sample_theta: One of the directions, in radians.
        test_theta: Follows from the others.

    Rewards:
        abort: -0.1. An action other than 0 during fixation.
        correct: 1.0. The right choice in the decision period; it ends the trial.
        fail: 0.0. The other choice; it ends the trial.

    Args:
        dt: Time step in ms.
        rewards: Values that replace the defaults.
        timing: Durations (ms) that replace the defaults.
        sigma: Noise of the stimuli; its standard deviation per step is sigma / sqrt(dt).
        dim_ring: Number of directions.
        **kwargs: Those of `TrialEnv`.
    """

    metadata = {
        "paper_name": "Neural Mechanisms of Visual Working Memory in Prefrontal Cortex of the Macaque",
        "paper_link": "https://www.jneurosci.org/content/jneuro/16/16/5154.full.pdf",
        "tags": ["perceptual", "working memory", "two-alternative", "supervised"],
    }
    default_timing = {"fixation": 300, "sample": 500, "delay": 1000, "test": 500, "decision": 900}
    default_rewards = {"abort": -0.1, "correct": 1.0, "fail": 0.0}
    rule = FixateThenChoose()
    chance = (1 - 3**-9) / 2

    def __init__(
        self,
        dt: float = 100,
        rewards: Mapping[str, float] | None = None,
        timing: Mapping[str, Any] | None = None,
        sigma: float = 1.0,
        dim_ring: int = 2,
        **kwargs: Any,
    ) -> None:
        super().__init__(dt, rewards=rewards, timing=timing, **kwargs)
        self.sigma = sigma / np.sqrt(dt)
        self.theta = ring(dim_ring)
        self.choices = [1, 2]
        name = {"fixation": 0, "stimulus": range(1, dim_ring + 1)}
        self.observation_space = Box(-np.inf, np.inf, name, shape=(1 + dim_ring,))
        self.action_space = Discrete(3, {"fixation": 0, "match": 1, "non-match": 2})

    def _new_trials(self, trials: Trials) -> None:
        ground_truth = trials.choice("ground_truth", self.choices)
        sample = trials.choice("sample_theta", self.theta, free=True)
        test = trials.set("test_theta", np.where(ground_truth == 1, sample, (sample + np.pi) % (2 * np.pi)))
        trials.add_period(["fixation", "sample", "delay", "test", "decision"])
        trials.add_ob(1, ["fixation", "sample", "delay", "test"], where="fixation")
        for period, angle in (("sample", sample), ("test", test)):
            trials.add_ob(0.5 * tuning(self.theta, angle) + 0.5, period, where="stimulus")
        trials.add_randn(0, self.sigma, ["sample", "test"], where="stimulus")
        trials.set_groundtruth(ground_truth, "decision")

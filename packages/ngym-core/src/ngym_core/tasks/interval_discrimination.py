"""Interval discrimination: which of two stimuli lasted longer?"""

from __future__ import annotations

from typing import Any

import numpy as np

from ngym_core.env import Rewards, Timing, TrialEnv
from ngym_core.rules import FixateThenChoose
from ngym_core.spaces import Discrete, named_box
from ngym_core.trials import Trials


class IntervalDiscrimination(TrialEnv):
    """Report which of two stimuli, shown one after the other, lasted longer.

    Equal durations (rounded down to time steps) count as if the second were longer, as in NeuroGym.

    Channels:
        fixation: 0. 1 until the decision.
        stim1: 1. 1 during the first stimulus.
        stim2: 2. 1 during the second.

    Actions:
        fixation: 0.
        choice1: 1. The first lasted longer.
        choice2: 2. The second did.

    Periods (ms):
        fixation: 300.
        stim1: ("uniform", (300, 600)).
        delay1: ("uniform", (800, 1500)).
        stim2: ("uniform", (300, 600)).
        delay2: 500.
        decision: 300.

    Conditions:
        duration1: ms. Duration of the first stimulus.
        duration2: ms. Duration of the second.
        ground_truth: 1 or 2. Which lasted longer.

    Rewards:
        abort: -0.1. An action other than 0 during fixation.
        correct: 1.0. The right choice in the decision period; it ends the trial.
        fail: 0.0. The other choice; it ends the trial.

    Args:
        dt: Time step in ms.
        rewards: Values that replace the defaults.
        timing: Durations (ms) that replace the defaults.
        **kwargs: Arguments of `TrialEnv`.
    """

    metadata = {
        "paper_name": "Feature- and Order-Based Timing Representations in the Frontal Cortex",
        "paper_link": "https://www.sciencedirect.com/science/article/pii/S0896627309004887",
        "tags": ["timing", "working memory", "delayed response", "two-alternative", "supervised"],
    }
    default_timing = {
        "fixation": 300,
        "stim1": ("uniform", (300, 600)),
        "delay1": ("uniform", (800, 1500)),
        "stim2": ("uniform", (300, 600)),
        "delay2": 500,
        "decision": 300,
    }
    default_rewards = {"abort": -0.1, "correct": 1.0, "fail": 0.0}
    rule = FixateThenChoose()
    chance = (1 - 3**-3) / 2

    def __init__(self, dt: float = 80, rewards: Rewards = None, timing: Timing = None, **kwargs: Any) -> None:
        super().__init__(dt, rewards=rewards, timing=timing, **kwargs)
        self.observation_space = named_box({"fixation": 0, "stim1": 1, "stim2": 2})
        self.action_space = Discrete(3, {"fixation": 0, "choice1": 1, "choice2": 2})

    def _new_trials(self, trials: Trials) -> None:
        one, two = trials.duration("stim1", "duration1"), trials.duration("stim2", "duration2")
        ground_truth = trials.set("ground_truth", np.where(one > two, 1, 2))
        periods = ["fixation", "stim1", "delay1", "stim2", "delay2", "decision"]
        trials.add_period(periods, [None, one, None, two, None, None])
        trials.add_ob(1, periods[:-1], where="fixation")
        for stimulus in ("stim1", "stim2"):
            trials.add_ob(1, stimulus, where=stimulus)
        trials.set_groundtruth(ground_truth, "decision")

"""Anti-reach: respond opposite to a remembered location."""

from __future__ import annotations

from typing import Any

import numpy as np

from ngym_core.arguments import Count, Flag
from ngym_core.env import Rewards, Timing, TrialEnv
from ngym_core.rules import FixateThenChoose
from ngym_core.spaces import Discrete, named_box
from ngym_core.tasktools import ring, tuning
from ngym_core.trials import Trials


class AntiReach(TrialEnv):
    """Respond opposite to where a stimulus was shown on a ring (or, with `anti=False`, toward it).

    Channels:
        fixation: 0. 1 until the decision.
        stimulus: 1 to dim_ring. cos(distance to the shown direction) during the stimulus.

    Actions:
        fixation: 0.
        choice: 1 to dim_ring. The direction of the response.

    Periods (ms):
        fixation: 500.
        stimulus: 500.
        delay: 0.
        decision: 500.

    Conditions:
        ground_truth: 0 to dim_ring - 1. The direction of the response.
        anti: By default `anti`. Whether the stimulus is shown opposite to it.

    Rewards:
        abort: -0.1. An action other than 0 during fixation.
        correct: 1.0. The right choice in the decision period; it ends the trial.
        fail: 0.0. Another choice; it ends the trial.

    Args:
        dt: Time step in ms.
        anti: Whether to respond away from the stimulus.
        rewards: Values that replace the defaults.
        timing: Durations (ms) that replace the defaults.
        dim_ring: Number of directions.
        **kwargs: Arguments of `TrialEnv`.
    """

    metadata = {
        "paper_name": "Look away: the anti-saccade task and the voluntary control of eye movement",
        "paper_link": "https://www.nature.com/articles/nrn1345",
        "tags": ["perceptual", "steps action space"],
    }
    default_timing = {"fixation": 500, "stimulus": 500, "delay": 0, "decision": 500}
    default_rewards = {"abort": -0.1, "correct": 1.0, "fail": 0.0}
    rule = FixateThenChoose()
    chance = (1 - 33**-5) / 32

    def __init__(
        self,
        dt: float = 100,
        anti: Flag = True,
        rewards: Rewards = None,
        timing: Timing = None,
        dim_ring: Count = 32,
        **kwargs: Any,
    ) -> None:
        super().__init__(dt, rewards=rewards, timing=timing, **kwargs)
        self.anti = anti
        self.theta = ring(dim_ring)
        angles = np.stack([self.theta, (self.theta + np.pi) % (2 * np.pi)])
        self.cues = np.concatenate([tuning(self.theta, angle) for angle in angles]).astype(np.float32)
        self.choices = np.arange(dim_ring)
        self.observation_space = named_box({"fixation": 0, "stimulus": range(1, dim_ring + 1)})
        self.action_space = Discrete(1 + dim_ring, {"fixation": 0, "choice": range(1, dim_ring + 1)})

    def _new_trials(self, trials: Trials) -> None:
        ground_truth = trials.choice("ground_truth", self.choices)
        anti = trials.choice("anti", [self.anti], allow=[False, True])
        trials.add_period(["fixation", "stimulus", "delay", "decision"])
        trials.add_ob(1, ["fixation", "stimulus", "delay"], where="fixation")
        cue = anti * len(self.choices) + ground_truth
        trials.add_ob(self.cues.take(cue, axis=0), "stimulus", where="stimulus")
        trials.set_groundtruth(ground_truth, "decision", where="choice")

"""Multisensory integration: two noisy modalities show the same direction."""

from __future__ import annotations

from typing import Any

import numpy as np

from ngym_core.arguments import Count, NonNegative, Number
from ngym_core.env import Rewards, Timing, TrialEnv
from ngym_core.rules import FixateThenChoose
from ngym_core.spaces import Discrete, named_box
from ngym_core.tasktools import ring, tuning
from ngym_core.trials import Trials


class MultiSensoryIntegration(TrialEnv):
    """Report the direction that two noisy stimuli show, between which the evidence is split.

    Channels:
        fixation: 0. 1 until the decision, with noise during the stimulus.
        stimulus_mod1: 1 to dim_ring. 0.5 + coh * coh_prop / 200 * cos(distance to the direction), with noise.
        stimulus_mod2: dim_ring + 1 to 2 * dim_ring. The same with 1 - coh_prop.

    Actions:
        fixation: 0.
        choice: 1 to dim_ring. The direction that was shown.

    Periods (ms):
        fixation: 300.
        stimulus: 750.
        decision: 100.

    Conditions:
        ground_truth: 0 to dim_ring - 1. The direction.
        coh: 5, 15 or 50. How strong the evidence is, in percent.
        coh_prop: 0 to 1. The share of it in the first modality.

    Rewards:
        abort: -0.1. An action other than 0 during fixation.
        correct: 1.0. The right choice in the decision period; another one earns nothing. Both end the trial.

    Args:
        dt: Time step in ms.
        rewards: Values that replace the defaults.
        timing: Durations (ms) that replace the defaults.
        sigma: Noise during the stimulus; its standard deviation per step is sigma / sqrt(dt).
        dim_ring: Number of directions.
        **kwargs: Arguments of `TrialEnv`.
    """

    metadata = {"paper_name": None, "paper_link": None, "tags": ["perceptual", "two-alternative", "supervised"]}
    default_timing = {"fixation": 300, "stimulus": 750, "decision": 100}
    default_rewards = {"abort": -0.1, "correct": 1.0}
    rule = FixateThenChoose()
    chance = 1 / 3

    def __init__(
        self,
        dt: float = 100,
        rewards: Rewards = None,
        timing: Timing = None,
        sigma: NonNegative = 1.0,
        dim_ring: Count = 2,
        **kwargs: Any,
    ) -> None:
        super().__init__(dt, rewards=rewards, timing=timing, **kwargs)
        self.sigma = sigma / np.sqrt(dt)
        self.cohs = [5, 15, 50]
        self.theta = ring(dim_ring)
        self.tuning = tuning(self.theta, self.theta)
        self.choices = np.arange(dim_ring)
        one, two = range(1, dim_ring + 1), range(dim_ring + 1, 2 * dim_ring + 1)
        self.observation_space = named_box({"fixation": 0, "stimulus_mod1": one, "stimulus_mod2": two})
        self.action_space = Discrete(1 + dim_ring, {"fixation": 0, "choice": one})

    def _new_trials(self, trials: Trials) -> None:
        ground_truth = trials.choice("ground_truth", self.choices)
        coh = trials.choice("coh", self.cohs, allow="any")
        share = trials.condition("coh_prop", trials.draws.uniform("coh_prop", trials.n, 0, 1), Number(0, 1))
        trials.add_period(["fixation", "stimulus", "decision"])
        trials.add_ob(1, ["fixation", "stimulus"], where="fixation")
        for i, part in ((1, share), (2, 1 - share)):
            evidence = self.tuning[ground_truth] * (coh * part / 200)[:, None] + 0.5
            trials.add_ob(evidence, "stimulus", where=f"stimulus_mod{i}")
        trials.add_randn(0, self.sigma, "stimulus")
        trials.set_groundtruth(ground_truth, "decision", where="choice")

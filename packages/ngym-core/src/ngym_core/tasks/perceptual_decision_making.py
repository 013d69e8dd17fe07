"""Perceptual decisions: report what a noisy stimulus shows."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ngym_core.arguments import Count, Flag, NonNegative, Number, Options
from ngym_core.env import Rewards, Timing, TrialEnv
from ngym_core.rules import FixateThenChoose
from ngym_core.spaces import Discrete, named_box
from ngym_core.tasks._coherences import ScalesCoherences
from ngym_core.tasktools import ring, tuning, two_inputs
from ngym_core.trials import Trials


class PerceptualDecisionMaking(TrialEnv):
    """Report the direction of a noisy stimulus (random-dot motion, without the dots).

    Channels:
        fixation: 0. 1 during fixation, else 0.
        stimulus: 1 to dim_ring. 0.5 + coh / 200 * cos(distance to the shown direction), with noise.

    Actions:
        fixation: 0.
        choice: 1 to dim_ring. The direction that was shown.

    Periods (ms):
        fixation: 100.
        stimulus: 2000.
        delay: 0.
        decision: 100.

    Conditions:
        ground_truth: 0 to dim_ring - 1. The direction.
        coh: One of `cohs`, in percent. How strong the evidence is.

    Rewards:
        abort: -0.1. An action other than 0 during fixation.
        correct: 1.0. The right choice in the decision period; it ends the trial.
        fail: 0.0. Another choice; it ends the trial.

    Args:
        dt: Time step in ms.
        dim_ring: Number of directions.
        rewards: Values that replace the defaults.
        timing: Durations (ms) that replace the defaults.
        cohs: Coherences in percent, by default 0, 6.4, 12.8, 25.6, 51.2.
        sigma: Noise of the stimulus; its standard deviation per step is sigma / sqrt(dt).
        abort: Whether breaking fixation ends the trial.
        **kwargs: Arguments of `TrialEnv`.

    Raises:
        ValueError: No coherence, or one that is not finite.
    """

    metadata = {
        "paper_name": "The analysis of visual motion: a comparison of neuronal and psychophysical performance",
        "paper_link": "https://www.jneurosci.org/content/12/12/4745",
        "tags": ["perceptual", "two-alternative", "supervised"],
    }
    default_timing = {"fixation": 100, "stimulus": 2000, "delay": 0, "decision": 100}
    default_rewards = {"abort": -0.1, "correct": 1.0, "fail": 0.0}
    rule = FixateThenChoose()
    chance = 1 / 3

    def __init__(
        self,
        dt: float = 100,
        dim_ring: Count = 2,
        rewards: Rewards = None,
        timing: Timing = None,
        cohs: Options | None = None,
        sigma: NonNegative = 1.0,
        abort: Flag = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(dt, rewards=rewards, timing=timing, **kwargs)
        self.cohs = np.asarray([0, 6.4, 12.8, 25.6, 51.2] if cohs is None else cohs)
        self.sigma = sigma / np.sqrt(dt)
        self.abort = abort
        self.theta = ring(dim_ring)
        self.tuning = tuning(self.theta, self.theta)
        self.choices = np.arange(dim_ring)
        channels = range(1, dim_ring + 1)
        self.observation_space = named_box({"fixation": 0, "stimulus": channels})
        self.action_space = Discrete(1 + dim_ring, {"fixation": 0, "choice": channels})

    def _new_trials(self, trials: Trials) -> None:
        ground_truth = trials.choice("ground_truth", self.choices)
        coh = trials.choice("coh", self.cohs, allow="any")
        trials.add_period(["fixation", "stimulus", "delay", "decision"])
        evidence = self.tuning[ground_truth] * (coh / 200)[:, None] + 0.5
        trials.add_ob(1, "fixation", where="fixation")
        trials.add_ob(evidence, "stimulus", where="stimulus")
        trials.add_randn(0, self.sigma, "stimulus", where="stimulus")
        trials.set_groundtruth(ground_truth, "decision", where="choice")


class PerceptualDecisionMakingDelayResponse(TrialEnv):
    """Report after a random delay which of two noisy inputs was larger.

    Channels:
        fixation: 0. 1 until the decision.
        stimulus: 1 to 2. (1 + coh / 100) / 2 for the larger input, (1 - coh / 100) / 2 for the other, with noise.

    Actions:
        fixation: 0.
        choice: 1 to 2. Which input was larger.

    Periods (ms):
        fixation: 0.
        stimulus: 1150.
        delay: (300, 500, 700, 900, 1200, 2000, 3200, 4000).
        decision: 1500.

    Conditions:
        ground_truth: 1 or 2. Which input is larger.
        coh: 0, 6.4, 12.8, 25.6 or 51.2, times `stim_scale`. How strong the evidence is, in percent.
        sigma: By default sigma / sqrt(dt). Noise of the stimulus per step.

    Rewards:
        abort: -0.1. An action other than 0 during fixation.
        correct: 1.0. The right choice in the decision period; it ends the trial.
        fail: 0.0. The other choice; it ends the trial.

    Args:
        dt: Time step in ms.
        rewards: Values that replace the defaults.
        timing: Durations (ms) that replace the defaults.
        stim_scale: Factor of the coherences.
        sigma: Noise of the stimulus; its standard deviation per step is sigma / sqrt(dt).
        **kwargs: Arguments of `TrialEnv`.
    """

    metadata = {
        "paper_name": "Discrete attractor dynamics underlies persistent activity in the frontal cortex",
        "paper_link": "https://www.nature.com/articles/s41586-019-0919-7",
        "tags": ["perceptual", "delayed response", "two-alternative", "supervised"],
    }
    default_timing = {
        "fixation": 0,
        "stimulus": 1150,
        "delay": (300, 500, 700, 900, 1200, 2000, 3200, 4000),
        "decision": 1500,
    }
    default_rewards = {"abort": -0.1, "correct": 1.0, "fail": 0.0}
    rule = FixateThenChoose()
    chance = (1 - 3**-15) / 2
    stim_scale: Any = ScalesCoherences()
    cohs: NDArray[Any]

    def __init__(
        self,
        dt: float = 100,
        rewards: Rewards = None,
        timing: Timing = None,
        stim_scale: NonNegative = 1.0,
        sigma: NonNegative = 1.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(dt, rewards=rewards, timing=timing, **kwargs)
        self.stim_scale = stim_scale
        self.sigma = sigma / np.sqrt(dt)
        self.choices = [1, 2]
        self.observation_space = named_box({"fixation": 0, "stimulus": [1, 2]})
        self.action_space = Discrete(3, {"fixation": 0, "choice": [1, 2]})

    def _new_trials(self, trials: Trials) -> None:
        ground_truth = trials.choice("ground_truth", self.choices)
        coh = trials.choice("coh", self.cohs, allow="any")
        sigma = trials.choice("sigma", [self.sigma], allow=Number(0))
        trials.add_period(["fixation", "stimulus", "delay", "decision"])
        trials.add_ob(1, ["fixation", "stimulus", "delay"], where="fixation")
        trials.add_ob(two_inputs(ground_truth == 1, coh), "stimulus", where="stimulus")
        trials.add_randn(0, sigma, "stimulus", where="stimulus")
        trials.set_groundtruth(ground_truth, "decision")

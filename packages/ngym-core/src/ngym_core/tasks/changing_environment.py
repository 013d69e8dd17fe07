"""Changing environment: a hidden context decides which of two pairs of actions is right."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ngym_core.arguments import Flag, NonNegative, Probability
from ngym_core.env import Rewards, Timing, TrialEnv
from ngym_core.random import TruncExp
from ngym_core.rules import FixateThenChoose
from ngym_core.spaces import Discrete, named_box
from ngym_core.tasks._coherences import ScalesCoherences
from ngym_core.tasktools import two_inputs
from ngym_core.trials import Trials


class ChangingEnvironment(TrialEnv):
    """Report which of two noisy inputs was larger, with the pair of actions that the present context asks for.

    The context changes rarely and is hidden unless `cxt_cue` shows it; the agent infers it from its rewards.

    Channels:
        fixation: cxt_cue. 1 during fixation.
        stimulus: 1 + cxt_cue to 2 + cxt_cue. (1 + coh / 100) / 2 on the larger side, (1 - coh / 100) / 2 on the other,
            with noise.
        context: 0. With `cxt_cue` only: the context, throughout the trial.

    Actions:
        fixation: 0.
        choice: 1 to 4. Side 1 or 2 in context 0, side 1 or 2 in context 1.

    Periods (ms):
        fixation: 500.
        stimulus: TruncExp(1000, 500, 1500).
        decision: 500.

    Conditions:
        context: 0 or 1. It changes before a trial with probability `cxt_ch_prob`; the first one is random.
        side: 1 or 2. The larger input.
        coh: One of the coherences, in percent.
        ground_truth: 1 to 4. side + 2 * context; if it is forced, both follow from it.

    Rewards:
        abort: -0.1. An action other than 0 during fixation.
        correct: 1.0. The right choice in the decision period; it ends the trial.
        fail: 0.0. Another choice; it ends the trial.

    Args:
        dt: Time step in ms.
        rewards: Values that replace the defaults.
        timing: Durations (ms) that replace the defaults.
        stim_scale: Factor of the coherences 0, 6.4, 12.8, 25.6 and 51.2 %.
        sigma: Noise of the stimulus; its standard deviation per step is sigma / sqrt(dt).
        cxt_ch_prob: Probability that the context changes before a trial.
        cxt_cue: Whether the context is shown.
        **kwargs: Arguments of `TrialEnv`.

    Raises:
        ValueError: A `cxt_ch_prob` that is not a probability.
    """

    metadata = {
        "paper_name": "Hierarchical decision processes that operate over distinct timescales underlie choice and "
        "changes in strategy",
        "paper_link": "https://www.pnas.org/content/113/31/E4531",
        "tags": ["perceptual", "two-alternative", "supervised", "context dependent"],
    }
    default_timing = {"fixation": 500, "stimulus": TruncExp(1000, 500, 1500), "decision": 500}
    default_rewards = {"abort": -0.1, "correct": 1.0, "fail": 0.0}
    rule = FixateThenChoose()
    chance = (1 - 5**-5) / 4
    observable_answer = False  # the context is hidden by default
    fixed_parameters = ("cxt_cue",)
    stim_scale: Any = ScalesCoherences()
    cohs: NDArray[Any]

    def __init__(
        self,
        dt: float = 100,
        rewards: Rewards = None,
        timing: Timing = None,
        stim_scale: NonNegative = 1.0,
        sigma: NonNegative = 1.0,
        cxt_ch_prob: Probability = 0.001,
        cxt_cue: Flag = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(dt, rewards=rewards, timing=timing, **kwargs)
        self.stim_scale = stim_scale
        self.sigma = sigma / np.sqrt(dt)
        self.cxt_ch_prob, self.cxt_cue = cxt_ch_prob, bool(cxt_cue)
        self.choices = [1, 2, 3, 4]
        first = int(self.cxt_cue)
        names = {"fixation": first, "stimulus": [first + 1, first + 2]}
        self.observation_space = named_box({**names, "context": 0} if cxt_cue else names)
        self.action_space = Discrete(5, {"fixation": 0, "choice": self.choices})

    def _new_trials(self, trials: Trials) -> None:
        context = trials.switching("context", self.cxt_ch_prob, first=None)
        side = trials.choice("side", [1, 2])
        coh = trials.choice("coh", self.cohs, allow="any")
        if (truth := trials.forced_value("ground_truth", self.choices)) is not None:
            context, side = trials.set("context", (truth - 1) // 2), trials.set("side", (truth - 1) % 2 + 1)
        trials.set("ground_truth", side + 2 * context)
        trials.add_period(["fixation", "stimulus", "decision"])
        trials.add_ob(1, "fixation", where="fixation")
        trials.add_ob(two_inputs(side == 1, coh), "stimulus", where="stimulus")
        trials.add_randn(0, self.sigma, "stimulus", where="stimulus")
        if self.cxt_cue:
            trials.add_ob(context, where="context")
        trials.set_groundtruth(side + 2 * context, "decision")

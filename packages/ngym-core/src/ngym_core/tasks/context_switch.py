"""Context switch: a mapping of cues to actions that reverses from time to time."""

from __future__ import annotations

from typing import Any

import numpy as np

from ngym_core.arguments import Probability
from ngym_core.env import Rewards, TrialEnv
from ngym_core.rules import AnswerAtOnce
from ngym_core.spaces import Box, Discrete
from ngym_core.trials import Trials


class ContextSwitch(TrialEnv):
    """Answer one of two cues by a hidden mapping that reverses from time to time; each time step is a trial.

    Channels:
        cue: 0 to 1. 1 for the present cue.

    Actions:
        choice: 0 to 1. The number of the cue in context 0, the other one in context 1.

    Periods (ms):
        choice: One time step.

    Conditions:
        context: 0 or 1. It changes before a trial with probability `p_switch`; the first trial's mostly is 0.
        cue: 0 or 1.

    Rewards:
        correct: 1.0. The right choice.
        fail: 0.0. The other.

    Args:
        dt: Time step in ms.
        rewards: Values that replace the defaults.
        timing: No effect; a trial is one time step.
        p_switch: Probability that the context changes before a trial.
        **kwargs: Arguments of `TrialEnv`.

    Raises:
        ValueError: A `p_switch` that is not a probability.
    """

    metadata = {"paper_name": None, "paper_link": None, "tags": ["two-alternative", "context dependent"]}
    default_rewards = {"correct": 1.0, "fail": 0.0}
    rule = AnswerAtOnce()
    chance = 1 / 2
    observable_answer = False  # the context is hidden

    def __init__(
        self, dt: float = 100, rewards: Rewards = None, timing: None = None, p_switch: Probability = 0.1, **kwargs: Any
    ) -> None:
        super().__init__(dt, rewards=rewards, timing=timing, **kwargs)
        self.p_switch = p_switch
        self.observation_space = Box(-1, 1, {"cue": [0, 1]}, shape=(2,))
        self.action_space = Discrete(2, {"choice": [0, 1]})

    def _new_trials(self, trials: Trials) -> None:
        context = trials.switching("context", self.p_switch)
        cue = trials.choice("cue", [0, 1])
        trials.add_period("choice", self.dt)
        trials.add_ob(np.eye(2)[cue], where="cue")
        trials.set_groundtruth(cue ^ context)

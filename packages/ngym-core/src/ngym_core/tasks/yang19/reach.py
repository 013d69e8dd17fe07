"""Reaching tasks of Yang et al. (2019): respond toward a cue, or opposite to it."""

from __future__ import annotations

from typing import Any

import numpy as np

from ngym_core.arguments import Count, Flag
from ngym_core.env import Rewards, Timing
from ngym_core.rules import FixateThenChoose
from ngym_core.tasks.yang19._two_modalities import TwoModalities, alternating
from ngym_core.tasktools import bump
from ngym_core.trials import Trials


class Reach(TwoModalities):
    """Respond toward a cue on a ring or, where `anti`, opposite to it.

    Channels:
        fixation: 0. 1 until the decision.
        stimulus_mod1: 1 to dim_ring. The cue in the first modality, up to 0.8.
        stimulus_mod2: 1 + dim_ring to 2 * dim_ring. The cue in the second.

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
        anti: Whether the cue is shown opposite to it.
        modality: 0 or 1, in turn.

    Rewards:
        abort: -0.1. An action other than 0 during fixation.
        correct: 1.0. The right choice in the decision period; it ends the trial.
        fail: 0.0. Another choice; it ends the trial.

    Args:
        dt: Time step in ms.
        rewards: Values that replace the defaults.
        timing: Durations (ms) that replace the defaults.
        dim_ring: Number of directions.
        reaction: Respond as soon as the cue appears; there is no stimulus period and no delay.
        **kwargs: Arguments of `TrialEnv`.
    """

    metadata = {
        "paper_name": "Look away: the anti-saccade task and the voluntary control of eye movement",
        "paper_link": "https://www.nature.com/articles/nrn1345",
        "tags": ["perceptual", "steps action space"],
    }
    default_timing = {"fixation": 500, "stimulus": 500, "delay": 0, "decision": 500}
    rule = FixateThenChoose()
    anti = False
    reaction = False
    chance = (1 - 17**-5) / 16

    def __init__(
        self,
        dt: float = 100,
        rewards: Rewards = None,
        timing: Timing = None,
        dim_ring: Count = 16,
        reaction: Flag | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(dt, rewards, timing, dim_ring, **kwargs)
        self.choices = np.arange(dim_ring)
        opposite = bump(self.theta, (self.theta + np.pi) % (2 * np.pi))
        cues = np.stack([self.bumps, opposite.astype(np.float32)]).reshape(-1, dim_ring)
        self.cues = np.kron(np.eye(2, dtype=np.float32), cues)  # on one ring or the other, toward or opposite
        self.reaction = self.reaction if reaction is None else reaction

    def _new_trials(self, trials: Trials) -> None:
        ground_truth = trials.choice("ground_truth", self.choices)
        anti = trials.choice("anti", [self.anti], allow=[False, True])
        modality = trials.choice("modality", [0, 1])
        before = ["fixation"] if self.reaction else ["fixation", "stimulus", "delay"]
        trials.add_period([*before, "decision"])
        shown = "decision" if self.reaction else "stimulus"
        trials.add_ob(1, before, where="fixation")
        cue = (2 * modality + anti) * len(self.choices) + ground_truth
        trials.add_ob(self.cues.take(cue, axis=0), shown, where=slice(1, None))
        trials.set_groundtruth(ground_truth, "decision", where="choice")


class Go(Reach):
    """Respond toward a cue that was seen before."""


class ReactionGo(Reach):
    """Respond toward a cue as soon as it appears.

    Periods (ms):
        stimulus: 500. Not used: the cue is shown in the decision.
        delay: 0. Not used.
    """

    reaction = True


class DelayGo(Reach):
    """Respond toward a cue that is remembered over a delay.

    Periods (ms):
        delay: 500.
    """

    default_timing = {**Reach.default_timing, "delay": 500}


class Anti(Reach):
    """Respond opposite to a cue that was seen before."""

    anti = True


class ReactionAnti(Reach):
    """Respond opposite to a cue as soon as it appears.

    Periods (ms):
        stimulus: 500. Not used: the cue is shown in the decision.
        delay: 0. Not used.
    """

    anti = True
    reaction = True


class DelayAnti(Reach):
    """Respond opposite to a cue that is remembered over a delay.

    Periods (ms):
        delay: 500.
    """

    anti = True
    default_timing = DelayGo.default_timing


go, rtgo, dlygo = alternating(Go), alternating(ReactionGo), alternating(DelayGo)
anti, rtanti, dlyanti = alternating(Anti), alternating(ReactionAnti), alternating(DelayAnti)

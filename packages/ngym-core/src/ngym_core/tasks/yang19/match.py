"""Matching tasks of Yang et al. (2019): respond toward a test stimulus if it matches a sample, or if it does not."""

from __future__ import annotations

from typing import Any

import numpy as np

from ngym_core.arguments import Count, Flag, NonNegative
from ngym_core.env import Rewards, Timing
from ngym_core.rules import FixateThenChoose
from ngym_core.tasks.yang19._two_modalities import TwoModalities, alternating
from ngym_core.trials import Trials


class MatchOrNot(TwoModalities):
    """Compare a test stimulus with a sample that is remembered: respond toward the test, or withhold.

    Channels:
        fixation: 0. 1 during fixation; with `hold_cue` until the decision.
        stimulus_mod1: 1 to dim_ring. Sample and test in the first modality, up to 0.8, with noise.
        stimulus_mod2: 1 + dim_ring to 2 * dim_ring. The same in the second.

    Actions:
        fixation: 0. Also the right response where none is due.
        choice: 1 to dim_ring. The direction of the test.

    Periods (ms):
        fixation: 300.
        sample: 500.
        delay: 1000.
        test: 500.
        decision: 900.

    Conditions:
        ground_truth: match or non-match.
        sample: 0 to dim_ring - 1. The direction of the sample.
        sample_theta: Its angle in radians.
        test_theta: The angle of the test. Without categories it is that of the sample, or the opposite; otherwise
            any of the same half of the ring, or of the other.
        modality: 0 or 1, in turn.

    Rewards:
        abort: -0.1. An action other than 0 during fixation.
        correct: 1.0. The right choice in the decision period, which ends the trial; or withholding to the end.
        fail: 0.0. Another choice; it ends the trial.

    Args:
        dt: Time step in ms.
        rewards: Values that replace the defaults.
        timing: Durations (ms) that replace the defaults.
        sigma: Noise of the stimuli; its standard deviation per step is sigma / sqrt(dt).
        dim_ring: Number of directions, an even one.
        hold_cue: Show the fixation cue until the decision, not only during fixation.
        **kwargs: Arguments of `TrialEnv`.

    Raises:
        ValueError: An odd number of directions.
    """

    metadata = {
        "paper_name": "Experience-dependent representation of visual categories in parietal cortex",
        "paper_link": "https://www.nature.com/articles/nature05078",
        "tags": ["perceptual", "working memory", "two-alternative", "supervised"],
    }
    default_timing = {"fixation": 300, "sample": 500, "delay": 1000, "test": 500, "decision": 900}
    rule = FixateThenChoose(pays_withholding=True)
    categories = False
    go_if = "match"
    chance = ((1 - 17**-9) / 16 + 17**-9) / 2

    def __init__(
        self,
        dt: float = 100,
        rewards: Rewards = None,
        timing: Timing = None,
        sigma: NonNegative = 1.0,
        dim_ring: Count = 16,
        hold_cue: Flag = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(dt, rewards, timing, dim_ring, **kwargs)
        if dim_ring % 2:
            raise ValueError(f"dim_ring={dim_ring!r} must be even, so that the ring has two halves.")
        self.sigma = sigma / np.sqrt(dt)
        self.half, self.hold_cue = dim_ring // 2, hold_cue
        self.choices = ["match", "non-match"]

    @property
    def half_ring(self) -> int:
        """Number of directions in half of the ring; NeuroGym's name."""
        return self.half

    @property
    def matchto(self) -> str:
        """What the test must share with the sample: ``sample`` (its direction) or ``category``; NeuroGym's name."""
        return "category" if self.categories else "sample"

    @property
    def matchgo(self) -> bool:
        """Whether a response is due where they match; NeuroGym's name."""
        return self.go_if == "match"

    def _new_trials(self, trials: Trials) -> None:
        ground_truth = trials.choice("ground_truth", self.choices)
        sample = trials.choice("sample", np.arange(2 * self.half))
        other = (ground_truth == "non-match") * self.half
        if self.categories:
            test = trials.draws.index("test", trials.n, self.half) + ((sample >= self.half) * self.half + other) % (
                2 * self.half
            )
        else:
            test = (sample + other) % (2 * self.half)
        trials.set("sample_theta", self.theta[sample])
        trials.set("test_theta", self.theta[test])
        trials.add_period(["fixation", "sample", "delay", "test", "decision"])
        trials.add_ob(1, (0, trials.span("decision")[0]) if self.hold_cue else "fixation", where="fixation")
        for period, place in (("sample", sample), ("test", test)):
            trials.add_randn(self.bumps[place], self.sigma, period, where="stimulus_mod1")
        self.move_to_modality(trials, ["sample", "test"])
        trials.set_groundtruth((test + 1) * (ground_truth == self.go_if), "decision")


class MatchSample(MatchOrNot):
    """Respond toward the test if its direction equals that of the sample."""


class NonMatchSample(MatchOrNot):
    """Respond toward the test if its direction is opposite to that of the sample."""

    go_if = "non-match"


class MatchCategory(MatchOrNot):
    """Respond toward the test if it lies in the same half of the ring as the sample."""

    categories = True


class NonMatchCategory(MatchOrNot):
    """Respond toward the test if it lies in the half of the ring opposite to that of the sample."""

    categories = True
    go_if = "non-match"


dms, dnms = alternating(MatchSample), alternating(NonMatchSample)
dmc, dnmc = alternating(MatchCategory), alternating(NonMatchCategory)

"""Go or no-go: act or withhold, according to a cue or a pair of stimuli."""

from __future__ import annotations

from typing import Any

import numpy as np

from ngym_core.arguments import NonNegative
from ngym_core.env import Rewards, Timing, TrialEnv
from ngym_core.rules import FixateThenChoose
from ngym_core.spaces import Discrete, named_box
from ngym_core.trials import Trials


class GoNogo(TrialEnv):
    """Go or withhold after a delay, according to a cue.

    Channels:
        fixation: 0. 1 until the decision.
        nogo: 1. 1 during the stimulus of a no-go trial.
        go: 2. 1 during the stimulus of a go trial.

    Actions:
        fixation: 0.
        go: 1.

    Periods (ms):
        fixation: 0.
        stimulus: 500.
        delay: 500.
        decision: 500.

    Conditions:
        ground_truth: 0 (no-go) or 1 (go).

    Rewards:
        abort: -0.1. An action during fixation.
        correct: 1.0. Going in the decision period of a go trial; it ends the trial.
        fail: -0.5. Going in that of a no-go trial; it ends the trial.
        miss: -0.5. Not going in a go trial. Withholding in a no-go trial earns nothing but full performance.

    Args:
        dt: Time step in ms.
        rewards: Values that replace the defaults.
        timing: Durations (ms) that replace the defaults.
        **kwargs: Arguments of `TrialEnv`.
    """

    metadata = {
        "paper_name": "Active information maintenance in working memory by a sensory cortex",
        "paper_link": "https://elifesciences.org/articles/43191",
        "tags": ["delayed response", "go-no-go", "supervised"],
    }
    default_timing = {"fixation": 0, "stimulus": 500, "delay": 500, "decision": 500}
    default_rewards = {"abort": -0.1, "correct": 1.0, "fail": -0.5, "miss": -0.5}
    rule = FixateThenChoose()
    chance = 0.5

    def __init__(self, dt: float = 100, rewards: Rewards = None, timing: Timing = None, **kwargs: Any) -> None:
        super().__init__(dt, rewards=rewards, timing=timing, **kwargs)
        self.choices = [0, 1]
        self.observation_space = named_box({"fixation": 0, "nogo": 1, "go": 2})
        self.action_space = Discrete(2, {"fixation": 0, "go": 1})

    def _new_trials(self, trials: Trials) -> None:
        ground_truth = trials.choice("ground_truth", self.choices)
        trials.add_period(["fixation", "stimulus", "delay", "decision"])
        trials.add_ob(1, ["fixation", "stimulus", "delay"], where="fixation")
        trials.add_ob(np.eye(2)[ground_truth], "stimulus", where=[1, 2])
        trials.set_groundtruth(ground_truth, "decision")


class DelayPairedAssociation(TrialEnv):
    """Go after two of four pairs of stimuli that are separated by a delay.

    Channels:
        fixation: 0. 1 until the decision.
        stimulus: 1 to 4. 1 for the stimulus that is shown.

    Actions:
        fixation: 0.
        go: 1. The stimuli belong together.

    Periods (ms):
        fixation: 0.
        stim1: 1000.
        delay_btw_stim: 1000.
        stim2: 1000.
        delay_aft_stim: 1000.
        decision: 500.

    Conditions:
        pair: (1, 3), (1, 4), (2, 3) or (2, 4). The channels of the stimuli; the first and the last pair belong together.
        ground_truth: 0 (no-go) or 1 (go). It follows from the pair; forced alone it chooses one.

    Rewards:
        abort: -0.1. An action during fixation.
        correct: 1.0. Going in the decision period after a pair that belongs together; it ends the trial.
        fail: -1.0. Going after another pair; it ends the trial.
        miss: 0.0. Not going where one should. Withholding where one should earns nothing but full performance.

    Args:
        dt: Time step in ms.
        rewards: Values that replace the defaults.
        timing: Durations (ms) that replace the defaults.
        sigma: Noise on all channels during the stimuli, by default none (NeuroGym has none either); its
            standard deviation per step is sigma / sqrt(dt).
        **kwargs: Arguments of `TrialEnv`.
    """

    metadata = {
        "paper_name": "Active information maintenance in working memory by a sensory cortex",
        "paper_link": "https://elifesciences.org/articles/43191",
        "tags": ["perceptual", "working memory", "go-no-go", "supervised"],
    }
    default_timing = {
        "fixation": 0,
        "stim1": 1000,
        "delay_btw_stim": 1000,
        "stim2": 1000,
        "delay_aft_stim": 1000,
        "decision": 500,
    }
    default_rewards = {"abort": -0.1, "correct": 1.0, "fail": -1.0, "miss": 0.0}
    rule = FixateThenChoose()
    chance = 0.5

    def __init__(
        self, dt: float = 100, rewards: Rewards = None, timing: Timing = None, sigma: NonNegative = 0.0, **kwargs: Any
    ) -> None:
        super().__init__(dt, rewards=rewards, timing=timing, **kwargs)
        self.sigma = sigma / np.sqrt(dt)
        self.pairs = np.array([(1, 3), (1, 4), (2, 3), (2, 4)])
        self.choices = [0, 1]
        self.observation_space = named_box({"fixation": 0, "stimulus": range(1, 5)})
        self.action_space = Discrete(2, {"fixation": 0, "go": 1})

    def _new_trials(self, trials: Trials) -> None:
        index = trials.draws.index("pair", trials.n, 4)
        wanted = trials.forced_value("ground_truth", self.choices)
        if wanted is not None:  # pairs 2k and 2k + 1 begin with the same stimulus, and one of them is a go
            index = np.where(_together(self.pairs[index]) == wanted, index, index ^ 1)
        pair = trials.condition("pair", self.pairs[index], self.pairs)
        ground_truth = trials.set("ground_truth", _together(pair))
        trials.add_period(["fixation", "stim1", "delay_btw_stim", "stim2", "delay_aft_stim", "decision"])
        trials.add_ob(1, ["fixation", "stim1", "delay_btw_stim", "stim2", "delay_aft_stim"], where="fixation")
        for i in (0, 1):
            trials.add_ob(np.eye(5)[pair[:, i]], f"stim{i + 1}")
        if self.sigma:
            trials.add_randn(0, self.sigma, ["stim1", "stim2"])
        trials.set_groundtruth(ground_truth, "decision")


def _together(pair: Any) -> Any:
    """Return 1 for pairs (n, 2) that belong together, else 0."""
    return ((pair[:, 1] - pair[:, 0]) % 2 == 0).astype(int)

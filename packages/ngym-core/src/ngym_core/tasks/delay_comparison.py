"""Delayed comparison: which of two magnitudes was larger?"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ngym_core.arguments import NonNegative, Options
from ngym_core.env import Rewards, Timing, TrialEnv
from ngym_core.rules import FixateThenChoose
from ngym_core.spaces import Discrete, named_box
from ngym_core.trials import Trials


class DelayComparison(TrialEnv):
    """Report which of two magnitudes, shown one after the other, was larger.

    Channels:
        fixation: 0. 1 until the decision, with noise during the stimuli.
        stimulus: 1. From 0.5 (the smallest magnitude) to 1 (the largest), with noise.

    Actions:
        fixation: 0.
        choice: 1 or 2. The first or the second was larger.

    Periods (ms):
        fixation: 500.
        stimulus1: 500.
        delay: 1000.
        stimulus2: 500.
        decision: 100.

    Conditions:
        ground_truth: 1 or 2. Which magnitude is larger.
        vpair: One of `vpairs`, the larger first.
        v1: The first magnitude.
        v2: The second.

    Rewards:
        abort: -0.1. An action other than 0 during fixation.
        correct: 1.0. The right choice in the decision period; it ends the trial.
        fail: 0.0. The other choice; it ends the trial.

    Args:
        dt: Time step in ms.
        vpairs: Pairs of magnitudes, the larger first.
        rewards: Values that replace the defaults.
        timing: Durations (ms) that replace the defaults.
        sigma: Noise during the stimuli; its standard deviation per step is sigma / sqrt(dt).
        **kwargs: Arguments of `TrialEnv`.

    Raises:
        ValueError: Pairs that are not pairs, or in which all magnitudes are the same.
    """

    metadata = {
        "paper_name": "Neuronal Population Coding of Parametric Working Memory",
        "paper_link": "https://www.jneurosci.org/content/30/28/9424",
        "tags": ["perceptual", "working memory", "two-alternative", "supervised"],
    }
    default_timing = {"fixation": 500, "stimulus1": 500, "delay": 1000, "stimulus2": 500, "decision": 100}
    default_rewards = {"abort": -0.1, "correct": 1.0, "fail": 0.0}
    rule = FixateThenChoose()
    chance = 1 / 3

    def __init__(
        self,
        dt: float = 100,
        vpairs: Options | None = None,
        rewards: Rewards = None,
        timing: Timing = None,
        sigma: NonNegative = 1.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(dt, rewards=rewards, timing=timing, **kwargs)
        default = [(18, 10), (22, 14), (26, 18), (30, 22), (34, 26)]
        self.vpairs = _pairs(default if vpairs is None else vpairs)
        self.sigma = sigma / np.sqrt(dt)
        self.choices = [1, 2]
        self.observation_space = named_box({"fixation": 0, "stimulus": 1})
        self.action_space = Discrete(3, {"fixation": 0, "choice": [1, 2]})

    @property
    def vmin(self) -> Any:
        """The smallest magnitude; NeuroGym's name, like that of the largest."""
        return np.min(self.vpairs)

    @property
    def vmax(self) -> Any:
        """The largest magnitude."""
        return np.max(self.vpairs)

    def _new_trials(self, trials: Trials) -> None:
        ground_truth = trials.choice("ground_truth", self.choices)
        pair = trials.choice("vpair", _pairs(self.vpairs), allow="any")
        values = np.where(ground_truth[:, None] == 1, pair, pair[:, ::-1])
        trials.add_period(["fixation", "stimulus1", "delay", "stimulus2", "decision"])
        trials.add_ob(1, ["fixation", "stimulus1", "delay", "stimulus2"], where="fixation")
        for i in (1, 2):
            value = trials.set(f"v{i}", values[:, i - 1])
            trials.add_ob((1 + (value - self.vmin) / (self.vmax - self.vmin)) / 2, f"stimulus{i}", where="stimulus")
        trials.add_randn(0, self.sigma, ["stimulus1", "stimulus2"])
        trials.set_groundtruth(ground_truth, "decision")


def _pairs(vpairs: Any) -> NDArray[Any]:
    """Return pairs of magnitudes as an array, (k, 2), after a check."""
    pairs = np.asarray(vpairs)
    if pairs.shape[1:] != (2,) or np.ptp(pairs) == 0:
        raise ValueError(f"vpairs={vpairs!r} must be pairs of magnitudes that are not all the same.")
    return pairs

"""Post-decision wagering: take a sure bet instead of an uncertain choice."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ngym_core.arguments import Count, NonNegative
from ngym_core.env import Rewards, Timing, TrialEnv
from ngym_core.random import TruncExp
from ngym_core.rules import FixateThenChoose
from ngym_core.spaces import Discrete, named_box
from ngym_core.tasktools import ring, tuning
from ngym_core.trials import Trials


class ChooseOrWager(FixateThenChoose):
    """Fixate, then choose, or take the sure bet if it is offered.

    The sure bet earns `sure`, and the performance that places this between `fail` (0) and `correct` (1). Taking
    it when it is not offered earns `abort`.
    """

    pays_ground_truth = False

    def prepare(self, task: Any, trials: Trials) -> dict[str, Any]:
        """Return in which trials the bet is offered."""
        return {**super().prepare(task, trials), "wager": trials.conditions["wager"]}

    def pay_one(self, task: Any, now: Any, action: int) -> tuple[float, float]:
        """Return reward and performance of a choice or of the sure bet."""
        if action != task.sure:
            return super().pay_one(task, now, action)
        r = task.rewards
        return (r["sure"], (r["sure"] - r["fail"]) / (r["correct"] - r["fail"])) if now.wager else (r["abort"], 0.0)

    def pay_many(self, task: Any, now: Any, action: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return rewards and performance of choices and sure bets."""
        reward, performance = super().pay_many(task, now, action)
        r, sure = task.rewards, action == task.sure
        worth = (r["sure"] - r["fail"]) / (r["correct"] - r["fail"])
        reward = np.where(sure, np.where(now.wager, r["sure"], r["abort"]), reward)
        return reward, np.where(sure, np.where(now.wager, worth, 0.0), performance)


class PostDecisionWager(TrialEnv):
    """Report the direction of a noisy stimulus or, in half of the trials, take a smaller but sure reward instead.

    Channels:
        fixation: 0. 1 until the decision, with noise during the stimulus.
        stimulus: 1 to dim_ring. 0.5 + coh / 200 * cos(distance to the direction), with noise.
        sure: dim_ring + 1. 1 from when the sure target appears to the end, with noise during the stimulus.

    Actions:
        fixation: 0.
        choice: 1 to dim_ring. The direction.
        sure: dim_ring + 1. The sure bet.

    Periods (ms):
        fixation: 100.
        stimulus: TruncExp(180, 100, 900).
        delay: TruncExp(1350, 1200, 1800).
        pre_sure: ("uniform", (500, 750)). From the end of the stimulus to the sure target, if there is one.
        decision: 100.

    Conditions:
        wager: Whether the sure bet is offered.
        ground_truth: 0 to dim_ring - 1. The direction.
        coh: 0, 3.2, 6.4, 12.8, 25.6 or 51.2. How strong the evidence is, in percent.

    Rewards:
        abort: -0.1. An action other than 0 during fixation, or a sure bet that is not offered.
        correct: 1.0. The right choice in the decision period; it ends the trial.
        fail: 0.0. Another choice; it ends the trial.
        sure: 0.7. The sure bet; it ends the trial. By default 0.7 * correct.

    Args:
        dt: Time step in ms.
        rewards: Values that replace the defaults.
        timing: Durations (ms) that replace the defaults.
        dim_ring: Number of directions.
        sigma: Noise during the stimulus; its standard deviation per step is sigma / sqrt(dt).
        **kwargs: Arguments of `TrialEnv`.
    """

    metadata = {
        "paper_name": "Representation of Confidence Associated with a Decision by Neurons in the Parietal Cortex",
        "paper_link": "https://science.sciencemag.org/content/324/5928/759.long",
        "tags": ["perceptual", "delayed response", "confidence"],
    }
    default_timing = {
        "fixation": 100,
        "stimulus": TruncExp(180, 100, 900),
        "delay": TruncExp(1350, 1200, 1800),
        "pre_sure": ("uniform", (500, 750)),
        "decision": 100,
    }
    default_rewards = {"abort": -0.1, "correct": 1.0, "fail": 0.0, "sure": 0.7}
    rule = ChooseOrWager()
    chance = 1 / 4 + 0.7 / 8

    def __init__(
        self,
        dt: float = 100,
        rewards: Rewards = None,
        timing: Timing = None,
        dim_ring: Count = 2,
        sigma: NonNegative = 1.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(dt, rewards=rewards, timing=timing, **kwargs)
        if "sure" not in (rewards or {}):
            self.rewards["sure"] = 0.7 * self.rewards["correct"]
        self.cohs = [0, 3.2, 6.4, 12.8, 25.6, 51.2]
        self.sigma = sigma / np.sqrt(dt)
        self.theta = ring(dim_ring)
        self.tuning = tuning(self.theta, self.theta)
        self.choices = np.arange(dim_ring)
        self.sure = dim_ring + 1
        self.wagers = [True, False]
        channels = range(1, dim_ring + 1)
        self.observation_space = named_box({"fixation": 0, "stimulus": channels, "sure": self.sure})
        self.action_space = Discrete(dim_ring + 2, {"fixation": 0, "choice": channels, "sure": self.sure})

    def _new_trials(self, trials: Trials) -> None:
        wager = trials.choice("wager", [True, False])
        ground_truth = trials.choice("ground_truth", self.choices)
        coh = trials.choice("coh", self.cohs, allow="any")
        trials.add_period(["fixation", "stimulus", "delay"])
        trials.add_period("pre_sure", after="stimulus", only=wager)
        trials.add_period("decision", after="delay")
        trials.add_ob(1, ["fixation", "stimulus", "delay"], where="fixation")
        trials.add_ob(self.tuning[ground_truth] * (coh / 200)[:, None] + 0.5, "stimulus", where="stimulus")
        trials.add_randn(0, self.sigma, "stimulus")
        trials.add_ob(wager, (trials.span("pre_sure")[1], trials.lengths), where="sure")
        trials.set_groundtruth(ground_truth, "decision", where="choice")

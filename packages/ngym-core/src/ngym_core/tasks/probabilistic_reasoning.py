"""Probabilistic reasoning: sum the evidence of several shapes."""

from __future__ import annotations

from typing import Any

import numpy as np

from ngym_core.arguments import Count, Numbers
from ngym_core.env import Rewards, Timing, TrialEnv
from ngym_core.rules import FixateThenChoose
from ngym_core.spaces import Discrete, named_box
from ngym_core.trials import Trials


class ProbabilisticReasoning(TrialEnv):
    """See shapes appear one by one, each with a weight, and choose the side that their sum favours.

    The sum is a log-odds (base 10), and the right side is drawn with the probability that follows from it, so that
    even the best observer makes errors.

    Channels:
        fixation: 0. 1 until the decision.
        loc{i}: 1 + i * 10 to 10 + i * 10. 1 for the shape shown at location i, until the last shape's period ends.

    Actions:
        fixation: 0.
        choice: 1 to 2. Negative or positive evidence.

    Periods (ms):
        fixation: 500.
        stimulus{i}: 500. The i-th shape appears, i from 0 to n_loc - 1.
        delay: ("uniform", (450, 550)).
        decision: 500.

    Conditions:
        locs: (n_loc,). The locations in the order in which shapes appear there.
        shapes: (n_loc,). The shapes in order of appearance.
        log_odd: Sum of their weights.
        ground_truth: 0 or 1. Drawn by the log-odds; it may be forced.

    Rewards:
        abort: -0.1. An action other than 0 before the decision.
        correct: 1.0. The right choice in the decision period; it ends the trial.
        fail: 0.0. The other choice; it ends the trial.

    Args:
        dt: Time step in ms.
        rewards: Values that replace the defaults.
        timing: Durations (ms) that replace the defaults.
        shape_weight: Weight of each shape, by default ten from -10 to 10.
        n_loc: Number of locations, and of shapes in a trial.
        **kwargs: Arguments of `TrialEnv`.

    Raises:
        ValueError: No weight, or one that is not finite.
    """

    metadata = {
        "paper_name": "Probabilistic reasoning by neurons",
        "paper_link": "https://www.nature.com/articles/nature05852",
        "tags": ["perceptual", "two-alternative", "supervised"],
    }
    default_rewards = {"abort": -0.1, "correct": 1.0, "fail": 0.0}
    rule = FixateThenChoose(fixation=None)
    chance = (1 - 3**-5) / 2
    fixed_parameters = ("n_loc",)

    def __init__(
        self,
        dt: float = 100,
        rewards: Rewards = None,
        timing: Timing = None,
        shape_weight: Numbers | None = None,
        n_loc: Count = 4,
        **kwargs: Any,
    ) -> None:
        self.n_loc = n_loc
        self.stimuli = [f"stimulus{i}" for i in range(n_loc)]
        shown = dict.fromkeys(self.stimuli, 500)
        random = {"delay": ("uniform", (450, 550))}
        self.default_timing = {"fixation": 500, **shown, **random, "decision": 500}
        super().__init__(dt, rewards=rewards, timing=timing, **kwargs)
        default = [-10, -0.9, -0.7, -0.5, -0.3, 0.3, 0.5, 0.7, 0.9, 10]
        self.shape_weight = np.asarray(default if shape_weight is None else shape_weight, float)
        self.n_shape = len(self.shape_weight)
        self.choices = [0, 1]
        locs = {f"loc{i}": range(1 + i * self.n_shape, 1 + (i + 1) * self.n_shape) for i in range(n_loc)}
        self.observation_space = named_box({"fixation": 0, **locs})
        self.action_space = Discrete(3, {"fixation": 0, "choice": [1, 2]})

    def _new_trials(self, trials: Trials) -> None:
        locs = trials.permutation("locs", self.n_loc)
        shapes = trials.choice("shapes", range(self.n_shape), size=self.n_loc)
        weights = np.asarray(self.shape_weight, float)
        if len(weights) != self.n_shape:
            raise ValueError(
                f"shape_weight={self.shape_weight!r} must have {self.n_shape} weights: the number of shapes is fixed when "
                f"{self} is made."
            )
        log_odd = trials.set("log_odd", weights[shapes].sum(axis=1))
        positive = trials.draws.random("outcome", trials.n) < 1 / (1 + 10**-log_odd)
        ground_truth = trials.condition("ground_truth", positive.astype(int), self.choices)
        trials.add_period(["fixation", *self.stimuli, "delay", "decision"])
        trials.add_ob(1, ["fixation", "delay"], where="fixation")
        seen = np.zeros((trials.n, 1 + self.n_loc * self.n_shape), np.float32)
        seen[:, 0] = 1
        for i, stimulus in enumerate(self.stimuli):
            seen[np.arange(trials.n), 1 + locs[:, i] * self.n_shape + shapes[:, i]] = 1
            trials.add_ob(seen, stimulus)
        trials.set_groundtruth(ground_truth, "decision", where="choice")

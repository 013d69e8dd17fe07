"""Matching pennies: a game against an opponent that may learn from what the agent does."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ngym_core.arguments import Probability
from ngym_core.env import Rewards, Step, TrialEnv
from ngym_core.rules import AnswerAtOnce
from ngym_core.spaces import Discrete, named_box
from ngym_core.trials import Trials


class MatchingPenny(TrialEnv):
    """Choose what the opponent chooses; the opponent tries to choose something else. Each time step is a trial.

    The opponent `mean_action` plays against the running mean of the agent's actions (0 if it is above a
    half, else 1), so that its choices depend on the agent. In `sample_trials` and data sets the agent
    plays the ground truth. The opponent `random` plays both sides equally often.

    Channels:
        opponent: 0 to 1. 1 for what the opponent chose in the trial before.

    Actions:
        choice: 0 to 1. The side.

    Periods (ms):
        choice: One time step.

    Conditions:
        opponent_action: 0 or 1. What the opponent chooses, the ground truth.
        mean_action: 0 to 1. The mean of the agent's actions before the trial, the last ones counting most; from 0.

    Rewards:
        correct: 1.0. The same as the opponent.
        fail: 0.0. Something else.

    Args:
        dt: Time step in ms.
        rewards: Values that replace the defaults.
        timing: No effect; a trial is one time step.
        opponent_type: ``mean_action`` or ``random``.
        learning_rate: Weight of the last action in the mean, from 0 to 1.
        **kwargs: Arguments of `TrialEnv`.

    Raises:
        ValueError: Another opponent, or a learning rate outside 0 to 1.
    """

    metadata = {
        "paper_name": "Prefrontal cortex and decision making in a mixed-strategy game",
        "paper_link": "https://www.nature.com/articles/nn1209",
        "tags": ["two-alternative"],
    }
    default_rewards = {"correct": 1.0, "fail": 0.0}
    rule = AnswerAtOnce()
    chance = 1 / 2
    can_prefetch = False

    def __init__(
        self,
        dt: float = 100,
        rewards: Rewards = None,
        timing: None = None,
        opponent_type: Literal["mean_action", "random"] = "mean_action",
        learning_rate: Probability = 0.2,
        **kwargs: Any,
    ) -> None:
        super().__init__(dt, rewards=rewards, timing=timing, **kwargs)
        self.opponent_type, self.learning_rate = opponent_type, learning_rate
        self.observation_space = named_box({"opponent": [0, 1]})
        self.action_space = Discrete(2, {"choice": [0, 1]})

    def _new_trials(self, trials: Trials) -> None:
        if self.opponent_type == "random":
            opponent = trials.choice("opponent_action", [0, 1])
        else:
            means = trials.set("mean_action", self._mean_actions(trials))
            opponent = trials.set("opponent_action", (means <= 0.5).astype(int))
        previous = trials.draws.previous("opponent", opponent, lambda stream: stream.index("first", 1, 2)[0])
        trials.add_period("choice", self.dt)
        trials.add_ob(np.eye(2)[previous], where="opponent")
        trials.set_groundtruth(opponent)

    def _mean_actions(self, trials: Trials) -> NDArray[np.float64]:
        """Return the mean action before each trial, (n,), of an agent that plays the ground truth."""
        means = []
        for stream, k in trials.draws.per_stream(trials.n):
            # Against the ground truth the mean comes back to an earlier value, to the last bit, and then repeats itself.
            mean: float = stream.carried.get("mean_action", 0.0)
            path: list[float] = []
            seen: dict[float, int] = {}
            while len(path) <= k and mean not in seen:
                seen[mean] = len(path)
                path.append(mean)
                mean += self.learning_rate * ((mean <= 0.5) - mean)
            again = seen.get(mean, 0)
            i = np.arange(k + 1)
            own = np.array(path)[np.where(i < len(path), i, again + (i - again) % (len(path) - again))]
            stream.carried["mean_action"] = float(own[-1])
            means.append(own[:-1])
        return np.concatenate(means)

    def _step(self, action: Any) -> Step:
        """Evaluate an action, and update the opponent with it."""
        stepped = super()._step(action)
        if self.opponent_type == "mean_action":
            mean = self.trial["mean_action"]
            self.carried["mean_action"] = mean + self.learning_rate * (int(action) - mean)
        return stepped

"""FullInput: show the agent what it earned and what it did."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from ngym_core.random import Draws
from ngym_core.trials import Trials
from ngym_core.wrappers._append import append, append_last, widened
from ngym_core.wrappers.base import StepBatch
from ngym_core.wrappers.pass_reward import PassReward


class FullInput(PassReward):
    """Append the reward just received and the action just taken: the channels `reward` and, one-hot, `action`.

    All of them are 0 after a reset. In data sets they are those of an agent who plays the ground truth.

    Args:
        env: A task with numbered actions, and with a vector of channels or numbered observations (which become one-hot).

    Raises:
        ValueError: Actions that are not numbered, or observations of another kind, such as images.
    """

    metadata = {"description": "Appends the reward just received and the action just taken.", "paper_link": None}

    def __init__(self, env: gymnasium.Env[Any, Any]) -> None:
        super().__init__(env)
        if not isinstance(env.action_space, spaces.Discrete):
            raise ValueError(f"FullInput shows one of several numbered actions, not an action of {env.action_space}.")
        self.n_actions, self.first = int(env.action_space.n), int(env.action_space.start)
        self.rewarded = self.observation_space
        self.observation_space = widened(self.rewarded, "action", self.n_actions)

    def on_data(self, trials: Trials, draws: Draws) -> Trials:
        """Append reward and action of the step before."""
        trials = super().on_data(trials, draws)
        return append_last(trials, self._one_hot(trials.gt), draws.child("action"))

    def on_step(self, memory: Any, batch: StepBatch) -> None:
        """Append reward and action."""
        super().on_step(memory, batch)
        none = np.zeros((len(batch.lanes), self.n_actions))
        batch.ob = append(self.rewarded, batch.ob, none if batch.action is None else self._one_hot(batch.action))

    def _one_hot(self, action: NDArray[Any]) -> NDArray[Any]:
        one_hot: NDArray[Any] = np.eye(self.n_actions)[action - self.first]
        return one_hot

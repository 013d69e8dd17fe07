"""FullInput: appends the last reward and the last action to the observation."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from ngym_core.random import Draws
from ngym_core.trials import Trials
from ngym_core.wrappers._append import append_channels, append_previous_step, extend_space
from ngym_core.wrappers.base import StepBatch
from ngym_core.wrappers.pass_reward import PassReward


class FullInput(PassReward):
    """Append the last reward and the last action: the channels `reward` and, one-hot, `action`.

    All of them are 0 after a reset. In data sets they are those of an agent that plays the ground truth.

    Args:
        env: A task with numbered actions, and with a vector of channels or numbered observations (which become one-hot).

    Raises:
        ValueError: Actions that are not numbered, or observations of another kind, such as images.

    Example:
        >>> import ngym_core as ngym
        >>> env = ngym.make("PerceptualDecisionMaking-v0", wrappers=["FullInput"])
        >>> env.observation_space.name
        {'fixation': 0, 'stimulus': range(1, 3), 'reward': 3, 'action': range(4, 7)}
    """

    metadata = {"description": "Appends the last reward and the last action to the observation.", "paper_link": None}

    def __init__(self, env: gymnasium.Env[Any, Any]) -> None:
        super().__init__(env)
        if not isinstance(env.action_space, spaces.Discrete):
            raise ValueError(f"FullInput appends numbered actions as one-hot channels, not actions of {env.action_space}.")
        self.n_actions, self.first = int(env.action_space.n), int(env.action_space.start)
        self._space_with_reward = self.observation_space
        self.observation_space = extend_space(self._space_with_reward, "action", self.n_actions)

    def on_data(self, trials: Trials, draws: Draws) -> Trials:
        """Append the reward and the action of the step before."""
        trials = super().on_data(trials, draws)
        return append_previous_step(trials, self._one_hot(trials.gt), draws.child("action"))

    def on_step(self, memory: Any, batch: StepBatch) -> None:
        """Append the reward and the action of this step."""
        super().on_step(memory, batch)
        action = np.zeros((len(batch.lanes), self.n_actions)) if batch.action is None else self._one_hot(batch.action)
        batch.ob = append_channels(self._space_with_reward, batch.ob, action)

    def _one_hot(self, action: NDArray[Any]) -> NDArray[Any]:
        one_hot: NDArray[Any] = np.eye(self.n_actions)[action - self.first]
        return one_hot

"""PassReward: appends the last reward to the observation."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np

from ngym_core.env import TrialEnv
from ngym_core.random import Draws
from ngym_core.rules import rewards_of_ground_truth
from ngym_core.sampling import layers, rows_of_tasks
from ngym_core.trials import Trials, select
from ngym_core.wrappers._append import append_channels, append_previous_step, extend_space
from ngym_core.wrappers.base import StepBatch, TrialWrapper
from ngym_core.wrappers.reaction_time import ReactionTime


class PassReward(TrialWrapper):
    """Append the last reward to the observation, as a channel named `reward`. It is 0 after a reset.

    In data sets it is the reward of the ground truth in the step before, which needs a task with a reward rule. What other
    wrappers inside add to rewards step by step is not in it.

    Channels:
        reward: behind those of the task. The reward of the step before.

    Args:
        env: A task with a vector of channels, or with numbered observations (which become one-hot).

    Raises:
        ValueError: Observations of another kind, such as images.

    Example:
        >>> import ngym_core as ngym
        >>> env = ngym.make("PerceptualDecisionMaking-v0", wrappers=["PassReward"])
        >>> _ = env.reset(seed=0)
        >>> ob, reward, *_ = env.step(1)  # an early response
        >>> ob[3], reward
        (np.float32(-0.1), -0.1)
    """

    _shows_step_before = True
    metadata = {
        "description": "Appends the last reward to the observation.",
        "paper_name": "Prefrontal cortex as a meta-reinforcement learning system",
        "paper_link": "https://www.nature.com/articles/s41593-018-0147-8",
    }

    def __init__(self, env: gymnasium.Env[Any, Any]) -> None:
        super().__init__(env)
        self.observation_space = extend_space(env.observation_space, "reward", 1)

    def on_data(self, trials: Trials, draws: Draws) -> Trials:
        """Append the reward of the ground truth in the step before.

        Raises:
            TypeError: A task with a `_step` of its own, or `ReactionTime` with an urgency inside, which can only be played.
        """
        if any(isinstance(layer, ReactionTime) and layer.urgency for layer in layers(self.env)):
            raise TypeError(
                "ReactionTime adds an urgency to the reward of each step: they are known only when it is played."
            )
        rewards = np.zeros(trials.gt.shape[:2])
        for task, rows in rows_of_tasks(self, trials):
            if type(task)._step is not TrialEnv._step:
                raise TypeError(f"{task} has a `_step` of its own: its rewards are known only when it is played.")
            earned = rewards_of_ground_truth(task, trials if len(rows) == trials.n else select(trials, rows))
            rewards[rows, : earned.shape[1]] = earned
        return append_previous_step(trials, rewards[..., None], draws)

    def on_step(self, memory: Any, batch: StepBatch) -> None:
        """Append the reward of this step."""
        batch.ob = append_channels(self.env.observation_space, batch.ob, batch.reward)

"""PassReward: show the agent what it earned."""

from __future__ import annotations

from typing import Any

import gymnasium

from ngym_core.env import TrialEnv
from ngym_core.random import Draws
from ngym_core.rules import rewards_of_ground_truth
from ngym_core.trials import Trials
from ngym_core.wrappers._append import append, append_last, widened
from ngym_core.wrappers.base import StepBatch, TrialWrapper


class PassReward(TrialWrapper):
    """Append the reward just received to the observation, as a channel named `reward`; 0 after a reset.

    In data sets it is what the ground truth of the step before earns, if a rule says so.

    Args:
        env: A task with a vector of channels, or with numbered observations (which become one-hot).

    Raises:
        ValueError: Observations of another kind, such as images.
    """

    metadata = {
        "description": "Appends the reward just received to the observation.",
        "paper_name": "Prefrontal cortex as a meta-reinforcement learning system",
        "paper_link": "https://www.nature.com/articles/s41593-018-0147-8",
    }

    def __init__(self, env: gymnasium.Env[Any, Any]) -> None:
        super().__init__(env)
        self.observation_space = widened(env.observation_space, "reward", 1)

    def on_data(self, trials: Trials, draws: Draws) -> Trials:
        """Append what the ground truth earned in the step before.

        Raises:
            TypeError: A task with a `_step` of its own, which can only be played.
        """
        if type(self.task)._step is not TrialEnv._step:
            raise TypeError(f"{self.task} has a `_step` of its own: what its trials earn is known when they are played.")
        return append_last(trials, rewards_of_ground_truth(self.task, trials)[..., None], draws)

    def on_step(self, memory: Any, batch: StepBatch) -> None:
        """Append the reward."""
        batch.ob = append(self.env.observation_space, batch.ob, batch.reward)

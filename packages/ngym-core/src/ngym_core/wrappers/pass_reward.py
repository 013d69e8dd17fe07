"""PassReward: show the agent what it earned."""

from __future__ import annotations

from typing import Any

import gymnasium

from ngym_core.wrapper import Moment, TrialWrapper
from ngym_core.wrappers.appending import append, widened


class PassReward(TrialWrapper):
    """Append the reward just received to the observation, as a channel named `reward`; 0 after a reset.

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

    def change(self, memory: Any, moment: Moment) -> None:
        """Append the reward."""
        moment.ob = append(self.env.observation_space, moment.ob, moment.reward)

"""PassAction: show the agent what it did."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np

from ngym_core.wrapper import Moment, TrialWrapper
from ngym_core.wrappers.appending import append, widened


class PassAction(TrialWrapper):
    """Append the action just taken to the observation, as a channel (or channels) named `action`; 0 after a reset.

    Args:
        env: A task with a vector of channels, or with numbered observations (which become one-hot).

    Raises:
        ValueError: Observations of another kind, such as images.
    """

    metadata = {"description": "Appends the action just taken to the observation.", "paper_link": None}

    def __init__(self, env: gymnasium.Env[Any, Any]) -> None:
        super().__init__(env)
        self.size = int(np.prod(env.action_space.shape or ()))
        self.observation_space = widened(env.observation_space, "action", self.size)

    def change(self, memory: Any, moment: Moment) -> None:
        """Append the action."""
        action = np.zeros((len(moment.lanes), self.size)) if moment.action is None else moment.action
        moment.ob = append(self.env.observation_space, moment.ob, action)

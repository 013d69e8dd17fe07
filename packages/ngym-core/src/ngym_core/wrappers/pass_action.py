"""PassAction: appends the last action to the observation."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np

from ngym_core.random import Draws
from ngym_core.trials import Trials
from ngym_core.wrappers._append import append_channels, append_previous_step, extend_space
from ngym_core.wrappers.base import StepBatch, TrialWrapper


class PassAction(TrialWrapper):
    """Append the last action to the observation, as a channel (or channels) named `action`. It is 0 after a reset.

    In data sets it is the ground truth of the step before.

    Channels:
        action: behind those of the task. The action of the step before, as a number or numbers.

    Args:
        env: A task with a vector of channels, or with numbered observations (which become one-hot).

    Raises:
        ValueError: Observations of another kind, such as images.

    Example:
        >>> import ngym_core as ngym
        >>> env = ngym.make("PerceptualDecisionMaking-v0", wrappers=["PassAction"])
        >>> env.observation_space.name["action"], env.reset(seed=0)[0]
        (3, array([1., 0., 0., 0.], dtype=float32))
    """

    _shows_step_before = True
    metadata = {"description": "Appends the last action to the observation.", "paper_link": None}

    def __init__(self, env: gymnasium.Env[Any, Any]) -> None:
        super().__init__(env)
        self.size = int(np.prod(env.action_space.shape or ()))
        self.observation_space = extend_space(env.observation_space, "action", self.size)

    def on_data(self, trials: Trials, draws: Draws) -> Trials:
        """Append the ground truth of the step before."""
        return append_previous_step(trials, trials.gt.reshape(*trials.gt.shape[:2], -1), draws)

    def on_step(self, memory: Any, batch: StepBatch) -> None:
        """Append the action of this step."""
        action = np.zeros((len(batch.lanes), self.size)) if batch.action is None else batch.action
        batch.ob = append_channels(self.env.observation_space, batch.ob, action)

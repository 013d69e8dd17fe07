"""TimeOut: pauses the task after each error."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np

from ngym_core.arguments import Milliseconds
from ngym_core.random import Draws
from ngym_core.trials.durations import to_steps
from ngym_core.wrappers.base import StepBatch, TrialWrapper


class TimeOut(TrialWrapper):
    """Pause the task after each trial without full performance.

    During the time-out the observation is 0 in all channels, actions have no effect, and the next trial waits. There is
    none at the end of an episode. `info` reports the remaining time in ms (`time_out`), and whether the step was one of a
    time-out (`paused`): such steps belong to no trial, and tables do not count them. Data sets have no time-outs,
    since the ground truth makes no errors.

    Args:
        env: A task with a `Box` of observations that includes 0.
        time_out: Duration in ms. Another value that is assigned counts from the next time-out on.

    Raises:
        ValueError: A duration below one time step or infinite, or observations that cannot be 0.

    Example:
        >>> import ngym_core as ngym
        >>> env = ngym.make("PerceptualDecisionMaking-v0", wrappers=[("TimeOut", {"time_out": 300})])
        >>> _ = env.reset(seed=0)
        >>> for _ in range(len(env.unwrapped.gt)):  # no response: an error
        ...     info = env.step(0)[4]
        >>> [float(info["time_out"]), *(float(env.step(0)[4]["time_out"]) for _ in range(3))]
        [300.0, 200.0, 100.0, 0.0]
    """

    metadata = {"description": "Pauses the task after each error.", "paper_link": None}
    reports = ("time_out",)

    def __init__(self, env: gymnasium.Env[Any, Any], time_out: Milliseconds = 1000) -> None:
        super().__init__(env)
        space = env.observation_space
        if not isinstance(space, gymnasium.spaces.Box) or (space.low > 0).any() or (space.high < 0).any():
            raise ValueError(f"TimeOut shows 0 in all channels; observations of {space} cannot be 0.")
        self.time_out = time_out
        self.steps  # noqa: B018  # checks the duration

    @property
    def steps(self) -> int:
        """Duration in steps."""
        if not self.task.dt <= self.time_out < np.inf:
            raise ValueError(f"time_out={self.time_out!r} must be a number of ms from one time step ({self.task.dt} ms).")
        return int(to_steps(self.time_out, self.task.dt))

    def init_memory(self, n: int) -> Any:
        """Return the remaining steps of the time-outs of n lanes, (n,)."""
        return np.zeros(n, np.int64)

    def seed_memory(self, memory: Any, lane: int, draws: Draws) -> None:
        """End the time-out of a lane that is seeded."""
        memory[lane] = 0

    def paused(self, memory: Any) -> Any:
        """Return which lanes are in a time-out, (n,) bool."""
        return memory > 0

    def on_step(self, memory: Any, batch: StepBatch) -> None:
        """Begin a time-out after an error, and blank the observations in it."""
        lanes = batch.lanes
        if batch.is_reset:
            memory[lanes] = 0
            return
        memory[lanes] = np.where(batch.ended & (batch.performance < 1), self.steps, np.maximum(memory[lanes] - 1, 0))
        batch.ob[memory[lanes] > 0] = 0
        batch.info["time_out"] = memory[lanes] * float(self.task.dt)

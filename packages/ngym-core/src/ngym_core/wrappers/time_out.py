"""TimeOut: a while in which nothing happens after each error."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np

from ngym_core.random import Draws
from ngym_core.trials.durations import to_steps
from ngym_core.wrappers.base import StepBatch, TrialWrapper


class TimeOut(TrialWrapper):
    """Let nothing happen for a while after each trial without full performance.

    During the time-out the agent sees nothing (0 in all channels), no action counts, and the next trial waits. At
    an episode's end there is none. `info` reports the time that is left, in ms (`time_out`). Data sets, which hold
    trials as they should be played, have no time-outs.

    Args:
        env: A task with a `Box` of observations that includes 0.
        time_out: How long it lasts, in ms.

    Raises:
        ValueError: A duration that is no number from one time step, or observations that cannot be 0.
    """

    metadata = {"description": "Lets nothing happen for a while after each error.", "paper_link": None}

    def __init__(self, env: gymnasium.Env[Any, Any], time_out: float = 1000) -> None:
        super().__init__(env)
        space = env.observation_space
        if not isinstance(space, gymnasium.spaces.Box) or (space.low > 0).any() or (space.high < 0).any():
            raise ValueError(f"TimeOut shows 0 in all channels; observations of {space} cannot be 0.")
        if not self.task.dt <= time_out < np.inf:
            raise ValueError(f"time_out={time_out!r} must be a number of ms from one time step ({self.task.dt} ms).")
        self.time_out = time_out
        self.steps = int(to_steps(time_out, self.task.dt))

    def init_memory(self, n: int) -> Any:
        """Steps that are left in n lanes."""
        return np.zeros(n, np.int64)

    def seed_memory(self, memory: Any, lane: int, draws: Draws) -> None:
        """End the time-out of a lane that was seeded."""
        memory[lane] = 0

    def paused(self, memory: Any) -> Any:
        """Which lanes are in a time-out."""
        return memory > 0

    def on_step(self, memory: Any, batch: StepBatch) -> None:
        """Begin a time-out after an error, and show nothing in it."""
        lanes = batch.lanes
        if batch.is_reset:
            memory[lanes] = 0
            return
        memory[lanes] = np.where(batch.ended & (batch.performance < 1), self.steps, np.maximum(memory[lanes] - 1, 0))
        batch.ob[memory[lanes] > 0] = 0
        batch.info["time_out"] = memory[lanes] * float(self.task.dt)

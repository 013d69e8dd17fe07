"""Base class of the tasks whose stimulus is in one of two modalities, which alternate over trials."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ngym_core.arguments import Count
from ngym_core.env import Rewards, Timing, TrialEnv
from ngym_core.scheduler import SequentialSchedule
from ngym_core.spaces import Discrete, named_box
from ngym_core.tasks._composed import composed
from ngym_core.tasktools import bump, ring
from ngym_core.trials import Trials
from ngym_core.wrappers.schedule_attr import ScheduleAttr


class TwoModalities(TrialEnv):
    """A fixation channel, two rings of channels for the stimulus, and a choice on a ring.

    A subclass writes the stimulus to `stimulus_mod1` and then calls `move_to_modality`.

    Attributes:
        theta: Preferred directions in radians, (dim_ring,).
        bumps: The channels of a ring for each direction, (dim_ring, dim_ring).

    Args:
        dt: Time step in ms.
        rewards: Values that replace the defaults.
        timing: Durations (ms) that replace the defaults.
        dim_ring: Number of directions.
        **kwargs: Arguments of `TrialEnv`.
    """

    default_rewards = {"abort": -0.1, "correct": 1.0, "fail": 0.0}

    def __init__(
        self, dt: float = 100, rewards: Rewards = None, timing: Timing = None, dim_ring: Count = 16, **kwargs: Any
    ) -> None:
        super().__init__(dt, rewards=rewards, timing=timing, **kwargs)
        self.theta = ring(dim_ring)
        self.bumps = bump(self.theta, self.theta).astype(np.float32)
        rings = {f"stimulus_mod{m}": range(1 + (m - 1) * dim_ring, 1 + m * dim_ring) for m in (1, 2)}
        self.observation_space = named_box({"fixation": 0, **rings})
        self.action_space = Discrete(1 + dim_ring, {"fixation": 0, "choice": range(1, dim_ring + 1)})

    def move_to_modality(self, trials: Trials, period: str | Sequence[str]) -> None:
        """Move the stimulus of one or several periods to the modality of each trial."""
        modality = trials.choice("modality", [0, 1])
        trials.move_ob("stimulus_mod1", "stimulus_mod2", period, only=modality == 1)


def alternate(env: Any) -> ScheduleAttr:
    """Let the modality of a task alternate over trials, from the first one on."""
    return ScheduleAttr(env, SequentialSchedule(2), [{"modality": 0}, {"modality": 1}])


def alternating(task: type[TrialEnv]) -> Callable[..., Any]:
    """Return a function that makes a task whose modality alternates over trials."""
    return composed(task)(lambda env: alternate(env))  # a lambda has no docstring: that of the task is shown

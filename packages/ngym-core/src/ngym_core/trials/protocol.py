"""TrialTask: protocol of the task that trials are made for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

__all__ = ["TrialTask"]


class TrialTask(Protocol):
    """What trials need to know about their task; a `TrialEnv` has it all.

    Attributes:
        dt: Time step in ms.
        timing: Period -> timing value, see `ngym_core.trials.durations`.
        observation_space: The space of one observation.
        action_space: The space of one action.
    """

    dt: float
    observation_space: Any
    action_space: Any

    @property
    def timing(self) -> Mapping[str, Any]:
        """Period -> timing value."""
        ...

"""Players: what acts in a figure, the ground truth or a saved agent."""

from __future__ import annotations

import importlib
from typing import Any

from ngym_core.arguments import FilePath, checked

__all__ = ["Oracle", "load_player"]

_SB3_CLASSES = (
    ("sb3_contrib", "RecurrentPPO"),
    ("stable_baselines3", "PPO"),
    ("stable_baselines3", "A2C"),
    ("stable_baselines3", "DQN"),
)
"""Module and class of each algorithm, in the order in which they are tried."""


class Oracle:
    """An agent that plays the ground truth of a task.

    Args:
        env: The task, with wrappers.
    """

    def __init__(self, env: Any) -> None:
        self.env = env

    def __call__(self, ob: Any) -> Any:
        """Return the ground truth of the current step, whatever the observation."""
        return self.env.unwrapped.gt_now


@checked
def load_player(path: FilePath) -> Any:
    """Load an agent that Stable-Baselines3 saved.

    Such a file can run code: load only files that you trust. It does not say which algorithm saved it, so all are tried.

    Args:
        path: The file.

    Returns:
        The agent, on the CPU.

    Raises:
        ImportError: Stable-Baselines3 or sb3-contrib is not installed.
        ValueError: A file that none of the algorithms can load.
    """
    reasons = []
    for module, name in _SB3_CLASSES:
        try:
            algorithm = getattr(importlib.import_module(module), name)
        except ImportError as error:
            raise ImportError(f"A model needs Stable-Baselines3 and sb3-contrib: pip install ngym-sb3 ({error}).") from error
        try:
            return algorithm.load(path, device="cpu")
        except Exception as error:  # a file of another algorithm fails in many ways
            reasons.append(f"{name}: {error}")
    raise ValueError(f"{path} is not an agent that Stable-Baselines3 saved, or it is damaged ({'; '.join(reasons)}).")

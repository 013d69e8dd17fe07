"""Who acts in a figure: the ground truth, or an agent from a file."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

__all__ = ["Oracle", "load_model"]

ALGORITHMS = (
    ("sb3_contrib", "RecurrentPPO"),
    ("stable_baselines3", "PPO"),
    ("stable_baselines3", "A2C"),
    ("stable_baselines3", "DQN"),
)
"""Tried one after another: a file does not say which algorithm saved it."""


class Oracle:
    """Plays the ground truth of a task.

    Args:
        env: The task, with wrappers.
    """

    def __init__(self, env: Any) -> None:
        self.env = env

    def __call__(self, ob: Any) -> Any:
        """Give the ground truth of the step."""
        return self.env.unwrapped.gt_now


def load_model(path: Path) -> Any:
    """Read an agent that Stable-Baselines3 saved. Such a file can run code: load only what you trust.

    Args:
        path: The file.

    Returns:
        The agent.

    Raises:
        ImportError: Stable-Baselines3 is not installed.
        ValueError: A file that is no agent.
    """
    reasons = []
    for module, name in ALGORITHMS:
        try:
            algorithm = getattr(importlib.import_module(module), name)
        except ImportError as error:
            raise ImportError(f"A model needs Stable-Baselines3 and sb3-contrib: pip install ngym-sb3 ({error}).") from error
        try:
            return algorithm.load(path, device="cpu")
        except Exception as error:
            reasons.append(f"{name}: {error}")
    raise ValueError(f"{path} is no agent that Stable-Baselines3 saved, or is damaged ({'; '.join(reasons)}).")

"""Players: what acts in a figure, the ground truth or a saved agent."""

from __future__ import annotations

import importlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ngym_core.arguments import AnyEnv, FilePath, checked, explained
from ngym_core.task_options import TaskChanges

__all__ = ["Oracle", "SavedTraining", "load_player", "read_training"]

_SB3_CLASSES = (
    ("sb3_contrib", "RecurrentPPO"),
    ("stable_baselines3", "PPO"),
    ("stable_baselines3", "A2C"),
    ("stable_baselines3", "DQN"),
)
"""Module and class of each algorithm, in the order in which they are tried."""


MODEL, SETTINGS = "model.zip", "config.json"
"""Files of a folder of `ngym train`: the agent, and what it was trained on."""


class Oracle:
    """An agent that plays the ground truth of a task.

    Args:
        env: The task, with wrappers.

    Raises:
        TypeError: No env, or a wrapper has changed the actions, which the ground truth is none of then.
    """

    @explained
    def __init__(self, env: AnyEnv) -> None:
        given, task = env.action_space, env.unwrapped.action_space
        # A mixture may have more actions than its tasks.
        if given.shape != task.shape or hasattr(given, "n") != hasattr(task, "n"):
            raise TypeError(
                f"The ground truth of {env} is one of {task}, and a wrapper has changed the actions to {given}: give a "
                "model, or an action to repeat (def_act)."
            )
        self.env = env

    def __call__(self, ob: Any) -> Any:
        """Return the ground truth of the current step, whatever the observation."""
        return self.env.unwrapped.gt_now


@dataclass(frozen=True)
class SavedTraining:
    """What a folder of `ngym train` says of its training.

    Attributes:
        task: The task's id.
        changes: Its parameters, wrappers and conditions.
        trials_per_episode: Trials until the memory of the agent restarted.
    """

    task: str
    changes: TaskChanges
    trials_per_episode: int


@checked
def read_training(folder: FilePath) -> SavedTraining:
    """Read which task the agent in a folder of `ngym train` was trained on.

    Args:
        folder: The folder.

    Raises:
        FileNotFoundError: It holds no agent.
        ValueError: Its settings are damaged, or name a wrapper that has no name.
    """
    folder = Path(folder)
    for name in (MODEL, SETTINGS):
        if not (folder / name).is_file():
            raise FileNotFoundError(f"{folder} is no folder of `ngym train`: it holds no {name}.")
    try:
        settings = json.loads((folder / SETTINGS).read_text(encoding="utf-8"))
        wrappers = [(one, {}) if isinstance(one, str) else (one[0], dict(one[1])) for one in settings["wrappers"]]
        changes = TaskChanges(dict(settings["task_kwargs"]), wrappers, dict(settings["conditions"]))
        trials_per_episode = 1 if settings["carry"] == "trial" else int(settings["trials_per_episode"])
        return SavedTraining(str(settings["task"]), changes, trials_per_episode)
    except (ValueError, TypeError, KeyError, IndexError) as error:
        raise ValueError(f"{folder / SETTINGS} is damaged: {type(error).__name__}: {error}.") from error


@checked
def load_player(path: FilePath) -> Any:
    """Load an agent that Stable-Baselines3 saved.

    Such a file can run code: load only files that you trust. It does not say which algorithm saved it, so all are tried.

    Args:
        path: The file, or a folder of `ngym train`.

    Returns:
        The agent, on the CPU.

    Raises:
        ImportError: Stable-Baselines3 or sb3-contrib is not installed.
        ValueError: A file that none of the algorithms can load.
    """
    path = Path(path)
    if path.is_dir():
        path /= MODEL
    reasons: dict[str, list[str]] = {}  # error -> the classes that raise it
    for module, name in _SB3_CLASSES:
        try:
            algorithm = getattr(importlib.import_module(module), name)
        except ImportError as error:
            raise ImportError(f"A model needs Stable-Baselines3 and sb3-contrib: pip install ngym-sb3 ({error}).") from error
        try:
            return algorithm.load(path, device="cpu")
        except Exception as error:  # a file of another algorithm fails in many ways
            reasons.setdefault(str(error), []).append(name)
    why = "; ".join(f"{', '.join(names)}: {error}" for error, names in reasons.items())
    raise ValueError(f"{path} is not an agent that Stable-Baselines3 saved, or it is damaged ({why}).")

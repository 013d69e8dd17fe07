"""Record of training: on what an agent was trained, and in what another env differs from that."""

from __future__ import annotations

import warnings
from typing import Any, TypeAlias

import numpy as np
from sb3_contrib import RecurrentPPO

import ngym_core as ngym
from ngym_core.sampling import layers
from ngym_core.spaces import names_of
from ngym_sb3.vec_env import NgymVecEnv, normalizers

__all__ = ["record_of", "warn_of_another_env"]

Record: TypeAlias = dict[str, Any]
"""Plain data that is saved with an agent: names of the `tasks`, `carry`, `trials_per_episode`, `episode_end`, and whether
observations were `scaled` by `VecNormalize`."""

SPACES = {"observation_space": "channels", "action_space": "actions"}
"""What the names of a space are."""


def record_of(env: Any) -> Record | None:
    """Return what an agent that is trained on an env has to do with; None for an env that `make_sb3_env` did not make.

    Example:
        >>> from ngym_sb3 import make_sb3_env
        >>> from ngym_sb3.trained_on import record_of
        >>> record_of(make_sb3_env("GoNogo-v0", trials_per_episode=5))
        {'tasks': ['GoNogo'], 'carry': 'episode', 'trials_per_episode': 5, 'episode_end': 'truncated', 'scaled': False}
    """
    innermost = getattr(env, "unwrapped", None)
    if not isinstance(innermost, NgymVecEnv):
        return None
    tasks = {type(layer).__name__ for layer in layers(innermost.vector_env.env) if isinstance(layer, ngym.TrialEnv)}
    return {
        "tasks": sorted(tasks),
        "carry": innermost.carry,
        "trials_per_episode": innermost.trials_per_episode,
        "episode_end": innermost.episode_end,
        "scaled": any(layer.norm_obs for layer in normalizers(env)),
    }


def warn_of_another_env(model: Any, env: Any, trained: Record | None = None, *, learning: bool = False) -> None:
    """Warn where an env differs from that of an agent's training, although the agent fits it.

    Args:
        model: The agent.
        env: The vector env that it is to act in.
        trained: Record of its training; by default that of its file or of its env.
        learning: Whether it is trained on, so that it matters too what it reckons with at the end of an episode.
    """
    if trained is None:
        trained = getattr(model, "trained_on", None) or record_of(model.get_env() if hasattr(model, "get_env") else None)
    now = record_of(env)
    if trained is None or now is None:
        spaces = all(hasattr(model, name) for name in SPACES)
        found = [f"the {what}: {before}, now {here}" for what, before, here in _other_names(model, env)] if spaces else []
    else:
        found = []
        if not set(now["tasks"]) <= set(trained["tasks"]):
            found.append(f"the task: {', '.join(trained['tasks'])}, now {', '.join(now['tasks'])}")
        # An episode of one trial is a trial.
        differs = len({"trial" if record["trials_per_episode"] == 1 else record["carry"] for record in (trained, now)}) > 1
        if isinstance(model, RecurrentPPO) and differs and trained["carry"] != now["carry"]:
            found.append(f"carry, how long it keeps its state: {trained['carry']}, now {now['carry']}")
        if learning and trained["episode_end"] != now["episode_end"]:
            found.append(f"episode_end: {trained['episode_end']}, now {now['episode_end']}")
        if trained["scaled"] != now["scaled"]:
            scaled = ["as they are", "scaled by VecNormalize"]
            found.append(f"the observations: {scaled[trained['scaled']]}, now {scaled[now['scaled']]}")
    if found:
        warnings.warn(f"The agent was trained on another env, which differs in {'; in '.join(found)}.", stacklevel=3)


def _other_names(model: Any, env: Any) -> list[tuple[str, dict[str, Any], dict[str, Any]]]:
    """Return for observations and actions whose channels have other names: which these are, then and now."""
    found = []
    for attribute, what in SPACES.items():
        names = [names_of(getattr(holder, attribute)) for holder in (model, env)]
        before, here = ({name: np.ravel(at).tolist() for name, at in of_one.items()} for of_one in names)
        if before and here and before != here:
            found.append((what, before, here))
    return found

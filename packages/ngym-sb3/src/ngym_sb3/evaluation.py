"""evaluate_policy: what an agent does, trial by trial."""

from __future__ import annotations

import math
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ngym_core.table import Recorder, Table
from ngym_core.wrapper import Moment
from ngym_sb3.envs import NgymVecEnv, make_sb3_env

__all__ = ["evaluate_policy"]

Array: TypeAlias = NDArray[Any]


def evaluate_policy(
    model: Any, env: Any, num_trials: int = 100, *, seed: int | None = 0, deterministic: bool = True
) -> Table:
    """Let an agent play trials and write each down as one row of a table.

    Every lane plays the same number of trials (the last ones are cut), so that short trials are not
    favoured. The recurrent state of the agent goes on over the trials of an episode and restarts with
    the next, as in training.

    Args:
        model: What acts: ``predict(ob, state, episode_start, deterministic)``, as in Stable-Baselines3.
        env: The vector env of `make_sb3_env`, or a task's id (16 lanes, one trial in an episode).
        num_trials: How many trials.
        seed: Seed of the trials; the same seed gives the same table. None goes on with the env's streams.
        deterministic: Whether the agent takes its best action instead of drawing one.

    Returns:
        Column -> (num_trials,) array: the conditions of the trials, and `ngym_core.table.MEASURES`.

    Raises:
        ValueError: Less than one trial.
        TypeError: An env that is not made by `make_sb3_env`.
    """
    if num_trials < 1:
        raise ValueError(f"num_trials={num_trials!r} must be an integer from 1.")
    if isinstance(env, str):
        env = make_sb3_env(env, 16)
    if not isinstance(env, NgymVecEnv):
        raise TypeError(f"evaluate_policy needs the env of make_sb3_env, or a task's id, not {type(env).__name__}.")
    if seed is not None:
        env.seed(seed)
    each = math.ceil(num_trials / env.num_envs)
    player = _Player(model, env, deterministic)
    while player.played.min() < each:
        player.step()
    table = player.recorder.take()
    turns = np.zeros(len(table["lane"]), int)
    for lane in range(env.num_envs):
        own = table["lane"] == lane
        turns[own] = np.arange(own.sum())
    order = np.lexsort((table["lane"], turns))[:num_trials]
    return {**{name: column[order] for name, column in table.items()}, "trial": np.arange(num_trials)}


class _Player:
    """An agent in its lanes, and what is noted of its trials."""

    def __init__(self, model: Any, env: NgymVecEnv, deterministic: bool) -> None:
        self.model, self.env, self.deterministic = model, env, deterministic
        self.ob: Any = env.reset()
        self.state: Any = None
        self.starts = np.ones(env.num_envs, bool)
        self.lanes = np.arange(env.num_envs)
        self.recorder = Recorder(env.num_envs, env.get_attr("dt")[0])
        self.played = np.zeros(env.num_envs, int)

    def step(self) -> None:
        """Take one step and note it."""
        actions, self.state = self.model.predict(
            self.ob, state=self.state, episode_start=self.starts, deterministic=self.deterministic
        )
        self.ob, reward, self.starts, infos = self.env.step(actions)
        ended = np.array([info["new_trial"] for info in infos])
        self.played += ended
        reported = ("reaction_time",) if any("reaction_time" in info for info in infos) else ()
        moment = Moment(
            lanes=self.lanes,
            ob=self.ob,
            reward=reward.astype(float),
            action=actions,
            gt=np.array([info["gt"] for info in infos]),
            ended=ended,
            performance=np.array([info.get("performance", 0.0) for info in infos]),
            info={name: np.array([info.get(name, np.nan) for info in infos]) for name in reported},
            conditions=_columns([info.get("ended_trial", {}) for info in infos]),
        )
        self.recorder.add(moment)


def _columns(trials: list[dict[str, Any]]) -> dict[str, Array]:
    """Conditions of the trials that ended, one dictionary for each lane, as columns."""
    columns: dict[str, Array] = {}
    for lane, trial in enumerate(trials):
        for name, value in trial.items():
            columns.setdefault(name, np.full(len(trials), None, object))[lane] = value
    return columns

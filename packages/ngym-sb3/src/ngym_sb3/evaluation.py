"""evaluate_policy: what an agent does, trial by trial."""

from __future__ import annotations

import math
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ngym_sb3.envs import NgymVecEnv, make_sb3_env

__all__ = ["evaluate_policy"]

Array: TypeAlias = NDArray[Any]


def evaluate_policy(
    model: Any, env: Any, num_trials: int = 100, *, seed: int | None = 0, deterministic: bool = True
) -> dict[str, Array]:
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
        Column -> (num_trials,) array: the conditions; `choice` (the action that ended the trial, 0 where
        none did), `performance`, `reaction_time` (ms from when a response is due, that is, the ground
        truth is not 0; NaN without a response), `reward` (sum over the trial), `steps`, `lane`.

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
    player = _Player(model, env, deterministic)
    each = math.ceil(num_trials / env.num_envs)
    rows: list[list[dict[str, Any]]] = [[] for _ in range(env.num_envs)]
    while min(map(len, rows)) < each:
        for lane, row in player.step():
            rows[lane].append(row)
    ordered = [rows[lane][k] for k in range(each) for lane in range(env.num_envs)][:num_trials]
    names = dict.fromkeys(name for row in ordered for name in row)
    return {name: np.array([row.get(name, np.nan) for row in ordered]) for name in names}


class _Player:
    """An agent in its lanes, and what it has done in the present trials."""

    def __init__(self, model: Any, env: NgymVecEnv, deterministic: bool) -> None:
        self.model, self.env, self.deterministic = model, env, deterministic
        self.ob: Any = env.reset()
        self.state: Any = None
        self.starts = np.ones(env.num_envs, bool)
        self.dt = env.get_attr("dt")[0]
        self.steps = np.zeros(env.num_envs, int)
        self.reward = np.zeros(env.num_envs)
        self.due = np.full(env.num_envs, np.nan)

    def step(self) -> list[tuple[int, dict[str, Any]]]:
        """Take one step and give the rows of the trials that ended."""
        actions, self.state = self.model.predict(
            self.ob, state=self.state, episode_start=self.starts, deterministic=self.deterministic
        )
        self.ob, reward, self.starts, infos = self.env.step(actions)
        asked = np.array([np.any(info["gt"] != 0) for info in infos])
        self.due = np.where(np.isnan(self.due) & asked, self.steps, self.due)
        self.reward += reward
        ended = [lane for lane, info in enumerate(infos) if info["new_trial"]]
        rows = [(lane, self._row(lane, actions[lane], infos[lane])) for lane in ended]
        self.steps += 1
        for lane in ended:
            self.steps[lane], self.reward[lane], self.due[lane] = 0, 0.0, np.nan
        return rows

    def _row(self, lane: int, action: Any, info: dict[str, Any]) -> dict[str, Any]:
        responded = bool(np.any(np.asarray(action) != 0))
        return {
            **info["ended_trial"],
            "choice": action if np.ndim(action) else int(action),
            "performance": info["performance"],
            "reaction_time": float((self.steps[lane] - self.due[lane]) * self.dt) if responded else np.nan,
            "reward": float(self.reward[lane]),
            "steps": int(self.steps[lane]) + 1,
            "lane": lane,
        }

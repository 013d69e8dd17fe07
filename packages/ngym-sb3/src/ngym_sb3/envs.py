"""NgymVecEnv: the lanes of ngym as a vector env of Stable-Baselines3."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias

import gymnasium
import numpy as np
from gymnasium.vector import AutoresetMode
from numpy.typing import NDArray
from stable_baselines3.common.vec_env import VecEnv

import ngym_core as ngym

__all__ = ["NgymVecEnv", "make_sb3_env"]

Array: TypeAlias = NDArray[Any]
Indices: TypeAlias = int | Iterable[int] | None


def make_sb3_env(
    task: str | gymnasium.Env[Any, Any],
    n_envs: int = 1,
    *,
    wrappers: Sequence[Any] = (),
    trials_per_episode: int = 1,
    seed: int | None = None,
    **kwargs: Any,
) -> NgymVecEnv:
    """Make N lanes of a task for Stable-Baselines3.

    Args:
        task: A task's id, or an env with trial wrappers.
        n_envs: N.
        wrappers: Trial wrappers, see `ngym_core.make`.
        trials_per_episode: Trials in an episode. The recurrent state of an agent restarts with each
            episode, so with 1 it is the state of one trial.
        seed: Seed of the first lane; lane i has seed + i.
        **kwargs: Parameters of the task.

    Returns:
        The vector env.

    Raises:
        UnknownTaskError: There is no such task.
        ValueError: Less than one lane, or less than one trial in an episode.
        TypeError: Parameters for a task that is made already.
    """
    if not isinstance(trials_per_episode, int) or trials_per_episode < 1:
        raise ValueError(f"trials_per_episode={trials_per_episode!r} must be an integer from 1.")
    if isinstance(task, str):
        task = ngym.make(task, wrappers=wrappers, **kwargs)
    elif wrappers or kwargs:
        raise TypeError(f"{task} is made already; wrappers and {sorted(kwargs)} go with an id.")
    lanes = ngym.TrialVectorEnv(task, n_envs, autoreset_mode=AutoresetMode.SAME_STEP)
    lanes.trials_per_episode = trials_per_episode
    env = NgymVecEnv(lanes)
    if seed is not None:
        env.seed(seed)
    return env


class NgymVecEnv(VecEnv):
    """The lanes of ngym as a vector env of Stable-Baselines3.

    At the end of an episode the info of a lane has `terminal_observation`, `TimeLimit.truncated`,
    `episode` (reward, length in steps) and `is_success` (full performance in its last trial), from
    which Stable-Baselines3 logs ``rollout/ep_rew_mean`` and ``rollout/success_rate``. At the end of a
    trial it has `performance`, `ended_trial` and `trial` as well.

    Args:
        lanes: Lanes that reset in the same step.

    Raises:
        ValueError: Lanes with another autoreset mode.
    """

    def __init__(self, lanes: ngym.TrialVectorEnv) -> None:
        if lanes.autoreset_mode != AutoresetMode.SAME_STEP:
            raise ValueError(f"Stable-Baselines3 needs lanes that reset in the same step, not {lanes.autoreset_mode}.")
        self.lanes = lanes
        self.render_mode = None
        super().__init__(lanes.num_envs, lanes.single_observation_space, lanes.single_action_space)
        self._actions: Array = np.zeros(0)
        self._returns = np.zeros(lanes.num_envs)
        self._steps = np.zeros(lanes.num_envs, int)

    @property
    def task_name(self) -> str:
        """Name of the task's class."""
        return type(self.lanes.task).__name__

    @property
    def trials_per_episode(self) -> int:
        """Trials in an episode."""
        return self.lanes.trials_per_episode

    def reset(self) -> Array:
        """Begin an episode in all lanes; observations (N, *observation shape)."""
        seeds = self._seeds if any(s is not None for s in self._seeds) else None
        ob, info = self.lanes.reset(seed=seeds)
        self.reset_infos = [_of_lane(info, i) for i in range(self.num_envs)]
        self._reset_seeds()
        self._reset_options()
        self._returns[:], self._steps[:] = 0.0, 0
        return ob

    def step_async(self, actions: Array) -> None:
        """Note the actions for `step_wait`, (N,) or (N, *action shape)."""
        self._actions = np.asarray(actions)

    def step_wait(self) -> tuple[Array, Array, Array, list[dict[str, Any]]]:
        """Take one step in all lanes.

        Returns:
            Observations (N, *observation shape), rewards (N,) float32, ends of episodes (N,), and one
            info for each lane.
        """
        ob, reward, _, done, info = self.lanes.step(self._actions)
        self._returns += reward
        self._steps += 1
        infos = self._infos(info)
        for lane in np.nonzero(done)[0].tolist():
            final = _of_lane(info["final_info"], lane)
            infos[lane] = {
                **final,
                "terminal_observation": info["final_obs"][lane],
                "TimeLimit.truncated": True,
                "episode": {"r": float(self._returns[lane]), "l": int(self._steps[lane]), "t": 0.0},
                "is_success": bool(final["performance"] == 1),
            }
            self._returns[lane], self._steps[lane] = 0.0, 0
        return ob, reward.astype(np.float32), done.copy(), infos

    def _infos(self, info: dict[str, Any]) -> list[dict[str, Any]]:
        """One dictionary for each lane: a short one where no trial ended."""
        gt = info.get("gt", np.zeros(self.num_envs))
        infos: list[dict[str, Any]] = [{"new_trial": False, "gt": g} for g in gt]
        for lane in np.nonzero(info.get("_performance", np.zeros(self.num_envs, bool)))[0].tolist():
            infos[lane] = _of_lane(info, lane)
        return infos

    def close(self) -> None:
        """Nothing is open."""

    def get_attr(self, attr_name: str, indices: Indices = None) -> list[Any]:
        """Give an attribute of the env or of the task, once for each lane."""
        found = next((x for x in (self, self.lanes, self.lanes.env) if hasattr(x, attr_name)), self.lanes.task)
        return [getattr(found, attr_name)] * len(list(self._get_indices(indices)))

    def set_attr(self, attr_name: str, value: Any, indices: Indices = None) -> None:
        """Set an attribute of the task; it serves all lanes, so all are meant.

        Raises:
            ValueError: Some lanes only.
        """
        if indices is not None and len(list(self._get_indices(indices))) != self.num_envs:
            raise ValueError("All lanes share one task: an attribute is set for all of them or for none.")
        setattr(self.lanes.task, attr_name, value)

    def env_method(self, method_name: str, *args: Any, indices: Indices = None, **kwargs: Any) -> list[Any]:
        """Call a method of the task, once for each lane."""
        return [getattr(self.lanes.env, method_name)(*args, **kwargs) for _ in self._get_indices(indices)]

    def env_is_wrapped(
        self, wrapper_class: type[gymnasium.Wrapper[Any, Any, Any, Any]], indices: Indices = None
    ) -> list[bool]:
        """Say whether the lanes have a wrapper; episode statistics are our own, so `Monitor` counts as one."""
        from stable_baselines3.common.monitor import Monitor

        from ngym_core.sessions import layers

        wrapped = wrapper_class is Monitor or any(isinstance(layer, wrapper_class) for layer in layers(self.lanes.env))
        return [wrapped] * len(list(self._get_indices(indices)))


def _of_lane(info: dict[str, Any], lane: int) -> dict[str, Any]:
    """What the info of all lanes says about one of them."""
    own: dict[str, Any] = {}
    for key, value in info.items():
        if key.startswith("_") or not info[f"_{key}"][lane] or key in ("final_obs", "final_info"):
            continue
        if isinstance(value, dict):
            own[key] = _of_lane(value, lane)
        else:
            own[key] = value[lane].item() if value.ndim == 1 and isinstance(value[lane], np.generic) else value[lane]
    return own

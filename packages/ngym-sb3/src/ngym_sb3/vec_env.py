"""NgymVecEnv: the lanes of ngym as a vector env of Stable-Baselines3."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias

import gymnasium
import numpy as np
from gymnasium.vector import AutoresetMode
from numpy.typing import NDArray
from stable_baselines3.common.vec_env import VecEnv

import ngym_core as ngym
from ngym_core.errors import nearest

__all__ = ["NgymVecEnv", "lanes_of", "make_sb3_env", "task_of"]

Array: TypeAlias = NDArray[Any]
Indices: TypeAlias = int | Iterable[int] | None

CARRY = ("episode", "trial")


def make_sb3_env(
    task: str | gymnasium.Env[Any, Any],
    n_envs: int = 1,
    *,
    wrappers: Sequence[Any] = (),
    trials_per_episode: int = 1,
    carry: str = "episode",
    seed: int | None = None,
    **kwargs: Any,
) -> NgymVecEnv:
    """Make N lanes of a task for Stable-Baselines3.

    Args:
        task: A task's id, or an env with wrappers.
        n_envs: N.
        wrappers: Wrappers of trials or of steps, by name or class, see `ngym_core.make`.
        trials_per_episode: Trials in an episode: what its reward and success are counted over.
        carry: How long a recurrent agent keeps its state: for an ``episode``, or for a ``trial`` even where an
            episode has several. Training, `evaluate_policy` and `record_activity` all follow it.
        seed: Seed of the first lane; lane i has seed + i.
        **kwargs: Parameters of the task.

    Returns:
        The vector env.

    Raises:
        UnknownTaskError: There is no such task.
        UnknownNameError: There is no such wrapper.
        ValueError: Less than one lane, less than one trial in an episode, or another `carry`.
        TypeError: Parameters for a task that is made already.
    """
    if isinstance(task, str):
        task = ngym.make(task, wrappers=wrappers, **kwargs)
    elif wrappers or kwargs:
        raise TypeError(f"{task} is made already; wrappers and {sorted(kwargs)} go with an id.")
    lanes = ngym.TrialVectorEnv(task, n_envs, autoreset_mode=AutoresetMode.SAME_STEP)
    env = NgymVecEnv(lanes, trials_per_episode=trials_per_episode, carry=carry)
    if seed is not None:
        env.seed(seed)
    return env


class NgymVecEnv(VecEnv):
    """The lanes of ngym as a vector env of Stable-Baselines3.

    For Stable-Baselines3 "done" is where a recurrent agent's state restarts. That is where an episode ends, or where
    any trial ends if `carry` says so. There the info of a lane has `terminal_observation`, `TimeLimit.truncated` (the
    task itself goes on) and `is_success` (the share of the trials since the last such place with full performance), and
    at the end of an episode `episode` (reward, length in steps, seconds since the env was made). From these
    Stable-Baselines3 logs ``rollout/ep_rew_mean`` and ``rollout/success_rate``. At the end of a trial the info has
    `performance`, `ended_trial` and `trial` as well.

    Args:
        lanes: Lanes that reset in the same step.
        trials_per_episode: Trials in an episode.
        carry: How long a recurrent agent keeps its state: for an ``episode`` or for a ``trial``.

    Attributes:
        last_rewards: Rewards of the last step as the task gave them, (N,) float64.

    Raises:
        ValueError: Lanes with another autoreset mode, less than one trial in an episode, or another `carry`.
    """

    def __init__(self, lanes: ngym.TrialVectorEnv, *, trials_per_episode: int = 1, carry: str = "episode") -> None:
        if lanes.autoreset_mode != AutoresetMode.SAME_STEP:
            raise ValueError(f"Stable-Baselines3 needs lanes that reset in the same step, not {lanes.autoreset_mode}.")
        if isinstance(trials_per_episode, bool) or not isinstance(trials_per_episode, int) or trials_per_episode < 1:
            raise ValueError(f"trials_per_episode={trials_per_episode!r} must be an integer from 1.")
        if carry not in CARRY:
            raise ValueError(f"carry={carry!r}: an agent keeps its state for an episode or a trial. {nearest(carry, CARRY)}")
        self.lanes = lanes
        self.carry = carry
        self.render_mode = None
        lanes.trials_per_episode = trials_per_episode
        super().__init__(lanes.num_envs, lanes.single_observation_space, lanes.single_action_space)
        self.last_rewards = np.zeros(lanes.num_envs)
        self._actions: Array = np.zeros(0)
        self._returns = np.zeros(lanes.num_envs)
        self._steps = np.zeros(lanes.num_envs, int)
        self._trials, self._right = np.zeros(lanes.num_envs, int), np.zeros(lanes.num_envs, int)
        self._made = time.time()

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
        self.reset_infos = _of_lanes(info, np.arange(self.num_envs))
        self._reset_seeds()
        self._reset_options()
        for count in (self._returns, self._steps, self._trials, self._right):
            count[:] = 0
        return ob

    def step_async(self, actions: Array) -> None:
        """Note the actions for `step_wait`, (N,) or (N, *action shape)."""
        self._actions = np.asarray(actions)

    def step_wait(self) -> tuple[Array, Array, Array, list[dict[str, Any]]]:
        """Take one step in all lanes.

        Returns:
            Observations (N, *observation shape), rewards (N,) float32, where the state of a recurrent agent
            restarts (N,) bool, and one info for each lane.

        Raises:
            gymnasium.error.InvalidAction: Actions of another shape or outside the space; no lane has moved.
        """
        ob, self.last_rewards, _, over, info = self.lanes.step(self._actions)
        self._returns += self.last_rewards
        self._steps += 1
        gt = info.get("gt", np.zeros(self.num_envs))
        infos = [{"new_trial": False, "gt": g} for g in (gt.tolist() if gt.ndim == 1 else gt)]
        goes_on = np.nonzero(info.get("new_trial", over))[0]
        for lane, own in zip(goes_on.tolist(), _of_lanes(info, goes_on), strict=True):
            infos[lane] = own
        done = over.copy()
        if over.any():
            seconds, ends = round(time.time() - self._made, 6), np.nonzero(over)[0]
            for lane, own in zip(ends.tolist(), _of_lanes(info["final_info"], ends), strict=True):
                episode = {"r": float(self._returns[lane]), "l": int(self._steps[lane]), "t": seconds}
                infos[lane] = {**own, "terminal_observation": info["final_obs"][lane], "episode": episode}
            self._returns[over], self._steps[over] = 0.0, 0
        for lane in np.nonzero(over | info.get("new_trial", over))[0].tolist():
            own = infos[lane]
            self._trials[lane] += 1
            self._right[lane] += own["performance"] >= 1
            if over[lane] or self.carry == "trial":
                done[lane] = True
                own.setdefault("terminal_observation", ob[lane].copy())
                own["TimeLimit.truncated"] = True
                own["is_success"] = float(self._right[lane] / self._trials[lane])
                self._trials[lane] = self._right[lane] = 0
        return ob, self.last_rewards.astype(np.float32), done, infos

    def close(self) -> None:
        """Close the task and its wrappers."""
        self.lanes.close()

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

        from ngym_core.sampling import layers

        wrapped = wrapper_class is Monitor or any(isinstance(layer, wrapper_class) for layer in layers(self.lanes.env))
        return [wrapped] * len(list(self._get_indices(indices)))


def lanes_of(env: Any, wanted_by: str) -> NgymVecEnv:
    """Find the lanes of ngym in a vector env, which wrappers of Stable-Baselines3 may surround.

    Raises:
        TypeError: There are none.
    """
    inner = env.unwrapped if isinstance(env, VecEnv) else env
    if not isinstance(inner, NgymVecEnv):
        raise TypeError(f"{wanted_by} needs the env of make_sb3_env, or a task's id, not {type(inner).__name__}.")
    return inner


def task_of(env: VecEnv) -> ngym.TrialEnv:
    """Find the task in a vector env, be it lanes of ngym or single envs.

    Raises:
        TypeError: There is none.
    """
    inner = env.unwrapped
    task = inner.lanes.task if isinstance(inner, NgymVecEnv) else inner.get_attr("unwrapped")[0]
    if not isinstance(task, ngym.TrialEnv):
        raise TypeError(f"{task} is no task of ngym: it reports no trials.")
    return task


def _of_lanes(info: dict[str, Any], lanes: Array) -> list[dict[str, Any]]:
    """What the info of all lanes says about some of them (indices), one dictionary for each."""
    owns: list[dict[str, Any]] = [{} for _ in lanes]
    for key, value in info.items() if len(lanes) else ():
        if key.startswith("_") or key in ("final_obs", "final_info"):
            continue
        if isinstance(value, dict):
            values: Any = _of_lanes(value, lanes)
        else:
            values = value[lanes].tolist() if value.ndim == 1 and value.dtype != object else value[lanes]
        for own, has, one in zip(owns, info[f"_{key}"][lanes].tolist(), values, strict=True):
            if has:
                own[key] = one
    return owns

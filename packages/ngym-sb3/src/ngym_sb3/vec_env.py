"""Vector environment for Stable-Baselines3 around `ngym_core.TrialVectorEnv`."""

from __future__ import annotations

import copy
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Literal, TypeAlias

import gymnasium
import numpy as np
from gymnasium.vector import AutoresetMode
from numpy.typing import NDArray
from stable_baselines3.common.vec_env import VecEnv, VecEnvWrapper, VecMonitor, VecNormalize, VecVideoRecorder

import ngym_core as ngym
from ngym_core.arguments import Count, Integer, Keywords, Seed, check_attributes, checked, explained, shown
from ngym_core.errors import unknown_name
from ngym_core.plain_data import decode, encode
from ngym_core.sampling import layers, silent_copy
from ngym_core.state import describe_stack, open_state, seal_state
from ngym_core.wrappers import FixConditions
from ngym_core.wrappers.modifiers import short_name
from ngym_sb3.lane_infos import LaneInfos, StepEnds, split_info

__all__ = [
    "Carry",
    "EpisodeEnd",
    "NgymVecEnv",
    "evaluation_env",
    "get_task",
    "make_sb3_env",
    "normalizers",
    "unwrap_vec_env",
]

Array: TypeAlias = NDArray[Any]
Indices: TypeAlias = int | Iterable[int] | None

Carry: TypeAlias = Literal["episode", "trial"]
"""How long a recurrent agent keeps its state."""
EpisodeEnd: TypeAlias = Literal["truncated", "terminal"]
"""Whether the value of what follows is added where "done" is set."""
COUNTS = ("last_rewards", "_episode_rewards", "_episode_steps", "_trials", "_full_performances")
"""Attributes that count over episodes and trials, (N,) each."""


@checked
def make_sb3_env(
    task: str | gymnasium.Env[Any, Any],
    n_envs: Count = 1,
    *,
    wrappers: Sequence[Any] = (),
    trials_per_episode: Count = 1,
    carry: Carry = "episode",
    episode_end: EpisodeEnd = "truncated",
    seed: Seed = None,
    conditions: Keywords | None = None,
    **kwargs: Any,
) -> NgymVecEnv:
    """Make a vector env of N lanes of a task for Stable-Baselines3.

    Args:
        task: Task id, or an env with its wrappers.
        n_envs: Number of lanes, N.
        wrappers: Wrappers of the task, by name or class, see `ngym_core.make`.
        trials_per_episode: Trials in an episode, over which its reward and success rate are counted.
        carry: How long a recurrent agent keeps its state: for an ``episode``, or only for a ``trial`` even where an
            episode has several. Training, `evaluate_policy` and `record_activity` all follow it.
        episode_end: What an agent reckons with where an episode ends (with ``carry="trial"``, a trial). ``truncated``: with
            the next one, so it is best to earn much in little time, which where quick guesses earn more in a second is to
            guess. ``terminal``: with nothing, so each episode counts for itself; right for reaction times and wagers.
        seed: Seed of the first lane; lane i has seed + i.
        conditions: Conditions of all trials, name -> a value, or a list of values one of which is drawn for each trial, see
            `ngym_core.wrappers.FixConditions`.
        **kwargs: Parameters of the task.

    Returns:
        The vector env.

    Raises:
        UnknownTaskError: There is no such task.
        UnknownNameError: There is no such wrapper, or condition.
        ValueError: Fewer than one lane, fewer than one trial in an episode, or another `carry` or `episode_end`.
        TypeError: Wrappers or parameters beside an env, which has them already, or an env that is no task of ngym.

    Example:
        >>> import numpy as np
        >>> from ngym_sb3 import make_sb3_env
        >>> env = make_sb3_env("PerceptualDecisionMaking-v0", n_envs=4, seed=0)
        >>> env.reset().shape
        (4, 3)
        >>> observations, rewards, dones, infos = env.step(np.zeros(4, int))
        >>> infos[0]
        {'new_trial': False, 'gt': 0}
    """
    if isinstance(task, str):
        fixed = [("FixConditions", {"conditions": conditions})] if conditions else []
        task = ngym.make(task, wrappers=[*wrappers, *fixed], **kwargs)
    elif wrappers or kwargs:
        raise TypeError(f"{task} is an env already; wrappers and {sorted(kwargs)} can be given with a task id only.")
    elif not isinstance(getattr(task, "unwrapped", None), ngym.TrialEnv):
        raise TypeError(f"task={shown(task)} must be the id of a task, or a task of ngym (a TrialEnv) with its wrappers.")
    elif conditions:
        task = FixConditions(task, conditions)
    # Stable-Baselines3 resets in the step that ends an episode, and expects the new episode's first observation from it.
    vector_env = ngym.TrialVectorEnv(task, n_envs, autoreset_mode=AutoresetMode.SAME_STEP)
    env = NgymVecEnv(vector_env, trials_per_episode=trials_per_episode, carry=carry, episode_end=episode_end)
    if seed is not None:
        env.seed(seed)
    return env


class NgymVecEnv(VecEnv):
    """Vector env of Stable-Baselines3 that steps all N lanes of a task at once; `make_sb3_env` makes one.

    Stable-Baselines3 has one flag, "done", and restarts a recurrent agent's state where it is set. Here that is where an
    episode ends or, with ``carry="trial"``, where any trial ends. The info of a lane holds

    * at every step: `new_trial` (whether a trial ended) and `gt` (the ground truth of the step);
    * where a trial ended: `performance`, `ended_trial` (its conditions) and `trial` (those of the next one);
    * where "done" is set: `terminal_observation`, `TimeLimit.truncated` (true unless the task itself terminated the episode,
      or `episode_end` is ``terminal``) and `is_success` (share of trials with full performance since "done" was last set);
    * where an episode ended: `episode` with its reward `r`, length `l` in steps, and time `t` in seconds since the env
      was made.

    From these Stable-Baselines3 logs ``rollout/ep_rew_mean`` and ``rollout/success_rate``.

    Args:
        vector_env: The lanes, in autoreset mode ``SAME_STEP``.
        trials_per_episode: Trials in an episode.
        carry: How long a recurrent agent keeps its state: for an ``episode`` or for a ``trial``.
        episode_end: Whether the value of what follows is added where "done" is set, see `make_sb3_env`.

    Attributes:
        vector_env: The lanes.
        carry: How long a recurrent agent keeps its state.
        episode_end: Whether the value of what follows is added where "done" is set.
        last_rewards: Rewards of the last step as the task gave them, (N,) float64.

    Raises:
        ValueError: Another autoreset mode, fewer than one trial in an episode, or another `carry` or `episode_end`.

    Example:
        >>> import ngym_core as ngym
        >>> import numpy as np
        >>> from ngym_sb3 import NgymVecEnv
        >>> vector_env = ngym.make_vec("PerceptualDecisionMaking-v0", 2, autoreset_mode="SameStep")
        >>> env = NgymVecEnv(vector_env, trials_per_episode=10, carry="trial")
        >>> observations = env.reset()
        >>> for _ in range(22):  # a trial of 2.2 s in steps of 100 ms
        ...     observations, rewards, dones, infos = env.step(np.zeros(2, int))
        >>> dones.tolist(), infos[0]["performance"], infos[0]["TimeLimit.truncated"]
        ([True, True], 0.0, True)
    """

    @checked
    def __init__(
        self,
        vector_env: ngym.TrialVectorEnv,
        *,
        trials_per_episode: Count = 1,
        carry: Carry = "episode",
        episode_end: EpisodeEnd = "truncated",
    ) -> None:
        if vector_env.autoreset_mode != AutoresetMode.SAME_STEP:
            raise ValueError(f"NgymVecEnv needs a vector env with AutoresetMode.SAME_STEP, not {vector_env.autoreset_mode}.")
        self.vector_env = vector_env
        self.carry: Carry = carry
        self.episode_end: EpisodeEnd = episode_end
        self.render_mode = vector_env.render_mode
        vector_env.trials_per_episode = trials_per_episode
        super().__init__(vector_env.num_envs, vector_env.single_observation_space, vector_env.single_action_space)
        self.metadata = vector_env.metadata
        n = vector_env.num_envs
        self.last_rewards = np.zeros(n)
        self._actions: Array = np.zeros(0)
        # Since the last end of an episode:
        self._episode_rewards, self._episode_steps = np.zeros(n), np.zeros(n, int)
        # Since "done" was last set, which with carry="trial" is more often:
        self._trials, self._full_performances = np.zeros(n, int), np.zeros(n, int)
        self._created_at = time.time()

    @property
    def task_name(self) -> str:
        """Name of the task with its modifiers, see `ngym_core.wrappers.modifiers.short_name`."""
        return short_name(self.vector_env.env)

    @property
    def trials_per_episode(self) -> int:
        """Trials in an episode."""
        return self.vector_env.trials_per_episode

    def reset(self) -> Array:
        """Begin an episode in all lanes and return the observations, (N, *observation shape).

        ``set_options({"conditions": {...}})`` before it forces conditions of the first trials, see `TrialVectorEnv.reset`.
        """
        # `seed` of VecEnv keeps one seed per lane for the next reset; without it the lanes' streams continue.
        seeds = self._seeds if any(s is not None for s in self._seeds) else None
        options = [dict(lane_options) for lane_options in self._options]
        if any(lane_options != options[0] for lane_options in options):
            raise ValueError("The lanes are reset together: set_options must give all the same options.")
        observations, info = self.vector_env.reset(seed=seeds, options=options[0] or None)
        self.reset_infos = split_info(info, np.arange(self.num_envs))
        self._reset_seeds()
        self._reset_options()
        for count in (self._episode_rewards, self._episode_steps, self._trials, self._full_performances):
            count[:] = 0
        return observations

    def step_async(self, actions: Array) -> None:
        """Store the actions for `step_wait`, (N,) or (N, *action shape)."""
        self._actions = np.asarray(actions)

    def step_wait(self) -> tuple[Array, Array, Array, LaneInfos]:
        """Take one step in all lanes.

        Returns:
            Observations (N, *observation shape), rewards (N,) float32, "done" (N,) bool (where the state of a recurrent
            agent restarts), and one info for each lane, in a list that makes them when it is read.

        Raises:
            gymnasium.error.InvalidAction: Actions of another shape or outside the space; no lane has moved.
        """
        taken = self.vector_env.step_lanes(self._actions)
        self.last_rewards, info, ended = taken.reward, taken.info, taken.restarted
        self._episode_rewards += taken.reward
        self._episode_steps += 1
        trial_ended: Array = info["new_trial"]
        done = taken.terminated | taken.truncated
        if self.carry == "trial":
            done |= trial_ended
        with_end = (trial_ended | done).nonzero()[0]
        if not len(with_end):
            none = with_end
            ends = StepEnds(info, none, none, none, none, 0.0, none, none, none, none)
        else:
            trials = trial_ended.nonzero()[0]
            self._trials[trials] += 1
            self._full_performances[trials] += info["performance"][trials].astype(float) >= 1
            at = done.nonzero()[0]
            # A copy, since the returned array is the caller's to change; where only the trial ended, nothing was reset.
            last = taken.last_observations if len(at) == len(ended) else taken.observations[at]
            last[np.searchsorted(at, ended)] = taken.last_observations
            ends = StepEnds(
                info,
                with_end,
                ended,
                self._episode_rewards[ended],
                self._episode_steps[ended],
                round(time.time() - self._created_at, 6),
                at,
                last,
                ~taken.terminated[at] & (self.episode_end == "truncated"),
                self._full_performances[at] / np.maximum(1, self._trials[at]),
            )
            self._episode_rewards[ended], self._episode_steps[ended] = 0.0, 0
            self._trials[at] = self._full_performances[at] = 0
        return taken.observations, taken.reward.astype(np.float32), done, LaneInfos(ends)

    @contextmanager
    def conditions_fixed(self, conditions: Mapping[str, Any] | None) -> Iterator[NgymVecEnv]:
        """Within ``with``, the env plays other lanes of the same task, in which conditions are fixed; then it goes on.

        Args:
            conditions: Name -> a value, or a list of values one of which is drawn for each trial; none leave all as it is.

        Returns:
            The same env, which has to be reset.

        Raises:
            UnknownNameError: A condition that the task does not have.
            ValueError: A value that the condition cannot have.

        Example:
            >>> from ngym_sb3 import make_sb3_env
            >>> env = make_sb3_env("PerceptualDecisionMaking-v0", n_envs=2)
            >>> with env.conditions_fixed({"coh": 12.8}):
            ...     observations = env.reset()
            ...     env.reset_infos[0]["trial"]["coh"]
            12.8
        """
        if not conditions:
            yield self
            return
        # What is counted, and what `seed` and `set_options` have left for the next reset.
        kept = {name: value.copy() if isinstance(value, np.ndarray) else value for name, value in vars(self).items()}
        own = self.vector_env
        fixed = FixConditions(silent_copy(own.env), conditions)
        self.vector_env = ngym.TrialVectorEnv(fixed, self.num_envs, autoreset_mode=AutoresetMode.SAME_STEP)
        self.vector_env.trials_per_episode, self.vector_env.max_episode_steps = own.trials_per_episode, own.max_episode_steps
        self._reset_options()  # which may force other conditions
        try:
            yield self
        finally:
            vars(self).update(kept)

    def get_images(self) -> Sequence[NDArray[np.uint8] | None]:
        """Return an image of the trial so far of each lane, see `ngym_core.TrialEnv.render`; `render` tiles them.

        Returns:
            N times (H, W, 3) uint8; None for each lane without a `render_mode`.
        """
        return self.vector_env.render() or [None] * self.num_envs

    def close(self) -> None:
        """Close the task and its wrappers."""
        self.vector_env.close()

    def get_state(self) -> dict[str, Any]:
        """Return what the env will do next, as plain data, see `ngym_core.state`.

        Example:
            >>> import numpy as np
            >>> from ngym_sb3 import make_sb3_env
            >>> env = make_sb3_env("PerceptualDecisionMaking-v0", n_envs=2, seed=0)
            >>> _ = env.reset()
            >>> state = env.get_state()
            >>> first = env.step(np.zeros(2, int))[0]
            >>> env.set_state(state)
            >>> (env.step(np.zeros(2, int))[0] == first).all().item()
            True
        """
        content = {"lanes": self.vector_env.get_state(), "seeds": encode(self._seeds)}
        return seal_state("sb3 env", self._described(), {**content, **{name: getattr(self, name).copy() for name in COUNTS}})

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Go on from a state.

        Args:
            state: What `get_state` returned, of an env with the same task, wrappers, parameters and lanes.

        Raises:
            StateError: A damaged state, or one of another env. Nothing is changed then.
        """
        content = open_state("sb3 env", self._described(), state)
        self.vector_env.set_state(content["lanes"])
        self._seeds = decode(content["seeds"])
        for name in COUNTS:
            getattr(self, name)[:] = content[name]

    def _described(self) -> dict[str, Any]:
        """Return what a state must agree in with this env."""
        described = describe_stack(self.vector_env.env)
        return {**described, "number": self.num_envs, "episodes": [self.trials_per_episode, self.carry, self.episode_end]}

    @explained
    def get_attr(self, attr_name: str, indices: Indices = None) -> list[Any]:
        """Return an attribute of the vector env, of a wrapper or of the task, once for each lane."""
        holders = (self, self.vector_env, self.vector_env.env)
        holder = next((holder for holder in holders if hasattr(holder, attr_name)), self.vector_env.task)
        return [getattr(holder, attr_name)] * len(list(self._get_indices(indices)))

    @explained
    def set_attr(self, attr_name: str, value: Any, indices: Indices = None) -> None:
        """Set an attribute of a wrapper or of the task, which all lanes share. It counts from each lane's next trial on.

        Raises:
            ValueError: Indices of some lanes only, or a space.
            UnknownNameError: An attribute that none of them has.
        """
        if indices is not None and len(list(self._get_indices(indices))) != self.num_envs:
            raise ValueError("All lanes share one task: an attribute is set for all of them (indices=None) or for none.")
        if attr_name in ("observation_space", "action_space"):
            raise ValueError(f"The {attr_name} of lanes that were made cannot be changed; make a new env.")
        if attr_name == "trials_per_episode":
            Integer(1).check(attr_name, value)
            self.vector_env.trials_per_episode = value
            return
        found = layers(self.vector_env.env)
        names = [
            {*vars(layer), *(n for n in dir(type(layer)) if not callable(getattr(type(layer), n, None)))} for layer in found
        ]
        # The outermost layer that has the attribute itself: wrappers only read those of what they wrap.
        holder = next((layer for layer, own in zip(found, names, strict=True) if attr_name in own), None)
        if holder is None:
            valid = {name for own in names for name in own if not name.startswith("_")}
            raise unknown_name(f"attribute of {self.vector_env.env}", attr_name, valid)
        setattr(holder, attr_name, value)

    @explained
    def env_method(self, method_name: str, *args: Any, indices: Indices = None, **kwargs: Any) -> list[Any]:
        """Call a method of the task (or of a wrapper), once for each lane."""
        return [getattr(self.vector_env.env, method_name)(*args, **kwargs) for _ in self._get_indices(indices)]

    @explained
    def env_is_wrapped(
        self, wrapper_class: type[gymnasium.Wrapper[Any, Any, Any, Any]], indices: Indices = None
    ) -> list[bool]:
        """Return for each lane whether the task has a wrapper; always true for Stable-Baselines3's `Monitor`."""
        from stable_baselines3.common.monitor import Monitor

        # Stable-Baselines3 warns where Monitor is missing, but the infos here have its episode statistics already.
        wrapped = wrapper_class is Monitor or any(isinstance(layer, wrapper_class) for layer in layers(self.vector_env.env))
        return [wrapped] * len(list(self._get_indices(indices)))


check_attributes(NgymVecEnv)


def unwrap_vec_env(env: Any, caller: str) -> NgymVecEnv:
    """Return the `NgymVecEnv` inside the wrappers of Stable-Baselines3.

    Args:
        env: The vector env, with or without wrappers.
        caller: What needs it, for the error message.

    Raises:
        TypeError: There is none.
    """
    innermost = env.unwrapped if isinstance(env, VecEnv) else env
    if not isinstance(innermost, NgymVecEnv):
        raise TypeError(f"{caller} needs an env made by make_sb3_env, not {type(innermost).__name__}.")
    return innermost


@contextmanager
def evaluation_env(env: Any, conditions: Mapping[str, Any] | None, caller: str) -> Iterator[Any]:
    """Within ``with``, give an env to evaluate an agent in, in which no `VecNormalize` trains its statistics.

    Args:
        env: The vector env of `make_sb3_env`, with or without wrappers.
        conditions: Conditions to fix, see `NgymVecEnv.conditions_fixed`; the env and its wrappers then stay as they are.
        caller: What needs it, for error messages.

    Returns:
        The env itself, or, where conditions are fixed, one in copies of its wrappers.

    Raises:
        TypeError: `make_sb3_env` did not make it, or conditions are to be fixed and a wrapper cannot be copied.
        UnknownNameError: A condition that the task does not have.
        ValueError: A value that the condition cannot have.
    """
    with unwrap_vec_env(env, caller).conditions_fixed(conditions):
        played = _copy_wrappers(env, {}) if conditions else env
        trained = [layer for layer in normalizers(played) if layer.training]
        for layer in trained:
            layer.training = False
        try:
            yield played
        finally:
            for layer in trained:
                layer.training = True


def normalizers(env: VecEnv) -> list[VecNormalize]:
    """Return the `VecNormalize` wrappers of an env, the outermost first."""
    found = []
    while isinstance(env, VecEnvWrapper):
        if isinstance(env, VecNormalize):
            found.append(env)
        env = env.venv
    return found


def _copy_wrappers(env: VecEnv, memo: dict[int, Any]) -> Any:
    """Return copies of the wrappers of an env around the innermost one, without those that record to files.

    Args:
        env: The env.
        memo: Copies by the identity of what was copied, see `copy.deepcopy`.
    """
    if not isinstance(env, VecEnvWrapper):
        return memo.setdefault(id(env), env)
    inside = _copy_wrappers(env.venv, memo)
    if isinstance(env, (VecMonitor, VecVideoRecorder)):
        return memo.setdefault(id(env), inside)
    copied = memo[id(env)] = object.__new__(type(env))
    memo[id(env.class_attributes)] = env.class_attributes
    for name, value in vars(env).items():
        try:
            vars(copied)[name] = copy.deepcopy(value, memo)
        except TypeError as error:
            raise TypeError(
                f"Conditions are fixed in copies of the wrappers, and `{name}` of {type(env).__name__} cannot be copied "
                f"({error}); give them to make_sb3_env (conditions=...)."
            ) from error
    return copied


@explained
def get_task(env: VecEnv) -> ngym.TrialEnv:
    """Return the task of a vector env, be it an `NgymVecEnv` or Stable-Baselines3's own around single envs.

    Raises:
        TypeError: There is none.
    """
    innermost = env.unwrapped
    task = innermost.vector_env.task if isinstance(innermost, NgymVecEnv) else innermost.get_attr("unwrapped")[0]
    if not isinstance(task, ngym.TrialEnv):
        raise TypeError(f"{task} is not a task of ngym (a TrialEnv), so it reports no trials.")
    return task

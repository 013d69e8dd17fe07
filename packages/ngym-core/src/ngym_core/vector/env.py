"""TrialVectorEnv: N lanes of one task, array in, array out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import gymnasium.error
import numpy as np
from gymnasium import spaces
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from ngym_core.vector.backends import Backend, LoopBackend, RuleBackend, can_step_by_rule, split_wrappers
from ngym_core.wrappers.base import StepBatch

__all__ = ["TrialVectorEnv"]

Array: TypeAlias = NDArray[Any]
Info: TypeAlias = dict[str, Any]

MEMORY = 64 * 2**20
"""Bytes that trials drawn ahead may take, over all lanes."""


class TrialVectorEnv(VectorEnv[Any, Any, Any]):
    """N lanes of one task.

    Lane i after ``reset(seed=s)`` plays what the single env plays after ``reset(seed=s + i)``. A step is
    a fixed number of array operations, whatever N is; tasks with a `_step` of their own, and those in
    NeuroGym's style, are stepped one lane after another instead. Rewards are (N,) float64; `info` holds
    (N,) arrays with masks under the same name with an underscore, as Gymnasium's own vector envs do.

    Args:
        env: The task with its trial wrappers. It serves all lanes and is not to be stepped itself.
        num_envs: N.
        autoreset_mode: What happens after an episode's end (`num_trials_before_reset` trials).
        memory: Bytes that trials drawn ahead may take, over all lanes.

    Raises:
        ValueError: Less than one lane.
    """

    def __init__(
        self,
        env: Any,
        num_envs: int,
        *,
        autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP,
        memory: int = MEMORY,
    ) -> None:
        if num_envs < 1:
            raise ValueError(f"num_envs={num_envs!r} must be an integer from 1.")
        self.env = env
        self.task = env.unwrapped
        self.spec = self.task.spec
        self.num_envs = num_envs
        self.single_observation_space = env.observation_space
        self.single_action_space = env.action_space
        self.observation_space = batch_space(env.observation_space, num_envs)
        self.action_space = batch_space(env.action_space, num_envs)
        self._n_actions = np.full(num_envs, getattr(env.action_space, "n", 0), np.uint64)
        self.autoreset_mode = AutoresetMode(autoreset_mode)
        self.metadata = {**self.task.metadata, "autoreset_mode": self.autoreset_mode}
        self.trials_per_episode: int = self.task.num_tr_exp
        self.lanes: Backend = (
            RuleBackend(env, num_envs, memory) if can_step_by_rule(env) else LoopBackend(env, num_envs, self._add_info)
        )
        self._wrappers = [(w, w.init_memory(num_envs)) for w in split_wrappers(env)[0] if w._changes_steps]
        self._can_hold = any(w._pauses for w, _ in self._wrappers)
        self._last: dict[int, Array] = {}
        self._most_trials = 1  # no lane has begun more in its episode
        self._over = np.zeros(num_envs, bool)
        self._started = np.zeros(num_envs, bool)
        self._all_started = False

    def reset(
        self, *, seed: int | Sequence[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Array, Info]:
        """Begin an episode in all lanes, or in those of ``options["reset_mask"]``.

        Args:
            seed: An integer s seeds lane i with s + i; a list has one seed for each lane.
            options: ``reset_mask``, (N,) bool: the lanes to reset.

        Returns:
            Observations (N, *observation shape), and `info` with the conditions of the trials.

        Raises:
            ValueError: Not one seed for each lane, or a mask of another shape or without any lane.
            TypeError: A mask that is no boolean array.
        """
        mask = self._mask(options)
        seeds = [None] * self.num_envs if seed is None else seed
        if isinstance(seeds, (int, np.integer)):
            seeds = [int(seeds) + i for i in range(self.num_envs)]
        if len(seeds) != self.num_envs:
            raise ValueError(f"There are {len(seeds)} seeds for {self.num_envs} lanes.")
        if seed is not None:
            super().reset(seed=seeds[0])
        lanes = np.nonzero(mask)[0]
        for lane in lanes.tolist():
            if seeds[lane] is not None:
                self.lanes.seed(lane, seeds[lane])
                self._over[lane] = False
            if seeds[lane] is not None or not self._started[lane]:
                for wrapper, memory in self._wrappers:
                    wrapper.seed_memory(memory, lane, wrapper.own_draws(self.lanes.draws(lane)))
        self.lanes.begin(lanes[~self._over[lanes]])
        self.lanes.num_tr[lanes] = 1
        self._over[lanes] = False
        self._started[lanes] = True
        self._all_started = bool(self._started.all())
        ob = self.lanes.observe()
        return self._begun(ob, ob, lanes), self.lanes.conditions(lanes)

    def step(self, actions: Any) -> tuple[Array, Array, Array, Array, Info]:
        """Take one step in all lanes.

        Args:
            actions: (N,) integers, or (N, *action shape) numbers.

        Returns:
            Observations (N, *observation shape), rewards (N,), `terminated` (N,), `truncated` (N,) and
            `info`: see `TrialEnv.step`.

        Raises:
            gymnasium.error.ResetNeeded: A lane that was not reset, or whose episode is over and that
                does not reset by itself.
            gymnasium.error.InvalidAction: Actions of another shape or outside the space.
        """
        actions = self._checked(actions)
        over = self._over
        waiting = np.count_nonzero(over)
        if not self._all_started or (waiting and self.autoreset_mode == AutoresetMode.DISABLED):
            which = np.nonzero(~self._started | over)[0].tolist()
            raise gymnasium.error.ResetNeeded(f"Reset the lanes {which} before stepping them.")
        holders = self._holders()
        still = over if holders is None else over | (holders > 0)
        reward, ends, info = self.lanes.step(actions, still if waiting or holders is not None else None)
        truncated = np.zeros(self.num_envs, bool)
        if np.count_nonzero(ends):
            if self._most_trials >= self.trials_per_episode:
                truncated = ends & (self.lanes.num_tr >= self.trials_per_episode)
                self._most_trials = int(self.lanes.num_tr.max())
            self.lanes.num_tr += ends
            self._most_trials += 1
        seen = self.lanes.observe()
        everywhere = ~over
        ob = self._changed(seen, reward, actions, info, ends, np.nonzero(everywhere)[0], holders) if self._wrappers else seen
        if waiting < self.num_envs:
            info["_new_trial"] = info["_gt"] = everywhere
        else:
            info = {}
        if waiting:
            waited = np.nonzero(over)[0]
            ob = self._begun_again(ob, seen, waited)
            info = self._merge(info, self.lanes.conditions(waited))
            self.lanes.num_tr[over] = 1
        self._over = truncated
        if self.autoreset_mode == AutoresetMode.SAME_STEP and np.count_nonzero(truncated):
            info = self._final(info, ob, truncated)
            ob = self._begun_again(ob, seen, np.nonzero(truncated)[0])
            self.lanes.num_tr[truncated] = 1
            self._over = np.zeros(self.num_envs, bool)
        return ob, reward, np.zeros(self.num_envs, bool), truncated.copy(), info

    def close_extras(self, **kwargs: Any) -> None:
        """Close the env and its wrappers."""
        self.env.close()

    def _holders(self) -> Array | None:
        """The outermost wrapper that holds each lane, counted from 1; 0 where none does, (N,). None: no wrapper holds."""
        if not self._can_hold:
            return None
        holders = np.zeros(self.num_envs, int)
        for place, (wrapper, memory) in enumerate(self._wrappers, 1):
            if wrapper._pauses:
                holders[wrapper.paused(memory)] = place
        return holders

    def _changed(
        self, seen: Array, reward: Array, actions: Array, info: Info, ends: Array, lanes: Array, holders: Array | None
    ) -> Array:
        """Let the wrappers change a step of some lanes: rewards and info in place; gives the observations."""
        if not len(lanes):
            return seen
        if holders is None:
            holders = np.zeros(self.num_envs, int)
        performance = info.get("performance", np.zeros(self.num_envs))[lanes]
        batch = StepBatch(lanes, seen[lanes], reward[lanes], actions[lanes], info["gt"][lanes], ends[lanes], performance)
        batch.conditions = _of_some(info.get("ended_trial", {}), ends)
        batch.conditions = {name: column[lanes] for name, column in batch.conditions.items()}
        self._pass_on(batch, holders[lanes])
        reward[lanes] = batch.reward
        for name, values in batch.info.items():
            said = np.zeros(self.num_envs, bool)
            said[lanes] = ~np.isnan(values)
            if said.any():
                info[name], info[f"_{name}"] = np.zeros(self.num_envs, values.dtype), said
                info[name][said] = values[~np.isnan(values)]
        return self._put(np.zeros(self.observation_space.shape or (), batch.ob.dtype), batch)

    def _pass_on(self, batch: StepBatch, holders: Array) -> None:
        """Pass a batch from the inner wrappers to the outer ones; what is inside of a holder does not see its lanes."""
        for place, (wrapper, memory) in enumerate(self._wrappers, 1):
            shape = wrapper.env.observation_space.shape or ()
            if batch.ob.shape[1:] != shape:
                batch.ob = np.zeros((len(batch.lanes), *shape), batch.ob.dtype)
            if wrapper._pauses:
                last = self._last.setdefault(place, np.zeros((self.num_envs, *shape), batch.ob.dtype))
                held = holders == place
                batch.ob[held] = last[batch.lanes[held]]
                last[batch.lanes] = batch.ob
            sees = holders <= place
            part = batch if sees.all() else batch.select(sees)
            if sees.any():
                wrapper.on_step(memory, part)
            if part is not batch:
                batch.update(part, sees)

    def _begun(self, ob: Array, seen: Array, lanes: Array) -> Array:
        """Let the wrappers change the first observations of episodes in some lanes."""
        if not self._wrappers:
            return ob
        batch = StepBatch.at_reset(lanes, seen[lanes])
        self._pass_on(batch, np.zeros(len(lanes), int))
        shape = self.observation_space.shape or ()
        return self._put(ob if ob.shape == shape else np.zeros(shape, batch.ob.dtype), batch)

    def _begun_again(self, ob: Array, seen: Array, lanes: Array) -> Array:
        """Begin episodes in some lanes with the trials that have begun there already."""
        first = self.lanes.begin_episode(lanes)
        if first is not None:
            seen[lanes] = first
        return self._begun(ob, seen, lanes)

    @staticmethod
    def _put(ob: Array, batch: StepBatch) -> Array:
        ob[batch.lanes] = batch.ob
        return ob

    def _final(self, info: Info, ob: Array, over: Array) -> Info:
        """Move the info of finished lanes to `final_info`, as Gymnasium does where lanes reset in the same step."""
        final_ob = np.full(self.num_envs, None, object)
        for lane in np.nonzero(over)[0]:
            final_ob[lane] = ob[lane].copy()
        final_info, rest = _split(info, over)
        rest = self._merge(rest, self.lanes.conditions(np.nonzero(over)[0]))
        extra = {"final_obs": final_ob, "_final_obs": over.copy(), "final_info": final_info, "_final_info": over.copy()}
        return {**rest, **extra}

    def _merge(self, info: Info, other: Info) -> Info:
        """Join infos that different lanes have."""
        for key, value in other.items():
            if key not in info:
                info[key] = value
            elif isinstance(value, dict):
                info[key] = self._merge(info[key], value)
            elif key.startswith("_"):
                info[key] = info[key] | value
            else:
                mask = other[f"_{key}"]
                info[key][mask] = value[mask]
        return info

    def _mask(self, options: dict[str, Any] | None) -> Array:
        mask = (options or {}).get("reset_mask")
        if mask is None:
            return np.ones(self.num_envs, bool)
        if not isinstance(mask, np.ndarray) or mask.dtype != np.bool_:
            raise TypeError(f"options['reset_mask'] must be an array of booleans, not {mask!r}.")
        if mask.shape != (self.num_envs,) or not mask.any():
            raise ValueError(f"options['reset_mask'] must be ({self.num_envs},) with at least one lane, not {mask!r}.")
        return mask

    def _checked(self, given: Any) -> Array:
        space: Any = self.single_action_space
        actions: Array = np.asarray(given)
        if isinstance(space, spaces.Discrete):
            if actions.shape == (self.num_envs,) and actions.dtype.kind in "iu":
                counted = (actions - space.start if space.start else actions).astype(np.int64, copy=False).view(np.uint64)
                if not np.count_nonzero(counted >= self._n_actions):  # a negative action counts as a very large one
                    return actions
        elif actions.shape == (self.num_envs, *space.shape) and actions.dtype.kind in "fiu":
            return actions.astype(space.dtype, copy=False)
        raise gymnasium.error.InvalidAction(
            f"Actions must be ({self.num_envs},) elements of {space}, not an array of shape {actions.shape} and type "
            f"{actions.dtype}"
            + (f" from {actions.min()} to {actions.max()}." if actions.size and actions.dtype.kind in "iuf" else ".")
        )


def _of_some(entry: Info, lanes: Array) -> dict[str, Array]:
    """An entry of `info` that some lanes have, as (N, ...) columns; None in those of the lanes that lack a name."""
    columns: dict[str, Array] = {}
    for name, column in entry.items():
        if name.startswith("_"):
            continue
        lacking = lanes & ~entry[f"_{name}"]
        if lacking.any():
            column = column.astype(object)
            column[lacking] = None
        columns[name] = column
    return columns


def _split(info: Info, over: Array) -> tuple[Info, Info]:
    """Split info into that of lanes whose episode is over and that of the others."""
    final: Info = {}
    rest: Info = {}
    for key, value in info.items():
        if key.startswith("_"):
            continue
        mask = info.get(f"_{key}", over | True)
        lanes, others = mask & over, mask > over
        for part, mine, other in ((final, lanes, others), (rest, others, lanes)):
            if np.count_nonzero(mine):
                part[key] = _only(value, mine) if np.count_nonzero(other) else value
                part[f"_{key}"] = mine
    return final, rest


def _only(value: Any, lanes: Array) -> Any:
    """What some lanes have of an entry of info; nothing, 0 or None, in the others."""
    if isinstance(value, dict):
        return _split(value, lanes)[0]
    some = np.zeros_like(value) if value.dtype != object else np.full(value.shape, None, object)
    some[lanes] = value[lanes]
    return some

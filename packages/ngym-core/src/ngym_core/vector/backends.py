"""N lanes of one task: by arrays where a rule evaluates them all, by a loop where a task steps by itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ngym_core.env import TrialEnv
from ngym_core.random import Draws
from ngym_core.sampling import IsolatedState, is_one_at_a_time, tasks_of
from ngym_core.vector.prefetch import Prefetcher
from ngym_core.wrappers.base import TrialWrapper

__all__ = ["Backend", "LoopBackend", "RuleBackend", "can_step_by_rule"]

Array: TypeAlias = NDArray[Any]
Info: TypeAlias = dict[str, Any]


def can_step_by_rule(env: Any) -> bool:
    """Whether N lanes of this env can be stepped by arrays: its steps are those of a rule, its trials come ahead."""
    inner, task = split_wrappers(env)[1], type(env.unwrapped)
    plain = task._step is TrialEnv._step and task.post_step is TrialEnv.post_step and task.can_prefetch
    return plain and inner is env.unwrapped and not is_one_at_a_time(env)


def split_wrappers(env: Any) -> tuple[list[Any], Any]:
    """Give the outer wrappers that do all they do for many lanes at once, the innermost first, and what they wrap."""
    outer: list[Any] = []
    while _changes_lanes(env):
        outer.insert(0, env)
        env = env.env
    return outer, env


def _changes_lanes(env: Any) -> bool:
    kind = type(env)
    ours = isinstance(env, TrialWrapper) and kind.step is TrialWrapper.step and kind.reset is TrialWrapper.reset
    return ours and kind._generate is TrialWrapper._generate


class Backend:
    """N lanes of one task.

    Args:
        env: The task with its trial wrappers.
        n: Number of lanes.

    Attributes:
        num_tr: Trials begun in this episode, (n,).
    """

    def __init__(self, env: Any, n: int) -> None:
        self.env, self.n = env, n
        self.task: TrialEnv = env.unwrapped
        self.num_tr = np.zeros(n, np.int64)

    def seed(self, lane: int, seed: int | None) -> None:
        """Restart a lane's randomness; the lane must begin a trial next."""
        raise NotImplementedError

    def draws(self, lane: int) -> Draws:
        """Give a lane's randomness."""
        raise NotImplementedError

    def begin(self, lanes: Array) -> None:
        """Begin a new trial in some lanes (indices)."""
        raise NotImplementedError

    def begin_episode(self, lanes: Array) -> Array | None:
        """Begin an episode in some lanes whose trial has begun already; their observations if these change."""
        return None

    def step(self, actions: Array, still: Array | None) -> tuple[Array, Array, Info]:
        """Take one step in all lanes but those that stand still, (n,) bool (None: no lane does).

        Returns:
            Rewards (n,), which trials ended (n,), and the info of the step.
        """
        raise NotImplementedError

    def observe(self) -> Array:
        """Give the present observations, (n, *observation shape), the caller's own."""
        raise NotImplementedError

    def conditions(self, lanes: Array) -> Info:
        """Give the conditions of the present trials of some lanes, as an entry of `info`."""
        raise NotImplementedError

    def periods(self, lane: int) -> dict[str, tuple[int, int]]:
        """Give the first step, and the step after the last, of each period of a lane's present trial."""
        raise NotImplementedError


class RuleState:
    """What a rule sees of all lanes. Setting one of the values it began with changes them in place."""

    _values: dict[str, Array]

    def __init__(self, values: dict[str, Array]) -> None:
        self.__dict__.update(values, _values=values)

    def __setattr__(self, name: str, value: Any) -> None:
        """Change a value in place, or note another one."""
        mine = self._values.get(name)
        if mine is None:
            self.__dict__[name] = value
        elif value is not mine:
            mine[...] = value


class RuleBackend(Backend):
    """Lanes whose trials are drawn ahead in blocks and whose actions one rule evaluates, all at once.

    Args:
        env: The task with its trial wrappers.
        n: Number of lanes.
        memory: Bytes that the blocks of all lanes may take.
    """

    def __init__(self, env: Any, n: int, memory: int) -> None:
        super().__init__(env, n)
        self.rule = self.task.rule
        self._prefetch = Prefetcher(env, n, memory, self._shift)
        self._rows, self._one = np.arange(n), np.ones(n, np.int64)
        self._conditions, self._facts = self._prefetch.conditions.alike(n), self._prefetch.facts.alike(n)
        self._masks = [f"_{name}" for name in self._conditions.names]
        values = {name: self._facts[name] for name in self._facts.names}
        self.now: Any = RuleState(values)
        self._step, self._last, self._at = values["step"], values["_last"], values["_at"]

    def _shift(self, shift: Array) -> None:
        """Take note that the steps of trials have moved."""
        self._at += shift[self._rows, self._prefetch.buffers()]

    def seed(self, lane: int, seed: int | None) -> None:
        """Restart a lane's randomness; the lane must begin a trial next."""
        self._prefetch.seed(lane, seed)

    def draws(self, lane: int) -> Draws:
        """Give a lane's randomness."""
        return self._prefetch.draws[lane]

    def begin(self, lanes: Array) -> None:
        """Begin a new trial in some lanes."""
        slots = self._prefetch.advance(lanes)
        self._facts.put(lanes, self._prefetch.facts.take(slots))
        self._conditions.put(lanes, self._prefetch.conditions.take(slots))

    def step(self, actions: Array, still: Array | None) -> tuple[Array, Array, Info]:
        """Evaluate the rule for all lanes and advance their clocks."""
        now = self.now
        interactive = self.rule.is_interactive
        now.gt = gt = self.rule.ground_truth(self.task, now) if interactive else self._prefetch.ground_truths(self._at)
        standing = None if still is None else still.nonzero()[0]
        held = None if standing is None else self._facts.take(standing)
        reward, ends = self.rule.step_many(self.task, now, actions)
        late = self._step == self._last
        self._step += self._one
        if still is not None:
            late &= ~still
            reward[still], ends[still], gt[still] = 0.0, False, 0
        if np.count_nonzero(late):
            late = late > ends  # those that the rule did not end
            np.add(reward, now.timeout + self.task.r_tmax, out=reward, where=late)
            ends = ends | late
        self._at += self._one
        if standing is not None and held is not None:
            self._facts.put(standing, held)
        info: Info = {"new_trial": ends, "gt": gt}
        if np.count_nonzero(ends):
            mask, lanes = ends.copy(), ends.nonzero()[0]
            info["performance"], info["_performance"] = np.zeros(self.n), mask
            np.copyto(info["performance"], now.performance, where=mask)
            info["ended_trial"], info["_ended_trial"] = self._entry(lanes, mask), mask
            self.begin(lanes)
            info["trial"], info["_trial"] = self._entry(lanes, mask), mask
        return reward, ends, info

    def observe(self) -> Array:
        """Give the present observations."""
        ob = self._prefetch.observations(self._at)
        if self.rule.is_interactive:
            channels = self.task.observation_space.shape[-1]  # type: ignore[index]
            self.rule.render(self.task, self.now, ob[..., :channels])  # wrappers may have widened it
        return ob

    def conditions(self, lanes: Array) -> Info:
        """Give the conditions of the present trials of some lanes."""
        mask = np.zeros(self.n, bool)
        mask[lanes] = True
        return {"trial": self._entry(lanes, mask), "_trial": mask}

    def _entry(self, lanes: Array, mask: Array) -> Info:
        """Give the conditions of some lanes, as Gymnasium's vector envs do: (n, ...) values, with masks."""
        entry: Info = self._conditions.only(lanes)
        entry.update(dict.fromkeys(self._masks, mask))
        return entry

    def periods(self, lane: int) -> dict[str, tuple[int, int]]:
        """Give the edges of each period of a lane's present trial."""
        return self._prefetch.periods(lane)


class LoopBackend(Backend):
    """Lanes that take their steps one after another, for tasks with a `_step` of their own.

    Args:
        env: The task with its trial wrappers.
        n: Number of lanes.
        add_info: Gymnasium's way of joining the info of one lane to those of the others.
    """

    def __init__(self, env: Any, n: int, add_info: Callable[[Info, Info, int], Info]) -> None:
        super().__init__(env, n)
        self._inner = split_wrappers(env)[1]
        self._add_info = add_info
        for task in tasks_of(env):
            task.num_tr_exp = 2**62
        self._sessions: Sequence[IsolatedState] = [IsolatedState(env, shared=[self.task._draws]) for _ in range(n)]
        space = self._inner.observation_space
        self._ob = np.zeros((n, *space.shape), space.dtype)

    def seed(self, lane: int, seed: int | None) -> None:
        """Restart a lane's randomness; the lane must begin a trial next."""
        draws = Draws(seed)
        with self._sessions[lane]:
            for task in tasks_of(self.env):
                task._draw_from(draws)

    def draws(self, lane: int) -> Draws:
        """Give a lane's randomness."""
        with self._sessions[lane]:
            return self.env.unwrapped._draws  # type: ignore[no-any-return]

    def begin(self, lanes: Array) -> None:
        """Begin a new trial in some lanes."""
        for lane in lanes:
            with self._sessions[lane]:
                self._ob[lane] = self._inner.reset()[0]

    def begin_episode(self, lanes: Array) -> Array | None:
        """Begin an episode in some lanes whose trial has begun already: wrappers that step by themselves may care."""
        for lane in lanes:
            with self._sessions[lane]:
                self.env.unwrapped._waiting = True
                self._ob[lane] = self._inner.reset()[0]
        return self._ob[lanes]

    def step(self, actions: Array, still: Array | None) -> tuple[Array, Array, Info]:
        """Step one lane after another."""
        space = self.env.action_space
        reward, ends = np.zeros(self.n), np.zeros(self.n, bool)
        info: Info = {"gt": np.zeros((self.n, *(space.shape or ())), space.dtype), "_gt": np.ones(self.n, bool)}
        for lane in range(self.n) if still is None else np.nonzero(~still)[0].tolist():
            with self._sessions[lane]:
                self._ob[lane], reward[lane], _, _, one = self._inner.step(actions[lane])
                ends[lane] = one.pop("new_trial")
                info = self._add_info(info, one, lane)
        return reward, ends, {"new_trial": ends.copy(), **{k: v for k, v in info.items() if k != "_gt"}}

    def observe(self) -> Array:
        """Give the present observations."""
        return self._ob.copy()

    def conditions(self, lanes: Array) -> Info:
        """Give the conditions of the present trials of some lanes."""
        info: Info = {}
        for lane in lanes:
            with self._sessions[lane]:
                info = self._add_info(info, {"trial": dict(self.env.unwrapped.trial)}, int(lane))
        return info

    def periods(self, lane: int) -> dict[str, tuple[int, int]]:
        """Give the edges of each period of a lane's present trial."""
        with self._sessions[lane]:
            task = self.env.unwrapped
            return {p: (int(task.start_ind[p]), int(task.end_ind[p])) for p in task.start_ind}

"""Backends of the vector env: lanes stepped all at once by a reward rule, or one after another by the task itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ngym_core.arguments import shown
from ngym_core.changes import ParameterWatch
from ngym_core.env import TrialEnv
from ngym_core.plain_data import decode, encode
from ngym_core.random import Draws
from ngym_core.rules import Rule
from ngym_core.sampling import IsolatedState, is_one_at_a_time, tasks_of
from ngym_core.state import layer_states, set_layer_states
from ngym_core.trials._kernels import Span
from ngym_core.vector._lane_info import replace_info
from ngym_core.vector._lane_state import pack_draws, unpack_draws
from ngym_core.vector._mixed_rule import MixedRule
from ngym_core.vector.prefetch import Prefetcher, promoted
from ngym_core.wrappers.base import TrialWrapper, idle_info
from ngym_core.wrappers.schedule_envs import MultiEnvs

__all__ = ["Backend", "LoopBackend", "RuleBackend", "can_step_by_rule"]

Array: TypeAlias = NDArray[Any]
Info: TypeAlias = dict[str, Any]


def can_step_by_rule(env: Any) -> bool:
    """Return whether N lanes of this env can be stepped by arrays: by a rule, with prefetched trials."""
    inner = split_wrappers(env)[1]
    if is_one_at_a_time(env) or not (inner is env.unwrapped or _is_mixture(inner)):
        return False
    tasks = tasks_of(inner)
    return all(_steps_by_rule(type(task)) for task in tasks) and (len(tasks) == 1 or _mixed_rule(inner) is not None)


def _steps_by_rule(task: type[TrialEnv]) -> bool:
    """Return whether a class of tasks leaves steps to its rule, and trials may be made in advance."""
    return task._step is TrialEnv._step and task.post_step is TrialEnv.post_step and task.can_prefetch


def _is_mixture(env: Any) -> bool:
    """Return whether a layer combines tasks whose wrappers change trials only, and by itself changes no step."""
    kind: Any = type(env)
    if not isinstance(env, MultiEnvs) or kind.reset is not MultiEnvs.reset or kind.step is not MultiEnvs.step:
        return False
    stacks = [split_wrappers(stack) for stack in env.envs]
    return all(
        inner is stack.unwrapped and not any(wrapper._changes_steps for wrapper in outer)
        for stack, (outer, inner) in zip(env.envs, stacks, strict=True)
    )


def _mixed_rule(mixture: MultiEnvs) -> MixedRule | None:
    """Return the rule of several tasks, None if lanes of these cannot be stepped together."""
    if any(task.rule.is_interactive for task in tasks_of(mixture)):
        return None
    try:
        return MixedRule(mixture.envs, mixture._index_name)
    except ValueError:  # their rules cannot share a table
        return None


def split_wrappers(env: Any) -> tuple[list[Any], Any]:
    """Return the outer wrappers that work on many lanes at once, the innermost first, and what they wrap."""
    outer: list[Any] = []
    while _works_on_lanes(env):
        outer.insert(0, env)
        env = env.env
    return outer, env


def _works_on_lanes(env: Any) -> bool:
    """Return whether a layer is a wrapper that changes steps by `on_step` alone."""
    kind: Any = type(env)
    if not isinstance(env, TrialWrapper):
        return False
    # A `reset` that only takes more arguments, as those of `ngym_core.compat`, says so: any other may do something.
    resets = getattr(kind.reset, "only_takes_more_than", kind.reset) is TrialWrapper.reset
    generates = kind._generate is TrialWrapper._generate or kind._serves_lanes
    return resets and kind.step is TrialWrapper.step and generates


class Backend:
    """N lanes of one task: their trials and steps, without the wrappers that work on many lanes.

    Args:
        env: The task with its trial wrappers.
        n: Number of lanes.

    Attributes:
        num_tr: Number of trials begun in this episode, (n,).
        watch: Notices changed parameters.
    """

    def __init__(self, env: Any, n: int) -> None:
        self.env, self.n = env, n
        self.task: TrialEnv = env.unwrapped
        self.num_tr = np.zeros(n, np.int64)
        self.watch = ParameterWatch(env)
        self._spaces = env.observation_space, env.action_space

    def follow_changes(self) -> None:
        """Let parameters of the task and its wrappers that were changed count from each lane's next trial on.

        Raises:
            ValueError: A space was changed.
        """
        if not self.watch.changed:
            return
        for name, space in zip(("observation_space", "action_space"), self._spaces, strict=True):
            if getattr(self.env, name) != space:
                raise ValueError(
                    f"The {name} of {self.env} was changed to {getattr(self.env, name)}; these lanes are made for {space}. "
                    "Make a new vector env."
                )
        self.parameters_changed()
        self.watch.remember()

    def seed(self, lane: int, seed: int | None) -> None:
        """Restart a lane's randomness; the lane must begin a trial next."""
        raise NotImplementedError

    def draws(self, lane: int) -> Draws:
        """Return a lane's randomness."""
        raise NotImplementedError

    def begin(self, lanes: Array, forced: Mapping[str, Any] | None = None) -> None:
        """Begin a new trial in the given lanes (indices), of which conditions may be forced, name -> value."""
        raise NotImplementedError

    def begin_episode(self, lanes: Array) -> Array | None:
        """Begin an episode in lanes whose trial has begun already; return their observations, or None if all stays."""
        return None

    def step(self, actions: Array, paused: Array | None) -> tuple[Array, Array, tuple[Array, Array] | None, Info]:
        """Take one step in all lanes but the paused ones.

        Args:
            actions: (n,) or (n, *action shape).
            paused: Which lanes are paused, (n,) bool; None if none is.

        Returns:
            Rewards (n,), which trials ended (n,) bool, which episodes the task or a wrapper inside terminated and truncated,
            each (n,) bool, or None where none ever does, and the info of the step with masks, that of the paused lanes as
            `idle_info`.
        """
        raise NotImplementedError

    def observe(self) -> Array:
        """Return a copy of the present observations, (n, *observation shape)."""
        raise NotImplementedError

    def idle_info(self) -> Info:
        """Return the info of all lanes at a moment without an action, such as a reset."""
        raise NotImplementedError

    def info_after_reset(self, info: Info, reported: Info, lanes: Array) -> Info:
        """Return the info of a step in which some lanes also began an episode, which may be the same dictionary.

        Args:
            info: The info of the step.
            reported: What the wrappers report of a reset.
            lanes: Which lanes began an episode, (n,) bool: they have an `idle_info`.
        """
        return replace_info(info, {**self.idle_info(), **reported}, lanes)

    def periods(self, lane: int) -> dict[str, tuple[int, int]]:
        """Return the first step, and the step after the last, of each period of a lane's present trial."""
        raise NotImplementedError

    def step_in_trial(self, lane: int) -> int:
        """Return the step, from 0, at which a lane's present trial is."""
        raise NotImplementedError

    def get_lanes(self, lanes: Array) -> Any:
        """Return what the given lanes (indices) will do next, as plain data."""
        raise NotImplementedError

    def set_lanes(self, lanes: Array, state: Any) -> None:
        """Let the given lanes (indices) go on from what `get_lanes` returned."""
        raise NotImplementedError

    def restart(self, lanes: Any) -> None:
        """Follow the parameters of the task, before `set_lanes` sets all lanes to these states; by default nothing."""

    def parameters_changed(self) -> None:
        """Let changed parameters of the task count from each lane's next trial on."""
        raise NotImplementedError


class RuleState:
    """The state of all lanes that a rule reads and changes (`now`), (n, ...) under each name.

    The values are columns of the backend's table. Assigning to one of these names writes into the column, so that a
    rule may assign (`now.performance = right`) as it does for a single env; any other name becomes an attribute.

    Args:
        values: Name -> (n, ...) column.
    """

    _values: dict[str, Array]

    def __init__(self, values: dict[str, Array]) -> None:
        self.__dict__.update(values, _values=values)

    def __setattr__(self, name: str, value: Any) -> None:
        """Write into a column, or set another attribute.

        Raises:
            TypeError: A column of integers or booleans cannot have the value.
        """
        column = self._values.get(name)
        if column is None:
            self.__dict__[name] = value
        elif value is not column:  # `now.x += 1` has changed the column already
            column[...] = value
            if column.dtype.kind in "biu" and np.asarray(value).dtype != column.dtype and (column != value).any():
                raise TypeError(
                    f"The rule sets now.{name} to {shown(value)}, but `prepare` returned {column.dtype} values of it, and "
                    f"lanes keep that type: return the type that it may get, such as {{{name!r}: 0.0}}."
                )


class RuleBackend(Backend):
    """Lanes whose trials are prefetched and whose actions one rule evaluates, all at once.

    Args:
        env: The task with its trial wrappers.
        n: Number of lanes.
        memory: Bound of the memory of prefetched trials in bytes, over all lanes.
    """

    def __init__(self, env: Any, n: int, memory: int) -> None:
        super().__init__(env, n)
        self._memory = memory
        self._prefetch_trials()

    def _prefetch_trials(
        self, conditions: Mapping[str, Array] | None = None, facts: Mapping[str, Array] | None = None
    ) -> None:
        """Begin to prefetch, with the present parameters; all lanes must begin a trial or be set to one then.

        Args:
            conditions: Of the trials that lanes will be set to; what is kept can hold their types too.
            facts: The same of what the rule knows of them.
        """
        env, n, inner = self.env, self.n, split_wrappers(self.env)[1]
        self.rule: Rule = self.task.rule if inner is self.task else _mixed_rule(inner)  # type: ignore[assignment]
        self._prefetch = Prefetcher(env, n, self._memory, self._shift_steps, self.rule, conditions, facts)
        self._lanes, self._ones = np.arange(n), np.ones(n, np.int64)  # adding an array is faster than adding a number
        self._conditions, self._facts = self._prefetch.conditions.empty_like(n), self._prefetch.facts.empty_like(n)
        self._condition_masks = [f"_{name}" for name in self._conditions.names]
        self._masks = np.ones((5 + 2 * len(self._condition_masks), n), bool)
        values = {name: self._facts[name] for name in self._facts.names}
        self.now: Any = RuleState(values)
        # Columns, (n,): step in the trial, the trial's last step, and where the step is in the prefetched trials.
        self._steps, self._last, self._at = values["step"], values["_last"], values["_at"]

    def __getstate__(self) -> dict[str, Any]:
        """Return what a copy is made from: a copied array and copied views of it would be apart."""
        lanes = self.get_lanes(np.arange(self.n))
        return {"env": self.env, "n": self.n, "memory": self._memory, "num_tr": self.num_tr, "lanes": lanes}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Make this a copy."""
        super().__init__(state["env"], state["n"])
        self._memory = state["memory"]
        self.restart(state["lanes"])
        self.num_tr = state["num_tr"]
        self.set_lanes(np.arange(self.n), state["lanes"])

    def get_lanes(self, lanes: Array) -> dict[str, Any]:
        """Return what the given lanes will do next: their present trials, and where the next ones are drawn."""
        prefetch = self._prefetch
        marks = [prefetch.mark(lane) for lane in lanes.tolist()]
        steps = _ranges(self._at[lanes] - self._steps[lanes], self._last[lanes] + 1)
        return {
            "ob": prefetch.observations(steps),
            "gt": prefetch.ground_truths(steps),
            "facts": {name: self._facts[name][lanes] for name in self._facts.names if name != "_at"},
            "conditions": encode({name: self._conditions[name][lanes] for name in self._conditions.names}),
            "periods": prefetch.edges(lanes),
            "draws": pack_draws([state for state, _ in marks]),
            "to_skip": np.array([count for _, count in marks]),
            "num_tr": self.num_tr[lanes],
        }

    def set_lanes(self, lanes: Array, state: dict[str, Any]) -> None:
        """Let the given lanes go on from what `get_lanes` returned."""
        conditions = decode(state["conditions"])
        self._make_room(conditions, state["facts"])
        self._conditions.set(lanes, conditions)
        self._facts.set(lanes, state["facts"])
        lengths = self._last[lanes] + 1
        ends = np.cumsum(lengths).tolist()
        periods = {name: edges.tolist() for name, edges in state["periods"].items()}
        for i, draws in enumerate(unpack_draws(state["draws"])):
            lane, part = int(lanes[i]), slice(ends[i] - int(lengths[i]), ends[i])
            spans: dict[str, Span] = {
                name: (edges[i][0], edges[i][1]) for name, edges in periods.items() if edges[i][0] >= 0
            }
            mark = draws, int(state["to_skip"][i])
            self._at[lane] = (
                self._prefetch.place(lane, mark, state["ob"][part], state["gt"][part], spans) + self._steps[lane]
            )
        self.num_tr[lanes] = state["num_tr"]

    def parameters_changed(self) -> None:
        """Put the draws back to where each lane's next trial is drawn, and forget what was prefetched."""
        with self.watch.before():
            self._prefetch.rewind()
        lanes = self.get_lanes(self._lanes)
        self.restart(lanes)
        self.set_lanes(self._lanes, lanes)

    def restart(self, lanes: dict[str, Any]) -> None:
        """Prefetch with the present parameters."""
        self._prefetch_trials(decode(lanes["conditions"]), lanes["facts"])

    def _make_room(self, conditions: Mapping[str, Array], facts: Mapping[str, Array]) -> None:
        """Let what is kept of trials hold values of these types too, such as floats beside integers; all lanes go on."""
        if self._conditions.holds(conditions) and self._facts.holds(facts):
            return
        present = self.get_lanes(self._lanes)
        known = [{name: table[name] for name in table.names} for table in (self._conditions, self._facts)]
        self._prefetch_trials(promoted(known[0], conditions), promoted(known[1], facts))
        self.set_lanes(self._lanes, present)

    def _shift_steps(self, shift: Array) -> None:
        """Follow the prefetched steps when they move in memory."""
        self._at += shift[self._lanes, self._prefetch.buffers()]

    def seed(self, lane: int, seed: int | None) -> None:
        """Restart a lane's randomness; the lane must begin a trial next."""
        self._prefetch.seed(lane, seed)

    def draws(self, lane: int) -> Draws:
        """Return a lane's randomness."""
        return self._prefetch.draws[lane]

    def begin(self, lanes: Array, forced: Mapping[str, Any] | None = None) -> None:
        """Begin a new trial in the given lanes."""
        self.follow_changes()
        slots = self._force(lanes, forced) if forced else self._prefetch.advance(lanes)
        self._facts.put(lanes, self._prefetch.facts.take(slots))
        self._conditions.put(lanes, self._prefetch.conditions.take(slots))

    def _force(self, lanes: Array, forced: Mapping[str, Any]) -> Array:
        """Move the given lanes to their next trial, with conditions that are forced, and return its slot, (m,)."""
        begun = [self._prefetch.draw_next(lane, forced) for lane in lanes.tolist()]
        for trials, facts, _ in begun:  # whose conditions may be of other types than those drawn
            self._make_room(trials.conditions, facts)
        return np.array([self._prefetch.install(lane, *one) for lane, one in zip(lanes.tolist(), begun, strict=True)])

    def step(self, actions: Array, paused: Array | None) -> tuple[Array, Array, None, Info]:
        """Evaluate the rule for all lanes and go to their next step."""
        now = self.now
        interactive = self.rule.is_interactive
        now.gt = gt = self.rule.ground_truth(self.task, now) if interactive else self._prefetch.ground_truths(self._at)
        # The rule evaluates all lanes at once; the state of the paused ones is put back afterwards.
        paused_lanes = None if paused is None else paused.nonzero()[0]
        paused_facts = None if paused_lanes is None else self._facts.take(paused_lanes)
        result = self.rule.step_many(self.task, now, actions)
        arrays = type(result) is tuple and len(result) == 2
        if not (arrays and type(result[0]) is np.ndarray and type(result[1]) is np.ndarray):  # no loop: at each step
            raise TypeError(
                f"{type(self.rule).__name__}.step_many must return two arrays, rewards (n,) and whether trials end (n,), "
                f"not {shown(result)}."
            )
        reward, ends = result
        late = self._steps == self._last
        self._steps += self._ones
        if paused is not None:
            late &= ~paused
            reward[paused], ends[paused], gt[paused] = 0.0, False, 0
        if np.count_nonzero(late):
            late = late > ends  # those that the rule did not end
            np.add(reward, now.timeout + self.rule._r_tmax(self.task, now), out=reward, where=late)
            ends = ends | late
        self._at += self._ones
        if paused_lanes is not None and paused_facts is not None:
            self._facts.put(paused_lanes, paused_facts)
        performance, ended_trial, times = np.zeros(self.n), self._conditions.copies(), self._times(ends)
        if np.count_nonzero(ends):
            np.copyto(performance, now.performance, where=ends)
            self.begin(ends.nonzero()[0])
        return reward, ends, None, {**self._info(ends, gt, performance, ended_trial), **times}

    def observe(self) -> Array:
        """Return a copy of the present observations."""
        ob = self._prefetch.observations(self._at)
        if self.rule.is_interactive:
            channels = self.task.observation_space.shape[-1]  # type: ignore[index]  # wrappers may have added others
            self.rule.render(self.task, self.now, ob[..., :channels])
        return ob

    def idle_info(self) -> Info:
        """Return the info of all lanes at a moment without an action."""
        space = self.env.action_space
        gt = np.zeros((self.n, *(space.shape or ())), space.dtype)
        ended = np.zeros(self.n, bool)
        return {**self._info(ended, gt, np.zeros(self.n), self._conditions.copies()), **self._times(ended)}

    def _times(self, ended: Array) -> Info:
        """Return the reaction times that rules measure of the trials that ended, with a mask; nothing where none does."""
        if "reaction_time" not in self._facts.names:
            return {}
        times, measured = self._facts["reaction_time"], self._facts["_reaction_time"].astype(bool)
        return {"reaction_time": np.where(ended & measured, times, 0.0), "_reaction_time": measured}

    def _info(self, ended: Array, gt: Array, performance: Array, ended_trial: Info) -> Info:
        """Return the info of all lanes, with masks as in Gymnasium's vector envs; all arrays are the caller's to change."""
        trial = self._conditions.copies()
        of_ended, of_gt, of_performance, of_trial, of_ended_trial, *masks = self._masks.copy()
        for i, name in enumerate(self._condition_masks):
            trial[name], ended_trial[name] = masks[2 * i], masks[2 * i + 1]
        return {
            "new_trial": ended,
            "_new_trial": of_ended,
            "gt": gt,
            "_gt": of_gt,
            "performance": performance,
            "_performance": of_performance,
            "trial": trial,
            "_trial": of_trial,
            "ended_trial": ended_trial,
            "_ended_trial": of_ended_trial,
        }

    def info_after_reset(self, info: Info, reported: Info, lanes: Array) -> Info:
        """Write into the info of a step the `idle_info` of the lanes that began an episode, and return it."""
        info["new_trial"][lanes] = False
        info["gt"][lanes] = info["performance"][lanes] = 0
        for name, value in self._times(np.zeros(self.n, bool)).items():
            info[name][lanes] = value[lanes]
        for name, value in reported.items():
            info[name][lanes] = value[lanes]
        at = lanes.nonzero()[0]
        for name in self._conditions.names:
            column = info["trial"][name]
            column[at] = info["ended_trial"][name][at] = self._conditions[name][at]
        return info

    def periods(self, lane: int) -> dict[str, tuple[int, int]]:
        """Return the first step, and the step after the last, of each period of a lane's present trial."""
        return self._prefetch.periods(lane)

    def step_in_trial(self, lane: int) -> int:
        """Return the step, from 0, at which a lane's present trial is."""
        return int(self._steps[lane])


def _ranges(first: Array, counts: Array) -> Array:
    """Return `counts` consecutive integers from each of `first` on, one after another."""
    ends: Array = np.cumsum(counts)
    consecutive: Array = np.arange(int(ends[-1])) + np.repeat(first - (ends - counts), counts)
    return consecutive


class LoopBackend(Backend):
    """Lanes that are stepped one after another, for tasks with a `_step` of their own.

    Args:
        env: The task with its trial wrappers.
        n: Number of lanes.
        add_info: Gymnasium's function that adds the info of one lane to that of the others.
    """

    def __init__(self, env: Any, n: int, add_info: Callable[[Info, Info, int], Info]) -> None:
        super().__init__(env, n)
        self._inner = split_wrappers(env)[1]
        self._add_info = add_info
        for task in tasks_of(env):
            task.num_tr_exp = 2**62  # the vector env counts the trials of an episode
        self._states: Sequence[IsolatedState] = [IsolatedState(env, shared=[self.task._draws]) for _ in range(n)]
        space = self._inner.observation_space
        self._ob = np.zeros((n, *space.shape), space.dtype)

    def seed(self, lane: int, seed: int | None) -> None:
        """Restart a lane's randomness; the lane must begin a trial next."""
        draws = Draws(seed)
        with self._states[lane]:
            for task in tasks_of(self.env):
                task._draw_from(draws)

    def draws(self, lane: int) -> Draws:
        """Return a lane's randomness."""
        with self._states[lane]:
            return self.env.unwrapped._draws  # type: ignore[no-any-return]

    def begin(self, lanes: Array, forced: Mapping[str, Any] | None = None) -> None:
        """Begin a new trial in the given lanes."""
        self.follow_changes()
        options = {"conditions": dict(forced)} if forced else None
        for lane in lanes:
            with self._states[lane]:
                self._ob[lane] = self._inner.reset(options=options)[0]

    def begin_episode(self, lanes: Array) -> Array:
        """Begin an episode in lanes whose trial has begun already, with a reset that inner wrappers see."""
        for lane in lanes:
            with self._states[lane]:
                self.env.unwrapped._has_next_trial = True
                self._ob[lane] = self._inner.reset()[0]
        return self._ob[lanes]

    def step(self, actions: Array, paused: Array | None) -> tuple[Array, Array, tuple[Array, Array], Info]:
        """Step one lane after another."""
        self.follow_changes()
        reward, info = np.zeros(self.n), self._no_info()
        terminated, truncated = np.zeros(self.n, bool), np.zeros(self.n, bool)
        for lane in range(self.n):
            with self._states[lane]:
                if paused is not None and paused[lane]:
                    lane_info = idle_info(self._inner)
                else:
                    result = self._inner.step(actions[lane])
                    self._ob[lane], reward[lane], terminated[lane], truncated[lane], lane_info = result
                info = self._add_info(info, lane_info, lane)
        return reward, info["new_trial"].copy(), (terminated, truncated), info

    def idle_info(self) -> Info:
        """Return the info of all lanes at a moment without an action."""
        info = self._no_info()
        for lane in range(self.n):
            with self._states[lane]:
                info = self._add_info(info, idle_info(self._inner), lane)
        return info

    def _no_info(self) -> Info:
        """Return info to which that of no lane was added yet."""
        space = self.env.action_space
        info = {"new_trial": np.zeros(self.n, bool), "gt": np.zeros((self.n, *(space.shape or ())), space.dtype)}
        return info | {f"_{name}": np.zeros(self.n, bool) for name in info}

    def observe(self) -> Array:
        """Return a copy of the present observations."""
        return self._ob.copy()

    def periods(self, lane: int) -> dict[str, tuple[int, int]]:
        """Return the first step, and the step after the last, of each period of a lane's present trial."""
        with self._states[lane]:
            task = self.env.unwrapped
            return {p: (int(task.start_ind[p]), int(task.end_ind[p])) for p in task.start_ind}

    def step_in_trial(self, lane: int) -> int:
        """Return the step, from 0, at which a lane's present trial is."""
        with self._states[lane]:
            return int(self.env.unwrapped.t_ind)

    def get_lanes(self, lanes: Array) -> list[Any]:
        """Return what the given lanes will do next: the attributes of the env and its wrappers in each."""
        states = []
        for lane in lanes.tolist():
            with self._states[lane]:
                states.append(
                    {"layers": layer_states(self.env), "ob": self._ob[lane].copy(), "num_tr": int(self.num_tr[lane])}
                )
        return states

    def set_lanes(self, lanes: Array, state: list[Any]) -> None:
        """Let the given lanes go on from what `get_lanes` returned."""
        for lane, part in zip(lanes.tolist(), state, strict=True):
            with self._states[lane]:
                draws = Draws(0)  # of its own: lanes that were never seeded share those of the env
                for task in tasks_of(self.env):
                    task._draws = draws
                set_layer_states(self.env, part["layers"])
            self._ob[lane], self.num_tr[lane] = part["ob"], part["num_tr"]

    def parameters_changed(self) -> None:
        """Change the parameters in each lane, which has its own copies of them."""
        for state in self._states:
            state.update(self.watch.changes())

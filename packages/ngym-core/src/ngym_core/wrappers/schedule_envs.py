"""MultiEnvs and ScheduleEnvs: wrappers that combine several tasks into one env."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import partial
from operator import attrgetter
from typing import Annotated, Any, TypeAlias

import gymnasium
import numpy as np
from gymnasium import spaces
from numpy.typing import ArrayLike, NDArray

from ngym_core.arguments import ArrayOf, Envs, Flag, Labels, shown
from ngym_core.env import TrialEnv
from ngym_core.errors import unknown_name
from ngym_core.random import Draws
from ngym_core.rendering import record_trials
from ngym_core.sampling import (
    axes_of,
    conditions_of_trials,
    is_by_trial,
    layers,
    outermost_trial_layer,
    played_layers,
    sample_trials,
    shown_as_data,
    tasks_of,
)
from ngym_core.scheduler import Schedule
from ngym_core.spaces import Box, Discrete, names_of
from ngym_core.trials import Trials, add_channels, complete_periods, interleave, join_columns, map_channels, select
from ngym_core.wrappers.base import TrialWrapper, decided_by
from ngym_core.wrappers.modifiers import task_name

Cues: TypeAlias = Annotated[ArrayLike, ArrayOf(ndim=2)]
"""What the agent sees of which task it is, (tasks, channels)."""
OF_INDEX = re.compile("(inner_)*i_env")
"""Names of the conditions that hold the index of a task."""


def _fixed(name: str, what: str, of: str) -> Any:
    """Return a property that raises AttributeError when it is assigned.

    Args:
        name: Its name.
        what: What it is.
        of: What would change with it.
    """

    def refuse(self: Any, value: Any) -> None:
        raise AttributeError(f"{name}={value!r} would change {of}: make another {type(self).__name__}.")

    return property(attrgetter(f"_{name}"), refuse, doc=f"{what} It cannot be changed.")


class MultiEnvs(TrialWrapper):
    """Combine several tasks into one env; `set_i` selects the task that the next trials come from.

    Each task has its own random streams. The index and the name of the task are recorded as the conditions `i_env` and
    `task` of the trial, and either may be forced; no schedule counts such trials. Each trial has the conditions of all
    tasks; those that its own task lacks are NaN (numbers) or None. Likewise it has the periods of all tasks; those that its
    own task lacks begin and end with the trial's first step. Of such wrappers one in another, the inner one records
    its index as `inner_i_env`. The number of trials of an episode is that of the first task.

    A wrapper inside acts on the trials of its task only, and sees the first observation of one that follows on a trial of
    another task as that of an episode. The `info` of a step has what the wrappers of the played task report.

    Channels:
        env: With `env_input`: which task it is, or its row of `cues`.

    Conditions:
        i_env: The index of the task that the trial comes from.
        task: Its name.

    Args:
        envs: The tasks, with wrappers; their observations and actions must have the same shape. Wrappers that pause
            after a trial (`TimeOut`) go around several tasks, and for data those that show the step before (`PassAction`).
        env_input: Show the agent which task it is, by further channels named `env`.
        pad: Let tasks differ in the number of channels and of actions: all get as many as the one that has the most. Further
            channels show 0, further actions are never right. Names of channels and actions stay as the tasks have them.
        names: Name of each task; by default its id with the modifiers around it, or the name of its class.
        cues: What these channels show in the trials of each task, (tasks, k); by default one channel for each task.

    Attributes:
        i_env: Index of the task that the trial being played comes from.
        chosen: Index of the task that the next trials come from.
        chance: Performance of random actions, if it is known and the same in all tasks; else None.

    Raises:
        ValueError: No task, tasks with different spaces or time steps, an env that is part of a mixture already or pauses
            after trials, `env_input` or `pad` with observations that are no vector, or `pad` with tasks that differ in their
            actions and whose rules do not compare these with the ground truth.

    Example:
        >>> import ngym_core as ngym
        >>> from ngym_core.wrappers import MultiEnvs
        >>> tasks = [ngym.make(id_, dt=10) for id_ in ("PerceptualDecisionMaking-v0", "PulseDecisionMaking-v0")]
        >>> env = MultiEnvs(tasks, env_input=True)
        >>> env.set_i(1)
        >>> ob, info = env.reset(seed=0)
        >>> info["trial"]["i_env"], ob[-2:].tolist()
        (1, [0.0, 1.0])
    """

    metadata = {"description": "Puts several tasks behind one front.", "paper_link": None}

    def __init__(
        self,
        envs: Envs,
        env_input: Flag = False,
        *,
        pad: Flag = False,
        names: Labels | None = None,
        cues: Cues | None = None,
    ) -> None:
        if not len(envs):
            raise ValueError(f"envs={shown(envs)}: There must be at least one env.")
        _refuse_shared(envs)
        if len(envs) > 1:
            for i, env in enumerate(envs):
                _refuse_inside(env, i, "_pauses", "pauses after a trial, and the next may be another task's", ValueError)
        steps = {task.dt: task for env in envs for task in tasks_of(env)}
        if len(steps) > 1:
            times = ", ".join(f"{dt} ms ({task})" for dt, task in steps.items())
            raise ValueError(f"All envs must have the same time step; their dt are {times}.")
        task_names, shown_cues = _names(envs, names), np.eye(len(envs)) if cues is None else np.asarray(cues)
        if len(shown_cues) != len(envs):
            raise ValueError(f"cues={shown(cues)} must have {len(envs)} rows, one for each env.")
        actions, space = envs[0].action_space, _padded_observations(envs) if pad else envs[0].observation_space
        if env_input and (not isinstance(space, spaces.Box) or len(space.shape) != 1):
            raise ValueError(f"env_input needs a vector of channels, not {space}.")
        probes = [sample_trials(env, 1, None, Draws(0), {}) for env in envs]
        for i, env in enumerate(envs):
            _refuse_renamed(env, i)
        own_channels = [_channels_of_trials(env, probe) for env, probe in zip(envs, probes, strict=True)]
        own_actions, chances = [env.action_space for env in envs], {getattr(env, "chance", None) for env in envs}
        if pad:
            for env, own in zip(envs, own_channels, strict=True):
                if own not in (None, *(env.observation_space.shape or ())):
                    raise ValueError(
                        f"pad=True adds channels to trials, and a wrapper of {env} adds others behind them step by step: "
                        "put that wrapper around the mixture."
                    )
            actions = _pad_actions(envs)
            if any(own != actions for own in own_actions):
                chances.add(None)  # who chooses at random chooses among more actions than the task has
        elif any(e.observation_space.shape != space.shape or e.action_space != actions for e in envs):
            raise ValueError(
                "All envs must have the same shape of observations and the same actions, unless pad=True: "
                f"{[(str(e.observation_space), str(e.action_space)) for e in envs]}."
            )
        self.envs, self._own_channels = list(envs), own_channels
        super().__init__(envs[0])  # after all checks: it makes the envs part of this mixture
        self._env_input, self._pad = env_input, pad
        self.i_env = self.chosen = 0
        self._follows_schedule = True  # if it has one, which waits from a call of `set_i` to the next reset
        self._index_name: str = "i_env"
        self.action_space, self.observation_space = actions, space
        self._num_channels: int | None = space.shape[0] if pad else None
        self._names, self._cues = task_names, shown_cues
        self.chance: float | None = chances.pop() if len(chances) == 1 else None
        if env_input:
            k, last = space.shape[0], space.shape[0] + shown_cues.shape[1]
            of_inner = re.compile("(inner_)*env")
            named = {f"inner_{key}" if of_inner.fullmatch(key) else key: place for key, place in names_of(space).items()}
            self.observation_space = Box(-np.inf, np.inf, {**named, "env": range(k, last)}, shape=(last,))
        self._share(self.task._draws)
        for i, env in enumerate(self.envs):
            for layer in layers(env):
                if isinstance(layer, TrialWrapper):
                    layer._stream_prefix = f"env {i}/{layer._stream_prefix}"
                if isinstance(layer, MultiEnvs):
                    layer._index_name, layer._empty = f"inner_{layer._index_name}", _as_inner(layer._empty)
                    layer._known = [_as_inner(known) for known in layer._known]
        for task in tasks_of(self):
            task.num_tr_exp = self.task.num_tr_exp
        if any(env.render_mode is not None for env in envs):
            record_trials(self, "rgb_array")
        mixtures = [next((layer for layer in layers(env) if isinstance(layer, MultiEnvs)), None) for env in self.envs]
        self._mixed = {i for i, mixture in enumerate(mixtures) if mixture is not None}
        # Name -> the envs whose trials may have it as the condition `task`: of mixtures inside, the names of their tasks.
        self._places: dict[str, list[int]] = {}
        for i, mixture in enumerate(mixtures):
            for name in [self._names[i]] if mixture is None else mixture._places:
                self._places.setdefault(name, []).append(i)
        conditions = [probe.conditions for probe in probes]  # made when mixtures inside were none of this one
        recorded = [_as_inner(own) if i in self._mixed else own for i, own in enumerate(conditions)]
        self._known: list[dict[str, Any]] = [dict.fromkeys(own) for own in recorded]  # names of the conditions of each env
        self._empty: dict[str, NDArray[Any]] = _empty_columns(recorded)
        for task in tasks_of(self):
            task._object_conditions = frozenset(name for name, empty in self._empty.items() if empty.dtype == object)
        self._periods = dict.fromkeys(name for probe in probes for name in probe.start)  # in this order in all trials

    env_input: Any = _fixed("env_input", "Whether the agent sees which task it is.", "the observation space")
    pad: Any = _fixed("pad", "Whether tasks may differ in channels and actions.", "the observation space")
    cues: Any = _fixed("cues", "What the agent sees of which task it is, (tasks, k).", "the observation space")
    names: Any = _fixed("names", "Name of each task, which the condition `task` has.", "the conditions")

    def __str__(self) -> str:
        """Show the tasks, one on each line."""
        return "\n".join([f"<{type(self).__name__}", *(f"\t{env}" for env in self.envs), ">"])

    @property
    def spec(self) -> None:  # type: ignore[override]
        """None: Gymnasium has no spec of several envs."""
        return

    def _set_top(self, wrapper: gymnasium.Env[Any, Any]) -> None:
        """Let a wrapper make the trials that the tasks play."""
        for env in self.envs:
            outermost_trial_layer(env)._set_top(wrapper)

    def set_i(self, i: int) -> None:
        """Select the task that the next trials come from.

        Args:
            i: Index of the task.

        Raises:
            IndexError: There is no such task.
        """
        self.chosen = int(self._checked(np.array([i]))[0])

    def _checked(self, indices: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the indices of tasks after a check."""
        if indices.dtype.kind not in "iu" or (indices < 0).any() or (indices >= len(self.envs)).any():
            raise IndexError(f"There are envs 0 to {len(self.envs) - 1}, not {indices.tolist()}.")
        return indices

    def take(self, n: int, draws: Draws) -> NDArray[np.int64]:
        """Return the index of the task that each of n consecutive trials comes from, (n,)."""
        return np.full(n, self.chosen)

    def _generate(  # type: ignore[override]  # outer wrappers do not multiply their probabilities with those of several envs
        self, n: int, draws: Draws, forced: Mapping[str, Any]
    ) -> Trials:
        """Return n consecutive trials, those of each task made at once."""
        i_env = self._forced_tasks(n, forced)
        i_env = self.take(n, self.own_draws(draws)) if i_env is None else i_env
        rows = [np.nonzero(i_env == i)[0] for i in range(len(self.envs))]
        played = [i for i, r in enumerate(rows) if len(r)]
        parts = []
        for i in played:
            own = draws.child(f"env {i}").of_trials(rows[i], n)
            env, taken = outermost_trial_layer(self.envs[i]), (self._index_name, None if i in self._mixed else "task")
            inside = {name: value for name, value in forced.items() if name not in taken}
            given = conditions_of_trials(inside, rows[i], n, axes_of(self._empty))
            # What is recorded may be forced again: conditions that only other tasks have are missing in its trials.
            given = {
                name: _typed(value)
                for name, value in given.items()
                if name in self._known[i] or name not in self._empty or not _is_missing(value)
            }
            parts.append(env._generate(len(rows[i]), own, given))
            if "task" not in parts[-1].conditions:  # of such wrappers one in another the inner one knows it
                parts[-1].set("task", self.names[i])
        cues = self._cues[played] if self.env_input else None
        trials = interleave(parts, [rows[i] for i in played], self._num_channels, cues)
        for name, empty in self._empty.items():  # conditions that only other tasks have are missing
            trials.conditions[name] = join_columns([trials.conditions.get(name), empty], [n, 0])
        complete_periods(trials, self._periods)  # and periods that only other tasks have have no steps
        trials.set(self._index_name, i_env)
        return trials

    def _shown_as_data(self, trials: Trials, draws: Draws) -> Trials:
        """Return trials with what wrappers inside change step by step, see `ngym_core.sampling.shown_as_data`."""
        if not any(getattr(layer, "_changes_steps", False) for part in self.envs for layer in layers(part)):
            return trials
        index = trials.conditions[self._index_name]
        before = self.own_draws(draws).previous("shown", index, -1)
        if ((before >= 0) & (before != index)).any():
            for i, part in enumerate(self.envs):
                reason = "shows the step before, which data do not know where it is another task's"
                _refuse_inside(part, i, "_shows_step_before", reason, TypeError)
        shown: list[Trials] = []
        rows: list[NDArray[np.int64]] = []
        for i, (part, own) in enumerate(zip(self.envs, self._own_channels, strict=True)):
            of_part = np.nonzero(index == i)[0]
            if not len(of_part):
                continue
            one, own_draws = select(trials, of_part), draws.of_trials(of_part, trials.n)
            others = None if own is None else one.ob[..., own:]  # such as the cue, which wrappers inside do not know
            if others is not None:
                map_channels(one, partial(_first_channels, own))
            one = shown_as_data(part, one, own_draws)
            if others is not None and others.shape[-1]:
                add_channels(one, others)
            rows.append(of_part)
            shown.append(one)
        return interleave(shown, rows)

    def _forced_tasks(self, n: int, forced: Mapping[str, Any]) -> NDArray[np.int64] | None:
        """Return the index of the task of each of n trials, (n,), where it or the task's name is forced; else None.

        Raises:
            UnknownNameError: There is no task of a name.
            ValueError: Several tasks of a name, an index and the name of another task, or not one for each trial.
        """
        for name in {self._index_name, "task"} & forced.keys():
            is_by_trial(name, forced[name], n, {name: 0})
        index = None
        if self._index_name in forced:
            index = np.asarray(forced[self._index_name])
            if index.dtype.kind == "f" and (index % 1 == 0).all():  # recorded beside trials that lack it, which have NaN
                index = index.astype(np.int64)
            index = self._checked(np.broadcast_to(index, n))
        if "task" not in forced:
            return index
        named = np.broadcast_to(np.asarray(forced["task"]), n)
        found = {name: self._places.get(name, []) for name in dict.fromkeys(named.tolist())}
        for name, of_name in found.items():
            if not of_name:
                raise unknown_name("task of the mixture", name, self._places)
            if len(of_name) > 1 and index is None:
                raise ValueError(f"task={name!r} is the name of the envs {of_name}: force {self._index_name!r} instead.")
        if index is None:
            return np.array([found[name][0] for name in named.tolist()])
        for name, i in zip(named.tolist(), index.tolist(), strict=True):
            if i not in found[name]:
                raise ValueError(f"task={name!r} is not the name of env {i}, which {self._index_name!r} forces.")
        return index

    def _install(self, trials: Trials) -> None:
        """Play the first of these trials in the task that it comes from."""
        before = self.task
        self.i_env = int(trials.conditions[self._index_name][0])
        self.env = self.envs[self.i_env]
        self.task.num_tr, self.task.performance = before.num_tr, 0
        super()._install(trials)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Begin an episode, see `TrialEnv.reset`; a seed restarts the randomness of all tasks."""
        self._follows_schedule = True
        if seed is not None:
            self.env = self.envs[0]
            self._share(Draws(seed))
        played = self.env
        ob, info = super().reset(options=options)
        return self._observe(ob, played), info

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """Take one step, see `TrialEnv.step`."""
        played = self.env
        ob, reward, terminated, truncated, info = super().step(action)
        return self._observe(ob, played, reward, action), reward, terminated, truncated, info

    def _observe(self, ob: Any, played: gymnasium.Env[Any, Any], *step: Any) -> Any:
        """Return an observation as its task's wrappers show it, where another env was played before: as at a reset."""
        if self.env is not played:
            for layer in reversed(played_layers(self.env)):
                if isinstance(layer, TrialWrapper) and layer._changes_steps:
                    ob = layer._observe_at_reset(ob, *step)
        return ob

    def seed(self, seed: int | None = None) -> list[int | None]:
        """Restart all randomness, see `TrialEnv.seed`."""
        self._share(Draws(seed))
        self.action_space.seed(seed)
        return [seed]

    def _state_was_set(self) -> None:
        """Play the task that the trial comes from, after a state was set."""
        self.env = self.envs[self.i_env]
        super()._state_was_set()

    def _share(self, draws: Draws) -> None:
        """Let all tasks draw from these draws."""
        for task in tasks_of(self):
            task._draw_from(draws)


def _refuse_inside(env: gymnasium.Env[Any, Any], i: int, kind: str, reason: str, error: type[Exception]) -> None:
    """Raise an error if env i, one of several, has a wrapper of a kind (an attribute of its class)."""
    for layer in layers(env):
        if getattr(layer, kind, False):
            raise error(f"{type(layer).__name__} of env {i} {reason}; put it around the mixture.")


def _as_inner(columns: Mapping[str, Any]) -> dict[str, Any]:
    """Return conditions of a mixture with the names that they have where it is inside of another."""
    return {f"inner_{name}" if OF_INDEX.fullmatch(name) else name: column for name, column in columns.items()}


def _typed(value: Any) -> Any:
    """Return what is forced in trials of one task in its own type, of a column that holds numbers and texts or None."""
    if not isinstance(value, np.ndarray) or value.dtype != object or value.ndim != 1:
        return value
    values = value.tolist()
    same = any(all(isinstance(one, kind) for one in values) for kind in ((int, float), str))
    return np.array(values) if same else value


def _is_missing(value: Any) -> bool:
    """Return whether what is forced is missing in all trials: NaN, or None."""
    values = np.asarray(value)
    if values.dtype == object:
        return all(one is None for one in values.ravel())
    return values.dtype.kind == "f" and bool(np.isnan(values).all())


def _refuse_shared(envs: Sequence[gymnasium.Env[Any, Any]]) -> None:
    """Raise if a task is in two of the envs, or in a mixture that is around them already.

    Raises:
        ValueError: There is such a task: which trial it plays could be said by one of them only.
    """
    seen: set[int] = set()
    for i, env in enumerate(envs):
        inside = layers(env)
        for task in tasks_of(env):
            others = [layer for layer in layers(task._top) if isinstance(layer, MultiEnvs)]
            if id(task) in seen or any(other not in inside for other in others):
                raise ValueError(f"The task {task} of env {i} is part of a mixture already: make another env for this one.")
            seen.add(id(task))


def _refuse_renamed(env: gymnasium.Env[Any, Any], i: int) -> None:
    """Raise if a wrapper decides by the index which task of a mixture is played: inside of another it has another name.

    Raises:
        ValueError: There is such a wrapper.
    """
    for name, wrapper in decided_by(env).items():
        if OF_INDEX.fullmatch(name):
            raise ValueError(
                f"env {i}: {wrapper} decides {name!r}, which is called 'inner_{name}' inside of another mixture; let it "
                "decide 'task' instead, the name of the task."
            )


def _names(envs: Sequence[gymnasium.Env[Any, Any]], given: Sequence[str] | None) -> list[str]:
    """Return the name of each task, after a check: by default that of `task_name`."""
    names = given or [task_name(env) for env in envs]
    if len(names) != len(envs):
        raise ValueError(f"names={shown(given)} must be {len(envs)} names, one for each env.")
    return list(names)


def _channels_of_trials(env: gymnasium.Env[Any, Any], trials: Trials) -> int | None:
    """Return how many channels the trials of an env have, without those that wrappers append; None: they are no vectors."""
    return int(trials.ob.shape[2]) if len(env.observation_space.shape or ()) == 1 else None


def _first_channels(number: int | None, values: NDArray[Any], trial: NDArray[Any]) -> NDArray[Any]:
    """Return the first channels of values, for `map_channels`."""
    return values[:, :number]


def _pad_actions(envs: Sequence[gymnasium.Env[Any, Any]]) -> gymnasium.Space[Any]:
    """Give all tasks as many actions as the one with the most has, and return its space.

    Raises:
        ValueError: Actions that are no choice among several, or a rule for which a further action means something.
    """
    spaces_of = [env.action_space for env in envs]
    if all(space == spaces_of[0] for space in spaces_of):
        return spaces_of[0]
    for env, space in zip(envs, spaces_of, strict=True):
        if not isinstance(space, spaces.Discrete) or space.start != 0:
            raise ValueError(f"pad=True needs tasks that choose among actions 0, 1, ..., not {space} of {env}.")
    largest = max(spaces_of, key=lambda space: int(space.n))  # type: ignore[attr-defined]
    padded = [(env, space) for env, space in zip(envs, spaces_of, strict=True) if space != largest]
    for env, _ in padded:  # all checks before the first task is changed
        for task in tasks_of(env):
            if not task.rule.pays_ground_truth or type(task)._step is not TrialEnv._step:
                raise ValueError(
                    f"pad=True cannot give {task} more actions: it needs a rule that compares them with the ground truth, "
                    "such as FixateThenChoose."
                )
    for env, space in padded:
        for task in tasks_of(env):
            task.action_space = Discrete(int(largest.n), names_of(space) or None)  # type: ignore[attr-defined]
    return largest


def _padded_observations(envs: Sequence[gymnasium.Env[Any, Any]]) -> Box:
    """Return a space with as many channels as the task with the most has; a name stands for its channels in all tasks.

    Raises:
        ValueError: Observations that are no vector.
    """
    names: dict[str, Any] = {}
    for env in envs:
        space = env.observation_space
        if not isinstance(space, spaces.Box) or len(space.shape) != 1:
            raise ValueError(f"pad=True needs vectors of channels, not {space} of {env}.")
        for name, where in names_of(space).items():
            known = np.union1d(np.atleast_1d(names[name]), np.atleast_1d(where)) if name in names else None
            names[name] = where if known is None or known.size == np.size(where) else known.tolist()
    shape = max(env.observation_space.shape or () for env in envs)
    return Box(-np.inf, np.inf, names, shape=shape)


def _empty_columns(tasks: Sequence[Mapping[str, NDArray[Any]]]) -> dict[str, NDArray[Any]]:
    """Return the columns of the conditions of all tasks, of their type and without a value, from one trial of each."""
    names = dict.fromkeys(name for conditions in tasks for name in conditions)
    return {name: join_columns([conditions.get(name) for conditions in tasks], [1] * len(tasks))[:0] for name in names}


class ScheduleEnvs(MultiEnvs):
    """Combine several tasks into one env; a schedule selects the task that each trial comes from.

    Channels:
        env: With `env_input`: which task it is, or its row of `cues`.

    Conditions:
        i_env: The index of the task that the trial comes from.
        task: Its name.

    Args:
        envs: The tasks, see `MultiEnvs`.
        schedule: Selects the index of the task of each trial.
        env_input: Show the agent which task it is, see `MultiEnvs`.
        pad: Let tasks differ in the number of channels and actions, see `MultiEnvs`.
        names: Name of each task, see `MultiEnvs`.
        cues: Cue of each task, see `MultiEnvs`.

    Raises:
        ValueError: Not as many tasks as the schedule chooses from, or see `MultiEnvs`.

    Example:
        >>> import ngym_core as ngym
        >>> from ngym_core.scheduler import SequentialBlockSchedule
        >>> from ngym_core.wrappers import ScheduleEnvs
        >>> tasks = [ngym.make(id_, dt=10) for id_ in ("PerceptualDecisionMaking-v0", "PulseDecisionMaking-v0")]
        >>> env = ScheduleEnvs(tasks, SequentialBlockSchedule(2, [3, 2]))
        >>> env.sample_trials(6, seed=0).conditions["i_env"].tolist()
        [0, 0, 0, 1, 1, 0]
    """

    metadata = {"description": "Lets a schedule say which of several tasks each trial comes from.", "paper_link": None}

    def __init__(
        self,
        envs: Envs,
        schedule: Schedule,
        env_input: Flag = False,
        *,
        pad: Flag = False,
        names: Labels | None = None,
        cues: Cues | None = None,
    ) -> None:
        if len(envs) != schedule.n:
            raise ValueError(f"There are {len(envs)} envs, the schedule chooses from {schedule.n}.")
        self.schedule = schedule
        super().__init__(envs, env_input, pad=pad, names=names, cues=cues)

    def set_i(self, i: int) -> None:
        """Select the task of the next trials that this env plays, until it is reset; its schedule waits.

        Lanes and data sets go on by the schedule.

        Args:
            i: Index of the task.

        Raises:
            IndexError: There is no such task.
        """
        super().set_i(i)
        self._follows_schedule = False

    def take(self, n: int, draws: Draws) -> NDArray[np.int64]:
        """Return the index of the task that each of n consecutive trials comes from, (n,)."""
        played = draws.root is self.task._draws.root
        return self.schedule.take(n, draws) if self._follows_schedule or not played else super().take(n, draws)

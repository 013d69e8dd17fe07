"""TrialWrapper: base of the wrappers that draw conditions of trials, edit trials, or change steps."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar, Self, TypeAlias

import gymnasium
import numpy as np
from gymnasium.envs.registration import EnvSpec
from gymnasium.utils import RecordConstructorArgs
from numpy.typing import NDArray

from ngym_core.arguments import check_arguments, check_attributes, explained, given_arguments, shown
from ngym_core.changes import ParameterWatch
from ngym_core.env import TrialEnv, copy_conditions
from ngym_core.random import Draws
from ngym_core.sampling import (
    conditions_of_trial,
    is_one_at_a_time,
    known_axes,
    layers,
    outermost_trial_layer,
    parts_of,
    played_layers,
    sample_trials,
    tasks_of,
)
from ngym_core.spaces import names_of
from ngym_core.state import InitSignature, get_state, set_state
from ngym_core.trial_table import TrialRecorder
from ngym_core.trials import Trials, concatenate
from ngym_core.trials.conditions import is_same_value

__all__ = ["StepBatch", "TrialWrapper"]

Array: TypeAlias = NDArray[Any]


@dataclass
class StepBatch:
    """One step (or reset) of m lanes, which `TrialWrapper.on_step` reads and changes.

    Attributes:
        lanes: Index of each lane in the wrapper's memory, (m,).
        ob: Observations, (m, ...).
        reward: Rewards, (m,) float64.
        action: Actions, (m, ...); None at a reset.
        gt: Ground truth of the step, (m, ...); None at a reset.
        ended: Which trials ended, (m,) bool.
        performance: Performance of the trials that ended, (m,), to be read where `ended`.
        info: What wrappers report, see `TrialWrapper.reports`: name -> (m,) values. Where the tasks of a mixture have other
            wrappers, `_name` says which lanes have it, (m,) bool.
        conditions: Conditions of the trials that ended: name -> (m, ...), to be read where `ended`.

    Example:
        >>> import numpy as np
        >>> from ngym_core import StepBatch
        >>> batch = StepBatch.at_reset(lanes=np.arange(2), ob=np.zeros((2, 3)))
        >>> batch.is_reset, batch.reward.tolist()
        (True, [0.0, 0.0])
        >>> batch.select(np.array([True, False])).ob.shape
        (1, 3)
    """

    lanes: Array
    ob: Array
    reward: Array
    action: Array | None
    gt: Array | None
    ended: Array
    performance: Array
    info: dict[str, Array] = field(default_factory=dict)
    conditions: dict[str, Array] = field(default_factory=dict)

    @classmethod
    @explained
    def at_reset(cls, lanes: Array, ob: Array) -> StepBatch:
        """Return the beginning of episodes in m lanes (indices) with their observations, (m, ...)."""
        none = np.zeros(len(lanes))
        return cls(lanes, ob, none, None, None, none.astype(bool), none)

    @property
    def is_reset(self) -> bool:
        """Whether episodes begin with this batch, so that no action was taken yet."""
        return self.action is None

    @explained
    def select(self, which: Array) -> StepBatch:
        """Return the step of the selected lanes, (m,) bool; changes made to it are brought back by `update`."""
        parts = {f.name: getattr(self, f.name) for f in fields(self)}
        return StepBatch(**{k: _select(v, which) for k, v in parts.items()})

    @explained
    def update(self, part: StepBatch, which: Array) -> None:
        """Copy the observations, rewards and info of the selected lanes, (m,) bool, from what `select` returned."""
        if part.ob.shape[1:] != self.ob.shape[1:]:
            self.ob = np.zeros((len(which), *part.ob.shape[1:]), part.ob.dtype)
        self.ob[which], self.reward[which] = part.ob.astype(self.ob.dtype), part.reward
        for name, values in part.info.items():
            self.info.setdefault(name, np.zeros(len(which)))[which] = values


class _Decided:
    """Which conditions wrappers inside decide, under the parameters that a watch remembers; a copy has found out nothing.

    Attributes:
        by: Condition -> name of the class that decides it.
        watch: Notices changed parameters; None if it was not found out yet.
    """

    def __init__(self) -> None:
        self.by: dict[str, str] = {}
        self.watch: ParameterWatch | None = None

    def __reduce__(self) -> tuple[type[_Decided], tuple[()]]:
        """Copy none of it: the env may be copied in part only by now."""
        return _Decided, ()


def _reported_by(env: gymnasium.Env[Any, Any]) -> list[str]:
    """Return the names of what the wrappers of an env report."""
    return [name for layer in played_layers(env) for name in getattr(layer, "reports", ())]


def idle_info(env: gymnasium.Env[Any, Any]) -> dict[str, Any]:
    """Return the info of a moment without an action, see `TrialEnv.step`, with 0 for all that wrappers report."""
    return {**env.unwrapped._idle_info(), **dict.fromkeys(_reported_by(env), np.float64(0))}  # type: ignore[attr-defined]


def decided_by(env: gymnasium.Env[Any, Any]) -> dict[str, str]:
    """Return which conditions the wrappers of an env decide: name -> class."""
    decided: dict[str, str] = {}
    for layer in layers(env):
        if isinstance(layer, TrialWrapper):
            decided.update(dict.fromkeys(layer._decides(), type(layer).__name__))
    return decided


def _select(value: Any, which: Array) -> Any:
    """Return the selected lanes of an attribute of a batch."""
    if isinstance(value, dict):
        return {name: _select(column, which) for name, column in value.items()}
    return value if value is None else value[which]


class TrialWrapper(gymnasium.Wrapper[Any, Any, Any, Any], RecordConstructorArgs):
    """Base of wrappers that draw conditions of trials, edit trials, or change steps.

    A subclass defines hooks that work on many trials or lanes at once, so that single envs, lanes and data sets get the
    same:

    * `draw_conditions` draws the conditions of n consecutive trials. State that goes from trial to trial is kept in
      ``draws.carried``, which restarts with the seed.
    * `edit_trials` changes n trials after the task has made them.
    * `on_step` (with `init_memory`, `seed_memory`, `paused`) changes observations and rewards of one step of many lanes.
    * `on_data` makes the changes of `on_step` in data sets, where nobody acts.

    A wrapper keeps nothing in its attributes from one hook to another: one object serves all lanes and data sets.

    Wrappers whose `draw_conditions` decide the same condition refuse each other, but those of this package that draw the
    ground truth multiply their probabilities. A condition that is recorded under one name by several layers keeps that name
    for the innermost of them; the next records it after its class, such as ``SideBias_block``.

    A wrapper in NeuroGym's style defines ``new_trial(self, **kwargs)`` and calls ``self.env.new_trial(**kwargs)``,
    or overrides `step`; it works everywhere, only slower. Public attributes of what is wrapped can be
    read through it.

    Args:
        env: The env to wrap; the task inside must be a `TrialEnv`.

    Attributes:
        chance: As for `TrialEnv`: that of the task, unless the wrapper sets another.
        reports: Names of the numbers that `on_step` reports in `batch.info`. The `info` of each step and reset has them,
            0 at a reset and where `on_step` reports none. A wrapper that defines `paused` reports that too, as 1 or 0, so
            that tables and other wrappers leave these steps out.
        names_choices: Whether it decides or records which choice is right, or what a choice means: modifiers that turn the
            answers refuse it inside of them.

    Raises:
        TypeError: The task is not a `TrialEnv`.
        ValueError: At the first trial: a wrapper inside decides the same condition, or overrules what is forced.

    Example:
        >>> import ngym_core as ngym
        >>> class MostlyHard(ngym.TrialWrapper):
        ...     def draw_conditions(self, n, draws, forced):
        ...         hard = draws.random("hard", n) < 0.8
        ...         coh = draws.choice("coh", n, [0, 6.4]) * hard + 51.2 * ~hard
        ...         return {"coh": coh, **forced}, {"hard": hard}
        >>> env = MostlyHard(ngym.make("PerceptualDecisionMaking-v0"))
        >>> trials = env.sample_trials(1000, seed=0)
        >>> sorted(set(trials.conditions["coh"].tolist())), round(trials.conditions["hard"].mean().item(), 1)
        ([0.0, 6.4, 51.2], 0.8)
    """

    _one_at_a_time: ClassVar[bool] = False
    _changes_steps: ClassVar[bool] = False
    _pauses: ClassVar[bool] = False
    _shows_step_before: ClassVar[bool] = False  # whether `on_step` appends rewards or actions to observations
    _serves_lanes: ClassVar[bool] = False  # whether a `_generate` of its own makes the trials of several lanes at once
    chance: float | None
    reports: ClassVar[tuple[str, ...]] = ()
    names_choices: ClassVar[bool] = False
    __signature__ = InitSignature()

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Record which hooks the wrapper defines, and check the names under which it reports.

        Raises:
            TypeError: `reports` is not a tuple or list of texts.
            ValueError: It has a name of which `info` has a value already.
        """
        super().__init_subclass__(**kwargs)
        if not isinstance(cls.reports, (tuple, list)) or not all(isinstance(name, str) for name in cls.reports):
            raise TypeError(f"{cls.__name__}.reports={cls.reports!r} must be a tuple of names, such as ('time_out',).")
        taken = ("new_trial", "gt", "performance", "trial", "ended_trial")
        for name in cls.reports:
            if name.removeprefix("_") in taken:  # with an underscore it says in which lanes the value is
                raise ValueError(
                    f"{cls.__name__}.reports has {name!r}, under which `info` has a value of the task: take a name that is "
                    f"none of {', '.join(taken)}."
                )
        cls._one_at_a_time = cls.new_trial is not TrialWrapper.new_trial
        cls._changes_steps = cls.on_step is not TrialWrapper.on_step
        cls._pauses = cls.paused is not TrialWrapper.paused
        if cls._pauses and "paused" not in cls.reports:
            cls.reports = (*cls.reports, "paused")
        if "__init__" in vars(cls):
            cls.__init__ = explained(cls.__init__)  # type: ignore[method-assign]
        check_attributes(cls)

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        """Check the arguments, and record them, so that Gymnasium can make the same wrapper from its `spec`."""
        given = given_arguments(inspect.signature(cls).parameters, args, kwargs)
        check_arguments(cls, given)
        self = super().__new__(cls)
        given.pop("env", None)
        RecordConstructorArgs.__init__(self, _disable_deepcopy=True, **given)
        return self

    def __init__(self, env: gymnasium.Env[Any, Any]) -> None:
        gymnasium.Wrapper.__init__(self, env)
        if not isinstance(env.unwrapped, TrialEnv):
            raise TypeError(f"Trial wrapper must be used on TrialEnv, not {type(env.unwrapped).__name__}.")
        own: Any = type(self).metadata  # Gymnasium's property, unless the class has its own
        if isinstance(own, Mapping):
            self.metadata = {**env.metadata, **own}
        self._memory: Any = None
        self._memory_draws: Draws | None = None
        self._last_ob: Any = None
        self._stream_prefix = ""
        self._comes_with_task = False
        # The class and its place among equals, from 2 on, as in recorded trials: other layers make no difference.
        name = type(self).__name__
        self._stream_name = f"{2 + sum(type(layer).__name__ == name for layer in layers(env))}:{name}"
        self._decided = _Decided()
        self._set_top(self)

    def __getattr__(self, name: str) -> Any:
        """Read public attributes of what is wrapped."""
        if name.startswith("_") or name == "env":
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        return getattr(self.env, name)

    def _set_top(self, wrapper: gymnasium.Env[Any, Any]) -> None:
        """Let a wrapper make the trials that the task inside plays."""
        outermost_trial_layer(self.env)._set_top(wrapper)

    @property
    def spec(self) -> EnvSpec | None:  # type: ignore[override]
        """What the env was made from, for `gymnasium.make`. A wrapper that a registered task brings along is part of it."""
        return self.env.spec if self._comes_with_task else super().spec

    @property
    def task(self) -> TrialEnv:
        """The task inside."""
        return self.env.unwrapped  # type: ignore[return-value]

    @property
    def ob(self) -> Array:
        """Observations of the trial, (steps, *observation shape); a wrapper in NeuroGym's style may replace them.

        Raises:
            ValueError: Rows without channels that the task paints anew at each step, when they are set.
        """
        if "ob" in vars(self):
            return vars(self)["ob"]  # type: ignore[no-any-return]
        return self.env.ob  # type: ignore[attr-defined, no-any-return]

    @ob.setter
    def ob(self, value: Array) -> None:
        shape = self.task.observation_space.shape
        if self.task.rule.is_interactive and shape and np.shape(value)[-1:] < shape[-1:]:
            raise ValueError(
                f"{type(self).__name__} replaces `ob` by rows of {np.shape(value)[-1]} channels. What {self.task} shows "
                f"depends on the agent's actions: it writes to its {shape[-1]} channels at each step. Change the "
                "observations in `on_step` instead."
            )
        vars(self)["ob"] = value

    @explained
    def own_draws(self, draws: Draws) -> Draws:
        """Return the randomness and the `carried` state of this wrapper.

        They are named by its class and its place among wrappers of that class: other layers make no difference.

        Args:
            draws: Those of the sequence of trials: of an env, a lane or a row of data.
        """
        return draws.child(self._stream_prefix + self._stream_name)

    def require_ground_truth_rule(self) -> None:
        """Raise if in the task more than the ground truth decides which actions are right.

        Raises:
            ValueError: Such a task.
        """
        for task in tasks_of(self.env):
            if not task.rule.pays_ground_truth or type(task)._step is not TrialEnv._step:
                raise ValueError(
                    f"{type(self).__name__} needs a task in which an action is right if it equals the ground truth, such as "
                    f"one with the rule FixateThenChoose. In {task} more than that decides which actions are right."
                )

    def require_periods(self, *names: str) -> None:
        """Raise if trials do not have these periods: of a mixture, those of each task.

        Raises:
            AttributeError: There is such a task.
        """
        for part in parts_of(self.env):
            if not set(names) <= set(sample_trials(part, 1, None, Draws(0), {}).start):
                quoted = " and ".join(map(repr, names))
                raise AttributeError(
                    f"{type(self).__name__} wrapper requires {quoted} period{'s' if len(names) > 1 else ''}, unlike {part}."
                )

    def stimulus_channels(self) -> Array:
        """Return the indices of the channels that show stimuli: all of the task but `fixation`, and those of `Context`.

        Of several tasks, those that show stimuli in any of them; none where observations are no vectors.
        """
        found = [np.zeros(0, np.int64)]
        for space in (task.observation_space for task in tasks_of(self.env)):
            if isinstance(space, gymnasium.spaces.Box) and len(space.shape) == 1:
                found.append(np.setdiff1d(np.arange(space.shape[0]), names_of(space).get("fixation", [])))
        found += [vars(layer)["_added_stimulus"] for layer in layers(self.env) if "_added_stimulus" in vars(layer)]
        return np.unique(np.concatenate(found))

    # ---- trials ----------------------------------------------------------------------------------

    def draw_conditions(self, n: int, draws: Draws, forced: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        """Draw conditions of n consecutive trials.

        Args:
            n: Number of trials.
            draws: Randomness and `carried` state of this wrapper.
            forced: Conditions that are forced from outside.

        Returns:
            The conditions to force on the task (`forced`, changed or completed), and those that are only recorded with
            the trials: name -> one value, or (n, ...).
        """
        return forced, {}

    def edit_trials(self, trials: Trials, draws: Draws) -> Trials:
        """Change trials after the task has made them; by default nothing.

        Args:
            trials: The trials, n consecutive ones, with the conditions that `draw_conditions` recorded.
            draws: Randomness and `carried` state of this wrapper.

        Returns:
            The same trials.
        """
        return trials

    def _generate(self, n: int, draws: Draws, forced: Mapping[str, Any], factors: Any = ()) -> Trials:
        """Return n consecutive trials; users call `sample_trials` or `new_trial`.

        Args:
            n: Number of trials.
            draws: Randomness of the sequence of trials.
            forced: Conditions that are forced from outside.
            factors: Probabilities of the choices from outer wrappers, see `ChoiceWrapper`.
        """
        if self._one_at_a_time:
            one_by_one = (conditions_of_trial(forced, i, n, known_axes(self.task)) for i in range(n))
            return concatenate([self._build_one(conditions) for conditions in one_by_one])
        to_force, recorded, factors = self._decide(n, draws, dict(forced), factors)
        decided = {name: value for name, value in to_force.items() if name not in forced}
        self._refuse_decided_inside(decided)  # before any trial is made
        trials: Trials = outermost_trial_layer(self.env)._generate(n, draws, to_force, *([factors] if factors else []))
        if decided and is_one_at_a_time(self.env):
            self._check_played(trials, decided)
        for name, value in recorded.items():
            while name in trials.conditions and name not in to_force:  # what an inner layer has recorded stays
                name = f"{type(self).__name__}_{name}"
            trials.set(name, value)
        edited = self.edit_trials(trials, self.own_draws(draws))
        if not isinstance(edited, Trials):
            raise TypeError(f"{type(self).__name__}.edit_trials must return the trials, not {shown(edited)}.")
        return edited

    def _decide(
        self, n: int, draws: Draws, forced: dict[str, Any], factors: Any
    ) -> tuple[dict[str, Any], dict[str, Any], Any]:
        """Return the conditions to force and to record in n trials, and the factors for wrappers inside."""
        drawn = self.draw_conditions(n, self.own_draws(draws), dict(forced))
        if not isinstance(drawn, tuple) or len(drawn) != 2:
            raise TypeError(
                f"{type(self).__name__}.draw_conditions must return two dictionaries, the conditions to force and those to "
                f"record, not {type(drawn).__name__}."
            )
        to_force, recorded = drawn
        for name in forced:
            if name in to_force and to_force[name] is not forced[name] and not is_same_value(to_force[name], forced[name]):
                raise ValueError(
                    f"{type(self).__name__}.draw_conditions overrules {name!r}, which is forced from outside. What is "
                    "forced prevails: return {..., **forced}."
                )
        return to_force, recorded, factors

    def _decided_inside(self) -> dict[str, str]:
        """Return which conditions wrappers inside decide: name -> class. They are asked for one trial that nobody plays.

        They are asked again when a parameter was changed.
        """
        if self._decided.watch is not None and not self._decided.watch.changed:
            return self._decided.by
        watch = ParameterWatch(self.env)
        self._decided.by, self._decided.watch = decided_by(self.env), watch
        return self._decided.by

    def _decides(self) -> Iterable[str]:
        """Return the names of the conditions that this wrapper decides, as it does in a trial that nobody plays."""
        if type(self).draw_conditions is TrialWrapper.draw_conditions:
            return ()
        return self.draw_conditions(1, self.own_draws(Draws(0)), {})[0]

    def _refuse_decided_inside(self, names: Iterable[str]) -> None:
        """Raise if a wrapper inside decides one of the conditions that this one decides.

        Raises:
            ValueError: There is such a wrapper.
        """
        names = list(names)
        inside = self._decided_inside() if names else {}
        for name in names:
            if name in inside:
                raise ValueError(
                    f"{type(self).__name__} and {inside[name]} both decide {name!r}: one would "
                    "overrule the other. Use one of them."
                )

    def _check_played(self, trials: Trials, decided: Mapping[str, Any]) -> None:
        """Raise if a layer in NeuroGym's style has not passed on what was decided: what is recorded would not have held."""
        for name, value in decided.items():
            played = trials.conditions.get(name)
            if played is not None and not is_same_value(played, value):
                raise ValueError(
                    f"{type(self).__name__} decides {name!r}, but a layer inside of it has decided otherwise: "
                    f"{[type(layer).__name__ for layer in layers(self.env)]}. Conditions must be passed on by `new_trial`."
                )

    def _build_one(self, forced: Mapping[str, Any]) -> Trials:
        """Return one trial, made by the `new_trial` of a wrapper in NeuroGym's style."""
        before = {name: vars(self).get(name) for name in ("ob", "gt")}
        self.new_trial(**forced)
        trials = self.task._single.trials
        for name, array in before.items():
            if (own := vars(self).get(name)) is not array:  # the wrapper shows other arrays than the task
                trials._observations.set_array(name, np.asarray(own)[None])
        return trials

    def _install(self, trials: Trials) -> None:
        """Make the first of these trials the one that is being played."""
        outermost_trial_layer(self.env)._install(trials)

    def new_trial(self, **kwargs: Any) -> dict[str, Any]:
        """Begin a new trial at once, see `TrialEnv.new_trial`."""
        self.task.performance = 0
        self._install(self._generate(1, self.task._draws, kwargs))
        return copy_conditions(self.task.trial)

    @explained
    def sample_trials(self, n: int, seed: int | None = None, draws: Draws | None = None, **conditions: Any) -> Trials:
        """Return n consecutive trials, made at once, see `TrialEnv.sample_trials`."""
        return sample_trials(self, n, seed, draws, conditions)

    def get_state(self) -> dict[str, Any]:
        """Return what the env will do next, as plain data, see `TrialEnv.get_state`."""
        return get_state(self)

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Go on from a state, see `TrialEnv.set_state`."""
        set_state(self, state)

    def _state_was_set(self) -> None:
        """Follow the draws of the task, after a state was set."""
        self._memory_draws = self.task._draws if self._memory_draws else None

    # ---- steps -----------------------------------------------------------------------------------

    def init_memory(self, n: int) -> Any:
        """Return the state that the wrapper keeps of n lanes from step to step; by default None."""
        return None

    def seed_memory(self, memory: Any, lane: int, draws: Draws) -> None:
        """Reset a lane's memory when the lane is seeded, with its randomness; by default nothing."""

    def paused(self, memory: Any) -> Array:
        """Return which lanes are paused in the next step, (n,) bool: the wrapped env skips that step.

        `on_step` is called all the same, with the last observation again, no reward, and 0 as ground truth.
        """
        raise NotImplementedError

    def on_data(self, trials: Trials, draws: Draws) -> Trials:
        """Change trials for data sets, which hold what an agent sees that plays the ground truth; by default nothing.

        Args:
            trials: The trials, n consecutive ones.
            draws: Randomness and `carried` state of this wrapper.

        Returns:
            The same trials.
        """
        return trials

    def on_step(self, memory: Any, batch: StepBatch) -> None:
        """Change one step of m lanes, or the beginning of their episodes, in place; by default nothing.

        Args:
            memory: What `init_memory` returned, of all lanes.
            batch: The step.
        """

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Begin an episode, see `TrialEnv.reset`."""
        ob, info = self.env.reset(seed=seed, options=options)
        if not self._changes_steps:
            return ob, info
        if self._plays:
            ob = self._observe_at_reset(ob)
        return ob, {**info, **dict.fromkeys(self.reports, np.float64(0))}

    @property
    def _plays(self) -> bool:
        """Whether the trial that begins is one of the task inside, and not of another one of a mixture around."""
        return self.unwrapped is self.task._top.unwrapped

    def _observe_at_reset(self, ob: Any, reward: float = 0.0, action: Any = None) -> Any:
        """Return what this wrapper shows of the first observation of an episode, or of a trial after another task's.

        Args:
            ob: The observation.
            reward: Reward of the step before, if there was one.
            action: Its action.
        """
        self._prepare_memory()
        self._last_ob = np.array(ob)
        batch = StepBatch.at_reset(np.zeros(1, int), np.array(ob)[None])
        if self._shows_step_before and action is not None:
            batch.reward, batch.action = np.array([reward], float), np.asarray(action)[None]
        self._run_on_step(batch)
        if self.task._recorder is not None:
            self.task._recorder.change(batch.ob)
        return batch.ob[0]

    def _run_on_step(self, batch: StepBatch) -> None:
        """Call `on_step` for a single env, without the channels that an outer wrapper added to the trials."""
        shape = self.env.observation_space.shape
        if not shape or batch.ob.shape[-1] == shape[-1]:
            self._call_on_step(self._memory, batch)
            return
        added = batch.ob[..., shape[-1] :]
        batch.ob = batch.ob[..., : shape[-1]]
        self._call_on_step(self._memory, batch)
        batch.ob = np.concatenate([batch.ob, added], axis=-1, dtype=batch.ob.dtype)

    def _call_on_step(self, memory: Any, batch: StepBatch) -> None:
        """Call `on_step`, which may report the names in `reports` only.

        Raises:
            ValueError: It reports another one, or not one number for each lane.
        """
        names = set(batch.info)
        paused = self.paused(memory)[batch.lanes] if self._pauses and not batch.is_reset else None
        self.on_step(memory, batch)
        if paused is not None:
            batch.info["paused"] = np.maximum(paused, batch.info.get("paused", 0.0)).astype(float)
        for reported in (None, *self.reports):
            value = batch.reward if reported is None else batch.info.get(reported)
            if value is not None and np.shape(value)[:1] != (len(batch.lanes),):
                what = "batch.reward" if reported is None else f"batch.info[{reported!r}]"
                raise ValueError(
                    f"{type(self).__name__}.on_step must leave {what} an array of one number for each of the lanes "
                    f"({len(batch.lanes)}), not {shown(value)}."
                )
        for name in self.reports:
            batch.info.pop(f"_{name}", None)  # inner layers reported it in some lanes only, and now all have it
        for name in batch.info.keys() - names - set(self.reports):
            raise ValueError(
                f"{type(self).__name__}.on_step reports {name!r}, which is none of its `reports` {self.reports}: name it "
                "there, so that the info of each step and reset has it."
            )

    def _follow_due_times(self, recorder: TrialRecorder) -> TrialRecorder:
        """Let a recorder count reaction times from where a wrapper around this one does, and return it."""
        around = [
            layer for layer in layers(self.task._top) if layer is not self and any(one is self for one in layers(layer))
        ]
        recorder.steps_before_due = sum(getattr(type(layer), "steps_before_due", 0) for layer in around)
        return recorder

    def _prepare_memory(self) -> None:
        """Make new memory for a single env if the env was seeded since the last step."""
        if self._memory_draws is not self.task._draws:
            self._memory, self._memory_draws = self.init_memory(1), self.task._draws
            self.seed_memory(self._memory, 0, self.own_draws(self.task._draws))

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """Take one step, see `TrialEnv.step`."""
        if self._changes_steps:
            self._prepare_memory()
        if self._pauses and self.paused(self._memory)[0]:
            result: Any = self._last_ob, 0.0, False, False, idle_info(self.env)
            if self.task._recorder is not None:
                self.task._record_step(action, result)
        else:
            result = self.env.step(action)
        ob, reward, terminated, truncated, info = result
        if not self._changes_steps:
            return result  # type: ignore[no-any-return]
        self._last_ob = np.array(ob)
        reported = ("reaction_time", *_reported_by(self.env))
        batch = StepBatch(
            lanes=np.zeros(1, int),
            ob=np.array(ob)[None],
            reward=np.array([reward], float),
            action=np.asarray(action)[None],
            gt=np.asarray(info["gt"])[None],
            ended=np.array([info["new_trial"]]),
            performance=np.array([info["performance"]], float),
            info={name: np.array([info[name]], float) for name in reported if name in info},
            conditions={k: np.asarray(v)[None] for k, v in info["ended_trial"].items()} if info["new_trial"] else {},
        )
        self._run_on_step(batch)
        if batch.ended[0] and not self._plays:  # the observation is for the wrappers of the task that begins a trial
            batch.ob = np.array(ob)[None]
        if self.task._recorder is not None:
            self.task._recorder.change(batch.ob, batch.reward)
        return batch.ob[0], float(batch.reward[0]), terminated, truncated, {**info, **self._reported(batch)}

    def _reported(self, batch: StepBatch) -> dict[str, Any]:
        """Return what this wrapper reports of a single env: name -> number."""
        return {name: np.float64(batch.info[name][0] if name in batch.info else 0) for name in self.reports}

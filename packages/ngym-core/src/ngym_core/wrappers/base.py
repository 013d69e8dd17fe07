"""TrialWrapper: base of the wrappers that draw conditions of trials, edit trials, or change steps."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar, Self, TypeAlias

import gymnasium
import numpy as np
from gymnasium.utils import RecordConstructorArgs
from numpy.typing import NDArray

from ngym_core.env import TrialEnv, copy_conditions
from ngym_core.random import Draws
from ngym_core.sampling import conditions_of_trial, layers, outermost_trial_layer, sample_trials
from ngym_core.trials import Trials, concatenate

__all__ = ["StepBatch", "TrialWrapper"]

Array: TypeAlias = NDArray[Any]


@dataclass
class StepBatch:
    """One step (or reset) of m lanes; what `TrialWrapper.on_step` sees and changes.

    Attributes:
        lanes: Which lanes, (m,) indices into the wrapper's memory.
        ob: Observations, (m, ...).
        reward: Rewards, (m,) float64.
        action: Actions, (m, ...); None at a reset.
        gt: Ground truth of the step, (m, ...); None at a reset.
        ended: Which trials ended, (m,) bool.
        performance: Their performance, (m,).
        info: What the wrapper reports: name -> (m,) values.
        conditions: Conditions of the trials that ended: name -> (m, ...), to be read where `ended`.
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
    def at_reset(cls, lanes: Array, ob: Array) -> StepBatch:
        """The beginning of episodes in m lanes: no action was taken yet."""
        none = np.zeros(len(lanes))
        return cls(lanes, ob, none, None, None, none.astype(bool), none)

    @property
    def is_reset(self) -> bool:
        """Whether episodes begin, so that no action was taken yet."""
        return self.action is None

    def select(self, which: Array) -> StepBatch:
        """Return the same step of some of the lanes, (m,) bool; changes made to it come back with `update`."""
        parts = {f.name: getattr(self, f.name) for f in fields(self)}
        return StepBatch(**{k: _select(v, which) for k, v in parts.items()})

    def update(self, part: StepBatch, which: Array) -> None:
        """Take over what was changed in some of the lanes, (m,) bool."""
        if part.ob.shape[1:] != self.ob.shape[1:]:
            self.ob = np.zeros((len(which), *part.ob.shape[1:]), part.ob.dtype)
        self.ob[which], self.reward[which] = part.ob.astype(self.ob.dtype), part.reward
        for name, values in part.info.items():
            self.info.setdefault(name, np.full(len(which), np.nan))[which] = values


def _select(value: Any, which: Array) -> Any:
    if isinstance(value, dict):
        return {name: _select(one, which) for name, one in value.items()}
    return value if value is None else value[which]


class TrialWrapper(gymnasium.Wrapper[Any, Any, Any, Any], RecordConstructorArgs):
    """A wrapper that decides about trials, or changes what goes in and out of steps.

    What a subclass defines, it defines for many at once; so single envs, lanes and data sets get the same:

    * `draw_conditions`: the conditions of n consecutive trials. What is carried from trial to trial is kept in
      ``draws.carried``, which restarts with the seed.
    * `edit_trials`: changes of n trials after the task has made them.
    * `on_step` (and `init_memory`, `seed_memory`, `paused`): observations and rewards of one step of many lanes.
    * `on_data`: what `on_step` amounts to in data sets, where nobody acts.

    A wrapper keeps nothing in its attributes from one hook to another: one object serves all lanes and data sets.

    A wrapper in NeuroGym's style defines ``new_trial(self, **kwargs)`` and calls ``self.env.new_trial(**kwargs)``,
    or overrides `step`; it works everywhere, only slower. Public attributes of what is wrapped can be
    read through it.

    Args:
        env: The env to wrap; the task inside must be a `TrialEnv`.

    Attributes:
        chance: As for `TrialEnv`: that of the task, unless the wrapper says otherwise.

    Raises:
        TypeError: The task is not a `TrialEnv`.
    """

    _one_at_a_time: ClassVar[bool] = False
    _changes_steps: ClassVar[bool] = False
    _pauses: ClassVar[bool] = False
    chance: float | None

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Note what the wrapper does."""
        super().__init_subclass__(**kwargs)
        cls._one_at_a_time = cls.new_trial is not TrialWrapper.new_trial
        cls._changes_steps = cls.on_step is not TrialWrapper.on_step
        cls._pauses = cls.paused is not TrialWrapper.paused

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        """Note the arguments, so that Gymnasium can make the same again from the wrapper's `spec`."""
        self = super().__new__(cls)
        given = {**dict(zip(list(inspect.signature(cls).parameters), args, strict=False)), **kwargs}
        given.pop("env", None)
        RecordConstructorArgs.__init__(self, _disable_deepcopy=True, **given)
        return self

    def __init__(self, env: gymnasium.Env[Any, Any]) -> None:
        gymnasium.Wrapper.__init__(self, env)
        if not isinstance(env.unwrapped, TrialEnv):
            raise TypeError(f"Trial wrapper must be used on TrialEnv, not {type(env.unwrapped).__name__}.")
        self._memory: Any = None
        self._draws_of_memory: Draws | None = None
        self._seen: Any = None
        self._stream_prefix = ""
        self._set_top(self)

    def __getattr__(self, name: str) -> Any:
        """Read public attributes of what is wrapped."""
        if name.startswith("_") or name == "env":
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        return getattr(self.env, name)

    def _set_top(self, wrapper: gymnasium.Env[Any, Any]) -> None:
        """Tell the task inside that a wrapper decides about new trials."""
        outermost_trial_layer(self.env)._set_top(wrapper)

    @property
    def task(self) -> TrialEnv:
        """The task inside."""
        return self.env.unwrapped  # type: ignore[return-value]

    def own_draws(self, draws: Draws) -> Draws:
        """Give the randomness and the `carried` state of this wrapper within those of a session."""
        return draws.child(f"{self._stream_prefix}{len(layers(self))}:{type(self).__name__}")

    def require_ground_truth_rule(self) -> None:
        """Refuse a task in which more than the ground truth says what is right.

        Raises:
            ValueError: Such a task.
        """
        if not self.task.rule.pays_ground_truth or type(self.task)._step is not TrialEnv._step:
            raise ValueError(
                f"{type(self).__name__} changes the ground truth. In {self.task} more than that says what is right; "
                "it needs a task with the rule FixateThenChoose or RespondWhenDue."
            )

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

    def _generate(self, n: int, draws: Draws, forced: Mapping[str, Any]) -> Trials:
        """Make n consecutive trials; users call `sample_trials` or `new_trial`."""
        if self._one_at_a_time:
            return concatenate([self._build_one(conditions_of_trial(forced, i, n)) for i in range(n)])
        own = self.own_draws(draws)
        decided = self.draw_conditions(n, own, dict(forced))
        if not isinstance(decided, tuple) or len(decided) != 2:
            raise TypeError(
                f"{type(self).__name__}.draw_conditions must return two dictionaries, the conditions to force and those to "
                f"record, not {type(decided).__name__}."
            )
        trials: Trials = outermost_trial_layer(self.env)._generate(n, draws, decided[0])
        for name, value in decided[1].items():
            trials.set(name, value)
        return self.edit_trials(trials, own)

    def _build_one(self, forced: Mapping[str, Any]) -> Trials:
        self.new_trial(**forced)
        return self.task._single.trials

    def _install(self, trials: Trials) -> None:
        """Make the first of these trials the one that is played."""
        outermost_trial_layer(self.env)._install(trials)

    def new_trial(self, **kwargs: Any) -> dict[str, Any]:
        """Begin a new trial at once, see `TrialEnv.new_trial`."""
        self.task.performance = 0
        self._install(self._generate(1, self.task._draws, kwargs))
        return copy_conditions(self.task.trial)

    def sample_trials(self, n: int, seed: int | None = None, draws: Draws | None = None, **conditions: Any) -> Trials:
        """Make n consecutive trials at once, see `TrialEnv.sample_trials`."""
        return sample_trials(self, n, seed, draws, conditions)

    # ---- steps -----------------------------------------------------------------------------------

    def init_memory(self, n: int) -> Any:
        """Make what the wrapper remembers of n lanes from step to step; by default nothing."""
        return None

    def seed_memory(self, memory: Any, lane: int, draws: Draws) -> None:
        """Give a lane's memory its randomness, when the lane is seeded."""

    def paused(self, memory: Any) -> Array:
        """Return which lanes are paused in the next step, (n,) bool: the wrapped env skips that step.

        `on_step` still sees it: the same observation again, no reward, and 0 as ground truth.
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
        """Change one step of some lanes, or the beginning of their episodes, in place.

        Args:
            memory: What the wrapper remembers of all lanes.
            batch: The step.
        """

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Begin an episode, see `TrialEnv.reset`."""
        ob, info = self.env.reset(seed=seed, options=options)
        if not self._changes_steps:
            return ob, info
        self._remember()
        self._seen = np.array(ob)
        batch = StepBatch.at_reset(np.zeros(1, int), np.array(ob)[None])
        self._change_own_channels(batch)
        return batch.ob[0], info

    def _change_own_channels(self, batch: StepBatch) -> None:
        """Change a batch of a single env; channels that an outer wrapper added to the trials pass by."""
        shape = self.env.observation_space.shape
        if not shape or batch.ob.shape[-1] == shape[-1]:
            self.on_step(self._memory, batch)
            return
        added = batch.ob[..., shape[-1] :]
        batch.ob = batch.ob[..., : shape[-1]]
        self.on_step(self._memory, batch)
        batch.ob = np.concatenate([batch.ob, added], axis=-1, dtype=batch.ob.dtype)

    def _remember(self) -> None:
        """Make the memory of a single env anew where it was seeded."""
        if self._draws_of_memory is not self.task._draws:
            self._memory, self._draws_of_memory = self.init_memory(1), self.task._draws
            self.seed_memory(self._memory, 0, self.own_draws(self.task._draws))

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """Take one step, see `TrialEnv.step`."""
        if self._changes_steps:
            self._remember()
        if self._pauses and self.paused(self._memory)[0]:
            still = np.zeros(self.action_space.shape or (), self.action_space.dtype)
            stepped: Any = self._seen, 0.0, False, False, {"new_trial": False, "gt": still[()]}
        else:
            stepped = self.env.step(action)
        ob, reward, terminated, truncated, info = stepped
        if not self._changes_steps:
            return stepped  # type: ignore[no-any-return]
        self._seen = np.array(ob)
        batch = StepBatch(
            lanes=np.zeros(1, int),
            ob=np.array(ob)[None],
            reward=np.array([reward], float),
            action=np.asarray(action)[None],
            gt=np.asarray(info["gt"])[None],
            ended=np.array([info["new_trial"]]),
            performance=np.array([info.get("performance", 0.0)], float),
            info={name: np.array([info[name]], float) for name in ("reaction_time",) if name in info},
            conditions={name: np.asarray(value)[None] for name, value in info.get("ended_trial", {}).items()},
        )
        self._change_own_channels(batch)
        reported = {name: value[0].item() for name, value in batch.info.items() if not np.isnan(value[0])}
        return batch.ob[0], float(batch.reward[0]), terminated, truncated, {**info, **reported}

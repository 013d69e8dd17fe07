"""TrialEnv: base class of tasks, a Gymnasium env whose episodes are made of trials."""

from __future__ import annotations

import functools
import inspect
import operator
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType, SimpleNamespace
from typing import Annotated, Any, ClassVar, ParamSpec, Self, TypeAlias, cast

import gymnasium
import gymnasium.error
import numpy as np
from gymnasium import spaces
from gymnasium.envs.registration import EnvSpec
from numpy.typing import ArrayLike, NDArray

from ngym_core._copying import copy_attributes
from ngym_core.arguments import (
    Count,
    Finite,
    GivenArgument,
    InstanceOf,
    Milliseconds,
    RenderMode,
    Seed,
    check_arguments,
    check_attributes,
    checked,
    explained,
    given_arguments,
    shown,
)
from ngym_core.errors import UnknownNameError, unknown_name
from ngym_core.neurogym_style import SingleTrial, Value
from ngym_core.parameters import Parameters, ParametersAttribute, UnsetSpace
from ngym_core.plugins.registry import pack_manager
from ngym_core.random import Draws, TruncExp
from ngym_core.rendering import PlayedTrial, PlayedTrialRecorder, frames_per_second, record_trials
from ngym_core.rules import Rule, checked_facts
from ngym_core.sampling import (
    IsolatedState,
    conditions_of_trial,
    is_one_at_a_time,
    known_axes,
    refuse_overruled_conditions,
    refuse_unknown_conditions,
    sample_trials,
    tasks_of,
)
from ngym_core.spaces import Where
from ngym_core.state import InitSignature, get_state, set_state
from ngym_core.trials import Trials, concatenate
from ngym_core.trials.durations import has_own_state, to_steps

__all__ = ["Rewards", "Timing", "TrialEnv"]

P = ParamSpec("P")
Info: TypeAlias = dict[str, Any]
NONE = type(None)
RESET_OPTIONS = InstanceOf((Mapping, NONE), "a dictionary, or None")
"""What `options` of a reset may be."""
Rewards: TypeAlias = Annotated[
    Mapping[str, float] | None, InstanceOf((Mapping, NONE), "a dictionary, event -> reward, or None")
]
Timing: TypeAlias = Annotated[
    Mapping[str, Any] | None, InstanceOf((Mapping, NONE), "a dictionary, period -> duration in ms, or None")
]
Step: TypeAlias = tuple[Any, Any, bool, bool, Info]

NO_PERFORMANCE = np.float64(0)
"""What `info` reports where no trial ended."""
EMPTY_TRIAL_MS = 10_000
"""Length of a trial that has no period, in ms."""


def _noting_the_end(init: Callable[P, None]) -> Callable[P, None]:
    """Decorate the `__init__` of a task so that the task knows when it is made; those of bases are over before."""

    @functools.wraps(init)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        init(*args, **kwargs)
        self: Any = args[0]
        if type(self).__init__ is run:
            # A task in NeuroGym's style keeps its state under any names.
            self._is_made = type(self)._new_trials is not TrialEnv._new_trials and not self._one_at_a_time

    return run


class TrialEnv(gymnasium.Env[Any, Any]):
    """A task made of trials, as a Gymnasium env.

    A task is a subclass that sets `observation_space` and `action_space` and defines `_new_trials`, which
    builds n trials at once. What an action earns is the task's `rule`; a task with another protocol defines
    `_step` instead. A task in NeuroGym's style defines `_new_trial(self, **kwargs) -> dict` and
    `_step(self, action)`; it works everywhere, only slower.

    Args:
        dt: Time step in ms.
        num_trials_before_reset: Number of trials after which an episode ends (`truncated`).
        r_tmax: Reward added when a trial runs out of steps.
        rewards: Values that replace `default_rewards`.
        timing: Values that replace `default_timing` (ms), see `ngym_core.trials.durations.check_duration`.
        render_mode: What `render` returns: ``"rgb_array"`` for an image, which a pack such as ngym-plot draws.

    Attributes:
        default_timing: Period -> duration in ms.
        default_rewards: Event -> reward.
        rule: What an action earns, see `Rule`.
        abort: Whether breaking fixation ends the trial.
        chance: Mean performance of random actions (each as likely as the others at each step); None if not known.
        sure_rewards: False if the right action may go unrewarded by chance.
        has_answer: False if no action is ever right and none earns anything (`check_task` reports it otherwise).
        observable_answer: False if what a trial shows does not tell its answer, by design: a bandit, a hidden context.
        fixed_parameters: Names of arguments that cannot be assigned to a task that is made, though it keeps them, such as
            one that decides its spaces; those of its bases hold too. What it does not keep cannot be assigned anyway.
        unused_channels: Names of channels to which nothing may ever be written.
        choice_conditions: Conditions that name a choice as `ground_truth` does; modifiers that turn the answer turn all.
        blank: Value of a channel that shows nothing, for wrappers that empty channels.
        can_prefetch: Whether the next trials can be made in advance: False if they depend on what the agent does.
        dt: Time step in ms.
        timing: Period -> duration; a changed value counts from the next trial on.
        rewards: Event -> reward; a changed value counts at once, that of `miss` with the next trial.
        performance: Score of the trial so far, from 0 to 1; each trial starts anew.
        num_tr: Number of trials begun since the last reset.
        trial: Conditions of the trial that is being played, name -> value.
        t_ind: Step in the trial, from 0.

    Raises:
        ValueError: A time step that is not a positive number, or a duration or reward that is no number.
        UnknownNameError: A key that the task does not have.

    Example:
        >>> import numpy as np, ngym_core as ngym
        >>> class TwoSides(ngym.TrialEnv):
        ...     default_timing = {"fixation": 200, "stimulus": 300, "decision": 100}
        ...     default_rewards = {"abort": -0.1, "correct": 1.0, "fail": 0.0}
        ...     rule = ngym.FixateThenChoose()
        ...     def __init__(self, **kwargs):
        ...         super().__init__(**kwargs)
        ...         self.observation_space = ngym.spaces.Box(0, 1, {"fixation": 0, "sides": [1, 2]}, shape=(3,))
        ...         self.action_space = ngym.spaces.Discrete(3, {"fixation": 0, "choice": [1, 2]})
        ...     def _new_trials(self, trials):
        ...         side = trials.choice("ground_truth", [0, 1])
        ...         trials.add_period(["fixation", "stimulus", "decision"])
        ...         trials.add_ob(1, ["fixation", "stimulus"], where="fixation")
        ...         trials.add_ob(np.eye(2)[side], "stimulus", where="sides")
        ...         trials.set_groundtruth(side, "decision", where="choice")
        >>> env = TwoSides()
        >>> ob, info = env.reset(seed=0)
        >>> rewards = [env.step(action)[1] for action in env.gt.tolist()]  # an agent that plays the ground truth
        >>> rewards
        [0.0, 0.0, 0.0, 0.0, 0.0, 1.0]
        >>> env.sample_trials(100, seed=0).ob.shape
        (100, 6, 3)
    """

    metadata: dict[str, Any] = {"render_modes": ["rgb_array"], "render_fps": frames_per_second(100)}
    default_timing: Mapping[str, Any] = {}
    default_rewards: Mapping[str, float] = {}
    rule: Rule = Rule()
    abort: bool = False
    chance: ClassVar[float | None] = None
    sure_rewards: ClassVar[bool] = True
    can_prefetch: ClassVar[bool] = True
    has_answer: ClassVar[bool] = True
    fixed_parameters: ClassVar[tuple[str, ...]] = ("dt",)
    observable_answer: ClassVar[bool] = True
    unused_channels: ClassVar[tuple[str, ...]] = ()
    choice_conditions: ClassVar[tuple[str, ...]] = ("ground_truth",)
    blank: ClassVar[float] = 0
    observation_space: gymnasium.Space[Any] = cast(Any, UnsetSpace("observation_space"))
    action_space: gymnasium.Space[Any] = cast(Any, UnsetSpace("action_space"))
    timing: Any = ParametersAttribute("timing", "timing")
    rewards: Any = ParametersAttribute("reward", "rewards")
    _one_at_a_time: ClassVar[bool] = False
    _default_ob_value: float | None = None
    _warned_of_four_values: ClassVar[bool] = False
    _recorder: PlayedTrialRecorder | None = None
    _parameters: dict[str, Any]
    _spec: EnvSpec | None = None
    _is_made: bool = False  # `__init__` is over, so that parameters that are fixed then cannot be assigned any more
    __signature__ = InitSignature()

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Complete the metadata and record whether the task is written in NeuroGym's style."""
        super().__init_subclass__(**kwargs)
        cls.metadata = {**TrialEnv.metadata, **cls.metadata}
        cls._one_at_a_time = cls._new_trial is not TrialEnv._new_trial
        if "__init__" in vars(cls):
            cls.__init__ = _noting_the_end(explained(cls.__init__))  # type: ignore[method-assign]
        check_attributes(cls)
        for name in inspect.signature(cls.__init__).parameters:
            if not hasattr(cls, name):
                setattr(cls, name, GivenArgument(name))

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        """Check the arguments, see `ngym_core.arguments`, and record them, since a state must agree in them."""
        parameters = inspect.signature(cls).parameters
        given = given_arguments(parameters, args, kwargs)
        check_arguments(cls, given)
        self = super().__new__(cls)
        defaults = {name: p.default for name, p in parameters.items() if p.default is not inspect.Parameter.empty}
        self._parameters = {name: value for name, value in {**defaults, **given}.items() if name != "render_mode"}
        return self

    @_noting_the_end
    def __init__(
        self,
        dt: Milliseconds = 100,
        num_trials_before_reset: Count = 10_000_000,
        r_tmax: Finite = 0,
        *,
        rewards: Rewards = None,
        timing: Timing = None,
        render_mode: RenderMode = None,
    ) -> None:
        if isinstance(self.rule, type):
            name = self.rule.__name__
            raise TypeError(f"{type(self).__name__}.rule is the class {name}; expected an object of it: rule = {name}().")
        self.dt = dt
        self.metadata = {**self.metadata, "render_fps": frames_per_second(dt)}
        self.r_tmax = r_tmax
        self.num_tr_exp = num_trials_before_reset
        optional = self.rule.optional_rewards if self.default_rewards else ()
        self.timing = Parameters("timing", self.default_timing, timing)
        self.rewards = Parameters("reward", self.default_rewards, rewards, optional)
        self.performance: float = 0
        self.num_tr = 0
        self.trial: dict[str, Any] = {}
        self.t_ind = 0
        self._single = SingleTrial(self, int(EMPTY_TRIAL_MS / dt))
        self._top: gymnasium.Env[Any, Any] = self
        self._ob_source: Any = self  # whose `ob` is shown: a wrapper in NeuroGym's style may replace the array
        self._now: Any = SimpleNamespace()  # what the rule knows of the trial, see `ngym_core.rules`
        self._started = False
        self._has_next_trial = False  # an episode ended, and no step of the next trial is taken
        self._ob_now: Any = None
        self._object_conditions: frozenset[str] = frozenset()  # of a mixture, see `copy_conditions`
        self._draw_from(Draws())
        if render_mode is not None:
            record_trials(self, render_mode)

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """Return a copy that goes on as this env would, also where functions in its attributes refer to it."""
        copied = type(self).__new__(type(self))
        memo[id(self)] = copied
        attributes = {name: value for name, value in vars(self).items() if name != "_rng"}
        vars(copied).update(copy_attributes(attributes, memo))
        copied._set_legacy_normal(self._legacy_normal())
        return copied

    def __str__(self) -> str:
        """Show the class in angle brackets, as Gymnasium does."""
        return f"<{type(self).__name__}>"

    @property
    def spec(self) -> EnvSpec | None:
        """What the env was made from, for `gymnasium.make`: plain data wherever a parameter can be written as such."""
        return self._spec

    @spec.setter
    def spec(self, value: EnvSpec | None) -> None:
        self._spec = value if value is None else replace(value, kwargs=_plain(value.kwargs))

    # ---- what a task defines ---------------------------------------------------------------------

    def _new_trials(self, trials: Trials) -> None:
        """Draw conditions, add periods, paint observations and set the ground truth of n trials.

        Args:
            trials: The empty trials, see `Trials`.
        """
        raise NotImplementedError(f"{self} defines neither _new_trials nor NeuroGym's _new_trial.")

    def _new_trial(self, **kwargs: Any) -> dict[str, Any]:
        """Build one trial with the env's verbs and return its conditions (NeuroGym's style).

        A subclass of a task that defines `_new_trials` may call it by `super`: it builds one trial as that task does.

        Args:
            **kwargs: Conditions to force.
        """
        trials = Trials(self, 1, self._draws, kwargs)
        self._new_trials(trials)
        return self._single.adopt(trials._finish())

    def _step(self, action: Any) -> Step:
        """Evaluate an action by the task's rule; a task with another protocol overrides it.

        Returns:
            As `step`; of `info` only `new_trial` (whether the trial ends) is needed.
        """
        now = self._now
        now.step = self.t_ind
        now.gt = gt = self._ground_truth()
        result = self.rule.step_one(self, now, self._check_action(action))
        if type(result) is not tuple or len(result) != 2:
            raise TypeError(
                f"{type(self.rule).__name__}.step_one must return two values, the reward and whether the trial ends, not "
                f"{shown(result)}."
            )
        reward, ends = result
        self.performance = now.performance
        return self.ob_now, reward, False, False, {"new_trial": ends, "gt": gt}

    def post_step(self, ob: Any, reward: Any, terminated: bool, truncated: bool, info: Info) -> Step:
        """Return the results of a step, which a task may override to change them."""
        return ob, reward, terminated, truncated, info

    # ---- randomness ------------------------------------------------------------------------------

    @checked
    def seed(self, seed: Seed = None) -> list[int | None]:
        """Restart all randomness, and all that is carried from trial to trial, at the next trial.

        Args:
            seed: Any integer from 0; None takes one from the operating system.

        Returns:
            A list with the seed.
        """
        self._draw_from(Draws(seed))
        if (space := getattr(self, "action_space", None)) is not None:  # a task may seed itself before it sets its spaces
            space.seed(seed)
        return [seed]

    def _draw_from(self, draws: Draws) -> None:
        """Take all randomness from these draws, from the next trial on."""
        self._draws, self._has_next_trial = draws, False
        for period, value in self.timing.items():
            if has_own_state(value) and hasattr(value, "seed"):
                value.seed(int(draws.stream(f"timing/{period}/seed").integers(2**32)))
        self._np_random = draws.np_random
        self._np_random_seed = draws.seed

    @property
    def np_random(self) -> np.random.Generator:
        """Gymnasium's generator. Setting it restarts all randomness, which follows from it then, at the next trial."""
        return self._np_random  # type: ignore[return-value]

    @np_random.setter
    def np_random(self, value: np.random.Generator) -> None:
        if not isinstance(value, np.random.Generator):
            raise TypeError(f"np_random must be a numpy.random.Generator, not {type(value).__name__}.")
        draws = Draws(int(value.integers(2**63)), np_random=value)
        for task in tasks_of(self._top):
            task._draw_from(draws)

    @property
    def carried(self) -> dict[str, Any]:
        """State that goes from trial to trial, for a `_step` that changes it; it restarts with the seed."""
        return self._single.trials.carried

    @property
    def rng(self) -> np.random.RandomState:
        """`np_random` with NumPy's legacy method names, for tasks written in NeuroGym's style."""
        rng = self.__dict__.get("_rng")
        if rng is None or rng[0] is not self._np_random:
            rng = (self._np_random, np.random.RandomState(self._np_random.bit_generator))  # type: ignore[union-attr]
            self.__dict__["_rng"] = rng
        return rng[1]

    def _legacy_normal(self) -> list[Any] | None:
        """Return the normal number that `rng` keeps, since it makes them in pairs: whether it has one, and which."""
        rng = vars(self).get("_rng")
        if rng is None or rng[0] is not self._np_random:
            return None
        state = rng[1].get_state(legacy=False)
        return [int(state["has_gauss"]), float(state["gauss"])]

    def _set_legacy_normal(self, kept: list[Any] | None) -> None:
        """Set what `_legacy_normal` returned."""
        if kept is not None:
            self.rng.set_state({**self.rng.get_state(legacy=False), "has_gauss": kept[0], "gauss": kept[1]})

    # ---- trials ----------------------------------------------------------------------------------

    def _generate(self, n: int, draws: Draws, forced: Mapping[str, Any]) -> Trials:
        """Return n consecutive trials; users call `sample_trials` or `new_trial`."""
        if self._one_at_a_time:
            one_by_one = (conditions_of_trial(forced, i, n, known_axes(self)) for i in range(n))
            return concatenate([self._build_one(conditions) for conditions in one_by_one])
        trials = Trials(self, n, draws, forced)
        self._new_trials(trials)
        return trials._finish()

    def _build_one(self, forced: Mapping[str, Any]) -> Trials:
        """Return one trial, built in NeuroGym's style."""
        self._single.begin(Trials(self, 1, self._draws))
        conditions = self._new_trial(**forced)
        if not isinstance(conditions, Mapping):
            raise TypeError(
                f"{type(self).__name__}._new_trial must return the conditions of the trial, name -> value, not "
                f"{shown(conditions)}."
            )
        return self._single.finish(conditions, int(EMPTY_TRIAL_MS / self.dt))

    def _install(self, trials: Trials) -> None:
        """Make the first of these trials the one that the env plays."""
        one = trials[0]
        self._single.play(trials, one)
        self.trial = one.conditions
        # A list of Python numbers: a rule that gets these is faster than with NumPy's.
        self._gt_list: list[int] = one.gt.tolist() if one.gt.ndim == 1 else []
        self.t_ind = 0
        self._started, self._has_next_trial = True, False
        self._now = SimpleNamespace(performance=0.0, timeout=0.0)
        for name, value in checked_facts(self.rule, self, trials).items():
            setattr(self._now, name, _first_value(value))
        if not self._one_at_a_time:
            self.performance = self._now.performance

    def _set_top(self, wrapper: gymnasium.Env[Any, Any]) -> None:
        """Let a wrapper make the trials that the env plays."""
        self._top = wrapper
        self._ob_source = wrapper if is_one_at_a_time(wrapper) else self

    def new_trial(self, **kwargs: Any) -> dict[str, Any]:
        """Begin a new trial at once.

        Args:
            **kwargs: Conditions to force, for example ``ground_truth=1``.

        Returns:
            The conditions of the trial.

        Raises:
            UnknownNameError: A condition that the task does not have.
            ValueError: A value that the condition cannot have.
        """
        self.performance = 0
        self._install(self._generate(1, self._draws, kwargs))
        return copy_conditions(self.trial)

    def _next_trial(self, forced: Mapping[str, Any] = MappingProxyType({})) -> TrialEnv:
        """Begin a new trial, and return the task that plays it: another one where a wrapper changes between tasks."""
        refuse_unknown_conditions(self._top, forced)
        self._top.new_trial(**forced)  # type: ignore[attr-defined]
        playing: TrialEnv = self._top.unwrapped  # type: ignore[assignment]
        if is_one_at_a_time(self._top):
            refuse_overruled_conditions(playing, playing.trial, forced)
        playing.num_tr += 1
        return playing

    def sample_trials(self, n: int, seed: int | None = None, draws: Draws | None = None, **conditions: Any) -> Trials:
        """Return n consecutive trials, made at once, without changing the trial that is being played.

        Args:
            n: Number of trials.
            seed: Return the first n trials of this seed. By default they are drawn from the env's streams.
            draws: The source of randomness, instead of a seed.
            **conditions: Conditions to force: one value, or one for each trial.

        Returns:
            The trials.

        Raises:
            ValueError: n below 1, or a value that the condition cannot have.
            UnknownNameError: A condition that the task does not have.
            TypeError: Both a seed and draws.
        """
        return sample_trials(self, n, seed, draws, conditions)

    @checked
    def trial_length_stats(self, num_trials: Count = 10_000) -> dict[str, float]:
        """Measure how long trials are, in steps, without changing the env.

        Args:
            num_trials: Number of trials to make.

        Returns:
            `mean`, `std`, `percentile_95`, `max`, `min`, `median`, and `seq_len`, a window that holds
            three trials of nearly any length.
        """
        draws, remaining, lengths = Draws(0), num_trials, []
        while remaining > 0:
            n = min(remaining, 1000)  # a bound of the memory
            lengths.append(sample_trials(self._top, n, None, draws, {}).lengths)
            remaining -= n
        steps = np.concatenate(lengths)
        percentile_95 = float(np.percentile(steps, 95))
        return {
            "mean": round(float(steps.mean()), 3),
            "std": round(float(steps.std()), 3),
            "percentile_95": round(percentile_95, 3),
            "max": float(steps.max()),
            "min": float(steps.min()),
            "median": float(np.median(steps)),
            "seq_len": 3 * int(np.ceil(percentile_95)),
        }

    # ---- state -----------------------------------------------------------------------------------

    def get_state(self) -> dict[str, Any]:
        """Return what the env will do next, as plain data, see `ngym_core.state`."""
        return get_state(self)

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Go on from a state.

        Args:
            state: What `get_state` returned, of an env with the same parameters.

        Raises:
            StateError: A damaged state, or one of another env. Nothing is changed then.
        """
        set_state(self, state)

    def _state_was_set(self) -> None:
        """Follow the draws, after a state was set."""
        self._np_random = self._draws.np_random
        if isinstance(vars(self).get("_rng"), list):
            self._set_legacy_normal(vars(self).pop("_rng"))

    # ---- reset and step --------------------------------------------------------------------------

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, Info]:
        """Begin an episode with a new trial.

        Args:
            seed: Restart all randomness: the same seed gives the same episode. By default the streams go on.
            options: ``{"conditions": {...}}`` forces conditions of this trial, name -> value; the next ones are drawn.

        Returns:
            The first observation of the trial, and `info` with the keys that `step` documents.

        Raises:
            UnknownNameError: Another option, or a condition that the task does not have.
            ValueError: A value that the condition cannot have.
            TypeError: Options or conditions that are no dictionary.
        """
        forced = conditions_of_reset(options)
        if seed is not None:
            self._draw_from(Draws(seed))
        self.num_tr = 0
        playing = self
        if self._has_next_trial and seed is None and not forced:
            self.num_tr = 1
        else:
            playing = self._next_trial(forced)
        self._has_next_trial = False
        ob, _, _, _, info = playing.post_step(playing._first_observation(), 0.0, False, False, playing._idle_info())
        if self._recorder is not None:
            self._recorder.begin([0], np.asarray(ob)[None], [playing._record_of_trial()])
        return ob, info

    def _first_observation(self) -> Any:
        """Return the observation at a reset.

        Where `_step` computes observations and the trial has none, it is what `_step` would show after no action.
        """
        if self._single.has_ob or type(self)._step is TrialEnv._step:
            return self._observation()
        seed = int(self._draws.stream("first observation").integers(2**63))
        with IsolatedState(self, shared=[self._top]):
            self._draw_from(Draws(seed))  # what `_step` draws now is not what it draws in the first step
            ob = self._step(np.zeros(self.action_space.shape or (), self.action_space.dtype)[()])[0]
            return self._observation() if ob is self._ob_now else ob

    def _idle_info(self) -> Info:
        """Return the info of a moment without an action: a reset, or a step that a wrapper skips."""
        space = self.action_space
        gt = np.zeros(space.shape or (), space.dtype)[()]
        conditions = copy_conditions(self.trial, self._object_conditions)
        info = {"new_trial": np.array(False), "gt": gt, "performance": NO_PERFORMANCE}
        return {**info, **self._times(ended=False), "trial": conditions, "ended_trial": conditions}

    def _times(self, ended: bool) -> Info:
        """Return the reaction time that the rule measures, if it does: 0 where no trial ended."""
        time = vars(self._now).get("reaction_time")
        return {} if time is None else {"reaction_time": np.float64(time if ended else 0)}

    def step(self, action: Any) -> Step:
        """Take one step.

        Args:
            action: The agent's action.

        Returns:
            Observation after the step (at a trial's end the first one of the next trial), reward,
            `terminated` (False), `truncated` (after `num_trials_before_reset` trials) and `info`, which has
            the same keys at each step and reset:

            * `new_trial`: whether the trial ended with this step; False at a reset.
            * `gt`: ground truth of this step, what the action should have been; 0 at a reset.
            * `performance`: that of the trial that ended, from 0 to 1; 0.0 where none ended.
            * `trial`: conditions of the trial to which the observation belongs, name -> value.
            * `ended_trial`: conditions of the trial in which the action was taken; at a reset those of `trial`.
            * `reaction_time`, of tasks whose rule measures it (`ProduceInterval`): that of the trial that ended in ms, NaN
              without a response; 0.0 where none ended.

            Engines can batch them: `new_trial` is a boolean array without axes (from NumPy's booleans Gymnasium's vector
            envs make arrays of objects), `performance` and the `gt` of a Discrete action are NumPy numbers, and the `gt`
            of a Box is an array.

        Raises:
            gymnasium.error.ResetNeeded: Before the first `reset` or `new_trial`.
            gymnasium.error.InvalidAction: An action that the action space does not have.
        """
        result = self._take_step(action)
        if self._recorder is not None:
            self._record_step(action, result)
        return result

    def _take_step(self, action: Any) -> Step:
        """Take one step that is not recorded, see `step`."""
        if not self._started:
            raise gymnasium.error.ResetNeeded(f"{self}: call reset() before step().")
        self._has_next_trial = False
        result = self._step(action)
        ob, reward, terminated, truncated, info = result if len(result) == 5 else self._five_values(result)
        ended = bool(info.get("new_trial", False))
        gt = info["gt"] if "gt" in info else self._ground_truth()
        info["gt"] = np.int64(gt) if isinstance(gt, int) else gt
        info["trial"] = info["ended_trial"] = copy_conditions(self.trial, self._object_conditions)
        info["performance"] = NO_PERFORMANCE
        self.t_ind += 1
        if self.t_ind >= self._single.length and not ended:
            ended = True
            reward += self.r_tmax + self._now.timeout
        info["new_trial"] = np.array(ended)
        info |= self._times(ended)
        if ended:
            info["performance"] = np.float64(self.performance)
            truncated = truncated or self.num_tr >= self.num_tr_exp
            playing = self._next_trial()
            playing._has_next_trial = truncated
            info["trial"] = copy_conditions(playing.trial, playing._object_conditions)
            if playing is not self:
                return playing.post_step(playing._observation(), reward, terminated, truncated, info)
        if ob is self._ob_now:  # `_step` returned `ob_now`, which stands for the observation after the step
            ob = self._observation()
        return self.post_step(ob, reward, terminated, truncated, info)

    def _five_values(self, result: Any) -> Step:
        """Return five values for the four that `_step` of a task returns which was written for NeuroGym before 1.0.

        Raises:
            ValueError: Another number of values.
        """
        if len(result) != 4:
            raise ValueError(
                f"{self}._step returned {len(result)} values; expected five: observation, reward, terminated, truncated, "
                "info."
            )
        kind = type(self)
        if not kind._warned_of_four_values:
            kind._warned_of_four_values = True
            warnings.warn(
                f"{self}._step returned four values, as in NeuroGym before 1.0: observation, reward, done, info. `done` "
                "counts as `terminated`; return observation, reward, terminated, truncated, info.",
                stacklevel=4,
            )
        ob, reward, done, info = result
        return ob, reward, done, False, info

    def _observation(self) -> NDArray[Any]:
        """Return a copy of the observation at this step."""
        source = self._single if self._ob_source is self else self._ob_source  # past the property: this is every step
        ob: NDArray[Any] = source.ob[self.t_ind].copy()
        if self.rule.is_interactive:
            self._now.step = self.t_ind
            channels = self.observation_space.shape[-1]  # type: ignore[index]  # wrappers may have added others
            self.rule.render(self, self._now, ob[..., :channels])
        return ob

    def _ground_truth(self) -> Any:
        """Return the ground truth at this step, a number or a copy of the array."""
        if self.rule.is_interactive:
            self._now.step = self.t_ind
            return self.rule.ground_truth(self, self._now)
        return self._gt_list[self.t_ind] if self._gt_list else self._single.gt[self.t_ind].copy()  # type: ignore[index]

    def _check_action(self, action: Any) -> Any:
        """Return the action as the rule expects it: an integer, or an array of the space's type.

        Raises:
            gymnasium.error.InvalidAction: An action that the space does not have.
        """
        space = self.action_space
        if isinstance(space, spaces.Discrete):
            try:
                index = operator.index(action.item() if isinstance(action, np.ndarray) and action.size == 1 else action)
            except TypeError:
                index = int(space.start) - 1  # not in the space
            if 0 <= index - space.start < space.n:
                return index
        else:
            array = np.asarray(action)
            if array.shape == space.shape and array.dtype.kind in "fiu":
                return array.astype(space.dtype, copy=False)
        raise gymnasium.error.InvalidAction(f"{self}: the action {action!r} is none of {space}. {_action_hint(space)}")

    # ---- rendering -------------------------------------------------------------------------------

    def render(self) -> NDArray[np.uint8] | None:
        """Return an image of the trial so far, which a pack draws, see `hookspecs.ngym_frame`.

        After the step that ends a trial it shows the whole trial; the next step shows the trial that follows.

        Returns:
            (H, W, 3) uint8; None, with a warning of Gymnasium, without a `render_mode`.

        Raises:
            gymnasium.error.ResetNeeded: Before the first `reset`.
        """
        if self._recorder is None:
            gymnasium.logger.warn(
                f"{self} has no render_mode, so render() returns nothing. Make it with render_mode='rgb_array'."
            )
            return None
        return pack_manager().draw_frame(self._recorder.trial(0), self._top)

    def _record_of_trial(self) -> PlayedTrial:
        """Return the trial that is being played, for the recorder."""
        periods = {name: (int(start), int(self.end_ind[name])) for name, start in self.start_ind.items()}
        return PlayedTrial(self.num_tr, copy_conditions(self.trial), periods)

    def _record_step(self, action: Any, result: Step) -> None:
        """Record a step that was taken."""
        ob, reward, _, _, info = result
        playing: TrialEnv = self._top.unwrapped  # type: ignore[assignment]
        ended = {0: (float(info["performance"]), playing._record_of_trial())} if info["new_trial"] else {}
        actions, rewards, gt, seen = (np.asarray(value)[None] for value in (action, reward, info["gt"], ob))
        self._recorder.step(actions, rewards, gt, seen, ended)  # type: ignore[union-attr]

    def _resume_record(self, record: Any) -> None:
        """Go on with the record of a state; without one, what was seen and done before is not known."""
        if record is None and self._started:
            unknown = np.full((1, *(self._top.observation_space.shape or ())), np.nan)
            self._recorder.begin([0], unknown, [replace(self._record_of_trial(), first_step=self.t_ind)])  # type: ignore[union-attr]
        else:
            self._recorder.set_lanes([0], record or [None])  # type: ignore[union-attr]

    # ---- NeuroGym's names: the trial that is being played, and the verbs of `_new_trial`, see `SingleTrial` ----

    @property
    def ob(self) -> NDArray[Any]:
        """Observations of the trial, (steps, *observation shape)."""
        return _require(self._single.ob, "ob")

    @ob.setter
    def ob(self, value: NDArray[Any]) -> None:
        self._single.ob = value

    @property
    def gt(self) -> NDArray[Any]:
        """Ground truth of the trial, (steps, *action shape)."""
        return _require(self._single.gt, "gt")

    @gt.setter
    def gt(self, value: NDArray[Any]) -> None:
        self._single.gt = value

    @property
    def ob_now(self) -> Any:
        """The observation at this step. Where `_step` returns it, `step` returns the one after the step instead."""
        ob = self._single.ob
        self._ob_now = self.ob if ob is None else ob[self.t_ind]
        return self._ob_now

    @property
    def gt_now(self) -> Any:
        """Ground truth at this step."""
        return self._ground_truth()

    @property
    def t(self) -> float:
        """Time since the trial began, in ms."""
        return self.t_ind * self.dt

    @property
    def tmax(self) -> float:
        """Length of the trial in ms; it may be changed while the trial runs."""
        return self._single.length * self.dt

    @tmax.setter
    def tmax(self, ms: float) -> None:
        self._single.length = int(to_steps(ms, self.dt))

    @property
    def start_ind(self) -> dict[str, int]:
        """Period -> its first step."""
        return self._single.edges("start_ind", 0, 1)

    @property
    def end_ind(self) -> dict[str, int]:
        """Period -> the step after its last."""
        return self._single.edges("end_ind", 1, 1)

    @property
    def start_t(self) -> dict[str, float]:
        """Period -> its start in ms."""
        return self._single.edges("start_t", 0, self.dt)

    @property
    def end_t(self) -> dict[str, float]:
        """Period -> its end in ms."""
        return self._single.edges("end_t", 1, self.dt)

    @property
    def _duration(self) -> dict[str, float]:
        """Period -> its duration in ms."""
        ends = self.end_t
        return {period: ends[period] - start for period, start in self.start_t.items()}

    @property
    def _tmax(self) -> float:
        """End in ms of the periods that were added so far; ``int(_tmax / dt)`` is the number of steps."""
        return self._single.end_of_periods

    @_tmax.setter
    def _tmax(self, ms: float) -> None:
        self._single.end_of_periods = ms

    @property
    def _ob_built(self) -> bool:
        """Whether the trial that is being built has observations; a task that sets `ob` itself may set it."""
        return self._single.is_built("ob")

    @_ob_built.setter
    def _ob_built(self, built: bool) -> None:
        self._single.set_built("ob", built)

    @property
    def _gt_built(self) -> bool:
        """Whether the trial that is being built has a ground truth; a task that sets `gt` itself may set it."""
        return self._single.is_built("gt")

    @_gt_built.setter
    def _gt_built(self, built: bool) -> None:
        self._single.set_built("gt", built)

    def _init_ob(self) -> None:
        """Make the observations of a trial whose periods are added; the verbs call it, and a task may override it."""
        self._single.create("ob", self._default_ob_value)

    def _init_gt(self) -> None:
        """Make the ground truth of a trial whose periods are added; the verbs call it, and a task may override it."""
        self._single.create("gt", None)

    @explained
    def in_period(self, period: str, t: float | None = None) -> bool:
        """Return whether a time (ms, by default now) lies in a period."""
        return self._single.in_period(period, self.t if t is None else t)

    @explained
    def sample_time(self, period: str) -> float:
        """Draw the duration of a period in ms, cut to whole steps."""
        return self._single.sample_time(period)

    @explained
    def add_period(
        self,
        period: str | Sequence[str],
        duration: Any = None,
        before: str | None = None,
        after: str | float | None = None,
        last_period: bool = False,
    ) -> None:
        """Add a period, or several one after another; see `Trials.add_period`. `last_period` changes nothing."""
        self._single.add_period(period, duration, before, after)

    @explained
    def view_ob(self, period: str | None = None) -> NDArray[Any]:
        """Return the observations of a period or of the whole trial, (steps, *observation shape), as a writable view."""
        return self._single.view_ob(period)

    @explained
    def view_groundtruth(self, period: str | None = None) -> NDArray[Any]:
        """Return the ground truth of a period or of the whole trial, (steps, *action shape), as a writable view."""
        return self._single.view_groundtruth(period)

    @explained
    def add_ob(self, value: Value, period: str | Sequence[str] | None = None, where: Where = None) -> None:
        """Add to the observations of one trial, see `SingleTrial.write_ob`."""
        self._single.write_ob(value, period, where, "add")

    @explained
    def set_ob(self, value: Value, period: str | Sequence[str] | None = None, where: Where = None) -> None:
        """Set the observations of one trial, see `SingleTrial.write_ob`."""
        self._single.write_ob(value, period, where, "assign")

    @explained
    def add_randn(
        self, mu: float = 0, sigma: float = 1, period: str | Sequence[str] | None = None, where: Where = None
    ) -> None:
        """Add Gaussian noise with mean `mu` and standard deviation `sigma`, drawn from `rng`."""
        self._single.add_randn(mu, sigma, period, where)

    @explained
    def set_groundtruth(self, value: ArrayLike, period: str | Sequence[str] | None = None, where: str | None = None) -> None:
        """Set the ground truth of one trial, see `SingleTrial.set_groundtruth`."""
        self._single.set_groundtruth(value, period, where)


def _require(array: NDArray[Any] | None, name: str) -> NDArray[Any]:
    """Return an array of the trial, or raise if there is no trial yet."""
    if array is None:
        raise AttributeError(f"There is no {name} before the first trial.")
    return array


def _action_hint(space: gymnasium.Space[Any]) -> str:
    """Return which actions a space has, for an error."""
    if isinstance(space, spaces.Discrete):
        return f"Expected an integer from {space.start} to {space.start + space.n - 1}."
    return f"Expected numbers of shape {space.shape}."


def _first_value(value: Any) -> Any:
    """Return the first trial's value of what a rule prepared: a Python number, or a row."""
    value = np.asarray(value)
    return value[0] if value.ndim > 1 else value.flat[0].item()


def _plain(value: Any) -> Any:
    """Return a parameter as plain data that JSON can keep, if it can be written so: the same trials follow from both."""
    if isinstance(value, TruncExp):
        return ["truncated_exponential", [value.vmean, value.vmin, value.vmax]]
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_plain(item) for item in value)
    return value.tolist() if isinstance(value, (np.ndarray, np.generic)) else value


def conditions_of_reset(options: Mapping[str, Any] | None, *others: str) -> dict[str, Any]:
    """Return the conditions that the options of a reset force, after a check; `others` are further options."""
    RESET_OPTIONS.check("options", options)
    for name in options or ():
        if name not in ("conditions", *others):
            error = unknown_name("option of reset", name, ["conditions", *others])
            raise UnknownNameError(f"{error} Conditions of the trial: options={{'conditions': {{'{name}': ...}}}}.")
    conditions = (options or {}).get("conditions")
    RESET_OPTIONS.check("options['conditions']", conditions)
    return dict(conditions or {})


class _IntAsObject(int):
    """An integer that Gymnasium's vector envs batch as an object, see `copy_conditions`."""


class _FloatAsObject(float):
    """A number that they batch as an object."""


AS_OBJECT: dict[type, Any] = {bool: np.bool_, int: _IntAsObject, float: _FloatAsObject, np.ndarray: np.ndarray.tolist}
"""Type of a value -> what makes one of it for which Gymnasium's vector envs choose an array of objects."""


def copy_conditions(trial: Mapping[str, Any], as_objects: Iterable[str] = ()) -> dict[str, Any]:
    """Return a copy of conditions: an agent that changes its `info` must not change the trial.

    Args:
        trial: Name -> value.
        as_objects: Names of conditions that differ in kind between the tasks of a mixture, such as a number in one and a
            text in another. Gymnasium's vector envs make an array of the type of the first env's value, which has no room
            for the others' unless it is one of objects.
    """
    copies = dict(trial)
    for name, value in trial.items():
        if isinstance(value, np.ndarray):
            copies[name] = value.copy()
    for name in as_objects:
        if (make := AS_OBJECT.get(type(copies.get(name)))) is not None:
            copies[name] = make(copies[name])
    return copies

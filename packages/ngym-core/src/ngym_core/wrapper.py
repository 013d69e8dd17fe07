"""TrialWrapper: what decides about trials, or changes what goes in and out of steps, from outside the task."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, TypeAlias

import gymnasium
import numpy as np
from numpy.typing import NDArray

from ngym_core.env import TrialEnv, copied
from ngym_core.random import Draws
from ngym_core.sessions import layers, of_trial, sample_trials
from ngym_core.trials import Trials

__all__ = ["Moment", "TrialWrapper"]

Array: TypeAlias = NDArray[Any]


@dataclass
class Moment:
    """One step of m lanes, or the beginning of their episodes; what a wrapper's `change` sees and changes.

    Attributes:
        lanes: Which lanes, (m,) indices into the wrapper's memory.
        ob: Observations, (m, ...).
        reward: Rewards, (m,) float64.
        action: Actions, (m, ...); None where episodes begin.
        gt: Ground truth of the step, (m, ...); None where episodes begin.
        ended: Which trials ended, (m,) bool.
        performance: Their performance, (m,).
        info: What the wrapper reports: name -> (m,) values.
    """

    lanes: Array
    ob: Array
    reward: Array
    action: Array | None
    gt: Array | None
    ended: Array
    performance: Array
    info: dict[str, Array] = field(default_factory=dict)

    @property
    def begins(self) -> bool:
        """Whether episodes begin, so that nothing was done yet."""
        return self.action is None


class TrialWrapper(gymnasium.Wrapper[Any, Any, Any, Any]):
    """A wrapper that decides about trials, or changes what goes in and out of steps.

    What a subclass defines, it defines for many at once; so single envs, lanes and data sets get the same:

    * `decide`: the conditions of n consecutive trials. What is carried from trial to trial is kept in
      ``draws.carried``, which restarts with the seed.
    * `edit`: what becomes of n trials after the task has made them.
    * `change` (and `memory`, `restart`): observations and rewards of one step of many lanes. Data sets do not see it.

    A wrapper in NeuroGym's style defines ``new_trial(self, **kwargs)`` and calls ``self.env.new_trial(**kwargs)``,
    or overrides `step`; it works everywhere, only slower. Public attributes of what is wrapped can be
    read through it.

    Args:
        env: The env to wrap; the task inside must be a `TrialEnv`.

    Raises:
        TypeError: The task is not a `TrialEnv`.
    """

    one_at_a_time: ClassVar[bool] = False
    changes_steps: ClassVar[bool] = False

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Note what the wrapper does."""
        super().__init_subclass__(**kwargs)
        cls.one_at_a_time = cls.new_trial is not TrialWrapper.new_trial
        cls.changes_steps = cls.change is not TrialWrapper.change

    def __init__(self, env: gymnasium.Env[Any, Any]) -> None:
        super().__init__(env)
        if not isinstance(env.unwrapped, TrialEnv):
            raise TypeError(f"Trial wrapper must be used on TrialEnv, not {type(env.unwrapped).__name__}.")
        self._memory: Any = None
        self._draws_of_memory: Draws | None = None
        self.set_top(self)

    def __getattr__(self, name: str) -> Any:
        """Read public attributes of what is wrapped."""
        if name.startswith("_") or name == "env":
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        return getattr(self.env, name)

    def set_top(self, wrapper: gymnasium.Env[Any, Any]) -> None:
        """Tell the task inside that a wrapper decides about new trials."""
        next(layer for layer in layers(self.env) if hasattr(layer, "set_top")).set_top(wrapper)

    @property
    def task(self) -> TrialEnv:
        """The task inside."""
        return self.env.unwrapped  # type: ignore[return-value]

    def own(self, draws: Draws) -> Draws:
        """Give the randomness and the `carried` state of this wrapper within those of a session."""
        return draws.child(f"{len(layers(self))}:{type(self).__name__}")

    # ---- trials ----------------------------------------------------------------------------------

    def decide(self, n: int, draws: Draws, forced: dict[str, Any]) -> dict[str, Any]:
        """Decide conditions of n consecutive trials.

        Args:
            n: How many.
            draws: Randomness and `carried` state of this wrapper.
            forced: Conditions forced from outside.

        Returns:
            The conditions to force: `forced`, changed or completed.
        """
        return forced

    def edit(self, trials: Trials, draws: Draws) -> Trials:
        """Change trials after the task has made them; by default nothing.

        Args:
            trials: The trials, n consecutive ones.
            draws: Randomness and `carried` state of this wrapper.

        Returns:
            The same trials.
        """
        return trials

    def generate(self, n: int, draws: Draws, forced: Mapping[str, Any]) -> Trials:
        """Make n consecutive trials; users call `sample_trials` or `new_trial`."""
        if self.one_at_a_time:
            return Trials.join([self._build_one(of_trial(forced, i, n)) for i in range(n)])
        own = self.own(draws)
        inner: Any = next(layer for layer in layers(self.env) if hasattr(layer, "generate"))
        return self.edit(inner.generate(n, draws, self.decide(n, own, dict(forced))), own)

    def _build_one(self, forced: Mapping[str, Any]) -> Trials:
        self.new_trial(**forced)
        return self.task._trials

    def new_trial(self, **kwargs: Any) -> dict[str, Any]:
        """Begin a new trial at once, see `TrialEnv.new_trial`."""
        self.task.performance = 0
        self.task.install(self.generate(1, self.task._draws, kwargs))
        return copied(self.task.trial)

    def sample_trials(self, n: int, seed: int | None = None, draws: Draws | None = None, **conditions: Any) -> Trials:
        """Make n consecutive trials at once, see `TrialEnv.sample_trials`."""
        return sample_trials(self, n, seed, draws, conditions)

    # ---- steps -----------------------------------------------------------------------------------

    def memory(self, n: int) -> Any:
        """Make what the wrapper remembers of n lanes from step to step; by default nothing."""
        return None

    def restart(self, memory: Any, lane: int, draws: Draws) -> None:
        """Take the randomness of a lane that was seeded."""

    def change(self, memory: Any, moment: Moment) -> None:
        """Change one step of some lanes, or the beginning of their episodes, in place.

        Args:
            memory: What the wrapper remembers of all lanes.
            moment: The step.
        """

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Begin an episode, see `TrialEnv.reset`."""
        ob, info = self.env.reset(seed=seed, options=options)
        if not self.changes_steps:
            return ob, info
        if self._draws_of_memory is not self.task._draws:
            self._memory, self._draws_of_memory = self.memory(1), self.task._draws
            self.restart(self._memory, 0, self.own(self.task._draws))
        none = np.zeros(1)
        moment = Moment(np.zeros(1, int), np.asarray(ob)[None], none, None, None, none.astype(bool), none)
        self.change(self._memory, moment)
        return moment.ob[0], info

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """Take one step, see `TrialEnv.step`."""
        ob, reward, terminated, truncated, info = self.env.step(action)
        if not self.changes_steps:
            return ob, reward, terminated, truncated, info
        ended, performance = np.array([info["new_trial"]]), np.array([info.get("performance", 0.0)], float)
        acted, gt = np.asarray(action)[None], np.asarray(info["gt"])[None]
        moment = Moment(np.zeros(1, int), np.asarray(ob)[None], np.array([reward], float), acted, gt, ended, performance)
        self.change(self._memory, moment)
        reported = {name: value[0].item() for name, value in moment.info.items() if not np.isnan(value[0])}
        return moment.ob[0], float(moment.reward[0]), terminated, truncated, {**info, **reported}

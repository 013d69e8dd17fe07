"""TrialWrapper: what decides about trials from outside the task."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import gymnasium

from ngym_core.env import TrialEnv, copied
from ngym_core.random import Draws
from ngym_core.sessions import layers, of_trial, sample_trials
from ngym_core.trials import Trials

__all__ = ["TrialWrapper"]


class TrialWrapper(gymnasium.Wrapper[Any, Any, Any, Any]):
    """A wrapper that decides about trials: their conditions, or what becomes of them.

    A subclass defines `decide` (and `edit`), for n consecutive trials at once; then data sets and
    vector envs see it too. What it carries from trial to trial it keeps in ``draws.carried``, which
    restarts with the seed. A wrapper in NeuroGym's style defines ``new_trial(self, **kwargs)`` and
    calls ``self.env.new_trial(**kwargs)``; it works everywhere, only slower. Public attributes of
    what is wrapped can be read through it.

    Args:
        env: The env to wrap; the task inside must be a `TrialEnv`.

    Raises:
        TypeError: The task is not a `TrialEnv`.
    """

    one_at_a_time: ClassVar[bool] = False

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Note the style of the wrapper."""
        super().__init_subclass__(**kwargs)
        cls.one_at_a_time = cls.new_trial is not TrialWrapper.new_trial

    def __init__(self, env: gymnasium.Env[Any, Any]) -> None:
        super().__init__(env)
        if not isinstance(env.unwrapped, TrialEnv):
            raise TypeError(f"Trial wrapper must be used on TrialEnv, not {type(env.unwrapped).__name__}.")
        self.task.set_top(self)

    def __getattr__(self, name: str) -> Any:
        """Read public attributes of what is wrapped."""
        if name.startswith("_") or name == "env":
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        return getattr(self.env, name)

    @property
    def task(self) -> TrialEnv:
        """The task inside."""
        return self.env.unwrapped  # type: ignore[return-value]

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
        """Change trials after the task has made them; by default nothing."""
        return trials

    def generate(self, n: int, draws: Draws, forced: Mapping[str, Any]) -> Trials:
        """Make n consecutive trials; users call `sample_trials` or `new_trial`."""
        if self.one_at_a_time:
            return Trials.join([self._build_one(of_trial(forced, i, n)) for i in range(n)])
        own = draws.child(f"{len(layers(self))}:{type(self).__name__}")
        inner = next(layer for layer in layers(self.env) if hasattr(layer, "generate"))
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

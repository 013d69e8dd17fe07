"""Delay: a modifier that lets the agent remember what it saw over a delay."""

from __future__ import annotations

from typing import Any, TypeAlias

import gymnasium
import numpy as np
from numpy.typing import NDArray

from ngym_core.arguments import Number, shown
from ngym_core.random import Draws
from ngym_core.sampling import layers
from ngym_core.trials import Trials, insert_period, resize_period
from ngym_core.trials.durations import ROUNDING_STEPS, check_duration, draw_duration, has_own_state, to_steps
from ngym_core.wrappers.modifiers.base import Modifier

Array: TypeAlias = NDArray[Any]
SEEN_TRIALS = 4
"""Trials in which a stimulus must be shown."""


class Delay(Modifier):
    """Let the agent remember what it saw over a delay.

    The period `delay` of the task gets another duration. A task without one gets a period of this name before the decision;
    so does a task whose delay another such modifier sets (it is called `Delay_delay` then). In it the channels of stimuli
    show nothing, and all others what they showed before.

    Periods (ms):
        delay: `ms`. What was seen is to be remembered.
        Delay_delay: `ms`. A further delay.

    Conditions:
        delay: The duration of the delay in ms.
        Delay_delay: That of a further one.

    Args:
        env: A task that shows something before a decision period.
        ms: Duration in ms: any value that a `timing` may hold but a function. It becomes the value of the task's `timing`,
            where that has the period, and a later one there counts; None leaves that as it is.

    Raises:
        ValueError: A task that takes no decision, or shows nothing before it; a duration that is none; None where the
            task's `timing` does not have the period.
        TypeError: A duration of another kind, or a function.

    Example:
        >>> import ngym_core as ngym
        >>> env = ngym.make("yang19.dm1-v0", wrappers=[("Delay", {"ms": ("uniform", (200, 900))})])
        >>> trials = env.sample_trials(3, seed=0)
        >>> trials.conditions["delay"].tolist(), (trials.end["delay"] - trials.start["delay"]).tolist()
        ([400, 600, 800], [4, 6, 8])
    """

    metadata = {"description": "Lets the agent remember what it saw over a delay.", "paper_link": None}
    times_answer = True

    def __init__(self, env: gymnasium.Env[Any, Any], ms: Any) -> None:
        super().__init__(env)
        decision = self.require_decision()
        trials = self.probe(SEEN_TRIALS)
        self._condition = self.condition_name("delay")
        self._period, self._before = "delay", None if "delay" in trials.start else decision
        if any(isinstance(layer, Delay) for layer in layers(env)):
            self._before = decision
            while self._period in trials.start:
                self._period = f"{type(self).__name__}_{self._period}"
        self._blank = self.stimulus_channels()
        start = trials.start[self._before or self._period]
        written = trials.ob != self.task.blank
        if written.ndim == 3:
            written = written[..., self._blank]
        earlier = np.arange(written.shape[1]) < start[:, None]
        if not (written.reshape(*written.shape[:2], -1).any(axis=2) & earlier).any():
            raise ValueError(
                f"{type(self).__name__} needs something to remember, but {self.task} shows no stimulus before "
                f"{(self._before or self._period)!r}."
            )
        self._of_timing = self.timed_period(env) if self._before is None else None
        self._ms: Any = None  # where the period is none of the task's
        self.ms = ms

    @classmethod
    def timed_period(cls, env: gymnasium.Env[Any, Any]) -> str | None:
        """Return "delay" if the task's `timing` has it and no such modifier inside sets it already, else None."""
        known = getattr(env.unwrapped, "timing", {})
        return "delay" if "delay" in known and not any(isinstance(layer, Delay) for layer in layers(env)) else None

    @property
    def ms(self) -> Any:
        """Duration of the delay in ms, any value that a `timing` may hold but a function; see the argument."""
        return self._ms if self._of_timing is None else self.task.timing[self._of_timing]

    @ms.setter
    def ms(self, value: Any) -> None:
        if value is None and self._of_timing is None:
            raise ValueError(f"ms=None: {self.task} has no duration of this delay in its timing; give a number of ms.")
        value = self.ms if value is None else value
        check_duration("delay", value)
        _require_distribution(value)
        if self._of_timing is None:
            self._ms = value
        else:
            self.task.timing[self._of_timing] = value

    @property
    def added_periods(self) -> dict[str, Any]:
        """The delay and its duration, where it is none of the task's `timing`."""
        return {self._period: self.ms} if self._of_timing is None else {}

    def draw_conditions(self, n: int, draws: Draws, forced: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        """Draw the duration of the delay, in ms, cut to whole steps."""
        dt, value = self.task.dt, self.ms
        _require_distribution(value)  # it may have been assigned to the task's `timing`
        drawn = to_steps(draw_duration("delay", value, n, draws, 0), dt) * np.asarray(dt)
        is_forced = self._condition in forced
        ms = self.forced_or_drawn(self._condition, np.broadcast_to(drawn, n), forced, Number(0))
        if is_forced:
            self._refuse_parts_of_steps(ms)
        return forced, {self._condition: ms}

    def _refuse_parts_of_steps(self, ms: Array) -> None:
        """Raise if a forced duration, (n,), is not a whole number of steps: the delay would have another one."""
        dt = self.task.dt
        cut = ~np.isclose(to_steps(ms, dt) * np.asarray(dt), ms, rtol=ROUNDING_STEPS)
        if cut.any():
            given = ms[cut][0].item()
            raise ValueError(f"The condition {self._condition!r} is forced to {given!r}; expected whole steps of {dt} ms.")

    def edit_trials(self, trials: Trials, draws: Draws) -> Trials:
        """Give the delay its duration."""
        trials.condition(self._condition, trials.conditions[self._condition])  # as one that callers may force
        steps = np.rint(trials.conditions[self._condition] / self.task.dt).astype(np.int64)
        if self._before is not None:
            insert_period(trials, self._period, self._before)
        resize_period(trials, self._period, steps, self._blank, self.task.blank)
        return trials


def _require_distribution(value: Any) -> None:
    """Raise if a duration is a function, of which the task and the modifier would each take a value."""
    if has_own_state(value):
        raise TypeError(
            f"ms={shown(value)} must be a number of ms or a distribution, not a function with a state of its own."
        )

"""Periods: when each period of n trials begins and ends, in steps."""

from __future__ import annotations

import math
import warnings
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ngym_core.arguments import shown
from ngym_core.errors import unknown_name
from ngym_core.random import Draws
from ngym_core.trials._kernels import Span, Steps, highest, lowest
from ngym_core.trials.durations import draw_duration, to_steps
from ngym_core.trials.protocol import TrialTask

__all__ = ["Periods"]

Array: TypeAlias = NDArray[Any]
MAX_STEPS = 10**6
"""Number of steps of a trial, at most: longer ones are a mistake in a duration more often than not."""
MAX_MEMORY_BYTES = 2**32
"""Size of an array of trials, at most: what needs more is a mistake in a duration more often than not."""


class Periods:
    """The periods of n trials. Times come in ms and are cut to whole steps.

    Args:
        task: The task; its timing and time step are used.
        n: Number of trials.
        draws: The source of random durations.

    Attributes:
        spans: Period -> start and end in steps: integers where all trials agree, else (n,).
        without_steps: Periods of a fixed duration that is shorter than a time step.
        total: Length of the trials in steps, likewise.
    """

    def __init__(self, task: TrialTask, n: int, draws: Draws) -> None:
        self.task, self.n, self.draws = task, n, draws
        self.spans: dict[str, Span] = {}
        self.total: Steps = 0
        self.without_steps: set[str] = set()

    def add(
        self,
        period: str,
        duration: Any = None,
        before: str | None = None,
        after: str | float | None = None,
        at_least: int = 0,
        only: ArrayLike | None = None,
    ) -> None:
        """Add one period, see `Trials.add_period`."""
        dt = self.task.dt
        start: Steps = 0
        if isinstance(after, str):
            start = self.span(after)[1]
        elif after is not None:
            start = to_steps(after, dt)
        if duration is None:
            duration = self.timing(period)
            if not isinstance(duration, (int, float)):
                duration = draw_duration(period, duration, self.n, self.draws, start * dt)
        steps = to_steps(duration, dt)
        if at_least:
            steps = to_steps(np.maximum(steps, at_least), 1)
        if only is not None:
            steps = to_steps(np.where(self._which(only), steps, 0), 1)
        if only is None and lowest(steps) == 0 and _is_lost(steps, duration):
            warnings.warn(
                f"{self.task}: the period {period!r} is shorter than the time step of {dt} ms and has no step.",
                stacklevel=4,
            )
        if before is not None and after is None:
            start = self.span(before)[0] - steps
            if lowest(start) < 0:
                raise ValueError(f"Period {period!r} would begin {-lowest(start) * dt} ms before the trial.")
        if only is None and isinstance(duration, (int, float)) and steps == 0:
            self.without_steps.add(period)
        self.set(period, start, start + steps)

    def _which(self, only: ArrayLike) -> Array:
        """Return in which trials a period exists, (n,), after a check."""
        which = np.asarray(only)
        if which.dtype.kind not in "biu" or which.shape not in ((), (self.n,)):
            raise ValueError(f"only={shown(only)} must be True or False for each of {self.n} trials.")
        return which

    def set(self, period: str, start: Steps, stop: Steps) -> None:
        """Set the edges of a period; trials last at least to its end."""
        self.spans[period] = (start, stop)
        both = isinstance(stop, int) and isinstance(self.total, int)
        self.total = max(stop, self.total) if both else np.maximum(stop, self.total)

    def duration(self, period: str) -> Array:
        """Draw the duration of a period, (n,) ms cut to whole steps."""
        steps = to_steps(draw_duration(period, self.timing(period), self.n, self.draws, 0), self.task.dt)
        return np.broadcast_to(steps * np.asarray(self.task.dt), self.n)

    def span(self, *periods: str) -> Span:
        """Return the first step of a period and the step after its last; of several, from the first to the last."""
        try:
            if len(periods) == 1:
                return self.spans[periods[0]]
            spans = [self.spans[p] for p in periods]
        except KeyError as error:
            raise unknown_name("period", error.args[0], self.spans) from None
        starts, stops = zip(*spans, strict=True)
        first, last = np.minimum.reduce(np.broadcast_arrays(*starts)), np.maximum.reduce(np.broadcast_arrays(*stops))
        return to_steps(first, 1), to_steps(last, 1)

    def timing(self, period: str) -> Any:
        """Return the task's timing value of a period.

        Raises:
            UnknownNameError: A period without timing.
        """
        try:
            return self.task.timing[period]
        except (KeyError, TypeError):
            raise unknown_name("period", period, self.task.timing) from None

    def steps(self, shape: tuple[int, ...] = (), dtype: Any = np.int8) -> int:
        """Return the length of the longest trial.

        Args:
            shape: Shape of what is stored for each step.
            dtype: Its type.

        Raises:
            ValueError: A trial without any step, one with more than `MAX_STEPS`, or trials that would need more memory than
                `MAX_MEMORY_BYTES`.
        """
        longest_trial = highest(self.total)
        needed = self.n * longest_trial * math.prod(shape) * np.dtype(dtype).itemsize
        if needed > MAX_MEMORY_BYTES or longest_trial > MAX_STEPS:
            longest = max(self.spans, key=lambda name: highest(self.spans[name][1] - self.spans[name][0]))
            limit = MAX_MEMORY_BYTES / 2**30
            raise ValueError(
                f"{self.task}: {self.n} trials of up to {longest_trial:,} steps need {needed / 2**30:,.1f} GiB. "
                f"At most {MAX_STEPS:,} steps and {limit:g} GiB are possible. The longest period is {longest!r}; shorten "
                "it, or make fewer trials at once."
            )
        if lowest(self.total) == 0:
            raise ValueError(
                f"{self.task}: a trial has no step: its periods {list(self.spans)} are shorter than dt={self.task.dt} ms."
                if self.spans
                else f"{self.task}: a trial needs a period; call `add_period` before painting."
            )
        return longest_trial


def _is_lost(steps: Steps, duration: Any) -> bool:
    """Whether a period that should have some time has no step."""
    if isinstance(duration, (int, float)):
        return duration > 0
    return bool(((np.asarray(steps) == 0) & (np.asarray(duration) > 0)).any())

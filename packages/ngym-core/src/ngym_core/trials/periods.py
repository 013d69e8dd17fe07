"""Clock: the periods of n trials, in steps."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ngym_core.errors import InvalidOperationError, unknown
from ngym_core.random import Draws
from ngym_core.trials._kernels import Span, Steps, lowest
from ngym_core.trials.conditions import Conditions
from ngym_core.trials.durations import draw_duration, to_steps

if TYPE_CHECKING:
    from ngym_core.env import TrialEnv

__all__ = ["Clock"]

Array: TypeAlias = NDArray[Any]


class Clock(Conditions):
    """The periods of n trials. Times come in ms and are cut to whole steps.

    Args:
        task: The task; its timing and time step are used.
        n: How many trials.
        draws: Where randomness comes from.
        forced: Conditions the caller forces: name -> one value or one for each trial.

    Attributes:
        dt: Time step in ms.
        spans: Period -> start and end in steps, integers where all trials agree, else (n,).
        total: Length in steps, likewise.
    """

    def __init__(self, task: TrialEnv, n: int, draws: Draws, forced: Mapping[str, Any] | None = None) -> None:
        super().__init__(n, draws, forced)
        self.task = task
        self.dt = task.dt
        self.spans: dict[str, Span] = {}
        self.total: Steps = 0
        self._ob: Array | None = None
        self._gt: Array | None = None

    @property
    def painted(self) -> bool:
        """Whether there are observations already, so that no period can be added."""
        return self._ob is not None

    @property
    def has_gt(self) -> bool:
        """Whether there is a ground truth already."""
        return self._gt is not None

    def add_period(
        self,
        period: str | Sequence[str],
        duration: Any = None,
        before: str | None = None,
        after: str | float | None = None,
        *,
        at_least: int = 0,
        only: ArrayLike | None = None,
    ) -> None:
        """Add a period, or several one after another.

        Args:
            period: Its name, or names.
            duration: ms, one for all or (n,); for several periods a list of these (None: from the
                timing). By default drawn from the task's timing.
            before: The (one) period ends where this one begins.
            after: The period begins where this one ends, or at this time in ms; by default at 0.
            at_least: The period has at least so many steps.
            only: In which trials (n,) the (one) period exists; it has no steps in the others.

        Raises:
            InvalidOperationError: The trials are painted already.
            UnknownNameError: A period without timing, or an unknown `before` or `after`.
            ValueError: A duration that is no time, a period that would begin before the trial, not as
                many durations as periods, or `before` with several periods.
        """
        if self.painted or self.has_gt:
            raise InvalidOperationError(f"Period {period!r} is added to a trial that is painted already; add it first.")
        if isinstance(period, str):
            self._add_period(period, duration, before, after, at_least, only)
            return
        durations = [None] * len(period) if duration is None else duration
        if len(durations) != len(period):
            raise ValueError(f"len(duration)={len(durations)} and len(period)={len(period)} must be the same.")
        if before is not None:
            raise ValueError(f"before={before!r} goes with one period, not with {len(period)}; use `after`.")
        for name, ms in zip(period, durations, strict=True):
            self._add_period(name, ms, None, after, at_least, None)
            after = name

    def _add_period(self, period: str, duration: Any, before: Any, after: Any, at_least: int, only: Any) -> None:
        start: Steps = 0
        if isinstance(after, str):
            start = self.span(after)[1]
        elif after is not None:
            start = to_steps(after, self.dt)
        if duration is None:
            duration = self._timing(period)
            if not isinstance(duration, (int, float)):
                draws = self.draws if only is None else self.draws.where(only)
                duration = draw_duration(period, duration, self.n, draws, start * self.dt)
        steps = to_steps(duration, self.dt)
        if at_least:
            steps = to_steps(np.maximum(steps, at_least), 1)
        if only is not None:
            steps = to_steps(np.where(only, steps, 0), 1)
        if only is None and lowest(steps) == 0 and _lost(steps, duration):
            warnings.warn(
                f"{self.task}: the period {period!r} is shorter than the time step of {self.dt} ms and has no step.",
                stacklevel=4,
            )
        if before is not None and after is None:
            start = self.span(before)[0] - steps
            if lowest(start) < 0:
                raise ValueError(f"Period {period!r} would begin {-lowest(start) * self.dt} ms before the trial.")
        stop = start + steps
        self.spans[period] = (start, stop)
        both = isinstance(stop, int) and isinstance(self.total, int)
        self.total = max(stop, self.total) if both else np.maximum(stop, self.total)

    def duration(self, period: str, name: str | None = None) -> Array:
        """Draw the duration of a period as a condition, cut to whole steps.

        Args:
            period: The period whose timing is used.
            name: Name of the condition; by default that of the period.

        Returns:
            (n,) ms. Give it to `add_period`.
        """
        steps = to_steps(draw_duration(period, self._timing(period), self.n, self.draws, 0), self.dt)
        return self.condition(name or period, np.broadcast_to(steps * np.asarray(self.dt), self.n))

    def span(self, *periods: str) -> Span:
        """Give the first step of a period and the step after its last; of several, from the first to the last.

        Raises:
            UnknownNameError: A period that the trials do not have.
        """
        try:
            if len(periods) == 1:
                return self.spans[periods[0]]
            spans = [self.spans[p] for p in periods]
        except KeyError as error:
            raise unknown("period", error.args[0], self.spans) from None
        starts, stops = zip(*spans, strict=True)
        return to_steps(np.minimum.reduce(np.broadcast_arrays(*starts)), 1), to_steps(
            np.maximum.reduce(np.broadcast_arrays(*stops)), 1
        )

    def _timing(self, period: str) -> Any:
        try:
            return self.task.timing[period]
        except KeyError:
            raise unknown("period", period, self.task.timing) from None


def _lost(steps: Steps, duration: Any) -> bool:
    """Whether a period that should have some time has no step."""
    if isinstance(duration, (int, float)):
        return duration > 0
    return bool(((np.asarray(steps) == 0) & (np.asarray(duration) > 0)).any())

"""Trials: n trials of a task as arrays; what a task's `_new_trials` fills in."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Annotated, Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ngym_core.arguments import Having, Number, explained, shown
from ngym_core.errors import InvalidOperationError
from ngym_core.random import Draws
from ngym_core.spaces import Where
from ngym_core.trials._kernels import Span, Steps
from ngym_core.trials.conditions import Conditions
from ngym_core.trials.observations import Observations, Period
from ngym_core.trials.periods import Periods
from ngym_core.trials.protocol import TrialTask

__all__ = ["Trial", "Trials"]

Array: TypeAlias = NDArray[Any]
AnyTask: TypeAlias = Annotated[TrialTask, Having("a task", "dt", "timing", "observation_space", "action_space")]


@dataclass(frozen=True)
class Trial:
    """One trial, with plain values.

    Attributes:
        ob: Observations, (steps, *observation shape).
        gt: Ground truth, (steps, *action shape).
        conditions: Name -> value.
        start: Period -> its first step.
        end: Period -> the step after its last.
        dt: Time step in ms.

    Example:
        >>> import ngym_core as ngym
        >>> trial = ngym.make("GoNogo-v0").sample_trials(3, seed=0)[2]
        >>> trial.ob.shape == (trial.length, 3), sorted(trial.start)
        (True, ['decision', 'delay', 'fixation', 'stimulus'])
    """

    ob: Array
    gt: Array
    conditions: dict[str, Any]
    start: dict[str, int]
    end: dict[str, int]
    dt: float

    @property
    def length(self) -> int:
        """Number of steps."""
        return len(self.ob)


class Trials:
    """n trials of a task, all drawn and painted at once.

    In `_new_trials` a task draws its conditions, adds its periods, paints its observations and sets its ground truth
    for all n trials. Times are in ms and cut to whole steps. A value to paint is a number, (n,) for each trial, (n, k)
    for each trial and channel, (1, k) for each channel, or (n, steps, k) where all trials share the period.

    Args:
        task: The task; its timing, spaces and time step are used.
        n: Number of trials.
        draws: The source of randomness.
        forced: Conditions that the caller forces: name -> one value, or one for each trial.

    Attributes:
        n: Number of trials.
        dt: Time step in ms.
        draws: The source of randomness, for what has no verb here.
        conditions: Name -> (n, ...) values, drawn, forced or set.

    Example:
        >>> import ngym_core as ngym
        >>> trials = ngym.make("PerceptualDecisionMaking-v0").sample_trials(8, seed=0, coh=51.2)
        >>> trials.ob.shape, trials.conditions["coh"][0].item(), trials.end["decision"][0].item()
        ((8, 22, 3), 51.2, 22)
    """

    @explained
    def __init__(self, task: AnyTask, n: int, draws: Draws, forced: Mapping[str, Any] | None = None) -> None:
        if not hasattr(draws, "per_stream"):
            raise TypeError(f"draws={shown(draws)} must be Draws, such as ngym_core.Draws(0).")
        self.n = n
        self.dt = task.dt
        self.draws = draws
        self._task = task
        self._conditions = Conditions(n, forced)
        self._periods = Periods(task, n, draws)
        self._observations = Observations(task, n, self._periods)

    @property
    def env(self) -> Any:
        """The env that made the trials: the task, with the wrappers that change its trials."""
        return getattr(self._task, "_top", self._task)

    # ---- conditions --------------------------------------------------------------------------------

    @explained
    def choice(
        self,
        name: str,
        options: ArrayLike,
        p: ArrayLike | None = None,
        *,
        size: int | None = None,
        allow: str | Sequence[Any] | Number = "options",
    ) -> Array:
        """Draw a condition among options.

        Args:
            name: Name of the condition, and of its random stream. A caller may force the condition; the draw is made
                all the same, so that all later trials stay as they were.
            options: (k,) options, or k rows of m numbers.
            p: (k,) probabilities, or (n, k) for each trial; equal ones by default.
            size: Draw so many for each trial, independently.
            allow: What a caller may force: one of the ``options``, ``any`` value, one of a list of values, or a `Number`
                such as ``Number(0, 1)`` within its bounds.

        Returns:
            (n,), (n, size) or (n, m) drawn or forced values.

        Raises:
            ValueError: A forced value that is not options, or `p` that are not probabilities of the options.
        """
        options = np.asarray(options)
        if not options.ndim or not len(options):
            raise ValueError(f"options={shown(options)} of the condition {name!r} must be one or more values.")
        drawn = self.draws.choice(name, self.n, options, p, size)
        return self.condition(name, drawn, None if allow == "any" else options if allow == "options" else allow)

    @explained
    def uniform(self, name: str, low: float, high: float) -> Array:
        """Draw a condition between low and high, shape (n,)."""
        return self.condition(name, self.draws.uniform(name, self.n, low, high))

    @explained
    def bernoulli(self, name: str, p: ArrayLike, size: int | None = None) -> Array:
        """Draw a condition that is true with probability p (a number or (n,)), shape (n,) or (n, size)."""
        p = _chance(p)
        u = self.draws.random(name, self.n, size)
        return self.condition(name, u < (p if size is None or p.ndim == 0 else p[:, None]))

    @explained
    def permutation(self, name: str, k: int) -> Array:
        """Draw a condition that is an order of 0 to k - 1, shape (n, k)."""
        order = self.condition(name, self.draws.permutation(name, self.n, k))
        if self._conditions.is_forced(name):
            wrong = (np.sort(order, axis=1) != np.arange(k)).any(axis=1)
            if wrong.any():
                raise ValueError(
                    f"The condition {name!r} is forced to {order[wrong][0].tolist()}; expected an order of 0 to {k - 1}."
                )
        return order

    @explained
    def switching(self, name: str, p: float, *, first: int | None = 0) -> Array:
        """Draw a condition that is 0 or 1 and changes before a trial with probability p.

        Args:
            name: Name of the condition, and of what is carried on to the next trials.
            p: The probability.
            first: Value before the first trial; None for a random one.

        Returns:
            (n,) values; where some are forced, those of other trials stay as they were.
        """
        changes = self.draws.random(f"{name}/change", self.n) < _chance(p)
        parts, start = [], 0
        for stream, k in self.draws.per_stream(self.n):
            if name not in stream.carried:
                stream.carried[name] = int(stream.index(f"{name}/first", 1, 2)[0]) if first is None else first
            parts.append((stream.carried[name] + np.cumsum(changes[start : start + k])) % 2)
            stream.carried[name] = int(parts[-1][-1])
            start += k
        return self.condition(name, np.concatenate(parts), [0, 1])

    @explained
    def condition(self, name: str, drawn: Array, options: ArrayLike | Number | None = None) -> Array:
        """Record a condition that the task has drawn itself, or what the caller forces instead.

        Args:
            name: Name of the condition.
            drawn: (n, ...) drawn values.
            options: (k, ...) values that a caller may force, or a `Number` such as ``Number(0, 1)``; None for any.

        Returns:
            (n, ...) values.

        Raises:
            ValueError: A forced value that is not finite where it should be a number, has the wrong shape, or is not
                allowed.
        """
        return self._conditions.record(name, drawn, options)

    @explained
    def forced_value(self, name: str, options: ArrayLike | None = None) -> Array | None:
        """Return what the caller forces on a condition that otherwise follows from others.

        Args:
            name: Name of the condition.
            options: (k,) values that may be forced; None for any.

        Returns:
            (n,) values, or None where nothing is forced.

        Raises:
            ValueError: A value that is none of the options, is not finite, or has the wrong shape.
        """
        return self._conditions.forced_value(name, options)

    @explained
    def set(self, name: str, value: ArrayLike) -> Array:
        """Record a condition that follows from others and cannot be forced.

        Args:
            name: Name of the condition.
            value: One value, or (n, ...).

        Returns:
            (n, ...) values.
        """
        return self._conditions.set(name, value)

    # ---- periods -----------------------------------------------------------------------------------

    @explained
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
        if self._observations.exists("ob") or self._observations.exists("gt"):
            raise InvalidOperationError(f"Period {period!r} is added to a trial that is painted already; add it first.")
        if isinstance(duration, str):
            several = f" Several periods are a list: [{period!r}, {duration!r}]." if isinstance(period, str) else ""
            raise TypeError(f"duration={duration!r} must be a number of ms, not a text.{several}")
        if isinstance(period, str):
            self._periods.add(period, duration, before, after, at_least, only)
            return
        if not isinstance(period, (list, tuple)):
            raise TypeError(f"period={shown(period)} must be the name of a period, or a list of names.")
        durations = [None] * len(period) if duration is None else duration
        if not isinstance(durations, (list, tuple, np.ndarray)):
            raise TypeError(f"duration={shown(duration)} must be a list of {len(period)} durations, one for each period.")
        if len(durations) != len(period):
            raise ValueError(f"len(duration)={len(durations)} and len(period)={len(period)} must be the same.")
        if only is not None:
            raise ValueError(f"only={shown(only)} goes with one period, not with {len(period)}.")
        if before is not None:
            raise ValueError(f"before={before!r} goes with one period, not with {len(period)}; use `after`.")
        for name, ms in zip(period, durations, strict=True):
            self._periods.add(name, ms, None, after, at_least)
            after = name

    @explained
    def duration(self, period: str, name: str | None = None) -> Array:
        """Draw the duration of a period as a condition, cut to whole steps.

        Args:
            period: The period whose timing is used.
            name: Name of the condition; by default that of the period.

        Returns:
            (n,) ms, to be given to `add_period`.
        """
        return self.condition(name or period, self._periods.duration(period), Number(0, unit="ms"))

    def span(self, *periods: str) -> Span:
        """Return the first step of a period and the step after its last; of several, from the first to the last.

        Both are integers where all trials agree, else (n,).

        Raises:
            UnknownNameError: A period that the trials do not have.
        """
        return self._periods.span(*periods)

    # ---- observations and ground truth ---------------------------------------------------------------

    @explained
    def add_ob(self, value: ArrayLike, period: Period = None, where: Where = None) -> None:
        """Add to the observations.

        Args:
            value: The value to add, see the class.
            period: A period, several, a pair of steps (start, end), or None for the whole trial.
            where: Channels: a name, an index, a slice, or indices; None for all.

        Raises:
            UnknownNameError: A period that the trials, or a channel that the observations do not have.
            ValueError: A value of a shape that does not fit.
        """
        self._observations.write("ob", value, period, where, "add")

    @explained
    def set_ob(self, value: ArrayLike, period: Period = None, where: Where = None) -> None:
        """Set the observations; the arguments are those of `add_ob`."""
        self._observations.write("ob", value, period, where, "assign")

    @explained
    def multiply_ob(self, value: ArrayLike, period: Period = None, where: Where = None) -> None:
        """Multiply the observations; the arguments are those of `add_ob`."""
        self._observations.write("ob", value, period, where, "multiply")

    def move_ob(self, source: Where, target: Where, period: Period = None, *, only: Array) -> None:
        """Move what some channels show to others, in some trials; the first show 0 then.

        Args:
            source: Channels, as for `add_ob`.
            target: As many others.
            period: As for `add_ob`.
            only: Which trials, (n,) bool.
        """
        self._observations.move_channels(source, target, period, only)

    @explained
    def add_randn(
        self,
        mu: ArrayLike = 0,
        sigma: ArrayLike = 1,
        period: Period = None,
        where: Where = None,
        *,
        only: ArrayLike | None = None,
    ) -> None:
        """Add Gaussian noise, independent over trials, steps and channels.

        Args:
            mu: Mean: a number, (n,) for each trial, or (n, k) for each trial and channel.
            sigma: Standard deviation of a step: a number or (n,).
            period: As for `add_ob`; each period has a random stream of its own.
            where: Channels, as for `add_ob`.
            only: Which trials (n,) get noise.
        """
        self._observations.add_noise(self.draws, mu, sigma, period, where, only)

    def set_patterns(self, patterns: Array, which: Array, where: Where = None) -> None:
        """Set the observations of the whole trial to one of several patterns at each step.

        Args:
            patterns: (m, k), one number for each channel.
            which: (n, T) integers from 0 to m - 1.
            where: As for `add_ob`.
        """
        self._observations.set_patterns(patterns, which, where)

    def paint_later(self, paint: Callable[..., None], *values: Any) -> None:
        """Paint the observations only when they are first read.

        Images take time and memory. Painted later, they cost nothing where only the conditions or the lengths of many
        trials matter. What is random must be drawn before.

        Args:
            paint: Called with the trials, whose periods are as they are now, and the values.
            *values: Conditions, (n, ...) each, and what was drawn.
        """
        self._observations.defer(paint, (self, *values))

    @explained
    def set_groundtruth(self, value: ArrayLike, period: Period = None, where: str | None = None) -> None:
        """Set the action that earns the most.

        Args:
            value: The action, a number, (n,), or (n, k) for actions of k numbers; with `where`, an
                index into the actions of that name.
            period: As for `add_ob`.
            where: A name of the action space.

        Raises:
            UnknownNameError: A name that the action space does not have.
        """
        self._observations.set_groundtruth(value, period, where)

    # ---- results -----------------------------------------------------------------------------------

    @property
    def conditions(self) -> dict[str, Array]:
        """Name -> (n, ...) values, drawn, forced or set."""
        return self._conditions.values

    @property
    def forceable(self) -> AbstractSet[str]:
        """Names of the conditions that a caller may force."""
        return self._conditions.forceable

    @property
    def carried(self) -> dict[str, Any]:
        """What the task carries from trial to trial; it restarts with the seed."""
        return self.draws.carried

    @property
    def ob(self) -> Array:
        """Observations, (n, T, *observation shape); zero after a trial's end. Images have the type of their space."""
        return self._observations.array("ob")

    @property
    def gt(self) -> Array:
        """Ground truth, (n, T, *action shape): the action that earns the most at each step."""
        return self._observations.array("gt")

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Number of steps of each trial, (n,)."""
        return np.array(np.broadcast_to(self._periods.total, self.n), np.int64)

    @property
    def mask(self) -> NDArray[np.bool_]:
        """True at the steps that belong to a trial, (n, T)."""
        return np.asarray(np.arange(self._observations.length()) < self.lengths[:, None])

    @property
    def start(self) -> dict[str, NDArray[np.int64]]:
        """Period -> its first step in each trial, (n,)."""
        return {p: np.array(np.broadcast_to(s[0], self.n), np.int64) for p, s in self._periods.spans.items()}

    @property
    def end(self) -> dict[str, NDArray[np.int64]]:
        """Period -> the step after its last in each trial, (n,)."""
        return {p: np.array(np.broadcast_to(s[1], self.n), np.int64) for p, s in self._periods.spans.items()}

    @explained
    def flat_steps(self, name: str) -> tuple[Array, NDArray[np.int64] | None]:
        """Return all steps of all trials, one trial after another, however they are stored.

        Args:
            name: ``ob`` or ``gt``.

        Returns:
            Values (m, ...), and which of them each step shows, (steps,) in ascending order; None: step i shows value i.
            Several steps show the same value where nothing changes between them.
        """
        return self._observations.flat_steps(name)

    def __len__(self) -> int:
        """Number of trials."""
        return self.n

    def __getitem__(self, i: int) -> Trial:
        """Return one trial, cut to its length; the arrays are views."""
        if not -self.n <= i < self.n:
            raise IndexError(f"Trial {i} of {self.n} trials.")
        length = _at(self._periods.total, i)
        return Trial(
            ob=self.ob[i, :length],
            gt=self.gt[i, :length],
            conditions={name: _scalar(values[i]) for name, values in self.conditions.items()},
            start={p: _at(s[0], i) for p, s in self._periods.spans.items()},
            end={p: _at(s[1], i) for p, s in self._periods.spans.items()},
            dt=self.dt,
        )

    def __iter__(self) -> Iterator[Trial]:
        """Iterate over the trials one by one."""
        return (self[i] for i in range(self.n))

    def _finish(self) -> Trials:
        """Complete the trials once the task has filled them in."""
        self._conditions.refuse_unknown(self._task)
        self._conditions.refuse_overruled(self._task)
        self._observations.finish()
        return self


def _at(steps: Steps, i: int) -> int:
    return steps if isinstance(steps, int) else int(steps[i])


def _scalar(value: Any) -> Any:
    """One trial's condition: a Python scalar, a copy of its row, or a tuple of texts (engines take no arrays of them)."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray) and value.dtype.kind == "U" and value.ndim == 1:
        return tuple(value.tolist())
    return value.copy() if isinstance(value, np.ndarray) else value


def _chance(p: ArrayLike) -> Array:
    """Return a probability, a number or (n,), as an array after a check."""
    array = np.asarray(p)
    if array.dtype.kind not in "biuf" or not ((array >= 0) & (array <= 1)).all():
        raise ValueError(f"p={shown(p)} must be a probability, from 0 to 1, or one for each trial.")
    return array

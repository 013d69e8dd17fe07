"""Trials: n trials on a common clock, all arrays, drawn and painted at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ngym_core.clock import Clock
from ngym_core.painting import Inside, Span, Steps, add_noise, highest, lowest, move, paint, paint_patterns
from ngym_core.random import Draws
from ngym_core.spaces import Where, actions, channels
from ngym_core.timing import to_steps
from ngym_core.trial import Trial

if TYPE_CHECKING:
    from ngym_core.env import TrialEnv

__all__ = ["Trial", "Trials"]

Array: TypeAlias = NDArray[Any]
Period: TypeAlias = "str | Sequence[str] | Span | None"


class Trials(Clock):
    """n trials of a task: what a task's `_new_trials` fills in.

    A task draws its conditions, adds its periods, paints its observations and sets its ground truth
    for all n trials at once. Values to paint are a number, (n,) for each trial, (n, k) for each trial
    and channel, (1, k) for each channel, or (n, steps, k) where all trials share the period.

    Args:
        task: The task; its timing, spaces and time step are used.
        n: How many trials.
        draws: Where randomness comes from.
        forced: Conditions the caller forces: name -> one value or one for each trial.

    Attributes:
        n: Number of trials.
        dt: Time step in ms.
        draws: Where randomness comes from.
        conditions: Name -> (n, ...) values, drawn, forced or set.
        spans: Period -> start and end in steps, integers where all trials agree, else (n,).
        total: Length in steps, likewise.
        carried: What the task carries from trial to trial; it restarts with the seed.
    """

    def __init__(self, task: TrialEnv, n: int, draws: Draws, forced: Mapping[str, Any] | None = None) -> None:
        super().__init__(task, n, draws, forced)
        self._noises: dict[str, int] = {}
        self._insides: dict[tuple[int, int, int], tuple[Span, Inside | None]] = {}
        self._later: tuple[Callable[..., None], tuple[Any, ...], dict[str, Span], Steps] | None = None

    # ---- painting --------------------------------------------------------------------------------

    def add_ob(self, value: ArrayLike, period: Period = None, where: Where = None) -> None:
        """Add to the observations.

        Args:
            value: What to add, see the class.
            period: A period, several, a pair of steps (start, end), or None for the whole trial.
            where: Channels: a name, an index, a slice, or indices; None for all.
        """
        self._paint(value, period, where, "add")

    def set_ob(self, value: ArrayLike, period: Period = None, where: Where = None) -> None:
        """Set the observations; the arguments are those of `add_ob`."""
        self._paint(value, period, where, "assign")

    def multiply_ob(self, value: ArrayLike, period: Period = None, where: Where = None) -> None:
        """Multiply the observations; the arguments are those of `add_ob`."""
        self._paint(value, period, where, "multiply")

    def _paint(self, value: ArrayLike, period: Period, where: Where, how: str) -> None:
        for span in self._regions(period, joined=np.ndim(value) < 3):
            paint(self.ob, value, span, self._channels(where), how=how, inside=self._inside(span, self.ob.shape[1]))

    def move_ob(self, source: Where, target: Where, period: Period = None, *, only: Array) -> None:
        """Move what is painted on some channels to others, in some trials; nothing stays behind.

        Args:
            source: Channels, as for `add_ob`.
            target: As many others.
            period: As for `add_ob`.
            only: Which trials, (n,) bool.
        """
        for span in self._regions(period):
            move(self.ob, span, self._channels(source), self._channels(target), only)

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
            sigma: Standard deviation per step, a number or (n,).
            period: As for `add_ob`; each period has a random stream of its own.
            where: Channels, as for `add_ob`.
            only: Which trials (n,) get noise.
        """
        index = self._channels(where)
        draws = self.draws if only is None else self.draws.where(only)
        sigma = sigma if only is None else np.where(only, sigma, 0.0)
        names = [period] if period is None or isinstance(period, str) else list(period)
        for name, span in zip(names, self._regions(period), strict=False):
            label = f"noise/{name}/{where}"
            self._noises[label] = again = self._noises.get(label, -1) + 1
            draw = partial(draws.normal, f"{label}/{again}" if again else label)
            add_noise(self.ob, draw, mu, sigma, span, index, self._inside(span, self.ob.shape[1]))

    def set_pixels(self, rows: Array, columns: Array, value: ArrayLike, period: str) -> None:
        """Set single pixels of images, other ones at each step of a period.

        Args:
            rows: Integers (n, k, m): m pixels at each of the first k steps of the period; those after its end are left out.
            columns: Likewise.
            value: A number, or one for each channel.
            period: A period.
        """
        start, stop = (np.reshape(edge, (-1, 1)) for edge in self.span(period))
        inside = start + np.arange(rows.shape[1]) < stop
        trial, step = np.nonzero(np.broadcast_to(inside, rows.shape[:2]))
        at = step + np.broadcast_to(start, (self.n, 1))[trial, 0]
        self.ob[trial[:, None], at[:, None], rows[trial, step], columns[trial, step]] = value

    def set_patterns(self, patterns: Array, which: Array, where: Where = None) -> None:
        """Set the observations of the whole trial to one of several patterns at each step.

        Args:
            patterns: (m, k), one number for each channel.
            which: (n, T) integers from 0 to m - 1.
            where: As for `add_ob`.
        """
        paint_patterns(self.ob, patterns, which, self._channels(where))

    def paint_later(self, paint: Callable[..., None], *values: Any) -> None:
        """Paint the observations when somebody looks at them first.

        Images take time and room. Painted later, they cost nothing where only the conditions or the lengths of many
        trials matter. What is random must be drawn before.

        Args:
            paint: Called with the trials, as they are now, and the values.
            *values: Conditions, (n, ...) each, and what was drawn.
        """
        self._later = (paint, values, dict(self.spans), self.total)

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
        if where is not None:
            value = actions(self.task.action_space, where)[np.asarray(value)]
        for span in self._regions(period, joined=np.ndim(value) < 2):
            paint(self.gt, value, span, slice(None), how="assign", inside=self._inside(span, self.gt.shape[1]))

    @property
    def ob(self) -> Array:
        """Observations, (n, T, *observation shape); zero after a trial's end. Images have the type of their space."""
        if self._ob is None:
            changed = self.spans, self.total
            paint, values, self.spans, self.total = self._later or (None, (), *changed)
            space = self.task.observation_space
            shape = self._shape(space, "observation")
            dtype = space.dtype if np.issubdtype(space.dtype, np.floating) or len(shape) > 1 else np.float32
            self._ob = np.zeros((self.n, self._steps(), *shape), dtype)
            if paint is not None:
                paint(self, *values)
            self.spans, self.total = changed
        return self._ob

    @property
    def painted(self) -> bool:
        """Whether there are observations already, so that no period can be added."""
        return self._ob is not None or self._later is not None

    @property
    def gt(self) -> Array:
        """Ground truth, (n, T, *action shape): the action that earns the most at each step."""
        if self._gt is None:
            space = self.task.action_space
            self._gt = np.zeros((self.n, self._steps(), *self._shape(space, "action")), space.dtype)
        return self._gt

    def _steps(self) -> int:
        if lowest(self.total) == 0:
            raise ValueError(
                f"{self.task}: a trial has no step: its periods {list(self.spans)} are shorter than dt={self.dt} ms."
                if self.spans
                else f"{self.task}: a trial needs a period; call `add_period` before painting."
            )
        return highest(self.total)

    def _shape(self, space: Any, what: str) -> tuple[int, ...]:
        if space.shape is None:
            raise ValueError(f"{self.task}: the {what} space {space} has no shape, so a trial of it is no array.")
        return tuple(space.shape)

    def _channels(self, where: Where) -> Any:
        return slice(None) if where is None else channels(self.task.observation_space, where)

    def _inside(self, span: Span, steps: int) -> Inside | None:
        """Find the steps of a span once, however often it is painted."""
        if isinstance(span[0], int) and isinstance(span[1], int):
            return None
        key = id(span[0]), id(span[1]), steps
        if key not in self._insides:
            self._insides[key] = span, Inside.of(span, self.n, steps)  # held, or another span could take its identity
        return self._insides[key][1]

    def _regions(self, period: Period, *, joined: bool = False) -> Iterator[Span]:
        """Go through the spans of one or several periods; those that follow one on the other may be joined."""
        if period is None:
            yield 0, self.total
        elif isinstance(period, str):
            yield self.span(period)
        elif all(isinstance(p, str) for p in period):
            spans = [self.span(name) for name in period]  # type: ignore[arg-type]
            while joined and spans:
                start, stop = spans.pop(0)
                while spans and _same(stop, spans[0][0]):
                    stop = spans.pop(0)[1]
                yield start, stop
            yield from spans
        else:
            first, last = period
            yield to_steps(first, 1), to_steps(last, 1)

    # ---- the result ------------------------------------------------------------------------------

    def finish(self) -> Trials:
        """Complete the trials: build what was not painted and refuse conditions that the task does not have."""
        self.refuse_unknown(self.task)
        space = self.task.observation_space
        if self._later is None and self.ob.dtype != space.dtype:
            self._ob = self.ob.astype(space.dtype)
        _ = self.gt
        return self

    def cut(self, end: Steps) -> None:
        """End the trials earlier, at a step."""
        for name in ("ob", "gt"):
            array = getattr(self, name)[:, : highest(end)].copy()
            array[np.arange(array.shape[1]) >= np.broadcast_to(end, self.n)[:, None]] = 0
            setattr(self, f"_{name}", array)
        self.total = end

    def adopt(self, conditions: Mapping[str, Any], ob: Array | None, gt: Array | None, steps: int) -> Trials:
        """Complete one trial that a task built in NeuroGym's style.

        Args:
            conditions: What the task's `_new_trial` returned.
            ob: Observations that the task made itself, (steps, *observation shape).
            gt: Ground truth that the task made itself, (steps, *action shape).
            steps: Length of a trial that has neither periods nor observations.

        Returns:
            The trial, n = 1.
        """
        self.conditions = {name: _column([value]) for name, value in conditions.items()}
        if not self.spans:
            self.total = steps if ob is None else len(ob)
        if not self.painted and ob is not None:
            self._ob = np.asarray(ob)[None]
        if not self.has_gt and gt is not None:
            self._gt = np.asarray(gt)[None]
        return self.finish()

    @classmethod
    def join(cls, parts: Sequence[Trials]) -> Trials:
        """Put trials one after another; what some of them lack (a period, a condition) is 0 or None there."""
        if len(parts) == 1:
            return parts[0]
        joined = cls(parts[0].task, sum(p.n for p in parts), parts[0].draws)
        joined.total = to_steps(np.concatenate([p.lengths for p in parts]), 1)
        for name in dict.fromkeys(name for p in parts for name in p.spans):
            edges = [p.spans.get(name, (0, 0)) for p in parts]
            start, end = (
                np.concatenate([np.broadcast_to(e[i], p.n) for e, p in zip(edges, parts, strict=True)]) for i in (0, 1)
            )
            joined.spans[name] = (to_steps(start, 1), to_steps(end, 1))
        for name in dict.fromkeys(name for p in parts for name in p.conditions):
            joined.conditions[name] = _column([v for p in parts for v in p.conditions.get(name, [None] * p.n)])
        row = 0
        for part in parts:
            rows = slice(row, row + part.n)
            joined.ob[rows, : part.ob.shape[1]] = part.ob
            joined.gt[rows, : part.gt.shape[1]] = part.gt
            row += part.n
        return joined

    def pick(self, rows: Array) -> Trials:
        """Give some of the trials, or all in another order: (k,) indices."""
        picked = Trials(self.task, len(rows), self.draws)
        picked.total = to_steps(self.lengths[rows], 1)
        for name, span in self.spans.items():
            start, end = (np.broadcast_to(edge, self.n)[rows] for edge in span)
            picked.spans[name] = (to_steps(start, 1), to_steps(end, 1))
        picked.conditions = {name: values[rows] for name, values in self.conditions.items()}
        picked._ob, picked._gt = self.ob[rows], self.gt[rows]
        return picked

    def widen(self, values: Array) -> None:
        """Add channels at the end: values (n, steps, k), or (n, 1, k) that hold throughout a trial."""
        tail = np.broadcast_to(values, (self.n, self.ob.shape[1], values.shape[2])) * self.mask[..., None]
        self._ob = np.concatenate([self.ob, tail.astype(self.ob.dtype)], axis=-1)

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Number of steps of each trial, (n,)."""
        return np.array(np.broadcast_to(self.total, self.n), np.int64)

    @property
    def mask(self) -> NDArray[np.bool_]:
        """True at the steps that belong to a trial, (n, T)."""
        steps = self._steps() if self._ob is None else self._ob.shape[1]
        return np.asarray(np.arange(steps) < self.lengths[:, None])

    @property
    def start(self) -> dict[str, NDArray[np.int64]]:
        """Period -> first step in each trial, (n,)."""
        return {p: np.array(np.broadcast_to(s[0], self.n), np.int64) for p, s in self.spans.items()}

    @property
    def end(self) -> dict[str, NDArray[np.int64]]:
        """Period -> the step after its last in each trial, (n,)."""
        return {p: np.array(np.broadcast_to(s[1], self.n), np.int64) for p, s in self.spans.items()}

    def __len__(self) -> int:
        """Number of trials."""
        return self.n

    def __getitem__(self, i: int) -> Trial:
        """Give one trial, cut to its length; the arrays are views."""
        if not -self.n <= i < self.n:
            raise IndexError(f"Trial {i} of {self.n} trials.")
        length = _at(self.total, i)
        return Trial(
            ob=self.ob[i, :length],
            gt=self.gt[i, :length],
            conditions={name: _scalar(values[i]) for name, values in self.conditions.items()},
            start={p: _at(s[0], i) for p, s in self.spans.items()},
            end={p: _at(s[1], i) for p, s in self.spans.items()},
            dt=self.dt,
        )

    def __iter__(self) -> Iterator[Trial]:
        """Go through the trials one by one."""
        return (self[i] for i in range(self.n))


def _same(one: Steps, other: Steps) -> bool:
    return one is other or (isinstance(one, int) and isinstance(other, int) and one == other)


def _at(steps: Steps, i: int) -> int:
    return steps if isinstance(steps, int) else int(steps[i])


def _column(values: list[Any]) -> Array:
    """Put one value for each trial into an array; values that fit no array of numbers become objects."""
    try:
        column = np.array(values)
    except ValueError:
        column = np.empty(len(values), object)
        column[:] = values
    return column


def _scalar(value: Any) -> Any:
    """One trial's condition: a Python scalar, or a copy of its row."""
    if isinstance(value, np.generic):
        return value.item()
    return value.copy() if isinstance(value, np.ndarray) else value

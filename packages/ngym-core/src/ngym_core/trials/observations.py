"""Observations: what n trials show, and which action is right, at each step."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ngym_core.arguments import shown
from ngym_core.random import Draws
from ngym_core.spaces import Where, actions, channels, noise_channels
from ngym_core.trials._kernels import (
    Span,
    SpanRows,
    Steps,
    add_noise,
    is_same_edge,
    move_channels,
    paint,
    set_patterns,
    view_as_items,
)
from ngym_core.trials._segments import Segments
from ngym_core.trials.durations import to_steps
from ngym_core.trials.periods import Periods
from ngym_core.trials.protocol import TrialTask

__all__ = ["Observations", "Period", "Runs", "checked_ndim", "interleave_runs"]

Array: TypeAlias = NDArray[Any]
Period: TypeAlias = "str | Sequence[str] | Span | None"
"""A period, several, a pair of steps (start, end), or None for the whole trial."""
MIN_TRIALS_TO_ENCODE = 32
"""Fewer trials are stored densely from the start: encoding them costs more than it saves."""
MIN_STEPS_PER_SEGMENT = 2
"""Where all trials share their edges, shorter segments (on average) are stored densely: a period is a slice then anyway."""


@dataclass(frozen=True)
class Runs:
    """What all steps of n trials show, as values that last for some steps each.

    Attributes:
        values: (m, ...), those of one trial after another.
        counts: Number of steps that each value lasts, (m,), from 0.
        per_trial: Number of values of each trial, (n,).
    """

    values: Array
    counts: NDArray[np.int64]
    per_trial: NDArray[np.int64]

    def flat(self) -> tuple[Array, NDArray[np.int64]]:
        """Return the values, and which of them each step shows, (steps,)."""
        return self.values, np.repeat(np.arange(len(self.counts)), self.counts)

    def take(self, rows: NDArray[np.int64]) -> Runs:
        """Return some of the trials, (k,) indices in any order."""
        first = np.cumsum(self.per_trial) - self.per_trial
        per_trial = self.per_trial[rows]
        offset = np.cumsum(per_trial) - per_trial
        index = np.arange(per_trial.sum()) + np.repeat(first[rows] - offset, per_trial)
        return Runs(self.values.take(index, axis=0), self.counts.take(index), per_trial)


def interleave_runs(
    parts: Sequence[Runs], rows: Sequence[Array], channels: int | None = None, cues: Array | None = None
) -> Runs:
    """Put runs of several batches of trials together, see `ngym_core.trials.interleave`."""
    per_trial = np.empty(sum(map(len, rows)), np.int64)
    for runs, places in zip(parts, rows, strict=True):
        per_trial[places] = runs.per_trial
    offset = np.cumsum(per_trial) - per_trial
    shape, dtype = parts[0].values.shape[1:], np.result_type(*(runs.values.dtype for runs in parts))
    added = np.empty((len(parts), 0), dtype)  # what is shown after the channels of a part: zeros, then its cues
    if channels is not None or cues is not None:
        zeros = np.zeros((len(parts), channels or shape[0]))
        added = np.hstack([zeros] if cues is None else [zeros, cues]).astype(dtype)
        shape = added.shape[1:]
    values = np.empty((per_trial.sum(), *shape), dtype)
    counts = np.empty(len(values), np.int64)
    flat, total = values.reshape(len(values), -1), math.prod(shape)
    for k, (runs, places) in enumerate(zip(parts, rows, strict=True)):
        first = np.cumsum(runs.per_trial) - runs.per_trial
        at = np.arange(len(runs.counts)) + np.repeat(offset[places] - first, runs.per_trial)
        counts[at] = runs.counts
        block = np.ascontiguousarray(runs.values, dtype).reshape(len(at), -1)
        own, rest = range(block.shape[1]), range(block.shape[1], total)
        view_as_items(flat, own)[at] = view_as_items(block, own)
        if rest:
            view_as_items(flat, rest)[at] = view_as_items(added[k : k + 1], rest)
    return Runs(values, counts, per_trial)


class Observations:
    """The arrays ``ob`` (observations) and ``gt`` (ground truth) of n trials.

    Each is stored in one of three forms behind the same methods. While only whole periods are written, an array of many
    trials is run-length encoded (`Segments`); the first write that differs from step to step decodes it into a dense
    (n, T, ...) array. Trials that were put together (`interleave`) are kept as runs: values, and for how many steps each
    lasts. `runs` and `flat_steps` hand out any form, so that readers need not know.

    Args:
        task: The task; its spaces are used.
        n: Number of trials.
        periods: The periods of the trials.
    """

    def __init__(self, task: TrialTask, n: int, periods: Periods) -> None:
        self._task, self._n, self._periods = task, n, periods
        self._kinds: dict[str, tuple[tuple[int, ...], Any]] = {}
        self._dense: dict[str, Array] = {}
        self._segments: Segments | None = None
        self._runs: dict[str, Runs] = {}
        self._deferred: tuple[Callable[..., None], tuple[Any, ...], dict[str, Span], Steps] | None = None
        self._noise_counts: dict[str, int] = {}
        self._span_rows: dict[tuple[int, int, int], tuple[Span, SpanRows | None]] = {}

    # ---- writing -----------------------------------------------------------------------------------

    def write(self, name: str, value: ArrayLike, period: Period, where: Where, how: str) -> None:
        """Write a value into periods: ``add``, ``assign`` or ``multiply``, see `ngym_core.trials._kernels.paint`."""
        axes = len(self._task.action_space.shape or ()) if name == "gt" else 1
        same_each_step = checked_ndim("value", value) < 2 + axes
        for span in self._regions(period, joined=same_each_step):
            between = self._segments_of(name, span) if same_each_step else None
            index = slice(None) if name == "gt" else self._channels(where)
            if between is not None and self._segments is not None:
                self._segments.paint(name, value, between, index, how=how)
            else:
                array = self.array(name)
                paint(array, value, span, index, how=how, rows=self._rows(span, array.shape[1]))

    def set_groundtruth(self, value: ArrayLike, period: Period, where: str | None) -> None:
        """Set the ground truth, see `Trials.set_groundtruth`."""
        if self._periods.without_steps:
            self._refuse_empty(period)
        if where is not None:
            named, index = actions(self._task.action_space, where), np.asarray(value)
            right = index.dtype.kind in "biu" and index.min() >= 0
            try:
                value = named[index if index.dtype.kind != "b" else index.astype(np.int64)]
            except IndexError:
                right = False
            if not right:
                raise ValueError(f"value={shown(value)} must be integers from 0 to {len(named) - 1}, indices of {where!r}.")
        self.write("gt", value, period, None, "assign")

    def _refuse_empty(self, period: Period) -> None:
        """Raise if the ground truth is set in a period that has no step, so that no answer would be right."""
        names: Any = [period] if isinstance(period, str) else period if hasattr(period, "__len__") else []
        if names and all(isinstance(name, str) and name in self._periods.without_steps for name in names):
            raise ValueError(
                f"{self._task}: the ground truth is set in {period!r}, which has no step of {self._task.dt} ms: make the "
                "period longer, or dt shorter."
            )

    def move_channels(self, source: Where, target: Where, period: Period, only: Array) -> None:
        """Move what some channels show to others, see `Trials.move_ob`."""
        for span in self._regions(period):
            between = self._segments_of("ob", span)
            if between is not None and self._segments is not None:
                self._segments.move_channels("ob", between, self._channels(source), self._channels(target), only)
            else:
                move_channels(self.array("ob"), span, self._channels(source), self._channels(target), only)

    def add_noise(
        self, draws: Draws, mu: ArrayLike, sigma: ArrayLike, period: Period, where: Where, only: ArrayLike | None
    ) -> None:
        """Add Gaussian noise, see `Trials.add_randn`."""
        checked_ndim("mu", mu)
        checked_ndim("sigma", sigma)
        index, order, where_label = noise_channels(self._task.observation_space, where)
        if order is not None and np.ndim(mu) == 2:
            mu = np.asarray(mu)[:, order]
        sigma = sigma if only is None else np.where(only, sigma, 0.0)
        spans = list(self._regions(period))
        names: list[Any] = [period] if period is None or isinstance(period, str) else list(period)
        if not all(name is None or isinstance(name, str) for name in names):
            names = ["steps"]
        by_steps = [self._can_split(span) for span in spans]  # all of them before the first one is written
        for name, span in zip(names, spans, strict=True):
            label = f"noise/{name}/{where_label}"
            self._noise_counts[label] = again = self._noise_counts.get(label, -1) + 1
            draw = partial(draws.normal, f"{label}/{again}" if again else label)
            if all(by_steps) and self._segments is not None:
                table, (first, stop) = self._segments.steps_of("ob", span)
                add_noise(table, draw, mu, sigma, (first, to_steps(stop, 1)), index)
            else:
                ob = self.array("ob")
                add_noise(ob, draw, mu, sigma, span, index, self._rows(span, ob.shape[1]))

    def set_patterns(self, patterns: Array, which: Array, where: Where) -> None:
        """Set each step to one of several patterns, see `Trials.set_patterns`."""
        set_patterns(self.array("ob"), patterns, which, self._channels(where))

    def defer(self, paint: Callable[..., None], arguments: tuple[Any, ...]) -> None:
        """Call a function that paints the observations when they are first read, with the periods as they are now."""
        self._deferred = (paint, arguments, dict(self._periods.spans), self._periods.total)

    def finish(self) -> None:
        """Create what was not written, and convert observations to the type of their space."""
        dtype = self._task.observation_space.dtype
        if self._segments is not None and "ob" in self._segments:
            self._segments.convert("ob", dtype)
        elif self._deferred is None and self.array("ob").dtype != dtype:
            self._dense["ob"] = self.array("ob").astype(dtype)
        if not self.exists("gt"):
            self.array("gt")

    # ---- reading -----------------------------------------------------------------------------------

    def exists(self, name: str) -> bool:
        """Whether there is something of this name (or a promise of it), so that no period can be added."""
        encoded = self._segments is not None and name in self._segments
        return name in self._dense or name in self._runs or encoded or (name == "ob" and self._deferred is not None)

    def array(self, name: str) -> Array:
        """Return ``ob`` or ``gt`` as a dense array (n, T, ...), zero after a trial's end; it may be changed in place."""
        if name not in self._dense:
            if self._segments is not None and name in self._segments:
                self._dense[name] = self._segments.decode(name)
            elif name in self._runs:
                values, index = self._runs.pop(name).flat()
                dense = np.zeros((self._n, self._periods.steps(), *values.shape[1:]), values.dtype)
                lengths = np.broadcast_to(self._periods.total, self._n)
                dense[np.arange(dense.shape[1]) < lengths[:, None]] = values[index]
                self._dense[name] = dense
            else:
                self._create(name)
        return self._dense[name]

    def set_array(self, name: str, array: Array) -> None:
        """Replace ``ob`` or ``gt`` by another dense array, (n, T, ...)."""
        self.drop(name)
        self._dense[name] = array
        if name == "ob":
            self._deferred = None

    def set_runs(self, name: str, runs: Runs) -> None:
        """Replace ``ob`` or ``gt`` by runs."""
        self.drop(name)
        self._runs[name] = runs
        if name == "ob":
            self._deferred = None

    def drop(self, name: str) -> None:
        """Forget ``ob`` or ``gt``; what is written next begins with zeros."""
        self._dense.pop(name, None)
        self._runs.pop(name, None)
        if self._segments is not None:
            self._segments.drop(name)

    def length(self) -> int:
        """Return T, the number of steps of the dense arrays, without building them."""
        return self._dense["ob"].shape[1] if "ob" in self._dense else self._periods.steps()

    def flat_steps(self, name: str) -> tuple[Array, NDArray[np.int64] | None]:
        """Return all steps of all trials, one trial after another, see `Trials.flat_steps`."""
        if self._segments is not None and name in self._segments:
            return self._segments.values(name), self._segments.index
        if name in self._runs:
            return self._runs[name].flat()
        array = self.array(name)[:, : self._periods.steps()]  # trials that were selected may be padded to longer ones
        rows = self._rows((0, self._periods.total), array.shape[1])
        return array.reshape(-1, *array.shape[2:]), None if rows is None else rows.index

    def runs(self, name: str) -> Runs:
        """Return ``ob`` or ``gt`` as runs, whatever it is stored as."""
        runs, index = self.indexed_runs(name)
        return runs if index is None else Runs(runs.values.take(index, axis=0), runs.counts, runs.per_trial)

    def indexed_runs(self, name: str) -> tuple[Runs, NDArray[np.int64] | None]:
        """Return ``ob`` or ``gt`` as runs, and which of the values each of them shows, (m,); None: run i shows value i.

        For those who take some of the runs anyway, so that values are copied only once.
        """
        if self._segments is not None and name in self._segments:
            segments = self._segments
            return Runs(segments.values(name), segments.lengths, np.full(self._n, segments.number)), None
        if name in self._runs:
            return self._runs[name], None
        values, index = self.flat_steps(name)
        counts = np.ones(len(values) if index is None else len(index), np.int64)
        return Runs(values, counts, np.array(np.broadcast_to(self._periods.total, self._n))), index

    # ---- inside ------------------------------------------------------------------------------------

    def _create(self, name: str) -> None:
        """Make an array of zeros; paint what was deferred, with the periods as they were then."""
        periods = self._periods
        now = periods.spans, periods.total
        deferred = self._deferred if name == "ob" else None
        if deferred is not None:
            periods.spans, periods.total = deferred[2], deferred[3]
        shape, dtype = self._kind(name)
        self._dense[name] = np.zeros((self._n, periods.steps(shape, dtype), *shape), dtype)
        if deferred is not None:
            deferred[0](*deferred[1])
        periods.spans, periods.total = now

    def _segments_of(self, name: str, span: Span) -> tuple[int, int] | None:
        """Find the segments of a span, first and last (excluded), where the array is (or can be) encoded."""
        dense = name in self._dense or name in self._runs or (name == "ob" and self._deferred is not None)
        shape, dtype = self._kind(name)
        if dense or self._n < MIN_TRIALS_TO_ENCODE or (name == "ob" and len(shape) > 1):
            return None
        if self._segments is None:
            self._periods.steps(shape, dtype)
            self._segments = Segments(self._n, self._periods.total, self._periods.spans.values())
        if name not in self._segments:
            if self._segments.number > self._max_segments(self._segments):
                return None
            self._segments.create(name, shape, dtype)
        return self._segments.between(span)

    def _can_split(self, span: Span) -> bool:
        """Split a span of encoded observations into steps, if they are encoded and that pays."""
        if self._segments_of("ob", span) is None or self._segments is None:
            return False
        return self._segments.split_into_steps(span, self._max_segments(self._segments))

    def _max_segments(self, segments: Segments) -> int:
        """Return how many segments of a trial are worth encoding.

        Where the edges differ from trial to trial, dense arrays are written by index, while all trials have the same
        number of segments, which are written as slices: then any number below that of the steps pays.
        """
        steps = int(np.mean(self._periods.total))
        return steps // MIN_STEPS_PER_SEGMENT if segments.shared_edges else steps

    def _kind(self, name: str) -> tuple[tuple[int, ...], Any]:
        """Shape and type of an observation, or of an action."""
        kind = self._kinds.get(name)
        if kind is None:
            if name == "gt":
                space = self._task.action_space
                kind = self._shape(space, "action"), space.dtype
            else:
                space = self._task.observation_space
                shape = self._shape(space, "observation")
                # Numbered observations are painted as float32 and converted at the end; images in the type of their space.
                kind = shape, space.dtype if space.dtype.kind == "f" or len(shape) > 1 else np.float32
            self._kinds[name] = kind
        return kind

    def _shape(self, space: Any, what: str) -> tuple[int, ...]:
        if space.shape is None:
            raise ValueError(f"{self._task}: the {what} space {space} has no shape, so a trial of it is no array.")
        return tuple(space.shape)

    def _channels(self, where: Where) -> Any:
        return slice(None) if where is None else channels(self._task.observation_space, where)

    def _rows(self, span: Span, steps: int) -> SpanRows | None:
        """Find the steps of a span once, however often it is written."""
        if isinstance(span[0], int) and isinstance(span[1], int):
            return None
        key = id(span[0]), id(span[1]), steps
        if key not in self._span_rows:
            # The span is kept beside its rows: once freed, its address could come back as that of another span.
            self._span_rows[key] = span, SpanRows.of(span, self._n, steps)
        return self._span_rows[key][1]

    def _regions(self, period: Period, *, joined: bool = False) -> Iterator[Span]:
        """Yield the spans of one or several periods; those that follow one another may be joined."""
        if period is None:
            yield 0, self._periods.total
        elif isinstance(period, str):
            yield self._periods.span(period)
        elif not hasattr(period, "__len__"):
            raise TypeError(f"period={shown(period)} must be the name of a period, several, a pair of steps, or None.")
        elif not len(period):
            raise ValueError(f"period={period!r} names no period; None is the whole trial.")
        elif all(isinstance(p, str) for p in period):
            spans = [self._periods.span(name) for name in period]  # type: ignore[arg-type]
            while joined and spans:
                start, stop = spans.pop(0)
                while spans and is_same_edge(stop, spans[0][0]):
                    stop = spans.pop(0)[1]
                yield start, stop
            yield from spans
        elif len(period) != 2:
            raise ValueError(f"period={shown(period)} must be (first step, step after the last).")
        else:
            first, last = period
            yield to_steps(first, 1), to_steps(last, 1)


def checked_ndim(name: str, value: Any) -> int:
    """Return the number of dimensions of a value to write, after a check that it consists of finite numbers.

    Args:
        name: Name of the argument, for errors.
        value: The value.

    Raises:
        TypeError: It does not consist of numbers.
        ValueError: A number is NaN or infinite.

    Example:
        >>> from ngym_core.trials.observations import checked_ndim
        >>> checked_ndim("value", [1, 2])
        1
    """
    if isinstance(value, (int, float)):  # first, since most values are
        ndim, finite = 0, math.isfinite(value)
    else:
        array = np.asarray(value)
        if array.dtype.kind not in "biuf":
            raise TypeError(f"{name}={shown(value)} must be a number, or an array of numbers.")
        ndim, finite = array.ndim, array.dtype.kind != "f" or bool(np.isfinite(array).all())
    if not finite:
        raise ValueError(f"{name}={shown(value)} must consist of finite numbers.")
    return ndim

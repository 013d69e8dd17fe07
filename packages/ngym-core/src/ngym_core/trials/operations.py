"""Operations on batches of trials, for wrappers and data: concatenate, select, shorten, insert steps, add channels."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ngym_core.arguments import Having, Several, explained, shown
from ngym_core.trials._kernels import Span, Steps, highest
from ngym_core.trials.batch import Trials
from ngym_core.trials.durations import to_steps
from ngym_core.trials.observations import Runs, interleave_runs
from ngym_core.trials.periods import MAX_STEPS

__all__ = [
    "add_channels",
    "add_period_channel",
    "complete_periods",
    "concatenate",
    "end_trials",
    "insert_period",
    "interleave",
    "join_columns",
    "map_answers",
    "map_answers_by_step",
    "map_channels",
    "resize_period",
    "select",
    "set_period",
    "to_column",
]

Array: TypeAlias = NDArray[Any]


PARTS = Several(Having("trials", "conditions", "lengths"), "a sequence of trials")


@explained
def concatenate(parts: Sequence[Trials]) -> Trials:
    """Put trials one after another.

    Args:
        parts: Trials of tasks with the same shape of observations and actions.

    Returns:
        All trials. A period that some of them lack has no steps there; for conditions see `join_columns`.
    """
    PARTS.check("parts", parts)
    ends = np.cumsum([part.n for part in parts])
    return interleave(parts, [np.arange(end - part.n, end) for part, end in zip(parts, ends, strict=True)])


@explained
def interleave(
    parts: Sequence[Trials], rows: Sequence[Array], channels: int | None = None, cues: Array | None = None
) -> Trials:
    """Put trials of several batches together, in any order.

    Args:
        parts: Trials of tasks with the same shape of actions.
        rows: The places of the trials of each part among all trials, (n,) indices each.
        channels: Number of channels of all trials; those that a part lacks are 0. By default all parts have the same.
        cues: (parts, k) values of channels to add after these, the same at all steps of a part.

    Returns:
        All trials. A period that some of them lack has no steps there; for conditions see `join_columns`.
    """
    PARTS.check("parts", parts)
    if len(parts) == 1 and channels is None and cues is None:
        return parts[0]
    counts = [part.n for part in parts]
    joined, order = Trials(parts[0]._task, sum(counts), parts[0].draws), np.argsort(np.concatenate(rows))
    joined._periods.total = to_steps(np.concatenate([part.lengths for part in parts])[order], 1)
    for name in dict.fromkeys(name for part in parts for name in part._periods.spans):
        edges = [part._periods.spans.get(name, (0, 0)) for part in parts]
        start, end = (
            np.concatenate([np.broadcast_to(e[i], n) for e, n in zip(edges, counts, strict=True)])[order] for i in (0, 1)
        )
        joined._periods.spans[name] = (to_steps(start, 1), to_steps(end, 1))
    for name in dict.fromkeys(name for part in parts for name in part.conditions):
        joined.conditions[name] = join_columns([part.conditions.get(name) for part in parts], counts)[order]
    for name in ("ob", "gt"):
        runs = [part._observations.runs(name) for part in parts]
        joined._observations.set_runs(name, interleave_runs(runs, rows, *((channels, cues) if name == "ob" else ())))
    return joined


@explained
def join_columns(columns: Sequence[Array | None], counts: Sequence[int]) -> Array:
    """Concatenate columns of one name from several tables, some of which may lack it.

    Args:
        columns: (n, ...) values of each table; None where it has no such column.
        counts: Number of rows of each table.

    Returns:
        Numbers stay numbers, and are NaN where they are missing. Texts, and values that differ in kind or shape, become
        objects if some are missing or differ: each keeps its own type, and what is missing is None.

    Example:
        >>> import numpy as np
        >>> from ngym_core.trials import join_columns
        >>> join_columns([np.array([1, 2]), None], [2, 1]), join_columns([np.array([1]), np.array(["left"])], [1, 1])
        (array([ 1.,  2., nan]), array([1, 'left'], dtype=object))
    """
    present = [column for column in columns if column is not None]
    shape = present[0].shape[1:]
    numbers = all(column.dtype.kind in "biuf" for column in present)
    if all(column.shape[1:] == shape for column in present):
        if numbers and len(present) < len(columns):
            missing = [np.full((n, *shape), np.nan) if c is None else c for c, n in zip(columns, counts, strict=True)]
            return np.concatenate(missing)
        if numbers or (len({column.dtype.kind for column in present}) == 1 and len(present) == len(columns)):
            return np.concatenate(present)
    joined, row = np.empty(sum(counts), object), 0
    for column, n in zip(columns, counts, strict=True):
        if column is None:
            joined[row : row + n] = None
        elif column.ndim == 1:
            joined[row : row + n] = column.tolist()
        else:
            for i in range(n):  # an assignment of several rows at once would write their numbers
                joined[row + i] = column[i]
        row += n
    return joined


@explained
def select(trials: Trials, rows: Array) -> Trials:
    """Return some of the trials, or all in another order.

    Args:
        trials: n trials.
        rows: (k,) indices, or which trials, (n,) bool.
    """
    rows = np.flatnonzero(rows) if np.asarray(rows).dtype.kind == "b" else np.asarray(rows, np.int64)
    selected = Trials(trials._task, len(rows), trials.draws)
    selected._periods.total = to_steps(trials.lengths[rows], 1)
    for name, span in trials._periods.spans.items():
        start, end = (np.broadcast_to(edge, trials.n)[rows] for edge in span)
        selected._periods.spans[name] = (to_steps(start, 1), to_steps(end, 1))
    selected.conditions.update({name: values[rows] for name, values in trials.conditions.items()})
    for name in ("ob", "gt"):
        selected._observations.set_runs(name, trials._observations.runs(name).take(rows))
    return selected


@explained
def set_period(trials: Trials, period: str, span: Span) -> None:
    """Change where a period begins and ends (steps, an integer or (n,)); what was painted stays as it is."""
    trials._periods.spans[period] = span


@explained
def complete_periods(trials: Trials, names: Iterable[str]) -> None:
    """Let trials have these periods first, in this order; those that they lack begin and end with the first step."""
    spans = trials._periods.spans
    trials._periods.spans = {**{name: spans.get(name, (0, 0)) for name in names}, **spans}


@explained
def end_trials(trials: Trials, end: Steps) -> None:
    """End the trials earlier, at a step: an integer, or (n,).

    Raises:
        ValueError: A trial that would end later.
    """
    if (np.asarray(end) > trials.lengths).any():
        raise ValueError(f"end={shown(end)}: trials can be ended earlier, and theirs are {shown(trials.lengths)} steps.")
    for name in ("ob", "gt"):
        array = getattr(trials, name)[:, : highest(end)].copy()
        array[np.arange(array.shape[1]) >= np.broadcast_to(end, trials.n)[:, None]] = 0
        trials._observations.set_array(name, array)
    trials._periods.total = end


@explained
def add_channels(trials: Trials, values: Array) -> None:
    """Add channels to the observations, after all others.

    Args:
        trials: n trials.
        values: (n, steps, k), or (n, 1, k) where they hold throughout a trial.
    """
    if values.shape[1] == 1:
        runs = trials._observations.runs("ob")
        added = values[:, 0].astype(runs.values.dtype).repeat(runs.per_trial, axis=0)
        runs = Runs(np.concatenate([runs.values, added], axis=1), runs.counts, runs.per_trial)
        trials._observations.set_runs("ob", runs)
        return
    ob = trials.ob
    tail = np.broadcast_to(values, (trials.n, ob.shape[1], values.shape[2])) * trials.mask[..., None]
    trials._observations.set_array("ob", np.concatenate([ob, tail.astype(ob.dtype)], axis=-1))


@explained
def map_channels(trials: Trials, change: Callable[[Array, Array], Array]) -> None:
    """Replace what each step shows, also by another number of channels.

    Args:
        trials: n trials.
        change: Called with values (m, channels), which last for one or several steps each, and the index of the trial that
            each belongs to, (m,); returns (m, other channels).
    """
    runs = trials._observations.runs("ob")
    values = change(runs.values, np.arange(trials.n).repeat(runs.per_trial))
    trials._observations.set_runs("ob", Runs(values, runs.counts, runs.per_trial))


@explained
def map_answers(trials: Trials, change: Callable[[Array, Array], Array]) -> None:
    """Replace the ground truth.

    Args:
        trials: n trials.
        change: As for `map_channels`, with actions (m,) or (m, ...) instead of channels.
    """
    runs = trials._observations.runs("gt")
    values = change(runs.values, np.arange(trials.n).repeat(runs.per_trial))
    trials._observations.set_runs("gt", Runs(values, runs.counts, runs.per_trial))


@explained
def map_answers_by_step(trials: Trials, period: str, change: Callable[[Array, Array, Array], Array]) -> None:
    """Replace the ground truth in a period, which may then differ from step to step.

    Args:
        trials: n trials.
        period: The period.
        change: Called with the actions of its steps, (m,) or (m, ...), the index of the trial that each belongs to, (m,),
            and how many steps ago the period began, (m,); returns as many actions.

    Example:
        >>> import ngym_core as ngym
        >>> from ngym_core.trials import map_answers_by_step
        >>> trials = ngym.make("yang19.go-v0").sample_trials(2, seed=0)
        >>> map_answers_by_step(trials, "decision", lambda actions, trial, step: actions + step)
        >>> [trial.gt[trial.start["decision"] :].tolist() for trial in trials]
        [[9, 10, 11, 12, 13], [7, 8, 9, 10, 11]]
    """
    runs, index = trials._observations.indexed_runs("gt")
    parts = _Parts.of(runs, *_edges(trials, period))
    part = np.arange(len(parts.counts)).repeat(np.where(parts.inside, parts.counts, 1))  # each step in it is one run
    inside = parts.inside[part]
    trial = np.arange(trials.n).repeat(parts.per_trial)[part]
    in_period = np.nonzero(inside)[0]
    steps_before = np.cumsum(np.bincount(trial[in_period], minlength=trials.n))
    step = np.arange(len(in_period)) - np.concatenate([[0], steps_before[:-1]])[trial[in_period]]
    values = parts.take(runs.values, index).take(part, axis=0)
    values[in_period] = change(values[in_period], trial[in_period], step)
    counts = np.where(inside, 1, parts.counts[part])
    trials._observations.set_runs("gt", Runs(values, counts, np.bincount(trial, minlength=trials.n)))


@explained
def add_period_channel(trials: Trials, period: str) -> None:
    """Add a channel after all others that is 1 in a period, and 0 before and after it."""
    runs, index = trials._observations.indexed_runs("ob")
    parts = _Parts.of(runs, *_edges(trials, period))
    channels = runs.values.shape[1]
    values = np.empty((len(parts.counts), channels + 1), runs.values.dtype)
    values[:, :channels] = parts.take(runs.values, index)
    values[:, channels] = parts.inside
    trials._observations.set_runs("ob", Runs(values, parts.counts, parts.per_trial))


@explained
def insert_period(trials: Trials, period: str, before: str) -> None:
    """Add a period without steps, which begins and ends where another one begins; see `resize_period`."""
    spans = trials._periods.spans
    start = trials.span(before)[0]
    trials._periods.spans = {
        name: span
        for old in spans
        for name, span in ([(period, (start, start))] if old == before else []) + [(old, spans[old])]
    }


@explained
def resize_period(trials: Trials, period: str, steps: Steps, blank: Array, value: float = 0) -> None:
    """Give a period another number of steps, in which nothing changes; later periods begin later.

    They show what its first step has shown. Where the period had no steps, they show what the step before them shows, but
    for some channels, and their ground truth is 0.

    Args:
        trials: n trials.
        period: The period.
        steps: Its new duration in steps, an integer or (n,).
        blank: Indices of the channels that show a value instead, (k,); of images, everything does.
        value: That value.

    Raises:
        ValueError: A trial would have more steps than any may have.

    Example:
        >>> import numpy as np, ngym_core as ngym
        >>> from ngym_core.trials import resize_period
        >>> trials = ngym.make("GoNogo-v0").sample_trials(2, seed=0)
        >>> resize_period(trials, "delay", np.array([1, 3]), blank=np.array([1, 2]))
        >>> (trials.end["delay"] - trials.start["delay"]).tolist(), trials.lengths.tolist()
        ([1, 3], [11, 13])
    """
    start, stop = _edges(trials, period)
    steps = np.broadcast_to(np.asarray(steps), trials.n)
    longest = int((trials.lengths - (stop - start) + steps).max())
    if longest > MAX_STEPS:
        raise ValueError(
            f"{trials._task}: with {int(steps.max()):,} steps of {period!r} a trial has {longest:,} steps; at most "
            f"{MAX_STEPS:,} are possible."
        )
    channels: Any = blank
    if len(blank) and (np.diff(blank) == 1).all():
        channels = slice(blank[0], blank[-1] + 1)  # NumPy is faster on slices
    resized: _Resized | None = None
    for name in ("ob", "gt"):
        runs, index = trials._observations.indexed_runs(name)
        if resized is None or resized.runs_counts is not runs.counts:  # most trials have the same runs of both
            resized = _Resized.of(runs, start, stop, steps)
        values = resized.values(runs.values, index)
        if resized.added is not None:
            new = resized.added
            if name == "gt" or values.ndim > 2:
                values[new] = 0 if name == "gt" else value
            else:
                values[new if isinstance(channels, slice) else new[:, None], channels] = value
        trials._observations.set_runs(name, Runs(values, resized.counts, resized.per_trial))
    _move_edges(trials, period, start, stop, steps)


@dataclass(frozen=True)
class _Resized:
    """Runs of n trials in which a period has got another number of steps, in a single run.

    Attributes:
        runs_counts: The counts of the runs as they were; runs with the same ones are resized alike.
        parts: The runs cut at the edges of the period.
        counts: Number of steps of each run now, (m,).
        per_trial: Number of runs of each trial now, (n,).
        at: Before which part each trial has a further run, (n,); None: none has.
        shown: The part that the further run of each trial shows as well, (n,); without further runs, what the added ones
            show; None if there are none of either.
        added: Indices of the runs that the period has got in trials in which it had no steps; None if it had some in all.
    """

    runs_counts: Array
    parts: _Parts
    counts: Array
    per_trial: Array
    at: Array | None = None
    shown: Array | None = None
    added: Array | None = None

    @classmethod
    def of(cls, runs: Runs, start: Array, stop: Array, steps: Array) -> _Resized:
        """Let the period from `start` to `stop` last so many steps, (n,) each."""
        parts = _Parts.of(runs, start, stop)
        counts, per_trial, n = parts.counts.copy(), parts.per_trial, len(parts.per_trial)
        inside = (parts.inside & (counts > 0)).nonzero()[0]
        counts[inside] = 0
        # The first part in the period of each trial, if there is one.
        trial_of_inside = np.arange(n).repeat(per_trial)[inside]
        first = np.flatnonzero(np.diff(trial_of_inside, prepend=-1))
        trial = trial_of_inside[first]
        if len(trial) == n:
            counts[inside[first]] = steps
            return cls(runs.counts, parts, counts, per_trial)
        at = np.cumsum(per_trial) - per_trial + parts.before  # the new run of a trial stands before this part
        shown = np.clip(at - (parts.before > 0), 0, len(counts) - 1)
        empty = np.ones(n, bool)
        empty[trial] = False
        if parts.unused is not None and (parts.unused[empty] >= 0).all():  # all trials keep their number of runs
            counts[inside[first]], counts[parts.unused[empty]] = steps[trial], steps[empty]
            return cls(runs.counts, parts, counts, per_trial, None, shown[empty], parts.unused[empty])
        shown[trial] = inside[first]
        added = (at + np.arange(n))[empty]
        return cls(runs.counts, parts, np.insert(counts, at, steps), per_trial + 1, at, shown, added)

    def values(self, values: Array, index: Array | None) -> Array:
        """Return the value of each run now, of which run i showed value ``index[i]``, or i."""
        parts, at, shown = self.parts, self.at, self.shown
        if at is None or shown is None:
            taken = parts.take(values, index)
            if shown is not None:
                taken = taken.copy()
                taken[self.added] = taken[shown]
            return taken
        n, k, place = len(at), int(parts.per_trial[0]), int(at[0])
        same = parts.source is None and index is None and (parts.per_trial == k).all()
        if same and (at == np.arange(n) * k + place).all():
            old = values.reshape(n, k, *values.shape[1:])  # copied in slices, which takes half of the time
            new = np.empty((n, k + 1, *values.shape[1:]), values.dtype)
            new[:, :place], new[:, place + 1 :] = old[:, :place], old[:, place:]
            new[:, place] = values.take(shown, axis=0)
            return new.reshape(-1, *values.shape[1:])
        source = np.insert(np.arange(len(parts.counts)), at, shown)
        source = source if parts.source is None else parts.source[source]
        return values.take(source if index is None else index[source], axis=0)


def _move_edges(trials: Trials, period: str, start: Array, stop: Array, steps: Array) -> None:
    """Let a period, from `start` to `stop`, last so many steps, and all that comes later move; (n,) each."""
    longer, later, empty = steps - (stop - start), False, start == stop
    spans, earliest = trials._periods.spans, int(start.min())

    def moved(edge: Array, moves: Array) -> Steps:
        within = np.where(edge > start, np.minimum(edge, start + steps), edge)
        return _compact(np.where(moves, edge + longer, within))

    for name, span in spans.items():
        if name == period:
            later = True
            spans[name] = _compact(start), _compact(start + steps)
        elif later or highest(span[1]) > earliest:
            first, last = (np.broadcast_to(edge, trials.n) for edge in span)
            # What begins where a period without steps does may come before it or after it, if it has no steps either.
            first_moves = (first >= stop) & (~empty | (last > first) | later)
            last_moves = np.where(empty, (last > stop) | first_moves, last >= stop)
            spans[name] = moved(first, first_moves), moved(last, last_moves)
    trials._periods.total = _compact(trials.lengths + longer)


def _compact(steps: Array) -> Steps:
    """Return steps, (n,), as one integer where all trials agree."""
    lowest_step = int(steps.min())
    return lowest_step if lowest_step == steps.max() else steps


def _edges(trials: Trials, period: str) -> tuple[Array, Array]:
    """Return the first step of a period, and that after its last, (n,) each."""
    start, stop = trials.span(period)
    return np.broadcast_to(np.asarray(start), trials.n), np.broadcast_to(np.asarray(stop), trials.n)


@dataclass(frozen=True)
class _Parts:
    """Runs that are cut where a period begins and ends.

    Attributes:
        source: Index of the run of each part, (m,); None: no run was cut.
        counts: Number of steps of each part, (m,).
        inside: Which parts lie in the period, (m,).
        per_trial: Number of parts of each trial, (n,).
        before: How many of them come before the period, (n,).
        unused: A part of each trial that has no steps and stands where the period begins, (n,), or -1; None: not known.
    """

    source: Array | None
    counts: Array
    inside: Array
    per_trial: Array
    before: Array
    unused: Array | None = None

    @classmethod
    def of(cls, runs: Runs, start: Array, stop: Array) -> _Parts:
        """Cut the runs of each trial at the edges of a period, (n,) each."""
        per_trial, n = runs.per_trial, len(runs.per_trial)
        k = int(per_trial[0])
        if len(runs.counts) == n * k and (per_trial == k).all():  # a table, (n, k)
            counts = runs.counts.reshape(n, k)
            end = np.cumsum(counts, axis=1)
            begin = end - counts
            starts, stops = start[:, None], stop[:, None]
            begins_before = begin < starts
            if not ((begins_before & (starts < end)) | ((begin < stops) & (stops < end))).any():
                inside = ~begins_before & (begin < stops)
                no_steps = (counts == 0) & (begin == starts)
                unused = np.where(no_steps.any(axis=1), np.arange(n) * k + no_steps.argmax(axis=1), -1)
                before = np.count_nonzero(begins_before, axis=1)
                return cls(None, runs.counts, inside.ravel(), per_trial, before, unused)
            begin, end, trial = begin.ravel(), end.ravel(), np.arange(n).repeat(k)
        else:
            trial, end, last = np.arange(n).repeat(per_trial), np.cumsum(runs.counts), np.cumsum(per_trial)
            end = end - np.where(last > per_trial, end[last - per_trial - 1], 0)[trial]
            begin = end - runs.counts
        starts, stops = start[trial], stop[trial]
        edges = np.stack([begin, np.clip(starts, begin, end), np.clip(stops, begin, end), end], axis=1)
        counts = np.diff(edges, axis=1)
        source, part = np.nonzero(counts)
        trial = trial[source]
        before = np.bincount(trial[part == 0], minlength=n)
        return cls(source, counts[source, part], part == 1, np.bincount(trial, minlength=n), before)

    def take(self, values: Array, index: Array | None) -> Array:
        """Return the value of each part, of which run i shows value ``index[i]``, or i."""
        if self.source is None:
            return values if index is None else values.take(index, axis=0)
        return values.take(self.source if index is None else index[self.source], axis=0)


def to_column(values: list[Any]) -> Array:
    """Put one value for each trial into an array (n, ...); values that fit no array of numbers become objects."""
    try:
        column = np.array(values)
    except ValueError:
        column = np.empty(len(values), object)
        column[:] = values
    return column

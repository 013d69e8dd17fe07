"""Operations on batches of trials, for wrappers and data: concatenate, select, shorten, add channels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ngym_core.arguments import Having, Several, explained
from ngym_core.trials._kernels import Span, Steps, highest
from ngym_core.trials.batch import Trials
from ngym_core.trials.durations import to_steps
from ngym_core.trials.observations import Runs, interleave_runs

__all__ = ["add_channels", "concatenate", "end_trials", "interleave", "join_columns", "select", "set_period", "to_column"]

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
        rows: (k,) indices.
    """
    selected = Trials(trials._task, len(rows), trials.draws)
    selected._periods.total = to_steps(trials.lengths[rows], 1)
    for name, span in trials._periods.spans.items():
        start, end = (np.broadcast_to(edge, trials.n)[rows] for edge in span)
        selected._periods.spans[name] = (to_steps(start, 1), to_steps(end, 1))
    selected.conditions.update({name: values[rows] for name, values in trials.conditions.items()})
    for name in ("ob", "gt"):
        selected._observations.set_runs(name, trials._observations.runs(name).take(np.asarray(rows)))
    return selected


@explained
def set_period(trials: Trials, period: str, span: Span) -> None:
    """Change where a period begins and ends (steps, an integer or (n,)); what was painted stays as it is."""
    trials._periods.spans[period] = span


@explained
def end_trials(trials: Trials, end: Steps) -> None:
    """End the trials earlier, at a step: an integer, or (n,)."""
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


def to_column(values: list[Any]) -> Array:
    """Put one value for each trial into an array (n, ...); values that fit no array of numbers become objects."""
    try:
        column = np.array(values)
    except ValueError:
        column = np.empty(len(values), object)
        column[:] = values
    return column

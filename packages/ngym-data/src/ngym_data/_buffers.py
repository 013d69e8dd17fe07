"""Caches: what a data set has made ahead, step by step, or as stretches where nothing changes for some steps."""

from __future__ import annotations

import math
from functools import partial
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ngym_core.trials import Trials
from ngym_data._chunks import Block, StretchBlock
from ngym_data.trial_source import Source

__all__ = ["StepCache", "StretchCache"]

Array: TypeAlias = NDArray[Any]
FEW = 4
"""Up to so many channels are copied one by one."""
ROWS = 16
"""So many rows are turned at a time: with more, each step of the next is out of the processor's reach."""

PLACE = np.dtype(np.int64)
AT_ONCE = 2**21
"""So many bytes are fetched at a time: they stay in the processor's cache."""
SPARE = 1.1
"""Room for so many times the stretches that are expected."""


class StepCache:
    """The next steps of some rows, one by one.

    Args:
        rows: Number of rows.
        seq_len: Steps of a window.
        batch_first: Whether rows are the first axis of what is given.
    """

    def __init__(self, rows: int, seq_len: int, *, batch_first: bool) -> None:
        self.rows, self.seq_len, self.batch_first = rows, seq_len, batch_first
        self._kept: dict[str, Array] = {}

    def split(self, trials: Trials, rows: int, source: Source | None) -> list[Block]:
        """Give the trials of some rows in the form that is kept here."""
        return Block.split(trials, rows, source)

    def begin(self, windows: int) -> None:
        """Forget all and make room for some windows."""
        self._windows = windows

    def put(self, row: int, at: int, block: Block, trials: int) -> Block | None:
        """Keep the steps of a block, from a step of a row on; `trials` were put before. Rows are filled one after another.

        Returns:
            What there was no room for.
        """
        held = self._windows * self.seq_len
        if not self._kept or next(iter(self._kept.values())).shape[1] != held:
            steps = block.steps.items()
            self._kept = {name: np.empty((self.rows, held, *v.shape[1:]), v.dtype) for name, (v, _) in steps}
        targets = {name: kept[row, at:] for name, kept in self._kept.items()}
        taken = block.copy_to(targets)
        if "trial" in targets:
            targets["trial"][:taken] += trials
        return block.rest(taken)

    @property
    def nbytes(self) -> int:
        """Bytes that are kept."""
        return sum(kept.nbytes for kept in self._kept.values())

    def close(self) -> None:
        """Be ready to give windows."""

    def window(self, i: int) -> dict[str, Array]:
        """Give a window, the caller's own: name -> (seq_len, rows, ...) or (rows, seq_len, ...)."""
        some = slice(i * self.seq_len, (i + 1) * self.seq_len)
        return {name: self._copy(kept[:, some]) for name, kept in self._kept.items()}

    def _copy(self, window: Array) -> Array:
        if self.batch_first:
            return window.copy()
        copied = np.empty((self.seq_len, self.rows, *window.shape[2:]), window.dtype)
        if window.ndim == 2:
            copied[...] = window.T
        elif window.ndim == 3 and window.shape[2] <= FEW:
            for k in range(window.shape[2]):
                copied[..., k] = window[..., k].T
        else:
            step = np.dtype((np.void, window.itemsize * math.prod(window.shape[2:])))  # faster than number by number
            source, target = (array.reshape(*array.shape[:2], -1).view(step)[..., 0] for array in (window, copied))
            for first in range(0, self.rows, ROWS):
                target[:, first : first + ROWS] = source[first : first + ROWS].T
        return copied


class StretchCache:
    """The next steps of some rows as stretches, in which nothing changes; windows are laid out when they are asked for.

    Args:
        rows: Number of rows.
        seq_len: Steps of a window.
        batch_first: Whether rows are the first axis of what is given.
        room: Bytes that may be taken to lay windows out.
        apart: Whether the target is kept step by step.
        wide: Whether inputs are so wide that stretches say where theirs are: several may have the same.
    """

    def __init__(self, rows: int, seq_len: int, *, batch_first: bool, room: int, apart: bool, wide: bool) -> None:
        self.rows, self.seq_len, self.batch_first = rows, seq_len, batch_first
        self._windows, self._at_once = 0, min(AT_ONCE, room)
        self._split = partial(StretchBlock.split, apart=apart, wide=wide)
        self._apart = StepCache(rows, seq_len, batch_first=batch_first)
        self._kept: dict[str, Array] = {}
        self._widened: set[str] = set()
        self._first_of = np.zeros(rows, np.int64)

    def split(self, trials: Trials, rows: int, source: Source | None) -> list[StretchBlock]:
        """Give the trials of some rows in the form that is kept here."""
        return self._split(trials, rows, source)

    def begin(self, windows: int) -> None:
        """Forget all and make room for some windows."""
        if windows < self._windows:
            self._kept = {}
        self._windows, self._number, self._number_wide = windows, 0, 0
        self._apart.begin(windows)

    def put(self, row: int, at: int, block: StretchBlock, trials: int) -> StretchBlock | None:
        """Keep the steps of a block, see `StepCache.put`."""
        if at == 0:
            self._first_of[row] = self._number
        head, rest = block.cut(self._windows * self.seq_len - at)
        some = slice(self._number, self._number + len(head.lengths))
        for name, values in {**head.values, "lengths": head.lengths}.items():
            _copy(values, self._room(name, some, row, values))
        if "trial" in self._kept:
            self._kept["trial"][some] += trials
        if head.wide:
            self._kept["inputs"][some] += self._number_wide
        for piece in head.wide:
            some_wide = slice(self._number_wide, self._number_wide + len(piece))
            _copy(piece, self._room("wide", some_wide, row, piece))
            self._number_wide = some_wide.stop
        self._number = some.stop
        if head.apart is not None:
            left = self._apart.put(row, at, head.apart, 0)
            if rest is not None:
                rest.apart = left
        return rest

    def _room(self, name: str, some: slice, row: int, like: Array) -> Array:
        """Give room for some values of a name; if there is none, make it for all rows."""
        kept = self._kept.get(name)
        if kept is None or len(kept) < some.stop:
            shape = int(SPARE * some.stop * self.rows / (row + 1)), *_kept_shape(like)
            self._kept[name] = more = np.empty(shape, like.dtype)
            if shape[1:] != like.shape[1:]:
                self._widened.add(name)
            if kept is not None:
                more[: some.start] = kept[: some.start]
            kept = more
        return kept[some]

    @property
    def nbytes(self) -> int:
        """Bytes that are kept."""
        return sum(kept.nbytes for kept in self._kept.values()) + self._apart.nbytes

    def close(self) -> None:
        """Find the stretches with which windows begin and end."""
        lengths = self._kept["lengths"][: self._number]
        ends = np.cumsum(lengths)
        stop = np.arange(1, self.rows * self._windows + 1).reshape(self.rows, -1) * self.seq_len
        last = np.searchsorted(ends, stop)
        first = np.column_stack([self._first_of, last[:, :-1]])  # the last of a window may go on in the next one
        self._first, self._last = first.T, last.T
        self._end_of_first, self._begin_of_last = ends[first].T, (ends[last] - lengths[last]).T
        self._whole = (ends[first] - lengths[first] == stop - self.seq_len).T
        step_bytes = self.nbytes / ends[-1] + PLACE.itemsize
        self._together = max(1, int(self._at_once / (self.rows * self.seq_len * step_bytes)))
        self._open = range(0)

    def window(self, i: int) -> dict[str, Array]:
        """Give a window, see `StepCache.window`."""
        if i not in self._open:
            self._lay(range(i, min(i + self._together, self._windows)))
        at = (i - self._open[0]) * self.seq_len
        which = self._turned(self._which[:, at : at + self.seq_len])
        part = {name: values.take(which, axis=0) for name, values in self._shown.items()}
        for name in self._widened:
            part[name] = _copy(part[name], np.empty((*which.shape, 3), part[name].dtype))
        if "start" in self._kept:
            part["start"] = self._turned(self._start[:, at : at + self.seq_len]).copy()
        return part | self._apart.window(i)

    def _lay(self, windows: range) -> None:
        """Fetch what some windows show, which is far apart, and find which of it each step has, row by row."""
        self._open = windows
        first, last = self._first[windows[0]], self._last[windows[-1]]
        counts = last - first + 1
        after = np.cumsum(counts)
        before = after - counts
        stretches = np.arange(after[-1])
        stretches += np.repeat(first - before, counts)
        self._shown = {name: kept.take(stretches, axis=0) for name, kept in self._kept.items() if name != "wide"}
        if "wide" in self._kept:
            self._shown["inputs"] = self._kept["wide"].take(self._shown["inputs"], axis=0)
        lengths, opens = self._shown.pop("lengths"), self._shown.pop("start", None)
        steps = len(windows) * self.seq_len
        begin = (np.arange(self.rows) * self._windows + windows[0]) * self.seq_len
        lengths[before] = np.minimum(self._end_of_first[windows[0]], begin + steps) - begin
        lengths[after - 1] = begin + steps - np.maximum(self._begin_of_last[windows[-1]], begin)
        self._which = np.repeat(np.arange(len(lengths)), lengths).reshape(self.rows, steps)
        if opens is not None:
            opens[before] &= self._whole[windows[0]]
            self._start = np.zeros(self._which.shape, bool)
            self._start.reshape(-1)[(np.cumsum(lengths) - lengths)[opens]] = True

    def _turned(self, rows: Array) -> Array:
        return rows if self.batch_first else np.ascontiguousarray(rows.T)


def _kept_shape(values: Array) -> tuple[int, ...]:
    """Shape in which a row is kept. Three float32 are kept as four: NumPy moves 16 bytes at once, and 12 one by one."""
    return (4,) if values.shape[1:] == (3,) and values.itemsize == 4 else values.shape[1:]


def _copy(values: Array, out: Array) -> Array:
    """Copy rows, or three numbers of each if it has more, or gets more."""
    if values.shape == out.shape:
        out[...] = values
    else:
        for k in range(3):
            out[..., k] = values[..., k]
    return out

"""Caches: what a data set has made ahead, step by step, or as stretches where nothing changes for some steps."""

from __future__ import annotations

import math
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ngym_core.trials import Trials
from ngym_data.block import Block, StretchBlock
from ngym_data.source import Source

__all__ = ["StepCache", "StretchCache"]

Array: TypeAlias = NDArray[Any]
FEW = 4
"""Up to so many channels are copied one by one."""
ROWS = 16
"""So many rows are turned at a time: with more, each step of the next is out of the processor's reach."""

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
        if not self._kept or self._kept["inputs"].shape[1] != held:
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
    """The next steps of some rows as stretches, in the order in which windows need them.

    A stretch that reaches into the next window is there once more.

    Args:
        rows: Number of rows.
        seq_len: Steps of a window.
        batch_first: Whether rows are the first axis of what is given.
    """

    def __init__(self, rows: int, seq_len: int, *, batch_first: bool) -> None:
        self.rows, self.seq_len, self.batch_first = rows, seq_len, batch_first
        self._windows = 0
        self._kept: dict[str, Array] = {}
        self._first_of = np.zeros(rows, np.int64)

    def split(self, trials: Trials, rows: int, source: Source | None) -> list[StretchBlock]:
        """Give the trials of some rows in the form that is kept here."""
        return StretchBlock.split(trials, rows, source)

    def begin(self, windows: int) -> None:
        """Forget all and make room for some windows."""
        if windows < self._windows:
            self._kept = {}
        self._windows, self._number = windows, 0

    def put(self, row: int, at: int, block: StretchBlock, trials: int) -> StretchBlock | None:
        """Keep the steps of a block, see `StepCache.put`."""
        if at == 0:
            self._first_of[row] = self._number
        head, rest = block.cut(self._windows * self.seq_len - at)
        some = slice(self._number, self._number + len(head.lengths))
        for name, values in {**head.values, "lengths": head.lengths}.items():
            kept = self._kept.get(name)
            if kept is None or len(kept) < some.stop:
                wider = np.empty((int(SPARE * some.stop * self.rows / (row + 1)), *values.shape[1:]), values.dtype)
                if kept is not None:
                    wider[: some.start] = kept[: some.start]
                self._kept[name] = kept = wider
            kept[some] = values
        if "trial" in self._kept:
            self._kept["trial"][some] += trials
        self._number = some.stop
        return rest

    @property
    def nbytes(self) -> int:
        """Bytes that are kept."""
        return sum(kept.nbytes for kept in self._kept.values())

    def close(self) -> None:
        """Find where windows begin and end."""
        lengths = self._kept["lengths"][: self._number]
        ends = np.cumsum(lengths)
        stop = np.arange(1, self.rows * self._windows + 1).reshape(self.rows, -1) * self.seq_len
        last = np.searchsorted(ends, stop)
        first = last + (ends[last] == stop)  # that of the next window
        first[:, 1:], first[:, 0] = first[:, :-1], self._first_of
        begin = stop - self.seq_len
        self._whole = (ends[first] - lengths[first] == begin).T
        self._of_first = (np.minimum(ends[first], stop) - begin).T
        self._of_last = (stop - np.maximum(ends[last] - lengths[last], begin)).T
        self._counts = (last - first + 1).T
        self._stop = np.cumsum(self._counts, axis=1)
        self._shift = first.T - self._stop + self._counts

    def window(self, i: int) -> dict[str, Array]:
        """Give a window, see `StepCache.window`."""
        counts, stop = self._counts[i], self._stop[i]
        first = stop - counts
        stretches = np.arange(stop[-1])
        stretches += np.repeat(self._shift[i], counts)
        shown = {name: kept.take(stretches, axis=0) for name, kept in self._kept.items()}  # close together
        lengths, opens = shown.pop("lengths"), shown.pop("start", None)
        lengths[first] = self._of_first[i]
        lengths[stop - 1] = self._of_last[i]
        which = self._laid(np.repeat(np.arange(len(lengths)), lengths))
        part = {name: values.take(which, axis=0) for name, values in shown.items()}
        if opens is not None:
            opens[first] &= self._whole[i]
            start = np.zeros(which.size, bool)
            start[(np.cumsum(lengths) - lengths)[opens]] = True
            part["start"] = self._laid(start)
        return part

    def _laid(self, steps: Array) -> Array:
        """Lay steps that go row by row, (rows * seq_len,), as they are asked for."""
        rows = steps.reshape(self.rows, self.seq_len)
        return rows if self.batch_first else np.ascontiguousarray(rows.T)

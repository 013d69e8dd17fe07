"""WindowBuffer: the next steps of all rows of a `Dataset`, from which batches are taken."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ngym_data._chunks import StepChunk, value_slice

__all__ = ["WindowBuffer"]

Array: TypeAlias = NDArray[Any]

SPARE_ROOM_FACTOR = 1.1
"""Arrays are allocated for so many times the values that all rows need if they need as many as those filled so far."""


class WindowBuffer:
    """The next steps of several rows, returned in windows of `seq_len` steps.

    For each name (``inputs``, ``target``, ...) it keeps values (m, ...) and an index (rows, steps) of the value that each
    step shows; steps that show the same value share it. A window is one `take` from the values in the layout of the
    batch, so that each step is written once, when its batch is requested.

    Args:
        rows: Number of rows.
        seq_len: Steps in a window.
        batch_first: Whether the first axis of a window is the row instead of the step.
    """

    def __init__(self, rows: int, seq_len: int, *, batch_first: bool) -> None:
        self.rows, self.seq_len, self.batch_first = rows, seq_len, batch_first
        self._steps = 0
        self._values: dict[str, Array] = {}
        self._num_used: dict[str, int] = {}
        self._index: dict[str, NDArray[np.int32]] = {}

    def clear(self, windows: int) -> None:
        """Remove all steps and make room for `windows` windows in each row; arrays of the right size are reused."""
        if self._steps != windows * self.seq_len:
            self._values, self._index = {}, {}
        self._steps, self._num_used = windows * self.seq_len, {}

    def put(self, row: int, at: int, chunk: StepChunk, trials: int) -> StepChunk | None:
        """Append the steps of a chunk to a row. Rows must be filled one after another, from row 0.

        Args:
            row: The row.
            at: Number of steps that the row has already.
            chunk: The chunk.
            trials: Number of trials in all chunks before this one; it is added to the trial numbers of the chunk.

        Returns:
            The steps for which the row has no room, or None.
        """
        taken = min(len(chunk), self._steps - at)
        for name, (values, index) in chunk.steps.items():
            part = value_slice(index, 0, taken)
            count = taken if part is None else part.stop - part.start
            first = self._num_used.get(name, 0)
            out = self._room(name, row, first + count, values)[first : first + count]
            into = self._index[name][row, at : at + taken]
            if part is not None:  # fewer values than steps: copy the values and shift the index
                out[...] = values[part]
                np.add(index[:taken], first - part.start, out=into, casting="unsafe")  # type: ignore[index]
            else:  # a value for each step
                if index is None:
                    out[...] = values[:taken]
                else:
                    np.take(values, index[:taken], axis=0, out=out, mode="clip")  # "raise" would buffer `out`
                into[:] = np.arange(first, first + taken, dtype=np.int32)
            if name == "trial":
                out += trials
            self._num_used[name] = first + count
        return chunk.remainder(taken)

    def _room(self, name: str, row: int, count: int, like: Array) -> Array:
        """Return the values kept under a name, with room for at least `count` values.

        Args:
            name: The name.
            row: The row that is being filled; the need of the others is estimated from the rows up to it.
            count: Number of values that must fit.
            like: Values whose type and shape (after the first axis) the array gets.
        """
        kept = self._values.get(name)
        if name not in self._index:
            self._index[name] = np.empty((self.rows, self._steps), np.int32)
        # More bytes number more periods, where a changed parameter has added some.
        dtype = like.dtype if kept is None else np.promote_types(kept.dtype, like.dtype)
        if kept is None or len(kept) < count or kept.dtype != dtype:
            expected = int(SPARE_ROOM_FACTOR * count * self.rows / (row + 1))
            room = max(count, min(expected, self.rows * self._steps))
            self._values[name] = more = np.empty((room, *like.shape[1:]), dtype)
            if kept is not None:
                used = self._num_used.get(name, 0)
                more[:used] = kept[:used]
            kept = more
        return kept

    @property
    def nbytes(self) -> int:
        """Bytes of all arrays."""
        return sum(kept.nbytes for kept in (*self._values.values(), *self._index.values()))

    def window(self, i: int) -> dict[str, Array]:
        """Return window i as new arrays: name -> (seq_len, rows, ...), with `batch_first` (rows, seq_len, ...)."""
        steps = slice(i * self.seq_len, (i + 1) * self.seq_len)
        window = {}
        for name, values in self._values.items():
            index = self._index[name][:, steps]
            window[name] = values.take(index if self.batch_first else index.T, axis=0)
        return window

    def steps(self, row: int, first: int, last: int) -> dict[str, Array]:
        """Return the steps `first` to `last - 1` of a row as new arrays: name -> (last - first, ...)."""
        return {name: values.take(self._index[name][row, first:last], axis=0) for name, values in self._values.items()}

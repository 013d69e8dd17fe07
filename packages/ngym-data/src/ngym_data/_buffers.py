"""WindowBuffer: the next steps of all rows of a data set, from which batches are taken."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ngym_data._chunks import StepChunk, needed

__all__ = ["WindowBuffer"]

Array: TypeAlias = NDArray[Any]

SPARE_ROOM = 1.1
"""Room is made for so many times the values that are expected from the rows so far."""


class WindowBuffer:
    """The next steps of some rows, handed out in windows of `seq_len` steps.

    For each name (``inputs``, ``target``, ...) it keeps values, and which of them each step of each row shows: steps that
    show the same value share it. A window is one `take` from the values, in the layout of the batch, so no step is
    copied before it is asked for.

    Args:
        rows: Number of rows.
        seq_len: Steps of a window.
        batch_first: Whether rows are the first axis of a window, instead of time.
    """

    def __init__(self, rows: int, seq_len: int, *, batch_first: bool) -> None:
        self.rows, self.seq_len, self.batch_first = rows, seq_len, batch_first
        self._steps = 0
        self._values: dict[str, Array] = {}
        self._used: dict[str, int] = {}
        self._index: dict[str, NDArray[np.int32]] = {}

    def clear(self, windows: int) -> None:
        """Forget all steps and make room for some windows."""
        if self._steps != windows * self.seq_len:
            self._values, self._index = {}, {}
        self._steps, self._used = windows * self.seq_len, {}

    def put(self, row: int, at: int, chunk: StepChunk, trials: int) -> StepChunk | None:
        """Keep the steps of a chunk. Rows must be filled one after another.

        Args:
            row: The row.
            at: The first step of the row that is free.
            chunk: The chunk.
            trials: Number of trials in the chunks before this one, which trial numbers are counted from.

        Returns:
            What there was no room for, or None.
        """
        taken = min(len(chunk), self._steps - at)
        for name, (values, index) in chunk.steps.items():
            part = needed(index, 0, taken)
            count = taken if part is None else part.stop - part.start
            first = self._used.get(name, 0)
            out = self._room(name, row, first + count, values)[first : first + count]
            into = self._index[name][row, at : at + taken]
            if part is not None:
                out[...] = values[part]
                np.add(index[:taken], first - part.start, out=into, casting="unsafe")  # type: ignore[index]
            else:
                if index is None:
                    out[...] = values[:taken]
                else:
                    np.take(values, index[:taken], axis=0, out=out, mode="clip")
                into[:] = np.arange(first, first + taken, dtype=np.int32)
            if name == "trial":
                out += trials
            self._used[name] = first + count
        return chunk.rest(taken)

    def _room(self, name: str, row: int, count: int, like: Array) -> Array:
        """Return the values kept under a name, with room for at least so many when this row is filled."""
        kept = self._values.get(name)
        if name not in self._index:
            self._index[name] = np.empty((self.rows, self._steps), np.int32)
        if kept is None or len(kept) < count:
            expected = int(SPARE_ROOM * count * self.rows / (row + 1))
            room = max(count, min(expected, self.rows * self._steps))
            self._values[name] = more = np.empty((room, *like.shape[1:]), like.dtype)
            if kept is not None:
                used = self._used.get(name, 0)
                more[:used] = kept[:used]
            kept = more
        return kept

    @property
    def nbytes(self) -> int:
        """Bytes that are kept."""
        return sum(kept.nbytes for kept in (*self._values.values(), *self._index.values()))

    def window(self, i: int) -> dict[str, Array]:
        """Return window i, the caller's own: name -> (seq_len, rows, ...) or (rows, seq_len, ...)."""
        some = slice(i * self.seq_len, (i + 1) * self.seq_len)
        window = {}
        for name, values in self._values.items():
            index = self._index[name][:, some]
            window[name] = values.take(index if self.batch_first else index.T, axis=0)
        return window

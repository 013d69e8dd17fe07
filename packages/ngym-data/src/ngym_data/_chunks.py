"""StepChunk: generated steps of one row of a `Dataset`, on their way to its buffer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ngym_core.state import State, plain_draws_state
from ngym_core.trials import Trials

__all__ = ["Mark", "Origin", "StepChunk", "value_slice"]

Array: TypeAlias = NDArray[Any]
IndexedValues: TypeAlias = tuple[Array, "NDArray[np.int64] | None"]
"""Values (m, ...), and the index of the value that each step shows, (steps,), ascending; None: step i shows value i."""

INDEX_BYTES = 4
"""Bytes of one step's index into the values of a `WindowBuffer`, int32."""


@dataclass(frozen=True)
class Mark:
    """A place between two trials of a stream.

    Attributes:
        known: A state of the stream's draws before it, see `raw_draws_state`, or the error if it cannot be taken.
        skip: Number of trials that are generated, be they of the split or not, from there to the place.
    """

    known: Mapping[str, Any] | TypeError
    skip: int

    @property
    def draws(self) -> State:
        """The state of the draws, as plain data.

        Raises:
            TypeError: It cannot be taken.
        """
        if isinstance(self.known, TypeError):
            raise self.known
        return plain_draws_state(self.known)


@dataclass(frozen=True)
class Origin:
    """Where the trials of a chunk lie in their stream.

    Attributes:
        before: The place after the trial before them.
        call: The place where the call began in which they were generated.
        ends: Number of steps up to the end of each trial, (trials,).
        numbers: Number of each trial among those that were generated in the call, (trials,).
    """

    before: Mark
    call: Mark
    ends: NDArray[np.int64]
    numbers: NDArray[np.int64]

    def after(self, k: int) -> Mark:
        """Return the place after trial k; that of -1 is before the first."""
        return self.before if k < 0 else replace(self.call, skip=self.call.skip + int(self.numbers[k]) + 1)

    def present(self, step: int) -> tuple[int, Mark]:
        """Return the end of the trial that has begun before a step, and the place after it; at a trial's end, the step."""
        k = int(np.searchsorted(self.ends, step))  # the first trial that does not end before the step
        if step == 0:
            return 0, self.before
        return int(self.ends[k]), self.after(k)


@dataclass
class StepChunk:
    """Consecutive steps of one row.

    Steps have the form of `Trials.flat_steps`: several steps may share one value.

    Attributes:
        steps: Name -> values and index. The names are ``inputs`` and ``target`` and, for data with `info`, ``start``
            (bool), ``period`` (integers) and ``trial`` (int32, the number of the trial within the chunk).
        trials: Number of trials.
        conditions: Name -> (trials, ...) values; empty without `info`.
        origin: Where the trials lie in the stream.
        first: Number of steps of these trials that are before the chunk.
    """

    steps: Mapping[str, IndexedValues]
    trials: int
    conditions: dict[str, Array]
    origin: Origin = None  # type: ignore[assignment]  # a dataset sets it
    first: int = 0

    @classmethod
    def split(cls, trials: Trials, rows: int, period_of: Callable[[Trials], Array] | None) -> list[StepChunk]:
        """Split trials of several rows into one chunk for each row.

        Args:
            trials: As many trials for each row, one row after another.
            rows: Number of rows.
            period_of: Returns the number of the period of each step, (n, T); None where no `info` is wanted.

        Returns:
            One chunk for each row; their arrays are views.
        """
        n, lengths = trials.n // rows, trials.lengths
        steps: dict[str, IndexedValues] = {"inputs": trials.flat_steps("ob"), "target": trials.flat_steps("gt")}
        if period_of is not None:
            ends = np.cumsum(lengths)
            start = np.zeros(ends[-1], bool)
            start[ends - lengths] = True
            numbers = np.arange(trials.n, dtype=np.int32)
            steps |= {
                "start": (start, None),
                "period": (period_of(trials)[trials.mask], None),
                "trial": (numbers % n, np.repeat(numbers.astype(np.int64), lengths)),
            }
        ends = np.cumsum(lengths)[n - 1 :: n].tolist()  # of the last trial of each row
        chunks = []
        for row, (first, last) in enumerate(zip([0, *ends], ends, strict=False)):
            part = {k: (v[first:last], None) if i is None else (v, i[first:last]) for k, (v, i) in steps.items()}
            in_row = slice(row * n, (row + 1) * n)
            conditions = {} if period_of is None else {name: column[in_row] for name, column in trials.conditions.items()}
            chunks.append(cls(part, n, conditions))
        return chunks

    def __len__(self) -> int:
        """Number of steps."""
        values, index = self.steps["target"]
        return len(values if index is None else index)

    @property
    def nbytes(self) -> int:
        """Bytes that a `WindowBuffer` needs to keep all steps of the chunk."""
        total = 0
        for values, index in self.steps.values():
            part = value_slice(index, 0, len(self))
            count = len(self) if part is None else part.stop - part.start
            total += values[:1].nbytes * count + INDEX_BYTES * len(self)
        return total

    def remainder(self, taken: int) -> StepChunk | None:
        """Return the steps after the first `taken` ones, as copies; None if there are none."""
        if taken >= len(self):
            return None
        steps: dict[str, IndexedValues] = {}
        # copies: views would keep the arrays of all rows of the call alive until the next refill
        for name, (values, index) in self.steps.items():
            part = value_slice(index, taken, len(self))
            if index is None:
                steps[name] = values[taken:].copy(), None
            elif part is None:
                steps[name] = values.take(index[taken:], axis=0), None
            else:
                steps[name] = values[part].copy(), index[taken:] - part.start
        return StepChunk(steps, self.trials, self.conditions, self.origin, self.first + taken)

    def values(self, name: str, last: int | None = None) -> Array:
        """Return what the steps up to a last one (excluded) show under a name, a value for each, as a new array."""
        values, index = self.steps[name]
        return np.array(values[:last]) if index is None else values[index[:last]]


def value_slice(index: NDArray[np.int64] | None, first: int, last: int) -> slice | None:
    """Return the values that the steps first to last - 1 show.

    Args:
        index: The index of the value that each step shows, ascending; None: step i shows value i.
        first: The first step.
        last: The step after the last.

    Returns:
        The slice of these values if they are fewer than the steps; else None: to copy step by step costs no more.
    """
    if index is None or last <= first:
        return None
    # the index ascends, so its ends bound the values
    low, high = int(index[first]), int(index[last - 1]) + 1
    return slice(low, high) if high - low < last - first else None

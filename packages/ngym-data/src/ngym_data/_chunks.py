"""StepChunk: consecutive steps of one row of a data set, as they were made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ngym_core.trials import Trials

if TYPE_CHECKING:
    from ngym_data.trial_source import TrialSource

__all__ = ["StepChunk"]

Array: TypeAlias = NDArray[Any]
Indexed: TypeAlias = tuple[Array, "NDArray[np.int64] | None"]
"""Values (m, ...), and which of them each step shows, (k,) in ascending order; None: step i shows value i."""

INDEX_BYTES = 4
"""A step's index into the values that a `WindowBuffer` keeps takes so many bytes."""


@dataclass
class StepChunk:
    """Consecutive steps of one row.

    Values and index come as `Trials.flat_steps` gives them: several steps may show one value.

    Attributes:
        steps: ``inputs``, ``target``, and (if they are wanted) ``start``, ``period`` and ``trial`` of each step.
        trials: Number of trials.
        conditions: Name -> (trials, ...) values.
    """

    steps: Mapping[str, Indexed]
    trials: int
    conditions: dict[str, Array]

    @classmethod
    def split(cls, trials: Trials, rows: int, source: TrialSource | None) -> list[StepChunk]:
        """Make one chunk for each of some rows, whose trials follow one another; with a source, with `info` of each step."""
        n, lengths = trials.n // rows, trials.lengths
        steps: dict[str, Indexed] = {"inputs": trials.flat_steps("ob"), "target": trials.flat_steps("gt")}
        if source is not None:
            ends = np.cumsum(lengths)
            start = np.zeros(ends[-1], bool)
            start[ends - lengths] = True
            numbers = np.arange(trials.n, dtype=np.int32)
            steps |= {
                "start": (start, None),
                "period": (source.period_of(trials)[trials.mask], None),
                "trial": (numbers % n, np.repeat(numbers.astype(np.int64), lengths)),
            }
        ends = np.cumsum(lengths)[n - 1 :: n].tolist()
        chunks = []
        for row, (first, last) in enumerate(zip([0, *ends], ends, strict=False)):
            part = {k: (v[first:last], None) if i is None else (v, i[first:last]) for k, (v, i) in steps.items()}
            mine = slice(row * n, (row + 1) * n)
            conditions = {} if source is None else {name: column[mine] for name, column in trials.conditions.items()}
            chunks.append(cls(part, n, conditions))
        return chunks

    def __len__(self) -> int:
        """Number of steps."""
        values, index = self.steps["target"]
        return len(values if index is None else index)

    @property
    def nbytes(self) -> int:
        """Bytes that a `WindowBuffer` needs to keep all steps."""
        total = 0
        for values, index in self.steps.values():
            part = needed(index, 0, len(self))
            count = len(self) if part is None else part.stop - part.start
            total += values[:1].nbytes * count + INDEX_BYTES * len(self)
        return total

    def rest(self, taken: int) -> StepChunk | None:
        """Return what is left after some steps, without holding on to the memory of the others; None if nothing is."""
        if taken >= len(self):
            return None
        steps: dict[str, Indexed] = {}
        for name, (values, index) in self.steps.items():
            part = needed(index, taken, len(self))
            if index is None:
                steps[name] = values[taken:].copy(), None
            elif part is None:
                steps[name] = values.take(index[taken:], axis=0), None
            else:
                steps[name] = values[part].copy(), index[taken:] - part.start
        return StepChunk(steps, self.trials, self.conditions)


def needed(index: NDArray[np.int64] | None, first: int, last: int) -> slice | None:
    """Return the range of values that some steps show, if these are fewer than the steps; else None."""
    if index is None or last <= first:
        return None
    low, high = int(index[first]), int(index[last - 1]) + 1
    return slice(low, high) if high - low < last - first else None

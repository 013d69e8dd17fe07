"""Blocks: consecutive steps of a row, as they were made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ngym_core.trials import Trials
from ngym_core.trials._segments import copy_steps
from ngym_data.trial_source import Source

__all__ = ["Block", "StretchBlock"]

Array: TypeAlias = NDArray[Any]
SHOWN = {"inputs": "ob", "target": "gt"}


@dataclass
class Block:
    """Consecutive steps of a row, one by one.

    Attributes:
        steps: What there is of each step: name -> values (m, ...), and which of them each step has, (k,); None: its own.
        trials: Number of trials.
        conditions: Name -> (trials, ...) values.
    """

    steps: Mapping[str, tuple[Array, NDArray[np.int64] | None]]
    trials: int
    conditions: dict[str, Array]

    @classmethod
    def split(cls, trials: Trials, rows: int, source: Source | None, names: Mapping[str, str] = SHOWN) -> list[Block]:
        """Join the trials of each row end to end; with a source, say more of each step."""
        n = trials.n // rows
        steps = {name: trials.end_to_end(kind) for name, kind in names.items()}
        if source is not None:
            number = np.repeat(np.arange(trials.n, dtype=np.int32) % n, trials.lengths)
            start = np.zeros(len(number), bool)
            start[np.cumsum(trials.lengths) - trials.lengths] = True
            steps |= {
                "start": (start, None),
                "period": (source.period_of(trials)[trials.mask], None),
                "trial": (number, None),
            }
        ends = np.cumsum(trials.lengths)[n - 1 :: n].tolist()
        blocks = []
        for row, (first, last) in enumerate(zip([0, *ends], ends, strict=False)):
            parts = {id(which): None if which is None else which[first:last] for _, which in steps.values()}
            own = {k: (v[first:last] if which is None else v, parts[id(which)]) for k, (v, which) in steps.items()}
            blocks.append(cls(own, n, _conditions(trials, row, n, source)))
        return blocks

    def __len__(self) -> int:
        """Number of steps."""
        values, which = self.steps["target"]
        return len(values if which is None else which)

    @property
    def nbytes(self) -> int:
        """Bytes of what the steps show."""
        return len(self) * sum(values[:1].nbytes for values, _ in self.steps.values())

    def copy_to(self, targets: Mapping[str, Array]) -> int:
        """Copy as many steps as there is room for, and give how many."""
        taken = min(len(self), *map(len, targets.values()))
        for name, target in targets.items():
            values, which = self.steps[name]
            copy_steps(values, which, slice(0, taken), target[:taken])
        return taken

    def rest(self, taken: int) -> Block | None:
        """Give what is left after some steps, without holding on to the memory of the others; None if nothing is."""
        left = len(self) - taken
        if not left:
            return None
        steps: dict[str, tuple[Array, None]] = {}
        for name, (values, which) in self.steps.items():
            steps[name] = np.empty((left, *values.shape[1:]), values.dtype), None
            copy_steps(values, which, slice(taken, None), steps[name][0])
        return Block(steps, self.trials, self.conditions)


@dataclass
class StretchBlock:
    """Consecutive steps of a row as stretches, in which nothing changes.

    Attributes:
        values: What there is of each stretch: name -> values (m, ...).
        lengths: Steps of each stretch, (m,); it may have none.
        steps: Steps of all.
        trials: Number of trials.
        conditions: Name -> (trials, ...) values.
        apart: What does change, step by step.
        wide: Wide inputs, in pieces one after another; `values` has the place of each stretch's then.
    """

    values: dict[str, Array]
    lengths: NDArray[np.int64]
    steps: int
    trials: int
    conditions: dict[str, Array]
    apart: Block | None = None
    wide: Sequence[Array] = ()

    @classmethod
    def split(cls, trials: Trials, rows: int, source: Source | None, *, apart: bool, wide: bool) -> list[StretchBlock]:
        """Join the trials of each row end to end; with a source, say more of each stretch; the target may go apart."""
        stretches = trials.as_stretches()
        if stretches is None or not (apart or "gt" in stretches):
            return [cls.of_steps(block, apart, wide) for block in Block.split(trials, rows, source)]
        n, k = trials.n // rows, stretches.number
        lengths = stretches.lengths
        values = {} if apart else {"target": stretches.flat("gt")}
        columns = stretches["ob"] if wide else []
        values["inputs"] = np.tile(_places(columns, n), rows) if wide else stretches.flat("ob")
        if source is not None:
            begins = np.cumsum(lengths, axis=1) - lengths
            opens = (begins == 0) & (lengths > 0)
            number = np.repeat(np.arange(trials.n, dtype=np.int32) % n, k)
            values |= {"start": opens.ravel(), "period": source.period_of(trials, begins).ravel(), "trial": number}
        steps, lengths = lengths.reshape(rows, -1).sum(axis=1).tolist(), lengths.ravel()
        targets = Block.split(trials, rows, None, {"target": "gt"}) if apart else [None] * rows
        blocks = []
        for row in range(rows):
            mine = slice(row * n * k, (row + 1) * n * k)
            own = {name: value[mine] for name, value in values.items()}
            pieces = [column if len(column) == 1 else column[row * n : (row + 1) * n] for column in columns]
            blocks.append(cls(own, lengths[mine], steps[row], n, _conditions(trials, row, n, source), targets[row], pieces))
        return blocks

    @classmethod
    def of_steps(cls, block: Block, apart: bool, wide: bool) -> StretchBlock:
        """Take each step for a stretch."""
        steps = dict(block.steps)
        target = Block({"target": steps.pop("target")}, block.trials, {}) if apart else None
        values = {name: value if which is None else value[which] for name, (value, which) in steps.items()}
        pieces = [values["inputs"]] if wide else []
        if wide:
            values["inputs"] = np.arange(len(block))
        return cls(values, np.ones(len(block), np.int64), len(block), block.trials, block.conditions, target, pieces)

    def __len__(self) -> int:
        """Number of steps."""
        return self.steps

    @property
    def nbytes(self) -> int:
        """Bytes that are to be kept."""
        kept = sum(values.nbytes for values in (self.lengths, *self.values.values(), *self.wide))
        return kept + (0 if self.apart is None else self.apart.nbytes)

    def cut(self, steps: int) -> tuple[StretchBlock, StretchBlock | None]:
        """Give the first steps, and what is left after them without holding on to their memory; None if nothing is.

        All that is apart goes with the first.
        """
        if steps >= self.steps:
            return self, None
        ends = self.lengths.cumsum()
        last = int(ends.searchsorted(steps))  # the first stretch that has steps beyond the cut, or ends there
        over = int(ends[last]) - steps
        head, rest = self.lengths[: last + 1].copy(), self.lengths[last:].copy()
        head[-1], rest[0] = head[-1] - over, over
        left = {name: values[last:].copy() for name, values in self.values.items()}
        if "start" in left and head[-1] > 0:
            left["start"][0] = False
        pieces = [_last(self.wide, left["inputs"])] if self.wide else []
        if pieces:
            left["inputs"] = np.arange(len(rest))
        first = {name: values[: last + 1] for name, values in self.values.items()}
        return (
            StretchBlock(first, head, steps, self.trials, self.conditions, self.apart, self.wide),
            StretchBlock(left, rest, self.steps - steps, self.trials, self.conditions, None, pieces),
        )


def _last(pieces: Sequence[Array], places: NDArray[np.int64]) -> Array:
    """Give what the last stretches show that have these places: of each piece no more than its end is needed."""
    lengths = np.array([len(piece) for piece in pieces])
    left = np.minimum(lengths, len(places))
    ends = np.cumsum(lengths)
    before = np.cumsum(left) - ends  # where the end of a piece has come to
    joined = np.concatenate([piece[len(piece) - k :] for piece, k in zip(pieces, left.tolist(), strict=True)])
    last: Array = joined.take(places + before[ends.searchsorted(places, side="right")], axis=0)
    return last


def _places(columns: Sequence[Array], n: int) -> NDArray[np.int64]:
    """The places of what each stretch of n trials shows, (n * columns,), where columns (n, ...) or (1, ...) are joined."""
    places = np.zeros((n, len(columns)), np.int64)
    begin = 0
    for i, column in enumerate(columns):
        places[:, i] = begin if len(column) == 1 else np.arange(begin, begin + n)
        begin += 1 if len(column) == 1 else n
    return places.ravel()


def _conditions(trials: Trials, row: int, n: int, source: Source | None) -> dict[str, Array]:
    """The conditions of a row's trials, if anyone asks for them."""
    return {} if source is None else {name: column[row * n : (row + 1) * n] for name, column in trials.conditions.items()}

"""Block: consecutive steps of a row, as they were made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ngym_core.stretches import copy_steps
from ngym_core.trials import Trials
from ngym_data.source import Source

__all__ = ["Block"]

Array: TypeAlias = NDArray[Any]


@dataclass
class Block:
    """Consecutive steps of a row.

    Attributes:
        steps: What there is of each step: name -> values (m, ...), and which of them each step has, (k,); None: its own.
        trials: Number of trials.
        conditions: Name -> (trials, ...) values.
    """

    steps: Mapping[str, tuple[Array, NDArray[np.int64] | None]]
    trials: int
    conditions: dict[str, Array]

    @classmethod
    def split(cls, trials: Trials, rows: int, source: Source | None) -> list[Block]:
        """Join the trials of each row end to end; with a source, say more of each step."""
        n = trials.n // rows
        steps = {"inputs": trials.end_to_end("ob"), "target": trials.end_to_end("gt")}
        conditions: dict[str, Array] = {}
        if source is not None:
            number = np.repeat(np.arange(trials.n, dtype=np.int32) % n, trials.lengths)
            start = np.zeros(len(number), bool)
            start[np.cumsum(trials.lengths) - trials.lengths] = True
            steps |= {
                "start": (start, None),
                "period": (source.period_of(trials)[trials.mask], None),
                "trial": (number, None),
            }
            conditions = trials.conditions
        ends = np.cumsum(trials.lengths)[n - 1 :: n].tolist()
        blocks = []
        for row, (first, last) in enumerate(zip([0, *ends], ends, strict=False)):
            parts = {id(which): None if which is None else which[first:last] for _, which in steps.values()}
            own = {k: (v[first:last] if which is None else v, parts[id(which)]) for k, (v, which) in steps.items()}
            mine = slice(row * n, row * n + n)
            blocks.append(cls(own, n, {name: column[mine] for name, column in conditions.items()}))
        return blocks

    def __len__(self) -> int:
        """Number of steps."""
        values, which = self.steps["target"]
        return len(values if which is None else which)

    def copy_to(self, targets: Mapping[str, Array], place: int | None, first: int) -> int:
        """Copy as many steps as there is room for, and give how many.

        Args:
            targets: Where to copy to, by name.
            place: If it is only asked which value each step has, the place of the first one.
            first: Number of the first trial.
        """
        taken = min(len(self), len(targets["inputs"]))
        for name, target in targets.items():
            values, which = self.steps[name]
            if name == "inputs" and place is not None:
                np.add(np.arange(taken) if which is None else which[:taken], place, out=target[:taken])
            else:
                copy_steps(values, which, slice(0, taken), target[:taken])
        if "trial" in targets:
            targets["trial"][:taken] += first
        return taken

    def aligned(self) -> Block:
        """Give a block whose inputs and target have values at the same places, if this one has not."""
        if self.steps["inputs"][1] is self.steps["target"][1]:
            return self
        return self.rest(0) or self

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

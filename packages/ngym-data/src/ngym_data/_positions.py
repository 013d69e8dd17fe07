"""Positions: where the rows of a `Dataset` stand in their streams, in memory and as plain data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ngym_core.plain_data import decode, encode
from ngym_core.state import State
from ngym_data._chunks import Mark, Origin, StepChunk

__all__ = ["RowPosition", "positions_from_state", "positions_state", "rest_of_trial"]

Array: TypeAlias = NDArray[Any]


@dataclass(frozen=True)
class RowPosition:
    """Where a row stands.

    Attributes:
        rest: The steps of its present trial that were not returned yet; None if the next trial has not begun.
        mark: Where the stream stands after that trial.
    """

    rest: StepChunk | None
    mark: Mark

    def pending(self) -> list[StepChunk]:
        """Return the steps that the row delivers before those of its next trial."""
        if self.rest is None:
            return []
        # As if one step was before the rest: whether a trial has begun is seen from that. No trial lies before the mark.
        origin = Origin(self.mark, self.mark, np.array([len(self.rest) + 1]), np.array([-1]))
        return [replace(self.rest, origin=origin, first=1)]


def positions_state(positions: Sequence[RowPosition]) -> State:
    """Return the positions of rows as plain data.

    Args:
        positions: Those of each row.

    Returns:
        ``left``: number of steps left of each row's trial, (rows,); ``steps``: name -> those of all rows, one after
        another; ``conditions``: those of each trial that has begun; ``draws`` and ``skip``: the mark of each row.
    """
    rests = [position.rest for position in positions if position.rest is not None]
    return {
        "left": np.array([0 if position.rest is None else len(position.rest) for position in positions]),
        "steps": {name: np.concatenate([rest.values(name) for rest in rests]) for name in (rests[0].steps if rests else ())},
        "conditions": encode([rest.conditions for rest in rests]),
        "draws": [position.mark.draws for position in positions],
        "skip": np.array([position.mark.skip for position in positions]),
    }


def positions_from_state(state: Mapping[str, Any]) -> list[RowPosition]:
    """Return the positions that `positions_state` made plain data of."""
    positions, first, conditions = [], 0, iter(decode(state["conditions"]))
    for left, draws, skip in zip(state["left"].tolist(), state["draws"], state["skip"].tolist(), strict=True):
        rest = None
        if left:
            steps = {name: values[first : first + left] for name, values in state["steps"].items()}
            rest = rest_of_trial([steps], next(conditions))
            first += left
        positions.append(RowPosition(rest, Mark(draws, skip)))
    return positions


def rest_of_trial(parts: Sequence[dict[str, Array]], conditions: Mapping[str, Array]) -> StepChunk:
    """Return a chunk of the last steps of a trial.

    Args:
        parts: Consecutive steps: name -> a value for each, see `StepChunk`.
        conditions: Name -> (trials, ...) values of all trials; that of the first part's ``trial`` is taken.
    """
    steps: dict[str, tuple[Array, None]] = {n: (np.concatenate([part[n] for part in parts]), None) for n in parts[0]}
    of_trial: dict[str, Array] = {}
    if "trial" in steps:
        numbers = steps["trial"][0]
        of_trial = {name: column[numbers[:1]] for name, column in conditions.items()}
        numbers[:] = 0
    return StepChunk(steps, 1, of_trial)

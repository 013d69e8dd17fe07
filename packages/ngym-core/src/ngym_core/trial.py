"""Trial: one of many, with plain values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

from numpy.typing import NDArray

__all__ = ["Trial"]

Array: TypeAlias = NDArray[Any]


@dataclass(frozen=True)
class Trial:
    """One trial.

    Attributes:
        ob: Observations, (steps, *observation shape).
        gt: Ground truth, (steps, *action shape).
        conditions: Name -> value.
        start: Period -> its first step.
        end: Period -> the step after its last.
        dt: Time step in ms.
    """

    ob: Array
    gt: Array
    conditions: dict[str, Any]
    start: dict[str, int]
    end: dict[str, int]
    dt: float

    @property
    def length(self) -> int:
        """Number of steps."""
        return len(self.ob)

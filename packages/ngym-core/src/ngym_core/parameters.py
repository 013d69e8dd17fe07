"""Parameters: a task's timing or rewards, as a dictionary that checks its keys and values."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from numbers import Real
from typing import Any

from ngym_core.errors import unknown_name
from ngym_core.trials.durations import check_duration

__all__ = ["Parameters"]


class Parameters(dict[str, Any]):
    """The timing or the rewards of a task: a dictionary that refuses keys the task does not have.

    Args:
        kind: What the values are (``timing`` or ``reward``), for the error.
        default: Every key with its default.
        given: The user's values.
        optional: Further keys that may be given.

    Raises:
        UnknownNameError: A key that the task does not have, here or in a later assignment.
    """

    def __init__(
        self, kind: str, default: Mapping[str, Any], given: Mapping[str, Any] | None = None, optional: Sequence[str] = ()
    ) -> None:
        super().__init__(default)
        self.kind, self.optional = kind, tuple(optional)
        self.update(given or {})

    def __reduce__(self) -> Any:
        """Copy and pickle like a plain dictionary of its kind."""
        return type(self), (self.kind, dict(self), None, self.optional)

    def __setitem__(self, key: str, value: Any) -> None:
        """Change a value."""
        if key not in self and key not in self.optional:
            raise unknown_name(f"{self.kind} key", key, [*self, *self.optional])
        if self.kind == "timing":
            check_duration(key, value)
        elif isinstance(value, Real) and not math.isfinite(value):
            raise ValueError(f"The {self.kind} {key!r} must be a finite number, not {value!r}.")
        super().__setitem__(key, value)

    def update(self, given: Mapping[str, Any]) -> None:  # type: ignore[override]
        """Change several values."""
        for key, value in given.items():
            self[key] = value

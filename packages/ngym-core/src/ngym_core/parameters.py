"""Parameters: the timing or the rewards of a task, as a dictionary that checks its keys and values."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from numbers import Real
from typing import Any

from ngym_core.errors import unknown_name
from ngym_core.trials.durations import check_duration

__all__ = ["Parameters"]


class Parameters(dict[str, Any]):
    """The timing or the rewards of a task: a dictionary that rejects keys the task does not have and wrong values.

    Args:
        kind: ``timing`` or ``reward``; it chooses the check of values, and errors name it.
        default: Every key with its default.
        given: The user's values.
        optional: Further keys that may be given.

    Raises:
        UnknownNameError: A key that the task does not have, here or in a later assignment.
        ValueError: A duration or reward that is negative (durations only) or not finite.
        TypeError: A duration of another type, see `check_duration`.

    Example:
        >>> from ngym_core.parameters import Parameters
        >>> timing = Parameters("timing", {"stimulus": 1000, "decision": 200}, {"stimulus": 500})
        >>> timing["decision"] = ("uniform", (200, 400))
        >>> timing
        {'stimulus': 500, 'decision': ('uniform', (200, 400))}
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

    @property
    def state(self) -> dict[str, Any]:
        """All values, as a plain dictionary."""
        return dict(self)

    @state.setter
    def state(self, values: dict[str, Any]) -> None:
        super().clear()
        super().update(values)

    def __setitem__(self, key: str, value: Any) -> None:
        """Change a value, after a check of its key and itself."""
        if key not in self and key not in self.optional:
            raise unknown_name(f"{self.kind} key", key, [*self, *self.optional])
        if self.kind == "timing":
            check_duration(key, value)
        elif isinstance(value, Real) and not math.isfinite(value):
            raise ValueError(f"The {self.kind} {key!r} must be a finite number, not {value!r}.")
        super().__setitem__(key, value)

    def update(self, given: Mapping[str, Any]) -> None:  # type: ignore[override]
        """Change several values, each after a check."""
        for key, value in given.items():
            self[key] = value

"""Conditions: the values by which trials differ, and those of them that a caller forces."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ngym_core.errors import nearest, unknown_name

__all__ = ["Conditions"]

Array: TypeAlias = NDArray[Any]


class Conditions:
    """The conditions of n trials.

    Args:
        n: Number of trials.
        forced: Name -> one value for all trials, or one for each.

    Attributes:
        values: Name -> (n, ...) values.
        forceable: Names of the conditions that a caller may force.
    """

    def __init__(self, n: int, forced: Mapping[str, Any] | None = None) -> None:
        self.n = n
        self.values: dict[str, Array] = {}
        self.forceable: set[str] = set()
        self._forced = dict(forced or {})

    def set(self, name: str, value: ArrayLike) -> Array:
        """Record a condition that cannot be forced; returns (n, ...) values.

        Raises:
            ValueError: Not one value for each trial.
        """
        value = np.asarray(value)
        if value.ndim and len(value) != self.n:
            raise ValueError(f"The condition {name!r} is set to {len(value)} values for {self.n} trials.")
        self.values[name] = np.broadcast_to(value, self.n) if value.ndim == 0 else value
        return self.values[name]

    def record(self, name: str, drawn: Array, options: ArrayLike | None = None) -> Array:
        """Record a condition that was drawn, or the value that the caller forces instead.

        Args:
            name: Name of the condition.
            drawn: (n, ...) drawn values.
            options: (k, ...) values that may be forced; None for any.

        Returns:
            (n, ...) values.

        Raises:
            ValueError: A forced value that is no finite number where the drawn ones are numbers, has the wrong
                shape, or is none of the options.
        """
        self.forceable.add(name)
        if name in self._forced:
            value = np.asarray(self._forced[name])
            numbers = "biuf" if drawn.dtype.kind == "b" else "iuf"
            if drawn.dtype.kind in "biuf" and value.dtype.kind not in numbers:
                raise ValueError(f"The condition {name!r} is forced to {self._forced[name]!r}, which is not a number.")
            if value.dtype.kind == "f" and not np.isfinite(value).all():
                raise ValueError(f"The condition {name!r} is forced to {self._forced[name]!r}, which is not finite.")
            if value.ndim == 1 and drawn.ndim == 1 and value.shape != (self.n,):
                raise ValueError(f"The condition {name!r} is forced to {len(value)} values for {self.n} trials.")
            try:
                drawn = np.broadcast_to(value, drawn.shape)
            except ValueError:
                raise ValueError(
                    f"The condition {name!r} is forced to a value of shape {value.shape}; expected {drawn.shape[1:]} "
                    f"or {drawn.shape}."
                ) from None
            if options is not None:
                drawn = _as_options(name, drawn, np.asarray(options))
        elif not drawn.flags.writeable:
            drawn = drawn.copy()  # a view of the options: the caller may change what it gets
        self.values[name] = drawn
        return drawn

    def forced_value(self, name: str, options: ArrayLike | None = None) -> Array | None:
        """Return the (n,) values that the caller forces on a condition, or None; see `Trials.forced_value`."""
        self.forceable.add(name)
        if name not in self._forced:
            return None
        value = np.broadcast_to(self._forced[name], self.n)
        return value if options is None else _as_options(name, value, np.asarray(options))

    def is_forced(self, name: str) -> bool:
        """Whether the caller forces this condition."""
        return name in self._forced

    def refuse_unknown(self, task: object) -> None:
        """Raise if the caller forces a condition that the task did not draw.

        Raises:
            UnknownNameError: Such a condition.
        """
        for name in self._forced:
            if name not in self.forceable:
                raise unknown_name(f"condition of {task}", name, self.forceable)


def _as_options(name: str, value: Array, options: Array) -> Array:
    """Return forced values (n, ...) or (n, size, ...) in the type of the options (k, ...); raise if they are none."""
    rows = value.reshape(-1, *options.shape[1:])
    if options.ndim == 1:
        found = np.isin(rows, options)
    else:
        found = (rows[:, None] == options[None]).reshape(len(rows), len(options), -1).all(-1).any(-1)
    if not found.all():
        wrong = rows[~found][0].tolist()
        raise ValueError(f"The condition {name!r} is forced to {wrong!r}. {nearest(wrong, options.tolist())}")
    return value.astype(options.dtype) if {value.dtype.kind, options.dtype.kind} <= set("biuf") else value

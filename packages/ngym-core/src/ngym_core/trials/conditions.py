"""Conditions: the values by which trials differ, and those of them that a caller forces."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ngym_core.arguments import Integer, Number, shown
from ngym_core.errors import nearest, unknown_name

__all__ = ["Conditions", "is_same_value", "refuse_overruled"]

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

    def record(self, name: str, drawn: Array, options: ArrayLike | Number | None = None) -> Array:
        """Record a condition that was drawn, or the value that the caller forces instead.

        Args:
            name: Name of the condition.
            drawn: (n, ...) drawn values.
            options: (k, ...) values that may be forced, or what each number must be; None for any.

        Returns:
            (n, ...) values.

        Raises:
            ValueError: A forced value that is no finite number where the drawn ones are numbers, has the wrong
                shape, or is not allowed.
        """
        self.forceable.add(name)
        if name in self._forced:
            drawn = self._checked(name, drawn.shape, drawn.dtype.kind, options)
        if not drawn.flags.writeable:
            drawn = drawn.copy()  # a view of what is forced or of the options: the caller may change what it gets
        self.values[name] = drawn
        return drawn

    def forced_value(self, name: str, options: ArrayLike | None = None) -> Array | None:
        """Return the (n,) values that the caller forces on a condition, or None; see `Trials.forced_value`."""
        self.forceable.add(name)
        if name not in self._forced:
            return None
        kind = "" if options is None else np.asarray(options).dtype.kind
        return self._checked(name, (self.n,), kind, options)

    def _checked(self, name: str, shape: tuple[int, ...], kind: str, options: ArrayLike | Number | None) -> Array:
        """Return the forced values of a condition after a check.

        Args:
            name: Name of the condition.
            shape: (n, ...) of the values.
            kind: Kind of their dtype; "" for any.
            options: See `record`.
        """
        given = f"The condition {name!r} is forced to"
        value = np.asarray(self._forced[name])
        if kind in set("biuf") and value.dtype.kind not in ("biuf" if kind == "b" else "iuf"):
            raise ValueError(f"{given} {shown(self._forced[name])}, which is not a number.")
        if kind == "U" and value.dtype.kind != "U":
            raise ValueError(f"{given} {shown(self._forced[name])}, which is not a text.")
        if value.dtype.kind == "f" and not np.isfinite(value).all():
            raise ValueError(f"{given} {shown(self._forced[name])}, which is not finite.")
        if value.ndim == 1 and len(shape) == 1 and value.shape != shape:
            raise ValueError(f"{given} {len(value)} values for {self.n} trials.")
        try:
            values = np.broadcast_to(value, shape)
        except ValueError:
            raise ValueError(f"{given} a value of shape {value.shape}; expected {shape[1:]} or {shape}.") from None
        if isinstance(options, Number):
            if isinstance(options, Integer) and (values == np.rint(values)).all():
                values = values.astype(np.int64)
            wrong = next((number for number in (values.min(), values.max()) if options.problem(number.item())), None)
            if wrong is not None:
                raise ValueError(f"{given} {wrong.item()!r}; expected {options.description}.")
            return values
        return values if options is None else _as_options(name, values, np.asarray(options))

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

    def refuse_overruled(self, task: object) -> None:
        """Raise if trials have other values than those that the caller forces.

        Raises:
            ValueError: There is such a condition: what is forced contradicts itself.
        """
        reason = (
            "no trial can have all that is forced"
            if len(self._forced) > 1
            else "the task has overwritten it after it was drawn"
        )
        refuse_overruled(task, self.values, self._forced, reason)


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


def refuse_overruled(task: object, played: Mapping[str, Any], forced: Mapping[str, Any], reason: str) -> None:
    """Raise if trials have other conditions than those that are forced.

    Args:
        task: The task.
        played: The conditions of the trials: name -> value, of one or of each.
        forced: What was forced on them.
        reason: Why they may have others, for the message.

    Raises:
        ValueError: They have other values.
    """
    for name, value in forced.items():
        if name in played and not is_same_value(played[name], value):
            wanted, got = value, played[name]
            with suppress(ValueError, StopIteration):  # other shapes
                pairs = zip(*np.broadcast_arrays(np.atleast_1d(wanted), np.atleast_1d(got)), strict=True)
                wanted, got = next(pair for pair in pairs if not is_same_value(*pair))
            raise ValueError(
                f"The condition {name!r} of {task} is forced to {np.asarray(wanted).tolist()!r}, but a trial has "
                f"{np.asarray(got).tolist()!r}: {reason}."
            )


def is_same_value(one: Any, other: Any) -> bool:
    """Return whether two values of a condition are the same, of which one may hold for all trials."""
    try:
        first, second = np.broadcast_arrays(one, other)
    except ValueError:  # other shapes
        return False
    return np.array_equal(first, second)

"""Conditions: what distinguishes one trial from another, drawn or forced."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ngym_core.errors import nearest, unknown
from ngym_core.random import Draws

__all__ = ["Conditions"]

Array: TypeAlias = NDArray[Any]


class Conditions:
    """The conditions of n trials: each is drawn by name from a random stream of its own.

    A caller may force any condition that is drawn. The draw is made all the same, so that forcing one
    condition leaves all later trials as they were.

    Args:
        n: How many trials.
        draws: Where randomness comes from.
        forced: Name -> one value, or one for each trial.

    Attributes:
        n: Number of trials.
        draws: Where randomness comes from.
        conditions: Name -> (n, ...) values, drawn, forced or set.
        forceable: Names of the conditions that were drawn, and so can be forced.
        carried: What is carried from trial to trial; it restarts with the seed.
    """

    def __init__(self, n: int, draws: Draws, forced: Mapping[str, Any] | None = None) -> None:
        self.n = n
        self.draws = draws
        self.carried = draws.carried
        self.conditions: dict[str, Array] = {}
        self._forced = dict(forced or {})
        self.forceable: set[str] = set()

    def choice(
        self,
        name: str,
        options: ArrayLike,
        p: ArrayLike | None = None,
        *,
        size: int | None = None,
        allow: str | Sequence[Any] = "options",
    ) -> Array:
        """Draw a condition among options.

        Args:
            name: Name of the condition.
            options: (k,) options, or k rows of m numbers.
            p: (k,) probabilities, or (n, k) for each trial; equal ones by default.
            size: Draw so many for each trial, independently.
            allow: What a caller may force: one of the ``options``, ``any`` number, or one of these values.

        Returns:
            (n,), (n, size) or (n, m) chosen or forced options.
        """
        options = np.asarray(options)
        drawn = self.draws.choice(name, self.n, options, p, size)
        return self.condition(name, drawn, None if allow == "any" else options if allow == "options" else allow)

    def uniform(self, name: str, low: float, high: float) -> Array:
        """Draw a condition between low and high, shape (n,)."""
        return self.condition(name, self.draws.uniform(name, self.n, low, high))

    def forced_value(self, name: str, options: ArrayLike | None = None) -> Array | None:
        """Give what a caller forces on a condition that otherwise follows from others.

        Args:
            name: Name of the condition.
            options: (k,) values that may be forced; None for any.

        Returns:
            (n,) values, or None where nothing is forced.

        Raises:
            ValueError: A value that is none of the options.
        """
        self.forceable.add(name)
        if name not in self._forced:
            return None
        value = np.broadcast_to(self._forced[name], self.n)
        if options is not None:
            _check_options(name, value, np.asarray(options))
        return value

    def bernoulli(self, name: str, p: ArrayLike, size: int | None = None) -> Array:
        """Draw a condition that is true with probability p (a number or (n,)), shape (n,) or (n, size)."""
        u = self.draws.random(name, self.n, size)
        p = np.asarray(p)
        return self.condition(name, u < (p if size is None or p.ndim == 0 else p[:, None]))

    def switching(self, name: str, p: float, *, first: int | None = 0) -> Array:
        """Draw a condition that is 0 or 1 and changes before a trial with probability p.

        Args:
            name: Name of the condition, and of what is carried on to the next trials.
            p: The probability.
            first: Value before the first trial; None for a random one.

        Returns:
            (n,) values; where some are forced, those of other trials stay as they were.
        """
        changes = self.draws.random(f"{name}/change", self.n) < p
        if name not in self.carried:
            self.carried[name] = int(self.draws.index(f"{name}/first", 1, 2)[0]) if first is None else first
        drawn = (self.carried[name] + np.cumsum(changes)) % 2
        self.carried[name] = int(drawn[-1])
        return self.condition(name, drawn, [0, 1])

    def permutation(self, name: str, k: int) -> Array:
        """Draw a condition that is an order of 0 to k - 1, shape (n, k)."""
        order = self.condition(name, self.draws.permutation(name, self.n, k))
        if name in self._forced:
            wrong = (np.sort(order, axis=1) != np.arange(k)).any(axis=1)
            if wrong.any():
                raise ValueError(
                    f"The condition {name!r} is forced to {order[wrong][0].tolist()}; expected an order of 0 to {k - 1}."
                )
        return order

    def set(self, name: str, value: ArrayLike) -> Array:
        """Note a condition that follows from others; it cannot be forced.

        Args:
            name: Name of the condition.
            value: One value, or (n, ...).

        Returns:
            (n, ...) values.
        """
        value = np.asarray(value)
        self.conditions[name] = np.broadcast_to(value, self.n) if value.ndim == 0 else value
        return self.conditions[name]

    def refuse_unknown(self, task: object) -> None:
        """Refuse forced conditions that were not drawn.

        Raises:
            UnknownNameError: Such a condition.
        """
        for name in self._forced:
            if name not in self.forceable:
                raise unknown(f"condition of {task}", name, self.forceable)

    def condition(self, name: str, drawn: Array, options: ArrayLike | None = None) -> Array:
        """Note a condition that was drawn, or what the caller forces instead.

        Args:
            name: Name of the condition.
            drawn: (n, ...) drawn values.
            options: (k, ...) values that a caller may force; None for any.

        Returns:
            (n, ...) values.

        Raises:
            ValueError: A forced value that is no finite number where it should be one, has the wrong shape, or is none
                of the options.
        """
        self.forceable.add(name)
        if name in self._forced:
            value = np.asarray(self._forced[name])
            if drawn.dtype.kind in "biuf" and value.dtype.kind not in "biuf":
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
                _check_options(name, drawn, np.asarray(options))
        elif not drawn.flags.writeable:
            drawn = drawn.copy()
        self.conditions[name] = drawn
        return drawn


def _check_options(name: str, value: Array, options: Array) -> None:
    """Refuse forced values (n, ...) or (n, size, ...) that are none of the options (k, ...)."""
    rows = value.reshape(-1, *options.shape[1:])
    if options.ndim == 1:
        found = np.isin(rows, options)
    else:
        found = (rows[:, None] == options[None]).reshape(len(rows), len(options), -1).all(-1).any(-1)
    if not found.all():
        wrong = rows[~found][0].tolist()
        raise ValueError(f"The condition {name!r} is forced to {wrong!r}. {nearest(wrong, options.tolist())}")

"""Durations: the values that a `timing` dictionary may hold, and how they are drawn and cut to steps."""

from __future__ import annotations

import math
from collections.abc import Sequence
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ngym_core.errors import nearest
from ngym_core.random import Draws, TruncExp, random_number_name

__all__ = ["check_duration", "draw_duration", "duration_name", "has_own_state", "to_steps"]

DISTRIBUTIONS = ("uniform", "choice", "truncated_exponential", "constant", "until")
ROUNDING_STEPS = 1e-9
"""Added before times are cut to steps: 0.3 ms / 0.1 ms is a little below 3."""


def check_duration(period: str, value: Any) -> None:
    """Check a timing value.

    Args:
        period: Name of the period, for the error.
        value: A number (ms); a sequence of numbers (one is drawn with equal probability); a pair
            (distribution, arguments); an object with a `sample(rng, n)` method such as `TruncExp`;
            or any function without arguments, called once for each trial.

    Raises:
        ValueError: A negative or non-finite number, an empty sequence, or an unknown distribution.
        TypeError: Anything else.

    Example:
        >>> from ngym_core.trials.durations import check_duration
        >>> check_duration("delay", ("uniform", (200, 500)))
        >>> check_duration("delay", -1)
        Traceback (most recent call last):
        ValueError: timing['delay']=-1 must hold finite numbers of ms from 0.
    """
    if hasattr(value, "sample") or callable(value):
        return
    if isinstance(value, Real):
        numbers: Any = [value]
    elif isinstance(value, (Sequence, np.ndarray)) and not isinstance(value, str):
        if len(value) == 0:
            raise ValueError(f"timing[{period!r}] is empty.")
        numbers = value
        if isinstance(value[0], str):
            if len(value) != 2 or value[0] not in DISTRIBUTIONS:
                raise ValueError(
                    f"Distribution {value[0]} not found: timing[{period!r}]={value!r} must be a pair "
                    f"(distribution, arguments). {nearest(value[0], DISTRIBUTIONS)}"
                )
            # The third argument of an exponential is its upper end, which may be infinite.
            numbers = np.atleast_1d(value[1])[:2] if value[0] == "truncated_exponential" else np.atleast_1d(value[1])
    else:
        raise TypeError(
            f"timing[{period!r}]={value!r} must be a number of ms, a sequence of numbers, a pair (distribution, "
            "arguments), an object with a `sample` method or a function."
        )
    if not all(isinstance(x, Real) and 0 <= float(x) < math.inf for x in numbers):
        raise ValueError(f"timing[{period!r}]={value!r} must hold finite numbers of ms from 0.")


def has_own_state(value: Any) -> bool:
    """Return whether a timing value is a function, which may draw from any generator, instead of a distribution."""
    return callable(value) and not hasattr(value, "sample")


def duration_name(value: Any) -> str:
    """Return a timing value in words."""
    if isinstance(value, (Real, TruncExp)):
        return str(value)
    if callable(value) or hasattr(value, "sample"):
        return getattr(value, "__name__", type(value).__name__)
    if not isinstance(value[0], str):
        return random_number_name("choice", list(value))
    return f"until {value[1]}" if value[0] == "until" else random_number_name(value[0], value[1])


def draw_duration(period: str, value: Any, n: int, draws: Draws, start: Any) -> Any:
    """Draw the duration of a period for n trials.

    Args:
        period: Name of the period and of the draw.
        value: A timing value, see `check_duration`.
        n: Number of trials.
        draws: The source of randomness.
        start: Start of the period in ms, a number or (n,); ``until`` needs it.

    Returns:
        The duration in ms before it is cut to the time step: a number if all trials share it, else (n,).

    Raises:
        ValueError: A value that is no timing value, or ``until`` a time that has passed.
    """
    name = f"timing/{period}"
    if isinstance(value, (int, float, Real)):
        return value
    if hasattr(value, "sample"):
        return draws.sample(name, n, value)
    if has_own_state(value):
        return np.array([value() for _ in range(n)], float)
    check_duration(period, value)
    if not isinstance(value[0], str):
        return draws.choice(name, n, value)
    distribution, args = value
    if distribution == "until":
        remaining = args - np.asarray(start)
        if (remaining < 0).any():
            raise ValueError(f"timing[{period!r}] lasts until {args} ms, but the period begins at {np.max(start)} ms.")
        return remaining[()]
    if distribution == "constant":
        return args
    return getattr(draws, distribution)(name, n, *((args,) if distribution == "choice" else args))


def to_steps(ms: Any, dt: float) -> int | NDArray[np.int64]:
    """Cut times to whole steps.

    Args:
        ms: A time in ms, or (n,).
        dt: Time step in ms.

    Returns:
        Steps: an integer if all are equal, else (n,) int64.

    Raises:
        ValueError: A time that is not a finite number from 0.

    Example:
        >>> import numpy as np
        >>> from ngym_core.trials.durations import to_steps
        >>> to_steps(250, 100), to_steps(np.array([100.0, 250.0]), 100).tolist()
        (2, [1, 2])
    """
    if isinstance(ms, (int, float)):  # first, since most durations are constant
        if not 0 <= ms < math.inf:
            raise ValueError(f"A duration must be a finite number of ms from 0, not {ms!r}.")
        return int(ms / dt + ROUNDING_STEPS)
    ms = np.asarray(ms, float)
    if ms.size == 1:
        return to_steps(ms.item(), dt)
    if not (ms.min() >= 0 and ms.max() < math.inf):
        raise ValueError(f"A duration must be a finite number of ms from 0, not {ms[~((ms >= 0) & (ms < math.inf))][0]!r}.")
    steps = (ms / dt + ROUNDING_STEPS).astype(np.int64)
    shortest = int(steps.min())
    return shortest if shortest == steps.max() else steps

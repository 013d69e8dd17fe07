"""Durations: the values that a `timing` dictionary may hold, and how they are drawn and cut to steps."""

from __future__ import annotations

import math
from collections.abc import Sequence
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ngym_core.arguments import ArrayOf, Expected, Number, explained, shown
from ngym_core.errors import nearest
from ngym_core.random import Draws, TruncExp, random_number_name

__all__ = ["check_duration", "draw_duration", "duration_name", "has_own_state", "is_sampled", "to_steps"]

MS = Number(0, unit="ms")
ARGUMENTS: dict[str, Expected] = {
    "uniform": ArrayOf(length=2, each=MS),
    "choice": ArrayOf(each=MS),
    "truncated_exponential": ArrayOf(each=Number(0, infinite=True, unit="ms")),
    "constant": MS,
    "until": MS,
}
"""What the arguments of each distribution may be."""
EXAMPLES = {
    "uniform": "the least and the greatest number of ms, such as ('uniform', (200, 500))",
    "choice": "numbers of ms, such as ('choice', (200, 500))",
    "truncated_exponential": "a mean and a window in ms, such as ('truncated_exponential', (300, 100, 500))",
    "constant": "a number of ms, such as ('constant', 500)",
    "until": "a number of ms since the trial began, such as ('until', 500)",
}
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
        ValueError: A negative or non-finite number, an empty sequence, an unknown distribution, or wrong arguments of one.
        TypeError: Anything else.

    Example:
        >>> from ngym_core.trials.durations import check_duration
        >>> check_duration("delay", ("uniform", (200, 500)))
        >>> check_duration("delay", -1)
        Traceback (most recent call last):
        ValueError: timing['delay']=-1 must be a finite number of ms from 0.
    """
    if is_sampled(value) or callable(value):
        return
    name = f"timing[{period!r}]"
    if isinstance(value, (str, bytes)) or not isinstance(value, (Real, Sequence, np.ndarray)):
        raise TypeError(
            f"{name}={shown(value)} must be a number of ms, a sequence of numbers, a pair (distribution, arguments), an "
            "object with a `sample` method or a function."
        )
    if isinstance(value, Real):
        MS.check(name, value)
    elif len(value) and isinstance(value[0], str):
        _check_distribution(name, value)
    else:
        ArrayOf(each=MS).check(name, value)


def _check_distribution(name: str, value: Any) -> None:
    """Raise if a pair (distribution, arguments) is none."""
    if len(value) != 2 or value[0] not in ARGUMENTS:
        raise ValueError(
            f"Distribution {value[0]} not found: {name}={shown(value)} must be a pair (distribution, arguments). "
            f"{nearest(value[0], ARGUMENTS)}"
        )
    distribution, args = value
    right = ARGUMENTS[distribution].problem(args) is None
    if distribution == "uniform":
        right = right and args[0] <= args[1]
    elif distribution == "truncated_exponential":
        right = right and 0 < args[0] < math.inf and len(args) <= 3 and (len(args) < 3 or args[1] <= args[2])
    if not right:
        raise ValueError(f"{name}={shown(value)} must hold {EXAMPLES[distribution]}.")


def has_own_state(value: Any) -> bool:
    """Return whether a timing value is a function, which may draw from any generator, instead of a distribution."""
    return callable(value) and not is_sampled(value)


def is_sampled(value: Any) -> bool:
    """Return whether a timing value is an object with a `sample(rng, n)` method; that of `Draws` is another one."""
    return hasattr(value, "sample") and not isinstance(value, Draws)


@explained
def duration_name(value: Any) -> str:
    """Return a timing value in words."""
    if isinstance(value, (Real, TruncExp)):
        return str(value)
    if callable(value) or is_sampled(value):
        return getattr(value, "__name__", type(value).__name__)
    if not isinstance(value[0], str):
        return random_number_name("choice", list(value))
    return f"until {value[1]}" if value[0] == "until" else random_number_name(value[0], value[1])


@explained
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
        if not 0 <= float(value) < math.inf:
            check_duration(period, value)
        return value
    if is_sampled(value):
        return draws.sample(name, n, value)
    if has_own_state(value):
        drawn = [value() for _ in range(n)]
        for ms in drawn:
            MS.check(f"timing[{period!r}]()", ms)
        return np.array(drawn, float)
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


@explained
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

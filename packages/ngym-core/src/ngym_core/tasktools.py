"""Small pure helpers for tasks: rings of directions, maps, periods on a time grid, scores."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from ngym_core.errors import nearest

__all__ = [
    "bump",
    "check_options",
    "check_probability",
    "circular_dist",
    "correct_2AFC",
    "get_idx",
    "get_periods_idx",
    "minmax_number",
    "ring",
    "to_map",
    "tuning",
    "two_inputs",
]


def ring(n: int) -> NDArray[np.float64]:
    """Give n directions spread evenly over the circle, (n,) radians from 0.

    Raises:
        ValueError: n below 1.
    """
    if n < 1:
        raise ValueError(f"A ring needs at least one direction, not {n!r}.")
    return np.linspace(0, 2 * np.pi, n, endpoint=False)


def check_options(name: str, values: ArrayLike) -> NDArray[Any]:
    """Check the options of a condition.

    Args:
        name: The task's parameter, for the error.
        values: (k,) numbers, or k rows of numbers.

    Returns:
        The options as an array.

    Raises:
        ValueError: No option, or one that is not finite.
    """
    array = np.asarray(values)
    if array.ndim == 0 or len(array) == 0 or array.dtype.kind not in "biuf" or not np.isfinite(array).all():
        raise ValueError(f"{name}={values!r} must be a sequence of at least one finite number.")
    return array


def check_probability(name: str, value: float) -> float:
    """Check a probability.

    Args:
        name: The task's parameter, for the error.
        value: The number.

    Returns:
        The number.

    Raises:
        ValueError: A number that is not from 0 to 1.
    """
    if not 0 <= value <= 1:
        raise ValueError(f"{name}={value!r} must be a probability, from 0 to 1.")
    return value


def tuning(theta: NDArray[Any], angle: ArrayLike, dtype: DTypeLike = np.float64) -> NDArray[Any]:
    """Give the cosine of the distance between preferred directions and a shown angle.

    Args:
        theta: (k,) preferred directions in radians.
        angle: (n,) shown angles in radians.
        dtype: Type of the result. float32 is enough for what is shown as it is, and takes a sixth of the time.

    Returns:
        (n, k) values from -1 to 1.
    """
    angle = np.asarray(angle)[:, None]
    shown, sines = (f(theta).astype(dtype) * f(angle).astype(dtype) for f in (np.cos, np.sin))
    shown += sines  # with n + k cosines instead of n * k
    return np.asarray(shown)


def two_inputs(first: ArrayLike, coh: ArrayLike) -> NDArray[np.float64]:
    """Give the strength of two inputs of which one is larger.

    Args:
        first: (n,) whether the first one is.
        coh: (n,) coherences in percent.

    Returns:
        (n, 2): (1 + coh / 100) / 2 for the larger input, (1 - coh / 100) / 2 for the other.
    """
    difference = np.where(first, 1, -1) * np.asarray(coh) / 100
    return np.asarray(0.5 + np.stack([difference, -difference], axis=1) / 2)


def bump(theta: NDArray[Any], angle: ArrayLike, strength: ArrayLike = 1.0) -> NDArray[np.float64]:
    """Give the Gaussian tuning of Yang et al. 2019: 0.8 at the shown angle, one standard deviation 22.5 degrees away.

    Args:
        theta: (k,) preferred directions in radians.
        angle: (n,) shown angles in radians.
        strength: A factor, one for all or (n,).

    Returns:
        (n, k) values from 0.
    """
    distance = circular_dist(theta - np.asarray(angle)[:, None]) / (np.pi / 8)
    return np.asarray(0.8 * np.exp(-(distance**2) / 2) * np.reshape(strength, (-1, 1)))


def run_machine(after: NDArray[np.int64], state: int) -> NDArray[np.int64]:
    """Run a state machine over n inputs at once (by joining steps two and two, then four and four, ...).

    Args:
        after: (n, states). The state after each input, from each state.
        state: The state before the first.

    Returns:
        (n,) the state after each input.
    """
    maps, apart = after.copy(), 1
    while apart < len(maps):
        maps[apart:] = np.take_along_axis(maps[apart:], maps[:-apart], axis=1)
        apart *= 2
    return np.asarray(maps[:, state])


def to_map(*args: Any) -> OrderedDict[Any, int]:
    """Map values to their positions.

    Args:
        *args: The values, or one list of them.

    Returns:
        Value -> position; empty without values.
    """
    values = args[0] if len(args) == 1 and isinstance(args[0], list) else args
    return OrderedDict((value, i) for i, value in enumerate(values))


def get_idx(t: ArrayLike, start_end: Sequence[float]) -> list[int]:
    """Give the indices of the times that lie in [start, end).

    Args:
        t: (n,) times in ms.
        start_end: Start and end in ms.

    Returns:
        Indices into `t`.
    """
    start, end = start_end
    t = np.asarray(t)
    return [int(i) for i in np.nonzero((start <= t) & (t < end))[0]]


def get_periods_idx(dt: float, periods: Mapping[str, Any]) -> tuple[NDArray[np.float64], dict[str, list[int]]]:
    """Put periods on a time grid.

    Args:
        dt: Time step in ms.
        periods: Period -> (start, end) in ms, and ``tmax``, the end of the trial in ms.

    Returns:
        The grid from 0 to `tmax`, both included, in ms; and period -> its indices in the grid.

    Raises:
        KeyError: `periods` without ``tmax``.
    """
    if "tmax" not in periods:
        raise KeyError(f"periods needs 'tmax', the end of the trial in ms; it has {sorted(periods)}.")
    steps = int(periods["tmax"] / dt + 1e-9)
    t = np.asarray(np.arange(steps + 1) * dt, float)
    edges = {name: [int(np.ceil(x / dt - 1e-9)) for x in edge] for name, edge in periods.items() if name != "tmax"}
    return t, {name: [i for i in range(max(a, 0), b) if i <= steps] for name, (a, b) in edges.items()}


def minmax_number(dist: str, args: Any) -> tuple[float, float]:
    """Give the smallest and largest value that a distribution can take.

    Args:
        dist: ``uniform``, ``choice``, ``truncated_exponential`` or ``constant``.
        args: Its arguments, as for `ngym_core.random.random_number_fn`.

    Returns:
        (smallest, largest).

    Raises:
        ValueError: Another distribution.
    """
    if dist == "uniform":
        return args[0], args[1]
    if dist == "choice":
        return np.min(args), np.max(args)
    if dist == "truncated_exponential":
        return (args[1] if len(args) > 1 else 0), (args[2] if len(args) > 2 else math.inf)
    if dist == "constant":
        return args, args
    valid = ("uniform", "choice", "truncated_exponential", "constant")
    raise ValueError(f"Unknown distribution: {dist}. {nearest(dist, valid)}")


def circular_dist(original_dist: ArrayLike) -> NDArray[np.float64]:
    """Turn differences of angles into distances on the circle.

    Args:
        original_dist: Differences in radians, any shape.

    Returns:
        Distances from 0 to pi, same shape.
    """
    d = np.abs(np.asarray(original_dist, float)) % (2 * np.pi)
    return np.asarray(np.minimum(d, 2 * np.pi - d))


class Counts(Protocol):
    """What `correct_2AFC` counts."""

    n_trials: int
    n_decision: int
    n_correct: int


def correct_2AFC(perf: Counts) -> tuple[float, float]:  # noqa: N802 (the name is NeuroGym's)
    """Score two-alternative choices.

    Args:
        perf: `n_trials`, of which `n_decision` had a decision, of which `n_correct` were correct.

    Returns:
        Share of trials with a decision, and share of decisions that were correct; 0 where there are none.
    """
    p_decision = perf.n_decision / perf.n_trials if perf.n_trials else 0.0
    return p_decision, perf.n_correct / perf.n_decision if perf.n_decision else 0.0

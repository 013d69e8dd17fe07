"""Helper functions for tasks: rings of directions, checks of parameters, maps, time grids, scores."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from ngym_core.arguments import Values, explained, require_finite
from ngym_core.errors import nearest

__all__ = [
    "bump",
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


@explained
def ring(n: int) -> NDArray[np.float64]:
    """Return n directions spread evenly over the circle, (n,) radians from 0.

    Raises:
        ValueError: n below 1.

    Example:
        >>> ring(4)
        array([0.        , 1.57079633, 3.14159265, 4.71238898])
    """
    if n < 1:
        raise ValueError(f"A ring needs at least one direction, not {n!r}.")
    return np.linspace(0, 2 * np.pi, n, endpoint=False)


@explained
def tuning(theta: NDArray[Any], angle: ArrayLike, dtype: DTypeLike = np.float64) -> NDArray[Any]:
    """Return the cosine of the distance between preferred directions and shown angles.

    Args:
        theta: (k,) preferred directions in radians.
        angle: (n,) shown angles in radians.
        dtype: Type of the result. float32 is enough for observations, and takes a sixth of the time.

    Returns:
        (n, k) values from -1 to 1.
    """
    angles = np.asarray(angle)[:, None]
    # cos(a - b) = cos a cos b + sin a sin b needs n + k cosines and sines instead of n * k cosines.
    cosines, sines = (f(theta).astype(dtype) * f(angles).astype(dtype) for f in (np.cos, np.sin))
    cosines += sines
    require_finite(cosines, theta=theta, angle=angle)
    return np.asarray(cosines)


@explained
def two_inputs(first: ArrayLike, coh: ArrayLike) -> NDArray[np.float64]:
    """Return the strengths of two inputs, of which one is larger.

    Args:
        first: (n,) whether the first input is the larger one.
        coh: (n,) coherences in percent.

    Returns:
        (n, 2): (1 + coh / 100) / 2 for the larger input, (1 - coh / 100) / 2 for the other.

    Example:
        >>> two_inputs([True, False], [0, 50])
        array([[0.5 , 0.5 ],
               [0.25, 0.75]])
    """
    difference = np.where(first, 1, -1) * np.asarray(coh) / 100
    require_finite(difference, coh=coh)
    return np.asarray(0.5 + np.stack([difference, -difference], axis=1) / 2)


@explained
def bump(theta: NDArray[Any], angle: ArrayLike, strength: ArrayLike = 1.0) -> NDArray[np.float64]:
    """Return the Gaussian tuning of Yang et al. 2019: peak 0.8 at the shown angle, standard deviation 22.5 degrees.

    Args:
        theta: (k,) preferred directions in radians.
        angle: (n,) shown angles in radians.
        strength: A factor, one for all trials or (n,).

    Returns:
        (n, k) values from 0.
    """
    distance = _circular_dist(theta - np.reshape(angle, (-1, 1))) / (np.pi / 8)
    bumps = 0.8 * np.exp(-(distance**2) / 2) * np.reshape(strength, (-1, 1))
    require_finite(bumps, theta=theta, angle=angle, strength=strength)
    return np.asarray(bumps)


def to_map(*args: Any) -> OrderedDict[Any, int]:
    """Map values to their positions.

    Args:
        *args: The values, or one list of them.

    Returns:
        Value -> position; empty without values.

    Example:
        >>> dict(to_map("left", "right"))
        {'left': 0, 'right': 1}
    """
    values = args[0] if len(args) == 1 and isinstance(args[0], list) else args
    return OrderedDict((value, i) for i, value in enumerate(values))


@explained
def get_idx(t: ArrayLike, start_end: Sequence[float]) -> list[int]:
    """Return the indices of the times in [start, end).

    Args:
        t: (n,) times in ms.
        start_end: Start and end in ms.

    Returns:
        Indices into `t`.

    Example:
        >>> get_idx([0, 100, 200, 300], (100, 300))
        [1, 2]
    """
    start, end = start_end
    t = np.asarray(t)
    return [int(i) for i in np.nonzero((start <= t) & (t < end))[0]]


@explained
def get_periods_idx(dt: float, periods: Mapping[str, Any]) -> tuple[NDArray[np.float64], dict[str, list[int]]]:
    """Put periods on a time grid.

    Args:
        dt: Time step in ms.
        periods: Period -> (start, end) in ms, and ``tmax``, the end of the trial in ms.

    Returns:
        The grid from 0 to `tmax`, both included, in ms; and period -> its indices on the grid.

    Raises:
        KeyError: `periods` without ``tmax``.

    Example:
        >>> get_periods_idx(100, {"stimulus": (0, 200), "tmax": 300})
        (array([  0., 100., 200., 300.]), {'stimulus': [0, 1]})
    """
    if "tmax" not in periods:
        raise KeyError(f"periods needs 'tmax', the end of the trial in ms; it has {sorted(periods)}.")
    steps = int(periods["tmax"] / dt + 1e-9)  # 0.3 / 0.1 is below 3 in floating point
    t = np.asarray(np.arange(steps + 1) * dt, float)
    require_finite(t, dt=dt)
    edges = {name: [int(np.ceil(x / dt - 1e-9)) for x in edge] for name, edge in periods.items() if name != "tmax"}
    return t, {name: [i for i in range(max(a, 0), b) if i <= steps] for name, (a, b) in edges.items()}


@explained
def minmax_number(dist: str, args: Values) -> tuple[float, float]:
    """Return the smallest and the largest value of a distribution.

    Args:
        dist: ``uniform``, ``choice``, ``truncated_exponential`` or ``constant``.
        args: Its arguments, as for `ngym_core.random.random_number_fn`.

    Returns:
        (smallest, largest).

    Raises:
        ValueError: An unknown distribution.

    Example:
        >>> minmax_number("uniform", (200, 800))
        (200, 800)
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


@explained
def circular_dist(original_dist: ArrayLike) -> NDArray[np.float64]:
    """Convert differences of angles to distances on the circle.

    Args:
        original_dist: Differences in radians, any shape.

    Returns:
        Distances from 0 to pi, same shape.
    """
    distance = _circular_dist(np.asarray(original_dist, float))
    require_finite(distance, original_dist=original_dist)
    return distance


def _circular_dist(difference: NDArray[np.float64]) -> NDArray[np.float64]:
    d = np.abs(difference) % (2 * np.pi)
    return np.asarray(np.minimum(d, 2 * np.pi - d))


class Counts(Protocol):
    """The counts that `correct_2AFC` uses."""

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

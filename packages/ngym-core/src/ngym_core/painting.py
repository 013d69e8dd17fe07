"""Painting arrays of trials: slices where all trials share a period's edges, masks where they do not."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array: TypeAlias = NDArray[Any]
Steps: TypeAlias = int | NDArray[np.int64]
"""Time steps: one integer where all trials agree, else (n,)."""
Span: TypeAlias = tuple[Steps, Steps]
"""Start and end (excluded) in steps."""
NOISE_BLOCK = 16_384
"""So many normal numbers are drawn and added at a time."""
NARROW = 8
"""Up to so many channels are painted one by one: a row of them is too short for NumPy's inner loop."""


def lowest(steps: Steps) -> int:
    """The smallest of some steps."""
    return steps if isinstance(steps, int) else int(steps.min())


def highest(steps: Steps) -> int:
    """The largest of some steps."""
    return steps if isinstance(steps, int) else int(steps.max())


def paint(array: Array, value: ArrayLike, span: Span, where: Any, *, how: str) -> None:
    """Add a value to a span of every trial, set it, or multiply with it.

    Args:
        array: (n, T, ...) observations or ground truth, changed in place.
        value: A number, (n,) for each trial, (n or 1, ...) for each trial and channel, or (n or 1,
            steps, ...) for each step as well where all trials share the span.
        span: Start and end in steps.
        where: Index on the last axis.
        how: ``add``, ``assign`` or ``multiply``.

    Raises:
        ValueError: A value whose shape fits neither.
    """
    window, inside = _window(array, span)
    target = window[..., where] if array.ndim > 2 else window
    value = _spread(value, target, len(array))
    if inside is not None:
        inside = np.broadcast_to(inside, window.shape[:2]).reshape(*window.shape[:2], *[1] * (array.ndim - 2))
    everywhere = True if inside is None else inside
    if how == "assign":
        np.copyto(target, value, where=everywhere)
    elif how == "multiply":
        np.multiply(target, value, out=target, where=everywhere)
    elif inside is None:
        _add(target, value)
    elif target.ndim == 3 and target.shape[2] <= NARROW:
        inside = inside[..., 0]
        for k in range(target.shape[2]):
            column = target[..., k]
            column += np.where(inside, value if value.ndim == 0 else value[..., k if value.shape[-1] > 1 else 0], 0)
    else:
        target += np.where(inside, value, 0)
    if not isinstance(where, slice):
        window[..., where] = target


def add_noise(array: Array, draw: Callable[..., Array], mu: float, sigma: ArrayLike, span: Span, where: Any) -> None:
    """Add Gaussian noise to a span of every trial, drawn trial by trial and step by step.

    Args:
        array: (n, T, ...) observations, changed in place.
        draw: Gives the next standard normal numbers, see `Draws.normal`; what it gave before may be overwritten.
        mu: Mean.
        sigma: Standard deviation, a number or (n,).
        span: Start and end in steps.
        where: Index on the last axis.
    """
    window, inside = _window(array, span)
    target = window[..., where]
    sigma = np.asarray(sigma, array.dtype)  # in the type of the noise, or NumPy would work in double precision
    together = max(1, NOISE_BLOCK // max(1, math.prod(target.shape[1:])))
    for first in range(0, len(array), together):
        some = slice(first, first + together)
        inner = None if inside is None else inside[some]
        _add_noise(target[some], draw, mu, sigma[some] if sigma.ndim else sigma, inner, first)
    if not isinstance(where, slice):
        window[..., where] = target


def _add_noise(target: Array, draw: Callable[..., Array], mu: float, sigma: Array, inside: Any, first: int) -> None:
    """Add noise to trials few enough that it stays in the processor's cache."""
    if inside is None:
        noise = draw(target.shape, first)
    else:
        rows = np.nonzero(inside)[0]
        noise = draw((len(rows), *target.shape[2:]), first, rows)
        sigma = sigma[rows] if sigma.ndim else sigma
    noise *= sigma.reshape(-1, *[1] * (noise.ndim - 1)) if sigma.ndim else sigma
    if mu:
        noise += mu
    if inside is None:
        _add(target, noise)
    elif target.ndim == 3 and target.shape[2] <= NARROW:
        steps = np.nonzero(inside)
        for k in range(target.shape[2]):
            target[..., k][steps] += noise[:, k]
    else:
        target[inside] += noise


def _window(array: Array, span: Span) -> tuple[Array, Array | None]:
    """Give the steps of a span in all trials, and, where edges differ, a mask (n, steps) of those inside."""
    start, stop = span
    if isinstance(start, int) and isinstance(stop, int):
        return array[:, start:stop], None
    first = lowest(start)
    steps = np.arange(first, max(highest(stop), first))
    start, stop = np.asarray(start), np.asarray(stop)
    return array[:, first : first + len(steps)], (steps >= start[..., None]) & (steps < stop[..., None])


def _spread(value: ArrayLike, target: Array, n: int) -> Array:
    """Shape a value so that it broadcasts against the target (n, steps, ...), in the target's type."""
    value = np.asarray(value, target.dtype)
    if value.ndim == 0:
        return value
    if value.ndim == target.ndim - 1:
        value = value[:, None]
    elif value.ndim == 1:
        value = value.reshape(-1, *[1] * (target.ndim - 1))
    if value.ndim != target.ndim or any(v not in (1, t) for v, t in zip(value.shape, target.shape, strict=True)):
        raise ValueError(
            f"A value of shape {np.shape(value)} cannot be painted on {n} trials, {target.shape[1]} steps and channels of "
            f"shape {target.shape[2:]}; expected a number, ({n},) for each trial, ({n}, k) for each trial and channel, "
            f"(1, k) for each channel, or ({n}, steps, k)."
        )
    return value


def _add(target: Array, value: Array) -> None:
    """Add in place; channel by channel where a row of channels is too short for NumPy's inner loop."""
    if target.ndim == 3 and 1 < target.shape[2] <= NARROW and target.size > 2000:
        for k in range(target.shape[2]):
            column = target[..., k]
            column += value if value.ndim == 0 else value[..., k if value.shape[-1] > 1 else 0]
    else:
        target += value

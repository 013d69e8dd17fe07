"""Array kernels: write values and noise into spans of steps of many trials.

A span is a slice where all trials share its edges; otherwise the steps inside it are found once (`SpanRows`) and
written by index. NumPy's inner loop runs along the last axis, which is slow where that axis is short (few channels):
`_change` then loops over the channels, and `_as_items` moves neighbouring channels as one item.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array: TypeAlias = NDArray[Any]
Steps: TypeAlias = int | NDArray[np.int64]
"""Time steps: one integer where all trials agree, else (n,)."""
Span: TypeAlias = tuple[Steps, Steps]
"""Start and end (excluded) in steps."""
NOISE_BLOCK_NUMBERS = 16_384
"""Normal numbers that are drawn and added at a time, so that they stay in the processor's cache."""
BLOCK_NUMBERS = 65_536
"""Numbers that are computed at a time before they are written, likewise."""
MAX_CHANNELS_TO_LOOP = 8
"""Up to this many channels are written one by one: a row of them is too short for NumPy's inner loop."""
MAX_CHANNELS_TO_REPEAT = 256
"""Up to this many channels are first repeated for each step: NumPy is faster along all of them at once."""


@dataclass(frozen=True)
class SpanRows:
    """The steps inside a span whose edges differ from trial to trial.

    Attributes:
        index: Their indices among all steps of all trials (trial * T + step), (k,).
        trial: The trial of each, (k,).
    """

    index: NDArray[np.int64]
    trial: NDArray[np.int64]

    @classmethod
    def of(cls, span: Span, n: int, steps: int) -> SpanRows | None:
        """Find the steps of a span in n trials of so many steps; None where all trials share its edges."""
        start, stop = span
        if isinstance(start, int) and isinstance(stop, int):
            return None
        counts = np.broadcast_to(np.maximum(np.subtract(stop, start), 0), n)
        ends = np.cumsum(counts)
        trial = np.repeat(np.arange(n), counts)
        before = np.arange(n) * steps + start - (ends - counts)
        return cls(np.arange(len(trial)) + np.repeat(before, counts), trial)


def lowest(steps: Steps) -> int:
    """The smallest of some steps."""
    return steps if isinstance(steps, int) else int(steps.min())


def highest(steps: Steps) -> int:
    """The largest of some steps."""
    return steps if isinstance(steps, int) else int(steps.max())


def paint(array: Array, value: ArrayLike, span: Span, where: Any, *, how: str, rows: SpanRows | None = None) -> None:
    """Add a value to a span of every trial, set it, or multiply with it.

    Args:
        array: (n, T, ...) observations or ground truth, changed in place.
        value: A number, (n,) for each trial, (n or 1, ...) for each trial and channel, or (n or 1,
            steps, ...) for each step as well.
        span: Start and end in steps.
        where: Index on the last axis.
        how: ``add``, ``assign`` or ``multiply``.
        rows: The steps of the span if its edges differ, where they are known already.

    Raises:
        ValueError: A value whose shape fits neither.
    """
    window = _window(array, span)
    target = window[..., where] if array.ndim > 2 else window
    shaped = _spread(value, target, len(array))
    if rows is None:
        rows = SpanRows.of(span, *array.shape[:2])
    if rows is not None:
        if shaped.ndim and shaped.shape[1] > 1:
            steps = rows.index % array.shape[1] - lowest(span[0])
            shaped = np.broadcast_to(shaped, (len(array), *shaped.shape[1:]))[rows.trial, steps]
        elif shaped.ndim:
            shaped = shaped[:, 0].take(rows.trial, axis=0) if len(shaped) > 1 else shaped[:, 0]
        _change_rows(array, shaped, rows.index, where, how)
        return
    steps = target.shape[1]
    if (
        how == "add"
        and shaped.ndim == 3
        and len(shaped) > 1 == shaped.shape[1] < steps
        and MAX_CHANNELS_TO_LOOP < shaped.shape[2] <= MAX_CHANNELS_TO_REPEAT
    ):
        together = max(1, BLOCK_NUMBERS // (steps * shaped.shape[2]))
        for first in range(0, len(shaped), together):
            some = slice(first, first + together)
            _change(target[some], shaped[some].repeat(steps, axis=1), how)
    else:
        _change(target, shaped, how)
    if not isinstance(where, slice):
        window[..., where] = target


def add_noise(
    array: Array,
    draw: Callable[..., Array],
    mu: ArrayLike,
    sigma: ArrayLike,
    span: Span,
    where: Any,
    rows: SpanRows | None = None,
) -> None:
    """Add Gaussian noise to a span of every trial, drawn trial by trial and step by step.

    Args:
        array: (n, T, ...) observations, changed in place.
        draw: Gives the next standard normal numbers, see `Draws.normal`; what it gave before may be overwritten.
        mu: Mean, a number, (n,), or (n or 1, k) for each trial and channel.
        sigma: Standard deviation, a number or (n,).
        span: Start and end in steps.
        where: Index on the last axis.
        rows: The steps of the span if its edges differ, where they are known already.
    """
    window = _window(array, span)
    target = window[..., where]
    mean = None if isinstance(mu, int) and mu == 0 else _spread(mu, target, len(array))
    deviation = np.asarray(sigma, array.dtype)  # in the type of the noise, or NumPy would work in double precision
    if rows is None:
        rows = SpanRows.of(span, *array.shape[:2])
    shape = target.shape[1:] if rows is None else target.shape[2:]
    together = max(1, NOISE_BLOCK_NUMBERS // max(1, math.prod(shape)))
    for begin in range(0, len(array if rows is None else rows.index), together):
        some = slice(begin, begin + together)
        trial: Any = some if rows is None else rows.trial[some]
        noise = draw((len(target[some]), *shape), begin) if rows is None else draw((len(trial), *shape), 0, trial)
        if deviation.ndim:
            noise *= deviation[trial].reshape(-1, *[1] * (noise.ndim - 1))
        else:
            noise *= deviation
        if mean is not None:
            means = mean if rows is None or not mean.ndim else mean[:, 0]
            _change(noise, means[trial] if mean.ndim and len(mean) > 1 else means, "add")
        if rows is None:
            _change(target[some], noise, "add")
        else:
            _change_rows(array, noise, rows.index[some], where, "add")
    if rows is None and not isinstance(where, slice):
        window[..., where] = target


def _window(array: Array, span: Span) -> Array:
    """Give the steps of a span, from where it begins first to where it ends last."""
    start, stop = span
    if isinstance(start, int) and isinstance(stop, int):
        return array[:, start:stop]
    first = lowest(start)
    return array[:, first : max(highest(stop), first)]


def _change(target: Array, value: Array, how: str) -> None:
    """Change some steps of all trials; channel by channel where a row of channels is too short for NumPy's inner loop."""
    if target.ndim == 3 and target.strides[1] == target.shape[2] * target.strides[2] and value.shape == target.shape:
        flat = len(target), target.shape[1] * target.shape[2]
        target, value = target.reshape(flat), value.reshape(flat)
    if target.ndim == 3 and 1 < target.shape[2] <= MAX_CHANNELS_TO_LOOP and target.size > 2000:
        for k in range(target.shape[2]):
            _change(target[..., k], value if value.ndim == 0 else value[..., k if value.shape[-1] > 1 else 0], how)
    elif how == "add":
        target += value
    elif how == "multiply":
        target *= value
    else:
        target[...] = value


def _change_rows(array: Array, value: Array, rows: NDArray[np.int64], where: Any, how: str) -> None:
    """Change some steps; the value is a number or has a row for each of them."""
    flat = array.reshape(-1, *array.shape[2:])
    if array.ndim == 2:
        _change_some(flat, value, rows, how)
        return
    channels = range(array.shape[-1])[where] if isinstance(where, slice) else where
    if array.ndim == 3 and len(channels) <= MAX_CHANNELS_TO_LOOP:
        for j, k in enumerate(channels):
            _change_some(flat[:, k], value if value.ndim == 0 else value[:, j if value.shape[-1] > 1 else 0], rows, how)
    elif array.ndim == 3 and isinstance(channels, range) and channels.step == 1 and flat.flags.c_contiguous:
        whole = _as_items(flat, channels)
        part = whole[rows].view(flat.dtype).reshape(len(rows), len(channels))
        _change(part, value, how)
        whole[rows] = part.view(whole.dtype)[:, 0]
    else:
        part = flat[rows]
        chosen = part[..., where]
        _change(chosen, value, how)
        part[..., where] = chosen
        flat[rows] = part


def set_patterns(array: Array, patterns: Array, which: Array, where: Any) -> None:
    """Set each step of every trial to one of several patterns.

    Args:
        array: (n, T, channels) observations, changed in place.
        patterns: (m, k).
        which: (n, T) integers from 0 to m - 1.
        where: Index on the last axis, of k channels.
    """
    together = max(1, BLOCK_NUMBERS // (array.shape[1] * patterns.shape[1]))
    for first in range(0, len(array), together):
        some = slice(first, first + together)
        if isinstance(where, slice) and array[some, :, where].flags.c_contiguous and array.dtype == patterns.dtype:
            patterns.take(which[some], axis=0, out=array[some, :, where], mode="clip")
        else:
            array[some, :, where] = patterns.take(which[some], axis=0)


def move_channels(array: Array, span: Span, source: Any, target: Any, only: Array) -> None:
    """Move what is painted on some channels to others, in a span of some trials; nothing stays behind.

    Args:
        array: (n, T, ...) observations, changed in place.
        span: Start and end in steps.
        source: Index on the last axis.
        target: Another one.
        only: Which trials, (n,) bool.
    """
    start, stop = span
    span_rows = SpanRows.of((start, np.where(only, stop, start)), *array.shape[:2])
    rows = np.zeros(0, np.int64) if span_rows is None else span_rows.index
    flat = array.reshape(-1, *array.shape[2:])
    here, there = (range(array.shape[-1])[w] if isinstance(w, slice) else None for w in (source, target))
    if flat.ndim == 2 and here is not None and there is not None and here.step == there.step == 1:
        one, other = _as_items(flat, here), _as_items(flat, there)
        other[rows], one[rows] = one[rows], np.zeros((), one.dtype)
        return
    part = flat[rows]
    part[..., target] = part[..., source]
    part[..., source] = 0
    flat[rows] = part


def _change_some(column: Array, value: Array, rows: NDArray[np.int64], how: str) -> None:
    part = column[rows]
    _change(part, value, how)
    column[rows] = part


def _as_items(flat: Array, channels: range) -> Array:
    """See neighbouring channels of (steps, channels) as one thing, (steps,), that NumPy moves whole."""
    size = flat.itemsize
    part = np.dtype((np.void, size * len(channels)))
    fields = {"names": ["part"], "formats": [part], "offsets": [size * channels.start], "itemsize": size * flat.shape[1]}
    together: Array = flat.view(np.dtype(fields))[:, 0]["part"]  # type: ignore[call-overload]
    return together


def _spread(value: ArrayLike, target: Array, n: int) -> Array:
    """Shape a value so that it broadcasts against the target (n, steps, ...), in the target's type."""
    given = value = np.asarray(value, target.dtype)
    if value.ndim == 0:
        return value
    if value.ndim == target.ndim - 1:
        value = value[:, None]
    elif value.ndim == 1:
        value = value.reshape(-1, *[1] * (target.ndim - 1))
    if value.ndim != target.ndim or any(v not in (1, t) for v, t in zip(value.shape, target.shape, strict=True)):
        steps = f" of {target.shape[1]} steps" if given.ndim == target.ndim else ""
        raise ValueError(
            f"A value of shape {given.shape} cannot be painted on {n} trials{steps} and channels of shape "
            f"{target.shape[2:]}; expected a number, ({n},) for each trial, ({n}, k) for each trial and channel, (1, k) for "
            f"each channel, or ({n}, steps, k)."
        )
    return value

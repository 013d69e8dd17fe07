"""Array kernels: write values and noise into spans of steps of many trials.

A span is a slice where all trials share its edges; otherwise the steps inside it are found once (`SpanRows`) and
written by index. NumPy's inner loop runs along the last axis, which is slow where that axis is short (few channels):
`_write` then loops over the channels, and `view_as_items` copies neighbouring channels as one item.
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
"""Normal numbers that are drawn and added in one block, so that the block stays in the processor's cache."""
BLOCK_NUMBERS = 65_536
"""Numbers that are computed in one block before they are written, likewise."""
MAX_CHANNELS_TO_LOOP = 8
"""Up to this many channels are written one by one: a row of them is too short for NumPy's inner loop."""
MAX_CHANNELS_TO_REPEAT = 256
"""Up to this many channels are repeated for each step before they are added: NumPy is faster on equal shapes."""
MIN_NUMBERS_TO_LOOP = 2000
"""Smaller arrays are written in one call: a loop over their channels would cost more calls than it saves."""


@dataclass(frozen=True)
class SpanRows:
    """The steps inside a span whose edges differ from trial to trial.

    Attributes:
        index: Index of each step among the steps of all trials (trial * T + step), (k,).
        trial: Index of its trial, (k,).
    """

    index: NDArray[np.int64]
    trial: NDArray[np.int64]

    @classmethod
    def of(cls, span: Span, n: int, steps: int) -> SpanRows | None:
        """Return the steps of a span in n trials of `steps` steps each; None where all trials share its edges."""
        start, stop = span
        if isinstance(start, int) and isinstance(stop, int):
            return None
        counts = np.broadcast_to(np.maximum(np.subtract(stop, start), 0), n)
        ends = np.cumsum(counts)
        trial = np.repeat(np.arange(n), counts)
        # Step j of all is step j - (ends - counts) of the span in its trial, which starts at trial * T + start.
        offset = np.arange(n) * steps + start - (ends - counts)
        return cls(np.arange(len(trial)) + np.repeat(offset, counts), trial)


def lowest(steps: Steps) -> int:
    """Return the smallest of the steps."""
    return steps if isinstance(steps, int) else int(steps.min())


def highest(steps: Steps) -> int:
    """Return the largest of the steps."""
    return steps if isinstance(steps, int) else int(steps.max())


def is_same_edge(one: Steps, other: Steps) -> bool:
    """Return whether two edges are known to be the same without comparing arrays: one object, or equal integers."""
    return one is other or (isinstance(one, int) and isinstance(other, int) and one == other)


def paint(array: Array, value: ArrayLike, span: Span, where: Any, *, how: str, rows: SpanRows | None = None) -> None:
    """Add a value to a span of every trial, set it, or multiply with it.

    Args:
        array: (n, T, ...) observations or ground truth, changed in place.
        value: A number, (n,) for each trial, (n or 1, ...) for each trial and channel, or (n or 1,
            steps, ...) for each step as well.
        span: Start and end in steps.
        where: Index on the last axis.
        how: ``add``, ``assign`` or ``multiply``.
        rows: The steps of the span where its edges differ; found if not given.

    Raises:
        ValueError: A value of another shape.
    """
    window = _steps_of_span(array, span)
    target = window[..., where] if array.ndim > 2 else window
    shaped = _broadcastable(value, target, len(array))
    if rows is None:
        rows = SpanRows.of(span, *array.shape[:2])
    if rows is not None:
        if shaped.ndim and shaped.shape[1] > 1:
            steps = rows.index % array.shape[1] - lowest(span[0])
            shaped = np.broadcast_to(shaped, (len(array), *shaped.shape[1:]))[rows.trial, steps]
        elif shaped.ndim:
            shaped = shaped[:, 0].take(rows.trial, axis=0) if len(shaped) > 1 else shaped[:, 0]
        _write_rows(array, shaped, rows.index, where, how)
        return
    steps = target.shape[1]
    if (
        how == "add"
        and shaped.ndim == 3
        and len(shaped) > 1 == shaped.shape[1] < steps
        and MAX_CHANNELS_TO_LOOP < shaped.shape[2] <= MAX_CHANNELS_TO_REPEAT
    ):
        # A value for each trial and channel: adding a repeated copy of equal shape beats broadcasting over the steps.
        block_trials = max(1, BLOCK_NUMBERS // (steps * shaped.shape[2]))
        for first in range(0, len(shaped), block_trials):
            block = slice(first, first + block_trials)
            _write(target[block], shaped[block].repeat(steps, axis=1), how)
    else:
        _write(target, shaped, how)
    if not isinstance(where, slice):  # the target is a copy then
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
        draw: Returns the next standard normal numbers, see `Draws.normal`; each call may overwrite the array that the
            call before returned.
        mu: Mean, a number, (n,), or (n or 1, k) for each trial and channel.
        sigma: Standard deviation, a number or (n,).
        span: Start and end in steps.
        where: Index on the last axis.
        rows: The steps of the span where its edges differ; found if not given.
    """
    window = _steps_of_span(array, span)
    target = window[..., where]
    mean = None if isinstance(mu, int) and mu == 0 else _broadcastable(mu, target, len(array))
    deviation = np.asarray(sigma, array.dtype)  # in the type of the noise, or NumPy would work in double precision
    if rows is None:
        rows = SpanRows.of(span, *array.shape[:2])
    shape = target.shape[1:] if rows is None else target.shape[2:]
    # Drawn block by block: the numbers of a block are scaled, shifted and added while they are in the cache. Blocks follow
    # the order of trials and steps, so the size of a block does not change which number a step gets.
    block_rows = max(1, NOISE_BLOCK_NUMBERS // max(1, math.prod(shape)))
    for first in range(0, len(array if rows is None else rows.index), block_rows):
        block = slice(first, first + block_rows)
        trial: Any = block if rows is None else rows.trial[block]
        noise = draw((len(target[block]), *shape), first) if rows is None else draw((len(trial), *shape), 0, trial)
        if deviation.ndim:
            noise *= deviation[trial].reshape(-1, *[1] * (noise.ndim - 1))
        else:
            noise *= deviation
        if mean is not None:
            means = mean if rows is None or not mean.ndim else mean[:, 0]
            _write(noise, means[trial] if mean.ndim and len(mean) > 1 else means, "add")
        if rows is None:
            _write(target[block], noise, "add")
        else:
            _write_rows(array, noise, rows.index[block], where, "add")
    if rows is None and not isinstance(where, slice):
        window[..., where] = target


def _steps_of_span(array: Array, span: Span) -> Array:
    """Return a view of the steps of a span, from its earliest start to its latest end."""
    start, stop = span
    if isinstance(start, int) and isinstance(stop, int):
        return array[:, start:stop]
    first = lowest(start)
    return array[:, first : max(highest(stop), first)]


def _write(target: Array, value: Array, how: str) -> None:
    """Add a value to an array, set it or multiply with it, in place.

    Goes channel by channel where a row of channels is too short for NumPy's inner loop.
    """
    # Steps and channels that lie one after another in memory are one long axis for NumPy's inner loop.
    if target.ndim == 3 and target.strides[1] == target.shape[2] * target.strides[2] and value.shape == target.shape:
        flat = len(target), target.shape[1] * target.shape[2]
        target, value = target.reshape(flat), value.reshape(flat)
    if target.ndim == 3 and 1 < target.shape[2] <= MAX_CHANNELS_TO_LOOP and target.size > MIN_NUMBERS_TO_LOOP:
        for k in range(target.shape[2]):
            _write(target[..., k], value if value.ndim == 0 else value[..., k if value.shape[-1] > 1 else 0], how)
    elif how == "add":
        target += value
    elif how == "multiply":
        target *= value
    else:
        target[...] = value


def _write_rows(array: Array, value: Array, rows: NDArray[np.int64], where: Any, how: str) -> None:
    """Write to the steps with these indices, (k,); the value is a number or has k rows."""
    flat = array.reshape(-1, *array.shape[2:])
    if array.ndim == 2:
        _write_column(flat, value, rows, how)
        return
    channels = range(array.shape[-1])[where] if isinstance(where, slice) else where
    if array.ndim == 3 and len(channels) <= MAX_CHANNELS_TO_LOOP:
        for j, k in enumerate(channels):
            _write_column(flat[:, k], value if value.ndim == 0 else value[:, j if value.shape[-1] > 1 else 0], rows, how)
    elif array.ndim == 3 and isinstance(channels, range) and channels.step == 1 and flat.flags.c_contiguous:
        # Fetched and stored by one index for each step instead of one for each number.
        items = view_as_items(flat, channels)
        part = items[rows].view(flat.dtype).reshape(len(rows), len(channels))
        _write(part, value, how)
        items[rows] = part.view(items.dtype)[:, 0]
    else:
        part = flat[rows]
        chosen = part[..., where]
        _write(chosen, value, how)
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
    block_trials = max(1, BLOCK_NUMBERS // (array.shape[1] * patterns.shape[1]))
    for first in range(0, len(array), block_trials):
        block = slice(first, first + block_trials)
        if isinstance(where, slice) and array[block, :, where].flags.c_contiguous and array.dtype == patterns.dtype:
            # mode="clip" lets NumPy write into `out` without a buffer; no index is out of bounds.
            patterns.take(which[block], axis=0, out=array[block, :, where], mode="clip")
        else:
            array[block, :, where] = patterns.take(which[block], axis=0)


def move_channels(array: Array, span: Span, source: Any, target: Any, only: Array) -> None:
    """Move the values of channels to other channels, in a span of the selected trials; the source channels are 0 then.

    Args:
        array: (n, T, ...) observations, changed in place.
        span: Start and end in steps.
        source: Index on the last axis.
        target: Index on the last axis, of as many channels.
        only: The trials to change, (n,) bool.
    """
    start, stop = span
    # In the other trials the span has no steps.
    span_rows = SpanRows.of((start, np.where(only, stop, start)), *array.shape[:2])
    rows = np.zeros(0, np.int64) if span_rows is None else span_rows.index
    flat = array.reshape(-1, *array.shape[2:])
    sources, targets = (range(array.shape[-1])[w] if isinstance(w, slice) else None for w in (source, target))
    if flat.ndim == 2 and sources is not None and targets is not None and sources.step == targets.step == 1:
        source_items, target_items = view_as_items(flat, sources), view_as_items(flat, targets)
        target_items[rows], source_items[rows] = source_items[rows], np.zeros((), source_items.dtype)
        return
    part = flat[rows]
    part[..., target] = part[..., source]
    part[..., source] = 0
    flat[rows] = part


def _write_column(column: Array, value: Array, rows: NDArray[np.int64], how: str) -> None:
    """Write to the rows with these indices; the value is a number or has as many rows."""
    part = column[rows]
    _write(part, value, how)
    column[rows] = part


def view_as_items(flat: Array, channels: range) -> Array:
    """View neighbouring channels of (steps, channels) as one item for each step, (steps,), which NumPy copies in one go."""
    size = flat.itemsize
    part = np.dtype((np.void, size * len(channels)))
    fields = {"names": ["part"], "formats": [part], "offsets": [size * channels.start], "itemsize": size * flat.shape[1]}
    items: Array = flat.view(np.dtype(fields))[:, 0]["part"]  # type: ignore[call-overload]
    return items


def _broadcastable(value: ArrayLike, target: Array, n: int) -> Array:
    """Reshape a value so that it broadcasts against the target (n, steps, ...), and convert it to the target's type."""
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

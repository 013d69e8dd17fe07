"""Columns: named values of many trials, packed by type, so that one NumPy call moves all of a type."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[Any]
Type: TypeAlias = np.dtype[Any]
WORD = np.dtype(np.int64)


class Columns:
    """Named values, (*leading, ...) each. Numbers of 8 bytes are kept side by side, whole ones and others alike.

    Args:
        example: Name -> (n, ...) values, whose types and shapes count.
        leading: The first axes, such as (lanes, trials).
    """

    def __init__(self, example: Mapping[str, Array], *leading: int) -> None:
        self.leading = leading
        self._places: dict[str, tuple[Type, Type, slice, tuple[int, ...]]] = {}
        widths: dict[Type, int] = {}
        for name, values in example.items():
            dtype = values.dtype if values.dtype.kind in "biuf" or values.ndim > 1 else np.dtype(object)
            kept = WORD if dtype.kind in "iuf" and dtype.itemsize == 8 else dtype
            first, shape = widths.get(kept, 0), values.shape[1:]
            widths[kept] = first + math.prod(shape)
            self._places[name] = kept, dtype, slice(first, widths[kept]), shape
        self.blocks: dict[Type, Array] = {d: np.zeros((width, *leading), d) for d, width in widths.items()}

    @property
    def names(self) -> list[str]:
        """All names."""
        return list(self._places)

    def alike(self, *leading: int) -> Columns:
        """Make columns of the same names and types with other first axes."""
        other = object.__new__(Columns)
        other.leading, other._places = leading, self._places
        other.blocks = {dtype: np.zeros((len(block), *leading), dtype) for dtype, block in self.blocks.items()}
        return other

    def view(self, name: str) -> Array:
        """Give the values of a name, (*leading, ...); changing them changes the columns."""
        kept, dtype, rows, shape = self._places[name]
        return _unpacked(self.blocks[kept], dtype, rows, shape)

    def copy_to(self, other: Columns, lanes: Array, trials: Array) -> None:
        """Copy from columns with (lanes, trials) to others of the same names with (lanes,), for some lanes."""
        at = lanes * self.leading[1] + trials
        for dtype, block in self.blocks.items():
            other.blocks[dtype][:, lanes] = block.reshape(len(block), -1).take(at, axis=1)

    def masked(self, names: Mapping[str, str]) -> Callable[[Array], dict[str, Array]]:
        """Make a function that gives values, (lanes, ...) each, where a mask (lanes,) holds, and nothing elsewhere.

        Args:
            names: Name in the result -> name here. All are among the first that the example had.

        Returns:
            The function. Nothing is 0, or None for objects.
        """
        places = [(given, *self._places[name]) for given, name in names.items()]
        first = {kept: slice(max(rows.stop for _, k, _, rows, _ in places if k == kept)) for _, kept, *_ in places}
        parts: list[tuple[Type, Array, Any]] = [
            (kept, self.blocks[kept][rows], None if kept.kind == "O" else kept.type()) for kept, rows in first.items()
        ]

        def give(mask: Array) -> dict[str, Array]:
            blocks = {kept: np.where(mask, block, nothing) for kept, block, nothing in parts}
            return {given: _unpacked(blocks[kept], dtype, rows, shape) for given, kept, dtype, rows, shape in places}

        return give


def _unpacked(block: Array, dtype: Type, rows: slice, shape: tuple[int, ...]) -> Array:
    """Give some rows of (columns, *leading) as (*leading, *shape), in their type."""
    if not shape:
        row: Array = block[rows.start].view(dtype)
        return row
    packed = np.moveaxis(block[rows].view(dtype), 0, -1)
    return packed.reshape(*packed.shape[:-1], *shape)

"""Columns: named values of many trials, packed by type, so that one NumPy call moves all of a type."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[Any]


class Columns:
    """Named values, (*leading, ...) each.

    Args:
        example: Name -> (n, ...) values, whose types and shapes count.
        leading: The first axes, such as (lanes, trials).
    """

    def __init__(self, example: Mapping[str, Array], *leading: int) -> None:
        self.leading = leading
        self._places: dict[str, tuple[np.dtype[Any], slice, tuple[int, ...]]] = {}
        widths: dict[np.dtype[Any], int] = {}
        for name, values in example.items():
            dtype = values.dtype if values.dtype.kind in "biuf" or values.ndim > 1 else np.dtype(object)
            first, shape = widths.get(dtype, 0), values.shape[1:]
            widths[dtype] = first + math.prod(shape)
            self._places[name] = dtype, slice(first, widths[dtype]), shape
        self.blocks: dict[np.dtype[Any], Array] = {d: np.zeros((width, *leading), d) for d, width in widths.items()}

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
        dtype, rows, shape = self._places[name]
        block = self.blocks[dtype]
        return _unpacked(block[rows], shape) if shape else np.asarray(block[rows.start])

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
        first = [(d, slice(max(rows.stop for _, e, rows, _ in places if e == d))) for d in {d for _, d, _, _ in places}]
        parts: list[tuple[np.dtype[Any], Array, Any]] = [
            (dtype, self.blocks[dtype][rows], None if dtype.kind == "O" else dtype.type()) for dtype, rows in first
        ]

        def give(mask: Array) -> dict[str, Array]:
            blocks = {dtype: np.where(mask, block, nothing) for dtype, block, nothing in parts}
            return {
                given: _unpacked(blocks[dtype][rows], shape) if shape else blocks[dtype][rows.start]
                for given, dtype, rows, shape in places
            }

        return give


def _unpacked(rows: Array, shape: tuple[int, ...]) -> Array:
    """Give (columns, *leading) as (*leading, *shape)."""
    packed = np.moveaxis(rows, 0, -1)
    return packed.reshape(*packed.shape[:-1], *shape)

"""Columns: named values of many trials, packed by type, so that one NumPy call moves all of a type."""

from __future__ import annotations

import math
from collections.abc import Mapping
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

    def view(self, name: str) -> Array:
        """Give the values of a name, (*leading, ...); changing them changes the columns."""
        return self._view(self.blocks, name)

    def _view(self, blocks: Mapping[np.dtype[Any], Array], name: str) -> Array:
        dtype, rows, shape = self._places[name]
        if not shape:
            return blocks[dtype][rows.start]  # type: ignore[no-any-return]
        packed = np.moveaxis(blocks[dtype][rows], 0, -1)
        return packed.reshape(*packed.shape[:-1], *shape)

    def put(self, at: int, values: Mapping[str, Array]) -> None:
        """Set the values at an index of the first leading axis."""
        for name, value in values.items():
            self.view(name)[at] = value

    def copy_to(self, other: Columns, lanes: Array, trials: Array) -> None:
        """Copy from columns with (lanes, trials) to others of the same names with (lanes,), for some lanes."""
        at = lanes * self.leading[1] + trials
        for dtype, block in self.blocks.items():
            other.blocks[dtype][:, lanes] = block.reshape(len(block), -1).take(at, axis=1)

    def where(self, mask: Array, names: Mapping[str, str]) -> dict[str, Array]:
        """Give values, (lanes, ...) each, where a mask (lanes,) holds, and 0, or None for objects, elsewhere.

        Args:
            mask: The mask.
            names: Name in the result -> name here. All are among the first that the example had.
        """
        blocks = {}
        for dtype, rows in self._first_rows(names).items():
            nothing: Any = None if dtype.kind == "O" else dtype.type()
            blocks[dtype] = np.where(mask, self.blocks[dtype][rows], nothing)
        return {given: self._view(blocks, name) for given, name in names.items()}

    def _first_rows(self, names: Mapping[str, str]) -> dict[np.dtype[Any], slice]:
        places = [self._places[name] for name in names.values()]
        return {dtype: slice(max(rows.stop for d, rows, _ in places if d == dtype)) for dtype, _, _ in places}

"""StructArray: a table with named columns, whose rows are copied whole by one NumPy call."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[Any]

__all__ = ["StructArray"]


class StructArray:
    """A table of n rows, with named columns (n, ...), that starts with 0, or None for objects.

    Args:
        example: Name -> (m, ...) values, whose types and shapes count. What is no number is kept as an object.
        n: Number of rows.

    Attributes:
        dtype: Structured type of a row.
        names: Names of the columns.
    """

    def __init__(self, example: Mapping[str, Array], n: int) -> None:
        fields = []
        for name, values in example.items():
            kind = values.dtype if values.dtype.kind in "biuf" or values.ndim > 1 else np.dtype(object)
            fields.append((name, kind, values.shape[1:]))
        self._allocate(np.dtype(fields, align=True), n)

    def _allocate(self, dtype: np.dtype[Any], n: int) -> None:
        self.dtype = dtype
        self.names: tuple[str, ...] = dtype.names or ()
        self._object_names = [name for name in self.names if dtype[name].hasobject]
        # Without objects a row is kept as plain bytes: NumPy copies these in one go, but structured rows field by field.
        self._plain = bool(dtype.itemsize and not self._object_names)
        self._row_dtype: Any = np.dtype((np.void, dtype.itemsize)) if self._plain else dtype
        self._rows = self._empty_rows(n)
        self._columns = self._rows.view(dtype)  # of the same memory

    def _empty_rows(self, n: int) -> Array:
        rows: Array = np.zeros(n, self._row_dtype)
        for name in self._object_names:
            rows[name] = None
        return rows

    def empty_like(self, n: int) -> StructArray:
        """Return a table of n rows with the same columns, filled with 0, or None for objects."""
        other = object.__new__(StructArray)
        other._allocate(self.dtype, n)
        return other

    def __getitem__(self, name: str) -> Array:
        """Return a column, (n, ...), as a writable view."""
        column: Array = self._columns[name]
        return column

    def holds(self, columns: Mapping[str, Array]) -> bool:
        """Return whether values of these types and shapes, name -> (m, ...), can be kept without a change."""
        return all(name in self.names and _holds(self.dtype[name], values) for name, values in columns.items())

    def set(self, index: Array, columns: Mapping[str, Array]) -> None:
        """Set the values of some rows (indices, (m,)) in some columns, name -> (m, ...), which `holds` them."""
        for name, values in columns.items():
            column = self[name]
            if column.ndim == values.ndim:
                column[index] = values
            else:  # rows as objects are set one by one
                for i, row in zip(index.tolist(), values, strict=True):
                    column[i] = row.copy()

    def take(self, index: Array) -> Array:
        """Return copies of whole rows, to `put` into a table with the same columns."""
        rows: Array = self._rows.take(index)
        return rows

    def put(self, index: Array, rows: Array) -> None:
        """Set whole rows."""
        self._rows[index] = rows

    def copies(self) -> dict[str, Array]:
        """Return copies of the columns, (n, ...) under each name."""
        # Not by `view`, for which NumPy would look for objects in all fields, each time.
        columns = np.ndarray(len(self._rows), self.dtype, self._rows.copy()) if self._plain else self._rows.copy()
        return {name: columns[name] for name in self.names}


def _holds(kept: np.dtype[Any], values: Array) -> bool:
    """Return whether a column of a structured type can keep values, (m, ...), without a change."""
    same_shape = kept.shape == values.shape[1:]
    if kept.base.hasobject:
        return same_shape or not kept.shape
    return same_shape and np.result_type(kept.base, values) == kept.base

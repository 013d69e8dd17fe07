"""StructArray: what is known of many trials, packed so that one NumPy call moves all there is of a trial."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[Any]

__all__ = ["StructArray"]


class StructArray:
    """Named values, (n, ...) each.

    Args:
        example: Name -> (m, ...) values, whose types and shapes count. What is no number is kept as an object.
        n: How many.
    """

    def __init__(self, example: Mapping[str, Array], n: int) -> None:
        fields = []
        for name, values in example.items():
            kind = values.dtype if values.dtype.kind in "biuf" or values.ndim > 1 else np.dtype(object)
            fields.append((name, kind, values.shape[1:]))
        self._begin(np.dtype(fields, align=True), n)

    def _begin(self, dtype: np.dtype[Any], n: int) -> None:
        self.dtype = dtype
        self.names: tuple[str, ...] = dtype.names or ()
        self._objects = [name for name in self.names if dtype[name].hasobject]
        plain = dtype.itemsize and not self._objects
        self._kind: Any = np.dtype((np.void, dtype.itemsize)) if plain else dtype  # NumPy moves bytes fastest
        self._whole = self._nothing(n)
        self._values = self._whole.view(dtype)

    def _nothing(self, n: int) -> Array:
        whole: Array = np.zeros(n, self._kind)
        for name in self._objects:
            whole[name] = None
        return whole

    def alike(self, n: int) -> StructArray:
        """Make n records of the same names and types, with 0, or None for objects."""
        other = object.__new__(StructArray)
        other._begin(self.dtype, n)
        return other

    def __getitem__(self, name: str) -> Array:
        """Give the values of a name, (n, ...); changing them changes the records."""
        values: Array = self._values[name]
        return values

    def take(self, places: Array) -> Array:
        """Give copies of whole records, to `put` elsewhere."""
        taken: Array = self._whole.take(places)
        return taken

    def put(self, places: Array, records: Array) -> None:
        """Set whole records."""
        self._whole[places] = records

    def only(self, places: Array) -> dict[str, Array]:
        """Give copies, (n, ...) under each name, of what is at some places; elsewhere there is 0, or None for objects."""
        whole = self._nothing(len(self._whole))
        whole[places] = self._whole.take(places)
        values = whole.view(self.dtype)
        return {name: values[name] for name in self.names}

"""The `info` of N lanes: arrays (N, ...), each with a mask under the same name with an underscore, as in Gymnasium."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["condition_columns", "info_of", "merge_info", "replace_info", "with_room_for"]

Array: TypeAlias = NDArray[Any]
Info: TypeAlias = dict[str, Any]


def condition_columns(entry: Info, lanes: Array) -> dict[str, Array]:
    """Return a nested entry of `info` as (N, ...) columns; None where one of the given lanes, (N,) bool, lacks a name."""
    columns: dict[str, Array] = {}
    for name, column in entry.items():
        if name.startswith("_"):
            continue
        missing = lanes & ~entry[f"_{name}"]
        if missing.any():
            column = column.astype(object)
            column[missing] = None
        columns[name] = column
    return columns


def info_of(info: Info, lanes: Array) -> Info:
    """Return the info of the given lanes, (N,) bool, alone: elsewhere masks are false and values 0, or None for objects."""
    return {key: _value_of(value, lanes) for key, value in info.items()}


def _value_of(value: Any, lanes: Array) -> Any:
    """Return an entry of info, see `info_of`."""
    if isinstance(value, dict):
        return info_of(value, lanes)
    if value.dtype == np.bool_ and value.ndim == 1:
        return value & lanes
    restricted = np.full(value.shape, None) if value.dtype == object else np.zeros(value.shape, value.dtype)
    restricted[lanes] = value[lanes]
    return restricted


def merge_info(info: Info, other: Info) -> Info:
    """Return the info of all lanes, where `other` has an entry that one; masks say which lane has an entry."""
    merged = dict(info)
    for key, value in other.items():
        if key not in info or info[key] is value:
            merged[key] = value
        elif isinstance(value, dict):
            merged[key] = merge_info(info[key], value)
        elif key.startswith("_"):
            merged[key] = info[key] | value
        else:
            mask = other[f"_{key}"]
            column = with_room_for(info[key], info[f"_{key}"], value.dtype, value.shape[1:]).copy()
            merged[key] = column
            if column.ndim == value.ndim:
                column[mask] = value[mask]
            else:  # rows as objects are set one by one
                for lane in np.nonzero(mask)[0].tolist():
                    column[lane] = value[lane]
    return merged


def replace_info(info: Info, other: Info, lanes: Array) -> Info:
    """Return the info of all lanes, where some, (N,) bool, have what they have in `other`, and nothing else."""
    replaced: Info = {}
    for key, value in {**info, **other}.items():
        before = info.get(key)
        if before is None or key not in other:
            replaced[key] = _value_of(value, lanes if before is None else ~lanes)
        elif isinstance(value, dict):
            replaced[key] = replace_info(before, value, lanes)
        elif before.dtype == value.dtype and before.shape == value.shape:
            replaced[key] = np.where(lanes.reshape(-1, *[1] * (value.ndim - 1)), value, before)
        else:
            names = [key, f"_{key}"]
            kept = info_of({name: info[name] for name in names}, ~lanes)
            replaced[key] = merge_info(kept, info_of({name: other[name] for name in names}, lanes))[key]
    return replaced


def with_room_for(column: Array, kept: Array, dtype: np.dtype[Any], shape: tuple[int, ...]) -> Array:
    """Return an entry of info, (N, ...), that can hold values of a type and shape as well: wider ones, or objects.

    Args:
        column: The entry.
        kept: Which lanes have a value in it, (N,) bool.
        dtype: Type of the values to add.
        shape: Shape of each.
    """
    if column.dtype == object:
        return column
    alike = column.dtype.kind == dtype.kind or {column.dtype.kind, dtype.kind} <= set("biuf")
    if column.shape[1:] == shape and alike:
        return column.astype(np.result_type(column.dtype, dtype), copy=False)
    objects = np.full(len(column), None, object)
    for lane in np.nonzero(kept)[0].tolist():
        objects[lane] = column[lane].item() if column.ndim == 1 else column[lane]
    return objects

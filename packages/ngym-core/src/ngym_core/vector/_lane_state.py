"""Lane states: the parts of values that belong to some lanes, and the draws of many lanes as a few arrays."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ngym_core.plain_data import decode, encode

__all__ = ["pack_draws", "put_lanes", "take_lanes", "unpack_draws"]

Array: TypeAlias = NDArray[Any]


def take_lanes(value: Any, lanes: Array, n: int) -> Any:
    """Return the part of a wrapper's memory that belongs to some lanes.

    Args:
        value: Arrays (n, ...), lists of n items, None, and dictionaries and namespaces of them; or an object with the
            methods `take_lanes(lanes)` and `put_lanes(lanes, part)`.
        lanes: Indices, (m,).
        n: Number of all lanes.

    Returns:
        The same for m lanes; arrays are copies.

    Raises:
        TypeError: Memory of another kind.
    """
    if value is None:
        return None
    if hasattr(value, "take_lanes"):
        return value.take_lanes(lanes)
    if isinstance(value, np.ndarray) and value.shape[:1] == (n,):
        return value[lanes]
    if isinstance(value, list) and len(value) == n:
        return [value[lane] for lane in lanes.tolist()]
    if isinstance(value, dict):
        return {name: take_lanes(part, lanes, n) for name, part in value.items()}
    if isinstance(value, SimpleNamespace):
        return SimpleNamespace(**take_lanes(vars(value), lanes, n))
    raise TypeError(
        f"The memory of lanes that `init_memory` returns must consist of arrays ({n}, ...), lists of {n} items, "
        f"dictionaries and namespaces, so that the state of a lane can be taken; not {_described(value)}."
    )


def put_lanes(value: Any, lanes: Array, part: Any) -> None:
    """Set the part of a wrapper's memory that belongs to some lanes, see `take_lanes`."""
    if hasattr(value, "put_lanes"):
        value.put_lanes(lanes, part)
    elif isinstance(value, np.ndarray):
        value[lanes] = part
    elif isinstance(value, list):
        for lane, item in zip(lanes.tolist(), part, strict=True):
            value[lane] = item
    elif value is not None:
        values, parts = (vars(v) if isinstance(v, SimpleNamespace) else v for v in (value, part))
        for name, item in parts.items():
            put_lanes(values[name], lanes, item)


def _described(value: Any) -> str:
    return f"an array {value.shape}" if isinstance(value, np.ndarray) else f"a {type(value).__name__}"


def pack_draws(states: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the states of the draws of m lanes as a few arrays, which take less time and room than many dictionaries.

    Args:
        states: `Draws.state` of each lane.

    Returns:
        Plain data: the names of all streams, their states (m, names, 6), and which lanes have them (m, names).
    """
    names = list(dict.fromkeys(name for state in states for name in state["streams"]))
    words, known = np.zeros((len(states), len(names), 6), np.uint64), np.zeros((len(states), len(names)), bool)
    place = {name: k for k, name in enumerate(names)}
    for i, state in enumerate(states):
        for name, stream in state["streams"].items():
            words[i, place[name]], known[i, place[name]] = stream, True
    parts = {part: encode([state[part] for state in states]) for part in ("seed", "np_random", "carried")}
    return {"names": names, "words": words, "known": known, **parts}


def unpack_draws(packed: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the states of the draws of m lanes from what `pack_draws` returned."""
    names, words, known = packed["names"], packed["words"], packed["known"]
    parts = {part: decode(packed[part]) for part in ("seed", "np_random", "carried")}
    return [
        {
            "streams": {names[k]: words[i, k] for k in np.nonzero(known[i])[0].tolist()},
            **{part: values[i] for part, values in parts.items()},
        }
        for i in range(len(words))
    ]

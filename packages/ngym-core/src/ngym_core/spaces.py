"""Observation and action spaces: Gymnasium's `Box` and `Discrete` with named channels and actions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

import gymnasium
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from ngym_core.arguments import explained
from ngym_core.errors import unknown_name

__all__ = ["Box", "Discrete", "Names", "Where", "actions", "channels", "named_box", "names_of"]

Names: TypeAlias = Mapping[str, Any]
Where: TypeAlias = Any
"""Channels: a name, an index, a slice, or a sequence of indices on the last axis."""


def _check_names(name: Names | None, size: int, what: str) -> dict[str, Any]:
    if not isinstance(name, Mapping):
        raise TypeError(f"type(name)={type(name)} must be `dict` or `NoneType`.")
    for label, index in name.items():
        indices = np.atleast_1d(np.asarray(index))
        if indices.dtype.kind not in "iu":
            raise TypeError(f"name[{label!r}]={index!r} must be an index or a sequence of indices.")
        if indices.size and (indices.min() < 0 or indices.max() >= size):
            raise ValueError(f"name[{label!r}]={index!r} lies outside the {size} {what} of the space.")
    return dict(name)


class Box(spaces.Box):
    """A box of numbers whose last axis has named channels.

    Args:
        low: Lower bound, a number or an array of the space's shape.
        high: Upper bound, likewise.
        name: Channel name -> index, list, range or array of indices on the last axis. Without
            names the attribute `name` does not exist, as in NeuroGym.
        **kwargs: Arguments of Gymnasium's `Box` (`shape`, `dtype`, `seed`).

    Raises:
        TypeError: `name` is not a mapping to indices.
        ValueError: A name points outside the space.

    Example:
        >>> space = Box(-np.inf, np.inf, {"fixation": 0, "stimulus": [1, 2]}, shape=(3,))
        >>> space.name["stimulus"]
        [1, 2]
    """

    name: dict[str, Any]

    def __init__(self, low: Any, high: Any, name: Names | None = None, **kwargs: Any) -> None:
        super().__init__(low, high, **kwargs)
        if name is not None:
            self.name = _check_names(name, self.shape[-1] if self.shape else 0, "channels")


class Discrete(spaces.Discrete):
    """A finite set of numbered actions, some of them named.

    Args:
        n: Number of actions.
        name: Action name -> an action, or several in order.
        **kwargs: Arguments of Gymnasium's `Discrete` (`start`, `seed`).

    Raises:
        TypeError: `name` is not a mapping to indices.
        ValueError: A name points outside the space.

    Example:
        >>> space = Discrete(3, {"fixation": 0, "choice": [1, 2]})
        >>> space, space.name["choice"]
        (Discrete(3), [1, 2])
    """

    name: dict[str, Any]

    def __init__(self, n: int, name: Names | None = None, **kwargs: Any) -> None:
        super().__init__(n, **kwargs)
        if name is not None:
            self.name = _check_names(name, int(self.start) + int(self.n), "actions")


@explained
def named_box(name: Names | int) -> Box:
    """Make an observation space of float32 channels without bounds.

    Args:
        name: Channel name -> index or indices, of which the greatest sets the number of channels; or a number of
            channels without names.

    Returns:
        The space, of shape (channels,).

    Example:
        >>> named_box({"fixation": 0, "stimulus": range(1, 5)}).shape
        (5,)
    """
    if isinstance(name, int):
        return Box(-np.inf, np.inf, shape=(name,))
    return Box(-np.inf, np.inf, name, shape=(1 + max(int(np.max(index)) for index in name.values()),))


def names_of(space: gymnasium.Space[Any]) -> dict[str, Any]:
    """Return the names of a space; empty if it has none."""
    return getattr(space, "name", None) or {}


@explained
def nearest_to_zero(space: gymnasium.Space[Any]) -> Any:
    """Return the action 0, or the nearest to it that the space has.

    Args:
        space: A `Discrete`, `MultiDiscrete`, `MultiBinary` or `Box`.

    Returns:
        An integer for a `Discrete`, else an array of the space's shape and type.

    Example:
        >>> from gymnasium.spaces import Box, Discrete, MultiDiscrete
        >>> from ngym_core.spaces import nearest_to_zero
        >>> nearest_to_zero(Discrete(3, start=1)), nearest_to_zero(MultiDiscrete([2, 3])), nearest_to_zero(Box(1, 2, (1,)))
        (1, array([0, 0]), array([1.], dtype=float32))
    """
    if isinstance(space, gymnasium.spaces.Discrete):
        return int(np.clip(0, space.start, space.start + space.n - 1))
    zeros = np.zeros(space.shape or (), space.dtype)
    if isinstance(space, gymnasium.spaces.MultiDiscrete):
        return np.clip(zeros, space.start, space.start + space.nvec - 1)
    return np.clip(zeros, space.low, space.high) if isinstance(space, gymnasium.spaces.Box) else zeros


def channels(space: gymnasium.Space[Any], where: Where) -> Any:
    """Convert `where` to an index for the last axis of the space.

    Args:
        space: The observation or action space.
        where: A name of the space, an index, a slice, or a sequence of indices.

    Returns:
        A slice if the channels are adjacent (writing is fastest then), else an index array.

    Raises:
        UnknownNameError: A name that the space does not have.
        IndexError: An index outside the space.
    """
    if isinstance(where, slice):
        return where
    if not isinstance(where, (str, int)):
        return _indices(space, where)
    # Tasks ask for the same few channels in each batch of trials: keep the answers with the space.
    known: dict[str | int, Any] = space.__dict__.setdefault("_channels", {})
    if where not in known:
        names = names_of(space)
        if isinstance(where, str) and where not in names:
            raise unknown_name("channel", where, names)
        known[where] = _indices(space, names[where] if isinstance(where, str) else where)
    return known[where]


def is_index(space: gymnasium.Space[Any], where: Where) -> bool:
    """Return whether `where`, or what it names, is one index rather than several."""
    return np.ndim(names_of(space)[where] if isinstance(where, str) else where) == 0


def noise_channels(space: gymnasium.Space[Any], where: Where) -> tuple[Any, NDArray[np.int64] | None, str]:
    """Return the channels that noise is added to, and the name of its random stream.

    The name depends on which channels they are, not on how `where` is written.

    Args:
        space: The observation space.
        where: As for `channels`, or None for all channels.

    Returns:
        An index of the channels in ascending order; the order in which `where` has them, (k,), or None if that is the same;
        and the name.
    """
    known: dict[Any, Any] = space.__dict__.setdefault("_noise", {})
    kept = where is None or isinstance(where, (str, int))  # tasks ask for the same few in each batch of trials
    if kept and where in known:
        return known[where]  # type: ignore[no-any-return]
    index, every = slice(None) if where is None else channels(space, where), np.arange((space.shape or (1,))[-1])
    chosen, order = every[index], None
    if (np.diff(chosen) < 0).any():
        order = np.argsort(chosen, kind="stable")
        index = chosen = chosen[order]
    found = index, order, _stream_name(space, chosen, every)
    if kept:
        known[where] = found
    return found


def _stream_name(space: gymnasium.Space[Any], chosen: NDArray[np.int64], every: NDArray[np.int64]) -> str:
    """Return the name of the noise in some channels: the recorded trials of all tasks were drawn under these names."""
    for name, channel in names_of(space).items() if len(every) > 1 else ():
        if np.array_equal(np.sort(np.atleast_1d(np.asarray(channel))), chosen):
            return name
    if len(chosen) and np.array_equal(chosen, every[chosen[0] :]):
        return f"slice({chosen[0]}, None, None)" if chosen[0] else "None"
    return str(chosen.tolist())


@explained
def actions(space: gymnasium.Space[Any], where: str) -> NDArray[np.int64]:
    """Return the actions of a name of the action space, in order.

    Raises:
        UnknownNameError: A name that the space does not have.
    """
    known: dict[str, NDArray[np.int64]] = space.__dict__.setdefault("_actions", {})
    if where not in known:
        names = names_of(space)
        if where not in names:
            raise unknown_name("action", where, names)
        known[where] = np.atleast_1d(np.asarray(names[where]))
    return known[where]


def _indices(space: gymnasium.Space[Any], where: Any) -> Any:
    index = np.atleast_1d(np.asarray(where))
    size = space.shape[-1] if space.shape else 0
    if index.dtype.kind not in "iu" or index.ndim != 1 or (index.size and not -size <= index.min() <= index.max() < size):
        raise IndexError(f"where={where!r} is not a channel of a space with {size} channels.")
    index = index % size if size else index
    if index.size and (np.diff(index) == 1).all():
        return slice(int(index[0]), int(index[-1]) + 1)
    return index

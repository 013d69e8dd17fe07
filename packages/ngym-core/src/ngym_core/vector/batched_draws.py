"""BatchedDraws: the randomness of several lanes (or rows of data) in one object, each lane with its own streams."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NoReturn, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ngym_core.random import Draws, Sampled, scratch

__all__ = ["BatchedDraws", "can_batch"]

Array: TypeAlias = NDArray[Any]


class BatchedDraws(Draws):
    """The draws of several lanes, as many trials for each, one lane after another.

    Each lane has its own streams and its own `carried` state, see `per_stream`; there is no common one. A task or a
    wrapper that asks for a common one gets a NotImplementedError, and `can_batch` tells callers to go lane by lane.

    Args:
        lanes: The draws of each lane.
        each: Number of trials of each lane.

    Example:
        >>> from ngym_core.random import Draws
        >>> from ngym_core.vector import BatchedDraws
        >>> drawn = BatchedDraws([Draws(0), Draws(1)], 3).random("side", 6)
        >>> (drawn[3:] == Draws(1).random("side", 3)).all().item()
        True
    """

    def __init__(self, lanes: Sequence[Draws], each: int) -> None:
        self._lanes, self._each = lanes, each
        self.carried: Any = _NotShared()
        self._root, self._prefix = self, ""

    def child(self, name: str) -> BatchedDraws:
        """Return the draws of a wrapper, with its own names in each lane."""
        child = object.__new__(BatchedDraws)
        child.__dict__.update(self.__dict__, _prefix=f"{self._prefix}{name}/")
        return child

    def per_stream(self, n: int) -> list[tuple[Draws, int]]:
        """Return the draws of each lane, with its number among the n trials."""
        self._check(n)
        return [(lane.child(self._prefix[:-1]) if self._prefix else lane, self._each) for lane in self._lanes]

    def stream(self, name: str) -> np.random.Generator:
        """Raise: there is one for each lane."""
        _refuse()

    def random(self, name: str, n: int, size: int | None = None) -> Array:
        """Draw uniform numbers in [0, 1), shape (n,) or (n, size)."""
        self._check(n)
        drawn = np.empty(n if size is None else (n, size))
        for i, lane in enumerate(self._lanes):
            lane.stream(self._prefix + name).random(out=drawn[i * self._each : (i + 1) * self._each])
        return drawn

    def normal(self, name: str, shape: tuple[int, ...], first: int = 0, rows: Array | None = None) -> NDArray[np.float32]:
        """Draw standard normal numbers, see `Draws.normal`."""
        noise, each = scratch(shape), self._each
        if rows is None:  # only the lanes whose trials these are
            lanes = range(first // each, -(-(first + shape[0]) // each))
            cuts = [0, *((lane + 1) * each - first for lane in lanes[:-1]), shape[0]]
        else:
            lanes = range(len(self._lanes))
            cuts = np.searchsorted(rows, np.arange(len(self._lanes) + 1) * each - first).tolist()
        for lane, start, stop in zip(lanes, cuts, cuts[1:], strict=False):
            if start < stop:
                self._lanes[lane].stream(self._prefix + name).standard_normal(dtype=np.float32, out=noise[start:stop])
        return noise

    def sample(self, name: str, n: int, distribution: Sampled) -> Array:
        """Draw n values from an object with a `sample` method, shape (n,)."""
        self._check(n)
        return np.concatenate([lane.sample(self._prefix + name, self._each, distribution) for lane in self._lanes])

    def _check(self, n: int) -> None:
        if n != len(self._lanes) * self._each:
            _refuse()


def can_batch(make: Callable[[int, Draws], object]) -> bool:
    """Return whether trials of several lanes can be made in one call: no state is carried in common.

    Args:
        make: Makes n trials from draws, for `can_batch` to try.
    """
    try:
        make(6, BatchedDraws([Draws(0), Draws(1)], 3))
    except NotImplementedError:
        return False
    return True


def _refuse(*_: object) -> NoReturn:
    raise NotImplementedError(
        "Several lanes share neither a stream nor `carried` state; `per_stream` returns those of each."
    )


class _NotShared:
    """The `carried` of several lanes: each access raises."""

    __getitem__ = __setitem__ = __contains__ = __iter__ = __len__ = _refuse
    get = setdefault = update = pop = _refuse

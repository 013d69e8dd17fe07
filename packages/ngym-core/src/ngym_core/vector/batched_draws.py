"""BatchedDraws: the randomness of several lanes (or rows of data) in one object, each lane with its own streams."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, NoReturn, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ngym_core.random import Draws, Sampled, scratch

__all__ = ["BatchedDraws", "can_batch"]

Array: TypeAlias = NDArray[Any]


class BatchedDraws(Draws):
    """The draws of several lanes, some trials for each, one lane after another.

    Each lane has its own streams and its own `carried` state, see `per_stream`; there is no common one. A task or a
    wrapper that asks for a common one gets a NotImplementedError, and `can_batch` tells callers to go lane by lane.

    Args:
        lanes: The draws of each lane.
        each: Number of trials of each lane, or one number for each, from 1.

    Example:
        >>> from ngym_core.random import Draws
        >>> from ngym_core.vector import BatchedDraws
        >>> drawn = BatchedDraws([Draws(0), Draws(1)], 3).random("side", 6)
        >>> (drawn[3:] == Draws(1).random("side", 3)).all().item()
        True
    """

    def __init__(self, lanes: Sequence[Draws], each: int | Array) -> None:
        self._lanes = lanes
        # Trials before each lane, and in all: the trials of lane i are those from edge i to the next.
        self._edges: list[int] = [0, *np.cumsum(np.broadcast_to(each, len(lanes))).tolist()]
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
        counts = [stop - start for start, stop in pairwise(self._edges)]
        lanes = [lane.child(self._prefix[:-1]) if self._prefix else lane for lane in self._lanes]
        return list(zip(lanes, counts, strict=True))

    def of_trials(self, rows: Array, n: int) -> BatchedDraws:
        """Return the draws of some of the n trials, (k,) ascending indices: of the lanes that these belong to."""
        self._check(n)
        counts = np.diff(np.searchsorted(rows, self._edges))
        lanes = [lane for lane, count in zip(self._lanes, counts.tolist(), strict=True) if count]
        some = BatchedDraws(lanes, counts[counts > 0])
        some._prefix = self._prefix
        return some

    def stream(self, name: str) -> np.random.Generator:
        """Raise: there is one for each lane."""
        _refuse()

    def random(self, name: str, n: int, size: int | None = None) -> Array:
        """Draw uniform numbers in [0, 1), shape (n,) or (n, size)."""
        self._check(n)
        drawn = np.empty(n if size is None else (n, size))
        for lane, (start, stop) in zip(self._lanes, pairwise(self._edges), strict=True):
            lane.stream(self._prefix + name).random(out=drawn[start:stop])
        return drawn

    def normal(self, name: str, shape: tuple[int, ...], first: int = 0, rows: Array | None = None) -> NDArray[np.float32]:
        """Draw standard normal numbers, see `Draws.normal`."""
        noise, edges = scratch(shape), self._edges
        if rows is None:  # only the lanes whose trials these are
            lanes = range(bisect_right(edges, first) - 1, bisect_left(edges, first + shape[0]))
            cuts = [0, *(edges[lane + 1] - first for lane in lanes[:-1]), shape[0]]
        else:
            lanes = range(len(self._lanes))
            cuts = np.searchsorted(rows, np.subtract(edges, first)).tolist()
        for lane, start, stop in zip(lanes, cuts, cuts[1:], strict=False):
            if start < stop:
                self._lanes[lane].stream(self._prefix + name).standard_normal(dtype=np.float32, out=noise[start:stop])
        return noise

    def sample(self, name: str, n: int, distribution: Sampled) -> Array:
        """Draw n values from an object with a `sample` method, shape (n,)."""
        self._check(n)
        lanes = zip(self._lanes, pairwise(self._edges), strict=True)
        return np.concatenate([lane.sample(self._prefix + name, b - a, distribution) for lane, (a, b) in lanes])

    def _check(self, n: int) -> None:
        if n != self._edges[-1]:
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

"""BatchedDraws: the randomness of several lanes (or rows of data) at once, each from its own streams."""

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

    What is carried from trial to trial is apart for each lane, see `apart`; there is none for all of them, and no stream
    either. A task or a wrapper that asks for these gets a NotImplementedError, and is to be made lane by lane.

    Args:
        lanes: The draws of each lane.
        each: Trials of each lane.
    """

    def __init__(self, lanes: Sequence[Draws], each: int) -> None:
        self._lanes, self._each = lanes, each
        self.carried: Any = _NotShared()
        self._root, self._prefix = self, ""

    def child(self, name: str) -> BatchedDraws:
        """Give a wrapper its own names in each lane."""
        child = object.__new__(BatchedDraws)
        child.__dict__.update(self.__dict__, _prefix=f"{self._prefix}{name}/")
        return child

    def per_stream(self, n: int) -> list[tuple[Draws, int]]:
        """Give the draws of each lane, and how many of n trials are its."""
        self._check(n)
        return [(lane.child(self._prefix[:-1]) if self._prefix else lane, self._each) for lane in self._lanes]

    def stream(self, name: str) -> np.random.Generator:
        """Refuse: there is one for each lane."""
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
    """Say whether trials of several lanes can be made at once.

    Args:
        make: Makes n trials from some draws.
    """
    try:
        make(6, BatchedDraws([Draws(0), Draws(1)], 3))
    except NotImplementedError:
        return False
    return True


def _refuse(*_: object) -> NoReturn:
    raise NotImplementedError("Several lanes have no stream and nothing carried in common.")


class _NotShared:
    """What is carried in common: nothing, so that whoever looks there must look lane by lane."""

    __getitem__ = __setitem__ = __contains__ = __iter__ = __len__ = _refuse
    get = setdefault = update = pop = _refuse

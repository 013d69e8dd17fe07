"""The reference's way of drawing: one legacy generator, in call order, with its rejection loops."""

from __future__ import annotations

from typing import Any

import numpy as np

from ngym_core.random import Draws, TruncExp


class ReferenceDraws(Draws):
    """Draws whose names mean nothing: what is asked first is drawn first, one trial at a time.

    A `TruncExp` draws from a generator of its own, made from the same seed.
    """

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.rs = np.random.RandomState(seed)
        self._truncated: dict[str, np.random.RandomState] = {}

    def where(self, used: Any) -> Draws:
        return self if np.all(used) else Draws(0)

    def random(self, name: str, n: int, size: int | None = None) -> Any:
        assert n == 1, "the reference draws one trial at a time"
        return self.rs.random_sample(n if size is None else (n, size))

    def index(self, name: str, n: int, k: int, p: Any = None, size: int | None = None) -> Any:
        assert n == 1, "the reference draws one trial at a time"
        if name == "modality":  # in the reference each modality is a task of its own
            return np.zeros(1, int)
        if p is not None:
            return super().index(name, n, k, p, size)
        if k == 1:
            return np.zeros(1 if size is None else (1, size), int)
        return self.rs.randint(0, k, size=1 if size is None else (1, size))

    def other(self, name: str, n: int, k: int, than: Any) -> Any:
        while (drawn := self.rs.randint(0, k, size=1)) == than:
            pass
        return drawn

    def permutation(self, name: str, n: int, k: int) -> Any:
        return self.rs.permutation(k)[None]

    def normal(self, name: str, shape: tuple[int, ...], first: int = 0, rows: Any = None) -> Any:
        return self.rs.randn(*shape)

    def truncated_exponential(self, name: str, n: int, mean: float, low: float = 0, high: float = np.inf) -> Any:
        return np.array([_reject(self.rs, mean, low, high)])

    def sample(self, name: str, n: int, distribution: Any) -> Any:
        assert isinstance(distribution, TruncExp)
        rs = self._truncated.setdefault(name, np.random.RandomState(self.seed))
        return np.array([_reject(rs, distribution.vmean, distribution.vmin, distribution.vmax)])


def _reject(rs: np.random.RandomState, mean: float, low: float, high: float) -> float:
    if low >= high:
        return high
    while not low <= (value := rs.exponential(mean)) < high:
        pass
    return value

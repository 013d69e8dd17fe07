"""Which condition, block or task comes next."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

__all__ = ["BaseSchedule", "RandomBlockSchedule", "RandomSchedule", "SequentialBlockSchedule", "SequentialSchedule"]


class BaseSchedule:
    """Base of the schedules: called, one returns the index of what comes next.

    Args:
        n: Number of things to choose from.

    Attributes:
        i: The index returned last.
        count: How often the present block was returned.
        total_count: How often the schedule was called.

    Raises:
        ValueError: n below 1.
    """

    def __init__(self, n: int) -> None:
        if n < 1:
            raise ValueError(f"A schedule needs at least one thing to choose from, not n={n!r}.")
        self.n = n
        self.total_count = 0
        self.count = 0
        self.i = 0
        self.rng = np.random.RandomState()

    def seed(self, seed: int | None = None) -> None:
        """Restart the random numbers, not the position; `reset` does that."""
        self.rng = np.random.RandomState(seed)

    def reset(self) -> None:
        """Go back to the start, with the random numbers where they are."""
        self.total_count = self.count = self.i = 0

    def __call__(self) -> int:
        """Give the next index, 0 to n - 1."""
        self.i = self._next()
        self.total_count += 1
        return self.i

    def _next(self) -> int:
        raise NotImplementedError(f"{type(self).__name__} does not say what comes next.")

    def _another(self) -> int:
        """Draw an index other than the present one, as NeuroGym does."""
        others = [j for j in range(self.n) if j != self.i]
        return int(self.rng.choice(others)) if others else self.i


class SequentialSchedule(BaseSchedule):
    """One after another, again and again, from index 0.

    Args:
        n: Number of things to choose from.
        skip_first: Begin as NeuroGym does, with index 1 (index 0 counts as just played).
    """

    def __init__(self, n: int, *, skip_first: bool = False) -> None:
        super().__init__(n)
        self.skip_first = skip_first

    def _next(self) -> int:
        self.count = 1
        return (self.i + 1) % self.n if self.skip_first or self.total_count else 0


class RandomSchedule(BaseSchedule):
    """Any other than the last, with equal probability; the first is any.

    Args:
        n: Number of things to choose from.
        skip_first: Begin as NeuroGym does, with any but index 0 (which counts as just played).
    """

    def __init__(self, n: int, *, skip_first: bool = False) -> None:
        super().__init__(n)
        self.skip_first = skip_first

    def _next(self) -> int:
        return self._another() if self.skip_first or self.total_count else int(self.rng.choice(self.n))


class SequentialBlockSchedule(BaseSchedule):
    """Blocks one after another, from block 0.

    Args:
        n: Number of blocks.
        block_lens: Trials in each block, (n,).

    Raises:
        ValueError: Not n lengths, or a length below 1.
    """

    def __init__(self, n: int, block_lens: Sequence[int]) -> None:
        super().__init__(n)
        if len(block_lens) != n:
            raise ValueError(f"len(block_lens)={len(block_lens)} must be equal to n={n}.")
        if min(block_lens) < 1:
            raise ValueError(f"A block needs at least one trial: block_lens={list(block_lens)}.")
        self.block_lens = block_lens

    def _next(self) -> int:
        if self.count < self.block_lens[self.i]:
            self.count += 1
            return self.i
        self.count = 1
        return self._next_block()

    def _next_block(self) -> int:
        return (self.i + 1) % self.n


class RandomBlockSchedule(SequentialBlockSchedule):
    """Blocks in random order, never the same twice in a row, from block 0."""

    def _next_block(self) -> int:
        return self._another()

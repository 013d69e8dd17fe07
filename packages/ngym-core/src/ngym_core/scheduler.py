"""Schedules: which condition, block or task each of a sequence of trials gets."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from numbers import Integral
from typing import Annotated, Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ngym_core._scan import scan_states
from ngym_core.arguments import AnyDraws, ArrayOf, Expected, InstanceOf, Integer, Number, explained, shown
from ngym_core.random import Draws

__all__ = ["BaseSchedule", "RandomBlockSchedule", "RandomSchedule", "SequentialBlockSchedule", "SequentialSchedule"]

Array: TypeAlias = NDArray[np.int64]


class TrialsInBlock(Expected):
    """Trials in a block: a number, (least, greatest), or a probability below 1 that the block ends after each trial."""

    description = "an integer from 1, two such integers (least, greatest), or a probability between 0 and 1"

    def problem(self, value: Any) -> type[Exception] | None:
        """Return the error that a length deserves, or None."""
        if isinstance(value, (tuple, list)):
            return ArrayOf(length=2, each=Integer(1)).problem(value) or (ValueError if value[0] > value[1] else None)
        return Integer(1).problem(value) if isinstance(value, Integral) else Number(above=0, below=1).problem(value)


BlockLength: TypeAlias = Annotated[int | float | tuple[int, int], TrialsInBlock()]
"""Trials in a block: a number, (least, greatest), or a probability below 1 that the block ends after each trial."""


class BaseSchedule:
    """Base class of schedules, which assign one of n options to each of a sequence of trials.

    Wrappers call `take` for several trials at once. The position is then carried with the random streams of
    the env, lane or data set, and restarts with their seed. Calling the schedule itself returns the next index, with
    random numbers and a position of its own, as in NeuroGym.

    Args:
        n: Number of options.

    Attributes:
        i: The index that the last call returned.
        count: Number of calls that returned the present block.
        total_count: Number of calls.

    Raises:
        ValueError: n below 1.
    """

    def __init__(self, n: int) -> None:
        Integer(1).check("n", n)
        self.n = n
        self.total_count = 0
        self.count = 0
        self.i = 0
        self.rng = np.random.RandomState()

    def __eq__(self, other: object) -> bool:
        """Schedules with the same class and arguments are equal, whatever their positions."""
        return type(self) is type(other) and self._made_with() == other._made_with()

    def __hash__(self) -> int:
        """Hash the class and the number of options."""
        return hash((type(self), self.n))

    def _made_with(self) -> dict[str, Any]:
        position = ("i", "count", "total_count", "rng")
        return {k: np.asarray(v, object).tolist() for k, v in vars(self).items() if k not in position}

    @explained
    def seed(self, seed: int | None = None) -> None:
        """Seed the random numbers of calls. The position stays; `reset` restarts it."""
        self.rng = np.random.RandomState(seed)

    def reset(self) -> None:
        """Restart the position. The random numbers of calls continue; `seed` restarts them."""
        self.total_count = self.count = self.i = 0

    @property
    def state(self) -> dict[str, Any]:
        """Position and random numbers of calls as plain data. Setting it resumes where it was read."""
        kind, keys, *rest = self.rng.get_state()
        rng = [kind, np.asarray(keys).tolist(), *rest]
        return {"i": self.i, "count": self.count, "total_count": self.total_count, "rng": rng}

    @state.setter
    def state(self, state: dict[str, Any]) -> None:
        self.i, self.count, self.total_count = state["i"], state["count"], state["total_count"]
        self.rng.set_state(tuple(state["rng"]))

    def __call__(self) -> int:
        """Return the next index, 0 to n - 1."""
        self.i = self._next()
        self.total_count += 1
        return self.i

    def _next(self) -> int:
        raise NotImplementedError(f"{type(self).__name__} must define `_next`, which returns the next index.")

    def _another(self) -> int:
        """Draw an index other than the present one, with NeuroGym's random numbers."""
        others = [j for j in range(self.n) if j != self.i]
        return int(self.rng.choice(others)) if others else self.i

    @explained
    def take(self, n: int, draws: AnyDraws) -> Array:
        """Return the indices of the next n trials.

        Args:
            n: Number of trials.
            draws: The random streams and the position (in `carried`).

        Returns:
            (n,) indices. Of a subclass that defines only `_next`, each sequence of trials has a copy, which is called.

        Raises:
            TypeError: `_next` of a subclass keeps its place in attributes that are not part of `state`.
        """
        taken: list[int] = []
        for stream, k in draws.per_stream(n):
            own = copy.deepcopy(self)
            if "schedule" in stream.carried:
                own.state = stream.carried["schedule"]
            else:
                own.reset()
                own.seed(int(stream.stream("schedule").integers(2**32)))
            taken += [own() for _ in range(k)]
            if own._made_with() != self._made_with():
                raise TypeError(
                    f"{type(self).__name__}._next keeps its place in attributes that no state has: use `i`, `count`, "
                    "`total_count` and `rng` alone, or define `take` with `draws.carried`."
                )
            stream.carried["schedule"] = own.state
        return np.array(taken)


Schedule: TypeAlias = Annotated[BaseSchedule, InstanceOf(BaseSchedule, "a schedule, such as RandomBlockSchedule")]
"""A schedule."""


class BlockSchedule(BaseSchedule):
    """A schedule that is a sequence of blocks, drawn as far as the trials that `take` returns need."""

    @explained
    def take(self, n: int, draws: AnyDraws) -> Array:
        """Return the indices of the next n trials, see `BaseSchedule.take`."""
        parts = [self._take(k, stream) for stream, k in draws.per_stream(n)]
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def _take(self, n: int, draws: Draws) -> Array:
        indices, lengths = (np.array(x, np.int64) for x in draws.carried.get("blocks", ([], [])))
        indices, lengths = indices[indices < self.n], lengths[indices < self.n]  # the schedule may have been changed
        while lengths.sum() < n:
            last = int(indices[-1]) if len(indices) else draws.carried.get("last")
            last = None if last is None or last >= self.n else last
            more = max(1, (n - int(lengths.sum())) // self._typical_length())
            new = self._blocks(last, more, draws)
            indices, lengths = np.concatenate([indices, new]), np.concatenate([lengths, self._lengths(new, draws)])
        taken = np.repeat(indices, np.minimum(lengths, n))[:n]  # a block may be much longer than what is taken
        ends = np.cumsum(lengths)
        left = ends > n  # blocks of which some trials are left; the first of them has been begun
        draws.carried["blocks"] = indices[left].tolist(), (np.minimum(lengths, ends - n)[left]).tolist()
        draws.carried["last"] = int(taken[-1])
        return taken

    def _typical_length(self) -> int:
        """Return about how many trials a block has, to draw about as many blocks as are needed."""
        return 1

    def _blocks(self, last: int | None, m: int, draws: Draws) -> Array:
        """Return the indices (m,) of the blocks after the last one (None if there was none)."""
        raise NotImplementedError

    def _lengths(self, indices: Array, draws: Draws) -> Array:
        """Return the number of trials in each block, (m,)."""
        return np.ones(len(indices), np.int64)


def _others(last: int, m: int, n: int, p: Array | None, draws: Draws) -> Array:
    """Draw m indices below n, each different from the one before, with equal weights or weights p (n,)."""
    if n == 1:
        return np.zeros(m, np.int64)
    if p is None:
        k = draws.index("next", m, n - 1)[:, None]
        after = k + (k >= np.arange(n))  # (m, n): the index that follows each of the n, which it skips
    else:
        weights = np.where(np.eye(n, dtype=bool), 0, p)
        edges = np.cumsum(weights / weights.sum(axis=1, keepdims=True), axis=1)
        u = draws.random("next", m)[:, None, None]
        after = np.minimum((u >= edges).sum(axis=-1), n - 1)  # rounding may leave the last edge below 1
    return scan_states(after, last)


class SequentialSchedule(BlockSchedule):
    """All options in turn, over and over, from index 0.

    Args:
        n: Number of options.
        skip_first: Begin with index 1, as if index 0 had just been played (NeuroGym's behaviour).

    Example:
        >>> schedule = SequentialSchedule(3)
        >>> [schedule() for _ in range(5)]
        [0, 1, 2, 0, 1]
        >>> schedule.take(5, Draws(0))
        array([0, 1, 2, 0, 1])
    """

    def __init__(self, n: int, *, skip_first: bool = False) -> None:
        super().__init__(n)
        self.skip_first = skip_first

    def _next(self) -> int:
        self.count = 1
        return (self.i + 1) % self.n if self.skip_first or self.total_count else 0

    def _take(self, n: int, draws: Draws) -> Array:
        first: int = draws.carried.get("next", int(self.skip_first)) % self.n
        draws.carried["next"] = (first + n) % self.n
        return (first + np.arange(n)) % self.n


class RandomSchedule(BlockSchedule):
    """Options in random order.

    Args:
        n: Number of options.
        skip_first: Begin with any index but 0, as if index 0 had just been played (NeuroGym's behaviour).
        allow_repeat: Whether an option may follow itself.
        p: Weights, (n,); equal by default. Only `take` uses them.

    Raises:
        ValueError: Weights that are not n finite numbers from 0, or too few of them above 0.

    Example:
        >>> indices = RandomSchedule(3).take(100, Draws(0))
        >>> sorted(set(indices.tolist())), bool((indices[1:] != indices[:-1]).all())
        ([0, 1, 2], True)
    """

    @explained
    def __init__(self, n: int, *, skip_first: bool = False, allow_repeat: bool = False, p: ArrayLike | None = None) -> None:
        super().__init__(n)
        self.skip_first, self.allow_repeat = skip_first, allow_repeat
        self.p = None if p is None else _weights(p, n, allow_repeat)

    def _next(self) -> int:
        if self.allow_repeat:
            return int(self.rng.choice(self.n, p=self.p))
        return self._another() if self.skip_first or self.total_count else int(self.rng.choice(self.n))

    def _blocks(self, last: int | None, m: int, draws: Draws) -> Array:
        if self.allow_repeat:
            return draws.index("next", m, self.n, self.p)
        if last is None and not self.skip_first:
            first = draws.index("first", 1, self.n, self.p)
            return np.concatenate([first, _others(int(first[0]), m - 1, self.n, self.p, draws)]) if m > 1 else first
        return _others(last or 0, m, self.n, self.p, draws)


class SequentialBlockSchedule(BlockSchedule):
    """Blocks in turn, over and over, from block 0.

    Args:
        n: Number of blocks.
        block_lens: Trials in each block, (n,): a number, (least, greatest) for a uniform choice, or a
            probability below 1 that the block ends after each trial. Calls need numbers.

    Raises:
        ValueError: Not n lengths, or an invalid length.
        TypeError: A length of another kind.

    Example:
        >>> SequentialBlockSchedule(2, [3, 2]).take(10, Draws(0))
        array([0, 0, 0, 1, 1, 0, 0, 0, 1, 1])
    """

    @explained
    def __init__(self, n: int, block_lens: Sequence[BlockLength]) -> None:
        super().__init__(n)
        if len(block_lens) != n:
            raise ValueError(f"len(block_lens)={len(block_lens)} must be equal to n={n}.")
        self.block_lens = block_lens
        self._ranges = [check_block_length(length) for length in block_lens]

    def _next(self) -> int:
        length: Any = self.block_lens[self.i]
        if not isinstance(length, Integral):
            raise TypeError(f"Calls need a number of trials for each block, not {length!r}; use `take`.")
        if self.count < int(length):
            self.count += 1
            return self.i
        self.count = 1
        return self._next_block()

    def _next_block(self) -> int:
        return (self.i + 1) % self.n

    def _typical_length(self) -> int:
        return max(1, int(np.mean([1 / low if high is None else (low + high) / 2 for low, high in self._ranges])))

    def _blocks(self, last: int | None, m: int, draws: Draws) -> Array:
        return ((-1 if last is None else last) + 1 + np.arange(m)) % self.n

    def _lengths(self, indices: Array, draws: Draws) -> Array:
        lows = np.array([low for low, _ in self._ranges])[indices]
        if all(low == high for low, high in self._ranges):
            return lows.astype(np.int64)
        highs = np.array([0 if high is None else high for _, high in self._ranges])[indices]
        ranges = highs > 0
        # Each kind of number has one draw for each block, needed or not: a block's length depends on its number only.
        k = draws.index("length", len(indices), np.where(ranges, highs - lows + 1, 1))
        if all(high is not None for _, high in self._ranges):
            return np.asarray(lows + k, np.int64)
        u = draws.random("end", len(indices))
        geometric = 1 + np.floor(np.log1p(-u) / np.log1p(-np.where(ranges, 0.5, lows)))  # inverse of the distribution
        return np.asarray(np.where(ranges, lows + k, geometric), np.int64)


class RandomBlockSchedule(SequentialBlockSchedule):
    """Blocks in random order, from block 0. A block never follows itself, unless weights are given.

    Args:
        n: Number of blocks.
        block_lens: Trials in each block, see `SequentialBlockSchedule`.
        random_start: Begin with any block. Only `take` uses this.
        p: Weights, (n,), by which each block is drawn independently of the one before. Only `take` uses them.

    Raises:
        ValueError: Weights that are not n finite numbers from 0 with one above 0.

    Example:
        >>> blocks = RandomBlockSchedule(3, [2, 2, 2]).take(100, Draws(0)).reshape(50, 2)
        >>> bool((blocks[:, 0] == blocks[:, 1]).all()), bool((blocks[1:, 0] != blocks[:-1, 0]).all())
        (True, True)
    """

    @explained
    def __init__(
        self, n: int, block_lens: Sequence[BlockLength], *, random_start: bool = False, p: ArrayLike | None = None
    ) -> None:
        super().__init__(n, block_lens)
        self.random_start = random_start
        self.p = None if p is None else _weights(p, n, allow_repeat=True)

    def _next_block(self) -> int:
        return self._another()

    def _blocks(self, last: int | None, m: int, draws: Draws) -> Array:
        if self.p is not None and (last is not None or self.random_start):
            return draws.index("next", m, self.n, self.p)
        if last is not None:
            return _others(last, m, self.n, None, draws)
        first = draws.index("first", 1, self.n) if self.random_start else np.zeros(1, np.int64)
        if m == 1:
            return first
        after = self._blocks(int(first[0]), m - 1, draws)
        return np.concatenate([first, after])


def check_block_length(length: Any) -> tuple[float, float | None]:
    """Check a block length and return it as (least, greatest) or as (probability, None).

    Raises:
        ValueError: A number below 1 that is not a probability, or a range in the wrong order.
        TypeError: Neither a number nor a range.
    """
    TrialsInBlock().check("block length", length)
    if isinstance(length, (tuple, list)):
        return int(length[0]), int(length[1])
    return (int(length), int(length)) if isinstance(length, Integral) else (float(length), None)


def _weights(p: ArrayLike, n: int, allow_repeat: bool) -> Any:
    """Return weights (n,) as probabilities, after a check."""
    ArrayOf(length=n, each=Number(0)).check("p", p)
    weights = np.asarray(p, float)
    least = min(1 if allow_repeat else 2, n)
    if (weights > 0).sum() < least:
        raise ValueError(f"p={shown(p)} must have at least {least} of its {n} weights above 0.")
    with np.errstate(over="ignore"):
        total = weights.sum()
    return weights / total if np.isfinite(total) else _weights(weights / weights.max(), n, allow_repeat)

"""Dataset: endless streams of consecutive trials, cut into batches."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import gymnasium
import numpy as np
from numpy.typing import NDArray

import ngym_core as ngym
from ngym_core._malloc import raise_mmap_threshold
from ngym_core.trials.observations import FEW
from ngym_core.vector.batched_draws import BatchedDraws
from ngym_data._buffers import StepCache, StretchCache
from ngym_data.trial_source import MEMORY, Source, size

if TYPE_CHECKING:
    from ngym_data.torch_loaders import StreamLoader

__all__ = ["Dataset"]

Array: TypeAlias = NDArray[Any]

Told: TypeAlias = list[tuple[dict[str, Array], int]]
"""Conditions of blocks of trials, and how many trials each has."""

TRIALS_AT_ONCE = 1024
MORE = 6
"""Stretches are made of at most so many times the steps that fit one by one."""


class Dataset:
    """Batches of observations and ground truth; each row is an endless stream of consecutive trials.

    Row r delivers the trials that ``make(id)`` plays under the seed ``dataset.seeds[r]``, one after
    another (without those that its split does not have). The stream does not depend on `batch_size`,
    `seq_len` or `cache_len`: a batch goes on where the one before it stopped, so that the state of a
    network can be carried over. Every batch is the caller's own.

    Args:
        env: A task's id, or an env with wrappers.
        env_kwargs: Parameters of the task, if `env` is an id.
        batch_size: Number of rows.
        seq_len: Time steps in a batch; 1000 by default.
        max_batch: Batches that one iteration gives; endless by default.
        batch_first: Whether the batch is the first axis instead of time.
        cache_len: Steps of each row that are made at a time; by default as many as `memory` holds.
        seed: Seed of all rows. By default that of the env.
        conditions: Condition -> a value to force in all trials, for example ``{"coh": 51.2}``, or a list of
            values of which each trial has one; several lists are crossed.
        split: ``train``, ``val``, ``test`` (disjoint streams of one seed), or ``holdout``.
        holdout: Condition -> values that appear in the split ``holdout`` only, and no others there, for example
            ``{"coh": [12.8]}``. With several conditions, trials that have a held-out value in each.
        info: Whether batches say more of each step; by default if there are `loss_weights`.
        loss_weights: Period -> weight of its steps in the loss, for example ``{"decision": 5.0}``; others weigh 1.
        memory: Bytes that may be held beside the batches.

    Attributes:
        env: The env. Its `observation_space` and `action_space` are those of the data.
        seeds: Seed of each row.
        periods: Names of the periods; `info["period"]` has places in it.
        rows: Number of each row.

    Raises:
        TypeError: `env` is neither an id nor an env of ours, or shows observations that its trials do not
            have (a wrapper that changes steps but has no `on_data`); `env_kwargs` is no dictionary or given with an env.
        ValueError: A size below 1, an unknown split, conditions or holdouts that leave nothing, or a weight below 0.
        UnknownNameError: A condition or a period that the task does not have.
    """

    def __init__(
        self,
        env: str | gymnasium.Env[Any, Any],
        env_kwargs: Mapping[str, Any] | None = None,
        batch_size: int = 1,
        seq_len: int | None = None,
        max_batch: int | None = None,
        batch_first: bool = False,
        cache_len: int | None = None,
        *,
        seed: int | None = None,
        conditions: Mapping[str, Any] | None = None,
        split: str = "train",
        holdout: Mapping[str, Any] | None = None,
        info: bool | None = None,
        loss_weights: Mapping[str, float] | None = None,
        memory: int = MEMORY,
    ) -> None:
        self._source = Source(
            env, env_kwargs, seed=seed, split=split, holdout=holdout, conditions=conditions, loss_weights=loss_weights
        )
        self.env = self._source.env
        self.periods = self._source.periods
        self.batch_size = size("batch_size", batch_size)
        self.seq_len = size("seq_len", 1000 if seq_len is None else seq_len)
        self.max_batch = None if max_batch is None else size("max_batch", max_batch)
        self.batch_first = batch_first
        self.info = loss_weights is not None if info is None else info
        self._cache_len, self._memory = cache_len, size("memory", memory)
        self._begin(range(self.batch_size))

    def seed(self, seed: int | None = None) -> None:
        """Begin anew with another seed.

        Args:
            seed: Any integer from 0; None takes one from the operating system.
        """
        self._source.seed = ngym.Draws(seed).seed
        self._begin(self.rows)

    def part(self, rows: Sequence[int]) -> Dataset:
        """Give a dataset of some rows (any numbers from 0), each at its beginning.

        Rows have the same streams whatever rows are beside them, so parts can be made in several processes:
        ``dataset.part(range(0, 64))`` in one, ``dataset.part(range(64, 128))`` in another.

        Raises:
            ValueError: There is no row.
        """
        part = copy.copy(self)
        part._source = copy.copy(self._source)
        part.batch_size = size("The number of rows", len(rows))
        part._begin(rows)
        return part

    def _begin(self, rows: Sequence[int]) -> None:
        raise_mmap_threshold()
        self.rows = rows
        self.seeds = [self._source.stream_seed(row) for row in rows]
        self._draws = [self._source.draws(row) for row in rows]
        self._left: list[list[Any]] = [[] for _ in rows]
        self._told: Told = []
        self._conditions: dict[str, Array] = {}
        self._at = self._held = self._windows() * self.seq_len
        together = self.batch_size if self._source.together else 1
        stretches = self._source.stretch_bytes and self._held * together >= FEW * self._source.trial_len
        self._cache: Any
        if stretches:
            apart, wide = self._source.apart, self._source.wide
            kind: dict[str, Any] = {"room": self._memory // 16, "apart": apart, "wide": wide}
            self._cache = StretchCache(len(rows), self.seq_len, batch_first=self.batch_first, **kind)
        else:
            self._cache = StepCache(len(rows), self.seq_len, batch_first=self.batch_first)
        self._i_batch = 0

    @property
    def cycle(self) -> int:
        """Number of batches that are made at a time."""
        return self._held // self.seq_len

    @property
    def inputs_shape(self) -> list[int]:
        """Shape of the observations of a batch."""
        return [*self._leading, *self._source.ob.shape[1:]]

    @property
    def target_shape(self) -> list[int]:
        """Shape of the ground truth of a batch."""
        return [*self._leading, *self._source.gt.shape[1:]]

    @property
    def _leading(self) -> list[int]:
        return [self.batch_size, self.seq_len] if self.batch_first else [self.seq_len, self.batch_size]

    def __iter__(self) -> Iterator[Any]:
        """Begin an iteration of `max_batch` batches; the streams go on where they are."""
        self._i_batch = 0
        return self

    def __len__(self) -> int:
        """Number of batches of one iteration.

        Raises:
            TypeError: Without `max_batch` it has no end.
        """
        if self.max_batch is None:
            raise TypeError("A Dataset without max_batch has no end and no length.")
        return self.max_batch

    def __next__(self) -> Any:
        """Give the next batch of an iteration, see `__call__`."""
        if self.max_batch is not None and self._i_batch >= self.max_batch:
            raise StopIteration
        self._i_batch += 1
        return self()

    def __call__(self) -> Any:
        """Give the next batch.

        Returns:
            Observations (seq_len, batch, *observation shape) and ground truth (seq_len, batch, *action
            shape); with `batch_first` (batch, seq_len, ...). With `info` also a dictionary of what is known of
            each step, (seq_len, batch) or (batch, seq_len):

            * `mask`: whether it belongs to a trial (in a stream, all do);
            * `start`: whether it is the first of a trial;
            * `period`: place of its period in `periods`, -1 in none;
            * `weight`: float32 weight in the loss, if there are `loss_weights`;
            * `conditions`: name -> condition of its trial.
        """
        if self._at >= self._held:
            self._refill()
            self._at = 0
        part = self._cache.window(self._at // self.seq_len)
        self._at += self.seq_len
        if not self.info:
            return part["inputs"], part["target"]
        info: dict[str, Any] = {"mask": np.ones(self._leading, bool), "start": part["start"], "period": part["period"]}
        if self._source.weights is not None:
            info["weight"] = self._source.weights[part["period"]]
        info["conditions"] = {name: column[part["trial"]] for name, column in self._conditions.items()}
        return part["inputs"], part["target"], info

    def to_torch(self, **options: Any) -> StreamLoader:
        """Give a loader of torch tensors, see `ngym_data.torch_loaders.StreamLoader`. It begins anew with all rows."""
        from ngym_data.torch_loaders import StreamLoader

        return StreamLoader(self, **options)

    # ---- making more -----------------------------------------------------------------------------

    def _windows(self) -> int:
        """How many windows are made at a time."""
        source, room, said = self._source, self._memory / self.batch_size, 6 if self.info else 0
        steps = 0.9 * room / (source.step_bytes + said)
        if source.stretch_bytes:
            steps = min(MORE * steps, 0.65 * room / (source.stretch_bytes + said))
        steps = min(steps, 0.9 * TRIALS_AT_ONCE * source.trial_len)
        steps = min(steps, math.inf if self._cache_len is None else max(self._cache_len, 1))
        return max(1, int(steps / self.seq_len))

    def _refill(self) -> None:
        source = self._source
        self._cache.begin(self._held // self.seq_len)
        self._told.clear()
        self._n_told = 0
        room = self._memory / (8 if source.stretch_bytes else 16)  # more does not fit the processor's cache
        step_bytes = source.stretch_bytes or source.step_bytes
        together = max(1, int(room / (self._held * step_bytes))) if source.together else 1
        for first in range(0, self.batch_size, together):
            rows = range(first, min(first + together, self.batch_size))
            self._make(rows)
            if first == 0:
                self._shorten(rows)
            for row in rows:
                self._put(row)
        self._cache.close()
        self._conditions = joined([conditions for conditions, _ in self._told], [n for _, n in self._told])

    def _make(self, rows: Sequence[int]) -> None:
        """Make what some rows lack."""
        steps = {row: sum(map(len, self._left[row])) for row in rows}
        while wanting := [row for row in rows if steps[row] < self._held]:
            for row, block in self._more(wanting, self._held - min(steps.values())):
                self._left[row].append(block)
                steps[row] += len(block)

    def _shorten(self, rows: Sequence[int]) -> None:
        """Make fewer steps at a time, if what was made of some rows takes more memory than was expected."""
        blocks = [block for row in rows for block in self._left[row]]
        step_bytes = sum(block.nbytes for block in blocks) / sum(map(len, blocks))
        windows = self._memory / (step_bytes * self.batch_size * self.seq_len)
        if windows < self._held / self.seq_len:
            self._held = max(1, int(0.8 * windows)) * self.seq_len
            self._cache.begin(self._held // self.seq_len)

    def _put(self, row: int) -> None:
        """Fill a row of the cache."""
        at, blocks, self._left[row] = 0, self._left[row], []
        for block in blocks:
            left = block if at == self._held else self._cache.put(row, at, block, self._n_told)
            if left is not block:
                at += len(block) - (0 if left is None else len(left))
                self._told.append((block.conditions, block.trials))
                self._n_told += block.trials
            if left is not None:
                self._left[row].append(left)

    def _more(self, rows: Sequence[int], steps: int) -> Iterable[tuple[int, Any]]:
        """Make trials for about so many steps of some rows."""
        source = self._source
        n = min(TRIALS_AT_ONCE, source.enough(steps))
        draws = [self._draws[row] for row in rows]
        trials = source.some(len(rows) * n, BatchedDraws(draws, n) if source.together else draws[0])
        if trials is None:
            return ()
        return zip(rows, self._cache.split(trials, len(rows), source if self.info else None), strict=True)


def joined(parts: Sequence[Mapping[str, Array]], counts: Sequence[int]) -> dict[str, Array]:
    """Put columns one under another, each part with so many rows; what some parts lack is None there."""
    joined: dict[str, Array] = {}
    for name in dict.fromkeys(name for part in parts for name in part):
        columns = [part.get(name, np.full(n, None)) for part, n in zip(parts, counts, strict=True)]
        if len({column.shape[1:] for column in columns}) > 1:
            columns = [objects(list(column)) for column in columns]
        joined[name] = np.concatenate(columns)
    return joined


def objects(values: list[Any]) -> Array:
    column = np.empty(len(values), object)
    column[:] = values
    return column

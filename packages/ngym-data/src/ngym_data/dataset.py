"""Dataset: batches cut from endless streams of consecutive trials."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import gymnasium
import numpy as np
from numpy.typing import NDArray

import ngym_core as ngym
from ngym_core.vector import BatchedDraws
from ngym_data._buffers import WindowBuffer
from ngym_data._chunks import StepChunk
from ngym_data.trial_source import MEMORY_BYTES, TrialSource, check_size

if TYPE_CHECKING:
    from ngym_data.torch_loaders import StreamLoader

__all__ = ["Dataset"]

Array: TypeAlias = NDArray[Any]

ROW_TRIALS_PER_CALL = 1024
"""Trials of a row that are made in one call, at most."""
BUFFER_SHARE = 0.75
"""Share of the memory for the steps that are kept; the rest is for trials that are being made."""
CALL_SHARE = 1 / 16
"""Share of the memory for the trials of one call: with 4 MiB they stay in the processor's cache."""


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
        memory: int = MEMORY_BYTES,
    ) -> None:
        self._source = TrialSource(
            env, env_kwargs, seed=seed, split=split, holdout=holdout, conditions=conditions, loss_weights=loss_weights
        )
        self.env = self._source.env
        self.periods = self._source.periods
        self.batch_size = check_size("batch_size", batch_size)
        self.seq_len = check_size("seq_len", 1000 if seq_len is None else seq_len)
        self.max_batch = None if max_batch is None else check_size("max_batch", max_batch)
        self.batch_first = batch_first
        self.info = loss_weights is not None if info is None else info
        self._cache_len, self._memory = cache_len, check_size("memory", memory)
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
        part.batch_size = check_size("The number of rows", len(rows))
        part._begin(rows)
        return part

    def _begin(self, rows: Sequence[int]) -> None:
        self.rows = rows
        self.seeds = [self._source.stream_seed(row) for row in rows]
        self._draws = [self._source.draws(row) for row in rows]
        self._pending: list[list[StepChunk]] = [[] for _ in rows]
        self._condition_parts: list[tuple[dict[str, Array], int]] = []
        self._conditions: dict[str, Array] = {}
        self._held = self._windows() * self.seq_len
        self._at = self._held
        self._buffer = WindowBuffer(len(rows), self.seq_len, batch_first=self.batch_first)
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
        part = self._buffer.window(self._at // self.seq_len)
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
        """Return how many windows are made at a time."""
        info_bytes = 3 * 4 + 6 if self.info else 0  # start, period and trial: an index each, and the values
        steps = BUFFER_SHARE * self._memory / (self.batch_size * (self._source.kept_bytes + info_bytes))
        steps = min(steps, 0.9 * ROW_TRIALS_PER_CALL * self._source.trial_len)
        steps = min(steps, math.inf if self._cache_len is None else max(self._cache_len, 1))
        return max(1, int(steps / self.seq_len))

    def _refill(self) -> None:
        """Make the next windows, for some rows at a time."""
        source = self._source
        self._buffer.clear(self._held // self.seq_len)
        self._condition_parts.clear()
        self._n_trials = 0
        call_bytes = CALL_SHARE * self._memory
        rows_per_call = max(1, int(call_bytes / (self._held * source.kept_bytes))) if source.batched else 1
        for first in range(0, self.batch_size, rows_per_call):
            rows = range(first, min(first + rows_per_call, self.batch_size))
            self._make(rows)
            if first == 0:
                self._shorten(rows)
            for row in rows:
                self._put(row)
        conditions, counts = zip(*self._condition_parts, strict=True)
        self._conditions = joined(conditions, counts)

    def _make(self, rows: Sequence[int]) -> None:
        """Make the steps that some rows lack."""
        steps = {row: sum(map(len, self._pending[row])) for row in rows}
        while lacking := [row for row in rows if steps[row] < self._held]:
            for row, chunk in self._more(lacking, self._held - min(steps.values())):
                self._pending[row].append(chunk)
                steps[row] += len(chunk)

    def _more(self, rows: Sequence[int], steps: int) -> Iterable[tuple[int, StepChunk]]:
        """Make trials for about so many steps of some rows."""
        source = self._source
        n = min(ROW_TRIALS_PER_CALL, source.enough(steps))
        draws = [self._draws[row] for row in rows]
        trials = source.sample(len(rows) * n, BatchedDraws(draws, n) if source.batched else draws[0])
        if trials is None:
            return ()
        return zip(rows, StepChunk.split(trials, len(rows), source if self.info else None), strict=False)

    def _shorten(self, rows: Sequence[int]) -> None:
        """Keep fewer steps at a time, if those of the first rows take more memory than was expected."""
        chunks = [chunk for row in rows for chunk in self._pending[row]]
        step_bytes = sum(chunk.nbytes for chunk in chunks) / sum(map(len, chunks))
        windows = self._memory / (step_bytes * self.batch_size * self.seq_len)
        if windows < self._held / self.seq_len:
            self._held = max(1, int(0.8 * windows)) * self.seq_len
            self._buffer.clear(self._held // self.seq_len)

    def _put(self, row: int) -> None:
        """Fill a row of the buffer; what there is no room for stays pending."""
        at, chunks, self._pending[row] = 0, self._pending[row], []
        for chunk in chunks:
            left: StepChunk | None = chunk
            if at < self._held:
                left = self._buffer.put(row, at, chunk, self._n_trials)
                at += len(chunk) - (0 if left is None else len(left))
                self._condition_parts.append((chunk.conditions, chunk.trials))
                self._n_trials += chunk.trials
            if left is not None:
                self._pending[row].append(left)


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

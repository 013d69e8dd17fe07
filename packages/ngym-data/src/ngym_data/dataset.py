"""Dataset: batches of observations and ground truth from endless streams of consecutive trials."""

from __future__ import annotations

import copy
import math
import os
import sys
import weakref
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import gymnasium
import numpy as np
from numpy.typing import NDArray

import ngym_core as ngym
from ngym_core.state import State, describe_stack, open_state, seal_state
from ngym_core.trials import join_columns
from ngym_data._buffers import WindowBuffer
from ngym_data._chunks import Mark, Origin, StepChunk
from ngym_data._positions import RowPosition, positions_from_state, positions_state, rest_of_trial
from ngym_data.trial_source import MEMORY_BYTES, TrialSource, check_size

if TYPE_CHECKING:
    from ngym_data.torch_loaders import StreamLoader

__all__ = ["Dataset"]

Array: TypeAlias = NDArray[Any]

LOADER = "`dataset.to_torch(num_workers=...)` returns a loader whose workers divide its rows."
ROW_TRIALS_PER_CALL = 8192
"""Number of trials of a row that are generated in one call, at most."""
BUFFER_SHARE = 0.75
"""Share of `memory` for the buffer of steps; the rest is for trials that are being generated."""
CALL_SHARE = 1 / 16
"""Share of `memory` for the trials of one call: the 4 MiB of the default stay in the processor's cache."""


class Dataset:
    """Batches of observations and ground truth; each row is an endless stream of consecutive trials.

    Row r delivers the trials that ``make(id)`` plays under the seed ``dataset.seeds[r]``, one after
    another (without those outside its split). The stream does not depend on `batch_size`, `seq_len`,
    `cache_len` or `memory`: a batch continues where the one before it ended, so that the state of a
    network can be carried over. Batches are new arrays, which the caller may modify.

    A parameter that is changed (an attribute of `dataset.env` or of one of its wrappers, an item of `timing`) counts in each
    row from the trial on that begins next, as in an env that is changed in the same trial; assign a new array to change
    one. `state_dict` and copies (`copy.deepcopy`, pickle) go on at the step where the rows stand.

    Args:
        env: A task's id, or an env with wrappers.
        env_kwargs: Parameters of the task, if `env` is an id.
        batch_size: Number of rows.
        seq_len: Steps in a batch; 1000 by default.
        max_batch: Number of batches in one iteration; endless by default.
        batch_first: Whether the first axis of a batch is the row instead of the step.
        cache_len: Steps of each row that are generated at a time, at most; by default as many as `memory` allows.
        seed: Seed of all rows; by default that of the env.
        conditions: Condition -> a value to force in all trials, for example ``{"coh": 51.2}``, or a list of
            values, one of which is drawn for each trial; several lists are crossed.
        split: ``train``, ``val``, ``test`` (disjoint streams of one seed), or ``holdout``.
        holdout: Condition -> held-out values, for example ``{"coh": [12.8]}``. The split ``holdout`` has exactly the
            trials with a held-out value in every condition named here; the other splits have all others.
        info: Whether a batch has a third part, the `info` of each step; by default if there are `loss_weights`.
        loss_weights: Period -> weight of its steps in the loss, for example ``{"decision": 5.0}``; others weigh 1.
        memory: Bytes for steps that were generated but not returned yet; 64 MiB by default. About three quarters are
            for the buffer: observations and ground truth of all rows and, with `info`, `start`, `period` and trial
            number of each step and the conditions of each trial. The rest is for trials that are being generated,
            and for those of their steps that did not fit into the buffer. Sizes are estimated from a few trials; at
            least one batch is buffered, however large it is. Not counted: batches that were returned or that a loader
            has prefetched, and what the env holds. Each worker process of a loader may take as much.

    Attributes:
        env: The env. Its `observation_space` and `action_space` are those of the data.
        batch_size: Number of rows.
        seq_len: Steps in a batch.
        max_batch: Number of batches in one iteration, or None.
        batch_first: Whether the first axis of a batch is the row.
        info: Whether a batch has a third part.
        seeds: Seed of each row.
        periods: Names of the periods; `info["period"]` holds indices into it.
        rows: Number of each row, from 0; a stream is named by it.

    Raises:
        TypeError: `env` is neither an id nor an env of ngym, or its observations differ in shape from those of its
            trials (a wrapper that changes steps but has no `on_data`); `env_kwargs` is no dictionary or comes with an env.
        ValueError: A size below 1, an unknown split, conditions or holdouts that leave no trials, or a weight below 0.
        UnknownNameError: A condition or a period that the task does not have.

    Example:
        >>> from ngym_data import Dataset
        >>> dataset = Dataset("PerceptualDecisionMaking-v0", batch_size=16, seq_len=100, seed=0)
        >>> inputs, target = dataset()
        >>> inputs.shape, target.shape
        ((100, 16, 3), (100, 16))
        >>> weighted = Dataset("PerceptualDecisionMaking-v0", max_batch=2, seed=0, loss_weights={"decision": 5.0})
        >>> for inputs, target, info in weighted:
        ...     print(inputs.shape, info["weight"].max().item(), sorted(info["conditions"]))
        (1000, 1, 3) 5.0 ['coh', 'ground_truth']
        (1000, 1, 3) 5.0 ['coh', 'ground_truth']
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
        self._process = os.getpid()  # in which the rows were chosen
        self._restart(range(self.batch_size))

    def seed(self, seed: int | None = None) -> None:
        """Restart all rows with another seed.

        Args:
            seed: Any integer from 0; None takes one from the operating system.
        """
        self._renew()
        self._source.seed = ngym.Draws(seed).seed
        self._restart(self.rows)

    def part(self, rows: Sequence[int]) -> Dataset:
        """Return a dataset of some rows, each at its first step.

        Rows are independent, so subsets can be generated in different processes: ``dataset.part(range(0, 64))`` in
        one, ``dataset.part(range(64, 128))`` in another.

        Args:
            rows: Numbers of the rows, from 0; they may exceed those of this dataset.

        Raises:
            ValueError: There are no rows.
        """
        part = self._with_rows(rows)
        part._restart(rows)
        return part

    def _with_rows(self, rows: Sequence[int]) -> Dataset:
        """Return a dataset of some rows, whose positions are still to be set."""
        size = check_size("The number of rows", len(rows))
        part = object.__new__(type(self))
        part.__dict__.update(self.__dict__)
        part.rows, part.batch_size, part._process = rows, size, os.getpid()
        part._source = copy.copy(self._source)
        return part

    def _share(self, indices: Sequence[int]) -> Dataset:
        """Return a dataset of some of the rows, each where it stands."""
        positions = self._positions()
        part = self._with_rows([self.rows[i] for i in indices])
        part._make_draws()
        part._go_to([positions[i] for i in indices])
        return part

    def _restart(self, rows: Sequence[int]) -> None:
        """Set all rows to their first step."""
        self.rows = rows
        self._num_batches, self._ended, self._continues = 0, False, False
        self._make_draws()
        self._go_to([RowPosition(None, self._mark(draws)) for draws in self._draws])

    @property
    def cycle(self) -> int:
        """Number of batches that are generated at a time."""
        return self._buffer_steps // self.seq_len

    @property
    def inputs_shape(self) -> list[int]:
        """Shape of the observations of a batch."""
        return [*self._leading_shape, *self._source.ob_like.shape[1:]]

    @property
    def target_shape(self) -> list[int]:
        """Shape of the ground truth of a batch."""
        return [*self._leading_shape, *self._source.gt_like.shape[1:]]

    @property
    def _leading_shape(self) -> list[int]:
        return [self.batch_size, self.seq_len] if self.batch_first else [self.seq_len, self.batch_size]

    def __iter__(self) -> Iterator[Any]:
        """Begin an iteration of `max_batch` batches, or go on with that of a loaded state; the streams continue.

        Raises:
            RuntimeError: In one of several worker processes of torch, see `__call__`.
        """
        self._check_process()
        if not self._continues:
            self._num_batches = 0
        self._ended = self._continues = False
        return self

    def __len__(self) -> int:
        """Number of batches of one iteration.

        Raises:
            TypeError: There is no `max_batch`.
        """
        if self.max_batch is None:
            raise TypeError(f"A Dataset without max_batch has no end and no length. {LOADER}")
        return self.max_batch

    def __getitem__(self, i: Any) -> Any:
        """Raise: batches follow each other, and have no numbers.

        Raises:
            TypeError: Always.
        """
        raise TypeError(f"A Dataset has no numbered items, such as {i!r}. {LOADER} `TrialDataset` has trials by number.")

    def __next__(self) -> Any:
        """Return the next batch of an iteration, see `__call__`."""
        if self.max_batch is not None and self._num_batches >= self.max_batch:
            self._ended = True
            raise StopIteration
        batch = self()
        self._num_batches += 1
        self._continues = False
        return batch

    def __call__(self) -> Any:
        """Return the next batch.

        Returns:
            Observations (seq_len, batch_size, *observation shape) and ground truth (seq_len, batch_size, *action
            shape); with `batch_first` (batch_size, seq_len, ...). With `info` also a dictionary of arrays
            (seq_len, batch_size) or (batch_size, seq_len):

            * `mask`: bool, whether the step belongs to a trial (all steps of a stream do);
            * `start`: bool, whether it is the first step of a trial;
            * `period`: int8 index of its period in `periods`, -1 outside all periods;
            * `weight`: float32 weight in the loss, if there are `loss_weights`;
            * `conditions`: name -> value in the step's trial, (..., *value shape).

        Raises:
            RuntimeError: In one of several worker processes of torch each of which would return the same batches.
            ValueError: A parameter was changed that changes a space.
        """
        self._check_process()
        if self._source.changed:
            self._renew()
        return self._next_batch()

    def _next_batch(self) -> Any:
        """Return the next batch with the parameters that the env had when they were last checked."""
        if self._next_step >= self._buffer_steps:
            self._refill()
        window = self._buffer.window(self._next_step // self.seq_len)
        self._next_step += self.seq_len
        if not self.info:
            return window["inputs"], window["target"]
        info: dict[str, Any] = {"mask": np.ones(self._leading_shape, bool)}
        info |= {"start": window["start"], "period": window["period"]}
        if self._source.weights is not None:
            info["weight"] = self._source.weights[window["period"]]  # -1 (no period) is its last entry
        info["conditions"] = {name: column[window["trial"]] for name, column in self._conditions.items()}
        return window["inputs"], window["target"], info

    def to_torch(self, **options: Any) -> StreamLoader:
        """Return a loader of torch tensors, in which all rows begin at their first step.

        Args:
            **options: See `ngym_data.torch_loaders.StreamLoader`.

        Raises:
            ImportError: torch is not installed.
            ValueError: See `StreamLoader`.
        """
        from ngym_data.torch_loaders import StreamLoader

        return StreamLoader(self, **options)

    # ---- state -----------------------------------------------------------------------------------

    def state_dict(self) -> State:
        """Return where the rows stand, as plain data: numbers, texts, lists, arrays and dictionaries of them.

        It contains the parameters of the env, and does not depend on `seq_len`, `batch_first`, `cache_len` and `memory`.
        `ngym_core.state.save_state` keeps it in a file.

        Raises:
            TypeError: The env holds an iterator, whose position cannot be taken.

        Example:
            >>> from ngym_data import Dataset
            >>> dataset = Dataset("PerceptualDecisionMaking-v0", batch_size=4, seq_len=50, seed=0)
            >>> inputs, target = dataset()
            >>> state = dataset.state_dict()
            >>> other = Dataset("PerceptualDecisionMaking-v0", batch_size=4, seq_len=50)
            >>> other.load_state_dict(state)
            >>> bool((other()[0] == dataset()[0]).all())
            True
        """
        self._renew()
        return self._state_at(self._positions(), 0 if self._ended else self._num_batches)

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Let the rows go on from a state, under its seed, and the env have the parameters that it had then.

        The next iteration has the batches that were left of that of the state.

        Args:
            state: What `state_dict` of a dataset or a `StreamLoader` returned that has the same env, rows, split, holdout,
                conditions, loss weights and `info`.

        Raises:
            StateError: A damaged state, or one of something else. Nothing is changed then.
        """
        content = open_state("data", self._describe(), state)
        source = self._source.with_parameters(content["parameters"])
        source.seed = content["seed"]
        self._source, self.periods = source, source.periods
        self._num_batches, self._ended, self._continues = content["batches"], False, True
        self._make_draws()
        self._go_to(positions_from_state(content["rows"]))

    def __getstate__(self) -> dict[str, Any]:
        """Return the attributes with the position of each row instead of the steps that were generated in advance."""
        self._renew()
        steps = {"_draws", "_pending", "_after", "_sought", "_segments", "_condition_parts", "_conditions", "_buffer"}
        attributes = {name: value for name, value in self.__dict__.items() if name not in {*steps, "_places"}}
        return {**attributes, "_rows": positions_state(self._positions())}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Set the attributes and the positions."""
        self.__dict__.update({name: value for name, value in state.items() if name != "_rows"})
        self._make_draws()
        self._go_to(positions_from_state(state["_rows"]))

    def _describe(self) -> dict[str, Any]:
        """Return what a state must agree in with this dataset."""
        rows = list(self.rows)
        consecutive = rows == list(range(rows[0], rows[0] + len(rows)))
        data = {"rows": f"{rows[0]} to {rows[-1]}" if consecutive else str(rows), "info": str(bool(self.info))}
        return {**describe_stack(self.env), "data": data | self._source.describe()}

    def _state_at(self, positions: Sequence[RowPosition], num_batches: int) -> State:
        """Return the state of rows at these positions, after some batches of an iteration."""
        content = {"seed": self._source.seed, "batches": num_batches, "rows": positions_state(positions)}
        return seal_state("data", self._describe(), {**content, "parameters": self._source.parameters_state()})

    def _renew(self) -> None:
        """Make all trials that have not begun with the present parameters of the env, if these have changed."""
        if not self._source.changed:
            return
        source, positions = self._source.renewed(), self._positions()
        self._go_to(positions)
        self._seek(range(self.batch_size))  # with the old parameters
        for draws in self._draws:
            source.take_over(draws, self._source)
        self._source, self.periods = source, source.periods
        self._go_to([RowPosition(p.rest, self._mark(d)) for p, d in zip(positions, self._draws, strict=True)])

    def _check_process(self) -> None:
        """Raise in one of several worker processes of torch that has a copy of the rows of all."""
        if os.getpid() == self._process:
            return
        data = sys.modules.get("torch.utils.data")
        worker = None if data is None else data.get_worker_info()
        if worker is not None and worker.num_workers > 1:
            raise RuntimeError(
                f"This Dataset was copied to each of {worker.num_workers} torch workers, which would all return the same "
                f"batches. {LOADER} In a loader of your own, each worker can take some rows: `dataset.part(rows)`."
            )

    # ---- positions -------------------------------------------------------------------------------

    def _make_draws(self) -> None:
        """Make the sources of randomness of all rows, at their first trials."""
        self.seeds = [self._source.stream_seed(row) for row in self.rows]
        self._draws = [self._source.stream_draws(row) for row in self.rows]

    def _mark(self, draws: ngym.Draws) -> Mark:
        """Return where a stream stands."""
        return Mark(self._source.draws_state(draws), 0)

    def _go_to(self, positions: Sequence[RowPosition]) -> None:
        """Let each row go on from a position; what was generated in advance is thrown away."""
        self._go_on([position.pending() for position in positions], [position.mark for position in positions])

    def _go_on(self, pending: list[list[StepChunk]], after: list[Mark]) -> None:
        """Let each row go on with pending steps and, after these, from a place; the buffer is empty."""
        self._pending = pending
        self._after = after  # where the trials end that were generated
        self._sought = [False] * len(after)  # whether the draws of each row stand there, or after trials of other splits
        # what the buffer has of each row: at which step, how many, the first of the chunk, and the chunk's origin
        self._segments: list[list[tuple[int, int, int, Origin]]] = [[] for _ in after]
        self._condition_parts: list[tuple[dict[str, Array], int]] = []
        self._conditions: dict[str, Array] = {}
        self._buffer_steps = self._windows_per_refill() * self.seq_len
        self._next_step = self._buffer_steps
        self._buffer = WindowBuffer(len(after), self.seq_len, batch_first=self.batch_first)
        self._places: weakref.WeakSet[Place] = weakref.WeakSet()

    def _seek(self, rows: Sequence[int]) -> None:
        """Put the draws of rows to where their next trials are drawn, if they do not stand there."""
        rows = [row for row in rows if not self._sought[row]]
        if rows:
            most = int(CALL_SHARE * self._memory / (self._source.trial_len * self._source.buffer_step_bytes))
            self._source.seek([self._draws[row] for row in rows], [self._after[row] for row in rows], max(1, most))
            for row in rows:
                self._sought[row] = True

    def _positions(self, step: int | None = None) -> list[RowPosition]:
        """Return where the rows stand at a step of the buffer; by default the next one."""
        step = self._next_step if step is None else step
        return [self._position(row, step) for row in range(self.batch_size)]

    def _position(self, row: int, step: int) -> RowPosition:
        """Return where a row stands at a step of the buffer, or at its end."""
        left = self._pending[row][0] if self._pending[row] else None
        segments = [segment for segment in self._segments[row] if step < segment[0] + segment[1]]
        if not segments and left is None:
            return RowPosition(None, self._after[row])
        at, length, first, origin = segments[0] if segments else (step, 0, left.first, left.origin)  # type: ignore[union-attr]
        now = first + step - at
        end, mark = origin.present(now)
        if end == now:
            return RowPosition(None, mark)
        in_buffer = min(end - now, at + length - step)
        parts = [self._buffer.steps(row, step, step + in_buffer)] if in_buffer else []
        if end - now > in_buffer and left is not None:  # steps for which the buffer has no room
            parts.append({name: left.values(name, end - now - in_buffer) for name in left.steps})
        conditions = self._conditions if in_buffer or left is None else left.conditions
        return RowPosition(rest_of_trial(parts, conditions), mark)

    def _place(self) -> Place:
        """Return where the rows stand; it is worked out when it is asked for, or else before the buffer is refilled."""
        place = Place(self, self._next_step)
        self._places.add(place)
        return place

    # ---- generating steps ------------------------------------------------------------------------

    def _windows_per_refill(self) -> int:
        """Return how many windows are generated at a time."""
        info_bytes = 0.0
        if (
            self.info
        ):  # start, period, trial: int32 indices, values of 1, 1 and 4 bytes; conditions: once in parts, once joined
            info_bytes = 3 * 4 + 6 + 2 * self._source.condition_bytes / self._source.trial_len
        # the least of three bounds: the memory, the trials of one call (with room for chance), `cache_len`
        steps = BUFFER_SHARE * self._memory / (self.batch_size * (self._source.buffer_step_bytes + info_bytes))
        steps = min(steps, 0.9 * ROW_TRIALS_PER_CALL * self._source.trial_len)
        steps = min(steps, math.inf if self._cache_len is None else max(self._cache_len, 1))
        return max(1, int(steps / self.seq_len))

    def _refill(self) -> None:
        """Fill the buffer with the next windows; if that fails, all rows stay where they are."""
        for place in list(self._places):
            place.positions()
        pending, after = [list(chunks) for chunks in self._pending], list(self._after)
        try:
            self._fill_buffer()
        except BaseException:
            self._go_on(pending, after)
            raise
        self._next_step = 0

    def _fill_buffer(self) -> None:
        """Fill the buffer with the next windows, some rows at a time."""
        source = self._source
        self._buffer.clear(self._buffer_steps // self.seq_len)
        self._condition_parts.clear()
        self._segments = [[] for _ in range(self.batch_size)]
        self._places.clear()
        self._num_buffered_trials = 0
        call_bytes = CALL_SHARE * self._memory
        rows_per_call = max(1, int(call_bytes / (self._buffer_steps * source.buffer_step_bytes))) if source.batched else 1
        for first in range(0, self.batch_size, rows_per_call):
            rows = range(first, min(first + rows_per_call, self.batch_size))
            self._fill_pending(rows)
            if first == 0:  # before any row is in the buffer
                self._reduce_buffer(rows)
            for row in rows:
                self._fill_row(row)
        conditions, counts = zip(*self._condition_parts, strict=True)
        self._conditions = concatenate_conditions(conditions, counts)

    def _fill_pending(self, rows: Sequence[int]) -> None:
        """Generate the steps that some rows lack for the next windows."""
        steps = {row: sum(map(len, self._pending[row])) for row in rows}
        while lacking := [row for row in rows if steps[row] < self._buffer_steps]:
            for row, chunk in self._generate(lacking, self._buffer_steps - min(steps.values())):
                self._pending[row].append(chunk)
                steps[row] += len(chunk)

    def _generate(self, rows: Sequence[int], steps: int) -> Iterable[tuple[int, StepChunk]]:
        """Generate trials of about `steps` steps for each of some rows; a row alone if trials cannot be batched."""
        source = self._source
        most = int(CALL_SHARE * self._memory / (len(rows) * source.buffer_step_bytes))  # below `steps` for a long row only
        n = min(ROW_TRIALS_PER_CALL, source.trials_for(max(1, min(steps, most))))
        rows = rows if source.batched else rows[:1]
        self._seek(rows)
        draws = [self._draws[row] for row in rows]
        calls = [self._mark(stream) for stream in draws]
        trials, numbers = source.generate(draws, n)
        if trials is None:
            return ()
        chunks = StepChunk.split(trials, len(rows), source.period_of if self.info else None)
        ends = np.cumsum(trials.lengths.reshape(len(rows), -1), axis=1)
        for row, chunk, call, end in zip(rows, chunks, calls, ends, strict=True):
            chunk.origin = Origin(self._after[row], call, end, numbers)
            self._after[row] = chunk.origin.after(len(numbers) - 1)
        return zip(rows, chunks, strict=True)

    def _reduce_buffer(self, rows: Sequence[int]) -> None:
        """Generate fewer windows at a time if the steps of the first rows take more memory than was estimated."""
        chunks = [chunk for row in rows for chunk in self._pending[row]]
        step_bytes = sum(chunk.nbytes for chunk in chunks) / sum(map(len, chunks))
        windows = self._memory / (step_bytes * self.batch_size * self.seq_len)
        if windows < self._buffer_steps / self.seq_len:
            self._buffer_steps = max(1, int(0.8 * windows)) * self.seq_len  # steps of later rows may be larger still
            self._buffer.clear(self._buffer_steps // self.seq_len)

    def _fill_row(self, row: int) -> None:
        """Move the pending steps of a row to the buffer; those that do not fit stay pending."""
        at, chunks, self._pending[row] = 0, self._pending[row], []
        for chunk in chunks:
            left: StepChunk | None = chunk
            if at < self._buffer_steps:
                left = self._buffer.put(row, at, chunk, self._num_buffered_trials)
                taken = len(chunk) - (0 if left is None else len(left))
                self._segments[row].append((at, taken, chunk.first, chunk.origin))
                at += taken
                self._condition_parts.append((chunk.conditions, chunk.trials))
                self._num_buffered_trials += chunk.trials
            if left is not None:
                self._pending[row].append(left)


class Place:
    """Where the rows of a dataset stand.

    Args:
        dataset: The dataset.
        step: A step of its buffer.
    """

    def __init__(self, dataset: Dataset, step: int) -> None:
        self._dataset, self._step = dataset, step
        self._positions: list[RowPosition] | None = None

    def positions(self) -> list[RowPosition]:
        """Return the position of each row; they are worked out at the first call, which the dataset makes if need be."""
        if self._positions is None:
            self._positions = self._dataset._positions(self._step)
        return self._positions


def concatenate_conditions(parts: Sequence[Mapping[str, Array]], counts: Sequence[int]) -> dict[str, Array]:
    """Concatenate tables of conditions row by row.

    Args:
        parts: Tables: name -> (rows, ...) values. Their names may differ.
        counts: Number of rows of each table.

    Returns:
        One table with all names. Numbers stay numbers, and are NaN where a part lacks them, see `join_columns`.
    """
    names = dict.fromkeys(name for part in parts for name in part)
    return {name: join_columns([part.get(name) for part in parts], counts) for name in names}


def object_array(values: list[Any]) -> Array:
    """Return values as a one-dimensional array of objects, (len(values),); np.array would nest lists of equal length."""
    column = np.empty(len(values), object)
    column[:] = values
    return column

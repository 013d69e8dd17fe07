"""RowStreams: the endless streams of trials of the rows of a `Dataset`, generated some batches at a time."""

from __future__ import annotations

import copy
import math
import os
import sys
import weakref
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

import ngym_core as ngym
from ngym_core.state import State, describe_stack
from ngym_core.trials import join_columns
from ngym_data._buffers import WindowBuffer
from ngym_data._chunks import Mark, Origin, StepChunk
from ngym_data._positions import RowPosition, positions_from_state, positions_state, rest_of_trial
from ngym_data.trial_source import TrialSource, require_memory

__all__ = ["LOADER", "Place", "RowStreams", "concatenate_conditions", "object_array"]

Array: TypeAlias = NDArray[Any]

LOADER = "`dataset.to_torch(num_workers=...)` returns a loader whose workers divide its rows."
"""What errors say about loaders."""
ROW_TRIALS_PER_CALL = 8192
"""Number of trials of a row that are generated in one call, at most."""
TRIALS_PER_MARK = 1000
"""Number of trials of a row after which the state of its draws is read again: so many are repeated to go on, at most."""
ROW_BYTES = 2**10
"""Bytes of the source of randomness of a row, at least."""
BUFFER_SHARE = 0.75
"""Share of `memory` for the buffer of steps; the rest is for trials that are being generated."""
CALL_SHARE = 1 / 16
"""Share of `memory` for the trials of one call of a task: the 4 MiB of the default stay in the processor's cache."""

CALL_TOLERANCE = 1.05
"""A call may take so many times its share, so that the last one of a refill is not for a few rows only."""


class RowStreams:
    """The streams of some rows, from which batches are taken.

    Args:
        source: The source of their trials.
        rows: Number of each row, from 0; a stream is named by it.
        seq_len: Steps in a batch.
        batch_first: Whether the first axis of a batch is the row instead of the step.
        info: Whether a batch has a third part.
        cache_len: Steps of each row that are generated at a time, at most; None for as many as `memory` allows.
        memory: Bytes for steps that were generated but not returned yet.

    Attributes:
        source: The source of the trials; another one when parameters of the env have changed.
        rows: Number of each row.
        seeds: Seed of each row.
        memory: Bytes for steps that were generated but not returned yet.
    """

    def __init__(
        self,
        source: TrialSource,
        rows: Sequence[int],
        *,
        seq_len: int,
        batch_first: bool,
        info: bool,
        cache_len: int | None,
        memory: int,
    ) -> None:
        self.source, self.rows, self.seq_len, self.batch_first, self.info = source, rows, seq_len, batch_first, info
        self._cache_len, self.memory = cache_len, memory
        self._process = os.getpid()  # in which the rows were chosen
        self._require_memory()
        self.restart()

    def restart(self, seed: int | None = None) -> None:
        """Set all rows to their first step, with another seed if one is given."""
        if seed is not None:
            self.source = copy.copy(self.source)  # copies of these rows may have the same
            self.source.seed = seed
        self._make_draws()
        self.go_to([RowPosition(None, self._mark(draws)) for draws in self._draws], draws_are_there=True)

    def part(self, rows: Sequence[int]) -> RowStreams:
        """Return the streams of other rows, each at its first step."""
        part = self._with_rows(rows)
        part._require_memory()
        part.restart()
        return part

    def share(self, indices: Sequence[int]) -> RowStreams:
        """Return the streams of some of these rows, each where it stands."""
        positions = self.positions()
        part = self._with_rows([self.rows[i] for i in indices])
        part._make_draws()
        part.go_to([positions[i] for i in indices])
        return part

    def _with_rows(self, rows: Sequence[int]) -> RowStreams:
        """Return streams of some rows, whose positions are still to be set."""
        part = object.__new__(type(self))
        part.__dict__.update(self.__dict__)
        part.rows, part._process, part.source = rows, os.getpid(), copy.copy(self.source)
        return part

    @property
    def batch_bytes(self) -> int:
        """Bytes of the observations and the ground truth of a batch."""
        return len(self.rows) * self.seq_len * int(self.source.step_bytes)

    def _require_memory(self) -> None:
        """Raise if a batch, or the state of all rows, needs more memory than there may be."""
        what = f"A batch of {len(self.rows):,} rows of {self.seq_len:,} steps"
        require_memory(what, self.batch_bytes + len(self.rows) * ROW_BYTES, self.memory)

    @property
    def cycle(self) -> int:
        """Number of batches that are generated at a time."""
        return self._buffer_steps // self.seq_len

    @property
    def is_buffer_used_up(self) -> bool:
        """Whether the next batch is one for which the buffer is refilled."""
        return self._next_step >= self._buffer_steps

    @property
    def leading_shape(self) -> list[int]:
        """Numbers of steps and rows of a batch, in the order of its axes."""
        return [len(self.rows), self.seq_len] if self.batch_first else [self.seq_len, len(self.rows)]

    def next_batch(self) -> Any:
        """Return the next batch with the parameters that the env had when they were last checked."""
        if self._next_step >= self._buffer_steps:
            self._refill()
        window = self._buffer.window(self._next_step // self.seq_len)
        self._next_step += self.seq_len
        if not self.info:
            return window["inputs"], window["target"]
        info: dict[str, Any] = {"mask": np.ones(self.leading_shape, bool)}
        info |= {"start": window["start"], "period": window["period"]}
        if self.source.weights is not None:
            info["weight"] = self.source.weights[window["period"]]  # -1 (no period) is its last entry
        info["conditions"] = {name: column[window["trial"]] for name, column in self._conditions.items()}
        return window["inputs"], window["target"], info

    def renew(self) -> None:
        """Make all trials that have not begun with the present parameters of the env, if these have changed."""
        if not self.source.changed:
            return
        source, positions = self.source.renewed(), self.positions()
        self.go_to(positions)
        self._seek(range(len(self.rows)))  # with the old parameters
        for draws in self._draws:
            source.take_over(draws, self.source)
        self.source = source
        positions = [RowPosition(p.rest, self._mark(d)) for p, d in zip(positions, self._draws, strict=True)]
        self.go_to(positions, draws_are_there=True)

    def check_process(self) -> None:
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

    # ---- state -----------------------------------------------------------------------------------

    def describe(self) -> dict[str, Any]:
        """Return what a state must agree in with this dataset."""
        rows = list(self.rows)
        consecutive = rows == list(range(rows[0], rows[0] + len(rows)))
        data = {"rows": f"{rows[0]} to {rows[-1]}" if consecutive else str(rows), "info": str(bool(self.info))}
        return {**describe_stack(self.source.env), "data": data | self.source.describe()}

    def state_at(self, positions: Sequence[RowPosition], num_batches: int) -> State:
        """Return plain data from which the rows go on at these positions, after some batches of an iteration."""
        content = {"seed": self.source.seed, "batches": num_batches, "parameters": self.source.parameters_state()}
        return {**content, "rows": positions_state(positions)}

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Let the rows go on from what `state_at` returned, under its seed, and give the env its parameters."""
        self.source = copy.copy(self.source.with_parameters(state["parameters"]))
        self.source.seed = state["seed"]
        self._make_draws()
        self.go_to(positions_from_state(state["rows"]))

    def __getstate__(self) -> dict[str, Any]:
        """Return the attributes with the position of each row instead of the steps that were generated in advance."""
        self.renew()
        steps = {
            "_draws",
            "_pending",
            "_after",
            "_drawn",
            "_sought",
            "_segments",
            "_condition_parts",
            "_conditions",
            "_buffer",
        }
        attributes = {name: value for name, value in self.__dict__.items() if name not in {*steps, "_places"}}
        return {**attributes, "_rows": positions_state(self.positions())}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Set the attributes and the positions."""
        self.__dict__.update({name: value for name, value in state.items() if name != "_rows"})
        self._make_draws()
        self.go_to(positions_from_state(state["_rows"]))

    # ---- positions -------------------------------------------------------------------------------

    def _make_draws(self) -> None:
        """Make the sources of randomness of all rows, at their first trials."""
        self.seeds = [self.source.stream_seed(row) for row in self.rows]
        self._draws = [self.source.stream_draws(row) for row in self.rows]

    def _mark(self, draws: ngym.Draws) -> Mark:
        """Return where a stream stands."""
        try:
            return Mark(self.source.draws_state(draws), 0)
        except TypeError as error:  # a task that holds an iterator: its trials can be made, but not taken up again
            return Mark(error, 0)

    def _call_mark(self, row: int) -> Mark:
        """Return the place from which the next trials of a row are drawn."""
        drawn = self._drawn[row]
        return self._mark(self._draws[row]) if drawn is None or drawn.skip >= TRIALS_PER_MARK else drawn

    def go_to(self, positions: Sequence[RowPosition], *, draws_are_there: bool = False) -> None:
        """Let each row go on from a position; what was generated in advance is thrown away."""
        self._go_on([position.pending() for position in positions], [position.mark for position in positions])
        self._sought = [draws_are_there] * len(positions)

    def _go_on(self, pending: list[list[StepChunk]], after: list[Mark]) -> None:
        """Let each row go on with pending steps and, after these, from a place; the buffer is empty."""
        self._pending = pending
        self._after = after  # where the trials end that were generated
        self._drawn: list[Mark | None] = [None] * len(after)  # where the draws stand, if trials were drawn since
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
            most = int(self._call_bytes / (self.source.trial_len * self.source.buffer_step_bytes))
            self.source.seek([self._draws[row] for row in rows], [self._after[row] for row in rows], max(1, most))
            for row in rows:
                self._sought[row] = True

    def positions(self, step: int | None = None) -> list[RowPosition]:
        """Return where the rows stand at a step of the buffer; by default the next one."""
        step = self._next_step if step is None else step
        return [self._position(row, step) for row in range(len(self.rows))]

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

    def place(self) -> Place:
        """Return where the rows stand; it is worked out when it is asked for, or else before the buffer is refilled."""
        place = Place(self, self._next_step)
        self._places.add(place)
        return place

    # ---- generating steps ------------------------------------------------------------------------

    @property
    def _call_bytes(self) -> float:
        """Bytes of the trials of one call, at most. Those of several tasks are made one task after another."""
        return min(CALL_SHARE * self.source.num_tasks, 1 - BUFFER_SHARE) * self.memory

    def _windows_per_refill(self) -> int:
        """Return how many windows are generated at a time."""
        info_bytes = 0.0
        if (
            self.info
        ):  # start, period, trial: int32 indices, values of 1, mostly 1, and 4 bytes; conditions: once in parts, once joined
            value_bytes = 5 + self.source.period_type.itemsize
            info_bytes = 3 * 4 + value_bytes + 2 * self.source.condition_bytes / self.source.trial_len
        # the least of three bounds: the memory, the trials of one call (with room for chance), `cache_len`
        steps = BUFFER_SHARE * self.memory / (len(self.rows) * (self.source.buffer_step_bytes + info_bytes))
        steps = min(steps, 0.9 * ROW_TRIALS_PER_CALL * self.source.trial_len)
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
        source = self.source
        self._buffer.clear(self._buffer_steps // self.seq_len)
        self._condition_parts.clear()
        self._segments = [[] for _ in range(len(self.rows))]
        self._places.clear()
        self._num_buffered_trials = 0
        everything = len(self.rows) * self._buffer_steps * source.buffer_step_bytes
        calls = math.ceil(everything / (CALL_TOLERANCE * self._call_bytes)) if source.batched else len(self.rows)
        for of_call in np.array_split(np.arange(len(self.rows)), min(calls, len(self.rows))):
            rows = of_call.tolist()
            self._fill_pending(rows)
            if rows[0] == 0:  # before any row is in the buffer
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
        source = self.source
        most = int(
            CALL_TOLERANCE * self._call_bytes / (len(rows) * source.buffer_step_bytes)
        )  # below `steps` for a long row only
        n = min(ROW_TRIALS_PER_CALL, source.trials_for(max(1, min(steps, most))))
        rows = rows if source.batched else rows[:1]
        self._seek(rows)
        draws = [self._draws[row] for row in rows]
        calls = [self._call_mark(row) for row in rows]
        trials, numbers = source.generate(draws, n)
        for row, call in zip(rows, calls, strict=True):
            self._drawn[row] = replace(call, skip=call.skip + n)
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
        windows = self.memory / (step_bytes * len(self.rows) * self.seq_len)
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
    """Where rows stand.

    Args:
        streams: Their streams.
        step: A step of the buffer.
    """

    def __init__(self, streams: RowStreams, step: int) -> None:
        self._streams, self._step = streams, step
        self._found: list[RowPosition] | None = None

    def positions(self) -> list[RowPosition]:
        """Return the position of each row; they are worked out at the first call, before the buffer is refilled."""
        if self._found is None:
            self._found = self._streams.positions(self._step)
        return self._found


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

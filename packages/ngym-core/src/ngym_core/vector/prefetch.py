"""Prefetch buffer: generates the next trials of all lanes in one call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ngym_core.random import Draws
from ngym_core.rules import prepare_trials
from ngym_core.sampling import sample_trials
from ngym_core.trials import Trials
from ngym_core.trials._kernels import Span
from ngym_core.vector._struct_array import StructArray
from ngym_core.vector.batched_draws import BatchedDraws, can_batch

Array: TypeAlias = NDArray[Any]

CALL_BYTES = 4 * 2**20
"""About so many bytes of trials are generated in one call, so that they stay in the processor's cache."""
MAX_TRIALS_PER_BUFFER = 64


class Prefetcher:
    """The next trials of N lanes.

    Each lane has two buffers of `buffer_trials` slots, one trial in each; it plays them slot by slot, buffer after
    buffer, in a ring. When a lane enters a buffer that is stale, all lanes have theirs filled whose other buffer is
    stale: most calls so generate trials for many lanes, and no lane loses the trials of the buffer that it plays.

    The steps of a lane's buffer lie one after another in a flat store with `_buffer_steps` steps of room for each
    buffer; where trials turn out longer than expected, the store grows and `on_grow` moves what refers into it.

    Args:
        env: The task with its trial wrappers.
        n: Number of lanes.
        memory: Bytes that the trials of all lanes may take.
        on_grow: Called when the store grows, with the shift (n, 2) of the first step of each buffer.

    Attributes:
        buffer_trials: Trials in a buffer.
        slot: The slot of each lane's present trial, (n,): lane i has the slots from 2 * buffer_trials * i on.
        conditions: Those of the trial in each slot.
        facts: What the task's rule prepared for it, and `step` (0), `_last` (its last step) and `_at` (its first step in
            the store).
        draws: Randomness of each lane.
    """

    def __init__(self, env: Any, n: int, memory: int, on_grow: Callable[[Array], None]) -> None:
        self.env, self.n, self._on_grow = env, n, on_grow
        probe = sample_trials(env, 16, None, Draws(0), {})
        step_bytes = probe.ob[0, 0].nbytes + probe.gt[0, 0].nbytes
        trial_bytes = int(probe.lengths.max()) * step_bytes
        self.buffer_trials = int(np.clip(memory / (2 * n * trial_bytes), 1, MAX_TRIALS_PER_BUFFER))
        batched = can_batch(lambda n, draws: sample_trials(env, n, None, draws, {}))
        self._lanes_per_call = max(1, CALL_BYTES // (self.buffer_trials * trial_bytes)) if batched else 0
        self._buffer_steps = self.buffer_trials * int(probe.lengths.max())
        self._ob = np.empty((2 * n * self._buffer_steps, *probe.ob.shape[2:]), probe.ob.dtype)
        self._gt = np.empty((2 * n * self._buffer_steps, *probe.gt.shape[2:]), probe.gt.dtype)
        self.conditions = StructArray(probe.conditions, 2 * self.buffer_trials * n)
        self.facts = StructArray(self._facts(probe, probe.lengths), 2 * self.buffer_trials * n)
        self.draws = [Draws() for _ in range(n)]
        slots = np.arange(2 * self.buffer_trials * n).reshape(n, -1)
        self.slot = slots[:, -1].copy()
        self._next_slot = np.roll(slots, -1, axis=1).ravel()
        self._opens_buffer = slots.ravel() % self.buffer_trials == 0
        self._filled = np.zeros((n, 2), bool)
        self._spans: list[list[tuple[dict[str, Span], int]]] = [[({}, 0)] * 2 for _ in range(n)]

    def _facts(self, trials: Trials, at: Array) -> dict[str, Array]:
        facts = prepare_trials(self.env.unwrapped, trials)
        return {**facts, "step": np.zeros_like(at), "_last": trials.lengths - 1, "_at": at}

    def seed(self, lane: int, seed: int | None) -> None:
        """Restart a lane's randomness; the lane must begin a trial next."""
        self.draws[lane] = Draws(seed)
        self.slot[lane], self._filled[lane] = 2 * self.buffer_trials * (lane + 1) - 1, False

    def buffers(self) -> Array:
        """Return the buffer, 0 or 1, that each lane plays, (n,)."""
        return self.slot // self.buffer_trials % 2

    def advance(self, lanes: Array) -> Array:
        """Move some lanes to their next trial, and return its slot."""
        slots: Array = self._next_slot.take(self.slot.take(lanes))
        enters = self._opens_buffer.take(slots)
        if np.count_nonzero(enters):
            self._enter(lanes[enters], slots[enters] // self.buffer_trials % 2)
        self.slot[lanes] = slots
        return slots

    def _enter(self, lanes: Array, buffers: Array) -> None:
        """Fill the buffers that some lanes are about to enter, if they are stale, and mark those they leave as stale."""
        stale = ~self._filled[lanes, buffers]
        if np.count_nonzero(stale) and not self._lanes_per_call:
            for lane, buffer in zip(lanes[stale].tolist(), buffers[stale].tolist(), strict=True):
                self._fill(np.array([lane]), np.array([buffer]), self.draws[lane])
        elif np.count_nonzero(stale):
            other = 1 - self.buffers()
            empty = np.nonzero(~self._filled[np.arange(self.n), other])[0]
            for first in range(0, len(empty), self._lanes_per_call):
                some = empty[first : first + self._lanes_per_call]
                self._fill(some, other[some], BatchedDraws([self.draws[lane] for lane in some], self.buffer_trials))
        self._filled[lanes, 1 - buffers] = False

    def _fill(self, lanes: Array, buffers: Array, draws: Draws) -> None:
        """Generate the trials of one buffer for each of some lanes."""
        m, regions = len(lanes), 2 * lanes + buffers
        trials = sample_trials(self.env, m * self.buffer_trials, None, draws, {})
        lengths = trials.lengths.reshape(m, self.buffer_trials)
        totals = lengths.sum(axis=1)
        if totals.max() > self._buffer_steps:
            self._grow(int(totals.max()))
        at = (regions * self._buffer_steps)[:, None] + np.cumsum(lengths, axis=1) - lengths
        slots = (regions[:, None] * self.buffer_trials + np.arange(self.buffer_trials)).ravel()
        for table, columns in ((self.conditions, trials.conditions), (self.facts, self._facts(trials, at.ravel()))):
            for name, values in columns.items():
                table[name][slots] = values
        ends = np.cumsum(totals).tolist()
        for store, name in ((self._ob, "ob"), (self._gt, "gt")):
            values, index = trials.flat_steps(name)
            for region, start, stop in zip(regions.tolist(), [0, *ends], ends, strict=False):
                out = store[region * self._buffer_steps :][: stop - start]
                if index is None:
                    out[...] = values[start:stop]
                else:
                    np.take(values, index[start:stop], axis=0, out=out, mode="clip")
        spans = {period: trials.span(period) for period in trials.start}
        for i, (lane, buffer) in enumerate(zip(lanes.tolist(), buffers.tolist(), strict=True)):
            self._spans[lane][buffer] = spans, i * self.buffer_trials
        self._filled[lanes, buffers] = True

    def _grow(self, steps: int) -> None:
        """Give each buffer room for more steps."""
        wider = steps + steps // 8
        shift = np.arange(2 * self.n).reshape(self.n, 2) * (wider - self._buffer_steps)
        self.facts["_at"][:] += np.repeat(shift.ravel(), self.buffer_trials)
        for name in ("_ob", "_gt"):
            old = getattr(self, name).reshape(2 * self.n, self._buffer_steps, -1)
            new = np.empty((2 * self.n, wider, old.shape[2]), old.dtype)
            new[:, : self._buffer_steps] = old
            setattr(self, name, new.reshape(-1, *getattr(self, name).shape[1:]))
        self._buffer_steps = wider
        self._on_grow(shift)

    @property
    def nbytes(self) -> int:
        """Bytes that the steps of all trials take."""
        return self._ob.nbytes + self._gt.nbytes

    def observations(self, at: Array) -> Array:
        """Return copies of the observations of some steps of the store."""
        ob: Array = self._ob.take(at, axis=0)
        return ob

    def ground_truths(self, at: Array) -> Array:
        """Return copies of the ground truths of some steps of the store."""
        gt: Array = self._gt.take(at, axis=0)
        return gt

    def periods(self, lane: int) -> dict[str, tuple[int, int]]:
        """Return the first step, and the step after the last, of each period of a lane's present trial."""
        buffer, i = divmod(int(self.slot[lane]) % (2 * self.buffer_trials), self.buffer_trials)
        spans, first = self._spans[lane][buffer]
        edges = {p: [int(edge if isinstance(edge, int) else edge[first + i]) for edge in span] for p, span in spans.items()}
        return {p: (start, stop) for p, (start, stop) in edges.items()}

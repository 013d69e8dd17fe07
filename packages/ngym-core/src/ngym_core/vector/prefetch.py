"""Trials drawn ahead for many lanes, each from its own streams, made together where no lane needs what it played before."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ngym_core._malloc import raise_mmap_threshold
from ngym_core.random import Draws
from ngym_core.rules import facts
from ngym_core.sampling import sample_trials
from ngym_core.trials import Trials
from ngym_core.trials._kernels import Span
from ngym_core.trials._segments import copy_steps
from ngym_core.vector._struct_array import StructArray
from ngym_core.vector.batched_draws import BatchedDraws, can_batch

Array: TypeAlias = NDArray[Any]

AT_ONCE = 4 * 2**20
"""About so many bytes of trials are made at a time."""
MOST = 64
"""So many trials of a lane are made at a time, at most."""


class Prefetcher:
    """The next trials of N lanes, in two halves for each: one is played, the other waits or can be made.

    Where a lane needs a half, all lanes get theirs that have room for it.

    Args:
        env: The task with its trial wrappers.
        n: Number of lanes.
        memory: Bytes that the trials of all lanes may take.
        on_grow: Called with the shift (n, 2) of the places of steps when trials turn out longer than expected.

    Attributes:
        half: Trials in a half.
        place: Place of each lane's present trial, (n,): lane i has the places from 2 * half * i on.
        conditions: Those of the trial at each place.
        facts: What the task's rule needs to know of it, and `step` (0), `_last` (its last step) and `_at` (the place of
            its first step).
        draws: Randomness of each lane.
    """

    def __init__(self, env: Any, n: int, memory: int, on_grow: Callable[[Array], None]) -> None:
        raise_mmap_threshold()
        self.env, self.n, self._on_grow = env, n, on_grow
        probe = sample_trials(env, 16, None, Draws(0), {})
        step_bytes = probe.ob[0, 0].nbytes + probe.gt[0, 0].nbytes
        bytes_per_trial = int(probe.lengths.max()) * step_bytes
        self.half = int(np.clip(memory / (2 * n * bytes_per_trial), 1, MOST))
        together = can_batch(lambda n, draws: sample_trials(env, n, None, draws, {}))
        self._together = max(1, AT_ONCE // (self.half * bytes_per_trial)) if together else 0
        self._room = self.half * int(probe.lengths.max())
        self._ob = np.empty((2 * n * self._room, *probe.ob.shape[2:]), probe.ob.dtype)
        self._gt = np.empty((2 * n * self._room, *probe.gt.shape[2:]), probe.gt.dtype)
        self.conditions = StructArray(probe.conditions, 2 * self.half * n)
        self.facts = StructArray(self._facts(probe, probe.lengths), 2 * self.half * n)
        self.draws = [Draws() for _ in range(n)]
        places = np.arange(2 * self.half * n).reshape(n, -1)
        self.place = places[:, -1].copy()
        self._after = np.roll(places, -1, axis=1).ravel()
        self._opens_half = places.ravel() % self.half == 0
        self._fresh = np.zeros((n, 2), bool)
        self._spans: list[list[tuple[dict[str, Span], int]]] = [[({}, 0)] * 2 for _ in range(n)]

    def _facts(self, trials: Trials, at: Array) -> dict[str, Array]:
        return {**facts(self.env.unwrapped, trials), "step": np.zeros_like(at), "_last": trials.lengths - 1, "_at": at}

    def seed(self, lane: int, seed: int | None) -> None:
        """Restart a lane's randomness; the lane must begin a trial next."""
        self.draws[lane] = Draws(seed)
        self.place[lane], self._fresh[lane] = 2 * self.half * (lane + 1) - 1, False

    def halves(self) -> Array:
        """Give the half, 0 or 1, in which each lane's present trial is, (n,)."""
        return self.place // self.half % 2

    def next(self, lanes: Array) -> Array:
        """Go to the next trial in some lanes, and give its place."""
        places: Array = self._after.take(self.place.take(lanes))
        enters = self._opens_half.take(places)
        if np.count_nonzero(enters):
            self._enter(lanes[enters], places[enters] // self.half % 2)
        self.place[lanes] = places
        return places

    def _enter(self, lanes: Array, halves: Array) -> None:
        """Make the halves that some lanes enter, if need be, and let go of those they leave."""
        wanting = ~self._fresh[lanes, halves]
        if np.count_nonzero(wanting) and not self._together:
            for lane, half in zip(lanes[wanting].tolist(), halves[wanting].tolist(), strict=True):
                self._make(np.array([lane]), np.array([half]), self.draws[lane])
        elif np.count_nonzero(wanting):
            other = 1 - self.halves()
            empty = np.nonzero(~self._fresh[np.arange(self.n), other])[0]
            for first in range(0, len(empty), self._together):
                some = empty[first : first + self._together]
                self._make(some, other[some], BatchedDraws([self.draws[lane] for lane in some], self.half))
        self._fresh[lanes, 1 - halves] = False

    def _make(self, lanes: Array, halves: Array, draws: Draws) -> None:
        """Make a half for each of some lanes."""
        m, regions = len(lanes), 2 * lanes + halves
        trials = sample_trials(self.env, m * self.half, None, draws, {})
        lengths = trials.lengths.reshape(m, self.half)
        totals = lengths.sum(axis=1)
        if totals.max() > self._room:
            self._grow(int(totals.max()))
        at = (regions * self._room)[:, None] + np.cumsum(lengths, axis=1) - lengths
        places = (regions[:, None] * self.half + np.arange(self.half)).ravel()
        for records, columns in ((self.conditions, trials.conditions), (self.facts, self._facts(trials, at.ravel()))):
            for name, values in columns.items():
                records[name][places] = values
        ends = np.cumsum(totals).tolist()
        for store, name in ((self._ob, "ob"), (self._gt, "gt")):
            values, which = trials.end_to_end(name)
            for region, start, stop in zip(regions.tolist(), [0, *ends], ends, strict=False):
                copy_steps(values, which, slice(start, stop), store[region * self._room :][: stop - start])
        for i, (lane, half) in enumerate(zip(lanes.tolist(), halves.tolist(), strict=True)):
            self._spans[lane][half] = trials.spans, i * self.half
        self._fresh[lanes, halves] = True

    def _grow(self, room: int) -> None:
        wider = room + room // 8
        shift = np.arange(2 * self.n).reshape(self.n, 2) * (wider - self._room)
        self.facts["_at"][:] += np.repeat(shift.ravel(), self.half)
        for name in ("_ob", "_gt"):
            old = getattr(self, name).reshape(2 * self.n, self._room, -1)
            new = np.empty((2 * self.n, wider, old.shape[2]), old.dtype)
            new[:, : self._room] = old
            setattr(self, name, new.reshape(-1, *getattr(self, name).shape[1:]))
        self._room = wider
        self._on_grow(shift)

    @property
    def nbytes(self) -> int:
        """Bytes that the steps of all trials take."""
        return self._ob.nbytes + self._gt.nbytes

    def observations(self, at: Array) -> Array:
        """Give the observations at some places, the caller's own."""
        ob: Array = self._ob.take(at, axis=0)
        return ob

    def truths(self, at: Array) -> Array:
        """Give the ground truth at some places, the caller's own."""
        gt: Array = self._gt.take(at, axis=0)
        return gt

    def periods(self, lane: int) -> dict[str, tuple[int, int]]:
        """Give the first step, and the step after the last, of each period of a lane's present trial."""
        half, i = divmod(int(self.place[lane]) % (2 * self.half), self.half)
        spans, first = self._spans[lane][half]
        edges = {p: [int(edge if isinstance(edge, int) else edge[first + i]) for edge in span] for p, span in spans.items()}
        return {p: (start, stop) for p, (start, stop) in edges.items()}

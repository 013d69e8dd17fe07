"""Trials: n trials on a common clock, all arrays, drawn and painted at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ngym_core.trials._kernels import Steps, highest
from ngym_core.trials.durations import to_steps
from ngym_core.trials.observations import Picture

__all__ = ["Trial", "Trials"]

Array: TypeAlias = NDArray[Any]


@dataclass(frozen=True)
class Trial:
    """One trial.

    Attributes:
        ob: Observations, (steps, *observation shape).
        gt: Ground truth, (steps, *action shape).
        conditions: Name -> value.
        start: Period -> its first step.
        end: Period -> the step after its last.
        dt: Time step in ms.
    """

    ob: Array
    gt: Array
    conditions: dict[str, Any]
    start: dict[str, int]
    end: dict[str, int]
    dt: float

    @property
    def length(self) -> int:
        """Number of steps."""
        return len(self.ob)


class Trials(Picture):
    """n trials of a task: what a task's `_new_trials` fills in.

    A task draws its conditions, adds its periods, paints its observations and sets its ground truth
    for all n trials at once. Values to paint are a number, (n,) for each trial, (n, k) for each trial
    and channel, (1, k) for each channel, or (n, steps, k) where all trials share the period.

    Args:
        task: The task; its timing, spaces and time step are used.
        n: How many trials.
        draws: Where randomness comes from.
        forced: Conditions the caller forces: name -> one value or one for each trial.

    Attributes:
        n: Number of trials.
        dt: Time step in ms.
        draws: Where randomness comes from.
        conditions: Name -> (n, ...) values, drawn, forced or set.
        spans: Period -> start and end in steps, integers where all trials agree, else (n,).
        total: Length in steps, likewise.
        carried: What the task carries from trial to trial; it restarts with the seed.
    """

    def finish(self) -> Trials:
        """Complete the trials: build what was not painted and refuse conditions that the task does not have."""
        self.refuse_unknown(self.task)
        self._finished = True
        dtype = self.task.observation_space.dtype
        if "ob" in self._stretches:
            self._stretches.convert("ob", dtype)
        elif self._later is None and self.ob.dtype != dtype:
            self._ob = self.ob.astype(dtype)
        if not self.has_gt:
            _ = self.gt
        return self

    def cut(self, end: Steps) -> None:
        """End the trials earlier, at a step."""
        for name in ("ob", "gt"):
            array = getattr(self, name)[:, : highest(end)].copy()
            array[np.arange(array.shape[1]) >= np.broadcast_to(end, self.n)[:, None]] = 0
            setattr(self, f"_{name}", array)
        self.total = end

    def adopt(self, conditions: Mapping[str, Any], ob: Array | None, gt: Array | None, steps: int) -> Trials:
        """Complete one trial that a task built in NeuroGym's style.

        Args:
            conditions: What the task's `_new_trial` returned.
            ob: Observations that the task made itself, (steps, *observation shape).
            gt: Ground truth that the task made itself, (steps, *action shape).
            steps: Length of a trial that has neither periods nor observations.

        Returns:
            The trial, n = 1.
        """
        self.conditions = {name: _column([value]) for name, value in conditions.items()}
        if not self.spans:
            self.total = steps if ob is None else len(ob)
        if not self.painted and ob is not None:
            self._ob = np.asarray(ob)[None]
        if not self.has_gt and gt is not None:
            self._gt = np.asarray(gt)[None]
        return self.finish()

    @classmethod
    def join(cls, parts: Sequence[Trials]) -> Trials:
        """Put trials one after another; what some of them lack (a period, a condition) is 0 or None there."""
        if len(parts) == 1:
            return parts[0]
        joined = cls(parts[0].task, sum(p.n for p in parts), parts[0].draws)
        joined.total = to_steps(np.concatenate([p.lengths for p in parts]), 1)
        for name in dict.fromkeys(name for p in parts for name in p.spans):
            edges = [p.spans.get(name, (0, 0)) for p in parts]
            start, end = (
                np.concatenate([np.broadcast_to(e[i], p.n) for e, p in zip(edges, parts, strict=True)]) for i in (0, 1)
            )
            joined.spans[name] = (to_steps(start, 1), to_steps(end, 1))
        for name in dict.fromkeys(name for p in parts for name in p.conditions):
            joined.conditions[name] = _column([v for p in parts for v in p.conditions.get(name, [None] * p.n)])
        row = 0
        for part in parts:
            rows = slice(row, row + part.n)
            joined.ob[rows, : part.ob.shape[1]] = part.ob
            joined.gt[rows, : part.gt.shape[1]] = part.gt
            row += part.n
        return joined

    def pick(self, rows: Array) -> Trials:
        """Give some of the trials, or all in another order: (k,) indices."""
        picked = Trials(self.task, len(rows), self.draws)
        picked.total = to_steps(self.lengths[rows], 1)
        for name, span in self.spans.items():
            start, end = (np.broadcast_to(edge, self.n)[rows] for edge in span)
            picked.spans[name] = (to_steps(start, 1), to_steps(end, 1))
        picked.conditions = {name: values[rows] for name, values in self.conditions.items()}
        picked._ob, picked._gt = self.ob[rows], self.gt[rows]
        return picked

    def widen(self, values: Array) -> None:
        """Add channels at the end: values (n, steps, k), or (n, 1, k) that hold throughout a trial."""
        tail = np.broadcast_to(values, (self.n, self.ob.shape[1], values.shape[2])) * self.mask[..., None]
        self._ob = np.concatenate([self.ob, tail.astype(self.ob.dtype)], axis=-1)

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Number of steps of each trial, (n,)."""
        return np.array(np.broadcast_to(self.total, self.n), np.int64)

    @property
    def mask(self) -> NDArray[np.bool_]:
        """True at the steps that belong to a trial, (n, T)."""
        steps = self._steps() if self._ob is None else self._ob.shape[1]
        return np.asarray(np.arange(steps) < self.lengths[:, None])

    @property
    def start(self) -> dict[str, NDArray[np.int64]]:
        """Period -> first step in each trial, (n,)."""
        return {p: np.array(np.broadcast_to(s[0], self.n), np.int64) for p, s in self.spans.items()}

    @property
    def end(self) -> dict[str, NDArray[np.int64]]:
        """Period -> the step after its last in each trial, (n,)."""
        return {p: np.array(np.broadcast_to(s[1], self.n), np.int64) for p, s in self.spans.items()}

    def __len__(self) -> int:
        """Number of trials."""
        return self.n

    def __getitem__(self, i: int) -> Trial:
        """Give one trial, cut to its length; the arrays are views."""
        if not -self.n <= i < self.n:
            raise IndexError(f"Trial {i} of {self.n} trials.")
        length = _at(self.total, i)
        return Trial(
            ob=self.ob[i, :length],
            gt=self.gt[i, :length],
            conditions={name: _scalar(values[i]) for name, values in self.conditions.items()},
            start={p: _at(s[0], i) for p, s in self.spans.items()},
            end={p: _at(s[1], i) for p, s in self.spans.items()},
            dt=self.dt,
        )

    def __iter__(self) -> Iterator[Trial]:
        """Go through the trials one by one."""
        return (self[i] for i in range(self.n))


def _at(steps: Steps, i: int) -> int:
    return steps if isinstance(steps, int) else int(steps[i])


def _column(values: list[Any]) -> Array:
    """Put one value for each trial into an array; values that fit no array of numbers become objects."""
    try:
        column = np.array(values)
    except ValueError:
        column = np.empty(len(values), object)
        column[:] = values
    return column


def _scalar(value: Any) -> Any:
    """One trial's condition: a Python scalar, or a copy of its row."""
    if isinstance(value, np.generic):
        return value.item()
    return value.copy() if isinstance(value, np.ndarray) else value

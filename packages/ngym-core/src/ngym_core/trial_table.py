"""Trial tables: one row for each trial that was played; recorded, saved and read."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ngym_core.files import atomic_write

if TYPE_CHECKING:
    from ngym_core.wrappers.base import StepBatch

__all__ = ["MEASURES", "Recorder", "Table", "join", "load_trials", "save_trials", "without_objects"]

Array: TypeAlias = NDArray[Any]
Table: TypeAlias = dict[str, Array]
"""Column -> (trials,) or (trials, k) values."""

MEASURES = {
    "trial": "number of the trial, in the order in which trials ended",
    "lane": "the lane that played it",
    "choice": "the action that ended it; 0 where none did",
    "gt": "the right action at its last step",
    "correct": "whether performance was full",
    "performance": "score from 0 to 1",
    "reaction_time": "ms from when a response was due (the ground truth is not 0), or from what the task or a "
    "wrapper counts from; NaN without a response",
    "reward": "sum over the trial",
    "cumulative_reward": "sum over all trials of the lane so far",
    "steps": "number of steps",
}
"""The columns that every table has beside the conditions, and what they mean."""


class Recorder:
    """Writes down the trials that m lanes play, from their steps.

    Args:
        n: Number of lanes.
        dt: Time step in ms.

    Attributes:
        trials: Trials that have ended.
    """

    def __init__(self, n: int, dt: float) -> None:
        self.dt = dt
        self.trials = 0
        self.waiting = 0
        self._steps = np.zeros(n, np.int64)
        self._due = np.full(n, -1)
        self._reward, self._total = np.zeros(n), np.zeros(n)
        self._parts: list[Table] = []

    def add(self, batch: StepBatch) -> None:
        """Take note of one step of some lanes, or of the beginning of their episodes."""
        lanes = batch.lanes
        if batch.action is None or batch.gt is None:
            self._forget(lanes)
            return
        axes = tuple(range(1, batch.gt.ndim))
        asked = (batch.gt != 0).any(axis=axes)
        self._due[lanes] = np.where((self._due[lanes] < 0) & asked, self._steps[lanes], self._due[lanes])
        self._steps[lanes] += 1
        self._reward[lanes] += batch.reward
        self._total[lanes] += batch.reward
        if batch.ended.any():
            self._parts.append(self._rows(batch, np.nonzero(batch.ended)[0]))
            self._forget(lanes[batch.ended])

    def _rows(self, batch: StepBatch, which: Array) -> Table:
        lanes = batch.lanes[which]
        action, gt = batch.action[which], batch.gt[which]  # type: ignore[index]
        took = (self._steps[lanes] - 1 - self._due[lanes]) * float(self.dt)
        responded = (action != 0) & (self._due[lanes] >= 0) if action.ndim == 1 else np.zeros(len(which), bool)
        reaction = np.where(responded, took, np.nan)
        if "reaction_time" in batch.info:
            reaction = batch.info["reaction_time"][which]
        performance = batch.performance[which].astype(float)
        numbers = self.trials + np.arange(len(which))
        self.trials += len(which)
        self.waiting += len(which)
        conditions = {f"condition_{k}" if k in MEASURES else k: v[which] for k, v in batch.conditions.items()}
        return {
            "trial": numbers,
            "lane": lanes,
            **conditions,
            "choice": action,
            "gt": gt,
            "correct": performance >= 1,
            "performance": performance,
            "reaction_time": reaction,
            "reward": self._reward[lanes],
            "cumulative_reward": self._total[lanes],
            "steps": self._steps[lanes],
        }

    def _forget(self, lanes: Array) -> None:
        self._steps[lanes], self._reward[lanes], self._due[lanes] = 0, 0.0, -1

    def take(self) -> Table:
        """Give the trials noted since the last call, see `MEASURES`, and the conditions under their names."""
        parts, self._parts, self.waiting = self._parts, [], 0
        return join(parts)

    def give_back(self, table: Table) -> None:
        """Take back trials that could not be saved; `take` gives them again, before those noted since."""
        self._parts.insert(0, table)
        self.waiting += len(table["trial"])


def join(parts: Sequence[Table]) -> Table:
    """Put tables one under another. What some lack is NaN (or None) there; rows of numbers are filled with NaN."""
    names = dict.fromkeys(name for part in parts for name in part)
    return {name: _joined([part.get(name, [None] * len(next(iter(part.values())))) for part in parts]) for name in names}


def _joined(columns: list[Any]) -> Array:
    arrays = [np.asarray(c) for c in columns]
    if len({a.shape[1:] for a in arrays}) == 1 and all(a.dtype != object for a in arrays):
        return np.concatenate(arrays)
    cells = [cell for array in arrays for cell in array]
    if not any(cell is None for cell in cells) and len({np.shape(cell) for cell in cells}) == 1:
        return np.array(cells)
    rows = [np.asarray(np.nan if cell is None else cell) for cell in cells]
    if any(row.dtype.kind not in "biuf" for row in rows) or len({r.ndim for r in rows if r.ndim}) > 1:
        column = np.empty(len(cells), object)
        column[:] = cells
        return column
    shape = np.max([r.shape for r in rows if r.ndim], axis=0) if any(r.ndim for r in rows) else ()
    filled = np.full((len(rows), *shape), np.nan)
    for i, row in enumerate(rows):
        filled[i, ...][tuple(map(slice, row.shape)) if row.ndim else ...] = row
    return filled


def save_trials(path: str | Path, table: Mapping[str, Array]) -> list[Path]:
    """Save a table as CSV and as compressed arrays (`.npz`, without pickles), each completely or not at all.

    Args:
        path: The file without its suffix; both are written.
        table: The table. Objects become text, as JSON.

    Returns:
        The two files.

    Raises:
        ValueError: Columns of different length.
    """
    plain = {name: without_objects(np.asarray(column)) for name, column in table.items()}
    if len({len(column) for column in plain.values()}) > 1:
        raise ValueError(f"Columns have different lengths: { {k: len(v) for k, v in plain.items()} }.")
    path = Path(path)
    files = [path.with_name(path.name + suffix) for suffix in (".csv", ".npz")]
    with atomic_write(files[0]) as aside, aside.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(plain)
        cells = [[_cell(v) for v in c.tolist()] for c in plain.values()]
        writer.writerows(zip(*cells, strict=True))
    with atomic_write(files[1]) as aside, aside.open("wb") as file:
        columns: dict[str, Any] = {f"column_{name}": column for name, column in plain.items()}
        np.savez_compressed(file, **columns)
    return files


def without_objects(column: Array) -> Array:
    """Give a column that can be saved without pickles: objects become text, as JSON."""
    if column.dtype != object:
        return column
    return np.array(["" if v is None else v if isinstance(v, str) else json.dumps(v, default=_plain) for v in column])


def _plain(value: Any) -> Any:
    return value.tolist() if isinstance(value, (np.ndarray, np.generic)) else str(value)


def _cell(value: Any) -> Any:
    return json.dumps(value) if isinstance(value, list) else value


def load_trials(path: str | Path, *, frame: bool = False) -> Any:
    """Read a saved table, or all tables of a folder, one under another.

    Args:
        path: A folder that `Monitor` wrote, or one `.npz` file.
        frame: Give a pandas data frame.

    Returns:
        Column -> (trials,) or (trials, k) array; or a data frame.

    Raises:
        FileNotFoundError: There is no table.
        ValueError: A file that holds no table.
        ImportError: A frame is wanted and pandas is not installed.
    """
    path = Path(path)
    files = sorted(path.glob("trials*.npz")) if path.is_dir() else [path]
    if not files or not all(file.is_file() for file in files):
        raise FileNotFoundError(f"There is no trial table in {path}; Monitor writes files called trials-*.npz.")
    table = join([_load(file) for file in files])
    if not frame:
        return table
    try:
        import pandas
    except ImportError as error:
        raise ImportError("A data frame needs pandas: pip install pandas.") from error
    return pandas.DataFrame({name: column if column.ndim == 1 else list(column) for name, column in table.items()})


def _load(file: Path) -> Table:
    try:
        with file.open("rb") as opened, np.load(opened, allow_pickle=False) as saved:  # NumPy leaves damaged files open
            return {name.removeprefix("column_"): saved[name] for name in saved.files}
    except Exception as error:
        raise ValueError(f"{file} is no trial table, or is damaged: {error}") from error

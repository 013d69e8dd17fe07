"""Trial tables: one row per played trial, with functions to record, concatenate, save and load them."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ngym_core.arguments import Having, explained
from ngym_core.files import atomic_write
from ngym_core.spaces import names_of

if TYPE_CHECKING:
    from ngym_core.wrappers.base import StepBatch

__all__ = [
    "MEASURED_COLUMNS",
    "TrialRecorder",
    "TrialTable",
    "concatenate_tables",
    "load_trial_table",
    "no_response",
    "reported_times",
    "save_trial_table",
    "without_objects",
]

Array: TypeAlias = NDArray[Any]
TrialTable: TypeAlias = dict[str, Array]
"""Column -> (trials,) or (trials, k) values."""

MEASURED_COLUMNS = {
    "trial": "number of the trial, in the order in which trials ended",
    "lane": "the lane that played it",
    "choice": "the action that ended it; 0 where none did",
    "gt": "the right action at its last step",
    "correct": "whether performance was full",
    "performance": "score from 0 to 1",
    "reaction_time": "ms from when a response was due (the ground truth is not 0), or from what the task or a "
    "wrapper counts from, to the first action other than 0 from then on; below 0 where a task that asks for an interval "
    "takes a response as too early; NaN without a response, also where an action came before any counts (a false alarm)",
    "reward": "sum over the trial",
    "cumulative_reward": "sum over all trials of the lane so far",
    "steps": "number of steps, without those of a time-out before the trial",
}
"""The columns that every table has in addition to the conditions, and their meaning."""
_RESTS = ("fixation", "none", "wait", "stay", "rest")
"""Names of actions that answer nothing."""


@explained
def no_response(action_space: Any) -> int | None:
    """Return the action that counts as no response: the one whose name says so, such as `fixation`, `none` or `wait`.

    Args:
        action_space: The actions of a task.

    Returns:
        The action; None where actions have names and each of them is a response. Without names it is 0, as in NeuroGym.

    Example:
        >>> import ngym_core as ngym
        >>> from ngym_core.trial_table import no_response
        >>> [no_response(ngym.make(task).action_space) for task in ("GoNogo-v0", "LeverPress-v0", "IBL-v0")]
        [0, 0, None]
    """
    names = names_of(action_space)
    return next((int(names[name]) for name in _RESTS if np.size(names.get(name, [])) == 1), None if names else 0)


class TrialRecorder:
    """Builds a trial table from the steps that n lanes play.

    Args:
        n: Number of lanes.
        dt: Time step in ms.

    Attributes:
        num_trials: Number of trials that have ended.
        num_pending: Number of them that `pop` has not returned yet.
        steps_before_due: Reaction times count from this number of steps before a response is due.
    """

    @explained
    def __init__(self, n: int, dt: float) -> None:
        self.dt = dt
        self.steps_before_due = 0
        self.num_trials = 0
        self.num_pending = 0
        self._steps = np.zeros(n, np.int64)
        self._due = np.full(n, -1)  # the step from which a response is due; -1 before
        self._answered = np.full(n, -1)  # the step of the first action other than 0 from then on; -1 before
        self._reward, self._total = np.zeros(n), np.zeros(n)
        self._parts: list[TrialTable] = []

    @explained
    def add(self, batch: Annotated[StepBatch, Having("a StepBatch", "lanes", "gt")]) -> None:
        """Record one step of some lanes, or the reset with which their episodes begin."""
        lanes = batch.lanes
        if batch.action is None or batch.gt is None:
            self._start_trials(lanes)
            return
        axes = tuple(range(1, batch.gt.ndim))
        taken = np.broadcast_to(np.equal(batch.info.get("paused", 0), 0), len(lanes))  # which steps a wrapper did not skip
        response_due = (batch.gt != 0).any(axis=axes)
        self._due[lanes] = np.where((self._due[lanes] < 0) & response_due, self._steps[lanes], self._due[lanes])
        if batch.action.ndim == 1:
            answers = taken & (batch.action != 0) & (self._due[lanes] >= 0) & (self._answered[lanes] < 0)
            self._answered[lanes[answers]] = self._steps[lanes[answers]]
        self._steps[lanes] += taken
        self._reward[lanes] += batch.reward
        self._total[lanes] += batch.reward
        if batch.ended.any():
            self._parts.append(self._rows(batch, np.nonzero(batch.ended)[0]))
            self._start_trials(lanes[batch.ended])

    def _rows(self, batch: StepBatch, which: Array) -> TrialTable:
        lanes = batch.lanes[which]
        action, gt = batch.action[which], batch.gt[which]  # type: ignore[index]
        elapsed = (self._answered[lanes] - self._due[lanes] + self.steps_before_due) * float(self.dt)
        reaction_time = np.where(self._answered[lanes] >= 0, elapsed, np.nan)
        if "reaction_time" in batch.info:  # the task or a wrapper measures it from another event, in these lanes
            measured = batch.info.get("_reaction_time", np.ones(len(batch.lanes), bool))[which]
            reaction_time = np.where(measured, batch.info["reaction_time"][which], reaction_time)
        performance = batch.performance[which].astype(float)
        numbers = self.num_trials + np.arange(len(which))
        self.num_trials += len(which)
        self.num_pending += len(which)
        conditions = {f"condition_{k}" if k in MEASURED_COLUMNS else k: v[which] for k, v in batch.conditions.items()}
        return {
            "trial": numbers,
            "lane": lanes,
            **conditions,
            "choice": action,
            "gt": gt,
            "correct": performance >= 1,
            "performance": performance,
            "reaction_time": reaction_time,
            "reward": self._reward[lanes],
            "cumulative_reward": self._total[lanes],
            "steps": self._steps[lanes],
        }

    def _start_trials(self, lanes: Array) -> None:
        self._steps[lanes], self._reward[lanes] = 0, 0.0
        self._due[lanes], self._answered[lanes] = -1, -1

    def pop(self) -> TrialTable:
        """Return the trials recorded since the last call and drop them here.

        Returns:
            The columns of `MEASURED_COLUMNS`, and the conditions under their names.
        """
        return concatenate_tables(self.pop_parts())

    def pop_parts(self) -> list[TrialTable]:
        """Return the same as `pop` as one table for each step that ended trials, for `concatenate_tables`."""
        parts, self._parts, self.num_pending = self._parts, [], 0
        return parts

    @property
    def state(self) -> dict[str, Any]:
        """The number of trials, and what the unfinished ones have accumulated; not the trials that are recorded."""
        return self.take_lanes(np.arange(len(self._steps)))

    @state.setter
    def state(self, state: Mapping[str, Any]) -> None:
        self.put_lanes(np.arange(len(self._steps)), state)

    @explained
    def take_lanes(self, lanes: Array) -> dict[str, Any]:
        """Return the number of trials, and what the unfinished trials of some lanes, (m,), have accumulated."""
        columns = {name: getattr(self, f"_{name}")[lanes] for name in ("steps", "due", "answered", "reward", "total")}
        return {"num_trials": self.num_trials, **columns}

    def put_lanes(self, lanes: Array, part: Mapping[str, Any]) -> None:
        """Set what `take_lanes` returned. The number of trials is set only with all lanes, whose trials it counts."""
        part = {"answered": -1, **part}  # which earlier states lack
        for name in ("steps", "due", "answered", "reward", "total"):
            getattr(self, f"_{name}")[lanes] = part[name]
        if len(lanes) == len(self._steps):
            self.num_trials = int(part["num_trials"])


def reported_times(info: Mapping[str, Any], lanes: Any = slice(None)) -> dict[str, Array]:
    """Return what a recorder reads of reports: reaction times and pauses, in the form of `ngym_core.StepBatch.info`.

    Args:
        info: The info of a step of lanes. Of a mixture, one task may measure reaction times and another one may not.
        lanes: The lanes to select, (m,).

    Returns:
        `reaction_time`, (m,) in ms, and `_reaction_time`, (m,) bool: which lanes report one; `paused` and `_paused`, whether
        a wrapper skipped the step. Empty if none reports any.

    Example:
        >>> from ngym_core.trial_table import reported_times
        >>> info = {"reaction_time": np.array([200.0, 0.0]), "_reaction_time": np.array([True, False])}
        >>> reported_times(info, np.array([0]))
        {'reaction_time': array([200.]), '_reaction_time': array([ True])}
    """
    names = [prefix + name for name in ("reaction_time", "paused") for prefix in ("", "_")]
    return {name: info[name][lanes] for name in names if name in info}


@explained
def concatenate_tables(parts: Sequence[TrialTable]) -> TrialTable:
    """Concatenate tables row by row.

    A column that a table lacks is NaN (or None) in its rows; shorter rows of numbers are padded with NaN.

    Args:
        parts: The tables. Their columns may differ.

    Returns:
        One table with all columns.

    Example:
        >>> first, second = {"trial": np.array([0, 1])}, {"trial": np.array([2]), "coh": np.array([6.4])}
        >>> {name: column.tolist() for name, column in concatenate_tables([first, second]).items()}
        {'trial': [0, 1, 2], 'coh': [nan, nan, 6.4]}
    """
    names = dict.fromkeys(name for part in parts for name in part)
    return {name: _concatenate([_column(part, name) for part in parts]) for name in names}


def _column(table: TrialTable, name: str) -> Any:
    return table[name] if name in table else [None] * len(next(iter(table.values())))


def _concatenate(columns: list[Any]) -> Array:
    arrays = [np.asarray(c) for c in columns]
    kinds = {"number" if a.dtype.kind in "biuf" else a.dtype.kind for a in arrays}
    if len({a.shape[1:] for a in arrays}) == 1 and len(kinds) == 1 and "O" not in kinds:
        return np.concatenate(arrays)
    # Shapes or types differ between tables: go cell by cell.
    cells = [cell for array in arrays for cell in array]
    types = {"number" if isinstance(cell, (bool, int, float, np.number, np.bool_)) else type(cell) for cell in cells}
    if not any(cell is None for cell in cells) and len(types) == 1 and len({np.shape(cell) for cell in cells}) == 1:
        return np.array(cells)
    rows = [np.asarray(np.nan if cell is None else cell) for cell in cells]
    if any(row.dtype.kind not in "biuf" for row in rows) or len({r.ndim for r in rows if r.ndim}) > 1:
        column = np.empty(len(cells), object)
        column[:] = cells
        return column
    shape = np.max([r.shape for r in rows if r.ndim], axis=0) if any(r.ndim for r in rows) else ()
    padded = np.full((len(rows), *shape), np.nan)
    for i, row in enumerate(rows):
        padded[i, ...][tuple(map(slice, row.shape)) if row.ndim else ...] = row
    return padded


@explained
def save_trial_table(path: str | Path, table: Mapping[str, Array]) -> list[Path]:
    """Save a table as CSV and as compressed arrays (`.npz`, without pickles), each file completely or not at all.

    Args:
        path: The path without its suffix; ``.csv`` and ``.npz`` are appended.
        table: The table. Objects are written as JSON text.

    Returns:
        The two files.

    Raises:
        ValueError: Columns of different lengths.

    Example:
        >>> table = {"trial": np.arange(2), "performance": np.array([1.0, 0.0])}
        >>> [file.name for file in save_trial_table("trials", table)]
        ['trials.csv', 'trials.npz']
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


@explained
def without_objects(column: Array) -> Array:
    """Return a column that can be saved without pickles: objects become JSON text."""
    if column.dtype != object:
        return column
    return np.array(["" if v is None else v if isinstance(v, str) else json.dumps(v, default=_plain) for v in column])


def _plain(value: Any) -> Any:
    return value.tolist() if isinstance(value, (np.ndarray, np.generic)) else str(value)


def _cell(value: Any) -> Any:
    return json.dumps(value) if isinstance(value, list) else value


@explained
def load_trial_table(path: str | Path, *, frame: bool = False) -> Any:
    """Load a saved table, or all tables of a folder, concatenated.

    Args:
        path: A folder that `Monitor` wrote, or one `.npz` file.
        frame: Return a pandas data frame.

    Returns:
        Column -> (trials,) or (trials, k) array; or a data frame.

    Raises:
        FileNotFoundError: There is no table.
        ValueError: A file that is not a table.
        ImportError: `frame` without pandas.

    Example:
        >>> _ = save_trial_table("trials", {"trial": np.arange(2), "coh": np.array([6.4, 51.2])})
        >>> load_trial_table("trials.npz")
        {'trial': array([0, 1]), 'coh': array([ 6.4, 51.2])}
    """
    path = Path(path)
    files = sorted(path.glob("trials*.npz")) if path.is_dir() else [path]
    if not files or not all(file.is_file() for file in files):
        raise FileNotFoundError(f"There is no trial table in {path}; Monitor writes files called trials-*.npz.")
    table = concatenate_tables([_load(file) for file in files])
    if not frame:
        return table
    try:
        import pandas
    except ImportError as error:
        raise ImportError("A data frame needs pandas: pip install pandas.") from error
    return pandas.DataFrame({name: column if column.ndim == 1 else list(column) for name, column in table.items()})


def _load(file: Path) -> TrialTable:
    try:
        with file.open("rb") as opened, np.load(opened, allow_pickle=False) as saved:  # NumPy leaves damaged files open
            return {name.removeprefix("column_"): saved[name] for name in saved.files}
    except Exception as error:
        raise ValueError(f"{file} is no trial table, or is damaged: {error}") from error

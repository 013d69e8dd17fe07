"""Learning curves, from trial tables and from the logs of `ngym train` and Stable-Baselines3."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from ngym_core.arguments import FilePath, Positive, Text, checked
from ngym_core.errors import unknown_name
from ngym_core.trial_table import load_trial_table
from ngym_plot.figure import GivenAxes, axes_or_new, style
from ngym_plot.stats import Z_95, running_mean
from ngym_plot.trial_table import Table, numeric_column

__all__ = ["plot_training"]

Array: TypeAlias = NDArray[Any]

_LOG_MEASURES = ("trial/performance", "rollout/ep_rew_mean")
"""Columns of a log to draw by default: the first that it has."""
_MAX_LOG_ROWS_WITH_MARKERS = 60
_RIGHT_AXES = {"stage": ("Stage (dashed)", "--", 1.0), "level": ("Level (dotted)", ":", 1.16)}
"""Columns of a curriculum that get an axis on the right: its label, the style of the line, and where it is, in widths."""


@checked
def plot_training(
    source: Table | FilePath,
    measure: Text | None = None,
    *,
    window: Positive = 200,
    label: Text | None = None,
    ax: GivenAxes | None = None,
    title: Text | None = None,
) -> Axes:
    """Draw a learning curve. Call it again with the same axes to compare runs.

    The stage of a curriculum, and the level of its staircases, have axes of their own on the right, where the source has
    columns of these names (``trial/stage`` and ``trial/level`` in ``progress.csv``); see
    `ngym_core.wrappers.FollowCurriculum`. They are drawn as they are, in steps; a stage of -1 is none.

    Args:
        source: A trial table, or a file or folder with one of: the tables of `Monitor` (``trials-*.npz``), the
            ``progress.csv`` of `ngym train` or of a Stable-Baselines3 logger, the ``evaluations.npz`` of its
            `EvalCallback`.
        measure: Column to draw. By default `performance` of a trial table, and ``trial/performance`` or else
            ``rollout/ep_rew_mean`` of ``progress.csv``. Of evaluations the mean reward is drawn.
        window: Number of trials in the running mean of a trial table; below 1, a fraction of all trials.
        label: Name of the run, for the legend.
        ax: Axes to draw into; a new figure by default.
        title: Title.

    Returns:
        The axes.

    Raises:
        FileNotFoundError: A file that does not exist, or a folder without any of these files.
        UnknownNameError: A column that does not exist.
        ValueError: No trial, an empty log, or a window that is not positive.

    Example:
        >>> import numpy as np
        >>> early, late = np.arange(100) % 2, np.ones(100)
        >>> ax = plot_training({"performance": np.concatenate([early, late])}, window=50, label="seed 0")
        >>> ax.get_ylabel()
        'Mean performance of 50 trials'
    """
    # A pandas data frame has columns; what else is not a table is a path.
    path = None if isinstance(source, Mapping) or hasattr(source, "columns") else _find_log(Path(source))
    with style():
        ax = axes_or_new(ax, (5.5, 3.2))
        if path is None or path.is_dir() or path.name.startswith("trials"):
            table: Any = source if path is None else load_trial_table(path)
            _draw_trials(ax, table, measure or "performance", window, label)
        elif path.suffix == ".csv":
            _draw_progress(ax, path, measure, label)
        else:
            _draw_evaluations(ax, path, label)
        ax.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True, steps=[1, 2, 2.5, 5, 10]))
        ax.xaxis.set_major_formatter("{x:,.0f}")
        if label is not None:
            ax.legend()
        if title is not None:
            ax.set_title(title)
    return ax


def _find_log(path: Path) -> Path:
    """Return the path itself if it is a file or has the tables of a `Monitor`, else the log in the folder."""
    if path.is_file():
        # Tables are saved in two forms, of which trials are read from the one and the logger's lines from the other.
        form = ".npz" if path.name.startswith("trials") else ".csv" if path.stem == "progress" else path.suffix
        return path.with_suffix(form)
    if path.is_dir():
        if any(path.glob("trials-*.npz")):
            return path
        for name in ("progress.csv", "evaluations.npz"):
            if (path / name).is_file():
                return path / name
    raise FileNotFoundError(f"There is no trials-*.npz, progress.csv or evaluations.npz in {path}.")


def _draw_trials(ax: Axes, table: Table, measure: str, window: float, label: str | None) -> None:
    values = numeric_column(table, measure)
    width = max(1, round(window * len(values) if window < 1 else window))
    mean = running_mean(values, width)
    trials = np.arange(1, len(values) + 1)
    # The means at the start, of fewer trials than the window has, get only the thin line.
    full_windows = slice(min(width, len(values)) - 1, None)
    (line,) = ax.plot(trials[full_windows], mean[full_windows], label=label)
    ax.plot(trials, mean, color=line.get_color(), linewidth=0.6, alpha=0.6)
    # Of a task that has a condition of this name, it may be texts or rows.
    columns = {name: np.asarray(table[name]) for name in _RIGHT_AXES if name in table and name != measure}
    found = {name: column for name, column in columns.items() if column.ndim == 1 and column.dtype.kind in "biuf"}
    _draw_curriculum(ax, trials, found, line.get_color())
    ax.set(xlabel="Trial", ylabel=f"Mean {measure.replace('_', ' ')} of {min(width, len(values))} trials")
    if not ((values < 0) | (values > 1)).any():
        ax.set_ylim(-0.05, 1.05)


def _draw_progress(ax: Axes, path: Path, measure: str | None, label: str | None) -> None:
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    if not rows:
        raise ValueError(f"{path} has no row.")
    step_column = _first_column(rows[0], "steps", "time/total_timesteps")
    name = _first_column(rows[0], measure) if measure is not None else _first_column(rows[0], *_LOG_MEASURES)
    # The logger leaves a field empty when it has no new value.
    pairs = np.array([(row[step_column], row[name] or "nan") for row in rows], float)
    steps, values = pairs[~np.isnan(pairs[:, 1])].T
    (line,) = ax.plot(steps, values, marker="." if len(steps) <= _MAX_LOG_ROWS_WITH_MARKERS else None, label=label)
    ax.set(xlabel="Time step", ylabel=name)
    found = {part: f"trial/{part}" for part in _RIGHT_AXES if f"trial/{part}" in rows[0] and f"trial/{part}" != name}
    columns = {part: np.array([row[column] or "nan" for row in rows], float) for part, column in found.items()}
    _draw_curriculum(ax, np.array([row[step_column] for row in rows], float), columns, line.get_color())


def _draw_curriculum(ax: Axes, x: Array, columns: Mapping[str, Array], color: Any) -> None:
    """Draw stages and levels, (n,) each, as steps into axes of their own on the right."""
    for name, column in columns.items():
        known = ~np.isnan(column) & ((name != "stage") | (column >= 0))
        if not known.any():
            continue
        label, linestyle, position = _RIGHT_AXES[name]
        right = _right_axes(ax, name)
        options: dict[str, Any] = {"color": color, "linestyle": linestyle, "linewidth": 1, "drawstyle": "steps-pre"}
        right.plot(x[known], column[known], marker="." if known.sum() == 1 else None, **options)  # one row is no line
        right.set_ylabel(label)
        right.spines["right"].set(visible=True, position=("axes", position))
        if name == "stage":
            right.yaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))  # also of one stage only


def _right_axes(ax: Axes, name: str) -> Axes:
    """Return the axes on the right of others that have a name, those of an earlier call if there are any."""
    for other in ax.figure.axes:
        if (
            other.get_label() == name
            and other.get_subplotspec() == ax.get_subplotspec()
            and ax.get_shared_x_axes().joined(ax, other)
        ):
            return other
    right = ax.twinx()
    right.set_label(name)
    right.grid(False)
    return right


def _first_column(row: Mapping[str, str], *names: str) -> str:
    """Return the first of these columns that the row has."""
    for name in names:
        if name in row:
            return name
    raise unknown_name("column", names[-1], row)


def _draw_evaluations(ax: Axes, path: Path, label: str | None) -> None:
    with np.load(path, allow_pickle=False) as saved:
        for name in ("timesteps", "results"):
            if name not in saved.files:
                raise unknown_name("array", name, saved.files)
        steps, results = saved["timesteps"], saved["results"]  # (k,), (k, episodes)
    if not len(steps):
        raise ValueError(f"{path} has no evaluation.")
    mean = results.mean(axis=1)
    half = Z_95 * results.std(axis=1, ddof=1) / np.sqrt(results.shape[1]) if results.shape[1] > 1 else 0 * mean
    (line,) = ax.plot(steps, mean, marker="." if len(steps) <= _MAX_LOG_ROWS_WITH_MARKERS else None, label=label)
    ax.fill_between(steps, mean - half, mean + half, color=line.get_color(), alpha=0.2, linewidth=0)
    ax.set(xlabel="Time step", ylabel="Mean reward of an episode")

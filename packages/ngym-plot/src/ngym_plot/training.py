"""Performance across training, from what Monitor or Stable-Baselines3 wrote."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from ngym_core.errors import unknown
from ngym_core.trial_table import load_trial_table
from ngym_plot.figure import new_axes, style
from ngym_plot.trial_table import Table, numbers, running_mean

__all__ = ["plot_training"]

Array: TypeAlias = NDArray[Any]

MEASURES = ("trial/performance", "rollout/ep_rew_mean")
"""What is drawn of a log, whichever it has."""


def plot_training(
    source: Table | str | Path,
    measure: str | None = None,
    *,
    window: float = 200,
    label: str | None = None,
    ax: Axes | None = None,
    title: str | None = None,
) -> Axes:
    """Draw how well an agent does as it learns. Call it again with the same axes to compare runs.

    Args:
        source: A trial table, or a folder or file with one of: the tables of `Monitor` (``trials-*.npz``), the
            ``progress.csv`` of `ngym train` or of a Stable-Baselines3 logger, the ``evaluations.npz`` of its
            `EvalCallback`.
        measure: Column to draw. By default `performance` of a trial table, ``trial/performance`` or else
            ``rollout/ep_rew_mean`` of ``progress.csv``, and the mean reward of evaluations.
        window: Trials in the running mean of a trial table; below 1, a share of all trials.
        label: Name of the run, for the legend.
        ax: Where to draw; a new figure by default.
        title: Title.

    Returns:
        The axes.

    Raises:
        FileNotFoundError: There is nothing to read.
        UnknownNameError: A column that does not exist.
        ValueError: No trial, an empty log, or a window that is not positive.
    """
    if not window > 0:
        raise ValueError(f"window={window!r} must be positive: a number of trials, or a share below 1.")
    where = None if isinstance(source, Mapping) or hasattr(source, "columns") else _find(Path(source))
    with style():
        ax = new_axes(ax, (5.5, 3.2))
        if where is None or where.is_dir() or where.name.startswith("trials"):
            table: Any = source if where is None else load_trial_table(where)
            _draw_trials(ax, table, measure or "performance", window, label)
        elif where.suffix == ".csv":
            _draw_progress(ax, where, measure, label)
        else:
            _draw_evaluations(ax, where, label)
        ax.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True, steps=[1, 2, 2.5, 5, 10]))
        ax.xaxis.set_major_formatter("{x:,.0f}")
        if label is not None:
            ax.legend()
        if title is not None:
            ax.set_title(title)
    return ax


def _find(path: Path) -> Path:
    """The file that was written in a folder, or the folder of a Monitor."""
    if path.is_file():
        return path
    if path.is_dir():
        if any(path.glob("trials-*.npz")):
            return path
        for name in ("progress.csv", "evaluations.npz"):
            if (path / name).is_file():
                return path / name
    raise FileNotFoundError(f"There is no trials-*.npz, progress.csv or evaluations.npz in {path}.")


def _draw_trials(ax: Axes, table: Table, measure: str, window: float, label: str | None) -> None:
    values = numbers(table, measure)
    width = max(1, round(window * len(values) if window < 1 else window))
    mean = running_mean(values, width)
    trials = np.arange(1, len(values) + 1)
    whole = slice(min(width, len(values)) - 1, None)  # before, fewer trials than the window stand behind the mean
    (line,) = ax.plot(trials[whole], mean[whole], label=label)
    ax.plot(trials, mean, color=line.get_color(), linewidth=0.6, alpha=0.6)
    ax.set(xlabel="Trial", ylabel=f"Mean {measure.replace('_', ' ')} of {width} trials")
    if np.nanmin(values) >= 0 and np.nanmax(values) <= 1:
        ax.set_ylim(-0.05, 1.05)


def _draw_progress(ax: Axes, path: Path, measure: str | None, label: str | None) -> None:
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    if not rows:
        raise ValueError(f"{path} has no row.")
    steps = _first(rows[0], "steps", "time/total_timesteps")
    name = _first(rows[0], measure) if measure is not None else _first(rows[0], *MEASURES)
    pairs = np.array([(row[steps], row[name] or "nan") for row in rows], float)
    taken, values = pairs[~np.isnan(pairs[:, 1])].T
    ax.plot(taken, values, marker="." if len(taken) <= 60 else None, label=label)
    ax.set(xlabel="Time step", ylabel=name)


def _first(row: Mapping[str, str], *names: str) -> str:
    """The first of these columns that there is."""
    for name in names:
        if name in row:
            return name
    raise unknown("column", names[-1], row)


def _draw_evaluations(ax: Axes, path: Path, label: str | None) -> None:
    with np.load(path, allow_pickle=False) as saved:
        for name in ("timesteps", "results"):
            if name not in saved.files:
                raise unknown("array", name, saved.files)
        steps, results = saved["timesteps"], saved["results"]  # (k,), (k, episodes)
    if not len(steps):
        raise ValueError(f"{path} has no evaluation.")
    mean = results.mean(axis=1)
    half = 1.96 * results.std(axis=1, ddof=1) / np.sqrt(results.shape[1]) if results.shape[1] > 1 else 0 * mean
    (line,) = ax.plot(steps, mean, marker="." if len(steps) <= 60 else None, label=label)
    ax.fill_between(steps, mean - half, mean + half, color=line.get_color(), alpha=0.2, linewidth=0)
    ax.set(xlabel="Time step", ylabel="Mean reward of an episode")

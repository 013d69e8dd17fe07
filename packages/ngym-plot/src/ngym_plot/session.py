"""Many trials: choices, rewards, performance, block by block."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeAlias

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from ngym_core.errors import nearest
from ngym_plot.config import PlotConfig
from ngym_plot.figure import color, save, style
from ngym_plot.trial_table import Table, column, numbers, running_mean

__all__ = ["plot_session", "session_of"]

Array: TypeAlias = NDArray[Any]


def session_of(run: Mapping[str, Any]) -> dict[str, Array]:
    """Make a trial table of a run, for `plot_session`.

    Args:
        run: What `ngym_core.run_env` gives.

    Returns:
        `choice`, `gt`, `performance`, `reward` (n, ...), and the conditions of numbers or words that all trials have.

    Raises:
        ValueError: No trial ended.
    """
    ends = np.nonzero(run["trial_end"])[0]
    if not len(ends):
        raise ValueError("No trial ended in the run.")
    rewards = np.add.reduceat(run["rewards"][: ends[-1] + 1], np.concatenate([[0], ends[:-1] + 1]))
    trials = run["trials"]
    shared = [name for name in trials[0] if all(np.ndim(trial.get(name, [])) == 0 for trial in trials)]
    table = {name: np.array([trial[name] for trial in trials]) for name in shared}
    return {
        **table,
        "choice": run["actions"][ends],
        "gt": run["gt"][ends],
        "performance": run["perf"][ends],
        "reward": rewards,
    }


def plot_session(
    table: Table,
    *,
    lane: int | None = None,
    window: int = 50,
    block: str | None = None,
    none: float | None = 0,
    fig: Figure | SubFigure | None = None,
    title: str = "",
    fname: str | Path | None = None,
    plot_config: PlotConfig | dict[str, Any] | None = None,
) -> Figure:
    """Draw many trials, one after another: choices, rewards, running performance, and blocks as shades.

    Args:
        table: A trial table with `choice`, `reward` and `performance`.
        lane: Only the trials of this lane; by default all, in the order of the table.
        window: Trials in the running means.
        block: Column that says which block a trial belongs to; by default `block`, where the table has it and one
            lane is drawn (those of several lanes are not the same).
        none: The action that is no response; None if all are.
        fig: Where to draw; a new figure by default.
        title: Title.
        fname: Save the figure there (and close it).
        plot_config: Sizes.

    Returns:
        The figure that was drawn into.

    Raises:
        UnknownNameError: A column that the table does not have.
        ValueError: No trial, a lane that played none, or a window below 1.
    """
    if window < 1:
        raise ValueError(f"window={window!r} must be at least one trial.")
    names = [name for name in ("choice", "reward", "performance", "correct", "lane", block) if name]
    needed = {name: column(table, name) for name in names if name in table or name not in ("correct", "lane")}
    lanes = needed.get("lane", np.zeros(len(needed["choice"]), int))
    if lane is not None and lane not in lanes:
        raise ValueError(f"The lane {lane!r} played no trial. {nearest(lane, np.unique(lanes).tolist())}")
    kept = np.ones(len(lanes), bool) if lane is None else lanes == lane
    if block is None and "block" in table and len(np.unique(lanes[kept])) == 1:
        block = "block"
        needed[block] = column(table, block)
    rows: dict[str, Any] = {name: values[kept] for name, values in needed.items()}
    config = PlotConfig.of(plot_config)
    with style(config):
        heights = (1.4, 1.0, 1.2)
        size = (config.width, config.panel_height * sum(heights) + 0.4)
        figure: Any = plt.figure(figsize=size) if fig is None else fig
        axes = figure.subplots(3, 1, sharex=True, height_ratios=heights)
        trials = np.arange(1, kept.sum() + 1)
        _choices(axes[0], trials, rows, none)
        _rewards(axes[1], trials, numbers(rows, "reward"), window)
        _performance(axes[2], trials, numbers(rows, "performance"), window)
        axes[2].set(xlabel="Trial", xlim=(0.5, len(trials) + 0.5))
        axes[2].xaxis.set_major_locator(MaxNLocator(nbins="auto", integer=True, steps=[1, 2, 2.5, 5, 10]))
        if block is not None:
            _blocks(axes, rows[block], block)
        axes[0].set_title(title)
        figure.align_ylabels(axes.tolist())
        if fname is not None:
            save(figure.figure, fname)
            plt.close(figure.figure)
    return figure  # type: ignore[no-any-return]


def _choices(ax: Axes, trials: Array, rows: Table, none: float | None) -> None:
    """A tick for each trial at its choice, errors a little lower; of several numbers, a dot for each."""
    choice, performance = rows["choice"], rows["performance"]
    correct = np.asarray(rows.get("correct", performance >= 1), bool)
    if choice.ndim > 1:
        for k, values in enumerate(choice.reshape(len(trials), -1).T):
            ax.plot(trials, values, ".", color=color(k), markersize=_dot(trials), label=f"action {k}", rasterized=True)
        ax.margins(y=0.25)
    else:
        missed = np.zeros(len(trials), bool) if none is None else (choice == none) & ~correct
        outcomes = {
            "correct": (correct, 0.14, color(0)),
            "error": (~correct & ~missed, -0.14, color(1)),
            "no response": (missed, 0.0, "0.6"),
        }
        height = min(7.0, 40.0 / (1 + float(np.ptp(choice))))
        for name, (members, shift, shade) in outcomes.items():
            if members.any():
                look: dict[str, Any] = {"marker": "|", "markersize": height, "markeredgewidth": _dot(trials) / 3}
                ax.plot(trials[members], choice[members] + shift, linestyle="", color=shade, label=name, **look)
        ax.set_ylim(choice.min() - 0.5, choice.max() + (0.9 if np.ptp(choice) < 8 else 0.15 * np.ptp(choice)))
        made = np.unique(choice)
        ax.set_yticks(made[:: max(1, -(-len(made) // 6))])
    ax.set_ylabel("Choice")
    ax.legend(loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=4, borderaxespad=0.2, handletextpad=0.2)


def _dot(trials: Array) -> float:
    """Size of a trial's mark in points: smaller where there are many."""
    return float(np.clip(1200 / len(trials), 1.5, 5))


def _rewards(ax: Axes, trials: Array, reward: Array, window: int) -> None:
    ax.plot(trials, reward, ".", color="0.65", markersize=0.7 * _dot(trials), rasterized=True)
    ax.plot(trials, running_mean(reward, window), color=color(1), label=f"mean of {window} trials")
    ax.yaxis.set_major_locator(MaxNLocator(nbins=4, steps=[1, 2, 5, 10]))
    ax.margins(y=0.15)
    ax.set_ylabel("Reward")


def _performance(ax: Axes, trials: Array, performance: Array, window: int) -> None:
    ax.plot(trials, performance, ".", color="0.65", markersize=0.7 * _dot(trials), rasterized=True)
    ax.plot(trials, running_mean(performance, window), color=color(2))
    ax.set(ylim=(-0.1, 1.1), yticks=[0, 0.5, 1], ylabel="Performance")
    ax.set_title(f"Mean {np.nanmean(performance):.2f}; lines: running mean of {window} trials", fontsize="small", pad=2)


def _blocks(axes: Any, block: Array, name: str) -> None:
    """Shade the blocks by their kind, and name each where there is room."""
    edges = np.concatenate([[0], np.nonzero(block[1:] != block[:-1])[0] + 1, [len(block)]])
    kinds = np.unique(block).tolist()
    greys = np.linspace(0.98, 0.9, max(2, len(kinds)))
    room = 60 // max(len(str(kind)) for kind in kinds)
    for start, end in pairwise(edges.tolist()):
        for ax in axes:
            ax.axvspan(start + 0.5, end + 0.5, color=str(greys[kinds.index(block[start])]), linewidth=0, zorder=0)
        if len(edges) <= room:
            look: dict[str, Any] = {"fontsize": "x-small", "color": "0.3", "ha": "center", "va": "top"}
            label = f"{name} {block[start]}" if start == 0 else str(block[start])
            axes[0].text((start + end + 1) / 2, 0.98, label, transform=axes[0].get_xaxis_transform(), **look)

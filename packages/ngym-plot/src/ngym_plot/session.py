"""Sessions: choices, rewards and performance of many trials, with blocks as shades."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, TypeAlias

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from ngym_core.arguments import Count, Finite, Index, Text, checked
from ngym_core.errors import nearest
from ngym_plot.config import PlotConfig
from ngym_plot.figure import FigureFile, GivenFigure, new_figure, palette_color, save_figure, style
from ngym_plot.stats import running_mean
from ngym_plot.trial_table import Table, column, numeric_column, outcomes

__all__ = ["plot_session"]

Array: TypeAlias = NDArray[Any]


@checked
def plot_session(
    table: Table,
    *,
    lane: Index | None = None,
    window: Count = 50,
    block: Text | None = None,
    no_response: Finite | None = 0,
    fig: GivenFigure | None = None,
    title: Text = "",
    fname: FigureFile | None = None,
    plot_config: PlotConfig | dict[str, Any] | None = None,
) -> Figure:
    """Draw trials in their order: choices, rewards and running performance, with blocks as shades.

    Args:
        table: A trial table with `choice`, `reward` and `performance`.
        lane: Only the trials of this lane; by default all, in the order of the table.
        window: Number of trials in the running means.
        block: Column that says which block a trial belongs to. By default `block`, if the table has it and the trials
            of one lane are drawn (lanes have blocks of their own).
        no_response: The action that counts as no response; None if every action is a response.
        fig: A figure or a subfigure to draw into; a new figure by default.
        title: Title.
        fname: Save the figure there (and close it).
        plot_config: Sizes.

    Returns:
        The figure or subfigure.

    Raises:
        UnknownNameError: A column that the table does not have.
        ValueError: No trial, a lane that played none, or a window below 1.

    Example:
        >>> import numpy as np
        >>> correct = np.arange(200) % 3 > 0
        >>> table = {"choice": 1 + np.arange(200) % 2, "reward": 1.0 * correct, "performance": 1.0 * correct}
        >>> figure = plot_session({**table, "block": np.arange(200) // 50}, window=20)
    """
    names = [name for name in ("choice", "reward", "performance", "correct", "lane", block) if name]
    columns = {name: column(table, name) for name in names if name in table or name not in ("correct", "lane")}
    lanes = columns.get("lane", np.zeros(len(columns["choice"]), int))
    if lane is not None and lane not in lanes:
        raise ValueError(f"The lane {lane!r} played no trial. {nearest(lane, np.unique(lanes).tolist())}")
    drawn = np.ones(len(lanes), bool) if lane is None else lanes == lane
    if block is None and "block" in table and len(np.unique(lanes[drawn])) == 1:
        block = "block"
        columns[block] = column(table, block)
    rows: dict[str, Any] = {name: values[drawn] for name, values in columns.items()}
    config = PlotConfig.of(plot_config)
    with style(config):
        heights = (1.4, 1.0, 1.2)
        size = (config.width, config.panel_height * sum(heights) + 0.4)
        figure: Any = new_figure(figsize=size) if fig is None else fig
        axes = figure.subplots(3, 1, sharex=True, height_ratios=heights)
        trials = np.arange(1, drawn.sum() + 1)
        _draw_choices(axes[0], trials, rows, no_response)
        _draw_rewards(axes[1], trials, numeric_column(rows, "reward"), window)
        _draw_performance(axes[2], trials, numeric_column(rows, "performance"), window)
        axes[2].set(xlabel="Trial", xlim=(0.5, len(trials) + 0.5))
        axes[2].xaxis.set_major_locator(MaxNLocator(nbins="auto", integer=True, steps=[1, 2, 2.5, 5, 10]))
        if block is not None:
            _shade_blocks(axes, rows[block], block)
        axes[0].set_title(title)
        figure.align_ylabels(axes.tolist())
        if fname is not None:
            save_figure(figure.figure, fname)
            plt.close(figure.figure)
    return figure  # type: ignore[no-any-return]


def _draw_choices(ax: Axes, trials: Array, rows: Table, no_response: float | None) -> None:
    """Draw a tick at the choice of each trial, errors a little lower; for choices of several numbers, a dot for each."""
    if rows["choice"].ndim > 1:
        for k, values in enumerate(rows["choice"].reshape(len(trials), -1).T):
            marker: dict[str, Any] = {"color": palette_color(k), "markersize": _marker_size(trials), "rasterized": True}
            ax.plot(trials, values, ".", label=f"action {k}", **marker)
        ax.margins(y=0.25)
    else:
        choice, performance = numeric_column(rows, "choice"), numeric_column(rows, "performance")
        full = np.where(np.isnan(performance), np.nan, performance >= 1)
        correct = outcomes(rows if "correct" in rows else {"correct": full})
        missed = np.zeros(len(trials), bool) if no_response is None else (choice == no_response) & (correct != 1)
        kinds = {
            "correct": (correct == 1, 0.14, palette_color(0)),
            "error": ((correct == 0) & ~missed, -0.14, palette_color(1)),
            "no response": (missed, 0.0, "0.6"),
        }
        made = choice[np.isfinite(choice)] if np.isfinite(choice).any() else np.zeros(1)
        span = float(np.ptp(made))
        height = min(7.0, 40.0 / (1 + span))
        for name, (members, shift, color) in kinds.items():
            if members.any():
                marker = {"marker": "|", "markersize": height, "markeredgewidth": _marker_size(trials) / 3}
                ax.plot(trials[members], choice[members] + shift, linestyle="", color=color, label=name, **marker)
        ax.set_ylim(made.min() - 0.5, made.max() + (0.9 if span < 8 else 0.15 * span))
        different = np.unique(made)
        ax.set_yticks(different[:: max(1, -(-len(different) // 6))])  # at most 6 ticks
    ax.set_ylabel("Choice")
    ax.legend(loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=4, borderaxespad=0.2, handletextpad=0.2)


def _marker_size(trials: Array) -> float:
    """Return the size of a trial's marker in points: smaller where there are many trials."""
    return float(np.clip(1200 / len(trials), 1.5, 5))


def _draw_rewards(ax: Axes, trials: Array, reward: Array, window: int) -> None:
    ax.plot(trials, reward, ".", color="0.65", markersize=0.7 * _marker_size(trials), rasterized=True)
    ax.plot(trials, running_mean(reward, window), color=palette_color(1), label=f"mean of {window} trials")
    ax.yaxis.set_major_locator(MaxNLocator(nbins=4, steps=[1, 2, 5, 10]))
    ax.margins(y=0.15)
    ax.set_ylabel("Reward")


def _draw_performance(ax: Axes, trials: Array, performance: Array, window: int) -> None:
    ax.plot(trials, performance, ".", color="0.65", markersize=0.7 * _marker_size(trials), rasterized=True)
    ax.plot(trials, running_mean(performance, window), color=palette_color(2))
    ax.set(ylim=(-0.1, 1.1), yticks=[0, 0.5, 1], ylabel="Performance")
    ax.set_title(f"Mean {np.nanmean(performance):.2f}; lines: running mean of {window} trials", fontsize="small", pad=2)


def _shade_blocks(axes: Any, block: Array, name: str) -> None:
    """Shade each block in the grey of its value, and label the blocks where there is room."""
    # Where blocks are missing, NaN differs from NaN, and None among objects cannot be sorted.
    values, number = np.unique(block.astype(str) if block.dtype == object else block, return_inverse=True)
    edges = np.concatenate([[0], np.nonzero(np.diff(number))[0] + 1, [len(block)]])
    greys = np.linspace(0.98, 0.9, max(2, len(values)))
    max_labels = 60 // max(len(str(value)) for value in values.tolist())  # about 60 characters fit side by side
    for start, end in pairwise(edges.tolist()):
        for ax in axes:
            ax.axvspan(start + 0.5, end + 0.5, color=str(greys[number[start]]), linewidth=0, zorder=0)
        if len(edges) <= max_labels:
            text: dict[str, Any] = {"fontsize": "x-small", "color": "0.3", "ha": "center", "va": "top"}
            label = f"{name} {block[start]}" if start == 0 else str(block[start])
            axes[0].text((start + end + 1) / 2, 0.98, label, transform=axes[0].get_xaxis_transform(), **text)

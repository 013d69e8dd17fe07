"""Panels of a run: observations, actions, rewards and performance over time, each drawn into its own axes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, TypeAlias

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from ngym_core.arguments import Count, checked, explained
from ngym_core.spaces import names_of
from ngym_plot.figure import TimeAxis, palette_color

__all__ = [
    "action_ticks",
    "channel_names",
    "draw_actions",
    "draw_heat_map",
    "draw_images",
    "draw_performance",
    "draw_rewards",
    "draw_traces",
    "shade_periods",
    "to_uint8",
]

Array: TypeAlias = NDArray[Any]
Periods: TypeAlias = Mapping[str, tuple[int, int]]
"""Period -> its first step (from 0) and the step after its last."""

_MAX_STEPS_WITH_LINES = 400
"""In longer runs, lines from step to step would cover one another."""
_PERIOD_NAME_POINTS = 7.0
"""Font size of the names of periods."""


@explained
def shade_periods(axes: Sequence[Axes], time_axis: TimeAxis, periods: Periods) -> None:
    """Shade periods in alternating greys in all panels (images get lines), and write their names above the first panel."""
    cut = {name: (start, min(end, time_axis.steps)) for name, (start, end) in periods.items()}  # a trial may end early
    shown = {name: (start, end) for name, (start, end) in cut.items() if start < end}
    spans = [time_axis.start_of(np.array(span) + 1) for span in shown.values()]
    longest_first = sorted(enumerate(spans), key=lambda pair: float(pair[1][0] - pair[1][1]))  # periods may overlap
    for ax in axes:
        for i, (start, end) in longest_first:
            if ax.images:
                ax.axvline(start, color="white", linewidth=0.6)
            else:
                ax.axvspan(start, end, color="0.9" if i % 2 else "0.96", linewidth=0, zorder=0)
    _name_periods(axes[0], time_axis, dict(zip(shown, spans, strict=True)))


def _name_periods(ax: Axes, time_axis: TimeAxis, spans: Mapping[str, Array]) -> None:
    """Write each name above the middle of its period: horizontal where there is room, else slanted, else vertical."""
    size = _PERIOD_NAME_POINTS
    left, right = time_axis.edges
    # The layout is computed when the figure is drawn; the axes then keep about 0.85 of their present width.
    points_per_time = 0.85 * ax.bbox.width * 72 / ax.figure.dpi / (right - left)
    names = sorted(((name, float(np.mean(span))) for name, span in spans.items()), key=lambda pair: pair[1])
    widths = {name: 0.6 * size * len(name) for name in spans}  # in points; a character is about 0.6 of the font size
    gaps = [((b - a) * points_per_time, (widths[one] + widths[other]) / 2) for (one, a), (other, b) in pairwise(names)]
    fits = all(widths[name] < float(np.ptp(span)) * points_per_time for name, span in spans.items())
    if fits and all(gap > 1.1 * width for gap, width in gaps):
        text: dict[str, Any] = {"rotation": 0, "ha": "center"}
    elif all(gap > 1.7 * size for gap, _ in gaps):
        text = {"rotation": 35, "ha": "left", "rotation_mode": "anchor"}
    else:
        text = {"rotation": 90, "ha": "center"}
    shown: list[tuple[str, float]] = []
    for name, center in names:
        if not shown or (center - shown[-1][1]) * points_per_time > size:  # skip names that would overlap the last one
            shown.append((name, center))
    top = ax.secondary_xaxis("top")
    top.set_xticks([center for _, center in shown], [name for name, _ in shown], fontsize=size, color="0.3", **text)
    top.tick_params(length=0, pad=2)
    top.spines["top"].set_visible(False)


@explained
def draw_heat_map(ax: Axes, side: Axes, time_axis: TimeAxis, values: Array, space: Any, label: str) -> None:
    """Draw (T, k) values as an image, one row for each channel, with a colour bar in the axes `side`."""
    k = values.shape[1]
    extent = (*time_axis.edges, -0.5, k - 0.5)
    image = ax.imshow(values.T, origin="lower", aspect="auto", extent=extent, interpolation="nearest")
    bar = ax.figure.colorbar(image, cax=side.inset_axes((0.0, 0.05, 0.06, 0.9)))
    bar.outline.set_linewidth(0.5)
    bar.locator = MaxNLocator(nbins=3)
    bar.update_ticks()
    names = names_of(space)
    if names:
        groups = sorted((float(np.mean(index)), name) for name, index in names.items() if np.max(index) < k)
        joined: list[tuple[float, str]] = []
        for row, name in groups:
            if joined and row - joined[-1][0] < k / 10:  # the two names would overlap
                row, name = (joined[-1][0] + row) / 2, f"{joined.pop()[1]}, {name}"
            joined.append((row, name))
        ax.set_yticks([row for row, _ in joined], [name for _, name in joined])
        for index in names.values():
            edge = np.min(index) - 0.5
            if edge > 0:
                ax.axhline(edge, color="white", linewidth=0.8)
    else:
        ax.yaxis.set_major_locator(MaxNLocator(nbins=4, integer=True))
    ax.set_ylabel(label)


@explained
def draw_traces(ax: Axes, time_axis: TimeAxis, values: Array, labels: Sequence[str], label: str) -> None:
    """Draw (T, k) values as lines, one for each channel."""
    linewidth = 1.2 if time_axis.steps <= _MAX_STEPS_WITH_LINES else 0.5
    for k, name in enumerate(labels):
        ax.plot(*time_axis.staircase(values[:, k]), label=name, linewidth=linewidth)
    ax.set_ylabel(label)


@checked
def channel_names(space: Any, k: Count) -> list[str]:
    """Return a name for each of k channels: that of the space, with a number where several channels share it."""
    labels = [f"channel {i}" for i in range(k)]
    for name, index in names_of(space).items():
        indices = np.atleast_1d(np.asarray(index)).tolist()
        for i, channel in enumerate(indices):
            if channel < k:
                labels[channel] = f"{name} {i + 1}" if len(indices) > 1 else name
    return labels


@explained
def draw_images(ax: Axes, time_axis: TimeAxis, frames: Array, space: Any, label: str) -> None:
    """Draw up to five of (T, H, W) or (T, H, W, C) images side by side, each at the step at which it was shown."""
    n = min(5, len(frames))
    steps = ((np.arange(n) + 0.5) * len(frames) / n).astype(int)
    left, right = time_axis.edges
    centers = (time_axis.centers[steps] - left) / (right - left)  # as shares of the width of the panel
    # As wide as neighbours and the edges of the panel allow.
    width = 0.96 * min(0.25, float(np.diff(centers).min(initial=1)), 2 * float(centers[0]), 2 * float(1 - centers[-1]))
    for center, image in zip(centers, to_uint8(frames, space)[steps], strict=True):
        inset = ax.inset_axes((center - width / 2, 0.02, width, 0.96))
        inset.imshow(image, cmap="gray", vmin=0, vmax=255)
        inset.set_axis_off()
    ax.set(ylim=(0, 1), yticks=[], ylabel=label)
    ax.spines["left"].set_visible(False)


@explained
def to_uint8(frames: Array, space: Any = None) -> Array:
    """Convert images to bytes, with one scale for all of them.

    Args:
        frames: (T, H, W) or (T, H, W, C).
        space: Their observation space; its finite bounds become 0 and 255. Without such bounds uint8 images stay as
            they are, and other values are scaled from 0 to 1 or, if there are greater ones, from 0 to 255.

    Returns:
        uint8 array of the same shape, without a channel axis of length one.
    """
    frames = frames[..., 0] if frames.ndim == 4 and frames.shape[-1] == 1 else frames
    low, high = (float(np.min(getattr(space, name, np.inf))) for name in ("low", "high"))
    if not (np.isfinite(low) and np.isfinite(high) and low < high):
        greatest = np.max(frames, where=np.isfinite(frames), initial=0)
        low, high = 0.0, 1.0 if frames.dtype != np.uint8 and greatest <= 1 else 255.0
    scaled = np.nan_to_num(255 * (frames - low) / (high - low), nan=0.0)
    return np.asarray(np.clip(scaled, 0, 255).round().astype(np.uint8))


@explained
def draw_actions(ax: Axes, time_axis: TimeAxis, actions: Array, gt: Array | None, space: Any) -> None:
    """Draw actions (T,) or (T, k), with the ground truth behind them."""
    columns = actions.reshape(len(actions), -1)
    gt_columns = None if gt is None else gt.reshape(len(gt), -1)
    several = columns.shape[1] > 1
    label_each = columns.shape[1] <= 4  # more of them share one entry of the legend
    with_lines = time_axis.steps <= _MAX_STEPS_WITH_LINES
    for k in range(max(columns.shape[1], 0 if gt_columns is None else gt_columns.shape[1])):
        color = palette_color(k)
        if gt_columns is not None and k < gt_columns.shape[1]:
            line: dict[str, Any] = {"color": color, "alpha": 0.5} if several else {"color": "0.6"}
            line["linewidth"] = 1 if not with_lines else 2 if several else 3
            line["label"] = _legend_label("Ground truth", k, several, label_each)
            ax.plot(*time_axis.staircase(gt_columns[:, k]), solid_joinstyle="miter", **line)
        if k < columns.shape[1]:
            dots: dict[str, Any] = {"color": color, "label": _legend_label("Action", k, several, label_each)}
            if with_lines:
                ax.plot(*time_axis.staircase(columns[:, k]), linewidth=0.8, **dots)
                dots["label"] = "_"  # the line has the entry of the legend
            ax.plot(time_axis.centers, columns[:, k], ".", markersize=4 if with_lines else 1.5, **dots)
    ticks = action_ticks(space)
    if ticks and not several:
        ax.set_yticks(list(ticks), list(ticks.values()))
        first, last = _first_and_last(space, columns if gt_columns is None else np.concatenate([columns, gt_columns]))
        ax.set_ylim(first - 0.4, last + 0.4)
    else:
        ax.yaxis.set_major_locator(MaxNLocator(nbins=4, integer=columns.dtype.kind in "iu"))
    ax.set_ylabel("Action")


def _legend_label(name: str, k: int, several: bool, label_each: bool) -> str:
    """Return the label of the k-th action; matplotlib leaves out what begins with an underscore."""
    return name if not several or (not label_each and k == 0) else f"{name} {k}" if label_each else "_"


def _first_and_last(space: Any, shown: Array) -> tuple[float, float]:
    """Return the ends of the range of all actions that a space has or that are shown, also those without a tick."""
    named = [np.ravel(index) for index in names_of(space).values()]
    start, n = getattr(space, "start", 0), getattr(space, "n", 0)
    every = np.concatenate([*named, np.ravel(shown), np.arange(start, start + n)])
    return float(np.nanmin(every)), float(np.nanmax(every))


def action_ticks(space: Any) -> dict[int, str]:
    """Return action -> name for the ticks; of many choices (on a ring, for example) only some have one."""
    ticks: dict[int, str] = {}
    for name, index in names_of(space).items():
        if isinstance(index, int):
            ticks[index] = name
            continue
        choices = list(map(int, index))
        for i, action in enumerate(choices):
            if len(choices) <= 4 or i % (len(choices) // 4) == 0:
                ticks[action] = f"{name} {i + 1}" if len(choices) > 1 else name
    min_distance = (max(ticks, default=0) - min(ticks, default=0)) / 8
    kept: list[int] = []
    for action in sorted(ticks):
        if not kept or action - kept[-1] >= min_distance:
            kept.append(action)
    return {action: ticks[action] for action in kept}


@explained
def draw_rewards(ax: Axes, time_axis: TimeAxis, rewards: Array) -> None:
    """Draw rewards (T,) as stems, so that single rewards are visible in a long run."""
    rewarded = np.nonzero(np.nan_to_num(rewards))[0]
    ax.axhline(0, color="0.7", linewidth=0.8)
    if len(rewarded):
        stems = ax.stem(time_axis.centers[rewarded], rewards[rewarded], linefmt="-", markerfmt="o", basefmt=" ")
        stems.stemlines.set(color=palette_color(1), linewidth=1.0)
        stems.markerline.set(color=palette_color(1), markersize=3)
    low, high = (float(end(rewards, where=np.isfinite(rewards), initial=0)) for end in (np.min, np.max))
    margin = 0.15 * (high - low or 1)
    ax.set_ylim(low - margin, high + margin)
    ax.yaxis.set_major_locator(MaxNLocator(nbins=4, steps=[1, 2, 5, 10]))
    ax.set_ylabel("Reward")


@explained
def draw_performance(ax: Axes, time_axis: TimeAxis, performance: Array) -> None:
    """Draw performance (T,) at the steps at which trials ended; it is NaN or -1 at all other steps."""
    ended = ~np.isnan(performance) & (performance != -1)
    if ended.any():
        ax.plot(time_axis.centers[ended], performance[ended], "o", color=palette_color(2), markersize=3)
        mean = f"{performance[ended].mean():.2f} over {ended.sum()} trials"
    else:
        mean = "no trial ended"
    ax.set_ylim(-0.15, 1.15)
    ax.set_yticks([0, 0.5, 1])
    ax.set_ylabel("Perform.")
    ax.set_title(f"Mean performance: {mean}", fontsize="small", pad=2)

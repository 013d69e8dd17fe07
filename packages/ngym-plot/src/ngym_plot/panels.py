"""The panels of a run: each draws one thing over time into axes of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, TypeAlias

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from ngym_core.spaces import names_of
from ngym_plot.figure import Clock, color

__all__ = [
    "actions_panel",
    "channel_names",
    "frames_panel",
    "heat_panel",
    "performance_panel",
    "pixels",
    "rewards_panel",
    "shade_periods",
    "traces_panel",
]

Array: TypeAlias = NDArray[Any]
Periods: TypeAlias = Mapping[str, tuple[int, int]]
"""Period -> its first step (from 0) and the step after its last."""


LONG = 400
"""In runs of more steps, lines from step to step would hide one another."""


def shade_periods(axes: Sequence[Axes], clock: Clock, periods: Periods) -> None:
    """Shade every other period in all panels (images get lines), and write their names above the first panel."""
    shown = {name: (start, min(end, clock.steps)) for name, (start, end) in periods.items() if start < min(end, clock.steps)}
    spans = [clock.start_of(np.array(span) + 1) for span in shown.values()]
    for ax in axes:
        for i, (start, end) in sorted(
            enumerate(spans), key=lambda pair: float(pair[1][0] - pair[1][1])
        ):  # the longest first
            if ax.images:
                ax.axvline(start, color="white", linewidth=0.6)
            else:
                ax.axvspan(start, end, color="0.9" if i % 2 else "0.96", linewidth=0, zorder=0)
    _name_periods(axes[0], clock, dict(zip(shown, spans, strict=True)))


def _name_periods(ax: Axes, clock: Clock, spans: Mapping[str, Array]) -> None:
    """Write names where they stand in time: upright text where there is room, else slanted, else on end."""
    size = 7.0
    left, right = clock.edges
    points = 0.85 * ax.bbox.width * 72 / ax.figure.dpi / (right - left)  # on paper, for one unit of time
    names = sorted(((name, float(np.mean(span))) for name, span in spans.items()), key=lambda pair: pair[1])
    wide = {name: 0.6 * size * len(name) for name in spans}
    gaps = [((b - a) * points, (wide[one] + wide[other]) / 2) for (one, a), (other, b) in pairwise(names)]
    if all(wide[n] < float(np.ptp(s)) * points for n, s in spans.items()) and all(gap > 1.1 * w for gap, w in gaps):
        look: dict[str, Any] = {"rotation": 0, "ha": "center"}
    elif all(gap > 1.7 * size for gap, _ in gaps):
        look = {"rotation": 35, "ha": "left", "rotation_mode": "anchor"}
    else:
        look = {"rotation": 90, "ha": "center"}
    shown: list[tuple[str, float]] = []
    for name, at in names:
        if not shown or (at - shown[-1][1]) * points > size:  # leave out what would be written over another
            shown.append((name, at))
    top = ax.secondary_xaxis("top")
    top.set_xticks([at for _, at in shown], [name for name, _ in shown], fontsize=size, color="0.3", **look)
    top.tick_params(length=0, pad=2)
    top.spines["top"].set_visible(False)


def heat_panel(ax: Axes, side: Axes, clock: Clock, values: Array, space: Any, label: str) -> None:
    """Draw (T, k) values as an image, one row for each channel, with a colour bar in the side column."""
    k = values.shape[1]
    extent = (*clock.edges, -0.5, k - 0.5)
    image = ax.imshow(values.T, origin="lower", aspect="auto", extent=extent, interpolation="nearest")
    bar = ax.figure.colorbar(image, cax=side.inset_axes((0.0, 0.05, 0.06, 0.9)))
    bar.outline.set_linewidth(0.5)
    bar.locator = MaxNLocator(nbins=3)
    bar.update_ticks()
    names = names_of(space)
    if names:
        groups = sorted((float(np.mean(index)), name) for name, index in names.items() if np.max(index) < k)
        joined: list[tuple[float, str]] = []
        for at, name in groups:
            if joined and at - joined[-1][0] < k / 10:  # two names that would be written over one another
                at, name = (joined[-1][0] + at) / 2, f"{joined.pop()[1]}, {name}"
            joined.append((at, name))
        ax.set_yticks([at for at, _ in joined], [name for _, name in joined])
        for index in names.values():
            edge = np.min(index) - 0.5
            if edge > 0:
                ax.axhline(edge, color="white", linewidth=0.8)
    else:
        ax.yaxis.set_major_locator(MaxNLocator(nbins=4, integer=True))
    ax.set_ylabel(label)


def traces_panel(ax: Axes, clock: Clock, values: Array, labels: Sequence[str], label: str) -> None:
    """Draw (T, k) values as lines, one for each channel."""
    for k, name in enumerate(labels):
        ax.plot(*clock.held(values[:, k]), label=name, linewidth=1.2 if clock.steps <= LONG else 0.5)
    ax.set_ylabel(label)


def channel_names(space: Any, k: int) -> list[str]:
    """Give each of k channels a name: that of the space, with a number where several channels share it."""
    labels = [f"channel {i}" for i in range(k)]
    for name, index in names_of(space).items():
        indices = np.atleast_1d(np.asarray(index)).tolist()
        for i, channel in enumerate(indices):
            if channel < k:
                labels[channel] = f"{name} {i + 1}" if len(indices) > 1 else name
    return labels


def frames_panel(ax: Axes, clock: Clock, frames: Array, space: Any, label: str) -> None:
    """Draw some of (T, H, W[, C]) images in a row, each where it was seen."""
    shown = min(5, len(frames))
    steps = ((np.arange(shown) + 0.5) * len(frames) / shown).astype(int)
    left, right = clock.edges
    at = (clock.centers[steps] - left) / (right - left)
    width = 0.96 * min(0.25, float(np.diff(at).min(initial=1)), 2 * float(at[0]), 2 * float(1 - at[-1]))
    for middle, picture in zip(at, pixels(frames, space)[steps], strict=True):
        inset = ax.inset_axes((middle - width / 2, 0.02, width, 0.96))
        inset.imshow(picture, cmap="gray", vmin=0, vmax=255)
        inset.set_axis_off()
    ax.set(ylim=(0, 1), yticks=[], ylabel=label)
    ax.spines["left"].set_visible(False)


def pixels(frames: Array, space: Any = None) -> Array:
    """Bring all images of a film to the same scale.

    Args:
        frames: (T, H, W) or (T, H, W, C).
        space: Their observation space; its finite bounds are black and white. Otherwise bytes are taken as they are,
            and numbers as 0 to 1 or, where there are greater ones, 0 to 255.

    Returns:
        The same shape, without a channel axis of one; uint8.
    """
    frames = frames[..., 0] if frames.ndim == 4 and frames.shape[-1] == 1 else frames
    low, high = (float(np.min(getattr(space, name, np.inf))) for name in ("low", "high"))
    if not (np.isfinite(low) and np.isfinite(high) and low < high):
        low, high = 0.0, 1.0 if frames.dtype != np.uint8 and np.max(frames) <= 1 else 255.0
    return np.asarray(np.clip(255 * (frames - low) / (high - low), 0, 255).round().astype(np.uint8))


def actions_panel(ax: Axes, clock: Clock, actions: Array, gt: Array | None, space: Any) -> None:
    """Draw actions (T,) or (T, k), with the ground truth behind them."""
    columns = actions.reshape(len(actions), -1)
    truth = None if gt is None else gt.reshape(len(gt), -1)
    several = columns.shape[1] > 1
    each = columns.shape[1] <= 4  # more of them share one entry of the legend
    for k in range(max(columns.shape[1], 0 if truth is None else truth.shape[1])):
        shade = color(k)
        if truth is not None and k < truth.shape[1]:
            look: dict[str, Any] = {"color": shade, "alpha": 0.5} if several else {"color": "0.6"}
            look["linewidth"] = 1 if clock.steps > LONG else 2 if several else 3
            look["label"] = _label("Ground truth", k, several, each)
            ax.plot(*clock.held(truth[:, k]), solid_joinstyle="miter", **look)
        if k < columns.shape[1]:
            dots: dict[str, Any] = {"color": shade, "label": _label("Action", k, several, each)}
            if clock.steps <= LONG:
                ax.plot(*clock.held(columns[:, k]), linewidth=0.8, **dots)
                dots["label"] = "_"
            ax.plot(clock.centers, columns[:, k], ".", markersize=4 if clock.steps <= LONG else 1.5, **dots)
    ticks = _named_actions(space)
    if ticks and not several:
        ax.set_yticks(list(ticks), list(ticks.values()))
        ax.set_ylim(min(ticks) - 0.4, max(ticks) + 0.4)
    else:
        ax.yaxis.set_major_locator(MaxNLocator(nbins=4, integer=columns.dtype.kind in "iu"))
    ax.set_ylabel("Action")


def _label(name: str, k: int, several: bool, each: bool) -> str:
    return name if not several or (not each and k == 0) else f"{name} {k}" if each else "_"


def _named_actions(space: Any) -> dict[int, str]:
    """Action -> name; on a ring of many choices only some of them."""
    ticks: dict[int, str] = {}
    for name, index in names_of(space).items():
        if isinstance(index, int):
            ticks[index] = name
            continue
        choices = list(map(int, index))
        for i, action in enumerate(choices):
            if len(choices) <= 4 or i % (len(choices) // 4) == 0:
                ticks[action] = f"{name} {i + 1}" if len(choices) > 1 else name
    apart = (max(ticks, default=0) - min(ticks, default=0)) / 8
    kept: list[int] = []
    for action in sorted(ticks):
        if not kept or action - kept[-1] >= apart:
            kept.append(action)
    return {action: ticks[action] for action in kept}


def rewards_panel(ax: Axes, clock: Clock, rewards: Array) -> None:
    """Draw rewards (T,) as stems, so that single ones can be seen in a long run."""
    given = np.nonzero(rewards)[0]
    ax.axhline(0, color="0.7", linewidth=0.8)
    if len(given):
        stems = ax.stem(clock.centers[given], rewards[given], linefmt="-", markerfmt="o", basefmt=" ")
        stems.stemlines.set(color=color(1), linewidth=1.0)
        stems.markerline.set(color=color(1), markersize=3)
    low, high = min(0.0, rewards.min()), max(0.0, rewards.max())
    room = 0.15 * (high - low or 1)
    ax.set_ylim(low - room, high + room)
    ax.yaxis.set_major_locator(MaxNLocator(nbins=4, steps=[1, 2, 5, 10]))
    ax.set_ylabel("Reward")


def performance_panel(ax: Axes, clock: Clock, performance: Array) -> None:
    """Draw the performance of each trial where it ended; (T,) with NaN (or -1) where none did."""
    ended = ~np.isnan(performance) & (performance != -1)
    if ended.any():
        ax.plot(clock.centers[ended], performance[ended], "o", color=color(2), markersize=3)
        mean = f"{performance[ended].mean():.2f} over {ended.sum()} trials"
    else:
        mean = "no trial ended"
    ax.set_ylim(-0.15, 1.15)
    ax.set_yticks([0, 0.5, 1])
    ax.set_ylabel("Perform.")
    ax.set_title(f"Mean performance: {mean}", fontsize="small", pad=2)

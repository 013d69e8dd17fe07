"""The panels of a run: each draws one thing over time into axes of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from matplotlib.axes import Axes
from matplotlib.offsetbox import AnnotationBbox, OffsetImage
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from ngym_core.spaces import names_of
from ngym_plot.drawing import Clock

__all__ = ["actions_panel", "frames_panel", "heat_panel", "performance_panel", "rewards_panel", "traces_panel"]

Array: TypeAlias = NDArray[Any]


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
        ax.set_yticks([at for at, _ in groups], [name for _, name in groups])
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
        ax.plot(clock.centers, values[:, k], label=name)
    ax.set_ylabel(label)


def frames_panel(ax: Axes, clock: Clock, frames: Array, label: str, height: float) -> None:
    """Draw some of (T, H, W[, C]) images in a row, each where it was seen."""
    shown = np.unique(np.linspace(0, len(frames) - 1, 8).astype(int))
    for step in shown:
        zoom = height * 72 * 0.8 / frames.shape[1]
        picture = OffsetImage(to_pixels(frames[step]), zoom=zoom, cmap="gray", interpolation="nearest")
        ax.add_artist(AnnotationBbox(picture, (clock.centers[step], 0.5), frameon=False, box_alignment=(0.5, 0.5)))
    ax.set(ylim=(0, 1), yticks=[], ylabel=label)
    ax.spines["left"].set_visible(False)


def to_pixels(frame: Array) -> Array:
    """Bring an image to 0 to 255 (uint8) or, for one channel, leave its numbers to the colour map."""
    frame = frame[..., 0] if frame.ndim == 3 and frame.shape[-1] == 1 else frame
    if frame.ndim == 2 or frame.dtype == np.uint8:
        return frame
    scale = 1.0 if frame.max() > 1 else 255.0
    return np.asarray(np.clip(frame * scale, 0, 255).astype(np.uint8))


def actions_panel(ax: Axes, clock: Clock, actions: Array, gt: Array | None, space: Any) -> None:
    """Draw actions (T,) or (T, k), with the ground truth behind them."""
    columns = actions.reshape(len(actions), -1)
    truth = None if gt is None else gt.reshape(len(gt), -1)
    several = columns.shape[1] > 1
    for k in range(max(columns.shape[1], 0 if truth is None else truth.shape[1])):
        color = f"C{k % 7}" if several else "C0"
        if truth is not None and k < truth.shape[1]:
            ax.step(
                clock.centers,
                truth[:, k],
                where="mid",
                color=color if several else "0.6",
                linewidth=3 if not several else 2,
                alpha=0.5 if several else 1,
                label=f"Ground truth {k}" if several else "Ground truth",
            )
        if k < columns.shape[1]:
            ax.plot(
                clock.centers,
                columns[:, k],
                color=color,
                marker="." if clock.steps <= 400 else None,
                linewidth=0.8,
                label=f"Action {k}" if several else "Action",
            )
    ticks = _named_actions(space)
    if ticks and not several:
        ax.set_yticks(list(ticks), list(ticks.values()))
        ax.set_ylim(min(ticks) - 0.4, max(ticks) + 0.4)
    else:
        ax.yaxis.set_major_locator(MaxNLocator(nbins=4, integer=columns.dtype.kind in "iu"))
    ax.set_ylabel("Action")


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
                ticks[action] = f"{name} {action}" if len(choices) > 1 else name
    return ticks


def rewards_panel(ax: Axes, clock: Clock, rewards: Array) -> None:
    """Draw rewards (T,) as stems, so that single ones can be seen in a long run."""
    given = np.nonzero(rewards)[0]
    ax.axhline(0, color="0.7", linewidth=0.8)
    if len(given):
        stems = ax.stem(clock.centers[given], rewards[given], linefmt="C1-", markerfmt="C1o", basefmt=" ")
        stems.stemlines.set_linewidth(1.0)
        stems.markerline.set_markersize(3)
    low, high = min(0.0, rewards.min()), max(0.0, rewards.max())
    room = 0.15 * (high - low or 1)
    ax.set_ylim(low - room, high + room)
    ax.yaxis.set_major_locator(MaxNLocator(nbins=4, steps=[1, 2, 5, 10]))
    ax.set_ylabel("Reward")


def performance_panel(ax: Axes, clock: Clock, performance: Array) -> None:
    """Draw the performance of each trial where it ended; (T,) with NaN (or -1) where none did."""
    ended = ~np.isnan(performance) & (performance != -1)
    if ended.any():
        ax.plot(clock.centers[ended], performance[ended], "o", color="C2", markersize=3)
        mean = f"{performance[ended].mean():.2f} over {ended.sum()} trials"
    else:
        mean = "no trial ended"
    ax.set_ylim(-0.15, 1.15)
    ax.set_yticks([0, 0.5, 1])
    ax.set_ylabel("Perform.")
    ax.set_title(f"Mean performance: {mean}", fontsize="small", pad=2)

"""Activity of the units of an agent: in all units, in one unit by condition, and as a state of the population."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike, NDArray

from ngym_core.errors import unknown
from ngym_plot.figure import Clock, new_axes, shades, style
from ngym_plot.panels import shade_periods
from ngym_plot.trial_table import groups

__all__ = ["Recording", "plot_activity", "plot_population_state", "plot_unit_traces"]

Array: TypeAlias = NDArray[Any]


class Recording(Protocol):
    """Activity of n trials of at most T steps, as `ngym_sb3.record_activity` gives it.

    Attributes:
        activity: (n, T, units).
        mask: (n, T), true at the steps that belong to a trial.
        start: Period -> its first step in each trial, (n,).
        end: Period -> the step after its last, (n,).
        conditions: Condition -> its values, (n,).
        dt: Time step in ms.
    """

    activity: Array
    mask: Array
    start: dict[str, Array]
    end: dict[str, Array]
    conditions: dict[str, Array]
    dt: float


def plot_activity(
    recording: Recording,
    *,
    trial: int | None = None,
    only: ArrayLike | None = None,
    align: str | None = None,
    scaled: bool = True,
    time: str = "ms",
    ax: Axes | None = None,
    title: str | None = None,
) -> Axes:
    """Draw the activity of all units as an image, sorted by when each is most active.

    Args:
        recording: See `Recording`.
        trial: Draw this trial; by default the mean of all.
        only: Which trials are averaged, (n,) bool.
        align: A period: time 0 is its start in each trial. By default time 0 is the start of the trial.
        scaled: Bring each unit to 0 to 1.
        time: Time axis in ``ms`` or ``steps``.
        ax: Where to draw; a new figure by default.
        title: Title.

    Returns:
        The axes.

    Raises:
        TypeError: A recording that lacks something.
        UnknownNameError: A period that the trials do not have.
        IndexError: A trial that there is not.
        ValueError: Arrays of other shapes, no trial, or another unit of time.
    """
    window = _window(recording, align, time, _chosen(recording, trial, only))
    mean = window.mean().T  # (units, steps)
    order = np.argsort(np.argmax(mean, axis=1), kind="stable")
    if scaled:
        low, high = mean.min(axis=1, keepdims=True), mean.max(axis=1, keepdims=True)
        mean = (mean - low) / np.where(high > low, high - low, 1)
    with style():
        ax = new_axes(ax, (5.0, 3.6))
        extent = (*window.clock.edges, len(mean) + 0.5, 0.5)
        image = ax.imshow(mean[order], aspect="auto", extent=extent, interpolation="nearest")
        bar = ax.figure.colorbar(image, ax=ax, label="Activity, each unit from 0 to 1" if scaled else "Activity")
        bar.outline.set_linewidth(0.5)
        ax.yaxis.set_major_locator(MaxNLocator(nbins=5, integer=True))
        ax.set_ylabel("Unit, by the time of its peak")
        _finish(ax, window, title)
    return ax


def plot_unit_traces(
    recording: Recording,
    unit: int,
    by: str | ArrayLike | None = None,
    *,
    trial: int | None = None,
    align: str | None = None,
    time: str = "ms",
    ax: Axes | None = None,
    title: str | None = None,
) -> Axes:
    """Draw the activity of one unit over time: the mean of the trials of each condition, with 1.96 standard errors.

    Args:
        recording: See `Recording`.
        unit: Index of the unit.
        by: Condition, or (n,) values, with one line for each value; by default all trials together.
        trial: Draw this trial alone.
        align: As for `plot_activity`.
        time: Time axis in ``ms`` or ``steps``.
        ax: Where to draw; a new figure by default.
        title: Title.

    Returns:
        The axes.

    Raises:
        IndexError: A unit or a trial that there is not.
        ValueError: See `plot_activity`; or too many different values of `by`.
    """
    _check(recording)
    units = recording.activity.shape[2]
    if not 0 <= unit < units:
        raise IndexError(f"unit={unit!r} must be one of the {units} units, from 0 to {units - 1}.")
    chosen = _chosen(recording, trial, None)
    window = _window(recording, align, time, chosen)
    with style():
        ax = new_axes(ax, (5.0, 3.2))
        parts = _groups(recording, None if trial is not None else by)
        for (label, members), shade in zip(parts, shades(len(parts)), strict=True):
            part = window.of(members[chosen])
            values, error = part.mean()[:, unit], part.error()[:, unit]
            said = f"{label} (n = {members[chosen].sum()})" if label else None
            ax.plot(window.clock.centers, values, color=shade, label=said)
            if trial is None:
                low, high = values - 1.96 * error, values + 1.96 * error
                ax.fill_between(window.clock.centers, low, high, color=shade, alpha=0.2, linewidth=0)
        ax.set_ylabel(f"Activity of unit {unit}")
        if by is not None and trial is None:
            ax.legend()
        _finish(ax, window, title if title is not None or trial is None else f"Trial {trial}")
    return ax


def plot_population_state(
    recording: Recording,
    by: str | ArrayLike | None = None,
    *,
    trial: int | None = None,
    align: str | None = None,
    components: tuple[int, int] = (1, 2),
    ax: Axes | None = None,
    title: str | None = None,
) -> tuple[Axes, dict[str, Array]]:
    """Draw the path of the population through the principal components of its mean activity in each condition.

    A dot marks where each path begins, a number where a period begins (the legend says which).

    Args:
        recording: See `Recording`; with at least two units.
        by: Condition, or (n,) values, with one path for each value; by default one path of all trials.
        trial: Draw the path of this trial alone, in the same space.
        align: As for `plot_activity`.
        components: Which two components, counted from 1.
        ax: Where to draw; a new figure by default.
        title: Title.

    Returns:
        The axes, and the path of each condition, label -> (steps, 2).

    Raises:
        ValueError: See `plot_activity`; or fewer than two units, components that do not exist, or constant activity.
    """
    everything = _window(recording, align, "ms", np.arange(len(_check(recording).activity)))
    means = {label: everything.of(members).mean() for label, members in _groups(recording, by)}
    points = np.concatenate([mean[np.isfinite(mean).all(axis=1)] for mean in means.values()])
    most = min(points.shape)
    if not (len(components) == 2 and all(1 <= c <= most for c in components)):
        raise ValueError(f"components={components!r} must be two numbers from 1 to {most} (units, or steps in all paths).")
    center = points.mean(axis=0)
    _, size, axes = np.linalg.svd(points - center, full_matrices=False)
    if not size[0] > 0:
        raise ValueError("The activity is the same at all steps in all conditions; it has no principal component.")
    largest = np.take_along_axis(axes, np.abs(axes).argmax(axis=1)[:, None], axis=1)
    axes = axes * np.where(largest < 0, -1, 1)  # a component has no sign of its own; this one is always the same
    which = [c - 1 for c in components]
    explained = size**2 / (size**2).sum()
    if trial is not None:
        means = {f"trial {trial}": _window(recording, align, "ms", _chosen(recording, trial, None)).mean()}
    paths = {label: (mean - center) @ axes[which].T for label, mean in means.items()}
    with style():
        ax = new_axes(ax, (4.4, 3.8))
        starts = everything.periods() if trial is None else everything.of(np.arange(everything.n) == trial).periods()
        for (label, path), shade in zip(paths.items(), shades(len(paths)), strict=True):
            ax.plot(*path.T, color=shade, label=label or None)
            whole = path[np.isfinite(path).all(axis=1)]
            ax.plot(*whole[0], "o", color=shade, markersize=6)
            for number, (first, _) in enumerate(starts.values(), 1):
                at = path[min(first, len(path) - 1)]
                if np.isfinite(at).all():
                    mark = ax.text(at[0], at[1], str(number), fontsize=7, ha="center", va="center")
                    circle = {"boxstyle": "circle,pad=0.15", "fc": "white", "ec": "0.8", "lw": 0.5}
                    mark.set(color=shade, bbox=circle)
        said = "\n".join(f"{number} {name}" for number, name in enumerate(starts, 1))
        if said:
            ax.text(1.02, 0.0, said, transform=ax.transAxes, fontsize="small", color="0.3", va="bottom")
        ax.set(
            **{
                f"{side}label": f"PC {c} ({explained[c - 1]:.0%} of variance)"
                for side, c in zip("xy", components, strict=True)
            }
        )
        ax.set_aspect("equal", adjustable="datalim")
        if any(paths):
            ax.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
        if title is not None:
            ax.set_title(title)
    return ax, paths


@dataclass(frozen=True)
class _Window:
    """Trials on a common clock: activity (n, steps, units) with NaN outside of trials, and edges of periods (n,)."""

    activity: Array
    edges: dict[str, tuple[Array, Array]]
    clock: Clock
    shown: Array

    @property
    def n(self) -> int:
        return len(self.activity)

    def of(self, members: Array) -> _Window:
        edges = {name: (start[members], end[members]) for name, (start, end) in self.edges.items()}
        return _Window(self.activity[members], edges, self.clock, self.shown)

    def mean(self) -> Array:
        """(steps, units); NaN where no trial is."""
        known = np.isfinite(self.activity)
        n = known.sum(axis=0)
        return np.where(n > 0, np.where(known, self.activity, 0).sum(axis=0) / np.maximum(n, 1), np.nan)

    def error(self) -> Array:
        """Standard error of the mean, (steps, units); 0 of a single trial."""
        known = np.isfinite(self.activity)
        n = known.sum(axis=0)
        squares = np.where(known, self.activity - self.mean(), 0) ** 2
        return np.asarray(np.sqrt(squares.sum(axis=0) / np.maximum(n - 1, 1) / np.maximum(n, 1)))

    def periods(self) -> dict[str, tuple[int, int]]:
        """Median edges of the periods that have a step, in steps of the window."""
        medians = {name: (int(np.median(a)), int(np.median(b))) for name, (a, b) in self.edges.items()}
        steps = self.clock.steps
        cut = {name: (max(a, 0), min(b, steps)) for name, (a, b) in medians.items()}
        return {name: span for name, span in cut.items() if span[0] < span[1]}


def _window(recording: Recording, align: str | None, time: str, trials: Array) -> _Window:
    """Put trials on one clock, and keep the steps that at least half of them have."""
    recording = _check(recording)
    if time not in ("ms", "steps"):
        raise ValueError(f"time={time!r} must be 'ms' or 'steps'.")
    if align is not None and align not in recording.start:
        raise unknown("period", align, recording.start)
    zero = np.zeros(len(trials), int) if align is None else np.asarray(recording.start[align])[trials].astype(int)
    steps = recording.mask.shape[1]
    at = np.arange(steps + zero.max()) - zero.max()  # steps since time zero
    step = at + zero[:, None]  # (n, window)
    inside = (step >= 0) & (step < steps)
    step = np.clip(step, 0, steps - 1)
    known = inside & np.asarray(recording.mask)[trials[:, None], step]
    shown = np.nonzero(known.mean(axis=0) >= 0.5)[0]
    shown = np.arange(shown.min(), shown.max() + 1)
    activity = np.where(known[:, shown, None], recording.activity[trials[:, None], step[:, shown]].astype(float), np.nan)
    first = int(at[shown[0]])
    edges = {
        name: tuple(np.asarray(side[name])[trials].astype(int) - zero - first for side in (recording.start, recording.end))
        for name in recording.start
    }
    clock = Clock(len(shown), float(recording.dt), time, -first)
    return _Window(activity, edges, clock, shown)


def _chosen(recording: Recording, trial: int | None, only: ArrayLike | None) -> Array:
    """Indices of the trials that are drawn."""
    n = len(_check(recording).activity)
    if trial is not None:
        if not -n <= trial < n:
            raise IndexError(f"trial={trial!r} is not one of the {n} trials.")
        return np.array([trial % n])
    if only is None:
        return np.arange(n)
    members = np.asarray(only)
    if members.shape != (n,) or members.dtype != bool or not members.any():
        raise ValueError(f"only must say for each of the {n} trials whether it is averaged, and not leave out all.")
    return np.nonzero(members)[0]


def _groups(recording: Recording, by: str | ArrayLike | None) -> list[tuple[str, NDArray[np.bool_]]]:
    if isinstance(by, str) and by not in recording.conditions:
        raise unknown("condition", by, recording.conditions)
    return groups({"trial": np.arange(len(recording.activity)), **recording.conditions}, by)


def _check(recording: Recording) -> Recording:
    """Refuse what is no recording, and arrays that do not fit together."""
    lacking = [name for name in Recording.__annotations__ if not hasattr(recording, name)]
    if lacking:
        raise TypeError(
            f"{type(recording).__name__} is no recording: it has no {', '.join(lacking)}; see ngym_plot.Recording."
        )
    shape = np.shape(recording.activity)
    if len(shape) != 3 or 0 in shape:
        raise ValueError(f"activity must be (trials, steps, units) with at least one of each, not of shape {shape}.")
    if np.shape(recording.mask) != shape[:2]:
        raise ValueError(f"mask must be of shape {shape[:2]} as activity is, not {np.shape(recording.mask)}.")
    if not np.asarray(recording.mask).any(axis=1).all():
        raise ValueError("mask must be true at one step of each trial at least.")
    for what in ("start", "end", "conditions"):
        for name, values in getattr(recording, what).items():
            if np.shape(values)[:1] != shape[:1]:
                raise ValueError(
                    f"{what}[{name!r}] must have one row for each of the {shape[0]} trials, not {np.shape(values)}."
                )
    return recording


def _finish(ax: Axes, window: _Window, title: str | None) -> None:
    window.clock.put_on(ax)
    ax.set_xlabel(window.clock.label)
    if window.periods():
        shade_periods([ax], window.clock, window.periods())
    if title is not None:
        ax.set_title(title)

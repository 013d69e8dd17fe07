"""Activity of the units of an agent: of all units, of one unit by condition, and as population state."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Protocol, TypeAlias

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike, NDArray

from ngym_core.arguments import ArrayOf, Flag, Index, Integer, Text, checked
from ngym_core.errors import unknown_name
from ngym_plot.config import TimeUnit
from ngym_plot.figure import GivenAxes, TimeAxis, axes_or_new, group_colors, style
from ngym_plot.panels import shade_periods
from ngym_plot.stats import Z_95
from ngym_plot.trial_table import group_trials

__all__ = ["Recording", "plot_activity", "plot_population_state", "plot_unit_traces"]

Array: TypeAlias = NDArray[Any]
Components: TypeAlias = Annotated[Sequence[int], ArrayOf(length=2, each=Integer(1))]
"""Numbers of two principal components, from 1."""
TrialIndex: TypeAlias = Annotated[int, Integer()]
"""Index of a trial; negative ones count from the end."""


class Recording(Protocol):
    """Activity in n trials of at most T steps: any object with these attributes, such as `ngym_sb3.record_activity` returns.

    Attributes:
        activity: (n, T, units).
        mask: (n, T) bool, true at the steps that belong to a trial.
        start: Period -> its first step in each trial, (n,).
        end: Period -> the step after its last in each trial, (n,).
        conditions: Condition -> its value in each trial, (n,).
        dt: Time step in ms.

    Example:
        >>> from types import SimpleNamespace
        >>> import numpy as np
        >>> rng = np.random.default_rng(0)
        >>> recording = SimpleNamespace(
        ...     activity=rng.random((30, 12, 5)),
        ...     mask=np.ones((30, 12), bool),
        ...     start={"stimulus": np.full(30, 2), "decision": np.full(30, 8)},
        ...     end={"stimulus": np.full(30, 8), "decision": np.full(30, 12)},
        ...     conditions={"ground_truth": np.arange(30) % 2},
        ...     dt=20,
        ... )
        >>> ax = plot_activity(recording)
        >>> ax = plot_unit_traces(recording, 3, "ground_truth", align="decision")
        >>> ax, paths = plot_population_state(recording, "ground_truth")
        >>> list(paths)
        ['ground_truth = 0', 'ground_truth = 1']
    """

    activity: Array
    mask: Array
    start: dict[str, Array]
    end: dict[str, Array]
    conditions: dict[str, Array]
    dt: float


@checked
def plot_activity(
    recording: Recording,
    *,
    trial: TrialIndex | None = None,
    only: ArrayLike | None = None,
    align: Text | None = None,
    scaled: Flag = True,
    time: TimeUnit = "ms",
    ax: GivenAxes | None = None,
    title: Text | None = None,
) -> Axes:
    """Draw the activity of all units as an image, sorted by the time of their peaks.

    Where trials differ, the time axis has the steps that at least half of them have, and periods are shaded between the
    medians of their edges.

    Args:
        recording: See `Recording`, with an example.
        trial: Draw this trial; by default the mean of all.
        only: Which trials are averaged, (n,) bool.
        align: A period: time 0 is its start in each trial, and trials that do not have it are left out. By default time 0
            is the start of the trial.
        scaled: Scale each unit from 0 to 1.
        time: Time axis in ``ms`` or ``steps``.
        ax: Axes to draw into; a new figure by default.
        title: Title.

    Returns:
        The axes.

    Warns:
        UserWarning: Trials that do not have the period `align`.

    Raises:
        TypeError: A recording that lacks an attribute.
        UnknownNameError: A period that the trials do not have.
        IndexError: A trial that does not exist.
        ValueError: Arrays of other shapes, no trial, none that has the period `align`, or another unit of time.
    """
    aligned = _align(recording, align, time, _selected_trials(recording, trial, only))
    mean = aligned.mean().T  # (units, steps)
    known: Any = {"axis": 1, "keepdims": True, "where": np.isfinite(mean)}
    low, high = mean.min(initial=np.inf, **known), mean.max(initial=-np.inf, **known)
    order = np.argsort(np.argmax(mean == high, axis=1), kind="stable")
    if scaled:
        mean = (mean - low) / np.where(high > low, high - low, 1)
    with style():
        ax = axes_or_new(ax, (5.0, 3.6))
        extent = (*aligned.time_axis.edges, len(mean) + 0.5, 0.5)
        image = ax.imshow(mean[order], aspect="auto", extent=extent, interpolation="nearest")
        bar = ax.figure.colorbar(image, ax=ax, label="Activity, each unit from 0 to 1" if scaled else "Activity")
        bar.outline.set_linewidth(0.5)
        ax.yaxis.set_major_locator(MaxNLocator(nbins=5, integer=True))
        ax.set_ylabel("Unit, by the time of its peak")
        _finish(ax, aligned, title)
    return ax


@checked
def plot_unit_traces(
    recording: Recording,
    unit: Index,
    by: str | ArrayLike | None = None,
    *,
    trial: TrialIndex | None = None,
    align: Text | None = None,
    time: TimeUnit = "ms",
    ax: GivenAxes | None = None,
    title: Text | None = None,
) -> Axes:
    """Draw the activity of one unit over time: the mean of the trials of each condition, with 1.96 standard errors.

    Time axis and periods are those of `plot_activity`: medians, where trials differ.

    Args:
        recording: See `Recording`, with an example.
        unit: Index of the unit, from 0.
        by: Condition, or (n,) values, with one line for each value; by default all trials together.
        trial: Draw this trial alone.
        align: See `plot_activity`.
        time: Time axis in ``ms`` or ``steps``.
        ax: Axes to draw into; a new figure by default.
        title: Title.

    Returns:
        The axes.

    Raises:
        TypeError: See `plot_activity`.
        UnknownNameError: A period or condition that the trials do not have.
        IndexError: A unit or a trial that does not exist.
        ValueError: See `plot_activity`; or too many different values of `by`.
    """
    _check_recording(recording)
    units = recording.activity.shape[2]
    if unit >= units:
        raise IndexError(f"unit={unit!r} must be one of the {units} units, from 0 to {units - 1}.")
    selected = _selected_trials(recording, trial, None)
    aligned = _align(recording, align, time, selected)
    centers = aligned.time_axis.centers
    with style():
        ax = axes_or_new(ax, (5.0, 3.2))
        groups = _group_by_condition(recording, None if trial is not None else by, aligned)
        for (label, group), color in zip(groups, group_colors(len(groups)), strict=True):
            mean, error = group.mean()[:, unit], group.standard_error()[:, unit]
            ax.plot(centers, mean, color=color, label=f"{label} (n = {group.n})" if label else None)
            if trial is None:
                ax.fill_between(centers, mean - Z_95 * error, mean + Z_95 * error, color=color, alpha=0.2, linewidth=0)
        ax.set_ylabel(f"Activity of unit {unit}")
        if by is not None and trial is None:
            ax.legend()
        _finish(ax, aligned, title if title is not None or trial is None else f"Trial {selected[0]}")
    return ax


@checked
def plot_population_state(
    recording: Recording,
    by: str | ArrayLike | None = None,
    *,
    trial: TrialIndex | None = None,
    align: Text | None = None,
    components: Components = (1, 2),
    ax: GivenAxes | None = None,
    title: Text | None = None,
) -> tuple[Axes, dict[str, Array]]:
    """Draw the trajectory of the population in the space of the principal components of its mean activity.

    The components are those of the mean activity of all conditions. A dot marks the start of each trajectory, a number
    where each period begins in its trials (periods are listed beside the axes).

    Args:
        recording: See `Recording`, with an example; it needs at least two units.
        by: Condition, or (n,) values, with one trajectory for each value; by default one of all trials.
        trial: Draw the trajectory of this trial alone, in the same space.
        align: See `plot_activity`.
        components: Which two components, counted from 1.
        ax: Axes to draw into; a new figure by default.
        title: Title.

    Returns:
        The axes, and the trajectories, label -> (steps, 2).

    Raises:
        TypeError: See `plot_activity`.
        UnknownNameError: A period or condition that the trials do not have.
        IndexError: A trial that does not exist.
        ValueError: See `plot_activity`; or fewer than two units, components that do not exist, or constant activity.
    """
    aligned = _align(recording, align, "ms", np.arange(len(_check_recording(recording).activity)))
    groups = dict(_group_by_condition(recording, by, aligned))
    means = {label: group.mean() for label, group in groups.items()}
    points = np.concatenate([mean[np.isfinite(mean).all(axis=1)] for mean in means.values()])
    n_components = min(points.shape)
    if max(components) > n_components:
        raise ValueError(
            f"components={components!r} must be two numbers from 1 to {n_components}, the least of the number of units and "
            "of the steps of all trajectories."
        )
    center = points.mean(axis=0)
    _, singular_values, axes = np.linalg.svd(points - center, full_matrices=False)
    if not singular_values[0] > 0:
        raise ValueError("The activity is the same at all steps in all conditions; it has no principal component.")
    # The sign of a component is arbitrary: fix it, so that the same data look the same everywhere.
    largest = np.take_along_axis(axes, np.abs(axes).argmax(axis=1)[:, None], axis=1)
    axes = axes * np.where(largest < 0, -1, 1)
    drawn = [c - 1 for c in components]
    explained = singular_values**2 / (singular_values**2).sum()
    if trial is not None:
        selected = _selected_trials(recording, trial, None)
        groups = {f"trial {selected[0]}": _align(recording, align, "ms", selected)}
        means = {label: group.mean() for label, group in groups.items()}
    paths = {label: (mean - center) @ axes[drawn].T for label, mean in means.items()}
    with style():
        # Legend and periods are written beside the axes.
        longest = max(map(len, [*paths, *aligned.edges]))
        ax = axes_or_new(ax, (4.4 + 0.07 * max(0, longest - 20), 3.8))
        shown = {period for group in groups.values() for period in group.periods()}
        numbers = {period: number for number, period in enumerate((p for p in aligned.edges if p in shown), 1)}
        for (label, path), color in zip(paths.items(), group_colors(len(paths)), strict=True):
            ax.plot(*path.T, color=color, label=label or None)
            known = path[np.isfinite(path).all(axis=1)]
            ax.plot(*known[0], "o", color=color, markersize=6)
            for period, (start, _) in groups[label].periods().items():
                x, y = path[start]
                if np.isfinite([x, y]).all():
                    text = ax.text(x, y, str(numbers[period]), fontsize=7, ha="center", va="center")
                    circle = {"boxstyle": "circle,pad=0.15", "fc": "white", "ec": "0.8", "lw": 0.5}
                    text.set(color=color, bbox=circle)
        key = "\n".join(f"{number} {period}" for period, number in numbers.items())
        if key:
            ax.text(1.02, 0.0, key, transform=ax.transAxes, fontsize="small", color="0.3", va="bottom")
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
class _AlignedTrials:
    """Trials on a common time axis.

    Attributes:
        trials: Their indices in the recording, (n,).
        activity: (n, steps, units), NaN outside of trials.
        edges: Period -> its first step and the step after its last in each trial, (n,) each.
        time_axis: The time axis of the steps.
    """

    trials: Array
    activity: Array
    edges: dict[str, tuple[Array, Array]]
    time_axis: TimeAxis

    @property
    def n(self) -> int:
        """Number of trials."""
        return len(self.activity)

    def subset(self, members: Array) -> _AlignedTrials:
        """Return some of the trials, (n,) bool."""
        edges = {name: (start[members], end[members]) for name, (start, end) in self.edges.items()}
        return _AlignedTrials(self.trials[members], self.activity[members], edges, self.time_axis)

    def mean(self) -> Array:
        """Return the mean of the trials, (steps, units); NaN at steps that no trial has."""
        known = np.isfinite(self.activity)
        n = known.sum(axis=0)
        return np.where(n > 0, np.where(known, self.activity, 0).sum(axis=0) / np.maximum(n, 1), np.nan)

    def standard_error(self) -> Array:
        """Return the standard error of the mean, (steps, units); 0 for a single trial."""
        known = np.isfinite(self.activity)
        n = known.sum(axis=0)
        squares = np.where(known, self.activity - self.mean(), 0) ** 2
        return np.asarray(np.sqrt(squares.sum(axis=0) / np.maximum(n - 1, 1) / np.maximum(n, 1)))

    def periods(self) -> dict[str, tuple[int, int]]:
        """Return the median edges of each period that at least half of the trials have and that is visible, in steps."""
        medians = {
            name: (int(np.median(start[start < end])), int(np.median(end[start < end])))
            for name, (start, end) in self.edges.items()
            if np.mean(start < end) >= 0.5
        }
        cut = {name: (max(start, 0), min(end, self.time_axis.steps)) for name, (start, end) in medians.items()}
        return {name: (start, end) for name, (start, end) in cut.items() if start < end}


def _align(recording: Recording, align: str | None, time: str, trials: Array) -> _AlignedTrials:
    """Put trials on one time axis, of the steps that at least half of them have."""
    recording = _check_recording(recording)
    if align is not None:
        trials = _trials_with_period(recording, align, trials)
    zero = np.zeros(len(trials), int) if align is None else np.asarray(recording.start[align])[trials].astype(int)
    steps = recording.mask.shape[1]
    steps_since_zero = np.arange(-zero.max(), steps - zero.min())  # zero lies before steps that were cut off
    step = steps_since_zero + zero[:, None]  # the step in the recording, (trials, steps since zero)
    inside = (step >= 0) & (step < steps)
    step = np.clip(step, 0, steps - 1)
    known = inside & np.asarray(recording.mask)[trials[:, None], step]
    frequent = np.nonzero(known.mean(axis=0) >= 0.5)[0]
    shown = np.arange(frequent.min(), frequent.max() + 1)
    activity = np.where(known[:, shown, None], recording.activity[trials[:, None], step[:, shown]].astype(float), np.nan)
    first = int(steps_since_zero[shown[0]])
    edges = {
        name: tuple(np.asarray(side[name])[trials].astype(int) - zero - first for side in (recording.start, recording.end))
        for name in recording.start
    }
    return _AlignedTrials(trials, activity, edges, TimeAxis(len(shown), float(recording.dt), time, -first))


def _trials_with_period(recording: Recording, period: str, trials: Array) -> Array:
    """Return those of some trials (indices) that reach a period, with a warning that says how many do not."""
    if period not in recording.start:
        raise unknown_name("period", period, recording.start)
    start, end = (np.asarray(side[period])[trials].astype(int) for side in (recording.start, recording.end))
    length = recording.mask.shape[1]
    reached = (start < end) & (start < length) & np.asarray(recording.mask)[trials, np.clip(start, 0, length - 1)]
    if not reached.any():
        raise ValueError(f"align={period!r}: none of the {len(trials)} trials has this period.")
    if not reached.all():
        text = f"{np.count_nonzero(~reached)} of {len(trials)} trials do not have the period {period!r} and are left out."
        warnings.warn(text, stacklevel=6)  # in the name of the caller of the figure, beyond `checked`
    return np.asarray(trials[reached])


def _selected_trials(recording: Recording, trial: int | None, only: ArrayLike | None) -> Array:
    """Return the indices of the trials to draw."""
    n = len(_check_recording(recording).activity)
    if trial is not None:
        if not -n <= trial < n:
            raise IndexError(f"trial={trial!r} is not one of the {n} trials, from 0 to {n - 1}.")
        return np.array([trial % n])
    if only is None:
        return np.arange(n)
    members = np.asarray(only)
    if members.shape != (n,) or members.dtype != bool or not members.any():
        raise ValueError(
            f"only must be a bool for each of the {n} trials, with at least one True; it is {members.dtype} of shape "
            f"{members.shape}, with {np.count_nonzero(members)} nonzero values."
        )
    return np.nonzero(members)[0]


def _group_by_condition(
    recording: Recording, by: str | ArrayLike | None, aligned: _AlignedTrials
) -> list[tuple[str, _AlignedTrials]]:
    """Return label and trials of each group that has any among the aligned trials."""
    if isinstance(by, str) and by not in recording.conditions:
        raise unknown_name("condition", by, recording.conditions)
    groups = group_trials({"trial": np.arange(len(recording.activity)), **recording.conditions}, by)
    return [(label, aligned.subset(members[aligned.trials])) for label, members in groups if members[aligned.trials].any()]


def _check_recording(recording: Recording) -> Recording:
    """Raise if an object is not a recording, or its arrays have shapes that do not match."""
    missing = [name for name in Recording.__annotations__ if not hasattr(recording, name)]
    if missing:
        raise TypeError(
            f"{type(recording).__name__} is not a recording: it has no {', '.join(missing)}; see ngym_plot.Recording."
        )
    shape = np.shape(recording.activity)
    if len(shape) != 3 or 0 in shape:
        raise ValueError(f"activity must be (trials, steps, units) with at least one of each, not of shape {shape}.")
    if np.shape(recording.mask) != shape[:2]:
        raise ValueError(f"mask must be of shape {shape[:2]} as activity is, not {np.shape(recording.mask)}.")
    if not np.asarray(recording.mask).any(axis=1).all():
        raise ValueError("mask must be true at at least one step of each trial.")
    for what in ("start", "end", "conditions"):
        for name, values in getattr(recording, what).items():
            if np.shape(values)[:1] != shape[:1]:
                raise ValueError(
                    f"{what}[{name!r}] must have one row for each of the {shape[0]} trials, not {np.shape(values)}."
                )
    return recording


def _finish(ax: Axes, aligned: _AlignedTrials, title: str | None) -> None:
    """Add the time axis, the periods and the title."""
    aligned.time_axis.apply_to(ax)
    ax.set_xlabel(aligned.time_axis.label)
    if aligned.periods():
        shade_periods([ax], aligned.time_axis, aligned.periods())
    if title is not None:
        ax.set_title(title)

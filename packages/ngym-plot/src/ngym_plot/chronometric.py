"""Chronometric curves: reaction times against the strength of evidence."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from ngym_core.arguments import Flag, Text, checked
from ngym_plot.figure import MAX_POINTS, GivenAxes, axes_or_new, style
from ngym_plot.stats import bin_values, mean_interval, median_interval
from ngym_plot.trial_table import Table, numeric_column, outcomes

__all__ = ["plot_chronometric"]

Array: TypeAlias = NDArray[Any]


@checked
def plot_chronometric(
    table: Table,
    strength: Text = "coh",
    *,
    ax: GivenAxes | None = None,
    title: Text | None = None,
    median: Flag = False,
) -> Axes:
    """Draw reaction times against the strength of evidence, for correct choices and errors, with 95 % intervals.

    More than 12 different strengths are put into 12 bins with about equal numbers of trials.

    Args:
        table: A trial table with `reaction_time` (ms; NaN without a response), `correct` and the strength.
        strength: Column with the strength of the evidence; signs are ignored.
        ax: Axes to draw into; a new figure by default.
        title: Title.
        median: Draw medians (intervals are order statistics) instead of means (intervals are 1.96 standard errors).

    Returns:
        The axes.

    Raises:
        UnknownNameError: A column that the table does not have.
        ValueError: No trial, no reaction time, or constant evidence.

    Example:
        >>> import numpy as np
        >>> coh = np.tile([0.0, 12.8, 51.2], 40)
        >>> table = {"coh": coh, "reaction_time": 400 - 2 * coh, "correct": np.ones(120, bool)}
        >>> ax = plot_chronometric(table)
        >>> ax.lines[0].get_ydata().round(1).tolist()
        [400.0, 374.4, 297.6]
    """
    time_ms, evidence = numeric_column(table, "reaction_time"), np.abs(numeric_column(table, strength))
    correct = outcomes(table)
    known = np.isfinite(time_ms) & np.isfinite(evidence)
    if not known.any():
        raise ValueError(f"There is no reaction time in the {len(time_ms)} trials.")
    if len(np.unique(evidence[known])) < 2:
        raise ValueError(f"A curve needs at least two strengths; there is {np.unique(evidence[known]).tolist()}.")
    with style():
        ax = axes_or_new(ax)
        for name, outcome, fmt in (("correct", 1, "o-"), ("error", 0, "s--")):
            members = known & (correct == outcome)
            if not members.any():
                continue
            x, center, low, high = _points(evidence[members], time_ms[members], median).T
            (line,) = ax.plot(x, center, fmt, label=f"{name} (n = {members.sum()})")
            ax.vlines(x, low, high, color=line.get_color(), linewidth=1)
        ax.set(xlabel=f"Strength of evidence ({strength})", ylabel=f"{'Median' if median else 'Mean'} reaction time (ms)")
        if title is not None:
            ax.set_title(title)
        ax.legend()
    return ax


def _points(evidence: Array, time_ms: Array, median: bool) -> Array:
    """Return mean evidence, mean or median reaction time, and the ends of its 95 % interval in each bin, (bins, 4)."""
    interval = median_interval if median else mean_interval
    bin_of_trial = bin_values(evidence, MAX_POINTS)
    members = [bin_of_trial == k for k in range(bin_of_trial.max() + 1)]
    return np.array([(evidence[m].mean(), *interval(time_ms[m])) for m in members])

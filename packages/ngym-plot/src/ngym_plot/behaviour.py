"""Behaviour beyond the evidence: choices by ground truth, accuracy by delay, and the weight of previous choices."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeAlias

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize
from scipy.special import expit

from ngym_core.arguments import Count, Finite, InstanceOf, Probability, Text, checked
from ngym_plot.figure import GivenAxes, axes_or_new, draw_reference_line, group_colors, style
from ngym_plot.stats import Z_95, bin_values, wilson_interval
from ngym_plot.trial_table import Table, column, count_trials, group_trials, numeric_column, outcomes, signed_choices

__all__ = ["HistoryKernel", "fit_history", "plot_confusion", "plot_delay_dependence", "plot_history_kernel"]

Array: TypeAlias = NDArray[Any]
Outcome: TypeAlias = Literal["correct", "error"]
"""Outcome of a previous choice."""
Names: TypeAlias = Annotated[Mapping[Any, str], InstanceOf(Mapping, "a dictionary of actions and names")]
"""Action -> name."""

_MAX_CHOICES_WITH_NUMBERS = 10
"""In a larger confusion matrix the proportions are not written into the cells."""
_MAX_TICKS = 12


@checked
def plot_confusion(
    table: Table, *, names: Names | None = None, ax: GivenAxes | None = None, title: Text | None = None
) -> Axes:
    """Draw the confusion matrix of choices: the proportion of each choice among the trials of each ground truth.

    Args:
        table: A trial table with `choice` and `gt`.
        names: Action -> name, for the ticks.
        ax: Axes to draw into; a new figure by default.
        title: Title.

    Returns:
        The axes.

    Raises:
        UnknownNameError: A column that the table does not have.
        ValueError: No trial, or actions of several numbers.

    Example:
        >>> table = {"gt": [1, 1, 2, 2], "choice": [1, 2, 2, 2]}
        >>> ax = plot_confusion(table, names={1: "left", 2: "right"})
        >>> ax.images[0].get_array().tolist()
        [[0.5, 0.5], [0.0, 1.0]]
    """
    choice, gt = numeric_column(table, "choice"), numeric_column(table, "gt")
    row_values, row = np.unique(gt, return_inverse=True)
    # The columns are all actions of the table, in both roles, so that the diagonal is there.
    column_values, col = np.unique(np.concatenate([choice, gt]), return_inverse=True)
    counts = np.zeros((len(row_values), len(column_values)))
    np.add.at(counts, (row, col[: len(choice)]), 1)
    n = counts.sum(axis=1, keepdims=True)
    proportion = counts / n

    def label(value: float) -> str:
        return (names or {}).get(value, f"{value:g}")

    with_numbers = len(column_values) <= _MAX_CHOICES_WITH_NUMBERS
    side = float(np.clip(0.5 * len(column_values) + 1.6, 3.2, 5))
    with style():
        ax = axes_or_new(ax, (side + 0.7, side * (0.4 + 0.6 * len(row_values) / len(column_values))))
        image = ax.imshow(proportion, vmin=0, vmax=1 if with_numbers else proportion.max(), cmap="cividis", aspect="auto")
        bar = ax.figure.colorbar(image, ax=ax, label="Share of trials", shrink=0.9)
        bar.outline.set_linewidth(0.5)
        if with_numbers:
            for i, j in np.ndindex(*proportion.shape):
                color = "white" if proportion[i, j] < 0.6 else "black"
                ax.text(j, i, f"{proportion[i, j]:.2f}", ha="center", va="center", color=color, fontsize="small")
        x_labels = [label(value) for value in column_values.tolist()]
        step = max(1, round(len(x_labels) / _MAX_TICKS))
        rotation = 0 if max(map(len, x_labels)) < 9 else 30
        ax.set_xticks(range(0, len(x_labels), step), x_labels[::step], rotation=rotation)
        y_labels = [f"{label(value)} ({int(k)})" for value, k in zip(row_values.tolist(), n[:, 0], strict=True)]
        step = max(1, round(len(y_labels) / _MAX_TICKS))
        ax.set_yticks(range(0, len(y_labels), step), y_labels[::step])
        ax.set(xlabel="Choice", ylabel="Ground truth (trials)")
        ax.spines[:].set_visible(False)
        if title is not None:
            ax.set_title(title)
    return ax


@checked
def plot_delay_dependence(
    table: Table,
    delay: str | ArrayLike = "delay",
    *,
    by: str | ArrayLike | None = None,
    max_bins: Count = 8,
    chance: Probability | None = None,
    ax: GivenAxes | None = None,
    title: Text | None = None,
) -> Axes:
    """Draw the proportion of correct choices after each delay, with 95 % Wilson intervals.

    Args:
        table: A trial table with `correct`.
        delay: Column with the delay of each trial in ms, or (trials,) values.
        by: Column, or (trials,) values, with one line for each value.
        max_bins: If there are more different delays, they are put into this number of bins with about equal numbers of
            trials.
        chance: Chance level, from 0 to 1, for a reference line.
        ax: Axes to draw into; a new figure by default.
        title: Title.

    Returns:
        The axes.

    Raises:
        UnknownNameError: A column that the table does not have.
        ValueError: No trial, not one delay for each trial, or only one delay.

    Example:
        >>> import numpy as np
        >>> table = {"correct": np.arange(90) % 4 > 0, "delay": np.repeat([0, 500, 1000], 30)}
        >>> ax = plot_delay_dependence(table, chance=0.5)
        >>> ax.lines[0].get_xdata().tolist()
        [0.0, 500.0, 1000.0]
    """
    correct = outcomes(table)
    if isinstance(delay, str):
        delay_ms = numeric_column(table, delay)
    else:
        delay_ms = numeric_column({"correct": correct, "delay": delay}, "delay")
    known = np.isfinite(delay_ms) & ~np.isnan(correct)
    if len(np.unique(delay_ms[known])) < 2:
        raise ValueError(f"There must be at least two delays; there is {np.unique(delay_ms[known]).tolist()}.")
    with style():
        ax = axes_or_new(ax)
        groups = group_trials(table, by)
        for (label, members), color in zip(groups, group_colors(len(groups)), strict=True):
            members = members & known
            bin_of_trial = bin_values(delay_ms[members], max_bins)
            n = np.bincount(bin_of_trial)
            center, proportion = (np.bincount(bin_of_trial, values[members]) / n for values in (delay_ms, correct))
            ax.plot(center, proportion, "o-", color=color, label=label or None)
            ax.vlines(center, *wilson_interval(proportion, n), color=color, linewidth=1)
        if chance is not None:
            draw_reference_line(ax, y=chance)
        ax.set(ylim=(-0.05, 1.05), xlabel="Delay (ms)", ylabel="P(correct)")
        if by is not None:
            ax.legend()
        if title is not None:
            ax.set_title(title)
    return ax


@dataclass(frozen=True)
class HistoryKernel:
    """History kernel: weights of previous choices in a logistic regression of the choice.

    A weight is the change in the log odds of making a choice if the same choice was made `lag` trials ago: above 0
    choices are repeated, below 0 they alternate.

    Attributes:
        lags: 1 to L trials ago, (L,).
        correct: Weights of previous correct choices, (L,).
        error: Weights of previous errors, (L,).
        bias: Log odds of the second choice without evidence and history.
        evidence: Weight of one unit of signed evidence; 0 in a fit without evidence.
        errors: Standard errors of bias, evidence weight, correct and error weights, concatenated, (2 + 2 L,); NaN for
            a weight without data.
        trials: Number of trials in the fit.

    Example:
        >>> import numpy as np
        >>> lags = np.array([1, 2])
        >>> kernel = HistoryKernel(lags, np.array([0.5, 0.2]), np.zeros(2), 0.0, 0.0, np.full(6, 0.1), 500)
        >>> [ends.round(3).tolist() for ends in kernel.interval("correct")]
        [[0.304, 0.004], [0.696, 0.396]]
    """

    lags: Array
    correct: Array
    error: Array
    bias: float
    evidence: float
    errors: Array
    trials: int

    @checked
    def interval(self, outcome: Outcome) -> tuple[Array, Array]:
        """Return the ends, (L,) each, of the 95 % intervals of the weights after ``correct`` or ``error`` choices."""
        weights = getattr(self, outcome)
        start = 2 + (0 if outcome == "correct" else len(self.lags))
        half = Z_95 * self.errors[start : start + len(self.lags)]
        return weights - half, weights + half


@checked
def fit_history(
    table: Table,
    lags: Count = 5,
    *,
    strength: Text | None = None,
    side: Text = "ground_truth",
    no_response: Finite | None = 0,
) -> HistoryKernel:
    """Fit how choices depend on previous choices, separately for correct choices and errors.

    The first `lags` trials of each lane are not fitted: they lack a history. Nor are trials without a response, or of which
    the strength of the evidence is missing.

    Args:
        table: A trial table with `choice` and `correct`, in the order of the trials; with `lane`, each lane has its own
            history.
        lags: Number of previous trials.
        strength: Column with the strength of the evidence in the trial itself, see `signed_choices`; by default the fit
            has no evidence.
        side: Column that says which choice the evidence favours.
        no_response: The action that counts as no response; None if every action is a response.

    Returns:
        The kernel.

    Raises:
        UnknownNameError: A column that the table does not have.
        ValueError: No trial, not two choices, lags below 1, or too few trials for the number of weights.

    Example:
        >>> import numpy as np
        >>> choice = np.tile([1, 1, 1, 2, 2, 2], 50)  # an observer that repeats its choices
        >>> kernel = fit_history({"choice": choice, "correct": np.ones(300)}, lags=1)
        >>> bool(kernel.correct[0] > 0), kernel.trials
        (True, 299)
    """
    if strength is None:  # a fit without evidence is one with zero evidence
        table = {**table, "no evidence": np.zeros(count_trials(table))}
        strength = side = "no evidence"
    evidence, choice = signed_choices(table, strength, side, no_response)
    correct = outcomes(table)
    lane = column(table, "lane") if "lane" in table else np.zeros(len(choice), int)
    signed = np.nan_to_num(2 * choice - 1)  # -1 or 1, and 0 without a response
    parts = []
    for one_lane in np.unique(lane):
        rows = np.nonzero(lane == one_lane)[0]
        by_outcome = [signed[rows] * (correct[rows] == outcome) for outcome in (True, False)]
        history = [_lagged(values, lag) for values in by_outcome for lag in range(1, lags + 1)]
        parts.append(np.column_stack([np.ones(len(rows)), evidence[rows], *history, choice[rows]])[lags:])
    data = np.concatenate(parts)
    data = data[~np.isnan(data).any(axis=1)]
    used = (data[:, :-1] != 0).any(axis=0)  # a column of zeros says nothing about its weight
    if len(lane) > 1 and len(np.unique(lane)) == len(lane):
        raise ValueError(
            "each lane of the table has one trial, so that none has a trial before it: score the network with "
            "`carry='stream'`, or remove `lane` from the table if its trials did follow one another."
        )
    if len(data) < 2 * (used.sum() + 1):
        raise ValueError(f"{len(data)} trials with {lags} trials before them are too few for {used.sum()} weights.")
    weights, errors = np.zeros(len(used)), np.full(len(used), np.nan)
    weights[used], errors[used] = _fit_logistic(data[:, :-1][:, used], data[:, -1])
    after_correct, after_error = weights[2 : 2 + lags], weights[2 + lags :]
    return HistoryKernel(np.arange(1, lags + 1), after_correct, after_error, weights[0], weights[1], errors, len(data))


def _lagged(values: Array, lag: int) -> Array:
    """Return the value `lag` trials earlier, (trials,); 0 in the first trials."""
    return np.concatenate([np.zeros(min(lag, len(values))), values[:-lag]])


def _fit_logistic(x: Array, y: Array, ridge: float = 1e-3) -> tuple[Array, Array]:
    """Fit a logistic regression without intercept.

    Args:
        x: Predictors, (n, k); no column is all zeros.
        y: Responses 0 or 1, (n,).
        ridge: Penalty on squared weights; keeps them finite where the predictors separate the responses.

    Returns:
        Weights and their standard errors, (k,) each.
    """

    def negative_log_likelihood(w: Array) -> tuple[float, Array]:
        z = x @ w
        value = (np.logaddexp(0, z) - y * z).sum() + ridge * (w @ w) / 2
        return float(value), x.T @ (expit(z) - y) + ridge * w

    scale = np.abs(x).max(axis=0)
    x = x / scale  # predictors of like size: the ridge and the tolerance mean the same for all weights
    found = minimize(negative_log_likelihood, np.zeros(x.shape[1]), jac=True, method="BFGS", options={"gtol": 1e-6 * len(x)})
    p = expit(x @ found.x)
    information = (x * (p * (1 - p))[:, None]).T @ x + ridge * np.eye(len(scale))
    return found.x / scale, np.sqrt(np.diag(np.linalg.inv(information))) / scale


@checked
def plot_history_kernel(
    table: Table,
    lags: Count = 5,
    *,
    strength: Text | None = None,
    side: Text = "ground_truth",
    no_response: Finite | None = 0,
    ax: GivenAxes | None = None,
    title: Text | None = None,
) -> tuple[Axes, HistoryKernel]:
    """Draw the weights of previous choices, after correct choices and after errors, with 95 % intervals.

    Args:
        table: See `fit_history`.
        lags: See `fit_history`.
        strength: See `fit_history`.
        side: See `fit_history`.
        no_response: See `fit_history`.
        ax: Axes to draw into; a new figure by default.
        title: Title.

    Returns:
        The axes and the kernel.

    Raises:
        UnknownNameError: A column that the table does not have.
        ValueError: See `fit_history`.

    Example:
        >>> import numpy as np
        >>> choice = np.tile([1, 1, 1, 2, 2, 2], 50)
        >>> ax, kernel = plot_history_kernel({"choice": choice, "correct": np.ones(300)}, lags=3)
    """
    kernel = fit_history(table, lags, strength=strength, side=side, no_response=no_response)
    with style():
        ax = axes_or_new(ax)
        # The two lines are shifted apart, so that their intervals do not overlap.
        lines: tuple[tuple[Outcome, str, str, float], ...] = (
            ("correct", "after correct choices", "o-", -0.06),
            ("error", "after errors", "s--", 0.06),
        )
        for outcome, label, fmt, shift in lines:
            (line,) = ax.plot(kernel.lags + shift, getattr(kernel, outcome), fmt, label=label)
            ax.vlines(kernel.lags + shift, *kernel.interval(outcome), color=line.get_color(), linewidth=1)
        draw_reference_line(ax, y=0)
        ax.set_xticks(kernel.lags[:: max(1, lags // 10)])
        ax.set(xlabel="Trials ago", ylabel="Weight of a choice (log odds)")
        ax.legend()
        if title is not None:
            ax.set_title(title)
    return ax, kernel

"""What choices depend on beside the evidence: which choice was right, the delay, the choices before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize
from scipy.special import expit

from ngym_plot.figure import new_axes, reference_line, shades, style
from ngym_plot.trial_table import Table, bins, column, groups, numbers, responses, signed_choices, size, wilson

__all__ = ["HistoryKernel", "fit_history", "plot_confusion", "plot_delay_dependence", "plot_history_kernel"]

Array: TypeAlias = NDArray[Any]

WRITTEN = 10
"""In a matrix of so many choices, each share is written."""


def plot_confusion(
    table: Table, *, names: Mapping[Any, str] | None = None, ax: Axes | None = None, title: str | None = None
) -> Axes:
    """Draw which choices were made for each right one, as shares of the trials in which it was right.

    Args:
        table: A trial table with `choice` and `gt`.
        names: Names of the actions, for the ticks.
        ax: Where to draw; a new figure by default.
        title: Title.

    Returns:
        The axes.

    Raises:
        UnknownNameError: A column that the table does not have.
        ValueError: No trial, or actions of several numbers.
    """
    choice, gt = responses(table, None), responses({**_only(table, "gt"), "choice": column(table, "gt")}, None)
    rows, row = np.unique(gt, return_inverse=True)
    columns, col = np.unique(np.concatenate([choice, gt]), return_inverse=True)
    counts = np.zeros((len(rows), len(columns)))
    np.add.at(counts, (row, col[: len(choice)]), 1)
    n = counts.sum(axis=1, keepdims=True)
    share = counts / n
    side = float(np.clip(0.5 * len(columns) + 1.6, 3.2, 5))
    with style():
        ax = new_axes(ax, (side + 0.7, side * (0.4 + 0.6 * len(rows) / len(columns))))
        image = ax.imshow(share, vmin=0, vmax=1 if len(columns) <= WRITTEN else share.max(), cmap="cividis", aspect="auto")
        bar = ax.figure.colorbar(image, ax=ax, label="Share of trials", shrink=0.9)
        bar.outline.set_linewidth(0.5)
        if len(columns) <= WRITTEN:
            for i, j in np.ndindex(*share.shape):
                color = "white" if share[i, j] < 0.6 else "black"
                ax.text(j, i, f"{share[i, j]:.2f}", ha="center", va="center", color=color, fontsize="small")
        step = max(1, round(len(columns) / 12))
        said = [(names or {}).get(value, f"{value:g}") for value in columns.tolist()]
        ax.set_xticks(range(0, len(columns), step), said[::step], rotation=0 if max(map(len, said)) < 9 else 30)
        of_rows = [f"{(names or {}).get(v, f'{v:g}')} ({int(k)})" for v, k in zip(rows.tolist(), n[:, 0], strict=True)]
        step = max(1, round(len(rows) / 12))
        ax.set_yticks(range(0, len(rows), step), of_rows[::step])
        ax.set(xlabel="Choice", ylabel="Ground truth (trials)")
        ax.spines[:].set_visible(False)
        if title is not None:
            ax.set_title(title)
    return ax


def _only(table: Table, name: str) -> dict[str, Array]:
    return {name: column(table, name)}


def plot_delay_dependence(
    table: Table,
    delay: str | ArrayLike = "delay",
    *,
    by: str | ArrayLike | None = None,
    most: int = 8,
    chance: float | None = None,
    ax: Axes | None = None,
    title: str | None = None,
) -> Axes:
    """Draw how often choices are correct after different delays, with 95 % intervals.

    Args:
        table: A trial table with `correct`.
        delay: Column with the delay of each trial in ms, or (trials,) values.
        by: Column, or (trials,) values, with one line for each value.
        most: More different delays are put into so many bins of equal numbers of trials.
        chance: Draw a line there.
        ax: Where to draw; a new figure by default.
        title: Title.

    Returns:
        The axes.

    Raises:
        UnknownNameError: A column that the table does not have.
        ValueError: No trial, not one delay for each, or all the same.
    """
    correct = column(table, "correct").astype(bool)
    time = numbers(
        table if isinstance(delay, str) else {"trial": correct, "delay": delay}, delay if isinstance(delay, str) else "delay"
    )
    if len(np.unique(time[np.isfinite(time)])) < 2:
        raise ValueError(f"There must be at least two delays; there is {np.unique(time).tolist()}.")
    with style():
        ax = new_axes(ax)
        parts = groups(table, by)
        for (label, members), shade in zip(parts, shades(len(parts)), strict=True):
            members = members & np.isfinite(time)
            which = bins(time[members], most)
            n = np.bincount(which)
            middle, share = (np.bincount(which, values[members]) / n for values in (time, correct))
            ax.plot(middle, share, "o-", color=shade, label=label or None)
            ax.vlines(middle, *wilson(share, n), color=shade, linewidth=1)
        if chance is not None:
            reference_line(ax, y=chance)
        ax.set(ylim=(-0.05, 1.05), xlabel="Delay (ms)", ylabel="P(correct)")
        if by is not None:
            ax.legend()
        if title is not None:
            ax.set_title(title)
    return ax


@dataclass(frozen=True)
class HistoryKernel:
    """How the choices before pull on a choice: weights of a logistic regression on them.

    A weight is the change in log odds of taking a choice that was taken `lag` trials ago; above 0 choices are repeated.

    Attributes:
        lags: 1 to L trials ago, (L,).
        correct: Weights of choices that were correct, (L,).
        error: Weights of choices that were errors, (L,).
        bias: Log odds of the second choice without evidence and history.
        evidence: Weight of one unit of evidence; 0 where none was given.
        errors: Standard errors of bias, evidence, correct and error weights, one after another, (2 + 2 L,); NaN where
            a weight has no data.
        trials: Number of trials in the fit.
    """

    lags: Array
    correct: Array
    error: Array
    bias: float
    evidence: float
    errors: Array
    trials: int

    def interval(self, outcome: str) -> tuple[Array, Array]:
        """95 % interval of the weights after ``correct`` or ``error`` choices, (L,) each."""
        weights = getattr(self, outcome)
        start = 2 + (0 if outcome == "correct" else len(self.lags))
        half = 1.96 * self.errors[start : start + len(self.lags)]
        return weights - half, weights + half


def fit_history(
    table: Table, lags: int = 5, *, strength: str | None = None, side: str = "ground_truth", none: float | None = 0
) -> HistoryKernel:
    """Fit how choices depend on the choices before, separately for correct ones and errors.

    Args:
        table: A trial table with `choice` and `correct`; with `lane`, each lane has a history of its own.
        lags: How many trials back.
        strength: Column with the strength of the evidence of the trial itself, see `signed_choices`.
        side: Column that says which choice the evidence favours.
        none: The action that is no response; None if all are.

    Returns:
        The kernel.

    Raises:
        UnknownNameError: A column that the table does not have.
        ValueError: No trial, not two choices, lags below 1, or too few trials for so many weights.
    """
    if lags < 1:
        raise ValueError(f"lags={lags!r} must be at least one trial.")
    zero = {**table, "no evidence": np.zeros(size(table))} if strength is None else table
    evidence, choice = signed_choices(zero, strength or "no evidence", side if strength else "no evidence", none)
    correct = column(table, "correct").astype(bool)
    lane = column(table, "lane") if "lane" in table else np.zeros(len(choice), int)
    signed = np.nan_to_num(2 * choice - 1)  # 0 without a response
    parts = []
    for one in np.unique(lane):
        rows = np.nonzero(lane == one)[0]
        past = [
            np.stack([_before(signed[rows] * (correct[rows] == hit), lag) for lag in range(1, lags + 1)]) for hit in (1, 0)
        ]
        parts.append(np.column_stack([np.ones(len(rows)), evidence[rows], *np.concatenate(past), choice[rows]])[lags:])
    data = np.concatenate(parts)
    data = data[~np.isnan(data[:, -1])]
    used = (data[:, :-1] != 0).any(axis=0)
    if len(data) < 2 * (used.sum() + 1):
        raise ValueError(f"{len(data)} trials with {lags} trials before them are too few for {used.sum()} weights.")
    weights, errors = np.zeros(len(used)), np.full(len(used), np.nan)
    weights[used], errors[used] = _logistic(data[:, :-1][:, used], data[:, -1])
    first, second = weights[2 : 2 + lags], weights[2 + lags :]
    return HistoryKernel(np.arange(1, lags + 1), first, second, weights[0], weights[1], errors, len(data))


def _before(values: Array, lag: int) -> Array:
    return np.concatenate([np.zeros(min(lag, len(values))), values[:-lag]])


def _logistic(x: Array, y: Array, ridge: float = 1e-3) -> tuple[Array, Array]:
    """Weights and standard errors of a logistic regression; the ridge keeps them finite where choices are certain."""

    def surprise(w: Array) -> tuple[float, Array]:
        z = x @ w
        fun = (np.logaddexp(0, z) - y * z).sum() + ridge * (w @ w) / 2
        return float(fun), x.T @ (expit(z) - y) + ridge * w

    scale = np.abs(x).max(axis=0)
    x = x / scale
    found = minimize(surprise, np.zeros(x.shape[1]), jac=True, method="BFGS", options={"gtol": 1e-6 * len(x)})
    p = expit(x @ found.x)
    information = (x * (p * (1 - p))[:, None]).T @ x + ridge * np.eye(len(scale))
    return found.x / scale, np.sqrt(np.diag(np.linalg.inv(information))) / scale


def plot_history_kernel(
    table: Table,
    lags: int = 5,
    *,
    strength: str | None = None,
    side: str = "ground_truth",
    none: float | None = 0,
    ax: Axes | None = None,
    title: str | None = None,
) -> tuple[Axes, HistoryKernel]:
    """Draw how the choices before pull on a choice, after correct choices and after errors, with 95 % intervals.

    The arguments are those of `fit_history`, and:

    Args:
        table: A trial table.
        lags: How many trials back.
        strength: Column with the strength of the evidence.
        side: Column that says which choice the evidence favours.
        none: The action that is no response; None if all are.
        ax: Where to draw; a new figure by default.
        title: Title.

    Returns:
        The axes and the kernel.

    Raises:
        ValueError: See `fit_history`.
    """
    kernel = fit_history(table, lags, strength=strength, side=side, none=none)
    with style():
        ax = new_axes(ax)
        for outcome, look, shift in (("correct", "o-", -0.06), ("error", "s--", 0.06)):
            (line,) = ax.plot(
                kernel.lags + shift,
                getattr(kernel, outcome),
                look,
                label=f"after {outcome}s" if outcome == "error" else "after correct choices",
            )
            ax.vlines(kernel.lags + shift, *kernel.interval(outcome), color=line.get_color(), linewidth=1)
        reference_line(ax, y=0)
        ax.set_xticks(kernel.lags[:: max(1, lags // 10)])
        ax.set(xlabel="Trials ago", ylabel="Weight of a choice (log odds)")
        ax.legend()
        if title is not None:
            ax.set_title(title)
    return ax, kernel

"""Choices and reaction times against evidence."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike, NDArray

from ngym_plot.figure import new_axes, reference_line, shades, style
from ngym_plot.psychometric import PsychometricFit, fit_psychometric, tally
from ngym_plot.trial_table import Table, bins, column, groups, numbers, signed_choices, wilson

__all__ = ["plot_chronometric", "plot_psychometric", "plot_psychometric_curves"]

Array: TypeAlias = NDArray[Any]

POINTS = 12
"""So many values of evidence get a point each; more of them are put into bins."""


def plot_psychometric(
    evidence: ArrayLike,
    choice: ArrayLike,
    ax: Axes | None = None,
    title: str | None = None,
    legend: str | None = None,
    *,
    color: str | None = None,
    link: str = "logit",
    lapses: str = "equal",
    resamples: int = 500,
    seed: int = 0,
) -> tuple[Axes, PsychometricFit]:
    """Draw how often a choice was made at each evidence, with 95 % intervals, and a fitted curve with its 95 % band.

    Args:
        evidence: (n,) signed evidence for the choice.
        choice: (n,) whether the choice was made; NaN where there was no response (left out).
        ax: Where to draw; a new figure by default.
        title: Title.
        legend: Label of the curve.
        color: Colour of points and curve; by default the next one of the axes.
        link: ``logit`` or ``probit``.
        lapses: ``equal`` on both sides, ``separate``, or ``none``.
        resamples: How many resamples of the bootstrap the band stands on; 0 draws none.
        seed: Seed of the bootstrap.

    Returns:
        The axes and the fit.

    Raises:
        ValueError: See `fit_psychometric`.
    """
    fit = fit_psychometric(evidence, choice, link=link, lapses=lapses, resamples=resamples, seed=seed)
    levels, n, k = tally(evidence, choice, POINTS)
    low, high = wilson(k / n, n)
    with style():
        ax = new_axes(ax)
        fresh = not ax.lines
        (points,) = ax.plot(levels, k / n, "o", color=color, label=legend)
        shade = points.get_color()
        ax.vlines(levels, low, high, color=shade, linewidth=1)
        line = np.linspace(levels[0], levels[-1], 300)
        ax.plot(line, fit(line), color=shade)
        if resamples:
            ax.fill_between(line, *fit.band(line), color=shade, alpha=0.2, linewidth=0)
        if fresh:
            reference_line(ax, x=0)
            reference_line(ax, y=0.5)
        ax.set(ylim=(-0.05, 1.05), xlabel="Signed evidence", ylabel="P(choice)")
        ax.set_yticks([0, 0.25, 0.5, 0.75, 1])
        if title is not None:
            ax.set_title(title)
        if legend:
            ax.legend(loc="upper left")
    return ax, fit


def plot_psychometric_curves(
    table: Table,
    strength: str = "coh",
    side: str = "ground_truth",
    *,
    by: str | ArrayLike | None = None,
    none: float | None = 0,
    ax: Axes | None = None,
    title: str | None = None,
    link: str = "logit",
    lapses: str = "equal",
    resamples: int = 500,
    seed: int = 0,
) -> tuple[Axes, dict[str, PsychometricFit]]:
    """Draw the psychometric curve of a trial table, or one for each block, context, or stage of training.

    Args:
        table: A trial table with `choice` and the columns named below.
        strength: Column with the strength of the evidence; negative strengths keep their sign.
        side: Column that says which choice the evidence favours.
        by: Column, or (trials,) values, with one curve for each value: ``"block"``, or ``stages(table, 3)``.
        none: The action that is no response; None if all are. Trials without a response are left out.
        ax: Where to draw; a new figure by default.
        title: Title.
        link: See `plot_psychometric`.
        lapses: See `plot_psychometric`.
        resamples: See `plot_psychometric`.
        seed: See `plot_psychometric`.

    Returns:
        The axes, and the fit of each curve by its label (``""`` for a single one).

    Raises:
        UnknownNameError: A column that the table does not have.
        ValueError: No trial, not two choices, or see `fit_psychometric`.
    """
    evidence, choice = signed_choices(table, strength, side, none)
    fits: dict[str, PsychometricFit] = {}
    parts = groups(table, by)
    for (label, members), color in zip(parts, shades(len(parts)), strict=True):
        try:
            options: Any = {"color": color, "link": link, "lapses": lapses, "resamples": resamples, "seed": seed}
            ax, fits[label] = plot_psychometric(evidence[members], choice[members], ax, title, label or None, **options)
        except ValueError as error:
            raise ValueError(f"{label}: {error}" if label else str(error)) from error
    assert ax is not None
    ax.set(xlabel=f"Evidence ({strength}, signed)", ylabel="P(second choice)")
    return ax, fits


def plot_chronometric(
    table: Table,
    strength: str = "coh",
    *,
    ax: Axes | None = None,
    title: str | None = None,
    median: bool = False,
) -> Axes:
    """Draw reaction times against the strength of evidence, of correct choices and of errors, with 95 % intervals.

    Args:
        table: A trial table with `reaction_time` (ms; NaN without a response), `correct` and the strength.
        strength: Column with the strength of the evidence.
        ax: Where to draw; a new figure by default.
        title: Title.
        median: Draw medians (with the interval of their order statistics) instead of means (with 1.96 standard errors).

    Returns:
        The axes.

    Raises:
        UnknownNameError: A column that the table does not have.
        ValueError: No trial, no reaction time, or constant evidence.
    """
    time, evidence = numbers(table, "reaction_time"), np.abs(numbers(table, strength))
    correct = column(table, "correct").astype(bool)
    known = np.isfinite(time) & np.isfinite(evidence)
    if not known.any():
        raise ValueError(f"There is no reaction time in the {len(time)} trials.")
    if len(np.unique(evidence[known])) < 2:
        raise ValueError(f"A curve needs at least two strengths; there is {np.unique(evidence[known]).tolist()}.")
    with style():
        ax = new_axes(ax)
        for name, outcome, look in (("correct", correct, "o-"), ("error", ~correct, "s--")):
            members = known & outcome
            if not members.any():
                continue
            points = np.array([_center(x, y, median) for x, y in _parted(evidence[members], time[members])])
            x, middle, low, high = points.T
            (line,) = ax.plot(x, middle, look, label=f"{name} (n = {members.sum()})")
            ax.vlines(x, low, high, color=line.get_color(), linewidth=1)
        ax.set(xlabel=f"Strength of evidence ({strength})", ylabel=f"{'Median' if median else 'Mean'} reaction time (ms)")
        if title is not None:
            ax.set_title(title)
        ax.legend()
    return ax


def _parted(x: Array, y: Array) -> list[tuple[Array, Array]]:
    """Values by the evidence that they belong to."""
    which = bins(x, POINTS)
    return [(x[which == k], y[which == k]) for k in range(which.max() + 1)]


def _center(x: Array, y: Array, median: bool) -> tuple[float, float, float, float]:
    """Mean evidence, and mean (or median) of (n,) values with its 95 % interval."""
    n = len(y)
    if median:
        ranks = np.clip(n / 2 + 0.98 * np.sqrt(n) * np.array([-1, 1]), 0, n - 1)
        low, high = np.sort(y)[np.round(ranks).astype(int)]
        return float(x.mean()), float(np.median(y)), float(low), float(high)
    half = 1.96 * y.std(ddof=1) / np.sqrt(n) if n > 1 else 0.0
    return float(x.mean()), float(y.mean()), float(y.mean() - half), float(y.mean() + half)

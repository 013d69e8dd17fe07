"""Psychometric curves: how often a choice is made, by the evidence for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize
from scipy.special import expit

from ngym_plot.drawing import style

__all__ = ["PsychometricFit", "fit_psychometric", "plot_psychometric"]

Array: TypeAlias = NDArray[Any]


@dataclass(frozen=True)
class PsychometricFit:
    """A fitted psychometric curve, ``lapse + (1 - 2 * lapse) * logistic(slope * (evidence - bias))``.

    Attributes:
        slope: Steepness, per unit of evidence.
        bias: Evidence at which both choices are equally likely.
        lapse: Share of trials in which the choice is made at random, on each side.
    """

    slope: float
    bias: float
    lapse: float

    def __call__(self, evidence: ArrayLike) -> Array:
        """Probability of the choice at some evidence."""
        return np.asarray(self.lapse + (1 - 2 * self.lapse) * expit(self.slope * (np.asarray(evidence) - self.bias)))


def fit_psychometric(evidence: ArrayLike, choice: ArrayLike) -> PsychometricFit:
    """Fit a curve by maximum likelihood.

    Args:
        evidence: (n,) signed evidence for the choice.
        choice: (n,) whether the choice was made; NaN where there was no response (left out).

    Returns:
        The fit.

    Raises:
        ValueError: Arrays of different shape, fewer than two responses, or constant evidence.
    """
    evidence, choice = _responses(evidence, choice)
    if len(np.unique(evidence)) < 2:
        raise ValueError(f"A curve needs at least two values of evidence; there is {np.unique(evidence).tolist()}.")
    scale = float(np.abs(evidence).max())

    def surprise(parameters: Array) -> float:
        slope, bias, lapse = parameters
        p = np.clip(lapse + (1 - 2 * lapse) * expit(slope * (evidence / scale - bias)), 1e-9, 1 - 1e-9)
        return float(-(choice * np.log(p) + (1 - choice) * np.log(1 - p)).sum())

    bounds = [(-500, 500), (-2, 2), (0, 0.45)]
    starts = [np.array([slope, 0.0, 0.02]) for slope in (3.0, 30.0, -3.0)]
    best = min((minimize(surprise, start, bounds=bounds) for start in starts), key=lambda result: float(result.fun))
    return PsychometricFit(best.x[0] / scale, best.x[1] * scale, best.x[2])


def plot_psychometric(
    evidence: ArrayLike, choice: ArrayLike, ax: Axes | None = None, title: str | None = None, legend: str | None = None
) -> tuple[Axes, PsychometricFit]:
    """Draw how often a choice was made at each evidence, with 95 % intervals and a fitted curve.

    Args:
        evidence: (n,) signed evidence for the choice.
        choice: (n,) whether the choice was made; NaN where there was no response (left out).
        ax: Where to draw; a new figure by default.
        title: Title.
        legend: Label of the curve.

    Returns:
        The axes and the fit.

    Raises:
        ValueError: See `fit_psychometric`.
    """
    fit = fit_psychometric(evidence, choice)
    evidence, choice = _responses(evidence, choice)
    levels, which = np.unique(evidence, return_inverse=True)
    n = np.bincount(which)
    p = np.bincount(which, choice) / n
    low, high = _wilson(p, n)
    with style():
        if ax is None:
            _, ax = plt.subplots(figsize=(4, 3.2))
        (points,) = ax.plot(levels, p, "o", label=legend)
        ax.vlines(levels, low, high, color=points.get_color(), linewidth=1)
        line = np.linspace(levels[0], levels[-1], 300)
        ax.plot(line, fit(line), color=points.get_color())
        ax.axvline(0, color="0.7", linewidth=0.8, linestyle=(0, (4, 3)), zorder=0.5)
        ax.axhline(0.5, color="0.7", linewidth=0.8, linestyle=(0, (4, 3)), zorder=0.5)
        ax.set(ylim=(-0.05, 1.05), xlabel="Signed evidence", ylabel="P(choice)", title=title or "")
        if legend:
            ax.legend()
    return ax, fit


def _responses(evidence: ArrayLike, choice: ArrayLike) -> tuple[Array, Array]:
    evidence, choice = np.asarray(evidence, float), np.asarray(choice, float)
    if evidence.ndim != 1 or evidence.shape != choice.shape:
        raise ValueError(f"evidence {evidence.shape} and choice {choice.shape} must be two arrays of shape (n,).")
    kept = ~np.isnan(choice)
    if kept.sum() < 2:
        raise ValueError(f"A curve needs at least two responses; there are {kept.sum()} in {len(choice)} trials.")
    if not np.isfinite(evidence[kept]).all() or not np.isin(choice[kept], (0, 1)).all():
        raise ValueError("evidence must be finite, and choice 0, 1 or NaN.")
    return evidence[kept], choice[kept]


def _wilson(p: Array, n: Array, z: float = 1.96) -> tuple[Array, Array]:
    """95 % interval of a share, by Wilson; it has a width at 0 and 1 too."""
    middle = (p + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    return middle - half, middle + half

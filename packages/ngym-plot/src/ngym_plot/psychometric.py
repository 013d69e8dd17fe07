"""Psychometric curves: fit how often a choice is made by the evidence for it, with intervals from a bootstrap."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize
from scipy.special import expit, ndtr

from ngym_core.errors import unknown
from ngym_plot.trial_table import bins

__all__ = ["PsychometricFit", "fit_psychometric", "tally"]

Array: TypeAlias = NDArray[Any]

LINKS: dict[str, Any] = {
    "logit": (expit, lambda z, p: p * (1 - p)),
    "probit": (ndtr, lambda z, p: np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi)),
}
"""Link -> its distribution function of z, and its density, given z and the former."""
LAPSES = {"equal": 1, "separate": 2, "none": 0}
"""How lapses are fitted -> how many parameters they take."""
MOST_LAPSES = 0.45
STEEPEST = 500.0
"""Of the evidence that is scaled to 1."""
FARTHEST = 2.0
"""Of the bias, likewise."""


@dataclass(frozen=True)
class PsychometricFit:
    """A fitted psychometric curve, ``low + (1 - low - high) * F(slope * (evidence - bias))``.

    Attributes:
        slope: Steepness, per unit of evidence.
        bias: Evidence at which F is one half, in its unit.
        lapse: Share of trials in which the choice is made whatever the evidence (low); with separate lapses, the
            mean of both.
        lapses: (low, high): distance of the curve from 0 and from 1; both are `lapse` unless they were fitted apart.
        link: What F is: ``logit``, the logistic function, or ``probit``, the normal distribution.
        trials: Number of responses.
        resamples: Slope, bias, low and high of each bootstrap resample, (resamples, 4); empty without a bootstrap.
    """

    slope: float
    bias: float
    lapse: float = 0.0
    lapses: tuple[float, float] | None = None
    link: str = "logit"
    trials: int = 0
    resamples: Array = field(default_factory=lambda: np.zeros((0, 4)), compare=False, repr=False)

    def __call__(self, evidence: ArrayLike) -> Array:
        """Probability of the choice at some evidence."""
        low, high = (self.lapse, self.lapse) if self.lapses is None else self.lapses
        return _curve(np.asarray(evidence, float), (self.slope, self.bias, low, high), self.link)

    def interval(self, name: str, level: float = 0.95) -> tuple[float, float]:
        """Give the interval of a parameter, between percentiles of the resamples.

        Args:
            name: ``slope``, ``bias``, ``lapse``, ``low`` or ``high``.
            level: How much it should hold.

        Returns:
            Its ends.

        Raises:
            UnknownNameError: Another name.
            ValueError: There was no bootstrap.
        """
        columns = {"slope": [0], "bias": [1], "low": [2], "high": [3], "lapse": [2, 3]}
        if name not in columns:
            raise unknown("parameter", name, columns)
        if not len(self.resamples):
            raise ValueError("There was no bootstrap: fit with resamples=1000, for example.")
        values = self.resamples[:, columns[name]].mean(axis=1)
        low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
        return float(low), float(high)

    def band(self, evidence: ArrayLike, level: float = 0.95) -> tuple[Array, Array]:
        """Give the interval of the curve at some evidence (k,): its ends, (k,) each.

        Raises:
            ValueError: There was no bootstrap.
        """
        if not len(self.resamples):
            raise ValueError("There was no bootstrap: fit with resamples=1000, for example.")
        curves = _curve(np.asarray(evidence, float), self.resamples.T[:, :, None], self.link)
        low, high = np.quantile(curves, [(1 - level) / 2, (1 + level) / 2], axis=0)
        return low, high


def _curve(x: Array, parameters: Any, link: str) -> Array:
    slope, bias, low, high = parameters
    return np.asarray(low + (1 - low - high) * LINKS[link][0](slope * (x - bias)))


def fit_psychometric(
    evidence: ArrayLike,
    choice: ArrayLike,
    *,
    link: str = "logit",
    lapses: str = "equal",
    resamples: int = 0,
    seed: int = 0,
) -> PsychometricFit:
    """Fit a curve by maximum likelihood, and find out by a parametric bootstrap how sure it is.

    Evidence of more than 100 different values is put into 100 bins of equal numbers of trials.

    Args:
        evidence: (n,) signed evidence for the choice.
        choice: (n,) whether the choice was made; NaN where there was no response (left out).
        link: ``logit`` or ``probit``.
        lapses: ``equal`` on both sides, ``separate``, or ``none``.
        resamples: How many times responses are drawn from the fit and fitted again.
        seed: Seed of the bootstrap.

    Returns:
        The fit. A warning says if the choices do not determine it, since they are all the same or never mixed.

    Raises:
        UnknownNameError: Another link, or another kind of lapses.
        ValueError: Arrays of different shape, fewer than two responses, constant evidence, or values that are
            not finite or no choices.
    """
    if link not in LINKS:
        raise unknown("link", link, LINKS)
    if lapses not in LAPSES:
        raise unknown("kind of lapses", lapses, LAPSES)
    x, n, k = tally(evidence, choice, 100)
    if len(x) < 2:
        raise ValueError(f"A curve needs at least two values of evidence; there is {x.tolist()}.")
    scale = float(np.abs(x).max())
    data = _Data(x / scale, n, link, LAPSES[lapses])
    best = data.fit(k)
    if k.sum() in (0, n.sum()):
        warnings.warn(f"All {n.sum():.0f} choices are the same: slope and bias are not determined.", stacklevel=2)
    elif ((k == 0) | (k == n)).all():
        warnings.warn("The choices are mixed at no evidence: the slope is not determined, only steep.", stacklevel=2)
    drawn = np.zeros((0, 4))
    if resamples:
        drawn = data.refit(np.random.default_rng(seed).binomial(n.astype(int), data.curve(best), (resamples, len(n))), best)
    unit = np.array([1 / scale, scale, 1, 1])
    slope, bias, low, high = (float(v) for v in best * unit)
    both = None if lapses != "separate" else (low, high)
    return PsychometricFit(slope, bias, (low + high) / 2, both, link, int(n.sum()), drawn * unit)


@dataclass(frozen=True)
class _Data:
    """Evidence (k,), scaled to at most 1, responses at each (k,), and what is fitted to it."""

    x: Array
    n: Array
    link: str
    lapses: int

    def curve(self, parameters: Array) -> Array:
        return np.clip(_curve(self.x, parameters, self.link), 1e-9, 1 - 1e-9)

    def full(self, parameters: Any) -> Array:
        """Slope, bias, low, high from the parameters that are fitted."""
        lapses = {0: (0.0, 0.0), 1: (*parameters[2:], *parameters[2:]), 2: tuple(parameters[2:])}[self.lapses]
        return np.array([*parameters[:2], *lapses])

    def fit(self, k: Array) -> Array:
        """Fit one data set: k (evidence,) times the choice was made."""

        def surprise(parameters: Array) -> tuple[float, Array]:
            slope, bias, low, high = self.full(parameters)
            distribution, density = LINKS[self.link]
            z = slope * (self.x - bias)
            f = distribution(z)
            p = np.clip(low + (1 - low - high) * f, 1e-9, 1 - 1e-9)
            by_z = (1 - low - high) * density(z, f)
            by_lapses = {0: [], 1: [1 - 2 * f], 2: [1 - f, -f]}[self.lapses]
            by = np.stack([by_z * (self.x - bias), -slope * by_z, *by_lapses])
            fun = -(k * np.log(p) + (self.n - k) * np.log1p(-p)).sum()
            return float(fun), -by @ ((k - self.n * p) / (p * (1 - p)))

        bounds = [(-STEEPEST, STEEPEST), (-FARTHEST, FARTHEST), *[(0, MOST_LAPSES)] * self.lapses]
        starts = [np.array([slope, 0.0, *[0.02] * self.lapses]) for slope in (3.0, 30.0, -3.0)]
        best = min(
            (minimize(surprise, start, jac=True, bounds=bounds) for start in starts), key=lambda result: float(result.fun)
        )
        return self.full(best.x)

    def refit(self, k: Array, start: Array, rounds: int = 40) -> Array:
        """Fit many data sets at once, from a fit nearby, by damped Fisher scoring (scipy fits one at a time).

        Args:
            k: (resamples, evidence) how often the choice was made.
            start: Slope, bias, low, high.
            rounds: How many steps.

        Returns:
            Slope, bias, low, high of each, (resamples, 4).
        """
        slope, bias, *both = start
        free = [np.log(v / (MOST_LAPSES - v)) for v in np.clip(both, 0.005, 0.44)][: self.lapses]
        theta = np.tile([-slope * bias, slope, *free], (len(k), 1))
        damping = np.full(len(k), 1e-3)
        p, d = self._predict(theta)
        fun = self._likelihood(k, p)
        for _ in range(rounds):
            before = fun.copy()
            weighted = (d * (self.n / (p * (1 - p)))[:, :, None]).transpose(0, 2, 1)
            gradient = weighted @ (k / self.n - p)[:, :, None]
            information = weighted @ d
            diagonal = np.einsum("bpp->bp", information)  # a view: the damping goes into the matrix
            diagonal += damping[:, None] * diagonal + 1e-6
            tried = theta + np.clip(np.linalg.solve(information, gradient)[:, :, 0], -4, 4)
            better = self._likelihood(k, self._predict(tried)[0]) >= fun
            theta = np.where(better[:, None], tried, theta)
            p, d = self._predict(theta)
            fun = self._likelihood(k, p)
            if np.max(fun - before) < 1e-6 and better.any():
                break
            damping = np.where(better, damping / 5, damping * 8)
        slopes = np.clip(theta[:, 1], -STEEPEST, STEEPEST)
        with np.errstate(divide="ignore", invalid="ignore"):
            biases = np.clip(np.nan_to_num(-theta[:, 0] / slopes), -FARTHEST, FARTHEST)
        return np.column_stack([slopes, biases, self._lapses(theta)])

    def _lapses(self, theta: Array) -> Array:
        """Low and high, (resamples, 2)."""
        free = MOST_LAPSES * expit(theta[:, 2:])
        return np.zeros((len(theta), 2)) if not self.lapses else np.broadcast_to(free, (len(theta), 2))

    def _predict(self, theta: Array) -> tuple[Array, Array]:
        """Probability (resamples, evidence) and its derivatives by theta (resamples, evidence, parameters)."""
        distribution, density = LINKS[self.link]
        z = theta[:, :1] + theta[:, 1:2] * self.x
        f = distribution(z)
        lapses = self._lapses(theta)
        low, high = lapses[:, :1], lapses[:, 1:]
        p = np.clip(low + (1 - low - high) * f, 1e-9, 1 - 1e-9)
        by_z = (1 - low - high) * density(z, f)
        by_free = [g * v * (1 - v / MOST_LAPSES) for g, v in ((1 - f, low), (-f, high))]
        by_lapses = {0: [], 1: [by_free[0] + by_free[1]], 2: by_free}[self.lapses]
        return p, np.stack([by_z, by_z * self.x, *by_lapses], axis=-1)

    def _likelihood(self, k: Array, p: Array) -> Array:
        return np.asarray((k * np.log(p) + (self.n - k) * np.log1p(-p)).sum(axis=1))


def tally(evidence: ArrayLike, choice: ArrayLike, most: int) -> tuple[Array, Array, Array]:
    """Count responses.

    Args:
        evidence: (n,) signed evidence.
        choice: (n,) 1, 0, or NaN without a response.
        most: More different values of evidence are put into so many bins of equal numbers.

    Returns:
        Evidence (k,) in rising order (means of the bins), responses at each (k,), and how many took the choice (k,).

    Raises:
        ValueError: See `fit_psychometric`.
    """
    evidence, choice = np.asarray(evidence, float), np.asarray(choice, float)
    if evidence.ndim != 1 or evidence.shape != choice.shape:
        raise ValueError(f"evidence {evidence.shape} and choice {choice.shape} must be two arrays of shape (n,).")
    kept = ~np.isnan(choice)
    if kept.sum() < 2:
        raise ValueError(f"A curve needs at least two responses; there are {kept.sum()} in {len(choice)} trials.")
    x, took = evidence[kept], choice[kept]
    if not np.isfinite(x).all() or not np.isin(took, (0, 1)).all():
        raise ValueError("evidence must be finite, and choice 0, 1 or NaN.")
    which = bins(x, most)
    n = np.bincount(which)
    return np.bincount(which, x) / n, n.astype(float), np.bincount(which, took)

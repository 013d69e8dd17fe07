"""Psychometric curves: the probability of a choice against the evidence for it, fitted, bootstrapped and drawn."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize
from scipy.special import expit, ndtr

from ngym_core.errors import unknown_name
from ngym_plot.figure import MAX_POINTS, axes_or_new, draw_reference_line, group_colors, style
from ngym_plot.stats import bin_values, wilson_interval
from ngym_plot.trial_table import Table, group_trials, signed_choices

__all__ = ["PsychometricFit", "fit_psychometric", "plot_psychometric", "plot_psychometric_curves"]

Array: TypeAlias = NDArray[Any]

_LINKS: dict[str, Any] = {
    "logit": (expit, lambda z, p: p * (1 - p)),
    "probit": (ndtr, lambda z, p: np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi)),
}
"""Link -> its distribution function F(z), and its density as a function of z and F(z)."""
_LAPSE_PARAMETERS = {"equal": 1, "separate": 2, "none": 0}
"""Kind of lapses -> number of parameters that are fitted."""
# Bounds of the fit. Evidence is scaled so that its greatest magnitude is 1.
_MAX_LAPSE_RATE = 0.45
_MAX_SCALED_SLOPE = 500.0
_MAX_SCALED_BIAS = 2.0
_MIN_PROBABILITY = 1e-9
"""Predicted probabilities keep this distance from 0 and 1, where the log-likelihood is infinite."""
_MAX_FIT_LEVELS = 100
"""More different values of evidence are binned before the fit."""
_NO_BOOTSTRAP = "There was no bootstrap: fit with resamples=1000, for example."


@dataclass(frozen=True)
class PsychometricFit:
    """A fitted psychometric curve, ``low + (1 - low - high) * F(slope * (evidence - bias))``.

    Attributes:
        slope: Steepness, per unit of evidence.
        bias: Evidence at which F is one half, in units of evidence.
        lapse: Lapse rate: probability of the choice at evidence that is strongly against it; with separate lapses, the
            mean of low and high.
        lapses: (low, high), the distances of the curve from 0 and from 1, if they were fitted separately; None if both
            are `lapse`.
        link: ``logit``, where F is the logistic function, or ``probit``, where it is the normal distribution.
        trials: Number of responses.
        resamples: Slope, bias, low and high of each bootstrap resample, (resamples, 4); empty without a bootstrap.

    Example:
        >>> curve = PsychometricFit(slope=0.1, bias=0.0, lapse=0.02)
        >>> curve([-100, 0, 100]).round(2).tolist()
        [0.02, 0.5, 0.98]
    """

    slope: float
    bias: float
    lapse: float = 0.0
    lapses: tuple[float, float] | None = None
    link: str = "logit"
    trials: int = 0
    resamples: Array = field(default_factory=lambda: np.zeros((0, 4)), compare=False, repr=False)

    def __call__(self, evidence: ArrayLike) -> Array:
        """Return the probability of the choice at each value of evidence."""
        low, high = (self.lapse, self.lapse) if self.lapses is None else self.lapses
        return _curve(np.asarray(evidence, float), (self.slope, self.bias, low, high), self.link)

    def interval(self, name: str, level: float = 0.95) -> tuple[float, float]:
        """Return the bootstrap interval of a parameter: percentiles of the resamples.

        Args:
            name: ``slope``, ``bias``, ``lapse``, ``low`` or ``high``.
            level: Confidence level, between 0 and 1.

        Returns:
            Lower and upper end.

        Raises:
            UnknownNameError: Another name.
            ValueError: There was no bootstrap.
        """
        columns = {"slope": [0], "bias": [1], "low": [2], "high": [3], "lapse": [2, 3]}
        if name not in columns:
            raise unknown_name("parameter", name, columns)
        if not len(self.resamples):
            raise ValueError(_NO_BOOTSTRAP)
        values = self.resamples[:, columns[name]].mean(axis=1)
        low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
        return float(low), float(high)

    def band(self, evidence: ArrayLike, level: float = 0.95) -> tuple[Array, Array]:
        """Return the pointwise bootstrap interval of the curve.

        Args:
            evidence: (k,).
            level: Confidence level, between 0 and 1.

        Returns:
            Lower and upper ends, (k,) each.

        Raises:
            ValueError: There was no bootstrap.
        """
        if not len(self.resamples):
            raise ValueError(_NO_BOOTSTRAP)
        curves = _curve(np.asarray(evidence, float), self.resamples.T[:, :, None], self.link)
        low, high = np.quantile(curves, [(1 - level) / 2, (1 + level) / 2], axis=0)
        return low, high


def _curve(x: Array, parameters: Any, link: str) -> Array:
    slope, bias, low, high = parameters
    return np.asarray(low + (1 - low - high) * _LINKS[link][0](slope * (x - bias)))


def fit_psychometric(
    evidence: ArrayLike,
    choice: ArrayLike,
    *,
    link: str = "logit",
    lapses: str = "equal",
    resamples: int = 0,
    seed: int = 0,
) -> PsychometricFit:
    """Fit a psychometric curve by maximum likelihood, with a parametric bootstrap for its intervals.

    More than 100 different values of evidence are put into 100 bins with about equal numbers of trials.

    Args:
        evidence: (n,) signed evidence for the choice.
        choice: (n,) 1 where the choice was made, 0 where the other was; trials with NaN (no response) are left out.
        link: ``logit`` or ``probit``.
        lapses: ``equal`` on both sides, ``separate``, or ``none``.
        resamples: Number of bootstrap resamples: data sets drawn from the fit and fitted again.
        seed: Seed of the bootstrap.

    Returns:
        The fit.

    Warns:
        UserWarning: The choices do not determine the curve: they are all the same, or never mixed at any evidence.

    Raises:
        UnknownNameError: Another link, or another kind of lapses.
        ValueError: Arrays of different shapes, fewer than two responses, constant evidence, evidence that is not
            finite, or choices other than 0, 1 and NaN.

    Example:
        >>> import numpy as np
        >>> rng = np.random.default_rng(0)
        >>> evidence = rng.choice([-20.0, -5.0, 5.0, 20.0], 2000)
        >>> choice = rng.random(2000) < PsychometricFit(slope=0.2, bias=0.0, lapse=0.05)(evidence)
        >>> fit = fit_psychometric(evidence, choice, resamples=100)
        >>> low, high = fit.interval("slope")
        >>> low < 0.2 < high
        True
    """
    if link not in _LINKS:
        raise unknown_name("link", link, _LINKS)
    if lapses not in _LAPSE_PARAMETERS:
        raise unknown_name("kind of lapses", lapses, _LAPSE_PARAMETERS)
    x, n, k = _count_choices(evidence, choice, _MAX_FIT_LEVELS)
    if len(x) < 2:
        raise ValueError(f"A curve needs at least two values of evidence; there is {x.tolist()}.")
    scale = float(np.abs(x).max())
    data = _ChoiceCounts(x / scale, n, link, _LAPSE_PARAMETERS[lapses])
    best = data.fit(k)
    if k.sum() in (0, n.sum()):
        warnings.warn(f"All {n.sum():.0f} choices are the same: slope and bias are not determined.", stacklevel=2)
    elif ((k == 0) | (k == n)).all():
        warnings.warn("The choices are mixed at no evidence: the slope is not determined, only steep.", stacklevel=2)
    resampled = np.zeros((0, 4))
    if resamples:
        counts = np.random.default_rng(seed).binomial(n.astype(int), data.curve(best), (resamples, len(n)))
        resampled = data.refit(counts, best)
    unit = np.array([1 / scale, scale, 1, 1])
    slope, bias, low, high = (float(v) for v in best * unit)
    separate = (low, high) if lapses == "separate" else None
    return PsychometricFit(slope, bias, (low + high) / 2, separate, link, int(n.sum()), resampled * unit)


@dataclass(frozen=True)
class _ChoiceCounts:
    """Scaled evidence and number of responses, and how curves are fitted to counts of choices.

    Args:
        x: Evidence, (levels,), scaled so that its greatest magnitude is 1.
        n: Number of responses at each level, (levels,).
        link: ``logit`` or ``probit``.
        n_lapses: Number of lapse parameters, 0 to 2.
    """

    x: Array
    n: Array
    link: str
    n_lapses: int

    def curve(self, parameters: Array) -> Array:
        """Return the probability of the choice at each level for (slope, bias, low, high)."""
        return np.clip(_curve(self.x, parameters, self.link), _MIN_PROBABILITY, 1 - _MIN_PROBABILITY)

    def full(self, parameters: Any) -> Array:
        """Return slope, bias, low, high from the parameters that are fitted."""
        lapses = {0: (0.0, 0.0), 1: (*parameters[2:], *parameters[2:]), 2: tuple(parameters[2:])}[self.n_lapses]
        return np.array([*parameters[:2], *lapses])

    def fit(self, k: Array) -> Array:
        """Fit one data set, in which the choice was made k (levels,) times; return slope, bias, low, high."""

        def negative_log_likelihood(parameters: Array) -> tuple[float, Array]:
            slope, bias, low, high = self.full(parameters)
            distribution, density = _LINKS[self.link]
            z = slope * (self.x - bias)
            f = distribution(z)
            p = np.clip(low + (1 - low - high) * f, _MIN_PROBABILITY, 1 - _MIN_PROBABILITY)
            dp_dz = (1 - low - high) * density(z, f)
            dp_dlapses = {0: [], 1: [1 - 2 * f], 2: [1 - f, -f]}[self.n_lapses]
            dp = np.stack([dp_dz * (self.x - bias), -slope * dp_dz, *dp_dlapses])
            value = -(k * np.log(p) + (self.n - k) * np.log1p(-p)).sum()
            return float(value), -dp @ ((k - self.n * p) / (p * (1 - p)))

        bounds = [(-_MAX_SCALED_SLOPE, _MAX_SCALED_SLOPE), (-_MAX_SCALED_BIAS, _MAX_SCALED_BIAS)]
        bounds += [(0, _MAX_LAPSE_RATE)] * self.n_lapses
        # Several starts: the likelihood is flat far from its maximum, and the slope may be negative.
        starts = [np.array([slope, 0.0, *[0.02] * self.n_lapses]) for slope in (3.0, 30.0, -3.0)]
        best = min(
            (minimize(negative_log_likelihood, start, jac=True, bounds=bounds) for start in starts),
            key=lambda result: float(result.fun),
        )
        return self.full(best.x)

    def refit(self, k: Array, start: Array, max_iterations: int = 40) -> Array:
        """Fit many data sets at once by damped Fisher scoring (scipy would fit one at a time).

        The fit works with parameters theta that have no bounds: intercept and slope of the linear predictor, and the
        logits of the lapse rates.

        Args:
            k: How often the choice was made, (resamples, levels).
            start: Slope, bias, low, high, from which all fits start.
            max_iterations: The most iterations.

        Returns:
            Slope, bias, low, high of each data set, (resamples, 4).
        """
        slope, bias, *lapses = start
        # A lapse rate of 0 has no logit.
        logits = [np.log(v / (_MAX_LAPSE_RATE - v)) for v in np.clip(lapses, 0.005, 0.44)][: self.n_lapses]
        theta = np.tile([-slope * bias, slope, *logits], (len(k), 1))
        damping = np.full(len(k), 1e-3)
        p, dp = self._predict(theta)
        value = self._log_likelihood(k, p)
        for _ in range(max_iterations):
            previous = value.copy()
            weighted = (dp * (self.n / (p * (1 - p)))[:, :, None]).transpose(0, 2, 1)
            gradient = weighted @ (k / self.n - p)[:, :, None]
            information = weighted @ dp
            diagonal = np.einsum("bpp->bp", information)  # a view: the damping is added to the matrix
            diagonal += damping[:, None] * diagonal + 1e-6
            proposal = theta + np.clip(np.linalg.solve(information, gradient)[:, :, 0], -4, 4)
            better = self._log_likelihood(k, self._predict(proposal)[0]) >= value
            theta = np.where(better[:, None], proposal, theta)
            p, dp = self._predict(theta)
            value = self._log_likelihood(k, p)
            if np.max(value - previous) < 1e-6 and better.any():
                break
            damping = np.where(better, damping / 5, damping * 8)
        slopes = np.clip(theta[:, 1], -_MAX_SCALED_SLOPE, _MAX_SCALED_SLOPE)
        with np.errstate(divide="ignore", invalid="ignore"):
            biases = np.clip(np.nan_to_num(-theta[:, 0] / slopes), -_MAX_SCALED_BIAS, _MAX_SCALED_BIAS)
        return np.column_stack([slopes, biases, self._lapses(theta)])

    def _lapses(self, theta: Array) -> Array:
        """Return low and high, (resamples, 2)."""
        rates = _MAX_LAPSE_RATE * expit(theta[:, 2:])
        return np.zeros((len(theta), 2)) if not self.n_lapses else np.broadcast_to(rates, (len(theta), 2))

    def _predict(self, theta: Array) -> tuple[Array, Array]:
        """Return probabilities (resamples, levels) and their derivatives by theta (resamples, levels, parameters)."""
        distribution, density = _LINKS[self.link]
        z = theta[:, :1] + theta[:, 1:2] * self.x
        f = distribution(z)
        lapses = self._lapses(theta)
        low, high = lapses[:, :1], lapses[:, 1:]
        p = np.clip(low + (1 - low - high) * f, _MIN_PROBABILITY, 1 - _MIN_PROBABILITY)
        dp_dz = (1 - low - high) * density(z, f)
        dp_dlogits = [dp_drate * rate * (1 - rate / _MAX_LAPSE_RATE) for dp_drate, rate in ((1 - f, low), (-f, high))]
        dp_dlapses = {0: [], 1: [dp_dlogits[0] + dp_dlogits[1]], 2: dp_dlogits}[self.n_lapses]
        return p, np.stack([dp_dz, dp_dz * self.x, *dp_dlapses], axis=-1)

    def _log_likelihood(self, k: Array, p: Array) -> Array:
        return np.asarray((k * np.log(p) + (self.n - k) * np.log1p(-p)).sum(axis=1))


def _count_choices(evidence: ArrayLike, choice: ArrayLike, max_levels: int) -> tuple[Array, Array, Array]:
    """Count responses and choices at each level of evidence.

    Args:
        evidence: (n,) signed evidence.
        choice: (n,) 1, 0, or NaN without a response.
        max_levels: If there are more different values of evidence, they are put into this number of bins.

    Returns:
        Evidence in ascending order (means of the bins), number of responses, and how many of them were the choice,
        (levels,) each.

    Raises:
        ValueError: See `fit_psychometric`.
    """
    evidence, choice = np.asarray(evidence, float), np.asarray(choice, float)
    if evidence.ndim != 1 or evidence.shape != choice.shape:
        raise ValueError(f"evidence {evidence.shape} and choice {choice.shape} must be two arrays of shape (n,).")
    kept = ~np.isnan(choice)
    if kept.sum() < 2:
        raise ValueError(f"A curve needs at least two responses; there are {kept.sum()} in {len(choice)} trials.")
    x, made = evidence[kept], choice[kept]
    if not np.isfinite(x).all() or not np.isin(made, (0, 1)).all():
        raise ValueError("evidence must be finite, and choice 0, 1 or NaN.")
    bin_of_trial = bin_values(x, max_levels)
    n = np.bincount(bin_of_trial)
    return np.bincount(bin_of_trial, x) / n, n.astype(float), np.bincount(bin_of_trial, made)


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
    """Draw the proportion of a choice at each level of evidence, and a fitted curve with its 95 % bootstrap band.

    The proportions have 95 % Wilson intervals. More than 12 different values of evidence are put into 12 bins with about
    equal numbers of trials.

    Args:
        evidence: (n,) signed evidence for the choice.
        choice: (n,) 1 where the choice was made, 0 where the other was; trials with NaN (no response) are left out.
        ax: Axes to draw into; a new figure by default.
        title: Title.
        legend: Label of the curve.
        color: Colour of points and curve; by default the next one of the axes.
        link: ``logit`` or ``probit``.
        lapses: ``equal`` on both sides, ``separate``, or ``none``.
        resamples: Number of bootstrap resamples for the band; 0 draws no band.
        seed: Seed of the bootstrap.

    Returns:
        The axes and the fit.

    Raises:
        UnknownNameError: See `fit_psychometric`.
        ValueError: See `fit_psychometric`.

    Example:
        >>> import numpy as np
        >>> evidence = np.tile([-2.0, -1.0, 1.0, 2.0], 50)
        >>> choice = np.tile([0, 0, 1, 1, 0, 1, 0, 1], 25)
        >>> ax, fit = plot_psychometric(evidence, choice, title="One observer", resamples=50)
        >>> fit.trials
        200
    """
    fit = fit_psychometric(evidence, choice, link=link, lapses=lapses, resamples=resamples, seed=seed)
    levels, n, k = _count_choices(evidence, choice, MAX_POINTS)
    low, high = wilson_interval(k / n, n)
    with style():
        ax = axes_or_new(ax)
        is_first_curve = not ax.lines
        (points,) = ax.plot(levels, k / n, "o", color=color, label=legend)
        same_color: Any = {"color": points.get_color()}
        ax.vlines(levels, low, high, linewidth=1, **same_color)
        x = np.linspace(levels[0], levels[-1], 300)
        ax.plot(x, fit(x), **same_color)
        if resamples:
            ax.fill_between(x, *fit.band(x), alpha=0.2, linewidth=0, **same_color)
        if is_first_curve:
            draw_reference_line(ax, x=0)
            draw_reference_line(ax, y=0.5)
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
    no_response: float | None = 0,
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
        no_response: The action that counts as no response; None if every action is a response. Trials without a
            response are left out.
        ax: Axes to draw into; a new figure by default.
        title: Title.
        link: See `plot_psychometric`.
        lapses: See `plot_psychometric`.
        resamples: See `plot_psychometric`.
        seed: See `plot_psychometric`.

    Returns:
        The axes, and label -> fit (the label of a single curve is ``""``).

    Raises:
        UnknownNameError: A column that the table does not have.
        ValueError: No trial, not two choices, or see `fit_psychometric`.

    Example:
        >>> import numpy as np
        >>> rng = np.random.default_rng(0)
        >>> side, coh, block = rng.integers(0, 2, 600), rng.choice([0, 5, 20], 600), np.arange(600) // 300
        >>> log_odds = 0.2 * np.where(side == 1, coh, -coh) + np.where(block == 1, 1, -1)
        >>> choice = 1 + (rng.random(600) < 1 / (1 + np.exp(-log_odds)))
        >>> table = {"coh": coh, "ground_truth": side, "choice": choice, "block": block}
        >>> ax, fits = plot_psychometric_curves(table, by="block", resamples=50)
        >>> list(fits)
        ['block = 0', 'block = 1']
    """
    evidence, choice = signed_choices(table, strength, side, no_response)
    fits: dict[str, PsychometricFit] = {}
    groups = group_trials(table, by)
    for (label, members), color in zip(groups, group_colors(len(groups)), strict=True):
        try:
            options: Any = {"color": color, "link": link, "lapses": lapses, "resamples": resamples, "seed": seed}
            ax, fits[label] = plot_psychometric(evidence[members], choice[members], ax, title, label or None, **options)
        except ValueError as error:
            raise ValueError(f"{label}: {error}" if label else str(error)) from error
    assert ax is not None
    ax.set(xlabel=f"Evidence ({strength}, signed)", ylabel="P(second choice)")
    return ax, fits

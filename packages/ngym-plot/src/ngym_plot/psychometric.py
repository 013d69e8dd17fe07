"""Psychometric curves: the probability of a choice against the evidence for it, fitted, bootstrapped and drawn."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Annotated, Any, Literal, TypeAlias

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq, minimize
from scipy.special import chdtri, expit, ndtr

from ngym_core.arguments import Chance, Column, Finite, Index, Number, Text, checked, require_finite
from ngym_core.errors import unknown_name
from ngym_plot.figure import MAX_POINTS, GivenAxes, axes_or_new, draw_reference_line, group_colors, style
from ngym_plot.stats import bin_values, wilson_interval
from ngym_plot.trial_table import Table, group_trials, numeric_column, outcomes, responses, signed_choices

__all__ = ["FitWarning", "PsychometricFit", "fit_psychometric", "plot_psychometric", "plot_psychometric_curves"]

Array: TypeAlias = NDArray[Any]
Link: TypeAlias = Literal["logit", "probit"]
"""Shape of a curve: the logistic function or the normal distribution."""
Lapses: TypeAlias = Literal["equal", "separate", "none"]
"""Kind of lapses."""
GuessRate: TypeAlias = Annotated[float, Chance(0, below=1)]
"""Lower asymptote of a curve."""
Level: TypeAlias = Annotated[float, Number(above=0, below=1)]
"""Confidence level."""

_LINKS: dict[str, Any] = {
    "logit": (expit, lambda z, p: p * (1 - p)),
    "probit": (ndtr, lambda z, p: np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi)),
}
"""Link -> its distribution function F(z), and its density as a function of z and F(z)."""
_LAPSE_PARAMETERS = {"equal": 1, "separate": 2, "none": 0}
"""Kind of lapses -> number of parameters that are fitted."""
# Bounds of the fit. Evidence is scaled so that 90 % of the trials lie from -1 to 1.
_MAX_LAPSE_SHARE = 0.9
"""Upper bound of a lapse rate, as a share of the rate at which the curve would be flat."""
_MAX_SCALED_SLOPE = 500.0
_MAX_SCALED_BIAS = 2.0
_MIN_SCALED_SLOPE_TO_CHECK = 8.0
"""A scaled slope below this is not at its bound: its curve still rises between the levels."""
_FLAT = 1e-3
"""A log-likelihood that falls less than this on the way to a bound is flat."""
_MIN_PROBABILITY = 1e-9
"""Predicted probabilities keep this distance from 0 and 1, where the log-likelihood is infinite."""
_NAMES = ("slope", "bias", "low", "high")
_MAX_FIT_LEVELS = 100
"""More different values of evidence are binned before the fit."""
_NO_BOOTSTRAP = "There was no bootstrap: fit with resamples=1000, for example."


class FitWarning(UserWarning):
    """The data do not determine a parameter of a fit: its estimate is at a bound, or one of many that fit equally well.

    Example:
        >>> import warnings
        >>> with warnings.catch_warnings(record=True) as caught:
        ...     warnings.simplefilter("always")
        ...     fit = fit_psychometric([-2, -1, 1, 2] * 10, [0, 0, 1, 1] * 10)
        >>> caught[0].category.__name__, list(fit.at_bound)
        ('FitWarning', ['slope'])
    """


@dataclass(frozen=True)
class PsychometricFit:
    """A fitted psychometric curve, ``low + (1 - low - high) * F(slope * (evidence - bias))``.

    Attributes:
        slope: Steepness, per unit of evidence.
        bias: Evidence at which F is one half, in units of evidence; with a guess rate, the threshold.
        lapse: Lapse rate: probability of the choice at evidence that is strongly against it; with separate lapses, the
            mean of low and high; with a guess rate, high.
        lapses: (low, high), the distances of the curve from 0 and from 1, if they were fitted separately; None if both
            are `lapse`.
        link: ``logit``, where F is the logistic function, or ``probit``, where it is the normal distribution.
        trials: Number of responses.
        guess_rate: Fixed value of low; None if it was not fixed.
        at_bound: Name -> bound, of each parameter whose estimate is at a bound of the fit, because the likelihood does
            not fall on the way there.
        determined: Whether choices were mixed at some evidence; if not, a bootstrap has no spread and there is no band.
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
    guess_rate: float | None = None
    at_bound: dict[str, float] = field(default_factory=dict)
    determined: bool = True
    _profile: _ProfileLikelihood | None = field(default=None, compare=False, repr=False)

    @property
    def _parameters(self) -> Array:
        """Slope, bias, low, high."""
        low, high = (self.lapse, self.lapse) if self.lapses is None else self.lapses
        return np.array([self.slope, self.bias, low if self.guess_rate is None else self.guess_rate, high])

    def __call__(self, evidence: ArrayLike) -> Array:
        """Return the probability of the choice at each value of evidence."""
        return _curve(np.asarray(evidence, float), self._parameters, self.link)

    @checked
    def interval(self, name: Text, level: Level = 0.95) -> tuple[float, float]:
        """Return the confidence interval of a parameter; the estimate lies in it.

        The ends are percentiles of the resamples. Where the likelihood at a bound of the fit is not low enough to close
        an interval, and with a guess rate, the resamples say too little: the ends are then those of the profile likelihood,
        and an end that it does not close either is infinite.

        Args:
            name: ``slope``, ``bias``, ``lapse``, ``low`` or ``high``.
            level: Confidence level, between 0 and 1.

        Returns:
            Lower and upper end; ``-inf`` or ``inf`` where the data do not close the interval.

        Raises:
            UnknownNameError: Another name.
            ValueError: There was no bootstrap.
        """
        # Equal lapses are one parameter, in column 3; so is the only lapse rate with a guess rate.
        low_column = 3 if self.lapses is None and self.guess_rate is None else 2
        lapse = [3] if self.lapses is None else [2, 3]
        columns = {"slope": [0], "bias": [1], "low": [low_column], "high": [3], "lapse": lapse}
        if name not in columns:
            raise unknown_name("parameter", name, columns)
        if not len(self.resamples):
            raise ValueError(_NO_BOOTSTRAP)
        chosen = columns[name]
        if self._profile is not None and not self._profile.is_regular(chosen, level):
            low, high = np.mean([self._profile.interval(column, level) for column in chosen], axis=0)
        else:
            low, high = np.quantile(self.resamples[:, chosen].mean(axis=1), [(1 - level) / 2, (1 + level) / 2])
        estimate = float(self._parameters[chosen].mean())
        return min(float(low), estimate), max(float(high), estimate)

    @checked
    def band(self, evidence: ArrayLike, level: Level = 0.95) -> tuple[Array, Array]:
        """Return the pointwise bootstrap interval of the curve.

        Args:
            evidence: (k,).
            level: Confidence level, between 0 and 1.

        Returns:
            Lower and upper ends, (k,) each; NaN where the choices were mixed at no evidence.

        Raises:
            ValueError: There was no bootstrap.
        """
        if not len(self.resamples):
            raise ValueError(_NO_BOOTSTRAP)
        require_finite(np.asarray(evidence, float), evidence=evidence)
        if not self.determined:  # all resamples are the same data set: their band would have no width
            return np.full(np.shape(evidence), np.nan), np.full(np.shape(evidence), np.nan)
        curves = _curve(np.asarray(evidence, float), self.resamples.T[:, :, None], self.link)
        low, high = np.quantile(curves, [(1 - level) / 2, (1 + level) / 2], axis=0)
        return low, high


def _curve(x: Array, parameters: Any, link: str) -> Array:
    slope, bias, low, high = parameters
    return np.asarray(low + (1 - low - high) * _LINKS[link][0](slope * (x - bias)))


@checked
def fit_psychometric(
    evidence: Column,
    choice: Column,
    *,
    link: Link = "logit",
    lapses: Lapses = "equal",
    guess_rate: GuessRate | None = None,
    resamples: Index = 0,
    seed: Index = 0,
) -> PsychometricFit:
    """Fit a psychometric curve by maximum likelihood, with a parametric bootstrap for its intervals.

    More than 100 different values of evidence are put into 100 bins with about equal numbers of trials. The bounds of the
    fit follow the range of the middle 90 % of the trials: the bias is within that range or half its width around it.

    Args:
        evidence: (n,) signed evidence for the choice; with a guess rate, the strength of the evidence.
        choice: (n,) 1 where the choice was made, 0 where the other was; trials with NaN (no response) are left out. With
            a guess rate, 1 where the choice was correct.
        link: ``logit`` or ``probit``.
        lapses: ``equal`` on both sides, ``separate``, or ``none``.
        guess_rate: Fix the lower asymptote of the curve, for percent correct against unsigned evidence: 0.5 with two
            alternatives (2AFC). Only lapses at strong evidence are fitted then.
        resamples: Number of bootstrap resamples: data sets drawn from the fit and fitted again.
        seed: Seed of the bootstrap.

    Returns:
        The fit.

    Warns:
        FitWarning: The choices are all the same or mixed at no evidence, or an estimate is at a bound of the fit.

    Raises:
        ValueError: Another link or kind of lapses, arrays of different shapes, fewer than two responses, constant evidence,
            evidence that is not finite, choices other than 0, 1 and NaN, or a guess rate outside 0 to 1 or with separate
            lapses.

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
    if guess_rate is not None and lapses == "separate":
        raise ValueError("guess_rate fixes the lower asymptote: lapses must be 'equal' or 'none', not 'separate'.")
    x, n, k = _count_choices(evidence, choice, _MAX_FIT_LEVELS)
    if len(x) < 2:
        raise ValueError(f"A curve needs at least two values of evidence; there is {x.tolist()}.")
    center, scale = _spread(x, n)
    data = _ChoiceCounts((x - center) / scale, n, link, _LAPSE_PARAMETERS[lapses], guess_rate)
    best, hits = data.find_bounds(k, data.fit(k))
    resampled = np.zeros((0, 4))
    if resamples:
        counts = np.random.default_rng(seed).binomial(n.astype(int), data.curve(best), (resamples, len(n)))
        resampled = data.refit(counts, best)
    unit, origin = np.array([1 / scale, scale, 1, 1]), np.array([0, center, 0, 0])
    slope, bias, low, high = (float(v) for v in best * unit + origin)
    at_bound = {
        _NAMES[i] if i < 2 or lapses == "separate" else "lapse": float(v * unit[i] + origin[i]) for i, v in hits.items()
    }
    separate = (low, high) if lapses == "separate" else None
    mixed = bool(((k > 0) & (k < n)).any())
    _warn_of_limits(k, n, mixed, at_bound)
    return PsychometricFit(
        slope,
        bias,
        (low + high) / 2 if guess_rate is None else high,
        separate,
        link,
        int(n.sum()),
        resampled * unit + origin,
        guess_rate,
        at_bound,
        mixed,
        _ProfileLikelihood(data, k, best, unit, origin),
    )


def _warn_of_limits(k: Array, n: Array, mixed: bool, at_bound: Mapping[str, float]) -> None:
    """Warn, in the name of the caller of `fit_psychometric`, of what the data do not determine."""
    named = ", ".join(f"{name} at its bound {bound:.3g}" for name, bound in at_bound.items())
    advice = "read the open ends of fit.interval instead of the estimate"
    if k.sum() in (0, n.sum()):
        text = f"All {n.sum():.0f} choices are the same: slope and bias are not determined"
        advice = "record trials with evidence at which the other choice is made"
    elif not mixed:
        text = "The choices are mixed at no evidence: the slope is not determined, only steep"
        advice = "record trials with weaker evidence, or " + advice
    elif at_bound:
        text = "The data do not determine all parameters"
        advice = "record trials with other evidence, use fewer parameters (lapses='none'), or " + advice
    else:
        return
    warnings.warn(f"{text}{f' ({named})' if named else ''}; {advice}.", FitWarning, stacklevel=4)  # beyond `checked`


def _spread(x: Array, n: Array) -> tuple[float, float]:
    """Return middle and half width of the range of the middle 90 % of trials, or of all if that has no width."""
    share = np.cumsum(n) / n.sum()
    low, high = x[np.searchsorted(share, [0.05, 0.95])]
    if not high > low:
        low, high = x[0], x[-1]
    return float((low + high) / 2), float((high - low) / 2)


@dataclass(frozen=True)
class _ChoiceCounts:
    """Scaled evidence and number of responses, and how curves are fitted to counts of choices.

    Args:
        x: Scaled evidence, (levels,), see `_spread`.
        n: Number of responses at each level, (levels,).
        link: ``logit`` or ``probit``.
        n_lapses: Number of lapse parameters, 0 to 2.
        guess_rate: Fixed lower asymptote; at most one lapse parameter is fitted with it, the upper one.
    """

    x: Array
    n: Array
    link: str
    n_lapses: int
    guess_rate: float | None = None

    @property
    def max_lapse(self) -> float:
        """Upper bound of a lapse rate."""
        return _MAX_LAPSE_SHARE * (0.5 if self.guess_rate is None else 1 - self.guess_rate)

    @property
    def bounds(self) -> list[tuple[float, float]]:
        """Bounds of the parameters that are fitted."""
        lapses = [(0.0, self.max_lapse)] * self.n_lapses
        return [(-_MAX_SCALED_SLOPE, _MAX_SCALED_SLOPE), (-_MAX_SCALED_BIAS, _MAX_SCALED_BIAS), *lapses]

    def curve(self, parameters: Array) -> Array:
        """Return the probability of the choice at each level for (slope, bias, low, high)."""
        return np.clip(_curve(self.x, parameters, self.link), _MIN_PROBABILITY, 1 - _MIN_PROBABILITY)

    def full(self, parameters: Any) -> Array:
        """Return slope, bias, low, high from the parameters that are fitted."""
        return np.array(self._full_rows(parameters))

    @property
    def columns(self) -> list[int]:
        """The columns of slope, bias, low, high that hold the parameters that are fitted."""
        return [0, 1, *self.lapse_columns]

    @property
    def lapse_columns(self) -> list[int]:
        """The columns of slope, bias, low, high that hold the lapse parameters."""
        return [[], [3], [2, 3]][self.n_lapses]

    def log_likelihood(self, k: Array, parameters: Array) -> float:
        """Return the log-likelihood of slope, bias, low, high."""
        return float(self._log_likelihood(k, self.curve(parameters)[None])[0])

    def find_bounds(self, k: Array, best: Array) -> tuple[Array, dict[int, float]]:
        """Move the estimates to the bounds up to which the likelihood does not fall.

        Args:
            k: How often the choice was made, (levels,).
            best: Slope, bias, low, high of the fit.

        Returns:
            Slope, bias, low, high, and column -> bound of those at a bound. A lapse rate of 0 is no bound of the fit.
        """
        hits: dict[int, float] = {}
        same = k.sum() in (0, self.n.sum())
        to_check = {
            0: (np.copysign(_MAX_SCALED_SLOPE, best[0]), same or abs(best[0]) > _MIN_SCALED_SLOPE_TO_CHECK),
            1: (np.copysign(_MAX_SCALED_BIAS, best[1]), same or abs(best[1]) > 0.99 * _MAX_SCALED_BIAS),
            **{column: (self.max_lapse, best[column] > 0.99 * self.max_lapse) for column in self.lapse_columns},
        }
        for index, (bound, is_near) in to_check.items():
            if is_near:
                fixed = self.fit(k, {**hits, index: float(bound)}, best)
                if self.log_likelihood(k, fixed) >= self.log_likelihood(k, best) - _FLAT:
                    best, hits[index] = fixed, float(bound)
        return best, hits

    def fit(self, k: Array, fixed: Mapping[int, float] | None = None, near: Array | None = None) -> Array:
        """Fit one data set.

        Args:
            k: How often the choice was made, (levels,).
            fixed: Column of slope, bias, low, high -> value that is kept.
            near: Slope, bias, low, high of a start; by default there are several.

        Returns:
            Slope, bias, low, high.
        """
        fixed = {self.columns.index(column): value for column, value in (fixed or {}).items()}

        def negative_log_likelihood(parameters: Array) -> tuple[float, Array]:
            slope, bias, low, high = self.full(parameters)
            distribution, density = _LINKS[self.link]
            z = slope * (self.x - bias)
            f = distribution(z)
            p = np.clip(low + (1 - low - high) * f, _MIN_PROBABILITY, 1 - _MIN_PROBABILITY)
            dp_dz = (1 - low - high) * density(z, f)
            dp_dlapses = {0: [], 1: [1 - 2 * f if self.guess_rate is None else -f], 2: [1 - f, -f]}[self.n_lapses]
            dp = np.stack([dp_dz * (self.x - bias), -slope * dp_dz, *dp_dlapses])
            value = -(k * np.log(p) + (self.n - k) * np.log1p(-p)).sum()
            return float(value), -dp @ ((k - self.n * p) / (p * (1 - p)))

        bounds = [(fixed[i], fixed[i]) if i in fixed else bound for i, bound in enumerate(self.bounds)]
        # Several starts: the likelihood is flat far from its maximum, and the slope may be negative.
        starts = [self._best_of_grid(k, fixed)]
        if near is not None:
            start = near[self.columns]
            start[list(fixed)] = list(fixed.values())
            starts.append(start)
        else:
            starts += [
                np.array([slope, 0.0, *[min(0.02, self.max_lapse / 2)] * self.n_lapses]) for slope in (3.0, 30.0, -3.0)
            ]
        best = min(
            (minimize(negative_log_likelihood, start, jac=True, bounds=bounds) for start in starts),
            key=lambda result: float(result.fun),
        )
        return self.full(best.x)

    def _best_of_grid(self, k: Array, fixed: Mapping[int, float]) -> Array:
        """Return the most likely of a grid of the parameters that are fitted.

        A steep curve has a plateau of the likelihood between each two levels, from which no gradient leads away: the
        grid of the bias has a point on each, and on each level (up to 24 of them).
        """
        slopes = np.geomspace(0.3, _MAX_SCALED_SLOPE, 8)
        inside = self.x[np.abs(self.x) <= _MAX_SCALED_BIAS]
        inside = inside[np.linspace(0, len(inside) - 1, min(len(inside), 24)).astype(int)]
        biases = [*((inside[1:] + inside[:-1]) / 2), *inside, -_MAX_SCALED_BIAS, _MAX_SCALED_BIAS]
        lapses = [np.array([0.02, 0.2, 0.6]) * self.max_lapse] * self.n_lapses
        axes = [np.r_[slopes, -slopes], np.array(biases), *lapses]
        axes = [np.array([fixed[i]]) if i in fixed else axis for i, axis in enumerate(axes)]
        grid = np.stack([axis.ravel() for axis in np.meshgrid(*axes, indexing="ij")])
        slope, bias, low, high = (np.broadcast_to(v, grid[0].shape)[:, None] for v in self._full_rows(grid))
        p = np.clip(_curve(self.x, (slope, bias, low, high), self.link), _MIN_PROBABILITY, 1 - _MIN_PROBABILITY)
        return np.asarray(grid[:, np.argmax(self._log_likelihood(k, p))])

    def _full_rows(self, rows: Array) -> list[Any]:
        """Return slope, bias, low, high from rows of the parameters that are fitted."""
        lapses = list(rows[2:])
        low, high = {0: [0.0, 0.0], 1: [*lapses, *lapses], 2: lapses}[self.n_lapses]
        return [rows[0], rows[1], low if self.guess_rate is None else self.guess_rate, high]

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
        slope, bias = start[:2]
        # A lapse rate of 0 has no logit.
        shares = np.clip(start[self.lapse_columns] / self.max_lapse, 0.01, 0.98)
        logits = np.log(shares / (1 - shares))
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
        lapses = np.zeros((len(theta), 2))
        if self.n_lapses:
            lapses[:] = self.max_lapse * expit(theta[:, 2:])
        if self.guess_rate is not None:
            lapses[:, 0] = self.guess_rate
        return lapses

    def _predict(self, theta: Array) -> tuple[Array, Array]:
        """Return probabilities (resamples, levels) and their derivatives by theta (resamples, levels, parameters)."""
        distribution, density = _LINKS[self.link]
        z = theta[:, :1] + theta[:, 1:2] * self.x
        f = distribution(z)
        lapses = self._lapses(theta)
        low, high = lapses[:, :1], lapses[:, 1:]
        p = np.clip(low + (1 - low - high) * f, _MIN_PROBABILITY, 1 - _MIN_PROBABILITY)
        dp_dz = (1 - low - high) * density(z, f)
        dp_dlogits = [dp_drate * rate * (1 - rate / self.max_lapse) for dp_drate, rate in ((1 - f, low), (-f, high))]
        both = dp_dlogits[1] if self.guess_rate is not None else dp_dlogits[0] + dp_dlogits[1]
        dp_dlapses = {0: [], 1: [both], 2: dp_dlogits}[self.n_lapses]
        return p, np.stack([dp_dz, dp_dz * self.x, *dp_dlapses], axis=-1)

    def _log_likelihood(self, k: Array, p: Array) -> Array:
        return np.asarray((k * np.log(p) + (self.n - k) * np.log1p(-p)).sum(axis=1))


@dataclass(frozen=True)
class _ProfileLikelihood:
    """The likelihood of one parameter, with the others at their best for it.

    Args:
        data: Scaled evidence and numbers of responses.
        k: How often the choice was made, (levels,).
        best: Slope, bias, low, high of the fit, scaled.
        unit: Factors that undo the scaling, (4,).
        origin: Offsets that undo the scaling, (4,).
    """

    data: _ChoiceCounts
    k: Array
    best: Array
    unit: Array
    origin: Array

    def is_regular(self, columns: list[int], level: float) -> bool:
        """Return whether the data close the intervals, so that resamples of the fit say how far estimates vary."""
        if self.data.guess_rate is not None:
            return False  # slope and lapses trade off: percentiles held a true lapse rate in 91.5 % of observers only
        if any(column in self.data.lapse_columns and self.best[column] < _FLAT for column in columns):
            return False  # resamples of a curve without lapses hardly have any
        limit = chdtri(1, 1 - level) / 2
        if self.may_be_constant(level):
            return False
        return all(fall > limit for (_, bound), fall in self.falls.items() if bound != 0)

    @cached_property
    def falls(self) -> dict[tuple[int, float], float]:
        """Column and bound of each parameter that is fitted -> `fall` at the bound."""
        bounds = zip(self.data.columns, self.data.bounds, strict=True)
        return {(column, bound): self.fall(column, bound) for column, ends in bounds for bound in ends}

    def fall(self, column: int, value: float) -> float:
        """Return by how much the log-likelihood falls from its maximum if the parameter of a column has a value."""
        fixed = self.data.fit(self.k, {column: value}, self.best)
        return max(self.data.log_likelihood(self.k, self.best) - self.data.log_likelihood(self.k, fixed), 0.0)

    def may_be_constant(self, level: float) -> bool:
        """Return whether the probability may be the same at all evidence.

        This is the limit of a slope of 0 and a bias far away, beyond the bounds of the fit. A constant has one parameter,
        so the likelihood ratio has as many degrees of freedom as there are others.
        """
        p = max(self.k.sum() / self.data.n.sum(), self.data.guess_rate or 0.0)
        constant = self.data.log_likelihood(self.k, np.array([0.0, 0.0, p, 1 - p]))
        others = len(self.data.columns) - 1
        return bool(self.data.log_likelihood(self.k, self.best) - constant <= chdtri(others, 1 - level) / 2)

    def interval(self, column: int, level: float) -> tuple[float, float]:
        """Return the interval of a parameter in units of the evidence; an end that the data do not close is infinite."""
        if column not in self.data.columns:  # a fixed asymptote
            return float(self.best[column]), float(self.best[column])
        limit = chdtri(1, 1 - level) / 2
        constant = self.may_be_constant(level)
        if constant and column > 0:  # if the slope may be 0, any bias and any lapse rate may be true
            return (-np.inf, np.inf) if column == 1 else (0.0, np.inf)
        ends = [self._end(column, bound, limit) for bound in self.data.bounds[self.data.columns.index(column)]]
        low, high = (float(end * self.unit[column] + self.origin[column]) for end in ends)
        return (min(low, 0.0), max(high, 0.0)) if constant else (low, high)

    def _end(self, column: int, bound: float, limit: float) -> float:
        if self.falls[column, bound] <= limit:
            return 0.0 if bound == 0 else float(np.copysign(np.inf, bound))  # a lapse rate is at least 0
        # The slope may be large or small: its arsinh has an end of like relative accuracy everywhere.
        inner, outer = np.arcsinh(self.best[column]), np.arcsinh(bound)
        root = brentq(lambda v: self.fall(column, float(np.sinh(v))) - limit, inner, outer, xtol=1e-3)
        return float(np.sinh(root))


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


@checked
def plot_psychometric(
    evidence: Column,
    choice: Column,
    ax: GivenAxes | None = None,
    title: Text | None = None,
    legend: Text | None = None,
    *,
    color: str | None = None,
    link: Link = "logit",
    lapses: Lapses = "equal",
    guess_rate: GuessRate | None = None,
    resamples: Index = 500,
    seed: Index = 0,
) -> tuple[Axes, PsychometricFit]:
    """Draw the proportion of a choice at each level of evidence, and a fitted curve with its 95 % bootstrap band.

    The proportions have 95 % Wilson intervals. More than 12 different values of evidence are put into 12 bins with about
    equal numbers of trials. A curve with a parameter that the data do not determine is dashed, without a band where choices
    were mixed at no evidence, and the legend says what is known of the slope and the bias.

    Args:
        evidence: See `fit_psychometric`.
        choice: See `fit_psychometric`.
        ax: Axes to draw into; a new figure by default.
        title: Title.
        legend: Label of the curve.
        color: Colour of points and curve; by default the next one of the axes.
        link: ``logit`` or ``probit``.
        lapses: ``equal`` on both sides, ``separate``, or ``none``.
        guess_rate: See `fit_psychometric`.
        resamples: Number of bootstrap resamples for the band; 0 draws no band.
        seed: Seed of the bootstrap.

    Returns:
        The axes and the fit.

    Raises:
        ValueError: See `fit_psychometric`.

    Example:
        >>> import numpy as np
        >>> evidence = np.tile([-2.0, -1.0, 1.0, 2.0], 50)
        >>> choice = np.tile([0, 0, 1, 1, 0, 1, 0, 1], 25)
        >>> ax, fit = plot_psychometric(evidence, choice, title="One observer", resamples=50)
        >>> fit.trials
        200
    """
    options: Any = {"link": link, "lapses": lapses, "guess_rate": guess_rate, "resamples": resamples, "seed": seed}
    fit = fit_psychometric(evidence, choice, **options)
    unknown = _describe_open_ends(fit)
    levels, n, k = _count_choices(evidence, choice, MAX_POINTS)
    low, high = wilson_interval(k / n, n)
    with style():
        ax = axes_or_new(ax)
        is_first_curve = not ax.lines
        (points,) = ax.plot(levels, k / n, "o", color=color, label=legend)
        same_color: Any = {"color": points.get_color()}
        ax.vlines(levels, low, high, linewidth=1, **same_color)
        # Equally many points between each two levels: one level may be far away from the others.
        x = np.interp(np.linspace(0, len(levels) - 1, 300), np.arange(len(levels)), levels)
        ax.plot(x, fit(x), "--" if unknown else "-", label=unknown or None, **same_color)
        if resamples and fit.determined:
            ax.fill_between(x, *fit.band(x), alpha=0.2, linewidth=0, **same_color)
        if is_first_curve:
            draw_reference_line(ax, x=0 if guess_rate is None else None, y=0.5 if guess_rate is None else guess_rate)
        labels = ("Signed evidence", "P(choice)") if guess_rate is None else ("Strength of evidence", "P(correct)")
        ax.set(ylim=(-0.05, 1.05), xlabel=labels[0], ylabel=labels[1])
        ax.set_yticks([0, 0.25, 0.5, 0.75, 1])
        if title is not None:
            ax.set_title(title)
        if legend or unknown:
            ax.legend(loc="best" if unknown else "upper left")
    return ax, fit


def _describe_open_ends(fit: PsychometricFit) -> str:
    """Say what is known of slope and bias where an interval is open or an estimate at a bound; "" if both are known."""
    parts = []
    for name in ("slope", "bias"):
        low, high = fit.interval(name) if len(fit.resamples) else (np.nan, np.nan)
        if np.isinf([low, high]).all():
            parts.append(f"{name} unknown")
        elif np.isinf(high):
            parts.append(f"{name} > {low:.2g}")
        elif np.isinf(low):
            parts.append(f"{name} < {high:.2g}")
        elif name in fit.at_bound:
            parts.append(f"{name} at its bound")
    return ", ".join(parts)


@checked
def plot_psychometric_curves(
    table: Table,
    strength: Text = "coh",
    side: Text = "ground_truth",
    *,
    by: str | ArrayLike | None = None,
    no_response: Finite | None = 0,
    ax: GivenAxes | None = None,
    title: Text | None = None,
    link: Link = "logit",
    lapses: Lapses = "equal",
    guess_rate: GuessRate | None = None,
    resamples: Index = 500,
    seed: Index = 0,
) -> tuple[Axes, dict[str, PsychometricFit]]:
    """Draw the psychometric curve of a trial table, or one for each block, context, or stage of training.

    With a guess rate it is the proportion of correct choices against the unsigned strength of the evidence.

    Args:
        table: A trial table with `choice` and the columns named below; with a guess rate, with `correct` too.
        strength: Column with the strength of the evidence; negative strengths keep their sign (not with a guess rate).
        side: Column that says which choice the evidence favours; not used with a guess rate.
        by: Column, or (trials,) values, with one curve for each value: ``"block"``, or ``stages(table, 3)``.
        no_response: The action that counts as no response; None if every action is a response. Trials without a
            response are left out.
        ax: Axes to draw into; a new figure by default.
        title: Title.
        link: See `plot_psychometric`.
        lapses: See `plot_psychometric`.
        guess_rate: See `fit_psychometric`.
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
    if guess_rate is None:
        evidence, choice = signed_choices(table, strength, side, no_response)
    else:
        evidence = np.abs(numeric_column(table, strength))
        missed = np.isnan(responses(table, no_response))
        choice = np.where(missed, np.nan, outcomes(table))
    fits: dict[str, PsychometricFit] = {}
    groups = group_trials(table, by)
    for (label, members), color in zip(groups, group_colors(len(groups)), strict=True):
        try:
            options: Any = {"link": link, "lapses": lapses, "guess_rate": guess_rate, "resamples": resamples, "seed": seed}
            ax, fits[label] = plot_psychometric(
                evidence[members], choice[members], ax, title, label or None, color=color, **options
            )
        except ValueError as error:
            raise ValueError(f"{label}: {error}" if label else str(error)) from error
    assert ax is not None
    if guess_rate is None:
        ax.set(xlabel=f"Evidence ({strength}, signed)", ylabel="P(second choice)")
    else:
        ax.set(xlabel=f"Strength of evidence ({strength})", ylabel="P(correct)")
    return ax, fits

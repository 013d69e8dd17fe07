"""Statistics of trials: confidence intervals, bins, running means."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ngym_core.arguments import Count, Positive, checked, explained, require_finite

__all__ = ["Z_95", "bin_values", "mean_interval", "median_interval", "running_mean", "wilson_interval"]

Array: TypeAlias = NDArray[Any]

Z_95 = 1.96
"""Half-width of the 95 % interval of a normal distribution, in standard deviations."""


@checked
def wilson_interval(p: ArrayLike, n: ArrayLike, z: Positive = Z_95) -> tuple[Array, Array]:
    """Return the Wilson score interval of proportions.

    Unlike ``p ± z * sqrt(p * (1 - p) / n)`` it has a width at p = 0 and 1, and stays between 0 and 1.

    Args:
        p: Proportions of successes, (k,).
        n: Numbers of trials, (k,).
        z: Half-width in standard deviations; 1.96 for 95 %.

    Returns:
        Lower and upper ends, (k,) each.
    """
    p, n = np.asarray(p, float), np.asarray(n, float)
    require_finite(np.add(p, n), p=p, n=n)
    center = (p + z**2 / (2 * n)) / (1 + z**2 / n)  # the proportion, shifted towards one half
    half = z / (1 + z**2 / n) * np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    return center - half, center + half


@explained
def mean_interval(values: Array) -> tuple[float, float, float]:
    """Return the mean of (n,) values and the ends of its 95 % interval (1.96 standard errors; zero width for n = 1)."""
    half = Z_95 * values.std(ddof=1) / np.sqrt(len(values)) if len(values) > 1 else 0.0
    mean = float(values.mean())
    return mean, float(mean - half), float(mean + half)


@explained
def median_interval(values: Array) -> tuple[float, float, float]:
    """Return the median of (n,) values and the ends of its 95 % interval, which are order statistics."""
    require_finite(values, values=values)
    n = len(values)
    # The number of values below the median is binomial(n, 1/2): its standard deviation is sqrt(n) / 2.
    ranks = np.clip(n / 2 + Z_95 / 2 * np.sqrt(n) * np.array([-1, 1]), 0, n - 1)
    low, high = np.sort(values)[np.round(ranks).astype(int)]
    return float(np.median(values)), float(low), float(high)


@checked
def bin_values(values: Array, max_bins: Count) -> NDArray[np.int64]:
    """Assign each value to a bin.

    Args:
        values: (n,).
        max_bins: Up to this many different values get a bin each; more of them are put into bins with about equal
            numbers of values, as far as equal values, which share a bin, allow.

    Returns:
        Bin of each value, (n,), numbered from 0 in ascending order of the values; no bin is empty.

    Raises:
        ValueError: Values that are not finite.
    """
    require_finite(values, values=values)
    different, bin_of_value, counts = np.unique(values, return_inverse=True, return_counts=True)
    if len(different) <= max_bins:
        return np.asarray(bin_of_value)
    # Quantiles would put all values into one bin where most of them are ties: fill one bin after another instead.
    bins = np.zeros(len(different), np.int64)
    current, size, left = 0, 0, len(values)  # `left` is the number of values that are not in an earlier bin
    for i, count in enumerate(counts.tolist()):
        if size and current < max_bins - 1 and size + count / 2 > left / (max_bins - current):
            current, size, left = current + 1, 0, left - size
        bins[i] = current
        size += count
    return np.asarray(bins[bin_of_value])


@checked
def running_mean(values: ArrayLike, window: Count) -> NDArray[np.float64]:
    """Return the mean of each value and those before it; NaN values are left out.

    Args:
        values: (n,).
        window: Number of values in each mean, at least 1; at the start there are fewer.

    Returns:
        (n,); NaN where the window has only NaN.
    """
    values = np.asarray(values, float)
    known = ~np.isnan(values)
    sums, counts = (np.concatenate([[0.0], np.cumsum(x)]) for x in (np.where(known, values, 0), known))
    first = np.maximum(np.arange(len(values)) + 1 - window, 0)
    n = counts[1:] - counts[first]
    return np.asarray(np.where(n > 0, (sums[1:] - sums[first]) / np.maximum(n, 1), np.nan))

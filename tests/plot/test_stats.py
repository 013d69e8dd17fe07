from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ngym_plot.stats import bin_values, mean_interval, median_interval, running_mean, wilson_interval


@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_interval_has_the_published_values(successes, n, low, high):
    """Newcombe (1998), Statistics in Medicine 17, 857-872, table I, method 3."""
    assert wilson_interval(successes / n, n) == pytest.approx((low, high), abs=6e-5)


@pytest.mark.parametrize("n", [1, 7, 1000])
def test_wilson_interval_ends_where_the_proportion_is_z_standard_errors_away(n):
    p = np.linspace(0, 1, 11)
    low, high = wilson_interval(p, n)
    for end in (low, high):
        assert (p - end) ** 2 == pytest.approx(1.96**2 * end * (1 - end) / n, abs=1e-12)
    assert (low < high).all()


@pytest.mark.parametrize(("p", "n"), [(0.05, 60), (0.5, 40), (0.9, 60), (0.8, 200)])
def test_wilson_interval_covers_the_true_proportion(p, n):
    successes = np.random.default_rng(0).binomial(n, p, 20_000)
    low, high = wilson_interval(successes / n, n)
    assert 0.93 <= np.mean((low <= p) & (p <= high)) <= 0.975


def test_mean_interval_is_196_standard_errors():
    values = np.array([1.0, 2.0, 6.0])
    half = 1.96 * values.std(ddof=1) / np.sqrt(3)
    assert mean_interval(values) == pytest.approx((3, 3 - half, 3 + half))
    assert mean_interval(values[:1]) == (1, 1, 1)


def test_median_interval_covers_the_true_median():
    rng = np.random.default_rng(0)
    held = [low <= np.log(2) <= high for _, low, high in map(median_interval, rng.exponential(size=(1000, 60)))]
    assert 0.92 <= np.mean(held) <= 0.98


def test_bin_values_numbers_few_values_and_bins_many_by_quantiles():
    assert bin_values(np.array([5.0, -1.0, 5.0, 2.0]), 3).tolist() == [2, 0, 2, 1]
    assert np.bincount(bin_values(np.arange(100)[::-1], 4)).tolist() == [25, 25, 25, 25]


@pytest.mark.parametrize(
    ("ties", "others", "sizes"),
    [
        (40, np.arange(1, 61), [40, 20, 20, 20]),
        (90, np.arange(1, 11), [90, 3, 4, 3]),  # three quartiles are ties
        (90, -np.arange(1, 11), [10, 90]),
        (90, np.arange(-5, 6), [5, 91, 3, 2]),
    ],
)
def test_bin_values_leaves_other_values_out_of_the_bin_of_many_ties(ties, others, sizes):
    values = np.random.default_rng(0).permutation(np.r_[np.zeros(ties), others])
    assert np.bincount(bin_values(values, 4)).tolist() == sizes


@settings(deadline=None)
@given(st.lists(st.integers(-9, 9), min_size=1), st.integers(1, 12))
def test_bin_values_are_ordered_and_none_is_empty(values, max_bins):
    values = np.array(values)
    bins = bin_values(values, max_bins)
    assert set(bins) == set(range(bins.max() + 1))
    assert bins.max() < max_bins
    assert min(len(np.unique(values)), 2 if max_bins > 1 else 1) <= bins.max() + 1
    order = np.argsort(values, kind="stable")
    assert (np.diff(bins[order]) >= 0).all()
    assert all(len(set(bins[values == value])) == 1 for value in values)


def test_running_mean_leaves_out_missing_values():
    values = [1, np.nan, 3, np.nan, np.nan, np.nan]
    assert running_mean(values, 2) == pytest.approx([1, 1, 3, 3, np.nan, np.nan], nan_ok=True)


def test_bins_of_nan_are_refused():
    with pytest.raises(ValueError, match="^values=.* must consist of finite numbers.$"):
        bin_values(np.array([1.0, float("nan")]), 2)


def test_intervals_of_nan_are_refused():
    with pytest.raises(ValueError, match="^p=.* must consist of finite numbers.$"):
        wilson_interval([float("nan")], [5])
    with pytest.raises(ValueError, match="^values=.* must consist of finite numbers.$"):
        median_interval(np.array([float("nan")]))

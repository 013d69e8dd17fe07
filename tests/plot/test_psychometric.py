from __future__ import annotations

import warnings

import matplotlib.pyplot as plt
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ngym_core import UnknownNameError
from ngym_plot import FitWarning, PsychometricFit, fit_psychometric, plot_psychometric, plot_psychometric_curves, stages
from ngym_plot.psychometric import _ChoiceCounts, _count_choices
from ngym_plot.stats import wilson_interval

from .observers import table

LEVELS = np.array([-51.2, -25.6, -12.8, -6.4, 0, 6.4, 12.8, 25.6, 51.2])
STRENGTHS = LEVELS[LEVELS >= 0]
PARAMETERS = ("slope", "bias", "lapse", "low", "high")


def observer(slope, bias, lapse, n=6000, scale=1.0, seed=0, **kwargs):
    rng = np.random.default_rng(seed)
    levels = STRENGTHS if kwargs.get("guess_rate") is not None else LEVELS
    evidence = rng.choice(levels * scale, n)
    p = PsychometricFit(slope / scale, bias * scale, lapse, **kwargs)(evidence)
    return evidence, (rng.random(n) < p).astype(float)


@pytest.mark.parametrize("scale", [0.001, 1, 50])
@pytest.mark.parametrize(("slope", "bias", "lapse"), [(0.1, 0, 0), (0.3, 4, 0.02), (0.15, -10, 0.1), (-0.2, 3, 0.05)])
def test_fit_psychometric_recovers_parameters_of_simulated_observers(slope, bias, lapse, scale):
    fit = fit_psychometric(*observer(slope, bias, lapse, scale=scale))
    assert fit.slope * scale == pytest.approx(slope, rel=0.25)
    assert fit.bias / scale == pytest.approx(bias, abs=1.5)
    assert fit.lapse == pytest.approx(lapse, abs=0.02)


def test_fit_psychometric_leaves_out_trials_without_a_response():
    evidence, choice = observer(0.2, 0, 0)
    missed = np.where(np.arange(len(choice)) % 3 == 0, np.nan, choice)
    fit = fit_psychometric(evidence, missed)
    assert fit == fit_psychometric(evidence[~np.isnan(missed)], choice[~np.isnan(missed)])


@pytest.mark.statistics
@pytest.mark.parametrize(("link", "truth"), [("logit", (0.1, 2.0, 0.05)), ("probit", (0.06, 3.0, 0.05))])
def test_psychometric_intervals_cover_the_truth_in_95_percent_of_observers(link, truth):
    """400 observers: the share that is held has a standard error of 1.1 %; of 2,000, it was 0.937 to 0.950."""
    held = []
    for seed in range(400):
        fit = fit_psychometric(*observer(*truth, n=2000, seed=2000 + seed, link=link), link=link, resamples=300, seed=9999)
        intervals = [fit.interval(name) for name in ("slope", "bias", "lapse")]
        held.append([low <= true <= high for (low, high), true in zip(intervals, truth, strict=True)])
    for share in np.mean(held, axis=0):
        assert 0.92 <= share <= 0.98


@pytest.mark.statistics
@pytest.mark.parametrize(("link", "truth"), [("logit", (0.2, 15.0, 0.05)), ("probit", (0.12, 15.0, 0.05))])
def test_psychometric_intervals_with_a_guess_rate_cover_the_truth_in_95_percent_of_observers(link, truth):
    """150 observers: a standard error of 1.8 %; of 200, it was 0.935 to 0.97."""
    held = []
    for seed in range(150):
        evidence, choice = observer(*truth, n=3000, seed=5000 + seed, link=link, guess_rate=0.5)
        fit = fit_psychometric(evidence, choice, link=link, guess_rate=0.5, resamples=300, seed=9999)
        intervals = [fit.interval(name) for name in ("slope", "bias", "lapse")]
        held.append([low <= true <= high for (low, high), true in zip(intervals, truth, strict=True)])
    for share in np.mean(held, axis=0):
        assert 0.92 <= share <= 0.98


@pytest.mark.parametrize("guess_rate", [None, 0.5])
def test_psychometric_curves_leave_out_trials_in_which_values_are_missing(guess_rate):
    columns = table(1000, missed=0)
    _, fits = plot_psychometric_curves(columns, guess_rate=guess_rate, resamples=0)
    aborted = {"coh": np.nan, "choice": 0} if guess_rate is None else {"correct": np.nan}
    longer = {name: np.append(column, [aborted.get(name, column[0])] * 3) for name, column in columns.items()}
    _, found = plot_psychometric_curves(longer, guess_rate=guess_rate, resamples=0)
    assert found == fits


@pytest.mark.parametrize("guess_rate", [0.0, 0.25, 0.5, 0.9])
def test_fit_psychometric_recovers_parameters_with_a_guess_rate(guess_rate):
    truth = {"slope": 0.2, "bias": 15.0, "lapse": 0.02}
    fit = fit_psychometric(*observer(**truth, n=100_000, guess_rate=guess_rate), guess_rate=guess_rate, resamples=50)
    assert (fit.slope, fit.bias, fit.lapse) == pytest.approx((0.2, 15, 0.02), rel=0.15)
    assert fit([-1e6, 1e6]) == pytest.approx([guess_rate, 1 - fit.lapse])
    assert fit.interval("low") == (guess_rate, guess_rate)
    assert fit.interval("lapse") == fit.interval("high")
    assert fit.lapses is None


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"guess_rate": 1.0}, r"guess_rate=1.0 must be a probability from 0 below 1"),
        ({"guess_rate": -0.1}, "guess_rate=-0.1 must be a probability"),
        ({"guess_rate": np.nan}, "guess_rate=nan must be a probability"),
        ({"guess_rate": 0.5, "lapses": "separate"}, "lapses must be 'equal' or 'none', not 'separate'"),
    ],
)
def test_fit_psychometric_rejects_a_guess_rate_that_cannot_be(options, message):
    with pytest.raises(ValueError, match=message):
        fit_psychometric([1, 2], [0, 1], **options)


def test_fit_psychometric_estimates_are_unbiased():
    truth = (0.1, 2.0, 0.03)
    fits = [fit_psychometric(*observer(*truth, n=1000, seed=seed)) for seed in range(200)]
    found = np.array([(fit.slope, fit.bias, fit.lapse) for fit in fits])
    errors = found.std(axis=0) / np.sqrt(len(fits))
    assert (np.abs(found.mean(axis=0) - truth) < 4 * errors + [0.004, 0, 0]).all()  # the slope of few trials is biased


@pytest.mark.parametrize("link", ["logit", "probit"])
def test_fit_psychometric_recovers_separate_lapses(link):
    fit = fit_psychometric(*observer(0.15, -4, 0, n=20_000, lapses=(0.02, 0.15), link=link), link=link, lapses="separate")
    assert fit.lapses == pytest.approx((0.02, 0.15), abs=0.015)
    assert fit.lapse == pytest.approx(np.mean(fit.lapses))
    assert (fit.slope, fit.bias) == pytest.approx((0.15, -4), rel=0.15)
    assert fit([-1e3, 1e3]) == pytest.approx([fit.lapses[0], 1 - fit.lapses[1]])
    none = fit_psychometric(*observer(0.15, -4, 0, link=link), link=link, lapses="none", resamples=100)
    assert none.lapse == 0
    assert none.interval("lapse") == (0, 0)


@pytest.mark.parametrize("link", ["logit", "probit"])
@pytest.mark.parametrize("lapses", [0, 1, 2])
def test_refit_of_many_data_sets_is_as_good_as_fits_one_by_one(link, lapses):
    x, n, k = _count_choices(*observer(0.12, 3, 0.05, n=1500, link=link), 100)
    data = _ChoiceCounts(x / 51.2, n, link, lapses)
    best = data.fit(k)
    drawn = np.random.default_rng(0).binomial(n.astype(int), data.curve(best), (60, len(n)))
    together = data.refit(drawn, best)
    for counts, fit in zip(drawn, together, strict=True):
        one = data.fit(counts)
        likelihoods = [(counts * np.log(p) + (n - counts) * np.log(1 - p)).sum() for p in map(data.curve, (fit, one))]
        assert likelihoods[0] == pytest.approx(likelihoods[1], abs=0.02)


def test_psychometric_intervals_shrink_with_trials_and_the_band_contains_the_curve():
    few, many = (fit_psychometric(*observer(0.1, 0, 0.02, n=n), resamples=300) for n in (300, 10_000))
    for name in ("slope", "bias", "lapse"):
        assert np.diff(few.interval(name)) > 2 * np.diff(many.interval(name))
        assert few.interval(name)[0] <= getattr(few, name) <= few.interval(name)[1]
    low, high = few.band(LEVELS)
    assert (low <= few(LEVELS)).all()
    assert (few(LEVELS) <= high).all()
    assert (high - low).max() > 2 * np.subtract(*many.band(LEVELS)[::-1]).max()
    assert few == fit_psychometric(*observer(0.1, 0, 0.02, n=300), resamples=5, seed=1)  # the bootstrap changes no estimate
    again = fit_psychometric(*observer(0.1, 0, 0.02, n=300), resamples=300)
    assert np.array_equal(few.resamples, again.resamples)


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("link", ["logit", "probit"])
def test_fit_psychometric_of_a_perfect_observer_has_an_open_slope(sign, link):
    evidence = np.repeat(LEVELS[LEVELS != 0], 30)
    with pytest.warns(FitWarning, match=r"mixed at no evidence: the slope is not determined.*\(slope at its bound -?9.77\)"):
        fit = fit_psychometric(evidence, (sign * evidence > 0).astype(float), link=link, resamples=100)
    assert fit(sign * 6.4) > 0.99
    assert fit.at_bound == {"slope": pytest.approx(sign * 500 / 51.2)}
    assert not fit.determined
    low, high = np.sort(sign * np.array(fit.interval("slope")))
    assert 0.1 < low < 1
    assert high == np.inf
    low, high = fit.interval("bias")
    assert -6.5 < low < -4  # the step may be anywhere between the weakest evidence of both signs
    assert 4 < high < 6.5
    assert 0 == fit.interval("lapse")[0] < fit.interval("lapse")[1] < 0.05
    assert np.isnan(fit.band(LEVELS)).all()


@pytest.mark.parametrize("made", [0.0, 1.0])
@pytest.mark.parametrize("options", [{}, {"lapses": "separate"}, {"lapses": "none"}, {"guess_rate": 0.5}])
def test_fit_psychometric_of_constant_choices_has_open_intervals(made, options):
    with pytest.warns(FitWarning, match="All 9 choices are the same: slope and bias are not determined .* record trials"):
        fit = fit_psychometric(LEVELS, np.full(9, made), resamples=20, **options)
    assert {"slope", "bias"} <= set(fit.at_bound) or options
    assert fit.interval("slope") == fit.interval("bias") == (-np.inf, np.inf)
    if options.get("lapses") != "none":
        assert fit.interval("lapse")[1] == np.inf
    if not options:
        assert ((fit(LEVELS) > 0.5) == made).all()


@pytest.mark.parametrize("p", [0.5, 0.8, 0.99])
def test_fit_psychometric_of_choices_without_regard_to_the_evidence_leaves_bias_and_lapses_open(p):
    """Of 100 observers, 97 to 100 were left open."""
    is_open = []
    for seed in range(30):
        rng = np.random.default_rng(seed)
        evidence = rng.choice(LEVELS, 1000)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FitWarning)  # the estimate may be at a bound or not
            fit = fit_psychometric(evidence, rng.random(1000) < p, resamples=30)
        low, high = fit.interval("slope")
        is_open.append([low <= 0 <= high, fit.interval("bias") == (-np.inf, np.inf), fit.interval("lapse") == (0, np.inf)])
    assert (np.mean(is_open, axis=0) >= 0.85).all()


def test_fit_psychometric_names_the_bound_of_a_bias_outside_of_the_evidence():
    evidence, choice = np.tile(LEVELS, 400), np.tile(np.arange(400) >= 40, (9, 1)).T.ravel()
    choice[np.nonzero(evidence == 51.2)[0][:10]] = True  # a little more at the greatest evidence
    with pytest.warns(FitWarning, match=r"do not determine all parameters \(.*bias at its bound -102"):
        fit = fit_psychometric(evidence, choice, lapses="none")
    assert fit.at_bound["bias"] == pytest.approx(fit.bias) == pytest.approx(-102.4)


@pytest.mark.parametrize("outlier", [1e4, 1e8])
def test_one_outlier_of_the_evidence_changes_neither_fit_nor_interval(outlier):
    evidence, choice = observer(0.1, 2, 0.05, n=2000)
    fit = fit_psychometric(evidence, choice, resamples=200)
    other = fit_psychometric(np.r_[evidence, outlier], np.r_[choice, 1], resamples=200)
    for name in PARAMETERS:
        assert getattr(other, name, 0) == pytest.approx(getattr(fit, name, 0), rel=0.05, abs=0.05)
        assert other.interval(name) == pytest.approx(fit.interval(name), rel=0.2, abs=0.3)


@pytest.mark.parametrize("offset", [-1e4, 300.0, 1e6])
def test_fit_psychometric_follows_a_shift_of_the_evidence(offset):
    evidence, choice = observer(0.1, 2, 0.05, n=2000)
    fit, shifted = (fit_psychometric(evidence + shift, choice, resamples=50) for shift in (0, offset))
    assert (shifted.slope, shifted.bias - offset, shifted.lapse) == pytest.approx((fit.slope, fit.bias, fit.lapse), rel=1e-3)
    assert np.subtract(shifted.interval("bias"), offset) == pytest.approx(fit.interval("bias"), abs=0.05)


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_psychometric_estimates_lie_in_intervals_that_are_open_where_nothing_is_known(data):
    n = data.draw(st.integers(2, 40))
    values = st.one_of(st.integers(-3, 3), st.floats(-100, 100, width=16), st.just(1e6))
    evidence = np.array(data.draw(st.lists(values, min_size=n, max_size=n)), float)
    choice = np.array(data.draw(st.lists(st.sampled_from([0.0, 1.0, np.nan]), min_size=n, max_size=n)))
    options = data.draw(st.sampled_from([{}, {"lapses": "separate"}, {"lapses": "none"}, {"guess_rate": 0.5}]))
    known = ~np.isnan(choice)
    if len(np.unique(evidence[known])) < 2:
        with pytest.raises(ValueError, match="A curve needs at least two"):
            fit_psychometric(evidence, choice, **options)
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FitWarning)
        fit = fit_psychometric(evidence, choice, resamples=20, **options)
    estimates = {"slope": fit.slope, "bias": fit.bias, "lapse": fit.lapse}
    for name, estimate in estimates.items():
        low, high = fit.interval(name)
        assert np.isfinite(estimate)
        assert low <= estimate <= high
    if len(np.unique(choice[known])) == 1:
        assert fit.interval("slope") == fit.interval("bias") == (-np.inf, np.inf)
    if not fit.determined:
        assert np.isinf(fit.interval("slope")).any()
        assert np.isnan(fit.band(evidence)).all()


def test_fit_psychometric_bins_evidence_of_many_values():
    rng = np.random.default_rng(0)
    evidence = rng.normal(0, 20, 8000)
    choice = (rng.random(8000) < PsychometricFit(0.1, 5, 0.05)(evidence)).astype(float)
    x, n, _ = _count_choices(evidence, choice, 100)
    assert len(x) == 100
    assert n.tolist() == [80] * 100
    fit = fit_psychometric(evidence, choice)
    assert (fit.slope, fit.bias, fit.lapse) == pytest.approx((0.1, 5, 0.05), rel=0.2)


@pytest.mark.parametrize(
    ("evidence", "choice", "message"),
    [
        ([1, 2], [1], r"evidence \(2,\) and choice \(1,\) must be two arrays of shape \(n,\)"),
        ([], [], "at least two responses; there are 0 in 0 trials"),
        ([1, 2, 3], [np.nan, np.nan, 1], "at least two responses; there are 1 in 3 trials"),
        ([2, 2, 2], [0, 1, 1], r"at least two values of evidence; there is \[2.0\]"),
        ([1, np.nan], [0, 1], "evidence must be finite"),
        ([1, 2], [0, 2], "choice 0, 1 or NaN"),
    ],
)
def test_fit_psychometric_rejects_invalid_data(evidence, choice, message):
    with pytest.raises(ValueError, match=message):
        fit_psychometric(evidence, choice)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: fit_psychometric([1, 2], [0, 1], link="logistic"), ValueError, "link='logistic' must be one of .*'probit'"),
        (lambda: fit_psychometric([1, 2], [0, 1], lapses="two"), ValueError, "lapses='two' must be one of 'equal'"),
        (lambda: fit_psychometric("abc", [0, 1]), TypeError, "evidence='abc' must be a sequence of numbers, NaN where one"),
        (lambda: fit_psychometric([1, 2], "abc"), TypeError, "choice='abc' must be a sequence of numbers, NaN where one"),
        (lambda: plot_psychometric([1, 2], "abc"), TypeError, "choice='abc' must be a sequence of numbers, NaN where one"),
        (lambda: PsychometricFit(1, 0).interval("slop"), UnknownNameError, "Unknown parameter 'slop'. Did you mean 'slope'"),
        (lambda: PsychometricFit(1, 0).interval("slope"), ValueError, "There was no bootstrap"),
        (lambda: PsychometricFit(1, 0).band([1]), ValueError, "There was no bootstrap"),
    ],
)
def test_psychometric_fit_rejects_unknown_names_and_missing_bootstrap(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_plot_psychometric_draws_points_curve_and_band():
    rng = np.random.default_rng(0)
    evidence = rng.choice(LEVELS, 3000)
    choice = (rng.random(3000) < PsychometricFit(0.2, 0)(evidence)).astype(float)
    figure, ax = plt.subplots()
    drawn, fit = plot_psychometric(evidence, choice, ax, title="A title", legend="agent")
    assert drawn is ax
    points, line = ax.lines[0], ax.lines[1]
    assert points.get_xdata() == pytest.approx(LEVELS)
    assert points.get_ydata() == pytest.approx([choice[evidence == level].mean() for level in LEVELS])
    assert line.get_xdata()[[0, -1]] == pytest.approx([-51.2, 51.2])
    assert np.array_equal(line.get_ydata(), fit(line.get_xdata()))
    assert (ax.get_xlabel(), ax.get_ylabel(), ax.get_title(loc="left")) == ("Signed evidence", "P(choice)", "A title")
    assert ax.get_legend() is not None
    bars, band = ax.collections
    low = fit.band(line.get_xdata())[0]
    assert np.isin(low.round(9), band.get_paths()[0].vertices[:, 1].round(9)).all()
    assert len(bars.get_segments()) == 9
    new, _ = plot_psychometric(evidence, choice, resamples=0)
    assert len(new.collections) == 1
    assert new.figure is not figure


def test_plot_psychometric_draws_wilson_intervals():
    evidence, choice = np.repeat([-1.0, 1.0], 20), np.r_[np.zeros(20), np.ones(15), np.zeros(5)]
    with pytest.warns(FitWarning, match="slope at its bound"):
        ax, _ = plot_psychometric(evidence, choice, resamples=0)
    segments = np.array(ax.collections[0].get_segments())[:, :, 1]
    assert pytest.approx(np.array(wilson_interval(np.array([0, 0.75]), np.array([20, 20])))) == segments.T


@pytest.mark.parametrize(
    ("choice", "text"),
    [
        (LEVELS > 3, "slope > 1.1"),
        (LEVELS < 3, "slope < -1.1"),
        (LEVELS < 100, "slope unknown, bias unknown"),
    ],
)
def test_plot_psychometric_says_what_is_not_determined(choice, text):
    with pytest.warns(FitWarning):
        ax, _ = plot_psychometric(np.tile(LEVELS, 30), np.tile(choice, 30), legend="agent", resamples=50)
    curve = ax.lines[1]
    assert curve.get_linestyle() == "--"
    assert curve.get_label().startswith(text)
    assert [label.get_text() for label in ax.get_legend().get_texts()] == ["agent", curve.get_label()]
    assert len(ax.collections) == 1  # no band
    with pytest.warns(FitWarning):
        ax, _ = plot_psychometric(np.tile(LEVELS, 30), np.tile(choice, 30), resamples=0)
    assert "slope at its bound" in ax.lines[1].get_label()


def test_plot_psychometric_curves_with_a_guess_rate_fits_correct_choices_by_strength():
    columns = table(4000)
    ax, fits = plot_psychometric_curves(columns, guess_rate=0.5, lapses="none", resamples=0)
    correct = np.where(columns["choice"] == 0, np.nan, columns["correct"])
    assert fits[""] == fit_psychometric(columns["coh"], correct, guess_rate=0.5, lapses="none")
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("Strength of evidence (coh)", "P(correct)")
    levels = ax.lines[0].get_xdata()
    assert levels.min() == 0
    signed = {**columns, "coh": np.where(columns["ground_truth"] == 1, 1, -1) * columns["coh"]}
    assert plot_psychometric_curves(signed, guess_rate=0.5, lapses="none", resamples=0)[1] == fits


def test_plot_psychometric_curves_fits_the_trials_of_a_table():
    columns = table()
    ax, fits = plot_psychometric_curves(columns, title="All")
    evidence = np.where(columns["ground_truth"] == 1, columns["coh"], -columns["coh"])
    choice = np.where(columns["choice"] == 0, np.nan, columns["choice"] == 2)
    assert list(fits) == [""]
    assert fits[""] == fit_psychometric(evidence, choice)
    assert fits[""].trials == (columns["choice"] != 0).sum()
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("Evidence (coh, signed)", "P(second choice)")
    assert ax.get_legend() is None


def test_plot_psychometric_curves_by_block():
    ax, fits = plot_psychometric_curves(table(6000, shift=2.0), by="block")
    assert list(fits) == ["block = 0", "block = 1"]
    assert fits["block = 0"].bias == pytest.approx(10, abs=2)
    assert fits["block = 1"].bias == pytest.approx(-10, abs=2)
    assert [text.get_text() for text in ax.get_legend().get_texts()] == list(fits)
    assert len({line.get_color() for line in ax.lines if line.get_label() in fits}) == 2


def test_plot_psychometric_curves_by_stage_of_training():
    early, late = table(1500, slope=0.02), table(1500, slope=0.3, seed=1)
    columns = {name: np.concatenate([early[name], late[name]]) for name in early}
    # 1,500 trials of a flat curve hardly determine its lapse rate.
    options = {"link": "probit", "lapses": "none", "resamples": 0}
    _, fits = plot_psychometric_curves(columns, by=stages(columns, 2), **options)
    assert list(fits) == ["trials 1 to 1500", "trials 1501 to 3000"]
    first, second = fits.values()
    assert second.slope > 5 * first.slope


@pytest.mark.parametrize(
    ("columns", "options", "error", "message"),
    [
        ({}, {}, UnknownNameError, "Unknown column 'coh'"),
        (table(0), {}, ValueError, "The table has no trial"),
        (table(20), {"strength": "cohe"}, UnknownNameError, "Unknown column 'cohe'. Did you mean 'coh'"),
        ({"coh": [1, 2], "ground_truth": [0, 1]}, {}, UnknownNameError, "Unknown column 'choice'"),
        ({**table(50), "choice": np.arange(50)}, {}, ValueError, "There must be two choices"),
        (table(50), {"side": "coh"}, ValueError, "column 'coh' must have two values"),
        (table(50), {"by": "trial"}, ValueError, "by has 50 different values; a figure shows at most 10 groups"),
        (table(50), {"by": [1, 2]}, ValueError, r"one value for each of the 50 .*\(2,\)"),
        (
            {**table(50), "coh": np.ones(50), "ground_truth": np.ones(50)},
            {"by": "lane"},
            ValueError,
            r"lane = 0: A curve needs at least two values of evidence; there is \[1.0\]",
        ),
    ],
)
def test_plot_psychometric_curves_rejects_invalid_tables(columns, options, error, message):
    with pytest.raises(error, match=message):
        plot_psychometric_curves(columns, **options)

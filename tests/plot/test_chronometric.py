from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pytest

from ngym_core import UnknownNameError
from ngym_plot import (
    PsychometricFit,
    fit_history,
    fit_psychometric,
    plot_chronometric,
    plot_confusion,
    plot_psychometric,
    plot_psychometric_curves,
    plot_training,
    signed_choices,
    stages,
)
from ngym_plot.curves import _center
from ngym_plot.trial_table import groups

from .observers import COHERENCES, table

LEVELS = np.array([-51.2, -25.6, -12.8, -6.4, 0, 6.4, 12.8, 25.6, 51.2])


@pytest.fixture(autouse=True)
def _close():
    yield
    plt.close("all")


def without(columns, *names):
    return {name: values for name, values in columns.items() if name not in names}


def test_points_curve_and_band_are_drawn():
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


def test_signed_evidence_and_choices_are_read_from_a_table():
    columns = {"coh": [5, 5, 0, 10], "ground_truth": [0, 1, 1, 1], "choice": [1, 2, 0, 1], "gt": [1, 2, 2, 2]}
    evidence, choice = signed_choices(columns)
    assert evidence.tolist() == [-5, 5, 0, 10]
    assert choice == pytest.approx([0, 1, np.nan, 0], nan_ok=True)
    signed = {**columns, "coh": [-5, 5, 0, 10], "ground_truth": [9, 9, 9, 9]}
    assert signed_choices(signed)[0].tolist() == [-5, 5, 0, 10]
    always_second = {**columns, "choice": [2, 2, 2, 0]}
    assert signed_choices(always_second)[1] == pytest.approx([1, 1, 1, np.nan], nan_ok=True)
    bandit = {"value": [-1.0, 1, 2], "choice": [0, 1, 0]}
    assert signed_choices(bandit, "value", none=None)[1].tolist() == [0, 1, 0]


def test_a_table_gives_the_curve_of_its_trials():
    columns = table()
    ax, fits = plot_psychometric_curves(columns, title="All")
    evidence = np.where(columns["ground_truth"] == 1, columns["coh"], -columns["coh"])
    choice = np.where(columns["choice"] == 0, np.nan, columns["choice"] == 2)
    assert list(fits) == [""]
    assert fits[""] == fit_psychometric(evidence, choice)
    assert fits[""].trials == (columns["choice"] != 0).sum()
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("Evidence (coh, signed)", "P(second choice)")
    assert ax.get_legend() is None


def test_a_data_frame_is_a_table_too():
    pandas = pytest.importorskip("pandas")
    columns = table(300)
    frame = pandas.DataFrame(columns)
    assert plot_psychometric_curves(frame)[1] == plot_psychometric_curves(columns)[1]
    assert fit_history(frame, 2, strength="coh").bias == fit_history(columns, 2, strength="coh").bias
    assert plot_training(frame, window=10).lines[0].get_xdata()[-1] == 300
    assert plot_confusion(frame).get_xlabel() == "Choice"
    with pytest.raises(UnknownNameError, match="Unknown column 'cohe'. Did you mean 'coh'"):
        plot_chronometric(frame, "cohe")


def test_each_block_has_a_curve():
    ax, fits = plot_psychometric_curves(table(6000, shift=2.0), by="block")
    assert list(fits) == ["block = 0", "block = 1"]
    assert fits["block = 0"].bias == pytest.approx(10, abs=2)
    assert fits["block = 1"].bias == pytest.approx(-10, abs=2)
    assert [text.get_text() for text in ax.get_legend().get_texts()] == list(fits)
    assert len({line.get_color() for line in ax.lines if line.get_label() in fits}) == 2


def test_groups_are_numbers_in_order_or_words_as_they_come():
    columns = table(20)
    assert [label for label, _ in groups(columns, [0.0, -0.0, 2.0, -1.0] * 5)] == ["-1.0", "0.0", "2.0"]
    assert [label for label, _ in groups(columns, ["z", "a"] * 10)] == ["z", "a"]
    assert [members.sum() for _, members in groups(columns, np.array([None, "a"] * 10))] == [10, 10]


def test_each_stage_of_training_has_a_curve():
    early, late = table(1500, slope=0.02), table(1500, slope=0.3, seed=1)
    columns = {name: np.concatenate([early[name], late[name]]) for name in early}
    _, fits = plot_psychometric_curves(columns, by=stages(columns, 2), link="probit", resamples=0)
    assert list(fits) == ["trials 1 to 1500", "trials 1501 to 3000"]
    first, second = fits.values()
    assert second.slope > 5 * first.slope


def test_reaction_times_of_correct_choices_and_errors():
    columns = table()
    ax = plot_chronometric(columns)
    correct, error = ax.lines
    assert correct.get_xdata() == pytest.approx(COHERENCES)
    known = ~np.isnan(columns["reaction_time"])
    for level, mean in zip(*correct.get_data(), strict=True):
        members = known & columns["correct"] & np.isclose(columns["coh"], level)
        assert mean == pytest.approx(columns["reaction_time"][members].mean())
    assert (error.get_ydata() > correct.get_ydata()[: len(error.get_ydata())]).all()
    assert correct.get_label() == f"correct (n = {(known & columns['correct']).sum()})"
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("Strength of evidence (coh)", "Mean reaction time (ms)")
    heights = [np.ptp(segment[:, 1]) for segment in ax.collections[0].get_segments()]
    members = known & columns["correct"] & (columns["coh"] == 0)
    times = columns["reaction_time"][members]
    assert heights[0] == pytest.approx(2 * 1.96 * times.std(ddof=1) / np.sqrt(len(times)))


def test_medians_of_reaction_times():
    ax = plot_chronometric(table(), median=True)
    assert ax.get_ylabel() == "Median reaction time (ms)"
    for line, bars in zip(ax.lines, ax.collections, strict=True):
        for middle, segment in zip(line.get_ydata(), bars.get_segments(), strict=True):
            assert segment[0, 1] <= middle <= segment[1, 1]


def test_the_interval_of_a_median_holds_it_in_95_percent():
    rng = np.random.default_rng(0)
    held = [low <= np.log(2) <= high for _, _, low, high in (_center(y, y, True) for y in rng.exponential(size=(1000, 60)))]
    assert 0.92 <= np.mean(held) <= 0.98


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: plot_psychometric_curves({}), UnknownNameError, "Unknown column 'coh'"),
        (lambda: plot_psychometric_curves(table(0)), ValueError, "The table has no trial"),
        (lambda: plot_psychometric_curves(table(20), "cohe"), UnknownNameError, "Unknown column 'cohe'. Did you mean 'coh'"),
        (lambda: plot_psychometric_curves(without(table(20), "choice")), UnknownNameError, "Unknown column 'choice'"),
        (lambda: plot_psychometric_curves({**table(50), "choice": np.arange(50)}), ValueError, "There must be two choices"),
        (lambda: plot_psychometric_curves(table(50), side="coh"), ValueError, "column 'coh' must have two values"),
        (lambda: plot_psychometric_curves(table(50), by="trial"), ValueError, "by has 50 different values; more than 10"),
        (
            lambda: plot_psychometric_curves(table(50), by=[1, 2]),
            ValueError,
            r"one value for each of the 50 .*\(2,\)",
        ),
        (
            lambda: plot_psychometric_curves({**table(50), "coh": np.ones(50), "ground_truth": np.ones(50)}, by="lane"),
            ValueError,
            r"lane = 0: A curve needs at least two values of evidence; there is \[1.0\]",
        ),
        (lambda: stages(table(5), 6), ValueError, "k=6 must be a number of stages from 1 to the 5 trials"),
        (lambda: plot_chronometric(without(table(9), "reaction_time")), UnknownNameError, "Unknown column 'reaction_time'"),
        (lambda: plot_chronometric(table(9, missed=1)), ValueError, "no reaction time in the 9 trials"),
        (
            lambda: plot_chronometric({**table(9), "coh": np.ones(9)}),
            ValueError,
            r"two strengths; there is \[1.0\]",
        ),
        (lambda: plot_chronometric(table(0)), ValueError, "The table has no trial"),
    ],
)
def test_what_cannot_be_drawn_is_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()

from __future__ import annotations

import numpy as np
import pytest

from ngym_core import UnknownNameError
from ngym_plot import fit_history, plot_confusion, plot_delay_dependence, plot_history_kernel
from ngym_plot.stats import wilson_interval

from .observers import table


def test_fit_history_recovers_the_weights_of_previous_choices():
    columns = table(20_000, after_correct=(0.8, 0.3), after_error=(-0.6,), slope=0.08)
    kernel = fit_history(columns, 4, strength="coh")
    for weights, truth, outcome in ((kernel.correct, [0.8, 0.3, 0, 0], "correct"), (kernel.error, [-0.6, 0, 0, 0], "error")):
        low, high = kernel.interval(outcome)
        assert np.abs(weights - truth).max() < 2 * np.max(high - low)
        assert weights == pytest.approx(truth, abs=0.25)
    assert kernel.correct == pytest.approx([0.8, 0.3, 0, 0], abs=0.12)
    assert kernel.evidence == pytest.approx(0.08, rel=0.1)
    assert kernel.bias == pytest.approx(0, abs=0.1)


def test_history_kernel_intervals_cover_the_truth_in_95_percent_of_observers():
    """100 observers with 4 weights each: the share that is held has a standard error of 1.1 %."""
    truth = np.array([0.5, 0.2, -0.3, 0.0])
    held = []
    for seed in range(100):
        kernel = fit_history(table(600, seed, after_correct=truth[:2], after_error=truth[2:], slope=0.05), 2, strength="coh")
        (a, b), (c, d) = kernel.interval("correct"), kernel.interval("error")
        held.append((np.r_[a, c] <= truth) & (truth <= np.r_[b, d]))
    assert 0.92 <= np.mean(held) <= 0.98


def test_fit_history_separates_lanes():
    columns = table(12_000, after_correct=(0.9,), lanes=3, slope=0.05)
    kernel = fit_history(columns, 3, strength="coh")
    assert kernel.correct == pytest.approx([0.9, 0, 0], abs=0.2)
    assert kernel.trials == (columns["choice"][9:] != 0).sum()  # the first three trials of each lane lack a history
    mixed = fit_history({name: values for name, values in columns.items() if name != "lane"}, 3, strength="coh")
    assert mixed.correct[2] > 0.6  # the trial before in the same lane stands three rows above


def test_fit_history_without_errors_has_no_weights_after_errors():
    columns = table(500, slope=50.0, missed=0)
    kept = columns["coh"] > 0
    kernel = fit_history({name: values[kept] for name, values in columns.items()}, 2)
    assert kernel.error.tolist() == [0, 0]
    assert np.isnan(kernel.interval("error")).all()
    assert np.isfinite(kernel.correct).all()


@pytest.mark.parametrize("name", ["correct", "coh"])
def test_fit_history_leaves_out_what_is_missing(name):
    columns = table(2000, after_correct=(0.8,), after_error=(-0.6,), slope=0.08, missed=0)
    last = {"correct": 999, "coh": 1999}[name]  # the last trial is fitted with its strength, but no trial is after it
    values = columns[name].astype(float)
    values[last] = np.nan
    found = fit_history({**columns, name: values}, 1, strength="coh")
    if name == "coh":
        assert found.trials == 1998
        expected = fit_history({key: column[:-1] for key, column in columns.items()}, 1, strength="coh")
    else:
        assert found.trials == 1999
        expected = fit_history(columns, 1, strength="coh")
        assert (found.correct, found.error) != (expected.correct, expected.error)
    for outcome in ("correct", "error"):
        assert getattr(found, outcome) == pytest.approx(getattr(expected, outcome), abs=0.05 if name == "correct" else 1e-6)


def test_plot_history_kernel_draws_the_weights():
    ax, kernel = plot_history_kernel(table(1000), 3, title="Habits")
    correct, error, zero = ax.lines
    assert np.array_equal(correct.get_ydata(), kernel.correct)
    assert np.array_equal(error.get_ydata(), kernel.error)
    assert set(zero.get_ydata()) == {0}
    assert ax.get_xticks().tolist() == [1, 2, 3]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("Trials ago", "Weight of a choice (log odds)")


def test_plot_confusion_draws_proportions_of_each_ground_truth():
    columns = {"gt": np.array([1, 1, 1, 1, 2, 2]), "choice": np.array([1, 1, 2, 0, 2, 2])}
    ax = plot_confusion(columns, names={0: "none", 1: "left", 2: "right"})
    assert ax.images[0].get_array().tolist() == [[0.25, 0.5, 0.25], [0, 0, 1]]
    assert [t.get_text() for t in ax.get_xticklabels()] == ["none", "left", "right"]
    assert [t.get_text() for t in ax.get_yticklabels()] == ["left (4)", "right (2)"]
    assert [t.get_text() for t in ax.texts] == ["0.25", "0.50", "0.25", "0.00", "0.00", "1.00"]


def test_plot_confusion_of_many_choices_has_no_numbers():
    gt = np.arange(1, 33).repeat(3)
    ax = plot_confusion({"gt": gt, "choice": gt})
    assert np.array_equal(ax.images[0].get_array(), np.eye(32))
    assert not ax.texts
    assert len(ax.get_xticks()) <= 12


def test_plot_delay_dependence_draws_proportions_correct():
    columns = table(1000)
    ax = plot_delay_dependence(columns, chance=0.5, title="Delays")
    line = ax.lines[0]
    assert line.get_xdata().tolist() == [0, 500, 1000]
    assert line.get_ydata() == pytest.approx([columns["correct"][columns["delay"] == d].mean() for d in (0, 500, 1000)])
    assert ax.get_xlabel() == "Delay (ms)"
    low, high = wilson_interval(line.get_ydata(), np.bincount((columns["delay"] / 500).astype(int)))
    ends = np.array([segment[:, 1] for segment in ax.collections[0].get_segments()])
    assert ends == pytest.approx(np.stack([low, high], axis=1))
    many = plot_delay_dependence(columns, np.random.default_rng(0).random(1000), by="block")
    assert [len(line.get_xdata()) for line in many.lines] == [8, 8]
    assert [text.get_text() for text in many.get_legend().get_texts()] == ["block = 0", "block = 1"]


def test_plot_delay_dependence_leaves_out_trials_whose_outcome_is_missing():
    ax = plot_delay_dependence({"correct": [0, 1, 0, np.nan, np.nan], "delay": [0, 0, 500, 500, 1000]})
    assert ax.lines[0].get_data()[0].tolist() == [0, 500]
    assert ax.lines[0].get_data()[1].tolist() == [0.5, 0]


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: fit_history(table(0)), ValueError, "The table has no trial"),
        (lambda: fit_history(table(10), 0), ValueError, "lags=0 must be an integer from 1"),
        (
            lambda: fit_history({**table(10), "lane": np.arange(10)}, 5),
            ValueError,
            "each lane of the table has one trial, so that none has a trial before it: .*`carry=.stream.`, or remove `lane`",
        ),
        (lambda: fit_history(table(10), 5), ValueError, "trials with 5 trials before them are too few for"),
        (lambda: fit_history({**table(90), "choice": np.arange(90)}), ValueError, "There must be two choices"),
        (lambda: fit_history({"choice": [1, 2]}), UnknownNameError, "Unknown column 'correct'"),
        (lambda: plot_confusion({"choice": [1, 2]}), UnknownNameError, "Unknown column 'gt'"),
        (lambda: plot_confusion({"gt": [], "choice": []}), ValueError, "The table has no trial"),
        (
            lambda: plot_confusion({"gt": [1], "choice": [[1, 2]]}),
            ValueError,
            "'choice' must hold one number",
        ),
        (lambda: plot_delay_dependence(table(9), "dely"), UnknownNameError, "Unknown column 'dely'. Did you mean 'delay'"),
        (lambda: plot_delay_dependence(table(9), np.ones(9)), ValueError, r"at least two delays; there is \[1.0\]"),
        (lambda: plot_delay_dependence(table(9), np.ones(8)), ValueError, r"'delay' has shape \(8,\); .* the 9 trials"),
        (lambda: plot_delay_dependence(table(0)), ValueError, "The table has no trial"),
    ],
)
def test_behaviour_figures_reject_invalid_tables(call, error, message):
    with pytest.raises(error, match=message):
        call()

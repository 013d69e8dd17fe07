from __future__ import annotations

import numpy as np
import pytest

from ngym_core import UnknownNameError
from ngym_plot import plot_chronometric

from .observers import COHERENCES, table


def test_chronometric_curve_has_mean_reaction_times_and_their_intervals():
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


def test_chronometric_curve_leaves_out_trials_whose_outcome_is_missing():
    columns = {"coh": [1, 2, 1, 2, 2], "reaction_time": [100, 200, 300, 400, 900], "correct": [1, 1, 0, 0, np.nan]}
    ax = plot_chronometric(columns)
    assert [line.get_ydata().tolist() for line in ax.lines] == [[100, 200], [300, 400]]


def test_chronometric_curve_of_medians_lies_in_its_intervals():
    ax = plot_chronometric(table(), median=True)
    assert ax.get_ylabel() == "Median reaction time (ms)"
    for line, bars in zip(ax.lines, ax.collections, strict=True):
        for middle, segment in zip(line.get_ydata(), bars.get_segments(), strict=True):
            assert segment[0, 1] <= middle <= segment[1, 1]


@pytest.mark.parametrize(
    ("columns", "error", "message"),
    [
        ({"coh": [1], "correct": [True]}, UnknownNameError, "Unknown column 'reaction_time'"),
        (table(9, missed=1), ValueError, "no reaction time in the 9 trials"),
        ({**table(9), "coh": np.ones(9)}, ValueError, r"two strengths; there is \[1.0\]"),
        (table(0), ValueError, "The table has no trial"),
    ],
)
def test_chronometric_curve_rejects_tables_without_a_curve(columns, error, message):
    with pytest.raises(error, match=message):
        plot_chronometric(columns)

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pytest

from ngym_plot import PsychometricFit, fit_psychometric, plot_psychometric

LEVELS = np.array([-51.2, -25.6, -12.8, -6.4, 0, 6.4, 12.8, 25.6, 51.2])


def observer(slope, bias, lapse, n=6000, scale=1.0, seed=0):
    rng = np.random.default_rng(seed)
    evidence = rng.choice(LEVELS * scale, n)
    p = PsychometricFit(slope / scale, bias * scale, lapse)(evidence)
    return evidence, (rng.random(n) < p).astype(float)


@pytest.mark.parametrize("scale", [0.001, 1, 50])
@pytest.mark.parametrize(("slope", "bias", "lapse"), [(0.1, 0, 0), (0.3, 4, 0.02), (0.15, -10, 0.1), (-0.2, 3, 0.05)])
def test_parameters_of_simulated_observers_are_recovered(slope, bias, lapse, scale):
    fit = fit_psychometric(*observer(slope, bias, lapse, scale=scale))
    assert fit.slope * scale == pytest.approx(slope, rel=0.25)
    assert fit.bias / scale == pytest.approx(bias, abs=1.5)
    assert fit.lapse == pytest.approx(lapse, abs=0.02)


def test_trials_without_a_response_are_left_out():
    evidence, choice = observer(0.2, 0, 0)
    missed = np.where(np.arange(len(choice)) % 3 == 0, np.nan, choice)
    fit = fit_psychometric(evidence, missed)
    assert fit == fit_psychometric(evidence[~np.isnan(missed)], choice[~np.isnan(missed)])


def test_points_and_curve_are_drawn():
    evidence, choice = observer(0.2, 0, 0)
    figure, ax = plt.subplots()
    drawn, _ = plot_psychometric(evidence, choice, ax, title="A title", legend="agent")
    assert drawn is ax
    points, line = ax.lines[0], ax.lines[1]
    assert points.get_xdata().tolist() == LEVELS.tolist()
    assert points.get_ydata() == pytest.approx([choice[evidence == level].mean() for level in LEVELS])
    assert line.get_xdata()[[0, -1]].tolist() == [-51.2, 51.2]
    assert (ax.get_xlabel(), ax.get_ylabel(), ax.get_title(loc="left")) == ("Signed evidence", "P(choice)", "A title")
    assert ax.get_legend() is not None
    plt.close(figure)
    new, _ = plot_psychometric(evidence, choice)
    plt.close(new.figure)


@pytest.mark.parametrize(
    ("evidence", "choice", "message"),
    [
        ([1, 2], [1], r"evidence \(2,\) and choice \(1,\) must be two arrays of shape \(n,\)"),
        ([1, 2, 3], [np.nan, np.nan, 1], "at least two responses; there are 1 in 3 trials"),
        ([2, 2, 2], [0, 1, 1], r"at least two values of evidence; there is \[2.0\]"),
        ([1, np.nan], [0, 1], "evidence must be finite"),
        ([1, 2], [0, 2], "choice 0, 1 or NaN"),
    ],
)
def test_what_cannot_be_fitted_is_refused(evidence, choice, message):
    with pytest.raises(ValueError, match=message):
        plot_psychometric(evidence, choice)

from __future__ import annotations

from contextlib import nullcontext

import matplotlib.pyplot as plt
import numpy as np
import pytest

from ngym_core import UnknownNameError
from ngym_plot import plot_activity, plot_population_state, plot_unit_traces

from .inspection import period_names
from .observers import recording


def test_plot_activity_sorts_units_by_their_peak_and_scales_them():
    record = recording(jitter=False)
    record.activity = record.activity[:, :, ::-1]
    ax = plot_activity(record, title="All")
    image = np.asarray(ax.images[0].get_array())
    assert image.shape == (12, 13)
    assert (np.diff(np.argmax(image, axis=1)) >= 0).all()
    assert image.min(axis=1) == pytest.approx(np.zeros(12))
    assert image.max(axis=1) == pytest.approx(np.ones(12))
    assert period_names(ax) == ["fixation", "stimulus", "decision"]
    assert (ax.get_xlim(), ax.get_xlabel()) == ((0, 260), "Time (ms)")
    plain = plot_activity(record, scaled=False, only=record.conditions["ground_truth"] == 0).images[0].get_array()
    assert plain.max() == pytest.approx(1)


def test_plot_activity_scales_and_sorts_units_whose_activity_is_missing_at_some_step():
    record = recording(jitter=False)
    expected = np.asarray(plot_activity(record).images[0].get_array())
    record.activity[:, 0] = np.nan
    found = np.asarray(plot_activity(record).images[0].get_array())
    assert np.isnan(found[:, 0]).all()
    assert np.nanmax(found, axis=1) == pytest.approx(np.ones(12))
    assert (np.diff(np.nanargmax(found[1:], axis=1)) >= 0).all()
    assert found.shape == expected.shape


def test_activity_figures_of_one_trial():
    record = recording()
    for i in (0, 5, -1):
        length = record.mask[i].sum()
        ax = plot_activity(record, trial=i, scaled=False, time="steps")
        image = ax.images[0].get_array()
        assert image.shape == (12, length)
        assert np.array_equal(np.sort(image, axis=0), np.sort(record.activity[i, :length].T, axis=0))
        assert ax.get_xlim() == (0.5, length + 0.5)
    ax = plot_unit_traces(record, 3, trial=2)
    assert ax.lines[0].get_ydata() == pytest.approx(record.activity[2, : record.mask[2].sum(), 3])
    assert ax.get_title(loc="left") == "Trial 2"
    assert ax.get_legend() is None


def test_plot_unit_traces_averages_the_trials_that_have_a_step():
    record = recording()
    ax = plot_unit_traces(record, 4, "ground_truth")
    side = record.conditions["ground_truth"]
    for value, line in enumerate(ax.lines[:2]):
        for t, mean in enumerate(line.get_ydata()):
            members = (side == value) & record.mask[:, t]
            assert mean == pytest.approx(record.activity[members, t, 4].mean())
        assert line.get_label() == f"ground_truth = {value} (n = {(side == value).sum()})"
    kept = len(ax.lines[0].get_ydata())
    assert record.mask.mean(axis=0)[kept - 1] >= 0.5
    assert kept == 13 or record.mask.mean(axis=0)[kept] < 0.5
    assert len(ax.collections) == 2


def test_plot_unit_traces_band_is_196_standard_errors():
    rng = np.random.default_rng(1)
    record = recording(jitter=False)
    record.activity = rng.normal(size=record.activity.shape)
    band = plot_unit_traces(record, 0).collections[0].get_paths()[0].vertices[:, 1]
    values = record.activity[:, :, 0]
    assert band.max() == pytest.approx((values.mean(axis=0) + 1.96 * values.std(axis=0, ddof=1) / np.sqrt(40)).max())


def test_plot_unit_traces_aligned_on_a_period():
    record = recording()
    ax = plot_unit_traces(record, 4, "ground_truth", align="decision", time="steps")
    line = ax.lines[1]
    since = (line.get_xdata() - 1).astype(int)  # the first step of the decision is 1
    members = record.conditions["ground_truth"] == 1
    for steps, mean in zip(record.start["decision"] + since[:, None], line.get_ydata(), strict=True):
        inside = members & (steps >= 0) & (steps < record.end["decision"])
        assert mean == pytest.approx(record.activity[inside, steps[inside], 4].mean())
    ax = plot_unit_traces(record, 4, align="decision")
    edges = sorted({round(patch.get_x(), 6) for patch in ax.patches})
    assert 0.0 in edges
    assert ax.get_xlim()[1] == 40


def without_stimulus(record, members):
    """Take the stimulus from some trials: the period has no step there."""
    record.end["stimulus"] = np.where(members, record.start["stimulus"], record.end["stimulus"])
    return record


@pytest.mark.parametrize("how", ["no step", "ended before"])
def test_activity_aligned_on_a_period_leaves_out_trials_without_it(how):
    record, without = recording(), np.arange(40) % 4 == 0
    if how == "no step":
        without_stimulus(record, without)
    else:
        record.mask[without, 3:] = False
    rest = recording()
    rest.activity, rest.mask = rest.activity[~without], rest.mask[~without]
    for part in (rest.start, rest.end, rest.conditions):
        part.update({name: values[~without] for name, values in part.items()})
    lines = []
    for one in (record, rest):
        context = pytest.warns(UserWarning, match="10 of 40 trials do not have the period 'stimulus' and are left out")
        with context if one is record else nullcontext():
            lines.append(plot_unit_traces(one, 4, "ground_truth", align="stimulus").lines)
    for line, expected in zip(*lines, strict=True):
        assert np.array_equal(line.get_ydata(), expected.get_ydata(), equal_nan=True)
        assert line.get_label() == expected.get_label()


def test_activity_figures_leave_out_groups_without_the_period_of_align():
    record = without_stimulus(recording(), recording().conditions["ground_truth"] == 0)
    with pytest.warns(UserWarning, match="do not have the period 'stimulus'"):
        assert list(plot_population_state(record, "ground_truth", align="stimulus")[1]) == ["ground_truth = 1"]
    with pytest.warns(UserWarning, match="do not have the period 'stimulus'") as caught:
        plot_activity(record, align="stimulus")
    assert caught[0].filename == __file__
    without = int(np.argmin(record.conditions["ground_truth"]))
    with pytest.raises(ValueError, match="align='stimulus': none of the 1 trials has this period"):
        plot_activity(record, trial=without, align="stimulus")


def test_plot_population_state_has_the_variance_of_the_principal_components():
    record = recording()
    ax, paths = plot_population_state(record, "ground_truth", title="State")
    assert list(paths) == ["ground_truth = 0", "ground_truth = 1"]
    means = []
    for value in (0, 1):
        members = record.conditions["ground_truth"] == value
        known = record.mask[members][:, : len(paths["ground_truth = 0"]), None]
        shown = record.activity[members][:, : known.shape[1]]
        means.append((shown * known).sum(axis=0) / known.sum(axis=0))
    points = np.concatenate(means)
    covariance = np.cov(points.T)
    values = np.linalg.eigvalsh(covariance)[::-1]
    found = np.concatenate(list(paths.values()))
    assert found.var(axis=0, ddof=1) == pytest.approx(values[:2])
    assert ax.get_xlabel() == f"PC 1 ({values[0] / values.sum():.0%} of variance)"
    assert [text.get_text() for text in ax.texts[:3]] == ["1", "2", "3"]
    assert ax.texts[-1].get_text() == "1 fixation\n2 stimulus\n3 decision"


def test_plot_population_state_has_room_for_long_labels():
    record = recording()
    record.conditions["a_condition_with_a_long_name"] = np.where(
        np.arange(40) % 2, "a long value of the condition", "another"
    )
    ax, _ = plot_population_state(record, "a_condition_with_a_long_name")
    ax.figure.canvas.draw()
    box = ax.get_tightbbox(ax.figure.canvas.get_renderer())
    assert (box.x0 >= 0, box.x1 <= ax.figure.bbox.x1) == (True, True)


def numbers_of(ax, paths):
    """Return number -> step of its place on each trajectory."""
    marks = [(text.get_text(), text.get_position()) for text in ax.texts if text.get_text().isdigit()]
    return {
        label: {
            n: int(np.nonzero((path == place).all(axis=1))[0][0]) for n, place in marks if (path == place).all(axis=1).any()
        }
        for label, path in paths.items()
    }


def test_plot_population_state_numbers_periods_where_they_begin_in_each_group():
    record = recording()
    record.activity = record.activity + np.random.default_rng(0).normal(size=(13, 12)) / 100  # no two steps at one place
    long = record.end["stimulus"] == 11
    record.conditions["task"] = np.where(long, "long", "short")
    ax, paths = plot_population_state(record, "task")
    assert numbers_of(ax, paths) == {"task = long": {"1": 0, "2": 3, "3": 11}, "task = short": {"1": 0, "2": 3, "3": 7}}


def test_plot_population_state_numbers_no_period_that_a_group_lacks():
    record = recording()
    record.activity = record.activity + np.random.default_rng(0).normal(size=(13, 12)) / 100
    record = without_stimulus(record, record.conditions["ground_truth"] == 0)
    ax, paths = plot_population_state(record, "ground_truth")
    found = numbers_of(ax, paths)
    assert [list(steps) for steps in found.values()] == [["1", "3"], ["1", "2", "3"]]
    assert ax.texts[-1].get_text() == "1 fixation\n2 stimulus\n3 decision"


def test_activity_figures_group_trials_that_lack_a_condition():
    record = recording()
    record.conditions["anti"] = np.where(np.arange(40) % 2, np.arange(40) // 20, np.nan)
    assert list(plot_population_state(record, "anti")[1]) == ["anti = 0.0", "anti = 1.0", "anti missing"]
    labels = [line.get_label() for line in plot_unit_traces(record, 0, "anti").lines]
    assert labels == ["anti = 0.0 (n = 10)", "anti = 1.0 (n = 10)", "anti missing (n = 20)"]


@pytest.mark.parametrize("trial", [-1, -40, np.int64(-2)])
def test_plots_of_a_trial_counted_from_the_end_are_those_of_its_number(trial):
    record = recording()
    (ax, one), (other, same) = (plot_population_state(record, trial=t) for t in (trial, trial % 40))
    assert list(one) == list(same) == [f"trial {trial % 40}"]
    assert np.array_equal(one[f"trial {trial % 40}"], same[f"trial {trial % 40}"], equal_nan=True)
    assert [text.get_text() for text in ax.texts] == [text.get_text() for text in other.texts]
    assert plot_unit_traces(record, 0, trial=trial).get_title(loc="left") == f"Trial {trial % 40}"


def test_plot_population_state_of_a_single_trial_has_the_same_space():
    record = recording(jitter=False)
    _, means = plot_population_state(record, "ground_truth")
    _, one = plot_population_state(record, "ground_truth", trial=0)
    assert list(one) == ["trial 0"]
    side = record.conditions["ground_truth"][0]
    assert np.abs(one["trial 0"]) == pytest.approx(np.abs(means[f"ground_truth = {side}"]))
    _, later = plot_population_state(record, components=(2, 3))
    assert later[""].shape == (13, 2)


def test_activity_figures_give_each_condition_its_colour():
    record = recording(n=200)
    for levels in (3, 9):
        record.conditions["level"] = np.arange(200) % levels - 0.0
        ax, _ = plot_population_state(record, "level")
        assert len({line.get_color() for line in ax.lines}) == levels
        assert len({line.get_color() for line in plot_unit_traces(record, 0, "level").lines}) == levels


def test_activity_figures_draw_into_given_axes():
    figure, (first, second, third) = plt.subplots(1, 3)
    assert plot_activity(recording(), ax=first) is first
    assert plot_unit_traces(recording(), 0, ax=second) is second
    assert plot_population_state(recording(), ax=third)[0] is third
    assert len(figure.axes) == 4  # and a colour bar


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: plot_activity({"activity": 1}), TypeError, "dict is not a recording: it has no activity, mask, start, end"),
        (lambda: plot_activity(recording(activity=np.zeros((4, 5)))), ValueError, r"at least one of each, .*\(4, 5\)"),
        (lambda: plot_activity(recording(activity=np.zeros((0, 13, 2)))), ValueError, r"not of shape \(0, 13, 2\)"),
        (lambda: plot_activity(recording(mask=np.ones((4, 5), bool))), ValueError, r"mask must be of shape \(40, 13\)"),
        (
            lambda: plot_activity(recording(mask=np.zeros((40, 13), bool))),
            ValueError,
            "at least one step of each trial",
        ),
        (lambda: plot_activity(recording(start={"a": np.zeros(3)})), ValueError, r"start\['a'\] must have .* the 40 trials"),
        (lambda: plot_activity(recording(), align="delay"), UnknownNameError, "Unknown period 'delay'. Valid: 'decision'"),
        (lambda: plot_activity(recording(), time="s"), ValueError, "time='s' must be one of 'steps', 'ms'"),
        (lambda: plot_activity(recording(), trial=40), IndexError, "trial=40 is not one of the 40 trials, from 0 to 39"),
        (
            lambda: plot_activity(recording(), only=np.zeros(40, bool)),
            ValueError,
            "only must be a bool for each .* 0 nonzero",
        ),
        (lambda: plot_unit_traces(recording(), 12), IndexError, "unit=12 must be one of the 12 units, from 0 to 11"),
        (lambda: plot_unit_traces(recording(), 0, "cho"), UnknownNameError, "Unknown condition 'cho'. Did you mean 'coh'"),
        (
            lambda: plot_unit_traces(recording(), 0, "coh"),
            ValueError,
            "by has 40 different values; .* most 10",
        ),
        (lambda: plot_population_state(recording(), components=(1, 13)), ValueError, "two numbers from 1 to 12"),
        (lambda: plot_population_state(recording(units=1)), ValueError, "two numbers from 1 to 1"),
        (
            lambda: plot_population_state(recording(activity=np.ones((40, 13, 3)))),
            ValueError,
            "The activity is the same at all steps",
        ),
    ],
)
def test_activity_figures_reject_invalid_recordings_and_arguments(call, error, message):
    with pytest.raises(error, match=message):
        call()


@pytest.mark.parametrize(("first", "period"), [(4, "stimulus"), (6, "fixation"), (9, "fixation")])
def test_activity_is_aligned_to_periods_that_began_before_the_steps_that_were_recorded(first, period):
    whole = recording(jitter=False)
    edges = [{name: values - first for name, values in side.items()} for side in (whole.start, whole.end)]
    part = recording(activity=whole.activity[:, first:], mask=whole.mask[:, first:], start=edges[0], end=edges[1])
    known, found = (plot_unit_traces(one, 4, align=period).lines[0].get_xydata() for one in (whole, part))
    assert np.allclose(found, known[-len(found) :])
    assert len(found) == whole.mask.shape[1] - first

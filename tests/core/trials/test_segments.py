from __future__ import annotations

from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ngym_core as ngym
from ngym_core.trials import observations
from ngym_core.trials._segments import Segments

N = 40
PERIODS = ["one", "two", "three", "four"]
NAMES = {"fixation": 0, "left": range(1, 11), "right": range(11, 21)}


class Painted(ngym.TrialEnv):
    """Paints what a test says, step by step or not."""

    default_timing = {"one": 200, "two": ("uniform", (100, 500)), "three": (0, 300), "four": 400}
    strokes = ()

    def __init__(self, strokes=(), **kwargs):
        super().__init__(**kwargs)
        self.strokes = strokes
        self.observation_space = ngym.spaces.Box(-np.inf, np.inf, NAMES, shape=(21,))
        self.action_space = ngym.spaces.Discrete(4)

    def _new_trials(self, trials):
        number = trials.draws.random("number", trials.n)
        trials.add_period(PERIODS)
        for how, period, where in self.strokes:
            if period == "some":  # not in the same order as the periods in all trials
                first = np.minimum(trials.lengths - 1, (number * 8).astype(int))
                period = (first, first + 1)
            if how == "truth":
                trials.set_groundtruth((number * 4).astype(int), period)
            elif how == "move":
                trials.move_ob("left", "right", period, only=number > 0.5)
            elif how == "noise":
                trials.add_randn(0, 1, period, where=where)
            else:
                width = 1 if where == "fixation" else 10
                getattr(trials, f"{how}_ob")(np.outer(number + 1, np.arange(1, width + 1)), period, where=where)


spans = st.one_of(st.sampled_from([*PERIODS, "some", None]), st.lists(st.sampled_from(PERIODS), min_size=1, max_size=3))
hows = st.sampled_from(["add", "set", "multiply", "truth", "move", "noise"])
strokes = st.lists(st.tuples(hows, spans, st.sampled_from(list(NAMES))), max_size=6)


def dense(task, n, seed):
    """Trials that are stored densely from the start."""
    with patch.object(observations, "MIN_TRIALS_TO_ENCODE", n + 1):
        return task.sample_trials(n, seed=seed)


@given(strokes=strokes, seed=st.integers(0, 50), three=st.sampled_from([300, 3000]))
@settings(max_examples=100, deadline=None)
def test_encoded_trials_equal_dense_ones(strokes, seed, three):
    strokes = [(how, "one" if how == "noise" and period == "some" else period, where) for how, period, where in strokes]
    task = Painted(strokes, timing={"three": (0, three)})
    one, two = task.sample_trials(N, seed=seed), dense(task, N, seed)
    for name in ("ob", "gt"):
        values, index = one.flat_steps(name)
        steps = values if index is None else values[index]
        assert np.array_equal(steps, getattr(two, name)[two.mask])
    assert np.array_equal(one.ob, two.ob)
    assert np.array_equal(one.gt, two.gt)
    assert one.ob.dtype == two.ob.dtype


def test_flat_steps_share_the_values_of_a_segment():
    trials = Painted([("add", "two", "left"), ("truth", "four", "fixation")]).sample_trials(N, seed=0)
    (values, index), (truths, same) = trials.flat_steps("ob"), trials.flat_steps("gt")
    assert len(values) == len(truths) == 4 * N
    assert len(index) == trials.lengths.sum() > 2 * len(values)
    assert same is index


NOISE = [("add", "four", "left"), ("noise", "four", "left"), ("noise", "four", "right"), ("set", "three", "fixation")]


def test_noise_in_a_short_period_has_a_segment_for_each_step():
    task = Painted(NOISE, timing={"three": (0, 3000)})
    values, index = task.sample_trials(N, seed=0).flat_steps("ob")
    assert len(values) == (3 + 4) * N
    assert np.std(values.reshape(N, 7, -1)[:, 3:, 11:]) == pytest.approx(1, abs=0.1)
    trials = dense(task, N, 0)
    assert np.array_equal(values[index], trials.ob[trials.mask])


@pytest.mark.parametrize("timing", [{"three": (0, 3000)}, {"four": 2000}])
def test_noise_in_periods_of_different_lengths_is_that_of_dense_trials(timing):
    task = Painted([("noise", "two", "left"), ("add", "two", "right"), ("noise", "two", "right")], timing=timing)
    trials, expected = task.sample_trials(N, seed=0), dense(task, N, 0)
    values, index = trials.flat_steps("ob")
    assert len(values) == (3 + 4) * N
    assert np.array_equal(values[index], expected.ob[expected.mask])


def test_noise_in_long_periods_is_stored_densely():
    trials = Painted([("noise", ["three", "four"], "left")], timing={"three": (0, 3000)}).sample_trials(N, seed=0)
    assert len(trials.flat_steps("ob")[0]) >= trials.lengths.sum()


def test_sampling_changes_nothing_on_the_task():
    task = Painted([("add", "one", "left"), ("noise", "two", "left")])
    before = {name: value for name, value in vars(task).items() if name not in ("_draws", "_single")}
    task.sample_trials(N, seed=1)
    after = {name: value for name, value in vars(task).items() if name not in ("_draws", "_single")}
    assert before == after
    quick = Painted([("add", "one", "left")], timing=dict.fromkeys(PERIODS, 100))
    quick.sample_trials(N, seed=1)
    quick.timing.update(dict.fromkeys(PERIODS, 2000))
    assert len(quick.sample_trials(N, seed=1).flat_steps("ob")[0]) == 4 * N


def test_reading_ob_does_not_change_later_trials():
    task = Painted([("add", "one", "left")])
    assert task.sample_trials(N, seed=1).ob.any()
    assert len(task.sample_trials(N, seed=1).flat_steps("ob")[0]) == 4 * N


def test_trials_of_short_segments_are_stored_densely():
    task = Painted([("add", "one", "left")], timing=dict.fromkeys(PERIODS, 100))
    values, index = task.sample_trials(N, seed=0).flat_steps("ob")
    assert index is None
    assert len(values) == 4 * N


def test_few_trials_are_stored_densely():
    trials = Painted([("add", "one", "left")]).sample_trials(observations.MIN_TRIALS_TO_ENCODE - 1, seed=0)
    assert len(trials.flat_steps("ob")[0]) > 4 * trials.n


@pytest.mark.parametrize("n", [observations.MIN_TRIALS_TO_ENCODE - 1, N])
@pytest.mark.parametrize("value", [np.ones(3), np.ones((N, 4))])
def test_a_value_of_another_shape_is_refused_in_the_same_words(n, value):
    trials = ngym.Trials(Painted(), n, ngym.Draws(0))
    trials.add_period(PERIODS)
    said = rf"A value of shape .* cannot be painted on {n} trials and channels of shape \(10,\)"
    with pytest.raises(ValueError, match=said):
        trials.add_ob(value, "two", where="left")


def test_split_into_steps_splits_other_tables_too():
    segments = Segments(3, 4)
    for name in ("ob", "gt"):
        segments.create(name, (), float)
        segments.paint(name, [1, 2, 3], (0, 1), slice(None), how="assign")
    assert segments.split_into_steps((0, 4), max_segments=4)
    table, (first, stop) = segments.steps_of("ob", (0, 4))
    assert (first, int(stop)) == (0, 4)
    table[:, 2] += 1
    segments.paint("gt", 7, (1, 2), slice(None), how="assign")
    assert segments.decode("ob").tolist() == [[1, 1, 2, 1], [2, 2, 3, 2], [3, 3, 4, 3]]
    assert segments.decode("gt").tolist() == [[1, 7, 1, 1], [2, 7, 2, 2], [3, 7, 3, 3]]


def test_split_into_steps_refuses_too_many_segments():
    segments = Segments(3, 4)
    segments.create("ob", (), float)
    assert not segments.split_into_steps((0, 4), max_segments=3)
    assert segments.number == 1


@pytest.mark.parametrize("how", ["add", "assign"])
def test_paint_copies_the_value(how):
    segments, value = Segments(3, 4), np.array([1.0, 2, 3])
    segments.create("ob", (), float)
    segments.paint("ob", value, (0, 1), slice(None), how=how)
    value[:] = 0
    assert segments.values("ob").tolist() == [1, 2, 3]


def test_between_cuts_a_segment_where_a_span_begins():
    total, first = np.array([5, 7]), np.array([2, 3])
    segments = Segments(2, total)
    segments.create("ob", (1,), float)
    segments.paint("ob", 1, (0, 1), slice(None), how="assign")
    assert segments.between((first, first + 1)) == (1, 2)
    assert segments.between((0, first)) == (0, 1)
    assert segments.between((first, total)) == (1, 3)
    assert [column.shape for column in segments._tables["ob"]] == [(1, 1)] * 3
    segments.paint("ob", 2, (1, 2), slice(None), how="assign")
    assert segments.index.tolist() == [0, 0, 1, 2, 2, 3, 3, 3, 4, 5, 5, 5]
    segments.paint("ob", [[3], [4]], (2, 3), slice(None), how="assign")
    assert [len(column) for column in segments._tables["ob"]] == [1, 1, 2]
    assert segments.between((total - 1, total)) == (3, 4)
    segments.paint("ob", 1, (3, 4), slice(None), how="add")
    assert segments.decode("ob")[..., 0].tolist() == [[1, 1, 2, 3, 4, 0, 0], [1, 1, 1, 2, 4, 4, 5]]
    assert "ob" not in segments


def test_between_is_none_where_edges_cross():
    segments = Segments(2, 9, [(0, np.array([2, 6]))])
    assert segments.between((np.array([4, 4]), 9)) is None
    assert segments.between((3, 3)) is None
    assert segments.between((np.array([1, 1]), np.array([2, 2]))) == (1, 2)

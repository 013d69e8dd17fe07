from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ngym_core as ngym
from ngym_core.sampling import sample_trials
from ngym_core.trials import observations
from ngym_core.trials._segments import Stretches

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


@given(strokes=strokes, seed=st.integers(0, 50), three=st.sampled_from([300, 3000]))
@settings(max_examples=100, deadline=None)
def test_stretches_show_what_is_painted_step_by_step(strokes, seed, three):
    strokes = [(how, "one" if how == "noise" and period == "some" else period, where) for how, period, where in strokes]
    short, long = (Painted(strokes, timing={"three": (0, three)}) for _ in range(2))
    long._in_steps = True
    one, two = short.sample_trials(N, seed=seed), long.sample_trials(N, seed=seed)
    for name in ("ob", "gt"):
        values, which = one.end_to_end(name)
        steps = values if which is None else values[which]
        assert np.array_equal(steps, getattr(two, name)[two.mask])
    assert np.array_equal(one.ob, two.ob)
    assert np.array_equal(one.gt, two.gt)
    assert one.ob.dtype == two.ob.dtype


def test_a_few_stretches_stand_for_many_steps():
    trials = Painted([("add", "two", "left"), ("truth", "four", "fixation")]).sample_trials(N, seed=0)
    (values, which), (truths, same) = trials.end_to_end("ob"), trials.end_to_end("gt")
    assert len(values) == len(truths) == 4 * N
    assert len(which) == trials.lengths.sum() > 2 * len(values)
    assert same is which


NOISE = [("add", "four", "left"), ("noise", "four", "left"), ("noise", "four", "right"), ("set", "three", "fixation")]


def test_noise_in_a_short_period_is_kept_as_a_few_single_steps():
    task = Painted(NOISE, timing={"three": (0, 3000)})
    trials = task.sample_trials(N, seed=0)
    values, which = trials.end_to_end("ob")
    assert len(values) == (3 + 4) * N
    assert not task._in_steps
    assert np.std(values.reshape(N, 7, -1)[:, 3:, 11:]) == pytest.approx(1, abs=0.1)
    task._in_steps = True
    assert np.array_equal(values[which], task.sample_trials(N, seed=0).end_to_end("ob")[0][which_of(trials)])


def test_what_was_cut_into_steps_is_painted_step_by_step():
    stretches = Stretches(3, 4)
    for name in ("ob", "gt"):
        stretches.begin(name, (), float)
        stretches.paint(name, [1, 2, 3], (0, 1), slice(None), how="assign")
    frayed = stretches.fray("ob", (0, 4), (0, 1), most=4)
    frayed[:, 2] += 1
    stretches.paint("gt", 7, (1, 2), slice(None), how="assign")
    assert stretches.unfold("ob").tolist() == [[1, 1, 2, 1], [2, 2, 3, 2], [3, 3, 4, 3]]
    assert stretches.unfold("gt").tolist() == [[1, 7, 1, 1], [2, 7, 2, 2], [3, 7, 3, 3]]


@pytest.mark.parametrize("how", ["add", "assign"])
def test_what_was_painted_is_not_that_of_the_caller(how):
    stretches, value = Stretches(3, 4), np.array([1.0, 2, 3])
    stretches.begin("ob", (), float)
    stretches.paint("ob", value, (0, 1), slice(None), how=how)
    value[:] = 0
    assert stretches["ob"][0].tolist() == [1, 2, 3]


def which_of(trials):
    """The places of all steps among those of trials of the greatest length."""
    return np.nonzero(trials.mask.ravel())[0]


@pytest.mark.parametrize("period", ["two", "three", ["three", "four"]])
def test_noise_in_periods_of_different_lengths_is_painted_step_by_step(period):
    task = Painted([("noise", period, "left")], timing={"three": (0, 3000)})
    task.sample_trials(N, seed=0)
    assert task._in_steps


@pytest.mark.parametrize("strokes", [[("add", "one", "left"), ("noise", "one", "left")], [("add", "one", "left")] * 2])
def test_a_task_that_paints_step_by_step_is_not_kept_in_stretches_again(strokes):
    task = Painted(strokes)
    first, again = task.sample_trials(N, seed=1), task.sample_trials(N, seed=1)
    assert task._in_steps == any(how == "noise" for how, *_ in strokes)
    assert np.array_equal(first.ob, again.ob)


def test_looking_at_trials_does_not_make_their_task_paint_step_by_step():
    task = Painted([("add", "one", "left")])
    assert task.sample_trials(N, seed=1).ob.any()
    assert not task._in_steps
    assert len(task.sample_trials(N, seed=1).end_to_end("ob")[0]) == 4 * N


def test_stretches_of_few_steps_are_not_worth_it():
    task = Painted([("add", "one", "left")], timing=dict.fromkeys(PERIODS, 200))
    values, which = sample_trials(task, N, 0, None, {}).end_to_end("ob")
    assert task._in_steps
    assert which is None
    assert len(values) == 8 * N


def test_few_trials_are_painted_step_by_step():
    trials = Painted([("add", "one", "left")]).sample_trials(observations.FEW - 1, seed=0)
    assert len(trials.end_to_end("ob")[0]) > 4 * trials.n


@pytest.mark.parametrize("n", [observations.FEW - 1, N])
@pytest.mark.parametrize("value", [np.ones(3), np.ones((N, 4))])
def test_a_value_of_another_shape_is_refused_in_the_same_words(n, value):
    trials = ngym.Trials(Painted(), n, ngym.Draws(0))
    trials.add_period(PERIODS)
    said = rf"A value of shape .* cannot be painted on {n} trials and channels of shape \(10,\)"
    with pytest.raises(ValueError, match=said):
        trials.add_ob(value, "two", where="left")


def test_a_stretch_is_cut_where_a_period_begins():
    total, first = np.array([5, 7]), np.array([2, 3])
    stretches = Stretches(2, total)
    stretches.begin("ob", (1,), float)
    stretches.paint("ob", 1, (0, 1), slice(None), how="assign")
    assert stretches.between((first, first + 1)) == (1, 2)
    assert stretches.between((0, first)) == (0, 1)
    assert stretches.between((first, total)) == (1, 3)
    assert [column.shape for column in stretches["ob"]] == [(1, 1)] * 3
    stretches.paint("ob", 2, (1, 2), slice(None), how="assign")
    assert stretches.which.tolist() == [0, 0, 1, 2, 2, 3, 3, 3, 4, 5, 5, 5]
    stretches.paint("ob", [[3], [4]], (2, 3), slice(None), how="assign")
    assert [len(column) for column in stretches["ob"]] == [1, 1, 2]
    assert stretches.between((total - 1, total)) == (3, 4)
    stretches.paint("ob", 1, (3, 4), slice(None), how="add")
    assert stretches.unfold("ob")[..., 0].tolist() == [[1, 1, 2, 3, 4, 0, 0], [1, 1, 1, 2, 4, 4, 5]]
    assert "ob" not in stretches


def test_a_span_whose_edges_lie_elsewhere_in_each_trial_has_no_stretches():
    stretches = Stretches(2, 9, [(0, np.array([2, 6]))])
    assert stretches.between((np.array([4, 4]), 9)) is None
    assert stretches.between((3, 3)) is None
    assert stretches.between((np.array([1, 1]), np.array([2, 2]))) == (1, 2)

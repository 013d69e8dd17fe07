from __future__ import annotations

from unittest.mock import patch

import gymnasium as gym
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ngym_core as ngym
from ngym_core.trials import Trials, observations

from ..toy import Toy, equal_trials, ragged_trials

N = 40

PERIODS = ["one", "two", "three", "four"]

NAMES = {"fixation": 0, "left": range(1, 11), "right": range(11, 21)}


def test_add_ob_takes_values_of_every_shape():
    trials = equal_trials()
    trials.add_ob(2)
    trials.add_ob([1, 2, 3, 4], "stimulus", where="fixation")
    trials.add_ob(np.arange(8).reshape(4, 2), "stimulus", where="stimulus")
    trials.add_ob([[10, 20]], "fixation", where="stimulus")
    trials.set_ob(np.full((4, 3, 2), 7), "stimulus", where=[0, 2])
    assert trials.ob.shape == (4, 5, 3)
    assert trials.ob.dtype == np.float32
    assert (trials.ob[:, :2] == [2, 12, 22]).all()
    assert (trials.ob[:, 2:, 0] == 7).all()
    assert (trials.ob[:, 2:, 2] == 7).all()
    assert (trials.ob[:, 2:, 1] == 2 + np.array([0, 2, 4, 6])[:, None]).all()


def test_add_ob_paints_trials_of_different_length():
    trials = ragged_trials()
    trials.add_ob([1, 2, 3, 4], where="fixation")
    trials.add_ob(np.arange(8).reshape(4, 2) + 1, ["delay"], where="stimulus")
    trials.set_ob(9, "decision", where=[0, 2])
    for i, trial in enumerate(trials):
        delay, decision = slice(trial.start["delay"], trial.end["delay"]), slice(trial.start["decision"], None)
        assert (trial.ob[: trial.start["decision"], 0] == i + 1).all()
        assert (trial.ob[delay, 1:] == [2 * i + 1, 2 * i + 2]).all()
        assert (trial.ob[decision] == [9, 0, 9]).all()
    assert (trials.ob[~trials.mask] == 0).all()


@pytest.mark.parametrize(
    ("paint", "error", "message"),
    [
        (
            lambda t: t.add_ob(np.ones(3)),
            ValueError,
            r"shape \(3,\) cannot be painted on 4 trials and channels of shape \(3,\)",
        ),
        (
            lambda t: t.add_ob(np.ones((4, 3)), "stimulus", where="stimulus"),
            ValueError,
            r"\(4, 3\) cannot be painted .* \(2,\)",
        ),
        (lambda t: t.add_ob(np.ones((4, 2, 3)), "stimulus"), ValueError, "painted on 4 trials of 3 steps"),
        (lambda t: t.add_ob(1, "stimulos"), KeyError, "Unknown period 'stimulos'. Did you mean 'stimulus'"),
        (lambda t: t.add_ob(1, where="stim"), KeyError, "Unknown channel 'stim'. Did you mean 'stimulus'"),
    ],
)
def test_add_ob_rejects_other_shapes_and_unknown_names(paint, error, message):
    with pytest.raises(error, match=message):
        paint(equal_trials())


def test_set_groundtruth_takes_a_span_of_steps():
    trials = ragged_trials()
    first = np.array([0, 1, 2, 3])
    trials.set_groundtruth(1, (first, first + 1))
    assert (np.argmax(trials.gt, axis=1) == first).all()
    assert (trials.gt.sum(axis=1) == 1).all()


def test_set_groundtruth_takes_an_index_among_named_actions():
    trials = equal_trials()
    trials.set_groundtruth([0, 1, 1, 0], "stimulus", where="choice")
    trials.set_groundtruth(0, "fixation", where="fixation")
    assert trials.gt[:, -1].tolist() == [1, 2, 2, 1]
    assert trials.gt.dtype == np.int64
    assert (trials.gt[:, :2] == 0).all()
    with pytest.raises(KeyError, match="Unknown action 'chioce'. Did you mean 'choice'"):
        trials.set_groundtruth(0, where="chioce")


@given(n=st.integers(1, 60), sigma=st.floats(0.1, 2), seed=st.integers(0, 1000))
def test_add_randn_does_not_depend_on_the_number_of_trials(n, sigma, seed):
    def paint(draws, sizes):
        parts = []
        for size in sizes:
            trials = ngym.Trials(Toy(sigma=sigma), size, draws)
            Toy(sigma=sigma)._new_trials(trials)
            parts += [trial.ob.copy() for trial in trials]
        return parts

    one, two = paint(ngym.Draws(seed), [n]), paint(ngym.Draws(seed), [1] * n)
    assert all(np.array_equal(a, b) for a, b in zip(one, two, strict=True))


def test_add_randn_sigma_only_scales_the_noise():
    quiet, loud = Toy(sigma=0.1).sample_trials(50, seed=2), Toy(sigma=0.2).sample_trials(50, seed=2)
    mean = Toy(sigma=0).sample_trials(50, seed=2).ob
    assert np.array_equal(quiet.gt, loud.gt)
    assert np.allclose((loud.ob - mean), 2 * (quiet.ob - mean), atol=1e-6)


def test_add_randn_has_its_mean_and_standard_deviation():
    trials = equal_trials(4000)
    trials.add_randn(3, 0.5, "fixation", where=0)
    trials.add_randn(0, np.repeat([0.1, 1.0], 2000), "stimulus", where=[0, 2])
    fixation, stimulus = trials.ob[:, :2, 0], trials.ob[:, 2:, 2]
    assert fixation.mean() == pytest.approx(3, abs=0.03)
    assert fixation.std() == pytest.approx(0.5, abs=0.02)
    assert stimulus[:2000].std() == pytest.approx(0.1, abs=0.005)
    assert stimulus[2000:].std() == pytest.approx(1.0, abs=0.05)
    assert (trials.ob[:, :, 1] == 0).all()


def test_add_randn_twice_on_one_period_draws_new_noise():
    trials = equal_trials()
    trials.add_randn(0, 1, "fixation")
    once = trials.ob[:, :2].copy()
    trials.add_randn(0, 1, "fixation")
    assert not np.allclose(trials.ob[:, :2], 2 * once)


@given(chosen=st.sets(st.integers(0, 20), min_size=1), order=st.randoms(use_true_random=False), seed=st.integers(0, 9))
def test_add_randn_depends_on_the_channels_not_on_how_they_are_written(chosen, order, seed):
    """Lists, arrays, names, slices and negative numbers of the same channels, in any order, with a mean for each channel."""
    ascending = sorted(chosen)
    shuffled = list(ascending)
    order.shuffle(shuffled)
    spellings = [ascending, shuffled, tuple(shuffled), np.array(ascending), np.array(shuffled), [k - 21 for k in ascending]]
    if (np.diff(ascending) == 1).all():
        spellings += [slice(ascending[0], ascending[-1] + 1), range(ascending[0], ascending[-1] + 1)]
        spellings += [None, slice(None), slice(None, None, -1)] if len(ascending) == 21 else []
    spellings += [name for name, channels in NAMES.items() if set(np.atleast_1d(channels).tolist()) == chosen]
    spellings += ascending if len(ascending) == 1 else []
    means = 10.0 * np.arange(21)

    def noisy(where):
        task = Toy(sigma=0)
        task.observation_space = ngym.spaces.Box(-np.inf, np.inf, NAMES, shape=(21,))
        trials = ngym.Trials(task, 4, ngym.Draws(seed))
        trials.add_period("stimulus", 300)
        resolved = np.arange(21)[shuffled if where is None else ngym.spaces.channels(task.observation_space, where)]
        with np.printoptions(threshold=len(resolved)):
            trials.add_randn(means[resolved if where is not None else np.arange(21)][None], 1, "stimulus", where=where)
        return trials.ob

    first = noisy(spellings[0])
    assert np.array_equal(first[..., ascending].any(axis=(0, 1)), [True] * len(ascending))
    assert all(np.array_equal(noisy(where), first) for where in spellings[1:])


def test_add_randn_in_steps_does_not_depend_on_how_they_are_written():
    def noisy(span):
        trials = equal_trials()
        trials.add_randn(0, 1, span)
        return trials.ob

    ends = np.full(4, 3)
    spans = [(1, 3), [1, 3], (np.int64(1), np.int64(3)), (np.ones(4, int), ends), (ends - 2, 3)]
    assert all(np.array_equal(noisy(span), noisy(spans[0])) for span in spans)


def test_observations_reject_a_space_without_a_shape():
    class Shapeless(Toy):
        def __init__(self):
            super().__init__()
            self.observation_space = gym.spaces.Dict({"a": gym.spaces.Discrete(2)})

    with pytest.raises(ValueError, match="the observation space Dict.* has no shape, so a trial of it is no array"):
        Shapeless().sample_trials(1, seed=0)


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
def test_observations_encoded_equal_dense_ones(strokes, seed, three):
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


def test_add_randn_in_a_short_period_makes_a_segment_for_each_step():
    task = Painted(NOISE, timing={"three": (0, 3000)})
    values, index = task.sample_trials(N, seed=0).flat_steps("ob")
    assert len(values) == (3 + 4) * N
    assert np.std(values.reshape(N, 7, -1)[:, 3:, 11:]) == pytest.approx(1, abs=0.1)
    trials = dense(task, N, 0)
    assert np.array_equal(values[index], trials.ob[trials.mask])


@pytest.mark.parametrize("timing", [{"three": (0, 3000)}, {"four": 2000}])
def test_add_randn_in_periods_of_different_lengths_equals_dense_trials(timing):
    task = Painted([("noise", "two", "left"), ("add", "two", "right"), ("noise", "two", "right")], timing=timing)
    trials, expected = task.sample_trials(N, seed=0), dense(task, N, 0)
    values, index = trials.flat_steps("ob")
    assert len(values) == (3 + 4) * N
    assert np.array_equal(values[index], expected.ob[expected.mask])


def test_add_randn_in_long_periods_is_stored_densely():
    trials = Painted([("noise", ["three", "four"], "left")], timing={"three": (0, 3000)}).sample_trials(N, seed=0)
    assert len(trials.flat_steps("ob")[0]) >= trials.lengths.sum()


def test_observations_keep_nothing_on_the_task():
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


def test_observations_of_short_segments_are_stored_densely():
    task = Painted([("add", "one", "left")], timing=dict.fromkeys(PERIODS, 100))
    values, index = task.sample_trials(N, seed=0).flat_steps("ob")
    assert index is None
    assert len(values) == 4 * N


def test_observations_of_few_trials_are_stored_densely():
    trials = Painted([("add", "one", "left")]).sample_trials(observations.MIN_TRIALS_TO_ENCODE - 1, seed=0)
    assert len(trials.flat_steps("ob")[0]) > 4 * trials.n


@pytest.mark.parametrize("n", [observations.MIN_TRIALS_TO_ENCODE - 1, N])
@pytest.mark.parametrize("value", [np.ones(3), np.ones((N, 4))])
def test_add_ob_rejects_other_shapes_alike_for_few_and_many_trials(n, value):
    trials = ngym.Trials(Painted(), n, ngym.Draws(0))
    trials.add_period(PERIODS)
    said = rf"A value of shape .* cannot be painted on {n} trials and channels of shape \(10,\)"
    with pytest.raises(ValueError, match=said):
        trials.add_ob(value, "two", where="left")


@pytest.mark.parametrize("value", [np.nan, np.inf, [1.0, np.nan, 0.0], np.full(3, -np.inf)])
@pytest.mark.parametrize("argument", ["mu", "sigma"])
def test_noise_refuses_what_is_not_finite(argument, value):
    trials = Trials(Toy(), 3, ngym.Draws(0))
    trials.add_period("stimulus")
    with pytest.raises(ValueError, match=f"{argument}=.* must consist of finite numbers"):
        trials.add_randn(**{argument: value})
    with pytest.raises(TypeError, match=f"{argument}=None must be a number"):
        trials.add_randn(**{argument: None})


@pytest.mark.parametrize("value", [np.nan, np.inf, [1.0, np.nan, 0.0], np.full(3, -np.inf)])
@pytest.mark.parametrize("verb", ["add_ob", "set_ob", "multiply_ob"])
def test_observations_refuse_what_is_not_finite(verb, value):
    trials = Trials(Toy(), 3, ngym.Draws(0))
    trials.add_period("stimulus")
    with pytest.raises(ValueError, match="value=.* must consist of finite numbers"):
        getattr(trials, verb)(value, "stimulus", where=0)


def test_observations_refuse_texts_and_no_period():
    trials = Trials(Toy(), 3, ngym.Draws(0))
    trials.add_period("stimulus")
    with pytest.raises(TypeError, match="value='bright' must be a number, or an array of numbers"):
        trials.add_ob("bright", "stimulus")
    with pytest.raises(ValueError, match=r"period=\[\] names no period; None is the whole trial"):
        trials.add_ob(1, [])


@pytest.mark.parametrize("value", [-1, 2, [0, 1, 2], 0.5, "left"])
def test_ground_truth_by_index_is_one_of_the_named_actions(value):
    trials = Trials(Toy(), 3, ngym.Draws(0))
    trials.add_period(["stimulus", "decision"])
    with pytest.raises(ValueError, match="value=.* must be integers from 0 to 1, indices of 'choice'"):
        trials.set_groundtruth(value, "decision", where="choice")


@pytest.mark.parametrize("verb", ["add_ob", "set_ob", "multiply_ob", "set_groundtruth"])
def test_periods_are_names_or_steps(verb):
    trials = ngym.make("GoNogo-v0").sample_trials(2, seed=0)
    with pytest.raises(TypeError, match="^period=5 must be the name of a period, several, a pair of steps, or None.$"):
        getattr(trials, verb)(0, 5)


@pytest.mark.parametrize("n", [31, 32, 400])
def test_add_randn_in_a_period_that_others_overlap_draws_new_noise_in_each_step(n):
    class Flash(ngym.TrialEnv):
        """A flash of one step at a random time in a noisy window of three steps."""

        default_timing = {"fixation": 100, "wait": ("choice", (0, 100, 200)), "flash": 100, "window": 300}

        def __init__(self):
            super().__init__()
            self.observation_space = ngym.spaces.Box(-np.inf, np.inf, {"stimulus": 0}, shape=(1,))
            self.action_space = ngym.spaces.Discrete(2)

        def _new_trials(self, trials):
            trials.add_period(["fixation", "wait", "flash"])
            trials.add_period("window", after="fixation")
            trials.add_randn(0, 1, "window")

    trials = Flash().sample_trials(n, seed=0)
    window = trials.ob[:, 1:4, 0]
    assert len(np.unique(window)) == window.size
    assert np.array_equal(trials.ob[:31], Flash().sample_trials(31, seed=0).ob)

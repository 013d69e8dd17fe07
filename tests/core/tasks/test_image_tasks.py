"""What images ask of trials: laziness, memory, batches, and what no screen can show."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ngym_core as ngym
from ngym_core.stimuli import GREY, WHITE, MovingDots, set_pixels

from .images import IDS, SMALL


@pytest.mark.parametrize("id_", IDS)
def test_image_task_conditions_do_not_depend_on_the_screen(id_):
    period = "sample" if id_.startswith("Visual") else "stimulus"
    plain = ngym.make(id_).sample_trials(20, seed=3).conditions
    for other in (ngym.make(id_, **SMALL, timing={period: 160}), ngym.make(id_, dt=50, **SMALL)):
        other.dots = MovingDots(number=7)
        trials = other.sample_trials(20, seed=3)
        _ = trials.ob
        for name, values in plain.items():
            assert np.array_equal(trials.conditions[name], values)


@pytest.mark.parametrize("id_", IDS)
def test_image_task_observations_are_rows_columns_and_colors(id_):
    trials = ngym.make(id_).sample_trials(3, seed=0)
    assert trials.ob.dtype == np.uint8
    assert trials.ob.shape[2:] == ngym.make(id_).observation_space.shape == (100, 100, 3)
    assert (trials.ob[:, 0, [0, -1]] == GREY).all()
    wide = ngym.make(id_, win_kwargs={"size": (60, 40)})
    assert wide.observation_space.shape == (40, 60, 3)
    assert wide.observation_space.contains(wide.reset(seed=0)[0])


@pytest.mark.parametrize("id_", IDS)
@settings(max_examples=10)
@given(sizes=st.lists(st.integers(1, 6), min_size=1, max_size=5), seed=st.integers(0, 2**32))
def test_image_task_trials_do_not_depend_on_the_batch(id_, sizes, seed):
    several = ("choice", [100, 150, 300, 310])
    timing = {"sample": several, "delay": 100} if id_.startswith("Visual") else {"stimulus": several}
    timing |= {"fixation": ("choice", [20, 50])} if id_ != IDS[1] else {}
    whole = list(ngym.make(id_, **SMALL, timing=timing).sample_trials(sum(sizes), seed=seed))
    env, draws = ngym.make(id_, **SMALL, timing=timing), ngym.Draws(seed)
    parts = [trial for n in sizes for trial in env.sample_trials(n, draws=draws)]
    for one, two in zip(whole, parts, strict=True):
        assert np.array_equal(one.ob, two.ob)
        assert np.array_equal(one.gt, two.gt)
        assert (one.ob[:, 0, 0] == GREY).all()


def peak(make):
    """Greatest memory in use while something is made, in bytes."""
    tracemalloc.start()
    try:
        make()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("id_", IDS)
def test_image_task_draws_images_at_the_first_access(id_):
    env = ngym.make(id_)
    image_bytes = 100 * 100 * 3
    made = []
    assert peak(lambda: made.append(env.sample_trials(300, seed=0))) < 300 * 5 * image_bytes  # not 36 to 155 of them
    assert peak(lambda: env.trial_length_stats(300)) < 300 * 5 * image_bytes
    trials = made[0]
    assert trials.mask.shape == trials.gt.shape[:2]
    with pytest.raises(ngym.errors.InvalidOperationError, match="painted already"):
        trials.add_period("stimulus")
    few = env.sample_trials(2, seed=0)
    looked = peak(lambda: few.ob)
    assert looked > 2 * few.ob.shape[1] * image_bytes
    assert peak(lambda: few.ob) < image_bytes


def test_set_pixels_writes_within_its_period():
    env = ngym.make("RandomDotMotion", **SMALL, timing={"fixation": 0, "stimulus": 64})
    trials = ngym.Trials(env, 3, ngym.Draws(0))
    trials.add_period("fixation", [16, 32, 0])
    trials.add_period("stimulus", [32, 16, 64], after="fixation")
    steps = np.arange(4)
    rows = np.broadcast_to(steps[:, None], (3, 4, 1))
    set_pixels(trials, rows, rows + 5, [1, 2, 3], "stimulus")
    lit = [np.argwhere(trial.ob[..., 0]).tolist() for trial in trials._finish()]
    assert lit == [[[1, 0, 5], [2, 1, 6]], [[2, 0, 5]], [[k, k, k + 5] for k in range(4)]]
    assert trials.ob[0, 2, 1, 6].tolist() == [1, 2, 3]


@pytest.mark.parametrize(
    ("id_", "kwargs", "error", "message"),
    [
        ("VisualSearch", {"win_kwargs": {"sizes": (9, 9)}}, KeyError, "Unknown option of win_kwargs 'sizes'.*'size'"),
        (
            "VisualSearch",
            {"win_kwargs": {"size": (9, 0)}},
            ValueError,
            r"size=\(9, 0\) must be \(width, height\)",
        ),
        ("RandomDotMotion", {"win_kwargs": {"size": 9.5}}, ValueError, "size=9.5 must be .*, two integers from 1"),
        ("RandomDotMotion", {"stim_scale": 2}, ValueError, "from 0 to 100 percent of the dots, not 102.4"),
        ("RandomDotMotion", {"stim_scale": -1}, ValueError, r"stim_scale=-1 must be a finite number from 0\."),
        ("VisualSearch", {"target_centers": [(0.05, 0.05)]}, ValueError, "more than 0.1 away from the center, not .*0.05"),
        ("VisualSearch", {"target_centers": [(0.5, 1.5)]}, ValueError, "must be at positions .* from -1 to 1"),
        ("VisualSearch", {"target_centers": [0.5, 0.5]}, ValueError, "must be at positions"),
        (
            "VisualSearch",
            {"target_centers": []},
            ValueError,
            r"target_centers=\[\] must be a sequence of one or more",
        ),
        (
            "VisualSearch",
            {"delta_color": [0.1, 0.2]},
            ValueError,
            r"delta_color=\[0\.1, 0\.2\] must be a sequence of 3 finite",
        ),
        ("VisualSearch", {"delta_angle": np.nan}, ValueError, r"delta_angle=nan must be a finite number, or None\."),
        ("VisualSearch", {"length": 0}, ValueError, r"length=0 must be a finite number above 0\."),
        ("VisualSearch", {"line_width": -1}, ValueError, "line_width=-1"),
    ],
)
def test_image_task_rejects_parameters_that_no_screen_can_show(id_, kwargs, error, message):
    with pytest.raises(error, match=message):
        ngym.make(id_, **kwargs)


@pytest.mark.parametrize(
    ("id_", "forced", "message"),
    [
        ("RandomDotMotion", {"coh": 101}, "from 0 to 100 percent of the dots, not 101"),
        ("VisualSearch", {"centers": np.zeros((4, 2))}, "more than 0.1 away from the center"),
        (
            "VisualSearch",
            {"colors": np.full((4, 3), 1.5)},
            "'colors' must be red, green and blue of each bar",
        ),
        (
            "SpatialSuppressMotionImage",
            {"contrast": 1.5},
            "'contrast' is forced to 1.5; expected a finite number from 0 to 1",
        ),
        ("SpatialSuppressMotionImage", {"diameter": 0}, "'diameter' is forced to 0; expected a finite number above 0"),
    ],
)
def test_image_task_rejects_forced_conditions_that_no_screen_can_show(id_, forced, message):
    with pytest.raises(ValueError, match=message):
        ngym.make(id_, **SMALL).sample_trials(2, seed=0, **forced)


def test_catch_trials_of_an_image_task_show_the_background():
    trials = ngym.make("RandomDotMotion", wrappers=[("CatchTrials", {"catch_prob": 0.5})], **SMALL).sample_trials(20, seed=0)
    catch = trials.conditions["catch"]
    assert 0 < catch.sum() < 20
    assert (trials.ob[catch] == GREY).all()
    assert (trials.ob[~catch] == WHITE).any(axis=(1, 2, 3, 4)).all()

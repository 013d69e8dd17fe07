"""Tasks that show images: their conditions as recorded, what images ask of trials, wrappers and checks, and pointing."""

from __future__ import annotations

import hashlib
import tracemalloc
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ngym_core as ngym
from ngym_core.stimuli import GREY, WHITE, MovingDots
from ngym_core.tasks import spatial_suppress_motion as curves
from ngym_core.testing import _limit_trials
from tests.golden.reference import ReferenceDraws

IDS = ["RandomDotMotion-v0", "SpatialSuppressMotionImage-v0", "VisualSearch-v0"]
SMALL = {"win_kwargs": {"size": (24, 16)}}


# ---- conditions --------------------------------------------------------------------------------------


def recorded(id_, n):
    """Conditions of n trials with the draws of the reference after seed 0, and the ground truth."""
    env, draws = ngym.make(id_, **SMALL), ReferenceDraws(0)
    trials = [env.sample_trials(1, draws=draws) for _ in range(n)]
    return [{k: v[0].tolist() for k, v in t.conditions.items()} for t in trials], [t.gt[0] for t in trials]


def test_conditions_of_random_dot_motion_are_those_recorded():
    found, truth = recorded("RandomDotMotion", 8)
    wanted = [(0, 0.0), (1, 25.6), (1, 6.4), (1, 12.8), (0, 0.0), (0, 51.2), (0, 6.4), (0, 0.0)]
    assert [(c["ground_truth"], c["coh"]) for c in found] == wanted
    for (side, _), gt in zip(wanted, truth, strict=True):
        assert gt.tolist() == [0] * 131 + [side + 1] * 6


def test_conditions_of_visual_search_are_those_recorded():
    found, truth = recorded("VisualSearch", 3)
    angles = [
        [3.448296944257913, 3.448296944257913, 3.448296944257913, 4.076615474975872],
        [3.3231447888333756, 3.3231447888333756, 2.694826258115417, 3.9514633195513342],
        [2.899560348474227, 2.899560348474227, 2.899560348474227, 3.5278788791921856],
    ]
    centers = [
        [[0.5, 0.5], [-0.5, -0.5], [-0.5, 0.5], [0.5, -0.5]],
        [[-0.5, 0.5], [0.5, -0.5], [0.5, 0.5], [-0.5, -0.5]],
        [[0.5, -0.5], [-0.5, -0.5], [0.5, 0.5], [-0.5, 0.5]],
    ]
    assert np.array([c["angles"] for c in found]) == pytest.approx(np.array(angles), abs=1e-14)
    assert [c["centers"] for c in found] == centers
    first = [0.7151893663724195, 0.6027633760716439, 0.5448831829968969]
    other = [0.6151893663724195, 0.8027633760716439, 0.4448831829968969]
    assert np.array(found[0]["colors"]) == pytest.approx(np.array([first, other, other, first]), abs=1e-14)
    for gt, where in zip(truth, centers, strict=True):
        assert gt.dtype == np.float32
        assert gt.tolist() == [[0, 0]] * 124 + [where[0]] * 31


def test_conditions_of_spatial_suppress_motion_are_those_recorded():
    found, truth = recorded("SpatialSuppressMotionImage", 8)
    wanted = [(1, 0.99), (2, 0.05), (4, 0.99), (4, 0.99), (2, 0.99), (2, 0.05), (1, 0.99), (3, 0.05)]
    assert [(c["direction"], c["contrast"]) for c in found] == wanted
    reference = [reported(*pair) for pair in wanted[:4]]
    digest = hashlib.sha256(b"".join(gt.astype(np.float32).tobytes() for gt in reference)).hexdigest()
    assert digest.startswith("0daea14708e17899")
    assert min(gt.min() for gt in reference) < -0.01  # the defect that ours has not
    for gt, theirs in zip(truth, reference, strict=False):
        mended = np.maximum(theirs, 0)
        assert gt == pytest.approx(mended / mended.sum(axis=1, keepdims=True), abs=1e-6)
    assert min(gt.min() for gt in truth) >= 0


def reported(direction, contrast):
    """Ground truth of the reference, (36, 4)."""
    high = contrast == 0.99
    seen, opposite = (
        np.interp(np.arange(36), curves.STEPS, y)
        for y in ((curves.HIGH_DIRECTION, curves.HIGH_OPPOSITE) if high else (curves.LOW_DIRECTION, curves.LOW_OPPOSITE))
    )
    gt = np.repeat(((1 - seen - opposite) / 2)[:, None], 4, axis=1)
    gt[:, direction - 1], gt[:, [1, 0, 3, 2][direction - 1]] = seen, opposite
    return gt


@pytest.mark.parametrize("id_", IDS)
def test_conditions_do_not_depend_on_what_is_drawn_on_the_screen(id_):
    period = "sample" if id_.startswith("Visual") else "stimulus"
    plain = ngym.make(id_).sample_trials(20, seed=3).conditions
    for other in (ngym.make(id_, **SMALL, timing={period: 160}), ngym.make(id_, dt=50, **SMALL)):
        other.dots = MovingDots(number=7)
        trials = other.sample_trials(20, seed=3)
        _ = trials.ob
        for name, values in plain.items():
            assert np.array_equal(trials.conditions[name], values)


# ---- images and trials -------------------------------------------------------------------------------


@pytest.mark.parametrize("id_", IDS)
def test_images_are_rows_columns_and_colors(id_):
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
def test_trials_of_several_lengths_do_not_depend_on_how_many_are_made_together(id_, sizes, seed):
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
def test_images_are_painted_when_somebody_looks_at_them(id_):
    env = ngym.make(id_)
    image_bytes = 100 * 100 * 3
    made = []
    assert peak(lambda: made.append(env.sample_trials(300, seed=0))) < 300 * 5 * image_bytes  # not 36 to 155 of them
    assert peak(lambda: env.trial_length_stats(300)) < 300 * 5 * image_bytes
    trials = made[0]
    assert trials.mask.shape == trials.gt.shape[:2]
    assert trials.painted
    with pytest.raises(ngym.errors.InvalidOperationError, match="painted already"):
        trials.add_period("stimulus")
    few = env.sample_trials(2, seed=0)
    looked = peak(lambda: few.ob)
    assert looked > 2 * few.ob.shape[1] * image_bytes
    assert peak(lambda: few.ob) < image_bytes


def test_a_film_is_that_of_the_periods_there_were_when_it_was_drawn():
    plain = ngym.make("RandomDotMotion", **SMALL).sample_trials(4, seed=1)
    quick = ngym.make("RandomDotMotion", wrappers=["ReactionTime"], **SMALL).sample_trials(4, seed=1)
    assert quick.end["decision"].tolist() == [131] * 4
    assert np.array_equal(quick.ob, plain.ob[:, :131])
    changed = ngym.make("RandomDotMotion", **SMALL).sample_trials(4, seed=1)
    changed.spans["stimulus"] = (0, 3)
    assert np.array_equal(changed.ob, plain.ob)
    assert changed.span("stimulus") == (0, 3)


def test_pixels_are_set_within_their_period():
    env = ngym.make("RandomDotMotion", **SMALL, timing={"fixation": 0, "stimulus": 64})
    trials = ngym.Trials(env, 3, ngym.Draws(0))
    trials.add_period("fixation", [16, 32, 0])
    trials.add_period("stimulus", [32, 16, 64], after="fixation")
    steps = np.arange(4)
    rows = np.broadcast_to(steps[:, None], (3, 4, 1))
    trials.set_pixels(rows, rows + 5, [1, 2, 3], "stimulus")
    lit = [np.argwhere(trial.ob[..., 0]).tolist() for trial in trials.finish()]
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
        ("RandomDotMotion", {"stim_scale": -1}, ValueError, "from 0 to 100 percent of the dots, not -6.4"),
        ("VisualSearch", {"target_centers": [(0.05, 0.05)]}, ValueError, "more than 0.1 away from the center, not .*0.05"),
        ("VisualSearch", {"target_centers": [(0.5, 1.5)]}, ValueError, "must be at positions .* from -1 to 1"),
        ("VisualSearch", {"target_centers": [0.5, 0.5]}, ValueError, "must be at positions"),
        ("VisualSearch", {"target_centers": []}, ValueError, "at least one"),
        ("VisualSearch", {"delta_color": [0.1, 0.2]}, ValueError, "must be three numbers, for red, green and blue"),
        ("VisualSearch", {"delta_angle": np.nan}, ValueError, "must be numbers, the first two of them positive"),
        ("VisualSearch", {"length": 0}, ValueError, "length=0, .* must be numbers, the first two of them positive"),
        ("VisualSearch", {"line_width": -1}, ValueError, "line_width=-1"),
    ],
)
def test_what_no_screen_can_show_is_refused(id_, kwargs, error, message):
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
            "must be from 0 to 1, and the diameter a positive number",
        ),
        ("SpatialSuppressMotionImage", {"diameter": 0}, "must be from 0 to 1, and the diameter a positive number"),
    ],
)
def test_conditions_that_no_screen_can_show_are_refused(id_, forced, message):
    with pytest.raises(ValueError, match=message):
        ngym.make(id_, **SMALL).sample_trials(2, seed=0, **forced)


def test_both_versions_of_the_task_ask_the_same():
    native, image = (ngym.make(f"SpatialSuppressMotion{kind}").sample_trials(30, seed=5) for kind in ("", "Image"))
    assert np.array_equal(native.gt, image.gt)
    for name in ("direction", "contrast"):
        assert np.array_equal(native.conditions[name], image.conditions[name])
    assert type(native.task.rule) is type(image.task.rule)


# ---- wrappers and checks -----------------------------------------------------------------------------


def test_catch_trials_show_the_background():
    trials = ngym.make("RandomDotMotion", wrappers=[("CatchTrials", {"catch_prob": 0.5})], **SMALL).sample_trials(20, seed=0)
    catch = trials.conditions["catch"]
    assert 0 < catch.sum() < 20
    assert (trials.ob[catch] == GREY).all()
    assert (trials.ob[~catch] == WHITE).any(axis=(1, 2, 3, 4)).all()


def test_noise_keeps_to_the_levels_of_images():
    env = ngym.make("RandomDotMotion", wrappers=[("Noise", {"std_noise": 10})], **SMALL)
    plain = ngym.make("RandomDotMotion", **SMALL)
    one, two = ([e.reset(seed=0)[0], *(e.step(0)[0] for _ in range(100))] for e in (env, plain))
    difference = np.array(one, float) - two
    grey = np.array(two) == GREY
    assert abs(difference[grey].mean()) < 0.1
    assert difference[grey].std() == pytest.approx(10, abs=0.1)
    assert -60 < difference[~grey].min() < difference[~grey].max() == 0  # a level beyond white is white
    trials = env.on_data(env.sample_trials(2, seed=0), ngym.Draws(0))
    assert trials.ob.dtype == np.uint8
    assert (trials.ob.astype(float) - GREY)[:, :6].std() == pytest.approx(10, abs=0.2)


@pytest.mark.parametrize("wrapper", ["PassAction", "PassReward", "FullInput"])
def test_nothing_is_appended_to_images(wrapper):
    with pytest.raises(ValueError, match="appended to a vector of channels or a discrete observation, not to Box"):
        ngym.make("RandomDotMotion", wrappers=[wrapper])


def test_checks_play_fewer_films_than_other_trials():
    film, vector = (lambda: ngym.make("RandomDotMotion")), (lambda: ngym.make("SpatialSuppressMotion"))
    assert _limit_trials(film, 600, 100 * 137 * 30_000) == 100
    assert _limit_trials(film, 50, 100 * 137 * 30_000) == 50
    assert _limit_trials(film, 600, 1) == 4
    assert _limit_trials(vector, 600, 100 * 137 * 30_000) == 600


# ---- pointing ---------------------------------------------------------------------------------------


def test_pointing_in_visual_search():
    env = ngym.make("VisualSearch", **SMALL)
    assert env.action_space == ngym.spaces.Box(-1, 1, shape=(2,), dtype=np.float32)

    def after(*actions, delay=124):
        """Rewards of some actions, those after the first in the decision; performance of the trial if it ended."""
        env.reset(seed=0)
        target = env.gt[-1]
        back = [env.step(actions[0])]
        back += [env.step(np.zeros(2)) for _ in range(delay - 1)]
        back += [env.step(action(target)) for action in actions[1:]]
        return [b[1] for b in (back[0], *back[delay:])], back[-1][4].get("performance"), back[-1][4]["new_trial"]

    center, away = np.zeros(2), np.array([0.11, 0])
    near = np.array([0.06, -0.06])
    assert after(center, lambda t: t) == ([0, 1], 1, True)
    assert after(away, lambda t: t + near) == ([-0.1, 1], 1, True)
    assert after(near, lambda t: near, lambda t: t + 2 * near) == ([0, 0, 0], 0, True)
    assert after(center, lambda t: -t) == ([0, 0], 0, True)
    assert after(center, *[lambda t: near] * 30) == ([0] * 31, None, False)
    assert after(center, *[lambda t: near] * 31) == ([0] * 32, 0, True)


@given(data=st.data(), step=st.sampled_from([0, 30, 31, 123, 124, 154]))
def test_one_and_many_points_are_judged_alike(data, step):
    env = ngym.make("VisualSearch", **SMALL)
    trials = env.sample_trials(5, seed=0)
    number = st.one_of(st.floats(-1, 1, width=32), st.sampled_from([0.0, 0.1, 0.05, 0.4, 0.5, 0.6, -0.4, -0.5]))
    actions = np.array(data.draw(st.lists(st.tuples(number, number), min_size=5, max_size=5)), np.float32)
    many = SimpleNamespace(**ngym.rules.facts(env, trials))
    many.performance = many.performance.copy()
    many.step, many.gt = np.full(5, step), trials.gt[:, step]
    reward, ends = env.rule.step_many(env, many, actions)
    for i in range(5):
        one = SimpleNamespace(**{k: v[i] for k, v in ngym.rules.facts(env, trials).items()})
        one.step, one.gt = step, trials.gt[i, step]
        assert env.rule.step_one(env, one, actions[i]) == (reward[i], ends[i])
        assert one.performance == many.performance[i]

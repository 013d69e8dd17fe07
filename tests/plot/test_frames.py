"""Frames: their size, and what is where in them."""

from __future__ import annotations

from dataclasses import replace

import gymnasium as gym
import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib import colormaps
from matplotlib.colors import to_rgb

import ngym_core as ngym
from ngym_core.rendering import PlayedTrial
from ngym_plot.figure import palette_color
from ngym_plot.frames import ACTIONS, HEIGHT, LEFT, OBSERVATIONS, REWARDS, RIGHT, WIDTH, draw_frame

from ..task_ids import IDS

ID = "PerceptualDecisionMaking-v0"
GREY = (0xBB,) * 3


def rgb(color):
    return tuple(round(255 * part) for part in to_rgb(color))


def has(frame, color, box=(0, 0, WIDTH, HEIGHT)):
    """How many pixels of a part of a frame have a colour."""
    left, top, right, bottom = map(round, box)
    return int((frame[top:bottom, left:right] == rgb(color)).all(axis=-1).sum())


def panel(rows, first=0.0, last=1.0):
    """The part of a panel between two shares of its width."""
    return LEFT + 1 + first * (RIGHT - LEFT - 1), rows[0], LEFT + 1 + last * (RIGHT - LEFT - 1), rows[1]


def played(env, actions, seed=0):
    """The frames of a trial."""
    env.reset(seed=seed)
    frames = [env.render()]
    for action in actions:
        env.step(action)
        frames.append(env.render())
    return frames


@pytest.mark.parametrize("id_", IDS)
def test_frames_of_every_task_have_one_size_and_show_each_step(id_):
    env = ngym.make(id_, render_mode="rgb_array")
    env.action_space.seed(0)
    env.reset(seed=1)
    before = None
    for _ in range(8):
        frame = env.render()
        assert (frame.shape, frame.dtype) == ((HEIGHT, WIDTH, 3), np.uint8)
        assert before is None or not np.array_equal(frame, before)
        assert (frame[:, :4] == 255).all()
        assert len(np.unique(frame[..., 0])) > 10
        before = frame
        env.step(env.action_space.sample())
    assert not plt.get_fignums()


def test_frame_shows_what_was_seen_done_and_right_and_earned():
    env = ngym.make(ID, render_mode="rgb_array")
    frames = played(env, [0] * 21 + [2], seed=0)  # trial 0: the right choice is 2
    start, middle, end = frames[0], frames[11], frames[22]
    for frame, share in ((start, 1 / 22), (middle, 12 / 22)):
        assert has(frame, palette_color(2), panel(OBSERVATIONS, 0, share)) > 10
        assert not has(frame, palette_color(2), panel(OBSERVATIONS, share + 0.02))
    assert not has(start, palette_color(0), panel(ACTIONS))
    assert has(middle, palette_color(0), panel(ACTIONS, 0, 0.5))
    assert not has(middle, palette_color(0), panel(ACTIONS, 0.52))
    assert has(middle, "#bbbbbb", panel(ACTIONS, 0, 0.5))
    assert not has(middle, "#bbbbbb", panel(ACTIONS, 0.52))
    low = ACTIONS[0], ACTIONS[0] + (ACTIONS[1] - ACTIONS[0]) // 3  # the third of the panel where choice 2 is
    assert has(end, palette_color(0), panel(low, 21 / 22))
    assert not has(end, palette_color(0), panel(low, 0, 20 / 22))
    assert has(end, palette_color(1), panel(REWARDS, 21 / 22))
    assert not has(middle, palette_color(1), panel(REWARDS))


def test_header_tells_time_trial_and_result():
    env = ngym.make(ID, render_mode="rgb_array")
    frames = played(env, [0] * 21 + [2, 0, 0], seed=0)
    header = (WIDTH // 2, 0, WIDTH, 28)
    right = palette_color(2)
    assert [bool(has(frame, right, header)) for frame in frames] == [False] * 22 + [True] + [False] * 2
    wrong = played(ngym.make(ID, render_mode="rgb_array"), [0] * 21 + [1])[-1]
    assert has(wrong, palette_color(1), header)
    assert not np.array_equal(frames[1][:28], frames[2][:28])  # the time
    assert not np.array_equal(frames[1][28:44], frames[23][28:44])  # conditions, number of the trial


def test_periods_are_shaded_and_the_present_one_is_named_in_black():
    frames = played(ngym.make(ID, render_mode="rgb_array"), [0] * 5)
    for frame in frames:
        assert has(frame, "#f4f4f4", panel(REWARDS, 0, 1 / 23)) > 100
        assert has(frame, "#e6e6e6", panel(REWARDS, 2 / 22, 20.9 / 22)) > 1000
        assert has(frame, "#f4f4f4", panel(REWARDS, 21.2 / 22)) > 100
    names = [(frame[OBSERVATIONS[0] - 14 : OBSERVATIONS[0] - 1] < 60).all(axis=-1).nonzero()[1].mean() for frame in frames]
    assert names[0] < LEFT + 60
    assert all(name > 200 for name in names[1:])


def test_periods_that_overlap_are_shaded_until_the_next_one_begins():
    periods = {"fixation": (0, 2), "stimulus": (1, 21), "decision": (2, 21)}
    frame = draw_frame(trial_of(np.zeros((6, 1)), periods=periods), env_of(gym.spaces.Box(0, 1, (1,))))
    assert has(frame, "#f4f4f4", panel(REWARDS, 0, 0.9 / 21)) > 100
    assert has(frame, "#e6e6e6", panel(REWARDS, 1.1 / 21, 1.9 / 21)) > 100
    assert has(frame, "#e6e6e6", panel(REWARDS, 2.1 / 21)) == 0
    black = (frame[OBSERVATIONS[0] - 14 : OBSERVATIONS[0] - 1] < 60).all(axis=-1).nonzero()[1]
    assert black.min() < LEFT + 120 < LEFT + 200 < black.max()  # stimulus and decision are both present


def test_every_channel_has_its_colour():
    ob = np.tile(np.arange(8.0), (6, 1))
    frame = draw_frame(trial_of(ob), env_of(gym.spaces.Box(0, 8, (8,))))
    assert all(has(frame, palette_color(k)) for k in range(8))
    assert len({palette_color(k) for k in range(8)}) == 8


def test_many_channels_are_drawn_as_an_image():
    env = ngym.make("yang19.go-v0", render_mode="rgb_array")
    env.reset(seed=0)
    for _ in range(3):
        env.step(0)
    frame, ob = env.render(), env.unwrapped._recorder.trial(0).ob
    low, high = min(0.0, ob.min()), max(1.0, ob.max())
    colors = (colormaps["viridis"](np.linspace(0, 1, 256))[:, :3] * 255).round()
    steps = env.unwrapped._recorder.trial(0).steps
    for step in range(4):
        x = round(LEFT + (step + 0.5) * (RIGHT - LEFT) / steps)
        for channel in (0, 1, 16, 32):
            y = round(OBSERVATIONS[1] - (channel + 0.5) * (OBSERVATIONS[1] - OBSERVATIONS[0]) / 33)
            expected = colors[int((ob[step, channel] - low) / (high - low) * 255)]
            assert np.abs(frame[y, x] - expected).max() <= 1


def test_pictures_are_drawn_as_they_were_seen():
    rng = np.random.default_rng(0)
    seen = rng.integers(0, 256, (3, 6, 6, 3), dtype=np.uint8)
    space = gym.spaces.Box(0, 255, (6, 6, 3), np.uint8)
    frame = draw_frame(trial_of(seen), env_of(space))
    height = OBSERVATIONS[1] - OBSERVATIONS[0]
    left = (LEFT + RIGHT - height) / 2
    for row in range(6):
        for column in range(6):
            y, x = OBSERVATIONS[0] + (row + 0.5) * height / 6, left + (column + 0.5) * height / 6
            assert frame[round(y), round(x)].tolist() == seen[-1, row, column].tolist()
    for ob in (seen[..., 0], seen[..., :1], seen[..., :2], seen[:, :2] / 255.0, np.full((3, 4, 4), np.nan)):
        shown = draw_frame(trial_of(ob), env_of(gym.spaces.Box(0, 255, ob.shape[1:], ob.dtype.type)))
        assert shown.shape == (HEIGHT, WIDTH, 3)


def trial_of(ob, k=None, **others):
    taken = len(ob) - 1
    actions = np.zeros(taken, int) if k is None else np.zeros((taken, k))
    trial = PlayedTrial(1, {}, {"stimulus": (0, 5)}, 0, ob, actions, np.zeros(taken), actions.copy())
    return replace(trial, **others)


def env_of(space, actions=None):
    actions = gym.spaces.Discrete(3) if actions is None else actions
    env = gym.Env()
    env.observation_space, env.action_space, env.dt = space, actions, 100
    return env


def test_channels_without_names_and_odd_names_are_drawn():
    space = ngym.spaces.Box(-1, 1, {"a name that is much too long for any place": 0, "täuschung ✓": [1, 2]}, shape=(3,))
    ob = np.zeros((3, 3))
    for each in (space, gym.spaces.Box(-1, 1, (3,))):
        assert has(
            draw_frame(trial_of(ob), env_of(each)), palette_color(2), (RIGHT, *OBSERVATIONS[:1], WIDTH, OBSERVATIONS[1])
        )
    conditions = {f"condition {i}": i for i in range(50)}
    assert draw_frame(trial_of(ob, conditions=conditions), env_of(space)).shape == (HEIGHT, WIDTH, 3)
    several = {f"a period {i}": (i, i + 1) for i in range(40)}
    assert draw_frame(trial_of(ob, periods=several), env_of(space)).shape == (HEIGHT, WIDTH, 3)
    assert draw_frame(trial_of(ob, periods={}), env_of(space)).shape == (HEIGHT, WIDTH, 3)


def test_several_actions_have_a_line_each():
    space = gym.spaces.Box(-1, 1, (2,))
    trial = trial_of(np.zeros((4, 2)), k=2)
    trial = replace(trial, actions=np.array([[0.2, 0.8]] * 3), gt=np.array([[0.3, 0.6]] * 3))
    frame = draw_frame(trial, env_of(space, space))
    for k in range(2):
        assert has(frame, palette_color(k), panel(ACTIONS, 0, 0.6)) > 20


def test_record_that_begins_in_the_trial_leaves_what_is_not_known_blank():
    ob = np.array([[np.nan], [0.9], [0.9]])
    trial = trial_of(ob, first_step=2)
    frame = draw_frame(trial, env_of(gym.spaces.Box(0, 1, (1,))))
    assert not has(frame, palette_color(0), panel(OBSERVATIONS, 0, 0.59))
    assert has(frame, palette_color(0), panel(OBSERVATIONS, 0.62))
    assert not has(frame, palette_color(0), panel(ACTIONS, 0, 0.38))


@given(
    st.lists(st.floats(allow_nan=True, allow_infinity=True), min_size=2, max_size=6),
    st.floats(allow_nan=True, allow_infinity=True),
)
def test_any_numbers_are_drawn(values, reward):
    ob = np.array(values)[:, None].repeat(2, axis=1)
    trial = trial_of(ob, k=1, rewards=np.full(len(ob) - 1, reward), performance=0.5)
    for shown in (trial, replace(trial, ob=ob.repeat(10, axis=1), actions=ob[1:, :1])):
        space = gym.spaces.Box(-np.inf, np.inf, shown.ob.shape[1:])
        assert draw_frame(shown, env_of(space, gym.spaces.Box(-1, 1, (1,)))).shape == (HEIGHT, WIDTH, 3)


def test_drawing_depends_on_nothing_else():
    env = ngym.make(ID, render_mode="rgb_array")
    before = played(env, [0, 1])[-1]
    with matplotlib.rc_context(
        {"font.size": 30, "axes.facecolor": "red", "axes.prop_cycle": matplotlib.cycler(color=["red"])}
    ):
        assert np.array_equal(env.render(), before)
    frame = env.render()
    frame[:] = 0  # the caller's own
    assert np.array_equal(env.render(), before)


def test_draw_frame_refuses_what_is_no_trial():
    with pytest.raises(TypeError, match="trial={'ob': 5} must be a PlayedTrial of ngym_core.rendering"):
        draw_frame({"ob": 5}, ngym.make(ID))
    with pytest.raises(TypeError, match="env='x' must be a task, or a wrapper around one"):
        draw_frame(trial_of(np.zeros((2, 1))), "x")

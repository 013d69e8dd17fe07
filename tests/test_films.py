"""Films by the recorders of Gymnasium and Stable-Baselines3, which need core, ngym-plot, ngym-sb3 and moviepy."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.wrappers import RecordVideo
from gymnasium.wrappers.vector import RecordVideo as RecordVideos
from stable_baselines3.common.vec_env import VecVideoRecorder

import ngym_core as ngym
from ngym_core.wrappers import PassAction
from ngym_plot.frames import HEIGHT, WIDTH
from ngym_sb3 import make_sb3_env

pytest.importorskip("moviepy", reason="moviepy writes the films: pip install moviepy")
imageio_ffmpeg = pytest.importorskip("imageio_ffmpeg", reason="imageio_ffmpeg reads the films: pip install moviepy")

ID = "PerceptualDecisionMaking-v0"
FAST = {"timing": {"stimulus": 300}}
STEPS = 5
"""Steps of such a trial."""
pytestmark = pytest.mark.filterwarnings("ignore")


def frames_of(folder):
    """The frames of the films in a folder, in the order of their names, and their frames a second."""
    films = []
    for file in sorted(folder.glob("*.mp4")):
        reader = imageio_ffmpeg.read_frames(str(file))
        facts = next(reader)
        shape = *facts["size"][::-1], 3
        films.append(([np.frombuffer(frame, np.uint8).reshape(shape).astype(int) for frame in reader], facts["fps"]))
    return films


def assert_shows(frames, rendered):
    """Compare the frames of a film, which are compressed, with those that were rendered."""
    # moviepy 2.2 adds up the durations of frames, and loses the last one where the sum comes out just too small.
    assert len(rendered) - len(frames) in (0, 1)
    for i, frame in enumerate(frames):
        differences = [np.abs(frame - other).mean() for other in rendered]
        assert np.argmin(differences) == i
        assert differences[i] < 2


@pytest.mark.parametrize("dt", [100, 50])
def test_record_video_films_each_episode(tmp_path, dt):
    env = gym.make(f"ngym_core:{ID}", render_mode="rgb_array", num_trials_before_reset=2, dt=dt, **FAST)
    env = RecordVideo(PassAction(env), str(tmp_path), episode_trigger=lambda episode: episode < 2)
    shown = []
    for episode in range(3):
        env.reset(seed=episode)
        shown.append([env.render()])
        over = False
        while not over:
            *_, terminated, truncated, _ = env.step(env.unwrapped.gt_now)
            over = terminated or truncated
            shown[-1].append(env.render())
    env.close()
    films = frames_of(tmp_path)
    assert len(films) == 2
    for (frames, fps), expected in zip(films, shown, strict=False):
        assert fps == 1000 / dt
        assert frames[0].shape == (HEIGHT, WIDTH, 3)
        assert_shows(frames, expected)


def test_record_video_films_lanes(tmp_path):
    env = gym.make_vec(f"ngym_core:{ID}", num_envs=4, render_mode="rgb_array", num_trials_before_reset=1, **FAST)
    env = RecordVideos(env, str(tmp_path), episode_trigger=lambda episode: True)
    env.reset(seed=0)
    for _ in range(3 * (STEPS + 1)):
        env.step(np.zeros(4, int))
    env.close()
    films = frames_of(tmp_path)
    assert len(films) >= 3
    assert {frame.shape for frames, _ in films for frame in frames} == {(2 * HEIGHT, 2 * WIDTH, 3)}
    assert len(films[0][0]) in (STEPS, STEPS + 1)


@pytest.mark.parametrize("mode", ["NextStep", "SameStep"])
def test_record_video_films_lanes_in_each_autoreset_mode(tmp_path, mode):
    env = RecordVideos(
        ngym.make_vec(ID, 2, render_mode="rgb_array", num_trials_before_reset=1, autoreset_mode=mode, **FAST),
        str(tmp_path),
        step_trigger=lambda step: step == 0,
        video_length=12,
    )
    env.reset(seed=0)
    shown = [np.concatenate(env.render(), axis=1)]
    for _ in range(14):
        env.step(np.zeros(2, int))
        shown.append(np.concatenate(env.render(), axis=1))
    env.close()
    ((frames, _),) = frames_of(tmp_path)
    assert_shows(frames, shown[1:14])  # it begins with the first step


def test_vec_video_recorder_films_an_env_of_stable_baselines(tmp_path):
    env = make_sb3_env(ID, 3, render_mode="rgb_array", seed=0, **FAST)
    recorder = VecVideoRecorder(env, str(tmp_path), record_video_trigger=lambda step: step == 0, video_length=10)
    recorder.reset()
    shown = [env.render()]
    for _ in range(12):
        recorder.step(np.zeros(3, int))
        shown.append(env.render())
    recorder.close()
    ((frames, fps),) = frames_of(tmp_path)
    assert fps == 10
    assert_shows(frames, shown[:11])


def test_recorders_refuse_envs_without_a_render_mode(tmp_path):
    with pytest.raises(ValueError, match="Render mode is None"):
        RecordVideo(gym.make(f"ngym_core:{ID}"), str(tmp_path))
    with pytest.raises(ValueError, match="Render mode is None"):
        RecordVideos(ngym.make_vec(ID, 2), str(tmp_path))
    with pytest.raises(AssertionError, match="must be 'rgb_array', not None"):
        VecVideoRecorder(make_sb3_env(ID), str(tmp_path), lambda step: True)

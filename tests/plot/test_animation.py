from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.animation import FFMpegWriter
from PIL import Image

import ngym_core as ngym
from ngym_plot import plot_env_3dbox

ID = "PerceptualDecisionMaking-v0"


def test_animation_has_the_time_step_of_the_task_and_closes_its_figure(tmp_path):
    env = ngym.make(ID, dt=20)
    frames = np.random.default_rng(0).random((4, 6, 8, 3))
    animation = plot_env_3dbox(frames, tmp_path / "animation", env)
    assert animation.event_source is None or animation.event_source.interval == 20
    (written,) = tmp_path.iterdir()
    assert written.suffix in (".mp4", ".gif")
    assert written.stat().st_size > 100
    assert plt.get_fignums() == []


@pytest.mark.parametrize("dt", [20, 30, 110, 1980])
def test_gif_lasts_as_long_as_the_trial(tmp_path, dt):
    frames = np.arange(5)[:, None, None] * np.ones((5, 6, 8))
    plot_env_3dbox(frames, tmp_path / "animation.gif", ngym.make(ID, dt=dt, timing={"fixation": dt, "decision": dt}))
    with Image.open(tmp_path / "animation.gif") as animation:
        assert animation.n_frames == 5
        assert animation.info["duration"] == dt


@pytest.mark.skipif(not FFMpegWriter.isAvailable(), reason="there is no ffmpeg")
def test_animation_is_mp4_with_ffmpeg(tmp_path):
    plot_env_3dbox(np.random.default_rng(0).random((5, 6, 8)), tmp_path / "animation")
    assert (tmp_path / "animation.mp4").read_bytes()[4:8] == b"ftyp"


def test_animation_is_gif_without_ffmpeg(tmp_path, monkeypatch):
    monkeypatch.setattr(FFMpegWriter, "isAvailable", classmethod(lambda cls: False))
    plot_env_3dbox(np.random.default_rng(0).random((5, 6, 8)), tmp_path / "animation.mp4")
    assert [p.name for p in tmp_path.iterdir()] == ["animation.gif"]


def test_animation_can_be_shown_without_a_file():
    animation = plot_env_3dbox(np.linspace(0, 1, 5)[:, None, None] * np.ones((5, 6, 8)))
    assert animation.event_source.interval == 50
    animation._draw_frame(3)
    assert animation._fig.axes[0].images[0].get_array()[0, 0] == round(0.75 * 255)
    animation.pause()
    animation._draw_was_started = True


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((3, 2), r"ob must be \(T, H, W\)"),
        ((3, 2, 2, 5), r"not of shape \(3, 2, 2, 5\)"),
    ],
)
def test_animation_rejects_arrays_that_are_not_images(shape, message):
    with pytest.raises(ValueError, match=message):
        plot_env_3dbox(np.zeros(shape))

from __future__ import annotations

import itertools

import gymnasium as gym
import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.animation import FFMpegWriter
from PIL import Image

import ngym_core as ngym
from ngym_plot import PlotConfig, plot_env, plot_env_1dbox, plot_env_3dbox, run_env, visualize_run
from ngym_plot.panels import pixels

ID = "PerceptualDecisionMaking-v0"


@pytest.fixture(autouse=True)
def _close():
    yield
    plt.close("all")


def panels(figure):
    """Label of each panel -> its axes."""
    return {ax.get_ylabel(): ax for ax in figure.axes if ax.get_ylabel()}


def run(steps=60, **kwargs):
    rng = np.random.default_rng(0)
    data = {"ob": rng.random((steps, 3)), "actions": rng.integers(0, 3, steps), "gt": rng.integers(0, 3, steps)}
    data |= {"rewards": rng.choice([0, 1.0, -0.1], steps), "performance": np.where(np.arange(steps) % 10 == 9, 1.0, np.nan)}
    return {**data, **kwargs}


def test_all_panels_of_a_run_share_one_axis():
    figure = plot_env(ID, num_steps=50, seed=0)
    found = panels(figure)
    assert list(found) == ["Observation", "Action", "Reward", "Perform."]
    assert {ax.get_xlim() for ax in found.values()} == {(0.5, 50.5)}
    boxes = np.array([ax.get_position().intervalx for ax in found.values()])
    assert np.allclose(boxes, boxes[0])
    assert found["Perform."].get_xlabel() == "Time (steps)"
    assert found["Observation"].get_title(loc="left") == "PerceptualDecisionMaking"
    assert [t.get_text() for t in found["Observation"].get_yticklabels()] == ["fixation", "stimulus"]
    assert [t.get_text() for t in found["Action"].get_yticklabels()] == ["fixation", "choice 1", "choice 2"]


def test_observations_stand_over_the_actions_that_answer_them():
    env = ngym.make(ID)
    figure = plot_env(env, num_steps=40, def_act=0, seed=3)
    env.reset(seed=3)
    image = panels(figure)["Observation"].get_images()[0]
    assert image.get_extent() == [0.5, 40.5, -0.5, 2.5]
    assert np.array_equal(image.get_array()[:, :22].T, env.ob)


def test_trial_starts_are_marked_where_trials_start():
    figure = plot_env(ID, num_trials=3, def_act=0, seed=0)
    for ax in panels(figure).values():
        marks = [line.get_xdata()[0] for line in ax.lines if len(line.get_xdata()) == 2 and len(set(line.get_xdata())) == 1]
        assert [m for m in marks if m > 1] == [22.5, 44.5, 66.5]


def test_time_in_ms():
    figure = plot_env(ID, num_steps=44, seed=0, plot_config={"unit": "ms"})
    ax = panels(figure)["Perform."]
    assert ax.get_xlim() == (0, 4400)
    assert ax.get_xlabel() == "Time (ms)"
    with pytest.raises(ValueError, match="A time axis in ms needs env"):
        visualize_run(**run(), plot_config=PlotConfig(unit="ms"))


def test_performance_is_shown_where_trials_end():
    ax = panels(visualize_run(**run()))["Perform."]
    assert ax.lines[0].get_xdata().tolist() == [10, 20, 30, 40, 50, 60]
    assert ax.get_title(loc="left") == "Mean performance: 1.00 over 6 trials"
    none = panels(visualize_run(**run(performance=np.full(60, -1.0))))["Perform."]
    assert none.get_title(loc="left") == "Mean performance: no trial ended"
    assert "Perform." not in panels(plot_env(ID, 30, plot_performance=False, seed=0))


def test_hidden_states_are_shown_in_full():
    figure = visualize_run(**run(states=np.random.default_rng(0).random((60, 7))))
    assert panels(figure)["Unit"].get_images()[0].get_array().shape == (7, 60)


def test_traces_instead_of_an_image():
    ax = panels(visualize_run(**run(), ob_traces=["a", "b", "c"]))["Observation"]
    assert [line.get_label() for line in ax.lines] == ["a", "b", "c"]
    with pytest.raises(ValueError, match="label for each of the 3 traces in the observations; there are 1"):
        visualize_run(**run(), ob_traces=["a"])


def test_legends_can_be_left_out():
    def legends(figure):
        return sum(ax.get_legend() is not None for ax in figure.axes)

    assert legends(visualize_run(**run())) == 1
    assert legends(visualize_run(**run(), legend=False)) == 0


@pytest.mark.parametrize("shape", [(30,), (30, 5), (30, 8, 6), (30, 8, 6, 3), (30, 8, 6, 1)])
def test_observations_of_every_shape(shape):
    ob = np.random.default_rng(0).random(shape)
    assert "Observation" in panels(visualize_run(ob, np.zeros(30, int)))


def test_actions_of_several_numbers():
    rng = np.random.default_rng(0)
    figure = visualize_run(rng.random((20, 2)), rng.random((20, 9)), gt=rng.random((20, 9)))
    ax = panels(figure)["Action"]
    assert ax.get_legend_handles_labels()[1] == ["Ground truth", "Action"]
    assert len(ax.lines) == 27
    few = panels(visualize_run(rng.random((20, 2)), rng.random((20, 2)), gt=rng.random((20, 2))))["Action"]
    assert few.get_legend_handles_labels()[1] == ["Ground truth 0", "Action 0", "Ground truth 1", "Action 1"]


@pytest.mark.parametrize("steps", [1, 2, 3, 7, 40, 400])
def test_images_stand_side_by_side_inside_their_panel(steps):
    frames = np.random.default_rng(0).random((steps, 6, 6))
    ax = panels(visualize_run(frames, np.zeros(steps, int)))["Observation"]
    ax.figure.canvas.draw()
    boxes = [child.get_position() for child in ax.child_axes]
    assert len(boxes) == min(5, steps)
    assert all(a.x1 < b.x0 for a, b in itertools.pairwise(boxes))
    assert boxes[0].x0 >= ax.get_position().x0
    assert boxes[-1].x1 <= ax.get_position().x1


def test_actions_of_a_long_run_are_dots_that_hide_nothing():
    short, long = (panels(visualize_run(np.zeros((n, 2)), np.arange(n) % 3))["Action"] for n in (20, 2000))
    assert [line.get_linestyle() for line in short.lines] == ["-", "None"]
    assert [line.get_linestyle() for line in long.lines] == ["None"]


def test_a_ring_of_choices_has_few_ticks():
    env = ngym.make("AntiReach-v0")
    ax = panels(plot_env(env, 20, seed=0))["Action"]
    ticks = ax.get_yticks()
    assert [t.get_text() for t in ax.get_yticklabels()][:2] == ["fixation", "choice 9"]
    assert np.diff(ticks).min() >= np.ptp(ticks) / 8


def test_ticks_stay_few_in_a_long_run():
    figure = plot_env(ID, num_steps=2000, seed=0)
    figure.canvas.draw()
    assert len(panels(figure)["Perform."].get_xticks()) < 15


def test_figures_leave_global_settings_alone():
    before = dict(mpl.rcParams)
    plot_env(ID, 30, seed=0)
    assert dict(mpl.rcParams) == before


def test_colours_stay_when_a_figure_is_drawn_later_in_another_style():
    figure = visualize_run(**run(performance=np.full(60, 0.5)))
    with plt.style.context("grayscale"):
        figure.canvas.draw()
        drawn = {mpl.colors.to_hex(line.get_color()) for ax in figure.axes for line in ax.lines}
    assert drawn >= {"#0072b2", "#d55e00", "#009e73"}


def test_a_size_can_be_given_and_axes_stay_shared():
    figure = visualize_run(**run(), fig_kwargs={"figsize": (4, 3)})
    assert figure.get_size_inches().tolist() == [4, 3]
    assert len({ax.get_xlim() for ax in panels(figure).values()}) == 1


@pytest.mark.parametrize(
    ("name", "written"), [("a.pdf", "a.pdf"), ("a.svg", "a.svg"), ("a", "a.png"), ("task.v0", "task.v0.png")]
)
def test_saving(tmp_path, name, written):
    figure = plot_env(ID, 20, fname=tmp_path / "new" / name, seed=0)
    assert [p.name for p in (tmp_path / "new").iterdir()] == [written]
    assert not plt.fignum_exists(figure.number)


def test_a_failed_save_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr("matplotlib.figure.Figure.savefig", lambda self, path: path.write_text("half") and 1 / 0)
    with pytest.raises(ZeroDivisionError):
        plot_env(ID, 20, fname=tmp_path / "a.png", seed=0)
    assert list(tmp_path.iterdir()) == []


def test_vectors_have_a_function_of_their_own():
    data = run()
    figure = plot_env_1dbox(data.pop("ob"), **data)
    assert panels(figure)["Observation"].get_images()[0].get_extent()[:2] == [0.5, 60.5]
    assert run_env(ID, 5, seed=0)["ob"].shape == (5, 3)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: visualize_run(np.zeros((3, 1, 1, 1, 1)), np.zeros(3)), r"ob.shape=\(3, 1, 1, 1, 1\) not supported"),
        (lambda: visualize_run(np.zeros((0, 3)), np.zeros(0)), "There is no step to draw: ob is empty"),
        (
            lambda: visualize_run(np.zeros((5, 3)), np.zeros(4)),
            "actions must have one row for each of the 5 steps",
        ),
        (lambda: visualize_run(np.zeros((5, 3)), np.zeros(5), rewards=3), "rewards must have one row"),
        (lambda: visualize_run(np.zeros((5, 3)), np.zeros(5), states=np.zeros(5)), r"states must be \(T, units\)"),
        (lambda: plot_env_1dbox(np.zeros(5), np.zeros(5)), "ob must be 2-dimensional"),
        (lambda: plot_env_1dbox(np.zeros((0, 2)), np.zeros(0)), "ob is empty"),
        (lambda: plot_env_3dbox(np.zeros((3, 2))), r"ob must be \(T, H, W\)"),
        (lambda: plot_env_3dbox(np.zeros((3, 2, 2, 5))), r"not of shape \(3, 2, 2, 5\)"),
        (lambda: PlotConfig(unit="s"), "unit='s' must be 'steps' or 'ms'"),
        (lambda: PlotConfig(width=-1), "width=-1 must be a positive number"),
    ],
)
def test_what_cannot_be_drawn_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize(
    ("config", "message"), [(3, "plot_config=3 must be a PlotConfig"), ({"unti": "ms"}, r"PlotConfig has no \['unti'\]")]
)
def test_a_config_is_checked(config, message):
    with pytest.raises(TypeError, match=message):
        plot_env(ID, 20, plot_config=config)


def test_films(tmp_path):
    env = ngym.make(ID, dt=20)
    frames = np.random.default_rng(0).random((4, 6, 8, 3))
    film = plot_env_3dbox(frames, tmp_path / "film", env)
    assert film.event_source is None or film.event_source.interval == 20
    (written,) = tmp_path.iterdir()
    assert written.suffix in (".mp4", ".gif")
    assert written.stat().st_size > 100
    assert plt.get_fignums() == []


@pytest.mark.parametrize("dt", [20, 30, 110, 1980])
def test_a_gif_lasts_as_long_as_the_trial(tmp_path, dt):
    frames = np.arange(5)[:, None, None] * np.ones((5, 6, 8))
    plot_env_3dbox(frames, tmp_path / "film.gif", ngym.make(ID, dt=dt, timing={"fixation": dt, "decision": dt}))
    with Image.open(tmp_path / "film.gif") as film:
        assert film.n_frames == 5
        assert film.info["duration"] == dt


@pytest.mark.skipif(not FFMpegWriter.isAvailable(), reason="there is no ffmpeg")
def test_a_film_is_mp4_where_there_is_ffmpeg(tmp_path):
    plot_env_3dbox(np.random.default_rng(0).random((5, 6, 8)), tmp_path / "film")
    assert (tmp_path / "film.mp4").read_bytes()[4:8] == b"ftyp"


def test_a_film_is_gif_where_there_is_no_ffmpeg(tmp_path, monkeypatch):
    monkeypatch.setattr(FFMpegWriter, "isAvailable", classmethod(lambda cls: False))
    plot_env_3dbox(np.random.default_rng(0).random((5, 6, 8)), tmp_path / "film.mp4")
    assert [p.name for p in tmp_path.iterdir()] == ["film.gif"]


def test_a_film_can_be_shown():
    film = plot_env_3dbox(np.linspace(0, 1, 5)[:, None, None] * np.ones((5, 6, 8)))
    assert film.event_source.interval == 50
    film._draw_frame(3)
    assert film._fig.axes[0].images[0].get_array()[0, 0] == round(0.75 * 255)
    film.pause()
    film._draw_was_started = True


@pytest.mark.parametrize(
    ("frames", "space", "expected"),
    [
        (np.array([0, 0.5, 1]), None, [0, 128, 255]),
        (np.array([0, 51.0, 255]), None, [0, 51, 255]),
        (np.array([0, 1, 255], np.uint8), None, [0, 1, 255]),
        (np.array([0, 1, 1], np.uint8), None, [0, 1, 1]),
        (np.array([-1.0, 0, 1]), gym.spaces.Box(-1, 1, (2, 2)), [0, 128, 255]),
        (np.array([-1.0, 0, 2]), gym.spaces.Box(-np.inf, np.inf, (2, 2)), [0, 0, 2]),
    ],
)
def test_all_images_of_a_film_have_one_scale(frames, space, expected):
    shown = pixels(frames[:, None, None] * np.ones((1, 2, 2), frames.dtype), space)
    assert shown.dtype == np.uint8
    assert shown[:, 0, 0].tolist() == expected

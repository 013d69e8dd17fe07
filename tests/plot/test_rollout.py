from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest

import ngym_core as ngym
from ngym_plot import PlotConfig, plot_env, plot_env_1dbox, run_env, visualize_run

from .inspection import panels
from .observers import random_run

ID = "PerceptualDecisionMaking-v0"


def test_plot_env_draws_all_panels_on_one_time_axis():
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


def test_plot_env_aligns_each_action_with_the_observation_before_it():
    env = ngym.make(ID)
    figure = plot_env(env, num_steps=40, def_act=0, seed=3)
    env.reset(seed=3)
    image = panels(figure)["Observation"].get_images()[0]
    assert image.get_extent() == [0.5, 40.5, -0.5, 2.5]
    assert np.array_equal(image.get_array()[:, :22].T, env.ob)


def test_plot_env_marks_the_starts_of_trials():
    figure = plot_env(ID, num_trials=3, def_act=0, seed=0)
    for ax in panels(figure).values():
        marks = [line.get_xdata()[0] for line in ax.lines if len(line.get_xdata()) == 2 and len(set(line.get_xdata())) == 1]
        assert [m for m in marks if m > 1] == [22.5, 44.5, 66.5]


def test_time_axis_in_ms_needs_the_time_step_of_an_env():
    figure = plot_env(ID, num_steps=44, seed=0, plot_config={"unit": "ms"})
    ax = panels(figure)["Perform."]
    assert ax.get_xlim() == (0, 4400)
    assert ax.get_xlabel() == "Time (ms)"
    with pytest.raises(ValueError, match="A time axis in ms needs env"):
        visualize_run(**random_run(), plot_config=PlotConfig(unit="ms"))


def test_visualize_run_draws_labelled_traces_instead_of_an_image():
    ax = panels(visualize_run(**random_run(), ob_traces=["a", "b", "c"]))["Observation"]
    assert [line.get_label() for line in ax.lines] == ["a", "b", "c"]
    with pytest.raises(ValueError, match="label for each of the 3 traces in the observations; there are 1"):
        visualize_run(**random_run(), ob_traces=["a"])


def test_visualize_run_without_legends():
    def legends(figure):
        return sum(ax.get_legend() is not None for ax in figure.axes)

    assert legends(visualize_run(**random_run())) == 1
    assert legends(visualize_run(**random_run(), legend=False)) == 0


@pytest.mark.parametrize("shape", [(30,), (30, 5), (30, 8, 6), (30, 8, 6, 3), (30, 8, 6, 1)])
def test_visualize_run_accepts_observations_of_every_shape(shape):
    ob = np.random.default_rng(0).random(shape)
    assert "Observation" in panels(visualize_run(ob, np.zeros(30, int)))


def test_visualize_run_keeps_axes_shared_with_fig_kwargs():
    figure = visualize_run(**random_run(), fig_kwargs={"figsize": (4, 3)})
    assert figure.get_size_inches().tolist() == [4, 3]
    assert len({ax.get_xlim() for ax in panels(figure).values()}) == 1


def test_plot_env_1dbox_draws_the_observations_before_actions():
    data = random_run()
    figure = plot_env_1dbox(data.pop("ob"), **data)
    assert panels(figure)["Observation"].get_images()[0].get_extent()[:2] == [0.5, 60.5]
    assert run_env(ID, 5, seed=0)["ob"].shape == (5, 3)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: visualize_run(np.zeros((3, 1, 1, 1, 1)), np.zeros(3)), r"ob.shape=\(3, 1, 1, 1, 1\) not supported"),
        (lambda: visualize_run(np.zeros((0, 3)), np.zeros(0)), "There is no step to draw: ob is empty"),
        (lambda: visualize_run(np.zeros((5, 3)), np.zeros(4)), "actions must have one row for each of the 5 steps"),
        (lambda: visualize_run(np.zeros((5, 3)), np.zeros(5), rewards=3), "rewards must have one row"),
        (lambda: visualize_run(np.zeros((5, 3)), np.zeros(5), states=np.zeros(5)), r"states must be \(T, units\)"),
        (lambda: plot_env_1dbox(np.zeros(5), np.zeros(5)), "ob must be 2-dimensional"),
        (lambda: plot_env_1dbox(np.zeros((0, 2)), np.zeros(0)), "ob is empty"),
    ],
)
def test_run_figures_reject_arrays_of_wrong_shapes(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("env", 5, "^env=5 must be an env, or None.$"),
        ("ob_traces", "ab", "^ob_traces='ab' must be a sequence of texts, or None.$"),
        ("trial_starts", 5, "^trial_starts=5 must be a sequence of steps.$"),
        ("trial_starts", ["a"], r"^trial_starts=\['a'\] must be a sequence of steps.$"),
        ("initial_ob", [1.0], r"^initial_ob=\[1.0\] must be an observation, of shape \(2,\).$"),
    ],
)
def test_run_arguments_of_another_kind_are_named(name, value, message):
    with pytest.raises((TypeError, ValueError), match=message):
        visualize_run(np.zeros((5, 2)), np.zeros(5), **{name: value})


def test_plot_env_fixes_conditions(monkeypatch):
    trials = []
    monkeypatch.setattr(ngym, "run_env", lambda *args, **kwargs: trials.append(run_env(*args, **kwargs)) or trials[0])
    plot_env(ID, num_trials=4, def_act=0, seed=0, conditions={"coh": 12.8})
    assert [trial["coh"] for trial in trials[0]["trials"]] == [12.8] * 4
    with pytest.raises(ngym.UnknownNameError, match="'choh'. Did you mean 'coh'"):
        plot_env(ID, conditions={"choh": 12.8})


@pytest.mark.parametrize(
    "make",
    [
        lambda: ngym.make("IBL-v0", wrappers=["PassAction", "PassReward"], num_trials_before_reset=1),
        lambda: gym.make("ngym_core:PerceptualDecisionMaking-v0", max_episode_steps=7),
    ],
)
def test_plot_env_draws_what_the_agent_saw_across_resets(make):
    seen = []
    figure = plot_env(make(), num_steps=40, model=lambda ob: (seen.append(np.array(ob)), 1)[1], seed=0)
    found = panels(figure)
    assert np.array_equal(found["Observation"].get_images()[0].get_array().T, seen)


def test_plot_env_marks_trials_that_a_reset_begins():
    env = gym.make("ngym_core:PerceptualDecisionMaking-v0", max_episode_steps=7)
    ax = panels(plot_env(env, num_steps=30, def_act=0, seed=0))["Perform."]
    marks = [line.get_xdata()[0] for line in ax.lines if len(line.get_xdata()) == 2 and len(set(line.get_xdata())) == 1]
    assert marks == [7.5, 14.5, 21.5, 28.5]

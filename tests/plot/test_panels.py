from __future__ import annotations

import itertools

import gymnasium as gym
import matplotlib.pyplot as plt
import numpy as np
import pytest

import ngym_core as ngym
from ngym_plot import plot_env, visualize_run
from ngym_plot.figure import TimeAxis
from ngym_plot.panels import channel_names, draw_rewards, to_uint8

from .inspection import panels
from .observers import random_run

ID = "PerceptualDecisionMaking-v0"


def test_performance_panel_marks_the_ends_of_trials():
    ax = panels(visualize_run(**random_run()))["Perform."]
    assert ax.lines[0].get_xdata().tolist() == [10, 20, 30, 40, 50, 60]
    assert ax.get_title(loc="left") == "Mean performance: 1.00 over 6 trials"
    none = panels(visualize_run(**random_run(performance=np.full(60, -1.0))))["Perform."]
    assert none.get_title(loc="left") == "Mean performance: no trial ended"
    assert "Perform." not in panels(plot_env(ID, 30, plot_performance=False, seed=0))


def test_heat_map_has_a_row_for_each_hidden_unit():
    figure = visualize_run(**random_run(states=np.random.default_rng(0).random((60, 7))))
    assert panels(figure)["Unit"].get_images()[0].get_array().shape == (7, 60)


def test_actions_panel_of_several_numbers_has_few_legend_entries():
    rng = np.random.default_rng(0)
    figure = visualize_run(rng.random((20, 2)), rng.random((20, 9)), gt=rng.random((20, 9)))
    ax = panels(figure)["Action"]
    assert ax.get_legend_handles_labels()[1] == ["Ground truth", "Action"]
    assert len(ax.lines) == 27
    few = panels(visualize_run(rng.random((20, 2)), rng.random((20, 2)), gt=rng.random((20, 2))))["Action"]
    assert few.get_legend_handles_labels()[1] == ["Ground truth 0", "Action 0", "Ground truth 1", "Action 1"]


def test_actions_panel_of_a_long_run_has_dots_without_lines():
    short, long = (panels(visualize_run(np.zeros((n, 2)), np.arange(n) % 3))["Action"] for n in (20, 2000))
    assert [line.get_linestyle() for line in short.lines] == ["-", "None"]
    assert [line.get_linestyle() for line in long.lines] == ["None"]


def test_actions_panel_of_a_ring_of_choices_has_few_ticks():
    env = ngym.make("AntiReach-v0")
    ax = panels(plot_env(env, 20, seed=0))["Action"]
    ticks = ax.get_yticks()
    assert [t.get_text() for t in ax.get_yticklabels()][:2] == ["fixation", "choice 9"]
    assert np.diff(ticks).min() >= np.ptp(ticks) / 8


@pytest.mark.parametrize("id_", ["yang19.go-v0", "AntiReach-v0", ID])
def test_actions_panel_shows_all_actions_that_there_are(id_):
    env = ngym.make(id_)
    low, high = panels(plot_env(env, 5, seed=0))["Action"].get_ylim()
    assert low < 0 < env.action_space.n - 1 < high
    padded = ngym.mix([ID, "yang19.go-v0"], pad=True)
    assert panels(plot_env(padded, 5, seed=0))["Action"].get_ylim()[1] > 16


@pytest.mark.parametrize("steps", [1, 2, 3, 7, 40, 400])
def test_images_panel_draws_images_side_by_side_inside_the_panel(steps):
    frames = np.random.default_rng(0).random((steps, 6, 6))
    ax = panels(visualize_run(frames, np.zeros(steps, int)))["Observation"]
    ax.figure.canvas.draw()
    boxes = [child.get_position() for child in ax.child_axes]
    assert len(boxes) == min(5, steps)
    assert all(a.x1 < b.x0 for a, b in itertools.pairwise(boxes))
    assert boxes[0].x0 >= ax.get_position().x0
    assert boxes[-1].x1 <= ax.get_position().x1


@pytest.mark.parametrize(
    ("frames", "space", "expected"),
    [
        (np.array([0, 0.5, 1]), None, [0, 128, 255]),
        (np.array([0, 51.0, 255]), None, [0, 51, 255]),
        (np.array([0, 1, 255], np.uint8), None, [0, 1, 255]),
        (np.array([0, 1, 1], np.uint8), None, [0, 1, 1]),
        (np.array([-1.0, 0, 1]), gym.spaces.Box(-1, 1, (2, 2)), [0, 128, 255]),
        (np.array([-1.0, 0, 2]), gym.spaces.Box(-np.inf, np.inf, (2, 2)), [0, 0, 2]),
        (np.array([0, np.nan, 1]), None, [0, 0, 255]),
    ],
)
def test_to_uint8_scales_all_images_alike(frames, space, expected):
    shown = to_uint8(frames[:, None, None] * np.ones((1, 2, 2), frames.dtype), space)
    assert shown.dtype == np.uint8
    assert shown[:, 0, 0].tolist() == expected


def test_rewards_panel_shows_all_rewards_where_some_are_missing():
    _, ax = plt.subplots()
    draw_rewards(ax, TimeAxis(4, 100, "ms"), np.array([2.0, np.nan, -1.0, 0.0]))
    low, high = ax.get_ylim()
    assert low < -1
    assert high > 2
    assert len(ax.containers[0].markerline.get_xdata()) == 2


def test_too_many_channels_are_refused():
    with pytest.raises(ValueError, match="^k=1000000000000 must be an integer from 1. More than"):
        channel_names(None, 10**12)

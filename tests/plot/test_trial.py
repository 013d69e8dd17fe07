from __future__ import annotations

import itertools

import matplotlib.pyplot as plt
import numpy as np
import pytest

import ngym_core as ngym
from ngym_plot import plot_trial
from ngym_plot.trial import say

ID = "PerceptualDecisionMaking-v0"
DIFFERENT = ["Bandit-v0", "HierarchicalReasoning-v0", "Null-v0", "PulseDecisionMaking-v0", "ReachingDelayResponse-v0"]
DIFFERENT += ["ReadySetGo-v0", "SpatialSuppressMotion-v0", "perceptualdecisionmaking.roitman02-v0", "yang19.ctxdlydm1-v0"]


@pytest.fixture(autouse=True)
def _close():
    yield
    plt.close("all")


def panels(figure):
    return {ax.get_ylabel(): ax for ax in figure.axes if ax.get_ylabel()}


def names_above(ax):
    return [label.get_text() for label in ax.child_axes[-1].get_xticklabels()]


def shades(ax):
    return sorted((patch.get_x(), patch.get_x() + patch.get_width()) for patch in ax.patches)


def test_channels_periods_and_conditions_are_named():
    figure = plot_trial(ID, seed=3)
    found = panels(figure)
    assert list(found) == ["Observation", "Action", "Reward"]
    assert [line.get_label() for line in found["Observation"].lines] == ["fixation", "stimulus 1", "stimulus 2"]
    assert names_above(found["Observation"]) == ["fixation", "stimulus", "decision"]  # the delay of 0 ms is no period
    for ax in found.values():
        assert shades(ax) == [(0, 100), (100, 2100), (2100, 2200)]
    env = ngym.make(ID)
    env.reset(seed=3)
    title = found["Observation"].get_title(loc="left")
    assert title == f"PerceptualDecisionMaking\nground_truth = {env.trial['ground_truth']} · coh = {env.trial['coh']:g}"
    assert found["Reward"].get_xlabel() == "Time (ms)"


def test_the_trial_is_the_one_of_the_seed_and_the_ground_truth_is_played():
    found = panels(plot_trial(ID, seed=5))
    env = ngym.make(ID)
    env.reset(seed=5)
    assert np.array_equal(found["Observation"].lines[2].get_ydata()[::2], env.ob[:, 2])
    truth, action = (line.get_ydata()[::2] for line in found["Action"].lines[:2])
    assert np.array_equal(truth, env.gt)
    assert np.array_equal(action, env.gt)
    stems = found["Reward"].containers[0]
    assert (stems.markerline.get_xdata().tolist(), stems.markerline.get_ydata().tolist()) == ([2150], [1])


def test_an_action_or_a_model_can_be_watched_and_a_trial_cut_short_has_shorter_periods():
    found = panels(plot_trial(ngym.make(ID, abort=True, timing={"fixation": 300}), def_act=1, seed=0))
    assert found["Action"].get_xlim() == (0, 100)
    assert shades(found["Action"]) == [(0, 100)]
    found = panels(plot_trial(ID, lambda ob: 2, seed=0))
    assert set(found["Action"].lines[1].get_ydata()) == {2}


def test_time_in_steps():
    ax = panels(plot_trial(ID, seed=0, plot_config={"unit": "steps"}))["Reward"]
    assert (ax.get_xlim(), ax.get_xlabel()) == ((0.5, 22.5), "Time (steps)")
    assert shades(ax) == [(0.5, 1.5), (1.5, 21.5), (21.5, 22.5)]


@pytest.mark.parametrize("name", DIFFERENT)
def test_every_kind_of_task_can_be_drawn(name):
    figure = plot_trial(name, seed=0)
    figure.canvas.draw()
    found = panels(figure)
    assert list(found) == ["Observation", "Action", "Reward"]
    labels = [label for label in found["Observation"].child_axes[-1].get_xticklabels() if label.get_text()]
    boxes = [label.get_window_extent() for label in labels]
    if labels and labels[0].get_rotation() in (0, 90):  # boxes around slanted names overlap, the names do not
        assert all(a.x1 <= b.x0 + 1 for a, b in itertools.pairwise(boxes))


def test_many_channels_are_an_image():
    ax = panels(plot_trial("yang19.go-v0", seed=0))["Observation"]
    assert ax.images[0].get_array().shape[0] == 33
    assert not ax.patches


def test_trials_can_be_drawn_side_by_side(tmp_path):
    figure = plt.figure(figsize=(10, 4), layout="constrained")
    left, right = figure.subfigures(1, 2)
    assert plot_trial(ID, seed=0, fig=left, legend=False) is left
    plot_trial("GoNogo-v0", seed=0, fig=right, fname=tmp_path / "both.png")
    assert len(panels(left)) == len(panels(right)) == 3
    assert [p.name for p in tmp_path.iterdir()] == ["both.png"]


def test_a_wrapped_task_shows_what_the_agent_sees():
    figure = plot_trial(ngym.make(ID, wrappers=["PassReward-v0"]), seed=0, name="With rewards")
    ax = panels(figure)["Observation"]
    assert len(ax.lines) == 4
    assert ax.get_title(loc="left").startswith("With rewards")


def test_conditions_are_said_in_one_line():
    assert (
        say({"a": 1, "b": 0.12345, "c": np.array([1.0, 2.0]), "d": "left"}, 72)
        == "a = 1 · b = 0.123 · c = (1, 2) · d = left"
    )
    assert say({"long": np.zeros(30), "a": True}, 72) == "a = True"
    many = say({f"condition_{i}": i for i in range(20)}, 72)
    assert many.endswith(" · …")
    assert len(many) <= 80


def test_a_vector_env_is_refused():
    with pytest.raises(ValueError, match="plot_trial plays one env, not the vector env"):
        plot_trial(ngym.make_vec(ID, 2))

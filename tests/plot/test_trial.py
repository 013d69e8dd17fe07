from __future__ import annotations

import itertools
from unittest.mock import Mock

import matplotlib.pyplot as plt
import numpy as np
import pytest

import ngym_core as ngym
from ngym_plot import plot_env, plot_trial
from ngym_plot.rollout import task_name
from ngym_plot.trial import describe_conditions

from .inspection import panels, period_names

ID = "PerceptualDecisionMaking-v0"
DIFFERENT = ["Bandit-v0", "HierarchicalReasoning-v0", "Null-v0", "PulseDecisionMaking-v0", "ReachingDelayResponse-v0"]
DIFFERENT += ["ReadySetGo-v0", "SpatialSuppressMotion-v0", "perceptualdecisionmaking.roitman02-v0", "yang19.ctxdlydm1-v0"]


def shades(ax):
    return sorted((patch.get_x(), patch.get_x() + patch.get_width()) for patch in ax.patches)


def test_plot_trial_names_channels_periods_and_conditions():
    figure = plot_trial(ID, seed=3)
    found = panels(figure)
    assert list(found) == ["Observation", "Action", "Reward"]
    assert [line.get_label() for line in found["Observation"].lines] == ["fixation", "stimulus 1", "stimulus 2"]
    assert period_names(found["Observation"]) == ["fixation", "stimulus", "decision"]  # the delay of 0 ms is no period
    for ax in found.values():
        assert shades(ax) == [(0, 100), (100, 2100), (2100, 2200)]
    env = ngym.make(ID)
    env.reset(seed=3)
    title = found["Observation"].get_title(loc="left")
    assert title == f"PerceptualDecisionMaking\nground_truth = {env.trial['ground_truth']} · coh = {env.trial['coh']:g}"
    assert found["Reward"].get_xlabel() == "Time (ms)"


def test_plot_trial_plays_the_ground_truth_in_the_trial_of_the_seed():
    found = panels(plot_trial(ID, seed=5))
    env = ngym.make(ID)
    env.reset(seed=5)
    assert np.array_equal(found["Observation"].lines[2].get_ydata()[::2], env.ob[:, 2])
    truth, action = (line.get_ydata()[::2] for line in found["Action"].lines[:2])
    assert np.array_equal(truth, env.gt)
    assert np.array_equal(action, env.gt)
    stems = found["Reward"].containers[0]
    assert (stems.markerline.get_xdata().tolist(), stems.markerline.get_ydata().tolist()) == ([2150], [1])


def test_plot_trial_plays_an_action_or_a_model_and_cuts_periods_of_an_aborted_trial():
    found = panels(plot_trial(ngym.make(ID, abort=True, timing={"fixation": 300}), def_act=1, seed=0))
    assert found["Action"].get_xlim() == (0, 100)
    assert shades(found["Action"]) == [(0, 100)]
    found = panels(plot_trial(ID, lambda ob: 2, seed=0))
    assert set(found["Action"].lines[1].get_ydata()) == {2}


def test_plot_trial_in_steps():
    ax = panels(plot_trial(ID, seed=0, plot_config={"unit": "steps"}))["Reward"]
    assert (ax.get_xlim(), ax.get_xlabel()) == ((0.5, 22.5), "Time (steps)")
    assert shades(ax) == [(0.5, 1.5), (1.5, 21.5), (21.5, 22.5)]


@pytest.mark.parametrize("name", DIFFERENT)
def test_plot_trial_draws_every_kind_of_task(name):
    figure = plot_trial(name, seed=0)
    figure.canvas.draw()
    found = panels(figure)
    assert list(found) == ["Observation", "Action", "Reward"]
    labels = [label for label in found["Observation"].child_axes[-1].get_xticklabels() if label.get_text()]
    boxes = [label.get_window_extent() for label in labels]
    if labels and labels[0].get_rotation() in (0, 90):  # boxes around slanted names overlap, the names do not
        assert all(a.x1 <= b.x0 + 1 for a, b in itertools.pairwise(boxes))


def test_periods_that_overlap_have_bars_from_start_to_end():
    figure = plot_trial("perceptualdecisionmaking.roitman02-v0", seed=3)
    ax = panels(figure)["Observation"]
    bars = {(bar.get_x(), bar.get_x() + bar.get_width()): bar.get_y() for bar in ax.patches}
    assert list(bars) == [(0, 200), (100, 300), (200, 300)]
    fixation, stimulus, decision = bars.values()
    assert 1 < fixation == decision < stimulus
    assert [text.get_text() for text in ax.texts] == [" fixation", " stimulus", " decision"]
    assert not panels(figure)["Reward"].patches
    figure.canvas.draw()
    assert ax._left_title.get_window_extent().y0 >= max(bar.get_window_extent().y1 for bar in ax.patches)


@pytest.mark.parametrize(
    ("env", "panel", "lines"),
    [
        (lambda: ngym.make("DualDelayMatchSample-v0", wrappers=["PassReward"]), "Observation", 8),
        (lambda: "MemoryRecall-v0", "Action", 10),
    ],
)
def test_every_line_of_a_panel_has_its_colour(env, panel, lines):
    ax = panels(plot_trial(env(), seed=0))[panel]
    assert len({line.get_color() for line in ax.lines}) == lines


def test_plot_trial_names_the_numbers_of_an_action():
    ax = panels(plot_trial("ReachingDelayResponse-v0", seed=0))["Action"]
    labels = ax.get_legend_handles_labels()[1]
    assert labels == ["Ground truth go", "Action go", "Ground truth position", "Action position"]


def test_plot_trial_draws_many_channels_as_an_image():
    ax = panels(plot_trial("yang19.go-v0", seed=0))["Observation"]
    assert ax.images[0].get_array().shape[0] == 33
    assert not ax.patches


def test_plot_trial_draws_into_subfigures(tmp_path):
    figure = plt.figure(figsize=(10, 4), layout="constrained")
    left, right = figure.subfigures(1, 2)
    assert plot_trial(ID, seed=0, fig=left, legend=False) is left
    plot_trial("GoNogo-v0", seed=0, fig=right, fname=tmp_path / "both.png")
    assert len(panels(left)) == len(panels(right)) == 3
    assert [p.name for p in tmp_path.iterdir()] == ["both.png"]


def test_plot_trial_of_a_wrapped_task_shows_the_wrapped_observation():
    figure = plot_trial(ngym.make(ID, wrappers=["PassReward-v0"]), seed=0, name="With rewards")
    ax = panels(figure)["Observation"]
    assert len(ax.lines) == 4
    assert ax.get_title(loc="left").startswith("With rewards")


def testdescribe_conditions_fits_into_one_line():
    assert (
        describe_conditions({"a": 1, "b": 0.12345, "c": np.array([1.0, 2.0]), "d": "left"}, 72)
        == "a = 1 · b = 0.123 · c = (1, 2) · d = left"
    )
    assert describe_conditions({"long": np.zeros(30), "a": True}, 72) == "a = True"
    assert describe_conditions({"a": 1, "task": "yang19.go-v0", "b": 2}, 30) == "task = yang19.go-v0 · a = 1 · …"
    many = describe_conditions({f"condition_{i}": i for i in range(20)}, 72)
    assert many.endswith(" · …")
    assert len(many) <= 80


def test_plot_trial_rejects_a_vector_env():
    with pytest.raises(
        ValueError, match="plot_trial plays a single env, as `ngym_core.make` returns it, not the vector env"
    ):
        plot_trial(ngym.make_vec(ID, 2))


def test_conditions_to_describe_are_a_dictionary():
    with pytest.raises(TypeError, match="^conditions=5 must be a dictionary of arguments.$"):
        describe_conditions(5, 80)


def test_figures_of_a_mixture_name_the_task_that_they_show():
    env = ngym.mix(["GoNogo-v0", "PerceptualDecisionMaking-v0"], pad=True)
    trial = env.sample_trials(1, seed=0)[0]
    title = panels(plot_trial(env, seed=0))["Observation"].get_title(loc="left")
    assert title.startswith(trial.conditions["task"].removesuffix("-v0"))
    assert task_name(env, [{"task": "a"}, {"task": "b"}, {"task": "a"}]) == "2 tasks"
    assert task_name(env, [{"coh": 5}]) == "mixture of 2 tasks"


def test_figures_of_vector_envs_name_the_task_with_its_modifiers():
    env = ngym.make("yang19.go-v0+anti")
    lanes, envs, processes = Mock(["vector_env"]), Mock(["get_attr", "envs"]), Mock(["get_attr"])
    lanes.vector_env.env, envs.envs = env, [env]  # as those of ngym-sb3 and of Stable-Baselines3 have them
    processes.get_attr.return_value = [env.unwrapped]
    assert [task_name(one) for one in (lanes, envs, processes)] == ["yang19.go+anti", "yang19.go+anti", "yang19.go"]


@pytest.mark.parametrize(
    ("task", "title"),
    [
        ("yang19.go-v0+anti+delay=500", "yang19.go+anti+delay=500"),
        ("modcog.dlygointr-v0", "modcog.dlygointr"),
        (ID, ID[:-3]),
    ],
)
def test_figures_name_the_task_with_its_modifiers(task, title):
    assert panels(plot_env(task, num_trials=1, def_act=0, seed=0))["Observation"].get_title(loc="left") == title
    assert panels(plot_trial(task, seed=0))["Observation"].get_title(loc="left").startswith(f"{title}\n")

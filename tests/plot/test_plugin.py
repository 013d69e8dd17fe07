from __future__ import annotations

import subprocess
import sys

import matplotlib.pyplot as plt
import numpy as np
import pytest

import ngym_core as ngym
from ngym_plot.plugin import ngym_figure
from ngym_plot.rollout import RunFigure


@pytest.mark.parametrize("ext", ["png", "svg"])
def test_ngym_figure_draws_the_steps_after_each_save_of_monitor(tmp_path, ext):
    settings = {
        "save_dir": tmp_path / "run",
        "interval": 5,
        "plot_create": True,
        "plot_steps": 40,
        "ext": ext,
        "verbose": False,
    }
    env = ngym.make("PerceptualDecisionMaking-v0", wrappers=["PassReward", ("Monitor", settings)])
    env.reset(seed=0)
    for _ in range(400):
        env.step(env.unwrapped.gt_now)
    env.close()
    figures = sorted(path.name for path in (tmp_path / "run").glob("task-*"))
    trials = len(ngym.load_trial_table(tmp_path / "run")["trial"])
    assert figures == [f"task-{k:09d}.{ext}" for k in [*range(5, trials + 1, 5), *([trials] if trials % 5 else [])]]
    assert all((tmp_path / "run" / name).stat().st_size > 3000 for name in figures)
    assert plt.get_fignums() == []


def test_ngym_figure_draws_the_first_of_several_lanes(tmp_path):
    settings = {"save_dir": tmp_path / "run", "interval": 10, "plot_create": True, "plot_steps": 30, "verbose": False}
    env = ngym.make_vec("GoNogo-v0", 3, wrappers=[("Monitor", settings)])
    env.reset(seed=0)
    for _ in range(150):
        env.step(np.zeros(3, int))
    env.close()
    assert list((tmp_path / "run").glob("task-*.png"))


@pytest.mark.parametrize(("task", "title"), [("yang19", "mixture of 20 tasks"), ("yang19.go-v0+anti", "yang19.go+anti")])
def test_ngym_figure_names_the_task_or_the_mixture(task, title, tmp_path, monkeypatch):
    titles = []
    monkeypatch.setattr(RunFigure, "draw", lambda self, legend, traces, name, fname, options: titles.append(name))
    env = ngym.make(task)
    run = ngym.run_env(env, num_trials=3, def_act=0, seed=0)
    played = dict.fromkeys(trial["task"] for trial in run["trials"]) if task == "yang19" else ()
    assert len(played) in (0, 2, 3)
    for one in (run, {**run, "trials": []}):
        ngym_figure(one, env, tmp_path / "figure.png")
    assert titles == [f"{len(played)} tasks" if played else title, title]


def test_ngym_commands_adds_plot_and_gallery():
    for command, words in (
        ("plot", "Draw trials of TASK: observations, actions"),
        ("gallery", "a figure of a trial of TASKS"),
    ):
        arguments = [sys.executable, "-m", "ngym_core", command, "--help"]
        assert words in " ".join(subprocess.run(arguments, capture_output=True, text=True, check=True).stdout.split())

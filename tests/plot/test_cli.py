from __future__ import annotations

import json
import sys

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

import ngym_core as ngym
from ngym_plot import animation, session, trial
from ngym_plot.cli import gallery, plot

from ..command_lines import NO_SUCH_OPTION, TASK, WRONG_CHANGES, WRONG_TASKS, WRONG_WORDS

ID = "PerceptualDecisionMaking-v0"


@pytest.fixture(autouse=True)
def _in_tmp_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def invoke(command, *arguments):
    return CliRunner().invoke(command, list(map(str, arguments)), catch_exceptions=False)


@pytest.mark.parametrize("trials", [1, 3, 30])
def test_plot_command_draws_any_number_of_trials(trials, tmp_path):
    done = invoke(plot, ID, "--trials", trials, "--out", "figure.png")
    assert done.output == "wrote figure.png\n"
    with Image.open(tmp_path / "figure.png") as image:
        assert image.width > 600
        assert len(image.convert("L").histogram()) > 1


@pytest.mark.parametrize(("task", "no_response"), [("IBL", None), ("GoNogo", 0)])
def test_plot_command_counts_what_the_task_calls_no_response(task, no_response, monkeypatch):
    calls = []
    draw = session.plot_session
    monkeypatch.setattr(session, "plot_session", lambda *args, **options: calls.append(options) or draw(*args, **options))
    invoke(plot, task, "--trials", 30)
    assert calls[0]["no_response"] == no_response


def test_plot_command_names_the_file_after_the_task_and_keeps_existing_files(tmp_path):
    assert invoke(plot, "GoNogo").output == "wrote GoNogo.png\n"
    again = invoke(plot, "GoNogo-v0")
    assert again.exit_code == 1
    assert "GoNogo.png exists already; name another file with --out." in again.output
    assert [p.name for p in tmp_path.iterdir()] == ["GoNogo.png"]
    assert invoke(plot, "GoNogo", "--out", "GoNogo.png").exit_code == 0


def test_plot_command_draws_the_same_figure_for_the_same_seed(tmp_path):
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        assert invoke(plot, ID, "--seed", seed, "--out", f"{name}.png").exit_code == 0
    a, b, c = (np.asarray(Image.open(tmp_path / f"{name}.png").convert("L"), int) for name in "abc")
    assert np.array_equal(a, b)
    assert a.shape != c.shape or not np.array_equal(a, c)


def test_plot_command_animates_what_was_seen_before_each_action(image_task, monkeypatch):
    animated, seen = [], []
    monkeypatch.setattr(animation, "plot_env_3dbox", lambda ob, path, env: animated.append(ob))
    env = ngym.make(image_task)
    ngym.run_env(env, num_trials=2, model=lambda ob: (seen.append(np.array(ob)), env.unwrapped.gt_now)[1], seed=0)
    assert invoke(plot, image_task, "--trials", 2, "--out", "bar.gif").exit_code == 0
    assert np.array_equal(animated[0], seen)


def test_plot_command_animates_image_observations(image_task, tmp_path):
    assert invoke(plot, image_task, "--trials", 2, "--out", "bar.gif").output == "wrote bar.gif\n"
    with Image.open(tmp_path / "bar.gif") as image:
        assert (image.n_frames, image.info["duration"]) == (8, 100)
    assert invoke(plot, image_task, "--out", "bar.png").exit_code == 0
    refused = invoke(plot, ID, "--out", "bar.gif")
    assert refused.exit_code == 1
    assert f"{ID} has no image observations to animate; give --out a name such as bar.png." in refused.output


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        *WRONG_WORDS,
        ([TASK, "--trials", "0"], 2, "'--trials': 0 is not in the range x>=1."),
        ([TASK, "--trials", "1.5"], 2, "'--trials'"),
        ([TASK, "--trials", "nan"], 2, "'--trials'"),
        ([TASK, "--seed", "-1"], 2, "'--seed': -1 is not in the range x>=0."),
        ([TASK, "--trials-per-episode", "0"], 2, "'--trials-per-episode': 0 is not in the range x>=1."),
        ([TASK, "--model", "none.zip"], 2, "'none.zip' does not exist."),
        ([TASK, "--model", "full"], 1, "full is no folder of `ngym train`: it holds no model.zip."),
        (
            [TASK, "--model", "file"],
            1,
            "Stable-Baselines3 saved, or it is damaged (RecurrentPPO, PPO, A2C, DQN: another algorithm",
        ),
        ([TASK, "--out", ""], 1, ". has no suffix of a figure or an animation. Valid: '."),
        ([TASK, "--out", "p"], 1, "p has no suffix of a figure or an animation. Valid: '."),
        ([TASK, "--out", "p.xyz"], 1, "p.xyz has no suffix of a figure or an animation. Valid: '."),
        ([TASK, "--out", "p.pngg"], 1, "p.pngg has no suffix of a figure or an animation. Did you mean '.png'"),
        ([TASK, "--out", "p.mp4"], 1, "p.mp4 needs ffmpeg, which is not installed; give --out a name such as p.gif."),
        ([TASK, "--out", "p.gif"], 1, "no image observations to animate; give --out a name such as p.png."),
        ([TASK, "--out", "folder.png"], 1, "folder.png is a folder; name a file."),
        ([TASK, "--out", "file/p.png"], 1, "file: Not a directory."),
        ([TASK, "--out", "file/new/p.png"], 1, "file/new: Not a directory."),
    ],
)
def test_plot_command_refuses_before_trials_are_played(monkeypatch, refused, sb3_algorithms, words, code, message):
    monkeypatch.setattr("matplotlib.animation.FFMpegWriter.isAvailable", lambda: False)
    for name in ("ngym_core.run_env", "ngym_plot.trial.plot_trial"):
        monkeypatch.setattr(name, lambda *args, **kwargs: pytest.fail("trials are played"))
    found, line = refused("plot", *words)
    assert message in line
    assert found == code


def test_plot_command_says_what_a_model_can_do():
    text = " ".join(invoke(plot, "--help").output.split())
    assert "Loading it can run any code: take none from strangers." in text


@pytest.mark.parametrize("name", ["RecurrentPPO", "PPO", "DQN"])
def test_plot_command_plays_a_saved_agent(sb3_algorithms, tmp_path, name):
    (tmp_path / "model.zip").write_text(name)
    assert invoke(plot, ID, "--model", "model.zip", "--out", "a.png").output == "wrote a.png\n"


@pytest.mark.parametrize(
    ("settings", "options", "expected"),
    [
        ({"carry": "episode", "trials_per_episode": 20}, (), 20),
        ({"carry": "trial", "trials_per_episode": 20}, (), 1),
        ({"carry": "episode", "trials_per_episode": 20}, ("--trials-per-episode", 3), 3),
    ],
)
def test_plot_command_restarts_memory_as_in_training(sb3_algorithms, tmp_path, monkeypatch, settings, options, expected):
    envs, draw = [], trial.plot_trial
    monkeypatch.setattr(trial, "plot_trial", lambda env, *args, **kwargs: envs.append(env) or draw(env, *args, **kwargs))
    (tmp_path / "model.zip").write_text("PPO")
    saved = {"task": ID, "wrappers": [], "task_kwargs": {}, "conditions": {}, **settings}
    (tmp_path / "config.json").write_text(json.dumps(saved))
    assert invoke(plot, ID, "--model", ".", "--out", "a.png", *options).output == "wrote a.png\n"
    assert envs[0].unwrapped.num_tr_exp == expected


def test_plot_command_says_that_a_model_needs_stable_baselines(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "sb3_contrib", None)
    (tmp_path / "model.zip").write_text("something")
    refused = invoke(plot, ID, "--model", "model.zip")
    assert refused.exit_code == 1
    assert "A model needs Stable-Baselines3 and sb3-contrib: pip install ngym-sb3" in refused.output


def test_gallery_command_writes_a_page_and_reports_failing_tasks(tmp_path, monkeypatch, failing_task):
    monkeypatch.setattr("ngym_core.plugins.registry.all_envs", lambda **_: [failing_task, "GoNogo-v0"])
    done = invoke(gallery, "--out", "pages")
    assert "Failing-v0 could not be drawn: RuntimeError: no trial <today>" in done.output
    assert "wrote pages/index.html" in done.output
    assert "1 of 2 tasks could not be drawn: Failing-v0" in done.output
    assert done.exit_code == 1
    assert [p.name for p in (tmp_path / "pages").iterdir()] == ["index.html"]
    with pytest.raises(FileExistsError, match="pages holds something already"):
        invoke(gallery, "--out", "pages")


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        *((["GoNogo", name], 2, message) for name, message in WRONG_TASKS),
        *(([TASK, *options], 2, message) for options, message in WRONG_CHANGES),
        (
            ["GoNogo", TASK, "--set", "sigma=1"],
            2,
            "GoNogo-v0: GoNogo.__init__() got an unexpected keyword",
        ),
        ([TASK, "--otu", "new"], 2, NO_SUCH_OPTION),
        ([TASK, "--out"], 2, "Option '--out' requires an argument."),
        ([TASK, "--out", ""], 1, ". holds something already; name a new folder."),
        ([TASK, "--out", "full"], 1, "full holds something already; name a new folder."),
        ([TASK, "--out", "file"], 1, "file holds something already; name a new folder."),
        ([TASK, "--out", "file/new"], 1, "file/new: Not a directory."),
    ],
)
def test_gallery_command_refuses_before_tasks_are_drawn(monkeypatch, refused, words, code, message):
    monkeypatch.setattr("ngym_plot.gallery.task_card", lambda *args: pytest.fail("tasks are drawn"))
    found, line = refused("gallery", *words, *([] if "--out" in words else ["--out", "new"]))
    assert message in line
    assert found == code


def test_gallery_command_needs_a_folder_and_takes_each_task_once(refused, monkeypatch):
    assert refused("gallery", TASK) == (2, "Error: Missing option '--out'. See ngym gallery --help.\n")
    drawn = []
    monkeypatch.setattr("ngym_plot.gallery.write_gallery", lambda out, ids, **_: drawn.append(ids) or ("page", {}))
    assert invoke(gallery, TASK, "gonogo", "GoNogo-v0", "--out", "new").exit_code == 0
    assert drawn == [[ID, "GoNogo-v0"]]

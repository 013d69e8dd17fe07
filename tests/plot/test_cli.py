from __future__ import annotations

import subprocess
import sys
from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

import ngym_core as ngym
from ngym_plot.cli import gallery, plot
from ngym_plot.players import load_model
from ngym_plot.session import session_of

ID = "PerceptualDecisionMaking-v0"


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    yield
    plt.close("all")


def ran(command, *arguments):
    return CliRunner().invoke(command, list(map(str, arguments)), catch_exceptions=False)


@pytest.mark.parametrize("trials", [1, 3, 30])
def test_trials_are_drawn(trials, tmp_path):
    done = ran(plot, ID, "--trials", trials, "--out", "figure.png")
    assert done.output == "wrote figure.png\n"
    with Image.open(tmp_path / "figure.png") as picture:
        assert picture.width > 600
        assert len(picture.convert("L").histogram()) > 1


def test_a_picture_gets_the_name_of_the_task_and_replaces_none(tmp_path):
    assert ran(plot, "GoNogo").output == "wrote GoNogo.png\n"
    again = ran(plot, "GoNogo-v0")
    assert again.exit_code == 1
    assert "GoNogo.png exists already; name another file with --out." in again.output
    assert [p.name for p in tmp_path.iterdir()] == ["GoNogo.png"]
    assert ran(plot, "GoNogo", "--out", "GoNogo.png").exit_code == 0


def test_the_same_seed_draws_the_same_picture(tmp_path):
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        assert ran(plot, ID, "--seed", seed, "--out", f"{name}.png").exit_code == 0
    a, b, c = (np.asarray(Image.open(tmp_path / f"{name}.png").convert("L"), int) for name in "abc")
    assert np.array_equal(a, b)
    assert a.shape != c.shape or not np.array_equal(a, c)


def test_images_become_a_film(film, tmp_path):
    assert ran(plot, film, "--trials", 2, "--out", "film.gif").output == "wrote film.gif\n"
    with Image.open(tmp_path / "film.gif") as picture:
        assert (picture.n_frames, picture.info["duration"]) == (8, 100)
    assert ran(plot, film, "--out", "film.png").exit_code == 0
    refused = ran(plot, ID, "--out", "film.gif")
    assert refused.exit_code == 1
    assert f"{ID} shows no images, so there is no film of it; give --out a name such as film.png." in refused.output


class Agent:
    """What Stable-Baselines3 gives back: always the second choice."""

    @classmethod
    def load(cls, path, device):
        if path.read_text() != cls.__name__:
            raise ValueError("another algorithm")
        return cls()

    def predict(self, ob, state=None, episode_start=None, deterministic=False):
        return np.array(2), state


@pytest.fixture
def algorithms(monkeypatch):
    """Stand-ins for the packages that load agents."""
    made = {name: type(name, (Agent,), {}) for name in ("RecurrentPPO", "PPO", "A2C", "DQN")}
    for module in ("sb3_contrib", "stable_baselines3"):
        monkeypatch.setitem(sys.modules, module, SimpleNamespace(**made))
    return made


@pytest.mark.parametrize("name", ["RecurrentPPO", "PPO", "DQN"])
def test_the_algorithm_that_saved_an_agent_is_found(algorithms, tmp_path, name):
    (tmp_path / "model.zip").write_text(name)
    assert isinstance(load_model(tmp_path / "model.zip"), algorithms[name])
    assert ran(plot, ID, "--model", "model.zip", "--out", "a.png").output == "wrote a.png\n"


def test_what_is_no_agent_is_refused(algorithms, tmp_path):
    (tmp_path / "model.zip").write_text("something")
    with pytest.raises(ValueError, match=r"model.zip is no agent .* damaged \(RecurrentPPO: another"):
        load_model(tmp_path / "model.zip")


def test_a_model_needs_stable_baselines(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "sb3_contrib", None)
    (tmp_path / "model.zip").write_text("something")
    refused = ran(plot, ID, "--model", "model.zip")
    assert refused.exit_code == 1
    assert "A model needs Stable-Baselines3 and sb3-contrib: pip install ngym-sb3" in refused.output


def test_a_run_becomes_a_table():
    run = ngym.run_env(ID, num_trials=5, seed=0, def_act=1)
    table = session_of(run)
    assert len(table["choice"]) == 5
    assert table["coh"].tolist() == [trial["coh"] for trial in run["trials"]]
    ends = np.nonzero(run["trial_end"])[0]
    assert table["reward"].sum() == pytest.approx(run["rewards"][: ends[-1] + 1].sum())
    assert table["reward"][0] == pytest.approx(run["rewards"][: ends[0] + 1].sum())
    with pytest.raises(ValueError, match="No trial ended in the run"):
        session_of(ngym.run_env(ID, num_steps=3, seed=0, def_act=0))


def test_the_commands_belong_to_ngym():
    for command, words in (("plot", "Draw trials of TASK"), ("gallery", "a picture of a trial of every task")):
        arguments = [sys.executable, "-m", "ngym_core", command, "--help"]
        assert words in " ".join(subprocess.run(arguments, capture_output=True, text=True, check=True).stdout.split())


def test_the_gallery_is_a_command(tmp_path, monkeypatch, broken):
    monkeypatch.setattr("ngym_core.plugins.registry.all_envs", lambda **_: [broken, "GoNogo-v0"])
    done = ran(gallery, "--out", "pages")
    assert "Undrawable-v0 could not be drawn: RuntimeError: no trial <today>" in done.output
    assert "wrote pages/index.html" in done.output
    assert [p.name for p in (tmp_path / "pages").iterdir()] == ["index.html"]
    with pytest.raises(FileExistsError, match="pages holds something already"):
        ran(gallery, "--out", "pages")

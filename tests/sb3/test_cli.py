from __future__ import annotations

import json
import sys
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import pytest
from sb3_contrib import RecurrentPPO

from ngym_core import cli
from ngym_core.trial_table import load_trial_table
from ngym_sb3.cells import CELLS
from ngym_sb3.cli import ALGORITHM_NAMES, POLICY_NAMES, _progress, train
from ngym_sb3.config import ALGORITHMS, TrainingConfig, load_model

ID = "PerceptualDecisionMaking-v0"


def test_train_offers_all_algorithms_and_cells():
    assert list(ALGORITHM_NAMES) == list(ALGORITHMS)
    assert list(POLICY_NAMES) == [*CELLS, "mlp"]


@pytest.fixture
def command(monkeypatch, capsys, tmp_path):
    """Run `ngym` in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def run(*words):
        """Return the exit code of `ngym` and what it printed."""
        monkeypatch.setattr(sys, "argv", ["ngym", *map(str, words)])
        try:
            cli.main()
        except SystemExit as end:
            return end.code, capsys.readouterr().err
        return 0, capsys.readouterr().out

    return run


def test_train_saves_continues_and_rejects_other_settings(tmp_path, command):
    code, out = command("train", "--help")
    assert "can run code when it is loaded: load no stranger's." in " ".join(out.split())
    words = ["train", "Bandit-v0", "--envs", 8, "--policy", "rnn", "--out", tmp_path / "run", "--steps"]
    code, out = command(*words, 1024)
    assert code == 0
    assert "before: performance" in out
    assert "after:  performance" in out
    assert "\nall   " in out
    files = {"model.zip", "progress.csv", "progress.npz", "config.json", "checkpoint.npz", "trials.csv", "trials.npz"}
    assert files <= {p.name for p in (tmp_path / "run").iterdir()} <= files | {"behaviour.png"}
    code, out = command(*words, 1536)
    assert code == 0
    assert "holds training of 1,024 steps; it continues" in out
    code, error = command(*words, 1536, "--seed", 1)
    assert code == 1
    assert error.startswith("Error: ")
    assert "holds training with other settings: seed 0 (now 1)" in error
    text = '[[stages]]\nconditions.coh = 51.2\nuntil = {metric = "steps", threshold = 0, window = 4}\n[[stages]]\n'
    (tmp_path / "stages.toml").write_text(text)
    words = ["train", ID, "--envs", 8, "--policy", "rnn", "--steps", 2048, "--curriculum"]
    code, out = command(*words, tmp_path / "stages.toml")
    assert code == 0
    assert "\nstage:  1 of 0 to 1\n" in out
    (tmp_path / "stages.toml").write_text(text.replace("conditions.coh", "conditions.cohs"))
    code, error = command(*words, tmp_path / "stages.toml")
    assert code == 2
    assert "stages.toml, line 2: Unknown condition of <PerceptualDecisionMaking> 'cohs'. Did you mean 'coh'?" in error
    text = (
        '[[stages]]\nuntil = [{metric = "steps", threshold = 0, window = 4, day = 4, days = 2},\n'
        '  {metric = "performance", threshold = 0, window = 4}]\nagain = {metric = "steps", threshold = 0}\n'
        '[[stages]]\nback = {metric = "performance", threshold = 0}\nuntil = {metric = "steps", threshold = 0, window = 4}\n'
        "[[stages]]\n"
    )
    (tmp_path / "days.toml").write_text(text)
    code, out = command(*words, tmp_path / "days.toml")
    assert code == 0
    assert "\nstage:  2 of 0 to 2\n" in out
    for right, wrong, line in (("days", "dais", 2), ("again", "agian", 4)):
        (tmp_path / "days.toml").write_text(text.replace(right, wrong))
        code, error = command(*words, tmp_path / "days.toml")
        assert code == 2
        assert f"days.toml, line {line}: Unknown key of a " in error
        assert f"'{wrong}'. Did you mean '{right}'?" in error
    code, error = command("train", ID, "--algo", "ppo", "--policy", "gru")
    assert code == 2
    assert "Unknown policy of ppo 'gru'. Valid: 'mlp'" in error


def test_train_changes_the_task_and_saves_to_a_stated_folder(command, tmp_path):
    (tmp_path / "gru.toml").write_text(
        'policy = "gru"\nunits = 8\nenvs = 8\ngamma = 0.8\nsteps = 256\nrollout = 16\nwrappers = ["PassReward"]\n'
        "task_kwargs.timing.stimulus = 300\ntask_kwargs.dt = 50\n"
    )
    words = ["train", "perceptualdecisionmaking", "--config", "gru.toml", "--gamma", 0.7, "--lr", 0.001]
    words += ["--set", "dt=100", "--condition", "coh=[12.8, 51.2]", "--wrapper", 'Noise:{"std_noise": 0.1}']
    code, out = command(*words)
    assert code == 0, out
    folder = Path("runs") / "PerceptualDecisionMaking-1"
    assert f"Saving to {folder}; --out names another folder." in out
    assert f"In {folder}: " in out
    settings = json.loads((folder / "config.json").read_text())
    expected = {"policy": "gru", "units": 8, "envs": 8, "gamma": 0.7, "learning_rate": 0.001, "steps": 256}
    assert {name: settings[name] for name in expected} == expected
    assert settings["task_kwargs"] == {"timing": {"stimulus": 300}, "dt": 100}
    assert settings["wrappers"] == ["PassReward", ["Noise-v0", {"std_noise": 0.1}]]
    assert set(load_trial_table(folder / "trials.npz")["coh"].tolist()) == {12.8, 51.2}
    assert isinstance(load_model(folder), RecurrentPPO)
    if find_spec("ngym_plot") is not None:
        code, out = command("plot", ID, "--model", folder, "--out", "a.png")
        assert (code, out) == (0, "wrote a.png\n"), out
        code, error = command("plot", "GoNogo", "--model", folder)
        assert code == 2
        assert f"{folder} is an agent of {ID}, and the task to draw is GoNogo-v0." in error
        code, error = command("plot", "GoNogo", "--model", folder / "model.zip")
        assert code == 1
        assert "model.zip is an agent for the observation_space Box" in error
    code, error = command(*words, "--steps", 100, "--out", folder)
    assert code == 1
    assert "holds training of 256 steps, more than the 100 asked for. Ask for 256 or more, or name a new folder." in error
    assert json.loads((folder / "config.json").read_text()) == settings
    assert command(*words, "--out", folder)[0] == 0


@pytest.mark.parametrize(
    ("words", "text", "message"),
    [
        ([ID, "--lr", 3], "", "learning_rate=3.0 must be a finite number above 0 to 1"),
        (
            [ID, "--config", "c.toml"],
            "learning_rat = 1",
            "c.toml: Unknown setting 'learning_rat'. Did you mean 'learning_rate'",
        ),
        ([ID, "--config", "c.toml"], "a = [", "c.toml is no TOML file: "),
        ([ID, "--config", "no.toml"], "", "'no.toml' does not exist"),
        ([ID, "--curriculum", "no.toml"], "", "'no.toml' does not exist"),
        ([ID, "--set", "simga=1"], "", "unexpected keyword argument 'simga'"),
        ([ID, "--condition", "choh=1"], "", "'choh'. Did you mean 'coh'?"),
        (["Nothing"], "", "Unknown task 'Nothing'"),
    ],
)
def test_train_refuses_what_there_is_not_before_a_folder_is_made(command, tmp_path, words, text, message):
    (tmp_path / "c.toml").write_text(text)
    code, error = command("train", *words)
    assert code == 2
    assert message in error
    assert error.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["c.toml"]


def test_train_prints_progress_now_and_then_without_a_terminal(monkeypatch, capsys):
    clock = iter([0.0, 4.0, 12.0, 14.0, 30.0])
    monkeypatch.setattr("ngym_sb3.cli.time.monotonic", lambda: next(clock))
    trainer = SimpleNamespace(steps=0, config=SimpleNamespace(steps=4000), performance=None)
    with _progress(trainer) as update:
        update(1000)
        update(1000)
        trainer.performance = 0.5
        update(1000)
        update(1000)
    assert capsys.readouterr().out == "training: 2,000 of 4,000 steps, no trial yet, 12 s left\n"


def test_train_shows_performance_and_the_time_left_in_a_terminal(monkeypatch, capsys):
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    trainer = SimpleNamespace(steps=0, config=SimpleNamespace(steps=40), performance=0.5)
    with _progress(trainer) as update:
        update(20)
        update(10)
    out = capsys.readouterr().out
    assert "75%" in out
    assert "performance 0.500" in out


def test_train_has_the_defaults_of_the_config():
    config = TrainingConfig()
    defaults = {option.name: option.default for option in train.params if option.name in vars(config)}
    for name in ("policy", "curriculum", "wrappers", "conditions"):  # without a value in the command line
        del defaults[name]
    assert len(defaults) == 10
    assert defaults == {name: getattr(config, name) for name in defaults}

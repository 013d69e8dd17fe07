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

from ..command_lines import NO_SUCH_OPTION, TASK, WRONG_WORDS

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
    ("words", "code", "message"),
    [
        *WRONG_WORDS,
        ([TASK, "--stpes", "9"], 2, NO_SUCH_OPTION),
        ([TASK, "--algo", "pppo"], 2, "'pppo' is not one of 'recurrent-ppo', 'ppo', 'a2c', 'dqn'."),
        ([TASK, "--policy", "lsmt"], 2, "'lsmt' is not one of 'rnn', 'gru', 'lstm', 'ctrnn', 'ei-ctrnn', 'mlp'."),
        ([TASK, "--algo", "ppo", "--policy", "gru"], 2, "Unknown policy of ppo 'gru'. Valid: 'mlp'."),
        ([TASK, "--carry", "trail"], 2, "'trail' is not one of 'episode', 'trial'."),
        ([TASK, "--episode-end", "terminated"], 2, "'terminated' is not one of 'truncated', 'terminal'."),
        ([TASK, "--units", "0"], 2, "units=0 must be an integer from 1."),
        ([TASK, "--units", "1.5"], 2, "'--units'"),
        ([TASK, "--units", "100000000000"], 2, "units=100000000000 must be an integer from 1. More than 1000000000 would"),
        ([TASK, "--lr", "3"], 2, "learning_rate=3.0 must be a finite number above 0 to 1"),
        ([TASK, "--lr", "nan"], 2, "learning_rate=nan must be a finite number above 0 to 1"),
        ([TASK, "--lr", "0"], 2, "learning_rate=0.0 must be a finite number above 0 to 1"),
        ([TASK, "--gamma", "nan"], 2, "gamma=nan must be a probability from 0 to 1."),
        ([TASK, "--gamma", "-0.1"], 2, "gamma=-0.1 must be a probability from 0 to 1."),
        ([TASK, "--steps", "0"], 2, "steps=0 must be an integer from 1."),
        ([TASK, "--steps", "1e5"], 2, "'--steps'"),
        ([TASK, "--envs", "-1"], 2, "envs=-1 must be an integer from 1."),
        ([TASK, "--seed", "-1"], 2, "seed=-1 must be an integer from 0"),
        ([TASK, "--seed", str(2**32)], 2, "seed=4294967296 must be an integer from 0 to 4294967295."),
        ([TASK, "--trials-per-episode", "0"], 2, "trials_per_episode=0 must be an integer from 1."),
        ([TASK, "--config", "none.toml"], 2, "'none.toml' does not exist"),
        ([TASK, "--config", "full"], 2, "'full' is a directory."),
        ([TASK, "--curriculum", "none.toml"], 2, "'none.toml' does not exist"),
        ([TASK, "--curriculum", "full"], 2, "'full' is a directory."),
        ([TASK, "--curriculum", "empty.toml"], 2, "empty.toml, line 1: A curriculum needs 'stages'."),
        ([TASK, "--out", ""], 1, ". holds something already; name a new folder."),
        ([TASK, "--out", "full"], 1, "full holds something already; name a new folder."),
        ([TASK, "--out", "file"], 1, "file holds something already; name a new folder."),
        ([TASK, "--out", "file/new"], 1, "file/new: Not a directory."),
    ],
)
def test_train_refuses_before_an_agent_is_made(monkeypatch, refused, words, code, message):
    monkeypatch.setattr("ngym_sb3.training.make_model", lambda *args: pytest.fail("an agent is made"))
    found, line = refused("train", *words)
    assert message in line
    assert found == code


@pytest.mark.parametrize(
    ("option", "text", "message"),
    [
        ("--config", "learning_rat = 1", "c.toml: Unknown setting 'learning_rat'. Did you mean 'learning_rate'"),
        ("--config", "a = [", "c.toml is no TOML file: "),
        ("--config", "\xff", "c.toml is no TOML file: "),
        ("--config", 'units = "many"', "units='many' must be an integer from 1."),
        ("--config", "gamma = nan", "gamma=nan must be a probability from 0 to 1."),
        ("--config", "task_kwargs.simga = 1", "unexpected keyword argument 'simga'. Did you mean 'sigma'?"),
        ("--config", 'wrappers = ["PasReward"]', "Unknown wrapper 'PasReward'. Did you mean 'PassReward-v0'?"),
        ("--config", "wrappers = 5", "wrappers=5 must be a"),
        ("--config", "conditions.choh = 1", "Unknown condition of <PerceptualDecisionMaking> 'choh'. Did you mean 'coh'?"),
        ("--config", "task_kwargs = 5", "task_kwargs=5 must be a"),
        ("--config", "conditions = [1]", "conditions=[1] must be a"),
        ("--curriculum", "a = [", "c.toml is no TOML: "),
        ("--curriculum", "\xff", "c.toml is no TOML: "),
        ("--curriculum", "stags = 1", "c.toml, line 1: Unknown key of a curriculum 'stags'. Did you mean 'stages'?"),
    ],
)
def test_train_refuses_a_wrong_file_before_an_agent_is_made(monkeypatch, refused, tmp_path_factory, option, text, message):
    monkeypatch.setattr("ngym_sb3.training.make_model", lambda *args: pytest.fail("an agent is made"))
    file = tmp_path_factory.mktemp("files") / "c.toml"
    file.write_text(text, encoding="latin-1")
    code, line = refused("train", TASK, option, str(file))
    assert message in line
    assert code == 2


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

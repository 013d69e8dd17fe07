from __future__ import annotations

import csv
import json
import subprocess
import sys

import numpy as np
import pytest
import torch

from ngym_core import cli
from ngym_core.trial_table import load_trial_table
from ngym_sb3 import Recipe, Run, evaluate_policy, load_model, make_sb3_env, training

ID = "PerceptualDecisionMaking-v0"
SHORT = {"timing": {"stimulus": 300}}
SMALL = {"envs": 4, "rollout": 16, "batch_size": 64, "epochs": 1, "units": 8, "task_kwargs": SHORT}


def test_the_same_seed_gives_the_same_numbers():
    tables, weights = [], []
    for seed in (3, 3, 4):
        run = Run(ID, Recipe(steps=2048, seed=seed, **{**SMALL, "envs": 32}))
        run.train()
        tables.append(run.test(200).table)
        weights.append(torch.cat([p.flatten() for p in run.model.policy.parameters()]))
    assert all(np.array_equal(tables[0][name], tables[1][name], equal_nan=True) for name in tables[0])
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])
    assert not np.array_equal(tables[0]["coh"], tables[2]["coh"])


@pytest.mark.parametrize(
    ("algo", "policy"),
    [*[("recurrent-ppo", p) for p in ("rnn", "lstm", "ctrnn", "ei-ctrnn")], ("ppo", None), ("a2c", "mlp")],
)
def test_a_run_that_was_stopped_ends_as_if_it_had_not_been(algo, policy, tmp_path, monkeypatch):
    monkeypatch.setattr(training, "LEG", 128)
    recipe = Recipe(steps=384, algo=algo, policy=policy, seed=5, trials_per_episode=2, carry="trial", **SMALL)
    whole = Run(ID, recipe)
    whole.train()
    stopped = Run(ID, recipe, out=tmp_path / "run")

    def stop(_):
        if stopped.steps > 200:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped.train(stop)
    assert {"model.zip", "recipe.json"} <= {p.name for p in (tmp_path / "run").iterdir()}
    again = Run(f"ngym_core:{ID}", recipe, out=tmp_path / "run")
    assert again.steps == 128
    again.train()
    assert again.steps == whole.steps == 384
    one, two = (dict(run.model.policy.named_parameters()) for run in (whole, again))
    assert all((one[name] == two[name]).all() for name in one)
    if algo != "a2c":  # it has a line every 50 updates
        assert load_trial_table(tmp_path / "run" / "progress.npz")["steps"].tolist() == [64, 128, 192, 256, 320, 384]


def test_dqn_goes_on_too(tmp_path, monkeypatch):
    monkeypatch.setattr(training, "LEG", 512)
    steps = []
    for total in (512, 1536):
        run = Run(ID, Recipe(steps=total, algo="dqn", **{**SMALL, "envs": 8}), out=tmp_path / "run")
        run.train(steps.append)
    assert sum(steps) == 1536
    assert run.model.exploration_rate == pytest.approx(0.05)
    assert run.model._n_updates > 0


def test_a_run_is_saved_completely(tmp_path):
    steps = []
    run = Run(ID, Recipe(steps=256, **SMALL), out=tmp_path / "run")
    run.train(steps.append)
    assert sum(steps) == 256
    report = run.test(20)
    written = run.save(report)
    assert sorted(p.name for p in (tmp_path / "run").iterdir()) == sorted(p.name for p in written)
    model = load_model(tmp_path / "run" / "model.zip")
    again = evaluate_policy(model, make_sb3_env(ID, 64, **SHORT), 20, seed=1_000_000)
    assert np.array_equal(again["choice"], report.table["choice"])
    assert json.loads((tmp_path / "run" / "recipe.json").read_text())["task"] == ID
    rows = list(csv.DictReader((tmp_path / "run" / "trials.csv").read_text().splitlines()))
    assert [float(row["coh"]) for row in rows] == report.table["coh"].tolist()
    rows = list(csv.DictReader((tmp_path / "run" / "progress.csv").read_text().splitlines()))
    assert [int(row["steps"]) for row in rows] == [64, 128, 192, 256]
    assert {"trial/performance", "rollout/ep_rew_mean", "rollout/success_rate", "train/loss"} <= set(rows[0])


def test_more_steps_prolong_a_run(tmp_path):
    for steps in (64, 128, 64):
        run = Run(ID, Recipe(steps=steps, **SMALL), out=tmp_path)
        run.train()
    assert run.steps == 128


def test_a_report_is_said_in_words():
    report = Run(ID, Recipe(envs=2)).test(50)
    assert report.summary().endswith("of 50 trials")
    lines = report.by_condition().splitlines()
    assert lines[0].split() == ["condition", "value", "trials", "performance", "reward", "reaction", "time"]
    coherences = [line.split() for line in lines if line.startswith("coh ")]
    assert [float(c[1]) for c in coherences] == [0.0, 6.4, 12.8, 25.6, 51.2]
    assert sum(int(c[2]) for c in coherences) == 50
    zero = report.table["coh"] == 0
    assert coherences[0][2:4] == [str(zero.sum()), f"{report.table['performance'][zero].mean():.3f}"]
    assert lines[-1].split()[:2] == ["all", "50"]


def test_a_folder_of_another_run_is_left_alone(tmp_path):
    (tmp_path / "model.zip").write_text("precious")
    with pytest.raises(FileExistsError, match="holds something already; name a new folder"):
        Run(ID, out=tmp_path)
    folder = tmp_path / "run"
    Run(ID, Recipe(seed=1, **SMALL), out=folder)
    before = (folder / "recipe.json").read_text()
    with pytest.raises(FileExistsError, match=r"run holds another run: seed 1 \(now 2\), units 8 \(now 9\). Name a new"):
        Run(ID, Recipe(seed=2, **{**SMALL, "units": 9}), out=folder)
    with pytest.raises(FileExistsError, match="task 'PerceptualDecisionMaking-v0'"):
        Run("GoNogo-v0", Recipe(seed=1, **{**SMALL, "task_kwargs": {}}), out=folder)
    assert (folder / "recipe.json").read_text() == before
    (folder / "recipe.json").write_text("{")
    with pytest.raises(FileExistsError, match="recipe.json is damaged"):
        Run(ID, Recipe(seed=1, **SMALL), out=folder)
    with pytest.raises(KeyError, match="Unknown task 'Nothing'"):
        Run("Nothing", out=tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_a_damaged_model_is_told_and_left_alone(tmp_path):
    recipe = Recipe(steps=64, **SMALL)
    run = Run(ID, recipe, out=tmp_path / "run")
    run.train()
    model = tmp_path / "run" / "model.zip"
    half = model.read_bytes()[:3000]
    model.write_bytes(half)
    with pytest.raises(ValueError, match="model.zip is no agent that recurrent-ppo saved, or is damaged"):
        Run(ID, recipe, out=tmp_path / "run")
    assert model.read_bytes() == half


def test_models_are_read_with_care(tmp_path):
    with pytest.raises(FileNotFoundError, match="There is no model .*nothing.zip"):
        load_model(tmp_path / "nothing.zip")
    (tmp_path / "text.zip").write_text("hello")
    with pytest.raises(ValueError, match="text.zip is no agent that recurrent-ppo saved, or is damaged"):
        load_model(tmp_path / "text.zip")
    ppo = Run(ID, Recipe(algo="ppo", **SMALL))
    ppo.model.save(tmp_path / "ppo.zip")
    with pytest.raises(ValueError, match="ppo.zip is no agent that recurrent-ppo saved"):
        load_model(tmp_path / "ppo.zip")
    with pytest.raises(KeyError, match="Unknown algorithm 'pp0'. Did you mean 'ppo'"):
        load_model(tmp_path / "ppo.zip", "pp0")
    with pytest.raises(ValueError, match="Observation spaces do not match"):
        load_model(tmp_path / "ppo.zip", "ppo", make_sb3_env("ContextDecisionMaking-v0", 4))
    assert load_model(tmp_path / "ppo.zip", "ppo", make_sb3_env(ID, 7)).n_envs == 7


@pytest.mark.parametrize(
    ("recipe", "error", "message"),
    [
        ({"algo": "recurent-ppo"}, KeyError, "Unknown algorithm 'recurent-ppo'. Did you mean 'recurrent-ppo'"),
        ({"algo": "dqn", "policy": "gru"}, KeyError, "Unknown policy of dqn 'gru'. Valid: 'mlp'"),
        ({"policy": "mlp"}, KeyError, "Unknown policy of recurrent-ppo 'mlp'. Valid: 'ctrnn', 'ei-ctrnn', 'gru'"),
        ({"steps": 0}, ValueError, "steps=0 must be an integer from 1"),
        ({"carry": "always"}, ValueError, "carry='always'"),
    ],
)
def test_what_cannot_be_is_refused(recipe, error, message):
    with pytest.raises(error, match=message):
        Run(ID, Recipe(**recipe))


def test_an_algorithm_that_does_not_fit_the_task_is_refused():
    with pytest.raises(ValueError, match=r"dqn chooses among actions, and those of SpatialSuppressMotion are Box.*; use"):
        Run("SpatialSuppressMotion-v0", Recipe(algo="dqn", envs=2))
    with pytest.raises(ValueError, match="This run has no folder"):
        Run(ID, Recipe(envs=2)).save(None)


def test_the_command_trains_and_goes_on(tmp_path, monkeypatch, capsys):
    def command(*words):
        """What `ngym` prints, and how it ends."""
        monkeypatch.setattr(sys, "argv", ["ngym", *map(str, words)])
        try:
            cli.main()
        except SystemExit as end:
            return end.code, capsys.readouterr().err
        return 0, capsys.readouterr().out

    words = ["train", "Bandit-v0", "--envs", 8, "--policy", "rnn", "--out", tmp_path / "run", "--steps"]
    code, out = command(*words, 1024)
    assert code == 0
    assert "before: performance" in out
    assert "after:  performance" in out
    assert "\nall   " in out
    files = {"model.zip", "progress.csv", "progress.npz", "recipe.json", "trials.csv", "trials.npz"}
    assert files <= {p.name for p in (tmp_path / "run").iterdir()} <= files | {"behaviour.png"}
    code, out = command(*words, 1536)
    assert code == 0
    assert "has a run of 1,024 steps; it goes on" in out
    code, error = command(*words, 1536, "--seed", 1)
    assert code == 1
    assert error.startswith("Error: ")
    assert "holds another run: seed 0 (now 1)" in error
    code, error = command("train", ID, "--algo", "ppo", "--policy", "gru")
    assert code == 1
    assert "Unknown policy of ppo 'gru'. Valid: 'mlp'" in error


def test_the_command_loads_torch_only_when_it_trains():
    code = "import sys; from ngym_core import cli; from ngym_core.plugins import registry\n"
    code += "registry.pack_manager().add_commands(cli.cli); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "ngym_sb3.cli" in done.stdout.split()
    assert "torch" not in done.stdout.split()

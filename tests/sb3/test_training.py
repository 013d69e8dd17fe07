from __future__ import annotations

import csv
import json
import os
import subprocess
import sys

import numpy as np
import pytest
from sb3_contrib import RecurrentPPO

from ngym_sb3 import Recipe, Run, evaluate_policy, make_sb3_env

ID = "PerceptualDecisionMaking-v0"
SHORT = {"timing": {"stimulus": 300}}


def test_an_agent_learns_and_the_same_seed_gives_the_same_numbers():
    recipe = Recipe(steps=12_288, learning_rate=3e-3, task_kwargs={**SHORT, "cohs": [51.2]}, seed=3)
    reports = []
    for _ in range(2):
        run = Run(ID, recipe)
        before = run.test(400)
        run.train()
        reports.append(run.test(400))
    assert before.performance < 0.6
    assert reports[0].performance > 0.95
    assert reports[0].performance == reports[1].performance
    assert np.array_equal(reports[0].table["choice"], reports[1].table["choice"])


def test_a_run_is_saved_completely(tmp_path):
    steps = []
    run = Run(ID, Recipe(steps=256, envs=4, rollout=16, batch_size=64, epochs=1, task_kwargs=SHORT), out=tmp_path / "run")
    run.train(steps.append)
    assert sum(steps) == 256
    report = run.test(20)
    written = run.save(report)
    assert sorted(p.name for p in (tmp_path / "run").iterdir()) == sorted(p.name for p in written)
    model = RecurrentPPO.load(tmp_path / "run" / "model.zip", device="cpu")
    again = evaluate_policy(model, make_sb3_env(ID, 64, **SHORT), 20, seed=1_000_000)
    assert np.array_equal(again["choice"], report.table["choice"])
    assert json.loads((tmp_path / "run" / "recipe.json").read_text())["task"] == ID
    rows = list(csv.DictReader((tmp_path / "run" / "trials.csv").read_text().splitlines()))
    assert [float(row["coh"]) for row in rows] == report.table["coh"].tolist()


def test_a_report_is_said_in_words():
    report = Run(ID, Recipe(envs=2)).test(50)
    assert report.summary().endswith("of 50 trials")
    assert "  coh            0.0: " in report.by_condition()
    assert "reward" not in report.by_condition()


def test_a_folder_of_another_run_is_left_alone(tmp_path):
    (tmp_path / "model.zip").write_text("precious")
    with pytest.raises(FileExistsError, match="holds something already; name a new folder"):
        Run(ID, out=tmp_path)
    with pytest.raises(ValueError, match="This run has no folder"):
        Run(ID, Recipe(envs=2)).save(None)
    with pytest.raises(KeyError, match="Unknown task 'Nothing'"):
        Run("Nothing")


def test_the_command_trains(tmp_path):
    command = [
        sys.executable,
        "-m",
        "ngym_core",
        "train",
        ID,
        "--steps",
        "2048",
        "--envs",
        "8",
        "--out",
        str(tmp_path / "run"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ})
    assert done.returncode == 0, done.stderr
    assert "before: performance" in done.stdout
    assert "after:  performance" in done.stdout
    assert "performance by condition:" in done.stdout
    assert (tmp_path / "run" / "model.zip").exists()
    again = subprocess.run(command, capture_output=True, text=True, env={**os.environ})
    assert again.returncode == 1
    assert again.stderr.startswith("Error: ")
    assert "holds something already" in again.stderr

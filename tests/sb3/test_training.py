from __future__ import annotations

import csv
import json
import subprocess
import sys

import numpy as np
import pytest
import torch

import ngym_core as ngym
from ngym_core.trial_table import load_trial_table
from ngym_sb3 import EvaluationReport, Trainer, TrainingConfig, evaluate_policy, load_model, make_sb3_env, training
from ngym_sb3.training import _named

ID = "PerceptualDecisionMaking-v0"
SHORT = {"timing": {"stimulus": 300}}
SMALL = {"envs": 4, "rollout": 16, "batch_size": 64, "epochs": 1, "units": 8, "task_kwargs": SHORT}


def test_trainer_reproduces_agent_and_test_trials_from_the_seed():
    tables, weights = [], []
    for seed in (3, 3, 4):
        trainer = Trainer(ID, TrainingConfig(steps=2048, seed=seed, **{**SMALL, "envs": 32}))
        trainer.train()
        tables.append(trainer.evaluate(200).table)
        weights.append(torch.cat([p.flatten() for p in trainer.model.policy.parameters()]))
    assert all(np.array_equal(tables[0][name], tables[1][name], equal_nan=True) for name in tables[0])
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])
    assert not np.array_equal(tables[0]["coh"], tables[2]["coh"])


@pytest.mark.parametrize(
    ("algo", "policy"),
    [*[("recurrent-ppo", p) for p in ("rnn", "lstm", "ctrnn", "ei-ctrnn")], ("ppo", None), ("a2c", "mlp")],
)
def test_trainer_continues_to_the_same_agent_after_an_interruption(algo, policy, tmp_path, monkeypatch):
    config = TrainingConfig(steps=384, algo=algo, policy=policy, seed=5, trials_per_episode=2, carry="trial", **SMALL)
    uninterrupted = Trainer(ID, config, out=tmp_path / "whole")
    uninterrupted.train()
    monkeypatch.setattr(training, "STEPS_BETWEEN_SAVES", 128)  # where saves are changes nothing
    stopped = Trainer(ID, config, out=tmp_path / "run")

    def stop(_):
        if stopped.steps > 200:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped.train(stop)
    assert {"model.zip", "config.json"} <= {p.name for p in (tmp_path / "run").iterdir()}
    continued = Trainer(f"ngym_core:{ID}", config, out=tmp_path / "run")
    assert continued.steps == 128
    continued.train()
    assert continued.steps == uninterrupted.steps == 384
    one, two = (dict(trainer.model.policy.named_parameters()) for trainer in (uninterrupted, continued))
    assert all((one[name] == two[name]).all() for name in one)
    if algo != "a2c":  # which logs a line every 50 updates
        assert load_trial_table(tmp_path / "run" / "progress.npz")["steps"].tolist() == [64, 128, 192, 256, 320, 384]
        tables = [(tmp_path / name / "progress.csv").read_text() for name in ("whole", "run")]
        assert tables[0] == tables[1]


def test_train_goes_on_from_the_last_checkpoint_after_an_interruption(monkeypatch):
    config = TrainingConfig(steps=192, algo="ppo", **SMALL)
    weights = []
    for stops in ((), (10, 150)):  # before and after the second checkpoint
        trainer = Trainer(ID, config)
        for steps in stops:

            def stop(_, trainer=trainer, steps=steps):
                if trainer.steps > steps:
                    raise KeyboardInterrupt

            with pytest.raises(KeyboardInterrupt):
                trainer.train(stop)
        monkeypatch.setattr(training, "STEPS_BETWEEN_SAVES", 64)
        trainer.train()
        weights.append(torch.cat([p.flatten() for p in trainer.model.policy.parameters()]))
    assert torch.equal(*weights)


def test_trainer_continues_dqn(tmp_path, monkeypatch):
    monkeypatch.setattr(training, "STEPS_BETWEEN_SAVES", 512)
    steps = []
    for total in (512, 1536):
        trainer = Trainer(ID, TrainingConfig(steps=total, algo="dqn", **{**SMALL, "envs": 8}), out=tmp_path / "run")
        trainer.train(steps.append)
    assert sum(steps) == 1536
    assert trainer.model.exploration_rate == pytest.approx(0.05)
    assert trainer.model._n_updates > 0


def test_trainer_saves_agent_settings_and_tables(tmp_path):
    steps = []
    trainer = Trainer(ID, TrainingConfig(steps=256, **SMALL), out=tmp_path / "run")
    trainer.train(steps.append)
    assert sum(steps) == 256
    report = trainer.evaluate(20)
    files = trainer.save(report)
    assert sorted(p.name for p in (tmp_path / "run").iterdir()) == sorted(p.name for p in files)
    model = load_model(tmp_path / "run" / "model.zip")
    again = evaluate_policy(model, make_sb3_env(ID, 64, **SHORT), 20, seed=1_000_000)
    assert np.array_equal(again["choice"], report.table["choice"])
    assert json.loads((tmp_path / "run" / "config.json").read_text())["task"] == ID
    rows = list(csv.DictReader((tmp_path / "run" / "trials.csv").read_text().splitlines()))
    assert [float(row["coh"]) for row in rows] == report.table["coh"].tolist()
    rows = list(csv.DictReader((tmp_path / "run" / "progress.csv").read_text().splitlines()))
    assert [int(row["steps"]) for row in rows] == [64, 128, 192, 256]
    assert {"trial/performance", "rollout/ep_rew_mean", "rollout/success_rate", "train/loss"} <= set(rows[0])


def test_trainer_lets_packs_add_figures_of_test_trials(tmp_path, monkeypatch):
    trainer = Trainer(ID, TrainingConfig(steps=64, **SMALL), out=tmp_path / "run")
    asked = []

    def draw_figures(table, env, folder):
        asked.append((table, env, folder))
        (folder / "a-pack-mine.png").write_bytes(b"figure")

    monkeypatch.setattr(ngym.plugins.registry.pack_manager(), "draw_figures", draw_figures)
    report = trainer.evaluate(20)
    files = trainer.save(report)
    ((table, env, folder),) = asked
    assert table is report.table
    assert (type(env.unwrapped).__name__, folder) == ("PerceptualDecisionMaking", tmp_path / "run")
    assert "a-pack-mine.png" in [path.name for path in files]


def test_trainer_continues_with_more_steps(tmp_path):
    for steps in (64, 128):
        trainer = Trainer(ID, TrainingConfig(steps=steps, **SMALL), out=tmp_path)
        trainer.train()
    assert trainer.steps == 128


def test_evaluation_report_as_text():
    report = Trainer(ID, TrainingConfig(envs=2)).evaluate(50)
    assert report.summary().endswith("of 50 trials")
    lines = report.by_condition().splitlines()
    assert lines[0].split() == ["condition", "value", "trials", "performance", "reward", "reaction", "time"]
    coherences = [line.split() for line in lines if line.startswith("coh ")]
    assert [float(c[1]) for c in coherences] == [0.0, 6.4, 12.8, 25.6, 51.2]
    assert sum(int(c[2]) for c in coherences) == 50
    zero = report.table["coh"] == 0
    assert coherences[0][2:4] == [str(zero.sum()), f"{report.table['performance'][zero].mean():.3f}"]
    assert lines[-1].split()[:2] == ["all", "50"]


@pytest.mark.parametrize(("task", "end"), [("IBL-v0", "per trial, 50 trials"), ("LeverPress-v0", "trials")])
def test_evaluation_report_counts_responses_where_an_action_is_none(task, end):
    report = Trainer(task, TrainingConfig(envs=2)).evaluate(50)
    assert report.summary().endswith(end)
    assert ("a response in" in report.summary()) == (task != "IBL-v0")


def test_evaluation_report_has_no_reaction_time_where_no_trial_has_one():
    table = {"coh": np.array([0.0, 0.0, 6.4]), "choice": np.array([0, 0, 1]), "performance": np.array([0.0, 0.0, 1.0])}
    table |= {"reward": np.zeros(3), "reaction_time": np.array([np.nan, np.nan, 200.0])}
    lines = EvaluationReport(table).by_condition().splitlines()
    assert [line.split()[-2:] for line in lines[1:]] == [["0.000", "-"], ["200", "ms"], ["200", "ms"]]


def test_evaluation_report_lists_every_task_and_no_missing_condition():
    n = 40
    tasks = np.array([f"a_collection.task_{i:02}-v0" for i in range(20)]).repeat(2)
    table = {"task": tasks, "i_env": np.arange(n) // 2, "anti": np.where(np.arange(n) < 30, np.nan, 0.34 - 1e-17)}
    table |= {"kind": np.array([None, "a", "b", float("nan")] * 10, object), "weight": np.full(n, 0.1 + 0.2 + 0.04)}
    table |= {"choice": np.ones(n), "performance": np.ones(n), "reward": np.ones(n), "reaction_time": np.full(n, np.nan)}
    lines = EvaluationReport(table).by_condition().splitlines()
    rows = [line.split()[:3] for line in lines[1:-1]]
    assert rows[:20] == [["task", task, "2"] for task in tasks[::2]]
    assert rows[20:] == [["anti", "0.34", "10"], ["kind", "a", "10"], ["kind", "b", "10"], ["weight", "0.34", "40"]]
    assert len({len(line) for line in lines}) == 1


def test_trainer_rejects_a_folder_with_other_contents_or_settings(tmp_path):
    (tmp_path / "model.zip").write_text("precious")
    with pytest.raises(FileExistsError, match="holds something already; name a new folder"):
        Trainer(ID, out=tmp_path)
    folder = tmp_path / "run"
    Trainer(ID, TrainingConfig(seed=1, **SMALL), out=folder)
    before = (folder / "config.json").read_text()
    with pytest.raises(
        FileExistsError, match=r"run holds training with other settings: seed 1 \(now 2\), units 8 \(now 9\). Name a new"
    ):
        Trainer(ID, TrainingConfig(seed=2, **{**SMALL, "units": 9}), out=folder)
    with pytest.raises(FileExistsError, match="task 'PerceptualDecisionMaking-v0'"):
        Trainer("GoNogo-v0", TrainingConfig(seed=1, **{**SMALL, "task_kwargs": {}}), out=folder)
    assert (folder / "config.json").read_text() == before
    (folder / "config.json").write_text("{")
    with pytest.raises(FileExistsError, match="config.json is damaged"):
        Trainer(ID, TrainingConfig(seed=1, **SMALL), out=folder)
    with pytest.raises(KeyError, match="Unknown task 'Nothing'"):
        Trainer("Nothing", out=tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_trainer_rejects_a_damaged_or_missing_checkpoint_and_keeps_the_folder(tmp_path):
    config = TrainingConfig(steps=64, **SMALL)
    Trainer(ID, config, out=tmp_path / "run").train()
    checkpoint = tmp_path / "run" / "checkpoint.npz"
    truncated = checkpoint.read_bytes()[:3000]
    checkpoint.write_bytes(truncated)
    with pytest.raises(ngym.StateError, match="checkpoint.npz holds no state of ngym, or is damaged"):
        Trainer(ID, config, out=tmp_path / "run")
    assert checkpoint.read_bytes() == truncated
    checkpoint.unlink()
    with pytest.raises(FileExistsError, match=r"run holds an agent, but no checkpoint.npz to go on from; name a new folder"):
        Trainer(ID, config, out=tmp_path / "run")
    assert (tmp_path / "run" / "model.zip").exists()


def test_trainer_rejects_the_checkpoint_of_other_training(tmp_path):
    for seed in (1, 2):
        Trainer(ID, TrainingConfig(steps=64, seed=seed, **SMALL), out=tmp_path / str(seed)).train()
    (tmp_path / "1" / "checkpoint.npz").replace(tmp_path / "2" / "checkpoint.npz")
    with pytest.raises(ngym.StateError, match=r"The state goes with other settings: seed=1, here seed=2"):
        Trainer(ID, TrainingConfig(steps=64, seed=2, **SMALL), out=tmp_path / "2")


def test_trainer_without_a_folder_cannot_save():
    with pytest.raises(ValueError, match="There is no folder to save to; make the Trainer with out=FOLDER"):
        Trainer(ID, TrainingConfig(envs=2)).save(object.__new__(training.EvaluationReport))


def test_training_goes_on_with_a_function_made_anew(tmp_path):
    """As in another process, where it has another address."""

    def stages():
        def short():
            return 200

        later = ngym.Stage({"timing": {"stimulus": short, "delay": ngym.TruncExp(300, 100, 400)}})
        return ngym.Curriculum([ngym.Stage(until=ngym.Gate("performance", 0, window=1)), later])

    for steps in (64, 128):
        trainer = Trainer(ID, TrainingConfig(steps=steps, curriculum=stages(), **SMALL), out=tmp_path / "run")
        trainer.train()
    assert (trainer.steps, trainer.stage) == (128, 1)


def test_training_goes_on_with_settings_that_numpy_wrote(tmp_path):
    small = {"algo": "a2c", "policy": "mlp", "envs": 2, "seed": 0}
    Trainer("GoNogo-v0", TrainingConfig(steps=np.int64(64), **{**small, "seed": np.int64(0)}), tmp_path / "run")
    Trainer("GoNogo-v0", TrainingConfig(steps=64, **small), tmp_path / "run")


STAGES = [
    {"parameters": {"timing": {"stimulus": 200}}, "until": {"metric": "steps", "threshold": 0, "window": 20}},
    {"parameters": {"timing": {"stimulus": 500}}},
]


def test_trainer_follows_a_curriculum_and_tests_the_task_itself(tmp_path):
    config = TrainingConfig(steps=512, curriculum={"stages": STAGES}, **SMALL)
    trainer = Trainer(ID, config, out=tmp_path / "run")
    assert trainer.stage == 0
    trainer.train()
    assert trainer.stage == 1
    table = trainer.evaluate(20).table
    assert set(table["steps"]) == {5}  # 100 ms of fixation, 300 ms of the stimulus, and the decision
    assert "stage" not in table
    progress = load_trial_table(tmp_path / "run" / "progress.npz")
    assert progress["trial/stage"][0] < progress["trial/stage"][-1] == 1
    with pytest.raises(FileExistsError, match="holds training with other settings: curriculum "):
        Trainer(ID, TrainingConfig(steps=512, **SMALL), out=tmp_path / "run")
    again = Trainer(ID, config, out=tmp_path / "run")
    assert (again.steps, again.stage) == (512, 1)
    assert Trainer(ID, TrainingConfig(**SMALL)).stage is None
    assert Trainer(ID, TrainingConfig(curriculum={"stages": STAGES, "pooled": False}, **SMALL)).stage is None


def test_trainer_evaluates_in_a_curriculum_with_its_columns():
    curriculum = {"stages": [{"staircase": {"path": "conditions.coh", "levels": [51.2, 25.6], "down": 1}}]}
    env = make_sb3_env(ID, 4, wrappers=[("FollowCurriculum", {"curriculum": curriculum})])
    table = evaluate_policy(Trainer(ID, TrainingConfig(**SMALL)).model, env, 12)
    assert set(table["stage"]) == {0}
    assert table["level"].tolist() == table["coh"].tolist()


def test_trainer_trains_and_evaluates_agents_of_images():
    trainer = Trainer("RandomDotMotion-v0", TrainingConfig(steps=8, envs=2, rollout=4, batch_size=8, units=4))
    trainer.train()
    assert len(trainer.evaluate(2).table["performance"]) == 2


SETTINGS_WITH_CODE = """
import functools
import sys
import numpy as np
from ngym_sb3.training import Trainer, TrainingConfig

class Delay:
    def __call__(self):
        return 100

def half(length):
    return length / 2

def later():
    return 200

timing = {"delay": eval(sys.argv[1]), "stimulus": functools.partial(half, 400)}
wrappers = [("FixConditions", {"conditions": {"ground_truth": np.zeros(2000, int)}})]
config = TrainingConfig(
    steps=16, envs=2, rollout=8, batch_size=8, units=4, task_kwargs={"timing": timing}, wrappers=wrappers
)
Trainer("GoNogo-v0", config, out="run")
"""


def test_trainer_knows_functions_in_settings_again_in_another_process(tmp_path):
    def run(delay):
        command = [sys.executable, "-c", SETTINGS_WITH_CODE, delay]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    for delay in ("later", "later", "Delay()", "lambda: 100"):
        found = run(delay)
        assert (found.returncode == 0) == (delay == "later"), found.stderr
    assert "holds training with other settings: task_kwargs" in found.stderr
    settings = json.loads((tmp_path / "run" / "config.json").read_text())
    assert settings["task_kwargs"]["timing"]["delay"] == "__main__.later"
    assert settings["task_kwargs"]["timing"]["stimulus"] == {"function": "__main__.half", "args": [400], "kwargs": {}}
    assert len(settings["wrappers"][0][1]["conditions"]["ground_truth"]) == 2000


def test_settings_have_no_addresses_in_memory():
    assert "0x" not in json.dumps({"a": Ellipsis, "b": object(), "c": {3, 1}, "d": np.float32(2)}, default=_named)
    assert _named({3, 1}) == [1, 3]
    assert _named(Trainer) == "ngym_sb3.training.Trainer"

"""Training that is killed at any moment and goes on ends with the same agent and the same table."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

import ngym_core as ngym
from ngym_sb3 import Trainer, TrainingConfig, training

ID = "PerceptualDecisionMaking-v0"
CONFIG = TrainingConfig(steps=1536, envs=4, rollout=32, units=8, seed=3)
PROGRAM = """
import sys
from ngym_sb3 import Trainer, TrainingConfig, training
training.STEPS_BETWEEN_SAVES = 128
trainer = Trainer(sys.argv[1], TrainingConfig(steps=1536, envs=4, rollout=32, units=8, seed=3), out=sys.argv[2])
print("begins", flush=True)
trainer.train(lambda steps: print(trainer.steps, flush=True))
print("ended", flush=True)
"""


def run(folder, kill_after=None):
    """Train in a process of its own, which is killed at a moment after so many seconds of training; whether it ended."""
    command = [sys.executable, "-c", PROGRAM, ID, str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"}) as process:
        assert process.stdout.readline() == "begins\n"
        if kill_after is not None:
            time.sleep(kill_after)
            process.send_signal(signal.SIGKILL)
        return "ended" in process.stdout.read()


@pytest.mark.skipif(os.name != "posix", reason="needs signals")
def test_training_that_is_killed_ends_with_the_same_agent_and_table(tmp_path, monkeypatch):
    monkeypatch.setattr(training, "STEPS_BETWEEN_SAVES", 128)
    whole = Trainer(ID, CONFIG, out=tmp_path / "whole")
    start = time.perf_counter()
    whole.train()
    seconds = time.perf_counter() - start
    moments = np.random.default_rng(0).uniform(0.05, 0.5, 5) * seconds
    ended = [run(tmp_path / "killed", moment) for moment in moments]
    assert not all(ended)
    while not run(tmp_path / "killed"):
        pass
    resumed = Trainer(ID, CONFIG, out=tmp_path / "killed")
    assert resumed.steps == whole.steps == 1536
    weights = [dict(trainer.model.policy.named_parameters()) for trainer in (whole, resumed)]
    assert all((weights[0][name] == weights[1][name]).all() for name in weights[0])
    one, two = (ngym.load_trial_table(tmp_path / name / "progress.npz") for name in ("whole", "killed"))
    assert one.keys() == two.keys()
    for name in one:
        np.testing.assert_array_equal(one[name], two[name])

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
from ngym_sb3 import Trainer, TrainingConfig

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
    """Train in a process of its own, killed after so many seconds of training; return whether it ended, and the seconds."""
    command = [sys.executable, "-c", PROGRAM, ID, str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"}) as process:
        assert process.stdout.readline() == "begins\n"
        start = time.perf_counter()
        if kill_after is not None:
            time.sleep(kill_after)
            process.send_signal(signal.SIGKILL)
        return "ended" in process.stdout.read(), time.perf_counter() - start


@pytest.mark.skipif(os.name != "posix", reason="needs signals")
def test_training_that_is_killed_ends_with_the_same_agent_and_table(tmp_path):
    # In a process of its own as well: with another number of threads, sums are rounded otherwise.
    ended, seconds = run(tmp_path / "whole")
    assert ended
    moments = np.random.default_rng(0).uniform(0.02, 0.3, 5) * seconds
    killed = [not run(tmp_path / "killed", moment)[0] for moment in moments]
    assert sum(killed) >= 3  # on a machine that is busy in between, training may end earlier than that
    assert run(tmp_path / "killed")[0]
    whole, resumed = (Trainer(ID, CONFIG, out=tmp_path / name) for name in ("whole", "killed"))
    assert resumed.steps == whole.steps == 1536
    weights = [dict(trainer.model.policy.named_parameters()) for trainer in (whole, resumed)]
    assert all((weights[0][name] == weights[1][name]).all() for name in weights[0])
    one, two = (ngym.load_trial_table(tmp_path / name / "progress.npz") for name in ("whole", "killed"))
    assert one.keys() == two.keys()
    for name in one:
        np.testing.assert_array_equal(one[name], two[name])

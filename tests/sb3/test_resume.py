"""`ngym train` that is killed and run again ends with the same agent and tables as if it had not been."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ngym_sb3.config import ALGORITHMS

pytestmark = pytest.mark.skipif(os.name != "posix", reason="needs forks and signals")


def run(scenario, folder):
    """Run a scenario of `killed_training` in a process of its own, with one thread; return what it reports, and errors."""
    program = Path(__file__).with_name("killed_training.py")
    command = [sys.executable, program, scenario, folder]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"}, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout), done.stderr


def test_training_killed_at_random_moments_ends_with_the_same_agent_and_tables(tmp_path):
    report, _ = run("at_random_moments", tmp_path)
    assert report.keys() == ALGORITHMS.keys()
    for algo, found in report.items():
        assert set(found["ends"]) <= {-signal.SIGKILL, 0}
        # On a machine that is busy in between, training may end before it is killed.
        assert found["ends"].count(-signal.SIGKILL) >= 2, algo
        assert found["ends"][-1] == 0
        assert found["killed"] == found["whole"], algo
        assert found["whole"]["agent"] == found["whole"]["weights"]


def test_training_killed_at_every_write_ends_with_the_same_agent_and_tables(tmp_path):
    report, _ = run("at_every_write", tmp_path)
    files = 13 if importlib.util.find_spec("ngym_plot") else 12  # the figure of the progress needs ngym-plot
    assert len(report["killed"]) >= 2 * files  # before and after each has its name
    assert [found == report["whole"] for found in report["killed"]] == [True] * len(report["killed"])


def test_training_in_a_curriculum_killed_at_random_moments_ends_with_the_same_agent_and_tables(tmp_path):
    found, _ = run("in_a_curriculum", tmp_path)
    assert found["ends"].count(-signal.SIGKILL) >= 2
    assert found["ends"][-1] == 0
    assert found["killed"] == found["whole"]
    assert found["stages"][0] < found["stages"][-1]


def test_of_trainings_with_different_settings_and_one_new_folder_one_goes_on(tmp_path):
    (statuses, seed, other), errors = run("at_once", tmp_path / "run")
    assert sorted(statuses) == [0, 7, 7, 7]
    assert seed == statuses.index(0)
    assert other == 7
    assert f"run holds training with other settings: seed {seed} (now 9)" in errors
    assert errors.count("run is in use by ") + errors.count("run holds training with other settings") == 4

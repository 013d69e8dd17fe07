from __future__ import annotations

import sys

import pytest

from .running import EXAMPLES, figure, run, run_example

pytest.importorskip("ray.rllib")

ONLY_HERE = """
import runpy, sys
import ngym_core as ngym
from ngym_core.tasks.perceptual_decision_making import PerceptualDecisionMaking

ngym.register(ngym.TaskSpec("OnlyHere-v0", "ngym_core.tasks.perceptual_decision_making:PerceptualDecisionMaking"))
runpy.run_path(sys.argv[1])["main"]("ngym_core:OnlyHere-v0")
"""

FAILS_LATER = """
import runpy, sys
from ray.rllib.algorithms.ppo import PPO

def train(self):
    raise ArithmeticError("the driver has had enough")

PPO.train = train
runpy.run_path(sys.argv[1])["main"]()
"""


def test_rllib_example_reaches_its_return_after_it_was_restored(example):
    result = example("rllib")
    reports = [line.split(" steps, mean return ") for line in result.printed.splitlines() if "mean return" in line]
    steps, returns = zip(*reports, strict=True)
    before, after = result.printed.split("restored after")
    assert figure(result, r"mean return (\S+)") >= 0.8
    assert before.count("mean return") >= 1
    assert after.count("mean return") >= 1
    assert int(after.split()[0]) == before.count("mean return")  # it knows how far it was
    assert [int(s) for s in steps] == sorted({int(s) for s in steps})  # and counts on from there
    assert float(returns[before.count("mean return")]) > 0.5  # with the agent that it was


def test_rllib_example_of_an_unknown_task_is_an_error_in_words_before_ray_starts():
    result = run_example("rllib", "ngym_core:PerceptualDecisionMakin-v0", seconds=60)
    assert result.code != 0
    assert "Did you mean: `PerceptualDecisionMaking`?" in result.printed
    assert "Started a local Ray instance" not in result.printed
    assert not result.left


def test_a_task_that_env_runners_do_not_know_is_named_and_ray_is_shut_down(tmp_path):
    script = tmp_path / "only_here.py"
    script.write_text(ONLY_HERE)
    result = run(sys.executable, script, EXAMPLES / "rllib.py", seconds=120)
    assert result.code != 0
    assert "Environment `OnlyHere` doesn't exist." in result.printed
    assert not result.left


def test_ray_is_shut_down_when_training_fails(tmp_path):
    script = tmp_path / "fails_later.py"
    script.write_text(FAILS_LATER)
    result = run(sys.executable, script, EXAMPLES / "rllib.py", seconds=120)
    assert result.code != 0
    assert "ArithmeticError: the driver has had enough" in result.printed
    assert not result.left

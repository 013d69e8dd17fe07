from __future__ import annotations

import runpy
import sys
import time

import numpy as np
import pytest

import ngym_core as ngym

from .running import EXAMPLES, figure, run, run_example

pytest.importorskip("pufferlib")

LANES, STEPS, ROUNDS = 64, 500, 40


def test_pufferlib_example_reaches_its_performance(example):
    assert figure(example("pufferlib"), r"performance (\S+) after") >= 0.8


def test_pufferlib_example_of_an_unknown_task_is_an_error_in_words_and_leaves_nothing_running():
    result = run_example("pufferlib", "PerceptualDecisionMakin-v0", seconds=60)
    assert result.code != 0
    assert "Did you mean" in result.printed
    assert "PerceptualDecisionMaking" in result.printed
    assert not result.left


@pytest.fixture
def native(monkeypatch):
    """Make the example's native env."""
    monkeypatch.setattr(sys, "path", ["a folder that the example takes away", *sys.path])
    return runpy.run_path(str(EXAMPLES / "pufferlib.py"))["Lanes"]


def test_the_native_env_plays_what_lanes_play(native):
    env, lanes = native(num_agents=5), ngym.make_vec("PerceptualDecisionMaking-v0", 5)
    observations, _ = env.reset(seed=3)
    np.testing.assert_array_equal(observations, lanes.reset(seed=3)[0])
    assert observations is env.observations
    lanes.action_space.seed(0)
    for _ in range(60):
        action = lanes.action_space.sample()
        ob, reward, _, _, info = lanes.step(action)
        observations, rewards, terminals, _, infos = env.step(action)
        np.testing.assert_array_equal(observations, ob)
        np.testing.assert_array_equal(rewards, reward.astype(np.float32))
        np.testing.assert_array_equal(terminals, info["new_trial"])
        ended = [float(p) for i in infos for p in i["performance"]]
        assert ended == info["performance"][info["new_trial"]].tolist()


def test_the_native_env_is_nearly_as_fast_as_its_lanes(native, say):
    lanes, env = ngym.make_vec("PerceptualDecisionMaking-v0", LANES), native(num_agents=LANES)
    actions = np.random.default_rng(0).integers(0, 3, (STEPS, LANES)).astype(np.int32)
    rates = {"lanes": [], "native env": []}
    for made in (lanes, env):
        made.reset(seed=0)
    for _ in range(ROUNDS):
        for name, made in (("lanes", lanes), ("native env", env)):
            started = time.process_time()
            for action in actions:
                made.step(action)
            rates[name].append(STEPS * LANES / (time.process_time() - started))
    best = {name: max(values) for name, values in rates.items()}  # the least disturbed by others
    say(
        ", ".join(f"{name} {rate / 1e6:.2f} M steps per second of a core" for name, rate in best.items())
        + f", {LANES} lanes"
    )
    assert best["native env"] > 0.5 * best["lanes"]


FAILS_LATER = """
import runpy, sys
from pufferlib.pufferl import PuffeRL

def train(self):
    raise ArithmeticError("the driver has had enough")

PuffeRL.train = train
runpy.run_path(sys.argv.pop(1), run_name="__main__")
"""


def test_a_training_that_fails_leaves_nothing_running(tmp_path):
    script = tmp_path / "fails_later.py"
    script.write_text(FAILS_LATER)
    result = run(sys.executable, script, EXAMPLES / "pufferlib.py", seconds=60)
    assert result.code != 0
    assert "ArithmeticError: the driver has had enough" in result.printed
    assert not result.left

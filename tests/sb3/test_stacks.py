"""Stable-Baselines3 accepts stacks of wrappers, in single envs and in lanes."""

from __future__ import annotations

import numpy as np
import pytest
from stable_baselines3 import PPO
from stable_baselines3.common.env_checker import check_env

from ngym_sb3 import evaluate_policy, make_sb3_env
from tests.core.stacks import STEP, TRIAL, WRAPPERS, build, goes_with

PDM = "PerceptualDecisionMaking-v0"


@pytest.mark.parametrize("name", WRAPPERS)
def test_single_envs_pass_the_checker(name):
    other = "PassReward" if name == "PassAction" else "PassAction"
    assert goes_with(name, PDM)
    check_env(build(PDM, (name, other)))
    check_env(build(PDM, (other, name)))


@pytest.mark.parametrize("names", list(zip(TRIAL, [*STEP] * 2, strict=False)), ids="-".join)
def test_agents_learn_from_lanes_of_a_stack(names):
    stack = build(PDM, (*names, "SideBias"))
    env = make_sb3_env(stack, 4, trials_per_episode=2, seed=0)
    agent = PPO("MlpPolicy", env, n_steps=64, batch_size=64, n_epochs=1, seed=0, device="cpu").learn(512)
    table = evaluate_policy(agent, env, 20, seed=1)
    assert len(table["performance"]) == 20
    assert set(table["block"]) <= {0, 1}
    assert np.isfinite(table["reward"]).all()

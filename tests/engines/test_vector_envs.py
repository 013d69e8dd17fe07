from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.vector import AsyncVectorEnv, AutoresetMode, SyncVectorEnv

import ngym_core as ngym

from .tasks import EVERY_ID


def compare(ours, theirs):
    """Compare the info of our lanes with what Gymnasium made of the infos of single envs."""
    assert set(ours) == set(theirs)
    for key, value in ours.items():
        if isinstance(value, dict):
            compare(value, theirs[key])
        elif key != "final_obs":
            there = np.ones(len(value), bool) if key.startswith("_") else ours[f"_{key}"]
            np.testing.assert_array_equal(value[there], np.array(theirs[key][there].tolist(), value.dtype))


@pytest.mark.parametrize("mode", [AutoresetMode.NEXT_STEP, AutoresetMode.SAME_STEP])
@pytest.mark.parametrize("id_", EVERY_ID)
def test_gymnasiums_vector_env_has_the_infos_of_our_lanes(id_, mode):
    theirs = SyncVectorEnv([lambda: gym.make(f"ngym_core:{id_}")] * 3, autoreset_mode=mode)
    ours = gym.make_vec(f"ngym_core:{id_}", 3, autoreset_mode=mode)
    compare(ours.reset(seed=0)[1], theirs.reset(seed=0)[1])
    ours.action_space.seed(0)
    for _ in range(60):
        action = ours.action_space.sample()
        compare(ours.step(action)[-1], theirs.step(action)[-1])


@pytest.mark.parametrize("id_", EVERY_ID[::10])
def test_workers_of_gymnasium_send_infos(id_):
    envs = AsyncVectorEnv([lambda: gym.make(f"ngym_core:{id_}")] * 2)
    try:
        _, info = envs.reset(seed=0)
        assert set(info["trial"]) >= set(ngym.make(id_).reset(seed=0)[1]["trial"])
        for _ in range(30):
            info = envs.step(envs.action_space.sample())[-1]
        assert info["performance"].dtype == float
    finally:
        envs.close()


def test_a_task_that_a_worker_does_not_know_is_named():
    with pytest.raises(gym.error.NameNotFound, match="Did you mean: `PerceptualDecisionMaking`"):
        gym.make_vec("ngym_core:PerceptualDecisionMakin-v0", 2, vectorization_mode="async")

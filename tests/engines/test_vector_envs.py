from __future__ import annotations

import sys

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.vector import AsyncVectorEnv, AutoresetMode, SyncVectorEnv

import ngym_core as ngym

from .running import run
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


def test_an_unknown_task_is_named():
    with pytest.raises(gym.error.NameNotFound, match="Did you mean: `PerceptualDecisionMaking`"):
        gym.make_vec("ngym_core:PerceptualDecisionMakin-v0", 2, vectorization_mode="async")


HALF_PACK = """
import ngym_core as ngym

@ngym.hookimpl
def ngym_tasks():
    return [ngym.TaskSpec("Halved-v0", "half_pack.tasks:Halved")]
"""

WORKERS = """
import functools
import sys

import gymnasium as gym
from gymnasium.vector import AsyncVectorEnv

import ngym_core as ngym

if __name__ == "__main__":
    id_, context = sys.argv[1:]
    if id_ == "OnlyHere-v0":
        ngym.register(ngym.TaskSpec(id_, "ngym_core.tasks.perceptual_decision_making:PerceptualDecisionMaking"))
    if context == "here":
        gym.make_vec(f"ngym_core:{id_}", 2)
    make = functools.partial(gym.make, f"ngym_core:{id_}")
    known = functools.partial(gym.make, "ngym_core:PerceptualDecisionMaking-v0")
    AsyncVectorEnv([known, make], context=context)  # the first is made here too
"""


@pytest.mark.parametrize("context", ["here", "spawn"])
def test_half_a_pack_is_an_error_in_words_that_leaves_nothing_running(context, tmp_path):
    (tmp_path / "half_pack").mkdir()
    (tmp_path / "half_pack" / "__init__.py").write_text(HALF_PACK)  # its tasks.py is missing
    info = tmp_path / "half_pack-0.1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: half-pack\nVersion: 0.1.0\n")
    (info / "entry_points.txt").write_text("[ngym]\nhalf-pack = half_pack\n")
    script = tmp_path / "workers.py"
    script.write_text(WORKERS)
    result = run(sys.executable, script, "Halved-v0", context, seconds=60, PYTHONPATH=str(tmp_path))
    assert result.code != 0
    assert "half-pack 0.1.0 cannot be imported from 'half_pack.tasks:Halved': ModuleNotFoundError" in result.printed
    assert not result.left


def test_a_task_that_workers_do_not_know_is_an_error_in_words_that_leaves_nothing_running(tmp_path):
    script = tmp_path / "workers.py"
    script.write_text(WORKERS)
    result = run(sys.executable, script, "OnlyHere-v0", "spawn", seconds=60)
    assert result.code != 0
    assert "Environment `OnlyHere` doesn't exist" in result.printed
    assert not result.left

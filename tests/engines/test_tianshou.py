from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest

from .tasks import EVERY_ID

pytest.importorskip("tianshou")

from tianshou.algorithm.algorithm_base import Policy
from tianshou.data import Batch, Collector, VectorReplayBuffer
from tianshou.env import DummyVectorEnv


class RandomPolicy(Policy):
    """Acts at random."""

    def forward(self, batch, state=None, **kwargs):
        return Batch(act=np.stack([self.action_space.sample() for _ in range(len(batch.obs))]))


@pytest.mark.parametrize("id_", EVERY_ID)
def test_a_replay_buffer_keeps_the_infos_of_each_step(id_):
    envs = DummyVectorEnv([lambda: gym.make(f"ngym_core:{id_}")] * 2)
    space = envs.action_space[0]
    space.seed(0)
    buffer = VectorReplayBuffer(400, 2)
    collector = Collector(RandomPolicy(action_space=space, observation_space=envs.observation_space[0]), envs, buffer)
    collector.reset(gym_reset_kwargs={"seed": 0})
    collector.collect(n_step=200)
    info = buffer[:].info
    assert {"new_trial", "gt", "performance", "trial", "ended_trial"} <= set(info.get_keys())
    assert info.new_trial.dtype == bool
    assert info.performance.dtype == float
    names = set(gym.make(f"ngym_core:{id_}").reset(seed=0)[1]["trial"])
    assert set(info.trial.get_keys()) == set(info.ended_trial.get_keys()) == names
    assert len(info.gt) == len(buffer)

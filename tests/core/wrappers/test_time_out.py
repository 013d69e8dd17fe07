from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest

import ngym_core as ngym

from ..toy import Toy

PDM = "PerceptualDecisionMaking-v0"


def make(*wrappers, id_=PDM, **kwargs):
    return ngym.make(id_, wrappers=wrappers, **kwargs)


def test_time_out_pauses_after_an_error():
    env = make(("TimeOut", {"time_out": 500}), timing={"fixation": 100, "stimulus": 200, "delay": 0, "decision": 100})
    env.reset(seed=0)
    for _ in range(3):
        env.step(0)
    _, _, _, _, info = env.step(3 - env.unwrapped.gt_now)
    assert info["new_trial"]
    assert info["time_out"] == 500
    before = env.unwrapped.t_ind
    for left in (400, 300, 200, 100, 0):
        ob, reward, _, _, info = env.step(1)
        assert (reward, info["time_out"], info["gt"], info["new_trial"]) == (0, left, 0, False)
        assert (ob == 0).all() == (left > 0)
        assert env.unwrapped.t_ind == before
    assert ob[0] == 1
    for _ in range(3):
        env.step(0)
    info = env.step(env.unwrapped.gt_now)[4]
    assert info["time_out"] == 0


@pytest.mark.parametrize("time_out", [0, 50, -100, np.inf])
def test_time_out_rejects_invalid_durations(time_out):
    with pytest.raises(ValueError, match=r"time_out=.* must be a (finite )?number of ms (above 0|from one time step)"):
        make(("TimeOut", {"time_out": time_out}))


def test_time_out_rejects_observations_that_cannot_be_0():
    env = Toy()
    env.observation_space = gym.spaces.Box(1, 2, (3,))
    with pytest.raises(ValueError, match="TimeOut shows 0 in all channels; observations of Box"):
        ngym.plugins.registry.wrapper_spec("TimeOut").load()(env)

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest

import ngym_core as ngym

from ..toy import Toy


@pytest.mark.parametrize("name", ["PassAction", "PassReward"])
def test_pass_wrappers_reject_an_env_with_images(name):
    env = Toy()
    env.observation_space = gym.spaces.Box(0, 255, (8, 8), np.uint8)
    with pytest.raises(ValueError, match="vector of channels"):
        ngym.plugins.registry.wrapper_spec(name).load()(env)


@pytest.mark.parametrize("wrapper", ["PassAction", "PassReward", "FullInput"])
def test_append_wrappers_reject_an_image_task(wrapper):
    with pytest.raises(ValueError, match="appended to a vector of channels or a discrete observation, not to Box"):
        ngym.make("RandomDotMotion", wrappers=[wrapper])

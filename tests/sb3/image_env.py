"""ImageEnv: an env whose observations are images."""

from __future__ import annotations

import gymnasium
import numpy as np
from gymnasium import spaces


class ImageEnv(gymnasium.Env):
    """Random images, or dictionaries of an image and numbers; actions have no effect."""

    def __init__(self, both, actions):
        image = spaces.Box(0, 255, (1, 36, 36), np.uint8)
        self.observation_space = spaces.Dict({"image": image, "numbers": spaces.Box(-1, 1, (2,))}) if both else image
        self.action_space = actions
        self.steps = 0

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.steps = 0
        return self.observation_space.sample(), {}

    def step(self, action):
        self.steps += 1
        return self.observation_space.sample(), 1.0, False, self.steps % 5 == 0, {}

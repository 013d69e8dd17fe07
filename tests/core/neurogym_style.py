"""A task and a wrapper written as NeuroGym's users write them."""

from __future__ import annotations

import numpy as np

import ngym_core as ngym
from ngym_core import TrialWrapper, spaces


class Dots(ngym.TrialEnv):
    metadata = {"paper_link": None, "paper_name": "A paper\n        in two lines", "tags": ["perceptual", "supervised"]}

    def __init__(self, dt=100, rewards=None, timing=None, sigma=1.0):
        super().__init__(dt=dt)
        self.sigma = sigma / np.sqrt(self.dt)
        self.rewards = {"abort": -0.1, "correct": +1.0, "fail": 0.0}
        if rewards:
            self.rewards.update(rewards)
        self.timing = {
            "fixation": 100,
            "stimulus": ngym.TruncExp(500, 200, 1000),
            "delay": lambda: self.rng.uniform(100, 300),
        }
        self.timing["decision"] = 200
        if timing:
            self.timing.update(timing)
        self.abort = False
        self.theta = np.linspace(0, 2 * np.pi, 3)[:-1]
        self.choices = np.arange(2)
        name = {"fixation": 0, "stimulus": range(1, 3)}
        self.observation_space = spaces.Box(-np.inf, np.inf, shape=(3,), dtype=np.float32, name=name)
        self.action_space = spaces.Discrete(3, name={"fixation": 0, "choice": range(1, 3)})

    def _new_trial(self, **kwargs):
        trial = {"ground_truth": self.rng.choice(self.choices), "coh": self.rng.choice([0, 50])}
        trial.update(kwargs)
        stim = np.cos(self.theta - self.theta[trial["ground_truth"]]) * (trial["coh"] / 200) + 0.5
        self.add_period(["fixation", "stimulus", "delay", "decision"])
        self.add_ob(1, period=["fixation", "stimulus", "delay"], where="fixation")
        self.add_ob(stim, "stimulus", where="stimulus")
        self.add_randn(0, self.sigma, "stimulus", where="stimulus")
        self.set_groundtruth(trial["ground_truth"], period="decision", where="choice")
        return trial

    def _step(self, action):
        new_trial, terminated, truncated, reward = False, False, False, 0
        gt = self.gt_now
        if self.in_period("fixation"):
            if action != 0:
                new_trial = self.abort
                reward += self.rewards["abort"]
        elif self.in_period("decision") and action != 0:
            new_trial = True
            if action == gt:
                reward += self.rewards["correct"]
                self.performance = 1
            else:
                reward += self.rewards["fail"]
        return self.ob_now, reward, terminated, truncated, {"new_trial": new_trial, "gt": gt}


class Alternate(TrialWrapper):
    """NeuroGym's style of a wrapper: the ground truth alternates."""

    def __init__(self, env):
        super().__init__(env)
        self.last = 0

    def new_trial(self, **kwargs):
        self.last = 1 - self.last
        kwargs.update(ground_truth=self.last)
        return self.env.new_trial(**kwargs)

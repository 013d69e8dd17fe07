"""Tasks for tests of figures: one of steps in channels, one with image observations, one that fails."""

from __future__ import annotations

import numpy as np

import ngym_core as ngym


class Plain(ngym.TrialEnv):
    """A task without noise: channels that step up, and the second choice at the end."""

    metadata = {"paper_name": None, "paper_link": None, "tags": []}
    default_timing = {"fixation": 300, "stimulus": 800, "delay": 400, "decision": 200}
    default_rewards = {"abort": -0.1, "correct": 1.0, "fail": 0.0}
    rule = ngym.FixateThenChoose()

    def __init__(self, dt=100, channels=3, **kwargs):
        super().__init__(dt, **kwargs)
        name = {"fixation": 0, "stimulus": list(range(1, channels))}
        self.observation_space = ngym.spaces.Box(-np.inf, np.inf, name, shape=(channels,))
        self.action_space = ngym.spaces.Discrete(3, {"fixation": 0, "choice": [1, 2]})

    def _new_trials(self, trials):
        trials.add_period(["fixation", "stimulus", "delay", "decision"])
        trials.add_ob(1, ["fixation", "stimulus", "delay"], where="fixation")
        k = self.observation_space.shape[0]
        trials.add_ob(np.arange(1, k)[None] / k, "stimulus", where="stimulus")
        trials.set_groundtruth(np.ones(trials.n, int), "decision", where="choice")


class MovingBar(ngym.TrialEnv):
    """Show a bar that moves <over> `8 x 6` images."""

    metadata = {"paper_name": "Bars & stripes", "paper_link": "https://example.org/?a=1&b=2", "tags": ["images", "motion"]}
    default_timing = {"stimulus": 400}

    def __init__(self, dt=100, **kwargs):
        super().__init__(dt, **kwargs)
        self.observation_space = ngym.spaces.Box(0, 1, shape=(8, 6))
        self.action_space = ngym.spaces.Discrete(2)

    def _new_trials(self, trials):
        trials.add_period("stimulus")
        bar = np.arange(6) == np.arange(trials.ob.shape[1])[:, None]
        trials.ob[:] = bar[:, None, :]


class Failing(MovingBar):
    """Fails when a trial is made."""

    def _new_trials(self, trials):
        raise RuntimeError("no trial <today>")

"""Tasks for tests of figures: one that shows images, one that cannot be drawn."""

from __future__ import annotations

import numpy as np

import ngym_core as ngym


class Film(ngym.TrialEnv):
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


class Undrawable(Film):
    """Fails when a trial is made."""

    def _new_trials(self, trials):
        raise RuntimeError("no trial <today>")

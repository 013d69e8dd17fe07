"""Producing intervals: respond when a measured or learned time has passed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ngym_core.env import TrialEnv
from ngym_core.rules import ProduceInterval
from ngym_core.spaces import Box, Discrete
from ngym_core.trials import Trials


class ReadySetGo(TrialEnv):
    """Measure the interval between two flashes, then produce it (times a gain).

    Channels:
        fixation: 0. 1 until the set flash is over.
        ready: 1. 1 during the first flash.
        set: 2. 1 during the second.

    Actions:
        fixation: 0.
        go: 1. The interval, counted from the onset of the set flash, has passed.

    Periods (ms):
        fixation: 100.
        ready: 83.
        measure: ("uniform", (800, 1500)). It begins with the ready flash, and the set flash follows it.
        set: 83.
        production: twice the interval to produce.

    Conditions:
        measure: ms. The interval between the onsets of the flashes.
        gain: By default `gain`.
        production: measure * gain, in ms.

    Rewards:
        abort: -0.1. An action during fixation.
        correct: 1.0. For going at the right time, scaled down to a tenth with the error; it ends the trial.
        fail: 0.0. For going off by more than prod_margin * production + 25 ms; it ends the trial.

    Full performance is going in time, that is, within the margin; the ground truth stands where the
    reward is highest.

    Args:
        dt: Time step in ms.
        rewards: Values that replace the defaults.
        timing: Durations (ms) that replace the defaults.
        gain: What the measured interval is multiplied with.
        prod_margin: How far a response may be off, as a share of the interval.
        **kwargs: Those of `TrialEnv`.

    Raises:
        ValueError: A gain or margin that is not a positive number.
    """

    metadata = {
        "paper_name": "Flexible Sensorimotor Computations through Rapid Reconfiguration of Cortical Dynamics",
        "paper_link": "https://www.sciencedirect.com/science/article/pii/S0896627318304185",
        "tags": ["timing", "go-no-go", "supervised"],
    }
    default_timing = {"fixation": 100, "ready": 83, "measure": ("uniform", (800, 1500)), "set": 83}
    default_rewards = {"abort": -0.1, "correct": 1.0, "fail": 0.0}
    rule = ProduceInterval("production", clock="measure", window="production")

    def __init__(
        self,
        dt: float = 80,
        rewards: Mapping[str, float] | None = None,
        timing: Mapping[str, Any] | None = None,
        gain: float = 1,
        prod_margin: float = 0.2,
        **kwargs: Any,
    ) -> None:
        super().__init__(dt, rewards=rewards, timing=timing, **kwargs)
        if not (0 < gain < np.inf and 0 < prod_margin < np.inf):
            raise ValueError(f"gain={gain!r} and prod_margin={prod_margin!r} must be positive numbers.")
        self.gain = gain
        self.prod_margin = prod_margin
        self.observation_space = Box(-np.inf, np.inf, {"fixation": 0, "ready": 1, "set": 2}, shape=(3,))
        self.action_space = Discrete(2, {"fixation": 0, "go": 1})

    def _new_trials(self, trials: Trials) -> None:
        measure = trials.duration("measure")
        production = trials.set("production", measure * trials.choice("gain", [self.gain], free=True))
        trials.add_period(["fixation", "ready"])
        trials.add_period("measure", measure, after="fixation")
        trials.add_period("set", after="measure")
        trials.add_period("production", 2 * production, after="set", at_least=1)
        trials.add_ob(1, ["fixation", "measure", "set"], where="fixation")
        trials.add_ob(1, "ready", where="ready")
        trials.add_ob(1, "set", where="set")
        onset, (opens, closes) = trials.span("measure")[1], trials.span("production")
        best = np.minimum(np.maximum(onset + np.rint(production / self.dt).astype(int), opens), closes - 1)
        trials.set_groundtruth(1, (best, best + 1))

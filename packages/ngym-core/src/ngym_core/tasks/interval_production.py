"""Interval production: respond when a measured or learned time has passed."""

from __future__ import annotations

from typing import Any

import numpy as np

from ngym_core.arguments import Number, Positive
from ngym_core.env import Rewards, Timing, TrialEnv
from ngym_core.random import TruncExp
from ngym_core.rules import ProduceInterval
from ngym_core.spaces import Discrete, named_box
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
        gain: Factor of the measured interval.
        prod_margin: How far a response may be off, as a share of the interval.
        **kwargs: Arguments of `TrialEnv`.

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
        rewards: Rewards = None,
        timing: Timing = None,
        gain: Positive = 1,
        prod_margin: Positive = 0.2,
        **kwargs: Any,
    ) -> None:
        super().__init__(dt, rewards=rewards, timing=timing, **kwargs)
        self.gain = gain
        self.prod_margin = prod_margin
        self.observation_space = named_box({"fixation": 0, "ready": 1, "set": 2})
        self.action_space = Discrete(2, {"fixation": 0, "go": 1})

    def _new_trials(self, trials: Trials) -> None:
        measure = trials.duration("measure")
        production = trials.set("production", measure * trials.choice("gain", [self.gain], allow=Number(above=0)))
        trials.add_period(["fixation", "ready"])
        trials.add_period("measure", measure, after="fixation")
        trials.add_period("set", after="measure")
        trials.add_period("production", 2 * production, after="set", at_least=1)
        trials.set_groundtruth(1, _best_step(trials, trials.span("measure")[1], production))
        trials.add_ob(1, ["fixation", "measure", "set"], where="fixation")
        trials.add_ob(1, "ready", where="ready")
        trials.add_ob(1, "set", where="set")


class MotorTiming(TrialEnv):
    """Produce one of two cued intervals after a set signal.

    Channels:
        fixation: 0. 1 until the set signal is over.
        cue: 1 to 2. 1 for the interval that is asked for, until the set signal is over.
        set: 3. 1 during the set signal.

    Actions:
        fixation: 0.
        go: 1. The interval, counted from the end of the set signal, has passed.

    Periods (ms):
        fixation: 500.
        cue: ("uniform", (1000, 3000)).
        set: 50. At least one time step.
        production: twice the interval.

    Conditions:
        production_ind: 0 or 1. Which interval is asked for.
        production: 800 or 1500, in ms. It follows.

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
        prod_margin: How far a response may be off, as a share of the interval.
        **kwargs: Arguments of `TrialEnv`.

    Raises:
        ValueError: A margin that is not a positive number.
    """

    metadata = {
        "paper_name": "Flexible timing by temporal scaling of cortical responses",
        "paper_link": "https://www.nature.com/articles/s41593-017-0028-6",
        "tags": ["timing", "go-no-go", "supervised"],
    }
    default_timing = {"fixation": 500, "cue": ("uniform", (1000, 3000)), "set": 50}
    default_rewards = {"abort": -0.1, "correct": 1.0, "fail": 0.0}
    rule = ProduceInterval("production", clock="set", window="production")

    def __init__(
        self, dt: float = 80, rewards: Rewards = None, timing: Timing = None, prod_margin: Positive = 0.2, **kwargs: Any
    ) -> None:
        super().__init__(dt, rewards=rewards, timing=timing, **kwargs)
        self.prod_margin = prod_margin
        self.intervals = np.array([800, 1500])
        self.observation_space = named_box({"fixation": 0, "cue": [1, 2], "set": 3})
        self.action_space = Discrete(2, {"fixation": 0, "go": 1})

    def _new_trials(self, trials: Trials) -> None:
        index = trials.choice("production_ind", [0, 1])
        production = trials.set("production", self.intervals[index])
        trials.add_period(["fixation", "cue"])
        trials.add_period("set", after="cue", at_least=1)
        trials.add_period("production", 2 * production, after="set", at_least=1)
        trials.add_ob(1, ["fixation", "cue", "set"], where="fixation")
        trials.add_ob(np.eye(2)[index], ["cue", "set"], where="cue")
        trials.add_ob(1, "set", where="set")
        trials.set_groundtruth(1, _best_step(trials, trials.span("set")[1], production))


class OneTwoThreeGo(TrialEnv):
    """Three flashes mark two equal intervals; respond when a third has passed.

    Channels:
        fixation: 0. Always 1.
        stimulus: 1. 1 during the flashes.
        target: 2. 1 after fixation.

    Actions:
        fixation: 0.
        go: 1. The interval, counted from the end of the third flash, has passed.

    Periods (ms):
        fixation: TruncExp(400, 100, 800).
        target: TruncExp(1000, 500, 1500).
        s1: 100.
        interval1: (600, 700, 800, 900, 1000).
        s2: 100.
        interval2: 0. Not used: all three intervals are the first.
        s3: 100.
        interval3: 0. Not used.
        response: 1000.

    Conditions:
        interval: ms. The interval.

    Rewards:
        abort: -0.1. An action before the third flash is over.
        correct: 1.0. For going at the right time, scaled down to a tenth with the error; it ends the trial.
        fail: 0.0. For going off by more than prod_margin * interval + 25 ms; it ends the trial.

    Full performance is going in time, that is, within the margin. The ground truth asks for a response
    from the end of the third interval on, and its first step earns the most.

    Args:
        dt: Time step in ms.
        rewards: Values that replace the defaults.
        timing: Durations (ms) that replace the defaults.
        prod_margin: How far a response may be off, as a share of the interval.
        **kwargs: Arguments of `TrialEnv`.

    Raises:
        ValueError: A margin that is not a positive number.
    """

    metadata = {
        "paper_name": "Internal models of sensorimotor integration regulate cortical dynamics",
        "paper_link": "https://www.nature.com/articles/s41593-019-0500-6",
        "tags": ["timing", "go-no-go", "supervised"],
    }
    default_timing = {
        "fixation": TruncExp(400, 100, 800),
        "target": TruncExp(1000, 500, 1500),
        "s1": 100,
        "interval1": (600, 700, 800, 900, 1000),
        "s2": 100,
        "interval2": 0,
        "s3": 100,
        "interval3": 0,
        "response": 1000,
    }
    default_rewards = {"abort": -0.1, "correct": 1.0, "fail": 0.0}
    rule = ProduceInterval("interval", clock="s3", window=("interval3", "response"), fixation=None)

    def __init__(
        self, dt: float = 80, rewards: Rewards = None, timing: Timing = None, prod_margin: Positive = 0.2, **kwargs: Any
    ) -> None:
        super().__init__(dt, rewards=rewards, timing=timing, **kwargs)
        self.prod_margin = prod_margin
        self.observation_space = named_box({"fixation": 0, "stimulus": 1, "target": 2})
        self.action_space = Discrete(2, {"fixation": 0, "go": 1})

    def _new_trials(self, trials: Trials) -> None:
        interval = trials.duration("interval1", "interval")
        periods = ["fixation", "target", "s1", "interval1", "s2", "interval2", "s3", "interval3", "response"]
        trials.add_period(periods, [interval if p.startswith("interval") else None for p in periods])
        trials.add_ob(1, where="fixation")
        trials.add_ob(1, ["s1", "s2", "s3"], where="stimulus")
        trials.add_ob(1, periods[1:], where="target")
        trials.set_groundtruth(1, "response")


def _best_step(trials: Trials, clock: Any, interval: Any) -> Any:
    """Return the step (and the next one) of the production period that is nearest to an interval (ms) after step `clock`."""
    opens, closes = trials.span("production")
    best = np.minimum(np.maximum(clock + np.rint(interval / trials.dt).astype(int), opens), closes - 1)
    return best, best + 1

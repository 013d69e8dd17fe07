"""Reaching: turn a pointer toward an angle."""

from __future__ import annotations

from functools import lru_cache
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ngym_core.arguments import Count
from ngym_core.env import Rewards, Timing, TrialEnv
from ngym_core.rules import Rule
from ngym_core.spaces import Discrete, named_box
from ngym_core.tasktools import ring, tuning
from ngym_core.trials import Trials

TURN_RADIANS = 0.05
"""Angle by which the pointer turns in a step."""
MAX_TURNS = round(np.pi / TURN_RADIANS)
"""Number of turns to the farthest angle."""
Array = NDArray[Any]


def _turn_to(target: Any, pointer: Any) -> Any:
    """Return the turn from the pointer to the target in radians, from -pi to pi."""
    return (target - pointer + np.pi) % (2 * np.pi) - np.pi


class Follow(Rule):
    """Turn a pointer (action 1: up, 2: down) toward one angle after another.

    For each angle the pointer starts at pi and can be turned as soon as the angle is known. In the rewarded
    period a step earns `correct` minus the distance to the angle, at least `fail`. Performance is the share
    of the rewarded steps in which the pointer is as near to its angle as possible.

    In played trials the pointer of the agent replaces the one that the trial's observations show, which follows the
    ground truth.

    Args:
        channels: The channels of the pointer, each the cosine of its distance.
        stages: For each angle the condition that holds it, the period from which on it is known, and the rewarded period.
    """

    is_interactive = True

    def __init__(self, channels: Any, *stages: tuple[str, str, str]) -> None:
        self.channels, self.stages = channels, stages

    def prepare(self, task: Any, trials: Trials) -> dict[str, Any]:
        """Return the angles, and when each is known and rewarded."""
        facts: dict[str, Any] = {"pointer": np.pi, "hits": 0.0, "paid": 0}
        for k, (angle, known, paid) in enumerate(self.stages):
            (start, _), (opens, closes) = trials.span(known), trials.span(paid)
            facts |= {f"target{k}": trials.conditions[angle], f"known{k}": start, f"opens{k}": opens, f"closes{k}": closes}
            facts["paid"] = facts["paid"] + closes - opens
        return facts

    def stage(self, now: Any, step: Any) -> tuple[Any, Any, Any]:
        """Return the present angle, for how many steps it is known (negative: not yet), and whether the step is rewarded."""
        target, since, paid = now.target0, step - now.known0, (step >= now.opens0) & (step < now.closes0)
        for k in range(1, len(self.stages)):
            known, opens, closes = (getattr(now, f"{name}{k}") for name in ("known", "opens", "closes"))
            target = np.where(step >= known, getattr(now, f"target{k}"), target)
            since = np.where(step >= known, step - known, since)
            paid = paid | ((step >= opens) & (step < closes))
        return target, since, paid

    def turns(self, target: Any, steps: Any) -> Any:
        """Return the signed turns from pi of a pointer that has followed the ground truth for some steps."""
        side, most = self.way(target)
        return side * np.minimum(np.maximum(np.int32(steps), 0), most)

    def way(self, target: Any) -> tuple[Any, Any]:
        """Return on which side of pi an angle is, 1 or -1, and the number of turns to it."""
        turn = _turn_to(target, np.pi)
        most = np.ceil(np.abs(turn) / TURN_RADIANS - 0.5)  # the last one brings it within half a turn
        return np.where(turn < 0, np.int32(-1), np.int32(1)), most.astype(np.int32)

    def ideal(self, target: Any, steps: Any) -> Any:
        """Return the position of a pointer that has followed the ground truth for some steps."""
        return np.pi + TURN_RADIANS * self.turns(target, steps)

    def render(self, task: Any, now: Any, ob: Array) -> None:
        """Replace the pointer that follows the ground truth by that of the agent in the observation."""
        target, since, _ = self.stage(now, now.step)
        pointers = self.ideal(target, since), np.where(since <= 0, np.pi, now.pointer)
        theirs, ours = (np.cos(task.theta - np.asarray(pointer)[..., None]) for pointer in pointers)
        ob[..., self.channels] = ob[..., self.channels] + (ours - theirs)

    def ground_truth(self, task: Any, now: Any) -> Any:
        """Return the turn toward the angle, or 0 if it is less than half a turn away."""
        target, since, _ = self.stage(now, now.step)
        turn = _turn_to(target, np.where(since <= 0, np.pi, now.pointer))
        truth = np.where((since >= 0) & (np.abs(turn) > TURN_RADIANS / 2), np.where(turn > 0, 1, 2), 0)
        return truth if truth.ndim else int(truth)

    def evaluate(self, task: Any, now: Any, action: Any) -> Any:
        """Turn the pointer and return the rewards, for one env or for lanes."""
        target, since, paid = self.stage(now, now.step)
        side = np.where(action == 1, 1, np.where(action == 2, -1, 0)) * (since >= 0)
        now.pointer = (np.where(since <= 0, np.pi, now.pointer) + TURN_RADIANS * side) % (2 * np.pi)
        distance = np.abs(_turn_to(target, now.pointer))
        best = np.abs(_turn_to(target, self.ideal(target, since + 1)))
        now.hits = now.hits + (paid & (distance <= best + TURN_RADIANS / 2))
        now.performance = now.hits / now.paid
        return np.where(paid, np.maximum(task.rewards["correct"] - distance, task.rewards["fail"]), 0.0)

    def step_one(self, task: Any, now: Any, action: int) -> tuple[float, bool]:
        """Evaluate one action."""
        reward = float(self.evaluate(task, now, action))
        now.performance = float(now.performance)
        return reward, False

    def step_many(self, task: Any, now: Any, action: Array) -> tuple[Array, NDArray[np.bool_]]:
        """Evaluate one action in each of N lanes."""
        return self.evaluate(task, now, action), np.zeros(len(action), bool)


def follow(trials: Trials, rule: Follow, task: Any) -> None:
    """Write the channels of a pointer that follows the ground truth, and the ground truth itself."""
    steps = np.arange(trials.ob.shape[1], dtype=np.int32)[:, None]  # (T, 1): NumPy is faster along many trials
    target, since, _ = rule.stage(SimpleNamespace(**rule.prepare(task, trials)), steps)
    side, most = rule.way(target)
    turns = side * np.minimum(np.maximum(since, 0), most)
    trials.set_patterns(_pointers(len(task.theta)), (turns + MAX_TURNS).T, where=rule.channels)
    trials.set_groundtruth((np.where(side > 0, 1, 2) * ((since >= 0) & (since < most))).T)


@lru_cache
def _pointers(k: int) -> Array:
    """Return k channels of a pointer at -MAX_TURNS to MAX_TURNS turns from pi, (2 * MAX_TURNS + 1, k)."""
    return np.cos(ring(k) - (np.pi + TURN_RADIANS * np.arange(-MAX_TURNS, MAX_TURNS + 1))[:, None]).astype(np.float32)


class Reaching1D(TrialEnv):
    """Turn a pointer, step by step, toward a target angle shown on a ring.

    Channels:
        self: 16 to 31. cos(distance to the pointer).
        target: 0 to 15. cos(distance to the target), while reaching.

    Actions:
        fixation: 0. Stay.
        left: 1. Turn by 0.05.
        right: 2. Turn by -0.05.

    Periods (ms):
        fixation: 500.
        reach: 500.

    Conditions:
        ground_truth: 0 to 2 pi. The target.

    Rewards:
        correct: 1.0. In each step of the reach, minus the distance to the target.
        fail: -0.1. The least that a step of it can earn.

    The pointer starts at pi and can be turned while reaching; the ground truth turns it toward the target.
    Performance is the share of the reach in which the pointer is as near to the target as it can be. In the
    observations of `sample_trials` and data sets the pointer follows the ground truth.

    Args:
        dt: Time step in ms.
        rewards: Values that replace the defaults.
        timing: Durations (ms) that replace the defaults.
        dim_ring: Number of channels of each ring.
        **kwargs: Arguments of `TrialEnv`.
    """

    metadata = {
        "paper_name": "Neuronal population coding of movement direction",
        "paper_link": "https://science.sciencemag.org/content/233/4771/1416",
        "tags": ["motor", "steps action space"],
    }
    default_timing = {"fixation": 500, "reach": 500}
    default_rewards = {"correct": 1.0, "fail": -0.1}

    def __init__(
        self,
        dt: float = 100,
        rewards: Rewards = None,
        timing: Timing = None,
        dim_ring: Count = 16,
        **kwargs: Any,
    ) -> None:
        super().__init__(dt, rewards=rewards, timing=timing, **kwargs)
        self.theta = ring(dim_ring)
        self.rule = self.follow = Follow(slice(dim_ring, None), ("ground_truth", "reach", "reach"))
        self.observation_space = named_box({"self": range(dim_ring, 2 * dim_ring), "target": range(dim_ring)})
        self.action_space = Discrete(3, {"fixation": 0, "left": 1, "right": 2})

    def _new_trials(self, trials: Trials) -> None:
        target = trials.uniform("ground_truth", 0, 2 * np.pi)
        trials.add_period(["fixation", "reach"])
        trials.add_ob(tuning(self.theta, target, np.float32), "reach", where="target")
        follow(trials, self.follow, self)


class Reaching1DWithSelfDistraction(TrialEnv):
    """Turn a pointer toward a target angle; both are shown on one ring, the pointer more strongly.

    Channels:
        ring: 0 to 31. cos(distance to the pointer), plus, while reaching, 0.3 * cos(distance to the target).

    Actions:
        fixation: 0. Stay.
        left: 1. Turn by 0.05.
        right: 2. Turn by -0.05.

    Periods (ms):
        fixation: 500.
        reach: 500.

    Conditions:
        ground_truth: 0 to 2 pi. The target.

    Rewards:
        correct: 1.0. In each step of the reach, minus the distance to the target.
        fail: -0.1. The least that a step of it can earn.

    Ground truth and performance are those of Reaching1D.

    Args:
        dt: Time step in ms.
        rewards: Values that replace the defaults.
        timing: Durations (ms) that replace the defaults.
        **kwargs: Arguments of `TrialEnv`.
    """

    metadata = {"paper_name": None, "paper_link": None, "tags": ["motor", "steps action space"]}
    default_timing = {"fixation": 500, "reach": 500}
    default_rewards = {"correct": 1.0, "fail": -0.1}
    rule = follow_rule = Follow(slice(None), ("ground_truth", "reach", "reach"))

    def __init__(self, dt: float = 100, rewards: Rewards = None, timing: Timing = None, **kwargs: Any) -> None:
        super().__init__(dt, rewards=rewards, timing=timing, **kwargs)
        self.theta = ring(32)
        self.observation_space = named_box({"ring": range(32)})
        self.action_space = Discrete(3, {"fixation": 0, "left": 1, "right": 2})

    def _new_trials(self, trials: Trials) -> None:
        target = trials.uniform("ground_truth", 0, 2 * np.pi)
        trials.add_period(["fixation", "reach"])
        follow(trials, self.follow_rule, self)
        trials.add_ob(0.3 * tuning(self.theta, target, np.float32), "reach")


class AngleReproduction(TrialEnv):
    """Remember two angles and reproduce them one after the other by turning a pointer.

    Channels:
        stimulus: 0 to 15. cos(distance to the shown angle).
        pointer: 16 to 31. cos(distance to the pointer).
        go1: 32. 1 while the first angle is to be shown.
        go2: 33. 1 while the second is.

    Actions:
        stay: 0.
        left: 1. Turn by 0.05.
        right: 2. Turn by -0.05.

    Periods (ms):
        fixation: 500.
        stim1: 500.
        delay1: 500.
        stim2: 500.
        delay2: 500.
        go1: 500.
        go2: 500.

    Conditions:
        ground_truth1: 0 to 2 pi. The first angle.
        ground_truth2: 0 to 2 pi. The second.

    Rewards:
        correct: 1.0. In each step of go1 and go2, minus the distance to the angle.
        fail: -0.1. The least that a step of these can earn.

    The pointer starts at pi for each angle; it can be turned to the first from when it is seen, to the second in
    go2. The ground truth turns toward the angle. Performance is the share of the steps in go1 and go2 in which the
    pointer is as near to the angle as it can be. In the observations of `sample_trials` and data sets the pointer
    follows the ground truth.

    Args:
        dt: Time step in ms.
        rewards: Values that replace the defaults.
        timing: Durations (ms) that replace the defaults.
        **kwargs: Arguments of `TrialEnv`.
    """

    metadata = {
        "paper_name": "Visual perception as retrospective Bayesian decoding from high- to low-level features",
        "paper_link": "https://www.pnas.org/content/114/43/E9115.short",
        "tags": ["perceptual", "working memory", "delayed response", "steps action space"],
    }
    default_timing = dict.fromkeys(("fixation", "stim1", "delay1", "stim2", "delay2", "go1", "go2"), 500)
    default_rewards = {"correct": 1.0, "fail": -0.1}
    rule = follow_rule = Follow(slice(16, 32), ("ground_truth1", "stim1", "go1"), ("ground_truth2", "go2", "go2"))

    def __init__(self, dt: float = 100, rewards: Rewards = None, timing: Timing = None, **kwargs: Any) -> None:
        super().__init__(dt, rewards=rewards, timing=timing, **kwargs)
        self.theta = ring(16)
        self.observation_space = named_box({"stimulus": range(16), "pointer": range(16, 32), "go1": 32, "go2": 33})
        self.action_space = Discrete(3, {"stay": 0, "left": 1, "right": 2})

    def _new_trials(self, trials: Trials) -> None:
        angles = [trials.uniform(f"ground_truth{i}", 0, 2 * np.pi) for i in (1, 2)]
        trials.add_period(list(self.timing))
        for i, angle in enumerate(angles, start=1):
            trials.add_ob(tuning(self.theta, angle, np.float32), f"stim{i}", where="stimulus")
            trials.add_ob(1, f"go{i}", where=f"go{i}")
        follow(trials, self.follow_rule, self)

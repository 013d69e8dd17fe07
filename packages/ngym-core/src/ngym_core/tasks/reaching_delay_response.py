"""Delayed reaching: report a remembered position with a continuous action."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from ngym_core.arguments import Number
from ngym_core.env import Rewards, Timing, TrialEnv
from ngym_core.rules import Rule, broken, broken_many
from ngym_core.spaces import Box
from ngym_core.trials import Trials

Array = NDArray[Any]


class ReportPosition(Rule):
    """Hold during the stimulus, then give a go signal and a position.

    In the decision period the first action whose go signal (its first number) is positive ends the trial; the
    closer its second number is to the position, the larger the share of `correct` that it earns. This share is its
    performance. During the stimulus a go signal that is not negative earns `abort`, and ends the trial if the
    task's `abort` is true. Running out of steps earns `miss`.
    """

    def prepare(self, task: Any, trials: Trials) -> dict[str, Any]:
        """Return the edges of both periods."""
        (hold_from, hold_to), (opens, closes) = trials.span("stimulus"), trials.span("decision")
        facts = {"hold_from": hold_from, "hold_to": hold_to, "opens": opens, "closes": closes}
        return {**facts, "timeout": task.rewards["miss"]}

    def step_one(self, task: Any, now: Any, action: Array) -> tuple[float, bool]:
        """Evaluate one action."""
        if now.opens <= now.step < now.closes and action[0] > 0:
            now.performance = float(_nearness(action, now.gt))
            return task.rewards["correct"] * now.performance, True
        if now.hold_from <= now.step < now.hold_to and not action[0] < 0:
            return broken(task, now)
        return 0.0, False

    def step_many(self, task: Any, now: Any, action: Array) -> tuple[Array, NDArray[np.bool_]]:
        """Evaluate one action in each of N lanes."""
        answers = (now.opens <= now.step) & (now.step < now.closes) & (action[:, 0] > 0)
        now.performance[answers] = _nearness(action, now.gt)[answers]
        reward = np.where(answers, task.rewards["correct"] * now.performance, 0.0)
        early = ~answers & (now.hold_from <= now.step) & (now.step < now.hold_to) & ~(action[:, 0] < 0)
        return reward, broken_many(task, now, early, reward, answers)


def _nearness(action: Array, gt: Array) -> Any:
    """Return 1 for the right position, less with the error, in single precision like the actions."""
    error = np.float32(1) + np.abs(action[..., 1] - gt[..., 1])
    return np.float32(1) / (error * error)


class ReachingDelayResponse(TrialEnv):
    """Remember a position over a delay, then report it with a continuous action.

    Channels:
        go: 0. 1 in the decision period.
        stimulus: 1. The position during the stimulus, -0.5 afterwards.

    Actions:
        go: 0. Negative to hold, positive to respond.
        position: 1. The position.

    Periods (ms):
        stimulus: 500.
        delay: (0, 1000, 2000).
        decision: 500.

    Conditions:
        ground_truth: lowbound to highbound. The position.

    Rewards:
        abort: -0.1. Not holding during the stimulus.
        correct: 1.0. For a response, divided by (1 + error) squared; it ends the trial.
        fail: 0.0. Not used.
        miss: -0.5. Not responding.

    Args:
        dt: Time step in ms.
        rewards: Values that replace the defaults.
        timing: Durations (ms) that replace the defaults.
        lowbound: Least position.
        highbound: Greatest position.
        **kwargs: Arguments of `TrialEnv`.

    Raises:
        ValueError: Bounds in the wrong order or outside the spaces (0 to 2).
    """

    metadata = {
        "paper_name": None,
        "paper_link": None,
        "tags": [
            "perceptual",
            "delayed response",
            "continuous action space",
            "multidimensional action space",
            "supervised",
        ],
    }
    default_timing = {"stimulus": 500, "delay": (0, 1000, 2000), "decision": 500}
    default_rewards = {"abort": -0.1, "correct": 1.0, "fail": -0.0, "miss": -0.5}
    rule = ReportPosition()

    def __init__(
        self,
        dt: float = 100,
        rewards: Rewards = None,
        timing: Timing = None,
        lowbound: Annotated[float, Number(0, 2)] = 0.0,
        highbound: Annotated[float, Number(0, 2)] = 1.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(dt, rewards=rewards, timing=timing, **kwargs)
        self.lowbound, self.highbound = lowbound, highbound
        self._check_bounds()
        low, high = np.array([0, -2], np.float32), np.array([1, 2], np.float32)
        self.observation_space = Box(low, high, {"go": 0, "stimulus": 1}, dtype=np.float32)
        self.action_space = Box(np.array([-1, -1], np.float32), high, {"go": 0, "position": 1}, dtype=np.float32)

    def _check_bounds(self) -> None:
        if self.lowbound > self.highbound:
            raise ValueError(f"lowbound={self.lowbound!r} must not be above highbound={self.highbound!r}.")

    def _new_trials(self, trials: Trials) -> None:
        self._check_bounds()
        position = trials.uniform("ground_truth", self.lowbound, self.highbound)
        if not ((position >= -1) & (position <= 2)).all():
            raise ValueError(f"The condition 'ground_truth' is forced to {position.tolist()}; positions are from -1 to 2.")
        trials.add_period(["stimulus", "delay", "decision"])
        trials.add_ob(position, "stimulus", where="stimulus")
        trials.add_ob(-0.5, ["delay", "decision"], where="stimulus")
        trials.add_ob(1, "decision", where="go")
        trials.set_groundtruth([[-1, -0.5]], ["stimulus", "delay"])
        trials.set_groundtruth(np.stack([np.ones(trials.n), position], axis=1), "decision")

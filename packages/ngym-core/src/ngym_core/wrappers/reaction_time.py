"""ReactionTime: a wrapper that lets the agent answer during the stimulus."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import gymnasium
import numpy as np

from ngym_core.arguments import Finite, Flag, Text
from ngym_core.random import Draws
from ngym_core.sampling import layers, rows_of_tasks
from ngym_core.trials import Trials, end_trials, set_period
from ngym_core.trials.durations import to_steps
from ngym_core.wrappers.base import StepBatch, TrialWrapper
from ngym_core.wrappers.modifiers.base import WHEN_DUE


class ReactionTime(TrialWrapper):
    """Let the agent answer from the second step of the stimulus on.

    The trials are edited when they are made, so that data sets and figures show the same: the decision period begins
    one step after the start of the stimulus, with an answer as ground truth from then on. Until then the agent has to
    fixate: an answer without evidence earns the task's `abort`, and ends the trial if the task was made with
    ``abort=True``, as breaking fixation does in experiments. At a trial's end `info` reports how many steps it lasted
    (`tr_dur`) and the time from the start of the stimulus to the response in ms (`reaction_time`, NaN without a
    response); both are 0 where no trial ended. Steps in which a wrapper pauses the task, as `TimeOut` does, count for
    neither of them and have no urgency.

    Args:
        env: A task with the two periods below.
        urgency: Added to the reward of every step, to make the agent hurry (a negative number).
        end_on_stimulus: End the trial with the stimulus, instead of with the decision period.
        stimulus: The period of the stimulus.
        decision: The period in which the task's rule takes answers.

    Raises:
        AttributeError: The task has no such periods.
        ValueError: A modifier inside says when the answer is due: `Delay`, `Interval` or `Sequence`.

    Example:
        >>> import ngym_core as ngym
        >>> env = ngym.make("PerceptualDecisionMaking-v0", wrappers=["ReactionTime-v0"])
        >>> _ = env.reset(seed=0)
        >>> infos = [env.step(action)[4] for action in [0, 0, 0, 0, 1]]
        >>> float(infos[-1]["reaction_time"]), float(infos[-1]["tr_dur"])
        (300.0, 5.0)
    """

    metadata = {"description": "Lets the agent answer from the second step of the stimulus on.", "paper_link": None}
    chance = None
    reports = ("tr_dur", "reaction_time")
    moves_decision = True
    steps_before_due = 1  # from the start of the stimulus to its second step

    def __init__(
        self,
        env: gymnasium.Env[Any, Any],
        urgency: Finite = 0.0,
        end_on_stimulus: Flag = True,
        *,
        stimulus: Text = "stimulus",
        decision: Text = "decision",
    ) -> None:
        for layer in layers(env):
            if getattr(type(layer), "times_answer", False):
                raise ValueError(f"{type(self).__name__} {WHEN_DUE} {type(layer).__name__}: use one of them.")
        super().__init__(env)
        self.require_periods(stimulus, decision)
        self.urgency = urgency
        self.stimulus, self.decision = stimulus, decision
        self.end_on_stimulus = end_on_stimulus

    def edit_trials(self, trials: Trials, draws: Draws) -> Trials:
        """Let the decision period begin after the first step of the stimulus, and end trials accordingly."""
        stimulus, decision = trials.span(self.stimulus), trials.span(self.decision)
        answer = trials.gt[np.arange(trials.n), np.minimum(decision[0], trials.gt.shape[1] - 1)]
        end = stimulus[1] if self.end_on_stimulus else decision[1]
        latest = np.minimum(np.maximum(end, stimulus[0] + 2), trials.lengths)  # one step to answer in, whatever the stimulus
        due = (answer != 0).any(axis=tuple(range(1, answer.ndim)))
        if (due & (latest < stimulus[0] + 2)).any():
            raise ValueError(
                f"{self.task}: in a trial that ends with the first step of {self.stimulus!r} there is no step in which to "
                f"answer: {type(self).__name__} takes answers from the second step on. Make a period longer."
            )
        end = to_steps(latest, 1) if (latest > end).any() else end
        set_period(trials, self.decision, (stimulus[0] + 1, end))
        for task, rows in rows_of_tasks(self, trials):
            fixation = getattr(task.rule, "fixation", None)  # the period, or periods one after another, of the task's rule
            last = fixation[-1] if isinstance(fixation, tuple) else fixation
            if last in trials.start:
                begin, until = trials.span(last)
                moves = np.isin(np.arange(trials.n), rows) & (until == stimulus[0])
                held = np.where(moves, stimulus[0] + 1, until)
                set_period(trials, last, (begin, to_steps(held, 1)))
        trials.set_groundtruth(answer, self.decision)
        if self.end_on_stimulus:
            end_trials(trials, end)
        return trials

    def init_memory(self, n: int) -> Any:
        """Return of n lanes the steps since the trial began and since an answer is due (-1 before), and the urgency."""
        return SimpleNamespace(steps=np.zeros(n, int), due=np.full(n, -1), urgency=np.zeros(n))

    def on_step(self, memory: Any, batch: StepBatch) -> None:
        """Add the urgency, and report how long the trial and the response took."""
        if batch.action is None or batch.gt is None:  # a reset
            memory.steps[batch.lanes], memory.due[batch.lanes], memory.urgency[batch.lanes] = 0, -1, self.urgency
            return
        lanes, axes = batch.lanes, tuple(range(1, batch.gt.ndim))
        taken = np.equal(batch.info.get("paused", np.zeros(len(lanes))), 0)  # a wrapper inside may pause: a time-out
        memory.steps[lanes] += taken
        answer_due = (batch.gt != 0).any(axis=axes)
        memory.due[lanes] = np.where(answer_due | (memory.due[lanes] >= 0), memory.due[lanes] + taken, -1)
        responded = batch.ended & (batch.action != 0).any(axis=axes) & (memory.due[lanes] >= 0)
        batch.reward = batch.reward + np.where(taken, memory.urgency[lanes], 0.0)
        batch.info["tr_dur"] = np.where(batch.ended, memory.steps[lanes], 0.0)
        since_stimulus = np.where(responded, (memory.due[lanes] + self.steps_before_due) * float(self.task.dt), np.nan)
        batch.info["reaction_time"] = np.where(batch.ended, since_stimulus, 0.0)
        ended = lanes[batch.ended]
        memory.steps[ended], memory.due[ended], memory.urgency[ended] = 0, -1, self.urgency

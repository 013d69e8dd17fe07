"""CatchTrials: a wrapper that shows nothing in some trials."""

from __future__ import annotations

from typing import Any, TypeAlias

import gymnasium
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from ngym_core.arguments import Labels, Probability, Text
from ngym_core.random import Draws
from ngym_core.sampling import parts_of, rows_of_tasks, tasks_of
from ngym_core.spaces import channels
from ngym_core.trials import Trials
from ngym_core.wrappers.base import TrialWrapper

Array: TypeAlias = NDArray[Any]


class CatchTrials(TrialWrapper):
    """Show nothing in some trials; the right response to these is none.

    In a catch trial the channels of the stimulus are empty (0, or the background of images) and the ground truth
    is 0: no action.

    Conditions:
        catch: Whether it is a catch trial.

    Args:
        env: A task in which an answer is right if it equals the ground truth (`Rule.pays_ground_truth`).
        catch_prob: Probability that a trial is a catch trial.
        period: The period (or periods) in which nothing is shown; by default the whole trial.
        where: The channels that are empty: a name or indices; by default all of the task but the one called `fixation`, and
            those that `Context` adds.

    Raises:
        ValueError: A probability that is none, a task with another rule or with observations that are no box.
        UnknownNameError: The task has no such period or channel.

    Example:
        >>> import ngym_core as ngym
        >>> env = ngym.make("PerceptualDecisionMaking-v0", wrappers=[("CatchTrials", {"catch_prob": 0.25})])
        >>> trials = env.sample_trials(1000, seed=0)
        >>> catch = trials.conditions["catch"]
        >>> round(catch.mean().item(), 2), trials.ob[catch][..., 1:].any().item(), trials.gt[catch].any().item()
        (0.25, False, False)
    """

    metadata = {"description": "Shows nothing in some trials; the right response to these is none.", "paper_link": None}
    chance = None

    def __init__(
        self,
        env: gymnasium.Env[Any, Any],
        catch_prob: Probability = 0.1,
        period: Text | Labels | None = None,
        where: Any = None,
    ) -> None:
        super().__init__(env)
        self.require_ground_truth_rule()
        space = self.task.observation_space
        if not isinstance(space, spaces.Box):
            raise ValueError(f"CatchTrials empties channels of a Box, not {space}.")
        self.catch_prob, self.period, self.where = catch_prob, period, where
        if where is not None:
            for part in parts_of(env):
                channels(part.observation_space, where)
        if len(tasks_of(env)) > 1:
            self.require_periods(*self._periods())

    def edit_trials(self, trials: Trials, draws: Draws) -> Trials:
        """Draw which trials are catch trials, and empty these."""
        catch = draws.random("catch", trials.n) < self.catch_prob
        inside = np.equal(trials.conditions.get("catch", False), True)  # an inner wrapper may have emptied others
        trials.set("catch", catch | inside.astype(bool))
        where, space = self.where, self.env.observation_space
        if len(self.task.observation_space.shape or ()) == 1:
            where = self.stimulus_channels() if where is None else np.arange(trials.ob.shape[2])[channels(space, where)]
            # What a wrapper has added, or only some of several tasks have, is none of a task's channels.
            size = min(task.observation_space.shape[0] for task in tasks_of(self.env))
            self._empty(trials, catch, where[where >= size])
            where = np.atleast_1d(where)[np.atleast_1d(where) < size]
        trials.multiply_ob(~catch, self.period, where)
        blank = np.zeros(trials.n)  # images are not empty where they are 0
        for task, rows in rows_of_tasks(self, trials):
            blank[rows] = task.blank
        if blank.any():
            trials.add_ob(catch * blank, self.period, where)
        trials.gt[catch] = 0
        return trials

    def _periods(self) -> list[str]:
        """Return the names of the periods in which nothing is shown; none for the whole trial."""
        return [self.period] if isinstance(self.period, str) else list(self.period or ())

    def _empty(self, trials: Trials, catch: Array, where: Array) -> None:
        """Set channels (indices) to 0 in catch trials, in the period."""
        if not len(where):
            return
        ob, steps = trials.ob, np.arange(trials.ob.shape[1])
        whole = (np.zeros(trials.n, int), trials.lengths)
        spans = [(trials.start[name], trials.end[name]) for name in self._periods()] or [whole]
        inside = np.any([(steps >= start[:, None]) & (steps < end[:, None]) for start, end in spans], axis=0)
        ob[(catch[:, None] & inside)[..., None] & np.isin(np.arange(ob.shape[2]), where)] = 0

"""CatchTrials: trials in which nothing is shown."""

from __future__ import annotations

from typing import Any

import gymnasium

from ngym_core.random import Draws
from ngym_core.trials import Trials
from ngym_core.wrapper import TrialWrapper


class CatchTrials(TrialWrapper):
    """Show nothing in some trials; the right response to these is none.

    In a catch trial the channels of the stimulus are empty (0) and the ground truth asks for no action. It
    is noted as the condition `catch` of the trial.

    Args:
        env: A task with a stimulus.
        catch_prob: How likely a trial is a catch trial.
        period: The period (or periods) in which nothing is shown.
        where: The channels that are empty: a name or indices; None for all.

    Raises:
        ValueError: A probability that is none.
        UnknownNameError: The task has no such period.
    """

    metadata = {"description": "Shows nothing in some trials; the right response to these is none.", "paper_link": None}
    chance = None

    def __init__(
        self,
        env: gymnasium.Env[Any, Any],
        catch_prob: float = 0.1,
        period: str | list[str] = "stimulus",
        where: Any = "stimulus",
    ) -> None:
        super().__init__(env)
        if not 0 <= catch_prob <= 1:
            raise ValueError(f"catch_prob={catch_prob!r} must be a probability.")
        self.catch_prob, self.period, self.where = catch_prob, period, where

    def edit(self, trials: Trials, draws: Draws) -> Trials:
        """Empty the catch trials."""
        catch = trials.set("catch", draws.random("catch", trials.n) < self.catch_prob)
        trials.multiply_ob(~catch, self.period, self.where)
        trials.gt[catch] = 0
        return trials

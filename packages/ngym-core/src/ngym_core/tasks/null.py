"""Null task: empty trials, for tests."""

from __future__ import annotations

from typing import Any

from ngym_core.env import EMPTY_TRIAL_MS, TrialEnv
from ngym_core.rules import Rule
from ngym_core.spaces import Discrete, named_box
from ngym_core.trials import Trials


class Nothing(Rule):
    """Every trial has full performance, since there is nothing to do."""

    def prepare(self, task: Any, trials: Trials) -> dict[str, Any]:
        """Return full performance from the first step on."""
        return {"performance": 1.0}


class Null(TrialEnv):
    """An empty task of 10 s trials, for tests.

    Its one channel is always 0, its only action is 0, and performance is always full.

    Periods (ms):
        nothing: 10000.

    Args:
        dt: Time step in ms.
        **kwargs: Arguments of `TrialEnv`.
    """

    rule = Nothing()
    chance = 1.0
    has_answer = False

    def __init__(self, dt: float = 100, **kwargs: Any) -> None:
        super().__init__(dt, **kwargs)
        self.observation_space = named_box(1)
        self.action_space = Discrete(1)

    def _new_trials(self, trials: Trials) -> None:
        trials.add_period("nothing", EMPTY_TRIAL_MS)

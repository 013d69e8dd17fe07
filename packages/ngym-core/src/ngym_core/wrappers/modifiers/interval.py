"""Interval: a modifier that turns the answer by a delay, which the agent must time."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

import gymnasium
import numpy as np
from numpy.typing import NDArray

from ngym_core.random import Draws
from ngym_core.trials import Trials
from ngym_core.wrappers.modifiers.delay import Delay

Array: TypeAlias = NDArray[Any]
Direction: TypeAlias = Literal["right", "left"]
"""Which way answers turn on the ring: ``right`` to higher numbers, ``left`` to lower ones."""
MS_PER_PLACE = 100
"""Time in which an answer turns from one choice to the next, in ms: 0.01 choices per ms, as in Mod-Cog."""


ROUNDING = 1e-9
"""Added before a number of places is rounded: some sums of time steps are a little below what they should be."""


def sign_of(direction: Direction) -> int:
    """Return 1 for the right, -1 for the left."""
    return 1 if direction == "right" else -1


class Interval(Delay):
    """Turn the answer by a delay, which the agent must time: by one choice on the ring for each 100 ms.

    The delay is that of `Delay`. What was seen before it stays where it was, and the answer is turned from where the task
    would have it, in all tasks alike. Halves are rounded up: 450 ms turn it by 5 choices.

    Periods (ms):
        delay: `ms`. How long it is says by how much the answer is turned.
        Interval_delay: `ms`. A further delay. It turns the answer further.

    Conditions:
        delay: The duration of the delay in ms.
        Interval_delay: That of a further one, which turns the answer further.
        ground_truth: The answer, turned.

    Args:
        env: A task with choices on a ring that shows something before a decision period.
        direction: Which way: ``right`` to higher numbers, ``left`` to lower ones.
        ms: The delay in ms, see `Delay`; by default one of 0, 100, ..., 1100.

    Raises:
        ValueError: A task without these, another direction, or a duration that is none.

    Example:
        >>> import ngym_core as ngym
        >>> go, env = ngym.make("yang19.go-v0"), ngym.make("yang19.go-v0+interval=left")
        >>> go.sample_trials(3, seed=0).gt[:, -1].tolist()
        [9, 7, 1]
        >>> trials = env.sample_trials(3, seed=0)
        >>> trials.conditions["delay"].tolist(), [trial.gt[-1].item() for trial in trials]
        ([500, 1000, 900], [4, 13, 8])
    """

    metadata = {
        "description": "Turns the answer by a delay, which the agent must time.",
        "paper_name": "Winning the lottery with neurobiology: faster learning on many cognitive tasks with fixed sparse "
        "RNNs",
        "paper_link": "https://arxiv.org/abs/2207.03523",
    }
    turns_answers = True

    def __init__(
        self, env: gymnasium.Env[Any, Any], direction: Direction = "right", ms: Any = ("choice", tuple(range(0, 1200, 100)))
    ) -> None:
        super().__init__(env, ms)
        self.require_ring()
        self.direction = direction

    def draw_conditions(self, n: int, draws: Draws, forced: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        """Draw the delay; return what is forced on the env inside: the answer before it is turned."""
        forced, recorded = super().draw_conditions(n, draws, forced)
        return self.turn_back(forced, self._turn(recorded[self._condition])), recorded

    def edit_trials(self, trials: Trials, draws: Draws) -> Trials:
        """Give the delay its duration, and turn the answers by it."""
        return self.turn_answers(super().edit_trials(trials, draws), self._turn(trials.conditions[self._condition]))

    def _turn(self, ms: Array) -> Array:
        """Return by how many choices delays turn the answer, (n,)."""
        return sign_of(self.direction) * np.floor(ms / MS_PER_PLACE + 0.5 + ROUNDING).astype(np.int64)

"""Anti: a modifier that asks for the answer across the ring."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np

from ngym_core.random import Draws
from ngym_core.trials import Trials
from ngym_core.wrappers.modifiers.base import Modifier


class Anti(Modifier):
    """Ask for the answer across the ring: away from where the task would have it.

    Observations stay as they are, and withholding stays right where it was. The condition `ground_truth` is the answer; a
    condition `anti` of the task changes to its opposite.

    Args:
        env: A task with an even number of choices on a ring.

    Raises:
        ValueError: A task without these, or one whose rule pays something else than the ground truth.

    Example:
        >>> import ngym_core as ngym
        >>> go, anti = (ngym.make(id).sample_trials(4, seed=0) for id in ("yang19.go-v0", "yang19.go-v0+anti"))
        >>> go.gt[:, -1].tolist(), anti.gt[:, -1].tolist()
        ([9, 7, 1, 9], [1, 15, 9, 1])
    """

    metadata = {"description": "Asks for the answer across the ring.", "paper_link": None}
    turns_answers = True

    def __init__(self, env: gymnasium.Env[Any, Any]) -> None:
        super().__init__(env)
        self.require_ring(even=True)
        self._half = len(self._choices) // 2

    def draw_conditions(self, n: int, draws: Draws, forced: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return what is forced on the env inside: the answer across the ring from that which is forced here."""
        inside = self.turn_back(forced, self._half)
        if "anti" in inside and np.isin(inside["anti"], (0, 1)).all():  # of others the task says what is wrong
            inside["anti"] = np.asarray(inside["anti"]) == 0
        return inside, {}

    def edit_trials(self, trials: Trials, draws: Draws) -> Trials:
        """Turn the answers by half of the ring."""
        if "anti" in trials.conditions:
            trials.set("anti", ~trials.conditions["anti"].astype(bool))
        return self.turn_answers(trials, self._half)

"""RandomGroundTruth: a wrapper that draws the ground truth of each trial with given probabilities."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import gymnasium
import numpy as np

from ngym_core.arguments import sums_to_one
from ngym_core.random import Draws
from ngym_core.wrappers.choices import ChoiceWrapper


class RandomGroundTruth(ChoiceWrapper):
    """Draw the ground truth of each trial with given probabilities.

    Args:
        env: A task that has `choices`.
        p: Probability of each choice, (k,); equal by default. A caller may force another `p`.

    Raises:
        AttributeError: The task has no `choices`.
        ValueError: Probabilities that are not one for each choice, or do not sum to 1.

    Example:
        >>> import ngym_core as ngym
        >>> env = ngym.make("PerceptualDecisionMaking-v0", wrappers=[("RandomGroundTruth", {"p": [0.7, 0.3]})])
        >>> round((env.sample_trials(1000, seed=0).conditions["ground_truth"] == 0).mean().item(), 1)
        0.7
    """

    metadata = {"description": "Chooses the ground truth of each trial with given probabilities.", "paper_link": None}

    def __init__(self, env: gymnasium.Env[Any, Any], p: Sequence[float] | None = None) -> None:
        super().__init__(env)
        self.p = self._probabilities(p)

    def _probabilities(self, p: Any) -> Any:
        """Return the probability of each choice, (choices,), after a check; equal ones for None."""
        k = self.n_ch
        p = np.full(k, 1 / k) if p is None else np.asarray(p, float)
        if p.shape[-1:] != (k,) or (p < 0).any() or not sums_to_one(p):
            raise ValueError(f"p={p} must be {k} probabilities that sum to 1, one for each choice.")
        return p

    def draw_conditions(self, n: int, draws: Draws, forced: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        """Draw the ground truth of n trials."""
        p = self._probabilities(forced.pop("p") if "p" in forced else self.p)
        return {"ground_truth": draws.choice("ground_truth", n, self.choices, p), **forced}, {}

    def choice_weights(self, n: int, draws: Draws, forced: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        """Return the probabilities of the choices."""
        return np.atleast_2d(self._probabilities(forced.pop("p") if "p" in forced else self.p)), {}

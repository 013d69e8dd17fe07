"""SideBias: a wrapper that makes some choices right more often than others, in blocks."""

from __future__ import annotations

from numbers import Real
from typing import Any

import gymnasium
import gymnasium.error
import numpy as np

from ngym_core.arguments import sums_to_one
from ngym_core.random import Draws
from ngym_core.sampling import layers
from ngym_core.scheduler import BaseSchedule, BlockLength, RandomBlockSchedule
from ngym_core.wrappers.choices import ChoiceWrapper


class SideBias(ChoiceWrapper):
    """Make some choices right more often than others, in blocks that follow one another in random order.

    Conditions:
        block: The row of `probs` that holds in the block.
        probs: That row, the probabilities of the choices.

    Args:
        env: A task that has `choices`.
        probs: For each block the probabilities of the choices, (blocks, choices).
        block_dur: Trials in a block: a number, (least, greatest) for a uniform choice, or a probability below 1
            that the block ends before each trial.

    Raises:
        TypeError: The task is no `TrialEnv`, or `probs` or `block_dur` are of another kind.
        AttributeError: The task has no `choices`.
        ValueError: Probabilities of another number of choices, negative ones, rows that do not sum to 1, or a
            block length that cannot be.

    Example:
        >>> import ngym_core as ngym
        >>> biased = ("SideBias", {"probs": [[0.9, 0.1], [0.1, 0.9]], "block_dur": 50})
        >>> trials = ngym.make("PerceptualDecisionMaking-v0", wrappers=[biased]).sample_trials(1000, seed=0)
        >>> left = trials.conditions["ground_truth"] == 0
        >>> [round(left[trials.conditions["block"] == block].mean().item(), 1) for block in (0, 1)]
        [0.9, 0.1]
    """

    metadata = {"description": "Makes some choices right more often than others, in blocks.", "paper_link": None}

    def __init__(self, env: gymnasium.Env[Any, Any], probs: Any, block_dur: BlockLength = 200) -> None:
        super().__init__(env)
        self.choice_prob, self.block_dur = probs, block_dur
        self._schedule: BaseSchedule | None = None
        _probabilities(probs, self.n_ch)

    @property
    def probs(self) -> Any:
        """For each block the probabilities of the choices; NeuroGym's name of this attribute is `choice_prob`."""
        return self.choice_prob

    @probs.setter
    def probs(self, value: Any) -> None:
        _probabilities(value, self.n_ch)
        self.choice_prob = value

    @property
    def curr_block(self) -> int:
        """The block of the trial that is being played.

        Raises:
            gymnasium.error.ResetNeeded: Before the first trial.
        """
        trial, own = self.task.trial, f"{type(self).__name__}_"
        # Each of several layers that record a block puts its class before the name that those inside have taken.
        names = sorted((name for name in trial if name.replace(own, "") == "block"), key=len)
        if not names:
            raise gymnasium.error.ResetNeeded(f"{self}: call reset() before curr_block.")
        every = layers(self.task._top)
        outside = every[: every.index(self)] if self in every else []
        return int(trial[names[-1 - sum(type(layer) is type(self) for layer in outside)]])

    @property
    def n_block(self) -> int:
        """Number of kinds of blocks."""
        return len(self.choice_prob)

    @property
    def schedule(self) -> BaseSchedule:
        """The schedule of blocks: random blocks of `block_dur` trials, unless another is set."""
        return self._schedule or RandomBlockSchedule(self.n_block, [self.block_dur] * self.n_block, random_start=True)

    @schedule.setter
    def schedule(self, value: BaseSchedule) -> None:
        self._schedule = value

    def _blocks(self, n: int, draws: Draws) -> tuple[Any, Any]:
        """Return the block of n trials, (n,), and the probabilities of the choices in it, (n, choices)."""
        choice_prob = _probabilities(self.choice_prob, self.n_ch)
        block = self.schedule.take(n, draws)
        return block, choice_prob[block]

    def draw_conditions(self, n: int, draws: Draws, forced: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        """Draw the block of n trials, and the ground truth of each with the probabilities of its block."""
        block, probs = self._blocks(n, draws)
        ground_truth = draws.choice("ground_truth", n, self.choices, probs)
        return {"ground_truth": ground_truth, **forced}, {"block": block, "probs": probs}

    def choice_weights(self, n: int, draws: Draws, forced: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        """Return the probabilities of the choices in the block of each trial."""
        block, probs = self._blocks(n, draws)
        return probs, {"block": block}


def _probabilities(probs: Any, n_choices: int) -> Any:
    """Return the probabilities of the choices in each block, (blocks, choices), after a check."""
    expected = f"a list of blocks, each with the probabilities of the {n_choices} choices, such as [[0.8, 0.2], [0.2, 0.8]]"
    rows = probs.tolist() if isinstance(probs, np.ndarray) else probs
    nested = isinstance(rows, (list, tuple)) and all(isinstance(row, (list, tuple)) for row in rows)
    if not nested or not all(isinstance(p, Real) for row in rows for p in row):
        raise TypeError(f"probs={probs!r} must be {expected}.")
    if not rows or {len(row) for row in rows} != {n_choices}:
        raise ValueError(f"probs={probs!r} must be {expected}; there are {n_choices} choices.")
    array = np.array(rows, float)
    if not (array >= 0).all():
        raise ValueError(f"probs={probs!r} must not have negative probabilities.")
    if not sums_to_one(array):
        raise ValueError(f"Each block of probs={probs!r} must sum to 1, not {array.sum(axis=1).tolist()}.")
    return array

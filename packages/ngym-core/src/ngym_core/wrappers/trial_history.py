"""TrialHistory and TrialHistoryV2: wrappers whose ground truth depends on that of the trial before."""

from __future__ import annotations

from typing import Annotated, Any

import gymnasium
import numpy as np
from numpy.typing import ArrayLike, NDArray

from ngym_core.arguments import ArrayOf, Integer, Integers, Probability, sums_to_one
from ngym_core.random import Draws
from ngym_core.scheduler import BlockLength, RandomBlockSchedule
from ngym_core.wrappers.choices import ChoiceWrapper

Array = NDArray[Any]


class TrialHistoryV2(ChoiceWrapper):
    """Draw the ground truth of each trial with probabilities that depend on that of the trial before.

    Conditions:
        previous: The ground truth of the trial before.
        probs: The probabilities of the choices after each choice, as `probs` below.

    Args:
        env: A task that has `choices`.
        probs: Probability of each choice (column) after each choice (row), (choices, choices); equal by
            default. A caller may force others.

    Raises:
        AttributeError: The task has no `choices`.
        ValueError: Probabilities of another shape, negative ones, or rows that do not sum to 1.

    Example:
        >>> import ngym_core as ngym
        >>> repeating = ("TrialHistoryV2", {"probs": [[0.8, 0.2], [0.2, 0.8]]})
        >>> trials = ngym.make("PerceptualDecisionMaking-v0", wrappers=[repeating]).sample_trials(1000, seed=0)
        >>> repeats = trials.conditions["ground_truth"] == trials.conditions["previous"]
        >>> round(repeats.mean().item(), 1)
        0.8
    """

    metadata = {"description": "Draws the ground truth by that of the trial before.", "paper_link": None}

    def __init__(self, env: gymnasium.Env[Any, Any], probs: ArrayLike | None = None) -> None:
        super().__init__(env)
        self.probs = self._checked(np.full((self.n_ch, self.n_ch), 1 / self.n_ch) if probs is None else probs)

    def _checked(self, probs: ArrayLike) -> Array:
        """Return the probabilities as an array, (..., choices, choices), after a check."""
        array = np.asarray(probs, float)
        shape = (self.n_ch, self.n_ch)
        if array.shape[-2:] != shape or not (array >= 0).all() or not sums_to_one(array):
            raise ValueError(f"probs={probs!r} must be {shape} probabilities, and each row must sum to 1.")
        return array

    def draw_conditions(self, n: int, draws: Draws, forced: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        """Draw the ground truth of n trials, each by that of the trial before."""
        probs = self._checked(forced.pop("probs") if "probs" in forced else self.probs)
        edges = np.cumsum(probs, axis=-1)
        u = draws.random("next", n)[:, None, None]
        # A last edge below 1 by rounding could count one choice too many.
        after = np.minimum((u >= edges / edges[..., -1:]).sum(axis=-1), self.n_ch - 1)
        choices, (own, before) = np.asarray(self.choices), self.chain(after, draws, forced)
        recorded = {"probs": np.broadcast_to(probs, (n, self.n_ch, self.n_ch)), "previous": choices[before]}
        return {"ground_truth": choices[own], **forced}, recorded

    def choice_weights(self, n: int, draws: Draws, forced: dict[str, Any]) -> tuple[Array, dict[str, Any]]:
        """Return the probabilities of the choices after each choice."""
        probs = self._checked(forced.pop("probs") if "probs" in forced else self.probs)
        return probs.reshape(-1, self.n_ch, self.n_ch), {}


class TrialHistory(ChoiceWrapper):
    """Draw the ground truth by habits that change between blocks, among a number of choices that changes too.

    In a block one habit holds: with probability `probs` the ground truth follows on the one before as the habit says,
    otherwise it is one of the others. Only the first `n_choices` choices are used, a number that changes in other blocks.

    Conditions:
        previous: The ground truth of the trial before.
        habit: The one of `habits` that holds.
        n_choices: The number of choices.

    Args:
        env: A task that has `choices`.
        probs: Probability that the habit is followed.
        habits: By how many choices each habit goes on from the one before: 0 repeats, 1 goes to the next
            (of two choices, alternates), -1 to the one before.
        block_dur: Trials in a block of a habit, see `SideBias`.
        n_choices: Least and greatest number of choices; by default all are used.
        block_nch: Trials in a block with a number of choices.

    Raises:
        AttributeError: The task has no `choices`.
        ValueError: No probability, numbers of choices that the task does not have, or no habit.

    Example:
        >>> import ngym_core as ngym
        >>> env = ngym.make("PerceptualDecisionMaking-v0", wrappers=[("TrialHistory", {"probs": 1.0, "block_dur": 3})])
        >>> trials = env.sample_trials(6, seed=0)
        >>> trials.conditions["habit"].tolist(), trials.conditions["ground_truth"].tolist()  # 0 repeats, 1 alternates
        ([1, 1, 1, 0, 0, 0], [0, 1, 0, 0, 0, 0])
    """

    metadata = {
        "description": "Draws the ground truth by habits that change between blocks, among a varying number of choices.",
        "paper_link": None,
    }

    def __init__(
        self,
        env: gymnasium.Env[Any, Any],
        probs: Probability = 0.9,
        habits: Integers = (0, 1),
        block_dur: BlockLength = 200,
        n_choices: Annotated[tuple[int, int], ArrayOf(length=2, each=Integer(2))] | None = None,
        block_nch: BlockLength = 100,
    ) -> None:
        super().__init__(env)
        self.probs, self.habits, self.n_choices = probs, tuple(habits), n_choices
        self.block_dur, self.block_nch = block_dur, block_nch
        self._numbers_of_choices()

    def _numbers_of_choices(self) -> tuple[int, int]:
        """Return the least and the greatest number of choices, after a check."""
        least, most = (self.n_ch, self.n_ch) if self.n_choices is None else self.n_choices
        if not 2 <= least <= most <= self.n_ch:
            raise ValueError(f"n_choices={self.n_choices!r} must be a least and a greatest number from 2 to {self.n_ch}.")
        return least, most

    def _blocks(self, n: int, draws: Draws) -> tuple[Array, Array]:
        """Return the habit and the number of choices of n trials, (n,) each."""
        (least, most), habits = self._numbers_of_choices(), np.array(self.habits)
        by_habit = RandomBlockSchedule(len(habits), [self.block_dur] * len(habits), random_start=True)
        by_number = RandomBlockSchedule(most - least + 1, [self.block_nch] * (most - least + 1), random_start=True)
        return habits[by_habit.take(n, draws.child("habit"))], least + by_number.take(n, draws.child("choices"))

    def draw_conditions(self, n: int, draws: Draws, forced: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        """Draw the ground truth of n trials, each by that of the trial before."""
        habit, k = self._blocks(n, draws)
        u, other = draws.random("follows", n)[:, None], draws.index("other", n, k - 1)[:, None]
        previous = np.arange(self.n_ch)
        favored = (previous + habit[:, None]) % k[:, None]
        after = np.where(u < self.probs, favored, other + (other >= favored))
        # Any choice may follow where the one before is not in use any more.
        after = np.where(previous < k[:, None], after, draws.index("fresh", n, k)[:, None])
        choices, (own, before) = np.asarray(self.choices), self.chain(after, draws, forced)
        return {"ground_truth": choices[own], **forced}, {"habit": habit, "n_choices": k, "previous": choices[before]}

    def choice_weights(self, n: int, draws: Draws, forced: dict[str, Any]) -> tuple[Array, dict[str, Any]]:
        """Return the probabilities of the choices after each choice."""
        habit, k = self._blocks(n, draws)
        previous, choice, k_ = np.arange(self.n_ch)[:, None], np.arange(self.n_ch), k[:, None, None]
        favored = choice == (previous + habit[:, None, None]) % k_
        followed = np.where(favored, self.probs, (1 - self.probs) / np.maximum(k_ - 1, 1))
        weights = np.where(previous < k_, followed, 1 / k_) * (choice < k_)
        return weights, {"habit": habit, "n_choices": k}

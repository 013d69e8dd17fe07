"""ChoiceWrapper: base of the wrappers that draw which choice is right, alone or together with others of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import gymnasium
import numpy as np
from numpy.typing import NDArray

from ngym_core.arguments import shown
from ngym_core.random import Draws
from ngym_core.sampling import layers, tasks_of
from ngym_core.wrappers.base import TrialWrapper

Array: TypeAlias = NDArray[Any]
Factors: TypeAlias = Sequence[tuple[str, Array]]
"""Name of each wrapper, and its probabilities: (n or 1, choices), or (n or 1, choices before, choices)."""


class ChoiceWrapper(TrialWrapper):
    """Base of wrappers that draw the ground truth among the task's `choices`.

    A subclass states its probabilities, `choice_weights`. Those of several wrappers in one stack are multiplied and
    normalised, and the innermost one draws: so no wrapper overrules another, and their order makes no difference. The
    condition `probs` is what held in the trial, and where any of them looks at the trial before, `previous` is its ground
    truth.

    Args:
        env: A task that has `choices`.

    Raises:
        AttributeError: The task has no `choices`.
        ValueError: A wrapper inside decides the ground truth otherwise, or is not directly inside; a mixture of tasks with
            different choices.

    Example:
        >>> import numpy as np, ngym_core as ngym
        >>> from ngym_core.wrappers import ChoiceWrapper
        >>> class OftenTheSame(ChoiceWrapper):
        ...     def choice_weights(self, n, draws, forced):
        ...         return np.array([[[0.9, 0.1], [0.1, 0.9]]]), {}
        >>> env = ngym.make("PerceptualDecisionMaking-v0", wrappers=[OftenTheSame])
        >>> trials = env.sample_trials(1000, seed=0).conditions
        >>> bool(abs((trials["ground_truth"] == trials["previous"]).mean() - 0.9) < 0.03)
        True
    """

    names_choices = True

    def __init__(self, env: gymnasium.Env[Any, Any]) -> None:
        super().__init__(env)
        if not hasattr(self.task, "choices"):
            raise AttributeError(f"{type(self).__name__} requires task to have attribute choices.")
        self.choices: Any = self.task.choices
        for task in tasks_of(env):
            if not np.array_equal(getattr(task, "choices", ()), self.choices):
                raise ValueError(
                    f"{type(self).__name__} decides among the choices {shown(self.choices)} of {self.task}, and {task} has "
                    f"others, {shown(getattr(task, 'choices', ()))}: put it around each of them."
                )
        self.n_ch = len(self.choices)
        self._draws_together = self._has_another_inside()
        if not self._draws_together:
            self._refuse_decided_inside(["ground_truth"])

    def _has_another_inside(self) -> bool:
        """Return whether a wrapper inside draws the ground truth as well, which then draws for both.

        Raises:
            ValueError: One to which the probabilities of this wrapper cannot be handed.
        """
        inside = layers(self.env)
        other = next((layer for layer in inside if isinstance(layer, ChoiceWrapper)), None)
        if other is None:
            return False
        for between in inside[: inside.index(other)]:
            if "envs" in vars(between) or getattr(between, "_one_at_a_time", False):
                raise ValueError(
                    f"{type(self).__name__} and {type(other).__name__} both decide 'ground_truth'. They combine where "
                    f"{type(between).__name__} is not between them: put {type(self).__name__} inside of it."
                )
        return True

    def draw_conditions(self, n: int, draws: Draws, forced: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        """Draw the ground truth of n trials by the probabilities of this wrapper alone."""
        weights, recorded = self.choice_weights(n, draws, forced)
        drawn = self._draw_together(n, draws, forced, [(type(self).__name__, weights)])
        return {"ground_truth": drawn.pop("ground_truth"), **forced}, {**recorded, **drawn}

    def choice_weights(self, n: int, draws: Draws, forced: dict[str, Any]) -> tuple[Array, dict[str, Any]]:
        """Return the probabilities of the choices in n trials.

        Args:
            n: Number of trials.
            draws: Randomness and `carried` state of this wrapper.
            forced: Conditions that are forced from outside; those that are meant for this wrapper are removed.

        Returns:
            (n or 1, choices), or (n or 1, choices, choices) with a row for each ground truth of the trial before; and the
            conditions to record.
        """
        raise NotImplementedError

    def _decide(
        self, n: int, draws: Draws, forced: dict[str, Any], factors: Factors
    ) -> tuple[dict[str, Any], dict[str, Any], Factors]:
        """Draw the ground truth of n trials, or hand the probabilities to the wrapper inside that does."""
        if not (factors or self._draws_together):
            return super()._decide(n, draws, forced, factors)
        weights, recorded = self.choice_weights(n, self.own_draws(draws), forced)
        factors = [*factors, (type(self).__name__, weights)]
        if self._draws_together:
            return forced, recorded, factors
        # A stream of no wrapper in particular: the order of the wrappers makes no difference.
        drawn = self._draw_together(n, draws.child(f"{self._stream_prefix}choices"), forced, factors)
        return {"ground_truth": drawn.pop("ground_truth"), **forced}, {**recorded, **drawn}, ()

    def _draw_together(self, n: int, draws: Draws, forced: dict[str, Any], factors: Factors) -> dict[str, Array]:
        """Draw the ground truth of n trials by the product of the probabilities of several wrappers.

        Raises:
            ValueError: A trial in which they exclude each other.
        """
        choices = np.asarray(self.choices)
        chained = any(weights.ndim == 3 for _, weights in factors)
        product = np.ones((n, *[1] * chained, 1))
        for _, weights in sorted(factors, key=lambda factor: factor[0]):  # rounding does not depend on the order either
            product = product * (weights[:, None] if chained and weights.ndim == 2 else weights)
        total = product.sum(axis=-1, keepdims=True)
        # Where none is possible, any: it may be after a choice that does not occur.
        probs = np.where(total > 0, product, 1) / np.where(total > 0, total, self.n_ch)
        u = draws.random("ground_truth", n).reshape(n, *[1] * (probs.ndim - 1))
        drawn = np.minimum((u >= np.cumsum(probs, axis=-1)).sum(axis=-1), self.n_ch - 1)
        recorded = {}
        if chained:
            drawn, before = self.chain(drawn, draws, forced, possible=total[..., 0] > 0)
            probs, total = probs[np.arange(n), before], total[np.arange(n), before]
            recorded["previous"] = choices[before]
        if not (total > 0).all() and "ground_truth" not in forced:
            row = int(np.argmin(total[:, 0]))
            after = f" that follows on {recorded['previous'][row].item()!r}" if chained else ""
            raise ValueError(
                f"{' and '.join(sorted(name for name, _ in factors))} together leave no choice with a probability above 0 "
                f"in a trial{after}."
            )
        return {"ground_truth": choices[drawn], "probs": probs * (total > 0), **recorded}

    def chain(
        self, after: Array, draws: Draws, forced: dict[str, Any], possible: Array | None = None
    ) -> tuple[Array, Array]:
        """Return the choices of n trials, each of which follows on that of the trial before.

        Args:
            after: For each trial, which choice follows on each, (n, choices) indices.
            draws: Randomness, and the choice before the first trial (`carried`).
            forced: Conditions that are forced from outside: a ground truth among them is what the next trial follows on.
            possible: After which choices a trial is possible, (n, choices) bool; by default after all. No sequence of
                trials begins after another one.

        Returns:
            Index of the ground truth of each trial and of the trial before, (n,) each.
        """
        if np.shape(forced.get("ground_truth", [[]])) in ((), (len(after),)):  # the task says what is wrong with others
            right = np.broadcast_to(forced["ground_truth"], len(after))[:, None] == np.asarray(self.choices)
            after = np.where(right.any(axis=1)[:, None], right.argmax(axis=1)[:, None], after)
        row = 0  # of the first trial of each sequence

        def first(stream: Draws) -> Any:
            candidates = (
                np.arange(self.n_ch) if possible is None or not possible[row].any() else np.nonzero(possible[row])[0]
            )
            return candidates[stream.index("first", 1, len(candidates))[0]]

        before, own = np.empty(len(after), np.int64), np.empty(len(after), np.int64)
        for stream, k in draws.per_stream(len(after)):
            rows = slice(row, row + k)
            before[rows], own[rows] = stream.follow("previous", after[rows], first)
            row += k
        return own, before

"""ChoiceWrapper: base of the wrappers that draw which choice is right, alone or together with others of them."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray

from ngym_core.random import Draws
from ngym_core.sampling import layers
from ngym_core.wrappers.base import TrialWrapper

Array = NDArray[Any]

WEIGHTS = "choice_weights"
"""Condition by which outer wrappers hand the probabilities of the choices to an inner one, which draws."""


class ChoiceWrapper(TrialWrapper):
    """Base of wrappers that draw the ground truth among the task's `choices`.

    One alone draws by `draw_alone`. Of several in one stack each states its probabilities (`choice_weights`); they are
    multiplied and normalised, and the innermost one draws: so no wrapper overrules another. Then `probs` is what held in the
    trial, and where any of them looks at the trial before, `previous` is its ground truth.

    Args:
        env: A task that has `choices`.

    Raises:
        AttributeError: The task has no `choices`.
        ValueError: A wrapper inside forces the ground truth, or belongs to one of several tasks.
    """

    def __init__(self, env: gymnasium.Env[Any, Any]) -> None:
        super().__init__(env)
        name = type(self).__name__
        if not hasattr(self.task, "choices"):
            raise AttributeError(f"{name} requires task to have attribute choices.")
        self.choices: Any = self.task.choices
        self.n_ch = len(self.choices)
        inside = layers(env)
        refuse_forced(self, inside)
        self._inner = [layer for layer in inside if isinstance(layer, ChoiceWrapper)]
        if self._inner and any("envs" in vars(layer) for layer in inside[: inside.index(self._inner[0])]):
            raise ValueError(
                f"{name} and {type(self._inner[0]).__name__} in one of several tasks decide the same condition."
            )

    def draw_alone(self, n: int, draws: Draws, forced: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        """Draw the ground truth of n trials, see `draw_conditions`."""
        raise NotImplementedError

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

    def draw_conditions(self, n: int, draws: Draws, forced: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        """Draw the ground truth of n trials, or hand the probabilities to the wrapper inside that does."""
        given = forced.pop(WEIGHTS, None)
        if given is None and not self._inner:
            return self.draw_alone(n, draws, forced)
        weights, recorded = self.choice_weights(n, draws, forced)
        product = weights if given is None else _product(weights, given)
        if self._inner:
            return {**forced, WEIGHTS: np.broadcast_to(product, (n, *product.shape[1:]))}, recorded
        total = product.sum(axis=-1, keepdims=True)
        if not (total > 0).all():
            names = sorted({type(layer).__name__ for layer in layers(self._top_layer()) if isinstance(layer, ChoiceWrapper)})
            raise ValueError(f"{' and '.join(names)} together leave no choice with a probability above 0 in some trial.")
        probs = np.broadcast_to(product / total, (n, *product.shape[1:]))
        after = np.minimum(
            (draws.random("combined", n).reshape(n, *[1] * probs[0].ndim) >= np.cumsum(probs, -1)).sum(-1), self.n_ch - 1
        )
        if after.ndim == 1:
            return {"ground_truth": np.asarray(self.choices)[after], **forced}, {**recorded, "probs": probs}
        own, before = self.chain(after, draws, forced)
        held = probs[np.arange(n), before]
        choices = np.asarray(self.choices)
        return {"ground_truth": choices[own], **forced}, {**recorded, "probs": held, "previous": choices[before]}

    def chain(self, after: Array, draws: Draws, forced: dict[str, Any]) -> tuple[Array, Array]:
        """Return the choices of n trials, each of which follows on that of the trial before.

        Args:
            after: For each trial, which choice follows on each, (n, choices) indices.
            draws: Randomness, and the choice before the first trial (`carried`).
            forced: Conditions that are forced from outside: a ground truth among them is what the next trial follows on.

        Returns:
            Index of the ground truth of each trial and of the trial before, (n,) each.
        """
        if "ground_truth" in forced:
            right = np.broadcast_to(forced["ground_truth"], len(after))[:, None] == np.asarray(self.choices)
            after = np.where(right.any(axis=1)[:, None], right.argmax(axis=1)[:, None], after)
        before, own = draws.follow("previous", after, lambda stream: stream.index("first", 1, self.n_ch)[0])
        return own, before

    def _top_layer(self) -> gymnasium.Env[Any, Any]:
        """Return the outermost wrapper of the stack."""
        return self.task._top


def _product(one: Array, other: Array) -> Array:
    """Multiply probabilities, (n or 1, choices) or (n or 1, choices before, choices)."""
    if one.ndim < other.ndim:
        one = one[:, None]
    elif other.ndim < one.ndim:
        other = other[:, None]
    product: Array = one * other
    return product


def refuse_forced(wrapper: gymnasium.Env[Any, Any], inside: list[gymnasium.Env[Any, Any]]) -> None:
    """Raise if wrappers that decide the same condition for all trials are stacked.

    Args:
        wrapper: The outer wrapper.
        inside: What it wraps.

    Raises:
        ValueError: Such a wrapper inside.
    """
    own = {"ground_truth"} if isinstance(wrapper, ChoiceWrapper) else set(getattr(wrapper, "scheduled", ()))
    for layer in inside:
        theirs = {"ground_truth"} if isinstance(layer, ChoiceWrapper) else set(vars(layer).get("scheduled", ()))
        both = isinstance(wrapper, ChoiceWrapper) and isinstance(layer, ChoiceWrapper)
        if own & theirs and not both:
            names = f"{type(wrapper).__name__} and {type(layer).__name__}"
            raise ValueError(f"{names} both decide {sorted(own & theirs)}: one would overrule the other. Use one of them.")

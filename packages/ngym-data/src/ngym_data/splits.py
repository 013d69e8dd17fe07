"""Splits: disjoint streams of one seed, and conditions that training never shows."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

import ngym_core as ngym
from ngym_core.errors import nearest, unknown_name

__all__ = ["SPLITS", "Holdout", "SplitDraws", "check_split", "crossed", "seed_of"]

Array: TypeAlias = NDArray[Any]

SPLITS = ("train", "val", "test", "holdout")
"""What data can be for. Each has streams of its own; held-out conditions appear in the last one only."""


def check_split(split: str, holdout: object) -> str:
    """Check the name of a split.

    Raises:
        ValueError: An unknown name, or ``holdout`` where nothing is held out.
    """
    if split not in SPLITS:
        raise ValueError(f"Unknown split {split!r}. {nearest(split, SPLITS)}")
    if split == "holdout" and not holdout:
        raise ValueError("split='holdout' needs held-out conditions, for example holdout={'coh': [12.8]}.")
    return split


def seed_of(seed: int, split: str, number: int) -> int:
    """Give the seed of a stream (a row, a session) of a split, so that no two streams share anything."""
    sequence = np.random.SeedSequence(seed, spawn_key=(SPLITS.index(split), number))
    return int(sequence.generate_state(1, np.uint64)[0] >> 1)


class Holdout:
    """Which trials are held out: those in which every named condition has one of its held-out values.

    Args:
        values: Condition -> held-out value, or several.
        split: The split; ``holdout`` keeps the trials that are held out, the others all but these.

    Raises:
        ValueError: A condition without values.
    """

    def __init__(self, values: Mapping[str, ArrayLike], split: str) -> None:
        self.values = {name: np.atleast_1d(np.asarray(held)) for name, held in values.items()}
        self.wanted = split == "holdout"
        for name, held in self.values.items():
            if len(held) == 0:
                raise ValueError(f"holdout={dict(values)!r} names no value of {name!r}.")

    def keeps(self, conditions: Mapping[str, Array]) -> NDArray[np.bool_]:
        """Say which trials belong to the split, (n,)."""
        held = np.logical_and.reduce([self.holds(name, conditions[name]) for name in self.values])
        return np.asarray(held if self.wanted else ~held)

    def holds(self, name: str, column: Array) -> NDArray[np.bool_]:
        """Say which values (n, ...) of a condition are held out, (n,)."""
        held = self.values[name]
        if held.ndim == 1 and column.ndim == 2:
            held = held[None]
        one, other = column[:, None], held[None]
        numbers = column.dtype.kind == "f" and held.dtype.kind in "biuf"
        same = np.isclose(one, other, rtol=1e-9) if numbers else np.asarray(one == other)
        return np.asarray(same.reshape(len(column), len(held), -1).all(axis=-1).any(axis=-1))

    def check(self, conditions: Mapping[str, Array], options: Mapping[str, Array], env: object) -> None:
        """Refuse conditions and values that the task does not have.

        Args:
            conditions: Those of many trials.
            options: What the draws of a condition choose from, as far as it is known.
            env: The task, for the error.

        Raises:
            UnknownNameError: A condition that the task does not have.
            ValueError: A value that it never has.
        """
        for name, held in self.values.items():
            if name not in conditions:
                raise unknown_name(f"condition of {env}", name, conditions)
            known = [*conditions[name], *options.get(name, ())]
            for i, value in enumerate(held if conditions[name].ndim == held.ndim else [held]):
                one = Holdout({name: held[i : i + 1]}, "train") if conditions[name].ndim == held.ndim else self
                if not any(one.holds(name, np.asarray([k])).any() for k in known):
                    valid = dict.fromkeys(str(np.asarray(k).tolist()) for k in known)
                    raise ValueError(f"holdout: the condition {name!r} of {env} is never {value}. {nearest(value, valid)}")


class SplitDraws(ngym.Draws):
    """Draws that leave out the options that a split does not have, so that no trial is made in vain.

    Args:
        seed: The seed.
        holdout: What is held out.

    Attributes:
        options: Name of a restricted draw -> its options, as far as it was made.
    """

    def __init__(self, seed: int, holdout: Holdout) -> None:
        super().__init__(seed)
        self._holdout = holdout
        exact = holdout.wanted or len(holdout.values) == 1
        self._restricted = set(holdout.values) if exact else set()
        self.options: dict[str, Array] = {}

    def choice(self, name: str, n: int, options: ArrayLike, p: ArrayLike | None = None, size: int | None = None) -> Array:
        """Draw among the options that the split has, see `Draws.choice`; their probabilities keep their ratios."""
        options = np.asarray(options)
        if name in self._holdout.values:
            self.options[name] = options
        if name in self._restricted and size is None:
            held = self._holdout.holds(name, options)
            weights = np.where(held == self._holdout.wanted, np.ones(len(options)) if p is None else p, 0.0)
            some = weights.sum(axis=-1, keepdims=True) > 0  # where nothing is left, the trial is left out afterwards
            p = np.where(some, weights, np.ones(len(options)) if p is None else p)
        return super().choice(name, n, options, p, size)


def crossed(
    conditions: Mapping[str, Any], keeps: Callable[[Mapping[str, Array]], Array] | None
) -> tuple[dict[str, Any], dict[str, Array]]:
    """Cross the conditions of which several values are given.

    Args:
        conditions: Condition -> one value, or a list of values.
        keeps: Which combinations stay; by default all.

    Returns:
        The conditions with one value, and the others: name -> (combinations, ...) values.

    Raises:
        ValueError: Nothing is left.
    """
    single = {name: value for name, value in conditions.items() if np.ndim(value) == 0}
    lists = {name: np.asarray(value) for name, value in conditions.items() if np.ndim(value)}
    counts = [len(values) for values in lists.values()]
    places = np.indices(counts).reshape(len(lists), math.prod(counts))
    sets = {name: values[place] for (name, values), place in zip(lists.items(), places, strict=True)}
    kept = np.ones(places.shape[1], bool)
    if keeps is not None:
        kept = keeps({**{k: np.full(len(kept), v) for k, v in single.items()}, **sets})
    if not kept.any():
        raise ValueError(f"conditions={dict(conditions)!r} leave no combination{'' if keeps is None else ' in this split'}.")
    return single, {name: values[kept] for name, values in sets.items()}

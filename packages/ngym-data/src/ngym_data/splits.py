"""Splits: disjoint streams of one seed, held-out conditions and crossed conditions."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Collection, Mapping
from typing import Annotated, Any, Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

import ngym_core as ngym
from ngym_core.arguments import InstanceOf, checked, explained
from ngym_core.errors import nearest, unknown_name

__all__ = ["SPLITS", "Conditions", "Holdout", "ProbeDraws", "Split", "SplitDraws", "cross_conditions", "stream_seed"]

Array: TypeAlias = NDArray[Any]

Conditions: TypeAlias = Annotated[Mapping[str, Any], InstanceOf(Mapping, "a dictionary of conditions")]
"""Condition -> one value or several."""
Split: TypeAlias = Literal["train", "val", "test", "holdout"]
"""Name of a split. Each has its own streams; held-out conditions appear in the last one only."""
SPLITS: tuple[str, ...] = get_args(Split)
"""Names of the splits."""


@explained
def stream_seed(seed: int, split: str, number: int) -> int:
    """Return the seed of a stream of a split. Different streams have different seeds, also across splits.

    Args:
        seed: Seed of all splits.
        split: Name of the split.
        number: Number of the row or session, from 0.
    """
    sequence = np.random.SeedSequence(seed, spawn_key=(SPLITS.index(split), number))
    return int(sequence.generate_state(1, np.uint64)[0] >> 1)  # 63 bits, for users who keep seeds in int64


class Holdout:
    """Held-out conditions. A trial is held out if every named condition has one of its held-out values.

    Args:
        values: Condition -> one held-out value or several.
        split: The split. ``holdout`` has the trials that are held out, the others have the rest.

    Attributes:
        values: Condition -> (k, ...) held-out values.
        wants_held_out: Whether the split has the trials that are held out.

    Raises:
        ValueError: A condition without values.
    """

    @checked
    def __init__(self, values: Conditions, split: Split) -> None:
        self.values = {name: np.atleast_1d(np.asarray(held)) for name, held in values.items()}
        self.wants_held_out = split == "holdout"
        for name, held in self.values.items():
            if len(held) == 0:
                raise ValueError(f"holdout={dict(values)!r} names no value of {name!r}.")

    @explained
    def in_split(self, conditions: Mapping[str, Array]) -> NDArray[np.bool_]:
        """Return which of n trials belong to the split, (n,) bool.

        Args:
            conditions: Name -> (n, ...) values.
        """
        held = np.logical_and.reduce([self.is_held_out(name, conditions[name]) for name in self.values])
        return np.asarray(held if self.wants_held_out else ~held)

    @explained
    def is_held_out(self, name: str, column: Array) -> NDArray[np.bool_]:
        """Return which values (n, ...) of a condition are held out, (n,) bool."""
        held = self.values[name]
        if held.ndim == 1 and column.ndim == 2:  # one held-out value of a condition that has several numbers
            held = held[None]
        one, other = column[:, None], held[None]
        # tolerance for values such as 0.1 + 0.2; all other values must be equal
        numbers = column.dtype.kind == "f" and held.dtype.kind in "biuf"
        same = np.isclose(one, other, rtol=1e-9) if numbers else np.asarray(one == other)
        return np.asarray(same.reshape(len(column), len(held), -1).all(axis=-1).any(axis=-1))

    @explained
    def check(self, conditions: Mapping[str, Array], options: Mapping[str, Array], env: object) -> None:
        """Raise if the task does not have the held-out conditions and values.

        Args:
            conditions: Conditions of many trials: name -> (n, ...) values.
            options: Condition -> (k, ...) options that it is drawn from, as far as they are known.
            env: The task, for the message.

        Raises:
            UnknownNameError: A condition that the task does not have.
            ValueError: A value that it never has.
        """
        for name, held in self.values.items():
            if name not in conditions:
                raise unknown_name(f"condition of {env}", name, conditions)
            known = [value for value in (*conditions[name], *options.get(name, ())) if not _is_missing(value)]
            for i, value in enumerate(held if conditions[name].ndim == held.ndim else [held]):
                one = Holdout({name: held[i : i + 1]}, "train") if conditions[name].ndim == held.ndim else self
                if not any(one.is_held_out(name, np.asarray([k])).any() for k in known):
                    valid = dict.fromkeys(str(np.asarray(k).tolist()) for k in known)
                    message = f"holdout: the condition {name!r} of {env} never has the value {value}."
                    raise ValueError(f"{message} {nearest(value, valid)}")


def _is_missing(value: Any) -> bool:
    """Return whether a value is NaN, which a mixture's trials have for a condition that their own task lacks."""
    return isinstance(value, (float, np.floating)) and math.isnan(value)


class ProbeDraws(ngym.Draws):
    """Draws that record what `choice` returned, to compare it with the conditions of the trials.

    A layer may change a condition after it was drawn, as `Anti` turns answers.

    Args:
        seed: The seed.

    Attributes:
        options: Name -> (k, ...) options of its last draw.
    """

    @explained
    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.options: dict[str, Array] = {}
        self._drawn: dict[str, list[tuple[Array | None, Array]]] = {}
        self._rows: Array | None = None  # of the trials that are drawn, among all; None for all

    def of_trials(self, rows: Array, n: int) -> ProbeDraws:
        """Return the draws of some of n trials, (k,) ascending indices, see `Draws.of_trials`."""
        part = copy.copy(self)
        part._rows = rows if self._rows is None else self._rows[rows]
        return part

    @explained
    def choice(self, name: str, n: int, options: ArrayLike, p: ArrayLike | None = None, size: int | None = None) -> Array:
        """Draw among options, see `Draws.choice`."""
        drawn = super().choice(name, n, options, p, size)
        self.options[name] = np.asarray(options)
        self._drawn.setdefault(name, []).append((self._rows, drawn))
        return drawn

    @explained
    def decides(self, name: str, column: Array) -> bool:
        """Return whether a condition is what was drawn under its name, in all trials for which something was drawn.

        Args:
            name: Name of the condition.
            column: Its values in all trials that were made with these draws, (n, ...).
        """
        calls = self._drawn.get(name, [])
        if all(rows is None for rows, _ in calls):  # one call for all trials, or one for each
            return bool(calls) and np.array_equal(column, np.concatenate([drawn for _, drawn in calls]))
        return all(np.array_equal(column if rows is None else column[rows], drawn) for rows, drawn in calls)


class SplitDraws(ngym.Draws):
    """Draws that choose only among the options that a split has, so that fewer trials have to be discarded.

    Args:
        seed: The seed.
        holdout: The held-out conditions.
        restricted: Names of those that are drawn among the options of the split only: see `ProbeDraws.decides`.
    """

    @explained
    def __init__(self, seed: int, holdout: Holdout, restricted: Collection[str]) -> None:
        super().__init__(seed)
        self._holdout = holdout
        # of several conditions, the other splits may have the held-out values of one, beside other values of another
        exact = holdout.wants_held_out or len(holdout.values) == 1
        self._restricted = frozenset(restricted) if exact else frozenset()

    @explained
    def choice(self, name: str, n: int, options: ArrayLike, p: ArrayLike | None = None, size: int | None = None) -> Array:
        """Draw among the options that the split has, see `Draws.choice`. Ratios of their probabilities stay the same."""
        if name in self._restricted and size is None:
            options = np.asarray(options)
            held = self._holdout.is_held_out(name, options)
            weights = np.where(held == self._holdout.wants_held_out, np.ones(len(options)) if p is None else p, 0.0)
            has_options = weights.sum(axis=-1, keepdims=True) > 0  # without any, the trial is discarded afterwards
            weights = np.where(has_options, weights, np.ones(len(options)) if p is None else p)
            p = weights / weights.sum(axis=-1, keepdims=True)
        return super().choice(name, n, options, p, size)


@checked
def cross_conditions(
    conditions: Conditions, in_split: Callable[[Mapping[str, Array]], Array] | None
) -> tuple[dict[str, Any], dict[str, Array]]:
    """Cross the conditions that have lists of values.

    Args:
        conditions: Condition -> one value, or a list of values.
        in_split: Function of all combinations (name -> (k, ...) values) that returns which of them stay, (k,) bool; by
            default all do.

    Returns:
        The conditions with one value, and the crossed ones: name -> (combinations, ...) values.

    Raises:
        ValueError: No combination stays.
    """
    single = {name: value for name, value in conditions.items() if np.ndim(value) == 0}
    lists = {name: np.asarray(value) for name, value in conditions.items() if np.ndim(value)}
    counts = [len(values) for values in lists.values()]
    indices = np.indices(counts).reshape(len(lists), math.prod(counts))
    combinations = {name: values[index] for (name, values), index in zip(lists.items(), indices, strict=True)}
    kept = np.ones(indices.shape[1], bool)
    if in_split is not None:
        kept = in_split({**{k: np.full(len(kept), v) for k, v in single.items()}, **combinations})
    if not kept.any():
        where = "" if in_split is None else " in this split"
        raise ValueError(f"conditions={dict(conditions)!r} leave no combination{where}.")
    return single, {name: values[kept] for name, values in combinations.items()}

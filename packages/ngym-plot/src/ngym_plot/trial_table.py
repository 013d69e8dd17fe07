"""Reading trial tables: columns that must exist, responses, signed evidence, groups of trials."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ngym_core.errors import unknown

__all__ = [
    "Table",
    "bins",
    "column",
    "groups",
    "numbers",
    "responses",
    "running_mean",
    "signed_choices",
    "size",
    "stages",
    "wilson",
]

Array: TypeAlias = NDArray[Any]
Table: TypeAlias = Mapping[str, Any]
"""Column -> (trials,) or (trials, k) values, see `ngym_core.trial_table`; a pandas data frame does as well."""


def column(table: Table, name: str) -> Array:
    """Give a column of a table.

    Returns:
        (trials,) or (trials, k).

    Raises:
        UnknownNameError: The table has no such column.
        ValueError: The table has no trial, or its columns have different lengths.
    """
    if name not in table:
        raise unknown("column", name, table)
    values = np.asarray(table[name])
    n = size(table)
    if values.ndim == 0 or len(values) != n:
        raise ValueError(f"The column {name!r} has shape {values.shape}; it must have one row for each of the {n} trials.")
    return values


def size(table: Table) -> int:
    """Number of trials.

    Raises:
        ValueError: There is none.
    """
    first = next(iter(table), None)
    n = 0 if first is None else len(table[first])
    if n == 0:
        raise ValueError("The table has no trial.")
    return n


def numbers(table: Table, name: str) -> NDArray[np.float64]:
    """Give a column of one number for each trial, (trials,) float.

    Raises:
        ValueError: Values that are no single numbers.
    """
    values = column(table, name)
    try:
        values = values.astype(float)
    except (TypeError, ValueError):
        raise ValueError(f"The column {name!r} must hold numbers, not {values.tolist()[:3]}.") from None
    if values.ndim != 1:
        raise ValueError(f"The column {name!r} must hold one number for each trial, not shape {values.shape}.")
    return values


def responses(table: Table, none: float | None = 0) -> NDArray[np.float64]:
    """Give the choices, with NaN where there was no response.

    Args:
        table: The table, with `choice`.
        none: The action that is no response; None if all are.

    Returns:
        (trials,).

    Raises:
        ValueError: Choices of several numbers.
    """
    choice = numbers(table, "choice")
    return choice if none is None else np.where(choice == none, np.nan, choice)


def signed_choices(
    table: Table, strength: str = "coh", side: str = "ground_truth", none: float | None = 0
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Give the evidence for the second of two choices, and whether it was taken.

    Args:
        table: The table.
        strength: Column with the strength of the evidence.
        side: Column that says which choice the evidence favours: with its greater value the evidence is
            positive. Non-negative strengths get their sign from it; signed ones keep theirs.
        none: The action that is no response; None if all are.

    Returns:
        evidence (trials,), and choice (trials,): 1 for the greater of the two choices, 0 for the other, NaN without
        a response.

    Raises:
        ValueError: More than two choices were made, or `side` has more than two values.
    """
    evidence, choice = numbers(table, strength), responses(table, none)
    made = np.unique(np.concatenate([choice[~np.isnan(choice)], _right(table, none)]))
    if len(made) > 2:
        raise ValueError(f"There must be two choices, not {made.tolist()}; {none!r} counts as no response.")
    if (evidence >= 0).all():
        sides = column(table, side)
        values = np.unique(sides)
        if len(values) > 2:
            raise ValueError(f"The column {side!r} must have two values, not {values.tolist()}.")
        evidence = np.where(sides == values[-1], evidence, -evidence) if len(values) == 2 else evidence
    second = np.asarray(np.where(np.isnan(choice), np.nan, choice == made[-1] if len(made) else np.nan))
    return evidence + 0.0, second


def _right(table: Table, none: float | None) -> NDArray[np.float64]:
    """The right choices, if the table has them: they tell which two there are when only one was made."""
    gt = numbers(table, "gt") if "gt" in table else np.zeros(0)
    return np.asarray(gt[gt != none])


def groups(table: Table, by: str | ArrayLike | None, most: int = 10) -> list[tuple[str, NDArray[np.bool_]]]:
    """Part trials by a column, or by (trials,) values.

    Args:
        table: The table.
        by: The column, or the values; None puts all trials together.
        most: How many groups can be told apart in a figure.

    Returns:
        Label and (trials,) members of each group: numbers in order, words as they first come.

    Raises:
        ValueError: Not one value for each trial, or too many different ones.
    """
    n = size(table)
    if by is None:
        return [("", np.ones(n, bool))]
    values = column(table, by) if isinstance(by, str) else np.asarray(by)
    if values.shape != (n,):
        raise ValueError(f"by must name a column or hold one value for each of the {n} trials, not shape {values.shape}.")
    values = values.astype(str) if values.dtype == object else values + 0.0 if values.dtype.kind == "f" else values
    kinds, first = np.unique(values, return_index=True)
    if len(kinds) > most:
        raise ValueError(f"by has {len(kinds)} different values; more than {most} groups cannot be told apart. Bin them.")
    kinds = kinds if values.dtype.kind in "biuf" else kinds[np.argsort(first)]
    name = f"{by} = " if isinstance(by, str) else ""
    return [(f"{name}{kind}", values == kind) for kind in kinds]


def stages(table: Table, k: int) -> NDArray[np.str_]:
    """Part trials into k stages of training, one after another; give it as `by`.

    Returns:
        (trials,) labels such as ``trials 1 to 500``.

    Raises:
        ValueError: k below 1, or more stages than trials.
    """
    n = size(table)
    if not 1 <= k <= n:
        raise ValueError(f"k={k!r} must be a number of stages from 1 to the {n} trials.")
    edges = np.arange(k + 1) * n // k
    labels = [f"trials {a + 1} to {b}" for a, b in pairwise(edges.tolist())]
    return np.repeat(labels, np.diff(edges))


def bins(values: Array, most: int) -> NDArray[np.int64]:
    """Number the different values (n,) in rising order; more than `most` share bins of equal numbers."""
    different, which = np.unique(values, return_inverse=True)
    if len(different) <= most:
        return np.asarray(which)
    edges = np.unique(np.quantile(values, np.arange(1, most) / most))
    return np.unique(np.searchsorted(edges, values, side="right"), return_inverse=True)[1]


def running_mean(values: ArrayLike, window: int) -> NDArray[np.float64]:
    """Mean over each trial and those before it, `window` in all (fewer at the start); NaN is left out.

    Args:
        values: (n,).
        window: How many, from 1.

    Returns:
        (n,), NaN where there is nothing to average.
    """
    values = np.asarray(values, float)
    known = ~np.isnan(values)
    sums, counts = (np.concatenate([[0.0], np.cumsum(x)]) for x in (np.where(known, values, 0), known))
    first = np.maximum(np.arange(len(values)) + 1 - window, 0)
    n = counts[1:] - counts[first]
    return np.asarray(np.where(n > 0, (sums[1:] - sums[first]) / np.maximum(n, 1), np.nan))


def wilson(p: ArrayLike, n: ArrayLike, z: float = 1.96) -> tuple[Array, Array]:
    """95 % interval of a share p of n, by Wilson; it has a width at 0 and 1 too."""
    p, n = np.asarray(p, float), np.asarray(n, float)
    middle = (p + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    return middle - half, middle + half

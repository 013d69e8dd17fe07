"""Trial tables: made from a run, checked columns, signed evidence, groups of trials."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Annotated, Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ngym_core.arguments import Count, Expected, Finite, Text, checked, explained
from ngym_core.errors import unknown_name
from ngym_core.rollout import trial_rewards

__all__ = [
    "Table",
    "column",
    "count_trials",
    "group_trials",
    "numeric_column",
    "outcomes",
    "responses",
    "signed_choices",
    "stages",
    "table_from_run",
]

Array: TypeAlias = NDArray[Any]


class _TrialTable(Expected):
    """A trial table, or a pandas data frame, which has columns."""

    description = "a trial table (column -> values)"

    def problem(self, value: Any) -> type[Exception] | None:
        """Return the error that a value deserves, or None."""
        return None if isinstance(value, Mapping) or hasattr(value, "columns") else TypeError


Table: TypeAlias = Annotated[Mapping[str, Any], _TrialTable()]
"""Column -> (trials,) or (trials, k) values, see `ngym_core.trial_table`; a pandas data frame works too."""


@explained
def table_from_run(run: Mapping[str, Any]) -> dict[str, Array]:
    """Make a trial table from a run, for `plot_session`.

    Args:
        run: What `ngym_core.run_env` returns.

    Returns:
        `choice`, `gt`, `performance` and `reward` of the trials that ended, (trials, ...), and each condition that is a
        single number or word in all trials, (trials,).

    Raises:
        ValueError: No trial ended.
    """
    ends = np.nonzero(run["trial_end"])[0]
    if not len(ends):
        raise ValueError(f"No trial ended in the {len(run['trial_end'])} steps of the run.")
    trials = run["trials"]
    shared = [name for name in trials[0] if all(np.ndim(trial.get(name, [])) == 0 for trial in trials)]
    table = {name: np.array([trial[name] for trial in trials]) for name in shared}
    return {
        **table,
        "choice": run["actions"][ends],
        "gt": run["gt"][ends],
        "performance": run["perf"][ends],
        "reward": trial_rewards(run),
    }


@explained
def column(table: Table, name: str) -> Array:
    """Return a column of a table, (trials,) or (trials, k).

    Raises:
        UnknownNameError: The table has no such column.
        ValueError: The table has no trial, or its columns have different lengths.
    """
    if name not in table:
        raise unknown_name("column", name, table)
    values = np.asarray(table[name])
    n = count_trials(table)
    if values.ndim == 0 or len(values) != n:
        raise ValueError(f"The column {name!r} has shape {values.shape}; it must have one row for each of the {n} trials.")
    return values


@explained
def count_trials(table: Table) -> int:
    """Return the number of trials.

    Raises:
        ValueError: There is none.
    """
    first = next(iter(table), None)
    n = 0 if first is None else len(table[first])
    if n == 0:
        raise ValueError("The table has no trial.")
    return n


@explained
def numeric_column(table: Table, name: str) -> NDArray[np.float64]:
    """Return a column with one number for each trial, (trials,) float.

    Raises:
        UnknownNameError: The table has no such column.
        ValueError: Values that are not single numbers.
    """
    values = column(table, name)
    try:
        values = values.astype(float)
    except (TypeError, ValueError):
        raise ValueError(f"The column {name!r} must hold numbers, not {values.tolist()[:3]}.") from None
    if values.ndim != 1:
        raise ValueError(f"The column {name!r} must hold one number for each trial, not shape {values.shape}.")
    return values


@explained
def outcomes(table: Table) -> NDArray[np.float64]:
    """Return whether each trial was correct, 1 or 0, with NaN where that is missing, (trials,).

    True and false may be texts, as `csv` reads them; an empty text is missing.

    Raises:
        UnknownNameError: The table has no column `correct`.
        ValueError: Other values.

    Example:
        >>> outcomes({"correct": ["True", "False", ""]}).tolist()
        [1.0, 0.0, nan]
    """
    values = column(table, "correct").tolist()
    try:
        numbers = np.array([_TRUTHS.get(str(value).strip().lower(), value) for value in values], float)
    except (TypeError, ValueError):
        raise ValueError(f"The column 'correct' must hold true or false, or 1 and 0, not {values[:3]}.") from None
    correct = numeric_column({"correct": numbers}, "correct")
    return np.where(np.isnan(correct), np.nan, correct != 0)


_TRUTHS = {"true": 1.0, "false": 0.0, "": np.nan, "none": np.nan, "<na>": np.nan}
"""True, false and missing as text -> 1, 0, NaN; <NA> is that of pandas."""


@checked
def responses(table: Table, no_response: Finite | None = 0) -> NDArray[np.float64]:
    """Return the choices, with NaN in trials without a response.

    Args:
        table: A trial table with `choice`.
        no_response: The action that counts as no response; None if every action is a response.

    Returns:
        (trials,).

    Raises:
        ValueError: Choices of several numbers, or an action that counts as no response but is one of two right choices.
    """
    choice = numeric_column(table, "choice")
    gt = numeric_column(table, "gt") if "gt" in table else np.zeros(0)
    actions = np.concatenate([choice, gt])
    others = np.unique(actions[~np.isnan(actions) & (actions != no_response)])
    if no_response is not None and len(others) < 2 and (n := np.count_nonzero(gt == no_response)) > 0:
        raise ValueError(
            f"no_response={no_response!r} is the right choice in {n} of {len(gt)} trials, and there are fewer than two "
            "others: give no_response=None, if every action is a response."
        )
    return choice if no_response is None else np.where(choice == no_response, np.nan, choice)


@checked
def signed_choices(
    table: Table, strength: Text = "coh", side: Text = "ground_truth", no_response: Finite | None = 0
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the evidence for the second of two choices, and whether that choice was made.

    Args:
        table: A trial table with `choice` and the columns named below.
        strength: Column with the strength of the evidence.
        side: Column that says which choice the evidence favours: evidence is positive where it has its greater value.
            If any strength is negative, strengths are taken as signed already and `side` is not used. Where a strength or
            a side is missing (NaN or None), the evidence is NaN.
        no_response: The action that counts as no response; None if every action is a response.

    Returns:
        Signed evidence (trials,), and choice (trials,): 1 for the greater of the two actions, 0 for the other, NaN
        without a response.

    Raises:
        UnknownNameError: A column that the table does not have.
        ValueError: No trial, more than two choices, `no_response` that is one of two right choices, or more than two values
            of `side`, or only one.

    Example:
        >>> table = {"coh": [5, 5, 10], "ground_truth": [0, 1, 1], "choice": [1, 2, 0]}
        >>> evidence, choice = signed_choices(table)
        >>> evidence.tolist(), choice.tolist()
        ([-5.0, 5.0, 10.0], [0.0, 1.0, nan])
    """
    evidence, choice = numeric_column(table, strength), responses(table, no_response)
    made = np.unique(np.concatenate([choice[~np.isnan(choice)], _correct_choices(table, no_response)]))
    if len(made) > 2:
        raise ValueError(f"There must be two choices, not {made.tolist()}; {no_response!r} counts as no response.")
    if not (evidence < 0).any():
        sides = column(table, side)
        known = ~_is_missing(sides)
        values = np.unique(sides[known])
        if len(values) > 2:
            raise ValueError(f"The column {side!r} must have two values, not {values.tolist()}.")
        if len(values) < 2 and (evidence > 0).any():
            raise ValueError(
                f"The column {side!r} has only the value {(values.tolist() or [None])[0]!r}, so the sign of the evidence is "
                "unknown: give trials of both sides, or signed strengths."
            )
        favoured = sides == values[-1] if len(values) else known
        evidence = np.where(known, np.where(favoured, evidence, -evidence), np.nan)
    second = np.asarray(np.where(np.isnan(choice), np.nan, choice == made[-1] if len(made) else np.nan))
    return evidence + 0.0, second  # + 0.0 turns -0.0 into 0.0


def _is_missing(values: Array) -> NDArray[np.bool_]:
    """Return where a column has no value: NaN, or None among objects, (trials,)."""
    if values.dtype == object:
        return np.array([value is None or value != value for value in values.tolist()], bool)
    return np.asarray(values != values)


def _correct_choices(table: Table, no_response: float | None) -> NDArray[np.float64]:
    """Return the correct choices if the table has them: they show both choices even if only one was ever made."""
    gt = numeric_column(table, "gt") if "gt" in table else np.zeros(0)
    return np.asarray(gt[(gt != no_response) & ~np.isnan(gt)])


@explained
def group_trials(table: Table, by: str | ArrayLike | None, max_groups: int = 10) -> list[tuple[str, NDArray[np.bool_]]]:
    """Group trials by a column or by given values.

    Args:
        table: A trial table.
        by: Name of the column, or (trials,) values; None puts all trials into one group.
        max_groups: The most groups that a reader can distinguish in a figure.

    Returns:
        Label and members, (trials,) bool, of each group: numbers in ascending order, words in order of appearance, and
        last the trials in which the value is missing (NaN or None).

    Raises:
        UnknownNameError: A column that the table does not have.
        ValueError: Not one value for each trial, or too many different ones.
    """
    n = count_trials(table)
    if by is None:
        return [("", np.ones(n, bool))]
    values = column(table, by) if isinstance(by, str) else np.asarray(by)
    if values.shape != (n,):
        raise ValueError(f"by must name a column or hold one value for each of the {n} trials, not shape {values.shape}.")
    missing = _is_missing(values)
    # Objects cannot be sorted with None among them; + 0.0 gives -0.0 and 0.0 the same label.
    values = values.astype(str) if values.dtype == object else values + 0.0 if values.dtype.kind == "f" else values
    different, first = np.unique(values[~missing], return_index=True)
    if len(different) + missing.any() > max_groups:
        raise ValueError(
            f"by has {len(different) + missing.any()} different values; a figure shows at most {max_groups} groups. Bin the "
            "values first."
        )
    order = np.arange(len(different)) if values.dtype.kind in "biuf" else np.argsort(first)
    prefix = f"{by} = " if isinstance(by, str) else ""
    groups = [(f"{prefix}{value}", (values == value) & ~missing) for value in different[order]]
    return [*groups, (f"{by} missing" if prefix else "missing", missing)] if missing.any() else groups


@checked
def stages(table: Table, k: Count) -> NDArray[np.str_]:
    """Split training into k consecutive stages of equal numbers of trials, to be passed as `by`.

    Args:
        table: A trial table in the order of training.
        k: Number of stages.

    Returns:
        (trials,) labels such as ``trials 1 to 500``.

    Raises:
        ValueError: k below 1, or more stages than trials.

    Example:
        >>> stages({"choice": [1, 2, 1, 1]}, 2).tolist()
        ['trials 1 to 2', 'trials 1 to 2', 'trials 3 to 4', 'trials 3 to 4']
    """
    n = count_trials(table)
    if k > n:
        raise ValueError(f"k={k!r} must be a number of stages from 1 to the {n} trials.")
    edges = np.arange(k + 1) * n // k
    labels = [f"trials {start + 1} to {end}" for start, end in pairwise(edges.tolist())]
    return np.repeat(labels, np.diff(edges))

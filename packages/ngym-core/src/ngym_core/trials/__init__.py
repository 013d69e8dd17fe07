"""Trials: batches of trials as arrays, which a task builds in `_new_trials`."""

from __future__ import annotations

from ngym_core.trials.batch import Trial, Trials
from ngym_core.trials.operations import add_channels, concatenate, end_trials, interleave, join_columns, select, set_period

__all__ = [
    "Trial",
    "Trials",
    "add_channels",
    "concatenate",
    "end_trials",
    "interleave",
    "join_columns",
    "select",
    "set_period",
]

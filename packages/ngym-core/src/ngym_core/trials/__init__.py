"""Trials: batches of trials as arrays, which a task builds in `_new_trials`."""

from __future__ import annotations

from ngym_core.trials.batch import Trial, Trials
from ngym_core.trials.operations import (
    add_channels,
    add_period_channel,
    complete_periods,
    concatenate,
    end_trials,
    insert_period,
    interleave,
    join_columns,
    map_answers,
    map_answers_by_step,
    map_channels,
    resize_period,
    select,
    set_period,
)

__all__ = [
    "Trial",
    "Trials",
    "add_channels",
    "add_period_channel",
    "complete_periods",
    "concatenate",
    "end_trials",
    "insert_period",
    "interleave",
    "join_columns",
    "map_answers",
    "map_answers_by_step",
    "map_channels",
    "resize_period",
    "select",
    "set_period",
]

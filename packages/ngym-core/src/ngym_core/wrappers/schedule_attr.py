"""ScheduleAttr: runs each trial under the conditions that a schedule says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import gymnasium
import numpy as np

from ngym_core.random import Draws
from ngym_core.scheduler import BaseSchedule, RandomBlockSchedule, SequentialBlockSchedule
from ngym_core.wrappers.base import TrialWrapper


class ScheduleAttr(TrialWrapper):
    """Let a schedule say which of several sets of conditions each trial has.

    The index of a schedule of blocks is recorded as the condition `block` of the trial.

    Args:
        env: The task, with wrappers.
        schedule: Which set comes next.
        attr_list: The sets: name of a condition -> value. They force what the task or an inner wrapper draws;
            what a caller forces prevails.

    Raises:
        ValueError: Not as many sets as the schedule chooses from, or sets with different names.
    """

    metadata = {"description": "Lets a schedule say under which conditions each trial runs.", "paper_link": None}

    def __init__(self, env: gymnasium.Env[Any, Any], schedule: BaseSchedule, attr_list: Sequence[Mapping[str, Any]]) -> None:
        super().__init__(env)
        if len(attr_list) != schedule.n:
            raise ValueError(f"attr_list has {len(attr_list)} entries, the schedule chooses from {schedule.n}.")
        if any(set(attributes) != set(attr_list[0]) for attributes in attr_list):
            raise ValueError(f"All entries of attr_list must have the same names: {[sorted(a) for a in attr_list]}.")
        self.schedule = schedule
        self.attr_list = attr_list
        self._columns = {name: np.array([attributes[name] for attributes in attr_list]) for name in attr_list[0]}

    def draw_conditions(self, n: int, draws: Draws, forced: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        """Take the conditions of n trials from the schedule."""
        taken = self.schedule.take(n, draws)
        has_blocks = isinstance(self.schedule, (SequentialBlockSchedule, RandomBlockSchedule))
        scheduled = {name: column[taken] for name, column in self._columns.items()}
        return {**scheduled, **forced}, {"block": taken} if has_blocks else {}

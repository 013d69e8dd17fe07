"""ScheduleAttr: a wrapper that takes conditions of each trial from a schedule."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, TypeAlias

import gymnasium
import numpy as np

from ngym_core.arguments import InstanceOf, Several
from ngym_core.random import Draws
from ngym_core.scheduler import RandomBlockSchedule, Schedule, SequentialBlockSchedule
from ngym_core.wrappers.base import TrialWrapper

Sets: TypeAlias = Annotated[
    Sequence[Mapping[str, Any]], Several(InstanceOf(Mapping, "a dictionary"), "a sequence of dictionaries")
]


class ScheduleAttr(TrialWrapper):
    """Force conditions on each trial, one of several sets that a schedule selects.

    The index of a schedule of blocks is recorded as the condition `block` of the trial.

    Conditions:
        block: The index of the set that holds in the block.

    Args:
        env: The task, with wrappers.
        schedule: Which set comes next.
        attr_list: The sets: name of a condition -> value. They force what the task draws, or are what an inner wrapper
            takes, such as `p` of `RandomGroundTruth`; what a caller forces prevails.

    Raises:
        ValueError: Not as many sets as the schedule chooses from, sets with different names, or a condition that an inner
            wrapper decides.

    Example:
        >>> import ngym_core as ngym
        >>> from ngym_core.scheduler import SequentialBlockSchedule
        >>> from ngym_core.wrappers import ScheduleAttr
        >>> sets = [{"coh": 51.2}, {"coh": 6.4}]
        >>> env = ScheduleAttr(ngym.make("PerceptualDecisionMaking-v0"), SequentialBlockSchedule(2, [3, 2]), sets)
        >>> env.sample_trials(6, seed=0).conditions["coh"].tolist()
        [51.2, 51.2, 51.2, 6.4, 6.4, 51.2]
    """

    metadata = {"description": "Lets a schedule say under which conditions each trial runs.", "paper_link": None}

    def __init__(self, env: gymnasium.Env[Any, Any], schedule: Schedule, attr_list: Sets) -> None:
        super().__init__(env)
        if len(attr_list) != schedule.n:
            raise ValueError(f"attr_list has {len(attr_list)} entries, the schedule chooses from {schedule.n}.")
        if any(set(attributes) != set(attr_list[0]) for attributes in attr_list):
            raise ValueError(f"All entries of attr_list must have the same names: {[sorted(a) for a in attr_list]}.")
        self.schedule = schedule
        self.attr_list = attr_list
        self._refuse_decided_inside(attr_list[0])

    def draw_conditions(self, n: int, draws: Draws, forced: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return the conditions of n trials that the schedule selects."""
        selected = self.schedule.take(n, draws)
        has_blocks = isinstance(self.schedule, (SequentialBlockSchedule, RandomBlockSchedule))
        columns = {name: np.array([attributes[name] for attributes in self.attr_list]) for name in self.attr_list[0]}
        scheduled = {name: column[selected] for name, column in columns.items()}
        return {**scheduled, **forced}, {"block": selected} if has_blocks else {}

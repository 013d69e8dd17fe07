"""VariableMapping: a wrapper that changes between blocks which action answers which stimulus."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import gymnasium
import numpy as np

from ngym_core.random import Draws
from ngym_core.scheduler import BlockLength, RandomBlockSchedule, check_block_length
from ngym_core.spaces import actions, names_of
from ngym_core.trials import Trials
from ngym_core.wrappers.base import TrialWrapper


class VariableMapping(TrialWrapper):
    """Change in blocks which action answers which stimulus; the agent must find out by its rewards.

    The first block has the mapping of the task. The mapping is recorded as the condition `mapping` of the trial:
    the action for each of the task's choices.

    Args:
        env: A task in which an answer is right if it equals the ground truth (`Rule.pays_ground_truth`).
        block_dur: Trials in a block, see `SideBias`.
        choice: Name of the actions that change their meaning; by default all but action 0.

    Raises:
        ValueError: A task with another rule, or less than 2 such actions or more than 6 (there would be too many
            mappings).

    Example:
        >>> import ngym_core as ngym
        >>> env = ngym.make("PerceptualDecisionMaking-v0", wrappers=[("VariableMapping", {"block_dur": 2})])
        >>> trials = env.sample_trials(4, seed=0)
        >>> trials.conditions["mapping"].tolist()
        [[1, 2], [1, 2], [2, 1], [2, 1]]
    """

    metadata = {"description": "Changes in blocks which action answers which stimulus.", "paper_link": None}

    def __init__(self, env: gymnasium.Env[Any, Any], block_dur: BlockLength = 50, choice: str | None = None) -> None:
        super().__init__(env)
        self.require_ground_truth_rule()
        space: Any = env.action_space
        self.answers = np.arange(1, space.n) if choice is None else actions(space, choice)
        if not 2 <= len(self.answers) <= 6:
            raise ValueError(
                f"VariableMapping needs 2 to 6 actions that change their meaning, not {len(self.answers)}; name them with "
                f"`choice`. The task has {names_of(space)}."
            )
        self.mappings = np.array(list(permutations(self.answers.tolist())))
        check_block_length(block_dur)
        self.block_dur = block_dur

    def edit_trials(self, trials: Trials, draws: Draws) -> Trials:
        """Change the ground truth of n trials by the mapping of their block."""
        schedule = RandomBlockSchedule(len(self.mappings), [self.block_dur] * len(self.mappings))
        mapping = trials.set("mapping", self.mappings[schedule.take(trials.n, draws)])
        # Action -> action, for each trial; actions above those that change stay as they are.
        table = np.broadcast_to(np.arange(self.answers.max() + 1), (trials.n, self.answers.max() + 1)).copy()
        table[:, self.answers] = mapping
        in_table = trials.gt <= self.answers.max()
        translated = np.take_along_axis(table, np.where(in_table, trials.gt, 0), axis=1)
        np.copyto(trials.gt, translated, where=in_table)
        return trials

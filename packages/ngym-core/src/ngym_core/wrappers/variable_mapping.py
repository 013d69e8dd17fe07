"""VariableMapping: a wrapper that changes between blocks which action answers which stimulus."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import gymnasium
import numpy as np

from ngym_core.random import Draws
from ngym_core.sampling import layers, tasks_of
from ngym_core.scheduler import BlockLength, RandomBlockSchedule
from ngym_core.spaces import actions, names_of
from ngym_core.trials import Trials
from ngym_core.wrappers.base import TrialWrapper


class VariableMapping(TrialWrapper):
    """Change in blocks which action answers which stimulus; the agent must find out by its rewards.

    The first block has the mapping of the task. The mapping is recorded as the condition `mapping` of the trial:
    the action for each of the task's choices. Of two such wrappers, the outer one changes the mapping of the inner one.

    Conditions:
        mapping: The action for each of the task's choices.

    Args:
        env: A task in which an answer is right if it equals the ground truth (`Rule.pays_ground_truth`).
        block_dur: Trials in a block, see `SideBias`.
        choice: Name of the actions that change their meaning; by default all but action 0.

    Raises:
        ValueError: A task with another rule, less than 2 such actions or more than 6 (there would be too many mappings), or
            others than those of such a wrapper inside.

    Example:
        >>> import ngym_core as ngym
        >>> env = ngym.make("PerceptualDecisionMaking-v0", wrappers=[("VariableMapping", {"block_dur": 2})])
        >>> trials = env.sample_trials(4, seed=0)
        >>> trials.conditions["mapping"].tolist()
        [[1, 2], [1, 2], [2, 1], [2, 1]]
    """

    names_choices = True
    metadata = {"description": "Changes in blocks which action answers which stimulus.", "paper_link": None}

    def __init__(self, env: gymnasium.Env[Any, Any], block_dur: BlockLength = 50, choice: str | None = None) -> None:
        super().__init__(env)
        self.require_ground_truth_rule()
        self.block_dur = block_dur
        self._choice: str | None
        self.answers: Any
        self.choice = choice

    @property
    def choice(self) -> str | None:
        """Name of the actions that change their meaning; None for all but action 0."""
        return self._choice

    @choice.setter
    def choice(self, value: str | None) -> None:
        space: Any = self.env.action_space
        answers = np.arange(1, space.n) if value is None else actions(space, value)
        if not 2 <= len(answers) <= 6:
            raise ValueError(
                f"VariableMapping needs 2 to 6 actions that change their meaning, not {len(answers)}; name them with "
                f"`choice`. The task has {names_of(space)}."
            )
        for task in tasks_of(self.env):
            named = np.concatenate([np.atleast_1d(where) for where in names_of(task.action_space).values()] or [answers])
            if not np.isin(answers, named).all():  # of a mixture, whose tasks were given more actions
                raise ValueError(
                    f"VariableMapping would give the answers {answers.tolist()} to {task}, which has the actions "
                    f"{names_of(task.action_space)}: put it around each of the tasks."
                )
        for layer in layers(self.env):
            if isinstance(layer, VariableMapping) and layer.answers.tolist() != answers.tolist():
                raise ValueError(
                    f"Two wrappers VariableMapping must change the same actions, not {answers.tolist()} and "
                    f"{layer.answers.tolist()}."
                )
        self._choice, self.answers = value, answers
        self.mappings = np.array(list(permutations(answers.tolist())))

    def edit_trials(self, trials: Trials, draws: Draws) -> Trials:
        """Change the ground truth of n trials by the mapping of their block."""
        schedule = RandomBlockSchedule(len(self.mappings), [self.block_dur] * len(self.mappings))
        mapping = self.mappings[schedule.take(trials.n, draws)]
        # Action -> action, for each trial; actions above those that change stay as they are.
        table = np.broadcast_to(np.arange(self.answers.max() + 1), (trials.n, self.answers.max() + 1)).copy()
        table[:, self.answers] = mapping
        inner = trials.conditions.get("mapping")
        trials.set("mapping", mapping if inner is None else np.take_along_axis(table, inner, axis=1))
        in_table = trials.gt <= self.answers.max()
        translated = np.take_along_axis(table, np.where(in_table, trials.gt, 0), axis=1)
        np.copyto(trials.gt, translated, where=in_table)
        return trials

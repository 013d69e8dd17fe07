"""RL recipes: how an agent learns a task from its rewards, for its certificate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Annotated, Any

import numpy as np
from stable_baselines3.common.callbacks import BaseCallback

import ngym_core as ngym
from ngym_core.arguments import Flag, Index, InstanceOf, Number, TaskId, Text, check_arguments, checked
from ngym_core.certificates import SHARE, Measure, Recipe, Trained
from ngym_core.plugins.registry import task_spec
from ngym_sb3.config import TrainingConfig, make_model
from ngym_sb3.evaluation import evaluate_policy

__all__ = ["RLRecipe", "recipe_of"]

TUNED = (100, 101)
"""Seeds with which all settings below were chosen."""
TEST_TRIALS, CHECK_TRIALS = 1000, 256
"""Number of trials that a trained agent plays, and that it plays from time to time while it is trained."""
CHECK_STEPS = 8192
"""Time steps (over all lanes) from one such check to the next."""
MARGIN = 0.2
"""Training ends where this share of what is left above the criterion is reached too, so that other trials show the same."""
CHECK_SEED, TEST_SEED = 10**6, 2 * 10**6
"""Added to the seed of an agent for that of the trials of checks and of the test."""
LANES = 64
"""Number of lanes that play them."""


class _StopWhenLearned(BaseCallback):
    """Ends training when the agent's score in other trials is high enough.

    Args:
        recipe: The recipe.
        seed: Seed of these trials.
        enough: The score.
    """

    def __init__(self, recipe: RLRecipe, seed: int, enough: float) -> None:
        super().__init__()
        self.recipe, self.seed, self.enough = recipe, seed, enough
        self.learned, self._next_check = False, CHECK_STEPS

    def _on_rollout_start(self) -> None:
        if self.num_timesteps >= self._next_check:
            self._next_check = self.num_timesteps + CHECK_STEPS
            table = self.recipe.play(self.model, CHECK_TRIALS, self.seed)
            self.learned = float(np.mean(table[self.recipe.measure])) >= self.enough

    def _on_step(self) -> bool:
        return not self.learned


@dataclass(frozen=True, kw_only=True)
class RLRecipe(Recipe):
    """Training of an agent on a task by rewards; a pack's hook `ngym_recipe` may return one.

    Every 8,192 steps the agent plays other trials with its best actions, and training ends when they are good enough.

    Args:
        task: Id of the task.
        config: Settings of agent and training; its `steps` are the most that it takes.
        measure: See `ngym_core.certificates.Recipe`.
        share: See there.
        random_chance: See there.
        note: See there.

    Example:
        >>> from ngym_sb3 import TrainingConfig
        >>> from ngym_sb3.reinforcement import RLRecipe
        >>> recipe = RLRecipe(task="GoNogo-v0", config=TrainingConfig(steps=64, envs=4, rollout=16, units=8))
        >>> recipe.train(seed=100, criterion=0.9).steps
        64
    """

    task: TaskId
    config: Annotated[TrainingConfig, InstanceOf(TrainingConfig, "a TrainingConfig")] = field(default_factory=TrainingConfig)
    measure: Measure = "performance"
    share: Annotated[float, Number(above=0, high=1)] = SHARE
    random_chance: Flag = False
    note: Text = ""

    kind = "rl"
    unit = "steps"
    tuned = TUNED

    def __post_init__(self) -> None:
        """Check all values."""
        check_arguments(type(self), vars(self))

    @property
    def network(self) -> str:
        """The network in words."""
        cell = {"gru": "GRU", "rnn": "RNN", "lstm": "LSTM", "ctrnn": "CTRNN", "ei-ctrnn": "CTRNN under Dale's principle"}
        network = cell.get(str(self.config.policy), "perceptron")
        return f"{network} of {self.config.units} units, {self.config.algo}"

    @property
    def settings(self) -> dict[str, Any]:
        """What differs from the default config, and what the criterion follows from."""
        default = TrainingConfig()
        config = {name: value for name, value in vars(self.config).items() if name != "seed"}
        changed = {name: value for name, value in config.items() if value != getattr(default, name) or name == "steps"}
        return {**changed, "measure": self.measure, "share": self.share, "random_chance": self.random_chance}

    def make_env(self) -> Any:
        """Return the task with the parameters and wrappers that agents are trained with."""
        return ngym.make(self.task, wrappers=list(self.config.wrappers), **self.config.task_kwargs)

    def play(self, model: Any, trials: int, seed: int) -> Any:
        """Return the table of trials that an agent plays with its best actions."""
        return evaluate_policy(model, self.config.make_env(self.task, LANES, training=False), trials, seed=seed)

    @checked
    def train(self, seed: Index, criterion: float) -> Trained:
        """Train an agent until it reaches the criterion, or the steps of the config are taken, and test it on other trials.

        Args:
            seed: Seed of the agent, its training, and the trials of the test.
            criterion: Score that it should reach.

        Returns:
            The trials of the test, and the number of steps, summed over all lanes.
        """
        config = replace(self.config, seed=seed)
        model = make_model(config, config.make_env(self.task))
        model.set_random_seed(int(np.random.SeedSequence((seed, 0)).generate_state(1)[0]) // 2)
        enough = criterion + MARGIN * (1 - criterion) if self.measure == "performance" else criterion
        model.learn(config.steps, _StopWhenLearned(self, CHECK_SEED + seed, enough), log_interval=None)
        return Trained(self.play(model, TEST_TRIALS, TEST_SEED + seed), int(model.num_timesteps))


@checked
def recipe_of(task: TaskId) -> RLRecipe | None:
    """Return the recipe of a task: the default one, or with what `DEVIATIONS` says.

    Args:
        task: Its id.

    Returns:
        The recipe; None for tasks of the collections in `SUPERVISED_ONLY`.

    Example:
        >>> from ngym_sb3.reinforcement import recipe_of
        >>> recipe_of("GoNogo-v0").config.policy, recipe_of("yang19.go-v0")
        ('gru', None)
    """
    if task_spec(task).collection in SUPERVISED_ONLY:
        return None
    deviations = dict(DEVIATIONS.get(task, {}))
    own = {name: deviations.pop(name) for name in ("measure", "share", "random_chance", "note") if name in deviations}
    return RLRecipe(task=task, config=TrainingConfig(**{**DEFAULT, **deviations}), **own)


SUPERVISED_ONLY = ("yang19", "modcog")
"""Collections whose tasks were made to train networks on their ground truth, many of them in one network."""

DEFAULT: Mapping[str, Any] = {"steps": 120_000, "policy": "gru"}
"""Settings of all recipes, beside the defaults of `TrainingConfig`."""

DEVIATIONS: Mapping[str, Mapping[str, Any]] = {}
"""Id -> what differs from these: settings of `TrainingConfig`, and of `RLRecipe`."""

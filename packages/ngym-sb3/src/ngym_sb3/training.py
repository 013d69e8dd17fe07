"""Training a recurrent agent on a task, and testing it trial by trial."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from sb3_contrib import RecurrentPPO
from stable_baselines3.common.callbacks import BaseCallback

from ngym_core.saving import complete_or_absent, refuse_used
from ngym_core.table import MEASURES, Table, save_trials
from ngym_sb3.envs import make_sb3_env
from ngym_sb3.evaluation import evaluate_policy

__all__ = ["Recipe", "Report", "Run"]

Array: TypeAlias = NDArray[Any]
TEST_SEED = 1_000_000
"""Test trials have seeds far from those of training."""


@dataclass(frozen=True)
class Recipe:
    """How an agent is trained.

    Args:
        steps: Time steps, over all lanes.
        envs: Lanes that play at the same time.
        seed: Seed of agent and training.
        trials_per_episode: The agent's recurrent state restarts after so many trials.
        units: Units of the recurrent layer.
        learning_rate: Step size of the optimizer.
        ent_coef: Weight of the entropy bonus, which keeps the agent trying.
        rollout: Steps of each lane between two updates.
        batch_size: Steps in a minibatch.
        epochs: Passes over the data of an update.
        gamma: Discount of future rewards.
        task_kwargs: Parameters of the task.
    """

    steps: int = 100_000
    envs: int = 64
    seed: int = 0
    trials_per_episode: int = 1
    units: int = 64
    learning_rate: float = 1e-3
    ent_coef: float = 0.03
    rollout: int = 32
    batch_size: int = 512
    epochs: int = 4
    gamma: float = 0.9
    task_kwargs: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Report:
    """A table of test trials.

    Attributes:
        table: Column -> (n,) array, see `evaluate_policy`.
    """

    table: Table

    @property
    def performance(self) -> float:
        """Mean performance."""
        return float(np.mean(self.table["performance"]))

    def summary(self) -> str:
        """Say the result in one line."""
        answered = np.mean(self.table["choice"].reshape(len(self.table["performance"]), -1).any(axis=1))
        return (
            f"performance {self.performance:.3f}, reward {np.mean(self.table['reward']):.3f} per trial, "
            f"a response in {answered:.0%} of {len(self.table['performance'])} trials"
        )

    def by_condition(self) -> str:
        """Show the mean performance at each value of each condition that has few."""
        lines = []
        for name, values in self.table.items():
            if name in MEASURES or values.ndim != 1 or len(levels := np.unique(values)) > 12:
                continue
            means = (f"{level}: {self.table['performance'][values == level].mean():.2f}" for level in levels)
            lines.append(f"  {name:14} " + "  ".join(means))
        return "\n".join(["performance by condition:", *lines])


class _Progress(BaseCallback):
    """Report the steps taken."""

    def __init__(self, advance: Callable[[int], Any]) -> None:
        super().__init__()
        self._advance = advance

    def _on_step(self) -> bool:
        self._advance(self.training_env.num_envs)
        return True


class Run:
    """One agent on one task.

    Args:
        task: The task's id.
        recipe: How it is trained.
        out: Folder for what is saved; it must not exist, or be empty.

    Attributes:
        model: The agent.

    Raises:
        UnknownTaskError: There is no such task.
        FileExistsError: The folder holds something already.
    """

    def __init__(self, task: str, recipe: Recipe | None = None, out: Path | None = None) -> None:
        self.task, self.recipe, self.out = task, recipe or Recipe(), out
        if out is not None:
            refuse_used(out)
        r = self.recipe
        self.model = RecurrentPPO(
            "MlpLstmPolicy",
            self._env(r.envs, r.seed),
            n_steps=r.rollout,
            batch_size=r.batch_size,
            n_epochs=r.epochs,
            learning_rate=r.learning_rate,
            ent_coef=r.ent_coef,
            gamma=r.gamma,
            seed=r.seed,
            device="cpu",
            policy_kwargs={"lstm_hidden_size": r.units},
        )

    def _env(self, envs: int, seed: int | None) -> Any:
        r = self.recipe
        return make_sb3_env(self.task, envs, trials_per_episode=r.trials_per_episode, seed=seed, **r.task_kwargs)

    def train(self, advance: Callable[[int], Any] = lambda steps: None) -> None:
        """Train for the recipe's steps.

        Args:
            advance: Called with the number of steps taken since the last call.
        """
        self.model.learn(self.recipe.steps, callback=_Progress(advance))

    def test(self, num_trials: int = 2000) -> Report:
        """Test the agent on trials that it has not seen; the same seed gives the same trials."""
        return Report(evaluate_policy(self.model, self._env(64, None), num_trials, seed=TEST_SEED + self.recipe.seed))

    def save(self, report: Report) -> list[Path]:
        """Save the agent, its recipe and a table of test trials, each file completely or not at all.

        Returns:
            The files.

        Raises:
            ValueError: The run has no folder.
        """
        if self.out is None:
            raise ValueError("This run has no folder; give it one with out=.")
        recipe = {"task": self.task, **asdict(self.recipe), "performance": report.performance}
        with complete_or_absent(self.out / "model.zip") as aside:
            self.model.save(aside)
        with complete_or_absent(self.out / "recipe.json") as aside:
            aside.write_text(json.dumps(recipe, indent=2, default=str))
        return [self.out / "model.zip", self.out / "recipe.json", *save_trials(self.out / "trials", report.table)]

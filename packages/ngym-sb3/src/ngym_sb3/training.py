"""Training an agent on a task, and testing it trial by trial."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.logger import KVWriter, Logger

import ngym_core as ngym
from ngym_core.files import atomic_write, require_empty_folder
from ngym_core.plugins import registry
from ngym_core.trial_table import MEASURED_COLUMNS, TrialTable, concatenate_tables, load_trial_table, save_trial_table
from ngym_sb3.callbacks import TrialCallback
from ngym_sb3.config import Recipe, load_model, make_agent
from ngym_sb3.evaluation import evaluate_policy

__all__ = ["Report", "Run"]

Array: TypeAlias = NDArray[Any]

TEST_SEED = 1_000_000
"""Test trials have seeds far from those of training."""
LEG = 32_768
"""About so many steps are trained between two saves."""


@dataclass(frozen=True)
class Report:
    """A table of test trials.

    Attributes:
        table: Column -> (n,) array, see `evaluate_policy`.
    """

    table: TrialTable

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
        """Show trials, performance, reward and reaction time at each value of each condition that has few."""
        lines = [f"{'condition':18} {'value':>10} {'trials':>7} {'performance':>12} {'reward':>8} {'reaction time':>14}"]
        for name, values in self.table.items():
            if name in MEASURED_COLUMNS or values.ndim != 1 or len(levels := np.unique(values.astype(str))) > 12:
                continue
            for level in sorted(levels, key=_as_number):
                lines.append(f"{name:18} {level:>10} " + self._row(values.astype(str) == level))
        return "\n".join([*lines, f"{'all':18} {'':>10} " + self._row(np.ones(len(self.table["performance"]), bool))])

    def _row(self, which: Array) -> str:
        performance, reward = (np.mean(self.table[name][which]) for name in ("performance", "reward"))
        times = self.table["reaction_time"][which]
        reaction = f"{np.nanmean(times):.0f} ms" if (~np.isnan(times)).any() else "-"
        return f"{which.sum():>7} {performance:>12.3f} {reward:>8.3f} {reaction:>14}"


def _as_number(text: str) -> tuple[float, str]:
    try:
        return float(text), text
    except ValueError:
        return float("inf"), text


class _Rows(KVWriter):
    """Collects the lines of a logger as rows of a table."""

    def __init__(self) -> None:
        self.rows: list[TrialTable] = []

    def write(self, key_values: dict[str, Any], key_excluded: dict[str, Any], step: int = 0) -> None:
        """Add a row: all that is not about the time it took."""
        values = {k: v for k, v in key_values.items() if not k.startswith("time/")}
        self.rows.append({"steps": np.array([step]), **{k: np.array([v]) for k, v in values.items()}})

    def close(self) -> None:
        """Nothing is open."""


class _Progress(BaseCallback):
    """Report the steps taken; parameters that change with progress do so over the whole run."""

    def __init__(self, advance: Callable[[int], Any], steps: int) -> None:
        super().__init__()
        self._advance, self._all = advance, steps

    def _on_training_start(self) -> None:
        self.model._total_timesteps = self._all

    def _on_step(self) -> bool:
        self._advance(self.training_env.num_envs)
        return True


class Run:
    """One agent on one task, trained in legs.

    Each leg begins with new episodes and with seeds of its own, and in a folder it ends with a save. So a run that was
    stopped goes on with the last leg, and ends as if it had not been stopped (``dqn`` goes on with an empty replay
    buffer, so it learns a little differently).

    Args:
        task: The task's id.
        recipe: How the agent is trained.
        out: Folder for what is saved: a new or empty one, or that of the same run (the same task and recipe; more
            `steps` prolong it), which goes on.

    Attributes:
        model: The agent.

    Raises:
        UnknownTaskError: There is no such task.
        FileExistsError: The folder holds something else, or another run.
        ValueError: The folder's model is damaged.
    """

    def __init__(self, task: str, recipe: Recipe | None = None, out: str | Path | None = None) -> None:
        self.task, self.recipe = registry.task_spec(task.removeprefix("ngym_core:")).id, recipe or Recipe()
        self.out = None if out is None else Path(out)
        self._log = _Rows()
        env = self.recipe.make_env(self.task)
        if self.out is not None and (self.out / "recipe.json").is_file():
            self._refuse_another(self.out / "recipe.json")
        elif self.out is not None:
            require_empty_folder(self.out)
        self.model: Any = make_agent(self.recipe, env)
        if self.out is not None:
            if (self.out / "model.zip").exists():
                self.model = load_model(self.out / "model.zip", self.recipe.algo, env)
            if (self.out / "progress.npz").exists():
                rows = load_trial_table(self.out / "progress.npz")
                self._log.rows = [{name: column[rows["steps"] <= self.steps] for name, column in rows.items()}]
            with atomic_write(self.out / "recipe.json") as aside:
                aside.write_text(json.dumps(self._identity(), indent=2))

    def _identity(self) -> dict[str, Any]:
        """What makes this run, as it is written down."""
        identity: dict[str, Any] = json.loads(json.dumps({"task": self.task, **asdict(self.recipe)}, default=str))
        return identity

    def _refuse_another(self, path: Path) -> None:
        try:
            there = json.loads(path.read_text())
            differ = {k for k in {**there, **self._identity()} if there.get(k) != self._identity().get(k)} - {"steps"}
        except (ValueError, TypeError, AttributeError) as error:
            raise FileExistsError(f"{path} is damaged ({error}); name a new folder.") from error
        if differ:
            changed = ", ".join(f"{k} {there.get(k)!r} (now {self._identity().get(k)!r})" for k in sorted(differ))
            raise FileExistsError(f"{path.parent} holds another run: {changed}. Name a new folder.")

    @property
    def steps(self) -> int:
        """Steps trained so far."""
        return int(self.model.num_timesteps)

    def train(self, advance: Callable[[int], Any] = lambda steps: None) -> None:
        """Train until the recipe's steps are reached.

        Args:
            advance: Called with the number of steps taken since the last call.
        """
        r = self.recipe
        rollout = r.rollout_steps * r.envs
        leg = max(1, round(LEG / rollout)) * rollout
        self.model.set_logger(Logger(None, [self._log]))
        while self.steps < r.steps:
            seed = int(np.random.SeedSequence((r.seed, self.steps)).generate_state(1)[0]) // 2
            self.model.set_random_seed(seed)
            self.model._last_obs = None
            self.model.learn(
                min(leg, r.steps - self.steps),
                callback=[TrialCallback(), _Progress(advance, r.steps)],
                reset_num_timesteps=False,
                log_interval=1 if r.algo in ("recurrent-ppo", "ppo") else 50,
            )
            self._save_model()

    def _save_model(self) -> None:
        if self.out is None:
            return
        if self._log.rows:
            self._log.rows = [concatenate_tables(self._log.rows)]
            save_trial_table(self.out / "progress", self._log.rows[0])
        with atomic_write(self.out / "model.zip") as aside:
            self.model.save(aside)

    def test(self, num_trials: int = 2000) -> Report:
        """Test the agent on trials that it has not seen; the same seed gives the same trials."""
        env = self.recipe.make_env(self.task, 64)
        return Report(evaluate_policy(self.model, env, num_trials, seed=TEST_SEED + self.recipe.seed))

    def save(self, report: Report) -> list[Path]:
        """Save the agent and a table of test trials, and draw it if a package that draws is installed.

        Each file is written completely or not at all.

        Returns:
            The files of the folder.

        Raises:
            ValueError: The run has no folder.
        """
        if self.out is None:
            raise ValueError("This run has no folder; give it one with out=.")
        self._save_model()
        save_trial_table(self.out / "trials", report.table)
        if registry.pack_manager().can_draw_figures:
            with atomic_write(self.out / "behaviour.png") as aside:
                self._draw(aside)
        return sorted(self.out.iterdir())

    def _draw(self, fname: Path) -> None:
        """Let the plot package draw a dozen test trials."""
        r = self.recipe
        lives = 1 if r.carry == "trial" else r.trials_per_episode
        kwargs: Mapping[str, Any] = {**r.task_kwargs, "num_trials_before_reset": lives}
        env = ngym.make(self.task, wrappers=r.wrappers, **kwargs)
        run = ngym.run_env(env, num_trials=12, model=self.model, seed=TEST_SEED + r.seed)
        registry.pack_manager().draw_figure(run, env, fname)

"""Training of an agent on a task, which can be interrupted and continued, and its evaluation on test trials."""

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
from ngym_core.files import atomic_write, require_free_folder
from ngym_core.plugins import registry
from ngym_core.trial_table import MEASURED_COLUMNS, TrialTable, concatenate_tables, load_trial_table, save_trial_table
from ngym_sb3.callbacks import TrialCallback
from ngym_sb3.config import TrainingConfig, load_model, make_model
from ngym_sb3.evaluation import evaluate_policy

__all__ = ["EvaluationReport", "Trainer"]

Array: TypeAlias = NDArray[Any]

TEST_SEED_OFFSET = 1_000_000
"""Added to the seed of the config for the seed of test trials, so that they differ from those of training."""
TEST_LANES = 64
"""Number of lanes that play test trials."""
STEPS_BETWEEN_SAVES = 32_768
"""Time steps (over all lanes) between two saves, rounded to whole rollouts."""
MAX_LEVELS = 12
"""Conditions with more different values than this are not listed by `EvaluationReport.by_condition`."""


@dataclass(frozen=True)
class EvaluationReport:
    """Summary of an agent's test trials.

    Attributes:
        table: One row per trial, column -> (n,) array, see `evaluate_policy`.

    Example:
        >>> from ngym_sb3 import Trainer, TrainingConfig
        >>> report = Trainer("GoNogo-v0", TrainingConfig(envs=4, units=8)).evaluate(num_trials=20)
        >>> report.summary().endswith("of 20 trials")
        True
        >>> report.by_condition().splitlines()[0].split()[:4]
        ['condition', 'value', 'trials', 'performance']
    """

    table: TrialTable

    @property
    def performance(self) -> float:
        """Mean performance."""
        return float(np.mean(self.table["performance"]))

    def summary(self) -> str:
        """Return performance, reward and share of trials with a response, in one line."""
        responded = np.mean(self.table["choice"].reshape(len(self.table["performance"]), -1).any(axis=1))
        return (
            f"performance {self.performance:.3f}, reward {np.mean(self.table['reward']):.3f} per trial, "
            f"a response in {responded:.0%} of {len(self.table['performance'])} trials"
        )

    def by_condition(self) -> str:
        """Return trials, performance, reward and reaction time (ms) at each value of each condition, as text."""
        lines = [f"{'condition':18} {'value':>10} {'trials':>7} {'performance':>12} {'reward':>8} {'reaction time':>14}"]
        for name, values in self.table.items():
            if name in MEASURED_COLUMNS or values.ndim != 1 or len(levels := np.unique(values.astype(str))) > MAX_LEVELS:
                continue
            for level in sorted(levels, key=_numeric_order):
                lines.append(f"{name:18} {level:>10} " + self._row(values.astype(str) == level))
        return "\n".join([*lines, f"{'all':18} {'':>10} " + self._row(np.ones(len(self.table["performance"]), bool))])

    def _row(self, selected: Array) -> str:
        """Return the row of some trials, (n,) bool."""
        performance, reward = (np.mean(self.table[name][selected]) for name in ("performance", "reward"))
        times = self.table["reaction_time"][selected]
        reaction = f"{np.nanmean(times):.0f} ms" if (~np.isnan(times)).any() else "-"
        return f"{selected.sum():>7} {performance:>12.3f} {reward:>8.3f} {reaction:>14}"


def _numeric_order(text: str) -> tuple[float, str]:
    """Sort key that puts numbers in their order, and other text after them."""
    try:
        return float(text), text
    except ValueError:
        return float("inf"), text


class _TableWriter(KVWriter):
    """Output of Stable-Baselines3's logger that keeps its lines as rows of a table."""

    def __init__(self) -> None:
        self.rows: list[TrialTable] = []

    def write(self, key_values: dict[str, Any], key_excluded: dict[str, Any], step: int = 0) -> None:
        """Add a row, without wall-clock times, which differ from run to run."""
        values = {k: v for k, v in key_values.items() if not k.startswith("time/")}
        self.rows.append({"steps": np.array([step]), **{k: np.array([v]) for k, v in values.items()}})

    def close(self) -> None:
        """Do nothing: no file is open."""


class _ProgressCallback(BaseCallback):
    """Reports steps as they are taken, and lets schedules span all of training.

    Args:
        on_progress: Called with the number of steps taken since the last call.
        total_steps: Steps of all of training.
    """

    def __init__(self, on_progress: Callable[[int], Any], total_steps: int) -> None:
        super().__init__()
        self._on_progress, self._total_steps = on_progress, total_steps

    def _on_training_start(self) -> None:
        # `learn` takes the next save for the end of training: schedules, such as DQN's exploration, would end there.
        self.model._total_timesteps = self._total_steps

    def _on_step(self) -> bool:
        self._on_progress(self.training_env.num_envs)
        return True


class Trainer:
    """Trains one agent on one task, saves it as it goes, and continues where it was stopped.

    Training is cut into parts of about `STEPS_BETWEEN_SAVES` steps. Each part begins with new episodes and a seed of its
    own, and ends with a save if there is a folder. So training that was stopped continues after the last save, and ends
    with the same agent as if it had not been stopped (except for ``dqn``, whose replay buffer is not saved).

    Args:
        task: Task id.
        config: Settings of the agent and its training.
        out: Folder for the agent, its settings (``config.json``), tables, and losses that the next row of the table gets
            (``unlogged.json``): a new or empty one, or that of earlier
            training with the same task and settings (except for `steps`, which may grow), which continues.

    Attributes:
        task: The task's full id.
        config: Settings of the agent and its training.
        out: The folder, or None.
        model: The agent, an algorithm of Stable-Baselines3.

    Raises:
        UnknownTaskError: There is no such task.
        FileExistsError: The folder holds something else, or training with other settings.
        ValueError: The model in the folder is damaged.

    Example:
        >>> from ngym_sb3 import Trainer, TrainingConfig
        >>> trainer = Trainer("GoNogo-v0", TrainingConfig(steps=64, envs=4, rollout=16, units=8))
        >>> trainer.train()
        >>> trainer.steps
        64
        >>> report = trainer.evaluate(num_trials=20)
        >>> 0 <= report.performance <= 1
        True
    """

    def __init__(self, task: str, config: TrainingConfig | None = None, out: str | Path | None = None) -> None:
        self.task, self.config = registry.task_spec(task.removeprefix("ngym_core:")).id, config or TrainingConfig()
        self.out = None if out is None else Path(out)
        self._log = _TableWriter()
        # Steps of the last two saves -> what was measured (losses) but is logged with the next row only.
        self._unlogged: dict[str, dict[str, float]] = {}
        env = self.config.make_env(self.task)
        # The folder is checked before anything is written to it.
        if self.out is not None and (self.out / "config.json").is_file():
            self._check_same_settings(self.out / "config.json")
        elif self.out is not None:
            require_free_folder(self.out)
        self.model: Any = make_model(self.config, env)
        if self.out is not None:
            if (self.out / "model.zip").exists():
                self.model = load_model(self.out / "model.zip", self.config.algo, env)
            if (self.out / "progress.npz").exists():
                rows = load_trial_table(self.out / "progress.npz")
                # The table is saved before the model: if only the table was, its last rows will be logged once more.
                self._log.rows = [{name: column[rows["steps"] <= self.steps] for name, column in rows.items()}]
            if (self.out / "unlogged.json").exists():
                self._unlogged = json.loads((self.out / "unlogged.json").read_text())
            with atomic_write(self.out / "config.json") as temporary:
                temporary.write_text(json.dumps(self._settings(), indent=2))

    def _settings(self) -> dict[str, Any]:
        """Return task and config as they are read back from JSON."""
        settings: dict[str, Any] = json.loads(json.dumps({"task": self.task, **asdict(self.config)}, default=str))
        return settings

    def _check_same_settings(self, path: Path) -> None:
        """Raise if a settings file differs from this training in more than the number of steps."""
        settings = self._settings()
        try:
            saved = json.loads(path.read_text())
            differing = {k for k in {**saved, **settings} if saved.get(k) != settings.get(k)} - {"steps"}
        except (ValueError, TypeError, AttributeError) as error:
            raise FileExistsError(f"{path} is damaged ({error}); name a new folder.") from error
        if differing:
            changes = ", ".join(f"{k} {saved.get(k)!r} (now {settings.get(k)!r})" for k in sorted(differing))
            raise FileExistsError(f"{path.parent} holds training with other settings: {changes}. Name a new folder.")

    @property
    def steps(self) -> int:
        """Time steps trained so far, over all lanes."""
        return int(self.model.num_timesteps)

    def train(self, on_progress: Callable[[int], Any] = lambda steps: None) -> None:
        """Train until the steps of the config are reached.

        Args:
            on_progress: Called with the number of steps taken since the last call.
        """
        config = self.config
        rollout_steps = config.rollout_steps * config.envs  # over all lanes
        part_steps = max(1, round(STEPS_BETWEEN_SAVES / rollout_steps)) * rollout_steps
        self.model.set_logger(Logger(None, [self._log]))
        for name, value in self._unlogged.get(str(self.steps), {}).items():
            self.model.logger.record(name, value)
        while self.steps < config.steps:
            begin = str(self.steps)
            # The seed depends on the steps taken, so that a part is the same whether or not training was stopped before.
            seed = int(np.random.SeedSequence((config.seed, self.steps)).generate_state(1)[0]) // 2
            self.model.set_random_seed(seed)
            self.model._last_obs = None  # makes `learn` reset the env, which then uses the seed
            self.model.learn(
                min(part_steps, config.steps - self.steps),
                callback=[TrialCallback(), _ProgressCallback(on_progress, config.steps)],
                reset_num_timesteps=False,
                log_interval=1 if config.algo in ("recurrent-ppo", "ppo") else 50,  # the others update more often
            )
            measured = {k: float(v) for k, v in self.model.logger.name_to_value.items() if not k.startswith("time/")}
            self._unlogged = {begin: self._unlogged.get(begin, {}), str(self.steps): measured}
            self._save_model()

    def _save_model(self) -> None:
        """Save progress table and agent, if there is a folder."""
        if self.out is None:
            return
        # Before the model: after a kill in between, the entry of the model that is there still is among the two.
        with atomic_write(self.out / "unlogged.json") as temporary:
            temporary.write_text(json.dumps(self._unlogged))
        if self._log.rows:
            self._log.rows = [concatenate_tables(self._log.rows)]
            save_trial_table(self.out / "progress", self._log.rows[0])
        with atomic_write(self.out / "model.zip") as temporary:
            self.model.save(temporary)

    def evaluate(self, num_trials: int = 2000) -> EvaluationReport:
        """Evaluate the agent on trials that it was not trained on; the same config gives the same trials.

        Args:
            num_trials: Number of trials.
        """
        env = self.config.make_env(self.task, TEST_LANES)
        seed = TEST_SEED_OFFSET + self.config.seed
        return EvaluationReport(evaluate_policy(self.model, env, num_trials, seed=seed))

    def save(self, report: EvaluationReport) -> list[Path]:
        """Save the agent and a table of test trials, and a figure if a package that draws (ngym-plot) is installed.

        Each file is written completely or not at all.

        Args:
            report: The test trials.

        Returns:
            The files of the folder.

        Raises:
            ValueError: There is no folder to save to.
        """
        if self.out is None:
            raise ValueError("There is no folder to save to; make the Trainer with out=FOLDER.")
        self._save_model()
        save_trial_table(self.out / "trials", report.table)
        if registry.pack_manager().can_draw_figures:
            with atomic_write(self.out / "behaviour.png") as temporary:
                self._draw_figure(temporary)
        return sorted(self.out.iterdir())

    def _draw_figure(self, path: Path) -> None:
        """Let the package that draws make a figure of a dozen test trials."""
        config = self.config
        # A single env restarts the agent's state where an episode ends, so with carry="trial" every trial is one.
        trials_per_episode = 1 if config.carry == "trial" else config.trials_per_episode
        kwargs: Mapping[str, Any] = {**config.task_kwargs, "num_trials_before_reset": trials_per_episode}
        env = ngym.make(self.task, wrappers=config.wrappers, **kwargs)
        rollout = ngym.run_env(env, num_trials=12, model=self.model, seed=TEST_SEED_OFFSET + config.seed)
        registry.pack_manager().draw_figure(rollout, env, path)

"""Training of an agent on a task, which can be interrupted and continued, and its evaluation on test trials."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.logger import KVWriter, Logger

import ngym_core as ngym
from ngym_core.arguments import Callback, Count, FilePath, InstanceOf, TaskId, checked, explained, shown
from ngym_core.curriculum import as_curriculum
from ngym_core.files import CLAIM, atomic_write, claim_folder
from ngym_core.plugins import registry
from ngym_core.state import State, load_state, open_state, save_state, seal_state
from ngym_core.trial_table import MEASURED_COLUMNS, TrialTable, concatenate_tables, no_response, save_trial_table
from ngym_sb3.callbacks import TrialCallback
from ngym_sb3.config import MODEL, SETTINGS, TrainingConfig, make_model
from ngym_sb3.evaluation import evaluate_policy
from ngym_sb3.model_state import get_model_state, set_model_state

__all__ = ["EvaluationReport", "Trainer", "claim_training_folder"]

Array: TypeAlias = NDArray[Any]
Config: TypeAlias = Annotated[TrainingConfig, InstanceOf(TrainingConfig, "a TrainingConfig")]
"""Settings of an agent and its training."""

TEST_SEED_OFFSET = 1_000_000
"""Added to the seed of the config for the seed of test trials, so that they differ from those of training."""
TEST_LANES = 64
"""Number of lanes that play test trials."""
STEPS_BETWEEN_SAVES = 32_768
"""Time steps (over all lanes) from one save to the next, which is the first that is possible then."""
CHECKPOINT = "checkpoint.npz"
"""File of a training folder, beside those of `ngym_sb3.config`."""
MAX_LEVELS = 12
"""Conditions with more different values than this are not listed by `EvaluationReport.by_condition`, except for `task`."""


@explained
def claim_training_folder(folder: Path | None) -> AbstractContextManager[None]:
    """Keep other processes from a folder of training while this one trains, see `ngym_core.files.claim_folder`.

    Args:
        folder: A new or empty folder, or one of earlier training; None claims none.

    Raises:
        FileExistsError: Another process has claimed it, or it holds something else.

    Example:
        >>> from ngym_sb3 import Trainer
        >>> with claim_training_folder(Path("run")):
        ...     trainer = Trainer("GoNogo-v0", out="run")
    """
    return nullcontext() if folder is None else claim_folder(folder, mark=SETTINGS)


@dataclass(frozen=True)
class EvaluationReport:
    """Summary of an agent's test trials.

    Attributes:
        table: One row per trial, column -> (n,) array, see `evaluate_policy`.
        no_response: The action that counts as no response; None if every action is a response.

    Example:
        >>> from ngym_sb3 import Trainer, TrainingConfig
        >>> report = Trainer("GoNogo-v0", TrainingConfig(envs=4, units=8)).evaluate(num_trials=20)
        >>> report.summary().endswith("of 20 trials")
        True
        >>> report.by_condition().splitlines()[0].split()[:4]
        ['condition', 'value', 'trials', 'performance']
    """

    table: TrialTable
    no_response: int | None = 0

    @property
    def performance(self) -> float:
        """Mean performance."""
        return float(np.mean(self.table["performance"]))

    def summary(self) -> str:
        """Return performance, reward and, unless every action is one, the share of trials with a response, in one line."""
        n = len(self.table["performance"])
        responded = np.mean((self.table["choice"].reshape(n, -1) != self.no_response).any(axis=1))
        responses = "" if self.no_response is None else f"a response in {responded:.0%} of "
        reward = np.mean(self.table["reward"])
        return f"performance {self.performance:.3f}, reward {reward:.3f} per trial, {responses}{n} trials"

    def by_condition(self) -> str:
        """Return trials, performance, reward and reaction time (ms) at each value of each condition, as text.

        Trials in which a condition is missing have no row, and conditions with more than 12 values none but `task`.
        A task in which an answer can be given in one step only measures no reaction time.
        """
        rows: list[tuple[str, str, Array]] = []
        for name, values in self.table.items():
            if name in MEASURED_COLUMNS or values.ndim != 1:
                continue
            texts = np.array([_level(value) for value in values.tolist()])
            levels = sorted(set(texts.tolist()) - {""}, key=_numeric_order)
            if name == "task" or len(levels) <= MAX_LEVELS:
                rows += [(name, level, texts == level) for level in levels]
        rows.append(("all", "", np.ones(len(self.table["performance"]), bool)))
        first, second = (max(len(row[k]) for row in [*rows, ("-" * 18, "-" * 10, "")]) for k in (0, 1))
        heading = f"{'condition':{first}} {'value':>{second}}"
        lines = [f"{heading} {'trials':>7} {'performance':>12} {'reward':>8} {'reaction time':>14}"]
        lines += [f"{name:{first}} {level:>{second}} {self._row(chosen)}" for name, level, chosen in rows]
        return "\n".join(lines)

    def _row(self, selected: Array) -> str:
        """Return the row of some trials, (n,) bool."""
        performance, reward = (np.mean(self.table[name][selected]) for name in ("performance", "reward"))
        times = self.table["reaction_time"]
        # Where all are 0 an answer can be given in one step only: the task measures no reaction time.
        measured = bool((times > 0).any()) and not np.isnan(times[selected]).all()
        reaction = f"{np.nanmean(times[selected]):.0f} ms" if measured else "-"
        return f"{selected.sum():>7} {performance:>12.3f} {reward:>8.3f} {reaction:>14}"


def _level(value: Any) -> str:
    """Return a value of a condition as text, "" where it is missing."""
    if value is None or (isinstance(value, float) and np.isnan(value)):
        return ""
    return f"{value:g}" if isinstance(value, float) else str(value)


def _numeric_order(text: str) -> tuple[float, str]:
    """Sort key that puts numbers in their order, and other text after them."""
    try:
        return float(text), text
    except ValueError:
        return float("inf"), text


Report: TypeAlias = Annotated[EvaluationReport, InstanceOf(EvaluationReport, "an EvaluationReport")]
"""Summary of an agent's test trials."""


def _named(value: Any) -> Any:
    """Return what JSON cannot hold as text, or as a list, that is the same in the next process: no address in memory."""
    if isinstance(value, (np.ndarray, np.generic)):
        return value.tolist()
    if isinstance(value, (set, frozenset)):
        return sorted(value, key=str)
    if hasattr(value, "__qualname__"):  # a function, a method or a class
        return f"{value.__module__}.{value.__qualname__}"
    if isinstance(value, functools.partial):
        return {"function": value.func, "args": list(value.args), "kwargs": value.keywords}
    return re.sub(r" at 0x[0-9a-fA-F]+", "", str(value))


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


class _SaveCallback(BaseCallback):
    """Writes lines of the logger and saves, at rollouts that the steps taken decide: training that resumes does the same.

    Args:
        trials: The callback that logs trials, which comes before this one.
        state: State of that callback from which training goes on, or None.
        save: Called between two rollouts, where all that is to come follows from the model's state.
        rollout_steps: Time steps of a rollout, over all lanes.
        log_interval: Rollouts from one line of the logger to the next.
        on_progress: Called with the number of steps taken since the last call.
    """

    def __init__(
        self,
        trials: TrialCallback,
        state: Mapping[str, Any] | None,
        save: Callable[[TrialCallback], None],
        rollout_steps: int,
        log_interval: int,
        on_progress: Callable[[int], Any],
    ) -> None:
        super().__init__()
        self._trials, self._state, self._save, self._on_progress = trials, state, save, on_progress
        self._rollout_steps, self._log_interval = rollout_steps, log_interval
        self._saved_steps: int | None = None

    def _on_training_start(self) -> None:
        if self._state is not None:
            self._trials.set_state(self._state)
            self._saved_steps = self.model.num_timesteps

    def _on_rollout_start(self) -> None:
        steps = self.model.num_timesteps
        if self._saved_steps is None or steps - self._saved_steps >= STEPS_BETWEEN_SAVES:
            self._save(self._trials)
            self._saved_steps = steps

    def _on_step(self) -> bool:
        self._on_progress(self.training_env.num_envs)
        return True

    def _on_rollout_end(self) -> None:
        # Not left to `learn`, which counts rollouts from its own beginning.
        if self.model.num_timesteps // self._rollout_steps % self._log_interval == 0:
            self.model.dump_logs()

    def _on_training_end(self) -> None:
        self._save(self._trials)


class Trainer:
    """Trains one agent on one task, saves it as it goes, and continues where it was stopped.

    At every save, about `STEPS_BETWEEN_SAVES` steps apart, the folder gets a checkpoint: all that decides how training goes
    on, in one file that is replaced at once. So training that was stopped, even by a kill, ends with the same agent and the
    same table as if it had not been (on the same machine with the same number of threads: else sums are rounded otherwise),
    and where saves are changes nothing. With more steps than before it goes on as training with these steps would have,
    except for the exploration of ``dqn``, which decreases over all steps.

    Args:
        task: Task id.
        config: Settings of the agent and its training.
        out: Folder for the settings (``config.json``), the checkpoint (``checkpoint.npz``; for ``dqn`` it holds the replay
            buffer of 50,000 steps too), the table of training (``progress.csv`` and ``.npz``) and the agent (``model.zip``):
            a new or empty one, or that of earlier training with the same task and settings (except for `steps`, which may
            grow), which continues. No other process can use it while this one trains or saves.

    Attributes:
        task: The task's full id.
        config: Settings of the agent and its training.
        out: The folder, or None.
        model: The agent, an algorithm of Stable-Baselines3.

    Raises:
        UnknownTaskError: There is no such task.
        FileExistsError: The folder holds something else, or training with other settings or of more steps, or another
            process uses it.
        StateError: The checkpoint is damaged.

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

    @checked
    def __init__(self, task: TaskId, config: Config | None = None, out: FilePath | None = None) -> None:
        self.task, self.config = registry.full_name(task), config or TrainingConfig()
        self.out = None if out is None else Path(out)
        self._log = _TableWriter()
        self._checkpoint: State | None = None
        env = self.config.make_env(self.task)
        with claim_training_folder(self.out):
            if self.out is not None and (self.out / SETTINGS).exists():
                self._check_same_settings(self.out)
            self.model: Any = make_model(self.config, env)
            self._restore()
            if self.out is not None:
                self._refuse_fewer_steps(self.out)
                with atomic_write(self.out / SETTINGS) as temporary:
                    temporary.write_text(json.dumps(self._settings(), indent=2))

    def _settings(self) -> dict[str, Any]:
        """Return task and config as they are read back from JSON."""
        settings: dict[str, Any] = json.loads(json.dumps({"task": self.task, **asdict(self.config)}, default=_named))
        return settings

    def _described(self) -> dict[str, Any]:
        """Return what a checkpoint must agree in with this training."""
        return {"settings": {name: value for name, value in self._settings().items() if name != "steps"}}

    def _check_same_settings(self, folder: Path) -> None:
        """Raise if the settings in a folder differ from this training's in more than the number of steps."""
        settings = self._settings()
        try:
            saved = json.loads((folder / SETTINGS).read_text())
            differing = {k for k in {**saved, **settings} if saved.get(k) != settings.get(k)} - {"steps"}
        except (ValueError, TypeError, AttributeError) as error:
            raise FileExistsError(f"{folder / SETTINGS} is damaged ({error}); name a new folder.") from error
        if differing:
            changes = ", ".join(f"{k} {shown(saved.get(k))} (now {shown(settings.get(k))})" for k in sorted(differing))
            raise FileExistsError(f"{folder} holds training with other settings: {changes}. Name a new folder.")
        if (folder / MODEL).exists() and not (folder / CHECKPOINT).exists():
            raise FileExistsError(f"{folder} holds an agent, but no {CHECKPOINT} to go on from; name a new folder.")

    def _refuse_fewer_steps(self, folder: Path) -> None:
        """Raise if more steps were asked for and made before than are asked for now: the settings would not be those."""
        if not (folder / SETTINGS).exists():
            return
        done = min(self.steps, json.loads((folder / SETTINGS).read_text())["steps"])  # rollouts are whole: more were made
        if self.config.steps < done:
            raise FileExistsError(
                f"{folder} holds training of {done:,} steps, more than the {self.config.steps:,} asked for. Ask for "
                f"{done:,} or more, or name a new folder."
            )

    @property
    def performance(self) -> float | None:
        """Mean performance of the trials of training in the last line of its table; None before the first."""
        column = self._log.rows[-1].get("trial/performance") if self._log.rows else None
        return None if column is None or np.isnan(column[-1]) else float(column[-1])

    @property
    def steps(self) -> int:
        """Time steps trained so far, over all lanes."""
        return int(self.model.num_timesteps)

    @property
    def stage(self) -> int | None:
        """Index of the stage of the curriculum; None without one, or where each lane has its own."""
        curriculum = self.config.curriculum
        pooled = curriculum is not None and as_curriculum(curriculum).pooled
        return int(self.model.get_env().get_attr("stage")[0]) if pooled else None

    @checked
    def train(self, on_progress: Callback = lambda steps: None) -> None:
        """Train until the steps of the config are reached. After an interruption this goes on from the last checkpoint.

        Args:
            on_progress: Called with the number of steps taken since the last call.

        Raises:
            FileExistsError: Another process uses the folder.
        """
        config = self.config
        with claim_training_folder(self.out):
            self._restore()
            if self._checkpoint is None:
                # Not the seed itself: lane i has the seed + i, so that nearby seeds would share most of their lanes.
                self.model.set_random_seed(int(np.random.SeedSequence((config.seed, 0)).generate_state(1)[0]) // 2)
            if self.steps < config.steps:
                trials = TrialCallback()
                state = None if self._checkpoint is None else self._checkpoint["content"]["trials"]
                log_interval = 1 if config.algo in ("recurrent-ppo", "ppo") else 50  # the others update more often
                rollout_steps = config.rollout_steps * config.envs
                saves = _SaveCallback(trials, state, self._save_checkpoint, rollout_steps, log_interval, on_progress)
                # `log_interval` None leaves the logger's lines to the callback.
                self.model.learn(config.steps - self.steps, [trials, saves], None, reset_num_timesteps=False)
            else:  # a kill may have come between the last checkpoint and these
                self._save_model()

    def _restore(self) -> None:
        """Go on from the checkpoint in the folder, or from the last one if there is no folder."""
        if self.out is not None and (self.out / CHECKPOINT).exists():
            self._checkpoint = load_state(self.out / CHECKPOINT)
        self.model.set_logger(Logger(None, [self._log]))
        if self._checkpoint is not None:
            content = open_state("training", self._described(), self._checkpoint)
            self._log.rows = [dict(content["table"])] if content["table"] else []
            set_model_state(self.model, content["model"])

    def _save_checkpoint(self, trials: TrialCallback) -> None:
        """Take a checkpoint between two rollouts; if there is a folder, write it, then table and agent."""
        table = concatenate_tables(self._log.rows) if self._log.rows else {}
        self._log.rows = [table] if table else []
        content = {"model": get_model_state(self.model), "trials": trials.get_state(), "table": table}
        self._checkpoint = seal_state("training", self._described(), content)
        if self.out is not None:
            save_state(self.out / CHECKPOINT, self._checkpoint)
            self._save_model()

    def _save_model(self) -> None:
        """Save agent and table of training, if there is a folder. They are for users: nothing goes on from them."""
        if self.out is None:
            return
        if self._log.rows:
            save_trial_table(self.out / "progress", concatenate_tables(self._log.rows))
        with atomic_write(self.out / MODEL) as temporary:
            self.model.save(temporary)

    @checked
    def evaluate(self, num_trials: Count = 2000) -> EvaluationReport:
        """Evaluate the agent on trials that it was not trained on; the same config gives the same trials.

        They are trials of the task itself, without the curriculum.

        Args:
            num_trials: Number of trials.
        """
        env = self.config.make_env(self.task, TEST_LANES, training=False)
        seed = TEST_SEED_OFFSET + self.config.seed
        return EvaluationReport(evaluate_policy(self.model, env, num_trials, seed=seed), no_response(env.action_space))

    @checked
    def save(self, report: Report) -> list[Path]:
        """Save the agent and a table of test trials, and figures if packages that draw (ngym-plot, others) are installed.

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
        with claim_training_folder(self.out):
            self._save_model()
            save_trial_table(self.out / "trials", report.table)
            env, packs = self._test_env(), registry.pack_manager()
            if packs.can_draw_figures:
                with atomic_write(self.out / "behaviour.png") as temporary:
                    seed, conditions = TEST_SEED_OFFSET + self.config.seed, self.config.conditions
                    rollout = ngym.run_env(env, num_trials=12, model=self.model, seed=seed, conditions=conditions)
                    packs.draw_figure(rollout, env, temporary)
            packs.draw_figures(report.table, env, self.out)
            return sorted(path for path in self.out.iterdir() if path.name != CLAIM)

    def _test_env(self) -> Any:
        """Return a single env for figures of test trials."""
        config = self.config
        # A single env restarts the agent's state where an episode ends, so with carry="trial" every trial is one.
        trials_per_episode = 1 if config.carry == "trial" else config.trials_per_episode
        kwargs: Mapping[str, Any] = {**config.task_kwargs, "num_trials_before_reset": trials_per_episode}
        return ngym.make(self.task, wrappers=config.wrappers, **kwargs)

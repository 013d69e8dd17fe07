"""Monitor: records every trial that is played and saves the records as trial tables."""

from __future__ import annotations

import json
import time
import tomllib
import warnings
from collections.abc import Mapping
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np

from ngym_core.errors import unknown_name
from ngym_core.files import require_empty_folder
from ngym_core.plugins.registry import pack_manager
from ngym_core.trial_table import TrialRecorder, TrialTable, save_trial_table
from ngym_core.wrappers.base import StepBatch, TrialWrapper

DEFAULTS: dict[str, Any] = {
    "name": None,
    "trigger": "trial",
    "interval": 1000,
    "verbose": True,
    "plot_create": False,
    "plot_steps": 1000,
    "ext": "png",
    "save_dir": None,
}


class Monitor(TrialWrapper):
    """Record every trial that is played as one row of a table, and save the table at intervals.

    The columns are those of `ngym_core.trial_table.MEASURED_COLUMNS` and the conditions of the trials. Each save writes the
    trials since the last save as `trials-<number of the first>.csv` and `.npz`, each file completely or not at all; `close`
    (or leaving a ``with`` block) saves the rest. `load_trial_table` loads them all. All lanes of a vector env are recorded.

    Args:
        env: The task, with wrappers.
        config: A TOML file or a mapping with any of the arguments below. Arguments given directly take precedence.
        name: Name of the run, by default the name of the task.
        trigger: ``trial``: save every `interval` trials; ``step``: save at the first end of a trial after `interval` steps.
        interval: Number of trials or steps, see `trigger`.
        verbose: Print a line at each save.
        plot_create: Save a figure of the steps that follow each save (of the first lane); needs ngym-plot.
        plot_steps: Number of steps in a figure.
        ext: File format of the figures.
        save_dir: Folder for the files; by default ``monitor/<name>/<time>``. It must be empty or not exist.

    Attributes:
        save_dir: The folder.

    Raises:
        UnknownNameError: A name in `config` that is not an argument.
        ValueError: An unknown trigger, or a number below 1.
        FileExistsError: The folder is not empty.
        ImportError: `plot_create` without an installed package that draws figures.

    Example:
        >>> import ngym_core as ngym
        >>> env = ngym.make("PerceptualDecisionMaking-v0", wrappers=[("Monitor", {"save_dir": "run", "verbose": False})])
        >>> _ = env.reset(seed=0)
        >>> with env:
        ...     for _ in range(100):
        ...         _ = env.step(env.unwrapped.gt_now)
        >>> ngym.load_trial_table("run")["performance"]
        array([1., 1., 1., 1.])
    """

    metadata = {"description": "Records every trial that is played.", "paper_link": None}

    def __init__(
        self,
        env: gymnasium.Env[Any, Any],
        config: str | Path | Mapping[str, Any] | None = None,
        name: str | None = None,
        trigger: str = "trial",
        interval: int = 1000,
        verbose: bool = True,
        plot_create: bool = False,
        plot_steps: int = 1000,
        ext: str = "png",
        save_dir: str | Path | None = None,
    ) -> None:
        super().__init__(env)
        given = dict(zip(DEFAULTS, (name, trigger, interval, verbose, plot_create, plot_steps, ext, save_dir), strict=True))
        self.config = _configured(config, given)
        self.name: str = self.config["name"] or type(self.task).__name__
        folder = self.config["save_dir"]
        if self.config["plot_create"] and not pack_manager().can_draw_figures:
            raise ImportError("plot_create=True needs a package that draws figures: pip install ngym-plot.")
        self.save_dir = _new_folder(Path("monitor") / self.name) if folder is None else Path(folder).expanduser()
        require_empty_folder(self.save_dir)
        self.save_dir.mkdir(parents=True, exist_ok=True)
        with (self.save_dir / "monitor.json").open("x") as file:  # from now on other runs refuse this folder
            json.dump({"task": str(self.task), **self.config}, file, indent=2, default=str)
        self._recorder: TrialRecorder | None = None
        self._lanes = self._steps = 0
        self._run: list[dict[str, Any]] | None = [] if self.config["plot_create"] else None
        self._last_ob: Any = None

    def init_memory(self, n: int) -> TrialRecorder:
        """Return the recorder of the trials that are not saved yet. It is kept when lanes are seeded again."""
        if self._recorder is None or self._lanes != n:
            self._recorder, self._lanes = TrialRecorder(n, self.task.dt), n
        return self._recorder

    def on_step(self, memory: TrialRecorder, batch: StepBatch) -> None:
        """Record the step, and save if it is time."""
        memory.add(batch)
        if self._run is not None:
            self._record_step(batch)
        if not batch.is_reset:
            self._steps += len(batch.lanes)
        if batch.ended.any():
            passed = self._steps if self.config["trigger"] == "step" else memory.num_pending
            if passed >= self.config["interval"]:
                self._save_or_warn()

    def _save_or_warn(self) -> None:
        try:
            self.save()
        except OSError as error:
            warnings.warn(f"{self.name}: the trials are kept for the next save; this one failed: {error}", stacklevel=2)

    def save(self) -> list[Path]:
        """Save the trials since the last save. If that fails, they are kept for the next save.

        Returns:
            The files that were written; none if there is no new trial.

        Raises:
            OSError: The files cannot be written. During steps this is only a warning.
        """
        recorder = self._recorder
        self._steps = 0
        if recorder is None or recorder.num_pending == 0:
            return []
        first = recorder.num_trials - recorder.num_pending
        table = recorder.pop()
        try:
            files = save_trial_table(self.save_dir / f"trials-{first:09d}", table)
        except OSError:
            recorder.restore(table)
            raise
        if self.config["verbose"]:
            self._print_summary(table)
        if self._run:
            files.append(self._draw(recorder.num_trials))
        return files

    def _print_summary(self, table: TrialTable) -> None:
        print(
            f"{self.name}: {len(table['trial'])} trials saved in {self.save_dir}, "
            f"performance {np.mean(table['performance']):.3f}, reward {np.mean(table['reward']):.3f} per trial"
        )

    def close(self) -> None:
        """Save the remaining trials and close the env."""
        self.save()
        super().close()

    # ---- figures ---------------------------------------------------------------------------------

    def _record_step(self, batch: StepBatch) -> None:
        """Record a step of the first lane for the next figure."""
        first = np.nonzero(batch.lanes == 0)[0]
        if not len(first) or self._run is None:
            return
        i = first[0]
        before, self._last_ob = self._last_ob, batch.ob[i].copy()
        if batch.action is None or batch.gt is None or len(self._run) >= self.config["plot_steps"]:
            return
        ended = bool(batch.ended[i])
        step = {"ob": self._last_ob, "actions": np.array(batch.action[i]), "gt": np.array(batch.gt[i])}
        step |= {"rewards": float(batch.reward[i]), "perf": float(batch.performance[i]) if ended else np.nan}
        self._run.append({**step, "trial_end": ended, "before": before})

    def _draw(self, trials: int) -> Path:
        assert self._run
        run: dict[str, Any] = {key: np.array([step[key] for step in self._run]) for key in self._run[0] if key != "before"}
        run["initial_ob"] = self._run[0]["before"]
        self._run.clear()
        return pack_manager().draw_figure(run, self, self.save_dir / f"task-{trials:09d}.{self.config['ext']}")


def _configured(config: Any, given: dict[str, Any]) -> dict[str, Any]:
    """Merge a configuration with the arguments that differ from the defaults, and check the result."""
    if isinstance(config, (str, Path)):
        with Path(config).open("rb") as file:
            config = tomllib.load(file)
    for key in config or {}:
        if key not in DEFAULTS:
            raise unknown_name("setting of Monitor", key, DEFAULTS)
    merged = {**DEFAULTS, **(config or {}), **{k: v for k, v in given.items() if v != DEFAULTS[k]}}
    if merged["trigger"] not in ("trial", "step"):
        raise ValueError(f"trigger={merged['trigger']!r} must be 'trial' or 'step'.")
    for key in ("interval", "plot_steps"):
        if isinstance(merged[key], bool) or not isinstance(merged[key], (int, np.integer)) or merged[key] < 1:
            raise ValueError(f"{key}={merged[key]!r} must be an integer from 1.")
    return merged


def _new_folder(parent: Path) -> Path:
    """Make a folder named after the time, with a number appended if another run has that name."""
    now = time.strftime("%Y%m%d-%H%M%S")
    parent.mkdir(parents=True, exist_ok=True)
    for i in count():
        folder = parent / (f"{now}-{i}" if i else now)
        with suppress(FileExistsError):
            folder.mkdir()
            break
    return folder

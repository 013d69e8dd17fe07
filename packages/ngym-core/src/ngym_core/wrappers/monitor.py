"""Monitor: write down every trial that is played."""

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

from ngym_core.errors import unknown
from ngym_core.files import require_empty_folder
from ngym_core.plugins import registry
from ngym_core.plugins.manager import Plugins
from ngym_core.trial_table import Recorder, Table, save_trials
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
    """Write down every trial that is played as one row of a table, and save the table now and then.

    The columns are those of `ngym_core.trial_table.MEASURES` and the conditions of the trials. Each save writes the trials
    since the last one, as `trials-<number of the first>.csv` and `.npz`, each file completely or not at all; `close`
    (or leaving a ``with``) saves the rest. `load_trials` reads them all. With several lanes, all are written down.

    Args:
        env: The task, with wrappers.
        config: A TOML file or a mapping with any of the arguments below; arguments that are given prevail.
        name: Name of the run, by default the task's.
        trigger: ``trial``: save every `interval` trials; ``step``: at the first end of a trial after `interval` steps.
        interval: See `trigger`.
        verbose: Print a line at each save.
        plot_create: Draw the steps that follow each save (of the first lane); needs ngym-plot.
        plot_steps: How many steps are drawn.
        ext: Format of the figures.
        save_dir: Folder for the files; by default ``monitor/<name>/<time>``. It must not exist or be empty.

    Attributes:
        save_dir: The folder.

    Raises:
        UnknownNameError: A name in `config` that is no argument.
        ValueError: Another trigger, or numbers below 1.
        FileExistsError: The folder holds something already.
        ImportError: Figures are wanted, and no installed package draws them.
    """

    metadata = {"description": "Writes down every trial that is played.", "paper_link": None}

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
        if self.config["plot_create"] and not _plugins().draws:
            raise ImportError("plot_create=True needs a package that draws figures: pip install ngym-plot.")
        self.save_dir = _new_folder(Path("monitor") / self.name) if folder is None else Path(folder).expanduser()
        require_empty_folder(self.save_dir)
        self.save_dir.mkdir(parents=True, exist_ok=True)
        with (self.save_dir / "monitor.json").open("x") as file:  # from now on the folder is taken
            json.dump({"task": str(self.task), **self.config}, file, indent=2, default=str)
        self._recorder: Recorder | None = None
        self._lanes = self._steps = 0
        self._run: list[dict[str, Any]] | None = [] if self.config["plot_create"] else None
        self._last_ob: Any = None

    def init_memory(self, n: int) -> Recorder:
        """The rows that are not saved yet; they stay when lanes are seeded again."""
        if self._recorder is None or self._lanes != n:
            self._recorder, self._lanes = Recorder(n, self.task.dt), n
        return self._recorder

    def on_step(self, memory: Recorder, batch: StepBatch) -> None:
        """Note the step, and save when it is time."""
        memory.add(batch)
        if self._run is not None:
            self._note_step(batch)
        if not batch.is_reset:
            self._steps += len(batch.lanes)
        if batch.ended.any():
            passed = self._steps if self.config["trigger"] == "step" else memory.waiting
            if passed >= self.config["interval"]:
                self._save_or_warn()

    def _save_or_warn(self) -> None:
        try:
            self.save()
        except OSError as error:
            warnings.warn(f"{self.name}: the trials are kept for the next save; this one failed: {error}", stacklevel=2)

    def save(self) -> list[Path]:
        """Save the trials since the last save. Where that fails, they are kept for the next one.

        Returns:
            The files that were written; none if there is no new trial.

        Raises:
            OSError: The files cannot be written. During steps this is a warning only.
        """
        recorder = self._recorder
        self._steps = 0
        if recorder is None or recorder.waiting == 0:
            return []
        first = recorder.trials - recorder.waiting
        table = recorder.take()
        try:
            files = save_trials(self.save_dir / f"trials-{first:09d}", table)
        except OSError:
            recorder.give_back(table)
            raise
        if self.config["verbose"]:
            self._say(table)
        if self._run:
            files.append(self._draw(recorder.trials))
        return files

    def _say(self, table: Table) -> None:
        print(
            f"{self.name}: {len(table['trial'])} trials saved in {self.save_dir}, "
            f"performance {np.mean(table['performance']):.3f}, reward {np.mean(table['reward']):.3f} per trial"
        )

    def close(self) -> None:
        """Save the rest and close the env."""
        self.save()
        super().close()

    # ---- figures ---------------------------------------------------------------------------------

    def _note_step(self, batch: StepBatch) -> None:
        """Keep a step of the first lane."""
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
        return _plugins().figure(run, self, self.save_dir / f"task-{trials:09d}.{self.config['ext']}")


def _configured(config: Any, given: dict[str, Any]) -> dict[str, Any]:
    """Join a configuration with the arguments that differ from the defaults, and check the result."""
    if isinstance(config, (str, Path)):
        with Path(config).open("rb") as file:
            config = tomllib.load(file)
    for key in config or {}:
        if key not in DEFAULTS:
            raise unknown("setting of Monitor", key, DEFAULTS)
    joined = {**DEFAULTS, **(config or {}), **{k: v for k, v in given.items() if v != DEFAULTS[k]}}
    if joined["trigger"] not in ("trial", "step"):
        raise ValueError(f"trigger={joined['trigger']!r} must be 'trial' or 'step'.")
    for key in ("interval", "plot_steps"):
        if isinstance(joined[key], bool) or not isinstance(joined[key], (int, np.integer)) or joined[key] < 1:
            raise ValueError(f"{key}={joined[key]!r} must be an integer from 1.")
    return joined


def _plugins() -> Plugins:
    assert registry.plugins is not None
    return registry.plugins


def _new_folder(parent: Path) -> Path:
    """Make a folder with the time as its name, which no other run has."""
    now = time.strftime("%Y%m%d-%H%M%S")
    parent.mkdir(parents=True, exist_ok=True)
    for i in count():
        folder = parent / (f"{now}-{i}" if i else now)
        with suppress(FileExistsError):
            folder.mkdir()
            break
    return folder

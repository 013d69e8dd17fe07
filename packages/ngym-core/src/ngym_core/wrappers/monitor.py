"""Monitor: records every trial that is played and saves the records as trial tables."""

from __future__ import annotations

import atexit
import json
import multiprocessing.util
import os
import signal
import sys
import threading
import time
import tomllib
import warnings
import weakref
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np

from ngym_core.arguments import FilePath, Flag, Keywords
from ngym_core.errors import unknown_name
from ngym_core.files import holds_something, remove_leftovers, require_free_folder, sync_folder
from ngym_core.plugins.registry import pack_manager
from ngym_core.trial_table import MEASURED_COLUMNS, TrialRecorder, TrialTable, concatenate_tables, save_trial_table
from ngym_core.wrappers.base import StepBatch, TrialWrapper

MARK = "monitor.json"
"""File with the settings in each folder of a Monitor. Who makes it has the folder."""
RETRY_SECONDS = 10.0
"""Time from a save that failed to the next attempt; it doubles with each further failure, `MAX_DOUBLINGS` times."""
MAX_DOUBLINGS = 6

DEFAULTS: dict[str, Any] = {
    "name": None,
    "trigger": "trial",
    "interval": 1000,
    "verbose": True,
    "plot_create": False,
    "plot_steps": 1000,
    "ext": "png",
    "save_dir": None,
    "interval_seconds": 60.0,
}


class Monitor(TrialWrapper):
    """Record every trial that is played as one row of a table, and save the table at intervals.

    The columns are those of `ngym_core.trial_table.MEASURED_COLUMNS` and the conditions of the trials. Each save writes the
    trials since the last save as `trials-<number of rows before>.csv` and `.npz`, each file completely or not at all.
    `load_trial_table` loads them all. All lanes of a vector env are recorded.

    What is recorded is saved when `close` is called or a ``with`` block ends, when the env is garbage, and when the program
    or a process of a vector env ends by itself, an exception, Ctrl-C or a signal to terminate; a kill loses at most the
    trials since the last save. If a save fails, as on a full disk, a warning says so once; the trials are kept and saved
    when the disk is back, which is tried after 10 s and then less and less often, at least every 11 minutes. What could
    not be saved when the program ends is printed.

    Nothing is written before the first trial has ended; then the env takes its folder, which no other env ever gets. Where
    `save_dir` is another's by then (of a worker of a vector env, the original of a copy, an earlier run), the folder is
    the first free one of ``<save_dir>-1``, ``<save_dir>-2`` and so on. States hold no recorded trials: to set one neither
    removes rows nor writes them again.

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
        save_dir: Folder for the files; by default ``monitor/<name>/<time>``. It must be empty, not exist, or be that
            of a Monitor.
        interval_seconds: Save also at the first end of a trial this long after the first trial that is not saved yet.

    Attributes:
        save_dir: The folder; before the first trial has ended, the one that was asked for.
        name: Name of the run.
        config: The settings.

    Raises:
        UnknownNameError: A name in `config` that is not an argument.
        ValueError: An unknown trigger, or a number below 1.
        FileExistsError: The folder has files that no Monitor wrote.
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
        config: FilePath | Keywords | None = None,
        name: str | None = None,
        trigger: str = "trial",
        interval: int = 1000,
        verbose: Flag = True,
        plot_create: Flag = False,
        plot_steps: int = 1000,
        ext: str = "png",
        save_dir: FilePath | None = None,
        *,
        interval_seconds: float = 60.0,
    ) -> None:
        super().__init__(env)
        values = (name, trigger, interval, verbose, plot_create, plot_steps, ext, save_dir, interval_seconds)
        settings = _configured(config, dict(zip(DEFAULTS, values, strict=True)))
        if settings["plot_create"] and not pack_manager().can_draw_figures:
            raise ImportError("plot_create=True needs a package that draws figures: pip install ngym-plot.")
        self._recording = _Recording(settings, settings["name"] or type(self.task).__name__, str(self.task))
        require_free_folder(self._recording.save_dir, MARK)
        self._parameters = {"columns": list(MEASURED_COLUMNS)}  # a state goes with any settings: none changes a step
        weakref.finalize(self, self._recording.save_or_warn).atexit = False  # at exit all that is unsaved is saved

    @property
    def config(self) -> dict[str, Any]:
        """The settings."""
        return self._recording.config

    @property
    def name(self) -> str:
        """Name of the run."""
        return self._recording.name

    @property
    def save_dir(self) -> Path:
        """The folder; before the first trial has ended, the one that was asked for."""
        return self._recording.save_dir

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Make this a copy, which has trials of its own to save."""
        vars(self).update(state)
        weakref.finalize(self, self._recording.save_or_warn).atexit = False

    def init_memory(self, n: int) -> TrialRecorder:
        """Return the recorder of the trials that are played. It is kept when lanes are seeded again."""
        recorder = self._recording.recorder
        if recorder is None or self._recording.lanes != n:
            played = 0 if recorder is None else recorder.num_trials
            recorder = self._recording.recorder = TrialRecorder(n, self.task.dt)
            recorder.num_trials, self._recording.lanes = played, n
        return self._follow_due_times(recorder)

    def on_step(self, memory: TrialRecorder, batch: StepBatch) -> None:
        """Record the step, and save if it is time."""
        recording = self._recording
        if recording.is_silent:
            return
        recording.begin_life_after_fork()
        memory.add(batch)
        if recording.run is not None:
            self._record_step(recording.run, batch)
        if not batch.is_reset:
            recording.steps += len(batch.lanes)
        if batch.ended.any():
            recording.add(memory.pop_parts())
            if recording.is_due() and recording.save_or_warn() and recording.run:
                try:
                    self._draw(recording.run)
                except OSError as error:
                    warnings.warn(f"{self.name}: a figure could not be saved and is lost: {error}", stacklevel=2)

    def save(self) -> list[Path]:
        """Save the trials since the last save. If that fails, they are kept for the next save.

        Returns:
            The files that were written; none if there is no new trial.

        Raises:
            OSError: The files cannot be written. During steps this is only a warning.
        """
        files = self._recording.save()
        if files and self._recording.run:
            files.append(self._draw(self._recording.run))
        return files

    def _record_nothing(self) -> None:
        """Record nothing from now on, nor in copies of this, see `ngym_core.sampling.silent_copy`."""
        self._recording.is_silent = True

    def close(self) -> None:
        """Save the remaining trials and close the env, which is closed also if they cannot be saved."""
        try:
            self.save()
        finally:
            super().close()

    # ---- figures ---------------------------------------------------------------------------------

    def _record_step(self, run: list[dict[str, Any]], batch: StepBatch) -> None:
        """Record a step of the first lane for the next figure."""
        first = np.nonzero(batch.lanes == 0)[0]
        if not len(first):
            return
        i = first[0]
        recording = self._recording
        before, recording.last_ob = recording.last_ob, batch.ob[i].copy()
        start, recording.trial_starts = recording.trial_starts, batch.is_reset or bool(batch.ended[i])
        if batch.action is None or batch.gt is None or len(run) >= self.config["plot_steps"]:
            return
        ended = bool(batch.ended[i])
        step = {"ob": recording.last_ob, "actions": np.array(batch.action[i]), "gt": np.array(batch.gt[i])}
        step |= {"rewards": float(batch.reward[i]), "perf": float(batch.performance[i]) if ended else np.nan}
        step |= {"ob_before": step["ob"] if before is None else before, "trial_start": start, "trial_end": ended}
        run.append(step)

    def _draw(self, steps: list[dict[str, Any]]) -> Path:
        run: dict[str, Any] = {key: np.array([step[key] for step in steps]) for key in steps[0]}
        run["initial_ob"] = steps[0]["ob_before"]
        steps.clear()
        path = self._recording.folder() / f"task-{self._recording.num_saved:09d}.{self.config['ext']}"
        return pack_manager().draw_figure(run, self, path)


class _Recording:
    """What one env in one process has recorded: its folder, and the trials that are not saved yet.

    It is no part of the state of an env, and a copy (by `copy.deepcopy`, pickle or a fork) begins with no trials and without
    a folder; only the recorder of the unfinished trials is copied.

    Args:
        config: Settings of the Monitor.
        name: Name of the run.
        task: Name of the task.
    """

    def __init__(self, config: dict[str, Any], name: str, task: str) -> None:
        self.config, self.name, self.task = config, name, task
        asked = config["save_dir"]
        self.working_dir = Path.cwd()  # the program may change it before the first trial has ended
        self.asked = Path("monitor", name, time.strftime("%Y%m%d-%H%M%S")) if asked is None else Path(asked).expanduser()
        if self.asked.name in ("", ".."):  # to which no number can be appended
            self.asked = (self.working_dir / self.asked).resolve()
        self.recorder: TrialRecorder | None = None
        self.lanes = 0
        self.is_silent = False
        self._begin_life()

    def _begin_life(self) -> None:
        self.process = os.getpid()
        self.save_dir, self._has_folder = self.asked, False
        # Rows that are saved, and the tables that are not: one attribute, so that a signal finds both or neither changed.
        self._rows: tuple[int, list[TrialTable]] = (0, [])
        self.num_pending = self.steps = 0
        self._first_time = self._retry_time = 0.0
        self._num_failures = 0  # in a row
        self.run: list[dict[str, Any]] | None = [] if self.config["plot_create"] else None
        self.last_ob: Any = None
        self.trial_starts = True

    def __getstate__(self) -> dict[str, Any]:
        """Return what a copy has in common with this."""
        names = ("config", "name", "task", "asked", "working_dir", "recorder", "lanes", "is_silent")
        return {name: vars(self)[name] for name in names}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Make this a copy."""
        vars(self).update(state)
        self._begin_life()

    @property
    def state(self) -> None:
        """None: what is recorded is no part of the state of an env."""
        return None

    @state.setter
    def state(self, state: None) -> None:
        pass

    def begin_life_after_fork(self) -> None:
        """Leave folder and trials to the parent, if this process is its fork."""
        if self.process != os.getpid():
            self._begin_life()

    @property
    def num_saved(self) -> int:
        """Number of the rows in the folder."""
        return self._rows[0]

    def folder(self) -> Path:
        """Return the absolute path of the folder."""
        return self.working_dir / self.save_dir

    def add(self, parts: list[TrialTable]) -> None:
        """Add trials, and take a folder if these are the first."""
        now = time.monotonic()
        if not self.num_pending:
            self._first_time = now
        self._rows[1].extend(parts)
        self.num_pending += sum(len(part["trial"]) for part in parts)
        _save_at_exit(self)
        if not self._has_folder and now >= self._retry_time:
            try:
                self._take_folder()
            except OSError as error:
                self._warn(error)

    def is_due(self) -> bool:
        """Return whether to save now."""
        now = time.monotonic()
        passed = self.steps if self.config["trigger"] == "step" else self.num_pending
        due = passed >= self.config["interval"] or now - self._first_time >= self.config["interval_seconds"]
        return due and now >= self._retry_time

    def save(self) -> list[Path]:
        """Save the trials that are not saved yet, and return the files."""
        self.begin_life_after_fork()
        saved, parts = self._rows
        self.steps = 0
        if not parts:
            return []
        table = concatenate_tables(parts)
        if not self._has_folder:
            self._take_folder()
        files = save_trial_table(self.folder() / f"trials-{saved:09d}", table)
        # What is interrupted before this line is written again to the same files.
        self._rows = (saved + len(table["trial"]), [])
        self.num_pending = self._num_failures = 0
        _unsaved.discard(self)
        if self.config["verbose"]:
            self._print_summary(table)
        return [self.save_dir / file.name for file in files]

    def _print_summary(self, table: TrialTable) -> None:
        with suppress(OSError, ValueError, RuntimeError):  # at exit or in a signal the output may be closed or in use
            print(
                f"{self.name}: {len(table['trial'])} trials saved in {self.save_dir}, "
                f"performance {np.mean(table['performance']):.3f}, reward {np.mean(table['reward']):.3f} per trial"
            )

    def save_or_warn(self) -> bool:
        """Save, and return whether it went well; of failures in a row only the first is told."""
        try:
            self.save()
        except OSError as error:
            self._warn(error)
            return False
        return True

    def _warn(self, error: OSError) -> None:
        self._retry_time = time.monotonic() + RETRY_SECONDS * 2 ** min(self._num_failures, MAX_DOUBLINGS)
        self._num_failures += 1
        if self._num_failures == 1:
            warnings.warn(f"{self.name}: the trials are kept for the next save; this one failed: {error}", stacklevel=3)

    def _take_folder(self) -> None:
        """Take the first folder that is nobody's: the one asked for, or one with a number after its name."""
        for number in count():
            candidate = self.asked.with_name(f"{self.asked.name}-{number}") if number else self.asked
            folder = self.working_dir / candidate
            if holds_something(folder):
                with suppress(OSError):  # of another user
                    remove_leftovers(folder)
                continue
            try:
                folder.mkdir(parents=True, exist_ok=True)
                with (folder / MARK).open("x") as file:  # of several processes that are here one succeeds
                    self.save_dir, self._has_folder = candidate, True
                    json.dump({"task": self.task, **self.config}, file, indent=2, default=str)
                    file.flush()
                    os.fsync(file.fileno())
                sync_folder(folder)
                sync_folder(folder.parent)
            except FileExistsError:
                continue
            except OSError:
                if self._has_folder:  # the disk is full: no half of a file may mark a folder
                    self.save_dir, self._has_folder = self.asked, False
                    (folder / MARK).unlink()
                raise
            return


# ---- the end of a process ---------------------------------------------------------------------------

_unsaved: set[_Recording] = set()
_watched_process = 0


def _save_at_exit(recording: _Recording) -> None:
    """Save the trials of a recording also if the process ends, unless it is killed."""
    global _watched_process
    if _watched_process != os.getpid():
        _watched_process = os.getpid()
        _unsaved.clear()  # after a fork: they are the parent's
        atexit.register(_save_all)
        multiprocessing.util.Finalize(None, _save_all, exitpriority=100)  # its processes end without `atexit`
        if threading.current_thread() is threading.main_thread():
            for name in ("SIGTERM", "SIGHUP"):
                number = getattr(signal, name, None)
                if number is not None and signal.getsignal(number) is signal.SIG_DFL:
                    signal.signal(number, _save_and_terminate)
    _unsaved.add(recording)


def _save_all() -> None:
    for recording in list(_unsaved):
        if recording.process == os.getpid():
            try:
                recording.save()
            except Exception as error:  # the others are to be saved all the same
                print(f"{recording.name}: {recording.num_pending} trials could not be saved: {error}", file=sys.stderr)


def _save_and_terminate(number: int, frame: Any) -> None:
    """Save, and end as the signal would have ended the process."""
    try:
        _save_all()
    finally:
        signal.signal(number, signal.SIG_DFL)
        signal.raise_signal(number)


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
    seconds = merged["interval_seconds"]
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float, np.integer, np.floating)) or not seconds > 0:
        raise ValueError(f"interval_seconds={seconds!r} must be a number above 0.")
    return merged

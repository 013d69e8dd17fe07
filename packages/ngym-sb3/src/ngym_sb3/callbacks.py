"""Callbacks for any algorithm of Stable-Baselines3: what the trials of training were like, and the best agent so far."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from stable_baselines3.common.callbacks import BaseCallback

from ngym_core.files import atomic_write
from ngym_core.trial_table import TrialRecorder, TrialTable
from ngym_sb3.evaluation import evaluate_policy, moment_of
from ngym_sb3.vec_env import lanes_of, task_of

__all__ = ["EvaluationCallback", "TrialCallback"]


class TrialCallback(BaseCallback):
    """Log what the trials of training were like to Stable-Baselines3's logger: the screen, CSV, TensorBoard.

    With each of the logger's lines it gives, over the trials that ended since the line before:

    * ``trial/performance``, ``trial/reward`` (sum over the trial), ``trial/steps``: means;
    * ``trial/reaction_time``: mean in ms, of trials with a response;
    * ``trial/abort_rate``: share of trials in which fixation was broken (an action where none was due that earned
      `abort`), for tasks that have such a reward;
    * ``trial/trials``: how many trials have ended since training began.

    The env is that of `make_sb3_env`, or any other vector env of Stable-Baselines3 around tasks of ngym.

    Args:
        verbose: As for all callbacks.

    Raises:
        TypeError: When training begins, on an env without tasks of ngym.
    """

    def __init__(self, verbose: int = 0) -> None:
        super().__init__(verbose)
        self._recorder: TrialRecorder | None = None
        self._broke = np.zeros(0, bool)
        self._aborts = 0
        self._abort: float | None = None
        self._sums: dict[str, float] = {}
        self._counts: dict[str, int] = {}

    def _on_training_start(self) -> None:
        n = self.training_env.num_envs
        task = task_of(self.training_env)
        self._recorder = TrialRecorder(n, task.dt)
        self._broke = np.zeros(n, bool)
        self._abort = task.rewards.get("abort")

    def _on_step(self) -> bool:
        assert self._recorder is not None
        actions = self.locals.get("clipped_actions", self.locals["actions"])
        batch = moment_of(self.locals["new_obs"], self.locals["rewards"], actions, self.locals["infos"])
        self._recorder.add(batch)
        if self._abort is not None and batch.gt.ndim == 1:  # type: ignore[union-attr]
            self._broke |= (batch.action != 0) & (batch.gt == 0) & np.isclose(batch.reward, self._abort)
            self._aborts += int(self._broke[batch.ended].sum())
            self._broke[batch.ended] = False
        if self._recorder.num_pending >= 4 * len(batch.ended):
            self._log()
        return True

    def _on_rollout_end(self) -> None:
        if self._recorder is not None and self._recorder.num_pending:
            self._log()

    def _log(self) -> None:
        """Add the trials that ended to the means of the next line."""
        assert self._recorder is not None
        if "trial/trials" not in self.logger.name_to_value:  # the line before is written
            self._sums, self._counts = {}, {}
        table, aborts = self._recorder.pop(), self._aborts
        self._aborts = 0
        columns = {name: table[name] for name in ("performance", "reward", "steps", "reaction_time")}
        if self._abort is not None and table["gt"].ndim == 1:
            columns["abort_rate"] = np.arange(len(table["trial"])) < aborts
        for name, column in columns.items():
            known = column[~np.isnan(column.astype(float))]
            self._sums[name] = self._sums.get(name, 0.0) + float(known.sum())
            self._counts[name] = self._counts.get(name, 0) + len(known)
            if self._counts[name]:
                self.logger.record(f"trial/{name}", self._sums[name] / self._counts[name])
        self.logger.record("trial/trials", self._recorder.num_trials)


class EvaluationCallback(BaseCallback):
    """Test an agent now and then while it is trained, and keep the best one.

    Logs ``eval/performance``, ``eval/reward`` and ``eval/reaction_time``. The best agent is the one with the highest
    mean performance, or, where that is equal, reward.

    Args:
        env: The vector env of `make_sb3_env`, not the one of training.
        every: Steps (over all lanes) between two tests.
        num_trials: Trials of a test.
        seed: Seed of these trials: the same ones each time.
        deterministic: Whether the agent takes its best action instead of drawing one.
        best_model: File (``.zip``) for the best agent, written completely or not at all; None keeps none.
        verbose: 1 prints a line at each test.

    Attributes:
        table: The last table of trials.
        best: Performance and reward of the best agent so far.

    Raises:
        TypeError: An env that is not made by `make_sb3_env`.
        ValueError: No positive number of steps, or a file that is no ``.zip``.
        FileExistsError: The file exists.
    """

    def __init__(
        self,
        env: Any,
        every: int = 10_000,
        num_trials: int = 200,
        *,
        seed: int = 0,
        deterministic: bool = True,
        best_model: str | Path | None = None,
        verbose: int = 0,
    ) -> None:
        super().__init__(verbose)
        lanes_of(env, "EvaluationCallback")
        if every < 1:
            raise ValueError(f"every={every!r} must be a positive number of steps.")
        self.best_model = None if best_model is None else Path(best_model)
        if self.best_model is not None and self.best_model.suffix != ".zip":
            raise ValueError(f"best_model={str(best_model)!r} must end in '.zip', as models of Stable-Baselines3 do.")
        if self.best_model is not None and self.best_model.exists():
            raise FileExistsError(f"{self.best_model} exists already; name a new file.")
        self.env, self.every, self.num_trials, self.seed, self.deterministic = env, every, num_trials, seed, deterministic
        self.table: TrialTable = {}
        self.best = (-np.inf, -np.inf)
        self._next = every

    def _on_step(self) -> bool:
        if self.num_timesteps >= self._next:
            self._next = self.num_timesteps - self.num_timesteps % self.every + self.every
            self._test()
        return True

    def _test(self) -> None:
        table = self.table = evaluate_policy(
            self.model, self.env, self.num_trials, seed=self.seed, deterministic=self.deterministic
        )
        score = (float(np.mean(table["performance"])), float(np.mean(table["reward"])))
        self.logger.record("eval/performance", score[0])
        self.logger.record("eval/reward", score[1])
        times = table["reaction_time"][~np.isnan(table["reaction_time"])]
        if len(times):
            self.logger.record("eval/reaction_time", float(times.mean()))
        if self.verbose:
            print(f"{self.num_timesteps} steps: performance {score[0]:.3f}, reward {score[1]:.3f} per trial")
        if score > self.best:
            self.best = score
            if self.best_model is not None:
                with atomic_write(self.best_model) as aside:
                    self.model.save(aside)

"""Callbacks for any algorithm of Stable-Baselines3: log the trials of training, and evaluate and save the best agent."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.vec_env import VecEnv, VecNormalize

from ngym_core.arguments import Count, Flag, Index, PathTo, Seed, checked
from ngym_core.files import atomic_write
from ngym_core.plain_data import decode, encode
from ngym_core.trial_table import TrialRecorder, TrialTable
from ngym_sb3.evaluation import evaluate_policy, record_step
from ngym_sb3.vec_env import NgymVecEnv, get_task, normalizers, unwrap_vec_env

__all__ = ["EvaluationCallback", "TrialCallback"]

TRIALS_PER_LANE_BEFORE_LOG = 4
"""Trials per lane after which finished trials are summarised, so that memory does not grow between the logger's lines."""


class TrialCallback(BaseCallback):
    """Logs the trials of training to Stable-Baselines3's logger (screen, CSV, TensorBoard).

    Each line of the logger summarises the trials that ended since the line before:

    * ``trial/performance``, ``trial/reward`` (sum over the trial), ``trial/steps``: means;
    * ``trial/reaction_time``: mean in ms, of trials with a response;
    * ``trial/abort_rate``: share of trials in which fixation was broken (an action while the ground truth was 0 that
      earned the reward `abort`), for tasks with such a reward;
    * ``trial/stage`` and ``trial/level``: means of these conditions, for tasks that have them, such as those that follow a
      curriculum, see `ngym_core.wrappers.FollowCurriculum`;
    * ``trial/trials``: number of trials that have ended since training began.

    The env is that of `make_sb3_env`, or any other vector env of Stable-Baselines3 around tasks of ngym. Rewards are those
    of the task, also where `VecNormalize` scales what the agent learns from.

    Args:
        verbose: As for all callbacks of Stable-Baselines3.

    Raises:
        TypeError: When training begins, on an env without tasks of ngym.

    Example:
        >>> from stable_baselines3 import PPO
        >>> from ngym_sb3 import TrialCallback, make_sb3_env
        >>> env = make_sb3_env("GoNogo-v0", n_envs=4, seed=0)
        >>> model = PPO("MlpPolicy", env, n_steps=64, batch_size=64, n_epochs=1, device="cpu", seed=0)
        >>> model = model.learn(256, callback=TrialCallback())
        >>> 0 <= model.logger.name_to_value["trial/performance"] <= 1
        True
    """

    _STATE = ("_recorder", "_fixation_broken", "_aborted_trials", "_sums", "_counts")

    @checked
    def __init__(self, verbose: Index = 0) -> None:
        super().__init__(verbose)
        self._recorder: TrialRecorder | None = None
        self._fixation_broken = np.zeros(0, bool)  # (N,), in the trial that a lane is in
        self._aborted_trials = 0
        self._abort_reward: float | None = None
        self._sums: dict[str, float] = {}
        self._counts: dict[str, int] = {}

    def get_state(self) -> dict[str, Any]:
        """Return what unfinished trials and the logger's next line have so far, between two rollouts, as plain data."""
        state: dict[str, Any] = encode({name: vars(self)[name] for name in self._STATE})
        return state

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Go on from a state; call it after training has begun, in a callback that comes later.

        Args:
            state: What `get_state` returned, of a callback with the same task and number of lanes.
        """
        vars(self).update(decode(dict(state), {name: vars(self)[name] for name in self._STATE}))

    def _on_training_start(self) -> None:
        n = self.training_env.num_envs
        task = get_task(self.training_env)
        self._recorder = TrialRecorder(n, task.dt)
        self._fixation_broken = np.zeros(n, bool)
        self._aborted_trials = 0
        self._abort_reward = task.rewards.get("abort")

    def _on_step(self) -> bool:
        assert self._recorder is not None
        # Algorithms clip actions to the bounds of a Box before the env gets them, under this name.
        actions = self.locals.get("clipped_actions", self.locals["actions"])
        observations, dones, infos = (self.locals[name] for name in ("new_obs", "dones", "infos"))
        batch = record_step(self._recorder, observations, self._rewards(), actions, dones, infos)
        if self._abort_reward is not None and batch.gt.ndim == 1:  # type: ignore[union-attr]
            acted_early = (batch.action != 0) & (batch.gt == 0)
            # Rewards may be float32, so the reward `abort` is not found by equality.
            self._fixation_broken |= acted_early & np.isclose(batch.reward, self._abort_reward)
            self._aborted_trials += int(self._fixation_broken[batch.ended].sum())
            self._fixation_broken[batch.ended | dones] = False
        if self._recorder.num_pending >= TRIALS_PER_LANE_BEFORE_LOG * len(batch.ended):
            self._log()
        return True

    def _rewards(self) -> Any:
        """Return the rewards of the last step as the task gave them, (N,): `VecNormalize` scales those of the algorithm."""
        innermost = self.training_env.unwrapped
        if isinstance(innermost, NgymVecEnv):
            return innermost.last_rewards
        scaling = normalizers(self.training_env)
        return scaling[-1].get_original_reward() if scaling else self.locals["rewards"]

    def _on_rollout_end(self) -> None:
        if self._recorder is not None and self._recorder.num_pending:
            self._log()

    def _log(self) -> None:
        """Add the trials that ended to the means of the logger's next line."""
        assert self._recorder is not None
        if "trial/trials" not in self.logger.name_to_value:  # the logger has written its line and begun another
            self._sums, self._counts = {}, {}
        table, aborted_trials = self._recorder.pop(), self._aborted_trials
        self._aborted_trials = 0
        columns = {name: table[name] for name in ("performance", "reward", "steps", "reaction_time")}
        if self._abort_reward is not None and table["gt"].ndim == 1:
            # Only the number of aborted trials is known, not which ones: enough for the mean of this column.
            columns["abort_rate"] = np.arange(len(table["trial"])) < aborted_trials
        columns |= {name: _numbers(table[name]) for name in ("stage", "level") if name in table}
        for name, column in columns.items():
            known = column[~np.isnan(column.astype(float))]  # a trial without a response has no reaction time
            self._sums[name] = self._sums.get(name, 0.0) + float(known.sum())
            self._counts[name] = self._counts.get(name, 0) + len(known)
            if self._counts[name]:
                self.logger.record(f"trial/{name}", self._sums[name] / self._counts[name])
        self.logger.record("trial/trials", self._recorder.num_trials)


def _numbers(column: NDArray[Any]) -> NDArray[np.float64]:
    """Return a column of conditions as numbers, NaN where a trial has none."""
    return np.array([value if isinstance(value, (int, float, np.number)) else np.nan for value in column], float)


def _observation_normalizers(env: VecEnv) -> list[VecNormalize]:
    """Return the `VecNormalize` wrappers of an env that scale observations, the outermost first."""
    return [layer for layer in normalizers(env) if layer.norm_obs]


class EvaluationCallback(BaseCallback):
    """Evaluates an agent at intervals while it is trained, and saves the best one.

    Logs ``eval/performance``, ``eval/reward`` and ``eval/reaction_time`` (ms). The best agent is the one with the highest
    mean performance, or, where that is equal, mean reward.

    Args:
        env: The vector env of `make_sb3_env`, not the one of training. Where that has a `VecNormalize` that scales
            observations, it needs one too, which takes over the statistics of training before each evaluation.
        every: Time steps (over all lanes) between two evaluations.
        num_trials: Number of trials in an evaluation.
        seed: Seed of these trials, which are the same each time.
        deterministic: Whether the agent takes its best action instead of drawing one.
        best_model: File (``.zip``) for the best agent, written completely or not at all; None saves none.
        verbose: With 1, print a line at each evaluation.

    Attributes:
        table: Trial table of the last evaluation, see `evaluate_policy`.
        best_score: Mean performance and mean reward of the best agent so far.

    Raises:
        TypeError: An env that `make_sb3_env` did not make.
        ValueError: Fewer than one step, or a file whose name does not end in ``.zip``; when training begins, the env of
            training itself, or one whose observations are not scaled as those of training.
        FileExistsError: The file exists.

    Example:
        >>> from stable_baselines3 import PPO
        >>> from ngym_sb3 import EvaluationCallback, make_sb3_env
        >>> env, test_env = (make_sb3_env("GoNogo-v0", n_envs=4, seed=s) for s in (0, 1))
        >>> callback = EvaluationCallback(test_env, every=128, num_trials=8, best_model="best.zip")
        >>> model = PPO("MlpPolicy", env, n_steps=64, batch_size=64, n_epochs=1, device="cpu", seed=0)
        >>> model = model.learn(256, callback=callback)
        >>> callback.table["performance"].shape
        (8,)
    """

    @checked
    def __init__(
        self,
        env: Any,
        every: Count = 10_000,
        num_trials: Count = 200,
        *,
        seed: Seed = 0,
        deterministic: Flag = True,
        best_model: Annotated[str | Path, PathTo(".zip")] | None = None,
        verbose: Index = 0,
    ) -> None:
        super().__init__(verbose)
        unwrap_vec_env(env, "EvaluationCallback")
        self.best_model = None if best_model is None else Path(best_model)
        if self.best_model is not None and self.best_model.exists():
            raise FileExistsError(f"{self.best_model} exists already; name a new file.")
        self.env, self.every, self.num_trials, self.seed, self.deterministic = env, every, num_trials, seed, deterministic
        self.table: TrialTable = {}
        self.best_score = (-np.inf, -np.inf)
        self._next_evaluation = 0  # set when training begins

    def _on_training_start(self) -> None:
        if self.env.unwrapped is self.training_env.unwrapped:
            raise ValueError("EvaluationCallback got the env of training, which it would reset; make another one for it.")
        scaled, scaled_here = (len(_observation_normalizers(env)) for env in (self.training_env, self.env))
        if scaled != scaled_here:
            raise ValueError(
                f"The env of training has {scaled} VecNormalize that scale observations, and that of EvaluationCallback "
                f"{scaled_here}; wrap both alike: VecNormalize(env, training=False)."
            )
        self._plan_next()

    def _on_step(self) -> bool:
        if self.num_timesteps >= self._next_evaluation:
            self._plan_next()
            self._evaluate()
        return True

    def _plan_next(self) -> None:
        """Plan the next evaluation at a multiple of `every`, whatever the number of lanes and wherever training began."""
        self._next_evaluation = (self.num_timesteps // self.every + 1) * self.every

    def _evaluate(self) -> None:
        # Not `sync_envs_normalization`, which fails where other wrappers differ, such as the VecTransposeImage that only
        # the env of training gets from Stable-Baselines3.
        for trained, own in zip(*map(_observation_normalizers, (self.training_env, self.env)), strict=True):
            own.obs_rms, own.ret_rms = copy.deepcopy(trained.obs_rms), copy.deepcopy(trained.ret_rms)
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
        if score > self.best_score:
            self.best_score = score
            if self.best_model is not None:
                with atomic_write(self.best_model) as temporary:
                    self.model.save(temporary)

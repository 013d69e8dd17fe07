"""Evaluation of agents trial by trial: `evaluate_policy`, and the loop that `record_activity` shares with it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias

import numpy as np
import torch
from gymnasium import spaces
from numpy.typing import NDArray
from stable_baselines3.common.preprocessing import is_image_space
from stable_baselines3.common.vec_env import VecEnv, VecTransposeImage, is_vecenv_wrapped

from ngym_core.arguments import Count, Flag, Keywords, Seed, checked, explained
from ngym_core.playing import check_agent, count_cut_episodes
from ngym_core.trial_table import TrialRecorder, TrialTable
from ngym_core.wrappers.base import StepBatch
from ngym_sb3.trained_on import warn_of_another_env
from ngym_sb3.vec_env import evaluation_env, make_sb3_env, unwrap_vec_env

__all__ = ["DEFAULT_LANES", "Evaluator", "evaluate_policy", "interleave_lanes", "record_step", "seeded_actions"]

Array: TypeAlias = NDArray[Any]

DEFAULT_LANES = 16
"""Number of lanes where only a task id is given."""


@checked
def evaluate_policy(
    model: Any,
    env: Any,
    num_trials: Count = 100,
    *,
    seed: Seed = 0,
    deterministic: Flag = True,
    conditions: Keywords | None = None,
) -> TrialTable:
    """Run an agent for a number of trials and return a table with one row per trial.

    All lanes play the same number of trials (the last ones are cut off), so that short trials are not over-represented.
    The agent keeps its recurrent state for as long as the env's `carry` says, as in training.
    Where the agent was trained on another task, or keeps its state for longer or shorter here, a warning says so.
    The env is reset: use another one than the agent is trained on. `VecNormalize` goes on with the statistics that it has.

    Args:
        model: The agent: ``predict(observations, state, episode_start, deterministic)``, as in Stable-Baselines3.
        env: The vector env of `make_sb3_env` (wrappers of Stable-Baselines3 around it are used as well), or a task id
            (16 lanes, one trial in an episode).
        num_trials: Number of trials.
        seed: Seed of the trials, and of actions that are drawn; the same seed gives the same table. With None the
            random streams of the env continue.
        deterministic: Whether the agent takes its best action instead of drawing one.
        conditions: Conditions of the trials, name -> a value, or a list of values one of which is drawn for each trial.
            They are played in lanes of their own, and in copies of the wrappers: the env is left as it is.

    Returns:
        Column -> (num_trials,) array: the conditions of the trials, and `ngym_core.trial_table.MEASURED_COLUMNS`.

    Raises:
        ValueError: Fewer than one trial, an agent made for other observations or actions, or episodes too short for a trial.
        TypeError: An env that `make_sb3_env` did not make, or a model without ``predict``.
        UnknownNameError: A condition that the task does not have.

    Example:
        >>> from stable_baselines3 import PPO
        >>> from ngym_sb3 import evaluate_policy, make_sb3_env
        >>> env = make_sb3_env("PerceptualDecisionMaking-v0", n_envs=4)
        >>> model = PPO("MlpPolicy", env, device="cpu", seed=0)
        >>> table = evaluate_policy(model, env, num_trials=6, seed=0)
        >>> table["lane"].tolist()
        [0, 1, 2, 3, 0, 1]
        >>> table["performance"].shape
        (6,)
    """
    env = make_sb3_env(env, DEFAULT_LANES) if isinstance(env, str) else env
    with seeded_actions(model, seed), evaluation_env(env, conditions, "Without a task id, an evaluation") as played:
        evaluator = Evaluator(model, played, num_trials, seed, deterministic)
        while not evaluator.finished:
            evaluator.step()
    table = evaluator.recorder.pop()
    order = interleave_lanes(table["lane"], num_trials)
    return {name: column[order] for name, column in table.items()} | {"trial": np.arange(num_trials)}


@explained
def interleave_lanes(lanes: Array, num_trials: int) -> Array:
    """Return the order in which lanes take turns: the first trials of all lanes, then the second ones, and so on.

    Args:
        lanes: The lane of each trial, in the order in which trials ended, (n,).
        num_trials: Number of trials to keep.

    Returns:
        Indices of the trials, (num_trials,).
    """
    turns = np.zeros(len(lanes), int)
    for lane in np.unique(lanes):
        in_lane = lanes == lane
        turns[in_lane] = np.arange(in_lane.sum())
    order: Array = np.lexsort((lanes, turns))[:num_trials]
    return order


class Evaluator:
    """Evaluation loop: runs an agent in a vector env step by step, and records its trials.

    Args:
        model: The agent, see `evaluate_policy`.
        env: The vector env, or a task id.
        num_trials: Number of trials.
        seed: Seed of the trials; with None the random streams of the env continue.
        deterministic: Whether the agent takes its best action.

    Attributes:
        vec_env: The `NgymVecEnv`, without wrappers around it.
        observations: What the agent sees next, (N, ...).
        state: The agent's recurrent state.
        episode_starts: Where this state restarts at the next step, (N,) bool.
        actions: What the agent did at the last step, (N, ...).
        paused: Where a wrapper skipped that step, as in a time-out, (N,) bool.
        trials_played: Trials that each lane has played, (N,).
        trials_per_lane: Trials that each lane has to play.
        recorder: TrialRecorder of the trials.

    Raises:
        ValueError: Fewer than one trial, an agent made for other observations or actions, or episodes too short for a trial.
        TypeError: An env that `make_sb3_env` did not make, or a model without ``predict``, such as a class.
    """

    @checked
    def __init__(self, model: Any, env: Any, num_trials: Count, seed: Seed, deterministic: Flag) -> None:
        if not hasattr(model, "predict"):
            raise TypeError(f"The model {type(model).__name__} has no `predict`, as agents of Stable-Baselines3 have.")
        self.env = make_sb3_env(env, DEFAULT_LANES) if isinstance(env, str) else env
        self.vec_env = unwrap_vec_env(self.env, "Without a task id, an evaluation")
        self.env = _with_channels_first(self.env, getattr(model, "observation_space", None))
        check_agent(model, self.env, self.vec_env.task_name)
        warn_of_another_env(model, self.env)
        if seed is not None:
            self.env.seed(seed)
        self.model, self.deterministic = model, deterministic
        n = self.vec_env.num_envs
        self.trials_per_lane = math.ceil(num_trials / n)
        self.observations: Any = self.env.reset()
        self.state: Any = None
        self.actions: Array = np.zeros(0)
        self.paused = np.zeros(n, bool)
        self.episode_starts = np.ones(n, bool)
        self.trials_played = np.zeros(n, int)
        self._cut = np.zeros(n, int)
        self.recorder = TrialRecorder(n, self.vec_env.vector_env.task.dt)

    @property
    def finished(self) -> bool:
        """Whether every lane has played its trials."""
        return bool(self.trials_played.min() >= self.trials_per_lane)

    def step(self) -> Array:
        """Take one step, record it, and return which trials ended, (N,) bool."""
        self.actions, self.state = self.model.predict(
            self.observations, state=self.state, episode_start=self.episode_starts, deterministic=self.deterministic
        )
        # "done" is where `carry` lets the state end, so the agent forgets at the same steps as in training.
        self.observations, _, self.episode_starts, infos = self.env.step(self.actions)
        # Rewards as the task gave them: those that step returns are float32, and VecNormalize scales them.
        rewards = self.vec_env.last_rewards
        batch = record_step(self.recorder, self.observations, rewards, self.actions, self.episode_starts, infos)
        self.trials_played += batch.ended
        self._cut = count_cut_episodes(self._cut, self.episode_starts, batch.ended, self.vec_env.task_name)
        self.paused = batch.info["paused"] != 0
        return batch.ended


def _with_channels_first(env: VecEnv, made_for: Any) -> VecEnv:
    """Return an env whose images have their channels first, if an agent was made for these, else the env.

    Stable-Baselines3 does the same to the env of training.
    """
    known = made_for is None or made_for == env.observation_space or is_vecenv_wrapped(env, VecTransposeImage)
    if known or not (isinstance(env.observation_space, spaces.Dict) or is_image_space(env.observation_space)):
        return env
    wrapped = VecTransposeImage(env)
    return wrapped if wrapped.observation_space == made_for else env


def record_step(
    recorder: TrialRecorder, observations: Any, rewards: Array, actions: Array, dones: Array, infos: list[dict[str, Any]]
) -> StepBatch:
    """Record one step of a vector env of Stable-Baselines3, and return it.

    Where "done" is set a trial begins, also where that abandons one in its middle, as a `TimeLimit` does.

    Args:
        recorder: The recorder.
        observations: Observations after the step, (N, ...).
        rewards: Rewards, (N,).
        actions: Actions, (N, ...).
        dones: Where "done" is set, (N,) bool.
        infos: One info for each lane.
    """
    times = np.array([info.get("reaction_time", np.nan) for info in infos])
    reported = np.array(["reaction_time" in info for info in infos])
    paused = np.array([info.get("paused", 0.0) for info in infos])
    batch = StepBatch(
        lanes=np.arange(len(infos)),
        ob=observations,
        reward=np.asarray(rewards, float),
        action=np.asarray(actions),
        gt=np.array([info["gt"] for info in infos]),
        ended=np.array([info["new_trial"] for info in infos]),
        performance=np.array([info.get("performance", 0.0) for info in infos]),
        info={"reaction_time": times, "_reaction_time": reported, "paused": paused},
        conditions=_conditions_to_columns([info.get("ended_trial", {}) for info in infos]),
    )
    recorder.add(batch)
    restarted = np.nonzero(dones)[0]
    if len(restarted):
        recorder.add(StepBatch.at_reset(restarted, np.zeros(len(restarted))))  # observations are not recorded
    return batch


def _conditions_to_columns(trials: list[dict[str, Any]]) -> dict[str, Array]:
    """Turn the conditions of the trials that ended, one dictionary for each lane, into columns."""
    columns: dict[str, Array] = {}
    for lane, trial in enumerate(trials):
        for name, value in trial.items():
            columns.setdefault(name, np.full(len(trials), None, object))[lane] = value
    return columns


@checked
@contextmanager
def seeded_actions(model: Any, seed: Seed) -> Iterator[None]:
    """Seed the actions that an agent draws, and restore all random states afterwards; None does neither."""
    if seed is None:
        yield
        return
    space: Any = getattr(model, "action_space", None)
    space_state = None if space is None else space.np_random.bit_generator.state
    numpy_state = np.random.get_state()
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        torch.manual_seed(seed)
        np.random.seed(seed % 2**32)  # DQN draws from NumPy's legacy generator whether to explore
        try:
            if space is not None:
                space.seed(seed)  # and the action it explores from the space
            yield
        finally:
            np.random.set_state(numpy_state)
            if space is not None:
                space.np_random.bit_generator.state = space_state

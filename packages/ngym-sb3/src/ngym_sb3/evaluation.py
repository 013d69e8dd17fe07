"""evaluate_policy: what an agent does, trial by trial."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray

from ngym_core.trial_table import TrialRecorder, TrialTable
from ngym_core.wrappers.base import StepBatch
from ngym_sb3.vec_env import lanes_of, make_sb3_env

__all__ = ["Player", "evaluate_policy", "moment_of"]

Array: TypeAlias = NDArray[Any]

LANES = 16
"""Lanes that play where only a task's id is given."""


def evaluate_policy(
    model: Any, env: Any, num_trials: int = 100, *, seed: int | None = 0, deterministic: bool = True
) -> TrialTable:
    """Let an agent play trials and write each down as one row of a table.

    Every lane plays the same number of trials (the last ones are cut), so that short trials are not
    favoured. The recurrent state of the agent lives as long as the env's `carry` says, as in training.
    The env is reset: give another one than the agent is trained on.

    Args:
        model: What acts: ``predict(ob, state, episode_start, deterministic)``, as in Stable-Baselines3.
        env: The vector env of `make_sb3_env` (wrappers of Stable-Baselines3 may surround it), or a task's
            id (16 lanes, one trial in an episode).
        num_trials: How many trials.
        seed: Seed of the trials, and of actions that are drawn; the same seed gives the same table. None goes
            on with the env's streams.
        deterministic: Whether the agent takes its best action instead of drawing one.

    Returns:
        Column -> (num_trials,) array: the conditions of the trials, and `ngym_core.trial_table.MEASURED_COLUMNS`.

    Raises:
        ValueError: Less than one trial, or an agent made for other observations or actions.
        TypeError: An env that is not made by `make_sb3_env`, or a model that cannot predict.
    """
    with drawn_from(model, seed):
        player = Player(model, env, num_trials, seed, deterministic)
        while player.goes_on:
            player.step()
    table = player.recorder.pop()
    rows = in_turns(table["lane"], num_trials)
    return {name: column[rows] for name, column in table.items()} | {"trial": np.arange(num_trials)}


def in_turns(lanes: Array, num_trials: int) -> Array:
    """Order trials so that the first ones of all lanes come first, then the second ones, and so on.

    Args:
        lanes: The lane of each trial, in the order in which they ended, (n,).
        num_trials: How many are wanted.

    Returns:
        Their places, (num_trials,).
    """
    turns = np.zeros(len(lanes), int)
    for lane in np.unique(lanes):
        own = lanes == lane
        turns[own] = np.arange(own.sum())
    order: Array = np.lexsort((lanes, turns))[:num_trials]
    return order


class Player:
    """An agent in its lanes, and what is noted of its trials.

    Args:
        model: What acts, see `evaluate_policy`.
        env: The vector env, or a task's id.
        num_trials: How many trials are wanted.
        seed: Seed of the trials; None goes on with the env's streams.
        deterministic: Whether the agent takes its best action.

    Attributes:
        base: The lanes of ngym, without what surrounds them.
        ob: What the agent sees, (N, ...).
        state: The agent's recurrent state.
        starts: Where this state restarts at the next step, (N,) bool.
        played: Trials that each lane has played, (N,).
        each: Trials that each lane has to play.

    Raises:
        ValueError: Less than one trial, or an agent made for other observations or actions.
        TypeError: An env that is not made by `make_sb3_env`, or a model that cannot predict.
    """

    def __init__(self, model: Any, env: Any, num_trials: int, seed: int | None, deterministic: bool) -> None:
        if isinstance(num_trials, bool) or not isinstance(num_trials, (int, np.integer)) or num_trials < 1:
            raise ValueError(f"num_trials={num_trials!r} must be an integer from 1.")
        if not hasattr(model, "predict"):
            raise TypeError(f"The model {type(model).__name__} has no `predict`, as agents of Stable-Baselines3 have.")
        self.env = make_sb3_env(env, LANES) if isinstance(env, str) else env
        self.base = lanes_of(self.env, "An evaluation")
        for name in ("observation_space", "action_space"):
            made_for = getattr(model, name, None)
            if made_for is not None and made_for != getattr(self.env, name):
                raise ValueError(
                    f"The agent was made for the {name} {made_for}, and {self.base.task_name} has "
                    f"{getattr(self.env, name)}; give it the task (and the wrappers) it was trained on."
                )
        if seed is not None:
            self.env.seed(seed)
        self.model, self.deterministic = model, deterministic
        n = self.base.num_envs
        self.each = math.ceil(num_trials / n)
        self.ob: Any = self.env.reset()
        self.state: Any = None
        self.starts = np.ones(n, bool)
        self.played = np.zeros(n, int)
        self.recorder = TrialRecorder(n, self.base.lanes.task.dt)

    @property
    def goes_on(self) -> bool:
        """Whether some lane has to play more trials."""
        return bool(self.played.min() < self.each)

    def step(self) -> Array:
        """Take one step and note it; says which trials ended, (N,) bool."""
        actions, self.state = self.model.predict(
            self.ob, state=self.state, episode_start=self.starts, deterministic=self.deterministic
        )
        self.ob, _, self.starts, infos = self.env.step(actions)
        batch = moment_of(self.ob, self.base.last_rewards, actions, infos)
        self.recorder.add(batch)
        self.played += batch.ended
        return batch.ended


def moment_of(ob: Any, rewards: Array, actions: Array, infos: list[dict[str, Any]]) -> StepBatch:
    """Give one step of all lanes of a vector env of Stable-Baselines3 as ngym's wrappers and tables see it.

    Args:
        ob: Observations after the step, (N, ...).
        rewards: (N,).
        actions: (N, ...).
        infos: One for each lane.

    Returns:
        The step.
    """
    reported = ("reaction_time",) if any("reaction_time" in info for info in infos) else ()
    return StepBatch(
        lanes=np.arange(len(infos)),
        ob=ob,
        reward=np.asarray(rewards, float),
        action=np.asarray(actions),
        gt=np.array([info["gt"] for info in infos]),
        ended=np.array([info["new_trial"] for info in infos]),
        performance=np.array([info.get("performance", 0.0) for info in infos]),
        info={name: np.array([info.get(name, np.nan) for info in infos]) for name in reported},
        conditions=_columns([info.get("ended_trial", {}) for info in infos]),
    )


def _columns(trials: list[dict[str, Any]]) -> dict[str, Array]:
    """Conditions of the trials that ended, one dictionary for each lane, as columns."""
    columns: dict[str, Array] = {}
    for lane, trial in enumerate(trials):
        for name, value in trial.items():
            columns.setdefault(name, np.full(len(trials), None, object))[lane] = value
    return columns


@contextmanager
def drawn_from(model: Any, seed: int | None) -> Iterator[None]:
    """Let an agent draw its actions from a seed, and leave all randomness as it was."""
    if seed is None:
        yield
        return
    space: Any = getattr(model, "action_space", None)
    own = None if space is None else space.np_random.bit_generator.state
    legacy = np.random.get_state()
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        torch.manual_seed(seed)
        np.random.seed(seed % 2**32)  # DQN draws from it
        try:
            if space is not None:
                space.seed(seed)
            yield
        finally:
            np.random.set_state(legacy)
            if space is not None:
                space.np_random.bit_generator.state = own

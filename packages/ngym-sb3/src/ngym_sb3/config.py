"""Agents: how they are trained, made and read back from a file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gymnasium import spaces
from sb3_contrib import RecurrentPPO
from stable_baselines3 import A2C, DQN, PPO

from ngym_core.errors import unknown
from ngym_sb3.cells import CELLS
from ngym_sb3.policies import MlpRnnPolicy
from ngym_sb3.vec_env import NgymVecEnv, make_sb3_env

__all__ = ["ALGORITHMS", "Recipe", "load_model", "make_agent"]

ALGORITHMS: dict[str, Any] = {"recurrent-ppo": RecurrentPPO, "ppo": PPO, "a2c": A2C, "dqn": DQN}
"""The algorithms by name."""


@dataclass(frozen=True)
class Recipe:
    """How an agent is trained.

    Args:
        steps: Time steps, over all lanes.
        algo: A name of `ALGORITHMS`. Only ``recurrent-ppo`` trains agents with memory.
        policy: A recurrent cell (a name of `ngym_sb3.cells.CELLS`) for ``recurrent-ppo``, ``mlp`` for the others; by
            default ``ctrnn`` or ``mlp``.
        envs: Lanes that play at the same time.
        seed: Seed of agent and training.
        trials_per_episode: Trials in an episode.
        carry: How long the agent keeps its recurrent state, see `make_sb3_env`.
        units: Units of the recurrent layer, or of each of two hidden layers.
        learning_rate: Step size of the optimizer.
        ent_coef: Weight of the entropy bonus, which keeps the agent trying (not for ``dqn``).
        rollout: Steps of each lane between two updates (for ``a2c`` at most 8; not for ``dqn``).
        batch_size: Steps in a minibatch (not for ``a2c``).
        epochs: Passes over the data of an update (for ``recurrent-ppo`` and ``ppo``).
        gamma: Discount of future rewards.
        task_kwargs: Parameters of the task.
        wrappers: Wrappers of the task, see `ngym_core.make`.

    Raises:
        UnknownNameError: An algorithm that does not exist, or a policy that the algorithm does not have.
        ValueError: No step, or no lane.
    """

    steps: int = 100_000
    algo: str = "recurrent-ppo"
    policy: str | None = None
    envs: int = 64
    seed: int = 0
    trials_per_episode: int = 1
    carry: str = "episode"
    units: int = 64
    learning_rate: float = 2e-3
    ent_coef: float = 0.03
    rollout: int = 32
    batch_size: int = 512
    epochs: int = 4
    gamma: float = 0.9
    task_kwargs: Mapping[str, Any] = field(default_factory=dict)
    wrappers: Sequence[Any] = ()

    def __post_init__(self) -> None:
        """Check the names and numbers."""
        if self.algo not in ALGORITHMS:
            raise unknown("algorithm", self.algo, ALGORITHMS)
        policies = list(CELLS) if self.algo == "recurrent-ppo" else ["mlp"]
        if self.policy is None:
            object.__setattr__(self, "policy", "ctrnn" if self.algo == "recurrent-ppo" else "mlp")
        elif self.policy not in policies:
            raise unknown(f"policy of {self.algo}", self.policy, policies)
        for name in ("steps", "envs", "units", "rollout", "batch_size", "epochs"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}={getattr(self, name)!r} must be an integer from 1.")

    def make_env(self, task: str, envs: int | None = None) -> NgymVecEnv:
        """Make the lanes of a task as this recipe has them.

        Args:
            task: The task's id.
            envs: How many; by default those of training.
        """
        return make_sb3_env(
            task,
            self.envs if envs is None else envs,
            wrappers=self.wrappers,
            trials_per_episode=self.trials_per_episode,
            carry=self.carry,
            **self.task_kwargs,
        )

    @property
    def rollout_steps(self) -> int:
        """Steps of each lane between two updates."""
        return {"a2c": min(self.rollout, 8), "dqn": 1}.get(self.algo, self.rollout)


def make_agent(recipe: Recipe, env: NgymVecEnv) -> Any:
    """Make an agent that has not learned anything.

    Args:
        recipe: How it is trained.
        env: The lanes that it is trained on.

    Returns:
        An algorithm of Stable-Baselines3.

    Raises:
        ValueError: ``dqn`` for actions that are no choice.
    """
    r = recipe
    if r.algo == "dqn" and not isinstance(env.action_space, spaces.Discrete):
        raise ValueError(
            f"dqn chooses among actions, and those of {env.task_name} are {env.action_space}; use recurrent-ppo, ppo or a2c."
        )
    settings: dict[str, Any] = {"learning_rate": r.learning_rate, "gamma": r.gamma, "seed": r.seed, "device": "cpu"}
    if r.algo == "dqn":
        settings |= {"buffer_size": 50_000, "learning_starts": 1_000, "exploration_fraction": 0.5, "train_freq": 1}
        settings |= {"batch_size": r.batch_size, "gradient_steps": max(1, r.envs // 16), "target_update_interval": 1_000}
    else:
        settings |= {"n_steps": r.rollout_steps, "ent_coef": r.ent_coef}
    if r.algo in ("recurrent-ppo", "ppo"):
        settings |= {"batch_size": r.batch_size, "n_epochs": r.epochs}
    if r.algo == "recurrent-ppo":
        dt = {"dt": float(env.lanes.task.dt), "tau": 2 * float(env.lanes.task.dt)}
        cell = {"cell": r.policy, "cell_kwargs": dt if r.policy in ("ctrnn", "ei-ctrnn") else {}}
        return RecurrentPPO(MlpRnnPolicy, env, policy_kwargs={**cell, "lstm_hidden_size": r.units}, **settings)
    return ALGORITHMS[r.algo]("MlpPolicy", env, policy_kwargs={"net_arch": [r.units, r.units]}, **settings)


def load_model(path: str | Path, algo: str = "recurrent-ppo", env: Any = None) -> Any:
    """Read an agent from the file that ``model.save`` wrote. Like all models of Stable-Baselines3, such a file can run code.

    Args:
        path: The file.
        algo: The algorithm that saved it, a name of `ALGORITHMS`.
        env: A vector env to go on training on; none is needed to let the agent play.

    Returns:
        The algorithm with its agent.

    Raises:
        UnknownNameError: An algorithm that does not exist.
        FileNotFoundError: There is no such file.
        ValueError: A file that this algorithm did not save, a damaged one, or an env with other observations or actions.
    """
    if algo not in ALGORITHMS:
        raise unknown("algorithm", algo, ALGORITHMS)
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"There is no model {path}.")
    try:
        model = ALGORITHMS[algo].load(path, device="cpu")
    except Exception as error:
        raise ValueError(f"{path} is no agent that {algo} saved, or is damaged: {error}") from error
    return model if env is None else ALGORITHMS[algo].load(path, env=env, device="cpu")

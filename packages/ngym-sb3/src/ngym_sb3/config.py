"""Training configuration: the settings of an agent, how to make it from them, and how to load it from a file."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias, get_args

import numpy as np
from gymnasium import spaces
from sb3_contrib.common.recurrent.policies import RecurrentActorCriticPolicy
from stable_baselines3 import A2C, DQN, PPO
from stable_baselines3.common.policies import ActorCriticPolicy
from stable_baselines3.common.preprocessing import is_image_space
from stable_baselines3.common.save_util import load_from_zip_file
from stable_baselines3.dqn.policies import DQNPolicy

from ngym_core.arguments import (
    AnyEnv,
    Count,
    FilePath,
    Flag,
    InstanceOf,
    Integer,
    Keywords,
    NetworkSeed,
    NonNegative,
    Number,
    Probability,
    Text,
    check_arguments,
    checked,
    explained,
    shown,
)
from ngym_core.curriculum import GivenCurriculum, as_curriculum
from ngym_core.errors import UnknownNameError, unknown_name
from ngym_sb3.cells import CELLS
from ngym_sb3.policies import CnnRnnPolicy, MlpRnnPolicy
from ngym_sb3.recurrent_ppo import RecurrentPPO
from ngym_sb3.vec_env import Carry, EpisodeEnd, NgymVecEnv, make_sb3_env

__all__ = ["ALGORITHMS", "Algorithm", "TrainingConfig", "load_model", "load_settings", "make_model", "sees_images"]

SETTINGS, MODEL = "config.json", "model.zip"
"""Files of a training folder: settings and agent."""

Algorithm: TypeAlias = Literal["recurrent-ppo", "ppo", "a2c", "dqn"]
"""Name of an algorithm."""
ALGORITHMS: dict[str, Any] = {"recurrent-ppo": RecurrentPPO, "ppo": PPO, "a2c": A2C, "dqn": DQN}
"""The algorithms by name."""
SMALLEST_IMAGE = 36
"""Pixels of the smaller side of an image, at least, for the convolutions of Stable-Baselines3."""


@dataclass(frozen=True)
class TrainingConfig:
    """Settings of an agent and its training.

    Args:
        steps: Time steps to train for, summed over all lanes.
        algo: Name of an algorithm in `ALGORITHMS`. Only ``recurrent-ppo`` trains agents with memory.
        policy: The network: a recurrent cell (a name in `ngym_sb3.cells.CELLS`) for ``recurrent-ppo``, ``mlp`` for the
            others; by default ``ctrnn`` or ``mlp``.
        envs: Number of lanes that are stepped at the same time.
        seed: Seed of agent and training.
        trials_per_episode: Trials in an episode.
        carry: How long the agent keeps its recurrent state, see `make_sb3_env`.
        episode_end: Whether the agent reckons with what follows an episode, see `make_sb3_env`.
        units: Units of the recurrent layer, or of each of two hidden layers.
        learning_rate: Step size of the optimizer.
        ent_coef: Weight of the entropy bonus, which keeps the agent exploring (not for ``dqn``).
        rollout: Steps of each lane between two updates (for ``a2c`` at most 8; not for ``dqn``).
        batch_size: Steps in a minibatch (not for ``a2c``).
        epochs: Passes over the data in an update (for ``recurrent-ppo`` and ``ppo``).
        gamma: Discount factor of future rewards, per step.
        task_kwargs: Parameters of the task.
        wrappers: Wrappers of the task, see `ngym_core.make`.
        conditions: Conditions of all trials, of training and of tests, see `ngym_core.wrappers.FixConditions`.
        curriculum: Stages through which training leads: a `Curriculum`, a dictionary of its parts, or a TOML file, see
            `ngym_core.wrappers.FollowCurriculum`. Test trials are those of the task itself, without a curriculum.

    Raises:
        UnknownNameError: A policy that the algorithm does not have.
        TypeError: A value of another kind.
        ValueError: A value that a setting cannot have: an unknown algorithm, a number of steps, lanes, units or epochs below
            1, a learning rate that is not above 0 and at most 1, or a discount factor outside 0 to 1; a condition that
            stages of the curriculum set too.

    Example:
        >>> from ngym_sb3 import TrainingConfig
        >>> config = TrainingConfig(steps=50_000, policy="gru", task_kwargs={"timing": {"stimulus": 500}})
        >>> config.algo, config.policy, config.envs
        ('recurrent-ppo', 'gru', 64)
    """

    steps: Annotated[int, Integer(1)] = 100_000
    algo: Algorithm = "recurrent-ppo"
    policy: Text | None = None
    envs: Count = 64
    seed: NetworkSeed = 0
    trials_per_episode: Count = 1
    carry: Carry = "episode"
    episode_end: EpisodeEnd = "truncated"
    units: Count = 64
    learning_rate: Annotated[float, Number(above=0, high=1)] = 2e-3
    ent_coef: NonNegative = 0.03
    rollout: Count = 32
    batch_size: Count = 512
    epochs: Count = 4
    gamma: Probability = 0.9
    task_kwargs: Keywords = field(default_factory=dict)
    wrappers: Annotated[Sequence[Any], InstanceOf((list, tuple), "a list of wrappers")] = ()
    conditions: Keywords = field(default_factory=dict)
    curriculum: GivenCurriculum | None = None

    def __post_init__(self) -> None:
        """Check all values, make Python's numbers of NumPy's, and fill in the default policy."""
        check_arguments(type(self), vars(self))
        policies = list(CELLS) if self.algo == "recurrent-ppo" else ["mlp"]
        # The dataclass is frozen; this is its only way to set a field.
        for name, value in vars(self).items():
            if isinstance(value, np.generic):  # which JSON and Stable-Baselines3's seeds do not take
                object.__setattr__(self, name, value.item())
        if self.curriculum is not None:
            curriculum = as_curriculum(self.curriculum)
            object.__setattr__(self, "curriculum", curriculum)
            if both := sorted(curriculum.conditions & set(self.conditions)):
                raise ValueError(
                    f"conditions={shown(self.conditions)}: stages of the curriculum set {both[0]!r} too, and would not be "
                    "played: leave it to one of them."
                )
        if self.policy is None:
            object.__setattr__(self, "policy", "ctrnn" if self.algo == "recurrent-ppo" else "mlp")
        elif self.policy not in policies:
            raise unknown_name(f"policy of {self.algo}", self.policy, policies)

    @checked
    def make_env(self, task: str, envs: Count | None = None, *, training: Flag = True) -> NgymVecEnv:
        """Make the vector env of a task with these settings.

        Args:
            task: Task id.
            envs: Number of lanes; by default that of training.
            training: Whether it follows the curriculum, if there is one.
        """
        follows = training and self.curriculum is not None
        return make_sb3_env(
            task,
            self.envs if envs is None else envs,
            wrappers=[*self.wrappers, ("FollowCurriculum", {"curriculum": self.curriculum})] if follows else self.wrappers,
            trials_per_episode=self.trials_per_episode,
            carry=self.carry,
            episode_end=self.episode_end,
            conditions=self.conditions,
            **self.task_kwargs,
        )

    @property
    def rollout_steps(self) -> int:
        """Steps of each lane between two updates, as the algorithm takes them."""
        return {"a2c": min(self.rollout, 8), "dqn": 1}.get(self.algo, self.rollout)


@checked
def load_settings(path: FilePath) -> dict[str, Any]:
    r"""Read settings of an agent and its training from a TOML file.

    Args:
        path: The file, with arguments of `TrainingConfig` under their names; a path of a curriculum counts from its folder.

    Returns:
        Arguments of `TrainingConfig`.

    Raises:
        FileNotFoundError: There is no such file.
        UnknownNameError: A setting that there is not.
        TypeError: A setting of another type.
        ValueError: It is no TOML file, or a value that a setting cannot have.

    Example:
        >>> from pathlib import Path
        >>> from ngym_sb3.config import TrainingConfig, load_settings
        >>> _ = Path("gru.toml").write_text('policy = "gru"\ntask_kwargs.timing.stimulus = 500\nwrappers = ["PassReward"]')
        >>> TrainingConfig(**load_settings("gru.toml")).task_kwargs
        {'timing': {'stimulus': 500}}
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"There is no file {path}.")
    try:
        settings = tomllib.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} is no TOML file: {error}") from error
    names = [setting.name for setting in fields(TrainingConfig)]
    for name in settings:
        if name not in names:
            raise UnknownNameError(f"{path}: {unknown_name('setting', name, names)}")
    if isinstance(settings.get("curriculum"), str):
        settings["curriculum"] = path.parent / settings["curriculum"]
    try:
        check_arguments(TrainingConfig, settings)
    except (TypeError, ValueError) as error:
        raise type(error)(f"{path}: {error}") from error
    return settings


@explained
def make_model(config: TrainingConfig, env: NgymVecEnv) -> Any:
    """Make an untrained agent.

    Args:
        config: Its settings.
        env: The vector env that it is trained on. Images go through the convolutions of Stable-Baselines3 first.

    Returns:
        An algorithm of Stable-Baselines3 with its agent.

    Raises:
        ValueError: ``dqn`` for actions that are not a choice among a few (`Discrete`).
    """
    if config.algo == "dqn" and not isinstance(env.action_space, spaces.Discrete):
        raise ValueError(
            f"dqn needs Discrete actions, and those of {env.task_name} are {env.action_space}; "
            "use recurrent-ppo, ppo or a2c."
        )
    images = sees_images(env.observation_space)
    settings: dict[str, Any] = {
        "learning_rate": config.learning_rate,
        "gamma": config.gamma,
        "seed": config.seed,
        "device": "cpu",  # networks this small gain nothing from a GPU
    }
    if config.algo == "dqn":
        settings |= {
            "buffer_size": 5_000 if images else 50_000,  # steps, as are the next ones
            "learning_starts": 1_000,
            "target_update_interval": 1_000,
            "train_freq": 1,
            "exploration_fraction": 0.5,
            "batch_size": config.batch_size,
            "gradient_steps": max(1, config.envs // 16),  # one for every 16 steps that the lanes take together
        }
    else:
        settings |= {"n_steps": config.rollout_steps, "ent_coef": config.ent_coef}
    if config.algo in ("recurrent-ppo", "ppo"):
        settings |= {"batch_size": config.batch_size, "n_epochs": config.epochs}
    if config.algo == "recurrent-ppo":
        dt = float(env.vector_env.task.dt)
        # Leaky cells have a time constant of two steps, whatever the task's time step is.
        cell_kwargs = {"dt": dt, "tau": 2 * dt} if config.policy in ("ctrnn", "ei-ctrnn") else {}
        network: dict[str, Any] = {"cell": config.policy, "cell_kwargs": cell_kwargs, "lstm_hidden_size": config.units}
        return RecurrentPPO(CnnRnnPolicy if images else MlpRnnPolicy, env, policy_kwargs=network, **settings)
    network = {"net_arch": [config.units, config.units]}
    return ALGORITHMS[config.algo]("CnnPolicy" if images else "MlpPolicy", env, policy_kwargs=network, **settings)


def sees_images(space: spaces.Space[Any]) -> bool:
    """Return whether observations are images that the convolutions of Stable-Baselines3 take: of 36 x 36 pixels or more."""
    return is_image_space(space) and sorted(space.shape or ())[1] >= SMALLEST_IMAGE


@checked
def load_model(path: FilePath, algo: Algorithm | None = None, env: AnyEnv | None = None) -> Any:
    """Load an agent from a file that ``model.save`` wrote, or from a folder of training.

    Like all models of Stable-Baselines3, such a file can run code: load only files that you trust.

    Args:
        path: The file, or a folder of `Trainer`, such as ``ngym train`` writes.
        algo: The algorithm that saved it, a name in `ALGORITHMS`; by default that of the folder, or ``recurrent-ppo``.
        env: A vector env to continue training on; none is needed to evaluate the agent.

    Returns:
        The algorithm with its agent.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: An unknown algorithm, a folder without settings, a file that the algorithm did not save, a damaged one,
            or an env with other observations or actions.

    Example:
        >>> from stable_baselines3 import PPO
        >>> from ngym_sb3 import load_model, make_sb3_env
        >>> PPO("MlpPolicy", make_sb3_env("GoNogo-v0"), device="cpu").save("agent.zip")
        >>> type(load_model("agent.zip", "ppo")).__name__
        'PPO'
    """
    path = Path(path)
    if path.is_dir():
        algo, path = algo or _algorithm_of(path), path / MODEL
    if not path.is_file():
        raise FileNotFoundError(f"There is no model file {path}.")
    algo = algo or "recurrent-ppo"
    try:
        saved_by = _saved_by(path)
        model = ALGORITHMS[algo].load(path, device="cpu") if saved_by == algo else None
    except Exception as error:
        raise ValueError(f"{path} is not a model that {algo} saved, or is damaged: {error}") from error
    if model is None:
        raise ValueError(f"{path} is not a model that {algo} saved, but one of {saved_by or 'another algorithm'}.")
    # Loaded again with the env, outside of `try`: an env that does not fit has an error of its own.
    return model if env is None else ALGORITHMS[algo].load(path, env=env, device="cpu")


def _saved_by(path: Path) -> Algorithm | None:
    """Return the algorithm that saved a file: its policy's class and its settings tell; None if it is another."""
    settings: dict[str, Any] = load_from_zip_file(path, device="cpu")[0] or {}
    policy = settings["policy_class"]
    if issubclass(policy, RecurrentActorCriticPolicy):
        return "recurrent-ppo"
    if issubclass(policy, ActorCriticPolicy):
        return "ppo" if "clip_range" in settings else "a2c"
    return "dqn" if issubclass(policy, DQNPolicy) else None


def _algorithm_of(folder: Path) -> Algorithm:
    """Return the algorithm that the settings in a folder of training name.

    Raises:
        ValueError: There are none.
    """
    try:
        named = json.loads((folder / SETTINGS).read_text(encoding="utf-8"))["algo"]
        algorithms: dict[str, Algorithm] = {name: name for name in get_args(Algorithm)}
        return algorithms[named]
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise ValueError(
            f"{folder} is no folder of training: its {SETTINGS} is missing or names no algorithm ({type(error).__name__})."
        ) from error

from __future__ import annotations

import numpy as np
import pytest
from gymnasium.spaces import Box
from sb3_contrib import QRDQN
from stable_baselines3.common.torch_layers import NatureCNN

from ngym_sb3 import TrainingConfig, load_model, make_sb3_env
from ngym_sb3.config import ALGORITHMS, make_model, sees_images

ID = "PerceptualDecisionMaking-v0"


def test_training_config_makes_the_env_and_the_agent():
    config = TrainingConfig(
        envs=3, trials_per_episode=2, carry="trial", episode_end="terminal", units=8, task_kwargs={"dt": 20}
    )
    env = config.make_env(ID)
    assert (env.num_envs, env.trials_per_episode, env.carry, env.episode_end) == (3, 2, "trial", "terminal")
    cell = make_model(config, env).policy.lstm_actor
    assert (type(cell).__name__, cell.hidden_size, cell.alpha) == ("CTRNN", 8, 0.5)


def test_load_model_rejects_missing_damaged_and_other_files(tmp_path):
    with pytest.raises(FileNotFoundError, match="There is no model file .*nothing.zip"):
        load_model(tmp_path / "nothing.zip")
    (tmp_path / "text.zip").write_text("hello")
    with pytest.raises(ValueError, match="text.zip is not a model that recurrent-ppo saved, or is damaged"):
        load_model(tmp_path / "text.zip")
    config = TrainingConfig(algo="ppo", envs=4, rollout=16, batch_size=64, units=8)
    make_model(config, config.make_env(ID)).save(tmp_path / "ppo.zip")
    with pytest.raises(ValueError, match="ppo.zip is not a model that recurrent-ppo saved"):
        load_model(tmp_path / "ppo.zip")
    with pytest.raises(ValueError, match="algo='pp0' must be one of .* Did you mean 'ppo'"):
        load_model(tmp_path / "ppo.zip", "pp0")
    with pytest.raises(ValueError, match="Observation spaces do not match"):
        load_model(tmp_path / "ppo.zip", "ppo", make_sb3_env("ContextDecisionMaking-v0", 4))
    assert load_model(tmp_path / "ppo.zip", "ppo", make_sb3_env(ID, 7)).n_envs == 7


def test_load_model_refuses_what_another_algorithm_saved(tmp_path):
    for algo in ALGORITHMS:
        config = TrainingConfig(algo=algo, envs=2, rollout=4, batch_size=8, units=4)
        make_model(config, config.make_env(ID)).save(tmp_path / f"{algo}.zip")
    for saved in ALGORITHMS:
        for algo in ALGORITHMS:
            if algo == saved:
                assert type(load_model(tmp_path / f"{saved}.zip", algo)) is ALGORITHMS[algo]
                continue
            with pytest.raises(ValueError, match=f"{saved}.zip is not a model that {algo} saved, but one of {saved}"):
                load_model(tmp_path / f"{saved}.zip", algo)
    QRDQN("MlpPolicy", make_sb3_env(ID), buffer_size=10, device="cpu").save(tmp_path / "qrdqn.zip")
    with pytest.raises(ValueError, match="not a model that dqn saved, but one of another algorithm"):
        load_model(tmp_path / "qrdqn.zip", "dqn")


@pytest.mark.parametrize("algo", ALGORITHMS)
def test_agents_of_images_have_convolutions(algo):
    config = TrainingConfig(algo=algo, envs=2, rollout=4, batch_size=8, units=4)
    model = make_model(config, config.make_env("RandomDotMotion-v0"))
    assert any(isinstance(module, NatureCNN) for module in model.policy.modules())
    assert not sees_images(Box(0, 255, (35, 100, 3), np.uint8))
    assert not sees_images(Box(0, 1, (100, 100, 3)))


@pytest.mark.parametrize(
    ("kwargs", "error", "message"),
    [
        ({"algo": "recurent-ppo"}, ValueError, "algo='recurent-ppo' must be one of .*Did you mean 'recurrent-ppo'"),
        ({"algo": "dqn", "policy": "gru"}, KeyError, "Unknown policy of dqn 'gru'. Valid: 'mlp'"),
        ({"policy": "mlp"}, KeyError, "Unknown policy of recurrent-ppo 'mlp'. Valid: 'ctrnn', 'ei-ctrnn', 'gru'"),
        (
            {"conditions": {"coh": 51.2}, "curriculum": {"stages": [{"conditions": {"coh": [51.2]}}]}},
            ValueError,
            r"conditions=\{'coh': 51.2\}: stages of the curriculum set 'coh' too, and would not be played: leave it to one",
        ),
        ({"steps": 0}, ValueError, "steps=0 must be an integer from 1"),
        ({"carry": "always"}, ValueError, "carry='always'"),
    ],
)
def test_training_config_rejects_invalid_settings(kwargs, error, message):
    with pytest.raises(error, match=message):
        TrainingConfig(**kwargs).make_env(ID)


def test_make_model_rejects_dqn_for_continuous_actions():
    config = TrainingConfig(algo="dqn", envs=2)
    with pytest.raises(ValueError, match=r"dqn needs Discrete actions, and those of SpatialSuppressMotion are Box.*; use"):
        make_model(config, config.make_env("SpatialSuppressMotion-v0"))

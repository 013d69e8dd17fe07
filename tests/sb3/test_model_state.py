from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from stable_baselines3.common.logger import Logger

from ngym_core.errors import StateError
from ngym_core.plain_data import checksum
from ngym_core.state import load_state, save_state
from ngym_sb3 import TrainingConfig
from ngym_sb3.config import ALGORITHMS, make_model
from ngym_sb3.model_state import get_model_state, set_model_state

ID = "PerceptualDecisionMaking-v0"
CONFIG = TrainingConfig(envs=4, rollout=8, batch_size=32, epochs=1, units=8, trials_per_episode=3, carry="trial")


def make(algo, seed, **settings):
    config = replace(CONFIG, algo=algo, policy=None, seed=seed, **settings)
    model = make_model(config, config.make_env(ID))
    model.set_logger(Logger(None, []))
    if algo == "dqn":
        model.learning_starts, model.target_update_interval = 100, 60
        model.exploration_schedule = lambda progress: 0.95
    return model


def without_times(state):
    """Return a state without the wall-clock times of episodes."""
    for episode in state["running"]["ep_info_buffer"]["items"]:
        episode["t"] = 0.0
    return state


@pytest.mark.parametrize("algo", ALGORITHMS)
def test_model_goes_on_from_its_state_in_a_file(algo, tmp_path):
    one = make(algo, 1)
    one.learn(288, log_interval=None)
    file = save_state(tmp_path / "state", get_model_state(one))
    one.learn(192, log_interval=None, reset_num_timesteps=False)
    two = make(algo, 2)
    set_model_state(two, load_state(file))
    assert checksum(get_model_state(two)) == checksum(load_state(file))
    two.learn(192, log_interval=None, reset_num_timesteps=False)
    assert two.num_timesteps == 480
    states = [without_times(get_model_state(model)) for model in (one, two)]
    differing = {name for name in states[0] if checksum(states[0][name]) != checksum(states[1][name])}
    assert differing <= {"env"}  # which may have made other numbers of trials beforehand
    for _ in range(30):
        assert (one.env.step(np.zeros(4, int))[0] == two.env.step(np.zeros(4, int))[0]).all()


def test_full_replay_buffer_is_part_of_the_state():
    one, two = (make("dqn", seed) for seed in (1, 2))
    for model in (one, two):
        model.replay_buffer = type(model.replay_buffer)(40, model.observation_space, model.action_space, "cpu", 4)
    one.learn(60)
    set_model_state(two, get_model_state(one))
    assert (two.replay_buffer.full, two.replay_buffer.pos) == (True, 5)
    assert (two.replay_buffer.observations == one.replay_buffer.observations).all()


def test_set_model_state_refuses_the_state_of_another_env():
    one, two = make("ppo", 1), make("ppo", 1, task_kwargs={"dt": 20})
    one.learn(32)
    with pytest.raises(StateError, match="The state goes with other parameters"):
        set_model_state(two, get_model_state(one))

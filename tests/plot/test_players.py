from __future__ import annotations

import gymnasium as gym
import pytest

import ngym_core as ngym
from ngym_plot import plot_trial
from ngym_plot.players import load_player


@pytest.mark.parametrize("name", ["RecurrentPPO", "PPO", "DQN"])
def test_load_player_finds_the_algorithm_that_saved_an_agent(sb3_algorithms, tmp_path, name):
    (tmp_path / "model.zip").write_text(name)
    assert isinstance(load_player(tmp_path / "model.zip"), sb3_algorithms[name])


def test_load_player_rejects_a_file_that_is_not_an_agent(sb3_algorithms, tmp_path):
    (tmp_path / "model.zip").write_text("something")
    with pytest.raises(ValueError, match=r"model.zip is not an agent .* damaged \(RecurrentPPO, PPO, A2C, DQN: another"):
        load_player(tmp_path / "model.zip")


class TwoHands(gym.ActionWrapper):
    """The left hand chooses."""

    def __init__(self, env):
        super().__init__(env)
        self.action_space = gym.spaces.MultiDiscrete([env.action_space.n, 2])

    def action(self, action):
        return int(action[0])


def test_ground_truth_is_not_played_where_a_wrapper_has_changed_the_actions():
    env = TwoHands(ngym.make("GoNogo-v0"))
    message = (
        r"The ground truth of .* is one of Discrete\(2.*changed the actions to MultiDiscrete.*: give a model, or .*def_act"
    )
    with pytest.raises(TypeError, match=message):
        plot_trial(env)
    plot_trial(env, def_act=[0, 1], seed=0)
    plot_trial(ngym.mix(["GoNogo-v0", "PerceptualDecisionMaking-v0"], pad=True), seed=0)

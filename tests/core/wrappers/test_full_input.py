from __future__ import annotations

import numpy as np
import pytest

import ngym_core as ngym
from ngym_core.random import Draws
from ngym_core.sampling import sample_as_data
from ngym_core.testing import check_task


def make(id_):
    return ngym.make(id_, wrappers=["FullInput-v0"])


@pytest.mark.parametrize(
    "id_", ["LeverPress-v0", "LeverPressWithPokeRest-v0", "PerceptualDecisionMaking-v0", "CVLearning-v0"]
)
def test_full_input_keeps_the_promises_of_a_task(id_):
    assert check_task(lambda: make(id_), random_trials=100).oracle == 1


def test_full_input_appends_reward_and_action():
    env, plain = make("LeverPress"), ngym.make("LeverPress")
    ob, _ = env.reset(seed=0)
    assert ob.tolist() == [*plain.reset(seed=0)[0], 0, 0, 0]
    assert env.observation_space.name == {"cue": 0, "reward": 1, "action": range(2, 4)}
    for k in range(40):
        action = env.unwrapped.gt_now if k % 7 else 1
        ob, reward, *_ = env.step(action)
        assert ob.tolist() == [*plain.step(action)[0], reward, 1 - action, action]
        assert env.observation_space.contains(ob)


def test_full_input_data_have_reward_and_action_of_the_ground_truth():
    env = make("LeverPress")
    whole, played = sample_as_data(env, 30, Draws(5), {}), []
    draws = Draws(5)
    parts = [sample_as_data(env, n, draws, {}) for n in (1, 7, 22)]
    ob, _ = env.reset(seed=5)
    for trial in whole:
        for step in range(trial.length):
            played.append(np.array_equal(ob, trial.ob[step]))
            ob = env.step(env.unwrapped.gt_now)[0]
    assert all(played)
    assert all(np.array_equal(one.ob, two.ob) for one, two in zip(whole, [t for p in parts for t in p], strict=True))


def test_full_input_rejects_continuous_actions():
    with pytest.raises(ValueError, match="FullInput appends numbered actions as one-hot channels, not actions of Box"):
        make("MemoryRecall")

from __future__ import annotations

import numpy as np
import pytest

import ngym_core as ngym


def test_matching_penny_opponent_plays_against_the_mean_action():
    env = ngym.make("MatchingPenny", learning_rate=0.3)
    rng, mean = np.random.default_rng(0), 0.0
    ob, _ = env.reset(seed=0)
    for _ in range(300):
        opponent = int(mean <= 0.5)
        assert env.gt_now == opponent
        action = int(rng.random() < 0.7)
        ob, reward, _, _, info = env.step(action)
        mean += 0.3 * (action - mean)
        assert reward == float(action == opponent)
        assert ob.tolist() == np.eye(2)[opponent].tolist()
        assert info["trial"]["mean_action"] == pytest.approx(mean)
    env.reset(seed=0)
    assert env.trial["mean_action"] == 0


def test_matching_penny_punishes_repetition_and_rewards_the_ground_truth():
    env = ngym.make("MatchingPenny")
    env.reset(seed=0)
    assert [env.step(1)[1] for _ in range(10)] == [1, 1, 1, 1, 0, 0, 0, 0, 0, 0]
    env.reset(seed=0)
    played = [(env.gt_now, env.step(env.gt_now)[1]) for _ in range(40)]
    assert [reward for _, reward in played] == [1] * 40
    assert env.sample_trials(40, seed=0).gt[:, 0].tolist() == [truth for truth, _ in played]


def test_matching_penny_random_opponent_is_fair():
    trials = ngym.make("MatchingPenny", opponent_type="random").sample_trials(5000, seed=0)
    opponent = trials.conditions["opponent_action"]
    assert abs(opponent.mean() - 0.5) < 3 * np.sqrt(0.25 / 5000)
    assert (trials.ob[1:, 0].argmax(axis=1) == opponent[:-1]).all()
    assert (ngym.make("MatchingPenny", opponent_type="random").sample_trials(9, opponent_action=1).gt == 1).all()
    with pytest.raises(ValueError, match="opponent_type='mean' must be one of 'mean_action', 'random'."):
        ngym.make("MatchingPenny", opponent_type="mean")
    with pytest.raises(ValueError, match="learning_rate=2 must be a probability"):
        ngym.make("MatchingPenny", learning_rate=2)

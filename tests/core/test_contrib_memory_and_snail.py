from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

import ngym_core as ngym


@pytest.mark.parametrize("balanced", [True, False])
@pytest.mark.parametrize("p_recall", [0.05, 0.1, 0.5])
def test_marked_patterns_are_recalled_from_a_part(balanced, p_recall):
    env = ngym.make("MemoryRecall", balanced=balanced, p_recall=p_recall, t_min=16, t_max=24, stim_dim=12)
    known = []
    for trial in env.sample_trials(300, seed=0):
        t = trial.length
        recalled = max(1, int(p_recall * t))
        stored = t - recalled
        assert (trial.end["storage"], trial.end["recall"]) == (stored, t)
        patterns, marks = trial.ob[:, :12], trial.ob[:, 12]
        assert set(np.unique(patterns[:stored])) == ({-1, 1} if balanced else {0, 1})
        assert marks.sum() == recalled
        assert marks[stored:].sum() == 0
        assert (trial.gt[:stored] == 0).all()
        marked = patterns[:stored][marks[:stored] == 1]
        assert sorted(marked.tolist()) == sorted(trial.gt[stored:].tolist())
        same = patterns[stored:] == trial.gt[stored:]
        known.append(same.mean())
        if balanced:
            assert (patterns[stored:][~same] == 0).all()
    share = 0.4 if balanced else 0.7  # of the unknown 0.6, half would be right by chance: 0.7 again
    assert abs(np.mean(known) - share) < 0.03


def test_recall_is_paid_by_its_error_and_scored_by_its_elements():
    env = ngym.make("MemoryRecall", t_min=20, t_max=None, p_recall=0.2)
    env.reset(seed=0)
    rewards = []
    for step in range(20):
        action = np.zeros(10) if step < 16 else env.gt_now * np.where(np.arange(10) < step - 15, -0.5, 1)
        _, reward, _, _, info = env.step(action)
        rewards.append(reward)
    assert rewards == pytest.approx([0] * 16 + [-0.15, -0.3, -0.45, -0.6])
    assert info["performance"] == pytest.approx(1 - (1 + 2 + 3 + 4) / 40)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"t_distribution": "normal"}, "t_distribution='normal' must be 'uniform'"),
        ({"stim_dim": 0}, "stim_dim=0 and store_signal_dim=1 must be at least 1"),
        ({"t_min": 20, "t_max": 10}, "t_min=20 must be at least 2, and t_max=10 not below it"),
        ({"p_recall": 0.6}, r"p_recall=0\.6 must be a share from 0 to 0\.5"),
        ({"chance": 0.2}, r"chance=0\.2 must be a share from 0\.5 to 1"),
    ],
)
def test_parameters_of_memory_recall_are_checked(wrong, message):
    with pytest.raises(ValueError, match=message):
        ngym.make("MemoryRecall", **wrong)


def snail(phase="set_default_behavior", depth=3, **kwargs):
    env = ngym.make("Pneumostomeopening", phase=phase, **kwargs)
    env.reset(seed=0)
    env.new_trial(depth=depth)
    return env


def test_the_snail_swims_and_breathes_air_only_at_the_surface():
    env = snail()
    played = [env.step(action) for action in (0, 1, 2, 2, 2, 2, 0, 3, 3, 3, 3, 0)]
    assert [int(ob.argmax()) for ob, *_ in played] == [3, 3, 2, 1, 0, 0, 0, 1, 2, 3, 3, 3]
    assert [reward for _, reward, *_ in played] == [0, 0.5, 0.1, 0.1, 0.1, 0.1, 1, 0.1, 0.1, 0.1, 0.1, 0]


def test_a_snail_without_oxygen_suffocates():
    env = snail(timing={"session": 20_000})
    last = math.ceil(1000 * math.log(10 / 0.25) / 100)
    ends = [env.step(3)[4]["new_trial"] for _ in range(last)]
    assert ends == [False] * (last - 1) + [True]
    env = snail(timing={"session": 20_000})
    env.step(1)
    assert not any(env.step(3)[4]["new_trial"] for _ in range(last - 1))


@pytest.mark.parametrize("phase", ["set_default_behavior", "training_session"])
@pytest.mark.parametrize("depth", range(4))
@pytest.mark.parametrize("steps", [1, 2, 4, 5])
def test_the_ground_truth_earns_the_most(phase, depth, steps):
    def earned(actions):
        env = snail(phase, depth, timing={"session": 100 * steps})
        return sum(env.step(action if action >= 0 else env.gt_now)[1] for action in actions)

    best = max(earned(actions) for actions in itertools.product(range(4), repeat=steps))
    assert earned([-1] * steps) == pytest.approx(best)


def test_phases_set_the_rewards():
    assert dict(snail("training_session").rewards) == {"swim": 0.1, "skin": 1.0, "pneumostome": -1.0}
    tested = snail("testing_session", rewards={"swim": 0.2})
    assert dict(tested.rewards) == {"swim": 0.2, "skin": 0.0, "pneumostome": 0.0}
    assert tested.gt_now == 1
    with pytest.raises(ngym.UnknownNameError, match="Unknown phase 'training'. Did you mean 'training_session'"):
        snail("training")


def test_data_show_a_snail_that_follows_the_ground_truth():
    env = ngym.make("Pneumostomeopening")
    trials = env.sample_trials(20, seed=3)
    env.reset(seed=3)
    for trial in trials:
        for step in range(trial.length):
            assert env.gt_now == trial.gt[step]
            ob = trial.ob[step]
            assert env.observation_space.contains(ob)
            nxt = env.step(env.gt_now)[0]
            if step + 1 < trial.length:
                assert np.array_equal(nxt, trial.ob[step + 1])

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

import ngym_core as ngym


def snail(phase="set_default_behavior", depth=3, **kwargs):
    env = ngym.make("Pneumostomeopening", phase=phase, **kwargs)
    env.reset(seed=0)
    env.new_trial(depth=depth)
    return env


def test_snail_breathes_air_only_at_the_surface():
    env = snail()
    played = [env.step(action) for action in (0, 1, 2, 2, 2, 2, 0, 3, 3, 3, 3, 0)]
    assert [int(ob.argmax()) for ob, *_ in played] == [3, 3, 2, 1, 0, 0, 0, 1, 2, 3, 3, 3]
    assert [reward for _, reward, *_ in played] == [0, 0.5, 0.1, 0.1, 0.1, 0.1, 1, 0.1, 0.1, 0.1, 0.1, 0]


def test_snail_trial_ends_without_oxygen():
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
def test_snail_ground_truth_earns_the_most(phase, depth, steps):
    def earned(actions):
        env = snail(phase, depth, timing={"session": 100 * steps})
        return sum(env.step(action if action >= 0 else env.gt_now)[1] for action in actions)

    best = max(earned(actions) for actions in itertools.product(range(4), repeat=steps))
    assert earned([-1] * steps) == pytest.approx(best)


def test_snail_phases_set_the_rewards():
    assert dict(snail("training_session").rewards) == {"swim": 0.1, "skin": 1.0, "pneumostome": -1.0}
    tested = snail("testing_session", rewards={"swim": 0.2})
    assert dict(tested.rewards) == {"swim": 0.2, "skin": 0.0, "pneumostome": 0.0}
    assert tested.gt_now == 1
    with pytest.raises(ngym.UnknownNameError, match="Unknown phase 'training'. Did you mean 'training_session'"):
        snail("training")


def test_snail_data_follow_the_ground_truth():
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

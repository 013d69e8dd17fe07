from __future__ import annotations

import numpy as np
import pytest

import ngym_core as ngym


def play(env, steps, seed, p_press):
    """Yield what the agent saw, did, saw next and earned, and whether the trial ended; it mostly presses."""
    rng = np.random.default_rng(seed)
    ob, _ = env.reset(seed=seed)
    for _ in range(steps):
        action = 1 if rng.random() < p_press else int(env.action_space.n - 1) * int(rng.random() < 0.5)
        if env.action_space.n == 2 and action != 1:
            action = 0
        after, reward, _, _, info = env.step(action)
        yield ob, action, after, reward, info["new_trial"]
        ob = after


@pytest.mark.parametrize("n_press", [1, 4])
def test_lever_press_follows_the_cue_over_trials(n_press):
    env = ngym.make("LeverPress", n_press=n_press)
    left, cues, waits = 0, 0, 0
    for _, action, ob, reward, _ in play(env, 3000, 0, 0.7):
        expected = 0
        if left == 0:
            expected = -1 if action else 0
            waits += not action
            left = n_press if not action and ob[0] else 0
            cues += left > 0
        else:
            left = left - 1 if action else 0
            expected = 10 if action and left == 0 else 0
        assert reward == expected
        assert ob == [left == n_press]
    assert abs(cues / waits - 0.5) < 3 * np.sqrt(0.25 / waits)
    assert env.optimal_reward == 10 / (2 + n_press)


def test_lever_press_with_poke_counts_presses():
    env = ngym.make("LeverPressWithPoke", observe_state=True)
    left = 4
    for ob, action, _, reward, ended in play(env, 2000, 1, 0.4):
        assert ob.tolist() == [1, left]
        paid = action == 0 and left == 0
        assert (reward, ended or not paid) == (float(paid), True)
        left = 4 if ended else max(0, left - action)
    assert env.optimal_reward == 0.2
    assert env.optimal_chance_reward == pytest.approx(1 / 9)
    env.reset(seed=0)
    rewards = [env.step(action)[1] for action in (1, 1, 1, 0, 1, 0)]
    assert rewards == [0, 0, 0, 0, 0, 1]
    assert env.performance == 0
    env.reset(seed=0)
    assert [env.step(a)[4]["performance"] for a in (1, 0, 1, 1, 1, 0)] == [0] * 5 + [5 / 6]


def test_lever_press_thirst_grows_with_time_and_scales_the_reward():
    env = ngym.make("LeverPressWithPokeRest")
    left, since, sips = 4, 99, 0
    for ob, action, _, reward, ended in play(env, 3000, 2, 0.5):
        low, high = np.clip([-8 + 0.8 * since, -8 + 1.2 * since], 0, 1)
        assert low - 1e-6 <= ob[0] <= high + 1e-6
        paid = action == 0 and left == 0
        sips += paid and ob[0] == 1
        assert reward == pytest.approx(-0.1 * (action != 2) + 2 * ob[0] * paid)
        left, since = (4, 1) if ended else (max(0, left - (action == 1)), since + 1)
    assert sips > 20
    assert env.optimal_reward == pytest.approx(1.5 / 9.5)


def test_lever_press_with_rest_oracle_earns_the_optimal_reward():
    env = ngym.make("LeverPressWithPokeRest")
    env.reset(seed=3)
    rewards, trials = 0.0, 0
    for _ in range(4750):
        _, reward, _, _, info = env.step(env.gt_now)
        rewards, trials = rewards + reward, trials + info["new_trial"]
    assert abs(rewards / 4750 - env.optimal_reward) < 0.004
    assert abs(trials - 500) < 12


@pytest.mark.parametrize(
    ("id_", "wrong", "message"),
    [
        ("LeverPress", {"n_press": 0}, "n_press=0 must be an integer from 1"),
        ("LeverPressWithPoke", {"n_press": 1.5}, r"n_press=1\.5 must be an integer from 1"),
        ("LeverPress", {"signal_prob": 0}, r"signal_prob=0 must be a probability above 0 to 1\."),
        ("LeverPress", {"signal_prob": 2}, r"signal_prob=2 must be a probability above 0 to 1\."),
        ("ContextSwitch", {"p_switch": -1}, "p_switch=-1 must be a probability"),
        ("ChangingEnvironment", {"cxt_ch_prob": 1.5}, r"cxt_ch_prob=1\.5 must be a probability"),
    ],
)
def test_lever_press_and_context_tasks_reject_invalid_parameters(id_, wrong, message):
    with pytest.raises((ValueError, TypeError), match=message):
        ngym.make(id_, **wrong)

"""Resets that force conditions of one trial: in one env, and in lanes as in single envs."""

from __future__ import annotations

import numpy as np
import pytest
from gymnasium.vector import AutoresetMode, SyncVectorEnv

import ngym_core as ngym
from ngym_core.testing import _equal

ID = "PerceptualDecisionMaking-v0"
CASES = [
    (ID, {"coh": 12.8}, {}),
    (ID, {"coh": 12.8}, {"cohs": [0, 6]}),  # another type than the conditions that are drawn
    (ID, {"ground_truth": 1}, {"wrappers": [("TrialHistory", {"block_dur": 4}), "PassReward"]}),  # carried on
    ("Bandit-v0", {"p": np.array([0.5, 0.5])}, {}),
    ("MotorTiming-v0", {"production_ind": 0}, {}),
]


def test_reset_forces_conditions_of_one_trial():
    env, same = ngym.make(ID), ngym.make(ID)
    _, info = env.reset(seed=0, options={"conditions": {"coh": 12.8}})
    same.reset(seed=0)
    assert info["trial"]["coh"] == 12.8
    for _ in range(10):  # those that follow are drawn as if nothing had been forced
        assert env.new_trial() == same.new_trial()


def test_reset_forces_conditions_where_the_next_episode_has_begun():
    env = ngym.make(ID, num_trials_before_reset=1)
    env.reset(seed=0)
    while not env.step(0)[3]:
        pass
    assert env.reset(options={"conditions": {"coh": 3.0}})[1]["trial"]["coh"] == 3.0


@pytest.mark.parametrize("make", [ngym.make, lambda id_: ngym.make_vec(id_, 2)], ids=["env", "lanes"])
@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"coh": 12.8}, ngym.UnknownNameError, "Unknown option of reset 'coh'.*options={'conditions': {'coh': ...}}"),
        ({"conditions": {"cho": 1}}, ngym.UnknownNameError, "Unknown condition of .* 'cho'. Did you mean 'coh'"),
        ({"conditions": {"ground_truth": 9}}, ValueError, "'ground_truth' is forced to 9. Valid: '0', '1'"),
        ({"conditions": 3}, TypeError, r"options\['conditions'\]=3 must be a dictionary"),
        ([1], TypeError, r"options=\[1\] must be a dictionary"),
    ],
)
def test_reset_refuses_options_that_there_are_not(make, options, error, message):
    env = make(ID)
    with pytest.raises(error, match=message):
        env.reset(seed=0, options=options)


@pytest.mark.parametrize(("id_", "conditions", "kwargs"), CASES)
def test_lanes_play_forced_trials_and_go_on_as_single_envs(id_, conditions, kwargs):
    def make():
        return ngym.make(id_, num_trials_before_reset=2, **kwargs)

    lanes = ngym.make_vec(id_, 3, num_trials_before_reset=2, autoreset_mode=AutoresetMode.DISABLED, **kwargs)
    singles = SyncVectorEnv([make] * 3, autoreset_mode=AutoresetMode.DISABLED)
    both = [env.reset(seed=0, options={"conditions": conditions}) for env in (lanes, singles)]
    assert _equal(*both)
    assert all(np.array_equal(value, conditions[name]) for name in conditions for value in both[0][1]["trial"][name])
    lanes.action_space.seed(0)
    resets = 0
    for _ in range(150):
        actions = lanes.action_space.sample()
        back = lanes.step(actions)
        assert _equal(back, singles.step(actions))
        if (over := back[2] | back[3]).any():
            resets += 1
            forced = {"conditions": conditions} if resets % 2 else {}
            again = [env.reset(options={"reset_mask": over.copy(), **forced}) for env in (lanes, singles)]
            assert _equal(*[ob[over] for ob, _ in again])
    assert resets > 2


def test_state_of_lanes_goes_on_from_a_forced_trial():
    lanes = ngym.make_vec(ID, 2, cohs=[0, 6])
    lanes.reset(seed=0, options={"conditions": {"coh": 12.8}})
    state = lanes.get_state()

    def play():
        return [lanes.step(np.zeros(2, int))[0] for _ in range(60)]

    first = play()
    lanes.set_state(state)
    assert _equal(first, play())

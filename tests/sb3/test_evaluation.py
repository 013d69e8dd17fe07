from __future__ import annotations

import numpy as np
import pytest

import ngym_core as ngym
from ngym_sb3 import evaluate_policy, make_sb3_env

ID = "PerceptualDecisionMaking-v0"


class Oracle:
    """Plays the ground truth; counts the steps since its state was restarted."""

    def __init__(self, env, action=None):
        self.env, self.action, self.counts = env, action, []

    def predict(self, ob, state=None, episode_start=None, deterministic=True):
        state = np.zeros(len(ob)) if state is None else state
        state = np.where(episode_start, 0, state) + 1
        self.counts.append(state.copy())
        lanes = self.env.lanes.lanes
        gt = lanes._gt.reshape(-1)[lanes._at]
        return (gt if self.action is None else np.full(len(ob), self.action)), state


def test_every_trial_is_one_row():
    env = make_sb3_env(ID, 4)
    table = evaluate_policy(Oracle(env), env, 30, seed=2)
    assert {len(column) for column in table.values()} == {30}
    assert table["performance"].tolist() == [1] * 30
    assert table["reward"].tolist() == [1] * 30
    assert table["steps"].tolist() == [22] * 30
    assert table["reaction_time"].tolist() == [0] * 30
    assert np.array_equal(table["choice"], table["ground_truth"] + 1)
    assert np.array_equal(table["lane"], np.arange(30) % 4)
    for lane in range(4):
        trials = ngym.make(ID).sample_trials(7, seed=2 + lane)
        assert np.array_equal(table["coh"][lane::4][:7], trials.conditions["coh"])


def test_no_response_has_no_reaction_time():
    env = make_sb3_env(ID, 2)
    table = evaluate_policy(Oracle(env, action=0), env, 4)
    assert np.isnan(table["reaction_time"]).all()
    assert table["choice"].tolist() == [0] * 4


def test_reaction_times_count_from_when_a_response_is_due():
    env = make_sb3_env("DelayMatchSample-v0", 2)

    class Late(Oracle):
        def predict(self, ob, state=None, episode_start=None, deterministic=True):
            actions, state = super().predict(ob, state, episode_start)
            return np.where(self.env.lanes.lanes._step >= 26, actions, 0), state

    assert evaluate_policy(Late(env), env, 4)["reaction_time"].tolist() == [300] * 4


@pytest.mark.parametrize(("trials", "longest"), [(1, 22), (3, 66)])
def test_the_state_goes_on_through_an_episode_and_restarts_with_the_next(trials, longest):
    env = make_sb3_env(ID, 2, trials_per_episode=trials)
    oracle = Oracle(env)
    evaluate_policy(oracle, env, 24)
    assert np.max(oracle.counts) == longest


def test_the_same_seed_gives_the_same_table():
    env = make_sb3_env(ID, 3)
    one, two, other = (evaluate_policy(Oracle(env), env, 20, seed=s) for s in (1, 1, 7))
    assert all(np.array_equal(one[k], two[k]) for k in one)
    assert not np.array_equal(one["coh"], other["coh"])


def test_what_cannot_be_is_refused():
    env = make_sb3_env(ID, 2)
    with pytest.raises(ValueError, match="num_trials=0 must be an integer from 1"):
        evaluate_policy(Oracle(env), env, 0)
    with pytest.raises(TypeError, match="needs the env of make_sb3_env, or a task's id, not PerceptualDecisionMaking"):
        evaluate_policy(Oracle(env), ngym.make(ID))

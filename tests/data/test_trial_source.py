from __future__ import annotations

import copy

import gymnasium as gym
import numpy as np
import pytest

import ngym_core as ngym
from ngym_core.scheduler import SequentialBlockSchedule
from ngym_data import Dataset, TrialDataset

ID = "DelayComparison-v0"


def test_trial_source_takes_a_gymnasium_env_around_a_task():
    env = gym.make("ngym_core:PerceptualDecisionMaking-v0")
    assert Dataset(env, batch_size=2, seq_len=30, seed=0)()[0].shape == (30, 2, 3)


def test_trial_source_later_periods_cover_earlier_ones():
    class Overlap(type(ngym.make("Null-v0"))):
        default_timing = {"long": 500, "inner": 200}

        def _new_trials(self, trials):
            trials.add_period("long")
            trials.add_period("inner", after=100)
            trials.add_period("last", 100, after=600)

    dataset = TrialDataset(Overlap(), trials=1)
    assert dataset.periods == ("long", "inner", "last")
    assert dataset[0][2]["period"].tolist() == [0, 1, 1, 0, 0, -1, 2]


class Negative(gym.ObservationWrapper):
    def __init__(self, env):
        super().__init__(env)
        self.observation_space = gym.spaces.Box(-np.inf, np.inf, (4,), np.float32)

    def observation(self, observation):
        return np.append(observation, np.float32(0))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda: Dataset("ReadySetGo", 512),
            TypeError,
            "env_kwargs=512 must be a dictionary of arguments",
        ),
        (lambda: Dataset(ngym.make("ReadySetGo"), {"dt": 20}), TypeError, r"env_kwargs=\{'dt': 20\} goes with an id"),
        (lambda: Dataset([1]), TypeError, r"type\(env\)=<class 'list'> must be `gym.Env`"),
        (
            lambda: Dataset(ngym.TrialEnv),
            TypeError,
            r"must be `gym.Env`.* It is a class: make an object of it, such as TrialEnv\(\)",
        ),
        (lambda: Dataset(gym.make("CartPole-v1")), TypeError, "must be `gym.Env`"),
        (lambda: Dataset(Negative(ngym.make("ReadySetGo"))), TypeError, r"shape \(4,\), but its trials have shape \(3,\)"),
        (lambda: TrialDataset(ID, loss_weights={"decison": 1}), KeyError, "Unknown period of <.*> 'decison'. Did you mean"),
        (
            lambda: TrialDataset(ID, loss_weights={"decision": -1}),
            ValueError,
            r"loss_weights\['decision'\]=-1 must be a finite number from 0",
        ),
        (lambda: TrialDataset([1]), TypeError, "must be `gym.Env`"),
    ],
)
def test_trial_source_rejects_invalid_envs_and_weights(call, error, message):
    with pytest.raises(error, match=message):
        call()


ASSIGNED = {
    "Delay.ms": ("yang19.dm1-v0+delay=500", (), lambda env: setattr(env, "ms", 200)),
    "SideBias.schedule": (
        "PerceptualDecisionMaking-v0",
        [("SideBias", {"probs": [[1, 0], [0, 1]], "block_dur": 3})],
        lambda env: setattr(env, "schedule", SequentialBlockSchedule(2, [1, 1])),
    ),
}


@pytest.mark.parametrize("name", ASSIGNED)
def test_what_is_assigned_to_a_property_of_a_wrapper_counts_in_data(name):
    id_, wrappers, assign = ASSIGNED[name]

    def made():
        return ngym.make(id_, wrappers=list(wrappers))

    data = Dataset(made(), batch_size=1, seq_len=1, seed=0)
    data()
    assign(data.env)
    draws, env = ngym.Draws(data.seeds[0]), made()
    first = env.sample_trials(1, draws=draws)
    assign(env)
    later = env.sample_trials(8, draws=draws)
    expected = [trial.ob[t] for trials in (first, later) for trial in trials for t in range(len(trial.ob))]
    state = data.state_dict()
    other = made()
    if name == "SideBias.schedule":  # of a state, a schedule takes where it stands
        assign(other)
    restored = Dataset(other, batch_size=1, seq_len=1, seed=0)
    restored.load_state_dict(state)
    for one in (data, copy.deepcopy(data), restored):
        seen = [one()[0][0, 0] for _ in range(len(expected) - 1)]
        np.testing.assert_array_equal(seen, expected[1:])

    trials = TrialDataset(made(), trials=6, seed=0)
    before = trials[0][0].shape
    assign(trials.env)
    given = made()
    assign(given)
    same = TrialDataset(given, trials=6, seed=0)
    for i in range(6):
        np.testing.assert_array_equal(trials[i][0], same[i][0])
    assert trials[0][0].shape == before or name == "Delay.ms"
